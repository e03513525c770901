// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IBM VGA (VGA and XGA technical reference), and the linear modes of the cards: drawing what is on
 * the screen, scan line by scan line as the CRT controller goes.
 *
 * Nothing is drawn while no register that matters has changed and no page of VRAM was written. What
 * is drawn is compared with what is there already, and only the difference is told.
 */
#include <string.h>

#include "devices/vga/vga.h"

/* What has changed of the picture: rows that follow one another, as one rectangle. */
struct change {
	unsigned int x0, x1, y0, y1;	/* x1, y1: after the last; y0 == y1: nothing */
};

static void flush(struct vga *v, struct change *c)
{
	if (c->y1 > c->y0)
		display_changed(v->display, c->x0, c->y0, c->x1 - c->x0, c->y1 - c->y0);
	c->y0 = c->y1 = 0;
}

/* @line is row @y now. */
static void put_line(struct vga *v, const struct surface *s, unsigned int y, const uint32_t *line,
		     struct change *c)
{
	uint32_t *row = s->pixels + (size_t)y * (s->stride / sizeof(*row));
	unsigned int x0 = 0, x1 = s->width;

	if (!memcmp(row, line, s->width * sizeof(*row))) {
		flush(v, c);
		return;
	}
	while (row[x0] == line[x0])
		x0++;
	while (row[x1 - 1] == line[x1 - 1])
		x1--;
	memcpy(row + x0, line + x0, (x1 - x0) * sizeof(*row));
	if (c->y1 != y || c->y0 == c->y1) {
		flush(v, c);
		*c = (struct change){ x0, x1, y, y };
	}
	c->x0 = x0 < c->x0 ? x0 : c->x0;
	c->x1 = x1 > c->x1 ? x1 : c->x1;
	c->y1 = y + 1;
}

/* --- the VGA's own graphics modes --- */

/* The eight indices of a character clock: four planes, a bit each, the left one first. */
static void planar_dots(uint32_t word, uint8_t *dots)
{
	unsigned int i;

	for (i = 0; i < 8; i++, word <<= 1)
		dots[i] = (uint8_t)((word >> 7 & 1) | (word >> 14 & 2) | (word >> 21 & 4) |
				    (word >> 28 & 8));
}

/* Two bits a dot: four dots from the even planes, then four from the odd ones. */
static void cga_dots(uint32_t word, uint8_t *dots)
{
	unsigned int i;

	for (i = 0; i < 4; i++, word <<= 2) {
		dots[i] = (uint8_t)((word >> 6 & 3) | (word >> 20 & 12));
		dots[4 + i] = (uint8_t)((word >> 14 & 3) | (word >> 28 & 12));
	}
}

static uint32_t *graphics_line(struct vga *v, const struct vga_mode *m, uint32_t ma,
			       unsigned int row_scan, uint32_t *out)
{
	unsigned int i, k;
	uint8_t dots[8];

	for (i = 0; i <= m->chars; i++) {
		uint32_t word = vga_screen_word(v, m, vga_count(v, ma, i), row_scan);

		switch (m->kind) {
		case VGA_PLANAR:
			planar_dots(word, dots);
			break;
		case VGA_CGA:
			cga_dots(word, dots);
			break;
		default:
			for (k = 0; k < 8; k++)
				dots[k] = (uint8_t)(word >> (k / 2 * 8));
			break;
		}
		for (k = 0; k < 8; k++) {
			*out++ = v->color[dots[k]];
			if (m->wide == 2)
				*out++ = v->color[dots[k]];
		}
	}
	return out;
}

/* How many dots the picture is moved to the left. */
static unsigned int panned(const struct vga *v, const struct vga_mode *m)
{
	unsigned int pan = v->attr[ATTR_PANNING];

	if (m->kind == VGA_256)
		return (pan & 7) * m->wide;
	if (m->dots == 9)
		return (pan >= 8 ? 0 : pan + 1) * m->wide;
	return (pan & 7) * m->wide;
}

static void draw_vga(struct vga *v, const struct vga_mode *m, const struct surface *s)
{
	unsigned int row_scan = v->crtc[CRTC_PRESET_ROW] & 0x1f, repeated = 0, y;
	unsigned int pan = panned(v, m), byte_pan = v->crtc[CRTC_PRESET_ROW] >> 5 & 3;
	uint32_t row_start = m->start + byte_pan;
	struct change c = { 0 };

	for (y = 0; y < m->height; y++) {
		if (m->kind == VGA_TEXT)
			vga_text_line(v, m, row_start, row_scan, m->chars + 1, v->line);
		else
			graphics_line(v, m, row_start, row_scan, v->line);
		put_line(v, s, y, v->line + pan, &c);
		if (y == m->line_compare) {
			if (v->attr[ATTR_MODE] & ATTR_MODE_PAN_SPLIT)
				pan = byte_pan = 0;
			row_start = byte_pan;
			row_scan = repeated = 0;
			continue;
		}
		if (++repeated < m->repeat)
			continue;
		repeated = 0;
		if (row_scan++ == m->max_scan) {
			row_scan = 0;
			row_start += m->stride;
		}
		row_scan &= 0x1f;
	}
	flush(v, &c);
}

/* --- linear modes --- */

static uint32_t spread(uint32_t val, unsigned int bits)
{
	return val << (8 - bits) | val >> (2 * bits - 8);
}

static void linear_line(const struct vga *v, const struct vga_mode *m, const uint8_t *from,
			uint32_t *out)
{
	unsigned int i;
	uint32_t p;

	switch (m->bpp) {
	case 8:
		for (i = 0; i < m->width; i++)
			out[i] = v->color[from[i]];
		break;
	case 15:
		for (i = 0; i < m->width; i++) {
			p = from[2 * i] | (uint32_t)from[2 * i + 1] << 8;
			out[i] = spread(p >> 10 & 31, 5) << 16 | spread(p >> 5 & 31, 5) << 8 |
				 spread(p & 31, 5);
		}
		break;
	case 16:
		for (i = 0; i < m->width; i++) {
			p = from[2 * i] | (uint32_t)from[2 * i + 1] << 8;
			out[i] = spread(p >> 11, 5) << 16 | spread(p >> 5 & 63, 6) << 8 |
				 spread(p & 31, 5);
		}
		break;
	case 24:
		for (i = 0; i < m->width; i++)
			out[i] = from[3 * i] | (uint32_t)from[3 * i + 1] << 8 |
				 (uint32_t)from[3 * i + 2] << 16;
		break;
	default:
		memcpy(out, from, m->width * 4);
		for (i = 0; i < m->width; i++)
			out[i] &= 0xffffff;
		break;
	}
}

static bool any_dirty(const struct vga *v, uint64_t at, uint64_t len)
{
	uint64_t page;

	for (page = at / VGA_PAGE; page <= (at + len - 1) / VGA_PAGE; page++)
		if (v->dirty[page / 64] >> (page % 64) & 1)
			return true;
	return false;
}

static void draw_linear(struct vga *v, const struct vga_mode *m, const struct surface *s, bool all)
{
	uint64_t at = m->start, len = (uint64_t)m->width * ((m->bpp + 7) / 8);
	struct change c = { 0 };
	unsigned int y;

	for (y = 0; y < m->height; y++, at += m->stride) {
		/* A line that the memory does not have is black. */
		bool there = at < v->vram_size && len <= v->vram_size - at;

		if (!all && !(there && any_dirty(v, at, len)))
			continue;
		if (there)
			linear_line(v, m, v->vram + at, v->line);
		else
			memset(v->line, 0, m->width * sizeof(*v->line));
		if (v->card->overlay)
			v->card->overlay(v, m, y, v->line);
		put_line(v, s, y, v->line, &c);
	}
	flush(v, &c);
}

/* --- bringing the surface up to date --- */

static void find_colors(struct vga *v, const struct vga_mode *m)
{
	unsigned int i, nr = m->kind == VGA_256 || m->kind == VGA_LINEAR ? 256 : 16;

	for (i = 0; i < nr; i++)
		v->color[i] = vga_dac_color(v, nr == 16 ? vga_attr_index(v, i) : i);
}

/* What the guest wrote straight into VRAM, added to what came through the device. */
static void see_log(struct vga *v)
{
	size_t words = (v->vram_size / VGA_PAGE + 63) / 64, i;

	vga_window_log(v);
	if (!device_memory_dirty(&v->p.dev, v->vram_region, v->dirty_log))
		memset(v->dirty_log, 0xff, words * sizeof(*v->dirty_log));
	for (i = 0; i < words; i++) {
		v->dirty[i] |= v->dirty_log[i];
		v->written |= v->dirty_log[i] != 0;
	}
}

static void draw(struct vga *v, const struct vga_mode *m, bool all)
{
	const struct surface *s = v->surface;

	if (m->kind == VGA_BLANK) {
		memset(s->pixels, 0, (size_t)s->stride * s->height);
		if (all)
			display_changed(v->display, 0, 0, s->width, s->height);
		return;
	}
	/* A screen that is off keeps the size that it had. */
	display_resize(v->display, m->width, m->height);
	find_colors(v, m);
	if (m->kind == VGA_LINEAR)
		draw_linear(v, m, s, all);
	else
		draw_vga(v, m, s);
}

void vga_update(void *arg, bool all)
{
	struct vga *v = arg;
	unsigned int phase = vga_blink_phase();
	struct vga_mode m;
	bool anew;

	vga_mode_now(v, &m);
	see_log(v);
	anew = v->redraw || memcmp(&m, &v->shown, sizeof(m));
	if (!all && !anew && !v->written && !(v->blinks && phase != v->blink_shown))
		return;
	v->shown = m;
	v->blink_shown = phase;
	v->redraw = v->blinks = false;
	draw(v, &m, all || anew);
	memset(v->dirty, 0, (v->vram_size / VGA_PAGE + 63) / 64 * sizeof(*v->dirty));
	v->written = false;
	if (all)
		display_changed(v->display, 0, 0, v->surface->width, v->surface->height);
}
