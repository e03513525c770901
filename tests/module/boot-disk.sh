#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A disk by virtio and by the ATA controller's DMA.
# row: seconds=40 cpus=1
exec tests/guest/boot.py --kvm disk-linux
