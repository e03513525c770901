/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Traffic for the figures of network and screen: one static program, the server on this host and the
 * client in the guest.
 *
 *	traffic serve PORT			answer until killed
 *	traffic send|fetch|turn|packets|flood HOST PORT MS
 *	traffic lines FILE MS			numbered lines into a terminal
 *
 * A client's first byte on a TCP connection says what the server shall do. What has been counted is
 * what arrived: a sender asks the receiver. Each client prints "anykvm-NAME: FIGURE UNIT".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (64 << 10)
#define PACKET 64 /* bytes of payload */
#define FLOOD_MAX 30.0 /* seconds */

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void put(int fd, const void *data, size_t len)
{
	if (write(fd, data, len) != (ssize_t)len)
		wrong("write");
}

static void get(int fd, void *data, size_t len)
{
	if (recv(fd, data, len, MSG_WAITALL) != (ssize_t)len)
		wrong("recv");
}

static uint64_t drain(int fd)
{
	static __thread char buf[CHUNK * 4];
	uint64_t sum = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += (uint64_t)n;
	return sum;
}

static int datagrams(struct sockaddr_in *at)
{
	struct timeval limit = { 0, 100000 };
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	at->sin_family = AF_INET;
	at->sin_addr.s_addr = INADDR_ANY;
	at->sin_port = 0;
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) ||
	    getsockname(fd, (struct sockaddr *)at, &len) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		wrong("UDP socket");
	return fd;
}

/* How many come until @stop has something to say; those already on the way still count. */
static uint64_t count_packets(int fd, int stop)
{
	struct pollfd at = { stop, POLLIN, 0 };
	char buf[2048];
	uint64_t n = 0;

	for (;;) {
		if (recv(fd, buf, sizeof(buf), 0) > 0)
			n++;
		else if (poll(&at, 1, 0) > 0)
			return n;
	}
}

/* --- the server --- */

static void serve_packets(int fd)
{
	struct sockaddr_in at;
	int udp = datagrams(&at);
	uint64_t n;

	put(fd, &at.sin_port, sizeof(at.sin_port));
	n = count_packets(udp, fd);
	put(fd, &n, sizeof(n));
	close(udp);
}

static void serve_flood(int fd)
{
	struct sockaddr_in at, peer;
	socklen_t len = sizeof(peer);
	int udp = datagrams(&at);
	char buf[PACKET] = "";
	uint16_t port;
	struct pollfd stop = { fd, POLLIN, 0 };
	double end = now() + FLOOD_MAX;

	get(fd, &port, sizeof(port));
	getpeername(fd, (struct sockaddr *)&peer, &len);
	peer.sin_port = port;
	/* Not for ever: a guest may end without a word. */
	for (unsigned int i = 0; i % 64 || (poll(&stop, 1, 0) == 0 && now() < end); i++)
		sendto(udp, buf, sizeof(buf), 0, (struct sockaddr *)&peer, sizeof(peer));
	close(udp);
	if (read(fd, buf, 1) == 1)
		put(fd, buf, 1);
}

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg, one = 1;
	static char zeros[CHUNK];
	uint64_t sum;
	char what, byte;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (read(fd, &what, 1) != 1)
		what = 0;
	switch (what) {
	case 's':
		sum = drain(fd);
		put(fd, &sum, sizeof(sum));
		break;
	case 'f':
		while (write(fd, zeros, sizeof(zeros)) > 0)
			;
		break;
	case 't':
		while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
			;
		break;
	case 'p':
		serve_packets(fd);
		break;
	case 'F':
		serve_flood(fd);
		break;
	}
	close(fd);
	return NULL;
}

static int serve(const char *port)
{
	struct sockaddr_in at = { AF_INET, htons((uint16_t)atoi(port)), { INADDR_ANY } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	pthread_t thread;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 8))
		wrong("listen");
	puts("anykvm-serving:");
	fflush(stdout);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer >= 0 && pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)peer))
			wrong("thread");
	}
}

/* --- the clients --- */

static int reach(const char *host, const char *port, char what)
{
	struct sockaddr_in at = { AF_INET, htons((uint16_t)atoi(port)), { 0 } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (inet_pton(AF_INET, host, &at.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at)))
		wrong("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	put(fd, &what, 1);
	return fd;
}

/* Each returns its figure. */

static double c_send(int fd, const char *host, double end)
{
	static char zeros[CHUNK];
	double start = now();
	uint64_t sum;

	while (now() < end)
		put(fd, zeros, sizeof(zeros));
	shutdown(fd, SHUT_WR);
	get(fd, &sum, sizeof(sum));
	return (double)sum / (1 << 20) / (now() - start);
}

static double c_fetch(int fd, const char *host, double end)
{
	static char buf[CHUNK * 4];
	double start = now();
	uint64_t sum = 0;
	ssize_t n;

	while (now() < end && (n = read(fd, buf, sizeof(buf))) > 0)
		sum += (uint64_t)n;
	return (double)sum / (1 << 20) / (now() - start);
}

static double c_turn(int fd, const char *host, double end)
{
	double start = now();
	unsigned int n = 0;
	char byte = 'x';

	for (; now() < end; n++) {
		put(fd, &byte, 1);
		get(fd, &byte, 1);
	}
	return (now() - start) * 1e6 / n;
}

static double c_packets(int fd, const char *host, double end)
{
	struct sockaddr_in at, to = { AF_INET, 0, { 0 } };
	double start = now(), took;
	int udp = datagrams(&at);
	char buf[PACKET] = "";
	uint64_t n;

	get(fd, &to.sin_port, sizeof(to.sin_port));
	inet_pton(AF_INET, host, &to.sin_addr);
	while (now() < end)
		sendto(udp, buf, sizeof(buf), 0, (struct sockaddr *)&to, sizeof(to));
	took = now() - start;
	put(fd, "x", 1);
	get(fd, &n, sizeof(n));
	return (double)n / 1e3 / took;
}

static double c_flood(int fd, const char *host, double end)
{
	struct sockaddr_in at;
	int udp = datagrams(&at);
	double start = now(), took;
	char buf[2048];
	uint64_t n = 0;

	put(fd, &at.sin_port, sizeof(at.sin_port));
	while (now() < end)
		n += recv(udp, buf, sizeof(buf), 0) > 0;
	took = now() - start;
	/* It has stopped before anybody measures something else. */
	put(fd, buf, 1);
	get(fd, buf, 1);
	return (double)n / 1e3 / took;
}

static const struct client {
	const char *name, *unit;
	char what;
	double (*run)(int fd, const char *host, double end);
} clients[] = {
	{ "send", "MiB/s", 's', c_send },	    { "fetch", "MiB/s", 'f', c_fetch },
	{ "turn", "us", 't', c_turn },		    { "packets", "thousand/s", 'p', c_packets },
	{ "flood", "thousand/s", 'F', c_flood },
};

static int lines(const char *file, double seconds)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog 0123456789";
	int fd = open(file, O_WRONLY | O_NOCTTY);
	double start = now();
	unsigned int n;

	if (fd < 0)
		wrong(file);
	for (n = 0; now() < start + seconds; n++)
		dprintf(fd, "%9u %s\n", n, text);
	printf("anykvm-lines: %.1f a second\n", n / (now() - start));
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "lines"))
		return lines(argv[2], atof(argv[3]) / 1e3);
	for (size_t i = 0; argc == 5 && i < sizeof(clients) / sizeof(*clients); i++) {
		const struct client *c = &clients[i];

		if (strcmp(argv[1], c->name))
			continue;
		printf("anykvm-%s: %.1f %s\n", c->name,
		       c->run(reach(argv[2], argv[3], c->what), argv[2], now() + atof(argv[4]) / 1e3),
		       c->unit);
		return 0;
	}
	fprintf(stderr, "usage: traffic serve PORT | send|fetch|turn|packets|flood HOST PORT MS | lines FILE MS\n");
	return 2;
}
