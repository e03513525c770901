/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's kernel: system calls, a pipe between two processes, a token around several of them on
 * one CPU, page faults, fork and exec.
 */
#include <sched.h>
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

/* Each process of the ring has data of its own that it looks through when the token comes. */
#define RING 4
#define RING_DATA (16 << 10)

static void ring_member(int from, int to)
{
	char *data = calloc(1, RING_DATA);
	char c;

	while (read(from, &c, 1) == 1) {
		for (int i = 0; i < RING_DATA; i += 64)
			data[i]++;
		if (write(to, &c, 1) != 1)
			break;
	}
	free(data);
}

static void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Process k reads pipe k and writes pipe k + 1; this one is process 0 and counts the rounds. */
static void context_switch(uint64_t n)
{
	int pipes[RING][2];
	cpu_set_t before;
	char c = 'x';

	sched_getaffinity(0, sizeof(before), &before);
	stay_on_this_cpu();
	for (int k = 0; k < RING; k++)
		if (pipe(pipes[k]))
			exit(1);
	for (int k = 1; k < RING; k++) {
		if (fork())
			continue;
		for (int i = 0; i < RING; i++) {
			if (i != k)
				close(pipes[i][0]);
			if (i != (k + 1) % RING)
				close(pipes[i][1]);
		}
		ring_member(pipes[k][0], pipes[(k + 1) % RING][1]);
		_exit(0);
	}
	for (uint64_t i = 0; i < n; i += RING)
		if (write(pipes[1][1], &c, 1) != 1 || read(pipes[0][0], &c, 1) != 1)
			exit(1);
	for (int k = 0; k < RING; k++) {
		close(pipes[k][0]);
		close(pipes[k][1]);
	}
	for (int k = 1; k < RING; k++)
		wait(NULL);
	sched_setaffinity(0, sizeof(before), &before);
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
	{ "context-switch", context_switch, "switch, 16 KiB touched" },
	{ "page-fault", page_faults, "page" },
	{ "fork-exec", fork_exec, "process" },
};

FAMILY(system_family, rows);
