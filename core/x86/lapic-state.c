/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * KVM_GET_LAPIC and KVM_SET_LAPIC: the register page as the ABI carries it.
 * In x2APIC mode the ID register holds 32 bits with KVM_CAP_X2APIC_API's
 * format and the low 8 in its top byte without; ICR2 holds ICR's high half.
 */
#include "x86/lapic.h"
#include "x86/pv.h"

/* The parts of the page that are plain words of struct lapic. */
static const struct {
	u16 reg, offset;
	u32 mask;
} plain[] = {
	{ 0x0e0, offsetof(struct lapic, dfr), ~0u },
	{ 0x0f0, offsetof(struct lapic, svr), 0x13ff },
	{ 0x280, offsetof(struct lapic, esr), ~0u },
	{ 0x300, offsetof(struct lapic, icr_lo), ~0u },
	{ 0x310, offsetof(struct lapic, icr_hi), ~0u },
	{ 0x330, offsetof(struct lapic, lvt[LAPIC_LVT_THERMAL]), 0x117ff },
	{ 0x340, offsetof(struct lapic, lvt[LAPIC_LVT_PERF]), 0x117ff },
	{ 0x350, offsetof(struct lapic, lvt[LAPIC_LVT_LINT0]), 0x1f7ff },
	{ 0x360, offsetof(struct lapic, lvt[LAPIC_LVT_LINT1]), 0x1f7ff },
	{ 0x370, offsetof(struct lapic, lvt[LAPIC_LVT_ERROR]), 0x110ff },
};

static u32 get(const struct kvm_lapic_state *s, u32 reg)
{
	u32 val;

	memcpy(&val, s->regs + reg, 4);
	return val;
}

static void put(struct kvm_lapic_state *s, u32 reg, u32 val)
{
	memcpy(s->regs + reg, &val, 4);
}

static void get_vectors(const struct kvm_lapic_state *s, u32 reg, u64 w[4])
{
	for (u32 i = 0; i < 4; i++)
		WRITE_ONCE(w[i], get(s, reg + i * 32) | (u64)get(s, reg + i * 32 + 16) << 32);
}

static void put_vectors(struct kvm_lapic_state *s, u32 reg, const u64 w[4])
{
	for (u32 i = 0; i < 4; i++) {
		u64 x = READ_ONCE(w[i]);

		put(s, reg + i * 32, x);
		put(s, reg + i * 32 + 16, x >> 32);
	}
}

int lapic_get_state(struct vcpu *v, struct kvm_lapic_state *s)
{
	struct lapic *l = v->lapic;

	if (!l)
		return -EINVAL;
	lapic_sync(l);
	memset(s, 0, sizeof(*s));
	/* Reading the count may end it: before IRR, or the interrupt would be in neither. */
	put(s, 0x390, lapic_timer_count(l));
	if (l->x2apic)
		put(s, 0x20, v->vm->x2apic_api ? v->id : v->id << 24);
	else
		put(s, 0x20, l->id << 24);
	put(s, 0x30, l->version);
	put(s, 0x80, l->tpr);
	put(s, 0xa0, l->ppr);
	put(s, 0xd0, l->x2apic ? lapic_x2apic_ldr(l) : l->ldr);
	put_vectors(s, 0x100, l->isr);
	put_vectors(s, 0x180, l->tmr);
	put_vectors(s, 0x200, l->irr);
	put(s, 0x320, l->lvt[LAPIC_LVT_TIMER]);
	put(s, 0x380, l->tmict);
	put(s, 0x3e0, l->tdcr);
	for (u32 i = 0; i < ARRAY_SIZE(plain); i++)
		put(s, plain[i].reg, *(const u32 *)((const char *)l + plain[i].offset));
	return 0;
}

int lapic_set_state(struct vcpu *v, const struct kvm_lapic_state *s)
{
	struct lapic *l = v->lapic;

	if (!l)
		return -EINVAL;
	if (l->x2apic && v->vm->x2apic_api && get(s, 0x20) != v->id)
		return -EINVAL;
	lapic_sync(l);
	if (!l->x2apic) {
		lapic_set_id(l, get(s, 0x20) >> 24);
		WRITE_ONCE(l->ldr, get(s, 0xd0) & 0xff000000);
	}
	for (u32 i = 0; i < ARRAY_SIZE(plain); i++) {
		u32 *word = (u32 *)((char *)l + plain[i].offset);

		WRITE_ONCE(*word, get(s, plain[i].reg) & plain[i].mask);
	}
	l->icr_lo &= ~LAPIC_ICR_BUSY;
	get_vectors(s, 0x100, l->isr);
	get_vectors(s, 0x180, l->tmr);
	get_vectors(s, 0x200, l->irr);
	l->tpr = get(s, 0x80) & 0xff;
	v->cpu.cr8 = l->tpr >> 4;
	lapic_update_ppr(l);
	lapic_timer_set_lvt(l, get(s, 0x320) & 0x710ff);
	lapic_timer_restore(l, get(s, 0x380), get(s, 0x3e0), get(s, 0x390));
	vcpu_request_kick(v, VCPU_REQ_EVENT);
	return 0;
}
