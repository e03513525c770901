// SPDX-License-Identifier: LGPL-2.1-or-later
/* Back ends that record: a serial line, a disk in memory, a network cable. See world.h. */
#include <errno.h>

#include "tests/host/world.h"

/* --- a serial line --- */

void chardev_attach(struct chardev *chr, const struct chardev_user *user, void *arg)
{
	chr->user = user;
	chr->arg = arg;
}

unsigned int chardev_write(struct chardev *chr, uint8_t byte)
{
	if (chr->full)
		return 0;
	chr->out[chr->len++ % sizeof(chr->out)] = byte;
	return 1;
}

void chardev_input_ready(struct chardev *chr)
{
	(void)chr;
}

const char *chardev_id(const struct chardev *chr)
{
	(void)chr;
	return "line";
}

struct chardev *chardev_find(const char *id)
{
	(void)id;
	return NULL;
}

/* --- a disk in memory --- */

static struct block *disks[8];

struct block *make_disk(uint64_t size)
{
	struct block *blk = calloc(1, sizeof(*blk));
	unsigned int i;

	blk->data = calloc(1, size ? size : 1);
	blk->size = size;
	blk->id = "disk";
	blk->write_cache = blk->can_discard = true;
	for (i = 0; disks[i]; i++)
		;
	disks[i] = blk;
	return blk;
}

void free_disk(struct block *blk)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(disks); i++)
		if (disks[i] == blk)
			disks[i] = NULL;
	free(blk->data);
	free(blk);
}

unsigned int misfits;

static bool fits(const struct block *blk, const struct block_request *req)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < req->nr_iov && req->op <= BLOCK_WRITE; i++)
		sum += req->iov[i].iov_len;
	return req->op == BLOCK_FLUSH ||
	       (!((req->offset | req->len) & 511) && req->offset <= blk->size &&
		req->len <= blk->size - req->offset && (req->op > BLOCK_WRITE || sum == req->len));
}

static int carry_out(struct block *blk, struct block_request *req)
{
	uint64_t at = req->offset, left = req->len;
	int i;

	blk->requests[req->op]++;
	if (blk->fail)
		return blk->fail;
	if (req->op == BLOCK_FLUSH)
		return 0;
	if (blk->no_medium)
		return -ENOMEDIUM;
	if (!fits(blk, req))
		return -EINVAL;
	if (blk->bad && blk->bad >= at && blk->bad < at + left)
		return -EIO;
	if (req->op != BLOCK_READ && blk->read_only)
		return -EROFS;
	if (req->op == BLOCK_DISCARD || req->op == BLOCK_WRITE_ZEROES) {
		memset(blk->data + at, 0, left);
		return 0;
	}
	for (i = 0; i < req->nr_iov && left; i++) {
		size_t n = req->iov[i].iov_len < left ? req->iov[i].iov_len : left;

		if (req->op == BLOCK_READ)
			memcpy(req->iov[i].iov_base, blk->data + at, n);
		else
			memcpy(blk->data + at, req->iov[i].iov_base, n);
		at += n;
		left -= n;
	}
	return left ? -EINVAL : 0;
}

void block_submit(struct block *blk, struct block_request *req)
{
	struct block_request **p = &blk->waiting;

	misfits += !fits(blk, req);
	blk->stable += req->fua;
	blk->last = req->offset;
	while (*p)
		p = &(*p)->next;
	req->next = NULL;
	*p = req;
}

static bool run_disk(struct block *blk)
{
	struct block_request *req = blk->waiting;

	if (!req)
		return false;
	blk->waiting = req->next;
	req->done(req, carry_out(blk, req));
	return true;
}

void settle(void)
{
	unsigned int i;
	bool more;

	do {
		more = false;
		for (i = 0; i < ARRAY_SIZE(disks); i++)
			if (disks[i] && !disks[i]->hold && run_disk(disks[i]))
				more = true;
	} while (more);
}

void block_drain(struct block *blk)
{
	while (run_disk(blk))
		;
}

uint64_t block_size(const struct block *blk)
{
	return blk->no_medium ? 0 : blk->size;
}

bool block_read_only(const struct block *blk)
{
	return blk->read_only;
}

bool block_has_medium(const struct block *blk)
{
	return !blk->no_medium;
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
	return blk->can_discard;
}

const char *block_id(const struct block *blk)
{
	return blk->id;
}

const char *block_serial(const struct block *blk)
{
	return blk->serial;
}

bool block_geometry(const struct block *blk, unsigned int *cyls, unsigned int *heads,
		    unsigned int *sectors)
{
	(void)blk;
	(void)cyls;
	(void)heads;
	(void)sectors;
	return false;
}

const char *block_attach(struct block *blk, const struct block_user *user, void *arg,
			 const char *who)
{
	(void)who;
	blk->user = user;
	blk->arg = arg;
	return NULL;
}

void block_choose(struct block *blk, const struct block_choice *choice)
{
	blk->choice = *choice;
	if (choice->write_cache)
		blk->write_cache = choice->write_cache == 1;
}

void block_detach(struct block *blk)
{
	blk->user = NULL;
}

void block_guest_eject(struct block *blk, bool eject)
{
	blk->opened = eject;
}

struct block *block_find(const char *id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(disks); i++)
		if (disks[i] && !strcmp(disks[i]->id, id))
			return disks[i];
	return NULL;
}

/* --- a network cable --- */

const char *net_attach(struct netdev *nd, const struct net_user *user, void *arg, const char *who)
{
	(void)who;
	nd->user = user;
	nd->arg = arg;
	return NULL;
}

void net_send(struct netdev *nd, const struct iovec *iov, int nr_iov, const struct net_offload *off)
{
	int i;

	nd->len = 0;
	for (i = 0; i < nr_iov; i++) {
		size_t n = iov[i].iov_len;

		if (n > sizeof(nd->frame) - nd->len)
			n = sizeof(nd->frame) - nd->len;
		memcpy(nd->frame + nd->len, iov[i].iov_base, n);
		nd->len += n;
	}
	nd->off = off ? *off : (struct net_offload){ 0 };
	nd->sent++;
}

void net_send_queue(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		    const struct net_offload *off)
{
	nd->queue = queue;
	net_send(nd, iov, nr_iov, off);
}

void net_ready(struct netdev *nd)
{
	nd->asked++;
}

bool net_link(const struct netdev *nd)
{
	return nd->link;
}

void net_rx_filter_changed(struct netdev *nd)
{
	nd->filtered++;
}

void net_detach(struct netdev *nd)
{
	nd->user = NULL;
}

unsigned int net_queues(const struct netdev *nd)
{
	return nd->queues ? nd->queues : 1;
}

void net_set_queues(struct netdev *nd, unsigned int nr)
{
	nd->used_queues = nr;
}

bool net_has_offload(const struct netdev *nd)
{
	return nd->offload;
}

void net_set_offload(struct netdev *nd, unsigned int guest_takes)
{
	nd->guest_takes = guest_takes;
}

void net_default_mac(uint8_t mac[6])
{
	static const uint8_t first[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	memcpy(mac, first, 6);
}

struct netdev *netdev_find(const char *id)
{
	(void)id;
	return NULL;
}

const char *netdev_id(const struct netdev *nd)
{
	(void)nd;
	return "cable";
}

bool cable_receive(struct netdev *nd, const void *frame, size_t len)
{
	const struct iovec iov = { .iov_base = (void *)(uintptr_t)frame, .iov_len = len };

	return nd->user->receive(nd->arg, 0, &iov, 1, NULL);
}
