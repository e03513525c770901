// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IBM VGA (VGA and XGA technical reference): the ports. Sequencer, graphics controller, attribute
 * controller, CRT controller, DAC, and the general registers. Most are plain cells that say how
 * memory is seen (vga_mem.c) and what is shown (vga_mode.c); a change of what is shown asks for
 * drawing.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/vga/vga.h"

#define NS_PER_S 1000000000ull
#define STATUS_1_NOT_DISPLAYING	0x01
#define STATUS_1_V_SYNC		0x08
#define STATUS_0_SENSE		0x10	/* the comparators see a monitor */
#define V_SYNC_END_PROTECT	0x80
#define OVERFLOW_LINE_COMPARE	0x10

static const uint8_t seq_bits[] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const uint8_t gfx_bits[] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };
static const uint8_t attr_bits[] = {
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
	0xef, 0xff, 0x3f, 0x0f, 0x0f,
};
#define CRTC_STANDARD (CRTC_LINE_COMPARE + 1)

/* --- the DAC --- */

uint32_t vga_dac_color(const struct vga *v, unsigned int index)
{
	const uint8_t *c = v->dac[index & v->dac_mask];
	uint32_t out = 0;
	unsigned int i;

	for (i = 0; i < 3; i++)
		out = out << 8 | (v->dac_8_bit ? c[i] : (uint32_t)(c[i] << 2 | c[i] >> 4));
	return out;
}

static uint8_t dac_read(struct vga *v)
{
	uint8_t val = v->dac[v->dac_index][v->dac_sub];

	if (++v->dac_sub == 3) {
		v->dac_sub = 0;
		v->dac_index++;
	}
	return val;
}

static void dac_write(struct vga *v, uint8_t val)
{
	v->dac_latch[v->dac_sub++] = v->dac_8_bit ? val : val & 0x3f;
	if (v->dac_sub < 3)
		return;
	v->dac_sub = 0;
	if (memcmp(v->dac[v->dac_index], v->dac_latch, 3)) {
		memcpy(v->dac[v->dac_index], v->dac_latch, 3);
		v->redraw = true;
	}
	v->dac_index++;
}

/* --- indexed registers --- */

/* Returns whether the register has changed. */
static bool set(uint8_t *reg, uint8_t val)
{
	bool changed = *reg != val;

	*reg = val;
	return changed;
}

static void seq_write(struct vga *v, uint8_t val)
{
	unsigned int i = v->seq_index;

	if (i >= sizeof(seq_bits) || !set(&v->seq[i], val & seq_bits[i]))
		return;
	vga_window_changed(v);
	if (i != SEQ_MAP_MASK)
		v->redraw = true;
}

static void gfx_write(struct vga *v, uint8_t val)
{
	unsigned int i = v->gfx_index;

	if (i >= sizeof(gfx_bits) || !set(&v->gfx[i], val & gfx_bits[i]))
		return;
	vga_window_changed(v);
	if (i == GFX_MODE || i == GFX_MISC)
		v->redraw = true;
}

static void crtc_write(struct vga *v, uint8_t val)
{
	unsigned int i = v->crtc_index;

	if (i >= CRTC_STANDARD)
		return;
	if (i <= CRTC_OVERFLOW && v->crtc[CRTC_V_SYNC_END] & V_SYNC_END_PROTECT) {
		if (i != CRTC_OVERFLOW)
			return;
		val = (uint8_t)((v->crtc[i] & ~OVERFLOW_LINE_COMPARE) |
				(val & OVERFLOW_LINE_COMPARE));
	}
	if (set(&v->crtc[i], val))
		v->redraw = true;
}

static void attr_write(struct vga *v, uint8_t val)
{
	unsigned int i = v->attr_index & 0x1f;

	v->attr_data = !v->attr_data;
	if (v->attr_data) {
		if (set(&v->attr_index, val & 0x3f))
			v->redraw = true;
		return;
	}
	/* The palette is either the processor's or the screen's. */
	if (i < sizeof(attr_bits) && (i >= ATTR_MODE || !(v->attr_index & ATTR_INDEX_SCREEN_ON)) &&
	    set(&v->attr[i], val & attr_bits[i]))
		v->redraw = true;
}

/* --- where the beam is --- */

uint8_t vga_status_1(const struct vga *v)
{
	const uint8_t *c = v->crtc;
	unsigned int dots = (v->seq[SEQ_CLOCKING_MODE] & CLOCKING_8_DOTS ? 8 : 9) <<
			    !!(v->seq[SEQ_CLOCKING_MODE] & CLOCKING_HALF);
	unsigned int clock = (v->misc >> 2 & 3) == 1 ? 28322000 : 25175000;
	unsigned int chars = c[CRTC_H_TOTAL] + 5u, o = c[CRTC_OVERFLOW];
	unsigned int lines = (c[CRTC_V_TOTAL] | (o & 1) << 8 | (o & 0x20) << 4) + 2u;
	unsigned int end = (c[CRTC_V_DISPLAY_END] | (o & 2) << 7 | (o & 0x40) << 3) + 1u;
	unsigned int sync = c[CRTC_V_SYNC_START] | (o & 4) << 6 | (o & 0x80) << 2;
	uint64_t line_ns, now = device_now();
	unsigned int line, at;
	uint8_t status = 0;

	if (!(c[CRTC_MODE] & CRTC_MODE_RUN) || lines < 100) {
		/* No timing of its own: that of 640x480. */
		dots = 8;
		chars = 100;
		lines = 525;
		end = 480;
		sync = 490;
	}
	line_ns = (uint64_t)chars * dots * NS_PER_S / clock;
	now %= line_ns * lines;
	line = (unsigned int)(now / line_ns);
	at = (unsigned int)(now % line_ns * chars / line_ns);
	if (line >= end || at > c[CRTC_H_DISPLAY_END])
		status |= STATUS_1_NOT_DISPLAYING;
	/* The end is said by its four low bits. */
	if (line >= sync && line - sync < ((c[CRTC_V_SYNC_END] - sync - 1u) & 15) + 1u)
		status |= STATUS_1_V_SYNC | STATUS_1_NOT_DISPLAYING;
	return status;
}

/* --- ports --- */

static uint8_t cell(const uint8_t *regs, unsigned int index, unsigned int nr)
{
	return index < nr ? regs[index] : 0;
}

uint8_t vga_port_read(struct vga *v, unsigned int port)
{
	uint8_t val;

	if (v->card->port_read && v->card->port_read(v, port, &val))
		return val;
	switch (port) {
	case PORT_ATTR:
		return v->attr_index;
	case PORT_ATTR_READ:
		return cell(v->attr, v->attr_index & 0x1f, sizeof(attr_bits));
	case PORT_MISC_WRITE:
		return STATUS_0_SENSE;
	case PORT_ENABLE:
		return v->enable;
	case PORT_SEQ_INDEX:
		return v->seq_index;
	case PORT_SEQ_DATA:
		return cell(v->seq, v->seq_index, sizeof(seq_bits));
	case PORT_DAC_MASK:
		return v->dac_mask;
	case PORT_DAC_READ_INDEX:
		return v->dac_reading ? 3 : 0;
	case PORT_DAC_WRITE_INDEX:
		return v->dac_index;
	case PORT_DAC_DATA:
		return dac_read(v);
	case PORT_FEATURE_READ:
		return v->feature;
	case PORT_MISC_READ:
		return v->misc;
	case PORT_GFX_INDEX:
		return v->gfx_index;
	case PORT_GFX_DATA:
		return cell(v->gfx, v->gfx_index, sizeof(gfx_bits));
	case PORT_CRTC_INDEX:
		return v->crtc_index;
	case PORT_CRTC_DATA:
		return cell(v->crtc, v->crtc_index, CRTC_STANDARD);
	case PORT_STATUS_1:
		v->attr_data = false;
		return vga_status_1(v);
	default:
		return 0xff;
	}
}

void vga_port_write(struct vga *v, unsigned int port, uint8_t val)
{
	if (v->card->port_write && v->card->port_write(v, port, val))
		return;
	switch (port) {
	case PORT_ATTR:
		attr_write(v, val);
		break;
	case PORT_MISC_WRITE:
		if (set(&v->misc, val)) {
			vga_window_changed(v);
			v->redraw = true;
		}
		break;
	case PORT_ENABLE:
		v->enable = val & 1;
		break;
	case PORT_SEQ_INDEX:
		v->seq_index = val;
		break;
	case PORT_SEQ_DATA:
		seq_write(v, val);
		break;
	case PORT_DAC_MASK:
		if (set(&v->dac_mask, val))
			v->redraw = true;
		break;
	case PORT_DAC_READ_INDEX: case PORT_DAC_WRITE_INDEX:
		v->dac_index = val;
		v->dac_sub = 0;
		v->dac_reading = port == PORT_DAC_READ_INDEX;
		break;
	case PORT_DAC_DATA:
		dac_write(v, val);
		break;
	case PORT_GFX_INDEX:
		v->gfx_index = val;
		break;
	case PORT_GFX_DATA:
		gfx_write(v, val);
		break;
	case PORT_CRTC_INDEX:
		v->crtc_index = val;
		break;
	case PORT_CRTC_DATA:
		crtc_write(v, val);
		break;
	case PORT_STATUS_1:
		v->feature = val;
		break;
	}
}

/*
 * 3B0h to 3BFh are a second place of 3D0h to 3DFh, and of the two only one is there: what the
 * miscellaneous output register says. 0: not there.
 */
static unsigned int port_of(const struct vga *v, uint32_t off)
{
	unsigned int port = VGA_PORTS_BASE + off, group = port & 0x3f0;

	if (group == 0x3c0)
		return port;
	if (group != (v->misc & MISC_COLOR ? 0x3d0 : 0x3b0))
		return 0;
	return 0x3d0 | (port & 15);
}

uint64_t vga_ports_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct vga *v = (struct vga *)dev;
	unsigned int port = port_of(v, off);

	(void)size;
	return port ? vga_port_read(v, port) : 0xff;
}

void vga_ports_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct vga *v = (struct vga *)dev;
	unsigned int port = port_of(v, off);

	(void)size;
	if (port)
		vga_port_write(v, port, (uint8_t)val);
}

/* --- life --- */

const char *vga_init(struct vga *v, const struct vga_card *card, unsigned int region)
{
	static const struct display_ops ops = { vga_update, vga_text };
	size_t pages = v->vram_size / VGA_PAGE;

	v->card = card;
	v->vram_region = region;
	v->vram = device_memory(&v->p.dev, region);
	v->display = display_create(&ops, v);
	if (!v->display)
		return "this machine has a screen already, and it can have one only";
	v->surface = display_resize(v->display, 640, 480);
	v->dirty = calloc((pages + 63) / 64, sizeof(*v->dirty));
	v->dirty_log = calloc((pages + 63) / 64, sizeof(*v->dirty));
	v->cells = calloc(VGA_MAX_CELLS, sizeof(*v->cells));
	if (v->dirty && v->dirty_log && v->cells)
		return NULL;
	vga_free(v);
	return "out of memory";
}

void vga_place(struct device *dev, unsigned int ports, unsigned int window, unsigned int extra,
	       uint16_t extra_base)
{
	uint8_t command = to_pci(dev)->config[PCI_COMMAND];

	vga_window_changed((struct vga *)dev);
	bus_begin(dev->bus);
	device_place(dev, ports, VGA_PORTS_BASE, PRIO_PCI, command & PCI_COMMAND_IO);
	device_place(dev, extra, extra_base, PRIO_PCI, command & PCI_COMMAND_IO);
	device_place(dev, window, VGA_WINDOW_BASE, PRIO_PCI, command & PCI_COMMAND_MEMORY);
	bus_commit(dev->bus);
}

void vga_free(struct vga *v)
{
	vga_window_unmap(v);
	display_destroy(v->display);
	free(v->dirty);
	free(v->dirty_log);
	free(v->cells);
}

void vga_reset(struct vga *v)
{
	memset(v->seq, 0, sizeof(v->seq));
	memset(v->gfx, 0, sizeof(v->gfx));
	memset(v->crtc, 0, sizeof(v->crtc));
	memset(v->attr, 0, sizeof(v->attr));
	memset(v->dac, 0, sizeof(v->dac));
	v->seq_index = v->gfx_index = v->crtc_index = v->attr_index = 0;
	v->attr_data = v->dac_reading = v->dac_8_bit = v->linear = false;
	v->misc = v->feature = v->dac_index = v->dac_sub = 0;
	v->enable = 1;
	v->dac_mask = 0xff;
	v->latch = v->bank = 0;
	v->words = 0x10000;
	vga_window_changed(v);
	device_memory_clear(&v->p.dev, v->vram_region);
	v->redraw = true;
}
