// SPDX-License-Identifier: LGPL-2.1-or-later
/* A kernel in parts, and the option ROM around rom_code.S: see rom.h. */
#include <stdlib.h>
#include <string.h>

#include "host/boot/params.h"
#include "host/boot/rom.h"
#include "host/report.h"

#define SETUP_ADDR	0x10000u
#define CMDLINE_ADDR	0x20000u
#define HDR_HEAP_END	0x224
#define CAN_USE_HEAP	0x80
/* Firmware keeps its tables at the end of low memory. */
#define FIRMWARE_LEN	(2u << 20)
#define ROM_BLOCK	512u
#define ROM_LEN_AT	2
#define PNP_AT		0x1a
#define PNP_LEN		32
#define PNP_SUM		9

extern const uint8_t boot_rom[], boot_rom_end[];

static uint8_t *room(size_t len)
{
	uint8_t *p = calloc(1, len ? len : 1);

	if (!p)
		die("out of memory for the kernel");
	return p;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t v = 0;

	while (len--)
		v = (uint8_t)(v + *p++);
	return (uint8_t)-v;
}

static void make_rom(struct boot_part *rom)
{
	size_t code = (size_t)(boot_rom_end - boot_rom);
	size_t len = (code + ROM_BLOCK) & ~(size_t)(ROM_BLOCK - 1);
	uint8_t *p = room(len), *pnp;

	memcpy(p, boot_rom, code);
	p[ROM_LEN_AT] = (uint8_t)(len / ROM_BLOCK);
	pnp = p + get_le(p + PNP_AT, 2);
	pnp[PNP_SUM] = sum(pnp, PNP_LEN);
	p[len - 1] = sum(p, len);
	*rom = (struct boot_part){ p, (uint32_t)len, 0 };
}

static void read_part(struct boot_part *part, const struct boot_file *f, uint64_t off,
		      uint64_t len, uint64_t addr)
{
	uint8_t *p = room(len);

	boot_read(f, off, p, len);
	*part = (struct boot_part){ p, (uint32_t)len, (uint32_t)addr };
}

static void place_initrd(const struct boot *b, struct boot_parts *parts)
{
	uint64_t at = b->initrd_at;

	if (!b->initrd.size)
		return;
	if (at + b->initrd.size > b->low_size - FIRMWARE_LEN)
		at -= FIRMWARE_LEN;
	if (at < b->kernel_end)
		die("-initrd %s: too big beside the kernel and firmware; give %u MiB more with -m",
		    b->initrd.path, FIRMWARE_LEN >> 20);
	read_part(&parts->initrd, &b->initrd, 0, b->initrd.size, at);
}

void boot_split(const struct boot *b, struct boot_parts *parts)
{
	uint8_t head[HDR_END], *setup;
	uint64_t sects, setup_len;

	if (b->format != &format_bzimage)
		die("-kernel %s: firmware starts bzImages only; leave -bios and pflash out to start this one directly",
		    b->kernel.path);
	boot_read(&b->kernel, 0, head, sizeof(head));
	sects = head[HDR_SETUP_SECTS];
	setup_len = ((sects ? sects : 4) + 1) * 512;
	*parts = (struct boot_parts){ 0 };
	place_initrd(b, parts);
	read_part(&parts->kernel, &b->kernel, setup_len, b->kernel.size - setup_len, b->load_at);
	parts->cmdline = (struct boot_part){ (const uint8_t *)b->cmdline,
					     (uint32_t)strlen(b->cmdline) + 1, CMDLINE_ADDR };
	setup = room(setup_len);
	boot_read(&b->kernel, 0, setup, setup_len);
	put_le(setup + HDR_VID_MODE, b->video_mode, 2);
	setup[HDR_TYPE_OF_LOADER] = LOADER_UNKNOWN;
	setup[HDR_LOADFLAGS] |= CAN_USE_HEAP;
	put_le(setup + HDR_HEAP_END, CMDLINE_ADDR - SETUP_ADDR - 0x200, 2);
	put_le(setup + HDR_CMD_LINE_PTR, CMDLINE_ADDR, 4);
	put_le(setup + HDR_RAMDISK_IMAGE, parts->initrd.addr, 4);
	put_le(setup + HDR_RAMDISK_SIZE, parts->initrd.len, 4);
	parts->setup = (struct boot_part){ setup, (uint32_t)setup_len, SETUP_ADDR };
	make_rom(&parts->rom);
}
