// SPDX-License-Identifier: LGPL-2.1-or-later
/* Nodes by name, and the small kinds: nothing at all, and a window into another. See node.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/block/aio.h"
#include "host/report.h"

static struct node *named;

struct io *io_new(enum block_op op, uint64_t offset, uint64_t len)
{
	struct io *io = calloc(1, sizeof(*io));

	if (io) {
		io->op = op;
		io->offset = offset;
		io->len = len;
	}
	return io;
}

void io_free(struct io *io)
{
	if (io)
		free(io->owned);
	free(io);
}

void node_submit(struct node *n, struct io *io)
{
	io->node = n;
	n->ops->submit(n, io);
}

void node_ref(struct node *n)
{
	n->users++;
}

void node_name(struct node *n, const char *name)
{
	n->name = strdup(name);
	if (!n->name)
		die("out of memory");
	n->next = named;
	named = n;
}

struct node *node_find(const char *name)
{
	struct node *n;

	for (n = named; n && strcmp(n->name, name); n = n->next)
		;
	return n;
}

void node_unref(struct node *n)
{
	struct node **p, *child = n->child;

	if (--n->users)
		return;
	for (p = &named; *p; p = &(*p)->next)
		if (*p == n) {
			*p = n->next;
			break;
		}
	if (n->ops->close)
		n->ops->close(n);
	free(n->name);
	free(n->filename);
	free(n);
	if (child)
		node_unref(child);
}

/* --- null-co: a disk without contents, for measuring what stands above --- */

struct null_node {
	struct node node;
	bool read_zeroes;
};

static void null_submit(struct node *n, struct io *io)
{
	if (io->op == BLOCK_READ && ((struct null_node *)n)->read_zeroes)
		iov_zero(io->iov, io->nr_iov, 0);
	aio_end(io, 0);
}

static const struct node_ops null_ops = { .driver = "null-co", .submit = null_submit };

struct node *null_open(uint64_t size, bool read_zeroes, const char **wrong)
{
	struct null_node *z = calloc(1, sizeof(*z));

	if (!z) {
		*wrong = "out of memory";
		return NULL;
	}
	/* The engine is what calls back, even where there is nothing to do. */
	aio_have_uring();
	z->node = (struct node){ .ops = &null_ops, .users = 1, .size = size & ~(SECTOR - 1),
				 .can_discard = true, .filename = strdup("null-co://") };
	z->read_zeroes = read_zeroes;
	return &z->node;
}

/* --- raw: a window --- */

struct window_node {
	struct node node;
	uint64_t offset;
};

static void window_submit(struct node *n, struct io *io)
{
	io->offset += ((struct window_node *)n)->offset;
	node_submit(n->child, io);
}

static const struct node_ops window_ops = { .driver = "raw", .submit = window_submit };

struct node *window_open(struct node *child, uint64_t offset, uint64_t size, const char **wrong)
{
	struct window_node *w;

	if (offset % SECTOR || (size != UINT64_MAX && size % SECTOR))
		*wrong = "offset= and size= must be multiples of 512";
	else if (offset > child->size || (size != UINT64_MAX && size > child->size - offset))
		*wrong = explain("offset= and size= reach beyond the %llu bytes of '%s'",
				 (unsigned long long)child->size,
				 child->filename ? child->filename : child->name);
	else if (!(w = calloc(1, sizeof(*w))))
		*wrong = "out of memory";
	else {
		w->node = (struct node){
			.ops = &window_ops, .users = 1, .child = child,
			.size = size == UINT64_MAX ? child->size - offset : size,
			.read_only = child->read_only, .can_discard = child->can_discard,
			.filename = child->filename ? strdup(child->filename) : NULL,
		};
		w->offset = offset;
		return &w->node;
	}
	node_unref(child);
	return NULL;
}
