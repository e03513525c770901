// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * e1000: which frames its registers let in, told to who manages the machine (sections 4.5 and 13.5 of
 * the manual). The table of multicast addresses is one of hashes: of those in it nobody can say which
 * addresses they are, so they are "more than the table says".
 */
#include <string.h>

#include "devices/nic/e1000.h"

#define RCTL_FILTER (RCTL_UPE | RCTL_MPE | RCTL_BAM | RCTL_VFE | RCTL_MO)

static const struct { uint16_t from, to; uint32_t bits; } filters[] = {
	{ RCTL, RCTL, RCTL_FILTER }, { MTA, MTA + 0x1fc, UINT32_MAX },
	{ RA, RA + 8 * NR_RA - 4, UINT32_MAX }, { VFTA, VFTA + 0x1fc, UINT32_MAX },
};

void e1000_filter_written(struct e1000 *e, unsigned int off, uint32_t bits)
{
	unsigned int i;

	for (i = 0; e->nd && i < ARRAY_SIZE(filters); i++)
		if (off >= filters[i].from && off <= filters[i].to && bits & filters[i].bits)
			net_rx_filter_changed(e->nd);
}

static void get_address(struct e1000 *e, unsigned int n, uint8_t mac[6])
{
	uint32_t low = R(RA + 8 * n), high = R(RA + 8 * n + 4);

	memcpy(mac, &low, 4);
	memcpy(mac + 4, &high, 2);
}

void e1000_rx_filter(void *arg, struct net_rx_filter *f)
{
	unsigned int i, nr[2] = { 0, 0 };
	struct e1000 *e = arg;
	uint8_t mac[6];

	f->promiscuous = R(RCTL) & RCTL_UPE && R(RCTL) & RCTL_MPE;
	f->broadcast = R(RCTL) & (RCTL_BAM | RCTL_MPE);
	f->unicast = R(RCTL) & RCTL_UPE ? NET_RX_ALL : NET_RX_NORMAL;
	f->multicast = R(RCTL) & RCTL_MPE ? NET_RX_ALL : NET_RX_NORMAL;
	f->vlan = R(RCTL) & RCTL_VFE ? NET_RX_NORMAL : NET_RX_ALL;
	for (i = 0; i < 128; i++)
		f->multicast_overflow |= R(MTA + 4 * i) != 0;
	for (i = 0; i < NR_RA; i++) {
		if (!(R(RA + 8 * i + 4) & RAH_AV))
			continue;
		get_address(e, i, mac);
		memcpy(e->told_mac[mac[0] & 1][nr[mac[0] & 1]++], mac, 6);
	}
	f->main_mac = e->mac;
	f->unicast_mac = e->told_mac[0];
	f->multicast_mac = e->told_mac[1];
	f->nr_unicast = nr[0];
	f->nr_multicast = nr[1];
	f->vlans = &R(VFTA);
}
