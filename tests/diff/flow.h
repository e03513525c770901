/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs for the differential test of control flow: flow-make.c makes them, flow.c runs them. */
#ifndef ANYKVM_FLOW_H
#define ANYKVM_FLOW_H

#include "bt-diff.h"

#define FLOW_PAGES 16u
#define FLOW_CODE 0x2d700000ull
#define FLOW_TABLE 0x4000u		/* offset in the data of the addresses for computed jumps */
#define FLOW_SLOTS 512u
#define FLOW_CELLS 0x8000u		/* counters, saved stack pointers */
#define FLOW_STACK (DIFF_DATA + DIFF_DATA_SIZE - 64)

/* What INT3 asks for: the low three bits of the byte after it. */
enum { FLOW_SWITCH, FLOW_REMAP, FLOW_REMAP_ALL, FLOW_EVENTS };

struct flow_program {
	u8 image[2][FLOW_PAGES * PAGE_SIZE];	/* two sets of the pages */
	bool global[FLOW_PAGES];		/* the same in both address spaces */
	u64 table[FLOW_SLOTS];
	u64 end;				/* address of the end */
	u32 len;
};

void flow_make(struct flow_program *p);
void flow_print(const struct flow_program *p);

/* Loops without an end. */
#define FLOW_ENDLESS 6u
void flow_make_endless(struct flow_program *p, u32 n);
const char *flow_endless_name(u32 n);

#endif
