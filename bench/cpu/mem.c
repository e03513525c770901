// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory: a chain of dependent loads, block copies, streams. */
#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* A random cycle over 4 MiB: each load gives the next one's address. */
static unsigned long chase(unsigned int n)
{
	enum { COUNT = 512 * 1024 };
	unsigned long *next = malloc(COUNT * sizeof(*next)), s = 42, at = 0;

	for (unsigned long i = 0; i < COUNT; i++)
		next[i] = i;
	for (unsigned long i = COUNT - 1; i > 0; i--) {
		unsigned long j = next_random(&s) % i, t = next[i];

		next[i] = next[j];
		next[j] = t;
	}
	for (unsigned long i = 0; i < n * 1000000ul; i++)
		at = next[at];
	free(next);
	return at;
}

static unsigned long copy(unsigned int n)
{
	enum { SIZE = 1 << 20 };
	char *a = malloc(SIZE), *b = malloc(SIZE);
	unsigned long sum = 0;

	memset(a, 1, SIZE);
	for (unsigned int i = 0; i < n * 1000; i++) {
		memcpy(b, a, SIZE);
		CLOBBER();
		sum += b[i];
	}
	free(a);
	free(b);
	return sum;
}

/* a = b + s * c over arrays larger than the second-level cache. */
static unsigned long stream(unsigned int n)
{
	enum { COUNT = 256 * 1024 };
	double *a = malloc(COUNT * 8), *b = malloc(COUNT * 8), *c = malloc(COUNT * 8);
	unsigned long sum;

	for (int i = 0; i < COUNT; i++) {
		b[i] = i;
		c[i] = 2 * i;
	}
	for (unsigned int k = 0; k < n * 250; k++) {
		for (int i = 0; i < COUNT; i++)
			a[i] = b[i] + 3.0 * c[i];
		CLOBBER();
	}
	sum = a[COUNT - 1];
	free(a);
	free(b);
	free(c);
	return sum;
}

const struct row rows_mem[] = {
	{ "chase", chase }, { "copy", copy }, { "stream", stream }, { 0 },
};
