// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a disk promises when the process is killed or the plug is pulled, for each cache= and each
 * engine, on a kernel of the tests' own (fake_kernel.h).
 *
 * Many requests at once, of all kinds and shapes, never two writes on one sector. Every write has a
 * number, and every word of a sector holds the number of its last write and the sector's own. When a
 * request ends we look: what ended is in the kernel, always (kill -9 takes nothing away); what had
 * ended before a flush was asked for is on the disk when the flush ends, unless cache=unsafe; with
 * writethrough, directsync or FUA every single write is. A read finds nothing older than what had
 * ended when it was asked for. What must fail does, with its own error, and nothing else does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/block/aio.h"
#include "host/block/drive.h"
#include "host/bus/bus.h"
#include "host/loop.h"
#include "host/options.h"
#include "tests/host/fake_kernel.h"
#include "tests/tap.h"

#define SECTORS 4001u			/* no whole number of blocks of 4 KiB */
#define BYTES (SECTORS * SECTOR)
#define WORDS (SECTOR / 8)
#define AT_ONCE 48
#define REQUESTS 4000
/* Few blocks for many requests. */
#define CROWD 1000
#define CROWD_FIRST 16u
#define CROWD_SECTORS 32u
/* Longer ones than the engine's buffer go where nothing is bad. */
#define LONG_FIRST 112u
#define LONG_END 3896u

static char dir[] = "/var/tmp/anykvm-power.XXXXXX";

enum promise { ON_FLUSH, EVERY_WRITE, NOTHING };

static const struct mode {
	const char *cache;
	enum promise promise;
	bool direct;
	uint32_t align;
} modes[] = {
	{ "writeback", ON_FLUSH, false, 512 },
	{ "none", ON_FLUSH, true, 512 },
	{ "none", ON_FLUSH, true, 4096 },
	{ "writethrough", EVERY_WRITE, false, 512 },
	{ "directsync", EVERY_WRITE, true, 512 },
	{ "directsync", EVERY_WRITE, true, 4096 },
	{ "unsafe", NOTHING, false, 512 },
};

/* The third takes the one or the other, request by request. */
static const char *const engines[] = { "aio=threads", "aio=io_uring", "" };

/* A disk and what we know of it: for each sector the number of ... */
struct disk {
	const struct mode *mode;
	const char *engine;
	struct fake_file file;
	struct block *blk;
	uint64_t ended[SECTORS];	/* the last write that has ended well */
	uint64_t begun[SECTORS];	/* and that was asked for */
	uint64_t zeroed[SECTORS];	/* and that makes zeros, or may make them */
	bool busy[SECTORS];		/* a write is under way */
	uint64_t number;
	unsigned int under_way, left;
	bool crowded;
	/* Findings. */
	unsigned int stale, lost, unstable, flushes, wrong_error, misread, done;
};

struct request {
	struct block_request req;
	struct disk *d;
	uint64_t first, nr, number;
	uint64_t *floor;		/* what had ended when it was asked for */
	uint8_t *mem;
	struct iovec iov[64];
};

/* --- looking --- */

/* A word that was read at @sector: nothing older than @floor, nothing that nobody wrote. */
static bool fits(const struct disk *d, uint64_t word, uint64_t sector, uint64_t floor)
{
	if (!word)
		return d->zeroed[sector] >= floor;
	return word % 4096 == sector && word / 4096 >= floor && word / 4096 <= d->begun[sector];
}

static bool sector_fits(const struct disk *d, const uint8_t *p, uint64_t sector, uint64_t floor)
{
	uint64_t word;
	unsigned int i;

	for (i = 0; i < WORDS; i++) {
		memcpy(&word, p + 8 * i, 8);
		if (!fits(d, word, sector, floor))
			return false;
	}
	return true;
}

/* Sectors of @data that are older than what @floor says. */
static unsigned int older(const struct disk *d, const uint8_t *data, uint64_t first, uint64_t nr,
			  const uint64_t *floor)
{
	unsigned int bad = 0;
	uint64_t i;

	for (i = 0; i < nr; i++)
		bad += !sector_fits(d, data + i * SECTOR, first + i, floor[i]);
	return bad;
}

/* What the request must end with. */
static int must_be(const struct disk *d, const struct block_request *req, uint64_t first, uint64_t nr)
{
	uint64_t unit = d->mode->direct ? d->mode->align / SECTOR : 1;
	uint64_t lo = first / unit * unit, hi = (first + nr + unit - 1) / unit * unit;
	const struct fake_bad *b;

	for (b = d->file.bad; b < d->file.bad + 3; b++)
		if (req->op != BLOCK_FLUSH && (req->op == BLOCK_READ ? b->reads : b->writes) &&
		    lo < b->to && b->from < hi)
			return b->err ? -b->err : -EIO;
	return 0;
}

static void look(struct request *r)
{
	static const uint8_t zeros[SECTOR];
	struct disk *d = r->d;
	bool stable = d->mode->promise == EVERY_WRITE ||
		      (r->req.fua && d->mode->promise == ON_FLUSH);

	uint64_t i;

	fake_lock();
	switch (r->req.op) {
	case BLOCK_FLUSH:
		d->flushes++;
		if (d->mode->promise != NOTHING)
			d->lost += older(d, d->file.stable, 0, SECTORS, r->floor);
		break;
	case BLOCK_READ:
		d->misread += older(d, r->iov[0].iov_base, r->first, r->nr, r->floor);
		break;
	case BLOCK_DISCARD:
		/* What it left behind stays so, whatever it is; zeros are as good as written ones. */
		for (i = r->first; i < r->first + r->nr; i++)
			if (!memcmp(d->file.cached + i * SECTOR, zeros, SECTOR))
				d->ended[i] = r->number;
		if (d->mode->promise == EVERY_WRITE)
			d->unstable += memcmp(d->file.stable + r->first * SECTOR,
					      d->file.cached + r->first * SECTOR, r->nr * SECTOR) != 0;
		break;
	default:
		d->stale += older(d, d->file.cached + r->first * SECTOR, r->first, r->nr,
				  d->ended + r->first);
		if (stable)
			d->unstable += older(d, d->file.stable + r->first * SECTOR, r->first, r->nr,
					     d->ended + r->first);
		break;
	}
	fake_unlock();
}

/* --- asking --- */

static bool writes(enum block_op op)
{
	return op != BLOCK_READ && op != BLOCK_FLUSH;
}

static void ended(struct block_request *req, int err)
{
	struct request *r = req->arg;
	struct disk *d = r->d;
	uint64_t i;

	for (i = r->first; i < r->first + r->nr && writes(req->op); i++) {
		d->busy[i] = false;
		if (!err && req->op != BLOCK_DISCARD)
			d->ended[i] = r->number;
	}
	/* A discard is a hint, which the kernel need not even look at. */
	if (err != must_be(d, req, r->first, r->nr) && (err || req->op != BLOCK_DISCARD)) {
		if (!d->wrong_error++)
			printf("# %s: operation %d at %llu+%llu ended with %d\n", d->mode->cache, req->op,
			       (unsigned long long)r->first, (unsigned long long)r->nr, err);
	} else if (!err) {
		look(r);
	}
	d->under_way--;
	d->done++;
	free(r->floor);
	free(r->mem);
	free(r);
}

/* Memory anywhere, in pieces of any length, though never of part of a word. */
static void shape(struct request *r)
{
	uint64_t len = r->nr * SECTOR, at = 0;
	uint8_t *p = r->mem + (fake_random(2) ? 0 : 8 * fake_random(512));
	int n = 0;

	while (at < len) {
		uint64_t piece = n == 63 ? len - at : 8 * (1 + fake_random(4096));

		if (fake_random(2))
			piece = (piece + 4095) & ~4095ull;
		if (piece > len - at)
			piece = len - at;
		r->iov[n++] = (struct iovec){ p + at, piece };
		at += piece;
	}
	r->req.iov = r->iov;
	r->req.nr_iov = n;
}

static void fill(struct request *r)
{
	uint64_t at = 0, word;
	int i;

	for (i = 0; i < r->req.nr_iov; i++) {
		uint8_t *p = r->iov[i].iov_base, *end = p + r->iov[i].iov_len;

		for (; p < end; p += 8, at += 8) {
			word = r->number * 4096 + r->first + at / SECTOR;
			memcpy(p, &word, 8);
		}
	}
}

/* Where a write may go: nobody else is writing there. */
static bool place(struct request *r)
{
	struct disk *d = r->d;
	uint64_t i;

	r->nr = 1 + fake_random(d->crowded ? 4 : 24);
	r->first = d->crowded ? CROWD_FIRST + fake_random(CROWD_SECTORS) :
				fake_random((unsigned int)(SECTORS - r->nr + 1));
	if (!d->crowded && !d->under_way && !fake_random(3)) {
		r->first = LONG_FIRST + fake_random(LONG_END - LONG_FIRST);
		r->nr = LONG_END - r->first;
	}
	for (i = r->first; i < r->first + r->nr && writes(r->req.op); i++)
		if (d->busy[i])
			return false;
	return true;
}

static void begin(struct request *r)
{
	struct disk *d = r->d;
	uint64_t i;

	r->number = ++d->number;
	for (i = r->first; i < r->first + r->nr && writes(r->req.op); i++) {
		d->busy[i] = true;
		if (r->req.op != BLOCK_DISCARD)
			d->begun[i] = r->number;
		if (r->req.op != BLOCK_WRITE)
			d->zeroed[i] = r->number;
	}
}

static void ask(struct disk *d, enum block_op op)
{
	struct request *r = calloc(1, sizeof(*r));

	*r = (struct request){ .d = d, .req = { .op = op, .done = ended, .arg = r,
						.fua = !fake_random(10), .unmap = fake_random(2) } };
	if (op != BLOCK_FLUSH && !place(r)) {
		free(r);
		return;
	}
	begin(r);
	r->floor = malloc((op == BLOCK_FLUSH ? SECTORS : r->nr) * 8);
	memcpy(r->floor, d->ended + r->first, (op == BLOCK_FLUSH ? SECTORS : r->nr) * 8);
	if (op <= BLOCK_WRITE) {
		if (posix_memalign((void **)&r->mem, 4096, r->nr * SECTOR + 8192))
			abort();
		shape(r);
	}
	if (op == BLOCK_WRITE)
		fill(r);
	r->req.offset = r->first * SECTOR;
	r->req.len = r->nr * SECTOR;
	d->under_way++;
	d->left--;
	block_submit(d->blk, &r->req);
}

/* --- the rows --- */

static void storm(struct disk *d, unsigned int requests)
{
	static const enum block_op ops[] = {
		BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE,
		BLOCK_READ, BLOCK_READ, BLOCK_READ, BLOCK_FLUSH, BLOCK_FLUSH, BLOCK_WRITE_ZEROES,
		BLOCK_DISCARD,
	};
	static const enum block_op crowd[] = { BLOCK_WRITE, BLOCK_DISCARD, BLOCK_DISCARD };
	unsigned int most;

	d->left = requests;
	while (d->left || d->under_way) {
		most = fake_random(10) ? AT_ONCE : 1;
		while (d->left && d->under_way < most)
			ask(d, d->crowded && fake_random(3) ? crowd[fake_random(ARRAY_SIZE(crowd))] :
			    ops[fake_random(ARRAY_SIZE(ops))]);
		loop_turn();
	}
}

static void row(struct disk *d)
{
	const struct mode *m = d->mode;
	char name[64];

	snprintf(name, sizeof(name), "cache=%s,%s, blocks of %u", m->cache, d->engine, m->align);
	fake_nasty = true;
	storm(d, REQUESTS);
	d->crowded = d->file.slow = true;
	storm(d, CROWD);
	d->file.slow = false;
	fake_nasty = false;
	ok(d->done == REQUESTS + CROWD && d->flushes > REQUESTS / 20, "%s: %u requests, %u flushes", name,
	   d->done, d->flushes);
	ok(!d->wrong_error, "%s: errors are those of the disk (%u are not)", name, d->wrong_error);
	ok(!d->stale, "%s: a write that has ended is in the kernel (%u sectors)", name, d->stale);
	ok(!d->misread, "%s: reads find what was written (%u sectors)", name, d->misread);
	ok(!d->lost, "%s: what ended before a flush is on the disk after it (%u sectors)", name, d->lost);
	ok(!d->unstable, "%s: a write that promises it is on the disk (%u sectors)", name, d->unstable);
	ok(d->file.direct == m->direct && !d->file.misfits,
	   "%s: goes past the page cache only if told to, and as that wants it", name);
	ok(m->promise != NOTHING || !d->file.syncs, "%s: unsafe waits for no disk", name);
	ok(m->promise == EVERY_WRITE || d->file.sync_writes < d->file.writes / 2,
	   "%s: nor does a write of itself", name);
	ok(d->file.size == BYTES, "%s: the file has its size", name);
}

static bool over;
static int result;

static void waited_for(struct block_request *req, int err)
{
	(void)req;
	over = true;
	result = err;
}

static int wait_for(struct block *blk, struct block_request *req)
{
	req->done = waited_for;
	over = false;
	block_submit(blk, req);
	while (!over)
		loop_turn();
	return result;
}

/*
 * A flush that fails: Linux takes what it could not write for clean, and the next fdatasync() says
 * that all is well. With O_DIRECT nothing waits in the page cache, and the next one may be believed.
 */
static void failing_flush(struct disk *d)
{
	uint8_t buf[4096] __attribute__((aligned(4096)));
	const struct iovec iov = { buf, sizeof(buf) };
	struct block_request flush = { .op = BLOCK_FLUSH };
	struct block_request write = { .op = BLOCK_WRITE, .len = sizeof(buf), .iov = &iov, .nr_iov = 1 };
	const struct mode *m = d->mode;
	int first, second;
	bool there;

	if (m->promise == NOTHING)
		return;
	memset(buf, 0xa5, sizeof(buf));
	d->file.failing_syncs = 1;
	first = m->promise == ON_FLUSH ? wait_for(d->blk, &write) : 0;
	first = first ? first : wait_for(d->blk, &flush);
	ok(first == -EIO, "cache=%s,%s: a flush that fails says so", m->cache, d->engine);
	second = wait_for(d->blk, &flush);
	there = m->promise == EVERY_WRITE || !memcmp(d->file.stable, buf, sizeof(buf));
	ok(second ? !m->direct : there,
	   "cache=%s,%s: and the next one is no better, if what was written is gone", m->cache,
	   d->engine);
	if (m->promise == ON_FLUSH)
		return;
	d->file.failing_syncs = 1;
	ok(wait_for(d->blk, &write) == -EIO && wait_for(d->blk, &write) == 0 &&
	   !memcmp(d->file.stable, buf, sizeof(buf)),
	   "cache=%s,%s: a write that fails is written anew", m->cache, d->engine);
}

/* --- drives, as the command line makes them --- */

extern const struct option_group *const __start_anykvm_options[];

static void set_up(struct disk *d, unsigned int n)
{
	const struct option_group *g = *__start_anykvm_options;
	char *path, *word;
	unsigned int i;
	int fd;

	if (asprintf(&path, "%s/%u", dir, n) < 0 ||
	    asprintf(&word, "file=%s,format=raw,if=none,id=d%u,cache=%s,discard=unmap%s%s", path, n,
		     d->mode->cache, *d->engine ? "," : "", d->engine) < 0)
		abort();
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, BYTES))
		abort();
	close(fd);
	d->file = (struct fake_file){
		.path = path, .size = BYTES, .align = d->mode->align,
		/* A write error makes flushes suspect where there is a page cache; no space does not. */
		.bad = { { 96, 104, EIO, true, d->mode->direct },
			 { 3904, 3912, ENOSPC, false, true },
			 { 3960, 3968, 0, false, d->mode->direct } },
	};
	fake_file(&d->file);
	for (i = 0; i < g->nr; i++)
		if (!strcmp(g->options[i].name, "drive"))
			g->options[i].parse(NULL, word);
}

int main(void)
{
	static struct disk disks[ARRAY_SIZE(modes) * ARRAY_SIZE(engines)];
	unsigned int i;
	char id[8];

	if (!mkdtemp(dir))
		return 1;
	loop_init();
	machine_lock();
	for (i = 0; i < ARRAY_SIZE(disks); i++) {
		disks[i].mode = &modes[i / ARRAY_SIZE(engines)];
		disks[i].engine = engines[i % ARRAY_SIZE(engines)];
		set_up(&disks[i], i);
	}
	(*__start_anykvm_options)->open(NULL);
	for (i = 0; i < ARRAY_SIZE(disks); i++) {
		snprintf(id, sizeof(id), "d%u", i);
		disks[i].blk = block_find(id);
		row(&disks[i]);
		failing_flush(&disks[i]);
		unlink(disks[i].file.path);
	}
	rmdir(dir);
	return tap_done();
}
