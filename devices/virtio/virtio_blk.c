// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Block device: Virtual I/O Device (VIRTIO) Version 1.2, section 5.2.
 *
 * A request is a chain: a header to read, data either way, and a byte of status to write at its very
 * end, in pieces cut anywhere. Data goes between the disk and guest memory in place.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtio.h"
#include "host/block/block.h"

enum {
	F_SEG_MAX = 2, F_GEOMETRY = 4, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10,
	F_CONFIG_WCE = 11, F_MQ = 12, F_DISCARD = 13, F_WRITE_ZEROES = 14,
};
#define BIT(n) (1ull << (n))

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

#define SECTOR 512u
#define ID_LEN 20u
#define MAX_SEGMENTS 32u		/* ranges of one discard or write-zeroes request */
#define MAX_DISCARD (1u << 22)		/* sectors of one range: 2 GiB */
#define UNMAP 1u			/* flag of a range */

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t nr, flags;
};

/* struct virtio_blk_config (5.2.4). */
struct blk_config {
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_exp, alignment_offset;
	uint16_t min_io;
	uint32_t opt_io;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard, max_discard_seg, discard_alignment;
	uint32_t max_zeroes, max_zeroes_seg;
	uint8_t zeroes_may_unmap, unused1[3];
} __attribute__((packed));

_Static_assert(sizeof(struct blk_config) == 60, "the specification's");

struct virtio_blk {
	struct virtio_dev v;
	/* Properties. */
	struct block *blk;
	const char *serial;
	uint64_t num_queues, queue_size, logical, physical, min_io, opt_io;
	bool config_wce, discard, write_zeroes;
	struct block_choice choice;
	/* The driver's. */
	bool writeback;
	/* Neighbours that are taken together; see gather(). */
	struct {
		struct request *first, *last;
		unsigned int nr_iov;
		uint64_t len;
		enum block_op op;		/* of the one before */
		uint64_t end;			/* where it ended */
		unsigned int under_way;
	} run;
};

#define MAX_RUN (256u << 10)	/* bytes */
#define DEEP 4u			/* runs at the disk, with which it has enough to do */

struct request {
	struct block_request req;
	struct virtio_blk *b;
	struct virtio_chain *c;
	unsigned int queue;
	uint32_t type, moved;		/* @moved: bytes of the in-part that were written */
	unsigned int nr_ranges, next_range;
	struct range range[MAX_SEGMENTS];
	unsigned int nr_maps, max_maps;
	struct dma_map *map;
	struct iovec *iov;
	uint64_t len;
	struct request *with;		/* the next of a run */
	struct iovec *run_iov;		/* of a run's first: everybody's */
};

static struct virtio_blk *to_blk(struct virtio_dev *v)
{
	return (struct virtio_blk *)(void *)v;
}

/* --- the end of a request --- */

/* Of its in-part, how many bytes from the start are valid: all, or not even the first. */
static uint32_t valid(const struct request *r, uint8_t status)
{
	if (r->c->in_len == 1)
		return 1;
	return status == S_OK && r->moved + 1ull == r->c->in_len ? r->moved + 1 : 0;
}

static void finish(struct request *r, uint8_t status)
{
	struct virtio_dev *v = &r->b->v;
	unsigned int i;

	for (i = 0; i < r->nr_maps; i++)
		dma_unmap(v->bus, &r->map[i], r->map[i].len);
	virtio_write(v, r->c, r->c->in_len - 1, &status, 1);
	virtio_done(v, r->queue, r->c, valid(r, status));
	virtio_notify(v, r->queue);
	free(r->map);
	free(r->iov);
	free(r);
}

/* --- runs --- */

/*
 * Reads, or writes, that the driver made available together, and of which each begins where the one
 * before ended, go to the disk as one. While the disk has enough to do, a run that goes on where the
 * last one ended waits for more of its kind, until something has ended there. Should a run fail, each
 * of its requests goes by itself: none answers for another.
 */

static void to_disk(struct virtio_blk *b, struct request *r)
{
	b->run.under_way++;
	block_submit(b->blk, &r->req);
}

static void each_alone(struct request *r)
{
	struct request *next;

	free(r->run_iov);
	r->run_iov = NULL;
	for (; r; r = next) {
		next = r->with;
		r->with = NULL;
		r->req.iov = r->iov;
		r->req.nr_iov = (int)r->nr_maps;
		r->req.len = r->len;
		to_disk(r->b, r);
	}
}

static void submit_run(struct virtio_blk *b)
{
	struct request *r = b->run.first, *each;
	struct iovec *to;

	b->run.first = NULL;
	if (!r)
		return;
	b->run.op = r->req.op;
	b->run.end = r->req.offset + b->run.len;
	if (r->with)
		r->run_iov = calloc(b->run.nr_iov, sizeof(*to));
	if (!r->run_iov) {
		each_alone(r);
		return;
	}
	to = r->run_iov;
	for (each = r; each; each = each->with) {
		memcpy(to, each->iov, each->nr_maps * sizeof(*to));
		to += each->nr_maps;
	}
	r->req.iov = r->run_iov;
	r->req.nr_iov = (int)b->run.nr_iov;
	r->req.len = b->run.len;
	to_disk(b, r);
}

static bool may_wait(const struct virtio_blk *b)
{
	const struct request *r = b->run.first;

	return r && b->run.under_way >= DEEP &&
	       (r->with || (r->req.op == b->run.op && r->req.offset == b->run.end));
}

static void gather(struct request *r)
{
	struct virtio_blk *b = r->b;
	const struct request *first = b->run.first;

	if (first && first->req.op == r->req.op && first->req.fua == r->req.fua &&
	    first->req.offset + b->run.len == r->req.offset && b->run.len + r->len <= MAX_RUN &&
	    b->run.nr_iov + r->nr_maps <= IOV_MAX) {
		b->run.last->with = r;
	} else {
		submit_run(b);
		b->run.first = r;
		b->run.nr_iov = 0;
		b->run.len = 0;
	}
	b->run.last = r;
	b->run.nr_iov += r->nr_maps;
	b->run.len += r->len;
}

static void finish_run(struct request *r)
{
	struct request *next;

	free(r->run_iov);
	for (; r; r = next) {
		next = r->with;
		finish(r, S_OK);
	}
}

static void next_range(struct request *r);

static void done(struct block_request *req, int err)
{
	struct request *r = req->arg;
	struct virtio_blk *b = r->b;

	if (req->op <= BLOCK_WRITE)
		b->run.under_way--;
	if (err && r->with)
		each_alone(r);
	else if (!err && r->next_range < r->nr_ranges)
		next_range(r);
	else if (err)
		finish(r, S_IOERR);
	else
		finish_run(r);
	if (!may_wait(b))
		submit_run(b);
}

/* Does a write last only until a flush? (5.2.6.2) */
static bool write_cache(const struct virtio_blk *b)
{
	if (virtio_has(&b->v, F_CONFIG_WCE))
		return b->writeback;
	return virtio_has(&b->v, F_FLUSH);
}

static void submit(struct request *r, enum block_op op, uint64_t sector, uint64_t len)
{
	r->req.op = op;
	r->req.fua = !write_cache(r->b) && (op == BLOCK_WRITE || op == BLOCK_WRITE_ZEROES);
	r->req.offset = sector * SECTOR;
	r->req.len = r->len = len;
	r->req.done = done;
	r->req.arg = r;
	if (op <= BLOCK_WRITE)
		gather(r);
	else
		block_submit(r->b->blk, &r->req);
}

/* Does it lie inside the disk? Nothing overflows after that. */
static bool inside(const struct request *r, uint64_t sector, uint64_t len)
{
	uint64_t size = block_size(r->b->blk);

	return len % SECTOR == 0 && sector <= size / SECTOR && len <= size - sector * SECTOR;
}

/* --- reading and writing --- */

static bool add_map(struct request *r, uint64_t gpa, uint64_t len, bool write)
{
	while (len) {
		struct dma_map *m;

		if (r->nr_maps == r->max_maps) {
			unsigned int room = r->max_maps ? 2 * r->max_maps : 16;
			struct dma_map *maps = realloc(r->map, room * sizeof(*maps));

			if (!maps)
				return false;
			r->map = maps;
			r->max_maps = room;
		}
		m = &r->map[r->nr_maps];
		/* Not memory; or a hostile guest's many little windows of it. */
		if (r->nr_maps == IOV_MAX || !dma_map(r->b->v.bus, m, gpa, len, write))
			return false;
		r->nr_maps++;
		gpa += m->len;
		len -= m->len;
	}
	return true;
}

/* Bytes [@off, @off + @len) of a side of the chain, in place; they are there. */
static bool map_pieces(struct request *r, const struct virtio_piece *p, uint64_t off, uint64_t len,
		       bool write)
{
	unsigned int i;

	for (; off >= p->len; p++)
		off -= p->len;
	for (; len; p++) {
		uint64_t n = p->len - off < len ? p->len - off : len;

		if (!add_map(r, p->gpa + off, n, write))
			return false;
		len -= n;
		off = 0;
	}
	r->iov = calloc(r->nr_maps, sizeof(*r->iov));
	if (!r->iov)
		return false;
	for (i = 0; i < r->nr_maps; i++)
		r->iov[i] = (struct iovec){ r->map[i].host, r->map[i].len };
	r->req.iov = r->iov;
	r->req.nr_iov = (int)r->nr_maps;
	return true;
}

static void transfer(struct request *r, const struct header *h)
{
	bool in = r->type == T_IN;
	uint64_t len = in ? r->c->in_len - 1 : r->c->out_len - sizeof(*h);

	if (len > UINT32_MAX - 1 || !inside(r, h->sector, len)) {
		finish(r, S_IOERR);
	} else if (!len) {
		finish(r, S_OK);
	} else if (!map_pieces(r, in ? r->c->in : r->c->out, in ? 0 : sizeof(*h), len, in)) {
		finish(r, S_IOERR);
	} else {
		r->moved = in ? (uint32_t)len : 0;
		submit(r, in ? BLOCK_READ : BLOCK_WRITE, h->sector, len);
	}
}

/* --- the other requests --- */

static void flush(struct request *r, const struct header *h)
{
	(void)h;
	submit(r, BLOCK_FLUSH, 0, 0);
}

static void get_id(struct request *r, const struct header *h)
{
	const char *serial = r->b->serial ? r->b->serial : block_serial(r->b->blk);
	uint64_t room = r->c->in_len - 1;
	char id[ID_LEN] = "";

	(void)h;
	if (serial)
		memcpy(id, serial, strnlen(serial, ID_LEN));
	r->moved = (uint32_t)virtio_write(&r->b->v, r->c, 0, id, room < ID_LEN ? room : ID_LEN);
	finish(r, S_OK);
}

static void next_range(struct request *r)
{
	const struct range *range = &r->range[r->next_range++];

	r->req.unmap = range->flags & UNMAP;
	submit(r, r->type == T_DISCARD ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES, range->sector,
	       (uint64_t)range->nr * SECTOR);
}

/* Discard and write zeroes: all ranges are looked at before the first is done. */
static void ranges(struct request *r, const struct header *h)
{
	uint64_t len = r->c->out_len - sizeof(*h);
	uint32_t flags = r->type == T_DISCARD ? 0 : UNMAP;
	unsigned int i;

	if (!len || len % sizeof(struct range) || len > sizeof(r->range)) {
		finish(r, S_IOERR);
		return;
	}
	virtio_read(&r->b->v, r->c, sizeof(*h), r->range, len);
	r->nr_ranges = (unsigned int)(len / sizeof(struct range));
	for (i = 0; i < r->nr_ranges; i++) {
		const struct range *range = &r->range[i];

		if (range->flags & ~flags) {
			finish(r, S_UNSUPP);
			return;
		}
		if (range->nr > MAX_DISCARD ||
		    !inside(r, range->sector, (uint64_t)range->nr * SECTOR)) {
			finish(r, S_IOERR);
			return;
		}
	}
	next_range(r);
}

static const struct {
	uint32_t type;
	uint64_t needs;			/* features, any */
	void (*fn)(struct request *r, const struct header *h);
} kinds[] = {
	{ T_IN, 0, transfer },
	{ T_OUT, 0, transfer },
	{ T_FLUSH, 0, flush },
	{ T_GET_ID, 0, get_id },
	{ T_DISCARD, BIT(F_DISCARD), ranges },
	{ T_WRITE_ZEROES, BIT(F_WRITE_ZEROES), ranges },
};

static void begin(struct virtio_blk *b, unsigned int queue, struct virtio_chain *c)
{
	struct request *r = calloc(1, sizeof(*r));
	struct header h;
	unsigned int i;

	if (!r || !c->in_len || virtio_read(&b->v, c, 0, &h, sizeof(h)) != sizeof(h)) {
		virtio_break(&b->v, r ? "a request without header or status" :
					"the host has no memory left");
		virtio_done(&b->v, queue, c, 0);
		free(r);
		return;
	}
	r->b = b;
	r->c = c;
	r->queue = queue;
	r->type = h.type;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == h.type &&
		    (!kinds[i].needs || kinds[i].needs & b->v.features)) {
			kinds[i].fn(r, &h);
			return;
		}
	finish(r, S_UNSUPP);
}

static void notified(struct virtio_dev *v, unsigned int n)
{
	struct virtio_blk *b = to_blk(v);
	struct virtio_chain *c;

	/* While we take, the driver need not say that there is more. */
	do {
		virtio_want_notify(v, n, false);
		while ((c = virtio_next(v, n)))
			begin(b, n, c);
		if (!may_wait(b))
			submit_run(b);
	} while (virtio_want_notify(v, n, true));
}

/* --- configuration --- */

static void config_read(struct virtio_dev *v, uint8_t *config)
{
	const struct virtio_blk *b = to_blk(v);
	unsigned int cyls = 0, heads = 0, sectors = 0, exp = 0;
	struct blk_config c = {
		.capacity = block_size(b->blk) / SECTOR,
		.seg_max = (uint32_t)b->queue_size - 2,
		.blk_size = (uint32_t)b->logical,
		.min_io = (uint16_t)(b->min_io / b->logical),
		.opt_io = (uint32_t)(b->opt_io / b->logical),
		.writeback = b->writeback,
		.num_queues = (uint16_t)b->num_queues,
		.max_discard = MAX_DISCARD, .max_discard_seg = MAX_SEGMENTS,
		.discard_alignment = (uint32_t)(b->logical / SECTOR),
		.max_zeroes = MAX_DISCARD, .max_zeroes_seg = MAX_SEGMENTS,
		.zeroes_may_unmap = block_can_discard(b->blk),
	};

	while (b->logical << exp < b->physical)
		exp++;
	c.physical_exp = (uint8_t)exp;
	if (block_geometry(b->blk, &cyls, &heads, &sectors)) {
		c.cylinders = (uint16_t)cyls;
		c.heads = (uint8_t)heads;
		c.sectors = (uint8_t)sectors;
	}
	memcpy(config, &c, sizeof(c));
}

static void config_written(struct virtio_dev *v, const uint8_t *config, unsigned int off,
			   unsigned int len)
{
	const unsigned int at = offsetof(struct blk_config, writeback);

	/* Nothing else may be written. Writes that follow are stable one by one, or not. */
	if (off <= at && at < off + len && virtio_has(v, F_CONFIG_WCE))
		to_blk(v)->writeback = config[at] & 1;
}

/* --- life --- */

static void medium_changed(void *arg)
{
	virtio_config_changed(arg);
}

static bool may_eject(void *arg)
{
	(void)arg;
	return false;		/* the guest takes it for a fixed disk */
}

static const struct block_user user = { medium_changed, may_eject };

static bool power_of_two(uint64_t n)
{
	return !(n & (n - 1));
}

static const char *realize(struct virtio_dev *v)
{
	struct virtio_blk *b = to_blk(v);
	unsigned int a, c, d;
	const char *wrong;

	if (!b->blk)
		return "needs drive=ID, of a -drive with if=none or a -blockdev";
	if (!block_has_medium(b->blk))
		return "its drive has no medium, and it is a fixed disk";
	if (!power_of_two(b->queue_size))
		return "queue-size must be a power of two";
	if (!power_of_two(b->logical) || !power_of_two(b->physical) || b->physical < b->logical)
		return "logical_block_size and physical_block_size must be powers of two, the second no smaller";
	if (b->serial && strlen(b->serial) > ID_LEN)
		return "serial may have 20 characters";
	wrong = block_attach(b->blk, &user, v, v->dev->id ? v->dev->id : v->dev->cls->name);
	if (wrong)
		return wrong;
	block_choose(b->blk, &b->choice);
	v->offered |= BIT(F_SEG_MAX) | BIT(F_BLK_SIZE) | BIT(F_TOPOLOGY) | BIT(F_FLUSH);
	if (b->config_wce)
		v->offered |= BIT(F_CONFIG_WCE);
	if (b->num_queues > 1)
		v->offered |= BIT(F_MQ);
	if (block_read_only(b->blk))
		v->offered |= BIT(F_RO);
	if (block_geometry(b->blk, &a, &c, &d))
		v->offered |= BIT(F_GEOMETRY);
	if (b->discard && block_can_discard(b->blk) && !block_read_only(b->blk))
		v->offered |= BIT(F_DISCARD);
	if (b->write_zeroes && !block_read_only(b->blk))
		v->offered |= BIT(F_WRITE_ZEROES);
	for (a = 0; a < b->num_queues; a++)
		virtio_add_queue(v, (unsigned int)b->queue_size, notified);
	return NULL;
}

/* Nothing is gathered and nothing at the disk. */
static void drain(struct virtio_blk *b)
{
	submit_run(b);
	block_drain(b->blk);
}

static void reset(struct virtio_dev *v)
{
	struct virtio_blk *b = to_blk(v);

	drain(b);
	b->writeback = block_write_cache(b->blk);
}

static void queue_reset(struct virtio_dev *v, unsigned int n)
{
	(void)n;
	drain(to_blk(v));
}

static void unrealize(struct virtio_dev *v)
{
	drain(to_blk(v));
	block_detach(to_blk(v)->blk);
}

static const struct device_prop props[] = {
	{ "drive", PROP_BLOCK, offsetof(struct virtio_blk, blk), "the disk" },
	BLOCK_CHOICE_PROPS(struct virtio_blk, choice),
	{ "serial", PROP_STRING, offsetof(struct virtio_blk, serial),
	  "up to 20 characters (default: the drive's)" },
	{ "num-queues", PROP_U64, offsetof(struct virtio_blk, num_queues), "queues", "1", 1,
	  VIRTIO_QUEUES_MAX },
	{ "queue-size", PROP_U64, offsetof(struct virtio_blk, queue_size), "entries a queue", "256",
	  4, VIRTIO_QUEUE_MAX },
	{ "config-wce", PROP_BOOL, offsetof(struct virtio_blk, config_wce),
	  "the guest may turn the write cache off", "on" },
	{ "discard", PROP_BOOL, offsetof(struct virtio_blk, discard),
	  "offer discard where the drive has it", "on" },
	{ "write-zeroes", PROP_BOOL, offsetof(struct virtio_blk, write_zeroes),
	  "offer writing of zeroes", "on" },
	{ "logical_block_size", PROP_SIZE, offsetof(struct virtio_blk, logical), "bytes", "512", 512,
	  32768 },
	{ "physical_block_size", PROP_SIZE, offsetof(struct virtio_blk, physical), "bytes", "512",
	  512, 1 << 20 },
	{ "min_io_size", PROP_SIZE, offsetof(struct virtio_blk, min_io),
	  "bytes of a request that is not slow; 0: not said", "0", 0, 1 << 24 },
	{ "opt_io_size", PROP_SIZE, offsetof(struct virtio_blk, opt_io),
	  "bytes of the best request; 0: not said", "0", 0, 1 << 30 },
};

static const struct virtio_class virtio_blk = {
	.name = "virtio-blk",
	.what = "virtio disk",
	.missing = "secure erase, lifetime, zoned disks",
	.id = VIRTIO_ID_BLOCK,
	.pci_transitional = 0x1001,
	.pci_class = 0x010000,
	.boot_node = "disk@0,0",
	.size = sizeof(struct virtio_blk),
	.props = props,
	.nr_props = ARRAY_SIZE(props),
	.config_len = sizeof(struct blk_config),
	.realize = realize,
	.unrealize = unrealize,
	.reset = reset,
	.queue_reset = queue_reset,
	.config_read = config_read,
	.config_written = config_written,
};
VIRTIO_REGISTER(virtio_blk);
