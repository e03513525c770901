// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The network card: Virtual I/O Device (VIRTIO) Version 1.2, section 5.1.
 *
 * Checksums and segments are offered where the back end does them: then struct virtio_net_hdr goes
 * through as it is, checked for what was negotiated and for staying inside the frame. A frame is
 * copied out of guest memory once, and what is checked is the copy.
 */
#include <stdio.h>
#include <string.h>

#include "devices/virtio/virtio.h"
#include "host/net/net.h"

enum {
	F_CSUM = 0, F_GUEST_CSUM = 1, F_CTRL_GUEST_OFFLOADS = 2, F_MTU = 3, F_MAC = 5,
	F_GUEST_TSO4 = 7, F_GUEST_TSO6 = 8, F_GUEST_ECN = 9, F_GUEST_UFO = 10, F_HOST_TSO4 = 11,
	F_HOST_TSO6 = 12, F_HOST_ECN = 13, F_MRG_RXBUF = 15, F_STATUS = 16, F_CTRL_VQ = 17,
	F_CTRL_RX = 18, F_CTRL_VLAN = 19, F_CTRL_RX_EXTRA = 20, F_GUEST_ANNOUNCE = 21, F_MQ = 22,
	F_CTRL_MAC_ADDR = 23,
};
#define BIT(n) (1ull << (n))

/* Configuration space (5.1.4). */
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10, CONFIG_LEN = 12 };
#define S_LINK_UP	1u
#define S_ANNOUNCE	2u

/* The control queue (5.1.6.5). */
enum { CTRL_RX, CTRL_MAC, CTRL_VLAN, CTRL_ANNOUNCE, CTRL_MQ, CTRL_GUEST_OFFLOADS, NR_CTRL };
enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST, NR_RX_MODES };
enum { CTRL_OK = 0, CTRL_ERR = 1 };

#define MAX_MACS 64u		/* of each table; with more all frames of its kind pass */
#define MAX_CTRL (2 + 2 * (4 + 6 * 1024u))
#define MAX_MERGED 64u		/* buffers of one frame */
#define PORTION_CHAINS 256u
#define PORTION_BYTES (1u << 20)

struct net_hdr {
	struct net_offload off;
	uint16_t num_buffers;
};
_Static_assert(sizeof(struct net_hdr) == 12, "section 5.1.6");

struct mac_table {
	uint8_t mac[MAX_MACS][6];
	unsigned int nr;
	bool overflow;
};

struct virtio_net {
	struct virtio_dev v;
	struct netdev *nd;
	uint8_t given_mac[6];		/* the property */
	uint64_t mtu, rx_size, tx_size;
	bool want_csum, want_mrg, want_status, want_ctrl, want_mq;

	uint8_t mac[6];
	unsigned int pairs, used_pairs;
	unsigned int head;		/* length of the header, as negotiated */
	bool announce;
	bool mode[NR_RX_MODES];
	struct mac_table unicast, multicast;
	uint32_t vlans[4096 / 32];
	struct device_timer more;
	uint64_t dropped;
	uint8_t frame[sizeof(struct net_hdr) + NET_MAX_FRAME];
};

static struct virtio_net *to_net(struct virtio_dev *v)
{
	return (struct virtio_net *)v;
}

static unsigned int ctrl_queue(const struct virtio_net *n)
{
	return virtio_has(&n->v, F_MQ) ? 2 * n->pairs : 2;
}

/* --- to the guest --- */

static bool in_table(const struct mac_table *t, const uint8_t *mac)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (!memcmp(t->mac[i], mac, 6))
			return true;
	return t->overflow;
}

static bool passes(const struct virtio_net *n, const uint8_t *frame, size_t len)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned int vlan;

	if (len < 14)
		return false;
	if (n->mode[RX_PROMISC])
		return true;
	if (frame[12] == 0x81 && frame[13] == 0 && len >= 16 && virtio_has(&n->v, F_CTRL_VLAN)) {
		vlan = (frame[14] << 8 | frame[15]) & 0xfff;
		if (!(n->vlans[vlan / 32] >> (vlan & 31) & 1))
			return false;
	}
	if (!memcmp(frame, broadcast, 6))
		return !n->mode[RX_NOBCAST];
	if (frame[0] & 1)
		return !n->mode[RX_NOMULTI] &&
		       (n->mode[RX_ALLMULTI] || in_table(&n->multicast, frame));
	return !n->mode[RX_NOUNI] &&
	       (n->mode[RX_ALLUNI] || !memcmp(frame, n->mac, 6) || in_table(&n->unicast, frame));
}

/* Chains for @need bytes: how many; 0: there are not enough, and all are back in the ring. */
static unsigned int take_buffers(struct virtio_net *n, unsigned int q, uint64_t need,
				 struct virtio_chain **c, bool *hopeless)
{
	unsigned int nr = 0, most = virtio_has(&n->v, F_MRG_RXBUF) ? MAX_MERGED : 1;
	uint64_t room = 0;

	*hopeless = false;
	while (room < need && nr < most && (c[nr] = virtio_next(&n->v, q))) {
		room += c[nr]->in_len;
		/* The first has to hold the header. */
		if (!nr && room < n->head)
			virtio_break(&n->v, "a receive buffer is shorter than the header");
		nr++;
	}
	if (room >= need && !n->v.broken)
		return nr;
	*hopeless = nr == most || n->v.broken;
	while (nr)
		virtio_unget(&n->v, q, c[--nr]);
	return 0;
}

static void write_frame(struct virtio_net *n, struct virtio_chain **c, uint32_t *written,
			unsigned int nr, const struct iovec *iov, int nr_iov, struct net_hdr *hdr)
{
	unsigned int at = 0;
	uint64_t off = n->head;
	int i;

	hdr->num_buffers = (uint16_t)nr;
	virtio_write(&n->v, c[0], 0, hdr, n->head);
	for (i = 0; i < nr_iov; i++) {
		const uint8_t *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		while (left) {
			uint64_t done = virtio_write(&n->v, c[at], off, p, left);

			off += done;
			p += done;
			left -= done;
			if (left) {
				written[at++] = (uint32_t)off;
				off = 0;
			}
		}
	}
	written[at] = (uint32_t)off;
	while (++at < nr)
		written[at] = 0;
}

static bool net_receive(void *arg, unsigned int queue, const struct iovec *iov, int nr_iov,
			const struct net_offload *off)
{
	struct virtio_net *n = arg;
	struct virtio_chain *c[MAX_MERGED];
	uint32_t written[MAX_MERGED];
	struct net_hdr hdr = { 0 };
	unsigned int q = 2 * (queue < n->used_pairs ? queue : 0), nr;
	uint64_t len = n->head;
	bool hopeless;
	int i;

	if (!n->v.started || !virtio_queue_ready(&n->v, q) ||
	    !passes(n, iov[0].iov_base, iov[0].iov_len))
		return true;
	for (i = 0; i < nr_iov; i++)
		len += iov[i].iov_len;
	if (off)
		hdr.off = *off;
	nr = take_buffers(n, q, len, c, &hopeless);
	/* The driver may have added some between the look and the wish to be notified of it. */
	if (!nr && !hopeless && virtio_want_notify(&n->v, q, true))
		nr = take_buffers(n, q, len, c, &hopeless);
	if (!nr) {
		n->dropped += hopeless;
		return hopeless;
	}
	write_frame(n, c, written, nr, iov, nr_iov, &hdr);
	virtio_done_together(&n->v, q, c, written, nr);
	virtio_notify(&n->v, q);
	return true;
}

/* --- from the guest --- */

/* Does the header ask for what was negotiated, and point into the frame? */
static bool header_good(const struct virtio_net *n, const struct net_offload *o, uint64_t len)
{
	static const struct { uint8_t type, feature; } gso[] = {
		{ NET_GSO_TCPV4, F_HOST_TSO4 }, { NET_GSO_TCPV6, F_HOST_TSO6 },
	};
	unsigned int i;

	if (o->flags & NET_NEEDS_CSUM &&
	    (!virtio_has(&n->v, F_CSUM) || (uint64_t)o->csum_start + o->csum_offset + 2 > len))
		return false;
	if (o->gso_type == NET_GSO_NONE)
		return true;
	if (!(o->flags & NET_NEEDS_CSUM) || !o->gso_size || o->hdr_len > len ||
	    (o->gso_type & NET_GSO_ECN && !virtio_has(&n->v, F_HOST_ECN)))
		return false;
	for (i = 0; i < ARRAY_SIZE(gso); i++)
		if ((o->gso_type & ~NET_GSO_ECN) == gso[i].type)
			return virtio_has(&n->v, gso[i].feature);
	return false;
}

static uint64_t send_chain(struct virtio_net *n, unsigned int pair, const struct virtio_chain *c)
{
	struct net_offload off;
	struct iovec iov;
	uint64_t len;

	if (c->out_len < n->head + 14u || c->out_len > n->head + NET_MAX_FRAME) {
		n->dropped++;
		return 0;
	}
	len = virtio_read(&n->v, c, 0, n->frame, sizeof(n->frame)) - n->head;
	memcpy(&off, n->frame, sizeof(off));
	/* The driver is to leave the other bits alone, and the device not to look at them. */
	off.flags &= NET_NEEDS_CSUM;
	if (!n->nd || !header_good(n, &off, len)) {
		n->dropped++;
		return len;
	}
	iov = (struct iovec){ n->frame + n->head, len };
	net_send_queue(n->nd, pair, &iov, 1, off.flags || off.gso_type ? &off : NULL);
	return len;
}

/* In portions: the event loop goes on, so that no ring keeps the machine for long. */
static void transmit(struct virtio_net *n, unsigned int q)
{
	unsigned int chains = 0;
	uint64_t bytes = 0;
	struct virtio_chain *c;

	do {
		virtio_want_notify(&n->v, q, false);
		while (chains < PORTION_CHAINS && bytes < PORTION_BYTES &&
		       (c = virtio_next(&n->v, q))) {
			bytes += send_chain(n, q / 2, c);
			virtio_done(&n->v, q, c, 0);
			chains++;
		}
		virtio_notify(&n->v, q);
		if (chains == PORTION_CHAINS || bytes >= PORTION_BYTES) {
			device_timer_set(&n->more, device_now());
			return;
		}
	} while (virtio_want_notify(&n->v, q, true));
}

static void transmit_more(void *arg)
{
	struct virtio_net *n = arg;
	unsigned int i;

	for (i = 0; i < n->used_pairs; i++)
		transmit(n, 2 * i + 1);
}

/* --- the control queue --- */

static void changed_filter(struct virtio_net *n)
{
	if (n->nd)
		net_rx_filter_changed(n->nd);
}

static bool set_rx_mode(struct virtio_net *n, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	if (cmd >= NR_RX_MODES || len < 1)
		return false;
	n->mode[cmd] = data[0];
	changed_filter(n);
	return true;
}

/* One table: entries (32 bits) and addresses; how many bytes it had, 0: it is cut off. */
static uint32_t take_table(struct mac_table *t, const uint8_t *data, uint32_t len)
{
	uint32_t nr;

	if (len < 4)
		return 0;
	memcpy(&nr, data, 4);
	if (nr > (len - 4) / 6)
		return 0;
	t->overflow = nr > MAX_MACS;
	t->nr = t->overflow ? 0 : nr;
	memcpy(t->mac, data + 4, 6 * t->nr);
	return 4 + 6 * nr;
}

static bool set_mac(struct virtio_net *n, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	struct mac_table unicast, multicast;
	uint32_t used;

	if (cmd == 1 && len >= 6 && virtio_has(&n->v, F_CTRL_MAC_ADDR)) {
		memcpy(n->mac, data, 6);
		changed_filter(n);
		return true;
	}
	if (cmd != 0 || !(used = take_table(&unicast, data, len)) ||
	    !take_table(&multicast, data + used, len - used))
		return false;
	n->unicast = unicast;
	n->multicast = multicast;
	changed_filter(n);
	return true;
}

static bool set_vlan(struct virtio_net *n, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	unsigned int vlan;

	if (cmd > 1 || len < 2)
		return false;
	vlan = data[0] | data[1] << 8;
	if (vlan > 4095)
		return false;
	if (cmd == 0)
		n->vlans[vlan / 32] |= 1u << (vlan & 31);
	else
		n->vlans[vlan / 32] &= ~(1u << (vlan & 31));
	changed_filter(n);
	return true;
}

static bool announced(struct virtio_net *n, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	if (cmd != 0 || !n->announce)
		return false;
	n->announce = false;
	return true;
}

static bool set_pairs(struct virtio_net *n, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	unsigned int nr;

	if (cmd != 0 || len < 2)
		return false;
	nr = (unsigned int)(data[0] | data[1] << 8);
	if (!nr || nr > n->pairs)
		return false;
	n->used_pairs = nr;
	if (n->nd) {
		net_set_queues(n->nd, nr);
		net_ready(n->nd);
	}
	return true;
}

static const struct { unsigned int feature, takes; } guest_offloads[] = {
	{ F_GUEST_CSUM, NET_OFFLOAD_CSUM }, { F_GUEST_TSO4, NET_OFFLOAD_TSO4 },
	{ F_GUEST_TSO6, NET_OFFLOAD_TSO6 }, { F_GUEST_ECN, NET_OFFLOAD_ECN },
	{ F_GUEST_UFO, NET_OFFLOAD_UFO },
};

static void use_offloads(struct virtio_net *n, uint64_t features)
{
	unsigned int i, takes = 0;

	for (i = 0; i < ARRAY_SIZE(guest_offloads); i++)
		if (features & BIT(guest_offloads[i].feature))
			takes |= guest_offloads[i].takes;
	if (n->nd)
		net_set_offload(n->nd, takes);
}

static bool set_offloads(struct virtio_net *n, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	uint64_t wanted, may = 0;
	unsigned int i;

	if (cmd != 0 || len < 8)
		return false;
	memcpy(&wanted, data, 8);
	for (i = 0; i < ARRAY_SIZE(guest_offloads); i++)
		may |= BIT(guest_offloads[i].feature);
	if (wanted & ~(may & n->v.features))
		return false;
	use_offloads(n, wanted);
	return true;
}

static const struct {
	unsigned int feature;
	bool (*fn)(struct virtio_net *n, uint8_t cmd, const uint8_t *data, uint32_t len);
} ctrl[NR_CTRL] = {
	[CTRL_RX] = { F_CTRL_RX, set_rx_mode },
	[CTRL_MAC] = { F_CTRL_RX, set_mac },
	[CTRL_VLAN] = { F_CTRL_VLAN, set_vlan },
	[CTRL_ANNOUNCE] = { F_GUEST_ANNOUNCE, announced },
	[CTRL_MQ] = { F_MQ, set_pairs },
	[CTRL_GUEST_OFFLOADS] = { F_CTRL_GUEST_OFFLOADS, set_offloads },
};

static uint8_t command(struct virtio_net *n, const struct virtio_chain *c)
{
	static uint8_t data[MAX_CTRL];		/* the machine lock is held */
	uint32_t len = (uint32_t)virtio_read(&n->v, c, 0, data, sizeof(data));

	if (len < 2 || c->out_len > sizeof(data) || data[0] >= NR_CTRL ||
	    !virtio_has(&n->v, ctrl[data[0]].feature))
		return CTRL_ERR;
	return ctrl[data[0]].fn(n, data[1], data + 2, len - 2) ? CTRL_OK : CTRL_ERR;
}

static void run_commands(struct virtio_net *n, unsigned int q)
{
	struct virtio_chain *c;
	unsigned int i;
	uint8_t ack;

	/* A ring has no more than it has entries; who adds while we run notifies again. */
	for (i = 0; i < PORTION_CHAINS && (c = virtio_next(&n->v, q)); i++) {
		if (!c->in_len) {
			virtio_break(&n->v, "a command has no room for its answer");
			virtio_done(&n->v, q, c, 0);
			return;
		}
		ack = command(n, c);
		virtio_write(&n->v, c, 0, &ack, 1);
		virtio_done(&n->v, q, c, 1);
	}
	virtio_notify(&n->v, q);
}

/* --- the device --- */

static void notified(struct virtio_dev *v, unsigned int q)
{
	struct virtio_net *n = to_net(v);

	if (q == ctrl_queue(n) && virtio_has(v, F_CTRL_VQ))
		run_commands(n, q);
	else if (q & 1)
		transmit(n, q);
	else if (n->nd)
		net_ready(n->nd);
}

static void link_changed(void *arg, bool up)
{
	struct virtio_net *n = arg;

	n->announce = up && virtio_has(&n->v, F_GUEST_ANNOUNCE);
	if (virtio_has(&n->v, F_STATUS))
		virtio_config_changed(&n->v);
}

static enum net_rx kind_of(bool none, bool all)
{
	return none ? NET_RX_NONE : all ? NET_RX_ALL : NET_RX_NORMAL;
}

static void rx_filter(void *arg, struct net_rx_filter *f)
{
	const struct virtio_net *n = arg;

	f->promiscuous = n->mode[RX_PROMISC];
	f->broadcast = !n->mode[RX_NOBCAST];
	f->unicast = kind_of(n->mode[RX_NOUNI], n->mode[RX_ALLUNI]);
	f->multicast = kind_of(n->mode[RX_NOMULTI], n->mode[RX_ALLMULTI]);
	f->vlan = kind_of(false, !virtio_has(&n->v, F_CTRL_VLAN));
	f->unicast_overflow = n->unicast.overflow;
	f->multicast_overflow = n->multicast.overflow;
	f->main_mac = n->mac;
	f->unicast_mac = n->unicast.mac;
	f->nr_unicast = n->unicast.nr;
	f->multicast_mac = n->multicast.mac;
	f->nr_multicast = n->multicast.nr;
	f->vlans = n->vlans;
}

static void config_read(struct virtio_dev *v, uint8_t *config)
{
	struct virtio_net *n = to_net(v);
	uint16_t status = (n->nd && net_link(n->nd) ? S_LINK_UP : 0) | (n->announce ? S_ANNOUNCE : 0);

	memcpy(config + CONFIG_MAC, n->mac, 6);
	pci_put16(config, CONFIG_STATUS, status);
	pci_put16(config, CONFIG_PAIRS, (uint16_t)n->pairs);
	pci_put16(config, CONFIG_MTU, (uint16_t)n->mtu);
}

/* Only the legacy interface lets the address be written, and only without a control queue for it. */
static void config_written(struct virtio_dev *v, const uint8_t *config, unsigned int off,
			   unsigned int len)
{
	if (v->legacy && !virtio_has(v, F_CTRL_MAC_ADDR) && off < CONFIG_MAC + 6)
		memcpy(to_net(v)->mac, config + CONFIG_MAC, 6);
}

static void driver_ok(struct virtio_dev *v, bool on)
{
	struct virtio_net *n = to_net(v);

	n->head = virtio_has(v, VIRTIO_F_VERSION_1) || virtio_has(v, F_MRG_RXBUF) ?
		  sizeof(struct net_hdr) : sizeof(struct net_offload);
	if (!on || !n->nd)
		return;
	use_offloads(n, v->features);
	net_ready(n->nd);
}

static void net_reset(struct virtio_dev *v)
{
	struct virtio_net *n = to_net(v);

	device_timer_cancel(&n->more);
	memcpy(n->mac, n->given_mac, 6);
	memset(n->mode, 0, sizeof(n->mode));
	/* A driver without the control queue for it gets all frames. */
	n->mode[RX_PROMISC] = true;
	memset(&n->unicast, 0, sizeof(n->unicast));
	memset(&n->multicast, 0, sizeof(n->multicast));
	memset(n->vlans, 0, sizeof(n->vlans));
	n->announce = false;
	n->used_pairs = 1;
	n->head = sizeof(struct net_hdr);
	if (n->nd) {
		use_offloads(n, 0);
		net_set_queues(n->nd, 1);
		net_ready(n->nd);
	}
}

static const struct net_user net_user = {
	.receive = net_receive,
	.link_changed = link_changed,
	.rx_filter = rx_filter,
};

static void offer(struct virtio_net *n)
{
	uint64_t f = BIT(F_MAC);

	if (n->want_csum && n->nd && net_has_offload(n->nd))
		f |= BIT(F_CSUM) | BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4) | BIT(F_GUEST_TSO6) |
		     BIT(F_GUEST_ECN) | BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6) | BIT(F_HOST_ECN) |
		     (n->want_ctrl ? BIT(F_CTRL_GUEST_OFFLOADS) : 0);
	if (n->want_mrg)
		f |= BIT(F_MRG_RXBUF);
	if (n->want_status)
		f |= BIT(F_STATUS);
	if (n->want_ctrl)
		f |= BIT(F_CTRL_VQ) | BIT(F_CTRL_RX) | BIT(F_CTRL_VLAN) | BIT(F_CTRL_RX_EXTRA) |
		     BIT(F_CTRL_MAC_ADDR) | (n->want_status ? BIT(F_GUEST_ANNOUNCE) : 0);
	if (n->pairs > 1)
		f |= BIT(F_MQ);
	if (n->mtu)
		f |= BIT(F_MTU);
	n->v.offered |= f;
}

static const char *realize(struct virtio_dev *v)
{
	static const uint8_t none[6];
	static char text[128];
	struct virtio_net *n = to_net(v);
	const char *other;
	unsigned int i;

	if (n->rx_size & (n->rx_size - 1) || n->tx_size & (n->tx_size - 1))
		return "rx_queue_size= and tx_queue_size= must be powers of two";
	if (n->mtu && n->mtu < 68)
		return "host_mtu= must be 68 at least";
	other = n->nd ? net_attach(n->nd, &net_user, n, v->dev->id ? v->dev->id : "virtio-net") : NULL;
	if (other) {
		snprintf(text, sizeof(text), "netdev=: is the cable of %s already", other);
		return text;
	}
	if (!memcmp(n->given_mac, none, sizeof(none)))
		net_default_mac(n->given_mac);
	n->pairs = n->nd && n->want_mq && n->want_ctrl ? net_queues(n->nd) : 1;
	for (i = 0; i < n->pairs; i++) {
		virtio_add_queue(v, (unsigned int)n->rx_size, notified);
		virtio_add_queue(v, (unsigned int)n->tx_size, notified);
	}
	if (n->want_ctrl)
		virtio_add_queue(v, 64, notified);
	device_timer_init(&n->more, transmit_more, n);
	offer(n);
	net_reset(v);
	return NULL;
}

static void unrealize(struct virtio_dev *v)
{
	struct virtio_net *n = to_net(v);

	device_timer_cancel(&n->more);
	if (n->nd)
		net_detach(n->nd);
}

static void describe(struct virtio_dev *v, char *buf, size_t len)
{
	struct virtio_net *n = to_net(v);

	snprintf(buf, len, "link %s, %u of %u queue pairs, %llu frames dropped",
		 n->nd && net_link(n->nd) ? "up" : "down", n->used_pairs, n->pairs,
		 (unsigned long long)n->dropped);
}

static const struct device_prop props[] = {
	{ "mac", PROP_MAC, offsetof(struct virtio_net, given_mac),
	  "address (default 52:54:00:12:34:56 and on)" },
	{ "netdev", PROP_NETDEV, offsetof(struct virtio_net, nd), "back end; without one no cable is in" },
	{ "csum", PROP_BOOL, offsetof(struct virtio_net, want_csum),
	  "checksums and segmentation, both ways, where the back end has them", "on" },
	{ "mrg_rxbuf", PROP_BOOL, offsetof(struct virtio_net, want_mrg),
	  "a frame over several receive buffers", "on" },
	{ "status", PROP_BOOL, offsetof(struct virtio_net, want_status), "the link's state", "on" },
	{ "ctrl_vq", PROP_BOOL, offsetof(struct virtio_net, want_ctrl),
	  "the control queue: filters, address, queue pairs", "on" },
	{ "mq", PROP_BOOL, offsetof(struct virtio_net, want_mq),
	  "as many queue pairs as the back end has", "on" },
	{ "host_mtu", PROP_U64, offsetof(struct virtio_net, mtu),
	  "the largest packet, told to the driver; 0: not", "0", 0, 65535 },
	{ "rx_queue_size", PROP_U64, offsetof(struct virtio_net, rx_size), "entries", "256", 8,
	  VIRTIO_QUEUE_MAX },
	{ "tx_queue_size", PROP_U64, offsetof(struct virtio_net, tx_size), "entries", "256", 8,
	  VIRTIO_QUEUE_MAX },
};

static const struct virtio_class virtio_net = {
	.name = "virtio-net",
	.what = "virtio network card",
	.missing = "RSS, hash reports, UDP fragmentation, coalescing of segments and of interrupts",
	.id = VIRTIO_ID_NET,
	.pci_transitional = 0x1000,
	.pci_class = 0x020000,
	.boot_node = "ethernet-phy@0",
	.rom = "efi-virtio.rom",
	.size = sizeof(struct virtio_net),
	.props = props,
	.nr_props = ARRAY_SIZE(props),
	.config_len = CONFIG_LEN,
	.realize = realize,
	.unrealize = unrealize,
	.reset = net_reset,
	.driver_ok = driver_ok,
	.config_read = config_read,
	.config_written = config_written,
	.describe = describe,
};
VIRTIO_REGISTER(virtio_net);
