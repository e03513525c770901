// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The CPU benchmark's program: static, runs as it is on the host and in a
 * guest. Prints "anykvm-bench: ROW SECONDS" for each row.
 *
 * cpu [-n SCALE] [ROW ...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rows.h"

static const struct row *const families[] = { rows_int, rows_mem, rows_fp, rows_avx2, rows_os };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static int wanted(const char *name, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static volatile unsigned long sink;
	unsigned int scale = 3;
	int opt;

	while ((opt = getopt(argc, argv, "n:")) != -1) {
		if (opt != 'n' || atoi(optarg) < 1) {
			fprintf(stderr, "usage: cpu [-n SCALE] [ROW ...]\n");
			return 2;
		}
		scale = atoi(optarg);
	}
	for (unsigned int f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (const struct row *r = families[f]; r->name; r++) {
			double start, best = 1e9;

			if (!wanted(r->name, argv + optind))
				continue;
			for (int run = 0; run < 3; run++) {
				double t;

				start = now();
				sink += r->fn(scale);
				t = now() - start;
				best = t < best ? t : best;
			}
			printf("anykvm-bench: %s %.6f\n", r->name, best);
			fflush(stdout);
		}
	return 0;
}
