/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Devices of the core itself, by port or guest-physical address: the chips,
 * ioeventfds and coalesced zones. A list is enough; it changes with all vCPUs
 * outside, so that finding takes no lock of its own.
 */
#include "core-int.h"
#include "x86/lapic.h"

void vm_io_add(struct vm *vm, enum io_bus bus, struct io_device *d)
{
	struct io_device **p;

	vm_slots_write(vm);
	for (p = &vm->io[bus]; *p; p = &(*p)->next)
		;
	d->next = NULL;
	*p = d;
	vm_slots_write_unlock(vm);
}

void vm_io_remove(struct vm *vm, enum io_bus bus, struct io_device *d)
{
	struct io_device **p;

	vm_slots_write(vm);
	for (p = &vm->io[bus]; *p && *p != d; p = &(*p)->next)
		;
	if (*p)
		*p = d->next;
	vm_slots_write_unlock(vm);
}

static bool claims(const struct io_device *d, u64 addr, u32 len)
{
	if (!d->len)
		return addr == d->addr;
	return addr - d->addr < d->len && len <= d->len - (addr - d->addr);
}

static int bus_read(struct vcpu *vcpu, enum io_bus bus, u64 addr, u32 len, void *val)
{
	struct io_device *d;
	int err;

	if (bus == IO_BUS_MMIO && lapic_mmio_hit(vcpu, addr))
		return lapic_mmio_read(vcpu, addr, len, val);
	for (d = vcpu->vm->io[bus]; d; d = d->next) {
		if (!claims(d, addr, len) || !d->ops->read)
			continue;
		err = d->ops->read(vcpu, d, addr, len, val);
		if (err != -EOPNOTSUPP)
			return err;
	}
	return -EOPNOTSUPP;
}

static int bus_write(struct vcpu *vcpu, enum io_bus bus, u64 addr, u32 len, const void *val)
{
	struct io_device *d;
	int err;

	if (bus == IO_BUS_MMIO && lapic_mmio_hit(vcpu, addr))
		return lapic_mmio_write(vcpu, addr, len, val);
	for (d = vcpu->vm->io[bus]; d; d = d->next) {
		if (!claims(d, addr, len) || !d->ops->write)
			continue;
		err = d->ops->write(vcpu, d, addr, len, val);
		if (err != -EOPNOTSUPP)
			return err;
	}
	return -EOPNOTSUPP;
}

/* Every access passes here once, but for the answer to a read that the host program gives. */
int vm_io_read(struct vcpu *vcpu, enum io_bus bus, u64 addr, u32 len, void *val)
{
	int err = bus_read(vcpu, bus, addr, len, val);

	if (bus == IO_BUS_MMIO)
		plat_trace_mmio(false, len, addr, err ? NULL : val);
	else if (!err)
		plat_trace_pio(false, addr, len, 1, val);
	return err;
}

int vm_io_write(struct vcpu *vcpu, enum io_bus bus, u64 addr, u32 len, const void *val)
{
	if (bus == IO_BUS_MMIO)
		plat_trace_mmio(true, len, addr, val);
	else
		plat_trace_pio(true, addr, len, 1, val);
	return bus_write(vcpu, bus, addr, len, val);
}
