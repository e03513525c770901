/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine: requests on files, carried out without anybody waiting. Two kinds: io_uring, and
 * threads for what io_uring cannot do and for hosts that refuse it. Both end in one list, which the
 * event loop hears of through one eventfd.
 */
#ifndef ANYKVM_HOST_BLOCK_AIO_H
#define ANYKVM_HOST_BLOCK_AIO_H

#include "host/block/node.h"

/* The order is that of the words of aio=. */
enum aio_kind { AIO_THREADS, AIO_NATIVE, AIO_URING, AIO_BEST };

/* A file, as the engine sees it; a node that ends in the engine begins with it. */
struct aio_file {
	struct node node;
	int fd;
	bool block_device;
	bool may_unmap;			/* discard=unmap */
	bool no_flush;
	bool direct;			/* opened with O_DIRECT */
	_Atomic int lost;		/* why the page cache has forgotten what it was given; or 0 */
	uint32_t align_offset;		/* of O_DIRECT: what offset and length must be multiples of */
	uint32_t align_memory;		/* and addresses; 1: any */
	bool uring, uring_writes;
};

/* NULL or what is wrong: io_uring was asked for by name and the host refuses. */
const char *aio_use(struct aio_file *f, enum aio_kind kind);
/* @io->node is a struct aio_file. */
void aio_submit(struct io *io);
/* @io has ended; any thread. Its done() is called soon, from the event loop. */
void aio_end(struct io *io, int err);
/* Until @blk (NULL: nobody) has nothing under way: @busy says. */
void aio_wait(struct block *blk, bool (*busy)(struct block *blk));
/* O_DIRECT would refuse this one as it is. */
bool aio_misaligned(const struct aio_file *f, const struct io *io);
/* For tests and -d: is io_uring there? */
bool aio_have_uring(void);

/* --- between aio.c, uring.c and threads.c --- */

/* Carry @io out here and now, from where it is (@so_far); 0 or -errno. Any thread. */
int aio_run(struct io *io);
/* What @io's end means, when the kernel says @err: see aio.c. Any thread. */
int aio_result(struct io *io, int err);
/* A part of @n bytes (or -errno) is done. True: @io has ended with @*err; false: go on with it. */
bool aio_advance(struct io *io, int64_t n, int *err);
/* What is left of @io's iov, at most IOV_MAX pieces. */
const struct iovec *aio_iov(const struct io *io, int *nr);

bool uring_open(int event_fd);	/* false: the host refuses */
/* Queued; uring_flush() tells the kernel. */
void uring_submit(struct io *io);
bool uring_flush(void);		/* true: something has ended */
bool uring_untold(void);	/* the kernel would not take it: try again */
void uring_reap(void);		/* calls aio_end() for what has ended */

void threads_submit(struct io *io);

#endif
