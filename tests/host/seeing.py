#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looking into the translator: -d stats, count and perf, and SIGSTKFLT while a guest runs.

    tests/host/seeing.py [PATH-OF-ANYKVM]

Boots the distribution's kernel once; skipped (77) where it has not been fetched.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from tap import end, ok

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANYKVM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/anykvm")
GUEST = os.path.join(TOP, "build/guest")
KERNEL = [ANYKVM, "-accel", "bt", "-m", "256", "-nographic", "-no-reboot",
          "-kernel", f"{GUEST}/vmlinuz-amd64", "-initrd", f"{GUEST}/initrd-amd64.gz",
          "-append", "console=ttyS0 quiet panic=-1 anykvm.info"]


def tables(text):
    """Each table as a dictionary; a number, or a string where it is none."""
    found = []
    for m in re.finditer(r"^stats cpu 0: (.*?) +([0-9.]+)(?: (%|ms.*))?$", text, re.M):
        if m[1] == "translated blocks":
            found.append({})
        found[-1][m[1].strip()] = float(m[2])
    return found


def perf_names():
    """perf(1), where it is installed and may count time, finds the names."""
    data = f"/tmp/seeing-{os.getpid()}.data"
    record = ["perf", "record", "-o", data, "-e", "cpu-clock", "-F", "999", "--"]
    name = "perf finds generated code by name"
    pids = []
    try:
        if not shutil.which("perf") or subprocess.run([*record, "true"], capture_output=True,
                                                      check=False).returncode:
            ok(True, f"{name} # SKIP no perf")
            return
        p = subprocess.run([*record, "sh", "-c", 'echo "PID $$"; exec "$@"', "sh", *KERNEL, "-d",
                            "perf"], stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                           check=False)
        pids = re.findall(rb"^PID (\d+)", p.stdout)
        report = subprocess.run(["perf", "report", "-i", data, "--sort", "sym"], text=True,
                                capture_output=True, timeout=120, check=False).stdout
        ok("guest_k64_ffffffff" in report, name, report[:2000])
    finally:
        for pid in pids:
            if os.path.exists(f"/tmp/perf-{int(pid)}.map"):
                os.unlink(f"/tmp/perf-{int(pid)}.map")
        if os.path.exists(data):
            os.unlink(data)


def main():
    if not os.path.exists(f"{GUEST}/vmlinuz-amd64"):
        print("1..0 # SKIP no guest kernel (make guest)")
        return 77
    p = subprocess.Popen([*KERNEL, "-smp", "2", "-d", "count,perf"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    perf = f"/tmp/perf-{p.pid}.map"
    try:
        while p.poll() is None and not (os.path.exists(perf) and os.path.getsize(perf) > 100000):
            time.sleep(0.01)
        p.send_signal(signal.SIGSTKFLT)  # some thousand blocks: most of the boot is to come
        out, text = p.communicate(timeout=120)
        with open(perf, encoding="ascii") as f:
            lines = f.read().splitlines()
    finally:
        p.kill()
        if os.path.exists(perf):
            os.unlink(perf)
    ok(p.returncode == 0 and "anykvm-up" in out, "a guest that is looked at boots",
       [out[-2000:], text[-2000:]])
    got = tables(text)
    ok(len(got) == 2, "a table on the signal and one at the end", [len(got), text[-3000:]])
    ok("stats cpu 1: " in text, "every CPU has one")
    first, last = got[0], got[-1]
    ok(all(last[k] >= v for k, v in first.items()
           if not k.startswith(("hit", "code in", "notes", "time", "in C"))),
       "what is counted only grows", [first, last])
    ok(last["translated instructions"] > last["translated blocks"] > 10000, "blocks", last)
    ok(last["executed instructions"] > last["executed blocks"] > last["translated blocks"],
       "executions", last)
    slow = sum(v for k, v in last.items() if k in (
        "found in the second level", "page tables walked, or rights looked at", "across pages",
        "devices and read-only memory", "stores beside code",
        "left the block: faults, watchpoints, code"))
    ok(slow >= last["slow accesses"] > 1000, "every slow access has a cause", [slow, last])
    ok(90 < last["hit rate of its first level"] <= 100, "a rate is one", last)
    ok(last["exits: instruction for C"] > 0 and any(k.startswith("in C:") for k in last),
       "instructions that C executes have names", last)
    ok(all(last[k] > 0 for k in last if k.startswith("time in") or k == "time translating"),
       "all have their time", last)
    ok(last["code in the cache, KiB"] <= last["of at most, KiB"], "the cache keeps its bound", last)
    ok(len(lines) >= last["translated blocks"] and
       all(re.fullmatch(r"[0-9a-f]+ [0-9a-f]+ guest_[kau](16|32|64)_[0-9a-f]{16}", x)
           for x in lines), "perf's map has a line for each block", lines[:3])
    perf_names()
    quiet = subprocess.run([*KERNEL], stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                           check=False)
    ok(quiet.returncode == 0 and b"stats cpu" not in quiet.stdout + quiet.stderr,
       "nothing of it unless asked for")
    bad = subprocess.run([os.path.join(os.path.dirname(ANYKVM), "anykvm-exec"), "-d", "statz",
                          "true"], capture_output=True, text=True, check=False)
    ok(bad.returncode == 1 and "statz" in bad.stderr, "anykvm-exec knows its topics", bad)
    return end()


if __name__ == "__main__":
    sys.exit(main())
