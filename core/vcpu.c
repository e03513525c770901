/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * A virtual CPU's life, and how others get its attention.
 *
 * A vCPU lives as long as its VM, whatever becomes of its file: other vCPUs
 * and the chips reach it through vm->vcpus without a lock.
 */
#include "ioctl.h"
#include "core.h"
#include "core-int.h"
#include "x86/pv.h"

#define SAME(f) _Static_assert(offsetof(struct vcpu, f) == offsetof(struct vcpu_head, f), #f)
SAME(vm);
SAME(requests);
SAME(in_guest);
SAME(waiting);
SAME(id);
SAME(index);
SAME(thread);
#undef SAME

static void vcpu_destroy(struct vcpu *v)
{
	if (v->engine_ready && v->vm->engine->vcpu_destroy)
		v->vm->engine->vcpu_destroy(v);
	x86_vcpu_destroy(v);
	plat_free_shared(v->dirty_ring, v->vm->dirty_ring_size * sizeof(*v->dirty_ring));
	plat_free_shared(v->pio_page, PAGE_SIZE);
	plat_free_shared(v->run, PAGE_SIZE);
	plat_free(v);
}

void vm_vcpus_destroy(struct vm *vm)
{
	u32 i, n = vm->nr_vcpus;

	/* First make them unreachable: a dying vCPU's timer finds no neighbour. */
	vm->nr_vcpus = 0;
	for (i = 0; i < n; i++) {
		vcpu_destroy(vm->vcpus[i]);
		vm->vcpus[i] = NULL;
	}
}

static void vcpu_release(void *obj)
{
	struct vcpu *v = obj;

	vm_put(v->vm);
}

static const struct plat_file_ops vcpu_file_ops = {
	.kind = PLAT_FILE_VCPU,
	.release = vcpu_release,
};

static int vcpu_build(struct vcpu *v)
{
	int err;

	v->run = plat_alloc_shared(v->file, 0, PAGE_SIZE);
	v->pio_page = plat_alloc_shared(v->file, KVM_PIO_PAGE_OFFSET * PAGE_SIZE, PAGE_SIZE);
	v->coalesced = v->vm->coalesced_ring;
	if (!v->run || !v->pio_page)
		return -ENOMEM;
	err = vcpu_dirty_ring_create(v);
	if (!err)
		err = x86_vcpu_create(v);
	if (!err && v->vm->engine->vcpu_create)
		err = v->vm->engine->vcpu_create(v);
	v->engine_ready = !err;
	return err;
}

int vcpu_create(struct vm *vm, u32 id)
{
	struct vcpu *v = plat_alloc(sizeof(*v));
	char name[24];
	int fd, err;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->id = id;
	v->index = vm->nr_vcpus;
	v->pending_external_vector = -1;
	vcpu_forget_insn(v);
	v->events_open = true;
	v->trace = (plat_trace_on("exit") ? VCPU_TRACE_EXIT : 0) |
		   (plat_trace_on("msr") ? VCPU_TRACE_MSR : 0) |
		   (plat_trace_on("event") ? VCPU_TRACE_EVENT : 0);
	plat_mutex_init(&v->lock);
	plat_snprintf(name, sizeof(name), "kvm-vcpu:%u", id);
	fd = plat_file_create(name, &vcpu_file_ops, v, &v->file);
	if (fd < 0) {
		plat_free(v);
		return fd;
	}
	err = vcpu_build(v);
	if (err) {
		plat_file_cancel(v->file, fd);
		vcpu_destroy(v);
		return err;
	}
	vm_get(vm);
	vm->vcpus[v->index] = v;
	__atomic_store_n(&vm->nr_vcpus, v->index + 1, __ATOMIC_RELEASE);
	x86_vcpu_published(v);
	return fd;
}

/* ---- attention ---- */

/*
 * The other halves are in vcpu_enter_guest and wait_events: they set in_guest
 * or waiting, then look at requests once more.
 */
void vcpu_kick(struct vcpu *v)
{
	plat_mb();
	if (READ_ONCE(v->in_guest))
		v->vm->engine->kick(v);
	if (READ_ONCE(v->waiting))
		plat_thread_wake(&v->thread);
}

void vcpu_request_kick(struct vcpu *v, enum vcpu_req r)
{
	vcpu_request(v, r);
	vcpu_kick(v);
}

/* ---- what a home asks ---- */

struct vcpu *core_vm_vcpu(struct vm *vm, u32 index)
{
	return index < vm_nr_vcpus(vm) ? vm->vcpus[index] : NULL;
}

u64 core_vcpu_preempted(struct vcpu *v, u8 *val)
{
	return v->pv ? pv_preempted(v, val) : 0;
}

u32 core_halt_poll_ns(struct vcpu *v, u32 ns)
{
	return READ_ONCE(v->vm->halt_poll_set) ? READ_ONCE(v->vm->halt_poll_ns) : ns;
}

bool core_vcpu_polls(struct vcpu *v)
{
	return v->pv && !(READ_ONCE(v->pv->poll_control) & 1);
}

/* ---- small ioctls ---- */

long vcpu_set_signal_mask(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;
	u32 len;
	u64 mask;

	if (!uarg)
		return plat_set_sigmask(&v->thread, NULL, 0);
	if (plat_copy_from_user(&len, uarg, sizeof(len)))
		return -EFAULT;
	if (len != sizeof(mask))
		return -EINVAL;
	if (plat_copy_from_user(&mask, uarg + offsetof(struct kvm_signal_mask, sigset), len))
		return -EFAULT;
	return plat_set_sigmask(&v->thread, &mask, len);
}
