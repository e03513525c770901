// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IBM VGA (VGA and XGA technical reference): the processor's view of memory, A0000h to BFFFFh. Four
 * planes behind one byte-wide window: which planes, at which address, and through which of the
 * graphics controller's read and write modes.
 *
 * All four planes of an address are one word (vga.h), so set/reset, the functions, the bit mask and
 * the latches work on all planes at once.
 */
#include <string.h>

#include "devices/vga/vga.h"

/* A byte for each plane whose bit is set. */
static const uint32_t plane_bytes[16] = {
	0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff, 0x00ffff00, 0x00ffffff,
	0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff, 0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
};

static uint32_t all_planes(uint8_t val)
{
	return val * 0x01010101u;
}

static uint32_t read_word(const struct vga *v, uint32_t word)
{
	uint32_t val;

	memcpy(&val, v->vram + (size_t)word * 4, 4);
	return val;
}

static void write_bytes(struct vga *v, uint32_t at, const void *data, unsigned int len)
{
	memcpy(v->vram + at, data, len);
	vga_touch(v, at);
	device_memory_written(&v->p.dev, v->vram_region, at, len);
}

static bool chained(const struct vga *v)
{
	return v->linear || v->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN_4;
}

/* Odd addresses are the odd planes' here, and the bit that says so is not one of the address. */
static uint32_t even(const struct vga *v, uint32_t addr)
{
	if (!(v->gfx[GFX_MISC] & GFX_MISC_CHAIN_ODD_EVEN))
		return addr;
	return (addr & ~1u) | (addr >> 16 & 1);
}

uint8_t vga_memory_read(struct vga *v, uint32_t addr)
{
	uint32_t word = v->words - 1, differ;
	unsigned int plane = v->gfx[GFX_READ_MAP];

	if (chained(v)) {
		addr += v->bank;
		plane = addr & 3;
		word &= addr >> 2;
	} else if (v->gfx[GFX_MODE] & GFX_MODE_ODD_EVEN) {
		plane = (plane & 2) | (addr & 1);
		word &= even(v, addr) + v->bank;
	} else {
		word &= addr + v->bank;
	}
	v->latch = read_word(v, word);
	if (!(v->gfx[GFX_MODE] & GFX_MODE_READ_1))
		return (uint8_t)(v->latch >> (8 * plane));
	/* Colour compare: a bit is set where every plane that is cared for has the colour's bit. */
	differ = (v->latch ^ plane_bytes[v->gfx[GFX_COLOR_COMPARE]]) &
		 plane_bytes[v->gfx[GFX_COLOR_DONT_CARE]];
	differ |= differ >> 16;
	return (uint8_t)~(differ | differ >> 8);
}

/* What the graphics controller makes of a byte: for all planes. */
static uint32_t through_controller(const struct vga *v, uint8_t val)
{
	const uint8_t *g = v->gfx;
	unsigned int rotate = g[GFX_DATA_ROTATE] & 7;
	uint8_t rotated = (uint8_t)(val >> rotate | val << (8 - rotate));
	uint32_t mask = all_planes(g[GFX_BIT_MASK]), set = plane_bytes[g[GFX_SET_RESET]], data;
	uint32_t forced;

	switch (g[GFX_MODE] & 3) {
	case 0:
		forced = plane_bytes[g[GFX_ENABLE_SET_RESET]];
		data = (all_planes(rotated) & ~forced) | (set & forced);
		break;
	case 1:
		return v->latch;
	case 2:
		data = plane_bytes[val & 15];
		break;
	default:
		data = set;
		mask &= all_planes(rotated);
		break;
	}
	switch (g[GFX_DATA_ROTATE] >> 3) {
	case 1:
		data &= v->latch;
		break;
	case 2:
		data |= v->latch;
		break;
	case 3:
		data ^= v->latch;
		break;
	}
	return (data & mask) | (v->latch & ~mask);
}

void vga_memory_write(struct vga *v, uint32_t addr, uint8_t val)
{
	uint32_t word = v->words - 1, planes = v->seq[SEQ_MAP_MASK];

	if (chained(v)) {
		addr += v->bank;
		planes = (v->linear ? 15 : planes) & 1u << (addr & 3);
		word &= addr >> 2;
	} else if (!(v->seq[SEQ_MEMORY_MODE] & MEMORY_NO_ODD_EVEN)) {
		planes &= addr & 1 ? 10 : 5;
		word &= even(v, addr) + v->bank;
	} else {
		word &= addr + v->bank;
	}
	planes = plane_bytes[planes];
	if (!planes)
		return;
	planes = (read_word(v, word) & ~planes) | (through_controller(v, val) & planes);
	write_bytes(v, word * 4, &planes, 4);
}

/* Where in the window @off is, by the memory map bits; false: not there now. */
static bool in_window(const struct vga *v, uint32_t *off)
{
	static const struct { uint32_t start, len; } maps[4] = {
		{ 0, 0x20000 }, { 0, 0x10000 }, { 0x10000, 0x8000 }, { 0x18000, 0x8000 },
	};
	unsigned int map = v->gfx[GFX_MISC] >> 2 & 3;

	if (!(v->misc & MISC_RAM_ENABLE) || *off - maps[map].start >= maps[map].len)
		return false;
	*off -= maps[map].start;
	return true;
}

/* Chain-4 with nothing of the graphics controller in its way: bytes are bytes. */
static bool plain(const struct vga *v)
{
	return chained(v) && (v->linear || v->seq[SEQ_MAP_MASK] == 15) &&
	       !(v->gfx[GFX_MODE] & (GFX_MODE_READ_1 | 3)) && !v->gfx[GFX_ENABLE_SET_RESET] &&
	       !v->gfx[GFX_DATA_ROTATE] && v->gfx[GFX_BIT_MASK] == 0xff;
}

/* --- the window as memory --- */

/*
 * A guest that draws through plain bytes is not stopped at each of them: after some, the window
 * becomes memory, until a register says something else of it. A guest that moves banks faster than
 * that is better off without.
 */
#define ACCESSES_BEFORE_MAP 256
#define MAP_LEN 0x10000u

static bool mappable(const struct vga *v)
{
	uint32_t addr = 0;

	return v->may_map && plain(v) && in_window(v, &addr) && !(v->gfx[GFX_MISC] >> 2 & 2) &&
	       v->gfx[GFX_MISC] >> 2 & 1 && v->p.config[PCI_COMMAND] & PCI_COMMAND_MEMORY &&
	       !(v->bank & (VGA_PAGE - 1)) && v->bank <= v->words * 4 - MAP_LEN;
}

void vga_window_log(struct vga *v)
{
	uint64_t pages;
	unsigned int i;

	if (!v->is_mapped)
		return;
	if (!bus_memory_dirty(v->p.dev.bus, v->mapped, &pages))
		pages = ~0ull;
	for (i = 0; i < MAP_LEN / VGA_PAGE; i++)
		if (pages >> i & 1)
			vga_touch(v, v->mapped_at + i * VGA_PAGE);
}

static void map(struct vga *v)
{
	struct bus *bus = v->p.dev.bus;

	v->plain_accesses = 0;
	v->is_mapped = true;
	v->mapped_at = v->bank;
	bus_begin(bus);
	if (!v->mapped)
		v->mapped = bus_memory(bus, "vga window", VGA_WINDOW_BASE, MAP_LEN, v->vram, false,
				       PRIO_PCI + 1);
	bus_memory_place(bus, v->mapped, VGA_WINDOW_BASE, v->vram + v->mapped_at, false, true);
	bus_commit(bus);
}

void vga_window_changed(struct vga *v)
{
	v->plain_accesses = 0;
	if (!v->is_mapped || (mappable(v) && v->bank == v->mapped_at))
		return;
	/* The slot goes, and with it what its log knows. */
	vga_window_log(v);
	v->is_mapped = false;
	bus_memory_place(v->p.dev.bus, v->mapped, VGA_WINDOW_BASE, v->vram, false, false);
}

uint64_t vga_window_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct vga *v = (struct vga *)dev;
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < size; i++) {
		uint32_t addr = off + i;

		val |= (uint64_t)(in_window(v, &addr) ? vga_memory_read(v, addr) : 0xff) << (8 * i);
	}
	return val;
}

void vga_window_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct vga *v = (struct vga *)dev;
	uint32_t addr = off;
	unsigned int i;

	if (plain(v) && in_window(v, &addr)) {
		addr = (addr + v->bank) & (v->words * 4 - 1);
		write_bytes(v, addr, &val, size);
		if (++v->plain_accesses > ACCESSES_BEFORE_MAP && mappable(v))
			map(v);
		return;
	}
	for (i = 0; i < size; i++) {
		addr = off + i;
		if (in_window(v, &addr))
			vga_memory_write(v, addr, (uint8_t)(val >> (8 * i)));
	}
}

void vga_vram_written(struct vga *v, uint32_t at, uint32_t len)
{
	uint32_t page;

	if (!len)
		return;
	for (page = at / VGA_PAGE; page <= (at + len - 1) / VGA_PAGE; page++)
		vga_touch(v, page * VGA_PAGE);
	device_memory_written(&v->p.dev, v->vram_region, at, len);
}
