#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The conformance suite, the same binary. What differs is the emulated processor's doing.
# row: seconds=70
case $KVM_MODULE in
anykvm)	exec build/tests/api/api -t 40 -x tests/module/api.expect -s mode/v86 ;;
*)	exec build/tests/api/api -t 40 -x tests/api/expect.emulated -s mode/v86 \
		-s eventfd/io-any-length -s deliver/ ;;
esac
