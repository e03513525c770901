/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two 8259As: initialization, priorities, EOI in all forms, special modes, poll, ELCR, state. */
#include "chips_env.h"

static struct vm *vm;
static struct vcpu *v;

static void init(u16 port, u8 icw2, u8 icw3, u8 icw4)
{
	env_outb(v, port, 0x11);
	env_outb(v, port + 1, icw2);
	env_outb(v, port + 1, icw3);
	env_outb(v, port + 1, icw4);
	env_outb(v, port + 1, 0);
}

static void machine(u8 icw4)
{
	vm = env_vm(VM_IRQCHIP_KERNEL, 1, NULL);
	v = vm->vcpus[0];
	init(0x20, 0x30, 4, icw4);
	init(0xa0, 0x38, 2, icw4);
}

static int line(u32 pin, int level) { return pic_set_line(vm, pin, IRQ_SOURCE_USER, level); }
static void pulse(u32 pin) { line(pin, 1); line(pin, 0); }
static u8 isr(u16 port) { env_outb(v, port, 0x0b); return env_inb(v, port); }
static u8 irr(u16 port) { env_outb(v, port, 0x0a); return env_inb(v, port); }

static void test_basic(void)
{
	machine(1);
	EQ(pic_output(vm), 0, "quiet");
	EQ(pic_ack(vm), (u64)-1, "no request, no vector");
	EQ(line(4, 1), 1, "IRQ 4");
	EQ(line(4, 1), 0, "the line was high");
	EQ(irr(0x20), 0x10, "IRR");
	EQ(pic_output(vm), 1, "INTR");
	EQ(pic_ack(vm), 0x34, "vector");
	EQ(isr(0x20), 0x10, "ISR");
	EQ(irr(0x20), 0, "IRR is taken");
	line(4, 0);
	pulse(5);
	EQ(pic_output(vm), 0, "a lower one waits");
	pulse(1);
	EQ(pic_ack(vm), 0x31, "a higher one nests");
	env_outb(v, 0x20, 0x20);
	EQ(isr(0x20), 0x10, "EOI ends the highest");
	EQ(env_acked[1], 1, "and is told");
	env_outb(v, 0x20, 0x20);
	EQ(pic_ack(vm), 0x35, "then the waiting one");
	env_outb(v, 0x20, 0x65);
	EQ(isr(0x20), 0, "specific EOI");
	env_outb(v, 0x21, 0x10);
	EQ(line(4, 1), (u64)-1, "masked");
	EQ(env_inb(v, 0x21), 0x10, "IMR reads back");
	EQ(pic_output(vm), 0, "no INTR");
	env_outb(v, 0x21, 0);
	EQ(pic_output(vm), 1, "unmasked");
	env_vm_free(vm);
}

static void test_slave(void)
{
	machine(1);
	pulse(12);
	EQ(pic_ack(vm), 0x3c, "slave vector");
	EQ(isr(0x20), 4, "in service at the master too");
	pulse(8);
	EQ(pic_output(vm), 0, "not nested: the cascade is one level");
	env_outb(v, 0xa0, 0x20);
	env_outb(v, 0x20, 0x20);
	EQ(pic_ack(vm), 0x38, "then the next of the slave");
	env_outb(v, 0xa0, 0x20);
	env_outb(v, 0x20, 0x20);
	EQ(env_acked[8], 1, "slave acknowledgements have their GSI");
	env_vm_free(vm);

	machine(0x11);
	pulse(12);
	pic_ack(vm);
	pulse(8);
	EQ(pic_ack(vm), 0x38, "special fully nested: the slave's higher one nests");
	env_vm_free(vm);

	/* The slave's request vanishes between INTR and INTA. */
	machine(1);
	env_outb(v, 0x4d1, 0x08);
	line(11, 1);
	line(11, 0);
	EQ(pic_ack(vm), 0x3f, "spurious IR7 of the slave");
	EQ(isr(0xa0), 0, "sets no in-service bit");
	env_vm_free(vm);
}

static void test_rotation(void)
{
	machine(1);
	env_outb(v, 0x20, 0xc4);
	pulse(4);
	pulse(5);
	EQ(pic_ack(vm), 0x35, "set priority: 4 lowest, 5 highest");
	env_outb(v, 0x20, 0xa0);
	EQ(irr(0x20), 0x10, "4 waits");
	pulse(6);
	EQ(pic_ack(vm), 0x36, "rotate on EOI: 6 is highest");
	env_outb(v, 0x20, 0xe6);
	pulse(7);
	EQ(pic_ack(vm), 0x37, "rotate on specific EOI");
	env_vm_free(vm);

	machine(3);
	env_outb(v, 0x20, 0x80);
	pulse(0);
	pulse(1);
	EQ(pic_ack(vm), 0x30, "automatic EOI");
	EQ(isr(0x20), 0, "leaves nothing in service");
	EQ(env_acked[0], 1, "told at INTA");
	pulse(0);
	EQ(pic_ack(vm), 0x31, "rotating");
	EQ(pic_ack(vm), 0x30, "round");
	env_outb(v, 0x20, 0x00);
	pulse(3);
	pulse(1);
	pic_ack(vm);
	pulse(1);
	EQ(pic_ack(vm), 0x31, "not rotating");
	env_vm_free(vm);
}

static void test_modes(void)
{
	machine(1);
	pulse(1);
	pic_ack(vm);
	env_outb(v, 0x21, 2);
	pulse(5);
	EQ(pic_output(vm), 0, "in service holds a lower one");
	env_outb(v, 0x20, 0x68);
	EQ(pic_ack(vm), 0x35, "special mask: a masked level inhibits nothing");
	env_outb(v, 0x20, 0x20);
	EQ(isr(0x20), 2, "EOI skips the masked one");
	env_outb(v, 0x20, 0x48);
	env_outb(v, 0x21, 0);
	env_outb(v, 0x20, 0x20);

	pulse(6);
	env_outb(v, 0x20, 0x0c);
	EQ(env_inb(v, 0x20), 0x86, "poll");
	EQ(isr(0x20), 0x40, "is an acknowledgement");
	EQ(pic_output(vm), 0, "INTR falls");
	env_outb(v, 0x20, 0x0c);
	EQ(env_inb(v, 0x20), 0, "poll with nothing");
	env_outb(v, 0x20, 0x20);

	env_outb(v, 0x4d0, 0xff);
	EQ(env_inb(v, 0x4d0), 0xf8, "ELCR: 0, 1 and 2 stay edge");
	env_outb(v, 0x4d1, 0xff);
	EQ(env_inb(v, 0x4d1), 0xde, "ELCR: 8 and 13 stay edge");
	line(4, 1);
	EQ(pic_ack(vm), 0x34, "level");
	env_outb(v, 0x20, 0x20);
	EQ(pic_ack(vm), 0x34, "again while high");
	line(4, 0);
	env_outb(v, 0x20, 0x20);
	EQ(pic_output(vm), 0, "quiet when low");
	pic_set_line(vm, 4, IRQ_SOURCE_USER, 1);
	pic_set_line(vm, 4, IRQ_SOURCE_RESAMPLE, 1);
	pic_set_line(vm, 4, IRQ_SOURCE_USER, 0);
	EQ(pic_output(vm), 1, "one of two sources holds it");
	pic_set_line(vm, 4, IRQ_SOURCE_RESAMPLE, 0);
	EQ(pic_output(vm), 0, "none does");

	/* ICW1 drops what waits, and says so. */
	memset(env_acked, 0, sizeof(env_acked));
	pulse(0);
	env_outb(v, 0x20, 0x11);
	EQ(env_acked[0], 1, "ICW1 acknowledges what it drops");
	EQ(pic_output(vm), 0, "nothing left");
	env_vm_free(vm);
	EQ(pic_set_line(&(struct vm){ 0 }, 0, 0, 1), -1, "no PIC");
}

static void test_state(void)
{
	struct kvm_irqchip c = { .chip_id = 0 }, d = { .chip_id = 0 };

	machine(1);
	pulse(3);
	pic_ack(vm);
	pulse(1);
	env_outb(v, 0x4d0, 0x20);
	EQ(irqchip_get_state(vm, &c), 0, "get");
	EQ(c.chip.pic.isr, 8, "isr");
	EQ(c.chip.pic.irq_base, 0x30, "base");
	env_vm_free(vm);
	vm = env_vm(VM_IRQCHIP_KERNEL, 1, NULL);
	v = vm->vcpus[0];
	EQ(irqchip_set_state(vm, &c), 0, "set");
	irqchip_get_state(vm, &d);
	OK(!memcmp(&c, &d, sizeof(c)), "comes back as it was");
	EQ(pic_ack(vm), 0x31, "and goes on");
	env_vm_free(vm);
}

static void test_fuzz(void)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	struct kvm_irqchip c;
	u16 word;

	machine(1);
	pit_create(vm, 0);
	for (u32 i = 0; i < 300000; i++) {
		u16 port = ports[env_rand() % 6];

		switch (env_rand() % 8) {
		case 0 ... 2:
			env_outb(v, port, env_rand());
			break;
		case 3:
			env_inb(v, port);
			word = env_rand();
			if (env_rand() & 1)
				vm_io_write(v, IO_BUS_PIO, port & ~1, 2, &word);
			else
				vm_io_read(v, IO_BUS_PIO, port & ~1, 2, &word);
			break;
		case 4 ... 5:
			vm_set_irq(vm, env_rand() % 3, env_rand() & 15, env_rand() & 1, false);
			break;
		case 6:
			pic_ack(vm);
			break;
		case 7:
			if (env_rand() & 15)
				break;
			c.chip_id = env_rand() & 1;
			irqchip_get_state(vm, &c);
			((u8 *)&c.chip.pic)[env_rand() % sizeof(c.chip.pic)] = env_rand();
			irqchip_set_state(vm, &c);
			break;
		}
	}
	OK(true, "random accesses and lines");
	env_vm_free(vm);
}

int main(int argc, char **argv)
{
	env_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20261121;
	printf("# seed %llu\n", (unsigned long long)env_seed);
	test_basic();
	test_slave();
	test_rotation();
	test_modes();
	test_state();
	test_fuzz();
	EQ(env_live_allocs, 0, "no memory is lost");
	return tap_end();
}
