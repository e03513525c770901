#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The screen and the keys of a guest that is not ours: SeaBIOS and GRUB from a rescue CD, seen on a
terminal (-display curses, in tmux) and by a VNC viewer at once, with keys from both; and the terminal
as it is afterwards, on every way out.

    tests/guest/console.py [PATH-OF-ANYKVM]
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/host"))
import rfb
from tap import end, ok

ANYKVM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/anykvm")
CD = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"
LIMIT = 60


class Terminal:
    """A shell's command in a tmux of its own, 100x40."""
    def __init__(self, dir_, command):
        self.base = ["tmux", "-S", tempfile.mktemp(dir=dir_), "-f", "/dev/null"]
        env = dict(os.environ, LC_ALL="C.UTF-8")
        subprocess.run([*self.base, "new-session", "-d", "-x", "100", "-y", "40",
                        command + "; echo status $?; stty -a; exec sleep 1000"], check=True, env=env)

    def screen(self):
        return subprocess.run([*self.base, "capture-pane", "-p"], check=True,
                              stdout=subprocess.PIPE).stdout.decode()

    def wait(self, pattern, limit=LIMIT):
        end = time.monotonic() + limit
        while not (m := re.search(pattern, self.screen())):
            if time.monotonic() > end:
                return None
            time.sleep(0.1)
        return m

    def keys(self, *keys, literally=False):
        subprocess.run([*self.base, "send-keys", *(["-l"] if literally else []), *keys], check=True)

    def close(self):
        subprocess.run([*self.base, "kill-server"], check=False)


def given_back(t, how, status):
    m = t.wait(r"status (\d+)", 10)
    ok(m and m[1] == status, f"{how}: it ends", t.screen())
    t.wait(r"echoke", 5)
    screen = t.screen()
    ok(all(re.search(rf"(^|\s){w}\b", screen) for w in ("icanon", "echo", "isig", "icrnl")) and
       "GRUB" not in screen and "Boot" not in screen, f"{how}: the terminal is as it was", screen)


def grub(dir_):
    log = os.path.join(dir_, "log")
    t = Terminal(dir_, f"{ANYKVM} -accel bt -m 128 -vga std -display curses -vnc :60,to=99 -boot d "
                       f"-cdrom {CD} 2>{log}")
    try:
        ok(t.wait("GNU GRUB +version"), "GRUB is on the terminal", t.screen() + open(log).read())
        ok(t.wait("┌─+┐"), "with its frame", t.screen())
        t.keys("c")
        ok(t.wait("(?m)^grub>"), "a key from the terminal arrives", t.screen())
        t.keys('echo T$grub_cpu "@{Ab}~"', literally=True)
        t.keys("Enter")
        ok(t.wait(r"(?m)^Ti386 @{Ab}~$"), "letters of both cases and signs", t.screen())

        port = int(re.search(r"VNC on 127.0.0.1:(\d+)", open(log).read())[1])
        v = rfb.Viewer(port, encodings=(rfb.RAW, rfb.RESIZE, rfb.KEYS))
        ok(v.until(lambda: v.rects and rfb.KEYS in v.said), "a VNC viewer beside it")
        lit = sum(1 for i in range(0, len(v.pixels), 4) if v.pixels[i] or v.pixels[i + 1])
        ok(v.width >= 640 and 1000 < lit < v.width * v.height / 2, "sees letters", (v.width, lit))
        for c in "echo VNC-Letters":
            v.keysym(ord(c), 1)
            v.keysym(ord(c), 0)
            v.until(lambda: False, 0.05)
        for number in (0x1c, 0x12, 0x2e, 0x23, 0x18, 0x39, 0x19, 0x26, 0x1e, 0x2e, 0x12, 0x1c):
            v.key(number, 1)
            v.key(number, 0)
            v.until(lambda: False, 0.05)
        ok(t.wait(r"(?m)^VNC-Letters$"), "its keysyms arrive", t.screen())
        ok(t.wait(r"(?m)^place$"), "and its scan codes", t.screen())
        v.close()

        t.keys("C-a", "h")
        ok(t.wait("Ctrl-A x: end anykvm"), "Ctrl-A h says how to leave", t.screen())
        t.keys("C-a", "x")
        given_back(t, "Ctrl-A x", "0")
    finally:
        t.close()


def ways_out(dir_):
    for sig, status in ((signal.SIGTERM, "0"), (signal.SIGSEGV, "139"), (signal.SIGABRT, "134")):
        t = Terminal(dir_, f"sh -c 'echo $$ >{dir_}/pid; exec {ANYKVM} -accel bt -m 32 -vga std "
                           "-display curses 2>/dev/null' 2>/dev/null")
        try:
            if ok(t.wait("SeaBIOS"), "SeaBIOS is on the terminal", t.screen()):
                with open(os.path.join(dir_, "pid")) as f:
                    os.kill(int(f.read()), sig)
                given_back(t, sig.name, status)
        finally:
            t.close()


def refused():
    p = subprocess.run([ANYKVM, "-accel", "bt", "-vga", "std", "-display", "curses"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=LIMIT)
    ok(p.returncode == 1 and b"terminal" in p.stderr, "without a terminal: refused", p.stderr)
    p = subprocess.run([ANYKVM, "-accel", "bt", "-display", "curses", "-serial", "stdio"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=LIMIT)
    ok(p.returncode == 1 and b"-display curses" in p.stderr, "the terminal has one user", p.stderr)


if not shutil.which("tmux"):
    print("1..0 # SKIP tmux is not installed")
    sys.exit(77)
if not os.path.exists(CD):
    print("1..0 # SKIP grub-rescue-pc is not installed")
    sys.exit(77)
with tempfile.TemporaryDirectory() as tmp:
    refused()
    grub(tmp)
    ways_out(tmp)
sys.exit(end())
