/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel home's hot types and primitives (see core/plat.h).
 *
 * The core sees room for the kernel's locks and timers, not the types: their
 * headers and the core's do not go together in one file. plat.c asserts that
 * the room is enough.
 */
#ifndef ANYKVM_PLAT_INLINE_H
#define ANYKVM_PLAT_INLINE_H

#include <linux/tracepoint-defs.h>
#include "atomic.h"

struct vcpu;

#ifdef CONFIG_DEBUG_LOCK_ALLOC
#define PLAT_LOCK_WORDS 40
#else
#define PLAT_LOCK_WORDS 8
#endif

struct plat_spinlock { u64 home[PLAT_LOCK_WORDS / 2]; };
struct plat_mutex { u64 home[PLAT_LOCK_WORDS]; };
struct plat_rwlock { u64 home[PLAT_LOCK_WORDS]; };

struct plat_timer {
	u64 home[12];			/* struct hrtimer */
	void (*fn)(struct plat_timer *t);
};

/* The thread inside KVM_RUN: home/linux/thread.h says what it holds. */
struct plat_thread {
	struct vcpu *vcpu;
	u64 home[24];
};

/* ---- tracepoints: what the core knows and the engine does not (trace.c) ---- */

DECLARE_TRACEPOINT(kvm_mmio);
DECLARE_TRACEPOINT(kvm_pio);
DECLARE_TRACEPOINT(kvm_msr);

void plat_trace_mmio_on(bool write, u32 len, u64 gpa, const void *val);
void plat_trace_pio_on(bool out, u16 port, u32 size, u32 count, const void *val);
void plat_trace_msr_on(bool write, u32 index, u64 val, bool gp);

static inline void plat_trace_mmio(bool write, u32 len, u64 gpa, const void *val)
{
	if (tracepoint_enabled(kvm_mmio))
		plat_trace_mmio_on(write, len, gpa, val);
}

static inline void plat_trace_pio(bool out, u16 port, u32 size, u32 count, const void *val)
{
	if (tracepoint_enabled(kvm_pio))
		plat_trace_pio_on(out, port, size, count, val);
}

static inline void plat_trace_msr(bool write, u32 index, u64 val, bool gp)
{
	if (tracepoint_enabled(kvm_msr))
		plat_trace_msr_on(write, index, val, gp);
}

/*
 * Interrupts are off while one is held, for timers and eventfds come in
 * interrupts. Locks are dropped in the reverse order of taking.
 */
void plat_spin_init(struct plat_spinlock *l);
void plat_spin_lock(struct plat_spinlock *l);
void plat_spin_unlock(struct plat_spinlock *l);

#endif
