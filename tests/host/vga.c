// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The VGA and the "std" card, by their registers: ports, the window at A0000h in all its modes held
 * against a plane-by-plane model, what is drawn, VBE, and the screen's viewers.
 */
#include <sys/mman.h>

#include "devices/vga/vga.h"
#include "tests/host/vga_io.h"

#define DEVFN (2 << 3)
#define LFB 0xe0000000u
#define MMIO 0xe8000000u
#define WINDOW 0xa0000u

static struct device *dev;
static struct display *screen;
static struct display_viewer viewer;
static unsigned int changes, resizes;
static struct { unsigned int x, y, width, height; } last;

static void viewer_changed(struct display_viewer *v, unsigned int x, unsigned int y,
			   unsigned int width, unsigned int height)
{
	(void)v;
	changes++;
	last.x = x;
	last.y = y;
	last.width = width;
	last.height = height;
}

static void viewer_resized(struct display_viewer *v, const struct surface *s)
{
	(void)v;
	(void)s;
	resizes++;
}

/* --- programming it --- */

static void dispi(uint16_t i, uint16_t val)
{
	outw(0x1ce, i);
	outw(0x1cf, val);
}

static uint16_t dispi_get(uint16_t i)
{
	outw(0x1ce, i);
	return inw(0x1cf);
}

static void make_card(void)
{
	fresh();
	dev = make_pci("VGA", DEVFN);
	device_realize(dev);
	pci_enable(DEVFN, 0, LFB);
	pci_enable(DEVFN, 2, MMIO);
	screen = display_first();
	changes = resizes = 0;
}

/* The register values of a BIOS mode (IBM VGA technical reference, mode tables). */
struct bios_mode {
	uint8_t misc, seq[5], crtc[25], gfx[9], attr_mode;
};

static const struct bios_mode mode_3 = {
	0x67, { 3, 0x00, 3, 0, 2 },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e,
	  0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
	{ 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff }, 0x0c,
};
static const struct bios_mode mode_4 = {
	0x63, { 3, 0x09, 3, 0, 2 },
	{ 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e,
	  0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff },
	{ 0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff }, 0x01,
};
static const struct bios_mode mode_6 = {
	0x63, { 3, 0x01, 1, 0, 6 },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e,
	  0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff },
	{ 0, 0, 0, 0, 0, 0x00, 0x0d, 0, 0xff }, 0x01,
};
static const struct bios_mode mode_12 = {
	0xe3, { 3, 0x01, 15, 0, 6 },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c,
	  0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff },
	{ 0, 0, 0, 0, 0, 0x00, 0x05, 15, 0xff }, 0x01,
};
static const struct bios_mode mode_13 = {
	0x63, { 3, 0x01, 15, 0, 0x0e },
	{ 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e,
	  0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
	{ 0, 0, 0, 0, 0, 0x40, 0x05, 15, 0xff }, 0x41,
};

static void set_mode(const struct bios_mode *m)
{
	unsigned int i;

	outb(0x3c2, m->misc);
	for (i = 0; i < 5; i++)
		seq((uint8_t)i, m->seq[i]);
	crtc(0x11, 0);
	for (i = 0; i < 25; i++)
		crtc((uint8_t)i, m->crtc[i]);
	for (i = 0; i < 9; i++)
		gfx((uint8_t)i, m->gfx[i]);
	for (i = 0; i < 16; i++)
		attr((uint8_t)i, (uint8_t)i);
	attr(0x10, m->attr_mode);
	attr(0x12, 15);
	attr(0x13, m == &mode_3 ? 8 : 0);
	attr(0x14, 0);
	for (i = 0; i < 256; i++)
		dac((uint8_t)i, (uint8_t)(i & 63), (uint8_t)(i >> 2), (uint8_t)(63 - (i & 63)));
}

/* What set_mode() put into the DAC. */
static uint32_t color(unsigned int i)
{
	return color6(i & 63) << 16 | color6(i >> 2) << 8 | color6(63 - (i & 63));
}

/* --- ports --- */

static void ports(void)
{
	unsigned int i;

	make_card();
	ok(inb(0x3d4) == 0xff, "color ports are not there before the misc register says so");
	outb(0x3b4, 0x0a);
	ok(inb(0x3b4) == 0x0a, "monochrome ports are");
	outb(0x3c2, 0x67);
	ok(inb(0x3b4) == 0xff && inb(0x3d4) == 0x0a && inb(0x3cc) == 0x67, "and now the other way round");
	outb(0x3c4, 2);
	outb(0x3c5, 0xff);
	ok(inb(0x3c5) == 0x0f, "map mask has four bits");
	gfx(8, 0xa5);
	ok(inb(0x3cf) == 0xa5, "a word writes index and data");
	crtc(0x11, 0);
	crtc(0, 0x55);
	crtc(0x11, 0x80);
	crtc(0, 0x11);
	crtc(7, 0xff);
	outb(0x3d4, 0);
	ok(inb(0x3d5) == 0x55, "CRTC 0 to 7 protected");
	outb(0x3d4, 7);
	ok(inb(0x3d5) == 0x10, "but for the line compare bit of 7");
	inb(0x3da);
	outb(0x3c0, 0x12);
	outb(0x3c0, 0x0a);
	outb(0x3c0, 0x13);
	ok(inb(0x3c0) == 0x13, "attribute flip-flop: index again");
	inb(0x3da);
	outb(0x3c0, 0x12);
	ok(inb(0x3c1) == 0x0a, "reading 3DAh resets the flip-flop");
	attr(3, 5);
	outb(0x3c0, 0x23);
	outb(0x3c0, 0x3f);
	inb(0x3da);
	outb(0x3c0, 3);
	ok(inb(0x3c1) == 5, "the palette is not written while the screen has it");
	dac(7, 1, 2, 0xff);
	outb(0x3c7, 7);
	ok(inb(0x3c7) == 3, "DAC in read mode");
	ok(inb(0x3c9) == 1 && inb(0x3c9) == 2 && inb(0x3c9) == 63, "DAC colors have six bits");
	ok(inb(0x3c8) == 8, "DAC index counts");
	for (i = 0; i < 10; i++)
		outb((uint16_t)(0x3c0 + i), 0xff);
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	ok(inb(0x3cc) == 0xff, "no ports without I/O space");
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_IO, 2);
	ok(inb(0x3cc) != 0xff || inb(0x3c4) == 0xff, "and there again");
	bus_reset(bus);
	ok(inb(0x3cc) == 0xff, "reset: no ports");
}

static void retrace(void)
{
	unsigned int sync = 0, blank = 0, rises = 0, i;
	bool before = true;

	make_card();
	set_mode(&mode_3);
	for (i = 0; i < 100000; i++) {
		uint8_t st = inb(0x3da);

		sync += !!(st & 8);
		blank += st & 1;
		rises += (st & 8) && !before;
		before = st & 8;
		pass(10000);
	}
	/* One second of 70.09 Hz: 449 lines, of which 2 are sync and 400 with 80 of 100 characters seen. */
	ok(rises >= 69 && rises <= 71, "70 frames a second (%u)", rises);
	ok(sync > 300 && sync < 600, "sync is up 2 of 449 lines (%u)", sync);
	ok(blank > 25000 && blank < 32000, "nothing is displayed 28.7%% of the time (%u)", blank);
}

/* --- memory against a model --- */

struct model {
	uint8_t plane[4][0x10000];
	uint8_t latch[4];
	uint8_t g[9], map_mask, memory_mode;
};

static struct model mo;

static uint32_t model_address(uint32_t a, bool odd_even)
{
	if (odd_even && mo.g[6] & 2)
		a = (a & ~1u) | (a >> 16 & 1);
	return a & 0xffff;
}

static uint8_t model_read(uint32_t a)
{
	bool chain = mo.memory_mode & 8, oe = mo.g[5] & 0x10;
	uint32_t at = chain ? a >> 2 & 0xffff : model_address(a, oe);
	unsigned int p = chain ? a & 3 : oe ? (mo.g[4] & 2) | (a & 1) : mo.g[4], i, bit;
	uint8_t out = 0;

	for (i = 0; i < 4; i++)
		mo.latch[i] = mo.plane[i][at];
	if (!(mo.g[5] & 8))
		return mo.latch[p];
	for (bit = 0; bit < 8; bit++) {
		bool same = true;

		for (i = 0; i < 4; i++)
			if (mo.g[7] >> i & 1 && (mo.latch[i] >> bit & 1) != (mo.g[2] >> i & 1))
				same = false;
		out |= (uint8_t)(same << bit);
	}
	return out;
}

static void model_write(uint32_t a, uint8_t val)
{
	bool chain = mo.memory_mode & 8, oe = !(mo.memory_mode & 4);
	uint32_t at = chain ? a >> 2 & 0xffff : model_address(a, oe);
	uint8_t rot = (uint8_t)(val >> (mo.g[3] & 7) | val << (8 - (mo.g[3] & 7)));
	unsigned int p;

	for (p = 0; p < 4; p++) {
		uint8_t sr = mo.g[0] >> p & 1 ? 0xff : 0, mask = mo.g[8], d;

		if (!(mo.map_mask >> p & 1) || (chain && p != (a & 3)) ||
		    (!chain && oe && (p & 1) != (a & 1)))
			continue;
		switch (mo.g[5] & 3) {
		case 0:
			d = mo.g[1] >> p & 1 ? sr : rot;
			break;
		case 1:
			mo.plane[p][at] = mo.latch[p];
			continue;
		case 2:
			d = val >> p & 1 ? 0xff : 0;
			break;
		default:
			d = sr;
			mask &= rot;
			break;
		}
		switch (mo.g[3] >> 3) {
		case 1: d &= mo.latch[p]; break;
		case 2: d |= mo.latch[p]; break;
		case 3: d ^= mo.latch[p]; break;
		}
		mo.plane[p][at] = (d & mask) | (mo.latch[p] & ~mask);
	}
}

static void memory_modes(void)
{
	static const struct { uint32_t start, len; } maps[4] = {
		{ 0xa0000, 0x20000 }, { 0xa0000, 0x10000 }, { 0xb0000, 0x8000 }, { 0xb8000, 0x8000 },
	};
	static const uint8_t masks[9] = { 15, 15, 15, 31, 3, 0x1b, 0x0e, 15, 255 };
	unsigned int round, i, n, bad = 0, bad_words = 0;
	const uint8_t *vram;

	make_card();
	vram = device_memory(dev, 0);
	outb(0x3c2, 0x67);
	memset(&mo, 0, sizeof(mo));
	for (round = 0; round < 2000; round++) {
		uint32_t near = rnd();

		for (i = 0; i < 9; i++) {
			mo.g[i] = (uint8_t)(rnd() & masks[i]);
			gfx((uint8_t)i, mo.g[i]);
		}
		mo.map_mask = rnd() & 15;
		mo.memory_mode = (uint8_t)(rnd() & (round & 1 ? 0x0e : 6));
		seq(2, mo.map_mask);
		seq(4, mo.memory_mode);
		for (n = 0; n < 20; n++) {
			unsigned int map = mo.g[6] >> 2 & 3, size = 1u << rnd() % 3;
			uint32_t a = ((near + rnd() % 64) % maps[map].len) & ~(size - 1);
			uint32_t got, want = 0, val = rnd();

			if (rnd() & 1) {
				got = (uint32_t)mmio_read(maps[map].start + a, size);
				for (i = 0; i < size; i++)
					want |= (uint32_t)model_read(a + i) << 8 * i;
				bad += got != want;
			} else {
				mmio_write(maps[map].start + a, val, size);
				for (i = 0; i < size; i++)
					model_write(a + i, (uint8_t)(val >> 8 * i));
			}
		}
	}
	for (i = 0; i < 0x40000; i++)
		bad_words += vram[i] != mo.plane[i & 3][i / 4];
	ok(!bad, "random reads in all modes are the model's (%u are not)", bad);
	ok(!bad_words, "and so is all of memory (%u bytes are not)", bad_words);
	gfx(6, 0x0c);
	ok(mmio_read(0xa0000, 1) == 0xff && mmio_read(0xb0000, 1) == 0xff, "outside of the window: nothing");
	mmio_write(0xb7fff, 0xffff, 2);
	outb(0x3c2, 0x65);
	ok(mmio_read(0xb8000, 4) == 0xffffffff, "memory disabled");
}

/* --- text --- */

/* A font in which dot row r of character c is c + r. */
static void load_font(void)
{
	unsigned int c, r;

	seq(2, 4);
	seq(4, 6);
	gfx(5, 0);
	gfx(6, 0x04);
	for (c = 0; c < 256; c++)
		for (r = 0; r < 16; r++)
			mmio_write(0xa0000 + c * 32 + r, (uint8_t)(c + r), 1);
	seq(2, 3);
	seq(4, 2);
	gfx(5, 0x10);
	gfx(6, 0x0e);
}

static void cell(unsigned int n, uint8_t c, uint8_t a)
{
	mmio_write(0xb8000 + 2 * n, (uint16_t)(c | a << 8), 2);
}

/* Does cell (x, y) look like character @c with @attr, @dots dots wide? */
static bool looks(unsigned int x, unsigned int y, uint8_t c, uint8_t a, unsigned int dots)
{
	unsigned int r, k;

	for (r = 0; r < 16; r++)
		for (k = 0; k < dots; k++) {
			uint8_t bits = (uint8_t)(c + r);
			bool on = k < 8 ? bits >> (7 - k) & 1 : (c & 0xe0) == 0xc0 && bits & 1;

			if (pixel(x * dots + k, y * 16 + r) != color(on ? a & 15 : a >> 4))
				return false;
		}
	return true;
}

static void text_mode(void)
{
	struct text_screen text;
	unsigned int i;

	make_card();
	ok(!display_text(screen, &text), "no text before a mode is set");
	set_mode(&mode_3);
	load_font();
	for (i = 0; i < 80 * 26; i++)
		cell(i, (uint8_t)i, (uint8_t)((i >> 4 & 7) << 4 | (i & 15)));
	crtc(10, 0x20);
	ok(size_is(720, 400), "80x25 characters of 9x16 dots");
	ok(looks(1, 0, 1, 1, 9) && looks(79, 24, 1999 & 255, (1999 >> 4 & 7) << 4 | 15, 9),
	   "first and last line");
	ok(looks(0xc5 % 80, 0xc5 / 80, 0xc5, 0x45, 9), "line graphics have the ninth dot");
	seq(1, 1);
	ok(size_is(640, 400) && looks(5, 0, 5, 5, 8), "8 dots");
	seq(1, 9);
	ok(size_is(1280, 400) && pixel(160, 0) == pixel(161, 0), "half the dot clock");
	seq(1, 0);
	crtc(0x0d, 80);
	ok(looks(1, 0, 81, 0x51, 9), "start address");
	crtc(0x0d, 0);
	crtc(8, 3);
	ok(pixel(9 + 5, 0) == color(1) && pixel(9 + 7, 0) == color(0), "preset row scan");
	crtc(8, 0);
	attr(0x13, 0);
	ok(pixel(8, 0) == color(0), "panning by one dot");
	attr(0x13, 8);
	/* Line compare at 199: the lower half begins at address 0. */
	crtc(0x0d, 160);
	crtc(7, 0x0f);
	crtc(9, 0x0f);
	crtc(0x18, 199);
	ok(pixel(9 + 8, 0) == color(161 >> 4 & 7) && pixel(9 + 7, 200) == color(1),
	   "split screen");
	ok(display_text(screen, &text) && text.columns == 80 && text.rows == 25 &&
	   (text.cells[0] & 255) == 160 && (text.cells[80 * 13] & 255) == 0, "as text as well");
	set_mode(&mode_3);
	seq(3, 0x04);
	ok(pixel(8 * 9 + 4, 0) == color(0) && pixel(1 * 9 + 7, 0) == color(1),
	   "attribute bit 3 selects the other font");
	seq(3, 0);
	cell(0, 0, 0x01);
	crtc(0x14, 5);
	ok(pixel(3, 5) == color(1) && pixel(3, 4) == color(0), "underline");
}

static void text_cursor(void)
{
	struct text_screen text;
	unsigned int n;

	make_card();
	set_mode(&mode_3);
	load_font();
	for (n = 0; n < 2000; n++)
		cell(n, 0, 0x07);
	crtc(0x0e, 0);
	crtc(0x0f, 82);
	clock_now = 1000;	/* the cursor is to be seen now */
	ok(pixel(18, 16 + 13) == color(7) && pixel(26, 16 + 14) == color(7) &&
	   pixel(18, 16 + 15) == pixel(0, 15) && pixel(27, 16 + 13) == pixel(0, 13), "cursor");
	ok(display_text(screen, &text) && text.cursor_x == 2 && text.cursor_y == 1 &&
	   text.cursor_start == 13 && text.cursor_end == 14, "cursor of the text");
	viewer = (struct display_viewer){ viewer_resized, viewer_changed, NULL, true, NULL };
	display_attach(screen, &viewer);
	pass(100000000);
	changes = 0;
	pass(100000000);
	ok(changes == 0, "an idle screen changes nothing");
	pass(266666667);
	ok(changes == 1 && last.x == 18 && last.y == 29 && last.width == 9 && last.height == 2,
	   "but its cursor blinks (%u changes)", changes);
	cell(85, 'A', 0x07);
	changes = 0;
	pass(40000000);
	ok(changes == 1 && last.y >= 16 && last.y + last.height <= 32 && last.x >= 45 &&
	   last.x + last.width <= 54, "a character changes its place only");
	crtc(10, 0x20);
	pass(40000000);
	changes = 0;
	pass(1000000000);
	ok(changes == 0, "no cursor: nothing blinks");
	cell(85, 1, 0x87);
	attr(0x10, 0x04);
	pass(40000000);
	changes = 0;
	pass(1000000000);
	ok(changes == 0, "bit 7 is the background's");
	attr(0x10, 0x08);
	pass(40000000);
	changes = 0;
	pass(1066666668);
	ok(changes == 2, "or blinking (%u)", changes);
	display_detach(screen, &viewer);
	changes = 0;
	cell(85, 'B', 0x07);
	pass(1000000000);
	ok(changes == 0, "nobody looks: nothing is drawn");
}

/* --- graphics --- */

static void planar_16(void)
{
	make_card();
	set_mode(&mode_12);
	ok(size_is(640, 480), "mode 12h is 640x480");
	/* Colour 5 at (13, 2), by write mode 2 and the bit mask. */
	gfx(5, 2);
	gfx(8, 0x80 >> (13 & 7));
	mmio_read(WINDOW + 2 * 80 + 1, 1);
	mmio_write(WINDOW + 2 * 80 + 1, 5, 1);
	ok(pixel(13, 2) == color(5) && pixel(12, 2) == color(0) && pixel(14, 2) == color(0), "a dot");
	attr(5, 0x3a);
	ok(pixel(13, 2) == color(0x3a), "through the palette");
	attr(0x14, 0x05);
	attr(0x10, 0x81);
	ok(pixel(13, 2) == color(0x5a), "and the color select register");
	attr(0x12, 4);
	attr(0x10, 1);
	attr(0x14, 0);
	ok(pixel(13, 2) == color(4), "and the color plane enable");
	attr(0x12, 15);
	attr(0x13, 3);
	ok(pixel(10, 2) == color(0x3a), "panned by three");
	crtc(8, 0x20);
	ok(pixel(2, 2) == color(0x3a), "and by a byte");
	crtc(8, 0);
	attr(0x13, 0);
	crtc(0x13, 0x14);
	ok(pixel(13, 4) == color(0x3a), "half the offset: twice as far down");
	seq(1, 0x21);
	ok(pixel(13, 4) == 0 && size_is(640, 480), "screen off: black");
}

static void cga(void)
{
	make_card();
	set_mode(&mode_4);
	ok(size_is(640, 400), "mode 4 is 320x200, on 640x400 dots");
	mmio_write(0xb8000, 0x1b, 1);		/* 0 1 2 3 */
	mmio_write(0xb8001, 0xe4, 1);		/* 3 2 1 0 */
	mmio_write(0xb8000 + 80, 0xff, 1);	/* line 2 */
	mmio_write(0xba000, 0x55, 1);		/* line 1 */
	ok(pixel(0, 0) == color(0) && pixel(2, 0) == color(1) && pixel(4, 1) == color(2) &&
	   pixel(7, 1) == color(3) && pixel(8, 0) == color(3) && pixel(14, 0) == color(0), "line 0");
	ok(pixel(0, 2) == color(1) && pixel(7, 3) == color(1) && pixel(8, 2) == color(0), "line 1 is at 2000h");
	ok(pixel(0, 4) == color(3) && pixel(0, 6) == color(0), "line 2 is after line 0");
	make_card();
	set_mode(&mode_6);
	ok(size_is(640, 400), "mode 6 is 640x200");
	mmio_write(0xb8000, 0x81, 1);
	mmio_write(0xba000 + 79, 0x01, 1);
	ok(pixel(0, 0) == color(1) && pixel(1, 0) == color(0) && pixel(7, 1) == color(1) &&
	   pixel(639, 2) == color(1) && pixel(639, 4) == color(0), "its dots");
}

static void colors_256(void)
{
	make_card();
	set_mode(&mode_13);
	ok(size_is(640, 400), "mode 13h is 320x200, on 640x400 dots");
	mmio_write(WINDOW + 3 * 320 + 7, 0xc8, 1);
	mmio_write(WINDOW + 199 * 320 + 316, 0x44332211, 4);
	ok(pixel(14, 6) == color(0xc8) && pixel(15, 7) == color(0xc8) && pixel(13, 6) == color(0) &&
	   pixel(16, 6) == color(0), "a byte is a dot of 2x2");
	ok(pixel(639, 399) == color(0x44) && pixel(632, 398) == color(0x11), "the last ones");
	outb(0x3c6, 0x0f);
	ok(pixel(14, 6) == color(8), "PEL mask");
	outb(0x3c6, 0xff);
	dac(0xc8, 63, 0, 0);
	ok(pixel(14, 6) == 0xff0000, "another color");
	/* Unchained, as programs do. */
	seq(4, 6);
	crtc(0x14, 0);
	crtc(0x17, 0xe3);
	seq(2, 2);
	mmio_write(WINDOW + 5 * 80 + 2, 0x21, 1);
	ok(pixel(18, 10) == color(0x21) && pixel(16, 10) == color(0) && pixel(20, 10) == color(0),
	   "unchained: plane 1 is the second dot of four");
	crtc(0x0c, 1);
	crtc(0x0d, 0x90);
	ok(pixel(18, 0) == color(0x21), "page flipping");
	crtc(9, 0);
	ok(pixel(18, 0) == color(0x21) && pixel(18, 1) == color(0), "400 lines");
}

/* --- VBE --- */

static void vbe_set(uint16_t w, uint16_t h, uint16_t bpp, uint16_t flags)
{
	dispi(4, 0);
	dispi(1, w);
	dispi(2, h);
	dispi(3, bpp);
	dispi(4, 1 | flags);
	inb(0x3da);
	outb(0x3c0, 0x20);
}

static void vbe_registers(void)
{
	make_card();
	ok(dispi_get(0) == 0xb0c5, "version 5");
	dispi(0, 0xb0c2);
	ok(dispi_get(0) == 0xb0c2, "or an earlier one");
	dispi(0, 0x1234);
	ok(dispi_get(0) == 0xb0c2, "nothing else");
	outw(0x1ce, 10);
	ok(inw(0x1d0) == 256, "16 MiB, also at 1D0h");
	dispi(4, 2);
	ok(dispi_get(1) == 2560 && dispi_get(2) == 1600 && dispi_get(3) == 32, "what it can do");
	vbe_set(1024, 768, 32, 0x40);
	ok(dispi_get(1) == 1024 && dispi_get(6) == 1024 && dispi_get(7) == 4096 && size_is(1024, 768), "1024x768");
	dispi(1, 640);
	ok(dispi_get(1) == 1024, "not changed while it is on");
	dispi(6, 2048);
	ok(dispi_get(6) == 2048 && dispi_get(7) == 2048, "virtual width");
	dispi(8, 3000);
	dispi(9, 1500);
	ok(dispi_get(8) == 1024 && dispi_get(9) == 1280, "offsets stay inside");
	vbe_set(0xffff, 0xffff, 77, 0);
	ok(dispi_get(1) == 2560 && dispi_get(2) == 1600 && dispi_get(3) == 8, "too much becomes the most");
	vbe_set(0, 0, 32, 0);
	ok(size_is(8, 1), "nothing becomes something");
	ok(mmio_read(MMIO + 0x500, 2) == 0xb0c2 && mmio_read(MMIO + 0x506, 2) == 32, "the same in BAR 2");
	mmio_write(MMIO + 0x508, 0, 2);
	ok(dispi_get(4) == 0, "and written there");
	mmio_write(MMIO + 0x402, 0x67, 1);
	ok(inb(0x3cc) == 0x67 && mmio_read(MMIO + 0x40c, 1) == 0x67, "and the VGA's ports");
}

static void vbe_pixels(void)
{
	make_card();
	vbe_set(640, 480, 32, 0x40);
	mmio_write(LFB + (100 * 640 + 50) * 4, 0xff123456, 4);
	ok(pixel(50, 100) == 0x123456, "32 bits");
	vbe_set(640, 480, 24, 0x40);
	mmio_write(LFB + (100 * 640 + 50) * 3, 0x3456, 2);
	mmio_write(LFB + (100 * 640 + 50) * 3 + 2, 0x12, 1);
	ok(pixel(50, 100) == 0x123456, "24 bits");
	vbe_set(640, 480, 16, 0x40);
	mmio_write(LFB + (100 * 640 + 50) * 2, 31 << 11 | 32 << 5 | 1, 2);
	ok(pixel(50, 100) == 0xff8208, "16 bits");
	vbe_set(640, 480, 15, 0x40);
	mmio_write(LFB + (100 * 640 + 50) * 2, 31 << 10 | 16 << 5 | 1, 2);
	ok(pixel(50, 100) == 0xff8408, "15 bits");
	vbe_set(640, 480, 8, 0x40);
	dac(9, 63, 32, 1);
	mmio_write(LFB + 100 * 640 + 50, 9, 1);
	ok(pixel(50, 100) == 0xff8204, "8 bits");
	vbe_set(640, 480, 8, 0xe0);
	dac(9, 0x81, 0x42, 0x24);
	ok(pixel(50, 100) == 0x814224, "8 bits a color, and memory is not cleared");
	outb(0x3c2, 0x67);
	gfx(6, 5);
	gfx(8, 0xff);
	dispi(5, 3);
	mmio_write(WINDOW + 0x1234, 0x77, 1);
	ok(mmio_read(LFB + 0x31234, 1) == 0x77 && mmio_read(WINDOW + 0x1234, 1) == 0x77, "a bank");
	dispi(5, 0xffff);
	ok(dispi_get(5) == 255, "no bank beyond memory");
	mmio_write(WINDOW + 0xffff, 0x11, 1);
	ok(mmio_read(LFB + 0xffffff, 1) == 0x11, "its last byte");
	dispi(6, 1280);
	dispi(8, 8);
	dispi(9, 2);
	mmio_write(LFB + 3 * 1280 + 8, 9, 1);
	ok(pixel(0, 1) == 0x814224, "offsets");
	outb(0x3c0, 0);
	inb(0x3da);
	outb(0x3c0, 0);
	ok(pixel(0, 1) == 0, "screen off");
	vbe_set(800, 600, 4, 0);
	seq(2, 15);
	seq(4, 6);
	attr(0x12, 15);
	attr(6, 6);
	dac(6, 63, 63, 63);
	dispi(5, 0);
	gfx(5, 2);
	mmio_write(WINDOW + 599 * 100 + 99, 6, 1);
	ok(size_is(800, 600) && pixel(799, 599) == 0xffffff, "4 bits, in planes");
}

static void window_as_memory(void)
{
	const struct vga *v;
	unsigned int i, bad = 0;

	make_card();
	v = (const struct vga *)dev;
	set_mode(&mode_13);
	for (i = 0; i < 1000; i++)
		mmio_write(WINDOW + i, (uint8_t)(3 * i), 1);
	for (i = 0; i < 1000; i++)
		bad += mmio_read(WINDOW + i, 1) != (uint8_t)(3 * i);
	ok(v->mapped == VGA_BANK_MAPPED && !bad && pixel(2 * 100, 0) == color(300 & 255), "plain bytes: it is memory");
	seq(2, 1);
	mmio_write(WINDOW + 101, 0xee, 1);
	ok(!v->mapped && mmio_read(WINDOW + 101, 1) == (303 & 255), "not with a plane masked");
	vbe_set(640, 480, 8, 0x40);
	gfx(8, 0xff);
	dispi(5, 3);
	for (i = 0; i < 1000; i++)
		mmio_write(WINDOW + i * 4, i, 4);
	ok(v->mapped == VGA_BANK_MAPPED && mmio_read(LFB + 0x30000 + 999 * 4, 4) == 999, "a bank as memory");
	dispi(5, 4);
	mmio_write(WINDOW, 0x77, 1);
	ok(!v->mapped && mmio_read(LFB + 0x40000, 1) == 0x77, "and the next one");
	for (i = 0; i < 1000; i++)
		mmio_write(WINDOW + i * 4, i, 4);
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_IO, 2);
	ok(mmio_read(WINDOW, 4) == 0xffffffff, "nothing is there without memory space");
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
	for (i = 0; i < 1000; i++)
		mmio_write(WINDOW + i * 4, i, 4);
	bus_reset(bus);
	ok(!v->mapped, "nor after a reset");
}

/* As many cells as make the guest's text memory its own. */
static void write_cells(uint32_t base)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		mmio_write(base + 2 * i, (uint16_t)(0x0700 + 3 * i), 2);
}

static unsigned int wrong_cells(uint32_t base)
{
	unsigned int i, bad = 0;

	for (i = 0; i < 1000; i++)
		bad += mmio_read(base + 2 * i, 2) != (uint16_t)(0x0700 + 3 * i);
	return bad;
}

static void cells_as_memory(void)
{
	const uint32_t moved = LFB + 0x4000000;
	const struct vga *v;
	struct text_screen text;

	make_card();
	v = (const struct vga *)dev;
	set_mode(&mode_3);
	write_cells(0xb8000);
	ok(v->mapped == VGA_CELLS_MAPPED && !wrong_cells(0xb8000), "cells: they are memory");
	ok(display_text(screen, &text) && text.cells[999] == (uint16_t)(0x0700 + 3 * 999), "and text");
	mmio_write(0xb8000, 0x1741, 2);
	ok(display_text(screen, &text) && text.cells[0] == 0x1741 && v->mapped, "and again");
	crtc(0x0f, 5);
	mmio_write(0xb8002, 0x42, 1);
	ok(v->mapped == VGA_CELLS_MAPPED && mmio_read(0xb8002, 1) == 0x42, "the cursor changes nothing");
	ok(mmio_read(0xa0000, 4) == 0xffffffff && mmio_read(0xb0000, 4) == 0xffffffff,
	   "the rest of the window is not there");
	ok(mmio_read(LFB + 8, 4) == 0x0742 && !v->mapped,
	   "by the BAR they are in planes 0 and 1, and memory no longer");
	write_cells(0xb8000);
	mmio_write(LFB + 8 * 999, 0x1e58, 2);
	ok(!v->mapped && mmio_read(0xb8000 + 2 * 999, 2) == 0x1e58, "what is written there is seen");
	write_cells(0xb8000);
	seq(2, 4);
	seq(4, 6);
	gfx(4, 2);
	gfx(5, 0);
	gfx(6, 0);
	mmio_write(WINDOW + 7, 0x5a, 1);
	ok(!v->mapped && mmio_read(WINDOW + 7, 1) == 0x5a, "not while a font is loaded");
	set_mode(&mode_3);
	ok(!wrong_cells(0xb8000) && mmio_read(LFB + 7 * 4, 4) >> 16 == 0x5a, "and all stays where it was");
	gfx(6, 0x0a);
	write_cells(0xb0000);
	ok(v->mapped == VGA_CELLS_MAPPED && !wrong_cells(0xb0000) &&
	   mmio_read(0xb8000, 2) == 0xffff, "where a monochrome card has them");
	gfx(6, 0x0e);
	ok(!v->mapped && !wrong_cells(0xb8000), "moved");
	write_cells(0xb8000);
	mmio_write(0xb8000, 0x0133, 2);
	pci_enable(DEVFN, 0, moved);
	ok(mmio_read(moved, 2) == 0x0133 && mmio_read(LFB, 4) == 0xffffffff, "VRAM moves away below");
	pci_enable(DEVFN, 0, LFB);
	write_cells(0xb8000);
	ok(v->mapped == VGA_CELLS_MAPPED, "memory again");
	vbe_set(640, 480, 8, 0x40);
	ok(!v->mapped && !mmio_read(LFB, 4) && !mmio_read(LFB + 8 * 500, 4), "VBE clears what was there");
	dispi(4, 0);
	set_mode(&mode_3);
	write_cells(0xb8000);
	seq(2, 15);
	mmio_write(0xb8000, 0x2020, 2);
	ok(!v->mapped && mmio_read(LFB, 4) == 0x20202020, "not with planes 2 and 3 written too");
	seq(2, 3);
	write_cells(0xb8000);
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_IO, 2);
	ok(!v->mapped && mmio_read(0xb8000, 4) == 0xffffffff, "nothing is there without memory space");
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
	ok(!wrong_cells(0xb8000), "and back");
	write_cells(0xb8000);
	bus_reset(bus);
	ok(!v->mapped && !v->vram[0], "nor after a reset");
}

static void edid(void)
{
	unsigned int i, sum = 0;

	make_card();
	for (i = 0; i < 128; i++)
		sum += (unsigned int)mmio_read(MMIO + i, 1);
	ok(!(sum & 255), "EDID's sum is 0");
	ok(mmio_read(MMIO, 4) == 0xffffff00 && mmio_read(MMIO + 18, 2) == 0x0401, "its head and version");
	ok((mmio_read(MMIO + 56, 1) | (mmio_read(MMIO + 58, 1) >> 4) << 8) == 1280 &&
	   (mmio_read(MMIO + 59, 1) | (mmio_read(MMIO + 61, 1) >> 4) << 8) == 800, "its best mode");
	ok(mmio_read(MMIO + 0x3fe, 2) == 0, "nothing behind it");
}

/* --- viewers --- */

static void viewers(void)
{
	static const uint32_t arrow[4] = { 0xffff0000, 0x80ffffff, 0, 0xff00ff00 };

	make_card();
	vbe_set(640, 480, 32, 0x40);
	viewer = (struct display_viewer){ viewer_resized, viewer_changed, NULL, true, NULL };
	display_attach(screen, &viewer);
	pass(1);
	ok(changes && last.width == 640 && last.height == 480, "all of it for a new viewer");
	changes = 0;
	vbe_set(800, 600, 32, 0x40);
	pass(40000000);
	ok(resizes == 1, "told of another size");
	changes = 0;
	mmio_write(LFB + (7 * 800 + 3) * 4, 1, 1);
	mmio_write(LFB + (9 * 800 + 5) * 4, 1, 1);
	pass(40000000);
	ok(changes == 2 && last.x == 5 && last.y == 9 && last.width == 1 && last.height == 1,
	   "two places far apart are two changes");
	viewer.looking = false;
	mmio_write(LFB, 0xff, 1);
	changes = 0;
	pass(1000000000);
	ok(!changes, "not while it does not look");
	viewer.looking = true;
	display_refresh(screen);
	pass(1);
	ok(changes == 2 && last.height == 600, "when it looks again, all");
	display_cursor_shape(screen, 2, 2, 1, 0, arrow);
	display_cursor_move(screen, 4, 6, true);
	ok(!display_dump(screen, "/tmp/anykvm-test.ppm", NULL), "a dump as PPM");
	FILE *f = fopen("/tmp/anykvm-test.ppm", "rb");
	static uint8_t img[800 * 600 * 3 + 100];
	size_t len = fread(img, 1, sizeof(img), f);

	fclose(f);
	ok(len == 15 + 800 * 600 * 3 && !memcmp(img, "P6\n800 600\n255\n", 15), "its head");
	ok(img[15 + (6 * 800 + 3) * 3] == 255 && img[15 + (6 * 800 + 4) * 3] == 128 &&
	   img[15 + (7 * 800 + 4) * 3 + 1] == 255 && img[15 + (7 * 800 + 3) * 3 + 2] == 1,
	   "with the cursor");
	ok(!display_dump(screen, "/tmp/anykvm-test.ppm", "png"), "a dump as PNG");
	f = fopen("/tmp/anykvm-test.ppm", "rb");
	len = fread(img, 1, 8, f);
	fclose(f);
	remove("/tmp/anykvm-test.ppm");
	ok(len == 8 && !memcmp(img, "\x89PNG\r\n\x1a\n", 8), "is one");
	ok(display_dump(screen, "/no/such/place.png", NULL), "nowhere to write: refused");
	ok(display_dump(screen, "/tmp/x.png", "gif"), "no such format: refused");
	display_detach(screen, &viewer);
	ok(!display_create(NULL, NULL), "one screen only");
}

/* Pages of the surface that are memory. */
static unsigned int surface_pages(const struct surface *s)
{
	static unsigned char there[1024];
	size_t n = (size_t)s->stride * s->height / 4096, i;
	unsigned int got = 0;

	if (n > sizeof(there) || mincore(s->pixels, n * 4096, there))
		return ~0u;
	for (i = 0; i < n; i++)
		got += there[i] & 1;
	return got;
}

static void surface_memory(void)
{
	const struct surface *s;
	size_t i, bad = 0;

	make_card();
	s = display_resize(screen, 640, 400);
	ok(s && surface_pages(s) == 0, "a screen that nobody has looked at takes no memory");
	memset(s->pixels, 0xff, (size_t)s->stride * s->height);
	ok(surface_pages(s) == 250, "one that is drawn does");
	ok(display_resize(screen, 800, 480) == s && surface_pages(s) == 0, "until its size changes");
	for (i = 0; i < 800 * 480; i++)
		bad += s->pixels[i] != 0;
	ok(!bad, "then it is black");
}

int main(void)
{
	ports();
	retrace();
	memory_modes();
	text_mode();
	text_cursor();
	planar_16();
	cga();
	colors_256();
	vbe_registers();
	vbe_pixels();
	window_as_memory();
	cells_as_memory();
	edid();
	viewers();
	surface_memory();
	return world_end();
}
