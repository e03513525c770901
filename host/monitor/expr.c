// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sums and products of numbers and registers: see expr.h. Arithmetic wraps at 64 bits. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/monitor/expr.h"

#define MAX_DEPTH 32

struct expr {
	struct call *c;
	const char *p;
	unsigned int depth;
	bool bad;
};

static uint64_t sum(struct expr *e);

static void blanks(struct expr *e)
{
	while (*e->p == ' ')
		e->p++;
}

static uint64_t reg(struct expr *e)
{
	char name[16];
	size_t n = 0;
	uint64_t val = 0;

	for (e->p++; isalnum((unsigned char)*e->p) && n < sizeof(name) - 1; e->p++)
		name[n++] = *e->p;
	name[n] = 0;
	if (!cpu_register(e->c, name, &val)) {
		call_fail(e->c, GENERIC_ERROR, "there is no register $%s", name);
		e->bad = true;
	}
	return val;
}

static uint64_t value(struct expr *e)
{
	uint64_t val;
	char *end;

	blanks(e);
	if (++e->depth > MAX_DEPTH)
		e->bad = true;
	if (e->bad)
		return 0;
	if (*e->p == '$') {
		val = reg(e);
	} else if (*e->p == '-') {
		e->p++;
		val = -value(e);
	} else if (*e->p == '(') {
		e->p++;
		val = sum(e);
		e->bad |= *e->p != ')';
		e->p += *e->p == ')';
	} else {
		errno = 0;
		val = strtoull(e->p, &end, 0);
		e->bad |= !isdigit((unsigned char)*e->p) || errno;
		e->p = end;
	}
	e->depth--;
	blanks(e);
	return val;
}

static uint64_t product(struct expr *e)
{
	uint64_t val = value(e);

	while (*e->p == '*' && !e->bad) {
		e->p++;
		val *= value(e);
	}
	return val;
}

static uint64_t sum(struct expr *e)
{
	uint64_t val = product(e);

	while ((*e->p == '+' || *e->p == '-') && !e->bad) {
		bool minus = *e->p++ == '-';
		uint64_t next = product(e);

		val = minus ? val - next : val + next;
	}
	return val;
}

bool expr_value(struct call *c, const char *text, uint64_t *val)
{
	struct expr e = { .c = c, .p = text };

	*val = sum(&e);
	return !e.bad && !*e.p;
}
