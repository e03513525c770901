// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory from C: it is the host program's memory, and the thread that
 * asks is one of that program, so it is read and written as a system call
 * reads and writes its arguments. What the guest may see of it is the mmu
 * notifier's business, not ours.
 *
 * A "host address" of plat.h is the program's own, never followed as a
 * pointer. Accesses of 1, 2, 4 and 8 bytes are one instruction, and atomic
 * when aligned.
 */
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include "nested.h"

#define CACHE_LINE 64

int plat_copy_from_user(void *dst, u64 uaddr, size_t n)
{
	return copy_from_user(dst, u64_to_user_ptr(uaddr), n) ? -EFAULT : 0;
}

int plat_copy_to_user(u64 uaddr, const void *src, size_t n)
{
	return copy_to_user(u64_to_user_ptr(uaddr), src, n) ? -EFAULT : 0;
}

/*
 * Nothing is looked at yet: whoever uses it learns whether it is there, and
 * whether it is the program's own to use. But it has to be this program.
 */
void *plat_guest_page(struct vm *vm, u64 uaddr, bool write)
{
	return likely(current->mm == vm->nested->mm) ? (void *)uaddr : NULL;
}

/* The notifier and the core have unmapped it. A VM that goes takes its fetchers along. */
void plat_guest_unmap(struct vm *vm, u64 uaddr, u64 len)
{
	if (!uaddr && len == ~0ull && vm->nested)
		nested_async_stop(vm->nested);
}

/* Only a translator of guest code asks for it. */
int plat_watch_page(struct vm *vm, void *host)
{
	return 0;
}

void plat_unwatch_page(struct vm *vm, void *host)
{
}

/* ---- reading and writing ---- */

static void __user *user(const void *host)
{
	return (void __force __user *)host;
}

#define READ_ONE(type)									\
	do {										\
		unsafe_get_user(*(type *)dst, (type __user *)user(host), fault);	\
		user_read_access_end();							\
		return 0;								\
	} while (0)

int plat_guest_read(void *dst, const void *host, size_t n)
{
	if (!user_read_access_begin(user(host), n))
		return -EFAULT;
	switch (n) {
	case 1: READ_ONE(u8);
	case 2: READ_ONE(u16);
	case 4: READ_ONE(u32);
	case 8: READ_ONE(u64);
	case 9 ... 16:		/* an instruction's bytes: two words that overlap */
		unsafe_get_user(*(u64 *)dst, (u64 __user *)user(host), fault);
		unsafe_get_user(*(u64 *)(dst + n - 8), (u64 __user *)user(host + n - 8), fault);
		user_read_access_end();
		return 0;
	}
	user_read_access_end();
	return copy_from_user(dst, user(host), n) ? -EFAULT : 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

#define WRITE_ONE(type)									\
	do {										\
		unsafe_put_user(*(const type *)src, (type __user *)user(host), fault);	\
		user_write_access_end();						\
		return 0;								\
	} while (0)

int plat_guest_write(void *host, const void *src, size_t n)
{
	if (!user_write_access_begin(user(host), n))
		return -EFAULT;
	switch (n) {
	case 1: WRITE_ONE(u8);
	case 2: WRITE_ONE(u16);
	case 4: WRITE_ONE(u32);
	case 8: WRITE_ONE(u64);
	}
	user_write_access_end();
	return copy_to_user(user(host), src, n) ? -EFAULT : 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

int hw_guest_write_nofault(void *host, const void *src, size_t n)
{
	int ret;

	pagefault_disable();
	ret = plat_guest_write(host, src, n);
	pagefault_enable();
	return ret;
}

/* ---- compare and exchange ---- */

/* User access is open: no call may be made in here. */
static __always_inline int cmpxchg16(void __user *host, u64 *old, const u64 *val, bool *done)
{
	u64 lo = old[0], hi = old[1];
	bool ok = false;
	int err = 0;

	asm volatile("1:	lock cmpxchg16b (%[host])\n"
		     "	sete %[ok]\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_EFAULT_REG, %[err])
		     : [err] "+r"(err), [ok] "+q"(ok), "+a"(lo), "+d"(hi)
		     : [host] "r"(host), "b"(val[0]), "c"(val[1])
		     : "memory", "cc");
	old[0] = lo;
	old[1] = hi;
	*done = ok;
	return err;
}

#define CMPXCHG_ONE(type)								\
	do {										\
		*done = unsafe_try_cmpxchg_user((type __user *)user(host), (type *)old,	\
						*(const type *)val, fault);		\
		user_access_end();							\
		return 0;								\
	} while (0)

/*
 * A locked instruction over the end of a cache line stops all processors, and where the host
 * has those trapped the kernel itself dies of it. The guest's own locked instructions do not
 * come this way, so what is left is atomic among us only.
 */
static int cmpxchg_split(void *host, void *old, const void *val, size_t n, bool *done)
{
	static DEFINE_MUTEX(one_at_a_time);
	u8 now[8];
	int ret;

	mutex_lock(&one_at_a_time);
	ret = copy_from_user(now, user(host), n) ? -EFAULT : 0;
	*done = !ret && !memcmp(now, old, n);
	if (*done)
		ret = copy_to_user(user(host), val, n) ? -EFAULT : 0;
	else if (!ret)
		memcpy(old, now, n);
	mutex_unlock(&one_at_a_time);
	return ret;
}

int plat_guest_cmpxchg(void *host, void *old, const void *val, size_t n, bool *done)
{
	int ret;

	*done = false;
	if (n == 16 ? (u64)host & 15 : n > 8)
		return n == 16 ? -EFAULT : -EINVAL;
	if (((u64)host & (CACHE_LINE - 1)) + n > CACHE_LINE)
		return cmpxchg_split(host, old, val, n, done);
	if (!user_access_begin(user(host), n))
		return -EFAULT;
	switch (n) {
	case 1: CMPXCHG_ONE(u8);
	case 2: CMPXCHG_ONE(u16);
	case 4: CMPXCHG_ONE(u32);
	case 8: CMPXCHG_ONE(u64);
	}
	ret = n == 16 ? cmpxchg16(user(host), old, val, done) : -EINVAL;
	user_access_end();
	return ret;
fault:
	user_access_end();
	return -EFAULT;
}
