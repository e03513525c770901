// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IA-PC HPET (High Precision Event Timers) Specification 1.0a: a counter of 100 MHz and 64 bits, and
 * three timers on it, each one-shot or periodic, of 32 or 64 bits, with an edge, a level or a message.
 *
 * The counter is the machine's clock and an offset; a timer waits for the time at which its
 * comparator will be met. One that a guest sets to go off more often than every 50 microseconds goes
 * off that often: what it missed meanwhile is one interrupt.
 */
#include "devices/pc/hpet.h"

#define TIMERS 3u
#define TICK_NS 10u
#define MIN_NS 50000u

#define CAP_REVISION	0x01ull
#define CAP_64		(1ull << 13)
#define CAP_LEGACY	(1ull << 15)
#define CAP_VENDOR	(0x8086ull << 16)
#define CAP_PERIOD	((TICK_NS * 1000000ull) << 32)	/* femtoseconds */

#define CFG_ENABLE	0x1ull
#define CFG_LEGACY	0x2ull

#define T_LEVEL		(1ull << 1)
#define T_ENABLE	(1ull << 2)
#define T_PERIODIC	(1ull << 3)
#define T_PERIODIC_CAP	(1ull << 4)
#define T_64_CAP	(1ull << 5)
#define T_SET_VALUE	(1ull << 6)
#define T_32		(1ull << 8)
#define T_ROUTE(c)	((c) >> 9 & 31)
#define T_MESSAGE	(1ull << 14)
#define T_MESSAGE_CAP	(1ull << 15)
#define T_WRITABLE	(T_LEVEL | T_ENABLE | T_PERIODIC | T_SET_VALUE | T_32 | 31ull << 9 | T_MESSAGE)
/* Inputs that nothing of the board's uses by edge: 2 and 8 for legacy's sake, and 16 to 23. */
#define ROUTES		0x00ff0104ull

_Static_assert((CAP_REVISION | (TIMERS - 1) << 8 | CAP_64 | CAP_LEGACY | CAP_VENDOR) == HPET_ID,
	       "the board's tables say the same");

enum { REG_CAP = 0x000, REG_CFG = 0x010, REG_STATUS = 0x020, REG_COUNTER = 0x0f0, REG_TIMERS = 0x100,
       TIMER_STEP = 0x20, T_REG_CFG = 0x00, T_REG_COMPARATOR = 0x08, T_REG_MESSAGE = 0x10 };

struct hpet;

struct timer {
	struct hpet *hpet;
	uint64_t cfg, comparator, period, message;
	struct device_timer timer;
};

struct hpet {
	struct device dev;
	uint64_t cfg, status;
	uint64_t counter;	/* while it stands */
	uint64_t offset;	/* while it runs: counter less the clock's ticks */
	struct timer t[TIMERS];
	void (*legacy)(void *arg, bool replaced);
	void *legacy_arg;
};

static uint64_t ticks(void)
{
	return device_now() / TICK_NS;
}

static uint64_t counter(const struct hpet *h)
{
	return h->cfg & CFG_ENABLE ? ticks() + h->offset : h->counter;
}

static unsigned int number(const struct timer *t)
{
	return (unsigned int)(t - t->hpet->t);
}

/* --- interrupts --- */

static unsigned int route(const struct timer *t)
{
	if (t->hpet->cfg & CFG_LEGACY && number(t) < 2)
		return number(t) ? 8 : 2;
	return T_ROUTE(t->cfg);
}

static void set_line(struct timer *t, bool level)
{
	if (route(t) < HPET_ROUTES)
		device_set_irq(&t->hpet->dev, route(t), level);
}

static void interrupt(struct timer *t)
{
	struct hpet *h = t->hpet;

	if (t->cfg & T_LEVEL)
		h->status |= 1ull << number(t);
	if (!(t->cfg & T_ENABLE))
		return;
	if (t->cfg & T_MESSAGE) {
		device_send_msi(h->dev.bus, t->message >> 32, (uint32_t)t->message);
	} else if (t->cfg & T_LEVEL) {
		set_line(t, true);
	} else {
		set_line(t, true);
		set_line(t, false);
	}
}

/* --- when --- */

static uint64_t mask(const struct timer *t)
{
	return t->cfg & T_32 ? 0xffffffffull : ~0ull;
}

/* Wait for the comparator; at the counter's own value for the whole way round. */
static void arm(struct timer *t)
{
	uint64_t left, now = device_now(), ns;

	if (!(t->hpet->cfg & CFG_ENABLE)) {
		device_timer_cancel(&t->timer);
		return;
	}
	left = (t->comparator - counter(t->hpet) - 1) & mask(t);
	left = left == mask(t) ? left : left + 1;
	/* Centuries are never. */
	if (left > 1ull << 58) {
		device_timer_cancel(&t->timer);
		return;
	}
	ns = left * TICK_NS;
	if (t->cfg & T_PERIODIC && ns < MIN_NS)
		ns = MIN_NS;
	device_timer_set(&t->timer, now + ns);
}

static void met(void *arg)
{
	struct timer *t = arg;
	uint64_t behind;

	if (t->cfg & T_PERIODIC && t->period) {
		/* The first multiple of the period that is still to come. */
		behind = (counter(t->hpet) - t->comparator) & mask(t);
		t->comparator = (t->comparator + (behind / t->period + 1) * t->period) & mask(t);
	}
	interrupt(t);
	arm(t);
}

static void arm_all(struct hpet *h)
{
	unsigned int n;

	for (n = 0; n < TIMERS; n++)
		arm(&h->t[n]);
}

/* --- registers: each is 64 bits wide --- */

static uint64_t read_register(struct hpet *h, uint32_t reg)
{
	const struct timer *t;

	if (reg >= REG_TIMERS && reg < REG_TIMERS + TIMERS * TIMER_STEP) {
		t = &h->t[(reg - REG_TIMERS) / TIMER_STEP];
		switch (reg % TIMER_STEP) {
		case T_REG_CFG:
			return t->cfg | T_PERIODIC_CAP | T_64_CAP | T_MESSAGE_CAP | ROUTES << 32;
		case T_REG_COMPARATOR:
			return t->comparator;
		case T_REG_MESSAGE:
			return t->message;
		default:
			return 0;
		}
	}
	switch (reg) {
	case REG_CAP:
		return CAP_REVISION | (TIMERS - 1) << 8 | CAP_64 | (h->legacy ? CAP_LEGACY : 0) |
		       CAP_VENDOR | CAP_PERIOD;
	case REG_CFG:
		return h->cfg;
	case REG_STATUS:
		return h->status;
	case REG_COUNTER:
		return counter(h);
	default:
		return 0;
	}
}

static void write_config(struct hpet *h, uint64_t val)
{
	uint64_t before = h->cfg, now = counter(h);

	val &= CFG_ENABLE | (h->legacy ? CFG_LEGACY : 0);
	h->cfg = val;
	if (val & ~before & CFG_ENABLE)
		h->offset = h->counter - ticks();
	else if (before & ~val & CFG_ENABLE)
		h->counter = now;
	if ((val ^ before) & CFG_LEGACY)
		h->legacy(h->legacy_arg, val & CFG_LEGACY);
	arm_all(h);
}

static void write_status(struct hpet *h, uint64_t ones)
{
	unsigned int n;

	for (n = 0; n < TIMERS; n++)
		if (h->status & ones & 1ull << n)
			set_line(&h->t[n], false);
	h->status &= ~ones;
}

static void write_timer(struct timer *t, uint32_t reg, uint64_t val)
{
	switch (reg) {
	case T_REG_CFG:
		/* What a level timer holds up it lets go when it is no longer one, or goes elsewhere. */
		set_line(t, false);
		t->cfg = val & T_WRITABLE;
		if (t->hpet->status >> number(t) & 1 && t->cfg & T_LEVEL && t->cfg & T_ENABLE &&
		    !(t->cfg & T_MESSAGE))
			set_line(t, true);
		t->comparator &= mask(t);
		break;
	case T_REG_COMPARATOR:
		val &= mask(t);
		if (!(t->cfg & T_PERIODIC) || t->cfg & T_SET_VALUE)
			t->comparator = val;
		if (t->cfg & T_PERIODIC)
			t->period = val;
		t->cfg &= ~T_SET_VALUE;
		break;
	case T_REG_MESSAGE:
		t->message = val;
		return;
	default:
		return;
	}
	arm(t);
}

static void write_register(struct hpet *h, uint32_t reg, uint64_t val)
{
	if (reg >= REG_TIMERS && reg < REG_TIMERS + TIMERS * TIMER_STEP) {
		write_timer(&h->t[(reg - REG_TIMERS) / TIMER_STEP], reg % TIMER_STEP, val);
		return;
	}
	switch (reg) {
	case REG_CFG:
		write_config(h, val);
		break;
	case REG_STATUS:
		write_status(h, val);
		break;
	case REG_COUNTER:
		h->counter = val;
		h->offset = val - ticks();
		arm_all(h);
		break;
	}
}

static uint64_t hpet_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)size;
	return read_register((struct hpet *)dev, off & ~7u) >> (8 * (off & 7));
}

/* A half is written into what the register holds; the other half of a status has no ones. */
static void hpet_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct hpet *h = (struct hpet *)dev;
	uint32_t reg = off & ~7u, shift = 8 * (off & 7);
	uint64_t bits = size == 8 ? ~0ull : ((1ull << (8 * size)) - 1) << shift;
	uint64_t old = reg == REG_STATUS ? 0 : read_register(h, reg);

	write_register(h, reg, (old & ~bits) | (val << shift & bits));
}

static void hpet_reset(struct device *dev)
{
	struct hpet *h = (struct hpet *)dev;
	unsigned int n;

	write_status(h, ~0ull);
	write_config(h, 0);
	h->counter = 0;
	for (n = 0; n < TIMERS; n++) {
		struct timer *t = &h->t[n];

		t->cfg = t->period = t->message = 0;
		t->comparator = ~0ull;
	}
}

static const char *hpet_realize(struct device *dev)
{
	struct hpet *h = (struct hpet *)dev;
	unsigned int n;

	for (n = 0; n < TIMERS; n++) {
		h->t[n].hpet = h;
		device_timer_init(&h->t[n].timer, met, &h->t[n]);
	}
	return NULL;
}

void hpet_set_legacy(struct device *dev, void (*fn)(void *arg, bool replaced), void *arg)
{
	struct hpet *h = (struct hpet *)dev;

	h->legacy = fn;
	h->legacy_arg = arg;
}

static const struct device_region hpet_regions[] = {
	{ "hpet", BUS_MMIO, 0x400, 8, hpet_read, hpet_write },
};

static const struct device_class hpet = {
	.name = "hpet",
	.what = "high precision event timers, three",
	.sheet = "IA-PC HPET Specification 1.0a",
	.missing = "periods below 50 microseconds are joined",
	.size = sizeof(struct hpet),
	.regions = hpet_regions,
	.nr_regions = ARRAY_SIZE(hpet_regions),
	.nr_irqs = HPET_ROUTES,
	.realize = hpet_realize,
	.reset = hpet_reset,
};
DEVICE_REGISTER(hpet);
