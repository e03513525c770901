/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A kernel for disk images, in place of the real one: what is written stays in a cache, and reaches
 * the disk when a call says so. A test can look at both, as somebody does who kills the process, and
 * somebody who pulls the plug. It is a nasty one: transfers are short, calls are interrupted, requests
 * of a ring are done in any order. Linked by --wrap (tests.mk), io_uring included.
 */
#ifndef ANYKVM_TESTS_HOST_FAKE_KERNEL_H
#define ANYKVM_TESTS_HOST_FAKE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

/* A piece of a file on which calls fail with @err; 0: they do nothing, and say so. */
struct fake_bad {
	uint64_t from, to;		/* sectors */
	int err;
	bool reads, writes;
};

struct fake_file {
	const char *path;
	uint64_t size;
	uint32_t align;			/* what O_DIRECT wants */
	struct fake_bad bad[3];
	/* What the kernel has, what the disk has: contents, and for each sector when it was changed. */
	uint8_t *cached, *stable;
	uint64_t *cached_at, *stable_at;
	/* As it was opened, and what came. */
	int fd;
	bool direct;
	bool slow;			/* reads: what reads before it writes takes long between the two */
	unsigned int writes, syncs, sync_writes, misfits;
	unsigned int failing_syncs;	/* so many to come fail, and with a page cache lose what they had */
};

/* Before the file is opened: it is there, with @f->size bytes. */
void fake_file(struct fake_file *f);
/* Reads and writes may be short and be interrupted. */
extern bool fake_nasty;
/* All that looks at a file of the fake kernel's from outside. */
void fake_lock(void);
void fake_unlock(void);
unsigned int fake_random(unsigned int n);

#endif
