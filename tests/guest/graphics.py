#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Graphics modes that other people's drivers set: Linux's for both cards, GRUB's by the VESA BIOS.

    tests/guest/graphics.py [-l] [NAME]...

Linux's console on a frame buffer has the letters of the VGA but for a few (T, V, f, m, v, 0), so its
words are read off its picture; GRUB's are another font's, and there the picture must change as it is
typed to.
"""
import os
import re
import sys

import linux
from boot import Wrong, grub_iso, need
from pc import Machine, main, shell

DRM = ["drivers/gpu/drm/drm", "drivers/gpu/drm/drm_kms_helper"]
BOCHS = [*DRM, "drivers/gpu/drm/ttm/ttm", "drivers/gpu/drm/drm_ttm_helper",
         "drivers/gpu/drm/drm_vram_helper", "drivers/gpu/drm/tiny/bochs"]
CIRRUS = [*DRM, "drivers/gpu/drm/drm_shmem_helper", "drivers/gpu/drm/tiny/cirrus"]


def console(m, driver, size):
    """The kernel's console on a frame buffer of that driver: its letters, and keys to a shell on it."""
    name = m.ask("cat /sys/class/graphics/fb0/name /sys/class/graphics/fb0/virtual_size").split()
    if not re.search(driver, name[0]) or name[1] != size.replace("x", ","):
        raise Wrong(f"the frame buffer is {name}, not {driver} of {size}")
    m.ask("setsid sh -i < /dev/tty1 > /dev/tty1 2>&1 & true")
    m.see(r"(?m)^/ # *_?$")
    m.type("echo -spelled-by-hand-\n")
    m.see(r"(?m)^-spelled-by-hand-$")
    width, height, _ = m.picture()
    if f"{width}x{height}" != size:
        raise Wrong(f"the picture is {width}x{height}")
    # More lines than the screen has: it scrolls.
    m.type("seq 111 199\n")
    if "hand" in m.see(r"(?m)^199\n/ #"):
        raise Wrong("the screen does not scroll:\n" + m.screen())


def bochs(tmp):
    """bochs-drm: VBE's registers through the BAR."""
    with shell(tmp, BOCHS, "-vga", "std", append="console=tty0 console=ttyS0") as m:
        console(m, "bochs-drm", "1280x800")


def bochs_1024(tmp):
    """The same in the mode that the command line asks for."""
    with shell(tmp, BOCHS, "-vga", "std", append="console=tty0 console=ttyS0 video=1024x768") as m:
        console(m, "bochs-drm", "1024x768")


def vga_option(tmp):
    """vga= on -append, which the kernel's real-mode start is handed and asks firmware for."""
    initrd = os.path.join(linux.GUEST, "initrd-amd64.gz")
    with Machine(tmp, "-vga", "std", "-bios", "bios-256k.bin", "-kernel", linux.KERNEL, "-initrd", initrd,
                 "-append", "vga=0x317") as m:
        m.wait(lambda: m.picture()[:2] == (1024, 768), "a picture of 1024x768")


def cirrus(tmp):
    """cirrus: the registers of the CL-GD5446, 16 bits a pixel; it counts on firmware having been there."""
    with shell(tmp, CIRRUS, "-bios", "bios-256k.bin", "-vga", "cirrus",
               append="console=tty0 console=ttyS0") as m:
        console(m, "cirrus", "1024x768")


def lit(m):
    width, height, pixels = m.picture()
    if (width, height) != (1024, 768):
        return 0
    return sum(v > 100 for v in pixels[::3])


def gfxterm(tmp):
    """GRUB's graphical terminal, in a mode of VBE."""
    font = need("/usr/share/grub/unicode.pf2", "GRUB's font")
    iso = grub_iso(tmp, "insmod all_video\nloadfont /boot/font.pf2\nset gfxmode=1024x768x32\n"
                   "insmod gfxterm\nterminal_output gfxterm\nserial\nterminal_input serial console\n"
                   "set color_normal=white/black\nset pager=0\n", ("boot/font.pf2", font))
    with Machine(tmp, "-vga", "std", "-boot", "d", "-cdrom", iso) as m:
        m.wait(lambda: lit(m) > 500, "GRUB's prompt in 1024x768")
        before = lit(m)
        m.type("echo mmmmmmmmmmmm\n")
        # Two lines of it: what was typed, and what it says.
        m.wait(lambda: lit(m) > before + 24 * 20, "what was typed")
        m.type("clear\n")
        m.wait(lambda: lit(m) < before, "a clear screen")


sys.exit(main(__doc__, [bochs, bochs_1024, vga_option, cirrus, gfxterm]))
