// SPDX-License-Identifier: LGPL-2.1-or-later
/* Integer work: arithmetic, branches, calls, sorting. */
#include <stdlib.h>

#include "rows.h"

static unsigned long integer(unsigned int n)
{
	unsigned long a = 1, b = 2, c = 3;

	for (unsigned long i = 0; i < n * 30000000ul; i++) {
		a = a * 5 + i;
		b ^= a >> 3;
		c += b & 0xff;
		OPAQUE(c);
	}
	return a + b + c;
}

static unsigned long branches(unsigned int n)
{
	unsigned long s = 88172645463325252ul, count = 0;

	for (unsigned long i = 0; i < n * 8000000ul; i++) {
		unsigned long v = next_random(&s);

		if (v & 1)
			count += 3;
		else if (v & 2)
			count ^= v;
		else if ((v & 12) == 4)
			count -= 7;
		OPAQUE(count);
	}
	return count;
}

static __attribute__((noinline)) unsigned long fib(unsigned int n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static unsigned long calls(unsigned int n)
{
	unsigned long sum = 0;

	for (unsigned int i = 0; i < n * 4; i++)
		sum += fib(30);
	return sum;
}

#define OP(name, expr) \
	static __attribute__((noinline)) unsigned long name(unsigned long x) \
	{ \
		return expr; \
	}
OP(op_add, x + 7)
OP(op_xor, x ^ 0x55)
OP(op_rot, (x << 5) | (x >> 59))
OP(op_mul, x * 9)

static unsigned long indirect(unsigned int n)
{
	static unsigned long (*volatile ops[4])(unsigned long) = { op_add, op_xor, op_rot, op_mul };
	unsigned long x = 1;

	for (unsigned long i = 0; i < n * 5000000ul; i++)
		x = ops[i & 3](x);
	return x;
}

static int compare(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return x < y ? -1 : x > y;
}

static unsigned long sort(unsigned int n)
{
	enum { COUNT = 200000 };
	unsigned int *v = malloc(COUNT * sizeof(*v));
	unsigned long s = 1234567, sum = 0;

	for (unsigned int k = 0; k < n * 3; k++) {
		for (unsigned int i = 0; i < COUNT; i++)
			v[i] = next_random(&s);
		qsort(v, COUNT, sizeof(*v), compare);
		sum += v[k];
	}
	free(v);
	return sum;
}

const struct row rows_int[] = {
	{ "integer", integer },	  { "branches", branches }, { "calls", calls },
	{ "indirect", indirect }, { "sort", sort },	    { 0 },
};
