// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Packed rings: Virtual I/O Device (VIRTIO) Version 1.2, section 2.8. One ring of descriptors that
 * the driver makes available and the device overwrites with what it used; two bits in each, compared
 * with a wrap counter, say which it is. Beside it two small areas for notifications.
 */
#include "devices/virtio/core.h"

#define DESC_F_AVAIL	0x0080u
#define DESC_F_USED	0x8000u

/* struct pvirtq_desc, and struct pvirtq_event_suppress of either side. */
struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

_Static_assert(sizeof(struct packed_desc) == 16, "the specification's");

enum { DESC_LEN = 8, DESC_FLAGS = 14 };
enum { EVENT_DESC = 0, EVENT_FLAGS = 2 };
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_AT_DESC = 2 };
#define EVENT_WRAP 0x8000u

static void packed_suppress(struct virtio_dev *v, struct virtio_queue *q)
{
	uint16_t flags = q->quiet ? EVENT_DISABLE : EVENT_ENABLE, at;

	if (!q->quiet && virtio_has(v, VIRTIO_F_EVENT_IDX)) {
		flags = EVENT_AT_DESC;
		at = (uint16_t)(q->avail | (q->avail_wrap ? EVENT_WRAP : 0));
		if (!ring_write(v, q->device + EVENT_DESC, &at, sizeof(at)))
			return;
		__atomic_thread_fence(__ATOMIC_RELEASE);
	}
	ring_write(v, q->device + EVENT_FLAGS, &flags, sizeof(flags));
}

static bool packed_waiting(struct virtio_dev *v, struct virtio_queue *q)
{
	uint16_t flags;

	if (!ring_read(v, q->desc + 16ull * q->avail + DESC_FLAGS, &flags, sizeof(flags)))
		return false;
	if (!(flags & DESC_F_AVAIL) == q->avail_wrap || !(flags & DESC_F_USED) != q->avail_wrap)
		return false;
	/* The rest of the descriptor is read after the flags that say it is there. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return true;
}

/* A table of descriptors one after the other, in which only the direction means something. */
static bool table(struct virtio_dev *v, struct builder *b, const struct packed_desc *of)
{
	uint32_t at, nr = of->len / (uint32_t)sizeof(*of);
	struct packed_desc d;

	if (b->count || of->flags & DESC_F_NEXT || !of->len || of->len % sizeof(*of) ||
	    !virtio_has(v, VIRTIO_F_INDIRECT_DESC)) {
		virtio_break(v, "an indirect descriptor where none may be");
		return false;
	}
	for (at = 0; at < nr; at++)
		if (!ring_read(v, of->addr + 16ull * at, &d, sizeof(d)) ||
		    !chain_add(v, b, d.addr, d.len, d.flags))
			return false;
	return true;
}

static bool walk(struct virtio_dev *v, struct virtio_queue *q, struct builder *b)
{
	struct packed_desc d;
	unsigned int at = q->avail;

	do {
		if (b->count == q->size) {
			virtio_break(v, "a chain is longer than the ring");
			return false;
		}
		if (!ring_read(v, q->desc + 16ull * at, &d, sizeof(d)))
			return false;
		if (d.flags & DESC_F_INDIRECT) {
			if (!table(v, b, &d))
				return false;
		} else if (!chain_add(v, b, d.addr, d.len, d.flags)) {
			return false;
		}
		b->count++;
		at = at + 1 == q->size ? 0 : at + 1;
	} while (d.flags & DESC_F_NEXT);
	b->id = d.id;
	return true;
}

/* @at moves on by @by entries of @size; the wrap counter turns when it comes round. */
static void move(uint16_t *at, bool *wrap, unsigned int by, unsigned int size)
{
	unsigned int to = *at + by;

	if (to >= size) {
		to -= size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)to;
}

static bool packed_take(struct virtio_dev *v, struct virtio_queue *q, struct builder *b)
{
	if (!packed_waiting(v, q)) {
		if (v->broken || q->quiet || !virtio_has(v, VIRTIO_F_EVENT_IDX))
			return false;
		/* Notify us of the next one; which may have come before this was written. */
		packed_suppress(v, q);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (v->broken || !packed_waiting(v, q))
			return false;
	}
	if (!walk(v, q, b))
		return false;
	if (q->in_flight + b->count > q->size) {
		virtio_break(v, "more descriptors at once than the ring has entries");
		return false;
	}
	move(&q->avail, &q->avail_wrap, b->count, q->size);
	q->in_flight += b->count;
	return true;
}

static void packed_put_back(struct virtio_queue *q, const struct virtio_chain *c)
{
	if (q->avail < c->count) {
		q->avail = (uint16_t)(q->avail + q->size);
		q->avail_wrap = !q->avail_wrap;
	}
	q->avail -= c->count;
	q->in_flight -= c->count;
}

static void packed_give(struct virtio_dev *v, struct virtio_queue *q, const struct virtio_chain *c,
			uint32_t written)
{
	uint64_t at = q->desc + 16ull * q->used;
	struct { uint32_t len; uint16_t id; } done = { written, c->id };
	uint16_t flags = (uint16_t)((q->used_wrap ? DESC_F_AVAIL | DESC_F_USED : 0) |
				    (written ? DESC_F_WRITE : 0));

	if (!ring_write(v, at + DESC_LEN, &done, 6))
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	move(&q->used, &q->used_wrap, c->count, q->size);
	q->since += c->count;
	q->in_flight -= c->count;
	/* The driver looks at them in order: none is seen before the first. */
	if (q->holding && !q->held) {
		q->held = true;
		q->held_at = at + DESC_FLAGS;
		q->held_flags = flags;
	} else {
		ring_write(v, at + DESC_FLAGS, &flags, sizeof(flags));
	}
}

static void packed_publish(struct virtio_dev *v, struct virtio_queue *q)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	ring_write(v, q->held_at, &q->held_flags, sizeof(q->held_flags));
}

static bool packed_must_interrupt(struct virtio_dev *v, struct virtio_queue *q)
{
	uint16_t flags, event;
	unsigned int at;

	if (!ring_read(v, q->driver + EVENT_FLAGS, &flags, sizeof(flags)) || flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_AT_DESC || !virtio_has(v, VIRTIO_F_EVENT_IDX))
		return true;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!ring_read(v, q->driver + EVENT_DESC, &event, sizeof(event)))
		return false;
	at = event & ~EVENT_WRAP;
	if (!(event & EVENT_WRAP) == q->used_wrap)
		at -= q->size;		/* of the round before */
	return passed((uint16_t)at, q->used, q->since);
}

const struct ring_ops virtio_packed = {
	.take = packed_take,
	.put_back = packed_put_back,
	.give = packed_give,
	.publish = packed_publish,
	.must_interrupt = packed_must_interrupt,
	.suppress = packed_suppress,
	.waiting = packed_waiting,
};
