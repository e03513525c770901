// SPDX-License-Identifier: LGPL-2.1-or-later
/* What stands around a device under the fuzzer: chips that it works with, and what hangs on it. */
#include "devices/pc/fw_cfg.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/piix3.h"
#include "devices/storage/fdc82077.h"
#include "devices/storage/piix3_ide.h"
#include "tests/fuzz/input.h"
#include "tests/host/world.h"

/* Some are nothing but what hangs on another: that one is driven. */
static const struct { const char *kind, *on; } parents[] = {
	{ "ide-hd", "piix3-ide" },
	{ "ide-cd", "piix3-ide" },
	{ "virtconsole", "virtio-serial-pci" },
	{ "virtserialport", "virtio-serial-pci" },
};

/* And a controller is nothing without what hangs on it. */
static const struct { const char *kind, *child, *bus, *back_end; } children[] = {
	{ "piix3-ide", "ide-hd", "ide.0", "drive" },
	{ "piix3-ide", "ide-cd", "ide.0", "drive" },
	{ "piix3-ide", "ide-cd", "ide.1", "drive" },
	{ "ide-hd", "ide-hd", "ide.0", "drive" },
	{ "ide-hd", "ide-hd", "ide.0", "drive" },
	{ "ide-cd", "ide-cd", "ide.0", "drive" },
	{ "virtio-serial", "virtconsole", NULL, "chardev" },
	{ "virtio-serial", "virtserialport", NULL, NULL },
	{ "virtconsole", "virtconsole", NULL, "chardev" },
	{ "virtserialport", "virtserialport", NULL, "chardev" },
};

/* One device in several shapes: the fuzzer chooses. What begins so, and what hangs on it. */
static const struct { const char *name, *more[2]; } families[] = {
	{ "e1000", { NULL } },
	{ "virtio-balloon", { NULL } },
	{ "virtio-blk", { NULL } },
	{ "virtio-net", { NULL } },
	{ "virtio-rng", { NULL } },
	{ "virtio-serial", { "virtconsole", "virtserialport" } },
};

const char *fuzz_family_of(const char *kind)
{
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		if (!strncmp(kind, families[i].name, strlen(families[i].name)))
			return families[i].name;
		for (k = 0; k < 2 && families[i].more[k]; k++)
			if (!strcmp(kind, families[i].more[k]))
				return families[i].name;
	}
	return NULL;
}

const char *fuzz_shape(const char *family, unsigned int n)
{
	const struct device_class *const *all;
	const char *shapes[16];
	unsigned int nr = 0;

	for (all = device_classes(); *all && nr < ARRAY_SIZE(shapes); all++)
		if (fuzz_family_of((*all)->name) && !strcmp(fuzz_family_of((*all)->name), family))
			shapes[nr++] = (*all)->name;
	return nr ? shapes[n % nr] : family;
}

const struct device_class *fuzz_class_of(const char *kind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parents); i++)
		if (!strcmp(parents[i].kind, kind))
			kind = parents[i].on;
	return device_class_find(kind);
}

void fuzz_children(struct device *dev, const char *kind, unsigned int devfn, struct block **disk,
		   struct chardev *line)
{
	struct device *child;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(children); i++) {
		if (strncmp(kind, children[i].kind, strlen(children[i].kind)))
			continue;
		child = make(children[i].child);
		if (children[i].back_end)
			device_set_ptr(child, children[i].back_end,
				       *children[i].back_end == 'd' ? (void *)*disk++ : (void *)line);
		if (child->cls->attach(child, children[i].bus) || device_try_realize(child))
			printf("# %s: no %s on it\n", kind, children[i].child);
	}
	/* As firmware leaves it: both channels decode their ports. */
	if (!strcmp(dev->cls->name, "piix3-ide"))
		config_write(devfn, PIIX3_IDE_IDETIM, 0x80008000, 4);
}

/* --- chips beside it, before it is realized --- */

static void dma_controller(struct device *dev)
{
	static struct isa_dma channel;
	struct device *dma = make("i8257");

	device_realize(dma);
	device_map(dma, I8257_REGION_LOW, 0x00);
	device_map(dma, I8257_REGION_HIGH, 0xc0);
	device_map(dma, I8257_REGION_PAGES, 0x80);
	channel = (struct isa_dma){ dma, 2 };
	fdc_set_dma(dev, &channel);
}

static void bios_area(struct device *dev)
{
	static uint8_t shadow[I440FX_SHADOW_LEN], rom[I440FX_ROM_LEN];
	struct device *isa = make_pci("piix3", 1u << 3);

	device_realize(isa);
	i440fx_set_memory(dev, shadow, rom);
	i440fx_set_isa(dev, isa, PIIX3_REGION_RESET);
}

static void selected(void *arg)
{
	++*(uint8_t *)arg;
}

static void files(struct device *dev)
{
	static uint8_t live[4096], data[300];

	fw_cfg_add(dev, FW_CFG_KERNEL_DATA, data, sizeof(data));
	fw_cfg_add_number(dev, FW_CFG_NB_CPUS, 2, 2);
	fw_cfg_add_file(dev, "opt/one", data, sizeof(data));
	fw_cfg_add_file(dev, "opt/empty", data, 0);
	fw_cfg_add_live(dev, "etc/live", live, sizeof(live), selected, live);
}

/* The least that there is: it is cleared for every row. */
static void little_memory(struct device *dev)
{
	device_set_words(dev, "vgamem_mb", "1");
}

static const struct { const char *name; void (*fn)(struct device *dev); } beside[] = {
	{ "isa-fdc", dma_controller },
	{ "i440fx", bios_area },
	{ "fw_cfg", files },
	{ "VGA", little_memory },
	{ "cirrus-vga", little_memory },
};

void fuzz_beside(struct device *dev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(beside); i++)
		if (!strcmp(dev->cls->name, beside[i].name))
			beside[i].fn(dev);
}
