/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU programs of `make bench`. A row does n units of work; the driver finds the n that takes
 * long enough to measure and prints nanoseconds a unit. The same static binary runs natively and in
 * every guest.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

struct bench {
	const char *name;
	void (*run)(uint64_t n);
	const char *unit;
};

struct family {
	const struct bench *rows;
	int count;
};

#define FAMILY(name, array)                                                                        \
	const struct family name = { array, sizeof(array) / sizeof((array)[0]) }

extern const struct family integer_family, memory_family, call_family, sort_family, fp_family,
	simd_family, system_family;

extern volatile uint64_t sink; /* what is computed ends here, so that it is computed */
extern char **bench_argv;

/* A generator that the compiler cannot see through. */
static inline uint64_t xorshift(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

#endif
