// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Network back ends by name, and the way of a frame between one of them and a card.
 *
 * To the back end a frame goes at once. To the card it goes when the card has room and when nothing
 * of the card's is on the stack: a back end that answers a frame inside send(), as slirp does, has
 * its answer wait for the event loop's next turn. What waits is bounded; a back end that can stop
 * reading does so while something waits (net_deliver() says false), from others frames are dropped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/event.h"
#include "host/net/backend.h"
#include "host/report.h"

struct net_frame {
	struct net_frame *next;
	struct net_offload off;
	bool has_off;
	size_t len;
	uint8_t data[];
};

static struct netdev *netdevs, **last_netdev = &netdevs;

/* --- pieces --- */

size_t iov_len(const struct iovec *iov, int nr_iov)
{
	size_t len = 0;
	int i;

	for (i = 0; i < nr_iov; i++)
		len += iov[i].iov_len;
	return len;
}

size_t iov_gather(const struct iovec *iov, int nr_iov, void *buf, size_t len)
{
	size_t done = 0, n;
	int i;

	for (i = 0; i < nr_iov && done < len; i++, done += n) {
		n = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
		memcpy((char *)buf + done, iov[i].iov_base, n);
	}
	return done;
}

/* --- names --- */

struct netdev *netdev_find(const char *id)
{
	struct netdev *nd;

	for (nd = netdevs; nd && strcmp(nd->id, id); nd = nd->next)
		;
	return nd;
}

struct netdev *netdev_first(void)
{
	return netdevs;
}

struct netdev *netdev_next(struct netdev *nd)
{
	return nd->next;
}

const char *netdev_id(const struct netdev *nd)
{
	return nd->id;
}

const char *netdev_user_name(const struct netdev *nd)
{
	return nd->user ? nd->who : NULL;
}

void netdev_describe(const struct netdev *nd, char *buf, size_t len)
{
	int n = snprintf(buf, len, "%s, link %s, %llu frames from the guest, %llu to it, %llu dropped",
			 nd->be->kind, nd->down ? "down" : "up", (unsigned long long)nd->sent,
			 (unsigned long long)nd->received, (unsigned long long)nd->dropped);

	if (n > 0 && (size_t)n + 3 < len && nd->be->describe) {
		memcpy(buf + n, "; ", 3);
		nd->be->describe(nd, buf + n + 2, len - (size_t)n - 2);
	}
}

bool netdev_has_forwards(const struct netdev *nd)
{
	return nd->be->forward;
}

const char *netdev_forward(struct netdev *nd, const char *rule, bool add)
{
	return nd->be->forward(nd, rule, add);
}

char *netdev_connections(struct netdev *nd)
{
	return nd->be->connections(nd);
}

void net_default_mac(uint8_t mac[6])
{
	static uint8_t next = 0x56;
	const uint8_t a[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, next++ };

	memcpy(mac, a, sizeof(a));
}

/* --- to the card --- */

static bool take_from(struct netdev *nd, unsigned int queue)
{
	struct net_wait *w = &nd->wait[queue];
	struct net_frame *f = w->first;
	struct iovec iov = { f->data, f->len };

	if (nd->user && !nd->down && !nd->user->receive(nd->arg, queue, &iov, 1,
							f->has_off ? &f->off : NULL))
		return false;
	w->first = f->next;
	if (!w->first)
		w->last = &w->first;
	w->nr--;
	free(f);
	return true;
}

static void flush(void *arg)
{
	struct netdev *nd = arg;
	unsigned int q;

	for (q = 0; q < nd->queues; q++) {
		struct net_wait *w = &nd->wait[q];

		while (w->first && take_from(nd, q))
			;
		if (!w->first && w->stopped) {
			w->stopped = false;
			nd->be->resume(nd, q);
		}
	}
}

static bool enqueue(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		    const struct net_offload *off)
{
	struct net_wait *w = &nd->wait[queue];
	size_t len = iov_len(iov, nr_iov);
	struct net_frame *f = NULL;

	if (w->nr < NET_QUEUE_FRAMES)
		f = malloc(sizeof(*f) + len);
	if (!f) {
		nd->dropped++;
	} else {
		f->next = NULL;
		f->has_off = off;
		if (off)
			f->off = *off;
		f->len = iov_gather(iov, nr_iov, f->data, len);
		*w->last = f;
		w->last = &f->next;
		w->nr++;
	}
	w->stopped = nd->be->resume;
	return !w->stopped;
}

static void show_filters(struct netdev *nd, const struct iovec *iov, int nr_iov)
{
	struct net_filter *f;

	for (f = nd->filters; f; f = f->next)
		f->frame(f, iov, nr_iov);
}

bool net_deliver(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		 const struct net_offload *off)
{
	if (!nd->user || nd->down) {
		nd->dropped++;
		return true;
	}
	nd->received++;
	if (nd->filters)
		show_filters(nd, iov, nr_iov);
	if (nd->sending) {
		loop_soon(&nd->flush);
		return enqueue(nd, queue, iov, nr_iov, off);
	}
	if (!nd->wait[queue].first && nd->user->receive(nd->arg, queue, iov, nr_iov, off))
		return true;
	return enqueue(nd, queue, iov, nr_iov, off);
}

/* --- for cards --- */

const char *net_attach(struct netdev *nd, const struct net_user *user, void *arg, const char *who)
{
	if (nd->user)
		return nd->who;
	nd->user = user;
	nd->arg = arg;
	nd->who = who;
	return NULL;
}

static void drop_all(struct netdev *nd)
{
	unsigned int q;

	for (q = 0; q < nd->queues; q++)
		while (nd->wait[q].first)
			take_from(nd, q);
}

void net_detach(struct netdev *nd)
{
	nd->user = NULL;
	drop_all(nd);
	loop_soon(&nd->flush);
}

void net_send_queue(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		    const struct net_offload *off)
{
	bool again = nd->sending;

	if (nd->down || queue >= nd->queues) {
		nd->dropped++;
		return;
	}
	/* A driver that asks for what was not offered is its own to blame. */
	if (off && !nd->offload && (off->flags & NET_NEEDS_CSUM || off->gso_type)) {
		nd->dropped++;
		return;
	}
	if (!nr_iov || iov_len(iov, nr_iov) > NET_MAX_FRAME) {
		nd->dropped++;
		return;
	}
	nd->sent++;
	if (nd->filters)
		show_filters(nd, iov, nr_iov);
	nd->sending = true;
	if (!nd->be->send(nd, queue, iov, nr_iov, nd->offload ? off : NULL))
		nd->dropped++;
	nd->sending = again;
}

void net_send(struct netdev *nd, const struct iovec *iov, int nr_iov, const struct net_offload *off)
{
	net_send_queue(nd, 0, iov, nr_iov, off);
}

void net_ready(struct netdev *nd)
{
	unsigned int q;

	for (q = 0; q < nd->queues; q++)
		if (nd->wait[q].first || nd->wait[q].stopped) {
			loop_soon(&nd->flush);
			return;
		}
}

bool net_link(const struct netdev *nd)
{
	return !nd->down;
}

void net_rx_filter_changed(struct netdev *nd)
{
	char path[128];

	if (nd->filter_told || !nd->who)
		return;
	nd->filter_told = true;
	snprintf(path, sizeof(path), "/machine/peripheral/%s", nd->who);
	event_send("NIC_RX_FILTER_CHANGED", EVENT_STR("name", nd->who), EVENT_STR("path", path));
}

unsigned int net_queues(const struct netdev *nd)
{
	return nd->queues;
}

void net_set_queues(struct netdev *nd, unsigned int nr)
{
	if (nd->be->set_queues)
		nd->be->set_queues(nd, nr);
}

bool net_has_offload(const struct netdev *nd)
{
	return nd->offload;
}

void net_set_offload(struct netdev *nd, unsigned int guest_takes)
{
	if (nd->offload)
		nd->be->set_offload(nd, guest_takes);
}

/* --- for the machine --- */

void netdev_set_link(struct netdev *nd, bool up)
{
	if (nd->down == !up)
		return;
	nd->down = !up;
	/* What waits is on the wire that was pulled. */
	if (!up) {
		drop_all(nd);
		loop_soon(&nd->flush);
	}
	if (nd->user && nd->user->link_changed)
		nd->user->link_changed(nd->arg, up);
}

bool netdev_rx_filter(struct netdev *nd, struct net_rx_filter *f)
{
	if (!nd->user || !nd->user->rx_filter)
		return false;
	*f = (struct net_rx_filter){ 0 };
	nd->user->rx_filter(nd->arg, f);
	nd->filter_told = false;
	return true;
}

void netdev_filter(struct netdev *nd, struct net_filter *f)
{
	f->next = nd->filters;
	nd->filters = f;
}

struct netdev *netdev_create(const struct net_backend *be, const char *id)
{
	struct netdev *nd = calloc(1, be->size);
	unsigned int q;

	if (!nd)
		die("out of memory for network back end %s", id);
	if (netdev_find(id))
		die("-netdev %s,id=%s: there is a network back end with this id already", be->kind, id);
	nd->be = be;
	nd->id = strdup(id);
	nd->queues = 1;
	nd->flush = (struct loop_hook){ .fn = flush, .arg = nd };
	for (q = 0; q < NET_MAX_QUEUES; q++)
		nd->wait[q].last = &nd->wait[q].first;
	*last_netdev = nd;
	last_netdev = &nd->next;
	return nd;
}

void netdev_open_all(void)
{
	struct netdev *nd;

	for (nd = netdevs; nd; nd = nd->next)
		nd->be->open(nd);
}
