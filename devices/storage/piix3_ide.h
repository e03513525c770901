/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registers of the PIIX3's IDE function that a board sets when there is no firmware. */
#ifndef ANYKVM_DEVICES_STORAGE_PIIX3_IDE_H
#define ANYKVM_DEVICES_STORAGE_PIIX3_IDE_H

/* One word a channel: bit 15 decodes its ports. */
#define PIIX3_IDE_IDETIM 0x40

#endif
