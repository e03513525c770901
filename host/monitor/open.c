// SPDX-License-Identifier: LGPL-2.1-or-later
/* -monitor, -qmp and -mon: monitors and their back ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/chardev.h"
#include "host/keyval.h"
#include "host/monitor/monitor.h"
#include "host/options.h"
#include "host/report.h"

#define MAX_MONITORS 16
/* Of a reader that does not read: events beyond this are lost to it. */
#define MAX_WAITING (1u << 20)

/* One for each option; opened in their order. */
static struct asked {
	const char *option, *spec;	/* of the back end, or NULL: */
	char *chardev;			/* its id */
	bool qmp, pretty;
	struct chardev *chr;
} asked[MAX_MONITORS];
static unsigned int nr_asked;

static struct monitor *monitors;

/* --- output --- */

static void push(struct monitor *mon)
{
	while (mon->out_at < mon->out_len && chardev_write(mon->chr, (uint8_t)mon->out[mon->out_at]))
		mon->out_at++;
	if (mon->out_at == mon->out_len)
		mon->out_at = mon->out_len = 0;
}

static void add(struct monitor *mon, char byte)
{
	if (mon->out_len == mon->out_room) {
		mon->out_room = mon->out_room ? 2 * mon->out_room : 4096;
		mon->out = realloc(mon->out, mon->out_room);
		if (!mon->out)
			die("out of memory for a monitor");
	}
	mon->out[mon->out_len++] = byte;
}

void monitor_write(struct monitor *mon, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] == '\n')
			add(mon, '\r');
		add(mon, data[i]);
	}
	push(mon);
}

/* --- input --- */

/* Who does not read what it is told cannot ask for more. */
static unsigned int room(void *arg)
{
	const struct monitor *mon = arg;

	return mon->begun && !mon->out_len ? 4096 : 0;
}

static void input(void *arg, const uint8_t *data, unsigned int len)
{
	struct monitor *mon = arg;

	mon->language->input(mon, data, len);
}

static void writable(void *arg)
{
	struct monitor *mon = arg;

	push(mon);
	if (!mon->out_len)
		chardev_input_ready(mon->chr);
}

static void begin(struct monitor *mon)
{
	mon->begun = true;
	mon->language->begin(mon);
}

static void opened(void *arg, bool on)
{
	struct monitor *mon = arg;

	if (mon->begun)
		mon->language->end(mon);
	mon->begun = false;
	mon->out_at = mon->out_len = 0;
	if (on)
		begin(mon);
}

/* Beside a guest on one terminal it greets when it is called. */
static void focused(void *arg, bool on)
{
	if (on)
		begin(arg);
}

static const struct chardev_user user = {
	.room = room, .input = input, .writable = writable, .opened = opened,
};

static const struct chardev_user shared_user = {
	.room = room, .input = input, .writable = writable, .focused = focused,
};

static void tell(struct json_object *event)
{
	struct monitor *mon;

	for (mon = monitors; mon; mon = mon->next)
		if (mon->begun && mon->language->event && mon->out_len < MAX_WAITING)
			mon->language->event(mon, event);
}

static void add_monitor(struct chardev *chr, const struct monitor_language *language, bool pretty,
			bool shared)
{
	struct monitor *mon = calloc(1, sizeof(*mon));

	if (!mon)
		die("out of memory for a monitor");
	mon->chr = chr;
	mon->language = language;
	mon->pretty = pretty;
	mon->next = monitors;
	monitors = mon;
	if (language->event)
		events_listen(tell);
	chardev_attach(chr, shared ? &shared_user : &user, mon);
}

/* --- options --- */

static struct asked *ask(const char *option, const char *spec, bool qmp)
{
	struct asked *a = &asked[nr_asked];

	if (nr_asked == MAX_MONITORS)
		die("%s %s: more than %d monitors", option, spec, MAX_MONITORS);
	if (!strncmp(spec, "mon:", 4))
		die("%s %s: is a monitor already; leave mon: out", option, spec);
	nr_asked++;
	*a = (struct asked){ .option = option, .spec = spec, .qmp = qmp };
	return a;
}

static void parse_monitor(struct config *cfg, const char *val)
{
	(void)cfg;
	chardev_check("-monitor", val);
	ask("-monitor", val, false);
}

static void parse_qmp(struct config *cfg, const char *val)
{
	(void)cfg;
	chardev_check("-qmp", val);
	ask("-qmp", val, true);
}

static void parse_qmp_pretty(struct config *cfg, const char *val)
{
	(void)cfg;
	chardev_check("-qmp-pretty", val);
	ask("-qmp-pretty", val, true)->pretty = true;
}

static void parse_mon(struct config *cfg, const char *val)
{
	static const char *const modes[] = { "readline", "control", NULL };
	struct keyval *kv = keyval_parse("-mon", val, "chardev");
	const char *id = keyval_need(kv, "chardev");
	int mode = keyval_take_enum(kv, "mode", modes, 0);
	struct asked *a;

	(void)cfg;
	a = ask("-mon", val, mode == 1);
	a->spec = NULL;
	a->chardev = strdup(id);
	a->pretty = keyval_take_bool(kv, "pretty", false);
	if (a->pretty && mode != 1)
		keyval_die(kv, "pretty=on is for mode=control");
	keyval_end(kv);
}

static void open_monitors(const struct config *cfg)
{
	char name[32];
	unsigned int i;

	(void)cfg;
	for (i = 0; i < nr_asked; i++) {
		struct asked *a = &asked[i];

		if (a->spec) {
			snprintf(name, sizeof(name), i ? "compat_monitor%u" : "monitor", i);
			a->chr = chardev_open(a->option, a->spec, strdup(name));
			continue;
		}
		a->chr = chardev_find(a->chardev);
		if (!a->chr)
			die("%s chardev=%s: there is no -chardev with id=%s", a->option, a->chardev,
			    a->chardev);
	}
}

/* After the board has taken its serial lines: those come first where a terminal is shared. */
static void start_monitors(const struct config *cfg)
{
	struct chardev *chr;
	unsigned int i;

	(void)cfg;
	for (i = 0; i < nr_asked; i++)
		if (asked[i].chr)
			add_monitor(asked[i].chr, asked[i].qmp ? &qmp_language : &hmp_language,
				    asked[i].pretty, chardev_is_open(asked[i].chr));
	for (chr = chardev_first(); chr; chr = chardev_next(chr))
		if (chardev_wants_monitor(chr))
			add_monitor(chr, &hmp_language, false, true);
}

static const struct option monitor_options[] = {
	{ "monitor", "WHERE", "monitor for people: stdio, unix:PATH,server=on,wait=off, tcp:HOST:PORT,server=on ...",
	  parse_monitor },
	{ "qmp", "WHERE", "monitor for programs, in JSON", parse_qmp },
	{ "qmp-pretty", "WHERE", "the same, laid out for reading", parse_qmp_pretty },
	{ "mon", "chardev=ID[,mode=readline|control][,pretty=on]", "monitor on a -chardev",
	  parse_mon },
};

static const struct option_group monitor_group = {
	.title = "Monitors",
	.order = ORDER_CONTROL,
	.options = monitor_options,
	.nr = ARRAY_SIZE(monitor_options),
	.open = open_monitors,
	.start = start_monitors,
};
OPTIONS_REGISTER(monitor_group);
