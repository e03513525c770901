/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the board needs of the event timers. */
#ifndef ANYKVM_DEVICES_PC_HPET_H
#define ANYKVM_DEVICES_PC_HPET_H

#include "host/bus/bus.h"

/* Interrupt line n of the device is input n of the I/O APIC. */
#define HPET_ROUTES 24u
/* The lower half of its capabilities, which ACPI tells: with legacy replacement. */
#define HPET_ID 0x8086a201u

/*
 * Before it is realized: legacy replacement, in which timers 0 and 1 take the places of the PIT and
 * the clock, is offered when the board can silence those two. @fn does, or lets them go on.
 */
void hpet_set_legacy(struct device *dev, void (*fn)(void *arg, bool replaced), void *arg);

#endif
