/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A CD drive: what its two files share. */
#ifndef ANYKVM_DEVICES_STORAGE_ATAPI_H
#define ANYKVM_DEVICES_STORAGE_ATAPI_H

#include "devices/storage/ide.h"

#define CD_SECTOR 2048u
#define CD_RAW 2352u

/* Media events (GET EVENT STATUS NOTIFICATION). */
enum { CD_EVENT_NONE, CD_EVENT_ASKED, CD_EVENT_NEW, CD_EVENT_GONE };

struct cd {
	struct ide_drive ide;
	uint8_t packet[12];
	uint8_t key, asc, ascq;		/* what REQUEST SENSE will say */
	bool attention;			/* the medium may have changed: the next command hears of it */
	bool locked;
	uint8_t event;
	/* The data of the command under way. */
	bool dma;
	uint32_t limit;			/* bytes a portion, in PIO */
	uint32_t filled;		/* bytes in the buffer */
	uint32_t lba, left, chunk;	/* sectors: to be read, under way */
	uint32_t sector;		/* bytes that the host gets of each */
};

/* --- atapi.c --- */
void cd_sense(struct cd *k, uint8_t key, uint8_t asc, uint8_t ascq);
/* The command has ended. */
void cd_good(struct cd *k);
void cd_fail(struct cd *k, uint8_t key, uint8_t asc, uint8_t ascq);
/* @len bytes of the buffer to the host, but not more than it has @allocated; then the end. */
void cd_reply(struct cd *k, uint32_t len, uint32_t allocated);
/* Sectors to the host, @sector bytes of each (CD_SECTOR or CD_RAW); then the end. */
void cd_read(struct cd *k, uint32_t lba, uint32_t nr, uint32_t sector);
uint64_t cd_sectors(const struct cd *k);

/* --- atapi_mmc.c --- */
void cd_packet(struct cd *k);		/* carry out @k->packet */

#endif
