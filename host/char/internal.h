/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of host/char/ share: the flow of bytes (chardev.c), and the kinds of back ends. */
#ifndef ANYKVM_HOST_CHAR_INTERNAL_H
#define ANYKVM_HOST_CHAR_INTERNAL_H

#include "host/bus/bus.h"
#include "host/chardev.h"
#include "host/keyval.h"
#include "host/loop.h"

#define CHARDEV_RING 65536u
#define CHARDEV_IN 32768u
#define CHARDEV_USERS 4

enum escape_when { ESCAPE_NEVER, ESCAPE_ON_TTY };

struct chardev_kind {
	const char *name;
	const char *what;
	const char *args;		/* for -chardev help */
	enum escape_when escape;	/* Ctrl-A is ours; with mux=on it always is */
	size_t size;			/* of the kind's own at ->own, or 0 */
	/* Take the arguments; dies when they are wrong. May be NULL. */
	void (*parse)(struct chardev *chr, struct keyval *kv);
	/* Open; dies when it cannot. May be NULL. */
	void (*open)(struct chardev *chr);
	/* Input begins to be taken. May be NULL. */
	void (*start)(struct chardev *chr);
	/* The other end has gone. NULL: input is over, nothing else happens. */
	void (*hung_up)(struct chardev *chr);
	/* ->retry is due. */
	void (*retry)(struct chardev *chr);
	/* Takes all output where there is no descriptor for it. NULL: it is dropped. */
	void (*sink)(struct chardev *chr, const uint8_t *data, unsigned int len);
	void (*describe)(const struct chardev *chr, char *buf, size_t len);
};

extern const struct chardev_kind chardev_stdio, chardev_file, chardev_pty, chardev_null,
	chardev_pipe, chardev_serial, chardev_ringbuf, chardev_socket;

struct chardev {
	const struct chardev_kind *kind;
	struct chardev *next;
	const char *id;
	char *said;			/* "-serial file:x", for messages */
	void *own;
	bool mux, wants_monitor;
	/* Who uses it, each with what was typed for it and waits for room. */
	struct chardev_front {
		const struct chardev_user *user;
		void *arg;
		unsigned int in_at, in_len;
		uint8_t in_buf[CHARDEV_IN];
	} front[CHARDEV_USERS];
	unsigned int nr_users, focus;
	bool started, up;
	struct loop_fd in, out;		/* .fd < 0: none */
	bool out_epoll;			/* out.fd can be waited for */
	bool in_always;			/* in.fd is a regular file: always readable */
	bool in_tty, in_paused;
	bool escapes, escape_seen;
	bool blocked, full;
	struct device_timer flush_timer, input_timer, retry;
	unsigned int head, tail;	/* free running */
	uint8_t ring[CHARDEV_RING];
};

/* A new one with nothing open; see open.c. */
struct chardev *chardev_new(const struct chardev_kind *kind);
/* Open it and put it among the others. */
void chardev_begin(struct chardev *chr);

/*
 * The line is there: input comes from @in (-1: none) and output goes to @out (-1: none). One
 * descriptor for both is given twice.
 */
void chardev_up(struct chardev *chr, int in, int out);
/* The line is gone; its descriptors are closed. */
void chardev_down(struct chardev *chr);
/* What is gathered goes out now, as far as it is taken. */
void chardev_flush(struct chardev *chr);

/* What came in goes to the user in focus, or waits for it to have room. */
void chardev_input(struct chardev *chr, const uint8_t *data, unsigned int n);
/* escape.c: the same, our keys taken out before. */
void chardev_escape(struct chardev *chr, const uint8_t *data, unsigned int n);

#endif
