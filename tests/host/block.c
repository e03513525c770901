// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The block layer on real files, with each engine: what is written is read back whatever its shape,
 * errors come as they should, nothing calls back too early, snapshots leave the image alone, a file
 * is not shared by mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/block/aio.h"
#include "host/block/drive.h"
#include "host/block/lock.h"
#include "host/bus/bus.h"
#include "host/loop.h"
#include "tests/tap.h"

static char dir[64] = "/var/tmp/anykvm-block.XXXXXX";

/* --- requests that are waited for --- */

struct wait {
	struct block_request req;
	bool ended, submitting;
	int err;
};

static bool too_early;

static void ended(struct block_request *req, int err)
{
	struct wait *w = req->arg;

	too_early |= w->submitting;
	w->ended = true;
	w->err = err;
}

static void submit(struct block *blk, struct wait *w)
{
	w->ended = false;
	w->submitting = true;
	w->req.done = ended;
	w->req.arg = w;
	block_submit(blk, &w->req);
	w->submitting = false;
}

static int finish(struct wait *w)
{
	while (!w->ended)
		loop_turn();
	return w->err;
}

static int run(struct block *blk, enum block_op op, uint64_t offset, uint64_t len, void *buf)
{
	const struct iovec iov = { buf, len };
	struct wait w = { .req = { .op = op, .offset = offset, .len = len, .iov = &iov,
				   .nr_iov = 1, .unmap = true } };

	submit(blk, &w);
	return finish(&w);
}

/* --- files --- */

static const char *path_of(const char *name)
{
	static char path[2][128];
	static int at;

	snprintf(path[at ^= 1], sizeof(path[0]), "%s/%s", dir, name);
	return path[at];
}

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 9) * 31 + (at >> 17));
}

static void make_file(const char *name, uint64_t size)
{
	FILE *f = fopen(path_of(name), "w");
	uint64_t i;

	for (i = 0; i < size; i++)
		putc(pattern(i), f);
	fflush(f);
	fdatasync(fileno(f));
	fclose(f);
}

static int file_byte(const char *name, uint64_t at)
{
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	uint8_t b;
	ssize_t n = pread(fd, &b, 1, (off_t)at);

	close(fd);
	return n == 1 ? b : -1;
}

static long blocks_of(const char *name)
{
	struct stat st;

	return stat(path_of(name), &st) ? -1 : (long)st.st_blocks;
}

static struct node *last_node;

static int fd_of(const struct node *n)
{
	return ((const struct aio_file *)n)->fd;
}

static bool blocks_of_4k;	/* make believe that the disk below has them */

static struct block *disk(const char *name, struct block_setup s, bool guess)
{
	static char id[32];
	static int n;
	const char *wrong = NULL;
	struct block *blk;

	snprintf(id, sizeof(id), "d%d", n++);
	s.id = id;
	s.removable = true;
	s.node = image_open(path_of(name), guess ? NULL : "raw", &s.options, &s.probed, &wrong);
	last_node = s.node;
	if (s.node && blocks_of_4k)
		((struct aio_file *)s.node)->align_offset = 4096;
	blk = s.node ? block_create(&s, &wrong) : NULL;
	if (!blk)
		printf("# %s\n", wrong);
	return blk;
}

static void drop(struct block *blk)
{
	block_eject(blk, true);
}

/* --- what is written is read --- */

#define DISK (4u << 20)

static unsigned int seed = 1;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

/* A request of a random shape: sectors anywhere, memory anywhere, in pieces of odd lengths. */
static unsigned int shape(struct iovec *iov, uint8_t *mem, uint64_t len)
{
	unsigned int n = 0;
	uint64_t at = 0;

	while (at < len) {
		uint64_t piece = n == 39 ? len - at : 1 + rnd(8192);

		if (rnd(2))
			piece = (piece + 511) & ~511ull;
		if (piece > len - at)
			piece = len - at;
		iov[n++] = (struct iovec){ mem + at, piece };
		at += piece;
	}
	return n;
}

static void against_model(const char *what, struct block_setup s)
{
	static uint8_t model[DISK], mem[DISK + 4096] __attribute__((aligned(4096)));
	struct block *blk;
	unsigned int i, bad = 0;

	make_file("model", DISK);
	blk = disk("model", s, false);
	for (i = 0; i < DISK; i++)
		model[i] = pattern(i);
	for (i = 0; blk && i < 600; i++) {
		uint64_t at = 512ull * rnd(DISK / 512), len = 512ull * (1 + rnd(i % 10 ? 64 : 4096));
		uint8_t *p = mem + (rnd(2) ? 0 : rnd(4096));
		struct iovec iov[40];
		struct wait w = { .req = { .iov = iov, .offset = at,
					   .fua = !rnd(100), .unmap = rnd(2) } };
		uint64_t k;

		if (len > DISK - at)
			len = DISK - at;
		w.req.len = len;
		w.req.nr_iov = (int)shape(iov, p, len);
		w.req.op = (enum block_op[]){ BLOCK_READ, BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE,
					      BLOCK_WRITE_ZEROES, BLOCK_READ }[rnd(6)];

		if (!rnd(100))
			w.req.op = BLOCK_FLUSH;
		for (k = 0; k < len && w.req.op == BLOCK_WRITE; k++)
			model[at + k] = p[k] = i % 7 ? (uint8_t)(k * i + i) : 0;
		if (w.req.op == BLOCK_WRITE_ZEROES)
			memset(model + at, 0, len);
		submit(blk, &w);
		bad += finish(&w) != 0;
		bad += w.req.op == BLOCK_READ && memcmp(p, model + at, len);
	}
	ok(blk && !bad, "%s: 600 requests of all shapes leave and find what they should (%u bad)",
	   what, bad);
	ok(blk && !run(blk, BLOCK_READ, 0, DISK, mem) && !memcmp(mem, model, DISK),
	   "%s: the whole at the end", what);
	ok(blk && block_size(blk) == DISK, "%s: the disk has its size", what);
	drop(blk);
	ok(file_byte("model", DISK) == -1, "%s: the file has not grown", what);
}

/* Many at once, on sectors of their own that share blocks of the disk below. */
static void at_once(const char *what, struct block_setup s)
{
	enum { N = 700 };
	static struct wait w[N];
	static struct iovec iov[N];
	static uint8_t mem[N][512], all[N * 512];
	struct block *blk;
	unsigned int i, bad = 0;

	make_file("many", N * 512);
	blk = disk("many", s, false);
	for (i = 0; blk && i < N; i++) {
		memset(mem[i], (int)i + 3, 512);
		iov[i] = (struct iovec){ mem[i], 512 };
		w[i].req = (struct block_request){ .op = BLOCK_WRITE, .offset = i * 512, .len = 512,
						   .iov = &iov[i], .nr_iov = 1 };
		submit(blk, &w[i]);
	}
	block_drain(blk);
	for (i = 0; i < N; i++)
		bad += !w[i].ended || w[i].err;
	ok(!bad, "%s: after block_drain() all %d have ended", what, N);
	ok(!run(blk, BLOCK_READ, 0, N * 512, all), "%s: read back", what);
	for (i = 0; i < N; i++)
		bad += !!memcmp(all + i * 512, mem[i], 512);
	ok(!bad, "%s: none has trodden on its neighbour", what);
	drop(blk);
}

/* --- errors --- */

static void refusals(const char *what, struct block_setup s)
{
	uint8_t buf[4096];
	struct block *blk;
	struct iovec iov = { buf, 512 };
	struct wait w = { .req = { .op = BLOCK_READ, .len = 1024, .iov = &iov, .nr_iov = 1 } };

	make_file("odd", 1000);
	blk = disk("odd", s, false);
	ok(block_size(blk) == 1024, "%s: a last sector that is not whole counts", what);
	memset(buf, 1, sizeof(buf));
	ok(!run(blk, BLOCK_READ, 0, 1024, buf) && buf[999] == pattern(999) && !buf[1000] && !buf[1023],
	   "%s: and what is missing reads as zeros", what);
	ok(run(blk, BLOCK_READ, 512, 1024, buf) == -EINVAL, "%s: beyond the end", what);
	ok(run(blk, BLOCK_READ, UINT64_MAX - 511, 1024, buf) == -EINVAL, "%s: far beyond", what);
	ok(run(blk, BLOCK_READ, 1, 512, buf) == -EINVAL, "%s: not a sector", what);
	submit(blk, &w);
	ok(finish(&w) == -EINVAL, "%s: less memory than bytes", what);
	ok(!run(blk, BLOCK_READ, 1024, 0, buf), "%s: nothing at all is fine", what);
	drop(blk);
	ok(!block_has_medium(blk) || !blk, "%s: ejected", what);
	ok(run(blk, BLOCK_READ, 0, 512, buf) == -ENOMEDIUM, "%s: no medium", what);
	ok(!run(blk, BLOCK_FLUSH, 0, 0, NULL), "%s: nothing to flush is no error", what);
	s.options.read_only = true;
	blk = disk("odd", s, false);
	ok(block_read_only(blk) && run(blk, BLOCK_WRITE, 0, 512, buf) == -EROFS,
	   "%s: read-only", what);
	ok((fcntl(fd_of(last_node), F_GETFL) & O_ACCMODE) == O_RDONLY, "%s: and opened so", what);
	ok(run(blk, BLOCK_WRITE_ZEROES, 0, 512, NULL) == -EROFS &&
	   run(blk, BLOCK_DISCARD, 0, 512, NULL) == -EROFS, "%s: for zeroes and discard, too", what);
	drop(blk);
}

/* Space is given back when the user says so, and zeroes are looked for when he does. */
static void giving_back(void)
{
	static uint8_t buf[65536];
	struct block_setup s = { .options = { .aio = AIO_BEST } };
	struct block *blk;
	long before;

	make_file("space", sizeof(buf));
	blk = disk("space", s, false);
	before = blocks_of("space");
	ok(!block_can_discard(blk) && !run(blk, BLOCK_DISCARD, 0, sizeof(buf), NULL) &&
	   file_byte("space", 4097) == pattern(4097), "discard=ignore: it is");
	ok(!run(blk, BLOCK_WRITE_ZEROES, 0, sizeof(buf), NULL) && !file_byte("space", 4097) &&
	   blocks_of("space") == before, "and zeroes keep their space");
	drop(blk);
	s.options.discard = true;
	s.detect_zeroes = DETECT_UNMAP;
	make_file("space", sizeof(buf));
	blk = disk("space", s, false);
	ok(!run(blk, BLOCK_DISCARD, 0, 32768, NULL) && !file_byte("space", 4097) &&
	   blocks_of("space") < before, "discard=unmap gives it back");
	before = blocks_of("space");
	ok(!run(blk, BLOCK_WRITE, 32768, 32768, buf) && !file_byte("space", 40000) &&
	   blocks_of("space") < before, "detect-zeroes=unmap: so do zeros that are written");
	buf[100] = 7;
	ok(!run(blk, BLOCK_WRITE, 0, 512, buf) && file_byte("space", 100) == 7, "and nothing else");
	drop(blk);
}

/* Where nothing below would refuse it. */
static void limits(void)
{
	struct block_setup s = { .id = "null", .removable = true };
	const char *wrong;
	struct block *blk;
	uint8_t buf[1024];

	s.node = window_open(null_open(1 << 20, true, &wrong), 512, 1 << 19, &wrong);
	blk = block_create(&s, &wrong);
	ok(block_size(blk) == 1 << 19 && !run(blk, BLOCK_READ, (1 << 19) - 512, 512, buf) &&
	   run(blk, BLOCK_READ, 1 << 19, 512, buf) == -EINVAL, "a window ends where it ends");
	ok(run(blk, BLOCK_READ, UINT64_MAX - 511, 1024, buf) == -EINVAL &&
	   run(blk, BLOCK_DISCARD, 512, UINT64_MAX - 511, NULL) == -EINVAL, "numbers do, too");
	drop(blk);
	ok(!window_open(null_open(1 << 20, true, &wrong), 1 << 19, 1 << 20, &wrong) &&
	   !window_open(null_open(1 << 20, true, &wrong), 1 << 21, UINT64_MAX, &wrong) &&
	   !window_open(null_open(1 << 20, true, &wrong), 100, 512, &wrong),
	   "nor may a window reach beyond what it looks at");
	make_file("disc", 4096);
	s.options.aio = AIO_BEST;
	s.node = window_open(file_open(path_of("disc"), &s.options, false, &wrong), 1024, 1024, &wrong);
	s.id = "window";
	blk = block_create(&s, &wrong);
	ok(!run(blk, BLOCK_READ, 512, 512, buf) && buf[3] == pattern(1539), "and shows what is there");
	drop(blk);
}

static unsigned int told, told_stop;

static void hear(struct block *blk, enum block_op op, int err, enum block_on_error what)
{
	(void)blk;
	(void)op;
	told += err == -ENOSPC;
	told_stop += what == BLOCK_STOP;
}

static void now_is(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	dup3(fd, fd_of(last_node), O_CLOEXEC);
	close(fd);
}

/* Several that wait at once; and what ends their waiting besides. */
static void several(struct block *blk)
{
	static uint8_t buf[512];
	static const struct iovec iov = { buf, 512 };
	struct wait w[5];
	unsigned int i, ended;

	now_is("/dev/full", O_RDWR);
	told_stop = 0;
	for (i = 0; i < 5; i++) {
		w[i] = (struct wait){ .req = { .op = BLOCK_WRITE, .offset = 512 * i, .len = 512,
					       .iov = &iov, .nr_iov = 1 } };
		submit(blk, &w[i]);
	}
	while (told_stop < 5)
		loop_turn();
	now_is(path_of("full"), O_RDWR);
	block_retry_all();
	for (ended = i = 0; i < 5; i++)
		ended += !finish(&w[i]);
	ok(ended == 5, "all that wait are made again");
	now_is("/dev/full", O_RDWR);
	submit(blk, &w[0]);
	while (told_stop < 6)
		loop_turn();
	block_drain(blk);
	ok(w[0].ended && w[0].err == -ENOSPC, "a reset does not wait for the user");
	now_is(path_of("full"), O_RDONLY);
	told_stop = 0;
	ok(run(blk, BLOCK_WRITE, 0, 512, buf) == -EBADF && !told_stop,
	   "werror=enospc: other errors are reported");
}

/* rerror= and werror=, in the words of the device. */
static void on_errors(void)
{
	static const struct { unsigned int choice; int err; bool stops; } rows[] = {
		{ 1, -EBADF, false }, { 2, 0, false }, { 3, -EBADF, true },
	};
	uint8_t buf[512] = { 0 };
	const struct iovec iov = { buf, 512 };
	struct block_setup s = { .options = { .aio = AIO_BEST } };
	struct block *blk;
	unsigned int i, write;

	block_failed = hear;
	for (i = 0; i < 6; i++) {
		struct block_choice choice = { 0 };
		struct wait w = { .req = { .len = 512, .iov = &iov, .nr_iov = 1 } };

		write = i / 3;
		choice.on_read = write ? 1 : rows[i % 3].choice;
		choice.on_write = write ? rows[i % 3].choice : 1;
		w.req.op = write ? BLOCK_WRITE : BLOCK_READ;
		make_file("full", 4096);
		blk = disk("full", s, false);
		block_choose(blk, &choice);
		now_is(path_of("full"), write ? O_RDONLY : O_WRONLY);
		told_stop = 0;
		submit(blk, &w);
		while (!w.ended && !told_stop)
			loop_turn();
		ok(told_stop == rows[i % 3].stops && (told_stop || w.err == rows[i % 3].err),
		   "%s=%s", write ? "werror" : "rerror", block_write_choices[rows[i % 3].choice]);
		if (told_stop) {
			now_is(path_of("full"), O_RDWR);
			block_retry_all();
			ok(!finish(&w), "and made again it is well");
		}
		drop(blk);
	}
	block_failed = NULL;
}

/* /dev/full as a disk: whatever is written, there is no space. */
static void full_disk(void)
{
	uint8_t buf[512] = { 0 };
	const struct iovec iov = { buf, 512 };
	struct wait w = { .req = { .op = BLOCK_WRITE, .len = 512, .iov = &iov, .nr_iov = 1 } };
	struct block_setup s = { .on_write = ON_ERROR_ENOSPC, .options = { .aio = AIO_BEST } };
	struct block *blk;

	make_file("full", 4096);
	blk = disk("full", s, false);
	ok(run(blk, BLOCK_WRITE, 0, 512, buf) == 0, "a disk with room");
	now_is("/dev/full", O_RDWR);
	ok(run(blk, BLOCK_WRITE, 0, 512, buf) == -ENOSPC, "werror=enospc with nobody to pause: reported");
	block_failed = hear;
	submit(blk, &w);
	while (!told_stop)
		loop_turn();
	ok(!w.ended && told == 1, "werror=enospc: the request waits for the machine to go on");
	block_retry_all();
	while (told_stop < 2)
		loop_turn();
	ok(!w.ended, "and waits again while there is no space");
	now_is(path_of("full"), O_RDWR);
	block_retry_all();
	ok(finish(&w) == 0, "and ends when there is");
	several(blk);
	block_failed = NULL;
	drop(blk);
}

/* --- a flush reaches the disk --- */

#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

/* How many pages of the file wait to be written; -1: this kernel does not say. */
static long dirty_pages(const char *name)
{
	const struct { uint64_t off, len; } range = { 0, 0 };
	struct { uint64_t cached, dirty, writeback, evicted, recently; } cs;
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	long ret = syscall(__NR_cachestat, fd, &range, &cs, 0);

	close(fd);
	return ret ? -1 : (long)(cs.dirty + cs.writeback);
}

static void flushes(const char *what, struct block_setup s)
{
	static uint8_t buf[65536];
	struct block *blk;

	make_file("flush", sizeof(buf));
	blk = disk("flush", s, false);
	memset(buf, 0x5a, sizeof(buf));
	if (dirty_pages("flush")) {
		skip("the kernel does not count dirty pages here", "%s: flush", what);
		drop(blk);
		return;
	}
	run(blk, BLOCK_WRITE, 0, sizeof(buf), buf);
	ok(dirty_pages("flush") > 0, "%s: a write alone is in the page cache", what);
	run(blk, BLOCK_FLUSH, 0, 0, NULL);
	ok(!dirty_pages("flush"), "%s: after a flush it is on the disk", what);
	block_set_write_cache(blk, false);
	run(blk, BLOCK_WRITE, 0, sizeof(buf), buf);
	ok(!dirty_pages("flush"), "%s: writethrough: it is there when the write ends", what);
	run(blk, BLOCK_WRITE_ZEROES, 0, sizeof(buf), NULL);
	ok(!dirty_pages("flush"), "%s: zeros as well", what);
	drop(blk);
	s.options.no_flush = true;
	blk = disk("flush", s, false);
	run(blk, BLOCK_WRITE, 0, sizeof(buf), buf);
	run(blk, BLOCK_FLUSH, 0, 0, NULL);
	ok(dirty_pages("flush") > 0, "%s: cache=unsafe does not wait for the disk", what);
	drop(blk);
}

/* --- formats, locks, snapshots, media --- */

static void formats(void)
{
	uint8_t buf[1024] = "QFI\xfb";
	struct block_setup s = { .options = { .aio = AIO_BEST } };
	struct block *blk;

	make_file("guess", 4096);
	blk = disk("guess", s, true);
	ok(blk && !run(blk, BLOCK_WRITE, 512, 1024, buf), "a guessed raw disk: written elsewhere");
	ok(run(blk, BLOCK_WRITE, 0, 1024, buf) == -EPERM && file_byte("guess", 0) == pattern(0),
	   "but the guest may not make a qcow2 image of it");
	buf[0] = 'q';
	ok(!run(blk, BLOCK_WRITE, 0, 1024, buf) && file_byte("guess", 0) == 'q' &&
	   file_byte("guess", 1) == 'F', "other first sectors are fine");
	drop(blk);
	blk = disk("guess", s, false);
	buf[0] = 'Q';
	ok(!run(blk, BLOCK_WRITE, 0, 1024, buf), "with format=raw anything is");
	drop(blk);
	ok(!disk("guess", s, true), "and now it is not guessed to be raw");
}

static void locks(void)
{
	struct block_setup s = { .options = { .aio = AIO_BEST } }, ro = s;
	struct block *a, *b;

	ro.options.read_only = true;
	make_file("lock", 4096);
	a = disk("lock", s, false);
	ok(!disk("lock", s, false), "two writers of one image: refused");
	ok(!disk("lock", ro, false), "a reader beside a writer: refused");
	drop(a);
	a = disk("lock", ro, false);
	b = disk("lock", ro, false);
	ok(a && b, "two readers: fine");
	ok(!disk("lock", s, false), "a writer beside them: refused");
	drop(a);
	drop(b);
	b = disk("lock", s, false);
	ok(b, "and fine when they are gone");
	drop(b);
}

static void fails_above(void);

static void snapshots(void)
{
	static uint8_t model[DISK], mem[DISK];
	struct block_setup s = { .id = "over", .removable = true, .options = { .aio = AIO_BEST } };
	const char *wrong = NULL;
	struct block *blk;
	unsigned int i, bad = 0;

	make_file("base", DISK);
	s.options.read_only = true;
	s.node = file_open(path_of("base"), &s.options, false, &wrong);
	s.node = overlay_open(s.node, &wrong);
	blk = block_create(&s, &wrong);
	ok(blk && !block_read_only(blk), "snapshot: over an image that is only read");
	for (i = 0; i < DISK; i++)
		model[i] = pattern(i);
	for (i = 0; i < 500; i++) {
		uint64_t at = 512ull * rnd(DISK / 512), len = 512ull * (1 + rnd(i % 10 ? 40 : 2000));

		if (len > DISK - at)
			len = DISK - at;
		if (i % 3 == 0) {
			memset(mem, (int)i, len);
			memset(model + at, (int)i, len);
			bad += run(blk, BLOCK_WRITE, at, len, mem) != 0;
		} else if (i % 30 == 1) {
			memset(model + at, 0, len);
			bad += run(blk, BLOCK_WRITE_ZEROES, at, len, NULL) != 0;
		} else {
			bad += run(blk, BLOCK_READ, at, len, mem) || memcmp(mem, model + at, len);
		}
	}
	ok(!bad, "snapshot: what is written is read, what is not is the image's (%u bad)", bad);
	ok(!run(blk, BLOCK_READ, 0, DISK, mem) && !memcmp(mem, model, DISK), "snapshot: the whole");
	for (bad = i = 0; i < DISK; i += 511)
		bad += file_byte("base", i) != pattern(i);
	ok(!bad, "snapshot: the image is as it was");
	run(blk, BLOCK_WRITE_ZEROES, 0, DISK, NULL);
	drop(blk);
	fails_above();
}

/* A write that failed has changed nothing that can be read: the place is still the image's. */
static void fails_above(void)
{
	const struct rlimit none = { 0, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	struct block_setup s = { .id = "above", .removable = true,
				 .options = { .aio = AIO_THREADS, .read_only = true } };
	uint8_t mem[512] = { 1, 2, 3 };
	const char *wrong = NULL;
	struct block *blk;
	int err;

	s.node = overlay_open(file_open(path_of("base"), &s.options, false, &wrong), &wrong);
	blk = block_create(&s, &wrong);
	setrlimit(RLIMIT_FSIZE, &none); /* of standard output, too */
	err = run(blk, BLOCK_WRITE, 4096, 512, mem);
	setrlimit(RLIMIT_FSIZE, &all);
	ok(err == -EFBIG, "snapshot: a write that fails");
	ok(!run(blk, BLOCK_READ, 4096, 512, mem) && mem[1] == pattern(4097), "is not read");
	drop(blk);
}

static bool locked_tray;
static unsigned int changes;

static void changed(void *arg)
{
	(void)arg;
	changes++;
}

static bool may_eject(void *arg)
{
	(void)arg;
	return !locked_tray;
}

static void media(void)
{
	static const struct block_user user = { changed, may_eject };
	struct block *blk = block_create_empty("cd");
	uint8_t buf[512];

	make_file("disc", 4096);
	ok(!block_has_medium(blk) && run(blk, BLOCK_READ, 0, 512, buf) == -ENOMEDIUM, "an empty drive");
	ok(!block_attach(blk, &user, NULL, "cd0") && block_attach(blk, &user, NULL, "cd1"),
	   "one device takes it, another cannot");
	locked_tray = true;
	ok(block_change(blk, path_of("disc"), true) && !changes, "locked by the guest: no change");
	locked_tray = false;
	ok(block_change(blk, path_of("nothing"), true) && !block_has_medium(blk), "no such file");
	ok(!block_change(blk, path_of("disc"), true) && block_size(blk) == 4096 && changes == 1 &&
	   !run(blk, BLOCK_READ, 512, 512, buf) && buf[5] == pattern(517), "a medium");
	ok(block_change(blk, path_of("nothing"), true) && changes == 1 &&
	   !run(blk, BLOCK_READ, 512, 512, buf), "what is not there does not take its place");
	ok(!block_change(blk, path_of("disc"), false) && changes == 2 && !block_read_only(blk) &&
	   !run(blk, BLOCK_READ, 512, 512, buf), "the same, to be written");
	ok(!block_change(blk, path_of("disc"), false) && changes == 3, "and again, past its own lock");
	block_guest_eject(blk, true);
	ok(run(blk, BLOCK_READ, 0, 512, buf) == -ENOMEDIUM, "the guest opens the tray");
	block_guest_eject(blk, false);
	ok(!run(blk, BLOCK_READ, 0, 512, buf), "and closes it");
	drop(blk);
}

static void clean_up(void)
{
	static const char *const names[] = { "model", "many", "odd", "full", "flush", "guess", "lock",
					     "base", "disc", "space" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		unlink(path_of(names[i]));
	rmdir(dir);
}

int main(void)
{
	static const struct { const char *name; struct block_setup s; bool coarse; } ways[] = {
		{ "threads", { .options = { .aio = AIO_THREADS, .discard = true } } },
		{ "io_uring", { .options = { .aio = AIO_URING } } },
		{ "both, direct", { .options = { .aio = AIO_BEST, .direct = true } } },
		{ "threads, direct", { .options = { .aio = AIO_THREADS, .direct = true } } },
		{ "threads, direct, 4K", { .options = { .aio = AIO_THREADS, .direct = true } }, true },
		{ "io_uring, direct, 4K", { .options = { .aio = AIO_URING, .direct = true } }, true },
		{ "io_uring, direct", { .options = { .aio = AIO_URING, .direct = true, .discard = true } } },
	};
	unsigned int i;

	if (!mkdtemp(dir))
		return 1;
	loop_init();
	machine_lock();
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (ways[i].s.options.aio == AIO_URING && !aio_have_uring()) {
			skip("the host refuses it", "%s", ways[i].name);
			continue;
		}
		blocks_of_4k = ways[i].coarse;
		against_model(ways[i].name, ways[i].s);
		at_once(ways[i].name, ways[i].s);
		refusals(ways[i].name, ways[i].s);
		if (!ways[i].s.options.direct)
			flushes(ways[i].name, ways[i].s);
	}
	blocks_of_4k = false;
	giving_back();
	limits();
	full_disk();
	on_errors();
	formats();
	locks();
	snapshots();
	media();
	ok(!too_early, "done() was never called inside block_submit()");
	clean_up();
	return tap_done();
}
