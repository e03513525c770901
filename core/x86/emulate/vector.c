/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * MMX, SSE and AVX moves: what copying code does to a device's memory. All of
 * them are one operation: some bytes from one place to another, and a rule for
 * what else is in the register that receives them. The rest of the vector
 * instructions are not here.
 *
 * The registers are those of an image in the form of XSAVE, which the owner
 * brings up to date when asked (ops->fpu) and takes back (ops->fpu_written).
 * Source: SDM vol. 2 under each instruction, and its exception classes.
 */
#include "x86/emulate/exec.h"
#include "x86/xsave.h"

/* What a receiving XMM register keeps of the bytes that no move reaches, below bit 128. */
enum rest {
	CLEARED,
	KEPT,		/* the register's own; with VEX, those of vvvv */
	KEPT_IF_REG,	/* MOVSS, MOVSD: from memory they clear, from a register they keep */
};

struct vector_move {
	u16 op;
	u8 size;		/* bytes moved; 0: the whole register */
	u8 reg_at, rm_at;	/* where they stand in modrm.reg and, if a register, modrm.rm */
	u8 rest;
};

/* The same move without and with VEX. */
#define MOVE(o, ...) { X86_OP_##o, __VA_ARGS__ }, { X86_OP_V##o, __VA_ARGS__ }

static const struct vector_move moves[] = {
	MOVE(MOVUPS, 0), MOVE(MOVUPD, 0), MOVE(MOVAPS, 0), MOVE(MOVAPD, 0), MOVE(MOVDQA, 0),
	MOVE(MOVDQU, 0), MOVE(LDDQU, 0), MOVE(MOVNTPS, 0), MOVE(MOVNTPD, 0), MOVE(MOVNTDQ, 0),
	MOVE(MOVNTDQA, 0),
	MOVE(MOVD, 4), MOVE(MOVQ, 8), { X86_OP_MOVNTQ, 8 },
	MOVE(MOVSS, 4, 0, 0, KEPT_IF_REG), MOVE(MOVSD, 8, 0, 0, KEPT_IF_REG),
	{ X86_OP_MOVNTSS, 4 }, { X86_OP_MOVNTSD, 8 },
	MOVE(MOVLPS, 8, 0, 0, KEPT), MOVE(MOVLPD, 8, 0, 0, KEPT),
	MOVE(MOVHPS, 8, 8, 0, KEPT), MOVE(MOVHPD, 8, 8, 0, KEPT),
	MOVE(MOVHLPS, 8, 0, 8, KEPT), MOVE(MOVLHPS, 8, 8, 0, KEPT),
};

static const struct vector_move *find_move(u16 op)
{
	for (u32 i = 0; i < ARRAY_SIZE(moves); i++)
		if (moves[i].op == op)
			return &moves[i];
	return NULL;
}

/* May the unit be used? SDM vol. 3, tables 14-1 and 14-5; vol. 2, 2.4 and 2.5. */
static bool unit_there(const struct x86_emu *e)
{
	const u64 avx = X86_XSTATE_SSE | X86_XSTATE_AVX;
	const struct x86_cpu *c = e->cpu;

	if (e->insn.info->unit == X86_U_AVX)
		return (c->cr4 & X86_CR4_OSXSAVE) && (c->xcr0 & avx) == avx;
	if (e->insn.info->unit == X86_U_SSE && !(c->cr4 & X86_CR4_OSFXSR))
		return false;
	return !(c->cr0 & X86_CR0_EM);
}

static int check_unit(struct x86_emu *e, const struct x86_xsave *x)
{
	const struct x86_cpu *c = e->cpu;

	if (!unit_there(e))
		return x86_fault(e, X86_EXC_UD);
	if (c->cr0 & X86_CR0_TS)
		return x86_fault(e, X86_EXC_NM);
	/* Without NE the error is an interrupt of the 8259s, which nothing here raises. */
	if (e->insn.info->unit == X86_U_MMX && (x->xstate_bv & X86_XSTATE_FP) &&
	    (x->fx.fsw & X86_FSW_ES) && (c->cr0 & X86_CR0_NE))
		return x86_fault(e, X86_EXC_MF);
	return X86_EMU_OK;
}

/* ---- operands ---- */

static bool is_vex(const struct x86_emu *e)
{
	return e->insn.prefix & X86_P_VEX;
}

static u8 *mmx(struct x86_xsave *x, u32 n)
{
	return x->fx.st[(n - x86_x87_top(x)) & 7];
}

static u32 move_size(const struct x86_emu *e, const struct vector_move *m)
{
	const struct x86_insn *i = &e->insn;

	if (i->is_mem)
		return i->memsize;
	if (i->info->rm_class == X86_C_GPRY)
		return x86_y_size(e);
	return m->size ? m->size : i->vex_l ? 32 : 16;
}

/* Memory must be aligned where the row says so: #GP before any page is looked at. */
static int vector_lin(struct x86_emu *e, u32 size, u32 acc, u64 *lin)
{
	u32 need = X86_T_ALIGN | (is_vex(e) ? 0 : X86_T_ALIGN16);
	int r = x86_mem_lin(e, size, acc, lin);

	if (r == X86_EMU_OK && (e->insn.info->attr & need) && (*lin & (size - 1)))
		return x86_fault_err(e, X86_EXC_GP, 0);
	return r;
}

/* @size bytes at @at of the register, which may be an XMM, YMM, MMX or general one. */
static void get_reg(const struct x86_emu *e, struct x86_xsave *x, u8 opclass, u32 n, u32 at,
		    u8 *val, u32 size)
{
	if (opclass == X86_C_XMM) {
		memcpy(val, x->fx.xmm[n] + at, min(size, 16u));
		if (size > 16)
			memcpy(val + 16, x->ymmh[n], 16);
	} else {
		memcpy(val, opclass == X86_C_MMX ? mmx(x, n) : (u8 *)&e->cpu->gpr[n], size);
	}
}

static void put_xmm(const struct x86_emu *e, struct x86_xsave *x, const struct vector_move *m,
		    u32 n, u32 at, const u8 *val, u32 size)
{
	bool kept = m->rest == KEPT || (m->rest == KEPT_IF_REG && !e->insn.is_mem);
	u8 low[16] = { 0 };

	if (kept)
		memcpy(low, x->fx.xmm[is_vex(e) ? e->insn.vvvv : n], 16);
	memcpy(low + at, val, min(size, 16u));
	memcpy(x->fx.xmm[n], low, 16);
	if (!is_vex(e))
		return;
	memset(x->ymmh[n], 0, 16);
	if (size > 16)
		memcpy(x->ymmh[n], val + 16, 16);
}

static void put_reg(struct x86_emu *e, struct x86_xsave *x, const struct vector_move *m,
		    u8 opclass, u32 n, u32 at, const u8 *val, u32 size)
{
	u64 low = 0;

	if (opclass == X86_C_XMM) {
		put_xmm(e, x, m, n, at, val, size);
		return;
	}
	memcpy(&low, val, size);
	if (opclass == X86_C_MMX) {
		memcpy(mmx(x, n), &low, 8);
		memset(mmx(x, n) + 8, 0xff, 2);	/* sign and exponent (SDM vol. 1, 9.5.1) */
	} else {
		gpr_set(e->cpu, n, size, low);
	}
}

/* ---- the move ---- */

static int load(struct x86_emu *e, struct x86_xsave *x, const struct vector_move *m, u32 size)
{
	const struct x86_insn *i = &e->insn;
	u8 val[32];
	u64 lin;
	int r;

	if (i->is_mem) {
		r = vector_lin(e, size, 0, &lin);
		if (r == X86_EMU_OK)
			r = e->ops->read(e, lin, val, size, 0);
		if (r != X86_EMU_OK)
			return r;
	} else {
		get_reg(e, x, i->info->rm_class, i->rm, m->rm_at, val, size);
	}
	put_reg(e, x, m, i->info->reg_class, i->reg, m->reg_at, val, size);
	return X86_EMU_OK;
}

static int store(struct x86_emu *e, struct x86_xsave *x, const struct vector_move *m, u32 size)
{
	const struct x86_insn *i = &e->insn;
	u8 val[32];
	u64 lin;
	int r;

	get_reg(e, x, i->info->reg_class, i->reg, m->reg_at, val, size);
	if (!i->is_mem) {
		put_reg(e, x, m, i->info->rm_class, i->rm, m->rm_at, val, size);
		return X86_EMU_OK;
	}
	r = vector_lin(e, size, X86_ACC_WRITE, &lin);
	return r != X86_EMU_OK ? r : e->ops->write(e, lin, val, size, 0);
}

/* All but EMMS leave the stack's top at 0 and every register in use (SDM vol. 1, 9.5.1). */
static void use_mmx(struct x86_xsave *x)
{
	x86_x87_set_top(x, 0);
	x->fx.ftw = 0xff;
}

int x86_exec_vector(struct x86_emu *e)
{
	static const u64 components[] = {
		[X86_U_MMX] = X86_XSTATE_FP,
		[X86_U_SSE] = X86_XSTATE_SSE,
		[X86_U_AVX] = X86_XSTATE_SSE | X86_XSTATE_AVX,
	};
	const struct x86_opcode *info = e->insn.info;
	const struct vector_move *m = find_move(info->op);
	struct x86_xsave *x = m && e->ops->fpu ? e->ops->fpu(e) : NULL;
	bool to_rm = info->rm_acc & X86_A_W;
	int r;

	if (!x)
		return X86_EMU_UNHANDLED;
	r = check_unit(e, x);
	if (r != X86_EMU_OK)
		return r;
	x86_xsave_spell_out(x, components[info->unit]);
	r = to_rm ? store(e, x, m, move_size(e, m)) : load(e, x, m, move_size(e, m));
	if (r != X86_EMU_OK)
		return r;
	if (info->unit == X86_U_MMX)
		use_mmx(x);
	if (info->unit == X86_U_MMX || !to_rm || !e->insn.is_mem)
		e->ops->fpu_written(e);
	return r;
}
