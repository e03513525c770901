// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Commands about interrupts: the lines, as devices drive them, and the controllers, which are the
 * accelerator's (Intel 8259A; 82093AA I/O APIC).
 */
#include <inttypes.h>
#include <linux/kvm.h>

#include "host/machine/machine.h"
#include "host/monitor/monitor.h"

#define IOAPIC_VERSION 0x11u

/* --- info irq --- */

/* What the lines of @dev at @gsi have done. */
static void print_lines(struct call *c, const struct device *dev, int gsi)
{
	unsigned int i;

	for (i = 0; i < dev->cls->nr_irqs; i++)
		if (dev->irq[i].gsi == gsi && dev->irq[i].raised)
			call_print(c, "GSI %3d: %s: raised %" PRIu64 " times%s\n", gsi,
				   dev->id ? dev->id : dev->cls->name, dev->irq[i].raised,
				   dev->irq[i].level ? ", up" : "");
}

static struct json_object *run_irq(struct call *c)
{
	struct device *dev;
	int gsi;

	for (gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++)
		for (dev = bus_devices(machine_bus()); dev; dev = dev->next)
			print_lines(c, dev, gsi);
	call_print(c, "messages (MSI): %" PRIu64 "\n", bus_messages(machine_bus()));
	return NULL;
}

/* --- info pic --- */

static void get_chip(unsigned int id, struct kvm_irqchip *chip)
{
	*chip = (struct kvm_irqchip){ .chip_id = id };
	vm_must(machine_vm(), KVM_GET_IRQCHIP, chip, "KVM_GET_IRQCHIP");
}

static void print_pic(struct call *c, unsigned int id)
{
	struct kvm_irqchip chip;
	const struct kvm_pic_state *s = &chip.chip.pic;

	get_chip(id, &chip);
	call_print(c,
		   "pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u elcr=%02x fnm=%u\n",
		   id, s->irr, s->imr, s->isr, s->priority_add, s->irq_base, s->read_reg_select,
		   s->elcr, s->special_fully_nested_mode);
}

static void print_pin(struct call *c, unsigned int pin, uint64_t bits)
{
	static const char *const modes[] = { "fixed", "lowest", "SMI", "3", "NMI", "INIT", "6", "ExtINT" };

	call_print(c, "  pin %2u %016" PRIx64 " vector %3u %s to %s %u, %s, %s%s%s%s\n", pin, bits,
		   (unsigned int)(bits & 0xff), modes[bits >> 8 & 7],
		   bits & 1 << 11 ? "logical" : "physical", (unsigned int)(bits >> 56),
		   bits & 1 << 13 ? "active low" : "active high", bits & 1 << 15 ? "level" : "edge",
		   bits & 1 << 12 ? ", pending" : "", bits & 1 << 14 ? ", remote IRR" : "",
		   bits & 1 << 16 ? ", masked" : "");
}

static struct json_object *run_pic(struct call *c)
{
	struct kvm_irqchip chip;
	unsigned int pin;

	machine_hold();
	get_chip(KVM_IRQCHIP_IOAPIC, &chip);
	call_print(c, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x irr=%06x\n", IOAPIC_VERSION,
		   chip.chip.ioapic.id, chip.chip.ioapic.ioregsel, chip.chip.ioapic.irr);
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		print_pin(c, pin, chip.chip.ioapic.redirtbl[pin].bits);
	print_pic(c, KVM_IRQCHIP_PIC_SLAVE);
	print_pic(c, KVM_IRQCHIP_PIC_MASTER);
	machine_release();
	return NULL;
}

static const struct command irq_commands[] = {
	{ .hmp = "info irq", .help = "how often devices have raised each interrupt line", .run = run_irq },
	{ .hmp = "info pic", .help = "the interrupt controllers", .run = run_pic },
};
COMMANDS_REGISTER(irq_commands);
