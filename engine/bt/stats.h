/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a vCPU counts. C counts always: an addition where much more is done.
 * Time is taken, and generated code counts what it executes (the topic
 * "count"), only on request. stats.c has the table that is printed.
 */
#ifndef ANYKVM_BT_STATS_H
#define ANYKVM_BT_STATS_H

#include "plat.h"
#include "x86/emulate/insn.h"

/* Where the time goes. */
enum bt_time {
	BT_TIME_AWAY,		/* out of the engine: the core, the host program, or a halted CPU's sleep */
	BT_TIME_RUN,		/* the run loop, and what it executes in C */
	BT_TIME_TRANSLATE,
	BT_TIME_CODE,		/* generated code */
	BT_TIME_HELPER,		/* C that it calls: the slow ways of memory accesses */
	BT_TIMES
};

/* What became of a slow access. */
enum bt_slow {
	BT_SLOW_LEVEL2,		/* the second level of the TLB had it */
	BT_SLOW_FILLED,		/* the tables were walked, or its rights looked at anew */
	BT_SLOW_CROSSES,	/* it is on two pages */
	BT_SLOW_DEVICE,		/* MMIO, or a store to read-only memory */
	BT_SLOW_CODE,		/* a store to a page with translated code, beside it */
	BT_SLOW_LEFT,		/* the block was left: a fault, a watchpoint, a store to running code */
	BT_SLOW_CAUSES
};

struct bt_stats {
	u64 blocks, insns, again;		/* translated; of these, blocks that had been before */
	u64 flushes;				/* of the whole code cache */
	u64 smc;				/* stores to pages with code, and rounds of others' */
	u64 interp;				/* instructions that C executed */
	u64 tlb_slow, slow[BT_SLOW_CAUSES];
	u64 parks;				/* places in generated code that save live flags */
	u64 exits[16];				/* enum bt_exit */
	u64 ran_blocks, ran_insns, ran_accesses;	/* by generated code under the topic "count" */
	struct {		/* window.c */
		u64 promoted, demoted, misses, maps, pages, unmaps, protects, verifies, wipes, code;
	} window;
	u64 time[BT_TIMES], since;		/* TSC cycles; those of time_in run since then */
	u8 time_in;
	bool on, counting;			/* the topics "stats", "count" */
	bool perf;				/* "perf" */
	u32 op[X86_OP_COUNT];			/* of interp */
};

/* From now on time counts as @in's. Returns whose it was. */
static inline enum bt_time bt_time(struct bt_stats *s, enum bt_time in)
{
	enum bt_time was = s->time_in;
	u64 now;

	if (likely(!s->on))
		return was;
	now = plat_rdtsc();
	s->time[was] += now - s->since;
	s->since = now;
	s->time_in = in;
	return was;
}

#endif
