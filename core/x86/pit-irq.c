/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * IRQ 0 of the 8254's channel 0, and what becomes of ticks that come while the
 * guest has not acknowledged the one before.
 *
 * Guests that keep time by counting ticks need them all: with reinjection (the
 * default) the next one follows each acknowledgement until they are used up.
 * Without it a late tick merges with the one that waits, as on the chip.
 */
#include "x86/irqchip.h"
#include "x86/pit.h"

/* A guest must not keep a thread of the host busy with a period of nothing. */
#define MIN_PERIOD_NS 200000
/* Acknowledgements can be lost (a vector changed in flight): so many ticks later try again. */
#define RETRY_TICKS 64
#define MAX_PENDING 100000

static void arm(struct pit *p)
{
	if (!p->deadline_ns || (p->armed_ns && p->armed_ns <= p->deadline_ns))
		return;
	p->armed_ns = p->deadline_ns;
	plat_timer_start(&p->timer, p->deadline_ns);
}

/* Without the lock: IRQ 0 is a pulse, the pins are edge-sensed. */
static void inject(struct pit *p)
{
	int r = vm_set_irq(p->vm, IRQ_SOURCE_PIT, 0, 1, false);

	vm_set_irq(p->vm, IRQ_SOURCE_PIT, 0, 0, false);
	if (r >= 0)
		return;
	/* Masked everywhere: nobody counts these ticks. */
	plat_spin_lock(&p->lock);
	p->irq_acked = true;
	p->pending = 0;
	plat_spin_unlock(&p->lock);
}

static void timer_call(struct plat_timer *t)
{
	struct pit *p = container_of(t, struct pit, timer);
	u64 now = plat_time_ns(), n;
	bool go = false;

	plat_spin_lock(&p->lock);
	p->armed_ns = 0;
	if (p->deadline_ns && now >= p->deadline_ns) {
		n = p->period_ns ? (now - p->deadline_ns) / p->period_ns + 1 : 1;
		p->deadline_ns = p->period_ns ? p->deadline_ns + n * p->period_ns : 0;
		p->pending = min(p->pending + n, (u64)MAX_PENDING);
		go = p->no_reinject || p->irq_acked || p->pending % RETRY_TICKS == 0;
		p->irq_acked = false;
	}
	arm(p);
	plat_spin_unlock(&p->lock);
	if (go)
		inject(p);
}

void pit_irq_acked(struct vm *vm)
{
	struct pit *p = vm->pit;
	bool again;

	if (!p)
		return;
	plat_spin_lock(&p->lock);
	if (p->pending)
		p->pending--;
	again = p->pending && !p->no_reinject;
	p->irq_acked = !again;
	plat_spin_unlock(&p->lock);
	if (again)
		inject(p);
}

void pit_set_reinject(struct vm *vm, bool on)
{
	struct pit *p = vm->pit;

	plat_spin_lock(&p->lock);
	p->no_reinject = !on;
	p->pending = 0;
	p->irq_acked = true;
	plat_spin_unlock(&p->lock);
}

void pit_irq_start(struct pit *p)
{
	struct kvm_pit_channel_state *c = &p->ch[0];
	u64 ns = pit_ticks_to_ns(c->count);

	pit_irq_stop(p);
	/* The HPET has taken IRQ 0 over; mode 5 waits for a gate that never moves. */
	if (p->hpet_legacy || c->mode == 5)
		return;
	if (c->mode == 2 || c->mode == 3)
		p->period_ns = max(ns, (u64)MIN_PERIOD_NS);
	p->deadline_ns = c->count_load_time + (p->period_ns ? p->period_ns : ns);
	arm(p);
}

void pit_irq_stop(struct pit *p)
{
	p->deadline_ns = 0;
	p->period_ns = 0;
	p->pending = 0;
	p->irq_acked = true;
}

int pit_irq_init(struct pit *p)
{
	p->irq_acked = true;
	return plat_timer_init(&p->timer, timer_call);
}

void pit_irq_fini(struct pit *p)
{
	plat_spin_lock(&p->lock);
	p->deadline_ns = 0;
	plat_spin_unlock(&p->lock);
	plat_timer_cancel(&p->timer);
	plat_timer_destroy(&p->timer);
}
