/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ACPI tables of a machine, from a description of what it has.
 *
 * They are built without an address. What in them depends on one is listed beside them: firmware
 * gets the list as a script (loader.c) and puts the tables where it likes; without firmware
 * acpi_place() does that here.
 */
#ifndef ANYKVM_HOST_ACPI_TABLES_H
#define ANYKVM_HOST_ACPI_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/acpi/aml.h"

/* A device on the ISA bus, for the DSDT. What is 0 it has not. */
struct acpi_device {
	const char *name;	/* four letters */
	const char *hid;	/* "PNP0501" */
	uint32_t uid;
	struct { uint16_t base; uint8_t len; } port[3];
	unsigned int irq;
	bool dma;		/* has a DMA channel: */
	unsigned int channel;
};

/* Registers in memory with one level-triggered interrupt. */
struct acpi_mmio {
	uint32_t base, len, gsi;
};

struct acpi_machine {
	unsigned int cpus;
	uint32_t (*apic_id)(void *arg, unsigned int cpu);
	void *arg;
	uint32_t lapic, ioapic;
	uint16_t pm_event, pm_control, pm_timer, pm_gpe0;
	uint8_t sci, s5_type;
	uint16_t reset_port;
	uint8_t reset_value;
	bool vga, i8042;
	uint32_t hpet, hpet_id;		/* 0: there is none */
	/* What the host bridge passes on: memory below and above 4 GiB, both ends included. */
	uint64_t mmio32, mmio32_last, mmio64, mmio64_last;
	/* The ISA bridge's place, and its PIRQRC registers. */
	unsigned int isa_devfn, pirqrc;
	const struct acpi_device *devices;
	unsigned int nr_devices;
	const struct acpi_mmio *virtio_mmio;
	unsigned int nr_virtio_mmio;
};

#define ACPI_RSDP_LEN 36

enum acpi_file { ACPI_FILE_TABLES, ACPI_FILE_RSDP, ACPI_FILES };

/* @bytes at @off of @file hold an offset into the tables, and want an address. */
struct acpi_pointer {
	enum acpi_file file;
	uint32_t off;
	uint8_t bytes;
};

/* The byte at @at makes the sum of [@off, @off + @len) zero. */
struct acpi_sum {
	enum acpi_file file;
	uint32_t at, off, len;
};

struct acpi_tables {
	struct acpi_buf buf[ACPI_FILES];
	struct acpi_pointer pointer[32];
	unsigned int nr_pointers;
	struct acpi_sum sum[16];
	unsigned int nr_sums;
};

/* Into new memory of the length that they need. To be built again: @t keeps its memory then. */
void acpi_build(struct acpi_tables *t, const struct acpi_machine *m);
/* Give all of them their addresses: the tables stand at @tables. */
void acpi_place(struct acpi_tables *t, uint64_t tables);
/* The script for firmware that does the same, in new memory. */
uint8_t *acpi_loader_script(const struct acpi_tables *t, size_t *len);

/* --- between the files --- */

void acpi_dsdt(struct acpi_buf *b, const struct acpi_machine *m);

#endif
