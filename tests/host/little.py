# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the running machine share: a guest of a hundred bytes that echoes its serial
port, and anykvm around it. With arguments, a test is called as TEST [PATH-OF-ANYKVM [ACCEL]].
"""
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

from tap import end, ok  # noqa: F401: for those who import this

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANYKVM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/anykvm")
ACCEL = sys.argv[2] if len(sys.argv) > 2 else "bt"
LIMIT = 20

# 32-bit code at 1 MiB, polled: prints "ready\n", then echoes what comes in on COM1. 'P' powers off
# (PM1a_CNT), 'R' resets by CF9h, 'K' by the keyboard controller, 'T' by a triple fault.
GUEST = bytes.fromhex("""
    66baf803be7e001000b906000000ace82b000000e2f866bafd03eca80174
    1c66baf803ec3c50742a3c5274323c54743d3c4b7433e806000000ebdbf3
    90ebd788c466bafd03eca82074f766baf80388e0eec366ba040666b80020
    66efebfe66baf90cb006eeebfeb0fee664ebfe0f011d760010000f0b0000
    00000000000072656164790a""")


def kernel():
    """A 32-bit ELF with a PVH entry: two program headers, the code, the note."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", 0x100000)
    off = 52 + 2 * 32
    e = b"\x7fELF\x01\x01\x01" + bytes(9)
    e += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x100000, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    e += struct.pack("<IIIIIIII", 1, off, 0x100000, 0x100000, len(GUEST), 0x10000, 7, 4)
    e += struct.pack("<IIIIIIII", 4, off + len(GUEST), 0, 0, len(note), len(note), 4, 4)
    return e + GUEST + note


class Machine:
    """anykvm on a pseudo-terminal (tty=True), or with pipes."""

    def __init__(self, *args, tty=True, stdin=None):
        argv = [ANYKVM, "-accel", ACCEL, "-m", "16", "-kernel", KERNEL, *args]
        self.seen = b""
        self.before = None
        if tty:
            self.fd, self.slave = pty.openpty()
            self.before = termios.tcgetattr(self.slave)
            self.p = subprocess.Popen(argv, stdin=self.slave, stdout=self.slave,
                                      stderr=self.slave, start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            self.inp = self.fd
        else:
            r, w = os.pipe()
            self.p = subprocess.Popen(argv, stdin=stdin or subprocess.PIPE, stdout=w, stderr=w)
            os.close(w)
            self.fd, self.slave = r, None
            self.inp = self.p.stdin.fileno() if self.p.stdin else None

    def send(self, data):
        os.write(self.inp, data)

    def expect(self, text, limit=LIMIT):
        """Wait for text; what is before it is gone then."""
        end = time.time() + limit
        while text not in self.seen:
            left = end - time.time()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return False
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                return False
            self.seen += data
        self.seen = self.seen[self.seen.index(text) + len(text):]
        return True

    def ready(self):
        return self.expect(b"ready")

    def wait(self, limit=LIMIT):
        try:
            return self.p.wait(limit)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            return "still running"

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def is_raw(self):
        lflag = termios.tcgetattr(self.slave)[3]
        return not lflag & (termios.ICANON | termios.ECHO | termios.ISIG)

    def close(self):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        for fd in (self.fd, self.slave):
            if fd is not None:
                os.close(fd)


TMP = tempfile.TemporaryDirectory(prefix="anykvm-test.")
KERNEL = os.path.join(TMP.name, "guest.elf")
with open(KERNEL, "wb") as out:
    out.write(kernel())
