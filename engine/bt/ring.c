// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How many chunks the ring of code has (chunk.c fills and empties them). A
 * share for each vCPU at first, which is enough for a guest that boots and
 * works. It grows for what runs over and over and does not fit, and gives back
 * in quiet times what nobody needs.
 */
#include "cache.h"

#define CHUNKS_AT_FIRST 40u
#define CHUNKS_LEAST 12u
#define CHUNKS_STEP 16u
#define FAST_MS 2000u

/* ---- blocks that were evicted too early ---- */

/* A byte each for the last ones, by hash: some of a ring's 400,000 are overwritten, few mistaken. */
static u8 *gone_tag(const struct bt_cache *c, const struct bt_block *b, u8 *tag)
{
	u64 h = (b->gpa ^ (b->rip * 0x9e3779b97f4a7c15ull) ^ b->key) * 0x9e3779b97f4a7c15ull;

	*tag = h >> 20 | 1;
	return &c->gone[h >> (64 - BT_GONE_BITS)];
}

bool bt_ring_init(struct bt_cache *c)
{
	c->gone = plat_alloc(1u << BT_GONE_BITS);
	return c->gone;
}

void bt_ring_evicted(struct bt_cache *c, const struct bt_block *b)
{
	u8 tag, *slot = gone_tag(c, b, &tag);

	*slot = tag;
}

void bt_ring_made(struct bt_cache *c, const struct bt_block *b)
{
	u8 tag, *slot = gone_tag(c, b, &tag);

	c->made++;
	if (likely(*slot != tag))
		return;
	*slot = 0;
	c->again++;
	c->ctx->stats.again++;
}

/* ---- growing ---- */

static u32 share(const struct bt_cache *c, u32 of_all)
{
	return min(bt_cache_chunks,
		   max(CHUNKS_LEAST, of_all / READ_ONCE(c->ctx->vcpu->vm->nr_vcpus)));
}

/*
 * A ring that is too small for what runs over and over makes everything anew
 * in each round (a compiler has 300,000 blocks), and makes little else: most
 * of a round's blocks had been evicted a short time before. What has new code
 * all the time (a boot, one program after another) gains nothing by growth.
 */
static bool misses(const struct bt_cache *c, u64 now)
{
	return now - c->wrapped < (u64)FAST_MS * plat_tsc_khz() && c->again * 2 > c->made;
}

u32 bt_ring_next(struct bt_cache *c)
{
	u32 k = c->cur + 1;
	u64 now;

	c->ring = max(c->ring, share(c, CHUNKS_AT_FIRST));
	if (k < c->ring)
		return k;
	now = plat_rdtsc();
	if (misses(c, now))
		c->ring = min(c->ring + CHUNKS_STEP, share(c, BT_CHUNKS));
	c->wrapped = now;
	c->made = c->again = 0;
	return k < c->ring ? k : 0;
}

/* ---- giving back ---- */

/*
 * When no chunk was begun for a while, the oldest ones go, one after another.
 * What of them was hot is made again, in the chunk that is being filled; when
 * that is full the next one begins, and the quiet is over for as long: so a
 * busy working set costs one chunk's translation in QUIET_MS, and what nobody
 * runs is gone soon.
 */
#define QUIET_MS 4000u
#define TRIM_MS 100u
#define TRIM_MOST 3u			/* at a time: some milliseconds */

static u32 with_memory(const struct bt_cache *c)
{
	u32 n = 0;

	for (u32 k = 0; k < BT_CHUNKS; k++)
		n += c->chunk[k].touched;
	return n;
}

static u32 oldest(const struct bt_cache *c)
{
	u32 k = c->cur;

	do {
		k = k + 1 < BT_CHUNKS ? k + 1 : 0;
	} while (!c->chunk[k].touched);
	return k;
}

void bt_ring_trim(struct bt_cache *c)
{
	u64 now = plat_rdtsc(), step = (u64)TRIM_MS * plat_tsc_khz();
	u32 n, least;

	if (likely(now - c->trimmed < step))
		return;
	n = min((now - c->trimmed) / step, (u64)TRIM_MOST);
	c->trimmed = now;
	if (now - c->begun < (u64)QUIET_MS * plat_tsc_khz())
		return;
	for (; n && with_memory(c) > min(CHUNKS_LEAST, bt_cache_chunks / 2); n--)
		bt_chunk_give_back(c, oldest(c));
	/* What is in use fits. Chunks above the ring's end keep what they have until they are the oldest. */
	least = share(c, CHUNKS_AT_FIRST);
	if (with_memory(c) <= least)
		c->ring = min(c->ring, least);
}
