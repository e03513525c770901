// SPDX-License-Identifier: LGPL-2.1-or-later
/* -display: where the screen is shown. */
#include <stdio.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/display/curses.h"
#include "host/display/vnc.h"
#include "host/nearest.h"
#include "host/options.h"
#include "host/report.h"

static void none(const char *val)
{
	(void)val;
}

static void curses(const char *val)
{
	(void)val;
	curses_ask();
}

static void vnc(const char *val)
{
	vnc_option("-display vnc", val);
}

static const struct kind {
	const char *name, *what;
	void (*parse)(const char *val);
	const char *instead;		/* not built: what is */
} kinds[] = {
	{ "none", "nowhere", none, NULL },
	{ "curses", "on this terminal, text modes only", curses, NULL },
	{ "vnc", "vnc=[HOST]:N[,...]: VNC viewers, as -vnc has it", vnc, NULL },
	{ "gtk", NULL, NULL, "vnc=:0 and a VNC viewer, or make run-web" },
	{ "sdl", NULL, NULL, "vnc=:0 and a VNC viewer, or make run-web" },
	{ "cocoa", NULL, NULL, "vnc=:0 and a VNC viewer" },
	{ "spice-app", NULL, NULL, "vnc=:0 and a VNC viewer" },
	{ "egl-headless", NULL, NULL, "vnc=:0" },
	{ "dbus", NULL, NULL, "vnc=:0" },
};

static void help(void)
{
	unsigned int i;

	printf("Where the screen can be shown (-display):\n");
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].parse)
			printf("  %-10s %s\n", kinds[i].name, kinds[i].what);
}

static void parse_display(struct config *cfg, const char *val)
{
	const char *names[ARRAY_SIZE(kinds)];
	size_t len = strcspn(val, "=,");
	unsigned int i, n = 0;

	(void)cfg;
	if (!strcmp(val, "help")) {
		help();
		end_process(0);
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (k->parse)
			names[n++] = k->name;
		if (strlen(k->name) != len || strncmp(k->name, val, len))
			continue;
		if (k->instead)
			die("-display %s: %s is not built; there is %s", val, k->name, k->instead);
		if ((k->parse == vnc) != (val[len] == '=') || (val[len] && val[len] != '='))
			die("-display %s: write it as %s", val, k->parse == vnc ? "vnc=:0" : k->name);
		k->parse(val + len + !!val[len]);
		return;
	}
	die("-display %s: there is no '%.*s'; did you mean '%s'? (-display help lists all)", val,
	    (int)len, val, nearest(val, len, names, n));
}

static void display_open(const struct config *cfg)
{
	(void)cfg;
	curses_open();
}

static void display_start(const struct config *cfg)
{
	(void)cfg;
	curses_start();
}

static const struct option options[] = {
	{ "display", "none|curses|vnc=[HOST]:N", "where the screen is shown; -display help lists",
	  parse_display },
};

static const struct option_group group = {
	.title = "Screen",
	.order = ORDER_DISPLAY,
	.options = options,
	.nr = ARRAY_SIZE(options),
	.open = display_open,
	.start = display_start,
};
OPTIONS_REGISTER(group);
