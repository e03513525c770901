#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A network card by virtio.
# row: seconds=30 cpus=1
exec tests/guest/boot.py --kvm net-linux
