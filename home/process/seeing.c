/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking into a process that runs: SIGSTKFLT, which Linux on x86 never sends,
 * asks for the engine's statistics while the topic "stats" (or "count") is on;
 * they are printed at the process's end, too. And perf's map of the code that
 * is made while the topic "perf" is on, which perf(1) expects in /tmp.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include "home.h"
#include "core.h"
#include "engine.h"

#define PERF_MAP_MAX (64u << 20)

static u32 asked;
static int reporting_pid;	/* of the process that began to count */

static void on_signal(int sig)
{
	plat_atomic_add32(&asked, 1);
	sys3(SYS_futex, &asked, FUTEX_WAKE_PRIVATE, 1);
}

static void *report_thread(void *arg)
{
	u32 seen = 0, now;

	for (;;) {
		now = READ_ONCE(asked);
		if (now != seen)
			bt_engine.stats();
		else
			sys4(SYS_futex, &asked, FUTEX_WAIT_PRIVATE, seen, NULL);
		seen = now;
	}
	return NULL;
}

void home_seeing_init(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	if (!plat_trace_on("stats") && !plat_trace_on("count"))
		return;
	reporting_pid = home_pid;
	if (!home_thread_start("anykvm-stats", report_thread, NULL))
		home_sigaction(SIGSTKFLT, &act, NULL);
}

void home_seeing_end(void)
{
	if (reporting_pid && reporting_pid == home_pid)
		bt_engine.stats();
	reporting_pid = 0;
}

__attribute__((destructor)) static void at_exit(void)
{
	home_seeing_end();
}

/* ---- perf ---- */

static int open_map(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/perf-%d.map", home_pid);
	return home_fd_high(sys4(SYS_openat, AT_FDCWD, name,
				 O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
}

void plat_perf_map(u64 addr, u64 size, const char *fmt, ...)
{
	static struct plat_mutex lock;
	static int fd = -1, of_pid;
	static u32 written;
	char text[160];
	va_list args;
	int n;

	n = snprintf(text, sizeof(text), "%llx %llx ", (unsigned long long)addr,
		     (unsigned long long)size);
	va_start(args, fmt);
	n += vsnprintf(text + n, sizeof(text) - n - 1, fmt, args);
	va_end(args);
	n = min(n, (int)sizeof(text) - 2);
	text[n++] = '\n';
	plat_mutex_lock(&lock);
	if (of_pid != home_pid) {
		of_pid = home_pid;
		written = 0;
		fd = open_map();
		if (fd < 0)
			plat_log("/tmp/perf-%d.map can not be written: perf gets no names", of_pid);
	}
	if (fd >= 0 && written + n <= PERF_MAP_MAX) {
		sys3(SYS_write, fd, text, n);
		written += n;
	}
	plat_mutex_unlock(&lock);
}
