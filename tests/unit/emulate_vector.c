/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Vector moves: when they exist, and what faults leave alone. What they move
 * is emulate_native's to compare with a processor.
 */
#include "tests/unit/emulate_test.h"
#include "x86/xsave.h"

static struct x86_xsave *image(struct env *v)
{
	return (struct x86_xsave *)v->c.xsave;
}

/* All units on; RBX points at memory, 16-aligned. */
static void ready(struct env *v)
{
	unsigned int n;

	env_init(v, ENV_LONG3);
	v->c.cr0 |= X86_CR0_NE;
	v->c.cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
	v->c.xcr0 = 7;
	v->c.gpr[X86_RBX] = ENV_DATA;
	image(v)->xstate_bv = 7;
	image(v)->fx.fcw = X86_FCW_RESET;
	for (n = 0; n < 256; n++)
		image(v)->fx.xmm[n / 16][n % 16] = image(v)->ymmh[n / 16][n % 16] = n;
}

static void rules(struct env *v)
{
	enum unit { MMX, SSE, AVX };
	static const struct {
		enum unit unit;
		u8 n, bytes[6];
	} insns[] = {
		{ MMX, 3, { 0x0f, 0x6f, 0x03 } },			/* movq mm0, [rbx] */
		{ SSE, 3, { 0x0f, 0x28, 0x03 } },			/* movaps xmm0, [rbx] */
		{ SSE, 4, { 0xf3, 0x0f, 0x7f, 0x03 } },			/* movdqu [rbx], xmm0 */
		{ AVX, 4, { 0xc5, 0xfc, 0x28, 0x03 } },			/* vmovaps ymm0, [rbx] */
		{ AVX, 4, { 0xc5, 0xfa, 0x7f, 0x03 } },			/* vmovdqu [rbx], xmm0 */
	};
	static const struct {
		u64 cr0;		/* set */
		u64 cr4;		/* cleared */
		u64 xcr0;
		u16 fsw;
		u8 raises[3];		/* by unit; 0: nothing */
	} rows[] = {
		{ 0, 0, 7, 0, { 0, 0, 0 } },
		{ X86_CR0_EM, 0, 7, 0, { X86_EXC_UD, X86_EXC_UD, 0 } },
		{ X86_CR0_TS, 0, 7, 0, { X86_EXC_NM, X86_EXC_NM, X86_EXC_NM } },
		{ X86_CR0_TS | X86_CR0_EM, 0, 7, 0, { X86_EXC_UD, X86_EXC_UD, X86_EXC_NM } },
		{ 0, X86_CR4_OSFXSR, 7, 0, { 0, X86_EXC_UD, 0 } },
		{ 0, X86_CR4_OSXSAVE, 7, 0, { 0, 0, X86_EXC_UD } },
		{ 0, 0, 3, 0, { 0, 0, X86_EXC_UD } },
		{ X86_CR0_TS, 0, 3, 0, { X86_EXC_NM, X86_EXC_NM, X86_EXC_UD } },
		{ 0, 0, 7, X86_FSW_ES | 1, { X86_EXC_MF, 0, 0 } },
		{ X86_CR0_TS, 0, 7, X86_FSW_ES | 1, { X86_EXC_NM, X86_EXC_NM, X86_EXC_NM } },
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		for (k = 0; k < ARRAY_SIZE(rows); k++) {
			u8 want = rows[k].raises[insns[i].unit];

			ready(v);
			v->c.cr0 |= rows[k].cr0;
			v->c.cr4 &= ~rows[k].cr4;
			v->c.xcr0 = rows[k].xcr0;
			image(v)->fx.fsw = rows[k].fsw;
			env_code(v, insns[i].bytes, insns[i].n);
			if (want)
				CHECK_FAULT(v, want, 0);
			else
				CHECK_EQ(env_step(v), X86_EMU_OK);
			CHECK_EQ(v->accesses, !want);
		}
	}
}

static void real_mode(struct env *v)
{
	env_init(v, ENV_REAL);
	v->c.cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
	v->c.xcr0 = 7;
	v->c.gpr[X86_RBX] = 0x8000;
	env_put(v, 0x8000, 8, 0x1122334455667788);
	CODE(v, 0xc5, 0xfa, 0x6f, 0x07);		/* vmovdqu xmm0, [bx]: LDS there */
	CHECK_FAULT(v, X86_EXC_UD, 0);
	CODE(v, 0xf3, 0x0f, 0x6f, 0x07);		/* movdqu xmm0, [bx] */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(*(u64 *)image(v)->fx.xmm[0], 0x1122334455667788);
	CHECK_EQ(image(v)->xstate_bv, X86_XSTATE_SSE);
	CHECK_EQ(v->fpu_writes, 1);
}

static void alignment(struct env *v)
{
	ready(v);
	v->c.gpr[X86_RBX] += 8;
	CODE(v, 0x0f, 0x28, 0x03);			/* movaps */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0xc5, 0xf8, 0x29, 0x03);		/* vmovaps [rbx], xmm0 */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0xc5, 0xfd, 0xe7, 0x03);		/* vmovntdq [rbx], ymm0 */
	v->c.gpr[X86_RBX] += 8;				/* by 16, and it wants 32 */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CHECK_EQ(v->accesses, 0);
	/* Before the page is looked at; a move that is not aligned faults there. */
	v->c.gpr[X86_RBX] = ENV_MEM + 1;
	CODE(v, 0x66, 0x0f, 0x6f, 0x03);		/* movdqa */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0xf3, 0x0f, 0x6f, 0x03);		/* movdqu */
	CHECK_FAULT(v, X86_EXC_PF, 0);
	CHECK_EQ(v->fpu_writes, 0);
}

/* An initial component is zero whatever its bytes are, and stays so where nothing is written. */
static void initial(struct env *v)
{
	ready(v);
	image(v)->xstate_bv = X86_XSTATE_AVX;
	env_put(v, ENV_DATA, 8, ~0ull);
	CODE(v, 0x66, 0x0f, 0xd6, 0x0b);		/* movq [rbx], xmm1 */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(env_get(v, ENV_DATA, 8), 0);
	CHECK_EQ(v->fpu_writes, 0);
	CODE(v, 0x66, 0x0f, 0x16, 0x0b);		/* movhpd xmm1, [rbx] */
	env_put(v, ENV_DATA, 8, 5);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(*(u64 *)image(v)->fx.xmm[1], 0);
	CHECK_EQ(image(v)->fx.xmm[1][8], 5);
	CHECK_EQ(image(v)->ymmh[1][0], 16);
	CHECK_EQ(v->fpu_writes, 1);
}

static void not_here(struct env *v)
{
	ready(v);
	CODE(v, 0x66, 0x0f, 0x74, 0x03);		/* pcmpeqb xmm0, [rbx] */
	CHECK_EQ(env_step(v), X86_EMU_UNHANDLED);
	CODE(v, 0xd9, 0x03);				/* fld m32 */
	CHECK_EQ(env_step(v), X86_EMU_UNHANDLED);
	v->no_fpu = true;
	CODE(v, 0x0f, 0x28, 0x03);			/* movaps, of an engine that does them itself */
	CHECK_EQ(env_step(v), X86_EMU_UNHANDLED);
	CHECK_EQ(v->c.rip, ENV_CODE);
}

const struct unit_test emulate_vector_tests[] = {
	{ "vector moves: #UD, #NM, #MF by unit", rules },
	{ "vector moves in real mode", real_mode },
	{ "vector moves: alignment before pages", alignment },
	{ "vector moves: components in their initial state", initial },
	{ "vector instructions that are the engine's", not_here },
	{ NULL, NULL },
};
