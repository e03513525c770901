/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel interfaces that differ between the kernels we build for, each under
 * one name of ours. What there is has been probed (probe.h, made by module.mk).
 */
#ifndef ANYKVM_COMPAT_H
#define ANYKVM_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/eventfd.h>
#include <linux/rcupdate.h>
#include <linux/syscore_ops.h>

#include "probe.h"

#ifdef HAVE_HRTIMER_SETUP
#define compat_hrtimer_setup hrtimer_setup
#else
static inline void compat_hrtimer_setup(struct hrtimer *h,
					enum hrtimer_restart (*fn)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(h, clock, mode);
	h->function = fn;
}
#endif

static inline void compat_rcu_virt_note_context_switch(void)
{
#ifdef HAVE_RCU_VIRT_NOTE_CPU
	rcu_virt_note_context_switch(raw_smp_processor_id());
#else
	rcu_virt_note_context_switch();
#endif
}

/* A wait for memory that any signal ends, not only one that kills. */
#ifdef HAVE_FOLL_INTERRUPTIBLE
#define COMPAT_FOLL_INTERRUPTIBLE FOLL_INTERRUPTIBLE
#else
#define COMPAT_FOLL_INTERRUPTIBLE 0
#endif

static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef HAVE_EVENTFD_SIGNAL_COUNT
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/* What is called around a sleep of the machine, with interrupts off. */
#ifdef HAVE_REGISTER_SYSCORE
#define COMPAT_SYSCORE_ARG void *data
#else
#define COMPAT_SYSCORE_ARG void
#endif

static inline void compat_syscore(struct syscore_ops *ops, bool on)
{
#ifdef HAVE_REGISTER_SYSCORE
	static struct syscore s;

	s.ops = ops;
	if (on)
		register_syscore(&s);
	else
		unregister_syscore(&s);
#else
	if (on)
		register_syscore_ops(ops);
	else
		unregister_syscore_ops(ops);
#endif
}

#endif
