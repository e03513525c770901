/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Far transfers: jmp, call and ret to another code segment, directly or by a
 * call gate, with the change of stack that a change of level brings.
 * APM vol. 2, 4.11; SDM vol. 3, 5.8; SDM vol. 2 under each instruction.
 */
#include "x86/emulate/exec.h"

/* A code segment and rip that have passed all checks. */
struct far_target {
	struct x86_desc d;
	struct x86_segment cs;
	u64 rip;
};

/* Descriptor of a code segment: present, and in long mode not both L and D. */
static int code_desc_ok(struct x86_emu *e, const struct x86_desc *d)
{
	u16 ar = x86_desc_ar(d);

	if (x86_long_mode(e->cpu) && (ar & X86_AR_L) && (ar & X86_AR_DB))
		return x86_fault_sel(e, X86_EXC_GP, d->selector);
	return x86_desc_p(d) ? X86_EMU_OK : x86_fault_sel(e, X86_EXC_NP, d->selector);
}

static int far_target_set(struct x86_emu *e, struct far_target *t, unsigned int rpl, u64 rip)
{
	x86_desc_to_seg(&t->d, (t->d.selector & ~3) | rpl, &t->cs);
	t->rip = rip;
	return x86_check_target(e, &t->cs, rip);
}

static void far_commit(struct x86_emu *e, const struct x86_segment *cs, u64 rip)
{
	x86_set_seg(e, X86_CS, cs);
	x86_set_rip(e, rip);
}

/* The far pointer of the instruction. */
static int far_pointer(struct x86_emu *e, u16 *sel, u64 *off)
{
	const struct x86_insn *i = &e->insn;
	u64 ea, v;
	int r;

	if (i->info->imm == X86_I_FAR) {
		*sel = i->imm2;
		*off = i->imm & size_mask(i->opsize);
		return X86_EMU_OK;
	}
	ea = x86_ea(e);
	r = x86_read_seg(e, i->seg, ea, i->opsize, off);
	if (r == X86_EMU_OK)
		r = x86_read_seg(e, i->seg, (ea + i->opsize) & size_mask(i->addrsize), 2, &v);
	if (r == X86_EMU_OK)
		*sel = v;
	return r;
}

/*
 * Push the return address on the present stack. A descriptor's accessed bit is
 * set before anything is pushed: early it does no harm, a frame left behind would.
 */
static int push_return(struct x86_emu *e, unsigned int size, u64 *sp, const struct x86_desc *d)
{
	int r = x86_sp_probe_push(e, *sp, 2, size);

	if (r == X86_EMU_OK && d)
		r = x86_desc_set_accessed(e, d);
	if (r == X86_EMU_OK)
		r = x86_sp_push(e, sp, size, e->cpu->seg[X86_CS].selector);
	if (r == X86_EMU_OK)
		r = x86_sp_push(e, sp, size, x86_next_rip(e));
	return r;
}

static int far_real(struct x86_emu *e, u16 sel, u64 off, bool call)
{
	struct x86_cpu *c = e->cpu;
	u64 sp = c->gpr[X86_RSP];
	struct x86_segment cs;
	int r;

	if (x86_v86(c))
		x86_v86_segment(sel, &cs);
	else
		x86_real_segment(c, X86_CS, sel, &cs);
	if (off > cs.limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (call) {
		r = push_return(e, e->insn.opsize, &sp, NULL);
		if (r != X86_EMU_OK)
			return r;
		x86_sp_commit(e, sp);
	}
	far_commit(e, &cs, off);
	return X86_EMU_OK;
}

/* To a target at the present level: push for a call, then go. */
static int far_same_level(struct x86_emu *e, const struct far_target *t, bool call,
			  unsigned int size)
{
	u64 sp = e->cpu->gpr[X86_RSP];
	unsigned int st = x86_stack_size(e->cpu);
	int r = call ? push_return(e, size, &sp, &t->d) : x86_desc_set_accessed(e, &t->d);

	if (r != X86_EMU_OK)
		return r;
	if (call)
		gpr_set(e->cpu, X86_RSP, st, sp);
	far_commit(e, &t->cs, t->rip);
	return X86_EMU_OK;
}

static int far_direct(struct x86_emu *e, struct x86_desc *d, u64 off, bool call)
{
	unsigned int cpl = x86_cpl(e->cpu), dpl = x86_desc_dpl(d);
	struct far_target t = { .d = *d };
	bool conforming = x86_desc_type(d) & 4;
	int r;

	if (conforming ? dpl > cpl : dpl != cpl || (d->selector & 3) > cpl)
		return x86_fault_sel(e, X86_EXC_GP, d->selector);
	r = code_desc_ok(e, d);
	if (r == X86_EMU_OK)
		r = far_target_set(e, &t, cpl, off);
	return r != X86_EMU_OK ? r : far_same_level(e, &t, call, e->insn.opsize);
}

/* A call gate to an inner level: the frame goes to the stack that the TSS names. */
static int gate_inner(struct x86_emu *e, struct far_target *t, unsigned int size,
		      unsigned int params)
{
	struct x86_cpu *c = e->cpu;
	unsigned int dpl = x86_desc_dpl(&t->d), n = 0, k;
	bool lng = x86_long_mode(c);
	struct x86_desc ssd = { .lin = 0 };
	struct x86_segment ss;
	u64 vals[4 + 31], sp, old = c->gpr[X86_RSP], m = size_mask(x86_stack_size(c));
	u16 sel;
	int r;

	if (lng) {
		r = x86_tss64_stack(e, dpl, &sp);
		x86_null_segment(dpl, dpl, &ss);
	} else {
		r = x86_tss_stack(e, dpl, &sel, &sp);
		if (r == X86_EMU_OK)
			r = x86_check_ss(e, sel, dpl, X86_EXC_TS, &ssd, &ss);
	}
	if (r != X86_EMU_OK)
		return r;
	vals[n++] = c->seg[X86_SS].selector;
	vals[n++] = old;
	for (k = params; k-- > 0 && r == X86_EMU_OK; n++)
		r = x86_read_seg(e, X86_SS, (old + k * size) & m, size, &vals[n]);
	vals[n++] = c->seg[X86_CS].selector;
	vals[n++] = x86_next_rip(e);
	if (r == X86_EMU_OK)
		r = far_target_set(e, t, dpl, t->rip);
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &ssd);
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &t->d);
	if (r == X86_EMU_OK)
		r = x86_push_frame(e, lng ? NULL : &ss, &sp, size, vals, n, X86_ACC_SUPER,
				   lng ? 0 : sel);
	if (r != X86_EMU_OK)
		return r;
	x86_set_seg(e, X86_SS, &ss);
	far_commit(e, &t->cs, t->rip);
	gpr_set(c, X86_RSP, x86_stack_size(c), sp);
	return X86_EMU_OK;
}

static int far_gate(struct x86_emu *e, struct x86_desc *g, bool call)
{
	struct x86_cpu *c = e->cpu;
	unsigned int cpl = x86_cpl(c), dpl = x86_desc_dpl(g), size;
	bool lng = x86_long_mode(c), conforming;
	struct far_target t;
	u16 ar;
	int r;

	if (dpl < cpl || dpl < (g->selector & 3u))
		return x86_fault_sel(e, X86_EXC_GP, g->selector);
	if (!x86_desc_p(g))
		return x86_fault_sel(e, X86_EXC_NP, g->selector);
	size = lng ? 8 : x86_desc_type(g) == X86_SYS_CALL32 ? 4 : 2;
	r = lng ? x86_read_desc_hi(e, X86_EXC_GP, g) : X86_EMU_OK;
	if (r != X86_EMU_OK)
		return r;
	if (x86_sel_null(g->lo >> 16))
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_read_desc(e, g->lo >> 16, X86_EXC_GP, &t.d);
	if (r != X86_EMU_OK)
		return r;
	dpl = x86_desc_dpl(&t.d);
	ar = x86_desc_ar(&t.d);
	conforming = x86_desc_type(&t.d) & 4;
	if (!x86_desc_code(&t.d) || dpl > cpl || (!call && !conforming && dpl != cpl) ||
	    (lng && (ar & (X86_AR_L | X86_AR_DB)) != X86_AR_L))
		return x86_fault_sel(e, X86_EXC_GP, t.d.selector);
	if (!x86_desc_p(&t.d))
		return x86_fault_sel(e, X86_EXC_NP, t.d.selector);
	t.rip = (g->lo & 0xffff) | ((g->lo >> 32) & 0xffff0000) | g->hi << 32;
	t.rip &= size_mask(size);
	if (call && !conforming && dpl < cpl)
		return gate_inner(e, &t, size, lng ? 0 : (g->lo >> 32) & 31);
	r = far_target_set(e, &t, cpl, t.rip);
	return r != X86_EMU_OK ? r : far_same_level(e, &t, call, size);
}

static int far_task(struct x86_emu *e, const struct x86_desc *d, bool call)
{
	unsigned int dpl = x86_desc_dpl(d);
	enum x86_task_why why = call ? X86_TASK_CALL : X86_TASK_JMP;
	u16 sel = d->selector;

	if (x86_long_mode(e->cpu) || dpl < x86_cpl(e->cpu) || dpl < (sel & 3u))
		return x86_fault_sel(e, X86_EXC_GP, sel);
	if (x86_desc_type(d) == X86_SYS_TASK) {
		if (!x86_desc_p(d))
			return x86_fault_sel(e, X86_EXC_NP, sel);
		sel = d->lo >> 16;
	}
	return x86_task_switch(e, sel, why, x86_next_rip(e), false, 0);
}

static int far_transfer(struct x86_emu *e, bool call)
{
	struct x86_desc d;
	u64 off;
	u16 sel;
	int r = far_pointer(e, &sel, &off);

	if (r != X86_EMU_OK)
		return r;
	if (x86_real_segments(e->cpu))
		return far_real(e, sel, off, call);
	if (x86_sel_null(sel))
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_read_desc(e, sel, X86_EXC_GP, &d);
	if (r != X86_EMU_OK)
		return r;
	if (x86_desc_code(&d))
		return far_direct(e, &d, off, call);
	if (x86_desc_s(&d))
		return x86_fault_sel(e, X86_EXC_GP, sel);
	switch (x86_desc_type(&d)) {
	case X86_SYS_CALL16:
		if (x86_long_mode(e->cpu))
			break;
		return far_gate(e, &d, call);
	case X86_SYS_CALL32:
		return far_gate(e, &d, call);
	case X86_SYS_TASK:
	case X86_SYS_TSS16:
	case X86_SYS_TSS32:
		return far_task(e, &d, call);
	}
	return x86_fault_sel(e, X86_EXC_GP, sel);
}

int x86_exec_jmp_far(struct x86_emu *e)
{
	return far_transfer(e, false);
}

int x86_exec_call_far(struct x86_emu *e)
{
	return far_transfer(e, true);
}

/* The code segment that ret and iret go back to; its RPL is the new level. */
int x86_return_cs(struct x86_emu *e, u16 sel, u64 rip, struct x86_desc *d, struct x86_segment *cs)
{
	unsigned int rpl = sel & 3, dpl;
	int r;

	if (x86_sel_null(sel))
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_read_desc(e, sel, X86_EXC_GP, d);
	if (r != X86_EMU_OK)
		return r;
	dpl = x86_desc_dpl(d);
	if (!x86_desc_code(d) || rpl < x86_cpl(e->cpu) ||
	    (x86_desc_type(d) & 4 ? dpl > rpl : dpl != rpl))
		return x86_fault_sel(e, X86_EXC_GP, sel);
	r = code_desc_ok(e, d);
	if (r != X86_EMU_OK)
		return r;
	x86_desc_to_seg(d, sel, cs);
	return x86_check_target(e, cs, rip);
}

/* The stack segment of that return: null is good for 64-bit code below level 3. */
int x86_return_ss(struct x86_emu *e, u16 sel, const struct x86_segment *cs, struct x86_desc *d,
		  struct x86_segment *ss)
{
	unsigned int rpl = cs->selector & 3;

	if (x86_sel_null(sel) && x86_seg_64(e->cpu, cs) && rpl != 3 && (sel & 3) == rpl) {
		d->lin = 0;
		x86_null_segment(sel, rpl, ss);
		return X86_EMU_OK;
	}
	return x86_check_ss(e, sel, rpl, X86_EXC_GP, d, ss);
}

static int ret_real(struct x86_emu *e, u64 sp, u64 rip, u16 sel)
{
	struct x86_segment cs;

	if (x86_v86(e->cpu))
		x86_v86_segment(sel, &cs);
	else
		x86_real_segment(e->cpu, X86_CS, sel, &cs);
	if (rip > cs.limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	x86_sp_commit(e, sp);
	far_commit(e, &cs, rip);
	return X86_EMU_OK;
}

int x86_exec_ret_far(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	unsigned int size = e->insn.opsize, cpl = x86_cpl(c);
	u64 sp = c->gpr[X86_RSP], rip, sel, newsp = 0, sssel, m = size_mask(x86_stack_size(c));
	u64 imm = e->insn.info->imm ? e->insn.imm & 0xffff : 0;
	struct x86_desc csd, ssd = { .lin = 0 };
	struct x86_segment cs, ss;
	bool outer;
	int r = x86_sp_pop(e, &sp, size, &rip);

	if (r == X86_EMU_OK)
		r = x86_sp_pop(e, &sp, size, &sel);
	if (r != X86_EMU_OK)
		return r;
	sp = (sp + imm) & m;
	if (x86_real_segments(c))
		return ret_real(e, sp, rip, sel);
	r = x86_return_cs(e, sel, rip, &csd, &cs);
	if (r != X86_EMU_OK)
		return r;
	outer = (sel & 3) > cpl;
	if (outer) {
		r = x86_sp_pop(e, &sp, size, &newsp);
		if (r == X86_EMU_OK)
			r = x86_sp_pop(e, &sp, size, &sssel);
		if (r == X86_EMU_OK)
			r = x86_return_ss(e, sssel, &cs, &ssd, &ss);
	}
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &ssd);
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &csd);
	if (r != X86_EMU_OK)
		return r;
	if (!outer) {
		x86_sp_commit(e, sp);
		far_commit(e, &cs, rip);
		return X86_EMU_OK;
	}
	x86_set_seg(e, X86_SS, &ss);
	far_commit(e, &cs, rip);
	gpr_set(c, X86_RSP, x86_stack_size(c), newsp + imm);
	x86_null_unreachable(e, sel & 3);
	return X86_EMU_OK;
}
