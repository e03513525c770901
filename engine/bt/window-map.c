// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pages in a window. What is mapped there is what the guest's tables said
 * at some time since the guest last flushed it, as in a TLB: pages are mapped
 * after a walk of this vCPU, under the lock, and what a flush names is held
 * against the tables again before user code runs (bt_window_verify), so that
 * what did not change stays.
 *
 * A page is mapped for reading only when its entry and all above it are
 * present, the user's and accessed; for writing when the leaf is dirty, too,
 * and the slot, the dirty log and the watch over translated code want nothing
 * of a store: what generated code writes through a window, nobody sees.
 */
#include "window-map.h"

#define PTE_P BIT_ULL(0)
#define PTE_W BIT_ULL(1)
#define PTE_U BIT_ULL(2)
#define PTE_A BIT_ULL(5)
#define PTE_D BIT_ULL(6)
#define PTE_PS BIT_ULL(7)
#define PTE_NX BIT_ULL(63)
#define PTE_ADDR 0x000ffffffffff000ull
#define PTE_USED (PTE_P | PTE_U | PTE_A)

/* An area's source: an address, and these. */
#define SRC_TABLE BIT_ULL(0)
#define SRC_LARGE BIT_ULL(1)	/* the address is of the 2 MiB of memory */
#define SRC_HUGE BIT_ULL(2)	/* with LARGE: cut out of a page of 1 GiB */
#define SRC_W BIT_ULL(3)	/* writable, and with LARGE dirty */

#define AREA_SIZE BIT_ULL(BT_AREA_SHIFT)
#define MAX_RUNS 16384u		/* of the process; Linux gives it 65530 mappings in all */
#define AROUND 16u		/* pages looked at around one that is mapped */

static u32 all_runs;		/* atomic: the sum of every vCPU's */

/* What of a page can be mapped. */
struct page {
	u8 *host;		/* NULL: nothing */
	bool write;
};

static bool bit(const u64 *map, u32 i)
{
	return map[i / 64] & BIT_ULL(i % 64);
}

static void set_bit(u64 *map, u32 i, bool on)
{
	if (on)
		map[i / 64] |= BIT_ULL(i % 64);
	else
		map[i / 64] &= ~BIT_ULL(i % 64);
}

/* ---- the guest's tables ---- */

static bool read_table(struct vcpu *v, u64 gpa, void *to, u32 n)
{
	const u8 *page = vm_page(v->vm, v, gpa & PAGE_MASK, false);

	return page && !plat_guest_read(to, page + (gpa & ~PAGE_MASK), n);
}

static u64 reserved_bits(const struct vcpu *v)
{
	return (PTE_ADDR & ~(BIT_ULL(v->cpu.maxphyaddr) - 1)) |
	       (v->cpu.efer & X86_EFER_NXE ? 0 : PTE_NX);
}

/* What maps the 2 MiB at @lin for the user, or 0. */
static u64 source_of(struct vcpu *v, u64 root, u64 lin)
{
	u64 rsvd = reserved_bits(v), table = root, all = PTE_W, pte = 0, base;

	for (u32 shift = 39; shift >= BT_AREA_SHIFT; shift -= 9) {
		if (!read_table(v, table + (lin >> shift & 0x1ff) * 8, &pte, 8) ||
		    (pte & PTE_USED) != PTE_USED || (pte & rsvd))
			return 0;
		all &= pte;
		table = pte & PTE_ADDR;
		if (!(pte & PTE_PS))
			continue;
		/* Bit 12 is PAT; the rest below the page's size is reserved. */
		if (shift == 39 || (table & (BIT_ULL(shift) - 1) & ~BIT_ULL(12)))
			return 0;
		base = (table & ~(BIT_ULL(shift) - 1)) |
		       (lin & (BIT_ULL(shift) - 1) & ~(AREA_SIZE - 1));
		return base | SRC_LARGE | (shift > BT_AREA_SHIFT ? SRC_HUGE : 0) |
		       ((all & PTE_W) && (pte & PTE_D) ? SRC_W : 0);
	}
	return table | SRC_TABLE | (all & PTE_W ? SRC_W : 0);
}

static bool pte_readable(u64 pte, u64 rsvd)
{
	return (pte & PTE_USED) == PTE_USED && !(pte & rsvd);
}

static bool pte_writable(u64 source, u64 pte)
{
	return (source & SRC_W) && ((source & SRC_LARGE) ||
				    (pte & (PTE_W | PTE_D)) == (PTE_W | PTE_D));
}

static u64 frame_of(u64 source, u64 pte, u32 i)
{
	return source & SRC_LARGE ? (source & PTE_ADDR) + ((u64)i << PAGE_SHIFT) : pte & PTE_ADDR;
}

/* ---- areas ---- */

static u16 *hash_of(struct bt_window_set *set, u64 lin)
{
	return &set->hash[(lin >> BT_AREA_SHIFT) * 0x9e3779b97f4a7c15ull >> 56];
}

struct bt_area *bt_window_area(struct bt_windows *ws, struct bt_window_set *set, u64 lin)
{
	u16 n = *hash_of(set, lin);

	lin &= ~(AREA_SIZE - 1);
	while (n && ws->area[n - 1].lin != lin)
		n = ws->area[n - 1].hash_next;
	return n ? &ws->area[n - 1] : NULL;
}

static struct bt_area *new_area(struct bt_windows *ws, struct bt_window_set *set, u64 lin)
{
	u16 n = ws->free, *head = hash_of(set, lin);
	struct bt_area *c;

	/* Nobody touches one before it is needed: it is a page of memory. */
	if (n)
		ws->free = ws->area[n - 1].next;
	else if (ws->used < BT_WINDOW_AREAS)
		n = ++ws->used;
	else
		return NULL;
	c = &ws->area[n - 1];
	c->lin = lin & ~(AREA_SIZE - 1);
	c->source = 0;
	c->misses = 0;
	c->suspect = false;
	memset(c->mapped, 0, sizeof(c->mapped));
	memset(c->writable, 0, sizeof(c->writable));
	c->next = set->areas;
	set->areas = n;
	c->hash_next = *head;
	*head = n;
	return c;
}

/* Where the window shows the area. */
static u8 *area_host(const struct bt_window_set *set, const struct bt_area *c)
{
	u32 k = bt_window_slot(c->lin) == BT_WINDOW_SLOT_B ? BT_WINDOW_B : BT_WINDOW_A;

	return set->host[k] + BT_WINDOW_EDGE + (c->lin & (BT_WINDOW_SIZE - 1));
}

/* ---- the host's mappings ---- */

static void note_runs(struct bt_windows *ws, u32 runs)
{
	plat_atomic_add32(&all_runs, runs - ws->runs);
	ws->runs = runs;
}

/* Each call may cut the mapping it falls into. */
static void called(struct bt_windows *ws, struct bt_window_set *set)
{
	note_runs(ws, ws->runs + 2);
}

static u32 count_runs(const struct bt_windows *ws, const struct bt_window_set *set)
{
	u32 runs = 2;

	for (u16 n = set->areas; n; n = ws->area[n - 1].next) {
		const struct bt_area *c = &ws->area[n - 1];
		bool on = false, write = false;
		u64 next = 0;

		for (u32 i = 0; i < BT_AREA_PAGES; i++) {
			u64 frame = frame_of(c->source, c->pte[i], i);

			if (bit(c->mapped, i) &&
			    (!on || frame != next || bit(c->writable, i) != write))
				runs += 2;
			on = bit(c->mapped, i);
			write = bit(c->writable, i);
			next = frame + PAGE_SIZE;
		}
	}
	return runs;
}

bool bt_window_crowded(struct bt_windows *ws)
{
	u32 runs = 0;

	if (READ_ONCE(all_runs) < MAX_RUNS)
		return false;
	for (u32 i = 0; i < BT_WINDOW_SETS; i++)
		runs += count_runs(ws, &ws->set[i]);
	note_runs(ws, runs);
	return READ_ONCE(all_runs) >= MAX_RUNS;
}

static void forget(struct bt_area *c)
{
	c->source = 0;
	memset(c->mapped, 0, sizeof(c->mapped));
	memset(c->writable, 0, sizeof(c->writable));
}

/* The next run of bits from @i on: its first, with *@n of them. */
static u32 next_run(const u64 *map, u32 i, u32 *n)
{
	u32 first;

	while (i < BT_AREA_PAGES && !bit(map, i))
		i++;
	first = i;
	while (i < BT_AREA_PAGES && bit(map, i))
		i++;
	*n = i - first;
	return first;
}

/* Take the pages of @drop away. What lies between two of them and is not mapped may go with them. */
static void unmap_pages(struct bt_windows *ws, struct bt_window_set *set, struct bt_area *c,
			const u64 *drop)
{
	u64 gone[BT_AREA_PAGES / 64], was[BT_AREA_PAGES / 64];
	u8 *host = area_host(set, c);
	u32 i, n;

	memcpy(was, drop, sizeof(was));		/* it may be c->mapped itself */
	drop = was;
	for (i = 0; i < ARRAY_SIZE(gone); i++) {
		gone[i] = was[i] | ~c->mapped[i];
		c->mapped[i] &= ~was[i];
		c->writable[i] &= ~was[i];
	}
	for (i = next_run(gone, 0, &n); n; i = next_run(gone, i + n, &n)) {
		u32 end = i + n, first = i;

		while (first < end && !bit(drop, first))
			first++;
		while (end > first && !bit(drop, end - 1))
			end--;
		if (first == end)
			continue;
		if (plat_window_unmap(host + ((u64)first << PAGE_SHIFT),
				      (u64)(end - first) << PAGE_SHIFT))
			plat_bug(__FILE__, __LINE__, "a window's page can not be taken away");
		ws->x->stats.window.unmaps++;
		called(ws, set);
	}
}

static void protect_pages(struct bt_windows *ws, struct bt_window_set *set, struct bt_area *c,
			  const u64 *weaken)
{
	u8 *host = area_host(set, c);
	u32 i, n;

	for (i = next_run(weaken, 0, &n); n; i = next_run(weaken, i + n, &n)) {
		/* Short of mappings, the kernel may refuse to cut one: away with it. */
		if (plat_window_protect(host + ((u64)i << PAGE_SHIFT), (u64)n << PAGE_SHIFT, false)) {
			u64 rest[BT_AREA_PAGES / 64] = { 0 };

			for (u32 j = i; j < i + n; j++)
				set_bit(rest, j, true);
			unmap_pages(ws, set, c, rest);
		}
		for (u32 j = i; j < i + n; j++)
			set_bit(c->writable, j, false);
		ws->x->stats.window.protects++;
		called(ws, set);
	}
}

/* ---- mapping ---- */

static u32 filter_bit(u64 gpa)
{
	return (gpa >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 52;
}

/*
 * The memory around @host that is one shared mapping of one thing: what a
 * second view of more than a page has to stay in. Asked of the home once.
 */
static const struct bt_span *span_of(struct bt_windows *ws, const u8 *host)
{
	struct bt_span *s = ws->span;
	bool live = ws->x->fpu_live;

	for (u32 i = 0; i < BT_WINDOW_SPANS; i++)
		if (host >= s[i].lo && host < s[i].hi)
			return &s[i];
	memmove(s + 1, s, (BT_WINDOW_SPANS - 1) * sizeof(*s));
	/* The home's code may use vector registers. */
	bt_fpu_release(ws->x);
	if (!plat_window_span(host, &s->lo, &s->hi))
		*s = (struct bt_span){ 0 };
	if (live)
		bt_fpu_claim(ws->x);
	return s->hi ? s : NULL;
}

static struct page page_at(struct bt_windows *ws, u64 source, u64 pte, u32 i, bool asked_write)
{
	struct vcpu *v = ws->x->vcpu;
	u64 gpa = frame_of(source, pte, i);
	struct memslot *slot;
	struct page p = { 0 };

	if (!(source & SRC_LARGE) && !pte_readable(pte, reserved_bits(v)))
		return p;
	slot = vm_slot(v->vm, gpa >> PAGE_SHIFT);
	if (!slot)
		return p;
	p.host = (u8 *)slot->uaddr + (gpa - (slot->base_gfn << PAGE_SHIFT));
	/* Where the slot logs, a page that was not asked for is not marked as written. */
	p.write = pte_writable(source, pte) && !(slot->flags & KVM_MEM_READONLY) &&
		  !bt_slot_code(slot, gpa) && !bt_cache_has_page(ws->x->cache, gpa);
	if (unlikely(slot->dirty) && p.write)
		p.write = asked_write && vm_page(v->vm, v, gpa, true);
	return p;
}

/* The pages around @i that follow one another in the host too, with the same rights, and are new. */
static void find_run(struct bt_windows *ws, const struct bt_area *c, const u64 *pte, u32 i,
		     struct page at, const struct bt_span *span, u32 *lo, u32 *hi)
{
	for (*lo = i; *lo; --*lo) {
		u32 j = *lo - 1;
		struct page p;

		if (bit(c->mapped, j) && (!at.write || bit(c->writable, j)))
			break;
		p = page_at(ws, c->source, pte[j], j, false);
		if (p.host != at.host - ((u64)(i - j) << PAGE_SHIFT) || p.write != at.write ||
		    p.host < span->lo)
			break;
	}
	for (*hi = i + 1; *hi < BT_AREA_PAGES; ++*hi) {
		u32 j = *hi;
		struct page p;

		if (bit(c->mapped, j) && (!at.write || bit(c->writable, j)))
			break;
		p = page_at(ws, c->source, pte[j], j, false);
		if (p.host != at.host + ((u64)(j - i) << PAGE_SHIFT) || p.write != at.write ||
		    p.host >= span->hi)
			break;
	}
}

/* Map page @i with its run: how far that goes, or -errno. */
static int map_run(struct bt_windows *ws, struct bt_window_set *set, struct bt_area *c,
		   const u64 *pte, u32 i, struct page at)
{
	const struct bt_span *span = span_of(ws, at.host);
	u32 lo, hi;
	int err;

	if (!span)
		return -EINVAL;
	find_run(ws, c, pte, i, at, span, &lo, &hi);
	err = plat_window_map(area_host(set, c) + ((u64)lo << PAGE_SHIFT),
			      at.host - ((u64)(i - lo) << PAGE_SHIFT), (u64)(hi - lo) << PAGE_SHIFT,
			      at.write);
	called(ws, set);
	ws->x->stats.window.maps++;
	if (err) {
		u64 drop[BT_AREA_PAGES / 64] = { 0 };

		/* What was there may have gone half way. */
		for (u32 j = lo; j < hi; j++)
			set_bit(drop, j, true);
		unmap_pages(ws, set, c, drop);
		return err;
	}
	ws->x->stats.window.pages += hi - lo;
	for (u32 j = lo; j < hi; j++) {
		u32 f = filter_bit(frame_of(c->source, pte[j], j));

		set_bit(c->mapped, j, true);
		set_bit(c->writable, j, at.write);
		c->pte[j] = pte[j];
		if (at.write)
			set_bit(set->filter, f, true);
	}
	return hi;
}

int bt_window_fill(struct bt_windows *ws, struct bt_window_set *set, u64 lin, bool write)
{
	struct bt_area *c = bt_window_area(ws, set, lin);
	u32 i = (lin >> PAGE_SHIFT) & (BT_AREA_PAGES - 1), first, end;
	u64 *pte = ws->table, source;
	struct page at;
	int r;

	if (!c)
		c = new_area(ws, set, lin);
	if (!c)
		return -ENOSPC;
	source = source_of(ws->x->vcpu, set->root, lin);
	if (source != c->source) {
		unmap_pages(ws, set, c, c->mapped);
		forget(c);
		c->source = source;
		set->huge |= source & SRC_HUGE;
	}
	if (!source || ((source & SRC_TABLE) &&
			!read_table(ws->x->vcpu, source & PTE_ADDR, pte, PAGE_SIZE)))
		return 0;
	if (source & SRC_LARGE)
		memset(pte, 0, PAGE_SIZE);
	at = page_at(ws, source, pte[i], i, write);
	if (!at.host || (write && !at.write))
		return 0;
	r = map_run(ws, set, c, pte, i, at);
	if (r < 0)
		return r;
	/* An area that is asked for again and again gets its neighbours too. */
	if (c->misses < 0xffff)
		c->misses++;
	if (c->misses < 3)
		return 0;
	first = i & ~(AROUND - 1);
	end = first + AROUND;
	while (first < end) {
		at = page_at(ws, source, pte[first], first, false);
		if (!at.host || (bit(c->mapped, first) &&
				 (!at.write || bit(c->writable, first)))) {
			first++;
			continue;
		}
		r = map_run(ws, set, c, pte, first, at);
		if (r < 0)
			return r;
		first = r;
	}
	return 0;
}

/* ---- verifying ---- */

static bool slot_logs(struct vm *vm)
{
	for (u32 i = 0; i < vm->slots.n; i++)
		if (vm->slots.by_gfn[i]->dirty)
			return true;
	return false;
}

/* Stores to pages of a slot that logs are to be seen again. */
static void unwrite_logged(struct bt_windows *ws, struct bt_window_set *set, struct bt_area *c)
{
	u64 weaken[BT_AREA_PAGES / 64] = { 0 };

	for (u32 i = 0; i < BT_AREA_PAGES; i++) {
		struct memslot *slot;

		if (!bit(c->writable, i))
			continue;
		slot = vm_slot(ws->x->vcpu->vm, frame_of(c->source, c->pte[i], i) >> PAGE_SHIFT);
		if (!slot || slot->dirty || (slot->flags & KVM_MEM_READONLY))
			set_bit(weaken, i, true);
	}
	protect_pages(ws, set, c, weaken);
}

static void verify_area(struct bt_windows *ws, struct bt_window_set *set, struct bt_area *c,
			 bool logs)
{
	u64 drop[BT_AREA_PAGES / 64] = { 0 }, weaken[BT_AREA_PAGES / 64] = { 0 };
	u64 rsvd = reserved_bits(ws->x->vcpu), changed = 0;
	u64 source;

	c->suspect = false;
	if (!c->source)
		return;
	source = source_of(ws->x->vcpu, set->root, c->lin);
	if (source != c->source) {
		unmap_pages(ws, set, c, c->mapped);
		forget(c);
		return;
	}
	for (u32 w = 0; (source & SRC_TABLE) && w < ARRAY_SIZE(drop); w++) {
		u64 now[64];

		if (!c->mapped[w])
			continue;
		if (!read_table(ws->x->vcpu, (source & PTE_ADDR) + w * sizeof(now), now,
				sizeof(now)))
			memset(now, 0, sizeof(now));
		for (u64 m = c->mapped[w]; m; m &= m - 1) {
			u32 b = __builtin_ctzll(m), i = w * 64 + b;

			if (likely(now[b] == c->pte[i]))
				continue;
			changed = 1;
			if (!pte_readable(now[b], rsvd) || ((now[b] ^ c->pte[i]) & PTE_ADDR))
				drop[w] |= BIT_ULL(b);
			else if (bit(c->writable, i) && !pte_writable(source, now[b]))
				weaken[w] |= BIT_ULL(b);
			c->pte[i] = now[b];
		}
	}
	if (changed) {
		unmap_pages(ws, set, c, drop);
		protect_pages(ws, set, c, weaken);
	}
	if (unlikely(logs))
		unwrite_logged(ws, set, c);
}

/* Has most of what the set shows gone, as after exec? */
static bool mostly_gone(struct bt_windows *ws, const struct bt_window_set *set)
{
	u32 areas = 0, gone = 0;

	for (u16 n = set->areas; n; n = ws->area[n - 1].next) {
		const struct bt_area *c = &ws->area[n - 1];

		if (!c->source)
			continue;
		areas++;
		gone += source_of(ws->x->vcpu, set->root, c->lin) != c->source;
	}
	return gone > 3 && gone > areas / 2;
}

void bt_window_verify(struct bt_windows *ws, struct bt_window_set *set)
{
	bool logs = slot_logs(ws->x->vcpu->vm);

	ws->x->stats.window.verifies++;
	if (set->stale && mostly_gone(ws, set))
		bt_window_wipe(ws, set);
	for (u16 n = set->areas; n; n = ws->area[n - 1].next) {
		struct bt_area *c = &ws->area[n - 1];

		if (set->stale || c->suspect)
			verify_area(ws, set, c, logs);
	}
	set->stale = set->suspects = false;
}

bool bt_window_suspect(struct bt_windows *ws, struct bt_window_set *set, u64 lin)
{
	struct bt_area *c = bt_window_area(ws, set, lin);

	/* A page of 1 GiB goes as one, wherever in it @lin is. */
	if (set->huge)
		set->stale = true;
	if (!c || !c->source)
		return set->huge;
	c->suspect = true;
	return true;
}

void bt_window_forget_runs(struct bt_windows *ws)
{
	note_runs(ws, 0);
}

void bt_window_wipe(struct bt_windows *ws, struct bt_window_set *set)
{
	u64 size = BT_WINDOW_SIZE + 2 * BT_WINDOW_EDGE;
	u32 runs = 0;
	u16 n;

	while ((n = set->areas) != 0) {
		set->areas = ws->area[n - 1].next;
		ws->area[n - 1].next = ws->free;
		ws->free = n;
	}
	memset(set->hash, 0, sizeof(set->hash));
	memset(set->filter, 0, sizeof(set->filter));
	set->huge = false;
	for (u32 k = 0; k < BT_WINDOW_COUNT; k++)
		if (set->host[k] && plat_window_unmap(set->host[k], size))
			plat_bug(__FILE__, __LINE__, "a window can not be emptied");
	ws->x->stats.window.wipes++;
	for (u32 i = 0; i < BT_WINDOW_SETS; i++)
		runs += count_runs(ws, &ws->set[i]);
	note_runs(ws, runs);
}

void bt_window_unwrite(struct bt_windows *ws, struct bt_window_set *set, u64 gpa)
{
	if (!bit(set->filter, filter_bit(gpa)))
		return;
	for (u16 n = set->areas; n; n = ws->area[n - 1].next) {
		struct bt_area *c = &ws->area[n - 1];
		u64 weaken[BT_AREA_PAGES / 64] = { 0 }, any = 0;

		for (u32 w = 0; w < ARRAY_SIZE(weaken); w++)
			for (u64 m = c->writable[w]; m; m &= m - 1) {
				u32 i = w * 64 + __builtin_ctzll(m);

				if (frame_of(c->source, c->pte[i], i) == (gpa & PAGE_MASK))
					any = weaken[w] |= BIT_ULL(i % 64);
			}
		if (any)
			protect_pages(ws, set, c, weaken);
	}
	ws->x->stats.window.code++;
}
