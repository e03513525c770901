// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The memory of one vCPU's code cache: a ring of chunks (cache.h), filled one
 * after another. What comes round to a chunk drops its blocks: a few
 * milliseconds at most, and what is hot of them is soon made again.
 *
 * A chunk is emptied only when a block is about to be made, or in quiet times
 * (ring.c), by the run loop, so no generated code of this vCPU is on its way
 * through it.
 */
#include "cache.h"
#include "jump.h"

/* The most that one block can take, its alignment included: see BT_MAX_INSNS in translate.h. */
#define BLOCK_CODE_MAX (64u << 10)
#define MAP_BYTES_MAX 13
#define BLOCK_NOTES_MAX (sizeof(struct bt_block) + BT_MAX_MAPS * MAP_BYTES_MAX + \
			 sizeof(struct x86_insn) + 64)

u32 bt_cache_chunks = BT_CHUNKS, bt_cache_chunk_code = BT_CHUNK_CODE;

static u32 code_of(u32 k)
{
	return BT_WAYS_SIZE + k * BT_CHUNK_CODE;
}

/* Bytes in the chunk that is being filled. */
static u32 used(const struct bt_cache *c)
{
	return e_off(&c->e) - code_of(c->cur);
}

/* Fill chunk @k, which is empty, from now on. */
static void begin(struct bt_cache *c, u32 k)
{
	c->cur = k;
	c->begun = plat_rdtsc();
	c->chunk[k] = (struct bt_chunk){ .back = BT_CHUNK_NOTES, .touched = true };
	c->e.p = c->rw + code_of(k);
	c->e.end = c->e.p + BT_CHUNK_CODE;
}

void bt_chunks_reset(struct bt_cache *c)
{
	c->wrapped = plat_rdtsc();
	c->ring = 0;
	c->made = c->again = 0;
	for (u32 k = 0; k < BT_CHUNKS; k++)
		c->chunk[k].nblocks = 0;
	c->generation++;
	begin(c, 0);
}

static void evict(struct bt_cache *c, u32 k)
{
	u64 start = plat_rdtsc();
	u32 n = c->chunk[k].nblocks;

	if (!n)
		return;
	c->evicted += bt_cache_drop_run(c, bt_chunk_blocks(c, k), n);
	c->chunk[k].nblocks = 0;
	bt_rc_remove(c->ctx, (u64)c->rx + code_of(k), BT_CHUNK_CODE);
	c->ctx->link = 0;		/* it may have named one of them */
	c->ctx->interp = 0;
	c->generation++;
	c->evictions++;
	c->longest = max(c->longest, plat_rdtsc() - start);
}

void bt_chunk_give_back(struct bt_cache *c, u32 k)
{
	u64 start = plat_rdtsc();

	evict(c, k);
	plat_forget(c->rw + code_of(k), BT_CHUNK_CODE);
	plat_forget(c->notes + (size_t)k * BT_CHUNK_NOTES, BT_CHUNK_NOTES);
	c->chunk[k].touched = false;
	c->given_back++;
	c->longest = max(c->longest, plat_rdtsc() - start);
}

/* Offset in its notes of where the next block's structure goes. */
static u32 blocks_end(const struct bt_chunk *k)
{
	return BT_NOTES_FIRST + k->nblocks * sizeof(struct bt_block);
}

static bool has_room(const struct bt_cache *c)
{
	const struct bt_chunk *k = &c->chunk[c->cur];
	u32 code = used(c);

	return code < bt_cache_chunk_code && code + BLOCK_CODE_MAX <= BT_CHUNK_CODE &&
	       blocks_end(k) + BLOCK_NOTES_MAX <= k->back;
}

/* A block may need two new pages. */
static bool has_pages(const struct bt_cache *c)
{
	return c->npages + 2 <= BT_MAX_PAGES || (c->free_pages && c->free_pages->next);
}

static void next_chunk(struct bt_cache *c)
{
	u32 k;

	c->chunk[c->cur].code = used(c);
	k = bt_ring_next(c);
	evict(c, k);
	begin(c, k);
}

void bt_cache_make_room(struct bt_cache *c)
{
	if (unlikely(!has_room(c)))
		next_chunk(c);
	while (unlikely(!has_pages(c)))
		next_chunk(c);
}

struct bt_block *bt_cache_block(struct bt_cache *c)
{
	return &bt_chunk_blocks(c, c->cur)[c->chunk[c->cur].nblocks];
}

void bt_cache_take(struct bt_cache *c)
{
	c->chunk[c->cur].nblocks++;
}

u64 bt_cache_bytes(const struct bt_cache *c)
{
	u64 n = used(c);

	for (u32 k = 0; k < BT_CHUNKS; k++)
		if (k != c->cur && c->chunk[k].nblocks)
			n += c->chunk[k].code;
	return n;
}

u64 bt_cache_notes(const struct bt_cache *c)
{
	u64 n = 0;

	for (u32 k = 0; k < BT_CHUNKS; k++)
		if (c->chunk[k].nblocks)
			n += blocks_end(&c->chunk[k]) + BT_CHUNK_NOTES - c->chunk[k].back;
	return n;
}

/* ---- what is kept ---- */

static u8 *keep(struct bt_cache *c, u32 size)
{
	struct bt_chunk *k = &c->chunk[c->cur];

	k->back -= size;
	BUG_ON(k->back < blocks_end(k) + sizeof(struct bt_block));
	return c->notes + (size_t)c->cur * BT_CHUNK_NOTES + k->back;
}

u32 bt_cache_keep_insn(struct bt_cache *c, const struct x86_insn *i)
{
	u8 *p;

	c->chunk[c->cur].back &= ~7u;
	p = keep(c, ALIGN_UP(sizeof(*i), 8));
	*(struct x86_insn *)p = *i;
	return p - c->notes;
}

const struct x86_insn *bt_cache_kept(struct bt_cache *c, u32 n)
{
	return (const struct x86_insn *)(c->notes + n);
}

/* Seven bits a byte, the lowest first. */
static u8 *pack(u8 *p, u32 v)
{
	for (; v > 0x7f; v >>= 7)
		*p++ = v | 0x80;
	*p++ = v;
	return p;
}

static const u8 *unpack(const u8 *p, u32 *v)
{
	u32 shift = 0;

	*v = 0;
	do {
		*v |= (u32)(*p & 0x7f) << shift;
		shift += 7;
	} while (*p++ & 0x80);
	return p;
}

/* An entry: host, from the one before; guest << 4 | length; slow << 1 | parked. */
static u8 *pack_map(u8 *p, const struct bt_map *m, u32 host)
{
	p = pack(p, m->host - host);
	p = pack(p, (u32)m->guest << 4 | m->len);
	return pack(p, m->slow << 1 | m->parked);
}

static const u8 *unpack_map(const u8 *p, struct bt_map *m)
{
	u32 v;

	p = unpack(p, &v);
	m->host += v;
	p = unpack(p, &v);
	m->guest = v >> 4;
	m->len = v & 15;
	p = unpack(p, &v);
	m->slow = v >> 1;
	m->parked = v & 1;
	return p;
}

void bt_cache_keep_maps(struct bt_cache *c, struct bt_block *b, const struct bt_map *m, u32 n)
{
	u8 buf[MAP_BYTES_MAX], *p;
	u32 size = 0, host;

	for (u32 i = host = 0; i < n; host = m[i++].host)
		size += pack_map(buf, &m[i], host) - buf;
	p = keep(c, size);
	b->map = bt_ref_of(c, p);
	for (u32 i = host = 0; i < n; host = m[i++].host)
		p = pack_map(p, &m[i], host);
	b->nmap = n;
}

/* ---- host address → guest instruction ---- */

/* Within a chunk, blocks are in the order of their code, dead ones included. */
struct bt_block *bt_cache_by_host(struct bt_cache *c, u64 host_pc)
{
	u64 off = host_pc - (u64)c->rx;
	u32 k, lo = 0, hi;
	struct bt_block *blocks;

	if (off < BT_WAYS_SIZE || off >= BT_CODE_SIZE)
		return NULL;
	k = (off - BT_WAYS_SIZE) / BT_CHUNK_CODE;
	blocks = bt_chunk_blocks(c, k);
	hi = c->chunk[k].nblocks;
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		struct bt_block *b = &blocks[mid];

		if (off < b->code)
			hi = mid;
		else if (off >= b->code + b->code_len)
			lo = mid + 1;
		else
			return b;
	}
	return NULL;
}

bool bt_cache_map_at(struct bt_cache *c, u64 host_pc, struct bt_block **block, struct bt_map *map)
{
	struct bt_block *b = bt_cache_by_host(c, host_pc);
	struct bt_map m = { 0 };
	const u8 *p;
	u32 off;

	if (!b || !b->nmap)
		return false;
	off = host_pc - (u64)c->rx - b->code;
	p = unpack_map(bt_at(c, b->map), &m);
	*map = m;
	for (u32 i = 1; i < b->nmap; i++) {
		p = unpack_map(p, &m);
		if (m.host > off)
			break;
		*map = m;
	}
	*block = b;
	return true;
}

u64 bt_cache_twin(struct bt_cache *c, u64 host_pc)
{
	struct bt_block *b;
	struct bt_map m;

	return bt_cache_map_at(c, host_pc, &b, &m) && m.slow ? (u64)c->rx + b->code + m.slow : 0;
}

bool bt_cache_map(struct bt_cache *c, u64 host_pc, u64 *rip, u32 *len)
{
	struct bt_block *b;
	struct bt_map m;

	if (!bt_cache_map_at(c, host_pc, &b, &m))
		return false;
	*rip = b->rip + m.guest;
	*len = m.len;
	return true;
}
