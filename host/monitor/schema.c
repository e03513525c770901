// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Introspection: the tables of commands and events, told in the form of QMP's schema. A type is a
 * name: "str", "[str]" for a list, and for objects and enumerations one made of where they stand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/monitor/monitor.h"

static const struct {
	const char *name, *json;
} builtins[KINDS] = {
	[KIND_STR] = { "str", "string" },
	[KIND_INT] = { "int", "int" },
	[KIND_SIZE] = { "size", "int" },
	[KIND_BOOL] = { "bool", "boolean" },
	[KIND_ANY] = { "any", "value" },
	[KIND_EXPR] = { "int", NULL },
};

static struct json_object *entry(struct json_object *list, const char *name, const char *meta)
{
	struct json_object *e = json_object_new_object();

	put_str(e, "name", name);
	put_str(e, "meta-type", meta);
	json_object_array_add(list, e);
	return e;
}

static bool have(struct json_object *list, const char *name)
{
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(get_str(json_object_array_get_idx(list, i), "name"), name))
			return true;
	return false;
}

static void add_array(struct json_object *list, char *type, size_t len)
{
	char element[200];

	snprintf(element, sizeof(element), "%s", type);
	snprintf(type, len, "[%s]", element);
	if (!have(list, type))
		put_str(entry(list, type, "array"), "element-type", element);
}

static void add_object(struct json_object *list, const char *name, const struct field *fields);

/* The type of field @f of what is called @owner: its name in @type, its entry in @list. */
static void add_type(struct json_object *list, const char *owner, const struct field *f, char *type,
		     size_t len)
{
	struct json_object *e, *members, *values, *m;
	unsigned int i;

	if (f->kind == KIND_OBJECT || f->kind == KIND_ENUM) {
		snprintf(type, len, "%s.%s", owner, f->name);
	} else {
		snprintf(type, len, "%s", builtins[f->kind].name);
	}
	if (f->kind == KIND_OBJECT) {
		add_object(list, type, f->of);
	} else if (f->kind == KIND_ENUM) {
		e = entry(list, type, "enum");
		members = json_object_new_array();
		values = json_object_new_array();
		for (i = 0; f->values[i]; i++) {
			m = json_object_new_object();
			put_str(m, "name", f->values[i]);
			json_object_array_add(members, m);
			json_object_array_add(values, json_object_new_string(f->values[i]));
		}
		json_object_object_add(e, "members", members);
		json_object_object_add(e, "values", values);
	}
	if (f->array)
		add_array(list, type, len);
}

static void add_object(struct json_object *list, const char *name, const struct field *fields)
{
	struct json_object *e = entry(list, name, "object"), *members = json_object_new_array(), *m;
	char type[256];

	for (; fields && fields->kind; fields++) {
		m = json_object_new_object();
		put_str(m, "name", fields->name);
		add_type(list, name, fields, type, sizeof(type));
		put_str(m, "type", type);
		if (fields->optional)
			json_object_object_add(m, "default", NULL);
		json_object_array_add(members, m);
	}
	json_object_object_add(e, "members", members);
}

/* An object that may be empty: all empty ones are one. */
static void add_part(struct json_object *list, struct json_object *e, const char *key,
		     const char *owner, const char *part, const struct field *fields, bool array)
{
	char type[256];

	if (fields && fields->kind) {
		snprintf(type, sizeof(type), "%s-%s", owner, part);
		add_object(list, type, fields);
	} else {
		snprintf(type, sizeof(type), "empty");
	}
	if (array)
		add_array(list, type, sizeof(type));
	put_str(e, key, type);
}

struct json_object *schema_make(void)
{
	struct json_object *list = json_object_new_array(), *e;
	const struct event_class *ev;
	const struct command *c;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(builtins); n++)
		if (builtins[n].json)
			put_str(entry(list, builtins[n].name, "builtin"), "json-type",
				builtins[n].json);
	add_object(list, "empty", NULL);
	for (n = 0; (c = command_at(n)); n++) {
		if (!c->qmp)
			continue;
		e = entry(list, c->qmp, "command");
		add_part(list, e, "arg-type", c->qmp, "arg", c->args, false);
		if (c->returns && c->returns[0].kind && !c->returns[0].name) {
			char type[256];

			/* Not an object: a bare value, or a list of such. */
			add_type(list, c->qmp, c->returns, type, sizeof(type));
			put_str(e, "ret-type", type);
		} else {
			add_part(list, e, "ret-type", c->qmp, "ret", c->returns, c->returns_array);
		}
		put_bool(e, "allow-oob", false);
	}
	for (n = 0; (ev = event_at(n)); n++) {
		e = entry(list, ev->name, "event");
		add_part(list, e, "arg-type", ev->name, "arg", ev->data, false);
	}
	return list;
}

static struct json_object *run_schema(struct call *c)
{
	(void)c;
	return schema_make();
}

static struct json_object *run_commands(struct call *c)
{
	struct json_object *list = json_object_new_array(), *o;
	const struct command *cmd;
	unsigned int n;

	(void)c;
	for (n = 0; (cmd = command_at(n)); n++) {
		if (!cmd->qmp)
			continue;
		o = json_object_new_object();
		put_str(o, "name", cmd->qmp);
		json_object_array_add(list, o);
	}
	return list;
}

static const struct field name_ret[] = { { "name", KIND_STR, "" }, { 0 } };

/* The schema's own shape: what an entry has depends on its meta-type. */
static const struct field schema_member[] = {
	{ "name", KIND_STR, "" },
	{ "type", KIND_STR, "", .optional = true },
	{ "default", KIND_ANY, "null: it may be left out", .optional = true },
	{ 0 }
};

static const struct field schema_ret[] = {
	{ "name", KIND_STR, "" },
	{ "meta-type", KIND_STR, "builtin, enum, array, object, command or event" },
	{ "json-type", KIND_STR, "", .optional = true },
	{ "element-type", KIND_STR, "", .optional = true },
	{ "values", KIND_STR, "", .optional = true, .array = true },
	{ "members", KIND_OBJECT, "", .optional = true, .array = true, .of = schema_member },
	{ "arg-type", KIND_STR, "", .optional = true },
	{ "ret-type", KIND_STR, "", .optional = true },
	{ "allow-oob", KIND_BOOL, "", .optional = true },
	{ 0 }
};

static const struct command schema_commands[] = {
	{ .qmp = "query-commands", .help = "names of all commands", .returns = name_ret,
	  .returns_array = true, .run = run_commands },
	{ .qmp = "query-qmp-schema", .help = "all commands, events and their types",
	  .returns = schema_ret, .returns_array = true, .run = run_schema },
};
COMMANDS_REGISTER(schema_commands);
