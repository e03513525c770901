/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Driver: cpu [-t MILLISECONDS] [NAME]...; prints "anykvm-bench NAME NANOSECONDS UNIT". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static const struct family *const families[] = { &integer_family, &memory_family, &call_family,
						 &sort_family,	  &fp_family,	  &simd_family,
						 &system_family };

volatile uint64_t sink;
char **bench_argv;
static double least = 0.2; /* seconds that a measurement takes at least */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static double timed(const struct bench *b, uint64_t n)
{
	double start = now();

	b->run(n);
	return now() - start;
}

static void measure(const struct bench *b)
{
	double t, best;
	uint64_t n = 1;

	while ((t = timed(b, n)) < least / 4)
		n = t > 1e-4 ? n * (least / 2 / t) + 1 : n * 8;
	best = t / n;
	n = n * (least / t) + 1;
	for (int i = 0; i < 5; i++) {
		t = timed(b, n) / n;
		if (t < best)
			best = t;
	}
	printf("anykvm-bench %s %.3f %s\n", b->name, best * 1e9, b->unit);
	fflush(stdout);
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc == 0;
}

int main(int argc, char **argv)
{
	bench_argv = argv;
	if (argc > 1 && !strcmp(argv[1], "--nothing"))
		return 0;
	if (argc > 2 && !strcmp(argv[1], "-t")) {
		least = atof(argv[2]) / 1000;
		argv += 2;
		argc -= 2;
	}
	for (unsigned f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (int i = 0; i < families[f]->count; i++)
			if (wanted(families[f]->rows[i].name, argc - 1, argv + 1))
				measure(&families[f]->rows[i]);
	return 0;
}
