/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the code cache, for cache.c, chunk.c and the translator.
 *
 * Code memory is a ring of chunks. A chunk has a piece of the code buffer and
 * a piece of the notes: its blocks' structures from the front, what is kept
 * for each of them (bt_map, packed; a decoded instruction) from the back. When
 * the ring has come round, the oldest chunk's blocks go, and only those.
 */
#ifndef ANYKVM_BT_CACHE_H
#define ANYKVM_BT_CACHE_H

#include "bt.h"
#include "emit.h"

#define BT_CHUNK_CODE (1u << 20)
#define BT_CHUNK_NOTES (1u << 20)
#define BT_CHUNKS 96u		/* of all vCPUs at most, but for CHUNKS_LEAST of each: chunk.c */
#define BT_BLOCK_ALIGN 16u		/* of a block's first byte: docs/translator.md, "The code cache" */
#define BT_WAYS_SIZE PAGE_SIZE		/* before the first chunk: code that all blocks share */
#define BT_CODE_SIZE (BT_WAYS_SIZE + BT_CHUNKS * BT_CHUNK_CODE)
#define BT_NOTES_SIZE (BT_CHUNKS * BT_CHUNK_NOTES)
#define BT_NOTES_FIRST 64u	/* of a chunk's: no reference is 0, and blocks have cache lines of their own */
#define BT_MAX_PAGES (32u << 10)
#define BT_MAX_MAPS 1024		/* of one block */
#define BT_HASH_BITS 18
#define BT_PAGE_HASH_BITS 13
#define BT_GONE_BITS 20

struct bt_translation;

/*
 * Ways that all blocks share, one set for each view: to the target in T0, with the arithmetic flags
 * in the processor or parked; the same for the link in T0.
 */
enum bt_way { BT_WAY_JUMP, BT_WAY_JUMP_PARKED, BT_WAY_LINK, BT_WAY_LINK_PARKED, BT_WAYS };

/* A guest page that has blocks. */
struct bt_page {
	u64 gfn;
	bt_ref first;			/* block; through page_next, or page2_next: its second page */
	u64 swept;			/* last round of sweeping that saw it */
	struct bt_page *next;		/* in the hash, or in the list of free ones */
};

struct bt_chunk {
	u32 nblocks;
	u32 code;			/* bytes of code, once the chunk is closed */
	u32 back;			/* offset of the lowest note from the back */
	bool touched;			/* it may have memory of the host */
};

/* What the access of one guest instruction met: hint.c. */
#define BT_HINT_BITS 12
#define BT_HINT_CHANGES 3u
struct bt_hint {
	u32 site;		/* lower half of its rip */
	u8 form, changes;
	u16 misses;
};

struct bt_cache {
	struct bt_ctx *ctx;
	u8 *rw, *rx;			/* one memory, two addresses */
	u8 *notes;
	struct bt_emit e;
	u32 way[BT_MMU_COUNT][BT_WAYS];	/* code offsets */
	u32 way_next;			/* leave for the target in T0; flags are parked */
	struct bt_chunk chunk[BT_CHUNKS];
	u32 cur;			/* the chunk that is being filled */
	u32 ring;			/* chunks that may be in use: see ring.c */
	u64 wrapped, begun, trimmed;	/* TSC when it last came round, a chunk was begun, ring.c looked */
	u64 made, again;		/* blocks since it came round; those that had been evicted before */
	u8 *gone;			/* hash: blocks that were evicted of late */
	u64 generation;			/* changes whenever struct bt_block pointers may have died */
	u64 evictions, evicted;		/* chunks; blocks that lived in them */
	u64 given_back;			/* chunks whose memory the host got back */
	u64 longest;			/* TSC cycles of the longest eviction */
	bt_ref *hash;
	struct bt_page **page_hash;
	struct bt_page *pages, *free_pages;
	u32 npages;			/* of pages[], ever used; in use and free are below it */
	u64 round;			/* of sweeping */
	struct bt_hint hint[1u << BT_HINT_BITS];
	struct bt_translation *tr;	/* the translator's working room */
};

/* ---- references ---- */

static inline void *bt_at(const struct bt_cache *c, bt_ref r)
{
	return c->notes + r;
}

static inline struct bt_block *bt_block_at(const struct bt_cache *c, bt_ref r)
{
	return r ? bt_at(c, r) : NULL;
}

static inline bt_ref bt_ref_of(const struct bt_cache *c, const void *p)
{
	return (const u8 *)p - c->notes;
}

/* The blocks of chunk @k, in the order of their code. */
static inline struct bt_block *bt_chunk_blocks(const struct bt_cache *c, u32 k)
{
	return bt_at(c, k * BT_CHUNK_NOTES + BT_NOTES_FIRST);
}

/* The block that @l is a way out of. */
static inline struct bt_block *bt_link_from(const struct bt_cache *c, const struct bt_link *l)
{
	u32 r = bt_ref_of(c, l), k = r / BT_CHUNK_NOTES;

	return &bt_chunk_blocks(c, k)[(r % BT_CHUNK_NOTES - BT_NOTES_FIRST) / sizeof(struct bt_block)];
}

static inline enum bt_link_kind bt_link_kind(const struct bt_block *from, const struct bt_link *l)
{
	return from->kind[l - from->link];
}

/* Code offset of the imm32 with the number of a link that is not near: cmp imm32; jne rel32; jmp rel32. */
static inline u32 bt_link_number(const struct bt_block *from, const struct bt_link *l)
{
	return from->code + l->rel - 11;
}

/* For tests, before a cache is made: chunks in the ring (2..BT_CHUNKS) and bytes of code in each. */
extern u32 bt_cache_chunks, bt_cache_chunk_code;

/* ---- chunk.c ---- */
/* Room for one more block, whatever its size; evicts what is in the way. */
void bt_cache_make_room(struct bt_cache *c);
/* The room for that block's structure. It counts from bt_cache_take on. */
struct bt_block *bt_cache_block(struct bt_cache *c);
void bt_cache_take(struct bt_cache *c);
/* Keep for @b what host addresses mean: the @n entries, in the order of the code. */
void bt_cache_keep_maps(struct bt_cache *c, struct bt_block *b, const struct bt_map *m, u32 n);
/* Keep @i as long as the block in work: the number for ctx->interp. */
u32 bt_cache_keep_insn(struct bt_cache *c, const struct x86_insn *i);
void bt_chunks_reset(struct bt_cache *c);
void bt_chunk_give_back(struct bt_cache *c, u32 k);	/* evict it, and its memory goes to the host */
u64 bt_cache_bytes(const struct bt_cache *c);	/* code in the ring */
u64 bt_cache_notes(const struct bt_cache *c);	/* bytes beside it */

/* ---- ring.c ---- */
bool bt_ring_init(struct bt_cache *c);
u32 bt_ring_next(struct bt_cache *c);		/* the chunk to be filled after this one */
void bt_ring_made(struct bt_cache *c, const struct bt_block *b);
void bt_ring_evicted(struct bt_cache *c, const struct bt_block *b);
/* Often, but not while generated code runs: give back what a quiet vCPU does not need. */
void bt_ring_trim(struct bt_cache *c);

/* ---- cache.c ---- */
/* Enter a finished block into the tables. */
void bt_cache_add(struct bt_cache *c, struct bt_block *b);
/* Take @n neighbours out of all tables and jump caches; returns how many were alive. */
u32 bt_cache_drop_run(struct bt_cache *c, struct bt_block *b, u32 n);

/* edge.c: write the code that all blocks share. */
void bt_edge_ways(struct bt_cache *c);

/* translate.c */
struct bt_translation *bt_translation_create(void);

#endif
