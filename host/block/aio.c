// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What both engines share: the list of what has ended, a request carried out by plain system calls,
 * and what O_DIRECT wants.
 *
 * A request that does not fit O_DIRECT goes through a buffer of ours, in pieces of a bounded size.
 * A write whose ends lie inside blocks of the disk reads those first; file.c sees to it that nobody
 * writes meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host/block/aio.h"
#include "host/bus/bus.h"
#include "host/loop.h"
#include "host/report.h"

#define BOUNCE (1u << 20)

/* --- what has ended --- */

static pthread_mutex_t ended_lock = PTHREAD_MUTEX_INITIALIZER;
static struct io *ended, **ended_last = &ended;
static struct loop_fd event = { .fd = -1 };
static bool have_uring;

static void ring_bell(void)
{
	uint64_t one = 1;

	while (write(event.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void aio_end(struct io *io, int err)
{
	bool first;

	io->err = err;
	io->next = NULL;
	pthread_mutex_lock(&ended_lock);
	first = !ended;
	*ended_last = io;
	ended_last = &io->next;
	pthread_mutex_unlock(&ended_lock);
	if (first)
		ring_bell();
}

/* Take out the first that is @blk's, or anybody's when it is NULL. */
static struct io *next_ended(struct block *blk)
{
	struct io *io, **p;

	pthread_mutex_lock(&ended_lock);
	for (p = &ended; (io = *p) && blk && io->blk != blk; p = &io->next)
		;
	if (io) {
		*p = io->next;
		if (ended_last == &io->next)
			ended_last = p;
	}
	pthread_mutex_unlock(&ended_lock);
	return io;
}

static void run_ended(struct block *blk)
{
	struct io *io;

	while ((io = next_ended(blk))) {
		if (io->node && io->node->ops->finished)
			io->node->ops->finished(io->node, io);
		free(io->rest);
		io->rest = NULL;
		io->done(io, io->err);
	}
}

static void quiet_bell(void)
{
	uint64_t count;

	while (read(event.fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* Tell the kernel of what is queued: at the end of the loop's turn, or at once in other threads. */
static void flush_later(void *arg)
{
	(void)arg;
	if (uring_flush()) {
		uring_reap();
		run_ended(NULL);
	}
	if (uring_untold())
		ring_bell();
}

static struct loop_hook at_turn_end = { .fn = flush_later };

static void flush(void)
{
	if (!loop_waiting())
		loop_soon(&at_turn_end);
	else if (uring_flush() || uring_untold())
		ring_bell();
}

static void bell(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	quiet_bell();
	uring_reap();
	run_ended(NULL);
	flush();
}

void aio_wait(struct block *blk, bool (*busy)(struct block *blk))
{
	bool others;

	while (busy(blk)) {
		struct pollfd p = { .fd = event.fd, .events = POLLIN };

		if (!uring_flush()) {
			/* Not for ever: the kernel may have been too short of memory to be told. */
			poll(&p, 1, 100);
			quiet_bell();
		}
		uring_reap();
		run_ended(blk);
	}
	/* What has ended of others' is the loop's to tell. */
	pthread_mutex_lock(&ended_lock);
	others = ended;
	pthread_mutex_unlock(&ended_lock);
	if (others)
		ring_bell();
}

static void open_once(void)
{
	if (event.fd >= 0)
		return;
	event = (struct loop_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = EPOLLIN,
				  .fn = bell };
	if (event.fd < 0 || !loop_add(&event))
		die("cannot wait for disks: %s", strerror(errno));
	have_uring = uring_open(event.fd);
	/* What is too large for ulimit -f fails, as any write may, and is not our end. */
	signal(SIGXFSZ, SIG_IGN);
}

bool aio_have_uring(void)
{
	open_once();
	return have_uring;
}

const char *aio_use(struct aio_file *f, enum aio_kind kind)
{
	open_once();
	if (kind == AIO_URING && !have_uring)
		return "aio=io_uring: this host refuses io_uring (see /proc/sys/kernel/io_uring_disabled); leave aio= out or say aio=threads";
	f->uring = kind != AIO_THREADS && have_uring;
	/*
	 * A ring first tries without waiting, and file systems refuse that of writes (a lock, the time
	 * of change). It then hands them to workers of its own, which are slower than our threads:
	 * measured, 4 KiB one at a time to ext4, a tenth of their speed.
	 */
	f->uring_writes = f->uring && (kind != AIO_BEST || f->block_device);
	return NULL;
}

/* --- requests in parts --- */

const struct iovec *aio_iov(const struct io *io, int *nr)
{
	*nr = io->nr_iov < IOV_MAX ? io->nr_iov : IOV_MAX;
	return io->iov;
}

static bool interrupted(int64_t err)
{
	return err == -EINTR || err == -EAGAIN;
}

bool aio_advance(struct io *io, int64_t n, int *err)
{
	struct iovec *rest;

	*err = n < 0 ? (int)n : 0;
	if (interrupted(n))
		return false;
	if (n < 0 || io->op > BLOCK_WRITE)
		return true;
	if (!n) {
		/* Beyond the end of the file there are zeros, up to a whole sector. */
		if (io->op == BLOCK_READ)
			iov_zero(io->iov, io->nr_iov, 0);
		else
			*err = -EIO;
		return true;
	}
	io->so_far += (uint64_t)n;
	if (io->so_far >= io->len)
		return true;
	rest = iov_slice(io->iov, io->nr_iov, (uint64_t)n, UINT64_MAX, &io->nr_iov);
	if (!rest) {
		*err = -ENOMEM;
		return true;
	}
	free(io->rest);
	io->rest = rest;
	io->iov = rest;
	return false;
}

/*
 * When Linux could not write a page it calls it clean all the same, and says so once: the next
 * fdatasync() finds nothing to do and succeeds. So from the first failure on, whichever call has heard
 * of it, no flush of this file is believed. With O_DIRECT nothing was left in the page cache.
 */
int aio_result(struct io *io, int err)
{
	struct aio_file *f = (struct aio_file *)io->node;
	bool space = err == -ENOSPC || err == -EDQUOT || err == -EFBIG;
	int none = 0;

	if (f->direct || (io->op != BLOCK_FLUSH && !io->fua))
		return err;
	if (!err)
		return io->op == BLOCK_FLUSH ? f->lost : 0;
	/* A write without space has not begun; had it been another's page, a flush would hear it. */
	if ((io->op == BLOCK_FLUSH || !space) && atomic_compare_exchange_strong(&f->lost, &none, err))
		note("'%s': the host could not write what it had taken (%s); flushes of this disk fail until it is opened anew",
		     f->node.filename, strerror(-err));
	return err;
}

/* --- carried out here --- */

static int sync_data(const struct aio_file *f)
{
	int err;

	do
		err = fdatasync(f->fd) ? -errno : 0;
	while (interrupted(err));
	return err;
}

static int allocate(const struct aio_file *f, int mode, const struct io *io)
{
	int err;

	do
		err = fallocate(f->fd, mode, (off_t)io->offset, (off_t)io->len) ? -errno : 0;
	while (interrupted(err));
	return err;
}

static int transfer(struct aio_file *f, struct io *io)
{
	int err;

	for (;;) {
		uint64_t at = io->offset + io->so_far;
		const struct iovec *iov;
		ssize_t n;
		int nr;

		iov = aio_iov(io, &nr);
		if (io->op == BLOCK_READ)
			n = preadv(f->fd, iov, nr, (off_t)at);
		else
			n = pwritev2(f->fd, iov, nr, (off_t)at, io->fua ? RWF_DSYNC : 0);
		if (aio_advance(io, n < 0 ? -errno : n, &err))
			return err;
	}
}

static int whole(struct aio_file *f, bool write, uint8_t *buf, uint64_t at, uint64_t len)
{
	uint64_t n = 0;

	while (n < len) {
		ssize_t got = write ? pwrite(f->fd, buf + n, len - n, (off_t)(at + n)) :
				      pread(f->fd, buf + n, len - n, (off_t)(at + n));

		if (got < 0 && interrupted(-errno))
			continue;
		if (got < 0)
			return -errno;
		if (!got && write)
			return -EIO;
		if (!got) {
			memset(buf + n, 0, len - n);
			return 0;
		}
		n += (uint64_t)got;
		/* A short read that ends inside a block of the disk can only be the file's end. */
		if (n % f->align_offset) {
			if (write)
				return -EIO;
			memset(buf + n, 0, len - n);
			return 0;
		}
	}
	return 0;
}

/* By way of a buffer that O_DIRECT likes: [lo, hi) are whole blocks of the disk. */
static int bounce_piece(struct aio_file *f, struct io *io, uint8_t *buf, uint64_t done, uint64_t len)
{
	uint64_t align = f->align_offset, at = io->offset + done;
	uint64_t lo = at - at % align, hi = (at + len + align - 1) / align * align;
	int err = 0;

	if (io->op == BLOCK_READ) {
		err = whole(f, false, buf, lo, hi - lo);
		if (!err)
			iov_from_buf(io->iov, io->nr_iov, done, buf + (at - lo), len);
		return err;
	}
	if (lo != at)
		err = whole(f, false, buf, lo, align);
	if (!err && hi != at + len && (hi - lo > align || lo == at))
		err = whole(f, false, buf + (hi - lo - align), hi - align, align);
	if (err)
		return err;
	iov_to_buf(io->iov, io->nr_iov, done, buf + (at - lo), len);
	err = whole(f, true, buf, lo, hi - lo);
	/* The file does not grow because its last block is a whole one now. */
	if (!err && hi > f->node.size && !f->block_device && ftruncate(f->fd, (off_t)f->node.size))
		err = -errno;
	return err;
}

static int bounce(struct aio_file *f, struct io *io)
{
	uint64_t done, n;
	uint8_t *buf;
	int err = 0;

	/* Room for a piece and what it begins and ends inside of. */
	if (posix_memalign((void **)&buf, 4096, BOUNCE + 2 * f->align_offset))
		return -ENOMEM;
	for (done = 0; !err && done < io->len; done += n) {
		n = minimum(io->len - done, BOUNCE);
		err = bounce_piece(f, io, buf, done, n);
	}
	free(buf);
	return !err && io->op == BLOCK_WRITE && io->fua ? sync_data(f) : err;
}

bool aio_misaligned(const struct aio_file *f, const struct io *io)
{
	uint64_t bits = io->offset | io->len;
	int i;

	if (io->op > BLOCK_WRITE || (f->align_memory == 1 && f->align_offset == 1))
		return false;
	if (bits & (f->align_offset - 1))
		return true;
	for (i = 0; i < io->nr_iov; i++)
		if (((uintptr_t)io->iov[i].iov_base | io->iov[i].iov_len) & (f->align_memory - 1))
			return true;
	return false;
}

static int discard(struct aio_file *f, const struct io *io)
{
	uint64_t range[2] = { io->offset, io->len };
	int err;

	if (!f->may_unmap)
		return 0;
	if (f->block_device)
		err = ioctl(f->fd, BLKDISCARD, range) ? -errno : 0;
	else
		err = allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, io);
	/* It is a hint: what cannot be given back, or not in such pieces, is no error of the disk. */
	return err == -EOPNOTSUPP || err == -ENOTTY || err == -EINVAL ? 0 : err;
}

static int write_zeroes_plainly(struct aio_file *f, const struct io *io)
{
	static uint8_t zeros[BOUNCE] __attribute__((aligned(4096)));
	struct iovec iov = { zeros, 0 };
	struct io part = { .op = BLOCK_WRITE, .iov = &iov, .nr_iov = 1 };
	uint64_t done;
	int err = 0;

	for (done = 0; !err && done < io->len; done += part.len) {
		part.offset = io->offset + done;
		part.len = iov.iov_len = minimum(io->len - done, BOUNCE);
		part.so_far = 0;
		part.iov = &iov;
		part.nr_iov = 1;
		err = aio_misaligned(f, &part) ? bounce(f, &part) : transfer(f, &part);
		free(part.rest);
		part.rest = NULL;
	}
	return err;
}

static int write_zeroes(struct aio_file *f, const struct io *io)
{
	/* In this order: giving the space back, where both want that; keeping it; writing. */
	static const int modes[] = { FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
	unsigned int i;
	int err = -EOPNOTSUPP;

	for (i = io->unmap && f->may_unmap ? 0 : 1; err && i < ARRAY_SIZE(modes); i++)
		err = allocate(f, modes[i], io);
	if (err)
		err = write_zeroes_plainly(f, io);
	return !err && io->fua ? sync_data(f) : err;
}

static int carry_out(struct aio_file *f, struct io *io)
{
	switch (io->op) {
	case BLOCK_FLUSH:
		return sync_data(f);
	case BLOCK_DISCARD:
		return discard(f, io);
	case BLOCK_WRITE_ZEROES:
		return write_zeroes(f, io);
	default:
		return aio_misaligned(f, io) ? bounce(f, io) : transfer(f, io);
	}
}

int aio_run(struct io *io)
{
	return aio_result(io, carry_out((struct aio_file *)io->node, io));
}

void aio_submit(struct io *io)
{
	struct aio_file *f = (struct aio_file *)io->node;

	io->so_far = 0;
	if (f->no_flush)
		io->fua = false;
	if (io->op == BLOCK_FLUSH && f->no_flush) {
		aio_end(io, 0);
	} else if (!(io->op == BLOCK_WRITE ? f->uring_writes : f->uring) || io->op > BLOCK_FLUSH ||
		   aio_misaligned(f, io)) {
		threads_submit(io);
	} else {
		uring_submit(io);
		flush();
	}
}
