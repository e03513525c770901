// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files and block devices. What O_DIRECT wants is asked of the kernel, or found out by reading.
 *
 * With O_DIRECT, a write that is not whole blocks of the disk below reads, changes and writes those
 * blocks; while it does, no other write or discard is under way in this file, and those that come wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/block/aio.h"
#include "host/block/lock.h"
#include "host/report.h"

struct file {
	struct aio_file aio;
	/* The gate of O_DIRECT. */
	unsigned int writers;
	bool alone;
	struct io *waiting, **waiting_last;
};

static bool changes(const struct io *io)
{
	return io->op == BLOCK_WRITE || io->op == BLOCK_WRITE_ZEROES || io->op == BLOCK_DISCARD;
}

/* Reads what it writes next to: nobody else may change the file then. */
static bool reads_first(const struct file *f, const struct io *io)
{
	return changes(io) && io->op != BLOCK_DISCARD && (io->offset | io->len) & (f->aio.align_offset - 1);
}

static bool may_pass(const struct file *f, const struct io *io)
{
	return !f->alone && !(reads_first(f, io) && f->writers);
}

static void pass(struct file *f, struct io *io)
{
	f->writers++;
	f->alone = reads_first(f, io);
	aio_submit(io);
}

static void file_submit(struct node *n, struct io *io)
{
	struct file *f = (struct file *)n;

	if (f->aio.align_offset == 1 || !changes(io)) {
		aio_submit(io);
	} else if (!f->waiting && may_pass(f, io)) {
		pass(f, io);
	} else {
		io->next = NULL;
		*f->waiting_last = io;
		f->waiting_last = &io->next;
	}
}

static void file_finished(struct node *n, struct io *io)
{
	struct file *f = (struct file *)n;

	if (f->aio.align_offset == 1 || !changes(io))
		return;
	f->writers--;
	f->alone = false;
	while (f->waiting && may_pass(f, f->waiting)) {
		struct io *next = f->waiting;

		f->waiting = next->next;
		if (!f->waiting)
			f->waiting_last = &f->waiting;
		pass(f, next);
	}
}

static void file_close(struct node *n)
{
	close(((struct file *)n)->aio.fd);
}

static const struct node_ops file_ops = {
	.driver = "file", .submit = file_submit, .finished = file_finished, .close = file_close,
};

static const struct node_ops device_ops = {
	.driver = "host_device", .submit = file_submit, .finished = file_finished,
	.close = file_close,
};

/* --- opening --- */

static bool reads_at(int fd, uint8_t *buf, uint64_t align)
{
	return pread(fd, buf, align, 0) >= 0;
}

/* O_DIRECT's wishes: the kernel's word since 6.1, else the smallest that a read gets along with. */
static void find_alignment(struct aio_file *f)
{
	struct statx sx = { 0 };
	uint8_t *buf;
	uint32_t n;

#ifdef STATX_DIOALIGN
	if (!statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) &&
	    sx.stx_mask & STATX_DIOALIGN && sx.stx_dio_offset_align) {
		f->align_memory = sx.stx_dio_mem_align;
		f->align_offset = sx.stx_dio_offset_align;
		return;
	}
#else
	(void)sx;
#endif
	f->align_memory = f->align_offset = 4096;
	if (posix_memalign((void **)&buf, 4096, 8192))
		return;
	for (n = 512; n <= 4096; n *= 2)
		if (reads_at(f->fd, buf, n)) {
			f->align_offset = n;
			break;
		}
	for (n = 512; n <= 4096; n *= 2)
		if (reads_at(f->fd, buf + n, f->align_offset)) {
			f->align_memory = n;
			break;
		}
	free(buf);
}

static int open_fd(const char *path, const struct node_options *o, bool *read_only)
{
	int flags = O_CLOEXEC | (o->direct ? O_DIRECT : 0), fd;

	fd = open(path, flags | (*read_only ? O_RDONLY : O_RDWR));
	if (fd < 0 && !*read_only && o->auto_read_only &&
	    (errno == EACCES || errno == EROFS || errno == EPERM)) {
		*read_only = true;
		fd = open(path, flags | O_RDONLY);
	}
	return fd;
}

static const char *cannot_open(const char *path, const struct node_options *o, bool read_only)
{
	if (errno == EINVAL && o->direct)
		return explain("'%s' is on a file system that cannot bypass the page cache; leave out cache=none, cache=directsync and cache.direct=on", path);
	if ((errno == EACCES || errno == EROFS || errno == EPERM) && !read_only &&
	    !access(path, R_OK))
		return explain("'%s' cannot be written; give readonly=on to use it so", path);
	return explain("cannot open '%s': %s", path, strerror(errno));
}

static const char *measure(struct aio_file *f, const char *path, bool device_only)
{
	struct stat st;
	uint64_t size;

	if (fstat(f->fd, &st))
		return explain("cannot look at '%s': %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return explain("'%s' is a directory", path);
	f->block_device = S_ISBLK(st.st_mode);
	if (device_only && !f->block_device)
		return explain("'%s' is not a block device; say driver=file", path);
	if (!f->block_device && !S_ISREG(st.st_mode))
		return explain("'%s' is neither a file nor a block device", path);
	size = (uint64_t)st.st_size;
	if (f->block_device && ioctl(f->fd, BLKGETSIZE64, &size))
		return explain("cannot ask '%s' for its size: %s", path, strerror(errno));
	/* Of a file that does not end with a sector the rest of that sector is zeros. */
	f->node.size = (size + SECTOR - 1) & ~(SECTOR - 1);
	return NULL;
}

static const char *set_up(struct file *f, const char *path, const struct node_options *o,
			  bool device_only)
{
	const char *wrong;

	wrong = measure(&f->aio, path, device_only);
	if (wrong)
		return wrong;
	if (!o->no_lock && !o->share) {
		wrong = file_lock(f->aio.fd, !f->aio.node.read_only);
		if (wrong)
			return explain("'%s' %s", path, wrong);
	}
	f->aio.align_memory = f->aio.align_offset = 1;
	if (o->direct)
		find_alignment(&f->aio);
	f->aio.node.ops = f->aio.block_device ? &device_ops : &file_ops;
	f->aio.may_unmap = o->discard;
	f->aio.no_flush = o->no_flush;
	f->aio.direct = o->direct;
	f->aio.node.can_discard = o->discard;
	f->aio.node.users = 1;
	f->aio.node.filename = strdup(path);
	f->waiting_last = &f->waiting;
	return aio_use(&f->aio, o->aio);
}

struct node *file_open(const char *path, const struct node_options *o, bool device_only,
		       const char **wrong)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f) {
		*wrong = "out of memory";
		return NULL;
	}
	f->aio.node.read_only = o->read_only;
	f->aio.fd = open_fd(path, o, &f->aio.node.read_only);
	*wrong = f->aio.fd < 0 ? cannot_open(path, o, f->aio.node.read_only) :
				 set_up(f, path, o, device_only);
	if (!*wrong)
		return &f->aio.node;
	if (f->aio.fd >= 0)
		close(f->aio.fd);
	free(f->aio.node.filename);
	free(f);
	return NULL;
}
