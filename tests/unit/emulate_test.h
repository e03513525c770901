/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the emulator's unit test share. */
#ifndef EMULATE_TEST_H
#define EMULATE_TEST_H

#include <stdio.h>
#include "tests/unit/emulate_env.h"

extern unsigned int test_bad;	/* failed checks of the running test */

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			test_bad++; \
		} \
	} while (0)

#define CHECK_EQ(a, b) \
	do { \
		unsigned long long a_ = (a), b_ = (b); \
		if (a_ != b_) { \
			printf("# %s:%d: %s is %#llx, not %#llx\n", __FILE__, __LINE__, #a, a_, b_); \
			test_bad++; \
		} \
	} while (0)

#define CODE(v, ...) env_code(v, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

/* The step must raise this, and change nothing. */
#define CHECK_FAULT(v, vec, err) \
	do { \
		struct x86_cpu before_ = (v)->c; \
		CHECK_EQ(env_step(v), X86_EMU_FAULT); \
		CHECK_EQ((v)->e.exc.vector, vec); \
		CHECK_EQ((v)->e.exc.error, err); \
		CHECK(!memcmp(&before_, &(v)->c, sizeof(before_))); \
	} while (0)

struct unit_test {
	const char *name;
	void (*fn)(struct env *v);
};

extern const struct unit_test emulate_basic_tests[], emulate_legacy_tests[], emulate_long_tests[],
	emulate_atomic_tests[], emulate_vector_tests[];

#endif
