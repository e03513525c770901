// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The two reset registers beside the keyboard controller's.
 *
 * Port 92h (PS/2 system control port A): bit 0 going to 1 resets, bit 1 is the A20 gate.
 * CF9h (reset control register, Intel PCH data sheets): bit 2 going from 0 to 1 resets; bits 1
 * and 3 say how hard, which for this machine is the same.
 *
 * The A20 gate holds what is written but masks nothing: no address wraps at 1 MiB.
 */
#include "host/bus/bus.h"

#define PORT92_RESET	0x01
#define PORT92_A20	0x02

#define CF9_SYS_RST	0x02
#define CF9_RST_CPU	0x04
#define CF9_FULL_RST	0x08

struct reset_ports {
	struct device dev;
	uint8_t port92, cf9;
};

static uint64_t port92_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return ((struct reset_ports *)dev)->port92;
}

static void port92_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct reset_ports *r = (struct reset_ports *)dev;
	bool reset = (val & PORT92_RESET) && !(r->port92 & PORT92_RESET);

	(void)off;
	(void)size;
	r->port92 = (uint8_t)val;
	if (reset)
		device_request(dev, MACHINE_RESET, "port 92h");
}

static uint64_t cf9_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return ((struct reset_ports *)dev)->cf9;
}

static void cf9_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct reset_ports *r = (struct reset_ports *)dev;
	bool reset = (val & CF9_RST_CPU) && !(r->cf9 & CF9_RST_CPU);

	(void)off;
	(void)size;
	r->cf9 = val & (CF9_SYS_RST | CF9_RST_CPU | CF9_FULL_RST);
	if (reset)
		device_request(dev, MACHINE_RESET, "reset control register CF9h");
}

static void reset_ports_reset(struct device *dev)
{
	struct reset_ports *r = (struct reset_ports *)dev;

	r->port92 = PORT92_A20;
	r->cf9 = 0;
}

static const struct device_region reset_regions[] = {
	{ "port92", BUS_PORT, 1, 1, port92_read, port92_write },
	{ "cf9", BUS_PORT, 1, 1, cf9_read, cf9_write },
};

static const struct device_class reset_ports = {
	.name = "reset-ports",
	.what = "reset registers 92h and CF9h",
	.size = sizeof(struct reset_ports),
	.regions = reset_regions,
	.nr_regions = ARRAY_SIZE(reset_regions),
	.reset = reset_ports_reset,
};
DEVICE_REGISTER(reset_ports);
