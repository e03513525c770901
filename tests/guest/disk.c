// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A program for the guest: data that a disk writes into a page whose code has just run must be
 * the code that runs next. Sector groups of 4 KiB say "mov $number, %eax; ret" all over; they are
 * read with O_DIRECT, so the device itself writes the page, into one that was executed before.
 *
 *	disk DEVICE COUNT
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 4

static int call(const unsigned char *p)
{
	int (*f)(void);

	memcpy(&f, &p, sizeof(f));
	return f();
}

/* Few places in each page, so that all are run again soon. Even pages only the device writes. */
static int check(unsigned char *page, int number)
{
	int at = number / PAGES % 4 * 8, again;
	int got = call(page + at);

	if (got != number) {
		printf("page %d: its code answers %d\n", number, got);
		return -1;
	}
	if (!(number & 1))
		return 0;
	page[at + 1] ^= 0x55;		/* mov's operand: the processor's own store */
	again = call(page + at);
	if (again != (number ^ 0x55)) {
		printf("page %d: after a store %d\n", number, again);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 0, n;
	unsigned char *mem;
	int fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECT) : -1;

	if (fd < 0) {
		perror(argc > 1 ? argv[1] : "disk DEVICE COUNT");
		return 2;
	}
	mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	for (n = 0; n < count; n++) {
		unsigned char *page = mem + n % PAGES * PAGE;

		if (pread(fd, page, PAGE, (off_t)n * PAGE) != PAGE) {
			perror("read");
			return 2;
		}
		if (check(page, n))
			return 1;
	}
	/* Several pages by one request. */
	for (n = 0; n + PAGES <= count; n += PAGES) {
		if (pread(fd, mem, PAGES * PAGE, (off_t)n * PAGE) != PAGES * PAGE) {
			perror("read");
			return 2;
		}
		for (int i = 0; i < PAGES; i++)
			if (check(mem + i * PAGE, n + i))
				return 1;
	}
	printf("anykvm-disk: %d pages\n", count);
	return 0;
}
