// SPDX-License-Identifier: LGPL-2.1-or-later
/* The virtio disk and the entropy device against Virtio 1.2, sections 5.2 and 5.4. */
#include <errno.h>

#include "devices/virtio/core.h"
#include "tests/host/virtio_driver.h"

#define BIT(n) (1ull << (n))
enum { F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10, F_WCE = 11, F_MQ = 12,
       F_DISCARD = 13, F_ZEROES = 14 };
#define ALL (BIT(F_BLK_SIZE) | BIT(F_FLUSH) | BIT(F_TOPOLOGY) | BIT(F_WCE) | BIT(F_MQ) | \
	     BIT(F_DISCARD) | BIT(F_ZEROES) | BIT(F_RO) | BIT(VIRTIO_F_RING_RESET))
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2, NONE = 0xff };

#define DISK (1u << 20)

static struct driver d;
static struct block *disk;
static uint64_t head, data, status;

static struct device *attach(void)
{
	struct device *dev;

	fresh();
	if (disk)
		free_disk(disk);
	disk = make_disk(DISK);
	dev = make_pci("virtio-blk-pci", DRIVER_DEVFN);
	device_set_ptr(dev, "drive", disk);
	return dev;
}

static void go(struct device *dev, uint64_t features)
{
	driver_find(&d, PCI_MODERN, dev, true);
	driver_start(&d, features);
	head = guest_alloc(4096);
	data = guest_alloc(65536);
	status = head + 512;
}

static void start(void)
{
	go(attach(), ALL);
}

static void header(uint32_t type, uint64_t sector)
{
	const uint32_t zero = 0;

	memcpy(ram + head, &type, 4);
	memcpy(ram + head + 4, &zero, 4);
	memcpy(ram + head + 8, &sector, 8);
	ram[status] = NONE;
}

/* One request as Linux makes it; its status. @got: bytes that came back. */
static int64_t got;

static uint8_t request(uint32_t type, uint64_t sector, uint32_t len)
{
	struct buffer buf[3] = {
		{ head, 16, false },
		{ data, len, type == T_IN || type == T_GET_ID },
		{ status, 1, true },
	};

	header(type, sector);
	if (!len)
		buf[1] = buf[2];
	got = driver_do(&d, 0, buf, len ? 3 : 2);
	return ram[status];
}

static void reading_and_writing(void)
{
	unsigned int i;

	start();
	ok(driver_config(&d, 0, 8) == DISK / 512 && driver_config(&d, 20, 4) == 512, "capacity, block");
	for (i = 0; i < 4096; i++)
		ram[data + i] = (uint8_t)(i * 7);
	ok(request(T_OUT, 3, 4096) == OK && got == 1, "write");
	ok(!memcmp(disk->data + 3 * 512, ram + data, 4096), "is on the disk");
	ok(driver_interrupt(&d, 0), "and told");
	memset(ram + data, 0, 4096);
	ok(request(T_IN, 3, 4096) == OK && got == 4097 &&
	   !memcmp(disk->data + 3 * 512, ram + data, 4096), "read");
	ok(request(T_IN, DISK / 512 - 1, 512) == OK, "the last sector");
	ok(request(T_IN, DISK / 512 - 1, 1024) == IOERR && got == 0, "not over the end");
	ok(request(T_IN, DISK / 512, 512) == IOERR, "not behind the end");
	ok(request(T_OUT, ~0ull >> 9, 512) == IOERR && request(T_OUT, ~0ull, 512) == IOERR,
	   "nor at the end of numbers");
	ok(request(T_IN, 0, 700) == IOERR, "no part of a sector");
	disk->fail = -EIO;
	ok(request(T_IN, 0, 512) == IOERR && got == 0, "an error of the disk's");
	disk->fail = 0;
	ok(request(T_FLUSH, 0, 0) == OK && disk->requests[BLOCK_FLUSH] == 1, "flush");
	ok(request(99, 0, 512) == UNSUPP, "an unknown request");
	ok(request(5, 0, 0) == UNSUPP, "and another");
}

/* Request @i of many: its own header, status and data; not said to the device yet. */
static void put(unsigned int i, uint32_t type, uint64_t sector, uint32_t len)
{
	uint64_t h = head, s = status;
	struct buffer buf[3] = {
		{ head + 1024 + 16 * i, 16, false },
		{ data + len * (i % 8), len, type == T_IN },
		{ head + 3072 + i, 1, true },
	};

	head = buf[0].gpa;
	status = buf[2].gpa;
	header(type, sector);
	head = h;
	status = s;
	driver_add(&d, 0, buf, 3, false);
}

static unsigned int good(unsigned int nr)
{
	unsigned int i, all = 0;
	uint32_t len;
	uint16_t id;

	driver_kick(&d, 0);
	settle();
	for (i = 0; i < nr; i++)
		all += driver_used(&d, 0, &id, &len) && ram[head + 3072 + i] == OK;
	return all;
}

/* What begins where the one before ended goes to the disk with it. */
static void neighbours(void)
{
	unsigned int i;

	start();
	for (i = 0; i < 6 * 512; i++)
		ram[data + i] = (uint8_t)(i / 512 + 1);
	for (i = 0; i < 4; i++)
		put(i, T_OUT, 8 + i, 512);
	put(4, T_OUT, 20, 512);
	put(5, T_OUT, 19, 512);
	ok(good(6) == 6 && disk->requests[BLOCK_WRITE] == 3, "four neighbours and two others are three");
	ok(!memcmp(disk->data + 8 * 512, ram + data, 4 * 512) && disk->data[20 * 512] == 5 &&
	   disk->data[19 * 512] == 6, "each at its place");
	memset(ram + data, 0, 4 * 512);
	for (i = 0; i < 4; i++)
		put(i, i == 1 ? T_OUT : T_IN, 8 + i, 512);
	ok(good(4) == 4 && disk->requests[BLOCK_READ] == 2 && disk->requests[BLOCK_WRITE] == 4,
	   "reads and writes do not mix");
	ok(ram[data] == 1 && ram[data + 1024] == 3 && ram[data + 1536] == 4 &&
	   disk->data[9 * 512] == 0, "and are what they are");
	disk->bad = 10 * 512;
	disk->requests[BLOCK_READ] = 0;
	for (i = 0; i < 4; i++)
		put(i, T_IN, 8 + i, 512);
	ok(good(4) == 3 && ram[head + 3072 + 2] == IOERR && disk->requests[BLOCK_READ] == 5,
	   "where one fails the others do not");
	disk->bad = 0;
	disk->requests[BLOCK_WRITE] = 0;
	for (i = 0; i < 65; i++)
		put(i, T_OUT, 8 * i, 4096);
	ok(good(65) == 65 && disk->requests[BLOCK_WRITE] == 2, "256 KiB at most");
	disk->hold = true;
	for (i = 0; i < 4; i++)
		put(i, T_IN, 8 + i, 512);
	driver_kick(&d, 0);
	driver_set_status(&d, 0);
	ok(!disk->waiting, "a reset waits for all of them");
}

static unsigned int at_disk(void)
{
	const struct block_request *r;
	unsigned int nr = 0;

	for (r = disk->waiting; r; r = r->next)
		nr++;
	return nr;
}

/* One after the other, while the disk is slow. */
static void streams(void)
{
	unsigned int i;

	start();
	disk->hold = true;
	for (i = 0; i < 4; i++) {
		put(i, T_OUT, 100 + i, 512);
		driver_kick(&d, 0);
	}
	ok(at_disk() == 4, "a disk with little to do gets each at once");
	for (; i < 8; i++) {
		put(i, T_OUT, 100 + i, 512);
		driver_kick(&d, 0);
	}
	ok(at_disk() == 4, "one with enough to do gets no more of the same stream");
	put(i++, T_OUT, 200, 512);
	driver_kick(&d, 0);
	ok(at_disk() == 6, "but what has no neighbour, and what waited before it");
	put(i++, T_OUT, 201, 512);
	driver_kick(&d, 0);
	disk->hold = false;
	ok(good(10) == 10 && disk->requests[BLOCK_WRITE] == 7, "all end, in as many as were needed");
	disk->hold = true;
	for (i = 0; i < 6; i++) {
		put(i, T_IN, 100 + i, 512);
		driver_kick(&d, 0);
	}
	ok(at_disk() == 4, "reads are no different");
	driver_set_status(&d, 0);
	ok(!disk->waiting, "a reset waits for what was not there yet");
}

/* Pieces cut anywhere (VIRTIO_F_ANY_LAYOUT, and always since 1.0). */
static void odd_pieces(void)
{
	struct buffer w[6] = {
		{ 0, 5, false }, { 0, 11 + 100, false }, { 0, 1, false }, { 0, 411, false },
		{ 0, 1, true },
	};
	struct buffer r[4] = { { 0, 16, false }, { 0, 500, true }, { 0, 13, true } };
	unsigned int i;

	start();
	header(T_OUT, 1);
	memcpy(ram + data, ram + head, 16);
	for (i = 0; i < 512; i++)
		ram[data + 16 + i] = (uint8_t)i;
	w[0].gpa = data;
	w[1].gpa = data + 5;
	w[2].gpa = data + 116;
	w[3].gpa = data + 117;
	w[4].gpa = status;
	ok(driver_do(&d, 0, w, 5) == 1 && ram[status] == OK &&
	   !memcmp(disk->data + 512, ram + data + 16, 512), "header and data in one piece and in three");
	header(T_IN, 1);
	memset(ram + data, 0xee, 1024);
	r[0].gpa = head;
	r[1].gpa = data;
	r[2].gpa = data + 600;
	ok(driver_do(&d, 0, r, 3) == 513 && !memcmp(ram + data, disk->data + 512, 500) &&
	   !memcmp(ram + data + 600, disk->data + 1012, 12) && ram[data + 612] == OK,
	   "data and status in one piece");
}

static void identity(void)
{
	struct device *dev = attach();

	device_set_ptr(dev, "serial", "A-SERIAL-OF-20-CHARS");
	go(dev, ALL);
	ok(request(T_GET_ID, 0, 20) == OK && got == 21 &&
	   !memcmp(ram + data, "A-SERIAL-OF-20-CHARS", 20), "serial");
	memset(ram + data, 0xee, 16);
	ok(request(T_GET_ID, 0, 8) == OK && !memcmp(ram + data, "A-SERIAL\xee", 9), "cut where room is short");
	start();
	disk->serial = "drive's";
	ok(request(T_GET_ID, 0, 20) == OK && !memcmp(ram + data, "drive's\0\0", 9), "the drive's own");
	dev = attach();
	device_set_ptr(dev, "serial", "A-SERIAL-OF-21-CHARS.");
	ok(device_try_realize(dev), "too long a serial: refused");
	dev = attach();
	device_set_u64(dev, "queue-size", 100);
	ok(device_try_realize(dev), "a queue of 100: refused");
	fresh();
	ok(device_try_realize(make_pci("virtio-blk-pci", DRIVER_DEVFN)), "no drive: refused");
	dev = attach();
	disk->no_medium = true;
	ok(device_try_realize(dev), "an empty drive: refused");
}

static void range(unsigned int i, uint64_t sector, uint32_t nr, uint32_t flags)
{
	memcpy(ram + data + 16 * i, &sector, 8);
	memcpy(ram + data + 16 * i + 8, &nr, 4);
	memcpy(ram + data + 16 * i + 12, &flags, 4);
}

static void ranges(void)
{
	unsigned int i, before;

	start();
	memset(disk->data, 0x55, DISK);
	range(0, 8, 8, 0);
	range(1, 100, 1, 0);
	ok(request(T_DISCARD, 0, 32) == OK && disk->requests[BLOCK_DISCARD] == 2 && !disk->data[4096] &&
	   disk->data[8192] == 0x55 && !disk->data[51200], "discard of two ranges");
	range(0, 200, 4, 1);
	ok(request(T_ZEROES, 0, 16) == OK && !disk->data[200 * 512] && disk->data[204 * 512],
	   "write zeroes, which may unmap");
	ok(request(T_DISCARD, 0, 16) == UNSUPP, "but a discard has no flags");
	range(0, 200, 4, 2);
	ok(request(T_ZEROES, 0, 16) == UNSUPP, "nor has that others");
	range(0, DISK / 512 - 1, 2, 0);
	ok(request(T_DISCARD, 0, 16) == IOERR, "not over the end");
	range(0, 0, 0xffffffff, 0);
	ok(request(T_DISCARD, 0, 16) == IOERR, "not more than all");
	ok(request(T_DISCARD, 0, 15) == IOERR && request(T_DISCARD, 0, 16 * 33) == IOERR,
	   "no part of a range, and not too many");
	for (i = 0; i < 33; i++)
		range(i, i, 1, 0);
	before = disk->requests[BLOCK_DISCARD];
	ok(request(T_DISCARD, 0, 16 * 33) == IOERR && disk->requests[BLOCK_DISCARD] == before,
	   "not even where each is good");
	memset(disk->data, 0x55, 512);
	range(0, 0, 1, 0);
	range(1, DISK, 1, 0);
	ok(request(T_DISCARD, 0, 32) == IOERR && disk->data[0] == 0x55, "all are checked before the first");
	go(attach(), ALL & ~BIT(F_DISCARD));
	range(0, 0, 1, 0);
	ok(request(T_DISCARD, 0, 16) == UNSUPP, "not without the feature");
}

/* A disk of 1 TiB, of which no request gets far. */
static void huge(void)
{
	struct buffer buf[302] = { { 0, 16, false } };
	struct device *dev = attach();
	unsigned int i, before;

	device_set_u64(dev, "queue-size", 1024);
	disk->size = 1ull << 40;
	disk->fail = -EIO;
	go(dev, ALL);
	range(0, 0, 1u << 22, 0);
	ok(request(T_DISCARD, 0, 16) == IOERR && disk->requests[BLOCK_DISCARD] == 1,
	   "a range as long as the configuration says");
	range(0, 0, (1u << 22) + 1, 0);
	ok(request(T_DISCARD, 0, 16) == IOERR && disk->requests[BLOCK_DISCARD] == 1, "and no longer");
	header(T_IN, 0);
	buf[0].gpa = head;
	for (i = 1; i < 301; i++)
		buf[i] = (struct buffer){ 1u << 20, 15u << 20, true };
	buf[i] = (struct buffer){ status, 1, true };
	before = disk->requests[BLOCK_READ];
	ok(driver_do(&d, 0, buf, i + 1) == 0 && ram[status] == IOERR &&
	   disk->requests[BLOCK_READ] == before, "more than a used ring can tell");
	buf[1].len = 512;
	buf[2] = buf[i];
	header(T_IN, (1ull << 31) - 1);
	ok(driver_do(&d, 0, buf, 3) == 0 && disk->last == (1ull << 40) - 512, "the last of many sectors");
}

static bool write_is_stable(void)
{
	unsigned int before = disk->stable;
	struct buffer buf[3] = { { head, 16, false }, { data, 512, false }, { status, 1, true } };

	header(T_OUT, 0);
	driver_do(&d, 0, buf, 3);
	return disk->stable == before + 1;
}

static void caches(void)
{
	start();
	ok(driver_config(&d, 32, 1) == 1 && !write_is_stable(), "write-back: a flush makes it stable");
	driver_set_config(&d, 32, 1, 0);
	ok(driver_config(&d, 32, 1) == 0 && write_is_stable(), "the guest turns that off");
	driver_set_config(&d, 0, 1, 0);
	ok(driver_config(&d, 0, 8) == DISK / 512, "and can change nothing else");
	go(attach(), ALL & ~(BIT(F_FLUSH) | BIT(F_WCE)));
	ok(write_is_stable(), "a driver that cannot flush: every write is stable");
	go(attach(), ALL & ~BIT(F_WCE));
	ok(!write_is_stable(), "a driver that can");
	d.dev = attach();
	disk->read_only = true;
	go(d.dev, ALL);
	ok(d.features & BIT(F_RO) && !(d.features & (BIT(F_DISCARD) | BIT(F_ZEROES))) &&
	   request(T_OUT, 0, 512) == IOERR, "a read-only disk");
}

static void resets(void)
{
	struct buffer buf[3] = { { head, 16, false }, { data, 512, true }, { status, 1, true } };
	uint16_t id;
	uint32_t len;

	start();
	buf[0].gpa = head;
	buf[1].gpa = data;
	buf[2].gpa = status;
	disk->hold = true;
	header(T_IN, 0);
	driver_add(&d, 0, buf, 3, false);
	driver_kick(&d, 0);
	ok(!driver_used(&d, 0, &id, &len) && ram[status] == NONE, "a slow disk");
	driver_set_status(&d, 0);
	ok(!disk->waiting, "a reset waits for it");
	disk->hold = false;
	memset(ram + data, 0xee, 512);
	settle();
	ok(ram[data] == 0xee, "and nothing comes after");
	driver_start(&d, ALL);
	ok(request(T_IN, 0, 512) == OK, "it goes on");
	disk->hold = true;
	driver_add(&d, 0, buf, 3, false);
	driver_kick(&d, 0);
	mmio_write(0xe0100016, 0, 2);
	mmio_write(0xe010003a, 1, 2);
	ok(!disk->waiting, "a reset of the queue waits too");
	disk->hold = true;
	driver_start(&d, ALL);
	driver_add(&d, 0, buf, 3, false);
	driver_kick(&d, 0);
	bus_reset(bus);
	ok(!disk->waiting, "and the machine's");
}

static void queues(void)
{
	struct device *dev = attach();
	struct buffer buf[3];

	device_set_u64(dev, "num-queues", 4);
	go(dev, ALL);
	buf[0] = (struct buffer){ head, 16, false };
	buf[1] = (struct buffer){ data, 512, true };
	buf[2] = (struct buffer){ status, 1, true };
	ok(driver_nr_queues(&d) == 4 && driver_config(&d, 34, 2) == 4, "four queues");
	header(T_IN, 0);
	ok(driver_do(&d, 3, buf, 3) == 513 && driver_interrupt(&d, 3) && !driver_interrupt(&d, 0),
	   "each has its own interrupt");
}

static void hostile(void)
{
	struct buffer buf[3] = { { 0, 16, false }, { 0, 512, true }, { 0, 1, true } };

	start();
	buf[0].gpa = head;
	ok(driver_do(&d, 0, buf, 1) && driver_status(&d) & STATUS_NEEDS_RESET, "no room for a status");
	start();
	buf[0].len = 15;
	buf[2].gpa = status;
	ok(driver_do(&d, 0, buf, 3) && driver_status(&d) & STATUS_NEEDS_RESET, "half a header");
	start();
	header(T_IN, 0);
	buf[0].gpa = head;
	buf[0].len = 16;
	buf[1].gpa = 0xe0100000;
	ok(driver_do(&d, 0, buf, 3) == 0 && ram[status] == IOERR, "data into registers");
	buf[1].gpa = WORLD_RAM - 256;
	ok(driver_do(&d, 0, buf, 3) == 0 && ram[status] == IOERR, "data over the end of memory");
	buf[1].gpa = data;
	buf[1].len = 0xfffffe00;
	ok(driver_do(&d, 0, buf, 3) == 0 && ram[status] == IOERR, "4 GiB");
	buf[1].len = 512;
	buf[2].gpa = 0xa0000;
	ok(driver_do(&d, 0, buf, 3) == 513, "status into a hole");
	buf[1].gpa = 0xa0000 - 100;
	buf[2].gpa = status;
	ok(driver_do(&d, 0, buf, 3) == 0 && ram[status] == IOERR, "data over the edge of a hole");
}

/* --- the entropy device --- */

static void entropy(void)
{
	struct device *dev;
	struct buffer buf = { 0, 64, true };
	uint8_t zeros[64] = { 0 };

	fresh();
	driver_find(&d, PCI_MODERN, make_pci("virtio-rng-pci", DRIVER_DEVFN), false);
	driver_start(&d, 0);
	buf.gpa = guest_alloc(65536);
	ok(driver_do(&d, 0, &buf, 1) == 64 && memcmp(ram + buf.gpa, zeros, 64), "random bytes");
	buf.len = 65536;
	ok(driver_do(&d, 0, &buf, 1) == 4096, "so many at once");
	buf.write = false;
	ok(driver_do(&d, 0, &buf, 1) == 0, "a buffer that cannot be written");

	fresh();
	dev = make_pci("virtio-rng-pci", DRIVER_DEVFN);
	device_set_u64(dev, "max-bytes", 100);
	device_set_u64(dev, "period", 1000);
	driver_find(&d, PCI_MODERN, dev, false);
	driver_start(&d, 0);
	buf = (struct buffer){ guest_alloc(4096), 64, true };
	ok(driver_do(&d, 0, &buf, 1) == 64 && driver_do(&d, 0, &buf, 1) == 36, "so many in a period");
	ok(driver_do(&d, 0, &buf, 1) == -1, "then none");
	pass(999 * 1000000ull);
	ok(!driver_used(&d, 0, &(uint16_t){ 0 }, &(uint32_t){ 0 }), "until it ends");
	pass(1000000);
	ok(driver_used(&d, 0, &(uint16_t){ 0 }, &(uint32_t){ 0 }), "then again");
	driver_do(&d, 0, &buf, 1);
	driver_do(&d, 0, &buf, 1);
	driver_set_status(&d, 0);
	pass(2000 * 1000000ull);
	ok(!driver_used(&d, 0, &(uint16_t){ 0 }, &(uint32_t){ 0 }), "a reset ends the wait");
}

int main(void)
{
	reading_and_writing();
	neighbours();
	streams();
	odd_pieces();
	identity();
	ranges();
	huge();
	caches();
	resets();
	queues();
	hostile();
	entropy();
	return world_end();
}
