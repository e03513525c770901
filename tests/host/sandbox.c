// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a process in the sandbox can do, and what ends it. Each case is a child of its own. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/sandbox.h"

/* These return whether the call did what it is for; the forbidden ones do not return. */

static bool do_execve(void)
{
	char *argv[] = { "/bin/true", NULL };

	execve(argv[0], argv, NULL);
	return false;
}

static bool do_fork(void)
{
	return fork() >= 0;
}

static bool do_vfork(void)
{
	return syscall(SYS_vfork) >= 0;
}

static bool do_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, 0, 0) >= 0;
}

static bool do_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool do_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL) >= 0;
}

static bool do_kill(void)
{
	return kill(getppid(), 0) >= 0;
}

static bool do_setuid(void)
{
	return setuid(0) >= 0;
}

static bool do_chroot(void)
{
	return chroot("/") >= 0;
}

static bool do_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) >= 0;
}

static bool do_open(void)
{
	return open("/dev/null", O_RDWR) >= 0;
}

static bool do_connect(void)
{
	const struct sockaddr a = { .sa_family = AF_UNIX };
	int fd[2];

	return !socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) && !connect(fd[0], &a, sizeof(a));
}

static bool do_inet(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0;
}

static bool do_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

/* Refused, but not deadly: libraries try them. */
static bool do_no_unix(void)
{
	return !do_unix();
}

static bool do_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

static void *thread(void *arg)
{
	return arg;
}

static bool do_thread(void)
{
	void *back = NULL;
	pthread_t t;

	return !pthread_create(&t, NULL, thread, &back) && !pthread_join(t, &back) && back;
}

static bool do_code(void)
{
	int fd = memfd_create("code", 0);

	return fd >= 0 && !ftruncate(fd, 4096) &&
	       mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) != MAP_FAILED;
}

/* No capability is left: not even root's over others' files. */
static bool do_nothing_left(void)
{
	char line[64];
	FILE *f = fopen("/proc/self/status", "re");
	bool none = false;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:\t0000000000000000", 24))
			none = true;
	return none;
}

static const struct {
	const char *name;
	bool (*fn)(void);
	bool dies, sockets;		/* something wants to make sockets */
} cases[] = {
	{ "execve", do_execve, true },
	{ "clone", do_fork, true },
	{ "vfork", do_vfork, true },
	{ "ptrace", do_ptrace, true },
	{ "socket", do_packet, true },
	{ "socket", do_packet, true, true },
	{ "socket", do_inet, true },
	{ "connect", do_connect, true },
	{ "mount", do_mount, true },
	{ "kill", do_kill, true },
	{ "setuid", do_setuid, true },
	{ "chroot", do_chroot, true },
	{ "bpf", do_bpf, true },
	{ "a file", do_open, false },
	{ "a network socket", do_inet, false, true },
	{ "a local socket", do_unix, false, true },
	{ "a local socket is refused", do_no_unix, false },
	{ "a netlink socket is refused", do_netlink, false },
	{ "a thread", do_thread, false },
	{ "translated code", do_code, false },
	{ "no capabilities", do_nothing_left, false },
};

/* What the child wrote to standard error, and how it ended. */
static int run(unsigned int i, char *said, size_t len)
{
	int fds[2], status;
	ssize_t n, at = 0;
	pid_t child;

	if (pipe(fds))
		return -1;
	fflush(stdout);
	child = fork();
	if (!child) {
		dup2(fds[1], STDERR_FILENO);
		sandbox_wants_sockets = cases[i].sockets;
		sandbox_enter();
		_exit(cases[i].fn() ? 0 : 1);
	}
	close(fds[1]);
	while ((n = read(fds[0], said + at, len - 1 - (size_t)at)) > 0)
		at += n;
	said[at] = 0;
	close(fds[0]);
	waitpid(child, &status, 0);
	return status;
}

int main(void)
{
	bool good, failed = false;
	char said[512], call[64];
	unsigned int i;
	int status;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		status = run(i, said, sizeof(said));
		snprintf(call, sizeof(call), "system call %s (", cases[i].name);
		good = cases[i].dies ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS &&
					       strstr(said, call)
				     : WIFEXITED(status) && !WEXITSTATUS(status) && !*said;
		failed |= !good;
		printf("%s %u - %s%s\n", good ? "ok" : "not ok", i + 1, cases[i].name,
		       cases[i].dies ? " ends the process, and is named" : "");
		if (!good)
			printf("# status %#x: %s\n", (unsigned int)status, said);
	}
	printf("1..%zu\n", ARRAY_SIZE(cases));
	return failed;
}
