#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Where another module has /dev/kvm ours says which, does not load, and leaves it working.
# row: seconds=10 load=no only=anykvm
. tests/module/lib.sh

check "the distribution's module is there first" $kvm load-as kvm-amd
check "ours does not load" not $kvm load 2>/dev/null
check "the kernel's log says by whom the device is taken" said 'anykvm: .*/dev/kvm.* kvm'
check "in one line" one_line
check "the other works as before" hold
release
sleep 1
check "and goes" $kvm unload-as kvm-amd
check "then ours loads" $kvm load
check "and works" hold
release
sleep 1
$kvm unload
done_testing
