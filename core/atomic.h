/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What is the same in every home, since the processor is: atomics, which are
 * sequentially consistent and return the old value, a barrier, and the time
 * stamp. Each home's plat_inline.h includes it.
 */
#ifndef ANYKVM_ATOMIC_H
#define ANYKVM_ATOMIC_H

#include "types.h"

#define PLAT_ATOMIC(bits)							\
static inline u##bits plat_atomic_or##bits(u##bits *p, u##bits v)		\
{ return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }				\
static inline u##bits plat_atomic_and##bits(u##bits *p, u##bits v)		\
{ return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); }				\
static inline u##bits plat_atomic_add##bits(u##bits *p, u##bits v)		\
{ return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }				\
static inline u##bits plat_atomic_xchg##bits(u##bits *p, u##bits v)		\
{ return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }				\
static inline u##bits plat_atomic_cmpxchg##bits(u##bits *p, u##bits old, u##bits new_)	\
{										\
	__atomic_compare_exchange_n(p, &old, new_, false, __ATOMIC_SEQ_CST,	\
				    __ATOMIC_SEQ_CST);				\
	return old;								\
}
PLAT_ATOMIC(32)
PLAT_ATOMIC(64)
#undef PLAT_ATOMIC

static inline void plat_mb(void)
{
	__asm__ volatile("lock addl $0, -4(%%rsp)" ::: "memory");
}

static inline void plat_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline u64 plat_rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

#endif
