// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IBM VGA (VGA and XGA technical reference): what the registers say is on the screen, and how the
 * CRT controller's address counter becomes an address of memory.
 */
#include <string.h>

#include "devices/vga/vga.h"

/* A register's low eight bits and what the overflow register and others have of it. */
static unsigned int ninth(unsigned int low, unsigned int reg, unsigned int bit, unsigned int to)
{
	return low | (reg >> bit & 1) << to;
}

/* Nothing is shown before a mode is set, while it is set, and on a screen that is off. */
bool vga_screen_on(const struct vga *v)
{
	return v->attr_index & ATTR_INDEX_SCREEN_ON && v->seq[SEQ_RESET] == SEQ_RUN &&
	       !(v->seq[SEQ_CLOCKING_MODE] & CLOCKING_SCREEN_OFF);
}

static enum vga_kind kind(const struct vga *v)
{
	if (!vga_screen_on(v))
		return VGA_BLANK;
	if (!(v->attr[ATTR_MODE] & ATTR_MODE_GRAPHICS))
		return VGA_TEXT;
	switch (v->gfx[GFX_MODE] >> 5 & 3) {
	case 0:
		return VGA_PLANAR;
	case 1:
		return VGA_CGA;
	default:
		return VGA_256;
	}
}

void vga_mode_now(const struct vga *v, struct vga_mode *m)
{
	const uint8_t *c = v->crtc;
	unsigned int o = c[CRTC_OVERFLOW], height;

	/* To be compared byte by byte with what is shown. */
	memset(m, 0, sizeof(*m));
	m->kind = kind(v);
	m->chars = c[CRTC_H_DISPLAY_END] + 1u;
	m->dots = v->seq[SEQ_CLOCKING_MODE] & CLOCKING_8_DOTS || m->kind != VGA_TEXT ? 8 : 9;
	m->wide = v->seq[SEQ_CLOCKING_MODE] & CLOCKING_HALF ? 2 : 1;
	height = ninth(ninth(c[CRTC_V_DISPLAY_END], o, 1, 8), o, 6, 9) + 1;
	m->height = c[CRTC_MODE] & CRTC_MODE_DOUBLE_V ? 2 * height : height;
	m->width = m->chars * m->dots * m->wide;
	m->start = (uint32_t)c[CRTC_START_HIGH] << 8 | c[CRTC_START_LOW];
	m->stride = 2u * c[CRTC_OFFSET];
	m->max_scan = c[CRTC_MAX_SCAN] & 0x1f;
	m->repeat = c[CRTC_MAX_SCAN] & MAX_SCAN_DOUBLE ? 2 : 1;
	m->line_compare = ninth(ninth(c[CRTC_LINE_COMPARE], o, 4, 8), c[CRTC_MAX_SCAN], 6, 9);
	m->chain_4 = v->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN_4;
	if (!(c[CRTC_MODE] & CRTC_MODE_RUN))
		m->kind = VGA_BLANK;
	v->card->mode(v, m);
	if (m->width > DISPLAY_MAX_WIDTH || m->height > DISPLAY_MAX_HEIGHT)
		m->kind = VGA_BLANK;
}

uint32_t vga_count(const struct vga *v, uint32_t ma, unsigned int n)
{
	if (v->crtc[CRTC_UNDERLINE] & UNDERLINE_COUNT_BY_4)
		return ma + n / 4;
	return ma + (v->crtc[CRTC_MODE] & CRTC_MODE_COUNT_BY_2 ? n / 2 : n);
}

/*
 * The counter's bits reach the memory in one of three ways: as they are, moved up by one (a word has
 * the even and the odd address) or by two, its upper bits below. Bits 13 and 14 may be the scan
 * line's instead: what a CGA and a Hercules card have in banks.
 */
uint32_t vga_screen_word(const struct vga *v, const struct vga_mode *m, uint32_t ma,
			 unsigned int row_scan)
{
	uint8_t mode = v->crtc[CRTC_MODE];
	uint32_t addr = ma, word;

	if (m->plain)
		mode = CRTC_MODE_BYTE | CRTC_MODE_NO_CGA | CRTC_MODE_NO_HERCULES;
	else if (v->crtc[CRTC_UNDERLINE] & UNDERLINE_DWORD)
		addr = ma << 2 | (ma >> 12 & 3);
	else if (!(mode & CRTC_MODE_BYTE))
		addr = ma << 1 | (ma >> (mode & CRTC_MODE_WRAP_MA15 ? 15 : 13) & 1);
	if (!(mode & CRTC_MODE_NO_CGA))
		addr = (addr & ~(1u << 13)) | (row_scan & 1) << 13;
	if (!(mode & CRTC_MODE_NO_HERCULES))
		addr = (addr & ~(1u << 14)) | (row_scan >> 1 & 1) << 14;
	if (m->chain_4)
		addr >>= 2;
	memcpy(&word, v->vram + (size_t)(addr & (v->words - 1)) * 4, 4);
	return word;
}

unsigned int vga_attr_index(const struct vga *v, unsigned int val)
{
	unsigned int color = v->attr[val & v->attr[ATTR_PLANE_ENABLE] & 15];
	unsigned int select = v->attr[ATTR_COLOR_SELECT];

	if (v->attr[ATTR_MODE] & ATTR_MODE_P54)
		color = (color & 0x0f) | (select & 3) << 4;
	return color | (select >> 2 & 3) << 6;
}

unsigned int vga_blink_phase(void)
{
	/* 16 frames of the cursor's and 32 of the attributes', at 60 Hz. */
	uint64_t phase = device_now() / 266666667;

	return (unsigned int)(~phase & 1) | (unsigned int)(~(phase >> 1) & 1) << 1;
}
