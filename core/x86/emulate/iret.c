/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * IRET, from every mode to every mode: real, virtual-8086, nested task, to
 * virtual-8086, same level, outer level, 64-bit. SDM vol. 2, IRET.
 */
#include "x86/emulate/exec.h"

#define IRET_MAX 9	/* words of the frame that returns to virtual-8086 mode */

static int iret_end(struct x86_emu *e, bool rf)
{
	e->keep_rf = rf;
	if (e->ops->iret_done)
		e->ops->iret_done(e);
	e->cpu->nmi_masked = false;
	return X86_EMU_OK;
}

/* Pop @n words, in one read unless a 16-bit stack wraps between two of them. */
static int pop_words(struct x86_emu *e, u64 *sp, u64 *w, unsigned int n)
{
	unsigned int size = e->insn.opsize, k;
	u64 m = size_mask(x86_stack_size(e->cpu)), s = *sp & m, lin;
	u8 frame[IRET_MAX * 8];
	int r = X86_EMU_OK;

	if (unlikely(n * size - 1 > m - s)) {
		for (k = 0; k < n && r == X86_EMU_OK; k++)
			r = x86_sp_pop(e, sp, size, &w[k]);
		return r;
	}
	r = x86_linearize(e, X86_SS, s, n * size, 0, &lin);
	if (r == X86_EMU_OK)
		r = e->ops->read(e, lin, frame, n * size, 0);
	if (r != X86_EMU_OK)
		return r;
	for (k = 0; k < n; k++) {
		w[k] = 0;
		memcpy(&w[k], frame + k * size, size);
	}
	*sp = (s + n * size) & m;
	return X86_EMU_OK;
}

/* Flags that a popped image may change at this level (@cpl, before the return). */
static u64 iret_flags_mask(const struct x86_cpu *c, unsigned int size, unsigned int cpl)
{
	u64 m = X86_FLAGS_USER | X86_RF;

	if (cpl <= x86_iopl(c))
		m |= X86_IF;
	if (cpl == 0)
		m |= X86_IOPL | X86_VIF | X86_VIP;
	return m & size_mask(size);
}

static int iret_real(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 sp = c->gpr[X86_RSP], w[3];
	struct x86_segment cs;
	int r = pop_words(e, &sp, w, 3);

	if (r != X86_EMU_OK)
		return r;
	x86_real_segment(c, X86_CS, w[1], &cs);
	if (w[0] > cs.limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	x86_set_seg(e, X86_CS, &cs);
	x86_set_rip(e, w[0]);
	x86_sp_commit(e, sp);
	flags_set(e, iret_flags_mask(c, e->insn.opsize, 0) & ~(u64)(X86_VIF | X86_VIP), w[2]);
	return iret_end(e, e->insn.opsize > 2);
}

static int iret_v86(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	bool virtual_if = x86_iopl(c) < 3;
	u64 sp = c->gpr[X86_RSP], w[3], mask = X86_FLAGS_USER | X86_RF;
	struct x86_segment cs;
	int r;

	if (virtual_if && (!(c->cr4 & X86_CR4_VME) || e->insn.opsize != 2))
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = pop_words(e, &sp, w, 3);
	if (r != X86_EMU_OK)
		return r;
	x86_v86_segment(w[1], &cs);
	if (w[0] > cs.limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (virtual_if) {
		if ((w[2] & X86_TF) || ((w[2] & X86_IF) && (c->rflags & X86_VIP)))
			return x86_fault_err(e, X86_EXC_GP, 0);
		flags_set(e, X86_VIF, w[2] & X86_IF ? X86_VIF : 0);
	} else {
		mask |= X86_IF;
	}
	x86_set_seg(e, X86_CS, &cs);
	x86_set_rip(e, w[0]);
	x86_sp_commit(e, sp);
	flags_set(e, mask & size_mask(e->insn.opsize), w[2]);
	return iret_end(e, e->insn.opsize > 2);
}

/* w: EIP CS EFLAGS ESP SS ES DS FS GS */
static int iret_to_v86(struct x86_emu *e, u64 sp, u64 *w)
{
	static const u8 order[] = { X86_SS, X86_ES, X86_DS, X86_FS, X86_GS };
	struct x86_cpu *c = e->cpu;
	struct x86_segment s;
	unsigned int n;
	int r = pop_words(e, &sp, w + 3, 6);

	if (r != X86_EMU_OK)
		return r;
	if ((u32)w[0] > 0xffff)
		return x86_fault_err(e, X86_EXC_GP, 0);
	c->rflags = (w[2] & (X86_FLAGS_USER | X86_IF | X86_IOPL | X86_RF | X86_VIF | X86_VIP)) |
		    X86_VM | BIT(1);
	x86_v86_segment(w[1], &s);
	x86_set_seg(e, X86_CS, &s);
	for (n = 0; n < ARRAY_SIZE(order); n++) {
		x86_v86_segment(w[4 + n], &s);
		x86_set_seg(e, order[n], &s);
	}
	x86_set_rip(e, w[0] & 0xffff);
	c->gpr[X86_RSP] = (u32)w[3];
	x86_changed(e);
	return iret_end(e, true);
}

static int iret_task(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 link;
	int r;

	if (x86_long_mode(c))
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_sys_read(e, c->seg[X86_TR].base, 2, &link);
	if (r == X86_EMU_OK)
		r = x86_task_switch(e, link, X86_TASK_IRET, x86_next_rip(e), false, 0);
	return r == X86_EMU_OK ? iret_end(e, true) : r;
}

static int iret_protected(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	unsigned int size = e->insn.opsize, cpl = x86_cpl(c), rpl;
	u64 sp = c->gpr[X86_RSP], w[IRET_MAX], mask;
	struct x86_desc csd, ssd = { .lin = 0 };
	struct x86_segment cs, ss;
	bool pops_ss = x86_64bit(c);
	int r = pop_words(e, &sp, w, pops_ss ? 5 : 3);

	if (r != X86_EMU_OK)
		return r;
	if (size == 4 && (w[2] & X86_VM) && cpl == 0 && !x86_long_mode(c))
		return iret_to_v86(e, sp, w);
	r = x86_return_cs(e, w[1], w[0], &csd, &cs);
	if (r != X86_EMU_OK)
		return r;
	rpl = w[1] & 3;
	if (rpl > cpl && !pops_ss) {
		pops_ss = true;
		r = pop_words(e, &sp, w + 3, 2);
	}
	if (pops_ss && r == X86_EMU_OK)
		r = x86_return_ss(e, w[4], &cs, &ssd, &ss);
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &ssd);
	if (r == X86_EMU_OK)
		r = x86_desc_set_accessed(e, &csd);
	if (r != X86_EMU_OK)
		return r;

	mask = iret_flags_mask(c, size, cpl);
	if (pops_ss) {
		x86_set_seg(e, X86_SS, &ss);
		x86_set_seg(e, X86_CS, &cs);
		gpr_set(c, X86_RSP, x86_stack_size(c), w[3]);
	} else {
		x86_sp_commit(e, sp);
		x86_set_seg(e, X86_CS, &cs);
	}
	x86_set_rip(e, w[0]);
	flags_set(e, mask, w[2]);
	if (rpl > cpl)
		x86_null_unreachable(e, rpl);
	return iret_end(e, size > 2);
}

int x86_exec_iret(struct x86_emu *e)
{
	if (!x86_protected(e->cpu))
		return iret_real(e);
	if (x86_v86(e->cpu))
		return iret_v86(e);
	if (unlikely(e->cpu->rflags & X86_NT))
		return iret_task(e);
	return iret_protected(e);
}
