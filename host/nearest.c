// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Edit distance with transpositions (Damerau, restricted): how many letters a slip of the fingers
 * has put in, left out, changed or swapped. A name that begins with the whole word counts as near:
 * people shorten.
 */
#include <string.h>

#include "host/nearest.h"

#define MAX_WORD 48

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static unsigned int distance(const char *a, size_t la, const char *b, size_t lb)
{
	unsigned int d[MAX_WORD + 1][MAX_WORD + 1];
	size_t i, j;

	if (la > MAX_WORD)
		la = MAX_WORD;
	if (lb > MAX_WORD)
		lb = MAX_WORD;
	for (i = 0; i <= la; i++)
		d[i][0] = (unsigned int)i;
	for (j = 0; j <= lb; j++)
		d[0][j] = (unsigned int)j;
	for (i = 1; i <= la; i++)
		for (j = 1; j <= lb; j++) {
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
					d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[la][lb];
}

const char *nearest(const char *word, size_t len, const char *const *names, size_t n)
{
	const char *best = names[0];
	unsigned int best_d = ~0u;
	size_t i;

	for (i = 0; i < n; i++) {
		size_t l = strlen(names[i]);
		unsigned int d = 2 * distance(word, len, names[i], l);

		if (len >= 3 && l > len && !strncmp(names[i], word, len))
			d = 1;
		if (d < best_d) {
			best_d = d;
			best = names[i];
		}
	}
	return best;
}
