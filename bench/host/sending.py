# SPDX-License-Identifier: LGPL-2.1-or-later
"""virtio-net: bytes and turns a second between the guest and a server on this host, through
libslirp and over a tap interface."""
import os
import subprocess

from pair import OUT, Failed, Guest, Section, command, kernel
import linux
import net

TRAFFIC = f"{OUT}/traffic"
TAP = f"akvb{os.getpid() % 100000}"
HERE, THERE = "192.168.97.1", "192.168.97.2"
# Words of -netdev; the host's address, the guest's; what is measured, in this order.
NETS = {
    "user": ("user", "10.0.2.2", "10.0.2.15", ("send", "fetch", "turn")),
    "tap": (f"tap,ifname={TAP},script=no,downscript=no", HERE, THERE,
            ("send", "fetch", "turn", "packets", "flood")),
}
KINDS = {
    "send": ("TCP, guest to host", "MiB/s", "more"),
    "fetch": ("TCP, host to guest", "MiB/s", "more"),
    "turn": ("TCP round trip", "us", "less"),
    "packets": ("UDP of 64 bytes, guest to host", "thousand/s", "more"),
    "flood": ("UDP of 64 bytes, host to guest", "thousand/s", "more"),
}
SCRIPT = r"""#!/bin/busybox sh
b=/bin/busybox
host=$1 port=$2 guest=$3 ms=$4
shift 4
for m in $(cat /tests/modules); do
	$b insmod /modules/$m || exit 1
done
$b ip link set eth0 up
$b ip addr add $guest/24 dev eth0
# A cable that was just put in is not up at once.
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(cat /sys/class/net/eth0/carrier)" = 1 ] && break
	$b sleep 1
done
/tests/traffic turn $host $port 200 > /dev/null || exit 1
for kind; do
	/tests/traffic $kind $host $port $ms || exit 1
done
"""


def row(where, kind):
    return f"-netdev {where}: {KINDS[kind][0]}"


def ip(*words):
    return subprocess.run(["ip", *words], stderr=subprocess.DEVNULL, check=False).returncode == 0


class Network(Section):
    ROWS = {row(where, kind): KINDS[kind][1:] for where, net_ in NETS.items() for kind in net_[3]}

    def __init__(self, tmp, seconds):
        super().__init__(tmp, seconds)
        self.initrd = linux.make_initrd(tmp, net.VIRTIO, [f"tests/traffic={TRAFFIC}"], net=SCRIPT)
        if not self.initrd:
            raise Failed(linux.NO_MODULES)
        self.port = net.free_port()
        self.server = subprocess.Popen([TRAFFIC, "serve", str(self.port)], stdout=subprocess.PIPE)
        self.server.stdout.readline()
        self.tap = (ip("tuntap", "add", "dev", TAP, "mode", "tap") and
                    ip("addr", "add", HERE + "/24", "dev", TAP) and ip("link", "set", TAP, "up"))
        if not self.tap:
            print("  no tap interface can be made here (root can): its rows are left out")

    def close(self):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()
        ip("link", "del", TAP)

    def measures(self):
        return [self.over(where) for where in NETS if where != "tap" or self.tap]

    def over(self, where):
        words, here, there, kinds = NETS[where]

        def measure(program):
            args = ",".join((here, str(self.port), there, str(int(self.seconds * 1000)), *kinds))
            argv = command(program, 512, "-netdev", words + ",id=n0", "-device",
                           "virtio-net-pci,netdev=n0",
                           *kernel(self.initrd, f"anykvm.run=net anykvm.args={args}"))
            with Guest(f"net {where} {program}", argv) as guest:
                return {row(where, kind): guest.figure(f"anykvm-{kind}: ") for kind in kinds}
        return measure
