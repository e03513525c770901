// SPDX-License-Identifier: GPL-2.0
/*
 * The nested page tables' life, and what the core tells them of memory slots.
 */
#include <linux/sched/mm.h>
#include "nested.h"

/* ---- life ---- */

int nested_vm_create(struct vm *vm, const struct nested_format *f)
{
	struct nested_stock root = { 0 };
	struct nested *n = plat_alloc(sizeof(*n));
	int err;

	if (!n)
		return -ENOMEM;
	n->vm = vm;
	n->f = *f;
	/* The depth of the host's own tables: with nested paging of AMD it has to be. */
	n->levels = pgtable_l5_enabled() ? 5 : 4;
	n->by_hva = RB_ROOT_CACHED;
	rwlock_init(&n->lock);
	err = nested_stock_fill(&root, 1);
	if (!err) {
		n->root = root.table[0];
		err = nested_notifier_start(n);
	}
	if (err) {
		nested_stock_drop(&root);
		plat_free(n);
		return err;
	}
	vm->nested = n;
	return 0;
}

void nested_vm_destroy(struct vm *vm)
{
	struct nested *n = vm->nested;
	struct nested_stock root = { .n = 1, .table = { n->root } };

	/* Its release() empties the tables, if the program's end has not done so. */
	nested_notifier_stop(n);
	nested_stock_drop(&root);
	vm->nested = NULL;
	plat_free(n);
}

u64 nested_root(struct vm *vm)
{
	return __sme_pa(vm->nested->root);
}

unsigned int nested_levels(struct vm *vm)
{
	return vm->nested->levels;
}

void nested_flush(struct nested *n)
{
	vm_request_tlb_flush(n->vm);
	hw_kick_all_wait(n->vm);
}

/* ---- slots ---- */

static void forget_slot(struct nested *n, struct nested_slot *s)
{
	if (s->npages)
		interval_tree_remove(&s->hva, &n->by_hva);
	s->npages = 0;
}

static void remember_slot(struct nested *n, struct nested_slot *s, const struct memslot *slot)
{
	s->hva.start = slot->uaddr;
	s->hva.last = slot->uaddr + (slot->npages << PAGE_SHIFT) - 1;
	s->base_gfn = slot->base_gfn;
	s->npages = slot->npages;
	/* A page that faults when it is written has been marked by then, and may be unmarked since. */
	s->dirty = nested_dirty_by_fault(n) ? NULL : slot->dirty;
	interval_tree_insert(&s->hva, &n->by_hva);
}

/*
 * Everything is taken away but when logging begins: then the guest is about to
 * be copied while it runs, and should not have to fault on all of its memory.
 */
void nested_slot_changed(struct vm *vm, const struct memslot *old, const struct memslot *new)
{
	struct nested *n = vm->nested;
	struct nested_slot *s = &n->slots[old ? old->id : new->id];
	bool logs = old && new && !old->dirty && new->dirty && old->base_gfn == new->base_gfn;
	struct nested_zap z;

	nested_zap_init(&z);
	if (logs)
		nested_dirty_start(n, new->base_gfn, new->npages);
	write_lock(&n->lock);
	if (new && s->dirty == new->dirty) {
		z.dirty = s->dirty;
		z.dirty_gfn = s->base_gfn;
	}
	if (old && !logs)
		nested_zap(n, &z, old->base_gfn, old->base_gfn + old->npages);
	forget_slot(n, s);
	if (new)
		remember_slot(n, s, new);
	memset(n->mmio, 0, sizeof(n->mmio));
	write_unlock(&n->lock);
	/* All vCPUs are outside, and the core has them flush before they come back. */
	nested_zap_free(n, &z);
}
