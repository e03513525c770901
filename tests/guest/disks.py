#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux guests on disks: a controller each row, whole disks read and written, CDs, a disk that is full,
and kill -9.

    tests/guest/disks.py [-v] [--qemu] [--seed N] [NAME]...

The guest sums the whole disk, writes random bytes through the page cache and past it, syncs, reads
them back; the image must hold them when the process has ended. Then the host lets no byte be written
behind a place in the image (werror=stop): the machine must pause and say why, as often as it is told to
go on, and lose nothing when the place is free again. Then another guest writes numbered blocks, each
with fsync, and says the number when it has come back, while a second writer fills the disk's caches; the
process is killed at a random moment, several times over: no number that was said may be missing from
the image. The moments come from the seed, which is printed; how far the kernel had got beyond what was
said is printed with each. --qemu runs the rows on QEMU's TCG instead: it proves the row, not us.
"""
import hashlib
import os
import random
import re
import resource
import socket
import struct
import sys
import tempfile
import time

import linux
from linux import drive

sys.path.insert(0, os.path.join(linux.TOP, "tests/host"))
from qmp_client import Qmp

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

START = linux.START + r"""for i in 1 2 3 4 5 6 7 8 9 10; do
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

FULL = START + r"""
$b dd if=/dev/urandom of=/tmp/file bs=1M count=8 2>/dev/null
echo "anykvm-ready"
# The host says go in the first sector, when it has set its limit.
while [ "$($b dd if=/dev/$1 bs=512 count=1 iflag=direct 2>/dev/null | $b head -c 2)" != go ]; do
	$b sleep 0.1
done
$b dd if=/tmp/file of=/dev/$1 bs=64k seek=16 conv=fsync 2>/dev/null || exit 1
echo "anykvm-written: $($b md5sum /tmp/file | $b cut -d ' ' -f 1)"
$b dmesg | $b grep -iE 'ata.*(error|exception|failed)|I/O error|timeout' && exit 3
exit 0
"""

NUMBERS = START + r"""
while :; do
	$b dd if=/dev/zero of=/dev/$1 bs=64k seek=256 count=16 2>/dev/null
done &
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


def limited(path, image, found):
    """Limits the image to 4 MiB, watches the machine stop twice, and takes the limit away."""
    q = Qmp(path, 60).begin()
    pid, _, _ = struct.unpack("iII", q.s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4 * MIB, resource.RLIM_INFINITY))
    with open(image, "r+b") as f:
        f.write(b"go")
    for _ in range(2):
        e = q.event("BLOCK_IO_ERROR")
        found.append(e["data"] if e else "no BLOCK_IO_ERROR")
        found.append("STOP" if q.event("STOP") else "no STOP")
        q.events.clear()
        found.append(q.send("query-status")["return"]["status"])
        if len(found) == 6:
            resource.prlimit(pid, resource.RLIMIT_FSIZE,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        q.send("cont")
    q.s.close()


def full(args, tmp, initrd, spec):
    _, bus, name, words, _, _ = spec
    if args.qemu:
        return ""      # dies of SIGXFSZ
    image, path = os.path.join(tmp, "full.img"), os.path.join(tmp, "qmp")
    with open(image, "wb") as f:
        f.truncate(16 * MIB)
    found = []

    def enough(text):
        if "anykvm-ready" in text and not found:
            limited(path, image, found)
        return False

    text = drive([*command(args, initrd, ["-drive", f"file={image},if={bus},format=raw,werror=stop"],
                           f"{words} anykvm.run=full anykvm.args={name}"),
                  "-qmp", f"unix:{path},server=on,wait=off"], args.verbose, enough)
    for error, stop, state in (found[:3], found[3:]) if len(found) == 6 else ():
        if not isinstance(error, dict) or stop != "STOP" or state != "io-error":
            return f"a limit: instead of an error the machine says {error}, {stop}, {state}"
        if (error["operation"], error["action"], error["nospace"]) != ("write", "stop", False) or \
                error["reason"] != "File too large":
            return f"a limit: the event is {error}"
    with open(image, "rb") as f:
        now = f.read()
    want = "anykvm-written: " + hashlib.md5(now[MIB:9 * MIB]).hexdigest()
    if len(found) != 6 or want not in text or "anykvm-exit: 0" not in text:
        return f"a limit: after {found} not on the console: {want}, anykvm-exit: 0\n" + text[-2000:]
    return ""


def killed(args, tmp, initrd, spec):
    row_name, bus, name, words, _, _ = spec
    image = os.path.join(tmp, "numbers.img")
    for cache in ("writeback", "none", "writethrough")[:KILLS]:
        rnd = random.Random(f"{args.seed} {row_name} {cache}")
        stop, wait = rnd.randrange(5, 30), rnd.random() * 0.04
        with open(image, "wb") as f:
            f.truncate(20 * MIB)

        def enough(text, stop=stop, wait=wait):
            if f"anykvm-safe: {stop}\r" not in text:
                return False
            time.sleep(wait)
            return True

        text = drive(command(args, initrd,
                             ["-drive", f"file={image},if={bus},format=raw,cache={cache}"],
                             f"{words} anykvm.run=numbers anykvm.args={name}"),
                     args.verbose, enough)
        safe = [int(n) for n in re.findall(r"anykvm-safe: (\d+)\r", text)]
        if len(safe) < stop:
            return f"cache={cache}: the guest came to {len(safe)} blocks only\n" + text[-2000:]
        with open(image, "rb") as f:
            now = f.read()
        lost = [n for n in safe
                if now[n * 4096:n * 4096 + 21] != b"anykvm block %8d" % n]
        if lost:
            return f"cache={cache}: of {len(safe)} blocks that were safe these are lost: {lost}"
        there = sum(now[n * 4096:n * 4096 + 12] == b"anykvm block" for n in range(4000))
        print(f"# {row_name}, cache={cache}: killed {wait * 1000:.1f} ms after block {stop}: "
              f"{len(safe)} were safe, {there} in the image", flush=True)
    return ""


def row(spec, args):
    with tempfile.TemporaryDirectory(prefix="anykvm-disks-", dir="/var/tmp") as tmp:
        initrd = linux.make_initrd(tmp, spec[4], whole=WHOLE, full=FULL,
                                  numbers=NUMBERS)
        if not initrd:
            return linux.NO_MODULES
        why = whole(args, tmp, initrd, spec) or full(args, tmp, initrd, spec) or \
            killed(args, tmp, initrd, spec)
        return f"{why}\n--seed {args.seed} repeats it" if why else ""


def main():
    args = linux.arguments(seed={"type": int, "default": random.randrange(1 << 32)})
    print(f"# --seed {args.seed}", flush=True)
    return linux.run([(r[0], lambda r=r: row(r, args)) for r in ROWS], args.names)


if __name__ == "__main__":
    sys.exit(main())
