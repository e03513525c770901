/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Local APIC: the registers, by xAPIC page and by x2APIC MSR, and what they
 * do to the vectors in IRR and ISR (Intel SDM vol. 3, 11.5 to 11.12).
 *
 * IRR and TMR are the only words that other threads write. All the rest is
 * touched by the vCPU's own thread, so that an EOI or a TPR write is a few
 * plain instructions.
 */
#include "x86/lapic.h"
#include "x86/irqchip.h"
#include "x86/pv.h"

enum lapic_reg {
	REG_ID = 0x20, REG_VERSION = 0x30, REG_TPR = 0x80, REG_APR = 0x90, REG_PPR = 0xa0,
	REG_EOI = 0xb0, REG_RRD = 0xc0, REG_LDR = 0xd0, REG_DFR = 0xe0, REG_SVR = 0xf0,
	REG_ISR = 0x100, REG_TMR = 0x180, REG_IRR = 0x200, REG_ESR = 0x280, REG_ICR = 0x300,
	REG_ICR2 = 0x310, REG_LVT = 0x320, REG_LVT_LAST = 0x370, REG_TMICT = 0x380,
	REG_TMCCT = 0x390, REG_TDCR = 0x3e0, REG_SELF_IPI = 0x3f0,
};

/* ESR (11.5.3) */
#define ESR_SEND_VECTOR BIT(5)
#define ESR_REGISTER BIT(7)

/* What can be written in each LVT entry (11.5.1). */
static const u32 lvt_mask[] = {
	[LAPIC_LVT_TIMER] = 0x700ff,
	[LAPIC_LVT_THERMAL] = 0x107ff,
	[LAPIC_LVT_PERF] = 0x107ff,
	[LAPIC_LVT_LINT0] = 0x1a7ff,
	[LAPIC_LVT_LINT1] = 0x1a7ff,
	[LAPIC_LVT_ERROR] = 0x100ff,
};

static int vectors_highest(const u64 w[4])
{
	for (int i = 3; i >= 0; i--) {
		u64 x = READ_ONCE(w[i]);

		if (x)
			return i * 64 + 63 - __builtin_clzll(x);
	}
	return -1;
}

static bool vector_test(const u64 w[4], u8 vector)
{
	return READ_ONCE(w[vector >> 6]) >> (vector & 63) & 1;
}

u32 lapic_x2apic_ldr(const struct lapic *l)
{
	return (l->vcpu->id >> 4) << 16 | BIT(l->vcpu->id & 15);
}

/* ---- priorities ---- */

void lapic_update_ppr(struct lapic *l)
{
	int isrv = vectors_highest(l->isr);
	u32 class = isrv < 0 ? 0 : isrv & 0xf0;

	l->ppr = (l->tpr & 0xf0) >= class ? l->tpr : class;
}

/*
 * PPR has changed: is there something to take now? Or to wait for with TPR, which the guest may
 * lower where nobody sees it: then the engine has to open its window.
 */
static void recheck(struct lapic *l)
{
	int irrv = vectors_highest(l->irr);

	if (irrv >= 0 && ((irrv & 0xf0) > (l->ppr & 0xf0) || lapic_waits_for_tpr(l)))
		vcpu_request_kick(l->vcpu, VCPU_REQ_EVENT);
}

static void set_tpr(struct lapic *l, u32 val)
{
	l->tpr = val & 0xff;
	l->vcpu->cpu.cr8 = l->tpr >> 4;
	lapic_update_ppr(l);
	recheck(l);
}

static void end_of_interrupt(struct lapic *l)
{
	struct vcpu *v = l->vcpu;
	int vector = vectors_highest(l->isr);

	if (vector < 0)
		return;
	l->isr[vector >> 6] &= ~BIT_ULL(vector & 63);
	lapic_update_ppr(l);

	if (v->vm->irqchip == VM_IRQCHIP_KERNEL) {
		if (vector_test(l->tmr, vector) || ioapic_wants_eoi(v->vm, vector))
			ioapic_eoi(v, vector);
	} else if ((vector_test(l->tmr, vector) || vector_test(l->eoi_exit, vector)) &&
		   !(l->svr & LAPIC_SVR_NO_EOI_BROADCAST)) {
		l->eoi_pending[vector >> 6] |= BIT_ULL(vector & 63);
		vcpu_request_kick(v, VCPU_REQ_EXIT_USER);
	}
	recheck(l);
}

/* The guest may have ended the interrupt in memory: learn of it before ISR is used. */
void lapic_sync(struct lapic *l)
{
	if (likely(!l->pv_eoi_armed))
		return;
	l->pv_eoi_armed = false;
	if (pv_eoi_disarm(l->vcpu))
		end_of_interrupt(l);
}

int lapic_pending(struct lapic *l)
{
	int vector = vectors_highest(l->irr);

	if (vector < 0 || !l->enabled)
		return -1;
	lapic_sync(l);
	return (vector & 0xf0) > (l->ppr & 0xf0) ? vector : -1;
}

bool lapic_waits_for_tpr(const struct lapic *l)
{
	int vector = vectors_highest(l->irr);

	return vector >= 0 && l->enabled && (vector & 0xf0) <= (l->tpr & 0xf0);
}

int lapic_ack(struct lapic *l)
{
	int vector = lapic_pending(l);

	if (vector < 0)
		return -1;
	plat_atomic_and64(&l->irr[vector >> 6], ~BIT_ULL(vector & 63));
	l->isr[vector >> 6] |= BIT_ULL(vector & 63);
	lapic_update_ppr(l);

	/* With nothing behind it and nobody to tell, the guest may end it without an exit. */
	if (l->vcpu->pv && l->vcpu->pv->eoi_msr && vectors_highest(l->irr) < 0 &&
	    !vector_test(l->tmr, vector) && !ioapic_wants_eoi(l->vcpu->vm, vector))
		l->pv_eoi_armed = pv_eoi_arm(l->vcpu);
	return vector;
}

bool lapic_takes_extint(const struct lapic *l)
{
	u32 lint0 = READ_ONCE(l->lvt[LAPIC_LVT_LINT0]);

	if (!l->enabled)
		return true;
	return !(lint0 & LAPIC_LVT_MASKED) && (lint0 >> 8 & 7) == LAPIC_DM_EXTINT;
}

bool lapic_fill_eoi_exit(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	int vector = l ? vectors_highest(l->eoi_pending) : -1;

	if (vector < 0)
		return false;
	l->eoi_pending[vector >> 6] &= ~BIT_ULL(vector & 63);
	v->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	v->run->eoi.vector = vector;
	if (vectors_highest(l->eoi_pending) >= 0)
		vcpu_request(v, VCPU_REQ_EXIT_USER);
	return true;
}

/* ---- local sources ---- */

void lapic_deliver_lvt(struct vcpu *v, enum apic_lvt which)
{
	struct lapic *l = v->lapic;
	u32 lvt = l ? READ_ONCE(l->lvt[which]) : LAPIC_LVT_MASKED;
	bool level = which == LAPIC_LVT_LINT0 || which == LAPIC_LVT_LINT1 ? lvt >> 15 & 1 : false;
	enum apic_delivery mode = lvt >> 8 & 7;

	if (!l || !l->enabled || (lvt & LAPIC_LVT_MASKED))
		return;
	if (which == LAPIC_LVT_TIMER || which == LAPIC_LVT_ERROR)
		mode = LAPIC_DM_FIXED;
	lapic_accept(v, mode, lvt, level);
}

void lapic_error(struct lapic *l, u32 esr_bit)
{
	if (plat_atomic_or32(&l->esr_pending, esr_bit) & esr_bit)
		return;
	/* A bad vector in the error entry itself must not call us again for ever. */
	if ((l->lvt[LAPIC_LVT_ERROR] & 0xff) >= 16)
		lapic_deliver_lvt(l->vcpu, LAPIC_LVT_ERROR);
}

/* ---- registers ---- */

static u32 vector_reg(const u64 w[4], u32 reg)
{
	u32 i = (reg & 0x7f) >> 4;

	return READ_ONCE(w[i / 2]) >> (i % 2 * 32);
}

/* A register, false when there is none at @reg. */
static bool reg_read(struct lapic *l, u32 reg, u32 *val)
{
	lapic_sync(l);
	switch (reg) {
	case REG_ID:
		*val = l->x2apic ? l->vcpu->id : l->id << 24;
		return true;
	case REG_VERSION:
		*val = l->version;
		return true;
	case REG_TPR:
		*val = l->tpr;
		return true;
	case REG_APR:
	case REG_RRD:
		*val = 0;
		return !l->x2apic;
	case REG_PPR:
		*val = l->ppr;
		return true;
	case REG_LDR:
		*val = l->x2apic ? lapic_x2apic_ldr(l) : l->ldr;
		return true;
	case REG_DFR:
		*val = l->dfr;
		return !l->x2apic;
	case REG_SVR:
		*val = l->svr;
		return true;
	case REG_ISR ... REG_ISR + 0x70:
		*val = vector_reg(l->isr, reg);
		return true;
	case REG_TMR ... REG_TMR + 0x70:
		*val = vector_reg(l->tmr, reg);
		return true;
	case REG_IRR ... REG_IRR + 0x70:
		*val = vector_reg(l->irr, reg);
		return true;
	case REG_ESR:
		*val = l->esr;
		return true;
	case REG_ICR:
		*val = l->icr_lo;
		return true;
	case REG_ICR2:
		*val = l->icr_hi;
		return !l->x2apic;
	case REG_LVT ... REG_LVT_LAST:
		*val = l->lvt[(reg - REG_LVT) >> 4];
		return true;
	case REG_TMICT:
		*val = l->tmict;
		return true;
	case REG_TMCCT:
		*val = lapic_timer_count(l);
		return true;
	case REG_TDCR:
		*val = l->tdcr;
		return true;
	}
	*val = 0;
	/* What a write knows and a read does not: EOI, SELF IPI. */
	return reg == REG_EOI && !l->x2apic;
}

static void lvt_write(struct lapic *l, u32 which, u32 val)
{
	val &= lvt_mask[which];
	if (which == LAPIC_LVT_TIMER && !l->has_deadline)
		val &= ~LAPIC_LVT_DEADLINE;
	if (!(l->svr & LAPIC_SVR_ENABLE))
		val |= LAPIC_LVT_MASKED;
	if (which == LAPIC_LVT_TIMER)
		lapic_timer_set_lvt(l, val);
	else
		WRITE_ONCE(l->lvt[which], val);
	/* LINT0 opens while the 8259s wait. */
	if (which == LAPIC_LVT_LINT0)
		vcpu_request_kick(l->vcpu, VCPU_REQ_EVENT);
}

static void svr_write(struct lapic *l, u32 val)
{
	u32 mask = 0x3ff;

	if (l->version & LAPIC_VERSION_NO_EOI_BROADCAST)
		mask |= LAPIC_SVR_NO_EOI_BROADCAST;
	WRITE_ONCE(l->svr, val & mask);
	if (l->svr & LAPIC_SVR_ENABLE)
		return;
	for (u32 i = 0; i < LAPIC_NR_LVT; i++)
		lvt_write(l, i, l->lvt[i] | LAPIC_LVT_MASKED);
}

void lapic_set_id(struct lapic *l, u32 id)
{
	if (id == l->id)
		return;
	WRITE_ONCE(l->id, id);
	apic_map_id_changed(l->vcpu);
}

/* The registers of both modes, besides those that differ. False: nothing there to be written. */
static bool reg_write(struct lapic *l, u32 reg, u32 val)
{
	lapic_sync(l);
	switch (reg) {
	case REG_EOI:
		end_of_interrupt(l);
		return true;
	case REG_TPR:
		set_tpr(l, val);
		return true;
	case REG_TMICT:
		lapic_timer_set_count(l, val);
		return true;
	case REG_LVT ... REG_LVT_LAST:
		lvt_write(l, (reg - REG_LVT) >> 4, val);
		return true;
	case REG_SVR:
		svr_write(l, val);
		return true;
	case REG_ESR:
		l->esr = plat_atomic_xchg32(&l->esr_pending, 0);
		return true;
	case REG_TDCR:
		lapic_timer_set_divide(l, val);
		return true;
	}
	return false;
}

static bool xapic_reg_write(struct lapic *l, u32 reg, u32 val)
{
	switch (reg) {
	case REG_ICR:
		l->icr_lo = val & ~LAPIC_ICR_BUSY;
		lapic_send_icr(l);
		return true;
	case REG_ICR2:
		l->icr_hi = val & 0xff000000;
		return true;
	case REG_ID:
		lapic_set_id(l, val >> 24);
		return true;
	case REG_LDR:
		WRITE_ONCE(l->ldr, val & 0xff000000);
		return true;
	case REG_DFR:
		WRITE_ONCE(l->dfr, val | 0x0fffffff);
		return true;
	}
	return reg_write(l, reg, val);
}

int lapic_mmio_read(struct vcpu *v, u64 gpa, u32 len, void *val)
{
	u32 offset = gpa & 0xfff, byte = offset & 15, data = 0;

	memset(val, 0, len);
	/* Registers are 32 bits wide at 16-byte steps; what lies between reads as zero. */
	if (byte + len > 4)
		return 0;
	if (offset >= 0x400 || !reg_read(v->lapic, offset & ~15u, &data))
		lapic_error(v->lapic, ESR_REGISTER);
	data >>= byte * 8;
	memcpy(val, &data, len);
	return 0;
}

int lapic_mmio_write(struct vcpu *v, u64 gpa, u32 len, const void *val)
{
	u32 offset = gpa & 0xfff, data;

	if (len != 4 || (offset & 15))
		return 0;
	memcpy(&data, val, 4);
	if (offset >= 0x400 || !xapic_reg_write(v->lapic, offset, data))
		lapic_error(v->lapic, ESR_REGISTER);
	return 0;
}

int lapic_msr_read(struct vcpu *v, u32 index, u64 *val)
{
	struct lapic *l = v->lapic;
	u32 reg = (index - MSR_X2APIC_FIRST) << 4, data;

	if (!l || !l->x2apic || index < MSR_X2APIC_FIRST || index > MSR_X2APIC_LAST)
		return -EINVAL;
	if (!reg_read(l, reg, &data))
		return -EINVAL;
	*val = data;
	if (reg == REG_ICR)
		*val |= (u64)l->icr_hi << 32;
	return 0;
}

int lapic_msr_write(struct vcpu *v, u32 index, u64 val)
{
	struct lapic *l = v->lapic;
	u32 reg = (index - MSR_X2APIC_FIRST) << 4;

	if (!l || !l->x2apic || index < MSR_X2APIC_FIRST || index > MSR_X2APIC_LAST)
		return -EINVAL;
	if (reg == REG_ICR) {
		l->icr_lo = (u32)val & ~LAPIC_ICR_BUSY;
		l->icr_hi = val >> 32;
		lapic_send_icr(l);
		return 0;
	}
	if (val >> 32)
		return -EINVAL;
	switch (reg) {
	case REG_SELF_IPI:
		if (val > 0xff)
			return -EINVAL;
		lapic_accept(v, LAPIC_DM_FIXED, val, false);
		return 0;
	case REG_EOI:
	case REG_ESR:
		if (val)
			return -EINVAL;
		break;
	case REG_TPR:
		if (val > 0xff)
			return -EINVAL;
		break;
	}
	return reg_write(l, reg, val) ? 0 : -EINVAL;
}

/* ---- CR8 ---- */

void lapic_set_cr8(struct vcpu *v, u64 val)
{
	struct lapic *l = v->lapic;

	v->cpu.cr8 = val & 15;
	if (!l)
		return;
	lapic_sync(l);
	set_tpr(l, (val & 15) << 4);
}

u64 lapic_get_cr8(struct vcpu *v)
{
	return v->lapic ? v->lapic->tpr >> 4 : v->cpu.cr8;
}

/* ---- IA32_APIC_BASE ---- */

static bool base_valid(struct vcpu *v, u64 val, bool host)
{
	const u64 mode = LAPIC_BASE_ENABLE | LAPIC_BASE_EXTD;
	const struct kvm_cpuid_entry2 *leaf = x86_cpuid_find(v, 1, 0);
	bool x2apic = leaf && (leaf->ecx & BIT(21));
	u64 old = v->apic_base & mode, new = val & mode;

	if ((val & 0x2ff) || (v->cpu.maxphyaddr && val >> v->cpu.maxphyaddr))
		return false;
	if (new == LAPIC_BASE_EXTD || ((new & LAPIC_BASE_EXTD) && !x2apic))
		return false;
	if (host)
		return true;
	/* Out of x2APIC mode leads only off; into it only xAPIC mode (11.12.5). */
	if (old == mode && new == LAPIC_BASE_ENABLE)
		return false;
	return !(old == 0 && new == mode);
}

int lapic_set_base(struct vcpu *v, u64 val, bool host)
{
	struct lapic *l = v->lapic;
	u64 old = v->apic_base;

	if (!base_valid(v, val, host))
		return -EINVAL;
	v->apic_base = val;
	if (!l)
		return 0;
	lapic_sync(l);
	WRITE_ONCE(l->x2apic, !!(val & LAPIC_BASE_EXTD));
	WRITE_ONCE(l->enabled, !!(val & LAPIC_BASE_ENABLE));
	if ((old ^ val) & LAPIC_BASE_ENABLE) {
		if (l->enabled)
			lapic_set_id(l, v->id & 0xff);
		else
			lapic_timer_stop(l);
	}
	vcpu_request_kick(v, VCPU_REQ_EVENT);
	return 0;
}

/* ---- life ---- */

void lapic_reset(struct vcpu *v, bool init)
{
	struct lapic *l = v->lapic;

	if (!l)
		return;
	lapic_timer_stop(l);
	lapic_sync(l);
	if (!init) {
		v->apic_base = lapic_base_default(v);
		l->x2apic = false;
		l->enabled = true;
		lapic_set_id(l, v->id & 0xff);
	}
	for (int i = 0; i < 4; i++) {
		WRITE_ONCE(l->irr[i], 0);
		WRITE_ONCE(l->tmr[i], 0);
		l->isr[i] = 0;
		l->eoi_pending[i] = 0;
	}
	for (u32 i = 0; i < LAPIC_NR_LVT; i++)
		WRITE_ONCE(l->lvt[i], LAPIC_LVT_MASKED);
	/* The 8259s reach the boot processor before its firmware has touched LINT0. */
	if (vcpu_is_bsp(v) && !(v->vm->disabled_quirks & KVM_X86_QUIRK_LINT0_REENABLED))
		WRITE_ONCE(l->lvt[LAPIC_LVT_LINT0], LAPIC_DM_EXTINT << 8);
	l->svr = 0xff;
	l->ldr = 0;
	l->dfr = ~0u;
	l->icr_lo = l->icr_hi = 0;
	l->esr = l->esr_pending = 0;
	l->tmict = l->tdcr = 0;
	l->tpr = 0;
	v->cpu.cr8 = 0;
	lapic_update_ppr(l);
}

void lapic_cpuid_changed(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	const struct kvm_cpuid_entry2 *leaf = x86_cpuid_find(v, 1, 0);

	if (!l)
		return;
	l->has_deadline = leaf && (leaf->ecx & BIT(24));
	/* 82489DX and later: version 0x14, six LVT entries. */
	l->version = 0x14 | (LAPIC_NR_LVT - 1) << 16;
	/* Our own I/O APIC (version 0x11) has no EOI register to go with it. */
	if (v->vm->irqchip == VM_IRQCHIP_SPLIT && leaf && (leaf->ecx & BIT(21)))
		l->version |= LAPIC_VERSION_NO_EOI_BROADCAST;
}

int lapic_create(struct vcpu *v)
{
	struct lapic *l = plat_alloc(sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->vcpu = v;
	l->id = v->id & 0xff;
	err = lapic_timer_init(l);
	if (err)
		goto free;
	err = apic_map_add(v);
	if (err)
		goto timer;
	v->lapic = l;
	v->pending_external_vector = -1;
	lapic_cpuid_changed(v);
	lapic_reset(v, false);
	return 0;
timer:
	lapic_timer_fini(l);
free:
	plat_free(l);
	return err;
}

void lapic_destroy(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	if (!l)
		return;
	apic_map_remove(v);
	v->lapic = NULL;
	lapic_timer_fini(l);
	plat_free(l);
}
