/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 32 MiB to compress, like a directory of files: prose (words by Zipf's law, each drawing what
 * follows it), a log, tables of binary records, machine code by its look, and some that is already
 * compressed. xz -6 makes it about a fifth.
 */
#include <stdlib.h>
#include <string.h>

#include "programs.h"

#define SIZE (32u << 20)
#define PART (1u << 20) /* each kind in turn */
#define NR_WORDS 20000
#define NR_FOLLOWERS 8

static uint64_t seed = 0x9e3779b97f4a7c15ull;
static char words[NR_WORDS][12];
static unsigned short followers[NR_WORDS][NR_FOLLOWERS];

/* Word k comes about as often as 1/k. */
static unsigned int zipf(void)
{
	unsigned int bits = below(&seed, 15); /* 2^14 < NR_WORDS */
	unsigned int k = (1u << bits) + below(&seed, 1u << bits);

	return k < NR_WORDS ? k : NR_WORDS - 1;
}

static void make_words(void)
{
	static const char consonants[] = "ttnnssrrhhdlcmfpgwbvyk", vowels[] = "eeeaaoiiu";

	for (int i = 0; i < NR_WORDS; i++) {
		unsigned int syllables = 1 + (i > 40) + (i > 800) * below(&seed, 3), n = 0;

		while (syllables--) {
			words[i][n++] = consonants[below(&seed, sizeof(consonants) - 1)];
			words[i][n++] = vowels[below(&seed, sizeof(vowels) - 1)];
			if (!below(&seed, 3))
				words[i][n++] = consonants[below(&seed, sizeof(consonants) - 1)];
		}
		for (int j = 0; j < NR_FOLLOWERS; j++)
			followers[i][j] = zipf();
	}
}

static unsigned int prose(char *p)
{
	static unsigned int word;
	unsigned int n;

	word = below(&seed, 3) ? followers[word][below(&seed, NR_FOLLOWERS)] : zipf();
	n = strlen(words[word]);
	memcpy(p, words[word], n);
	p[n++] = below(&seed, 12) ? ' ' : '\n';
	return n;
}

static unsigned int log_line(char *p)
{
	static const char *const what[] = { "GET", "GET", "GET", "POST", "HEAD" };
	static unsigned long when = 1700000000;

	when += below(&seed, 3);
	return sprintf(p, "%lu 10.%u.%u.%u \"%s /%s/%s/%u\" %u %u\n", when, below(&seed, 4),
		       below(&seed, 256), below(&seed, 256), what[below(&seed, 5)], words[zipf()],
		       words[zipf()], below(&seed, 1000), below(&seed, 20) ? 200 : 404,
		       below(&seed, 100000));
}

static unsigned int record(char *p)
{
	static uint32_t r[8];

	r[0]++;
	r[1] += 1 + below(&seed, 50);
	r[2] = below(&seed, 12);
	r[3] = below(&seed, 65536);
	r[5] = 0x3f800000 + below(&seed, 1 << 20);
	r[7] = r[2] * 8;
	memcpy(p, r, sizeof(r));
	return sizeof(r);
}

static unsigned int code(char *p)
{
	static const unsigned char forms[][4] = { { 0x48, 0x8b, 0x44, 0x24 }, { 0x48, 0x89, 0xd8 },
						  { 0x0f, 0xb6, 0x07 },	      { 0x48, 0x83, 0xc4 },
						  { 0xe8 },		      { 0x74 },
						  { 0x85, 0xc0, 0x75 },	      { 0x41, 0x54, 0x55 } };
	static const unsigned char lengths[] = { 4, 3, 3, 3, 1, 1, 3, 3 };
	unsigned int k = below(&seed, 8), n = lengths[k];

	memcpy(p, forms[k], n);
	if (k == 4) { /* a call: one of some hundred targets */
		uint32_t to = below(&seed, 300) * 977;

		memcpy(p + n, &to, 4);
		return n + 4;
	}
	p[n++] = below(&seed, 16) * 8;
	return n;
}

static unsigned int noise(char *p)
{
	uint64_t x = random64(&seed);

	memcpy(p, &x, 8);
	return 8;
}

/* What was there before, now and then: files of a directory have much in common. */
static unsigned int again(char *out, unsigned int n)
{
	unsigned int back = 1000 + below(&seed, 3u << 20), length = 16 + below(&seed, 500);

	if (back > n)
		return 0;
	memcpy(out + n, out + n - back, length);
	return length;
}

void make_data(FILE *f)
{
	static unsigned int (*const kinds[])(char *p) = { prose, log_line, prose, record,
							  code,	 log_line, prose, record };
	char *out = malloc(SIZE + 1024);
	unsigned int n = 0;

	if (!out)
		exit(1);
	make_words();
	while (n < SIZE)
		if (!below(&seed, 20))
			n += again(out, n);
		else if (n % (PART * 8) < PART / 2)
			n += noise(out + n);
		else
			n += kinds[n / PART % 8](out + n);
	fwrite(out, 1, SIZE, f);
	free(out);
}
