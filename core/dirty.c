/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Which pages the guest has written: a bitmap for each slot, or a ring for
 * each vCPU.
 *
 * An engine asks once before it lets a page be written freely; so a page that
 * has been reported must be asked for again. Reports are taken with every
 * vCPU out of guest code, and each drops its translations before it goes on:
 * no write falls between the report and the question. Or an engine's page
 * tables note the writes themselves: then it is asked for them
 * (dirty_collect), and told to note them again (dirty_clear). With the ring
 * the same bitmap says what is in a ring already.
 */
#include "ioctl.h"
#include "core-int.h"

#define RING_RESERVED 64	/* entries kept free: a vCPU is stopped before they are needed */
#define RING_MAX_ENTRIES 65536u

void vm_mark_dirty(struct vcpu *vcpu, struct vm *vm, struct memslot *slot, u64 gfn)
{
	u64 i = gfn - slot->base_gfn, bit = BIT_ULL(i & 63);
	u64 *word;

	if (likely(!slot->dirty))
		return;
	word = &slot->dirty[i / 64];
	if ((READ_ONCE(*word) & bit) || (plat_atomic_or64(word, bit) & bit))
		return;
	plat_atomic_add64(&vm->stats.dirty_pages, 1);
	if (!vm->dirty_ring_size)
		return;
	if (!vcpu && vm_nr_vcpus(vm))
		vcpu = vm->vcpus[0];
	if (vcpu)
		vcpu_dirty_push(vcpu, slot, gfn);
}

/* ---- bitmap ---- */

#define CHUNK 32	/* words copied at a time */

/* Pages of word @i that are reported no more, until they are written again. */
static void note_again(struct vm *vm, struct memslot *slot, u64 i, u64 mask)
{
	if (vm->engine->dirty_clear)
		vm->engine->dirty_clear(vm, slot, i * 64, mask);
}

/* Copy the slot's bitmap to the host program, clearing it if @clear. */
static int hand_out(struct vm *vm, struct memslot *slot, u64 uaddr, bool clear, bool *any)
{
	u64 n = ALIGN_UP(slot->npages, 64) / 64, at, i, part;
	u64 buf[CHUNK];

	if (vm->engine->dirty_collect)
		vm->engine->dirty_collect(vm, slot, 0, slot->npages);
	for (at = 0; at < n; at += part) {
		part = min(n - at, (u64)CHUNK);
		for (i = 0; i < part; i++) {
			buf[i] = READ_ONCE(slot->dirty[at + i]);
			if (!buf[i])
				continue;
			*any = true;
			if (!clear)
				continue;
			buf[i] = plat_atomic_xchg64(&slot->dirty[at + i], 0);
			note_again(vm, slot, at + i, buf[i]);
		}
		if (plat_copy_to_user(uaddr + at * 8, buf, part * 8))
			return -EFAULT;
	}
	return 0;
}

static int find_logged(struct vm *vm, u32 id, struct memslot **slot)
{
	if (vm->dirty_ring_size)
		return -ENXIO;
	if (id >= VM_MAX_SLOTS)
		return -EINVAL;
	*slot = vm_slot_id(vm, id);
	return *slot && (*slot)->dirty ? 0 : -ENOENT;
}

long vm_get_dirty_log(void *obj, void *arg, u64 uarg)
{
	const struct kvm_dirty_log *log = arg;
	struct vm *vm = obj;
	struct memslot *slot;
	bool any = false;
	int err = find_logged(vm, log->slot, &slot);

	if (err)
		return err;
	if (vm->manual_dirty_protect && !vm->engine->dirty_collect)
		return hand_out(vm, slot, plat_user_pointer(log->padding2), false, &any);
	vm_slots_write(vm);
	err = hand_out(vm, slot, plat_user_pointer(log->padding2), !vm->manual_dirty_protect, &any);
	if (any && !vm->manual_dirty_protect)
		vm_request_all(vm, VCPU_REQ_TLB_FLUSH, NULL, false);
	vm_slots_write_unlock(vm);
	return err;
}

static bool valid_clear(const struct kvm_clear_dirty_log *log, const struct memslot *slot)
{
	u64 rest;

	if ((log->first_page & 63) || log->first_page > slot->npages)
		return false;
	rest = slot->npages - log->first_page;
	return log->num_pages <= rest && (log->num_pages == rest || !(log->num_pages & 63));
}

/* @first is a multiple of 64. */
static int clear_bits(struct vm *vm, struct memslot *slot, u64 first, u64 npages, u64 uaddr)
{
	u64 i, mask, n = ALIGN_UP(npages, 64) / 64;

	for (i = 0; i < n; i++) {
		if (plat_copy_from_user(&mask, uaddr + i * 8, 8))
			return -EFAULT;
		if (i == n - 1 && (npages & 63))
			mask &= (1ull << (npages & 63)) - 1;
		if (!mask)
			continue;
		plat_atomic_and64(&slot->dirty[first / 64 + i], ~mask);
		note_again(vm, slot, first / 64 + i, mask);
	}
	return 0;
}

long vm_clear_dirty_log(void *obj, void *arg, u64 uarg)
{
	const struct kvm_clear_dirty_log *log = arg;
	struct vm *vm = obj;
	struct memslot *slot;
	int err = find_logged(vm, log->slot, &slot);

	if (err)
		return err;
	if (!valid_clear(log, slot))
		return -EINVAL;
	vm_slots_write(vm);
	err = clear_bits(vm, slot, log->first_page, log->num_pages,
			 plat_user_pointer(log->padding2));
	vm_request_all(vm, VCPU_REQ_TLB_FLUSH, NULL, false);
	vm_slots_write_unlock(vm);
	return err;
}

/* ---- ring ---- */

int vm_enable_dirty_ring(struct vm *vm, u64 bytes)
{
	if (!bytes || (bytes & (bytes - 1)) || bytes < PAGE_SIZE ||
	    bytes < RING_RESERVED * sizeof(struct kvm_dirty_gfn))
		return -EINVAL;
	if (bytes > RING_MAX_ENTRIES * sizeof(struct kvm_dirty_gfn))
		return -E2BIG;
	if (vm->dirty_ring_size || vm->nr_vcpus)
		return -EINVAL;
	vm->dirty_ring_size = bytes / sizeof(struct kvm_dirty_gfn);
	return 0;
}

int vcpu_dirty_ring_create(struct vcpu *v)
{
	u32 n = v->vm->dirty_ring_size;

	plat_spin_init(&v->dirty_lock);
	if (!n)
		return 0;
	v->dirty_ring = plat_alloc_shared(v->file, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_SIZE,
					  n * sizeof(*v->dirty_ring));
	return v->dirty_ring ? 0 : -ENOMEM;
}

bool vcpu_dirty_ring_full(struct vcpu *v)
{
	return v->dirty_ring &&
	       READ_ONCE(v->dirty_tail) - READ_ONCE(v->dirty_reset) >=
	       v->vm->dirty_ring_size - RING_RESERVED;
}

void vcpu_dirty_push(struct vcpu *v, struct memslot *slot, u64 gfn)
{
	struct kvm_dirty_gfn *e;
	u32 size = v->vm->dirty_ring_size;

	if (!v->dirty_ring)
		return;
	plat_spin_lock(&v->dirty_lock);
	/*
	 * More than what is reserved in one go: the page's bit stays set and unreported;
	 * drop its bit.
	 */
	if (v->dirty_tail - READ_ONCE(v->dirty_reset) < size) {
		e = &v->dirty_ring[v->dirty_tail++ & (size - 1)];
		e->slot = slot->id | (u32)slot->as_id << 16;
		e->offset = gfn - slot->base_gfn;
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_DIRTY, __ATOMIC_RELEASE);
	} else {
		plat_atomic_and64(&slot->dirty[(gfn - slot->base_gfn) / 64],
				  ~BIT_ULL((gfn - slot->base_gfn) & 63));
	}
	plat_spin_unlock(&v->dirty_lock);
	if (vcpu_dirty_ring_full(v))
		vcpu_request_kick(v, VCPU_REQ_DIRTY_RING_FULL);
}

/*
 * Take back what the host program has marked as collected. Its entries are as hostile as
 * any memory of his.
 */
static u32 reset_ring(struct vm *vm, struct vcpu *v)
{
	struct kvm_dirty_gfn *e;
	struct memslot *slot;
	u32 n = 0, id;
	u64 offset;

	while (n < vm->dirty_ring_size) {
		e = &v->dirty_ring[v->dirty_reset & (vm->dirty_ring_size - 1)];
		if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_RESET) ||
		    v->dirty_reset == v->dirty_tail)
			break;
		id = READ_ONCE(e->slot);
		offset = READ_ONCE(e->offset);
		slot = vm_slot_id(vm, id);
		if (slot && slot->dirty && offset < slot->npages) {
			plat_atomic_and64(&slot->dirty[offset / 64], ~BIT_ULL(offset & 63));
			note_again(vm, slot, offset / 64, BIT_ULL(offset & 63));
		}
		WRITE_ONCE(e->flags, 0);
		WRITE_ONCE(v->dirty_reset, v->dirty_reset + 1);
		n++;
	}
	return n;
}

long vm_reset_dirty_rings(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;
	u32 i, n = 0;

	if (!vm->dirty_ring_size)
		return -EINVAL;
	vm_slots_write(vm);
	for (i = 0; i < vm->nr_vcpus; i++)
		n += reset_ring(vm, vm->vcpus[i]);
	if (n)
		vm_request_all(vm, VCPU_REQ_TLB_FLUSH, NULL, false);
	vm_slots_write_unlock(vm);
	return n;
}
