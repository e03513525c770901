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

bool vga_controller_passes(const struct vga *v)
{
	return !(v->gfx[GFX_MODE] & (GFX_MODE_READ_1 | 3)) && !v->gfx[GFX_ENABLE_SET_RESET] &&
	       !v->gfx[GFX_DATA_ROTATE] && v->gfx[GFX_BIT_MASK] == 0xff;
}

bool vga_plain(const struct vga *v)
{
	return chained(v) && (v->linear || v->seq[SEQ_MAP_MASK] == 15) && vga_controller_passes(v);
}

/* --- the window --- */

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

	if (vga_plain(v) && in_window(v, &addr)) {
		addr = (addr + v->bank) & (v->words * 4 - 1);
		write_bytes(v, addr, &val, size);
	} else {
		for (i = 0; i < size; i++) {
			addr = off + i;
			if (in_window(v, &addr))
				vga_memory_write(v, addr, (uint8_t)(val >> (8 * i)));
		}
	}
	vga_window_accessed(v);
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
