/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The code watch's ways of protecting memory: which of them this process may
 * use (see watch.c), and userfaultfd(2) itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include "watch.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif

static const char *const method_names[] = { "", "uffd", "user-uffd", "mprotect" };

static enum watch_method method;
static int uffd = -1;

/* ---- userfaultfd ---- */

static int uffd_new(bool user_only)
{
	int fd = sys1(SYS_userfaultfd,
		      O_CLOEXEC | O_NONBLOCK | (user_only ? UFFD_USER_MODE_ONLY : 0));
	int dev;

	if (fd >= 0 || user_only)
		return fd;
	dev = sys4(SYS_openat, AT_FDCWD, "/dev/userfaultfd", O_RDWR | O_CLOEXEC, 0);
	if (dev < 0)
		return fd;
	fd = sys3(SYS_ioctl, dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	home_close(dev);
	return fd;
}

static int uffd_open(bool user_only)
{
	struct uffdio_api api = { .api = UFFD_API };
	u64 want = UFFD_FEATURE_PAGEFAULT_FLAG_WP | (user_only ? UFFD_FEATURE_SIGBUS : 0), have;
	int fd = uffd_new(user_only), err;

	if (fd < 0)
		return fd;
	err = sys3(SYS_ioctl, fd, UFFDIO_API, &api);
	home_close(fd);
	have = api.features;
	if (err || (have & want) != want)
		return -EOPNOTSUPP;
	fd = uffd_new(user_only);
	if (fd < 0)
		return fd;
	/* Features are agreed on once a descriptor, hence the second one. */
	api = (struct uffdio_api){ .api = UFFD_API,
				   .features = want | (have & UFFD_FEATURE_WP_HUGETLBFS_SHMEM) };
	err = sys3(SYS_ioctl, fd, UFFDIO_API, &api);
	if (err) {
		home_close(fd);
		return err;
	}
	return home_fd_high(fd);
}

int watch_uffd_register(u64 lo, u64 hi)
{
	struct uffdio_register reg = {
		.range = { lo, hi - lo },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	return uffd < 0 ? -EINVAL : sys3(SYS_ioctl, uffd, UFFDIO_REGISTER, &reg);
}

int watch_uffd_protect(u64 addr, u64 len, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { addr, len },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};
	long err;

	do
		err = sys3(SYS_ioctl, uffd, UFFDIO_WRITEPROTECT, &wp);
	while (err == -EAGAIN || err == -EINTR);
	return err;
}

static void *uffd_thread(void *arg)
{
	int fd = (int)(long)arg;
	struct pollfd {
		int fd;
		short events, revents;
	} p = { fd, 1, 0 };
	struct uffd_msg msg;

	for (;;) {
		struct uffdio_range range = { 0, PAGE_SIZE };

		sys3(SYS_poll, &p, 1, -1);
		if (sys3(SYS_read, fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		range.start = msg.arg.pagefault.address & PAGE_MASK;
		home_watch_fault(range.start, 0);
		/*
		 * Letting the page go has woken the writer. If another thread
		 * was faster, or there is no such region any more, he is woken
		 * here, and asks again if that was not enough.
		 */
		if (!watch_in_region(range.start))
			watch_uffd_protect(range.start, PAGE_SIZE, false);
		sys3(SYS_ioctl, fd, UFFDIO_WAKE, &range);
	}
	return NULL;
}

/* ---- choosing ---- */

static bool forced(const char *env, enum watch_method m)
{
	return !env || !strcmp(env, method_names[m]);
}

enum watch_method watch_choose(void)
{
	const char *env = getenv("ANYKVM_WATCH");

	if (method != UNDECIDED)
		return method;
	if (env && !*env)
		env = NULL;
	if (forced(env, UFFD)) {
		uffd = uffd_open(false);
		if (uffd >= 0 &&
		    !home_thread_start("anykvm-watch", uffd_thread, (void *)(long)uffd))
			WRITE_ONCE(method, UFFD);
	}
	if (method == UNDECIDED && forced(env, USER_UFFD)) {
		uffd = uffd_open(true);
		if (uffd >= 0)
			WRITE_ONCE(method, USER_UFFD);
	}
	if (method == UNDECIDED)
		WRITE_ONCE(method, MPROTECT);
	if (plat_trace_on("watch"))
		plat_trace("watch: by %s", method_names[method]);
	return method;
}

static enum watch_method chosen(void)
{
	enum watch_method m = READ_ONCE(method);

	if (m == UNDECIDED) {
		home_watch_lock();
		m = watch_choose();
		home_watch_unlock();
	}
	return m;
}

const char *home_watch_method(void)
{
	return method_names[chosen()];
}

bool home_watch_by_mprotect(void)
{
	return chosen() == MPROTECT;
}

bool home_watch_blocks_kernel(void)
{
	return chosen() != UFFD;
}

void watch_method_forked(void)
{
	/* A userfaultfd belongs to the parent's memory. */
	if (uffd >= 0)
		home_close(uffd);
	uffd = -1;
	method = UNDECIDED;
}

int watch_uffd_unregister(u64 lo, u64 hi)
{
	struct uffdio_range range = { lo, hi - lo };

	return uffd < 0 ? -EINVAL : sys3(SYS_ioctl, uffd, UFFDIO_UNREGISTER, &range);
}

u64 watch_kernel_page_size(u64 addr)
{
	unsigned long lo, hi, kb = 4;
	bool inside = false;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "re");

	if (!f)
		return PAGE_SIZE;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &lo, &hi) == 2)
			inside = addr >= lo && addr < hi;
		else if (inside && sscanf(line, "KernelPageSize: %lu kB", &kb) == 1)
			break;
	}
	fclose(f);
	return kb << 10;
}
