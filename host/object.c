// SPDX-License-Identifier: LGPL-2.1-or-later
/* -object: the types by name, and that every id is used once. See object.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/nearest.h"
#include "host/object.h"
#include "host/options.h"
#include "host/report.h"

#define MAX_TYPES 32

extern const struct object_type *const __start_anykvm_objects[];
extern const struct object_type *const __stop_anykvm_objects[];

struct object {
	struct object *next;
	const char *id;
};

static struct object *objects;

static unsigned int list(const struct object_type *types[MAX_TYPES])
{
	const struct object_type *const *t = __start_anykvm_objects;
	unsigned int n = 0;

	for (; (uintptr_t)t < (uintptr_t)__stop_anykvm_objects && n < MAX_TYPES; t++)
		types[n++] = *t;
	return n;
}

static const char *take_id(struct keyval *kv)
{
	const char *id = keyval_need(kv, "id");
	struct object *o;

	for (o = objects; o; o = o->next)
		if (!strcmp(o->id, id))
			keyval_die(kv, "there is an object with id=%s already", id);
	o = calloc(1, sizeof(*o));
	if (!o || !(o->id = strdup(id)))
		die("out of memory");
	o->next = objects;
	objects = o;
	return o->id;
}

static void parse_object(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-object", keyval_flat("-object", val), "qom-type");
	const struct object_type *types[MAX_TYPES];
	const char *names[MAX_TYPES], *name = keyval_need(kv, "qom-type");
	unsigned int i, nr = list(types);

	if (!strcmp(name, "help")) {
		printf("Objects of -object:\n");
		for (i = 0; i < nr; i++)
			printf("  %-20s %s\n", types[i]->name, types[i]->help);
		end_process(0);
	}
	for (i = 0; i < nr; i++) {
		if (!strcmp(types[i]->name, name)) {
			types[i]->parse(take_id(kv), kv);
			keyval_end(kv);
			return;
		}
		names[i] = types[i]->name;
	}
	keyval_die(kv, "there is no object type '%s'; did you mean '%s'? (-object help lists all)",
		   name, nearest(name, strlen(name), names, nr));
}

static const struct option options[] = {
	{ "object", "TYPE,id=NAME[,KEY=VALUE...]", "an object; -object help lists the types",
	  parse_object },
};

static const struct option_group object_group = {
	.title = "Objects",
	.order = ORDER_OBJECT,
	.options = options,
	.nr = ARRAY_SIZE(options),
};
OPTIONS_REGISTER(object_group);
