// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How character back ends are asked for: -chardev KIND,id=ID,..., and the short words of -serial,
 * -monitor and their like, which are made into the long form.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/char/internal.h"
#include "host/nearest.h"
#include "host/options.h"
#include "host/report.h"

static const struct chardev_kind *const kinds[] = {
	&chardev_stdio, &chardev_file, &chardev_pty, &chardev_socket, &chardev_pipe,
	&chardev_serial, &chardev_ringbuf, &chardev_null,
};

static struct chardev *asked[32];	/* by -chardev */
static unsigned int nr_asked;
static const char *stdio_said;

bool chardev_stdio_taken(void)
{
	return stdio_said != NULL;
}

void chardev_claim_stdio(const char *said)
{
	if (stdio_said)
		die("%s: standard input and output already serve %s", said, stdio_said);
	stdio_said = strdup(said);
}

/* --- the short words --- */

/*
 * What begins with @word becomes @kind with what follows put into @keys ("path", or "host" and
 * "port", which a colon parts); without keys nothing may follow.
 */
static const struct shorthand {
	const char *word, *kind, *key;
} shorthands[] = {
	{ "stdio", "stdio", NULL },
	{ "pty", "pty", NULL },
	{ "null", "null", NULL },
	{ "file:", "file", "path" },
	{ "pipe:", "pipe", "path" },
	{ "unix:", "socket", "path" },
	{ "tcp:", "socket", "host" },
	{ "/dev/", "serial", "path" },
};

static const char all_words[] =
	"stdio, mon:stdio, file:PATH, pty, pipe:PATH, unix:PATH[,server=on,wait=off], tcp:HOST:PORT[,...], "
	"/dev/TTY, chardev:ID, null or none";

/* Without "mon:". */
static const char *bare(const char *spec)
{
	return strncmp(spec, "mon:", 4) ? spec : spec + 4;
}

bool chardev_wants_monitor(const struct chardev *chr)
{
	return chr->wants_monitor;
}

static const char *by_id(const char *spec)
{
	return strncmp(spec, "chardev:", 8) ? NULL : spec + 8;
}

static const struct shorthand *find_shorthand(const char *spec)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(shorthands); i++) {
		const struct shorthand *s = &shorthands[i];
		size_t len = strlen(s->word);

		if (s->key ? !strncmp(spec, s->word, len) && spec[len] : !strcmp(spec, s->word))
			return s;
	}
	return NULL;
}

/* The long form of @spec, malloc'ed. */
static char *long_form(const char *option, const char *spec, const struct shorthand *s)
{
	const char *arg = s->key ? bare(spec) + strlen(s->word) : "", *colon;
	char *text = NULL;
	int n;

	if (*s->word == '/')
		arg = bare(spec);
	colon = strchr(arg, ':');
	/* In brackets, an IPv6 address has colons of its own. */
	if (*arg == '[')
		colon = strstr(arg, "]:") ? strstr(arg, "]:") + 1 : NULL;
	if (!s->key)
		n = asprintf(&text, "%s", s->kind);
	else if (strcmp(s->key, "host"))
		n = asprintf(&text, "%s,%s=%s", s->kind, s->key, arg);
	else if (!colon)
		die("%s %s: must be tcp:HOST:PORT", option, spec);
	else if (*arg == '[')
		n = asprintf(&text, "%s,host=%.*s,port=%s", s->kind, (int)(colon - arg - 2), arg + 1,
			     colon + 1);
	else
		n = asprintf(&text, "%s,host=%.*s,port=%s", s->kind, (int)(colon - arg), arg,
			     colon + 1);
	if (n < 0)
		die("out of memory");
	return text;
}

/* --- the long form --- */

static const struct chardev_kind *find_kind(struct keyval *kv, const char *name)
{
	const char *names[ARRAY_SIZE(kinds)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
		names[i] = kinds[i]->name;
	}
	keyval_die(kv, "there is no back end '%s'; did you mean '%s'? (-chardev help lists all)", name,
		   nearest(name, strlen(name), names, ARRAY_SIZE(names)));
}

/* @text: KIND,...; @shown: as the user wrote it. */
static struct chardev *parse(const char *option, const char *text, const char *shown)
{
	struct keyval *kv = keyval_parse(option, text, "backend");
	const char *id, *name;
	struct chardev *chr;

	keyval_show(kv, shown);
	name = keyval_need(kv, "backend");
	chr = chardev_new(find_kind(kv, name));
	id = keyval_take(kv, "id");
	chr->id = id ? strdup(id) : NULL;
	chr->mux = keyval_take_bool(kv, "mux", false);
	if (asprintf(&chr->said, "%s %s", option, shown) < 0 || (id && !chr->id))
		die("out of memory");
	if (chr->kind->parse)
		chr->kind->parse(chr, kv);
	keyval_end(kv);
	return chr;
}

static void discard(struct chardev *chr)
{
	/* What the kind keeps is a few strings, once an option. */
	free(chr->said);
	free(chr);
}

static struct chardev *from_word(const char *option, const char *spec)
{
	const struct shorthand *s = find_shorthand(bare(spec));
	struct chardev *chr;
	char *text;

	if (!s)
		die("%s %s: not known; it can be %s", option, spec, all_words);
	text = long_form(option, spec, s);
	chr = parse(option, text, spec);
	free(text);
	if (spec != bare(spec))
		chr->mux = chr->wants_monitor = true;
	return chr;
}

static void claim_stdio(const struct chardev *chr)
{
	if (chr->kind != &chardev_stdio)
		return;
	chardev_claim_stdio(chr->said);
}

void chardev_check(const char *option, const char *spec)
{
	struct chardev *chr;

	if (!strcmp(bare(spec), "none") || (by_id(bare(spec)) && *by_id(bare(spec))))
		return;
	chr = from_word(option, spec);
	claim_stdio(chr);
	discard(chr);
}

struct chardev *chardev_open(const char *option, const char *spec, const char *name)
{
	struct chardev *chr;
	const char *id = by_id(bare(spec));

	if (!strcmp(bare(spec), "none"))
		return NULL;
	if (id) {
		chr = chardev_find(id);
		if (!chr)
			die("%s %s: there is no -chardev with id=%s", option, spec, id);
		return chr;
	}
	chr = from_word(option, spec);
	if (!chr->id)
		chr->id = name;
	chardev_begin(chr);
	return chr;
}

/* --- -chardev --- */

static noreturn void list_kinds(void)
{
	unsigned int i;

	printf("Back ends for -chardev KIND,id=ID[,mux=on],...:\n");
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		printf("  %-8s %s\n", kinds[i]->name, kinds[i]->what);
		if (*kinds[i]->args)
			printf("  %-8s   %s\n", "", kinds[i]->args);
	}
	end_process(0);
}

static void parse_chardev(struct config *cfg, const char *val)
{
	struct chardev *chr;
	unsigned int i;

	(void)cfg;
	if (!strcmp(val, "help") || !strcmp(val, "?"))
		list_kinds();
	chr = parse("-chardev", val, val);
	if (!chr->id || !*chr->id)
		die("-chardev %s: id= is missing", val);
	for (i = 0; i < nr_asked; i++)
		if (!strcmp(asked[i]->id, chr->id))
			die("-chardev %s: id=%s: is the name of another one already", val, chr->id);
	if (nr_asked == ARRAY_SIZE(asked))
		die("-chardev %s: more than %zu of them", val, ARRAY_SIZE(asked));
	claim_stdio(chr);
	asked[nr_asked++] = chr;
}

static void open_asked(const struct config *cfg)
{
	unsigned int i;

	(void)cfg;
	for (i = 0; i < nr_asked; i++)
		chardev_begin(asked[i]);
}

static const struct option chardev_options[] = {
	{ "chardev", "KIND,id=ID[,...]", "back end for serial ports and monitors; -chardev help lists",
	  parse_chardev },
};

static const struct option_group chardev_group = {
	.title = "Character back ends",
	.order = ORDER_CHARDEV,
	.options = chardev_options,
	.nr = ARRAY_SIZE(chardev_options),
	.open = open_asked,
};
OPTIONS_REGISTER(chardev_group);
