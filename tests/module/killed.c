/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host process is killed in the middle of a run, again and again, at another
 * moment each time: while its guest runs on two CPUs, while slots come and go,
 * while it is being made. Nothing of it may stay: the module's use count says so.
 */
/* row: seconds=20 boot=slub_debug=FZ,preempt=full */
#include <signal.h>
#include <sys/wait.h>

#include "walker.h"

#define ROUNDS 60

static void child(int n)
{
	struct guest g;
	struct vcpu v[2];
	char *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	guest_open(&g, 16 << 20, NULL);
	for (int i = 0; i < 2; i++) {
		uint32_t at = PAGES_AT + (uint32_t)i * (4u << 20);

		vcpu_open(&v[i], &g, i, guest_walk, guest_walk_end, at, at + (4u << 20), 0);
		vcpu_start(&v[i]);
	}
	for (;;) {
		if (n & 1) {
			guest_slot(&g, 1, 64 << 20, 1 << 20, more, KVM_MEM_LOG_DIRTY_PAGES);
			guest_slot(&g, 1, 64 << 20, 0, more, 0);
		} else {
			usleep(1000);
		}
		if (v[0].bad || v[1].bad)
			_exit(3);
	}
}

static long use_count(void)
{
	const char *module = getenv("KVM_MODULE");
	char path[256], *c;
	long count = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module ? module : "anykvm");
	for (c = path; *c; c++)
		if (*c == '-')
			*c = '_';
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%ld", &count) != 1)
			count = -1;
		fclose(f);
	}
	return count;
}

int main(void)
{
	long before = use_count();
	int wrong = 0;

	for (int n = 0; n < ROUNDS; n++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			child(n);
		usleep(1000u * (unsigned int)(n * n % 251));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		wrong += !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
	}
	ok(!wrong, "%d processes killed while their guests ran (%d ended by themselves)", ROUNDS,
	   wrong);
	/* What is left is given back after a grace period. */
	for (int i = 0; i < 50 && use_count() != before; i++)
		usleep(100000);
	ok(use_count() == before, "the module's use count is %ld again (%ld)", before, use_count());
	return tap_end();
}
