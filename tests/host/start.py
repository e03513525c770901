#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a machine holds when its guest has executed its first instructions: little. Screens' memory,
tables and buffers are paid for when they are used. (How long it takes: make bench-host.)

    tests/host/start.py [PATH-OF-ANYKVM [ACCEL]]
"""
import os
import select
import subprocess
import sys

from little import ACCEL, ANYKVM, LIMIT, TMP, end, ok

# The whole of it: what would be the guest's RAM is there, too, but this guest touches none.
MOST = 6 << 20
FIRMWARE = os.path.join(TMP.name, "say.bin")

# At the reset vector: two bytes to the debug console, then HLT for ever.
SAY = b"\xb0!\xe6\xe9\xb0\n\xe6\xe9\xf4\xeb\xfd"


def held(pid):
    """Bytes of memory that are no file's."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        fields = dict(line.split(":", 1) for line in f)
    return sum(int(fields[k].split()[0]) << 10 for k in ("RssAnon", "RssShmem"))


def starts(*args):
    name = " ".join(args) or "nothing said"
    p = subprocess.Popen([ANYKVM, "-accel", ACCEL, "-m", "512", "-display", "none", "-serial", "none",
                          "-monitor", "none", "-debugcon", "stdio", "-bios", FIRMWARE, *args],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = b""
    while len(said) < 2 and select.select([p.stdout], [], [], LIMIT)[0]:
        data = os.read(p.stdout.fileno(), 2)
        if not data:
            break
        said += data
    if ok(said == b"!\n", f"{name}: the first instruction is executed", said):
        has = held(p.pid)
        ok(has <= MOST, f"{name}: at most {MOST >> 20} MiB are in use then", f"{has >> 10} KiB")
    p.kill()
    err = p.communicate()[1].decode(errors="replace")
    if said != b"!\n":
        print("# " + err)


def main():
    with open(FIRMWARE, "wb") as f:
        f.write((bytes(0x1fff0) + SAY).ljust(0x20000, b"\0"))
    starts()
    starts("-vga", "std")
    starts("-vga", "cirrus")
    starts("-vga", "none", "-nic", "none")
    starts("-m", "2048", "-device", "virtio-balloon-pci", "-device", "virtio-rng-pci")
    return end()


sys.exit(main())
