// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about character back ends. */
#include <stdlib.h>
#include <string.h>

#include "host/chardev.h"
#include "host/monitor/monitor.h"

#define MAX_READ (1u << 20)

static struct json_object *run_chardev(struct call *c)
{
	struct json_object *list = json_object_new_array(), *o;
	struct chardev *chr;
	char text[256];

	(void)c;
	for (chr = chardev_first(); chr; chr = chardev_next(chr)) {
		o = json_object_new_object();
		chardev_describe(chr, text, sizeof(text));
		put_str(o, "label", chardev_id(chr));
		put_str(o, "filename", text);
		put_bool(o, "frontend-open", chardev_is_open(chr));
		json_object_array_add(list, o);
	}
	return list;
}

static void print_chardev(struct call *c, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *o = json_object_array_get_idx(ret, i);

		call_print(c, "%s: filename=%s\n", get_str(o, "label"), get_str(o, "filename"));
	}
}

/* For completion. */
static const char *chardev_name(unsigned int n)
{
	struct chardev *chr;

	for (chr = chardev_first(); chr && n--; chr = chardev_next(chr))
		;
	return chr ? chardev_id(chr) : NULL;
}

static struct chardev *find(struct call *c)
{
	struct chardev *chr = chardev_find(call_str(c, "device"));

	if (!chr)
		call_fail(c, DEVICE_NOT_FOUND, "Device '%s' not found; info chardev lists all",
			  call_str(c, "device"));
	return chr;
}

static struct json_object *no_ringbuf(struct call *c)
{
	return call_fail(c, GENERIC_ERROR, "%s is not a ringbuf", call_str(c, "device"));
}

static struct json_object *run_read(struct call *c)
{
	int64_t size = call_int(c, "size", 0);
	struct chardev *chr = find(c);
	struct json_object *ret;
	uint8_t *data;
	long n;

	if (!chr)
		return NULL;
	if (size < 1 || size > MAX_READ)
		return call_fail(c, GENERIC_ERROR, "Parameter 'size' must be from 1 to %u", MAX_READ);
	data = malloc((size_t)size);
	n = data ? chardev_ringbuf_read(chr, data, (size_t)size) : 0;
	ret = n < 0 ? no_ringbuf(c) : json_object_new_string_len((char *)data, (int)n);
	free(data);
	return ret;
}

static void print_read(struct call *c, struct json_object *ret)
{
	call_print(c, "%s\n", json_object_get_string(ret));
}

static struct json_object *run_write(struct call *c)
{
	const char *data = call_str(c, "data");
	struct chardev *chr = find(c);

	if (chr && chardev_ringbuf_write(chr, (const uint8_t *)data, strlen(data)) < 0)
		no_ringbuf(c);
	return NULL;
}

static const struct field chardev_ret[] = {
	{ "label", KIND_STR, "the id" }, { "filename", KIND_STR, "what is behind it" },
	{ "frontend-open", KIND_BOOL, "a device or a monitor has it" }, { 0 }
};

static const struct field read_args[] = {
	{ "device", KIND_STR, "the ringbuf", .names = chardev_name }, { "size", KIND_INT, "bytes at most" }, { 0 }
};

static const struct field write_args[] = {
	{ "device", KIND_STR, "the ringbuf", .names = chardev_name }, { "data", KIND_STR, "text" }, { 0 }
};

static const struct field text_ret[] = { { NULL, KIND_STR, "text" }, { 0 } };

static const struct command char_commands[] = {
	{ .hmp = "info chardev", .qmp = "query-chardev", .help = "the character back ends",
	  .returns = chardev_ret, .returns_array = true, .run = run_chardev, .print = print_chardev },
	{ .hmp = "ringbuf_read", .qmp = "ringbuf-read", .help = "take what a ringbuf has kept",
	  .args = read_args, .returns = text_ret, .run = run_read, .print = print_read },
	{ .hmp = "ringbuf_write", .qmp = "ringbuf-write", .help = "put text into a ringbuf",
	  .args = write_args, .run = run_write },
};
COMMANDS_REGISTER(char_commands);
