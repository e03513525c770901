// SPDX-License-Identifier: GPL-2.0
/*
 * The host's word that the memory under a guest is about to change: swapped
 * out, moved, merged, given back, made read-only, unmapped. The nested entries
 * of it are taken away before the host goes on, and until it says that it is
 * through no fault brings them back. A fault that read the host's page tables
 * before or meanwhile finds n->seq or n->busy changed when it wants to install
 * what it saw, and starts again.
 *
 * Nothing has to be handed over to the host with an entry: a page is writable
 * for the guest only while the host's own entry is writable and dirty already
 * (nested-fault.c), and whatever cleans that comes through here first. Only
 * dirty logging wants to know what the guest wrote.
 *
 * Called with mmap_lock, locks of the reverse maps, or in the out-of-memory
 * killer's name: never sleeps, takes no lock but n->lock.
 */
#include "nested.h"

static struct nested *of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct nested, notifier);
}

/* Guest pages of @s that [start, end) in the host program covers. */
static void guest_range(const struct nested_slot *s, unsigned long start, unsigned long end,
			u64 *gfn, u64 *gfn_end)
{
	u64 from = max(start, s->hva.start) - s->hva.start;
	u64 to = min(end - 1, s->hva.last) - s->hva.start;

	*gfn = s->base_gfn + (from >> PAGE_SHIFT);
	*gfn_end = s->base_gfn + (to >> PAGE_SHIFT) + 1;
}

static struct nested_slot *first_slot(struct nested *n, unsigned long start, unsigned long end)
{
	struct interval_tree_node *node = interval_tree_iter_first(&n->by_hva, start, end - 1);

	return node ? container_of(node, struct nested_slot, hva) : NULL;
}

static struct nested_slot *next_slot(struct nested_slot *s, unsigned long start, unsigned long end)
{
	struct interval_tree_node *node = interval_tree_iter_next(&s->hva, start, end - 1);

	return node ? container_of(node, struct nested_slot, hva) : NULL;
}

static int range_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct nested *n = of(notifier);
	struct nested_slot *s;
	struct nested_zap z;
	u64 gfn, end;

	nested_zap_init(&z);
	write_lock(&n->lock);
	n->busy_start = n->busy ? min(n->busy_start, range->start) : range->start;
	n->busy_end = n->busy ? max(n->busy_end, range->end) : range->end;
	n->busy++;
	for (s = first_slot(n, range->start, range->end); s;
	     s = next_slot(s, range->start, range->end)) {
		guest_range(s, range->start, range->end, &gfn, &end);
		z.dirty = s->dirty;
		z.dirty_gfn = s->base_gfn;
		nested_zap(n, &z, gfn, end);
	}
	if (z.any)
		nested_flush(n);
	write_unlock(&n->lock);
	nested_zap_free(n, &z);
	return 0;
}

static void range_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct nested *n = of(notifier);

	write_lock(&n->lock);
	/* A fault reads seq without the lock: see nested_fault. */
	smp_store_release(&n->seq, n->seq + 1);
	n->busy--;
	write_unlock(&n->lock);
}

/* Has the guest used a page of [start, end)? Forget it if @clear. */
static int young(struct nested *n, unsigned long start, unsigned long end, bool clear)
{
	struct nested_slot *s;
	unsigned int level;
	u64 gfn, last, *p;
	int ret = 0;

	read_lock(&n->lock);
	for (s = first_slot(n, start, end); s; s = next_slot(s, start, end)) {
		guest_range(s, start, end, &gfn, &last);
		for (; gfn < last; gfn = (gfn | (nested_span(level) - 1)) + 1) {
			p = nested_entry(n, gfn, &level);
			if (!(READ_ONCE(*p) & n->f.accessed) || !nested_present(n, *p))
				continue;
			ret = 1;
			if (clear)
				clear_bit(__ffs64(n->f.accessed), (unsigned long *)p);
		}
	}
	read_unlock(&n->lock);
	return ret;
}

/*
 * No flush, as x86 does without one for its own entries: a page that stays in
 * the TLB looks older than it is for a while.
 */
static int clear_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	return young(of(notifier), start, end, true);
}

static int test_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long address)
{
	return young(of(notifier), address, address + 1, false);
}

/* The program's memory goes as a whole. */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct nested *n = of(notifier);
	struct nested_zap z;

	nested_zap_init(&z);
	write_lock(&n->lock);
	nested_zap_all(n, &z);
	if (z.any)
		nested_flush(n);
	write_unlock(&n->lock);
	nested_zap_free(n, &z);
}

static const struct mmu_notifier_ops ops = {
	.invalidate_range_start = range_start,
	.invalidate_range_end = range_end,
	.clear_flush_young = clear_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

int nested_notifier_start(struct nested *n)
{
	n->mm = current->mm;
	n->notifier.ops = &ops;
	return mmu_notifier_register(&n->notifier, n->mm);
}

void nested_notifier_stop(struct nested *n)
{
	mmu_notifier_unregister(&n->notifier, n->mm);
}
