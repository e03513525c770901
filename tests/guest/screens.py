#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests with a screen: what they show is read off its picture, what a person types is typed.

    tests/guest/screens.py [-l] [NAME]...

A row starts `anykvm` with firmware; it waits for words on the screen or on the serial port, and types
on the guest's keyboard. What a row needs and is not there is fetched by scripts/fetch-guest, or the row
is skipped.
"""
import os
import sys

from boot import GUEST, Wrong, grub_iso, need
from pc import Machine, main

RESCUE = "/usr/lib/grub-rescue/grub-rescue-floppy.img"


def firmware(tmp, card):
    with Machine(tmp, "-vga", card, "-nodefaults") as m:
        text = m.see(r"No bootable device")
        if "SeaBIOS (version" not in text:
            raise Wrong(f"no banner on {card}:\n{text}")


def seabios_std(tmp):
    """SeaBIOS's words on the VGA with Bochs VBE."""
    firmware(tmp, "std")


def seabios_cirrus(tmp):
    """The same on the Cirrus CL-GD5446."""
    firmware(tmp, "cirrus")


def grub_rescue(tmp):
    """GRUB from a diskette: its menu, and a command that is typed."""
    with Machine(tmp, "-boot", "a", "-fda", need(RESCUE, "grub-rescue-pc")) as m:
        m.see(r"GNU GRUB +version 2|Press any key")
        m.press_until("c", r"grub>")
        m.key("ctrl-u")  # a press too many stands on the line
        m.type("echo Typed-in 1-1\n")
        m.see(r"(?m)^ *Typed-in 1-1")


def memtest(tmp):
    with Machine(tmp, "-bios", "bios-256k.bin", "-kernel",
                 need(os.path.join(GUEST, "memtest.bin"), "memtest86+"), memory=64) as m:
        m.see(r"Memtest86\+ v")
        m.see(r"Test: #\d|Testing: ")
        m.key("f1")
        m.see(r"Test Selection|Settings")
        m.key("esc")


def mach(tmp):
    iso = grub_iso(tmp, "multiboot /boot/gnumach.gz\nboot\n",
                   ("boot/gnumach.gz", need(os.path.join(GUEST, "gnumach.gz"), "GNU Mach")))
    with Machine(tmp, "-boot", "d", "-cdrom", iso) as m:
        m.see(r"bootstrap_create: No bootstrap code loaded")


def xen(tmp):
    iso = grub_iso(tmp, "multiboot2 /boot/xen.gz console=com1,vga com1=115200 noreboot\nboot\n",
                   ("boot/xen.gz", need(os.path.join(GUEST, "xen.gz"), "Xen")))
    with Machine(tmp, "-boot", "d", "-cdrom", iso) as m:
        m.hear(r"Xen version 4\.")
        m.hear(r"VGA is text mode 80x25")
        m.hear(r"dom0 kernel not specified")


def ipxe(tmp):
    """The card's option ROM boots from the network: a script over TFTP."""
    tftp = os.path.join(tmp, "tftp")
    os.mkdir(tftp)
    with open(os.path.join(tftp, "boot.ipxe"), "w", encoding="utf-8") as f:
        f.write("#!ipxe\necho anykvm over TFTP to ${net0/ip}\nsleep 30\n")
    with Machine(tmp, "-boot", "n", "-netdev", f"user,id=n,tftp={tftp},bootfile=boot.ipxe", "-device",
                 "e1000,netdev=n") as m:
        m.see(r"iPXE ")
        m.see(r"anykvm over TFTP to 10\.0\.2\.15")


ROWS = [seabios_std, seabios_cirrus, grub_rescue, memtest, mach, xen, ipxe]

sys.exit(main(__doc__, ROWS))
