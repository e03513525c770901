# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machines that bench/run compares, and how one is started, watched and ended.

A guest talks by lines on its serial console; every line that a figure is taken from begins with
"anykvm-". Lines are handed on as they come, so that long runs show where they are and a guest that
is stopped half way still gives what it had.
"""
import os
import select
import signal
import subprocess
import sys
import time

KERNEL = "build/guest/vmlinuz-amd64"
BUSYBOX = "build/guest/busybox-amd64"
APPEND = "console=ttyS0 quiet panic=-1 "
MACHINES = ("bt", "tcg")

# anykvm runs what needs no disk; what needs one, QEMU on the library.
_QEMU = ["qemu-system-x86_64", "-nographic", "-no-reboot", "-net", "none", "-vga", "none"]
_TCG = ["-accel", "tcg", "-cpu", "max"]
_DIRECT = {
    "bt": ["build/anykvm", "-accel", "bt", "-nographic", "-no-reboot"],
    "tcg": _QEMU + _TCG,
}
_WITH_DISK = {
    "bt": ["build/anykvm-exec", *_QEMU, "-accel", "kvm", "-cpu", "host"],
    "tcg": _QEMU + _TCG,
}


def direct(machine, initrd, append, memory=1024, cpus=1):
    return [*_DIRECT[machine], "-m", str(memory), "-smp", str(cpus), "-kernel", KERNEL,
            "-initrd", initrd, "-append", APPEND + append]


def with_disk(machine, kernel, initrd, image, append, memory=1024, cpus=1):
    return [*_WITH_DISK[machine], "-m", str(memory), "-smp", str(cpus), "-kernel", kernel,
            "-initrd", initrd, "-drive", f"file={image},format=raw,if=virtio,snapshot=on",
            "-append", APPEND + append]


class Guest:
    """A started machine, its console line by line, and what it took."""

    def __init__(self, name, argv, limit, log):
        self.name, self.limit, self.log = name, limit, log
        self.text, self.over = "", False
        self.start = time.monotonic()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def lines(self, last=None):
        """Whole lines as they come, then the unfinished one when it contains `last`, a string."""
        rest = ""
        while time.monotonic() - self.start < self.limit:
            if not select.select([self.process.stdout], [], [], 0.2)[0]:
                continue
            data = os.read(self.process.stdout.fileno(), 65536).decode(errors="replace")
            if not data:
                self.over = True
                return
            self.text += data
            *whole, rest = (rest + data.replace("\r", "")).split("\n")
            yield from whole
            if last and last in rest:
                yield rest
                return
        self.complain(f"stopped after {self.limit} s")

    def seconds(self):
        return time.monotonic() - self.start

    def end(self):
        """It is no more, by itself or by force; what it said is in the log. Was it well?"""
        status = 0
        if self.over:
            status = self.process.wait()
            if status:
                self.complain(f"exit status {status}")
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process.stdout.close()
        with open(self.log, "w", encoding="utf-8") as f:
            f.write(self.text)
        return status == 0

    def complain(self, what):
        print(f"  {self.name}: {what} ({self.log}); the end: {self.text[-300:]!r}", file=sys.stderr)


def initrd(out, *items):
    subprocess.run(["scripts/mkinitrd", out, BUSYBOX, *items], check=True)
    return out
