/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inputs of the real programs of `make bench`: made by a seed, the same everywhere. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <stdint.h>
#include <stdio.h>

static inline uint64_t random64(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline unsigned int below(uint64_t *s, unsigned int n)
{
	return (random64(s) >> 32) * n >> 32;
}

void make_data(FILE *f);
void make_source(FILE *f);

#endif
