// SPDX-License-Identifier: LGPL-2.1-or-later
/* The virtio network card against Virtio 1.2, section 5.1. */
#include "devices/virtio/core.h"
#include "tests/host/virtio_driver.h"

#define BIT(n) (1ull << (n))
enum {
	F_CSUM = 0, F_GUEST_CSUM = 1, F_GUEST_OFFLOADS = 2, F_MTU = 3, F_MAC = 5, F_GUEST_TSO4 = 7,
	F_GUEST_TSO6 = 8, F_GUEST_ECN = 9, F_HOST_TSO4 = 11, F_HOST_TSO6 = 12, F_MRG = 15,
	F_STATUS = 16, F_CTRL = 17, F_CTRL_RX = 18, F_CTRL_VLAN = 19, F_ANNOUNCE = 21, F_MQ = 22,
	F_CTRL_MAC = 23,
};
#define ALL 0xffffffull

static struct driver d;
static struct netdev cable;
static uint64_t head, data, room;
static unsigned int hdr_len;
static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static void start(enum way way, uint64_t features)
{
	bool pci_way = way == PCI_MODERN || way == PCI_LEGACY;
	struct device *dev;

	fresh();
	dev = pci_way ? make_pci("virtio-net-pci", DRIVER_DEVFN) : make("virtio-net-device");
	device_set_ptr(dev, "netdev", &cable);
	device_set_words(dev, "mac", "52:54:00:12:34:56");
	device_set_words(dev, "host_mtu", "1400");
	if (features & BIT(VIRTIO_F_RING_PACKED))
		device_set_bool(dev, "packed", true);
	driver_find(&d, way, dev, pci_way);
	driver_start(&d, features);
	hdr_len = way == PCI_LEGACY && !(d.features & BIT(F_MRG)) ? 10 : 12;
	head = guest_alloc(4096);
	data = guest_alloc(1 << 17);
	room = guest_alloc(1 << 17);
}

static void fresh_cable(bool offload, unsigned int queues)
{
	memset(&cable, 0, sizeof(cable));
	cable.link = true;
	cable.offload = offload;
	cable.queues = queues;
}

/* --- sending --- */

static bool send_frame(unsigned int q, unsigned int len)
{
	struct buffer buf[3] = { { head, hdr_len, false }, { data, len / 2, false },
				 { data + len / 2, len - len / 2, false } };
	unsigned int sent = cable.sent;

	return driver_do(&d, q, buf, 3) == 0 && cable.sent == sent + 1;
}

static void fill(uint64_t at, unsigned int len, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		ram[at + i] = (uint8_t)(i * 11 + n);
}

static void sending(enum way way, uint64_t features, const char *what)
{
	struct buffer whole = { 0, 0, false };

	fresh_cable(false, 1);
	start(way, features);
	memset(ram + head, 0, 12);
	fill(data, 1000, 1);
	ok(send_frame(1, 1000) && cable.len == 1000 && !memcmp(cable.frame, ram + data, 1000),
	   "%s: a frame in three pieces is sent", what);
	memset(ram + data, 0, hdr_len);
	whole = (struct buffer){ data, hdr_len + 60, false };
	driver_do(&d, 1, &whole, 1);
	ok(cable.sent == 2 && cable.len == 60 && !memcmp(cable.frame, ram + data + hdr_len, 60),
	   "%s: or with its header in one", what);
	ok(!send_frame(1, 8), "%s: what is shorter than a header is not", what);
	ok(!send_frame(1, 66000), "%s: nor what is longer than any frame", what);
}

static void offloads(void)
{
	fresh_cable(false, 1);
	start(PCI_MODERN, ALL);
	ok(!(driver_offered(&d) & (BIT(F_CSUM) | BIT(F_GUEST_CSUM) | BIT(F_HOST_TSO4) |
				   BIT(F_GUEST_TSO4) | BIT(F_GUEST_OFFLOADS))),
	   "what the back end cannot is not offered");
	memset(ram + head, 0, 12);
	ram[head] = NET_NEEDS_CSUM;
	ok(!send_frame(1, 100), "nor done");
	fresh_cable(true, 1);
	start(PCI_MODERN, ALL & ~BIT(F_HOST_TSO6) & ~BIT(F_GUEST_TSO6));
	ok(cable.guest_takes == (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_ECN),
	   "the back end hears what the guest takes");
	memset(ram + head, 0, 12);
	memcpy(ram + head, "\1\1\x42\0\xe8\3\x22\0\x10\0", 10);
	ok(send_frame(1, 3000) && cable.off.flags == 1 && cable.off.gso_type == NET_GSO_TCPV4 &&
	   cable.off.hdr_len == 0x42 && cable.off.gso_size == 1000 && cable.off.csum_start == 34 &&
	   cable.off.csum_offset == 16, "a header goes through");
	ram[head + 1] = NET_GSO_TCPV6;
	ok(!send_frame(1, 3000), "not one of what was not agreed");
	memcpy(ram + head, "\1\0\0\0\0\0\x60\0\x10\0", 10);
	ok(send_frame(1, 200) && !send_frame(1, 112), "nor one whose checksum lies outside the frame");
	memcpy(ram + head, "\1\1\x42\0\0\0\x22\0\x10\0", 10);
	ok(!send_frame(1, 3000), "nor segments of no length");
	ram[head + 4] = 100;
	ram[head] = 0;
	ok(!send_frame(1, 3000), "nor segments without checksums");
	driver_set_status(&d, 0);
	ok(cable.guest_takes == 0, "a reset takes it back");
}

/* --- receiving --- */

static uint16_t add_buffer(unsigned int q, unsigned int n, unsigned int len)
{
	struct buffer buf = { room + n * 4096, len, true };

	return driver_add(&d, q, &buf, 1, false);
}

static unsigned int buffers_of(unsigned int n)
{
	return ram[room + n * 4096 + 10] | ram[room + n * 4096 + 11] << 8;
}

static void receiving(uint64_t features, const char *what)
{
	static uint8_t frame[8000];
	uint16_t id;
	uint32_t len, got = 0;
	unsigned int i;

	fresh_cable(false, 1);
	start(PCI_MODERN, features);
	for (i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 3);
	ok(!cable_receive(&cable, frame, 1000), "%s: no buffer: the frame waits", what);
	i = cable.asked;
	add_buffer(0, 0, 1526);
	driver_kick(&d, 0);
	ok(cable.asked == i + 1, "%s: a buffer: it is asked for", what);
	driver_interrupt(&d, 0);
	ok(cable_receive(&cable, frame, 1000) && driver_used(&d, 0, &id, &len) && len == 1012 &&
	   !memcmp(ram + room + 12, frame, 1000) && buffers_of(0) == 1 && driver_interrupt(&d, 0),
	   "%s: it comes, with an interrupt", what);
	add_buffer(0, 0, 1000);
	add_buffer(0, 1, 3000);
	if (!(d.features & BIT(F_MRG))) {
		ok(cable_receive(&cable, frame, 3500) && !driver_used(&d, 0, &id, &len),
		   "%s: one that the buffer is too small for is dropped", what);
		ok(cable_receive(&cable, frame, 988) && driver_used(&d, 0, &id, &len) && len == 1000,
		   "%s: and the buffer is there for the next", what);
		return;
	}
	ok(!cable_receive(&cable, frame, 5000) && !driver_used(&d, 0, &id, &len),
	   "%s: too few buffers for it: it waits", what);
	add_buffer(0, 2, 2000);
	ok(cable_receive(&cable, frame, 5000), "%s: with a third it comes", what);
	for (i = 0; driver_used(&d, 0, &id, &len); i++)
		got += len;
	ok(i == 3 && got == 5012 && buffers_of(0) == 3 && !memcmp(ram + room + 12, frame, 988) &&
	   !memcmp(ram + room + 4096, frame + 988, 3000) &&
	   !memcmp(ram + room + 8192, frame + 3988, 1012), "%s: over all three", what);
}

/* --- the control queue --- */

static unsigned int ctrl_n;

static int command(unsigned int class, unsigned int cmd, const void *arg, unsigned int len)
{
	struct buffer buf[3] = { { head, 2, false }, { head + 16, len, false },
				 { head + 2048, 1, true } };

	ram[head] = (uint8_t)class;
	ram[head + 1] = (uint8_t)cmd;
	memcpy(ram + head + 16, arg, len);
	ram[head + 2048] = 0x55;
	if (!len)
		buf[1] = buf[2];
	if (driver_do(&d, ctrl_n, buf, len ? 3 : 2) != 1)
		return -1;
	return ram[head + 2048];
}

static bool comes(const char *to, const char *tag)
{
	uint8_t frame[64] = { 0 };
	uint16_t id;
	uint32_t len;
	bool got;

	memcpy(frame, to, 6);
	memcpy(frame + 12, tag, 4);
	add_buffer(0, 0, 1526);
	cable_receive(&cable, frame, sizeof(frame));
	got = driver_used(&d, 0, &id, &len);
	if (!got) {
		/* The buffer is used up all the same, for the next look. */
		memcpy(frame, mac, 6);
		memcpy(frame + 12, "\x08\0\0\0", 4);
		cable_receive(&cable, frame, sizeof(frame));
		driver_used(&d, 0, &id, &len);
	}
	return got;
}

#define US "\x52\x54\0\x12\x34\x56"
#define OTHER "\x52\x54\0\x12\x34\x57"
#define BROADCAST "\xff\xff\xff\xff\xff\xff"
#define GROUP "\x01\0\x5e\0\0\xfb"
#define IP "\x08\0\0\0"

static const struct net_rx_filter *filter(void)
{
	static struct net_rx_filter f;

	memset(&f, 0, sizeof(f));
	cable.user->rx_filter(cable.arg, &f);
	return &f;
}

static void control(void)
{
	const struct net_rx_filter *told;
	uint8_t table[2048] = { 0 };
	unsigned int changes;

	fresh_cable(false, 1);
	start(PCI_MODERN, ALL & ~BIT(F_MQ));
	ctrl_n = 2;
	ok(comes(OTHER, IP) && comes(GROUP, IP), "before the driver says a word all frames come");
	told = filter();
	ok(told->promiscuous && told->broadcast && told->vlan == NET_RX_NORMAL &&
	   !memcmp(told->main_mac, US, 6), "which is what who manages the machine is told");
	changes = cable.filtered;
	ok(command(0, 0, "\0", 1) == 0 && cable.filtered == ++changes, "promiscuous off");
	ok(comes(US, IP) && comes(BROADCAST, IP) && !comes(OTHER, IP) && !comes(GROUP, IP),
	   "then its own and broadcasts");
	ok(command(0, 1, "\1", 1) == 0 && comes(GROUP, IP), "all multicast");
	ok(command(0, 1, "\0", 1) == 0 && command(0, 5, "\1", 1) == 0 && !comes(BROADCAST, IP),
	   "no broadcast");
	table[0] = 1;
	memcpy(table + 4, OTHER, 6);
	table[10] = 1;
	memcpy(table + 14, GROUP, 6);
	changes = cable.filtered;
	ok(command(1, 0, table, 20) == 0 && comes(OTHER, IP) && comes(GROUP, IP), "two tables");
	told = filter();
	ok(cable.filtered == changes + 1 && !told->promiscuous && !told->broadcast &&
	   told->multicast == NET_RX_NORMAL && told->nr_unicast == 1 && told->nr_multicast == 1 &&
	   !memcmp(told->unicast_mac[0], OTHER, 6) && !memcmp(told->multicast_mac[0], GROUP, 6),
	   "and told");
	ok(command(1, 0, table, 19) == 1 && command(1, 0, table, 4) == 1 && comes(GROUP, IP),
	   "tables that are cut off are refused and change nothing");
	table[0] = table[1] = table[2] = table[3] = 0xff;
	ok(command(1, 0, table, 20) == 1, "as one of 4 G addresses");
	ok(command(1, 1, "\2\0\0\0\0\1", 6) == 0 && comes("\2\0\0\0\0\1", IP) && driver_config(&d, 5, 1) == 1,
	   "another address");
	command(1, 1, mac, 6);
	changes = cable.filtered;
	ok(command(2, 0, "\7\0", 2) == 0 && filter()->vlans[0] == 1 << 7 && cable.filtered == changes + 1 &&
	   command(2, 1, "\7\0", 2) == 0 && !filter()->vlans[0] && cable.filtered == changes + 2,
	   "a VLAN that comes and goes is told");
	ok(!comes(US, "\x81\0\0\x05") && command(2, 0, "\5\0", 2) == 0 && comes(US, "\x81\0\0\x05") &&
	   command(2, 1, "\5\0", 2) == 0 && !comes(US, "\x81\0\0\x05"), "VLANs come and go");
	ok(command(2, 0, "\0\x10", 2) == 1, "VLAN 4096 does not exist");
	ok(command(4, 0, "\1\0", 2) == 1 && command(9, 0, "", 0) == 1 && command(0, 9, "\1", 1) == 1,
	   "what was not agreed, or does not exist, is refused");
	driver_set_status(&d, 0);
	driver_start(&d, ALL & ~BIT(F_MQ));
	ok(comes(OTHER, IP), "a reset forgets all filters");
}

static void pairs(void)
{
	fresh_cable(true, 4);
	start(PCI_MODERN, ALL);
	ctrl_n = 8;
	ok(driver_nr_queues(&d) == 9 && driver_config(&d, 8, 2) == 4, "four pairs and a control queue");
	ok(cable.used_queues == 1, "one is used at the start");
	ok(command(4, 0, "\3\0", 2) == 0 && cable.used_queues == 3, "then as many as the driver wants");
	ok(command(4, 0, "\0\0", 2) == 1 && command(4, 0, "\5\0", 2) == 1 && cable.used_queues == 3,
	   "from 1 to 4");
	memset(ram + head, 0, 12);
	ok(send_frame(5, 100) && cable.queue == 2, "the third pair sends on the back end's third");
	ok(command(5, 0, "\2\0\0\0\0\0\0\0", 8) == 0 && cable.guest_takes == NET_OFFLOAD_CSUM,
	   "offloads are changed under way");
	ok(command(5, 0, "\0\0\0\0\0\0\0\1", 8) == 1, "to what was agreed");
	driver_set_status(&d, 0);
	ok(cable.used_queues == 1, "a reset: one");
	driver_start(&d, ALL & ~BIT(F_MQ));
	ctrl_n = 2;
	ok(command(0, 0, "\0", 1) == 0, "without MQ the control queue is the third");
}

static void configuration(void)
{
	fresh_cable(false, 1);
	start(PCI_MODERN, ALL);
	ok(driver_config(&d, 0, 4) == 0x12005452 && driver_config(&d, 4, 2) == 0x5634, "the address");
	ok(driver_config(&d, 6, 2) == 1 && driver_config(&d, 10, 2) == 1400, "link up, and the MTU");
	driver_interrupt(&d, -1);
	cable.link = false;
	cable.user->link_changed(cable.arg, false);
	ok(driver_config(&d, 6, 2) == 0 && driver_interrupt(&d, -1), "link down: an interrupt says so");
	cable.link = true;
	cable.user->link_changed(cable.arg, true);
	ok(driver_config(&d, 6, 2) == 3, "up again: and who is there shall say so on the net");
	ctrl_n = 2;
	ok(command(3, 0, "", 0) == 0 && driver_config(&d, 6, 2) == 1, "until it has");
	ok(command(3, 0, "", 0) == 1, "once");
}

static void hostile(void)
{
	struct buffer buf = { 0, 4, true };
	uint8_t frame[64] = { 0 };

	fresh_cable(false, 1);
	start(PCI_MODERN, ALL);
	buf.gpa = room;
	driver_add(&d, 0, &buf, 1, false);
	cable_receive(&cable, frame, sizeof(frame));
	ok(driver_status(&d) & STATUS_NEEDS_RESET, "a receive buffer shorter than the header breaks it");
	driver_set_status(&d, 0);
	driver_start(&d, ALL);
	buf = (struct buffer){ head, 2, false };
	driver_add(&d, 2, &buf, 1, false);
	driver_kick(&d, 2);
	settle();
	ok(driver_status(&d) & STATUS_NEEDS_RESET, "so does a command that leaves no room for its answer");
	driver_set_status(&d, 0);
	driver_start(&d, ALL);
	buf = (struct buffer){ 0xfee00000, 200, false };
	cable.sent = 0;
	driver_do(&d, 1, &buf, 1);
	ok(cable.sent == 0, "a frame out of registers has an impossible header");
	buf = (struct buffer){ 0xfee00000, 2000, true };
	driver_add(&d, 0, &buf, 1, false);
	ok(cable_receive(&cable, frame, sizeof(frame)), "one into registers goes nowhere");
}

int main(void)
{
	sending(PCI_MODERN, ALL, "split");
	sending(PCI_MODERN, ALL | BIT(VIRTIO_F_RING_PACKED), "packed");
	sending(PCI_LEGACY, ALL & ~BIT(F_MRG), "legacy");
	sending(MMIO_V2, ALL, "mmio");
	offloads();
	receiving(ALL, "split");
	receiving(ALL | BIT(VIRTIO_F_RING_PACKED), "packed");
	receiving(ALL & ~BIT(F_MRG), "whole");
	control();
	pairs();
	configuration();
	hostile();
	return world_end();
}
