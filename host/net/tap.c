// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * -netdev tap: an interface of the host's, by the tun driver (the kernel's
 * Documentation/networking/tuntap.rst). With vnet_hdr each frame has struct virtio_net_hdr before
 * it, so that checksums and segments are the business of whoever is at the end of the way; the
 * driver is told what the guest takes (TUNSETOFFLOAD). Several queues are several descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/net/backend.h"
#include "host/report.h"

#define DEFAULT_SCRIPT "/etc/qemu-ifup"
#define AT_ONCE 64

/* struct virtio_net_hdr without num_buffers, which is what the driver reads and writes. */
struct vnet_hdr {
	struct net_offload off;
};
_Static_assert(sizeof(struct vnet_hdr) == 10, "virtio 1.2, section 5.1.6");

struct tap_queue {
	struct tap_net *net;
	unsigned int n;
	struct loop_fd lfd;
	bool used;			/* by the guest, which begins with one */
};

struct tap_net {
	struct netdev nd;
	char ifname[IFNAMSIZ];
	const char *script;		/* "": none, NULL: the usual one if it is there */
	int given[NET_MAX_QUEUES];	/* fd= or fds= */
	unsigned int nr_given;
	bool vnet_hdr, vnet_hdr_needed;
	unsigned int takes;		/* NET_OFFLOAD_* of the guest */
	struct tap_queue queue[NET_MAX_QUEUES];
	uint8_t buf[NET_MAX_FRAME + sizeof(struct vnet_hdr)];
};

static struct tap_net *to_tap(struct netdev *nd)
{
	return (struct tap_net *)nd;
}

/* --- frames --- */

/*
 * The guest that takes no unfilled checksum gets none: the driver does it after TUNSETOFFLOAD. A
 * frame that was under way before is handed over as it came only if it needs nothing.
 */
static bool guest_takes(const struct tap_net *t, const struct net_offload *off)
{
	static const struct { uint8_t type; unsigned int takes; } gso[] = {
		{ NET_GSO_TCPV4, NET_OFFLOAD_TSO4 }, { NET_GSO_TCPV6, NET_OFFLOAD_TSO6 },
		{ NET_GSO_UDP, NET_OFFLOAD_UFO },
	};
	unsigned int i;

	if (off->flags & NET_NEEDS_CSUM && !(t->takes & NET_OFFLOAD_CSUM))
		return false;
	if (off->gso_type & NET_GSO_ECN && !(t->takes & NET_OFFLOAD_ECN))
		return false;
	if (off->gso_type == NET_GSO_NONE)
		return true;
	for (i = 0; i < ARRAY_SIZE(gso); i++)
		if ((off->gso_type & ~NET_GSO_ECN) == gso[i].type)
			return t->takes & gso[i].takes;
	return false;
}

static bool read_one(struct tap_queue *q)
{
	struct tap_net *t = q->net;
	size_t head = t->vnet_hdr ? sizeof(struct vnet_hdr) : 0;
	ssize_t n = read(q->lfd.fd, t->buf, sizeof(t->buf));
	struct net_offload off;
	struct iovec iov;

	if (n < 0 || (size_t)n <= head)
		return false;
	iov = (struct iovec){ t->buf + head, (size_t)n - head };
	if (head) {
		memcpy(&off, t->buf, sizeof(off));
		if (!guest_takes(t, &off)) {
			t->nd.dropped++;
			return true;
		}
	}
	if (net_deliver(&t->nd, q->n, &iov, 1, head && t->takes ? &off : NULL))
		return true;
	loop_want(&q->lfd, 0);
	return false;
}

static void tap_ready(void *arg, uint32_t events)
{
	int i;

	for (i = 0; i < AT_ONCE && read_one(arg); i++)
		;
}

static void tap_resume(struct netdev *nd, unsigned int queue)
{
	struct tap_queue *q = &to_tap(nd)->queue[queue];

	if (q->used)
		loop_want(&q->lfd, EPOLLIN);
}

static bool tap_send(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		     const struct net_offload *off)
{
	struct tap_net *t = to_tap(nd);
	struct vnet_hdr head = { 0 };
	struct iovec out[NET_MAX_IOV + 1] = { { &head, sizeof(head) } };
	int at = !t->vnet_hdr;

	if (!t->queue[queue].used)
		queue = 0;
	if (off)
		head.off = *off;
	memcpy(out + 1, iov, (size_t)nr_iov * sizeof(*iov));
	return writev(t->queue[queue].lfd.fd, out + at, nr_iov + 1 - at) >= 0;
}

/* --- what the guest negotiates --- */

static void tap_set_offload(struct netdev *nd, unsigned int takes)
{
	static const struct { unsigned int ours, tun; } bits[] = {
		{ NET_OFFLOAD_CSUM, TUN_F_CSUM }, { NET_OFFLOAD_TSO4, TUN_F_TSO4 },
		{ NET_OFFLOAD_TSO6, TUN_F_TSO6 }, { NET_OFFLOAD_ECN, TUN_F_TSO_ECN },
		{ NET_OFFLOAD_UFO, TUN_F_UFO },
	};
	struct tap_net *t = to_tap(nd);
	unsigned long flags = 0;
	unsigned int i;

	/* Segments need checksums, and the driver refuses the one without the other. */
	if (!(takes & NET_OFFLOAD_CSUM))
		takes = 0;
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (takes & bits[i].ours)
			flags |= bits[i].tun;
	if (ioctl(t->queue[0].lfd.fd, TUNSETOFFLOAD, flags) && takes & NET_OFFLOAD_UFO) {
		/* Kernels from 4.14 to 6.1 have no UFO. */
		takes &= ~NET_OFFLOAD_UFO;
		ioctl(t->queue[0].lfd.fd, TUNSETOFFLOAD, flags & ~(unsigned long)TUN_F_UFO);
	}
	t->takes = takes;
}

static void use_queue(struct tap_queue *q, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	/* A detached one would report an error at every turn. */
	if (q->used == on)
		return;
	if (!on)
		loop_remove(&q->lfd);
	if (ioctl(q->lfd.fd, TUNSETQUEUE, &ifr))
		return;
	q->lfd.events = EPOLLIN;
	if (on)
		loop_add(&q->lfd);
	q->used = on;
}

static void tap_set_queues(struct netdev *nd, unsigned int nr)
{
	struct tap_net *t = to_tap(nd);
	unsigned int i;

	for (i = 1; i < nd->queues; i++)
		use_queue(&t->queue[i], i < nr);
}

/* --- opening --- */

static void run_script(const struct tap_net *t, const char *script)
{
	sigset_t none;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("-netdev tap,id=%s: cannot start %s: %s", t->nd.id, script, strerror(errno));
	if (!pid) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(script, script, t->ifname, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("-netdev tap,id=%s: %s %s failed (%s %d); script=no runs none", t->nd.id, script,
		    t->ifname, WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static int open_queue(struct tap_net *t)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	unsigned int features = 0;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("-netdev tap,id=%s: cannot open /dev/net/tun: %s", t->nd.id, strerror(errno));
	ioctl(fd, TUNGETFEATURES, &features);
	if (!(features & IFF_VNET_HDR)) {
		if (t->vnet_hdr_needed)
			die("-netdev tap,id=%s,vnet_hdr=on: this kernel's tun driver has none",
			    t->nd.id);
		t->vnet_hdr = false;
	}
	if (t->vnet_hdr)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (t->nd.queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(ifr.ifr_name, t->ifname, sizeof(ifr.ifr_name));
	if (ioctl(fd, TUNSETIFF, &ifr))
		die("-netdev tap,id=%s: cannot have interface '%s': %s%s", t->nd.id, t->ifname,
		    strerror(errno),
		    errno == EPERM ? "; it needs CAP_NET_ADMIN, or an interface that is yours: ip tuntap add mode tap user NAME" : "");
	memcpy(t->ifname, ifr.ifr_name, sizeof(t->ifname));
	return fd;
}

/* An interface that somebody else has opened: it is as he made it. */
static int check_given(struct tap_net *t, int fd)
{
	struct ifreq ifr = { 0 };

	if (ioctl(fd, TUNGETIFF, &ifr))
		die("-netdev tap,id=%s,fd=%d: is not a tap interface: %s", t->nd.id, fd,
		    strerror(errno));
	t->vnet_hdr = ifr.ifr_flags & IFF_VNET_HDR;
	if (t->vnet_hdr_needed && !t->vnet_hdr)
		die("-netdev tap,id=%s,vnet_hdr=on: descriptor %d was opened without", t->nd.id, fd);
	memcpy(t->ifname, ifr.ifr_name, sizeof(t->ifname));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

static void tap_open(struct netdev *nd)
{
	struct tap_net *t = to_tap(nd);
	int header = sizeof(struct vnet_hdr);
	unsigned int i;

	for (i = 0; i < nd->queues; i++) {
		struct tap_queue *q = &t->queue[i];
		int fd = t->nr_given ? check_given(t, t->given[i]) : open_queue(t);

		if (t->vnet_hdr && ioctl(fd, TUNSETVNETHDRSZ, &header))
			die("-netdev tap,id=%s: cannot set the length of the header: %s", nd->id,
			    strerror(errno));
		*q = (struct tap_queue){
			.net = t, .n = i, .used = true,
			.lfd = { .fd = fd, .events = EPOLLIN, .fn = tap_ready, .arg = q },
		};
		if (!loop_add(&q->lfd))
			die("-netdev tap,id=%s: cannot wait for it", nd->id);
	}
	nd->offload = t->vnet_hdr;
	tap_set_offload(nd, 0);
	tap_set_queues(nd, 1);
	if (t->script && *t->script)
		run_script(t, t->script);
	else if (!t->script && !t->nr_given && !access(DEFAULT_SCRIPT, X_OK))
		run_script(t, DEFAULT_SCRIPT);
}

/* --- words --- */

static void parse_given(struct tap_net *t, struct keyval *kv)
{
	const char *one = keyval_take(kv, "fd"), *val = keyval_take(kv, "fds");
	char *end;

	if (one && val)
		keyval_die(kv, "fd= and fds= exclude each other");
	for (val = one ? one : val; val; val = end + 1) {
		unsigned long fd = strtoul(val, &end, 10);

		if (end == val || (*end && *end != ':') || fd > INT32_MAX || (one && *end))
			keyval_die(kv, "%s=%s: must be numbers of open files, like %s", one ? "fd" : "fds",
				   val, one ? "3" : "3:4");
		if (t->nr_given == NET_MAX_QUEUES)
			keyval_die(kv, "fds=: there can be %u queues at most", NET_MAX_QUEUES);
		t->given[t->nr_given++] = (int)fd;
		if (!*end)
			break;
	}
}

static void tap_parse(struct netdev *nd, struct keyval *kv)
{
	static const char *const no_vhost[] = { "vhost", "vhostfd", "vhostfds", "vhostforce" };
	struct tap_net *t = to_tap(nd);
	const char *val, *name = keyval_take(kv, "ifname"), *header = keyval_take(kv, "vnet_hdr");
	unsigned int i;

	parse_given(t, kv);
	nd->queues = (unsigned int)keyval_take_u64(kv, "queues", t->nr_given ? t->nr_given : 1, 1,
						   NET_MAX_QUEUES);
	if (t->nr_given && nd->queues != t->nr_given)
		keyval_die(kv, "queues=%u: %u descriptors were given", nd->queues, t->nr_given);
	if (name && (t->nr_given || strlen(name) >= IFNAMSIZ))
		keyval_die(kv, t->nr_given ? "ifname=%s: does not go with fd=" :
			   "ifname=%s: is longer than 15 characters", name);
	if (name)
		snprintf(t->ifname, sizeof(t->ifname), "%s", name);
	t->vnet_hdr = true;
	if (header && !parse_bool(header, &t->vnet_hdr))
		keyval_die(kv, "vnet_hdr=%s: must be on or off", header);
	t->vnet_hdr_needed = header && t->vnet_hdr;
	val = keyval_take(kv, "script");
	t->script = val && strcmp(val, "no") ? strdup(val) : val ? "" : NULL;
	val = keyval_take(kv, "downscript");
	if (val && strcmp(val, "no") && *val)
		keyval_die(kv, "downscript=%s: is not built: the sandbox starts no programs; the interface goes by itself",
			   val);
	for (i = 0; i < ARRAY_SIZE(no_vhost); i++) {
		val = keyval_take(kv, no_vhost[i]);
		if (val && strcmp(val, "off"))
			keyval_die(kv, "%s=%s: is not built: frames go through this process", no_vhost[i],
				   val);
	}
	val = keyval_take(kv, "br");
	if (val || (val = keyval_take(kv, "helper")))
		keyval_die(kv, "br= and helper= are not built; give an interface by ifname= or fd=");
}

static void tap_describe(const struct netdev *nd, char *buf, size_t len)
{
	const struct tap_net *t = (const struct tap_net *)nd;

	snprintf(buf, len, "ifname=%s,queues=%u,vnet_hdr=%s", t->ifname, nd->queues,
		 t->vnet_hdr ? "on" : "off");
}

const struct net_backend net_tap = {
	.kind = "tap",
	.help = "an interface of this host: ifname= or fd=",
	.size = sizeof(struct tap_net),
	.parse = tap_parse,
	.open = tap_open,
	.send = tap_send,
	.resume = tap_resume,
	.set_queues = tap_set_queues,
	.set_offload = tap_set_offload,
	.describe = tap_describe,
};
