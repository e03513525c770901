// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A hostile guest for any one device: what libFuzzer gives is read as a row of accesses to its
 * registers, its configuration space and the memory that it reaches by DMA, of events from its back
 * ends, and of time that passes. No behaviour is judged: the sanitizers do that, and a device that
 * does not come to an end.
 *
 *	FUZZ_DEVICE=rtc build-fuzz/tests/fuzz/device CORPUS...     libFuzzer (make fuzz-devices)
 *	tests/fuzz/device [-n ROUNDS] [-s SEED] [DEVICE]...        without it: random rows, all devices
 *
 * Inputs that once found something stand in tests/fuzz/cases/DEVICE/ and are run first, always.
 */
#include <dirent.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "host/bus/internal.h"
#include "host/balloon.h"
#include "host/display/display.h"
#include "host/input/input.h"
#include "tests/fuzz/input.h"
#include "tests/host/world.h"

#define DEVFN		(3u << 3)
#define MMIO_BASE	0xe0000000ull
#define MMIO_STEP	0x04000000ull
#define PORT_BASE	0x1000u
#define PORT_STEP	0x0800u
#define MAX_OPS		400
#define MAX_LOOKS	8
#define DISK_SIZE	(1440u << 10)	/* a floppy's, and room for others */

static const struct device_class *cls;
static const char *kind, *family;
static struct device *dev;
static struct chardev line;
static struct netdev cable;
static struct block *disks[FUZZ_DISKS];
static unsigned int looks;

/* --- the device and its surroundings --- */

static void give_back_ends(void)
{
	const struct device_prop *p;

	for (p = cls->props; p < cls->props + cls->nr_props; p++) {
		void *field = (char *)dev + p->offset;

		if (p->type == PROP_CHARDEV)
			*(struct chardev **)field = &line;
		else if (p->type == PROP_BLOCK && !*(struct block **)field)
			*(struct block **)field = disks[0];
		else if (p->type == PROP_NETDEV)
			*(struct netdev **)field = &cable;
	}
}

/* Where a region is, or, before it is anywhere, where it is to be. */
static uint64_t base_of(unsigned int region)
{
	const struct bus_window *w = dev->window[region];

	if (w && w->on)
		return w->base;
	return cls->regions[region].space == BUS_PORT ? PORT_BASE + region * PORT_STEP :
							MMIO_BASE + region * MMIO_STEP;
}

/* Offers that are on or off: 'packed', 'csum' ... */
static void choose_offers(struct input *in)
{
	const struct device_prop *p;

	for (p = cls->props; p < cls->props + cls->nr_props; p++)
		if (p->type == PROP_BOOL && take(in, 1) & 1)
			*(bool *)((char *)dev + p->offset) ^= true;
}

/* As it was made, for the price of what was done to it: large allocations are dear under ASan. */
static void clear_disk(struct block **disk)
{
	struct block *blk = *disk;
	uint8_t *data;

	if (!blk) {
		*disk = make_disk(DISK_SIZE);
		return;
	}
	data = blk->data;
	if (blk->requests[BLOCK_WRITE])
		memset(data, 0, DISK_SIZE);
	*blk = (struct block){ .data = data, .size = DISK_SIZE, .id = blk->id,
			       .write_cache = true, .can_discard = true };
}

static bool build(struct input *in)
{
	unsigned int i;

	fresh();
	looks = 0;
	memset(&line, 0, sizeof(line));
	memset(&cable, 0, sizeof(cable));
	cable.link = true;
	cable.offload = take(in, 1) & 1;
	cable.queues = cable.offload ? 4 : 0;
	for (i = 0; i < FUZZ_DISKS; i++)
		clear_disk(&disks[i]);
	dev = cls->pci ? make_pci(cls->name, DEVFN) : make(cls->name);
	give_back_ends();
	choose_offers(in);
	fuzz_beside(dev);
	if (device_try_realize(dev))
		return false;
	fuzz_children(dev, kind, DEVFN, disks, &line);
	for (i = 0; !cls->pci && i < cls->nr_regions; i++)
		device_place(dev, i, base_of(i), PRIO_PCI, true);
	for (i = 0; cls->pci && i < PCI_BARS; i++)
		if (cls->pci->bar[i].kind != PCI_BAR_NONE)
			pci_enable(DEVFN, i, base_of(cls->pci->bar[i].region));
	/* What is behind no BAR is the board's to place. */
	for (i = 0; cls->pci && i < cls->nr_regions; i++)
		if (!dev->window[i] && dev->region_len[i])
			device_place(dev, i, base_of(i), PRIO_FIXED, true);
	for (i = 0; i < cls->nr_irqs; i++)
		device_connect_irq(dev, i, 1 + i);
	return true;
}

static void tear_down(void)
{
	unsigned int i;

	for (i = 0; i < FUZZ_DISKS; i++)
		disks[i]->hold = false;
	settle();
	bus_destroy(bus);
	bus = NULL;
}

/* --- the row of accesses --- */

static void registers(struct input *in, bool write)
{
	unsigned int region = (unsigned int)take(in, 1), size = 1u << (take(in, 1) & 3);
	uint64_t off = take(in, 2), val;

	if (!cls->nr_regions)
		return;
	region %= cls->nr_regions;
	if (!dev->region_len[region])
		return;
	if (cls->regions[region].space == BUS_PORT && size == 8)
		size = 4;
	off = base_of(region) + off % dev->region_len[region];
	val = write ? take(in, size) : 0;
	bus_access(bus, cls->regions[region].space, off, &val, size, write);
}

static void op_read(struct input *in)
{
	registers(in, false);
}

static void op_write(struct input *in)
{
	registers(in, true);
}

static void op_config(struct input *in)
{
	unsigned int off = (unsigned int)take(in, 1), size = 1u << take(in, 1) % 3;

	if (!cls->pci)
		return;
	/* BARs stay where the accesses go; what a moved one does is tests/host/bus's. */
	if (off >= PCI_BAR0 && off < PCI_BAR0 + 4 * PCI_BARS)
		config_read(DEVFN, off, size);
	else
		config_write(DEVFN, off & ~(size - 1), (uint32_t)take(in, size), size);
}

/* Numbers that mean something: small, or addresses of memory, now and then of the device itself. */
static uint64_t address(struct input *in)
{
	static const uint64_t bases[] = { 0, 0x1000, 0x10000, 0x100000, WORLD_RAM - 16, 0x9fff0,
					  MMIO_BASE, 0xfffffffffffffff0ull };

	return bases[take(in, 1) % ARRAY_SIZE(bases)] + take(in, 1) * 16;
}

static void op_memory(struct input *in)
{
	uint64_t at = address(in), val = take(in, 1) & 1 ? address(in) : take(in, 8);

	dma_write(bus, at, &val, 8);
}

static void op_bytes(struct input *in)
{
	uint64_t at = address(in);
	size_t n = take(in, 1) % 64;
	uint8_t buf[64];

	if (n > in->left)
		n = in->left;
	memcpy(buf, in->p, n);
	in->p += n;
	in->left -= n;
	dma_write(bus, at, buf, n);
}

static void op_pointer(struct input *in)
{
	unsigned int region = (unsigned int)take(in, 1);
	uint64_t off = take(in, 2) & ~3ull, val = address(in);

	if (!cls->nr_regions || !dev->region_len[region % cls->nr_regions])
		return;
	region %= cls->nr_regions;
	bus_access(bus, cls->regions[region].space, base_of(region) + off % dev->region_len[region],
		   &val, 4, true);
}

static void op_time(struct input *in)
{
	pass(1ull << (take(in, 1) % 32));
}

static void op_settle(struct input *in)
{
	(void)in;
	settle();
}

/* What is special to a kind: a virtio driver's next step; a look at the screen of a device with one. */
static void op_special(struct input *in)
{
	struct text_screen text;

	if (fuzz_virtio(dev, in))
		return;
	/* A picture is a million dots: a few are enough. */
	if (!display_first() || looks++ >= MAX_LOOKS)
		return;
	display_look(display_first());
	display_text(display_first(), &text);
}

static void op_recipe(struct input *in)
{
	const struct fuzzed f = { dev, kind, DEVFN, base_of };

	fuzz_recipe(&f, (unsigned int)take(in, 1), in);
}

/* MSI-X on or off, a vector's entry written. */
static void op_msix(struct input *in)
{
	unsigned int cap, left = 48, bar, how = (unsigned int)take(in, 1);
	uint32_t table;

	if (!cls->pci)
		return;
	cap = config_read(DEVFN, PCI_CAPABILITIES, 1);
	while (cap && left-- && config_read(DEVFN, cap, 1) != 0x11)
		cap = config_read(DEVFN, cap + 1, 1);
	if (!cap || !left)
		return;
	config_write(DEVFN, cap + 2, (how & 3) << 14, 2);
	table = config_read(DEVFN, cap + 4, 4);
	bar = table & 7;
	if (bar < PCI_BARS && cls->pci->bar[bar].kind != PCI_BAR_NONE)
		mmio_write(base_of(cls->pci->bar[bar].region) + (table & ~7u) + (how >> 2) * 4,
			   take(in, 4), 4);
}

static void op_disk(struct input *in)
{
	unsigned int bits = (unsigned int)take(in, 1);
	struct block *disk = disks[(bits >> 4) % FUZZ_DISKS];

	disk->hold = bits & 1;
	disk->fail = bits & 2 ? -5 : 0;
	disk->read_only = bits & 4;
	if (!(bits & 8) != !disk->no_medium)
		return;
	disk->no_medium = bits & 8;
	if (disk->user && disk->user->medium_changed)
		disk->user->medium_changed(disk->arg);
}

static size_t make_frame(struct input *in, uint8_t *frame)
{
	static const uint8_t to[][6] = {
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
		{ 0x01, 0, 0x5e, 0, 0, 0xfb }, { 0x52, 0x54, 0, 1, 2, 3 },
	};
	static const uint8_t type[][2] = { { 8, 0 }, { 0x81, 0 }, { 0x86, 0xdd }, { 8, 6 } };
	static const uint16_t lengths[] = { 60, 64, 14, 1514, 1518, 2000, 0, 9000 };
	unsigned int how = (unsigned int)take(in, 1), i;

	memset(frame, 0, NET_MAX_FRAME);
	memcpy(frame, to[how & 3], 6);
	memcpy(frame + 12, type[how >> 2 & 3], 2);
	for (i = 14; i < 46; i++)
		frame[i] = (uint8_t)take(in, 1);
	return lengths[how >> 4 & 7];
}

/* The outside: frames, bytes on the line, keys and the mouse. */
static void op_receive(struct input *in)
{
	static uint8_t frame[NET_MAX_FRAME];
	unsigned int what = (unsigned int)take(in, 1);
	const struct net_offload off = {
		.flags = what >> 3 & 1, .gso_type = what >> 4 & 7, .hdr_len = (uint16_t)take(in, 1),
		.gso_size = (uint16_t)take(in, 2), .csum_start = (uint16_t)take(in, 1),
		.csum_offset = (uint16_t)take(in, 1),
	};

	if (cable.user && what & 0x80) {
		cable.link = what & 1;
		cable.user->link_changed(cable.arg, cable.link);
	} else if (cable.user) {
		struct iovec iov = { frame, make_frame(in, frame) };

		cable.user->receive(cable.arg, what % (cable.queues ? cable.queues : 1), &iov, 1,
				    cable.offload && cable.guest_takes ? &off : NULL);
	}
	line.full = what & 1;
	if (line.user && line.user->room(line.arg))
		line.user->input(line.arg, frame, 1);
	if (line.user && !line.full && line.user->writable)
		line.user->writable(line.arg);
	if (what & 2)
		input_press((unsigned int)take(in, 1), what & 1);
	if (what & 4)
		input_move((int8_t)take(in, 1), (int8_t)take(in, 1), what >> 4 & 3, what >> 3);
}

static void op_balloon(struct input *in)
{
	uint64_t val;

	if (balloon_there()) {
		balloon_set(WORLD_RAM, take(in, 2) << 12);
		balloon_stat((enum balloon_stat)(take(in, 1) % BALLOON_STATS), &val, &val);
	}
}

static void op_reset(struct input *in)
{
	(void)in;
	bus_reset(bus);
}

static void (*const ops[])(struct input *in) = {
	op_read, op_write, op_write, op_write, op_write, op_config, op_memory, op_bytes,
	op_pointer, op_pointer, op_time, op_settle, op_disk, op_receive, op_reset, op_special,
	op_special, op_recipe, op_recipe, op_recipe, op_recipe, op_recipe, op_msix, op_balloon,
};

/* Half the rows begin where a driver has been loaded. */
static void opening(struct input *in)
{
	const struct fuzzed f = { dev, kind, DEVFN, base_of };
	unsigned int how = (unsigned int)take(in, 1);

	if (how & 1 && !fuzz_virtio_start(dev, in))
		fuzz_recipe(&f, how >> 1 & 3, in);
}

static void choose(const char *name)
{
	kind = name;
	cls = fuzz_class_of(name);
}

/* A family of shapes, of which an input chooses one; or one device by its own name. */
static void aim(const char *name)
{
	family = fuzz_family_of(name);
	if (family && strcmp(family, name))
		family = NULL;
	if (!family)
		choose(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	unsigned int n;

	if (family)
		choose(fuzz_shape(family, (unsigned int)take(&in, 1)));
	if (!cls) {
		fprintf(stderr, "FUZZ_DEVICE names no device\n");
		exit(1);
	}
	if (!build(&in)) {
		tear_down();
		return 0;
	}
	opening(&in);
	for (n = 0; n < MAX_OPS && in.left; n++)
		ops[take(&in, 1) % ARRAY_SIZE(ops)](&in);
	tear_down();
	return 0;
}

#ifdef LIBFUZZER
/* FUZZ_LIST: which targets there are; one that comes in several shapes is one. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct device_class *const *all;
	const char *name = getenv("FUZZ_DEVICE"), *of;

	(void)argc;
	(void)argv;
	if (name)
		aim(name);
	if (!getenv("FUZZ_LIST"))
		return 0;
	for (all = device_classes(); *all; all++) {
		of = fuzz_family_of((*all)->name);
		if (!of || !strcmp((*all)->name, fuzz_shape(of, 0)))
			puts(of ? of : (*all)->name);
	}
	exit(0);
}
#else
/* --- without libFuzzer --- */

static unsigned int run_cases(const char *name)
{
	static uint8_t buf[1 << 16];
	char path[512];
	struct dirent *e;
	unsigned int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fuzz/cases/%s", name);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/cases/%s/%s", name, e->d_name);
		f = fopen(path, "rb");
		if (!f)
			continue;
		aim(name);
		LLVMFuzzerTestOneInput(buf, fread(buf, 1, sizeof(buf), f));
		fclose(f);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

static uint64_t seed = 1;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void fuzz_class(const struct device_class *c, unsigned int rounds)
{
	static uint8_t buf[4096];
	const char *of = fuzz_family_of(c->name);
	unsigned int cases, r;
	size_t i;

	cases = run_cases(c->name);
	if (of && strcmp(of, c->name))
		cases += run_cases(of);
	family = NULL;
	choose(c->name);
	for (r = 0; r < rounds; r++) {
		for (i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)(next_random() >> 24);
		LLVMFuzzerTestOneInput(buf, sizeof(buf));
	}
	ok(true, "%s: %u random rows, %u kept cases", c->name, rounds, cases);
}

int main(int argc, char **argv)
{
	const struct device_class *const *all;
	unsigned int rounds = 20;
	int i;

	for (i = 1; i < argc - 1 && argv[i][0] == '-'; i += 2) {
		if (argv[i][1] == 'n')
			rounds = (unsigned int)strtoul(argv[i + 1], NULL, 10);
		else if (argv[i][1] == 's')
			seed = strtoull(argv[i + 1], NULL, 10) | 1;
	}
	if (i < argc) {
		for (; i < argc; i++) {
			const struct device_class *c = device_class_find(argv[i]);

			if (!ok(c != NULL, "there is a device %s", argv[i]))
				continue;
			fuzz_class(c, rounds);
		}
		return world_end();
	}
	for (all = device_classes(); *all; all++)
		fuzz_class(*all, rounds);
	return world_end();
}
#endif
