/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sorting: the library's qsort with its callback, and a heap. New words each
 * time: of a few thousand that come again, branch predictors learn the order
 * by heart, and then the row is a figure of their size.
 */
#include <stdlib.h>

#include "bench.h"

#define COUNT 4096

static uint32_t work[COUNT];

static void fill(void)
{
	static uint64_t s = 4711;

	for (int i = 0; i < COUNT; i++)
		work[i] = xorshift(&s);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void quick(uint64_t n)
{
	while (n--) {
		fill();
		qsort(work, COUNT, sizeof(work[0]), compare);
		sink = work[7];
	}
}

static void sift(uint32_t *a, int i, int n)
{
	for (;;) {
		int c = 2 * i + 1;
		uint32_t t;

		if (c >= n)
			return;
		if (c + 1 < n && a[c + 1] > a[c])
			c++;
		if (a[i] >= a[c])
			return;
		t = a[i];
		a[i] = a[c];
		a[c] = t;
		i = c;
	}
}

static void heap(uint64_t n)
{
	while (n--) {
		fill();
		for (int i = COUNT / 2 - 1; i >= 0; i--)
			sift(work, i, COUNT);
		for (int i = COUNT - 1; i > 0; i--) {
			uint32_t t = work[0];

			work[0] = work[i];
			work[i] = t;
			sift(work, 0, i);
		}
		sink = work[7];
	}
}

static const struct bench rows[] = {
	{ "qsort", quick, "4096 words" },
	{ "heapsort", heap, "4096 words" },
};

FAMILY(sort_family, rows);
