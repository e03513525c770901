/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The x86 half of a VM's life: interrupt chips, timer, clock, and the addresses that VT-x
 * once needed.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/irqchip.h"
#include "x86/lapic.h"
#include "x86/pv.h"

#define IDENTITY_MAP_DEFAULT 0xfffbc000ull
#define MMU_PAGES_MIN 64

int x86_vm_create(struct vm *vm)
{
	vm->tsc_khz = plat_tsc_khz();
	vm->identity_map_addr = IDENTITY_MAP_DEFAULT;
	plat_spin_init(&vm->tsc.lock);
	return kvmclock_create(vm);
}

void x86_vm_destroy(struct vm *vm)
{
	/* What fires by itself goes first, then what it fires at. */
	if (vm->pit)
		pit_destroy(vm);
	vm_vcpus_destroy(vm);
	apic_map_destroy(vm);
	if (vm->ioapic || vm->pic)
		irqchip_destroy(vm);
	if (vm->clock)
		kvmclock_destroy(vm);
	x86_msr_filter_free(vm);
}

/*
 * These two areas hold what VT-x without "unrestricted guest" needs. Nothing here does; the
 * rules stay.
 */
long vm_set_tss_addr(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	if (uarg > 0x100000000ull - 3 * PAGE_SIZE)
		return -EINVAL;
	vm->tss_addr = uarg;
	return 0;
}

long vm_set_identity_map(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;
	u64 addr = *(u64 *)arg;

	if (vm->nr_vcpus)
		return -EINVAL;
	vm->identity_map_addr = addr ? addr : IDENTITY_MAP_DEFAULT;
	return 0;
}

/* A bound for shadow page tables. There are none: the number is kept, and nothing else. */
long vm_set_nr_mmu_pages(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	if (uarg < MMU_PAGES_MIN)
		return -EINVAL;
	vm->nr_mmu_pages = uarg;
	return 0;
}

long vm_get_nr_mmu_pages(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	return vm->nr_mmu_pages;
}

/* ---- chips ---- */

long vm_create_irqchip(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;
	int err;

	if (vm->irqchip != VM_IRQCHIP_NONE)
		return -EEXIST;
	if (vm->nr_vcpus)
		return -EINVAL;
	err = irqchip_create(vm);
	if (err)
		return err;
	err = vm_irq_routing_default(vm, false);
	if (err) {
		irqchip_destroy(vm);
		return err;
	}
	vm->irqchip = VM_IRQCHIP_KERNEL;
	return 0;
}

int x86_split_irqchip(struct vm *vm, u64 pins)
{
	int err;

	if (pins > 4096)
		return -EINVAL;
	if (vm->irqchip != VM_IRQCHIP_NONE || vm->nr_vcpus)
		return -EEXIST;
	err = vm_irq_routing_default(vm, true);
	if (err)
		return err;
	vm->nr_ioapic_pins_split = pins;
	vm->irqchip = VM_IRQCHIP_SPLIT;
	return 0;
}

long vm_get_irqchip(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	return vm->irqchip == VM_IRQCHIP_KERNEL ? irqchip_get_state(vm, arg) : -ENXIO;
}

long vm_set_irqchip(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	return vm->irqchip == VM_IRQCHIP_KERNEL ? irqchip_set_state(vm, arg) : -ENXIO;
}

static int create_pit(struct vm *vm, u32 flags)
{
	if (vm->pit)
		return -EEXIST;
	if (vm->irqchip != VM_IRQCHIP_KERNEL)
		return -ENOENT;
	return pit_create(vm, flags);
}

long vm_create_pit(void *obj, void *arg, u64 uarg)
{
	return create_pit(obj, KVM_PIT_SPEAKER_DUMMY);
}

long vm_create_pit2(void *obj, void *arg, u64 uarg)
{
	const struct kvm_pit_config *c = arg;

	return create_pit(obj, c->flags & KVM_PIT_SPEAKER_DUMMY);
}

long vm_get_pit2(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	if (!vm->pit)
		return -ENXIO;
	memset(arg, 0, sizeof(struct kvm_pit_state2));
	pit_get_state(vm, arg);
	return 0;
}

long vm_set_pit2(void *obj, void *arg, u64 uarg)
{
	struct vm *vm = obj;

	return vm->pit ? pit_set_state(vm, arg) : -ENXIO;
}

long vm_get_pit(void *obj, void *arg, u64 uarg)
{
	struct kvm_pit_state *s = arg;
	struct kvm_pit_state2 s2;
	long err = vm_get_pit2(obj, &s2, 0);

	if (!err)
		memcpy(s->channels, s2.channels, sizeof(s->channels));
	return err;
}

long vm_set_pit(void *obj, void *arg, u64 uarg)
{
	const struct kvm_pit_state *s = arg;
	struct kvm_pit_state2 s2;
	long err = vm_get_pit2(obj, &s2, 0);

	if (err)
		return err;
	memcpy(s2.channels, s->channels, sizeof(s2.channels));
	return vm_set_pit2(obj, &s2, 0);
}

long vm_reinject_control(void *obj, void *arg, u64 uarg)
{
	struct kvm_reinject_control c;
	struct vm *vm = obj;

	if (plat_copy_from_user(&c, uarg, sizeof(c)))
		return -EFAULT;
	if (!vm->pit)
		return -ENXIO;
	pit_set_reinject(vm, c.pit_reinject);
	return 0;
}

/* ---- clock ---- */

long vm_get_clock(void *obj, void *arg, u64 uarg)
{
	memset(arg, 0, sizeof(struct kvm_clock_data));
	kvmclock_get(obj, arg);
	return 0;
}

long vm_set_clock(void *obj, void *arg, u64 uarg)
{
	return kvmclock_set(obj, arg);
}
