// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks of one vCPU: found by where and in which mode the guest runs, joined,
 * dropped. Only the vCPU's own thread touches them, so there is no lock;
 * others reach it through the queue of smc.c. Their memory is chunk.c's.
 */
#include "cache.h"
#include "jump.h"

struct bt_cache *bt_cache_create(struct bt_ctx *x)
{
	struct bt_cache *c = plat_alloc(sizeof(*c));
	void *rw, *rx;

	if (!c)
		return NULL;
	if (plat_code_alloc(BT_CODE_SIZE, &rw, &rx)) {
		plat_free(c);
		return NULL;
	}
	c->ctx = x;
	c->rw = rw;
	c->rx = rx;
	c->e.base = rw;
	c->notes = plat_alloc(BT_NOTES_SIZE);
	x->notes = (u64)c->notes;
	c->hash = plat_alloc(sizeof(*c->hash) << BT_HASH_BITS);
	c->page_hash = plat_alloc(sizeof(*c->page_hash) << BT_PAGE_HASH_BITS);
	c->pages = plat_alloc(BT_MAX_PAGES * sizeof(*c->pages));
	c->tr = bt_translation_create();
	if (!c->notes || !c->hash || !c->page_hash || !c->pages || !c->tr || !bt_ring_init(c)) {
		bt_cache_destroy(c);
		return NULL;
	}
	bt_edge_ways(c);
	bt_chunks_reset(c);
	return c;
}

void bt_cache_destroy(struct bt_cache *c)
{
	if (!c)
		return;
	plat_code_free(c->rw, c->rx, BT_CODE_SIZE);
	plat_free(c->notes);
	plat_free(c->hash);
	plat_free(c->page_hash);
	plat_free(c->pages);
	plat_free(c->tr);
	plat_free(c->gone);
	plat_free(c);
}

static u32 hash_block(u64 rip, u64 gpa, u32 key)
{
	u64 h = (gpa ^ (rip >> 12) * 0x9e3779b97f4a7c15ull) + key * 0x85ebca6bu;

	h *= 0x9e3779b97f4a7c15ull;
	return h >> (64 - BT_HASH_BITS);
}

static struct bt_page **page_slot(struct bt_cache *c, u64 gfn)
{
	struct bt_page **p = &c->page_hash[(gfn * 0x9e3779b97f4a7c15ull) >> (64 - BT_PAGE_HASH_BITS)];

	while (*p && (*p)->gfn != gfn)
		p = &(*p)->next;
	return p;
}

static bt_ref *page_link(struct bt_block *b, u64 gfn)
{
	return (b->gpa >> PAGE_SHIFT) == gfn ? &b->page_next : &b->page2_next;
}

static struct bt_block *next_in_page(const struct bt_cache *c, struct bt_block *b, u64 gfn)
{
	return bt_block_at(c, *page_link(b, gfn));
}

struct bt_block *bt_cache_find(struct bt_cache *c, u64 rip, u64 gpa, u64 gpa2, u32 key,
			       u64 cs_base)
{
	struct bt_block *b = bt_block_at(c, c->hash[hash_block(rip, gpa, key)]);

	for (; b; b = bt_block_at(c, b->hash_next))
		if (b->rip == rip && b->gpa == gpa && b->key == key && b->cs_base == cs_base &&
		    (b->gpa2 == ~0ull || b->gpa2 == gpa2) &&
		    ((key & BT_KEY_FLAT) ||
		     b->cs_limit == c->ctx->vcpu->cpu.seg[X86_CS].limit))
			return b;
	return NULL;
}

static void page_add(struct bt_cache *c, struct bt_block *b, u64 gfn)
{
	struct bt_page **slot = page_slot(c, gfn);

	if (!*slot) {
		if (c->free_pages) {
			*slot = c->free_pages;
			c->free_pages = (*slot)->next;
		} else {
			*slot = &c->pages[c->npages++];
		}
		**slot = (struct bt_page){ .gfn = gfn };
	}
	*page_link(b, gfn) = (*slot)->first;
	(*slot)->first = bt_ref_of(c, b);
}

void bt_cache_add(struct bt_cache *c, struct bt_block *b)
{
	u32 h = hash_block(b->rip, b->gpa, b->key);

	b->hash_next = c->hash[h];
	c->hash[h] = bt_ref_of(c, b);
	page_add(c, b, b->gpa >> PAGE_SHIFT);
	/* Two linear pages may be one in memory. */
	if (b->gpa2 != ~0ull && (b->gpa2 >> PAGE_SHIFT) != (b->gpa >> PAGE_SHIFT))
		page_add(c, b, b->gpa2 >> PAGE_SHIFT);
}

void bt_cache_flush(struct bt_cache *c)
{
	bt_chunks_reset(c);
	c->npages = 0;
	c->free_pages = NULL;
	c->ctx->interp = 0;
	memset(c->hash, 0, sizeof(*c->hash) << BT_HASH_BITS);
	memset(c->page_hash, 0, sizeof(*c->page_hash) << BT_PAGE_HASH_BITS);
	bt_jc_flush(c->ctx);
	c->ctx->link = 0;		/* it named a block that is gone */
	c->ctx->stats.flushes++;
}

u64 bt_cache_entry(struct bt_cache *c, struct bt_block *b)
{
	return (u64)c->rx + b->code + b->entry;
}

/* ---- links ---- */

/* The number under which the link holds. */
static void set_number(struct bt_cache *c, const struct bt_block *from, const struct bt_link *l,
		       u32 number)
{
	if (bt_link_kind(from, l) != BT_LINK_NEAR)
		__builtin_memcpy(c->e.base + bt_link_number(from, l), &number, 4);
}

static void unlink_out(struct bt_cache *c, struct bt_block *from, struct bt_link *l)
{
	if (!l->to)
		return;
	*(bt_ref *)bt_at(c, l->prev_in) = l->next_in;
	if (l->next_in)
		((struct bt_link *)bt_at(c, l->next_in))->prev_in = l->prev_in;
	l->to = 0;
	set_number(c, from, l, BT_EDGE_NONE);
	emit_patch(&c->e, from->code + l->rel, from->code + l->stub);
}

static void unlink_in(struct bt_cache *c, struct bt_block *b)
{
	while (b->in) {
		struct bt_link *l = bt_at(c, b->in);

		unlink_out(c, bt_link_from(c, l), l);
	}
}

static void link_to(struct bt_cache *c, struct bt_link *l, struct bt_block *to)
{
	l->to = bt_ref_of(c, to);
	l->next_in = to->in;
	l->prev_in = bt_ref_of(c, &to->in);
	to->in = bt_ref_of(c, l);
	if (l->next_in)
		((struct bt_link *)bt_at(c, l->next_in))->prev_in = bt_ref_of(c, &l->next_in);
}

/* Nothing but the blocks themselves says whether a link inside a page still holds. */
static bool may_be_near(const struct bt_block *from, const struct bt_block *to)
{
	return to->gpa2 == ~0ull && (to->gpa >> PAGE_SHIFT) == (from->gpa >> PAGE_SHIFT);
}

static u32 entry_of(const struct bt_block *from, enum bt_link_kind kind, const struct bt_block *to)
{
	if (kind != BT_LINK_NEAR)
		return to->code + to->entry;
	return to->code + (to == from ? to->loop : 0);
}

void bt_cache_link(struct bt_cache *c, struct bt_link *l, struct bt_block *to)
{
	struct bt_block *from = bt_link_from(c, l);
	enum bt_link_kind kind = bt_link_kind(from, l);

	if (to->dead || from->dead || to->key != from->key || to->cs_base != from->cs_base ||
	    to->rip != l->rip ||
	    (kind == BT_LINK_NEAR ? l->to || !may_be_near(from, to) : !bt_jump_cacheable(to->key)))
		return;
	if (l->to != bt_ref_of(c, to)) {
		unlink_out(c, from, l);
		link_to(c, l, to);
		emit_patch(&c->e, from->code + l->rel, entry_of(from, kind, to));
	}
	set_number(c, from, l, c->ctx->jump.now[bt_key_mmu(to->key)]);
}

/* ---- dropping ---- */

/*
 * Take what is marked dead out of the page's list, once in each @round; a page
 * without blocks is forgotten.
 */
static void page_sweep(struct bt_cache *c, u64 gfn, u64 round)
{
	struct bt_page **slot = page_slot(c, gfn), *page = *slot;
	struct bt_block *b;
	bt_ref *p;

	if (!page || page->swept == round)
		return;
	page->swept = round;
	for (p = &page->first; (b = bt_block_at(c, *p));) {
		if (b->dead)
			*p = *page_link(b, gfn);
		else
			p = page_link(b, gfn);
	}
	if (page->first)
		return;
	*slot = page->next;
	page->next = c->free_pages;
	c->free_pages = page;
}

/*
 * Out of everything but the lists of its pages, which the caller sweeps. Its
 * code memory stays until its chunk is filled anew: the running block may be
 * dropped while it is on the way to its exit.
 */
static void drop(struct bt_cache *c, struct bt_block *b)
{
	bt_ref *p = &c->hash[hash_block(b->rip, b->gpa, b->key)], r = bt_ref_of(c, b);

	while (*p != r)
		p = &bt_block_at(c, *p)->hash_next;
	*p = b->hash_next;
	unlink_in(c, b);
	for (u32 i = 0; i < b->nlinks; i++)
		unlink_out(c, b, &b->link[i]);
	bt_jc_remove(c->ctx, b->rip);
	b->dead = true;
}

u32 bt_cache_drop_run(struct bt_cache *c, struct bt_block *b, u32 n)
{
	u64 round = ++c->round;
	u32 alive = 0;

	for (u32 i = 0; i < n; i++) {
		if (b[i].dead)
			continue;
		bt_ring_evicted(c, &b[i]);
		drop(c, &b[i]);
		alive++;
	}
	for (u32 i = 0; i < n; i++) {
		page_sweep(c, b[i].gpa >> PAGE_SHIFT, round);
		if (b[i].gpa2 != ~0ull)
			page_sweep(c, b[i].gpa2 >> PAGE_SHIFT, round);
	}
	return alive;
}

/* Does @b depend on a byte of page offsets [lo, hi) of page @gfn? */
static bool depends(const struct bt_block *b, u64 gfn, u32 lo, u32 hi)
{
	if ((b->gpa >> PAGE_SHIFT) == gfn && lo < b->dep_hi && hi > b->dep_lo)
		return true;
	return (b->gpa2 >> PAGE_SHIFT) == gfn && lo < X86_INSN_MAX;	/* its tail */
}

bool bt_cache_invalidate(struct bt_cache *c, u64 gpa, u64 len, const struct bt_block *running)
{
	u64 end = gpa + len;
	bool hit = false;

	while (gpa < end) {
		u64 gfn = gpa >> PAGE_SHIFT;
		u32 lo = gpa & ~PAGE_MASK;
		u32 hi = min(end - (gpa & PAGE_MASK), (u64)PAGE_SIZE);
		struct bt_page *pg = *page_slot(c, gfn);
		struct bt_block *b = pg ? bt_block_at(c, pg->first) : NULL, *next;
		bool any = false;
		u64 other;

		for (; b; b = next) {
			next = next_in_page(c, b, gfn);
			if (!depends(b, gfn, lo, hi))
				continue;
			hit |= b == running;
			drop(c, b);
			any = true;
			other = (b->gpa >> PAGE_SHIFT) == gfn ? b->gpa2 : b->gpa;
			if (other != ~0ull && (other >> PAGE_SHIFT) != gfn)
				page_sweep(c, other >> PAGE_SHIFT, ++c->round);
		}
		if (any)
			page_sweep(c, gfn, ++c->round);
		gpa = (gfn + 1) << PAGE_SHIFT;
	}
	return hit;
}

bool bt_cache_has_page(struct bt_cache *c, u64 gpa)
{
	struct bt_page *pg = *page_slot(c, gpa >> PAGE_SHIFT);

	return pg && pg->first;
}

bool bt_cache_overlaps(struct bt_cache *c, u64 gpa, u64 len)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	u32 lo = gpa & ~PAGE_MASK;
	struct bt_page *pg = *page_slot(c, gfn);

	for (struct bt_block *b = pg ? bt_block_at(c, pg->first) : NULL; b;
	     b = next_in_page(c, b, gfn))
		if (depends(b, gfn, lo, lo + len))
			return true;
	return false;
}
