// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Doorbells: writes that a device hears of from the event loop while the guest goes on. The bus
 * keeps each where its device's window is.
 */
#include <stdlib.h>

#include "host/bus/internal.h"

struct doorbell {
	struct doorbell *next;
	struct device *dev;
	unsigned int region;
	uint32_t off;
	unsigned int size;
	uint64_t match;
	struct listener *listener;
	bool placed;
	enum bus_space space;
	uint64_t addr;
};

static void take_away(struct doorbell *db)
{
	struct bus *bus = db->dev->bus;

	if (db->placed)
		bus->ops->doorbell_place(bus->arg, db->listener, db->space, db->addr, db->size,
					 db->match, false);
	db->placed = false;
}

static void place(struct doorbell *db)
{
	const struct bus_window *w = db->dev->window[db->region];
	struct bus *bus = db->dev->bus;
	const struct flat *f;
	uint64_t addr;
	bool on = w && w->on;

	if (on) {
		addr = w->base + db->off;
		/* Where another window stands over it, the writes are that one's. */
		f = flat_find(bus, w->space, addr);
		on = f && f->w == w;
	}
	if (db->placed && on && db->addr == addr)
		return;
	take_away(db);
	if (!on)
		return;
	db->space = w->space;
	db->addr = addr;
	db->placed = bus->ops->doorbell_place(bus->arg, db->listener, db->space, addr, db->size,
					      db->match, true);
}

void device_doorbells_place(struct device *dev)
{
	struct doorbell *db;

	for (db = dev->doorbells; db; db = db->next)
		place(db);
}

struct doorbell *device_doorbell(struct device *dev, unsigned int region, uint32_t off,
				 unsigned int size, uint64_t match, void (*fn)(void *arg), void *arg)
{
	const struct bus_ops *ops = dev->bus->ops;
	struct doorbell *db;
	struct listener *l = ops->doorbell_open ? ops->doorbell_open(dev->bus->arg, fn, arg) : NULL;

	if (!l)
		return NULL;
	db = calloc(1, sizeof(*db));
	if (!db) {
		ops->doorbell_close(dev->bus->arg, l);
		return NULL;
	}
	*db = (struct doorbell){ .next = dev->doorbells, .dev = dev, .region = region, .off = off,
				 .size = size, .match = match, .listener = l };
	dev->doorbells = db;
	place(db);
	return db;
}

void device_doorbell_free(struct doorbell *db)
{
	struct doorbell **p;

	if (!db)
		return;
	for (p = &db->dev->doorbells; *p != db; p = &(*p)->next)
		;
	*p = db->next;
	take_away(db);
	db->dev->bus->ops->doorbell_close(db->dev->bus->arg, db->listener);
	free(db);
}

void device_doorbells_free(struct device *dev)
{
	while (dev->doorbells)
		device_doorbell_free(dev->doorbells);
}
