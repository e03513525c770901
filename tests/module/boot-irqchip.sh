#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The interrupt chips half and wholly in QEMU.
# row: seconds=70 cpus=1 long=yes
exec tests/guest/boot.py --kvm qemu-irqchip-split qemu-irqchip-off
