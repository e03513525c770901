/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Coalesced MMIO and PIO: writes to registered zones wait in a ring that the
 * host program empties when it is convenient. A full ring means an ordinary
 * exit.
 */
#include "ioctl.h"
#include "core-int.h"

struct zone {
	struct io_device dev;
	struct zone *next;
	struct vm *vm;
	bool pio;
};

struct coalesced_state {
	struct plat_spinlock lock;	/* the ring's tail */
	struct zone *zones;
};

int vm_coalesced_create(struct vm *vm)
{
	vm->coalesced = plat_alloc(sizeof(*vm->coalesced));
	if (!vm->coalesced)
		return -ENOMEM;
	plat_spin_init(&vm->coalesced->lock);
	return 0;
}

static int zone_write(struct vcpu *vcpu, struct io_device *d, u64 addr, u32 len, const void *val)
{
	struct zone *z = container_of(d, struct zone, dev);
	struct kvm_coalesced_mmio_ring *ring = z->vm->coalesced_ring;
	struct kvm_coalesced_mmio *e;
	u32 last, next;
	int ret = -EOPNOTSUPP;

	if (len > sizeof(e->data))
		return ret;
	plat_spin_lock(&z->vm->coalesced->lock);
	/* The host program may write anything into the page: trust no index of its. */
	last = READ_ONCE(ring->last);
	next = (last + 1) % (u32)KVM_COALESCED_MMIO_MAX;
	if (last < KVM_COALESCED_MMIO_MAX && next != READ_ONCE(ring->first)) {
		e = &ring->coalesced_mmio[last];
		e->phys_addr = addr;
		e->len = len;
		memcpy(e->data, val, len);
		e->pio = z->pio;
		__atomic_store_n(&ring->last, next, __ATOMIC_RELEASE);
		ret = 0;
	}
	plat_spin_unlock(&z->vm->coalesced->lock);
	return ret;
}

static const struct io_device_ops zone_ops = { .write = zone_write };

long vm_coalesced_add(void *obj, void *arg, u64 uarg)
{
	const struct kvm_coalesced_mmio_zone *a = arg;
	struct vm *vm = obj;
	struct zone *z;

	if (a->pio > 1)
		return -EINVAL;
	z = plat_alloc(sizeof(*z));
	if (!z)
		return -ENOMEM;
	z->vm = vm;
	z->pio = a->pio;
	z->dev.ops = &zone_ops;
	z->dev.addr = a->addr;
	z->dev.len = a->size;
	z->next = vm->coalesced->zones;
	vm->coalesced->zones = z;
	/* An empty zone takes nothing; on the bus length 0 would mean something else. */
	if (a->size)
		vm_io_add(vm, z->pio ? IO_BUS_PIO : IO_BUS_MMIO, &z->dev);
	return 0;
}

static void zone_free(struct zone *z)
{
	if (z->dev.len)
		vm_io_remove(z->vm, z->pio ? IO_BUS_PIO : IO_BUS_MMIO, &z->dev);
	plat_free(z);
}

static bool covers(const struct zone *z, const struct kvm_coalesced_mmio_zone *a)
{
	u64 off = a->addr - z->dev.addr;

	return z->pio == a->pio && off <= z->dev.len && a->size <= z->dev.len - off;
}

long vm_coalesced_remove(void *obj, void *arg, u64 uarg)
{
	const struct kvm_coalesced_mmio_zone *a = arg;
	struct vm *vm = obj;
	struct zone **p, *z;

	if (a->pio > 1)
		return -EINVAL;
	for (p = &vm->coalesced->zones; (z = *p);) {
		if (!covers(z, a)) {
			p = &z->next;
			continue;
		}
		*p = z->next;
		zone_free(z);
	}
	return 0;
}

void vm_coalesced_destroy(struct vm *vm)
{
	struct zone *z, *next;

	if (!vm->coalesced)
		return;
	for (z = vm->coalesced->zones; z; z = next) {
		next = z->next;
		zone_free(z);
	}
	plat_free(vm->coalesced);
	vm->coalesced = NULL;
}
