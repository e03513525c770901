// SPDX-License-Identifier: GPL-2.0
/*
 * A nested page fault: look at what the host maps there, have the host map
 * it if it does not, and copy that.
 *
 * The look is a walk of the host's page tables, as the processor would do it:
 * no lock, no reference to the page. Interrupts are off, so the tables are
 * not freed under it (who frees them waits for such walkers). What it saw may
 * be old at once; the notifier's sequence says so when the entry is to be
 * installed, under the lock, and then it all starts again. Ordinary memory,
 * huge pages of any kind and a device's pages (VM_PFNMAP) are found the same
 * way, in the size that the host has them in.
 *
 * A page becomes writable for the guest only if the host's entry is writable
 * and dirty: then the host knows already that the page is being written, and
 * the guest's writes need not be reported to it. A read fault takes the right
 * to write along where it can be had.
 *
 * What is not there is brought in as the host program's own access would do
 * it. First without waiting: only what must be read from a disk waits.
 */
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include "nested.h"
#include "core.h"
#include "compat.h"

struct fault {
	struct nested *n;
	struct vcpu *v;
	const struct memslot *slot;
	u64 gfn;
	unsigned long hva;
	bool write;
	unsigned long seq;		/* n->seq before the look */

	/* what the look found */
	u64 pfn;
	unsigned int level;
	bool writable, io;
};

/* ---- the host's page tables ---- */

static bool is_leaf(u64 e)
{
	return e & _PAGE_PSE;
}

static bool found(struct fault *f, unsigned int level, u64 e, u64 pfn)
{
	pte_t pte = __pte(e);

	/* Not present in the processor's sense (PROT_NONE, under migration), or not this program's. */
	if (!(e & _PAGE_PRESENT) || !pte_access_permitted(pte, false))
		return false;
	f->level = level;
	f->pfn = pfn + ((f->hva >> PAGE_SHIFT) & (nested_span(level) - 1));
	f->writable = (e & _PAGE_DIRTY) && pte_access_permitted(pte, true);
	f->io = e & (_PAGE_PCD | _PAGE_PWT);
	return true;
}

/* Interrupts are off. The levels that the host has folded away go down by themselves. */
static bool walk_host(struct fault *f)
{
	unsigned long hva = f->hva;
	pgd_t *pgdp = pgd_offset(current->mm, hva), pgd = READ_ONCE(*pgdp);
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t *pmdp, pmd;
	pte_t pte;

	if (pgd_none(pgd))
		return false;
	p4dp = p4d_offset_lockless(pgdp, pgd, hva);
	p4d = READ_ONCE(*p4dp);
	if (!p4d_present(p4d))
		return false;
	pudp = pud_offset_lockless(p4dp, p4d, hva);
	pud = READ_ONCE(*pudp);
	if (is_leaf(pud_val(pud)) || !(pud_val(pud) & _PAGE_PRESENT))
		return found(f, 3, pud_val(pud), pud_pfn(pud));
	pmdp = pmd_offset_lockless(pudp, pud, hva);
	pmd = READ_ONCE(*pmdp);
	if (is_leaf(pmd_val(pmd)) || !(pmd_val(pmd) & _PAGE_PRESENT))
		return found(f, 2, pmd_val(pmd), pmd_pfn(pmd));
	pte = READ_ONCE(*pte_offset_kernel(&pmd, hva));
	return found(f, 1, pte_val(pte), pte_pfn(pte));
}

/* Does the host map the page, so that the access may be made? */
static bool look(struct fault *f)
{
	unsigned long flags;
	bool ok;

	f->seq = smp_load_acquire(&f->n->seq);
	local_irq_save(flags);
	ok = walk_host(f);
	local_irq_restore(flags);
	return ok && (f->writable || !f->write);
}

/* ---- bringing in ---- */

static enum nested_result gone(const struct fault *f, long err)
{
	switch (err) {
	case -EHWPOISON:
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)f->hva, PAGE_SHIFT, current);
		return NESTED_AGAIN;
	case -EINTR:
	case -EAGAIN:
	case -ERESTARTSYS:
		return NESTED_AGAIN;
	}
	return NESTED_GONE;
}

static long get_page_of(const struct fault *f, unsigned int flags)
{
	struct page *page;
	long ret = get_user_pages_unlocked(f->hva, 1, &page, flags);

	if (ret == 1)
		put_page(page);
	return ret;
}

/* The access itself, by the host's fault handler: what a device maps, and what is there but clean. */
static enum nested_result handle_fault(const struct fault *f)
{
	struct mm_struct *mm = current->mm;
	bool unlocked = false;
	int err;

	mmap_read_lock(mm);
	err = fixup_user_fault(mm, f->hva, f->write ? FAULT_FLAG_WRITE : 0, &unlocked);
	mmap_read_unlock(mm);
	return err ? gone(f, err) : NESTED_OK;
}

static enum nested_result bring_in(const struct fault *f)
{
	unsigned int flags = FOLL_HWPOISON | (f->write ? FOLL_WRITE : 0);
	long ret = get_page_of(f, flags | FOLL_NOWAIT);

	if (ret != 1 && ret != -EFAULT && ret != -EHWPOISON) {
		if (nested_async(f->n, f->v, f->gfn << PAGE_SHIFT, f->hva, f->write))
			return NESTED_ASYNC;
		ret = get_page_of(f, flags | COMPAT_FOLL_INTERRUPTIBLE);
	}
	if (ret == 1)
		return NESTED_OK;
	return ret == -EFAULT ? handle_fault(f) : gone(f, ret);
}

/* ---- installing ---- */

/* The largest page that the host's mapping, the slot's place and its logging allow. */
static unsigned int leaf_level(const struct fault *f)
{
	const struct memslot *s = f->slot;
	unsigned int level;
	u64 base, span;

	for (level = s->dirty ? 1 : f->level; level > 1; level--) {
		span = nested_span(level);
		base = f->gfn & ~(span - 1);
		if (!((s->base_gfn ^ (s->uaddr >> PAGE_SHIFT)) & (span - 1)) &&
		    base >= s->base_gfn && base + span <= s->base_gfn + s->npages)
			break;
	}
	return level;
}

static u64 leaf_entry(const struct fault *f)
{
	const struct nested_format *format = &f->n->f;
	bool by_fault = f->slot->dirty && nested_dirty_by_fault(f->n);
	u64 e = format->read_exec | format->accessed |
		(f->io ? format->memory_type_io : format->memory_type);

	if (f->writable && !(f->slot->flags & KVM_MEM_READONLY) && (f->write || !by_fault))
		e |= format->write;
	if (f->write)
		e |= format->dirty;
	return e;
}

enum install { INSTALLED, STALE, BUSY };

static enum install install(struct fault *f, struct nested_stock *stock, unsigned int *need)
{
	struct nested *n = f->n;
	enum install ret = INSTALLED;

	*need = 0;
	read_lock(&n->lock);
	if (n->busy && f->hva >= n->busy_start && f->hva < n->busy_end)
		ret = BUSY;
	else if (n->seq != f->seq)
		ret = STALE;
	else
		*need = nested_map(n, f->gfn, leaf_level(f), f->pfn, leaf_entry(f), stock);
	read_unlock(&n->lock);
	return ret;
}

/*
 * Until it is installed, the guest should try again (the memory is just being
 * changed), or it can not be. A page that is brought in and gone again twice
 * has a strong rival: then let the vCPU look at its requests in between.
 */
static enum nested_result resolve(struct fault *f, struct nested_stock *stock)
{
	unsigned int tries = 0, need;
	enum nested_result ret;

	for (;;) {
		if (!look(f)) {
			if (tries == 2)
				return NESTED_OK;
			ret = tries++ ? handle_fault(f) : bring_in(f);
			if (ret != NESTED_OK)
				return ret;
			continue;
		}
		switch (install(f, stock, &need)) {
		case INSTALLED:
			if (!need)
				return NESTED_OK;
			if (nested_stock_fill(stock, need))
				return NESTED_NOMEM;
			break;
		case STALE:
			if (signal_pending(current) || need_resched())
				return NESTED_OK;
			break;
		case BUSY:
			cond_resched();
			return NESTED_OK;
		}
	}
}

/* ---- the door ---- */

/* Different for the pages of the usual chips, whose addresses end in many zeroes. */
static u64 *mmio_word(struct nested *n, u64 gfn)
{
	return &n->mmio[(gfn ^ gfn >> 8) % NESTED_MMIO_WORDS];
}

enum nested_result nested_fault(struct vcpu *v, u64 gpa, u32 acc)
{
	struct vm *vm = ((struct vcpu_head *)v)->vm;
	struct nested *n = vm->nested;
	u64 gfn = gpa >> PAGE_SHIFT, *mmio = mmio_word(n, gfn);
	struct nested_stock stock = { .n = 0 };
	struct memslot *slot;
	struct fault f = { .n = n, .v = v, .gfn = gfn, .write = acc & NESTED_WRITE };
	enum nested_result ret;

	if (READ_ONCE(*mmio) == gfn + 1)
		return NESTED_MMIO;
	slot = vm_slot(vm, gfn);
	if (!slot) {
		WRITE_ONCE(*mmio, gfn + 1);
		return NESTED_MMIO;
	}
	/* Beyond what the tables reach there is memory for the emulator only. */
	if ((f.write && (slot->flags & KVM_MEM_READONLY)) ||
	    gfn >> (NESTED_INDEX_BITS * n->levels))
		return NESTED_MMIO;
	/* Another program's page tables say nothing of this VM's memory. */
	if (unlikely(current->mm != n->mm))
		return NESTED_GONE;
	f.slot = slot;
	f.hva = slot->uaddr + ((gfn - slot->base_gfn) << PAGE_SHIFT);
	ret = resolve(&f, &stock);
	if (stock.n)
		nested_stock_drop(&stock);
	if (ret == NESTED_OK && f.write && slot->dirty && nested_dirty_by_fault(n))
		vm_mark_dirty(v, vm, slot, gfn);
	return ret;
}
