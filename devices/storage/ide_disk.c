// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An ATA disk, after AT Attachment with Packet Interface-6 (T13/1410D, revision 3b).
 *
 * In PIO the drive reads up to 128 KiB at once and hands them over block by block (READ MULTIPLE's
 * block, or a sector); a write takes the blocks into its buffer and writes them when that is full.
 * In DMA the back end reads and writes guest memory itself, as many of the guest's regions at a time
 * as fit the list.
 */
#include <errno.h>
#include <string.h>

#include "devices/storage/ide.h"

#define MAX_MULTIPLE 16u
#define LBA28_SECTORS 0x0fffffffull
#define DMA_CHUNK (1u << 20)
#define TRIM_RANGES (IDE_BUFFER / 8)

enum way { PIO, MULTIPLE, DMA };

struct disk {
	struct ide_drive ide;
	uint64_t sectors;
	/* What the disk says of itself, and what INITIALIZE DEVICE PARAMETERS has made of it. */
	uint64_t def_cyls, def_heads, def_secs;
	unsigned int cyls, heads, secs;
	unsigned int multiple;
	bool standby;
	bool cache;			/* the user's word for the write cache */
	/* The command under way. */
	const struct ata_command *cmd;
	uint64_t lba;
	uint32_t left;			/* sectors that are not moved yet */
	uint32_t chunk;			/* sectors of the request under way, or in the buffer */
};

struct ata_command {
	uint8_t code, last;
	void (*fn)(struct disk *k);
	/* Of those that move data. */
	bool ext, fua;
	enum way way;
};

static struct disk *to_disk(struct ide_drive *d)
{
	return (struct disk *)d;
}

/* --- addresses --- */

/* Of the task file, 28 bits or CHS, or 48 bits. False: no such CHS address. */
static bool get_address(const struct disk *k, bool ext, uint64_t *lba)
{
	const struct ide_drive *d = &k->ide;
	unsigned int cyl = (unsigned int)(d->high.now << 8 | d->mid.now), head = d->device & 0x0f;

	*lba = d->low.now | (uint64_t)d->mid.now << 8 | (uint64_t)d->high.now << 16;
	if (ext)
		*lba |= (uint64_t)d->low.before << 24 | (uint64_t)d->mid.before << 32 |
			(uint64_t)d->high.before << 40;
	else if (d->device & DEV_LBA)
		*lba |= (uint64_t)head << 24;
	else if (!d->low.now || d->low.now > k->secs || head >= k->heads || cyl >= k->cyls)
		return false;
	else
		*lba = ((uint64_t)cyl * k->heads + head) * k->secs + d->low.now - 1;
	return true;
}

static void put_address(struct disk *k, bool ext, uint64_t lba)
{
	struct ide_drive *d = &k->ide;

	if (!ext && !(d->device & DEV_LBA)) {
		uint64_t track = lba / k->secs, cyl = track / k->heads;

		d->low.now = (uint8_t)(lba % k->secs + 1);
		d->mid.now = (uint8_t)cyl;
		d->high.now = (uint8_t)(cyl >> 8);
		d->device = (uint8_t)((d->device & 0xf0) | track % k->heads);
		return;
	}
	d->low.now = (uint8_t)lba;
	d->mid.now = (uint8_t)(lba >> 8);
	d->high.now = (uint8_t)(lba >> 16);
	if (!ext) {
		d->device = (uint8_t)((d->device & 0xf0) | (lba >> 24 & 0x0f));
		return;
	}
	d->low.before = (uint8_t)(lba >> 24);
	d->mid.before = (uint8_t)(lba >> 32);
	d->high.before = (uint8_t)(lba >> 40);
}

static uint32_t get_count(const struct disk *k, bool ext)
{
	const struct ide_drive *d = &k->ide;
	uint32_t n = d->count.now | (ext ? (uint32_t)d->count.before << 8 : 0);

	return n ? n : ext ? 65536 : 256;
}

/* Address and count of a command that has both; false: it has failed already. */
static bool begin(struct disk *k)
{
	bool ext = k->cmd->ext;

	k->left = get_count(k, ext);
	k->ide.fua = k->cmd->fua;
	if (get_address(k, ext, &k->lba) && k->lba < k->sectors && k->left <= k->sectors - k->lba)
		return true;
	ide_fail(&k->ide, ERR_IDNF | ERR_ABRT);
	return false;
}

/* The task file then holds the sector that failed. */
static void fail_at(struct disk *k, int err)
{
	put_address(k, k->cmd->ext, k->lba);
	ide_fail(&k->ide, err == -ENOMEM || k->ide.req.op != BLOCK_READ ? ERR_ABRT : ERR_UNC);
}

static void advance(struct disk *k)
{
	k->lba += k->chunk;
	k->left -= k->chunk;
}

/* The request under way has ended: false when the command has, with its error. */
static bool moved_on(struct disk *k, int err)
{
	if (err)
		fail_at(k, err);
	else
		advance(k);
	return !err;
}

static void finish(struct disk *k)
{
	put_address(k, k->cmd->ext, k->lba - 1);
	k->ide.count.now = k->ide.count.before = 0;
	ide_good(&k->ide);
}

/* --- PIO --- */

static uint32_t block_len(const struct disk *k)
{
	return k->cmd->way == MULTIPLE ? k->multiple * IDE_SECTOR : IDE_SECTOR;
}

static void read_chunk(struct disk *k);

static void read_moved(struct ide_drive *d)
{
	struct disk *k = to_disk(d);
	uint32_t left = k->chunk * IDE_SECTOR - d->end;

	if (left) {
		ide_data(d, d->end, minimum(left, block_len(k)), read_moved, true);
		return;
	}
	advance(k);
	if (k->left) {
		read_chunk(k);
		return;
	}
	/* The last block's interrupt was the last one. */
	put_address(k, k->cmd->ext, k->lba - 1);
	d->status = ST_DRDY | ST_DSC;
}

static void read_done(struct ide_drive *d, int err)
{
	struct disk *k = to_disk(d);

	if (err)
		fail_at(k, err);
	else
		ide_data(d, 0, minimum(k->chunk * IDE_SECTOR, block_len(k)), read_moved, true);
}

static void read_chunk(struct disk *k)
{
	/* Whole blocks: the buffer holds a multiple of every block size. */
	k->chunk = minimum(k->left, IDE_BUFFER / IDE_SECTOR);
	ide_submit_buf(&k->ide, BLOCK_READ, k->lba * IDE_SECTOR, (uint64_t)k->chunk * IDE_SECTOR,
		       read_done);
}

static void write_chunk(struct disk *k, bool interrupt);

static void write_done(struct ide_drive *d, int err)
{
	struct disk *k = to_disk(d);

	if (!moved_on(k, err))
		return;
	if (k->left)
		write_chunk(k, true);
	else
		finish(k);
}

static void write_moved(struct ide_drive *d)
{
	struct disk *k = to_disk(d);
	uint32_t left = k->chunk * IDE_SECTOR - d->end;

	if (left) {
		ide_data(d, d->end, minimum(left, block_len(k)), write_moved, true);
		return;
	}
	ide_submit_buf(d, BLOCK_WRITE, k->lba * IDE_SECTOR, (uint64_t)k->chunk * IDE_SECTOR,
		       write_done);
}

/* The first block of a command is asked for without an interrupt. */
static void write_chunk(struct disk *k, bool interrupt)
{
	k->chunk = minimum(k->left, IDE_BUFFER / IDE_SECTOR);
	ide_data(&k->ide, 0, minimum(k->chunk * IDE_SECTOR, block_len(k)), write_moved, interrupt);
}

/* --- DMA --- */

static void dma_go(struct ide_drive *d);

static void dma_done(struct ide_drive *d, int err)
{
	struct disk *k = to_disk(d);

	if (!err && k->left > k->chunk) {
		advance(k);
		ide_dma(d, dma_go);
		return;
	}
	d->chan->ops->dma_end(d->chan, !err);
	if (moved_on(k, err))
		finish(k);
}

static bool writes(const struct disk *k);

static void dma_go(struct ide_drive *d)
{
	struct disk *k = to_disk(d);
	bool write = writes(k);
	uint64_t max = minimum(k->left, DMA_CHUNK / IDE_SECTOR) * (uint64_t)IDE_SECTOR, n;

	d->dma_ready = NULL;
	n = d->chan->ops->dma_map(d, max, !write);
	if (!n) {
		/* The table is too short: there is no more to come, and no interrupt (SFF-8038i). */
		d->chan->ops->dma_end(d->chan, false);
		d->status = ST_DRDY | ST_DSC;
		return;
	}
	k->chunk = (uint32_t)(n / IDE_SECTOR);
	ide_submit(d, write ? BLOCK_WRITE : BLOCK_READ, k->lba * IDE_SECTOR, n,
		   d->pieces.iov, d->pieces.nr, dma_done);
}

/* --- commands that move sectors --- */

static void cmd_read(struct disk *k)
{
	if (k->cmd->way == MULTIPLE && !k->multiple)
		ide_fail(&k->ide, ERR_ABRT);
	else if (!begin(k))
		return;
	else if (k->cmd->way == DMA)
		ide_dma(&k->ide, dma_go);
	else
		read_chunk(k);
}

static void cmd_write(struct disk *k)
{
	if (block_read_only(k->ide.blk) || (k->cmd->way == MULTIPLE && !k->multiple))
		ide_fail(&k->ide, ERR_ABRT);
	else if (!begin(k))
		return;
	else if (k->cmd->way == DMA)
		ide_dma(&k->ide, dma_go);
	else
		write_chunk(k, false);
}

static bool writes(const struct disk *k)
{
	return k->cmd->fn == cmd_write;
}

static void verify_done(struct ide_drive *d, int err)
{
	struct disk *k = to_disk(d);

	if (!moved_on(k, err))
		return;
	if (!k->left) {
		finish(k);
		return;
	}
	k->chunk = minimum(k->left, IDE_BUFFER / IDE_SECTOR);
	ide_submit_buf(d, BLOCK_READ, k->lba * IDE_SECTOR, (uint64_t)k->chunk * IDE_SECTOR,
		       verify_done);
}

static void cmd_verify(struct disk *k)
{
	if (!begin(k))
		return;
	k->chunk = 0;
	verify_done(&k->ide, 0);
}

static void cmd_seek(struct disk *k)
{
	if (get_address(k, false, &k->lba) && k->lba < k->sectors)
		ide_good(&k->ide);
	else
		ide_fail(&k->ide, ERR_IDNF);
}

/* --- cache and trim --- */

static void flush_done(struct ide_drive *d, int err)
{
	if (err)
		ide_fail(d, ERR_ABRT);
	else
		ide_good(d);
}

static void cmd_flush(struct disk *k)
{
	ide_submit(&k->ide, BLOCK_FLUSH, 0, 0, NULL, 0, flush_done);
}

/* DATA SET MANAGEMENT, as ATA8-ACS has it: ranges of 48 bits of address and 16 of count. */
static void trim_next(struct ide_drive *d, int err)
{
	struct disk *k = to_disk(d);

	/* A hint that the disk does not take is no error. */
	(void)err;
	while (d->at + 8 <= d->end) {
		uint64_t range, lba, n;

		memcpy(&range, d->buf + d->at, 8);
		d->at += 8;
		lba = range & 0xffffffffffffull;
		n = range >> 48;
		if (!n || lba >= k->sectors || n > k->sectors - lba)
			continue;
		ide_submit(d, BLOCK_DISCARD, lba * IDE_SECTOR, n * IDE_SECTOR, NULL, 0, trim_next);
		return;
	}
	ide_good(d);
}

static void trim_go(struct ide_drive *d)
{
	struct disk *k = to_disk(d);
	uint32_t len = k->left * IDE_SECTOR;
	bool whole;

	d->dma_ready = NULL;
	whole = d->chan->ops->dma_fetch(d->chan, d->buf, len) == len;
	d->chan->ops->dma_end(d->chan, whole);
	if (!whole) {
		d->status = ST_DRDY | ST_DSC;
		return;
	}
	d->at = 0;
	d->end = len;
	trim_next(d, 0);
}

static void cmd_trim(struct disk *k)
{
	k->left = get_count(k, true);
	if (!(k->ide.feature.now & 1) || !block_can_discard(k->ide.blk) ||
	    k->left > IDE_BUFFER / IDE_SECTOR)
		ide_fail(&k->ide, ERR_ABRT);
	else
		ide_dma(&k->ide, trim_go);
}

/* --- the others --- */

static void cmd_nothing(struct disk *k)
{
	k->standby = false;
	ide_good(&k->ide);
}

static void cmd_standby(struct disk *k)
{
	k->standby = true;
	ide_good(&k->ide);
}

static void cmd_check_power(struct disk *k)
{
	k->ide.count.now = k->standby ? 0x00 : 0xff;
	ide_good(&k->ide);
}

/* Heads from the device register, sectors from the count; 0 sectors make no disk. */
static void cmd_init_parameters(struct disk *k)
{
	unsigned int heads = (k->ide.device & 0x0f) + 1u, secs = k->ide.count.now;
	uint64_t cyls;

	if (!secs) {
		ide_fail(&k->ide, ERR_ABRT);
		return;
	}
	cyls = k->sectors / (heads * secs);
	k->heads = heads;
	k->secs = secs;
	k->cyls = cyls > 65535 ? 65535 : (unsigned int)cyls;
	ide_good(&k->ide);
}

static void cmd_set_multiple(struct disk *k)
{
	unsigned int n = k->ide.count.now;

	if (n > MAX_MULTIPLE || (n & (n - 1))) {
		ide_fail(&k->ide, ERR_ABRT);
		return;
	}
	k->multiple = n;
	ide_good(&k->ide);
}

static void cmd_native_max(struct disk *k)
{
	uint64_t last = k->sectors - 1;

	if (!k->cmd->ext && last >= LBA28_SECTORS)
		last = LBA28_SECTORS - 1;
	k->ide.device |= DEV_LBA;
	put_address(k, k->cmd->ext, last);
	ide_good(&k->ide);
}

static void cache_off_done(struct ide_drive *d, int err)
{
	if (!err)
		block_set_write_cache(d->blk, false);
	flush_done(d, err);
}

static void cmd_set_features(struct disk *k)
{
	struct ide_drive *d = &k->ide;

	switch (d->feature.now) {
	case 0x02:		/* write cache on */
		block_set_write_cache(d->blk, true);
		break;
	case 0x82:		/* and off: what is in it goes to the disk first */
		ide_submit(d, BLOCK_FLUSH, 0, 0, NULL, 0, cache_off_done);
		return;
	case 0x03:
		if (!ide_set_mode(d, d->count.now)) {
			ide_fail(d, ERR_ABRT);
			return;
		}
		break;
	case 0x55: case 0xaa:	/* read look-ahead: there is nothing to switch */
	case 0x66: case 0xcc:	/* what is set survives a reset, or not: it does not */
		break;
	default:
		ide_fail(d, ERR_ABRT);
		return;
	}
	ide_good(d);
}

static void identified(struct ide_drive *d)
{
	d->status = ST_DRDY | ST_DSC;
}

static void put_geometry(const struct disk *k, uint16_t id[256])
{
	uint64_t chs = (uint64_t)k->cyls * k->heads * k->secs;
	uint32_t lba28 = (uint32_t)(k->sectors < LBA28_SECTORS ? k->sectors : LBA28_SECTORS);
	unsigned int i;

	id[1] = (uint16_t)k->def_cyls;
	id[3] = (uint16_t)k->def_heads;
	id[6] = (uint16_t)k->def_secs;
	id[54] = (uint16_t)k->cyls;
	id[55] = (uint16_t)k->heads;
	id[56] = (uint16_t)k->secs;
	id[57] = (uint16_t)chs;
	id[58] = (uint16_t)(chs >> 16);
	id[60] = (uint16_t)lba28;
	id[61] = (uint16_t)(lba28 >> 16);
	for (i = 0; i < 4; i++)
		id[100 + i] = (uint16_t)(k->sectors >> (16 * i));
}

static void cmd_identify(struct disk *k)
{
	struct ide_drive *d = &k->ide;
	bool cache = block_write_cache(d->blk);
	uint16_t id[256] = {
		[0] = 0x0040,			/* fixed disk */
		[47] = 0x8000 | MAX_MULTIPLE,
		[48] = 1,			/* 32-bit transfers on the data port */
		[49] = 0x0f00,			/* IORDY, LBA, DMA */
		[50] = 0x4000,
		[51] = 0x0200, [52] = 0x0200,	/* PIO timing, as old drivers ask for it */
		[53] = 0x0007,			/* words 54 to 58, 64 to 70, 88 hold something */
		[63] = 0x0007,			/* multiword DMA 0 to 2 */
		[64] = 0x0003,			/* PIO 3 and 4 */
		[65] = 120, [66] = 120, [67] = 120, [68] = 120,
		[80] = 0x0070,			/* ATA-4 to ATA-6 */
		[81] = 0x0019,			/* T13/1410D revision 3a */
		[82] = 0x4020,			/* write cache; NOP is known */
		[83] = 0x7400,			/* FLUSH CACHE, and EXT; LBA48 */
		[84] = 0x4040,			/* WRITE DMA FUA EXT */
		[86] = 0x3400,
		[87] = 0x4040,
		[88] = 0x003f,			/* Ultra DMA 0 to 5 */
		[93] = 0x6001,			/* the long cable; passed its diagnostic */
	};

	id[85] = (uint16_t)(0x4000 | (cache ? 0x20 : 0));
	id[59] = (uint16_t)(k->multiple ? 0x0100 | k->multiple : 0);
	id[63] |= (uint16_t)(d->mwdma << 8);
	id[88] |= (uint16_t)(d->udma << 8);
	id[169] = block_can_discard(d->blk);
	id[105] = id[169] ? IDE_BUFFER / IDE_SECTOR : 0;
	id[217] = (uint16_t)d->rotation_rate;
	put_geometry(k, id);
	ide_put_identity(d, id, "anykvm disk");
	ide_put_checksum(id);
	memcpy(d->buf, id, sizeof(id));
	ide_data(d, 0, IDE_SECTOR, identified, true);
}

/* --- the table --- */

static const struct ata_command commands[] = {
	{ 0x06, 0x06, cmd_trim, .ext = true },
	{ 0x10, 0x1f, cmd_nothing },			/* RECALIBRATE, of older disks */
	{ 0x20, 0x21, cmd_read },
	{ 0x24, 0x24, cmd_read, .ext = true },
	{ 0x25, 0x25, cmd_read, .ext = true, .way = DMA },
	{ 0x27, 0x27, cmd_native_max, .ext = true },
	{ 0x29, 0x29, cmd_read, .ext = true, .way = MULTIPLE },
	{ 0x30, 0x31, cmd_write },
	{ 0x34, 0x34, cmd_write, .ext = true },
	{ 0x35, 0x35, cmd_write, .ext = true, .way = DMA },
	{ 0x39, 0x39, cmd_write, .ext = true, .way = MULTIPLE },
	{ 0x3c, 0x3c, cmd_write },			/* WRITE VERIFY, of older disks */
	{ 0x3d, 0x3d, cmd_write, .ext = true, .way = DMA, .fua = true },
	{ 0x40, 0x41, cmd_verify },
	{ 0x42, 0x42, cmd_verify, .ext = true },
	{ 0x70, 0x7f, cmd_seek },
	{ 0x91, 0x91, cmd_init_parameters },
	{ 0x94, 0x94, cmd_standby },			/* the power commands' older codes */
	{ 0x95, 0x95, cmd_nothing },
	{ 0x96, 0x96, cmd_standby },
	{ 0x97, 0x97, cmd_nothing },
	{ 0x98, 0x98, cmd_check_power },
	{ 0x99, 0x99, cmd_standby },
	{ 0xc4, 0xc4, cmd_read, .way = MULTIPLE },
	{ 0xc5, 0xc5, cmd_write, .way = MULTIPLE },
	{ 0xc6, 0xc6, cmd_set_multiple },
	{ 0xc8, 0xc9, cmd_read, .way = DMA },
	{ 0xca, 0xcb, cmd_write, .way = DMA },
	{ 0xce, 0xce, cmd_write, .ext = true, .way = MULTIPLE, .fua = true },
	{ 0xe0, 0xe0, cmd_standby },
	{ 0xe1, 0xe1, cmd_nothing },
	{ 0xe2, 0xe2, cmd_standby },
	{ 0xe3, 0xe3, cmd_nothing },
	{ 0xe5, 0xe5, cmd_check_power },
	{ 0xe6, 0xe6, cmd_standby },
	{ 0xe7, 0xe7, cmd_flush },
	{ 0xea, 0xea, cmd_flush, .ext = true },
	{ 0xec, 0xec, cmd_identify },
	{ 0xef, 0xef, cmd_set_features },
	{ 0xf8, 0xf8, cmd_native_max },
};

static void disk_command(struct ide_drive *d, uint8_t code)
{
	struct disk *k = to_disk(d);
	const struct ata_command *c;

	for (c = commands; c < commands + ARRAY_SIZE(commands); c++)
		if (code >= c->code && code <= c->last) {
			k->cmd = c;
			c->fn(k);
			return;
		}
	ide_fail(d, ERR_ABRT);
}

static void disk_reset(struct ide_drive *d)
{
	struct disk *k = to_disk(d);

	k->cyls = (unsigned int)k->def_cyls;
	k->heads = (unsigned int)k->def_heads;
	k->secs = (unsigned int)k->def_secs;
	k->multiple = 0;
	k->standby = false;
	k->left = k->chunk = 0;
}

static const struct ide_kind disk_kind = {
	.mid = 0x00, .high = 0x00, .ready = ST_DRDY | ST_DSC,
	.command = disk_command, .reset = disk_reset,
};

static const char *find_geometry(struct disk *k)
{
	unsigned int c, h = 16, s = 63;

	if (k->def_cyls && k->def_heads && k->def_secs)
		return NULL;
	if (k->def_cyls || k->def_heads || k->def_secs)
		return "cyls=, heads= and secs= go together";
	if (!block_geometry(k->ide.blk, &c, &h, &s))
		c = k->sectors / (h * s) > 16383 ? 16383 : (unsigned int)(k->sectors / (h * s));
	k->def_cyls = c ? c : 1;
	k->def_heads = h;
	k->def_secs = s;
	return NULL;
}

static const char *disk_realize(struct device *dev)
{
	static const struct block_user user = { 0 };
	struct disk *k = (struct disk *)dev;
	const char *wrong;

	if (k->ide.blk) {
		if (!block_has_medium(k->ide.blk))
			return "drive= has no medium: a disk needs one (a CD drive is ide-cd)";
		k->sectors = block_size(k->ide.blk) / IDE_SECTOR;
		if (!k->sectors)
			return "drive= is empty: a disk has at least one sector";
		wrong = find_geometry(k);
		if (wrong)
			return wrong;
	}
	wrong = ide_drive_realize(&k->ide, &disk_kind, &user);
	if (!wrong)
		k->cache = block_write_cache(k->ide.blk);
	return wrong;
}

/* Power-on: the write cache is again what the user said. */
static void disk_power_on(struct device *dev)
{
	struct disk *k = (struct disk *)dev;

	ide_drive_reset(dev);
	block_set_write_cache(k->ide.blk, k->cache);
}

static const struct device_prop disk_props[] = {
	IDE_PROPS(struct ide_drive),
	{ "rotation_rate", PROP_U64, offsetof(struct ide_drive, rotation_rate),
	  "turns a minute, 1 for none (SSD), 0 for not said", .max = 65534 },
	{ "cyls", PROP_U64, offsetof(struct disk, def_cyls), "cylinders; 0: worked out", .max = 16383 },
	{ "heads", PROP_U64, offsetof(struct disk, def_heads), "heads", .max = 16 },
	{ "secs", PROP_U64, offsetof(struct disk, def_secs), "sectors a track", .max = 63 },
};

static const struct device_class disk_class = {
	.name = "ide-hd",
	.what = "ATA disk",
	.sheet = "AT Attachment with Packet Interface-6 (T13/1410D)",
	.missing = "SMART, security, host protected area, queued and streaming commands, microcode download, acoustic management",
	.size = sizeof(struct disk),
	.user = true,
	.props = disk_props,
	.nr_props = ARRAY_SIZE(disk_props),
	.attach = ide_attach,
	.realize = disk_realize,
	.reset = disk_power_on,
	.unrealize = ide_drive_unrealize,
};
DEVICE_REGISTER(disk_class);
