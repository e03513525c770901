/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The MSR permission map (APM vol. 2, 15.11): which MSRs a guest reaches in
 * the processor. Those are the ones that VMLOAD and VMRUN bring with the
 * guest; any other's access exits, as does one that the host program filters.
 */
#include "svm.h"
#include "core-int.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

#define MSRPM_SIZE 0x2000

enum when {
	ALWAYS,
	NOT_INTEL,	/* of the other vendor's CPUs these are 64 bits wide */
	SPEC_CTRL,
	PRED_CMD,
};

static const struct {
	u32 index;
	bool read;
	enum when when;
} direct[] = {
	{ MSR_STAR, true, ALWAYS },
	{ MSR_LSTAR, true, ALWAYS },
	{ MSR_CSTAR, true, ALWAYS },
	{ MSR_SFMASK, true, ALWAYS },
	{ MSR_FS_BASE, true, ALWAYS },
	{ MSR_GS_BASE, true, ALWAYS },
	{ MSR_KERNEL_GS_BASE, true, ALWAYS },
	{ MSR_SYSENTER_CS, true, ALWAYS },
	{ MSR_SYSENTER_ESP, true, NOT_INTEL },
	{ MSR_SYSENTER_EIP, true, NOT_INTEL },
	{ MSR_SPEC_CTRL, true, SPEC_CTRL },
	{ MSR_PRED_CMD, false, PRED_CMD },
};

static bool applies(struct vcpu *v, enum when when)
{
	switch (when) {
	case ALWAYS:
		return true;
	case NOT_INTEL:
		return !v->emu.vendor_intel;
	case SPEC_CTRL:
		return svm_caps.virt_spec_ctrl &&
		       (x86_guest_has(v, CPUID_SPEC_CTRL) || x86_guest_has(v, CPUID_AMD_IBRS) ||
			x86_guest_has(v, CPUID_AMD_STIBP) || x86_guest_has(v, CPUID_AMD_SSBD));
	case PRED_CMD:
		return svm_caps.ibpb &&
		       (x86_guest_has(v, CPUID_SPEC_CTRL) || x86_guest_has(v, CPUID_AMD_IBPB));
	}
	return false;
}

/* Three ranges of 0x2000 MSRs each, four in a byte: read, then write. */
static u32 msrpm_bit(u32 index)
{
	static const u32 bases[] = { 0, 0xc0000000, 0xc0010000 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bases) - 1 && index - bases[i] >= 0x2000; i++)
		;
	return i * 0x4000 + (index - bases[i]) * 2;
}

static void permit(struct svm_vcpu *s, u32 bit)
{
	s->msrpm[bit / 8] &= ~BIT(bit % 8);
}

void svm_msr_setup(struct svm_vcpu *s)
{
	struct vcpu *v = s->vcpu;
	u32 i, bit;

	memset(s->msrpm, 0xff, MSRPM_SIZE);
	for (i = 0; i < ARRAY_SIZE(direct); i++) {
		if (!applies(v, direct[i].when))
			continue;
		bit = msrpm_bit(direct[i].index);
		if (direct[i].read && x86_msr_filter_allows(v, direct[i].index, false))
			permit(s, bit);
		if (x86_msr_filter_allows(v, direct[i].index, true))
			permit(s, bit + 1);
	}
	s->msr_filter_gen = v->vm->msr_filter_gen;
	svm_dirty(s, SVM_CLEAN_IOPM);
}
