/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vectors: SSE floats, AVX2 integers and FMA floats. */
#include <immintrin.h>

#include "bench.h"

#define FLOATS 4096

static float a[FLOATS] __attribute__((aligned(32))), b[FLOATS] __attribute__((aligned(32)));

static void sse_float(uint64_t n)
{
	for (int i = 0; i < FLOATS; i++) {
		a[i] = i * 0.001f;
		b[i] = 1.0f;
	}
	while (n--)
		for (int i = 0; i < FLOATS; i += 4) {
			__m128 x = _mm_load_ps(a + i), y = _mm_load_ps(b + i);

			y = _mm_add_ps(_mm_mul_ps(y, _mm_set1_ps(0.999f)), x);
			y = _mm_min_ps(y, _mm_sqrt_ps(_mm_add_ps(_mm_mul_ps(x, x), y)));
			_mm_store_ps(b + i, y);
		}
	sink = (uint64_t)b[77];
}

__attribute__((target("avx2"))) static void avx2_integer(uint64_t n)
{
	__m256i *p = (__m256i *)a, s = _mm256_set1_epi32(1);

	while (n--)
		for (int i = 0; i < FLOATS / 8; i++) {
			__m256i x = _mm256_load_si256(p + i);

			x = _mm256_add_epi32(_mm256_mullo_epi32(x, _mm256_set1_epi32(1664525)),
					     _mm256_set1_epi32(1013904223));
			s = _mm256_xor_si256(s, _mm256_shuffle_epi8(x, s));
			s = _mm256_permutevar8x32_epi32(s, x);
			_mm256_store_si256(p + i, x);
		}
	sink = (uint64_t)_mm256_extract_epi64(s, 1);
}

__attribute__((target("avx2,fma"))) static void avx2_fma(uint64_t n)
{
	__m256 s0 = _mm256_setzero_ps(), s1 = s0;

	for (int i = 0; i < FLOATS; i++)
		a[i] = b[i] = i * 0.001f;
	while (n--)
		for (int i = 0; i < FLOATS; i += 16) {
			s0 = _mm256_fmadd_ps(_mm256_load_ps(a + i), _mm256_load_ps(b + i), s0);
			s1 = _mm256_fmadd_ps(_mm256_load_ps(a + i + 8), _mm256_load_ps(b + i + 8),
					     s1);
		}
	s0 = _mm256_add_ps(s0, s1);
	sink = (uint64_t)_mm256_cvtss_f32(s0);
}

static void avx2_int_checked(uint64_t n)
{
	if (__builtin_cpu_supports("avx2"))
		avx2_integer(n);
}

static void avx2_fma_checked(uint64_t n)
{
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		avx2_fma(n);
	else
		sse_float(n);
}

static const struct bench rows[] = {
	{ "sse-float", sse_float, "4096 floats" },
	{ "avx2-int", avx2_int_checked, "4096 words" },
	{ "avx2-fma", avx2_fma_checked, "4096 floats" },
};

FAMILY(simd_family, rows);
