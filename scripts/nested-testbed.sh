#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Run a program against the distribution's own kvm-amd, on any machine: QEMU emulates a processor
# with AMD-V (slowly, without acceleration), the distribution's kernel boots on it with its kvm
# modules, and the program runs there with a stock /dev/kvm. It is the reference that the
# conformance suite is held against.
#
#	scripts/nested-testbed.sh [-m MB] [-smp N] [-t SECONDS] [-f PATH=FILE]... PROGRAM [ARG]...
#	scripts/nested-testbed.sh ... -s SCRIPT		a busybox sh script instead of a program
#
# PROGRAM may be linked dynamically: its libraries come along. Exit status: the program's, or 125.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
mem=2048 smp=2 limit=900 script= files=
while [ $# -gt 0 ]; do
	case $1 in
	-m)	mem=$2; shift 2 ;;
	-smp)	smp=$2; shift 2 ;;
	-t)	limit=$2; shift 2 ;;
	-f)	files="$files $2"; shift 2 ;;
	-s)	script=$2; shift 2; break ;;
	-*)	echo "nested-testbed: unknown option $1" >&2; exit 125 ;;
	*)	break ;;
	esac
done
[ -n "$script" ] || [ $# -gt 0 ] || { sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 125; }

cd "$top"
scripts/fetch-guest amd64 modules >&2
guest=build/guest
work=$(mktemp -d "${TMPDIR:-/tmp}/anykvm-testbed.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

libs() { # every library of a dynamic program, and its loader
	ldd "$1" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'
}

args=
for m in virt/lib/irqbypass drivers/crypto/ccp/ccp drivers/char/hw_random/rng-core \
	arch/x86/kvm/kvm arch/x86/kvm/kvm-amd; do
	[ ! -f "$guest/modules-amd64/kernel/$m.ko" ] ||
		args="$args modules/${m##*/}.ko=$guest/modules-amd64/kernel/$m.ko"
done
add() { # PATH=FILE: with its libraries
	args="$args $1"
	for l in $(libs "${1#*=}"); do
		case " $args " in *" $l=$l "*) ;; *) args="$args $l=$l" ;; esac
	done
}
for f in $files; do
	[ -d "${f#*=}" ] && args="$args $f" || add "$f"
done
{
	echo '#!/bin/busybox sh'
	echo 'for m in rng-core irqbypass ccp kvm kvm-amd; do'
	echo '	[ ! -f /modules/$m.ko ] || insmod /modules/$m.ko 2>/dev/null || /bin/busybox insmod /modules/$m.ko'
	echo 'done'
	echo '[ -c /dev/kvm ] || { echo "nested-testbed: no /dev/kvm inside"; exit 125; }'
	echo '/bin/busybox mkdir -p /dev/shm && /bin/busybox mount -t tmpfs tmpfs /dev/shm'
	if [ -n "$script" ]; then
		echo 'exec /bin/busybox sh /tests/script "$@"'
	else
		printf 'exec /tests/%s' "${1##*/}"
		prog=$1; shift
		for a in "$@"; do printf " '%s'" "$(printf %s "$a" | sed "s/'/'\\\\''/g")"; done
		echo
	fi
} > "$work/go"
chmod +x "$work/go"
if [ -n "$script" ]; then
	args="$args tests/script=$script"
else
	add "tests/${prog##*/}=$prog"
fi
# shellcheck disable=SC2086
scripts/mkinitrd "$work/initrd.gz" "$guest/busybox-amd64" "tests/go=$work/go" $args

timeout "$limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp "$smp" -m "$mem" \
	-display none -monitor none -net none -no-reboot -serial stdio -vga none \
	-kernel "$guest/vmlinuz-amd64" -initrd "$work/initrd.gz" \
	-append "console=ttyS0 quiet panic=-1 tsc=reliable anykvm.run=go" </dev/null |
	sed -u 's/\r//g' | tee "$work/out" | sed -u -n '/^anykvm-begin/,/^anykvm-exit/p' |
	grep -v --line-buffered '^anykvm-\(begin\|exit\)' || :
status=$(sed -n 's/^anykvm-exit: //p' "$work/out" | tail -n 1)
if [ -z "$status" ]; then
	echo "nested-testbed: the machine ended before the program did:" >&2
	tail -n 20 "$work/out" >&2
	exit 125
fi
exit "$status"
