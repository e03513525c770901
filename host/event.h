/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to the machine, told to whoever manages it (QMP). Every event and its fields stand
 * in one table (monitor/events.c), which is what introspection shows: an event that is not there
 * is a mistake that ends the process.
 *
 *	event_send("DEVICE_TRAY_MOVED", EVENT_STR("device", id), EVENT_BOOL("tray-open", true));
 *
 * A field's name may lead into an object: "client.host". With the machine lock held. Without a monitor nobody listens, and it costs nothing.
 */
#ifndef ANYKVM_HOST_EVENT_H
#define ANYKVM_HOST_EVENT_H

#include <stdbool.h>
#include <stdint.h>

enum event_type { EVENT_END, EVENT_TYPE_STR, EVENT_TYPE_INT, EVENT_TYPE_BOOL };

struct event_field {
	enum event_type type;
	const char *name;
	const char *str;
	int64_t num;			/* or a bool */
};

#define EVENT_STR(n, v) { EVENT_TYPE_STR, (n), (v), 0 }
#define EVENT_INT(n, v) { EVENT_TYPE_INT, (n), 0, (int64_t)(v) }
#define EVENT_BOOL(n, v) { EVENT_TYPE_BOOL, (n), 0, (v) }

#define event_send(name, ...) \
	event_emit((name), (const struct event_field[]){ __VA_ARGS__ __VA_OPT__(,) { 0 } })

void event_emit(const char *name, const struct event_field *fields);

/* The monitor's. */
extern void (*event_sink)(const char *name, const struct event_field *fields);

#endif
