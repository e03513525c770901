#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Linux finds on the board: its clock, virtio over MMIO, all CPUs, memory above 4 GiB.

    tests/guest/board.py [-v] [NAME]...
"""
import datetime
import os
import re
import sys
import tempfile

import linux

args = linux.arguments()
FIRMWARE = ["-bios", "bios-256k.bin"]
INFO = os.path.join(linux.GUEST, "initrd-amd64.gz")
MMIO = ["drivers/virtio/virtio", "drivers/virtio/virtio_ring", "drivers/virtio/virtio_mmio"]


def boot(initrd, *words, append, limit=150):
    argv = [*linux.host(args), "-nographic", "-no-reboot", "-nodefaults", "-vga", "none", *words,
            "-kernel", linux.KERNEL, "-initrd", initrd, "-append", "console=ttyS0 panic=-1 " + append]
    return linux.drive(argv, args.verbose, limit=limit)


def in_linux(script, *words, modules=()):
    """What the script says in a guest with these modules and words; or why it could not run."""
    with tempfile.TemporaryDirectory(prefix="anykvm-board.") as tmp:
        initrd = linux.make_initrd(tmp, modules, run=script)
        if not initrd:
            return linux.NO_MODULES
        return boot(initrd, "-m", "256", *words, append="anykvm.run=run")


def missing(text, *patterns):
    for p in patterns:
        if not re.search(p, text, re.M):
            return f"no /{p}/ in: {text[-600:]}"
    return ""


# --- the clock ---

CLOCK = """#!/bin/sh
bb=/bin/busybox
echo "anykvm-rtc: $($bb cat /sys/class/rtc/rtc0/date) $($bb cat /sys/class/rtc/rtc0/time)"
echo "anykvm-date: $($bb date -u '+%Y-%m-%d %H:%M:%S')"
"""


def clock(words, begin, env=None):
    """The guest's clock chip, and Linux's time after it, are at @begin and seconds on."""
    before = dict(os.environ)
    os.environ.update(env or {})
    try:
        text = in_linux(CLOCK, "-rtc", words)
    finally:
        os.environ.clear()
        os.environ.update(before)
    for what in "rtc", "date":
        found = re.search(rf"^anykvm-{what}: (\S+ \S+)", text, re.M)
        if not found:
            return text if text.startswith("skip") else f"no {what}: {text[-600:]}"
        ahead = (datetime.datetime.fromisoformat(found[1]) - begin).total_seconds()
        if not 0 <= ahead < 150:
            return f"{what} says {found[1]}, {ahead:.0f} s after the start at {begin}"
    return ""


def utc():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)


def clock_utc():
    return clock("base=utc", utc())


def clock_local():
    return clock("base=localtime,clock=rt", utc() + datetime.timedelta(hours=5, minutes=30),
                 {"TZ": "XYZ-5:30"})


def clock_date():
    return clock("base=1999-12-31T23:59:55,clock=vm", datetime.datetime(1999, 12, 31, 23, 59, 55))


# --- virtio over MMIO ---

MMIO_SCRIPT = """#!/bin/sh
bb=/bin/busybox
for m in $($bb cat /tests/modules); do $bb insmod /modules/$m || exit 4; done
for d in vda vdb; do
	i=0
	while [ ! -b /dev/$d ]; do $bb sleep 0.1; i=$((i + 1)); [ $i -lt 100 ] || exit 3; done
	echo "anykvm-disk: $d $($bb md5sum < /dev/$d)"
	$bb dd if=/dev/zero of=/dev/$d bs=64k count=1 conv=fsync 2>/dev/null
done
$bb cat /proc/interrupts
$bb ip link set eth0 up
$bb ip addr add 10.0.2.15/24 dev eth0
$bb ping -c 3 -w 20 10.0.2.2 && echo "anykvm-ping: yes"
"""


def mmio(*words):
    import hashlib
    with tempfile.TemporaryDirectory(prefix="anykvm-board.") as tmp:
        disks, sums = [], []
        for n in range(2):
            path = os.path.join(tmp, f"disk{n}")
            data = bytes([n + 1]) * (1 << 20) + os.urandom(1 << 20)
            with open(path, "wb") as f:
                f.write(data)
            sums.append(hashlib.md5(data).hexdigest())
            disks += ["-drive", f"if=none,id=d{n},format=raw,file={path}", "-device",
                      f"virtio-blk-device,drive=d{n}" + (",packed=on" if n else "")]
        text = in_linux(MMIO_SCRIPT, *words, *disks, "-netdev", "user,id=n", "-device",
                        "virtio-net-device,netdev=n", "-device", "virtio-rng-device",
                        modules=[*MMIO, "drivers/block/virtio_blk", "net/core/failover",
                                 "drivers/net/net_failover", "drivers/net/virtio_net"])
        if text.startswith("skip"):
            return text
        wrong = missing(text, rf"^anykvm-disk: vda {sums[0]}", rf"^anykvm-disk: vdb {sums[1]}",
                        r"IO-APIC +16-fasteoi +virtio0", r"IO-APIC +18-fasteoi +virtio2",
                        r"^anykvm-ping: yes", r"^anykvm-exit: 0")
        for n in range(2):
            with open(os.path.join(tmp, f"disk{n}"), "rb") as f:
                if not wrong and f.read(65536) != bytes(65536):
                    wrong = f"what the guest wrote to disk {n} is not in its file"
        return wrong


def mmio_direct():
    return mmio()


def mmio_firmware():
    return mmio(*FIRMWARE)


# --- CPUs and memory ---

def cpus_64():
    text = boot(INFO, "-m", "1024", "-smp", "64", *FIRMWARE, append="anykvm.info", limit=400)
    return missing(text, r"smpboot: Allowing 64 CPUs, 0 hotplug", r"^CPUs: 64 x ", r"^anykvm-up:")


def memory_5g():
    text = boot(INFO, "-m", "5G", *FIRMWARE, append="anykvm.info")
    found = re.search(r"^MemTotal: *(\d+) kB", text, re.M)
    wrong = missing(text, r"BIOS-e820: \[mem 0x0000000100000000-0x000000017fffffff\] usable",
                    r"^anykvm-up:")
    if not wrong and not 4.7 < int(found[1]) / (1 << 20) <= 5:
        wrong = f"MemTotal is {found[1]} kB of 5 GiB"
    return wrong


ROWS = [
    ("clock-utc", clock_utc),
    ("clock-localtime", clock_local),
    ("clock-date", clock_date),
    ("virtio-mmio", mmio_direct),
    ("virtio-mmio-firmware", mmio_firmware),
    ("cpus-64", cpus_64),
    ("memory-5g", memory_5g),
]

sys.exit(linux.run(ROWS, args.names))
