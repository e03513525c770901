// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about disks: what there is, media and trays; and what happens when one fails. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/block/block.h"
#include "host/event.h"
#include "host/machine/machine.h"
#include "host/monitor/monitor.h"

/* --- by name --- */

/* The disk of the device with this id, NULL: none. */
static struct block *of_device(const char *id)
{
	struct device *dev = device_find(machine_bus(), id);
	unsigned int i;

	for (i = 0; dev && i < dev->cls->nr_props; i++)
		if (dev->cls->props[i].type == PROP_BLOCK)
			return *(struct block **)((char *)dev + dev->cls->props[i].offset);
	return NULL;
}

static struct block *find(struct call *c)
{
	const char *name = call_str(c, "device"), *id = call_str(c, "id");
	struct block *blk = NULL;

	if (!name == !id) {
		call_fail(c, GENERIC_ERROR, "give either 'device' (of -drive id=) or 'id' (of -device id=)");
		return NULL;
	}
	if (name)
		blk = block_find(name);
	if (!blk)
		blk = of_device(name ? name : id);
	if (!blk)
		call_fail(c, DEVICE_NOT_FOUND, "Device '%s' not found; %s lists all",
			  name ? name : id, c->cmd->qmp ? "query-block" : "info block");
	return blk;
}

/* For completion: the names of the drives. */
static const char *drive_name(unsigned int n)
{
	struct block *blk;

	for (blk = block_first(); blk && n--; blk = block_next(blk))
		;
	return blk ? block_id(blk) : NULL;
}

/* --- lists --- */

static struct json_object *inserted(struct block *blk)
{
	struct json_object *o = json_object_new_object(), *image = json_object_new_object(),
			   *cache = json_object_new_object();
	const char *file = block_filename(blk);

	put_str(o, "file", file ? file : "");
	put_str(o, "node-name", block_id(blk));
	put_bool(o, "ro", block_read_only(blk));
	put_str(o, "drv", "raw");
	put_int(o, "backing_file_depth", 0);
	put_str(image, "filename", file ? file : "");
	put_str(image, "format", "raw");
	put_u64(image, "virtual-size", block_size(blk));
	json_object_object_add(o, "image", image);
	put_bool(cache, "writeback", block_write_cache(blk));
	json_object_object_add(o, "cache", cache);
	return o;
}

static struct json_object *run_block(struct call *c)
{
	struct json_object *list = json_object_new_array(), *o;
	const char *user;
	struct block *blk;

	(void)c;
	for (blk = block_first(); blk; blk = block_next(blk)) {
		o = json_object_new_object();
		put_str(o, "device", block_id(blk));
		user = block_user_name(blk);
		if (user)
			put_str(o, "qdev", user);
		put_str(o, "type", "unknown");
		put_bool(o, "removable", block_removable(blk));
		put_bool(o, "locked", false);
		if (block_filename(blk))
			json_object_object_add(o, "inserted", inserted(blk));
		if (block_removable(blk))
			put_bool(o, "tray_open", block_tray_open(blk));
		json_object_array_add(list, o);
	}
	return list;
}

static void print_block(struct call *c, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *o = json_object_array_get_idx(ret, i),
				   *in = get_obj(o, "inserted");

		if (in)
			call_print(c, "%s: %s (%s%s), %lld bytes\n", get_str(o, "device"),
				   get_str(in, "file"), get_str(in, "drv"),
				   get_bool(in, "ro") ? ", read-only" : "",
				   (long long)get_int(get_obj(in, "image"), "virtual-size"));
		else
			call_print(c, "%s: [not inserted]\n", get_str(o, "device"));
		if (get_str(o, "qdev"))
			call_print(c, "    Attached to:      %s\n", get_str(o, "qdev"));
		if (get_bool(o, "removable"))
			call_print(c, "    Removable device: tray %s\n",
				   get_bool(o, "tray_open") ? "open" : "closed");
		if (in)
			call_print(c, "    Cache mode:       %s\n",
				   get_bool(get_obj(in, "cache"), "writeback") ? "writeback"
									       : "writethrough");
	}
}

static struct json_object *run_stats(struct call *c)
{
	struct json_object *list = json_object_new_array(), *o, *s;
	const struct block_stats *st;
	struct block *blk;

	(void)c;
	for (blk = block_first(); blk; blk = block_next(blk)) {
		st = block_stats(blk);
		o = json_object_new_object();
		s = json_object_new_object();
		put_str(o, "device", block_id(blk));
		put_u64(s, "rd_bytes", st->bytes[BLOCK_READ]);
		put_u64(s, "wr_bytes", st->bytes[BLOCK_WRITE]);
		put_u64(s, "unmap_bytes", st->bytes[BLOCK_DISCARD]);
		put_u64(s, "rd_operations", st->requests[BLOCK_READ]);
		put_u64(s, "wr_operations", st->requests[BLOCK_WRITE]);
		put_u64(s, "flush_operations", st->requests[BLOCK_FLUSH]);
		put_u64(s, "unmap_operations", st->requests[BLOCK_DISCARD]);
		put_u64(s, "failed_rd_operations", st->failed[BLOCK_READ]);
		put_u64(s, "failed_wr_operations", st->failed[BLOCK_WRITE]);
		put_u64(s, "failed_flush_operations", st->failed[BLOCK_FLUSH]);
		json_object_object_add(o, "stats", s);
		json_object_array_add(list, o);
	}
	return list;
}

static void print_stats(struct call *c, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *o = json_object_array_get_idx(ret, i);

		call_print(c, "%s:", get_str(o, "device"));
		json_object_object_foreach(get_obj(o, "stats"), name, val)
			call_print(c, " %s=%lld", name, (long long)json_object_get_int64(val));
		call_print(c, "\n");
	}
}

/* --- media --- */

static struct json_object *run_eject(struct call *c)
{
	struct block *blk = find(c);

	return blk ? call_done(c, block_eject(blk, call_bool(c, "force", false))) : NULL;
}

static struct json_object *run_tray(struct call *c, bool open)
{
	struct block *blk = find(c);

	return blk ? call_done(c, block_move_tray(blk, open, call_bool(c, "force", false))) : NULL;
}

static struct json_object *run_open_tray(struct call *c)
{
	return run_tray(c, true);
}

static struct json_object *run_close_tray(struct call *c)
{
	return run_tray(c, false);
}

static struct json_object *run_change(struct call *c)
{
	const char *mode = call_str(c, "read-only-mode"), *format = call_str(c, "format");
	struct block *blk = find(c);
	bool read_only;

	if (!blk)
		return NULL;
	if (format && strcmp(format, "raw"))
		return call_fail(c, GENERIC_ERROR, "Parameter 'format': '%s' is not built; there is raw",
				 format);
	read_only = !mode || !strcmp(mode, "retain") ? block_read_only(blk)
						     : !strcmp(mode, "read-only");
	return call_done(c, block_change(blk, call_str(c, "filename"), read_only));
}

/* --- failures --- */

static void failed(struct block *blk, enum block_op op, int err, enum block_on_error what)
{
	static const char *const actions[] = { [BLOCK_REPORT] = "report", [BLOCK_IGNORE] = "ignore",
					       [BLOCK_STOP] = "stop" };

	event_send("BLOCK_IO_ERROR", EVENT_STR("device", block_id(blk)),
		   EVENT_STR("node-name", block_id(blk)),
		   EVENT_STR("operation", op == BLOCK_READ ? "read" : "write"),
		   EVENT_STR("action", actions[what]), EVENT_BOOL("nospace", err == -ENOSPC),
		   EVENT_STR("reason", strerror(-err)));
	if (what == BLOCK_STOP)
		machine_pause_soon(STATE_IO_ERROR);
}

static __attribute__((constructor)) void hear_failures(void)
{
	block_failed = failed;
}

static const char *const read_only_modes[] = { "retain", "read-only", "read-write", NULL };
static const char *const force_flag[] = { "-f", NULL };

static const struct field image_ret[] = {
	{ "filename", KIND_STR, "" }, { "format", KIND_STR, "" }, { "virtual-size", KIND_SIZE, "" },
	{ 0 }
};

static const struct field cache_ret[] = { { "writeback", KIND_BOOL, "" }, { 0 } };

static const struct field inserted_ret[] = {
	{ "file", KIND_STR, "" }, { "node-name", KIND_STR, "" }, { "ro", KIND_BOOL, "" },
	{ "drv", KIND_STR, "" }, { "backing_file_depth", KIND_INT, "" },
	{ "image", KIND_OBJECT, "", .of = image_ret }, { "cache", KIND_OBJECT, "", .of = cache_ret },
	{ 0 }
};

static const struct field block_ret[] = {
	{ "device", KIND_STR, "of -drive id=" },
	{ "qdev", KIND_STR, "the device that has it", .optional = true },
	{ "type", KIND_STR, "always unknown" }, { "removable", KIND_BOOL, "" },
	{ "locked", KIND_BOOL, "always false" },
	{ "inserted", KIND_OBJECT, "the medium", .optional = true, .of = inserted_ret },
	{ "tray_open", KIND_BOOL, "", .optional = true }, { 0 }
};

static const struct field stats_inner[] = {
	{ "rd_bytes", KIND_INT, "" }, { "wr_bytes", KIND_INT, "" }, { "unmap_bytes", KIND_INT, "" },
	{ "rd_operations", KIND_INT, "" }, { "wr_operations", KIND_INT, "" },
	{ "flush_operations", KIND_INT, "" }, { "unmap_operations", KIND_INT, "" },
	{ "failed_rd_operations", KIND_INT, "" }, { "failed_wr_operations", KIND_INT, "" },
	{ "failed_flush_operations", KIND_INT, "" }, { 0 }
};

static const struct field stats_ret[] = {
	{ "device", KIND_STR, "" }, { "stats", KIND_OBJECT, "", .of = stats_inner }, { 0 }
};

static const struct field hmp_eject_args[] = {
	{ "force", KIND_FLAG, "even when the guest has locked it", .optional = true,
	  .values = force_flag },
	{ "device", KIND_STR, "the drive", .names = drive_name }, { 0 }
};

static const struct field tray_args[] = {
	{ "device", KIND_STR, "of -drive id=", .optional = true },
	{ "id", KIND_STR, "of -device id=", .optional = true },
	{ "force", KIND_BOOL, "even when the guest has locked it", .optional = true }, { 0 }
};

static const struct field close_args[] = {
	{ "device", KIND_STR, "of -drive id=", .optional = true },
	{ "id", KIND_STR, "of -device id=", .optional = true }, { 0 }
};

static const struct field hmp_change_args[] = {
	{ "device", KIND_STR, "the drive", .names = drive_name }, { "filename", KIND_STR, "the new medium" },
	{ "format", KIND_STR, "raw", .optional = true },
	{ "read-only-mode", KIND_ENUM, "may the guest write?", .optional = true,
	  .values = read_only_modes }, { 0 }
};

static const struct field change_args[] = {
	{ "device", KIND_STR, "of -drive id=", .optional = true },
	{ "id", KIND_STR, "of -device id=", .optional = true },
	{ "filename", KIND_STR, "the new medium" },
	{ "format", KIND_STR, "raw", .optional = true },
	{ "read-only-mode", KIND_ENUM, "may the guest write?", .optional = true,
	  .values = read_only_modes }, { 0 }
};

static const struct command block_commands[] = {
	{ .hmp = "info block", .qmp = "query-block", .help = "the disks and what is in them",
	  .returns = block_ret, .returns_array = true, .run = run_block, .print = print_block },
	{ .hmp = "info blockstats", .qmp = "query-blockstats", .help = "what the disks have done",
	  .returns = stats_ret, .returns_array = true, .run = run_stats, .print = print_stats },
	{ .hmp = "eject", .help = "take the medium out of a drive", .args = hmp_eject_args,
	  .run = run_eject },
	{ .qmp = "eject", .help = "take the medium out of a drive", .args = tray_args,
	  .run = run_eject },
	{ .hmp = "change", .help = "put another medium into a drive", .args = hmp_change_args,
	  .run = run_change },
	{ .qmp = "blockdev-change-medium", .help = "put another medium into a drive",
	  .args = change_args, .run = run_change },
	{ .qmp = "blockdev-open-tray", .help = "open a drive's tray", .args = tray_args,
	  .run = run_open_tray },
	{ .qmp = "blockdev-close-tray", .help = "close a drive's tray", .args = close_args,
	  .run = run_close_tray },
};
COMMANDS_REGISTER(block_commands);
