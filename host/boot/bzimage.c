// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * bzImage: the Linux/x86 boot protocol (Documentation/arch/x86/boot.rst of the kernel), entered
 * behind its real-mode part: at the 64-bit entry point where the kernel has one, else at the
 * 32-bit one. And the "zero page", which vmlinux gets too.
 */
#include <string.h>

#include "host/boot/boot.h"
#include "host/boot/params.h"
#include "host/report.h"

#define LOAD_ADDRESS		0x100000ull
#define SECTOR			512ull

static uint64_t setup_bytes(const uint8_t *head)
{
	unsigned int sects = head[HDR_SETUP_SECTS];

	return ((sects ? sects : 4) + 1) * SECTOR;
}

static bool bzimage_probe(struct boot *b, const uint8_t *head, size_t len)
{
	unsigned int version, xloadflags = 0;
	uint64_t setup, size, unpacked = 0;

	if (len < HDR_END || get_le(head + HDR_BOOT_FLAG, 2) != BOOT_FLAG ||
	    memcmp(head + HDR_MAGIC, MAGIC, 4))
		return false;
	version = (unsigned int)get_le(head + HDR_VERSION, 2);
	if (version < 0x200 || !(head[HDR_LOADFLAGS] & LOADED_HIGH))
		die("-kernel %s: a zImage of boot protocol %u.%02u; a bzImage (2.00 or later) is needed",
		    b->kernel.path, version >> 8, version & 0xff);
	setup = setup_bytes(head);
	size = get_le(head + HDR_SYSSIZE, 4) * 16;
	if (setup >= b->kernel.size || (size && size > b->kernel.size - setup + 15))
		die("-kernel %s: the file is cut off: %llu bytes of %llu", b->kernel.path,
		    (unsigned long long)b->kernel.size, (unsigned long long)(setup + size));
	size = b->kernel.size - setup;

	b->load_at = LOAD_ADDRESS;
	if (version >= 0x20c)
		xloadflags = (unsigned int)get_le(head + HDR_XLOADFLAGS, 2);
	b->longmode = xloadflags & XLF_KERNEL_64;
	b->entry = b->load_at + (b->longmode ? ENTRY64_OFFSET : 0);
	b->kernel_end = b->load_at + size;
	/* It unpacks itself to its preferred address and needs init_size bytes there. */
	if (version >= 0x20a)
		unpacked = get_le(head + HDR_PREF_ADDRESS, 8) + get_le(head + HDR_INIT_SIZE, 4);
	else
		unpacked = b->load_at + 4 * size;	/* the protocol does not say; a rule of thumb */
	if (unpacked > b->kernel_end)
		b->kernel_end = unpacked;
	b->initrd_max = version >= 0x203 ? get_le(head + HDR_INITRD_ADDR_MAX, 4) : 0x37ffffff;
	if (xloadflags & XLF_ABOVE_4G)
		b->initrd_max = 0xffffffff;
	b->cmdline_max = version >= 0x206 ? (uint32_t)get_le(head + HDR_CMDLINE_SIZE, 4) : 255;
	if (b->cmdline_max > BOOT_CMDLINE_MAX - 1)
		b->cmdline_max = BOOT_CMDLINE_MAX - 1;
	return true;
}

void boot_write_params(const struct boot *b, const struct vm *vm, const uint8_t *header, size_t len)
{
	uint8_t bp[BP_SIZE] = { 0 };

	memcpy(bp + HDR_START, header, len);
	put_le(bp + BP_ACPI_RSDP, b->acpi_rsdp, 8);
	put_le(bp + BP_E820_ENTRIES, b->nr_e820, 1);
	memcpy(bp + BP_E820_TABLE, b->e820, b->nr_e820 * sizeof(b->e820[0]));
	bp[HDR_TYPE_OF_LOADER] = LOADER_UNKNOWN;
	put_le(bp + HDR_CODE32_START, b->load_at, 4);
	put_le(bp + HDR_CMD_LINE_PTR, BOOT_CMDLINE, 4);
	put_le(bp + BP_EXT_CMD_LINE_PTR, BOOT_CMDLINE >> 32, 4);
	put_le(bp + HDR_RAMDISK_IMAGE, b->initrd_at, 4);
	put_le(bp + BP_EXT_RAMDISK_IMAGE, b->initrd_at >> 32, 4);
	put_le(bp + HDR_RAMDISK_SIZE, b->initrd.size, 4);
	put_le(bp + BP_EXT_RAMDISK_SIZE, b->initrd.size >> 32, 4);
	ram_write(vm, BOOT_PARAMS, bp, sizeof(bp));
}

static void bzimage_load(const struct boot *b, const struct vm *vm)
{
	uint8_t head[HDR_END];
	size_t end;
	uint64_t setup;

	boot_read(&b->kernel, 0, head, sizeof(head));
	setup = setup_bytes(head);
	/* The header says itself where it ends: the jump over it has its length. */
	end = HDR_MAGIC + head[HDR_JUMP_LEN];
	if (end > HDR_END)
		end = HDR_END;
	boot_read_guest(&b->kernel, setup, vm, b->load_at, b->kernel.size - setup);
	boot_write_params(b, vm, head + HDR_START, end - HDR_START);
}

const struct kernel_format format_bzimage = {
	.name = "bzImage",
	.probe = bzimage_probe,
	.load = bzimage_load,
};
