// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Clock and CMOS memory: Motorola MC146818A, with the AT's century and memory-size cells.
 *
 * The time is not counted but computed: a clock of the host's plus an offset that the guest sets by
 * writing it. While the SET bit holds the clock, and while its divider is in reset, the
 * registers are plain memory. Once a second comes the update cycle: UIP is up for the 244 us before
 * it, then the registers show the next second and the update and alarm flags rise. A host timer
 * runs only while an interrupt is enabled; the flags themselves are worked out when register C is
 * read.
 */
#include <string.h>
#include <time.h>

#include "devices/pc/rtc.h"
#include "host/event.h"

#define NS_PER_S 1000000000ll
#define UIP_NS 244000ll
#define PAUSED_NS 10000000ull	/* how often a clock that stands is looked at */
#define BASE_HZ 32768u

enum cell {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR,
	REG_A, REG_B, REG_C, REG_D,
	BASE_LO = 0x15, BASE_HI, EXT_LO, EXT_HI,
	EXT_LO_2 = 0x30, EXT_HI_2, CENTURY,
	ABOVE16M_LO = 0x34, ABOVE16M_HI,
	ABOVE4G_LO = 0x5b, ABOVE4G_MID, ABOVE4G_HI,
	NR_CELLS = 128
};

#define A_UIP		0x80
#define A_DIVIDER	0x70
#define A_DIVIDER_RUN	0x20
#define A_RATE		0x0f

#define B_SET		0x80
#define B_PIE		0x40
#define B_AIE		0x20
#define B_UIE		0x10
#define B_BINARY	0x04
#define B_24H		0x02

#define C_IRQF		0x80
#define C_PF		0x40
#define C_AF		0x20
#define C_UF		0x10

#define D_VALID		0x80

#define ALARM_ANY	0xc0

struct rtc {
	struct device dev;
	uint64_t ram_below_4g, ram_above_4g;
	uint8_t index;
	uint8_t cell[NR_CELLS];
	enum rtc_clock clock;
	int64_t offset;		/* guest's time minus that clock, ns */
	int64_t moved;		/* by how much the guest has set it off from its first time, ns */
	uint64_t ran_seen;	/* the guest's running time when the timer came last */
	int64_t second_seen;	/* the guest's second up to which UF and AF are worked out */
	uint64_t period_seen;	/* the same for PF, in periods of the rate */
	struct device_timer timer;
};

/* --- the time and its registers --- */

static bool running(const struct rtc *r)
{
	return !(r->cell[REG_B] & B_SET) && (r->cell[REG_A] & A_DIVIDER) == A_DIVIDER_RUN;
}

/* The clock behind the time. */
static int64_t source_ns(const struct rtc *r)
{
	if (r->clock == RTC_CLOCK_HOST)
		return device_wall_clock();
	return (int64_t)(r->clock == RTC_CLOCK_VM ? device_run_clock() : device_now());
}

static int64_t guest_ns(const struct rtc *r)
{
	return source_ns(r) + r->offset;
}

static int64_t guest_second(const struct rtc *r)
{
	int64_t ns = guest_ns(r);

	return ns >= 0 ? ns / NS_PER_S : -((-ns + NS_PER_S - 1) / NS_PER_S);
}

static uint8_t encode(const struct rtc *r, int n)
{
	return (uint8_t)(r->cell[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10);
}

static int decode(const struct rtc *r, uint8_t v)
{
	return r->cell[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct rtc *r, int hour)
{
	if (r->cell[REG_B] & B_24H)
		return encode(r, hour);
	return (uint8_t)(encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

static int decode_hour(const struct rtc *r, uint8_t v)
{
	if (r->cell[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

static void time_to_cells(struct rtc *r)
{
	time_t t = (time_t)guest_second(r);
	struct tm tm;

	gmtime_r(&t, &tm);
	r->cell[SECONDS] = encode(r, tm.tm_sec);
	r->cell[MINUTES] = encode(r, tm.tm_min);
	r->cell[HOURS] = encode_hour(r, tm.tm_hour);
	r->cell[WEEKDAY] = encode(r, tm.tm_wday + 1);
	r->cell[DAY] = encode(r, tm.tm_mday);
	r->cell[MONTH] = encode(r, tm.tm_mon + 1);
	r->cell[YEAR] = encode(r, tm.tm_year % 100);
	r->cell[CENTURY] = encode(r, tm.tm_year / 100 + 19);
}

static void cells_to_time(struct rtc *r)
{
	struct tm tm = {
		.tm_sec = decode(r, r->cell[SECONDS]),
		.tm_min = decode(r, r->cell[MINUTES]),
		.tm_hour = decode_hour(r, r->cell[HOURS]),
		.tm_mday = decode(r, r->cell[DAY]),
		.tm_mon = decode(r, r->cell[MONTH]) - 1,
		.tm_year = decode(r, r->cell[YEAR]) + (decode(r, r->cell[CENTURY]) - 19) * 100,
	};

	int64_t before = r->offset;

	/* The first update comes half a second after the divider is let go (data sheet, DV bits). */
	r->offset = (int64_t)timegm(&tm) * NS_PER_S + NS_PER_S / 2 - source_ns(r);
	r->second_seen = guest_second(r);
	r->moved += r->offset - before;
	event_send("RTC_CHANGE", EVENT_INT("offset", (r->moved + NS_PER_S / 2) / NS_PER_S));
}

static bool alarm_matches(const struct rtc *r, int64_t second)
{
	time_t t = (time_t)second;
	struct tm tm;

	gmtime_r(&t, &tm);
	return ((r->cell[SECONDS_ALARM] & ALARM_ANY) == ALARM_ANY ||
		r->cell[SECONDS_ALARM] == encode(r, tm.tm_sec)) &&
	       ((r->cell[MINUTES_ALARM] & ALARM_ANY) == ALARM_ANY ||
		r->cell[MINUTES_ALARM] == encode(r, tm.tm_min)) &&
	       ((r->cell[HOURS_ALARM] & ALARM_ANY) == ALARM_ANY ||
		r->cell[HOURS_ALARM] == encode_hour(r, tm.tm_hour));
}

/* --- flags and interrupts --- */

/* Ticks of the base clock in a period of the chosen rate; 0: none chosen (table 3 of the sheet). */
static uint32_t period_ticks(const struct rtc *r)
{
	unsigned int rate = r->cell[REG_A] & A_RATE;

	if (!rate)
		return 0;
	return rate <= 2 ? 1u << (rate + 6) : 1u << (rate - 1);
}

/* Periods are even whatever happens to the host's wall clock. */
static uint64_t base_ns(const struct rtc *r)
{
	return r->clock == RTC_CLOCK_VM ? device_run_clock() : device_now();
}

static uint64_t base_ticks(const struct rtc *r)
{
	return (uint64_t)((unsigned __int128)base_ns(r) * BASE_HZ / (uint64_t)NS_PER_S);
}

static void see_seconds(struct rtc *r)
{
	int64_t now = guest_second(r);

	if (!running(r)) {
		r->second_seen = now;
		return;
	}
	/* After a long sleep of the host, the last day decides what the alarm can have hit. */
	if (now - r->second_seen > 86400 || now < r->second_seen)
		r->second_seen = now - 1;
	while (r->second_seen < now) {
		r->cell[REG_C] |= C_UF;
		r->second_seen++;
		if (!(r->cell[REG_C] & C_AF) && alarm_matches(r, r->second_seen))
			r->cell[REG_C] |= C_AF;
		if (r->cell[REG_C] & C_AF)
			r->second_seen = now;
	}
}

static void see_periods(struct rtc *r)
{
	uint32_t ticks = period_ticks(r);
	uint64_t period = ticks ? base_ticks(r) / ticks : 0;

	if (period > r->period_seen)
		r->cell[REG_C] |= C_PF;
	r->period_seen = period;
}

static uint64_t next_alarm(const struct rtc *r, int64_t now_ns)
{
	int64_t second = guest_second(r), n;

	for (n = 1; n < 86400; n++)
		if (alarm_matches(r, second + n))
			break;
	return device_now() + (uint64_t)((second + n) * NS_PER_S - now_ns);
}

static void set_timer(struct rtc *r)
{
	uint8_t want = r->cell[REG_B] & (B_PIE | B_AIE | B_UIE) & (uint8_t)~r->cell[REG_C];
	uint32_t ticks = period_ticks(r);
	int64_t now = guest_ns(r);
	uint64_t when = UINT64_MAX, t;

	if ((want & B_PIE) && ticks) {
		t = (uint64_t)((unsigned __int128)(r->period_seen + 1) * ticks *
			       (uint64_t)NS_PER_S / BASE_HZ) + 1000;
		when = device_now() + (t > base_ns(r) ? t - base_ns(r) : 0);
	}
	if ((want & B_UIE) && running(r)) {
		t = device_now() + (uint64_t)((guest_second(r) + 1) * NS_PER_S - now);
		when = t < when ? t : when;
	}
	if ((want & B_AIE) && running(r)) {
		t = next_alarm(r, now);
		when = t < when ? t : when;
	}
	if (when == UINT64_MAX)
		device_timer_cancel(&r->timer);
	else
		device_timer_set(&r->timer, when);
}

static void update(struct rtc *r)
{
	see_seconds(r);
	see_periods(r);
	/* The flags of C and the enables of B stand at the same bits. */
	if (r->cell[REG_C] & r->cell[REG_B] & (C_PF | C_AF | C_UF))
		r->cell[REG_C] |= C_IRQF;
	else
		r->cell[REG_C] &= (uint8_t)~C_IRQF;
	device_set_irq(&r->dev, 0, r->cell[REG_C] & C_IRQF);
	set_timer(r);
}

static void timer_due(void *arg)
{
	struct rtc *r = arg;
	bool stands = r->clock == RTC_CLOCK_VM && device_run_clock() == r->ran_seen;

	r->ran_seen = device_run_clock();
	update(r);
	/* What the timer waits for does not come nearer while the guest does not run. */
	if (stands && r->timer.when)
		device_timer_set(&r->timer, device_now() + PAUSED_NS);
}

/* --- registers --- */

static uint8_t read_cell(struct rtc *r, uint8_t at)
{
	uint8_t val;
	int64_t to_next;

	switch (at) {
	case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR:
	case CENTURY:
		if (running(r))
			time_to_cells(r);
		return r->cell[at];
	case REG_A:
		to_next = (guest_second(r) + 1) * NS_PER_S - guest_ns(r);
		return (uint8_t)(r->cell[REG_A] |
				 (running(r) && to_next <= UIP_NS ? A_UIP : 0));
	case REG_C:
		update(r);
		val = r->cell[REG_C];
		r->cell[REG_C] = 0;
		update(r);
		return val;
	default:
		return r->cell[at];
	}
}

static void write_clock_control(struct rtc *r, uint8_t at, uint8_t val)
{
	bool was = running(r);

	update(r);
	if (was)
		time_to_cells(r);
	if (at == REG_A) {
		r->cell[REG_A] = val & (uint8_t)~A_UIP;
		r->period_seen = period_ticks(r) ? base_ticks(r) / period_ticks(r) : 0;
	} else {
		/* SET clears UIE (data sheet, register B). */
		r->cell[REG_B] = val & B_SET ? val & (uint8_t)~B_UIE : val;
	}
	if (!was && running(r))
		cells_to_time(r);
	update(r);
}

static void write_cell(struct rtc *r, uint8_t at, uint8_t val)
{
	switch (at) {
	case REG_A: case REG_B:
		write_clock_control(r, at, val);
		break;
	case REG_C: case REG_D:
		break;
	case SECONDS: case MINUTES: case HOURS: case WEEKDAY: case DAY: case MONTH: case YEAR:
	case CENTURY:
		if (running(r)) {
			time_to_cells(r);
			r->cell[at] = val;
			cells_to_time(r);
		} else {
			r->cell[at] = val;
		}
		break;
	case SECONDS_ALARM: case MINUTES_ALARM: case HOURS_ALARM:
		update(r);
		r->cell[at] = val;
		update(r);
		break;
	default:
		r->cell[at] = val;
		break;
	}
}

static uint64_t rtc_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct rtc *r = (struct rtc *)dev;

	(void)size;
	/* The index register cannot be read on an AT. */
	return off ? read_cell(r, r->index) : 0xff;
}

static void rtc_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct rtc *r = (struct rtc *)dev;

	(void)size;
	if (!off)
		r->index = val & (NR_CELLS - 1);	/* bit 7 masks NMI, of which there is no source */
	else
		write_cell(r, r->index, (uint8_t)val);
}

void rtc_set_clock(struct device *dev, enum rtc_clock clock, int64_t ahead)
{
	struct rtc *r = (struct rtc *)dev;

	r->clock = clock;
	r->offset = ahead;
}

void rtc_set_cell(struct device *dev, unsigned int cell, uint8_t val)
{
	if (cell > REG_D && cell < NR_CELLS)
		((struct rtc *)dev)->cell[cell] = val;
}

static void put16(struct rtc *r, uint8_t at, uint64_t val)
{
	if (val > 0xffff)
		val = 0xffff;
	r->cell[at] = (uint8_t)val;
	r->cell[at + 1] = (uint8_t)(val >> 8);
}

static void rtc_reset(struct device *dev)
{
	struct rtc *r = (struct rtc *)dev;

	/* A battery keeps the rest. */
	r->cell[REG_B] &= (uint8_t)~(B_PIE | B_AIE | B_UIE);
	r->cell[REG_C] = 0;
	r->index = 0;
	update(r);
}

static const char *rtc_realize(struct device *dev)
{
	struct rtc *r = (struct rtc *)dev;
	uint64_t above_1m = r->ram_below_4g > 1 << 20 ? r->ram_below_4g - (1 << 20) : 0;
	uint64_t above_16m = r->ram_below_4g > 16 << 20 ? r->ram_below_4g - (16 << 20) : 0;
	uint64_t high = r->ram_above_4g >> 16;

	device_timer_init(&r->timer, timer_due, r);
	if (r->clock != RTC_CLOCK_HOST)
		r->offset += device_wall_clock() - source_ns(r);
	r->cell[REG_A] = A_DIVIDER_RUN | 6;	/* 1024 Hz, what a BIOS sets */
	r->cell[REG_B] = B_24H;
	r->cell[REG_D] = D_VALID;
	put16(r, BASE_LO, 640);
	put16(r, EXT_LO, above_1m >> 10);
	put16(r, EXT_LO_2, above_1m >> 10);
	put16(r, ABOVE16M_LO, above_16m >> 16);
	r->cell[ABOVE4G_LO] = (uint8_t)high;
	r->cell[ABOVE4G_MID] = (uint8_t)(high >> 8);
	r->cell[ABOVE4G_HI] = (uint8_t)(high >> 16);
	r->second_seen = guest_second(r);
	time_to_cells(r);
	return NULL;
}

static const struct device_region rtc_regions[] = {
	{ "index-data", BUS_PORT, 2, 1, rtc_read, rtc_write },
};

static const struct device_prop rtc_props[] = {
	{ "ram-below-4g", PROP_U64, offsetof(struct rtc, ram_below_4g) },
	{ "ram-above-4g", PROP_U64, offsetof(struct rtc, ram_above_4g) },
};

static const struct device_class rtc = {
	.name = "rtc",
	.what = "real time clock and CMOS memory (MC146818A)",
	.sheet = "Motorola MC146818A; IBM PC/AT technical reference, CMOS memory",
	.size = sizeof(struct rtc),
	.regions = rtc_regions,
	.nr_regions = ARRAY_SIZE(rtc_regions),
	.nr_irqs = 1,
	.props = rtc_props,
	.nr_props = ARRAY_SIZE(rtc_props),
	.realize = rtc_realize,
	.reset = rtc_reset,
};
DEVICE_REGISTER(rtc);
