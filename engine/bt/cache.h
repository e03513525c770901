/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the code cache, for cache.c and the translator: the code buffer,
 * filled from the front and dropped as a whole when full, and the arenas that
 * its blocks live in.
 */
#ifndef ANYKVM_BT_CACHE_H
#define ANYKVM_BT_CACHE_H

#include "bt.h"
#include "emit.h"

#define BT_CODE_SIZE (32u << 20)
#define BT_MAX_BLOCKS (128u << 10)
#define BT_MAX_MAPS (1u << 20)
#define BT_MAX_KEPT (32u << 10)
#define BT_HASH_BITS 16
#define BT_PAGE_HASH_BITS 13

struct bt_translation;

/*
 * Ways that all blocks share, one set for each view: to the target in T0, with the arithmetic flags
 * in the processor or parked; the same for the link in T0.
 */
enum bt_way { BT_WAY_JUMP, BT_WAY_JUMP_PARKED, BT_WAY_LINK, BT_WAY_LINK_PARKED, BT_WAYS };

/* A guest page that has blocks. */
struct bt_page {
	u64 gfn;
	struct bt_block *first;		/* through page_next, or page2_next where it is a block's second page */
	struct bt_page *next;
};

struct bt_cache {
	struct bt_ctx *ctx;
	u8 *rw, *rx;			/* one memory, two addresses */
	struct bt_emit e;
	u32 way[BT_MMU_COUNT][BT_WAYS];	/* code offsets */
	u32 way_next;			/* leave for the target in T0; flags are parked */
	struct bt_block *blocks;
	u32 nblocks;
	struct bt_map *maps;
	u32 nmaps;
	struct x86_insn *insns;		/* decoded for the emulator: ctx->interp - 1 */
	u32 ninsns;
	struct bt_block **hash;
	struct bt_page **page_hash;
	struct bt_page *pages;
	u32 npages;
	struct bt_translation *tr;	/* the translator's working room */
};

/* Room for one more block in every arena? */
bool bt_cache_room(const struct bt_cache *c);
/* Enter a finished block into the tables. */
void bt_cache_add(struct bt_cache *c, struct bt_block *b);

/* edge.c: begin the code buffer anew. */
void bt_edge_ways(struct bt_cache *c);

/* translate.c */
struct bt_translation *bt_translation_create(void);

#endif
