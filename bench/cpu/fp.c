// SPDX-License-Identifier: LGPL-2.1-or-later
/* Floating point with SSE2, as every x86-64 program has it. */
#include <math.h>

#include "rows.h"

static unsigned long nbody(unsigned int n)
{
	static double p[5][3], v[5][3];
	static const double m[5] = { 39.47, 0.037, 0.011, 0.0017, 0.002 };

	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 3; k++) {
			p[i][k] = i * 3.1 + k;
			v[i][k] = 0.1 * (i - k);
		}
	for (unsigned int step = 0; step < n * 400000; step++) {
		for (int i = 0; i < 5; i++)
			for (int j = i + 1; j < 5; j++) {
				double d[3], r2 = 0, mag;

				for (int k = 0; k < 3; k++) {
					d[k] = p[i][k] - p[j][k];
					r2 += d[k] * d[k];
				}
				mag = 0.001 / (r2 * sqrt(r2));
				for (int k = 0; k < 3; k++) {
					v[i][k] -= d[k] * m[j] * mag;
					v[j][k] += d[k] * m[i] * mag;
				}
			}
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 3; k++)
				p[i][k] += 0.001 * v[i][k];
	}
	return (unsigned long)(long)(p[0][0] * 1e6);
}

static unsigned long sse(unsigned int n)
{
	static float a[1024], b[1024];
	float sum = 0;

	for (int i = 0; i < 1024; i++) {
		a[i] = i * 0.5f;
		b[i] = 1024 - i;
	}
	for (unsigned int k = 0; k < n * 150000; k++) {
		for (int i = 0; i < 1024; i++)
			a[i] = a[i] * 0.999f + b[i] * 0.001f;
		CLOBBER();
	}
	for (int i = 0; i < 1024; i++)
		sum += a[i];
	return sum;
}

static unsigned long matrix(unsigned int n)
{
	enum { N = 160 };
	static double a[N][N], b[N][N], c[N][N];

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = i + j;
			b[i][j] = i - j;
		}
	for (unsigned int k = 0; k < n * 24; k++) {
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++)
				c[i][j] = 0;
		for (int i = 0; i < N; i++)
			for (int l = 0; l < N; l++)
				for (int j = 0; j < N; j++)
					c[i][j] += a[i][l] * b[l][j];
		CLOBBER();
	}
	return (unsigned long)(long)c[N - 1][N - 1];
}

static unsigned long x87(unsigned int n)
{
	long double x = 1.0L, y = 0.5L;

	for (unsigned long i = 0; i < n * 6000000ul; i++) {
		x = x * 1.0000001L + y;
		y = y * 0.9999999L - 0.25L * x / (y + 2.0L);
	}
	return (unsigned long)(long)(x + y);
}

const struct row rows_fp[] = {
	{ "nbody", nbody }, { "sse", sse }, { "matrix", matrix }, { "x87", x87 }, { 0 },
};
