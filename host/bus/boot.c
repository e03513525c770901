// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What firmware shall boot from, in the user's order: a list by index. How firmware names a place is
 * the board's to say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/internal.h"
#include "host/report.h"

struct boot_place {
	int32_t index;
	const struct device *dev;
	char *node;
	struct boot_place *next;
};

const char *device_boot(struct device *dev, int32_t index, const char *node)
{
	struct boot_place **p = &dev->bus->boot_places, *b;

	if (index < 0)
		return NULL;
	while (*p && (*p)->index < index)
		p = &(*p)->next;
	if (*p && (*p)->index == index) {
		const struct device *owner = (*p)->dev;

		return explain("bootindex %d is taken by %s%s%s; give each its own", (int)index,
			       owner->cls->name, owner->id ? " " : "", owner->id ? owner->id : "");
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return "out of memory";
	*b = (struct boot_place){ .index = index, .dev = dev, .node = strdup(node), .next = *p };
	if (!b->node) {
		free(b);
		return "out of memory";
	}
	*p = b;
	return NULL;
}

void device_boot_free(struct device *dev)
{
	struct boot_place **p = &dev->bus->boot_places, *b;

	while ((b = *p)) {
		if (b->dev != dev) {
			p = &b->next;
			continue;
		}
		*p = b->next;
		free(b->node);
		free(b);
	}
}

bool bus_boot_at(const struct bus *bus, unsigned int n, struct bus_boot *boot)
{
	const struct boot_place *b = bus->boot_places;

	while (b && n--)
		b = b->next;
	if (!b)
		return false;
	*boot = (struct bus_boot){ b->index, b->dev, b->node };
	return true;
}
