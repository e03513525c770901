/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What struct plat_thread has room for: of the thread that is in KVM_RUN, and
 * of its way into the guest and back.
 */
#ifndef ANYKVM_THREAD_H
#define ANYKVM_THREAD_H

#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include <linux/sched.h>
#include <asm/fpu/api.h>
#include "core.h"

struct thread_home {
	/* hot: hw_guest_enter and the kick */
	int cpu;		/* that it entered the guest on last */
	bool fpu_loaded;	/* the guest's FPU is current's */
	bool preempted;		/* runnable, but the scheduler gave the processor away */
	bool has_mask;
	u32 woken;		/* plat_thread_wake came, nobody has seen it yet */
	u32 poll_ns;		/* for so long the next wait polls before it sleeps */
	struct fpu_guest *fpu;
	struct task_struct *task;	/* in KVM_RUN; readers hold the RCU lock */
	struct rcuwait wait;
	struct preempt_notifier notifier;
	sigset_t mask;		/* KVM_SET_SIGNAL_MASK's; the thread's own is in real_blocked meanwhile */
};

static inline struct thread_home *thread_home(struct plat_thread *t)
{
	BUILD_BUG_ON(sizeof(struct thread_home) > sizeof(t->home));
	return (struct thread_home *)t->home;
}

static inline struct vcpu_head *vcpu_head(struct vcpu *v)
{
	return (struct vcpu_head *)v;
}

static inline struct thread_home *vcpu_home(struct vcpu *v)
{
	return thread_home(&vcpu_head(v)->thread);
}

#endif
