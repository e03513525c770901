/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shim's names for input: system calls that write into memory of this
 * program, which may be guest RAM. Where the code watch can only protect
 * against the program itself (watch.c), they would fail with EFAULT; so
 * watched pages are let go around them. Where it can do more, or when there
 * is no VM, this costs one load.
 *
 * io_uring's writes come at any time and can not be bracketed: in that case
 * liburing's set-up answers ENOSYS, and programs fall back. Direct I/O that
 * has pinned its pages before they were watched is not seen at all; a guest
 * does not run code in a page while a disk writes it.
 */
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "shim.h"

#undef fread_unlocked /* stdio.h's macro of that name */

/* @call, with watched pages of the buffers let go before it and told of after it. */
#define WITH_IOV(type, iov, cnt, call)                           \
	({                                                       \
		struct home_io io_;                              \
		bool on_ = home_io_begin(&io_, iov, (int)(cnt)); \
		type ret_ = (call);                              \
		if (on_) {                                       \
			int errno_ = errno;                      \
			home_io_end(&io_);                       \
			errno = errno_;                          \
		}                                                \
		ret_;                                            \
	})

#define WITH_BUF(type, buf, len, call)                        \
	({                                                    \
		struct iovec iov_ = { (void *)(buf), (len) }; \
		WITH_IOV(type, &iov_, 1, call);               \
	})

/* Our descriptors but the statistics' have nothing to read: EINVAL, as in the kernel. */
static bool read_ours(int fd, void *buf, size_t n, s64 offset, ssize_t *ret)
{
	struct plat_file *f;
	s64 at = offset, got;

	if (!home_fd_cached(fd))
		return false;
	f = home_file_get(fd, false);
	if (!f)
		return false;
	if (at < 0)
		at = sys3(SYS_lseek, fd, 0, SEEK_CUR);
	got = home_file_read(f, buf, n, at);
	if (got > 0 && offset < 0)
		sys3(SYS_lseek, fd, at + got, SEEK_SET);
	home_file_put(f);
	*ret = shim_result(got);
	return true;
}

HOME_EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	ssize_t ret;

	if (read_ours(fd, buf, n, -1, &ret))
		return ret;
	return WITH_BUF(ssize_t, buf, n, REAL(read)(fd, buf, n));
}

HOME_EXPORT ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	ssize_t ret;

	if (at >= 0 && read_ours(fd, buf, n, at, &ret))
		return ret;
	return WITH_BUF(ssize_t, buf, n, REAL(pread)(fd, buf, n, at));
}

HOME_EXPORT ssize_t pread64(int fd, void *buf, size_t n, off64_t at)
{
	ssize_t ret;

	if (at >= 0 && read_ours(fd, buf, n, at, &ret))
		return ret;
	return WITH_BUF(ssize_t, buf, n, REAL(pread64)(fd, buf, n, at));
}

/* Nor can they be written. */
static bool write_ours(int fd)
{
	struct plat_file *f = home_fd_cached(fd) ? home_file_get(fd, false) : NULL;

	if (f)
		home_file_put(f);
	return f;
}

#define WRITE(name, ret_type, params, args)     \
	HOME_EXPORT ret_type name params        \
	{                                       \
		if (!write_ours(fd))            \
			return REAL(name) args; \
		return shim_result(-EINVAL);    \
	}
WRITE(write, ssize_t, (int fd, const void *buf, size_t n), (fd, buf, n))
WRITE(pwrite, ssize_t, (int fd, const void *buf, size_t n, off_t at), (fd, buf, n, at))
WRITE(pwrite64, ssize_t, (int fd, const void *buf, size_t n, off64_t at), (fd, buf, n, at))
WRITE(writev, ssize_t, (int fd, const struct iovec *iov, int cnt), (fd, iov, cnt))

HOME_EXPORT ssize_t readv(int fd, const struct iovec *iov, int cnt)
{
	return WITH_IOV(ssize_t, iov, cnt, REAL(readv)(fd, iov, cnt));
}

HOME_EXPORT ssize_t preadv(int fd, const struct iovec *iov, int cnt, off_t at)
{
	return WITH_IOV(ssize_t, iov, cnt, REAL(preadv)(fd, iov, cnt, at));
}

HOME_EXPORT ssize_t preadv64(int fd, const struct iovec *iov, int cnt, off64_t at)
{
	return WITH_IOV(ssize_t, iov, cnt, REAL(preadv64)(fd, iov, cnt, at));
}

HOME_EXPORT ssize_t preadv2(int fd, const struct iovec *iov, int cnt, off_t at, int flags)
{
	return WITH_IOV(ssize_t, iov, cnt, REAL(preadv2)(fd, iov, cnt, at, flags));
}

HOME_EXPORT ssize_t preadv64v2(int fd, const struct iovec *iov, int cnt, off64_t at, int flags)
{
	return WITH_IOV(ssize_t, iov, cnt, REAL(preadv64v2)(fd, iov, cnt, at, flags));
}

HOME_EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	return WITH_BUF(ssize_t, buf, n, REAL(recv)(fd, buf, n, flags));
}

HOME_EXPORT ssize_t recvfrom(int fd, void *buf, size_t n, int flags, __SOCKADDR_ARG addr,
			     socklen_t *len)
{
	return WITH_BUF(ssize_t, buf, n, REAL(recvfrom)(fd, buf, n, flags, addr, len));
}

HOME_EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	return WITH_IOV(ssize_t, msg->msg_iov, msg->msg_iovlen, REAL(recvmsg)(fd, msg, flags));
}

/* Messages whose buffers do not fit in one bracket are left to the caller's next call. */
HOME_EXPORT int recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags, struct timespec *t)
{
	struct iovec iov[1024];
	unsigned int i, cnt = 0;

	iov[0] = (struct iovec){ 0 };
	for (i = 0; i < n; i++) {
		const struct msghdr *m = &vec[i].msg_hdr;

		if (m->msg_iovlen > ARRAY_SIZE(iov) - cnt)
			break;
		memcpy(iov + cnt, m->msg_iov, m->msg_iovlen * sizeof(*iov));
		cnt += m->msg_iovlen;
	}
	return WITH_IOV(int, iov, cnt, REAL(recvmmsg)(fd, vec, n && !i ? 1 : i, flags, t));
}

HOME_EXPORT ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long nl,
				     const struct iovec *remote, unsigned long nr,
				     unsigned long flags)
{
	return WITH_IOV(ssize_t, local, nl,
			REAL(process_vm_readv)(pid, local, nl, remote, nr, flags));
}

HOME_EXPORT ssize_t getrandom(void *buf, size_t n, unsigned int flags)
{
	return WITH_BUF(ssize_t, buf, n, REAL(getrandom)(buf, n, flags));
}

/* stdio reads large blocks straight into the caller's memory. */
HOME_EXPORT size_t fread(void *buf, size_t size, size_t n, FILE *f)
{
	return WITH_BUF(size_t, buf, size * n, REAL(fread)(buf, size, n, f));
}

HOME_EXPORT size_t fread_unlocked(void *buf, size_t size, size_t n, FILE *f)
{
	return WITH_BUF(size_t, buf, size * n, REAL(fread_unlocked)(buf, size, n, f));
}

/* ---- what _FORTIFY_SOURCE makes of them ---- */

ssize_t __read_chk(int fd, void *buf, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags, __SOCKADDR_ARG addr,
		       socklen_t *len);
size_t __fread_chk(void *buf, size_t room, size_t size, size_t n, FILE *f);
size_t __fread_unlocked_chk(void *buf, size_t room, size_t size, size_t n, FILE *f);

HOME_EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t room)
{
	ssize_t ret;

	if (n <= room && read_ours(fd, buf, n, -1, &ret))
		return ret;
	return WITH_BUF(ssize_t, buf, n, REAL(__read_chk)(fd, buf, n, room));
}

HOME_EXPORT ssize_t __pread_chk(int fd, void *buf, size_t n, off_t at, size_t room)
{
	ssize_t ret;

	if (n <= room && at >= 0 && read_ours(fd, buf, n, at, &ret))
		return ret;
	return WITH_BUF(ssize_t, buf, n, REAL(__pread_chk)(fd, buf, n, at, room));
}

HOME_EXPORT ssize_t __pread64_chk(int fd, void *buf, size_t n, off64_t at, size_t room)
{
	return __pread_chk(fd, buf, n, at, room);
}

HOME_EXPORT ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags)
{
	return WITH_BUF(ssize_t, buf, n, REAL(__recv_chk)(fd, buf, n, room, flags));
}

HOME_EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags,
				   __SOCKADDR_ARG addr, socklen_t *len)
{
	return WITH_BUF(ssize_t, buf, n, REAL(__recvfrom_chk)(fd, buf, n, room, flags, addr, len));
}

HOME_EXPORT size_t __fread_chk(void *buf, size_t room, size_t size, size_t n, FILE *f)
{
	return WITH_BUF(size_t, buf, size * n, REAL(__fread_chk)(buf, room, size, n, f));
}

HOME_EXPORT size_t __fread_unlocked_chk(void *buf, size_t room, size_t size, size_t n, FILE *f)
{
	return WITH_BUF(size_t, buf, size * n, REAL(__fread_unlocked_chk)(buf, room, size, n, f));
}

/* ---- asynchronous input ---- */

/* libaio's, by its ABI: lio_opcode at 16, buffer at 24, length at 32. */
struct iocb {
	u64 data;
	u32 key, rw_flags;
	u16 opcode;
	s16 prio;
	u32 fd;
	u64 buf, nbytes;
	s64 offset;
};
enum { IOCB_PREAD = 0, IOCB_PREADV = 7 };

int io_submit(void *ctx, long n, struct iocb **list);
HOME_EXPORT int io_submit(void *ctx, long n, struct iocb **list)
{
	struct iovec iov[1024];
	u32 cnt = 0;
	long i;

	iov[0] = (struct iovec){ 0 };
	if (!REAL(io_submit))
		return -ENOSYS;
	if (!home_watch_blocks_kernel())
		return REAL(io_submit)(ctx, n, list);
	for (i = 0; i < n; i++) {
		const struct iocb *c = list[i];
		const struct iovec one = { (void *)c->buf, c->nbytes };
		bool vec = c->opcode == IOCB_PREADV;
		u64 k = vec ? c->nbytes : c->opcode == IOCB_PREAD;

		/* Only what has been let go may be submitted; the caller submits the rest again. */
		if (k > ARRAY_SIZE(iov) - cnt)
			break;
		memcpy(iov + cnt, vec ? (const struct iovec *)c->buf : &one, k * sizeof(*iov));
		cnt += k;
	}
	return WITH_IOV(int, iov, cnt, REAL(io_submit)(ctx, n > 0 && !i ? 1 : i, list));
}

int io_uring_queue_init(unsigned int entries, void *ring, unsigned int flags);
int io_uring_queue_init_params(unsigned int entries, void *ring, void *params);
int io_uring_setup(unsigned int entries, void *params);

HOME_EXPORT int io_uring_queue_init(unsigned int entries, void *ring, unsigned int flags)
{
	if (home_watch_blocks_kernel() || !REAL(io_uring_queue_init))
		return -ENOSYS;
	return REAL(io_uring_queue_init)(entries, ring, flags);
}

HOME_EXPORT int io_uring_queue_init_params(unsigned int entries, void *ring, void *params)
{
	if (home_watch_blocks_kernel() || !REAL(io_uring_queue_init_params))
		return -ENOSYS;
	return REAL(io_uring_queue_init_params)(entries, ring, params);
}

HOME_EXPORT int io_uring_setup(unsigned int entries, void *params)
{
	if (home_watch_blocks_kernel() || !REAL(io_uring_setup))
		return -ENOSYS;
	return REAL(io_uring_setup)(entries, params);
}
