/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The task state segment: hardware task switches, the stacks of inner levels,
 * and the I/O permission bitmap. APM vol. 2, 12; SDM vol. 3, 7; SDM vol. 1, 19.
 */
#include "x86/emulate/exec.h"

/* Where things stand in a TSS; -1: not there. */
struct tss_layout {
	u8 size;		/* of a register's slot */
	u8 bytes;		/* of the whole */
	u8 save_from, save_to;	/* what a switch writes to the old TSS */
	s8 cr3, ip, flags, gpr, seg, ldt, trap;
	u8 nseg;
};

static const struct tss_layout tss16 = {
	.size = 2, .bytes = 0x2c, .save_from = 0x0e, .save_to = 0x2a, .cr3 = -1, .ip = 0x0e,
	.flags = 0x10, .gpr = 0x12, .seg = 0x22, .ldt = 0x2a, .trap = -1, .nseg = 4,
};

static const struct tss_layout tss32 = {
	.size = 4, .bytes = 0x68, .save_from = 0x20, .save_to = 0x60, .cr3 = 0x1c, .ip = 0x20,
	.flags = 0x24, .gpr = 0x28, .seg = 0x48, .ldt = 0x60, .trap = 0x64, .nseg = 6,
};

static const struct tss_layout *tss_layout(u16 type)
{
	return type & 8 ? &tss32 : &tss16;
}

static u64 tss_lin(const struct x86_cpu *c, unsigned int off)
{
	u64 lin = c->seg[X86_TR].base + off;

	return x86_long_mode(c) ? lin : (u32)lin;
}

int x86_tss_stack(struct x86_emu *e, unsigned int cpl, u16 *ss, u64 *sp)
{
	const struct x86_segment *tr = &e->cpu->seg[X86_TR];
	unsigned int size = tr->ar & 8 ? 4 : 2, off = size * (1 + 2 * cpl);
	u64 v;
	int r;

	if (!(tr->ar & X86_AR_P) || off + size + 1 > tr->limit)
		return x86_fault_sel(e, X86_EXC_TS, tr->selector);
	r = x86_sys_read(e, tss_lin(e->cpu, off), size, sp);
	if (r == X86_EMU_OK)
		r = x86_sys_read(e, tss_lin(e->cpu, off + size), 2, &v);
	if (r == X86_EMU_OK)
		*ss = v;
	return r;
}

int x86_tss64_stack(struct x86_emu *e, unsigned int n, u64 *sp)
{
	const struct x86_segment *tr = &e->cpu->seg[X86_TR];
	unsigned int off = 4 + 8 * n;

	if (!(tr->ar & X86_AR_P) || off + 7 > tr->limit)
		return x86_fault_sel(e, X86_EXC_TS, tr->selector);
	return x86_sys_read(e, tss_lin(e->cpu, off), 8, sp);
}

int x86_check_io(struct x86_emu *e, u16 port, unsigned int size)
{
	const struct x86_cpu *c = e->cpu;
	const struct x86_segment *tr = &c->seg[X86_TR];
	u64 map, bits;
	int r;

	if (!x86_protected(c) || (!x86_v86(c) && x86_cpl(c) <= x86_iopl(c)))
		return X86_EMU_OK;
	if (!(tr->ar & X86_AR_P) || !(tr->ar & 8) || tr->limit < 0x67)
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_sys_read(e, tss_lin(c, 0x66), 2, &map);
	if (r != X86_EMU_OK)
		return r;
	map += port >> 3;
	if (map + 1 > tr->limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_sys_read(e, tss_lin(c, map), 2, &bits);
	if (r != X86_EMU_OK)
		return r;
	if ((bits >> (port & 7)) & ((1u << size) - 1))
		return x86_fault_err(e, X86_EXC_GP, 0);
	return X86_EMU_OK;
}

/* The 32 bytes below the I/O bitmap: a clear bit sends INT n to the program's own table. */
int x86_vme_redirect(struct x86_emu *e, unsigned int n, bool *redirect)
{
	const struct x86_cpu *c = e->cpu;
	u64 map, bits;
	int r;

	*redirect = false;
	if (!(c->cr4 & X86_CR4_VME))
		return X86_EMU_OK;
	r = x86_sys_read(e, tss_lin(c, 0x66), 2, &map);
	if (r != X86_EMU_OK)
		return r;
	map = map - 32 + (n >> 3);
	if (map > c->seg[X86_TR].limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_sys_read(e, tss_lin(c, map), 1, &bits);
	if (r == X86_EMU_OK)
		*redirect = !((bits >> (n & 7)) & 1);
	return r;
}

static int tss_get(struct x86_emu *e, u64 base, unsigned int off, unsigned int size, u64 *v)
{
	return x86_sys_read(e, (u32)(base + off), size, v);
}

static int tss_put(struct x86_emu *e, u64 base, unsigned int off, unsigned int size, u64 v)
{
	return x86_sys_write(e, (u32)(base + off), size, v);
}

/* What a task is, in a TSS's order. */
struct task {
	u64 cr3, ip, flags, gpr[8], seg[6], ldt, trap;
};

static int task_read(struct x86_emu *e, const struct tss_layout *l, u64 base, struct task *t)
{
	unsigned int n;
	int r;

	*t = (struct task){ 0 };
	r = tss_get(e, base, l->ip, l->size, &t->ip);
	if (r == X86_EMU_OK)
		r = tss_get(e, base, l->flags, l->size, &t->flags);
	for (n = 0; n < 8 && r == X86_EMU_OK; n++)
		r = tss_get(e, base, l->gpr + n * l->size, l->size, &t->gpr[n]);
	for (n = 0; n < l->nseg && r == X86_EMU_OK; n++)
		r = tss_get(e, base, l->seg + n * l->size, 2, &t->seg[n]);
	if (r == X86_EMU_OK)
		r = tss_get(e, base, l->ldt, 2, &t->ldt);
	if (r == X86_EMU_OK && l->cr3 >= 0)
		r = tss_get(e, base, l->cr3, 4, &t->cr3);
	if (r == X86_EMU_OK && l->trap >= 0)
		r = tss_get(e, base, l->trap, 2, &t->trap);
	return r;
}

static int task_save(struct x86_emu *e, u64 rip, u64 flags)
{
	const struct x86_cpu *c = e->cpu;
	const struct tss_layout *l = tss_layout(c->seg[X86_TR].ar);
	u64 base = c->seg[X86_TR].base;
	unsigned int n;
	int r = tss_put(e, base, l->ip, l->size, rip);

	if (r == X86_EMU_OK)
		r = tss_put(e, base, l->flags, l->size, flags);
	for (n = 0; n < 8 && r == X86_EMU_OK; n++)
		r = tss_put(e, base, l->gpr + n * l->size, l->size, c->gpr[n]);
	for (n = 0; n < l->nseg && r == X86_EMU_OK; n++)
		r = tss_put(e, base, l->seg + n * l->size, 2, c->seg[n].selector);
	return r;
}

/* Selectors are in place before their descriptors are read: a fault finds the new task's. */
static void task_load_plain(struct x86_emu *e, const struct tss_layout *l, const struct task *t,
			    u64 flags)
{
	struct x86_cpu *c = e->cpu;
	struct x86_segment s;
	unsigned int n, cpl = flags & X86_VM ? 3 : t->seg[X86_CS] & 3;

	c->rip = t->ip;
	c->rflags = (flags & (X86_FLAGS_USER | X86_RF | X86_IF | X86_IOPL | X86_VM | X86_VIF |
			      X86_VIP)) | BIT(1);
	for (n = 0; n < 8; n++)
		gpr_set(c, n, 4, l->size == 4 ? t->gpr[n] : t->gpr[n] | 0xffff0000);
	for (n = 0; n < 6; n++) {
		if (flags & X86_VM)
			x86_v86_segment(t->seg[n], &s);
		else
			x86_null_segment(t->seg[n], cpl, &s);
		x86_set_seg(e, n, &s);
	}
	x86_null_segment(t->ldt, 0, &s);
	x86_set_seg(e, X86_LDTR, &s);
	x86_changed(e);
}

static int task_load_cs(struct x86_emu *e, u16 sel)
{
	struct x86_segment s;
	struct x86_desc d;
	unsigned int rpl = sel & 3;
	int r;

	if (x86_sel_null(sel))
		return x86_fault_err(e, X86_EXC_TS, 0);
	r = x86_read_desc(e, sel, X86_EXC_TS, &d);
	if (r != X86_EMU_OK)
		return r;
	if (!x86_desc_code(&d) ||
	    (x86_desc_type(&d) & 4 ? x86_desc_dpl(&d) > rpl : x86_desc_dpl(&d) != rpl))
		return x86_fault_sel(e, X86_EXC_TS, sel);
	if (!x86_desc_p(&d))
		return x86_fault_sel(e, X86_EXC_NP, sel);
	r = x86_desc_set_accessed(e, &d);
	if (r != X86_EMU_OK)
		return r;
	x86_desc_to_seg(&d, sel, &s);
	x86_set_seg(e, X86_CS, &s);
	return X86_EMU_OK;
}

/* The hidden parts; the switch is past its point of no return, so faults are the new task's. */
static int task_load_segments(struct x86_emu *e, const struct task *t)
{
	static const u8 data[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	struct x86_segment s;
	struct x86_desc d;
	unsigned int n;
	int r = x86_check_ldt(e, t->ldt, X86_EXC_TS, &s);

	if (r != X86_EMU_OK)
		return r;
	x86_set_seg(e, X86_LDTR, &s);
	if (x86_v86(e->cpu))
		return X86_EMU_OK;
	r = task_load_cs(e, t->seg[X86_CS]);
	if (r == X86_EMU_OK)
		r = x86_check_ss(e, t->seg[X86_SS], t->seg[X86_CS] & 3, X86_EXC_TS, &d, &s);
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &d);
	if (r != X86_EMU_OK)
		return r;
	x86_set_seg(e, X86_SS, &s);
	for (n = 0; n < ARRAY_SIZE(data); n++) {
		r = x86_check_data(e, t->seg[data[n]], X86_EXC_TS, &d, &s);
		if (r == X86_EMU_OK)
			r = x86_desc_set_accessed(e, &d);
		if (r != X86_EMU_OK)
			return r;
		x86_set_seg(e, data[n], &s);
	}
	return X86_EMU_OK;
}

static int task_tss_desc(struct x86_emu *e, u16 sel, enum x86_task_why why, struct x86_desc *d,
			 struct x86_segment *s)
{
	u8 vec = why == X86_TASK_IRET ? X86_EXC_TS : X86_EXC_GP;
	unsigned int type;
	int r;

	if (x86_sel_null(sel) || (sel & 4))
		return x86_fault_sel(e, vec, sel);
	r = x86_read_desc(e, sel, vec, d);
	if (r != X86_EMU_OK)
		return r;
	type = x86_desc_type(d);
	if (x86_desc_s(d) || (type & 5) != 1 || !(type & 2) != (why != X86_TASK_IRET))
		return x86_fault_sel(e, vec, sel);
	if (!x86_desc_p(d))
		return x86_fault_sel(e, X86_EXC_NP, sel);
	x86_desc_to_seg(d, sel, s);
	s->ar |= 2;
	if (s->limit < tss_layout(s->ar)->bytes - 1u)
		return x86_fault_sel(e, X86_EXC_TS, sel);
	return X86_EMU_OK;
}

/*
 * All that a switch writes before it is the new task that runs: the old TSS,
 * the link, the busy marks. @oldd is read when the old task's mark is to go.
 */
static int task_probe(struct x86_emu *e, const struct x86_segment *new, const struct x86_desc *newd,
		      struct x86_desc *oldd, enum x86_task_why why)
{
	const struct x86_segment *old = &e->cpu->seg[X86_TR];
	const struct tss_layout *l = tss_layout(old->ar);
	const unsigned int acc = X86_ACC_SUPER | X86_ACC_WRITE;
	int r;

	if (!(old->ar & X86_AR_P) || old->limit < l->bytes - 1u)
		return x86_fault_sel(e, X86_EXC_TS, old->selector);
	r = e->ops->probe(e, (u32)(old->base + l->save_from), l->save_to - l->save_from, acc);
	if (r == X86_EMU_OK && why != X86_TASK_IRET)
		r = e->ops->probe(e, newd->lin + 5, 1, acc);
	if (r != X86_EMU_OK)
		return r;
	if (why == X86_TASK_CALL || why == X86_TASK_INT)
		return e->ops->probe(e, (u32)new->base, 2, acc);
	r = x86_read_desc(e, old->selector, X86_EXC_TS, oldd);
	return r != X86_EMU_OK ? r : e->ops->probe(e, oldd->lin + 5, 1, acc);
}

static int task_push_error(struct x86_emu *e, unsigned int size, u32 error)
{
	u64 sp = e->cpu->gpr[X86_RSP];
	int r = x86_sp_push(e, &sp, size, error);

	if (r == X86_EMU_OK)
		x86_sp_commit(e, sp);
	return r;
}

int x86_task_switch(struct x86_emu *e, u16 sel, enum x86_task_why why, u64 ret_rip,
		    bool has_error, u32 error)
{
	struct x86_cpu *c = e->cpu;
	bool nested = why == X86_TASK_CALL || why == X86_TASK_INT;
	u64 flags = c->rflags;
	u16 old_sel = c->seg[X86_TR].selector;
	const struct tss_layout *l;
	struct x86_segment tr;
	struct x86_desc d, oldd;
	struct task t;
	int r = task_tss_desc(e, sel, why, &d, &tr);

	if (r == X86_EMU_OK)
		r = task_probe(e, &tr, &d, &oldd, why);
	if (r != X86_EMU_OK)
		return r;
	l = tss_layout(tr.ar);
	r = task_read(e, l, tr.base, &t);
	if (r != X86_EMU_OK)
		return r;

	if (why == X86_TASK_IRET)
		flags &= ~(u64)X86_NT;
	r = task_save(e, ret_rip, flags);
	if (r == X86_EMU_OK && !nested)
		r = x86_desc_set_busy(e, &oldd, false);
	if (r == X86_EMU_OK && nested)
		r = tss_put(e, tr.base, 0, 2, old_sel);
	if (r == X86_EMU_OK && why != X86_TASK_IRET)
		r = x86_desc_set_busy(e, &d, true);
	if (r != X86_EMU_OK)
		return r;

	/* From here on it is the new task that runs, whatever fails. */
	flags = t.flags | (nested ? X86_NT : 0);
	if (l->size == 2)
		flags &= 0xffff;
	x86_set_seg(e, X86_TR, &tr);
	if (l->cr3 >= 0 && (c->cr0 & X86_CR0_PG) && t.cr3 != c->cr3) {
		r = e->ops->set_cr(e, 3, t.cr3);
		if (r != X86_EMU_OK)
			return r;
	}
	task_load_plain(e, l, &t, flags);
	e->branched = true;
	e->keep_rf = true;
	e->stepped = true;
	c->interrupt_shadow = 0;
	c->dr[7] &= ~0x155ull;		/* local breakpoints and LE */
	r = e->ops->set_cr(e, 0, c->cr0 | X86_CR0_TS);
	if (r == X86_EMU_OK)
		r = task_load_segments(e, &t);
	if (r == X86_EMU_OK && has_error)
		r = task_push_error(e, l->size, error);
	if (r == X86_EMU_OK)
		r = x86_check_rip(e, c->rip);
	if (r == X86_EMU_OK && (t.trap & 1)) {
		e->exc = (struct x86_exception){ .vector = X86_EXC_DB, .cr2 = BIT(15) };
		return X86_EMU_FAULT;
	}
	return r;
}
