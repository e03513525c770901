// SPDX-License-Identifier: LGPL-2.1-or-later
/* The virtio balloon and the virtio console against Virtio 1.2, sections 5.5 and 5.3. */
#include <sys/mman.h>

#include "devices/virtio/core.h"
#include "host/balloon.h"
#include "host/event.h"
#include "tests/host/virtio_driver.h"

#define BIT(n) (1ull << (n))

static struct driver d;

/* --- the balloon --- */

enum { F_STATS = 1, F_OOM = 2, F_POISON = 4, F_REPORTING = 5 };
#define BALLOON_ALL (BIT(F_STATS) | BIT(F_OOM) | BIT(F_POISON) | BIT(F_REPORTING))

static uint64_t changed_to;

static void changed(uint64_t pages)
{
	changed_to = pages;
}

static struct device *balloon(void)
{
	struct device *dev;

	fresh();
	dev = make_pci("virtio-balloon-pci", DRIVER_DEVFN);
	device_set_bool(dev, "free-page-reporting", true);
	device_set_bool(dev, "deflate-on-oom", true);
	device_set_u64(dev, "guest-stats-polling-interval", 2);
	return dev;
}

static bool resident(uint64_t gpa)
{
	unsigned char in;

	mincore(ram + gpa, 4096, &in);
	return in & 1;
}

static void pages(void)
{
	uint64_t list = 0x200000, victim = 0x400000;
	struct buffer buf = { list, 12, false };
	uint32_t pfn[3] = { 0x400, 0x401, 0x403 };
	unsigned int i;

	balloon_changed = changed;
	driver_find(&d, PCI_MODERN, balloon(), false);
	driver_start(&d, BALLOON_ALL);
	ok(driver_nr_queues(&d) == 4 && d.features & BIT(F_OOM), "four queues");
	ok(!balloon_set(WORLD_RAM, WORLD_RAM - (1 << 20)) && driver_config(&d, 0, 4) == 256 &&
	   driver_interrupt(&d, -1), "the monitor asks for a MiB");
	ok(balloon_set(WORLD_RAM, 0) && driver_config(&d, 0, 4) == 256, "but not for all");
	memset(ram + victim, 0x5a, 4 * 4096);
	memcpy(ram + list, pfn, sizeof(pfn));
	ok(driver_do(&d, 0, &buf, 1) == 0, "three pages are given");
	ok(!resident(victim) && !resident(victim + 4096) && resident(victim + 8192) &&
	   !resident(victim + 12288), "the host has them, and no other");
	ok(!ram[victim] && ram[victim + 8192] == 0x5a, "a page that is touched is zeros");
	driver_set_config(&d, 4, 4, 3);
	ok(changed_to == 3 && balloon_given() == 3, "the guest says how many");
	ok(driver_do(&d, 1, &buf, 1) == 0, "and takes them back");
	buf.write = true;
	buf.gpa = victim + 8192;
	buf.len = 4096;
	ok(driver_do(&d, 3, &buf, 1) == 0 && !resident(victim + 8192), "a free page that is reported");
	memset(ram + victim, 0x5a, 4096);
	driver_set_config(&d, 12, 4, 0xaaaaaaaa);
	buf.gpa = victim;
	ok(driver_do(&d, 3, &buf, 1) == 0 && ram[victim] == 0x5a, "which stays where a pattern is trusted");

	/* Pages that are none. */
	buf = (struct buffer){ list, 12, false };
	pfn[0] = 0xfffffff0;
	pfn[1] = 0xa0;
	pfn[2] = 0xe0100;
	memcpy(ram + list, pfn, sizeof(pfn));
	ok(driver_do(&d, 0, &buf, 1) == 0 && !(driver_status(&d) & STATUS_NEEDS_RESET),
	   "pages where no memory is");
	buf.gpa = 0xa0000;
	ok(driver_do(&d, 0, &buf, 1) == 0, "a list where no memory is");
	buf.write = true;
	buf.len = 0xffffffff;
	ok(driver_do(&d, 3, &buf, 1) == 0, "4 GiB reported from a hole on");
	buf = (struct buffer){ list, 0xfffffff0, false };
	ok(driver_do(&d, 0, &buf, 1) && driver_status(&d) & STATUS_NEEDS_RESET, "too long a list");
	for (i = 0; i < 2; i++)
		driver_set_status(&d, 0);
	ok(changed_to == 0 && !balloon_given(), "a reset gives all back");
	ok(device_try_realize(make_pci("virtio-balloon-pci", 6 << 3)), "a second balloon: refused");
	fresh();
	ok(!balloon_there() && balloon_set(WORLD_RAM, 4096), "none: refused");
}

static void put_stat(uint64_t at, uint16_t tag, uint64_t val)
{
	memcpy(ram + at, &tag, 2);
	memcpy(ram + at + 2, &val, 8);
}

static void statistics(void)
{
	uint64_t list = 0x200000, val, when;
	struct buffer buf = { list, 30, false };
	uint16_t id;
	uint32_t len;

	driver_find(&d, PCI_MODERN, balloon(), false);
	driver_start(&d, BALLOON_ALL);
	put_stat(list, BALLOON_FREE, 12345);
	put_stat(list + 10, 0xffff, 1);
	put_stat(list + 20, BALLOON_TOTAL, ~0ull);
	ok(!balloon_stat(BALLOON_FREE, &val, &when), "nothing told yet");
	ok(driver_do(&d, 2, &buf, 1) == -1, "the device keeps the buffer");
	ok(balloon_stat(BALLOON_FREE, &val, &when) && val == 12345 && when == clock_now &&
	   balloon_stat(BALLOON_TOTAL, &val, &when) && val == ~0ull &&
	   !balloon_stat(BALLOON_CACHES, &val, &when), "what was told");
	pass(2000000000);
	ok(driver_used(&d, 2, &id, &len) && driver_interrupt(&d, 0), "it asks again when the time comes");
	put_stat(list, BALLOON_FREE, 99);
	driver_do(&d, 2, &buf, 1);
	ok(balloon_stat(BALLOON_FREE, &val, &when) && val == 99, "and again");
	buf.len = 15;
	driver_do(&d, 2, &buf, 1);
	ok(!balloon_stat(BALLOON_TOTAL, &val, &when), "half a number is none");
	driver_set_status(&d, 0);
	pass(4000000000);
	ok(!balloon_stat(BALLOON_FREE, &val, &when), "a reset forgets");
}

/* Linux adds its first buffer before the device is on, and never says again that it is there. */
static void early_statistics(void)
{
	uint64_t list = 0x200000, val, when;
	struct buffer buf = { list, 10, false };
	unsigned int n;

	driver_find(&d, PCI_MODERN, balloon(), false);
	ok(driver_negotiate(&d, (BALLOON_ALL | 1ull << VIRTIO_F_VERSION_1) & driver_offered(&d)),
	   "features agreed");
	for (n = 0; n < driver_nr_queues(&d); n++)
		driver_queue(&d, n, driver_queue_max(&d, n));
	put_stat(list, BALLOON_FREE, 777);
	driver_add(&d, 2, &buf, 1, false);
	driver_kick(&d, 2);
	ok(!balloon_stat(BALLOON_FREE, &val, &when), "before DRIVER_OK nothing is taken");
	driver_go(&d);
	ok(balloon_stat(BALLOON_FREE, &val, &when) && val == 777, "and then what has waited");
}

/* --- the console --- */

enum { F_SIZE = 0, F_MULTIPORT = 1, F_EMERG = 2 };
enum { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };

static struct chardev line[2];

static struct device *port(const char *kind, struct chardev *chr)
{
	struct device *dev = make(kind);
	const char *wrong = dev->cls->attach(dev, NULL);

	if (wrong)
		printf("# %s\n", wrong);
	if (chr)
		device_set_ptr(dev, "chardev", chr);
	return dev;
}

static struct device *console, *agent;

/* What was told of ports: "agent+ agent- ". */
static char port_events[64];

static void hear(const char *name, const struct event_field *f)
{
	size_t at = strlen(port_events);

	if (!strcmp(name, "VSERPORT_CHANGE"))
		snprintf(port_events + at, sizeof(port_events) - at, "%s%c ", f[0].str, f[1].num ? '+' : '-');
}

static void serial(uint64_t features)
{
	struct device *dev;

	fresh();
	memset(line, 0, sizeof(line));
	dev = make_pci("virtio-serial-pci", DRIVER_DEVFN);
	device_set_u64(dev, "max_ports", 4);
	driver_find(&d, PCI_MODERN, dev, false);
	console = port("virtconsole", &line[0]);
	device_set_u64(console, "cols", 132);
	device_set_u64(console, "rows", 43);
	device_realize(console);
	agent = port("virtserialport", &line[1]);
	agent->id = "agent";
	device_set_ptr(agent, "name", "org.agent.0");
	device_realize(agent);
	driver_start(&d, features);
}

static int64_t say(unsigned int queue, const void *data, unsigned int len)
{
	struct buffer buf = { guest_alloc(4096), len, false };

	memcpy(ram + buf.gpa, data, len);
	return driver_do(&d, queue, &buf, 1);
}

static void control(uint32_t id, uint16_t event, uint16_t val)
{
	const struct { uint32_t id; uint16_t event, val; } c = { id, event, val };

	say(3, &c, sizeof(c));
}

static uint64_t ear[8];

/* Buffers for what the device has to say. */
static void listen_at(unsigned int queue, unsigned int nr, uint32_t len)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct buffer buf = { ear[i] = guest_alloc(4096), len, true };

		driver_add(&d, queue, &buf, 1, false);
	}
	driver_kick(&d, queue);
}

static bool told(unsigned int i, uint32_t id, uint16_t event, uint16_t val, const void *more,
		 uint32_t more_len)
{
	const struct { uint32_t id; uint16_t event, val; } c = { id, event, val };
	uint16_t used;
	uint32_t len;

	return driver_used(&d, 2, &used, &len) && len == 8 + more_len &&
	       !memcmp(ram + ear[i], &c, 8) && !memcmp(ram + ear[i] + 8, more, more_len);
}

static void single_port(void)
{
	uint16_t id;
	uint32_t len;

	serial(BIT(F_SIZE) | BIT(F_EMERG));
	ok(driver_config(&d, 0, 4) == (132 | 43 << 16) && driver_config(&d, 4, 4) == 4, "size and ports");
	driver_set_config(&d, 8, 4, '!');
	ok(line[0].len == 1 && line[0].out[0] == '!', "an emergency");
	ok(say(1, "hello", 5) == 0 && line[0].len == 6 && !memcmp(line[0].out, "!hello", 6), "output");
	ok(line[0].user->room(line[0].arg) == 0, "no room before there are buffers");
	listen_at(0, 2, 3);
	ok(line[0].user->room(line[0].arg) == 3, "room of one buffer");
	line[0].user->input(line[0].arg, (const uint8_t *)"abc", 3);
	ok(driver_used(&d, 0, &id, &len) && len == 3 && !memcmp(ram + ear[0], "abc", 3), "input");
	line[0].full = true;
	ok(say(1, "world", 5) == -1 && line[0].len == 6, "a full back end: the buffer waits");
	line[0].full = false;
	line[0].user->writable(line[0].arg);
	ok(driver_used(&d, 1, &id, &len) && line[0].len == 11, "and goes on");
	line[0].full = true;
	say(1, "lost", 4);
	driver_set_status(&d, 0);
	line[0].full = false;
	line[0].user->writable(line[0].arg);
	ok(line[0].len == 11, "a reset forgets what waits");
	ok(say(5, "x", 1) != 0, "and nothing is taken after it");
}

static void much_output(void)
{
	struct buffer big[2] = { { guest_alloc(512 << 10), 200 << 10, false } };
	uint16_t id;
	uint32_t len;

	serial(BIT(F_SIZE));
	ok(driver_do(&d, 1, big, 1) == -1, "much output goes in portions");
	pass(0);
	ok(driver_used(&d, 1, &id, &len), "which the event loop goes on with");
	big[0].len = 512 << 10;
	big[1] = big[0];
	ok(driver_do(&d, 1, big, 2) == -1, "1 MiB at once is taken");
	pass(0);
	ok(driver_used(&d, 1, &id, &len) && !(driver_status(&d) & 0x40), "and done");
	big[1].len++;
	driver_do(&d, 1, big, 2);
	ok(driver_status(&d) & 0x40, "more at once than any driver has needs a reset");
	/* The descriptor says 4 GiB: nothing is read. */
	serial(BIT(F_SIZE));
	big[0].len = 0xffffffff;
	driver_do(&d, 1, big, 1);
	ok(driver_status(&d) & 0x40 && !line[0].len, "4 GiB too, before a byte of it");
}

static void many_ports(void)
{
	const uint16_t size[2] = { 132, 43 };
	struct buffer small;
	uint16_t id;
	uint32_t len;

	serial(BIT(F_MULTIPORT) | BIT(F_SIZE));
	ok(driver_nr_queues(&d) == 10, "ten queues");
	listen_at(2, 1, 64);
	control(0, DEVICE_READY, 1);
	ok(told(0, 0, DEVICE_ADD, 1, "", 0) && !driver_used(&d, 2, &id, &len),
	   "the first port is added; the second waits for a buffer");
	listen_at(2, 8, 64);
	ok(told(0, 1, DEVICE_ADD, 1, "", 0), "which comes");
	line[0].user->opened(line[0].arg, true);
	control(0, PORT_READY, 1);
	ok(told(1, 0, PORT_OPEN, 1, "", 0), "somebody is at the other end");
	ok(told(2, 0, CONSOLE_PORT, 1, "", 0) && told(3, 0, RESIZE, 1, size, 4) &&
	   told(4, 0, PORT_OPEN, 1, "", 0), "a console, its size, open");
	control(1, PORT_READY, 1);
	ok(told(5, 1, PORT_OPEN, 0, "", 0) && told(6, 1, PORT_NAME, 1, "org.agent.0", 11),
	   "a port, not open, and its name");
	listen_at(4, 1, 64);
	ok(line[1].user->room(line[1].arg) == 0, "nothing goes in before the guest has opened it");
	event_sink = hear;
	control(1, PORT_OPEN, 1);
	ok(line[1].user->room(line[1].arg) == 64, "then it does");
	control(0, PORT_OPEN, 1);
	control(1, PORT_OPEN, 1);
	ok(!strcmp(port_events, "agent+ "), "who manages the machine is told, once, of ports with a name");
	line[1].user->input(line[1].arg, (const uint8_t *)"ping", 4);
	ok(driver_used(&d, 4, &id, &len) && len == 4 && !memcmp(ram + ear[0], "ping", 4), "in");
	ok(say(5, "pong", 4) == 0 && !memcmp(line[1].out, "pong", 4), "and out");
	ok(say(7, "void", 4) == 0, "a port that is none swallows all");
	control(77, PORT_OPEN, 1);
	control(0xffffffff, PORT_READY, 1);
	control(1, 99, 1);
	ok(say(3, "abc", 3) == 0 && !(driver_status(&d) & STATUS_NEEDS_RESET),
	   "messages of no port, of no kind, and half a one");
	small = (struct buffer){ guest_alloc(4096), 3, true };
	driver_add(&d, 2, &small, 1, false);
	driver_kick(&d, 2);
	control(1, PORT_READY, 1);
	ok(!(driver_status(&d) & STATUS_NEEDS_RESET), "a buffer too small for a message");
	control(1, PORT_OPEN, 0);
	control(1, PORT_OPEN, 1);
	driver_set_status(&d, 0);
	ok(!strcmp(port_events, "agent+ agent- agent+ agent- "), "closed; open; and closed by a reset");
	event_sink = NULL;
	agent = port("virtserialport", NULL);
	device_set_u64(agent, "nr", 1);
	ok(device_try_realize(agent), "a port that is taken: refused");
	agent = port("virtserialport", NULL);
	device_set_u64(agent, "nr", 4);
	ok(device_try_realize(agent), "one that is not there: refused");
	fresh();
	agent = make("virtserialport");
	ok(agent->cls->attach(agent, NULL) && device_try_realize(agent), "no device to sit on: refused");
}

int main(void)
{
	pages();
	statistics();
	early_statistics();
	single_port();
	much_output();
	many_ports();
	return world_end();
}
