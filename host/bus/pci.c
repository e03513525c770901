// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The PCI core (PCI Local Bus Specification 3.0, chapter 6): one bus of 32 slots, configuration
 * space with its masks, base address registers that move windows, capabilities, the option ROM.
 * Message-signalled interrupts are in msi.c.
 *
 * What a write may change is said by two masks beside the registers: bits that are written, and
 * bits that writing 1 clears. Everything that a register does besides follows from comparing the
 * space before and after.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/bus/internal.h"
#include "host/bus/msi.h"
#include "host/bus/pci.h"
#include "host/firmware.h"
#include "host/report.h"

#define NR_DEVFN 256

#define STATUS_INTERRUPT	0x0008
#define STATUS_CAPABILITIES	0x0010
#define STATUS_ERRORS		0xf900	/* cleared by writing 1 */
#define ROM_ENABLE		0x01u
#define ROM_SIGNATURE		0xaa55u
#define ROM_SUM			6	/* offsets in an image's header */
#define ROM_PCIR		24
#define BAR_IO			0x01u
#define BAR_64			0x04u
#define BAR_PREFETCH		0x08u

struct pci_bus {
	struct bus *bus;
	const struct pci_bus_ops *ops;
	void *arg;
	struct pci_device *at[NR_DEVFN];
};

struct pci_bus *pci_bus_create(struct bus *bus, const struct pci_bus_ops *ops, void *arg)
{
	struct pci_bus *pci = calloc(1, sizeof(*pci));

	if (!pci)
		die("out of memory for the PCI bus");
	pci->bus = bus;
	pci->ops = ops;
	pci->arg = arg;
	return pci;
}

void pci_bus_destroy(struct pci_bus *pci)
{
	free(pci);
}

const char *pci_place(struct pci_bus *pci, struct device *dev, int devfn)
{
	static char text[96];
	struct pci_device *p = to_pci(dev);
	int i;

	if (!dev->cls->pci)
		return "is not a PCI device";
	for (i = devfn < 0 ? 8 : devfn; devfn < 0 && i < NR_DEVFN && pci->at[i]; i += 8)
		;
	if (i >= NR_DEVFN)
		return "all 32 slots of the PCI bus are taken";
	if (pci->at[i]) {
		snprintf(text, sizeof(text), "addr=%02x.%x is taken by %s", i >> 3, i & 7,
			 pci->at[i]->dev.cls->name);
		return text;
	}
	p->pci = pci;
	p->devfn = i;
	pci->at[i] = p;
	return NULL;
}

struct pci_device *pci_at(struct pci_bus *pci, unsigned int devfn)
{
	return devfn < NR_DEVFN ? pci->at[devfn] : NULL;
}

/* --- base address registers --- */

static bool bar_is_64(const struct pci_bar *b)
{
	return b->kind == PCI_BAR_MEM64 || b->kind == PCI_BAR_MEM64_PREFETCH;
}

static uint64_t power_of_two(uint64_t len)
{
	uint64_t n = 16;

	while (n < len)
		n <<= 1;
	return n;
}

static uint64_t bar_len(const struct pci_device *p, unsigned int n)
{
	const struct pci_bar *b = &p->dev.cls->pci->bar[n];
	uint64_t len = power_of_two(p->dev.region_len[b->region]);

	/* An I/O BAR may be as small as four ports; memory in pages keeps BARs apart for the host. */
	if (b->kind == PCI_BAR_IO)
		return p->dev.region_len[b->region] <= 4 ? 4 : len;
	return len < 4096 && p->dev.cls->regions[b->region].memory ? 4096 : len;
}

static void bar_init(struct pci_device *p, unsigned int n)
{
	static const uint32_t flags[] = {
		[PCI_BAR_IO] = BAR_IO, [PCI_BAR_MEM32] = 0, [PCI_BAR_MEM32_PREFETCH] = BAR_PREFETCH,
		[PCI_BAR_MEM64] = BAR_64, [PCI_BAR_MEM64_PREFETCH] = BAR_64 | BAR_PREFETCH,
	};
	const struct pci_bar *b = &p->dev.cls->pci->bar[n];
	unsigned int off = PCI_BAR0 + 4 * n;
	uint64_t mask;

	if (b->kind == PCI_BAR_NONE || !p->dev.region_len[b->region])
		return;
	mask = ~(bar_len(p, n) - 1);
	pci_put32(p->config, off, flags[b->kind]);
	/* An I/O BAR of a PC decodes 16 bits; the upper ones can be written and read all the same. */
	pci_put32(p->writable, off, (uint32_t)mask);
	if (bar_is_64(b)) {
		pci_put32(p->config, off + 4, 0);
		pci_put32(p->writable, off + 4, (uint32_t)(mask >> 32));
	}
}

/*
 * A BAR is decoded when its space is enabled and it holds an address: 0 is what it has before
 * firmware came by, and all ones what sizing leaves for a moment.
 */
static void bar_place(struct pci_device *p, unsigned int n)
{
	const struct pci_bar *b = &p->dev.cls->pci->bar[n];
	unsigned int off = PCI_BAR0 + 4 * n;
	bool io = b->kind == PCI_BAR_IO, on;
	uint64_t base, last, len;

	if (b->kind == PCI_BAR_NONE || !p->dev.region_len[b->region])
		return;
	len = bar_len(p, n);
	base = pci_get32(p->config, off);
	if (bar_is_64(b))
		base |= (uint64_t)pci_get32(p->config, off + 4) << 32;
	base &= ~(len - 1);
	last = base + (len - 1);
	on = p->config[PCI_COMMAND] & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY) && base &&
	     last > base && last < (io ? 0x10000ull : bar_is_64(b) ? 1ull << 52 : 0xfffffffful);
	device_place(&p->dev, b->region, base, PRIO_PCI, on);
}

static void rom_place(struct pci_device *p)
{
	uint32_t bar = pci_get32(p->config, PCI_ROM);
	uint64_t base = bar & ~0x7ffull;

	if (p->rom_window)
		bus_memory_place(p->dev.bus, p->rom_window, base, p->rom, true,
				 (bar & ROM_ENABLE) && base &&
				 p->config[PCI_COMMAND] & PCI_COMMAND_MEMORY);
}

static void place_all(struct pci_device *p)
{
	unsigned int n;

	bus_begin(p->dev.bus);
	for (n = 0; n < PCI_BARS; n++)
		bar_place(p, n);
	rom_place(p);
	bus_commit(p->dev.bus);
}

/* --- interrupt pin --- */

static bool holds_intx(const struct pci_device *p, unsigned int pin)
{
	return p && p->intx && p->config[PCI_INTERRUPT_PIN] == pin &&
	       !(pci_get16(p->config, PCI_COMMAND) & PCI_COMMAND_INTX_OFF);
}

/* The functions of a slot share its pins. */
static void update_intx(struct pci_device *p)
{
	unsigned int pin = p->config[PCI_INTERRUPT_PIN], slot = (unsigned int)p->devfn >> 3, fn;
	bool up = false;

	if (!pin)
		return;
	if (p->intx)
		p->config[PCI_STATUS] |= STATUS_INTERRUPT;
	else
		p->config[PCI_STATUS] &= (uint8_t)~STATUS_INTERRUPT;
	for (fn = 0; fn < 8; fn++)
		up |= holds_intx(p->pci->at[slot << 3 | fn], pin);
	p->pci->ops->set_intx(p->pci->arg, slot, pin - 1, up);
}

void pci_set_intx(struct pci_device *p, bool level)
{
	if (p->intx == level)
		return;
	p->intx = level;
	update_intx(p);
}

/* --- capabilities --- */

unsigned int pci_capability(struct pci_device *p, uint8_t id, unsigned int len)
{
	unsigned int off = p->cap_end;

	len = (len + 3) & ~3u;
	if (off + len > PCI_CONFIG_LEN)
		return 0;
	p->cap_end = off + len;
	p->config[off] = id;
	p->config[off + 1] = p->config[PCI_CAPABILITIES];
	p->config[PCI_CAPABILITIES] = (uint8_t)off;
	p->config[PCI_STATUS] |= STATUS_CAPABILITIES;
	return off;
}

/* --- option ROM --- */

/*
 * A package's ROM is for a family of cards, of which its header (PCI Firmware 3.0, section 5.1) names
 * one; firmware wants this one's name there. The byte before the reserved ones makes the sum zero.
 */
static void adopt_rom(struct pci_device *p, uint8_t *rom, size_t len)
{
	uint16_t at = len < ROM_PCIR + 2 ? 0 : pci_get16(rom, ROM_PCIR);
	const uint8_t *ids = &p->config[PCI_VENDOR];
	unsigned int i;

	if (!at || at + 8u > len || pci_get16(rom, 0) != ROM_SIGNATURE || memcmp(rom + at, "PCIR", 4))
		return;
	for (i = 0; i < 4; i++) {
		rom[ROM_SUM] = (uint8_t)(rom[ROM_SUM] + rom[at + 4 + i] - ids[i]);
		rom[at + 4 + i] = ids[i];
	}
}

static const char *load_rom(struct pci_device *p)
{
	const char *name = p->romfile ? p->romfile : p->dev.cls->pci->rom, *wrong;
	uint64_t len;
	size_t size;
	uint8_t *data;

	if (!name || !*name)
		return NULL;
	/* The device's own name for it may be absent: a card without a ROM. The user's may not. */
	wrong = firmware_load(name, &data, &size);
	if (wrong)
		return p->romfile ? wrong : NULL;
	if (size > 16u << 20) {
		free(data);
		return "romfile: larger than 16 MiB";
	}
	len = power_of_two(size < 4096 ? 4096 : size);
	p->rom = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->rom == MAP_FAILED) {
		free(data);
		p->rom = NULL;
		return "romfile: out of memory";
	}
	memcpy(p->rom, data, size);
	free(data);
	if (!p->romfile)
		adopt_rom(p, p->rom, size);
	p->rom_len = (uint32_t)len;
	p->rom_window = bus_memory(p->dev.bus, "option rom", 0, len, p->rom, true, PRIO_PCI);
	bus_memory_place(p->dev.bus, p->rom_window, 0, p->rom, true, false);
	pci_put32(p->writable, PCI_ROM, (uint32_t)~(len - 1) | ROM_ENABLE);
	return NULL;
}

/* --- a device's life --- */

const char *pci_prepare(struct device *dev)
{
	const struct pci_info *info = dev->cls->pci;
	struct pci_device *p = to_pci(dev);
	uint8_t *c = p->config, *w = p->writable;

	if (!p->pci)
		return "is a PCI device, and was put on no PCI bus";
	pci_put16(c, PCI_VENDOR, info->vendor);
	pci_put16(c, PCI_DEVICE, info->device);
	c[PCI_REVISION] = info->revision;
	c[PCI_CLASS] = (uint8_t)info->class;
	pci_put16(c, PCI_CLASS + 1, (uint16_t)(info->class >> 8));
	c[PCI_HEADER_TYPE] = info->multifunction || p->multifunction ? 0x80 : 0;
	pci_put16(c, PCI_SUBSYSTEM_VENDOR, info->subsystem_vendor);
	pci_put16(c, PCI_SUBSYSTEM, info->subsystem);
	c[PCI_INTERRUPT_PIN] = info->interrupt_pin;
	pci_put16(w, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | 0x0140 |
		  PCI_COMMAND_INTX_OFF);
	pci_put16(p->clears, PCI_STATUS, STATUS_ERRORS);
	w[PCI_INTERRUPT_LINE] = 0xff;
	w[0x0c] = 0xff;		/* cache line size */
	w[0x0d] = 0xf8;		/* latency timer */
	p->cap_end = 0x40;
	return NULL;
}

const char *pci_realized(struct device *dev)
{
	struct pci_device *p = to_pci(dev);
	unsigned int n;

	for (n = 0; n < PCI_BARS; n++)
		bar_init(p, n);
	return load_rom(p);
}

void pci_unrealize(struct device *dev)
{
	struct pci_device *p = to_pci(dev);

	if (!p->pci)
		return;
	msi_free(p);
	if (p->rom_window)
		bus_memory_place(dev->bus, p->rom_window, 0, p->rom, true, false);
	if (p->rom)
		munmap(p->rom, p->rom_len);
	p->pci->at[p->devfn] = NULL;
}

void pci_reset(struct device *dev)
{
	struct pci_device *p = to_pci(dev);
	unsigned int n;

	/* Everything that a guest can set goes; what else a device has there it resets itself. */
	for (n = 0; n < 6; n++)
		bar_init(p, n);
	pci_put16(p->config, PCI_COMMAND, 0);
	pci_put32(p->config, PCI_ROM, 0);
	p->config[PCI_INTERRUPT_LINE] = 0;
	p->config[0x0c] = p->config[0x0d] = 0;
	msi_reset(p);
	pci_set_intx(p, false);
	place_all(p);
}

/* --- configuration accesses --- */

static struct pci_device *target(struct pci_bus *pci, unsigned int bus, unsigned int devfn)
{
	return bus ? NULL : pci_at(pci, devfn);
}

uint32_t pci_config_read(struct pci_bus *pci, unsigned int bus, unsigned int devfn,
			 unsigned int off, unsigned int size)
{
	struct pci_device *p = target(pci, bus, devfn);
	uint32_t val = 0;

	if (!p || off + size > PCI_CONFIG_LEN)
		return ~0u;
	if (p->dev.cls->pci->config_read)
		p->dev.cls->pci->config_read(&p->dev, off, size);
	memcpy(&val, p->config + off, size);
	return val;
}

static bool touches(unsigned int off, unsigned int size, unsigned int reg, unsigned int len)
{
	return off < reg + len && reg < off + size;
}

void pci_config_write(struct pci_bus *pci, unsigned int bus, unsigned int devfn,
		      unsigned int off, unsigned int size, uint32_t val)
{
	struct pci_device *p = target(pci, bus, devfn);
	unsigned int i;

	if (!p || off + size > PCI_CONFIG_LEN)
		return;
	for (i = 0; i < size; i++) {
		uint8_t b = (uint8_t)(val >> (8 * i)), *c = &p->config[off + i];

		*c = (uint8_t)((*c & ~p->writable[off + i]) | (b & p->writable[off + i]));
		*c &= (uint8_t)~(b & p->clears[off + i]);
	}
	if (touches(off, size, PCI_COMMAND, 2)) {
		update_intx(p);
		place_all(p);
	} else if (touches(off, size, PCI_BAR0, 4 * PCI_BARS) || touches(off, size, PCI_ROM, 4)) {
		place_all(p);
	}
	msi_config_written(p, off, size);
	if (p->dev.cls->pci->config_written)
		p->dev.cls->pci->config_written(&p->dev, off, size);
}
