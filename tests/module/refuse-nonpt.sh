#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# With AMD-V but without nested paging: the module says so in one line and does not load.
# row: seconds=5 cpu=max,-npt load=no only=anykvm
. tests/module/lib.sh

check "loading fails" not $kvm load 2>/dev/null
check "the kernel's log says why" said -E 'anykvm: .*(nested paging|NPT)'
check "in one line" one_line
check "no device is left" [ ! -e /dev/kvm ]
check "no module is left" [ ! -d /sys/module/anykvm ]
done_testing
