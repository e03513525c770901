/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Integer work: arithmetic, multiplication and division, branches that are hard to predict. */
#include "bench.h"

static void arithmetic(uint64_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15, x = 12345;

	while (n--) {
		x = x * 6364136223846793005 + 1442695040888963407;
		h ^= x >> 29;
		h = (h << 7 | h >> 57) + x;
	}
	sink = h;
}

static void division(uint64_t n)
{
	uint64_t x = 0xdeadbeefcafef00d, s = 0;

	for (uint64_t i = 1; i <= n; i++) {
		s += x / (i | 3);
		s ^= x % (i | 7);
	}
	sink = s;
}

static void branches(uint64_t n)
{
	uint64_t s = 88172645463325252, a = 0, b = 0, c = 0;

	while (n--) {
		uint64_t r = xorshift(&s);

		if (r & 1)
			a += r >> 3;
		else if (r & 2)
			b ^= r;
		else if (r & 4)
			c += a;
		if ((r & 0x30) == 0x10)
			a ^= b;
	}
	sink = a + b + c;
}

/* Primes below 8192 by the sieve: bytes, loops, compare and branch. */
static void sieve(uint64_t n)
{
	static uint8_t flags[8192];
	uint64_t primes = 0;

	while (n--) {
		for (int i = 0; i < 8192; i++)
			flags[i] = 1;
		for (int i = 2; i < 8192; i++) {
			if (!flags[i])
				continue;
			primes++;
			for (int j = i + i; j < 8192; j += i)
				flags[j] = 0;
		}
	}
	sink = primes;
}

static const struct bench rows[] = {
	{ "integer", arithmetic, "step" },
	{ "division", division, "pair" },
	{ "branches", branches, "round" },
	{ "sieve", sieve, "sieve of 8192" },
};

FAMILY(integer_family, rows);
