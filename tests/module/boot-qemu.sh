#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# QEMU boots the distribution's kernel, with one CPU and with two.
# row: seconds=70 cpus=1
exec tests/guest/boot.py --kvm qemu-amd64 qemu-amd64-smp
