/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the process home share. All of it works below the host
 * program's libc wrappers: the library's own system calls are bare ones, so
 * that the preload shim never sees them.
 */
#ifndef ANYKVM_HOME_H
#define ANYKVM_HOME_H

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <string.h>
#include "types.h"

/*
 * Nothing of ours but anykvm.h and the libc names that the shim overrides is to be seen from
 * outside.
 */
#pragma GCC visibility push(hidden)
#include "plat.h"

#define HOME_EXPORT __attribute__((visibility("default")))
#define HOME_TLS static __thread __attribute__((tls_model("initial-exec")))

/* A system call: the result, or -errno. errno itself is left alone. */
static inline long sys6(long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	long ret;
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define sys0(nr) sys6(nr, 0, 0, 0, 0, 0, 0)
#define sys1(nr, a) sys6(nr, (u64)(a), 0, 0, 0, 0, 0)
#define sys2(nr, a, b) sys6(nr, (u64)(a), (u64)(b), 0, 0, 0, 0)
#define sys3(nr, a, b, c) sys6(nr, (u64)(a), (u64)(b), (u64)(c), 0, 0, 0)
#define sys4(nr, a, b, c, d) sys6(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), 0, 0)

void *home_mmap(void *addr, size_t len, int prot, int flags, int fd, u64 offset); /* NULL: failed */
int home_munmap(void *addr, size_t len);
int home_mprotect(void *addr, size_t len, int prot);
int home_close(int fd);

/* ---- init.c ---- */

void home_early_init(void); /* fork handlers and the pid: before any handler is installed */
int home_init(void); /* signals, the core with its engine; 0 or -errno */
extern u32 home_generation; /* moves in a forked child */
extern int home_pid;
int home_fd_high(int fd); /* moves a private fd out of the host program's way (or leaves it) */
int home_thread_start(const char *name, void *(*fn)(void *), void *arg); /* detached, no signals */

/* ---- file.c ---- */

struct plat_file *home_file_get(int fd, bool trust); /* NULL: not ours; released by home_file_put */
void home_file_put(struct plat_file *f);
enum plat_file_kind home_file_kind(const struct plat_file *f);
void *home_file_obj(const struct plat_file *f);
bool home_file_foreign(const struct plat_file *f); /* of the parent process */
bool home_fd_cached(int fd); /* known to be ours, without a system call */
void home_fd_dup(int fd, int copy); /* after a dup */
struct plat_file *home_fd_forget(int fd); /* before a close: what it was, or NULL */
void home_fd_closed(struct plat_file *f); /* after it */
void home_file_sweep(void); /* release what has lost its last reference unseen */
long home_ioctl(int fd, unsigned int cmd, u64 arg, bool *ours);
s64 home_file_read(struct plat_file *f, void *buf, size_t n, u64 offset);
int home_map_pages(struct plat_file *f, void *addr, size_t len, int prot,
		   u64 offset); /* after mmap(2) of it */
int home_map_check(struct plat_file *f, int prot, int flags, size_t len, u64 offset); /* before */
void home_mapping_gone(u64 addr, size_t len); /* after munmap(2) */
void home_file_lock(void);
void home_file_unlock(void);
void *home_share_alloc(struct plat_file *f, u64 offset, size_t size);

/* ---- signal.c ---- */

#define HOME_SYNC_SIGNALS                                                      \
	(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGFPE - 1) | \
	 1ull << (SIGILL - 1) | 1ull << (SIGTRAP - 1))

void home_signals_init(void);
void home_signals_forked(void);
int home_sigaction(int sig, const struct sigaction *act, struct sigaction *old);
int home_sigmask(int how, const u64 *set,
		 u64 *old); /* sigprocmask that keeps the synchronous signals open */
void home_signals_want(
	u64 set); /* signals that must reach us even where their action is the default */
void home_unblock_sync(void); /* on a thread whose mask is unknown */
void home_signals_lock(void);
void home_signals_unlock(void);

/* ---- plat-thread.c ---- */

struct plat_thread *home_current(void); /* of this thread, inside KVM_RUN */
void home_note_signal(struct plat_thread *t); /* a handler ran inside KVM_RUN */

/* ---- cancel.c: see there ---- */

struct home_cancel {
	pthread_t thread;
	struct plat_thread *running;
	bool cancelled;
	struct home_cancel *next;
};
void home_cancel_begin(struct home_cancel *c);
void home_cancel_end(struct home_cancel *c);
bool home_cancel_running(struct plat_thread *t);
bool home_cancel_pending(void);
void home_cancel_kick(pthread_t thread);
void home_cancel_forked(void);

/* ---- copy.S ---- */

extern const struct home_fixup {
	u64 start, end, landing;
} home_fixups[], home_fixups_end[];
int home_copy(void *dst, const void *src, size_t n);
int home_copy1(void *dst, const void *src);
int home_copy2(void *dst, const void *src);
int home_copy4(void *dst, const void *src);
int home_copy8(void *dst, const void *src);
int home_touch_write(void *p); /* lock; orb $0 */
/* 0 (differs), 1 (exchanged) or -EFAULT */
int home_cmpxchg1(void *p, void *old, const void *val);
int home_cmpxchg2(void *p, void *old, const void *val);
int home_cmpxchg4(void *p, void *old, const void *val);
int home_cmpxchg8(void *p, void *old, const void *val);
int home_cmpxchg16(void *p, void *old, const void *val);

/* ---- watch.c: see there ---- */

void *home_share_alloc(struct plat_file *f, u64 offset, size_t size);
bool home_watch_fault(u64 addr, u64 rip); /* in a signal handler: retry the access */
bool home_watch_is_on(u64 addr); /* the page is watched, so writable */
void home_watch_range_gone(u64 addr, u64 len); /* mapping changes under it */
bool home_watch_by_mprotect(void);
bool home_watch_blocks_kernel(void); /* the kernel's own writes would get EFAULT */
struct home_io {
	u32 first, n;
};
bool home_io_begin(struct home_io *io, const struct iovec *iov, int cnt); /* false: nothing to do */
void home_io_end(struct home_io *io);
void home_watch_lock(void);
void home_watch_unlock(void);
void home_watch_forked(void);
const char *home_watch_method(void); /* for traces and tests */

/* ---- seeing.c ---- */

void home_seeing_init(void);
void home_seeing_end(void); /* the process ends: what has been counted */

/* ---- plat-time.c, eventfd.c ---- */

void home_timers_lock(void);
void home_timers_unlock(void);
void home_timers_forked(void);
void home_eventfds_lock(void);
void home_eventfds_unlock(void);
void home_eventfds_forked(void);

#pragma GCC visibility pop

#endif
