// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The disks that -drive and its short forms gave, on the controllers that a PC has for them; and the
 * CD drive that it has when nobody asked for one.
 */
#include "devices/pc/pflash.h"
#include "host/block/block.h"
#include "host/block/drive.h"
#include "host/device_option.h"
#include "host/machine/pc.h"
#include "host/machine/pc_options.h"
#include "host/report.h"

#define IRQ_IDE 14		/* and the next, for the second channel */

/* The IDE function's own regions stand where an AT has them. */
static const uint16_t ide_ports[] = { 0x1f0, 0x3f6, 0x170, 0x376 };

static void put_ide(struct pc *pc, struct block *blk, unsigned int channel, unsigned int unit,
		    bool cdrom)
{
	static const char *const channels[] = { "ide.0", "ide.1" };
	struct device *dev = device_create(pc->bus, cdrom ? "ide-cd" : "ide-hd");
	const char *wrong;

	device_set_ptr(dev, "drive", blk);
	device_set_words(dev, "unit", unit ? "1" : "0");
	wrong = dev->cls->attach(dev, channels[channel]);
	if (!wrong)
		wrong = device_try_realize(dev);
	if (wrong)
		die("-drive %s: %s", block_id(blk), wrong);
}

static void make_ide(struct pc *pc)
{
	struct device *dev;
	unsigned int i;

	dev = pc_create_pci(pc, "piix3-ide", DEVFN_IDE);
	device_realize(dev);
	for (i = 0; i < ARRAY_SIZE(ide_ports); i++)
		device_map(dev, i, ide_ports[i]);
	device_connect_irq(dev, 0, IRQ_IDE);
	device_connect_irq(dev, 1, IRQ_IDE + 1);
	/* As QEMU does: who hangs drives there himself gets none from us. */
	if (!pc_options.nodefaults && !drive_at(DRIVE_IDE, 1, 0) &&
	    !device_option_given("ide-hd") && !device_option_given("ide-cd"))
		put_ide(pc, block_create_empty("ide1-cd0"), 1, 0, true);
}

static void put_virtio(struct pc *pc, struct block *blk)
{
	struct device *dev = pc_create_pci(pc, "virtio-blk-pci", -1);
	const char *wrong;

	device_set_ptr(dev, "drive", blk);
	wrong = device_try_realize(dev);
	if (wrong)
		die("-drive %s: %s", block_id(blk), wrong);
}

void pc_make_storage(struct pc *pc)
{
	bool ide = device_class_find("piix3-ide") != NULL;
	struct drive *d;

	if (ide)
		make_ide(pc);
	for (d = drive_first(); d; d = d->next) {
		if (d->at == DRIVE_IDE && !ide)
			die("-drive %s: if=ide is not built; give if=virtio", block_id(d->blk));
		if (d->at == DRIVE_IDE)
			put_ide(pc, d->blk, d->bus, d->unit, d->cdrom);
		else if (d->at == DRIVE_VIRTIO)
			put_virtio(pc, d->blk);
	}
}

/* Unit 0 ends at 4 GiB, unit 1 below it. The first one's bytes; NULL: there is none. */
uint8_t *pc_make_flash(struct pc *pc, uint64_t *len)
{
	uint64_t end = HIGH_RAM_BASE;
	uint8_t *first = NULL;
	unsigned int unit;

	*len = 0;
	for (unit = 0; unit < 2; unit++) {
		struct drive *d = drive_at(DRIVE_PFLASH, 0, unit);
		struct device *dev;
		const char *wrong;

		if (!d)
			continue;
		if (unit && !first)
			die("-drive if=pflash,unit=1: there is no unit 0 with the firmware's code");
		dev = device_create(pc->bus, "pflash");
		device_set_ptr(dev, "drive", d->blk);
		wrong = device_try_realize(dev);
		if (wrong)
			die("-drive if=pflash,unit=%u: %s", unit, wrong);
		end -= dev->region_len[PFLASH_REGION];
		device_map(dev, PFLASH_REGION, end);
		if (!unit) {
			first = device_memory(dev, PFLASH_REGION);
			*len = dev->region_len[PFLASH_REGION];
		}
	}
	return first;
}
