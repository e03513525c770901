/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's end of the power management function. Its interrupt line 0 is the SCI.
 */
#ifndef ANYKVM_DEVICES_PCI_PIIX4_PM_H
#define ANYKVM_DEVICES_PCI_PIIX4_PM_H

#include "host/bus/bus.h"

/* PMBA's block goes where the guest puts it; the APM ports are for the board to map. */
enum { PIIX4_PM_REGION_IO, PIIX4_PM_REGION_APM };

/* Configuration registers that firmware sets: the block's base, and whether it answers. */
#define PIIX4_PM_PMBA		0x40
#define PIIX4_PM_PMREGMISC	0x80

/* Offsets in the block, for ACPI's tables. */
#define PIIX4_PM_EVENT		0x00
#define PIIX4_PM_CONTROL	0x04
#define PIIX4_PM_TIMER		0x08
#define PIIX4_PM_GPE0		0x0c
/* SUS_TYP of "soft off". */
#define PIIX4_PM_SOFT_OFF	0

/* Somebody presses the power button. */
void piix4_pm_power_button(struct device *dev);
/* Where the block is now; 0: nowhere. */
uint16_t piix4_pm_base(struct device *dev);

#endif
