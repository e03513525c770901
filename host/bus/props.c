// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A device's properties, in words and in values: one row a type.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/block/block.h"
#include "host/bus/internal.h"
#include "host/chardev.h"
#include "host/keyval.h"
#include "host/nearest.h"
#include "host/net/net.h"
#include "host/report.h"

static char wrong_text[256];

#define wrong(...) (snprintf(wrong_text, sizeof(wrong_text), __VA_ARGS__), wrong_text)

static const char *in_range(const struct device_prop *p, uint64_t v, const char *val)
{
	if ((p->min || p->max) && (v < p->min || v > p->max))
		return wrong("%s=%s: must be from %" PRIu64 " to %" PRIu64, p->name, val, p->min,
			     p->max);
	return NULL;
}

static const char *set_u64(const struct device_prop *p, void *field, const char *val)
{
	uint64_t v;

	if (!parse_u64(val, &v))
		return wrong("%s=%s: must be a whole number", p->name, val);
	*(uint64_t *)field = v;
	return in_range(p, v, val);
}

static const char *set_size(const struct device_prop *p, void *field, const char *val)
{
	uint64_t v;

	if (!parse_size(val, 1, &v))
		return wrong("%s=%s: must be a size in bytes, or like 16M", p->name, val);
	*(uint64_t *)field = v;
	return in_range(p, v, val);
}

static const char *set_bool(const struct device_prop *p, void *field, const char *val)
{
	return parse_bool(val, field) ? NULL : wrong("%s=%s: must be on or off", p->name, val);
}

static const char *set_string(const struct device_prop *p, void *field, const char *val)
{
	/* Lives as long as the process: options do, and the monitor adds few. */
	char *copy = strdup(val);

	*(const char **)field = copy;
	return copy ? NULL : "out of memory";
}

static const char *set_enum(const struct device_prop *p, void *field, const char *val)
{
	char all[160] = "";
	unsigned int i;

	for (i = 0; p->names[i]; i++) {
		size_t len = strlen(all);

		if (!strcmp(p->names[i], val)) {
			*(unsigned int *)field = i;
			return NULL;
		}
		snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "", p->names[i]);
	}
	return wrong("%s=%s: must be one of %s", p->name, val, all);
}

static const char *set_mac(const struct device_prop *p, void *field, const char *val)
{
	unsigned int b[6], i;
	int n = 0;

	if (sscanf(val, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &n) != 6 || val[n])
		return wrong("%s=%s: must be like 52:54:00:12:34:56", p->name, val);
	if (b[0] & 1)
		return wrong("%s=%s: is a multicast address", p->name, val);
	for (i = 0; i < 6; i++)
		((uint8_t *)field)[i] = (uint8_t)b[i];
	return NULL;
}

static const char *set_chardev(const struct device_prop *p, void *field, const char *val)
{
	*(struct chardev **)field = chardev_find(val);
	return *(void **)field ? NULL : wrong("%s=%s: there is no -chardev with this id", p->name,
					      val);
}

static const char *set_block(const struct device_prop *p, void *field, const char *val)
{
	*(struct block **)field = block_find(val);
	return *(void **)field ? NULL : wrong("%s=%s: there is no -drive or -blockdev with this name",
					      p->name, val);
}

static const char *set_netdev(const struct device_prop *p, void *field, const char *val)
{
	*(struct netdev **)field = netdev_find(val);
	return *(void **)field ? NULL : wrong("%s=%s: there is no -netdev with this id", p->name,
					      val);
}

static const char *set_index(const struct device_prop *p, void *field, const char *val)
{
	uint64_t v;

	if (!strcmp(val, "-1")) {
		*(int32_t *)field = -1;
		return NULL;
	}
	if (!parse_u64(val, &v) || v > INT32_MAX)
		return wrong("%s=%s: must be a whole number from 0 to %d, or -1 for none", p->name, val,
			     INT32_MAX);
	*(int32_t *)field = (int32_t)v;
	return NULL;
}

static void get_u64(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	snprintf(buf, len, "%" PRIu64, *(const uint64_t *)field);
}

static void get_bool(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	snprintf(buf, len, "%s", *(const bool *)field ? "on" : "off");
}

static void get_string(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	const char *s = *(const char *const *)field;

	snprintf(buf, len, "%s", s ? s : "");
}

static void get_enum(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	snprintf(buf, len, "%s", p->names[*(const unsigned int *)field]);
}

static void get_mac(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	const uint8_t *m = field;

	snprintf(buf, len, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void get_chardev(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	const struct chardev *chr = *(struct chardev *const *)field;

	snprintf(buf, len, "%s", chr ? chardev_id(chr) : "");
}

static void get_block(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	const struct block *blk = *(struct block *const *)field;

	snprintf(buf, len, "%s", blk ? block_id(blk) : "");
}

static void get_netdev(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	const struct netdev *nd = *(struct netdev *const *)field;

	snprintf(buf, len, "%s", nd ? netdev_id(nd) : "");
}

static void get_index(const struct device_prop *p, const void *field, char *buf, size_t len)
{
	snprintf(buf, len, "%" PRId32, *(const int32_t *)field);
}

static const struct prop_type {
	const char *(*set)(const struct device_prop *p, void *field, const char *val);
	void (*get)(const struct device_prop *p, const void *field, char *buf, size_t len);
} types[] = {
	[PROP_U64] = { set_u64, get_u64 },
	[PROP_SIZE] = { set_size, get_u64 },
	[PROP_BOOL] = { set_bool, get_bool },
	[PROP_STRING] = { set_string, get_string },
	[PROP_ENUM] = { set_enum, get_enum },
	[PROP_MAC] = { set_mac, get_mac },
	[PROP_CHARDEV] = { set_chardev, get_chardev },
	[PROP_BLOCK] = { set_block, get_block },
	[PROP_NETDEV] = { set_netdev, get_netdev },
	[PROP_INDEX] = { set_index, get_index },
};
_Static_assert(ARRAY_SIZE(types) == PROP_TYPES, "a row for every type of property");

static const struct device_prop *find(const struct device_class *cls, const char *name)
{
	const struct device_prop *p = cls->props;

	for (; p < cls->props + cls->nr_props; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static const char *no_such(const struct device_class *cls, const char *name)
{
	const char *names[64];
	unsigned int i, n = 0;

	for (i = 0; i < cls->nr_props && n < ARRAY_SIZE(names); i++)
		if (cls->props[i].help)
			names[n++] = cls->props[i].name;
	if (!n)
		return wrong("has no properties, so not '%s' either", name);
	return wrong("has no property '%s'; did you mean '%s'?%s%s%s", name,
		     nearest(name, strlen(name), names, n), cls->user ? " (-device " : "",
		     cls->user ? cls->name : "", cls->user ? ",help lists all)" : "");
}

/* --- defaults: the class's own, and the user's (-global) over them --- */

static struct global {
	const struct device_class *cls;
	const struct device_prop *prop;
	const char *val;
	struct global *next;
} *globals, **last_global = &globals;

const char *device_default(const char *class_name, const char *name, const char *val)
{
	const struct device_class *cls = device_class_find(class_name);
	const struct device_prop *p;
	const char *names[256];
	struct global *g;
	unsigned int n;

	for (n = 0; !cls && n < ARRAY_SIZE(names) && device_classes()[n]; n++)
		names[n] = device_classes()[n]->name;
	if (!cls)
		return wrong("there is no device '%s'; did you mean '%s'?", class_name,
			     nearest(class_name, strlen(class_name), names, n));
	p = find(cls, name);
	if (!p || !p->help)
		return no_such(cls, name);
	g = calloc(1, sizeof(*g));
	if (!g)
		return "out of memory";
	*g = (struct global){ .cls = cls, .prop = p, .val = val };
	*last_global = g;
	last_global = &g->next;
	return NULL;
}

const char *device_props_init(struct device *dev)
{
	const struct device_prop *p = dev->cls->props;
	const struct global *g;
	const char *bad = NULL;

	for (; !bad && p < dev->cls->props + dev->cls->nr_props; p++)
		if (p->initial)
			bad = types[p->type].set(p, (char *)dev + p->offset, p->initial);
	for (g = globals; !bad && g; g = g->next)
		if (g->cls == dev->cls)
			bad = types[g->prop->type].set(g->prop, (char *)dev + g->prop->offset, g->val);
	return bad;
}

const char *device_set_words(struct device *dev, const char *name, const char *val)
{
	const struct device_prop *p = find(dev->cls, name);

	if (!p || !p->help)
		return no_such(dev->cls, name);
	return types[p->type].set(p, (char *)dev + p->offset, val);
}

void device_get_words(struct device *dev, const struct device_prop *p, char *buf, size_t len)
{
	types[p->type].get(p, (const char *)dev + p->offset, buf, len);
}

/* --- for boards: values, and dying when the wiring is wrong --- */

static void *field_of(struct device *dev, const char *name, const struct device_prop **prop)
{
	*prop = find(dev->cls, name);
	if (!*prop)
		die("device %s has no property %s", dev->cls->name, name);
	return (char *)dev + (*prop)->offset;
}

static noreturn void wrong_type(const struct device *dev, const char *name)
{
	die("device %s: property %s is of another type", dev->cls->name, name);
}

void device_set_u64(struct device *dev, const char *name, uint64_t val)
{
	const struct device_prop *p;
	uint64_t *field = field_of(dev, name, &p);

	if (p->type != PROP_U64 && p->type != PROP_SIZE)
		wrong_type(dev, name);
	*field = val;
}

void device_set_bool(struct device *dev, const char *name, bool val)
{
	const struct device_prop *p;
	bool *field = field_of(dev, name, &p);

	if (p->type != PROP_BOOL)
		wrong_type(dev, name);
	*field = val;
}

void device_set_ptr(struct device *dev, const char *name, const void *val)
{
	const struct device_prop *p;
	const void **field = field_of(dev, name, &p);

	if (p->type != PROP_STRING && p->type < PROP_CHARDEV)
		wrong_type(dev, name);
	*field = val;
}
