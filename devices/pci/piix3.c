// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ISA bridge: Intel 82371SB PCI ISA IDE Xcelerator (PIIX3), function 0, data sheet 290550-002.
 *
 * The chips in it are devices of their own (interrupt controllers and timer are the accelerator's,
 * with the edge/level registers 4D0h and 4D1h); what is here is how the four PCI interrupt lines
 * are steered to interrupt requests (PIRQRC), the reset control register, and registers that only
 * hold what firmware writes.
 */
#include <stdio.h>
#include <string.h>

#include "devices/pci/piix3.h"
#include "host/bus/pci.h"

enum {
	IORT = 0x4c, XBCS = 0x4e, PIRQRCA = 0x60, TOM = 0x69, MSTAT = 0x6a, MBIRQ0 = 0x70,
	MBDMA0 = 0x76, MBDMA1 = 0x77, PCSC = 0x78, APICBASE = 0x80, DLC = 0x82, SMICNTL = 0xa0,
	SMIEN = 0xa2, SEE = 0xa4, FTMR = 0xa8, SMIREQ = 0xaa, CTLTMR = 0xac, CTHTMR = 0xae,
};

#define PIRQRC_OFF	0x80
#define PIRQRC_IRQ	0x0f
#define NR_IRQS		16
/* Timer, keyboard, cascade, clock and coprocessor are not to be had (PIRQRC, bits 3:0). */
#define IRQS_FIXED	(1u << 0 | 1u << 1 | 1u << 2 | 1u << 8 | 1u << 13)

#define RC_SRST		0x02
#define RC_RCPU		0x04

struct piix3 {
	struct pci_device p;
	bool pirq[PIIX3_PIRQS];
	uint8_t rc;
};

/* What the registers hold at reset and which bits can be written; all others read as zero. */
static const struct {
	uint8_t reg, initial, writable;
} registers[] = {
	{ IORT, 0x4d, 0x7f },
	{ XBCS, 0x03, 0xff }, { XBCS + 1, 0x00, 0x01 },
	{ PIRQRCA, PIRQRC_OFF, 0x8f }, { PIRQRCA + 1, PIRQRC_OFF, 0x8f },
	{ PIRQRCA + 2, PIRQRC_OFF, 0x8f }, { PIRQRCA + 3, PIRQRC_OFF, 0x8f },
	{ TOM, 0x02, 0xfe },
	{ MSTAT, 0x00, 0x40 }, { MSTAT + 1, 0x00, 0x80 },
	{ MBIRQ0, 0x80, 0xef },
	{ MBDMA0, 0x0c, 0x8f }, { MBDMA1, 0x0c, 0x8f },
	{ PCSC, 0x02, 0xff }, { PCSC + 1, 0x00, 0xff },
	{ APICBASE, 0x00, 0x7f },
	{ DLC, 0x00, 0x0f },
	{ SMICNTL, 0x08, 0x1f },
	{ SMIEN, 0x00, 0xff }, { SMIEN + 1, 0x00, 0x01 },
	{ SEE, 0x00, 0xff }, { SEE + 1, 0x00, 0xff }, { SEE + 2, 0x00, 0xff }, { SEE + 3, 0x00, 0xf0 },
	{ FTMR, 0x0f, 0xff },
	{ SMIREQ, 0x00, 0xff }, { SMIREQ + 1, 0x00, 0x01 },
	{ CTLTMR, 0x00, 0xff },
	{ CTHTMR, 0x00, 0xff },
};

/* --- interrupt steering --- */

static int steered_to(const struct piix3 *s, unsigned int n)
{
	uint8_t rc = s->p.config[PIRQRCA + n];

	return rc & PIRQRC_OFF || IRQS_FIXED >> (rc & PIRQRC_IRQ) & 1 ? -1 : rc & PIRQRC_IRQ;
}

static void steer(struct piix3 *s)
{
	unsigned int up = 0, n;
	int irq;

	for (n = 0; n < PIIX3_PIRQS; n++) {
		irq = steered_to(s, n);
		if (s->pirq[n] && irq >= 0)
			up |= 1u << irq;
	}
	for (n = 0; n < NR_IRQS; n++)
		device_set_irq(&s->p.dev, n, up >> n & 1);
}

void piix3_set_pirq(struct device *dev, unsigned int n, bool level)
{
	struct piix3 *s = (struct piix3 *)dev;

	s->pirq[n] = level;
	steer(s);
}

static void piix3_config_written(struct device *dev, unsigned int off, unsigned int size)
{
	if (off < PIRQRCA + PIIX3_PIRQS && off + size > PIRQRCA)
		steer((struct piix3 *)dev);
}

/* --- reset control register --- */

static uint64_t reset_read(struct device *dev, uint32_t off, unsigned int size)
{
	return off == 1 && size == 1 ? ((struct piix3 *)dev)->rc : ~0ull;
}

static void reset_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct piix3 *s = (struct piix3 *)dev;
	bool reset = (val & RC_RCPU) && !(s->rc & RC_RCPU);

	if (off != 1 || size != 1)
		return;
	s->rc = val & (RC_SRST | RC_RCPU);
	if (reset)
		device_request(dev, MACHINE_RESET, "reset control register CF9h");
}

/* --- life --- */

static void piix3_reset(struct device *dev)
{
	struct piix3 *s = (struct piix3 *)dev;
	unsigned int i;

	/* I/O, memory and bus mastering of the bridge cannot be turned off. */
	pci_put16(s->p.config, PCI_COMMAND,
		  PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_put16(s->p.config, PCI_STATUS, 0x0200);
	for (i = 0; i < ARRAY_SIZE(registers); i++)
		s->p.config[registers[i].reg] = registers[i].initial;
	s->rc = 0;
	steer(s);
}

static const char *piix3_realize(struct device *dev)
{
	struct piix3 *s = (struct piix3 *)dev;
	unsigned int i;

	pci_put16(s->p.writable, PCI_COMMAND, 0x0008);
	for (i = 0; i < ARRAY_SIZE(registers); i++)
		s->p.writable[registers[i].reg] = registers[i].writable;
	return NULL;
}

static void piix3_describe(struct device *dev, char *buf, size_t len)
{
	const struct piix3 *s = (struct piix3 *)dev;
	unsigned int n;
	size_t used = 0;

	for (n = 0; n < PIIX3_PIRQS && used < len; n++)
		used += (size_t)snprintf(buf + used, len - used, "%sPIRQ%c to %d%s", n ? ", " : "",
					 'A' + n, steered_to(s, n), s->pirq[n] ? " (up)" : "");
}

static const struct device_region piix3_regions[] = {
	[PIIX3_REGION_RESET] = { "reset-control", BUS_PORT, 4, 4, reset_read, reset_write },
};

static const struct device_prop piix3_props[] = {
	PCI_PROPS,
};

static const struct pci_info piix3_info = {
	.vendor = 0x8086, .device = 0x7000, .class = 0x060100,
	.subsystem_vendor = 0x1af4, .subsystem = 0x1100,
	.multifunction = true,
	.config_written = piix3_config_written,
};

static const struct device_class piix3 = {
	.name = "piix3",
	.what = "ISA bridge (82371SB PIIX3): interrupt steering, reset control",
	.sheet = "Intel 82371FB/82371SB PCI ISA IDE Xcelerator, 290550-002",
	.missing = "no USB function, no SMI, no motherboard interrupt and DMA steering (MBIRQ, MBDMA); "
		   "chip select and bus timing registers hold what is written and change nothing",
	.size = sizeof(struct piix3),
	.pci = &piix3_info,
	.regions = piix3_regions,
	.nr_regions = ARRAY_SIZE(piix3_regions),
	.nr_irqs = NR_IRQS,
	.props = piix3_props,
	.nr_props = ARRAY_SIZE(piix3_props),
	.realize = piix3_realize,
	.reset = piix3_reset,
	.describe = piix3_describe,
};
DEVICE_REGISTER(piix3);
