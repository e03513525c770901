// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The packet commands of a CD drive, after Multimedia Command Set 3 (T10/1363D, revision 10g) and
 * SCSI Primary Commands 2. The disc is one track of data in one session.
 */
#include <string.h>

#include "devices/storage/atapi.h"

/* More sectors than a CD holds (80 minutes): a DVD. */
#define CD_MAX_SECTORS (80 * 60 * 75)

enum { PROFILE_CD_ROM = 0x0008, PROFILE_DVD_ROM = 0x0010 };

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* The buffer, empty, for an answer. */
static uint8_t *answer(struct cd *k)
{
	memset(k->ide.buf, 0, 1024);
	return k->ide.buf;
}

static bool has_medium(const struct cd *k)
{
	return block_has_medium(k->ide.blk);
}

static void bad_field(struct cd *k)
{
	cd_fail(k, 5, 0x24, 0);
}

/* --- commands of all SCSI devices --- */

static void test_unit_ready(struct cd *k)
{
	cd_good(k);
}

static void request_sense(struct cd *k)
{
	uint8_t *p = answer(k);

	if (!k->key && k->attention) {
		cd_sense(k, 6, 0x28, 0);
		k->attention = false;
	}
	p[0] = 0x70;
	p[2] = k->key;
	p[7] = 10;
	p[12] = k->asc;
	p[13] = k->ascq;
	cd_reply(k, 18, k->packet[4]);
}

static void put_text(uint8_t *p, unsigned int len, const char *text)
{
	unsigned int n = (unsigned int)strlen(text);

	memset(p, ' ', len);
	memcpy(p, text, n < len ? n : len);
}

static void inquiry(struct cd *k)
{
	uint8_t *p = answer(k);

	if (k->packet[1] & 1 || k->packet[2]) {
		bad_field(k);
		return;
	}
	p[0] = 0x05;		/* CD or DVD */
	p[1] = 0x80;		/* removable */
	p[3] = 0x21;		/* ATAPI */
	p[4] = 36 - 5;
	put_text(p + 8, 8, "anykvm");
	put_text(p + 16, 16, k->ide.model ? k->ide.model : "CD");
	put_text(p + 32, 4, k->ide.ver ? k->ide.ver : "1.0");
	cd_reply(k, 36, get16(k->packet + 3));
}

/* Pages of MODE SENSE: the error recovery, power and capabilities pages say what cannot be changed. */
static const uint8_t page_recovery[] = { 0x01, 0x06, 0x00, 0x05, 0, 0, 0, 0 };
static const uint8_t page_power[] = { 0x1a, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
static const uint8_t page_capabilities[] = {
	0x2a, 0x14,
	0x08,			/* reads DVD-ROM */
	0x00,			/* writes nothing */
	0x70,			/* multi-session, mode 2 forms */
	0x00,
	0x29,			/* locks; a tray that ejects */
	0x00,
	0x02, 0xc2,		/* 4 times, as CDs count (kB/s) */
	0x00, 0x00,
	0x02, 0x00,		/* 512 KiB of buffer */
	0x02, 0xc2,
	0, 0, 0, 0, 0, 0,
};

static const struct { const uint8_t *page; unsigned int len; } pages[] = {
	{ page_recovery, sizeof(page_recovery) },
	{ page_power, sizeof(page_power) },
	{ page_capabilities, sizeof(page_capabilities) },
};

static void mode_sense(struct cd *k)
{
	unsigned int control = k->packet[2] >> 6, wanted = k->packet[2] & 0x3f, len = 8, i;
	uint8_t *p = answer(k);

	if (control == 3) {
		cd_fail(k, 5, 0x39, 0);		/* nothing is saved */
		return;
	}
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		const uint8_t *page = pages[i].page;

		if (wanted != 0x3f && wanted != page[0])
			continue;
		memcpy(p + len, page, control == 1 ? 2 : pages[i].len);
		if (page == page_capabilities && control != 1 && k->locked)
			p[len + 6] |= 0x02;
		len += pages[i].len;
	}
	if (len == 8) {
		bad_field(k);
		return;
	}
	put16(p, len - 2);
	p[2] = has_medium(k) ? 0x01 : 0x70;
	cd_reply(k, len, get16(k->packet + 7));
}

/* --- the tray --- */

static void prevent_allow(struct cd *k)
{
	k->locked = k->packet[4] & 1;
	cd_good(k);
}

static void start_stop(struct cd *k)
{
	bool start = k->packet[4] & 1, load_eject = k->packet[4] & 2;
	bool before = has_medium(k);

	if (k->packet[4] & 0xf0 || !load_eject) {
		/* Power conditions and the motor: there is nothing to turn. */
		cd_good(k);
		return;
	}
	if (!start && k->locked) {
		cd_fail(k, before ? 5 : 2, 0x53, 2);
		return;
	}
	block_guest_eject(k->ide.blk, !start);
	/* The host knows that it moved the tray: no attention is due, and Linux would take it ill. */
	if (before != has_medium(k))
		k->event = before ? CD_EVENT_GONE : CD_EVENT_NEW;
	cd_good(k);
}

static void mechanism_status(struct cd *k)
{
	uint8_t *p = answer(k);

	p[1] = has_medium(k) ? 0 : 0x10;
	p[5] = 1;
	cd_reply(k, 8, get16(k->packet + 8));
}

static void get_event(struct cd *k)
{
	uint8_t *p = answer(k);
	bool media = k->packet[4] & 1 << 4;

	if (!(k->packet[1] & 1)) {	/* only polled */
		bad_field(k);
		return;
	}
	put16(p, media ? 6 : 2);
	p[2] = media ? 4 : 0x80;
	p[3] = 1 << 4;
	if (media) {
		p[4] = k->event;
		p[5] = has_medium(k) ? 2 : 1;
		k->event = CD_EVENT_NONE;
	}
	cd_reply(k, media ? 8 : 4, get16(k->packet + 7));
}

/* --- what the disc is --- */

static void read_capacity(struct cd *k)
{
	uint8_t *p = answer(k);
	uint32_t n = (uint32_t)cd_sectors(k);

	put32(p, n ? n - 1 : 0);
	put32(p + 4, CD_SECTOR);
	cd_reply(k, 8, 8);
}

/* An address in a table: sectors, or minutes, seconds and frames. */
static void put_address(uint8_t *p, bool msf, uint32_t lba)
{
	if (!msf) {
		put32(p, lba);
		return;
	}
	lba += 150;
	p[0] = 0;
	p[1] = (uint8_t)(lba / 75 / 60);
	p[2] = (uint8_t)(lba / 75 % 60);
	p[3] = (uint8_t)(lba % 75);
}

static uint8_t *toc_track(uint8_t *p, uint8_t track, bool msf, uint32_t lba)
{
	p[1] = 0x14;		/* a data track, its address in Q */
	p[2] = track;
	put_address(p + 4, msf, lba);
	return p + 8;
}

/* Raw Q: the point, and what it says in its last three bytes. */
static uint8_t *toc_raw(uint8_t *p, uint8_t point, uint8_t m, uint8_t s, uint8_t f)
{
	const uint8_t entry[11] = { 1, 0x14, 0, point, 0, 0, 0, 0, m, s, f };

	memcpy(p, entry, sizeof(entry));
	return p + sizeof(entry);
}

static void read_toc(struct cd *k)
{
	uint8_t *p = answer(k), *q = p + 4, end[4];
	unsigned int format = k->packet[2] & 0x0f, from = k->packet[6];
	bool msf = k->packet[1] & 2;
	uint32_t size = (uint32_t)cd_sectors(k);

	/* Before MMC the format stood in the last byte. */
	if (!format)
		format = k->packet[9] >> 6;
	p[2] = p[3] = 1;
	switch (format) {
	case 0:
		if (from > 1 && from != 0xaa) {
			bad_field(k);
			return;
		}
		if (from <= 1)
			q = toc_track(q, 1, msf, 0);
		q = toc_track(q, 0xaa, msf, size);
		break;
	case 1:
		q = toc_track(q, 1, msf, 0);
		break;
	case 2:
		put_address(end, true, size);
		q = toc_raw(q, 0xa0, 1, 0, 0);
		q = toc_raw(q, 0xa1, 1, 0, 0);
		q = toc_raw(q, 0xa2, end[1], end[2], end[3]);
		q = toc_raw(q, 1, 0, 2, 0);
		break;
	default:
		bad_field(k);
		return;
	}
	put16(p, (unsigned int)(q - p) - 2);
	cd_reply(k, (uint32_t)(q - p), get16(k->packet + 7));
}

static unsigned int profile(const struct cd *k)
{
	return !has_medium(k) ? 0 : cd_sectors(k) > CD_MAX_SECTORS ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

/* A feature of GET CONFIGURATION: number, version, and whether it holds now. */
static uint8_t *feature(uint8_t *p, unsigned int nr, uint8_t bits, const uint8_t *data, uint8_t len)
{
	put16(p, nr);
	p[2] = bits;
	p[3] = len;
	memcpy(p + 4, data, len);
	return p + 4 + len;
}

static void get_configuration(struct cd *k)
{
	static const uint8_t core[8] = { 0, 0, 0, 2, 1 };	/* on ATAPI; polled events */
	static const uint8_t removable[4] = { 0x29 };		/* a tray; ejects; locks */
	unsigned int now = profile(k), from = get16(k->packet + 2), type = k->packet[1] & 3;
	uint8_t list[8] = { 0 }, *p = answer(k), *q = p + 8;

	put16(list, PROFILE_DVD_ROM);
	list[2] = now == PROFILE_DVD_ROM;
	put16(list + 4, PROFILE_CD_ROM);
	list[6] = now == PROFILE_CD_ROM;
	put16(p + 6, now);
	if (type == 3) {
		bad_field(k);
		return;
	}
	if (type == 2 ? from == 0 : from <= 0)
		q = feature(q, 0, 0x03, list, sizeof(list));
	if (type == 2 ? from == 1 : from <= 1)
		q = feature(q, 1, 0x07, core, sizeof(core));
	if (type == 2 ? from == 3 : from <= 3)
		q = feature(q, 3, 0x03, removable, sizeof(removable));
	put32(p, (uint32_t)(q - p) - 4);
	cd_reply(k, (uint32_t)(q - p), get16(k->packet + 7));
}

static void read_disc_info(struct cd *k)
{
	uint8_t *p = answer(k);

	put16(p, 32);
	p[2] = 0x0e;		/* complete, and so is its last session */
	p[3] = p[4] = p[5] = p[6] = 1;
	p[7] = 0x20;
	memset(p + 16, 0xff, 8);
	cd_reply(k, 34, get16(k->packet + 7));
}

static void read_track_info(struct cd *k)
{
	uint8_t *p = answer(k);

	put16(p, 34);
	p[2] = p[3] = 1;
	p[5] = 0x04;		/* data, uninterrupted */
	p[6] = 0x01;		/* mode 1 */
	put32(p + 24, (uint32_t)cd_sectors(k));
	cd_reply(k, 36, get16(k->packet + 7));
}

/* --- reading --- */

static void read_10(struct cd *k)
{
	cd_read(k, get32(k->packet + 2), get16(k->packet + 7), CD_SECTOR);
}

static void read_12(struct cd *k)
{
	cd_read(k, get32(k->packet + 2), get32(k->packet + 6), CD_SECTOR);
}

/* Which parts of a sector: user data alone, or all of it. */
static void read_cd(struct cd *k)
{
	uint32_t nr = get32(k->packet + 5) & 0xffffff, type = k->packet[1] >> 2 & 7;

	if ((type && type != 2) || k->packet[10] & 7) {
		bad_field(k);	/* audio and mode 2 are not on this disc, nor are subchannels read */
		return;
	}
	switch (k->packet[9] & 0xf8) {
	case 0x00:
		cd_good(k);
		break;
	case 0x10:
		cd_read(k, get32(k->packet + 2), nr, CD_SECTOR);
		break;
	case 0xf8:
		cd_read(k, get32(k->packet + 2), nr, CD_RAW);
		break;
	default:
		bad_field(k);
	}
}

static void seek(struct cd *k)
{
	if (get32(k->packet + 2) < cd_sectors(k))
		cd_good(k);
	else
		cd_fail(k, 5, 0x21, 0);
}

static void set_speed(struct cd *k)
{
	cd_good(k);
}

/* --- the table --- */

enum {
	MEDIUM = 1 << 0,	/* needs one */
	QUIET = 1 << 1,		/* is no answer to "the medium may have changed" */
};

static const struct {
	uint8_t code, flags;
	void (*fn)(struct cd *k);
} commands[] = {
	{ 0x00, MEDIUM, test_unit_ready },
	{ 0x03, QUIET, request_sense },
	{ 0x12, QUIET, inquiry },
	{ 0x1b, 0, start_stop },
	{ 0x1e, 0, prevent_allow },
	{ 0x25, MEDIUM, read_capacity },
	{ 0x28, MEDIUM, read_10 },
	{ 0x2b, MEDIUM, seek },
	{ 0x43, MEDIUM, read_toc },
	{ 0x46, QUIET, get_configuration },
	{ 0x4a, QUIET, get_event },
	{ 0x51, MEDIUM, read_disc_info },
	{ 0x52, MEDIUM, read_track_info },
	{ 0x5a, 0, mode_sense },
	{ 0xa8, MEDIUM, read_12 },
	{ 0xbb, 0, set_speed },
	{ 0xbd, 0, mechanism_status },
	{ 0xbe, MEDIUM, read_cd },
};

void cd_packet(struct cd *k)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands) && commands[i].code != k->packet[0]; i++)
		;
	if (i == ARRAY_SIZE(commands)) {
		cd_fail(k, 5, 0x20, 0);
		return;
	}
	if (k->attention && !(commands[i].flags & QUIET)) {
		k->attention = false;
		cd_fail(k, 6, 0x28, 0);
		return;
	}
	if (commands[i].flags & MEDIUM && !has_medium(k)) {
		cd_fail(k, 2, 0x3a, 0);
		return;
	}
	commands[i].fn(k);
}
