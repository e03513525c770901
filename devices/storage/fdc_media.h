/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Diskettes: how an image's size says what it is. */
#ifndef ANYKVM_DEVICES_STORAGE_FDC_MEDIA_H
#define ANYKVM_DEVICES_STORAGE_FDC_MEDIA_H

#include <stdint.h>

struct fdc_media {
	uint16_t kib;
	uint8_t cylinders, heads, sectors;
	uint8_t rates;			/* a bit a value of the rate select bits that reads it */
	uint8_t drive_type;		/* CMOS, of the drive that it is made for */
};

/* NULL: an image of @bytes is no diskette. One that is cut off is the next larger kind. */
const struct fdc_media *fdc_media(uint64_t bytes);

#endif
