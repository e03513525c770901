// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IBM VGA (VGA and XGA technical reference): the window at A0000h as memory of the guest's own. A
 * guest that writes plain bytes is not stopped at each of them: after some, the window, or the half
 * of a text mode, becomes memory, until a register says something else of it.
 *
 * With chain-4 that memory is VRAM. Cells of a text mode, a character and an attribute, lie four
 * bytes apart there, in planes 0 and 1; the guest is given memory of its own for them, and what it
 * has written there goes into the planes before anybody looks at them. As long as it has that, VRAM
 * in its BAR is not plain memory: an access there ends it.
 *
 * A guest that moves banks or changes modes faster than that is better off without.
 */
#include <string.h>

#include "devices/vga/vga.h"

#define ACCESSES_BEFORE_MAP 256
#define BANK_LEN	0x10000u	/* of the window with chain-4 */
#define CELLS_LEN	VGA_CELLS_LEN
#define ALL_BANK	((1ull << BANK_LEN / VGA_PAGE) - 1)
#define ALL_CELLS	((1ull << CELLS_LEN / VGA_PAGE) - 1)

static bool memory_on(const struct vga *v)
{
	return v->cells_region && v->misc & MISC_RAM_ENABLE &&
	       v->p.config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

static unsigned int memory_map(const struct vga *v)
{
	return v->gfx[GFX_MISC] >> 2 & 3;
}

static bool bank_is_memory(const struct vga *v)
{
	return memory_on(v) && memory_map(v) == 1 && vga_plain(v) && !(v->bank & (VGA_PAGE - 1)) &&
	       v->bank <= v->words * 4 - BANK_LEN;
}

/* A character in plane 0, its attribute in plane 1, to be read and to be written. */
static bool cells_are_memory(const struct vga *v)
{
	return memory_on(v) && memory_map(v) >= 2 && !v->linear && !v->bank &&
	       !(v->seq[SEQ_MEMORY_MODE] & (MEMORY_CHAIN_4 | MEMORY_NO_ODD_EVEN)) &&
	       v->seq[SEQ_MAP_MASK] == 3 && v->gfx[GFX_MODE] & GFX_MODE_ODD_EVEN &&
	       v->gfx[GFX_MISC] & GFX_MISC_CHAIN_ODD_EVEN && !(v->gfx[GFX_READ_MAP] & 2) &&
	       vga_controller_passes(v);
}

/* --- cells --- */

/* The first two planes of the cell at @off in the window. */
static uint8_t *planes(const struct vga *v, uint32_t off)
{
	return v->vram + (size_t)off * 4;
}

/* Of the pages in @bits. */
static void planes_of_cells(struct vga *v, uint64_t bits)
{
	const uint8_t *cells = device_memory(&v->p.dev, v->cells_region);
	uint32_t off, end;

	for (; bits; bits &= bits - 1) {
		off = (uint32_t)__builtin_ctzll(bits) * VGA_PAGE;
		for (end = off + VGA_PAGE; off < end; off += 2) {
			if (!memcmp(planes(v, off), cells + off, 2))
				continue;
			memcpy(planes(v, off), cells + off, 2);
			vga_touch(v, off * 4);
		}
		device_memory_written(&v->p.dev, v->vram_region, (end - VGA_PAGE) * 4, VGA_PAGE * 4);
	}
}

static void cells_of_planes(struct vga *v)
{
	uint8_t *cells = device_memory(&v->p.dev, v->cells_region);
	uint32_t off;

	for (off = 0; off < CELLS_LEN; off += 2)
		memcpy(cells + off, planes(v, off), 2);
	device_memory_written(&v->p.dev, v->cells_region, 0, CELLS_LEN);
}

static uint32_t cells_base(const struct vga *v)
{
	return memory_map(v) == 2 ? 0xb0000 : 0xb8000;
}

static void guard(struct vga *v, bool on)
{
	struct device *dev = &v->p.dev;
	uint64_t base = 0;

	on = on && device_placed(dev, v->vram_region, &base);
	device_place(dev, v->guard_region, base, PRIO_PCI + 1, on);
}

static void map_cells(struct vga *v)
{
	v->mapped = VGA_CELLS_MAPPED;
	v->mapped_at = cells_base(v);
	guard(v, true);
	cells_of_planes(v);
	device_place(&v->p.dev, v->cells_region, v->mapped_at, PRIO_PCI + 1, true);
}

static void unmap_cells(struct vga *v)
{
	/* Out of the guest's reach first: another of its processors may be writing. */
	device_place(&v->p.dev, v->cells_region, v->mapped_at, PRIO_PCI + 1, false);
	planes_of_cells(v, ALL_CELLS);
	guard(v, false);
}

/* An access to VRAM by its BAR: what is asked for is in VRAM alone from now on. */
uint64_t vga_guard_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct vga *v = (struct vga *)dev;
	uint64_t val = 0;

	vga_window_unmap(v);
	memcpy(&val, v->vram + off, size);
	return val;
}

void vga_guard_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct vga *v = (struct vga *)dev;

	vga_window_unmap(v);
	memcpy(v->vram + off, &val, size);
	vga_vram_written(v, off, size);
}

/* --- a bank --- */

static void map_bank(struct vga *v)
{
	struct bus *bus = v->p.dev.bus;

	v->mapped = VGA_BANK_MAPPED;
	v->mapped_at = v->bank;
	if (!v->bank_window)
		v->bank_window = bus_memory(bus, "vga window", VGA_WINDOW_BASE, BANK_LEN,
					    v->vram + v->bank, false, PRIO_PCI + 1);
	bus_memory_place(bus, v->bank_window, VGA_WINDOW_BASE, v->vram + v->bank, false, true);
}

static void touch_bank(struct vga *v, uint64_t pages)
{
	for (; pages; pages &= pages - 1)
		vga_touch(v, v->mapped_at + (uint32_t)__builtin_ctzll(pages) * VGA_PAGE);
}

static void unmap_bank(struct vga *v)
{
	bus_memory_place(v->p.dev.bus, v->bank_window, VGA_WINDOW_BASE, v->vram, false, false);
	/* The slot is gone, and with it what its log knew. */
	touch_bank(v, ALL_BANK);
}

/* --- either --- */

static bool still_right(const struct vga *v)
{
	return v->mapped == VGA_BANK_MAPPED ? bank_is_memory(v) && v->bank == v->mapped_at
					    : cells_are_memory(v) && cells_base(v) == v->mapped_at;
}

void vga_window_accessed(struct vga *v)
{
	if (++v->accesses <= ACCESSES_BEFORE_MAP)
		return;
	v->accesses = 0;
	if (bank_is_memory(v))
		map_bank(v);
	else if (cells_are_memory(v))
		map_cells(v);
}

void vga_window_unmap(struct vga *v)
{
	v->accesses = 0;
	if (v->mapped == VGA_BANK_MAPPED)
		unmap_bank(v);
	else if (v->mapped == VGA_CELLS_MAPPED)
		unmap_cells(v);
	v->mapped = VGA_NOT_MAPPED;
}

void vga_window_changed(struct vga *v)
{
	v->accesses = 0;
	if (v->mapped != VGA_NOT_MAPPED && !still_right(v))
		vga_window_unmap(v);
}

void vga_window_log(struct vga *v)
{
	struct device *dev = &v->p.dev;
	uint64_t pages;

	if (v->mapped == VGA_BANK_MAPPED)
		touch_bank(v, bus_memory_dirty(dev->bus, v->bank_window, &pages) ? pages : ALL_BANK);
	else if (v->mapped == VGA_CELLS_MAPPED)
		planes_of_cells(v, device_memory_dirty(dev, v->cells_region, &pages) ? pages
										     : ALL_CELLS);
}
