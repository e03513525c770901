// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finding a command, checking its arguments against its row, running it: see monitor.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/monitor/monitor.h"
#include "host/nearest.h"
#include "host/report.h"

#define MAX_NAMES 256

const char GENERIC_ERROR[] = "GenericError";
const char COMMAND_NOT_FOUND[] = "CommandNotFound";
const char DEVICE_NOT_FOUND[] = "DeviceNotFound";
const char DEVICE_NOT_ACTIVE[] = "DeviceNotActive";

extern const struct command_table *const __start_anykvm_commands[];
extern const struct command_table *const __stop_anykvm_commands[];

/* --- finding --- */

const struct command *command_at(unsigned int n)
{
	const struct command_table *const *t;

	for (t = __start_anykvm_commands; (uintptr_t)t < (uintptr_t)__stop_anykvm_commands; t++) {
		if (n < (*t)->nr)
			return &(*t)->commands[n];
		n -= (*t)->nr;
	}
	return NULL;
}

const struct command *command_find_qmp(const char *name)
{
	const struct command *c;
	unsigned int n;

	for (n = 0; (c = command_at(n)); n++)
		if (c->qmp && !strcmp(c->qmp, name))
			return c;
	return NULL;
}

/* How much of @line is @name, whose words may stand further apart; 0: it begins with something else. */
static size_t begins(const char *line, const char *name)
{
	const char *p = line;

	for (; *name; name++) {
		if (*p++ != *name)
			return 0;
		while (*name == ' ' && *p == ' ')
			p++;
	}
	return (size_t)(p - line);
}

const struct command *command_find_hmp(const char *line, const char **rest)
{
	const struct command *c, *best = NULL;
	size_t len, best_len = 0;
	unsigned int n;

	for (n = 0; (c = command_at(n)); n++) {
		if (!c->hmp)
			continue;
		len = begins(line, c->hmp);
		if (len <= best_len)
			continue;
		if (line[len] && line[len] != ' ' &&
		    !(line[len] == '/' && c->args && c->args[0].kind == KIND_FORMAT))
			continue;
		best = c;
		best_len = len;
	}
	*rest = line + best_len;
	return best;
}

/* --- what commands call --- */

struct json_object *get_obj(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ? v : NULL;
}

bool string_is_text(struct json_object *s)
{
	return strlen(json_object_get_string(s)) == (size_t)json_object_get_string_len(s);
}

const char *get_str(struct json_object *o, const char *name)
{
	struct json_object *v = get_obj(o, name);

	return v ? json_object_get_string(v) : NULL;
}

int64_t get_int(struct json_object *o, const char *name)
{
	struct json_object *v = get_obj(o, name);

	return v ? json_object_get_int64(v) : 0;
}

bool get_bool(struct json_object *o, const char *name)
{
	struct json_object *v = get_obj(o, name);

	return v && json_object_get_boolean(v);
}

const char *call_str(const struct call *c, const char *name)
{
	return get_str(c->args, name);
}

int64_t call_int(const struct call *c, const char *name, int64_t otherwise)
{
	return get_obj(c->args, name) ? get_int(c->args, name) : otherwise;
}

bool call_bool(const struct call *c, const char *name, bool otherwise)
{
	return get_obj(c->args, name) ? get_bool(c->args, name) : otherwise;
}

struct json_object *call_json(const struct call *c, const char *name)
{
	return get_obj(c->args, name);
}

void put_str(struct json_object *o, const char *name, const char *val)
{
	json_object_object_add(o, name, json_object_new_string(val));
}

void put_int(struct json_object *o, const char *name, int64_t val)
{
	json_object_object_add(o, name, json_object_new_int64(val));
}

void put_u64(struct json_object *o, const char *name, uint64_t val)
{
	json_object_object_add(o, name, json_object_new_uint64(val));
}

void put_bool(struct json_object *o, const char *name, bool val)
{
	json_object_object_add(o, name, json_object_new_boolean(val));
}

void call_print(struct call *c, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (c->text_len + (size_t)n + 1 > c->text_room) {
		c->text_room = 2 * (c->text_len + (size_t)n + 1);
		c->text = realloc(c->text, c->text_room);
		if (!c->text)
			die("out of memory for the monitor");
	}
	va_start(ap, fmt);
	vsnprintf(c->text + c->text_len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	c->text_len += (size_t)n;
}

struct json_object *call_fail(struct call *c, const char *error_class, const char *fmt, ...)
{
	va_list ap;

	c->error = error_class;
	va_start(ap, fmt);
	vsnprintf(c->error_text, sizeof(c->error_text), fmt, ap);
	va_end(ap);
	return NULL;
}

struct json_object *call_done(struct call *c, const char *wrong)
{
	return wrong ? call_fail(c, GENERIC_ERROR, "%s", wrong) : NULL;
}

void call_free(struct call *c)
{
	json_object_put(c->args);
	free(c->text);
}

/* --- checking --- */

/* What JSON has for each kind of argument. */
static const struct {
	enum json_type type;
	const char *words;
} json_kinds[KINDS] = {
	[KIND_STR] = { json_type_string, "a string" },
	[KIND_INT] = { json_type_int, "a whole number" },
	[KIND_SIZE] = { json_type_int, "a number of bytes" },
	[KIND_BOOL] = { json_type_boolean, "true or false" },
	[KIND_ENUM] = { json_type_string, "a string" },
	[KIND_OBJECT] = { json_type_object, "an object" },
	[KIND_REST] = { json_type_string, "a string" },
	[KIND_FLAG] = { json_type_boolean, "true or false" },
	[KIND_EXPR] = { json_type_int, "a whole number" },
	[KIND_FORMAT] = { json_type_string, "a string" },
};

static bool check_fields(struct call *c, const struct field *fields, struct json_object *o);

static bool check_enum(struct call *c, const struct field *f, const char *val)
{
	char all[256] = "";
	size_t at = 0;
	unsigned int i;

	for (i = 0; f->values[i]; i++) {
		if (!strcmp(f->values[i], val))
			return true;
		if (at < sizeof(all))
			at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i ? ", " : "",
					       f->values[i]);
	}
	call_fail(c, GENERIC_ERROR, "Parameter '%s' cannot be '%s'; it can be %s", f->name, val, all);
	return false;
}

static bool check_value(struct call *c, const struct field *f, struct json_object *v)
{
	if (f->kind == KIND_ANY)
		return true;
	if (json_object_get_type(v) != json_kinds[f->kind].type) {
		call_fail(c, GENERIC_ERROR, "Parameter '%s' must be %s", f->name,
			  json_kinds[f->kind].words);
		return false;
	}
	if (json_object_is_type(v, json_type_string) && !string_is_text(v)) {
		call_fail(c, GENERIC_ERROR, "Parameter '%s' must not contain a NUL", f->name);
		return false;
	}
	if (f->kind == KIND_SIZE && json_object_get_int64(v) < 0) {
		call_fail(c, GENERIC_ERROR, "Parameter '%s' must not be negative", f->name);
		return false;
	}
	if (f->kind == KIND_ENUM)
		return check_enum(c, f, json_object_get_string(v));
	return f->kind != KIND_OBJECT || check_fields(c, f->of, v);
}

static bool check_field(struct call *c, const struct field *f, struct json_object *v)
{
	size_t i;

	if (!f->array)
		return check_value(c, f, v);
	if (!json_object_is_type(v, json_type_array)) {
		call_fail(c, GENERIC_ERROR, "Parameter '%s' must be a list", f->name);
		return false;
	}
	for (i = 0; i < json_object_array_length(v); i++)
		if (!check_value(c, f, json_object_array_get_idx(v, i)))
			return false;
	return true;
}

static const struct field *find_field(const struct field *fields, const char *name)
{
	for (; fields && fields->kind; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}

static void unexpected(struct call *c, const struct field *fields, const char *name)
{
	const char *names[MAX_NAMES];
	unsigned int n = 0;

	for (; fields && fields->kind && n < MAX_NAMES; fields++)
		names[n++] = fields->name;
	if (!n)
		call_fail(c, GENERIC_ERROR, "Parameter '%s' is unexpected; there are none", name);
	else
		call_fail(c, GENERIC_ERROR, "Parameter '%s' is unexpected; did you mean '%s'?", name,
			  nearest(name, strlen(name), names, n));
}

static bool check_fields(struct call *c, const struct field *fields, struct json_object *o)
{
	const struct field *f;

	json_object_object_foreach(o, name, v) {
		f = find_field(fields, name);
		if (!f) {
			unexpected(c, fields, name);
			return false;
		}
		if (!check_field(c, f, v))
			return false;
	}
	for (f = fields; f && f->kind; f++)
		if (!f->optional && !get_obj(o, f->name)) {
			call_fail(c, GENERIC_ERROR, "Parameter '%s' is missing (%s)", f->name, f->help);
			return false;
		}
	return true;
}

struct json_object *command_run(struct call *c)
{
	struct json_object *ret;

	if (!check_fields(c, c->cmd->args, c->args))
		return NULL;
	ret = c->cmd->run(c);
	if (c->error) {
		json_object_put(ret);
		return NULL;
	}
	return ret ? ret : json_object_new_object();
}
