// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Firmware configuration: the fw_cfg device of docs/specs/fw_cfg.rst in QEMU, as a PC has it.
 *
 * A selector picks an item, a data port reads its bytes one after the other, and a DMA interface
 * moves any number of them at once into guest memory. Items past FW_CFG_FILE_FIRST have names; the
 * directory lists them by name. Nothing here can be written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/pc/fw_cfg.h"
#include "host/bus/dma.h"
#include "host/report.h"

#define MAX_ITEMS	64	/* without a name */
#define MAX_FILES	256

#define ID_TRADITIONAL	1u
#define ID_DMA		2u

#define DMA_ERROR	0x01u
#define DMA_READ	0x02u
#define DMA_SKIP	0x04u
#define DMA_SELECT	0x08u
#define DMA_WRITE	0x10u

/* Past an item's end there are zeros; who wants more of them than this has a wrong length. */
#define MAX_ZEROS	(1u << 20)

struct item {
	unsigned int key;
	const uint8_t *data;
	uint32_t len;
	void (*selected)(void *arg);
	void *arg;
	uint8_t number[8];
};

struct dir_entry {
	uint8_t size[4], select[2], reserved[2];	/* big-endian */
	char name[FW_CFG_NAME_MAX + 1];
};

struct directory {
	uint8_t count[4];
	struct dir_entry entry[MAX_FILES];
};

struct fw_cfg {
	struct device dev;
	struct item items[MAX_ITEMS];
	unsigned int nr_items;
	struct item files[MAX_FILES];
	unsigned int nr_files;
	struct directory dir;
	const struct item *now;
	uint32_t at;
	uint32_t dma_high;
};

static void put_be(uint8_t *p, uint64_t val, unsigned int bytes)
{
	while (bytes--) {
		p[bytes] = (uint8_t)val;
		val >>= 8;
	}
}

static uint64_t get_be(const uint8_t *p, unsigned int bytes)
{
	uint64_t val = 0;

	while (bytes--)
		val = val << 8 | *p++;
	return val;
}

/* --- what the board puts in --- */

static struct item *new_item(struct fw_cfg *f, unsigned int key)
{
	if (f->nr_items == MAX_ITEMS)
		die("fw_cfg: more than %d items", MAX_ITEMS);
	f->items[f->nr_items] = (struct item){ .key = key };
	return &f->items[f->nr_items++];
}

void fw_cfg_add(struct device *dev, unsigned int key, const void *data, uint32_t len)
{
	struct item *it = new_item((struct fw_cfg *)dev, key);

	it->data = data;
	it->len = len;
}

void fw_cfg_add_number(struct device *dev, unsigned int key, uint64_t val, unsigned int bytes)
{
	struct item *it = new_item((struct fw_cfg *)dev, key);
	unsigned int i;

	for (i = 0; i < bytes; i++)
		it->number[i] = (uint8_t)(val >> (8 * i));
	it->data = it->number;
	it->len = bytes;
}

static void write_directory(struct fw_cfg *f)
{
	unsigned int i;

	put_be(f->dir.count, f->nr_files, 4);
	for (i = 0; i < f->nr_files; i++) {
		put_be(f->dir.entry[i].size, f->files[i].len, 4);
		put_be(f->dir.entry[i].select, FW_CFG_FILE_FIRST + i, 2);
	}
}

const char *fw_cfg_add_live(struct device *dev, const char *name, const void *data, uint32_t len,
			    void (*selected)(void *arg), void *arg)
{
	static char text[128];
	struct fw_cfg *f = (struct fw_cfg *)dev;
	unsigned int at = f->nr_files;

	if (strlen(name) > FW_CFG_NAME_MAX) {
		snprintf(text, sizeof(text), "the name has more than %d characters",
			 FW_CFG_NAME_MAX);
		return text;
	}
	if (f->nr_files == MAX_FILES) {
		snprintf(text, sizeof(text), "there are more than %d files", MAX_FILES);
		return text;
	}
	while (at && strcmp(f->dir.entry[at - 1].name, name) > 0)
		at--;
	if (at && !strcmp(f->dir.entry[at - 1].name, name)) {
		snprintf(text, sizeof(text), "%s is there already", name);
		return text;
	}
	memmove(&f->dir.entry[at + 1], &f->dir.entry[at],
		(f->nr_files - at) * sizeof(f->dir.entry[0]));
	memmove(&f->files[at + 1], &f->files[at], (f->nr_files - at) * sizeof(f->files[0]));
	memset(&f->dir.entry[at], 0, sizeof(f->dir.entry[at]));
	memcpy(f->dir.entry[at].name, name, strlen(name));
	f->files[at] = (struct item){ .data = data, .len = len, .selected = selected, .arg = arg };
	f->nr_files++;
	write_directory(f);
	return NULL;
}

const char *fw_cfg_add_file(struct device *dev, const char *name, const void *data, uint32_t len)
{
	return fw_cfg_add_live(dev, name, data, len, NULL, NULL);
}

/* --- selector and data --- */

static void select_item(struct fw_cfg *f, unsigned int key)
{
	unsigned int i;

	f->now = NULL;
	f->at = 0;
	if (key >= FW_CFG_FILE_FIRST && key - FW_CFG_FILE_FIRST < f->nr_files)
		f->now = &f->files[key - FW_CFG_FILE_FIRST];
	for (i = 0; i < f->nr_items && !f->now; i++)
		if (f->items[i].key == key)
			f->now = &f->items[i];
	if (f->now && f->now->selected)
		f->now->selected(f->now->arg);
}

static uint64_t io_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct fw_cfg *f = (struct fw_cfg *)dev;

	if (off != 1 || size != 1)
		return 0;
	return f->now && f->at < f->now->len ? f->now->data[f->at++] : 0;
}

static void io_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	if (off == 0 && size == 2)
		select_item((struct fw_cfg *)dev, (unsigned int)val);
}

/* --- DMA --- */

static bool dma_transfer(struct fw_cfg *f, uint64_t gpa, uint32_t len)
{
	static const uint8_t zeros[4096];
	uint32_t have = f->now && f->at < f->now->len ? f->now->len - f->at : 0, n;

	if (have > len)
		have = len;
	if (have && !dma_write(f->dev.bus, gpa, f->now->data + f->at, have))
		return false;
	f->at += have;
	gpa += have;
	len -= have;
	if (len > MAX_ZEROS)
		return false;
	for (; len; len -= n, gpa += n) {
		n = len < sizeof(zeros) ? len : (uint32_t)sizeof(zeros);
		if (!dma_write(f->dev.bus, gpa, zeros, n))
			return false;
	}
	return true;
}

static void dma_run(struct fw_cfg *f, uint64_t gpa)
{
	uint8_t command[16], status[4];
	uint32_t control, len;
	bool good = true;

	if (!dma_read(f->dev.bus, gpa, command, sizeof(command)))
		return;
	control = (uint32_t)get_be(command, 4);
	len = (uint32_t)get_be(command + 4, 4);
	if (control & DMA_SELECT)
		select_item(f, control >> 16);
	if (control & DMA_READ) {
		good = dma_transfer(f, get_be(command + 8, 8), len);
	} else if (control & DMA_WRITE) {
		good = !len;
	} else if (control & DMA_SKIP) {
		if (f->now && f->at < f->now->len)
			f->at += len < f->now->len - f->at ? len : f->now->len - f->at;
	}
	put_be(status, good ? 0 : DMA_ERROR, 4);
	dma_write(f->dev.bus, gpa, status, sizeof(status));
}

static uint64_t dma_read_register(struct device *dev, uint32_t off, unsigned int size)
{
	static const uint8_t signature[8] = "QEMU CFG";
	uint64_t val = 0;

	(void)dev;
	memcpy(&val, signature + off, size);
	return val;
}

/* Big-endian, in halves: the lower one starts the transfer. */
static void dma_write_register(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct fw_cfg *f = (struct fw_cfg *)dev;
	uint32_t high = f->dma_high;

	if (size != 4)
		return;
	if (off == 0) {
		f->dma_high = __builtin_bswap32((uint32_t)val);
	} else {
		f->dma_high = 0;
		dma_run(f, (uint64_t)high << 32 | __builtin_bswap32((uint32_t)val));
	}
}

/* --- life --- */

static void fw_cfg_reset(struct device *dev)
{
	struct fw_cfg *f = (struct fw_cfg *)dev;

	f->now = NULL;
	f->at = 0;
	f->dma_high = 0;
	select_item(f, FW_CFG_SIGNATURE);
}

static const char *fw_cfg_realize(struct device *dev)
{
	struct fw_cfg *f = (struct fw_cfg *)dev;

	fw_cfg_add(dev, FW_CFG_SIGNATURE, "QEMU", 4);
	fw_cfg_add_number(dev, FW_CFG_ID, ID_TRADITIONAL | ID_DMA, 4);
	fw_cfg_add(dev, FW_CFG_FILE_DIR, &f->dir, sizeof(f->dir));
	return NULL;
}

static void fw_cfg_describe(struct device *dev, char *buf, size_t len)
{
	const struct fw_cfg *f = (struct fw_cfg *)dev;

	snprintf(buf, len, "%u items, %u files", f->nr_items, f->nr_files);
}

static const struct device_region fw_cfg_regions[] = {
	[FW_CFG_REGION_IO] = { "select-data", BUS_PORT, 2, 2, io_read, io_write },
	[FW_CFG_REGION_DMA] = { "dma", BUS_PORT, 8, 4, dma_read_register, dma_write_register },
};

static const struct device_class fw_cfg = {
	.name = "fw_cfg",
	.what = "configuration for firmware: tables, boot order, kernel",
	.sheet = "QEMU Firmware Configuration (fw_cfg) Device, docs/specs/fw_cfg.rst",
	.missing = "no items that the guest can write",
	.size = sizeof(struct fw_cfg),
	.regions = fw_cfg_regions,
	.nr_regions = ARRAY_SIZE(fw_cfg_regions),
	.realize = fw_cfg_realize,
	.reset = fw_cfg_reset,
	.describe = fw_cfg_describe,
};
DEVICE_REGISTER(fw_cfg);
