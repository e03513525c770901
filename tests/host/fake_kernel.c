// SPDX-License-Identifier: LGPL-2.1-or-later
/* See fake_kernel.h. Files that are not the test's own go to the real kernel. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/host/fake_kernel.h"

#define SECTOR 512ull
#define MAX_FILES 32
#define ROOM (16 * SECTOR)		/* a file may grow by so much */

bool fake_nasty;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_file *files[MAX_FILES];
static unsigned int nr_files;
static uint64_t now;			/* counts changes */

void fake_lock(void)
{
	pthread_mutex_lock(&lock);
}

void fake_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

unsigned int fake_random(unsigned int n)
{
	static _Atomic unsigned int seed = 1;
	unsigned int x = seed = seed * 1103515245 + 12345;

	return (x >> 8) % n;
}

void fake_file(struct fake_file *f)
{
	uint64_t room = f->size + ROOM;

	f->fd = -1;
	f->cached = calloc(1, room);
	f->stable = calloc(1, room);
	f->cached_at = calloc(room / SECTOR, 8);
	f->stable_at = calloc(room / SECTOR, 8);
	files[nr_files++] = f;
}

static struct fake_file *file_of(int fd)
{
	unsigned int i;

	for (i = 0; i < nr_files; i++)
		if (fd >= 0 && files[i]->fd == fd)
			return files[i];
	return NULL;
}

static void dawdle(void)
{
	if (!fake_random(4))
		usleep(fake_random(60));
}

/* --- reading and writing --- */

static bool misfits(const struct fake_file *f, const struct iovec *iov, int nr, uint64_t at)
{
	uint64_t bits = at;
	int i;

	for (i = 0; i < nr; i++)
		bits |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
	return f->direct && bits & (f->align - 1);
}

/* How much of [@at, @at + @len) can be done; or -errno of its first byte. */
static int64_t doable(const struct fake_file *f, uint64_t at, uint64_t len, bool write)
{
	const struct fake_bad *b;

	if (!write && at >= f->size)
		return 0;
	if (!write && len > f->size - at)
		len = f->size - at;
	for (b = f->bad; b < f->bad + 3; b++) {
		if (!(write ? b->writes : b->reads) || at >= b->to * SECTOR ||
		    at + len <= b->from * SECTOR)
			continue;
		if (at >= b->from * SECTOR)
			return -b->err;
		len = b->from * SECTOR - at;
	}
	return (int64_t)len;
}

static int64_t shorter(const struct fake_file *f, int64_t n)
{
	unsigned int unit = f->direct ? f->align : 8;

	if (!fake_nasty || n <= (int64_t)unit || fake_random(5))
		return n;
	return (int64_t)unit * (1 + fake_random((unsigned int)(n / unit)));
}

static void change(struct fake_file *f, uint64_t at, const void *from, uint64_t len)
{
	uint64_t s;

	if (from)
		memcpy(f->cached + at, from, len);
	else
		memset(f->cached + at, 0, len);
	now++;
	for (s = at / SECTOR; len && s <= (at + len - 1) / SECTOR; s++)
		f->cached_at[s] = now;
}

static void copy(struct fake_file *f, const struct iovec *iov, int nr, uint64_t at, uint64_t len,
		 bool write)
{
	uint64_t n;

	for (; nr && len; iov++, nr--, at += n, len -= n) {
		n = iov->iov_len < len ? iov->iov_len : len;
		if (write)
			change(f, at, iov->iov_base, n);
		else
			memcpy(iov->iov_base, f->cached + at, n);
	}
	if (write && at > f->size)
		f->size = at;
}

/* Sectors as they are now are on the disk when this returns; what changes meanwhile may be or not. */
static int make_stable(struct fake_file *f, uint64_t at, uint64_t len)
{
	uint64_t from = at / SECTOR, nr = (at + len + SECTOR - 1) / SECTOR - from, s;
	uint8_t *data = malloc(nr * SECTOR);
	uint64_t *when = malloc(nr * 8);
	bool fails;

	fake_lock();
	memcpy(data, f->cached + from * SECTOR, nr * SECTOR);
	memcpy(when, f->cached_at + from, nr * 8);
	fails = f->failing_syncs;
	f->failing_syncs -= fails;
	fake_unlock();
	dawdle();
	fake_lock();
	for (s = 0; s < nr; s++) {
		if (when[s] <= f->stable_at[from + s])
			continue;
		/* Linux calls pages clean that it could not write: the next call does not try again. */
		if (!fails || !f->direct)
			f->stable_at[from + s] = when[s];
		if (!fails)
			memcpy(f->stable + (from + s) * SECTOR, data + s * SECTOR, SECTOR);
	}
	fake_unlock();
	free(data);
	free(when);
	return fails ? -EIO : 0;
}

static int64_t read_or_write(struct fake_file *f, const struct iovec *iov, int nr, uint64_t at,
			     bool write, bool dsync)
{
	uint64_t len = 0;
	int64_t n;
	int i, err;

	for (i = 0; i < nr; i++)
		len += iov[i].iov_len;
	if (f->slow && !write)
		usleep(fake_random(2000));
	dawdle();
	if (fake_nasty && !fake_random(20))
		return fake_random(3) ? -EINTR : -EAGAIN;
	fake_lock();
	f->writes += write;
	f->sync_writes += dsync;
	n = doable(f, at, len, write);
	if (misfits(f, iov, nr, at)) {
		f->misfits++;
		n = -EINVAL;
	}
	n = n > 0 ? shorter(f, n) : n;
	if (n > 0)
		copy(f, iov, nr, at, (uint64_t)n, write);
	fake_unlock();
	err = dsync && n > 0 ? make_stable(f, at, (uint64_t)n) : 0;
	return err ? err : n;
}

static int64_t sync_file_data(struct fake_file *f)
{
	dawdle();
	if (fake_nasty && !fake_random(20))
		return -EINTR;
	fake_lock();
	f->syncs++;
	fake_unlock();
	return make_stable(f, 0, f->size);
}

static int64_t allocate(struct fake_file *f, int mode, uint64_t at, uint64_t len)
{
	int64_t n;

	if (fake_nasty && !fake_random(20))
		return -EINTR;
	if (fake_nasty && !fake_random(3))
		return -EOPNOTSUPP;
	if (!(mode & FALLOC_FL_KEEP_SIZE) || !(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		return -EINVAL;
	fake_lock();
	n = doable(f, at, len, true);
	if (n == (int64_t)len)
		change(f, at, NULL, len);
	else if (n > 0)
		n = doable(f, at + (uint64_t)n, len - (uint64_t)n, true);
	fake_unlock();
	return n > 0 ? 0 : n ? n : -EOPNOTSUPP;
}

/* --- system calls --- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_statx(int fd, const char *path, int flags, unsigned int mask, struct statx *sx);
int __wrap_statx(int fd, const char *path, int flags, unsigned int mask, struct statx *sx);
ssize_t __real_pread(int fd, void *buf, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t at);
ssize_t __real_pwrite(int fd, const void *buf, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t at);
ssize_t __real_preadv(int fd, const struct iovec *iov, int nr, off_t at);
ssize_t __wrap_preadv(int fd, const struct iovec *iov, int nr, off_t at);
ssize_t __real_pwritev2(int fd, const struct iovec *iov, int nr, off_t at, int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *iov, int nr, off_t at, int flags);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fallocate(int fd, int mode, off_t at, off_t len);
int __wrap_fallocate(int fd, int mode, off_t at, off_t len);
int __real_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len);

static ssize_t result(int64_t n)
{
	if (n >= 0)
		return n;
	errno = (int)-n;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	unsigned int i;
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	for (i = 0; i < nr_files; i++)
		if (!strcmp(path, files[i]->path)) {
			files[i]->direct = flags & O_DIRECT;
			/* Any file system will do. */
			return files[i]->fd = __real_open(path, flags & ~O_DIRECT);
		}
	return __real_open(path, flags, mode);
}

int __wrap_statx(int fd, const char *path, int flags, unsigned int mask, struct statx *sx)
{
	const struct fake_file *f = file_of(fd);
	int ret = __real_statx(fd, path, flags, mask, sx);

#ifdef STATX_DIOALIGN
	if (f) {
		sx->stx_mask |= STATX_DIOALIGN;
		sx->stx_dio_mem_align = sx->stx_dio_offset_align = f->align;
	}
#else
	(void)f;
#endif
	return ret;
}

ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t at)
{
	const struct iovec iov = { buf, len };
	struct fake_file *f = file_of(fd);

	return f ? result(read_or_write(f, &iov, 1, (uint64_t)at, false, false)) :
		   __real_pread(fd, buf, len, at);
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t at)
{
	const struct iovec iov = { (void *)(uintptr_t)buf, len };
	struct fake_file *f = file_of(fd);

	return f ? result(read_or_write(f, &iov, 1, (uint64_t)at, true, false)) :
		   __real_pwrite(fd, buf, len, at);
}

ssize_t __wrap_preadv(int fd, const struct iovec *iov, int nr, off_t at)
{
	struct fake_file *f = file_of(fd);

	return f ? result(read_or_write(f, iov, nr, (uint64_t)at, false, false)) :
		   __real_preadv(fd, iov, nr, at);
}

ssize_t __wrap_pwritev2(int fd, const struct iovec *iov, int nr, off_t at, int flags)
{
	struct fake_file *f = file_of(fd);

	return f ? result(read_or_write(f, iov, nr, (uint64_t)at, true, flags & RWF_DSYNC)) :
		   __real_pwritev2(fd, iov, nr, at, flags);
}

int __wrap_fdatasync(int fd)
{
	struct fake_file *f = file_of(fd);

	return f ? (int)result(sync_file_data(f)) : __real_fdatasync(fd);
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t len)
{
	struct fake_file *f = file_of(fd);

	return f ? (int)result(allocate(f, mode, (uint64_t)at, (uint64_t)len)) :
		   __real_fallocate(fd, mode, at, len);
}

int __wrap_ftruncate(int fd, off_t len)
{
	struct fake_file *f = file_of(fd);

	if (!f)
		return __real_ftruncate(fd, len);
	fake_lock();
	f->size = (uint64_t)len;
	fake_unlock();
	return 0;
}

/* --- io_uring: threads that take what is submitted in any order --- */

#define ENTRIES 256u
#define WORKERS 4

static struct {
	unsigned int sq_head, cq_head, cq_tail, cq_flags;
	struct io_uring_sqe sqe[ENTRIES];
	struct io_uring_cqe cqe[2 * ENTRIES];
	int event_fd;
	struct io_uring_sqe todo[2 * ENTRIES];
	unsigned int nr_todo;
	pthread_mutex_t lock;
	pthread_cond_t more;
} kernel = { .event_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

int __wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags);
int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd);
int __wrap_io_uring_submit(struct io_uring *ring);

static int carry_out(const struct io_uring_sqe *s)
{
	struct fake_file *f = file_of(s->fd);
	const struct iovec *iov = (const struct iovec *)(uintptr_t)s->addr;

	switch (f ? s->opcode : -1) {
	case IORING_OP_READV:
	case IORING_OP_WRITEV:
		return (int)read_or_write(f, iov, (int)s->len, s->off, s->opcode == IORING_OP_WRITEV,
					  s->rw_flags & RWF_DSYNC);
	case IORING_OP_FSYNC:
		return s->fsync_flags == IORING_FSYNC_DATASYNC ? (int)sync_file_data(f) : -EINVAL;
	default:
		return -EINVAL;
	}
}

static void complete(const struct io_uring_sqe *s, int res)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&kernel.lock);
	kernel.cqe[kernel.cq_tail % (2 * ENTRIES)] = (struct io_uring_cqe){ .user_data = s->user_data,
									    .res = res };
	__atomic_store_n(&kernel.cq_tail, kernel.cq_tail + 1, __ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&kernel.cq_flags, __ATOMIC_SEQ_CST) & IORING_CQ_EVENTFD_DISABLED) &&
	    write(kernel.event_fd, &one, sizeof(one)) < 0)
		abort();
	pthread_mutex_unlock(&kernel.lock);
}

static void *worker(void *arg)
{
	(void)arg;
	for (;;) {
		struct io_uring_sqe s;
		unsigned int i;

		pthread_mutex_lock(&kernel.lock);
		while (!kernel.nr_todo)
			pthread_cond_wait(&kernel.more, &kernel.lock);
		i = fake_random(kernel.nr_todo);
		s = kernel.todo[i];
		kernel.todo[i] = kernel.todo[--kernel.nr_todo];
		pthread_mutex_unlock(&kernel.lock);
		complete(&s, carry_out(&s));
	}
	return NULL;
}

int __wrap_io_uring_queue_init(unsigned int entries, struct io_uring *ring, unsigned int flags)
{
	static unsigned int ktail, sq_flags;
	pthread_t t;
	int i;

	if (entries > ENTRIES || flags)
		return -EINVAL;
	*ring = (struct io_uring){ .ring_fd = -1, .features = IORING_FEAT_EXT_ARG };
	ring->sq.khead = &kernel.sq_head;
	ring->sq.ktail = &ktail;
	ring->sq.kflags = &sq_flags;
	ring->sq.sqes = kernel.sqe;
	ring->sq.ring_entries = ENTRIES;
	ring->sq.ring_mask = ENTRIES - 1;
	ring->cq.khead = &kernel.cq_head;
	ring->cq.ktail = &kernel.cq_tail;
	ring->cq.kflags = &kernel.cq_flags;
	ring->cq.cqes = kernel.cqe;
	ring->cq.ring_entries = 2 * ENTRIES;
	ring->cq.ring_mask = 2 * ENTRIES - 1;
	for (i = 0; i < WORKERS; i++)
		if (pthread_create(&t, NULL, worker, NULL))
			return -ENOMEM;
	return 0;
}

int __wrap_io_uring_register_eventfd(struct io_uring *ring, int fd)
{
	(void)ring;
	kernel.event_fd = fd;
	return 0;
}

/* Takes all, or some, or none and says why. */
int __wrap_io_uring_submit(struct io_uring *ring)
{
	unsigned int n = ring->sq.sqe_tail - kernel.sq_head, i;

	if (fake_nasty && !fake_random(10))
		return (int[]){ -EINTR, -EAGAIN, -EBUSY }[fake_random(3)];
	if (fake_nasty && n > 1 && !fake_random(5))
		n = 1 + fake_random(n);
	pthread_mutex_lock(&kernel.lock);
	for (i = 0; i < n; i++) {
		struct io_uring_sqe *s = &kernel.sqe[(kernel.sq_head + i) % ENTRIES];

		kernel.todo[kernel.nr_todo++] = *s;
	}
	pthread_cond_broadcast(&kernel.more);
	pthread_mutex_unlock(&kernel.lock);
	__atomic_store_n(&kernel.sq_head, kernel.sq_head + n, __ATOMIC_RELEASE);
	/* Some end within the call. */
	if (!fake_random(3))
		usleep(100);
	return (int)n;
}
