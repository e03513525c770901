/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Who is meant: from a destination (physical or logical, xAPIC or x2APIC,
 * shorthand, lowest priority) to vCPUs, and the message into each one's LAPIC
 * (Intel SDM vol. 3, 11.6).
 *
 * An APIC ID is the vCPU's id unless a guest has written its xAPIC ID
 * register. So the map is a table by vCPU id that never changes while the VM
 * lives and needs no lock; `odd` counts the LAPICs it is not true for, and
 * while there are any the search is linear.
 */
#include "x86/lapic.h"
#include "x86/irqchip.h"

#define LAPIC_MAP_SIZE 4096
#define XAPIC_BROADCAST 0xff
#define X2APIC_BROADCAST 0xffffffff
#define ESR_SEND_VECTOR BIT(5)
#define ESR_RECEIVE_VECTOR BIT(6)

struct apic_map {
	struct vcpu *by_id[LAPIC_MAP_SIZE];
	u32 odd;
};

int apic_map_add(struct vcpu *v)
{
	struct vm *vm = v->vm;

	if (v->id >= LAPIC_MAP_SIZE)
		return -EINVAL;
	if (!vm->apics)
		vm->apics = plat_alloc(sizeof(*vm->apics));
	if (!vm->apics)
		return -ENOMEM;
	WRITE_ONCE(vm->apics->by_id[v->id], v);
	return 0;
}

void apic_map_remove(struct vcpu *v)
{
	WRITE_ONCE(v->vm->apics->by_id[v->id], NULL);
}

void apic_map_id_changed(struct vcpu *v)
{
	struct apic_map *map = v->vm->apics;
	u32 odd = 0;

	for (u32 i = 0; i < LAPIC_MAP_SIZE; i++) {
		struct vcpu *o = READ_ONCE(map->by_id[i]);

		if (o && o->lapic)
			odd += READ_ONCE(o->lapic->id) != (o->id & 0xff);
	}
	WRITE_ONCE(map->odd, odd);
}

void apic_map_destroy(struct vm *vm)
{
	plat_free(vm->apics);
	vm->apics = NULL;
}

/* Ready to be delivered to, or NULL. */
static struct vcpu *by_id(struct vm *vm, u32 id)
{
	struct vcpu *v;

	if (!vm->apics || id >= LAPIC_MAP_SIZE)
		return NULL;
	v = READ_ONCE(vm->apics->by_id[id]);
	return v && v->lapic ? v : NULL;
}

struct vcpu *apic_find(struct vm *vm, u32 apic_id)
{
	struct apic_msg m = { .dest = apic_id, .x2apic_dest = true };
	struct vcpu *v = by_id(vm, apic_id);

	return v && apic_dest_match(v, &m) ? v : NULL;
}

static bool match_x2apic(const struct lapic *l, const struct apic_msg *m)
{
	const struct vcpu *v = l->vcpu;
	u32 dest = m->dest;

	/* An 8-bit all-ones from a device means everybody, unless the host program knows better. */
	if (!m->x2apic_dest && dest == XAPIC_BROADCAST && !v->vm->x2apic_no_broadcast_quirk)
		return true;
	if (dest == X2APIC_BROADCAST)
		return true;
	if (!m->logical)
		return dest == v->id;
	return dest >> 16 == v->id >> 4 && (dest >> (v->id & 15) & 1);
}

static bool match_xapic(const struct lapic *l, const struct apic_msg *m)
{
	const struct vcpu *v = l->vcpu;
	u32 dest = m->dest, ldr = READ_ONCE(l->ldr) >> 24;

	if (dest == (m->x2apic_dest ? X2APIC_BROADCAST : XAPIC_BROADCAST))
		return true;
	if (!m->logical) {
		/* An ID that does not fit the register is reached by the wide one alone. */
		return v->id > 0xff ? dest == v->id : dest == READ_ONCE(l->id);
	}
	if (dest > 0xff)
		return false;
	if (READ_ONCE(l->dfr) >> 28 == 0xf)
		return dest & ldr;
	return dest >> 4 == ldr >> 4 && (dest & ldr & 0xf);
}

bool apic_dest_match(struct vcpu *v, const struct apic_msg *m)
{
	struct lapic *l = v->lapic;

	if (!l || !READ_ONCE(l->enabled))
		return false;
	return READ_ONCE(l->x2apic) ? match_x2apic(l, m) : match_xapic(l, m);
}

/* ---- one LAPIC ---- */

static void post_event(struct vcpu *v, u32 bits)
{
	plat_atomic_or32(&v->lapic->events, bits);
	vcpu_request_kick(v, VCPU_REQ_EVENT);
}

void vcpu_raise_nmi(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	if (!l)
		v->nmi_pending = min(v->nmi_pending + 1, 2);
	else if (plat_atomic_or32(&l->events, LAPIC_NMI) & LAPIC_NMI)
		plat_atomic_or32(&l->events, LAPIC_NMI2);
	vcpu_request_kick(v, VCPU_REQ_EVENT);
}

static bool accept_fixed(struct lapic *l, u8 vector, bool level)
{
	u64 bit = BIT_ULL(vector & 63);
	u32 word = vector >> 6;

	if (!READ_ONCE(l->enabled) || !(READ_ONCE(l->svr) & LAPIC_SVR_ENABLE))
		return false;
	if (vector < 16) {
		lapic_error(l, ESR_RECEIVE_VECTOR);
		return false;
	}
	/* The trigger mode is there before the request can be seen. */
	if (level != !!(READ_ONCE(l->tmr[word]) & bit)) {
		if (level)
			plat_atomic_or64(&l->tmr[word], bit);
		else
			plat_atomic_and64(&l->tmr[word], ~bit);
	}
	/* Whoever set the bit first has kicked. */
	if (plat_atomic_or64(&l->irr[word], bit) & bit)
		return false;
	vcpu_request_kick(l->vcpu, VCPU_REQ_EVENT);
	return true;
}

bool lapic_accept(struct vcpu *v, enum apic_delivery mode, u8 vector, bool level)
{
	struct lapic *l = v->lapic;

	switch (mode) {
	case LAPIC_DM_FIXED:
	case LAPIC_DM_LOWEST:
		return accept_fixed(l, vector, level);
	case LAPIC_DM_NMI:
		vcpu_raise_nmi(v);
		return true;
	case LAPIC_DM_INIT:
		/* What came before it is forgotten. */
		plat_atomic_and32(&l->events, ~(u32)LAPIC_SIPI);
		post_event(v, LAPIC_INIT);
		return true;
	case LAPIC_DM_SIPI:
		WRITE_ONCE(v->sipi_vector, vector);
		post_event(v, LAPIC_SIPI);
		return true;
	case LAPIC_DM_SMI:	/* there is no SMM */
	case LAPIC_DM_REMOTE_READ:
	case LAPIC_DM_EXTINT:	/* only LINT0 brings one: irq.c */
		break;
	}
	return false;
}

/* ---- many ---- */

/* As KVM_IRQ_LINE_STATUS wants it: -1 nobody, 0 all had it pending, else how many took it. */
static int add(int sum, bool taken)
{
	return (sum < 0 ? 0 : sum) + taken;
}

/*
 * The vCPUs that can match at all, without looking at each of 1024: *n
 * consecutive ids from *first, or false when every vCPU must be asked.
 */
static bool dest_range(struct vm *vm, const struct apic_msg *m, u32 *first, u32 *n)
{
	if (READ_ONCE(vm->apics->odd))
		return false;
	if (m->dest == X2APIC_BROADCAST || (!m->x2apic_dest && m->dest == XAPIC_BROADCAST))
		return false;
	if (!m->logical) {
		*first = m->dest;
		*n = 1;
		return true;
	}
	/* A 32-bit logical destination is one x2APIC cluster. */
	*first = m->dest >> 16 << 4;
	*n = 16;
	return m->x2apic_dest;
}

struct walk {
	struct vm *vm;
	bool range;
	u32 at, end;
};

static struct vcpu *next_match(struct walk *w, const struct apic_msg *m)
{
	while (w->at < w->end) {
		u32 i = w->at++;
		struct vcpu *v = w->range ? by_id(w->vm, i) : READ_ONCE(w->vm->vcpus[i]);

		if (v && apic_dest_match(v, m))
			return v;
	}
	return NULL;
}

static void walk_start(struct walk *w, struct vm *vm, const struct apic_msg *m)
{
	u32 n = 0;

	*w = (struct walk){ .vm = vm };
	w->range = dest_range(vm, m, &w->at, &n);
	if (w->range) {
		w->end = min(w->at + n, (u32)LAPIC_MAP_SIZE);
	} else {
		w->at = 0;
		w->end = READ_ONCE(vm->nr_vcpus);
	}
}

/* Among equals the one chosen least: 11.6.2.4 leaves the arbitration to the chip set. */
static int deliver_lowest(struct vm *vm, const struct apic_msg *m)
{
	struct vcpu *best = NULL, *v;
	struct walk w;

	walk_start(&w, vm, m);
	while ((v = next_match(&w, m))) {
		if (!(READ_ONCE(v->lapic->svr) & LAPIC_SVR_ENABLE))
			continue;
		if (!best || (s32)(READ_ONCE(v->lapic->arb) - best->lapic->arb) < 0)
			best = v;
	}
	if (!best)
		return -1;
	WRITE_ONCE(best->lapic->arb, best->lapic->arb + 1);
	return lapic_accept(best, LAPIC_DM_FIXED, m->vector, m->level);
}

int apic_deliver(struct vm *vm, const struct apic_msg *m)
{
	struct vcpu *v;
	struct walk w;
	int sum = -1;

	if (!vm->apics)
		return -1;
	if (m->delivery == LAPIC_DM_LOWEST || (m->redir_hint && m->delivery == LAPIC_DM_FIXED))
		return deliver_lowest(vm, m);
	walk_start(&w, vm, m);
	while ((v = next_match(&w, m)))
		sum = add(sum, lapic_accept(v, m->delivery, m->vector, m->level));
	return sum;
}

/* ---- the interrupt command register ---- */

enum shorthand { ICR_DEST, ICR_SELF, ICR_ALL, ICR_OTHERS };

void lapic_send_icr(struct lapic *l)
{
	struct vcpu *self = l->vcpu;
	u32 icr = l->icr_lo;
	struct apic_msg m = {
		.dest = l->x2apic ? l->icr_hi : l->icr_hi >> 24,
		.vector = icr,
		.delivery = icr >> 8 & 7,
		.logical = icr >> 11 & 1,
		.assert = icr >> 14 & 1,
		.x2apic_dest = l->x2apic,
	};
	enum shorthand who = icr >> 18 & 3;

	/* INIT level de-assert only synchronises arbitration IDs, which no CPU has any more. */
	if (m.delivery == LAPIC_DM_INIT && (icr >> 15 & 1) && !m.assert)
		return;
	if (m.vector < 16 && (m.delivery == LAPIC_DM_FIXED || m.delivery == LAPIC_DM_LOWEST)) {
		lapic_error(l, ESR_SEND_VECTOR);
		return;
	}
	/* IPIs are edge-triggered whatever bit 15 says (11.6.1). */
	if (who == ICR_DEST) {
		apic_deliver(self->vm, &m);
		return;
	}
	if (who == ICR_SELF) {
		/* INIT and SIPI to oneself do not exist. */
		if (m.delivery != LAPIC_DM_INIT && m.delivery != LAPIC_DM_SIPI)
			lapic_accept(self, m.delivery, m.vector, false);
		return;
	}
	for (u32 i = 0, n = READ_ONCE(self->vm->nr_vcpus); i < n; i++) {
		struct vcpu *v = READ_ONCE(self->vm->vcpus[i]);

		if (!v || !v->lapic || !READ_ONCE(v->lapic->enabled))
			continue;
		if (v != self || who == ICR_ALL)
			lapic_accept(v, m.delivery, m.vector, false);
	}
}
