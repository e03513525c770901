// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IBM VGA (VGA and XGA technical reference): alphanumeric modes. Characters in plane 0, attributes in
 * plane 1, the dots of up to eight fonts in plane 2.
 */
#include <string.h>

#include "devices/vga/vga.h"

#define FONT_LINES 32

/* Where in plane 2 a font of the character map register begins. */
static uint32_t font_start(unsigned int map)
{
	return (map & 3) << 14 | (map & 4) << 11;
}

static bool blinking(const struct vga *v)
{
	return v->attr[ATTR_MODE] & ATTR_MODE_BLINK;
}

static uint32_t cursor_address(const struct vga *v)
{
	return (uint32_t)v->crtc[CRTC_CURSOR_HIGH] << 8 | v->crtc[CRTC_CURSOR_LOW];
}

static bool cursor_in_line(const struct vga *v, unsigned int row_scan)
{
	uint8_t start = v->crtc[CRTC_CURSOR_START];

	return !(start & CURSOR_OFF) && row_scan >= (start & 0x1f) &&
	       row_scan <= (v->crtc[CRTC_CURSOR_END] & 0x1f);
}

/* The eight dots of a character, and in bit 0 of the nine that are returned the ninth. */
static unsigned int character_dots(struct vga *v, unsigned int code, unsigned int attr,
				   unsigned int row_scan)
{
	unsigned int map = v->seq[SEQ_CHARACTER_MAP];
	unsigned int a = (map >> 2 & 3) | (map >> 3 & 4), b = (map & 3) | (map >> 2 & 4);
	uint32_t at = font_start(attr & 8 ? a : b) + code * FONT_LINES + (row_scan & 31);
	unsigned int dots = v->vram[(size_t)at * 4 + 2];
	bool line = (code & 0xe0) == 0xc0 && v->attr[ATTR_MODE] & ATTR_MODE_LINE_GRAPHICS;

	if (row_scan == (v->crtc[CRTC_UNDERLINE] & 0x1f) && (attr & 0x77) == 1)
		return 0x1ff;
	return dots << 1 | (line ? dots & 1 : 0);
}

uint32_t *vga_text_line(struct vga *v, const struct vga_mode *m, uint32_t ma, unsigned int row_scan,
			unsigned int chars, uint32_t *out)
{
	bool cursor_line = cursor_in_line(v, row_scan), blink = blinking(v);
	unsigned int i, k, phase = v->blink_shown;

	for (i = 0; i < chars; i++) {
		uint32_t at = vga_count(v, ma, i) & 0xffff;
		uint32_t word = vga_screen_word(v, m, at, row_scan);
		unsigned int attr = word >> 8 & 0xff, dots;
		uint32_t fore = v->color[attr & 15], back = v->color[attr >> 4];

		dots = character_dots(v, word & 0xff, attr, row_scan);
		if (blink) {
			back = v->color[attr >> 4 & 7];
			if (attr & 0x80) {
				v->blinks = true;
				if (!(phase & 2))
					dots = 0;
			}
		}
		if (cursor_line && at == cursor_address(v)) {
			v->blinks = true;
			if (phase & 1)
				dots = 0x1ff;
		}
		for (k = 0; k < m->dots; k++, dots <<= 1) {
			uint32_t color = dots & 0x100 ? fore : back;

			*out++ = color;
			if (m->wide == 2)
				*out++ = color;
		}
	}
	return out;
}

bool vga_text(void *arg, struct text_screen *text)
{
	struct vga *v = arg;
	struct vga_mode m;
	uint32_t cursor = cursor_address(v), ma;
	unsigned int row, col, rows, lines;

	vga_window_log(v);
	vga_mode_now(v, &m);
	lines = (m.max_scan + 1) * m.repeat;
	rows = m.height / lines;
	if (m.kind != VGA_TEXT || !rows)
		return false;
	if (rows > VGA_MAX_CELLS / m.chars)
		rows = VGA_MAX_CELLS / m.chars;
	text->columns = m.chars;
	text->rows = rows;
	text->cells = v->cells;
	text->cursor_x = text->cursor_y = -1;
	text->cursor_start = (v->crtc[CRTC_CURSOR_START] & 0x1f) * 16 / (m.max_scan + 1);
	text->cursor_end = (v->crtc[CRTC_CURSOR_END] & 0x1f) * 16 / (m.max_scan + 1);
	for (row = 0, ma = m.start; row < rows; row++, ma += m.stride) {
		/* The split screen's rows begin at address 0. */
		if (row && (row - 1) * lines <= m.line_compare && row * lines > m.line_compare)
			ma = 0;
		for (col = 0; col < m.chars; col++) {
			uint32_t at = vga_count(v, ma, col) & 0xffff;
			uint32_t word = vga_screen_word(v, &m, at, 0);

			v->cells[row * m.chars + col] = (uint16_t)word;
			if (at == cursor && !(v->crtc[CRTC_CURSOR_START] & CURSOR_OFF)) {
				text->cursor_x = (int)col;
				text->cursor_y = (int)row;
			}
		}
	}
	return true;
}
