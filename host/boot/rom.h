/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A Linux kernel for firmware to start: in the parts that fw_cfg hands out, and the option ROM that
 * fetches them (OVMF needs none).
 */
#ifndef ANYKVM_HOST_BOOT_ROM_H
#define ANYKVM_HOST_BOOT_ROM_H

#include "host/boot/boot.h"

#define BOOT_ROM_NAME "genroms/anykvm-linux.bin"

struct boot_part {
	const uint8_t *data;
	uint32_t len, addr;
};

struct boot_parts {
	struct boot_part setup, cmdline, kernel, initrd, rom;
};

/* Dies when @b is no bzImage, or its initrd has no room beside what firmware keeps. */
void boot_split(const struct boot *b, struct boot_parts *parts);

#endif
