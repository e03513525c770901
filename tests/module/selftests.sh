#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The kernel's own KVM selftests; what the emulated machine changes is in selftests.MODULE.
# row: seconds=220
exec tests/selftests/run --stock --expected tests/module/selftests.slow \
	--expected "tests/module/selftests.$KVM_MODULE"
