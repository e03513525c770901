#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# SeaBIOS and GRUB: real mode and what switches to it and back.
# row: seconds=60 cpus=1
exec tests/guest/boot.py --kvm seabios grub-iso
