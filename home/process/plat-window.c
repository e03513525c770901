/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Windows: the host program's memory seen a second time, at addresses that an
 * engine chooses. mremap(2) with an old size of 0 maps what is shared once
 * more, whatever it is made of; of private memory it makes no second view, and
 * says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include "home.h"

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif
#define RESERVED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

bool plat_window_possible(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
}

void *plat_window_reserve(u64 size)
{
	void *p = home_mmap(NULL, size, PROT_NONE, RESERVED, -1, 0);

	/* A child of the host program has no use for it. */
	if (p)
		sys3(SYS_madvise, p, size, MADV_DONTFORK);
	return p;
}

void plat_window_free(void *p, u64 size)
{
	home_munmap(p, size);
}

/* One line of /proc/self/maps. */
struct mapping {
	u64 lo, hi, offset, major, minor, inode;
	bool shared;
};

static const char *number(const char *p, u32 base, u64 *val)
{
	for (*val = 0;; p++) {
		u32 d = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : 99;

		if (d >= base)
			return p;
		*val = *val * base + d;
	}
}

/* "7f00-7f10 rw-s 00000000 00:01 1234   /name" */
static void parse(const char *p, struct mapping *m)
{
	p = number(p, 16, &m->lo);
	p = number(p + 1, 16, &m->hi);
	m->shared = p[4] == 's';
	p = number(p + 6, 16, &m->offset);
	p = number(p + 1, 16, &m->major);
	p = number(p + 1, 16, &m->minor);
	number(p + 1, 10, &m->inode);
}

static bool continues(const struct mapping *a, const struct mapping *b)
{
	return a->hi == b->lo && a->shared && b->shared && a->inode == b->inode &&
	       a->major == b->major && a->minor == b->minor &&
	       a->offset + (a->hi - a->lo) == b->offset;
}

/*
 * A file's pages in a row, be it in pieces of different rights (the code watch
 * makes such). Lines come in the order of addresses.
 */
bool plat_window_span(const void *host, u8 **lo, u8 **hi)
{
	int fd = sys4(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	struct mapping m, span = { 0 };
	char buf[4096], line[512];
	u32 len = 0;
	long n;

	while (fd >= 0 && (n = sys3(SYS_read, fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				if (len < sizeof(line) - 1)
					line[len++] = buf[i];
				continue;
			}
			line[len] = 0;
			len = 0;
			parse(line, &m);
			if (continues(&span, &m))
				span.hi = m.hi;
			else if (span.hi > (u64)host)
				goto out;
			else
				span = m;
		}
	}
out:
	if (fd >= 0)
		home_close(fd);
	*lo = (u8 *)span.lo;
	*hi = (u8 *)span.hi;
	return span.shared && (u64)host >= span.lo && (u64)host < span.hi;
}

int plat_window_map(void *to, const void *from, u64 len, bool write)
{
	long p = sys6(SYS_mremap, (u64)from, 0, len, MREMAP_MAYMOVE | MREMAP_FIXED, (u64)to, 0);

	if (p < 0 && p > -4096)
		return p;
	/* Where the code watch is mprotect(2), the first view may still be write-protected. */
	if (write && !home_watch_by_mprotect())
		return 0;
	return plat_window_protect(to, len, write);
}

int plat_window_protect(void *to, u64 len, bool write)
{
	return home_mprotect(to, len, PROT_READ | (write ? PROT_WRITE : 0));
}

int plat_window_unmap(void *to, u64 len)
{
	return home_mmap(to, len, PROT_NONE, RESERVED | MAP_FIXED, -1, 0) ? 0 : -ENOMEM;
}
