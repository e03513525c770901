/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's beginning, and what a fork does to it: the child keeps the
 * bookkeeping, loses the library's threads, and may no longer use the
 * parent's virtual machines (their memory is a copy now).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>
#include "home.h"
#include "core.h"

u32 home_generation = 1;
int home_pid;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_once_t early_once = PTHREAD_ONCE_INIT;
static int init_error;

int home_close(int fd)
{
	return sys1(SYS_close, fd);
}

int home_fd_high(int fd)
{
	struct rlimit lim;
	u64 base = 768;
	int copy;

	if (fd < 0)
		return fd;
	if (!sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &lim))
		base = min((u64)lim.rlim_cur / 4 * 3, 8192ull);
	copy = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, base);
	if (copy < 0)
		return fd;
	home_close(fd);
	return copy;
}

int home_thread_start(const char *name, void *(*fn)(void *), void *arg)
{
	u64 set = ~HOME_SYNC_SIGNALS, old;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &set, &old, 8);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	err = pthread_create(&thread, &attr, fn, arg);
	if (!err)
		pthread_setname_np(thread, name);
	pthread_attr_destroy(&attr);
	sys4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	return -err;
}

static void fork_prepare(void)
{
	home_file_lock();
	home_eventfds_lock();
	home_timers_lock();
	home_watch_lock();
	home_signals_lock();
}

static void fork_unlock(void)
{
	home_signals_unlock();
	home_watch_unlock();
	home_timers_unlock();
	home_eventfds_unlock();
	home_file_unlock();
}

static void fork_child(void)
{
	home_pid = sys0(SYS_getpid);
	home_generation++;
	home_signals_forked();
	home_watch_forked();
	home_timers_forked();
	home_eventfds_forked();
	home_cancel_forked();
	fork_unlock();
}

static void early_init(void)
{
	home_pid = sys0(SYS_getpid);
	pthread_atfork(fork_prepare, fork_unlock, fork_child);
}

void home_early_init(void)
{
	pthread_once(&early_once, early_init);
}

static void init(void)
{
	home_signals_init();
	init_error = core_init(&bt_engine);
	if (!init_error)
		home_seeing_init();
}

int home_init(void)
{
	home_early_init();
	pthread_once(&once, init);
	return init_error;
}
