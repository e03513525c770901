/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Intel 82077AA: what the two files of the floppy controller share. fdc82077.c has registers,
 * commands and drives, fdc_data.c the execution of those that move data.
 */
#ifndef ANYKVM_DEVICES_STORAGE_FDC_INTERNAL_H
#define ANYKVM_DEVICES_STORAGE_FDC_INTERNAL_H

#include "devices/storage/fdc82077.h"
#include "devices/storage/fdc_media.h"
#include "host/block/block.h"

#define DRIVES 2u
#define DATA_RESULTS 7u
#define SECTOR 512u

#define DOR_SELECT	0x03
#define DOR_NO_RESET	0x04
#define DOR_DMA_GATE	0x08
#define DOR_MOTOR(n)	(0x10 << (n))

#define RATE_MASK	0x03

#define ST0_ABNORMAL	0x40
#define ST0_INVALID	0x80
#define ST0_READY_CHANGE 0xc0
#define ST0_SEEK_END	0x20
#define ST0_CHECK	0x10
#define ST1_END		0x80
#define ST1_DATA_ERROR	0x20
#define ST1_NO_DATA	0x04
#define ST1_PROTECTED	0x02
#define ST1_NO_ADDRESS	0x01
#define ST2_DATA_ERROR	0x20
#define ST2_WRONG_CYL	0x10
#define ST3_PROTECTED	0x40
#define ST3_TRACK_0	0x10
#define ST3_TWO_SIDES	0x08
#define ST3_ALWAYS	0x20

#define CONFIG_IMPLIED_SEEK 0x40
#define CONFIG_NO_FIFO	0x20

enum phase { PHASE_COMMAND, PHASE_WAIT, PHASE_TO_CPU, PHASE_FROM_CPU, PHASE_RESULT };
enum job { JOB_READ, JOB_WRITE, JOB_VERIFY, JOB_FORMAT, JOB_READ_TRACK };

struct drive {
	struct block *blk;
	const struct fdc_media *media;	/* NULL: none that can be read */
	unsigned int track;		/* where the head is */
	bool changed;
	bool seeking;
};

struct fdc {
	struct device dev;
	struct block *blk[DRIVES];	/* properties */
	int32_t bootindex[DRIVES];
	struct drive drive[DRIVES];
	struct isa_dma dma;
	uint8_t dor, tdr, dsr, config[3], specify[2], perpendicular;
	bool locked, interrupt;
	enum phase phase;

	uint8_t command[9];
	unsigned int have, want;
	uint8_t result[10];
	unsigned int result_at, result_len;
	uint8_t sense[4];		/* interrupts that wait to be asked about: ST0 each */
	unsigned int nr_sense;
	struct device_timer seek_timer;

	/* The data command that is being executed. */
	enum job job;
	uint8_t cyl, head, sector, size, last, st1, st2;
	unsigned int unit, left;	/* verify: sectors that are left; format: sectors */
	bool multi_track, tc, ending;
	uint8_t buf[SECTOR];
	unsigned int buf_at, buf_len;
	struct block_request req;
	struct iovec iov;
	bool in_flight, stale, begin_later;
};

static inline struct drive *fdc_drive(struct fdc *f, unsigned int n)
{
	return n < DRIVES && f->drive[n].blk ? &f->drive[n] : NULL;
}

/* Data go by DMA, not through the processor. */
static inline bool fdc_by_dma(const struct fdc *f)
{
	return !(f->specify[1] & 1) && (f->dor & DOR_DMA_GATE);
}

static inline void fdc_dma_request(struct fdc *f, bool on)
{
	if (f->dma.controller)
		isa_dma_request(&f->dma, on);
}

void fdc_interrupt(struct fdc *f, bool on);
/* The result phase with these bytes; with none the next command may come. */
void fdc_results(struct fdc *f, const uint8_t *bytes, unsigned int n);
/* A data command is over: its seven bytes and an interrupt. */
void fdc_finish(struct fdc *f, uint8_t st0);
void fdc_fail(struct fdc *f, uint8_t st1, uint8_t st2);
/* The next thing to do of a data command: @f->job and the rest are set. */
void fdc_step(struct fdc *f);

extern const struct isa_dma_user fdc_dma_user;

#endif
