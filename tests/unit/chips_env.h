/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A machine without CPUs for the chips' tests: a clock and timers that move
 * only when told, guest memory, vCPUs that count their kicks, routes.
 */
#ifndef CHIPS_ENV_H
#define CHIPS_ENV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core-int.h"
#include "x86/irqchip.h"
#include "x86/lapic.h"
#include "x86/pv.h"

#define ENV_MEM 0x10000
#define ENV_TSC_KHZ 2000000	/* the guest's TSC: two ticks a nanosecond of the clock */

extern u64 env_now;			/* plat_time_ns */
extern u64 env_real;			/* plat_real_ns */
extern u64 env_run_delay;
extern u8 env_mem[ENV_MEM];
extern u32 env_timer_starts;
extern u32 env_alloc_fail;		/* n: the n-th allocation from now fails; 0: none */
extern int env_live_allocs;
extern u32 env_acked[64];		/* eventfd_irq_acked, by GSI */
extern int env_lower_on_ack;		/* GSI that its acknowledgement lowers (a resampler); -1: none */
extern u32 env_resets;			/* x86_vcpu_reset */
extern u32 env_cpuid1_ecx, env_pv_features;

/* A VM with @n vCPUs: ids 0.. n - 1, or those of @ids. */
struct vm *env_vm(enum vm_irqchip kind, u32 n, const u32 *ids);
void env_vm_free(struct vm *vm);
u32 env_kicks(struct vcpu *v);		/* since the last question */

void env_advance(u64 ns);		/* runs the timers that come due, in order */

void env_route(u32 gsi, u32 chip, u32 pin);	/* replaces the chip's route of that GSI */
void env_route_msi(u32 gsi, u32 lo, u32 hi, u32 data);

u8 env_inb(struct vcpu *v, u16 port);
void env_outb(struct vcpu *v, u16 port, u8 val);
u32 env_rd(struct vcpu *v, u64 gpa);
void env_wr(struct vcpu *v, u64 gpa, u32 val);
u32 env_apic(struct vcpu *v, u32 reg);
void env_set_apic(struct vcpu *v, u32 reg, u32 val);
u32 env_ioapic(struct vcpu *v, u32 reg);
void env_set_ioapic(struct vcpu *v, u32 reg, u32 val);
void env_redir(struct vcpu *v, u32 pin, u64 entry);

/* TAP */
void ok_(bool cond, const char *name, const char *file, int line);
#define OK(cond, name) ok_(cond, name, __FILE__, __LINE__)
#define EQ(a, b, name) do {							\
	u64 a_ = (a), b_ = (b);							\
	if (a_ != b_)								\
		printf("# %s: got %#llx, want %#llx\n", name,			\
		       (unsigned long long)a_, (unsigned long long)b_);		\
	ok_(a_ == b_, name, __FILE__, __LINE__);				\
} while (0)
int tap_end(void);
u64 env_rand(void);
extern u64 env_seed;

#endif
