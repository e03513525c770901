/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Windows: a hot guest program's memory through the host's own page tables.
 *
 * Each address space of the guest that has proved busy gets two spans of the
 * host's address space, where guest pages are mapped at a fixed distance from
 * their linear addresses. Generated code for such a program (BT_KEY_WINDOW)
 * adds that distance instead of asking the software TLB. What is not mapped
 * there faults, and goes the slow way, which maps it for the next time.
 *
 *   B  the top of user space: libraries, mmap, the stack
 *   A  the one around the first address that is not in B: program and heap
 *
 * The guest's user space is seen as slots of BT_WINDOW_SIZE; each window is one
 * slot, so that an address lies in it when its bits from BT_WINDOW_SHIFT up are
 * the slot's number, which generated code has as a constant (BT_KEY_LAYOUT is
 * A's, B is always the last). Generated code looks only at the lowest sixteen of
 * these bits: an address with one of the others set stays non-canonical at any
 * delta, and the processor refuses it.
 *
 * The host's reservation reaches BT_WINDOW_EDGE further at both ends, and there
 * nothing is ever mapped. So once an address is known to lie in the window, what
 * lies within that distance of it either is the right page or faults. Delta is
 * a multiple of the page size, no more. While generated code with
 * BT_KEY_WINDOW runs, the host's GS base is B's delta (bt_enter sees to it).
 */
#ifndef ANYKVM_BT_WINDOW_H
#define ANYKVM_BT_WINDOW_H

#include "bt.h"

enum bt_window { BT_WINDOW_A, BT_WINDOW_B, BT_WINDOW_COUNT };

#define BT_WINDOW_SHIFT 41
#define BT_WINDOW_SIZE (1ull << BT_WINDOW_SHIFT)
#define BT_WINDOW_EDGE (1ull << 36)
#define BT_WINDOW_SLOT_B 63u		/* of 2^47 bytes */
#define BT_WINDOW_NONE 0xffu		/* A's slot while there is no A */

static inline u32 bt_window_slot(u64 lin)
{
	return lin >> BT_WINDOW_SHIFT;
}

#define BT_WINDOW_NOWHERE (1ull << 62)	/* as a delta: no address is one of the host's */

/* A's slot in the key. */
static inline u32 bt_key_slot_a(u32 key)
{
	return key >> BT_KEY_LAYOUT_SHIFT;
}

/* ---- window.c: run time; own thread, but bt_window_drop and bt_window_code ---- */

int bt_windows_create(struct bt_ctx *x);
void bt_windows_destroy(struct bt_ctx *x);
/*
 * Between blocks, before code of mode @key runs: @key, with BT_KEY_WINDOW and
 * what goes with it when the present address space has windows and the stack
 * is in one. They hold what the guest's tables say since its last flush.
 */
u32 bt_window_key(struct bt_ctx *x, u32 key);
u32 bt_window_no_key(u32 key);
/* The same for x->user_key, to which SYSRET goes without asking; or it may not. */
void bt_window_user_key(struct bt_ctx *x);
/* The stack has left the window that x->key names: compute the key anew. */
static inline bool bt_window_stack_left(const struct bt_ctx *x, u64 rsp)
{
	return (x->key & BT_KEY_WINDOW) &&
	       bt_window_slot(rsp) !=
	       ((x->key & BT_KEY_STACK_A) ? bt_key_slot_a(x->key) : BT_WINDOW_SLOT_B);
}
/* Out of generated code, now and then: count what runs. */
void bt_window_tick(struct bt_ctx *x);
/* A slow access of code with BT_KEY_WINDOW found plain memory in the page of @lin. */
void bt_window_miss(struct bt_ctx *x, u64 lin, bool write);
/* A host fault in code with BT_KEY_WINDOW; it came to a #PF of the guest. */
void bt_window_signal(struct bt_ctx *x);
void bt_window_faulted(struct bt_ctx *x, u64 lin, bool write);
/* The guest flushed this PCID (@all: everything), or a page. */
void bt_window_flush(struct bt_ctx *x, bool all);
void bt_window_flush_page(struct bt_ctx *x, u64 lin);
/* The host program's memory has changed its place; all vCPUs are out of guest code. */
void bt_window_drop(struct bt_ctx *x);
/* The page at @gpa gets translated code: no vCPU writes to it through a window any more. */
void bt_window_code(struct vm *vm, u64 gpa);

#endif
