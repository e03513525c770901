// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Debug console: one port whose bytes go to a back end, as Bochs has it at E9h and firmware looks
 * for it at 402h; reading it gives E9h, by which programs know that somebody listens.
 */
#include "host/bus/bus.h"
#include "host/chardev.h"

struct debugcon {
	struct device dev;
	struct chardev *chr;
	uint64_t iobase, readback;
};

static uint64_t debugcon_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return ((struct debugcon *)dev)->readback;
}

/* What the back end cannot take at once is lost: the port has no way to say "wait". */
static void debugcon_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)off;
	(void)size;
	chardev_write(((struct debugcon *)dev)->chr, (uint8_t)val);
}

static unsigned int no_room(void *arg)
{
	(void)arg;
	return 0;
}

static void nothing(void *arg)
{
	(void)arg;
}

static const char *debugcon_realize(struct device *dev)
{
	static const struct chardev_user user = { .room = no_room, .writable = nothing };
	struct debugcon *d = (struct debugcon *)dev;

	if (!d->chr)
		return "needs a back end: chardev=ID";
	chardev_attach(d->chr, &user, d);
	device_place(dev, 0, d->iobase, PRIO_FIXED, true);
	return NULL;
}

static const struct device_region debugcon_regions[] = {
	{ "data", BUS_PORT, 1, 1, debugcon_read, debugcon_write },
};

static const struct device_prop debugcon_props[] = {
	{ "chardev", PROP_CHARDEV, offsetof(struct debugcon, chr), "where the bytes go" },
	{ "iobase", PROP_U64, offsetof(struct debugcon, iobase), "its port", "0xe9", 1, 0xffff },
	{ "readback", PROP_U64, offsetof(struct debugcon, readback), "what it reads as", "0xe9",
	  0, 0xff },
};

static const struct device_class isa_debugcon = {
	.name = "isa-debugcon",
	.what = "debug console port",
	.sheet = "Bochs, port E9h hack; SeaBIOS and OVMF, debug port 402h",
	.user = true,
	.size = sizeof(struct debugcon),
	.regions = debugcon_regions,
	.nr_regions = ARRAY_SIZE(debugcon_regions),
	.props = debugcon_props,
	.nr_props = ARRAY_SIZE(debugcon_props),
	.realize = debugcon_realize,
};
DEVICE_REGISTER(isa_debugcon);
