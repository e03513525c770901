#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux guests on a network: a card each row, DHCP, a ping, files from and to this host.

    tests/guest/net.py [-v] [--qemu] [NAME]...

The guest gets an address by DHCP, pings the gateway, fetches a file of some MiB by HTTP from a server
in this process and sends one back, and serves one to a connection that comes in by hostfwd=. Then
without a disk: firmware, the card's iPXE, a script and a kernel by TFTP. --qemu runs the rows on
QEMU's TCG instead: it proves the row, not us.
"""
import hashlib
import http.server
import os
import socket
import sys
import tempfile
import threading
import time

import linux
from linux import drive

SIZE = 8 << 20
LIMIT = 120  # seconds that a guest may take

E1000 = ["drivers/net/ethernet/intel/e1000/e1000"]
VIRTIO = [*linux.VIRTIO_PCI, "net/core/failover", "drivers/net/net_failover",
          "drivers/net/virtio_net"]

SCRIPT = linux.START + linux.CABLE + r"""
port=$1
$b ip link set lo up
echo "anykvm-mac: $(cat /sys/class/net/eth0/address)"
$b udhcpc -i eth0 -n -q -t 5 -T 2 -s /tests/lease || exit 1
$b ping -c 3 -W 2 10.0.2.2 || exit 2
$b wget -q -O /tmp/file http://10.0.2.2:$port/file || exit 3
echo "anykvm-md5: $($b md5sum /tmp/file)"
$b nc 10.0.2.2 $2 < /tmp/file || exit 4
echo "anykvm-serving"
echo "from the guest" | $b nc -l -p 80
echo "anykvm-errors: $(cat /sys/class/net/eth0/statistics/rx_errors \
	/sys/class/net/eth0/statistics/tx_errors | $b tr '\n' ' ')"
$b ip link set eth0 down
exit 0
"""

LEASE = r"""#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/busybox ip addr add $ip/$mask dev $interface
/bin/busybox ip route add default via $router
echo "anykvm-lease: $ip/$mask via $router dns $dns"
"""

# Name, what -device says, the modules that drive it.
ROWS = [
    ("e1000", "e1000", E1000),
    ("e1000-82544gc", "e1000-82544gc", E1000),
    ("e1000-82545em", "e1000-82545em", E1000),
    ("virtio-net", "virtio-net-pci", VIRTIO),
    ("virtio-net, packed rings", "virtio-net-pci-non-transitional,packed=on", VIRTIO),
    ("virtio-net, legacy", "virtio-net-pci,disable-modern=on,mrg_rxbuf=off", VIRTIO),
]


# Cards that boot from the network by their option ROM, and whether all the way into Linux.
BOOT_ROWS = [("e1000", False), ("e1000-82544gc", False), ("e1000-82545em", False),
             ("virtio-net-pci", True)]

BOOT_SCRIPT = """#!ipxe
echo anykvm-pxe from ${net0/next-server} on ${net0/mac}
"""
BOOT_LINUX = """kernel vmlinuz initrd=initrd.gz console=ttyS0 quiet panic=-1 anykvm.info
initrd initrd.gz
boot
"""


class Server(http.server.BaseHTTPRequestHandler):
    data = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(self.data)

    def log_message(self, *args):
        pass


class Sink(threading.Thread):
    """Takes one connection, and what comes over it."""

    def __init__(self, address="127.0.0.1"):
        super().__init__(daemon=True)
        self.listener = socket.create_server((address, 0))
        self.listener.settimeout(100)
        self.port = self.listener.getsockname()[1]
        self.got = b""
        self.start()

    def run(self):
        try:
            peer = self.listener.accept()[0]
            while data := peer.recv(1 << 16):
                self.got += data
            peer.close()
        except OSError:
            pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(port):
    """What comes in on a forwarded port: the guest's nc answers once."""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.settimeout(20)
        return s.recv(100)


class Served:
    """What the guest served to a connection to @port, once it said that it does."""

    def __init__(self, port):
        self.port, self.got = port, b""

    def __call__(self, text):
        if "anykvm-serving" in text and not self.got:
            time.sleep(0.5)
            self.got = fetch(self.port)
        return False


def row(_, device, modules, port, args):
    with tempfile.TemporaryDirectory(prefix="anykvm-net-") as tmp:
        initrd = linux.make_initrd(tmp, modules, net=SCRIPT, lease=LEASE)
        if not initrd:
            return linux.NO_MODULES
        forwarded = free_port()
        dump = os.path.join(tmp, "dump")
        sink, served = Sink(), Served(forwarded)
        text = drive(
            [*linux.host(args), "-m", "256", "-nographic", "-no-reboot", "-vga", "none",
             "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{forwarded}-:80",
             "-object", f"filter-dump,id=d0,netdev=n0,file={dump}",
             "-device", f"{device},netdev=n0,mac=52:54:00:aa:bb:cc",
             "-kernel", linux.KERNEL, "-initrd", initrd, "-append",
             f"console=ttyS0 quiet panic=-1 anykvm.run=net anykvm.args={port},{sink.port}"],
            args.verbose, served, LIMIT)
        wants = ["anykvm-mac: 52:54:00:aa:bb:cc",
                 "anykvm-lease: 10.0.2.15/24 via 10.0.2.2 dns 10.0.2.3",
                 "3 packets transmitted, 3 packets received",
                 "anykvm-md5: " + hashlib.md5(Server.data).hexdigest(),
                 "anykvm-errors: 0 0", "anykvm-exit: 0"]
        missing = [w for w in wants if w not in text]
        if missing:
            return "not on the console: " + missing[0] + "\n" + text[-2000:]
        if sink.got != Server.data:
            return f"the file came back with {len(sink.got)} bytes of {SIZE}"
        if served.got != b"from the guest\n":
            return f"the forwarded port gave {served.got!r}"
        if os.path.getsize(dump) < 2 * SIZE:
            return f"the dump has {os.path.getsize(dump)} bytes"
    return ""


def boot_row(device, with_linux, args):
    """SeaBIOS runs the card's iPXE, which asks slirp's DHCP for a file and gets it by TFTP."""
    want = "anykvm-up: " if with_linux else "anykvm-pxe from 10.0.2.2 on 52:54:00:aa:bb:cc"
    with tempfile.TemporaryDirectory(prefix="anykvm-net-") as tmp:
        with open(os.path.join(tmp, "boot.ipxe"), "w", encoding="ascii") as f:
            f.write(BOOT_SCRIPT + (BOOT_LINUX if with_linux else ""))
        os.symlink(linux.KERNEL, os.path.join(tmp, "vmlinuz"))
        os.symlink(os.path.join(linux.GUEST, "initrd-amd64.gz"), os.path.join(tmp, "initrd.gz"))
        how = linux.host(args, "-nodefaults", "-serial", "stdio", "-fw_cfg",
                         "name=etc/sercon-port,string=0")
        text = drive([*how, "-m", "512", "-nographic", "-no-reboot", "-vga", "none", "-netdev",
                      f"user,id=n0,tftp={tmp},bootfile=boot.ipxe",
                      "-device", f"{device},netdev=n0,mac=52:54:00:aa:bb:cc"],
                     args.verbose, lambda t: want in t, LIMIT)
    return "" if want in text else f"not on the console: {want}\n" + text[-2000:]


def main():
    args = linux.arguments()
    Server.data = os.urandom(SIZE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    rows = [(r[0], lambda r=r: row(*r, port, args)) for r in ROWS]
    rows += [("boot " + b[0], lambda b=b: boot_row(*b, args)) for b in BOOT_ROWS]
    return linux.run(rows, args.names)


if __name__ == "__main__":
    sys.exit(main())
