#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# On a processor without AMD-V the module says so in one line and does not load.
# (QEMU lowers the highest leaf of CPUID with the feature; the kernel needs those below.)
# row: seconds=5 cpu=max,-svm,xlevel=0x8000000a load=no only=anykvm
. tests/module/lib.sh

check "loading fails" not $kvm load 2>/dev/null
check "the kernel's log says why" said -E 'anykvm: .*(AMD-V|SVM)'
check "in one line" one_line
check "no device is left" [ ! -e /dev/kvm ]
check "no module is left" [ ! -d /sys/module/anykvm ]
done_testing
