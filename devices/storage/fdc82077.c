// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Floppy disk controller: Intel 82077AA (data sheet 290166), with two drives.
 *
 * A command goes through the sheet's three phases: its bytes are collected, it is executed, its
 * results are read. What moves data is executed in fdc_data.c. Seeks take a millisecond.
 */
#include <stdio.h>
#include <string.h>

#include "devices/storage/fdc_internal.h"

#define SEEK_NS 1000000ull

enum { REG_SRA, REG_SRB, REG_DOR, REG_TDR, REG_MSR_DSR, REG_FIFO };


#define MSR_RQM		0x80
#define MSR_DIO		0x40
#define MSR_NON_DMA	0x20
#define MSR_BUSY	0x10

#define DSR_RESET	0x80
#define DSR_POWER_DOWN	0x40
#define DIR_CHANGE	0x80
#define SRA_INT		0x80

void fdc_interrupt(struct fdc *f, bool on)
{
	f->interrupt = on;
	device_set_irq(&f->dev, 0, on && (f->dor & DOR_DMA_GATE));
}

static void add_sense(struct fdc *f, uint8_t st0)
{
	if (f->nr_sense < sizeof(f->sense))
		f->sense[f->nr_sense++] = st0;
	fdc_interrupt(f, true);
}

/* --- commands --- */

static void begin_job(struct fdc *f, enum job job)
{
	struct drive *d;

	f->unit = f->command[1] & 3;
	f->job = job;
	f->st1 = f->st2 = 0;
	f->tc = f->ending = f->begin_later = false;
	f->buf_at = f->buf_len = f->left = 0;
	d = fdc_drive(f, f->unit);
	if (!d) {
		f->cyl = f->head = f->sector = f->size = 0;
		fdc_fail(f, ST1_NO_ADDRESS, 0);
		return;
	}
	if (job == JOB_FORMAT) {
		f->cyl = (uint8_t)d->track;
		f->head = f->command[1] >> 2 & 1;
		f->sector = 1;
		f->size = f->command[2];
		f->last = f->command[3];
		f->left = f->command[3];
		if (!f->left) {
			fdc_finish(f, 0);
			return;
		}
	} else {
		f->cyl = f->command[2];
		f->head = f->command[3] & 1;
		f->sector = job == JOB_READ_TRACK ? 1 : f->command[4];
		f->size = f->command[5];
		f->last = f->command[6];
		f->multi_track = f->command[0] & 0x80 && job != JOB_READ_TRACK;
		if (f->config[1] & CONFIG_IMPLIED_SEEK)
			d->track = f->cyl;
	}
	/* Verify with EC: the number of sectors stands where the data length would. */
	if (job == JOB_VERIFY && f->command[1] & 0x80)
		f->left = f->command[8];
	fdc_step(f);
}

static void cmd_read(struct fdc *f)
{
	begin_job(f, JOB_READ);
}

static void cmd_write(struct fdc *f)
{
	begin_job(f, JOB_WRITE);
}

static void cmd_verify(struct fdc *f)
{
	begin_job(f, JOB_VERIFY);
}

static void cmd_format(struct fdc *f)
{
	begin_job(f, JOB_FORMAT);
}

static void cmd_read_track(struct fdc *f)
{
	begin_job(f, JOB_READ_TRACK);
}

static void cmd_read_id(struct fdc *f)
{
	const struct drive *d = fdc_drive(f, f->command[1] & 3);

	f->unit = f->command[1] & 3;
	f->st1 = f->st2 = 0;
	f->cyl = d ? (uint8_t)d->track : 0;
	f->head = f->command[1] >> 2 & 1;
	f->sector = 1;
	f->size = 2;
	if (!d || !d->media || !(d->media->rates >> (f->dsr & RATE_MASK) & 1) ||
	    f->head >= d->media->heads || d->track >= d->media->cylinders)
		fdc_fail(f, ST1_NO_ADDRESS, 0);
	else
		fdc_finish(f, 0);
}

/* The head arrives after a while; a drive that is not there never finds its track 0. */
static void seek_to(struct fdc *f, unsigned int unit, unsigned int track)
{
	struct drive *d = fdc_drive(f, unit);

	f->phase = PHASE_COMMAND;
	if (!d) {
		add_sense(f, (uint8_t)(ST0_SEEK_END | ST0_ABNORMAL | ST0_CHECK | unit));
		return;
	}
	d->track = track < 84 ? track : 84;
	d->seeking = true;
	if (block_has_medium(d->blk))
		d->changed = false;
	device_timer_set(&f->seek_timer, device_now() + SEEK_NS);
}

static void arrived(void *arg)
{
	struct fdc *f = arg;
	unsigned int n;

	for (n = 0; n < DRIVES; n++)
		if (f->drive[n].seeking) {
			f->drive[n].seeking = false;
			add_sense(f, (uint8_t)(ST0_SEEK_END | n));
		}
}

static void cmd_recalibrate(struct fdc *f)
{
	seek_to(f, f->command[1] & 3, 0);
}

static void cmd_seek(struct fdc *f)
{
	seek_to(f, f->command[1] & 3, f->command[2]);
}

static void cmd_relative_seek(struct fdc *f)
{
	const struct drive *d = fdc_drive(f, f->command[1] & 3);
	unsigned int track = d ? d->track : 0, by = f->command[2];

	if (f->command[0] & 0x40)
		track += by;
	else
		track = track > by ? track - by : 0;
	seek_to(f, f->command[1] & 3, track);
}

static void cmd_sense_interrupt(struct fdc *f)
{
	const struct drive *d;
	uint8_t bytes[2] = { ST0_INVALID };

	if (!f->nr_sense) {
		fdc_results(f, bytes, 1);
		return;
	}
	bytes[0] = f->sense[0];
	memmove(f->sense, f->sense + 1, --f->nr_sense);
	d = fdc_drive(f, bytes[0] & 3);
	bytes[1] = d ? (uint8_t)d->track : 0;
	fdc_interrupt(f, false);
	fdc_results(f, bytes, 2);
}

static void cmd_sense_drive(struct fdc *f)
{
	const struct drive *d = fdc_drive(f, f->command[1] & 3);
	uint8_t st3 = (uint8_t)((f->command[1] & 7) | ST3_ALWAYS);

	if (d)
		st3 |= (uint8_t)((d->track ? 0 : ST3_TRACK_0) |
				 (d->media && block_read_only(d->blk) ? ST3_PROTECTED : 0) |
				 (d->media && d->media->heads == 1 ? 0 : ST3_TWO_SIDES));
	fdc_results(f, &st3, 1);
}

static void cmd_specify(struct fdc *f)
{
	memcpy(f->specify, f->command + 1, 2);
	fdc_results(f, NULL, 0);
}

static void cmd_configure(struct fdc *f)
{
	memcpy(f->config, f->command + 1, 3);
	fdc_results(f, NULL, 0);
}

static void cmd_perpendicular(struct fdc *f)
{
	if (f->command[1] & 0x80)
		f->perpendicular = f->command[1];
	else	/* without OW the drives' bits stay */
		f->perpendicular = (f->perpendicular & 0x3c) | (f->command[1] & 3);
	fdc_results(f, NULL, 0);
}

static void cmd_lock(struct fdc *f)
{
	uint8_t byte;

	f->locked = f->command[0] & 0x80;
	byte = f->locked ? 0x10 : 0;
	fdc_results(f, &byte, 1);
}

static void cmd_dump_registers(struct fdc *f)
{
	const uint8_t bytes[10] = {
		(uint8_t)f->drive[0].track, (uint8_t)f->drive[1].track, 0, 0, f->specify[0],
		f->specify[1], f->last, (uint8_t)((f->locked ? 0x80 : 0) | f->perpendicular),
		f->config[1], f->config[2],
	};

	fdc_results(f, bytes, sizeof(bytes));
}

static void one_byte(struct fdc *f, uint8_t byte)
{
	fdc_results(f, &byte, 1);
}

static void cmd_version(struct fdc *f)
{
	one_byte(f, 0x90);
}

static void cmd_invalid(struct fdc *f)
{
	one_byte(f, ST0_INVALID);
}

/* Chapter 5 of the sheet; the first row that fits. Scans exist on no PC's diskette: invalid. */
static const struct command {
	uint8_t mask, code;
	uint8_t len;
	void (*fn)(struct fdc *f);
} commands[] = {
	{ 0x1f, 0x06, 9, cmd_read },
	{ 0x1f, 0x0c, 9, cmd_read },		/* deleted data: no image has such marks */
	{ 0x3f, 0x05, 9, cmd_write },
	{ 0x3f, 0x09, 9, cmd_write },
	{ 0x9f, 0x02, 9, cmd_read_track },
	{ 0x1f, 0x16, 9, cmd_verify },
	{ 0xbf, 0x0d, 6, cmd_format },
	{ 0xbf, 0x0a, 2, cmd_read_id },
	{ 0xff, 0x07, 2, cmd_recalibrate },
	{ 0xff, 0x08, 1, cmd_sense_interrupt },
	{ 0xff, 0x03, 3, cmd_specify },
	{ 0xff, 0x04, 2, cmd_sense_drive },
	{ 0xff, 0x0f, 3, cmd_seek },
	{ 0xbf, 0x8f, 3, cmd_relative_seek },
	{ 0xff, 0x13, 4, cmd_configure },
	{ 0xff, 0x12, 2, cmd_perpendicular },
	{ 0x7f, 0x14, 1, cmd_lock },
	{ 0xff, 0x0e, 1, cmd_dump_registers },
	{ 0xff, 0x10, 1, cmd_version },
	{ 0x00, 0x00, 1, cmd_invalid },
};

static const struct command *find_command(uint8_t byte)
{
	const struct command *c = commands;

	while ((byte & c->mask) != c->code)
		c++;
	return c;
}

static void command_byte(struct fdc *f, uint8_t byte)
{
	const struct command *c;

	f->command[f->have++] = byte;
	c = find_command(f->command[0]);
	if (f->have < c->len)
		return;
	f->have = 0;
	c->fn(f);
}

/* --- registers --- */

static void controller_reset(struct fdc *f)
{
	fdc_dma_request(f, false);
	f->phase = PHASE_COMMAND;
	f->have = f->nr_sense = 0;
	f->begin_later = false;
	f->stale = f->in_flight;
	f->buf_at = f->buf_len = 0;
	if (!f->locked) {
		f->config[1] = CONFIG_NO_FIFO;
		f->config[2] = 0;
	}
	f->perpendicular &= 0x3c;
	device_timer_cancel(&f->seek_timer);
	f->drive[0].seeking = f->drive[1].seeking = false;
	fdc_interrupt(f, false);
}

/* Out of reset the four drives are polled, and each has to be asked about. */
static void reset_over(struct fdc *f)
{
	unsigned int n;

	for (n = 0; n < 4; n++)
		add_sense(f, (uint8_t)(ST0_READY_CHANGE | n));
}

static void dor_write(struct fdc *f, uint8_t val)
{
	uint8_t before = f->dor;

	f->dor = val;
	if (!(val & DOR_NO_RESET))
		controller_reset(f);
	else if (!(before & DOR_NO_RESET))
		reset_over(f);
	fdc_interrupt(f, f->interrupt);
}

static void dsr_write(struct fdc *f, uint8_t val)
{
	f->dsr = val & (uint8_t)~(DSR_RESET | DSR_POWER_DOWN);
	if (val & DSR_RESET && f->dor & DOR_NO_RESET) {
		controller_reset(f);
		reset_over(f);
	}
}

static uint8_t msr_read(const struct fdc *f)
{
	uint8_t val = (uint8_t)(f->drive[0].seeking | f->drive[1].seeking << 1);
	bool pio = !fdc_by_dma(f);

	if (!(f->dor & DOR_NO_RESET))
		return 0;
	switch (f->phase) {
	case PHASE_COMMAND:
		return val | MSR_RQM | (f->have ? MSR_BUSY : 0);
	case PHASE_RESULT:
		return val | MSR_RQM | MSR_DIO | MSR_BUSY;
	case PHASE_TO_CPU:
		return val | MSR_BUSY | (pio ? MSR_RQM | MSR_DIO | MSR_NON_DMA : 0);
	case PHASE_FROM_CPU:
		return val | MSR_BUSY | (pio ? MSR_RQM | MSR_NON_DMA : 0);
	default:
		return val | MSR_BUSY | (pio ? MSR_NON_DMA : 0);
	}
}

static uint8_t fifo_read(struct fdc *f)
{
	uint8_t val = 0;

	if (f->phase == PHASE_RESULT) {
		val = f->result[f->result_at++];
		/* Of a data command the first byte takes the interrupt back; a seek's may wait behind it. */
		if (f->result_len == DATA_RESULTS)
			fdc_interrupt(f, f->result_at == DATA_RESULTS && f->nr_sense);
		if (f->result_at == f->result_len)
			f->phase = PHASE_COMMAND;
	} else if (f->phase == PHASE_TO_CPU && !fdc_by_dma(f)) {
		val = f->buf[f->buf_at++];
		if (f->buf_at == f->buf_len) {
			fdc_interrupt(f, false);
			fdc_step(f);
		}
	}
	return val;
}

static void fifo_write(struct fdc *f, uint8_t val)
{
	if (!(f->dor & DOR_NO_RESET))
		return;
	if (f->phase == PHASE_COMMAND) {
		command_byte(f, val);
	} else if (f->phase == PHASE_FROM_CPU && !fdc_by_dma(f)) {
		f->buf[f->buf_at++] = val;
		if (f->buf_at == f->buf_len) {
			fdc_interrupt(f, false);
			fdc_step(f);
		}
	}
}

static uint64_t base_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct fdc *f = (struct fdc *)dev;

	(void)size;
	switch (off) {
	case REG_SRA:
		return f->interrupt ? SRA_INT : 0;
	case REG_SRB:
		return 0xc0 | (f->dor & DOR_MOTOR(0) ? 1 : 0) | (f->dor & DOR_MOTOR(1) ? 2 : 0) |
		       (f->dor & 1) << 5;
	case REG_DOR:
		return f->dor;
	case REG_TDR:
		return f->tdr;
	case REG_MSR_DSR:
		return msr_read(f);
	default:
		return fifo_read(f);
	}
}

static void base_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val64)
{
	struct fdc *f = (struct fdc *)dev;
	uint8_t val = (uint8_t)val64;

	(void)size;
	switch (off) {
	case REG_DOR:
		dor_write(f, val);
		break;
	case REG_TDR:
		f->tdr = val & 3;
		break;
	case REG_MSR_DSR:
		dsr_write(f, val);
		break;
	case REG_FIFO:
		fifo_write(f, val);
		break;
	default:	/* SRA and SRB are read-only */
		break;
	}
}

static uint64_t dir_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct fdc *f = (struct fdc *)dev;
	unsigned int n = f->dor & DOR_SELECT;
	const struct drive *d = fdc_drive(f, n);

	(void)off;
	(void)size;
	/* The line is that of the drive which is selected and turns. */
	if (!d || !(f->dor & DOR_MOTOR(n)))
		return 0;
	return d->changed || !block_has_medium(d->blk) ? DIR_CHANGE : 0;
}

static void ccr_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct fdc *f = (struct fdc *)dev;

	(void)off;
	(void)size;
	f->dsr = (uint8_t)((f->dsr & ~RATE_MASK) | (val & RATE_MASK));
}

/* --- life --- */

static void look_at_medium(struct drive *d)
{
	d->media = block_has_medium(d->blk) ? fdc_media(block_size(d->blk)) : NULL;
}

static void medium_changed(void *arg)
{
	struct drive *d = arg;

	look_at_medium(d);
	d->changed = true;
}

static const struct block_user block_user = { .medium_changed = medium_changed };

void fdc_set_dma(struct device *dev, const struct isa_dma *dma)
{
	((struct fdc *)dev)->dma = *dma;
}

uint8_t fdc_drive_type(struct device *dev, unsigned int n)
{
	struct fdc *f = (struct fdc *)dev;
	const struct fdc_media *m;

	if (!f->blk[n])
		return 0;
	m = f->drive[n].media;
	return m ? m->drive_type : 5;
}

static const char *fdc_realize(struct device *dev)
{
	struct fdc *f = (struct fdc *)dev;
	const char *wrong;
	char node[16];
	unsigned int n;

	device_timer_init(&f->seek_timer, arrived, f);
	if (f->dma.controller)
		isa_dma_attach(&f->dma, &fdc_dma_user, f);
	for (n = 0; n < DRIVES; n++) {
		struct drive *d = &f->drive[n];

		if (!f->blk[n])
			continue;
		snprintf(node, sizeof(node), "floppy@%u", n);
		wrong = device_boot(dev, f->bootindex[n], node);
		if (wrong)
			return wrong;
		d->blk = f->blk[n];
		wrong = block_attach(d->blk, &block_user, d, "floppy");
		if (wrong)
			return wrong;
		look_at_medium(d);
		if (block_has_medium(d->blk) && !d->media)
			return "the image is no diskette: its size must be that of one, like 1440K, 720K or 2880K";
	}
	return NULL;
}

static void fdc_reset(struct device *dev)
{
	struct fdc *f = (struct fdc *)dev;
	unsigned int n;

	f->locked = false;
	controller_reset(f);
	f->dor = DOR_NO_RESET | DOR_DMA_GATE;
	f->tdr = 0;
	f->dsr = 2;
	f->perpendicular = 0;
	memset(f->specify, 0, sizeof(f->specify));
	for (n = 0; n < DRIVES; n++) {
		f->drive[n].track = 0;
		f->drive[n].changed = false;
	}
}

static const struct device_region fdc_regions[] = {
	[FDC_REGION_BASE] = { "fdc", BUS_PORT, 6, 1, base_read, base_write },
	[FDC_REGION_DIR] = { "fdc dir", BUS_PORT, 1, 1, dir_read, ccr_write },
};

static const struct device_prop fdc_props[] = {
	{ "driveA", PROP_BLOCK, offsetof(struct fdc, blk[0]), "disk of the first drive" },
	{ "driveB", PROP_BLOCK, offsetof(struct fdc, blk[1]), "disk of the second drive" },
	{ "bootindexA", PROP_INDEX, offsetof(struct fdc, bootindex[0]),
	  "firmware tries the lowest first: the first drive's", "-1" },
	{ "bootindexB", PROP_INDEX, offsetof(struct fdc, bootindex[1]), "the second drive's", "-1" },
};

static const struct device_class fdc82077 = {
	.name = "isa-fdc",
	.what = "floppy disk controller with two drives",
	.sheet = "Intel 82077AA",
	.missing = "scan commands, deleted data marks, sectors other than 512 bytes, transfer times, tape drives",
	.size = sizeof(struct fdc),
	.regions = fdc_regions,
	.nr_regions = ARRAY_SIZE(fdc_regions),
	.nr_irqs = 1,
	.props = fdc_props,
	.nr_props = ARRAY_SIZE(fdc_props),
	.realize = fdc_realize,
	.reset = fdc_reset,
};
DEVICE_REGISTER(fdc82077);
