// SPDX-License-Identifier: GPL-2.0
/*
 * A page that has to come from a disk is fetched beside the guest, which the
 * core tells of it (asynchronous page faults). The fetcher is a work item that
 * takes the host program's page fault for it; then the vCPU is told, and its
 * next access finds the page, or finds out for itself that it can not be had.
 *
 * Few guests ever need it, so a VM's queue is made with its first fetcher. It
 * ends before the VM's vCPUs do, and waits for what is in it.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "nested.h"
#include "core.h"

struct fetch {
	struct work_struct work;
	struct nested *n;
	struct vcpu *v;
	unsigned long hva;
	bool write;
	u32 token;
};

static void fetch_page(struct mm_struct *mm, unsigned long hva, bool write)
{
	bool unlocked = false;

	mmap_read_lock(mm);
	fixup_user_fault(mm, hva, FAULT_FLAG_REMOTE | (write ? FAULT_FLAG_WRITE : 0), &unlocked);
	mmap_read_unlock(mm);
}

static void fetch(struct work_struct *work)
{
	struct fetch *f = container_of(work, struct fetch, work);

	/* The program may have ended; its mm stays as long as the notifier. */
	if (mmget_not_zero(f->n->mm)) {
		fetch_page(f->n->mm, f->hva, f->write);
		mmput(f->n->mm);
	}
	core_async_pf_ready(f->v, f->token);
	kfree(f);
}

/* vCPUs may come here at the same time. */
static struct workqueue_struct *queue(struct nested *n)
{
	struct workqueue_struct *q = READ_ONCE(n->fetchers), *other;

	if (q)
		return q;
	q = alloc_workqueue("anykvm-fetch", WQ_UNBOUND, 0);
	other = q ? cmpxchg(&n->fetchers, NULL, q) : NULL;
	if (!other)
		return q;
	destroy_workqueue(q);
	return other;
}

bool nested_async(struct nested *n, struct vcpu *v, u64 gpa, unsigned long hva, bool write)
{
	enum core_async_pf how;
	struct fetch *f;

	if (!core_async_pf_possible(v))
		return false;
	/* After the guest has been told there is no way back. */
	f = kmalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f || !queue(n)) {
		kfree(f);
		return false;
	}
	*f = (struct fetch){ .n = n, .v = v, .hva = hva, .write = write };
	INIT_WORK(&f->work, fetch);
	how = core_async_pf_start(v, gpa, &f->token);
	if (how == CORE_ASYNC_PF_STARTED)
		queue_work(n->fetchers, &f->work);
	else
		kfree(f);
	return how != CORE_ASYNC_PF_NO;
}

void nested_async_stop(struct nested *n)
{
	if (n->fetchers)
		destroy_workqueue(n->fetchers);
	n->fetchers = NULL;
}
