// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Host bridge: Intel 82441FX PCI and Memory Controller (PMC), data sheet 290549-001.
 *
 * Two things of it can be seen from a program: configuration mechanism #1 (CONFADD, CONFDATA), and
 * the PAM registers, by which firmware decides for each of thirteen segments of the BIOS area
 * whether reads and writes go to RAM or to PCI, where the ROM is. A segment that reads and writes
 * one kind of memory is a window of it. One that writes RAM and reads PCI, as firmware has it while
 * it copies itself, and one that has nothing behind it, is registers for as long: they stand in a
 * window under all of these.
 */
#include <stdio.h>
#include <string.h>

#include "devices/pci/i440fx.h"
#include "host/bus/pci.h"

enum {
	PMCCFG = 0x50, DBC = 0x53, DRAMC = 0x57, DRAMT = 0x58, PAM0 = 0x59, PAM6 = 0x5f,
	DRB0 = 0x60, SMRAM = 0x72, ERRCMD = 0x90, ERRSTS = 0x91,
};

#define CONFADD_ENABLE	0x80000000u
#define CONFADD_BITS	0x80fffffcu

#define PAM_RE		1
#define PAM_WE		2

#define SMRAM_LOCK	0x10
#define SMRAM_OPEN	0x40
#define SMRAM_BASE_A	0x02

#define NR_SEGMENTS	13

/* PAM0's upper half is the BIOS segment; then come the others by address, two a register. */
static const struct segment {
	uint32_t off, len;
} segments[NR_SEGMENTS] = {
	{ 0x30000, 0x10000 },
	{ 0x00000, 0x4000 }, { 0x04000, 0x4000 }, { 0x08000, 0x4000 }, { 0x0c000, 0x4000 },
	{ 0x10000, 0x4000 }, { 0x14000, 0x4000 }, { 0x18000, 0x4000 }, { 0x1c000, 0x4000 },
	{ 0x20000, 0x4000 }, { 0x24000, 0x4000 }, { 0x28000, 0x4000 }, { 0x2c000, 0x4000 },
};

struct i440fx {
	struct pci_device p;
	uint32_t confadd;
	uint8_t *ram, *rom;
	struct device *isa;
	unsigned int isa_region;
	struct bus_window *window[NR_SEGMENTS];
};

void i440fx_set_memory(struct device *dev, uint8_t *ram, uint8_t *rom)
{
	struct i440fx *h = (struct i440fx *)dev;

	h->ram = ram;
	h->rom = rom;
}

void i440fx_set_isa(struct device *dev, struct device *isa, unsigned int region)
{
	struct i440fx *h = (struct i440fx *)dev;

	h->isa = isa;
	h->isa_region = region;
}

/* --- the BIOS area --- */

static unsigned int attributes(const struct i440fx *h, unsigned int n)
{
	unsigned int nibble = n + 1;

	return h->p.config[PAM0 + nibble / 2] >> (nibble & 1 ? 4 : 0) & (PAM_RE | PAM_WE);
}

/* What PCI has at @off of the area; NULL: nothing. */
static uint8_t *rom_at(const struct i440fx *h, uint32_t off)
{
	uint32_t first = I440FX_SHADOW_LEN - I440FX_ROM_LEN;

	return h->rom && off >= first ? h->rom + (off - first) : NULL;
}

static void show_segments(struct i440fx *h)
{
	bool holes = false;
	unsigned int n;

	if (!h->ram)
		return;
	bus_begin(h->p.dev.bus);
	for (n = 0; n < NR_SEGMENTS; n++) {
		const struct segment *s = &segments[n];
		unsigned int pam = attributes(h, n);
		uint8_t *mem = pam & PAM_RE ? h->ram + s->off : rom_at(h, s->off);
		bool on = mem && pam != PAM_WE;

		holes |= !on;
		bus_memory_place(h->p.dev.bus, h->window[n], I440FX_SHADOW_BASE + s->off,
				 on ? mem : h->ram + s->off, pam != (PAM_RE | PAM_WE), on);
	}
	device_place(&h->p.dev, I440FX_REGION_SHADOW, I440FX_SHADOW_BASE, PRIO_SHADOW, holes);
	bus_commit(h->p.dev.bus);
}

static unsigned int segment_of(uint32_t off)
{
	unsigned int n = 0;

	while (off - segments[n].off >= segments[n].len)
		n++;
	return n;
}

/* Only segments that read PCI come here. */
static uint64_t shadow_read(struct device *dev, uint32_t off, unsigned int size)
{
	const uint8_t *mem = rom_at((struct i440fx *)dev, off);
	uint64_t val = ~0ull;

	if (mem)
		memcpy(&val, mem, size);
	return val;
}

static void shadow_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct i440fx *h = (struct i440fx *)dev;

	/* Nobody has code from this RAM: it cannot be read before the segment changes. */
	if (h->ram && attributes(h, segment_of(off)) & PAM_WE)
		memcpy(h->ram + off, &val, size);
}

/* --- configuration mechanism #1 --- */

static uint64_t config_port_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct i440fx *h = (struct i440fx *)dev;

	if (off >= 4) {
		if (!(h->confadd & CONFADD_ENABLE))
			return ~0ull;
		return pci_config_read(h->p.pci, h->confadd >> 16 & 0xff, h->confadd >> 8 & 0xff,
				       (h->confadd & 0xfc) + (off - 4), size);
	}
	if (size == 4)
		return h->confadd;
	return h->isa ? h->isa->cls->regions[h->isa_region].read(h->isa, off, size) : ~0ull;
}

static void config_port_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct i440fx *h = (struct i440fx *)dev;

	if (off >= 4) {
		if (h->confadd & CONFADD_ENABLE)
			pci_config_write(h->p.pci, h->confadd >> 16 & 0xff, h->confadd >> 8 & 0xff,
					 (h->confadd & 0xfc) + (off - 4), size, (uint32_t)val);
	} else if (size == 4) {
		h->confadd = (uint32_t)val & CONFADD_BITS;
	} else if (h->isa) {
		h->isa->cls->regions[h->isa_region].write(h->isa, off, size, val);
	}
}

/* --- its own configuration space --- */

static void i440fx_config_written(struct device *dev, unsigned int off, unsigned int size)
{
	struct i440fx *h = (struct i440fx *)dev;
	uint8_t *smram = &h->p.config[SMRAM];

	if (off <= PAM6 && off + size > PAM0)
		show_segments(h);
	/* D_LCK cannot be taken back, and takes D_OPEN with it. */
	if (*smram & SMRAM_LOCK) {
		*smram &= (uint8_t)~SMRAM_OPEN;
		h->p.writable[SMRAM] = 0;
	}
}

static void i440fx_reset(struct device *dev)
{
	struct i440fx *h = (struct i440fx *)dev;
	uint8_t *c = h->p.config;
	unsigned int i;

	h->confadd = 0;
	/* Memory space and bus mastering of the bridge cannot be turned off. */
	pci_put16(c, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_put16(c, PCI_STATUS, 0x0280);
	memset(c + PMCCFG, 0, ERRSTS + 1 - PMCCFG);
	c[DBC] = 0x80;
	c[DRAMC] = 0x01;
	c[DRAMT] = 0x10;
	for (i = 0; i < 8; i++)
		c[DRB0 + i] = 0x01;
	c[SMRAM] = SMRAM_BASE_A;
	h->p.writable[SMRAM] = 0x78;
	show_segments(h);
}

static const char *i440fx_realize(struct device *dev)
{
	struct i440fx *h = (struct i440fx *)dev;
	uint8_t *w = h->p.writable;
	unsigned int i, n;

	pci_put16(w, PCI_COMMAND, 0x0140);
	w[PMCCFG] = 0x70;
	w[PMCCFG + 1] = 0xff;
	w[DBC] = 0xe4;
	w[DRAMC] = 0x37;
	w[DRAMT] = 0x7f;
	for (i = PAM0; i <= PAM6; i++)
		w[i] = 0x77;
	w[PAM0] = 0x70;
	memset(w + DRB0, 0xff, 8);
	w[ERRCMD] = 0x9b;
	if (!h->ram)
		return NULL;
	/* Under its segments' windows: the one that comes later is above. */
	bus_begin(dev->bus);
	device_place(dev, I440FX_REGION_SHADOW, I440FX_SHADOW_BASE, PRIO_SHADOW, true);
	for (n = 0; n < NR_SEGMENTS; n++)
		h->window[n] = bus_memory(dev->bus, "bios area", I440FX_SHADOW_BASE + segments[n].off,
					  segments[n].len, h->ram + segments[n].off, false,
					  PRIO_SHADOW);
	bus_commit(dev->bus);
	return NULL;
}

static void i440fx_describe(struct device *dev, char *buf, size_t len)
{
	const uint8_t *c = ((struct i440fx *)dev)->p.config;

	snprintf(buf, len, "PAM %02x %02x %02x %02x %02x %02x %02x, SMRAM %02x", c[PAM0],
		 c[PAM0 + 1], c[PAM0 + 2], c[PAM0 + 3], c[PAM0 + 4], c[PAM0 + 5], c[PAM6],
		 c[SMRAM]);
}

static const struct device_region i440fx_regions[] = {
	[I440FX_REGION_CONFIG] = { "config", BUS_PORT, 8, 4, config_port_read, config_port_write },
	[I440FX_REGION_SHADOW] = { "bios-area", BUS_MMIO, I440FX_SHADOW_LEN, 8, shadow_read,
				   shadow_write },
};

static const struct device_prop i440fx_props[] = {
	PCI_PROPS,
};

static const struct pci_info i440fx_info = {
	.vendor = 0x8086, .device = 0x1237, .class = 0x060000, .revision = 0x02,
	.subsystem_vendor = 0x1af4, .subsystem = 0x1100,
	.config_written = i440fx_config_written,
};

static const struct device_class i440fx = {
	.name = "i440fx",
	.what = "host bridge (82441FX PMC)",
	.sheet = "Intel 82441FX PCI and Memory Controller, 290549-001",
	.missing = "system management RAM is not hidden (there is no SMM); DRAM timing and geometry "
		   "registers hold what is written and change nothing; no error reporting, no "
		   "turbo and reset control register (93h)",
	.size = sizeof(struct i440fx),
	.pci = &i440fx_info,
	.regions = i440fx_regions,
	.nr_regions = ARRAY_SIZE(i440fx_regions),
	.props = i440fx_props,
	.nr_props = ARRAY_SIZE(i440fx_props),
	.realize = i440fx_realize,
	.reset = i440fx_reset,
	.describe = i440fx_describe,
};
DEVICE_REGISTER(i440fx);
