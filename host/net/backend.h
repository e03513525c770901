/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a network back end is to net.c: a row of net_backends[], its words, and two directions.
 */
#ifndef ANYKVM_HOST_NET_BACKEND_H
#define ANYKVM_HOST_NET_BACKEND_H

#include "host/keyval.h"
#include "host/loop.h"
#include "host/net/net.h"

/* Of frames that wait for a guest, a queue. Slirp has no other brake than what is dropped here. */
#define NET_QUEUE_FRAMES 1024u

struct net_frame;
struct net_filter;

struct net_backend {
	const char *kind, *help;
	size_t size;			/* of its own struct, which begins with struct netdev */
	/* Words only: takes its keys out of @kv, and dies when they are wrong. */
	void (*parse)(struct netdev *nd, struct keyval *kv);
	/* Opens what it needs, or dies. */
	void (*open)(struct netdev *nd);
	/* False: it was dropped. */
	bool (*send)(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		     const struct net_offload *off);
	/* After net_deliver() said false: the queue is empty again. */
	void (*resume)(struct netdev *nd, unsigned int queue);
	void (*set_queues)(struct netdev *nd, unsigned int nr);
	void (*set_offload)(struct netdev *nd, unsigned int guest_takes);
	void (*describe)(const struct netdev *nd, char *buf, size_t len);
	/* Of the user network alone; see net.h. */
	const char *(*forward)(struct netdev *nd, const char *rule, bool add);
	char *(*connections)(struct netdev *nd);
};

extern const struct net_backend net_slirp, net_tap, net_socket;

struct netdev {
	const struct net_backend *be;
	struct netdev *next;
	const char *id;
	const struct net_user *user;
	void *arg;
	const char *who;
	bool down;			/* the cable is pulled */
	bool offload;			/* the back end's: it takes struct net_offload */
	bool sending;			/* inside ->send() */
	bool filter_told;		/* that it has changed, and nobody has looked since */
	unsigned int queues;		/* the back end's, at least 1 */
	struct net_wait {
		struct net_frame *first, **last;
		unsigned int nr;
		bool stopped;		/* the back end waits for ->resume() */
	} wait[NET_MAX_QUEUES];
	struct loop_hook flush;
	struct net_filter *filters;
	uint64_t sent, received, dropped;
};

/* Somebody who sees every frame, in both directions. */
struct net_filter {
	struct net_filter *next;
	void (*frame)(struct net_filter *f, const struct iovec *iov, int nr_iov);
};

/* A back end of kind @be with the name @id, to be parsed and opened; dies when the name is taken. */
struct netdev *netdev_create(const struct net_backend *be, const char *id);
void netdev_filter(struct netdev *nd, struct net_filter *f);
void netdev_open_all(void);
void net_dumps_open(void);

/*
 * A frame for the guest, from the event loop or from inside ->send(). It is taken in every case;
 * false: read no more before ->resume().
 */
bool net_deliver(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		 const struct net_offload *off);

size_t iov_len(const struct iovec *iov, int nr_iov);
/* Copies up to @len bytes together; how many there were. */
size_t iov_gather(const struct iovec *iov, int nr_iov, void *buf, size_t len);

#endif
