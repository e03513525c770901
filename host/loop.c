// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The event loop, and the devices' timers in it.
 *
 * One epoll set, one timerfd for the earliest timer, one eventfd to wake it. Callbacks run in the
 * main thread with the machine lock held, as a vCPU's accesses do, so devices see one thing at a
 * time. Timers stand in a list sorted by time: a PC has a handful.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/loop.h"
#include "host/report.h"

#define NS_PER_S 1000000000ull

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;
static int epoll_fd = -1;
static uint64_t epoch;
static struct device_timer *timers;
static struct loop_fd timer_lfd, wake_lfd;

void machine_lock(void)
{
	pthread_mutex_lock(&big_lock);
}

void machine_unlock(void)
{
	pthread_mutex_unlock(&big_lock);
}

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Never 0, which in a timer means "not set". */
uint64_t device_now(void)
{
	return monotonic() - epoch + 1;
}

int64_t device_wall_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * (int64_t)NS_PER_S + ts.tv_nsec;
}

static void arm(void)
{
	struct itimerspec its = { 0 };

	if (timers) {
		uint64_t at = timers->when + epoch - 1;

		its.it_value.tv_sec = (time_t)(at / NS_PER_S);
		its.it_value.tv_nsec = (long)(at % NS_PER_S);
	}
	timerfd_settime(timer_lfd.fd, TFD_TIMER_ABSTIME, &its, NULL);
}

void device_timer_init(struct device_timer *timer, void (*fn)(void *arg), void *arg)
{
	*timer = (struct device_timer){ .fn = fn, .arg = arg };
}

/* Take @timer out of the list; returns whether it was the first. */
static bool unlink_timer(struct device_timer *timer)
{
	struct device_timer **p;
	bool first = timers == timer;

	for (p = &timers; *p; p = &(*p)->next)
		if (*p == timer) {
			*p = timer->next;
			break;
		}
	timer->when = 0;
	return first;
}

void device_timer_cancel(struct device_timer *timer)
{
	/* A timerfd that fires with nothing due does no harm: do not pay for disarming it. */
	if (timer->when)
		unlink_timer(timer);
}

void device_timer_set(struct device_timer *timer, uint64_t when)
{
	struct device_timer **p;

	if (timer->when)
		unlink_timer(timer);
	timer->when = when ? when : 1;
	for (p = &timers; *p && (*p)->when <= timer->when; p = &(*p)->next)
		;
	timer->next = *p;
	*p = timer;
	if (timers == timer)
		arm();
}

static void run_timers(void *arg, uint32_t events)
{
	uint64_t count, now = device_now();

	(void)arg;
	(void)events;
	while (read(timer_lfd.fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	while (timers && timers->when <= now) {
		struct device_timer *t = timers;

		timers = t->next;
		t->when = 0;
		t->fn(t->arg);
	}
	arm();
}

static void woken(void *arg, uint32_t events)
{
	uint64_t count;

	(void)arg;
	(void)events;
	while (read(wake_lfd.fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

void loop_wake(void)
{
	uint64_t one = 1;

	while (write(wake_lfd.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/*
 * What epoll carries is a number and how often that number has been used, not a pointer: between an
 * event and its turn another thread may have removed the descriptor.
 */
static struct { struct loop_fd *lfd; uint32_t uses; } *table;
static uint32_t table_len;

static uint64_t token(uint32_t at)
{
	return (uint64_t)table[at].uses << 32 | at;
}

int loop_add(struct loop_fd *lfd)
{
	struct epoll_event ev = { .events = lfd->events };
	uint32_t at = 0;

	while (at < table_len && table[at].lfd)
		at++;
	if (at == table_len) {
		table_len = table_len ? 2 * table_len : 32;
		table = realloc(table, table_len * sizeof(*table));
		if (!table)
			die("out of memory for the event loop");
		memset(table + at, 0, (table_len - at) * sizeof(*table));
	}
	table[at].uses++;
	ev.data.u64 = token(at);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, lfd->fd, &ev))
		return 0;
	table[at].lfd = lfd;
	lfd->at = at;
	return 1;
}

void loop_want(struct loop_fd *lfd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = token(lfd->at) };

	if (lfd->events == events)
		return;
	lfd->events = events;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, lfd->fd, &ev);
}

void loop_remove(struct loop_fd *lfd)
{
	if (lfd->at >= table_len || table[lfd->at].lfd != lfd)
		return;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, lfd->fd, NULL);
	table[lfd->at].lfd = NULL;
}

void loop_init(void)
{
	epoch = monotonic();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_lfd = (struct loop_fd){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		.events = EPOLLIN, .fn = run_timers,
	};
	wake_lfd = (struct loop_fd){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = EPOLLIN, .fn = woken,
	};
	if (epoll_fd < 0 || !loop_add(&timer_lfd) || !loop_add(&wake_lfd))
		die("cannot set up the event loop: %s", strerror(errno));
}

/* --- hooks --- */

static struct loop_hook *hooks, **last_hook = &hooks;
static bool waiting;	/* the loop is in epoll_wait(), or about to be */

void loop_soon(struct loop_hook *hook)
{
	if (hook->pending)
		return;
	hook->pending = true;
	hook->next = NULL;
	*last_hook = hook;
	last_hook = &hook->next;
	if (waiting)
		loop_wake();
}

void loop_not(struct loop_hook *hook)
{
	struct loop_hook **p;

	if (!hook->pending)
		return;
	for (p = &hooks; *p != hook; p = &(*p)->next)
		;
	*p = hook->next;
	if (last_hook == &hook->next)
		last_hook = p;
	hook->pending = false;
}

/* Those that are asked for meanwhile have their turn after the descriptors have had theirs. */
static void run_hooks(void)
{
	struct loop_hook marker = { .pending = true }, *hook;

	if (!hooks)
		return;
	*last_hook = &marker;
	last_hook = &marker.next;
	while ((hook = hooks) != &marker) {
		loop_not(hook);
		hook->fn(hook->arg);
	}
	loop_not(&marker);
}

bool loop_waiting(void)
{
	return waiting;
}

void loop_turn(void)
{
	struct epoll_event ev[8];
	int i, n, timeout;

	run_hooks();
	timeout = hooks ? 0 : -1;
	waiting = true;
	machine_unlock();
	n = epoll_wait(epoll_fd, ev, ARRAY_SIZE(ev), timeout);
	machine_lock();
	waiting = false;
	for (i = 0; i < n; i++) {
		uint32_t at = (uint32_t)ev[i].data.u64;
		struct loop_fd *lfd = table[at].lfd;

		if (lfd && token(at) == ev[i].data.u64)
			lfd->fn(lfd->arg, ev[i].events);
	}
}
