/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * String instructions and ports. Each element is an instruction of its own:
 * its accesses come first, then its registers are committed, so that a REP can
 * stop (fault, exit, step, a bound on the work) after any element and go on
 * from there.
 */
#include "x86/emulate/exec.h"

#define REP_MAX 4096

/* One element; the flags it computed in *@flags. Nothing is committed. */
typedef int (*element_fn)(struct x86_emu *e, u64 *flags);

#define USES_SI 1
#define USES_DI 2

static inline u64 str_si(const struct x86_emu *e)
{
	return gpr_get(e->cpu, X86_RSI, e->insn.addrsize);
}

static inline u64 str_di(const struct x86_emu *e)
{
	return gpr_get(e->cpu, X86_RDI, e->insn.addrsize);
}

static void str_advance(struct x86_emu *e, unsigned int uses)
{
	struct x86_cpu *c = e->cpu;
	unsigned int as = e->insn.addrsize;
	s64 step = c->rflags & X86_DF ? -(s64)e->insn.opsize : e->insn.opsize;

	if (uses & USES_SI)
		gpr_set(c, X86_RSI, as, c->gpr[X86_RSI] + step);
	if (uses & USES_DI)
		gpr_set(c, X86_RDI, as, c->gpr[X86_RDI] + step);
}

/* repe and repne end at a flag; for the others both prefixes are a plain rep. */
static bool str_ended(const struct x86_emu *e, bool compares)
{
	bool zf = e->cpu->rflags & X86_ZF;

	if (!compares)
		return false;
	return e->insn.prefix & X86_P_F2 ? zf : !zf;
}

static int string_rep(struct x86_emu *e, element_fn fn, unsigned int uses, bool compares)
{
	struct x86_cpu *c = e->cpu;
	unsigned int as = e->insn.addrsize, done = 0;
	unsigned int limit = (c->rflags & X86_TF) || e->one_element ? 1 : REP_MAX;
	u64 count = gpr_get(c, X86_RCX, as), flags;
	int r;

	while (count) {
		flags = c->rflags;
		r = fn(e, &flags);
		if (r != X86_EMU_OK)
			return r;	/* the elements before this one stand */
		c->rflags = flags;
		str_advance(e, uses);
		gpr_set(c, X86_RCX, as, --count);
		if (!count || str_ended(e, compares))
			return X86_EMU_OK;
		if (++done >= limit) {
			/* Not finished: rip stays, and RF, so that a breakpoint here is over. */
			e->branched = true;
			e->keep_rf = true;
			c->rflags |= X86_RF;
			return X86_EMU_OK;
		}
		if (e->ops->commit)
			e->ops->commit(e);
	}
	return X86_EMU_OK;
}

static int string(struct x86_emu *e, element_fn fn, unsigned int uses, bool compares)
{
	u64 flags = e->cpu->rflags;
	int r;

	if (e->insn.prefix & (X86_P_F2 | X86_P_F3))
		return string_rep(e, fn, uses, compares);
	r = fn(e, &flags);
	if (r != X86_EMU_OK)
		return r;
	e->cpu->rflags = flags;
	str_advance(e, uses);
	return X86_EMU_OK;
}

static int movs_one(struct x86_emu *e, u64 *flags)
{
	unsigned int size = e->insn.opsize;
	u64 v;
	int r = x86_read_seg(e, e->insn.seg, str_si(e), size, &v);

	return r != X86_EMU_OK ? r : x86_write_seg(e, X86_ES, str_di(e), size, v);
}

static int stos_one(struct x86_emu *e, u64 *flags)
{
	return x86_write_seg(e, X86_ES, str_di(e), e->insn.opsize, e->cpu->gpr[X86_RAX]);
}

static int lods_one(struct x86_emu *e, u64 *flags)
{
	unsigned int size = e->insn.opsize;
	u64 v;
	int r = x86_read_seg(e, e->insn.seg, str_si(e), size, &v);

	if (r == X86_EMU_OK)
		gpr_set(e->cpu, X86_RAX, size, v);
	return r;
}

static int scas_one(struct x86_emu *e, u64 *flags)
{
	unsigned int size = e->insn.opsize;
	u64 v;
	int r = x86_read_seg(e, X86_ES, str_di(e), size, &v);

	if (r == X86_EMU_OK)
		x86_alu_sub(gpr_get(e->cpu, X86_RAX, size), v, size, flags);
	return r;
}

static int cmps_one(struct x86_emu *e, u64 *flags)
{
	unsigned int size = e->insn.opsize;
	u64 a, b;
	int r = x86_read_seg(e, e->insn.seg, str_si(e), size, &a);

	if (r == X86_EMU_OK)
		r = x86_read_seg(e, X86_ES, str_di(e), size, &b);
	if (r == X86_EMU_OK)
		x86_alu_sub(a, b, size, flags);
	return r;
}

int x86_exec_movs(struct x86_emu *e)
{
	return string(e, movs_one, USES_SI | USES_DI, false);
}

int x86_exec_stos(struct x86_emu *e)
{
	return string(e, stos_one, USES_DI, false);
}

int x86_exec_lods(struct x86_emu *e)
{
	return string(e, lods_one, USES_SI, false);
}

int x86_exec_scas(struct x86_emu *e)
{
	return string(e, scas_one, USES_DI, true);
}

int x86_exec_cmps(struct x86_emu *e)
{
	return string(e, cmps_one, USES_SI | USES_DI, true);
}

/* The destination is checked before the port is read: a read of a port cannot be taken back. */
static int ins_one(struct x86_emu *e, u64 *flags)
{
	unsigned int size = e->insn.opsize;
	u64 lin, v = 0;
	int r = x86_linearize(e, X86_ES, str_di(e), size, X86_ACC_WRITE, &lin);

	if (r == X86_EMU_OK)
		r = e->ops->probe(e, lin, size, X86_ACC_WRITE);
	if (r == X86_EMU_OK)
		r = e->ops->pio(e, e->cpu->gpr[X86_RDX], &v, size, true);
	return r != X86_EMU_OK ? r : e->ops->write(e, lin, &v, size, 0);
}

static int outs_one(struct x86_emu *e, u64 *flags)
{
	unsigned int size = e->insn.opsize;
	u64 v;
	int r = x86_read_seg(e, e->insn.seg, str_si(e), size, &v);

	return r != X86_EMU_OK ? r : e->ops->pio(e, e->cpu->gpr[X86_RDX], &v, size, false);
}

int x86_exec_ins(struct x86_emu *e)
{
	int r = x86_check_io(e, e->cpu->gpr[X86_RDX], e->insn.opsize);

	return r != X86_EMU_OK ? r : string(e, ins_one, USES_DI, false);
}

int x86_exec_outs(struct x86_emu *e)
{
	int r = x86_check_io(e, e->cpu->gpr[X86_RDX], e->insn.opsize);

	return r != X86_EMU_OK ? r : string(e, outs_one, USES_SI, false);
}

static inline u16 port_of(const struct x86_emu *e)
{
	return e->insn.info->imm ? e->insn.imm & 0xff : e->cpu->gpr[X86_RDX];
}

int x86_exec_in(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;
	u64 v = 0;
	int r = x86_check_io(e, port_of(e), size);

	if (r == X86_EMU_OK)
		r = e->ops->pio(e, port_of(e), &v, size, true);
	if (r == X86_EMU_OK)
		gpr_set(e->cpu, X86_RAX, size, v);
	return r;
}

int x86_exec_out(struct x86_emu *e)
{
	u64 v = e->cpu->gpr[X86_RAX];
	int r = x86_check_io(e, port_of(e), e->insn.opsize);

	return r != X86_EMU_OK ? r : e->ops->pio(e, port_of(e), &v, e->insn.opsize, false);
}
