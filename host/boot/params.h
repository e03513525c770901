/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Linux/x86 boot protocol's numbers (Documentation/arch/x86/boot.rst, zero-page.rst).
 */
#ifndef ANYKVM_HOST_BOOT_PARAMS_H
#define ANYKVM_HOST_BOOT_PARAMS_H

/* Offsets in the zero page; from HDR_START to its end the setup header lies there as in the file. */
#define BP_ACPI_RSDP		0x070
#define BP_EXT_RAMDISK_IMAGE	0x0c0
#define BP_EXT_RAMDISK_SIZE	0x0c4
#define BP_EXT_CMD_LINE_PTR	0x0c8
#define BP_E820_ENTRIES		0x1e8
#define HDR_START		0x1f1
#define HDR_SETUP_SECTS		0x1f1
#define HDR_SYSSIZE		0x1f4
#define HDR_VID_MODE		0x1fa
#define HDR_BOOT_FLAG		0x1fe
#define HDR_JUMP_LEN		0x201
#define HDR_MAGIC		0x202
#define HDR_VERSION		0x206
#define HDR_TYPE_OF_LOADER	0x210
#define HDR_LOADFLAGS		0x211
#define HDR_CODE32_START	0x214
#define HDR_RAMDISK_IMAGE	0x218
#define HDR_RAMDISK_SIZE	0x21c
#define HDR_CMD_LINE_PTR	0x228
#define HDR_INITRD_ADDR_MAX	0x22c
#define HDR_RELOCATABLE		0x234
#define HDR_XLOADFLAGS		0x236
#define HDR_CMDLINE_SIZE	0x238
#define HDR_PREF_ADDRESS	0x258
#define HDR_INIT_SIZE		0x260
#define HDR_END			0x290
#define BP_E820_TABLE		0x2d0
#define BP_SIZE			4096

#define BOOT_FLAG		0xaa55
#define MAGIC			"HdrS"
#define LOADED_HIGH		0x01
#define XLF_KERNEL_64		0x01
#define XLF_ABOVE_4G		0x02
#define VID_MODE_NORMAL		0xffff
#define VID_MODE_EXT		0xfffe
#define VID_MODE_ASK		0xfffd
#define LOADER_UNKNOWN		0xff
#define ENTRY64_OFFSET		0x200

#endif
