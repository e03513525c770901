// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Editing one line on a terminal that knows ESC [ K and no more: after every change the line is
 * drawn anew from its beginning.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/monitor/readline.h"

#define CTRL(c) ((c) & 0x1f)
#define ESC 0x1b
#define DEL 0x7f
#define MAX_COMPLETIONS 256

static void say(struct readline *r, const char *text)
{
	r->print(r->arg, text, (unsigned int)strlen(text));
}

static void draw(struct readline *r)
{
	char back[32];

	say(r, "\r");
	say(r, r->prompt);
	r->print(r->arg, r->line, r->len);
	say(r, "\033[K");
	if (r->at < r->len) {
		snprintf(back, sizeof(back), "\033[%uD", r->len - r->at);
		say(r, back);
	}
}

void readline_prompt(struct readline *r)
{
	r->len = r->at = r->escape = 0;
	r->line[0] = 0;
	r->looking = r->nr_history;
	say(r, r->prompt);
}

void readline_free(struct readline *r)
{
	while (r->nr_history)
		free(r->history[--r->nr_history]);
}

static void remember(struct readline *r)
{
	char *copy;

	if (!r->len || (r->nr_history && !strcmp(r->history[r->nr_history - 1], r->line)))
		return;
	copy = strdup(r->line);
	if (!copy)
		return;
	if (r->nr_history == READLINE_HISTORY) {
		free(r->history[0]);
		memmove(r->history, r->history + 1, sizeof(r->history) - sizeof(r->history[0]));
		r->nr_history--;
	}
	r->history[r->nr_history++] = copy;
}

static void set(struct readline *r, const char *text)
{
	r->len = (unsigned int)snprintf(r->line, sizeof(r->line), "%s", text);
	if (r->len > READLINE_MAX)
		r->len = READLINE_MAX;
	r->at = r->len;
}

/* False: there is no room. */
static bool insert(struct readline *r, const char *text, unsigned int n)
{
	if (r->len + n > READLINE_MAX)
		return false;
	memmove(r->line + r->at + n, r->line + r->at, r->len - r->at + 1);
	memcpy(r->line + r->at, text, n);
	r->len += n;
	r->at += n;
	return true;
}

static void cut(struct readline *r, unsigned int from, unsigned int to)
{
	memmove(r->line + from, r->line + to, r->len - to + 1);
	r->len -= to - from;
	r->at = from;
}

/* --- keys --- */

static void key_enter(struct readline *r)
{
	char line[READLINE_MAX + 1];

	say(r, "\n");
	remember(r);
	strcpy(line, r->line);
	r->len = r->at = 0;
	r->line[0] = 0;
	r->done(r->arg, line);
}

static void key_left(struct readline *r)
{
	r->at -= r->at > 0;
}

static void key_right(struct readline *r)
{
	r->at += r->at < r->len;
}

static void key_home(struct readline *r)
{
	r->at = 0;
}

static void key_end(struct readline *r)
{
	r->at = r->len;
}

static void key_backspace(struct readline *r)
{
	if (r->at)
		cut(r, r->at - 1, r->at);
}

static void key_delete(struct readline *r)
{
	if (r->at < r->len)
		cut(r, r->at, r->at + 1);
}

static void key_kill(struct readline *r)
{
	cut(r, r->at, r->len);
}

static void key_clear(struct readline *r)
{
	cut(r, 0, r->at);
}

static void key_word(struct readline *r)
{
	unsigned int from = r->at;

	while (from && r->line[from - 1] == ' ')
		from--;
	while (from && r->line[from - 1] != ' ')
		from--;
	cut(r, from, r->at);
}

static void key_up(struct readline *r)
{
	if (r->looking)
		set(r, r->history[--r->looking]);
}

static void key_down(struct readline *r)
{
	if (r->looking < r->nr_history)
		r->looking++;
	set(r, r->looking < r->nr_history ? r->history[r->looking] : "");
}

static void key_tab(struct readline *r)
{
	const char *names[MAX_COMPLETIONS];
	unsigned int n, i, from, same, typed;

	if (r->at != r->len || !r->complete)
		return;
	n = r->complete(r->line, &from, names, MAX_COMPLETIONS);
	if (!n)
		return;
	typed = r->len - from;
	same = (unsigned int)strlen(names[0]);
	for (i = 1; i < n; i++)
		while (same && strncmp(names[0], names[i], same))
			same--;
	if (same > typed)
		insert(r, names[0] + typed, same - typed);
	if (n == 1) {
		insert(r, " ", 1);
	} else if (same <= typed) {
		say(r, "\n");
		for (i = 0; i < n; i++) {
			say(r, names[i]);
			say(r, i + 1 < n ? "  " : "\n");
		}
	}
}

static const struct key {
	uint8_t code;
	uint8_t escape;			/* of ESC [ LETTER, or of ESC [ NUMBER ~ */
	void (*fn)(struct readline *r);
} keys[] = {
	{ CTRL('a'), 'H', key_home },
	{ CTRL('b'), 'D', key_left },
	{ CTRL('d'), 3, key_delete },
	{ CTRL('e'), 'F', key_end },
	{ CTRL('f'), 'C', key_right },
	{ CTRL('h'), 0, key_backspace },
	{ DEL, 0, key_backspace },
	{ CTRL('i'), 0, key_tab },
	{ CTRL('k'), 0, key_kill },
	{ CTRL('n'), 'B', key_down },
	{ CTRL('p'), 'A', key_up },
	{ CTRL('u'), 0, key_clear },
	{ CTRL('w'), 0, key_word },
	{ 0, 1, key_home },
	{ 0, 4, key_end },
};

static void press(struct readline *r, uint8_t code, uint8_t escape)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (code ? keys[i].code == code : escape && keys[i].escape == escape) {
			keys[i].fn(r);
			draw(r);
			return;
		}
}

void readline_input(struct readline *r, uint8_t byte)
{
	char c = (char)byte;

	if (r->escape == 1) {
		r->escape = byte == '[' || byte == 'O' ? 2 : 0;
		r->escape_number = 0;
	} else if (r->escape == 2 && byte >= '0' && byte <= '9') {
		r->escape_number = (r->escape_number * 10 + byte - '0') & 0xff;
	} else if (r->escape == 2) {
		r->escape = 0;
		press(r, 0, byte == '~' ? (uint8_t)r->escape_number : byte);
	} else if (byte == ESC) {
		r->escape = 1;
	} else if (byte == '\r' || byte == '\n') {
		key_enter(r);
	} else if (byte >= ' ' && byte != DEL) {
		/* At the end it is enough to echo. */
		if (!insert(r, &c, 1))
			return;
		if (r->at == r->len)
			r->print(r->arg, &c, 1);
		else
			draw(r);
	} else {
		press(r, byte, 0);
	}
}
