/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * x87, SSE and AVX state as it stands in memory: the standard form of XSAVE
 * (SDM vol. 1, 13.4). A component whose bit in XSTATE_BV is clear is in its
 * initial state, whatever its bytes say.
 */
#ifndef ANYKVM_XSAVE_H
#define ANYKVM_XSAVE_H

#include "types.h"

struct x86_fxsave {
	u16 fcw, fsw;
	u8 ftw, pad0;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	u8 st[8][16];		/* in the order of the stack, whose top is in FSW */
	u8 xmm[16][16];
	u8 pad1[96];
};

struct x86_xsave {
	struct x86_fxsave fx;
	u64 xstate_bv, xcomp_bv;
	u8 reserved[48];
	u8 ymmh[16][16];
};

_Static_assert(sizeof(struct x86_fxsave) == 512, "FXSAVE");
_Static_assert(offsetof(struct x86_xsave, ymmh) == 576, "XSAVE");

#define X86_XSTATE_FP 1ull
#define X86_XSTATE_SSE 2ull
#define X86_XSTATE_AVX 4ull

#define X86_FCW_RESET 0x37f
#define X86_FSW_ES BIT(7)	/* an unmasked exception is pending */
#define X86_FSW_TOP_SHIFT 11

/*
 * Write out the initial states of these components, so that their bytes can be
 * read and changed as they stand. MXCSR belongs to SSE and AVX both and counts
 * whatever XSTATE_BV says: it is not touched.
 */
static inline void x86_xsave_spell_out(struct x86_xsave *x, u64 components)
{
	u64 missing = components & ~x->xstate_bv;

	if (missing & X86_XSTATE_FP) {
		memset(&x->fx, 0, offsetof(struct x86_fxsave, mxcsr));
		x->fx.fcw = X86_FCW_RESET;
		memset(x->fx.st, 0, sizeof(x->fx.st));
	}
	if (missing & X86_XSTATE_SSE)
		memset(x->fx.xmm, 0, sizeof(x->fx.xmm));
	if (missing & X86_XSTATE_AVX)
		memset(x->ymmh, 0, sizeof(x->ymmh));
	x->xstate_bv |= components;
}

static inline u32 x86_x87_top(const struct x86_xsave *x)
{
	return x->fx.fsw >> X86_FSW_TOP_SHIFT & 7;
}

/* A new top turns the image, which is in the order of the stack: no register changes. */
static inline void x86_x87_set_top(struct x86_xsave *x, u32 top)
{
	u32 turn = (top - x86_x87_top(x)) & 7, i;
	u8 st[8][16];

	memcpy(st, x->fx.st, sizeof(st));
	for (i = 0; i < 8; i++)
		memcpy(x->fx.st[i], st[(i + turn) & 7], sizeof(st[0]));
	x->fx.fsw = (x->fx.fsw & ~(7u << X86_FSW_TOP_SHIFT)) | top << X86_FSW_TOP_SHIFT;
}

#endif
