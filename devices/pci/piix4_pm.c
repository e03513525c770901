// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Power management: Intel 82371AB (PIIX4), function 3, data sheet 290562-001.
 *
 * Its block of 64 ports (at PMBA) begins with ACPI's fixed hardware: PM1 event and control
 * registers, the 24-bit timer at 3.579545 MHz and the general purpose events. There is no system
 * management mode, so nobody could turn SCI_EN on by an SMI: it is on from the start. The timer's
 * overflow status is computed when it is looked at, and a host timer waits for the next one only
 * while its interrupt is enabled.
 */
#include <stdio.h>

#include "devices/pci/piix4_pm.h"
#include "host/bus/pci.h"

#define PM_TIMER_HZ	3579545ull
#define PM_TIMER_BITS	24

enum {
	PMBA = PIIX4_PM_PMBA, CNTA = 0x44, DEVRESJ = 0x7c, DEVACTB = 0x58,
	PMREGMISC = PIIX4_PM_PMREGMISC, SMBBA = 0x90, SMBHSTCFG = 0xd2, SMBREV = 0xd6,
};

#define PMBA_BASE	0xffc0
#define PMIOSE		0x01
/* APMC_EN: an SMI at every write of APMC, says firmware once it has set up its handler. */
#define DEVACTB_APMC_EN	(1u << 25)

/* The block's registers, in dwords; their names are those of the lower halves. */
enum { PMSTS, PMCNTRL, PMTMR, GPSTS, PCNTRL, PLVL, GLBSTS, DEVSTS, GLBEN, GLBCTL = 10, DEVCTL,
       GPIREG, GPOREG, NR_REGS = 16 };

#define TMROF		0x0001u
#define PWRBTN		0x0100u
/* Statuses at bit n have their enables at bit n + 16. */
#define PM1_ENABLES	0x0521u

#define SCI_EN		0x0001u
#define SUS_TYP(v)	((v) >> 10 & 7)
#define SUS_EN		0x2000u

/* What can be written, and what writing 1 clears. */
static const struct {
	uint32_t writable, clears;
} masks[NR_REGS] = {
	[PMSTS] = { PM1_ENABLES << 16, 0x8d31 },
	[PMCNTRL] = { 0x1c06 },
	[GPSTS] = { 0x0f01u << 16, 0x0f81 },
	[PCNTRL] = { 0x00023e1e },
	[GLBSTS] = { 0, 0x08ff },
	[DEVSTS] = { 0, 0x3fffffff },
	[GLBEN] = { 0x8eff },
	[GLBCTL] = { 0x0700ff3e },
	[DEVCTL] = { 0xffffffff },
	[GPOREG] = { 0x7fffffff },
};

struct piix4_pm {
	struct pci_device p;
	uint32_t reg[NR_REGS];
	uint8_t apm[2];		/* APMC, APMS */
	uint64_t halves;	/* half-periods of the timer that PMSTS already knows of */
	struct device_timer overflow;
};

static uint64_t ticks(void)
{
	return (uint64_t)((unsigned __int128)device_now() * PM_TIMER_HZ / 1000000000u);
}

static void update(struct piix4_pm *pm)
{
	uint64_t half = ticks() >> (PM_TIMER_BITS - 1);
	uint32_t *sts = &pm->reg[PMSTS];

	/* TMROF_STS is set whenever the timer's highest bit changes. */
	if (half != pm->halves) {
		pm->halves = half;
		*sts |= TMROF;
	}
	if ((*sts >> 16 & TMROF) && !(*sts & TMROF)) {
		unsigned __int128 next = (unsigned __int128)(half + 1) << (PM_TIMER_BITS - 1);

		device_timer_set(&pm->overflow,
				 (uint64_t)(next * 1000000000u / PM_TIMER_HZ) + 1000);
	} else {
		device_timer_cancel(&pm->overflow);
	}
	device_set_irq(&pm->p.dev, 0, (*sts & *sts >> 16 & PM1_ENABLES) != 0 ||
		       (pm->reg[GPSTS] & pm->reg[GPSTS] >> 16) != 0);
}

static void overflowed(void *arg)
{
	update(arg);
}

void piix4_pm_power_button(struct device *dev)
{
	struct piix4_pm *pm = (struct piix4_pm *)dev;

	pm->reg[PMSTS] |= PWRBTN;
	update(pm);
}

uint16_t piix4_pm_base(struct device *dev)
{
	const uint8_t *c = ((struct piix4_pm *)dev)->p.config;

	return c[PMREGMISC] & PMIOSE ? pci_get16(c, PMBA) & PMBA_BASE : 0;
}

/* --- the block --- */

static uint64_t io_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct piix4_pm *pm = (struct piix4_pm *)dev;
	uint32_t val;

	(void)size;
	update(pm);
	val = off / 4 == PMTMR ? (uint32_t)ticks() & ((1u << PM_TIMER_BITS) - 1) : pm->reg[off / 4];
	return val >> (8 * (off & 3));
}

static void io_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct piix4_pm *pm = (struct piix4_pm *)dev;
	unsigned int n = off / 4;
	uint32_t lanes = (size == 4 ? ~0u : (1u << (8 * size)) - 1) << (8 * (off & 3));
	uint32_t bits = (uint32_t)val << (8 * (off & 3)) & lanes;
	uint32_t takes = masks[n].writable & lanes;

	update(pm);
	pm->reg[n] = ((pm->reg[n] & ~takes) | (bits & takes)) & ~(bits & masks[n].clears);
	/* SUS_EN only starts the transition: it reads as 0. */
	if (n == PMCNTRL && (bits & SUS_EN) && SUS_TYP(pm->reg[n]) == PIIX4_PM_SOFT_OFF)
		device_request(dev, MACHINE_POWEROFF, "PMCNTRL: soft off");
	update(pm);
}

/* --- APM ports --- */

static uint64_t apm_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)size;
	return ((struct piix4_pm *)dev)->apm[off];
}

static void apm_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)size;
	((struct piix4_pm *)dev)->apm[off] = (uint8_t)val;
}

/* --- configuration space --- */

static void place(struct piix4_pm *pm)
{
	uint16_t base = piix4_pm_base(&pm->p.dev);

	device_place(&pm->p.dev, PIIX4_PM_REGION_IO, base, PRIO_PCI, base != 0);
}

static void piix4_pm_config_written(struct device *dev, unsigned int off, unsigned int size)
{
	if ((off < PMBA + 4 && off + size > PMBA) || (off <= PMREGMISC && off + size > PMREGMISC))
		place((struct piix4_pm *)dev);
}

static void piix4_pm_reset(struct device *dev)
{
	struct piix4_pm *pm = (struct piix4_pm *)dev;
	uint8_t *c = pm->p.config;
	unsigned int i;

	pci_put16(c, PCI_STATUS, 0x0280);
	c[PCI_INTERRUPT_LINE] = 0;
	for (i = CNTA; i < SMBREV; i++)
		c[i] = 0;
	pci_put32(c, PMBA, 1);
	pci_put32(c, SMBBA, 1);
	pci_put32(c, DEVACTB, DEVACTB_APMC_EN);
	for (i = 0; i < NR_REGS; i++)
		pm->reg[i] = 0;
	pm->reg[PMCNTRL] = SCI_EN;
	pm->reg[GPIREG] = 0xffffffff;
	pm->reg[GPOREG] = 0x7fffbfff;
	pm->apm[0] = pm->apm[1] = 0;
	pm->halves = ticks() >> (PM_TIMER_BITS - 1);
	place(pm);
	update(pm);
}

static const char *piix4_pm_realize(struct device *dev)
{
	struct piix4_pm *pm = (struct piix4_pm *)dev;
	uint8_t *w = pm->p.writable;
	unsigned int i;

	device_timer_init(&pm->overflow, overflowed, pm);
	pci_put16(w, PCI_COMMAND, PCI_COMMAND_IO);
	pci_put16(w, PMBA, PMBA_BASE);
	for (i = CNTA; i < DEVRESJ + 4; i++)
		w[i] = 0xff;
	w[PMREGMISC] = PMIOSE;
	pci_put16(w, SMBBA, 0xfff0);
	for (i = SMBHSTCFG; i < SMBREV; i++)
		w[i] = 0xff;
	return NULL;
}

static void piix4_pm_unrealize(struct device *dev)
{
	device_timer_cancel(&((struct piix4_pm *)dev)->overflow);
}

static void piix4_pm_describe(struct device *dev, char *buf, size_t len)
{
	const struct piix4_pm *pm = (struct piix4_pm *)dev;

	snprintf(buf, len, "block at %#x, PMSTS %04x PMEN %04x PMCNTRL %04x", piix4_pm_base(dev),
		 pm->reg[PMSTS] & 0xffff, pm->reg[PMSTS] >> 16, pm->reg[PMCNTRL]);
}

static const struct device_region piix4_pm_regions[] = {
	[PIIX4_PM_REGION_IO] = { "power-management", BUS_PORT, 64, 4, io_read, io_write },
	[PIIX4_PM_REGION_APM] = { "apm", BUS_PORT, 2, 1, apm_read, apm_write },
};

static const struct device_prop piix4_pm_props[] = {
	PCI_PROPS,
};

static const struct pci_info piix4_pm_info = {
	.vendor = 0x8086, .device = 0x7113, .class = 0x068000, .revision = 0x03,
	.subsystem_vendor = 0x1af4, .subsystem = 0x1100,
	.interrupt_pin = 1,
	.config_written = piix4_pm_config_written,
};

static const struct device_class piix4_pm = {
	.name = "piix4-pm",
	.what = "power management (82371AB PIIX4): ACPI registers, timer, power button",
	.sheet = "Intel 82371AB PCI-to-ISA/IDE Xcelerator (PIIX4), 290562-001",
	.missing = "no SMBus, no SMI (device activity monitors and the APM ports hold what is written), "
		   "no suspend but soft off, no clock control, no GPE sources",
	.size = sizeof(struct piix4_pm),
	.pci = &piix4_pm_info,
	.regions = piix4_pm_regions,
	.nr_regions = ARRAY_SIZE(piix4_pm_regions),
	.nr_irqs = 1,
	.props = piix4_pm_props,
	.nr_props = ARRAY_SIZE(piix4_pm_props),
	.realize = piix4_pm_realize,
	.reset = piix4_pm_reset,
	.unrealize = piix4_pm_unrealize,
	.describe = piix4_pm_describe,
};
DEVICE_REGISTER(piix4_pm);
