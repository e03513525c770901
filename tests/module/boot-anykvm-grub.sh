#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Our own PC: SeaBIOS, GRUB and Linux from a virtio disk.
# row: seconds=60 cpus=1
exec tests/guest/boot.py --kvm anykvm-grub
