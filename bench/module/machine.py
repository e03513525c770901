# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated machine in which a /dev/kvm is measured: what run and profile share.

One processor with AMD-V, emulated by QEMU without acceleration and with -icount shift=0: its clock,
and so its time stamp counter, goes forward by one for each instruction that it runs (and jumps to
the next timer when it has nothing to run). A figure is therefore a count, and repeats. The kernel is
the distribution's, as it comes, with its mitigations; nokaslr keeps its code at one place.

Variables: B (build), ANYKVM_KO (the module: B/anykvm.ko); KERNEL and MODULES, a file and a folder,
for another kernel than the one that the module is built for (KDIR, as in scripts/testbed/run).
"""
import os
import re
import runpy
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
B = os.path.join(TOP, os.environ.get("B", "build"))
OUT = os.path.join(B, "bench/module")
GUEST = os.path.join(TOP, "build/guest")
RELEASE = os.path.join(GUEST, "release")
KERNEL = os.environ.get("KERNEL", os.path.join(RELEASE, "vmlinuz"))
MODULES = os.environ.get("MODULES", os.path.join(RELEASE, "modules"))
ANYKVM = os.environ.get("ANYKVM_KO", os.path.join(B, "anykvm.ko"))
HOST = os.path.join(OUT, "host")

# In the order of loading, with parameters. A halted vCPU that polls before it sleeps would make the
# rows with a halt measure the parameter.
HYPERVISORS = {
    "kvm-amd": [("virt/lib/irqbypass.ko", ""), ("drivers/char/hw_random/rng-core.ko", ""),
                ("drivers/crypto/ccp/ccp.ko", ""), ("arch/x86/kvm/kvm.ko", "halt_poll_ns=0"),
                ("arch/x86/kvm/kvm-amd.ko", "")],
    "anykvm": [("virt/lib/irqbypass.ko", ""), (ANYKVM, "halt_poll_ns=0")],
}


class Failed(Exception):
    """The machine did not do what it was started for; the text says what it printed."""


def available(hypervisor):
    """None, or why there is no such hypervisor."""
    if hypervisor == "anykvm" and not os.path.exists(ANYKVM):
        return f"{ANYKVM} is not there (make module)"
    return None


def prepare():
    """The programs, by the Makefile's rules, and the kernel."""
    subprocess.run(["make", "--no-print-directory", "-C", TOP, "B=" + os.environ.get("B", "build"),
                    "bench-module-programs"], check=True, stdout=sys.stderr)
    if "KERNEL" not in os.environ:
        release = runpy.run_path(os.path.join(TOP, "scripts/testbed/run"))["kernel_release"]()
        if not release:
            sys.exit("no kernel headers: scripts/deps module")
        subprocess.run([os.path.join(TOP, "scripts/fetch-guest"), "amd64", "release=" + release],
                       check=True, stdout=sys.stderr)


def rows():
    return subprocess.run([HOST, "-l"], check=True, stdout=subprocess.PIPE,
                          encoding="ascii").stdout.split()


def boot(hypervisor, args, qemu=(), symbols=False, limit=600, more=""):
    """Run the host program with the arguments on the hypervisor; what it printed."""
    with tempfile.TemporaryDirectory(prefix="anykvm-bench.") as work:
        files, load = ["tests/host=" + HOST], []
        for path, parameters in HYPERVISORS[hypervisor]:
            path = os.path.join(MODULES, path)
            if os.path.exists(path):
                name = os.path.basename(path)
                files.append(f"modules/{name}={path}")
                load.append(f"insmod /modules/{name} {parameters} || lost")
        go = os.path.join(work, "go")
        with open(go, "w", encoding="ascii") as f:
            f.write("#!/bin/busybox sh\nexport PATH=/bin\nbusybox --install -s /bin 2>/dev/null\n"
                    "lost() { dmesg | tail -n 8; exit 1; }\n"
                    + "".join(line + "\n" for line in load)
                    + f"[ -c /dev/kvm ] || {{ echo 'no /dev/kvm with {hypervisor}'; lost; }}\n"
                    # Threads that are SCHED_FIFO may have all of the processor.
                    + "echo -1 > /proc/sys/kernel/sched_rt_runtime_us\n" + more
                    + ("/tests/host -s || exit 1\n" if symbols else "")
                    + f"exec /tests/host {args}\n")
        os.chmod(go, 0o755)
        initrd = os.path.join(work, "initrd.gz")
        subprocess.run([os.path.join(TOP, "scripts/mkinitrd"), initrd,
                        os.path.join(GUEST, "busybox-amd64"), "tests/go=" + go] + files, check=True)
        argv = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "1024",
                "-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm",
                "-display", "none", "-monitor", "none", "-net", "none", "-vga", "none",
                "-no-reboot", "-serial", "stdio", "-kernel", KERNEL, "-initrd", initrd, "-append",
                "console=ttyS0 quiet panic=-1 nokaslr tsc=reliable anykvm.run=go", *qemu]
        try:
            p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=limit, check=False)
            text = p.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as e:
            raise Failed(f"{hypervisor}: not done after {limit} s:\n"
                         + (e.stdout or b"").decode(errors="replace")[-3000:]) from e
    text = text.replace("\r", "")
    if not re.search(r"^anykvm-exit: ", text, re.M):
        raise Failed(f"{hypervisor}: the machine ended early:\n" + text[-3000:])
    if not re.search(r"^anykvm-exit: 0$", text, re.M):
        raise Failed(f"{hypervisor}: the host program failed:\n" + text[-3000:])
    return text


def notes(text):
    return re.findall(r"^anykvm-module-note (.*)$", text, re.M)


def figures(text):
    """{row: (median, least, most, count, unit)} of what the host program printed."""
    out = {}
    for m in re.finditer(r"^anykvm-module (\S+) (\S+) (\S+) (\S+) (\S+) (.*)$", text, re.M):
        out[m[1]] = (float(m[2]), float(m[3]), float(m[4]), int(m[5]), m[6])
    return out
