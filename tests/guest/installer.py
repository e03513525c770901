#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's installer, of both architectures, to its first question and on to the next.

    tests/guest/installer.py [-l] [NAME]...

The kernel and the RAM disk are scripts/fetch-guest installer's.
"""
import os
import sys

from boot import GUEST, need
from pc import Machine, main


def installer(tmp, arch):
    where = need(os.path.join(GUEST, "installer-" + arch), f"the installer for {arch}")
    with Machine(tmp, "-bios", "bios-256k.bin", "-kernel", where + "/linux", "-initrd",
                 where + "/initrd.gz", "-append", "vga=normal fb=false nomodeset", memory=1024) as m:
        m.see(r"Select a language", 240)
        m.key("ret")
        m.see(r"Select your location|Country, territory or area")


def installer_amd64(tmp):
    installer(tmp, "amd64")


def installer_i386(tmp):
    installer(tmp, "i386")


sys.exit(main(__doc__, [installer_amd64, installer_i386]))
