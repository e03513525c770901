/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The board's end of fw_cfg: what firmware can read there. All of it is added before the machine
 * runs; the data stays the caller's unless it says otherwise.
 */
#ifndef ANYKVM_DEVICES_PC_FW_CFG_H
#define ANYKVM_DEVICES_PC_FW_CFG_H

#include "host/bus/bus.h"

enum fw_cfg_key {
	FW_CFG_SIGNATURE	= 0x00,
	FW_CFG_ID		= 0x01,
	FW_CFG_UUID		= 0x02,
	FW_CFG_RAM_SIZE		= 0x03,
	FW_CFG_NOGRAPHIC	= 0x04,
	FW_CFG_NB_CPUS		= 0x05,
	FW_CFG_KERNEL_ADDR	= 0x07,
	FW_CFG_KERNEL_SIZE	= 0x08,
	FW_CFG_INITRD_ADDR	= 0x0a,
	FW_CFG_INITRD_SIZE	= 0x0b,
	FW_CFG_BOOT_MENU	= 0x0e,
	FW_CFG_MAX_CPUS		= 0x0f,
	FW_CFG_KERNEL_DATA	= 0x11,
	FW_CFG_INITRD_DATA	= 0x12,
	FW_CFG_CMDLINE_ADDR	= 0x13,
	FW_CFG_CMDLINE_SIZE	= 0x14,
	FW_CFG_CMDLINE_DATA	= 0x15,
	FW_CFG_SETUP_ADDR	= 0x16,
	FW_CFG_SETUP_SIZE	= 0x17,
	FW_CFG_SETUP_DATA	= 0x18,
	FW_CFG_FILE_DIR		= 0x19,
	FW_CFG_FILE_FIRST	= 0x20,
	FW_CFG_IRQ0_OVERRIDE	= 0x8002,
};

#define FW_CFG_NAME_MAX 55

/* Selector and data register in one window of two ports; the DMA address register. */
enum { FW_CFG_REGION_IO, FW_CFG_REGION_DMA };

void fw_cfg_add(struct device *dev, unsigned int key, const void *data, uint32_t len);
/* Little-endian numbers of 2, 4 or 8 bytes; copied. */
void fw_cfg_add_number(struct device *dev, unsigned int key, uint64_t val, unsigned int bytes);
/* In the directory. NULL, or what is wrong (the name is there already, or too long). */
const char *fw_cfg_add_file(struct device *dev, const char *name, const void *data, uint32_t len);
/* The same, with a call each time that the guest selects it: the data may be brought up to date. */
const char *fw_cfg_add_live(struct device *dev, const char *name, const void *data, uint32_t len,
			    void (*selected)(void *arg), void *arg);

#endif
