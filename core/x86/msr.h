/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Model-specific registers that struct x86_cpu does not hold, and the table
 * row that every MSR has (AMD APM vol. 2, appendix A; Intel SDM vol. 4).
 */
#ifndef ANYKVM_MSR_H
#define ANYKVM_MSR_H

#include "vcpu.h"

#define MSR_TSC 0x10
#define MSR_TSC_ADJUST 0x3b
#define MSR_SPEC_CTRL 0x48
#define MSR_PRED_CMD 0x49
#define MSR_UCODE_REV 0x8b
#define MSR_MTRRCAP 0xfe
#define MSR_ARCH_CAPABILITIES 0x10a
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MCG_CTL 0x17b
#define MSR_MISC_ENABLE 0x1a0
#define MISC_ENABLE_MWAIT BIT_ULL(18)
#define MSR_PAT 0x277
#define MSR_MTRR_DEFTYPE 0x2ff
#define MSR_PERF_CAPABILITIES 0x345
#define MSR_MC0_CTL 0x400
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103
#define MSR_HWCR 0xc0010015
#define MSR_DE_CFG 0xc0011029

#define MCE_MAX_BANKS 32
#define MTRR_VARIABLE 8
#define MTRR_FIXED 11

struct vcpu_msrs {
	u64 misc_enable, tsc_adjust, spec_ctrl, arch_capabilities, ucode_rev, hwcr, de_cfg;
	u64 power_ctl, platform_info;
	u64 mtrr_var[MTRR_VARIABLE * 2], mtrr_fix[MTRR_FIXED], mtrr_deftype;
	u64 mcg_cap, mcg_status, mcg_ctl;
	u64 mce[MCE_MAX_BANKS * 4];	/* ctl, status, addr, misc of each */
	u8 row_hint[16];		/* rows of the table that were found last */
};

/*
 * @host: the host program asks (KVM_GET_MSRS, KVM_SET_MSRS), not the guest. 0, -EINVAL
 * (#GP), -ENOENT: no such MSR.
 */
typedef int msr_get_fn(struct vcpu *v, u32 index, u64 *val, bool host);
typedef int msr_set_fn(struct vcpu *v, u32 index, u64 val, bool host);

/* mtrr.c */
msr_get_fn mtrr_get;
msr_set_fn mtrr_set;
msr_get_fn pat_get;
msr_set_fn pat_set;
void mtrr_reset(struct vcpu *v);

/* mce.c */
msr_get_fn mce_get;
msr_set_fn mce_set;

/* tsc.c */
msr_get_fn tsc_get;
msr_set_fn tsc_set;
msr_get_fn tsc_adjust_get;
msr_set_fn tsc_adjust_set;

/* msr.c: by table; -ENOENT is told apart from -EINVAL. */
int msr_get(struct vcpu *v, u32 index, u64 *val, bool host);
int msr_set(struct vcpu *v, u32 index, u64 val, bool host);
/* Index of the @n-th MSR to be saved (or feature MSR); false: no more. */
bool msr_listed(u32 n, bool feature, u32 *index);
int msr_feature(u32 index, u64 *val);

#endif
