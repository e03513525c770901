/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The VGA that every card here has in it (IBM VGA and XGA technical reference): vga_regs.c (ports),
 * vga_mem.c (the window at A0000h), vga_window.c (that window as the guest's own memory), vga_mode.c
 * (what the registers say is on the screen), vga_draw.c and vga_text.c (drawing it). A card is a PCI
 * device that begins with a struct vga and adds what it has more in a struct vga_card.
 *
 * VRAM is one array of 32-bit words: bits 0-7 of a word are plane 0 at that address, bits 8-15
 * plane 1, and so on. Chain-4 addresses and a card's linear modes are bytes in it from the start, as
 * SVGA chips have it. The IBM VGA leaves three of four addresses unused in chain-4; nothing but a
 * program that leaves chain-4 and looks at the same picture can tell.
 */
#ifndef ANYKVM_DEVICES_VGA_VGA_H
#define ANYKVM_DEVICES_VGA_VGA_H

#include "host/bus/pci.h"
#include "host/display/display.h"

#define VGA_PORTS_BASE	0x3b0u	/* the window of ports begins here */
#define VGA_PORTS_LEN	0x30u
#define VGA_WINDOW_BASE	0xa0000u
#define VGA_WINDOW_LEN	0x20000u
#define VGA_PAGE	4096u
#define VGA_CELLS_LEN	0x8000u	/* of the window's half for a text mode */

/* Ports, with x = D; the CRT controller's and the status register's are at 3Bxh in monochrome. */
enum vga_port {
	PORT_ATTR = 0x3c0, PORT_ATTR_READ = 0x3c1, PORT_MISC_WRITE = 0x3c2, PORT_ENABLE = 0x3c3,
	PORT_SEQ_INDEX = 0x3c4, PORT_SEQ_DATA = 0x3c5, PORT_DAC_MASK = 0x3c6,
	PORT_DAC_READ_INDEX = 0x3c7, PORT_DAC_WRITE_INDEX = 0x3c8, PORT_DAC_DATA = 0x3c9,
	PORT_FEATURE_READ = 0x3ca, PORT_MISC_READ = 0x3cc, PORT_GFX_INDEX = 0x3ce,
	PORT_GFX_DATA = 0x3cf, PORT_CRTC_INDEX = 0x3d4, PORT_CRTC_DATA = 0x3d5,
	PORT_STATUS_1 = 0x3da,
};

enum {
	SEQ_RESET, SEQ_CLOCKING_MODE, SEQ_MAP_MASK, SEQ_CHARACTER_MAP, SEQ_MEMORY_MODE,
	SEQ_REGS = 64
};

enum {
	GFX_SET_RESET, GFX_ENABLE_SET_RESET, GFX_COLOR_COMPARE, GFX_DATA_ROTATE, GFX_READ_MAP,
	GFX_MODE, GFX_MISC, GFX_COLOR_DONT_CARE, GFX_BIT_MASK,
	GFX_REGS = 64
};

enum {
	ATTR_MODE = 0x10, ATTR_OVERSCAN, ATTR_PLANE_ENABLE, ATTR_PANNING, ATTR_COLOR_SELECT,
	ATTR_REGS = 32
};

enum {
	CRTC_H_TOTAL, CRTC_H_DISPLAY_END, CRTC_H_BLANK_START, CRTC_H_BLANK_END, CRTC_H_SYNC_START,
	CRTC_H_SYNC_END, CRTC_V_TOTAL, CRTC_OVERFLOW, CRTC_PRESET_ROW, CRTC_MAX_SCAN,
	CRTC_CURSOR_START, CRTC_CURSOR_END, CRTC_START_HIGH, CRTC_START_LOW, CRTC_CURSOR_HIGH,
	CRTC_CURSOR_LOW, CRTC_V_SYNC_START, CRTC_V_SYNC_END, CRTC_V_DISPLAY_END, CRTC_OFFSET,
	CRTC_UNDERLINE, CRTC_V_BLANK_START, CRTC_V_BLANK_END, CRTC_MODE, CRTC_LINE_COMPARE,
	CRTC_REGS = 64
};

#define SEQ_RUN			0x03	/* of SEQ_RESET: neither reset is on */
#define CLOCKING_8_DOTS		0x01
#define CLOCKING_HALF		0x08
#define CLOCKING_SCREEN_OFF	0x20
#define MEMORY_NO_ODD_EVEN	0x04
#define MEMORY_CHAIN_4		0x08
#define GFX_MODE_READ_1		0x08
#define GFX_MODE_ODD_EVEN	0x10
#define GFX_MISC_GRAPHICS	0x01
#define GFX_MISC_CHAIN_ODD_EVEN	0x02
#define ATTR_MODE_GRAPHICS	0x01
#define ATTR_MODE_LINE_GRAPHICS	0x04
#define ATTR_MODE_BLINK		0x08
#define ATTR_MODE_PAN_SPLIT	0x20
#define ATTR_MODE_8_BIT		0x40
#define ATTR_MODE_P54		0x80
#define ATTR_INDEX_SCREEN_ON	0x20
#define CRTC_MODE_NO_CGA	0x01
#define CRTC_MODE_NO_HERCULES	0x02
#define CRTC_MODE_DOUBLE_V	0x04
#define CRTC_MODE_COUNT_BY_2	0x08
#define CRTC_MODE_WRAP_MA15	0x20
#define CRTC_MODE_BYTE		0x40
#define CRTC_MODE_RUN		0x80
#define UNDERLINE_COUNT_BY_4	0x20
#define UNDERLINE_DWORD		0x40
#define CURSOR_OFF		0x20
#define MAX_SCAN_DOUBLE		0x80
#define MISC_COLOR		0x01
#define MISC_RAM_ENABLE		0x02

enum vga_kind { VGA_BLANK, VGA_TEXT, VGA_PLANAR, VGA_CGA, VGA_256, VGA_LINEAR };

/* What is on the screen. VGA_LINEAR is a card's: rows of whole pixels. */
struct vga_mode {
	enum vga_kind kind;
	unsigned int width, height;	/* dots and scan lines, as a monitor shows them */
	unsigned int bpp;		/* of VGA_LINEAR: 8, 15, 16, 24, 32 */
	uint32_t start, stride;		/* address counter; of VGA_LINEAR: bytes */
	unsigned int chars, dots;	/* character clocks a line, dots in each */
	unsigned int wide;		/* 2: every dot is two of the clock's */
	unsigned int max_scan;		/* last scan line of a row */
	unsigned int repeat;		/* 2: every scan line twice */
	unsigned int line_compare;
	bool chain_4;			/* addresses of the screen are chain-4's, see above */
	uint32_t overlay;		/* a card's: changes with what it draws over lines */
	bool plain;			/* the counter is the address, whatever the CRTC says */
};

struct vga;

struct vga_card {
	/* What the registers of a VGA say is in @m; the card says what it is. */
	void (*mode)(const struct vga *v, struct vga_mode *m);
	/* Before the VGA's own: true when the card has the register (@port as enum vga_port). */
	bool (*port_read)(struct vga *v, unsigned int port, uint8_t *val);
	bool (*port_write)(struct vga *v, unsigned int port, uint8_t val);
	/* Over a line of a VGA_LINEAR picture. */
	void (*overlay)(const struct vga *v, const struct vga_mode *m, unsigned int y, uint32_t *line);
};

#define VGA_LINE_ROOM (DISPLAY_MAX_WIDTH + 64)	/* a line and what panning pushes out of it */
#define VGA_MAX_CELLS 16384

struct vga {
	struct pci_device p;
	const struct vga_card *card;
	uint8_t *vram;
	uint32_t vram_size;		/* bytes, a power of two */
	unsigned int vram_region;	/* of the class */
	/* Registers. */
	uint8_t seq_index, gfx_index, crtc_index, attr_index;
	bool attr_data;			/* the flip-flop: the next write to 3C0h is data */
	uint8_t seq[SEQ_REGS], gfx[GFX_REGS], crtc[CRTC_REGS], attr[ATTR_REGS];
	uint8_t misc, feature, enable;
	uint8_t dac_mask, dac_index, dac_sub, dac_latch[3];
	bool dac_reading;
	uint8_t dac[256][3];
	bool dac_8_bit;			/* a card's: 8 bits a colour */
	uint32_t latch;
	/* What a card sets about the window at A0000h. */
	uint32_t bank;			/* added to addresses: bytes of a plane, or of chain-4 */
	uint32_t words;			/* the window's part of VRAM, in words, a power of two */
	bool linear;			/* chain-4, whatever the sequencer says */
	/* Of the class, of a card whose window may be memory to the guest; 0: it may not. */
	unsigned int cells_region, guard_region;
	/* The window as memory (vga_window.c). */
	enum { VGA_NOT_MAPPED, VGA_BANK_MAPPED, VGA_CELLS_MAPPED } mapped;
	uint32_t mapped_at;		/* the bank in VRAM; where the cells are in memory */
	struct bus_window *bank_window;
	unsigned int accesses;		/* since it could have been mapped */
	/* Drawing. */
	struct display *display;
	const struct surface *surface;
	struct vga_mode shown;
	bool redraw;			/* registers have changed */
	bool written;			/* some bit of @dirty is set */
	uint64_t *dirty, *dirty_log;	/* a bit for each page of VRAM */
	unsigned int blink_shown;
	bool blinks;			/* the picture shown changes by itself */
	uint32_t color[256];		/* index of the attribute controller or the DAC to 00RRGGBB */
	uint32_t line[VGA_LINE_ROOM];
	uint16_t *cells;		/* of struct text_screen */
};

/* --- for cards --- */

/* In realize, @vram_size set: NULL or what is wrong. @region is the memory region of VRAM. */
const char *vga_init(struct vga *v, const struct vga_card *card, unsigned int region);
void vga_free(struct vga *v);
void vga_reset(struct vga *v);
/* Ports by their number, and the callbacks of a region of class that begins at VGA_PORTS_BASE. */
uint8_t vga_port_read(struct vga *v, unsigned int port);
void vga_port_write(struct vga *v, unsigned int port, uint8_t val);
uint64_t vga_ports_read(struct device *dev, uint32_t off, unsigned int size);
void vga_ports_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
/* The callbacks of the region of the window at A0000h. */
uint64_t vga_window_read(struct device *dev, uint32_t off, unsigned int size);
void vga_window_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
/*
 * The legacy addresses go with the command register's enables. @ports, @window: regions of the
 * class; @extra: a third one, of ports, at @extra_base.
 */
void vga_place(struct device *dev, unsigned int ports, unsigned int window, unsigned int extra,
	       uint16_t extra_base);
/* A byte of the window in the modes of a VGA, @addr counted from where the window begins. */
uint8_t vga_memory_read(struct vga *v, uint32_t addr);
void vga_memory_write(struct vga *v, uint32_t addr, uint8_t val);
/* After a change of what the window shows. */
void vga_window_changed(struct vga *v);
/* Before the card itself uses VRAM, or moves it: all that the guest wrote is there then. */
void vga_window_unmap(struct vga *v);
/* The callbacks of the guard, a region as long as VRAM. */
uint64_t vga_guard_read(struct device *dev, uint32_t off, unsigned int size);
void vga_guard_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
/* The device wrote VRAM. */
void vga_vram_written(struct vga *v, uint32_t at, uint32_t len);

/* --- between the files --- */

bool vga_screen_on(const struct vga *v);
void vga_mode_now(const struct vga *v, struct vga_mode *m);
/* Of the address counter's value in scan line @row_scan of a row: the four planes there. */
uint32_t vga_screen_word(const struct vga *v, const struct vga_mode *m, uint32_t ma,
			 unsigned int row_scan);
/* The counter's value @n characters after @ma. */
uint32_t vga_count(const struct vga *v, uint32_t ma, unsigned int n);
/* What the attribute controller makes of four bits: an index of the DAC. */
unsigned int vga_attr_index(const struct vga *v, unsigned int val);
uint32_t vga_dac_color(const struct vga *v, unsigned int index);
bool vga_text(void *arg, struct text_screen *text);
void vga_update(void *arg, bool all);
/* The dots of @chars characters from the one at @ma on, in one scan line; returns the end of @out. */
uint32_t *vga_text_line(struct vga *v, const struct vga_mode *m, uint32_t ma, unsigned int row_scan,
			unsigned int chars, uint32_t *out);
/* Bit 0: cursor, bit 1: attributes. A bit is set while what blinks is to be seen. */
unsigned int vga_blink_phase(void);
uint8_t vga_status_1(const struct vga *v);
/* What the guest wrote through the window as memory is in VRAM and in bits of v->dirty. */
void vga_window_log(struct vga *v);
/* It wrote through the window, and might better have it as memory. */
void vga_window_accessed(struct vga *v);
/* Nothing of the graphics controller is in the way of a byte; and with chain-4, bytes are VRAM's. */
bool vga_controller_passes(const struct vga *v);
bool vga_plain(const struct vga *v);

static inline void vga_touch(struct vga *v, uint32_t at)
{
	uint32_t page = at / VGA_PAGE;

	v->dirty[page / 64] |= 1ull << (page % 64);
	v->written = true;
}

#endif
