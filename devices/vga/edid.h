/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data that a monitor gives about itself. */
#ifndef ANYKVM_DEVICES_VGA_EDID_H
#define ANYKVM_DEVICES_VGA_EDID_H

#include <stdint.h>

#define EDID_LEN 128

/* Of a monitor that likes @width x @height best (each a multiple of 8, 640x480 to 2560x1600). */
void edid_make(uint8_t edid[EDID_LEN], unsigned int width, unsigned int height);

#endif
