#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux guests on a tap interface: addresses by hand, a ping, a file each way, offloads and queues.

    tests/guest/tap.py [-v] [--qemu] [NAME]...

All of it is in a network namespace of the test's own, which as root or with user namespaces costs the
host nothing; where neither is allowed the test is skipped. --qemu runs the rows on QEMU's TCG instead:
it proves the row, not us.
"""
import hashlib
import http.server
import os
import re
import subprocess
import sys
import tempfile
import threading

import linux
from net import E1000, SIZE, VIRTIO, Server, Sink

INSIDE = "ANYKVM_TAP_INSIDE"
# Virtio 1.2, section 5.1.3.
CSUM, GUEST_CSUM, GUEST_TSO4, HOST_TSO4, MQ = 0, 1, 7, 11, 22
# A file in segments of an Ethernet frame each is more packets than this, with offloads far fewer.
WHOLE = SIZE // 1460

SCRIPT = linux.START + linux.CABLE + r"""
$b ip addr add 10.99.0.2/24 dev eth0
echo "anykvm-features: $(cat /sys/class/net/eth0/device/features 2>/dev/null)"
echo "anykvm-queues:" $(ls /sys/class/net/eth0/queues)
$b ping -c 3 -W 5 10.99.0.1 || exit 2
$b wget -q -O /tmp/file http://10.99.0.1:$1/file || exit 3
echo "anykvm-md5: $($b md5sum /tmp/file)"
# From the last CPU, which has the last queue for its own.
last=$(($($b grep -c ^processor /proc/cpuinfo) - 1))
$b taskset -c $last $b nc 10.99.0.1 $2 < /tmp/file || exit 4
$b sed -n 's/^ *[0-9]*:\(.*\)virtio.-input.1.*/anykvm-input-1: \1/p' /proc/interrupts
echo "anykvm-errors: $(cat /sys/class/net/eth0/statistics/rx_errors \
	/sys/class/net/eth0/statistics/tx_errors | $b tr '\n' ' ')"
exit 0
"""

# Name, CPUs, -netdev's words, -device, modules, features that must be there, and must not, queues.
ROWS = [
    ("offloads and two queues", 2, "vnet_hdr=on,queues=2", "virtio-net-pci,mq=on,vectors=6", VIRTIO,
     {CSUM, GUEST_CSUM, GUEST_TSO4, HOST_TSO4, MQ}, set(), "rx-0 rx-1 tx-0 tx-1"),
    ("vnet_hdr=off", 1, "vnet_hdr=off", "virtio-net-pci", VIRTIO,
     set(), {CSUM, GUEST_CSUM, GUEST_TSO4, HOST_TSO4, MQ}, "rx-0 tx-0"),
    ("e1000", 1, "vnet_hdr=off", "e1000", E1000, set(), set(), "rx-0 tx-0"),
]


def packets():
    """What the host's interface has received and sent."""
    with open("/proc/net/dev", encoding="ascii") as f:
        words = re.search(r"tap0:(.*)", f.read())[1].split()
    return int(words[1]), int(words[9])


class Interface:
    """Once it is there it gets its address; at the guest's end it is counted."""

    def __init__(self):
        self.up, self.counted = False, None

    def __call__(self, text):
        ip = [os.path.join(linux.GUEST, "busybox-amd64"), "ip"]
        if not self.up and os.path.exists("/proc/sys/net/ipv4/conf/tap0"):
            subprocess.run([*ip, "addr", "add", "10.99.0.1/24", "dev", "tap0"], check=True)
            subprocess.run([*ip, "link", "set", "tap0", "up"], check=True)
            self.up = True
        if "anykvm-errors" in text and not self.counted:
            self.counted = packets()
        return "anykvm-exit" in text


def row(_, cpus, words, device, modules, there, absent, queues, args):
    with tempfile.TemporaryDirectory(prefix="anykvm-tap-") as tmp:
        initrd = linux.make_initrd(tmp, modules, net=SCRIPT)
        if not initrd:
            return linux.NO_MODULES
        Server.data = os.urandom(SIZE)
        server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sink, interface = Sink("0.0.0.0"), Interface()
        text = linux.drive(
            [*linux.host(args), "-m", "256", "-smp", str(cpus), "-nographic", "-no-reboot", "-vga",
             "none", "-netdev", f"tap,id=n0,ifname=tap0,script=no,downscript=no,{words}",
             "-device", f"{device},netdev=n0", "-kernel", linux.KERNEL, "-initrd", initrd, "-append",
             "console=ttyS0 quiet panic=-1 anykvm.run=net "
             f"anykvm.args={server.server_address[1]},{sink.port}"], args.verbose, interface)
        server.shutdown()
        server.server_close()
    wants = [f"anykvm-queues: {queues}", "3 packets transmitted, 3 packets received",
             "anykvm-md5: " + hashlib.md5(Server.data).hexdigest(), "anykvm-errors: 0 0",
             "anykvm-exit: 0"]
    missing = [w for w in wants if w not in text]
    if missing:
        return "not on the console: " + missing[0] + "\n" + text[-2000:]
    sink.join(20)
    if sink.got != Server.data:
        return f"the file came back with {len(sink.got)} bytes of {SIZE}"
    bits = re.search(r"anykvm-features: (\d*)", text)[1]
    has = {n for n, bit in enumerate(bits) if bit == "1"}
    if not there <= has or has & absent:
        return f"features {sorted(has)}: not {sorted(there - has)}, but {sorted(has & absent)}"
    few = [n < WHOLE // 2 for n in interface.counted or (0, 0)]
    if few != [bool(there)] * 2:
        return f"{WHOLE} frames of a file are {interface.counted} packets"
    if MQ in there:
        irqs = sum(map(int, re.findall(r"\b(\d+) ", re.search(r"anykvm-input-1: ([\d ]*)", text)[1])))
        if not irqs:
            return "the second queue has never interrupted"
    return ""


def main():
    args = linux.arguments()
    if INSIDE not in os.environ:
        how = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        why = "" if os.path.exists("/dev/net/tun") else "no /dev/net/tun"
        if not why and subprocess.run([*how, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            why = "no network namespace of one's own: " + " ".join(how)
        if why:
            print(f"1..0 # SKIP {why}")
            return 77
        os.environ[INSIDE] = "1"
        os.execvp(how[0], [*how, sys.executable, *sys.argv])
    return linux.run([(r[0], lambda r=r: row(*r, args)) for r in ROWS], args.names)


if __name__ == "__main__":
    sys.exit(main())
