/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* The x86 half of a vCPU's life, and ioctls that go straight to the LAPIC and the clock. */
#include "ioctl.h"
#include "core-int.h"
#include "x86/irqchip.h"
#include "x86/lapic.h"
#include "x86/pv.h"

int x86_vcpu_create(struct vcpu *v)
{
	int err;

	v->tsc_khz = v->vm->tsc_khz;
	v->tsc_ratio = v->vm->tsc_ratio;
	v->cpu.maxphyaddr = 36;
	v->cpu.linear_bits = 48;
	v->apic_base = lapic_base_default(v);
	v->emu = (struct x86_emu){ .cpu = &v->cpu, .ops = &vcpu_emu_ops, .ctx = v };
	err = x86_msrs_create(v);
	if (!err)
		err = pv_create(v);
	if (!err && v->vm->irqchip != VM_IRQCHIP_NONE)
		err = lapic_create(v);
	if (err)
		return err;
	x86_vcpu_reset(v, false);
	/* Without a LAPIC of ours the host program starts each CPU itself. */
	v->mp_state = !v->lapic || vcpu_is_bsp(v) ? KVM_MP_STATE_RUNNABLE :
						    KVM_MP_STATE_UNINITIALIZED;
	return 0;
}

void x86_vcpu_published(struct vcpu *v)
{
	x86_tsc_synchronize(v, 0);
}

void x86_vcpu_destroy(struct vcpu *v)
{
	if (v->lapic)
		lapic_destroy(v);
	if (v->pv)
		pv_destroy(v);
	x86_msrs_destroy(v);
	plat_free(v->cpuid);
}

/*
 * Split irqchip: the host program's I/O APIC must hear of the EOI of vectors
 * that its level-triggered routes send here. Those are its reserved routes.
 */
void x86_scan_routes(struct vcpu *v)
{
	struct kvm_irq_routing_entry e;
	struct apic_msg m;
	u64 bits[4] = { 0 };
	u32 gsi, data;

	if (v->vm->irqchip != VM_IRQCHIP_SPLIT || !v->lapic)
		return;
	for (gsi = 0; gsi < v->vm->nr_ioapic_pins_split; gsi++) {
		if (!irq_route_get(v->vm, gsi, &e, 1) || e.type != KVM_IRQ_ROUTING_MSI)
			continue;
		data = e.u.msi.data;
		m = (struct apic_msg){
			.dest = (e.u.msi.address_lo >> 12) & 0xff,
			.vector = data & 0xff,
			.delivery = (data >> 8) & 7,
			.logical = e.u.msi.address_lo & BIT(2),
			.level = data & BIT(15),
		};
		if (v->vm->x2apic_api)
			m.dest |= e.u.msi.address_hi & 0xffffff00;
		if (m.level && apic_dest_match(v, &m))
			bits[m.vector / 64] |= BIT_ULL(m.vector % 64);
	}
	memcpy(v->lapic->eoi_exit, bits, sizeof(bits));
}

/* ---- ioctls ---- */

long vcpu_get_lapic(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;

	return v->lapic ? lapic_get_state(v, arg) : -EINVAL;
}

long vcpu_set_lapic(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;
	int err;

	if (!v->lapic)
		return -EINVAL;
	err = lapic_set_state(v, arg);
	if (!err)
		vcpu_request(v, VCPU_REQ_EVENT);
	return err;
}

long vcpu_kvmclock_ctrl(void *obj, void *arg, u64 uarg)
{
	return kvmclock_ctrl(obj);
}

/*
 * The page in which 32-bit guests keep a copy of their TPR, so that reading it
 * is no exit. Zero, which is what hosts set when they do not use it, is off.
 */
long vcpu_set_vapic_addr(void *obj, void *arg, u64 uarg)
{
	const struct kvm_vapic_addr *a = arg;
	struct vcpu *v = obj;

	if (!v->lapic)
		return -EINVAL;
	return a->vapic_addr ? -EINVAL : 0;
}

/* Not offered (KVM_CAP_VAPIC); switching it off is fine. */
long vcpu_tpr_reporting(void *obj, void *arg, u64 uarg)
{
	const struct kvm_tpr_access_ctl *c = arg;

	return c->flags || c->enabled ? -EINVAL : 0;
}
