// SPDX-License-Identifier: LGPL-2.1-or-later
/* The back ends that are a descriptor opened once, or none: terminal, file, pty, pipe, tty, memory. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "host/char/internal.h"
#include "host/report.h"
#include "host/term.h"

#define PTY_RETRY 300000000ull		/* ns */

/* --- stdio --- */

/*
 * A descriptor of our own that does not block. O_NONBLOCK belongs to the open file, which a
 * terminal or a pipe shares with the shell that started us; so it is opened anew through /proc.
 * Where that cannot be (a socket, a file at its offset) the descriptor is used as it is.
 */
static int reopen(int fd, int how)
{
	char path[32];
	struct stat st;
	int again;

	if (fstat(fd, &st))
		return -1;
	if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, how | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return again < 0 ? fd : again;
}

static void stdio_open(struct chardev *chr)
{
	chardev_up(chr, reopen(STDIN_FILENO, O_RDONLY), reopen(STDOUT_FILENO, O_WRONLY));
}

static void stdio_start(struct chardev *chr)
{
	if (chr->in.fd >= 0)
		term_raw(STDIN_FILENO);
}

const struct chardev_kind chardev_stdio = {
	.name = "stdio",
	.what = "this terminal",
	.args = "",
	.escape = ESCAPE_ON_TTY,
	.open = stdio_open,
	.start = stdio_start,
};

/* --- null --- */

const struct chardev_kind chardev_null = {
	.name = "null",
	.what = "nobody: output is dropped, nothing comes in",
	.args = "",
};

/* --- file --- */

struct file {
	char *path, *input_path;
	bool append;
};

static char *copy(const char *s)
{
	char *c = s ? strdup(s) : NULL;

	if (s && !c)
		die("out of memory");
	return c;
}

static void file_parse(struct chardev *chr, struct keyval *kv)
{
	struct file *f = chr->own;

	f->path = copy(keyval_need(kv, "path"));
	f->input_path = copy(keyval_take(kv, "input-path"));
	f->append = keyval_take_bool(kv, "append", false);
}

static void file_open(struct chardev *chr)
{
	struct file *f = chr->own;
	int out, in = -1;

	out = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC | (f->append ? O_APPEND : O_TRUNC), 0666);
	if (out < 0)
		die("%s: %s cannot be written: %s", chr->said, f->path, strerror(errno));
	if (f->input_path && (in = open(f->input_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
		die("%s: %s cannot be read: %s", chr->said, f->input_path, strerror(errno));
	chardev_up(chr, in, out);
}

static void file_describe(const struct chardev *chr, char *buf, size_t len)
{
	const struct file *f = chr->own;

	snprintf(buf, len, "file:%s", f->path);
}

const struct chardev_kind chardev_file = {
	.name = "file",
	.what = "a file takes the output",
	.args = "path=FILE[,append=on|off][,input-path=FILE]",
	.size = sizeof(struct file),
	.parse = file_parse,
	.open = file_open,
	.describe = file_describe,
};

/* --- pipe --- */

/* PATH.in and PATH.out where they are, else PATH both ways. */
static void pipe_open(struct chardev *chr)
{
	const struct file *f = chr->own;
	char name[4096];
	int in, out;

	/* Open for both ways: opening waits for nobody then. */
	snprintf(name, sizeof(name), "%s.in", f->path);
	in = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	snprintf(name, sizeof(name), "%s.out", f->path);
	out = open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (in < 0 || out < 0) {
		if (in >= 0)
			close(in);
		if (out >= 0)
			close(out);
		in = out = open(f->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	if (in < 0)
		die("%s: neither %s.in and %s.out nor %s can be opened: %s; mkfifo makes them",
		    chr->said, f->path, f->path, f->path, strerror(errno));
	chardev_up(chr, in, out);
}

static void path_parse(struct chardev *chr, struct keyval *kv)
{
	struct file *f = chr->own;

	f->path = copy(keyval_need(kv, "path"));
}

static void pipe_describe(const struct chardev *chr, char *buf, size_t len)
{
	const struct file *f = chr->own;

	snprintf(buf, len, "pipe:%s", f->path);
}

const struct chardev_kind chardev_pipe = {
	.name = "pipe",
	.what = "named pipes PATH.in and PATH.out, or PATH alone both ways",
	.args = "path=PATH",
	.size = sizeof(struct file),
	.parse = path_parse,
	.open = pipe_open,
	.describe = pipe_describe,
};

/* --- serial: a line of the host's --- */

static void serial_open(struct chardev *chr)
{
	const struct file *f = chr->own;
	int fd = open(f->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0)
		die("%s: %s cannot be opened: %s", chr->said, f->path, strerror(errno));
	if (tcgetattr(fd, &t))
		die("%s: %s is no serial line and no terminal", chr->said, f->path);
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
	chardev_up(chr, fd, fd);
}

static void serial_describe(const struct chardev *chr, char *buf, size_t len)
{
	const struct file *f = chr->own;

	snprintf(buf, len, "serial:%s", f->path);
}

const struct chardev_kind chardev_serial = {
	.name = "serial",
	.what = "a serial line of the host, at the speed that it has been set to",
	.args = "path=/dev/ttyS0",
	.size = sizeof(struct file),
	.parse = path_parse,
	.open = serial_open,
	.describe = serial_describe,
};

/* --- pty --- */

struct pty {
	int fd;				/* the master, ours for good */
	char path[64];
};

static void pty_open(struct chardev *chr)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), user_end;
	struct pty *pty = chr->own;
	struct termios t;

	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, pty->path, sizeof(pty->path)))
		die("%s: no pseudo-terminal to be had: %s", chr->said, strerror(errno));
	/* Opened and closed once, so that the state is "nobody there" and not "never yet". */
	user_end = open(pty->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (user_end >= 0) {
		if (!tcgetattr(user_end, &t)) {
			cfmakeraw(&t);
			tcsetattr(user_end, TCSANOW, &t);
		}
		close(user_end);
	}
	pty->fd = fd;
	note("%s is on %s", chr->id, pty->path);
}

/* Nobody has the other end: look again now and then. */
static void pty_look(struct chardev *chr)
{
	const struct pty *pty = chr->own;
	struct pollfd p = { .fd = pty->fd, .events = POLLIN };

	if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
		device_timer_set(&chr->retry, device_now() + PTY_RETRY);
	else
		chardev_up(chr, fcntl(pty->fd, F_DUPFD_CLOEXEC, 0),
			   fcntl(pty->fd, F_DUPFD_CLOEXEC, 0));
}

static void pty_hung_up(struct chardev *chr)
{
	chardev_down(chr);
	device_timer_set(&chr->retry, device_now() + PTY_RETRY);
}

static void pty_describe(const struct chardev *chr, char *buf, size_t len)
{
	const struct pty *pty = chr->own;

	snprintf(buf, len, "pty:%s", pty->path);
}

const struct chardev_kind chardev_pty = {
	.name = "pty",
	.what = "a new pseudo-terminal; its name is said at the start",
	.args = "",
	.size = sizeof(struct pty),
	.open = pty_open,
	.start = pty_look,
	.hung_up = pty_hung_up,
	.retry = pty_look,
	.describe = pty_describe,
};

/* --- ringbuf --- */

struct ringbuf {
	uint64_t size, head, tail;	/* free running */
	uint8_t *data;
};

static void ringbuf_parse(struct chardev *chr, struct keyval *kv)
{
	struct ringbuf *r = chr->own;

	r->size = keyval_take_size(kv, "size", 65536);
	if (!r->size || r->size > 64u << 20 || (r->size & (r->size - 1)))
		keyval_die(kv, "size=: must be a power of two, at most 64M");
}

static void ringbuf_open(struct chardev *chr)
{
	struct ringbuf *r = chr->own;

	r->data = malloc(r->size);
	if (!r->data)
		die("%s: out of memory", chr->said);
	chr->up = true;
}

static void ringbuf_sink(struct chardev *chr, const uint8_t *data, unsigned int len)
{
	struct ringbuf *r = chr->own;

	while (len--)
		r->data[r->head++ & (r->size - 1)] = *data++;
	if (r->head - r->tail > r->size)
		r->tail = r->head - r->size;
}

const struct chardev_kind chardev_ringbuf = {
	.name = "ringbuf",
	.what = "memory that keeps the last output, for the monitor",
	.args = "[size=SIZE]",
	.size = sizeof(struct ringbuf),
	.parse = ringbuf_parse,
	.open = ringbuf_open,
	.sink = ringbuf_sink,
};

long chardev_ringbuf_read(struct chardev *chr, uint8_t *data, size_t len)
{
	struct ringbuf *r = chr->own;
	size_t n;

	if (chr->kind != &chardev_ringbuf)
		return -1;
	chardev_flush(chr);
	for (n = 0; n < len && r->tail != r->head; n++)
		data[n] = r->data[r->tail++ & (r->size - 1)];
	return (long)n;
}

long chardev_ringbuf_write(struct chardev *chr, const uint8_t *data, size_t len)
{
	size_t n;

	if (chr->kind != &chardev_ringbuf)
		return -1;
	for (n = 0; n < len; n++)
		ringbuf_sink(chr, data + n, 1);
	return (long)len;
}
