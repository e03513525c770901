// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The way in to the VNC server. Sockets are opened here and not by the library: an address that is
 * taken is then a plain message, and who may speak what is decided before the library reads a byte.
 *
 * The library speaks websocket to whoever begins with "GET". Any page in a browser of this machine
 * could open such a connection to a port on loopback and look at the guest. So a viewer of the plain
 * port has to wait until the server speaks first, as RFB says, and one of the websocket port has to
 * come from a page of this machine, or of the address that it asks for, by the header Origin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/display/vnc_internal.h"
#include "host/report.h"

#define PLAIN_WAIT 30000000ull		/* ns in which a browser would have spoken */
#define WEB_WAIT 5000000000ull

/* Accepted, and not yet judged. */
static struct knock {
	int fd;
	bool web;
	uint64_t until;
} knocks[8];
static unsigned int nr_knocks;

/* --- opening --- */

static bool listen_on(const struct addrinfo *ai, bool web)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 16)) {
		int err = errno;

		close(fd);
		errno = err;
		return false;
	}
	vnc.listen_fd[vnc.nr_listen] = fd;
	vnc.listen_web[vnc.nr_listen++] = web;
	return true;
}

/* 0, or errno. */
static int listen_port(unsigned int port, bool web)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list, *ai;
	const char *host = vnc.host ? vnc.host : "127.0.0.1";
	unsigned int before = vnc.nr_listen;
	char service[8];
	int err;

	snprintf(service, sizeof(service), "%u", port);
	err = getaddrinfo(host, service, &hints, &list);
	if (err)
		die("-vnc %s: there is no address %s: %s", vnc.said, host, gai_strerror(err));
	err = 0;
	for (ai = list; ai && !err && vnc.nr_listen < before + 2; ai = ai->ai_next)
		if (!listen_on(ai, web))
			err = errno;
	freeaddrinfo(list);
	if (err)
		while (vnc.nr_listen > before)
			close(vnc.listen_fd[--vnc.nr_listen]);
	return err;
}

void vnc_listen(void)
{
	unsigned int first = vnc.port;
	int err;

	while ((err = listen_port(vnc.port, false)) == EADDRINUSE && vnc.port < vnc.last_port)
		vnc.port++;
	if (err && vnc.port > first)
		die("-vnc %s: ports %u to %u: %s", vnc.said, first, vnc.port, strerror(err));
	if (err)
		die("-vnc %s: port %u: %s%s", vnc.said, vnc.port, strerror(err),
		    err == EADDRINUSE ? "; another display, or to=NUMBER for the next that is free" : "");
	if (!vnc.web)
		return;
	if (!vnc.web_port)
		vnc.web_port = vnc.port - 200;
	err = listen_port(vnc.web_port, true);
	if (err)
		die("-vnc %s: websocket port %u: %s", vnc.said, vnc.web_port, strerror(err));
}

/* --- judging --- */

/* The value of header @name, up to its line's end; NULL: absent. */
static const char *header(const char *request, const char *name, size_t *len)
{
	const char *line = request;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (!strncasecmp(line, name, strlen(name))) {
			line += strlen(name);
			line += strspn(line, " ");
			*len = strcspn(line, "\r\n");
			return line;
		}
	}
	return NULL;
}

/* The host of "HOST:PORT", brackets and all. */
static size_t host_of(const char *s, size_t len)
{
	size_t n;

	if (len && *s == '[') {
		for (n = 0; n < len && s[n] != ']'; n++)
			;
		return n < len ? n + 1 : len;
	}
	for (n = 0; n < len && s[n] != ':' && s[n] != '/'; n++)
		;
	return n;
}

static bool origin_fits(const char *request)
{
	static const char *const here[] = { "localhost", "127.0.0.1", "[::1]" };
	const char *origin, *host, *at;
	size_t origin_len, host_len, n;
	unsigned int i;

	origin = header(request, "Origin:", &origin_len);
	if (!origin)
		return false;			/* the library insists on it, too */
	at = memmem(origin, origin_len, "://", 3);
	if (!at)
		return false;
	at += 3;
	n = host_of(at, (size_t)(origin + origin_len - at));
	for (i = 0; i < ARRAY_SIZE(here); i++)
		if (strlen(here[i]) == n && !strncasecmp(here[i], at, n))
			return true;
	/* A name that somebody else's name server gives to this machine must not pass for its own. */
	host = header(request, "Host:", &host_len);
	if (!vnc.host || !host)
		return false;
	host_len = host_of(host, host_len);
	if (host_len != n || strncasecmp(host, at, n))
		return false;
	return *at == '[' || strspn(at, "0123456789.") == n ||
	       (strlen(vnc.host) == n && !strncasecmp(vnc.host, at, n));
}

enum verdict { WAIT, LET_IN, TURN_AWAY };

static enum verdict judge(const struct knock *k)
{
	char buf[4097];
	ssize_t n = recv(k->fd, buf, sizeof(buf) - 1, MSG_PEEK | MSG_DONTWAIT);
	bool late = device_now() >= k->until;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return TURN_AWAY;
	if (!k->web)
		return n > 0 ? TURN_AWAY : late ? LET_IN : WAIT;
	if (n < 0)
		return late ? TURN_AWAY : WAIT;
	buf[n] = '\0';
	if (!memmem(buf, (size_t)n, "\r\n\r\n", 4))
		return late || n == sizeof(buf) - 1 ? TURN_AWAY : WAIT;
	return !strncmp(buf, "GET ", 4) && origin_fits(buf) ? LET_IN : TURN_AWAY;
}

/* --- the thread's end --- */

unsigned int vnc_listen_poll(struct pollfd *p, unsigned int max, int *timeout)
{
	unsigned int i, n = 0;

	for (i = 0; i < vnc.nr_listen && n < max && nr_knocks < ARRAY_SIZE(knocks); i++)
		p[n++] = (struct pollfd){ .fd = vnc.listen_fd[i], .events = POLLIN };
	/* What they send stays in the socket until they are judged: look again after a moment. */
	if (nr_knocks && (*timeout < 0 || *timeout > 10))
		*timeout = 10;
	return n;
}

static void take_knocks(void)
{
	unsigned int i;

	for (i = 0; i < vnc.nr_listen; i++)
		while (nr_knocks < ARRAY_SIZE(knocks)) {
			struct knock *k = &knocks[nr_knocks];
			int fd = accept4(vnc.listen_fd[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

			if (fd < 0)
				break;
			/* The library's lists are of select()'s kind. */
			if (fd >= FD_SETSIZE) {
				close(fd);
				break;
			}
			k->fd = fd;
			k->web = vnc.listen_web[i];
			k->until = device_now() + (k->web ? WEB_WAIT : PLAIN_WAIT);
			nr_knocks++;
		}
}

int vnc_listen_next(void)
{
	unsigned int i;

	take_knocks();
	for (i = 0; i < nr_knocks; i++) {
		enum verdict v = judge(&knocks[i]);
		int fd = knocks[i].fd;

		if (v == WAIT)
			continue;
		knocks[i--] = knocks[--nr_knocks];
		if (v == LET_IN)
			return fd;
		close(fd);
	}
	return -1;
}
