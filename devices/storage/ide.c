// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ATA channel: task files, data port, interrupts, resets, after AT Attachment with Packet
 * Interface-6 (T13/1410D, revision 3b).
 *
 * Both drives hear every write to the task file; the selected one answers. A drive that is not there
 * reads as zeros, as device 0 answers for an absent device 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/storage/ide.h"

enum { R_DATA, R_ERROR, R_COUNT, R_LOW, R_MID, R_HIGH, R_DEVICE, R_STATUS };

struct ide_drive *ide_selected(struct ide_channel *c)
{
	return c->drive[c->second];
}

/* --- interrupts and ends --- */

static void update_irq(struct ide_channel *c)
{
	const struct ide_drive *d = ide_selected(c);

	c->ops->interrupt(c, d && d->intrq && !(c->control & CTL_NIEN));
}

void ide_interrupt(struct ide_drive *d)
{
	d->intrq = true;
	update_irq(d->chan);
}

void ide_good(struct ide_drive *d)
{
	d->status = ST_DRDY | ST_DSC;
	d->error = 0;
	d->moved = NULL;
	d->dma_ready = NULL;
	ide_interrupt(d);
}

void ide_fail(struct ide_drive *d, uint8_t error)
{
	d->status = ST_DRDY | ST_DSC | ST_ERR;
	d->error = error;
	d->moved = NULL;
	d->dma_ready = NULL;
	ide_interrupt(d);
}

void ide_data(struct ide_drive *d, uint32_t from, uint32_t len, void (*moved)(struct ide_drive *d),
	      bool interrupt)
{
	d->at = from;
	d->end = from + len;
	d->moved = moved;
	d->status = (uint8_t)((d->status & ~(ST_BSY | ST_ERR)) | ST_DRDY | ST_DSC | ST_DRQ);
	if (interrupt)
		ide_interrupt(d);
}

void ide_dma(struct ide_drive *d, void (*ready)(struct ide_drive *d))
{
	d->dma_ready = ready;
	d->status = (uint8_t)((d->status & ~ST_BSY) | ST_DRQ | ST_DRDY | ST_DSC);
	d->chan->ops->dma_request(d->chan);
}

/* --- the back end --- */

static void unmap(struct ide_drive *d, uint64_t written)
{
	struct ide_pieces *p = &d->pieces;
	int i;

	for (i = 0; i < p->nr; i++) {
		uint64_t n = written < p->iov[i].iov_len ? written : p->iov[i].iov_len;

		dma_unmap(d->dev.bus, &p->map[i], n);
		written -= n;
	}
	p->nr = 0;
	p->len = 0;
}

static void request_done(struct block_request *req, int err)
{
	struct ide_drive *d = req->arg;

	d->busy = false;
	if (d->mapped)
		unmap(d, req->op == BLOCK_READ ? req->len : 0);
	d->mapped = false;
	if (!d->forget)
		d->then(d, err);
}

void ide_submit(struct ide_drive *d, enum block_op op, uint64_t offset, uint64_t len,
		const struct iovec *iov, int nr, void (*then)(struct ide_drive *d, int err))
{
	d->req = (struct block_request){
		.op = op, .fua = op == BLOCK_WRITE && d->fua, .offset = offset, .len = len,
		.iov = iov, .nr_iov = nr,
		.done = request_done, .arg = d,
	};
	d->then = then;
	d->busy = true;
	d->mapped = iov == d->pieces.iov;
	d->status = (uint8_t)((d->status & ~ST_DRQ) | ST_BSY);
	block_submit(d->blk, &d->req);
}

void ide_submit_buf(struct ide_drive *d, enum block_op op, uint64_t offset, uint64_t len,
		    void (*then)(struct ide_drive *d, int err))
{
	d->iov = (struct iovec){ d->buf, len };
	ide_submit(d, op, offset, len, &d->iov, 1, then);
}

void ide_cancel(struct ide_drive *d)
{
	if (d->busy) {
		d->forget = true;
		block_drain(d->blk);
		d->forget = false;
	}
	d->moved = NULL;
	d->dma_ready = NULL;
	d->at = d->end = 0;
}

/* --- resets --- */

void ide_signature(struct ide_drive *d)
{
	d->count = (struct ide_reg){ 1, 0 };
	d->low = (struct ide_reg){ 1, 0 };
	d->mid = (struct ide_reg){ d->kind->mid, 0 };
	d->high = (struct ide_reg){ d->kind->high, 0 };
	d->device &= DEV_DEV;
}

/* After power-on, SRST and EXECUTE DEVICE DIAGNOSTIC: 01h says that both drives are well. */
static void drive_reset(struct ide_drive *d)
{
	ide_cancel(d);
	ide_signature(d);
	d->device = 0;
	d->feature = (struct ide_reg){ 0, 0 };
	d->error = 1;
	d->status = d->kind->ready;
	d->intrq = false;
	d->mwdma = 0;
	d->udma = 0;
	d->kind->reset(d);
}

static void both_reset(struct ide_channel *c)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (c->drive[i])
			drive_reset(c->drive[i]);
	c->second = false;
}

void ide_channel_reset(struct ide_channel *c)
{
	c->control = 0;
	both_reset(c);
	update_irq(c);
}

void ide_control(struct ide_channel *c, uint8_t val)
{
	uint8_t before = c->control;
	unsigned int i;

	c->control = val;
	if (val & CTL_SRST & ~before) {
		for (i = 0; i < 2; i++)
			if (c->drive[i]) {
				ide_cancel(c->drive[i]);
				c->drive[i]->status = ST_BSY;
				c->drive[i]->intrq = false;
			}
	} else if (before & CTL_SRST & ~val) {
		both_reset(c);
	}
	update_irq(c);
}

/* --- commands of all drives --- */

bool ide_set_mode(struct ide_drive *d, uint8_t mode)
{
	unsigned int n = mode & 7;

	switch (mode >> 3) {
	case 0:			/* PIO default */
		return n <= 1;
	case 1:			/* PIO with flow control */
		return n <= 4;
	case 4:			/* multiword DMA */
		if (n > 2)
			return false;
		d->mwdma = (uint8_t)(1 << n);
		d->udma = 0;
		return true;
	case 8:			/* Ultra DMA */
		if (n > 5)
			return false;
		d->udma = (uint8_t)(1 << n);
		d->mwdma = 0;
		return true;
	}
	return false;
}

static void command(struct ide_channel *c, uint8_t val)
{
	struct ide_drive *d = ide_selected(c);
	unsigned int i;

	if (val == 0x90) {
		/* EXECUTE DEVICE DIAGNOSTIC is for both, whichever is selected. */
		if (!c->drive[0] && !c->drive[1])
			return;
		both_reset(c);
		for (i = 0; i < 2; i++)
			if (c->drive[i]) {
				if (c->drive[i]->kind->ready)
					c->drive[i]->status = ST_DRDY | ST_DSC;
				c->drive[i]->intrq = !i;
			}
		update_irq(c);
		return;
	}
	if (!d)
		return;
	/* While it is busy, or wants data, only DEVICE RESET of a packet device is heard. */
	if ((d->status & (ST_BSY | ST_DRQ)) && !(val == 0x08 && d->kind->high))
		return;
	d->intrq = false;
	update_irq(c);
	d->error = 0;
	d->status = (uint8_t)(ST_DRDY | ST_DSC);
	d->kind->command(d, val);
}

/* --- registers --- */

static uint8_t pick(const struct ide_channel *c, const struct ide_reg *r)
{
	return c->control & CTL_HOB ? r->before : r->now;
}

static uint8_t read_reg(struct ide_channel *c, unsigned int reg)
{
	struct ide_drive *d = ide_selected(c);

	if (!d)
		return 0;
	switch (reg) {
	case R_ERROR:
		return d->error;
	case R_COUNT:
		return pick(c, &d->count);
	case R_LOW:
		return pick(c, &d->low);
	case R_MID:
		return pick(c, &d->mid);
	case R_HIGH:
		return pick(c, &d->high);
	case R_DEVICE:
		return (uint8_t)(d->device | 0xa0);
	default:
		d->intrq = false;
		update_irq(c);
		return d->status;
	}
}

uint8_t ide_alt_status(struct ide_channel *c)
{
	const struct ide_drive *d = ide_selected(c);

	return d ? d->status : 0;
}

static void write_one(struct ide_drive *d, unsigned int reg, uint8_t val)
{
	struct ide_reg *const regs[] = { NULL, &d->feature, &d->count, &d->low, &d->mid, &d->high };

	if (reg == R_DEVICE) {
		d->device = val;
	} else {
		regs[reg]->before = regs[reg]->now;
		regs[reg]->now = val;
	}
}

static void write_reg(struct ide_channel *c, unsigned int reg, uint8_t val)
{
	unsigned int i;

	c->control &= (uint8_t)~CTL_HOB;
	if (c->control & CTL_SRST)
		return;
	if (reg == R_STATUS) {
		command(c, val);
		return;
	}
	for (i = 0; i < 2; i++)
		if (c->drive[i] && !(c->drive[i]->status & (ST_BSY | ST_DRQ)))
			write_one(c->drive[i], reg, val);
	if (reg == R_DEVICE) {
		c->second = val & DEV_DEV;
		update_irq(c);
	}
}

/* --- the data port --- */

static void moved(struct ide_drive *d)
{
	void (*fn)(struct ide_drive *d) = d->moved;

	if (d->at < d->end)
		return;
	d->moved = NULL;
	d->status &= (uint8_t)~ST_DRQ;
	fn(d);
}

static uint32_t move_data(struct ide_channel *c, unsigned int size, uint32_t val, bool write)
{
	struct ide_drive *d = ide_selected(c);
	uint32_t left;

	if (!d || !d->moved || !(d->status & ST_DRQ))
		return write ? 0 : ~0u;
	left = d->end - d->at;
	if (size > left)
		size = left;
	if (write)
		memcpy(d->buf + d->at, &val, size);
	else
		memcpy(&val, d->buf + d->at, size);
	d->at += size;
	moved(d);
	return val;
}

uint32_t ide_read(struct ide_channel *c, unsigned int reg, unsigned int size)
{
	uint32_t val = 0;
	unsigned int i;

	if (reg == R_DATA)
		return move_data(c, size, 0, false);
	for (i = 0; i < size; i++)
		val |= (uint32_t)read_reg(c, reg + i) << (8 * i);
	return val;
}

void ide_write(struct ide_channel *c, unsigned int reg, unsigned int size, uint32_t val)
{
	unsigned int i;

	if (reg == R_DATA) {
		move_data(c, size, val, true);
		return;
	}
	for (i = 0; i < size; i++)
		write_reg(c, reg + i, (uint8_t)(val >> (8 * i)));
}

/* --- identity --- */

/* ASCII in words of ATA: the first of two characters is the upper byte; blanks at the end. */
void ide_put_string(uint16_t *words, unsigned int nr, const char *text)
{
	unsigned int i;

	for (i = 0; i < 2 * nr; i++) {
		uint16_t ch = *text ? (uint8_t)*text++ : ' ';

		words[i / 2] = (uint16_t)(i & 1 ? words[i / 2] | ch : ch << 8);
	}
}

void ide_put_identity(const struct ide_drive *d, uint16_t id[256], const char *model)
{
	char serial[24];

	snprintf(serial, sizeof(serial), "AK%05u", d->chan->nr * 2 + d->unit + 1);
	ide_put_string(id + 10, 10, d->serial ? d->serial : serial);
	ide_put_string(id + 23, 4, d->ver ? d->ver : "1.0");
	ide_put_string(id + 27, 20, d->model ? d->model : model);
	if (d->wwn) {
		id[84] |= 1 << 8;
		id[87] |= 1 << 8;
		id[108] = (uint16_t)(d->wwn >> 48);
		id[109] = (uint16_t)(d->wwn >> 32);
		id[110] = (uint16_t)(d->wwn >> 16);
		id[111] = (uint16_t)d->wwn;
	}
}

/* Word 255: A5h, and what makes the sum of all bytes 0. */
void ide_put_checksum(uint16_t id[256])
{
	uint8_t sum = 0xa5;
	unsigned int i;

	for (i = 0; i < 255; i++)
		sum = (uint8_t)(sum + id[i] + (id[i] >> 8));
	id[255] = (uint16_t)((uint8_t)-sum << 8 | 0xa5);
}

/* --- a drive's life --- */

const char *ide_drive_realize(struct ide_drive *d, const struct ide_kind *kind,
			      const struct block_user *user)
{
	static char who[32];
	const char *wrong;
	char node[32];

	if (!d->chan)
		return "is not on an IDE channel: give bus=ide.0 or bus=ide.1";
	if (!d->blk)
		return "drive= is missing: the id of a -drive or the node-name of a -blockdev";
	if (d->serial && strlen(d->serial) > 20)
		return "serial: at most 20 characters";
	if (d->model && strlen(d->model) > 40)
		return "model: at most 40 characters";
	if (d->ver && strlen(d->ver) > 8)
		return "ver: at most 8 characters";
	if (!d->serial)
		d->serial = block_serial(d->blk);
	snprintf(who, sizeof(who), "%s (ide.%u unit %u)", d->dev.cls->name, d->chan->nr,
		 d->unit);
	snprintf(node, sizeof(node), "drive@%u/disk@%u", d->chan->nr, d->unit);
	wrong = device_boot(&d->dev, d->dev.bootindex, node);
	if (wrong)
		return wrong;
	wrong = block_attach(d->blk, user, d, d->dev.id ? d->dev.id : who);
	if (wrong)
		return wrong;
	block_choose(d->blk, &d->choice);
	d->buf = malloc(IDE_BUFFER);
	if (!d->buf) {
		block_detach(d->blk);
		return "out of memory";
	}
	d->kind = kind;
	d->chan->drive[d->unit] = d;
	return NULL;
}

void ide_drive_unrealize(struct device *dev)
{
	struct ide_drive *d = (struct ide_drive *)dev;

	/* The controller may have gone before, and has cancelled all then. */
	if (d->chan) {
		ide_cancel(d);
		d->chan->drive[d->unit] = NULL;
	}
	block_detach(d->blk);
	free(d->buf);
}

void ide_drive_reset(struct device *dev)
{
	struct ide_drive *d = (struct ide_drive *)dev;

	drive_reset(d);
	update_irq(d->chan);
}

/* --- its place --- */

const char *const ide_places[] = { "auto", "0", "1", NULL };

static const char *take_place(struct ide_drive *d, struct ide_channel *c)
{
	unsigned int first = d->place == IDE_SLAVE, last = d->place != IDE_MASTER, n;

	for (n = first; n <= last; n++)
		if (!c->drive[n]) {
			d->chan = c;
			d->unit = n;
			d->place = IDE_MASTER + n;
			d->dev.parent = c->controller;
			return NULL;
		}
	return "that place on the IDE channel is taken";
}

/* @name is "ide.0" or "ide.1" (or the controller's id in place of "ide"); NULL: where there is room. */
const char *ide_attach(struct device *dev, const char *name)
{
	struct ide_drive *d = (struct ide_drive *)dev;
	const char *wrong = "there is no IDE controller in this machine";
	struct device *ctl;
	unsigned int n;

	for (ctl = bus_devices(dev->bus); ctl; ctl = ctl->next)
		for (n = 0; piix3_ide_channel(ctl, n); n++) {
			char own[80];

			snprintf(own, sizeof(own), "%s.%u", ctl->id ? ctl->id : "ide", n);
			if (name && strcmp(name, own)) {
				wrong = "bus=: the IDE channels are ide.0 and ide.1";
				continue;
			}
			wrong = take_place(d, piix3_ide_channel(ctl, n));
			if (!wrong || name)
				return wrong;
		}
	return wrong;
}
