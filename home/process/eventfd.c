/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Eventfds of the host program: ours is a dup, so it stays whatever the host
 * program does with its own. One thread waits with epoll(7) for all that have
 * a listener (irqfd) and takes the count as the kernel's irqfd does.
 *
 * Listeners are never freed while the thread may hold them: unlisten waits
 * until the thread is not inside that listener's callback.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "home.h"

struct plat_eventfd {
	int fd;
	long id; /* the kernel's eventfd-id, -1: it has none */
	u32 refs;
};

struct listener {
	struct listener *next;
	struct plat_eventfd *e;
	int fd; /* a dup of its own: epoll knows one listener per open descriptor */
	void (*fn)(void *arg);
	void *arg;
	bool gone;
};

static struct plat_mutex lock;
static struct listener *listeners;
static struct listener *running; /* whose fn is being called; lock */
static u32 turn; /* futex: moves when a callback ends */
static int epoll_fd = -1;
static int listener_tid;

void home_eventfds_lock(void)
{
	plat_mutex_lock(&lock);
}

void home_eventfds_unlock(void)
{
	plat_mutex_unlock(&lock);
}

void home_eventfds_forked(void)
{
	/* The parent's VMs are not this process's: nobody listens here. */
	listeners = NULL;
	running = NULL;
	if (epoll_fd >= 0)
		home_close(epoll_fd);
	epoll_fd = -1;
	listener_tid = 0;
}

static long read_small(const char *path, char *buf, size_t n)
{
	int fd = sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	long got;

	if (fd < 0)
		return fd;
	got = sys3(SYS_read, fd, buf, n - 1);
	home_close(fd);
	buf[got > 0 ? got : 0] = 0;
	return got;
}

static bool is_eventfd(int fd)
{
	char path[40], link[40];
	long n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = sys4(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link) - 1);
	return n > 0 && !strncmp(link, "anon_inode:[eventfd]", n);
}

static long eventfd_id(int fd)
{
	char path[40], buf[512], *p;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_small(path, buf, sizeof(buf)) <= 0)
		return -1;
	p = strstr(buf, "eventfd-id:");
	return p ? strtol(p + 11, NULL, 10) : -1;
}

struct plat_eventfd *plat_eventfd_get(int fd, int *err)
{
	struct plat_eventfd *e;
	int copy = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0) {
		*err = copy;
		return NULL;
	}
	if (!is_eventfd(copy)) {
		home_close(copy);
		*err = -EINVAL;
		return NULL;
	}
	e = plat_alloc(sizeof(*e));
	if (!e) {
		home_close(copy);
		*err = -ENOMEM;
		return NULL;
	}
	e->fd = home_fd_high(copy);
	e->id = eventfd_id(e->fd);
	e->refs = 1;
	*err = 0;
	return e;
}

void plat_eventfd_put(struct plat_eventfd *e)
{
	if (!e || plat_atomic_add32(&e->refs, -1u) != 1)
		return;
	home_close(e->fd);
	plat_free(e);
}

void plat_eventfd_signal(struct plat_eventfd *e)
{
	u64 one = 1;

	sys3(SYS_write, e->fd, &one, sizeof(one));
}

bool plat_eventfd_same(struct plat_eventfd *a, struct plat_eventfd *b)
{
	enum { KCMP_FILE_ = 0 };
	int pid;

	if (a == b)
		return true;
	if (a->id >= 0 && b->id >= 0) /* since Linux 5.2 */
		return a->id == b->id;
	pid = sys0(SYS_getpid);
	return !sys6(SYS_kcmp, pid, pid, KCMP_FILE_, a->fd, b->fd, 0);
}

/* Take the count without ever blocking: the host program may have read it first. */
static bool take(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	u64 val;
	struct iovec iov = { &val, sizeof(val) };
	long n = sys6(SYS_preadv2, fd, (u64)&iov, 1, -1ull, -1ull, RWF_NOWAIT);

	if (n == -EOPNOTSUPP || n == -EINVAL || n == -ESPIPE)
		n = sys3(SYS_poll, &p, 1, 0) == 1 ? sys3(SYS_read, fd, &val, sizeof(val)) : -EAGAIN;
	return n == sizeof(val);
}

static void *listen_thread(void *arg)
{
	struct epoll_event ev[32];
	int epfd = epoll_fd, n, i;

	listener_tid = sys0(SYS_gettid);
	for (;;) {
		n = sys6(SYS_epoll_pwait, epfd, (u64)ev, ARRAY_SIZE(ev), -1, 0, 8);
		for (i = 0; i < n; i++) {
			struct listener *l;

			plat_mutex_lock(&lock);
			for (l = listeners; l && l != ev[i].data.ptr; l = l->next)
				;
			if (!l || l->gone || !take(l->fd)) {
				plat_mutex_unlock(&lock);
				continue;
			}
			running = l;
			plat_mutex_unlock(&lock);
			l->fn(l->arg);
			plat_mutex_lock(&lock);
			running = NULL;
			plat_atomic_add32(&turn, 1);
			plat_mutex_unlock(&lock);
			sys3(SYS_futex, &turn, 129 /* FUTEX_WAKE_PRIVATE */, 0x7fffffff);
		}
	}
	return NULL;
}

static int start_thread(void)
{
	int err;

	if (epoll_fd >= 0)
		return 0;
	epoll_fd = home_fd_high(sys1(SYS_epoll_create1, EPOLL_CLOEXEC));
	if (epoll_fd < 0)
		return epoll_fd;
	err = home_thread_start("anykvm-eventfd", listen_thread, NULL);
	if (err) {
		home_close(epoll_fd);
		epoll_fd = -1;
	}
	return err;
}

/* Our own copies keep it open: that the host program has closed all of its own is not to be seen. */
int plat_eventfd_listen(struct plat_eventfd *e, void (*fn)(void *arg), void (*closed)(void *arg),
			void *arg)
{
	struct listener *l = plat_alloc(sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = l };
	int err;

	if (!l)
		return -ENOMEM;
	*l = (struct listener){ .e = e, .fn = fn, .arg = arg };
	l->fd = home_fd_high(sys3(SYS_fcntl, e->fd, F_DUPFD_CLOEXEC, 0));
	if (l->fd < 0) {
		err = l->fd;
		plat_free(l);
		return err;
	}
	plat_mutex_lock(&lock);
	err = start_thread();
	if (!err)
		err = sys4(SYS_epoll_ctl, epoll_fd, EPOLL_CTL_ADD, l->fd, &ev);
	if (!err) {
		l->next = listeners;
		listeners = l;
		plat_atomic_add32(&e->refs, 1);
	}
	plat_mutex_unlock(&lock);
	if (err) {
		home_close(l->fd);
		plat_free(l);
	}
	return err;
}

void plat_eventfd_unlisten(struct plat_eventfd *e, void *arg)
{
	struct listener **p, *l = NULL;

	plat_mutex_lock(&lock);
	for (p = &listeners; *p; p = &(*p)->next) {
		if ((*p)->e == e && (*p)->arg == arg) {
			l = *p;
			*p = l->next;
			break;
		}
	}
	if (!l) {
		plat_mutex_unlock(&lock);
		return;
	}
	l->gone = true;
	sys4(SYS_epoll_ctl, epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
	while (running == l && sys0(SYS_gettid) != listener_tid) {
		u32 seen = READ_ONCE(turn);

		plat_mutex_unlock(&lock);
		sys4(SYS_futex, &turn, 128 /* FUTEX_WAIT_PRIVATE */, seen, NULL);
		plat_mutex_lock(&lock);
	}
	plat_mutex_unlock(&lock);
	home_close(l->fd);
	plat_eventfd_put(e);
	plat_free(l);
}
