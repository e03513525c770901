/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A core with nothing in it, for tests of the process home alone: files of
 * every kind, a KVM_RUN that sleeps until a signal, and a record of what the
 * home told it.
 */
#ifndef TESTS_HOME_FAKE_CORE_H
#define TESTS_HOME_FAKE_CORE_H

#include "core.h"
#include "vm.h"
#include "vcpu.h"

extern u32 fake_releases[5]; /* by enum plat_file_kind */
extern u32 fake_kicks;
extern struct vm *fake_last_vm;

/* vm_code_written: how often for the page of this address, and which VM last. */
u32 fake_written(const void *page);
void fake_forget(void);
extern u32 fake_written_total;

struct vm *fake_vm(void *ram, size_t size);
extern bool (*fake_fault)(struct vcpu *v, struct engine_fault *f);

#endif
