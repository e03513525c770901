/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processor that the guest sees: -cpu, and the leaves that depend on the machine.
 */
#ifndef ANYKVM_HOST_CPUID_H
#define ANYKVM_HOST_CPUID_H

#include <linux/kvm.h>
#include <stdint.h>

#include "host/options.h"
#include "host/vm.h"

void cpu_help(void);
/* Dies unless @spec is a -cpu argument. */
void cpu_check(const char *spec);

/* What the accelerator can give, with @spec's changes made. For all CPUs; freed by nobody. */
struct kvm_cpuid2 *cpu_make(const struct vm *vm, const char *spec);
/* Fill in what is CPU @index's own. */
void cpu_personalize(struct kvm_cpuid2 *id, const struct topology *t, unsigned int index);
uint32_t cpu_apic_id(const struct topology *t, unsigned int index);
unsigned int cpu_phys_bits(const struct kvm_cpuid2 *id);

#endif
