// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Disks by name, as devices see them: what comes is checked here, goes down into the nodes, and what
 * fails is dealt with as the user said.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/block/aio.h"
#include "host/block/drive.h"
#include "host/event.h"
#include "host/report.h"

struct block {
	struct block *next;
	char *id;
	const char *serial;
	struct node *node;		/* NULL: no medium */
	bool removable, read_only, write_cache, probed, tray_open, noted;
	int on_read, on_write, detect_zeroes;
	struct node_options options;
	const struct block_user *user;
	void *arg;
	char *who;
	unsigned int under_way;
	struct block_request *stopped;	/* waiting for the machine to go on */
	struct block_stats stats;
};

static struct block *blocks;

void (*block_failed)(struct block *blk, enum block_op op, int err, enum block_on_error what);

/* --- by name --- */

struct block *block_first(void)
{
	return blocks;
}

struct block *block_next(struct block *blk)
{
	return blk->next;
}

static struct block *find(const char *id)
{
	struct block *blk;

	for (blk = blocks; blk && strcmp(blk->id, id); blk = blk->next)
		;
	return blk;
}

struct block *block_create(const struct block_setup *s, const char **wrong)
{
	struct block *blk, **p;

	if (find(s->id)) {
		*wrong = explain("there is another drive with the id '%s'", s->id);
		return NULL;
	}
	blk = calloc(1, sizeof(*blk));
	if (!blk || !(blk->id = strdup(s->id))) {
		*wrong = "out of memory";
		return NULL;
	}
	blk->serial = s->serial;
	blk->node = s->node;
	blk->removable = s->removable;
	blk->read_only = s->read_only || (s->node && s->node->read_only);
	blk->write_cache = !s->write_through;
	blk->probed = s->probed;
	blk->on_read = s->on_read;
	blk->on_write = s->on_write;
	blk->detect_zeroes = s->detect_zeroes;
	blk->options = s->options;
	for (p = &blocks; *p; p = &(*p)->next)
		;
	*p = blk;
	return blk;
}

struct block *block_create_empty(const char *id)
{
	const struct block_setup s = { .id = id, .removable = true, .on_write = ON_ERROR_ENOSPC,
				       .options = { .aio = AIO_BEST } };
	const char *wrong;

	return block_create(&s, &wrong);
}

/* A node of -blockdev becomes a disk when the first device asks for it. */
struct block *block_find(const char *id)
{
	struct block *blk = find(id);
	struct node *n = blk ? NULL : node_find(id);
	struct block_setup s = { .id = id, .node = n, .on_write = ON_ERROR_ENOSPC,
				 .options = { .aio = AIO_BEST } };
	const char *wrong;

	if (!n)
		return blk;
	blk = block_create(&s, &wrong);
	if (blk)
		node_ref(n);
	return blk;
}

const char *block_attach(struct block *blk, const struct block_user *user, void *arg,
			 const char *who)
{
	if (blk->who)
		return explain("drive=%s: is in use by %s already", blk->id, blk->who);
	blk->who = strdup(who);
	blk->user = user;
	blk->arg = arg;
	return NULL;
}

void block_choose(struct block *blk, const struct block_choice *choice)
{
	if (choice->write_cache)
		blk->write_cache = choice->write_cache == 1;
	if (choice->on_read)
		blk->on_read = (int)choice->on_read - 1;
	if (choice->on_write)
		blk->on_write = (int)choice->on_write - 1;
}

void block_detach(struct block *blk)
{
	free(blk->who);
	blk->who = NULL;
	blk->user = NULL;
}

/* --- what it is --- */

uint64_t block_size(const struct block *blk)
{
	return blk->node ? blk->node->size : 0;
}

bool block_read_only(const struct block *blk)
{
	return blk->read_only;
}

bool block_has_medium(const struct block *blk)
{
	return blk->node && !blk->tray_open;
}

bool block_write_cache(const struct block *blk)
{
	return blk->write_cache;
}

void block_set_write_cache(struct block *blk, bool on)
{
	blk->write_cache = on;
}

bool block_can_discard(const struct block *blk)
{
	return blk->node && blk->node->can_discard && !blk->read_only;
}

const char *block_id(const struct block *blk)
{
	return blk->id;
}

const char *block_serial(const struct block *blk)
{
	return blk->serial;
}

const char *block_user_name(const struct block *blk)
{
	return blk->who;
}

const struct block_stats *block_stats(const struct block *blk)
{
	return &blk->stats;
}

const char *block_filename(const struct block *blk)
{
	return blk->node ? blk->node->filename : NULL;
}

const char *block_driver(const struct block *blk)
{
	const struct node *n = blk->node;

	while (n && n->child)
		n = n->child;
	return n ? n->ops->driver : NULL;
}

bool block_removable(const struct block *blk)
{
	return blk->removable;
}

bool block_tray_open(const struct block *blk)
{
	return blk->tray_open;
}

/* A partition ends where a cylinder does, so the table says what heads and sectors its maker saw. */
bool block_geometry(const struct block *blk, unsigned int *cyls, unsigned int *heads,
		    unsigned int *sectors)
{
	uint8_t head[SECTOR];
	const uint8_t *e;
	uint64_t c;

	if (!blk->node || node_head(blk->node, head) || head[510] != 0x55 || head[511] != 0xaa)
		return false;
	for (e = head + 446; e < head + 510; e += 16) {
		unsigned int h = e[5] + 1u, s = e[6] & 63;

		if (!(e[12] | e[13] | e[14] | e[15]) || h < 2 || h > 16 || !s)
			continue;
		c = block_size(blk) / SECTOR / (h * s);
		if (c < 1 || c > 16383)
			continue;
		*cyls = (unsigned int)c;
		*heads = h;
		*sectors = s;
		return true;
	}
	return false;
}

/* --- requests --- */

static void start(struct block *blk, struct block_request *req);

static enum block_on_error on_error(const struct block *blk, const struct block_request *req,
				    int err)
{
	int word = req->op == BLOCK_READ ? blk->on_read : blk->on_write;
	bool stop = word == ON_ERROR_STOP || (word == ON_ERROR_ENOSPC && err == -ENOSPC);

	return stop && block_failed ? BLOCK_STOP :
	       word == ON_ERROR_IGNORE ? BLOCK_IGNORE : BLOCK_REPORT;
}

/* @its: the request's own mistake (or the medium's absence), of which the user need not hear. */
static void end(struct block *blk, struct block_request *req, int err, bool its)
{
	enum block_on_error what;

	if (err && !its) {
		blk->stats.failed[req->op]++;
		what = on_error(blk, req, err);
		if (block_failed)
			block_failed(blk, req->op, err, what);
		if (what == BLOCK_STOP) {
			req->err = err;
			req->next = blk->stopped;
			blk->stopped = req;
			return;
		}
		if (what == BLOCK_IGNORE)
			err = 0;
	}
	if (!err) {
		blk->stats.requests[req->op]++;
		blk->stats.bytes[req->op] += req->op == BLOCK_FLUSH ? 0 : req->len;
	}
	req->done(req, err);
}

static void refused(struct io *io, int err)
{
	struct block_request *req = io->arg;
	struct block *blk = req->block;

	blk->under_way--;
	io_free(io);
	end(blk, req, err, true);
}

static void done(struct io *io, int err)
{
	struct block_request *req = io->arg;
	struct block *blk = req->block;
	/* Writethrough: what has no FUA of its own is on stable storage when this is. */
	bool sync = !err && io->op == BLOCK_DISCARD && !blk->write_cache && blk->node;

	if (sync) {
		io->op = BLOCK_FLUSH;
		node_submit(blk->node, io);
		return;
	}
	blk->under_way--;
	io_free(io);
	end(blk, req, err, false);
}

static int check(const struct block *blk, const struct block_request *req)
{
	uint64_t size = block_size(blk), sum = 0;
	int i;

	if (req->op == BLOCK_FLUSH)
		return 0;
	if (!block_has_medium(blk))
		return -ENOMEDIUM;
	if ((req->offset | req->len) % SECTOR || req->offset > size ||
	    req->len > size - req->offset)
		return -EINVAL;
	if (req->op != BLOCK_READ && blk->read_only)
		return -EROFS;
	if (req->op <= BLOCK_WRITE) {
		for (i = 0; i < req->nr_iov; i++)
			sum += req->iov[i].iov_len;
		if (sum != req->len)
			return -EINVAL;
	}
	return 0;
}

/*
 * The format of an image is not said but guessed: should its guest give it the beginning of another
 * format, the next start would take the guest's word for what files to open. So it may not. What is
 * looked at is a copy, and the copy is what is written.
 */
static int guard_head(struct block *blk, struct io *io)
{
	struct iovec *iov;
	uint8_t *head;
	const char *format;
	int nr;

	iov = iov_slice(io->iov, io->nr_iov, SECTOR, UINT64_MAX, &nr);
	io->owned = malloc((size_t)(nr + 1) * sizeof(*iov) + SECTOR);
	if (!iov || !io->owned) {
		free(iov);
		return -ENOMEM;
	}
	head = (uint8_t *)(io->owned + nr + 1);
	iov_to_buf(io->iov, io->nr_iov, 0, head, SECTOR);
	memcpy(io->owned + 1, iov, (size_t)nr * sizeof(*iov));
	free(iov);
	io->owned[0] = (struct iovec){ head, SECTOR };
	io->iov = io->owned;
	io->nr_iov = nr + 1;
	format = format_of(head);
	if (!format)
		return 0;
	if (!blk->noted)
		note("drive %s: the guest writes the beginning of a %s image to its disk, which is refused because the format of '%s' was only guessed; say format=raw to allow it",
		     blk->id, format, block_filename(blk));
	blk->noted = true;
	return -EPERM;
}

static void detect_zeroes(const struct block *blk, struct io *io)
{
	if (!blk->detect_zeroes || !iov_is_zero(io->iov, io->nr_iov))
		return;
	io->op = BLOCK_WRITE_ZEROES;
	io->unmap = blk->detect_zeroes == DETECT_UNMAP;
}

static void start(struct block *blk, struct block_request *req)
{
	struct io *io = io_new(req->op, req->offset, req->len);
	int err;

	if (!io)
		die("out of memory for a disk's request");
	io->iov = req->iov;
	io->nr_iov = req->nr_iov;
	io->unmap = req->unmap;
	io->fua = (req->fua || !blk->write_cache) &&
		  (req->op == BLOCK_WRITE || req->op == BLOCK_WRITE_ZEROES);
	io->arg = req;
	io->blk = blk;
	io->done = done;
	blk->under_way++;
	err = check(blk, req);
	if (!err && blk->probed && req->op == BLOCK_WRITE && !req->offset && req->len)
		err = guard_head(blk, io);
	if (!err && req->op == BLOCK_WRITE)
		detect_zeroes(blk, io);
	if (err || !blk->node || (!req->len && req->op != BLOCK_FLUSH)) {
		io->done = refused;
		aio_end(io, err);
		return;
	}
	node_submit(blk->node, io);
}

void block_submit(struct block *blk, struct block_request *req)
{
	req->block = blk;
	start(blk, req);
}

void block_retry_all(void)
{
	struct block *blk;

	for (blk = blocks; blk; blk = blk->next) {
		struct block_request *req = blk->stopped;

		blk->stopped = NULL;
		while (req) {
			struct block_request *next = req->next;

			start(blk, req);
			req = next;
		}
	}
}

static bool busy(struct block *blk)
{
	return blk->under_way;
}

void block_drain(struct block *blk)
{
	struct block_request *req;

	aio_wait(blk, busy);
	/* What waits for the machine to go on ends as what it is. */
	while ((req = blk->stopped)) {
		blk->stopped = req->next;
		req->done(req, req->err);
		aio_wait(blk, busy);
	}
}

void block_drain_all(void)
{
	struct block *blk;

	for (blk = blocks; blk; blk = blk->next)
		aio_wait(blk, busy);
}

/* --- media --- */

static void close_medium(struct block *blk)
{
	aio_wait(blk, busy);
	if (blk->node)
		node_unref(blk->node);
	blk->node = NULL;
}

static void tell_user(struct block *blk)
{
	if (blk->user && blk->user->medium_changed)
		blk->user->medium_changed(blk->arg);
}

static void move_tray(struct block *blk, bool open)
{
	if (blk->tray_open == open)
		return;
	blk->tray_open = open;
	event_send("DEVICE_TRAY_MOVED", EVENT_STR("device", blk->id), EVENT_STR("id", blk->who ? blk->who : ""),
		   EVENT_BOOL("tray-open", open));
}

/* NULL: the tray may open. */
static const char *locked(struct block *blk, bool force)
{
	if (!blk->removable)
		return explain("drive '%s' does not hold a medium that can be taken out", blk->id);
	if (!force && blk->user && blk->user->may_eject && !blk->user->may_eject(blk->arg))
		return explain("drive '%s' is locked by the guest, which has been asked; try again, or force it",
			       blk->id);
	return NULL;
}

const char *block_eject(struct block *blk, bool force)
{
	const char *wrong = locked(blk, force);

	if (wrong)
		return wrong;
	close_medium(blk);
	move_tray(blk, true);
	tell_user(blk);
	return NULL;
}

/* Is the medium that is in the file at @path? */
static bool is_medium(const struct block *blk, const char *path)
{
	const char *mine = blk->node ? blk->node->filename : NULL;
	struct stat a, b;

	return mine && !stat(mine, &a) && !stat(path, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

const char *block_change(struct block *blk, const char *path, bool read_only)
{
	struct node_options o = blk->options;
	const char *wrong = locked(blk, false);
	struct node *n;
	bool probed;

	if (wrong)
		return wrong;
	o.read_only = read_only;
	/* The file that is in has a lock on it, our own; the one that has none is but for a try. */
	o.no_lock |= is_medium(blk, path);
	n = image_open(path, NULL, &o, &probed, &wrong);
	if (!n)
		return wrong;
	close_medium(blk);
	move_tray(blk, true);
	if (o.no_lock != blk->options.no_lock) {
		node_unref(n);
		o.no_lock = blk->options.no_lock;
		n = image_open(path, NULL, &o, &probed, &wrong);
	}
	if (n) {
		blk->node = n;
		blk->read_only = n->read_only;
		blk->probed = probed;
		move_tray(blk, false);
	}
	tell_user(blk);
	return wrong;
}

const char *block_move_tray(struct block *blk, bool open, bool force)
{
	const char *wrong = locked(blk, force || !open);

	if (wrong)
		return wrong;
	move_tray(blk, open);
	tell_user(blk);
	return NULL;
}

void block_guest_eject(struct block *blk, bool eject)
{
	if (blk->removable)
		move_tray(blk, eject);
}
