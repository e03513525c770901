// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands about what a person has: screen, keyboard, mouse. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/display/display.h"
#include "host/input/input.h"
#include "host/monitor/monitor.h"

#define MAX_KEYS 16
#define DEFAULT_HOLD 100		/* ms */
#define MAX_HOLD 60000

/* --- screen --- */

static struct json_object *run_screendump(struct call *c)
{
	struct display *d = display_first();

	if (!d)
		return call_fail(c, GENERIC_ERROR, "this machine has no screen");
	return call_done(c, display_dump(d, call_str(c, "filename"), call_str(c, "format")));
}

/* --- keys --- */

/* What is down now, until its time is over. */
static struct {
	unsigned int code[MAX_KEYS], nr;
	struct device_timer timer;
} held;

static void release(void *arg)
{
	(void)arg;
	while (held.nr)
		input_press(held.code[--held.nr], false);
}

static void press(const unsigned int *codes, unsigned int n, int64_t ms)
{
	unsigned int i;

	/* Two in a row are two: the first is let go before. */
	device_timer_cancel(&held.timer);
	release(NULL);
	if (!held.timer.fn)
		device_timer_init(&held.timer, release, NULL);
	for (i = 0; i < n; i++) {
		input_press(codes[i], true);
		held.code[held.nr++] = codes[i];
	}
	device_timer_set(&held.timer, device_now() + (uint64_t)ms * 1000000);
}

/* By name, or by its number of scan code set 1. */
static unsigned int key_code(const char *name)
{
	unsigned long n;
	char *end;

	if (isdigit((unsigned char)name[0]) && name[1]) {
		n = strtoul(name, &end, 0);
		return *end || n > 0xff ? 0 : input_key_by_set1((unsigned int)n);
	}
	return input_key_by_name(name);
}

/* For completion. */
static const char *key_name(unsigned int n)
{
	const struct input_key *key;

	for (key = input_key_next(NULL); key && n--; key = input_key_next(key))
		;
	return key ? key->name : NULL;
}

static struct json_object *bad_key(struct call *c, const char *name)
{
	return call_fail(c, GENERIC_ERROR,
			 "Parameter 'keys': there is no key '%s'; names are like ctrl, alt, f1, ret, a", name);
}

static bool take_hold(struct call *c, int64_t *ms)
{
	*ms = call_int(c, "hold-time", DEFAULT_HOLD);
	if (*ms >= 1 && *ms <= MAX_HOLD)
		return true;
	call_fail(c, GENERIC_ERROR, "Parameter 'hold-time' must be from 1 to %d (milliseconds)", MAX_HOLD);
	return false;
}

static struct json_object *run_sendkey(struct call *c)
{
	unsigned int codes[MAX_KEYS], n = 0;
	const char *p = call_str(c, "keys");
	char name[32];
	int64_t ms;

	if (!take_hold(c, &ms))
		return NULL;
	for (;; p++) {
		/* A '-' by itself is the key of that name. */
		size_t len = *p == '-' ? 1 : strcspn(p, "-");

		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		if (n == MAX_KEYS || !(codes[n++] = key_code(!strcmp(name, "-") ? "minus" : name)))
			return bad_key(c, name);
		p += len;
		if (*p != '-')
			break;
	}
	press(codes, n, ms);
	return NULL;
}

static struct json_object *run_send_key(struct call *c)
{
	struct json_object *keys = call_json(c, "keys"), *data;
	unsigned int codes[MAX_KEYS], n;
	int64_t ms;

	if (!take_hold(c, &ms))
		return NULL;
	for (n = 0; n < json_object_array_length(keys); n++) {
		data = get_obj(json_object_array_get_idx(keys, n), "data");
		if (n == MAX_KEYS)
			return bad_key(c, "one more");
		codes[n] = json_object_is_type(data, json_type_int)
				   ? input_key_by_set1((unsigned int)json_object_get_int(data))
				   : input_key_by_name(json_object_get_string(data));
		if (!codes[n])
			return bad_key(c, json_object_get_string(data));
	}
	press(codes, n, ms);
	return NULL;
}

/* --- the mouse --- */

static unsigned int buttons;

static struct json_object *run_mouse_move(struct call *c)
{
	input_move((int)call_int(c, "dx", 0), (int)call_int(c, "dy", 0), (int)call_int(c, "dz", 0),
		   buttons);
	return NULL;
}

static struct json_object *run_mouse_button(struct call *c)
{
	/* 1 left, 2 middle, 4 right. */
	int64_t state = call_int(c, "state", 0);

	if (state < 0 || state > 7)
		return call_fail(c, GENERIC_ERROR,
				 "Parameter 'state' must be a sum of 1 (left), 2 (middle) and 4 (right)");
	buttons = (state & 1 ? INPUT_LEFT : 0) | (state & 2 ? INPUT_MIDDLE : 0) |
		  (state & 4 ? INPUT_RIGHT : 0);
	input_move(0, 0, 0, buttons);
	return NULL;
}

static struct json_object *run_mice(struct call *c)
{
	struct json_object *list = json_object_new_array(), *o;
	const struct input_pointer *p;
	unsigned int n;

	(void)c;
	for (n = 0; (p = input_pointer_at(n)); n++) {
		o = json_object_new_object();
		put_str(o, "name", p->name);
		put_int(o, "index", n);
		put_bool(o, "current", input_pointer_current(p));
		put_bool(o, "absolute", p->place != NULL);
		json_object_array_add(list, o);
	}
	return list;
}

static void print_mice(struct call *c, struct json_object *ret)
{
	size_t i;

	for (i = 0; i < json_object_array_length(ret); i++) {
		struct json_object *o = json_object_array_get_idx(ret, i);

		call_print(c, "%c Mouse #%lld: %s%s\n", get_bool(o, "current") ? '*' : ' ',
			   (long long)get_int(o, "index"), get_str(o, "name"),
			   get_bool(o, "absolute") ? " (absolute)" : "");
	}
}

static struct json_object *run_mouse_set(struct call *c)
{
	int64_t n = call_int(c, "index", 0);

	if (n < 0 || n > UINT32_MAX || !input_use_pointer((unsigned int)n))
		return call_fail(c, GENERIC_ERROR,
				 "Parameter 'index': there is no mouse #%lld; info mice lists all",
				 (long long)n);
	return NULL;
}

/* --- input-send-event --- */

static const struct {
	const char *name;
	unsigned int bit;
	int wheel;
} button_names[] = {
	{ "left", INPUT_LEFT, 0 }, { "middle", INPUT_MIDDLE, 0 }, { "right", INPUT_RIGHT, 0 },
	{ "side", INPUT_SIDE, 0 }, { "extra", INPUT_EXTRA, 0 }, { "wheel-up", 0, 1 },
	{ "wheel-down", 0, -1 },
};

/* What the events of one command add up to: a place is sent when both axes are known. */
struct motion {
	int dx, dy, dz;
	bool moved, placed;
};

static int place_x, place_y;

static const char *take_key(struct json_object *data)
{
	struct json_object *key = get_obj(data, "key"), *which = key ? get_obj(key, "data") : NULL;
	unsigned int code;

	if (!which || !get_obj(data, "down"))
		return "a key event's data is {\"down\": BOOL, \"key\": {\"type\": \"qcode\", \"data\": NAME}}";
	code = json_object_is_type(which, json_type_int)
		       ? input_key_by_set1((unsigned int)json_object_get_int(which))
		       : input_key_by_name(json_object_get_string(which));
	if (!code)
		return "there is no such key";
	input_press(code, get_bool(data, "down"));
	return NULL;
}

static const char *take_button(struct json_object *data, struct motion *m)
{
	const char *name = get_str(data, "button");
	bool down = get_bool(data, "down");
	unsigned int i;

	for (i = 0; name && i < ARRAY_SIZE(button_names); i++)
		if (!strcmp(button_names[i].name, name)) {
			buttons = down ? buttons | button_names[i].bit : buttons & ~button_names[i].bit;
			m->dz += down ? button_names[i].wheel : 0;
			m->moved = true;
			return NULL;
		}
	return "a button is left, middle, right, side, extra, wheel-up or wheel-down";
}

static const char *take_axis(struct json_object *data, struct motion *m, bool absolute)
{
	const char *axis = get_str(data, "axis");
	int64_t value = get_int(data, "value");
	bool x;

	if (!axis || (strcmp(axis, "x") && strcmp(axis, "y")) || !get_obj(data, "value"))
		return "an axis is x or y, and has a value";
	x = *axis == 'x';
	if (absolute && (value < 0 || value > INPUT_ABS_MAX))
		return "a place is from 0 to 32767";
	if (value < -32768 || value > 32767)
		return "a motion is from -32768 to 32767";
	if (absolute) {
		*(x ? &place_x : &place_y) = (int)value;
		m->placed = true;
	} else {
		*(x ? &m->dx : &m->dy) += (int)value;
		m->moved = true;
	}
	return NULL;
}

static struct json_object *run_send_event(struct call *c)
{
	struct json_object *events = call_json(c, "events");
	struct motion m = { 0 };
	size_t i;

	for (i = 0; i < json_object_array_length(events); i++) {
		struct json_object *e = json_object_array_get_idx(events, i), *data = get_obj(e, "data");
		const char *type = get_str(e, "type"), *wrong;

		if (!json_object_is_type(data, json_type_object))
			wrong = "'data' must be an object";
		else if (!strcmp(type, "key"))
			wrong = take_key(data);
		else if (!strcmp(type, "btn"))
			wrong = take_button(data, &m);
		else
			wrong = take_axis(data, &m, !strcmp(type, "abs"));
		if (wrong)
			return call_fail(c, GENERIC_ERROR, "Parameter 'events', number %zu: %s", i, wrong);
	}
	if (m.placed)
		input_place(place_x, place_y, m.dz, buttons);
	else if (m.moved)
		input_move(m.dx, m.dy, m.dz, buttons);
	return NULL;
}

static const char *const formats[] = { "png", "ppm", NULL };
static const char *const event_types[] = { "key", "btn", "rel", "abs", NULL };
static const char *const key_types[] = { "qcode", "number", NULL };

static const struct field screendump_args[] = {
	{ "filename", KIND_STR, "the file to write" },
	{ "format", KIND_ENUM, "of the picture; else by the name's end", .optional = true,
	  .values = formats }, { 0 }
};

static const struct field sendkey_args[] = {
	{ "keys", KIND_STR, "like ctrl-alt-f1", .names = key_name, .joined = true },
	{ "hold-time", KIND_INT, "milliseconds", .optional = true }, { 0 }
};

static const struct field key_value[] = {
	{ "type", KIND_ENUM, "", .values = key_types }, { "data", KIND_ANY, "name or number" }, { 0 }
};

static const struct field send_key_args[] = {
	{ "keys", KIND_OBJECT, "pressed together", .array = true, .of = key_value },
	{ "hold-time", KIND_INT, "milliseconds", .optional = true }, { 0 }
};

static const struct field move_args[] = {
	{ "dx", KIND_INT, "to the right" }, { "dy", KIND_INT, "down" },
	{ "dz", KIND_INT, "the wheel", .optional = true }, { 0 }
};

static const struct field mouse_set_args[] = {
	{ "index", KIND_INT, "its number (info mice)" }, { 0 }
};

static const struct field mice_ret[] = {
	{ "name", KIND_STR, "" }, { "index", KIND_INT, "for mouse_set" },
	{ "current", KIND_BOOL, "it gets the events" },
	{ "absolute", KIND_BOOL, "it knows places" }, { 0 }
};

static const struct field button_args[] = {
	{ "state", KIND_INT, "a sum of 1 (left), 2 (middle) and 4 (right)" }, { 0 }
};

static const struct field input_event[] = {
	{ "type", KIND_ENUM, "", .values = event_types }, { "data", KIND_ANY, "" }, { 0 }
};

static const struct field send_event_args[] = {
	{ "device", KIND_STR, "ignored: there is one screen", .optional = true },
	{ "head", KIND_INT, "ignored: there is one screen", .optional = true },
	{ "events", KIND_OBJECT, "done in order", .array = true, .of = input_event }, { 0 }
};

static const struct command screen_commands[] = {
	{ .hmp = "screendump", .qmp = "screendump", .help = "save a picture of the screen",
	  .args = screendump_args, .run = run_screendump },
	{ .hmp = "sendkey", .help = "press keys", .args = sendkey_args, .run = run_sendkey },
	{ .qmp = "send-key", .help = "press keys", .args = send_key_args, .run = run_send_key },
	{ .hmp = "mouse_move", .help = "move the mouse", .args = move_args, .run = run_mouse_move },
	{ .hmp = "mouse_button", .help = "press and release the mouse's buttons",
	  .args = button_args, .run = run_mouse_button },
	{ .hmp = "mouse_set", .help = "choose the mouse that gets the events", .args = mouse_set_args,
	  .run = run_mouse_set },
	{ .hmp = "info mice", .qmp = "query-mice", .help = "the mice, and which one gets the events",
	  .returns = mice_ret, .returns_array = true, .run = run_mice, .print = print_mice },
	{ .qmp = "input-send-event", .help = "events of keyboard and mouse",
	  .args = send_event_args, .run = run_send_event },
};
COMMANDS_REGISTER(screen_commands);
