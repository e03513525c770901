/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What virtio.c, the rings and the transports share: queues from the inside, the status machine, and
 * how classes are made.
 */
#ifndef ANYKVM_DEVICES_VIRTIO_CORE_H
#define ANYKVM_DEVICES_VIRTIO_CORE_H

#include "devices/virtio/virtio.h"

/* Device status (section 2.1). */
enum {
	STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 64, STATUS_FAILED = 128,
};

#define NO_VECTOR 0xffffu

/* Descriptor flags that both kinds of rings have (2.7.5, 2.8.1). */
enum { DESC_F_NEXT = 1, DESC_F_WRITE = 2, DESC_F_INDIRECT = 4 };

/* A descriptor of a table (2.7.5); a packed ring's has the same length. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

_Static_assert(sizeof(struct desc) == 16, "the specification's");

struct builder;

/* How a kind of ring takes and gives; see virtio_next() and its like. */
struct ring_ops {
	/* The pieces of the next chain into @b. False: there is none, or the ring is broken. */
	bool (*take)(struct virtio_dev *v, struct virtio_queue *q, struct builder *b);
	void (*put_back)(struct virtio_queue *q, const struct virtio_chain *c);
	void (*give)(struct virtio_dev *v, struct virtio_queue *q, const struct virtio_chain *c,
		     uint32_t written);
	/* What was given while q->holding is to be seen now. */
	void (*publish)(struct virtio_dev *v, struct virtio_queue *q);
	bool (*must_interrupt)(struct virtio_dev *v, struct virtio_queue *q);
	/* Write down whether the driver shall notify. */
	void (*suppress)(struct virtio_dev *v, struct virtio_queue *q);
	bool (*waiting)(struct virtio_dev *v, struct virtio_queue *q);
};

extern const struct ring_ops virtio_split, virtio_packed;

struct virtio_queue {
	void (*notified)(struct virtio_dev *v, unsigned int n);
	unsigned int max;		/* entries offered */
	/* The driver's. */
	unsigned int size;
	bool enabled;
	uint64_t desc, driver, device;	/* where the three parts are */
	uint16_t vector;
	/* The device's. */
	const struct ring_ops *ops;
	uint32_t epoch;			/* grows with every reset: chains of before are known by it */
	uint16_t avail, used;		/* where we stand; split: free-running, packed: entries */
	bool avail_wrap, used_wrap;	/* packed */
	uint32_t since;			/* entries given since the driver was last told */
	bool quiet;			/* the device has asked not to be notified */
	bool holding, held;		/* chains are given together; some are */
	uint64_t held_at;		/* packed: the flags that make the first of them seen */
	uint16_t held_flags;
	unsigned int in_flight;		/* chains (split) or entries (packed) that the device holds */
};

/* A chain while it is read out of a ring. */
struct builder {
	uint16_t id, count;
	unsigned int nr_out, nr_in, seen;
	struct virtio_piece piece[VIRTIO_CHAIN_MAX];
};

/* One more descriptor, of @flags; false: the chain breaks a rule, and the device is broken now. */
bool chain_add(struct virtio_dev *v, struct builder *b, uint64_t gpa, uint32_t len,
	       unsigned int flags);

/* Did the last @since steps up to @now pass @event? (2.7.7.2) */
static inline bool passed(uint16_t event, uint16_t now, uint32_t since)
{
	return (uint16_t)(now - event - 1) < since;
}

/* The parts of a ring lie at addresses of the guest's: false breaks the device. */
bool ring_read(struct virtio_dev *v, uint64_t gpa, void *buf, unsigned int len);
bool ring_write(struct virtio_dev *v, uint64_t gpa, const void *buf, unsigned int len);

/* --- the status machine, for transports --- */

struct virtio_transport {
	void (*queue_interrupt)(struct virtio_dev *v, unsigned int queue);
	void (*config_interrupt)(struct virtio_dev *v);
	/* May the device reach guest memory now? */
	bool (*may_master)(const struct virtio_dev *v);
};

const char *virtio_realize(struct virtio_dev *v, struct device *dev,
			   const struct virtio_transport *transport);
void virtio_unrealize(struct virtio_dev *v);
void virtio_reset(struct virtio_dev *v);
void virtio_set_status(struct virtio_dev *v, uint8_t status, bool legacy);
/* Half @n (0: low, 1: high word) of the offered and the accepted features; others are 0. */
uint32_t virtio_offered(const struct virtio_dev *v, uint32_t half, bool legacy);
uint32_t virtio_accepted(const struct virtio_dev *v, uint32_t half);
void virtio_accept(struct virtio_dev *v, uint32_t half, uint32_t val, bool legacy);
void virtio_queue_enable(struct virtio_dev *v, unsigned int n);
void virtio_queue_reset(struct virtio_dev *v, unsigned int n);
/* Legacy: one address says all, 0 takes the queue away. */
void virtio_queue_legacy(struct virtio_dev *v, unsigned int n, uint64_t base, uint64_t align);
void virtio_queue_notified(struct virtio_dev *v, unsigned int n);
/* Bytes of the configuration; what lies beyond reads as 0 and takes no writes. */
uint64_t virtio_config_get(struct virtio_dev *v, uint32_t off, unsigned int size);
void virtio_config_set(struct virtio_dev *v, uint32_t off, unsigned int size, uint64_t val);
extern const struct device_prop virtio_props[];	/* of every device, in struct virtio_dev */
extern const unsigned int virtio_nr_props;
void virtio_describe(struct virtio_dev *v, char *buf, size_t len);

/* --- classes --- */

/* A device class that a transport has made of a virtio class. */
struct virtio_made {
	struct device_class cls;
	const struct virtio_made *next;
	const struct virtio_class *virtio;
	struct pci_info pci;
	unsigned int kind;		/* the transport's own */
	size_t offset;			/* of the struct virtio_dev in the device */
};

static inline const struct virtio_made *made_of(const struct device *dev)
{
	return (const struct virtio_made *)(const void *)dev->cls;
}

static inline struct virtio_dev *virtio_in(struct device *dev)
{
	return (struct virtio_dev *)(void *)((char *)dev + made_of(dev)->offset);
}

/*
 * A class of the name of @vc and @suffix out of what all of @transport's have in common; its own
 * struct of @size bytes comes first. The caller fills in what is special and adds it.
 */
struct virtio_made *virtio_make(const struct virtio_class *vc, const char *suffix,
				const struct device_class *transport, size_t size);

/* All that were registered: every transport makes its classes of each. */
void virtio_each(void (*make)(const struct virtio_class *vc));

#endif
