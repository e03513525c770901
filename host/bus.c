// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The bus: which device answers at an address, and which lines are up. See bus.h.
 *
 * Both spaces keep their mapped windows in one array sorted by address; an access is a binary
 * search and then at most a few pieces. An interrupt line that several devices share is up while
 * one of them holds it up.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus.h"
#include "host/report.h"

#define BUS_MAX_WINDOWS 64
#define BUS_MAX_GSI 256

struct window {
	uint64_t base;
	uint64_t len;
	struct device *dev;
	const struct device_region *region;
};

struct bus {
	const struct bus_ops *ops;
	void *arg;
	struct device *devices;
	struct device **last;
	struct {
		struct window window[BUS_MAX_WINDOWS];
		unsigned int nr;
	} space[BUS_SPACES];
	uint16_t holders[BUS_MAX_GSI];
};

extern const struct device_class *const __start_anykvm_devices[];
extern const struct device_class *const __stop_anykvm_devices[];

struct bus *bus_create(const struct bus_ops *ops, void *arg)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		die("out of memory for the machine's bus");
	bus->ops = ops;
	bus->arg = arg;
	bus->last = &bus->devices;
	return bus;
}

void bus_reset(struct bus *bus)
{
	struct device *dev;

	for (dev = bus->devices; dev; dev = dev->next)
		if (dev->cls->reset)
			dev->cls->reset(dev);
}

void bus_destroy(struct bus *bus)
{
	struct device *dev;

	while ((dev = bus->devices)) {
		bus->devices = dev->next;
		if (dev->cls->unrealize)
			dev->cls->unrealize(dev);
		free(dev);
	}
	free(bus);
}

static const struct device_class *find_class(const char *name)
{
	const struct device_class *const *c;

	for (c = __start_anykvm_devices; (uintptr_t)c < (uintptr_t)__stop_anykvm_devices; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	die("device %s is not built into this anykvm", name);
}

struct device *device_create(struct bus *bus, const char *class_name)
{
	const struct device_class *cls = find_class(class_name);
	struct device *dev = calloc(1, cls->size);
	unsigned int i;

	if (!dev)
		die("out of memory for device %s", class_name);
	dev->cls = cls;
	dev->bus = bus;
	for (i = 0; i < DEVICE_MAX_IRQS; i++)
		dev->irq[i].gsi = -1;
	*bus->last = dev;
	bus->last = &dev->next;
	return dev;
}

static void *prop_field(struct device *dev, const char *name, enum device_prop_type type)
{
	const struct device_prop *p;

	for (p = dev->cls->props; p < dev->cls->props + dev->cls->nr_props; p++)
		if (p->type == type && !strcmp(p->name, name))
			return (char *)dev + p->offset;
	die("device %s has no property %s", dev->cls->name, name);
}

void device_set_u64(struct device *dev, const char *prop, uint64_t val)
{
	*(uint64_t *)prop_field(dev, prop, PROP_U64) = val;
}

void device_set_bool(struct device *dev, const char *prop, bool val)
{
	*(bool *)prop_field(dev, prop, PROP_BOOL) = val;
}

void device_set_chardev(struct device *dev, const char *prop, struct chardev *chr)
{
	*(struct chardev **)prop_field(dev, prop, PROP_CHARDEV) = chr;
}

void device_realize(struct device *dev)
{
	const char *wrong = dev->cls->realize ? dev->cls->realize(dev) : NULL;

	if (wrong)
		die("device %s: %s", dev->cls->name, wrong);
	if (dev->cls->reset)
		dev->cls->reset(dev);
}

void device_map(struct device *dev, unsigned int region, uint64_t base)
{
	const struct device_region *r = &dev->cls->regions[region];
	struct bus *bus = dev->bus;
	struct window *w = bus->space[r->space].window;
	unsigned int n = bus->space[r->space].nr;
	unsigned int at = 0;

	if (region >= dev->cls->nr_regions || n == BUS_MAX_WINDOWS)
		die("device %s: region %u cannot be mapped", dev->cls->name, region);
	while (at < n && w[at].base < base)
		at++;
	if ((at && w[at - 1].base + w[at - 1].len > base) || (at < n && base + r->len > w[at].base))
		die("device %s: %s at %#" PRIx64 " is over another device's window",
		    dev->cls->name, r->name, base);
	memmove(&w[at + 1], &w[at], (n - at) * sizeof(*w));
	w[at] = (struct window){ .base = base, .len = r->len, .dev = dev, .region = r };
	bus->space[r->space].nr = n + 1;
}

void device_connect_irq(struct device *dev, unsigned int n, unsigned int gsi)
{
	if (n >= dev->cls->nr_irqs || gsi >= BUS_MAX_GSI)
		die("device %s: interrupt line %u cannot be connected", dev->cls->name, n);
	dev->irq[n].gsi = (int)gsi;
}

void device_set_irq(struct device *dev, unsigned int n, bool level)
{
	struct bus *bus = dev->bus;
	int gsi = dev->irq[n].gsi;
	uint16_t before;

	if (dev->irq[n].level == level)
		return;
	dev->irq[n].level = level;
	if (gsi < 0)
		return;
	before = bus->holders[gsi];
	bus->holders[gsi] = level ? before + 1 : before - 1;
	if (!before != !bus->holders[gsi]) {
		if (tracing(TRACE_IRQ))
			trace("irq %d %s (%s)", gsi, level ? "up" : "down", dev->cls->name);
		bus->ops->set_gsi(bus->arg, (unsigned int)gsi, level);
	}
}

void device_request(struct device *dev, enum machine_request what, const char *why)
{
	dev->bus->ops->request(dev->bus->arg, what, why);
}

static const struct window *find_window(struct bus *bus, enum bus_space space, uint64_t addr)
{
	const struct window *w = bus->space[space].window;
	unsigned int lo = 0, hi = bus->space[space].nr;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (addr < w[mid].base)
			hi = mid;
		else if (addr - w[mid].base >= w[mid].len)
			lo = mid + 1;
		else
			return &w[mid];
	}
	return NULL;
}

/* The largest piece that may start at @off of @w: a power of two, aligned, inside the window. */
static unsigned int piece(const struct window *w, uint64_t off, unsigned int size)
{
	unsigned int n = w->region->max_access;

	while (n > 1 && (n > size || (off & (n - 1)) || off + n > w->len))
		n >>= 1;
	return n;
}

static const char *const space_name[BUS_SPACES] = { "port", "mmio" };

/*
 * An access that begins where no device is ends there: a dword to 0xcf8 is one access to a host
 * bridge that is absent, not four of which the second hits the reset register at 0xcf9.
 */
static void unassigned(enum bus_space space, uint64_t addr, void *data, unsigned int size,
		       bool write)
{
	if (!write)
		memset(data, 0xff, size);
	if (tracing(TRACE_UNASSIGNED))
		trace("%s %#" PRIx64 ": no device (%s%u)", space_name[space], addr,
		      write ? "write" : "read", size);
}

void bus_access(struct bus *bus, enum bus_space space, uint64_t addr, void *data,
		unsigned int size, bool write)
{
	uint8_t *p = data;

	while (size) {
		const struct window *w = find_window(bus, space, addr);
		unsigned int n;
		uint64_t val;

		if (!w) {
			unassigned(space, addr, p, size, write);
			return;
		}
		n = piece(w, addr - w->base, size);
		if (write) {
			val = 0;
			memcpy(&val, p, n);
			w->region->write(w->dev, (uint32_t)(addr - w->base), n, val);
		} else {
			val = w->region->read(w->dev, (uint32_t)(addr - w->base), n);
			memcpy(p, &val, n);
		}
		if (tracing(TRACE_IO))
			trace("%s %#" PRIx64 " %s%u %s %#" PRIx64, space_name[space], addr,
			      write ? "write" : "read", n, w->dev->cls->name, val);
		addr += n;
		p += n;
		size -= n;
	}
}
