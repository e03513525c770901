/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * A virtual machine's life. The VM's file and each vCPU's hold one reference;
 * the last one to go takes everything down, so nothing here needs a lock
 * against use after the end.
 */
#include "ioctl.h"
#include "core-int.h"

void vm_get(struct vm *vm)
{
	plat_atomic_add32(&vm->refs, 1);
}

static void vm_destroy(struct vm *vm)
{
	plat_guest_unmap(vm, 0, ~0ull);
	vm_eventfds_destroy(vm);
	x86_vm_destroy(vm);
	vm_coalesced_destroy(vm);
	vm_irq_routing_destroy(vm);
	/* Until then an engine's page tables may note writes in the slots' bitmaps. */
	if (vm->engine_ready && vm->engine->vm_destroy)
		vm->engine->vm_destroy(vm);
	vm_slots_free(vm);
	plat_free_shared(vm->coalesced_ring, PAGE_SIZE);
	plat_free(vm);
}

void vm_put(struct vm *vm)
{
	if (plat_atomic_add32(&vm->refs, (u32)-1) == 1)
		vm_destroy(vm);
}

static void vm_release(void *obj)
{
	struct vm *vm = obj;

	/*
	 * No irqfd fires into a VM that has no file: its notifiers go with the fd, as in
	 * the kernel.
	 */
	vm_eventfds_stop(vm);
	vm_put(vm);
}

static const struct plat_file_ops vm_file_ops = {
	.kind = PLAT_FILE_VM,
	.release = vm_release,
};

/* Every step may fail; vm_destroy undoes what has been done, each part knows its own NULL. */
static int vm_build(struct vm *vm)
{
	int err;

	err = vm_irq_routing_create(vm);
	if (!err)
		err = vm_eventfds_create(vm);
	if (!err)
		err = vm_coalesced_create(vm);
	if (!err)
		err = x86_vm_create(vm);
	if (!err && vm->engine->vm_create) {
		err = vm->engine->vm_create(vm);
		vm->engine_ready = !err;
	} else if (!err) {
		vm->engine_ready = true;
	}
	return err;
}

int core_vm_create(const struct engine *engine)
{
	struct vm *vm = plat_alloc(sizeof(*vm));
	int fd, err;

	if (!vm)
		return -ENOMEM;
	vm->refs = 1;
	vm->engine = engine;
	plat_mutex_init(&vm->lock);
	plat_mutex_init(&vm->slots_gate);
	plat_mutex_init(&vm->split_lock);
	plat_rwlock_init(&vm->slots_lock);
	err = vm_build(vm);
	if (err) {
		vm_destroy(vm);
		return err;
	}
	fd = plat_file_create("kvm-vm", &vm_file_ops, vm, &vm->file);
	if (fd < 0) {
		vm_destroy(vm);
		return fd;
	}
	vm->coalesced_ring = plat_alloc_shared(vm->file, KVM_COALESCED_MMIO_PAGE_OFFSET * PAGE_SIZE,
					       PAGE_SIZE);
	if (!vm->coalesced_ring) {
		plat_file_cancel(vm->file, fd);
		vm_destroy(vm);
		return -ENOMEM;
	}
	return fd;
}

u32 vm_nr_vcpus(const struct vm *vm)
{
	return __atomic_load_n(&vm->nr_vcpus, __ATOMIC_ACQUIRE);
}

struct vcpu *vm_vcpu_by_id(struct vm *vm, u32 id)
{
	u32 i, n = vm_nr_vcpus(vm);

	for (i = 0; i < n; i++)
		if (vm->vcpus[i]->id == id)
			return vm->vcpus[i];
	return NULL;
}

long vm_create_vcpu(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;
	u32 max_id = vm->max_vcpu_id ? vm->max_vcpu_id : VM_MAX_VCPU_IDS;

	if (uarg >= max_id)
		return -EINVAL;
	if (vm->nr_vcpus >= VM_MAX_VCPUS)
		return -EINVAL;
	if (vm_vcpu_by_id(vm, uarg))
		return -EEXIST;
	return vcpu_create(vm, uarg);
}

/* Chips here are no devices of this kind, and VFIO's is the kernel's: no type is known. */
long vm_create_device(void *obj, void *arg, u64 uarg)
{
	return -ENODEV;
}

long vm_set_boot_cpu(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	if (vm->nr_vcpus)
		return -EBUSY;
	vm->boot_cpu_id = uarg;
	return 0;
}

/* ---- requests to all ---- */

void vm_request_all(struct vm *vm, u32 req, struct vcpu *except, bool wait)
{
	u32 i, n = vm_nr_vcpus(vm);
	struct vcpu *v;

	for (i = 0; i < n; i++) {
		v = vm->vcpus[i];
		if (v == except)
			continue;
		vcpu_request(v, req);
		vcpu_kick(v);
	}
	if (!wait)
		return;
	/*
	 * A vCPU that is in guest code with the request unseen will leave it
	 * soon, being kicked; vcpu_enter_guest looks at requests after it has
	 * set in_guest, so one that enters now sees it.
	 */
	for (i = 0; i < n; i++) {
		v = vm->vcpus[i];
		while (v != except && READ_ONCE(v->in_guest) &&
		       (READ_ONCE(v->requests) & BIT_ULL(req)))
			plat_yield();
	}
}

void vm_request_tlb_flush(struct vm *vm)
{
	u32 i, n = vm_nr_vcpus(vm);

	for (i = 0; i < n; i++)
		vcpu_request(vm->vcpus[i], VCPU_REQ_TLB_FLUSH);
}

/*
 * The gate keeps a vCPU that has made room from taking the lock again before
 * the writer has had it: rwlocks promise no order.
 */
void vm_slots_write(struct vm *vm)
{
	plat_mutex_lock(&vm->slots_gate);
	vm_request_all(vm, VCPU_REQ_PAUSE, NULL, false);
	plat_write_lock(&vm->slots_lock);
}

void vm_slots_write_unlock(struct vm *vm)
{
	plat_write_unlock(&vm->slots_lock);
	plat_mutex_unlock(&vm->slots_gate);
}
