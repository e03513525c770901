/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The roads between the chips: a GSI to its pins and messages, a message to
 * the LAPICs, the LAPIC or the 8259s to the CPU, and acknowledgements back.
 */
#include "x86/irqchip.h"
#include "x86/lapic.h"
#include "x86/pv.h"

/* ---- towards the CPU ---- */

/* INTR of the 8259s (ours, or by KVM_INTERRUPT the host program's) through LINT0. */
static bool has_extint(struct vcpu *v)
{
	if (v->vm->irqchip == VM_IRQCHIP_SPLIT)
		return v->pending_external_vector >= 0 && lapic_takes_extint(v->lapic);
	return pic_output(v->vm) && lapic_takes_extint(v->lapic);
}

bool vcpu_has_interrupt(struct vcpu *v)
{
	struct lapic *l = v->lapic;

	if (!l)
		return false;
	return lapic_pending(l) >= 0 || has_extint(v);
}

static int get_extint(struct vcpu *v)
{
	int vector;

	if (!has_extint(v))
		return -1;
	if (v->vm->irqchip != VM_IRQCHIP_SPLIT)
		return pic_ack(v->vm);
	vector = v->pending_external_vector;
	v->pending_external_vector = -1;
	return vector;
}

int vcpu_get_interrupt(struct vcpu *v)
{
	int vector;

	if (!v->lapic)
		return -1;
	vector = get_extint(v);
	if (vector < 0)
		vector = lapic_ack(v->lapic);
	/* One more behind it: come again, for nobody will kick for that one. */
	if (vector >= 0 && vcpu_has_interrupt(v))
		vcpu_request(v, VCPU_REQ_EVENT);
	return vector;
}

bool vcpu_interrupt_allowed(struct vcpu *v)
{
	return (v->cpu.rflags & X86_IF) && !v->cpu.interrupt_shadow;
}

bool vcpu_has_events(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	u32 events = l ? READ_ONCE(l->events) : 0;

	if (events & (LAPIC_INIT | LAPIC_SIPI))
		return true;
	if (v->exception_pending || v->triple_fault_pending)
		return true;
	if ((v->nmi_pending || events) && !v->cpu.nmi_masked)
		return true;
	if (v->pv && READ_ONCE(v->pv->unhalted))
		return true;
	/* HLT has ended the shadow of the STI before it. */
	return (v->cpu.rflags & X86_IF) && (v->interrupt_pending || vcpu_has_interrupt(v));
}

/* ---- INIT, SIPI, NMI ---- */

static void take_nmi(struct vcpu *v, u32 events)
{
	/* One waits behind one that runs; none runs: one may run and one wait. */
	u32 limit = v->cpu.nmi_masked || v->nmi_injected ? 1 : 2;
	u32 n = v->nmi_pending + !!(events & LAPIC_NMI) + !!(events & LAPIC_NMI2);

	v->nmi_pending = min(n, limit);
}

void lapic_accept_events(struct vcpu *v)
{
	struct lapic *l = v->lapic;
	u32 events;

	if (!l || !READ_ONCE(l->events))
		return;
	events = plat_atomic_xchg32(&l->events, 0);
	if (events & (LAPIC_NMI | LAPIC_NMI2))
		take_nmi(v, events);
	if (events & LAPIC_INIT) {
		x86_vcpu_reset(v, true);
		lapic_reset(v, true);
		v->mp_state = vcpu_is_bsp(v) ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED;
	}
	if ((events & LAPIC_SIPI) && v->mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		u32 vector = READ_ONCE(v->sipi_vector) & 0xff;

		vcpu_state(v);
		v->cpu.seg[X86_CS].selector = vector << 8;
		v->cpu.seg[X86_CS].base = vector << 12;
		v->cpu.rip = 0;
		v->mp_state = KVM_MP_STATE_RUNNABLE;
		if (v->vm->engine->state_written)
			v->vm->engine->state_written(v);
	}
}

void irq_pic_raised(struct vm *vm)
{
	for (u32 i = 0, n = READ_ONCE(vm->nr_vcpus); i < n; i++) {
		struct vcpu *v = READ_ONCE(vm->vcpus[i]);

		if (!v || !v->lapic)
			continue;
		if (lapic_takes_extint(v->lapic))
			vcpu_request_kick(v, VCPU_REQ_EVENT);
		else
			/* As a fixed vector, or as the NMI of a watchdog. */
			lapic_deliver_lvt(v, LAPIC_LVT_LINT0);
	}
}

/* ---- lines and messages ---- */

/* MSI address and data (Intel SDM vol. 3, 11.11), the wide destination of KVM_CAP_X2APIC_API. */
int vm_send_msi(struct vm *vm, u64 addr, u32 data)
{
	u32 high = addr >> 32;
	struct apic_msg m = {
		.dest = addr >> 12 & 0xff,
		.vector = data,
		.delivery = data >> 8 & 7,
		.logical = addr >> 2 & 1,
		.redir_hint = addr >> 3 & 1,
		.level = data >> 15 & 1,
		.assert = data >> 14 & 1,
	};

	if (vm->x2apic_api)
		m.dest |= high & 0xffffff00;
	return apic_deliver(vm, &m);
}

int irq_set_route(struct vm *vm, const struct kvm_irq_routing_entry *e, int source, int level)
{
	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (e->u.irqchip.irqchip == KVM_IRQCHIP_IOAPIC)
			return ioapic_set_line(vm, e->u.irqchip.pin, source, level);
		return pic_set_line(vm, e->u.irqchip.pin +
				    (e->u.irqchip.irqchip == KVM_IRQCHIP_PIC_SLAVE ? 8 : 0),
				    source, level);
	case KVM_IRQ_ROUTING_MSI:
		if (!level)
			return -1;
		return vm_send_msi(vm, (u64)e->u.msi.address_hi << 32 | e->u.msi.address_lo,
				   e->u.msi.data);
	}
	return -1;
}

int irq_check_route(struct vm *vm, const struct kvm_irq_routing_entry *e)
{
	static const u8 pins[KVM_NR_IRQCHIPS] = { 8, 8, KVM_IOAPIC_NUM_PINS };

	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (vm->irqchip == VM_IRQCHIP_SPLIT || e->u.irqchip.irqchip >= KVM_NR_IRQCHIPS)
			return -EINVAL;
		return e->u.irqchip.pin < pins[e->u.irqchip.irqchip] ? 0 : -EINVAL;
	case KVM_IRQ_ROUTING_MSI:
		return vm->x2apic_api && (e->u.msi.address_hi & 0xff) ? -EINVAL : 0;
	}
	return -EINVAL;
}

int vm_set_irq(struct vm *vm, int source, u32 gsi, int level, bool line_status)
{
	struct kvm_irq_routing_entry e[KVM_NR_IRQCHIPS];
	u32 n = irq_route_get(vm, gsi, e, ARRAY_SIZE(e));
	int sum = -1;

	for (u32 i = 0; i < n; i++) {
		int r = irq_set_route(vm, &e[i], source, level);

		if (r >= 0)
			sum = (sum < 0 ? 0 : sum) + r;
	}
	return sum;
}

void irq_acked(struct vm *vm, u32 irqchip, u32 pin)
{
	int gsi = irq_route_gsi(vm, irqchip, pin);

	if (gsi < 0)
		return;
	if (gsi == 0)
		pit_irq_acked(vm);
	eventfd_irq_acked(vm, gsi);
}

void irq_default_routing(struct kvm_irq_routing_entry e[IRQ_NR_DEFAULT_ROUTES])
{
	u32 n = 0;

	memset(e, 0, sizeof(*e) * IRQ_NR_DEFAULT_ROUTES);
	for (u32 gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++) {
		e[n].gsi = gsi;
		e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[n].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e[n++].u.irqchip.pin = gsi;
		if (gsi >= 16)
			continue;
		e[n].gsi = gsi;
		e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[n].u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		e[n++].u.irqchip.pin = gsi & 7;
	}
}

/* ---- the VM's chips together ---- */

int irqchip_create(struct vm *vm)
{
	int err = pic_create(vm);

	if (err)
		return err;
	err = ioapic_create(vm);
	if (err)
		pic_destroy(vm);
	return err;
}

void irqchip_destroy(struct vm *vm)
{
	ioapic_destroy(vm);
	pic_destroy(vm);
}

int irqchip_get_state(struct vm *vm, struct kvm_irqchip *c)
{
	switch (c->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_get_state(vm, c->chip_id, &c->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get_state(vm, &c->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

int irqchip_set_state(struct vm *vm, const struct kvm_irqchip *c)
{
	switch (c->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_set_state(vm, c->chip_id, &c->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_set_state(vm, &c->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}
