/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Floating point: n-body in double, a matrix product, 80-bit x87. */
#include <string.h>

#include "bench.h"

struct body {
	double x, y, z, vx, vy, vz, mass;
};

static void nbody(uint64_t n)
{
	struct body b[5];

	for (int i = 0; i < 5; i++)
		b[i] = (struct body){ i * 1.5, i * i * 0.25, 1.0 / (i + 1), 0.01 * i, 0.02, -0.01 * i,
				      1.0 / (i + 2) };
	while (n--) {
		for (int i = 0; i < 5; i++) {
			for (int j = i + 1; j < 5; j++) {
				double dx = b[i].x - b[j].x, dy = b[i].y - b[j].y,
				       dz = b[i].z - b[j].z;
				double d2 = dx * dx + dy * dy + dz * dz + 0.01;
				double m = 0.001 / (d2 * __builtin_sqrt(d2));

				b[i].vx -= dx * b[j].mass * m;
				b[i].vy -= dy * b[j].mass * m;
				b[i].vz -= dz * b[j].mass * m;
				b[j].vx += dx * b[i].mass * m;
				b[j].vy += dy * b[i].mass * m;
				b[j].vz += dz * b[i].mass * m;
			}
		}
		for (int i = 0; i < 5; i++) {
			b[i].x += 0.001 * b[i].vx;
			b[i].y += 0.001 * b[i].vy;
			b[i].z += 0.001 * b[i].vz;
		}
	}
	sink = (uint64_t)(b[0].x * 1e6);
}

static void matrix(uint64_t n)
{
	static double a[32][32], b[32][32], c[32][32];

	for (int i = 0; i < 32; i++)
		for (int j = 0; j < 32; j++) {
			a[i][j] = i + j * 0.5;
			b[i][j] = i * 0.25 - j;
		}
	while (n--)
		for (int i = 0; i < 32; i++)
			for (int j = 0; j < 32; j++) {
				double s = 0;

				for (int k = 0; k < 32; k++)
					s += a[i][k] * b[k][j];
				c[i][j] = s;
				asm volatile("" : : : "memory");
			}
	sink = (uint64_t)c[3][5];
}

/* A polynomial and a root in 80 bits: loads, multiplications, additions on the x87 stack. */
static void x87(uint64_t n)
{
	static volatile long double coefficients[8] = { 0.5L,	 -0.25L,  0.125L,  0.75L,
							-0.625L, 0.375L, -0.875L, 1.0L };
	long double x = 0.5L, s = 0;

	while (n--) {
		long double y = 0;

		for (int i = 0; i < 8; i++)
			y = y * x + coefficients[i];
		asm volatile("fsqrt" : "+t"(y));
		s += y;
		x += 0.001L;
		if (x > 1)
			x = 0.25L;
	}
	sink = (uint64_t)s;
}

static const struct bench rows[] = {
	{ "fp-nbody", nbody, "step of 5 bodies" },
	{ "fp-matrix", matrix, "32x32 product" },
	{ "fp-x87", x87, "polynomial and root" },
};

FAMILY(fp_family, rows);
