// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The PC's board: addresses, interrupt lines and ACPI tables. The interrupt controllers and the
 * timer are the accelerator's; what stands here is all the rest that this machine has.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host/acpi/tables.h"
#include "host/boot/boot.h"
#include "host/chardev.h"
#include "host/cpuid.h"
#include "host/device_option.h"
#include "host/machine/pc.h"
#include "host/report.h"

#define IOAPIC_BASE	0xfec00000u
#define LAPIC_BASE	0xfee00000u

#define PORT_I8042_DATA	0x60
#define PORT_I8042_CMD	0x64
#define PORT_RTC	0x70
#define PORT_92		0x92
#define PORT_PM_EVENT	0x600
#define PORT_PM_CONTROL	0x604
#define PORT_PM_TIMER	0x608
#define PORT_CF9	0xcf9

#define IRQ_KEYBOARD	1
#define IRQ_RTC		8
#define IRQ_SCI		9

#define S5_TYPE		5
#define CF9_RESET_VALUE	0x0e	/* full, system and CPU reset */

static const struct serial_port {
	const char *acpi_name, *name;
	uint16_t port;
	unsigned int irq;
} serial_ports[MAX_SERIAL] = {
	{ "COM1", "serial0", 0x3f8, 4 },
	{ "COM2", "serial1", 0x2f8, 3 },
	{ "COM3", "serial2", 0x3e8, 4 },
	{ "COM4", "serial3", 0x2e8, 3 },
};

/* Returns whether the port exists at all ("none" takes it out of the machine). */
static bool make_serial(struct bus *bus, const struct serial_port *at, const char *spec)
{
	struct chardev *chr = chardev_open("-serial", spec, at->name);
	struct device *dev;

	if (!chr)
		return false;
	dev = device_create(bus, "uart16550");
	device_set_ptr(dev, "chardev", chr);
	device_realize(dev);
	device_map(dev, 0, at->port);
	device_connect_irq(dev, 0, at->irq);
	return true;
}

static void map_ram(struct bus *bus, const struct vm *vm)
{
	uint64_t below = vm->low_size < VGA_BASE ? vm->low_size : VGA_BASE;

	bus_memory(bus, "ram below 640K", 0, below, vm->ram, false, PRIO_RAM);
	if (vm->low_size > VGA_END)
		bus_memory(bus, "ram", VGA_END, vm->low_size - VGA_END, vm->ram + VGA_END, false,
			   PRIO_RAM);
	bus_memory(bus, "ram above 4G", HIGH_RAM_BASE, vm->high_size, vm->ram + vm->low_size,
		   false, PRIO_RAM);
}

static void make_fixed(struct bus *bus, const struct vm *vm)
{
	struct device *dev;

	dev = device_create(bus, "rtc");
	device_set_u64(dev, "ram-below-4g", vm->low_size);
	device_set_u64(dev, "ram-above-4g", vm->high_size);
	device_realize(dev);
	device_map(dev, 0, PORT_RTC);
	device_connect_irq(dev, 0, IRQ_RTC);

	dev = device_create(bus, "i8042");
	device_realize(dev);
	device_map(dev, 0, PORT_I8042_DATA);
	device_map(dev, 1, PORT_I8042_CMD);
	device_connect_irq(dev, 0, IRQ_KEYBOARD);

	dev = device_create(bus, "reset-ports");
	device_realize(dev);
	device_map(dev, 0, PORT_92);
	device_map(dev, 1, PORT_CF9);

	dev = device_create(bus, "acpi-pm");
	device_set_u64(dev, "s5-type", S5_TYPE);
	device_realize(dev);
	device_map(dev, 0, PORT_PM_EVENT);
	device_map(dev, 1, PORT_PM_CONTROL);
	device_map(dev, 2, PORT_PM_TIMER);
	device_connect_irq(dev, 0, IRQ_SCI);
}

static uint32_t apic_id(void *arg, unsigned int cpu)
{
	return cpu_apic_id(arg, cpu);
}

static void make_tables(struct pc *pc, const struct config *cfg, const struct acpi_device *devices,
			unsigned int nr_devices)
{
	const struct acpi_machine m = {
		.cpus = cfg->smp.cpus,
		.apic_id = apic_id,
		.arg = (void *)(uintptr_t)&cfg->smp,
		.lapic = LAPIC_BASE,
		.ioapic = IOAPIC_BASE,
		.pm_event = PORT_PM_EVENT,
		.pm_control = PORT_PM_CONTROL,
		.pm_timer = PORT_PM_TIMER,
		.sci = IRQ_SCI,
		.s5_type = S5_TYPE,
		.reset_port = PORT_CF9,
		.reset_value = CF9_RESET_VALUE,
		.devices = devices,
		.nr_devices = nr_devices,
	};
	const char *dump = getenv("ANYKVM_DUMP_ACPI");
	FILE *f;

	pc->rsdp = ACPI_BASE;
	pc->tables = malloc(ACPI_END - ACPI_BASE);
	if (!pc->tables)
		die("out of memory for the ACPI tables");
	pc->tables_len = acpi_build(&m, pc->rsdp, pc->tables, ACPI_END - ACPI_BASE);
	if (!pc->tables_len)
		die("the ACPI tables of %u CPUs do not fit below 1 MiB", cfg->smp.cpus);
	/* For tests: the tables as the guest will find them. */
	if (dump && (f = fopen(dump, "wbe"))) {
		fwrite(pc->tables, 1, pc->tables_len, f);
		fclose(f);
	}
}

void pc_build(struct pc *pc, struct bus *bus, const struct vm *vm, const struct config *cfg)
{
	struct acpi_device devices[MAX_SERIAL + 1];
	unsigned int i, n = 0;

	map_ram(bus, vm);
	devices[n++] = (struct acpi_device){ "RTC0", "PNP0B00", 0, PORT_RTC, 2, IRQ_RTC };
	for (i = 0; i < cfg->nr_serial; i++) {
		const struct serial_port *at = &serial_ports[i];

		if (make_serial(bus, at, cfg->serial[i]))
			devices[n++] = (struct acpi_device){ at->acpi_name, "PNP0501", i + 1, at->port,
							     8, at->irq };
	}
	make_fixed(bus, vm);
	user_devices_create(bus, NULL);
	make_tables(pc, cfg, devices, n);
}

void pc_write_tables(const struct pc *pc, const struct vm *vm)
{
	ram_write(vm, pc->rsdp, pc->tables, pc->tables_len);
}
