/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of host/bus/ share: the bus itself, its windows, and the flat view made of them.
 */
#ifndef ANYKVM_HOST_BUS_INTERNAL_H
#define ANYKVM_HOST_BUS_INTERNAL_H

#include "host/bus/bus.h"

#define BUS_MAX_GSI 256
#define BUS_MAX_SLOTS 128

/* What stands at a range of addresses: a device's registers, or memory. */
struct bus_window {
	struct bus_window *next;
	const char *name;
	enum bus_space space;
	uint64_t base, len;
	int prio;
	unsigned int order;		/* of two with one priority the later is above */
	bool on;
	struct device *dev;		/* NULL: plain memory */
	const struct device_region *region;
	uint8_t *host;			/* of memory */
	bool memory;			/* memory now (a flash chip may be registers for a while) */
	bool readonly;
	bool log_dirty;
	bool dirty_all;			/* written by somebody whom the log does not see */
};

/* A piece of the address space that belongs to one window. */
struct flat {
	uint64_t base, len;
	struct bus_window *w;
};

struct flat_view {
	struct flat *at;		/* by address */
	unsigned int nr, room;
};

/* A piece of memory that the accelerator knows. */
struct slot {
	bool used, wanted;
	uint64_t gpa, len;
	uint8_t *host;
	bool readonly, log_dirty;
	struct bus_window *w;
};

struct bus {
	const struct bus_ops *ops;
	void *arg;
	struct device *devices;
	struct device **last;
	struct bus_window *windows;
	unsigned int next_order;
	struct flat_view view[BUS_SPACES];
	struct slot slot[BUS_MAX_SLOTS];
	unsigned int nesting;		/* of bus_begin() */
	bool stale[BUS_SPACES];
	uint16_t holders[BUS_MAX_GSI];
	struct boot_place *boot_places;	/* by index */
	uint64_t messages;		/* message-signalled interrupts sent */
};

/* Where @addr is, NULL: nothing there. */
const struct flat *flat_find(const struct bus *bus, enum bus_space space, uint64_t addr);
/* A window has changed: make the view anew, unless a bus_begin() is open. */
void bus_changed(struct bus *bus, enum bus_space space);
void bus_windows_free(struct bus *bus);
void device_windows_free(struct device *dev);

/* Doorbells follow their device's windows. */
void device_doorbells_place(struct device *dev);
void device_doorbells_free(struct device *dev);

/* Around a device's realize and reset, when it is on PCI. */
const char *pci_prepare(struct device *dev);
const char *pci_realized(struct device *dev);
void pci_reset(struct device *dev);
void pci_unrealize(struct device *dev);

void device_boot_free(struct device *dev);

const char *device_props_init(struct device *dev);

#endif
