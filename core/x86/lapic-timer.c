/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The local APIC's timer: one-shot, periodic, TSC deadline (Intel SDM vol. 3,
 * 11.5.4).
 *
 * It has one truth, deadline_ns. The home's timer only promises to call at or
 * before it: pushing the deadline back, or stopping, leaves the timer as it
 * stands, and the call that then comes too early arms it anew. So most writes
 * of a guest that re-arms all the time cost no system call. Whoever looks
 * first after the deadline, the timer's thread or the vCPU's own, fires.
 */
#include "x86/lapic.h"
#include "x86/pv.h"

#define MODE_ONESHOT 0
#define MODE_PERIODIC 1
#define MODE_DEADLINE 2

/* One count is a nanosecond: the bus runs at 1 GHz, as the guest can read in CPUID 0x40000010. */
#define NS_PER_COUNT 1
/* A guest must not keep a thread of the host busy with a period of nothing. */
#define MIN_PERIOD_NS 200000
/* A deadline further away than this never comes. */
#define FAR_NS (1ull << 62)

static u32 timer_mode(const struct lapic *l)
{
	return l->lvt[LAPIC_LVT_TIMER] >> 17 & 3;
}

/* TDCR bits 3, 1, 0: 000 is 2, ... 110 is 128, 111 is 1. */
static u32 divisor(u32 tdcr)
{
	u32 code = (tdcr & 3) | (tdcr >> 1 & 4);

	return 1u << ((code + 1) & 7);
}

static void arm(struct lapic *l)
{
	u64 at = l->deadline_ns;

	if (!at || (l->armed_ns && l->armed_ns <= at))
		return;
	l->armed_ns = at;
	plat_timer_start(&l->timer, at);
}

static u64 clamp_period(struct lapic *l, u64 ns)
{
	return timer_mode(l) == MODE_PERIODIC && ns ? max(ns, (u64)MIN_PERIOD_NS) : ns;
}

/* Nanoseconds from now until the guest's TSC reads l->tsc_deadline; 0: it already does. */
static u64 tsc_deadline_ns(struct lapic *l)
{
	const struct vcpu *v = l->vcpu;
	u64 tsc = x86_guest_tsc(l->vcpu), delta;
	u64 khz = x86_tsc_scale(v->vm, v->tsc_ratio, plat_tsc_khz());

	if (l->tsc_deadline <= tsc || !khz)
		return 0;
	delta = l->tsc_deadline - tsc;
	if (delta / khz >= FAR_NS / 1000000)
		return FAR_NS;
	return delta / khz * 1000000 + (delta % khz * 1000000 + khz - 1) / khz;
}

/* Fire when the time has come. Under timer_lock. */
static void expire(struct lapic *l, u64 now)
{
	u64 late;

	if (!l->deadline_ns || now < l->deadline_ns)
		return;
	late = now - l->deadline_ns;
	switch (timer_mode(l)) {
	case MODE_PERIODIC:
		/* Periods that nobody saw are gone: IRR would have held only one of them. */
		l->deadline_ns = l->period_ns ? now + l->period_ns - late % l->period_ns : 0;
		break;
	case MODE_DEADLINE:
		/* The two clocks need not agree to the last tick: never before the TSC's. */
		late = tsc_deadline_ns(l);
		if (late) {
			l->deadline_ns = now + late;
			return;
		}
		WRITE_ONCE(l->tsc_deadline, 0);
		l->deadline_ns = 0;
		break;
	default:
		l->deadline_ns = 0;
		break;
	}
	/* The tick is where a guest looks at its steal time. */
	if (l->vcpu->pv && (READ_ONCE(l->vcpu->pv->steal_msr) & KVM_MSR_ENABLED))
		vcpu_request(l->vcpu, VCPU_REQ_STEAL);
	lapic_deliver_lvt(l->vcpu, LAPIC_LVT_TIMER);
}

static void timer_call(struct plat_timer *t)
{
	struct lapic *l = container_of(t, struct lapic, timer);

	plat_spin_lock(&l->timer_lock);
	l->armed_ns = 0;
	expire(l, plat_time_ns());
	arm(l);
	plat_spin_unlock(&l->timer_lock);
}

u64 lapic_timer_deadline(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	if (!l || (l->lvt[LAPIC_LVT_TIMER] & LAPIC_LVT_MASKED))
		return 0;
	return READ_ONCE(l->deadline_ns);
}

void lapic_timer_poll(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	u64 now;

	if (!l || !READ_ONCE(l->deadline_ns))
		return;
	now = plat_time_ns();
	if (now < READ_ONCE(l->deadline_ns))
		return;
	plat_spin_lock(&l->timer_lock);
	expire(l, now);
	arm(l);
	plat_spin_unlock(&l->timer_lock);
}

static void start_deadline(struct lapic *l)
{
	u64 now = plat_time_ns();

	l->deadline_ns = l->tsc_deadline ? now + tsc_deadline_ns(l) : 0;
	expire(l, now);
	arm(l);
}

void lapic_set_tsc_deadline(struct vcpu *v, u64 val)
{
	struct lapic *l = v->lapic;

	if (!l || !l->enabled || timer_mode(l) != MODE_DEADLINE)
		return;
	plat_spin_lock(&l->timer_lock);
	WRITE_ONCE(l->tsc_deadline, val);
	start_deadline(l);
	plat_spin_unlock(&l->timer_lock);
}

u64 lapic_get_tsc_deadline(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	if (!l || timer_mode(l) != MODE_DEADLINE)
		return 0;
	lapic_timer_poll(v);
	return READ_ONCE(l->tsc_deadline);
}

void lapic_tsc_changed(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	if (!l || timer_mode(l) != MODE_DEADLINE)
		return;
	plat_spin_lock(&l->timer_lock);
	start_deadline(l);
	plat_spin_unlock(&l->timer_lock);
}

void lapic_timer_stop(struct lapic *l)
{
	plat_spin_lock(&l->timer_lock);
	WRITE_ONCE(l->tsc_deadline, 0);
	l->deadline_ns = 0;
	plat_spin_unlock(&l->timer_lock);
}

void lapic_timer_set_count(struct lapic *l, u32 tmict)
{
	if (timer_mode(l) == MODE_DEADLINE)
		return;
	plat_spin_lock(&l->timer_lock);
	l->tmict = tmict;
	l->period_ns = clamp_period(l, (u64)tmict * NS_PER_COUNT * divisor(l->tdcr));
	l->deadline_ns = tmict ? plat_time_ns() + l->period_ns : 0;
	arm(l);
	plat_spin_unlock(&l->timer_lock);
}

/* A new divisor stretches what is left of the running period. */
void lapic_timer_set_divide(struct lapic *l, u32 tdcr)
{
	u32 old = divisor(l->tdcr), new = divisor(tdcr);
	u64 now;

	plat_spin_lock(&l->timer_lock);
	l->tdcr = tdcr & 0xb;
	if (timer_mode(l) != MODE_DEADLINE && old != new) {
		l->period_ns = clamp_period(l, (u64)l->tmict * NS_PER_COUNT * new);
		now = plat_time_ns();
		if (l->deadline_ns > now)
			l->deadline_ns = now + min((l->deadline_ns - now) * new / old,
						   l->period_ns);
		arm(l);
	}
	plat_spin_unlock(&l->timer_lock);
}

void lapic_timer_set_lvt(struct lapic *l, u32 lvtt)
{
	bool was, is;

	plat_spin_lock(&l->timer_lock);
	/* Mode 3 is reserved: what is written stays readable and nothing runs. */
	was = timer_mode(l) == MODE_DEADLINE;
	is = (lvtt >> 17 & 3) == MODE_DEADLINE;
	if (was != is) {
		l->tmict = 0;
		l->period_ns = 0;
		l->deadline_ns = 0;
		WRITE_ONCE(l->tsc_deadline, 0);
	}
	WRITE_ONCE(l->lvt[LAPIC_LVT_TIMER], lvtt);
	l->period_ns = clamp_period(l, l->period_ns);
	plat_spin_unlock(&l->timer_lock);
}

u32 lapic_timer_count(struct lapic *l)
{
	u64 now, left = 0;

	if (timer_mode(l) == MODE_DEADLINE)
		return 0;
	plat_spin_lock(&l->timer_lock);
	now = plat_time_ns();
	expire(l, now);
	arm(l);
	if (l->deadline_ns > now)
		left = l->deadline_ns - now;
	plat_spin_unlock(&l->timer_lock);
	left /= NS_PER_COUNT * divisor(l->tdcr);
	return min(left, (u64)l->tmict);
}

/*
 * KVM_SET_LAPIC: LVTT is in place; go on from what was left. A one-shot timer
 * with nothing left fires, as on stock KVM: its interrupt may not have been in
 * the saved IRR yet, and a guest that waits for it would wait for ever.
 */
void lapic_timer_restore(struct lapic *l, u32 tmict, u32 tdcr, u32 tmcct)
{
	u64 count = NS_PER_COUNT;

	plat_spin_lock(&l->timer_lock);
	l->tdcr = tdcr & 0xb;
	l->deadline_ns = 0;
	l->tmict = 0;
	if (timer_mode(l) != MODE_DEADLINE) {
		count *= divisor(l->tdcr);
		l->tmict = tmict;
		l->period_ns = clamp_period(l, tmict * count);
		if (!tmcct && timer_mode(l) == MODE_PERIODIC)
			tmcct = tmict;
		if (tmict && timer_mode(l) <= MODE_PERIODIC)
			l->deadline_ns = plat_time_ns() + min(tmcct * count, l->period_ns);
		arm(l);
	} else if (l->tsc_deadline) {
		start_deadline(l);
	}
	plat_spin_unlock(&l->timer_lock);
}

int lapic_timer_init(struct lapic *l)
{
	plat_spin_init(&l->timer_lock);
	return plat_timer_init(&l->timer, timer_call);
}

void lapic_timer_fini(struct lapic *l)
{
	plat_spin_lock(&l->timer_lock);
	l->deadline_ns = 0;
	plat_spin_unlock(&l->timer_lock);
	plat_timer_cancel(&l->timer);
	plat_timer_destroy(&l->timer);
}
