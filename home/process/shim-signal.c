/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shim's names for signals: handlers go behind the wrapper (signal.c), and
 * the synchronous signals that the library needs are never really blocked.
 */
#include <pthread.h>
#include <signal.h>
#include "shim.h"

HOME_EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return (int)shim_result(home_sigaction(sig, act, old));
}

static u64 interrupts; /* siginterrupt(3) was asked for these */

static __sighandler_t set_handler(int sig, __sighandler_t handler, int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags }, old;
	long err;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	sigemptyset(&act.sa_mask);
	if (sig > 0 && sig < 65 && flags == SA_RESTART) {
		sigaddset(&act.sa_mask, sig);
		if (interrupts & 1ull << (sig - 1))
			act.sa_flags = 0;
	}
	err = home_sigaction(sig, &act, &old);
	if (err) {
		errno = (int)-err;
		return SIG_ERR;
	}
	return old.sa_handler;
}

HOME_EXPORT __sighandler_t signal(int sig, __sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESTART);
}

__sighandler_t bsd_signal(int sig, __sighandler_t handler);
HOME_EXPORT __sighandler_t bsd_signal(int sig, __sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESTART);
}

HOME_EXPORT __sighandler_t ssignal(int sig, __sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESTART);
}

HOME_EXPORT __sighandler_t __sysv_signal(int sig, __sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESETHAND | SA_NODEFER);
}

HOME_EXPORT __sighandler_t sysv_signal(int sig, __sighandler_t handler)
{
	return set_handler(sig, handler, SA_RESETHAND | SA_NODEFER);
}

HOME_EXPORT int siginterrupt(int sig, int on)
{
	struct sigaction act;
	long err = home_sigaction(sig, NULL, &act);

	if (err)
		return (int)shim_result(err);
	if (on) {
		plat_atomic_or64(&interrupts, 1ull << (sig - 1));
		act.sa_flags &= ~SA_RESTART;
	} else {
		plat_atomic_and64(&interrupts, ~(1ull << (sig - 1)));
		act.sa_flags |= SA_RESTART;
	}
	return (int)shim_result(home_sigaction(sig, &act, NULL));
}

static long change_mask(int how, const sigset_t *set, sigset_t *old)
{
	u64 in, was;
	long err;

	if (set) {
		memcpy(&in, set, sizeof(in));
		in &= ~(1ull << 31 | 1ull << 32); /* libc's own two, as it does itself */
	}
	err = home_sigmask(how, set ? &in : NULL, &was);
	if (!err && old) {
		sigemptyset(old);
		memcpy(old, &was, sizeof(was));
	}
	return err;
}

HOME_EXPORT int pthread_cancel(pthread_t thread)
{
	int ret = REAL(pthread_cancel)(thread);

	home_cancel_kick(thread);
	return ret;
}

HOME_EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)shim_result(change_mask(how, set, old));
}

HOME_EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)-change_mask(how, set, old);
}
