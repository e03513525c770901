/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The descriptor tables' own registers, and the instructions that ask what a
 * selector would allow (lar, lsl, verr, verw, arpl).
 */
#include "x86/emulate/exec.h"

/* UMIP: sgdt, sidt, sldt, str and smsw only at level 0 (APM vol. 2, 3.1.3). */
static int check_umip(struct x86_emu *e)
{
	if ((e->cpu->cr4 & X86_CR4_UMIP) && x86_cpl(e->cpu))
		return x86_fault_err(e, X86_EXC_GP, 0);
	return X86_EMU_OK;
}

/* To a register by operand size, zero-extended; to memory a word. */
static int store_word(struct x86_emu *e, u64 v)
{
	int r = check_umip(e);

	if (r != X86_EMU_OK)
		return r;
	return x86_write_rm(e, e->insn.is_mem ? 2 : e->insn.opsize, v);
}

int x86_exec_sldt(struct x86_emu *e)
{
	return store_word(e, e->cpu->seg[X86_LDTR].selector);
}

int x86_exec_str(struct x86_emu *e)
{
	return store_word(e, e->cpu->seg[X86_TR].selector);
}

int x86_exec_smsw(struct x86_emu *e)
{
	return store_word(e, e->cpu->cr0);
}

int x86_check_ldt(struct x86_emu *e, u16 sel, u8 vector, struct x86_segment *s)
{
	struct x86_desc d;
	int r;

	x86_null_segment(sel, 0, s);
	if (x86_sel_null(sel))
		return X86_EMU_OK;
	if (sel & 4)
		return x86_fault_sel(e, vector, sel);
	r = x86_read_desc(e, sel, vector, &d);
	if (r != X86_EMU_OK)
		return r;
	if (x86_desc_s(&d) || x86_desc_type(&d) != X86_SYS_LDT)
		return x86_fault_sel(e, vector, sel);
	if (!x86_desc_p(&d))
		return x86_fault_sel(e, vector == X86_EXC_TS ? X86_EXC_TS : X86_EXC_NP, sel);
	if (x86_long_mode(e->cpu)) {
		r = x86_read_desc_hi(e, vector, &d);
		if (r != X86_EMU_OK)
			return r;
	}
	x86_desc_to_seg(&d, sel, s);
	if (x86_long_mode(e->cpu) && !x86_canonical(s->base, e->cpu->linear_bits))
		return x86_fault_sel(e, vector, sel);
	return X86_EMU_OK;
}

int x86_exec_lldt(struct x86_emu *e)
{
	struct x86_segment s;
	u64 sel;
	int r = x86_read_rm(e, 2, &sel);

	if (r == X86_EMU_OK)
		r = x86_check_ldt(e, sel, X86_EXC_GP, &s);
	if (r == X86_EMU_OK)
		x86_set_seg(e, X86_LDTR, &s);
	return r;
}

int x86_exec_ltr(struct x86_emu *e)
{
	struct x86_segment s;
	struct x86_desc d;
	unsigned int type;
	u64 sel;
	int r = x86_read_rm(e, 2, &sel);

	if (r != X86_EMU_OK)
		return r;
	if (x86_sel_null(sel))
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (sel & 4)
		return x86_fault_sel(e, X86_EXC_GP, sel);
	r = x86_read_desc(e, sel, X86_EXC_GP, &d);
	if (r != X86_EMU_OK)
		return r;
	type = x86_desc_type(&d);
	if (x86_desc_s(&d) || !(type == X86_SYS_TSS32 ||
				(type == X86_SYS_TSS16 && !x86_long_mode(e->cpu))))
		return x86_fault_sel(e, X86_EXC_GP, sel);
	if (!x86_desc_p(&d))
		return x86_fault_sel(e, X86_EXC_NP, sel);
	if (x86_long_mode(e->cpu)) {
		r = x86_read_desc_hi(e, X86_EXC_GP, &d);
		if (r != X86_EMU_OK)
			return r;
	}
	x86_desc_to_seg(&d, sel, &s);
	if (x86_long_mode(e->cpu) && !x86_canonical(s.base, e->cpu->linear_bits))
		return x86_fault_sel(e, X86_EXC_GP, sel);
	r = x86_desc_set_busy(e, &d, true);
	if (r != X86_EMU_OK)
		return r;
	s.ar |= 2;
	x86_set_seg(e, X86_TR, &s);
	return X86_EMU_OK;
}

static int store_table(struct x86_emu *e, const struct x86_dtable *t)
{
	unsigned int bs = e->insn.mode == X86_MODE_64 ? 8 : 4;
	u64 lin;
	int r = check_umip(e);

	if (r == X86_EMU_OK)
		r = x86_mem_lin(e, 2 + bs, X86_ACC_WRITE, &lin);
	if (r == X86_EMU_OK)
		r = e->ops->probe(e, lin, 2 + bs, X86_ACC_WRITE);
	if (r == X86_EMU_OK)
		r = e->ops->write(e, lin, &t->limit, 2, 0);
	return r != X86_EMU_OK ? r : e->ops->write(e, lin + 2, &t->base, bs, 0);
}

int x86_exec_sgdt(struct x86_emu *e)
{
	return store_table(e, &e->cpu->gdtr);
}

int x86_exec_sidt(struct x86_emu *e)
{
	return store_table(e, &e->cpu->idtr);
}

static int load_table(struct x86_emu *e, struct x86_dtable *t)
{
	unsigned int bs = e->insn.mode == X86_MODE_64 ? 8 : 4;
	u64 lin, base = 0, limit = 0;
	int r = x86_mem_lin(e, 2 + bs, 0, &lin);

	if (r == X86_EMU_OK)
		r = e->ops->read(e, lin, &limit, 2, 0);
	if (r == X86_EMU_OK)
		r = e->ops->read(e, lin + 2, &base, bs, 0);
	if (r != X86_EMU_OK)
		return r;
	if (e->insn.opsize == 2)
		base &= 0xffffff;
	if (bs == 8 && !x86_canonical(base, e->cpu->linear_bits))
		return x86_fault_err(e, X86_EXC_GP, 0);
	t->limit = limit;
	t->base = base;
	x86_changed(e);
	return X86_EMU_OK;
}

int x86_exec_lgdt(struct x86_emu *e)
{
	return load_table(e, &e->cpu->gdtr);
}

int x86_exec_lidt(struct x86_emu *e)
{
	return load_table(e, &e->cpu->idtr);
}

int x86_exec_arpl(struct x86_emu *e)
{
	u64 rpl = e->cpu->gpr[e->insn.reg] & 3, dst;
	bool raise;
	int r;

	if (e->insn.is_mem) {
		u64 lin;

		dst = 0;
		r = x86_mem_lin(e, 2, X86_ACC_WRITE, &lin);
		if (r == X86_EMU_OK)
			r = e->ops->read(e, lin, &dst, 2, X86_ACC_WRITE);
		raise = (dst & 3) < rpl;
		dst = raise ? (dst & ~3ull) | rpl : dst;
		if (r == X86_EMU_OK && raise)
			r = e->ops->write(e, lin, &dst, 2, 0);
		if (r != X86_EMU_OK)
			return r;
	} else {
		dst = gpr_get(e->cpu, e->insn.rm, 2);
		raise = (dst & 3) < rpl;
		if (raise)
			gpr_set(e->cpu, e->insn.rm, 2, (dst & ~3ull) | rpl);
	}
	flags_set(e, X86_ZF, raise ? X86_ZF : 0);
	return X86_EMU_OK;
}

/*
 * A descriptor that the present level may see through @sel: *@ok. Only a fault
 * of the table's own memory is a fault.
 */
static int visible_desc(struct x86_emu *e, u16 sel, struct x86_desc *d, bool *ok)
{
	unsigned int dpl;
	int r;

	*ok = false;
	if (x86_sel_null(sel))
		return X86_EMU_OK;
	r = x86_read_desc(e, sel, X86_EXC_GP, d);
	if (r == X86_EMU_FAULT && e->exc.vector == X86_EXC_GP)
		return X86_EMU_OK;	/* outside the table */
	if (r != X86_EMU_OK)
		return r;
	dpl = x86_desc_dpl(d);
	*ok = (x86_desc_code(d) && (x86_desc_type(d) & 4)) ||
	      (dpl >= x86_cpl(e->cpu) && dpl >= (sel & 3));
	return X86_EMU_OK;
}

/* System types that lar and lsl report: bit masks by type, legacy and long mode. */
#define LAR_LEGACY 0x1a3e	/* 1 2 3 4 5 9 11 12 */
#define LAR_LONG 0x1a04		/* 2 9 11 12 */
#define LSL_LEGACY 0x0a0e	/* 1 2 3 9 11 */
#define LSL_LONG 0x0a04		/* 2 9 11 */

static int describe(struct x86_emu *e, unsigned int legacy, unsigned int lng, struct x86_desc *d,
		    bool *ok)
{
	unsigned int types = x86_long_mode(e->cpu) ? lng : legacy;
	u64 sel;
	int r = x86_read_rm(e, 2, &sel);

	if (r == X86_EMU_OK)
		r = visible_desc(e, sel, d, ok);
	if (r == X86_EMU_OK && *ok && !x86_desc_s(d) && !(types & BIT(x86_desc_type(d))))
		*ok = false;
	return r;
}

int x86_exec_lar(struct x86_emu *e)
{
	struct x86_desc d;
	bool ok;
	int r = describe(e, LAR_LEGACY, LAR_LONG, &d, &ok);

	if (r != X86_EMU_OK)
		return r;
	if (ok)
		reg_set(e, e->insn.reg, e->insn.opsize, (d.lo >> 32) & 0xffff00);
	flags_set(e, X86_ZF, ok ? X86_ZF : 0);
	return X86_EMU_OK;
}

int x86_exec_lsl(struct x86_emu *e)
{
	struct x86_segment s;
	struct x86_desc d;
	bool ok;
	int r = describe(e, LSL_LEGACY, LSL_LONG, &d, &ok);

	if (r != X86_EMU_OK)
		return r;
	if (ok) {
		x86_desc_to_seg(&d, 0, &s);
		reg_set(e, e->insn.reg, e->insn.opsize, s.limit);
	}
	flags_set(e, X86_ZF, ok ? X86_ZF : 0);
	return X86_EMU_OK;
}

/* verr: data, or code that can be read; verw: data that can be written. */
static int verify(struct x86_emu *e, bool write)
{
	struct x86_desc d;
	unsigned int type;
	u64 sel;
	bool ok;
	int r = x86_read_rm(e, 2, &sel);

	if (r == X86_EMU_OK)
		r = visible_desc(e, sel, &d, &ok);
	if (r != X86_EMU_OK)
		return r;
	if (ok) {
		type = x86_desc_type(&d);
		ok = x86_desc_s(&d) && (write ? (type & 0xa) == 2 : (type & 0xa) != 8);
	}
	flags_set(e, X86_ZF, ok ? X86_ZF : 0);
	return X86_EMU_OK;
}

int x86_exec_verr(struct x86_emu *e)
{
	return verify(e, false);
}

int x86_exec_verw(struct x86_emu *e)
{
	return verify(e, true);
}
