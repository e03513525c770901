/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a disk is made of: nodes, each a row of bytes. A file is one, a window into another node is
 * one, an overlay over another node is one. Requests go down from node to node and end in the
 * engine (aio.h), or at once.
 *
 * All under the machine lock, but for what is said to be any thread's.
 */
#ifndef ANYKVM_HOST_BLOCK_NODE_H
#define ANYKVM_HOST_BLOCK_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "host/block/block.h"

#define SECTOR 512ull

struct io;
struct node;

/* What a user can say of a node. */
struct node_options {
	bool read_only;
	bool auto_read_only;	/* read-only when the file can be opened in no other way */
	bool direct;		/* cache.direct: past the host's page cache */
	bool no_flush;		/* cache.no-flush: a flush is nothing */
	bool discard;		/* discard=unmap: give space back */
	bool no_lock;		/* locking=off */
	bool share;		/* others may write it meanwhile (force-share): take no notice of locks */
	int aio;		/* enum aio_kind */
};

struct node_ops {
	const char *driver;
	void (*submit)(struct node *n, struct io *io);
	/* Before io->done(); NULL: not interested. */
	void (*finished)(struct node *n, struct io *io);
	void (*close)(struct node *n);
};

struct node {
	const struct node_ops *ops;
	char *name;			/* node-name, or NULL */
	char *filename;			/* for people; or NULL */
	struct node *child;		/* closed with it */
	struct node *next;		/* of those that have a name */
	unsigned int users;
	uint64_t size;			/* bytes, a multiple of SECTOR */
	bool read_only;
	bool can_discard;
};

/* A request on its way through the nodes. */
struct io {
	enum block_op op;
	bool fua, unmap;
	uint64_t offset, len;
	const struct iovec *iov;
	int nr_iov;
	void (*done)(struct io *io, int err);
	void *arg;
	struct block *blk;		/* whose, for block_drain() */
	struct iovec *owned;		/* freed with it, or NULL */
	/* The engine's own. */
	struct node *node;		/* in which it ends */
	struct io *next;
	struct iovec *rest;		/* what is left of @iov after a part of it was done */
	uint64_t so_far;
	int err;
};

/* NULL when there is no memory. */
struct io *io_new(enum block_op op, uint64_t offset, uint64_t len);
void io_free(struct io *io);
void node_submit(struct node *n, struct io *io);

/* [@off, @off + @len) of @iov, malloc'ed; NULL: no memory. */
struct iovec *iov_slice(const struct iovec *iov, int nr, uint64_t off, uint64_t len, int *out_nr);
/* Fill with zeros from byte @off on. */
void iov_zero(const struct iovec *iov, int nr, uint64_t off);
void iov_to_buf(const struct iovec *iov, int nr, uint64_t off, void *buf, uint64_t len);
void iov_from_buf(const struct iovec *iov, int nr, uint64_t off, const void *buf, uint64_t len);
bool iov_is_zero(const struct iovec *iov, int nr);

/* NULL, and *@wrong says what is wrong in words (a static buffer). */
struct node *file_open(const char *path, const struct node_options *o, bool device_only,
		       const char **wrong);
struct node *null_open(uint64_t size, bool read_zeroes, const char **wrong);
/* [@offset, @offset + @size) of @child; @size UINT64_MAX: to its end. Takes @child in any case. */
struct node *window_open(struct node *child, uint64_t offset, uint64_t size, const char **wrong);
/* Writes go to a file that nobody else sees and that is gone at the end. Takes @child. */
struct node *overlay_open(struct node *child, const char **wrong);

void node_ref(struct node *n);
void node_unref(struct node *n);	/* nothing may be under way in it */
void node_name(struct node *n, const char *name);
struct node *node_find(const char *name);

/* The name of the disk image format whose file begins with these 512 bytes; NULL: none known. */
const char *format_of(const uint8_t head[SECTOR]);
/* The first sector, for probing; what is not there reads as zeros. Waits. 0 or -errno. */
int node_head(struct node *n, uint8_t head[SECTOR]);

#endif
