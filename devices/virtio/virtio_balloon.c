// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory balloon: Virtual I/O Device (VIRTIO) Version 1.2, section 5.5. What the guest puts into it,
 * or reports to be free, goes back to the host at once; a page that it uses again is there again,
 * with zeros in it.
 *
 * Queues are numbered without gaps, as drivers do it: a queue whose feature is not offered has no
 * number.
 */
#include <stdio.h>
#include <string.h>

#include "devices/virtio/virtio.h"
#include "host/balloon.h"

enum { F_STATS_VQ = 1, F_DEFLATE_ON_OOM = 2, F_PAGE_POISON = 4, F_PAGE_REPORTING = 5 };
#define BIT(n) (1ull << (n))

#define PAGE_SHIFT 12
/* Page numbers in one buffer: Linux sends 256. */
#define MAX_NUMBERS 16384u
#define AT_ONCE 256u
#define SECOND 1000000000ull

struct balloon_config {
	uint32_t num_pages, actual, free_page_hint, poison_val;
};

struct stat {
	uint16_t tag;
	uint64_t val;
} __attribute__((packed));

struct virtio_balloon {
	struct virtio_dev v;
	/* Properties. */
	bool deflate_on_oom, reporting, poison;
	uint64_t interval;
	uint32_t num_pages, actual, poison_val;
	unsigned int stats_queue;
	struct virtio_chain *waiting;	/* statistics: given back to ask for the next ones */
	struct device_timer timer;
	uint64_t stat[BALLOON_STATS], told;
	uint32_t known;			/* a bit a stat */
};

static struct virtio_balloon *to_balloon(struct virtio_dev *v)
{
	return (struct virtio_balloon *)(void *)v;
}

/* --- pages --- */

/* Numbers in a row are one call. */
static void discard(struct virtio_dev *v, const uint32_t *pfn, unsigned int nr)
{
	unsigned int i, run;

	for (i = 0; i < nr; i += run) {
		for (run = 1; i + run < nr && pfn[i + run] == pfn[i] + run; run++)
			;
		bus_discard(v->bus, (uint64_t)pfn[i] << PAGE_SHIFT, (uint64_t)run << PAGE_SHIFT);
	}
}

static void inflate(struct virtio_dev *v, unsigned int n)
{
	struct virtio_chain *c;
	uint32_t pfn[AT_ONCE];
	uint64_t off, len;

	while ((c = virtio_next(v, n))) {
		if (c->out_len > MAX_NUMBERS * sizeof(pfn[0]))
			virtio_break(v, "too many pages at once");
		for (off = 0; (len = virtio_read(v, c, off, pfn, sizeof(pfn))); off += len)
			discard(v, pfn, (unsigned int)(len / sizeof(pfn[0])));
		virtio_done(v, n, c, 0);
	}
	virtio_notify(v, n);
}

/* A page is back as soon as it is touched: there is nothing to do. */
static void deflate(struct virtio_dev *v, unsigned int n)
{
	struct virtio_chain *c;

	while ((c = virtio_next(v, n)))
		virtio_done(v, n, c, 0);
	virtio_notify(v, n);
}

static void report(struct virtio_dev *v, unsigned int n)
{
	const struct virtio_balloon *b = to_balloon(v);
	struct virtio_chain *c;
	unsigned int i;

	while ((c = virtio_next(v, n))) {
		/* Where the guest trusts a pattern in its free pages, zeros will not do (5.5.6.7). */
		for (i = 0; i < c->nr_in && !(virtio_has(v, F_PAGE_POISON) && b->poison_val); i++)
			bus_discard(v->bus, c->in[i].gpa, c->in[i].len);
		virtio_done(v, n, c, 0);
	}
	virtio_notify(v, n);
}

/* --- statistics --- */

static void take_stats(struct virtio_balloon *b, const struct virtio_chain *c)
{
	struct stat s[2 * BALLOON_STATS];
	uint64_t len = virtio_read(&b->v, c, 0, s, sizeof(s));
	unsigned int i;

	b->known = 0;
	for (i = 0; i < len / sizeof(s[0]); i++)
		if (s[i].tag < BALLOON_STATS) {
			b->stat[s[i].tag] = s[i].val;
			b->known |= 1u << s[i].tag;
		}
	b->told = device_now();
}

static void stats(struct virtio_dev *v, unsigned int n)
{
	struct virtio_balloon *b = to_balloon(v);
	struct virtio_chain *c;

	while ((c = virtio_next(v, n))) {
		take_stats(b, c);
		/* One waits; a driver that sends more gets the older back. */
		if (b->waiting)
			virtio_done(v, n, b->waiting, 0);
		b->waiting = c;
	}
}

static void ask(void *arg)
{
	struct virtio_balloon *b = arg;

	if (b->waiting) {
		struct virtio_chain *c = b->waiting;

		b->waiting = NULL;
		virtio_done(&b->v, b->stats_queue, c, 0);
		virtio_notify(&b->v, b->stats_queue);
	}
	device_timer_set(&b->timer, device_now() + b->interval * SECOND);
}

/* --- the monitor's side --- */

static void set_pages(void *arg, uint64_t pages)
{
	struct virtio_balloon *b = arg;

	b->num_pages = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
	virtio_config_changed(&b->v);
}

static uint64_t given(void *arg)
{
	return ((const struct virtio_balloon *)arg)->actual;
}

static bool get_stat(void *arg, enum balloon_stat stat, uint64_t *val, uint64_t *when)
{
	const struct virtio_balloon *b = arg;

	*val = b->stat[stat];
	*when = b->told;
	return b->known >> stat & 1;
}

static const struct balloon_user user = { set_pages, given, get_stat };

/* --- configuration and life --- */

static void config_read(struct virtio_dev *v, uint8_t *config)
{
	const struct virtio_balloon *b = to_balloon(v);
	struct balloon_config c = {
		.num_pages = b->num_pages, .actual = b->actual, .poison_val = b->poison_val,
	};

	memcpy(config, &c, sizeof(c));
}

static void config_written(struct virtio_dev *v, const uint8_t *config, unsigned int off,
			   unsigned int len)
{
	struct virtio_balloon *b = to_balloon(v);
	struct balloon_config c;
	bool changed;

	(void)off;
	(void)len;
	memcpy(&c, config, sizeof(c));
	changed = c.actual != b->actual;
	b->actual = c.actual;
	if (virtio_has(v, F_PAGE_POISON))
		b->poison_val = c.poison_val;
	if (changed)
		balloon_report(b->actual);
}

static const char *realize(struct virtio_dev *v)
{
	struct virtio_balloon *b = to_balloon(v);
	const char *wrong = balloon_attach(&user, b);

	if (wrong)
		return wrong;
	device_timer_init(&b->timer, ask, b);
	virtio_add_queue(v, 128, inflate);
	virtio_add_queue(v, 128, deflate);
	b->stats_queue = virtio_add_queue(v, 128, stats);
	v->offered |= BIT(F_STATS_VQ);
	if (b->deflate_on_oom)
		v->offered |= BIT(F_DEFLATE_ON_OOM);
	if (b->poison)
		v->offered |= BIT(F_PAGE_POISON);
	if (b->reporting) {
		v->offered |= BIT(F_PAGE_REPORTING);
		virtio_add_queue(v, 32, report);
	}
	return NULL;
}

static void forget_waiting(struct virtio_balloon *b)
{
	if (b->waiting)
		virtio_done(&b->v, b->stats_queue, b->waiting, 0);
	b->waiting = NULL;
}

static void reset(struct virtio_dev *v)
{
	struct virtio_balloon *b = to_balloon(v);

	forget_waiting(b);
	device_timer_cancel(&b->timer);
	b->poison_val = b->known = 0;
	if (b->actual) {
		/* Whoever drives it next begins with all of its memory. */
		b->actual = 0;
		balloon_report(0);
	}
}

static void queue_reset(struct virtio_dev *v, unsigned int n)
{
	if (n == to_balloon(v)->stats_queue)
		forget_waiting(to_balloon(v));
}

static void driver_ok(struct virtio_dev *v, bool on)
{
	if (on && to_balloon(v)->interval && virtio_has(v, F_STATS_VQ))
		ask(v);
}

static void unrealize(struct virtio_dev *v)
{
	forget_waiting(to_balloon(v));
	device_timer_cancel(&to_balloon(v)->timer);
	balloon_detach(v);
}

static void describe(struct virtio_dev *v, char *buf, size_t len)
{
	const struct virtio_balloon *b = to_balloon(v);

	snprintf(buf, len, "%u of %u pages given", b->actual, b->num_pages);
}

static const struct device_prop props[] = {
	{ "deflate-on-oom", PROP_BOOL, offsetof(struct virtio_balloon, deflate_on_oom),
	  "the guest may take pages back when it needs them badly", "off" },
	{ "free-page-reporting", PROP_BOOL, offsetof(struct virtio_balloon, reporting),
	  "the guest tells of its free pages, and the host gets them", "off" },
	{ "page-poison", PROP_BOOL, offsetof(struct virtio_balloon, poison),
	  "the guest may say what free pages hold", "on" },
	{ "guest-stats-polling-interval", PROP_U64, offsetof(struct virtio_balloon, interval),
	  "seconds between questions about the guest's memory; 0: never", "0", 0, 1 << 20 },
};

static const struct virtio_class virtio_balloon = {
	.name = "virtio-balloon",
	.what = "virtio memory balloon",
	.missing = "free page hints (they serve migration)",
	.id = VIRTIO_ID_BALLOON,
	.pci_transitional = 0x1002,
	.pci_class = 0x00ff00,
	.size = sizeof(struct virtio_balloon),
	.props = props,
	.nr_props = ARRAY_SIZE(props),
	.config_len = sizeof(struct balloon_config),
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
	.queue_reset = queue_reset,
	.driver_ok = driver_ok,
	.config_read = config_read,
	.config_written = config_written,
	.describe = describe,
};
VIRTIO_REGISTER(virtio_balloon);
