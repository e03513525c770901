#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Our own PC: a disk by the ATA controller's DMA, an address by DHCP through an e1000.
# row: seconds=40 cpus=1
exec tests/guest/boot.py --kvm anykvm-pc
