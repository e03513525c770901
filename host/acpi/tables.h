/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ACPI tables of a machine, from a description of what it has.
 */
#ifndef ANYKVM_HOST_ACPI_TABLES_H
#define ANYKVM_HOST_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

/* A device for the DSDT. */
struct acpi_device {
	const char *name;	/* four letters */
	const char *hid;	/* "PNP0501" */
	uint32_t uid;
	uint16_t port;
	uint8_t port_len;
	unsigned int irq;
};

struct acpi_machine {
	unsigned int cpus;
	uint32_t (*apic_id)(void *arg, unsigned int cpu);
	void *arg;
	uint64_t lapic, ioapic;
	uint16_t pm_event, pm_control, pm_timer;
	uint8_t sci, s5_type;
	uint16_t reset_port;
	uint8_t reset_value;
	const struct acpi_device *devices;
	unsigned int nr_devices;
};

/*
 * Build all tables for the address @gpa into @buf, the RSDP first. Returns the bytes used, 0 when
 * @size is not enough.
 */
size_t acpi_build(const struct acpi_machine *m, uint64_t gpa, uint8_t *buf, size_t size);

#endif
