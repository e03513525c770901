// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Character back ends: how bytes flow. What the ends are (terminal, socket, ...) is in kinds.c and
 * socket.c, how they are asked for in open.c.
 *
 * Output is gathered in a ring and goes out at the end of a line, when a good deal has come
 * together, or after two milliseconds: a guest writes a serial port byte by byte, and one system
 * call a byte would be most of a boot. Nobody waits for a slow reader: descriptors do not block,
 * and when the ring is full the serial port keeps its transmitter busy, as a real one would.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/char/internal.h"
#include "host/report.h"

#define FLUSH_AT 2048u
#define FLUSH_AFTER 2000000ull		/* ns */

static struct chardev *chardevs, **last_chardev = &chardevs;

/* --- output --- */

static void drop_output(struct chardev *chr)
{
	chr->tail = chr->head;
}

static void room_again(struct chardev *chr)
{
	unsigned int i;

	chr->full = false;
	for (i = 0; i < chr->nr_users; i++)
		if (chr->front[i].user->writable)
			chr->front[i].user->writable(chr->front[i].arg);
}

/* Write what the descriptor takes now. */
void chardev_flush(struct chardev *chr)
{
	chr->blocked = false;
	while (chr->tail != chr->head) {
		unsigned int at = chr->tail % CHARDEV_RING;
		unsigned int n = chr->head - chr->tail;
		ssize_t ret;

		if (n > CHARDEV_RING - at)
			n = CHARDEV_RING - at;
		if (chr->kind->sink) {
			chr->kind->sink(chr, chr->ring + at, n);
			chr->tail += n;
			continue;
		}
		if (chr->out.fd < 0) {
			drop_output(chr);
			break;
		}
		ret = write(chr->out.fd, chr->ring + at, n);
		if (ret > 0) {
			chr->tail += (unsigned int)ret;
		} else if (ret < 0 && errno == EINTR) {
			continue;
		} else if (ret < 0 && errno == EAGAIN) {
			chr->blocked = true;
			break;
		} else {
			/* The reader has gone or the disk is full: the guest goes on without. */
			drop_output(chr);
			break;
		}
	}
	if (chr->blocked && chr->out_epoll)
		loop_want(&chr->out, EPOLLOUT);
	else if (chr->blocked)
		device_timer_set(&chr->flush_timer, device_now() + FLUSH_AFTER);
	if (chr->full && chr->head - chr->tail <= CHARDEV_RING / 2)
		room_again(chr);
}

static void flush_due(void *arg)
{
	chardev_flush(arg);
}

static void out_ready(void *arg, uint32_t events)
{
	struct chardev *chr = arg;

	loop_want(&chr->out, 0);
	if (events & (EPOLLHUP | EPOLLERR)) {
		drop_output(chr);
		loop_remove(&chr->out);
		chr->out_epoll = false;
	}
	chardev_flush(chr);
}

unsigned int chardev_write(struct chardev *chr, uint8_t byte)
{
	if (chr->head - chr->tail == CHARDEV_RING) {
		chr->full = true;
		return 0;
	}
	chr->ring[chr->head++ % CHARDEV_RING] = byte;
	if (chr->blocked)
		return 1;
	if (byte == '\n' || chr->head - chr->tail >= FLUSH_AT)
		chardev_flush(chr);
	else if (!chr->flush_timer.when)
		device_timer_set(&chr->flush_timer, device_now() + FLUSH_AFTER);
	return 1;
}

/* On the way out: give a slow reader a moment, not forever. */
static void flush_all(void)
{
	struct chardev *chr;
	unsigned int turn;

	for (chr = chardevs; chr; chr = chr->next) {
		chr->out_epoll = false;
		chr->nr_users = 0;
		for (turn = 0; turn < 20 && chr->tail != chr->head; turn++) {
			struct pollfd p = { .fd = chr->out.fd, .events = POLLOUT };

			chardev_flush(chr);
			if (chr->tail != chr->head)
				poll(&p, 1, 50);
		}
	}
}

/* --- input --- */

/* Give a user what is waiting for it, as far as it has room. */
static void feed(struct chardev_front *f)
{
	while (f->user && f->in_len) {
		unsigned int n = f->user->room(f->arg), at = f->in_at;

		if (!n)
			break;
		if (n > f->in_len)
			n = f->in_len;
		if (n > CHARDEV_IN - at)
			n = CHARDEV_IN - at;
		f->in_at = (at + n) % CHARDEV_IN;
		f->in_len -= n;
		f->user->input(f->arg, f->in_buf + at, n);
	}
}

void chardev_input(struct chardev *chr, const uint8_t *data, unsigned int n)
{
	struct chardev_front *f = &chr->front[chr->focus];
	unsigned int i;

	for (i = 0; i < n && f->in_len < CHARDEV_IN; i++)
		f->in_buf[(f->in_at + f->in_len++) % CHARDEV_IN] = data[i];
	feed(f);
}

/* A hung-up file is "ready" for ever, so what is not wanted leaves the set altogether. */
static void pause_input(struct chardev *chr)
{
	if (!chr->in_always && !chr->in_paused)
		loop_remove(&chr->in);
	chr->in_paused = true;
}

static void resume_input(struct chardev *chr)
{
	if (chr->in.fd < 0)
		return;
	if (chr->in_always)
		device_timer_set(&chr->input_timer, device_now() + 1);
	else if (chr->in_paused)
		loop_add(&chr->in);
	chr->in_paused = false;
}

static void take_input(struct chardev *chr)
{
	unsigned int space = CHARDEV_IN - chr->front[chr->focus].in_len;
	uint8_t buf[256];
	ssize_t n;

	/* A person at a guest that takes nothing must still be able to quit: read on, and drop. */
	if (!space && !chr->in_tty) {
		pause_input(chr);
		return;
	}
	n = read(chr->in.fd, buf, space && space < sizeof(buf) ? space : sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && chr->kind->hung_up) {
		chr->kind->hung_up(chr);
		return;
	}
	if (n <= 0) {
		/* End of input: the line is just silent from now on. */
		pause_input(chr);
		chr->in.fd = -1;
		return;
	}
	if (chr->escapes)
		chardev_escape(chr, buf, (unsigned int)n);
	else
		chardev_input(chr, buf, (unsigned int)n);
	if (chr->in_always)
		resume_input(chr);
}

static void in_ready(void *arg, uint32_t events)
{
	struct chardev *chr = arg;

	if (chr->kind->hung_up && (events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN))
		chr->kind->hung_up(chr);
	else
		take_input(chr);
}

static void input_due(void *arg)
{
	struct chardev *chr = arg;

	if (chr->in.fd >= 0)
		take_input(chr);
}

static void retry_due(void *arg)
{
	struct chardev *chr = arg;

	chr->kind->retry(chr);
}

void chardev_input_ready(struct chardev *chr)
{
	unsigned int i;

	for (i = 0; i < chr->nr_users; i++)
		feed(&chr->front[i]);
	if (chr->in_paused && chr->front[chr->focus].in_len < CHARDEV_IN / 2)
		resume_input(chr);
}

/* --- its life --- */

void chardev_attach(struct chardev *chr, const struct chardev_user *user, void *arg)
{
	if (chr->nr_users && !chr->mux)
		die("%s: is used twice; mux=on shares it (Ctrl-A c goes from one user to the next)",
		    chr->said);
	if (chr->nr_users == CHARDEV_USERS)
		die("%s: has more than %d users", chr->said, CHARDEV_USERS);
	chr->front[chr->nr_users].user = user;
	chr->front[chr->nr_users].arg = arg;
	chr->nr_users++;
	if (chr->up && chr->started && user->opened)
		user->opened(arg, true);
}

static void tell_users(struct chardev *chr, bool on)
{
	unsigned int i;

	for (i = 0; i < chr->nr_users; i++)
		if (chr->front[i].user->opened)
			chr->front[i].user->opened(chr->front[i].arg, on);
}

/* Before the start, descriptors are only kept. */
static void into_loop(struct chardev *chr)
{
	if (chr->out.fd >= 0) {
		chr->out.events = 0;
		chr->out_epoll = loop_add(&chr->out);
	}
	if (chr->in.fd < 0)
		return;
	chr->in_tty = isatty(chr->in.fd) && !chr->kind->hung_up;
	chr->escapes = chr->mux || (chr->kind->escape == ESCAPE_ON_TTY && chr->in_tty);
	chr->in.events = EPOLLIN;
	chr->in_paused = false;
	chr->in_always = !loop_add(&chr->in);
	if (chr->in_always)
		device_timer_set(&chr->input_timer, device_now() + 1);
}

void chardev_up(struct chardev *chr, int in, int out)
{
	chr->in.fd = in;
	/* One epoll set takes a descriptor once. */
	chr->out.fd = out == in && in >= 0 ? dup(in) : out;
	chr->up = true;
	if (!chr->started)
		return;
	into_loop(chr);
	tell_users(chr, true);
}

void chardev_down(struct chardev *chr)
{
	if (!chr->up)
		return;
	chr->up = false;
	pause_input(chr);
	if (chr->out_epoll)
		loop_remove(&chr->out);
	chr->out_epoll = false;
	close(chr->in.fd);
	close(chr->out.fd);
	chr->in.fd = chr->out.fd = -1;
	drop_output(chr);
	chardev_flush(chr);
	tell_users(chr, false);
}

static void start(struct chardev *chr)
{
	/* Who is there already is told below, once. */
	if (chr->kind->start)
		chr->kind->start(chr);
	chr->started = true;
	if (!chr->up)
		return;
	into_loop(chr);
	tell_users(chr, true);
}

void chardev_start_all(void)
{
	struct chardev *chr;

	for (chr = chardevs; chr; chr = chr->next)
		start(chr);
}

struct chardev *chardev_new(const struct chardev_kind *kind)
{
	struct chardev *chr = calloc(1, sizeof(*chr));

	if (!chr || (kind->size && !(chr->own = calloc(1, kind->size))))
		die("out of memory for a character back end");
	chr->kind = kind;
	chr->in = (struct loop_fd){ .fd = -1, .fn = in_ready, .arg = chr };
	chr->out = (struct loop_fd){ .fd = -1, .fn = out_ready, .arg = chr };
	device_timer_init(&chr->flush_timer, flush_due, chr);
	device_timer_init(&chr->input_timer, input_due, chr);
	device_timer_init(&chr->retry, retry_due, chr);
	return chr;
}

void chardev_begin(struct chardev *chr)
{
	if (chr->kind->open)
		chr->kind->open(chr);
	else
		chr->up = true;
	if (!chardevs)
		at_end(flush_all);
	*last_chardev = chr;
	last_chardev = &chr->next;
}

/* --- lists --- */

struct chardev *chardev_first(void)
{
	return chardevs;
}

struct chardev *chardev_next(struct chardev *chr)
{
	return chr->next;
}

struct chardev *chardev_find(const char *id)
{
	struct chardev *chr;

	for (chr = chardevs; chr; chr = chr->next)
		if (!strcmp(chr->id, id))
			return chr;
	return NULL;
}

const char *chardev_id(const struct chardev *chr)
{
	return chr->id;
}

bool chardev_is_open(const struct chardev *chr)
{
	return chr->nr_users != 0;
}

void chardev_describe(const struct chardev *chr, char *buf, size_t len)
{
	if (chr->kind->describe)
		chr->kind->describe(chr, buf, len);
	else
		snprintf(buf, len, "%s", chr->kind->name);
}
