/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Segment registers: descriptors, the checks of a load, and the hidden part.
 * APM vol. 2, 4.7 to 4.11; SDM vol. 3, 3.4 and 5.6 to 5.8.
 */
#include "x86/emulate/exec.h"

int x86_fault_sel(struct x86_emu *e, u8 vector, u16 sel)
{
	return x86_fault_err(e, vector, sel & 0xfffc);
}

static u64 table_lin(const struct x86_cpu *c, u64 base, u32 off)
{
	return x86_long_mode(c) ? base + off : (u32)(base + off);
}

int x86_read_desc(struct x86_emu *e, u16 sel, u8 vector, struct x86_desc *d)
{
	const struct x86_cpu *c = e->cpu;
	u64 base = c->gdtr.base;
	u32 limit = c->gdtr.limit;

	if (sel & 4) {
		base = c->seg[X86_LDTR].base;
		limit = c->seg[X86_LDTR].limit;
		if (!(c->seg[X86_LDTR].ar & X86_AR_P))
			return x86_fault_sel(e, vector, sel);
	}
	if ((u32)(sel | 7) > limit)
		return x86_fault_sel(e, vector, sel);
	d->selector = sel;
	d->hi = 0;
	d->lin = table_lin(c, base, sel & ~7u);
	return x86_sys_read(e, d->lin, 8, &d->lo);
}

int x86_read_desc_hi(struct x86_emu *e, u8 vector, struct x86_desc *d)
{
	const struct x86_cpu *c = e->cpu;
	u32 limit = d->selector & 4 ? c->seg[X86_LDTR].limit : c->gdtr.limit;
	int r;

	if ((u32)(d->selector | 7) + 8 > limit)
		return x86_fault_sel(e, vector, d->selector);
	r = x86_sys_read(e, d->lin + 8, 8, &d->hi);
	if (r != X86_EMU_OK)
		return r;
	/* The type field of the second half must be zero (SDM vol. 3, 5.8.3.1). */
	return (d->hi >> 40) & 0x1f ? x86_fault_sel(e, vector, d->selector) : X86_EMU_OK;
}

void x86_desc_to_seg(const struct x86_desc *d, u16 sel, struct x86_segment *s)
{
	s->selector = sel;
	s->ar = x86_desc_ar(d);
	s->base = ((d->lo >> 16) & 0xffffff) | ((d->lo >> 32) & 0xff000000);
	s->limit = (d->lo & 0xffff) | ((d->lo >> 32) & 0xf0000);
	if (s->ar & X86_AR_G)
		s->limit = s->limit << 12 | 0xfff;
	if (s->ar & X86_AR_S)
		s->ar |= X86_AR_A;
	else
		s->base |= d->hi << 32;
}

static int write_access_byte(struct x86_emu *e, const struct x86_desc *d, u8 byte)
{
	return x86_sys_write(e, d->lin + 5, 1, byte);
}

int x86_desc_set_accessed(struct x86_emu *e, const struct x86_desc *d)
{
	u8 byte = d->lo >> 40;

	if (!d->lin || (byte & X86_AR_A))
		return X86_EMU_OK;
	return write_access_byte(e, d, byte | X86_AR_A);
}

int x86_desc_set_busy(struct x86_emu *e, const struct x86_desc *d, bool busy)
{
	u8 byte = d->lo >> 40;

	return write_access_byte(e, d, busy ? byte | 2 : byte & ~2);
}

/*
 * Real mode changes selector and base only; limit and size stay, which is how
 * a program gets a flat segment there ("unreal" mode).
 */
void x86_real_segment(const struct x86_cpu *c, enum x86_seg seg, u16 sel, struct x86_segment *s)
{
	*s = c->seg[seg];
	s->selector = sel;
	s->base = (u32)sel << 4;
	if (!(s->ar & X86_AR_P))
		s->limit = 0xffff;
	s->ar = (s->ar & (X86_AR_DB | X86_AR_G)) | (seg == X86_CS ? 0x9b : 0x93);
}

void x86_v86_segment(u16 sel, struct x86_segment *s)
{
	*s = (struct x86_segment){ .selector = sel, .base = (u32)sel << 4, .limit = 0xffff,
				   .ar = 0xf3 };
}

void x86_null_segment(u16 sel, unsigned int dpl, struct x86_segment *s)
{
	*s = (struct x86_segment){ .selector = sel, .ar = dpl << 5 };
}

void x86_flat_segment(u16 sel, u16 ar, struct x86_segment *s)
{
	*s = (struct x86_segment){ .selector = sel, .limit = 0xffffffff, .ar = ar };
}

void x86_set_seg(struct x86_emu *e, enum x86_seg seg, const struct x86_segment *s)
{
	struct x86_segment *old = &e->cpu->seg[seg];

	if (old->base == s->base && old->limit == s->limit && old->selector == s->selector &&
	    old->ar == s->ar)
		return;
	*old = *s;
	x86_changed(e);
}

int x86_check_data(struct x86_emu *e, u16 sel, u8 vector, struct x86_desc *d,
		   struct x86_segment *s)
{
	unsigned int type, dpl;
	int r;

	if (x86_sel_null(sel)) {
		d->lin = 0;
		x86_null_segment(sel, 0, s);
		return X86_EMU_OK;
	}
	r = x86_read_desc(e, sel, vector, d);
	if (r != X86_EMU_OK)
		return r;
	type = x86_desc_type(d);
	dpl = x86_desc_dpl(d);
	if (!x86_desc_s(d) || (type & 0xa) == 8)	/* a system segment, or code that cannot be read */
		return x86_fault_sel(e, vector, sel);
	if ((type & 0xc) != 0xc && (dpl < x86_cpl(e->cpu) || dpl < (sel & 3)))
		return x86_fault_sel(e, vector, sel);
	if (!x86_desc_p(d))
		return x86_fault_sel(e, X86_EXC_NP, sel);
	x86_desc_to_seg(d, sel, s);
	return X86_EMU_OK;
}

int x86_check_ss(struct x86_emu *e, u16 sel, unsigned int cpl, u8 vector, struct x86_desc *d,
		 struct x86_segment *s)
{
	int r;

	if (x86_sel_null(sel))
		return x86_fault_err(e, vector, 0);
	r = x86_read_desc(e, sel, vector, d);
	if (r != X86_EMU_OK)
		return r;
	if ((sel & 3) != cpl || x86_desc_dpl(d) != cpl || !x86_desc_s(d) ||
	    (x86_desc_type(d) & 0xa) != 2)
		return x86_fault_sel(e, vector, sel);
	if (!x86_desc_p(d))
		return x86_fault_sel(e, X86_EXC_SS, sel);
	x86_desc_to_seg(d, sel, s);
	return X86_EMU_OK;
}

int x86_check_target(struct x86_emu *e, const struct x86_segment *cs, u64 rip)
{
	const struct x86_cpu *c = e->cpu;

	if (x86_seg_64(c, cs) ? !x86_canonical(rip, c->linear_bits) : rip > cs->limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	return X86_EMU_OK;
}

void x86_null_unreachable(struct x86_emu *e, unsigned int cpl)
{
	static const u8 data[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(data); n++) {
		struct x86_segment s = e->cpu->seg[data[n]];

		if (!(s.ar & X86_AR_P) || X86_AR_DPL(s.ar) >= cpl)
			continue;
		if ((s.ar & (X86_AR_CODE | X86_AR_E)) == (X86_AR_CODE | X86_AR_E))
			continue;	/* conforming code is everybody's */
		s.selector = 0;
		s.ar = 0;
		x86_set_seg(e, data[n], &s);
	}
}

/* One write that happens or does not, where it is short enough; else checked first. */
static int write_frame(struct x86_emu *e, u64 lin, unsigned int size, const u64 *vals,
		       unsigned int n, unsigned int acc)
{
	unsigned int bytes = n * size, k;
	u8 frame[64];
	int r;

	if (likely(bytes <= sizeof(frame))) {
		for (k = 0; k < n; k++)
			memcpy(frame + (n - 1 - k) * size, &vals[k], size);
		return e->ops->write(e, lin, frame, bytes, acc);
	}
	r = e->ops->probe(e, lin, bytes, acc | X86_ACC_WRITE);
	for (k = 0; k < n && r == X86_EMU_OK; k++)
		r = e->ops->write(e, lin + (n - 1 - k) * size, &vals[k], size, acc);
	return r;
}

int x86_push_frame(struct x86_emu *e, const struct x86_segment *ss, u64 *sp, unsigned int size,
		   const u64 *vals, unsigned int n, unsigned int acc, u16 err)
{
	unsigned int bytes = n * size;
	u64 m = !ss ? ~0ull : ss->ar & X86_AR_DB ? 0xffffffffull : 0xffffull;
	u64 top = *sp & m, base = ss ? ss->base : 0;
	int r;

	if (!ss) {
		if (!x86_canonical(top - bytes, e->cpu->linear_bits) ||
		    !x86_canonical(top - 1, e->cpu->linear_bits))
			return x86_fault_sel(e, X86_EXC_SS, err);
	} else {
		u64 lo = top - bytes, hi = top - 1;

		if (top && top < bytes)
			return x86_fault_sel(e, X86_EXC_SS, err);
		lo &= m;
		hi &= m;
		if (ss->ar & X86_AR_E ? lo <= ss->limit : hi > ss->limit)
			return x86_fault_sel(e, X86_EXC_SS, err);
	}
	top = base + ((top - bytes) & m);	/* now the linear address of the last value */
	if (ss)
		top = (u32)top;
	r = write_frame(e, top, size, vals, n, acc);
	if (r == X86_EMU_OK)
		*sp = (*sp & ~m) | ((*sp - bytes) & m);
	return r;
}

/* In 64-bit mode below level 3 the stack segment may be null. */
static bool null_ss_allowed(const struct x86_cpu *c, u16 sel)
{
	unsigned int cpl = x86_cpl(c);

	return x86_64bit(c) && cpl < 3 && (sel & 3) == cpl;
}

int x86_load_segment(struct x86_emu *e, enum x86_seg seg, u16 sel)
{
	struct x86_cpu *c = e->cpu;
	struct x86_segment s;
	struct x86_desc d;
	int r;

	if (seg == X86_CS || seg > X86_GS)
		return x86_fault(e, X86_EXC_UD);
	d.lin = 0;
	if (!x86_protected(c)) {
		x86_real_segment(c, seg, sel, &s);
	} else if (x86_v86(c)) {
		x86_v86_segment(sel, &s);
	} else if (seg == X86_SS) {
		if (x86_sel_null(sel) && null_ss_allowed(c, sel)) {
			x86_null_segment(sel, sel & 3, &s);
		} else {
			r = x86_check_ss(e, sel, x86_cpl(c), X86_EXC_GP, &d, &s);
			if (r != X86_EMU_OK)
				return r;
		}
	} else {
		r = x86_check_data(e, sel, X86_EXC_GP, &d, &s);
		if (r != X86_EMU_OK)
			return r;
	}
	r = x86_desc_set_accessed(e, &d);
	if (r == X86_EMU_OK)
		x86_set_seg(e, seg, &s);
	return r;
}

int x86_exec_mov_seg_rm(struct x86_emu *e)
{
	u64 sel;
	int r;

	if (e->insn.reg == X86_CS || e->insn.reg > X86_GS)
		return x86_fault(e, X86_EXC_UD);
	r = x86_read_rm(e, 2, &sel);
	if (r == X86_EMU_OK)
		r = x86_load_segment(e, e->insn.reg, sel);
	if (r == X86_EMU_OK && e->insn.reg == X86_SS)
		e->shadow = X86_SHADOW_MOV_SS;
	return r;
}

/* To a register by operand size, zero-extended; to memory always a word. */
int x86_exec_mov_rm_seg(struct x86_emu *e)
{
	if (e->insn.reg > X86_GS)
		return x86_fault(e, X86_EXC_UD);
	return x86_write_rm(e, e->insn.is_mem ? 2 : e->insn.opsize,
			    e->cpu->seg[e->insn.reg].selector);
}

static enum x86_seg far_pointer_seg(u16 op)
{
	switch (op) {
	case X86_OP_LES:
		return X86_ES;
	case X86_OP_LDS:
		return X86_DS;
	case X86_OP_LSS:
		return X86_SS;
	case X86_OP_LFS:
		return X86_FS;
	default:
		return X86_GS;
	}
}

/* les, lds, lss, lfs, lgs */
int x86_exec_load_far(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	enum x86_seg seg = far_pointer_seg(i->info->op);
	u64 off, sel, ea = x86_ea(e);
	int r;

	r = x86_read_seg(e, i->seg, ea, i->opsize, &off);
	if (r == X86_EMU_OK)
		r = x86_read_seg(e, i->seg, (ea + i->opsize) & size_mask(i->addrsize), 2, &sel);
	if (r == X86_EMU_OK)
		r = x86_load_segment(e, seg, sel);
	if (r == X86_EMU_OK)
		reg_set(e, i->reg, i->opsize, off);
	return r;
}
