/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Programmable interval timer (Intel 8254 data sheet) at ports 0x40..0x43,
 * with the PC's gate and speaker port 0x61.
 *
 * A counter is not counted: its value and OUT are computed from the time at
 * which it was loaded. Only channel 0, which interrupts, has a timer; what
 * becomes of ticks that the guest had no time to see is pit-irq.c's.
 */
#include "x86/irqchip.h"
#include "x86/pit.h"

#define PIT_HZ 1193182
#define NS_PER_S 1000000000ull

/* read_state, write_state, rw_mode and count_latched of the ABI's structure. */
enum rw { RW_NONE, RW_LSB, RW_MSB, RW_WORD0, RW_WORD1 };

static u64 ns_to_ticks(u64 ns)
{
	return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

u64 pit_ticks_to_ns(u32 ticks)
{
	return ((u64)ticks * NS_PER_S + PIT_HZ / 2) / PIT_HZ;
}

/* Does a low gate hold the count? In modes 1 and 5 only its rising edge matters. */
static bool gate_holds(const struct kvm_pit_channel_state *c)
{
	return c->mode != 1 && c->mode != 5;
}

static u64 ticks(struct pit *p, u32 ch)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];
	u64 now = p->held_ns[ch] ? p->held_ns[ch] : plat_time_ns();

	return now > (u64)c->count_load_time ? ns_to_ticks(now - c->count_load_time) : 0;
}

static u32 modulus(const struct kvm_pit_channel_state *c)
{
	return c->bcd ? 10000 : 0x10000;
}

static u16 to_bcd(u32 n)
{
	return n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 % 10 << 12;
}

static u32 from_bcd(u16 n)
{
	return (n & 15) + (n >> 4 & 15) * 10 + (n >> 8 & 15) * 100 + (n >> 12) * 1000;
}

static u16 count_now(struct pit *p, u32 ch)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];
	u64 d = ticks(p, ch);
	u32 n;

	switch (c->mode) {
	case 0:
	case 1:
	case 4:
	case 5:
		/* After zero it goes on round. */
		n = (c->count + modulus(c) - d % modulus(c)) % modulus(c);
		break;
	case 3:
		n = c->count - d * 2 % c->count;
		break;
	default:
		n = c->count - d % c->count;
		break;
	}
	return c->bcd ? to_bcd(n % 10000) : n;
}

static bool out_now(struct pit *p, u32 ch)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];
	u64 d = ticks(p, ch);

	if (!c->gate && (c->mode == 2 || c->mode == 3))
		return true;
	switch (c->mode) {
	case 0:
		return d >= c->count;
	case 1:
		return d >= c->count;
	case 2:
		return d % c->count != c->count - 1;
	case 3:
		return d % c->count < (c->count + 1) / 2;
	default:
		return d != c->count;
	}
}

static void load(struct pit *p, u32 ch, u16 val)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];
	u32 n = c->bcd ? from_bcd(val) : val;

	c->count = n ? n : modulus(c);
	c->count_load_time = plat_time_ns();
	p->held_ns[ch] = !c->gate && gate_holds(c) ? c->count_load_time : 0;
	if (ch == 0)
		pit_irq_start(p);
}

static void set_gate(struct pit *p, u32 ch, bool gate)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];
	u64 now = plat_time_ns();

	if (gate == !!c->gate)
		return;
	c->gate = gate;
	if (!gate) {
		if (gate_holds(c))
			p->held_ns[ch] = now;
		return;
	}
	/* A rising gate goes on in modes 0 and 4, and begins anew in the others. */
	if ((c->mode == 0 || c->mode == 4) && p->held_ns[ch])
		c->count_load_time += now - p->held_ns[ch];
	else
		c->count_load_time = now;
	p->held_ns[ch] = 0;
}

static void latch_count(struct pit *p, u32 ch)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];

	if (c->count_latched)
		return;
	c->latched_count = count_now(p, ch);
	c->count_latched = c->rw_mode;
}

static void latch_status(struct pit *p, u32 ch)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];

	if (c->status_latched)
		return;
	c->status = out_now(p, ch) << 7 | (c->rw_mode & 3) << 4 | c->mode << 1 | c->bcd;
	c->status_latched = 1;
}

static void control_write(struct pit *p, u8 val)
{
	u32 ch = val >> 6, access = val >> 4 & 3;
	struct kvm_pit_channel_state *c;

	if (ch == 3) {
		for (ch = 0; ch < 3; ch++) {
			if (!(val & (2 << ch)))
				continue;
			if (!(val & 0x20))
				latch_count(p, ch);
			if (!(val & 0x10))
				latch_status(p, ch);
		}
		return;
	}
	if (!access) {
		latch_count(p, ch);
		return;
	}
	c = &p->ch[ch];
	c->rw_mode = c->read_state = c->write_state = access;
	c->count_latched = 0;
	c->mode = val >> 1 & 7;
	if (c->mode > 5)
		c->mode &= 3;
	c->bcd = val & 1;
	if (c->count > modulus(c))
		c->count = modulus(c);
	/* OUT rests until the count is written. */
	if (ch == 0)
		pit_irq_stop(p);
}

static void count_write(struct pit *p, u32 ch, u8 val)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];

	switch (c->write_state) {
	case RW_MSB:
		load(p, ch, val << 8);
		break;
	case RW_WORD0:
		c->write_latch = val;
		c->write_state = RW_WORD1;
		break;
	case RW_WORD1:
		c->write_state = RW_WORD0;
		load(p, ch, c->write_latch | val << 8);
		break;
	default:
		load(p, ch, val);
		break;
	}
}

static u8 count_read(struct pit *p, u32 ch)
{
	struct kvm_pit_channel_state *c = &p->ch[ch];
	u16 n;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	switch (c->count_latched) {
	case RW_NONE:
		break;
	case RW_WORD0:
		c->count_latched = RW_MSB;
		return c->latched_count;
	case RW_MSB:
		c->count_latched = RW_NONE;
		return c->latched_count >> 8;
	default:
		c->count_latched = RW_NONE;
		return c->latched_count;
	}
	n = count_now(p, ch);
	switch (c->read_state) {
	case RW_MSB:
		return n >> 8;
	case RW_WORD0:
		c->read_state = RW_WORD1;
		return n;
	case RW_WORD1:
		c->read_state = RW_WORD0;
		return n >> 8;
	default:
		return n;
	}
}

/* ---- ports ---- */

static int port_read(struct vcpu *v, struct io_device *d, u64 addr, u32 len, void *val)
{
	struct pit *p = container_of(d, struct pit, ports);
	u8 *b = val;

	plat_spin_lock(&p->lock);
	for (u32 i = 0; i < len; i++) {
		u32 reg = (addr + i) & 3;

		b[i] = reg == 3 ? 0 : count_read(p, reg);
	}
	plat_spin_unlock(&p->lock);
	return 0;
}

static int port_write(struct vcpu *v, struct io_device *d, u64 addr, u32 len, const void *val)
{
	struct pit *p = container_of(d, struct pit, ports);
	const u8 *b = val;

	plat_spin_lock(&p->lock);
	for (u32 i = 0; i < len; i++) {
		u32 reg = (addr + i) & 3;

		if (reg == 3)
			control_write(p, b[i]);
		else
			count_write(p, reg, b[i]);
	}
	plat_spin_unlock(&p->lock);
	return 0;
}

static const struct io_device_ops pit_ops = { .read = port_read, .write = port_write };

/* Port 0x61: 0 gate of channel 2, 1 speaker data, 4 the refresh's toggle, 5 OUT of channel 2. */
static int speaker_read(struct vcpu *v, struct io_device *d, u64 addr, u32 len, void *val)
{
	struct pit *p = container_of(d, struct pit, speaker);
	bool refresh = plat_time_ns() / 15085 & 1;

	memset(val, 0, len);
	plat_spin_lock(&p->lock);
	*(u8 *)val = p->ch[2].gate | p->speaker_on << 1 | refresh << 4 | out_now(p, 2) << 5;
	plat_spin_unlock(&p->lock);
	return 0;
}

static int speaker_write(struct vcpu *v, struct io_device *d, u64 addr, u32 len, const void *val)
{
	struct pit *p = container_of(d, struct pit, speaker);
	u8 b = *(const u8 *)val;

	plat_spin_lock(&p->lock);
	p->speaker_on = b >> 1 & 1;
	set_gate(p, 2, b & 1);
	plat_spin_unlock(&p->lock);
	return 0;
}

static const struct io_device_ops speaker_ops = { .read = speaker_read, .write = speaker_write };

/* ---- state ---- */

void pit_get_state(struct vm *vm, struct kvm_pit_state2 *s)
{
	struct pit *p = vm->pit;

	memset(s, 0, sizeof(*s));
	plat_spin_lock(&p->lock);
	memcpy(s->channels, p->ch, sizeof(p->ch));
	s->flags = (p->hpet_legacy ? KVM_PIT_FLAGS_HPET_LEGACY : 0) |
		   (p->speaker_on ? KVM_PIT_FLAGS_SPEAKER_DATA_ON : 0);
	plat_spin_unlock(&p->lock);
}

static void set_channel(struct kvm_pit_channel_state *c, const struct kvm_pit_channel_state *from,
			u64 now)
{
	*c = *from;
	c->bcd &= 1;
	c->gate &= 1;
	c->status_latched &= 1;
	if (c->mode > 5)
		c->mode &= 3;
	if (!c->count || c->count > modulus(c))
		c->count = modulus(c);
	/* Time did not pass for the guest while it was away: it goes on from a fresh load. */
	c->count_load_time = now;
}

int pit_set_state(struct vm *vm, const struct kvm_pit_state2 *s)
{
	struct pit *p = vm->pit;
	u64 now = plat_time_ns();

	if (s->flags & ~(KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON))
		return -EINVAL;
	plat_spin_lock(&p->lock);
	for (u32 i = 0; i < 3; i++) {
		set_channel(&p->ch[i], &s->channels[i], now);
		p->held_ns[i] = !p->ch[i].gate && gate_holds(&p->ch[i]) ? now : 0;
	}
	p->hpet_legacy = s->flags & KVM_PIT_FLAGS_HPET_LEGACY;
	p->speaker_on = s->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	p->pending = 0;
	p->irq_acked = true;
	pit_irq_start(p);
	plat_spin_unlock(&p->lock);
	return 0;
}

int pit_create(struct vm *vm, u32 flags)
{
	struct pit *p;
	int err;

	if (flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	p = plat_alloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	plat_spin_init(&p->lock);
	p->vm = vm;
	for (u32 i = 0; i < 3; i++) {
		p->ch[i].mode = 3;
		p->ch[i].gate = i != 2;
		p->ch[i].count = 0x10000;
		p->ch[i].count_load_time = plat_time_ns();
		p->ch[i].rw_mode = p->ch[i].read_state = p->ch[i].write_state = RW_WORD0;
	}
	p->held_ns[2] = p->ch[2].count_load_time;
	err = pit_irq_init(p);
	if (err) {
		plat_free(p);
		return err;
	}
	p->ports = (struct io_device){ .ops = &pit_ops, .addr = 0x40, .len = 4 };
	vm_io_add(vm, IO_BUS_PIO, &p->ports);
	p->has_speaker = flags & KVM_PIT_SPEAKER_DUMMY;
	p->speaker = (struct io_device){ .ops = &speaker_ops, .addr = 0x61, .len = 1 };
	if (p->has_speaker)
		vm_io_add(vm, IO_BUS_PIO, &p->speaker);
	vm->pit = p;
	return 0;
}

void pit_destroy(struct vm *vm)
{
	struct pit *p = vm->pit;

	if (!p)
		return;
	vm_io_remove(vm, IO_BUS_PIO, &p->ports);
	if (p->has_speaker)
		vm_io_remove(vm, IO_BUS_PIO, &p->speaker);
	pit_irq_fini(p);
	vm->pit = NULL;
	plat_free(p);
}
