// SPDX-License-Identifier: LGPL-2.1-or-later
/* The DMA controllers, held against Intel's sheet of the 8237A: a card of this test's asks. */
#include "devices/pc/isa_dma.h"
#include "tests/host/world.h"

static struct isa_dma byte_line, word_line;
static uint8_t card[0x20000];
static uint32_t card_at, card_len;
static unsigned int terminal_counts;

static uint32_t transfer(void *arg, uint8_t *data, uint32_t len, bool to_card)
{
	uint32_t n = card_len - card_at;

	n = n < len ? n : len;
	if (to_card)
		memcpy(card + card_at, data, n);
	else
		memcpy(data, card + card_at, n);
	card_at += n;
	if (card_at == card_len)
		isa_dma_request(arg, false);
	return n;
}

static void terminal_count(void *arg)
{
	(void)arg;
	terminal_counts++;
}

static const struct isa_dma_user user = { transfer, terminal_count };

static void make_dma(uint32_t len)
{
	struct device *dev;
	unsigned int i;

	fresh();
	dev = make("i8257");
	device_realize(dev);
	device_map(dev, I8257_REGION_LOW, 0x00);
	device_map(dev, I8257_REGION_HIGH, 0xc0);
	device_map(dev, I8257_REGION_PAGES, 0x80);
	byte_line = (struct isa_dma){ dev, 2 };
	word_line = (struct isa_dma){ dev, 5 };
	isa_dma_attach(&byte_line, &user, &byte_line);
	isa_dma_attach(&word_line, &user, &word_line);
	outb(0xd6, 0xc0);		/* channel 4 cascades */
	outb(0xd4, 0x00);
	for (i = 0; i < sizeof(card); i++)
		card[i] = (uint8_t)(i * 7 + i / 256);
	card_at = 0;
	card_len = len;
	terminal_counts = 0;
}

static void channel_2(uint8_t mode, uint32_t addr, uint16_t count)
{
	outb(0x0a, 0x06);
	outb(0x0c, 0);
	outb(0x04, (uint8_t)addr);
	outb(0x04, (uint8_t)(addr >> 8));
	outb(0x05, (uint8_t)count);
	outb(0x05, (uint8_t)(count >> 8));
	outb(0x81, (uint8_t)(addr >> 16));
	outb(0x0b, mode | 2);
	outb(0x0a, 0x02);
}

static void bytes(void)
{
	make_dma(600);
	channel_2(0x44, 0x21000, 511);
	ok(card_at == 0, "nothing moves before the card asks");
	isa_dma_request(&byte_line, true);
	ok(card_at == 512 && !memcmp(ram + 0x21000, card, 512) && ram[0x21200] == 0,
	   "512 bytes from the card");
	ok(terminal_counts == 1, "terminal count");
	ok((inb(0x08) & 0x4f) == 0x44 && (inb(0x08) & 0x0f) == 0, "status: reached, until it is read");
	isa_dma_request(&byte_line, true);
	ok(card_at == 512, "masked afterwards");
	outb(0x0c, 0);
	ok(inb(0x05) == 0xff && inb(0x05) == 0xff, "the count stands at FFFFh");
	ok(inb(0x04) == 0x00 && inb(0x04) == 0x12, "the address behind the last byte");
	make_dma(100);
	memset(ram + 0x30000, 0x5a, 100);
	channel_2(0x48, 0x30000, 99);
	isa_dma_request(&byte_line, true);
	ok(card[0] == 0x5a && card[99] == 0x5a && card[100] != 0x5a, "100 bytes to the card");
	make_dma(100);
	channel_2(0x40, 0x30000, 99);
	isa_dma_request(&byte_line, true);
	ok(terminal_counts == 1 && ram[0x30000] == 0, "verify counts and writes nothing");
}

static void in_pieces(void)
{
	make_dma(10);
	channel_2(0x44, 0x1000, 19);
	isa_dma_request(&byte_line, true);
	ok(card_at == 10 && !terminal_counts && !(inb(0x08) & 4), "the card has no more for now");
	card_len = 20;
	isa_dma_request(&byte_line, true);
	ok(terminal_counts == 1 && !memcmp(ram + 0x1000, card, 20), "and then the rest");
}

static void wraps(void)
{
	make_dma(32);
	channel_2(0x44, 0x2fff0, 31);
	isa_dma_request(&byte_line, true);
	ok(!memcmp(ram + 0x2fff0, card, 16) && !memcmp(ram + 0x20000, card + 16, 16),
	   "the address wraps inside its 64 KiB");
	make_dma(4);
	channel_2(0x64, 0x5003, 3);
	isa_dma_request(&byte_line, true);
	ok(ram[0x5003] == card[0] && ram[0x5000] == card[3], "downwards");
	make_dma(8);
	channel_2(0x54, 0x6000, 3);
	isa_dma_request(&byte_line, true);
	isa_dma_request(&byte_line, true);
	ok(card_at == 8 && terminal_counts == 2 && !memcmp(ram + 0x6000, card + 4, 4),
	   "auto-initialize begins again");
}

static void words(void)
{
	make_dma(8);
	outb(0xd8, 0);
	outb(0xc4, 0x00);
	outb(0xc4, 0x80);
	outb(0xc6, 3);
	outb(0xc6, 0);
	outb(0x8b, 0x03);
	outb(0xd6, 0x45);
	outb(0xd4, 0x01);
	isa_dma_request(&word_line, true);
	ok(!memcmp(ram + 0x30000, card, 8) && terminal_counts == 1,
	   "four words, the address shifted, bit 0 of the page ignored");
}

static void gates(void)
{
	make_dma(16);
	outb(0x08, 0x04);
	channel_2(0x44, 0x1000, 15);
	isa_dma_request(&byte_line, true);
	ok(!card_at, "a disabled controller moves nothing");
	outb(0x08, 0x00);
	ok(card_at == 16, "enabled, it serves who asks");
	make_dma(16);
	outb(0xd4, 0x04);
	channel_2(0x44, 0x1000, 15);
	isa_dma_request(&byte_line, true);
	ok(!card_at, "nothing without the cascade");
	outb(0xd4, 0x00);
	ok(card_at == 16, "with it");
	make_dma(16);
	channel_2(0x44, 0x1000, 15);
	outb(0x0d, 0);
	isa_dma_request(&byte_line, true);
	ok(!card_at, "master clear masks all");
	isa_dma_request(&byte_line, false);
	outb(0x80, 0x42);
	ok(inb(0x80) == 0x42, "port 80h holds a POST code");
	outb(0x0e, 0);
	ok(inb(0x0f) == 0xf0, "clear mask register");
}

int main(void)
{
	bytes();
	in_pieces();
	wraps();
	words();
	gates();
	return world_end();
}
