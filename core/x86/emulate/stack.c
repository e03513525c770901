/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The stack: push and pop in all forms, frames, and the flags that travel by
 * it. What pushf, popf, cli and sti may do depends on IOPL and, in virtual-8086
 * mode and with PVI, is turned over to VIF (SDM vol. 3, 21.3 and 21.4).
 */
#include "x86/emulate/exec.h"

int x86_exec_push(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	u64 v, sp = e->cpu->gpr[X86_RSP];
	int r = X86_EMU_OK;

	if (i->info->imm)
		v = i->imm;
	else if (i->has_modrm)
		r = x86_read_rm(e, i->opsize, &v);
	else
		v = reg_get(e, i->reg, i->opsize);
	if (r == X86_EMU_OK)
		r = x86_sp_push(e, &sp, i->opsize, v);
	if (r == X86_EMU_OK)
		x86_sp_commit(e, sp);
	return r;
}

int x86_exec_pop(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	u64 v, sp = e->cpu->gpr[X86_RSP], old = sp;
	int r = x86_sp_pop(e, &sp, i->opsize, &v);

	if (r != X86_EMU_OK)
		return r;
	/* An address with rSP as base sees it after the pop; a popped rSP is the value popped. */
	x86_sp_commit(e, sp);
	if (!i->has_modrm) {
		reg_set(e, i->reg, i->opsize, v);
		return X86_EMU_OK;
	}
	r = x86_write_rm(e, i->opsize, v);
	if (r != X86_EMU_OK)
		e->cpu->gpr[X86_RSP] = old;
	return r;
}

int x86_exec_pusha(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize, n;
	u64 sp = e->cpu->gpr[X86_RSP];
	int r = x86_sp_probe_push(e, sp, 8, size);

	for (n = 0; n < 8 && r == X86_EMU_OK; n++)
		r = x86_sp_push(e, &sp, size, e->cpu->gpr[n]);
	if (r == X86_EMU_OK)
		x86_sp_commit(e, sp);
	return r;
}

int x86_exec_popa(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;
	u64 v[8], sp = e->cpu->gpr[X86_RSP];
	int r = X86_EMU_OK, n;

	for (n = 7; n >= 0 && r == X86_EMU_OK; n--)
		r = x86_sp_pop(e, &sp, size, &v[n]);
	if (r != X86_EMU_OK)
		return r;
	for (n = 0; n < 8; n++)
		if (n != X86_RSP)
			gpr_set(e->cpu, n, size, v[n]);
	x86_sp_commit(e, sp);
	return X86_EMU_OK;
}

int x86_exec_push_seg(struct x86_emu *e)
{
	u64 sp = e->cpu->gpr[X86_RSP];
	int r = x86_sp_push(e, &sp, e->insn.opsize, e->cpu->seg[e->insn.reg].selector);

	if (r == X86_EMU_OK)
		x86_sp_commit(e, sp);
	return r;
}

int x86_exec_pop_seg(struct x86_emu *e)
{
	unsigned int st = x86_stack_size(e->cpu);
	u64 v, sp = e->cpu->gpr[X86_RSP];
	int r = x86_sp_pop(e, &sp, e->insn.opsize, &v);

	if (r == X86_EMU_OK)
		r = x86_load_segment(e, e->insn.reg, v);
	if (r != X86_EMU_OK)
		return r;
	gpr_set(e->cpu, X86_RSP, st, sp);	/* by the old stack's size */
	if (e->insn.reg == X86_SS)
		e->shadow = X86_SHADOW_MOV_SS;
	return X86_EMU_OK;
}

/* Bytes of the display that enter copies must be readable before the first push. */
static int enter_probe(struct x86_emu *e, u64 sp, unsigned int level, u64 alloc)
{
	struct x86_cpu *c = e->cpu;
	unsigned int size = e->insn.opsize, n;
	u64 m = size_mask(x86_stack_size(c)), lin;
	int r;

	r = x86_sp_probe_push(e, sp, level + 1, size);
	for (n = 1; n < level && r == X86_EMU_OK; n++) {
		r = x86_linearize(e, X86_SS, (c->gpr[X86_RBP] - n * size) & m, size, 0, &lin);
		if (r == X86_EMU_OK)
			r = e->ops->probe(e, lin, size, 0);
	}
	if (r != X86_EMU_OK)
		return r;
	/* The new top of the stack must be writable, although nothing is written there. */
	r = x86_linearize(e, X86_SS, (sp - (level + 1) * size - alloc) & m, size, X86_ACC_WRITE,
			  &lin);
	return r != X86_EMU_OK ? r : e->ops->probe(e, lin, size, X86_ACC_WRITE);
}

int x86_exec_enter(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	unsigned int size = e->insn.opsize, level = e->insn.imm2 & 31, n;
	u64 sp = c->gpr[X86_RSP], frame, v, m = size_mask(x86_stack_size(c));
	u64 alloc = e->insn.imm & 0xffff;
	int r;

	r = enter_probe(e, sp, level, alloc);
	if (r == X86_EMU_OK)
		r = x86_sp_push(e, &sp, size, c->gpr[X86_RBP]);
	if (r != X86_EMU_OK)
		return r;
	frame = sp;
	for (n = 1; n < level && r == X86_EMU_OK; n++) {
		r = x86_read_seg(e, X86_SS, (c->gpr[X86_RBP] - n * size) & m, size, &v);
		if (r == X86_EMU_OK)
			r = x86_sp_push(e, &sp, size, v);
	}
	if (level && r == X86_EMU_OK)
		r = x86_sp_push(e, &sp, size, frame);
	if (r != X86_EMU_OK)
		return r;
	gpr_set(c, X86_RBP, size, frame);
	x86_sp_commit(e, sp - alloc);
	return X86_EMU_OK;
}

int x86_exec_leave(struct x86_emu *e)
{
	u64 v, sp = e->cpu->gpr[X86_RBP];
	int r = x86_sp_pop(e, &sp, e->insn.opsize, &v);

	if (r != X86_EMU_OK)
		return r;
	x86_sp_commit(e, sp);
	gpr_set(e->cpu, X86_RBP, e->insn.opsize, v);
	return X86_EMU_OK;
}

/* Virtual-8086 mode below IOPL 3, where IF is not the program's. */
static inline bool v86_restricted(const struct x86_cpu *c)
{
	return x86_v86(c) && x86_iopl(c) < 3;
}

int x86_exec_pushf(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 sp = c->gpr[X86_RSP], f = c->rflags & ~(u64)(X86_RF | X86_VM);
	int r;

	if (unlikely(v86_restricted(c))) {
		if (!(c->cr4 & X86_CR4_VME) || e->insn.opsize != 2)
			return x86_fault_err(e, X86_EXC_GP, 0);
		f |= X86_IOPL;
		f = (f & ~(u64)X86_IF) | (f & X86_VIF ? X86_IF : 0);
	}
	r = x86_sp_push(e, &sp, e->insn.opsize, f);
	if (r == X86_EMU_OK)
		x86_sp_commit(e, sp);
	return r;
}

int x86_exec_popf(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	unsigned int size = e->insn.opsize, cpl = x86_cpl(c);
	u64 sp = c->gpr[X86_RSP], v, mask = X86_FLAGS_USER;
	bool virtual_if = v86_restricted(c);
	int r;

	if (unlikely(virtual_if) && (!(c->cr4 & X86_CR4_VME) || size != 2))
		return x86_fault_err(e, X86_EXC_GP, 0);
	r = x86_sp_pop(e, &sp, size, &v);
	if (r != X86_EMU_OK)
		return r;
	if (unlikely(virtual_if)) {
		if ((v & X86_TF) || ((v & X86_IF) && (c->rflags & X86_VIP)))
			return x86_fault_err(e, X86_EXC_GP, 0);
		flags_set(e, X86_VIF, v & X86_IF ? X86_VIF : 0);
	} else {
		if (cpl <= x86_iopl(c))
			mask |= X86_IF;
		if (cpl == 0)
			mask |= X86_IOPL;
	}
	flags_set(e, mask & size_mask(size), v);
	x86_sp_commit(e, sp);
	return X86_EMU_OK;
}

/* Which flag do cli and sti work on: IF, VIF, or none (#GP)? */
static u64 interrupt_flag(const struct x86_cpu *c)
{
	if (x86_cpl(c) <= x86_iopl(c))
		return X86_IF;
	if (x86_v86(c))
		return c->cr4 & X86_CR4_VME ? X86_VIF : 0;
	return x86_cpl(c) == 3 && (c->cr4 & X86_CR4_PVI) ? X86_VIF : 0;
}

int x86_exec_cli(struct x86_emu *e)
{
	u64 flag = interrupt_flag(e->cpu);

	if (!flag)
		return x86_fault_err(e, X86_EXC_GP, 0);
	e->cpu->rflags &= ~flag;
	return X86_EMU_OK;
}

int x86_exec_sti(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 flag = interrupt_flag(c);

	if (!flag || (flag == X86_VIF && (c->rflags & X86_VIP)))
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (flag == X86_IF && !(c->rflags & X86_IF))
		e->shadow = X86_SHADOW_STI;
	c->rflags |= flag;
	return X86_EMU_OK;
}
