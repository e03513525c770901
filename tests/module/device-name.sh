#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The parameter device= takes another name than /dev/kvm.
# row: seconds=5 load=no only=anykvm
. tests/module/lib.sh

check "loads with device=anykvm" $kvm load device=anykvm
check "the device has that name" [ -c /dev/anykvm ]
check "/dev/kvm is left alone" [ ! -e /dev/kvm ]
check "a guest runs there" hold /dev/anykvm
release
sleep 1
check "unloads" $kvm unload
check "the device is gone" [ ! -e /dev/anykvm ]
done_testing
