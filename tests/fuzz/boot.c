// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A kernel's file is somebody else's: what it says of itself decides what is read from where and written
 * where in the guest's memory. The input is such a file, or a good one with words of it changed.
 *
 *	build-fuzz/tests/fuzz/boot CORPUS		libFuzzer (make fuzz-devices)
 *	tests/fuzz/boot [ROUNDS [SEED]]			without it: random changes
 *
 * A refusal ends here in a jump. A write outside of the guest's memory ends the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/boot/boot.h"
#include "host/bus/bus.h"
#include "host/report.h"
#include "tests/fuzz/input.h"

#define RAM	(40ull << 20)
#define FILE_MAX 8192u

static jmp_buf refused;
static unsigned int nr_refused, nr_booted;
static uint8_t *ram;

void die(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	/* It is printed into memory: the words too are read from the file. */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	nr_refused++;
	longjmp(refused, 1);
}

unsigned int trace_mask;

void trace(const char *fmt, ...)
{
	(void)fmt;
}

void *ram_at(const struct vm *vm, uint64_t gpa, uint64_t len)
{
	return gpa <= vm->ram_size && len <= vm->ram_size - gpa ? ram + gpa : NULL;
}

void ram_written(const struct vm *vm, uint64_t gpa, uint64_t len)
{
	if (!ram_at(vm, gpa, len))
		abort();
}

void ram_write(const struct vm *vm, uint64_t gpa, const void *data, uint64_t len)
{
	uint8_t *p = ram_at(vm, gpa, len);

	if (!p)
		abort();
	memcpy(p, data, len);
}

/* --- good files --- */

static size_t bzimage(uint8_t *f)
{
	f[0x1f1] = 1;
	put_le(f + 0x1f4, 0x100, 4);
	put_le(f + 0x1fe, 0xaa55, 2);
	put_le(f + 0x200, 0x66eb, 2);
	memcpy(f + 0x202, "HdrS", 4);
	put_le(f + 0x206, 0x20f, 2);
	f[0x211] = 1;
	put_le(f + 0x22c, 0x7fffffff, 4);
	put_le(f + 0x230, 0x200000, 4);
	f[0x234] = 1;
	put_le(f + 0x236, 3, 2);
	put_le(f + 0x238, 2047, 4);
	put_le(f + 0x258, 0x1000000, 8);
	put_le(f + 0x260, 0x100000, 4);
	return 0x400 + 0x1000;
}

/* Two program headers: what is loaded, and the PVH note. */
static size_t elf(uint8_t *f, bool wide)
{
	unsigned int at = wide ? 64 : 52, size = wide ? 56 : 32;
	uint8_t *note = f + 0x200;

	memcpy(f, wide ? "\x7f" "ELF\2\1\1" : "\x7f" "ELF\1\1\1", 7);
	put_le(f + 16, 2, 2);
	put_le(f + 18, wide ? 62 : 3, 2);
	put_le(f + 20, 1, 4);
	put_le(f + 24, 0x100000, wide ? 8 : 4);
	put_le(f + (wide ? 32 : 28), at, wide ? 8 : 4);
	put_le(f + (wide ? 52 : 40), at, 2);
	put_le(f + (wide ? 54 : 42), size, 2);
	put_le(f + (wide ? 56 : 44), 2, 2);
	put_le(f + at, 1, 4);
	put_le(f + at + size, 4, 4);
	if (wide) {
		put_le(f + at + 8, 0x300, 8);
		put_le(f + at + 24, 0x100000, 8);
		put_le(f + at + 32, 0x100, 8);
		put_le(f + at + 40, 0x1000, 8);
		put_le(f + at + size + 8, 0x200, 8);
		put_le(f + at + size + 32, 20, 8);
	} else {
		put_le(f + at + 4, 0x300, 4);
		put_le(f + at + 12, 0x100000, 4);
		put_le(f + at + 16, 0x100, 4);
		put_le(f + at + 20, 0x1000, 4);
		put_le(f + at + size + 4, 0x200, 4);
		put_le(f + at + size + 16, 20, 4);
	}
	put_le(note, 4, 4);
	put_le(note + 4, 4, 4);
	put_le(note + 8, 18, 4);
	memcpy(note + 12, "Xen", 4);
	put_le(note + 16, 0x100000, 4);
	return 0x400;
}

static size_t make_file(struct input *in, uint8_t *f)
{
	unsigned int how = (unsigned int)take(in, 1) % 4, at, bytes;
	size_t len;

	if (!how) {
		len = in->left < FILE_MAX ? in->left : FILE_MAX;
		memcpy(f, in->p, len);
		return len;
	}
	memset(f, 0, FILE_MAX);
	len = how == 1 ? bzimage(f) : elf(f, how == 2);
	while (in->left) {
		at = (unsigned int)take(in, 2);
		bytes = 1u << (at >> 14);
		put_le(f + (at & 0x3fff) % 0x300, take(in, bytes), bytes);
	}
	return len;
}

static int file_of(const void *data, size_t len, char *path, size_t room)
{
	int fd = memfd_create("kernel", 0);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		exit(1);
	snprintf(path, room, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t file[FILE_MAX + 8];
	static struct boot b;
	static char kernel[64], initrd[64];
	struct input in = { data, len };
	unsigned int how = (unsigned int)take(&in, 1);
	struct config cfg = { .ram_size = RAM, .kernel = kernel, .append = how & 1 ? "quiet" : NULL,
			      .initrd = how & 2 ? initrd : NULL };
	struct vm vm = { .ram_size = RAM, .low_size = RAM };
	struct boot_entry entry;
	int fd, fd2;

	if (!ram)
		ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vm.ram = ram;
	fd = file_of(file, make_file(&in, file), kernel, sizeof(kernel));
	fd2 = file_of("initrd", 1 + how % 6, initrd, sizeof(initrd));
	b.kernel.fd = b.initrd.fd = -1;
	if (!setjmp(refused)) {
		boot_open(&b, &cfg);
		boot_load(&b, &vm, &entry);
		nr_booted++;
	}
	if (b.kernel.fd > 0)
		close(b.kernel.fd);
	if (b.initrd.fd > 0)
		close(b.initrd.fd);
	close(fd);
	close(fd2);
	return 0;
}

/* What a refusal leaves behind goes with the process. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

#ifndef LIBFUZZER
int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 3000, i, n;
	uint64_t seed = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) | 1;
	uint8_t buf[40];

	for (i = 0; i < rounds; i++) {
		for (n = 0; n < sizeof(buf); n++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			buf[n] = (uint8_t)(seed >> 24);
		}
		/* Few changes: most of a file is good. */
		LLVMFuzzerTestOneInput(buf, 2 + i % 16 * 2);
	}
	printf("1..1\n%s 1 - %u files: %u booted, %u refused\n", nr_booted && nr_refused ? "ok" : "not ok",
	       rounds, nr_booted, nr_refused);
	return !(nr_booted && nr_refused);
}
#endif
