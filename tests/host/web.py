#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The console in a browser: scripts/run-web under headless Chromium, which opens the page, sees the
guest's screen (a screenshot, compared with what a VNC viewer has) and types keys that arrive (seen on
the guest's screen).

    tests/host/web.py [PATH-OF-ANYKVM]
"""
import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

import rfb
from picture import png
from tap import end, ok

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANYKVM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/anykvm")
CD = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"
LIMIT = 60


class Browser:
    """Chromium's DevTools protocol over its pipe: JSON, ended by zero bytes."""
    def __init__(self, dir_, url):
        to, self.w = os.pipe()
        self.r, back = os.pipe()

        def child():
            a, b = os.dup(to), os.dup(back)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.p = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking", "--window-size=1024,768",
             f"--user-data-dir={dir_}/profile", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=child, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to)
        os.close(back)
        self.n = 0
        self.buf = b""
        self.session = None
        target = self.do("Target.createTarget", url=url)["targetId"]
        self.session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def do(self, method, **params):
        self.n += 1
        msg = {"id": self.n, "method": method, "params": params}
        if self.session:
            msg["sessionId"] = self.session
        os.write(self.w, json.dumps(msg).encode() + b"\0")
        end = time.monotonic() + LIMIT
        while True:
            while b"\0" not in self.buf:
                if not select.select([self.r], [], [], max(0, end - time.monotonic()))[0]:
                    raise TimeoutError(method)
                more = os.read(self.r, 1 << 20)
                if not more:
                    raise EOFError("the browser has gone")
                self.buf += more
            text, self.buf = self.buf.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.n:
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                return answer["result"]

    def value(self, expression):
        return self.do("Runtime.evaluate", expression=expression)["result"].get("value")

    def wait(self, expression):
        end = time.monotonic() + LIMIT
        while not (v := self.value(expression)):
            if time.monotonic() > end:
                return None
            time.sleep(0.1)
        return v

    def type(self, char, code, key, text):
        """A key as the keyboard makes it."""
        for kind in ("keyDown", "keyUp"):
            self.do("Input.dispatchKeyEvent", type=kind, key=char, code=code,
                    windowsVirtualKeyCode=key, **({"text": text} if kind == "keyDown" else {}))

    def close(self):
        self.session = None
        try:
            self.do("Browser.close")
        except (EOFError, OSError, TimeoutError):
            pass
        try:
            self.p.wait(10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()


def canvas(b):
    """The guest's screen as the page's canvas has it, pixel by pixel."""
    url = b.value("document.querySelector('#noVNC_container canvas').toDataURL('image/png')")
    return png(base64.b64decode(url.split(",", 1)[1]))


def same(v, b):
    """Of the pixels that a viewer has, the part that the page shows alike."""
    w, h, rows = canvas(b)
    if (w, h) != (v.width, v.height):
        return 0
    good = 0
    for y in range(0, h):
        line = v.pixels[4 * y * w:4 * (y + 1) * w]
        good += sum(rows[y][3 * x:3 * x + 3] == line[4 * x:4 * x + 3][::-1] for x in range(w))
    return good / (w * h)


def alike(v, b):
    """The best of same(), until it is near 1: the guest may draw between the two looks."""
    best, end = 0, time.monotonic() + LIMIT
    while best <= 0.99 and time.monotonic() < end:
        v.until(lambda: False, 0.3)
        best = max(best, same(v, b))
    return best


def lit(v):
    return sum(1 for i in range(0, len(v.pixels), 4) if any(v.pixels[i:i + 3]))


def look(b, v):
    ok(b.wait("document.documentElement.classList.contains('noVNC_connected')"), "the page connects",
       b.value("document.body.innerText"))
    end = time.monotonic() + LIMIT
    # GRUB's menu: a frame and letters.
    while v.until(lambda: False, 0.3) or lit(v) < 10000:
        if time.monotonic() > end:
            break
    ok(lit(v) > 10000, "GRUB is on the screen", lit(v))
    part = alike(v, b)
    ok(part > 0.99, "the browser has the same picture", part)
    shot = png(base64.b64decode(b.do("Page.captureScreenshot", format="png")["data"]))
    bright = sum(1 for row in shot[2] for x in range(0, len(row), 3) if row[x] > 150)
    ok(shot[0] >= 800 and bright > 3000, "and shows it", (shot[:2], bright))


def keys(b, v):
    b.value("document.querySelector('#noVNC_container canvas').focus()")
    before = bytes(v.pixels)
    b.type("c", "KeyC", 0x43, "c")
    # The command line takes the menu's place.
    ok(v.until(lambda: len(before) != len(v.pixels) or
               sum(before[i] != v.pixels[i] for i in range(1, len(before), 4)) > 5000),
       "a key that is typed in the browser arrives")
    v.until(lambda: False, 1)
    full = lit(v)
    for c in "videoinfo":
        b.type(c, "Key" + c.upper(), ord(c.upper()), c)
    v.until(lambda: False, 2)
    typed = lit(v)
    ok(full < typed < full + 2000, "a word appears as it is typed", (full, typed))
    b.type("Enter", "Enter", 13, "\r")
    ok(v.until(lambda: lit(v) > typed + 1500, 20), "and Enter makes it a command", (typed, lit(v)))
    part = alike(v, b)
    ok(part > 0.99, "the browser has that picture, too", part)


def main():
    p = subprocess.Popen([os.path.join(TOP, "scripts/run-web"), "-accel", "bt", "-m", "128", "-vga",
                          "std", "-serial", "null", "-boot", "d", "-cdrom", CD],
                         env=dict(os.environ, ANYKVM=ANYKVM), stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    said = ""
    while not (m := re.search(r"open (http\S+port=(\d+)\S*)", said)) and (line := p.stdout.readline()):
        said += line
    try:
        if not ok(m, "one command serves it", said):
            return
        v = rfb.Viewer(int(m[2]) + 200)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
            b = Browser(tmp, m[1])
            try:
                look(b, v)
                keys(b, v)
            finally:
                b.close()
        v.close()
    finally:
        p.terminate()
        p.communicate(timeout=LIMIT)
    ok(p.returncode == 0, "and ends with the guest", p.returncode)


for need, package in (("chromium", "chromium"), ("/usr/share/novnc/vnc.html", "novnc"),
                      (CD, "grub-rescue-pc")):
    if not shutil.which(need) and not os.path.exists(need):
        print(f"1..0 # SKIP {package} is not installed (scripts/deps test)")
        sys.exit(77)
main()
sys.exit(end())
