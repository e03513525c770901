/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's end of a flash chip: one region, as large as its disk.
 */
#ifndef ANYKVM_DEVICES_PC_PFLASH_H
#define ANYKVM_DEVICES_PC_PFLASH_H

#include "host/bus/bus.h"

enum { PFLASH_REGION };

#endif
