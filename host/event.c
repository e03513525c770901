// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events: see event.h. */
#include <stddef.h>

#include "host/event.h"

void (*event_sink)(const char *name, const struct event_field *fields);

void event_emit(const char *name, const struct event_field *fields)
{
	if (event_sink)
		event_sink(name, fields);
}
