// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A kernel is started without firmware: what firmware would have done to the chipset and the PCI
 * devices is done here, by the same registers. All of the BIOS area is RAM, the interrupt links have
 * their lines, every BAR has an address (the largest of a kind first, so that none is wasted), and
 * the ACPI tables stand in the last 64 KiB of the first megabyte.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/pci/i440fx.h"
#include "devices/pci/piix4_pm.h"
#include "devices/storage/piix3_ide.h"
#include "host/machine/pc.h"
#include "host/report.h"

#define PIIX3_PIRQRC	0x60
#define I440FX_PAM0	0x59
#define PAM_RAM		0x33

#define IO_BASE		0xc000u
#define IO_END		0x10000u
#define MEM32_BASE	0xe0000000u
#define MEM32_END	0xfebfffffu
/* What is looked for comes first, then what it points at. */
#define ANCHOR_OFF	64	/* of SMBIOS, behind the RSDP */
#define TABLES_OFF	128


/* PIRQA to D. */
static const uint8_t link_irq[4] = { 10, 10, 11, 11 };

struct bar {
	unsigned int devfn, reg;
	bool io, wide;
	uint64_t len;
};

static void set(struct pc *pc, unsigned int devfn, unsigned int off, uint32_t val,
		unsigned int size)
{
	pci_config_write(pc->pci, 0, devfn, off, size, val);
}

static uint32_t get(struct pc *pc, unsigned int devfn, unsigned int off, unsigned int size)
{
	return pci_config_read(pc->pci, 0, devfn, off, size);
}

/* What size asks the register at @reg for, by the usual question; 0: it is none. */
static uint64_t bar_len(struct pc *pc, unsigned int devfn, unsigned int reg, bool *io, bool *wide)
{
	uint64_t mask;
	uint32_t low;

	set(pc, devfn, reg, ~0u, 4);
	low = get(pc, devfn, reg, 4);
	*io = low & 1;
	*wide = !*io && (low & 6) == 4;
	mask = low & (*io ? ~3u : ~15u);
	if (*wide) {
		set(pc, devfn, reg + 4, ~0u, 4);
		mask |= (uint64_t)get(pc, devfn, reg + 4, 4) << 32;
	} else {
		mask |= mask ? 0xffffffff00000000ull : 0;
	}
	return mask ? ~mask + 1 : 0;
}

static int larger_first(const void *a, const void *b)
{
	const struct bar *x = a, *y = b;

	return x->len < y->len ? 1 : x->len > y->len ? -1 : 0;
}

/* From @*next on, naturally aligned; false: no room before @end. */
static bool give(struct pc *pc, const struct bar *b, uint64_t *next, uint64_t end)
{
	uint64_t at = (*next + b->len - 1) & ~(b->len - 1);

	if (at + b->len > end || at + b->len < at)
		return false;
	set(pc, b->devfn, b->reg, (uint32_t)at, 4);
	if (b->wide)
		set(pc, b->devfn, b->reg + 4, (uint32_t)(at >> 32), 4);
	*next = at + b->len;
	return true;
}

static void place_bars(struct pc *pc, struct bar *bars, unsigned int n)
{
	uint64_t io = IO_BASE, mem = MEM32_BASE, high = pc->acpi.mmio64;
	unsigned int i;

	if (mem < pc->acpi.mmio32)
		mem = pc->acpi.mmio32;
	qsort(bars, n, sizeof(*bars), larger_first);
	for (i = 0; i < n; i++) {
		const struct bar *b = &bars[i];

		if (b->io ? give(pc, b, &io, IO_END)
			  : give(pc, b, &mem, MEM32_END + 1ull) ||
			    (b->wide && give(pc, b, &high, pc->acpi.mmio64_last)))
			continue;
		/* It stays without an address: the kernel finds it so, and may find room. */
		set(pc, b->devfn, b->reg, 0, 4);
		if (b->wide)
			set(pc, b->devfn, b->reg + 4, 0, 4);
	}
}

static void set_up_pci(struct pc *pc)
{
	struct bar bars[256 * PCI_BARS];
	unsigned int devfn, reg, pin, n = 0;
	struct bar b;

	for (devfn = 0; devfn < 256; devfn++) {
		if (!pci_at(pc->pci, devfn))
			continue;
		for (reg = PCI_BAR0; reg < PCI_BAR0 + 4 * PCI_BARS; reg += b.wide ? 8 : 4) {
			b = (struct bar){ .devfn = devfn, .reg = reg };
			b.len = bar_len(pc, devfn, reg, &b.io, &b.wide);
			if (b.len)
				bars[n++] = b;
		}
		pin = get(pc, devfn, PCI_INTERRUPT_PIN, 1);
		if (pin)
			set(pc, devfn, PCI_INTERRUPT_LINE,
			    devfn == DEVFN_PM ? IRQ_SCI
					      : link_irq[((devfn >> 3) + pin + 2) % 4], 1);
	}
	place_bars(pc, bars, n);
	for (devfn = 0; devfn < 256; devfn++)
		if (pci_at(pc->pci, devfn))
			set(pc, devfn, PCI_COMMAND,
			    get(pc, devfn, PCI_COMMAND, 2) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
}

static void set_up_chipset(struct pc *pc)
{
	unsigned int i;

	for (i = 0; i < 7; i++)
		set(pc, DEVFN_HOST, I440FX_PAM0 + i, PAM_RAM, 1);
	for (i = 0; i < 4; i++)
		set(pc, DEVFN_ISA, PIIX3_PIRQRC + i, link_irq[i], 1);
	/* Both IDE channels decode their ports. */
	set(pc, DEVFN_IDE, PIIX3_IDE_IDETIM, 0x80008000, 4);
	set(pc, DEVFN_PM, PIIX4_PM_PMBA, PM_BASE, 4);
	set(pc, DEVFN_PM, PIIX4_PM_PMREGMISC, 1, 1);
}

void pc_direct(struct pc *pc)
{
	const struct acpi_buf *tables = &pc->tables.buf[ACPI_FILE_TABLES];
	const struct acpi_buf *rsdp = &pc->tables.buf[ACPI_FILE_RSDP];
	uint64_t smbios;

	bus_begin(pc->bus);
	set_up_chipset(pc);
	set_up_pci(pc);
	bus_commit(pc->bus);
	pc_make_tables(pc);
	smbios = ACPI_BASE + TABLES_OFF + ((tables->len + 15) & ~15ull);
	if (smbios + pc->smbios.len > ACPI_END)
		die("-smp %u: the ACPI tables of so many CPUs do not fit below 1 MiB; ask for fewer",
		    pc->cfg->smp.cpus);
	acpi_place(&pc->tables, ACPI_BASE + TABLES_OFF);
	smbios_place(&pc->smbios, (uint32_t)smbios);
	ram_write(pc->vm, ACPI_BASE, rsdp->data, rsdp->len);
	ram_write(pc->vm, ACPI_BASE + ANCHOR_OFF, pc->smbios.anchor, SMBIOS_ANCHOR_LEN);
	ram_write(pc->vm, ACPI_BASE + TABLES_OFF, tables->data, tables->len);
	ram_write(pc->vm, smbios, pc->smbios.data, pc->smbios.len);
}
