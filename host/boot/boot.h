/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a kernel without firmware: the Linux boot protocol (bzImage, and vmlinux at its 64-bit
 * entry) and PVH (ELF with a Xen note).
 *
 * boot_open() looks at the files and decides where everything goes, and ends the process with one
 * line when it does not fit; nothing of the machine exists yet. boot_load() puts it there, at the
 * start and again at every reset.
 */
#ifndef ANYKVM_HOST_BOOT_BOOT_H
#define ANYKVM_HOST_BOOT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/options.h"
#include "host/vm.h"

/* The first megabyte, as laid out for the kernel. */
#define BOOT_GDT	0x500ull
#define BOOT_INFO	0x1000ull	/* PVH start info, module list, memory map */
#define BOOT_PARAMS	0x7000ull	/* Linux's "zero page" */
#define BOOT_PAGES	0x9000ull	/* page tables: six pages map 4 GiB onto itself */
#define BOOT_STACK	0x8ff0ull
#define BOOT_CMDLINE	0x20000ull
#define BOOT_CMDLINE_MAX 0x10000u
#define EBDA_BASE	0x9fc00ull
#define ACPI_BASE	0xf0000ull
#define ACPI_END	0x100000ull

#define BOOT_CS		0x10
#define BOOT_DS		0x18
#define BOOT_TSS	0x20

struct boot_entry {
	bool longmode;		/* else 32-bit protected mode; paging is on only in long mode */
	uint64_t rip, rsp, rsi, rbx, cr3;
	uint64_t gdt;
	uint16_t gdt_limit;
};

enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3,
};

struct e820_entry {
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));

#define MAX_E820 8

struct boot_file {
	const char *path;
	const char *option;
	int fd;
	uint64_t size;
};

struct kernel_format;

struct boot {
	struct boot_file kernel, initrd;
	const char *cmdline;
	uint64_t ram_size, low_size;
	struct e820_entry e820[MAX_E820];
	unsigned int nr_e820;
	uint64_t acpi_rsdp;
	unsigned int video_mode;	/* of vga= on the command line, for firmware to set */

	/* Filled by the format's probe. */
	const struct kernel_format *format;
	bool longmode, pvh;
	uint64_t entry;
	uint64_t load_at;	/* bzImage: where its protected-mode part goes */
	uint64_t kernel_end;	/* first address past all that the kernel needs while it unpacks */
	uint64_t initrd_max;	/* highest address that an initrd may reach */
	uint32_t cmdline_max;
	uint64_t initrd_at;
};

struct kernel_format {
	const char *name;
	/* Is it one of these? @head is the file's beginning. Dies when it is, but cannot be booted. */
	bool (*probe)(struct boot *b, const uint8_t *head, size_t len);
	void (*load)(const struct boot *b, const struct vm *vm);
};

extern const struct kernel_format format_bzimage, format_elf;

/* Check everything that can be checked; @b is complete then, but for the RSDP. */
void boot_open(struct boot *b, const struct config *cfg);
/* Everything into RAM; says where the boot CPU starts. */
void boot_load(const struct boot *b, const struct vm *vm, struct boot_entry *entry);

/* For the formats: read a part of the file, into memory or into guest RAM; die if it is not there. */
void boot_read(const struct boot_file *f, uint64_t off, void *buf, uint64_t len);
void boot_read_guest(const struct boot_file *f, uint64_t off, const struct vm *vm, uint64_t gpa,
		     uint64_t len);
/* The zero page, with @header (from 1f1h on) as its setup header. */
void boot_write_params(const struct boot *b, const struct vm *vm, const uint8_t *header, size_t len);
/* PVH's start info. */
void boot_write_start_info(const struct boot *b, const struct vm *vm);

static inline uint64_t get_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static inline void put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

#endif
