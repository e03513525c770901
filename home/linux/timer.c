// SPDX-License-Identifier: GPL-2.0
/*
 * The core's one-shot timers are hrtimers, and their functions run in the
 * interrupt itself. Pinned: the processor that arms one is the one that its
 * vCPU runs on, where the interrupt ends guest code by itself, without an IPI.
 */
#include <linux/hrtimer.h>
#include "plat.h"
#include "compat.h"

static inline struct hrtimer *home(struct plat_timer *t)
{
	BUILD_BUG_ON(sizeof(struct hrtimer) > sizeof(t->home));
	return (struct hrtimer *)t->home;
}

static enum hrtimer_restart fire(struct hrtimer *h)
{
	struct plat_timer *t = container_of((u64 *)h, struct plat_timer, home[0]);

	t->fn(t);
	return HRTIMER_NORESTART;	/* fn has started it again, if it wanted to */
}

int plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	t->fn = fn;
	compat_hrtimer_setup(home(t), fire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
	return 0;
}

void plat_timer_start(struct plat_timer *t, u64 deadline_ns)
{
	ktime_t at = min(deadline_ns, (u64)KTIME_MAX);

	hrtimer_start(home(t), at, HRTIMER_MODE_ABS_PINNED_HARD);
}

void plat_timer_cancel(struct plat_timer *t)
{
	/* Called from fn it cannot wait for fn. */
	if (hrtimer_try_to_cancel(home(t)) < 0 && !in_hardirq())
		hrtimer_cancel(home(t));
}

void plat_timer_destroy(struct plat_timer *t)
{
	plat_timer_cancel(t);
}
