#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Our own host program on the same device.
# row: seconds=90 cpus=1
exec tests/guest/boot.py --kvm anykvm-amd64 anykvm-amd64-smp anykvm-686
