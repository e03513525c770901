/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Exceptions and interrupts on their way into the guest: the IVT of real mode,
 * and the gates of protected and long mode. A delivery that faults has changed
 * nothing; x86_deliver turns that fault into the next event: itself, a double
 * fault, or a shutdown. APM vol. 2, 8; SDM vol. 3, 6.
 */
#include "x86/emulate/exec.h"

struct delivery {
	enum x86_event_kind kind;
	const struct x86_exception *ev;
	u64 rip;		/* to be pushed */
	u64 flags;		/* to be pushed */
	struct x86_desc gate, code;
	struct x86_segment cs;
	u64 target;
};

static inline bool is_soft(const struct delivery *d)
{
	return d->kind == X86_EV_SOFT;
}

/* Error codes of the IDT's own faults: the vector, the IDT bit; EXT is x86_deliver's. */
static int idt_fault(struct x86_emu *e, u8 vector, u8 n)
{
	return x86_fault_err(e, vector, n * 8 + 2);
}

/* Faults push RF, so that the instruction's own breakpoint does not fire again (SDM vol. 3, 17.3.1.1). */
static u64 pushed_flags(const struct x86_cpu *c, enum x86_event_kind kind, u8 vector)
{
	u64 f = c->rflags;

	if (kind == X86_EV_SOFT || kind == X86_EV_INT1)
		return f & ~(u64)X86_RF;
	if (kind == X86_EV_EXCEPTION && vector != X86_EXC_DB && vector != X86_EXC_BP &&
	    vector != X86_EXC_OF && vector != X86_EXC_DF && vector != X86_EXC_MC)
		f |= X86_RF;
	return f;
}

static void deliver_end(struct x86_emu *e, const struct delivery *d)
{
	struct x86_cpu *c = e->cpu;

	c->interrupt_shadow = 0;
	if (d->kind == X86_EV_NMI)
		c->nmi_masked = true;
}

/* The real-mode way; also taken from virtual-8086 mode by VME (@virtual_if: IOPL < 3). */
static int deliver_real(struct x86_emu *e, const struct delivery *d, u64 table, bool virtual_if)
{
	struct x86_cpu *c = e->cpu;
	u64 entry, sp = c->gpr[X86_RSP], f = d->flags, clear = X86_TF | X86_RF | X86_AC;
	struct x86_segment cs;
	int r = x86_sys_read(e, table + d->ev->vector * 4, 4, &entry);

	if (r != X86_EMU_OK)
		return r;
	if (x86_v86(c))
		x86_v86_segment(entry >> 16, &cs);
	else
		x86_real_segment(c, X86_CS, entry >> 16, &cs);
	if ((entry & 0xffff) > cs.limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (virtual_if) {
		f = (f & ~(u64)X86_IF) | (f & X86_VIF ? X86_IF : 0) | X86_IOPL;
		clear = X86_TF | X86_RF | X86_VIF;
	} else {
		clear |= X86_IF;
	}
	r = x86_sp_probe_push(e, sp, 3, 2);
	if (r == X86_EMU_OK)
		r = x86_sp_push(e, &sp, 2, f);
	if (r == X86_EMU_OK)
		r = x86_sp_push(e, &sp, 2, c->seg[X86_CS].selector);
	if (r == X86_EMU_OK)
		r = x86_sp_push(e, &sp, 2, d->rip);
	if (r != X86_EMU_OK)
		return r;
	x86_sp_commit(e, sp);
	c->rflags &= ~clear;
	x86_set_seg(e, X86_CS, &cs);
	c->rip = entry & 0xffff;
	deliver_end(e, d);
	return X86_EMU_OK;
}

/* The gate: present, of a type for this mode, open to software at this level. */
static int read_gate(struct x86_emu *e, struct delivery *d)
{
	const struct x86_cpu *c = e->cpu;
	bool lng = x86_long_mode(c);
	u8 n = d->ev->vector;
	unsigned int size = lng ? 16 : 8, type;
	u64 lin = c->idtr.base + n * size, gate[2] = { 0, 0 };
	int r;

	if (n * size + size - 1 > c->idtr.limit)
		return idt_fault(e, X86_EXC_GP, n);
	if (!lng)
		lin = (u32)lin;
	r = e->ops->read(e, lin, gate, size, X86_ACC_SUPER);
	if (r != X86_EMU_OK)
		return r;
	d->gate.lo = gate[0];
	d->gate.hi = gate[1];
	type = x86_desc_type(&d->gate);
	if (x86_desc_s(&d->gate) ||
	    !(BIT(type) & (lng ? BIT(X86_SYS_INT32) | BIT(X86_SYS_TRAP32) :
			   BIT(X86_SYS_TASK) | BIT(X86_SYS_INT16) | BIT(X86_SYS_TRAP16) |
			   BIT(X86_SYS_INT32) | BIT(X86_SYS_TRAP32))))
		return idt_fault(e, X86_EXC_GP, n);
	if (is_soft(d) && x86_desc_dpl(&d->gate) < x86_cpl(c))
		return idt_fault(e, X86_EXC_GP, n);
	return x86_desc_p(&d->gate) ? X86_EMU_OK : idt_fault(e, X86_EXC_NP, n);
}

/* The handler's code segment; *@cpl is the level it runs at. */
static int read_handler(struct x86_emu *e, struct delivery *d, unsigned int *cpl)
{
	struct x86_cpu *c = e->cpu;
	unsigned int dpl, old = x86_cpl(c);
	u16 sel = d->gate.lo >> 16, ar;
	int r;

	if (x86_sel_null(sel))
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_read_desc(e, sel, X86_EXC_GP, &d->code);
	if (r != X86_EMU_OK)
		return r;
	dpl = x86_desc_dpl(&d->code);
	ar = x86_desc_ar(&d->code);
	if (!x86_desc_code(&d->code) || dpl > old ||
	    (x86_long_mode(c) && (ar & (X86_AR_L | X86_AR_DB)) != X86_AR_L))
		return x86_fault_sel(e, X86_EXC_GP, sel);
	if (!x86_desc_p(&d->code))
		return x86_fault_sel(e, X86_EXC_NP, sel);
	*cpl = ar & X86_AR_E ? old : dpl;
	if (x86_v86(c) && *cpl != 0)
		return x86_fault_sel(e, X86_EXC_GP, sel);
	x86_desc_to_seg(&d->code, (sel & ~3) | *cpl, &d->cs);
	d->target = (d->gate.lo & 0xffff) | ((d->gate.lo >> 32) & 0xffff0000) | d->gate.hi << 32;
	if (!(x86_desc_type(&d->gate) & 8))
		d->target &= 0xffff;
	return x86_check_target(e, &d->cs, d->target);
}

static void enter_handler(struct x86_emu *e, const struct delivery *d)
{
	struct x86_cpu *c = e->cpu;
	u64 clear = X86_TF | X86_NT | X86_VM | X86_RF;

	if (!(x86_desc_type(&d->gate) & 1))
		clear |= X86_IF;
	x86_set_seg(e, X86_CS, &d->cs);
	if (c->rflags & X86_VM)
		x86_changed(e);
	c->rflags &= ~clear;
	c->rip = d->target;
	deliver_end(e, d);
}

static inline bool has_error(const struct delivery *d)
{
	return d->kind == X86_EV_EXCEPTION && d->ev->has_error;
}

/* Long mode: RSP by level or IST, aligned; SS:RSP always on the frame (APM vol. 2, 8.9). */
static int deliver_long(struct x86_emu *e, struct delivery *d)
{
	struct x86_cpu *c = e->cpu;
	unsigned int cpl, old = x86_cpl(c), ist = (d->gate.lo >> 32) & 7, n = 0;
	u64 vals[6], sp = c->gpr[X86_RSP];
	struct x86_segment ss;
	int r = read_handler(e, d, &cpl);

	if (r != X86_EMU_OK)
		return r;
	if (ist)
		r = x86_tss64_stack(e, 3 + ist, &sp);
	else if (cpl < old)
		r = x86_tss64_stack(e, cpl, &sp);
	if (r != X86_EMU_OK)
		return r;
	sp &= ~15ull;
	vals[n++] = c->seg[X86_SS].selector;
	vals[n++] = c->gpr[X86_RSP];
	vals[n++] = d->flags;
	vals[n++] = c->seg[X86_CS].selector;
	vals[n++] = d->rip;
	if (has_error(d))
		vals[n++] = d->ev->error;
	r = x86_desc_set_accessed(e, &d->code);
	if (r == X86_EMU_OK)
		r = x86_push_frame(e, NULL, &sp, 8, vals, n, cpl < old ? X86_ACC_SUPER : 0, 0);
	if (r != X86_EMU_OK)
		return r;
	if (cpl < old) {
		x86_null_segment(cpl, cpl, &ss);
		x86_set_seg(e, X86_SS, &ss);
	}
	c->gpr[X86_RSP] = sp;
	enter_handler(e, d);
	return X86_EMU_OK;
}

/* Legacy protected mode, to the same level or to an inner one, perhaps out of virtual-8086 mode. */
static int deliver_gate(struct x86_emu *e, struct delivery *d)
{
	static const u8 v86_order[] = { X86_GS, X86_FS, X86_DS, X86_ES };
	struct x86_cpu *c = e->cpu;
	unsigned int cpl, old = x86_cpl(c), n = 0, k, size = x86_desc_type(&d->gate) & 8 ? 4 : 2;
	struct x86_segment ss = c->seg[X86_SS], null;
	struct x86_desc ssd = { .lin = 0 };
	u64 vals[10], sp = c->gpr[X86_RSP];
	bool inner, v86 = x86_v86(c);
	u16 sel = 0;
	int r = read_handler(e, d, &cpl);

	if (r != X86_EMU_OK)
		return r;
	inner = cpl < old;
	if (inner) {
		r = x86_tss_stack(e, cpl, &sel, &sp);
		if (r == X86_EMU_OK)
			r = x86_check_ss(e, sel, cpl, X86_EXC_TS, &ssd, &ss);
		if (r != X86_EMU_OK)
			return r;
	}
	for (k = 0; v86 && k < ARRAY_SIZE(v86_order); k++)
		vals[n++] = c->seg[v86_order[k]].selector;
	if (inner) {
		vals[n++] = c->seg[X86_SS].selector;
		vals[n++] = c->gpr[X86_RSP];
	}
	vals[n++] = d->flags;
	vals[n++] = c->seg[X86_CS].selector;
	vals[n++] = d->rip;
	if (has_error(d))
		vals[n++] = d->ev->error;
	r = x86_desc_set_accessed(e, &ssd);
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &d->code);
	if (r == X86_EMU_OK)
		r = x86_push_frame(e, &ss, &sp, size, vals, n, inner ? X86_ACC_SUPER : 0, sel);
	if (r != X86_EMU_OK)
		return r;
	gpr_set(c, X86_RSP, ss.ar & X86_AR_DB ? 4 : 2, sp);
	x86_set_seg(e, X86_SS, &ss);
	enter_handler(e, d);
	for (k = 0; v86 && k < ARRAY_SIZE(v86_order); k++) {
		x86_null_segment(0, 0, &null);
		x86_set_seg(e, v86_order[k], &null);
	}
	return X86_EMU_OK;
}

int x86_deliver_once(struct x86_emu *e, enum x86_event_kind kind, const struct x86_exception *ev,
		     u64 ret_rip)
{
	struct x86_cpu *c = e->cpu;
	struct delivery d = { .kind = kind, .ev = ev, .rip = ret_rip,
			      .flags = pushed_flags(c, kind, ev->vector) };
	int r;

	if (!x86_protected(c)) {
		if (ev->vector * 4u + 3 > c->idtr.limit)
			return idt_fault(e, X86_EXC_GP, ev->vector);
		return deliver_real(e, &d, c->idtr.base, false);
	}
	r = read_gate(e, &d);
	if (r != X86_EMU_OK)
		return r;
	if (x86_long_mode(c))
		return deliver_long(e, &d);
	if (x86_desc_type(&d.gate) != X86_SYS_TASK)
		return deliver_gate(e, &d);
	c->rflags = d.flags;	/* a task gate saves them in the TSS, RF included */
	r = x86_task_switch(e, d.gate.lo >> 16, X86_TASK_INT, ret_rip, has_error(&d), ev->error);
	if (r == X86_EMU_OK)
		deliver_end(e, &d);
	return r;
}

static bool contributory(u8 vector)
{
	return vector == X86_EXC_DE || (vector >= X86_EXC_TS && vector <= X86_EXC_GP);
}

/* Does @second, met while @first was being delivered, make a double fault? (APM vol. 2, table 8-4) */
static bool double_fault(u8 first, u8 second)
{
	if (first == X86_EXC_PF)
		return second == X86_EXC_PF || contributory(second);
	return contributory(first) && contributory(second);
}

int x86_deliver(struct x86_emu *e, enum x86_event_kind kind, const struct x86_exception *ev)
{
	struct x86_cpu *c = e->cpu;
	struct x86_exception now = *ev;
	int r;

	/* Each turn is worse than the one before; #DF's own fault ends it. */
	for (;;) {
		u64 flags = c->rflags;

		if (kind == X86_EV_EXCEPTION && now.vector == X86_EXC_PF)
			c->cr2 = now.cr2;
		if (kind == X86_EV_EXCEPTION && now.vector == X86_EXC_DB) {
			c->dr[6] |= now.cr2;
			c->dr[7] &= ~(u64)BIT(13);	/* GD */
		}
		e->event_error = kind != X86_EV_SOFT;
		r = x86_deliver_once(e, kind, &now, c->rip);
		if (r != X86_EMU_OK && r != X86_EMU_FAULT)
			c->rflags = flags;
		if (r != X86_EMU_FAULT)
			return r;
		if (e->exc.vector == X86_EXC_PF)	/* even when it ends in #DF */
			c->cr2 = e->exc.cr2;
		if (kind == X86_EV_EXCEPTION && now.vector == X86_EXC_DF)
			return X86_EMU_SHUTDOWN;
		if (contributory(e->exc.vector) && e->exc.vector != X86_EXC_DE)
			e->exc.error |= e->event_error;
		if (kind == X86_EV_EXCEPTION && double_fault(now.vector, e->exc.vector))
			now = (struct x86_exception){ .vector = X86_EXC_DF, .has_error = true };
		else
			now = e->exc;
		kind = X86_EV_EXCEPTION;
	}
}

/*
 * INT n and its kin as instructions: a fault on the way is the instruction's
 * own and finds rip on it.
 */
static int soft_interrupt(struct x86_emu *e, enum x86_event_kind kind, u8 vector)
{
	struct x86_exception ev = { .vector = vector };
	u64 flags = e->cpu->rflags;
	int r = x86_deliver_once(e, kind, &ev, x86_next_rip(e));

	if (r == X86_EMU_OK) {
		e->branched = true;
		e->keep_rf = true;
		e->stepped = true;	/* TF is cleared on the way */
	} else if (r != X86_EMU_FAULT || !e->branched) {
		e->cpu->rflags = flags;
	}
	return r;
}

int x86_exec_int(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u8 vector = e->insn.imm;
	struct x86_exception ev = { .vector = vector };
	struct delivery d = { .kind = X86_EV_SOFT, .ev = &ev, .rip = x86_next_rip(e) };
	bool redirect, virtual_if;
	int r;

	if (likely(!x86_protected(c) || !x86_v86(c)))
		return soft_interrupt(e, X86_EV_SOFT, vector);
	virtual_if = x86_iopl(c) < 3;
	r = x86_vme_redirect(e, vector, &redirect);
	if (r != X86_EMU_OK)
		return r;
	if (redirect) {
		d.flags = c->rflags;
		r = deliver_real(e, &d, 0, virtual_if);
		if (r == X86_EMU_OK)
			e->branched = e->stepped = true;
		return r;
	}
	if (virtual_if)
		return x86_fault_err(e, X86_EXC_GP, 0);
	return soft_interrupt(e, X86_EV_SOFT, vector);
}

int x86_exec_int3(struct x86_emu *e)
{
	return soft_interrupt(e, X86_EV_SOFT, X86_EXC_BP);
}

int x86_exec_into(struct x86_emu *e)
{
	if (!(e->cpu->rflags & X86_OF))
		return X86_EMU_OK;
	return soft_interrupt(e, X86_EV_SOFT, X86_EXC_OF);
}

int x86_exec_int1(struct x86_emu *e)
{
	return soft_interrupt(e, X86_EV_INT1, X86_EXC_DB);
}
