// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bochs VBE display interface (DISPI, version B0C5h) with a VGA in it: the "std" graphics card,
 * PCI 1234:1111. Modes beyond the VGA's are set by a few 16-bit registers behind an index, in ports
 * 1CEh to 1D0h and, with the VGA's own ports, in BAR 2. VRAM is BAR 0.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/vga/edid.h"
#include "devices/vga/vga.h"

#define DISPI_PORTS_BASE 0x1ce
#define DISPI_ID0	0xb0c0
#define DISPI_ID5	0xb0c5
#define MMIO_PORTS	0x400	/* 3C0h to 3DFh */
#define MMIO_DISPI	0x500
#define BANK_LEN	0x10000u

enum dispi {
	DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH,
	DISPI_VIRT_HEIGHT, DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_MEMORY_64K,
	DISPI_REGS
};

#define ENABLE_ON	0x01
#define ENABLE_GETCAPS	0x02
#define ENABLE_8BIT_DAC	0x20
#define ENABLE_LFB	0x40
#define ENABLE_NOCLEAR	0x80

enum { REGION_VRAM, REGION_MMIO, REGION_PORTS, REGION_WINDOW, REGION_DISPI,
       REGION_CELLS, REGION_GUARD };

struct std_vga {
	struct vga v;
	uint64_t vgamem_mb, xres, yres;
	bool edid_on;
	uint8_t edid[EDID_LEN];
	uint16_t index;
	uint16_t dispi[DISPI_REGS];
	uint8_t data_low;	/* of a write to 1CFh, which the bus brings as two bytes */
};

/* --- the mode --- */

static bool is_on(const struct std_vga *s)
{
	return s->dispi[DISPI_ENABLE] & ENABLE_ON;
}

/* Bytes a row of the virtual screen; of one plane with four bits a pixel. */
static uint32_t row_len(const struct std_vga *s)
{
	unsigned int bpp = s->dispi[DISPI_BPP], width = s->dispi[DISPI_VIRT_WIDTH];

	return bpp == 4 ? width / 8 : width * ((bpp + 7) / 8);
}

static uint32_t room(const struct std_vga *s)
{
	return s->dispi[DISPI_BPP] == 4 ? s->v.vram_size / 4 : s->v.vram_size;
}

static void std_mode(const struct vga *v, struct vga_mode *m)
{
	const struct std_vga *s = (const struct std_vga *)v;
	const uint16_t *d = s->dispi;

	if (!is_on(s))
		return;
	m->width = d[DISPI_XRES];
	m->height = d[DISPI_YRES];
	m->stride = row_len(s);
	m->start = d[DISPI_Y_OFFSET] * m->stride;
	m->max_scan = 0;
	m->repeat = m->wide = 1;
	m->line_compare = UINT32_MAX;
	m->plain = true;
	m->bpp = d[DISPI_BPP];
	if (m->bpp == 4) {
		m->chars = m->width / 8;
		m->dots = 8;
		m->start += d[DISPI_X_OFFSET] / 8u;
		m->chain_4 = false;
	} else {
		m->start += d[DISPI_X_OFFSET] * ((m->bpp + 7) / 8);
	}
	if (!(v->attr_index & ATTR_INDEX_SCREEN_ON))
		m->kind = VGA_BLANK;
	else
		m->kind = m->bpp == 4 ? VGA_PLANAR : VGA_LINEAR;
}

/* Values that this card cannot show become ones that it can. */
static void fit(struct std_vga *s)
{
	uint16_t *d = s->dispi, bpp = d[DISPI_BPP];
	uint32_t rows;

	if (bpp != 4 && bpp != 15 && bpp != 16 && bpp != 24 && bpp != 32)
		d[DISPI_BPP] = 8;
	d[DISPI_XRES] &= (uint16_t)~7;
	if (!d[DISPI_XRES])
		d[DISPI_XRES] = 8;
	if (d[DISPI_XRES] > DISPLAY_MAX_WIDTH)
		d[DISPI_XRES] = DISPLAY_MAX_WIDTH;
	if (!d[DISPI_YRES])
		d[DISPI_YRES] = 1;
	if (d[DISPI_YRES] > DISPLAY_MAX_HEIGHT)
		d[DISPI_YRES] = DISPLAY_MAX_HEIGHT;
	d[DISPI_VIRT_WIDTH] &= (uint16_t)~7;
	if (d[DISPI_VIRT_WIDTH] < d[DISPI_XRES])
		d[DISPI_VIRT_WIDTH] = d[DISPI_XRES];
	rows = room(s) / row_len(s);
	if (rows < d[DISPI_YRES])
		d[DISPI_YRES] = (uint16_t)rows;
	d[DISPI_VIRT_HEIGHT] = (uint16_t)(rows < 0xffff ? rows : 0xffff);
	if (d[DISPI_X_OFFSET] > d[DISPI_VIRT_WIDTH] - d[DISPI_XRES])
		d[DISPI_X_OFFSET] = d[DISPI_VIRT_WIDTH] - d[DISPI_XRES];
	if (d[DISPI_Y_OFFSET] > d[DISPI_VIRT_HEIGHT] - d[DISPI_YRES])
		d[DISPI_Y_OFFSET] = d[DISPI_VIRT_HEIGHT] - d[DISPI_YRES];
}

/* How the window at A0000h sees memory, as the registers say now. */
static void set_window(struct std_vga *s)
{
	struct vga *v = &s->v;
	bool on = is_on(s);

	v->linear = on && s->dispi[DISPI_BPP] != 4;
	v->words = on ? v->vram_size / 4 : 0x10000;
	v->bank = on ? s->dispi[DISPI_BANK] * BANK_LEN : 0;
	vga_window_changed(v);
}

static void write_enable(struct std_vga *s, uint16_t val)
{
	bool was = is_on(s);

	vga_window_unmap(&s->v);
	s->dispi[DISPI_ENABLE] = val;
	s->v.dac_8_bit = val & ENABLE_8BIT_DAC;
	s->v.redraw = true;
	if (is_on(s) && !was) {
		s->dispi[DISPI_VIRT_WIDTH] = s->dispi[DISPI_X_OFFSET] = 0;
		s->dispi[DISPI_Y_OFFSET] = 0;
		fit(s);
		if (!(val & ENABLE_NOCLEAR)) {
			uint32_t len = row_len(s) * s->dispi[DISPI_YRES] *
				       (s->dispi[DISPI_BPP] == 4 ? 4 : 1);

			memset(s->v.vram, 0, len);
			vga_vram_written(&s->v, 0, len);
		}
	}
	if (!is_on(s))
		s->dispi[DISPI_BANK] = 0;
	set_window(s);
}

static void dispi_write(struct std_vga *s, uint16_t val)
{
	switch (s->index) {
	case DISPI_ID:
		/* The version that a program wants to speak with. */
		if (val >= DISPI_ID0 && val <= DISPI_ID5)
			s->dispi[DISPI_ID] = val;
		break;
	case DISPI_XRES: case DISPI_YRES: case DISPI_BPP:
		if (!is_on(s))
			s->dispi[s->index] = val;
		break;
	case DISPI_ENABLE:
		write_enable(s, val);
		break;
	case DISPI_BANK:
		s->dispi[DISPI_BANK] = val & (uint16_t)(room(s) / BANK_LEN - 1);
		set_window(s);
		break;
	case DISPI_VIRT_WIDTH: case DISPI_X_OFFSET: case DISPI_Y_OFFSET:
		if (!is_on(s))
			break;
		s->dispi[s->index] = val;
		fit(s);
		break;
	}
}

static uint16_t dispi_read(const struct std_vga *s)
{
	bool caps = s->dispi[DISPI_ENABLE] & ENABLE_GETCAPS;

	switch (s->index) {
	case DISPI_XRES:
		return caps ? DISPLAY_MAX_WIDTH : s->dispi[DISPI_XRES];
	case DISPI_YRES:
		return caps ? DISPLAY_MAX_HEIGHT : s->dispi[DISPI_YRES];
	case DISPI_BPP:
		return caps ? 32 : s->dispi[DISPI_BPP];
	case DISPI_MEMORY_64K:
		return (uint16_t)(s->v.vram_size >> 16);
	default:
		return s->index < DISPI_REGS ? s->dispi[s->index] : 0;
	}
}

/* --- ports and BAR 2 --- */

/*
 * The data register is 16 bits at 1CFh, an odd port, and again at 1D0h. A word at 1CFh comes as its
 * two bytes, the upper one last.
 */
static uint64_t dispi_port_read(struct device *dev, uint32_t off, unsigned int size)
{
	const struct std_vga *s = (const struct std_vga *)dev;

	if (!off)
		return s->index;
	if (size == 1 && off == 2)
		return dispi_read(s) >> 8;
	return off > 2 ? 0xff : dispi_read(s);
}

static void dispi_port_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct std_vga *s = (struct std_vga *)dev;

	if (!off)
		s->index = (uint16_t)val;
	else if (off == 1)
		s->data_low = (uint8_t)val;
	else if (off == 2)
		dispi_write(s, (uint16_t)(size == 2 ? val : s->data_low | val << 8));
}

/* A register of BAR 2 at a time; of those of 16 bits a byte is read, and not written. */
static uint64_t mmio_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct std_vga *s = (struct std_vga *)dev;
	uint16_t keep = s->index, val;

	if (off < EDID_LEN && s->edid_on) {
		val = s->edid[off];
		return size == 2 ? val | s->edid[off + 1] << 8 : val;
	}
	if (off >= MMIO_PORTS && off < MMIO_PORTS + 0x20) {
		val = vga_port_read(&s->v, 0x3c0 + off - MMIO_PORTS);
		if (size == 2)
			val |= (uint16_t)(vga_port_read(&s->v, 0x3c1 + off - MMIO_PORTS) << 8);
		return val;
	}
	if (off >= MMIO_DISPI && off < MMIO_DISPI + 2 * DISPI_REGS) {
		s->index = (uint16_t)((off - MMIO_DISPI) / 2);
		val = dispi_read(s);
		s->index = keep;
		return off & 1 ? val >> 8 : val;
	}
	return 0;
}

static void mmio_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct std_vga *s = (struct std_vga *)dev;
	uint16_t keep = s->index;

	if (off >= MMIO_PORTS && off < MMIO_PORTS + 0x20) {
		vga_port_write(&s->v, 0x3c0 + off - MMIO_PORTS, (uint8_t)val);
		if (size == 2)
			vga_port_write(&s->v, 0x3c1 + off - MMIO_PORTS, (uint8_t)(val >> 8));
	} else if (off >= MMIO_DISPI && off < MMIO_DISPI + 2 * DISPI_REGS && size == 2) {
		s->index = (uint16_t)((off - MMIO_DISPI) / 2);
		dispi_write(s, (uint16_t)val);
		s->index = keep;
	}
}

/* --- life --- */

static void config_written(struct device *dev, unsigned int off, unsigned int size)
{
	if (off < PCI_COMMAND + 2 && off + size > PCI_COMMAND)
		vga_place(dev, REGION_PORTS, REGION_WINDOW, REGION_DISPI, DISPI_PORTS_BASE);
	/* VRAM may have moved away from under its guard. */
	if (off < PCI_BAR0 + 4 && off + size > PCI_BAR0)
		vga_window_unmap((struct vga *)dev);
}

static const struct vga_card std_card = { .mode = std_mode };

static const char *std_realize(struct device *dev)
{
	struct std_vga *s = (struct std_vga *)dev;

	if (s->vgamem_mb & (s->vgamem_mb - 1))
		return "vgamem_mb: is not a power of two";
	if (s->xres % 8 || s->yres % 8)
		return "xres and yres: are not multiples of 8";
	s->v.vram_size = (uint32_t)s->vgamem_mb << 20;
	device_region_len(dev, REGION_VRAM, s->v.vram_size);
	device_region_len(dev, REGION_GUARD, s->v.vram_size);
	s->v.cells_region = REGION_CELLS;
	s->v.guard_region = REGION_GUARD;
	edid_make(s->edid, (unsigned int)s->xres, (unsigned int)s->yres);
	return vga_init(&s->v, &std_card, REGION_VRAM);
}

static void std_unrealize(struct device *dev)
{
	vga_free((struct vga *)dev);
}

static void std_reset(struct device *dev)
{
	struct std_vga *s = (struct std_vga *)dev;

	vga_reset(&s->v);
	memset(s->dispi, 0, sizeof(s->dispi));
	s->dispi[DISPI_ID] = DISPI_ID5;
	s->dispi[DISPI_BPP] = 8;
	s->index = 0;
	s->data_low = 0;
	set_window(s);
	config_written(dev, PCI_COMMAND, 2);
}

static const struct device_region std_regions[] = {
	[REGION_VRAM] = { "vram", BUS_MMIO, 0, .memory = true },
	[REGION_MMIO] = { "registers", BUS_MMIO, 4096, 2, mmio_read, mmio_write },
	[REGION_PORTS] = { "vga ports", BUS_PORT, VGA_PORTS_LEN, 1, vga_ports_read, vga_ports_write },
	[REGION_WINDOW] = { "vga window", BUS_MMIO, VGA_WINDOW_LEN, 8, vga_window_read,
			    vga_window_write },
	[REGION_DISPI] = { "vbe ports", BUS_PORT, 4, 2, dispi_port_read, dispi_port_write },
	[REGION_CELLS] = { "vga cells", BUS_MMIO, VGA_CELLS_LEN, .memory = true },
	[REGION_GUARD] = { "vram beside cells", BUS_MMIO, 0, 8, vga_guard_read, vga_guard_write },
};

static const struct device_prop std_props[] = {
	PCI_PROPS,
	{ "vgamem_mb", PROP_U64, offsetof(struct std_vga, vgamem_mb), "video memory in MiB", "16",
	  1, 256 },
	{ "edid", PROP_BOOL, offsetof(struct std_vga, edid_on), "the monitor says what it is", "on" },
	{ "xres", PROP_U64, offsetof(struct std_vga, xres), "its best mode, dots a line", "1280",
	  640, DISPLAY_MAX_WIDTH },
	{ "yres", PROP_U64, offsetof(struct std_vga, yres), "its best mode, lines", "800", 480,
	  DISPLAY_MAX_HEIGHT },
};

static const struct pci_info std_info = {
	.vendor = 0x1234, .device = 0x1111, .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
	.class = 0x030000,
	.bar = {
		[0] = { PCI_BAR_MEM32_PREFETCH, REGION_VRAM },
		[2] = { PCI_BAR_MEM32, REGION_MMIO },
	},
	.rom = "vgabios-stdvga.bin",
	.config_written = config_written,
};

static const struct device_class std_vga = {
	.name = "VGA",
	.what = "graphics card: VGA with Bochs VBE modes to 2560x1600",
	.sheet = "IBM VGA and XGA technical reference; Bochs VBE display interface B0C5h",
	.missing = "interrupt of the vertical retrace; light pen; overscan border; odd/even page "
		   "select; blinking in graphics modes; big-endian frame buffer",
	.size = sizeof(struct std_vga),
	.pci = &std_info,
	.user = true,
	.regions = std_regions,
	.nr_regions = ARRAY_SIZE(std_regions),
	.props = std_props,
	.nr_props = ARRAY_SIZE(std_props),
	.realize = std_realize,
	.reset = std_reset,
	.unrealize = std_unrealize,
};
DEVICE_REGISTER(std_vga);
