/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network back ends, as network cards see them: Ethernet frames without their checksum, in and out.
 * Everything under the machine lock.
 */
#ifndef ANYKVM_HOST_NET_NET_H
#define ANYKVM_HOST_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The largest frame: 64 KiB of a segmentation offload, and its headers. */
#define NET_MAX_FRAME (65536u + 64u)
#define NET_MAX_IOV 64		/* pieces in which a frame may come */

struct netdev;

/* What goes with a frame when both ends know offloads: virtio 1.2, section 5.1.6, struct virtio_net_hdr. */
enum { NET_NEEDS_CSUM = 1, NET_CSUM_VALID = 2 };			/* flags */
enum { NET_GSO_NONE = 0, NET_GSO_TCPV4 = 1, NET_GSO_UDP = 3, NET_GSO_TCPV6 = 4, NET_GSO_ECN = 0x80 };
struct net_offload {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

/* Which frames a card takes, as its driver has set it; for the monitor. */
enum net_rx { NET_RX_NONE, NET_RX_NORMAL, NET_RX_ALL };		/* NORMAL: those in the table */
struct net_rx_filter {
	bool promiscuous, broadcast;
	enum net_rx unicast, multicast, vlan;
	bool unicast_overflow, multicast_overflow;	/* more than the table says */
	const uint8_t *main_mac;
	/* The card's own memory. */
	const uint8_t (*unicast_mac)[6], (*multicast_mac)[6];
	unsigned int nr_unicast, nr_multicast;
	const uint32_t *vlans;				/* 4096 bits */
};

struct net_user {
	/*
	 * A frame for the guest, from the event loop and never inside another call of the card's.
	 * @off is NULL unless the card said what it takes. False: no room; it waits, and net_ready()
	 * asks for it again.
	 */
	bool (*receive)(void *arg, unsigned int queue, const struct iovec *iov, int nr_iov,
			const struct net_offload *off);
	/* The cable was plugged in or pulled (monitor's set_link). */
	void (*link_changed)(void *arg, bool up);
	/* Which frames the card takes. May be NULL. */
	void (*rx_filter)(void *arg, struct net_rx_filter *f);
};

/* NULL, or who has it. */
const char *net_attach(struct netdev *nd, const struct net_user *user, void *arg, const char *who);
void net_detach(struct netdev *nd);
/* A frame from the guest; gone when this returns, dropped where it cannot go. @off may be NULL. */
void net_send(struct netdev *nd, const struct iovec *iov, int nr_iov, const struct net_offload *off);
/* There is room to receive again. */
void net_ready(struct netdev *nd);
bool net_link(const struct netdev *nd);
/* It takes other frames now: tells who manages the machine, once until it asks which. */
void net_rx_filter_changed(struct netdev *nd);

/* Queue pairs, for multiqueue: how many there can be, how many are used (1 at the start). */
#define NET_MAX_QUEUES 16u
unsigned int net_queues(const struct netdev *nd);
void net_set_queues(struct netdev *nd, unsigned int nr);
void net_send_queue(struct netdev *nd, unsigned int queue, const struct iovec *iov, int nr_iov,
		    const struct net_offload *off);

/*
 * Does it take frames with unfilled checksums and segments to cut? Then say what the guest takes,
 * 0 at the start and after a reset.
 */
bool net_has_offload(const struct netdev *nd);
enum { NET_OFFLOAD_CSUM = 1, NET_OFFLOAD_TSO4 = 2, NET_OFFLOAD_TSO6 = 4, NET_OFFLOAD_ECN = 8,
       NET_OFFLOAD_UFO = 16 };
void net_set_offload(struct netdev *nd, unsigned int guest_takes);

/* An address for a card that was given none: 52:54:00:12:34:56 and on. */
void net_default_mac(uint8_t mac[6]);

/* --- for the machine and the monitor --- */

struct netdev *netdev_find(const char *id);		/* NULL: none */
struct netdev *netdev_first(void);
struct netdev *netdev_next(struct netdev *nd);
const char *netdev_id(const struct netdev *nd);
const char *netdev_user_name(const struct netdev *nd);	/* the card's, or NULL */
void netdev_describe(const struct netdev *nd, char *buf, size_t len);
void netdev_set_link(struct netdev *nd, bool up);
/* False: the card does not say, or there is none. */
bool netdev_rx_filter(struct netdev *nd, struct net_rx_filter *f);
/*
 * Of -netdev user: the host's ports that lead into the guest. @rule is "[tcp|udp]:[ADDR]:PORT", and when
 * it is to be added "-[GUESTADDR]:GUESTPORT" too. NULL, or what is wrong.
 */
bool netdev_has_forwards(const struct netdev *nd);
const char *netdev_forward(struct netdev *nd, const char *rule, bool add);
char *netdev_connections(struct netdev *nd);		/* a table, to be freed */

#endif
