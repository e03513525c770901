/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process home's hot types and primitives (see core/plat.h). Everything
 * here uses general registers only: an engine may call it while the guest's
 * x87 and vector state is live in the CPU.
 *
 * A spinlock of a process can lose its processor while it is held, so it
 * spins for a moment and then sleeps in the kernel (futex(2), reached with a
 * bare SYSCALL for the same reason).
 */
#ifndef ANYKVM_PLAT_INLINE_H
#define ANYKVM_PLAT_INLINE_H

#include "atomic.h"

struct vcpu;

struct plat_spinlock { u32 v; };	/* 0 free, 1 held, 2 held and somebody sleeps */
struct plat_mutex { u32 v; };		/* the same */

struct plat_rwlock {
	u32 state;			/* readers; bit 31: a writer holds it */
	u32 writers;			/* that wait: new readers let them go first */
	u32 seq;			/* futex: moves at every release */
	u32 sleepers;
};

struct plat_timer {
	u64 deadline;			/* ns, CLOCK_MONOTONIC */
	void (*fn)(struct plat_timer *t);
	u32 slot;			/* in the heap, from 1; 0: not armed */
	u32 running;
	void *home;			/* the home's own */
};

struct plat_thread {
	u32 wake;			/* futex: 1: do not sleep */
	u32 in_run;			/* between plat_thread_enter and leave */
	struct vcpu *vcpu;
	u64 code_lo, code_hi;		/* plat_code_range */
	u32 mask_set;			/* KVM_SET_SIGNAL_MASK was given */
	u32 pad;
	u64 mask;			/* ... and what it blocks */
	u64 saved_mask;			/* of the host program, during KVM_RUN */
	u64 reserved[2];
};

/* Nobody asks a process (ANYKVM_TRACE has its own topics: plat_trace). */
static inline void plat_trace_mmio(bool write, u32 len, u64 gpa, const void *val)
{
}

static inline void plat_trace_pio(bool out, u16 port, u32 size, u32 count, const void *val)
{
}

static inline void plat_trace_msr(bool write, u32 index, u64 val, bool refused)
{
}

/* ---- spinlock ---- */

/* A sanitized build tells its home of each spinlock taken (1) and dropped (-1): see home/test. */
#ifdef ANYKVM_SAN
void plat_spin_held(int n);
#else
static inline void plat_spin_held(int n)
{
}
#endif

#define PLAT_SYS_FUTEX 202
#define PLAT_FUTEX_WAIT_PRIVATE 128
#define PLAT_FUTEX_WAKE_PRIVATE 129

static inline long plat_futex_raw(u32 *word, int op, u32 val)
{
	long ret;
	register u64 r10 __asm__("r10") = 0;	/* no timeout */

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"((long)PLAT_SYS_FUTEX), "D"(word), "S"((long)op), "d"((u64)val),
			   "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline void plat_spin_init(struct plat_spinlock *l)
{
	l->v = 0;
}

static __attribute__((noinline, unused)) void plat_spin_lock_slow(u32 *v)
{
	int i;

	for (i = 0; i < 100; i++) {
		if (!READ_ONCE(*v) && !plat_atomic_cmpxchg32(v, 0, 1))
			return;
		plat_pause();
	}
	while (plat_atomic_xchg32(v, 2))
		plat_futex_raw(v, PLAT_FUTEX_WAIT_PRIVATE, 2);
}

static inline void plat_spin_lock(struct plat_spinlock *l)
{
	plat_spin_held(1);
	if (unlikely(plat_atomic_cmpxchg32(&l->v, 0, 1)))
		plat_spin_lock_slow(&l->v);
}

static inline bool plat_spin_trylock(struct plat_spinlock *l)
{
	if (plat_atomic_cmpxchg32(&l->v, 0, 1))
		return false;
	plat_spin_held(1);
	return true;
}

static inline void plat_spin_unlock(struct plat_spinlock *l)
{
	if (unlikely(plat_atomic_xchg32(&l->v, 0) == 2))
		plat_futex_raw(&l->v, PLAT_FUTEX_WAKE_PRIVATE, 1);
	plat_spin_held(-1);
}

void plat_bug(const char *file, int line, const char *what) __attribute__((noreturn));
#define BUG_ON(cond) do { if (unlikely(cond)) plat_bug(__FILE__, __LINE__, #cond); } while (0)

#endif
