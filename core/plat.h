/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The core's only door out: what a home must provide. A home is the Linux
 * kernel, a process, or a test that makes any of this fail.
 *
 * plat_inline.h (one a home, chosen by -I) defines the few hot types:
 *   struct plat_spinlock, plat_mutex, plat_rwlock, plat_timer, plat_thread
 * and, inline, the spinlock and atomic primitives:
 *   plat_spin_init/lock/unlock(struct plat_spinlock *)
 *   plat_atomic_or64/and64/add64/xchg64/cmpxchg64 (u64 *, ...) returning the old value,
 *   plat_atomic_or32 ... the same, plat_mb(), plat_pause(), plat_rdtsc()
 * and what a home may say of a guest's accesses to those who trace it, if it
 * has tools for that (@val NULL: the host program is going to answer):
 *   plat_trace_mmio(bool write, u32 len, u64 gpa, const void *val)
 *   plat_trace_pio(bool out, u16 port, u32 size, u32 count, const void *val)
 *   plat_trace_msr(bool write, u32 index, u64 val, bool refused)
 * Errors are negative errno.
 *
 * "Atomic" is said of code that may run where nothing may sleep: with a
 * spinlock held, or called by a timer or an eventfd. In the kernel interrupts
 * are off while a spinlock is held, and timers, eventfds and kicks come in
 * interrupts, on top of whatever this processor was doing. So atomic code
 * takes spinlocks and no other lock, allocates and frees nothing, touches
 * neither the guest's memory nor the host program's (plat_copy_*, plat_guest_*,
 * vm_read, vm_write, vm_page), and does a bounded amount of work. What it may
 * call says "atomic" below; all else may sleep. A sanitized build's unit tests
 * die where this is broken (home/test).
 */
#ifndef ANYKVM_PLAT_H
#define ANYKVM_PLAT_H

#include "types.h"
#include "plat_inline.h"

struct vm;
struct vcpu;
struct plat_file;

/* ---- memory of our own ---- */

void *plat_alloc(size_t size);	/* zeroed, aligned to 64, or NULL; freed by plat_free */
void plat_free(void *p);		/* NULL is fine */
/*
 * Zeroed pages that the host program can map: kvm_run, the coalesced ring, the
 * dirty ring. What page of which file shows them is core_shared_page's to
 * say; @owner is only whose file it was made for. plat_free_shared ends them
 * for the core; whoever still has them mapped keeps them.
 */
void *plat_alloc_shared(struct plat_file *owner, u64 offset, size_t size);
void plat_free_shared(void *p, size_t size);		/* NULL is fine */

/* ---- the host program's memory ---- */

int plat_copy_from_user(void *dst, u64 uaddr, size_t n);	/* 0 or -EFAULT */
int plat_copy_to_user(u64 uaddr, const void *src, size_t n);
/*
 * A pointer that the host program put into a union with a u64: if it is a
 * 32-bit program under a 64-bit kernel, the upper half is not its doing.
 */
u64 plat_user_pointer(u64 val);

/*
 * Of this section, plat_guest_* use general registers only: an engine may call
 * them while the vector registers are the guest's.
 *
 * Guest RAM lives in the host program. The address that reaches @uaddr, or
 * NULL: in a process the same number, checked to be mapped (and writable)
 * when first used. Valid until plat_guest_unmap or the memslot's end. A later
 * fault on it (the host unmapped it) must not kill the process: see fault.c
 * of the engine, plat_guest_copy below for C code.
 */
void *plat_guest_page(struct vm *vm, u64 uaddr, bool write);
/* memcpy that survives a vanished page: 0 or -EFAULT. Atomic for aligned 1, 2, 4, 8. */
int plat_guest_read(void *dst, const void *host, size_t n);
int plat_guest_write(void *host, const void *src, size_t n);
/*
 * Compare and exchange of 1, 2, 4, 8, 16 bytes; -EFAULT, or 0 with *done. *old gets memory's
 * value.
 */
int plat_guest_cmpxchg(void *host, void *old, const void *val, size_t n, bool *done);

/*
 * Watch the page at @host for writes that no engine sees (a device of the
 * host program, its kernel): the next such write calls
 * vm_code_written(vm, uaddr page) before or right after it lands, exactly
 * once, and the watch is then gone. Idempotent. 0 or -errno.
 *
 * vm_code_written may be called from a signal handler of any thread or from a
 * thread of the home, while others wait for it: it takes no lock that anybody
 * holds over an access to guest memory.
 */
int plat_watch_page(struct vm *vm, void *host);
void plat_unwatch_page(struct vm *vm, void *host);
/*
 * A slot with [uaddr, uaddr + len) has gone. Its watches end, told of as if
 * written (another slot may show the same memory). With 0, ~0: the VM goes,
 * and they end silently.
 */
void plat_guest_unmap(struct vm *vm, u64 uaddr, u64 len);

/* ---- locks and threads ---- */

/*
 * plat_spin_lock: what follows is atomic until plat_spin_unlock, by the same
 * thread. The core never takes a spinlock under another one.
 * plat_mutex_* use general registers only, as plat_guest_* do.
 */
void plat_mutex_init(struct plat_mutex *m);
void plat_mutex_lock(struct plat_mutex *m);
void plat_mutex_unlock(struct plat_mutex *m);
void plat_rwlock_init(struct plat_rwlock *l);
void plat_read_lock(struct plat_rwlock *l);
void plat_read_unlock(struct plat_rwlock *l);
void plat_write_lock(struct plat_rwlock *l);
void plat_write_unlock(struct plat_rwlock *l);

/* The thread that is inside KVM_RUN for a vCPU. */
/* at KVM_RUN; look at immediate_exit after it */
void plat_thread_enter(struct plat_thread *t, struct vcpu *vcpu);
void plat_thread_leave(struct plat_thread *t);
bool plat_signal_pending(void);			/* KVM_RUN must end with -EINTR */
/*
 * Sleep until plat_thread_wake, a signal, or @deadline (plat_time_ns; 0: none). A wake that came
 * before is kept. The deadline is a timer's, which wakes the thread too: a home whose timers
 * come in time need not look at it.
 */
void plat_thread_wait(struct plat_thread *t, u64 deadline);
void plat_thread_wake(struct plat_thread *t);	/* atomic, any thread or interrupt */
/* KVM_SET_SIGNAL_MASK; NULL: none */
int plat_set_sigmask(struct plat_thread *t, const void *mask, size_t len);
void plat_yield(void);
/* The same for that vCPU's thread, if it waits for a processor: best effort. */
void plat_yield_to(struct plat_thread *t);
u64 plat_run_delay_ns(void);	/* this thread's time spent runnable, not running */

/* ---- time ---- */

u64 plat_time_ns(void);			/* CLOCK_MONOTONIC: timers and kvmclock; atomic */
u64 plat_boot_ns(void);			/* CLOCK_BOOTTIME */
u64 plat_real_ns(void);			/* CLOCK_REALTIME */
/* of the host's TSC; measured once where nothing says it, before the first VM: atomic since */
u32 plat_tsc_khz(void);

/*
 * One-shot timers. fn is atomic: it runs in an interrupt, or in a thread of
 * the home. It takes spinlocks, raises interrupts, wakes vCPUs and starts its
 * timer again. start is atomic, and may be called with a lock held that fn
 * takes. The others sleep: cancel waits for a running fn, so nobody calls it
 * with a lock that fn takes.
 */
int plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t));
void plat_timer_start(struct plat_timer *t, u64 deadline_ns);	/* re-arms */
/* after it fn does not run, unless called from fn */
void plat_timer_cancel(struct plat_timer *t);
void plat_timer_destroy(struct plat_timer *t);

/* ---- files ---- */

/*
 * An object behind a file descriptor. plat_file_create makes the fd (close on
 * exec) and, when its last reference goes, calls ops->release(obj). read is
 * for the stats fd; the others answer ioctl through the core's table by kind.
 */
enum plat_file_kind {
	PLAT_FILE_SYSTEM,
	PLAT_FILE_VM,
	PLAT_FILE_VCPU,
	PLAT_FILE_DEVICE,
	PLAT_FILE_STATS
};
struct plat_file_ops {
	enum plat_file_kind kind;
	void (*release)(void *obj);
	s64 (*read)(void *obj, void *buf, size_t n, u64 offset);
};
int plat_file_create(const char *name, const struct plat_file_ops *ops, void *obj,
		     struct plat_file **file);	/* the fd, or -errno */
/*
 * Undo a plat_file_create whose object could not be finished: the fd is closed, release is not
 * called.
 */
void plat_file_cancel(struct plat_file *file, int fd);

/* Eventfds of the host program. */
struct plat_eventfd;
struct plat_eventfd *plat_eventfd_get(int fd, int *err);	/* NULL with -EBADF, -EINVAL */
void plat_eventfd_put(struct plat_eventfd *e);
/* write(1). Atomic; calls a listener of the same eventfd before it returns, or soon after. */
void plat_eventfd_signal(struct plat_eventfd *e);
bool plat_eventfd_same(struct plat_eventfd *a, struct plat_eventfd *b);
/*
 * Call fn(arg) for each signal (count consumed) until unlisten returns; for a count that is
 * there already too. fn is atomic: it runs in a thread of the home, or wherever the signal comes
 * from (an interrupt, somebody's spinlock held).
 *
 * closed(arg), atomic as well, once: the host program's last descriptor of it has gone, and with it
 * everybody who could signal. A home that can't see that does not call it.
 */
int plat_eventfd_listen(struct plat_eventfd *e, void (*fn)(void *arg), void (*closed)(void *arg),
			void *arg);
void plat_eventfd_unlisten(struct plat_eventfd *e, void *arg);

/* ---- the processor below ---- */

/* eax ebx ecx edx of the host, as the engine may use it */
void plat_cpuid(u32 leaf, u32 sub, u32 out[4]);
void plat_random(void *buf, size_t n);

/* ---- code of an engine: process home only ---- */

/* One memory at two addresses: *rw writable, *rx executable. 0 or -errno. */
int plat_code_alloc(size_t size, void **rw, void **rx);
void plat_code_free(void *rw, void *rx, size_t size);
/*
 * The whole pages of [p, p + size), of plat_alloc or of *rw, hold nothing worth keeping: their
 * memory goes back to the host. They can be used again, with any bytes in them.
 */
void plat_forget(void *p, size_t size);
/*
 * A fault (SIGSEGV, SIGBUS, SIGFPE, SIGTRAP, SIGILL) while @t runs in [lo, hi): asks
 * engine->host_fault.
 */
void plat_code_range(struct plat_thread *t, u64 lo, u64 hi);
/*
 * A stack of @size bytes with a guard page, and @above bytes right on top of it (the returned
 * address).
 */
void *plat_stack_alloc(size_t size, size_t above);
void plat_stack_free(void *p, size_t size, size_t above);
/*
 * Windows (engine/bt/window.h): guest RAM at a second address. General
 * registers only, as plat_guest_*, but plat_window_reserve, _free and _span.
 * plat_window_reserve: @size bytes of the process's addresses where every
 * access faults, or NULL. plat_window_possible: programs may set the GS base,
 * which generated code has a use for. plat_window_map shows what is at @from also at @to in
 * it, in place of what was there: a part of one plat_window_span.
 */
bool plat_window_possible(void);
void *plat_window_reserve(u64 size);
void plat_window_free(void *p, u64 size);
/* The mapping around @host that can be seen twice, as one piece; false: there is none. Any registers. */
bool plat_window_span(const void *host, u8 **lo, u8 **hi);
int plat_window_map(void *to, const void *from, u64 len, bool write);
int plat_window_protect(void *to, u64 len, bool write);
int plat_window_unmap(void *to, u64 len);

/* ---- words ---- */

/* one line, user's terminal or dmesg; atomic */
void plat_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool plat_trace_on(const char *topic);	/* ANYKVM_TRACE lists the topic */
/* ANYKVM_BT lists @name=@value (the host program's user chose it) */
bool plat_engine_option(const char *name, const char *value);
void plat_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Process home: a line for perf about generated code at @addr. */
void plat_perf_map(u64 addr, u64 size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int plat_snprintf(char *buf, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void plat_bug(const char *file, int line, const char *what) __attribute__((noreturn));

#endif
