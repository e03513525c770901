/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The emulator, area by area, on a fake guest: the runner. */
#include "tests/unit/emulate_test.h"

unsigned int test_bad;

int main(void)
{
	static const struct unit_test *const sets[] = { emulate_basic_tests, emulate_legacy_tests,
							emulate_long_tests, emulate_atomic_tests,
							emulate_vector_tests };
	unsigned int n = 0, failed = 0, s;
	const struct unit_test *t;
	struct env v = { .mem = NULL };

	for (s = 0; s < ARRAY_SIZE(sets); s++) {
		for (t = sets[s]; t->name; t++) {
			test_bad = 0;
			t->fn(&v);
			failed += test_bad != 0;
			printf("%sok %u - %s\n", test_bad ? "not " : "", ++n, t->name);
		}
	}
	printf("1..%u\n", n);
	env_free(&v);
	return failed != 0;
}
