/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's end of the CMOS memory.
 */
#ifndef ANYKVM_DEVICES_PC_RTC_H
#define ANYKVM_DEVICES_PC_RTC_H

#include "host/bus/bus.h"

/* What drives the clock: the host's wall clock, time that passes, time that the guest runs. */
enum rtc_clock { RTC_CLOCK_HOST, RTC_CLOCK_RT, RTC_CLOCK_VM };

/* Before it is realized: the clock, and how far from UTC it stands at first, in nanoseconds. */
void rtc_set_clock(struct device *dev, enum rtc_clock clock, int64_t ahead);
/* What set-up leaves there for firmware; from 0Eh on (below are the clock's registers). */
void rtc_set_cell(struct device *dev, unsigned int cell, uint8_t val);

#endif
