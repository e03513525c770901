/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See fake-core.h. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include "fake-core.h"

u32 fake_releases[5], fake_kicks, fake_written_total;
struct vm *fake_last_vm;
bool (*fake_fault)(struct vcpu *v, struct engine_fault *f);

#define LOG 65536
static struct {
	u64 page;
	u32 n;
} log_[LOG];

static void kick(struct vcpu *v)
{
	plat_atomic_add32(&fake_kicks, 1);
}

static bool host_fault(struct vcpu *v, struct engine_fault *f)
{
	return fake_fault && fake_fault(v, f);
}

const struct engine bt_engine = { .name = "fake", .kick = kick, .host_fault = host_fault };

u32 fake_written(const void *page)
{
	u64 p = (u64)page >> 12;

	return READ_ONCE(log_[p % LOG].page) == p ? READ_ONCE(log_[p % LOG].n) : 0;
}

void fake_forget(void)
{
	memset(log_, 0, sizeof(log_));
	fake_written_total = 0;
}

void vm_code_written(struct vm *vm, u64 uaddr)
{
	u64 p = uaddr >> 12;

	WRITE_ONCE(log_[p % LOG].page, p);
	plat_atomic_add32(&log_[p % LOG].n, 1);
	plat_atomic_add32(&fake_written_total, 1);
}

struct vm *fake_vm(void *ram, size_t size)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vm->slot_table[0] = (struct memslot){ .npages = size >> 12, .uaddr = (u64)ram };
	vm->engine = &bt_engine;
	return vm;
}

int core_init(const struct engine *engine)
{
	return 0;
}

void core_coverage(void (*row)(const struct core_coverage *c, void *arg), void *arg)
{
}

static void release_system(void *obj)
{
	fake_releases[PLAT_FILE_SYSTEM]++;
}
static void release_vm(void *obj)
{
	struct vm *vm = obj;

	fake_releases[PLAT_FILE_VM]++;
	plat_free_shared(vm->coalesced_ring, 4096);
	free(vm);
}

static void release_vcpu(void *obj)
{
	struct vcpu *v = obj;

	fake_releases[PLAT_FILE_VCPU]++;
	plat_free_shared(v->run, 8192);
	free(v);
}

static void release_stats(void *obj)
{
	fake_releases[PLAT_FILE_STATS]++;
}

static s64 read_stats(void *obj, void *buf, size_t n, u64 offset)
{
	static const char text[] = "statistics";

	if (offset >= sizeof(text))
		return 0;
	n = min(n, sizeof(text) - offset);
	memcpy(buf, text + offset, n);
	return n;
}

static const struct plat_file_ops system_ops = { PLAT_FILE_SYSTEM, release_system };
static const struct plat_file_ops vm_ops = { PLAT_FILE_VM, release_vm };
static const struct plat_file_ops vcpu_ops = { PLAT_FILE_VCPU, release_vcpu };
static const struct plat_file_ops stats_ops = { PLAT_FILE_STATS, release_stats, read_stats };

int core_create_system(void)
{
	struct plat_file *f;

	return plat_file_create("kvm", &system_ops, NULL, &f);
}

static long create_vm(void)
{
	struct vm *vm = fake_vm(NULL, 0);
	int fd = plat_file_create("kvm-vm", &vm_ops, vm, &vm->file);

	vm->coalesced_ring = plat_alloc_shared(vm->file, 2 * 4096, 4096);
	fake_last_vm = vm;
	return fd;
}

static long create_vcpu(struct vm *vm)
{
	struct vcpu *v = calloc(1, sizeof(*v));
	int fd = plat_file_create("kvm-vcpu", &vcpu_ops, v, &v->file);

	v->vm = vm;
	v->run = plat_alloc_shared(v->file, 0, 8192);
	v->pio_page = (u8 *)v->run + 4096;
	v->coalesced = (void *)vm->coalesced_ring;
	return fd;
}

static long run(struct vcpu *v)
{
	plat_thread_enter(&v->thread, v);
	while (!plat_signal_pending() && !READ_ONCE(v->run->immediate_exit))
		plat_thread_wait(&v->thread, 0);
	plat_thread_leave(&v->thread);
	v->run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

long core_ioctl(enum plat_file_kind kind, void *obj, unsigned int cmd, u64 arg)
{
	struct plat_file *f;
	struct vcpu *v = obj;
	const struct kvm_signal_mask *m = (void *)arg;

	switch (cmd) {
	case KVM_GET_API_VERSION: return kind == PLAT_FILE_SYSTEM ? 12 : -ENOTTY;
	case KVM_GET_VCPU_MMAP_SIZE: return 3 * 4096;
	case KVM_CREATE_VM: return create_vm();
	case KVM_CREATE_VCPU: return create_vcpu(obj);
	case KVM_GET_STATS_FD: return plat_file_create("kvm-stats", &stats_ops, NULL, &f);
	case KVM_RUN: return run(v);
	case KVM_SET_SIGNAL_MASK:
		return plat_set_sigmask(&v->thread, m ? m->sigset : NULL, m ? m->len : 0);
	case KVM_CHECK_EXTENSION: return 0;
	}
	return -ENOTTY;
}

void *core_shared_page(enum plat_file_kind kind, void *obj, u64 pgoff)
{
	struct vcpu *v = obj;

	if (kind != PLAT_FILE_VCPU)
		return NULL;
	if (pgoff < 2)
		return (u8 *)v->run + pgoff * 4096;
	return pgoff == 2 ? v->coalesced : NULL;
}
