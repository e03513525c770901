/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * I/O APIC (Intel 82093AA data sheet): 24 pins, each an entry that says which
 * interrupt message a rising edge or a high level becomes.
 *
 * A level-triggered pin sends once and sets Remote IRR; the EOI message of its
 * vector clears that, and a line that is still high sends again. An edge on a
 * masked pin is lost, as the sheet says.
 */
#include "x86/irqchip.h"
#include "x86/lapic.h"

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_LEN 0x100
#define IOREGSEL 0x00
#define IOWIN 0x10
#define REG_ID 0
#define REG_VERSION 1
#define REG_ARB 2
#define REG_REDIR 0x10
#define VERSION (0x11 | (KVM_IOAPIC_NUM_PINS - 1) << 16)

#define REDIR_STATUS BIT_ULL(12)
#define REDIR_REMOTE_IRR BIT_ULL(14)
#define REDIR_LEVEL BIT_ULL(15)
#define REDIR_MASKED BIT_ULL(16)
#define REDIR_READONLY (REDIR_STATUS | REDIR_REMOTE_IRR)
#define REDIR_VALID (0xff0000000001ffffull)

/* Pins where the PIT's channel 0 can arrive: it counts its acknowledgements, edge or not. */
#define PIT_PINS (BIT(0) | BIT(2))

struct ioapic {
	struct plat_spinlock lock;
	struct vm *vm;
	struct io_device dev;
	u32 ioregsel;
	u32 id;
	u32 irr;			/* a bit a pin: the line is high */
	u32 lines[KVM_IOAPIC_NUM_PINS];	/* the sources that hold it */
	u64 redir[KVM_IOAPIC_NUM_PINS];
	u64 wants_eoi[4];		/* vectors of PIT_PINS */
};

bool ioapic_wants_eoi(struct vm *vm, u8 vector)
{
	struct ioapic *s = vm->ioapic;

	return s && (READ_ONCE(s->wants_eoi[vector >> 6]) >> (vector & 63) & 1);
}

static void find_wants_eoi(struct ioapic *s)
{
	u64 w[4] = { 0 };

	for (u32 i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		if (PIT_PINS & BIT(i))
			w[s->redir[i] >> 6 & 3] |= BIT_ULL(s->redir[i] & 63);
	for (u32 i = 0; i < 4; i++)
		WRITE_ONCE(s->wants_eoi[i], w[i]);
}

/* Send what @pin has, if the entry lets it. As irq_set_route's result. */
static int service(struct ioapic *s, u32 pin)
{
	u64 e = s->redir[pin];
	struct apic_msg m = {
		.dest = e >> 56,
		.vector = e,
		.delivery = e >> 8 & 7,
		.logical = e >> 11 & 1,
		.level = !!(e & REDIR_LEVEL),
		.assert = true,
	};
	int r;

	if ((e & REDIR_MASKED) || ((e & REDIR_LEVEL) && (e & REDIR_REMOTE_IRR)))
		return -1;
	r = apic_deliver(s->vm, &m);
	if ((e & REDIR_LEVEL) && r > 0)
		s->redir[pin] |= REDIR_REMOTE_IRR;
	return r;
}

int ioapic_set_line(struct vm *vm, u32 pin, int source, int level)
{
	struct ioapic *s = vm->ioapic;
	bool was;
	int r = 1;

	if (!s || pin >= KVM_IOAPIC_NUM_PINS)
		return -1;
	plat_spin_lock(&s->lock);
	if (level)
		s->lines[pin] |= BIT(source & 31);
	else
		s->lines[pin] &= ~BIT(source & 31);
	was = s->irr & BIT(pin);
	if (!s->lines[pin]) {
		s->irr &= ~BIT(pin);
	} else {
		s->irr |= BIT(pin);
		r = was && !(s->redir[pin] & REDIR_LEVEL) ? 0 : service(s, pin);
	}
	plat_spin_unlock(&s->lock);
	return r;
}

void ioapic_eoi(struct vcpu *v, u8 vector)
{
	struct ioapic *s = v->vm->ioapic;
	u32 pins = 0;

	if (!s)
		return;
	plat_spin_lock(&s->lock);
	for (u32 i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		if ((s->redir[i] & 0xff) == vector)
			pins |= BIT(i);
	plat_spin_unlock(&s->lock);

	for (u32 i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		if (!(pins & BIT(i)))
			continue;
		/* First those who may lower the line, then the line. */
		irq_acked(v->vm, KVM_IRQCHIP_IOAPIC, i);
		plat_spin_lock(&s->lock);
		if ((s->redir[i] & 0xff) == vector && (s->redir[i] & REDIR_LEVEL)) {
			s->redir[i] &= ~REDIR_REMOTE_IRR;
			if (s->irr & BIT(i))
				service(s, i);
		}
		plat_spin_unlock(&s->lock);
	}
}

/* ---- registers ---- */

static u32 reg_read(struct ioapic *s)
{
	u32 pin = (s->ioregsel - REG_REDIR) >> 1;

	switch (s->ioregsel) {
	case REG_ID:
	case REG_ARB:
		return (s->id & 0xf) << 24;
	case REG_VERSION:
		return VERSION;
	}
	if (s->ioregsel < REG_REDIR || pin >= KVM_IOAPIC_NUM_PINS)
		return 0xffffffff;
	return s->redir[pin] >> (s->ioregsel & 1 ? 32 : 0);
}

static void redir_write(struct ioapic *s, u32 pin, bool high, u32 val)
{
	u64 e = s->redir[pin];

	if (high)
		e = (u32)e | (u64)val << 32;
	else
		e = (e & ~0xffffffffull) | (val & ~(u32)REDIR_READONLY) | (e & REDIR_READONLY);
	/* This chip has no EOI register: guests clear Remote IRR by going through edge. */
	if (!(e & REDIR_LEVEL))
		e &= ~REDIR_REMOTE_IRR;
	s->redir[pin] = e & REDIR_VALID;
	find_wants_eoi(s);
	if ((e & REDIR_LEVEL) && (s->irr & BIT(pin)))
		service(s, pin);
}

static void reg_write(struct ioapic *s, u32 val)
{
	u32 pin = (s->ioregsel - REG_REDIR) >> 1;

	if (s->ioregsel == REG_ID)
		s->id = val >> 24 & 0xf;
	else if (s->ioregsel >= REG_REDIR && pin < KVM_IOAPIC_NUM_PINS)
		redir_write(s, pin, s->ioregsel & 1, val);
}

static int mmio_read(struct vcpu *v, struct io_device *d, u64 addr, u32 len, void *val)
{
	struct ioapic *s = container_of(d, struct ioapic, dev);
	u32 data = 0;

	plat_spin_lock(&s->lock);
	switch (addr - d->addr) {
	case IOREGSEL:
		data = s->ioregsel;
		break;
	case IOWIN:
		data = reg_read(s);
		break;
	}
	plat_spin_unlock(&s->lock);
	memset(val, 0, len);
	memcpy(val, &data, min(len, 4u));
	return 0;
}

static int mmio_write(struct vcpu *v, struct io_device *d, u64 addr, u32 len, const void *val)
{
	struct ioapic *s = container_of(d, struct ioapic, dev);
	u32 data = 0;

	memcpy(&data, val, min(len, 4u));
	plat_spin_lock(&s->lock);
	switch (addr - d->addr) {
	case IOREGSEL:
		s->ioregsel = data & 0xff;
		break;
	case IOWIN:
		reg_write(s, data);
		break;
	}
	plat_spin_unlock(&s->lock);
	return 0;
}

static const struct io_device_ops ioapic_ops = { .read = mmio_read, .write = mmio_write };

/* ---- state ---- */

void ioapic_get_state(struct vm *vm, struct kvm_ioapic_state *st)
{
	struct ioapic *s = vm->ioapic;

	memset(st, 0, sizeof(*st));
	plat_spin_lock(&s->lock);
	st->base_address = s->dev.addr;
	st->ioregsel = s->ioregsel;
	st->id = s->id;
	for (u32 i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		st->redirtbl[i].bits = s->redir[i];
		/* An edge has been sent: it must not come again where this is restored. */
		if (s->redir[i] & REDIR_LEVEL)
			st->irr |= s->irr & BIT(i);
	}
	plat_spin_unlock(&s->lock);
}

void ioapic_set_state(struct vm *vm, const struct kvm_ioapic_state *st)
{
	struct ioapic *s = vm->ioapic;

	plat_spin_lock(&s->lock);
	s->ioregsel = st->ioregsel & 0xff;
	s->id = st->id & 0xf;
	s->irr = 0;
	for (u32 i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		s->redir[i] = st->redirtbl[i].bits & REDIR_VALID;
	find_wants_eoi(s);
	for (u32 i = 0; i < KVM_IOAPIC_NUM_PINS; i++) {
		if (!(st->irr & BIT(i)))
			continue;
		s->irr |= BIT(i);
		service(s, i);
	}
	plat_spin_unlock(&s->lock);
}

int ioapic_create(struct vm *vm)
{
	struct ioapic *s = plat_alloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	plat_spin_init(&s->lock);
	s->vm = vm;
	for (u32 i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		s->redir[i] = REDIR_MASKED;
	find_wants_eoi(s);
	s->dev = (struct io_device){ .ops = &ioapic_ops, .addr = IOAPIC_BASE, .len = IOAPIC_LEN };
	vm_io_add(vm, IO_BUS_MMIO, &s->dev);
	vm->ioapic = s;
	return 0;
}

void ioapic_destroy(struct vm *vm)
{
	if (!vm->ioapic)
		return;
	vm_io_remove(vm, IO_BUS_MMIO, &vm->ioapic->dev);
	plat_free(vm->ioapic);
	vm->ioapic = NULL;
}
