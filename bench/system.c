/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's kernel: system calls, a pipe between two processes, page faults, fork and exec. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void system_call(uint64_t n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void pipe_pong(uint64_t n)
{
	int there[2], back[2];
	char c = 'x';
	pid_t pid;

	if (pipe(there) || pipe(back))
		exit(1);
	pid = fork();
	if (!pid) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1)
			;
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	while (n-- && write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1)
		;
	close(there[1]);
	close(back[0]);
	waitpid(pid, NULL, 0);
}

static void page_faults(uint64_t n)
{
	const uint64_t most = 1024;

	while (n) {
		uint64_t count = n < most ? n : most;
		char *p = mmap(NULL, count << 12, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			exit(1);
		madvise(p, count << 12, MADV_NOHUGEPAGE);
		for (uint64_t i = 0; i < count; i++)
			p[i << 12] = 1;
		munmap(p, count << 12);
		n -= count;
	}
}

static void fork_exec(uint64_t n)
{
	char *const args[] = { bench_argv[0], "--nothing", NULL };

	while (n--) {
		pid_t pid = fork();

		if (!pid) {
			execv("/proc/self/exe", args);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
}

static const struct bench rows[] = {
	{ "syscall", system_call, "call" },
	{ "pipe", pipe_pong, "round trip" },
	{ "page-fault", page_faults, "page" },
	{ "fork-exec", fork_exec, "process" },
};

FAMILY(system_family, rows);
