/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few words of TAP that these tests speak. */
#ifndef TESTS_HOME_TAP_H
#define TESTS_HOME_TAP_H

#include <stdio.h>

static int tap_n, tap_failed;

#define ok(cond, ...)                                                       \
	do {                                                                \
		int good_ = !!(cond);                                       \
		tap_failed += !good_;                                       \
		printf("%sok %d - ", good_ ? "" : "not ", ++tap_n);         \
		printf(__VA_ARGS__);                                        \
		printf("\n");                                               \
		if (!good_)                                                 \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
		fflush(stdout);                                             \
	} while (0)

#define skip(why, ...)                       \
	do {                                 \
		printf("ok %d - ", ++tap_n); \
		printf(__VA_ARGS__);         \
		printf(" # SKIP %s\n", why); \
		fflush(stdout);              \
	} while (0)

static inline int tap_done(void)
{
	printf("1..%d\n", tap_n);
	return tap_failed ? 1 : 0;
}

#endif
