// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The PC AT's two cascaded DMA controllers: Intel 8237A (data sheet 231466), with the page registers
 * of the AT (74LS612; Intel 82371SB, section 2.5.1).
 *
 * Channels 0 to 3 move bytes, 5 to 7 words: there the controller's address is shifted by one. The
 * 16 bits that it counts wrap inside a page of 64 KiB (128 KiB), as on the chip. A request is
 * served until the card has no more or the count has run out; demand, single and block mode differ
 * only in who waits for the bus, and nobody does here.
 */
#include <string.h>

#include "devices/pc/isa_dma.h"
#include "host/bus/dma.h"

#define CHANNELS 4u
#define CHUNK 4096u

#define COMMAND_DISABLE	0x04
#define MODE_TYPE(m)	((m) >> 2 & 3)
#define MODE_AUTOINIT	0x10
#define MODE_DECREMENT	0x20
#define MODE_CASCADE	0xc0

enum transfer_type { TYPE_VERIFY, TYPE_WRITE, TYPE_READ };

enum { REG_COMMAND = 8, REG_REQUEST, REG_MASK_ONE, REG_MODE, REG_CLEAR_FLIP_FLOP, REG_MASTER_CLEAR,
       REG_CLEAR_MASK, REG_MASK_ALL };

struct channel {
	uint16_t base_addr, base_count, addr, count;
	uint8_t mode;
	bool dreq, soft;
	const struct isa_dma_user *user;
	void *arg;
};

struct controller {
	struct channel ch[CHANNELS];
	uint8_t command, mask, reached;	/* a bit a channel, in the last two */
	bool high_byte;
};

struct i8257 {
	struct device dev;
	struct controller ctl[2];
	uint8_t page[16];
	bool busy;			/* a card asks from inside its own transfer */
};

/* Which page register a channel has; those that none has hold what is written (80h: POST codes). */
static const uint8_t page_of[2][CHANNELS] = {
	{ 0x7, 0x3, 0x1, 0x2 },
	{ 0xf, 0xb, 0x9, 0xa },
};

/* --- transfers --- */

static uint64_t memory_address(const struct i8257 *d, unsigned int c, unsigned int n)
{
	uint64_t page = d->page[page_of[c][n]], addr = d->ctl[c].ch[n].addr;

	return c ? (page & 0xfe) << 16 | addr << 1 : page << 16 | addr;
}

static void reverse(uint8_t *data, uint32_t len, uint32_t unit)
{
	uint8_t tmp[2];
	uint32_t i, j;

	for (i = 0, j = len - unit; i < j; i += unit, j -= unit) {
		memcpy(tmp, data + i, unit);
		memcpy(data + i, data + j, unit);
		memcpy(data + j, tmp, unit);
	}
}

/* How many units go before the address wraps or the count runs out, at most a chunk. */
static uint32_t run_length(const struct channel *ch, uint32_t unit)
{
	uint32_t n = ch->count + 1u, edge;

	edge = ch->mode & MODE_DECREMENT ? ch->addr + 1u : 0x10000u - ch->addr;
	n = n < edge ? n : edge;
	return n < CHUNK / unit ? n : CHUNK / unit;
}

/* One piece; false: the card had nothing, or the count has run out. */
static bool move_piece(struct i8257 *d, unsigned int c, unsigned int n)
{
	struct channel *ch = &d->ctl[c].ch[n];
	uint32_t unit = c ? 2 : 1, units = run_length(ch, unit), len = units * unit, done;
	bool down = ch->mode & MODE_DECREMENT, to_card = MODE_TYPE(ch->mode) == TYPE_READ;
	uint64_t at = memory_address(d, c, n) - (down ? len - unit : 0);
	uint8_t data[CHUNK];

	memset(data, 0, len);
	if (to_card) {
		dma_read(d->dev.bus, at, data, len);
		if (down)
			reverse(data, len, unit);
	}
	done = ch->user->transfer(ch->arg, data, len, to_card);
	done = (done < len ? done : len) / unit * unit;
	if (done && MODE_TYPE(ch->mode) == TYPE_WRITE) {
		if (down) {
			reverse(data, done, unit);
			at += len - done;
		}
		dma_write(d->dev.bus, at, data, done);
	}
	units = done / unit;
	ch->addr = (uint16_t)(down ? ch->addr - units : ch->addr + units);
	ch->count = (uint16_t)(ch->count - units);
	if (done && ch->count == 0xffff) {
		d->ctl[c].reached |= 1u << n;
		ch->soft = false;
		if (ch->mode & MODE_AUTOINIT) {
			ch->addr = ch->base_addr;
			ch->count = ch->base_count;
		} else {
			d->ctl[c].mask |= 1u << n;
		}
		if (ch->user->terminal_count)
			ch->user->terminal_count(ch->arg);
		return false;
	}
	return done;
}

static bool may_run(const struct i8257 *d, unsigned int c, unsigned int n)
{
	const struct controller *ctl = &d->ctl[c];
	const struct channel *ch = &ctl->ch[n];

	if ((ctl->command & COMMAND_DISABLE) || !ch->user || (ch->mode & MODE_CASCADE) == MODE_CASCADE)
		return false;
	/* The first controller asks through channel 4, the second's cascade. */
	if (!c && (d->ctl[1].command & COMMAND_DISABLE || d->ctl[1].mask & 1))
		return false;
	return ch->soft || (ch->dreq && !(ctl->mask >> n & 1));
}

static void serve(struct i8257 *d)
{
	unsigned int i;

	if (d->busy)
		return;
	d->busy = true;
	for (i = 0; i < 2 * CHANNELS; i++) {
		unsigned int c = i / CHANNELS, n = i % CHANNELS;

		while (may_run(d, c, n) && move_piece(d, c, n))
			;
	}
	d->busy = false;
}

void isa_dma_attach(const struct isa_dma *dma, const struct isa_dma_user *user, void *arg)
{
	struct i8257 *d = (struct i8257 *)dma->controller;
	struct channel *ch = &d->ctl[dma->channel / CHANNELS].ch[dma->channel % CHANNELS];

	ch->user = user;
	ch->arg = arg;
}

void isa_dma_request(const struct isa_dma *dma, bool on)
{
	struct i8257 *d = (struct i8257 *)dma->controller;

	d->ctl[dma->channel / CHANNELS].ch[dma->channel % CHANNELS].dreq = on;
	if (on)
		serve(d);
}

/* --- registers --- */

static uint8_t control_read(struct controller *ctl, unsigned int reg)
{
	unsigned int n;
	uint8_t val;

	switch (reg) {
	case REG_COMMAND:	/* status: what has been reached, until read, and who asks */
		val = ctl->reached;
		ctl->reached = 0;
		for (n = 0; n < CHANNELS; n++)
			val |= (uint8_t)((ctl->ch[n].dreq || ctl->ch[n].soft) << (4 + n));
		return val;
	case REG_MASK_ALL:
		return ctl->mask | 0xf0;
	default:	/* the temporary register is of memory to memory, which a PC has not */
		return 0;
	}
}

static void control_write(struct controller *ctl, unsigned int reg, uint8_t val)
{
	unsigned int n = val & 3, bit = 1u << n;

	switch (reg) {
	case REG_COMMAND:
		ctl->command = val;
		break;
	case REG_REQUEST:
		ctl->ch[n].soft = val & 4;
		break;
	case REG_MASK_ONE:
		ctl->mask = (uint8_t)(val & 4 ? ctl->mask | bit : ctl->mask & ~bit);
		break;
	case REG_MODE:
		ctl->ch[n].mode = val;
		break;
	case REG_CLEAR_FLIP_FLOP:
		ctl->high_byte = false;
		break;
	case REG_MASTER_CLEAR:
		ctl->command = ctl->reached = 0;
		ctl->mask = 0xf;
		ctl->high_byte = false;
		for (n = 0; n < CHANNELS; n++)
			ctl->ch[n].soft = false;
		break;
	case REG_CLEAR_MASK:
		ctl->mask = 0;
		break;
	case REG_MASK_ALL:
		ctl->mask = val & 0xf;
		break;
	}
}

static uint8_t channel_read(struct controller *ctl, unsigned int reg)
{
	const struct channel *ch = &ctl->ch[reg / 2];
	uint16_t val = reg & 1 ? ch->count : ch->addr;

	ctl->high_byte = !ctl->high_byte;
	return (uint8_t)(ctl->high_byte ? val : val >> 8);
}

static void channel_write(struct controller *ctl, unsigned int reg, uint8_t byte)
{
	struct channel *ch = &ctl->ch[reg / 2];
	uint16_t *base = reg & 1 ? &ch->base_count : &ch->base_addr;

	*base = (uint16_t)(ctl->high_byte ? (*base & 0x00ff) | byte << 8 : (*base & 0xff00) | byte);
	ctl->high_byte = !ctl->high_byte;
	if (reg & 1)
		ch->count = *base;
	else
		ch->addr = *base;
}

static uint64_t read_controller(struct device *dev, unsigned int c, unsigned int reg)
{
	struct controller *ctl = &((struct i8257 *)dev)->ctl[c];

	return reg < 8 ? channel_read(ctl, reg) : control_read(ctl, reg);
}

static void write_controller(struct device *dev, unsigned int c, unsigned int reg, uint64_t val)
{
	struct i8257 *d = (struct i8257 *)dev;

	if (reg < 8) {
		channel_write(&d->ctl[c], reg, (uint8_t)val);
		return;
	}
	control_write(&d->ctl[c], reg, (uint8_t)val);
	serve(d);
}

static uint64_t low_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)size;
	return read_controller(dev, 0, off);
}

static void low_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)size;
	write_controller(dev, 0, off, val);
}

/* The second controller's registers stand at every other port. */
static uint64_t high_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)size;
	return read_controller(dev, 1, off / 2);
}

static void high_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)size;
	write_controller(dev, 1, off / 2, val);
}

static uint64_t page_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)size;
	return ((struct i8257 *)dev)->page[off];
}

static void page_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)size;
	((struct i8257 *)dev)->page[off] = (uint8_t)val;
}

static void i8257_reset(struct device *dev)
{
	struct i8257 *d = (struct i8257 *)dev;
	unsigned int c, n;

	for (c = 0; c < 2; c++) {
		control_write(&d->ctl[c], REG_MASTER_CLEAR, 0);
		for (n = 0; n < CHANNELS; n++) {
			struct channel *ch = &d->ctl[c].ch[n];

			ch->base_addr = ch->base_count = ch->addr = ch->count = 0;
			ch->mode = 0;
			ch->dreq = false;
		}
	}
	memset(d->page, 0, sizeof(d->page));
}

static const struct device_region i8257_regions[] = {
	[I8257_REGION_LOW] = { "channels 0-3", BUS_PORT, 16, 1, low_read, low_write },
	[I8257_REGION_HIGH] = { "channels 4-7", BUS_PORT, 32, 1, high_read, high_write },
	[I8257_REGION_PAGES] = { "pages", BUS_PORT, 16, 1, page_read, page_write },
};

static const struct device_class i8257 = {
	.name = "i8257",
	.what = "two DMA controllers with page registers",
	.sheet = "Intel 8237A; page registers of Intel 82371SB",
	.missing = "memory to memory, rotating priority, bus timing",
	.size = sizeof(struct i8257),
	.regions = i8257_regions,
	.nr_regions = ARRAY_SIZE(i8257_regions),
	.reset = i8257_reset,
};
DEVICE_REGISTER(i8257);
