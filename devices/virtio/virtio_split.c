// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Split rings: Virtual I/O Device (VIRTIO) Version 1.2, section 2.7. A table of descriptors, a ring of
 * heads that the driver makes available, and a ring of heads that the device has used.
 *
 * The driver writes while we read. Every number is read once and checked before it is used, and the
 * walk ends after VIRTIO_CHAIN_MAX descriptors whatever the links say.
 */
#include "devices/virtio/core.h"

#define AVAIL_F_NO_INTERRUPT	1
#define USED_F_NO_NOTIFY	1

/* struct virtq_avail and struct virtq_used: flags, idx, then the ring and the other side's event. */
enum { RING_FLAGS = 0, RING_IDX = 2, RING_ENTRIES = 4 };

static uint64_t used_event_at(const struct virtio_queue *q)
{
	return q->driver + RING_ENTRIES + 2ull * q->size;
}

static uint64_t avail_event_at(const struct virtio_queue *q)
{
	return q->device + RING_ENTRIES + 8ull * q->size;
}

static void split_suppress(struct virtio_dev *v, struct virtio_queue *q)
{
	uint16_t val;

	if (virtio_has(v, VIRTIO_F_EVENT_IDX)) {
		/* An index just left behind is one that the driver will not pass for long. */
		val = q->quiet ? (uint16_t)(q->avail - 1) : q->avail;
		ring_write(v, avail_event_at(q), &val, sizeof(val));
	} else {
		val = q->quiet ? USED_F_NO_NOTIFY : 0;
		ring_write(v, q->device + RING_FLAGS, &val, sizeof(val));
	}
}

static bool split_waiting(struct virtio_dev *v, struct virtio_queue *q)
{
	uint16_t idx;

	if (!ring_read(v, q->driver + RING_IDX, &idx, sizeof(idx)) || idx == q->avail)
		return false;
	if ((uint16_t)(idx - q->avail) > q->size) {
		virtio_break(v, "the index of available chains is ahead of the ring");
		return false;
	}
	/* The entry is read after the index that says it is there. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return true;
}

/* The descriptors of @table, which has @nr of them, from @at on along the links. */
static bool walk(struct virtio_dev *v, struct builder *b, uint64_t table, uint32_t nr, uint32_t at,
		 bool indirect)
{
	struct desc d;

	do {
		if (at >= nr) {
			virtio_break(v, "a link leads out of the table");
			return false;
		}
		if (!ring_read(v, table + 16ull * at, &d, sizeof(d)))
			return false;
		if (d.flags & DESC_F_INDIRECT) {
			if (indirect || d.flags & DESC_F_NEXT || !d.len || d.len % sizeof(d) ||
			    !virtio_has(v, VIRTIO_F_INDIRECT_DESC)) {
				virtio_break(v, "an indirect descriptor where none may be");
				return false;
			}
			return walk(v, b, d.addr, d.len / (uint32_t)sizeof(d), 0, true);
		}
		if (!chain_add(v, b, d.addr, d.len, d.flags))
			return false;
		at = d.next;
	} while (d.flags & DESC_F_NEXT);
	return true;
}

static bool split_take(struct virtio_dev *v, struct virtio_queue *q, struct builder *b)
{
	uint16_t head;

	if (!split_waiting(v, q)) {
		if (v->broken || q->quiet || !virtio_has(v, VIRTIO_F_EVENT_IDX))
			return false;
		/* Notify us of the next one; which may have come before this was written. */
		split_suppress(v, q);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (v->broken || !split_waiting(v, q))
			return false;
	}
	if (q->in_flight >= q->size) {
		virtio_break(v, "more chains at once than the ring has entries");
		return false;
	}
	if (!ring_read(v, q->driver + RING_ENTRIES + 2ull * (q->avail % q->size), &head,
		       sizeof(head)) ||
	    !walk(v, b, q->desc, q->size, head, false))
		return false;
	b->id = head;
	b->count = 1;
	q->avail++;
	q->in_flight++;
	return true;
}

static void split_put_back(struct virtio_queue *q, const struct virtio_chain *c)
{
	q->avail -= c->count;
	q->in_flight -= c->count;
}

static void split_publish(struct virtio_dev *v, struct virtio_queue *q)
{
	ring_write(v, q->device + RING_IDX, &q->used, sizeof(q->used));
}

static void split_give(struct virtio_dev *v, struct virtio_queue *q, const struct virtio_chain *c,
		       uint32_t written)
{
	uint32_t element[2] = { c->id, written };

	if (!ring_write(v, q->device + RING_ENTRIES + 8ull * (q->used % q->size), element,
			sizeof(element)))
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	q->used++;
	q->since++;
	q->in_flight--;
	q->held = q->holding;
	if (!q->holding)
		split_publish(v, q);
}

static bool split_must_interrupt(struct virtio_dev *v, struct virtio_queue *q)
{
	uint16_t val, idx;

	if (virtio_has(v, VIRTIO_F_NOTIFY_ON_EMPTY) && !q->in_flight &&
	    ring_read(v, q->driver + RING_IDX, &idx, sizeof(idx)) && idx == q->avail)
		return true;
	if (virtio_has(v, VIRTIO_F_EVENT_IDX))
		return ring_read(v, used_event_at(q), &val, sizeof(val)) &&
		       passed(val, q->used, q->since);
	return ring_read(v, q->driver + RING_FLAGS, &val, sizeof(val)) &&
	       !(val & AVAIL_F_NO_INTERRUPT);
}

const struct ring_ops virtio_split = {
	.take = split_take,
	.put_back = split_put_back,
	.give = split_give,
	.publish = split_publish,
	.must_interrupt = split_must_interrupt,
	.suppress = split_suppress,
	.waiting = split_waiting,
};
