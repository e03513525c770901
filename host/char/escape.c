// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where a person types: Ctrl-A and a letter is for us, and not for the guest. */
#include <stdio.h>

#include "host/char/internal.h"
#include "host/report.h"

#define ESCAPE 0x01			/* Ctrl-A */

void (*chardev_quit)(void);

static void key_quit(struct chardev *chr)
{
	(void)chr;
	if (chardev_quit)
		chardev_quit();
}

static void key_help(struct chardev *chr);

static void focus(struct chardev *chr, bool on)
{
	const struct chardev_user *user = chr->front[chr->focus].user;

	if (user->focused)
		user->focused(chr->front[chr->focus].arg, on);
}

static void key_next(struct chardev *chr)
{
	if (chr->nr_users < 2) {
		note("there is no monitor on this terminal; mon:stdio in place of stdio gives it one");
		return;
	}
	focus(chr, false);
	chr->focus = (chr->focus + 1) % chr->nr_users;
	focus(chr, true);
}

static void key_break(struct chardev *chr)
{
	const struct chardev_user *user = chr->nr_users ? chr->front[chr->focus].user : NULL;

	if (user && user->line_break)
		user->line_break(chr->front[chr->focus].arg);
}

static const struct escape_key {
	char key;
	const char *shown;
	const char *help;
	void (*fn)(struct chardev *chr);
} escape_keys[] = {
	{ 'x', "x", "end anykvm and the guest", key_quit },
	{ 'h', "h", "this list", key_help },
	{ 'c', "c", "between the guest and the monitor", key_next },
	{ 'b', "b", "send a break to the guest", key_break },
	{ ESCAPE, "Ctrl-A", "send a Ctrl-A to the guest", NULL },
};

static void key_help(struct chardev *chr)
{
	unsigned int i;

	(void)chr;
	fprintf(stderr, "\n");
	for (i = 0; i < ARRAY_SIZE(escape_keys); i++)
		fprintf(stderr, "Ctrl-A %-7s %s\n", escape_keys[i].shown, escape_keys[i].help);
}

void chardev_escape(struct chardev *chr, const uint8_t *data, unsigned int n)
{
	unsigned int i, k, from = 0;

	for (i = 0; i < n; i++) {
		if (!chr->escape_seen) {
			if (data[i] != ESCAPE)
				continue;
			/* Before the key may change who is in focus. */
			chardev_input(chr, data + from, i - from);
			chr->escape_seen = true;
			from = i + 1;
			continue;
		}
		chr->escape_seen = false;
		from = i + 1;
		for (k = 0; k < ARRAY_SIZE(escape_keys); k++)
			if ((uint8_t)escape_keys[k].key == data[i])
				break;
		if (k < ARRAY_SIZE(escape_keys) && escape_keys[k].fn)
			escape_keys[k].fn(chr);
		else if (data[i] == ESCAPE)
			from = i;
	}
	chardev_input(chr, data + from, n - from);
}
