/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtio driver for tests: over PCI (modern and legacy) and MMIO (both versions), with split and
 * packed rings. It does what chapter 3 of Virtio 1.2 says; a test that wants a hostile one writes
 * into the rings by itself, whose places are here.
 */
#ifndef ANYKVM_TESTS_HOST_VIRTIO_DRIVER_H
#define ANYKVM_TESTS_HOST_VIRTIO_DRIVER_H

#include "tests/host/world.h"

enum way { PCI_MODERN, PCI_LEGACY, MMIO_V2, MMIO_V1, WAYS };

#define DRIVER_QUEUES 64

struct ring {
	unsigned int size;		/* 0: not set up */
	uint64_t desc, driver, device;
	uint16_t avail, last_used, next;	/* @next: the descriptor that is free */
	bool avail_wrap, used_wrap;
};

struct driver {
	enum way way;
	struct device *dev;
	uint64_t features;		/* agreed */
	bool packed;
	unsigned int vectors;		/* MSI-X: queue n has vector n + 1, the configuration 0 */
	struct ring ring[DRIVER_QUEUES];
};

#define DRIVER_DEVFN (5 << 3)
#define DRIVER_IRQ 11

struct buffer {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

/* RAM that nobody has. */
uint64_t guest_alloc(unsigned int len);

/* A fresh world is there and @dev made in it (make(), make_pci()): realize it, find it. */
void driver_find(struct driver *d, enum way way, struct device *dev, bool msix);
uint64_t driver_offered(struct driver *d);
uint8_t driver_status(struct driver *d);
void driver_set_status(struct driver *d, uint8_t status);
/* Reset, ACKNOWLEDGE, DRIVER, FEATURES_OK. False: the device did not take them. */
bool driver_negotiate(struct driver *d, uint64_t features);
/* With @size entries; legacy: the device's own number. */
void driver_queue(struct driver *d, unsigned int n, unsigned int size);
void driver_go(struct driver *d);	/* DRIVER_OK */
/* All of the above: every queue of the device with its own size, those of @features that are offered. */
void driver_start(struct driver *d, uint64_t features);
unsigned int driver_nr_queues(struct driver *d);
unsigned int driver_queue_max(struct driver *d, unsigned int n);

uint64_t driver_config(struct driver *d, uint32_t off, unsigned int size);
void driver_set_config(struct driver *d, uint32_t off, unsigned int size, uint64_t val);

/* A chain; @indirect: through a table. Returns the id that it comes back with. */
uint16_t driver_add(struct driver *d, unsigned int n, const struct buffer *buf, unsigned int nr,
		    bool indirect);
void driver_kick(struct driver *d, unsigned int n);
/* The next used chain. */
bool driver_used(struct driver *d, unsigned int n, uint16_t *id, uint32_t *len);
/* Add, kick, let the world run, take it back: how many bytes; -1: it did not come. */
int64_t driver_do(struct driver *d, unsigned int n, const struct buffer *buf, unsigned int nr);
/* An interrupt since the last call, of queue @n (or -1: of the configuration). */
bool driver_interrupt(struct driver *d, int n);

#endif
