#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian with systemd on a disk, from the firmware to a login on the serial port and on the screen.

    tests/guest/debian.py [-l] [NAME]...

The system is scripts/fetch-userland system's; here it becomes a disk that SeaBIOS boots, with GRUB.
"""
import os
import subprocess
import sys
import time

from boot import GUEST, Skip, Wrong, need
from pc import Machine, main

GRUB = "/usr/lib/grub/i386-pc"


def debian_disk(tmp):
    """The Debian of fetch-userland as a whole disk: GRUB before its first and only partition."""
    userland = os.path.join(GUEST, "userland")
    system = need(os.path.join(userland, "system.img"), "a Debian (scripts/fetch-userland)")
    disk, early, core = (os.path.join(tmp, n) for n in ("disk", "early.cfg", "core.img"))
    with open(early, "w", encoding="utf-8") as f:
        f.write("set root=hd0,msdos1\nterminal_output console\necho anykvm: GRUB is here\n"
                "linux /vmlinuz root=LABEL=root ro console=tty0 console=ttyS0 net.ifnames=0 nomodeset\n"
                "initrd /initrd.img\nboot\n")
    subprocess.run(["grub-mkimage", "-O", "i386-pc", "-d", GRUB, "-p", "/boot/grub", "-c", early, "-o",
                    core, "biosdisk", "part_msdos", "ext2", "linux", "normal", "echo", "boot"],
                   check=True)
    with open(core, "rb") as f:
        embedded = f.read()
    with open(os.path.join(GRUB, "boot.img"), "rb") as f:
        mbr = bytearray(f.read(440))
    size = os.path.getsize(system) // 512
    # No disk but this one, whatever drive the BIOS says it is.
    mbr[0x66:0x68] = b"\x90\x90"
    with open(disk, "wb") as f:
        f.write(mbr + bytes(6) + b"\x80\0\0\0\x83\0\0\0" + (2048).to_bytes(4, "little") +
                size.to_bytes(4, "little") + bytes(48) + b"\x55\xaa")
        f.write(embedded)
        if f.tell() > 1 << 20:
            raise Skip("GRUB does not fit before the first partition")
    subprocess.run(["dd", f"if={system}", f"of={disk}", "bs=1M", "seek=1", "conv=notrunc,sparse",
                    "status=none"], check=True)
    os.truncate(disk, (1 << 20) + os.path.getsize(system))
    return disk


def login(m):
    m.hear(r"debian login: ", 300)
    m.say("root\n")
    m.hear(r"root@debian:~# ")


def debian(tmp, disk, name, nic, card):
    image = debian_disk(tmp)
    with Machine(tmp, "-drive", f"file={image},format=raw,if={disk}", "-netdev", "user,id=n",
                 "-device", f"{nic},netdev=n", memory=1024) as m:
        m.see(r"GRUB is here|Loading|login:", 60)
        login(m)
        m.say("uname -sm; cut -d ' ' -f 1,2 /proc/mounts\n")
        m.hear(r"Linux x86_64")
        m.hear(rf"/dev/{name}1 /[\r\n]")
        m.say(f"readlink /sys/class/net/eth0/device/driver | grep -c {card}\n")
        m.hear(r"[\r\n]1[\r\n]")
        # The same on the screen, with its keyboard.
        m.see(r"debian login: *_?")
        m.type("root\n")
        m.see(r"root@debian:~#")
        m.type("echo typed-on-the-screen\n")
        m.see(r"(?m)^typed-on-the-screen")
        m.say("poweroff\n")
        end = time.time() + 60
        while m.p.poll() is None and time.time() < end:
            m.listen(0.5)
        if m.p.poll() != 0:
            raise Wrong(f"poweroff: status {m.p.poll()}: {m.serial[-400:]}")


def virtio(tmp):
    debian(tmp, "virtio", "vda", "virtio-net-pci", "virtio_net")


def ide(tmp):
    debian(tmp, "ide", "sda", "e1000", "e1000")


sys.exit(main(__doc__, [virtio, ide]))
