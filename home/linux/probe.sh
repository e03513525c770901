#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What this kernel's interfaces look like, found out by compiling a few lines
# under its own flags. A version number would say it of the kernel's release
# only, and distributions carry later interfaces back.
#
#	SYMVERS=FILE probe.sh OUTPUT COMPILER FLAGS...	(run by probe.kbuild)
#
# OUTPUT becomes a header with one line for each probe: a #define of its name,
# or a comment that the kernel is without it. compat.h gives each difference one
# name of ours, and the rest of the module knows only that.
#
#	probe NAME 'what it is about'	the lines on standard input compile
#	exported NAME SYMBOL 'what'	modules may use that symbol
set -u
out=$1
shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=${out%.h}.log
: > "$log"

compiles() { # COMPILER FLAGS...: standard input
	{
		echo '#include <linux/kernel.h>'
		echo '#include <linux/module.h>'
		cat
	} > "$work/probe.c"
	"$@" -Werror=implicit-function-declaration -Werror=incompatible-pointer-types \
		-Werror=int-conversion -c -o "$work/probe.o" "$work/probe.c" 2> "$work/said"
}

say() { # NAME WHAT FOUND
	if [ "$3" = yes ]; then
		echo "#define HAVE_$1 1 /* $2 */"
	else
		echo "/* HAVE_$1: not here: $2 */"
	fi
}

compiler() { compiles $cc; }

probe() {
	if compiler; then
		say "$1" "$2" yes
	else
		{ echo "== $1: no"; cat "$work/said"; } >> "$log"
		say "$1" "$2" no
	fi
}

exported() {
	if grep -q "	$2	" "$SYMVERS" 2>/dev/null; then
		say "$1" "$3" yes
	else
		echo "== $1: $2 is not exported" >> "$log"
		say "$1" "$3" no
	fi
}

cc="$*"
# A compiler that takes nothing, or anything, would answer every question alike.
if ! echo 'int anykvm_probe(void) { return 0; }' | compiler; then
	cat "$work/said" >&2
	echo "anykvm: the kernel's headers do not compile (above)" >&2
	exit 1
fi
if echo 'int anykvm_probe(void) { return no_such_function(1); }' | compiler; then
	echo "anykvm: the compiler takes undeclared functions" >&2
	exit 1
fi

{
echo "/* Made by home/linux/probe.sh from the kernel's headers. */"

probe EVENTFD_SIGNAL_COUNT 'eventfd_signal() takes a count, before 6.8' <<'END'
#include <linux/eventfd.h>
void anykvm_probe(struct eventfd_ctx *ctx) { eventfd_signal(ctx, 1); }
END

probe HRTIMER_SETUP 'hrtimer_setup() takes the function, since 6.13' <<'END'
#include <linux/hrtimer.h>
void anykvm_probe(struct hrtimer *t, enum hrtimer_restart (*f)(struct hrtimer *))
{
	hrtimer_setup(t, f, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
}
END

probe RCU_VIRT_NOTE_CPU 'rcu_virt_note_context_switch() takes a CPU, before 6.1' <<'END'
#include <linux/rcupdate.h>
void anykvm_probe(void) { rcu_virt_note_context_switch(0); }
END

probe FOLL_INTERRUPTIBLE 'get_user_pages() may end for any signal, since 6.2' <<'END'
#include <linux/mm.h>
int anykvm_probe(void) { return FOLL_INTERRUPTIBLE; }
END

probe KVM_RUN_UNSAFE 'kvm_run.immediate_exit has a warning in its name, since 6.10' <<'END'
#include <linux/kvm.h>
int anykvm_probe(struct kvm_run *run) { return run->immediate_exit__unsafe; }
END

probe REGISTER_SYSCORE 'register_syscore() takes data for its functions' <<'END'
#include <linux/syscore_ops.h>
void anykvm_probe(struct syscore *s) { register_syscore(s); }
END
} > "$out.tmp" && mv "$out.tmp" "$out"
