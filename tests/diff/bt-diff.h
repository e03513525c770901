/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the translator's differential test share. */
#ifndef ANYKVM_BT_DIFF_H
#define ANYKVM_BT_DIFF_H

#include "bt.h"

/*
 * Guest memory: the same addresses natively and in the engine. The code is far from what a wild
 * pointer into the data may become, since the engine's memory here has the data only.
 */
#define DIFF_DATA 0x20000000ull
#define DIFF_DATA_SIZE (16 * 4096u)
/* The same memory again, in the last slot of user space: window B; the other is in A. */
#define DIFF_DATA_B 0x7e1020000000ull
#define DIFF_CODE 0x2d680000ull
#define DIFF_CODE_SIZE 8192u

/* Code that is written by the program itself: where it is kept, NULL: not there; and that it was. */
u8 *diff_code_at(u64 lin, u32 size);
void diff_code_written(u64 lin, u32 size);

struct vcpu *diff_vcpu(void);	/* all zero, the only one of its VM */

extern u32 diff_bounce_percent, diff_fill;

/* Of no clock in particular: whatever is done takes no time, or ages. */
#define DIFF_NO_TIME 4000000000u
#define DIFF_AGES 1u
extern u32 diff_tsc_khz;

/* Windows onto the data, at whatever distance the context has: their pages are mapped by slow accesses. */
void diff_windows_make(struct bt_ctx *x);
void diff_windows_empty(struct bt_ctx *x);
bool diff_in_windows(struct bt_ctx *x, u64 host);	/* or their edges */

#endif
