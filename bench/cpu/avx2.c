// SPDX-License-Identifier: LGPL-2.1-or-later
/* AVX2 and FMA. Compiled for them; run only where the processor says so. */
#include <immintrin.h>

#include "rows.h"

static unsigned long avx2(unsigned int n)
{
	static float a[4096] __attribute__((aligned(32))), b[4096] __attribute__((aligned(32)));
	__m256 k = _mm256_set1_ps(0.999f), sum = _mm256_setzero_ps();

	for (int i = 0; i < 4096; i++) {
		a[i] = i * 0.25f;
		b[i] = 1.0f / (i + 1);
	}
	for (unsigned int r = 0; r < n * 120000; r++) {
		for (int i = 0; i < 4096; i += 8) {
			__m256 v = _mm256_fmadd_ps(_mm256_load_ps(a + i), k, _mm256_load_ps(b + i));

			_mm256_store_ps(a + i, v);
		}
		CLOBBER();
	}
	for (int i = 0; i < 4096; i += 8)
		sum = _mm256_add_ps(sum, _mm256_load_ps(a + i));
	return (unsigned long)_mm256_cvtss_f32(sum);
}

const struct row rows_avx2[] = { { "avx2", avx2 }, { 0 } };
