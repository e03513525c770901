// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What all kernel formats share: files, memory map, initrd and command line, page tables, GDT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/boot/boot.h"
#include "host/boot/params.h"
#include "host/bus/bus.h"
#include "host/report.h"

#define MIB (1ull << 20)
#define PAGE 4096ull

static const struct kernel_format *const formats[] = { &format_bzimage, &format_elf };

/* What else people hand to -kernel, so that the message can say what it is. */
static const struct { const char *magic; size_t len; const char *what; } strangers[] = {
	{ "\x1f\x8b", 2, "gzip-compressed data; unpack it first (gunzip)" },
	{ "\xfd" "7zXZ", 5, "xz-compressed data; unpack it first (unxz)" },
	{ "BZh", 3, "bzip2-compressed data; unpack it first (bunzip2)" },
	{ "\x28\xb5\x2f\xfd", 4, "zstd-compressed data; unpack it first (unzstd)" },
	{ "070701", 6, "a cpio archive; should it be -initrd?" },
	{ "QFI\xfb", 4, "a qcow2 disk image" },
	{ "!<arch>", 7, "an archive (a Debian package?); unpack it first" },
	{ "#!", 2, "a script" },
};

/* --- files --- */

static void open_file(struct boot_file *f, const char *option, const char *path)
{
	struct stat st;

	f->option = option;
	f->path = path;
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		die("%s %s: cannot be read: %s", option, path, strerror(errno));
	if (fstat(f->fd, &st))
		die("%s %s: cannot be read: %s", option, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("%s %s: is %s, not a file", option, path,
		    S_ISDIR(st.st_mode) ? "a directory" : "a device or pipe");
	if (!st.st_size)
		die("%s %s: the file is empty", option, path);
	f->size = (uint64_t)st.st_size;
}

void boot_read(const struct boot_file *f, uint64_t off, void *buf, uint64_t len)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(f->fd, p, len < 64 * MIB ? len : 64 * MIB, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("%s %s: cannot be read: %s", f->option, f->path, strerror(errno));
		if (!n)
			die("%s %s: the file is cut off: it ends at byte %llu", f->option, f->path,
			    (unsigned long long)off);
		p += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
}

/*
 * Not pread() straight into the guest's memory: at a reset an accelerator may be watching the pages
 * that hold code, and a write by the kernel on our behalf would fail there (EFAULT).
 */
void boot_read_guest(const struct boot_file *f, uint64_t off, const struct vm *vm, uint64_t gpa,
		     uint64_t len)
{
	static uint8_t buf[256 << 10];
	uint64_t done, n;

	if (!ram_at(vm, gpa, len))
		die("%s %s: %llu bytes for %#llx do not fit into the guest's memory; give more with -m",
		    f->option, f->path, (unsigned long long)len, (unsigned long long)gpa);
	for (done = 0; done < len; done += n) {
		n = len - done < sizeof(buf) ? len - done : sizeof(buf);
		boot_read(f, off + done, buf, n);
		ram_write(vm, gpa + done, buf, n);
	}
	if (tracing(TRACE_BOOT))
		trace("boot: %s at %#llx, %llu bytes", f->option, (unsigned long long)gpa,
		      (unsigned long long)len);
}

/* --- where things go --- */

static void add_e820(struct boot *b, uint64_t start, uint64_t end, uint32_t type)
{
	if (end > start)
		b->e820[b->nr_e820++] = (struct e820_entry){ start, end - start, type };
}

static void make_e820(struct boot *b)
{
	uint64_t high = b->ram_size - b->low_size;

	add_e820(b, 0, EBDA_BASE, E820_RAM);
	add_e820(b, EBDA_BASE, VGA_BASE, E820_RESERVED);
	add_e820(b, ACPI_BASE, ACPI_END, E820_RESERVED);
	add_e820(b, ACPI_END, b->low_size, E820_RAM);
	add_e820(b, KVM_IDENTITY_BASE, KVM_IDENTITY_BASE + KVM_RESERVED_LEN, E820_RESERVED);
	add_e820(b, HIGH_RAM_BASE, HIGH_RAM_BASE + high, E820_RAM);
}

static uint64_t mib_up(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

static void place_initrd(struct boot *b)
{
	uint64_t top = b->low_size, size = b->initrd.size;
	uint64_t first = (b->kernel_end + PAGE - 1) & ~(PAGE - 1);

	if (top > b->initrd_max + 1)
		top = b->initrd_max + 1;
	if (size > top || ((top - size) & ~(PAGE - 1)) < first) {
		if (first + size <= b->initrd_max + 1 && first + size + PAGE <= LOW_RAM_MAX)
			die("-initrd %s: too big: its %llu MiB and the kernel need -m %llu at least, and there are %llu",
			    b->initrd.path, (unsigned long long)mib_up(size),
			    (unsigned long long)mib_up(first + size + PAGE),
			    (unsigned long long)(b->ram_size / MIB));
		die("-initrd %s: too big: %llu MiB do not fit where this kernel takes an initrd (%#llx to %#llx)",
		    b->initrd.path, (unsigned long long)mib_up(size), (unsigned long long)first,
		    (unsigned long long)b->initrd_max);
	}
	b->initrd_at = (top - size) & ~(PAGE - 1);
}

static noreturn void not_a_kernel(const struct boot *b, const uint8_t *head, size_t len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(strangers); i++)
		if (len >= strangers[i].len && !memcmp(head, strangers[i].magic, strangers[i].len))
			die("-kernel %s: not a kernel: this is %s", b->kernel.path,
			    strangers[i].what);
	die("-kernel %s: not a kernel that this PC can boot: neither a Linux bzImage nor an x86 ELF file",
	    b->kernel.path);
}

/* vga= is the boot loader's to read (boot.rst, "Special command line options"); the last one counts. */
static unsigned int video_mode(const char *cmdline)
{
	static const struct { const char *word; unsigned int mode; } words[] = {
		{ "normal", VID_MODE_NORMAL }, { "ext", VID_MODE_EXT }, { "ask", VID_MODE_ASK },
	};
	const char *p = cmdline, *val = NULL;
	unsigned long mode;
	size_t len, i;
	char *end;

	while ((p = strstr(p, "vga="))) {
		if (p == cmdline || p[-1] == ' ')
			val = p + 4;
		p += 4;
	}
	if (!val)
		return VID_MODE_NORMAL;
	len = strcspn(val, " ");
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == len && !strncmp(val, words[i].word, len))
			return words[i].mode;
	mode = strtoul(val, &end, 0);
	if (end == val || end != val + len || mode > 0xffff)
		die("-append: vga=%.*s: is none of normal, ext, ask, or the number of a mode up to 65535 (0x317: 1024x768)",
		    (int)len, val);
	return (unsigned int)mode;
}

void boot_open(struct boot *b, const struct config *cfg)
{
	uint8_t head[4096] = { 0 };
	size_t len;
	unsigned int i;

	*b = (struct boot){ .cmdline = cfg->append ? cfg->append : "" };
	b->ram_size = cfg->ram_size;
	b->low_size = cfg->ram_size < LOW_RAM_MAX ? cfg->ram_size : LOW_RAM_MAX;
	make_e820(b);
	open_file(&b->kernel, "-kernel", cfg->kernel);
	if (cfg->initrd)
		open_file(&b->initrd, "-initrd", cfg->initrd);
	len = b->kernel.size < sizeof(head) ? (size_t)b->kernel.size : sizeof(head);
	boot_read(&b->kernel, 0, head, len);
	for (i = 0; i < ARRAY_SIZE(formats) && !b->format; i++)
		if (formats[i]->probe(b, head, len))
			b->format = formats[i];
	if (!b->format)
		not_a_kernel(b, head, len);
	if (b->kernel_end > LOW_RAM_MAX)
		die("-kernel %s: wants memory up to %#llx, and a PC's ends at %#llx before the devices",
		    b->kernel.path, (unsigned long long)b->kernel_end, LOW_RAM_MAX);
	if (b->kernel_end > b->low_size)
		die("-kernel %s: needs -m %llu at least, and there are %llu", b->kernel.path,
		    (unsigned long long)mib_up(b->kernel_end),
		    (unsigned long long)(b->ram_size / MIB));
	b->video_mode = video_mode(b->cmdline);
	if (strlen(b->cmdline) > b->cmdline_max)
		die("-append: the command line has %zu characters, and this kernel takes %u",
		    strlen(b->cmdline), b->cmdline_max);
	if (cfg->initrd)
		place_initrd(b);
}

/* --- tables for the processor --- */

static uint64_t descriptor(uint64_t flags)
{
	return 0x000f00000000ffffull | flags << 40;
}

static void write_gdt(const struct vm *vm, bool longmode)
{
	/* flags: access byte, then the upper nibble G, D, L, AVL in bits 12-15. */
	const uint64_t gdt[6] = {
		[BOOT_CS / 8] = descriptor(longmode ? 0xa09b : 0xc09b),
		[BOOT_DS / 8] = descriptor(0xc093),
		[BOOT_TSS / 8] = 0x0000890000000067ull,
	};

	ram_write(vm, BOOT_GDT, gdt, sizeof(gdt));
}

/* 4 GiB onto itself in pages of 2 MiB: one PML4, one PDPT, four page directories. */
static void write_page_tables(const struct vm *vm)
{
	uint64_t table[512] = { 0 };
	unsigned int i, dir;

	table[0] = (BOOT_PAGES + PAGE) | 3;
	ram_write(vm, BOOT_PAGES, table, sizeof(table));
	for (i = 0; i < 512; i++)
		table[i] = i < 4 ? (BOOT_PAGES + (2 + i) * PAGE) | 3 : 0;
	ram_write(vm, BOOT_PAGES + PAGE, table, sizeof(table));
	for (dir = 0; dir < 4; dir++) {
		for (i = 0; i < 512; i++)
			table[i] = ((uint64_t)dir << 30 | (uint64_t)i << 21) | 0x83;
		ram_write(vm, BOOT_PAGES + (2 + dir) * PAGE, table, sizeof(table));
	}
}

void boot_load(const struct boot *b, const struct vm *vm, struct boot_entry *entry)
{
	/* BIOS data area: where the EBDA is, and the conventional memory in KiB. */
	const uint16_t ebda_segment = EBDA_BASE >> 4, base_kib = EBDA_BASE >> 10;

	ram_write(vm, 0x40e, &ebda_segment, sizeof(ebda_segment));
	ram_write(vm, 0x413, &base_kib, sizeof(base_kib));
	ram_write(vm, BOOT_CMDLINE, b->cmdline, strlen(b->cmdline) + 1);
	write_gdt(vm, b->longmode);
	if (b->longmode)
		write_page_tables(vm);
	if (b->initrd_at)
		boot_read_guest(&b->initrd, 0, vm, b->initrd_at, b->initrd.size);
	b->format->load(b, vm);
	*entry = (struct boot_entry){
		.longmode = b->longmode,
		.rip = b->entry,
		.rsp = BOOT_STACK,
		.rsi = b->pvh ? 0 : BOOT_PARAMS,
		.rbx = b->pvh ? BOOT_INFO : 0,
		.cr3 = BOOT_PAGES,
		.gdt = BOOT_GDT,
		.gdt_limit = 6 * 8 - 1,
	};
	if (tracing(TRACE_BOOT))
		trace("boot: %s%s, %s entry at %#llx", b->format->name, b->pvh ? " (PVH)" : "",
		      b->longmode ? "64-bit" : "32-bit", (unsigned long long)b->entry);
}
