// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IDE: a disk and a CD drive on the PIIX3's channels, driven as a driver does: task file, data port,
 * packets, bus master descriptors; and as a driver should not.
 */
#include <errno.h>

#include "tests/host/world.h"

#define DEVFN 9
#define CMD 0x1f0
#define CTL 0x3f6
#define BM 0xc000
#define SECTORS 300000u
#define PRD 0x8000u
#define AREA 0x200000u

static struct block *hd, *cd;
static struct device *ctl, *disk, *drive;

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 3 + (at >> 9) * 7 + (at >> 16));
}

static struct device *attach(const char *class_name, struct block *blk, const char *bus_name,
			     const char *unit)
{
	struct device *dev = make(class_name);
	const char *wrong;

	device_set_ptr(dev, "drive", blk);
	device_set_words(dev, "unit", unit);
	wrong = dev->cls->attach(dev, bus_name);
	if (wrong)
		printf("# attach: %s\n", wrong);
	device_realize(dev);
	return dev;
}

static void make_machine(void)
{
	uint64_t i;

	fresh();
	if (!hd) {
		hd = make_disk(SECTORS * 512ull);
		cd = make_disk(1000 * 2048);
		hd->id = "hd";
		cd->id = "cd";
		cd->read_only = true;
	}
	for (i = 0; i < hd->size; i++)
		hd->data[i] = pattern(i);
	for (i = 0; i < cd->size; i++)
		cd->data[i] = pattern(i + 77);
	memset(hd->requests, 0, sizeof(hd->requests));
	ctl = make_pci("piix3-ide", DEVFN);
	device_realize(ctl);
	device_map(ctl, 0, 0x1f0);
	device_map(ctl, 1, 0x3f6);
	device_map(ctl, 2, 0x170);
	device_map(ctl, 3, 0x376);
	device_connect_irq(ctl, 0, 14);
	device_connect_irq(ctl, 1, 15);
	disk = attach("ide-hd", hd, "ide.0", "auto");
	drive = attach("ide-cd", cd, "ide.0", "1");
	pci_enable(DEVFN, 4, BM);
	config_write(DEVFN, 0x40, 0x80008000, 4);
}

static uint8_t alt(void)
{
	return inb(CTL);
}

/* Task file of 28 bits; @dev 0 or 1. */
static void command(unsigned int dev, uint8_t code, unsigned int count, uint32_t lba)
{
	outb(CMD + 6, (uint8_t)(0xe0 | dev << 4 | (lba >> 24 & 15)));
	outb(CMD + 2, (uint8_t)count);
	outb(CMD + 3, (uint8_t)lba);
	outb(CMD + 4, (uint8_t)(lba >> 8));
	outb(CMD + 5, (uint8_t)(lba >> 16));
	outb(CMD + 7, code);
}

static void command_ext(uint8_t code, unsigned int count, uint64_t lba)
{
	outb(CMD + 6, 0xe0);
	outb(CMD + 2, (uint8_t)(count >> 8));
	outb(CMD + 3, (uint8_t)(lba >> 24));
	outb(CMD + 4, (uint8_t)(lba >> 32));
	outb(CMD + 5, (uint8_t)(lba >> 40));
	outb(CMD + 2, (uint8_t)count);
	outb(CMD + 3, (uint8_t)lba);
	outb(CMD + 4, (uint8_t)(lba >> 8));
	outb(CMD + 5, (uint8_t)(lba >> 16));
	outb(CMD + 7, code);
}

static void get_words(void *buf, unsigned int bytes)
{
	uint8_t *p = buf;
	unsigned int i;

	for (i = 0; i < bytes; i += 2) {
		uint16_t w = inw(CMD);

		memcpy(p + i, &w, 2);
	}
}

static void put_words(const void *buf, unsigned int bytes)
{
	const uint8_t *p = buf;
	unsigned int i;

	for (i = 0; i < bytes; i += 4) {
		uint32_t w;

		memcpy(&w, p + i, 4);
		outl(CMD, w);
	}
}

/* Waits for the interrupt and takes it back by reading the status, which is returned. */
static uint8_t wait_irq(void)
{
	settle();
	return gsi_level[14] ? inb(CMD + 7) : 0;
}

/* --- the disk --- */

static void presence(void)
{
	uint16_t id[256];
	uint8_t sum = 0;
	unsigned int i;
	char model[41] = "";

	make_machine();
	ok(config_read(DEVFN, 0, 4) == 0x70108086 && config_read(DEVFN, 8, 4) >> 8 == 0x010180,
	   "ide: 8086:7010, IDE with bus master");
	ok(inb(CMD + 7) == 0x50 && inb(CMD + 1) == 1, "hd: ready, diagnostic passed");
	ok(inb(CMD + 2) == 1 && inb(CMD + 3) == 1 && !inb(CMD + 4) && !inb(CMD + 5),
	   "hd: the signature of a disk");
	outb(CMD + 6, 0xb0);
	ok(inb(CMD + 4) == 0x14 && inb(CMD + 5) == 0xeb, "cd: the signature of a packet device");
	ok(!inb(0x177) && !inb(0x172), "an empty channel reads as zeros");
	command(0, 0xec, 0, 0);
	ok(wait_irq() == 0x58 && !gsi_level[14], "IDENTIFY: an interrupt, which reading the status ends");
	get_words(id, 512);
	for (i = 0; i < 512; i++)
		sum = (uint8_t)(sum + ((uint8_t *)id)[i]);
	ok(!sum && (id[255] & 0xff) == 0xa5, "IDENTIFY: the checksum");
	ok((id[60] | id[61] << 16) == SECTORS && (id[100] | id[101] << 16) == SECTORS,
	   "IDENTIFY: sectors, in 28 and 48 bits");
	ok(id[1] == SECTORS / 1008 && id[3] == 16 && id[6] == 63, "IDENTIFY: geometry");
	for (i = 0; i < 40; i++)
		model[i] = (char)(id[27 + i / 2] >> (i & 1 ? 0 : 8));
	ok(!strncmp(model, "anykvm disk ", 12), "IDENTIFY: the model's letters in their order");
	ok(inb(CMD + 7) == 0x50, "IDENTIFY: no more data");
	command(1, 0xec, 0, 0);
	ok((wait_irq() & 1) && inb(CMD + 1) == 4 && inb(CMD + 5) == 0xeb, "cd: IDENTIFY DEVICE aborts");
	command(0, 0xa1, 0, 0);
	ok((wait_irq() & 1) && inb(CMD + 1) == 4, "hd: IDENTIFY PACKET DEVICE aborts");
	config_write(DEVFN, 0x40, 0, 2);
	ok(inb(CMD + 7) == 0xff, "IDETIM: the channel is not decoded");
}

static bool same(const uint8_t *p, uint64_t at, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && p[i] == pattern(at + i); i++)
		;
	return i == n;
}

static bool refused(void)
{
	return wait_irq() & 1 && inb(CMD + 1) & 0x10;
}

static bool by_chs(unsigned int cyl, unsigned int head, unsigned int sector)
{
	outb(CMD + 6, (uint8_t)(0xa0 | head));
	outb(CMD + 2, 1);
	outb(CMD + 3, (uint8_t)sector);
	outb(CMD + 4, (uint8_t)cyl);
	outb(CMD + 5, (uint8_t)(cyl >> 8));
	outb(CMD + 7, 0x20);
	return !refused();
}

static void no_such_place(void)
{
	uint8_t buf[512];
	unsigned int bit;

	ok(!by_chs(297, 0, 1), "nor a cylinder that is not whole");
	ok(!by_chs(0, 0, 64), "nor a sector 64");
	command(0, 0x91, 63, 7u << 24);
	wait_irq();
	ok(!by_chs(0, 8, 1), "nor a ninth head, when eight were asked for");
	ok(by_chs(0, 7, 63), "but an eighth");
	get_words(buf, 512);
	ok(same(buf, (8 * 63 - 1) * 512, 512), "with its sectors");
	for (bit = 20; bit < 28; bit++) {
		command(0, 0x20, 1, 1u << bit);
		ok(refused(), "READ SECTORS: beyond the end by bit %u", bit);
	}
	for (bit = 20; bit < 48; bit++) {
		command_ext(0x24, 1, 1ull << bit);
		ok(refused(), "READ SECTORS EXT: beyond the end by bit %u", bit);
	}
	command(0, 0x20, 0, SECTORS - 255);
	ok(refused(), "READ SECTORS: a count of 0 is 256, too many");
}

static void pio(void)
{
	static uint8_t buf[512 * 300];
	unsigned int i, irqs, early = 0;

	make_machine();
	command(0, 0x20, 3, 1000);
	ok(alt() & 0x80, "READ SECTORS: busy");
	for (i = 0; i < 3; i++) {
		ok(wait_irq() == 0x58, "READ SECTORS: an interrupt before each sector");
		get_words(buf + 512 * i, 512);
	}
	ok(!wait_irq() && alt() == 0x50 && same(buf, 1000 * 512, 1536), "READ SECTORS: and none after");
	ok(inb(CMD + 3) == (1002 & 0xff) && inb(CMD + 4) == 1002 >> 8, "READ SECTORS: the last address");
	outb(CMD + 6, 0xa0 | 3);
	outb(CMD + 2, 1);
	outb(CMD + 3, 5);
	outb(CMD + 4, 2);
	outb(CMD + 5, 0);
	outb(CMD + 7, 0x20);
	wait_irq();
	get_words(buf, 512);
	ok(same(buf, ((2 * 16 + 3) * 63 + 4) * 512, 512), "READ SECTORS: by cylinder, head, sector");
	outb(CMD + 3, 0);
	outb(CMD + 7, 0x20);
	ok((wait_irq() & 1) && inb(CMD + 1) & 0x10, "there is no sector 0");
	no_such_place();
	command(0, 0xc4, 20, 5);
	ok(wait_irq() & 1, "READ MULTIPLE: not before SET MULTIPLE MODE");
	command(0, 0xc6, 3, 0);
	ok((wait_irq() & 1), "SET MULTIPLE MODE: not of 3");
	command(0, 0xc6, 32, 0);
	ok((wait_irq() & 1), "SET MULTIPLE MODE: not of 32");
	command(0, 0xc5, 20, 5);
	ok(wait_irq() & 1, "WRITE MULTIPLE: nor that");
	command(0, 0xc6, 8, 0);
	ok(wait_irq() == 0x50, "SET MULTIPLE MODE: of 8");
	command(0, 0xc4, 20, 5);
	for (i = irqs = 0; i < 20; i += 8, irqs++) {
		wait_irq();
		get_words(buf + 512 * i, 512);
		early += gsi_level[14];
		get_words(buf + 512 * i + 512, 512 * (i == 16 ? 3 : 7));
	}
	ok(!early, "READ MULTIPLE: an interrupt a block");
	ok(same(buf, 5 * 512, 20 * 512) && alt() == 0x50, "READ MULTIPLE: two blocks of 8, one of 4");
	command_ext(0x24, 300, SECTORS - 300);
	for (i = 0; i < 300; i++) {
		wait_irq();
		get_words(buf + 512 * i, 512);
	}
	ok(same(buf, (SECTORS - 300) * 512ull, 300 * 512) && alt() == 0x50,
	   "READ SECTORS EXT: 300, to the end of the disk");
	outb(CTL, 0x80);
	ok(inb(CMD + 3) == 0 && inb(CMD + 4) == 0, "HOB shows the upper half of the address");
	outb(CTL, 0);
	command_ext(0x24, 0, SECTORS - 300);
	ok((wait_irq() & 1) && inb(CMD + 1) & 0x10, "READ SECTORS EXT: a count of 0 is 65536, too many");
	command_ext(0x24, 1, 0xffffffffffffull);
	ok((wait_irq() & 1) && inb(CMD + 1) & 0x10, "READ SECTORS EXT: far beyond the end");
}

static void writing(void)
{
	static uint8_t buf[512 * 300];
	unsigned int i;

	make_machine();
	memset(buf, 0xc3, sizeof(buf));
	command(0, 0x30, 2, 7);
	ok(alt() == 0x58 && !gsi_level[14], "WRITE SECTORS: asks for the first without an interrupt");
	put_words(buf, 512);
	ok(wait_irq() == 0x58, "WRITE SECTORS: and for the second with one");
	put_words(buf, 512);
	ok(wait_irq() == 0x50 && hd->data[7 * 512] == 0xc3 && hd->data[9 * 512 - 1] == 0xc3 &&
	   hd->data[9 * 512] == pattern(9 * 512), "WRITE SECTORS: written");
	command_ext(0x34, 300, 100);
	for (i = 0; i < 300; i++) {
		if (i)
			wait_irq();
		put_words(buf, 512);
	}
	ok(wait_irq() == 0x50 && hd->data[399 * 512 + 511] == 0xc3 &&
	   hd->data[400 * 512] == pattern(400 * 512), "WRITE SECTORS EXT: more than the buffer holds");
	command(0, 0xe7, 0, 0);
	ok((alt() & 0x80) && wait_irq() == 0x50 && hd->requests[BLOCK_FLUSH] == 1,
	   "FLUSH CACHE: busy until it is done");
	command(0, 0xef, 0, 0);
	ok(wait_irq() & 1, "SET FEATURES: of nothing aborts");
	outb(CMD + 1, 0x82);
	outb(CMD + 7, 0xef);
	ok(wait_irq() == 0x50 && !hd->write_cache && hd->requests[BLOCK_FLUSH] == 2,
	   "SET FEATURES: write cache off flushes it");
	bus_reset(bus);
	ok(hd->write_cache, "power-on: it is on again");
	config_write(DEVFN, 0x40, 0x80008000, 4);
	config_write(DEVFN, PCI_COMMAND, 5, 2);
	hd->fail = -EIO;
	command(0, 0x20, 1, 0x12345);
	ok((wait_irq() & 0x89) == 1 && inb(CMD + 1) == 0x40 && inb(CMD + 3) == 0x45,
	   "an error of the disk: uncorrectable, with the address");
	command(0, 0xea, 0, 0);
	ok((wait_irq() & 1), "FLUSH CACHE EXT: its error is told");
	command(0, 0x30, 1, 0x12345);
	put_words(buf, 512);
	ok((wait_irq() & 0x89) == 1 && inb(CMD + 1) == 4 && inb(CMD + 3) == 0x45,
	   "and one of a write: with the address");
	hd->fail = 0;
	hd->read_only = true;
	command(0, 0x30, 1, 0);
	ok((wait_irq() & 1) && inb(CMD + 1) == 4, "a disk that cannot be written aborts");
	hd->read_only = false;
}

/* --- DMA --- */

static void prd(unsigned int n, uint32_t addr, uint32_t len, bool last)
{
	const uint32_t d[2] = { addr, (len & 0xffff) | (last ? 0x80000000u : 0) };

	memcpy(ram + PRD + 8 * n, d, 8);
}

static void bm_start(bool to_memory)
{
	outb(BM + 2, 0x66);
	outl(BM + 4, PRD);
	outb(BM, to_memory ? 9 : 1);
}

static void dma_errors(void);

static void dma(void)
{
	unsigned int i;

	make_machine();
	prd(0, AREA, 0, true);
	command(0, 0xc8, 128, 3);
	settle();
	ok(!gsi_level[14] && (alt() & 8), "READ DMA: waits for the bus master");
	bm_start(true);
	ok(inb(BM + 2) == 0x61, "bus master: active");
	settle();
	ok(inb(BM + 2) == 0x64 && wait_irq() == 0x50 && same(ram + AREA, 3 * 512, 65536),
	   "READ DMA: a region of 64 KiB, then idle with an interrupt");
	outb(BM, 0);
	outb(BM + 2, 0x64);
	ok(inb(BM + 2) == 0x60, "bus master: the interrupt is cleared by writing 1");
	/* Regions of odd sizes. */
	prd(0, AREA, 2, false);
	prd(1, AREA + 0x1000, 508, false);
	prd(2, AREA + 0x3000, 514, false);
	prd(3, AREA + 0x5000, 512, true);
	bm_start(true);
	command_ext(0x25, 3, 500);
	ok(wait_irq() == 0x50 && same(ram + AREA, 500 * 512, 2) &&
	   same(ram + AREA + 0x1000, 500 * 512 + 2, 508) &&
	   same(ram + AREA + 0x3000, 500 * 512 + 510, 514) &&
	   same(ram + AREA + 0x5000, 502 * 512, 512), "READ DMA EXT: in pieces that are no sectors");
	outb(BM, 0);
	for (i = 0; i < 300; i++)
		prd(i, AREA + 2 * i, i == 299 ? 3 * 512 - 598 : 2, i == 299);
	bm_start(true);
	command(0, 0xc8, 3, 700);
	ok(wait_irq() == 0x50 && same(ram + AREA, 700 * 512, 1536) && inb(BM + 2) == 0x64,
	   "READ DMA: 300 regions, which are more than fit at once");
	outb(BM, 0);
	for (i = 0; i < 512; i++)
		prd(i, AREA + 0x4000 + 4096 * i, 4096, i == 511);
	memset(ram + AREA, 0x77, 3u << 20);
	bm_start(false);
	command_ext(0x35, 4096, 2000);
	ok(wait_irq() == 0x50 && hd->data[2000 * 512] == 0x77 && hd->data[6096 * 512 - 1] == 0x77 &&
	   hd->data[6096 * 512] == pattern(6096 * 512), "WRITE DMA EXT: 2 MiB");
	outb(BM, 0);
	prd(0, AREA, 1024, true);
	bm_start(true);
	command(0, 0xc8, 4, 0);
	settle();
	ok(!gsi_level[14] && inb(BM + 2) == 0x60 && alt() == 0x50,
	   "regions that are too short: idle, no interrupt");
	outb(BM, 0);
	prd(0, AREA, 4096, true);
	bm_start(true);
	command(0, 0xc8, 1, 0);
	ok(wait_irq() == 0x50 && inb(BM + 2) == 0x65, "regions that are too long: active with an interrupt");
	outb(BM, 0);
	ok(inb(BM + 2) == 0x64, "until it is stopped");
	command(0, 0x06, 1, 0);
	ok(wait_irq() & 1, "DATA SET MANAGEMENT: of nothing aborts");
	memset(ram + AREA, 0, 512);
	memcpy(ram + AREA, &(uint64_t){ 10000 | 16ull << 48 }, 8);
	prd(0, AREA, 512, true);
	bm_start(false);
	outb(CMD + 1, 1);
	command_ext(0x06, 1, 0);
	ok(wait_irq() == 0x50 && hd->requests[BLOCK_DISCARD] == 1 && !hd->data[10000 * 512] &&
	   hd->data[10016 * 512] == pattern(10016 * 512), "TRIM");
	memcpy(ram + AREA, &(uint64_t){ (SECTORS - 1) | 2ull << 48 }, 8);
	memcpy(ram + AREA + 8, &(uint64_t){ SECTORS | 1ull << 48 }, 8);
	memcpy(ram + AREA + 16, &(uint64_t){ 0xffffffffffff | 1ull << 48 }, 8);
	memcpy(ram + AREA + 24, &(uint64_t){ (SECTORS - 1) | 1ull << 48 }, 8);
	outb(BM, 0);
	bm_start(false);
	outb(CMD + 1, 1);
	command_ext(0x06, 1, 0);
	ok(wait_irq() == 0x50 && hd->requests[BLOCK_DISCARD] == 2 &&
	   hd->last == (SECTORS - 1) * 512ull, "TRIM: what is not on the disk is passed over");
	outb(CMD + 1, 1);
	command_ext(0x06, 257, 0);
	ok(wait_irq() & 1, "TRIM: more than the drive takes at once");
	outb(BM, 0);
	dma_errors();
}

/* What is promised to be stable, and what goes wrong. */
static void dma_errors(void)
{
	static const struct { uint8_t code; unsigned int stable; } writes[] = {
		{ 0x35, 0 }, { 0x3d, 1 }, { 0x35, 0 },
	};
	unsigned int i, before;
	uint8_t buf[512] = { 0 };

	prd(0, AREA, 512, true);
	for (i = 0; i < 3; i++) {
		before = hd->stable;
		bm_start(false);
		command_ext(writes[i].code, 1, 77);
		ok(wait_irq() == 0x50 && hd->stable == before + writes[i].stable,
		   "WRITE DMA%s: stable is what has to be", writes[i].stable ? " FUA" : "");
		outb(BM, 0);
	}
	command(0, 0xc6, 8, 0);
	wait_irq();
	before = hd->stable;
	command_ext(0xce, 1, 77);
	put_words(buf, 512);
	ok(wait_irq() == 0x50 && hd->stable == before + 1, "WRITE MULTIPLE FUA EXT: stable too");
	hd->fail = -EIO;
	bm_start(false);
	command_ext(0x35, 1, 77);
	ok((wait_irq() & 0x89) == 1 && inb(CMD + 1) == 4 && inb(CMD + 3) == 77 && !(inb(BM + 2) & 1),
	   "WRITE DMA: an error of the disk's, with the address");
	outb(BM, 0);
	bm_start(true);
	command_ext(0x25, 1, 78);
	ok((wait_irq() & 0x89) == 1 && inb(CMD + 1) == 0x40 && inb(CMD + 3) == 78,
	   "READ DMA: uncorrectable");
	outb(BM, 0);
	hd->fail = 0;
}

/* A disk of 1 PiB on the other channel, of which nothing can be read: where would it be? */
static void huge(void)
{
	struct block *big = make_disk(512);
	unsigned int i;
	uint8_t status;
	uint16_t id[256];

	make_machine();
	big->size = 1ull << 50;
	big->fail = -EIO;
	attach("ide-hd", big, "ide.1", "auto");
	outb(0x176, 0xe0);
	outb(0x177, 0xec);
	settle();
	for (i = 0; i < 256; i++)
		id[i] = inw(0x170);
	ok(id[60] == 0xffff && id[61] == 0x0fff && !id[100] && !id[101] && id[102] == 0x200 && !id[103],
	   "1 PiB: IDENTIFY: all in 48 bits, what can be in 28");
	inb(0x177);
	outb(0x177, 0xf8);
	settle();
	ok(inb(0x173) == 0xfe && inb(0x174) == 0xff && inb(0x175) == 0xff && inb(0x176) == 0xef,
	   "1 PiB: READ NATIVE MAX ADDRESS");
	outb(0x176, 0xe0);
	outb(0x172, 0);
	outb(0x173, 0x56);
	outb(0x174, 0x34);
	outb(0x175, 0x01);
	outb(0x172, 1);
	outb(0x173, 0xbc);
	outb(0x174, 0x9a);
	outb(0x175, 0x78);
	outb(0x177, 0x24);
	settle();
	status = inb(0x177);
	ok(status & 1 && big->last == 512 * 0x013456789abcull, "1 PiB: READ SECTORS EXT: 48 bits of address");
	bus_destroy(bus);
	bus = NULL;
	free_disk(big);
}

static void hostile(void)
{
	unsigned int i;

	make_machine();
	prd(0, 0xfe000000, 4096, true);
	bm_start(true);
	command(0, 0xc8, 8, 0);
	settle();
	ok(inb(BM + 2) == 0x62 && !gsi_level[14], "a region where no memory is: error");
	outb(BM, 0);
	outb(BM + 2, 0x62);
	ok(inb(BM + 2) == 0x60, "cleared by writing 1");
	outl(BM + 4, 0xfffffff0);
	outb(BM, 9);
	command(0, 0xc8, 8, 0);
	settle();
	ok(inb(BM + 2) == 0x62, "a table where no memory is: error");
	outb(BM, 0);
	/* A table without an end: 64 KiB of it at most. */
	for (i = 0; i < 16384; i++)
		prd(i, AREA, 2, false);
	bm_start(true);
	command_ext(0x25, 0xffff, 0);
	settle();
	ok(!(inb(BM + 2) & 1), "a table without an end ends all the same");
	outb(BM, 0);
	config_write(DEVFN, PCI_COMMAND, 1, 2);
	prd(0, AREA, 4096, true);
	bm_start(true);
	command(0, 0xc8, 8, 0);
	settle();
	ok(inb(BM + 2) == 0x62, "not bus master: error");
	config_write(DEVFN, PCI_COMMAND, 5, 2);
	outb(BM, 0);
	/* Both drives at once. */
	hd->hold = true;
	bm_start(true);
	command(0, 0xc8, 8, 9);
	command(1, 0xa0, 0, 0);
	outb(BM, 0);
	hd->hold = false;
	settle();
	outb(CMD + 6, 0xa0);
	ok(alt() == 0x50, "stopped under way: the drive is ready again");
	hd->hold = true;
	bm_start(true);
	command(0, 0xc8, 8, 9);
	outb(CTL, 4);
	ok(alt() == 0x80, "SRST: busy");
	outb(CTL, 0);
	ok(alt() == 0x50 && inb(CMD + 1) == 1 && !gsi_level[14], "SRST under way: reset, no interrupt");
	hd->hold = false;
	settle();
	ok(alt() == 0x50 && !gsi_level[14], "and nothing comes after");
	outb(CTL, 2);
	command(0, 0xec, 0, 0);
	settle();
	ok(!gsi_level[14] && alt() == 0x58, "nIEN: no interrupt");
	outb(CTL, 0);
	ok(gsi_level[14], "and there it is when it is let through");
	outb(CMD + 7, 0xec);
	ok(gsi_level[14], "a command while data waits is not heard");
	for (i = 0; i < 1000; i++)
		inl(CMD);
	ok(inb(CMD + 7) == 0x50, "reading on and on does no harm");
	outb(CMD + 6, 0xf0);
	outb(CMD + 7, 0x90);
	outb(CMD + 6, 0xe0);
	ok(inb(CMD + 1) == 1 && inb(CMD + 2) == 1, "EXECUTE DEVICE DIAGNOSTIC: both are well");
}

/* --- the CD drive --- */

/* Sends a packet; the length of the answer's first portion, or -1 for its end with an error. */
static int packet(const uint8_t *p, bool with_dma, unsigned int limit)
{
	uint8_t status;

	outb(CMD + 6, 0xb0);
	outb(CMD + 1, with_dma);
	outb(CMD + 4, (uint8_t)limit);
	outb(CMD + 5, (uint8_t)(limit >> 8));
	outb(CMD + 7, 0xa0);
	if (!(alt() & 8) || inb(CMD + 2) != 1)
		return -2;
	put_words(p, 12);
	status = wait_irq();
	if (status & 1)
		return -1;
	return status & 8 ? inb(CMD + 4) | inb(CMD + 5) << 8 : 0;
}

#define PACKET(...) packet((const uint8_t[12]){ __VA_ARGS__ }, false, 0x8000)

/* The sense data of the last error: key << 16 | code << 8 | qualifier. */
static unsigned int sense(void)
{
	uint8_t s[18];

	if (PACKET(3, 0, 0, 0, 18) != 18)
		return 0;
	get_words(s, 18);
	wait_irq();
	return (unsigned int)(s[2] << 16 | s[12] << 8 | s[13]);
}

static void cd_identity(void)
{
	uint8_t buf[512];
	uint16_t *id = (uint16_t *)(void *)buf;

	make_machine();
	command(1, 0xa1, 0, 0);
	wait_irq();
	get_words(buf, 512);
	ok(id[0] == 0x85c0, "cd: IDENTIFY PACKET DEVICE");
	ok(PACKET(0) == 0 && inb(CMD + 2) == 3, "cd: TEST UNIT READY");
	ok(PACKET(0x12, 0, 0, 0, 96) == 36, "cd: INQUIRY");
	get_words(buf, 36);
	ok((wait_irq() & 9) == 0 && buf[0] == 5 && buf[1] == 0x80 && !memcmp(buf + 8, "anykvm  ", 8),
	   "cd: a removable CD drive");
	ok(PACKET(0x12, 0, 0, 0, 5) == 5, "cd: INQUIRY: no more than is asked for");
	get_words(buf, 6);
	wait_irq();
	ok(PACKET(0xff) == -1 && inb(CMD + 1) == 0x54 && sense() == 0x052000, "cd: an unknown command");
	ok(sense() == 0, "cd: the sense is told once");
	ok(PACKET(0x25) == 8, "cd: READ CAPACITY");
	get_words(buf, 8);
	wait_irq();
	ok(buf[2] == (999 >> 8) && buf[3] == (999 & 255) && buf[6] == 8, "cd: 1000 sectors of 2048");
	ok(PACKET(0x43, 2, 0, 0, 0, 0, 0, 1, 0) == 20, "cd: READ TOC");
	get_words(buf, 20);
	wait_irq();
	ok(buf[1] == 18 && buf[6] == 1 && buf[10] == 2 && buf[14] == 0xaa && buf[18] == 15 &&
	   buf[19] == 25, "cd: one track, and the lead-out in minutes and seconds");
	ok(PACKET(0x43, 0, 2, 0, 0, 0, 0, 1, 0) == 48, "cd: READ TOC, raw");
	get_words(buf, 48);
	wait_irq();
	ok(PACKET(0x46, 0, 0, 0, 0, 0, 0, 1, 0) == 40, "cd: GET CONFIGURATION");
	get_words(buf, 40);
	wait_irq();
	ok(buf[3] == 36 && buf[7] == 8, "cd: the disc is a CD-ROM");
	ok(PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0) == 30, "cd: MODE SENSE of the capabilities");
	get_words(buf, 30);
	wait_irq();
	ok(buf[8] == 0x2a && buf[9] == 20, "cd: the page");
	ok(PACKET(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 8) == 8, "cd: MODE SENSE of all, its head");
	get_words(buf, 8);
	wait_irq();
	ok(PACKET(0x5a, 0, 0xea, 0, 0, 0, 0, 1, 0) == -1 && sense() == 0x053900, "cd: none is saved");
}

static bool same_cd(const uint8_t *p, unsigned int sector, unsigned int n)
{
	return same(p, sector * 2048 + 77, n * 2048);
}

static void cd_reading(void)
{
	static uint8_t buf[200 * 2048];
	unsigned int at = 0, portions = 0, i, good = 0;
	int n;

	make_machine();
	n = packet((const uint8_t[12]){ 0x28, 0, 0, 0, 0, 10, 0, 0, 100 }, false, 4096);
	for (; n > 0; portions++) {
		get_words(buf + at, (unsigned int)n);
		at += (unsigned int)n;
		n = wait_irq() & 8 ? inb(CMD + 4) | inb(CMD + 5) << 8 : 0;
	}
	ok(at == 100 * 2048 && same_cd(buf, 10, 100) && alt() == 0x50 && inb(CMD + 2) == 3,
	   "cd: READ(10) of 100 sectors in %u portions", portions);
	for (i = 0; i < 7; i++)
		prd(i, AREA + 0x10000 * i, i == 6 ? 0x4000 : 0, i == 6);
	bm_start(true);
	ok(!packet((const uint8_t[12]){ 0xa8, 0, 0, 0, 1, 0x2c, 0, 0, 0, 200 }, true, 0) &&
	   same_cd(ram + AREA, 300, 200) && inb(BM + 2) == 0x64, "cd: READ(12) of 200 by DMA");
	outb(BM, 0);
	ok(packet((const uint8_t[12]){ 0xbe, 0, 0, 0, 0, 20, 0, 0, 1, 0xf8 }, false, 0xfffe) == 2352,
	   "cd: READ CD, whole sectors");
	get_words(buf, 2352);
	wait_irq();
	ok(!buf[0] && buf[1] == 0xff && buf[13] == 2 && buf[14] == 0x20 && buf[15] == 1 &&
	   same_cd(buf + 16, 20, 1), "cd: sync, address, mode, data");
	ok(PACKET(0x28, 0, 0, 0, 3, 0xe7, 0, 0, 2) == -1 && sense() == 0x052100, "cd: beyond the end");
	ok(PACKET(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff) == -1 && sense() == 0x052100,
	   "cd: far beyond");
	ok(PACKET(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 2) == -1 && sense() == 0x052100,
	   "cd: so far that the sum is small");
	ok(PACKET(0x28) == 0, "cd: READ(10) of nothing");
	ok(PACKET(0x2b, 0, 0, 0, 3, 0xe8) == -1 && sense() == 0x052100, "cd: SEEK beyond the end");
	n = packet((const uint8_t[12]){ 0xbe, 0, 0, 0, 0, 5, 0, 0, 120, 0xf8 }, false, 2352);
	for (i = 0; n == 2352; i++) {
		get_words(buf, 2352);
		good += same_cd(buf + 16, 5 + i, 1);
		n = wait_irq() & 8 ? inb(CMD + 4) | inb(CMD + 5) << 8 : 0;
	}
	ok(i == 120 && good == 120, "cd: READ CD of more whole sectors than the drive reads at once");
	cd->fail = -EIO;
	ok(PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1) == -1 && sense() == 0x031100, "cd: a bad disc");
	cd->fail = 0;
	packet((const uint8_t[12]){ 0x28, 0, 0, 0, 0, 10, 0, 0, 100 }, false, 4096);
	outb(CMD + 7, 0x08);
	ok(!alt() && inb(CMD + 4) == 0x14 && !gsi_level[14], "cd: DEVICE RESET in the middle");
	ok(!PACKET(0), "cd: and it goes on");
}

static void cd_media(void)
{
	uint8_t buf[8];

	make_machine();
	ok(!PACKET(0x1e, 0, 0, 0, 1) && !cd->user->may_eject(cd->arg), "cd: locked by the guest");
	ok(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8) == 8, "cd: GET EVENT STATUS NOTIFICATION");
	get_words(buf, 8);
	wait_irq();
	ok(buf[2] == 4 && buf[4] == 1 && buf[5] == 2, "cd: the user wants it out");
	ok(PACKET(0x1b, 0, 0, 0, 2) == -1 && sense() == 0x055302, "cd: no eject while locked");
	PACKET(0x1e);
	ok(cd->user->may_eject(cd->arg) && !PACKET(0x1b, 0, 0, 0, 2) && cd->opened, "cd: eject");
	cd->no_medium = true;
	cd->user->medium_changed(cd->arg);
	ok(PACKET(0) == -1 && sense() == 0x023a00, "cd: no medium");
	PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
	get_words(buf, 8);
	wait_irq();
	ok(buf[4] == 3 && !(buf[5] & 2), "cd: the medium is gone");
	cd->no_medium = false;
	cd->user->medium_changed(cd->arg);
	ok(PACKET(0x12, 0, 0, 0, 36) == 36, "cd: INQUIRY does not mind a new medium");
	get_words(ram, 36);
	wait_irq();
	ok(PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1) == -1 && sense() == 0x062800,
	   "cd: a new medium: the next command hears of it");
	ok(PACKET(0) == 0, "cd: and the one after works");
}

int main(void)
{
	presence();
	pio();
	writing();
	dma();
	huge();
	hostile();
	cd_identity();
	cd_reading();
	cd_media();
	return world_end();
}
