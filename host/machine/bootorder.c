// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The boot order in firmware's words: fw_cfg's "bootorder", a line a device, by the names that Open
 * Firmware gives to devices (IEEE 1275, PCI Bus Binding), which SeaBIOS and OVMF look for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "devices/virtio/virtio_mmio.h"
#include "host/boot/rom.h"
#include "host/machine/pc.h"
#include "host/machine/pc_options.h"
#include "host/report.h"

#define PCI_ROOT	"/pci@i0cf8"
#define PORT_FDC	0x3f0
/* After the last line: what has none is not tried. */
#define STRICT_END	"HALT\n"

/* The binding's generic names, by PCI class and subclass. */
static const struct {
	uint16_t class;
	const char *name;
} pci_names[] = {
	{ 0x0100, "scsi" }, { 0x0101, "ide" }, { 0x0102, "fdc" }, { 0x0106, "sata" },
	{ 0x0200, "ethernet" }, { 0x0300, "display" }, { 0x0601, "isa" },
};

static void put_pci(FILE *out, const struct pci_device *p)
{
	uint32_t class = p->dev.cls->pci->class >> 8;
	unsigned int i, slot = (unsigned int)p->devfn >> 3, fn = (unsigned int)p->devfn & 7;

	for (i = 0; i < ARRAY_SIZE(pci_names); i++)
		if (pci_names[i].class == class)
			break;
	if (i < ARRAY_SIZE(pci_names))
		fprintf(out, PCI_ROOT "/%s@%x", pci_names[i].name, slot);
	else
		fprintf(out, PCI_ROOT "/pci%04x,%04x@%x", p->dev.cls->pci->vendor,
			p->dev.cls->pci->device, slot);
	if (fn)
		fprintf(out, ",%x", fn);
}

static void put_device(FILE *out, const struct pc *pc, const struct device *dev)
{
	while (dev->parent)
		dev = dev->parent;
	if (dev->cls->pci) {
		put_pci(out, (const struct pci_device *)dev);
	} else if (is_virtio_mmio(dev)) {
		fprintf(out, "/virtio-mmio@%016x", pc_virtio_mmio_base(dev));
	} else if (dev == pc->fdc) {
		put_pci(out, (const struct pci_device *)pc->isa);
		fprintf(out, "/fdc@%04x", PORT_FDC);
	}
	/* What is left is fw_cfg, whose ROMs stand at the root. */
}

/* Option ROMs take their places among the devices. */
static void order_roms(struct pc *pc)
{
	const struct pc_option_rom *rom;
	const char *wrong;
	char node[80];
	unsigned int i;

	for (i = 0; i < pc_options.nr_roms; i++) {
		rom = &pc_options.rom[i];
		snprintf(node, sizeof(node), "rom@" PC_ROM_DIR "%s", rom->name);
		wrong = device_boot(pc->fw_cfg, rom->bootindex, node);
		if (wrong)
			die("-option-rom %s: %s", rom->path, wrong);
	}
}

char *pc_boot_order(struct pc *pc, size_t *len)
{
	struct bus_boot boot;
	unsigned int n;
	char *text;
	FILE *out = open_memstream(&text, len);

	if (!out)
		die("out of memory for the boot order");
	order_roms(pc);
	/* The option ROM's kernel comes before all that could be booted else. */
	if (pc->cfg->kernel && pc->bios)
		fputs("/rom@" BOOT_ROM_NAME "\n", out);
	for (n = 0; bus_boot_at(pc->bus, n, &boot); n++) {
		put_device(out, pc, boot.dev);
		fprintf(out, "/%s\n", boot.node);
	}
	if (pc_options.boot_strict && ftell(out) > 0)
		fputs(STRICT_END, out);
	if (fclose(out))
		die("out of memory for the boot order");
	return text;
}
