/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtual CPUs: one thread each, run until the machine wants something else.
 */
#ifndef ANYKVM_HOST_VCPU_H
#define ANYKVM_HOST_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/boot/boot.h"
#include "host/bus/bus.h"
#include "host/options.h"
#include "host/vm.h"

struct vcpu_state;

struct vcpu {
	const struct vm *vm;
	struct bus *bus;
	unsigned int index;
	uint32_t apic_id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	pid_t tid;
	struct vcpu_state *first;	/* as it was at power-on */
};

/* All of them, with nothing running yet. @ready: as firmware leaves them, for there is none. */
void vcpus_create(const struct vm *vm, struct bus *bus, const struct topology *t,
		  struct kvm_cpuid2 *cpuid, bool ready);
/* Where the boot CPU begins; the others wait for their INIT and SIPI. */
void vcpus_set_entry(const struct boot_entry *entry);
/* Threads start, paused. */
void vcpus_start(void);
/*
 * With the machine lock held (which is released while waiting): every vCPU is out of KVM_RUN when
 * pause returns.
 */
void vcpus_pause(void);
void vcpus_resume(void);
/* While paused: registers as at power-on. */
void vcpus_reset(void);
unsigned int vcpus_count(void);
struct vcpu *vcpu_at(unsigned int index);
/* End the threads. */
void vcpus_stop(void);

#endif
