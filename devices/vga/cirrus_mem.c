// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cirrus Logic CL-GD5446 (technical reference manual, memory): the processor's ways into VRAM. The
 * window at A0000h with its one or two banks, linear memory with its byte-swapping apertures, both
 * with the extended write modes that make pixels of bits; and the BLT engine's registers and data.
 *
 * Linear memory is plain memory to the guest for as long as nothing of that is on.
 */
#include <string.h>

#include "devices/vga/cirrus.h"

#define APERTURE_LEN	(4u << 20)
#define BLIT_DATA	(16u << 20)	/* from here on: data for the BLT engine */
#define BLIT_REGS_LEN	0x100u
#define TEXT_WINDOW	0x18000u	/* B8000h */
#define BANK_LEN	0x8000u

static bool extended(const struct cirrus *c)
{
	return c->v.seq[SR7_MODE] & SR7_EXTENDED;
}

static bool mmio_at(const struct cirrus *c, uint8_t place)
{
	return (c->v.seq[SR17_CONFIG] & (SR17_MMIO | SR17_MMIO_LINEAR)) == (SR17_MMIO | place);
}

void cirrus_place(struct cirrus *c)
{
	struct device *dev = &c->v.p.dev;
	uint32_t base = pci_get32(c->v.p.config, PCI_BAR0) & ~(CIRRUS_APERTURES_LEN - 1);
	uint8_t command = c->v.p.config[PCI_COMMAND];
	bool on = command & PCI_COMMAND_MEMORY && base && base < 0u - CIRRUS_APERTURES_LEN;
	bool plain = !c->feed.on && !(c->gr[GRB_EXTENSIONS] & (GRB_BY_8 | GRB_WRITE_MODES));

	bus_begin(dev->bus);
	device_place(dev, CIRRUS_PORTS, VGA_PORTS_BASE, PRIO_PCI, command & PCI_COMMAND_IO);
	device_place(dev, CIRRUS_WINDOW, VGA_WINDOW_BASE, PRIO_PCI, command & PCI_COMMAND_MEMORY);
	device_place(dev, CIRRUS_VRAM, base, PRIO_PCI + 1, on && plain);
	device_place(dev, CIRRUS_LAST_PAGE, base + c->v.vram_size - VGA_PAGE, PRIO_PCI + 2,
		     on && mmio_at(c, SR17_MMIO_LINEAR));
	bus_commit(dev->bus);
}

/* --- one byte at an address of VRAM --- */

static uint32_t scaled(const struct cirrus *c, uint32_t at)
{
	uint8_t ext = c->gr[GRB_EXTENSIONS];

	if ((ext & (GRB_WRITE_MODES | GRB_16_BIT)) == (GRB_WRITE_MODES | GRB_16_BIT))
		at <<= 4;
	else if (ext & GRB_BY_8)
		at <<= 3;
	return at & (c->v.vram_size - 1);
}

/* Write modes 4 and 5: of eight bits those that are 1 become the foreground, 0 the background. */
static void write_bits(struct cirrus *c, uint32_t at, uint8_t val, bool background)
{
	unsigned int depth = c->gr[GRB_EXTENSIONS] & GRB_16_BIT ? 2 : 1, i;
	uint8_t pixel[2][2] = { { c->gr[0x00], c->gr[0x10] }, { c->gr[0x01], c->gr[0x11] } };

	for (i = 0; i < 8; i++, at += depth) {
		unsigned int bit = val >> (7 - i) & 1;

		at &= c->v.vram_size - depth;
		if (!bit && !background)
			continue;
		memcpy(c->v.vram + at, pixel[bit], depth);
		vga_vram_written(&c->v, at, depth);
	}
}

static void write_byte(struct cirrus *c, uint32_t at, uint8_t val)
{
	unsigned int mode = c->gr[GR5_MODE] & 7;

	if (c->feed.on) {
		cirrus_blit_feed(c, val);
		return;
	}
	at = scaled(c, at);
	if (c->gr[GRB_EXTENSIONS] & GRB_WRITE_MODES && (mode == 4 || mode == 5)) {
		write_bits(c, at, val, mode == 5);
		return;
	}
	c->v.vram[at] = val;
	vga_vram_written(&c->v, at, 1);
}

/* --- the window at A0000h --- */

/* Of the 64 KiB of the window: false when the bank leads out of VRAM. */
static bool banked(const struct cirrus *c, uint32_t off, uint32_t *at)
{
	uint8_t ext = c->gr[GRB_EXTENSIONS];
	unsigned int second = ext & GRB_TWO_BANKS && off >= BANK_LEN;
	uint32_t bank = c->gr[second ? GRA_OFFSET_1 : GR9_OFFSET_0];

	bank <<= ext & GRB_BANK_16K ? 14 : 12;
	*at = bank + (second ? off - BANK_LEN : off);
	return off < 2 * BANK_LEN && *at < c->v.vram_size;
}

uint64_t cirrus_window_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct cirrus *c = (struct cirrus *)dev;
	uint64_t val = 0;
	unsigned int i;
	uint32_t at;

	if (mmio_at(c, 0) && off - TEXT_WINDOW < BLIT_REGS_LEN) {
		for (i = 0; i < size; i++)
			val |= (uint64_t)cirrus_blit_reg_read(c, off - TEXT_WINDOW + i) << (8 * i);
		return val;
	}
	if (!extended(c))
		return vga_window_read(dev, off, size);
	for (i = 0; i < size; i++)
		val |= (uint64_t)(banked(c, off + i, &at) ? c->v.vram[scaled(c, at)] : 0xff) << (8 * i);
	return val;
}

void cirrus_window_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct cirrus *c = (struct cirrus *)dev;
	unsigned int i;
	uint32_t at;

	for (i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(val >> (8 * i));

		if (mmio_at(c, 0) && off - TEXT_WINDOW < BLIT_REGS_LEN)
			cirrus_blit_reg_write(c, off + i - TEXT_WINDOW, byte);
		else if (c->feed.on)
			cirrus_blit_feed(c, byte);
		else if (!extended(c))
			vga_window_write(dev, off + i, 1, byte);
		else if (banked(c, off + i, &at))
			write_byte(c, at, byte);
	}
}

/* --- linear memory --- */

/* The second and the third aperture change the order of the bytes in words and doublewords. */
static uint32_t swapped(uint32_t off)
{
	static const uint32_t flip[4] = { 0, 1, 3, 0 };

	return (off & (APERTURE_LEN - 1)) ^ flip[off / APERTURE_LEN & 3];
}

uint64_t cirrus_aperture_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct cirrus *c = (struct cirrus *)dev;
	uint64_t val = 0;
	unsigned int i;

	if (off >= BLIT_DATA)
		return ~0ull;
	for (i = 0; i < size; i++)
		val |= (uint64_t)c->v.vram[scaled(c, swapped(off + i))] << (8 * i);
	return val;
}

void cirrus_aperture_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct cirrus *c = (struct cirrus *)dev;
	unsigned int i;

	for (i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(val >> (8 * i));

		if (off < BLIT_DATA)
			write_byte(c, swapped(off + i), byte);
		else if (c->feed.on)
			cirrus_blit_feed(c, byte);
	}
}

uint64_t cirrus_last_page_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct cirrus *c = (struct cirrus *)dev;

	(void)size;
	if (off >= VGA_PAGE - BLIT_REGS_LEN)
		return cirrus_blit_reg_read(c, off - (VGA_PAGE - BLIT_REGS_LEN));
	return c->v.vram[scaled(c, c->v.vram_size - VGA_PAGE + off)];
}

void cirrus_last_page_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct cirrus *c = (struct cirrus *)dev;

	(void)size;
	if (off >= VGA_PAGE - BLIT_REGS_LEN)
		cirrus_blit_reg_write(c, off - (VGA_PAGE - BLIT_REGS_LEN), (uint8_t)val);
	else
		write_byte(c, c->v.vram_size - VGA_PAGE + off, (uint8_t)val);
}
