// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * QMP, the monitor for programs: a stream of JSON objects each way. After the greeting a client
 * says qmp_capabilities, and from then on it may send commands and gets events. Out-of-band
 * execution is not offered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/monitor/monitor.h"
#include "host/report.h"

#ifndef ANYKVM_VERSION
#define ANYKVM_VERSION "unknown"
#endif

#define MAX_DEPTH 64
#define MAX_COMMAND (16u << 20)		/* bytes of one command */

struct qmp {
	struct json_tokener *tok;
	size_t taken;			/* bytes of the object that is being read */
	bool skipping;			/* to the end of a line that was no JSON */
	bool negotiated;
};

static struct json_object *version(void)
{
	struct json_object *v = json_object_new_object(), *q = json_object_new_object();

	/* The version of the protocol's commands, by the program that defines them. */
	put_int(q, "major", 7);
	put_int(q, "minor", 2);
	put_int(q, "micro", 0);
	json_object_object_add(v, "qemu", q);
	put_str(v, "package", "anykvm " ANYKVM_VERSION);
	return v;
}

static void send(struct monitor *mon, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(
		o, (mon->pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
				: JSON_C_TO_STRING_SPACED) |
			   JSON_C_TO_STRING_NOSLASHESCAPE);

	monitor_write(mon, text, strlen(text));
	monitor_write(mon, "\n", 1);
}

static void begin(struct monitor *mon)
{
	struct json_object *o = json_object_new_object(), *q = json_object_new_object();
	struct qmp *qmp = calloc(1, sizeof(*qmp));

	if (!qmp || !(qmp->tok = json_tokener_new_ex(MAX_DEPTH)))
		die("out of memory for a monitor");
	json_tokener_set_flags(qmp->tok, JSON_TOKENER_VALIDATE_UTF8);
	mon->own = qmp;
	json_object_object_add(q, "version", version());
	json_object_object_add(q, "capabilities", json_object_new_array());
	json_object_object_add(o, "QMP", q);
	send(mon, o);
	json_object_put(o);
}

static void end(struct monitor *mon)
{
	struct qmp *qmp = mon->own;

	json_tokener_free(qmp->tok);
	free(qmp);
	mon->own = NULL;
}

static void event(struct monitor *mon, struct json_object *ev)
{
	const struct qmp *qmp = mon->own;

	if (qmp->negotiated)
		send(mon, ev);
}

static void send_error(struct monitor *mon, const char *class, const char *text,
		       struct json_object *id)
{
	struct json_object *o = json_object_new_object(), *e = json_object_new_object();

	put_str(e, "class", class);
	put_str(e, "desc", text);
	json_object_object_add(o, "error", e);
	if (id)
		json_object_object_add(o, "id", json_object_get(id));
	send(mon, o);
	json_object_put(o);
}

/* --- qmp_capabilities is the protocol's own --- */

static struct json_object *run_capabilities(struct call *c)
{
	struct json_object *enable = call_json(c, "enable");

	if (enable && json_object_array_length(enable))
		return call_fail(c, GENERIC_ERROR, "Parameter 'enable': capability '%s' is not offered",
				 json_object_get_string(json_object_array_get_idx(enable, 0)));
	if (c->mon && c->mon->language == &qmp_language)
		((struct qmp *)c->mon->own)->negotiated = true;
	return NULL;
}

static struct json_object *run_version(struct call *c)
{
	(void)c;
	return version();
}

static void print_version(struct call *c, struct json_object *ret)
{
	call_print(c, "%s\n", get_str(ret, "package"));
}

/* --- a command --- */

static bool is_capabilities(const struct command *cmd)
{
	return cmd && cmd->run == run_capabilities;
}

static const char *wrong_object(struct json_object *o, char *buf, size_t len)
{
	json_object_object_foreach(o, name, v) {
		bool object = json_object_is_type(v, json_type_object);

		if (!strcmp(name, "execute") ? json_object_is_type(v, json_type_string)
		    : !strcmp(name, "arguments") ? object
						 : !strcmp(name, "id"))
			continue;
		if (!strcmp(name, "execute") || !strcmp(name, "arguments"))
			snprintf(buf, len, "QMP input member '%s' must be %s", name,
				 *name == 'e' ? "a string" : "an object");
		else
			snprintf(buf, len, "QMP input member '%s' is unexpected; there are execute, "
				 "arguments and id", name);
		return buf;
	}
	if (!get_obj(o, "execute"))
		return "QMP input lacks member 'execute'";
	return string_is_text(get_obj(o, "execute")) ? NULL
						     : "QMP input member 'execute' must not contain a NUL";
}

static void command(struct monitor *mon, struct json_object *o)
{
	struct qmp *qmp = mon->own;
	struct json_object *id, *ret, *reply;
	struct call c = { .mon = mon, .cpu = &mon->cpu };
	const char *wrong;
	char buf[160];

	if (!json_object_is_type(o, json_type_object)) {
		send_error(mon, GENERIC_ERROR, "QMP input must be a JSON object", NULL);
		return;
	}
	id = get_obj(o, "id");
	wrong = wrong_object(o, buf, sizeof(buf));
	if (wrong) {
		send_error(mon, GENERIC_ERROR, wrong, id);
		return;
	}
	c.cmd = command_find_qmp(get_str(o, "execute"));
	if (!qmp->negotiated && !is_capabilities(c.cmd)) {
		send_error(mon, COMMAND_NOT_FOUND,
			   "Expecting capabilities negotiation with 'qmp_capabilities'", id);
		return;
	}
	if (!c.cmd || (qmp->negotiated && is_capabilities(c.cmd))) {
		snprintf(buf, sizeof(buf), c.cmd ? "Capabilities negotiation is already complete, command ignored"
						 : "The command %s has not been found", get_str(o, "execute"));
		send_error(mon, COMMAND_NOT_FOUND, buf, id);
		return;
	}
	c.args = get_obj(o, "arguments") ? json_object_get(get_obj(o, "arguments"))
					 : json_object_new_object();
	ret = command_run(&c);
	if (c.error) {
		send_error(mon, c.error, c.error_text, id);
	} else {
		reply = json_object_new_object();
		json_object_object_add(reply, "return", ret);
		if (id)
			json_object_object_add(reply, "id", json_object_get(id));
		send(mon, reply);
		json_object_put(reply);
	}
	call_free(&c);
}

/* --- the stream --- */

static void bad_json(struct monitor *mon, const char *why)
{
	struct qmp *qmp = mon->own;
	char text[160];

	snprintf(text, sizeof(text), "JSON parse error, %s", why);
	send_error(mon, GENERIC_ERROR, text, NULL);
	json_tokener_reset(qmp->tok);
	qmp->taken = 0;
	qmp->skipping = true;
}

static unsigned int skip_line(struct qmp *qmp, const uint8_t *data, unsigned int len)
{
	const uint8_t *nl = memchr(data, '\n', len);

	qmp->skipping = !nl;
	return nl ? (unsigned int)(nl - data) + 1 : len;
}

/* Takes one object, or a piece of one; returns how much of @data that was. */
static unsigned int take(struct monitor *mon, const uint8_t *data, unsigned int len)
{
	struct qmp *qmp = mon->own;
	enum json_tokener_error err;
	struct json_object *o;
	unsigned int used;

	if (qmp->skipping)
		return skip_line(qmp, data, len);
	/* Between objects: blanks are nothing yet. */
	if (!qmp->taken && strchr(" \t\r\n", data[0]) && data[0])
		return 1;
	o = json_tokener_parse_ex(qmp->tok, (const char *)data, (int)len);
	err = json_tokener_get_error(qmp->tok);
	used = (unsigned int)json_tokener_get_parse_end(qmp->tok);
	if (err == json_tokener_continue) {
		qmp->taken += len;
		if (qmp->taken > MAX_COMMAND)
			bad_json(mon, "a command is too long");
		return len;
	}
	if (err != json_tokener_success) {
		bad_json(mon, json_tokener_error_desc(err));
		return used < len ? used : len;
	}
	json_tokener_reset(qmp->tok);
	qmp->taken = 0;
	command(mon, o);
	json_object_put(o);
	return used;
}

static void input(struct monitor *mon, const uint8_t *data, unsigned int len)
{
	unsigned int n;

	for (; len; data += n, len -= n)
		n = take(mon, data, len);
}

const struct monitor_language qmp_language = {
	.begin = begin,
	.end = end,
	.input = input,
	.event = event,
};

static const struct field capabilities_args[] = {
	{ "enable", KIND_STR, "capabilities to use; none are offered", .optional = true, .array = true },
	{ 0 }
};

static const struct field triple[] = {
	{ "major", KIND_INT, "" }, { "minor", KIND_INT, "" }, { "micro", KIND_INT, "" }, { 0 }
};

static const struct field version_ret[] = {
	{ "qemu", KIND_OBJECT, "the version of the protocol's commands", .of = triple },
	{ "package", KIND_STR, "the program" },
	{ 0 }
};

static const struct command qmp_commands[] = {
	{ .qmp = "qmp_capabilities", .help = "begin", .args = capabilities_args,
	  .run = run_capabilities },
	{ .hmp = "info version", .qmp = "query-version", .help = "this program's version",
	  .returns = version_ret, .run = run_version, .print = print_version },
};
COMMANDS_REGISTER(qmp_commands);
