/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread inside KVM_RUN: how it sleeps, how it is woken, and how a signal
 * for it makes KVM_RUN end.
 *
 * A handler of the host program that ran on this thread sets `pending` here
 * and the futex word that plat_thread_wait sleeps on (signal.c wraps every
 * handler). It does so before it returns, so there is no window: either the
 * word is set before the kernel looks at it, or the signal ends the sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <linux/futex.h>
#include "home.h"
#include "vcpu.h"

HOME_TLS struct plat_thread *current;
HOME_TLS u32 pending;
HOME_TLS int schedstat; /* fd + 1 of this thread's, -1: none */

static pthread_key_t schedstat_key;
static pthread_once_t schedstat_once = PTHREAD_ONCE_INIT;

struct plat_thread *home_current(void)
{
	return current;
}

void home_note_signal(struct plat_thread *t)
{
	struct vcpu *v = t->vcpu;

	pending = 1;
	WRITE_ONCE(t->wake, 1);
	if (v && v->vm && v->vm->engine && v->vm->engine->kick)
		v->vm->engine->kick(v);
}

void plat_thread_enter(struct plat_thread *t, struct vcpu *vcpu)
{
	u64 set;

	t->vcpu = vcpu;
	home_unblock_sync();
	pending = 0;
	WRITE_ONCE(t->in_run, 1);
	WRITE_ONCE(current, t);
	if (t->mask_set) {
		set = t->mask & ~HOME_SYNC_SIGNALS;
		sys4(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &t->saved_mask, 8);
		home_signals_want(~set & t->saved_mask);
		sys4(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8);
	}
	/* A handler may have set it after the caller looked and before `current` was there. */
	if (vcpu && vcpu->run && READ_ONCE(vcpu->run->immediate_exit))
		pending = 1;
	if (home_cancel_running(t))
		pending = 1;
}

void plat_thread_leave(struct plat_thread *t)
{
	home_cancel_running(NULL);
	if (t->mask_set)
		sys4(SYS_rt_sigprocmask, SIG_SETMASK, &t->saved_mask, NULL, 8);
	WRITE_ONCE(current, NULL);
	WRITE_ONCE(t->in_run, 0);
}

bool plat_signal_pending(void)
{
	return READ_ONCE(pending) || home_cancel_pending();
}

void plat_thread_wait(struct plat_thread *t, u64 deadline)
{
	struct timespec ts = { deadline / 1000000000, deadline % 1000000000 };
	long err;

	if (!READ_ONCE(t->wake) && !READ_ONCE(pending)) {
		err = sys6(SYS_futex, (u64)&t->wake, FUTEX_WAIT_BITSET_PRIVATE, 0,
			   deadline ? (u64)&ts : 0, 0, FUTEX_BITSET_MATCH_ANY);
		/* A handler that we do not wrap (installed by a bare system call) has run. */
		if (err == -EINTR)
			pending = 1;
	}
	plat_atomic_xchg32(&t->wake, 0);
}

void plat_thread_wake(struct plat_thread *t)
{
	if (!plat_atomic_xchg32(&t->wake, 1))
		sys3(SYS_futex, &t->wake, FUTEX_WAKE_PRIVATE, 1);
}

int plat_set_sigmask(struct plat_thread *t, const void *mask, size_t len)
{
	if (!mask) {
		t->mask_set = 0;
		return 0;
	}
	if (len != sizeof(t->mask))
		return -EINVAL;
	memcpy(&t->mask, mask, len);
	t->mask &= ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
	t->mask_set = 1;
	return 0;
}

void plat_yield(void)
{
	sys0(SYS_sched_yield);
}

/* Whom it goes to is not a process's to say. */
void plat_yield_to(struct plat_thread *t)
{
	plat_yield();
}

static void schedstat_close(void *fd)
{
	home_close((int)(long)fd - 1);
	schedstat = 0;
}

static void schedstat_key_make(void)
{
	pthread_key_create(&schedstat_key, schedstat_close);
}

u64 plat_run_delay_ns(void)
{
	char buf[128];
	u64 val = 0;
	long n, i;

	if (!schedstat) {
		int fd = sys4(SYS_openat, AT_FDCWD, "/proc/thread-self/schedstat",
			      O_RDONLY | O_CLOEXEC, 0);

		schedstat = fd < 0 ? -1 : home_fd_high(fd) + 1;
		if (schedstat > 0) {
			pthread_once(&schedstat_once, schedstat_key_make);
			pthread_setspecific(schedstat_key, (void *)(long)schedstat);
		}
	}
	if (schedstat < 0)
		return 0;
	n = sys4(SYS_pread64, schedstat - 1, buf, sizeof(buf), 0);
	for (i = 0; i < n && buf[i] != ' '; i++)
		;
	for (i++; i < n && buf[i] >= '0' && buf[i] <= '9'; i++)
		val = val * 10 + buf[i] - '0';
	return val;
}

void plat_code_range(struct plat_thread *t, u64 lo, u64 hi)
{
	t->code_lo = lo;
	t->code_hi = hi;
}
