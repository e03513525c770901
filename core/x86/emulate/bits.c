/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* Bit tests, bit scans, counts, and the bit fields of BMI1 and BMI2. */
#include "x86/emulate/rmw.h"

static inline u64 bt_cf(u64 a, u64 n, u64 *flags)
{
	*flags = (*flags & ~(u64)X86_CF) | ((a >> n) & 1 ? X86_CF : 0);
	return 1ull << n;
}

static u64 bit_test(u64 a, u64 n, unsigned int size, u64 *flags)
{
	bt_cf(a, n, flags);
	return a;
}

static u64 bit_set(u64 a, u64 n, unsigned int size, u64 *flags)
{
	return a | bt_cf(a, n, flags);
}

static u64 bit_reset(u64 a, u64 n, unsigned int size, u64 *flags)
{
	return a & ~bt_cf(a, n, flags);
}

static u64 bit_flip(u64 a, u64 n, unsigned int size, u64 *flags)
{
	return a ^ bt_cf(a, n, flags);
}

/* With a register as bit offset the operand in memory is a string of bits, both ways from the address. */
static int bit_op(struct x86_emu *e, x86_alu_fn fn, bool write)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize, bits = size * 8, acc = write ? X86_ACC_WRITE : 0;
	u64 n = i->info->imm ? i->imm : reg_get(e, i->reg, size), ea, lin, a, flags;
	int r;

	if (!i->is_mem) {
		flags = e->cpu->rflags;
		a = fn(reg_get(e, i->rm, size), n & (bits - 1), size, &flags);
		if (write)
			reg_set(e, i->rm, size, a);
		e->cpu->rflags = flags;
		return X86_EMU_OK;
	}
	ea = x86_ea(e);
	if (!i->info->imm)
		ea += (sign_extend(n, size) & ~(s64)(bits - 1)) >> 3;
	n &= bits - 1;
	r = x86_linearize(e, i->seg, ea & size_mask(i->addrsize), size, acc, &lin);
	if (r != X86_EMU_OK)
		return r;
	if (write) {
		r = x86_rmw_mem(e, lin, fn, n, size, i->prefix & X86_P_LOCK, &a, &flags);
	} else {
		a = 0;
		flags = e->cpu->rflags;
		r = e->ops->read(e, lin, &a, size, 0);
		fn(a, n, size, &flags);
	}
	if (r == X86_EMU_OK)
		e->cpu->rflags = flags;
	return r;
}

int x86_exec_bt(struct x86_emu *e)
{
	return bit_op(e, bit_test, false);
}

int x86_exec_bts(struct x86_emu *e)
{
	return bit_op(e, bit_set, true);
}

int x86_exec_btr(struct x86_emu *e)
{
	return bit_op(e, bit_reset, true);
}

int x86_exec_btc(struct x86_emu *e)
{
	return bit_op(e, bit_flip, true);
}

/* reg = fn(rm): flags by the function. */
static int reg_from_rm(struct x86_emu *e, unsigned int size, x86_alu_fn fn, u64 b)
{
	u64 a, flags = e->cpu->rflags;
	int r = x86_read_rm(e, size, &a);

	if (r != X86_EMU_OK)
		return r;
	a = fn(a, b, size, &flags);
	reg_set(e, e->insn.reg, size, a);
	e->cpu->rflags = flags;
	return X86_EMU_OK;
}

/* A source of zero leaves the whole destination as it is (AMD documents it, Intel does it). */
static int bit_scan(struct x86_emu *e, bool reverse)
{
	unsigned int size = e->insn.opsize;
	u64 a;
	int r = x86_read_rm(e, size, &a);

	if (r != X86_EMU_OK)
		return r;
	flags_set(e, X86_ARITH, a ? 0 : X86_ZF | X86_PF);
	if (a)
		reg_set(e, e->insn.reg, size, reverse ? 63 - __builtin_clzll(a) : __builtin_ctzll(a));
	return X86_EMU_OK;
}

int x86_exec_bsf(struct x86_emu *e)
{
	return bit_scan(e, false);
}

int x86_exec_bsr(struct x86_emu *e)
{
	return bit_scan(e, true);
}

static void count_flags(u64 *flags, bool cf, bool zf)
{
	*flags = (*flags & ~(u64)X86_ARITH) | (cf ? X86_CF : 0) | (zf ? X86_ZF : 0);
}

static u64 count_leading(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 n = a ? __builtin_clzll(a) - (64 - size * 8) : size * 8;

	count_flags(flags, !a, !n);
	return n;
}

static u64 count_trailing(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 n = a ? __builtin_ctzll(a) : size * 8;

	count_flags(flags, !a, !n);
	return n;
}

static u64 count_ones(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 n = 0;

	count_flags(flags, false, !a);
	for (; a; a &= a - 1)
		n++;
	return n;
}

int x86_exec_lzcnt(struct x86_emu *e)
{
	return reg_from_rm(e, e->insn.opsize, count_leading, 0);
}

int x86_exec_tzcnt(struct x86_emu *e)
{
	return reg_from_rm(e, e->insn.opsize, count_trailing, 0);
}

int x86_exec_popcnt(struct x86_emu *e)
{
	return reg_from_rm(e, e->insn.opsize, count_ones, 0);
}

/* CRC-32C: the polynomial 11EDC6F41, bits reflected (SDM vol. 2, CRC32). */
int x86_exec_crc32(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize, n;
	u32 crc = e->cpu->gpr[e->insn.reg];
	u64 v;
	int r = x86_read_rm(e, size, &v);

	if (r != X86_EMU_OK)
		return r;
	for (n = 0; n < size * 8; n++) {
		crc ^= (v >> n) & 1;
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	gpr_set(e->cpu, e->insn.reg, 4, crc);
	return X86_EMU_OK;
}

static void bmi_flags(u64 *flags, u64 r, unsigned int size, bool cf)
{
	r &= size_mask(size);
	*flags = (*flags & ~(u64)X86_ARITH) | (x86_flags_szp(r, size) & (X86_ZF | X86_SF)) |
		 (cf ? X86_CF : 0);
}

static u64 bmi_andn(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 r = ~b & a;

	bmi_flags(flags, r, size, false);
	return r;
}

static u64 bmi_bextr(u64 a, u64 b, unsigned int size, u64 *flags)
{
	unsigned int start = b & 0xff, len = (b >> 8) & 0xff;
	u64 r = start < size * 8 ? a >> start : 0;

	if (len < 64)
		r &= (1ull << len) - 1;
	bmi_flags(flags, r, size, false);
	return r;
}

static u64 bmi_bzhi(u64 a, u64 b, unsigned int size, u64 *flags)
{
	unsigned int n = b & 0xff;
	u64 r = n < size * 8 ? a & ((1ull << n) - 1) : a;

	bmi_flags(flags, r, size, n >= size * 8);
	return r;
}

static u64 bmi_blsi(u64 a, u64 b, unsigned int size, u64 *flags)
{
	bmi_flags(flags, a & -a, size, a != 0);
	return a & -a;
}

static u64 bmi_blsmsk(u64 a, u64 b, unsigned int size, u64 *flags)
{
	bmi_flags(flags, a ^ (a - 1), size, a == 0);
	return a ^ (a - 1);
}

static u64 bmi_blsr(u64 a, u64 b, unsigned int size, u64 *flags)
{
	bmi_flags(flags, a & (a - 1), size, a == 0);
	return a & (a - 1);
}

/* Deposit the low bits of @b where the mask @a has ones; extract is the other way. */
static u64 bmi_pdep(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 r = 0;

	for (; a; a &= a - 1, b >>= 1)
		r |= b & 1 ? a & -a : 0;
	return r;
}

static u64 bmi_pext(u64 a, u64 b, unsigned int size, u64 *flags)
{
	u64 r = 0, out = 1;

	for (; a; a &= a - 1, out <<= 1)
		r |= b & a & -a ? out : 0;
	return r;
}

/* reg = fn(rm, vvvv) */
static int bmi3(struct x86_emu *e, x86_alu_fn fn)
{
	unsigned int size = x86_y_size(e);

	return reg_from_rm(e, size, fn, gpr_get(e->cpu, e->insn.vvvv, size));
}

/* vvvv = fn(rm) */
static int bmi2(struct x86_emu *e, x86_alu_fn fn)
{
	unsigned int size = x86_y_size(e);
	u64 a;
	int r = x86_read_rm(e, size, &a);

	if (r == X86_EMU_OK)
		reg_set(e, e->insn.vvvv, size, fn(a, 0, size, &e->cpu->rflags));
	return r;
}

int x86_exec_andn(struct x86_emu *e)
{
	return bmi3(e, bmi_andn);
}

int x86_exec_bextr(struct x86_emu *e)
{
	return bmi3(e, bmi_bextr);
}

int x86_exec_bzhi(struct x86_emu *e)
{
	return bmi3(e, bmi_bzhi);
}

int x86_exec_pdep(struct x86_emu *e)
{
	return bmi3(e, bmi_pdep);
}

int x86_exec_pext(struct x86_emu *e)
{
	return bmi3(e, bmi_pext);
}

int x86_exec_blsi(struct x86_emu *e)
{
	return bmi2(e, bmi_blsi);
}

int x86_exec_blsmsk(struct x86_emu *e)
{
	return bmi2(e, bmi_blsmsk);
}

int x86_exec_blsr(struct x86_emu *e)
{
	return bmi2(e, bmi_blsr);
}

/* A 16-bit bswap is undefined: processors clear the register's low word. */
int x86_exec_bswap(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize, n = e->insn.reg;
	u64 v = gpr_get(e->cpu, n, size);

	v = size == 8 ? __builtin_bswap64(v) : size == 4 ? __builtin_bswap32(v) : 0;
	gpr_set(e->cpu, n, size, v);
	return X86_EMU_OK;
}
