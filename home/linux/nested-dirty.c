// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages the guest has written. Logged slots are mapped with 4 KiB pages
 * only.
 *
 * For a bitmap the processor notes writes in the entries' dirty bits, and no
 * write has to fault. A dirty bit stays set while the page stands in the
 * slot's bitmap, so that reading the log costs no flush; dirty_clear takes both
 * back, and the core flushes. The notifier saves the bits of entries that it
 * takes away (zap_leaf).
 *
 * A dirty ring is told at the moment of a write, so there, and where the
 * processor notes nothing, logged pages are write-protected and nested_fault
 * marks them (nested_dirty_by_fault).
 *
 * All of it is called with every vCPU outside; the lock keeps the notifier out.
 */
#include <linux/sched.h>
#include "nested.h"

/* What makes a page seen again when it is written next. */
static u64 note_bit(const struct nested *n)
{
	return nested_dirty_by_fault(n) ? n->f.write : n->f.dirty;
}

/*
 * The page table that has @gfn, at its entry, and how many entries from there on belong to
 * [gfn, end): with NULL, pages that have no table.
 */
static u64 *pages_from(struct nested *n, u64 gfn, u64 end, u64 *count)
{
	unsigned int level;
	u64 *p = nested_entry(n, gfn, &level);

	*count = min(end, (gfn | (nested_span(max(level, 2u)) - 1)) + 1) - gfn;
	return level == 1 ? p : NULL;
}

/* ---- logging begins ---- */

/* The first large leaf at or after *@gfn, below @end. */
static u64 *next_large(struct nested *n, u64 *gfn, u64 end, unsigned int *level)
{
	u64 *p;

	for (; *gfn < end; *gfn = (*gfn | (nested_span(max(*level, 2u)) - 1)) + 1) {
		p = nested_entry(n, *gfn, level);
		if (*level > 1 && nested_present(n, *p))
			return p;
	}
	return NULL;
}

/* Split what can be; what no table is to be had for goes, and comes back as small pages. */
static void split_all(struct nested *n, u64 gfn, u64 end)
{
	struct nested_stock stock = { 0 };
	struct nested_zap z;
	unsigned int level;
	u64 *p;

	nested_zap_init(&z);
	do {
		nested_stock_fill(&stock, 1);
		write_lock(&n->lock);
		p = next_large(n, &gfn, end, &level);
		if (p && stock.n)
			nested_split(n, p, level, &stock);
		else if (p)
			nested_zap(n, &z, gfn, gfn + 1);
		write_unlock(&n->lock);
		cond_resched();
	} while (p);
	nested_stock_drop(&stock);
}

static void clear_notes(struct nested *n, u64 gfn, u64 end)
{
	u64 count, i, *p, note = note_bit(n);

	for (; gfn < end; gfn += count) {
		write_lock(&n->lock);
		p = pages_from(n, gfn, end, &count);
		for (i = 0; p && i < count; i++)
			if (p[i] & note)
				p[i] &= ~note;
		write_unlock(&n->lock);
		cond_resched();
	}
}

/* The slot's pages are small from here on, and none counts as written. */
void nested_dirty_start(struct nested *n, u64 gfn, u64 npages)
{
	split_all(n, gfn, gfn + npages);
	clear_notes(n, gfn, gfn + npages);
}

/* ---- engine.h's callbacks ---- */

/* Note pages [i, i + count) of the slot, whose entries begin at @p. */
static void collect(const struct nested *n, u64 *dirty, u64 i, const u64 *p, u64 count)
{
	u64 part, k, word;

	for (; count; count -= part, i += part, p += part) {
		part = min(count, 64 - (i & 63));
		for (word = 0, k = 0; k < part; k++)
			if (p[k] & n->f.dirty)
				word |= BIT_ULL(k);
		if (word)
			plat_atomic_or64(&dirty[i / 64], word << (i & 63));
	}
}

void nested_dirty_collect(struct vm *vm, struct memslot *slot, u64 first, u64 npages)
{
	struct nested *n = vm->nested;
	u64 gfn = slot->base_gfn + first, end = gfn + npages, count, *p;

	if (nested_dirty_by_fault(n))
		return;
	for (; gfn < end; gfn += count) {
		read_lock(&n->lock);
		p = pages_from(n, gfn, end, &count);
		if (p)
			collect(n, slot->dirty, gfn - slot->base_gfn, p, count);
		read_unlock(&n->lock);
		cond_resched();
	}
}

void nested_dirty_clear(struct vm *vm, struct memslot *slot, u64 first, u64 mask)
{
	struct nested *n = vm->nested;
	u64 gfn = slot->base_gfn + first, end = gfn + 64, at, count, i, *p, note = note_bit(n);

	write_lock(&n->lock);
	for (at = gfn; at < end; at += count) {
		p = pages_from(n, at, end, &count);
		for (i = 0; p && i < count; i++)
			if ((p[i] & note) && (mask & BIT_ULL(at - gfn + i)))
				p[i] &= ~note;
	}
	write_unlock(&n->lock);
}
