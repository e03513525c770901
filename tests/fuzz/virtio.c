// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A virtio driver for the fuzzer: it agrees on features, sets up rings and fills them with chains that
 * are nearly right, so that the fuzzer gets past the rings and into the devices. What is not right
 * about them is its own choice.
 */
#include "devices/virtio/core.h"
#include "tests/fuzz/input.h"
#include "tests/host/world.h"

#define RINGS	0x200000u
#define STEP	0x10000u		/* a queue's three parts, 4000h apart */
#define DATA	0x100000u
#define QUEUES	8u

static struct virtio_queue *pick(struct virtio_dev *v, struct input *in, unsigned int *n)
{
	*n = (unsigned int)take(in, 1) % (v->nr_queues < QUEUES ? v->nr_queues : QUEUES);
	return v->queue[*n];
}

static void set_up(struct virtio_dev *v, unsigned int n, unsigned int size)
{
	struct virtio_queue *q = v->queue[n];

	if (q->enabled)
		return;
	memset(ram + RINGS + n * STEP, 0, STEP);
	q->size = size < q->max ? size : q->max;
	q->desc = RINGS + n * STEP;
	q->driver = q->desc + 0x4000;
	q->device = q->desc + 0x8000;
	virtio_queue_enable(v, n);
}

static void start(struct virtio_dev *v, struct input *in)
{
	uint64_t refuse = take(in, 5);
	unsigned int n, size = 1u << take(in, 1) % 8;

	virtio_set_status(v, 0, false);
	virtio_set_status(v, STATUS_ACKNOWLEDGE | STATUS_DRIVER, false);
	virtio_accept(v, 0, virtio_offered(v, 0, false) & ~(uint32_t)refuse, false);
	virtio_accept(v, 1, virtio_offered(v, 1, false) & ~((uint32_t)(refuse >> 32) & ~1u), false);
	virtio_set_status(v, STATUS_FEATURES_OK, false);
	for (n = 0; n < v->nr_queues && n < QUEUES; n++)
		set_up(v, n, size);
	virtio_set_status(v, STATUS_DRIVER_OK, false);
}

static uint64_t place(struct input *in)
{
	static const uint64_t odd[] = { 0xa0000 - 64, WORLD_RAM - 64, 0xe0000000, ~0ull - 64, RINGS };
	unsigned int at = (unsigned int)take(in, 1);

	return at < 240 ? DATA + at * 64u : odd[at % ARRAY_SIZE(odd)];
}

static uint32_t length(struct input *in)
{
	static const uint32_t usual[] = { 16, 1, 512, 4096, 8, 12, 24, 64, 1514, 0, 0xffffffff, 65536 };

	return usual[take(in, 1) % ARRAY_SIZE(usual)];
}

/* Where set_up() puts rings: the guest's own writes to the registers may have moved a part of one. */
static bool among_rings(uint64_t gpa)
{
	return gpa >= RINGS && gpa < RINGS + QUEUES * STEP;
}

/* One descriptor, at @at; in a packed ring the last two fields change places. */
static void put(uint64_t at, uint64_t gpa, uint32_t len, uint16_t flags, uint16_t other, bool packed)
{
	struct desc d = { gpa, len, packed ? other : flags, packed ? flags : other };

	memcpy(ram + at, &d, sizeof(d));
}

/* A chain of up to eight: first to read, then to write; now and then through a table. */
static void chain(struct virtio_dev *v, struct input *in)
{
	unsigned int n, i, how = (unsigned int)take(in, 1), nr = 1 + how % 8, out;
	struct virtio_queue *q = pick(v, in, &n);
	bool packed = virtio_has(v, VIRTIO_F_RING_PACKED), table = how & 0x40;
	uint16_t wrap = q->avail_wrap ? 0x80 : 0x8000, idx;
	uint64_t at = table ? DATA + 0x8000 : q->desc;
	unsigned int first = packed && !table ? q->avail : 0, size = table ? 8 : q->size;

	if (!among_rings(q->desc) || !among_rings(q->driver) || !q->size)
		return;
	out = (unsigned int)take(in, 1) % (nr + 1);
	for (i = 0; i < nr; i++) {
		uint16_t flags = (uint16_t)((i < out ? 0 : DESC_F_WRITE) |
					    (i + 1 < nr ? DESC_F_NEXT : 0));

		if (packed && !table)
			flags |= first + i < size ? wrap : wrap ^ 0x8080;
		put(at + 16 * ((first + i) % size), place(in), length(in), flags,
		    packed ? (uint16_t)how : (uint16_t)((first + i + 1) % size), packed);
	}
	if (table)
		put(q->desc + (packed ? 16 * q->avail : 0), at, 16 * nr,
		    (uint16_t)(DESC_F_INDIRECT | (packed ? wrap : 0)), 1, packed);
	if (!packed) {
		memcpy(&idx, ram + q->driver + 2, 2);
		memset(ram + q->driver + 4 + 2 * (idx % q->size), 0, 2);
		idx++;
		memcpy(ram + q->driver + 2, &idx, 2);
	}
	virtio_queue_notified(v, n);
}

/* What requests begin with: a small number, and another. */
static void header(struct virtio_dev *v, struct input *in)
{
	const uint64_t words[2] = { take(in, 1) % 16 | take(in, 1) << 32, take(in, 2) };

	(void)v;
	memcpy(ram + DATA + (take(in, 1) % 240) * 64, words, sizeof(words));
}

static void spoil(struct virtio_dev *v, struct input *in)
{
	unsigned int n;
	const struct virtio_queue *q = pick(v, in, &n);
	uint64_t at = RINGS + n * STEP + take(in, 2) % 0xc000, val = take(in, 2);

	(void)q;
	memcpy(ram + at, &val, 2);
}

static void again(struct virtio_dev *v, struct input *in)
{
	unsigned int n;

	pick(v, in, &n);
	virtio_queue_reset(v, n);
	set_up(v, n, 1u << take(in, 1) % 8);
}

static void config(struct virtio_dev *v, struct input *in)
{
	virtio_config_set(v, (uint32_t)take(in, 1) % 64, 1u << take(in, 1) % 3, take(in, 4));
}

static void ring_bell(struct virtio_dev *v, struct input *in)
{
	unsigned int n;

	pick(v, in, &n);
	virtio_queue_notified(v, n);
}

static struct virtio_dev *driven(struct device *dev)
{
	struct virtio_dev *v = virtio_of(dev, NULL);

	return v && v->cls && v->nr_queues ? v : NULL;
}

bool fuzz_virtio_start(struct device *dev, struct input *in)
{
	struct virtio_dev *v = driven(dev);

	if (v)
		start(v, in);
	return v;
}

bool fuzz_virtio(struct device *dev, struct input *in)
{
	static void (*const steps[])(struct virtio_dev *v, struct input *in) = {
		start, chain, chain, chain, header, header, spoil, again, config, ring_bell,
	};
	struct virtio_dev *v = driven(dev);

	if (!v)
		return false;
	steps[take(in, 1) % ARRAY_SIZE(steps)](v, in);
	return true;
}
