/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Guest-physical memory: slots of the host program's memory, found by guest
 * frame number.
 *
 * Readers hold slots_lock and so keep every slot where it is. A change is made
 * with all vCPUs out of guest code (vm_slots_write), so there is nothing to
 * wait for afterwards: engines drop what they cached when they come back.
 * vm_code_written alone reads without the lock, from a fault handler, under
 * slots_gen as a sequence count.
 */
#include "ioctl.h"
#include "core-int.h"

#define MAX_SLOT_PAGES ((1ull << 31) - 1)
#define USER_END 0x7ffffffff000ull	/* of addresses in a process */
#define GPA_BITS 52

struct memslot *vm_slot_find(struct vm *vm, u64 gfn)
{
	struct memslots *s = &vm->slots;
	u32 lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (gfn - s->by_gfn[mid]->base_gfn < s->by_gfn[mid]->npages) {
			WRITE_ONCE(s->last, mid);
			return s->by_gfn[mid];
		}
		if (gfn < s->by_gfn[mid]->base_gfn)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

void *vm_page(struct vm *vm, struct vcpu *vcpu, u64 gpa, bool write)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	struct memslot *slot = vm_slot(vm, gfn);
	void *host;

	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		return NULL;
	host = plat_guest_page(vm, slot->uaddr + ((gfn - slot->base_gfn) << PAGE_SHIFT), write);
	if (host && write)
		vm_mark_dirty(vcpu, vm, slot, gfn);
	return host;
}

int vm_read(struct vm *vm, u64 gpa, void *buf, size_t n)
{
	size_t part;
	u8 *page;

	for (; n; n -= part, gpa += part, buf = (u8 *)buf + part) {
		part = min(n, (size_t)(PAGE_SIZE - (gpa & ~PAGE_MASK)));
		page = vm_page(vm, NULL, gpa, false);
		if (!page || plat_guest_read(buf, page + (gpa & ~PAGE_MASK), part))
			return -EFAULT;
	}
	return 0;
}

int vm_write(struct vm *vm, struct vcpu *vcpu, u64 gpa, const void *buf, size_t n)
{
	size_t part;
	u8 *page;

	for (; n; n -= part, gpa += part, buf = (const u8 *)buf + part) {
		part = min(n, (size_t)(PAGE_SIZE - (gpa & ~PAGE_MASK)));
		page = vm_page(vm, vcpu, gpa, true);
		if (!page || plat_guest_write(page + (gpa & ~PAGE_MASK), buf, part))
			return -EFAULT;
		if (vm->engine->memory_written)
			vm->engine->memory_written(vm, gpa, part);
	}
	return 0;
}

void vm_code_written(struct vm *vm, u64 uaddr)
{
	const struct memslot *s;
	u64 gen, gpa;
	u32 i;

retry:
	gen = __atomic_load_n(&vm->slots_gen, __ATOMIC_ACQUIRE);
	if (gen & 1) {
		plat_pause();
		goto retry;
	}
	/* Memory may be in more than one slot: at each of its addresses. */
	for (i = 0; i < VM_MAX_SLOTS; i++) {
		s = &vm->slot_table[i];
		if (uaddr - READ_ONCE(s->uaddr) >= READ_ONCE(s->npages) << PAGE_SHIFT)
			continue;
		gpa = (READ_ONCE(s->base_gfn) << PAGE_SHIFT) + (uaddr - READ_ONCE(s->uaddr));
		if (vm->engine->memory_written)
			vm->engine->memory_written(vm, gpa & PAGE_MASK, PAGE_SIZE);
	}
	plat_mb();
	if (READ_ONCE(vm->slots_gen) != gen)
		goto retry;
}

/* ---- changing ---- */

struct memslot *vm_slot_id(struct vm *vm, u32 id)
{
	if (id >= VM_MAX_SLOTS || !vm->slot_table[id].npages)
		return NULL;
	return &vm->slot_table[id];
}

u64 *vm_slot_new_bitmap(u64 npages, bool ones)
{
	size_t size = ALIGN_UP(npages, 64) / 8;
	u64 *map = plat_alloc(size);

	if (map && ones) {
		memset(map, 0xff, size);
		if (npages & 63)
			map[npages / 64] = (1ull << (npages & 63)) - 1;
	}
	return map;
}

/* Make @slot's writes seen again: whoever may write without asking forgets that. */
static void forget_translations(struct vm *vm)
{
	vm_request_all(vm, VCPU_REQ_TLB_FLUSH, NULL, false);
}

static void insert_sorted(struct memslots *s, struct memslot *slot)
{
	u32 i = s->n++;

	for (; i && s->by_gfn[i - 1]->base_gfn > slot->base_gfn; i--)
		s->by_gfn[i] = s->by_gfn[i - 1];
	s->by_gfn[i] = slot;
}

static void remove_sorted(struct memslots *s, const struct memslot *slot)
{
	u32 i, n = 0;

	for (i = 0; i < s->n; i++)
		if (s->by_gfn[i] != slot)
			s->by_gfn[n++] = s->by_gfn[i];
	s->n = n;
}

/*
 * Replace the slot's table entry by *@new (npages = 0: nothing). All that may fail has been
 * done.
 */
static void install(struct vm *vm, struct memslot *slot, const struct memslot *new)
{
	u64 gone = slot->uaddr, gone_len = slot->npages << PAGE_SHIFT;
	bool was = slot->npages, content, changed;

	content = was && (!new->npages || slot->base_gfn != new->base_gfn ||
			  slot->uaddr != new->uaddr);
	changed = content || slot->flags != new->flags || slot->npages != new->npages;
	vm_slots_write(vm);
	if (changed && vm->engine->slot_changed)
		vm->engine->slot_changed(vm, was ? slot : NULL, new->npages ? new : NULL);
	WRITE_ONCE(vm->slots_gen, vm->slots_gen + 1);
	plat_mb();
	if (was)
		remove_sorted(&vm->slots, slot);
	*slot = *new;
	slot->gen = vm->slots_gen + 1;
	if (slot->npages)
		insert_sorted(&vm->slots, slot);
	plat_mb();
	WRITE_ONCE(vm->slots_gen, vm->slots_gen + 1);
	if (content)
		plat_guest_unmap(vm, gone, gone_len);
	vm->stats.slots_changes++;
	forget_translations(vm);
	vm_slots_write_unlock(vm);
}

static bool overlaps(const struct vm *vm, const struct memslot *self, u64 gfn, u64 npages)
{
	const struct memslot *s;
	u32 i;

	for (i = 0; i < vm->slots.n; i++) {
		s = vm->slots.by_gfn[i];
		if (s != self && gfn < s->base_gfn + s->npages && s->base_gfn < gfn + npages)
			return true;
	}
	return false;
}

static int delete_slot(struct vm *vm, struct memslot *slot)
{
	u64 *dirty = slot->dirty, *code = slot->code;

	if (!slot->npages)
		return -EINVAL;
	install(vm, slot, &(struct memslot){ 0 });
	plat_free(dirty);
	plat_free(code);
	return 0;
}

static bool valid_region(const struct kvm_userspace_memory_region *m)
{
	u64 end = m->guest_phys_addr + m->memory_size;

	return !(m->flags & ~(u32)(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)) &&
	       !((m->memory_size | m->guest_phys_addr | m->userspace_addr) & ~PAGE_MASK) &&
	       m->slot < VM_MAX_SLOTS &&
	       m->userspace_addr <= USER_END && m->memory_size <= USER_END - m->userspace_addr &&
	       end >= m->guest_phys_addr && m->memory_size >> PAGE_SHIFT <= MAX_SLOT_PAGES;
}

/*
 * Bitmaps that @new needs and @old has not; those that it needs no longer are left to the
 * caller.
 */
static int make_bitmaps(struct vm *vm, struct memslot *new)
{
	bool log = new->flags & KVM_MEM_LOG_DIRTY_PAGES;

	if (!new->code)
		new->code = vm_slot_new_bitmap(new->npages, false);
	if (!new->code)
		return -ENOMEM;
	if (!log)
		new->dirty = NULL;
	else if (!new->dirty)
		new->dirty = vm_slot_new_bitmap(new->npages,
						vm->initially_dirty && !vm->dirty_ring_size);
	return log && !new->dirty ? -ENOMEM : 0;
}

static int change_slot(struct vm *vm, struct memslot *slot, struct memslot *new)
{
	struct memslot old = *slot;
	int err;

	if (old.npages && old.base_gfn == new->base_gfn && old.flags == new->flags &&
	    old.uaddr == new->uaddr)
		return 0;
	new->code = old.code;
	new->dirty = old.dirty;
	err = make_bitmaps(vm, new);
	if (err) {
		if (new->code != old.code)
			plat_free(new->code);
		return err;
	}
	install(vm, slot, new);
	if (old.dirty != new->dirty)
		plat_free(old.dirty);
	return 0;
}

/*
 * What a new value of an existing slot may change: its place or its flags
 * (read-only excepted), not its size or the memory behind it. Rules and errors
 * are those of the kernel's KVM_SET_USER_MEMORY_REGION.
 */
long vm_set_user_memory(void *obj, void *arg, u64 uarg)
{
	const struct kvm_userspace_memory_region *m = arg;
	struct vm *vm = obj;
	struct memslot *slot, new;

	if (!valid_region(m))
		return -EINVAL;
	slot = &vm->slot_table[m->slot];
	if (!m->memory_size)
		return delete_slot(vm, slot);
	new = (struct memslot){
		.base_gfn = m->guest_phys_addr >> PAGE_SHIFT,
		.npages = m->memory_size >> PAGE_SHIFT,
		.uaddr = m->userspace_addr,
		.flags = m->flags,
		.id = m->slot,
	};
	if (slot->npages && (new.uaddr != slot->uaddr || new.npages != slot->npages ||
			     ((new.flags ^ slot->flags) & KVM_MEM_READONLY)))
		return -EINVAL;
	if (!slot->npages || slot->base_gfn != new.base_gfn) {
		if (new.base_gfn + new.npages > 1ull << (GPA_BITS - PAGE_SHIFT))
			return -EINVAL;
		if (overlaps(vm, slot, new.base_gfn, new.npages))
			return -EEXIST;
	}
	return change_slot(vm, slot, &new);
}

void vm_slots_free(struct vm *vm)
{
	u32 i;

	for (i = 0; i < VM_MAX_SLOTS; i++) {
		plat_free(vm->slot_table[i].dirty);
		plat_free(vm->slot_table[i].code);
	}
}
