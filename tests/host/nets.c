// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The network back ends, driven as a card drives them: slirp's services and both directions of its
 * sockets, two machines over a socket, a tap interface, and the dump read again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/net/backend.h"
#include "host/object.h"
#include "host/sandbox.h"
#include "tests/tap.h"

/* --- a card --- */

struct card {
	struct netdev *nd;
	bool full;
	unsigned int received, inside;
	uint8_t frame[NET_MAX_FRAME];
	size_t len;
	bool sending;
};

static bool card_receive(void *arg, unsigned int queue, const struct iovec *iov, int nr_iov,
			 const struct net_offload *off)
{
	struct card *c = arg;

	if (c->full)
		return false;
	c->inside += c->sending;
	c->len = iov_gather(iov, nr_iov, c->frame, sizeof(c->frame));
	c->received++;
	return true;
}

static const struct net_user card_user = { .receive = card_receive };

static struct netdev *make_net(const struct net_backend *be, const char *id, const char *words)
{
	struct keyval *kv = keyval_parse("-netdev", words, NULL);
	struct netdev *nd = netdev_create(be, id);

	be->parse(nd, kv);
	keyval_end(kv);
	return nd;
}

static void plug(struct card *c, struct netdev *nd)
{
	memset(c, 0, sizeof(*c));
	c->nd = nd;
	net_attach(nd, &card_user, c, "card");
}

static void card_send(struct card *c, const void *data, size_t len)
{
	struct iovec iov[2] = { { (void *)(uintptr_t)data, 10 },
				{ (char *)(uintptr_t)data + 10, len - 10 } };

	c->sending = true;
	net_send(c->nd, iov, 2, NULL);
	c->sending = false;
}

/* Turns of the loop until @done, for two seconds at most. */
static void tick(void *arg)
{
	*(bool *)arg = true;
}

static bool run_until(bool (*done)(void *arg), void *arg)
{
	struct device_timer step;
	uint64_t end = device_now() + 2000000000ull;
	bool late = false;

	device_timer_init(&step, tick, &late);
	while (!done(arg) && device_now() < end) {
		device_timer_set(&step, device_now() + 20000000);
		loop_turn();
	}
	device_timer_cancel(&step);
	return done(arg);
}

/* Some time in which nothing is waited for. */
static void pause_for(unsigned int ms)
{
	struct device_timer step;
	bool over = false;

	device_timer_init(&step, tick, &over);
	device_timer_set(&step, device_now() + ms * 1000000ull);
	while (!over)
		loop_turn();
}

static bool has_frame(void *arg)
{
	return ((struct card *)arg)->received;
}

static bool next_frame(struct card *c)
{
	c->received = 0;
	return run_until(has_frame, c);
}

/* --- frames --- */

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
#define GUEST 0x0a00020fu
#define GATEWAY 0x0a000202u

static uint8_t pkt[2048];
static size_t pkt_len;

static void put(const void *data, size_t len)
{
	memcpy(pkt + pkt_len, data, len);
	pkt_len += len;
}

static void put8(uint8_t v) { put(&v, 1); }
static void put16(uint16_t v) { v = htons(v); put(&v, 2); }
static void put32(uint32_t v) { v = htonl(v); put(&v, 4); }
static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static uint32_t get32(const uint8_t *p) { return (uint32_t)get16(p) << 16 | get16(p + 2); }

static uint32_t sum(const uint8_t *p, size_t len, uint32_t s)
{
	size_t i;

	for (i = 0; i < len; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void fix16(size_t at, uint16_t v)
{
	pkt[at] = (uint8_t)(v >> 8);
	pkt[at + 1] = (uint8_t)v;
}

static void ether(const char *to, uint16_t type)
{
	pkt_len = 0;
	put(to, 6);
	put(guest_mac, 6);
	put16(type);
}

/* Of slirp's gateway: 52:55 and its address. */
static const char gateway_mac[6] = "\x52\x55\x0a\x00\x02\x02";

static void ip(uint32_t from, uint32_t to, uint8_t protocol, size_t len)
{
	ether(to == 0xffffffff ? "\xff\xff\xff\xff\xff\xff" : gateway_mac, 0x0800);
	put16(0x4500);
	put16((uint16_t)(20 + len));
	put32(0x00010000);
	put8(64);
	put8(protocol);
	put16(0);
	put32(from);
	put32(to);
	fix16(24, fold(sum(pkt + 14, 20, 0)));
}

static void udp(uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port, size_t len)
{
	ip(from, to, 17, 8 + len);
	put16(from_port);
	put16(to_port);
	put16((uint16_t)(8 + len));
	put16(0);
}

static void tcp(uint32_t to, uint16_t from_port, uint16_t to_port, uint32_t seq, uint32_t ack,
		uint8_t flags, const char *data)
{
	size_t len = strlen(data);

	ip(GUEST, to, 6, 20 + len);
	put16(from_port);
	put16(to_port);
	put32(seq);
	put32(ack);
	put16((uint16_t)(0x5000 | flags));
	put16(8192);
	put32(0);
	put(data, len);
	fix16(50, fold(sum(pkt + 34, 20 + len, sum(pkt + 26, 8, 6 + 20 + (uint32_t)len))));
}

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* --- slirp --- */

static bool arp_for(struct card *c, uint32_t who)
{
	ether("\xff\xff\xff\xff\xff\xff", 0x0806);
	put32(0x00010800);
	put32(0x06040001);
	put(guest_mac, 6);
	put32(GUEST);
	put("\0\0\0\0\0\0", 6);
	put32(who);
	c->received = 0;
	card_send(c, pkt, pkt_len);
	return run_until(has_frame, c) && get16(c->frame + 12) == 0x0806 &&
	       get16(c->frame + 20) == 2 && get32(c->frame + 28) == who;
}

static void dhcp(struct card *c)
{
	size_t at;

	udp(0, 0xffffffff, 68, 67, 300);
	put32(0x01010600);
	put32(0x12345678);
	memset(pkt + pkt_len, 0, 292);
	memcpy(pkt + pkt_len + 20, guest_mac, 6);
	at = pkt_len + 228;
	memcpy(pkt + at, "\x63\x82\x53\x63\x35\x01\x01\xff", 8);
	pkt_len += 292;
	c->received = 0;
	card_send(c, pkt, pkt_len);
	ok(c->inside == 0 && c->received == 0, "an answer does not come inside the card's call");
	ok(run_until(has_frame, c) && get32(c->frame + 42 + 16) == GUEST,
	   "DHCP offers the first address");
	ok(memmem(c->frame, c->len, "\x35\x01\x02", 3) != NULL, "it is an offer");
	ok(memmem(c->frame, c->len, "pxe.0", 5) != NULL, "with the boot file's name");
	ok(memmem(c->frame, c->len, "\x03\x04\x0a\x00\x02\x02", 6) != NULL, "and the router");
}

static void tftp(struct card *c)
{
	udp(GUEST, GATEWAY, 2000, 69, 2 + 6 + 6);
	put16(1);
	put("pxe.0\0octet\0", 12);
	c->received = 0;
	card_send(c, pkt, pkt_len);
	ok(run_until(has_frame, c) && get16(c->frame + 42) == 3 && get16(c->frame + 44) == 1 &&
	   c->len >= 46 + 13 && !memcmp(c->frame + 46, "from the host", 13), "TFTP reads a file");
	udp(GUEST, GATEWAY, 2001, 69, 2 + 13 + 6);
	put16(1);
	put("../nets-other\0octet\0", 20);
	c->received = 0;
	card_send(c, pkt, pkt_len);
	ok(run_until(has_frame, c) && get16(c->frame + 42) == 5, "and none outside its directory");
}

static void ping(struct card *c)
{
	ip(GUEST, GATEWAY, 1, 16);
	put32(0x08000000);
	put32(0x00070001);
	put("payload!", 8);
	fix16(36, fold(sum(pkt + 34, 16, 0)));
	c->received = 0;
	card_send(c, pkt, pkt_len);
	ok(run_until(has_frame, c) && c->frame[23] == 1 && c->frame[34] == 0 &&
	   !memcmp(c->frame + 42, "payload!", 8), "the gateway answers a ping");
}

/* To the name server, and to a host beyond the gateway: whether they answer is not the test's matter. */
static void far_away(struct card *c)
{
	udp(GUEST, GATEWAY + 1, 2002, 53, 29);
	put("\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1", 29);
	card_send(c, pkt, pkt_len);
	pause_for(50);
	ip(GUEST, 0x7f000001, 1, 16);
	put32(0x08000000);
	put32(0x00070002);
	put("payload!", 8);
	fix16(36, fold(sum(pkt + 34, 16, 0)));
	card_send(c, pkt, pkt_len);
	pause_for(50);
	ok(true, "a name is asked for and a ping goes out, and the sandbox lets them");
}

static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, 4) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		exit(1);
	*port = ntohs(a.sin_port);
	return fd;
}

static uint16_t free_port(void)
{
	uint16_t port;

	close(listen_somewhere(&port));
	return port;
}

static bool readable(void *arg)
{
	char c;

	return recv(*(int *)arg, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

static int accepted, accept_from;

static bool can_accept(void *arg)
{
	if (accepted < 0)
		accepted = accept(accept_from, NULL, NULL);
	return accepted >= 0;
}

static bool tcp_frame(struct card *c, uint8_t flags)
{
	return c->frame[23] == 6 && (c->frame[47] & flags) == flags;
}

/* The guest connects to a server on this host. */
static void outwards(struct card *c)
{
	uint16_t port;
	uint32_t ack;
	char buf[16] = "";

	accept_from = listen_somewhere(&port);
	accepted = -1;
	tcp(GATEWAY, 3000, port, 1000, 0, SYN, "");
	c->received = 0;
	card_send(c, pkt, pkt_len);
	ok(run_until(has_frame, c) && tcp_frame(c, SYN | ACK), "a connection out is answered");
	ack = get32(c->frame + 38) + 1;
	tcp(GATEWAY, 3000, port, 1001, ack, ACK | PSH, "hello");
	card_send(c, pkt, pkt_len);
	ok(run_until(can_accept, NULL) && run_until(readable, &accepted) &&
	   recv(accepted, buf, sizeof(buf), 0) == 5 && !strcmp(buf, "hello"),
	   "and its bytes reach the server");
	if (write(accepted, "world", 5) != 5)
		exit(1);
	do
		ok(next_frame(c), "a frame comes back");
	while (c->len < 54 + 5);
	ok(tcp_frame(c, ACK) && !memcmp(c->frame + 54, "world", 5), "with the server's bytes");
	close(accepted);
	close(accept_from);
	tcp(GATEWAY, 3000, port, 1006, get32(c->frame + 38) + 5, RST | ACK, "");
	card_send(c, pkt, pkt_len);
}

/* hostfwd=: this host connects to the guest. */
static void inwards(struct card *c, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint32_t peer, seq;
	uint16_t peer_port;
	char buf[16] = "";

	c->received = 0;
	ok(!connect(fd, (struct sockaddr *)&a, sizeof(a)), "a forwarded port takes connections");
	do
		if (!ok(next_frame(c), "a frame comes in"))
			return;
	while (!tcp_frame(c, SYN));
	ok(get32(c->frame + 30) == GUEST && get16(c->frame + 36) == 22, "to the guest's port");
	peer = get32(c->frame + 26);
	peer_port = get16(c->frame + 34);
	seq = get32(c->frame + 38) + 1;
	tcp(peer, 22, peer_port, 5000, seq, SYN | ACK, "");
	card_send(c, pkt, pkt_len);
	tcp(peer, 22, peer_port, 5001, seq, ACK | PSH, "SSH-2.0");
	card_send(c, pkt, pkt_len);
	ok(run_until(readable, &fd) && recv(fd, buf, sizeof(buf), 0) == 7 &&
	   !strcmp(buf, "SSH-2.0"), "what the guest sends reaches the client");
	close(fd);
}

static void user_network(struct card *c, uint16_t port)
{
	ok(arp_for(c, GATEWAY), "ARP finds the gateway");
	dhcp(c);
	tftp(c);
	ping(c);
	far_away(c);
	outwards(c);
	inwards(c, port);
}

static void restricted(struct card *c)
{
	uint16_t port;

	accept_from = listen_somewhere(&port);
	accepted = -1;
	ok(arp_for(c, GATEWAY), "restrict=on: the gateway is there");
	tcp(GATEWAY, 3000, port, 1000, 0, SYN, "");
	card_send(c, pkt, pkt_len);
	pause_for(100);
	ok(!can_accept(NULL), "but no way out");
	close(accept_from);
}

static void waiting(struct card *c)
{
	unsigned int i;

	c->full = true;
	c->received = 0;
	ip(GUEST, GATEWAY, 1, 16);
	put32(0x08000000);
	put32(0x00070001);
	put("payload!", 8);
	fix16(36, fold(sum(pkt + 34, 16, 0)));
	for (i = 0; i < 2 * NET_QUEUE_FRAMES; i++)
		card_send(c, pkt, pkt_len);
	ok(c->nd->wait[0].nr == NET_QUEUE_FRAMES, "frames that wait are bounded");
	c->full = false;
	net_ready(c->nd);
	ok(c->received == 0, "net_ready() brings none at once");
	loop_turn();
	ok(c->received == NET_QUEUE_FRAMES && !c->nd->wait[0].first, "the loop brings them all");
	c->full = true;
	card_send(c, pkt, pkt_len);
	netdev_set_link(c->nd, false);
	ok(!c->nd->wait[0].first && !net_link(c->nd), "a pulled cable empties the queue");
	c->full = false;
	netdev_set_link(c->nd, true);
}

/* --- two machines --- */

static void fill(uint8_t *frame, size_t len, uint8_t n)
{
	size_t i;

	for (i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + n);
}

static void pair(struct card *a, struct card *b, const char *how)
{
	static uint8_t frame[65536];
	unsigned int i;
	size_t lens[] = { 60, 1514, 9000, 40000 }, nr = ARRAY_SIZE(lens);

	if (strcmp(how, "stream"))
		nr = 3;
	for (i = 0; i < nr; i++) {
		fill(frame, lens[i], (uint8_t)i);
		b->received = 0;
		card_send(a, frame, lens[i]);
		ok(run_until(has_frame, b) && b->len == lens[i] && !memcmp(b->frame, frame, b->len),
		   "%s: a frame of %zu bytes passes", how, lens[i]);
		a->received = 0;
		card_send(b, frame, lens[i]);
		ok(run_until(has_frame, a) && a->len == lens[i] && !memcmp(a->frame, frame, a->len),
		   "%s: and back", how);
	}
}

static bool all_there(void *arg)
{
	return ((struct card *)arg)->received == 300;
}

static void backpressure(struct card *a, struct card *b)
{
	static uint8_t frame[1000];
	unsigned int i;

	b->full = true;
	b->received = 0;
	for (i = 0; i < 300; i++) {
		fill(frame, sizeof(frame), (uint8_t)i);
		card_send(a, frame, sizeof(frame));
	}
	pause_for(50);
	ok(b->received == 0 && b->nd->wait[0].nr == 1, "the peer stops reading while one frame waits");
	b->full = false;
	net_ready(b->nd);
	ok(run_until(all_there, b), "and all come when there is room");
	fill(frame, sizeof(frame), 299 & 0xff);
	ok(!memcmp(b->frame, frame, sizeof(frame)), "in order");
}

static void broken_peer(struct card *c, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	c->received = 0;
	ok(!connect(fd, (struct sockaddr *)&a, sizeof(a)), "a peer connects");
	if (write(fd, "\0\0\0\4abcd\xff\xff\xff\xff", 12) != 12)
		exit(1);
	ok(run_until(has_frame, c) && c->len == 4, "its first frame comes");
	ok(run_until(readable, &fd) && recv(fd, pkt, 1, 0) == 0, "a length that is none ends it");
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	c->received = 0;
	ok(!connect(fd, (struct sockaddr *)&a, sizeof(a)) && write(fd, "\0\0\0\4efgh", 8) == 8 &&
	   run_until(has_frame, c) && !memcmp(c->frame, "efgh", 4), "the next one is served");
	close(fd);
}

/* --- the dump --- */

extern const struct object_type *const __start_anykvm_objects[];

static void add_dump(const char *words)
{
	struct keyval *kv = keyval_parse("-object", words, NULL);

	__start_anykvm_objects[0]->parse("d0", kv);
	keyval_end(kv);
}

static void read_dump(const char *path, const uint8_t *last, size_t last_len, unsigned int nr)
{
	static uint8_t file[1 << 20];
	uint32_t h[6];
	size_t at = sizeof(h), len, found = 0;
	int fd = open(path, O_RDONLY);

	len = (size_t)read(fd, file, sizeof(file));
	close(fd);
	memcpy(h, file, sizeof(h));
	ok(h[0] == 0xa1b2c3d4 && h[1] == (4 << 16 | 2) && h[4] == 100 && h[5] == 1,
	   "the dump has a head");
	while (at + 16 <= len) {
		memcpy(h, file + at, 16);
		at += 16 + h[2];
		found++;
	}
	ok(at == len && found == nr, "and whole frames (%zu of %u)", found, nr);
	ok(h[3] == last_len && h[2] == (last_len < 100 ? last_len : 100) &&
	   !memcmp(file + at - h[2], last, h[2]), "the last one is the last one sent, cut to maxlen");
}

/* --- tap --- */

/* The host's end of it. */
static void tap_address(void)
{
	struct ifreq ifr = { 0 };
	struct sockaddr_in *a = (struct sockaddr_in *)&ifr.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "anykvm-t");
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(0x0a000202);
	if (ioctl(fd, SIOCSIFADDR, &ifr))
		exit(1);
	a->sin_addr.s_addr = htonl(0xffffff00);
	if (ioctl(fd, SIOCSIFNETMASK, &ifr) || ioctl(fd, SIOCGIFFLAGS, &ifr))
		exit(1);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		exit(1);
	close(fd);
}

static void tap(struct card *c)
{
	struct net_offload off = { 0 };
	struct iovec iov = { pkt, 0 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(5001) };
	int fd;
	char words[128], mac[6];

	ok(net_has_offload(c->nd) && net_queues(c->nd) == 2, "tap takes offloads, and has two queues");
	netdev_describe(c->nd, words, sizeof(words));
	ok(strstr(words, "ifname=anykvm-t,queues=2") != NULL, "it says so: %s", words);
	net_set_queues(c->nd, 2);
	net_set_queues(c->nd, 1);
	/* The host asks who it is on its own; pass over that. */
	ok(arp_for(c, GATEWAY) || arp_for(c, GATEWAY), "the host's own stack answers ARP");
	memcpy(mac, c->frame + 22, 6);
	ip(GUEST, GATEWAY, 17, 12);
	memcpy(pkt, mac, 6);
	put32((uint32_t)(5000 << 16 | 5001));
	put32(12 << 16);
	put32(0x41424344);
	/* The pseudo header's sum: the other end adds the rest. */
	fix16(40, (uint16_t)~fold(sum(pkt + 26, 8, 17 + 12)));
	off.flags = NET_NEEDS_CSUM;
	off.csum_start = 34;
	off.csum_offset = 6;
	iov.iov_len = pkt_len;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)))
		exit(1);
	net_send(c->nd, &iov, 1, &off);
	memcpy(pkt, "....", 4);
	ok(run_until(readable, &fd) && recv(fd, pkt, 4, 0) == 4 && !memcmp(pkt, "ABCD", 4),
	   "a frame with an unfilled checksum reaches a socket of the host");
	close(fd);
}

static int run(const char *dir)
{
	static struct card user, locked, left, right, udp_a, udp_b, lonely, taps;
	uint16_t forward = free_port(), stream = free_port(), p1 = free_port(), p2 = free_port();
	uint16_t p3 = free_port();
	char file[64], dump[64], words[256];
	bool can_tap = !access("/dev/net/tun", R_OK | W_OK) && geteuid() == 0;
	FILE *f;

	snprintf(file, sizeof(file), "%s/pxe.0", dir);
	snprintf(dump, sizeof(dump), "%s/dump", dir);
	f = fopen(file, "w");
	fprintf(f, "from the host");
	fclose(f);
	machine_lock();
	loop_init();

	snprintf(words, sizeof(words), "tftp=%s,bootfile=pxe.0,hostfwd=tcp:127.0.0.1:%u-:22", dir,
		 forward);
	plug(&user, make_net(&net_slirp, "user", words));
	plug(&locked, make_net(&net_slirp, "locked", "restrict=on"));
	snprintf(words, sizeof(words), "listen=127.0.0.1:%u", stream);
	plug(&left, make_net(&net_socket, "left", words));
	snprintf(words, sizeof(words), "connect=127.0.0.1:%u", stream);
	plug(&right, make_net(&net_socket, "right", words));
	snprintf(words, sizeof(words), "udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", p1, p2);
	plug(&udp_a, make_net(&net_socket, "udp-a", words));
	snprintf(words, sizeof(words), "udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", p2, p1);
	plug(&udp_b, make_net(&net_socket, "udp-b", words));
	snprintf(words, sizeof(words), "listen=127.0.0.1:%u", p3);
	plug(&lonely, make_net(&net_socket, "lonely", words));
	if (can_tap)
		plug(&taps, make_net(&net_tap, "tap",
				     "ifname=anykvm-t,script=no,downscript=no,queues=2"));
	snprintf(words, sizeof(words), "netdev=udp-a,file=%s,maxlen=100", dump);
	add_dump(words);
	netdev_open_all();
	net_dumps_open();
	if (can_tap)
		tap_address();
	/* As in the program: from here on nothing is set up. The sanitizers have calls of their own. */
#ifndef ANYKVM_SAN
	sandbox_enter();
#endif
	pause_for(50);

	user_network(&user, forward);
	restricted(&locked);
	waiting(&user);
	pair(&left, &right, "stream");
	backpressure(&left, &right);
	pair(&udp_a, &udp_b, "udp");
	read_dump(dump, udp_a.frame, udp_a.len, 6);
	if (can_tap)
		tap(&taps);
	else
		skip("no /dev/net/tun, or not root", "tap");
	broken_peer(&lonely, p3);
	unlink(file);
	unlink(dump);
	return tap_done();
}

int main(void)
{
	char dir[] = "/tmp/anykvm-nets-XXXXXX";
	int status = 1;
	pid_t child;

	if (!mkdtemp(dir))
		return 1;
	child = fork();
	if (!child)
		return run(dir);
	waitpid(child, &status, 0);
	rmdir(dir);
	return status != 0;
}
