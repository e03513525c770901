#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The VNC server by the manner of RFC 6143: handshake, password, pictures, resize, keys by letter and
by place, pointers of both kinds, websockets and who may open one, viewers that stall or talk nonsense.

    tests/host/vnc.py [PATH-OF-VNCD]
"""
import base64
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import rfb
from tap import end, ok

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VNCD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/tests/host/vncd")
LIMIT = 10


class Server:
    def __init__(self, *args):
        self.p = subprocess.Popen([VNCD, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, bufsize=0)
        self.buf = b""
        self.lines = []
        self.events = []
        if self.line() != "ready":
            raise RuntimeError(self.p.stderr.read().decode())

    def line(self, limit=LIMIT):
        """The next line, None when none comes."""
        end = time.monotonic() + limit
        while b"\n" not in self.buf:
            if not select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return None
            more = os.read(self.p.stdout.fileno(), 65536)
            if not more:
                return None
            self.buf += more
        line, self.buf = self.buf.split(b"\n", 1)
        return line.decode()

    def do(self, command):
        """What it printed before "done", and the word after that; events go to self.events."""
        self.p.stdin.write(command.encode() + b"\n")
        said = []
        while (line := self.line()) is not None and not line.startswith("done"):
            (self.events if line.split()[0] in ("key", "move", "place") else said).append(line)
        return said + ([line[5:]] if line and line[5:] else [])

    def expect(self, *want):
        """The next events are these."""
        while len(self.events) < len(want):
            line = self.line(3)
            if line is None:
                break
            self.events.append(line)
        got, self.events = self.events[:len(want)], self.events[len(want):]
        if got != list(want):
            print(f"# got {got}, want {list(want)}")
        return got == list(want)

    def info(self):
        return self.do("info")[0].split()[1:]

    def port(self, web=False):
        return int(self.info()[2 if web else 1])

    def stop(self):
        self.p.stdin.close()
        said = self.p.stderr.read().decode()
        if self.p.wait(LIMIT):
            ok(False, f"vncd ends with status 0, not {self.p.returncode}", said)
        return said


def blocked(pid, name):
    """The signals that this thread does not take: a mask, SIGHUP lowest."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as f:
            status = dict(line.split(":", 1) for line in f)
        if status["Name"].strip() == name:
            return int(status["SigBlk"], 16)
    return None


def until(fn, limit=LIMIT):
    """What @fn has come to say: true before @limit seconds are over, or its last word."""
    end = time.monotonic() + limit
    while not (said := fn()) and time.monotonic() < end:
        time.sleep(0.01)
    return said


FREE = ":40,to=99"


def pictures():
    s = Server("-vnc", FREE)
    ok(s.info()[0] == "127.0.0.1" and s.info()[3] == "none", "listens on loopback when nothing is said",
       s.info())
    own = [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGSYS]

    def taken():
        mask = blocked(s.p.pid, "vnc") or 0
        return not any(mask >> (n - 1) & 1 for n in own) and mask >> (signal.SIGTERM - 1) & 1

    # Not at once: the C library blocks all there are until a new thread has begun.
    ok(until(taken), "its thread takes its own faults, and no other signal", blocked(s.p.pid, "vnc"))
    s.do("fill 0 0 320 200 102030")
    before = int(s.do("updates")[0].split()[1])
    time.sleep(0.2)
    ok(int(s.do("updates")[0].split()[1]) == before, "nothing is drawn for nobody")
    v = rfb.Viewer(s.port())
    ok((v.width, v.height, v.name) == (320, 200, "anykvm (test)"), "size and name",
       (v.width, v.height, v.name))
    ok(v.format[:3] == (32, 24, 0) and v.format[7:10] == (16, 8, 0), "the pixels' format", v.format)
    ok(v.until(lambda: v.rects) and all(v.pixel(x, y) == 0x102030 for x in (0, 319) for y in (0, 199)),
       "the picture that was there")
    s.do("fill 100 50 3 2 ff8001")
    ok(v.until(lambda: v.pixel(102, 51) == 0xff8001), "what changes comes")
    ok(v.pixel(99, 50) == 0x102030 and v.pixel(103, 51) == 0x102030 and v.pixel(100, 49) == 0x102030,
       "and nothing beside it")
    rects = v.rects
    v.ask()
    s.do("fill 0 0 320 200 102030")
    s.do("fill 100 50 3 2 ff8001")
    time.sleep(0.1)
    v.until(lambda: v.rects > rects, 0.3)
    s.do("fill 319 199 1 1 ffffff")
    ok(v.until(lambda: v.pixel(319, 199) == 0xffffff), "the last pixel")
    s.do("size 2560 1600")
    s.do("fill 2559 1599 1 1 00ff00")
    ok(v.until(lambda: v.width == 2560 and v.height == 1600 and v.pixel(2559, 1599) == 0xff00),
       "the largest screen, while it looks")
    s.do("size 1 1")
    s.do("fill 0 0 1 1 123456")
    ok(v.until(lambda: (v.width, v.height) == (1, 1) and v.pixel(0, 0) == 0x123456), "the smallest")
    s.do("size 101 33")
    s.do("fill 0 0 101 33 abcdef")
    ok(v.until(lambda: v.width == 101 and v.pixel(100, 32) == 0xabcdef), "and an odd one")
    s.do("cursor 99 30 1")
    ok(v.until(lambda: v.pixel(99, 30) == 0xff0000 and v.pixel(100, 30) == 0xff00),
       "the guest's pointer is in the picture")
    ok(v.pixel(99, 31) == 0xabcdef and v.pixel(100, 31) == 0xd5e6f7, "with what it lets through",
       hex(v.pixel(100, 31)))
    s.do("cursor 5 5 1")
    ok(v.until(lambda: v.pixel(5, 5) == 0xff0000 and v.pixel(99, 30) == 0xabcdef), "it moves")
    s.do("cursor 5 5 0")
    ok(v.until(lambda: v.pixel(5, 5) == 0xabcdef), "it goes")
    old = rfb.Viewer(s.port(), encodings=(rfb.RAW,))
    ok(old.until(lambda: old.pixel(0, 0) == 0xabcdef), "a viewer that knows one size only")
    ok(s.info()[4] == "2", "two viewers", s.info())
    s.do("size 320 200")
    try:
        old.until(lambda: False, 2)
        ok(False, "it goes when the size changes")
    except (EOFError, ConnectionError):
        ok(True, "it goes when the size changes")
    s.do("fill 1 1 1 1 0000ff")
    ok(v.until(lambda: v.width == 320 and v.pixel(1, 1) == 0xff), "the other one stays")
    v.close()
    time.sleep(0.2)
    before = int(s.do("updates")[0].split()[1])
    time.sleep(0.2)
    ok(s.info()[4] == "0" and int(s.do("updates")[0].split()[1]) == before,
       "nothing is drawn when all have gone")
    ok("this machine only" in s.stop(), "it says where it listens, and for whom")


def keys():
    s = Server("-vnc", FREE)
    v = rfb.Viewer(s.port(), encodings=(rfb.RAW, rfb.RESIZE, rfb.KEYS, rfb.LEDS))
    ok(v.until(lambda: rfb.KEYS in v.said), "extended keys are offered")
    v.key(0x1e, 1, ord("a"))
    v.key(0x1e, 0, ord("a"))
    ok(s.expect("key a down", "key a up"), "a key by its scan code")
    v.key(0x9d, 1)
    v.key(0x9d, 1)
    v.key(0x9d, 0)
    ok(s.expect("key ctrl_r down", "key ctrl_r down", "key ctrl_r up"), "one with E0, and its repeat")
    v.key(0xc6, 1)
    v.key(0xc6, 0)
    ok(s.expect("key pause down", "key pause up"), "Pause")
    v.key(0, 1, 0xff1b)
    v.key(0, 0, 0xff1b)
    ok(s.expect("key esc down", "key esc up"), "without a scan code the keysym counts")
    v.keysym(ord("b"), 1)
    v.keysym(ord("b"), 0)
    ok(s.expect("key b down", "key b up"), "a letter")
    v.keysym(ord("B"), 1)
    v.keysym(ord("B"), 0)
    ok(s.expect("key shift down", "key b down", "key shift up", "key b up"), "a capital without Shift")
    for sym in (0xffe1, ord("C")):
        v.keysym(sym, 1)
    for sym in (ord("C"), 0xffe1):
        v.keysym(sym, 0)
    ok(s.expect("key shift down", "key c down", "key c up", "key shift up"), "a capital with Shift")
    for sym in (0xffe2, ord("/")):
        v.keysym(sym, 1)
    for sym in (ord("/"), 0xffe2):
        v.keysym(sym, 0)
    ok(s.expect("key shift_r down", "key shift_r up", "key slash down", "key shift_r down",
                "key slash up", "key shift_r up"), "Shift that the letter does not have here")
    for sym in (0xffe3, 0xffe1, ord("c")):
        v.keysym(sym, 1)
    for sym in (ord("c"), 0xffe1, 0xffe3):
        v.keysym(sym, 0)
    ok(s.expect("key ctrl down", "key shift down", "key c down", "key c up", "key shift up",
                "key ctrl up"), "Shift in a chord stays")
    s.do("leds 4")
    ok(v.until(lambda: v.said.get(rfb.LEDS) == (0, b"\4")), "the lights are told")
    v.keysym(ord("D"), 1)
    v.keysym(ord("D"), 0)
    ok(s.expect("key d down", "key d up"), "Caps Lock makes the capital")
    s.do("leds 0")
    other = rfb.Viewer(s.port())
    v.keysym(0xffe9, 1)
    v.keysym(ord("x"), 1)
    ok(s.expect("key alt down", "key x down"), "a viewer holds two keys")
    other.keysym(0xffe9, 1)
    ok(s.expect("key alt down"), "and another one of them too")
    v.close()
    ok(s.expect("key x up"), "who goes leaves no key pressed, but the other's")
    other.close()
    ok(s.expect("key alt up"), "and then that one")
    s.stop()


def pointers():
    s = Server("-vnc", FREE)
    v = rfb.Viewer(s.port())
    v.pointer(10, 10, 0)
    v.pointer(15, 7, 1)
    ok(s.expect("move 0 0 0 0", "move 5 -3 0 1"), "a mouse gets the way")
    v.pointer(15, 7, 4)
    v.pointer(15, 7, 8)
    v.pointer(15, 7, 0)
    v.pointer(15, 7, 18)
    ok(s.expect("move 0 0 0 2", "move 0 0 1 0", "move 0 0 0 0", "move 0 0 -1 4"), "buttons and wheel")
    s.do("tablet")
    v.pointer(0, 0, 0)
    v.pointer(319, 199, 1)
    v.pointer(65535, 65535, 0)
    ok(s.expect("place 0 0 0 0", "place 32767 32767 0 1", "place 32767 32767 0 0"),
       "a tablet gets the place")
    m = rfb.Viewer(s.port(), encodings=(rfb.RAW, rfb.MOTION))
    ok(m.until(lambda: m.said.get(rfb.MOTION) == (1, b"")), "a viewer is told that places are wanted")
    m.pointer(0, 0, 0)
    ok(s.expect("place 0 0 0 0"), "and sends places")
    s.do("mouse")
    ok(m.until(lambda: m.said.get(rfb.MOTION) == (0, b"")), "or that motion is")
    m.pointer(0x7fff + 300, 0x7fff - 1, 0)
    ok(s.expect("move 300 -1 0 0"), "and sends motion, also beyond the screen")
    v.close()
    m.close()
    s.stop()


def refused(port, password, name):
    try:
        rfb.Viewer(port, password)
        ok(False, name)
    except rfb.Refused as why:
        ok(True, name, why)


def passwords():
    s = Server("-vnc", FREE + ",password=on")
    port = s.port()
    refused(port, "", "no password yet: nobody comes in")
    refused(port, None, "nor without")
    s.do("password secret")
    refused(port, "secreT", "a wrong password")
    v = rfb.Viewer(port, "secret")
    ok(v.until(lambda: v.rects), "the right one")
    s.do("password otherwise")
    ok(s.do("info")[0].split()[4:6] == ["vnc", "1"], "who is in stays in")
    refused(port, "secret", "the old password")
    rfb.Viewer(port, "otherwis").close()
    rfb.Viewer(port, "otherwise").close()
    ok(True, "eight characters count")
    s.do("expire 1")
    refused(port, "otherwise", "a password that is past its time")
    s.do("expire -1")
    rfb.Viewer(port, "otherwise").close()
    ok(True, "and no longer so")
    s.stop()
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("fromfile\n")
        f.flush()
        s = Server("-object", f"secret,id=s0,file={f.name}", "-vnc", FREE + ",password-secret=s0")
        refused(s.port(), "wrong", "a secret of a file: a wrong password")
        rfb.Viewer(s.port(), "fromfile").close()
        ok(True, "and the right one")
        s.stop()
    s = Server("-vnc", FREE)
    ok("password=on" in s.do("password x")[-1], "no password for a server that asks for none")
    s.stop()


def get(port, *headers):
    """Begin a websocket; the answer's first line, empty when it hangs up."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
    sock.sendall(("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: " + base64.b64encode(b"0123456789abcdef").decode() +
                  "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n" +
                  "".join(h + "\r\n" for h in headers) + "\r\n").encode())
    data = b""
    try:
        while not data.endswith(b"\r\n\r\n") and (byte := sock.recv(1)):
            data += byte
    except ConnectionError:
        pass
    return sock, data.split(b"\r\n")[0].decode()


def frame(sock):
    """One message of a websocket's server."""
    head = sock.recv(2)
    n = head[1]
    if n == 126:
        n = struct.unpack(">H", sock.recv(2))[0]
    data = b""
    while len(data) < n:
        data += sock.recv(n - len(data))
    return data


def websockets():
    s = Server("-vnc", FREE + ",websocket=on")
    port, web = s.port(), s.port(True)
    ok(web == port - 200, "the websocket's port", (port, web))
    here, own = f"Host: 127.0.0.1:{web}", "Origin: http://127.0.0.1:6080"
    for headers, good, name in (
            ((here, own), True, "a page of this machine"),
            ((here, "Origin: http://localhost"), True, "by its name"),
            ((here,), False, "who does not say where it comes from"),
            ((here, "Origin: http://example.com"), False, "a page of somebody else's"),
            ((here, "Origin: null"), False, "a page of nobody's"),
            (("Host: example.com", "Origin: http://example.com"), False, "a name made to point here"),
            ((here, "Origin: http://127.0.0.1.example.com"), False, "one that begins well"),
            ((here, "Origin: http://localhost@example.com"), False, "and one with a user in it")):
        sock, line = get(web, *headers)
        ok(("101" in line) == good, f"{name} {'may' if good else 'may not'}", line)
        if good and headers == (here, own):
            ok(frame(sock) == b"RFB 003.008\n", "and speaks RFB in it")
        sock.close()
    sock, line = get(port, here, own)
    ok("101" not in line, "no websocket on the plain port", line)
    sock.close()
    idle = socket.create_connection(("127.0.0.1", web))
    v = rfb.Viewer(port)
    ok(v.until(lambda: v.rects), "a browser that connects and says nothing holds up nobody")
    idle.close()
    v.close()
    s.stop()


def nonsense():
    s = Server("-vnc", FREE)
    port = s.port()
    stalled = rfb.Viewer(port)
    stalled.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.do("size 2560 1600")
    for _ in range(4):
        stalled.ask(False)
    start = time.monotonic()
    for i in range(20):
        s.do(f"fill 0 0 2560 1600 {i + 1:06x}")
    took = time.monotonic() - start
    # Stopped, each would wait until the line() above gives up.
    ok(took < 3 * LIMIT, "a viewer that does not read stops nobody in the machine", took)
    v = rfb.Viewer(port, limit=20)
    ok(v.until(lambda: v.rects and v.pixel(0, 0) == 20, 20), "the next viewer gets its turn")
    stalled.close()
    v.close()
    for data in (b"\xff\1" + bytes(10), b"\xff\0\0\1", b"\x63" * 100, b"\4\1", b"\2\0\xff\xff" + bytes(9),
                 b"\3\0" + b"\xff" * 8, b"\5\xff\xff\xff\xff\xff", b"\6\0\0\0\xff\xff\xff\xff" + bytes(9)):
        v = rfb.Viewer(port)
        v.sock.sendall(data)
        v.close()
    v = rfb.Viewer(port)
    ok(v.until(lambda: v.rects), "messages that are cut short or are none do no harm")
    v.close()
    many = []
    try:
        for _ in range(30):
            many.append(rfb.Viewer(port, limit=5))
    except (EOFError, OSError):
        pass
    ok(len(many) == 16, "16 viewers at a time", len(many))
    for m in many:
        m.close()
    s.stop()


def wrong(args, *words):
    p = subprocess.run([VNCD, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=LIMIT)
    text = p.stderr.decode()
    ok(p.returncode == 1 and text.count("\n") == 1 and all(w in text for w in words),
       f"refused: {' '.join(args)}", f"{p.returncode} {text}")


def words():
    wrong(["-vnc", "5"], "HOST:N")
    wrong(["-vnc", ":99999"], "59635")
    wrong(["-vnc", "unix:/tmp/x"], "unix")
    wrong(["-vnc", ":1,tls-creds=x"], "TLS", "ssh")
    wrong(["-vnc", ":1,lossy=on"], "lossy")
    wrong(["-vnc", ":1,share=maybe"], "allow-exclusive")
    wrong(["-vnc", ":1,websocket=maybe"], "port")
    wrong(["-vnc", ":1,wibble=on"], "wibble")
    wrong(["-vnc", ":41,password-secret=none"], "secret", "none")
    wrong(["-vnc", "no.such.host.invalid:41"], "no.such.host.invalid")
    wrong(["-object", "secret,id=a", "-vnc", ":1"], "file=", "data=")
    s = Server("-vnc", FREE)
    wrong(["-vnc", f":{s.port() - 5900}"], "in use", "to=")
    s.stop()


for part in (words, pictures, keys, pointers, passwords, websockets, nonsense):
    part()
sys.exit(end())
