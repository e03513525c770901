// SPDX-License-Identifier: GPL-2.0
/*
 * The thread inside KVM_RUN: its signals, its sleep in a halt, and what the
 * scheduler does with it.
 *
 * A halted vCPU first polls for a while, for waking a sleeping thread costs
 * more than most waits are long. The while adapts to the guest: it grows
 * (from 0, or by doubling) when a wait turned out to be short enough to have
 * been worth it, and falls back to 0 after one that even the longest would not
 * have covered.
 *
 * The scheduler tells when it takes the processor from us in the midst of
 * guest code. The guest has a byte for that, which its other CPUs look at
 * before they spin for this one.
 */
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/signal.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include "plat.h"
#include "hw.h"
#include "thread.h"

static unsigned int halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "Longest time to poll before a halted vCPU's thread sleeps (0: never)");

#define POLL_FIRST_NS 10000

/* ---- the scheduler ---- */

static struct plat_thread *of_notifier(struct preempt_notifier *n)
{
	struct thread_home *h = container_of(n, struct thread_home, notifier);

	return container_of((u64 *)h, struct plat_thread, home[0]);
}

static void sched_in(struct preempt_notifier *n, int cpu)
{
	struct thread_home *h = container_of(n, struct thread_home, notifier);

	WRITE_ONCE(h->preempted, false);
}

/* Under the run queue's lock: no lock of ours, no wake-up, no page fault. */
static void sched_out(struct preempt_notifier *n, struct task_struct *next)
{
	struct plat_thread *t = of_notifier(n);
	u64 uaddr;
	u8 val;

	if (!task_is_running(current))
		return;
	WRITE_ONCE(thread_home(t)->preempted, true);
	uaddr = core_vcpu_preempted(t->vcpu, &val);
	if (uaddr && copy_to_user_nofault((void __user *)(unsigned long)uaddr, &val, 1))
		uaddr = 0;	/* swapped out: the guest's others spin a little longer */
}

static struct preempt_ops preempt_ops = {
	.sched_in = sched_in,
	.sched_out = sched_out,
};

void plat_thread_enter(struct plat_thread *t, struct vcpu *vcpu)
{
	struct thread_home *h = thread_home(t);

	t->vcpu = vcpu;
	WRITE_ONCE(h->task, current);
	preempt_notifier_init(&h->notifier, &preempt_ops);
	preempt_notifier_register(&h->notifier);
	if (unlikely(h->has_mask))	/* a signal that would kill is kept for who blocks it else */
		sigprocmask(SIG_SETMASK, &h->mask, &current->real_blocked);
}

void plat_thread_leave(struct plat_thread *t)
{
	struct thread_home *h = thread_home(t);

	if (unlikely(h->has_mask)) {
		sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
		sigemptyset(&current->real_blocked);
	}
	preempt_notifier_unregister(&h->notifier);
	WRITE_ONCE(h->task, NULL);
}

/* To @v's thread, if it was preempted while in KVM_RUN. False: it does not want it. */
static bool yield_processor(struct vcpu *v)
{
	struct task_struct *task;
	int gave;

	if (!READ_ONCE(vcpu_home(v)->preempted))
		return false;
	rcu_read_lock();
	task = READ_ONCE(vcpu_home(v)->task);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (!task)
		return false;
	gave = yield_to(task, true);
	put_task_struct(task);
	return gave > 0;
}

/*
 * Somebody who was preempted while in KVM_RUN may be in the midst of what @me
 * spins for. One who sleeps is not.
 */
void hw_yield_to(struct vm *vm, struct vcpu *me)
{
	u32 i = vcpu_head(me)->index, start = i;
	struct vcpu *v;

	do {
		v = core_vm_vcpu(vm, ++i);
		if (!v) {
			i = 0;
			v = core_vm_vcpu(vm, i);
		}
		if (v != me && yield_processor(v))
			return;
	} while (i != start);
}

void plat_yield_to(struct plat_thread *t)
{
	struct vcpu *v = READ_ONCE(t->vcpu);

	if (v)
		yield_processor(v);
}

/* ---- signals ---- */

bool plat_signal_pending(void)
{
	return signal_pending(current);
}

int plat_set_sigmask(struct plat_thread *t, const void *mask, size_t len)
{
	struct thread_home *h = thread_home(t);

	if (mask && len != sizeof(h->mask))
		return -EINVAL;
	h->has_mask = mask;
	if (mask) {
		memcpy(&h->mask, mask, len);
		sigdelsetmask(&h->mask, sigmask(SIGKILL) | sigmask(SIGSTOP));
	}
	return 0;
}

/* ---- waiting ---- */

static bool take_wake(struct thread_home *h)
{
	return READ_ONCE(h->woken) && xchg(&h->woken, 0);
}

static bool poll(struct thread_home *h, u64 start)
{
	u64 end = start + h->poll_ns;

	do {
		if (take_wake(h))
			return true;
		if (need_resched() || signal_pending(current))
			return false;
		cpu_relax();
	} while (ktime_get_ns() < end);
	return false;
}

static void adapt(struct thread_home *h, u64 waited, u32 longest)
{
	if (waited > longest)
		h->poll_ns = 0;
	else if (waited > h->poll_ns)
		h->poll_ns = min(max(h->poll_ns * 2, (u32)POLL_FIRST_NS), longest);
}

/* The core's timer wakes us at @deadline: an hrtimer is never late by itself. */
void plat_thread_wait(struct plat_thread *t, u64 deadline)
{
	struct thread_home *h = thread_home(t);
	u32 longest = core_halt_poll_ns(t->vcpu, READ_ONCE(halt_poll_ns));
	bool polls = longest && !core_vcpu_polls(t->vcpu);
	u64 start;

	if (take_wake(h))
		return;
	start = ktime_get_ns();
	h->poll_ns = min(h->poll_ns, longest);
	if (polls && h->poll_ns && poll(h, start))
		return;
	rcuwait_wait_event(&h->wait, take_wake(h), TASK_INTERRUPTIBLE);
	if (polls)
		adapt(h, ktime_get_ns() - start, longest);
}

void plat_thread_wake(struct plat_thread *t)
{
	struct thread_home *h = thread_home(t);

	WRITE_ONCE(h->woken, 1);
	rcuwait_wake_up(&h->wait);	/* begins with a full barrier */
}

void plat_yield(void)
{
	yield();
}

u64 plat_run_delay_ns(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}
