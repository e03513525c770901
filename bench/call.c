/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls: direct, recursive, through pointers, and a small interpreter's dispatch. */
#include "bench.h"

static __attribute__((noinline)) uint64_t leaf(uint64_t x)
{
	asm volatile("");
	return x + 1;
}

static void calls(uint64_t n)
{
	uint64_t x = 0;

	while (n--)
		x = leaf(x);
	sink = x;
}

static __attribute__((noinline)) uint64_t fib(unsigned int n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static void recursion(uint64_t n)
{
	while (n--)
		sink = fib(18);
}

#define OP(k)                                                                                      \
	static __attribute__((noinline)) uint64_t op##k(uint64_t x)                                \
	{                                                                                          \
		return x * (2 * k + 1) + k;                                                        \
	}
OP(0) OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7)

static uint64_t (*const volatile ops[8])(uint64_t) = { op0, op1, op2, op3, op4, op5, op6, op7 };

static void indirect(uint64_t n)
{
	uint64_t s = 99, x = 0;

	while (n--)
		x = ops[xorshift(&s) & 7](x);
	sink = x;
}

/* Byte code: computed jumps of one site to eight places. */
static void interpreter(uint64_t n)
{
	static const uint8_t code[] = { 0, 1, 2, 0, 3, 4, 1, 5, 2, 0, 6, 1, 3, 4, 0, 7 };
	static const void *const go[] = { &&add, &&xor, &&shl, &&shr, &&mul, &&neg, &&dup, &&loop };
	uint64_t a = 1, b = 2;
	int pc = 0;

#define NEXT goto *go[code[pc++]]
	if (!n)
		return;
	NEXT;
add:
	a += b;
	NEXT;
xor:
	b ^= a;
	NEXT;
shl:
	a <<= 1;
	NEXT;
shr:
	b >>= 1;
	NEXT;
mul:
	a *= 31;
	NEXT;
neg:
	b = -b;
	NEXT;
dup:
	b = a;
	NEXT;
loop:
	sink = a;
	pc = 0;
	if (--n)
		NEXT;
}

static const struct bench rows[] = {
	{ "calls", calls, "call" },
	{ "recursion", recursion, "fib(18)" },
	{ "indirect", indirect, "call" },
	{ "interpreter", interpreter, "16 codes" },
};

FAMILY(call_family, rows);
