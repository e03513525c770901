/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nested page tables: what the files nested*.c and notifier.c share.
 *
 * One set of tables for a VM, of all its vCPUs. An entry says what the host
 * program's own page tables say of the same memory, never more, and holds no
 * reference to the page: the mmu notifier takes the entry away before the
 * host takes the page away. So the tables are a cache that may be emptied at
 * any moment, and the next access fills it again (nested-fault.c).
 *
 * The lock. A fault holds it for reading: entries appear and gain rights by
 * compare and exchange, and tables are only ever added. Whatever takes
 * something away holds it for writing: entries go, tables are unlinked.
 * Neither side sleeps under it. It is the innermost of all:
 * slots_lock, mmap_lock, the kernel's page table locks, then this.
 *
 * Flushing. After the last entry has been taken away, and still under the
 * lock, nested_flush() asks every vCPU to drop what its processor caches
 * before it enters the guest again, interrupts those that are inside, and
 * waits until each has left. Then, and not earlier, the notifier returns and
 * unlinked tables are freed: no vCPU uses a stale translation, and no
 * processor walks a freed table, for it walks only in guest mode. Where the
 * core holds all vCPUs outside (slots, dirty logging) it asks for the same
 * flush itself before it lets them in.
 */
#ifndef ANYKVM_NESTED_H
#define ANYKVM_NESTED_H

#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/interval_tree.h>
#include <linux/spinlock.h>
#include "vm.h"
#include "hw.h"

#define NESTED_ADDRESS 0x000ffffffffff000ull
#define NESTED_INDEX_BITS 9
#define NESTED_ENTRIES 512
#define NESTED_MAX_LEVELS 5
#define NESTED_MMIO_WORDS 64

/* What the notifier has to know of a slot. It can not take slots_lock, so this is a copy. */
struct nested_slot {
	struct interval_tree_node hva;	/* first and last byte in the host program */
	u64 base_gfn, npages;		/* npages 0: not in the tree */
	u64 *dirty;			/* the slot's bitmap while dirty bits are to go there, or NULL */
};

struct nested {
	struct mmu_notifier notifier;
	struct vm *vm;
	struct mm_struct *mm;		/* the host program's; the notifier keeps the reference */
	struct nested_format f;
	unsigned int levels;
	u64 *root;
	struct workqueue_struct *fetchers;	/* of asynchronous page faults; NULL: none yet */

	rwlock_t lock;			/* everything below, and the tables */
	unsigned long seq;		/* invalidations that have ended */
	unsigned long busy;		/* invalidations under way, */
	unsigned long busy_start, busy_end;	/* all of them in this range */
	struct rb_root_cached by_hva;
	struct nested_slot slots[VM_MAX_SLOTS];

	/*
	 * Pages with no slot: gfn + 1, by nested_mmio_hash. Written with slots_lock held for
	 * reading, emptied with it held for writing.
	 */
	u64 mmio[NESTED_MMIO_WORDS];
};

/* Levels count from the page table, whose entries are 4 KiB pages: 1. */
static inline u64 nested_span(unsigned int level)
{
	return 1ull << (NESTED_INDEX_BITS * (level - 1));	/* in pages */
}

static inline unsigned int nested_index(u64 gfn, unsigned int level)
{
	return gfn >> (NESTED_INDEX_BITS * (level - 1)) & (NESTED_ENTRIES - 1);
}

static inline bool nested_present(const struct nested *n, u64 e)
{
	return e & n->f.present;
}

static inline bool nested_leaf(const struct nested *n, u64 e, unsigned int level)
{
	return level == 1 || (e & n->f.large);
}

static inline u64 *nested_child(u64 e)
{
	/* The host's memory encryption bit, if any, is part of the address field. */
	return __va(__sme_clr(e) & NESTED_ADDRESS);
}

/*
 * Are the writes of logged pages found by write protection? Otherwise by the dirty bits. A
 * ring wants to be told at the moment of the write.
 */
static inline bool nested_dirty_by_fault(const struct nested *n)
{
	return n->vm->dirty_ring_size || !n->f.dirty;
}

/* ---- nested-table.c ---- */

/* Tables that a fault, or a split, has at hand. */
struct nested_stock {
	unsigned int n;
	u64 *table[NESTED_MAX_LEVELS];
};
int nested_stock_fill(struct nested_stock *s, unsigned int n);	/* sleeps; 0 or -ENOMEM */
void nested_stock_drop(struct nested_stock *s);

/* The lowest entry that there is for @gfn, present or not, and its level. Under the lock. */
u64 *nested_entry(struct nested *n, u64 gfn, unsigned int *level);

/*
 * A leaf for @gfn: @e is complete but for the address, which is that of page @pfn. Under the
 * lock for reading. 0; or the number of tables that @s lacks.
 */
unsigned int nested_map(struct nested *n, u64 gfn, unsigned int level, u64 pfn, u64 e,
			struct nested_stock *s);

struct nested_zap {
	struct list_head tables;	/* unlinked, to be freed after the flush */
	bool any;			/* a flush is due */
	u64 *dirty;			/* note dirty pages here, ... */
	u64 dirty_gfn;			/* ... the first bit being this page */
};
void nested_zap_init(struct nested_zap *z);
/* Take [gfn, end) away; large pages as a whole. Under the lock for writing. */
void nested_zap(struct nested *n, struct nested_zap *z, u64 gfn, u64 end);
void nested_zap_all(struct nested *n, struct nested_zap *z);
void nested_zap_free(struct nested *n, struct nested_zap *z);	/* after the flush, no lock held */

/* The large leaf at @p becomes a table of the next smaller size. Under the lock for writing. */
void nested_split(struct nested *n, u64 *p, unsigned int level, struct nested_stock *s);

/* ---- nested-dirty.c ---- */

void nested_dirty_start(struct nested *n, u64 gfn, u64 npages);

/* ---- nested.c ---- */

void nested_flush(struct nested *n);	/* under the lock for writing, which it is not without */

/* ---- nested-async.c ---- */

/* The page is being fetched, and the guest has been told: true. */
bool nested_async(struct nested *n, struct vcpu *v, u64 gpa, unsigned long hva, bool write);
void nested_async_stop(struct nested *n);

/* ---- notifier.c ---- */

int nested_notifier_start(struct nested *n);
void nested_notifier_stop(struct nested *n);

#endif
