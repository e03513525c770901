#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux guests on disks: a controller each row, whole disks read and written, CDs, and kill -9.

    tests/guest/disks.py [-v] [--qemu] [NAME]...

The guest sums the whole disk, writes random bytes through the page cache and past it, syncs, reads
them back; the image must hold them when the process has ended. Then another guest writes numbered
blocks, each with fsync, and says the number when it has come back; the process is killed at a random
moment, several times over: no number that was said may be missing from the image. --qemu runs the rows
on QEMU's TCG instead: it proves the row, not us.
"""
import hashlib
import os
import random
import re
import sys
import tempfile

import linux
from linux import drive

MIB = 1 << 20
KILLS = 3

ATA = ["crypto/crct10dif_common", "lib/crc-t10dif", "lib/crc64", "lib/crc64-rocksoft", "block/t10-pi",
       "drivers/scsi/scsi_common", "drivers/scsi/scsi_mod", "drivers/ata/libata",
       "drivers/ata/ata_piix", "drivers/scsi/sd_mod", "drivers/cdrom/cdrom", "drivers/scsi/sr_mod"]
VIRTIO = [*linux.VIRTIO_PCI, "drivers/block/virtio_blk"]

# Name, the disk's controller, its name in the guest, what else the command line says, modules, MiB.
ROWS = [
    ("ide", "ide", "sda", "", ATA, 64),
    ("ide-pio", "ide", "sda", "libata.dma=0", ATA, 4),
    ("virtio", "virtio", "vda", "", VIRTIO, 64),
]

START = r"""#!/bin/busybox sh
b=/bin/busybox
for m in $(cat /tests/modules); do
	$b insmod /modules/$m || echo "anykvm-insmod: $m failed"
done
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ -b /dev/$1 ] && break
	$b sleep 1
done
"""

WHOLE = START + r"""
sum() { $b md5sum | $b cut -d ' ' -f 1; }
echo "anykvm-whole: $($b md5sum /dev/$1 | $b cut -d ' ' -f 1)"
[ -b /dev/sr0 ] && echo "anykvm-cd: $($b md5sum /dev/sr0 | $b cut -d ' ' -f 1)"
$b dd if=/dev/urandom of=/tmp/file bs=1M count=$2 2>/dev/null
$b dd if=/tmp/file of=/dev/$1 bs=64k seek=16 conv=fsync 2>/dev/null || exit 1
echo "anykvm-written: $($b md5sum /tmp/file | $b cut -d ' ' -f 1)"
echo 3 > /proc/sys/vm/drop_caches
echo "anykvm-back: $($b dd if=/dev/$1 bs=1M skip=1 count=$2 2>/dev/null | sum)"
# The last sector of the disk, by itself.
$b dd if=/tmp/file of=/dev/$1 bs=512 count=1 seek=$(($(cat /sys/block/$1/size) - 1)) \
	conv=fsync 2>/dev/null || exit 2
$b dmesg | $b grep -iE 'ata.*(error|exception|failed)|I/O error|timeout' && exit 3
if [ -b /dev/sr0 ]; then
	# The kernel opens the tray when the last user leaves, and closes it for the next, as told.
	cd /proc/sys/dev/cdrom
	echo 0 > autoclose
	echo 1 > autoeject
	$b dd if=/dev/sr0 of=/dev/null count=1 2>/dev/null || exit 4
	echo 0 > autoeject
	$b dd if=/dev/sr0 of=/dev/null count=1 2>/dev/null && exit 5
	echo 1 > autoclose
	$b dd if=/dev/sr0 of=/dev/null count=1 2>/dev/null || exit 6
fi
exit 0
"""

NUMBERS = START + r"""
i=0
while [ $i -lt 4000 ]; do
	$b printf "anykvm block %8d" $i | $b dd of=/dev/$1 bs=4096 seek=$i conv=fsync,sync \
		2>/dev/null || exit 1
	echo "anykvm-safe: $i"
	i=$((i + 1))
done
exit 0
"""


def command(args, initrd, drives, more):
    return [*linux.host(args), "-m", "512", "-nographic", "-no-reboot", "-vga", "none", *drives,
            "-kernel", linux.KERNEL, "-initrd", initrd,
            "-append", f"console=ttyS0 quiet panic=-1 {more}"]


def whole(args, tmp, initrd, spec):
    _, bus, name, words, _, mib = spec
    image, cd = os.path.join(tmp, "disk"), os.path.join(tmp, "cd")
    data, disc = os.urandom(mib * MIB), os.urandom(5 * MIB)
    with open(image, "wb") as f:
        f.write(data)
    with open(cd, "wb") as f:
        f.write(disc)
    drives = ["-drive", f"file={image},if={bus},format=raw"]
    if bus == "ide":
        drives += ["-cdrom", cd]
    count = mib // 4
    text = drive(command(args, initrd, drives, f"{words} anykvm.run=whole anykvm.args={name},{count}"),
                 args.verbose)
    wants = ["anykvm-whole: " + hashlib.md5(data).hexdigest(), "anykvm-exit: 0"]
    if bus == "ide":
        wants.append("anykvm-cd: " + hashlib.md5(disc).hexdigest())
    missing = [w for w in wants if w not in text]
    if missing:
        return "not on the console: " + missing[0] + "\n" + text[-2000:]
    sums = re.findall(r"anykvm-(?:written|back): (\w+)", text)
    with open(image, "rb") as f:
        now = f.read()
    if len(now) != len(data) or now[:MIB] != data[:MIB]:
        return "the image has other bytes where nobody wrote"
    if len(sums) != 2 or {*sums} != {hashlib.md5(now[MIB:MIB + count * MIB]).hexdigest()}:
        return "what was written is not what is read, or not in the image"
    if now[-512:] != now[MIB:MIB + 512]:
        return "the last sector was not written"
    return ""


def killed(args, tmp, initrd, spec):
    _, bus, name, words, _, _ = spec
    image = os.path.join(tmp, "numbers.img")
    for cache in ("writeback", "none", "writethrough")[:KILLS]:
        with open(image, "wb") as f:
            f.truncate(20 * MIB)
        stop = random.randrange(10, 80)
        text = drive(command(args, initrd,
                             ["-drive", f"file={image},if={bus},format=raw,cache={cache}"],
                             f"{words} anykvm.run=numbers anykvm.args={name}"),
                     args.verbose, lambda t, stop=stop: f"anykvm-safe: {stop}\r" in t)
        safe = [int(n) for n in re.findall(r"anykvm-safe: (\d+)\r", text)]
        if len(safe) < stop:
            return f"cache={cache}: the guest came to {len(safe)} blocks only\n" + text[-2000:]
        with open(image, "rb") as f:
            now = f.read()
        lost = [n for n in safe
                if now[n * 4096:n * 4096 + 21] != b"anykvm block %8d" % n]
        if lost:
            return f"cache={cache}: of {len(safe)} blocks that were safe these are lost: {lost}"
    return ""


def row(spec, args):
    with tempfile.TemporaryDirectory(prefix="anykvm-disks-", dir="/var/tmp") as tmp:
        initrd = linux.make_initrd(tmp, spec[4], whole=WHOLE, numbers=NUMBERS)
        if not initrd:
            return linux.NO_MODULES
        return whole(args, tmp, initrd, spec) or killed(args, tmp, initrd, spec)


def main():
    args = linux.arguments()
    return linux.run([(r[0], lambda r=r: row(r, args)) for r in ROWS], args.names)


if __name__ == "__main__":
    sys.exit(main())
