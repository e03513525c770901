/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 8254: counts and outputs of every mode, latches, gates, port 0x61, IRQ 0 and its reinjection. */
#include "chips_env.h"

static struct vm *vm;
static struct vcpu *v;

#define TICK_NS 838.0953445

static void ticks(u32 n) { env_advance((u64)((n + 0.5) * TICK_NS)); }

static void machine(void)
{
	vm = env_vm(VM_IRQCHIP_KERNEL, 1, NULL);
	v = vm->vcpus[0];
	if (pit_create(vm, KVM_PIT_SPEAKER_DUMMY))
		abort();
	env_outb(v, 0x20, 0x11);
	env_outb(v, 0x21, 0x30);
	env_outb(v, 0x21, 4);
	env_outb(v, 0x21, 1);
	env_outb(v, 0x21, 0);
}

static void load(u32 ch, u8 control, u16 count)
{
	env_outb(v, 0x43, ch << 6 | 0x30 | control);
	env_outb(v, 0x40 + ch, count);
	env_outb(v, 0x40 + ch, count >> 8);
}

static u16 count(u32 ch)
{
	u16 n;

	env_outb(v, 0x43, ch << 6);
	n = env_inb(v, 0x40 + ch);
	return n | env_inb(v, 0x40 + ch) << 8;
}

static u8 status(u32 ch)
{
	env_outb(v, 0x43, 0xe0 | 2 << ch);
	return env_inb(v, 0x40 + ch);
}

static bool out(u32 ch) { return status(ch) >> 7; }

static void test_modes(void)
{
	machine();
	env_outb(v, 0x61, 1);
	load(2, 0 << 1, 1000);
	OK(!out(2), "mode 0: OUT is low");
	ticks(400);
	EQ(count(2), 600, "mode 0: counts down");
	ticks(600);
	OK(out(2), "mode 0: high at terminal count");
	EQ(count(2), 0, "mode 0: at 0");
	ticks(1);
	EQ(count(2), 0xfffe, "mode 0: goes on round");
	load(2, 2 << 1, 1000);
	ticks(2300);
	EQ(count(2), 700, "mode 2: reloads");
	OK(out(2), "mode 2: high");
	load(2, 3 << 1, 1000);
	OK(out(2), "mode 3: first half");
	ticks(300);
	EQ(count(2), 400, "mode 3: by twos");
	ticks(300);
	OK(!out(2), "mode 3: second half");
	load(2, 4 << 1, 100);
	OK(out(2), "mode 4: high");
	ticks(100);
	OK(!out(2), "mode 4: the strobe");
	ticks(2);
	OK(out(2), "mode 4: high again");
	load(2, 1 << 1, 100);
	OK(!out(2), "mode 1: low");
	ticks(101);
	OK(out(2), "mode 1: high at the end");
	load(2, 7 << 1, 1000);
	EQ(status(2) & 0x3f, 0x36, "mode 7 is 3");
	load(2, 2 << 1 | 1, 0x1000);
	ticks(1);
	EQ(count(2), 0x0999, "BCD");
	load(2, 2 << 1, 0);
	ticks(1);
	EQ(count(2), 0xffff, "0 is 65536");
	load(2, 2 << 1 | 1, 0);
	ticks(1);
	EQ(count(2), 0x9999, "0 is 10000 in BCD");
	env_vm_free(vm);
}

static void test_access(void)
{
	machine();
	env_outb(v, 0x61, 1);
	load(2, 2 << 1, 0x1234);
	env_outb(v, 0x43, 0x80);
	env_outb(v, 0x43, 0x80);
	ticks(5);
	EQ(env_inb(v, 0x42), 0x34, "latched: low byte");
	EQ(env_inb(v, 0x42), 0x12, "latched: high byte");
	EQ(env_inb(v, 0x42), 0x2f, "then it is live");
	env_inb(v, 0x42);
	env_outb(v, 0x43, 0xc8);
	EQ(env_inb(v, 0x42), 0xb4, "read-back: status first");
	EQ(env_inb(v, 0x42), 0x2f, "then the count");
	EQ(env_inb(v, 0x42), 0x12, "of both bytes");
	env_outb(v, 0x43, 0x94);
	env_outb(v, 0x42, 0x80);
	EQ(env_inb(v, 0x42), 0x80, "low byte only");
	EQ(env_inb(v, 0x42), 0x80, "again");
	env_outb(v, 0x43, 0xa4);
	env_outb(v, 0x42, 0x12);
	ticks(1);
	EQ(env_inb(v, 0x42), 0x11, "high byte only");
	EQ(env_inb(v, 0x43), 0, "the control port reads 0");
	env_vm_free(vm);
}

static void test_gate(void)
{
	machine();
	EQ(env_inb(v, 0x61) & 3, 0, "gate 2 is low at first");
	env_outb(v, 0x61, 0);
	load(2, 0, 1000);
	ticks(100);
	EQ(count(2), 1000, "mode 0: a low gate holds the count");
	env_outb(v, 0x61, 3);
	EQ(env_inb(v, 0x61) & 0x23, 3, "gate, speaker, OUT low");
	ticks(100);
	EQ(count(2), 900, "high: counts");
	env_outb(v, 0x61, 2);
	ticks(100);
	env_outb(v, 0x61, 3);
	ticks(100);
	EQ(count(2), 800, "goes on where it stood");
	load(2, 2 << 1, 1000);
	ticks(100);
	env_outb(v, 0x61, 0);
	env_outb(v, 0x61, 1);
	EQ(count(2), 1000, "mode 2: a rising gate reloads");
	/* What Linux does to measure its TSC. */
	env_outb(v, 0x61, 1);
	load(2, 0, 0xffff & (1193182 / 20));
	EQ(env_inb(v, 0x61) & 0x20, 0, "calibration: OUT is low");
	env_advance(49990000);
	EQ(env_inb(v, 0x61) & 0x20, 0, "before 50 ms");
	env_advance(20000);
	EQ(env_inb(v, 0x61) & 0x20, 0x20, "after 50 ms");
	u8 a = env_inb(v, 0x61) & 0x10;

	env_advance(15085);
	OK((env_inb(v, 0x61) & 0x10) != a, "the refresh toggles");
	env_vm_free(vm);
}

static u32 take(void)
{
	if (pic_ack(vm) != 0x30)
		return 0;
	env_outb(v, 0x20, 0x20);
	return 1;
}

static void test_irq(void)
{
	u32 n = 0;

	machine();
	load(0, 2 << 1, 11932);
	for (u32 i = 0; i < 100; i++) {
		env_advance(10000000);
		n += take();
	}
	OK(n >= 99 && n <= 101, "100 Hz for a second");
	EQ(take(), 0, "no more than one at a time");

	/* Half a second with interrupts off: with reinjection no tick is lost. */
	env_advance(500000000);
	for (n = 0; take(); n++)
		;
	OK(n >= 49 && n <= 51, "reinjected");
	pit_set_reinject(vm, false);
	env_advance(500000000);
	for (n = 0; take(); n++)
		;
	EQ(n, 1, "not reinjected");
	pit_set_reinject(vm, true);
	env_outb(v, 0x21, 1);
	env_advance(500000000);
	env_outb(v, 0x21, 0);
	for (n = 0; take(); n++)
		;
	OK(n <= 1, "ticks behind a mask are nobody's");

	load(0, 0, 1193);
	for (n = 0; take(); n++)
		;
	env_advance(900000);
	EQ(take(), 0, "one-shot: not yet");
	env_advance(200000);
	EQ(take(), 1, "one-shot");
	env_advance(100000000);
	EQ(take(), 0, "once");
	load(0, 2 << 1, 1);
	n = env_timer_starts;
	env_advance(10000000);
	OK(env_timer_starts - n < 100, "a tiny period does not run the host hot");
	env_outb(v, 0x43, 0x30);
	while (take())
		;
	env_advance(10000000);
	EQ(take(), 0, "a control word stops it");

	/* By the I/O APIC, edge: the EOI is the acknowledgement. */
	env_set_apic(v, 0xf0, 0x1ff);
	env_set_apic(v, 0x350, 0x10000);
	env_outb(v, 0x21, 0xff);
	env_route(0, KVM_IRQCHIP_IOAPIC, 2);
	env_redir(v, 2, 0x50);
	load(0, 2 << 1, 11932);
	env_advance(100000000);
	for (n = 0; vcpu_get_interrupt(v) == 0x50; n++)
		env_set_apic(v, 0xb0, 0);
	OK(n >= 9 && n <= 11, "reinjected through the I/O APIC");
	/* An acknowledgement that never comes does not stop time for ever. */
	env_advance(10000000);
	vcpu_get_interrupt(v);
	env_redir(v, 2, 0x51);
	env_set_apic(v, 0xb0, 0);
	env_advance(1000000000);
	EQ(vcpu_get_interrupt(v), 0x51, "a lost acknowledgement heals");
	env_vm_free(vm);
}

static void test_state(void)
{
	struct kvm_pit_state2 s, t;
	u32 n;

	machine();
	load(0, 2 << 1, 11932);
	load(2, 3 << 1, 500);
	env_outb(v, 0x61, 2);
	pit_get_state(vm, &s);
	EQ(s.channels[0].count, 11932, "count");
	EQ(s.channels[0].mode, 2, "mode");
	EQ(s.flags, KVM_PIT_FLAGS_SPEAKER_DATA_ON, "flags");
	env_vm_free(vm);
	machine();
	EQ(pit_set_state(vm, &s), 0, "set");
	pit_get_state(vm, &t);
	for (u32 i = 0; i < 3; i++)
		t.channels[i].count_load_time = s.channels[i].count_load_time;
	OK(!memcmp(&s, &t, sizeof(s)), "comes back as it was");
	for (u32 i = n = 0; i < 10; i++) {
		env_advance(10000000);
		n += take();
	}
	OK(n >= 9, "and ticks");
	s.flags = KVM_PIT_FLAGS_HPET_LEGACY;
	EQ(pit_set_state(vm, &s), 0, "HPET legacy");
	env_advance(100000000);
	take();
	env_advance(100000000);
	EQ(take(), 0, "the HPET has IRQ 0");
	s.flags = 4;
	EQ(pit_set_state(vm, &s), -EINVAL, "an unknown flag");
	env_vm_free(vm);
	vm = env_vm(VM_IRQCHIP_KERNEL, 1, NULL);
	EQ(pit_create(vm, 2), -EINVAL, "an unknown creation flag");
	EQ(pit_create(vm, 0), 0, "without the speaker");
	EQ(env_inb(vm->vcpus[0], 0x61), 0xff, "port 0x61 is the host's");
	env_vm_free(vm);
	vm = env_vm(VM_IRQCHIP_KERNEL, 1, NULL);
	for (u32 i = 1; i <= 2; i++) {
		env_alloc_fail = i;
		EQ(pit_create(vm, 0), -ENOMEM, "creation fails");
	}
	env_alloc_fail = 0;
	env_vm_free(vm);
}

static void test_fuzz(void)
{
	struct kvm_pit_state2 s;
	u32 word;

	machine();
	for (u32 i = 0; i < 200000; i++) {
		switch (env_rand() % 8) {
		case 0 ... 2:
			env_outb(v, 0x40 + (env_rand() & 3), env_rand());
			break;
		case 3:
			env_inb(v, 0x40 + (env_rand() & 3));
			word = env_rand();
			vm_io_write(v, IO_BUS_PIO, 0x40, 4, &word);
			vm_io_read(v, IO_BUS_PIO, 0x40, 4, &word);
			break;
		case 4:
			env_outb(v, 0x61, env_rand());
			env_inb(v, 0x61);
			break;
		case 5:
			env_advance(env_rand() % 2000000);
			break;
		case 6:
			take();
			break;
		case 7:
			if (env_rand() & 15)
				break;
			pit_get_state(vm, &s);
			((u8 *)&s)[env_rand() % sizeof(s)] = env_rand();
			pit_set_state(vm, &s);
			break;
		}
	}
	OK(true, "random accesses and time");
	env_vm_free(vm);
}

int main(int argc, char **argv)
{
	env_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20261121;
	printf("# seed %llu\n", (unsigned long long)env_seed);
	test_modes();
	test_access();
	test_gate();
	test_irq();
	test_state();
	test_fuzz();
	EQ(env_live_allocs, 0, "no memory is lost");
	return tap_end();
}
