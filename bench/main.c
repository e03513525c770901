/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Driver: cpu [-b] [-t MILLISECONDS] [NAME]...; prints "anykvm-bench NAME NANOSECONDS UNIT", the
 * median of three measurements, or with -b the best of five (for a machine that is not idle).
 *
 * cpu -j [-t MILLISECONDS] [NAME]...: as many copies at a time as there are CPUs; prints
 * "anykvm-copies NAME ONE MANY COPIES", the work done in a second by one copy alone and by all.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static const struct family *const families[] = { &integer_family, &memory_family, &call_family,
						 &sort_family,	  &fp_family,	  &simd_family,
						 &system_family };

#define MEDIAN_OF 3
#define BEST_OF 5

volatile uint64_t sink;
char **bench_argv;
static double least = 0.2; /* seconds that a measurement takes at least */
static int best;

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

/* How many units take long enough. */
static uint64_t enough(const struct bench *b)
{
	uint64_t n = 1;
	double t;

	while ((t = timed(b, n)) < least / 4)
		n = t > 1e-4 ? n * (least / 2 / t) + 1 : n * 8;
	return n * (least / t) + 1;
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(const struct bench *b)
{
	uint64_t n = enough(b);
	int count = best ? BEST_OF : MEDIAN_OF;
	double t[BEST_OF];

	for (int i = 0; i < count; i++)
		t[i] = timed(b, n) / n;
	qsort(t, count, sizeof(t[0]), ascending);
	printf("anykvm-bench %s %.3f %s\n", b->name, t[best ? 0 : count / 2] * 1e9, b->unit);
	fflush(stdout);
}

/* --- copies --- */

struct shared {
	atomic_int ready, go;
	double rate[];
};

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The copies start together and do the same, so that each works while all the others do. */
static double together(const struct bench *b, uint64_t n, int copies, struct shared *s)
{
	double sum = 0;

	atomic_store(&s->ready, 0);
	atomic_store(&s->go, 0);
	for (int i = 0; i < copies; i++) {
		if (fork())
			continue;
		on_cpu(i);
		atomic_fetch_add(&s->ready, 1);
		while (!atomic_load(&s->go))
			;
		s->rate[i] = n / timed(b, n);
		_exit(0);
	}
	while (atomic_load(&s->ready) < copies)
		usleep(1000);
	atomic_store(&s->go, 1);
	for (int i = 0; i < copies; i++) {
		wait(NULL);
		sum += s->rate[i];
	}
	return sum;
}

static void measure_copies(const struct bench *b)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct shared *s = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);
	double one[MEDIAN_OF], many[MEDIAN_OF];
	uint64_t n = enough(b);

	if (s == MAP_FAILED)
		exit(1);
	for (int i = 0; i < MEDIAN_OF; i++) {
		one[i] = together(b, n, 1, s);
		many[i] = together(b, n, cpus, s);
	}
	munmap(s, 1 << 16);
	qsort(one, MEDIAN_OF, sizeof(one[0]), ascending);
	qsort(many, MEDIAN_OF, sizeof(many[0]), ascending);
	printf("anykvm-copies %s %.6g %.6g %d\n", b->name, one[MEDIAN_OF / 2], many[MEDIAN_OF / 2],
	       cpus);
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
	void (*how)(const struct bench *b) = measure;
	int option;

	bench_argv = argv;
	if (argc > 1 && !strcmp(argv[1], "--nothing"))
		return 0;
	while ((option = getopt(argc, argv, "bjt:")) != -1) {
		switch (option) {
		case 'b':
			best = 1;
			break;
		case 'j':
			how = measure_copies;
			break;
		case 't':
			least = atof(optarg) / 1000;
			break;
		default:
			return 2;
		}
	}
	for (unsigned f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (int i = 0; i < families[f]->count; i++)
			if (wanted(families[f]->rows[i].name, argc - optind, argv + optind))
				how(&families[f]->rows[i]);
	return 0;
}
