// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices on the bus: classes by name, a device's life, interrupt lines, and the accesses of vCPUs.
 * See bus.h. Where things stand is windows.c's.
 *
 * An interrupt line that several devices share is up while one of them holds it up.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/bus/internal.h"
#include "host/report.h"

#define MAX_CLASSES 256

extern const struct device_class *const __start_anykvm_devices[];
extern const struct device_class *const __stop_anykvm_devices[];

/* --- classes --- */

static const struct device_class *classes[MAX_CLASSES + 1];
static unsigned int nr_classes;

void device_class_add(const struct device_class *cls)
{
	unsigned int at = 0;

	if (nr_classes == MAX_CLASSES)
		die("more than %d kinds of devices", MAX_CLASSES);
	while (at < nr_classes && strcmp(classes[at]->name, cls->name) < 0)
		at++;
	memmove(&classes[at + 1], &classes[at], (nr_classes - at) * sizeof(classes[0]));
	classes[at] = cls;
	nr_classes++;
}

static __attribute__((constructor)) void collect_classes(void)
{
	const struct device_class *const *c;

	for (c = __start_anykvm_devices; (uintptr_t)c < (uintptr_t)__stop_anykvm_devices; c++)
		device_class_add(*c);
}

const struct device_class *const *device_classes(void)
{
	return classes;
}

const struct device_class *device_class_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_classes; i++)
		if (!strcmp(classes[i]->name, name))
			return classes[i];
	return NULL;
}

/* --- a bus's life --- */

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

static void device_reset(struct device *dev)
{
	if (dev->cls->pci)
		pci_reset(dev);
	if (dev->cls->reset)
		dev->cls->reset(dev);
}

void bus_reset(struct bus *bus)
{
	struct device *dev;

	bus_begin(bus);
	for (dev = bus->devices; dev; dev = dev->next)
		device_reset(dev);
	bus_commit(bus);
}

static void device_free(struct device *dev)
{
	unsigned int i;

	device_doorbells_free(dev);
	device_boot_free(dev);
	if (dev->cls->pci)
		pci_unrealize(dev);
	device_windows_free(dev);
	for (i = 0; i < dev->cls->nr_regions; i++)
		if (dev->memory[i])
			munmap(dev->memory[i], dev->region_len[i]);
	free(dev);
}

void bus_destroy(struct bus *bus)
{
	struct device *dev;

	/* Nothing is told to the accelerator any more: the whole goes. */
	bus_begin(bus);
	while ((dev = bus->devices)) {
		if (dev->cls->unrealize)
			dev->cls->unrealize(dev);
		bus->devices = dev->next;
		device_free(dev);
	}
	bus_windows_free(bus);
	free(bus);
}

struct device *bus_devices(struct bus *bus)
{
	return bus->devices;
}

struct device *device_find(struct bus *bus, const char *id)
{
	struct device *dev;

	for (dev = bus->devices; dev; dev = dev->next)
		if (dev->id && !strcmp(dev->id, id))
			return dev;
	return NULL;
}

/* --- a device's life --- */

struct device *device_create(struct bus *bus, const char *class_name)
{
	const struct device_class *cls = device_class_find(class_name);
	struct device *dev;
	const char *wrong;
	unsigned int i;

	if (!cls)
		die("device %s is not built into this anykvm", class_name);
	if (cls->nr_regions > DEVICE_MAX_REGIONS || cls->nr_irqs > DEVICE_MAX_IRQS)
		die("device %s has more regions or lines than a device may have", class_name);
	dev = calloc(1, cls->size);
	if (!dev)
		die("out of memory for device %s", class_name);
	dev->cls = cls;
	dev->bus = bus;
	for (i = 0; i < DEVICE_MAX_IRQS; i++)
		dev->irq[i].gsi = -1;
	wrong = device_props_init(dev);
	if (wrong)
		die("device %s: %s", class_name, wrong);
	*bus->last = dev;
	bus->last = &dev->next;
	return dev;
}

static const char *realize(struct device *dev)
{
	const struct device_class *cls = dev->cls;
	const char *wrong = NULL;
	unsigned int i;

	for (i = 0; i < cls->nr_regions; i++)
		if (cls->regions[i].len)
			device_region_len(dev, i, cls->regions[i].len);
	if (cls->pci)
		wrong = pci_prepare(dev);
	if (!wrong && cls->realize)
		wrong = cls->realize(dev);
	if (!wrong && cls->pci) {
		wrong = pci_realized(dev);
		if (wrong && cls->unrealize)
			cls->unrealize(dev);
	}
	if (wrong)
		return wrong;
	device_reset(dev);
	return NULL;
}

void device_realize(struct device *dev)
{
	const char *wrong = realize(dev);

	if (wrong)
		die("device %s: %s", dev->cls->name, wrong);
}

const char *device_try_realize(struct device *dev)
{
	const char *wrong = realize(dev);
	struct device **p = &dev->bus->devices;

	if (!wrong)
		return NULL;
	while (*p != dev)
		p = &(*p)->next;
	*p = dev->next;
	if (dev->bus->last == &dev->next)
		dev->bus->last = p;
	device_free(dev);
	return wrong;
}

/* --- interrupt lines and requests --- */

/* @dev begins or ceases to hold @gsi up. */
static void hold(struct device *dev, unsigned int gsi, bool level)
{
	struct bus *bus = dev->bus;
	uint16_t before = bus->holders[gsi];

	bus->holders[gsi] = level ? before + 1 : before - 1;
	if (!before == !bus->holders[gsi])
		return;
	if (tracing(TRACE_IRQ))
		trace("irq %u %s (%s)", gsi, level ? "up" : "down", dev->cls->name);
	bus->ops->set_gsi(bus->arg, gsi, level);
}

void device_connect_irq(struct device *dev, unsigned int n, unsigned int gsi)
{
	if (n >= dev->cls->nr_irqs || gsi >= BUS_MAX_GSI || dev->irq[n].gsi >= 0)
		die("device %s: interrupt line %u cannot be connected", dev->cls->name, n);
	dev->irq[n].gsi = (int)gsi;
	if (dev->irq[n].level)
		hold(dev, gsi, true);
}

void device_disconnect_irq(struct device *dev, unsigned int n)
{
	int gsi = dev->irq[n].gsi;

	dev->irq[n].gsi = -1;
	if (gsi >= 0 && dev->irq[n].level)
		hold(dev, (unsigned int)gsi, false);
}

void device_set_irq(struct device *dev, unsigned int n, bool level)
{
	if (dev->irq[n].level == level)
		return;
	dev->irq[n].level = level;
	dev->irq[n].raised += level;
	if (dev->irq[n].gsi >= 0)
		hold(dev, (unsigned int)dev->irq[n].gsi, level);
}

void device_send_msi(struct bus *bus, uint64_t addr, uint32_t data)
{
	if (tracing(TRACE_IRQ))
		trace("msi %#" PRIx64 " data %#x", addr, data);
	bus->messages++;
	bus->ops->send_msi(bus->arg, addr, data);
}

uint64_t bus_messages(const struct bus *bus)
{
	return bus->messages;
}

void device_request(struct device *dev, enum machine_request what, const char *why)
{
	dev->bus->ops->request(dev->bus->arg, what, why);
}

/* --- accesses --- */

/* The largest piece that may start at @off: a power of two, aligned, inside register and flat piece. */
static unsigned int piece(const struct flat *f, uint64_t addr, unsigned int size)
{
	uint64_t off = addr - f->w->base, left = f->len - (addr - f->base);
	unsigned int n = f->w->memory ? size : f->w->region->max_access;

	if (f->w->memory)
		return n < left ? n : (unsigned int)left;
	while (n > 1 && (n > size || (off & (n - 1)) || n > left))
		n >>= 1;
	return n;
}

static const char *const space_name[BUS_SPACES] = { "port", "mmio" };

/*
 * An access that begins where no device is ends there: a dword to a port before the reset register
 * is one access that nobody answers, not four of which one resets.
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

static void access_memory(struct bus *bus, struct bus_window *w, uint64_t addr, uint8_t *p,
			  unsigned int n, bool write)
{
	uint64_t off = addr - w->base, val = 0;

	if (!write) {
		memcpy(p, w->host + off, n);
	} else if (!w->readonly) {
		memcpy(w->host + off, p, n);
		w->dirty_all = true;
		if (bus->ops->memory_written)
			bus->ops->memory_written(bus->arg, addr, n);
	} else if (w->region && w->region->write) {
		memcpy(&val, p, n > 8 ? 8 : n);
		w->region->write(w->dev, (uint32_t)off, n, val);
	}
}

void bus_access(struct bus *bus, enum bus_space space, uint64_t addr, void *data,
		unsigned int size, bool write)
{
	uint8_t *p = data;

	while (size) {
		const struct flat *f = flat_find(bus, space, addr);
		struct bus_window *w;
		unsigned int n;
		uint64_t val = 0;

		if (!f) {
			unassigned(space, addr, p, size, write);
			return;
		}
		/* The access may move windows: nothing of @f is looked at after it. */
		w = f->w;
		n = piece(f, addr, size);
		if (w->memory) {
			access_memory(bus, w, addr, p, n, write);
		} else if (write) {
			memcpy(&val, p, n);
			w->region->write(w->dev, (uint32_t)(addr - w->base), n, val);
		} else {
			val = w->region->read(w->dev, (uint32_t)(addr - w->base), n);
			memcpy(p, &val, n);
		}
		if (tracing(TRACE_IO) && !w->memory)
			trace("%s %#" PRIx64 " %s%u %s %#" PRIx64, space_name[space], addr,
			      write ? "write" : "read", n, w->dev->cls->name, val);
		addr += n;
		p += n;
		size -= n;
	}
}
