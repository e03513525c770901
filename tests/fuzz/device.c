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

#include "devices/storage/piix3_ide.h"
#include "host/bus/internal.h"
#include "host/display/display.h"
#include "tests/fuzz/input.h"
#include "tests/host/world.h"

#define DEVFN		(3u << 3)
#define MMIO_BASE	0xe0000000ull
#define MMIO_STEP	0x04000000ull
#define PORT_BASE	0x1000u
#define PORT_STEP	0x0800u
#define MAX_OPS		400

static const struct device_class *cls;
static struct device *dev;
static struct chardev line;
static struct netdev cable;
static struct block *disk;

/* --- the device and its surroundings --- */

static void give_back_ends(void)
{
	const struct device_prop *p;

	for (p = cls->props; p < cls->props + cls->nr_props; p++) {
		void *field = (char *)dev + p->offset;

		if (p->type == PROP_CHARDEV)
			*(struct chardev **)field = &line;
		else if (p->type == PROP_BLOCK && !*(struct block **)field)
			*(struct block **)field = disk;
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

/* A controller is nothing without what hangs on it. */
static const struct { const char *parent, *child, *bus, *back_end; } children[] = {
	{ "piix3-ide", "ide-hd", "ide.0", "drive" },
	{ "piix3-ide", "ide-cd", "ide.0", "drive" },
	{ "piix3-ide", "ide-cd", "ide.1", "drive" },
	{ "virtio-serial-pci", "virtconsole", NULL, "chardev" },
	{ "virtio-serial-pci", "virtserialport", NULL, NULL },
	{ "virtio-serial-device", "virtconsole", NULL, "chardev" },
};

static void add_children(void)
{
	struct device *child;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(children); i++) {
		if (strcmp(children[i].parent, cls->name))
			continue;
		child = make(children[i].child);
		if (children[i].back_end)
			device_set_ptr(child, children[i].back_end,
				       *children[i].back_end == 'd' ? (void *)disk : (void *)&line);
		if (child->cls->attach(child, children[i].bus) || device_try_realize(child))
			printf("# %s: no %s on it\n", cls->name, children[i].child);
	}
	/* As firmware leaves it: both channels decode their ports. */
	if (!strcmp(cls->name, "piix3-ide"))
		config_write(DEVFN, PIIX3_IDE_IDETIM, 0x80008000, 4);
}

static bool build(void)
{
	unsigned int i;

	fresh();
	memset(&line, 0, sizeof(line));
	memset(&cable, 0, sizeof(cable));
	cable.link = true;
	disk = make_disk(4 << 20);
	dev = cls->pci ? make_pci(cls->name, DEVFN) : make(cls->name);
	give_back_ends();
	if (device_try_realize(dev))
		return false;
	add_children();
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
	disk->hold = false;
	settle();
	bus_destroy(bus);
	bus = NULL;
	free_disk(disk);
}

/* --- the row of accesses --- */

uint64_t take(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes-- && in->left) {
		v = v << 8 | *in->p++;
		in->left--;
	}
	return v;
}

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
	if (!display_first())
		return;
	display_look(display_first());
	display_text(display_first(), &text);
}

static void op_disk(struct input *in)
{
	unsigned int bits = (unsigned int)take(in, 1);

	disk->hold = bits & 1;
	disk->fail = bits & 2 ? -5 : 0;
	disk->read_only = bits & 4;
	if (!(bits & 8) != !disk->no_medium)
		return;
	disk->no_medium = bits & 8;
	if (disk->user && disk->user->medium_changed)
		disk->user->medium_changed(disk->arg);
}

static void op_receive(struct input *in)
{
	static uint8_t frame[2048];
	size_t n = take(in, 2) % sizeof(frame);

	if (cable.user)
		cable_receive(&cable, frame, n);
	line.full = n & 1;
	if (line.user && line.user->room(line.arg))
		line.user->input(line.arg, frame, 1);
	if (line.user && !line.full && line.user->writable)
		line.user->writable(line.arg);
}

static void op_reset(struct input *in)
{
	(void)in;
	bus_reset(bus);
}

static void (*const ops[])(struct input *in) = {
	op_read, op_write, op_write, op_write, op_write, op_config, op_memory, op_bytes,
	op_pointer, op_pointer, op_time, op_settle, op_disk, op_receive, op_reset, op_special,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };
	unsigned int n;

	if (!cls)
		cls = device_class_find(getenv("FUZZ_DEVICE") ? getenv("FUZZ_DEVICE") : "");
	if (!cls) {
		fprintf(stderr, "FUZZ_DEVICE names no device\n");
		exit(1);
	}
	if (!build()) {
		tear_down();
		return 0;
	}
	for (n = 0; n < MAX_OPS && in.left; n++)
		ops[take(&in, 1) % ARRAY_SIZE(ops)](&in);
	tear_down();
	return 0;
}

#ifdef LIBFUZZER
/* FUZZ_LIST: which devices there are. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct device_class *const *all;

	(void)argc;
	(void)argv;
	if (!getenv("FUZZ_LIST"))
		return 0;
	for (all = device_classes(); *all; all++)
		puts((*all)->name);
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
	unsigned int cases, r;
	size_t i;

	cls = c;
	cases = run_cases(c->name);
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
