/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PC: which devices it has, and where its board puts them.
 */
#ifndef ANYKVM_HOST_MACHINE_PC_H
#define ANYKVM_HOST_MACHINE_PC_H

#include "host/bus/bus.h"
#include "host/options.h"
#include "host/vm.h"

struct pc {
	uint64_t rsdp;
	size_t tables_len;
	uint8_t *tables;	/* ACPI, ready for their place in memory */
};

/* Create and wire all devices; dies when a back end does not open. */
void pc_build(struct pc *pc, struct bus *bus, const struct vm *vm, const struct config *cfg);
void pc_write_tables(const struct pc *pc, const struct vm *vm);

#endif
