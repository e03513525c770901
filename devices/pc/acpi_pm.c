// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ACPI fixed hardware: PM1a event and control registers and the PM timer (ACPI 6.4, section 4.8.3).
 *
 * The machine is in ACPI mode from the start (SCI_EN reads 1). Writing SLP_EN with the S5 type
 * turns the power off. The PM timer runs at 3.579545 MHz and is 32 bits wide; its carry status is
 * computed when it is looked at, and a timer waits for the next one only while it is enabled.
 */
#include "host/bus/bus.h"

#define PM_TIMER_HZ 3579545ull

#define PM1_TMR		0x0001
#define PM1_GBL		0x0020
#define PM1_PWRBTN	0x0100
#define PM1_RTC		0x0400
#define PM1_WAK		0x8000
#define PM1_STS_BITS	(PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC | PM1_WAK)
#define PM1_EN_BITS	(PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)

#define CNT_SCI_EN	0x0001
#define CNT_SLP_TYP(v)	(((v) >> 10) & 7)
#define CNT_SLP_EN	0x2000

enum { REGION_EVENT, REGION_CONTROL, REGION_TIMER };

struct acpi_pm {
	struct device dev;
	uint64_t s5_type;	/* SLP_TYP that the machine's \_S5 names */
	uint16_t sts, en, cnt;
	uint64_t carries;	/* half-periods of the counter that sts already knows of */
	struct device_timer carry;
};

static uint64_t ticks(void)
{
	return (uint64_t)((unsigned __int128)device_now() * PM_TIMER_HZ / 1000000000u);
}

static void update(struct acpi_pm *pm)
{
	uint64_t half = ticks() >> 31;

	/* TMR_STS is set whenever the counter's highest bit changes. */
	if (half != pm->carries) {
		pm->carries = half;
		pm->sts |= PM1_TMR;
	}
	if ((pm->en & PM1_TMR) && !(pm->sts & PM1_TMR)) {
		unsigned __int128 next = (unsigned __int128)(half + 1) << 31;

		device_timer_set(&pm->carry, (uint64_t)(next * 1000000000u / PM_TIMER_HZ) + 1000);
	} else {
		device_timer_cancel(&pm->carry);
	}
	device_set_irq(&pm->dev, 0, (pm->sts & pm->en & PM1_EN_BITS) != 0);
}

static void carried(void *arg)
{
	update(arg);
}

static uint64_t event_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;
	uint32_t val;

	(void)size;
	update(pm);
	val = pm->sts | (uint32_t)pm->en << 16;
	return val >> (8 * off);
}

static void event_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;
	uint32_t mask = (size == 4 ? ~0u : (1u << (8 * size)) - 1) << (8 * off);
	uint32_t bits = ((uint32_t)val << (8 * off)) & mask;

	update(pm);
	pm->sts &= (uint16_t)~(bits & PM1_STS_BITS);
	if (mask >> 16)
		pm->en = (uint16_t)((pm->en & ~(mask >> 16)) | (bits >> 16)) & PM1_EN_BITS;
	update(pm);
}

static uint64_t control_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)size;
	return (uint64_t)(((struct acpi_pm *)dev)->cnt | CNT_SCI_EN) >> (8 * off);
}

static void control_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;
	uint32_t mask = ((1u << (8 * size)) - 1) << (8 * off);
	uint32_t cnt = (pm->cnt & ~mask) | (((uint32_t)val << (8 * off)) & mask);

	/* SLP_EN is write-only, SCI_EN the hardware's. */
	pm->cnt = (uint16_t)(cnt & ~(uint32_t)(CNT_SLP_EN | CNT_SCI_EN));
	if ((cnt & CNT_SLP_EN) && CNT_SLP_TYP(cnt) == pm->s5_type)
		device_request(dev, MACHINE_POWEROFF, "ACPI S5");
}

static uint64_t timer_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)dev;
	(void)size;
	return (uint32_t)ticks() >> (8 * off);
}

static void timer_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)dev;
	(void)off;
	(void)size;
	(void)val;
}

static void acpi_pm_reset(struct device *dev)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;

	pm->sts = pm->en = pm->cnt = 0;
	pm->carries = ticks() >> 31;
	update(pm);
}

static const char *acpi_pm_realize(struct device *dev)
{
	struct acpi_pm *pm = (struct acpi_pm *)dev;

	device_timer_init(&pm->carry, carried, pm);
	return pm->s5_type > 7 ? "s5-type is a number of three bits" : NULL;
}

static const struct device_region acpi_pm_regions[] = {
	[REGION_EVENT] = { "event", BUS_PORT, 4, 4, event_read, event_write },
	[REGION_CONTROL] = { "control", BUS_PORT, 2, 2, control_read, control_write },
	[REGION_TIMER] = { "timer", BUS_PORT, 4, 4, timer_read, timer_write },
};

static const struct device_prop acpi_pm_props[] = {
	{ "s5-type", PROP_U64, offsetof(struct acpi_pm, s5_type) },
};

static const struct device_class acpi_pm = {
	.name = "acpi-pm",
	.what = "ACPI power management registers and timer",
	.size = sizeof(struct acpi_pm),
	.regions = acpi_pm_regions,
	.nr_regions = ARRAY_SIZE(acpi_pm_regions),
	.nr_irqs = 1,
	.props = acpi_pm_props,
	.nr_props = ARRAY_SIZE(acpi_pm_props),
	.realize = acpi_pm_realize,
	.reset = acpi_pm_reset,
};
DEVICE_REGISTER(acpi_pm);
