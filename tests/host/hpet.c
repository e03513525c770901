// SPDX-License-Identifier: LGPL-2.1-or-later
/* The event timers, held against the IA-PC HPET specification 1.0a. */
#include "devices/pc/hpet.h"
#include "tests/host/world.h"

#define BASE 0xfed00000ull

static bool replaced;

static void legacy(void *arg, bool on)
{
	(void)arg;
	replaced = on;
}

static void make_hpet(bool with_legacy)
{
	struct device *dev;
	unsigned int i;

	fresh();
	dev = make("hpet");
	if (with_legacy)
		hpet_set_legacy(dev, legacy, NULL);
	device_realize(dev);
	device_map(dev, 0, BASE);
	for (i = 0; i < HPET_ROUTES; i++)
		device_connect_irq(dev, i, i);
}

static uint64_t rd(uint32_t reg)
{
	return mmio_read(BASE + reg, 8);
}

static void wr(uint32_t reg, uint64_t val)
{
	mmio_write(BASE + reg, val, 8);
}

static void counter(void)
{
	make_hpet(false);
	ok(rd(0) == 0x0098968080862201ull, "capabilities: three timers, 64 bits, 100 MHz");
	ok(rd(0xf0) == 0, "the counter stands at 0");
	pass(1000);
	ok(rd(0xf0) == 0, "and does not move");
	wr(0x10, 1);
	pass(1000);
	ok(rd(0xf0) == 100, "enabled: a tick in 10 ns");
	wr(0x10, 3);
	ok(rd(0x10) == 1, "no legacy replacement where it is not offered");
	wr(0x10, 0);
	pass(1000);
	ok(rd(0xf0) == 100, "halted, it keeps its value");
	wr(0xf0, 0xfffffffffull);
	ok(rd(0xf0) == 0xfffffffffull && mmio_read(BASE + 0xf4, 4) == 0xf, "written, and read by halves");
	mmio_write(BASE + 0xf4, 0x12, 4);
	ok(rd(0xf0) == 0x12ffffffffull, "written by halves");
}

static void one_shot(void)
{
	make_hpet(false);
	wr(0x100, 16 << 9 | 4);
	wr(0x108, 1000);
	wr(0x10, 1);
	pass(9990);
	ok(!gsi_edges[16], "one-shot: not yet");
	pass(10);
	ok(gsi_edges[16] == 1 && !gsi_level[16], "an edge when the comparator is met");
	pass(1000000);
	ok(gsi_edges[16] == 1, "once");
	wr(0x100, 17 << 9 | 6);
	wr(0x108, rd(0xf0) + 100);
	pass(1000);
	ok(gsi_level[17] && rd(0x20) == 1, "level: up, and in the status");
	wr(0x20, 1);
	ok(!gsi_level[17] && rd(0x20) == 0, "writing 1 takes it back");
	wr(0x100, 16 << 9);
	wr(0x108, rd(0xf0) + 100);
	pass(2000);
	ok(gsi_edges[16] == 1, "disabled: no interrupt");
}

static void periodic(void)
{
	make_hpet(false);
	wr(0x10, 1);
	wr(0x120, 20 << 9 | 0x4c);	/* periodic, set value */
	wr(0x128, rd(0xf0) + 10000);
	wr(0x128, 20000);
	pass(100000);
	ok(gsi_edges[20] == 1, "periodic: the first after its own time");
	pass(1000000);
	ok(gsi_edges[20] == 6, "and then one a period");
	wr(0x128, 1);
	wr(0x120, 20 << 9 | 0x4c);
	wr(0x128, rd(0xf0) + 1);
	wr(0x128, 1);
	gsi_edges[20] = 0;
	pass(1000000);
	ok(gsi_edges[20] >= 10 && gsi_edges[20] <= 21, "a period of a tick does not drown the host");
	wr(0x120, 0);
}

static void narrow(void)
{
	make_hpet(false);
	wr(0xf0, 0x1ffffff00ull);
	wr(0x10, 1);
	wr(0x140, 16 << 9 | 0x104);
	wr(0x148, 0x50);
	pass(4000);
	ok(gsi_edges[16] == 1, "32 bits: the comparator is met over the wrap");
	ok(rd(0xf0) > 0x200000000ull, "while the counter has 64");
}

static void messages(void)
{
	make_hpet(false);
	wr(0x10, 1);
	wr(0x110, 0xfee0100000000041ull);
	wr(0x100, 1 << 14 | 4);
	wr(0x108, rd(0xf0) + 100);
	pass(1000);
	ok(nr_msi == 1 && msi[0].addr == 0xfee01000 && msi[0].data == 0x41, "a message");
}

static void replacement(void)
{
	make_hpet(true);
	ok(rd(0) & 0x8000, "legacy replacement is offered");
	wr(0x10, 3);
	ok(replaced, "PIT and clock are told");
	wr(0x100, 4);
	wr(0x108, rd(0xf0) + 100);
	wr(0x120, 4);
	wr(0x128, rd(0xf0) + 200);
	pass(3000);
	ok(gsi_edges[2] == 1 && gsi_edges[8] == 1, "timers 0 and 1 on their inputs");
	bus_reset(bus);
	ok(!replaced && rd(0x10) == 0, "reset gives them back");
}

int main(void)
{
	counter();
	one_shot();
	periodic();
	narrow();
	messages();
	replacement();
	return world_end();
}
