// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HMP, the monitor for people: a line becomes a JSON object of arguments, by the row of its command;
 * help and completion come from the rows too.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/keyval.h"
#include "host/monitor/expr.h"
#include "host/monitor/monitor.h"
#include "host/monitor/readline.h"
#include "host/nearest.h"
#include "host/report.h"

#ifndef ANYKVM_VERSION
#define ANYKVM_VERSION "unknown"
#endif

#define MAX_WORD 1024
#define MAX_NAMES 256

/* --- words --- */

/* The next word of @*line, without its quotes; false: none is left. */
static bool next_word(const char **line, char *word)
{
	const char *p = *line;
	char quote = 0;
	size_t n = 0;

	while (*p == ' ')
		p++;
	if (!*p)
		return false;
	for (; *p && (quote || *p != ' '); p++) {
		if (quote ? *p == quote : *p == '"') {
			quote = quote ? 0 : *p;
			continue;
		}
		if (quote && *p == '\\' && p[1])
			p++;
		if (n < MAX_WORD - 1)
			word[n++] = *p;
	}
	word[n] = 0;
	*line = p;
	return true;
}

/* An expression ends where a blank does not stand beside an operator; "(" holds blanks too. */
static bool next_expr(const char **line, char *word)
{
	const char *p = *line;
	unsigned int depth = 0;
	size_t n = 0;

	while (*p == ' ')
		p++;
	for (; *p && (depth || *p != ' '); p++) {
		depth += *p == '(';
		depth -= depth && *p == ')';
		if (n < MAX_WORD - 1)
			word[n++] = *p;
	}
	word[n] = 0;
	*line = p;
	return n != 0;
}

static bool put_word(struct call *c, const struct field *f, const char *word)
{
	uint64_t n;
	bool b;

	switch (f->kind) {
	case KIND_INT:
		if (!parse_u64(*word == '-' ? word + 1 : word, &n) || n > INT64_MAX)
			return false;
		put_int(c->args, f->name, *word == '-' ? -(int64_t)n : (int64_t)n);
		return true;
	case KIND_SIZE:
		if (!parse_size(word, 1ull << 20, &n))
			return false;
		put_int(c->args, f->name, (int64_t)n);
		return true;
	case KIND_BOOL:
		if (!parse_bool(word, &b))
			return false;
		put_bool(c->args, f->name, b);
		return true;
	case KIND_EXPR:
		if (!expr_value(c, word, &n))
			return false;
		put_int(c->args, f->name, (int64_t)n);
		return true;
	default:
		put_str(c->args, f->name, word);
		return true;
	}
}

static const char *const kind_words[KINDS] = {
	[KIND_INT] = "a whole number", [KIND_SIZE] = "a size in MiB, or like 512M",
	[KIND_BOOL] = "on or off", [KIND_EXPR] = "a number, or a sum with $REGISTERs",
};

static void show_usage(char *buf, size_t len, const struct command *cmd)
{
	size_t at = (size_t)snprintf(buf, len, "%s", cmd->hmp);
	const struct field *f;

	for (f = cmd->args; f && f->kind && at < len; f++) {
		const char *open = f->optional ? "[" : "", *close = f->optional ? "]" : "";

		if (f->kind == KIND_FLAG)
			at += (size_t)snprintf(buf + at, len - at, " [%s]", f->values[0]);
		else if (f->kind == KIND_FORMAT)
			at += (size_t)snprintf(buf + at, len - at, "/FMT");
		else
			at += (size_t)snprintf(buf + at, len - at, " %s%s%s", open, f->name, close);
	}
}

static void bad_argument(struct call *c, const struct field *f, const char *word)
{
	if (!c->error)
		call_fail(c, GENERIC_ERROR, "Parameter '%s' cannot be '%s'; it must be %s", f->name,
			  word, kind_words[f->kind]);
}

/* One argument from the line; false: wrong. */
static bool take_argument(struct call *c, const struct field *f, const char **rest)
{
	const char *before = *rest;
	char word[MAX_WORD];

	if (f->kind == KIND_FORMAT) {
		if (*before != '/')
			return true;
		next_word(rest, word);
		put_str(c->args, f->name, word + 1);
		return true;
	}
	if (f->kind == KIND_REST) {
		while (*before == ' ')
			before++;
		if (*before)
			put_str(c->args, f->name, before);
		*rest = before + strlen(before);
		return true;
	}
	if (!(f->kind == KIND_EXPR ? next_expr(rest, word) : next_word(rest, word)))
		return true;
	if (f->kind == KIND_FLAG) {
		if (!strcmp(word, f->values[0]))
			put_bool(c->args, f->name, true);
		else
			*rest = before;
		return true;
	}
	if (put_word(c, f, word))
		return true;
	bad_argument(c, f, word);
	return false;
}

/* Are there words for the arguments that must come after @f only, so that @f was left out? */
static bool left_out(const struct field *f, const char *rest)
{
	char word[MAX_WORD];

	if (!f->optional || f->kind == KIND_FLAG || f->kind == KIND_FORMAT)
		return false;
	for (f++; f->kind && !f->optional; f++)
		if (!next_word(&rest, word))
			return true;
	return !next_word(&rest, word);
}

static bool take_arguments(struct call *c, const char *rest)
{
	char word[MAX_WORD], usage[256];
	const struct field *f;

	for (f = c->cmd->args; f && f->kind; f++)
		if (!left_out(f, rest) && !take_argument(c, f, &rest))
			return false;
	if (!next_word(&rest, word))
		return true;
	show_usage(usage, sizeof(usage), c->cmd);
	call_fail(c, GENERIC_ERROR, "'%s' is one argument too many: %s", word, usage);
	return false;
}

/* The @n-th command that people have; NULL after the last. */
static const char *command_name(unsigned int n)
{
	const struct command *cmd;
	unsigned int i;

	for (i = 0; (cmd = command_at(i)); i++)
		if (cmd->hmp && !n--)
			return cmd->hmp;
	return NULL;
}

static void not_found(struct call *c, const char *line)
{
	const char *names[MAX_NAMES];
	unsigned int n = 0;

	while (n < MAX_NAMES && (names[n] = command_name(n)))
		n++;
	call_fail(c, COMMAND_NOT_FOUND, "there is no command '%s'; did you mean '%s'? (help lists all)",
		  line, nearest(line, strlen(line), names, n));
}

void hmp_line(struct call *c, const char *line)
{
	struct json_object *ret = NULL;
	char *plain = strdup(line);
	const char *rest;
	size_t len;

	if (!plain)
		die("out of memory for the monitor");
	while (*line == ' ')
		line++;
	for (len = strlen(strcpy(plain, line)); len && strchr(" \r\n\t", plain[len - 1]); len--)
		plain[len - 1] = 0;
	if (!*plain) {
		free(plain);
		return;
	}
	c->args = json_object_new_object();
	c->cmd = command_find_hmp(plain, &rest);
	if (!c->cmd)
		not_found(c, plain);
	else if (take_arguments(c, rest))
		ret = command_run(c);
	if (c->error)
		call_print(c, "Error: %s\n", c->error_text);
	else if (c->cmd->print)
		c->cmd->print(c, ret);
	json_object_put(ret);
	free(plain);
}

/* --- completion --- */

static const char *const on_off[] = { "on", "off", NULL };

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of the names that begin with @text, which may be some words: the word that @text ends in. */
static unsigned int matching(const char *(*names)(unsigned int n), const char *text, const char **out,
			     unsigned int room)
{
	const char *blank = strrchr(text, ' '), *name;
	size_t from = blank ? (size_t)(blank + 1 - text) : 0;
	unsigned int i, n = 0;

	for (i = 0; n < room && (name = names(i)); i++)
		if (!strncmp(name, text, strlen(text)) && !strchr(name + from, ' '))
			out[n++] = name + from;
	return n;
}

/* What argument @f may be, and begins with @text. */
static unsigned int complete_argument(const struct field *f, const char *text, const char **out,
				      unsigned int room)
{
	const char *const *values = f->kind == KIND_BOOL ? on_off : f->values;
	unsigned int n = 0;

	if (f->names)
		return matching(f->names, text, out, room);
	for (; values && *values && n < room; values++)
		if (!strncmp(*values, text, strlen(text)))
			out[n++] = *values;
	return n;
}

/* Of the arguments in @rest, the one whose word is @last, or begins there; NULL: none. */
static const struct field *argument_at(const struct field *f, const char *rest, const char *last)
{
	char word[MAX_WORD];
	const char *before;

	for (; f && f->kind && f->kind != KIND_REST; f++) {
		before = rest;
		if (f->kind == KIND_FORMAT) {
			if (*rest == '/')
				next_word(&rest, word);
			continue;
		}
		if (!next_word(&rest, word) || rest > last)
			return f;
		if (f->kind == KIND_FLAG && strcmp(word, f->values[0]))
			rest = before;
	}
	return f && f->kind ? f : NULL;
}

static unsigned int complete_arguments(const struct field *f, const char *rest, const char **from,
				       const char **out, unsigned int room)
{
	const char *last = strrchr(rest, ' ');
	unsigned int n;

	if (!last || !(f = argument_at(f, rest, last + 1)))
		return 0;
	*from = last + 1;
	if (f->kind == KIND_REST)
		return complete_argument(f, rest + strspn(rest, " "), out, room);
	if (f->joined && strrchr(*from, '-'))
		*from = strrchr(*from, '-') + 1;
	n = complete_argument(f, *from, out, room);
	/* A flag need not be there: what follows it may stand in its place. */
	if (f->kind == KIND_FLAG)
		n += complete_argument(f + 1, *from, out + n, room - n);
	return n;
}

unsigned int hmp_complete(const char *line, unsigned int *from, const char **out, unsigned int room)
{
	const char *text = line + strspn(line, " "), *rest, *at = strrchr(text, ' ');
	const struct command *cmd;
	unsigned int n;

	at = at ? at + 1 : text;
	n = matching(command_name, text, out, room);
	if (!n && (cmd = command_find_hmp(text, &rest)))
		n = complete_arguments(cmd->args, rest, &at, out, room);
	*from = (unsigned int)(at - line);
	qsort(out, n, sizeof(*out), by_text);
	return n;
}

/* --- help --- */

static void help_on(struct call *c, const struct command *cmd)
{
	const struct field *f;
	char usage[256];
	unsigned int i;

	show_usage(usage, sizeof(usage), cmd);
	call_print(c, "%s -- %s\n", usage, cmd->help);
	for (f = cmd->args; f && f->kind; f++) {
		call_print(c, "  %-14s %s", f->kind == KIND_FLAG ? f->values[0] : f->name, f->help);
		for (i = 0; f->kind == KIND_ENUM && f->values[i]; i++)
			call_print(c, "%s%s", i ? ", " : ": ", f->values[i]);
		call_print(c, "\n");
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct command *const *)a)->hmp,
		      (*(const struct command *const *)b)->hmp);
}

static void list(struct call *c, const char *prefix)
{
	const struct command *all[MAX_NAMES], *cmd;
	unsigned int i, n = 0;
	char usage[256];

	for (i = 0; (cmd = command_at(i)) && n < MAX_NAMES; i++)
		if (cmd->hmp && !strncmp(cmd->hmp, prefix, strlen(prefix)))
			all[n++] = cmd;
	qsort(all, n, sizeof(all[0]), by_name);
	for (i = 0; i < n; i++) {
		show_usage(usage, sizeof(usage), all[i]);
		call_print(c, "%s -- %s\n", usage, all[i]->help);
	}
}

static struct json_object *run_help(struct call *c)
{
	const char *name = call_str(c, "name"), *rest;
	const struct command *cmd;

	if (!name || !strcmp(name, "info")) {
		list(c, name ? "info " : "");
		return NULL;
	}
	cmd = command_find_hmp(name, &rest);
	if (!cmd || *rest) {
		not_found(c, name);
		return NULL;
	}
	help_on(c, cmd);
	return NULL;
}

static struct json_object *run_info(struct call *c)
{
	const char *what = call_str(c, "item");
	char name[64];

	if (what) {
		snprintf(name, sizeof(name), "info %s", what);
		not_found(c, name);
	} else {
		list(c, "info ");
	}
	return NULL;
}

static struct json_object *run_hmp(struct call *c)
{
	unsigned int cpu = (unsigned int)call_int(c, "cpu-index", *c->cpu);
	struct call inner = { .cpu = &cpu };
	struct json_object *ret;

	hmp_line(&inner, call_str(c, "command-line"));
	ret = json_object_new_string_len(inner.text ? inner.text : "", (int)inner.text_len);
	call_free(&inner);
	return ret;
}

/* --- a monitor --- */

static void print(void *arg, const char *text, unsigned int len)
{
	monitor_write(arg, text, len);
}

static void done(void *arg, const char *line)
{
	struct monitor *mon = arg;
	struct call c = { .mon = mon, .cpu = &mon->cpu };

	hmp_line(&c, line);
	monitor_write(mon, c.text, c.text_len);
	call_free(&c);
	readline_prompt(mon->own);
}

static void begin(struct monitor *mon)
{
	static const char hello[] = "anykvm " ANYKVM_VERSION " monitor: help lists the commands\n";
	struct readline *r = mon->own;

	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			die("out of memory for a monitor");
		*r = (struct readline){ .prompt = "(anykvm) ", .print = print, .done = done,
					.complete = hmp_complete, .arg = mon };
		mon->own = r;
		monitor_write(mon, hello, sizeof(hello) - 1);
	}
	readline_prompt(r);
}

static void end(struct monitor *mon)
{
	readline_free(mon->own);
	free(mon->own);
	mon->own = NULL;
}

static void input(struct monitor *mon, const uint8_t *data, unsigned int len)
{
	while (len--)
		readline_input(mon->own, *data++);
}

const struct monitor_language hmp_language = {
	.begin = begin,
	.end = end,
	.input = input,
};

static const struct field help_args[] = {
	{ "name", KIND_REST, "a command, or info", .optional = true, .names = command_name }, { 0 }
};

static const struct field info_args[] = {
	{ "item", KIND_REST, "what to show", .optional = true }, { 0 }
};

static const struct field line_args[] = {
	{ "command-line", KIND_STR, "a command of the monitor for people" },
	{ "cpu-index", KIND_INT, "the CPU it is about", .optional = true },
	{ 0 }
};

static const struct field line_ret[] = { { NULL, KIND_STR, "what it printed" }, { 0 } };

static const struct command hmp_commands[] = {
	{ .hmp = "help", .help = "list the commands, or explain one", .args = help_args,
	  .run = run_help },
	{ .hmp = "?", .help = "help", .args = help_args, .run = run_help },
	{ .hmp = "info", .help = "list what can be shown", .args = info_args, .run = run_info },
	{ .qmp = "human-monitor-command", .help = "run a command for people and return what it prints",
	  .args = line_args, .returns = line_ret, .run = run_hmp },
};
COMMANDS_REGISTER(hmp_commands);
