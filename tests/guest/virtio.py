#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux's drivers for the small virtio devices: balloon, console and ports, entropy.

    tests/guest/virtio.py [-l] [NAME]...

A row is a shell in the guest, on its serial port; what it says and what the host sees must agree.
"""
import hashlib
import os
import re
import socket
import sys

import linux
from boot import Wrong
from pc import main, shell

MIB = 1 << 20
MEMORY = 512


def ram(m):
    """Bytes of the guest's memory that the process has, however often it is mapped: RAM is the one shared
    mapping without a file."""
    with open(f"/proc/{m.p.pid}/smaps", encoding="utf-8") as f:
        text = f.read()
    shares = re.findall(r"(?m)^\w+-\w+ .*/dev/zero.*\n(?:[A-Z].*\n)*?Pss: +(\d+) kB", text)
    return sum(map(int, shares)) << 10


def total(m):
    return int(re.search(r"MemTotal: +(\d+) kB", m.ask("grep MemTotal /proc/meminfo"))[1]) << 10


def fill(m, mib):
    """Write to that much of the guest's memory, and free it."""
    m.ask(f"dd if=/dev/zero of=/tmp/fill bs=1M count={mib} 2>/dev/null")
    had = ram(m)
    m.ask("rm /tmp/fill")
    if had < mib * MIB:
        raise Wrong(f"the guest wrote to {mib} MiB, and the process has {had} bytes of RAM")


def balloon(tmp):
    """Memory goes back to the host and comes again, and the guest's own figures arrive."""
    with shell(tmp, ["drivers/virtio/virtio_balloon"], "-device",
               "virtio-balloon-pci,guest-stats-polling-interval=1", memory=MEMORY) as m:
        fill(m, 300)
        before = total(m)
        for keep in (200, 120):
            m.monitor(f"balloon {keep}")
            m.wait(lambda: f"actual={keep}" in m.info("balloon"), lambda: m.info("balloon"))
            if total(m) != before - (MEMORY - keep) * MIB:
                raise Wrong(f"balloon {keep}: the guest has {total(m)} bytes of {before}")
            m.wait(lambda: ram(m) <= keep * MIB,
                 lambda: f"balloon {keep}: the process has {ram(m)} bytes of RAM")

        def stats():
            return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", m.info("balloon"))}
        m.wait(lambda: stats().get("total_mem") == total(m), lambda: f"{stats()}, not {total(m)}")
        free = int(re.search(r"MemFree: +(\d+)", m.ask("grep MemFree /proc/meminfo"))[1]) << 10
        if abs(stats()["free_mem"] - free) > 8 * MIB:
            raise Wrong(f"the guest has {free} bytes free and says {stats()}")
        m.monitor(f"balloon {MEMORY}")
        m.wait(lambda: total(m) == before, lambda: f"of {before} bytes {total(m)} came back")
        fill(m, 300)


def free_page_reporting(tmp):
    """What the guest frees goes back by itself, and is there again when it is written."""
    with shell(tmp, ["drivers/virtio/virtio_balloon"], "-device",
               "virtio-balloon-pci,free-page-reporting=on", memory=MEMORY) as m:
        for _ in range(2):
            fill(m, 300)
            m.wait(lambda: ram(m) < 150 * MIB, lambda: f"the process keeps {ram(m)} bytes of RAM")


def rng(tmp):
    """The kernel takes the device for its source, and what it gives is not twice the same."""
    with shell(tmp, ["drivers/char/hw_random/virtio-rng"], "-device", "virtio-rng-pci") as m:
        where = "/sys/class/misc/hw_random/rng_current"
        if "virtio_rng" not in m.ask(f"cat {where}"):
            raise Wrong(f"rng_current: {m.ask(f'cat {where}')}")
        sums = {m.ask("head -c 4096 /dev/hwrng | gzip | wc -c; head -c 4096 /dev/hwrng | md5sum")
                for _ in range(3)}
        if len(sums) != 3 or any(int(s.split()[0]) < 4096 for s in sums):
            raise Wrong(f"4096 bytes, compressed, and their sum: {sums}")


class Peer:
    """The host's end of a character device."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)
        self.s.settimeout(60)
        self.got = b""

    def until(self, what):
        while what not in self.got:
            try:
                data = self.s.recv(65536)
            except TimeoutError:
                data = b""
            if not data:
                raise Wrong(f"{what!r} did not come: {self.got[-300:]!r}")
            self.got += data
        self.got = self.got[self.got.index(what) + len(what):]

    def take(self, size):
        while len(self.got) < size:
            data = self.s.recv(65536)
            if not data:
                raise Wrong(f"{len(self.got)} bytes of {size}")
            self.got += data
        data, self.got = self.got[:size], self.got[size:]
        return data


def console(tmp):
    """A login on hvc0, and a port by its name, both ways."""
    paths = {n: os.path.join(tmp, n) for n in ("console", "port")}
    chardevs = [w for n, p in paths.items()
                for w in ("-chardev", f"socket,id={n},path={p},server=on,wait=off")]
    with shell(tmp, ["drivers/char/virtio_console"], *chardevs, "-device", "virtio-serial-pci",
               "-device", "virtconsole,chardev=console", "-device",
               "virtserialport,chardev=port,name=org.anykvm.test") as m:
        hvc, port = Peer(paths["console"]), Peer(paths["port"])
        m.ask("echo root::0:0::/:/bin/sh > /etc/passwd; echo root:x:0: > /etc/group")
        m.ask("setsid getty -L 115200 hvc0 vt100 & true")
        hvc.until(b"login: ")
        hvc.s.sendall(b"root\n")
        hvc.until(b"# ")
        hvc.s.sendall(b"tty; expr 6 \\* 7\n")
        hvc.until(b"/dev/hvc0\r\n42\r\n")

        name = m.ask("grep -l ^org.anykvm.test$ /sys/class/virtio-ports/*/name").split("/")[-2]
        data = os.urandom(MIB)
        m.ask(f"(head -c {MIB} < /dev/{name} > /tmp/in; echo over > /tmp/over) & sleep 1")
        port.s.sendall(data)
        m.wait(lambda: "over" in m.ask("cat /tmp/over 2>&1 | cat"), lambda: m.ask("ls -l /tmp"))
        if hashlib.md5(data).hexdigest() not in m.ask("md5sum /tmp/in"):
            raise Wrong("what came through the port is not what was sent: " + m.ask("md5sum /tmp/in"))
        m.say(f"cat /tmp/in /tmp/in > /dev/{name}\n")
        if port.take(2 * MIB) != 2 * data:
            raise Wrong("what the guest sent through the port came differently")


sys.exit(main(__doc__, [balloon, free_page_reporting, rng, console]))
