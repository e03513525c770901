/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Control registers, EFER and XCR0: what may be written, and what follows
 * from it (APM vol. 2, 3.1 and 5.; SDM vol. 3, 2.5). Each returns 0, or
 * -EINVAL for #GP(0).
 */
#include "core-int.h"
#include "x86/cpuid.h"
#include "x86/lapic.h"

#define CR0_KNOWN (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | \
		   X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)
#define CR3_NOFLUSH BIT_ULL(63)
#define CR3_PCID 0xfffull

/* Change of which bits makes cached translations wrong. */
#define CR4_TLB (X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_SMEP | \
		 X86_CR4_SMAP)

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & X86_EFER_LME);
}

/*
 * The four entries are loaded once and checked then: bits 1, 2, 5-8 and those above the
 * width are reserved.
 */
int x86_load_pdptes(struct vcpu *v, u64 cr3)
{
	u64 reserved = ~((1ull << v->cpu.maxphyaddr) - 1) | 0x1e6;
	u64 e[4];
	unsigned int i;

	if (vm_read(v->vm, cr3 & 0xffffffe0, e, sizeof(e)))
		return -EINVAL;
	for (i = 0; i < 4; i++)
		if ((e[i] & 1) && (e[i] & reserved))
			return -EINVAL;
	memcpy(v->cpu.pdpte, e, sizeof(e));
	return 0;
}

bool x86_cr0_valid(u64 val)
{
	if (val >> 32)
		return false;
	if ((val & X86_CR0_NW) && !(val & X86_CR0_CD))
		return false;
	return !(val & X86_CR0_PG) || (val & X86_CR0_PE);
}

/* Paging is switched on or off with LME set: long mode begins or ends. */
static int switch_long_mode(struct vcpu *v, bool on)
{
	struct x86_cpu *c = &v->cpu;

	if (on) {
		if (!(c->cr4 & X86_CR4_PAE) || (c->seg[X86_CS].ar & X86_AR_L))
			return -EINVAL;
		c->efer |= X86_EFER_LMA;
	} else {
		c->efer &= ~X86_EFER_LMA;
	}
	return 0;
}

int x86_set_cr0(struct vcpu *v, u64 val)
{
	struct x86_cpu *c = &v->cpu;
	u64 changed;

	if (!x86_cr0_valid(val))
		return -EINVAL;
	val = (val & CR0_KNOWN) | X86_CR0_ET;
	changed = val ^ c->cr0;
	if ((changed & X86_CR0_PG) && !(val & X86_CR0_PG) &&
	    (x86_64bit(c) || (c->cr4 & X86_CR4_PCIDE)))
		return -EINVAL;
	if (pae_paging(val, c->cr4, c->efer) &&
	    (changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) && x86_load_pdptes(v, c->cr3))
		return -EINVAL;
	if ((changed & X86_CR0_PG) && (c->efer & X86_EFER_LME) &&
	    switch_long_mode(v, val & X86_CR0_PG))
		return -EINVAL;
	c->cr0 = val;
	if (changed & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		v->vm->engine->tlb_flush(v);
	if (changed)
		v->vm->engine->mode_changed(v);
	return 0;
}

int x86_set_cr3(struct vcpu *v, u64 val)
{
	struct x86_cpu *c = &v->cpu;
	bool keep = (c->cr4 & X86_CR4_PCIDE) && (val & CR3_NOFLUSH);

	if (keep)
		val &= ~CR3_NOFLUSH;
	if (x86_long_mode(c)) {
		if (val & ~((1ull << c->maxphyaddr) - 1))
			return -EINVAL;
	} else {
		val &= 0xffffffff;
		if (pae_paging(c->cr0, c->cr4, c->efer) && x86_load_pdptes(v, val))
			return -EINVAL;
	}
	c->cr3 = val;
	if (keep)
		v->vm->engine->mode_changed(v);
	else
		v->vm->engine->tlb_flush_asid(v);
	return 0;
}

static const struct { u64 bit; u32 leaf, sub; enum cpuid_reg reg; u32 feature; } cr4_features[] = {
	{ X86_CR4_VME | X86_CR4_PVI, 1, 0, REG_EDX, BIT(1) },
	{ X86_CR4_TSD, 1, 0, REG_EDX, BIT(4) },
	{ X86_CR4_DE, 1, 0, REG_EDX, BIT(2) },
	{ X86_CR4_PSE, 1, 0, REG_EDX, BIT(3) },
	{ X86_CR4_PAE, 1, 0, REG_EDX, BIT(6) },
	{ X86_CR4_MCE, 1, 0, REG_EDX, BIT(7) },
	{ X86_CR4_PGE, 1, 0, REG_EDX, BIT(13) },
	{ X86_CR4_OSFXSR, 1, 0, REG_EDX, BIT(24) },
	{ X86_CR4_OSXMMEXCPT, 1, 0, REG_EDX, BIT(25) },
	{ X86_CR4_UMIP, CPUID_UMIP },
	{ X86_CR4_FSGSBASE, CPUID_FSGSBASE },
	{ X86_CR4_PCIDE, CPUID_PCID },
	{ X86_CR4_OSXSAVE, CPUID_XSAVE },
	{ X86_CR4_SMEP, CPUID_SMEP },
	{ X86_CR4_SMAP, CPUID_SMAP },
};

/*
 * Bits that a guest with this CPUID, before it is set with the one on offer, may not set.
 * PCE stands for RDPMC, which every CPU has.
 */
u64 x86_cr4_guest_reserved(struct vcpu *v)
{
	u64 allowed = X86_CR4_PCE;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cr4_features); i++)
		if (v->nr_cpuid ? x86_guest_has(v, cr4_features[i].leaf, cr4_features[i].sub,
						cr4_features[i].reg, cr4_features[i].feature) :
				  !!(x86_supported(cr4_features[i].leaf, cr4_features[i].sub,
						   cr4_features[i].reg) & cr4_features[i].feature))
			allowed |= cr4_features[i].bit;
	/* 32-bit systems before CPUID said so use these: do not be stricter than old processors. */
	return ~(allowed | X86_CR4_TSD | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE |
		 X86_CR4_DE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT);
}

int x86_set_cr4(struct vcpu *v, u64 val)
{
	struct x86_cpu *c = &v->cpu;
	u64 changed = val ^ c->cr4;

	if (val & x86_cr4_guest_reserved(v))
		return -EINVAL;
	if (x86_long_mode(c) && !(val & X86_CR4_PAE))
		return -EINVAL;
	if ((changed & val & X86_CR4_PCIDE) && (!x86_long_mode(c) || (c->cr3 & CR3_PCID)))
		return -EINVAL;
	if (pae_paging(c->cr0, val, c->efer) && (changed & CR4_TLB) && x86_load_pdptes(v, c->cr3))
		return -EINVAL;
	c->cr4 = val;
	if (changed & CR4_TLB)
		v->vm->engine->tlb_flush(v);
	if (changed)
		v->vm->engine->mode_changed(v);
	return 0;
}

/*
 * Without a LAPIC here the host program's may now have an interrupt that gets through:
 * KVM_EXIT_SET_TPR.
 */
int x86_set_cr8(struct vcpu *v, u64 val)
{
	bool lower = val < lapic_get_cr8(v);

	if (val & ~15ull)
		return -EINVAL;
	lapic_set_cr8(v, val);
	if (!v->lapic && lower)
		vcpu_request_kick(v, VCPU_REQ_SET_TPR);
	return 0;
}

u64 x86_get_cr8(struct vcpu *v)
{
	return lapic_get_cr8(v);
}

/* x87 always, AVX only with SSE. */
static bool xcr0_valid(u64 val, u64 allowed)
{
	return (val & 1) && !(val & ~allowed) && (!(val & 4) || (val & 2));
}

int x86_set_xcr0(struct vcpu *v, u64 val)
{
	if (!xcr0_valid(val, x86_guest_xcr0(v) | 1))
		return -EINVAL;
	v->cpu.xcr0 = val;
	v->vm->engine->mode_changed(v);
	return 0;
}

int x86_set_efer_by(struct vcpu *v, u64 val, bool host)
{
	struct x86_cpu *c = &v->cpu;
	u64 allowed = X86_EFER_LMA, changed;

	if (host || x86_guest_has(v, CPUID_SYSCALL))
		allowed |= X86_EFER_SCE;
	if (host || x86_guest_has(v, CPUID_LM))
		allowed |= X86_EFER_LME;
	if (host || x86_guest_has(v, CPUID_NX))
		allowed |= X86_EFER_NXE;
	if (val & ~allowed)
		return -EINVAL;
	if (!host && ((val ^ c->efer) & X86_EFER_LME) && (c->cr0 & X86_CR0_PG))
		return -EINVAL;
	val = (val & ~X86_EFER_LMA) | (c->efer & X86_EFER_LMA);
	changed = val ^ c->efer;
	c->efer = val;
	if (changed & X86_EFER_NXE)
		v->vm->engine->tlb_flush(v);
	if (changed)
		v->vm->engine->mode_changed(v);
	return 0;
}

int x86_set_efer(struct vcpu *v, u64 val)
{
	return x86_set_efer_by(v, val, false);
}
