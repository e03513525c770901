// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Code that changes.
 *
 * A page from which this vCPU has translated has its bit in slot->code and is
 * watched by the home; no first-level TLB entry of this vCPU lets a store
 * through. So each store arrives here: from generated code through
 * bt_smc_store, from other vCPUs, the emulator and the host program's devices
 * through bt_memory_written, which only posts to each vCPU's queue.
 *
 * Clearing the bit is always followed by a post to every vCPU that may have
 * blocks of the page, and each sets bit and watch anew before it reads the
 * page's bytes again: so a block never outlives its bytes.
 *
 * A page that keeps being written and executed (code and data together) is
 * left watched after a while; stores go around the watch and drop only the
 * blocks whose bytes they change.
 */
#include "jump.h"
#include "run.h"
#include "window.h"

#define MIXED_AFTER 4

struct bt_smc_queue *bt_smc_create(void)
{
	struct bt_smc_queue *q = plat_alloc(sizeof(*q));

	if (q)
		plat_spin_init(&q->lock);
	return q;
}

/* The word and bit of @gpa in the slot's code map; false when it has none. */
static bool code_bit(const struct memslot *slot, u64 gpa, u64 **word, u64 *bit)
{
	u64 i = (gpa >> PAGE_SHIFT) - slot->base_gfn;

	if (!slot->code || i >= slot->npages)
		return false;
	*word = &slot->code[i / 64];
	*bit = BIT_ULL(i % 64);
	return true;
}

bool bt_slot_code(const struct memslot *slot, u64 gpa)
{
	u64 *word, bit;

	return code_bit(slot, gpa, &word, &bit) && (READ_ONCE(*word) & bit);
}

void bt_smc_prepare(struct bt_ctx *x, u64 gpa, const u8 *host)
{
	struct memslot *slot = vm_slot(x->vcpu->vm, gpa >> PAGE_SHIFT);
	u64 *word, bit;

	if (!slot || !code_bit(slot, gpa, &word, &bit))
		return;
	if ((READ_ONCE(*word) & bit) && bt_cache_has_page(x->cache, gpa))
		return;
	plat_atomic_or64(word, bit);
	bt_tlb_protect(x, host);
	bt_window_code(x->vcpu->vm, gpa);
	plat_watch_page(x->vcpu->vm, (void *)host);
}

/* ---- what others wrote ---- */

static void post(struct vcpu *v, u64 gpa, u64 len)
{
	struct bt_ctx *x = v->engine_priv;
	struct bt_smc_queue *q;
	struct bt_smc_item *last;

	if (!x)
		return;
	q = x->queue;
	plat_spin_lock(&q->lock);
	last = q->n && q->n <= BT_SMC_QUEUE ? &q->item[q->n - 1] : NULL;
	if (last && last->gpa + last->len == gpa) {
		last->len += len;		/* a file read in, page after page */
	} else {
		if (q->n < BT_SMC_QUEUE)
			q->item[q->n] = (struct bt_smc_item){ gpa, len };
		if (q->n <= BT_SMC_QUEUE)
			WRITE_ONCE(q->n, q->n + 1);
	}
	plat_spin_unlock(&q->lock);
	bt_kick(x);
}

static void post_all(struct vm *vm, u64 gpa, u64 len, const struct vcpu *except)
{
	u32 n = READ_ONCE(vm->nr_vcpus);

	for (u32 i = 0; i < n; i++)
		if (vm->vcpus[i] && vm->vcpus[i] != except)
			post(vm->vcpus[i], gpa, len);
}

void bt_memory_written(struct vm *vm, u64 gpa, u64 len)
{
	u64 end = gpa + len;

	while (gpa < end) {
		struct memslot *slot = vm_slot(vm, gpa >> PAGE_SHIFT);
		u64 *word, bit;

		if (slot && code_bit(slot, gpa, &word, &bit) && (READ_ONCE(*word) & bit)) {
			plat_atomic_and64(word, ~bit);
			post_all(vm, gpa & PAGE_MASK, PAGE_SIZE, NULL);
		}
		gpa = (gpa & PAGE_MASK) + PAGE_SIZE;
	}
}

/* Take up to @most items; *overflow: some were lost, and the queue is empty now. */
static u32 take(struct bt_smc_queue *q, struct bt_smc_item *item, u32 most, bool *overflow)
{
	u32 n;

	plat_spin_lock(&q->lock);
	*overflow = q->n > BT_SMC_QUEUE;
	n = *overflow ? 0 : min(q->n, most);
	WRITE_ONCE(q->n, *overflow ? 0 : q->n - n);
	memcpy(item, &q->item[q->n], n * sizeof(*item));
	plat_spin_unlock(&q->lock);
	return n;
}

bool bt_smc_drain(struct bt_ctx *x)
{
	struct bt_smc_queue *q = x->queue;
	struct bt_smc_item item[64];
	bool overflow;
	u32 n;

	if (likely(!READ_ONCE(q->n)))
		return false;
	x->stats.smc++;
	do {
		n = take(q, item, ARRAY_SIZE(item), &overflow);
		x->vcpu->stats.invalidations += n;
		if (overflow)
			bt_cache_flush(x->cache);
		for (u32 i = 0; i < n; i++)
			bt_cache_invalidate(x->cache, item[i].gpa, item[i].len, NULL);
	} while (READ_ONCE(q->n));
	return true;
}

/* ---- stores of this vCPU's generated code ---- */

static u8 heat(struct bt_ctx *x, u64 gpa)
{
	struct bt_smc_queue *q = x->queue;
	u64 gfn = gpa >> PAGE_SHIFT;
	u32 i = (gfn * 0x9e3779b97f4a7c15ull) >> 56;

	if (q->heat_gfn[i] != gfn) {
		q->heat_gfn[i] = gfn;
		q->heat[i] = 0;
	}
	if (q->heat[i] < 255)
		q->heat[i]++;
	return q->heat[i];
}

enum bt_smc_store bt_smc_store(struct bt_ctx *x, struct bt_part *p, bool read, u64 host_pc)
{
	struct vm *vm = x->vcpu->vm;
	struct bt_block *running = bt_cache_by_host(x->cache, host_pc);
	bool alone = READ_ONCE(vm->nr_vcpus) == 1, hit;
	u64 *word, bit;

	x->stats.smc++;
	x->vcpu->stats.invalidations++;
	/*
	 * A read-modify-write may be a locked one, which has to be done on the
	 * memory itself when there are others to see it.
	 */
	if (bt_cache_has_page(x->cache, p->gpa) && (alone || !read) &&
	    heat(x, p->gpa) > MIXED_AFTER)
		return BT_SMC_AROUND;
	if (code_bit(p->slot, p->gpa, &word, &bit))
		plat_atomic_and64(word, ~bit);
	hit = bt_cache_invalidate(x->cache, p->gpa & PAGE_MASK, PAGE_SIZE, running);
	if (!alone)
		post_all(vm, p->gpa & PAGE_MASK, PAGE_SIZE, x->vcpu);
	plat_unwatch_page(vm, (void *)((u64)p->host & PAGE_MASK));
	return hit && !x->tlb2->stepping ? BT_SMC_STEP : BT_SMC_PLAIN;
}

int bt_smc_write_around(struct bt_ctx *x, struct bt_part *p, const void *data, u64 host_pc)
{
	struct vm *vm = x->vcpu->vm;
	void *page = (void *)((u64)p->host & PAGE_MASK);
	struct bt_block *running = bt_cache_by_host(x->cache, host_pc);
	bool hit;

	/*
	 * Between the two calls a write by a device of the host program goes
	 * unseen; it would race with this store anyway.
	 */
	plat_unwatch_page(vm, page);
	if (plat_guest_write(p->host, data, p->len))
		return -EFAULT;
	plat_watch_page(vm, page);
	hit = bt_cache_invalidate(x->cache, p->gpa, p->len, running);
	post_all(vm, p->gpa, p->len, x->vcpu);
	return hit;
}
