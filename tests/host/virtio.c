// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Virtio 1.2, chapters 2 to 4, with a device of this test's own: every transport with every kind of
 * ring, what drivers may do, and what they must not.
 */
#include "devices/virtio/core.h"
#include "tests/host/virtio_driver.h"

#define F_OWN 5				/* a feature of the device's */
#define BIT(n) (1ull << (n))
#define BASICS (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_INDIRECT_DESC))

/* Queue 0 turns what it reads round; queue 1 holds chains until let go. */
struct echo {
	struct virtio_dev v;
	uint64_t size;
	struct virtio_chain *held[32];
	unsigned int nr_held, resets, queue_resets, ok;
	bool deaf;
	uint32_t value;
};

static struct echo *e;

static void echo(struct virtio_dev *v, unsigned int n)
{
	struct virtio_chain *c;
	uint8_t buf[4096];

	while (!e->deaf && (c = virtio_next(v, n))) {
		uint64_t len = virtio_read(v, c, 0, buf, sizeof(buf)), i;

		for (i = 0; i < len / 2; i++) {
			uint8_t b = buf[i];

			buf[i] = buf[len - 1 - i];
			buf[len - 1 - i] = b;
		}
		virtio_done(v, n, c, (uint32_t)virtio_write(v, c, 0, buf, len));
	}
	virtio_notify(v, n);
}

static void hold(struct virtio_dev *v, unsigned int n)
{
	struct virtio_chain *c;

	while (e->nr_held < ARRAY_SIZE(e->held) && (c = virtio_next(v, n)))
		e->held[e->nr_held++] = c;
}

static void release(unsigned int i, uint32_t len)
{
	virtio_write(&e->v, e->held[i], 0, "late", 4);
	virtio_done(&e->v, 1, e->held[i], len);
	memmove(&e->held[i], &e->held[i + 1], (--e->nr_held - i) * sizeof(e->held[0]));
	virtio_notify(&e->v, 1);
}

static const char *echo_realize(struct virtio_dev *v)
{
	struct echo *x = (struct echo *)(void *)v;

	virtio_add_queue(v, (unsigned int)x->size, echo);
	virtio_add_queue(v, (unsigned int)x->size, hold);
	return NULL;
}

static void echo_reset(struct virtio_dev *v)
{
	((struct echo *)(void *)v)->resets++;
}

static void echo_queue_reset(struct virtio_dev *v, unsigned int n)
{
	((struct echo *)(void *)v)->queue_resets += n + 1;
}

static void echo_ok(struct virtio_dev *v, bool on)
{
	((struct echo *)(void *)v)->ok += on ? 1 : 100;
}

static void echo_config(struct virtio_dev *v, uint8_t *config)
{
	memcpy(config, &((struct echo *)(void *)v)->value, 4);
	config[4] = 0x77;
}

static void echo_config_written(struct virtio_dev *v, const uint8_t *config, unsigned int off,
				unsigned int len)
{
	(void)off;
	(void)len;
	memcpy(&((struct echo *)(void *)v)->value, config, 4);
}

static void echo_unrealize(struct virtio_dev *v)
{
	struct echo *x = (struct echo *)(void *)v;

	while (x->nr_held)
		virtio_done(v, 1, x->held[--x->nr_held], 0);
}

static const struct device_prop echo_props[] = {
	{ "size", PROP_U64, offsetof(struct echo, size), "entries", "16" },
};

static const struct virtio_class virtio_echo = {
	.name = "virtio-echo",
	.what = "a device of this test's",
	.id = 42,
	.pci_transitional = 0x1010,
	.pci_class = 0xff0000,
	.size = sizeof(struct echo),
	.props = echo_props,
	.nr_props = ARRAY_SIZE(echo_props),
	.features = BIT(F_OWN),
	.config_len = 5,
	.realize = echo_realize,
	.unrealize = echo_unrealize,
	.reset = echo_reset,
	.queue_reset = echo_queue_reset,
	.driver_ok = echo_ok,
	.config_read = echo_config,
	.config_written = echo_config_written,
};
VIRTIO_REGISTER(virtio_echo);

static struct driver d;

static void found(enum way way, bool packed, bool msix)
{
	struct device *dev;

	fresh();
	dev = way == MMIO_V1 || way == MMIO_V2 ? make("virtio-echo-device") :
						 make_pci("virtio-echo-pci", DRIVER_DEVFN);
	device_set_bool(dev, "packed", packed);
	e = (struct echo *)(void *)virtio_of(dev, &virtio_echo);
	driver_find(&d, way, dev, msix);
}

/* --- every transport with every ring --- */

static const char text[] = "able was I";

static bool round_trip(bool indirect)
{
	uint64_t out = guest_alloc(4096), back = out + 1024;
	struct buffer buf[3] = {
		{ out, 4, false }, { out + 4, sizeof(text) - 4, false }, { back, 64, true },
	};
	uint16_t id, got = 0xffff;
	uint32_t len = 0;

	memcpy(ram + out, text, sizeof(text));
	memset(ram + back, 0, 64);
	id = driver_add(&d, 0, buf, 3, indirect);
	driver_kick(&d, 0);
	return driver_used(&d, 0, &got, &len) && got == id && len == sizeof(text) &&
	       !memcmp(ram + back + 1, "I saw elba", 10);
}

static void transport(enum way way, bool packed, bool msix, uint64_t features)
{
	static const char *const name[] = { "PCI", "legacy PCI", "MMIO", "legacy MMIO" };
	bool good = true, told = true;
	unsigned int i;

	found(way, packed, msix);
	ok(driver_offered(&d) & BIT(F_OWN), "%s, %s ring, %s, %#llx: offers", name[way],
	   packed ? "packed" : "split", msix ? "MSI-X" : "line", (unsigned long long)features);
	driver_start(&d, features | BIT(F_OWN));
	ok(e->ok == 1 && e->v.features & BIT(F_OWN), "started");
	for (i = 0; i < 100; i++) {
		good &= round_trip(features & BIT(VIRTIO_F_INDIRECT_DESC) && i & 1);
		told &= driver_interrupt(&d, 0) || features & BIT(VIRTIO_F_EVENT_IDX);
	}
	ok(good, "a hundred buffers there and back, %u times round the ring", 300 / 16);
	ok(told, "with an interrupt for each");
	e->value = 0x12345678;
	ok(driver_config(&d, 0, 4) == 0x12345678 && driver_config(&d, 2, 2) == 0x1234 &&
	   driver_config(&d, 4, 1) == 0x77, "configuration read");
	driver_set_config(&d, 1, 1, 0xab);
	ok(e->value == 0x1234ab78, "a byte of the configuration written");
	driver_interrupt(&d, -1);
	virtio_config_changed(&e->v);
	ok(driver_interrupt(&d, way == PCI_LEGACY && msix ? -2 : -1) || (way == PCI_LEGACY && msix),
	   "a change of the configuration is told");
	driver_set_status(&d, 0);
	ok(driver_status(&d) == 0 && e->ok == 101, "reset");
	driver_start(&d, features);
	ok(round_trip(false), "and again from the start");
}

static void all_transports(void)
{
	const uint64_t ind = BIT(VIRTIO_F_INDIRECT_DESC), ev = BIT(VIRTIO_F_EVENT_IDX),
		       packed = BIT(VIRTIO_F_RING_PACKED);
	static const enum way ways[] = { PCI_MODERN, PCI_LEGACY, MMIO_V2, MMIO_V1 };
	unsigned int i;

	for (i = 0; i < WAYS; i++) {
		transport(ways[i], false, false, 0);
		transport(ways[i], false, false, ind | ev);
		if (ways[i] == PCI_MODERN || ways[i] == MMIO_V2) {
			transport(ways[i], true, false, packed);
			transport(ways[i], true, false, packed | ind | ev);
		}
	}
	transport(PCI_MODERN, false, true, ind);
	transport(PCI_MODERN, true, true, ind | packed);
	transport(PCI_LEGACY, false, true, 0);
}

/* --- agreement --- */

static void agreement(void)
{
	found(PCI_MODERN, false, false);
	ok(driver_offered(&d) & BIT(VIRTIO_F_VERSION_1) && driver_offered(&d) & BIT(VIRTIO_F_RING_RESET) &&
	   !(driver_offered(&d) & (BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_RING_PACKED))),
	   "offers what it has, and nothing of before 1.0");
	ok(driver_negotiate(&d, BASICS), "takes a part of it");
	ok(!driver_negotiate(&d, BASICS | BIT(60)), "refuses what it has not offered");
	ok(!driver_negotiate(&d, BIT(F_OWN)), "refuses a driver without VERSION_1");
	ok(driver_negotiate(&d, BASICS), "a reset mends it");
	mmio_write(0xe0100008, 0, 4);
	mmio_write(0xe010000c, 0, 4);
	ok(e->v.features == BASICS, "features stand once agreed");
	driver_set_status(&d, 1);
	ok(driver_status(&d) == (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK),
	   "no bit of the status goes back");
	driver_queue(&d, 0, 16);
	ok(!round_trip(false), "nothing is taken before DRIVER_OK");
	driver_go(&d);
	driver_kick(&d, 0);
	ok(d.ring[0].avail == 1 && ram[d.ring[0].device + 2] == 1, "then what waits is");
	ok(driver_queue_max(&d, 2) == 0, "no queue after the last");
	e->deaf = true;
	mmio_write(0xe0103000 + 4 * 40, 40, 2);
	ok(!e->v.broken, "a notification of a queue that is none");
	found(PCI_MODERN, false, false);
	driver_negotiate(&d, BASICS);
	driver_queue(&d, 0, 8);
	driver_go(&d);
	ok(round_trip(false) && round_trip(false) && round_trip(false), "a smaller ring");
	mmio_write(0xe0100018, 4, 2);
	ok(mmio_read(0xe0100018, 2) == 8, "a queue that is on keeps its size");
	mmio_write(0xe010003a, 1, 2);
	ok(!e->queue_resets, "no reset of a queue that was not agreed on");
	bus_reset(bus);
	ok(!e->v.status && !e->v.queue[0]->enabled, "a machine's reset puts all back");
}

static void names(void)
{
	fresh();
	ok(device_class_find("virtio-echo-pci") && device_class_find("virtio-echo-pci-transitional") &&
	   device_class_find("virtio-echo-pci-non-transitional") &&
	   device_class_find("virtio-echo-device"), "four names");
	driver_find(&d, PCI_MODERN, make_pci("virtio-echo-pci-non-transitional", DRIVER_DEVFN), false);
	ok(config_read(DRIVER_DEVFN, 0, 4) == 0x106a1af4 && config_read(DRIVER_DEVFN, 8, 1) == 1 &&
	   !config_read(DRIVER_DEVFN, PCI_BAR0, 4), "a modern device: its id, no ports");
	fresh();
	driver_find(&d, PCI_MODERN, make_pci("virtio-echo-pci-transitional", DRIVER_DEVFN), false);
	ok(config_read(DRIVER_DEVFN, 0, 4) == 0x10101af4 && config_read(DRIVER_DEVFN, 8, 1) == 0 &&
	   config_read(DRIVER_DEVFN, PCI_SUBSYSTEM, 2) == 42, "a transitional device: its ids");
	fresh();
	d.dev = make_pci("virtio-echo-pci", DRIVER_DEVFN);
	device_set_words(d.dev, "disable-modern", "on");
	driver_find(&d, PCI_LEGACY, d.dev, false);
	ok(!(config_read(DRIVER_DEVFN, PCI_STATUS, 2) & 0x10) ||
	   config_read(DRIVER_DEVFN, config_read(DRIVER_DEVFN, PCI_CAPABILITIES, 1), 1) == 0x11,
	   "disable-modern: no capability but MSI-X's");
	fresh();
	d.dev = make_pci("virtio-echo-pci", DRIVER_DEVFN);
	device_set_words(d.dev, "disable-modern", "on");
	device_set_words(d.dev, "disable-legacy", "on");
	ok(device_try_realize(d.dev), "neither interface: refused");
}

/* The window in configuration space (4.1.4.9). */
static void through_config(void)
{
	unsigned int cap;

	found(PCI_MODERN, false, false);
	for (cap = config_read(DRIVER_DEVFN, PCI_CAPABILITIES, 1); cap;
	     cap = config_read(DRIVER_DEVFN, cap + 1, 1))
		if (config_read(DRIVER_DEVFN, cap, 1) == 9 && config_read(DRIVER_DEVFN, cap + 3, 1) == 5)
			break;
	ok(cap, "the capability is there");
	config_write(DRIVER_DEVFN, cap + 4, 4, 1);
	config_write(DRIVER_DEVFN, cap + 8, 0x12, 4);
	config_write(DRIVER_DEVFN, cap + 12, 2, 4);
	ok(config_read(DRIVER_DEVFN, cap + 16, 4) == 2, "number of queues read through it");
	config_write(DRIVER_DEVFN, cap + 8, 0x14, 4);
	config_write(DRIVER_DEVFN, cap + 12, 1, 4);
	config_write(DRIVER_DEVFN, cap + 16, 3, 1);
	ok(driver_status(&d) == 3, "status written through it");
	config_write(DRIVER_DEVFN, cap + 8, 0xfffffffc, 4);
	config_write(DRIVER_DEVFN, cap + 12, 4, 4);
	config_read(DRIVER_DEVFN, cap + 16, 4);
	config_write(DRIVER_DEVFN, cap + 12, 3, 4);
	config_read(DRIVER_DEVFN, cap + 16, 4);
	config_write(DRIVER_DEVFN, cap + 4, 1, 1);
	config_write(DRIVER_DEVFN, cap + 16, 1, 4);
	ok(driver_status(&d) == 3, "nothing behind its end, at odd lengths, or in other BARs");
}

/* --- notifications --- */

static void put16(uint64_t at, uint16_t val)
{
	memcpy(ram + at, &val, 2);
}

static uint16_t get16(uint64_t at)
{
	uint16_t v;

	memcpy(&v, ram + at, 2);
	return v;
}

static void suppression(void)
{
	struct ring *r = &d.ring[0];

	found(MMIO_V2, false, false);
	driver_start(&d, 0);
	put16(r->driver, 1);
	ok(round_trip(false) && !driver_interrupt(&d, 0), "split: the flag keeps interrupts away");
	put16(r->driver, 0);
	ok(round_trip(false) && driver_interrupt(&d, 0), "and lets them in");
	virtio_want_notify(&e->v, 0, false);
	ok(get16(r->device) == 1, "the device wants no notifications");
	virtio_want_notify(&e->v, 0, true);
	ok(get16(r->device) == 0, "and wants them");

	found(MMIO_V2, false, false);
	driver_start(&d, BIT(VIRTIO_F_EVENT_IDX));
	put16(r->driver + 4 + 2 * 16, 2);	/* used_event: after the third */
	ok(round_trip(false) && !driver_interrupt(&d, 0), "index: not the first");
	ok(get16(r->device + 4 + 8 * 16) == 1, "avail_event is the next");
	ok(round_trip(false) && !driver_interrupt(&d, 0), "nor the second");
	ok(round_trip(false) && driver_interrupt(&d, 0), "the third");
	ok(round_trip(false) && !driver_interrupt(&d, 0), "not the fourth");

	found(MMIO_V2, true, false);
	driver_start(&d, BIT(VIRTIO_F_RING_PACKED));
	put16(r->driver + 2, 1);
	ok(round_trip(false) && !driver_interrupt(&d, 0), "packed: the flag keeps interrupts away");
	put16(r->driver + 2, 0);
	ok(round_trip(false) && driver_interrupt(&d, 0), "and lets them in");
	virtio_want_notify(&e->v, 0, false);
	ok(get16(r->device + 2) == 1, "the device wants no notifications");

	found(MMIO_V2, true, false);
	driver_start(&d, BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_EVENT_IDX));
	put16(r->driver, 0x8000 | 6);		/* descriptor 6 of the first round: the third chain */
	put16(r->driver + 2, 2);
	ok(round_trip(false) && round_trip(false) && !driver_interrupt(&d, 0), "index: not the second");
	ok(get16(r->device + 2) == 2 && get16(r->device) == (0x8000 | 6), "the device's own event");
	ok(round_trip(false) && driver_interrupt(&d, 0), "the third");
	put16(r->driver, 2);			/* descriptor 2 of the second round */
	ok(round_trip(false) && round_trip(false) && !driver_interrupt(&d, 0), "not up to the end");
	put16(r->driver, 0x8000 | 15);		/* the last one of the first */
	ok(round_trip(false) && driver_interrupt(&d, 0), "where the ring comes round");
	put16(r->driver, 2);
	ok(round_trip(false) && driver_interrupt(&d, 0), "and there");
}

/* --- chains that are held --- */

static void add_held(bool packed)
{
	uint64_t at = guest_alloc(4096);
	struct buffer buf[2] = { { at, 16, false }, { at + 64, 16, true } };

	memset(ram + at, 0, 128);
	driver_add(&d, 1, buf, packed ? 2 : 1, false);
}

static void holding(bool packed)
{
	uint64_t at;
	struct buffer buf = { 0, 16, true };
	uint16_t ids[4], id;
	uint32_t len;
	unsigned int i;

	found(PCI_MODERN, packed, false);
	driver_start(&d, packed ? BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_RING_RESET) :
				  BIT(VIRTIO_F_RING_RESET));
	at = guest_alloc(4096);
	for (i = 0; i < 4; i++) {
		buf.gpa = at + 16 * i;
		ids[i] = driver_add(&d, 1, &buf, 1, false);
	}
	driver_kick(&d, 1);
	ok(e->nr_held == 4 && !driver_used(&d, 1, &id, &len), "four chains are held");
	release(2, 4);
	ok(driver_used(&d, 1, &id, &len) && id == ids[2] && len == 4 && !memcmp(ram + at + 32, "late", 4),
	   "one ends before the others");
	virtio_unget(&e->v, 1, e->held[--e->nr_held]);
	driver_kick(&d, 1);
	ok(e->nr_held == 3, "one put back comes again");

	/* One queue alone. */
	mmio_write(0xe0100016, 1, 2);
	mmio_write(0xe010003a, 1, 2);
	ok(e->queue_resets == 2 && !mmio_read(0xe010003a, 2) && !mmio_read(0xe010001c, 2),
	   "the queue is reset alone");
	memset(ram + at, 0, 64);
	release(0, 4);
	ok(!ram[at] && !driver_used(&d, 1, &id, &len), "what was held touches nothing after it");
	ok(round_trip(false), "the other queue goes on");
	driver_queue(&d, 1, 8);
	add_held(packed);
	driver_kick(&d, 1);
	ok(e->nr_held == 3, "and it can be set up again");
	driver_set_status(&d, 0);
	while (e->nr_held)
		release(0, 4);
	ok(!driver_used(&d, 1, &id, &len), "nor after a reset of all");
}

/* --- hostile drivers --- */

static void begin(bool packed)
{
	found(PCI_MODERN, packed, false);
	driver_start(&d, BIT(VIRTIO_F_INDIRECT_DESC) | (packed ? BIT(VIRTIO_F_RING_PACKED) : 0));
	driver_interrupt(&d, 0);
}

static void desc(uint64_t at, uint64_t addr, uint32_t len, uint16_t a, uint16_t b)
{
	memcpy(ram + at, &addr, 8);
	memcpy(ram + at + 8, &len, 4);
	put16(at + 12, a);
	put16(at + 14, b);
}

static void offer_split(uint16_t head)
{
	const struct ring *r = &d.ring[0];

	put16(r->driver + 4, head);
	put16(r->driver + 2, 1);
	driver_kick(&d, 0);
}

static void must_break(const char *what)
{
	ok(driver_status(&d) & STATUS_NEEDS_RESET && driver_interrupt(&d, -1), "%s: needs reset", what);
	driver_kick(&d, 0);
	driver_start(&d, BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_RING_PACKED));
	ok(round_trip(false), "and works after one");
}

static void hostile_split(void)
{
	struct ring *r = &d.ring[0];
	uint64_t table;

	begin(false);
	offer_split(16);
	must_break("a head out of the table");
	begin(false);
	desc(r->desc, 0x100000, 16, DESC_F_NEXT, 99);
	offer_split(0);
	must_break("a link out of the table");
	begin(false);
	desc(r->desc, 0x100000, 16, DESC_F_NEXT, 0);
	offer_split(0);
	must_break("a chain in a circle");
	begin(false);
	desc(r->desc, 0x100000, 16, DESC_F_WRITE | DESC_F_NEXT, 1);
	desc(r->desc + 16, 0x100000, 16, 0, 0);
	offer_split(0);
	must_break("read after write");
	begin(false);
	put16(r->driver + 2, 17);
	driver_kick(&d, 0);
	must_break("an index too far ahead");
	begin(false);
	desc(r->desc, 0x100000, 24, DESC_F_INDIRECT, 0);
	offer_split(0);
	must_break("a table of one and a half");
	begin(false);
	desc(r->desc, 0x100000, 0, DESC_F_INDIRECT, 0);
	offer_split(0);
	must_break("an empty table");
	begin(false);
	desc(r->desc, 0x100000, 16, DESC_F_INDIRECT | DESC_F_NEXT, 1);
	offer_split(0);
	must_break("a table with a link");
	begin(false);
	table = guest_alloc(4096);
	desc(table, table, 16, DESC_F_INDIRECT, 0);
	desc(r->desc, table, 16, DESC_F_INDIRECT, 0);
	offer_split(0);
	must_break("a table in a table");
	begin(false);
	desc(table, table, 16, DESC_F_NEXT, 0);
	desc(r->desc, table, 0xfffffff0, DESC_F_INDIRECT, 0);
	offer_split(0);
	must_break("a circle in a table of 4 GiB");
	begin(false);
	desc(r->desc, 0xe0100000, 64, DESC_F_INDIRECT, 0);
	offer_split(0);
	must_break("a table in registers");
}

static void hostile_packed(void)
{
	struct ring *r = &d.ring[0];
	unsigned int i;

	begin(true);
	for (i = 0; i < 16; i++)
		desc(r->desc + 16 * i, 0x100000, 16, 1, 0x80 | DESC_F_NEXT);
	driver_kick(&d, 0);
	must_break("a chain longer than the ring");
	begin(true);
	desc(r->desc, 0x100000, 16, 1, 0x80 | DESC_F_INDIRECT | DESC_F_NEXT);
	driver_kick(&d, 0);
	must_break("a table with a link");
	begin(true);
	desc(r->desc, 0x100000, 16, 1, 0x80 | DESC_F_NEXT);
	desc(r->desc + 16, 0x100000, 16, 1, 0x80 | DESC_F_INDIRECT);
	driver_kick(&d, 0);
	must_break("a table in a chain");
	begin(true);
	desc(r->desc, 0x100000, 0xfffffff0, 1, 0x80 | DESC_F_INDIRECT);
	driver_kick(&d, 0);
	must_break("a table of 4 GiB");
	begin(true);
	desc(r->desc, 0x100000, 16, 1, 0x80 | DESC_F_WRITE | DESC_F_NEXT);
	desc(r->desc + 16, 0x100000, 16, 1, 0x80);
	driver_kick(&d, 0);
	must_break("read after write");
}

static void hostile_places(void)
{
	struct buffer buf[2] = { { 0xe0100000, 64, false }, { 0xa0000, 64, true } };
	uint16_t id;
	uint32_t len;
	unsigned int i;

	begin(false);
	driver_add(&d, 0, buf, 2, false);
	driver_kick(&d, 0);
	ok(driver_used(&d, 0, &id, &len) && !(driver_status(&d) & STATUS_NEEDS_RESET),
	   "buffers in registers: read as nothing, written to nowhere");
	buf[0] = (struct buffer){ ~0ull - 8, 0xffffffff, false };
	buf[1] = (struct buffer){ 0xfffffffffffff000, 0xffffffff, true };
	driver_add(&d, 0, buf, 2, false);
	driver_kick(&d, 0);
	ok(driver_used(&d, 0, &id, &len), "buffers over the end of addresses");
	buf[0] = (struct buffer){ 0x100000, 0, false };
	driver_add(&d, 0, buf, 1, false);
	driver_kick(&d, 0);
	ok(driver_used(&d, 0, &id, &len) && len == 0, "an empty buffer");

	found(PCI_MODERN, false, false);
	driver_negotiate(&d, BASICS);
	driver_queue(&d, 0, 16);
	driver_go(&d);
	config_write(DRIVER_DEVFN, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	ok(!round_trip(false) && !e->v.broken, "no ring is read without bus mastering");

	for (i = 0; i < 3; i++) {
		found(PCI_MODERN, false, false);
		driver_negotiate(&d, BASICS);
		mmio_write(0xe0100020, i == 0 ? 0x100008 : 0x100000, 4);
		mmio_write(0xe0100028, i == 1 ? 0x101001 : 0x101000, 4);
		mmio_write(0xe0100030, i == 2 ? 0x102002 : 0x102000, 4);
		mmio_write(0xe010001c, 1, 2);
		ok(e->v.broken, "ring part %u not aligned: needs reset", i);
	}
	found(PCI_MODERN, false, false);
	driver_negotiate(&d, BASICS);
	mmio_write(0xe0100018, 12, 2);
	mmio_write(0xe010001c, 1, 2);
	ok(e->v.broken, "a split ring of 12 entries: needs reset");
	found(PCI_MODERN, false, false);
	driver_negotiate(&d, BASICS);
	mmio_write(0xe0100020, 0xfffff000, 4);
	mmio_write(0xe0100024, 0xffffffff, 4);
	mmio_write(0xe010001c, 1, 2);
	driver_go(&d);
	driver_kick(&d, 0);
	ok(e->v.broken || !e->nr_held, "a ring where no memory is");
}

/* More chains than a ring has entries, over and over, of one descriptor. */
static void hostile_many(void)
{
	struct ring *r = &d.ring[1];
	unsigned int i;

	begin(false);
	desc(r->desc, 0x100000, 16, DESC_F_WRITE, 0);
	for (i = 1; i <= 3; i++) {
		put16(r->driver + 2, (uint16_t)(15 * i));
		driver_kick(&d, 1);
	}
	ok(e->nr_held <= 16 && e->v.broken, "no more chains at once than entries");
}

int main(void)
{
	all_transports();
	agreement();
	names();
	through_config();
	suppression();
	holding(false);
	holding(true);
	hostile_split();
	hostile_packed();
	hostile_places();
	hostile_many();
	return world_end();
}
