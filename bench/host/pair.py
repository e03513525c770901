# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two programs that bench/host/run compares, on the same accelerator: this project's library.

What is said to one is said to the other, word for word, but for how the program is called. QEMU's RAM
is a shared mapping, as anykvm's is: the library is slower with QEMU's default, a private one
(docs/status.md), and it is the programs that are compared here, not what the library makes of their
memory.
"""
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[1:1] = [os.path.join(TOP, d) for d in ("bench", "tests/guest", "tests/host")]

import machines  # noqa: E402

OUT = "build/bench/host"
PROGRAMS = ("anykvm", "qemu")


class Failed(Exception):
    """This row has no figure, for a reason."""


def command(program, memory, *words, serial="stdio"):
    """A bare PC: one CPU, one serial port."""
    same = ["-m", str(memory), "-smp", "1", "-nodefaults", "-display", "none", "-no-reboot",
            "-serial", serial, *words]
    if program == "anykvm":
        return ["build/anykvm", "-accel", "bt", *same]
    return ["build/anykvm-exec", "qemu-system-x86_64", "-accel", "kvm", "-cpu", "host",
            "-object", f"memory-backend-memfd,id=ram,size={memory}M,share=on",
            "-machine", "pc,memory-backend=ram", *same]


def kernel(initrd, append, loud=""):
    return ["-kernel", machines.KERNEL, "-initrd", initrd,
            "-append", f"console=ttyS0 panic=-1 {loud or 'quiet'} {append}"]


class Guest(machines.Guest):
    """With what the process has used of the processor, and ended whatever happens."""
    def __init__(self, name, argv, limit=120):
        super().__init__(name, argv, limit, f"{OUT}/{name.replace(' ', '-')}.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def now(self):
        """Seconds since exec, and of processor time."""
        seconds = self.seconds()
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as f:
            words = f.read().rpartition(")")[2].split()
        return seconds, (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def until(self, start):
        """Wait for these words, whether their line has ended or not."""
        if not any(start in line for line in self.lines(start)):
            self.never(start)

    def figure(self, start):
        """The number on the first line that begins with @start."""
        for line in self.lines():
            if line.startswith(start):
                return float(line[len(start):].split()[0])
        self.never(start)

    def never(self, start):
        raise Failed(f"{self.name} never said {start!r} ({self.log}): {self.text[-200:]!r}")


class Section:
    """Figures that are taken together. ROWS: name -> (unit, "more" or "less", whichever is better)."""
    ROWS = {}

    def __init__(self, tmp, seconds):
        """Make what the guests need; @tmp is a directory, @seconds how long one figure is measured."""
        self.tmp, self.seconds = tmp, seconds

    def measures(self):
        """Functions of a program's name, a guest each, that return {row: figure}; a figure may be
        a pair, then the second is processor time."""
        raise NotImplementedError

    def close(self):
        """Take back what __init__ did to this machine."""
