/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clocks, and one thread for all timers: a binary heap by deadline, and a
 * futex to sleep on that a start of an earlier timer moves. Callbacks run
 * without the lock, so they may start and cancel timers, their own too.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include "home.h"

static u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

u64 plat_time_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

u64 plat_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

u64 plat_real_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* ---- timers ---- */

static struct plat_mutex lock;
static struct plat_timer **heap; /* [1..nr] */
static u32 nr, capacity, nr_timers;
static u32 moved; /* futex: the first deadline has changed */
static u64 sleeping_until; /* of the thread; ~0: nothing to do, 0: awake */
static bool started;
static int timer_tid;
static u32 done; /* futex: a callback has returned */

void home_timers_lock(void)
{
	plat_mutex_lock(&lock);
}

void home_timers_unlock(void)
{
	plat_mutex_unlock(&lock);
}

void home_timers_forked(void)
{
	started = false;
	timer_tid = 0;
	nr = 0;
}

static void place(u32 slot, struct plat_timer *t)
{
	heap[slot] = t;
	t->slot = slot;
}

static void sift_up(u32 slot, struct plat_timer *t)
{
	while (slot > 1 && heap[slot / 2]->deadline > t->deadline) {
		place(slot, heap[slot / 2]);
		slot /= 2;
	}
	place(slot, t);
}

static void sift_down(u32 slot, struct plat_timer *t)
{
	u32 child;

	while ((child = slot * 2) <= nr) {
		if (child < nr && heap[child + 1]->deadline < heap[child]->deadline)
			child++;
		if (heap[child]->deadline >= t->deadline)
			break;
		place(slot, heap[child]);
		slot = child;
	}
	place(slot, t);
}

static void heap_remove(struct plat_timer *t)
{
	u32 slot = t->slot;
	struct plat_timer *last;

	if (!slot)
		return;
	t->slot = 0;
	last = heap[nr--];
	if (last == t)
		return;
	if (slot > 1 && heap[slot / 2]->deadline > last->deadline)
		sift_up(slot, last);
	else
		sift_down(slot, last);
}

static void timer_sleep(u64 until, u32 seen)
{
	struct timespec ts = { until / 1000000000, until % 1000000000 };

	sys6(SYS_futex, (u64)&moved, FUTEX_WAIT_BITSET_PRIVATE, seen, until == ~0ull ? 0 : (u64)&ts,
	     0, FUTEX_BITSET_MATCH_ANY);
}

static void *timer_thread(void *arg)
{
	timer_tid = sys0(SYS_gettid);
	prctl(PR_SET_TIMERSLACK, 1);
	plat_mutex_lock(&lock);
	for (;;) {
		struct plat_timer *t = nr ? heap[1] : NULL;
		u32 seen = READ_ONCE(moved);

		if (!t || t->deadline > plat_time_ns()) {
			sleeping_until = t ? t->deadline : ~0ull;
			plat_mutex_unlock(&lock);
			timer_sleep(t ? sleeping_until : ~0ull, seen);
			plat_mutex_lock(&lock);
			sleeping_until = 0;
			continue;
		}
		heap_remove(t);
		WRITE_ONCE(t->running, 1);
		plat_mutex_unlock(&lock);
		t->fn(t);
		plat_mutex_lock(&lock);
		/* fn may not free its timer: only after cancel, which waits for this. */
		WRITE_ONCE(t->running, 0);
		plat_atomic_add32(&done, 1);
		sys3(SYS_futex, &done, FUTEX_WAKE_PRIVATE, 0x7fffffff);
	}
	return NULL;
}

int plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	int err = 0;

	*t = (struct plat_timer){ .fn = fn };
	plat_mutex_lock(&lock);
	/* Room for every timer there is, so that starting one can not fail. */
	if (nr_timers + 2 > capacity) {
		u32 want = capacity ? capacity * 2 : 64;
		void *p = realloc(heap, want * sizeof(*heap));

		if (p) {
			heap = p;
			capacity = want;
		} else {
			err = -ENOMEM;
		}
	}
	if (!err && !started) {
		err = home_thread_start("anykvm-timer", timer_thread, NULL);
		started = !err;
	}
	if (!err)
		nr_timers++;
	plat_mutex_unlock(&lock);
	return err;
}

void plat_timer_start(struct plat_timer *t, u64 deadline_ns)
{
	bool wake;

	plat_mutex_lock(&lock);
	heap_remove(t);
	t->deadline = deadline_ns;
	nr++;
	sift_up(nr, t);
	wake = t->slot == 1 && deadline_ns < sleeping_until;
	if (wake)
		plat_atomic_add32(&moved, 1);
	plat_mutex_unlock(&lock);
	if (wake)
		sys3(SYS_futex, &moved, FUTEX_WAKE_PRIVATE, 1);
}

void plat_timer_cancel(struct plat_timer *t)
{
	plat_mutex_lock(&lock);
	heap_remove(t);
	while (READ_ONCE(t->running) && timer_tid != sys0(SYS_gettid)) {
		u32 seen = READ_ONCE(done);

		plat_mutex_unlock(&lock);
		sys4(SYS_futex, &done, FUTEX_WAIT_PRIVATE, seen, NULL);
		plat_mutex_lock(&lock);
		heap_remove(t); /* fn may have started it again */
	}
	plat_mutex_unlock(&lock);
}

void plat_timer_destroy(struct plat_timer *t)
{
	if (!t->fn)
		return;
	plat_timer_cancel(t);
	plat_mutex_lock(&lock);
	nr_timers--;
	plat_mutex_unlock(&lock);
	t->fn = NULL;
}
