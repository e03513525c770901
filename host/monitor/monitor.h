/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor's one table. A command is a row: its name for people (HMP, on -monitor), for programs
 * (QMP, on -qmp) or for both, its arguments, what it returns, and a function. Both languages make a
 * JSON object of the arguments, which is checked against the row before the function sees it; help,
 * completion and introspection come from the same rows.
 *
 * Rows stand at the end of the file that has their functions, in a table that COMMANDS_REGISTER()
 * ends. Functions run in the event loop with the machine lock held, and do not wait.
 */
#ifndef ANYKVM_HOST_MONITOR_MONITOR_H
#define ANYKVM_HOST_MONITOR_MONITOR_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct monitor;

enum kind {
	KIND_END,
	KIND_STR,
	KIND_INT,		/* 64 bits, signed */
	KIND_SIZE,		/* bytes; in HMP like 16M */
	KIND_BOOL,
	KIND_ENUM,
	KIND_OBJECT,
	KIND_ANY,
	/* HMP's alone. */
	KIND_REST,		/* a string: the rest of the line */
	KIND_FLAG,		/* -f: true when it is there; the letter is in ->values[0] */
	KIND_EXPR,		/* an integer, written with + - * ( ) and $REGISTER */
	KIND_FORMAT,		/* /FMT right behind the command's name */
	KINDS
};

/* An argument, or a member of what is returned. A list of them ends with { 0 }. */
struct field {
	const char *name;
	enum kind kind;
	const char *help;
	bool optional, array;
	const char *const *values;	/* of ENUM, NULL at the end */
	const struct field *of;		/* of OBJECT */
	/* For completion: what a STR or REST may be, in turn; NULL after the last. Or NULL: anything. */
	const char *(*names)(unsigned int n);
	bool joined;			/* it is several of them, with '-' between */
};

#define MAX_ARGS 6

struct call;

struct command {
	const char *hmp, *qmp;		/* "info status"; NULL: not in this language */
	const char *help;
	const struct field *args;	/* NULL: none */
	/* QMP's result: an object with these members, or with @returns_array a list of such. */
	const struct field *returns;
	bool returns_array;
	/* What it returns, for which the caller is to put; NULL: an empty object, or it has failed. */
	struct json_object *(*run)(struct call *c);
	/* Shows a result of run() to a person. NULL: run() has printed, or there is nothing to say. */
	void (*print)(struct call *c, struct json_object *ret);
};

struct command_table {
	const struct command *commands;
	unsigned int nr;
};

#define COMMANDS_REGISTER(table)						\
	static const struct command_table table##_table = {			\
		(table), sizeof(table) / sizeof((table)[0]) };			\
	static const struct command_table *const table##_registered		\
		__attribute__((used, section("anykvm_commands"))) = &table##_table

/* --- for commands --- */

/* Classes of errors, as QMP has them. */
extern const char GENERIC_ERROR[], COMMAND_NOT_FOUND[], DEVICE_NOT_FOUND[], DEVICE_NOT_ACTIVE[];

struct call {
	struct monitor *mon;		/* NULL: nobody's (human-monitor-command) */
	const struct command *cmd;
	struct json_object *args;
	unsigned int *cpu;		/* that the monitor looks at: `cpu N` */
	/* What is printed, for HMP. */
	char *text;
	size_t text_len, text_room;
	/* An error: its class (one of the above) and its words; NULL: none. */
	const char *error;
	char error_text[512];
};

/* NULL when it was not given. */
const char *call_str(const struct call *c, const char *name);
int64_t call_int(const struct call *c, const char *name, int64_t otherwise);
bool call_bool(const struct call *c, const char *name, bool otherwise);
struct json_object *call_json(const struct call *c, const char *name);	/* still the call's */
void call_print(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Returns NULL, for run() to return. */
struct json_object *call_fail(struct call *c, const char *error_class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same when @wrong is words that say what is wrong; NULL: all is well. */
struct json_object *call_done(struct call *c, const char *wrong);

/* Members of objects under construction. */
void put_str(struct json_object *o, const char *name, const char *val);
void put_int(struct json_object *o, const char *name, int64_t val);
void put_u64(struct json_object *o, const char *name, uint64_t val);
void put_bool(struct json_object *o, const char *name, bool val);
/* And of results: NULL or 0 when they are not there. */
const char *get_str(struct json_object *o, const char *name);
int64_t get_int(struct json_object *o, const char *name);
bool get_bool(struct json_object *o, const char *name);
struct json_object *get_obj(struct json_object *o, const char *name);
/* C's functions see all of it: JSON may have a NUL within. */
bool string_is_text(struct json_object *s);

/* --- the languages --- */

const struct command *command_find_qmp(const char *name);	/* NULL: none */
/* The longest one that begins @line ("info status"); *@rest is what follows. NULL: none. */
const struct command *command_find_hmp(const char *line, const char **rest);
/* In turn, for lists: NULL after the last. */
const struct command *command_at(unsigned int n);

/* Check c->args against the row and run it. What it returns is never NULL unless c->error is set. */
struct json_object *command_run(struct call *c);
void call_free(struct call *c);

/* hmp.c: one line; what it prints, errors included, is in c->text. */
void hmp_line(struct call *c, const char *line);
/* Words that may stand in @line from *@from on, in @out, sorted; how many (at most @room). */
unsigned int hmp_complete(const char *line, unsigned int *from, const char **out, unsigned int room);

/* schema.c */
struct json_object *schema_make(void);

/* events.c */
struct event_class {
	const char *name;
	const char *help;
	const struct field *data;
};

const struct event_class *event_at(unsigned int n);		/* NULL after the last */
/* Begin to listen; @fn gets each event as QMP sends it. */
void events_listen(void (*fn)(struct json_object *event));

/* --- a monitor on its back end (open.c) --- */

/* Goes out, sooner or later. HMP: newlines become those of a terminal. */
void monitor_write(struct monitor *mon, const char *data, size_t len);

struct monitor_language {
	/* The other end is there (again): greet. */
	void (*begin)(struct monitor *mon);
	void (*end)(struct monitor *mon);
	void (*input)(struct monitor *mon, const uint8_t *data, unsigned int len);
	void (*event)(struct monitor *mon, struct json_object *event);
};

extern const struct monitor_language hmp_language, qmp_language;

struct chardev;

struct monitor {
	struct monitor *next;
	struct chardev *chr;
	const struct monitor_language *language;
	bool pretty, begun;
	unsigned int cpu;
	void *own;			/* the language's */
	char *out;			/* waits for the back end */
	size_t out_at, out_len, out_room;
};

#endif
