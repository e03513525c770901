/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything that a vCPU holds, taken out and put back through the KVM API.
 */
#ifndef ANYKVM_HOST_VCPU_STATE_H
#define ANYKVM_HOST_VCPU_STATE_H

#include "host/vcpu.h"

struct vcpu_state *vcpu_state_get(const struct vcpu *v);
void vcpu_state_put(const struct vcpu *v, const struct vcpu_state *s);
/* What firmware would have set before it starts a kernel. */
void vcpu_state_power_on(const struct vcpu *v);
/* The boot CPU at a kernel's entry point. */
void vcpu_state_enter(const struct vcpu *v, const struct boot_entry *entry);
/* For the user, when the guest cannot go on. */
void vcpu_state_dump(const struct vcpu *v);
/* Dies with the ioctl's name when it fails. */
void vcpu_must(const struct vcpu *v, unsigned long request, void *arg, const char *what);

#endif
