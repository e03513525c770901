/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Firmware and option ROM files: by path, or by name in the places where the distribution's
 * packages (seabios, ovmf, ipxe-qemu) put them and in those that -L adds.
 */
#ifndef ANYKVM_HOST_FIRMWARE_H
#define ANYKVM_HOST_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>

/* The whole file into malloc'ed memory. NULL, or what is wrong, with what to do (a static buffer). */
const char *firmware_load(const char *name, uint8_t **data, size_t *len);
/* -L: a directory to look in first. */
void firmware_add_dir(const char *dir);

#endif
