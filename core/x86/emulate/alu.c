/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Integer arithmetic and logic: each operation is one function from two values
 * and the flags to a value and the flags; the shapes of its operands (register,
 * memory, immediate, with or without LOCK) are dealt with once.
 */
#include "x86/emulate/rmw.h"

static inline u64 top_bit(u64 v, unsigned int size)
{
	return (v >> (size * 8 - 1)) & 1;
}

u64 x86_flags_szp(u64 r, unsigned int size)
{
	u64 f = 0;

	r &= size_mask(size);
	if (!r)
		f |= X86_ZF;
	if (top_bit(r, size))
		f |= X86_SF;
	if (!__builtin_parity(r & 0xff))
		f |= X86_PF;
	return f;
}

static u64 alu_add_c(u64 a, u64 b, u64 carry, unsigned int size, u64 *flags)
{
	u64 r = a + b + carry, f;

	f = x86_flags_szp(r, size) | ((a ^ b ^ r) & X86_AF);
	if (top_bit((a & b) | ((a | b) & ~r), size))
		f |= X86_CF;
	if (top_bit((a ^ r) & (b ^ r), size))
		f |= X86_OF;
	*flags = (*flags & ~(u64)X86_ARITH) | f;
	return r;
}

static u64 alu_sub_c(u64 a, u64 b, u64 borrow, unsigned int size, u64 *flags)
{
	u64 r = a - b - borrow, f;

	f = x86_flags_szp(r, size) | ((a ^ b ^ r) & X86_AF);
	if (top_bit((~a & b) | ((~a | b) & r), size))
		f |= X86_CF;
	if (top_bit((a ^ b) & (a ^ r), size))
		f |= X86_OF;
	*flags = (*flags & ~(u64)X86_ARITH) | f;
	return r;
}

static u64 alu_logic(u64 r, unsigned int size, u64 *flags)
{
	*flags = (*flags & ~(u64)X86_ARITH) | x86_flags_szp(r, size);
	return r;
}

u64 x86_alu_add(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return alu_add_c(a, b, 0, size, flags);
}

u64 x86_alu_sub(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return alu_sub_c(a, b, 0, size, flags);
}

static u64 alu_adc(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return alu_add_c(a, b, *flags & X86_CF, size, flags);
}

static u64 alu_sbb(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return alu_sub_c(a, b, *flags & X86_CF, size, flags);
}

static u64 alu_or(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return alu_logic(a | b, size, flags);
}

static u64 alu_and(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return alu_logic(a & b, size, flags);
}

static u64 alu_xor(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return alu_logic(a ^ b, size, flags);
}

static u64 alu_inc(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 cf = *flags & X86_CF, r = x86_alu_add(a, 1, size, flags);

	*flags = (*flags & ~(u64)X86_CF) | cf;
	return r;
}

static u64 alu_dec(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 cf = *flags & X86_CF, r = x86_alu_sub(a, 1, size, flags);

	*flags = (*flags & ~(u64)X86_CF) | cf;
	return r;
}

static u64 alu_not(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return ~a;
}

static u64 alu_neg(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return x86_alu_sub(0, a, size, flags);
}

static u64 alu_second(u64 a, u64 b, unsigned int size, u64 *flags)
{
	return b;
}

/*
 * The memory half of a read-modify-write: under LOCK it is repeated until
 * nobody has written between the read and the write.
 */
int x86_rmw_mem(struct x86_emu *e, u64 lin, x86_alu_fn fn, u64 b, unsigned int size, bool lock,
		u64 *old, u64 *flags)
{
	unsigned int acc = X86_ACC_WRITE | (lock ? X86_ACC_LOCK : 0), tries;
	u64 new;
	int r;

	*old = 0;
	r = e->ops->read(e, lin, old, size, acc);
	if (r != X86_EMU_OK)
		return r;
	for (tries = 0; tries < 64; tries++) {
		bool done = false;

		*flags = e->cpu->rflags;
		new = fn(*old, b, size, flags) & size_mask(size);
		if (!lock)
			return e->ops->write(e, lin, &new, size, 0);
		r = e->ops->cmpxchg(e, lin, old, &new, size, &done);
		if (r != X86_EMU_OK || done)
			return r;
	}
	return X86_EMU_RETRY;
}

/* rm = fn(rm, b); *@old, when asked for, is what rm held. The caller commits other registers after. */
int x86_rmw(struct x86_emu *e, x86_alu_fn fn, u64 b, unsigned int size, u64 *old)
{
	u64 lin, was, flags = e->cpu->rflags;
	int r;

	if (e->insn.is_mem) {
		r = x86_mem_lin(e, size, X86_ACC_WRITE, &lin);
		if (r == X86_EMU_OK)
			r = x86_rmw_mem(e, lin, fn, b, size, e->insn.prefix & X86_P_LOCK, &was,
					&flags);
		if (r != X86_EMU_OK)
			return r;
	} else {
		was = reg_get(e, e->insn.rm, size);
		reg_set(e, e->insn.rm, size, fn(was, b, size, &flags));
	}
	e->cpu->rflags = flags;
	if (old)
		*old = was;
	return X86_EMU_OK;
}

/* The forms of add ... cmp and test: rm,reg  reg,rm  rm,imm  rAX,imm. @write: the result is kept. */
static int alu_binary(struct x86_emu *e, x86_alu_fn fn, bool write)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize, reg = i->reg;
	u64 a, b, flags = e->cpu->rflags;
	bool to_reg = !i->has_modrm || (i->info->imm == X86_I_NONE && i->info->op != X86_OP_TEST &&
					(i->opcode & 2));
	int r;

	if (!to_reg) {
		b = (i->info->imm ? i->imm : reg_get(e, reg, size)) & size_mask(size);
		if (write)
			return x86_rmw(e, fn, b, size, NULL);
		r = x86_read_rm(e, size, &a);
		if (r != X86_EMU_OK)
			return r;
		fn(a, b, size, &e->cpu->rflags);
		return X86_EMU_OK;
	}
	if (i->has_modrm) {
		r = x86_read_rm(e, size, &b);
		if (r != X86_EMU_OK)
			return r;
	} else {
		b = i->imm & size_mask(size);
		reg = X86_RAX;
	}
	a = fn(reg_get(e, reg, size), b, size, &flags);
	if (write)
		reg_set(e, reg, size, a);
	e->cpu->rflags = flags;
	return X86_EMU_OK;
}

int x86_exec_add(struct x86_emu *e)
{
	return alu_binary(e, x86_alu_add, true);
}

int x86_exec_or(struct x86_emu *e)
{
	return alu_binary(e, alu_or, true);
}

int x86_exec_adc(struct x86_emu *e)
{
	return alu_binary(e, alu_adc, true);
}

int x86_exec_sbb(struct x86_emu *e)
{
	return alu_binary(e, alu_sbb, true);
}

int x86_exec_and(struct x86_emu *e)
{
	return alu_binary(e, alu_and, true);
}

int x86_exec_sub(struct x86_emu *e)
{
	return alu_binary(e, x86_alu_sub, true);
}

int x86_exec_xor(struct x86_emu *e)
{
	return alu_binary(e, alu_xor, true);
}

int x86_exec_cmp(struct x86_emu *e)
{
	return alu_binary(e, x86_alu_sub, false);
}

int x86_exec_test(struct x86_emu *e)
{
	return alu_binary(e, alu_and, false);
}

/* inc, dec: by modrm, or the register of the opcode (40..4f). */
static int alu_unary(struct x86_emu *e, x86_alu_fn fn)
{
	unsigned int size = e->insn.opsize;
	u64 v;

	if (e->insn.has_modrm)
		return x86_rmw(e, fn, 0, size, NULL);
	v = fn(reg_get(e, e->insn.reg, size), 0, size, &e->cpu->rflags);
	reg_set(e, e->insn.reg, size, v);
	return X86_EMU_OK;
}

int x86_exec_inc(struct x86_emu *e)
{
	return alu_unary(e, alu_inc);
}

int x86_exec_dec(struct x86_emu *e)
{
	return alu_unary(e, alu_dec);
}

int x86_exec_not(struct x86_emu *e)
{
	return alu_unary(e, alu_not);
}

int x86_exec_neg(struct x86_emu *e)
{
	return alu_unary(e, alu_neg);
}

int x86_exec_xadd(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize;
	u64 old, b = reg_get(e, i->reg, size), flags = e->cpu->rflags;
	int r;

	if (!i->is_mem) {
		/* The sum is written last: it stays when both are one register. */
		old = reg_get(e, i->rm, size);
		b = x86_alu_add(old, b, size, &flags);
		reg_set(e, i->reg, size, old);
		reg_set(e, i->rm, size, b);
		e->cpu->rflags = flags;
		return X86_EMU_OK;
	}
	r = x86_rmw(e, x86_alu_add, b, size, &old);
	if (r == X86_EMU_OK)
		reg_set(e, i->reg, size, old);
	return r;
}

int x86_exec_xchg(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize, other = i->has_modrm ? i->rm : X86_RAX;
	u64 b = reg_get(e, i->reg, size), old, flags, lin;
	int r;

	if (!i->is_mem) {
		old = reg_get(e, other, size);
		reg_set(e, other, size, b);
		reg_set(e, i->reg, size, old);
		return X86_EMU_OK;
	}
	/* Locked with or without the prefix. */
	r = x86_mem_lin(e, size, X86_ACC_WRITE, &lin);
	if (r == X86_EMU_OK)
		r = x86_rmw_mem(e, lin, alu_second, b, size, true, &old, &flags);
	if (r == X86_EMU_OK)
		reg_set(e, i->reg, size, old);
	return r;
}

int x86_exec_cmpxchg(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize;
	u64 acc = gpr_get(e->cpu, X86_RAX, size), src = reg_get(e, i->reg, size), old = acc, lin;
	bool done;
	int r;

	if (i->is_mem) {
		r = x86_mem_lin(e, size, X86_ACC_WRITE, &lin);
		if (r == X86_EMU_OK)
			r = e->ops->cmpxchg(e, lin, &old, &src, size, &done);
		if (r != X86_EMU_OK)
			return r;
		if (done)
			old = acc;
	} else {
		old = reg_get(e, i->rm, size);
		if (old == acc)
			reg_set(e, i->rm, size, src);
	}
	x86_alu_sub(acc, old, size, &e->cpu->rflags);
	if (old != acc)
		gpr_set(e->cpu, X86_RAX, size, old);
	return X86_EMU_OK;
}

static int cmpxchg_pair(struct x86_emu *e, unsigned int half)
{
	struct x86_cpu *c = e->cpu;
	u64 old[2] = { gpr_get(c, X86_RAX, half), gpr_get(c, X86_RDX, half) };
	u64 new[2] = { gpr_get(c, X86_RBX, half), gpr_get(c, X86_RCX, half) };
	bool done;
	u64 lin;
	int r;

	r = x86_mem_lin(e, half * 2, X86_ACC_WRITE, &lin);
	if (r != X86_EMU_OK)
		return r;
	if (half == 4) {
		old[0] |= old[1] << 32;
		new[0] |= new[1] << 32;
	} else if (lin & 15) {
		return x86_fault_err(e, X86_EXC_GP, 0);
	}
	r = e->ops->cmpxchg(e, lin, old, new, half * 2, &done);
	if (r != X86_EMU_OK)
		return r;
	flags_set(e, X86_ZF, done ? X86_ZF : 0);
	if (!done) {
		gpr_set(c, X86_RAX, half, old[0]);
		gpr_set(c, X86_RDX, half, half == 4 ? old[0] >> 32 : old[1]);
	}
	return X86_EMU_OK;
}

int x86_exec_cmpxchg8b(struct x86_emu *e)
{
	return cmpxchg_pair(e, 4);
}

int x86_exec_cmpxchg16b(struct x86_emu *e)
{
	return cmpxchg_pair(e, 8);
}
