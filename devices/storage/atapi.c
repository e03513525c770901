// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A CD or DVD drive: PACKET and its phases after AT Attachment with Packet Interface-6
 * (T13/1410D). The commands in the packets are atapi_mmc.c's.
 *
 * What a command answers stands in the drive's buffer, or comes from the disc into it in pieces; from
 * there it goes to the host by DMA, or through the data port in portions of what the host has asked
 * for.
 */
#include <errno.h>
#include <string.h>

#include "devices/storage/atapi.h"

/* The interrupt reason, in the sector count register. */
enum { CD_COMMAND = 1 << 0, CD_TO_HOST = 1 << 1 };

static struct cd *to_cd(struct ide_drive *d)
{
	return (struct cd *)d;
}

/* --- ends --- */

void cd_sense(struct cd *k, uint8_t key, uint8_t asc, uint8_t ascq)
{
	k->key = key;
	k->asc = asc;
	k->ascq = ascq;
}

void cd_good(struct cd *k)
{
	cd_sense(k, 0, 0, 0);
	k->ide.count.now = CD_COMMAND | CD_TO_HOST;
	ide_good(&k->ide);
}

void cd_fail(struct cd *k, uint8_t key, uint8_t asc, uint8_t ascq)
{
	cd_sense(k, key, asc, ascq);
	k->ide.count.now = CD_COMMAND | CD_TO_HOST;
	ide_fail(&k->ide, (uint8_t)(key << 4 | ERR_ABRT));
}

/* --- data to the host --- */

static void next_chunk(struct cd *k);
static void portion(struct cd *k, uint32_t from);

static void portion_moved(struct ide_drive *d)
{
	struct cd *k = to_cd(d);

	if (d->end < k->filled) {
		portion(k, d->end);
		return;
	}
	k->filled = 0;
	next_chunk(k);
}

/* The next portion of the buffer at the data port; the host hears how long it is. */
static void portion(struct cd *k, uint32_t from)
{
	struct ide_drive *d = &k->ide;
	uint32_t len = k->filled - from;

	if (len > k->limit)
		len = k->limit;
	d->count.now = CD_TO_HOST;
	d->mid.now = (uint8_t)len;
	d->high.now = (uint8_t)(len >> 8);
	ide_data(d, from, len, portion_moved, true);
}

static void chunk_dma(struct ide_drive *d)
{
	struct cd *k = to_cd(d);

	d->dma_ready = NULL;
	if (d->chan->ops->dma_copy(d->chan, d->buf, k->filled) != k->filled) {
		d->chan->ops->dma_end(d->chan, false);
		d->status = ST_DRDY | ST_DSC;
		return;
	}
	k->filled = 0;
	next_chunk(k);
}

static void hand_over(struct cd *k)
{
	if (!k->filled)
		next_chunk(k);
	else if (k->dma)
		ide_dma(&k->ide, chunk_dma);
	else
		portion(k, 0);
}

void cd_reply(struct cd *k, uint32_t len, uint32_t allocated)
{
	k->left = 0;
	k->filled = len < allocated ? len : allocated;
	hand_over(k);
}

/* --- sectors --- */

static uint8_t bcd(uint32_t n)
{
	return (uint8_t)(n / 10 << 4 | n % 10);
}

/* Mode 1 sectors as they stand on the disc: sync, header, data; the error correction is zeros. */
static void make_raw(struct cd *k, uint32_t nr)
{
	while (nr--) {
		uint8_t *to = k->ide.buf + nr * CD_RAW;
		uint32_t at = k->lba + nr + 150;

		memmove(to + 16, k->ide.buf + nr * CD_SECTOR, CD_SECTOR);
		memset(to + 16 + CD_SECTOR, 0, CD_RAW - 16 - CD_SECTOR);
		memset(to, 0xff, 12);
		to[0] = to[11] = 0;
		to[12] = bcd(at / 75 / 60 % 100);
		to[13] = bcd(at / 75 % 60);
		to[14] = bcd(at % 75);
		to[15] = 1;
	}
}

static void chunk_read(struct ide_drive *d, int err)
{
	struct cd *k = to_cd(d);

	if (err == -ENOMEDIUM) {
		cd_fail(k, 2, 0x3a, 0);
		return;
	}
	if (err) {
		cd_fail(k, 3, 0x11, 0);
		return;
	}
	if (k->sector == CD_RAW)
		make_raw(k, k->chunk);
	k->lba += k->chunk;
	k->left -= k->chunk;
	k->filled = k->chunk * k->sector;
	hand_over(k);
}

static void next_chunk(struct cd *k)
{
	if (!k->left) {
		if (k->dma)
			k->ide.chan->ops->dma_end(k->ide.chan, true);
		cd_good(k);
		return;
	}
	k->chunk = k->left < IDE_BUFFER / CD_RAW ? k->left : IDE_BUFFER / CD_RAW;
	ide_submit_buf(&k->ide, BLOCK_READ, (uint64_t)k->lba * CD_SECTOR,
		       (uint64_t)k->chunk * CD_SECTOR, chunk_read);
}

void cd_read(struct cd *k, uint32_t lba, uint32_t nr, uint32_t sector)
{
	uint64_t size = cd_sectors(k);

	if (lba > size || nr > size - lba) {
		cd_fail(k, 5, 0x21, 0);
		return;
	}
	k->lba = lba;
	k->left = nr;
	k->sector = sector;
	k->filled = 0;
	if (nr)
		next_chunk(k);
	else
		cd_good(k);
}

uint64_t cd_sectors(const struct cd *k)
{
	uint64_t n = block_size(k->ide.blk) / CD_SECTOR;

	return n < UINT32_MAX ? n : UINT32_MAX;
}

/* --- ATA commands --- */

static void packet_moved(struct ide_drive *d)
{
	struct cd *k = to_cd(d);

	memcpy(k->packet, d->buf, sizeof(k->packet));
	k->left = 0;
	k->filled = 0;
	cd_packet(k);
}

static void cmd_packet(struct cd *k)
{
	struct ide_drive *d = &k->ide;
	uint32_t limit = (uint32_t)(d->high.now << 8 | d->mid.now);

	if (d->feature.now & 2) {	/* overlapped */
		ide_fail(d, ERR_ABRT);
		return;
	}
	k->dma = d->feature.now & 1;
	/* Whole words; FFFFh and what older drivers leave at 0 are the most. */
	k->limit = limit < 2 || limit == 0xffff ? 0xfffe : limit & 0xfffe;
	d->count.now = CD_COMMAND;
	ide_data(d, 0, sizeof(k->packet), packet_moved, false);
}

static void identified(struct ide_drive *d)
{
	d->status = ST_DRDY | ST_DSC;
}

static void cmd_identify(struct cd *k)
{
	struct ide_drive *d = &k->ide;
	uint16_t id[256] = {
		[0] = 0x85c0,			/* CD drive, removable, 12 bytes a packet */
		[49] = 0x0b00,			/* IORDY, LBA, DMA */
		[50] = 0x4000,
		[53] = 0x0006,			/* words 64 to 70, 88 hold something */
		[63] = 0x0007,
		[64] = 0x0003,
		[65] = 120, [66] = 120, [67] = 120, [68] = 120,
		[80] = 0x0070,
		[81] = 0x0019,
		[82] = 0x4210,			/* PACKET, DEVICE RESET, NOP */
		[83] = 0x4000,
		[84] = 0x4000,
		[85] = 0x4210,
		[87] = 0x4000,
		[88] = 0x003f,
		[93] = 0x6001,
	};

	id[63] |= (uint16_t)(d->mwdma << 8);
	id[88] |= (uint16_t)(d->udma << 8);
	ide_put_identity(d, id, "anykvm CD");
	ide_put_checksum(id);
	memcpy(d->buf, id, sizeof(id));
	ide_data(d, 0, IDE_SECTOR, identified, true);
}

static void cmd_device_reset(struct cd *k)
{
	ide_cancel(&k->ide);
	ide_signature(&k->ide);
	k->ide.error = 1;
	/* No interrupt, and the status of a drive that has been reset. */
	k->ide.status = 0;
}

static void cd_command(struct ide_drive *d, uint8_t code)
{
	struct cd *k = to_cd(d);

	switch (code) {
	case 0x08:
		cmd_device_reset(k);
		break;
	case 0xa0:
		cmd_packet(k);
		break;
	case 0xa1:
		cmd_identify(k);
		break;
	case 0x20:		/* READ SECTORS and IDENTIFY DEVICE tell who we are */
	case 0xec:
		ide_signature(d);
		ide_fail(d, ERR_ABRT);
		break;
	case 0xef:
		if (d->feature.now == 0x03 && ide_set_mode(d, d->count.now))
			ide_good(d);
		else
			ide_fail(d, ERR_ABRT);
		break;
	case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe6:	/* power: always awake */
		ide_good(d);
		break;
	case 0xe5:
		d->count.now = 0xff;
		ide_good(d);
		break;
	default:
		ide_fail(d, ERR_ABRT);
	}
}

static void cd_reset(struct ide_drive *d)
{
	struct cd *k = to_cd(d);

	cd_sense(k, 0, 0, 0);
	k->locked = false;
	k->left = k->filled = 0;
}

static const struct ide_kind cd_kind = {
	.mid = 0x14, .high = 0xeb, .ready = 0, .command = cd_command, .reset = cd_reset,
};

/* --- the device --- */

static void medium_changed(void *arg)
{
	struct cd *k = arg;

	k->attention = block_has_medium(k->ide.blk);
	k->event = k->attention ? CD_EVENT_NEW : CD_EVENT_GONE;
}

/* A locked tray asks the guest instead, which hears of it when it polls. */
static bool may_eject(void *arg)
{
	struct cd *k = arg;

	if (k->locked)
		k->event = CD_EVENT_ASKED;
	return !k->locked;
}

static const char *cd_realize(struct device *dev)
{
	static const struct block_user user = { medium_changed, may_eject };
	struct cd *k = (struct cd *)dev;
	const char *wrong = ide_drive_realize(&k->ide, &cd_kind, &user);

	if (!wrong)
		k->event = block_has_medium(k->ide.blk) ? CD_EVENT_NEW : CD_EVENT_NONE;
	return wrong;
}

static const struct device_prop cd_props[] = { IDE_PROPS(struct ide_drive) };

static const struct device_class cd_class = {
	.name = "ide-cd",
	.what = "ATAPI CD and DVD drive",
	.sheet = "AT Attachment with Packet Interface-6 (T13/1410D); MMC-3 (T10/1363D)",
	.missing = "audio, writing, DVD structures and keys, vital product data, MODE SELECT, several tracks or sessions",
	.size = sizeof(struct cd),
	.user = true,
	.props = cd_props,
	.nr_props = ARRAY_SIZE(cd_props),
	.attach = ide_attach,
	.realize = cd_realize,
	.reset = ide_drive_reset,
	.unrealize = ide_drive_unrealize,
};
DEVICE_REGISTER(cd_class);
