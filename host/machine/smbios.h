/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMBIOS: what the machine says of itself for inventories.
 */
#ifndef ANYKVM_HOST_MACHINE_SMBIOS_H
#define ANYKVM_HOST_MACHINE_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/options.h"

#define SMBIOS_ANCHOR_LEN 31

struct smbios {
	uint8_t anchor[SMBIOS_ANCHOR_LEN];
	uint8_t *data;
	size_t len, room;
	unsigned int structures, longest;
};

/* @bios: with the structure that firmware would add about itself. */
void smbios_build(struct smbios *s, const struct config *cfg, bool bios);
/* The structures stand at @gpa. */
void smbios_place(struct smbios *s, uint32_t gpa);

#endif
