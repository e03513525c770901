// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * snapshot=on: what is written goes to a file without a name, which ends with the process; the image
 * below is only read. A bit a sector says which of the two holds it, so no write needs to read first.
 * The bits are set when a write has ended, before its done().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/block/aio.h"
#include "host/report.h"

struct overlay {
	struct node node;
	struct node *top;
	uint64_t *bits;			/* a page of them costs memory once it is used */
	size_t bits_len;
	bool written;			/* any bit is set */
};

/* A read that is put together from both, or a write: the pieces below, and the request above. */
struct parts {
	struct overlay *o;
	struct io *io;
	unsigned int left;
	int err;
};

static bool is_set(const struct overlay *o, uint64_t sector)
{
	return o->bits[sector / 64] >> (sector % 64) & 1;
}

/* How many sectors from @sector on, of @max, stand where this one does. */
static uint64_t run_of(const struct overlay *o, uint64_t sector, uint64_t max)
{
	bool set = is_set(o, sector);
	uint64_t n = 1, same = set ? UINT64_MAX : 0;

	while (n < max) {
		if (!((sector + n) % 64) && max - n >= 64 && o->bits[(sector + n) / 64] == same)
			n += 64;
		else if (is_set(o, sector + n) == set)
			n++;
		else
			break;
	}
	return n;
}

static void set(struct overlay *o, uint64_t sector, uint64_t nr)
{
	o->written = true;
	for (; nr; sector++, nr--)
		if (!(sector % 64) && nr >= 64) {
			o->bits[sector / 64] = UINT64_MAX;
			sector += 63;
			nr -= 63;
		} else {
			o->bits[sector / 64] |= 1ull << (sector % 64);
		}
}

static void part_done(struct io *part, int err)
{
	struct parts *p = part->arg;

	if (err && !p->err)
		p->err = err;
	if (!err && part->op != BLOCK_READ)
		set(p->o, part->offset / SECTOR, part->len / SECTOR);
	io_free(part);
	if (--p->left)
		return;
	/* We are called from where the request itself may end. */
	p->io->done(p->io, p->err);
	free(p);
}

/* The piece of @p's request from byte @off on, to @n. */
static void send_part(struct parts *p, struct node *n, uint64_t off, uint64_t len)
{
	const struct io *io = p->io;
	struct io *part = io_new(io->op, io->offset + off, len);
	struct iovec *iov = NULL;
	int nr = 0;

	if (part && io->op <= BLOCK_WRITE)
		iov = iov_slice(io->iov, io->nr_iov, off, len, &nr);
	if (!part || (io->op <= BLOCK_WRITE && !iov)) {
		io_free(part);
		if (!p->err)
			p->err = -ENOMEM;
		return;
	}
	part->iov = part->owned = iov;
	part->nr_iov = nr;
	part->unmap = true;
	part->blk = io->blk;
	part->done = part_done;
	part->arg = p;
	p->left++;
	node_submit(n, part);
}

static void overlay_submit(struct node *n, struct io *io)
{
	struct overlay *o = (struct overlay *)n;
	uint64_t sector = io->offset / SECTOR, nr = io->len / SECTOR, at, run;
	struct parts *p;

	if (io->op == BLOCK_FLUSH) {
		aio_end(io, 0);
		return;
	}
	if (io->op == BLOCK_READ && (!o->written || run_of(o, sector, nr) == nr)) {
		node_submit(o->written && is_set(o, sector) ? o->top : n->child, io);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		aio_end(io, -ENOMEM);
		return;
	}
	*p = (struct parts){ .o = o, .io = io, .left = 1 };
	if (io->op == BLOCK_READ) {
		for (at = 0; at < nr; at += run) {
			run = run_of(o, sector + at, nr - at);
			send_part(p, is_set(o, sector + at) ? o->top : n->child, at * SECTOR,
				  run * SECTOR);
		}
	} else {
		send_part(p, o->top, 0, io->len);
	}
	/* None is done before we return: done() comes from the loop. */
	if (--p->left)
		return;
	aio_end(io, p->err);
	free(p);
}

static void overlay_close(struct node *n)
{
	struct overlay *o = (struct overlay *)n;

	if (o->top)
		node_unref(o->top);
	munmap(o->bits, o->bits_len);
}

static const struct node_ops overlay_ops = {
	.driver = "overlay", .submit = overlay_submit, .close = overlay_close,
};

static struct node *open_top(uint64_t size, const char **wrong)
{
	const struct node_options opt = { .no_flush = true, .discard = true, .no_lock = true,
					  .aio = AIO_BEST };
	const char *dir = getenv("TMPDIR");
	char *path;
	struct node *n;
	int fd;

	if (asprintf(&path, "%s/anykvm-overlay.XXXXXX", dir && *dir ? dir : "/var/tmp") < 0) {
		*wrong = "out of memory";
		return NULL;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size)) {
		*wrong = explain("snapshot=on: cannot make a file of %llu bytes for what is written, '%s': %s; set TMPDIR",
				 (unsigned long long)size, path, strerror(errno));
		if (fd >= 0) {
			unlink(path);
			close(fd);
		}
		free(path);
		return NULL;
	}
	n = file_open(path, &opt, false, wrong);
	unlink(path);
	close(fd);
	free(path);
	return n;
}

struct node *overlay_open(struct node *child, const char **wrong)
{
	struct overlay *o = calloc(1, sizeof(*o));
	size_t len = (child->size / SECTOR / 64 + 1) * 8;
	uint64_t *bits = mmap(NULL, len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!o || bits == MAP_FAILED) {
		*wrong = "out of memory";
	} else {
		o->top = open_top(child->size, wrong);
		if (o->top) {
			o->node = (struct node){
				.ops = &overlay_ops, .users = 1, .child = child,
				.size = child->size, .can_discard = true,
				.filename = child->filename ? strdup(child->filename) : NULL,
			};
			o->bits = bits;
			o->bits_len = len;
			return &o->node;
		}
	}
	if (bits != MAP_FAILED)
		munmap(bits, len);
	free(o);
	node_unref(child);
	return NULL;
}
