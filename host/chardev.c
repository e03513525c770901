// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Character back ends: terminal, file, pty, nothing.
 *
 * Output is gathered in a ring and goes out at the end of a line, when a good deal has come
 * together, or after two milliseconds: a guest writes a serial port byte by byte, and one system
 * call a byte would be most of a boot. Nobody waits for a slow reader: descriptors do not block,
 * and when the ring is full the serial port keeps its transmitter busy, as a real one would.
 *
 * Input goes through the escape filter where a person types: Ctrl-A and a letter is for us.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/chardev.h"
#include "host/loop.h"
#include "host/report.h"
#include "host/term.h"

#define RING_SIZE 65536u
#define FLUSH_AT 2048u
#define IN_SIZE 32768u
#define FLUSH_AFTER 2000000ull		/* ns */
#define PTY_RETRY 300000000ull		/* ns */
#define ESCAPE 0x01			/* Ctrl-A */
#define MAX_CHARDEVS 8

enum escape_when { ESCAPE_NEVER, ESCAPE_ON_TTY, ESCAPE_ALWAYS };

struct backend {
	const char *spec;		/* a whole word, or with ':' at its end a prefix */
	enum escape_when escape;
	void (*open)(struct chardev *chr, const char *arg);
};

struct chardev {
	const struct backend *backend;
	const char *name;
	const struct chardev_user *user;
	void *arg;
	struct loop_fd in, out;		/* .fd < 0: none */
	bool out_epoll;			/* out.fd can be waited for */
	bool in_always;			/* in.fd is a regular file: always readable */
	bool in_tty, in_paused;
	bool escapes, escape_seen;
	bool is_pty, hung_up, blocked, full;
	struct device_timer flush_timer, input_timer;
	unsigned int head, tail;	/* free running */
	uint8_t ring[RING_SIZE];
	unsigned int in_at, in_len;
	uint8_t in_buf[IN_SIZE];
};

static struct chardev *chardevs[MAX_CHARDEVS];
static unsigned int nr_chardevs;

void (*chardev_quit)(void);

/* --- output --- */

static void drop_output(struct chardev *chr)
{
	chr->tail = chr->head;
}

/* Write what the descriptor takes now. */
static void flush(struct chardev *chr)
{
	chr->blocked = false;
	while (chr->tail != chr->head) {
		unsigned int at = chr->tail % RING_SIZE;
		unsigned int n = chr->head - chr->tail;
		ssize_t ret;

		if (n > RING_SIZE - at)
			n = RING_SIZE - at;
		if (chr->out.fd < 0 || chr->hung_up) {
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
	if (chr->full && chr->head - chr->tail <= RING_SIZE / 2) {
		chr->full = false;
		if (chr->user && chr->user->writable)
			chr->user->writable(chr->arg);
	}
}

static void flush_due(void *arg)
{
	flush(arg);
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
	flush(chr);
}

unsigned int chardev_write(struct chardev *chr, uint8_t byte)
{
	if (chr->head - chr->tail == RING_SIZE) {
		chr->full = true;
		return 0;
	}
	chr->ring[chr->head++ % RING_SIZE] = byte;
	if (chr->blocked)
		return 1;
	if (byte == '\n' || chr->head - chr->tail >= FLUSH_AT)
		flush(chr);
	else if (!chr->flush_timer.when)
		device_timer_set(&chr->flush_timer, device_now() + FLUSH_AFTER);
	return 1;
}

/* On the way out: give a slow reader a moment, not forever. */
static void flush_all(void)
{
	unsigned int i, turn;

	for (i = 0; i < nr_chardevs; i++) {
		struct chardev *chr = chardevs[i];

		chr->out_epoll = false;
		chr->user = NULL;
		for (turn = 0; turn < 20 && chr->tail != chr->head; turn++) {
			struct pollfd p = { .fd = chr->out.fd, .events = POLLOUT };

			flush(chr);
			if (chr->tail != chr->head)
				poll(&p, 1, 50);
		}
	}
}

/* --- input --- */

static void key_quit(struct chardev *chr)
{
	(void)chr;
	if (chardev_quit)
		chardev_quit();
}

static void key_help(struct chardev *chr);

static void key_monitor(struct chardev *chr)
{
	(void)chr;
	fprintf(stderr, "\nanykvm: the monitor is not built yet\n");
}

static const struct escape_key {
	char key;
	const char *shown;
	const char *help;
	void (*fn)(struct chardev *chr);
} escape_keys[] = {
	{ 'x', "x", "end anykvm and the guest", key_quit },
	{ 'h', "h", "this list", key_help },
	{ 'c', "c", "the monitor (not built yet)", key_monitor },
	{ ESCAPE, "Ctrl-A", "send a Ctrl-A to the guest", NULL },
};

static void key_help(struct chardev *chr)
{
	unsigned int i;

	(void)chr;
	fprintf(stderr, "\n");
	for (i = 0; i < ARRAY_SIZE(escape_keys); i++)
		fprintf(stderr, "Ctrl-A %-7s %s\n", escape_keys[i].shown, escape_keys[i].help);
}

/* Take our keys out of @buf; returns how many bytes are left for the guest. */
static unsigned int filter(struct chardev *chr, uint8_t *buf, unsigned int n)
{
	unsigned int i, k, out = 0;

	for (i = 0; i < n; i++) {
		if (!chr->escape_seen) {
			if (buf[i] == ESCAPE)
				chr->escape_seen = true;
			else
				buf[out++] = buf[i];
			continue;
		}
		chr->escape_seen = false;
		for (k = 0; k < ARRAY_SIZE(escape_keys); k++)
			if ((uint8_t)escape_keys[k].key == buf[i])
				break;
		if (k < ARRAY_SIZE(escape_keys) && escape_keys[k].fn)
			escape_keys[k].fn(chr);
		else if (buf[i] == ESCAPE)
			buf[out++] = buf[i];
	}
	return out;
}

/* Give the guest what is waiting for it, as far as its port has room. */
static void feed(struct chardev *chr)
{
	while (chr->user && chr->in_len) {
		unsigned int n = chr->user->room(chr->arg);

		if (!n)
			break;
		if (n > chr->in_len)
			n = chr->in_len;
		if (n > IN_SIZE - chr->in_at)
			n = IN_SIZE - chr->in_at;
		chr->user->input(chr->arg, chr->in_buf + chr->in_at, n);
		chr->in_at = (chr->in_at + n) % IN_SIZE;
		chr->in_len -= n;
	}
}

static void keep(struct chardev *chr, const uint8_t *data, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n && chr->in_len < IN_SIZE; i++)
		chr->in_buf[(chr->in_at + chr->in_len++) % IN_SIZE] = data[i];
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

/* Nobody has the other end of the pseudo-terminal: look again now and then. */
static void pty_absent(struct chardev *chr)
{
	chr->hung_up = true;
	pause_input(chr);
	device_timer_set(&chr->input_timer, device_now() + PTY_RETRY);
}

static void take_input(struct chardev *chr)
{
	unsigned int space = IN_SIZE - chr->in_len;
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
	if (n <= 0 && chr->is_pty) {
		pty_absent(chr);
		return;
	}
	if (n <= 0) {
		/* End of input: the guest's line is just silent from now on. */
		pause_input(chr);
		chr->in.fd = -1;
		return;
	}
	if (chr->escapes)
		n = filter(chr, buf, (unsigned int)n);
	keep(chr, buf, (unsigned int)n);
	feed(chr);
	if (chr->in_always)
		resume_input(chr);
}

static void in_ready(void *arg, uint32_t events)
{
	struct chardev *chr = arg;

	if (chr->is_pty && (events & EPOLLHUP) && !(events & EPOLLIN))
		pty_absent(chr);
	else
		take_input(chr);
}

static void input_due(void *arg)
{
	struct chardev *chr = arg;
	struct pollfd p = { .fd = chr->in.fd, .events = POLLIN };

	if (!chr->is_pty) {
		take_input(chr);
		return;
	}
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP)) {
		device_timer_set(&chr->input_timer, device_now() + PTY_RETRY);
		return;
	}
	chr->hung_up = false;
	resume_input(chr);
}

void chardev_input_ready(struct chardev *chr)
{
	feed(chr);
	if (chr->in_paused && !chr->hung_up && chr->in_len < IN_SIZE / 2)
		resume_input(chr);
}

void chardev_attach(struct chardev *chr, const struct chardev_user *user, void *arg)
{
	chr->user = user;
	chr->arg = arg;
}

/* --- opening --- */

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

static void open_stdio(struct chardev *chr, const char *arg)
{
	(void)arg;
	chr->in.fd = reopen(STDIN_FILENO, O_RDONLY);
	chr->out.fd = reopen(STDOUT_FILENO, O_WRONLY);
}

static void open_null(struct chardev *chr, const char *arg)
{
	(void)chr;
	(void)arg;
}

static void open_file(struct chardev *chr, const char *arg)
{
	chr->out.fd = open(arg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (chr->out.fd < 0)
		die("-serial file:%s: cannot be written: %s", arg, strerror(errno));
}

static void open_pty(struct chardev *chr, const char *arg)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), user_end;
	struct termios t;
	char path[64];

	(void)arg;
	if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, path, sizeof(path)))
		die("-serial pty: no pseudo-terminal to be had: %s", strerror(errno));
	/* Opened and closed once, so that the state is "nobody there" and not "never yet". */
	user_end = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (user_end >= 0) {
		if (!tcgetattr(user_end, &t)) {
			cfmakeraw(&t);
			tcsetattr(user_end, TCSANOW, &t);
		}
		close(user_end);
	}
	chr->is_pty = true;
	chr->in.fd = chr->out.fd = fd;
	note("%s is on %s", chr->name, path);
}

static const struct backend backends[] = {
	{ "stdio", ESCAPE_ON_TTY, open_stdio },
	{ "mon:stdio", ESCAPE_ALWAYS, open_stdio },
	{ "file:", ESCAPE_NEVER, open_file },
	{ "pty", ESCAPE_NEVER, open_pty },
	{ "null", ESCAPE_NEVER, open_null },
	{ "none", ESCAPE_NEVER, NULL },
};

static const struct backend *find_backend(const char *spec, const char **arg)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		size_t len = strlen(backends[i].spec);

		if (backends[i].spec[len - 1] != ':') {
			if (!strcmp(spec, backends[i].spec))
				return &backends[i];
		} else if (!strncmp(spec, backends[i].spec, len) && spec[len]) {
			*arg = spec + len;
			return &backends[i];
		}
	}
	return NULL;
}

void chardev_check(const char *spec)
{
	const char *arg;

	if (!find_backend(spec, &arg))
		die("-serial %s: not known; it can be stdio, mon:stdio, file:PATH, pty, null or none",
		    spec);
}

void chardev_check_all(const char *const *specs, unsigned int n)
{
	const char *arg;
	unsigned int i, stdio = 0;

	for (i = 0; i < n; i++)
		if (find_backend(specs[i], &arg)->open == open_stdio && stdio++)
			die("-serial %s: standard input and output already serve another serial port",
			    specs[i]);
}

struct chardev *chardev_open(const char *spec, const char *name)
{
	const char *arg = NULL;
	const struct backend *b = find_backend(spec, &arg);
	struct chardev *chr;

	if (!b || !b->open)
		return NULL;
	chr = calloc(1, sizeof(*chr));
	if (!chr || nr_chardevs == MAX_CHARDEVS)
		die("out of memory for %s", name);
	chr->backend = b;
	chr->name = name;
	chr->in = (struct loop_fd){ .fd = -1, .fn = in_ready, .arg = chr };
	chr->out = (struct loop_fd){ .fd = -1, .fn = out_ready, .arg = chr };
	device_timer_init(&chr->flush_timer, flush_due, chr);
	device_timer_init(&chr->input_timer, input_due, chr);
	b->open(chr, arg);
	if (!nr_chardevs)
		at_end(flush_all);
	chardevs[nr_chardevs++] = chr;
	return chr;
}

struct chardev *chardev_find(const char *id)
{
	unsigned int i;

	for (i = 0; i < nr_chardevs; i++)
		if (!strcmp(chardevs[i]->name, id))
			return chardevs[i];
	return NULL;
}

void chardev_start_all(void)
{
	unsigned int i;

	for (i = 0; i < nr_chardevs; i++) {
		struct chardev *chr = chardevs[i];

		if (chr->out.fd >= 0 && !chr->is_pty)
			chr->out_epoll = loop_add(&chr->out);
		if (chr->in.fd < 0)
			continue;
		if (chr->backend->open == open_stdio)
			term_raw(STDIN_FILENO);
		chr->in_tty = isatty(chr->in.fd) && !chr->is_pty;
		chr->escapes = chr->backend->escape == ESCAPE_ALWAYS ||
			       (chr->backend->escape == ESCAPE_ON_TTY && chr->in_tty);
		chr->in.events = EPOLLIN;
		chr->in_always = !loop_add(&chr->in);
		if (chr->in_always)
			device_timer_set(&chr->input_timer, device_now() + 1);
	}
}
