/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The architectural state of one x86 CPU, as every part of the core sees it
 * while the CPU is not inside an engine's run(). Pure data: it knows no VM.
 * Names follow AMD APM vol. 2.
 */
#ifndef ANYKVM_CPU_H
#define ANYKVM_CPU_H

#include <asm/processor-flags.h>	/* X86_CR0_*, X86_CR4_* */
#include "x86/emulate/insn.h"

/*
 * A segment register with its hidden part. @ar holds the descriptor's upper
 * dword bits 8..23 as they stand: type 0-3, S 4, DPL 5-6, P 7, AVL 12, L 13,
 * D/B 14, G 15. @limit is in bytes, G applied. An unusable (null) segment has
 * P = 0.
 */
struct x86_segment {
	u64 base;
	u32 limit;
	u16 selector;
	u16 ar;
};

#define X86_AR_TYPE 0xfu
#define X86_AR_A BIT(0)
#define X86_AR_W BIT(1)		/* data: writable; code: readable */
#define X86_AR_E BIT(2)		/* data: expand-down; code: conforming */
#define X86_AR_CODE BIT(3)
#define X86_AR_S BIT(4)
#define X86_AR_DPL(ar) (((ar) >> 5) & 3)
#define X86_AR_P BIT(7)
#define X86_AR_L BIT(13)
#define X86_AR_DB BIT(14)
#define X86_AR_G BIT(15)

struct x86_dtable {
	u64 base;
	u16 limit;
};

#define X86_TF BIT(8)
#define X86_IF BIT(9)
#define X86_DF BIT(10)
#define X86_IOPL (3u << 12)
#define X86_NT BIT(14)
#define X86_RF BIT(16)
#define X86_VM BIT(17)
#define X86_AC BIT(18)
#define X86_VIF BIT(19)
#define X86_VIP BIT(20)
#define X86_ID BIT(21)

#define X86_EFER_SCE BIT_ULL(0)
#define X86_EFER_LME BIT_ULL(8)
#define X86_EFER_LMA BIT_ULL(10)
#define X86_EFER_NXE BIT_ULL(11)

enum x86_vector {
	X86_EXC_DE, X86_EXC_DB, X86_EXC_NMI, X86_EXC_BP, X86_EXC_OF, X86_EXC_BR, X86_EXC_UD,
	X86_EXC_NM, X86_EXC_DF, X86_EXC_COPSEG, X86_EXC_TS, X86_EXC_NP, X86_EXC_SS, X86_EXC_GP,
	X86_EXC_PF, X86_EXC_MF = 16, X86_EXC_AC, X86_EXC_MC, X86_EXC_XM,
};

/* Page-fault error code. */
#define X86_PF_P BIT(0)
#define X86_PF_W BIT(1)
#define X86_PF_U BIT(2)
#define X86_PF_RSVD BIT(3)
#define X86_PF_I BIT(4)

/* An event on its way into the guest. */
struct x86_exception {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2;		/* #PF: the linear address; #DB: bits to OR into DR6 */
};

#define X86_XSAVE_MAX 4096	/* x87, SSE, AVX and room; the format of XSAVE, standard form */

struct x86_cpu {
	u64 gpr[16];
	u64 rip;
	u64 rflags;		/* bit 1 always set */
	struct x86_segment seg[8];	/* by enum x86_seg */
	struct x86_dtable gdtr, idtr;
	u64 cr0, cr2, cr3, cr4, cr8;	/* cr8: the task priority class, 0..15 */
	u64 pdpte[4];		/* PAE without long mode: loaded at MOV CR3 */
	u64 efer, xcr0;
	u64 dr[8];		/* 0-3, 6, 7 */
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 tsc_aux, pat;
	u64 tsc_offset;		/* guest TSC = host TSC (scaled: struct vcpu) + tsc_offset */
	u8 interrupt_shadow;	/* X86_SHADOW_* : one instruction long */
	bool nmi_masked;
	u8 maxphyaddr;		/* from the guest's CPUID; 36..52 */
	u8 linear_bits;		/* 48 */
	u8 xsave[X86_XSAVE_MAX] __attribute__((aligned(64)));
};

#define X86_SHADOW_STI BIT(0)
#define X86_SHADOW_MOV_SS BIT(1)

static inline bool x86_long_mode(const struct x86_cpu *c)
{
	return c->efer & X86_EFER_LMA;
}

static inline bool x86_64bit(const struct x86_cpu *c)
{
	return x86_long_mode(c) && (c->seg[X86_CS].ar & X86_AR_L);
}

static inline bool x86_protected(const struct x86_cpu *c)
{
	return c->cr0 & X86_CR0_PE;
}

static inline bool x86_v86(const struct x86_cpu *c)
{
	return c->rflags & X86_VM;
}

/* Current privilege level: SS.DPL in protected mode, 3 in v86, 0 in real mode (APM vol. 2, 4.9). */
static inline unsigned int x86_cpl(const struct x86_cpu *c)
{
	if (!x86_protected(c))
		return 0;
	return x86_v86(c) ? 3 : X86_AR_DPL(c->seg[X86_SS].ar);
}

static inline enum x86_mode x86_code_mode(const struct x86_cpu *c)
{
	if (x86_64bit(c))
		return X86_MODE_64;
	return (c->seg[X86_CS].ar & X86_AR_DB) ? X86_MODE_32 : X86_MODE_16;
}

/* Canonical in @bits of linear address. */
static inline bool x86_canonical(u64 addr, unsigned int bits)
{
	return (u64)((s64)(addr << (64 - bits)) >> (64 - bits)) == addr;
}

#endif
