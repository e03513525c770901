// SPDX-License-Identifier: LGPL-2.1-or-later
/* What an operating system does for a program. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

static unsigned long syscalls(unsigned int n)
{
	unsigned long sum = 0;

	for (unsigned int i = 0; i < n * 400000; i++)
		sum += syscall(SYS_getppid);
	return sum;
}

static unsigned long pipes(unsigned int n)
{
	int there[2], back[2];
	char c = 0;

	if (pipe(there) || pipe(back))
		exit(1);
	if (!fork()) {
		while (read(there[0], &c, 1) == 1 && c != 'q')
			if (write(back[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	for (unsigned int i = 0; i < n * 6000; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			exit(1);
	if (write(there[1], "q", 1) != 1)
		exit(1);
	wait(NULL);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	return c;
}

static unsigned long faults(unsigned int n)
{
	enum { SIZE = 4 << 20 };

	for (unsigned int k = 0; k < n * 20; k++) {
		char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (int i = 0; i < SIZE; i += 4096)
			p[i] = 1;
		munmap(p, SIZE);
	}
	return n;
}

static unsigned long forks(unsigned int n)
{
	for (unsigned int i = 0; i < n * 100; i++) {
		if (!fork())
			_exit(0);
		wait(NULL);
	}
	return n;
}

static unsigned long execs(unsigned int n)
{
	for (unsigned int i = 0; i < n * 50; i++) {
		char *argv[] = { "cpu", "none", NULL };

		if (posix_spawn(NULL, "/proc/self/exe", NULL, NULL, argv, NULL))
			exit(1);
		wait(NULL);
	}
	return n;
}

const struct row rows_os[] = {
	{ "syscall", syscalls }, { "pipe", pipes }, { "fault", faults },
	{ "fork", forks },	 { "exec", execs }, { 0 },
};
