// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -netdev socket: frames to another anykvm or QEMU. Over a stream (listen=, connect=) each frame has
 * its length before it, four bytes, highest first; as datagrams (mcast=, udp=) each is one.
 *
 * A listener serves one peer at a time, and waits for the next when that one has gone. A frame that
 * the peer does not take at once is kept; while it is, others are dropped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/net/backend.h"
#include "host/report.h"

#define HEADER 4u
#define AT_ONCE 64	/* frames a turn, so that the guest's other devices have theirs */

enum mode { LISTEN, CONNECT, MCAST, UDP, FD, NR_MODES };
static const char *const modes[NR_MODES] = { "listen", "connect", "mcast", "udp", "fd" };

struct socket_net {
	struct netdev nd;
	enum mode mode;
	const char *where, *local;
	struct sockaddr_in to;		/* of mcast and udp */
	bool stream;
	struct loop_fd peer, listener;
	bool connected, stopped;
	uint8_t in[HEADER + NET_MAX_FRAME];
	size_t in_len;
	uint8_t out[HEADER + NET_MAX_FRAME];
	size_t out_at, out_len;
};

static struct socket_net *to_socket(struct netdev *nd)
{
	return (struct socket_net *)nd;
}

static void want(struct socket_net *s)
{
	loop_want(&s->peer, (s->stopped ? 0 : EPOLLIN) | (s->out_len ? EPOLLOUT : 0));
}

static void hang_up(struct socket_net *s, const char *why)
{
	if (why)
		note("-netdev socket,id=%s: the peer %s; the connection is closed", s->nd.id, why);
	loop_remove(&s->peer);
	close(s->peer.fd);
	s->connected = s->stopped = false;
	s->in_len = s->out_len = 0;
	if (s->mode == LISTEN)
		loop_want(&s->listener, EPOLLIN);
}

/* --- in --- */

/* Whole frames at the front of what has been read. False: the guest takes no more, or no peer. */
static bool split_stream(struct socket_net *s)
{
	size_t at = 0;
	bool more = true;

	while (more && s->in_len - at >= HEADER) {
		uint32_t len;
		struct iovec iov;

		memcpy(&len, s->in + at, HEADER);
		len = ntohl(len);
		if (!len || len > NET_MAX_FRAME) {
			hang_up(s, "sent what is no frame");
			return false;
		}
		if (s->in_len - at < HEADER + len)
			break;
		iov = (struct iovec){ s->in + at + HEADER, len };
		at += HEADER + len;
		more = net_deliver(&s->nd, 0, &iov, 1, NULL);
	}
	memmove(s->in, s->in + at, s->in_len - at);
	s->in_len -= at;
	s->stopped = !more;
	return more;
}

static void read_stream(struct socket_net *s)
{
	ssize_t n = recv(s->peer.fd, s->in + s->in_len, sizeof(s->in) - s->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(s, s->mode == LISTEN ? NULL : n ? strerror(errno) : "has gone");
		return;
	}
	s->in_len += (size_t)n;
	split_stream(s);
}

static void read_datagrams(struct socket_net *s)
{
	int i;

	for (i = 0; i < AT_ONCE && !s->stopped; i++) {
		ssize_t n = recv(s->peer.fd, s->in, sizeof(s->in), MSG_DONTWAIT | MSG_TRUNC);
		struct iovec iov = { s->in, (size_t)n };

		/* A peer that is not there yet makes itself known as ECONNREFUSED. */
		if (n < 0)
			return;
		if (n && n <= (ssize_t)NET_MAX_FRAME)
			s->stopped = !net_deliver(&s->nd, 0, &iov, 1, NULL);
	}
}

static void socket_resume(struct netdev *nd, unsigned int queue)
{
	struct socket_net *s = to_socket(nd);

	s->stopped = false;
	if (!s->connected || (s->stream && !split_stream(s)))
		return;
	want(s);
}

/* --- out --- */

static void write_rest(struct socket_net *s)
{
	ssize_t n = send(s->peer.fd, s->out + s->out_at, s->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		hang_up(s, strerror(errno));
		return;
	}
	if (n > 0) {
		s->out_at += (size_t)n;
		s->out_len -= (size_t)n;
	}
}

static bool send_stream(struct socket_net *s, const struct iovec *iov, int nr_iov)
{
	size_t len = iov_len(iov, nr_iov);
	uint32_t header = htonl((uint32_t)len);

	if (s->out_len)
		return false;
	memcpy(s->out, &header, HEADER);
	iov_gather(iov, nr_iov, s->out + HEADER, len);
	s->out_at = 0;
	s->out_len = HEADER + len;
	write_rest(s);
	if (s->connected)
		want(s);
	return s->connected;
}

static bool socket_send(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
			const struct net_offload *off)
{
	struct socket_net *s = to_socket(nd);
	struct msghdr msg = {
		.msg_name = &s->to,
		.msg_namelen = sizeof(s->to),
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)nr_iov,
	};

	if (!s->connected)
		return false;
	if (s->stream)
		return send_stream(s, iov, nr_iov);
	if (s->mode != MCAST)
		msg.msg_namelen = 0;
	return sendmsg(s->peer.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* --- the peer --- */

static void peer_ready(void *arg, uint32_t events)
{
	struct socket_net *s = arg;

	if (events & EPOLLOUT && s->out_len)
		write_rest(s);
	if (s->connected && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		if (s->stream)
			read_stream(s);
		else
			read_datagrams(s);
	}
	if (s->connected)
		want(s);
}

static void use_peer(struct socket_net *s, int fd)
{
	int one = 1;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (s->stream)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->peer = (struct loop_fd){ .fd = fd, .events = EPOLLIN, .fn = peer_ready, .arg = s };
	if (!loop_add(&s->peer))
		die("-netdev socket,id=%s: cannot wait for the socket", s->nd.id);
	s->connected = true;
}

static void listener_ready(void *arg, uint32_t events)
{
	struct socket_net *s = arg;
	int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	loop_want(&s->listener, 0);
	use_peer(s, fd);
}

/* --- opening --- */

static noreturn void cannot(const struct socket_net *s, const char *what)
{
	die("-netdev socket,id=%s,%s=%s: cannot %s: %s", s->nd.id, modes[s->mode], s->where, what,
	    strerror(errno));
}

/* HOST:PORT, HOST of this machine when @any; dies when it is none. */
static struct sockaddr_in resolve(const struct socket_net *s, const char *key, const char *val,
				  bool any)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_flags = any ? AI_PASSIVE : 0 }, *ai;
	struct sockaddr_in a;
	const char *colon = strrchr(val, ':');
	char host[256];
	uint64_t port;
	int wrong;

	if (!colon || (size_t)(colon - val) >= sizeof(host) || !parse_u64(colon + 1, &port) ||
	    port > 65535)
		die("-netdev socket,id=%s,%s=%s: must be HOST:PORT", s->nd.id, key, val);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - val), val);
	wrong = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &ai);
	if (wrong)
		die("-netdev socket,id=%s,%s=%s: %s", s->nd.id, key, val, gai_strerror(wrong));
	memcpy(&a, ai->ai_addr, sizeof(a));
	freeaddrinfo(ai);
	return a;
}

static int make_socket(const struct socket_net *s)
{
	int fd = socket(AF_INET, (s->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		cannot(s, "make a socket");
	if (s->mode == LISTEN || s->mode == MCAST)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

static void open_listener(struct socket_net *s)
{
	struct sockaddr_in a = resolve(s, "listen", s->where, true);
	int fd = make_socket(s);

	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		cannot(s, "listen there");
	s->listener = (struct loop_fd){
		.fd = fd, .events = EPOLLIN, .fn = listener_ready, .arg = s,
	};
	if (!loop_add(&s->listener))
		cannot(s, "wait for the socket");
}

static void open_connection(struct socket_net *s)
{
	struct sockaddr_in a = resolve(s, "connect", s->where, false);
	int fd = make_socket(s);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		cannot(s, "connect");
	use_peer(s, fd);
}

static void open_multicast(struct socket_net *s)
{
	struct ip_mreq group = { .imr_interface.s_addr = htonl(INADDR_ANY) };
	unsigned char here_too = 1;
	int fd = make_socket(s);

	s->to = resolve(s, "mcast", s->where, false);
	if (!IN_MULTICAST(ntohl(s->to.sin_addr.s_addr)))
		die("-netdev socket,id=%s,mcast=%s: is no multicast address (224.0.0.0 to 239.255.255.255)",
		    s->nd.id, s->where);
	group.imr_multiaddr = s->to.sin_addr;
	if (s->local && inet_pton(AF_INET, s->local, &group.imr_interface) != 1)
		die("-netdev socket,id=%s,localaddr=%s: is no address", s->nd.id, s->local);
	if (bind(fd, (struct sockaddr *)&s->to, sizeof(s->to)) ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) ||
	    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &here_too, sizeof(here_too)))
		cannot(s, "join the group");
	if (s->local && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group.imr_interface,
				   sizeof(group.imr_interface)))
		cannot(s, "send from localaddr=");
	use_peer(s, fd);
}

static void open_udp(struct socket_net *s)
{
	struct sockaddr_in local = resolve(s, "localaddr", s->local, true);
	int fd = make_socket(s);

	s->to = resolve(s, "udp", s->where, false);
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)))
		cannot(s, "bind to localaddr=");
	if (connect(fd, (struct sockaddr *)&s->to, sizeof(s->to)))
		cannot(s, "send there");
	use_peer(s, fd);
}

static void open_fd(struct socket_net *s)
{
	socklen_t len = sizeof(int);
	uint64_t fd;
	int type;

	if (!parse_u64(s->where, &fd) || fd > INT32_MAX)
		die("-netdev socket,id=%s,fd=%s: must be the number of an open socket", s->nd.id,
		    s->where);
	if (getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len))
		cannot(s, "use it as a socket");
	s->stream = type == SOCK_STREAM;
	use_peer(s, (int)fd);
}

static void socket_open(struct netdev *nd)
{
	static void (*const open[NR_MODES])(struct socket_net *s) = {
		[LISTEN] = open_listener, [CONNECT] = open_connection, [MCAST] = open_multicast,
		[UDP] = open_udp, [FD] = open_fd,
	};
	struct socket_net *s = to_socket(nd);

	s->stream = s->mode == LISTEN || s->mode == CONNECT;
	open[s->mode](s);
}

static void socket_parse(struct netdev *nd, struct keyval *kv)
{
	struct socket_net *s = to_socket(nd);
	const char *val;
	unsigned int i;

	for (i = 0; i < NR_MODES; i++) {
		val = keyval_take(kv, modes[i]);
		if (!val)
			continue;
		if (s->where)
			keyval_die(kv, "listen=, connect=, mcast=, udp= and fd= exclude each other");
		s->mode = i;
		s->where = strdup(val);
	}
	if (!s->where)
		keyval_die(kv, "one of listen=, connect=, mcast=, udp= and fd= is missing");
	val = keyval_take(kv, "localaddr");
	if (s->mode == UDP && !val)
		keyval_die(kv, "udp= needs localaddr=HOST:PORT as well");
	if (val && s->mode != UDP && s->mode != MCAST)
		keyval_die(kv, "localaddr= goes with mcast= and udp= only");
	s->local = val ? strdup(val) : NULL;
}

static void socket_describe(const struct netdev *nd, char *buf, size_t len)
{
	const struct socket_net *s = (const struct socket_net *)nd;

	snprintf(buf, len, "%s=%s%s", modes[s->mode], s->where,
		 s->connected ? "" : ", no peer");
}

const struct net_backend net_socket = {
	.kind = "socket",
	.help = "another anykvm or QEMU: listen=, connect=, mcast=, udp=",
	.size = sizeof(struct socket_net),
	.parse = socket_parse,
	.open = socket_open,
	.send = socket_send,
	.resume = socket_resume,
	.describe = socket_describe,
};
