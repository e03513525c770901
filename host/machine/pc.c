// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The PC's board: 82441FX and PIIX3 with what is always there, where it stands and which interrupt
 * line it has. The interrupt controllers and the timer are the accelerator's. What firmware is told
 * is in firmware.c, what is done without one in direct.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "devices/pc/fw_cfg.h"
#include "devices/pc/hpet.h"
#include "devices/pc/isa_dma.h"
#include "devices/pc/rtc.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/piix3.h"
#include "devices/pci/piix4_pm.h"
#include "devices/storage/fdc82077.h"
#include "host/block/drive.h"
#include "host/chardev.h"
#include "host/cpuid.h"
#include "host/device_option.h"
#include "host/machine/machine.h"
#include "host/machine/pc.h"
#include "host/machine/pc_options.h"
#include "host/report.h"

#define PORT_DMA_LOW	0x00
#define PORT_DMA_PAGES	0x80
#define PORT_DMA_HIGH	0xc0
#define PORT_I8042_DATA	0x60
#define PORT_I8042_CMD	0x64
#define PORT_RTC	0x70
#define PORT_92		0x92
#define PORT_APM	0xb2
#define PORT_FW_CFG	0x510
#define PORT_FW_CFG_DMA	0x514
#define PORT_CONFIG	0xcf8
#define PORT_FDC	0x3f0
#define PORT_FDC_DIR	0x3f7
#define PORT_CF9	0xcf9

#define IRQ_KEYBOARD	1
#define IRQ_FLOPPY	6
#define IRQ_RTC		8
#define IRQ_MOUSE	12

#define DMA_FLOPPY	2

#define PIIX3_PIRQRC	0x60
#define CF9_RESET_VALUE	0x06	/* system reset, now */

#define GIB (1ull << 30)

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

/* --- memory --- */

static void map_ram(struct pc *pc)
{
	const struct vm *vm = pc->vm;
	uint64_t shadow_end = I440FX_SHADOW_BASE + I440FX_SHADOW_LEN;

	/* The BIOS area is the host bridge's to show. */
	bus_memory(pc->bus, "ram below 640K", 0, VGA_BASE, vm->ram, false, PRIO_RAM);
	bus_memory(pc->bus, "ram", shadow_end, vm->low_size - shadow_end, vm->ram + shadow_end,
		   false, PRIO_RAM);
	bus_memory(pc->bus, "ram above 4G", HIGH_RAM_BASE, vm->high_size, vm->ram + vm->low_size,
		   false, PRIO_RAM);
}

/* --- PCI --- */

static void set_intx(void *arg, unsigned int slot, unsigned int pin, bool level)
{
	struct pc *pc = arg;
	unsigned int n = (slot + pin + 3) % PIIX3_PIRQS;
	uint32_t before = pc->pirq[n];

	if (level)
		pc->pirq[n] |= 1u << slot;
	else
		pc->pirq[n] &= ~(1u << slot);
	if (!before != !pc->pirq[n])
		piix3_set_pirq(pc->isa, n, pc->pirq[n] != 0);
}

static struct device *button;

static void press_power_button(void)
{
	piix4_pm_power_button(button);
}

static const struct pci_bus_ops pci_ops = { .set_intx = set_intx };

struct device *pc_create_pci(struct pc *pc, const char *name, int devfn)
{
	struct device *dev = device_create(pc->bus, name);
	const char *wrong = pci_place(pc->pci, dev, devfn);

	if (wrong)
		die("device %s: %s", name, wrong);
	return dev;
}

static void make_vga(struct pc *pc)
{
	static const char *const names[] = { [VGA_STD] = "VGA", [VGA_CIRRUS] = "cirrus-vga" };

	if (pc_options.vga == VGA_NONE || (pc_options.nodefaults && !pc_options.vga_given))
		return;
	device_realize(pc_create_pci(pc, names[pc_options.vga], DEVFN_VGA));
	pc->vga = true;
}

static void make_chipset(struct pc *pc)
{
	unsigned int i;

	pc->pci = pci_bus_create(pc->bus, &pci_ops, pc);
	pc->isa = pc_create_pci(pc, "piix3", DEVFN_ISA);
	device_realize(pc->isa);
	for (i = 0; i < 16; i++)
		device_connect_irq(pc->isa, i, i);

	pc->host = pc_create_pci(pc, "i440fx", DEVFN_HOST);
	i440fx_set_memory(pc->host, pc->vm->ram + I440FX_SHADOW_BASE,
			  pc->bios ? pc->bios + pc->bios_len - I440FX_ROM_LEN : NULL);
	i440fx_set_isa(pc->host, pc->isa, PIIX3_REGION_RESET);
	device_realize(pc->host);
	device_map(pc->host, I440FX_REGION_CONFIG, PORT_CONFIG);

	pc->pm = pc_create_pci(pc, "piix4-pm", DEVFN_PM);
	device_realize(pc->pm);
	device_map(pc->pm, PIIX4_PM_REGION_APM, PORT_APM);
	device_connect_irq(pc->pm, 0, IRQ_SCI);
	button = pc->pm;
	machine_power_button = press_power_button;
}

/* --- ISA --- */

static void tell_acpi(struct pc *pc, struct acpi_device d)
{
	if (pc->nr_isa_devices == PC_MAX_ISA)
		die("more than %d devices on the ISA bus", PC_MAX_ISA);
	pc->isa_device[pc->nr_isa_devices++] = d;
}

static void make_serial(struct pc *pc, unsigned int n)
{
	const struct serial_port *at = &serial_ports[n];
	struct chardev *chr = chardev_open("-serial", pc->cfg->serial[n], at->name);
	struct device *dev;

	/* "none" takes the port out of the machine. */
	if (!chr)
		return;
	dev = device_create(pc->bus, "uart16550");
	device_set_ptr(dev, "chardev", chr);
	device_realize(dev);
	device_map(dev, 0, at->port);
	device_connect_irq(dev, 0, at->irq);
	tell_acpi(pc, (struct acpi_device){ at->acpi_name, "PNP0501", n + 1, { { at->port, 8 } },
					    at->irq });
}

static void make_debugcon(struct pc *pc)
{
	struct chardev *chr = chardev_open("-debugcon", pc_options.debugcon, "debugcon");
	struct device *dev;

	if (!chr)
		return;
	dev = device_create(pc->bus, "isa-debugcon");
	device_set_ptr(dev, "chardev", chr);
	device_realize(dev);
}

static void make_floppies(struct pc *pc)
{
	struct isa_dma line = { pc->dma, DMA_FLOPPY };
	struct device *dev = device_create(pc->bus, "isa-fdc");
	static const char *const props[] = { "driveA", "driveB" };
	const struct drive *d;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(props); n++) {
		d = drive_at(DRIVE_FLOPPY, 0, n);
		if (d)
			device_set_ptr(dev, props[n], d->blk);
	}
	fdc_set_dma(dev, &line);
	device_realize(dev);
	device_map(dev, FDC_REGION_BASE, PORT_FDC);
	device_map(dev, FDC_REGION_DIR, PORT_FDC_DIR);
	device_connect_irq(dev, 0, IRQ_FLOPPY);
	pc->fdc = dev;
	tell_acpi(pc, (struct acpi_device){ "FDC0", "PNP0700", 0,
					    { { PORT_FDC, 6 }, { PORT_FDC_DIR, 1 } }, IRQ_FLOPPY,
					    true, DMA_FLOPPY });
}

/* The places of the timer and the clock are the HPET's, or theirs again. */
static void replace_legacy(void *arg, bool replaced)
{
	struct pc *pc = arg;

	vm_replace_pit(pc->vm, replaced);
	device_disconnect_irq(pc->rtc, 0);
	if (!replaced)
		device_connect_irq(pc->rtc, 0, IRQ_RTC);
}

static void make_hpet(struct pc *pc)
{
	struct device *dev = device_create(pc->bus, "hpet");
	unsigned int n;

	hpet_set_legacy(dev, replace_legacy, pc);
	device_realize(dev);
	device_map(dev, 0, HPET_BASE);
	/* Input 2 of the I/O APIC is where request 0 comes in. */
	for (n = 2; n < HPET_ROUTES; n++)
		device_connect_irq(dev, n, n == 2 ? 0 : n);
}

static void make_isa(struct pc *pc)
{
	struct device *dev;
	unsigned int i;

	pc->dma = device_create(pc->bus, "i8257");
	device_realize(pc->dma);
	device_map(pc->dma, I8257_REGION_LOW, PORT_DMA_LOW);
	device_map(pc->dma, I8257_REGION_HIGH, PORT_DMA_HIGH);
	device_map(pc->dma, I8257_REGION_PAGES, PORT_DMA_PAGES);

	pc->rtc = device_create(pc->bus, "rtc");
	rtc_set_clock(pc->rtc, pc_options.rtc_clock, pc_rtc_ahead());
	make_floppies(pc);
	device_set_u64(pc->rtc, "ram-below-4g", pc->vm->low_size);
	device_set_u64(pc->rtc, "ram-above-4g", pc->vm->high_size);
	device_realize(pc->rtc);
	device_map(pc->rtc, 0, PORT_RTC);
	device_connect_irq(pc->rtc, 0, IRQ_RTC);
	make_hpet(pc);
	tell_acpi(pc, (struct acpi_device){ "RTC0", "PNP0B00", 0, { { PORT_RTC, 2 } }, IRQ_RTC });

	dev = device_create(pc->bus, "i8042");
	device_realize(dev);
	device_map(dev, 0, PORT_I8042_DATA);
	device_map(dev, 1, PORT_I8042_CMD);
	device_connect_irq(dev, 0, IRQ_KEYBOARD);
	device_connect_irq(dev, 1, IRQ_MOUSE);
	tell_acpi(pc, (struct acpi_device){ "KBD_", "PNP0303", 0,
					    { { PORT_I8042_DATA, 1 }, { PORT_I8042_CMD, 1 } },
					    IRQ_KEYBOARD });
	tell_acpi(pc, (struct acpi_device){ "MOU_", "PNP0F13", 0, { { 0 } }, IRQ_MOUSE });

	dev = device_create(pc->bus, "port92");
	device_realize(dev);
	device_map(dev, 0, PORT_92);

	for (i = 0; i < pc->cfg->nr_serial; i++)
		make_serial(pc, i);

	if (pc_options.debugcon)
		make_debugcon(pc);

	pc->fw_cfg = device_create(pc->bus, "fw_cfg");
	device_realize(pc->fw_cfg);
	device_map(pc->fw_cfg, FW_CFG_REGION_IO, PORT_FW_CFG);
	device_map(pc->fw_cfg, FW_CFG_REGION_DMA, PORT_FW_CFG_DMA);
}

/* --- tables --- */

static uint32_t apic_id(void *arg, unsigned int cpu)
{
	return cpu_apic_id(arg, cpu);
}

static void describe(struct pc *pc)
{
	const struct vm *vm = pc->vm;
	uint64_t top = HIGH_RAM_BASE + vm->high_size;
	uint64_t last = pc->phys_bits < 64 ? (1ull << pc->phys_bits) - 1 : UINT64_MAX;

	pc->acpi = (struct acpi_machine){
		.cpus = pc->cfg->smp.cpus,
		.apic_id = apic_id,
		.arg = (void *)(uintptr_t)&pc->cfg->smp,
		.lapic = LAPIC_BASE,
		.ioapic = IOAPIC_BASE,
		.sci = IRQ_SCI,
		.s5_type = PIIX4_PM_SOFT_OFF,
		.reset_port = PORT_CF9,
		.reset_value = CF9_RESET_VALUE,
		.mmio32 = vm->low_size,
		.mmio32_last = IOAPIC_BASE - 1,
		.mmio64 = (top + GIB - 1) & ~(GIB - 1),
		.mmio64_last = last,
		.i8042 = true,
		.vga = pc->vga,
		.hpet = HPET_BASE,
		.hpet_id = HPET_ID,
		.isa_devfn = DEVFN_ISA,
		.pirqrc = PIIX3_PIRQRC,
		.devices = pc->isa_device,
		.nr_devices = pc->nr_isa_devices,
		.virtio_mmio = pc->virtio_mmio,
		.nr_virtio_mmio = pc->nr_virtio_mmio,
	};
}

/* Firmware has its own mind where the power management block goes. */
void pc_make_tables(struct pc *pc)
{
	uint16_t pm = piix4_pm_base(pc->pm);

	pc->acpi.pm_event = (uint16_t)(pm + PIIX4_PM_EVENT);
	pc->acpi.pm_control = (uint16_t)(pm + PIIX4_PM_CONTROL);
	pc->acpi.pm_timer = (uint16_t)(pm + PIIX4_PM_TIMER);
	pc->acpi.pm_gpe0 = (uint16_t)(pm + PIIX4_PM_GPE0);
	acpi_build(&pc->tables, &pc->acpi);
}

void pc_build(struct pc *pc, struct bus *bus, const struct vm *vm, const struct config *cfg,
	      unsigned int phys_bits)
{
	*pc = (struct pc){ .bus = bus, .vm = vm, .cfg = cfg, .phys_bits = phys_bits };
	bus_begin(bus);
	map_ram(pc);
	pc_load_bios(pc);
	make_chipset(pc);
	make_isa(pc);
	make_vga(pc);
	pc_make_storage(pc);
	user_devices_create(bus, pc->pci);
	pc_place_virtio_mmio(pc);
	bus_commit(bus);
}

void pc_finish(struct pc *pc, const struct boot *boot)
{
	describe(pc);
	pc_make_tables(pc);
	smbios_build(&pc->smbios, pc->cfg, !pc->bios);
	pc_fill_fw_cfg(pc, boot);
}

/* When the bus with all devices is gone. */
void pc_destroy(struct pc *pc)
{
	pci_bus_destroy(pc->pci);
}
