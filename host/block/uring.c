// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The engine on io_uring. One ring for all disks, used under the machine lock by whichever thread
 * holds it. What one turn of the event loop submits goes to the kernel in one call at the turn's
 * end; a vCPU's thread calls at once.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>

#include "host/block/aio.h"

#define ENTRIES 256u

static struct io_uring ring;
static bool there;
static unsigned int under_way;		/* in the ring, told or not */
static unsigned int untold;
static struct io *backlog, **backlog_last = &backlog;

bool uring_open(int event_fd)
{
	if (io_uring_queue_init(ENTRIES, &ring, 0))
		return false;
	if (io_uring_register_eventfd(&ring, event_fd)) {
		io_uring_queue_exit(&ring);
		return false;
	}
	there = true;
	return true;
}

static void fill(struct io *io)
{
	const struct aio_file *f = (const struct aio_file *)io->node;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	uint64_t at = io->offset + io->so_far;
	const struct iovec *iov;
	int nr;

	iov = aio_iov(io, &nr);
	switch (io->op) {
	case BLOCK_READ:
		io_uring_prep_readv(sqe, f->fd, iov, (unsigned int)nr, at);
		break;
	case BLOCK_WRITE:
		io_uring_prep_writev2(sqe, f->fd, iov, (unsigned int)nr, at,
				      io->fua ? RWF_DSYNC : 0);
		break;
	default:
		io_uring_prep_fsync(sqe, f->fd, IORING_FSYNC_DATASYNC);
		break;
	}
	io_uring_sqe_set_data(sqe, io);
	under_way++;
	untold++;
}

void uring_submit(struct io *io)
{
	/* Never more under way than the ring has entries: then it has always room. */
	if (under_way == ENTRIES) {
		io->next = NULL;
		*backlog_last = io;
		backlog_last = &io->next;
		return;
	}
	fill(io);
}

/* What ends within the call itself rings no bell: the caller is told. */
bool uring_flush(void)
{
	int n;

	if (!there)
		return false;
	if (untold)
		io_uring_cq_eventfd_toggle(&ring, false);
	while (untold && ((n = io_uring_submit(&ring)) > 0 || n == -EINTR))
		untold -= n < 0 ? 0 : (unsigned int)n;
	io_uring_cq_eventfd_toggle(&ring, true);
	/* First the bell is on, then we look: whoever ends in between does one or the other. */
	atomic_thread_fence(memory_order_seq_cst);
	return io_uring_cq_ready(&ring);
}

bool uring_untold(void)
{
	return untold;
}

static void ended(struct io *io, int res)
{
	int err;

	under_way--;
	if (aio_advance(io, res, &err))
		aio_end(io, aio_result(io, err));
	else
		uring_submit(io);
}

void uring_reap(void)
{
	struct io_uring_cqe *cqe;

	if (!there)
		return;
	while (!io_uring_peek_cqe(&ring, &cqe)) {
		struct io *io = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&ring, cqe);
		ended(io, res);
		while (backlog && under_way < ENTRIES) {
			io = backlog;
			backlog = io->next;
			if (!backlog)
				backlog_last = &backlog;
			uring_submit(io);
		}
	}
}
