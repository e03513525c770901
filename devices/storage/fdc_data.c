// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Intel 82077AA: the execution phase of commands that move data.
 *
 * They work sector by sector on one buffer: the disk fills or empties one side of it, without
 * waiting, DMA or the processor the other. A reset while the disk is busy leaves that request
 * running; the next data command begins when it has ended.
 */
#include <string.h>

#include "devices/storage/fdc_internal.h"

/* --- results --- */

void fdc_results(struct fdc *f, const uint8_t *bytes, unsigned int n)
{
	if (n)
		memcpy(f->result, bytes, n);
	f->result_at = 0;
	f->result_len = n;
	f->phase = n ? PHASE_RESULT : PHASE_COMMAND;
}

/* A data command is over: seven bytes and an interrupt. */
void fdc_finish(struct fdc *f, uint8_t st0)
{
	const uint8_t bytes[DATA_RESULTS] = { (uint8_t)(st0 | f->head << 2 | f->unit), f->st1, f->st2, f->cyl,
				   f->head, f->sector, f->size };

	fdc_dma_request(f, false);
	fdc_results(f, bytes, sizeof(bytes));
	fdc_interrupt(f, true);
}

void fdc_fail(struct fdc *f, uint8_t st1, uint8_t st2)
{
	f->st1 |= st1;
	f->st2 |= st2;
	fdc_finish(f, ST0_ABNORMAL);
}

/* --- a data command, sector by sector --- */

/* The disk has read or written the sector. */
static void sector_done(struct fdc *f, enum block_op op)
{
	if (op == BLOCK_READ && f->job != JOB_VERIFY) {
		f->buf_at = 0;
		f->buf_len = SECTOR;
	}
	fdc_step(f);
}

static void disk_done(struct block_request *req, int err)
{
	struct fdc *f = req->arg;

	f->in_flight = false;
	if (f->stale) {
		f->stale = false;
		if (f->begin_later) {
			f->begin_later = false;
			fdc_step(f);
		}
	} else if (err) {
		fdc_fail(f, ST1_DATA_ERROR, ST2_DATA_ERROR);
	} else {
		sector_done(f, req->op);
	}
}

static void disk(struct fdc *f, enum block_op op)
{
	const struct fdc_media *m = f->drive[f->unit].media;
	uint64_t at = ((uint64_t)f->cyl * m->heads + f->head) * m->sectors + f->sector - 1;

	f->phase = PHASE_WAIT;
	/* The image may be cut off: what is missing are zeros that nobody can write. */
	if ((at + 1) * SECTOR > block_size(f->drive[f->unit].blk)) {
		memset(f->buf, 0, SECTOR);
		if (op == BLOCK_READ)
			sector_done(f, op);
		else
			fdc_fail(f, ST1_DATA_ERROR, ST2_DATA_ERROR);
		return;
	}
	f->iov = (struct iovec){ .iov_base = f->buf, .iov_len = SECTOR };
	f->req = (struct block_request){
		.op = op, .offset = at * SECTOR, .len = SECTOR, .iov = &f->iov, .nr_iov = 1,
		.done = disk_done, .arg = f,
	};
	f->in_flight = true;
	block_submit(f->drive[f->unit].blk, &f->req);
}

/* Is the sector of the command on this diskette, under this head, at this rate? */
static bool find_sector(struct fdc *f)
{
	const struct drive *d = &f->drive[f->unit];
	const struct fdc_media *m = d->media;

	if (!m || !(m->rates >> (f->dsr & RATE_MASK) & 1) || f->head >= m->heads ||
	    d->track >= m->cylinders)
		fdc_fail(f, ST1_NO_ADDRESS, 0);
	else if (f->cyl != d->track)
		fdc_fail(f, ST1_NO_DATA, ST2_WRONG_CYL);
	else if (!f->sector || f->sector > m->sectors || f->size != 2)
		fdc_fail(f, ST1_NO_DATA, 0);
	else if ((f->job == JOB_WRITE || f->job == JOB_FORMAT) && block_read_only(d->blk))
		fdc_fail(f, ST1_PROTECTED, 0);
	else
		return true;
	return false;
}

/* Behind the sector (table 5-9 of the sheet). True: that was the last of the track or cylinder. */
static bool next_sector(struct fdc *f)
{
	if (f->sector != f->last) {
		f->sector++;
		return false;
	}
	f->sector = 1;
	if (f->multi_track && !f->head) {
		f->head = 1;
		return false;
	}
	if (f->multi_track)
		f->head = 0;
	f->cyl++;
	return true;
}

/* Data wait for, or room waits for, whoever moves them. */
static void offer(struct fdc *f, enum phase phase)
{
	f->phase = phase;
	if (fdc_by_dma(f))
		fdc_dma_request(f, true);
	else
		fdc_interrupt(f, true);
}

/* What is full or empty now, and what comes next. */
static void sector_over(struct fdc *f)
{
	bool end = next_sector(f);

	if (f->job == JOB_VERIFY && f->left && !--f->left)
		f->tc = true;
	f->buf_at = f->buf_len = 0;
	if (f->tc) {
		fdc_finish(f, 0);
	} else if (end) {
		/* The processor's transfers end with the track; DMA should have said so itself. */
		f->st1 |= ST1_END;
		fdc_finish(f, ST0_ABNORMAL);
	} else {
		fdc_step(f);
	}
}

static void format_sector(struct fdc *f)
{
	/* Four bytes came: cylinder, head, sector, size. */
	f->cyl = f->buf[0];
	f->head = f->buf[1] & 1;
	f->sector = f->buf[2];
	f->size = f->buf[3];
	f->buf_at = f->buf_len = 0;
	if (!find_sector(f))
		return;
	memset(f->buf, f->command[5], SECTOR);
	f->ending = true;
	disk(f, BLOCK_WRITE);
}

/* The next thing to do, whenever the buffer or the disk is ready. */
void fdc_step(struct fdc *f)
{
	if (f->in_flight) {
		f->begin_later = true;
		return;
	}
	switch (f->job) {
	case JOB_READ: case JOB_READ_TRACK:
		if (f->buf_len && f->buf_at == f->buf_len)
			sector_over(f);
		else if (f->buf_len)
			offer(f, PHASE_TO_CPU);
		else if (find_sector(f))
			disk(f, BLOCK_READ);
		break;
	case JOB_VERIFY:
		if (f->ending) {
			f->ending = false;
			sector_over(f);
		} else if (find_sector(f)) {
			f->ending = true;
			disk(f, BLOCK_READ);
		}
		break;
	case JOB_WRITE:
		if (f->ending) {
			f->ending = false;
			sector_over(f);
		} else if (f->buf_at == SECTOR) {
			/* The diskette may have gone while the sector was being collected. */
			if (!find_sector(f))
				break;
			f->ending = true;
			disk(f, BLOCK_WRITE);
		} else if (f->buf_at || find_sector(f)) {
			f->buf_len = SECTOR;
			offer(f, PHASE_FROM_CPU);
		}
		break;
	case JOB_FORMAT:
		if (f->ending) {
			f->ending = false;
			f->buf_at = 0;
			if (!f->left || !--f->left || f->tc) {
				fdc_finish(f, 0);
				break;
			}
		}
		if (f->buf_at == 4) {
			format_sector(f);
		} else {
			f->buf_len = 4;
			offer(f, PHASE_FROM_CPU);
		}
		break;
	}
}

/* --- DMA and the processor at the buffer --- */

static uint32_t transfer(void *arg, uint8_t *data, uint32_t len, bool to_card)
{
	struct fdc *f = arg;
	uint32_t n = f->buf_len - f->buf_at;

	if (f->phase != (to_card ? PHASE_FROM_CPU : PHASE_TO_CPU)) {
		fdc_dma_request(f, false);
		return 0;
	}
	/* Only now, when the count has not run out with the sector, is there a next one. */
	if (!n) {
		fdc_dma_request(f, false);
		fdc_step(f);
		return 0;
	}
	n = n < len ? n : len;
	if (to_card)
		memcpy(f->buf + f->buf_at, data, n);
	else
		memcpy(data, f->buf + f->buf_at, n);
	f->buf_at += n;
	return n;
}

static void terminal_count(void *arg)
{
	struct fdc *f = arg;

	f->tc = true;
	if (f->phase == PHASE_TO_CPU) {
		f->buf_at = f->buf_len;
		fdc_step(f);
	} else if (f->phase == PHASE_FROM_CPU && f->job == JOB_WRITE && f->buf_at) {
		/* What is missing of the sector is written as zeros. */
		memset(f->buf + f->buf_at, 0, SECTOR - f->buf_at);
		f->buf_at = SECTOR;
		fdc_step(f);
	} else if (f->phase == PHASE_FROM_CPU && f->buf_at && f->buf_at == f->buf_len) {
		fdc_step(f);
	} else if (f->phase == PHASE_FROM_CPU) {
		fdc_finish(f, 0);
	}
}

const struct isa_dma_user fdc_dma_user = { transfer, terminal_count };

