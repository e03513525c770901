// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Before the first instruction of the guest the process gives away what it will not need: with
 * -chroot the rest of the file system, with -runas its user, all capabilities, and every system call
 * that is not in the list below. No program can be started and no process made from then on; a
 * guest that takes over a device finds a process that can use the files and sockets that it has, and
 * open other files with its user's rights, for the monitor's `change`; sockets too where something
 * that was asked for makes them as it runs (-netdev user, a -chardev with reconnect=).
 *
 * A call that is not in the list ends the process, with a line that names it.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/keyval.h"
#include "host/options.h"
#include "host/report.h"
#include "host/sandbox.h"

static bool off;
static const char *run_as, *new_root;

static const int allowed[] = {
	/* memory */
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(brk), SCMP_SYS(mlock), SCMP_SYS(munlock), SCMP_SYS(msync), SCMP_SYS(mincore),
	SCMP_SYS(memfd_create), SCMP_SYS(membarrier), SCMP_SYS(userfaultfd), SCMP_SYS(pkey_mprotect),
	/* files */
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(write),
	SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv),
	SCMP_SYS(pwritev), SCMP_SYS(preadv2), SCMP_SYS(pwritev2), SCMP_SYS(lseek), SCMP_SYS(stat),
	SCMP_SYS(fstat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
	SCMP_SYS(fdatasync), SCMP_SYS(fsync), SCMP_SYS(sync_file_range), SCMP_SYS(fadvise64),
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(getcwd),
	SCMP_SYS(getdents64), SCMP_SYS(ioctl), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
	SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(ftruncate),
	SCMP_SYS(copy_file_range), SCMP_SYS(sendfile), SCMP_SYS(umask),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	/* waiting */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
	SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime), SCMP_SYS(signalfd4),
	/* threads, signals, time */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid),
	SCMP_SYS(tgkill), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sched_get_priority_max), SCMP_SYS(sched_get_priority_min), SCMP_SYS(getcpu),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(sigaltstack), SCMP_SYS(pause),
	SCMP_SYS(timer_create), SCMP_SYS(timer_settime), SCMP_SYS(timer_gettime),
	SCMP_SYS(timer_getoverrun), SCMP_SYS(timer_delete), SCMP_SYS(setitimer), SCMP_SYS(getitimer),
	SCMP_SYS(alarm), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall), SCMP_SYS(arch_prctl),
	SCMP_SYS(prctl), SCMP_SYS(prlimit64), SCMP_SYS(getrlimit), SCMP_SYS(sysinfo),
	SCMP_SYS(uname), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
	SCMP_SYS(getpgrp), SCMP_SYS(getrusage), SCMP_SYS(times),
	/* sockets that are there */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(shutdown), SCMP_SYS(socketpair),
};

/* Where sockets are made; of which families is said in add_rules(). */
static const int with_sockets[] = { SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(listen) };

/* --- what happens to the rest --- */

static void forbidden(int sig, siginfo_t *info, void *context)
{
	const char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, info->si_syscall);
	char text[160];
	int n;

	(void)context;
	run_crash_hook();
	n = snprintf(text, sizeof(text),
		     "\nanykvm: the sandbox ends the process: system call %s (%d) is not in its list; -sandbox off runs without it\n",
		     name ? name : "unknown", info->si_syscall);
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		n = 0;
	raise(sig);
	_exit(128 + sig);
}

static void rule_failed(int err)
{
	die("-sandbox: the filter cannot be made: %s; -sandbox off runs without it", strerror(-err));
}

static void rule(scmp_filter_ctx ctx, uint32_t action, int call, unsigned int nr,
		 struct scmp_arg_cmp cmp)
{
	int err = seccomp_rule_add_array(ctx, action, call, nr, &cmp);

	/* A call that this kernel or libseccomp does not know cannot be made either. */
	if (err && err != -EDOM && err != -EFAULT)
		rule_failed(err);
}

static void add_rules(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };
	const struct scmp_arg_cmp none = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(allowed); i++)
		rule(ctx, SCMP_ACT_ALLOW, allowed[i], 0, none);
	for (i = 0; sandbox_wants_sockets && i < ARRAY_SIZE(with_sockets); i++)
		rule(ctx, SCMP_ACT_ALLOW, with_sockets[i], 0, none);
	for (i = 0; sandbox_wants_sockets && i < ARRAY_SIZE(families); i++)
		rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	/*
	 * The C library asks the kernel for its interfaces so, libgcrypt tells syslog of a VNC
	 * password's DES: they do without.
	 */
	rule(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
	     SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
	if (!sandbox_wants_sockets)
		rule(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
		     SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* Threads, not processes. What clone3 is asked cannot be seen: clone is taken in its place. */
	rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
	     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	rule(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, none);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capset, &head, data))
		die("-sandbox: capabilities cannot be dropped: %s", strerror(errno));
}

void sandbox_enter(void)
{
	struct sigaction sa = { .sa_sigaction = forbidden,
				.sa_flags = SA_SIGINFO | (int)SA_RESETHAND | SA_NODEFER };
	scmp_filter_ctx ctx;
	int err;

	drop_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("-sandbox: %s; -sandbox off runs without it", strerror(errno));
	sigaction(SIGSYS, &sa, NULL);
	ctx = seccomp_init(SCMP_ACT_TRAP);
	if (!ctx)
		die("-sandbox: out of memory");
	err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (err)
		rule_failed(err);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	add_rules(ctx);
	err = seccomp_load(ctx);
	if (err)
		rule_failed(err);
	seccomp_release(ctx);
}

/* --- options --- */

static void parse_sandbox(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-sandbox", val, "enable");

	(void)cfg;
	off = !keyval_take_bool(kv, "enable", true);
	keyval_end(kv);
}

static void parse_runas(struct config *cfg, const char *val)
{
	(void)cfg;
	if (!getpwnam(val))
		die("-runas %s: there is no such user", val);
	run_as = val;
}

static void parse_chroot(struct config *cfg, const char *val)
{
	(void)cfg;
	new_root = val;
}

/*
 * Capabilities are a thread's own: before parts start theirs. The accelerator's timer thread is older
 * and keeps what it had (-runas takes it from that one too); what it may call is the list's matter.
 */
static void give_away(const struct config *cfg)
{
	const struct passwd *user = run_as ? getpwnam(run_as) : NULL;

	(void)cfg;
	if (!off && sandbox_wants_programs)
		die("%s: starts a program while the guest runs, which the sandbox forbids; give -sandbox off too",
		    sandbox_wants_programs);
	if (new_root && (chroot(new_root) || chdir("/")))
		die("-chroot %s: %s", new_root, strerror(errno));
	if (user && (initgroups(run_as, user->pw_gid) || setgid(user->pw_gid) ||
		     setuid(user->pw_uid)))
		die("-runas %s: %s", run_as, strerror(errno));
	if (!off)
		drop_capabilities();
}

static void start(const struct config *cfg)
{
	(void)cfg;
	if (!off)
		sandbox_enter();
}

static const struct option sandbox_options[] = {
	{ "sandbox", "on|off", "give away what the process will not need (default on)",
	  parse_sandbox },
	{ "runas", "USER", "become this user before the guest starts", parse_runas },
	{ "chroot", "DIR", "see only this directory from then on", parse_chroot },
};

static const struct option_group sandbox_group = {
	.title = "Safety",
	.order = ORDER_SANDBOX,
	.options = sandbox_options,
	.nr = ARRAY_SIZE(sandbox_options),
	.start = start,
};
OPTIONS_REGISTER(sandbox_group);

static const struct option_group rights_group = {
	.order = ORDER_RIGHTS,
	.start = give_away,
};
OPTIONS_REGISTER(rights_group);
