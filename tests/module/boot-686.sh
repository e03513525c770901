#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The i386 architecture's kernel: PAE paging.
# row: seconds=70 cpus=1
exec tests/guest/boot.py --kvm qemu-686 qemu-686-smp
