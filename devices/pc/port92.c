// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * System control port A, port 92h (IBM PS/2 Hardware Interface Technical Reference): bit 0 going
 * to 1 resets, bit 1 is the A20 gate. The gate holds what is written but masks nothing: no address
 * wraps at 1 MiB.
 */
#include "host/bus/bus.h"

#define PORT92_RESET	0x01
#define PORT92_A20	0x02

struct port92 {
	struct device dev;
	uint8_t val;
};

static uint64_t port92_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return ((struct port92 *)dev)->val;
}

static void port92_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct port92 *r = (struct port92 *)dev;
	bool reset = (val & PORT92_RESET) && !(r->val & PORT92_RESET);

	(void)off;
	(void)size;
	r->val = (uint8_t)val;
	if (reset)
		device_request(dev, MACHINE_RESET, "port 92h");
}

static void port92_reset(struct device *dev)
{
	((struct port92 *)dev)->val = PORT92_A20;
}

static const struct device_region port92_regions[] = {
	{ "port92", BUS_PORT, 1, 1, port92_read, port92_write },
};

static const struct device_class port92 = {
	.name = "port92",
	.what = "system control port A: fast reset and A20 gate",
	.sheet = "IBM PS/2 Hardware Interface Technical Reference, system control port A",
	.missing = "the A20 gate masks no address; no watchdog status, no security lock",
	.size = sizeof(struct port92),
	.regions = port92_regions,
	.nr_regions = ARRAY_SIZE(port92_regions),
	.reset = port92_reset,
};
DEVICE_REGISTER(port92);
