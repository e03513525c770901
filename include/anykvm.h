/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libanykvm: the KVM API as a library. What <linux/kvm.h> says of ioctls,
 * structures and file descriptors holds here; these few functions stand where
 * a program would otherwise call open, ioctl, mmap and close on /dev/kvm.
 *
 * Errors: as libc's, -1 (MAP_FAILED for anykvm_mmap) with errno set, and the
 * errno values are those of the KVM API's documentation.
 *
 * Descriptors: real ones, close-on-exec. They may be duplicated, passed over a
 * socket inside this process, and polled. An object lives until its last
 * descriptor and its last mapping have gone, and a VM until its vCPUs have.
 * That is looked at in anykvm_close, in anykvm_munmap, and when a new VM is
 * made. A forked child may close them; every ioctl but those of /dev/kvm
 * itself fails there with EIO.
 *
 * Threads: any, as with the kernel. A vCPU's ioctls wait for its KVM_RUN.
 *
 * Signals: the library handles SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP
 * from the first anykvm_open on, and hands those that are not its own to the
 * handlers that were there then, or that anykvm_sigaction installs. These five
 * must not be blocked in a thread that is inside KVM_RUN or that writes to
 * guest memory.
 *
 * Programs that run under anykvm-exec (or link with libanykvm.so, before libc)
 * need none of this: there libc's own names do it.
 */
#ifndef ANYKVM_H
#define ANYKVM_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/*
 * A new descriptor that stands for an open /dev/kvm. ENODEV: no engine can run here (a line on
 * stderr says why).
 */
int anykvm_open(void);

/*
 * ioctl(2) on a descriptor of the library's; any other gives ENOTTY. @arg as the request defines
 * it.
 */
int anykvm_ioctl(int fd, unsigned long request, void *arg);

/*
 * mmap(2) of a vCPU's descriptor: kvm_run, the PIO page, the coalesced ring
 * and, at page KVM_DIRTY_LOG_PAGE_OFFSET, the dirty ring. @len and @offset in
 * bytes, @offset a multiple of the page. To be unmapped with anykvm_munmap.
 */
void *anykvm_mmap(size_t len, int prot, int flags, int fd, int64_t offset);
int anykvm_munmap(void *addr, size_t len);

/* close(2). The object goes with its last reference. */
int anykvm_close(int fd);

/*
 * sigaction(2) for handlers that are to end KVM_RUN (EINTR) when they run on
 * a thread inside it. A handler installed with libc's own sigaction runs as
 * well, but KVM_RUN goes on after it.
 */
int anykvm_sigaction(int sig, const struct sigaction *act, struct sigaction *old);

/*
 * This program has written @len bytes of guest memory at the guest-physical
 * address @gpa through its own mapping. Calling it is never needed for
 * correctness (the library watches the pages that hold translated code) but
 * saves the fault that the watch costs.
 */
void anykvm_memory_written(int vm_fd, uint64_t gpa, uint64_t len);

/*
 * Around a system call that lets the kernel write into guest memory (read,
 * recvmsg ... with these buffers): without it such a call may fail with
 * EFAULT where the library can protect memory only against this program
 * itself. @io belongs to the caller and lives until the end call; each
 * successful begin (1) needs one end, none when it returns 0.
 */
struct anykvm_io {
	uint32_t reserved[2];
};
int anykvm_io_begin(struct anykvm_io *io, const struct iovec *iov, int count);
void anykvm_io_end(struct anykvm_io *io);

/* The tables of ioctls and capabilities, one line each, from the code's own. */
void anykvm_coverage(FILE *out);

/* "0.1": a string that stays valid. */
const char *anykvm_version(void);

/* For a program that ends by _exit(2): what would happen at exit(3), which is to print statistics. */
void anykvm_end(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
