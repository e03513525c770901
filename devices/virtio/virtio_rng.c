// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Entropy device: Virtual I/O Device (VIRTIO) Version 1.2, section 5.4. The host kernel's random
 * numbers; how many a guest gets in a time may be bounded.
 */
#include <sys/random.h>

#include "devices/virtio/virtio.h"

/* Of one buffer: a driver asks for a few bytes, and may be given fewer than it asks for. */
#define AT_ONCE 4096u
#define MILLISECOND 1000000ull

struct virtio_rng {
	struct virtio_dev v;
	uint64_t max_bytes, period;	/* properties */
	uint64_t left;			/* of this period */
	struct device_timer timer;	/* the period's end, when somebody waits for it */
	uint64_t period_end;
};

static struct virtio_rng *to_rng(struct virtio_dev *v)
{
	return (struct virtio_rng *)(void *)v;
}

/* How many bytes may be given now. */
static uint64_t quota(struct virtio_rng *r)
{
	uint64_t now = device_now();

	if (!r->max_bytes)
		return AT_ONCE;
	if (now >= r->period_end) {
		r->period_end = now + r->period * MILLISECOND;
		r->left = r->max_bytes;
	}
	return r->left;
}

static void notified(struct virtio_dev *v, unsigned int n)
{
	struct virtio_rng *r = to_rng(v);
	struct virtio_chain *c;
	uint8_t buf[AT_ONCE];

	while (virtio_queue_ready(v, n)) {
		uint64_t may = quota(r), len;
		ssize_t got;

		if (!may) {
			device_timer_set(&r->timer, r->period_end);
			break;
		}
		c = virtio_next(v, n);
		if (!c)
			break;
		len = c->in_len < sizeof(buf) ? c->in_len : sizeof(buf);
		if (len > may)
			len = may;
		/* The kernel's pool is ready long before there are user programs. */
		got = getrandom(buf, len, GRND_NONBLOCK);
		len = got < 0 ? 0 : virtio_write(v, c, 0, buf, (uint64_t)got);
		if (r->max_bytes)
			r->left -= len;
		virtio_done(v, n, c, (uint32_t)len);
	}
	virtio_notify(v, n);
}

static void period_over(void *arg)
{
	notified(arg, 0);
}

static const char *realize(struct virtio_dev *v)
{
	device_timer_init(&to_rng(v)->timer, period_over, v);
	virtio_add_queue(v, 8, notified);
	return NULL;
}

static void reset(struct virtio_dev *v)
{
	device_timer_cancel(&to_rng(v)->timer);
}

static const struct device_prop props[] = {
	{ "max-bytes", PROP_U64, offsetof(struct virtio_rng, max_bytes),
	  "bytes that the guest gets in a period; 0: any number", "0" },
	{ "period", PROP_U64, offsetof(struct virtio_rng, period), "milliseconds of a period",
	  "65536", 1, 1ull << 32 },
};

static const struct virtio_class virtio_rng = {
	.name = "virtio-rng",
	.what = "virtio source of random numbers",
	.id = VIRTIO_ID_RNG,
	.pci_transitional = 0x1005,
	.pci_class = 0x00ff00,
	.size = sizeof(struct virtio_rng),
	.props = props,
	.nr_props = ARRAY_SIZE(props),
	.realize = realize,
	.unrealize = reset,
	.reset = reset,
};
VIRTIO_REGISTER(virtio_rng);
