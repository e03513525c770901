// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cirrus Logic CL-GD5446 (technical reference manual, hardware cursor): two planes of 32x32 or 64x64
 * bits in the last 16 KiB of VRAM, and two colours of the DAC's own for them. A dot may invert what
 * is below it, so the cursor is drawn into the picture.
 */
#include <string.h>

#include "devices/vga/cirrus.h"

#define PATTERNS_LEN 0x4000u

struct shape {
	unsigned int size;
	const uint8_t *plane[2];
	unsigned int pitch;
};

static void find_shape(const struct cirrus *c, struct shape *s)
{
	const uint8_t *patterns = c->v.vram + c->v.vram_size - PATTERNS_LEN;
	unsigned int at = c->v.seq[SR13_CURSOR_PATTERN] & 0x3f;

	if (c->v.seq[SR12_CURSOR] & SR12_CURSOR_64) {
		/* A line of one plane, then the same line of the other. */
		s->size = 64;
		s->pitch = 16;
		s->plane[0] = patterns + (at & 0x3c) * 256;
		s->plane[1] = s->plane[0] + 8;
	} else {
		s->size = 32;
		s->pitch = 4;
		s->plane[0] = patterns + at * 256;
		s->plane[1] = s->plane[0] + 128;
	}
}

static uint32_t hash(uint32_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		h = (h ^ *p++) * 16777619u;	/* FNV-1a */
	return h;
}

uint32_t cirrus_cursor_state(const struct cirrus *c)
{
	struct shape s;
	uint32_t h = 2166136261u;

	if (!(c->v.seq[SR12_CURSOR] & SR12_CURSOR_ON))
		return 0;
	find_shape(c, &s);
	h = hash(h, &c->v.seq[SR12_CURSOR], 2);
	h = hash(h, &c->cursor_x, sizeof(c->cursor_x));
	h = hash(h, &c->cursor_y, sizeof(c->cursor_y));
	h = hash(h, c->cursor_dac, sizeof(c->cursor_dac));
	return hash(h, s.plane[0], s.size * s.size / 4);
}

static uint32_t cursor_color(const struct cirrus *c, unsigned int index)
{
	const uint8_t *rgb = c->cursor_dac[index];
	uint32_t out = 0;
	unsigned int i;

	for (i = 0; i < 3; i++)
		out = out << 8 | (uint32_t)(rgb[i] << 2 | rgb[i] >> 4);
	return out;
}

void cirrus_draw_cursor(const struct vga *v, const struct vga_mode *m, unsigned int y, uint32_t *line)
{
	const struct cirrus *c = (const struct cirrus *)v;
	struct shape s;
	unsigned int x, at;

	if (!(v->seq[SR12_CURSOR] & SR12_CURSOR_ON))
		return;
	find_shape(c, &s);
	if (y < c->cursor_y || y - c->cursor_y >= s.size)
		return;
	for (x = 0, at = c->cursor_x; x < s.size && at < m->width; x++, at++) {
		unsigned int byte = (y - c->cursor_y) * s.pitch + x / 8, bit = 7 - x % 8;

		switch ((s.plane[0][byte] >> bit & 1) | (s.plane[1][byte] >> bit & 1) << 1) {
		case 1:
			line[at] ^= 0xffffff;
			break;
		case 2:
			line[at] = cursor_color(c, 0);
			break;
		case 3:
			line[at] = cursor_color(c, 15);
			break;
		}
	}
}
