// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -blockdev: a node, in JSON or in the flat form of its keys. What stands under it is a node of the same
 * argument, whose keys begin with "file.", or another one by its name (file=NAME).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/block/aio.h"
#include "host/block/blockdev.h"
#include "host/block/drive.h"
#include "host/bus/bus.h"
#include "host/report.h"

enum driver { DRIVER_FILE, DRIVER_HOST_DEVICE, DRIVER_RAW, DRIVER_NULL_CO };

static const char *const driver_words[] = { "file", "host_device", "raw", "null-co", NULL };
static const char *const locking_words[] = { "off", "on", "auto", NULL };

/* A node as asked for, until it is opened. */
struct node_wish {
	const char *name, *filename, *below_name;
	struct node_wish *below;
	int driver;
	bool read_zeroes;
	uint64_t offset, size;
	struct node_options options;
};

/* One argument of -blockdev. */
struct argument {
	const char *text;
	struct node_wish *top;
	struct argument *next;
};

static struct argument *arguments, **last_argument = &arguments;

bool take_locking(struct keyval *kv, const char *key)
{
	return keyval_take_enum(kv, key, locking_words, 2);
}

/* @prefix and @name as one key, which lives as long as what it is asked of: for ever. */
static const char *key(const char *prefix, const char *name)
{
	char *text;

	if (asprintf(&text, "%s%s", prefix, name) < 0)
		die("out of memory");
	return text;
}

static const char *take_copy(struct keyval *kv, const char *k)
{
	const char *val = keyval_take(kv, k);

	return val ? strdup(val) : NULL;
}

static void parse_options(struct keyval *kv, const char *prefix, struct node_options *o)
{
	o->read_only = keyval_take_bool(kv, key(prefix, "read-only"), o->read_only);
	o->auto_read_only = keyval_take_bool(kv, key(prefix, "auto-read-only"), o->auto_read_only);
	o->direct = keyval_take_bool(kv, key(prefix, "cache.direct"), o->direct);
	o->no_flush = keyval_take_bool(kv, key(prefix, "cache.no-flush"), o->no_flush);
	o->share = keyval_take_bool(kv, key(prefix, "force-share"), o->share);
	o->discard = keyval_take_enum(kv, key(prefix, "discard"), discard_words,
				      o->discard ? 2 : 0) >= 2;
	if (o->share && !o->read_only)
		keyval_die(kv, "%sforce-share=on goes with read-only=on only", prefix);
}

static void parse_file(struct keyval *kv, const char *prefix, struct node_wish *w)
{
	w->filename = strdup(keyval_need(kv, key(prefix, "filename")));
	w->options.aio = keyval_take_enum(kv, key(prefix, "aio"), aio_words, AIO_BEST);
	if (w->options.aio == AIO_NATIVE && !w->options.direct)
		keyval_die(kv, "%saio=native needs cache.direct=on; io_uring does not", prefix);
	w->options.no_lock = !take_locking(kv, key(prefix, "locking"));
}

static struct node_wish *parse_wish(struct keyval *kv, const char *prefix,
				    const struct node_options *above)
{
	struct node_wish *w = calloc(1, sizeof(*w));
	const char *wrong;

	if (!w)
		die("out of memory");
	/* What is said above holds below as well, unless it is said there otherwise. */
	w->options = *above;
	w->driver = keyval_take_enum(kv, key(prefix, "driver"), driver_words, -1);
	if (w->driver < 0)
		keyval_die(kv, "%sdriver= is missing: file, host_device, raw or null-co", prefix);
	w->name = take_copy(kv, key(prefix, "node-name"));
	wrong = w->name ? block_bad_id(w->name) : NULL;
	if (wrong)
		keyval_die(kv, "%snode-name=%s: %s", prefix, w->name, wrong);
	parse_options(kv, prefix, &w->options);
	if (w->driver == DRIVER_NULL_CO) {
		w->size = keyval_take_size(kv, key(prefix, "size"), 1ull << 30);
		w->read_zeroes = keyval_take_bool(kv, key(prefix, "read-zeroes"), false);
	} else if (w->driver == DRIVER_RAW) {
		w->offset = keyval_take_size(kv, key(prefix, "offset"), 0);
		w->size = keyval_take_size(kv, key(prefix, "size"), UINT64_MAX);
		w->below_name = take_copy(kv, key(prefix, "file"));
		if (!w->below_name)
			w->below = parse_wish(kv, key(prefix, "file."), &w->options);
	} else {
		parse_file(kv, prefix, w);
	}
	return w;
}

void blockdev_parse(struct config *cfg, const char *val)
{
	const struct node_options none = { .aio = AIO_BEST };
	struct argument *a = calloc(1, sizeof(*a));
	struct keyval *kv;

	(void)cfg;
	if (!a)
		die("out of memory");
	val = keyval_flat("-blockdev", val);
	kv = keyval_parse("-blockdev", val, "driver");
	a->text = val;
	a->top = parse_wish(kv, "", &none);
	if (!a->top->name)
		keyval_die(kv, "node-name= is missing: the name for -device drive=");
	keyval_end(kv);
	*last_argument = a;
	last_argument = &a->next;
}

static struct node *open_wish(const struct node_wish *w, const char **wrong)
{
	struct node *n = NULL, *below;

	if (w->name && (node_find(w->name) || block_find(w->name))) {
		*wrong = explain("there is another node with the name '%s'", w->name);
		return NULL;
	}
	if (w->driver == DRIVER_NULL_CO) {
		n = null_open(w->size, w->read_zeroes, wrong);
	} else if (w->driver != DRIVER_RAW) {
		n = file_open(w->filename, &w->options, w->driver == DRIVER_HOST_DEVICE, wrong);
	} else if (w->below_name) {
		below = node_find(w->below_name);
		if (below && below->users > 1)
			*wrong = explain("file=%s: that node has a user already", w->below_name);
		else if (!below)
			*wrong = explain("file=%s: there is no -blockdev with that node-name before this one",
					 w->below_name);
		else
			node_ref(below);
		if (!*wrong)
			n = window_open(below, w->offset, w->size, wrong);
	} else {
		below = open_wish(w->below, wrong);
		if (below)
			n = window_open(below, w->offset, w->size, wrong);
	}
	if (n && w->options.read_only)
		n->read_only = true;
	if (n && w->name)
		node_name(n, w->name);
	return n;
}

void blockdev_open_all(void)
{
	struct argument *a;
	const char *wrong;

	for (a = arguments; a; a = a->next) {
		wrong = NULL;
		if (!open_wish(a->top, &wrong))
			die("-blockdev %s: %s", a->text, wrong);
	}
}
