/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Two 8259A interrupt controllers, the slave on IR2 of the master, with the
 * edge/level control registers of the PIIX (Intel 8259A data sheet; 82371SB
 * data sheet for ELCR).
 *
 * The state is the ABI's struct kvm_pic_state itself. What is acknowledged
 * while the lock is held is collected in `acked` and told after it.
 */
#include "x86/irqchip.h"

#define CASCADE 2
#define NONE 8			/* no priority level */

struct pic {
	struct plat_spinlock lock;
	struct vm *vm;
	struct kvm_pic_state chip[2];	/* master, slave */
	u32 lines[16];			/* the sources that hold each line high */
	u32 acked;			/* pins whose in-service bit went, not yet told */
	bool output;			/* INTR */
	struct io_device ports[3];	/* master, slave, ELCR */
};

/* The highest-priority bit of @mask, as a distance from the top: 0..7, NONE. */
static u32 priority(const struct kvm_pic_state *s, u8 mask)
{
	u32 p;

	if (!mask)
		return NONE;
	for (p = 0; !(mask & BIT((p + s->priority_add) & 7)); p++)
		;
	return p;
}

/* The request that may interrupt now, or -1. */
static int pending(const struct pic *p, const struct kvm_pic_state *s)
{
	u8 isr = s->isr;
	u32 prio = priority(s, s->irr & ~s->imr);

	if (prio == NONE)
		return -1;
	/* In special mask mode a masked level inhibits nothing. */
	if (s->special_mask)
		isr &= ~s->imr;
	/* Fully nested for the slave: its own in-service level lets higher ones of it through. */
	if (s->special_fully_nested_mode && s == &p->chip[0])
		isr &= ~BIT(CASCADE);
	if (prio >= priority(s, isr))
		return -1;
	return (prio + s->priority_add) & 7;
}

/* As irq_set_route's result. */
static int chip_line(struct kvm_pic_state *s, u32 pin, bool high)
{
	u8 bit = BIT(pin);
	int r = 1;

	if (!high) {
		s->last_irr &= ~bit;
		if (s->elcr & bit)
			s->irr &= ~bit;
	} else {
		r = !(s->irr & bit) && !(s->last_irr & bit);
		if ((s->elcr & bit) || !(s->last_irr & bit))
			s->irr |= bit;
		s->last_irr |= bit;
	}
	return s->imr & bit ? -1 : r;
}

static void update(struct pic *p)
{
	/* The slave's INT pulses at each INTA, so an edge-sensed IR2 sees the next request too. */
	if (pending(p, &p->chip[1]) >= 0) {
		chip_line(&p->chip[0], CASCADE, true);
		chip_line(&p->chip[0], CASCADE, false);
	}
	WRITE_ONCE(p->output, pending(p, &p->chip[0]) >= 0);
}

static void unlock(struct pic *p, bool was_raised)
{
	bool raised = p->output && !was_raised;
	u32 acked = p->acked;

	p->acked = 0;
	plat_spin_unlock(&p->lock);
	for (u32 i = 0; acked; i++, acked >>= 1)
		if (acked & 1)
			irq_acked(p->vm, i >> 3, i & 7);
	if (raised)
		irq_pic_raised(p->vm);
}

int pic_set_line(struct vm *vm, u32 pin, int source, int level)
{
	struct pic *p = vm->pic;
	bool was;
	int r;

	if (!p || pin >= 16)
		return -1;
	plat_spin_lock(&p->lock);
	was = p->output;
	if (level)
		p->lines[pin] |= BIT(source & 31);
	else
		p->lines[pin] &= ~BIT(source & 31);
	r = chip_line(&p->chip[pin >> 3], pin & 7, p->lines[pin]);
	update(p);
	unlock(p, was);
	return r;
}

bool pic_output(struct vm *vm)
{
	return vm->pic && READ_ONCE(vm->pic->output);
}

static void clear_isr(struct pic *p, struct kvm_pic_state *s, u32 pin)
{
	if (!(s->isr & BIT(pin)))
		return;
	s->isr &= ~BIT(pin);
	p->acked |= BIT((s == &p->chip[1] ? 8 : 0) + pin);
}

static void intack(struct pic *p, struct kvm_pic_state *s, u32 pin)
{
	s->isr |= BIT(pin);
	if (!(s->elcr & BIT(pin)))
		s->irr &= ~BIT(pin);
	if (s->auto_eoi) {
		if (s->rotate_on_auto_eoi)
			s->priority_add = (pin + 1) & 7;
		clear_isr(p, s, pin);
	}
}

int pic_ack(struct vm *vm)
{
	struct pic *p = vm->pic;
	struct kvm_pic_state *s;
	int pin, vector = -1;

	if (!p)
		return -1;
	plat_spin_lock(&p->lock);
	s = &p->chip[0];
	pin = pending(p, s);
	if (pin >= 0) {
		intack(p, s, pin);
		if (pin == CASCADE) {
			s = &p->chip[1];
			pin = pending(p, s);
			/* Its request has gone: the slave says IR7 and sets no in-service bit. */
			if (pin >= 0)
				intack(p, s, pin);
			else
				pin = 7;
		}
		vector = s->irq_base + pin;
	}
	update(p);
	unlock(p, false);
	return vector;
}

/* ---- ports ---- */

static void initialize(struct pic *p, struct kvm_pic_state *s, u8 icw1)
{
	/* Whoever waits for an acknowledgement of what is dropped here must not wait for ever. */
	p->acked |= (u32)((s->irr & ~s->elcr) | s->isr) << (s == &p->chip[1] ? 8 : 0);
	s->last_irr = 0;
	s->irr &= s->elcr;
	s->imr = 0;
	s->isr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->init4 = icw1 & 1;
	if (!s->init4) {
		s->special_fully_nested_mode = 0;
		s->auto_eoi = 0;
		s->rotate_on_auto_eoi = 0;
	}
	s->init_state = 1;
}

enum ocw2 { OCW2_AEOI_NO_ROTATE, OCW2_EOI, OCW2_NOP, OCW2_EOI_SPECIFIC,
	    OCW2_AEOI_ROTATE, OCW2_EOI_ROTATE, OCW2_SET_PRIORITY, OCW2_EOI_SPECIFIC_ROTATE };

static void ocw2(struct pic *p, struct kvm_pic_state *s, u8 val)
{
	enum ocw2 op = val >> 5;
	u32 pin = val & 7, prio;

	switch (op) {
	case OCW2_AEOI_NO_ROTATE:
	case OCW2_AEOI_ROTATE:
		s->rotate_on_auto_eoi = op == OCW2_AEOI_ROTATE;
		break;
	case OCW2_EOI:
	case OCW2_EOI_ROTATE:
		prio = priority(s, s->special_mask ? s->isr & ~s->imr : s->isr);
		if (prio == NONE)
			break;
		pin = (prio + s->priority_add) & 7;
		if (op == OCW2_EOI_ROTATE)
			s->priority_add = (pin + 1) & 7;
		clear_isr(p, s, pin);
		break;
	case OCW2_EOI_SPECIFIC:
	case OCW2_EOI_SPECIFIC_ROTATE:
		if (op == OCW2_EOI_SPECIFIC_ROTATE)
			s->priority_add = (pin + 1) & 7;
		clear_isr(p, s, pin);
		break;
	case OCW2_SET_PRIORITY:
		s->priority_add = (pin + 1) & 7;
		break;
	case OCW2_NOP:
		break;
	}
}

static void command_write(struct pic *p, struct kvm_pic_state *s, u8 val)
{
	if (val & 0x10) {
		initialize(p, s, val);
	} else if (val & 0x08) {
		if (val & 0x04)
			s->poll = 1;
		if (val & 0x02)
			s->read_reg_select = val & 1;
		if (val & 0x40)
			s->special_mask = val >> 5 & 1;
	} else {
		ocw2(p, s, val);
	}
}

static void data_write(struct kvm_pic_state *s, u8 val)
{
	switch (s->init_state) {
	case 1:
		s->irq_base = val & 0xf8;
		s->init_state = 2;
		break;
	case 2:
		s->init_state = s->init4 ? 3 : 0;
		break;
	case 3:
		s->special_fully_nested_mode = val >> 4 & 1;
		s->auto_eoi = val >> 1 & 1;
		s->init_state = 0;
		break;
	default:
		s->imr = val;
		break;
	}
}

static u8 chip_read(struct pic *p, struct kvm_pic_state *s, bool data)
{
	int pin;

	if (s->poll) {
		/* The read is the INTA. */
		s->poll = 0;
		pin = pending(p, s);
		if (pin < 0)
			return 0;
		intack(p, s, pin);
		return 0x80 | pin;
	}
	if (data)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

static int port_access(struct io_device *d, u64 addr, u32 len, u8 *rd, const u8 *wr)
{
	u32 which = d->addr == 0x20 ? 0 : d->addr == 0xa0 ? 1 : 2;
	struct pic *p = container_of(d - which, struct pic, ports[0]);
	bool was;

	/* ELCR: nothing follows a read, nor a write of what it holds. */
	if (which == 2 && len == 1) {
		struct kvm_pic_state *s = &p->chip[addr & 1];

		if (rd)
			*rd = READ_ONCE(s->elcr);
		if (rd || (*wr & s->elcr_mask) == READ_ONCE(s->elcr))
			return 0;
	}
	plat_spin_lock(&p->lock);
	was = p->output;
	for (u32 i = 0; i < len; i++) {
		u32 second = (addr + i) & 1;
		struct kvm_pic_state *s = &p->chip[which == 2 ? second : which];

		if (which == 2 && wr)
			s->elcr = wr[i] & s->elcr_mask;
		else if (which == 2)
			rd[i] = s->elcr;
		else if (!wr)
			rd[i] = chip_read(p, s, second);
		else if (second)
			data_write(s, wr[i]);
		else
			command_write(p, s, wr[i]);
	}
	update(p);
	unlock(p, was);
	return 0;
}

static int port_read(struct vcpu *v, struct io_device *d, u64 addr, u32 len, void *val)
{
	return port_access(d, addr, len, val, NULL);
}

static int port_write(struct vcpu *v, struct io_device *d, u64 addr, u32 len, const void *val)
{
	return port_access(d, addr, len, NULL, val);
}

static const struct io_device_ops pic_ops = { .read = port_read, .write = port_write };

/* ---- state ---- */

void pic_get_state(struct vm *vm, u32 chip, struct kvm_pic_state *s)
{
	struct pic *p = vm->pic;

	plat_spin_lock(&p->lock);
	*s = p->chip[chip & 1];
	plat_spin_unlock(&p->lock);
}

void pic_set_state(struct vm *vm, u32 chip, const struct kvm_pic_state *st)
{
	struct pic *p = vm->pic;
	struct kvm_pic_state *s = &p->chip[chip & 1];
	u8 elcr_mask = s->elcr_mask;
	bool was;

	plat_spin_lock(&p->lock);
	was = p->output;
	*s = *st;
	s->elcr_mask = elcr_mask;
	s->elcr &= elcr_mask;
	s->priority_add &= 7;
	s->irq_base &= 0xf8;
	s->init_state &= 3;
	update(p);
	unlock(p, was);
}

int pic_create(struct vm *vm)
{
	static const u16 base[3] = { 0x20, 0xa0, 0x4d0 };
	struct pic *p = plat_alloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	plat_spin_init(&p->lock);
	p->vm = vm;
	/* IRQ 0, 1, 2, 8 and 13 are edge-triggered for good. */
	p->chip[0].elcr_mask = 0xf8;
	p->chip[1].elcr_mask = 0xde;
	for (u32 i = 0; i < 3; i++) {
		p->ports[i] = (struct io_device){ .ops = &pic_ops, .addr = base[i], .len = 2 };
		vm_io_add(vm, IO_BUS_PIO, &p->ports[i]);
	}
	vm->pic = p;
	return 0;
}

void pic_destroy(struct vm *vm)
{
	if (!vm->pic)
		return;
	for (u32 i = 0; i < 3; i++)
		vm_io_remove(vm, IO_BUS_PIO, &vm->pic->ports[i]);
	plat_free(vm->pic);
	vm->pic = NULL;
}
