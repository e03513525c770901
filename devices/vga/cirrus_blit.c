// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cirrus Logic CL-GD5446 (technical reference manual, BitBLT engine): copies rectangles, line by
 * line. A line's source is made whole first: bytes of memory or of the processor, a pattern of 8x8
 * pixels, or bits that become two colours. Then the raster operation joins it with what is there.
 *
 * Addresses wrap at the end of VRAM. Sizes are those of the registers: at most 8192 bytes by 2048
 * lines.
 */
#include <string.h>

#include "devices/vga/cirrus.h"

#define MODE_BACKWARD	0x01
#define MODE_TO_SYSTEM	0x02
#define MODE_FROM_SYSTEM 0x04
#define MODE_TRANSPARENT 0x08
#define MODE_PATTERN	0x40
#define MODE_EXPAND	0x80
#define EXT_DWORDS	0x01	/* lines of bits begin at a doubleword */
#define EXT_INVERT	0x02	/* of transparent bits those that are 1 are not written */
#define EXT_SOLID	0x04
#define STATUS_BUSY	0x09	/* BLT, and its progress */

struct blit {
	uint32_t dest, source, dest_pitch, source_pitch;
	unsigned int width, height;	/* bytes, lines */
	unsigned int depth;		/* bytes a pixel */
	unsigned int skip;		/* bytes at a line's left that are not written */
	uint8_t mode, ext;
	uint32_t rop[4];		/* of which of ~s&~d, ~s&d, s&~d, s&d the result is made */
	bool rop_known;
	uint8_t fore[4], back[4], key[2];
};

/* A line: what is to be written, and where (all ones), when not everywhere. */
static uint8_t from[CIRRUS_BLIT_LINE + 8], where[CIRRUS_BLIT_LINE + 8];

static uint32_t get(const struct cirrus *c, unsigned int reg, unsigned int bits)
{
	uint32_t val = c->gr[reg] | (uint32_t)c->gr[reg + 1] << 8;

	if (bits > 16)
		val |= (uint32_t)c->gr[reg + 2] << 16;
	return val & ((1u << bits) - 1);
}

/* GR32's codes, with the rows of their truth tables: bit 0 is ~s&~d, bit 3 is s&d. */
static bool find_rop(struct blit *b, uint8_t code)
{
	static const struct { uint8_t code, truth; } rops[] = {
		{ 0x00, 0x0 }, { 0x05, 0x8 }, { 0x06, 0xa }, { 0x09, 0x4 }, { 0x0b, 0x5 }, { 0x0d, 0xc },
		{ 0x0e, 0xf }, { 0x50, 0x2 }, { 0x59, 0x6 }, { 0x6d, 0xe }, { 0x90, 0x1 }, { 0x95, 0x9 },
		{ 0xad, 0xd }, { 0xd0, 0x3 }, { 0xd6, 0xb }, { 0xda, 0x7 },
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(rops); i++) {
		if (rops[i].code != code)
			continue;
		for (k = 0; k < 4; k++)
			b->rop[k] = rops[i].truth >> k & 1 ? ~0u : 0;
		return true;
	}
	return false;
}

static void read_registers(const struct cirrus *c, struct blit *b)
{
	static const uint8_t fore_regs[4] = { 0x01, 0x11, 0x13, 0x15 };
	static const uint8_t back_regs[4] = { 0x00, 0x10, 0x12, 0x14 };
	unsigned int i;

	b->width = get(c, GR20_WIDTH, 13) + 1;
	b->height = get(c, GR22_HEIGHT, 11) + 1;
	b->dest_pitch = get(c, GR24_DEST_PITCH, 13);
	b->source_pitch = get(c, GR26_SOURCE_PITCH, 13);
	b->dest = get(c, GR28_DEST, 22);
	b->source = get(c, GR2C_SOURCE, 22);
	b->mode = c->gr[GR30_BLT_MODE];
	b->ext = c->gr[GR33_MODE_EXT];
	b->depth = (b->mode >> 4 & 3) + 1;
	b->skip = b->depth == 3 ? c->gr[GR2F_SKIP] & 0x1f : (c->gr[GR2F_SKIP] & 7) * b->depth;
	b->rop_known = find_rop(b, c->gr[GR32_ROP]);
	for (i = 0; i < 4; i++) {
		b->fore[i] = c->gr[fore_regs[i]];
		b->back[i] = c->gr[back_regs[i]];
	}
	memcpy(b->key, &c->gr[GR34_TRANSPARENT], 2);
}

/* --- VRAM, which wraps --- */

static void vram_get(const struct vga *v, uint32_t at, uint8_t *to, unsigned int len)
{
	uint32_t mask = v->vram_size - 1, first;

	at &= mask;
	first = v->vram_size - at;
	if (first > len)
		first = len;
	memcpy(to, v->vram + at, first);
	memcpy(to + first, v->vram, len - first);
}

static void vram_put(struct vga *v, uint32_t at, const uint8_t *data, unsigned int len)
{
	uint32_t mask = v->vram_size - 1, first;

	at &= mask;
	first = v->vram_size - at;
	if (first > len)
		first = len;
	memcpy(v->vram + at, data, first);
	vga_vram_written(v, at, first);
	memcpy(v->vram, data + first, len - first);
	vga_vram_written(v, 0, len - first);
}

/* --- a line's source --- */

static bool expands(const struct blit *b)
{
	return b->mode & MODE_EXPAND;
}

/* Patterns and bits go forward only. */
static bool backward(const struct blit *b)
{
	return (b->mode & (MODE_BACKWARD | MODE_FROM_SYSTEM | MODE_PATTERN | MODE_EXPAND)) ==
	       MODE_BACKWARD;
}

/* Bytes of source that a line takes; of a pattern all that there is. */
static unsigned int source_len(const struct blit *b)
{
	unsigned int pixels = (b->width + b->depth - 1) / b->depth;

	if (b->mode & MODE_PATTERN)
		return expands(b) ? 8 : b->depth == 3 ? 256 : 64 * b->depth;
	if (!expands(b))
		return b->mode & MODE_FROM_SYSTEM ? (b->width + 3) & ~3u : b->width;
	return b->ext & EXT_DWORDS ? (pixels + 31) / 32 * 4 : (pixels + 7) / 8;
}

/* Each bit of @bits, the uppermost first and the eight again and again for a pattern, as a pixel. */
static void expand(const struct blit *b, const uint8_t *bits, bool pattern)
{
	uint8_t unseen = b->ext & EXT_INVERT ? 1 : 0;
	unsigned int x, k, n = 0;

	for (x = 0; n < b->width; x++) {
		uint8_t bit = pattern ? bits[0] >> (7 - (x & 7)) & 1 : bits[x / 8] >> (7 - (x & 7)) & 1;

		if (b->ext & EXT_SOLID)
			bit = 1;
		for (k = 0; k < b->depth && n < b->width; k++, n++) {
			from[n] = bit ? b->fore[k] : b->back[k];
			where[n] = bit == unseen && !(b->ext & EXT_SOLID) ? 0 : 0xff;
		}
	}
}

/* @source is what source_len() says, of line @line of the rectangle. */
static void make_line(const struct blit *b, const uint8_t *source, unsigned int line)
{
	unsigned int row = (line + b->source) & 7, pitch = b->depth == 3 ? 32 : 8 * b->depth, n;

	if (!(b->mode & MODE_PATTERN) && !expands(b)) {
		memcpy(from, source, b->width);
	} else if (expands(b)) {
		expand(b, b->mode & MODE_PATTERN ? source + row : source, b->mode & MODE_PATTERN);
	} else {
		for (n = 0; n < b->width; n++)
			from[n] = source[row * pitch + n % (8 * b->depth)];
	}
}

/* --- joining it with the destination --- */

static uint8_t join(const struct blit *b, uint8_t s, uint8_t d)
{
	return (uint8_t)((~s & ~d & b->rop[0]) | (~s & d & b->rop[1]) | (s & ~d & b->rop[2]) |
			 (s & d & b->rop[3]));
}

/* Pixels of the transparent colour are not written: 8 and 16 bits a pixel have one. */
static void find_key(const struct blit *b, const uint8_t *result)
{
	unsigned int n, k;

	memset(where, 0xff, b->width);
	if (b->depth > 2)
		return;
	for (n = 0; n + b->depth <= b->width; n += b->depth)
		if (!memcmp(result + n, b->key, b->depth))
			for (k = 0; k < b->depth; k++)
				where[n + k] = 0;
}

static void write_line(struct vga *v, const struct blit *b, uint32_t dest)
{
	static uint8_t there[CIRRUS_BLIT_LINE], result[CIRRUS_BLIT_LINE];
	bool transparent = b->mode & MODE_TRANSPARENT;
	unsigned int n;

	if (b->skip >= b->width)
		return;
	vram_get(v, dest, there, b->width);
	for (n = 0; n < b->width; n++)
		result[n] = join(b, from[n], there[n]);
	if (transparent) {
		if (!expands(b))
			find_key(b, result);
		for (n = 0; n < b->width; n++)
			result[n] = (result[n] & where[n]) | (there[n] & ~where[n]);
	}
	vram_put(v, dest + b->skip, result + b->skip, b->width - b->skip);
}

/* --- the engine --- */

static void from_memory(struct cirrus *c, const struct blit *b)
{
	static uint8_t source[CIRRUS_BLIT_LINE];
	unsigned int line, len = source_len(b);
	/* Of a rectangle that goes backward, addresses are those of the last byte. */
	uint32_t back = backward(b) ? b->width - 1 : 0, dest = b->dest - back, at = b->source - back;

	if (b->mode & MODE_PATTERN) {
		/* The low bits of the address say with which row to begin. */
		vram_get(&c->v, b->source & ~7u, source, len);
	}
	for (line = 0; line < b->height; line++) {
		if (!(b->mode & MODE_PATTERN)) {
			vram_get(&c->v, at, source, len);
			/* Bits follow one another, whatever the pitch. */
			at += expands(b) ? len : backward(b) ? -b->source_pitch : b->source_pitch;
		}
		make_line(b, source, line);
		write_line(&c->v, b, dest);
		dest += backward(b) ? -b->dest_pitch : b->dest_pitch;
	}
}

void cirrus_blit_reset(struct cirrus *c)
{
	c->feed.on = false;
	c->gr[GR31_BLT_START] &= (uint8_t)~STATUS_BUSY;
	cirrus_place(c);
}

void cirrus_blit_start(struct cirrus *c)
{
	struct blit b;

	read_registers(c, &b);
	cirrus_blit_reset(c);
	if (!b.rop_known || b.mode & MODE_TO_SYSTEM)
		return;
	if (!(b.mode & MODE_FROM_SYSTEM)) {
		from_memory(c, &b);
		return;
	}
	c->feed.on = true;
	c->feed.line = c->feed.len = 0;
	c->feed.lines = b.mode & MODE_PATTERN ? 1 : b.height;
	c->feed.need = source_len(&b);
	c->gr[GR31_BLT_START] |= STATUS_BUSY;
	cirrus_place(c);
}

void cirrus_blit_feed(struct cirrus *c, uint8_t byte)
{
	unsigned int line = c->feed.line, n;
	struct blit b;

	c->feed.data[c->feed.len++] = byte;
	if (c->feed.len < c->feed.need)
		return;
	c->feed.len = 0;
	c->feed.line++;
	read_registers(c, &b);
	/* The registers may have been written since; what was counted with is what counts. */
	if (source_len(&b) == c->feed.need && b.rop_known) {
		for (n = 0; n < (b.mode & MODE_PATTERN ? b.height : 1); n++) {
			make_line(&b, c->feed.data, line + n);
			write_line(&c->v, &b, b.dest + (line + n) * b.dest_pitch);
		}
	}
	if (c->feed.line == c->feed.lines)
		cirrus_blit_reset(c);
}
