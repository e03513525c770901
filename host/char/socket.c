// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A socket as a back end: UNIX or TCP, waiting for one peer at a time or calling one. While nobody
 * is there, output is dropped.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/char/internal.h"
#include "host/report.h"
#include "host/sandbox.h"

struct sock {
	char *path, *host, *port;
	bool server, wait, nodelay;
	uint64_t reconnect;		/* seconds; 0: never again */
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_storage room;
	} addr;
	socklen_t addr_len;
	bool made;			/* the path is ours to remove */
	struct loop_fd listen;
	struct loop_fd calling;
	struct sock *next;
	struct chardev *chr;
	char name[160];
};

static struct sock *socks;

static void must_copy(char **to, const char *s)
{
	*to = s ? strdup(s) : NULL;
	if (s && !*to)
		die("out of memory");
}

static void parse(struct chardev *chr, struct keyval *kv)
{
	struct sock *s = chr->own;

	must_copy(&s->path, keyval_take(kv, "path"));
	must_copy(&s->host, keyval_take(kv, "host"));
	must_copy(&s->port, keyval_take(kv, "port"));
	if (!s->path == !s->port)
		keyval_die(kv, "needs either path= (UNIX) or port= (TCP, with host=)");
	if (s->path && strlen(s->path) >= sizeof(s->addr.un.sun_path))
		keyval_die(kv, "path=%s: a UNIX socket's path has at most %zu characters", s->path,
			   sizeof(s->addr.un.sun_path) - 1);
	s->server = keyval_take_bool(kv, "server", false);
	s->wait = keyval_take_bool(kv, "wait", s->server);
	/* The bare word nodelay reads as delay=off. */
	s->nodelay = keyval_take_bool(kv, "nodelay", false) || !keyval_take_bool(kv, "delay", true);
	s->reconnect = keyval_take_u64(kv, "reconnect", 0, 0, 86400);
	sandbox_wants_sockets |= s->reconnect != 0;
	if (keyval_take_bool(kv, "telnet", false))
		keyval_die(kv, "telnet=on is not built; take a plain connection (nc, socat)");
	if (s->server && s->reconnect)
		keyval_die(kv, "reconnect= is for server=off");
	if (!s->server && s->wait)
		keyval_die(kv, "wait=on is for server=on");
}

static void name_it(struct sock *s)
{
	char host[64] = "", port[16] = "";

	if (s->path) {
		snprintf(s->name, sizeof(s->name), "unix:%s", s->path);
		return;
	}
	getnameinfo(&s->addr.any, s->addr_len, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(s->name, sizeof(s->name), s->addr.any.sa_family == AF_INET6 ? "tcp:[%s]:%s"
									      : "tcp:%s:%s", host, port);
}

/* Names are looked up once: nobody waits for a name server later. */
static void resolve(struct chardev *chr, struct sock *s)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = s->server ? AI_PASSIVE : 0 };
	struct addrinfo *found;
	int err;

	if (s->path) {
		s->addr.un.sun_family = AF_UNIX;
		strcpy(s->addr.un.sun_path, s->path);
		s->addr_len = sizeof(s->addr.un);
		return;
	}
	err = getaddrinfo(s->host && *s->host ? s->host : NULL, s->port, &hints, &found);
	if (err)
		die("%s: %s:%s is no address: %s", chr->said, s->host ? s->host : "", s->port,
		    gai_strerror(err));
	memcpy(&s->addr, found->ai_addr, found->ai_addrlen);
	s->addr_len = found->ai_addrlen;
	freeaddrinfo(found);
}

static int new_socket(const struct sock *s)
{
	return socket(s->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void connected(struct chardev *chr, int fd)
{
	const struct sock *s = chr->own;
	int one = 1;

	if (s->nodelay && !s->path)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	chardev_up(chr, fd, fd);
}

/* --- a server --- */

static void accept_one(void *arg, uint32_t events)
{
	struct chardev *chr = arg;
	struct sock *s = chr->own;
	int fd = accept4(s->listen.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	/* The next one waits in the queue until this one has gone. */
	if (chr->started)
		loop_remove(&s->listen);
	connected(chr, fd);
}

static void remove_paths(void)
{
	const struct sock *s;

	for (s = socks; s; s = s->next)
		if (s->made)
			unlink(s->path);
}

/* What a process that was killed left behind may be taken away; what answers may not. */
static void clear_path(const struct chardev *chr, struct sock *s)
{
	struct stat st;
	int fd;

	if (lstat(s->path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = new_socket(s);
	if (fd >= 0 && !connect(fd, &s->addr.any, s->addr_len))
		die("%s: somebody else listens at %s", chr->said, s->path);
	close(fd);
	unlink(s->path);
}

static void wait_for_peer(struct chardev *chr)
{
	struct sock *s = chr->own;
	struct pollfd p = { .fd = s->listen.fd, .events = POLLIN };
	sigset_t none;

	note("waiting for a connection at %s (wait=off goes on without)", s->name);
	/* The machine's signals are blocked by now; here they end the process as usual. */
	sigemptyset(&none);
	while (!chr->up) {
		ppoll(&p, 1, NULL, &none);
		accept_one(chr, 0);
	}
}

static void open_server(struct chardev *chr)
{
	struct sock *s = chr->own;
	int one = 1;

	if (s->path)
		clear_path(chr, s);
	s->listen = (struct loop_fd){ .fd = new_socket(s), .events = EPOLLIN, .fn = accept_one,
				      .arg = chr };
	if (s->listen.fd < 0)
		die("%s: no socket to be had: %s", chr->said, strerror(errno));
	if (!s->path)
		setsockopt(s->listen.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s->listen.fd, &s->addr.any, s->addr_len) || listen(s->listen.fd, 1))
		die("%s: cannot listen at %s: %s", chr->said, s->name, strerror(errno));
	getsockname(s->listen.fd, &s->addr.any, &s->addr_len);
	name_it(s);
	if (s->path) {
		if (!socks)
			at_end(remove_paths);
		s->made = true;
		s->next = socks;
		socks = s;
	}
	if (s->wait)
		wait_for_peer(chr);
}

/* --- a client --- */

static void later(struct chardev *chr)
{
	const struct sock *s = chr->own;

	if (s->reconnect)
		device_timer_set(&chr->retry, device_now() + s->reconnect * 1000000000ull);
}

static void answered(void *arg, uint32_t events)
{
	struct chardev *chr = arg;
	struct sock *s = chr->own;
	int err = 0, fd = s->calling.fd;
	socklen_t len = sizeof(err);

	(void)events;
	loop_remove(&s->calling);
	s->calling.fd = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
		close(fd);
		later(chr);
		return;
	}
	connected(chr, fd);
}

/* While the machine runs: without waiting. */
static void call(struct chardev *chr)
{
	struct sock *s = chr->own;
	int fd = new_socket(s);

	if (fd >= 0 && !connect(fd, &s->addr.any, s->addr_len)) {
		connected(chr, fd);
		return;
	}
	if (fd >= 0 && errno == EINPROGRESS) {
		s->calling = (struct loop_fd){ .fd = fd, .events = EPOLLOUT, .fn = answered,
					       .arg = chr };
		if (loop_add(&s->calling))
			return;
	}
	close(fd);
	later(chr);
}

static void open_client(struct chardev *chr)
{
	struct sock *s = chr->own;
	int fd;

	/* With reconnect= nobody minds that the other side is not there yet. */
	if (s->reconnect)
		return;
	fd = socket(s->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &s->addr.any, s->addr_len))
		die("%s: cannot connect to %s: %s", chr->said, s->name, strerror(errno));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	connected(chr, fd);
}

/* --- both --- */

static void sock_open(struct chardev *chr)
{
	struct sock *s = chr->own;

	s->chr = chr;
	resolve(chr, s);
	name_it(s);
	if (s->server)
		open_server(chr);
	else
		open_client(chr);
}

static void start(struct chardev *chr)
{
	struct sock *s = chr->own;

	if (chr->up)
		return;
	if (s->server)
		loop_add(&s->listen);
	else if (s->reconnect)
		call(chr);
}

static void hung_up(struct chardev *chr)
{
	struct sock *s = chr->own;

	chardev_down(chr);
	if (s->server)
		loop_add(&s->listen);
	else
		later(chr);
}

static void describe(const struct chardev *chr, char *buf, size_t len)
{
	const struct sock *s = chr->own;

	snprintf(buf, len, "%s%s%s", chr->up ? "" : "disconnected:", s->name,
		 s->server ? ",server=on" : "");
}

const struct chardev_kind chardev_socket = {
	.name = "socket",
	.what = "a UNIX or TCP socket",
	.args = "path=PATH|host=HOST,port=PORT[,server=on][,wait=off][,reconnect=SECONDS][,nodelay=on]",
	.size = sizeof(struct sock),
	.parse = parse,
	.open = sock_open,
	.start = start,
	.hung_up = hung_up,
	.retry = call,
	.describe = describe,
};
