/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory: our own, the host program's, and an engine's code and stacks.
 *
 * Guest RAM is memory of the host program that may vanish at any moment
 * (munmap, a truncated file), so every access from C goes through copy.S,
 * whose faults signal.c turns into -EFAULT.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "home.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

void *home_mmap(void *addr, size_t len, int prot, int flags, int fd, u64 offset)
{
	long p = sys6(SYS_mmap, (u64)addr, len, prot, flags, fd, offset);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

int home_munmap(void *addr, size_t len)
{
	return sys2(SYS_munmap, addr, len);
}

int home_mprotect(void *addr, size_t len, int prot)
{
	return sys3(SYS_mprotect, addr, len, prot);
}

/*
 * Aligned for XSAVE areas. By calloc, whose large blocks are the kernel's zero pages until
 * touched.
 */
void *plat_alloc(size_t size)
{
	char *p = size + 128 < size ? NULL : calloc(1, size + 128);
	void **q;

	if (!p)
		return NULL;
	q = (void **)ALIGN_UP((u64)p + 64, 64ull);
	q[-1] = p;
	return q;
}

void plat_free(void *p)
{
	if (p)
		free(((void **)p)[-1]);
}

void *plat_alloc_shared(struct plat_file *owner, u64 offset, size_t size)
{
	if ((offset | size) & ~PAGE_MASK || !size)
		return NULL;
	return home_share_alloc(owner, offset, size);
}

void plat_free_shared(void *p, size_t size)
{
	if (p)
		home_munmap(p, size);
}

/* ---- the host program's memory ---- */

static bool user_range(u64 uaddr, size_t n)
{
	return uaddr + n >= uaddr && uaddr + n <= 0x7ffffffff000ull;
}

int plat_copy_from_user(void *dst, u64 uaddr, size_t n)
{
	return user_range(uaddr, n) ? home_copy(dst, (const void *)uaddr, n) : -EFAULT;
}

int plat_copy_to_user(u64 uaddr, const void *src, size_t n)
{
	return user_range(uaddr, n) ? home_copy((void *)uaddr, src, n) : -EFAULT;
}

u64 plat_user_pointer(u64 val)
{
	return val;
}

void *plat_guest_page(struct vm *vm, u64 uaddr, bool write)
{
	void *page = (void *)(uaddr & PAGE_MASK);
	u8 byte;

	if (!user_range(uaddr & PAGE_MASK, PAGE_SIZE))
		return NULL;
	/* A page that is watched is writable, and a write now would end the watch for nothing. */
	if (write && !home_watch_is_on(uaddr)) {
		if (home_touch_write(page))
			return NULL;
	} else if (home_copy1(&byte, page)) {
		return NULL;
	}
	return (void *)uaddr;
}

static int copy_sized(void *dst, const void *src, u64 host, size_t n)
{
	if (!(host & (n - 1))) {
		switch (n) {
		case 1: return home_copy1(dst, src);
		case 2: return home_copy2(dst, src);
		case 4: return home_copy4(dst, src);
		case 8: return home_copy8(dst, src);
		}
	}
	return home_copy(dst, src, n);
}

int plat_guest_read(void *dst, const void *host, size_t n)
{
	return copy_sized(dst, host, (u64)host, n);
}

int plat_guest_write(void *host, const void *src, size_t n)
{
	return copy_sized(host, src, (u64)host, n);
}

int plat_guest_cmpxchg(void *host, void *old, const void *val, size_t n, bool *done)
{
	int ret;

	switch (n) {
	case 1: ret = home_cmpxchg1(host, old, val); break;
	case 2: ret = home_cmpxchg2(host, old, val); break;
	case 4: ret = home_cmpxchg4(host, old, val); break;
	case 8: ret = home_cmpxchg8(host, old, val); break;
	case 16:
		/*
		 * CMPXCHG16B raises #GP on an unaligned operand: it is the caller's to have
		 * refused it.
		 */
		ret = (u64)host & 15 ? -EFAULT : home_cmpxchg16(host, old, val);
		break;
	default: ret = -EINVAL;
	}
	*done = ret == 1;
	return ret < 0 ? ret : 0;
}

/* ---- code and stacks ---- */

/*
 * Two mappings of one shared memory; neither is ever writable and executable.
 * Where a memfd can not be executable (vm.memfd_noexec), anonymous shared
 * memory does the same: mremap(2) with an old size of 0 maps it once more. So
 * it is for perf(1), too, which looks for names of such memory in its map, but
 * takes a memfd for a file.
 */
int plat_code_alloc(size_t size, void **rw, void **rx)
{
	bool plain = plat_trace_on("perf");
	int fd = plain ? -1 : sys2(SYS_memfd_create, "anykvm-code", MFD_CLOEXEC | MFD_EXEC);
	long p;

	if (fd == -EINVAL && !plain)
		fd = sys2(SYS_memfd_create, "anykvm-code", MFD_CLOEXEC);
	if (fd >= 0) {
		if (sys2(SYS_ftruncate, fd, size)) {
			home_close(fd);
			return -ENOMEM;
		}
		*rw = home_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		*rx = home_mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
		home_close(fd);
		if (*rw && *rx)
			return 0;
		if (*rw)
			home_munmap(*rw, size);
		if (*rx)
			home_munmap(*rx, size);
	}
	*rw = home_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!*rw)
		return -ENOMEM;
	p = sys4(SYS_mremap, *rw, 0, size, MREMAP_MAYMOVE);
	if (p < 0 && p > -4096) {
		home_munmap(*rw, size);
		return p;
	}
	*rx = (void *)p;
	p = home_mprotect(*rx, size, PROT_READ | PROT_EXEC);
	if (p) {
		plat_log("this system lets no program make code (%s): the translator can not run",
			 p == -EACCES || p == -EPERM ? "execmem is denied" : "mprotect failed");
		plat_code_free(*rw, *rx, size);
	}
	return p;
}

void plat_code_free(void *rw, void *rx, size_t size)
{
	if (rw)
		home_munmap(rw, size);
	if (rx)
		home_munmap(rx, size);
}

void plat_forget(void *p, size_t size)
{
	u64 lo = ALIGN_UP((u64)p, PAGE_SIZE), hi = ((u64)p + size) & PAGE_MASK;

	/* Of shared memory the pages themselves; of private memory it is refused. Locked memory stays. */
	if (lo < hi && sys3(SYS_madvise, lo, hi - lo, MADV_REMOVE))
		sys3(SYS_madvise, lo, hi - lo, MADV_DONTNEED);
}

void *plat_stack_alloc(size_t size, size_t above)
{
	size_t total;
	u8 *p;

	size = ALIGN_UP(size, PAGE_SIZE);
	total = PAGE_SIZE + size + ALIGN_UP(above, PAGE_SIZE);
	p = home_mmap(NULL, total, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (!p)
		return NULL;
	home_mprotect(p, PAGE_SIZE, PROT_NONE);
	return p + PAGE_SIZE + size;
}

void plat_stack_free(void *p, size_t size, size_t above)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	if (p)
		home_munmap((u8 *)p - size - PAGE_SIZE,
			    PAGE_SIZE + size + ALIGN_UP(above, PAGE_SIZE));
}
