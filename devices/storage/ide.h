/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ATA channels and the drives on them, as ATA/ATAPI-6 (T13/1410D) divides them: the channel (ide.c)
 * has the two drives' task files and the data port, a drive is a disk (ide_disk.c) or a packet
 * device (atapi.c), and the controller (piix3_ide.c) owns channels and moves data by DMA.
 */
#ifndef ANYKVM_DEVICES_STORAGE_IDE_H
#define ANYKVM_DEVICES_STORAGE_IDE_H

#include "host/block/block.h"
#include "host/bus/dma.h"
#include "host/bus/pci.h"

#define IDE_SECTOR 512u
#define IDE_BUFFER (256u * IDE_SECTOR)	/* what a drive reads or writes at once in PIO */
/* A physical region has at least two bytes, so this many hold a sector. */
#define IDE_PIECES 257u

/* Status register. */
enum { ST_ERR = 0x01, ST_DRQ = 0x08, ST_DSC = 0x10, ST_DF = 0x20, ST_DRDY = 0x40, ST_BSY = 0x80 };
/* Error register. */
enum { ERR_ABRT = 0x04, ERR_IDNF = 0x10, ERR_UNC = 0x40, ERR_ICRC = 0x80 };
/* Device register. */
enum { DEV_DEV = 0x10, DEV_LBA = 0x40 };
/* Device control register. */
enum { CTL_NIEN = 0x02, CTL_SRST = 0x04, CTL_HOB = 0x80 };

struct ide_channel;
struct ide_drive;

/* A register of the task file with what was written before: LBA48 takes both. */
struct ide_reg {
	uint8_t now, before;
};

struct ide_kind {
	uint8_t mid, high;		/* the signature */
	uint8_t ready;			/* status after a reset */
	void (*command)(struct ide_drive *d, uint8_t command);
	void (*reset)(struct ide_drive *d);
};

/* Guest memory for DMA, in pieces. */
struct ide_pieces {
	struct dma_map map[IDE_PIECES];
	struct iovec iov[IDE_PIECES];
	int nr;
	uint64_t len;
};

struct ide_drive {
	struct device dev;
	/* Properties. */
	struct block *blk;
	unsigned int place;		/* IDE_AUTO, or 1 + unit */
	uint64_t wwn, rotation_rate;
	const char *serial, *model, *ver;
	struct block_choice choice;

	const struct ide_kind *kind;
	struct ide_channel *chan;
	unsigned int unit;
	struct ide_reg feature, count, low, mid, high;
	uint8_t device, status, error;
	uint8_t mwdma, udma;		/* bits of the mode that is selected */
	bool intrq;

	/* The data port: it moves [@at, @end) of @buf, and then calls @moved. */
	uint8_t *buf;
	uint32_t at, end;
	void (*moved)(struct ide_drive *d);
	/* Ready for DMA, as soon as the controller is started. */
	void (*dma_ready)(struct ide_drive *d);

	/* A request to the back end; one at a time. */
	struct block_request req;
	struct iovec iov;
	bool fua;			/* what it writes is stable at its end */
	bool busy;			/* it is under way */
	bool forget;			/* and nobody wants to know any more */
	void (*then)(struct ide_drive *d, int err);
	bool mapped;			/* into guest memory, by @pieces */
	struct ide_pieces pieces;
};

struct ide_controller_ops {
	/* @d asks for DMA: call d->dma_ready() now or when the guest starts it. */
	void (*dma_request)(struct ide_channel *c);
	/*
	 * The next pieces of guest memory into @d->pieces, up to @max bytes and in whole sectors;
	 * 0 bytes: the table is at its end, or wrong.
	 */
	uint64_t (*dma_map)(struct ide_drive *d, uint64_t max, bool to_guest);
	/* Copy to guest memory: how much found room. */
	uint64_t (*dma_copy)(struct ide_channel *c, const void *buf, uint64_t len);
	/* From guest memory: the same. */
	uint64_t (*dma_fetch)(struct ide_channel *c, void *buf, uint64_t len);
	/* The drive's part is over. @whole: all that it had was moved. */
	void (*dma_end)(struct ide_channel *c, bool whole);
	void (*interrupt)(struct ide_channel *c, bool level);
};

struct ide_channel {
	const struct ide_controller_ops *ops;
	struct device *controller;
	unsigned int nr;		/* 0: primary */
	struct ide_drive *drive[2];
	bool second;			/* the DEV bit */
	uint8_t control;
};

/* --- for controllers --- */

uint32_t ide_read(struct ide_channel *c, unsigned int reg, unsigned int size);
void ide_write(struct ide_channel *c, unsigned int reg, unsigned int size, uint32_t val);
uint8_t ide_alt_status(struct ide_channel *c);
void ide_control(struct ide_channel *c, uint8_t val);
void ide_channel_reset(struct ide_channel *c);
struct ide_drive *ide_selected(struct ide_channel *c);
/* End what is under way between @d and its back end, without the drive's hearing of it. */
void ide_cancel(struct ide_drive *d);

/* Channel @n of a controller's device; NULL: it is none, or has no such channel. */
struct ide_channel *piix3_ide_channel(struct device *dev, unsigned int n);

/* --- for drives --- */

#define IDE_PROPS(of_struct)								\
	{ "drive", PROP_BLOCK, offsetof(of_struct, blk), "the disk behind it" },	\
	{ "unit", PROP_ENUM, offsetof(of_struct, place), "0 master, 1 slave", "auto",	\
	  .names = ide_places },							\
	BLOCK_CHOICE_PROPS(of_struct, choice),						\
	{ "serial", PROP_STRING, offsetof(of_struct, serial), "serial number" },	\
	{ "model", PROP_STRING, offsetof(of_struct, model), "model name" },		\
	{ "ver", PROP_STRING, offsetof(of_struct, ver), "firmware revision" },		\
	{ "wwn", PROP_U64, offsetof(of_struct, wwn), "world wide name, 0 for none" },	\
	BOOT_PROP

enum { IDE_AUTO, IDE_MASTER, IDE_SLAVE };
extern const char *const ide_places[];

const char *ide_attach(struct device *dev, const char *bus);
const char *ide_drive_realize(struct ide_drive *d, const struct ide_kind *kind,
			      const struct block_user *user);
void ide_drive_unrealize(struct device *dev);
void ide_drive_reset(struct device *dev);
void ide_signature(struct ide_drive *d);
void ide_interrupt(struct ide_drive *d);
/* A command has ended. */
void ide_good(struct ide_drive *d);
void ide_fail(struct ide_drive *d, uint8_t error);
/* Offer bytes of d->buf at the data port, with an interrupt or without. */
void ide_data(struct ide_drive *d, uint32_t from, uint32_t len, void (*moved)(struct ide_drive *d),
	      bool interrupt);
void ide_dma(struct ide_drive *d, void (*ready)(struct ide_drive *d));
/* A request of the back end; @then is called with its result. */
void ide_submit(struct ide_drive *d, enum block_op op, uint64_t offset, uint64_t len,
		const struct iovec *iov, int nr, void (*then)(struct ide_drive *d, int err));
/* The same for d->buf. */
void ide_submit_buf(struct ide_drive *d, enum block_op op, uint64_t offset, uint64_t len,
		    void (*then)(struct ide_drive *d, int err));
/* SET FEATURES of transfer modes: false when the mode is none that we have. */
bool ide_set_mode(struct ide_drive *d, uint8_t mode);
void ide_put_string(uint16_t *words, unsigned int nr, const char *text);
void ide_put_identity(const struct ide_drive *d, uint16_t id[256], const char *model);
void ide_put_checksum(uint16_t id[256]);

#endif
