// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The Cirrus CL-GD5446 by its registers: the extended ones and their locks, banks, apertures and
 * write modes, the modes of the screen, the hardware cursor, and the BLT engine against a model that
 * goes pixel by pixel.
 */
#include "tests/host/vga_io.h"

#define DEVFN (2 << 3)
#define LFB 0xe0000000u
#define MMIO 0xe8000000u
#define BLT (MMIO + 0x100)
#define WINDOW 0xa0000u
#define VRAM_LEN (4u << 20)

static struct device *dev;
static uint8_t *vram;

static void make_card(void)
{
	unsigned int i;

	fresh();
	dev = make_pci("cirrus-vga", DEVFN);
	device_realize(dev);
	pci_enable(DEVFN, 0, LFB);
	pci_enable(DEVFN, 1, MMIO);
	vram = device_memory(dev, 0);
	outb(0x3c2, 0x67);
	seq(6, 0x12);
	for (i = 0; i < 256; i++)
		dac((uint8_t)i, (uint8_t)(i & 63), (uint8_t)(i >> 2), (uint8_t)(63 - (i & 63)));
}

static uint8_t seq_get(uint8_t i) { outb(0x3c4, i); return inb(0x3c5); }
static uint8_t gfx_get(uint8_t i) { outb(0x3ce, i); return inb(0x3cf); }
static uint8_t crtc_get(uint8_t i) { outb(0x3d4, i); return inb(0x3d5); }

static void hidden_dac(uint8_t val)
{
	unsigned int i;

	inb(0x3c8);
	for (i = 0; i < 4; i++)
		inb(0x3c6);
	outb(0x3c6, val);
}

/* 640x480, as the card's BIOS sets it, but for timings. */
static void mode(uint8_t sr7, uint8_t hdr, unsigned int pitch)
{
	seq(0, 3);
	seq(1, 1);
	seq(2, 15);
	seq(4, 0x0e);
	seq(7, sr7);
	hidden_dac(hdr);
	crtc(0x11, 0);
	crtc(1, 79);
	crtc(7, 0x02);
	crtc(9, 0x40);
	crtc(0x12, 0xdf);
	crtc(0x13, (uint8_t)(pitch / 8));
	crtc(0x1b, (uint8_t)(0x22 | (pitch / 8 > 255 ? 0x10 : 0)));
	crtc(0x17, 0xe3);
	crtc(0x0c, 0);
	crtc(0x0d, 0);
	gfx(5, 0x40);
	gfx(6, 5);
	gfx(8, 0xff);
	attr(0x10, 1);
}

static void registers(void)
{
	make_card();
	ok(config_read(DEVFN, 0, 4) == 0x00b81013 && config_read(DEVFN, PCI_SUBSYSTEM_VENDOR, 4) == 0x11001af4,
	   "a CL-GD5446");
	config_write(DEVFN, PCI_BAR0, ~0u, 4);
	ok(config_read(DEVFN, PCI_BAR0, 4) == 0xfe000008, "32 MiB of apertures");
	config_write(DEVFN, PCI_BAR0, LFB, 4);
	ok(crtc_get(0x27) == 0xb8, "its identity");
	ok(seq_get(6) == 0x12, "unlocked");
	seq(6, 0);
	ok(seq_get(6) == 0x0f, "locked");
	seq(6, 0x12);
	ok((seq_get(0x0f) & 0x98) == 0x98, "4 MiB");
	seq(0x0f, 0);
	ok((seq_get(0x0f) & 0x98) == 0x98, "whatever one writes");
	gfx(0, 0xa5);
	gfx(1, 0x5a);
	gfx(5, 0x44);
	ok(gfx_get(0) == 0xa5 && gfx_get(1) == 0x5a && gfx_get(5) == 0x44, "eight bits in GR0, 1 and 5");
	hidden_dac(0xc5);
	inb(0x3c8);
	ok(inb(0x3c6) == 0xff && inb(0x3c6) == 0xff && inb(0x3c6) == 0xff && inb(0x3c6) == 0xff &&
	   inb(0x3c6) == 0xc5 && inb(0x3c6) == 0xff, "the hidden DAC register is the fifth read");
	ok(mmio_read(MMIO + 0x0c, 1) == 0x67, "VGA ports in BAR 1");
	mmio_write(BLT + 0x0c, 0x1234, 2);
	ok(gfx_get(0x24) == 0x34 && gfx_get(0x25) == 0x12, "and the BLT engine's");
	ok(mmio_read(BLT + 0x0c, 2) == 0x1234 && mmio_read(BLT + 0x13, 1) == 0xff, "read back");
	gfx(6, 5);
	seq(0x17, 4);
	mmio_write(0xb800c, 0x77, 1);
	ok(gfx_get(0x24) == 0x77, "they can be at B8000h");
	seq(0x17, 0x44);
	mmio_write(LFB + VRAM_LEN - 0x100 + 0x0c, 0x55, 1);
	ok(gfx_get(0x24) == 0x55, "or at the end of linear memory");
	mmio_write(LFB + VRAM_LEN - 0x101, 0x99, 1);
	ok(vram[VRAM_LEN - 0x101] == 0x99, "of which the rest of the page is memory");
	bus_reset(bus);
	ok(inb(0x3cc) == 0xff, "reset");
}

static void ways_into_memory(void)
{
	make_card();
	mode(0x11, 0, 640);
	mmio_write(LFB + 0x123456, 0x44332211, 4);
	ok(vram[0x123456] == 0x11 && vram[0x123459] == 0x44, "linear");
	ok(mmio_read(LFB + (4 << 20) + 0x123456, 4) == 0x33441122, "words swapped");
	mmio_write(LFB + (8 << 20) + 0x100, 0x04030201, 4);
	ok(vram[0x100] == 4 && vram[0x103] == 1, "doublewords swapped");
	gfx(0x0b, 0);
	gfx(9, 0x12);
	mmio_write(WINDOW + 0xffff, 0x66, 1);
	ok(vram[0x12000 + 0xffff] == 0x66 && mmio_read(WINDOW + 0xffff, 1) == 0x66, "a bank of 64K, by 4K");
	gfx(0x0b, 0x21);
	gfx(9, 1);
	gfx(0x0a, 0xff);
	mmio_write(WINDOW + 0x10, 1, 1);
	mmio_write(WINDOW + 0x8010, 2, 1);
	ok(vram[0x4010] == 1 && vram[0xff * 0x4000 + 0x10] == 2, "two banks of 32K, by 16K");
	mmio_write(WINDOW + 0xc000, 3, 1);
	ok(mmio_read(WINDOW + 0xc000, 1) == 0xff, "behind the end: nothing");
	gfx(0x0b, 6);
	gfx(9, 0);
	gfx(0, 0x11);
	gfx(1, 0x22);
	gfx(5, 0x44);
	memset(vram + 0x800, 0x99, 16);
	mmio_write(LFB + 0x100, 0xa1, 1);
	ok(vram[0x800] == 0x22 && vram[0x801] == 0x99 && vram[0x802] == 0x22 && vram[0x807] == 0x22,
	   "write mode 4: ones are the foreground");
	gfx(5, 0x45);
	mmio_write(WINDOW + 0x101, 0x80, 1);
	ok(vram[0x808] == 0x22 && vram[0x809] == 0x11, "write mode 5: zeros are the background");
	gfx(0x0b, 0x14);
	gfx(0x10, 0x33);
	gfx(0x11, 0x44);
	mmio_write(LFB + 0x100, 0x80, 1);
	ok(vram[0x1000] == 0x22 && vram[0x1001] == 0x44 && vram[0x1002] == 0x11 && vram[0x1003] == 0x33,
	   "of 16 bits");
	mmio_write(LFB + VRAM_LEN - 1, 0xff, 1);
	gfx(0x0b, 0);
	mmio_write(LFB + 0x5000, 7, 1);
	ok(vram[0x5000] == 7, "plain memory again");
}

static void screen_modes(void)
{
	make_card();
	mode(0x11, 0, 640);
	vram[100 * 640 + 50] = 0x21;
	ok(size_is(640, 480) && pixel(50, 100) == (color6(0x21) << 16 | color6(8) << 8 | color6(0x1e)),
	   "8 bits");
	mode(0x17, 0xc1, 1280);
	memcpy(vram + 100 * 1280 + 100, "\x01\xfc", 2);
	ok(pixel(50, 100) == 0xff8208, "16 bits");
	mode(0x17, 0xc0, 1280);
	memcpy(vram + 100 * 1280 + 100, "\x01\x7e", 2);
	ok(pixel(50, 100) == 0xff8408, "15 bits");
	mode(0x15, 0xc5, 1920);
	memcpy(vram + 100 * 1920 + 150, "\x56\x34\x12", 3);
	ok(pixel(50, 100) == 0x123456, "24 bits");
	mode(0x19, 0xc5, 2560);
	memcpy(vram + 100 * 2560 + 200, "\x56\x34\x12\xff", 4);
	ok(pixel(50, 100) == 0x123456, "32 bits, a pitch of nine bits");
	crtc(0x0d, 50);
	ok(pixel(0, 100) == 0x123456, "start address");
	crtc(0x1b, 0x3e);
	memcpy(vram + ((1 << 16 | 1 << 17 | 1 << 18) + 50) * 4 % VRAM_LEN, "\x33\x22\x11", 3);
	crtc(0x1b, 0x36);
	memcpy(vram + ((1 << 17) + 50) * 4, "\x33\x22\x11", 3);
	ok(pixel(0, 0) == 0x112233, "of more than 16 bits");
	crtc(0x1b, 0x3f);
	crtc(0x1d, 0x80);
	ok(pixel(0, 0) == 0 && pixel(639, 479) == 0, "behind the end of memory: black");
}

static void cursor(void)
{
	unsigned int i;

	make_card();
	mode(0x19, 0xc5, 2560);
	memset(vram, 0x10, 640 * 480 * 4);
	seq(0x12, 2);
	dac(0, 63, 0, 0);
	dac(15, 0, 63, 0);
	outb(0x3c7, 15);
	ok(inb(0x3c9) == 0 && inb(0x3c9) == 63, "the cursor's colours are its own");
	seq(0x12, 1);
	seq(0x13, 0x3f);
	/* 32x32: row 1 is 0011.. 0101..: nothing, inverse, background, foreground. */
	memset(vram + VRAM_LEN - 256, 0, 256);
	vram[VRAM_LEN - 256 + 4] = 0x50;
	vram[VRAM_LEN - 256 + 128 + 4] = 0x30;
	seq(0x10 | 5 << 5, 12);
	seq(0x11 | 3 << 5, 20);
	ok(pixel(101, 164) == 0x101010 && pixel(102, 164) == 0xefefef && pixel(103, 164) == 0xff0000 &&
	   pixel(104, 164) == 0x00ff00 && pixel(104, 163) == 0x101010, "32x32");
	seq(0x10, 80);
	ok(pixel(104, 164) == 0x101010, "it moves, also over the right border");
	seq(0x12, 5);
	memset(vram + VRAM_LEN - 1024, 0, 1024);
	for (i = 0; i < 64; i++)
		vram[VRAM_LEN - 1024 + i * 16 + 8 + 7] = vram[VRAM_LEN - 1024 + i * 16 + 7] = 1;
	seq(0x10, 0);
	seq(0x11, 0);
	ok(pixel(63, 0) == 0x00ff00 && pixel(63, 63) == 0x00ff00 && pixel(63, 64) == 0x101010 &&
	   pixel(62, 0) == 0x101010, "64x64");
	seq(0x12, 0);
	ok(pixel(63, 0) == 0x101010, "off");
}

/* --- the BLT engine --- */

struct blt {
	unsigned int width, height, depth;	/* bytes, lines, bytes */
	uint32_t dest, source, dest_pitch, source_pitch;
	uint8_t mode, rop, ext, skip;
	uint8_t fore[4], back[4], key[2];
};

static uint8_t model[VRAM_LEN];

static void start(const struct blt *b)
{
	static const uint8_t fore[4] = { 1, 0x11, 0x13, 0x15 }, back[4] = { 0, 0x10, 0x12, 0x14 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		gfx(fore[i], b->fore[i]);
		gfx(back[i], b->back[i]);
	}
	mmio_write(BLT + 0x08, b->width - 1, 2);
	mmio_write(BLT + 0x0a, b->height - 1, 2);
	mmio_write(BLT + 0x0c, b->dest_pitch, 2);
	mmio_write(BLT + 0x0e, b->source_pitch, 2);
	mmio_write(BLT + 0x14, b->source & 0xffff, 2);
	mmio_write(BLT + 0x16, b->source >> 16, 1);
	mmio_write(BLT + 0x10, b->dest & 0xffff, 2);
	mmio_write(BLT + 0x12, b->dest >> 16, 1);
	mmio_write(BLT + 0x17, b->skip, 1);
	mmio_write(BLT + 0x18, (uint8_t)(b->mode | (b->depth - 1) << 4), 1);
	mmio_write(BLT + 0x1a, b->rop, 1);
	mmio_write(BLT + 0x1b, b->ext, 1);
	mmio_write(BLT + 0x1c, b->key[0] | b->key[1] << 8, 2);
	mmio_write(BLT + 0x40, 2, 1);
}

static const struct { uint8_t code; const char *name; } rops[] = {
	{ 0x00, "0" }, { 0x05, "s&d" }, { 0x06, "d" }, { 0x09, "s&~d" }, { 0x0b, "~d" }, { 0x0d, "s" },
	{ 0x0e, "1" }, { 0x50, "~s&d" }, { 0x59, "s^d" }, { 0x6d, "s|d" }, { 0x90, "~(s|d)" },
	{ 0x95, "~(s^d)" }, { 0xad, "s|~d" }, { 0xd0, "~s" }, { 0xd6, "~s|d" }, { 0xda, "~(s&d)" },
};

static uint8_t model_rop(uint8_t code, uint8_t s, uint8_t d)
{
	switch (code) {
	case 0x00: return 0;
	case 0x05: return s & d;
	case 0x06: return d;
	case 0x09: return s & (uint8_t)~d;
	case 0x0b: return (uint8_t)~d;
	case 0x0d: return s;
	case 0x0e: return 0xff;
	case 0x50: return (uint8_t)~s & d;
	case 0x59: return s ^ d;
	case 0x6d: return s | d;
	case 0x90: return (uint8_t)~(s | d);
	case 0x95: return (uint8_t)~(s ^ d);
	case 0xad: return s | (uint8_t)~d;
	case 0xd0: return (uint8_t)~s;
	case 0xd6: return (uint8_t)~s | d;
	default: return (uint8_t)~(s & d);
	}
}

static uint8_t *model_at(uint32_t at)
{
	return &model[at & (VRAM_LEN - 1)];
}

/* The bit that stands for pixel @x of line @y; @data: from the processor. */
static unsigned int model_bit(const struct blt *b, unsigned int x, unsigned int y, const uint8_t *data)
{
	unsigned int pixels = (b->width + b->depth - 1) / b->depth;
	unsigned int len = b->ext & 1 ? (pixels + 31) / 32 * 4 : (pixels + 7) / 8;
	uint32_t at = y * len + x / 8;
	uint8_t byte;

	if (b->mode & 0x40) {
		at = (y + b->source) & 7;
		byte = data ? data[at] : *model_at((b->source & ~7u) + at);
	} else {
		byte = data ? data[at] : *model_at(b->source + at);
	}
	return byte >> (7 - x % 8) & 1;
}

static uint8_t model_byte(const struct blt *b, unsigned int n, unsigned int y, const uint8_t *data)
{
	unsigned int pitch = b->depth == 3 ? 32 : 8 * b->depth;
	uint32_t at = ((y + b->source) & 7) * pitch + n % (8 * b->depth);

	if (b->mode & 0x40)
		return data ? data[at] : *model_at((b->source & ~7u) + at);
	return data ? data[y * ((b->width + 3) & ~3u) + n] : *model_at(b->source + y * b->source_pitch + n);
}

/* Forward; going backward is another test, where what is copied overlaps. */
static void model_blt(const struct blt *b, const uint8_t *data)
{
	unsigned int y, n, k, skip = b->depth == 3 ? b->skip & 31 : (b->skip & 7) * b->depth;

	for (y = 0; y < b->height; y++) {
		for (n = 0; n < b->width; n += b->depth) {
			uint8_t s[4], r[4];
			bool write = true;
			unsigned int bit = b->mode & 0x80 ? model_bit(b, n / b->depth, y, data) : 0;

			if (b->ext & 4)
				bit = 1;
			for (k = 0; k < b->depth && n + k < b->width; k++) {
				s[k] = !(b->mode & 0x80) ? model_byte(b, n + k, y, data) :
				       bit ? b->fore[k] : b->back[k];
				r[k] = model_rop(b->rop, s[k], *model_at(b->dest + y * b->dest_pitch + n + k));
			}
			if (b->mode & 8 && b->mode & 0x80 && !(b->ext & 4))
				write = b->ext & 2 ? !bit : bit;
			else if (b->mode & 8 && !(b->mode & 0x80) && b->depth <= 2 && k == b->depth)
				write = memcmp(r, b->key, b->depth) != 0;
			for (k = 0; write && k < b->depth && n + k < b->width; k++)
				if (n + k >= skip)
					*model_at(b->dest + y * b->dest_pitch + n + k) = r[k];
		}
	}
}

static unsigned int data_len(const struct blt *b)
{
	unsigned int pixels = (b->width + b->depth - 1) / b->depth;

	if (b->mode & 0x40)
		return b->mode & 0x80 ? 8 : b->depth == 3 ? 256 : 64 * b->depth;
	if (!(b->mode & 0x80))
		return b->height * ((b->width + 3) & ~3u);
	return b->height * (b->ext & 1 ? (pixels + 31) / 32 * 4 : (pixels + 7) / 8);
}

/* Few colours, so that the transparent one is among them. */
static uint8_t few(void)
{
	return rnd() % 3 ? (uint8_t)(rnd() % 3) : (uint8_t)rnd();
}

static void random_blt(struct blt *b, unsigned int round)
{
	unsigned int i;

	memset(b, 0, sizeof(*b));
	b->depth = rnd() % 4 + 1;
	b->width = (rnd() % 60 + 1) * b->depth;
	b->height = rnd() % 20 + 1;
	b->dest_pitch = rnd() & 0x1fff;
	b->source_pitch = rnd() & 0x1fff;
	/* Apart, but in each tenth round just before the end of memory. */
	b->dest = 0x200000 + rnd() % 0x80000;
	b->source = 0x80000 + rnd() % 0x80000;
	if (round % 10 == 0)
		b->dest = VRAM_LEN - 1 - rnd() % 5000;
	b->mode = (uint8_t)(rnd() & 0xcc);
	b->ext = (uint8_t)(rnd() & (b->mode & 0xc0 ? 3 : 0));
	if ((b->mode & 0xc0) == 0xc0 && rnd() % 2)
		b->ext |= 4;
	b->rop = rops[rnd() % ARRAY_SIZE(rops)].code;
	b->skip = rnd() % 3 ? 0 : (uint8_t)rnd();
	for (i = 0; i < 4; i++) {
		b->fore[i] = few();
		b->back[i] = few();
	}
	b->key[0] = few();
	b->key[1] = few();
}

static void blts(void)
{
	static uint8_t data[8192 * 20];
	unsigned int round, i, n, bad = 0, stuck = 0;
	struct blt b;

	make_card();
	mode(0x11, 0, 640);
	for (i = 0; i < VRAM_LEN; i++)
		vram[i] = model[i] = few();
	for (round = 0; round < 1500 && !bad; round++) {
		random_blt(&b, round);
		start(&b);
		if (b.mode & 4) {
			static const uint32_t ways[] = { LFB, LFB + (16 << 20), WINDOW };
			uint32_t way = ways[round % 3];

			n = data_len(&b);
			stuck += !(mmio_read(BLT + 0x40, 1) & 1);
			for (i = 0; i < n; i++)
				data[i] = few();
			for (i = 0; i < n; i += 4)
				mmio_write(way + i % 0x8000, data[i] | data[i + 1] << 8 | data[i + 2] << 16 |
						    (uint32_t)data[i + 3] << 24, n - i < 4 ? 1 : 4);
			/* What is left when a line of bits is no whole doubleword goes byte by byte. */
			if (n % 4)
				for (i = (n & ~3u) + 1; i < n; i++)
					mmio_write(way + i % 0x8000, data[i], 1);
		}
		stuck += mmio_read(BLT + 0x40, 1) & 1;
		model_blt(&b, b.mode & 4 ? data : NULL);
		bad += memcmp(vram, model, VRAM_LEN) != 0;
	}
	if (bad)
		printf("# round %u: mode %02x ext %02x rop %02x depth %u width %u height %u skip %u\n", round - 1,
		       b.mode, b.ext, b.rop, b.depth, b.width, b.height, b.skip);
	ok(!bad, "random BLTs are the model's");
	ok(!stuck, "busy while it waits for data, and not else");
}

static void moving(void)
{
	struct blt b = { .width = 100, .height = 50, .depth = 1, .dest = 0x1000 + 640 * 3 + 7,
			 .source = 0x1000, .dest_pitch = 640, .source_pitch = 640, .rop = 0x0d };
	unsigned int i, y, bad = 0;

	make_card();
	for (i = 0; i < VRAM_LEN; i++)
		vram[i] = model[i] = (uint8_t)rnd();
	/* Down and to the right over itself: from the last byte on. */
	b.mode = 1;
	b.dest += 49 * 640 + 99;
	b.source += 49 * 640 + 99;
	start(&b);
	for (y = 0; y < 50; y++)
		bad += memcmp(vram + 0x1000 + 640 * (3 + y) + 7, model + 0x1000 + 640 * y, 100) != 0;
	ok(!bad, "backward over itself");
	b.rop = 0x77;
	memcpy(model, vram, VRAM_LEN);
	start(&b);
	ok(!memcmp(model, vram, VRAM_LEN), "an operation that is none does nothing");
	b = (struct blt){ .width = 8192, .height = 2048, .depth = 4, .dest = 0x3fffff, .source = 0x3ffff0,
			  .dest_pitch = 0x1fff, .source_pitch = 0x1fff, .rop = 0x59, .mode = 0x09 };
	start(&b);
	b.mode = 0x04;
	start(&b);
	mmio_write(BLT + 0x40, 4, 1);
	mmio_write(BLT + 0x40, 0, 1);
	ok(!(mmio_read(BLT + 0x40, 1) & 1), "reset ends one that waits");
	b = (struct blt){ .width = 4, .height = 1, .depth = 1, .dest = 0x100, .source = 0x200,
			  .rop = 0x0d };
	start(&b);
	memcpy(vram + 0x200, "abcd", 4);
	mmio_write(BLT + 0x40, 0x80, 1);
	mmio_write(BLT + 0x12, 0, 1);
	ok(!memcmp(vram + 0x100, "abcd", 4), "autostart");
}

int main(void)
{
	registers();
	ways_into_memory();
	screen_modes();
	cursor();
	blts();
	moving();
	return world_end();
}
