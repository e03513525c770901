/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtio (Virtual I/O Device version 1.2): what a device of this family is to its transport, and
 * what the rings are to the device.
 *
 * A device is a `struct virtio_class`: its configuration, its features, its queues and what to do
 * when one is notified. The transports (virtio_pci.c, virtio_mmio.c) make a `struct device_class`
 * of each; the rings (virtio_split.c, virtio_packed.c) are written once. A device sees a chain of
 * buffers as guest-physical pieces that have been copied out of the ring and checked for count and
 * direction, not for where they point.
 *
 * Everything a driver writes is hostile: a broken ring makes the device "need reset" (section
 * 2.1.1), says so once on -d virtio, and nothing else.
 */
#ifndef ANYKVM_DEVICES_VIRTIO_VIRTIO_H
#define ANYKVM_DEVICES_VIRTIO_VIRTIO_H

#include "host/bus/dma.h"
#include "host/bus/pci.h"

#define VIRTIO_QUEUE_MAX 1024u		/* entries a queue */
#define VIRTIO_QUEUES_MAX 64u		/* queues a device */
#define VIRTIO_CONFIG_MAX 256u		/* bytes of a device's configuration */

enum {
	VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4,
	VIRTIO_ID_BALLOON = 5,
};

/* Features of all devices (chapter 6), which the core offers and handles. */
enum {
	VIRTIO_F_NOTIFY_ON_EMPTY = 24, VIRTIO_F_ANY_LAYOUT = 27, VIRTIO_F_INDIRECT_DESC = 28,
	VIRTIO_F_EVENT_IDX = 29, VIRTIO_F_VERSION_1 = 32, VIRTIO_F_RING_PACKED = 34,
	VIRTIO_F_RING_RESET = 40,
};

struct virtio_dev;
struct virtio_queue;

struct virtio_class {
	const char *name;		/* "virtio-blk": the transports add "-pci" and "-device" */
	const char *what, *missing;
	unsigned int id;		/* VIRTIO_ID_* */
	uint16_t pci_transitional;	/* PCI device id of the transitional device (section 4.1.2.1) */
	uint32_t pci_class;
	const char *rom;
	const char *boot_node;		/* what firmware boots from (device_boot()); NULL: nothing */
	size_t size;			/* of the device's own struct, which begins with struct virtio_dev */
	const struct device_prop *props;	/* offsets into the device's own struct */
	unsigned int nr_props;
	uint64_t features;		/* offered whatever the properties say */
	unsigned int config_len;

	/*
	 * NULL; or what is wrong, and nothing is left behind. Calls virtio_add_queue() for each; may
	 * add to ->offered.
	 */
	const char *(*realize)(struct virtio_dev *v);
	void (*unrealize)(struct virtio_dev *v);
	/*
	 * Forget everything that is the driver's, requests under way included: none of them may touch
	 * guest memory afterwards. Chains may still be given back by virtio_done(), here or later: it
	 * knows that they are not of today.
	 */
	void (*reset)(struct virtio_dev *v);
	/* The same for one queue alone (section 2.6.1). NULL: no chain is ever kept. */
	void (*queue_reset)(struct virtio_dev *v, unsigned int n);
	/* The driver has accepted @v->features (FEATURES_OK) and set DRIVER_OK; or, false, no longer. */
	void (*driver_ok)(struct virtio_dev *v, bool on);
	/*
	 * Configuration space: read fills @config (config_len bytes, zeroed); written says which bytes
	 * changed in @config, which otherwise is what read had filled in.
	 */
	void (*config_read)(struct virtio_dev *v, uint8_t *config);
	void (*config_written)(struct virtio_dev *v, const uint8_t *config, unsigned int off,
			       unsigned int len);
	/* For the monitor, beside what the core says; NULL: nothing. */
	void (*describe)(struct virtio_dev *v, char *buf, size_t len);
};

struct virtio_transport;

struct virtio_dev {
	const struct virtio_class *cls;
	struct device *dev;		/* the transport's */
	struct bus *bus;
	const struct virtio_transport *transport;
	uint64_t offered, features;	/* bit n is feature n */
	uint8_t status;
	uint8_t generation;		/* of the configuration */
	bool legacy;			/* the driver speaks the interface of before 1.0 */
	bool broken;			/* needs reset */
	uint32_t refused[2];		/* accepted by the driver, and never offered */
	bool started;			/* driver_ok(true) was called */
	unsigned int nr_queues;
	struct virtio_queue *queue[VIRTIO_QUEUES_MAX];
	/* Properties of all of them. */
	bool want_indirect, want_event_idx, want_packed, want_reset;
};

static inline bool virtio_has(const struct virtio_dev *v, unsigned int feature)
{
	return v->features >> feature & 1;
}

/* --- queues --- */

/* In realize. @size: entries, a power of two. Its number is returned. */
unsigned int virtio_add_queue(struct virtio_dev *v, unsigned int size,
			      void (*notified)(struct virtio_dev *v, unsigned int n));

#define VIRTIO_CHAIN_MAX 1024u

struct virtio_piece {
	uint64_t gpa;
	uint32_t len;
};

/* A chain of buffers: first what the device reads (@nr_out), then what it writes (@nr_in). */
struct virtio_chain {
	uint16_t id, count;		/* the ring's own */
	const struct virtio_queue *q;
	uint32_t epoch;
	unsigned int nr_out, nr_in;
	uint64_t out_len, in_len;	/* bytes */
	struct virtio_piece *out, *in;
	struct virtio_piece piece[];
};

/* The next chain: malloc'ed, to be given back with virtio_done(); NULL: none (or broken). */
struct virtio_chain *virtio_next(struct virtio_dev *v, unsigned int queue);
/* Put it back as if never taken (no room for it yet); the last one taken first. */
void virtio_unget(struct virtio_dev *v, unsigned int queue, struct virtio_chain *c);
/* Finished, @written bytes of its in-part written. Frees @c. Chains may end in any order. */
void virtio_done(struct virtio_dev *v, unsigned int queue, struct virtio_chain *c,
		 uint32_t written);
/* The same for several, of which the driver sees all or none. */
void virtio_done_together(struct virtio_dev *v, unsigned int queue, struct virtio_chain **c,
			  const uint32_t *written, unsigned int nr);
/* Tell the driver of what is done, if it wants to hear. */
void virtio_notify(struct virtio_dev *v, unsigned int queue);
bool virtio_queue_ready(const struct virtio_dev *v, unsigned int queue);
/* Does the driver need to notify from now on? Off while polling. Returns whether chains wait. */
bool virtio_want_notify(struct virtio_dev *v, unsigned int queue, bool on);

/* Copy from the out-part or to the in-part, from byte @off on; how much was there. */
uint64_t virtio_read(struct virtio_dev *v, const struct virtio_chain *c, uint64_t off, void *buf,
		     uint64_t len);
uint64_t virtio_write(struct virtio_dev *v, const struct virtio_chain *c, uint64_t off,
		      const void *buf, uint64_t len);

/* The configuration changed: tell the driver. */
void virtio_config_changed(struct virtio_dev *v);
/* The driver did what the specification forbids. */
void virtio_break(struct virtio_dev *v, const char *why);

/* The virtio device of the class @cls (NULL: of any) behind a transport; NULL: @dev is none. */
struct virtio_dev *virtio_of(struct device *dev, const struct virtio_class *cls);

/* Ends a device's file: both transports learn of it. */
#define VIRTIO_REGISTER(class)							\
	static const struct virtio_class *const class##_registered		\
		__attribute__((used, section("anykvm_virtio"))) = &(class)

#endif
