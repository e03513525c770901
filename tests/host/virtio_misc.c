// SPDX-License-Identifier: LGPL-2.1-or-later
/* The virtio balloon and the virtio console against Virtio 1.2, sections 5.5 and 5.3. */
#include <sys/mman.h>

#include "devices/virtio/core.h"
#include "host/balloon.h"
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

int main(void)
{
	pages();
	statistics();
	return world_end();
}
