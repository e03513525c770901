// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ELF kernels: vmlinux and whatever else has a PVH entry.
 *
 * With a Xen note PHYS32_ENTRY the kernel is entered there, in 32-bit protected mode, with the
 * start info in EBX (Xen, docs/misc/pvh and public/arch-x86/hvm/start_info.h). Without it the file
 * must be a Linux vmlinux, which is entered at its ELF entry with the zero page in (R)SI.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "host/boot/boot.h"
#include "host/boot/params.h"
#include "host/report.h"

#define NOTE_NAME "Xen"
#define NOTE_PHYS32_ENTRY 18
#define MAX_PHDRS 64
#define MAX_NOTES 0x10000u

#define START_MAGIC 0x336ec578u
#define START_MEMMAP_OFF 0x100u
#define START_MODULE_OFF 0x80u

struct segment {
	uint32_t type;
	uint64_t off, filesz, paddr, memsz;
};

struct image {
	uint64_t entry;
	unsigned int nr;
	struct segment seg[MAX_PHDRS];
};

/* struct hvm_start_info, its module list and memory map: the layout is the interface's. */
struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap;
	uint32_t memmap_entries, reserved;
};

struct start_module {
	uint64_t paddr, size, cmdline, reserved;
};

struct start_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
};

static noreturn void bad_elf(const struct boot *b, const char *why)
{
	die("-kernel %s: an ELF file that this PC cannot boot: %s", b->kernel.path, why);
}

static void read_headers(const struct boot *b, const uint8_t *head, struct image *img)
{
	bool is64 = head[EI_CLASS] == ELFCLASS64;
	const Elf64_Ehdr *e64 = (const Elf64_Ehdr *)head;
	const Elf32_Ehdr *e32 = (const Elf32_Ehdr *)head;
	uint64_t off = is64 ? e64->e_phoff : e32->e_phoff;
	unsigned int n = is64 ? e64->e_phnum : e32->e_phnum, i;
	size_t entsize = is64 ? e64->e_phentsize : e32->e_phentsize;
	size_t want = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (!n || n > MAX_PHDRS || entsize != want || off > b->kernel.size ||
	    n * want > b->kernel.size - off)
		bad_elf(b, "it has no program headers, or they are damaged");
	img->entry = is64 ? e64->e_entry : e32->e_entry;
	img->nr = n;
	for (i = 0; i < n; i++) {
		union {
			Elf64_Phdr p64;
			Elf32_Phdr p32;
		} ph;

		boot_read(&b->kernel, off + i * want, &ph, want);
		if (is64)
			img->seg[i] = (struct segment){ ph.p64.p_type, ph.p64.p_offset,
				ph.p64.p_filesz, ph.p64.p_paddr, ph.p64.p_memsz };
		else
			img->seg[i] = (struct segment){ ph.p32.p_type, ph.p32.p_offset,
				ph.p32.p_filesz, ph.p32.p_paddr, ph.p32.p_memsz };
	}
}

/* Look through one segment of notes; each is name, descriptor and type, padded to 4 bytes. */
static bool find_note(const struct boot *b, const struct segment *s, uint64_t *entry)
{
	uint64_t len = s->filesz < MAX_NOTES ? s->filesz : MAX_NOTES, at = 0;
	uint8_t *data = malloc(len ? len : 1);
	bool found = false;

	if (!data)
		die("out of memory for the kernel's notes");
	boot_read(&b->kernel, s->off, data, len);
	while (!found && len - at >= 12) {
		uint64_t namesz = get_le(data + at, 4), descsz = get_le(data + at + 4, 4);
		uint64_t type = get_le(data + at + 8, 4);
		uint64_t name = at + 12, desc = name + ((namesz + 3) & ~3ull);

		if (desc > len || descsz > len - desc)
			break;
		if (type == NOTE_PHYS32_ENTRY && namesz == sizeof(NOTE_NAME) &&
		    !memcmp(data + name, NOTE_NAME, sizeof(NOTE_NAME)) &&
		    (descsz == 4 || descsz == 8)) {
			*entry = get_le(data + desc, (unsigned int)descsz);
			found = true;
		}
		at = desc + ((descsz + 3) & ~3ull);
		if (at > len)
			break;
	}
	free(data);
	return found;
}

static void check_segments(struct boot *b, const struct image *img)
{
	unsigned int i, loads = 0;

	for (i = 0; i < img->nr; i++) {
		const struct segment *s = &img->seg[i];

		if (s->type != PT_LOAD && s->type != PT_NOTE)
			continue;
		if (s->off > b->kernel.size || s->filesz > b->kernel.size - s->off)
			die("-kernel %s: the file is cut off: a segment ends behind its end",
			    b->kernel.path);
		if (s->type != PT_LOAD || !s->memsz)
			continue;
		loads++;
		if (s->filesz > s->memsz || s->paddr + s->memsz < s->paddr)
			bad_elf(b, "a segment is damaged");
		if (s->paddr < ACPI_END)
			bad_elf(b, "it wants to be loaded below 1 MiB");
		if (s->paddr + s->memsz > b->kernel_end)
			b->kernel_end = s->paddr + s->memsz;
	}
	if (!loads)
		bad_elf(b, "it has nothing to load");
}

static bool elf_probe(struct boot *b, const uint8_t *head, size_t len)
{
	struct image img;
	bool is64;
	unsigned int i, machine, type;

	if (len < sizeof(Elf64_Ehdr) || memcmp(head, ELFMAG, SELFMAG))
		return false;
	is64 = head[EI_CLASS] == ELFCLASS64;
	type = (unsigned int)get_le(head + 16, 2);
	machine = (unsigned int)get_le(head + 18, 2);
	if (head[EI_DATA] != ELFDATA2LSB || machine != (is64 ? EM_X86_64 : EM_386))
		bad_elf(b, "it is for another processor");
	if (type != ET_EXEC && type != ET_DYN)
		bad_elf(b, "it is not an executable");
	read_headers(b, head, &img);
	for (i = 0; i < img.nr; i++)
		if (img.seg[i].type == PT_INTERP)
			bad_elf(b, "it is a program for an operating system");
	check_segments(b, &img);

	b->cmdline_max = 2047;
	b->initrd_max = 0xffffffff;
	for (i = 0; i < img.nr && !b->pvh; i++)
		if (img.seg[i].type == PT_NOTE)
			b->pvh = find_note(b, &img.seg[i], &b->entry);
	if (b->pvh)
		return true;
	if (type != ET_EXEC)
		bad_elf(b, "it has no PVH entry and is no Linux vmlinux");
	b->entry = img.entry;
	b->longmode = is64;
	return true;
}

void boot_write_start_info(const struct boot *b, const struct vm *vm)
{
	struct start_memmap map[MAX_E820] = { { 0 } };
	struct start_module module = { .paddr = b->initrd_at, .size = b->initrd.size };
	struct start_info info = {
		.magic = START_MAGIC, .version = 1,
		.nr_modules = b->initrd_at ? 1 : 0,
		.modlist = b->initrd_at ? BOOT_INFO + START_MODULE_OFF : 0,
		.cmdline = BOOT_CMDLINE, .rsdp = b->acpi_rsdp,
		.memmap = BOOT_INFO + START_MEMMAP_OFF, .memmap_entries = b->nr_e820,
	};
	unsigned int i;

	for (i = 0; i < b->nr_e820; i++)
		map[i] = (struct start_memmap){ b->e820[i].addr, b->e820[i].len, b->e820[i].type, 0 };
	ram_write(vm, BOOT_INFO, &info, sizeof(info));
	ram_write(vm, BOOT_INFO + START_MODULE_OFF, &module, sizeof(module));
	ram_write(vm, BOOT_INFO + START_MEMMAP_OFF, map, sizeof(map));
}

static void elf_load(const struct boot *b, const struct vm *vm)
{
	/* A setup header for a kernel that brings none: just what its startup code looks at. */
	uint8_t hdr[HDR_LOADFLAGS + 1] = { 0 };
	uint8_t head[sizeof(Elf64_Ehdr)];
	struct image img;
	unsigned int i;

	boot_read(&b->kernel, 0, head, sizeof(head));
	read_headers(b, head, &img);
	for (i = 0; i < img.nr; i++) {
		const struct segment *s = &img.seg[i];
		uint8_t *p;

		if (s->type != PT_LOAD || !s->memsz)
			continue;
		boot_read_guest(&b->kernel, s->off, vm, s->paddr, s->filesz);
		p = ram_at(vm, s->paddr, s->memsz);
		if (!p)
			bad_elf(b, "a segment is outside the guest's memory");
		memset(p + s->filesz, 0, s->memsz - s->filesz);
		ram_written(vm, s->paddr + s->filesz, s->memsz - s->filesz);
	}
	if (b->pvh) {
		boot_write_start_info(b, vm);
		return;
	}
	put_le(hdr + HDR_BOOT_FLAG, BOOT_FLAG, 2);
	memcpy(hdr + HDR_MAGIC, MAGIC, 4);
	put_le(hdr + HDR_VERSION, 0x20c, 2);
	hdr[HDR_LOADFLAGS] = LOADED_HIGH;
	boot_write_params(b, vm, hdr + HDR_START, sizeof(hdr) - HDR_START);
}

const struct kernel_format format_elf = {
	.name = "ELF",
	.probe = elf_probe,
	.load = elf_load,
};
