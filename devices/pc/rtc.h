/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's end of the CMOS memory.
 */
#ifndef ANYKVM_DEVICES_PC_RTC_H
#define ANYKVM_DEVICES_PC_RTC_H

#include "host/bus/bus.h"

/* What set-up leaves there for firmware; from 0Eh on (below are the clock's registers). */
void rtc_set_cell(struct device *dev, unsigned int cell, uint8_t val);

#endif
