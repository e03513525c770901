/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The I/O APIC: edges, levels, Remote IRR, EOI with notifiers, registers, state. */
#include "chips_env.h"

#define LEVEL 0x8000
#define MASKED 0x10000

static struct vm *vm;
static struct vcpu *v;

static void machine(u32 n)
{
	vm = env_vm(VM_IRQCHIP_KERNEL, n, NULL);
	v = vm->vcpus[0];
	for (u32 i = 0; i < n; i++) {
		env_set_apic(vm->vcpus[i], 0xf0, 0x1ff);
		env_set_apic(vm->vcpus[i], 0x350, 0x10000);
	}
	/* The 8259s stay out of this. */
	env_outb(v, 0x21, 0xff);
	env_outb(v, 0xa1, 0xff);
}

static int line(u32 gsi, int level)
{
	return vm_set_irq(vm, IRQ_SOURCE_USER, gsi, level, true);
}

static u64 redir(u32 pin)
{
	return env_ioapic(v, 0x10 + pin * 2) | (u64)env_ioapic(v, 0x11 + pin * 2) << 32;
}

static void eoi(void) { env_set_apic(v, 0xb0, 0); }

static void test_registers(void)
{
	machine(1);
	EQ(env_ioapic(v, 1), 0x170011, "version: 24 pins");
	EQ(env_rd(v, 0xfec00000), 1, "IOREGSEL reads back");
	env_set_ioapic(v, 0, 0xffffffff);
	EQ(env_ioapic(v, 0), 0x0f000000, "ID: 4 bits");
	EQ(redir(23), MASKED, "reset: masked");
	env_redir(v, 5, ~0ull);
	EQ(redir(5), 0xff0000000001afff, "what can be written of an entry");
	EQ(env_ioapic(v, 0x40), 0xffffffff, "no register there");
	env_set_ioapic(v, 0x40, 5);
	env_set_ioapic(v, 0xff, 5);
	EQ(env_rd(v, 0xfec00020), 0, "nor there");
	EQ(line(24, 1), (u64)-1, "no such GSI");
	EQ(ioapic_set_line(vm, 24, 0, 1), -1, "no such pin");
	env_vm_free(vm);
}

static void test_edge(void)
{
	machine(2);
	env_redir(v, 20, 0x50 | 1ull << 56);
	EQ(line(20, 1), 1, "edge: delivered");
	EQ(vm->vcpus[1]->lapic->irr[1], BIT_ULL(0x50 - 64), "to its destination");
	EQ(line(20, 1), 0, "the line was high");
	EQ(vcpu_get_interrupt(vm->vcpus[1]), 0x50, "taken");
	EQ(line(20, 0), 1, "low");
	EQ(line(20, 1), 1, "the next edge");
	line(20, 0);
	EQ(line(20, 1), 0, "coalesced in IRR");
	line(20, 0);
	env_redir(v, 20, MASKED | 0x50 | 1ull << 56);
	vcpu_get_interrupt(vm->vcpus[1]);
	EQ(line(20, 1), (u64)-1, "masked: ignored");
	env_redir(v, 20, 0x50 | 1ull << 56);
	OK(!vcpu_has_interrupt(vm->vcpus[1]), "and lost");
	EQ(vm_set_irq(vm, IRQ_SOURCE_RESAMPLE, 20, 1, false), 0, "a second source on a high line");
	line(20, 0);
	EQ(vm_set_irq(vm, IRQ_SOURCE_USER, 20, 1, false), 0, "the first still holds it");
	env_redir(v, 21, 0x51 | 9ull << 56);
	EQ(line(21, 1), (u64)-1, "nobody there");
	env_vm_free(vm);
}

static void test_level(void)
{
	machine(1);
	env_redir(v, 20, LEVEL | 0x50);
	EQ(line(20, 1), 1, "level: delivered");
	EQ(redir(20) & 0x4000, 0x4000, "Remote IRR");
	EQ(line(20, 1), (u64)-1, "not again while it is set");
	EQ(vcpu_get_interrupt(v), 0x50, "taken");
	OK(!vcpu_has_interrupt(v), "once");
	eoi();
	EQ(vcpu_get_interrupt(v), 0x50, "still high at EOI: again");
	EQ(env_acked[20], 1, "the acknowledgement was told");
	line(20, 0);
	eoi();
	EQ(redir(20) & 0x4000, 0, "low at EOI: idle");
	OK(!vcpu_has_interrupt(v), "nothing more");

	env_redir(v, 20, MASKED | LEVEL | 0x50);
	EQ(line(20, 1), (u64)-1, "masked");
	env_redir(v, 20, LEVEL | 0x50);
	EQ(vcpu_get_interrupt(v), 0x50, "unmasked while high: delivered");
	/* Guests end it by hand: edge, then level again. */
	env_redir(v, 20, MASKED | 0x50);
	EQ(redir(20) & 0x4000, 0, "edge clears Remote IRR");
	env_redir(v, 20, LEVEL | 0x50);
	eoi();
	EQ(vcpu_get_interrupt(v), 0x50, "and level sends again");
	line(20, 0);
	eoi();

	/* Two pins with one vector. */
	env_redir(v, 20, LEVEL | 0x50);
	env_redir(v, 21, LEVEL | 0x50);
	line(20, 1);
	line(21, 1);
	EQ(vcpu_get_interrupt(v), 0x50, "a shared vector");
	line(20, 0);
	eoi();
	EQ(vcpu_get_interrupt(v), 0x50, "the other pin is not forgotten");
	line(21, 0);
	eoi();
	OK(!vcpu_has_interrupt(v), "quiet");

	/* A resampler lowers the line in the acknowledgement. */
	env_lower_on_ack = 20;
	EQ(vm_set_irq(vm, IRQ_SOURCE_RESAMPLE, 20, 1, false), 1, "resample: raised");
	vcpu_get_interrupt(v);
	eoi();
	OK(!vcpu_has_interrupt(v), "lowered before it is looked at again");
	env_lower_on_ack = -1;
	env_vm_free(vm);
}

static void test_modes(void)
{
	machine(2);
	env_redir(v, 3, 0x400 | 1ull << 56);
	EQ(line(3, 1), 1, "NMI by a pin");
	lapic_accept_events(vm->vcpus[1]);
	EQ(vm->vcpus[1]->nmi_pending, 1, "arrives");
	env_set_apic(v, 0xd0, 1 << 24);
	env_set_apic(vm->vcpus[1], 0xd0, 2 << 24);
	env_redir(v, 4, 0x950 | 3ull << 56);
	EQ(line(4, 1), 1, "lowest priority: one of two");
	env_redir(v, 6, 0x852 | 3ull << 56);
	EQ(line(6, 1), 2, "fixed logical: both");
	env_redir(v, 7, 0x705 | 1ull << 56);
	EQ(line(7, 1), 0, "ExtINT by a pin is not built");
	env_route_msi(30, 0xfee01000, 0, 0x61);
	EQ(line(30, 1), 1, "a GSI that is a message");
	EQ(line(30, 0), (u64)-1, "has no low level");
	struct kvm_irq_routing_entry e = { .type = KVM_IRQ_ROUTING_IRQCHIP };

	e.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	e.u.irqchip.pin = 24;
	EQ(irq_check_route(vm, &e), -EINVAL, "route to pin 24");
	e.u.irqchip.pin = 23;
	EQ(irq_check_route(vm, &e), 0, "route to pin 23");
	e.u.irqchip.irqchip = 3;
	EQ(irq_check_route(vm, &e), -EINVAL, "route to no chip");
	e.type = KVM_IRQ_ROUTING_HV_SINT;
	EQ(irq_check_route(vm, &e), -EINVAL, "a type that is not built");
	env_vm_free(vm);
}

static void test_state(void)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC }, d = c;

	machine(1);
	env_redir(v, 20, LEVEL | 0x50);
	env_redir(v, 21, 0x51);
	env_redir(v, 22, LEVEL | MASKED | 0x52);
	line(20, 1);
	line(21, 1);
	line(22, 1);
	EQ(irqchip_get_state(vm, &c), 0, "get");
	EQ(c.chip.ioapic.irr, BIT(20) | BIT(22), "levels that are high");
	EQ(c.chip.ioapic.base_address, 0xfec00000, "base");
	env_vm_free(vm);
	machine(1);
	EQ(irqchip_set_state(vm, &c), 0, "set");
	irqchip_get_state(vm, &d);
	OK(!memcmp(&c, &d, sizeof(c)), "comes back as it was");
	OK(!vcpu_has_interrupt(v), "with Remote IRR nothing is sent twice");
	env_redir(v, 22, LEVEL | 0x52);
	EQ(vcpu_get_interrupt(v), 0x52, "a pending level is there when unmasked");
	c.chip_id = 3;
	EQ(irqchip_get_state(vm, &c), -EINVAL, "no such chip");
	EQ(irqchip_set_state(vm, &c), -EINVAL, "no such chip to set");
	env_vm_free(vm);
}

static void test_fuzz(void)
{
	struct kvm_irqchip c;

	machine(3);
	pit_create(vm, 0);
	for (u32 i = 0; i < 200000; i++) {
		struct vcpu *o = vm->vcpus[env_rand() % 3];
		u64 r = env_rand() >> (env_rand() & 63);
		u32 len = 1 << (env_rand() & 3);
		u8 buf[8];

		memcpy(buf, &r, 8);
		switch (env_rand() % 8) {
		case 0:
		case 1:
			env_set_ioapic(o, env_rand() & 0x4f, r);
			break;
		case 2:
			vm_io_write(o, IO_BUS_MMIO, 0xfec00000 + env_rand() % 256, len, buf);
			break;
		case 3:
			vm_io_read(o, IO_BUS_MMIO, 0xfec00000 + env_rand() % 256, len, buf);
			break;
		case 4:
			vm_set_irq(vm, env_rand() % 3, env_rand() % 26, env_rand() & 1, false);
			break;
		case 5:
			env_set_apic(o, 0xb0, 0);
			break;
		case 6:
			vcpu_get_interrupt(o);
			lapic_accept_events(o);
			break;
		case 7:
			c.chip_id = KVM_IRQCHIP_IOAPIC;
			irqchip_get_state(vm, &c);
			((u8 *)&c.chip.ioapic)[env_rand() % sizeof(c.chip.ioapic)] = env_rand();
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
	test_registers();
	test_edge();
	test_level();
	test_modes();
	test_state();
	test_fuzz();
	EQ(env_live_allocs, 0, "no memory is lost");
	return tap_end();
}
