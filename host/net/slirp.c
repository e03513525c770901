// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -netdev user: a network of its own behind the host's sockets, by libslirp, without privileges.
 *
 * Slirp wants to be asked before every wait which sockets it waits for and how long, and to be told
 * afterwards what became of them. Here that is a turn, run as a hook of the event loop, and only when
 * something has happened: a frame from the guest, a socket, a timer. An idle network costs nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <slirp/libslirp.h>

#include "host/bus/bus.h"
#include "host/net/backend.h"
#include "host/report.h"
#include "host/sandbox.h"

#define MS 1000000ull
#define MAX_SEARCH 16

struct forward {
	struct forward *next;
	const char *text;		/* as the user wrote it */
	bool udp;
	struct in_addr host, guest;
	int host_port, guest_port;
	const char *command, *path;	/* of guestfwd: one of them */
};

/* A descriptor of slirp's. It is kept for the next socket with its number. */
struct slirp_fd {
	struct loop_fd lfd;
	struct slirp_net *net;
	bool in_loop, wanted;
	int got;			/* SLIRP_POLL_* */
};

struct slirp_net {
	struct netdev nd;
	SlirpConfig cfg;
	const char *search[MAX_SEARCH + 1];
	struct forward *hostfwd, *guestfwd;
	Slirp *slirp;
	struct loop_hook turn;
	struct device_timer timeout;
	bool due;			/* slirp_pollfds_poll() has something to tell */
	struct slirp_fd **by_fd, **polled;
	int nr_by_fd, nr_polled, room_polled;
	uint8_t frame[NET_MAX_FRAME];
};

static struct slirp_net *to_slirp(struct netdev *nd)
{
	return (struct slirp_net *)nd;
}

/* --- descriptors and turns --- */

static const struct { uint32_t epoll; int slirp; } events[] = {
	{ EPOLLIN, SLIRP_POLL_IN }, { EPOLLOUT, SLIRP_POLL_OUT }, { EPOLLPRI, SLIRP_POLL_PRI },
	{ EPOLLERR, SLIRP_POLL_ERR }, { EPOLLHUP, SLIRP_POLL_HUP },
};

static void fd_ready(void *arg, uint32_t got)
{
	struct slirp_fd *e = arg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (got & events[i].epoll)
			e->got |= events[i].slirp;
	e->net->due = true;
	loop_soon(&e->net->turn);
}

static struct slirp_fd *fd_entry(struct slirp_net *n, int fd)
{
	if (fd >= n->nr_by_fd) {
		int nr = fd + 16;

		n->by_fd = realloc(n->by_fd, (size_t)nr * sizeof(*n->by_fd));
		if (!n->by_fd)
			die("out of memory for the user network's sockets");
		memset(n->by_fd + n->nr_by_fd, 0,
		       (size_t)(nr - n->nr_by_fd) * sizeof(*n->by_fd));
		n->nr_by_fd = nr;
	}
	if (!n->by_fd[fd]) {
		struct slirp_fd *e = calloc(1, sizeof(*e));

		if (!e)
			die("out of memory for the user network's sockets");
		e->net = n;
		e->lfd = (struct loop_fd){ .fd = fd, .fn = fd_ready, .arg = e };
		n->by_fd[fd] = e;
	}
	return n->by_fd[fd];
}

static void fd_leave(struct slirp_fd *e)
{
	if (e->in_loop)
		loop_remove(&e->lfd);
	e->in_loop = false;
	e->got = 0;
}

static int add_poll(int fd, int want, void *opaque)
{
	struct slirp_net *n = opaque;
	struct slirp_fd *e = fd_entry(n, fd);
	uint32_t mask = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		if (want & events[i].slirp)
			mask |= events[i].epoll;
	e->wanted = true;
	if (e->in_loop) {
		loop_want(&e->lfd, mask);
	} else {
		e->lfd.events = mask;
		e->in_loop = loop_add(&e->lfd);
	}
	if (n->nr_polled == n->room_polled) {
		n->room_polled += 64;
		n->polled = realloc(n->polled, (size_t)n->room_polled * sizeof(*n->polled));
		if (!n->polled)
			die("out of memory for the user network's sockets");
	}
	n->polled[n->nr_polled] = e;
	return n->nr_polled++;
}

static int get_revents(int idx, void *opaque)
{
	struct slirp_net *n = opaque;

	return idx >= 0 && idx < n->nr_polled ? n->polled[idx]->got : 0;
}

static void take_turn(void *arg)
{
	struct slirp_net *n = arg;
	uint32_t timeout = UINT32_MAX;
	int i;

	if (n->due) {
		n->due = false;
		slirp_pollfds_poll(n->slirp, 0, get_revents, n);
	}
	for (i = 0; i < n->nr_polled; i++) {
		n->polled[i]->got = 0;
		n->polled[i]->wanted = false;
	}
	n->nr_polled = 0;
	slirp_pollfds_fill(n->slirp, &timeout, add_poll, n);
	for (i = 0; i < n->nr_by_fd; i++)
		if (n->by_fd[i] && n->by_fd[i]->in_loop && !n->by_fd[i]->wanted)
			fd_leave(n->by_fd[i]);
	if (timeout == UINT32_MAX)
		device_timer_cancel(&n->timeout);
	else
		device_timer_set(&n->timeout, device_now() + timeout * MS);
}

static void timed_out(void *arg)
{
	struct slirp_net *n = arg;

	n->due = true;
	loop_soon(&n->turn);
}

/* --- what slirp calls --- */

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
	struct slirp_net *n = opaque;
	struct iovec iov = { (void *)(uintptr_t)buf, len };

	net_deliver(&n->nd, 0, &iov, 1, NULL);
	return (ssize_t)len;
}

static void guest_error(const char *msg, void *opaque)
{
	struct slirp_net *n = opaque;

	if (tracing(TRACE_NET))
		trace("net: %s: the guest sent what slirp refuses: %s", n->nd.id, msg);
}

static int64_t clock_get_ns(void *opaque)
{
	return (int64_t)device_now();
}

struct slirp_timer {
	struct device_timer timer;
	SlirpTimerCb fn;
	void *arg;
};

static void timer_due(void *arg)
{
	struct slirp_timer *t = arg;

	t->fn(t->arg);
}

static void *timer_new(SlirpTimerCb fn, void *arg, void *opaque)
{
	struct slirp_timer *t = calloc(1, sizeof(*t));

	if (!t)
		die("out of memory for a timer of the user network");
	t->fn = fn;
	t->arg = arg;
	device_timer_init(&t->timer, timer_due, t);
	return t;
}

static void timer_free(void *timer, void *opaque)
{
	device_timer_cancel(&((struct slirp_timer *)timer)->timer);
	free(timer);
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	device_timer_set(&((struct slirp_timer *)timer)->timer,
			 expire_ms > 0 ? (uint64_t)expire_ms * MS : 1);
}

static void register_poll_fd(int fd, void *opaque)
{
}

/* About to be closed: its number may come again as somebody else's. */
static void unregister_poll_fd(int fd, void *opaque)
{
	struct slirp_net *n = opaque;

	if (fd >= 0 && fd < n->nr_by_fd && n->by_fd[fd])
		fd_leave(n->by_fd[fd]);
}

static void notify(void *opaque)
{
	struct slirp_net *n = opaque;

	n->due = true;
	loop_soon(&n->turn);
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = register_poll_fd,
	.unregister_poll_fd = unregister_poll_fd,
	.notify = notify,
};

/* --- the back end --- */

static bool user_send(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		      const struct net_offload *off)
{
	struct slirp_net *n = to_slirp(nd);
	const uint8_t *data = iov[0].iov_base;
	size_t len = iov[0].iov_len;

	if (nr_iov > 1) {
		len = iov_gather(iov, nr_iov, n->frame, sizeof(n->frame));
		data = n->frame;
	}
	slirp_input(n->slirp, data, (int)len);
	loop_soon(&n->turn);
	return true;
}

static void open_forwards(struct slirp_net *n)
{
	struct forward *f;

	for (f = n->hostfwd; f; f = f->next)
		if (slirp_add_hostfwd(n->slirp, f->udp, f->host, f->host_port, f->guest,
				      f->guest_port) < 0)
			die("-netdev user,id=%s,hostfwd=%s: cannot listen on port %d here: %s", n->nd.id,
			    f->text, f->host_port, strerror(errno));
	for (f = n->guestfwd; f; f = f->next) {
		int bad = f->command ?
			  slirp_add_exec(n->slirp, f->command, &f->guest, f->guest_port) :
			  slirp_add_unix(n->slirp, f->path, &f->guest, f->guest_port);

		if (bad < 0)
			die("-netdev user,id=%s,guestfwd=%s: the address must be in the guest's network, and neither the host's nor the name server's",
			    n->nd.id, f->text);
	}
}

static void user_open(struct netdev *nd)
{
	struct slirp_net *n = to_slirp(nd);

	n->turn = (struct loop_hook){ .fn = take_turn, .arg = n };
	device_timer_init(&n->timeout, timed_out, n);
	n->slirp = slirp_new(&n->cfg, &callbacks, n);
	if (!n->slirp)
		die("-netdev user,id=%s: libslirp refuses these addresses", nd->id);
	open_forwards(n);
	loop_soon(&n->turn);
}

static void user_describe(const struct netdev *nd, char *buf, size_t len)
{
	const struct slirp_net *n = (const struct slirp_net *)nd;
	const struct forward *f;
	char a[INET_ADDRSTRLEN], m[INET_ADDRSTRLEN];
	size_t at;

	inet_ntop(AF_INET, &n->cfg.vnetwork, a, sizeof(a));
	inet_ntop(AF_INET, &n->cfg.vnetmask, m, sizeof(m));
	snprintf(buf, len, "net=%s/%s,restrict=%s", a, m, n->cfg.restricted ? "on" : "off");
	for (f = n->hostfwd; f; f = f->next) {
		at = strlen(buf);
		snprintf(buf + at, len - at, ",hostfwd=%s", f->text);
	}
}

/* --- words --- */

static bool parse_ip4(const char *s, struct in_addr *a)
{
	return inet_pton(AF_INET, s, a) == 1;
}

static bool in_net(const SlirpConfig *c, struct in_addr a)
{
	return (a.s_addr & c->vnetmask.s_addr) == c->vnetwork.s_addr;
}

/* ADDRESS[/BITS|/MASK] */
static void parse_net(SlirpConfig *c, struct keyval *kv, const char *val)
{
	char text[64];
	char *slash;
	uint64_t bits = 24;
	uint32_t mask;

	snprintf(text, sizeof(text), "%s", val);
	slash = strchr(text, '/');
	if (slash)
		*slash++ = 0;
	if (!parse_ip4(text, &c->vnetwork))
		keyval_die(kv, "net=%s: must be like 10.0.2.0/24", val);
	if (slash && strchr(slash, '.')) {
		if (!parse_ip4(slash, &c->vnetmask))
			keyval_die(kv, "net=%s: '%s' is no network mask", val, slash);
		mask = ntohl(c->vnetmask.s_addr);
		if (~mask & (~mask + 1))
			keyval_die(kv, "net=%s: '%s' is no network mask", val, slash);
	} else {
		if (slash && (!parse_u64(slash, &bits) || bits < 1 || bits > 32))
			keyval_die(kv, "net=%s: the mask must have 1 to 28 bits", val);
		mask = (uint32_t)(~0ull << (32 - bits));
		c->vnetmask.s_addr = htonl(mask);
	}
	if (~mask < 15)
		keyval_die(kv, "net=%s: the mask must have 1 to 28 bits", val);
	c->vnetwork.s_addr &= c->vnetmask.s_addr;
}

/* An address in the net: @last is what it has in its last bytes where the user says nothing. */
static struct in_addr take_address(SlirpConfig *c, struct keyval *kv, const char *key,
				   uint32_t last)
{
	const char *val = keyval_take(kv, key);
	struct in_addr a = { c->vnetwork.s_addr | (htonl(last) & ~c->vnetmask.s_addr) };

	if (val && !parse_ip4(val, &a))
		keyval_die(kv, "%s=%s: must be an address like 10.0.2.2", key, val);
	if (!in_net(c, a))
		keyval_die(kv, "%s=%s: is not in the network of net=", key, val);
	if (!(a.s_addr & ~c->vnetmask.s_addr) || !(~a.s_addr & ~c->vnetmask.s_addr))
		keyval_die(kv, "%s=%s: is the network's own address, or its broadcast address", key,
			   val ? val : "");
	return a;
}

static void parse_ip4_words(SlirpConfig *c, struct keyval *kv)
{
	const char *val = keyval_take(kv, "net");

	parse_net(c, kv, val ? val : "10.0.2.0/24");
	c->vhost = take_address(c, kv, "host", 0x0202);
	c->vnameserver = take_address(c, kv, "dns", 0x0203);
	c->vdhcp_start = take_address(c, kv, "dhcpstart", 0x020f);
	if (c->vhost.s_addr == c->vnameserver.s_addr)
		keyval_die(kv, "host= and dns= are one address");
	if (c->vdhcp_start.s_addr == c->vhost.s_addr ||
	    c->vdhcp_start.s_addr == c->vnameserver.s_addr)
		keyval_die(kv, "dhcpstart= is the address of the host or the name server");
}

static struct in6_addr take_ip6(struct keyval *kv, const char *key, struct in6_addr a)
{
	const char *val = keyval_take(kv, key);

	if (val && inet_pton(AF_INET6, val, &a) != 1)
		keyval_die(kv, "%s=%s: must be an address like fec0::2", key, val);
	return a;
}

static void parse_ip6_words(SlirpConfig *c, struct keyval *kv)
{
	struct in6_addr prefix = { .s6_addr = { 0xfe, 0xc0 } };

	c->vprefix_addr6 = take_ip6(kv, "ipv6-prefix", prefix);
	c->vprefix_len = (uint8_t)keyval_take_u64(kv, "ipv6-prefixlen", 64, 1, 126);
	c->vhost6 = c->vnameserver6 = c->vprefix_addr6;
	c->vhost6.s6_addr[15] |= 2;
	c->vnameserver6.s6_addr[15] |= 3;
	c->vhost6 = take_ip6(kv, "ipv6-host", c->vhost6);
	c->vnameserver6 = take_ip6(kv, "ipv6-dns", c->vnameserver6);
}

static struct forward *add_forward(struct forward **list, const char *val)
{
	struct forward *f = calloc(1, sizeof(*f));

	if (!f || !(f->text = strdup(val)))
		die("out of memory");
	while (*list)
		list = &(*list)->next;
	*list = f;
	return f;
}

/* The piece of *@p before the first @end, which is passed over; false: there is none, or no room. */
static bool piece(const char **p, char end, char *buf, size_t len)
{
	const char *at = strchr(*p, end);

	if (!at || (size_t)(at - *p) >= len)
		return false;
	memcpy(buf, *p, (size_t)(at - *p));
	buf[at - *p] = 0;
	*p = at + 1;
	return true;
}

static bool parse_port(const char *s, int *port)
{
	uint64_t n;

	if (!parse_u64(s, &n) || n < 1 || n > 65535)
		return false;
	*port = (int)n;
	return true;
}

static const char whole_form[] = "must be like tcp:127.0.0.1:2222-:22";
static const char host_form[] = "must be like tcp:127.0.0.1:2222";

/* The guest's end of a forwarding: -[GUESTADDR]:GUESTPORT. */
static const char *parse_guest_end(const struct slirp_net *n, struct forward *f, const char *p)
{
	char guest[64];

	if (!piece(&p, ':', guest, sizeof(guest)))
		return whole_form;
	/* None: the first that DHCP gives. */
	f->guest.s_addr = n->cfg.vdhcp_start.s_addr;
	if (*guest && (!parse_ip4(guest, &f->guest) || !in_net(&n->cfg, f->guest)))
		return explain("'%s' is no address in the guest's network", guest);
	if (!parse_port(p, &f->guest_port))
		return explain("'%s' is no port of the guest (1 to 65535)", p);
	return NULL;
}

/* [tcp|udp]:[HOSTADDR]:HOSTPORT and, when it is the @whole, the guest's end. NULL, or what is wrong. */
static const char *parse_rule(const struct slirp_net *n, struct forward *f, const char *val, bool whole)
{
	char protocol[8], host[64], port[8];
	const char *p = val;

	if (!piece(&p, ':', protocol, sizeof(protocol)) || !piece(&p, ':', host, sizeof(host)))
		return whole ? whole_form : host_form;
	f->udp = !strcmp(protocol, "udp");
	if (*protocol && !f->udp && strcmp(protocol, "tcp"))
		return explain("'%s' is neither tcp nor udp", protocol);
	f->host.s_addr = htonl(INADDR_ANY);
	if (*host && !parse_ip4(host, &f->host))
		return explain("'%s' is no address of this host", host);
	if (whole && !piece(&p, '-', port, sizeof(port)))
		return whole_form;
	if (!parse_port(whole ? port : p, &f->host_port))
		return explain("'%s' is no port of this host (1 to 65535)", whole ? port : p);
	return whole ? parse_guest_end(n, f, p) : NULL;
}

static void parse_hostfwd(struct slirp_net *n, struct keyval *kv, const char *val)
{
	const char *bad = parse_rule(n, add_forward(&n->hostfwd, val), val, true);

	if (bad)
		keyval_die(kv, "hostfwd=%s: %s", val, bad);
}

/* --- while the machine runs --- */

static const char *add_rule(struct slirp_net *n, const char *rule)
{
	struct forward new = { 0 }, *f;
	const char *bad = parse_rule(n, &new, rule, true);

	if (bad)
		return bad;
	if (slirp_add_hostfwd(n->slirp, new.udp, new.host, new.host_port, new.guest,
			      new.guest_port) < 0)
		return explain("cannot listen on port %d here: %s", new.host_port, strerror(errno));
	f = add_forward(&n->hostfwd, rule);
	new.text = f->text;
	*f = new;
	loop_soon(&n->turn);
	return NULL;
}

static const char *remove_rule(struct slirp_net *n, const char *rule)
{
	struct forward old = { 0 }, **p, *f;
	const char *bad = parse_rule(n, &old, rule, false);

	if (bad)
		return bad;
	for (p = &n->hostfwd; (f = *p); p = &f->next)
		if (f->udp == old.udp && f->host.s_addr == old.host.s_addr &&
		    f->host_port == old.host_port)
			break;
	if (!f || slirp_remove_hostfwd(n->slirp, f->udp, f->host, f->host_port) < 0)
		return "is not forwarded; info network lists what is";
	*p = f->next;
	free((char *)(uintptr_t)f->text);
	free(f);
	loop_soon(&n->turn);
	return NULL;
}

static const char *user_forward(struct netdev *nd, const char *rule, bool add)
{
	return add ? add_rule(to_slirp(nd), rule) : remove_rule(to_slirp(nd), rule);
}

/* Memory of glib's, which is malloc()'s. */
static char *user_connections(struct netdev *nd)
{
	return slirp_connection_info(to_slirp(nd)->slirp);
}

/* [tcp]:SERVER:PORT-cmd:COMMAND or -unix:PATH */
static void parse_guestfwd(struct slirp_net *n, struct keyval *kv, const char *val)
{
	struct forward *f = add_forward(&n->guestfwd, val);
	char protocol[8], server[64], port[8];
	const char *p = f->text;

	if (!piece(&p, ':', protocol, sizeof(protocol)) ||
	    !piece(&p, ':', server, sizeof(server)) || !piece(&p, '-', port, sizeof(port)))
		keyval_die(kv, "guestfwd=%s: must be like tcp:10.0.2.100:1234-cmd:COMMAND", val);
	if (*protocol && strcmp(protocol, "tcp"))
		keyval_die(kv, "guestfwd=%s: '%s' is not tcp", val, protocol);
	if (!parse_ip4(server, &f->guest) || !in_net(&n->cfg, f->guest))
		keyval_die(kv, "guestfwd=%s: '%s' is no address in the guest's network", val, server);
	if (!parse_port(port, &f->guest_port))
		keyval_die(kv, "guestfwd=%s: '%s' is no port (1 to 65535)", val, port);
	if (!strncmp(p, "cmd:", 4) && p[4]) {
		f->command = p + 4;
		sandbox_wants_programs = "-netdev user,guestfwd=";
	} else if (!strncmp(p, "unix:", 5) && p[5]) {
		f->path = p + 5;
	} else {
		keyval_die(kv, "guestfwd=%s: goes to cmd:COMMAND or unix:PATH, not to '%s'", val, p);
	}
}

static const char *take_copy(struct keyval *kv, const char *key)
{
	const char *val = keyval_take(kv, key);

	return val && *val ? strdup(val) : NULL;
}

static void parse_services(struct slirp_net *n, struct keyval *kv)
{
	SlirpConfig *c = &n->cfg;
	unsigned int nr = 0;
	struct stat st;
	const char *val;

	c->vhostname = take_copy(kv, "hostname");
	c->vdomainname = take_copy(kv, "domainname");
	c->tftp_path = take_copy(kv, "tftp");
	c->tftp_server_name = take_copy(kv, "tftp-server-name");
	c->bootfile = take_copy(kv, "bootfile");
	if (c->tftp_path && (stat(c->tftp_path, &st) || !S_ISDIR(st.st_mode)))
		keyval_die(kv, "tftp=%s: is not a directory", c->tftp_path);
	/* What DHCP has room for (RFC 2132). */
	if (c->bootfile && strlen(c->bootfile) > 127)
		keyval_die(kv, "bootfile=%s: is longer than 127 bytes", c->bootfile);
	while ((val = keyval_take_next(kv, "dnssearch"))) {
		if (nr == MAX_SEARCH)
			keyval_die(kv, "dnssearch=%s: there can be %d at most", val, MAX_SEARCH);
		n->search[nr++] = strdup(val);
	}
	c->vdnssearch = nr ? n->search : NULL;
	if (keyval_take(kv, "smb") || keyval_take(kv, "smbserver"))
		keyval_die(kv, "smb= is not built; give the guest files by tftp= or on a disk");
}

static void user_parse(struct netdev *nd, struct keyval *kv)
{
	struct slirp_net *n = to_slirp(nd);
	SlirpConfig *c = &n->cfg;
	const char *val;

	sandbox_wants_sockets = true;
	c->version = SLIRP_CONFIG_VERSION_MIN;
	c->in_enabled = keyval_take_bool(kv, "ipv4", true);
	c->in6_enabled = keyval_take_bool(kv, "ipv6", true);
	if (!c->in_enabled && !c->in6_enabled)
		keyval_die(kv, "ipv4=off and ipv6=off leave no network");
	c->restricted = keyval_take_bool(kv, "restrict", false);
	parse_ip4_words(c, kv);
	parse_ip6_words(c, kv);
	parse_services(n, kv);
	while ((val = keyval_take_next(kv, "hostfwd")))
		parse_hostfwd(n, kv, val);
	while ((val = keyval_take_next(kv, "guestfwd")))
		parse_guestfwd(n, kv, val);
}

const struct net_backend net_slirp = {
	.kind = "user",
	.help = "a network of its own behind this host's sockets (libslirp)",
	.size = sizeof(struct slirp_net),
	.parse = user_parse,
	.open = user_open,
	.send = user_send,
	.describe = user_describe,
	.forward = user_forward,
	.connections = user_connections,
};
