/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Which pins and messages a GSI stands for. The table is replaced as a whole
 * and read from any thread, so the lock covers a copy of a few entries and the
 * exchange of a pointer, nothing that could sleep.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/irqchip.h"

#define MAX_ROUTES 4096u
#define ROUTES_PER_GSI 3u	/* PIC, I/O APIC, and one to spare */

struct route_table {
	u32 nr;
	u16 first[MAX_ROUTES + 1];	/* by gsi: entries first[gsi] .. first[gsi + 1] - 1 */
	u16 of_pin[KVM_NR_IRQCHIPS][KVM_IOAPIC_NUM_PINS];	/* the lowest gsi + 1; 0: none */
	struct kvm_irq_routing_entry e[];
};

struct irq_routing {
	struct plat_spinlock lock;
	struct route_table *table;	/* NULL: no route */
};

int vm_irq_routing_create(struct vm *vm)
{
	vm->routing = plat_alloc(sizeof(*vm->routing));
	if (!vm->routing)
		return -ENOMEM;
	plat_spin_init(&vm->routing->lock);
	return 0;
}

void vm_irq_routing_destroy(struct vm *vm)
{
	if (vm->routing)
		plat_free(vm->routing->table);
	plat_free(vm->routing);
	vm->routing = NULL;
}

u32 irq_route_get(struct vm *vm, u32 gsi, struct kvm_irq_routing_entry *e, u32 max)
{
	struct route_table *t;
	u32 i, n = 0;

	if (gsi >= MAX_ROUTES)
		return 0;
	plat_spin_lock(&vm->routing->lock);
	t = vm->routing->table;
	if (t)
		for (i = t->first[gsi]; i < t->first[gsi + 1] && n < max; i++)
			e[n++] = t->e[i];
	plat_spin_unlock(&vm->routing->lock);
	return n;
}

int irq_route_gsi(struct vm *vm, u32 irqchip, u32 pin)
{
	struct route_table *t;
	int gsi = -1;

	if (irqchip >= KVM_NR_IRQCHIPS || pin >= KVM_IOAPIC_NUM_PINS)
		return gsi;
	plat_spin_lock(&vm->routing->lock);
	t = vm->routing->table;
	if (t)
		gsi = t->of_pin[irqchip][pin] - 1;
	plat_spin_unlock(&vm->routing->lock);
	return gsi;
}

/* A GSI is one message, or pins of different chips. */
static bool may_share(const struct kvm_irq_routing_entry *a, const struct kvm_irq_routing_entry *b)
{
	return a->type == KVM_IRQ_ROUTING_IRQCHIP && b->type == KVM_IRQ_ROUTING_IRQCHIP &&
	       a->u.irqchip.irqchip != b->u.irqchip.irqchip;
}

static int check_entry(struct vm *vm, const struct kvm_irq_routing_entry *e)
{
	u32 flags = e->type == KVM_IRQ_ROUTING_MSI ? KVM_MSI_VALID_DEVID : 0;

	if (e->gsi >= MAX_ROUTES || (e->flags & ~flags))
		return -EINVAL;
	return irq_check_route(vm, e);
}

/* Put @nr entries into their places by GSI: a counting sort. */
static int sort_entries(struct route_table *t, const struct kvm_irq_routing_entry *from, u32 nr)
{
	u32 i, j, pos;

	t->nr = nr;
	for (i = 0; i < nr; i++)
		t->first[from[i].gsi + 1]++;
	for (i = 0; i < MAX_ROUTES; i++) {
		if (t->first[i + 1] > ROUTES_PER_GSI)
			return -EINVAL;
		t->first[i + 1] += t->first[i];
	}
	for (i = nr; i-- > 0;) {
		pos = --t->first[from[i].gsi + 1];
		t->e[pos] = from[i];
	}
	/* first[g + 1] has come down to where g begins: move it to its own index. */
	for (i = 0; i < MAX_ROUTES; i++)
		t->first[i] = t->first[i + 1];
	t->first[MAX_ROUTES] = nr;
	for (i = 0; i < nr; i++)
		for (j = i + 1; j < nr && t->e[j].gsi == t->e[i].gsi; j++)
			if (!may_share(&t->e[i], &t->e[j]))
				return -EINVAL;
	return 0;
}

/* The way back, for acknowledgements. The entries have been checked, and are in order. */
static void map_pins(struct route_table *t)
{
	const struct kvm_irq_routing_entry *e = t->e;
	u16 *gsi;

	for (; e < t->e + t->nr; e++) {
		if (e->type != KVM_IRQ_ROUTING_IRQCHIP)
			continue;
		gsi = &t->of_pin[e->u.irqchip.irqchip][e->u.irqchip.pin];
		if (!*gsi)
			*gsi = e->gsi + 1;
	}
}

static int replace_table(struct vm *vm, const struct kvm_irq_routing_entry *e, u32 nr)
{
	struct route_table *t, *old;
	int err;

	t = plat_alloc(sizeof(*t) + nr * sizeof(t->e[0]));
	if (!t)
		return -ENOMEM;
	err = sort_entries(t, e, nr);
	if (err) {
		plat_free(t);
		return err;
	}
	map_pins(t);
	plat_spin_lock(&vm->routing->lock);
	old = vm->routing->table;
	vm->routing->table = t;
	plat_spin_unlock(&vm->routing->lock);
	plat_free(old);
	vm_request_all(vm, VCPU_REQ_SCAN_IOAPIC, NULL, false);
	return 0;
}

int vm_irq_routing_default(struct vm *vm, bool split)
{
	struct kvm_irq_routing_entry *e;
	int err;

	if (split)
		return replace_table(vm, NULL, 0);
	e = plat_alloc(IRQ_NR_DEFAULT_ROUTES * sizeof(*e));	/* too much for a stack */
	if (!e)
		return -ENOMEM;
	irq_default_routing(e);
	err = replace_table(vm, e, IRQ_NR_DEFAULT_ROUTES);
	plat_free(e);
	return err;
}

long vm_set_gsi_routing(void *obj, void *arg, u64 uarg)
{
	const struct kvm_irq_routing *r = arg;
	struct kvm_irq_routing_entry *e = NULL;
	struct vm *vm = obj;
	int err = 0;
	u32 i;

	if (vm->irqchip == VM_IRQCHIP_NONE || r->nr > MAX_ROUTES || r->flags)
		return -EINVAL;
	if (r->nr) {
		e = plat_alloc(r->nr * sizeof(*e));
		if (!e)
			return -ENOMEM;
		err = plat_copy_from_user(e, uarg + sizeof(*r), r->nr * sizeof(*e));
	}
	for (i = 0; !err && i < r->nr; i++)
		err = check_entry(vm, &e[i]);
	if (!err)
		err = replace_table(vm, e, r->nr);
	plat_free(e);
	return err;
}

/* ---- raising ---- */

static int irq_line(struct vm *vm, const struct kvm_irq_level *l, int *status)
{
	if (vm->irqchip == VM_IRQCHIP_NONE)
		return -ENXIO;
	plat_atomic_add64(&vm->stats.irq_lines, 1);
	*status = vm_set_irq(vm, IRQ_SOURCE_USER, l->irq, l->level, true);
	return 0;
}

long vm_irq_line(void *obj, void *arg, u64 uarg)
{
	int status;

	return irq_line(obj, arg, &status);
}

long vm_irq_line_status(void *obj, void *arg, u64 uarg)
{
	struct kvm_irq_level *l = arg;
	int status, err = irq_line(obj, l, &status);

	if (!err)
		l->status = status;
	return err;
}

long vm_signal_msi(void *obj, void *arg, u64 uarg)
{
	const struct kvm_msi *m = arg;
	struct vm *vm = obj;

	if (vm->irqchip == VM_IRQCHIP_NONE || m->flags)
		return -EINVAL;
	plat_atomic_add64(&vm->stats.msis, 1);
	return vm_send_msi(vm, (u64)m->address_hi << 32 | m->address_lo, m->data);
}
