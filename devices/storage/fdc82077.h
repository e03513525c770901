/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the board needs of the floppy controller. */
#ifndef ANYKVM_DEVICES_STORAGE_FDC82077_H
#define ANYKVM_DEVICES_STORAGE_FDC82077_H

#include "devices/pc/isa_dma.h"

enum { FDC_REGION_BASE, FDC_REGION_DIR };	/* 3F0h to 3F5h, and 3F7h */

/* Before it is realized: its channel. */
void fdc_set_dma(struct device *dev, const struct isa_dma *dma);
/* What the CMOS says of drive @n: 0 none, 4 for 1.44 MB, 5 for 2.88 MB ... */
uint8_t fdc_drive_type(struct device *dev, unsigned int n);

#endif
