/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One row of the benchmark: a function that does a fixed amount of work, told
 * by @n (1 is about a tenth of a second on a processor of 2021), and returns
 * something that depends on all of it.
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

typedef unsigned long (*bench_fn)(unsigned int n);

struct row {
	const char *name;
	bench_fn fn;
};

/* One array a family, ended by an empty row. */
extern const struct row rows_int[], rows_mem[], rows_fp[], rows_avx2[], rows_os[];

/* Keep the compiler from seeing through a value. */
#define OPAQUE(x) __asm__ volatile("" : "+r"(x))
#define CLOBBER() __asm__ volatile("" : : : "memory")

/* xorshift: the same numbers everywhere. */
static inline unsigned long next_random(unsigned long *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

#endif
