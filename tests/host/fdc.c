// SPDX-License-Identifier: LGPL-2.1-or-later
/* The floppy controller, held against Intel's sheet of the 82077AA, with the DMA controller beside it. */
#include "devices/storage/fdc82077.h"
#include "tests/host/world.h"

#define SIZE_1440 (1440u * 1024)
#define BUFFER 0x40000u

static struct block *disk;
static struct isa_dma line;

static void make_fdc(uint64_t size)
{
	struct device *dma, *dev;
	unsigned int i;

	fresh();
	if (disk)
		free_disk(disk);
	disk = make_disk(size);
	for (i = 0; i < size / 512; i++)
		memset(disk->data + i * 512, (int)(i * 3 + 1), 512);
	dma = make("i8257");
	device_realize(dma);
	device_map(dma, I8257_REGION_LOW, 0x00);
	device_map(dma, I8257_REGION_HIGH, 0xc0);
	device_map(dma, I8257_REGION_PAGES, 0x80);
	outb(0xd6, 0xc0);
	outb(0xd4, 0x00);
	dev = make("isa-fdc");
	line = (struct isa_dma){ dma, 2 };
	fdc_set_dma(dev, &line);
	device_set_ptr(dev, "driveA", disk);
	device_realize(dev);
	device_map(dev, FDC_REGION_BASE, 0x3f0);
	device_map(dev, FDC_REGION_DIR, 0x3f7);
	device_connect_irq(dev, 0, 6);
}

static void command(const char *bytes, unsigned int n)
{
	while (n--) {
		if ((inb(0x3f4) & 0xc0) != 0x80) {
			ok(false, "the controller takes no command byte (MSR %02x)", inb(0x3f4));
			return;
		}
		outb(0x3f5, (uint8_t)*bytes++);
	}
}
#define COMMAND(text) command(text, sizeof(text) - 1)

static const char *result(void)
{
	static char text[64];
	size_t n = 0;

	text[0] = 0;
	settle();
	while ((inb(0x3f4) & 0xd0) == 0xd0 && n < 40)
		n += (size_t)sprintf(text + n, "%s%02x", n ? " " : "", inb(0x3f5));
	return text;
}

static void expect(const char *want, const char *what)
{
	const char *got = result();

	if (!ok(!strcmp(got, want), "%s", what))
		printf("# got '%s', not '%s'\n", got, want);
}

static void start(uint64_t size)
{
	unsigned int i;

	make_fdc(size);
	outb(0x3f2, 0x00);
	outb(0x3f2, 0x1c);		/* out of reset, DMA and interrupts, motor of drive 0 */
	for (i = 0; i < 4; i++) {
		COMMAND("\x08");
		result();
	}
	outb(0x3f7, size > 1500 * 1024 ? 3 : size > 800 * 1024 ? 0 : 2);
	COMMAND("\x03\xdf\x02");	/* specify: DMA */
	COMMAND("\x07\x00");
	pass(2000000);
	COMMAND("\x08");
	result();
}

static void dma_to(uint8_t mode, uint32_t addr, uint32_t len)
{
	outb(0x0a, 0x06);
	outb(0x0c, 0);
	outb(0x0b, mode | 2);
	outb(0x04, (uint8_t)addr);
	outb(0x04, (uint8_t)(addr >> 8));
	outb(0x81, (uint8_t)(addr >> 16));
	outb(0x05, (uint8_t)(len - 1));
	outb(0x05, (uint8_t)((len - 1) >> 8));
	outb(0x0a, 0x02);
}

static void seek(uint8_t track)
{
	const char bytes[] = { 0x0f, 0, (char)track };

	command(bytes, 3);
	pass(2000000);
	COMMAND("\x08");
	result();
}

static void begin(void)
{
	make_fdc(SIZE_1440);
	outb(0x3f2, 0x00);
	ok(inb(0x3f4) == 0, "in reset: nothing is ready");
	outb(0x3f2, 0x0c);
	ok(gsi_level[6] && inb(0x3f4) == 0x80, "out of reset: an interrupt, ready");
	COMMAND("\x08");
	expect("c0 00", "drive 0 was polled");
	COMMAND("\x08");
	expect("c1 00", "drive 1 was polled");
	COMMAND("\x08");
	result();
	COMMAND("\x08");
	expect("c3 00", "and the fourth");
	COMMAND("\x08");
	expect("80", "nothing more to sense");
	COMMAND("\x10");
	expect("90", "version: an enhanced controller");
	COMMAND("\x1f");
	expect("80", "no such command");
	COMMAND("\x13\x00\x57\x10");
	COMMAND("\x94");
	expect("10", "locked");
	outb(0x3f4, 0x80);
	COMMAND("\x08");
	result();
	COMMAND("\x08");
	result();
	COMMAND("\x08");
	result();
	COMMAND("\x08");
	result();
	COMMAND("\x0e");
	expect("00 00 00 00 00 00 00 80 57 10", "registers: the configuration has stayed");
}

static void reading(void)
{
	start(SIZE_1440);
	dma_to(0x44, BUFFER, 1024);
	COMMAND("\xe6\x00\x00\x00\x02\x02\x12\x1b\xff");
	ok(inb(0x3f4) & 0x10, "busy while it reads");
	expect("00 00 00 00 00 04 02", "two sectors read: the result names the next");
	ok(ram[BUFFER] == 4 && ram[BUFFER + 512] == 7 && ram[BUFFER + 1024] == 0, "their bytes");
	dma_to(0x44, BUFFER, 512 * 18 * 2);
	COMMAND("\xe6\x00\x00\x00\x01\x02\x12\x1b\xff");
	expect("00 00 00 01 00 01 02", "a whole cylinder, both heads");
	ok(ram[BUFFER + 512 * 35] == (uint8_t)(35 * 3 + 1), "to its last sector");
	dma_to(0x44, BUFFER, 512 * 3);
	COMMAND("\x46\x00\x00\x00\x11\x02\x12\x1b\xff");
	expect("40 80 00 01 00 01 02", "without the other head the track ends");
	dma_to(0x44, BUFFER, 512);
	COMMAND("\xe6\x00\x05\x00\x01\x02\x12\x1b\xff");
	expect("40 04 10 05 00 01 02", "another cylinder than the head is on");
	COMMAND("\xe6\x00\x00\x00\x13\x02\x24\x1b\xff");
	expect("40 04 00 00 00 13 02", "a sector that is not there");
	COMMAND("\xe6\x00\x00\x00\x00\x02\x24\x1b\xff");
	expect("40 04 00 00 00 00 02", "nor is sector 0");
	COMMAND("\xe6\x00\x00\x00\x01\x03\x12\x1b\xff");
	expect("40 04 00 00 00 01 03", "nor one of 1024 bytes");
	outb(0x3f7, 2);
	COMMAND("\xe6\x00\x00\x00\x01\x02\x12\x1b\xff");
	expect("40 01 00 00 00 01 02", "the wrong rate finds no address mark");
	COMMAND("\x4a\x00");
	expect("40 01 00 00 00 01 02", "nor does READ ID");
	outb(0x3f7, 0);
	COMMAND("\x4a\x04");
	expect("04 00 00 00 01 01 02", "READ ID at the right one");
	COMMAND("\xe6\x01\x00\x00\x01\x02\x12\x1b\xff");
	expect("41 01 00 00 00 00 00", "a drive that is not there");
	disk->fail = -5;
	COMMAND("\xe6\x00\x00\x00\x01\x02\x12\x1b\xff");
	expect("40 20 20 00 00 01 02", "a sector that the host cannot read");
}

static void writing(void)
{
	start(SIZE_1440);
	seek(2);
	memset(ram + BUFFER, 0xa5, 1024);
	dma_to(0x48, BUFFER, 600);
	COMMAND("\xc5\x04\x02\x01\x05\x02\x12\x1b\xff");
	expect("04 00 00 02 01 07 02", "a sector and a piece written");
	ok(disk->data[(2 * 36 + 18 + 4) * 512] == 0xa5 &&
	   disk->data[(2 * 36 + 18 + 5) * 512 + 87] == 0xa5 &&
	   disk->data[(2 * 36 + 18 + 5) * 512 + 88] == 0, "the piece filled up with zeros");
	disk->read_only = true;
	dma_to(0x48, BUFFER, 512);
	COMMAND("\xc5\x00\x02\x00\x01\x02\x12\x1b\xff");
	expect("40 02 00 02 00 01 02", "write-protected");
	COMMAND("\x04\x00");
	expect("68", "and sense drive says so");
	disk->read_only = false;
	ram[BUFFER] = 2, ram[BUFFER + 1] = 0, ram[BUFFER + 2] = 1, ram[BUFFER + 3] = 2;
	ram[BUFFER + 4] = 2, ram[BUFFER + 5] = 0, ram[BUFFER + 6] = 2, ram[BUFFER + 7] = 2;
	dma_to(0x48, BUFFER, 8);
	COMMAND("\x4d\x00\x02\x02\x1b\xf6");
	ok(!strncmp(result(), "00 00 00", 8) && disk->data[2 * 36 * 512] == 0xf6 &&
	   disk->data[(2 * 36 + 1) * 512 + 511] == 0xf6 &&
	   disk->data[(2 * 36 + 2) * 512] != 0xf6, "two sectors formatted");
	ram[BUFFER] = 2, ram[BUFFER + 1] = 0, ram[BUFFER + 2] = 3, ram[BUFFER + 3] = 2;
	ram[BUFFER + 4] = 2, ram[BUFFER + 5] = 0, ram[BUFFER + 6] = 4, ram[BUFFER + 7] = 2;
	dma_to(0x48, BUFFER, 512);
	COMMAND("\x4d\x00\x02\x01\x1b\xe5");
	ok(!strncmp(result(), "00 00 00", 8) && disk->data[(2 * 36 + 2) * 512] == 0xe5 &&
	   disk->data[(2 * 36 + 3) * 512] != 0xe5, "no more than was asked for");
	ram[BUFFER + 2] = 19;
	dma_to(0x48, BUFFER, 4);
	COMMAND("\x4d\x00\x02\x01\x1b\xe5");
	ok(!strncmp(result(), "40 04 00", 8), "a sector 19 cannot be formatted");
	ram[BUFFER + 2] = 5;
	disk->read_only = true;
	dma_to(0x48, BUFFER, 4);
	COMMAND("\x4d\x00\x02\x01\x1b\xe7");
	ok(!strncmp(result(), "40 02 00", 8) && disk->data[(2 * 36 + 4) * 512] != 0xe7,
	   "nor a write-protected one");
	disk->read_only = false;
	COMMAND("\xd6\x80\x02\x00\x01\x02\x12\x1b\x03");
	expect("00 00 00 02 00 04 02", "three sectors verified");
}

static void by_processor(void)
{
	unsigned int i, good = 0;

	start(SIZE_1440);
	COMMAND("\x03\xdf\x03");	/* no DMA */
	COMMAND("\x66\x00\x00\x00\x12\x02\x12\x1b\xff");
	settle();
	ok(inb(0x3f4) == 0xf0 && gsi_level[6], "a byte for the processor");
	for (i = 0; i < 512; i++)
		good += inb(0x3f5) == 17 * 3 + 1;
	ok(good == 512, "512 of them");
	expect("40 80 00 01 00 01 02", "ended by the end of the track");
	COMMAND("\x45\x00\x00\x00\x12\x02\x12\x1b\xff");
	ok(inb(0x3f4) == 0xb0, "room for one");
	for (i = 0; i < 512; i++)
		outb(0x3f5, 0x3c);
	expect("40 80 00 01 00 01 02", "written");
	ok(disk->data[17 * 512] == 0x3c && disk->data[17 * 512 + 511] == 0x3c, "byte by byte");
}

static void drives(void)
{
	start(SIZE_1440);
	ok(!(inb(0x3f7) & 0x80), "no change");
	disk->user->medium_changed(disk->arg);
	ok(inb(0x3f7) & 0x80, "a diskette was changed");
	seek(5);
	ok(!(inb(0x3f7) & 0x80), "seen by stepping");
	COMMAND("\x0f\x00\x07");
	ok(inb(0x3f4) & 1, "the drive seeks");
	pass(2000000);
	ok(gsi_level[6] && !(inb(0x3f4) & 1), "and has arrived");
	COMMAND("\x08");
	expect("20 07", "at 7");
	COMMAND("\x8f\x00\x03");
	pass(2000000);
	COMMAND("\x08");
	expect("20 04", "three back");
	COMMAND("\x04\x00");
	expect("28", "sense drive: two sides, not at track 0");
	COMMAND("\x0f\x01\x07");
	COMMAND("\x08");
	expect("71 00", "a drive that is not there");
	disk->no_medium = true;
	disk->user->medium_changed(disk->arg);
	COMMAND("\x4a\x00");
	expect("40 01 00 04 00 01 02", "no diskette: no address mark");
}

static void reset_in_the_middle(void)
{
	start(SIZE_1440);
	disk->hold = true;
	dma_to(0x44, BUFFER, 512);
	COMMAND("\xe6\x00\x00\x00\x01\x02\x12\x1b\xff");
	outb(0x3f2, 0x00);
	outb(0x3f2, 0x1c);
	ok(inb(0x3f4) == 0x80, "reset ends a command");
	COMMAND("\x08");
	result();
	COMMAND("\x08");
	result();
	COMMAND("\x08");
	result();
	COMMAND("\x08");
	result();
	dma_to(0x44, BUFFER, 512);
	COMMAND("\xe6\x00\x00\x00\x03\x02\x12\x1b\xff");
	disk->hold = false;
	expect("00 00 00 00 00 04 02", "the next one begins when the disk has done with the old");
	ok(ram[BUFFER] == 2 * 3 + 1, "and has its own bytes");
}

static void other_media(void)
{
	start(720 * 1024);
	dma_to(0x44, BUFFER, 512);
	COMMAND("\xe6\x00\x00\x00\x09\x02\x09\x2a\xff");
	expect("04 00 00 00 01 01 02", "720 KB: nine sectors a track");
	start(2880 * 1024);
	dma_to(0x44, BUFFER, 512);
	COMMAND("\xe6\x00\x00\x00\x24\x02\x24\x1b\xff");
	expect("04 00 00 00 01 01 02", "2.88 MB: thirty-six");
}

static void edges(void)
{
	start(180 * 1024);
	dma_to(0x44, BUFFER, 512);
	COMMAND("\x46\x04\x00\x01\x01\x02\x09\x2a\xff");
	expect("44 01 00 00 01 01 02", "180 KB: there is no other side");
	start(SIZE_1440);
	seek(80);
	dma_to(0x44, BUFFER, 512);
	COMMAND("\x46\x00\x50\x00\x01\x02\x12\x1b\xff");
	expect("40 01 00 50 00 01 02", "behind the last cylinder there is nothing");
}

static void cut_off(void)
{
	start(1266 * 1024);
	ram[BUFFER] = 9;
	dma_to(0x44, BUFFER, 512);
	seek(79);
	COMMAND("\xe6\x00\x4f\x00\x01\x02\x12\x1b\xff");
	expect("00 00 00 4f 00 02 02", "behind the end of a cut off image");
	ok(ram[BUFFER] == 0, "are zeros");
	dma_to(0x48, BUFFER, 512);
	COMMAND("\xc5\x00\x4f\x00\x01\x02\x12\x1b\xff");
	expect("40 20 20 4f 00 01 02", "that cannot be written");
}

int main(void)
{
	begin();
	reading();
	writing();
	by_processor();
	drives();
	reset_in_the_middle();
	other_media();
	edges();
	cut_off();
	return world_end();
}
