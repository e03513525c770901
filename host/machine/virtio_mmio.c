// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Places for virtio devices over MMIO: between the I/O APIC and the HPET, where no PCI window goes,
 * in the order of the command line, on the I/O APIC's inputs that no ISA interrupt has. The DSDT
 * says where they are; nothing else on the bus could find them.
 */
#include <string.h>

#include "devices/virtio/virtio_mmio.h"
#include "host/machine/pc.h"
#include "host/report.h"

#define FIRST_GSI	16u
#define NR_GSIS		8u

static uint32_t base(unsigned int n)
{
	return VIRTIO_MMIO_BASE + n * VIRTIO_MMIO_LEN;
}

void pc_place_virtio_mmio(struct pc *pc)
{
	struct device *dev;
	unsigned int n = 0;

	for (dev = bus_devices(pc->bus); dev; dev = dev->next) {
		if (!is_virtio_mmio(dev))
			continue;
		if (n == PC_MAX_VIRTIO_MMIO)
			die("-device %s: all %u places for virtio devices over MMIO are taken; take %.*s-pci",
			    dev->cls->name, n, (int)(strlen(dev->cls->name) - strlen("-device")),
			    dev->cls->name);
		pc->virtio_mmio[n] = (struct acpi_mmio){ base(n), VIRTIO_MMIO_LEN,
							 FIRST_GSI + n % NR_GSIS };
		device_map(dev, 0, pc->virtio_mmio[n].base);
		device_connect_irq(dev, 0, pc->virtio_mmio[n].gsi);
		n++;
	}
	pc->nr_virtio_mmio = n;
}

uint32_t pc_virtio_mmio_base(const struct device *dev)
{
	const struct device *d;
	unsigned int n = 0;

	for (d = bus_devices(dev->bus); d != dev; d = d->next)
		n += is_virtio_mmio(d);
	return base(n);
}
