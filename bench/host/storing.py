# SPDX-License-Identifier: LGPL-2.1-or-later
"""fio in the guest on a virtio disk: 4 KiB at a time, past both page caches, on a file in /var/tmp."""
import os
import re
import shutil
import subprocess

from pair import Failed, Guest, Section, command, kernel
import linux

MIB = 256
DEPTHS = (1, 16)
KINDS = {"read": "sequential reads", "write": "sequential writes", "randread": "random reads",
         "randwrite": "random writes"}
MODULES = [*linux.VIRTIO_PCI, "drivers/block/virtio_blk"]
SCRIPT = r"""#!/bin/busybox sh
b=/bin/busybox
for m in $(cat /tests/modules); do
	$b insmod /modules/$m || exit 1
done
exec /tests/fio --output-format=terse --terse-version=3 /tests/jobs
"""
GLOBAL = """[global]
filename=/dev/vda
direct=1
bs=4k
ioengine=libaio
time_based=1
ramp_time=200ms
runtime={}
thread=1
"""
# terse version 3: the name, then operations a second of reads and of writes, are fields of their own.
NAME, READS, WRITES = 2, 7, 48


def name(kind, depth):
    return f"{KINDS[kind]} 4 KiB, depth {depth}"


def fio():
    """The program and the libraries that it is linked with, as scripts/mkinitrd takes them."""
    path = shutil.which("fio")
    if not path:
        raise Failed("fio is not installed (scripts/deps bench)")
    text = subprocess.run(["ldd", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", text)
    return [f"tests/fio={path}", *(f"{lib.lstrip('/')}={os.path.realpath(lib)}" for lib in libraries)]


def jobs(seconds):
    text = GLOBAL.format(f"{int(seconds * 1000)}ms")
    for kind in KINDS:
        for depth in DEPTHS:
            text += f"[{kind}-{depth}]\nrw={kind}\niodepth={depth}\nstonewall\n"
    return text


class Storage(Section):
    ROWS = {name(k, d): ("thousand/s", "more") for k in KINDS for d in DEPTHS}

    def __init__(self, tmp, seconds):
        super().__init__(tmp, seconds)
        self.image = os.path.join(tmp, "disk.img")
        with open(self.image, "wb") as f:
            for _ in range(MIB):
                f.write(os.urandom(1 << 20))
            os.fsync(f.fileno())
        self.initrd = linux.make_initrd(tmp, MODULES, fio(), disk=SCRIPT, jobs=jobs(seconds))
        if not self.initrd:
            raise Failed(linux.NO_MODULES)

    def measures(self):
        return [self.measure]

    def measure(self, program):
        argv = command(program, 1024, "-drive", f"file={self.image},if=virtio,format=raw,cache=none",
                       *kernel(self.initrd, "anykvm.run=disk"))
        result = {}
        with Guest(f"disk {program}", argv, 60 + 10 * self.seconds * len(self.ROWS)) as guest:
            for line in guest.lines():
                field = line.split(";")
                if field[0] == "3" and len(field) > WRITES:
                    kind, depth = field[NAME].split("-")
                    result[name(kind, int(depth))] = max(int(field[READS]), int(field[WRITES])) / 1e3
                if line.startswith("anykvm-exit: "):
                    break
            if len(result) != len(self.ROWS):
                raise Failed(f"{guest.name}: not every job was done ({guest.log}): "
                             f"{guest.text[-300:]!r}")
        return result
