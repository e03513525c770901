#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was asked for works in the sandbox: disks in all ways of reaching them, a medium changed and a
picture saved as the machine runs, a viewer with a password and one in a browser, a terminal that
changes its size, another user and another root, signals. The other tests run in it too, as everybody
does; here is what they do not touch. A call that is not in the list ends the process, which is seen.

    tests/host/sandbox.py [PATH-OF-ANYKVM [ACCEL]]
"""
import base64
import fcntl
import glob
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import time

import rfb
from little import ACCEL, ANYKVM, KERNEL, LIMIT, TMP, Machine, end, ok

DIR = TMP.name
ROOT = os.geteuid() == 0

# From 7C00h: sector 2 of each disk is written (INT 13h), "K" or "F" to COM1; then HLT. The number of
# disks is at byte 5.
BOOT = bytes.fromhex("""31c08ec0 b304 b280
    b80103 b90200 b600 53 bb007c cd13 5b b04b 7302 b046 52 baf803 ee 5a fec2 fecb 75df f4 ebfd""")


class Monitored:
    """anykvm with its monitor on a socket; what it says on standard error is kept."""

    count, last = 0, None

    def __init__(self, *args, kernel=True, tty=False):
        Monitored.count += 1
        Monitored.last = self
        self.path = os.path.join(DIR, f"mon{Monitored.count}")
        args = ("-monitor", f"unix:{self.path},server=on,wait=off", *args)
        if kernel:
            self.m = Machine("-serial", "null", *args, tty=tty)
            self.p = self.m.p
        else:
            self.m = None
            self.p = subprocess.Popen([ANYKVM, "-accel", ACCEL, "-m", "32", *args],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=open(os.path.join(DIR, "err"), "wb"))
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(LIMIT)
        limit = time.time() + LIMIT
        while self.p.poll() is None and time.time() < limit:
            try:
                self.s.connect(self.path)
                break
            except OSError:
                time.sleep(0.05)
        self.read()

    def read(self):
        said = b""
        try:
            while not said.endswith(b"(anykvm) "):
                data = self.s.recv(4096)
                if not data:
                    break
                said += data
        except OSError:
            pass
        return said.decode(errors="replace")

    def do(self, line):
        try:
            self.s.sendall(line.encode() + b"\n")
        except OSError:
            return "gone"
        return self.read()

    def words(self):
        """What it has said on standard error."""
        if self.m:
            self.m.expect(b"\0", 0.2)
            return self.m.seen.decode(errors="replace")
        with open(os.path.join(DIR, "err"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def ends(self, name, how="quit"):
        if how == "quit":
            try:
                self.s.sendall(b"quit\n")
            except OSError:
                pass
        else:
            self.p.send_signal(how)
        try:
            rc = self.p.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.p.kill()
            rc = "still running"
        words = self.words()
        ok(rc == 0 and "sandbox" not in words, name, f"status {rc}\n{words}")
        self.s.close()
        if self.m:
            self.m.close()


def image(name, boot=False, size=4 << 20):
    path = os.path.join(DIR, name)
    with open(path, "wb") as f:
        f.write((BOOT.ljust(510, b"\0") + b"\x55\xaa") if boot else bytes(512))
        f.truncate(size)
    return path


def loop_device(path):
    """A block device with this file in it; None where none can be made."""
    if not ROOT or not shutil.which("losetup"):
        return None
    p = subprocess.run(["losetup", "-f", "--show", path], capture_output=True, text=True,
                       check=False)
    dev = p.stdout.strip()
    return dev if not p.returncode and stat.S_ISBLK(os.stat(dev).st_mode) else None


def written(path):
    with open(path, "rb") as f:
        f.seek(512)
        return f.read(len(BOOT)) == BOOT


def disks():
    """SeaBIOS writes to each: an IDE disk, io_uring past the cache, threads, an overlay."""
    ide, ring, threads, over = (image(f"{n}.img", True) for n in ("ide", "ring", "threads", "over"))
    dev = loop_device(ring)
    log = os.path.join(DIR, "serial")
    aio = "aio=io_uring,cache=none"
    if subprocess.run([ANYKVM, "-accel", ACCEL, "-drive", f"{ring},if=virtio,{aio}", "-S",
                       "-display", "none", "-monitor", "stdio", "-serial", "null", "-m", "16"],
                      input=b"quit\n", capture_output=True, timeout=LIMIT, check=False).returncode:
        aio = "aio=threads"            # no ring, or no O_DIRECT here
    m = Monitored("-serial", f"file:{log}", "-display", "none", "-drive", f"{ide},index=0,media=disk",
                  "-drive", f"{dev or ring},if=virtio,{aio}",
                  "-drive", f"{threads},if=virtio,aio=threads,cache=writethrough",
                  "-drive", f"{over},if=virtio,snapshot=on", kernel=False)
    said, limit = b"", time.time() + 6 * LIMIT
    while len(said) < 4 and time.time() < limit and m.p.poll() is None:
        time.sleep(0.1)
        with open(log, "rb") as f:
            said = f.read()
    ok(said == b"KKKK", "four disks are written", said)
    m.ends("disks: quit")
    if dev:
        subprocess.run(["losetup", "-d", dev], check=False)
    ok(written(ide) and written(ring) and written(threads) and not written(over),
       f"what was written is there, but for the overlay's{', a block device too' if dev else ''}",
       [written(x) for x in (ide, ring, threads, over)])


def media():
    first, second, floppy = image("a.iso"), image("b.iso"), image("f.img", size=1440 << 10)
    m = Monitored("-display", "none", "-cdrom", first, "-fda", floppy)
    wrong = [w for w in (m.do(f"change ide1-cd0 {second}"), m.do("eject ide1-cd0"),
                         m.do(f"change ide1-cd0 {first}"), m.do("eject floppy0"),
                         m.do(f"change floppy0 {floppy}")) if "rror" in w or "no " in w]
    ok(not wrong and first in m.do("info block"), "media are changed", wrong)
    for kind, head in (("png", b"\x89PNG"), ("ppm", b"P6")):
        path = os.path.join(DIR, "shot." + kind)
        m.do(f"screendump {path}")
        ok(os.path.exists(path) and open(path, "rb").read(4).startswith(head), f"screendump, {kind}")
    m.ends("media: SIGTERM", signal.SIGTERM)


def viewers():
    m = Monitored("-vga", "std", "-vnc", "127.0.0.1:0,to=99,password=on,websocket=on")
    m.do("set_password vnc secret")
    info = m.do("info vnc")
    port = int(info.split("Server: ")[1].split(" ")[0].rsplit(":", 1)[1]) if "Server: " in info else 0
    v = rfb.Viewer(port, "secret", limit=LIMIT)
    v.keysym(0x61, True)
    v.keysym(0x61, False)
    v.pointer(5, 5, 1)
    ok(v.until(lambda: v.rects, LIMIT), "a viewer with a password sees and types")
    web = socket.create_connection(("127.0.0.1", port - 200), timeout=LIMIT)
    web.sendall((f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port - 200}\r\nOrigin: http://127.0.0.1\r\n"
                 "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Protocol: binary\r\nSec-WebSocket-Key: " +
                 base64.b64encode(b"0123456789abcdef").decode() + "\r\n\r\n").encode())
    ok(b" 101 " in web.recv(4096), "a page is served by websocket")
    web.close()
    v.close()
    m.ends("viewers: SIGINT", signal.SIGINT)


def curses():
    os.environ["TERM"] = "xterm"
    m = Monitored("-display", "curses", tty=True)
    for rows, cols in ((24, 80), (10, 40), (60, 160)):
        fcntl.ioctl(m.m.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        m.p.send_signal(signal.SIGWINCH)
        m.m.expect(b"\0nothing", 0.3)
    m.ends("curses, with the terminal's size changed")


def others():
    """-runas and -chroot: the monitor's files are the new root's."""
    if not ROOT:
        print("# -runas and -chroot: not root")
        return
    inside = os.path.join(DIR, "inside")
    os.mkdir(inside)
    os.chmod(DIR, 0o755)
    os.chmod(inside, 0o777)
    shutil.copy(image("c.iso"), inside)
    m = Monitored("-display", "none", "-cdrom", image("d.iso"), "-runas", "nobody", "-chroot", inside)
    with open(f"/proc/{m.p.pid}/status", encoding="ascii") as f:
        uid = next(x.split()[1] for x in f if x.startswith("Uid:"))
    ok(uid != "0" and os.readlink(f"/proc/{m.p.pid}/root") == inside, "another user, another root", uid)
    m.do("change ide1-cd0 /c.iso")
    ok("/c.iso" in m.do("info block"), "a medium from there")
    m.do("screendump /shot.ppm")
    ok(glob.glob(inside + "/shot.ppm"), "and a picture to there")
    m.ends("others: quit")


def reconnecting():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LIMIT)
    port = listener.getsockname()[1]
    m = Monitored("-display", "none", "-chardev",
                  f"socket,id=c,host=127.0.0.1,port={port},reconnect=1", "-serial", "chardev:c")
    for turn in ("first", "second"):
        peer, _ = listener.accept()
        ok(True, f"reconnect=: it calls the {turn} time")
        peer.close()
    m.ends("reconnect=: quit")


for part in (media, curses, viewers, reconnecting, others, disks):
    try:
        part()
    except (OSError, EOFError, rfb.Refused, IndexError) as e:
        ok(False, part.__name__, f"{e!r}\n{Monitored.last.words() if Monitored.last else ''}")
        if Monitored.last:
            Monitored.last.p.kill()
sys.exit(end())
