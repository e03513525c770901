// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Flash memory: Intel 28F160 family with the basic/extended command set (Common Flash Interface,
 * JESD68.01, vendor command set 0001h), eight bits wide, in erase blocks of 4 KiB.
 *
 * While it is in read-array mode it is memory: the guest reads and executes it without anybody being
 * called. A command takes it into another mode, in which reads give the status register, the
 * identification or the CFI table. Programming clears bits and erasing sets them, in memory first;
 * the range that has changed goes to the disk behind it with one request at a time, so that a later
 * change cannot be overtaken by an earlier one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/pc/pflash.h"
#include "host/block/block.h"

#define BLOCK_LEN	4096u
#define SECTOR		512u
#define MAX_LEN		(64u << 20)
#define BUFFER_LEN	64u

enum {
	CMD_PROGRAM_ALT = 0x10, CMD_ERASE = 0x20, CMD_PROGRAM = 0x40, CMD_CLEAR_STATUS = 0x50,
	CMD_LOCK = 0x60, CMD_READ_STATUS = 0x70, CMD_READ_ID = 0x90, CMD_QUERY = 0x98,
	CMD_CONFIRM = 0xd0, CMD_BUFFER = 0xe8, CMD_READ_ARRAY = 0xff,
};

#define LOCK_SET	0x01

#define SR_READY	0x80
#define SR_ERASE	0x20
#define SR_PROGRAM	0x10
#define SR_LOCKED	0x02

#define MAKER_INTEL	0x89
#define CHIP_ID		0x18

/* Steps of a command that takes several writes. */
enum step { STEP_COMMAND, STEP_SECOND, STEP_DATA, STEP_CONFIRM };

struct pflash {
	struct device dev;
	struct block *blk;
	uint64_t len;
	uint8_t command;	/* CMD_READ_ARRAY: it is memory */
	uint8_t status;
	enum step step;
	/* Of CMD_BUFFER: what will be programmed, from @buffer_at on. */
	uint8_t buffer[BUFFER_LEN], given[BUFFER_LEN];
	uint32_t buffer_at;
	unsigned int left;
	/* What the disk does not have yet: [dirty, dirty_end). One request is under way at most. */
	uint64_t dirty, dirty_end;
	struct block_request req;
	struct iovec iov;
	uint8_t *copy;
	bool busy;
	int err;
};

/* --- the disk --- */

static void save(struct pflash *f);

static void saved(struct block_request *req, int err)
{
	struct pflash *f = req->arg;

	f->busy = false;
	if (err)
		f->err = err;
	save(f);
}

static void save(struct pflash *f)
{
	uint64_t at = f->dirty, len = f->dirty_end - f->dirty;

	if (f->busy || !len)
		return;
	/* A large range in pieces of a block: the copy stays small. */
	if (len > BLOCK_LEN)
		len = BLOCK_LEN;
	memcpy(f->copy, device_memory(&f->dev, PFLASH_REGION) + at, len);
	f->dirty += len;
	if (f->dirty == f->dirty_end)
		f->dirty = f->dirty_end = 0;
	f->iov = (struct iovec){ f->copy, len };
	f->req = (struct block_request){ .op = BLOCK_WRITE, .fua = true, .offset = at, .len = len,
					 .iov = &f->iov, .nr_iov = 1, .done = saved, .arg = f };
	f->busy = true;
	block_submit(f->blk, &f->req);
}

static void changed(struct pflash *f, uint64_t at, uint64_t len)
{
	uint64_t end = (at + len + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);

	at &= ~(uint64_t)(SECTOR - 1);
	device_memory_written(&f->dev, PFLASH_REGION, at, end - at);
	if (f->dirty == f->dirty_end) {
		f->dirty = at;
		f->dirty_end = end;
	}
	if (at < f->dirty)
		f->dirty = at;
	if (end > f->dirty_end)
		f->dirty_end = end;
	save(f);
}

/* --- programming and erasing --- */

static bool writable(struct pflash *f, uint8_t error)
{
	f->status |= SR_READY;
	if (!block_read_only(f->blk))
		return true;
	f->status |= error | SR_LOCKED;
	return false;
}

static void program(struct pflash *f, uint32_t off, const uint8_t *data, unsigned int n)
{
	uint8_t *mem = device_memory(&f->dev, PFLASH_REGION) + off;
	unsigned int i;

	if (!writable(f, SR_PROGRAM))
		return;
	for (i = 0; i < n; i++)
		mem[i] &= data[i];
	changed(f, off, n);
}

static void erase(struct pflash *f, uint32_t off)
{
	if (!writable(f, SR_ERASE))
		return;
	off &= ~(BLOCK_LEN - 1);
	memset(device_memory(&f->dev, PFLASH_REGION) + off, 0xff, BLOCK_LEN);
	changed(f, off, BLOCK_LEN);
}

/* --- commands --- */

static void enter(struct pflash *f, uint8_t command, enum step step)
{
	f->command = command;
	f->step = step;
	device_memory_mode(&f->dev, PFLASH_REGION, command == CMD_READ_ARRAY);
}

static void bad_sequence(struct pflash *f)
{
	f->status |= SR_READY | SR_ERASE | SR_PROGRAM;
	enter(f, CMD_READ_STATUS, STEP_COMMAND);
}

static void first_write(struct pflash *f, uint8_t val)
{
	switch (val) {
	case CMD_PROGRAM: case CMD_PROGRAM_ALT: case CMD_ERASE: case CMD_LOCK: case CMD_BUFFER:
		enter(f, val, STEP_SECOND);
		break;
	case CMD_CLEAR_STATUS:
		/* Also the ready bit: by a status of zero firmware tells flash from ROM. */
		f->status = 0;
		enter(f, CMD_READ_ARRAY, STEP_COMMAND);
		break;
	case CMD_READ_STATUS: case CMD_READ_ID: case CMD_QUERY:
		enter(f, val, STEP_COMMAND);
		break;
	default:
		enter(f, CMD_READ_ARRAY, STEP_COMMAND);
		break;
	}
}

static void second_write(struct pflash *f, uint32_t off, const uint8_t *data, unsigned int n)
{
	uint8_t val = data[0];

	switch (f->command) {
	case CMD_PROGRAM: case CMD_PROGRAM_ALT:
		program(f, off, data, n);
		f->step = STEP_COMMAND;
		break;
	case CMD_ERASE:
		if (val != CMD_CONFIRM) {
			bad_sequence(f);
			break;
		}
		erase(f, off);
		f->step = STEP_COMMAND;
		break;
	case CMD_LOCK:
		if (val != CMD_CONFIRM && val != LOCK_SET) {
			bad_sequence(f);
			break;
		}
		f->status |= SR_READY;
		f->step = STEP_COMMAND;
		break;
	default:	/* CMD_BUFFER: how many bytes, less one */
		if (val >= BUFFER_LEN) {
			bad_sequence(f);
			break;
		}
		f->left = val + 1u;
		f->buffer_at = off & ~(BUFFER_LEN - 1);
		memset(f->given, 0, sizeof(f->given));
		f->step = STEP_DATA;
		break;
	}
}

static void buffer_write(struct pflash *f, uint32_t off, const uint8_t *data, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && f->left; i++, f->left--) {
		uint32_t at = off + i - f->buffer_at;

		if (off + i < f->buffer_at || at >= BUFFER_LEN) {
			bad_sequence(f);
			return;
		}
		f->buffer[at] = data[i];
		f->given[at] = 1;
	}
	if (!f->left)
		f->step = STEP_CONFIRM;
}

static void confirm_write(struct pflash *f, uint8_t val)
{
	unsigned int i;

	if (val != CMD_CONFIRM) {
		bad_sequence(f);
		return;
	}
	for (i = 0; i < BUFFER_LEN; i++)
		if (!f->given[i])
			f->buffer[i] = 0xff;
	program(f, f->buffer_at, f->buffer, BUFFER_LEN);
	f->step = STEP_COMMAND;
}

static void pflash_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct pflash *f = (struct pflash *)dev;
	uint8_t data[8];

	memcpy(data, &val, sizeof(data));
	switch (f->step) {
	case STEP_COMMAND:
		first_write(f, data[0]);
		break;
	case STEP_SECOND:
		second_write(f, off, data, size);
		break;
	case STEP_DATA:
		buffer_write(f, off, data, size);
		break;
	case STEP_CONFIRM:
		confirm_write(f, data[0]);
		break;
	}
}

/* --- reading in other modes --- */

static uint8_t log2_of(uint64_t n)
{
	return (uint8_t)(63 - __builtin_clzll(n));
}

/* JESD68.01, the query structure. */
static uint8_t query(const struct pflash *f, uint32_t at)
{
	static const uint8_t table[] = {
		[0x10] = 'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00,
		[0x1b] = 0x45, 0x55, 0x00, 0x00, 0x07, 0x07, 0x0a, 0x00, 0x04, 0x04, 0x04, 0x00,
		[0x28] = 0x00, 0x00, 0x06, 0x00, 0x01,
		[0x31] = 'P', 'R', 'I', '1', '0',
	};
	uint32_t blocks = (uint32_t)(f->len / BLOCK_LEN) - 1;

	switch (at) {
	case 0x27:
		return log2_of(f->len);
	case 0x2d:
		return (uint8_t)blocks;
	case 0x2e:
		return (uint8_t)(blocks >> 8);
	case 0x2f:
		return (uint8_t)(BLOCK_LEN >> 8);
	case 0x30:
		return (uint8_t)(BLOCK_LEN >> 16);
	default:
		return at < sizeof(table) ? table[at] : 0;
	}
}

static uint8_t read_byte(const struct pflash *f, uint32_t off)
{
	switch (f->command) {
	case CMD_READ_ID:
		switch (off & 0xff) {
		case 0:
			return MAKER_INTEL;
		case 1:
			return CHIP_ID;
		default:
			return 0;
		}
	case CMD_QUERY:
		return query(f, off & 0xff);
	default:
		return f->status;
	}
}

static uint64_t pflash_read(struct device *dev, uint32_t off, unsigned int size)
{
	const struct pflash *f = (struct pflash *)dev;
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		val |= (uint64_t)read_byte(f, off + i) << (8 * i);
	return val;
}

/* --- life --- */

static void pflash_reset(struct device *dev)
{
	struct pflash *f = (struct pflash *)dev;

	f->status = SR_READY;
	enter(f, CMD_READ_ARRAY, STEP_COMMAND);
}

static void loaded(struct block_request *req, int err)
{
	struct pflash *f = req->arg;

	f->busy = false;
	f->err = err;
}

static const char *load(struct pflash *f)
{
	static char text[96];

	f->iov = (struct iovec){ device_memory(&f->dev, PFLASH_REGION), f->len };
	f->req = (struct block_request){ .op = BLOCK_READ, .len = f->len, .iov = &f->iov,
					 .nr_iov = 1, .done = loaded, .arg = f };
	f->busy = true;
	block_submit(f->blk, &f->req);
	block_drain(f->blk);
	if (!f->err)
		return NULL;
	snprintf(text, sizeof(text), "the image cannot be read: %s", strerror(-f->err));
	return text;
}

static const char *pflash_realize(struct device *dev)
{
	static const struct block_user user;
	static char text[128];
	struct pflash *f = (struct pflash *)dev;
	const char *wrong;

	if (!f->blk)
		return "needs a disk: drive=ID";
	f->len = block_size(f->blk);
	if (!f->len || f->len % BLOCK_LEN || f->len > MAX_LEN) {
		snprintf(text, sizeof(text),
			 "the image has %llu bytes; a flash chip has blocks of 4 KiB, up to 64 MiB",
			 (unsigned long long)f->len);
		return text;
	}
	wrong = block_attach(f->blk, &user, f, dev->cls->name);
	if (wrong) {
		snprintf(text, sizeof(text), "the image is in use by %s", wrong);
		return text;
	}
	f->copy = malloc(BLOCK_LEN);
	if (!f->copy)
		return "out of memory";
	device_region_len(dev, PFLASH_REGION, f->len);
	return load(f);
}

static void pflash_unrealize(struct device *dev)
{
	struct pflash *f = (struct pflash *)dev;

	while (f->busy)
		block_drain(f->blk);
	free(f->copy);
}

static void pflash_describe(struct device *dev, char *buf, size_t len)
{
	const struct pflash *f = (struct pflash *)dev;

	snprintf(buf, len, "%llu KiB, command %02x, status %02x%s%s",
		 (unsigned long long)(f->len >> 10), f->command, f->status,
		 f->err ? ", last write to the image failed: " : "", f->err ? strerror(-f->err) : "");
}

static const struct device_region pflash_regions[] = {
	[PFLASH_REGION] = { "flash", BUS_MMIO, 0, 8, pflash_read, pflash_write, .memory = true },
};

static const struct device_prop pflash_props[] = {
	{ "drive", PROP_BLOCK, offsetof(struct pflash, blk), "the image" },
};

static const struct device_class pflash = {
	.name = "pflash",
	.what = "flash memory (CFI, Intel command set)",
	.sheet = "Intel 28F160 flash memory; JEDEC JESD68.01, Common Flash Interface",
	.missing = "blocks are not locked by the lock command; no suspend; no protection register; "
		   "programming and erasing take no time",
	.size = sizeof(struct pflash),
	.regions = pflash_regions,
	.nr_regions = ARRAY_SIZE(pflash_regions),
	.props = pflash_props,
	.nr_props = ARRAY_SIZE(pflash_props),
	.realize = pflash_realize,
	.reset = pflash_reset,
	.unrealize = pflash_unrealize,
	.describe = pflash_describe,
};
DEVICE_REGISTER(pflash);
