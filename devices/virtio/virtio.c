// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Virtual I/O Device (VIRTIO) Version 1.2, chapter 2: the status machine, features, configuration and
 * queues of every device, whatever its transport and its kind of rings.
 *
 * A chain that a device took carries its queue's epoch, which every reset moves on: what a device
 * gives back late, or copies late, is known to be of yesterday and touches nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/core.h"
#include "host/report.h"

#define BIT(n) (1ull << (n))
/* Bits that only drivers of before 1.0 know (section 6.3): not offered to others. */
#define LEGACY_BITS (BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_ANY_LAYOUT))

#define AT(field) offsetof(struct virtio_dev, field)

const struct device_prop virtio_props[] = {
	{ "indirect_desc", PROP_BOOL, AT(want_indirect),
	  "offer descriptors that point to tables of descriptors", "on" },
	{ "event_idx", PROP_BOOL, AT(want_event_idx),
	  "offer notifications by index", "on" },
	{ "packed", PROP_BOOL, AT(want_packed), "offer packed rings", "off" },
	{ "queue_reset", PROP_BOOL, AT(want_reset), "offer reset of single queues", "on" },
};
const unsigned int virtio_nr_props = ARRAY_SIZE(virtio_props);

void virtio_break(struct virtio_dev *v, const char *why)
{
	if (v->broken)
		return;
	v->broken = true;
	if (tracing(TRACE_VIRTIO))
		trace("%s needs reset: %s", v->dev->cls->name, why);
	if (!virtio_has(v, VIRTIO_F_VERSION_1))
		return;		/* drivers of before 1.0 know nothing of it */
	v->status |= STATUS_NEEDS_RESET;
	if (v->status & STATUS_DRIVER_OK)
		v->transport->config_interrupt(v);
}

/* --- chains --- */

/* Drivers of before 1.0 exist that forget to make their device a bus master. */
static bool may_master(const struct virtio_dev *v)
{
	return v->legacy || v->transport->may_master(v);
}

bool ring_read(struct virtio_dev *v, uint64_t gpa, void *buf, unsigned int len)
{
	if (dma_read(v->bus, gpa, buf, len))
		return true;
	virtio_break(v, "a ring is not in memory");
	return false;
}

bool ring_write(struct virtio_dev *v, uint64_t gpa, const void *buf, unsigned int len)
{
	if (dma_write(v->bus, gpa, buf, len))
		return true;
	virtio_break(v, "a ring is not in memory");
	return false;
}

bool chain_add(struct virtio_dev *v, struct builder *b, uint64_t gpa, uint32_t len,
	       unsigned int flags)
{
	struct virtio_piece *p = &b->piece[b->nr_out + b->nr_in];

	if (b->seen++ == VIRTIO_CHAIN_MAX) {
		virtio_break(v, "a chain is too long, or has no end");
		return false;
	}
	if (!(flags & DESC_F_WRITE) && b->nr_in) {
		virtio_break(v, "a buffer to read follows one to write");
		return false;
	}
	if (flags & DESC_F_WRITE && len)
		b->nr_in++;
	else if (len)
		b->nr_out++;
	else
		return true;	/* nothing in it */
	*p = (struct virtio_piece){ gpa, len };
	return true;
}

static uint64_t length(const struct virtio_piece *p, unsigned int nr)
{
	uint64_t len = 0;

	while (nr--)
		len += p++->len;
	return len;
}

static struct virtio_chain *chain_make(const struct virtio_queue *q, const struct builder *b)
{
	unsigned int nr = b->nr_out + b->nr_in;
	struct virtio_chain *c = malloc(sizeof(*c) + nr * sizeof(c->piece[0]));

	if (!c)
		return NULL;
	*c = (struct virtio_chain){
		.id = b->id, .count = b->count, .q = q, .epoch = q->epoch,
		.nr_out = b->nr_out, .nr_in = b->nr_in,
		.out = c->piece, .in = c->piece + b->nr_out,
	};
	memcpy(c->piece, b->piece, nr * sizeof(c->piece[0]));
	c->out_len = length(c->out, c->nr_out);
	c->in_len = length(c->in, c->nr_in);
	return c;
}

static bool of_today(const struct virtio_dev *v, const struct virtio_chain *c)
{
	return c->epoch == c->q->epoch && !v->broken && may_master(v);
}

/* --- queues, for devices --- */

unsigned int virtio_add_queue(struct virtio_dev *v, unsigned int size,
			      void (*notified)(struct virtio_dev *v, unsigned int n))
{
	struct virtio_queue *q = calloc(1, sizeof(*q));

	if (!q || v->nr_queues == VIRTIO_QUEUES_MAX)
		die("device %s: %s", v->cls->name, q ? "too many queues" : "out of memory");
	q->max = size;
	q->notified = notified;
	v->queue[v->nr_queues] = q;
	return v->nr_queues++;
}

bool virtio_queue_ready(const struct virtio_dev *v, unsigned int n)
{
	return n < v->nr_queues && v->queue[n]->enabled && !v->broken &&
	       (v->legacy || v->status & STATUS_DRIVER_OK) && may_master(v);
}

struct virtio_chain *virtio_next(struct virtio_dev *v, unsigned int n)
{
	static struct builder b;	/* the machine lock is held */
	struct virtio_queue *q = v->queue[n];
	struct virtio_chain *c;

	if (!virtio_queue_ready(v, n))
		return NULL;
	b.count = 0;
	b.nr_out = b.nr_in = b.seen = 0;
	if (!q->ops->take(v, q, &b))
		return NULL;
	c = chain_make(q, &b);
	if (!c)
		virtio_break(v, "the host has no memory left");
	return c;
}

void virtio_unget(struct virtio_dev *v, unsigned int n, struct virtio_chain *c)
{
	if (of_today(v, c))
		v->queue[n]->ops->put_back(v->queue[n], c);
	free(c);
}

void virtio_done(struct virtio_dev *v, unsigned int n, struct virtio_chain *c, uint32_t written)
{
	if (of_today(v, c))
		v->queue[n]->ops->give(v, v->queue[n], c, written);
	free(c);
}

void virtio_done_together(struct virtio_dev *v, unsigned int n, struct virtio_chain **c,
			  const uint32_t *written, unsigned int nr)
{
	struct virtio_queue *q = v->queue[n];
	unsigned int i;

	q->holding = true;
	q->held = false;
	for (i = 0; i < nr; i++)
		virtio_done(v, n, c[i], written[i]);
	q->holding = false;
	if (q->held)
		q->ops->publish(v, q);
}

void virtio_notify(struct virtio_dev *v, unsigned int n)
{
	struct virtio_queue *q = v->queue[n];

	if (!q->since || !virtio_queue_ready(v, n))
		return;
	/* What was given is there before the driver's wish is looked at. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->ops->must_interrupt(v, q))
		v->transport->queue_interrupt(v, n);
	q->since = 0;
}

bool virtio_want_notify(struct virtio_dev *v, unsigned int n, bool on)
{
	struct virtio_queue *q = v->queue[n];

	if (!virtio_queue_ready(v, n))
		return false;
	q->quiet = !on;
	q->ops->suppress(v, q);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return q->ops->waiting(v, q);
}

/* The pieces of one side of a chain, from byte @off on, one after the other. */
static uint64_t copy(struct virtio_dev *v, const struct virtio_piece *p, unsigned int nr,
		     uint64_t off, uint8_t *buf, uint64_t len, bool write)
{
	uint64_t done = 0;

	for (; nr-- && len; p++) {
		uint64_t n = p->len - off;

		if (off >= p->len) {
			off -= p->len;
			continue;
		}
		if (n > len)
			n = len;
		if (write)
			dma_write(v->bus, p->gpa + off, buf, n);
		else
			dma_read(v->bus, p->gpa + off, buf, n);
		off = 0;
		buf += n;
		len -= n;
		done += n;
	}
	return done;
}

uint64_t virtio_read(struct virtio_dev *v, const struct virtio_chain *c, uint64_t off, void *buf,
		     uint64_t len)
{
	return of_today(v, c) ? copy(v, c->out, c->nr_out, off, buf, len, false) : 0;
}

uint64_t virtio_write(struct virtio_dev *v, const struct virtio_chain *c, uint64_t off,
		      const void *buf, uint64_t len)
{
	return of_today(v, c) ? copy(v, c->in, c->nr_in, off, (uint8_t *)(uintptr_t)buf, len, true) :
				0;
}

/* --- queues, for transports --- */

static void queue_forget(struct virtio_queue *q)
{
	q->epoch++;
	q->enabled = q->quiet = false;
	q->size = q->max;
	q->desc = q->driver = q->device = 0;
	q->vector = NO_VECTOR;
	q->avail = q->used = 0;
	q->avail_wrap = q->used_wrap = true;
	q->since = q->in_flight = 0;
}

void virtio_queue_enable(struct virtio_dev *v, unsigned int n)
{
	struct virtio_queue *q = v->queue[n];
	bool packed = virtio_has(v, VIRTIO_F_RING_PACKED);

	if (q->enabled)
		return;
	if (q->desc & 15 || q->driver & (packed ? 3 : 1) || q->device & 3) {
		virtio_break(v, "a ring is not aligned");
	} else if (!packed && q->size & (q->size - 1)) {
		virtio_break(v, "the size of a split ring is no power of two");
	} else {
		q->ops = packed ? &virtio_packed : &virtio_split;
		q->enabled = true;
	}
}

void virtio_queue_reset(struct virtio_dev *v, unsigned int n)
{
	if (v->cls->queue_reset)
		v->cls->queue_reset(v, n);
	queue_forget(v->queue[n]);
}

void virtio_queue_legacy(struct virtio_dev *v, unsigned int n, uint64_t base, uint64_t align)
{
	struct virtio_queue *q = v->queue[n];
	uint16_t vector = q->vector;
	unsigned int size = q->size;

	if (q->enabled) {
		virtio_queue_reset(v, n);
		q->vector = vector;
		q->size = size;
	}
	q->desc = base;
	q->driver = base + 16ull * q->size;
	q->device = (q->driver + 6 + 2ull * q->size + align - 1) & ~(align - 1);
	if (base)
		virtio_queue_enable(v, n);
}

void virtio_queue_notified(struct virtio_dev *v, unsigned int n)
{
	if (virtio_queue_ready(v, n) && v->queue[n]->notified)
		v->queue[n]->notified(v, n);
}

/* --- features and status --- */

uint32_t virtio_offered(const struct virtio_dev *v, uint32_t half, bool legacy)
{
	uint64_t f = legacy ? v->offered & 0xffffffff : v->offered & ~LEGACY_BITS;

	return half < 2 ? (uint32_t)(f >> (32 * half)) : 0;
}

uint32_t virtio_accepted(const struct virtio_dev *v, uint32_t half)
{
	return half < 2 ? (uint32_t)(v->features >> (32 * half)) : 0;
}

void virtio_accept(struct virtio_dev *v, uint32_t half, uint32_t val, bool legacy)
{
	uint32_t may = virtio_offered(v, half, legacy);

	/* Once agreed they stand (section 3.1.1). */
	if (half > 1 || v->status & (STATUS_FEATURES_OK | STATUS_DRIVER_OK)) {
		if (half > 1 && val)
			v->refused[1] |= val;
		return;
	}
	v->refused[half] = val & ~may;
	v->features &= ~(0xffffffffull << (32 * half));
	v->features |= (uint64_t)(val & may) << (32 * half);
}

void virtio_set_status(struct virtio_dev *v, uint8_t status, bool legacy)
{
	unsigned int n;

	if (!status) {
		virtio_reset(v);
		return;
	}
	v->legacy = legacy;
	if (!legacy && status & ~v->status & STATUS_FEATURES_OK) {
		if (tracing(TRACE_VIRTIO))
			trace("%s: features %#" PRIx64 " of %#" PRIx64, v->dev->cls->name, v->features,
			      v->offered);
		if (v->refused[0] || v->refused[1] || !virtio_has(v, VIRTIO_F_VERSION_1))
			status &= (uint8_t)~STATUS_FEATURES_OK;
	}
	/* Nothing but a reset takes a bit back, and one is ours (section 2.1). */
	v->status |= status & (uint8_t)~STATUS_NEEDS_RESET;
	if (v->status & STATUS_DRIVER_OK && !v->started) {
		v->started = true;
		if (v->cls->driver_ok)
			v->cls->driver_ok(v, true);
		/* Drivers fill queues, and some (Linux's balloon) notify, before this. */
		for (n = 0; n < v->nr_queues; n++)
			virtio_queue_notified(v, n);
	}
}

void virtio_reset(struct virtio_dev *v)
{
	unsigned int n;

	if (v->started && v->cls->driver_ok)
		v->cls->driver_ok(v, false);
	v->started = false;
	if (v->cls->reset)
		v->cls->reset(v);
	for (n = 0; n < v->nr_queues; n++)
		queue_forget(v->queue[n]);
	v->features = 0;
	v->refused[0] = v->refused[1] = 0;
	v->status = 0;
	v->broken = v->legacy = false;
}

/* --- configuration space --- */

void virtio_config_changed(struct virtio_dev *v)
{
	v->generation++;
	if (v->status & STATUS_DRIVER_OK)
		v->transport->config_interrupt(v);
}

uint64_t virtio_config_get(struct virtio_dev *v, uint32_t off, unsigned int size)
{
	uint8_t config[VIRTIO_CONFIG_MAX + 8] = { 0 };
	uint64_t val = 0;

	if (off >= v->cls->config_len || !v->cls->config_read)
		return 0;
	v->cls->config_read(v, config);
	memcpy(&val, config + off, size);
	return val;
}

void virtio_config_set(struct virtio_dev *v, uint32_t off, unsigned int size, uint64_t val)
{
	uint8_t config[VIRTIO_CONFIG_MAX + 8] = { 0 };

	if (off + size > v->cls->config_len || !v->cls->config_written)
		return;
	v->cls->config_read(v, config);
	memcpy(config + off, &val, size);
	v->cls->config_written(v, config, off, size);
}

/* --- life --- */

static void forget_all(struct virtio_dev *v)
{
	while (v->nr_queues)
		free(v->queue[--v->nr_queues]);
	v->cls = NULL;
}

const char *virtio_realize(struct virtio_dev *v, struct device *dev,
			   const struct virtio_transport *transport)
{
	const char *wrong;

	v->cls = made_of(dev)->virtio;
	v->dev = dev;
	v->bus = dev->bus;
	v->transport = transport;
	v->offered |= v->cls->features | LEGACY_BITS;
	if (v->want_indirect)
		v->offered |= BIT(VIRTIO_F_INDIRECT_DESC);
	if (v->want_event_idx)
		v->offered |= BIT(VIRTIO_F_EVENT_IDX);
	if (v->want_packed)
		v->offered |= BIT(VIRTIO_F_RING_PACKED);
	if (v->want_reset)
		v->offered |= BIT(VIRTIO_F_RING_RESET);
	wrong = v->cls->boot_node ? device_boot(dev, dev->bootindex, v->cls->boot_node) : NULL;
	if (!wrong)
		wrong = v->cls->realize(v);
	if (wrong)
		forget_all(v);
	return wrong;
}

void virtio_unrealize(struct virtio_dev *v)
{
	if (!v->cls)
		return;		/* never came to life */
	if (v->cls->unrealize)
		v->cls->unrealize(v);
	forget_all(v);
}

void virtio_describe(struct virtio_dev *v, char *buf, size_t len)
{
	unsigned int n, enabled = 0;
	size_t at;

	for (n = 0; n < v->nr_queues; n++)
		enabled += v->queue[n]->enabled;
	snprintf(buf, len, "status %#x%s, features %#" PRIx64 " of %#" PRIx64 ", %u of %u queues on",
		 v->status, v->broken ? " (broken)" : "", v->features, v->offered, enabled,
		 v->nr_queues);
	at = strlen(buf);
	if (v->cls->describe && at + 2 < len) {
		strcpy(buf + at, ", ");
		v->cls->describe(v, buf + at + 2, len - at - 2);
	}
}

/* --- classes --- */

extern const struct virtio_class *const __start_anykvm_virtio[];
extern const struct virtio_class *const __stop_anykvm_virtio[];

static const struct virtio_made *all_made;

void virtio_each(void (*make)(const struct virtio_class *vc))
{
	const struct virtio_class *const *c;

	for (c = __start_anykvm_virtio; (uintptr_t)c < (uintptr_t)__stop_anykvm_virtio; c++)
		make(*c);
}

/* @from's rows behind @to's, their fields @shift bytes further into the struct. */
static void add_props(struct device_class *to, struct device_prop *room,
		      const struct device_prop *from, unsigned int nr, size_t shift)
{
	while (nr--) {
		room[to->nr_props] = *from++;
		room[to->nr_props++].offset += shift;
	}
}

struct virtio_made *virtio_make(const struct virtio_class *vc, const char *suffix,
				const struct device_class *transport, size_t size)
{
	static const struct device_prop boot = BOOT_PROP;
	struct virtio_made *m = calloc(1, sizeof(*m));
	struct device_prop *props = calloc(transport->nr_props + virtio_nr_props + vc->nr_props + 1,
					   sizeof(*props));
	char *name;

	if (!m || !props || asprintf(&name, "%s%s", vc->name, suffix) < 0)
		die("out of memory for the kinds of devices");
	m->cls = *transport;
	m->virtio = vc;
	m->offset = (size + 15) & ~(size_t)15;
	m->cls.name = name;
	m->cls.what = vc->what;
	m->cls.missing = vc->missing;
	m->cls.size = m->offset + vc->size;
	m->cls.props = props;
	m->cls.nr_props = 0;
	add_props(&m->cls, props, vc->props, vc->nr_props, m->offset);
	add_props(&m->cls, props, transport->props, transport->nr_props, 0);
	add_props(&m->cls, props, virtio_props, virtio_nr_props, m->offset);
	if (vc->boot_node)
		add_props(&m->cls, props, &boot, 1, 0);
	m->next = all_made;
	all_made = m;
	return m;
}

struct virtio_dev *virtio_of(struct device *dev, const struct virtio_class *cls)
{
	const struct virtio_made *m;

	for (m = all_made; m; m = m->next)
		if (&m->cls == dev->cls)
			return !cls || m->virtio == cls ? virtio_in(dev) : NULL;
	return NULL;
}
