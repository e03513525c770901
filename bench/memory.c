/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory: dependent loads, copies, streams. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void *allocate(size_t size)
{
	void *p = aligned_alloc(4096, size);

	memset(p, 1, size);
	return p;
}

/* One cycle through every cache line, in an order that a prefetcher cannot guess. */
static void **chain(size_t lines)
{
	char *base = allocate(lines * 64);
	uint32_t *order = malloc(lines * sizeof(*order));
	uint64_t s = 1234567;

	for (size_t i = 0; i < lines; i++)
		order[i] = i;
	for (size_t i = lines - 1; i > 0; i--) {
		size_t j = xorshift(&s) % (i + 1);
		uint32_t t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (size_t i = 0; i < lines; i++)
		*(void **)(base + 64ul * order[i]) = base + 64ul * order[(i + 1) % lines];
	free(order);
	return (void **)base;
}

static void follow(void ***at, size_t lines, uint64_t n)
{
	void **p;

	if (!*at)
		*at = chain(lines);
	p = *at;
	while (n--)
		p = *p;
	*at = p;
}

static void chase_small(uint64_t n)
{
	static void **at;

	follow(&at, 256, n); /* 16 KiB: in the first cache */
}

static void chase_large(uint64_t n)
{
	static void **at;

	follow(&at, 1 << 18, n); /* 16 MiB: 4096 pages */
}

static void copy(uint64_t n)
{
	static char *a, *b;

	if (!a) {
		a = allocate(1 << 16);
		b = allocate(1 << 16);
	}
	while (n--) {
		memcpy(a, b, 1 << 16);
		asm volatile("" : : "r"(a), "r"(b) : "memory");
	}
}

static void rep_movsb(uint64_t n)
{
	static char *a, *b;

	if (!a) {
		a = allocate(1 << 16);
		b = allocate(1 << 16);
	}
	while (n--) {
		void *d = a, *s = b;
		size_t c = 1 << 16;

		asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(c) : : "memory");
	}
}

static void stream(uint64_t n)
{
	static uint64_t *a, *b, *c;
	const int count = 1 << 18; /* 2 MiB each */

	if (!a) {
		a = allocate(count * 8);
		b = allocate(count * 8);
		c = allocate(count * 8);
	}
	while (n--)
		for (int i = 0; i < count; i++)
			a[i] = b[i] + 3 * c[i];
	sink = a[5];
}

static const struct bench rows[] = {
	{ "chase-16K", chase_small, "load" },	  { "chase-16M", chase_large, "load" },
	{ "memcpy", copy, "64 KiB" },		  { "rep-movsb", rep_movsb, "64 KiB" },
	{ "stream", stream, "triad of 3x2 MiB" },
};

FAMILY(memory_family, rows);
