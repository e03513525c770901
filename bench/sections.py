# SPDX-License-Identifier: LGPL-2.1-or-later
"""What bench/run measures: each function takes its options and returns a dictionary of figures."""
import glob
import os
import re
import shutil
import statistics
import subprocess
import sys

import memory
from machines import Guest, direct, initrd, with_disk

OUT = "build/bench"
USERLAND = "build/guest/userland"
CPU = f"{OUT}/cpu"
REAL = f"{OUT}/real"
LINE = re.compile(r"anykvm-(bench|copies|program|failed) (\S+) (.*)")
COPIES_ROWS = ("integer", "qsort", "fp-nbody", "sse-float", "chase-16K")


def say(*words):
    print(" ", *words, flush=True)


def one_cpu():
    """What a guest of one CPU is compared with."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def started(name, argv, limit):
    try:
        return Guest(name, argv, limit, f"{OUT}/{name.replace(' ', '-')}.log")
    except FileNotFoundError:
        print(f"  {name}: {argv[0]} is not there", file=sys.stderr)
        return None


def said(lines):
    """(kind, name, rest) of each line that says a figure, as they come."""
    for line in lines:
        found = LINE.match(line)
        if found:
            yield found.groups()


def natively(argv, pinned=True):
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True,
                          preexec_fn=one_cpu if pinned else None) as p:
        yield from said(p.stdout)
    if p.returncode:
        print(f"  native: {argv[0]}: exit status {p.returncode}", file=sys.stderr)


def in_guest(name, argv, limit):
    guest = started(name, argv, limit)
    if guest:
        yield from said(guest.lines())
        guest.end()


# --- boots ---


def boot(o):
    """From exec of the machine to its power-off: the kernel, /init, no more."""
    print(f"Boot to /init and power off (1 CPU, 1 GiB, median of {o.boots}), seconds:")
    result = {}
    for m in o.machine:
        took = []
        for _ in range(o.boots):
            guest = started(f"boot {m}", direct(m, "build/guest/initrd-amd64.gz", "anykvm.info"), 180)
            up = guest and any(line.startswith("anykvm-up:") for line in guest.lines())
            for _ in guest.lines() if guest else ():
                pass
            seconds = guest and guest.seconds()
            if guest and guest.end() and up:
                took.append(seconds)
        if took:
            result[m] = statistics.median(took)
            say(f"{m:8} {result[m]:8.2f}")
    return result


def userland(o):
    """From exec of QEMU to the login prompt of systemd's Debian on a virtio disk."""
    print(f"Debian with systemd to the login prompt (virtio disk, QEMU, median of {o.boots}), seconds:")
    result = {}
    for m in o.machine:
        took = []
        for _ in range(o.boots):
            guest = started(f"userland {m}", debian(m), 300)
            if not guest:
                break
            if any("login:" in line for line in guest.lines("login:")):
                took.append(guest.seconds())
                say(f"{m:8} {took[-1]:8.2f}")
            guest.end()
        if took:
            result[m] = statistics.median(took)
    return result


def debian(machine, *more):
    return with_disk(machine, f"{USERLAND}/vmlinuz", f"{USERLAND}/initrd", f"{USERLAND}/system.img",
                     "root=/dev/vda ro", *more)


def engine_memory(o):
    """What the process of that guest holds besides the guest's RAM and what QEMU itself needs."""
    if "bt" not in o.machine:
        return {}
    print("Memory beyond the guest's RAM, the same Debian at its login prompt, MiB:")
    path = f"{OUT}/monitor"
    figures = {}
    for name, argv, prompt in (
            ("idle", [*debian("tcg"), "-S"], None),
            ("bt", debian("bt"), "login:")):
        guest = started(f"memory {name}", [*argv, "-monitor", f"unix:{path},server=on,wait=off"], 300)
        if not guest:
            return {}
        if not prompt or any(prompt in line for line in guest.lines(prompt)):
            figures[name] = memory.beyond_ram(guest.process.pid, path, 1024 << 20,
                                              [os.path.realpath(f"{USERLAND}/initrd")])
        guest.end()
    if len(figures) < 2:
        return {}
    bt, idle = figures["bt"], figures["idle"]
    result = {"engine": bt["other"] + bt["tables"] - idle["other"] - idle["tables"], **bt,
              "qemu": idle["other"] + idle["tables"]}
    say(f"the engine {result['engine']:.1f} = pages {bt['other']:.1f} + page tables "
        f"{bt['tables']:.1f} - QEMU alone {result['qemu']:.1f}; guest RAM in use {bt['ram']:.1f}")
    say("largest:", ", ".join(f"{name} {size}" for name, size in bt["kinds"].items()))
    return result


# --- the CPU programs ---


def cpu(o):
    args = ["-t", str(o.t), *(["-b"] if o.best else []), *o.rows]
    image = initrd(f"{OUT}/initrd.gz", f"tests/cpu={CPU}")
    result = {}
    runs = {"native": natively([CPU, *args])}
    for m in o.machine:
        argv = direct(m, image, "anykvm.run=cpu anykvm.args=" + ",".join(args))
        runs[m] = in_guest(f"cpu {m}", argv, 600)
    for m, run in runs.items():
        print(f"CPU programs: {m} ...", file=sys.stderr, flush=True)
        for _, name, rest in run:
            value, unit = rest.split(" ", 1)
            result.setdefault(name, {"unit": unit})[m] = float(value)
    return result


def copies(o):
    """Two CPUs, one copy of a program and then two: the work done in a second, two over one."""
    names = COPIES_ROWS
    print("Two copies on two CPUs, throughput over one copy's:")
    image = initrd(f"{OUT}/initrd.gz", f"tests/cpu={CPU}")
    args = ["-j", "-t", str(o.t), *names]
    runs = {"native": natively([CPU, *args], pinned=False)}
    for m in o.machine:
        argv = direct(m, image, "anykvm.run=cpu anykvm.args=" + ",".join(args), cpus=2)
        runs[m] = in_guest(f"copies {m}", argv, 300)
    result = {}
    for m, run in runs.items():
        for _, name, rest in run:
            one, many, count = rest.split()
            if count == "2":
                result.setdefault(name, {})[m] = float(many) / float(one)
    for name, row in result.items():
        say(f"{name:12}", "  ".join(f"{m} {v:.2f}" for m, v in row.items()))
    return result


# --- real programs ---


def inputs():
    """The directory that the programs work on; made once by a seed."""
    path = f"{OUT}/inputs"
    os.makedirs(path, exist_ok=True)
    for kind, name in (("data", "data"), ("source", "source.c")):
        with open(f"{path}/{name}", "wb") as f:
            subprocess.run([REAL, kind], stdout=f, check=True)
    for file in glob.glob("bench/programs/*.py") + glob.glob("bench/programs/*.sql"):
        shutil.copy(file, path)
    return path


def programs_image():
    """An initial RAM file system with the programs' tree and the inputs; None: there is no tree."""
    if not os.path.isdir(f"{USERLAND}/programs"):
        print("  scripts/fetch-userland has not been run", file=sys.stderr)
        return None
    return initrd(f"{OUT}/programs.cpio", f"tests/real={REAL}", f"inputs/={inputs()}",
                  f"userland/={USERLAND}/programs")


def programs_machine(machine, image, rows):
    return direct(machine, image, "anykvm.run=real anykvm.args=" +
                  ",".join(["/userland", "/inputs", *rows]), memory=2048)


def programs(o):
    """Seconds, and a digest of what each wrote, which must be the native one."""
    print("Real programs, as they end, seconds:", flush=True)
    image = programs_image()
    if not image:
        return {}
    runs = {"native": natively([REAL, f"{USERLAND}/programs", f"{OUT}/inputs", *o.rows])}
    for m in o.machine:
        runs[m] = in_guest(f"programs {m}", programs_machine(m, image, o.rows), 900)
    result = {}
    for m, run in runs.items():
        for kind, name, rest in run:
            row = result.setdefault(name, {"unit": "", "digest": {}})
            if kind == "failed":
                say(f"{m:8} {name:20} FAILED: {rest}")
                row["unit"] += f" {m} failed"
                continue
            seconds, digest = rest.split()
            row["digest"][m] = digest
            note = ""
            if digest != row["digest"].get("native", digest):
                note = f" {m} WROTE SOMETHING ELSE"
                row["unit"] += note
            else:
                row[m] = float(seconds)
            say(f"{m:8} {name:20} {seconds:>9}{note}")
    os.unlink(image)
    return result


def stall(o):
    """The longest that throwing old code out of the cache took, where a program fills it."""
    if "bt" not in o.machine:
        return {}
    print("gcc -O2 once more, with the counters on:", flush=True)
    image = programs_image()
    if not image:
        return {}
    result = {}
    guest = started("stall bt", [*programs_machine("bt", image, ["gcc-O2"]), "-d", "stats"], 300)
    for line in guest.lines() if guest else ():
        found = re.search(r"stats cpu 0: +(chunks evicted|longest, microseconds) +(\d+)", line)
        if found:
            result["chunks" if found[1][0] == "c" else "ms"] = int(found[2])
    if guest:
        guest.end()
    os.unlink(image)
    if "ms" not in result:
        return {}
    result["ms"] /= 1000
    say(f"{result['chunks']} chunks of the code cache were used again; the longest stall: "
        f"{result['ms']:.1f} ms")
    return result
