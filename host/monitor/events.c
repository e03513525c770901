// SPDX-License-Identifier: LGPL-2.1-or-later
/* The table of all events, and how one becomes JSON. */
#include <string.h>
#include <time.h>

#include "host/bus/bus.h"
#include "host/event.h"
#include "host/monitor/monitor.h"
#include "host/report.h"

static const struct field cause[] = {
	{ "guest", KIND_BOOL, "the guest did it" },
	{ "reason", KIND_STR, "guest-shutdown, guest-reset, host-signal, host-qmp-quit, ..." },
	{ 0 }
};

static const struct field tray[] = {
	{ "device", KIND_STR, "the drive" },
	{ "id", KIND_STR, "the device's id" },
	{ "tray-open", KIND_BOOL, "open now" },
	{ 0 }
};

static const struct field io_error[] = {
	{ "device", KIND_STR, "the drive" },
	{ "node-name", KIND_STR, "the same", .optional = true },
	{ "operation", KIND_STR, "read or write" },
	{ "action", KIND_STR, "report, ignore or stop" },
	{ "nospace", KIND_BOOL, "the disk below is full" },
	{ "reason", KIND_STR, "for people" },
	{ 0 }
};

static const struct field balloon[] = {
	{ "actual", KIND_SIZE, "the guest has this much memory now, in bytes" },
	{ 0 }
};

static const struct field rtc[] = {
	{ "offset", KIND_INT, "seconds that it is ahead of the time it would have had" },
	{ 0 }
};

static const struct field rx_filter[] = {
	{ "name", KIND_STR, "the card's id", .optional = true },
	{ "path", KIND_STR, "the card" },
	{ 0 }
};

static const struct field port[] = {
	{ "id", KIND_STR, "the port's id" },
	{ "open", KIND_BOOL, "the guest has opened it" },
	{ 0 }
};

static const struct field viewer_server[] = {
	{ "host", KIND_STR, "the address that it came to" },
	{ "service", KIND_STR, "and the port" },
	{ "family", KIND_STR, "ipv4 or ipv6" },
	{ "websocket", KIND_BOOL, "for browsers" },
	{ "auth", KIND_STR, "none or vnc" },
	{ 0 }
};

static const struct field viewer_client[] = {
	{ "host", KIND_STR, "its address" },
	{ "service", KIND_STR, "its port" },
	{ "family", KIND_STR, "ipv4 or ipv6" },
	{ "websocket", KIND_BOOL, "from a browser" },
	{ 0 }
};

static const struct field viewer[] = {
	{ "server", KIND_OBJECT, "this end", .of = viewer_server },
	{ "client", KIND_OBJECT, "the viewer's", .of = viewer_client },
	{ 0 }
};

static const struct event_class events[] = {
	{ "STOP", "the guest has been stopped" },
	{ "RESUME", "the guest goes on" },
	{ "RESET", "the machine has been reset", cause },
	{ "POWERDOWN", "the power button was pressed" },
	{ "SHUTDOWN", "the machine has come to its end", cause },
	{ "DEVICE_TRAY_MOVED", "a drive's tray was opened or closed", tray },
	{ "BLOCK_IO_ERROR", "a disk below failed", io_error },
	{ "BALLOON_CHANGE", "the balloon has changed the guest's memory", balloon },
	{ "RTC_CHANGE", "the guest has set the clock", rtc },
	{ "NIC_RX_FILTER_CHANGED", "a card takes other frames now; said once until query-rx-filter", rx_filter },
	{ "VSERPORT_CHANGE", "the guest opened or closed a port of a virtio console", port },
	{ "VNC_CONNECTED", "a viewer has connected", viewer },
	{ "VNC_INITIALIZED", "a viewer is ready", viewer },
	{ "VNC_DISCONNECTED", "a viewer has gone", viewer },
};

static void (*listener)(struct json_object *event);

const struct event_class *event_at(unsigned int n)
{
	return n < ARRAY_SIZE(events) ? &events[n] : NULL;
}

static const struct event_class *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(events[i].name, name))
			return &events[i];
	die("event %s is not in the monitor's table", name);
}

static const struct field *find_field(const struct field *fields, const char *name, size_t len)
{
	for (; fields && fields->kind; fields++)
		if (!strncmp(fields->name, name, len) && !fields->name[len])
			return fields;
	return NULL;
}

/* "client.host" is member host of the object client. */
static void put_member(const struct event_class *cls, struct json_object *data,
		       const struct event_field *f)
{
	const struct field *fields = cls->data, *known;
	const char *name = f->name, *dot;
	struct json_object *inner;

	for (; (dot = strchr(name, '.')); name = dot + 1) {
		known = find_field(fields, name, (size_t)(dot - name));
		if (!known)
			break;
		inner = get_obj(data, known->name);
		if (!inner) {
			inner = json_object_new_object();
			json_object_object_add(data, known->name, inner);
		}
		data = inner;
		fields = known->of;
	}
	if (!find_field(fields, name, strlen(name)))
		die("event %s has no field %s in the monitor's table", cls->name, f->name);
	if (f->type == EVENT_TYPE_STR)
		put_str(data, name, f->str ? f->str : "");
	else if (f->type == EVENT_TYPE_INT)
		put_int(data, name, f->num);
	else
		put_bool(data, name, f->num);
}

static struct json_object *make_data(const struct event_class *cls, const struct event_field *f)
{
	struct json_object *data = json_object_new_object();

	for (; f->type; f++)
		put_member(cls, data, f);
	return data;
}

static void sink(const char *name, const struct event_field *fields)
{
	struct json_object *event = json_object_new_object(), *stamp = json_object_new_object();
	const struct event_class *cls = find(name);
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	put_int(stamp, "seconds", ts.tv_sec);
	put_int(stamp, "microseconds", ts.tv_nsec / 1000);
	json_object_object_add(event, "timestamp", stamp);
	put_str(event, "event", name);
	if (cls->data)
		json_object_object_add(event, "data", make_data(cls, fields));
	listener(event);
	json_object_put(event);
}

void events_listen(void (*fn)(struct json_object *event))
{
	listener = fn;
	event_sink = sink;
}
