# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# What the test scripts share: . tests/module/lib.sh
kvm=scripts/testbed/kvm
module=$(echo "${KVM_MODULE:-anykvm}" | tr - _)
tap=0

ok() { # COMMAND's status, NAME: after a command, ok $? "what"
	tap=$((tap + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap - $2"
	else
		echo "not ok $tap - $2"
	fi
}

check() { # NAME COMMAND...
	name=$1
	shift
	"$@"
	ok $? "$name"
}

not() { ! "$@"; }

done_testing() { echo "1..$tap"; }

# What the kernel has said since the test began, of us.
said() { dmesg | grep -q "$@"; }

# We have said one thing (busybox' insmod tries twice, in the two ways that there are).
one_line() { [ "$(dmesg | sed -n 's/.*anykvm: //p' | grep -v taint | sort -u | wc -l)" = 1 ]; }

# A process that holds a VM open: its number is $holder.
hold() { # [DEVICE]
	KVM_DEVICE=${1:-/dev/kvm} build/tests/module/hold &
	holder=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		[ -e "/tmp/hold.$holder" ] && return
		sleep 0.2
	done
	return 1
}

release() {
	kill "$holder"
	wait "$holder" 2>/dev/null
	rm -f "/tmp/hold.$holder"
}
