/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few words of TAP that tests of one file speak. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_n, tap_failed;

/* A check with its name, as printf() has it; true: it holds. */
#define ok(cond, ...) tap_check(!!(cond), __FILE__, __LINE__, #cond, __VA_ARGS__)

__attribute__((format(printf, 5, 6)))
static inline bool tap_check(bool good, const char *file, int line, const char *cond,
			     const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_n);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good)
		printf("# %s:%d: %s\n", file, line, cond);
	fflush(stdout);
	tap_failed += !good;
	return good;
}

#define skip(why, ...)                       \
	do {                                 \
		printf("ok %d - ", ++tap_n); \
		printf(__VA_ARGS__);         \
		printf(" # SKIP %s\n", why); \
		fflush(stdout);              \
	} while (0)

/* The plan, and main()'s value. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_n);
	return tap_failed ? 1 : 0;
}

#endif
