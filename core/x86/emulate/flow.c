/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* Near branches, and bound. */
#include "x86/emulate/exec.h"

/* A near target is cut to the operand size (16 bits wrap), then checked against CS. */
static int branch_target(struct x86_emu *e, u64 *target)
{
	*target &= size_mask(e->insn.opsize);
	return x86_check_rip(e, *target);
}

static int branch_to(struct x86_emu *e, u64 target)
{
	int r = branch_target(e, &target);

	if (r == X86_EMU_OK)
		x86_set_rip(e, target);
	return r;
}

static int branch_rel(struct x86_emu *e, bool taken)
{
	return taken ? branch_to(e, x86_next_rip(e) + e->insn.imm) : X86_EMU_OK;
}

int x86_exec_jcc(struct x86_emu *e)
{
	return branch_rel(e, x86_condition(e->cpu->rflags, e->insn.opcode));
}

/* The target of jmp and call: relative, or from a register or memory. */
static int near_target(struct x86_emu *e, u64 *target)
{
	int r;

	if (e->insn.info->imm) {
		*target = x86_next_rip(e) + e->insn.imm;
	} else {
		r = x86_read_rm(e, e->insn.opsize, target);
		if (r != X86_EMU_OK)
			return r;
	}
	return branch_target(e, target);
}

int x86_exec_jmp(struct x86_emu *e)
{
	u64 target;
	int r = near_target(e, &target);

	if (r == X86_EMU_OK)
		x86_set_rip(e, target);
	return r;
}

int x86_exec_call(struct x86_emu *e)
{
	u64 target, sp = e->cpu->gpr[X86_RSP];
	int r = near_target(e, &target);

	if (r == X86_EMU_OK)
		r = x86_sp_push(e, &sp, e->insn.opsize, x86_next_rip(e));
	if (r != X86_EMU_OK)
		return r;
	x86_sp_commit(e, sp);
	x86_set_rip(e, target);
	return X86_EMU_OK;
}

int x86_exec_ret(struct x86_emu *e)
{
	u64 target, sp = e->cpu->gpr[X86_RSP];
	int r = x86_sp_pop(e, &sp, e->insn.opsize, &target);

	if (r == X86_EMU_OK)
		r = branch_to(e, target);
	if (r == X86_EMU_OK)
		x86_sp_commit(e, sp + (e->insn.info->imm ? e->insn.imm & 0xffff : 0));
	return r;
}

/* loop, loope, loopne: the counter is rCX of the address size. */
int x86_exec_loop(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	u64 count = (e->cpu->gpr[X86_RCX] - 1) & size_mask(i->addrsize);
	bool taken = count, zf = e->cpu->rflags & X86_ZF;
	int r;

	if (i->info->op == X86_OP_LOOPE)
		taken = taken && zf;
	else if (i->info->op == X86_OP_LOOPNE)
		taken = taken && !zf;
	r = branch_rel(e, taken);
	if (r == X86_EMU_OK)
		gpr_set(e->cpu, X86_RCX, i->addrsize, count);
	return r;
}

int x86_exec_jcxz(struct x86_emu *e)
{
	return branch_rel(e, !gpr_get(e->cpu, X86_RCX, e->insn.addrsize));
}

int x86_exec_bound(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize;
	u64 lin, lower = 0, upper = 0;
	s64 v = sign_extend(reg_get(e, i->reg, size), size);
	int r = x86_mem_lin(e, size * 2, 0, &lin);

	if (r == X86_EMU_OK)
		r = e->ops->read(e, lin, &lower, size, 0);
	if (r == X86_EMU_OK)
		r = e->ops->read(e, (u32)(lin + size), &upper, size, 0);
	if (r != X86_EMU_OK)
		return r;
	if (v < sign_extend(lower, size) || v > sign_extend(upper, size))
		return x86_fault(e, X86_EXC_BR);
	return X86_EMU_OK;
}
