#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Processes and copy on write on two CPUs.
# row: seconds=60 cpus=1 long=yes
exec tests/guest/boot.py --kvm forks
