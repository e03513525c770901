# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine that a person sits at, for tests: `anykvm` with a VGA, a monitor and a serial port. What the
screen shows is read off its picture, what is typed goes through the guest's keyboard.

A row is a function of a directory of its own; it returns when all is well, and raises Skip or Wrong.
"""
import argparse
import os
import re
import select
import socket
import subprocess
import tempfile
import time

import linux
from boot import ANYKVM, Skip, Wrong
from screen import Reader, Wrong as BadPicture, read_ppm

KEYS = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", "/": "slash", ".": "dot", ",": "comma",
        ";": "semicolon", "\t": "tab", "'": "apostrophe", "\\": "backslash", "_": "shift-minus",
        ":": "shift-semicolon", ">": "shift-dot", "$": "shift-4", '"': "shift-apostrophe"}
LIMIT = 120


class Machine:
    def __init__(self, tmp, *args, memory=512):
        self.tmp, self.reader, self.serial = tmp, Reader(), ""
        where = os.path.join(tmp, "monitor")
        argv = [ANYKVM, "-accel", "bt", "-m", str(memory), "-display", "none", "-serial", "stdio",
                "-monitor", f"unix:{where},server=on,wait=off", *args]
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        end = time.time() + 20
        self.s = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.s.connect(where)
                break
            except OSError:
                if time.time() > end or self.p.poll() is not None:
                    raise Wrong(f"no monitor: {self.p.stdout.read1(4096)!r}") from None
                time.sleep(0.05)
        self.answer()

    def answer(self):
        text = b""
        self.s.settimeout(30)
        while b"(anykvm) " not in text:
            data = self.s.recv(65536)
            if not data:
                raise Wrong("the monitor went away")
            text += data
        return text

    def monitor(self, command):
        self.s.sendall(command.encode() + b"\n")
        return self.answer()

    def info(self, what):
        return self.monitor("info " + what).decode(errors="replace")

    def listen(self, seconds):
        """What comes on the serial port meanwhile; False when the machine has ended."""
        end = time.time() + seconds
        while True:
            left = end - time.time()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                return True
            data = os.read(self.p.stdout.fileno(), 65536)
            if not data:
                return False
            self.serial += data.decode(errors="replace")
            if left < seconds - 0.2:
                return True

    def picture(self):
        """Width, height and the pixels' bytes."""
        path = os.path.join(self.tmp, "screen.ppm")
        self.monitor(f"screendump {path}")
        return read_ppm(path)

    def screen(self):
        """The text that its letters make; nothing where there are none, or no picture yet."""
        try:
            return "\n".join(self.reader.lines(*self.picture()))
        except (BadPicture, OSError):
            return ""

    def wait(self, fn, what, limit=LIMIT):
        """Until it holds."""
        end = time.time() + limit
        while not fn():
            if time.time() > end:
                raise Wrong(f"{what() if callable(what) else what}: does not come")
            if not self.listen(0.5):
                raise Wrong(f"ended before {what}: {self.serial[-800:]}")

    def see(self, pattern, limit=LIMIT):
        """Wait until the screen shows it."""
        end = time.time() + limit
        while True:
            text = self.screen()
            if re.search(pattern, text):
                return text
            if time.time() > end:
                raise Wrong(f"the screen does not show '{pattern}':\n{text}\nserial: {self.serial[-500:]}")
            if not self.listen(0.5):
                raise Wrong(f"ended before the screen showed '{pattern}':\n{self.serial[-800:]}")

    def hear(self, pattern, limit=LIMIT):
        """Wait until the serial port has said it; what was said before it is forgotten."""
        end = time.time() + limit
        while not re.search(pattern, self.serial):
            if time.time() > end:
                raise Wrong(f"'{pattern}' did not come: {self.serial[-800:]}\n{self.screen()}")
            if not self.listen(0.5) and not re.search(pattern, self.serial):
                raise Wrong(f"ended before '{pattern}': {self.serial[-800:]}")
        self.serial = self.serial[re.search(pattern, self.serial).end():]

    def ask(self, command, limit=LIMIT):
        """What a command prints, in the shell on the serial port; it must succeed."""
        # The terminal's echo of all this has the quotes in it.
        self.say(f"echo anykvm-'begin'; {command}; echo anykvm-'status'-$?\n")
        end, pattern = time.time() + limit, r"(?s)anykvm-begin\r?\n(.*)anykvm-status-(\d+)\r?\n"
        while not (m := re.search(pattern, self.serial)):
            if time.time() > end or not self.listen(0.5):
                raise Wrong(f"{command}: does not end: {self.serial[-800:]}\n{self.screen()}")
        self.serial = self.serial[m.end():]
        if m[2] != "0":
            raise Wrong(f"{command}: status {m[2]}: {m[1]}")
        return m[1].strip()

    def say(self, text):
        self.p.stdin.write(text.encode())
        self.p.stdin.flush()

    def type(self, text):
        for c in text:
            key = KEYS.get(c) or ("shift-" + c.lower() if c.isupper() else c)
            self.monitor(f"sendkey {key} 20")
            time.sleep(0.05)

    def key(self, *names):
        for name in names:
            self.monitor(f"sendkey {name} 20")
            time.sleep(0.3)

    def press_until(self, key, pattern, limit=60):
        """A key whose first presses may go to something else on the way."""
        end = time.time() + limit
        while not re.search(pattern, self.screen()):
            if time.time() > end:
                raise Wrong(f"'{key}' does not lead to '{pattern}':\n{self.screen()}")
            self.key(key)
            self.listen(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.s.close()
        if self.p.poll() is None:
            self.p.terminate()
        try:
            self.p.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.communicate()


LOAD = """#!/bin/busybox sh
for m in $(cat /tests/modules); do
	insmod /modules/$m || exit 1
done
"""


def shell(tmp, modules, *args, append="", memory=512):
    """Linux without firmware, a shell on its serial port, and those modules loaded."""
    initrd = linux.make_initrd(tmp, [*linux.VIRTIO_PCI, *modules], load=LOAD)
    if not initrd:
        raise Skip(linux.NO_MODULES[6:])
    m = Machine(tmp, "-kernel", linux.KERNEL, "-initrd", initrd, "-append",
                f"console=ttyS0 quiet panic=-1 {append}", *args, memory=memory)
    try:
        m.hear("Power off with")
        m.hear("# ")
        m.ask("mount -t tmpfs -o size=90% tmpfs /tmp")
        m.ask("/tests/load")
    except Exception:
        m.close()
        raise
    return m


def main(doc, all_rows):
    """The rows that the command line names, or all; for sys.exit()."""
    ap = argparse.ArgumentParser(description=doc.split("\n", maxsplit=1)[0])
    ap.add_argument("-l", action="store_true", help="list the rows")
    ap.add_argument("name", nargs="*")
    args = ap.parse_args()
    rows = [r for r in all_rows if not args.name or r.__name__ in args.name]
    if args.l:
        print("\n".join(r.__name__ for r in rows))
        return 0
    failed = 0
    for n, row in enumerate(rows, 1):
        began = time.time()
        with tempfile.TemporaryDirectory(prefix="anykvm-screen.") as tmp:
            try:
                row(tmp)
                print(f"ok {n} - {row.__name__} ({time.time() - began:.1f} s)", flush=True)
            except Skip as e:
                print(f"ok {n} - {row.__name__} # SKIP {e}", flush=True)
            except Wrong as e:
                failed += 1
                text = str(e).replace("\n", "\n# ")
                print(f"not ok {n} - {row.__name__} ({time.time() - began:.1f} s)\n# {text}", flush=True)
    print(f"1..{len(rows)}")
    return failed != 0

