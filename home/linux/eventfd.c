// SPDX-License-Identifier: GPL-2.0
/*
 * Eventfds of the host program. Who signals one calls us: a listener is an
 * entry in the eventfd's own wait queue, ahead of every sleeper, that takes
 * the count and calls the core, in an interrupt if the signal comes from one.
 *
 * A listener holds the eventfd's context, not its file: the host program may
 * close the descriptor, nobody can signal any more then, and the queue is
 * there for unlisten all the same. Where the queue is only a poll of the file
 * can tell, so that is asked once, in plat_eventfd_get.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "plat.h"
#include "compat.h"

struct listener {
	struct wait_queue_entry wait;
	struct plat_eventfd *e;
	struct listener *next;
	void (*fn)(void *arg);
	void (*closed)(void *arg);
	void *arg;
};

struct plat_eventfd {
	struct eventfd_ctx *ctx;
	wait_queue_head_t *queue;
	struct listener *listeners;	/* listen and unlisten are called under one lock */
};

struct find_queue {
	poll_table pt;
	wait_queue_head_t *queue;
};

static void found(struct file *f, wait_queue_head_t *queue, poll_table *pt)
{
	container_of(pt, struct find_queue, pt)->queue = queue;
}

struct plat_eventfd *plat_eventfd_get(int fd, int *err)
{
	struct find_queue q = {};
	struct plat_eventfd *e;
	struct file *f;

	f = eventfd_fget(fd);
	if (IS_ERR(f)) {
		*err = PTR_ERR(f);
		return NULL;
	}
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (e) {
		init_poll_funcptr(&q.pt, found);
		vfs_poll(f, &q.pt);
		e->queue = q.queue;
		e->ctx = eventfd_ctx_fileget(f);
	} else {
		*err = -ENOMEM;
	}
	fput(f);
	return e;
}

void plat_eventfd_put(struct plat_eventfd *e)
{
	eventfd_ctx_put(e->ctx);
	kfree(e);
}

void plat_eventfd_signal(struct plat_eventfd *e)
{
	compat_eventfd_signal(e->ctx);
}

bool plat_eventfd_same(struct plat_eventfd *a, struct plat_eventfd *b)
{
	return a->ctx == b->ctx;
}

/* The queue's lock is held, interrupts are off. Nonzero: nobody else need be woken. */
static int woken(struct wait_queue_entry *w, unsigned int mode, int sync, void *key)
{
	struct listener *l = container_of(w, struct listener, wait);
	u64 count = 0;

	if (key_to_poll(key) & EPOLLHUP) {
		l->closed(l->arg);
		return 0;
	}
	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	eventfd_ctx_do_read(l->e->ctx, &count);
	l->fn(l->arg);
	return 1;
}

int plat_eventfd_listen(struct plat_eventfd *e, void (*fn)(void *arg), void (*closed)(void *arg),
			void *arg)
{
	struct listener *l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	unsigned long flags;
	u64 count = 0;

	if (!l)
		return -ENOMEM;
	init_waitqueue_func_entry(&l->wait, woken);
	l->wait.flags = WQ_FLAG_EXCLUSIVE | WQ_FLAG_PRIORITY;
	l->e = e;
	l->fn = fn;
	l->closed = closed;
	l->arg = arg;
	l->next = e->listeners;
	e->listeners = l;
	spin_lock_irqsave(&e->queue->lock, flags);
	__add_wait_queue(e->queue, &l->wait);
	eventfd_ctx_do_read(e->ctx, &count);
	if (count)
		fn(arg);
	spin_unlock_irqrestore(&e->queue->lock, flags);
	return 0;
}

void plat_eventfd_unlisten(struct plat_eventfd *e, void *arg)
{
	struct listener **p = &e->listeners, *l;
	u64 count;

	while (*p && (*p)->arg != arg)
		p = &(*p)->next;
	l = *p;
	if (!l)
		return;
	*p = l->next;
	/* Waits for a call under way, which holds the queue's lock. */
	eventfd_ctx_remove_wait_queue(e->ctx, &l->wait, &count);
	kfree(l);
}
