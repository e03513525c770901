// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cirrus Logic CL-GD5446 (technical reference manual, second edition): the extended registers, and
 * the modes beyond the VGA's. On PCI, 4 MiB of VRAM.
 */
#include <string.h>

#include "devices/vga/cirrus.h"

#define ID_5446		0xb8
#define KEY_OPEN	0x12
#define KEY_SHUT	0x0f
#define START_GO	0x02
#define START_RESET	0x04
#define START_AUTO	0x80
#define INTERLACED	0x01
#define WRAP_EXTENDED	0x02
#define MMIO_VGA_LEN	0x100	/* of BAR 1: 3C0h on; then the BLT registers */

/* --- the mode --- */

static void cirrus_mode(const struct vga *v, struct vga_mode *m)
{
	const struct cirrus *c = (const struct cirrus *)v;
	static const uint8_t bpp[8] = { 8, 16, 24, 16, 32, 8, 8, 8 };
	const uint8_t *r = v->crtc;

	m->start |= (r[CR1B_DISPLAY] & 1u) << 16 | (r[CR1B_DISPLAY] & 0x0cu) << 15 |
		    (r[CR1D_OVERLAY] & 0x80u) << 12;
	m->stride += (r[CR1B_DISPLAY] & 0x10u) << 5;
	/*
	 * The attribute controller has no part in these modes, so its mode bit does not count. Nor does
	 * CR17's for the sync signals: Linux's driver leaves it clear and means the picture to be seen.
	 */
	if (!(v->seq[SR7_MODE] & SR7_EXTENDED) || !(v->gfx[GFX_MISC] & GFX_MISC_GRAPHICS))
		return;
	m->bpp = bpp[v->seq[SR7_MODE] >> 1 & 7];
	if (m->bpp == 16 && !(c->hidden_dac & 15))
		m->bpp = 15;
	m->start *= 4;
	m->stride *= 4;
	if (r[CR1A_MISC] & INTERLACED)
		m->height *= 2;
	/* A line that is shown several times is one of the picture. */
	m->height /= m->repeat * (m->max_scan + 1);
	m->kind = m->height && vga_screen_on(v) ? VGA_LINEAR : VGA_BLANK;
	m->width = m->chars * 8;
	m->overlay = cirrus_cursor_state(c);
}

/* --- the BLT engine's registers --- */

/* Where the registers GRxx are in memory; 0 is where there is none (GR0 is at offset 0). */
static const uint8_t blit_regs[0x100] = {
	[0x01] = 0x10, [0x02] = 0x12, [0x03] = 0x14, [0x04] = 0x01, [0x05] = 0x11, [0x06] = 0x13,
	[0x07] = 0x15, [0x08] = 0x20, [0x09] = 0x21, [0x0a] = 0x22, [0x0b] = 0x23, [0x0c] = 0x24,
	[0x0d] = 0x25, [0x0e] = 0x26, [0x0f] = 0x27, [0x10] = 0x28, [0x11] = 0x29, [0x12] = 0x2a,
	[0x14] = 0x2c, [0x15] = 0x2d, [0x16] = 0x2e, [0x17] = 0x2f, [0x18] = 0x30, [0x1a] = 0x32,
	[0x1b] = 0x33, [0x1c] = 0x34, [0x1d] = 0x35, [0x40] = 0x31,
};

/* A register of the graphics controller beyond the VGA's nine, or the colours in its first two. */
static void write_gr(struct cirrus *c, unsigned int reg, uint8_t val)
{
	uint8_t old = c->gr[reg];

	switch (reg) {
	case GR31_BLT_START:
		/* The status is the engine's. */
		c->gr[reg] = (uint8_t)((val & ~0x09) | (old & 0x09));
		if (old & START_RESET && !(val & START_RESET))
			cirrus_blit_reset(c);
		else if (!(old & START_GO) && val & START_GO) {
			c->gr[reg] &= (uint8_t)~START_GO;
			cirrus_blit_start(c);
		}
		break;
	case GR2A_DEST_HIGH:
		c->gr[reg] = val & 0x3f;
		if (c->gr[GR31_BLT_START] & START_AUTO)
			cirrus_blit_start(c);
		break;
	case GRB_EXTENSIONS:
		c->gr[reg] = val;
		cirrus_place(c);
		break;
	default:
		c->gr[reg] = val;
		break;
	}
}

uint8_t cirrus_blit_reg_read(struct cirrus *c, unsigned int off)
{
	off &= 0xff;
	return off && !blit_regs[off] ? 0xff : c->gr[blit_regs[off]];
}

void cirrus_blit_reg_write(struct cirrus *c, unsigned int off, uint8_t val)
{
	off &= 0xff;
	if (!off || blit_regs[off])
		write_gr(c, blit_regs[off], val);
}

/* --- ports --- */

static bool seq_write(struct cirrus *c, uint8_t val)
{
	struct vga *v = &c->v;
	unsigned int i = v->seq_index;

	if (i <= SEQ_MEMORY_MODE)
		return false;
	v->redraw = true;
	/* The cursor's place has its low bits in the index. */
	if ((i & 0x1f) == SR10_CURSOR_X)
		c->cursor_x = (unsigned int)val << 3 | i >> 5;
	else if ((i & 0x1f) == SR11_CURSOR_Y)
		c->cursor_y = (unsigned int)val << 3 | i >> 5;
	i &= 0x1f;
	if (i == SR6_KEY)
		val = (val & 0x17) == KEY_OPEN ? KEY_OPEN : KEY_SHUT;
	if (i == SRF_DRAM)
		val = (uint8_t)((val & ~0x98) | (v->seq[SRF_DRAM] & 0x98));
	v->seq[i] = val;
	if (i == SR17_CONFIG)
		cirrus_place(c);
	return true;
}

/* The graphics controller's part of a VGA keeps what a VGA has of a register. */
static bool gfx_write(struct cirrus *c, uint8_t val)
{
	unsigned int i = c->v.gfx_index;

	if (i >= GFX_REGS)
		return true;
	write_gr(c, i, val);
	/* In planar modes a bank moves the planes' addresses. */
	if (i == GR9_OFFSET_0 || i == GRB_EXTENSIONS)
		c->v.bank = (uint32_t)c->gr[GR9_OFFSET_0]
			    << (c->gr[GRB_EXTENSIONS] & GRB_BANK_16K ? 14 : 12);
	return i > GFX_BIT_MASK;
}

static bool crtc_write(struct cirrus *c, uint8_t val)
{
	unsigned int i = c->v.crtc_index;

	if (i <= CRTC_LINE_COMPARE)
		return false;
	if (i >= CRTC_REGS || i == CR22_LATCH || (i >= CR24_ATTR_STATE && i <= CR27_ID))
		return true;
	c->v.crtc[i] = val;
	c->v.redraw = true;
	if (i == CR1B_DISPLAY)
		c->v.words = val & WRAP_EXTENDED ? c->v.vram_size / 4 : 0x10000;
	return true;
}

static bool cursor_colors(const struct cirrus *c)
{
	return c->v.seq[SR12_CURSOR] & SR12_CURSOR_COLORS;
}

static void cursor_dac_step(struct vga *v)
{
	if (++v->dac_sub == 3) {
		v->dac_sub = 0;
		v->dac_index++;
	}
}

static bool cirrus_port_write(struct vga *v, unsigned int port, uint8_t val)
{
	struct cirrus *c = (struct cirrus *)v;
	unsigned int reads = c->hidden_dac_reads;

	c->hidden_dac_reads = 0;
	switch (port) {
	case PORT_SEQ_DATA:
		return seq_write(c, val);
	case PORT_GFX_DATA:
		return gfx_write(c, val);
	case PORT_CRTC_DATA:
		return crtc_write(c, val);
	case PORT_DAC_MASK:
		if (reads != 4)
			return false;
		c->hidden_dac = val;
		v->redraw = true;
		return true;
	case PORT_DAC_DATA:
		if (!cursor_colors(c))
			return false;
		c->cursor_dac[v->dac_index & 15][v->dac_sub] = val & 0x3f;
		cursor_dac_step(v);
		return true;
	default:
		return false;
	}
}

static uint8_t crtc_read(const struct vga *v)
{
	switch (v->crtc_index) {
	case CR22_LATCH:
		return (uint8_t)(v->latch >> (8 * v->gfx[GFX_READ_MAP]));
	case CR24_ATTR_STATE:
		return v->attr_data ? 0x80 : 0;
	case CR26_ATTR_INDEX:
		return v->attr_index;
	case CR27_ID:
		return ID_5446;
	default:
		return v->crtc_index < CRTC_REGS ? v->crtc[v->crtc_index] : 0xff;
	}
}

static bool cirrus_port_read(struct vga *v, unsigned int port, uint8_t *val)
{
	struct cirrus *c = (struct cirrus *)v;
	unsigned int reads = c->hidden_dac_reads;

	c->hidden_dac_reads = 0;
	switch (port) {
	case PORT_SEQ_DATA:
		*val = v->seq[v->seq_index & 0x1f];
		return v->seq_index > SEQ_MEMORY_MODE;
	case PORT_GFX_DATA:
		*val = v->gfx_index < GFX_REGS ? c->gr[v->gfx_index] : 0xff;
		return v->gfx_index <= GFX_ENABLE_SET_RESET || v->gfx_index == GR5_MODE ||
		       v->gfx_index > GFX_BIT_MASK;
	case PORT_CRTC_DATA:
		*val = crtc_read(v);
		return v->crtc_index > CRTC_LINE_COMPARE;
	case PORT_DAC_MASK:
		/* Read four times it is the hidden register for one access. */
		if (reads == 4) {
			*val = c->hidden_dac;
			return true;
		}
		c->hidden_dac_reads = reads + 1;
		return false;
	case PORT_DAC_DATA:
		if (!cursor_colors(c))
			return false;
		*val = c->cursor_dac[v->dac_index & 15][v->dac_sub];
		cursor_dac_step(v);
		return true;
	default:
		return false;
	}
}

/* --- BAR 1 --- */

static uint64_t mmio_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct cirrus *c = (struct cirrus *)dev;

	(void)size;
	if (off < MMIO_VGA_LEN)
		return off < 0x20 ? vga_port_read(&c->v, 0x3c0 + off) : 0xff;
	return off < 2 * MMIO_VGA_LEN ? cirrus_blit_reg_read(c, off) : 0xff;
}

static void mmio_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct cirrus *c = (struct cirrus *)dev;

	(void)size;
	if (off < 0x20)
		vga_port_write(&c->v, 0x3c0 + off, (uint8_t)val);
	else if (off >= MMIO_VGA_LEN && off < 2 * MMIO_VGA_LEN)
		cirrus_blit_reg_write(c, off, (uint8_t)val);
}

/* --- life --- */

static void config_written(struct device *dev, unsigned int off, unsigned int size)
{
	if (off < PCI_BAR0 + 4 && off + size > PCI_COMMAND)
		cirrus_place((struct cirrus *)dev);
}

static const struct vga_card cirrus_card = {
	cirrus_mode, cirrus_port_read, cirrus_port_write, cirrus_draw_cursor,
};

static const char *cirrus_realize(struct device *dev)
{
	struct cirrus *c = (struct cirrus *)dev;

	if (c->vgamem_mb == 3)
		return "vgamem_mb: this chip has 1, 2 or 4 MiB";
	c->v.vram_size = (uint32_t)c->vgamem_mb << 20;
	device_region_len(dev, CIRRUS_VRAM, c->v.vram_size);
	return vga_init(&c->v, &cirrus_card, CIRRUS_VRAM);
}

static void cirrus_unrealize(struct device *dev)
{
	vga_free((struct vga *)dev);
}

static void cirrus_reset(struct device *dev)
{
	struct cirrus *c = (struct cirrus *)dev;

	vga_reset(&c->v);
	memset(c->gr, 0, sizeof(c->gr));
	memset(c->cursor_dac, 0, sizeof(c->cursor_dac));
	c->cursor_x = c->cursor_y = 0;
	c->hidden_dac = 0;
	c->hidden_dac_reads = 0;
	c->v.seq[SR6_KEY] = KEY_SHUT;
	/* The width of the memory's bus, and whether there are two banks of chips: 1, 2, 4 MiB. */
	c->v.seq[SRF_DRAM] = c->vgamem_mb == 4 ? 0x98 : c->vgamem_mb == 2 ? 0x18 : 0x10;
	cirrus_blit_reset(c);
}

static const struct device_region cirrus_regions[] = {
	[CIRRUS_VRAM] = { "vram", BUS_MMIO, 0, .memory = true },
	[CIRRUS_APERTURES] = { "apertures", BUS_MMIO, CIRRUS_APERTURES_LEN, 8, cirrus_aperture_read,
			       cirrus_aperture_write },
	[CIRRUS_MMIO] = { "registers", BUS_MMIO, 4096, 1, mmio_read, mmio_write },
	[CIRRUS_PORTS] = { "vga ports", BUS_PORT, VGA_PORTS_LEN, 1, vga_ports_read, vga_ports_write },
	[CIRRUS_WINDOW] = { "vga window", BUS_MMIO, VGA_WINDOW_LEN, 8, cirrus_window_read,
			    cirrus_window_write },
	[CIRRUS_LAST_PAGE] = { "blt registers", BUS_MMIO, VGA_PAGE, 1, cirrus_last_page_read,
			       cirrus_last_page_write },
};

static const struct device_prop cirrus_props[] = {
	PCI_PROPS,
	{ "vgamem_mb", PROP_U64, offsetof(struct cirrus, vgamem_mb), "video memory in MiB: 1, 2 or 4",
	  "4", 1, 4 },
};

static const struct pci_info cirrus_info = {
	.vendor = 0x1013, .device = 0x00b8, .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
	.class = 0x030000,
	.bar = {
		[0] = { PCI_BAR_MEM32_PREFETCH, CIRRUS_APERTURES },
		[1] = { PCI_BAR_MEM32, CIRRUS_MMIO },
	},
	.rom = "vgabios-cirrus.bin",
	.config_written = config_written,
};

static const struct device_class cirrus_vga = {
	.name = "cirrus-vga",
	.what = "graphics card: Cirrus Logic CL-GD5446, with its BitBLT engine and cursor",
	.sheet = "CL-GD5446 technical reference manual, second edition (November 1996)",
	.missing = "video windows, overlay and colour key; V-Port, DDC and EEPROM lines; screen-to-"
		   "system BLT; 8-byte latches; lock of the extended registers; what VGA has missing",
	.size = sizeof(struct cirrus),
	.pci = &cirrus_info,
	.user = true,
	.regions = cirrus_regions,
	.nr_regions = ARRAY_SIZE(cirrus_regions),
	.props = cirrus_props,
	.nr_props = ARRAY_SIZE(cirrus_props),
	.realize = cirrus_realize,
	.reset = cirrus_reset,
	.unrealize = cirrus_unrealize,
};
DEVICE_REGISTER(cirrus_vga);
