/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Machine check: the banks, and an error that the host program injects
 * (APM vol. 2, chapter 9; SDM vol. 3, chapter 16).
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/msr.h"

#define MCG_CTL_P BIT_ULL(8)
#define MCG_SER_P BIT_ULL(24)
#define MCG_STATUS_MCIP BIT_ULL(2)
#define MCI_VAL BIT_ULL(63)
#define MCI_OVER BIT_ULL(62)
#define MCI_UC BIT_ULL(61)
#define HWCR_MC_STATUS_WR_EN BIT_ULL(18)

enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

u64 x86_mce_cap_supported(void)
{
	return MCG_CTL_P | MCG_SER_P;
}

static u64 *bank_reg(struct vcpu *v, u32 index)
{
	u32 i = index - MSR_MC0_CTL;

	return i / 4 < (v->msrs->mcg_cap & 0xff) ? &v->msrs->mce[i] : NULL;
}

int mce_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	u64 *reg;

	switch (index) {
	case MSR_MCG_CAP:
		*val = v->msrs->mcg_cap;
		return 0;
	case MSR_MCG_STATUS:
		*val = v->msrs->mcg_status;
		return 0;
	case MSR_MCG_CTL:
		*val = v->msrs->mcg_ctl;
		return host || (v->msrs->mcg_cap & MCG_CTL_P) ? 0 : -EINVAL;
	default:
		reg = bank_reg(v, index);
		if (!reg)
			return -ENOENT;
		*val = *reg;
		return 0;
	}
}

int mce_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	u64 *reg;

	switch (index) {
	case MSR_MCG_STATUS:
		v->msrs->mcg_status = val;
		return 0;
	case MSR_MCG_CTL:
		if (!(v->msrs->mcg_cap & MCG_CTL_P) && (val || !host))
			return -EINVAL;
		if (val && val != ~0ull)
			return -EINVAL;
		v->msrs->mcg_ctl = val;
		return 0;
	default:
		break;
	}
	reg = bank_reg(v, index);
	if (!reg)
		return -ENOENT;
	/*
	 * All or nothing; some kernels leave bit 10 of bank 4 (K8), others bit 0 of bank 0
	 * (P6), clear.
	 */
	if ((index & 3) == BANK_CTL && val && (val | BIT_ULL(10) | 1) != ~0ull)
		return -EINVAL;
	if (!host && (index & 3) == BANK_STATUS && val && !(v->msrs->hwcr & HWCR_MC_STATUS_WR_EN))
		return -EINVAL;
	*reg = val;
	return 0;
}

long vcpu_setup_mce(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;
	u64 cap = *(u64 *)arg;
	u32 banks = cap & 0xff, i;

	if (!banks || banks > MCE_MAX_BANKS)
		return -EINVAL;
	if (cap & ~(x86_mce_cap_supported() | 0xff | 0xff0000))
		return -EINVAL;
	v->msrs->mcg_cap = cap;
	if (cap & MCG_CTL_P)
		v->msrs->mcg_ctl = ~0ull;
	for (i = 0; i < banks; i++)
		v->msrs->mce[i * 4 + BANK_CTL] = ~0ull;
	return 0;
}

static void fill_bank(u64 *bank, const struct kvm_x86_mce *m)
{
	bank[BANK_STATUS] = m->status | ((bank[BANK_STATUS] & MCI_VAL) ? MCI_OVER : 0);
	bank[BANK_ADDR] = m->addr;
	bank[BANK_MISC] = m->misc;
}

long vcpu_set_mce(void *obj, void *arg, u64 uarg)
{
	static const struct x86_exception mc = { .vector = X86_EXC_MC };
	const struct kvm_x86_mce *m = arg;
	struct vcpu *v = obj;
	struct vcpu_msrs *s = v->msrs;
	u64 *bank;

	if (m->bank >= (s->mcg_cap & 0xff) || !(m->status & MCI_VAL))
		return -EINVAL;
	bank = &s->mce[m->bank * 4];
	if (!(m->status & MCI_UC)) {
		if ((bank[BANK_STATUS] & (MCI_VAL | MCI_UC)) == (MCI_VAL | MCI_UC))
			bank[BANK_STATUS] |= MCI_OVER;
		else
			fill_bank(bank, m);
		return 0;
	}
	/* Reporting that the guest has switched off: nothing happens. */
	if (((s->mcg_cap & MCG_CTL_P) && s->mcg_ctl != ~0ull) || bank[BANK_CTL] != ~0ull)
		return 0;
	if ((s->mcg_status & MCG_STATUS_MCIP) || !(v->cpu.cr4 & X86_CR4_MCE)) {
		vcpu_request(v, VCPU_REQ_TRIPLE_FAULT);
		return 0;
	}
	s->mcg_status = m->mcg_status;
	fill_bank(bank, m);
	vcpu_queue_exception(v, &mc);
	return 0;
}
