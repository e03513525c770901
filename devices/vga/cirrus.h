/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Cirrus Logic CL-GD5446 (technical reference manual, second edition): cirrus.c has its
 * registers and its place on PCI, cirrus_mem.c the processor's ways into memory, cirrus_blit.c the
 * BitBLT engine, cirrus_cursor.c the hardware cursor.
 */
#ifndef ANYKVM_DEVICES_VGA_CIRRUS_H
#define ANYKVM_DEVICES_VGA_CIRRUS_H

#include "devices/vga/vga.h"

enum { CIRRUS_VRAM, CIRRUS_APERTURES, CIRRUS_MMIO, CIRRUS_PORTS, CIRRUS_WINDOW, CIRRUS_LAST_PAGE };

#define CIRRUS_APERTURES_LEN	(32u << 20)
#define CIRRUS_BLIT_LINE	8192u	/* bytes, the most that a width says */

/* Extended registers, by the sheet's names. */
enum {
	SR6_KEY = 0x06, SR7_MODE = 0x07, SRF_DRAM = 0x0f, SR10_CURSOR_X = 0x10, SR11_CURSOR_Y = 0x11,
	SR12_CURSOR = 0x12, SR13_CURSOR_PATTERN = 0x13, SR17_CONFIG = 0x17,
	GR5_MODE = 0x05, GR9_OFFSET_0 = 0x09, GRA_OFFSET_1 = 0x0a, GRB_EXTENSIONS = 0x0b,
	GR20_WIDTH = 0x20, GR22_HEIGHT = 0x22, GR24_DEST_PITCH = 0x24, GR26_SOURCE_PITCH = 0x26,
	GR28_DEST = 0x28, GR2A_DEST_HIGH = 0x2a, GR2C_SOURCE = 0x2c, GR2F_SKIP = 0x2f,
	GR30_BLT_MODE = 0x30, GR31_BLT_START = 0x31, GR32_ROP = 0x32, GR33_MODE_EXT = 0x33,
	GR34_TRANSPARENT = 0x34,
	CR1A_MISC = 0x1a, CR1B_DISPLAY = 0x1b, CR1D_OVERLAY = 0x1d, CR22_LATCH = 0x22,
	CR24_ATTR_STATE = 0x24, CR26_ATTR_INDEX = 0x26, CR27_ID = 0x27,
};

#define SR7_EXTENDED		0x01
#define SR12_CURSOR_ON		0x01
#define SR12_CURSOR_COLORS	0x02	/* the DAC's ports lead to the cursor's colours */
#define SR12_CURSOR_64		0x04
#define SR17_MMIO		0x04
#define SR17_MMIO_LINEAR	0x40	/* at the end of linear memory, and not at B8000h */
#define GRB_TWO_BANKS		0x01
#define GRB_BY_8		0x02
#define GRB_WRITE_MODES		0x04
#define GRB_16_BIT		0x10
#define GRB_BANK_16K		0x20

struct cirrus {
	struct vga v;
	uint64_t vgamem_mb;
	uint8_t gr[GFX_REGS];		/* all eight bits; v.gfx has what a VGA has of them */
	unsigned int cursor_x, cursor_y;
	uint8_t cursor_dac[16][3];
	uint8_t hidden_dac;
	unsigned int hidden_dac_reads;	/* of the PEL mask, one after the other */
	/* A BLT whose source is the processor: it goes on with each line that is complete. */
	struct {
		bool on;
		unsigned int line, lines;	/* done; in all */
		unsigned int len, need;		/* bytes of the line so far; of a whole one */
		uint8_t data[CIRRUS_BLIT_LINE + 8];
	} feed;
};

/* cirrus_blit.c */
void cirrus_blit_start(struct cirrus *c);
void cirrus_blit_reset(struct cirrus *c);
void cirrus_blit_feed(struct cirrus *c, uint8_t byte);
/* cirrus_mem.c */
uint64_t cirrus_window_read(struct device *dev, uint32_t off, unsigned int size);
void cirrus_window_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
uint64_t cirrus_aperture_read(struct device *dev, uint32_t off, unsigned int size);
void cirrus_aperture_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
uint64_t cirrus_last_page_read(struct device *dev, uint32_t off, unsigned int size);
void cirrus_last_page_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
/* What stands where on the bus, as the registers say now. */
void cirrus_place(struct cirrus *c);
/* cirrus_cursor.c */
/* A number that changes when what the cursor looks like, or where it is, changes. */
uint32_t cirrus_cursor_state(const struct cirrus *c);
void cirrus_draw_cursor(const struct vga *v, const struct vga_mode *m, unsigned int y,
			uint32_t *line);
/* cirrus.c */
uint8_t cirrus_blit_reg_read(struct cirrus *c, unsigned int off);
void cirrus_blit_reg_write(struct cirrus *c, unsigned int off, uint8_t val);

#endif
