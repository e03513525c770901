/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programming a VGA and looking at its picture, for the tests of the cards. */
#ifndef ANYKVM_TESTS_HOST_VGA_IO_H
#define ANYKVM_TESTS_HOST_VGA_IO_H

#include "host/display/display.h"
#include "tests/host/world.h"

static inline void seq(uint8_t i, uint8_t val) { outw(0x3c4, (uint16_t)(i | val << 8)); }
static inline void gfx(uint8_t i, uint8_t val) { outw(0x3ce, (uint16_t)(i | val << 8)); }
static inline void crtc(uint8_t i, uint8_t val) { outw(0x3d4, (uint16_t)(i | val << 8)); }

static inline void attr(uint8_t i, uint8_t val)
{
	inb(0x3da);
	outb(0x3c0, i);
	outb(0x3c0, val);
	inb(0x3da);
	outb(0x3c0, 0x20);
}

static inline void dac(uint8_t i, uint8_t r, uint8_t g, uint8_t b)
{
	outb(0x3c8, i);
	outb(0x3c9, r);
	outb(0x3c9, g);
	outb(0x3c9, b);
}

static inline uint32_t color6(unsigned int v) { return v << 2 | v >> 4; }

static inline uint32_t pixel(unsigned int x, unsigned int y)
{
	const struct surface *s = display_look(display_first());

	if (x >= s->width || y >= s->height)
		return 0xbad00bad;
	return s->pixels[y * (s->stride / 4) + x];
}

static inline bool size_is(unsigned int w, unsigned int h)
{
	const struct surface *s = display_look(display_first());

	return s->width == w && s->height == h;
}

static inline uint32_t rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 16);
}

#endif
