/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The chips of the VM: I/O APIC (82093AA), two 8259A with the ELCR, 8254 PIT;
 * and the way of an interrupt line or message to them.
 *
 * Each chip has one spinlock and is called from any thread; lines and messages
 * are raised from timers and eventfds too, in atomic context. No function here
 * is called with another chip's lock held; acknowledgements (from vCPUs' threads
 * alone) go out unlocked.
 */
#ifndef ANYKVM_IRQCHIP_H
#define ANYKVM_IRQCHIP_H

#include "vcpu.h"

/* vm_set_irq's @source: a line is high while any source holds it. */
enum irq_source {
	IRQ_SOURCE_USER,	/* KVM_IRQ_LINE, irqfd */
	IRQ_SOURCE_RESAMPLE,	/* irqfd with a resamplefd */
	IRQ_SOURCE_PIT,
};

/*
 * KVM_CREATE_IRQCHIP (vm->lock held): PIC and I/O APIC on the VM's buses. Core
 * sets vm->irqchip and the routes.
 */
int irqchip_create(struct vm *vm);
void irqchip_destroy(struct vm *vm);

/* KVM_GET_IRQCHIP, KVM_SET_IRQCHIP by c->chip_id. 0 or -EINVAL. */
int irqchip_get_state(struct vm *vm, struct kvm_irqchip *c);
int irqchip_set_state(struct vm *vm, const struct kvm_irqchip *c);

/* The routes that KVM_CREATE_IRQCHIP sets: GSI 0-15 to PIC and I/O APIC, 16-23 to the I/O APIC. */
#define IRQ_NR_DEFAULT_ROUTES (16 + KVM_IOAPIC_NUM_PINS)
void irq_default_routing(struct kvm_irq_routing_entry e[IRQ_NR_DEFAULT_ROUTES]);

/*
 * One route, whatever its type. What KVM_IRQ_LINE_STATUS reports: > 0
 * delivered, 0 coalesced, -1 ignored (masked, no such pin, no destination).
 */
int irq_set_route(struct vm *vm, const struct kvm_irq_routing_entry *e, int source, int level);
/* For KVM_SET_GSI_ROUTING: is the entry one that irq_set_route takes? 0 or -EINVAL. */
int irq_check_route(struct vm *vm, const struct kvm_irq_routing_entry *e);

/* ---- what core/irqroute.c and core/eventfd.c provide ---- */

/* Copy the entries of @gsi (at most @max, 3 is enough); how many. Atomic, any thread. */
u32 irq_route_get(struct vm *vm, u32 gsi, struct kvm_irq_routing_entry *e, u32 max);
/* The GSI that is routed to the pin, or -1. Atomic. */
int irq_route_gsi(struct vm *vm, u32 irqchip, u32 pin);
/*
 * The guest acknowledged that GSI (EOI): the resample notifiers of irqfd.
 * Called on a vCPU's thread without chip locks; may sleep and call vm_set_irq.
 */
void eventfd_irq_acked(struct vm *vm, u32 gsi);

/* ---- I/O APIC ---- */

int ioapic_create(struct vm *vm);
void ioapic_destroy(struct vm *vm);
int ioapic_set_line(struct vm *vm, u32 pin, int source, int level);
/* EOI message from @v's LAPIC: of a level-triggered vector, or one that ioapic_wants_eoi. */
bool ioapic_wants_eoi(struct vm *vm, u8 vector);
void ioapic_eoi(struct vcpu *v, u8 vector);
void ioapic_get_state(struct vm *vm, struct kvm_ioapic_state *s);
void ioapic_set_state(struct vm *vm, const struct kvm_ioapic_state *s);

/* ---- 8259A ---- */

int pic_create(struct vm *vm);
void pic_destroy(struct vm *vm);
int pic_set_line(struct vm *vm, u32 pin, int source, int level);
bool pic_output(struct vm *vm);		/* INTR of the master: a plain load */
int pic_ack(struct vm *vm);		/* INTA: the vector, or -1 when INTR has gone */
void pic_get_state(struct vm *vm, u32 chip, struct kvm_pic_state *s);
void pic_set_state(struct vm *vm, u32 chip, const struct kvm_pic_state *s);

/* ---- 8254 ---- */

/* KVM_CREATE_PIT(2), vm->lock held, after irqchip_create. @flags: KVM_PIT_SPEAKER_DUMMY. */
int pit_create(struct vm *vm, u32 flags);
void pit_destroy(struct vm *vm);
void pit_get_state(struct vm *vm, struct kvm_pit_state2 *s);
int pit_set_state(struct vm *vm, const struct kvm_pit_state2 *s);	/* 0 or -EINVAL */
void pit_set_reinject(struct vm *vm, bool on);		/* KVM_REINJECT_CONTROL */
void pit_irq_acked(struct vm *vm);

/* irq.c: a chip saw its pin acknowledged. Called without locks, on a vCPU's thread. */
void irq_acked(struct vm *vm, u32 irqchip, u32 pin);

/* irq.c: the PIC's INTR rose: LINT0 of every local APIC that listens. */
void irq_pic_raised(struct vm *vm);

#endif
