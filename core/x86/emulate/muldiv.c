/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Multiplication, division, decimal adjustment and the carry chains of ADX.
 * Formulae: SDM vol. 2 under each instruction.
 */
#include "x86/emulate/rmw.h"

/* The double-width product or dividend lives in rDX:rAX, or in AX for bytes. */
static void wide_set(struct x86_emu *e, unsigned int size, u64 lo, u64 hi)
{
	if (size == 1) {
		gpr_set(e->cpu, X86_RAX, 2, (lo & 0xff) | hi << 8);
		return;
	}
	gpr_set(e->cpu, X86_RAX, size, lo);
	gpr_set(e->cpu, X86_RDX, size, hi);
}

static void mul_flags(struct x86_emu *e, u64 r, unsigned int size, bool over)
{
	flags_set(e, X86_ARITH, x86_flags_szp(r, size) | (over ? X86_CF | X86_OF : 0));
}

int x86_exec_mul(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize, bits = size * 8;
	unsigned __int128 p;
	u64 b, hi;
	int r = x86_read_rm(e, size, &b);

	if (r != X86_EMU_OK)
		return r;
	p = (unsigned __int128)gpr_get(e->cpu, X86_RAX, size) * b;
	hi = (u64)(p >> bits);
	wide_set(e, size, (u64)p, hi);
	mul_flags(e, (u64)p, size, hi != 0);
	return X86_EMU_OK;
}

static bool imul_wide(u64 a, u64 b, unsigned int size, u64 *lo, u64 *hi)
{
	__int128 p = (__int128)sign_extend(a, size) * sign_extend(b, size);

	*lo = (u64)p & size_mask(size);
	*hi = (u64)(p >> (size * 8)) & size_mask(size);
	return p != (__int128)sign_extend(*lo, size);
}

int x86_exec_imul1(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;
	u64 b, lo, hi;
	bool over;
	int r = x86_read_rm(e, size, &b);

	if (r != X86_EMU_OK)
		return r;
	over = imul_wide(gpr_get(e->cpu, X86_RAX, size), b, size, &lo, &hi);
	wide_set(e, size, lo, hi);
	mul_flags(e, lo, size, over);
	return X86_EMU_OK;
}

int x86_exec_imul(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize;
	u64 a, b, lo, hi;
	bool over;
	int r = x86_read_rm(e, size, &a);

	if (r != X86_EMU_OK)
		return r;
	b = i->info->imm ? i->imm & size_mask(size) : reg_get(e, i->reg, size);
	over = imul_wide(a, b, size, &lo, &hi);
	reg_set(e, i->reg, size, lo);
	mul_flags(e, lo, size, over);
	return X86_EMU_OK;
}

int x86_exec_mulx(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = x86_y_size(e);
	unsigned __int128 p;
	u64 b;
	int r = x86_read_rm(e, size, &b);

	if (r != X86_EMU_OK)
		return r;
	p = (unsigned __int128)gpr_get(e->cpu, X86_RDX, size) * b;
	/* The high half is written last: it stays when both are one register. */
	reg_set(e, i->vvvv, size, (u64)p);
	reg_set(e, i->reg, size, (u64)(p >> (size * 8)));
	return X86_EMU_OK;
}

/* hi:lo / d for 64-bit operands; the caller knows that hi < d, so the quotient fits. */
static u64 div128(u64 hi, u64 lo, u64 d, u64 *rem)
{
	u64 q;

	asm("divq %4" : "=a"(q), "=d"(*rem) : "a"(lo), "d"(hi), "r"(d) : "cc");
	return q;
}

static void wide_get(const struct x86_emu *e, unsigned int size, u64 *lo, u64 *hi)
{
	if (size == 1) {
		*lo = gpr_get(e->cpu, X86_RAX, 1);
		*hi = (e->cpu->gpr[X86_RAX] >> 8) & 0xff;
		return;
	}
	*lo = gpr_get(e->cpu, X86_RAX, size);
	*hi = gpr_get(e->cpu, X86_RDX, size);
}

/* Unsigned hi:lo / d in @size; false when the quotient does not fit. */
static bool udiv(u64 hi, u64 lo, u64 d, unsigned int size, u64 *q, u64 *rem)
{
	u64 n;

	if (hi >= d)
		return false;
	if (size == 8) {
		*q = div128(hi, lo, d, rem);
		return true;
	}
	n = hi << (size * 8) | lo;
	*q = n / d;
	*rem = n % d;
	return true;
}

int x86_exec_div(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;
	u64 lo, hi, d, q, rem;
	int r = x86_read_rm(e, size, &d);

	if (r != X86_EMU_OK)
		return r;
	wide_get(e, size, &lo, &hi);
	if (!udiv(hi, lo, d, size, &q, &rem))
		return x86_fault(e, X86_EXC_DE);
	wide_set(e, size, q, rem);
	return X86_EMU_OK;
}

int x86_exec_idiv(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;
	u64 lo, hi, d, q, rem, m = size_mask(size);
	bool nneg, dneg;
	int r = x86_read_rm(e, size, &d);

	if (r != X86_EMU_OK)
		return r;
	wide_get(e, size, &lo, &hi);
	nneg = sign_extend(hi, size) < 0;
	dneg = sign_extend(d, size) < 0;
	if (nneg) {
		lo = -lo & m;
		hi = (~hi + !lo) & m;
	}
	if (dneg)
		d = -d & m;
	if (!udiv(hi, lo, d, size, &q, &rem))
		return x86_fault(e, X86_EXC_DE);
	/* -2^(n-1) is in range, 2^(n-1) is not. */
	if (q > (m >> 1) + (nneg != dneg))
		return x86_fault(e, X86_EXC_DE);
	wide_set(e, size, nneg != dneg ? -q & m : q, (nneg ? -rem : rem) & m);
	return X86_EMU_OK;
}

static int decimal_adjust(struct x86_emu *e, bool sub)
{
	u64 al = gpr_get(e->cpu, X86_RAX, 1), old = al, f = e->cpu->rflags, out = 0;

	if ((al & 0xf) > 9 || (f & X86_AF)) {
		if (sub && al < 6)
			out |= X86_CF;
		al = (sub ? al - 6 : al + 6) & 0xff;
		out |= X86_AF;
	}
	if (!sub)
		out &= ~(u64)X86_CF;
	if (old > 0x99 || (f & X86_CF)) {
		al = (sub ? al - 0x60 : al + 0x60) & 0xff;
		out |= X86_CF;
	}
	gpr_set(e->cpu, X86_RAX, 1, al);
	flags_set(e, X86_ARITH, out | x86_flags_szp(al, 1));
	return X86_EMU_OK;
}

int x86_exec_daa(struct x86_emu *e)
{
	return decimal_adjust(e, false);
}

int x86_exec_das(struct x86_emu *e)
{
	return decimal_adjust(e, true);
}

static int ascii_adjust(struct x86_emu *e, int delta)
{
	u64 ax = gpr_get(e->cpu, X86_RAX, 2), out = 0;

	if ((ax & 0xf) > 9 || (e->cpu->rflags & X86_AF)) {
		ax += delta;
		out = X86_AF | X86_CF;
	}
	gpr_set(e->cpu, X86_RAX, 2, ax & 0xff0f);
	flags_set(e, X86_ARITH, out | x86_flags_szp(ax & 0xf, 1));
	return X86_EMU_OK;
}

int x86_exec_aaa(struct x86_emu *e)
{
	return ascii_adjust(e, 0x106);
}

int x86_exec_aas(struct x86_emu *e)
{
	return ascii_adjust(e, -0x106);
}

int x86_exec_aam(struct x86_emu *e)
{
	u64 al = gpr_get(e->cpu, X86_RAX, 1), base = e->insn.imm & 0xff;

	if (!base)
		return x86_fault(e, X86_EXC_DE);
	gpr_set(e->cpu, X86_RAX, 2, (al / base) << 8 | al % base);
	flags_set(e, X86_ARITH, x86_flags_szp(al % base, 1));
	return X86_EMU_OK;
}

int x86_exec_aad(struct x86_emu *e)
{
	u64 ax = gpr_get(e->cpu, X86_RAX, 2);
	u64 al = ((ax & 0xff) + (ax >> 8) * (e->insn.imm & 0xff)) & 0xff;

	gpr_set(e->cpu, X86_RAX, 2, al);
	flags_set(e, X86_ARITH, x86_flags_szp(al, 1));
	return X86_EMU_OK;
}

/* adcx and adox: an addition that reads and writes one flag alone. */
static int carry_chain(struct x86_emu *e, u64 flag)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = x86_y_size(e);
	unsigned __int128 sum;
	u64 b;
	int r = x86_read_rm(e, size, &b);

	if (r != X86_EMU_OK)
		return r;
	sum = (unsigned __int128)reg_get(e, i->reg, size) + b + !!(e->cpu->rflags & flag);
	reg_set(e, i->reg, size, (u64)sum);
	flags_set(e, flag, (u64)(sum >> (size * 8)) ? flag : 0);
	return X86_EMU_OK;
}

int x86_exec_adcx(struct x86_emu *e)
{
	return carry_chain(e, X86_CF);
}

int x86_exec_adox(struct x86_emu *e)
{
	return carry_chain(e, X86_OF);
}
