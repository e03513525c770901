/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's end of the host bridge.
 */
#ifndef ANYKVM_DEVICES_PCI_I440FX_H
#define ANYKVM_DEVICES_PCI_I440FX_H

#include "host/bus/bus.h"

/* The BIOS area, C0000h to FFFFFh. */
#define I440FX_SHADOW_BASE	0xc0000u
#define I440FX_SHADOW_LEN	0x40000u
/* What of it the ROM on the ISA bus answers: the upper half. */
#define I440FX_ROM_LEN		0x20000u

enum { I440FX_REGION_CONFIG, I440FX_REGION_SHADOW };

/*
 * Before the device is realized: the RAM of the BIOS area, and the ROM that stands behind its upper
 * half (NULL: none, it reads as all ones).
 */
void i440fx_set_memory(struct device *dev, uint8_t *ram, uint8_t *rom);
/*
 * Of the ports CF8h to CFBh only a dword at CF8h is the bridge's (CONFADD); all other accesses are
 * cycles on PCI, which @isa's region @region (four ports) answers.
 */
void i440fx_set_isa(struct device *dev, struct device *isa, unsigned int region);

#endif
