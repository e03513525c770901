#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The module cannot be unloaded while a VM is open, nor when only the device is; after that it can.
# row: seconds=5 boot=slub_debug=FZ,preempt=full
. tests/module/lib.sh

check "a VM runs" hold
check "rmmod is refused while it does" not rmmod "$module" 2>/dev/null
release
sleep 1
exec 3<>/dev/kvm
check "and while the device is open" not rmmod "$module" 2>/dev/null
exec 3>&-
check "then it goes" $kvm unload
check "and comes again" $kvm load
done_testing
