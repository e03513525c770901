// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Arguments in JSON, as programs write them, made into the form that people write: {"driver": "raw",
 * "file": {"filename": "x"}} is driver=raw,file.filename=x. What stands in a list comes one by one
 * under the list's name.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/keyval.h"
#include "host/report.h"

struct flat {
	const char *option, *text;
	FILE *out;
	bool more;
};

static void put_object(struct flat *f, const char *prefix, struct json_object *o);
static void put_list(struct flat *f, const char *key, struct json_object *o);

static void put_word(struct flat *f, const char *key, const char *val)
{
	if (!*key || strpbrk(key, "=,"))
		die("%s %s: '%s' is no name of a part", f->option, f->text, key);
	fprintf(f->out, "%s%s=", f->more ? "," : "", key);
	f->more = true;
	for (; *val; val++)
		fprintf(f->out, *val == ',' ? ",," : "%c", *val);
}

static void put(struct flat *f, const char *key, struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_object:
		put_object(f, key, o);
		break;
	case json_type_array:
		put_list(f, key, o);
		break;
	case json_type_null:
		die("%s %s: %s: null says nothing; leave it out", f->option, f->text, key);
	case json_type_boolean:
		put_word(f, key, json_object_get_boolean(o) ? "on" : "off");
		break;
	default:
		put_word(f, key, json_object_get_string(o));
	}
}

/* Strings may stand in objects of their own: "hostfwd": [{"str": "tcp::2222-:22"}]. */
static void put_list(struct flat *f, const char *key, struct json_object *o)
{
	struct json_object *item, *str;
	size_t i;

	for (i = 0; i < json_object_array_length(o); i++) {
		item = json_object_array_get_idx(o, i);
		put(f, key, json_object_object_get_ex(item, "str", &str) ? str : item);
	}
}

static void put_object(struct flat *f, const char *prefix, struct json_object *o)
{
	json_object_object_foreach(o, name, val) {
		char *key;

		if (asprintf(&key, "%s%s%s", prefix, *prefix ? "." : "", name) < 0)
			die("out of memory");
		put(f, key, val);
		free(key);
	}
}

static struct json_object *parse(const char *option, const char *text)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;

	if (!tok)
		die("out of memory");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
	if (json_tokener_get_error(tok) != json_tokener_success)
		die("%s %s: is not JSON: %s at character %zu", option, text,
		    json_tokener_error_desc(json_tokener_get_error(tok)),
		    json_tokener_get_parse_end(tok) + 1);
	json_tokener_free(tok);
	return o;
}

const char *keyval_flat(const char *option, const char *text)
{
	struct flat f = { option, text };
	struct json_object *o;
	char *flat;
	size_t len;

	if (*text != '{')
		return text;
	o = parse(option, text);
	f.out = open_memstream(&flat, &len);
	if (!f.out)
		die("out of memory");
	put_object(&f, "", o);
	if (fclose(f.out))
		die("out of memory");
	json_object_put(o);
	if (!f.more)
		die("%s %s: says nothing", option, text);
	return flat;
}
