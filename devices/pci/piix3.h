/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's end of the ISA bridge. Its interrupt lines 0 to 15 are the ISA bus's.
 */
#ifndef ANYKVM_DEVICES_PCI_PIIX3_H
#define ANYKVM_DEVICES_PCI_PIIX3_H

#include "host/bus/bus.h"

#define PIIX3_PIRQS 4

/* Ports CF8h to CFBh, as far as the host bridge leaves them: the reset control register at CF9h. */
enum { PIIX3_REGION_RESET };

/* PIRQA# to PIRQD# goes up or down (up: asserted). */
void piix3_set_pirq(struct device *dev, unsigned int n, bool level);

#endif
