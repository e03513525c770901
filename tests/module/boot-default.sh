#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# QEMU's own model of a processor on q35, two CPUs; a machine that resets itself.
# row: seconds=80 cpus=1 long=yes
exec tests/guest/boot.py --kvm qemu-default-cpu qemu-reboot
