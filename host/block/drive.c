// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -drive and its short forms. The words are taken apart when they are parsed; the files are opened
 * after all words are good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/block/aio.h"
#include "host/block/blockdev.h"
#include "host/block/drive.h"
#include "host/bus/bus.h"
#include "host/keyval.h"
#include "host/options.h"
#include "host/report.h"

static const char *const if_words[] = { "ide", "virtio", "floppy", "pflash", "none", NULL };
/* How many units a bus of each has, and how many buses; 0: as many as are given. */
static const struct {
	unsigned int units, buses;
} places[] = { [DRIVE_IDE] = { 2, 2 }, [DRIVE_VIRTIO] = { 0, 1 }, [DRIVE_FLOPPY] = { 2, 1 },
	       [DRIVE_PFLASH] = { 2, 1 }, [DRIVE_NONE] = { 0, 1 } };

static const char *const media_words[] = { "disk", "cdrom", NULL };

static const struct cache_mode {
	const char *word;
	bool direct, no_flush, write_through;
} cache_modes[] = {
	{ "none", true, false, false },
	{ "off", true, false, false },
	{ "writeback", false, false, false },
	{ "writethrough", false, false, true },
	{ "directsync", true, false, true },
	{ "unsafe", false, true, false },
};

/* A drive as asked for, until it is opened. */
struct wish {
	struct drive drive;
	struct block_setup setup;
	const char *option, *text;	/* for messages */
	const char *file, *format;
	bool snapshot;
	struct wish *next;
};

static struct wish *wishes, **last_wish = &wishes;
static struct drive *drives, **last_drive = &drives;
static bool snapshot_all;

struct drive *drive_first(void)
{
	return drives;
}

static struct wish *wish_at(enum drive_if at, unsigned int bus, unsigned int unit)
{
	struct wish *w;

	for (w = wishes; w; w = w->next)
		if (w->drive.at == at && w->drive.bus == bus && w->drive.unit == unit)
			return w;
	return NULL;
}

struct drive *drive_at(enum drive_if at, unsigned int bus, unsigned int unit)
{
	struct drive *d;

	for (d = drives; d; d = d->next)
		if (d->at == at && d->bus == bus && d->unit == unit)
			return d;
	return NULL;
}

/* --- words --- */

static void parse_cache(struct keyval *kv, struct wish *w)
{
	const char *word = keyval_take(kv, "cache");
	struct node_options *o = &w->setup.options;
	unsigned int i;

	for (i = 0; word && i < ARRAY_SIZE(cache_modes); i++)
		if (!strcmp(word, cache_modes[i].word))
			break;
	if (word && i == ARRAY_SIZE(cache_modes))
		keyval_die(kv, "cache=%s: must be one of none, writeback, writethrough, directsync, unsafe",
			   word);
	if (word) {
		o->direct = cache_modes[i].direct;
		o->no_flush = cache_modes[i].no_flush;
		w->setup.write_through = cache_modes[i].write_through;
	}
	o->direct = keyval_take_bool(kv, "cache.direct", o->direct);
	o->no_flush = keyval_take_bool(kv, "cache.no-flush", o->no_flush);
	w->setup.write_through = !keyval_take_bool(kv, "cache.writeback", !w->setup.write_through);
}

/* QEMU has index= count through the buses, or bus= and unit=. */
static void parse_place(struct keyval *kv, struct drive *d)
{
	unsigned int units = places[d->at].units, buses = places[d->at].buses;
	uint64_t index = keyval_take_u64(kv, "index", UINT64_MAX, 0, units ? units * buses - 1 : 255);
	uint64_t bus = keyval_take_u64(kv, "bus", UINT64_MAX, 0, buses - 1);
	uint64_t unit = keyval_take_u64(kv, "unit", UINT64_MAX, 0, units ? units - 1 : 255);
	bool said = bus != UINT64_MAX || unit != UINT64_MAX;

	if (index != UINT64_MAX && said)
		keyval_die(kv, "index= and bus=, unit= say the same thing; give one or the other");
	if (!said && index == UINT64_MAX) {
		/* A CD is the secondary's master, as everybody expects; the rest take the first place. */
		index = d->at == DRIVE_IDE && d->cdrom && !wish_at(DRIVE_IDE, 1, 0) ? 2 : 0;
		while (wish_at(d->at, units ? index / units : 0, units ? index % units : index))
			index++;
		if (units && index >= units * buses)
			keyval_die(kv, "all %u places of if=%s are taken", units * buses,
				   if_words[d->at]);
	}
	if (said && unit == UINT64_MAX)
		unit = wish_at(d->at, bus, 0) ? 1 : 0;
	d->bus = said ? (bus == UINT64_MAX ? 0 : (unsigned int)bus) :
		 units ? (unsigned int)index / units : 0;
	d->unit = said ? (unsigned int)unit : units ? (unsigned int)index % units :
		  (unsigned int)index;
	if (wish_at(d->at, d->bus, d->unit))
		keyval_die(kv, "if=%s bus=%u unit=%u is taken by another drive", if_words[d->at],
			   d->bus, d->unit);
}

static void parse_id(struct keyval *kv, struct wish *w)
{
	static const char *const names[] = { "ide", "virtio", "floppy", "pflash", "none" };
	const char *id = keyval_take(kv, "id"), *wrong;
	const struct drive *d = &w->drive;
	char *made;
	int n;

	if (id) {
		wrong = block_bad_id(id);
		if (wrong)
			keyval_die(kv, "id=%s: %s", id, wrong);
		w->setup.id = strdup(id);
		return;
	}
	if (d->at == DRIVE_IDE)
		n = asprintf(&made, "ide%u-%s%u", d->bus, d->cdrom ? "cd" : "hd", d->unit);
	else
		n = asprintf(&made, "%s%u", names[d->at], d->unit);
	if (n < 0)
		die("out of memory");
	w->setup.id = made;
}

/* A key with its two spellings. */
static bool take_read_only(struct keyval *kv, bool otherwise)
{
	return keyval_take_bool(kv, "read-only", keyval_take_bool(kv, "readonly", otherwise));
}

static char *take_string(struct keyval *kv, const char *key)
{
	const char *val = keyval_take(kv, key);

	return val && *val ? strdup(val) : NULL;
}

static void parse_node(struct keyval *kv, struct wish *w)
{
	struct node_options *o = &w->setup.options;
	int discard;

	o->aio = keyval_take_enum(kv, "aio", aio_words, AIO_BEST);
	if (o->aio == AIO_NATIVE && !o->direct)
		keyval_die(kv, "aio=native needs cache=none or cache=directsync; aio=io_uring does not");
	discard = keyval_take_enum(kv, "discard", discard_words, 0);
	o->discard = discard >= 2;
	o->no_lock = !take_locking(kv, "file.locking");
	w->setup.detect_zeroes = keyval_take_enum(kv, "detect-zeroes", detect_zeroes_words, DETECT_OFF);
	if (w->setup.detect_zeroes == DETECT_UNMAP && !o->discard)
		keyval_die(kv, "detect-zeroes=unmap needs discard=unmap");
	/* As QEMU has it for -drive: a file that nobody may write is opened to be read. */
	o->auto_read_only = w->drive.cdrom;
	o->read_only = take_read_only(kv, w->drive.cdrom);
	if (w->drive.cdrom && !o->read_only)
		keyval_die(kv, "media=cdrom cannot be written; leave out readonly=off");
	if (keyval_take_bool(kv, "copy-on-read", false))
		keyval_die(kv, "copy-on-read=on: is not built; there are no backing files yet");
}

static struct wish *add_wish(const char *option, const char *text, struct keyval *kv)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (!w)
		die("out of memory");
	w->option = option;
	w->text = text;
	w->drive.at = keyval_take_enum(kv, "if", if_words, DRIVE_IDE);
	w->drive.cdrom = keyval_take_enum(kv, "media", media_words, 0);
	if (w->drive.cdrom && (w->drive.at == DRIVE_FLOPPY || w->drive.at == DRIVE_PFLASH ||
			       w->drive.at == DRIVE_VIRTIO))
		keyval_die(kv, "media=cdrom goes with if=ide or if=none, not with if=%s",
			   if_words[w->drive.at]);
	parse_cache(kv, w);
	parse_place(kv, &w->drive);
	parse_node(kv, w);
	parse_id(kv, w);
	w->setup.serial = take_string(kv, "serial");
	w->setup.on_read = keyval_take_enum(kv, "rerror", block_read_choices + 1, ON_ERROR_REPORT);
	w->setup.on_write = keyval_take_enum(kv, "werror", block_write_choices + 1, ON_ERROR_ENOSPC);
	w->setup.removable = w->drive.cdrom || w->drive.at == DRIVE_FLOPPY;
	w->snapshot = keyval_take_bool(kv, "snapshot", false);
	w->format = take_string(kv, "format");
	if (!w->format)
		w->format = take_string(kv, "driver");
	w->file = take_string(kv, "file");
	if (!w->file)
		w->file = take_string(kv, "file.filename");
	keyval_end(kv);
	*last_wish = w;
	last_wish = &w->next;
	return w;
}

static void parse_drive(struct config *cfg, const char *val)
{
	(void)cfg;
	add_wish("-drive", val, keyval_parse("-drive", val, "file"));
}

/* The short forms: @rest is -drive's, and the file's name stands as it is, commas and all. */
static void short_form(const char *option, const char *rest, const char *file)
{
	add_wish(option, file, keyval_parse(option, rest, NULL))->file = file;
}

static void parse_hda(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-hda", "index=0,media=disk", val);
}

static void parse_hdb(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-hdb", "index=1,media=disk", val);
}

static void parse_hdc(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-hdc", "index=2,media=disk", val);
}

static void parse_hdd(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-hdd", "index=3,media=disk", val);
}

static void parse_cdrom(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-cdrom", "index=2,media=cdrom", val);
}

static void parse_fda(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-fda", "if=floppy,index=0", val);
}

static void parse_fdb(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-fdb", "if=floppy,index=1", val);
}

static void parse_pflash(struct config *cfg, const char *val)
{
	(void)cfg;
	short_form("-pflash", "if=pflash", val);
}

static void parse_snapshot(struct config *cfg, const char *val)
{
	(void)cfg;
	(void)val;
	snapshot_all = true;
}

void drive_bare(const char *file)
{
	short_form("disk image", "index=0,media=disk", file);
}

/* --- files --- */

static void open_one(struct wish *w)
{
	struct block_setup *s = &w->setup;
	struct node_options o = s->options;
	const char *wrong = NULL;
	bool over = (w->snapshot || snapshot_all) && !o.read_only;

	/* What lies under an overlay is only read. */
	if (over)
		o.read_only = true;
	if (w->file)
		s->node = image_open(w->file, w->format, &o, &s->probed, &wrong);
	else if (!s->removable)
		wrong = "file= is missing";
	if (s->node && over)
		s->node = overlay_open(s->node, &wrong);
	if (!wrong)
		w->drive.blk = block_create(s, &wrong);
	if (wrong)
		die("%s %s: %s", w->option, w->text, wrong);
	*last_drive = &w->drive;
	last_drive = &w->drive.next;
}

static void open_all(const struct config *cfg)
{
	struct wish *w;

	(void)cfg;
	blockdev_open_all();
	for (w = wishes; w; w = w->next)
		open_one(w);
}

static const struct option block_options[] = {
	{ "drive", "file=FILE[,if=ide|virtio|floppy|pflash|none][,media=cdrom][,...]",
	  "a disk and where it hangs; format=, readonly=, cache=, snapshot=, serial=, ...",
	  parse_drive },
	{ "blockdev", "driver=raw|file|host_device|null-co,node-name=NAME[,...]",
	  "a disk for -device drive=NAME", blockdev_parse },
	{ "hda", "FILE", "first IDE disk, as is a bare FILE", parse_hda },
	{ "hdb", "FILE", "second IDE disk", parse_hdb },
	{ "hdc", "FILE", "third IDE disk", parse_hdc },
	{ "hdd", "FILE", "fourth IDE disk", parse_hdd },
	{ "cdrom", "FILE", "CD, as the third IDE device", parse_cdrom },
	{ "fda", "FILE", "first floppy", parse_fda },
	{ "fdb", "FILE", "second floppy", parse_fdb },
	{ "pflash", "FILE", "flash memory with the firmware", parse_pflash },
	{ "snapshot", NULL, "write to temporary files, which are gone at the end", parse_snapshot },
};

static const struct option_group block_group = {
	.title = "Disks",
	.order = ORDER_BLOCK,
	.options = block_options,
	.nr = ARRAY_SIZE(block_options),
	.open = open_all,
};
OPTIONS_REGISTER(block_group);
