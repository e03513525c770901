/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * irqfd: an eventfd that raises a GSI. ioeventfd: a guest's write that signals
 * an eventfd.
 *
 * A resampling irqfd holds its line until the guest acknowledges, then tells
 * its owner, who signals again if he still wants attention. Several may share
 * a line: all are told.
 *
 * An irqfd goes with the last descriptor of its eventfd, where the home sees that.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/irqchip.h"

struct irqfd {
	struct vm *vm;
	struct irqfd *next;
	u32 gsi;
	struct plat_eventfd *event, *resample;
	bool listening;
	bool shared;		/* others resample on its GSI */
	bool closed;		/* nobody can signal it any more: goes at the next KVM_IRQFD */
};

struct ioeventfd {
	struct io_device dev;
	struct ioeventfd *next;
	struct vm *vm;
	enum io_bus bus;
	u32 len;		/* of the access; 0: any */
	bool any_data;
	u64 data;
	struct plat_eventfd *event;
};

struct eventfd_state {
	/*
	 * irqfds, for acknowledgements, which come on vCPUs' threads; changes hold vm->lock
	 * too. A mutex: the list has no bound, and telling an owner may call another irqfd.
	 */
	struct plat_mutex lock;
	struct irqfd *irqfds;
	struct ioeventfd *ioeventfds;
};

int vm_eventfds_create(struct vm *vm)
{
	vm->eventfds = plat_alloc(sizeof(*vm->eventfds));
	if (!vm->eventfds)
		return -ENOMEM;
	plat_mutex_init(&vm->eventfds->lock);
	return 0;
}

/* ---- irqfd ---- */

static void irqfd_signalled(void *arg)
{
	struct irqfd *f = arg;

	plat_atomic_add64(&f->vm->stats.eventfds, 1);
	if (f->resample) {
		vm_set_irq(f->vm, IRQ_SOURCE_RESAMPLE, f->gsi, 1, false);
		return;
	}
	vm_set_irq(f->vm, IRQ_SOURCE_USER, f->gsi, 1, false);
	vm_set_irq(f->vm, IRQ_SOURCE_USER, f->gsi, 0, false);
}

/*
 * The list is nothing to change here. A line that is held for nobody else would stay up till then.
 */
static void irqfd_closed(void *arg)
{
	struct irqfd *f = arg;

	WRITE_ONCE(f->closed, true);
	if (f->resample && !READ_ONCE(f->shared))
		vm_set_irq(f->vm, IRQ_SOURCE_RESAMPLE, f->gsi, 0, false);
}

void eventfd_irq_acked(struct vm *vm, u32 gsi)
{
	struct eventfd_state *s = vm->eventfds;
	struct irqfd *f;
	bool any = false;

	if (!s || !READ_ONCE(s->irqfds))
		return;
	plat_mutex_lock(&s->lock);
	for (f = s->irqfds; f && !any; f = f->next)
		any = f->resample && f->gsi == gsi;
	plat_mutex_unlock(&s->lock);
	if (!any)
		return;
	vm_set_irq(vm, IRQ_SOURCE_RESAMPLE, gsi, 0, false);
	plat_mutex_lock(&s->lock);
	for (f = s->irqfds; f; f = f->next)
		if (f->resample && f->gsi == gsi)
			plat_eventfd_signal(f->resample);
	plat_mutex_unlock(&s->lock);
}

static void irqfd_free(struct irqfd *f)
{
	if (f->listening)
		plat_eventfd_unlisten(f->event, f);
	if (f->event)
		plat_eventfd_put(f->event);
	if (f->resample)
		plat_eventfd_put(f->resample);
	plat_free(f);
}

/* How many resample on @gsi; each is told whether it is the only one. The lock is held. */
static u32 count_sharers(struct eventfd_state *s, u32 gsi)
{
	struct irqfd *f;
	u32 n = 0;

	for (f = s->irqfds; f; f = f->next)
		n += f->resample && f->gsi == gsi;
	for (f = s->irqfds; f; f = f->next)
		if (f->resample && f->gsi == gsi)
			WRITE_ONCE(f->shared, n > 1);
	return n;
}

/* That of @e and @gsi (@e NULL: none), and those whose eventfd has been closed. */
static void irqfds_remove(struct vm *vm, u32 gsi, struct plat_eventfd *e)
{
	struct eventfd_state *s = vm->eventfds;
	struct irqfd **p, *f, *gone = NULL;
	bool held;
	u32 left;

	plat_mutex_lock(&s->lock);
	for (p = &s->irqfds; (f = *p);) {
		if (!READ_ONCE(f->closed) &&
		    !(e && f->gsi == gsi && plat_eventfd_same(f->event, e))) {
			p = &f->next;
			continue;
		}
		*p = f->next;
		f->next = gone;
		gone = f;
	}
	plat_mutex_unlock(&s->lock);
	while ((f = gone)) {
		gone = f->next;
		plat_mutex_lock(&s->lock);
		left = count_sharers(s, f->gsi);
		plat_mutex_unlock(&s->lock);
		gsi = f->gsi;
		held = f->resample;
		irqfd_free(f);
		/* A line held for nobody would stay up for ever. */
		if (held && !left)
			vm_set_irq(vm, IRQ_SOURCE_RESAMPLE, gsi, 0, false);
	}
}

static int irqfd_fill(struct irqfd *f, const struct kvm_irqfd *a)
{
	const struct irqfd *o;
	int err = 0;

	f->event = plat_eventfd_get(a->fd, &err);
	if (!f->event)
		return err;
	if (a->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		f->resample = plat_eventfd_get(a->resamplefd, &err);
		if (!f->resample)
			return err;
	}
	for (o = f->vm->eventfds->irqfds; o; o = o->next)
		if (plat_eventfd_same(o->event, f->event))
			return -EBUSY;
	return 0;
}

static int irqfd_assign(struct vm *vm, const struct kvm_irqfd *a)
{
	struct eventfd_state *s = vm->eventfds;
	struct irqfd *f = plat_alloc(sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	irqfds_remove(vm, 0, NULL);
	f->vm = vm;
	f->gsi = a->gsi;
	err = irqfd_fill(f, a);
	if (err) {
		irqfd_free(f);
		return err;
	}
	plat_mutex_lock(&s->lock);
	f->next = s->irqfds;
	s->irqfds = f;
	count_sharers(s, f->gsi);
	plat_mutex_unlock(&s->lock);
	/* A count that is there already is a signal too: listen calls at once. */
	err = plat_eventfd_listen(f->event, irqfd_signalled, irqfd_closed, f);
	if (err) {
		plat_mutex_lock(&s->lock);
		s->irqfds = f->next;
		count_sharers(s, f->gsi);
		plat_mutex_unlock(&s->lock);
		irqfd_free(f);
		return err;
	}
	f->listening = true;
	return 0;
}

static int irqfd_deassign(struct vm *vm, const struct kvm_irqfd *a)
{
	struct plat_eventfd *e;
	int err = 0;

	e = plat_eventfd_get(a->fd, &err);
	if (!e)
		return err;
	irqfds_remove(vm, a->gsi, e);
	plat_eventfd_put(e);
	return 0;
}

long vm_irqfd(void *obj, void *arg, u64 uarg)
{
	const struct kvm_irqfd *a = arg;
	struct vm *vm = obj;

	if (a->flags & ~(u32)(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (a->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return irqfd_deassign(vm, a);
	/*
	 * Without an irqchip there is nothing to raise; without an I/O APIC of ours nothing
	 * to resample.
	 */
	if (vm->irqchip == VM_IRQCHIP_NONE ||
	    ((a->flags & KVM_IRQFD_FLAG_RESAMPLE) && vm->irqchip != VM_IRQCHIP_KERNEL))
		return -EINVAL;
	return irqfd_assign(vm, a);
}

/* ---- ioeventfd ---- */

static int ioeventfd_write(struct vcpu *vcpu, struct io_device *d, u64 addr, u32 len,
			   const void *val)
{
	struct ioeventfd *e = container_of(d, struct ioeventfd, dev);
	u64 data = 0;

	if (addr != d->addr || (e->len && len != e->len))
		return -EOPNOTSUPP;
	if (!e->any_data) {
		memcpy(&data, val, min(len, 8u));
		if (data != e->data)
			return -EOPNOTSUPP;
	}
	plat_eventfd_signal(e->event);
	return 0;
}

static const struct io_device_ops ioeventfd_ops = { .write = ioeventfd_write };

static bool collides(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->bus == b->bus && a->dev.addr == b->dev.addr &&
	       (!a->len || !b->len ||
		(a->len == b->len && (a->any_data || b->any_data || a->data == b->data)));
}

static bool same_ioeventfd(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->bus == b->bus && a->dev.addr == b->dev.addr && a->len == b->len &&
	       a->any_data == b->any_data && (a->any_data || a->data == b->data) &&
	       plat_eventfd_same(a->event, b->event);
}

static void ioeventfd_free(struct ioeventfd *e)
{
	if (e->event)
		plat_eventfd_put(e->event);
	plat_free(e);
}

static int ioeventfd_assign(struct vm *vm, struct ioeventfd *new)
{
	struct ioeventfd *o;

	for (o = vm->eventfds->ioeventfds; o; o = o->next)
		if (collides(o, new))
			return -EEXIST;
	new->next = vm->eventfds->ioeventfds;
	vm->eventfds->ioeventfds = new;
	vm_io_add(vm, new->bus, &new->dev);
	return 0;
}

static int ioeventfd_deassign(struct vm *vm, const struct ioeventfd *which)
{
	struct ioeventfd **p, *e;

	for (p = &vm->eventfds->ioeventfds; (e = *p); p = &e->next) {
		if (!same_ioeventfd(e, which))
			continue;
		*p = e->next;
		vm_io_remove(vm, e->bus, &e->dev);
		ioeventfd_free(e);
		return 0;
	}
	return -ENOENT;
}

static bool valid_ioeventfd(const struct kvm_ioeventfd *a)
{
	const u32 flags = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;

	if ((a->flags & ~flags) || a->addr + a->len < a->addr)
		return false;
	if (!a->len)
		return !(a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	return a->len == 1 || a->len == 2 || a->len == 4 || a->len == 8;
}

long vm_ioeventfd(void *obj, void *arg, u64 uarg)
{
	const struct kvm_ioeventfd *a = arg;
	struct ioeventfd *e;
	int err = 0;

	if (!valid_ioeventfd(a))
		return -EINVAL;
	e = plat_alloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->vm = obj;
	e->dev.ops = &ioeventfd_ops;
	e->dev.addr = a->addr;
	e->dev.len = a->len;
	e->len = a->len;
	e->bus = (a->flags & KVM_IOEVENTFD_FLAG_PIO) ? IO_BUS_PIO : IO_BUS_MMIO;
	e->any_data = !(a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	e->data = a->datamatch;
	if (a->len && a->len < 8)
		e->data &= (1ull << a->len * 8) - 1;
	e->event = plat_eventfd_get(a->fd, &err);
	if (!e->event) {
		ioeventfd_free(e);
		return err;
	}
	if (a->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		err = ioeventfd_deassign(e->vm, e);
		ioeventfd_free(e);
		return err;
	}
	err = ioeventfd_assign(e->vm, e);
	if (err)
		ioeventfd_free(e);
	return err;
}

/* At the end of the VM's file: no interrupt comes from outside any more. Twice is fine. */
void vm_eventfds_stop(struct vm *vm)
{
	struct irqfd *f, *next;

	if (!vm->eventfds)
		return;
	plat_mutex_lock(&vm->lock);
	plat_mutex_lock(&vm->eventfds->lock);
	f = vm->eventfds->irqfds;
	vm->eventfds->irqfds = NULL;
	plat_mutex_unlock(&vm->eventfds->lock);
	plat_mutex_unlock(&vm->lock);
	for (; f; f = next) {
		next = f->next;
		irqfd_free(f);
	}
}

/* All vCPUs are gone. */
void vm_eventfds_destroy(struct vm *vm)
{
	struct ioeventfd *e, *next;

	if (!vm->eventfds)
		return;
	vm_eventfds_stop(vm);
	for (e = vm->eventfds->ioeventfds; e; e = next) {
		next = e->next;
		vm_io_remove(vm, e->bus, &e->dev);
		ioeventfd_free(e);
	}
	plat_free(vm->eventfds);
	vm->eventfds = NULL;
}
