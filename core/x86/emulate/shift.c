/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Shifts and rotates. A masked count of zero leaves the flags alone; where OF
 * is undefined (counts above one) it gets what processors give.
 */
#include "x86/emulate/rmw.h"

static inline u64 bit(u64 v, unsigned int n)
{
	return (v >> n) & 1;
}

static inline void set_cf_of(u64 *flags, u64 cf, u64 of)
{
	*flags = (*flags & ~(u64)(X86_CF | X86_OF)) | (cf ? X86_CF : 0) | (of ? X86_OF : 0);
}

static inline void set_all(u64 *flags, u64 r, unsigned int size, u64 cf, u64 of)
{
	*flags = (*flags & ~(u64)X86_ARITH) | x86_flags_szp(r, size);
	set_cf_of(flags, cf, of);
}

static u64 sh_rol(u64 a, u64 n, unsigned int size, u64 *flags)
{
	unsigned int bits = size * 8, k = n & (bits - 1);
	u64 r = a;

	if (!n)
		return a;
	if (k)
		r = (a << k | a >> (bits - k)) & size_mask(size);
	set_cf_of(flags, r & 1, bit(r, bits - 1) ^ (r & 1));
	return r;
}

static u64 sh_ror(u64 a, u64 n, unsigned int size, u64 *flags)
{
	unsigned int bits = size * 8, k = n & (bits - 1);
	u64 r = a;

	if (!n)
		return a;
	if (k)
		r = (a >> k | a << (bits - k)) & size_mask(size);
	set_cf_of(flags, bit(r, bits - 1), bit(r, bits - 1) ^ bit(r, bits - 2));
	return r;
}

static u64 sh_rcl(u64 a, u64 n, unsigned int size, u64 *flags)
{
	unsigned int bits = size * 8, k = n % (bits + 1);
	u64 cf = *flags & X86_CF, r = a;

	if (!n)
		return a;
	if (k) {
		r = (k < bits ? a << k : 0) | cf << (k - 1);
		if (k > 1)
			r |= a >> (bits + 1 - k);
		cf = bit(a, bits - k);
	}
	r &= size_mask(size);
	set_cf_of(flags, cf, bit(r, bits - 1) ^ cf);
	return r;
}

static u64 sh_rcr(u64 a, u64 n, unsigned int size, u64 *flags)
{
	unsigned int bits = size * 8, k = n % (bits + 1);
	u64 cf = *flags & X86_CF, r = a;

	if (!n)
		return a;
	if (k) {
		r = (k < bits ? a >> k : 0) | cf << (bits - k);
		if (k > 1)
			r |= a << (bits + 1 - k);
		cf = bit(a, k - 1);
	}
	r &= size_mask(size);
	set_cf_of(flags, cf, bit(r, bits - 1) ^ bit(r, bits - 2));
	return r;
}

static u64 sh_shl(u64 a, u64 n, unsigned int size, u64 *flags)
{
	unsigned int bits = size * 8;
	u64 r, cf;

	if (!n)
		return a;
	r = n < bits ? (a << n) & size_mask(size) : 0;
	cf = n <= bits ? bit(a, bits - n) : 0;
	set_all(flags, r, size, cf, bit(r, bits - 1) ^ cf);
	return r;
}

static u64 sh_shr(u64 a, u64 n, unsigned int size, u64 *flags)
{
	unsigned int bits = size * 8;
	u64 r;

	if (!n)
		return a;
	r = n < bits ? a >> n : 0;
	set_all(flags, r, size, n <= bits ? bit(a, n - 1) : 0, bit(a, bits - 1));
	return r;
}

static u64 sh_sar(u64 a, u64 n, unsigned int size, u64 *flags)
{
	s64 s = sign_extend(a, size);
	u64 r;

	if (!n)
		return a;
	r = (u64)(s >> n) & size_mask(size);
	set_all(flags, r, size, (s >> (n - 1)) & 1, 0);
	return r;
}

static unsigned int count_mask(unsigned int size)
{
	return size == 8 ? 0x3f : 0x1f;
}

/* The count: an immediate, one (D0, D1), or CL. */
static u64 shift_count(const struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;

	if (i->info->imm)
		return i->imm & count_mask(i->opsize);
	if (i->map == X86_MAP_1B && !(i->opcode & 2))
		return 1;
	return e->cpu->gpr[X86_RCX] & count_mask(i->opsize);
}

static int shift(struct x86_emu *e, x86_alu_fn fn)
{
	return x86_rmw(e, fn, shift_count(e), e->insn.opsize, NULL);
}

int x86_exec_rol(struct x86_emu *e)
{
	return shift(e, sh_rol);
}

int x86_exec_ror(struct x86_emu *e)
{
	return shift(e, sh_ror);
}

int x86_exec_rcl(struct x86_emu *e)
{
	return shift(e, sh_rcl);
}

int x86_exec_rcr(struct x86_emu *e)
{
	return shift(e, sh_rcr);
}

int x86_exec_shl(struct x86_emu *e)
{
	return shift(e, sh_shl);
}

int x86_exec_shr(struct x86_emu *e)
{
	return shift(e, sh_shr);
}

int x86_exec_sar(struct x86_emu *e)
{
	return shift(e, sh_sar);
}

/* shld and shrd: @ab is the wide value, the destination in the half that is shifted. */
static int shift_double(struct x86_emu *e, bool left)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize, bits = size * 8;
	u64 n = shift_count(e), m = size_mask(size), src = reg_get(e, i->reg, size);
	u64 flags = e->cpu->rflags, lin = 0, a, r, cf;
	int ret;

	if (i->is_mem) {
		a = 0;
		ret = x86_mem_lin(e, size, X86_ACC_WRITE, &lin);
		if (ret == X86_EMU_OK)
			ret = e->ops->read(e, lin, &a, size, X86_ACC_WRITE);
		if (ret != X86_EMU_OK)
			return ret;
	} else {
		a = reg_get(e, i->rm, size);
	}
	r = a;
	if (n && n <= bits) {
		if (left) {
			r = ((n < bits ? a << n : 0) | src >> (bits - n)) & m;
			cf = bit(a, bits - n);
		} else {
			r = ((n < bits ? a >> n : 0) | src << (bits - n)) & m;
			cf = bit(a, n - 1);
		}
		set_all(&flags, r, size, cf, bit(r, bits - 1) ^ bit(a, bits - 1));
	} else if (n) {
		/* 16-bit operands, counts 17 to 31: undefined; the source goes on into itself. */
		n -= bits;
		r = (left ? src << n | a >> (bits - n) : src >> n | a << (bits - n)) & m;
		set_all(&flags, r, size, left ? bit(src, bits - n) : bit(src, n - 1),
			bit(r, bits - 1) ^ bit(a, bits - 1));
	}
	if (i->is_mem) {
		ret = e->ops->write(e, lin, &r, size, 0);
		if (ret != X86_EMU_OK)
			return ret;
	} else {
		reg_set(e, i->rm, size, r);
	}
	e->cpu->rflags = flags;
	return X86_EMU_OK;
}

int x86_exec_shld(struct x86_emu *e)
{
	return shift_double(e, true);
}

int x86_exec_shrd(struct x86_emu *e)
{
	return shift_double(e, false);
}

/* The BMI2 shifts: no flags; the count in VEX.vvvv, or an immediate (rorx). */
static int shift_x(struct x86_emu *e, x86_alu_fn fn)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = x86_y_size(e);
	u64 a, n, flags = 0;
	int r = x86_read_rm(e, size, &a);

	if (r != X86_EMU_OK)
		return r;
	n = (i->info->imm ? i->imm : e->cpu->gpr[i->vvvv]) & count_mask(size);
	reg_set(e, i->reg, size, fn(a, n, size, &flags));
	return X86_EMU_OK;
}

int x86_exec_rorx(struct x86_emu *e)
{
	return shift_x(e, sh_ror);
}

int x86_exec_sarx(struct x86_emu *e)
{
	return shift_x(e, sh_sar);
}

int x86_exec_shlx(struct x86_emu *e)
{
	return shift_x(e, sh_shl);
}

int x86_exec_shrx(struct x86_emu *e)
{
	return shift_x(e, sh_shr);
}
