/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shim's names for memory: a vCPU's pages that live elsewhere are laid
 * into its mapping, and whatever changes a mapping that holds watched pages
 * ends those watches first.
 */
#include <stdarg.h>
#include <sys/mman.h>
#include "shim.h"

static void *map_ours(struct plat_file *f, void *p, size_t len, int prot, s64 offset)
{
	int err;

	if (p == MAP_FAILED)
		return p;
	err = home_map_pages(f, p, len, prot, offset);
	if (!err)
		return p;
	home_munmap(p, len);
	errno = -err;
	return MAP_FAILED;
}

#define MMAP(name, off_type)                                                                       \
	HOME_EXPORT void *name(void *addr, size_t len, int prot, int flags, int fd,                \
			       off_type offset)                                                    \
	{                                                                                          \
		struct plat_file *f = NULL;                                                        \
		void *p = MAP_FAILED;                                                              \
		int err;                                                                           \
                                                                                                   \
		if (flags & MAP_FIXED)                                                             \
			home_watch_range_gone((u64)addr, len);                                     \
		if (fd >= 0 && !(flags & MAP_ANONYMOUS))                                           \
			f = home_file_get(fd, false);                                              \
		if (!f)                                                                            \
			return REAL(name)(addr, len, prot, flags, fd, offset);                     \
		err = home_map_check(f, prot, flags, len, offset);                                 \
		if (err)                                                                           \
			errno = -err;                                                              \
		else                                                                               \
			p = map_ours(f, REAL(name)(addr, len, prot, flags, fd, offset), len, prot, \
				     offset);                                                      \
		home_file_put(f);                                                                  \
		return p;                                                                          \
	}
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

HOME_EXPORT int munmap(void *addr, size_t len)
{
	int ret;

	home_watch_range_gone((u64)addr, len);
	ret = REAL(munmap)(addr, len);
	if (!ret)
		home_mapping_gone((u64)addr, len);
	return ret;
}

HOME_EXPORT void *mremap(void *addr, size_t len, size_t new_len, int flags, ...)
{
	va_list args;
	void *to;

	va_start(args, flags);
	to = va_arg(args, void *);
	va_end(args);
	home_watch_range_gone((u64)addr, len);
	if (flags & MREMAP_FIXED)
		home_watch_range_gone((u64)to, new_len);
	return REAL(mremap)(addr, len, new_len, flags, to);
}

HOME_EXPORT int mprotect(void *addr, size_t len, int prot)
{
	home_watch_range_gone((u64)addr, len);
	return REAL(mprotect)(addr, len, prot);
}

/* Those that change what memory holds. */
static bool advice_writes(int advice)
{
	return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE ||
	       advice == 24 /* MADV_DONTNEED_LOCKED */ || advice == MADV_HWPOISON;
}

HOME_EXPORT int madvise(void *addr, size_t len, int advice)
{
	if (advice_writes(advice))
		home_watch_range_gone((u64)addr, len);
	return REAL(madvise)(addr, len, advice);
}
