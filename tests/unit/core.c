/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The KVM API over the test home: the parts in order. */
#include "core_env.h"

int main(void)
{
	env_start();
	EQ(core_create_system(), -ENODEV, "no engine, no system");
	OK(!core_init(&interpreter) && !core_init(&interpreter), "core_init, twice");
	test_life();
	test_memory();
	test_dirty();
	test_run();
	test_state();
	test_irq();
	test_tsc();
	test_async();
	test_failures();
	return tap_end();
}
