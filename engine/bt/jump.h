/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The jump cache, the return cache and the numbers that say whether what they
 * know still holds: jump.c. Own thread only, but for bt_kick.
 */
#ifndef ANYKVM_BT_JUMP_H
#define ANYKVM_BT_JUMP_H

#include "bt.h"

/* The present address space is @asid, a number that no other space has and that changes with its flushes. */
void bt_jump_space(struct bt_ctx *x, u64 asid);
/* Code may have moved: anywhere; at @lin in the present space, in every space if it was global. */
void bt_jump_flush(struct bt_ctx *x);
void bt_jump_flush_page(struct bt_ctx *x, u64 lin);
/* View @m gets to know code of the page at @lin. Before a link or bt_jc_insert. */
void bt_jump_note(struct bt_ctx *x, enum bt_mmu m, u64 lin, bool global);
/* Before generated code runs under ctx->key. True: every block went. */
bool bt_jump_sync(struct bt_ctx *x);
/* Is code of this key found through the caches and linked across pages? */
bool bt_jump_cacheable(u32 key);

void bt_jc_flush(struct bt_ctx *x);	/* every address of generated code is void */
void bt_jc_remove(struct bt_ctx *x, u64 rip);
void bt_rc_remove(struct bt_ctx *x, u64 code, u64 size);	/* what lies there is void */
void bt_jc_insert(struct bt_ctx *x, struct bt_block *b);
/* What generated code would find on its own. 0: nothing. */
u64 bt_jc_hit(const struct bt_ctx *x, u64 rip);

/* Any thread: leave generated code at the next edge. */
static inline void bt_kick(struct bt_ctx *x)
{
	WRITE_ONCE(x->go, 0);
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		WRITE_ONCE(x->edge[m], 0);
}

static inline bool bt_kicked(const struct bt_ctx *x)
{
	return !READ_ONCE(x->go);
}

/* Own thread: what was kicked for is about to be looked at. */
static inline void bt_unkick(struct bt_ctx *x)
{
	WRITE_ONCE(x->go, 1);
}

#endif
