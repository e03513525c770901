// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The e1000 by its manual: EEPROM, PHY, interrupts and their moderation, both rings with all that
 * they offload, filters, and drivers that mean harm. In PHY loopback what the card sends comes back
 * into its own receive ring, where every frame of a segmentation can be looked at.
 */
#include "devices/nic/e1000.h"
#include "host/net/checksum.h"
#include "tests/host/world.h"

#define DEVFN (4 << 3)
#define REGS 0xf0000000u
#define TX_RING 0x200000u
#define RX_RING 0x210000u
#define TX_BUF 0x300000u
#define RX_BUF 0x400000u
#define NR 32u

static struct netdev cable;
static struct device *nic;
static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static uint32_t rd(unsigned int reg) { return (uint32_t)mmio_read(REGS + reg, 4); }
static void wr(unsigned int reg, uint32_t val) { mmio_write(REGS + reg, val, 4); }

static void card(const char *model)
{
	fresh();
	memset(&cable, 0, sizeof(cable));
	cable.link = true;
	nic = make_pci(model, DEVFN);
	device_set_ptr(nic, "netdev", &cable);
	device_set_words(nic, "mac", "52:54:00:12:34:56");
	device_set_ptr(nic, "romfile", "");
	device_realize(nic);
	pci_enable(DEVFN, 0, REGS);
}

static void put(uint64_t at, const void *data, size_t len) { memcpy(ram + at, data, len); }

static void rings(void)
{
	unsigned int i;

	wr(TDBAL, TX_RING);
	wr(TDLEN, NR * 16);
	wr(TCTL, TCTL_EN | TCTL_PSP);
	wr(RDBAL, RX_RING);
	wr(RDLEN, NR * 16);
	for (i = 0; i < NR; i++) {
		uint64_t at = RX_BUF + i * 2048;

		put(RX_RING + i * 16, &at, 8);
	}
	wr(RDH, 0);
	wr(RDT, NR - 1);
	wr(RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
}

/* --- EEPROM and PHY --- */

static unsigned int eerd(unsigned int at)
{
	wr(EERD, at << 8 | 1);
	return rd(EERD) >> 16;
}

static void wire_bit(bool bit)
{
	wr(EECD, 2 | bit << 2);
	wr(EECD, 3 | bit << 2);
	wr(EECD, 2 | bit << 2);
}

static void wire_out(unsigned int bits, unsigned int n)
{
	while (n--)
		wire_bit(bits >> n & 1);
}

static unsigned int wire_in(void)
{
	unsigned int i, val = 0;

	for (i = 0; i < 16; i++) {
		wr(EECD, 3);
		val = val << 1 | (rd(EECD) >> 3 & 1);
		wr(EECD, 2);
	}
	return val;
}

static unsigned int wire_read(unsigned int at)
{
	unsigned int val;

	wr(EECD, 2);
	wire_out(6, 3);
	wire_out(at, 6);
	val = wire_in();
	wr(EECD, 0);
	return val;
}

static void wire_write(unsigned int at, unsigned int val)
{
	wr(EECD, 2);
	wire_out(5, 3);
	wire_out(at, 6);
	wire_out(val, 16);
	wr(EECD, 0);
	wr(EECD, 2);
	ok(rd(EECD) & 8, "a write is over when the data wire is high");
	wr(EECD, 0);
}

static unsigned int mdi_read(unsigned int phy, unsigned int reg)
{
	wr(MDIC, 2u << 26 | phy << 21 | reg << 16);
	return rd(MDIC);
}

static void mdi_write(unsigned int reg, unsigned int val)
{
	wr(MDIC, 1u << 26 | 1 << 21 | reg << 16 | val);
}

static void eeprom(void)
{
	unsigned int i, sum = 0;

	card("e1000");
	ok(config_read(DEVFN, 0, 4) == 0x100e8086, "an 82540EM");
	config_write(DEVFN, PCI_BAR0, ~0u, 4);
	ok(config_read(DEVFN, PCI_BAR0, 4) == 0xfffe0000, "with 128 KiB of registers");
	config_write(DEVFN, PCI_BAR0, REGS, 4);
	for (i = 0; i < 64; i++)
		sum += eerd(i);
	ok((sum & 0xffff) == 0xbaba, "the EEPROM's sum is BABAh");
	ok(eerd(0) == 0x5452 && eerd(2) == 0x5634, "it begins with the address");
	ok(rd(RA) == 0x12005452 && rd(RA + 4) == (RAH_AV | 0x5634), "which the filter has");
	ok(wire_read(0) == 0x5452 && wire_read(63) == eerd(63), "by the wires as by EERD");
	wire_write(20, 0x1234);
	ok(eerd(20) == 0, "a write without leave changes nothing");
	wr(EECD, 2);
	wire_out(4, 3);
	wire_out(0x30, 6);
	wr(EECD, 0);
	wire_write(20, 0x1234);
	ok(eerd(20) == 0x1234 && wire_read(20) == 0x1234, "with leave it does");
	wr(EECD, 2);
	wire_out(6, 3);
	wire_out(0, 6);
	wire_in();
	ok(wire_in() == 0x1200, "after one word comes the next");
	wr(EECD, 0);
	wr(EECD, 0x40);
	ok(rd(EECD) & 0x80, "who asks for the EEPROM gets it");
}

static void phy(void)
{
	card("e1000");
	ok((mdi_read(1, 2) & 0xffff) == 0x0141 && (mdi_read(1, 3) & 0xfff0) == 0x0c20, "the PHY's id");
	ok(mdi_read(1, 1) & 1 << 28 && mdi_read(1, 1) & 4, "ready, link up");
	ok(mdi_read(2, 1) & 1u << 30, "no PHY at another address: an error");
	ok(rd(STATUS) & STATUS_LU, "the MAC sees the link");
	cable.link = false;
	cable.user->link_changed(cable.arg, false);
	ok(!(rd(STATUS) & STATUS_LU) && rd(ICR) & ICR_LSC, "the cable out: no link, and a cause");
	cable.link = true;
	cable.user->link_changed(cable.arg, true);
	ok(!(mdi_read(1, 1) & 4) && mdi_read(1, 1) & 4, "the PHY says once that it was down");
	mdi_write(4, 0x1e1);
	ok((mdi_read(1, 4) & 0xffff) == 0x1e1, "a register is written");
	mdi_write(0, 0x8000);
	ok((mdi_read(1, 4) & 0xffff) == 0xde1 && !(mdi_read(1, 0) & 0x8000), "a reset sets it back");
	wr(MDIC, 2u << 26 | 1 << 21 | 1 << 16 | 1u << 29);
	ok(rd(ICR) & ICR_MDAC, "MDIC interrupts if asked");
	card("e1000-82544gc");
	ok((mdi_read(1, 3) & 0xfff0) == 0x0c30 && config_read(DEVFN, 2, 2) == 0x100c, "82544GC");
	card("e1000-82545em");
	ok((mdi_read(1, 3) & 0xfff0) == 0x0c20 && config_read(DEVFN, 2, 2) == 0x100f, "82545EM");
}

/* --- interrupts --- */

static bool intx(void)
{
	return intx_level[DEVFN >> 3][0];
}

static void interrupts(void)
{
	card("e1000");
	wr(ICS, ICR_RXT0);
	ok(!intx(), "a masked cause is silent");
	wr(IMS, ICR_RXT0);
	ok(intx(), "unmasked it interrupts");
	wr(IMC, ICR_RXT0);
	ok(!intx() && rd(IMS) == 0, "masked again it does not");
	wr(IMS, ICR_RXT0 | ICR_TXDW);
	ok(rd(ICR) == ICR_RXT0 && !intx() && rd(ICR) == 0, "reading ICR clears it");
	wr(ICS, ICR_RXT0 | ICR_LSC);
	wr(ICR, ICR_RXT0);
	ok(rd(ICR) == ICR_LSC && !intx(), "so does writing ones");
	wr(ITR, 1000);
	wr(ICS, ICR_TXDW);
	ok(intx(), "the first interrupt comes at once");
	rd(ICR);
	wr(ICS, ICR_TXDW);
	ok(!intx(), "the second waits for ITR");
	pass(1000 * 256 - 1000);
	ok(!intx(), "256 us");
	pass(2000);
	ok(intx(), "and comes then");
	config_write(DEVFN, PCI_BAR0 + 8, 0xc000, 4);
	outl(0xc000, IMS);
	ok(inl(0xc004) == (ICR_RXT0 | ICR_TXDW) && inl(0xc000) == IMS, "registers by ports");
	outl(0xc000, IMC);
	outl(0xc004, ~0u);
	ok(rd(IMS) == 0, "and written");
	wr(CTRL, CTRL_RST);
	ok(rd(ITR) == 0 && rd(ICR) == 0 && !(rd(CTRL) & CTRL_RST), "reset puts all back");
}

/* --- sending --- */

static unsigned int tail;

static void desc(uint64_t addr, uint32_t low, uint32_t high)
{
	put(TX_RING + tail * 16, &addr, 8);
	put(TX_RING + tail * 16 + 8, &low, 4);
	put(TX_RING + tail * 16 + 12, &high, 4);
	tail = (tail + 1) % NR;
}

static bool written_back(unsigned int n)
{
	return ram[TX_RING + n * 16 + 12] & 1;
}

/* An IPv4 or IPv6 frame with TCP or UDP, of which the sums are left as a driver leaves them. */
static uint32_t make_frame(uint8_t *f, bool six, bool tcp, uint32_t payload, bool for_tso)
{
	uint32_t ip = 14, tu = ip + (six ? 40 : 20), head = tu + (tcp ? 20 : 8), i;
	uint32_t len = head + payload - tu;
	uint64_t sum;
	uint16_t v;

	memset(f, 0, head);
	memcpy(f, mac, 6);
	memcpy(f + 6, "\x52\x54\0\0\0\1", 6);
	f[12] = six ? 0x86 : 8;
	f[13] = six ? 0xdd : 0;
	f[ip] = six ? 0x60 : 0x45;
	f[ip + (six ? 6 : 9)] = tcp ? 6 : 17;
	f[ip + (six ? 7 : 8)] = 64;
	if (six) {
		f[ip + 4] = (uint8_t)(len >> 8);
		f[ip + 5] = (uint8_t)len;
		memcpy(f + ip + 8, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\2",
		       32);
	} else {
		f[ip + 2] = (uint8_t)((len + 20) >> 8);
		f[ip + 3] = (uint8_t)(len + 20);
		f[ip + 5] = 7;
		memcpy(f + ip + 12, "\x0a\0\2\x0f\x0a\0\2\2", 8);
	}
	f[tu + 1] = 80;
	f[tu + 3] = 81;
	if (tcp) {
		f[tu + 12] = 0x50;
		f[tu + 13] = 0x19;	/* ACK PSH FIN */
		f[tu + 7] = 100;
	} else {
		f[tu + 4] = (uint8_t)(len >> 8);
		f[tu + 5] = (uint8_t)len;
	}
	sum = checksum_add(checksum_be16(tcp ? 6 : 17), f + (six ? ip + 8 : ip + 12), six ? 32 : 8);
	if (!for_tso)
		sum += checksum_be16(len);
	v = checksum_fold(sum);
	memcpy(f + tu + (tcp ? 16 : 6), &v, 2);
	for (i = 0; i < payload; i++)
		f[head + i] = (uint8_t)(i * 3);
	return head + payload;
}

/* Are both sums of an IPv4 frame, or the one of an IPv6 frame, right? */
static bool sums_right(const uint8_t *f)
{
	bool six = f[12] == 0x86;
	uint32_t ip = 14, tu = ip + (six ? 40 : 20), len;
	uint64_t sum;

	len = six ? (uint32_t)(f[ip + 4] << 8 | f[ip + 5]) : (uint32_t)(f[ip + 2] << 8 | f[ip + 3]) - 20;
	sum = checksum_add(checksum_be16(f[ip + (six ? 6 : 9)]) + checksum_be16(len),
			   f + (six ? ip + 8 : ip + 12), six ? 32 : 8);
	return (six || checksum_fold(checksum_add(0, f + ip, 20)) == 0xffff) &&
	       checksum_fold(checksum_add(sum, f + tu, len)) == 0xffff;
}

static void context(bool six, bool tcp, uint32_t paylen, uint32_t hdrlen, uint32_t mss, bool tse)
{
	uint32_t tu = 14 + (six ? 40 : 20);
	uint32_t ip_words = 14u | (14 + 10) << 8 | (tu - 1) << 16;
	uint32_t tu_words = tu | (tu + (tcp ? 16 : 6)) << 8;

	desc(ip_words | (uint64_t)tu_words << 32,
	     paylen | (0x20u | tcp | !six << 1 | tse << 2) << 24, hdrlen << 8 | mss << 16);
}

static void sending(void)
{
	uint8_t *f = ram + TX_BUF;
	uint32_t len;

	card("e1000");
	rings();
	tail = 0;
	wr(IMS, ICR_TXDW);
	memcpy(f, "\x52\x54\0\0\0\1", 6);
	memcpy(f + 6, mac, 6);
	memset(f + 12, 0x11, 100);
	desc(TX_BUF, 20 | 0x0bu << 24, 0);
	wr(TDT, tail);
	ok(cable.sent == 1 && cable.len == 60 && !memcmp(cable.frame, f, 20) && !cable.frame[20],
	   "a short frame is sent and padded");
	ok(written_back(0) && rd(TDH) == 1 && intx(), "its descriptor comes back, with an interrupt");
	ok((rd(ICR) & (ICR_TXDW | ICR_TXQE)) == (ICR_TXDW | ICR_TXQE), "of both causes");
	desc(TX_BUF, 50, 0);
	wr(TDT, tail);
	ok(cable.sent == 1, "half a frame is not sent");
	desc(TX_BUF + 50, 50 | 0x03u << 24, 0);
	wr(TDT, tail);
	ok(cable.sent == 2 && cable.len == 100 && !memcmp(cable.frame, f, 100), "with the other half it is");
	ok(!written_back(2) && !(rd(ICR) & ICR_TXDW), "nothing is said that was not asked for");
	wr(TCTL, 0);
	desc(TX_BUF, 60 | 0x03u << 24, 0);
	wr(TDT, tail);
	ok(cable.sent == 2, "switched off, nothing is sent");
	wr(TCTL, TCTL_EN);
	ok(cable.sent == 3, "switched on, what waits");
	len = make_frame(f, false, true, 777, false);
	memset(f + 14 + 10, 0, 2);
	/* Legacy: from css to the end, put at cso. */
	desc(TX_BUF, len | (34 + 16) << 16 | 0x07u << 24, 34u << 8);
	wr(TDT, tail);
	memcpy(f, cable.frame, len);
	ok((uint16_t)~checksum_fold(checksum_add(checksum_add(checksum_be16(6) + checksum_be16(797),
							      f + 26, 8), f + 34, 797)) == 0,
	   "legacy checksum offload");
	wr(CTRL, rd(CTRL) | CTRL_VME);
	wr(VET, 0x8100);
	desc(TX_BUF, 60 | 0x43u << 24, 0x0123u << 16);
	wr(TDT, tail);
	ok(cable.len == 64 && !memcmp(cable.frame + 12, "\x81\0\x01\x23", 4) &&
	   !memcmp(cable.frame + 16, f + 12, 48), "a VLAN tag is put in");
	ok(rd(GPTC) == 5 && rd(GPTC) == 0, "frames are counted, and reading clears");
	wr(CTRL, rd(CTRL) & ~CTRL_SLU);
	desc(TX_BUF, 60 | 0x0bu << 24, 0);
	len = cable.sent;
	wr(TDT, tail);
	ok(cable.sent == len && written_back((tail + NR - 1) % NR), "without link it goes nowhere");
}

static void moderated_sending(void)
{
	card("e1000");
	rings();
	tail = 0;
	wr(IMS, ICR_TXDW);
	wr(TIDV, 100);
	wr(TADV, 150);
	desc(TX_BUF, 60 | 0x8bu << 24, 0);
	wr(TDT, tail);
	ok(written_back(0) && !intx(), "with TIDV the interrupt waits");
	pass(90 * 1024);
	desc(TX_BUF, 60 | 0x8bu << 24, 0);
	wr(TDT, tail);
	pass(50 * 1024);
	ok(!intx(), "longer after another frame");
	pass(11 * 1024);
	ok(intx(), "but not longer than TADV");
	rd(ICR);
	desc(TX_BUF, 60 | 0x0bu << 24, 0);
	wr(TDT, tail);
	ok(intx(), "without IDE it does not wait");
}

static void checksums(bool six, bool tcp)
{
	const char *what = tcp ? "TCP" : "UDP";
	uint32_t len;

	card("e1000");
	rings();
	tail = 0;
	len = make_frame(ram + TX_BUF, six, tcp, 999, false);
	context(six, tcp, 0, 0, 0, false);
	desc(TX_BUF, 54 | 0x201u << 20, six ? 0x0200 : 0x0300);
	desc(TX_BUF + 54, (len - 54) | 0x2b1u << 20, 0);
	wr(TDT, tail);
	ok(cable.sent == 1 && cable.len == len && sums_right(cable.frame), "%s over IPv%d: sums are put in",
	   what, six ? 6 : 4);
	make_frame(ram + TX_BUF, six, tcp, 999, false);
	desc(TX_BUF, len | 0x2b1u << 20, 0);
	wr(TDT, tail);
	ok(cable.sent == 2 && !sums_right(cable.frame), "or not, as the first descriptor says");
}

/* --- receiving --- */

static uint8_t *rx_frame(unsigned int n) { return ram + RX_BUF + n * 2048; }
static uint8_t *rx_desc(unsigned int n) { return ram + RX_RING + n * 16; }
static unsigned int rx_len(unsigned int n) { return rx_desc(n)[8] | rx_desc(n)[9] << 8; }
static unsigned int rx_status(unsigned int n) { return rx_desc(n)[12]; }
static unsigned int rx_errors(unsigned int n) { return rx_desc(n)[13]; }
static unsigned int rx_special(unsigned int n) { return rx_desc(n)[14] | rx_desc(n)[15] << 8; }

static void segments(bool six)
{
	uint32_t len, n, seq, at = 0, head = 14 + (six ? 60 : 40);
	bool all = true, sums = true, ids = true, flags = true;

	card("e1000");
	rings();
	tail = 0;
	mdi_write(0, 0x5140);
	wr(RXCSUM, RXCSUM_IPOFLD | RXCSUM_TUOFLD);
	len = make_frame(ram + TX_BUF, six, true, 5000, true);
	context(six, true, 5000, head, 1000, true);
	desc(TX_BUF, head | 0x261u << 20, six ? 0x0200 : 0x0300);
	desc(TX_BUF + head, (len - head) | 0x2f1u << 20, 0);
	wr(TDT, tail);
	ok(cable.sent == 0 && rd(RDH) == 5, "IPv%d: 5000 bytes are five segments, in loopback", six ? 6 : 4);
	for (n = 0; n < 5; n++) {
		const uint8_t *f = rx_frame(n);
		uint32_t tu = head - 20;

		all = all && rx_len(n) == head + 1000 &&
		      !memcmp(f + head, ram + TX_BUF + head + at, 1000);
		sums = sums && sums_right(f);
		ids = ids && (six || (uint32_t)(f[18] << 8 | f[19]) == 7 + n);
		seq = (uint32_t)(f[tu + 6] << 8 | f[tu + 7]);
		flags = flags && seq == 100 + at && f[tu + 13] == (n == 4 ? 0x19 : 0x10);
		at += 1000;
	}
	ok(all, "each with its part");
	ok(sums, "and right sums");
	ok(ids, "numbered");
	ok(flags, "in sequence, FIN and PSH on the last");
	ok(six || (rx_status(0) == 0x63 && rx_errors(0) == 0), "the receiver finds the sums right");
	ok(rd(TSCTC) == 1, "counted");
	context(six, true, 5000, head, 0, true);
	desc(TX_BUF, 200 | 0x2f1u << 20, 0x0300);
	context(six, true, 5000, 20, 100, true);
	desc(TX_BUF, 200 | 0x2f1u << 20, 0x0300);
	wr(TDT, tail);
	ok(rd(RDH) == 5 && rd(TSCTFC) == 2 && rd(TDH) == tail, "a context that makes no sense sends nothing");
}

static bool comes(const char *to, unsigned int len)
{
	static uint8_t f[20000];
	unsigned int head = rd(RDH);

	memset(f, 0, sizeof(f));
	memcpy(f, to, 6);
	memcpy(f + 6, "\x52\x54\0\0\0\1\x08\x06", 8);
	cable_receive(&cable, f, len);
	wr(RDT, (rd(RDH) + NR - 1) % NR);
	return rd(RDH) != head;
}

#define US "\x52\x54\0\x12\x34\x56"
#define OTHER "\x52\x54\0\x12\x34\x57"
#define ALL "\xff\xff\xff\xff\xff\xff"
#define GROUP "\x01\0\x5e\0\0\xfb"

static void filters(void)
{
	card("e1000");
	ok(cable_receive(&cable, "12345678901234", 14), "switched off it swallows all");
	rings();
	ok(comes(US, 60) && !comes(OTHER, 60) && comes(ALL, 60) && !comes(GROUP, 60), "its address, and broadcasts");
	wr(RCTL, rd(RCTL) | RCTL_UPE);
	ok(comes(OTHER, 60) && !comes(GROUP, 60), "promiscuous");
	wr(RCTL, (rd(RCTL) & ~RCTL_UPE) | RCTL_MPE);
	ok(!comes(OTHER, 60) && comes(GROUP, 60), "all multicast");
	wr(RCTL, rd(RCTL) & ~(RCTL_MPE | RCTL_BAM));
	ok(!comes(ALL, 60) && !comes(GROUP, 60), "neither");
	wr(RA + 8, 0x12005452);
	wr(RA + 12, RAH_AV | 0x5734);
	ok(comes(OTHER, 60), "a second address");
	/* Bits 47:36 of 01:00:5E:00:00:FB are FB0h: word 7Dh, bit 16. */
	wr(MTA + 4 * 0x7d, 1 << 16);
	ok(comes(GROUP, 60), "the multicast table");
	wr(RCTL, rd(RCTL) | 3 << 12);
	ok(!comes(GROUP, 60), "by other bits of the address it is another entry");
	wr(MTA + 4 * (0xb00 >> 5), 1);
	ok(comes(GROUP, 60), "which is this one");
	ok(comes(US, 1514) && !comes(US, 1519) && rd(ROC) == 1, "a frame that is too long is dropped");
	wr(RCTL, rd(RCTL) | RCTL_LPE);
	ok(comes(US, 9000) && !comes(US, 17000), "or not, up to what the card has room for");
	ok(rd(RNBC) == 0 && rd(GPRC) == 9, "frames are counted");
}

/* Does writing this tell who manages the machine that the card takes other frames? */
static bool tells(unsigned int off, uint32_t val)
{
	unsigned int before = cable.filtered;

	wr(off, val);
	return cable.filtered != before;
}

static void told_filters(void)
{
	struct net_rx_filter f = { 0 };

	card("e1000");
	rings();
	cable.user->rx_filter(cable.arg, &f);
	ok(!f.promiscuous && f.broadcast && f.unicast == NET_RX_NORMAL && f.multicast == NET_RX_NORMAL &&
	   f.vlan == NET_RX_ALL && f.nr_unicast == 1 && !f.nr_multicast && !f.multicast_overflow &&
	   !memcmp(f.main_mac, US, 6) && !memcmp(f.unicast_mac[0], US, 6), "the filter, told");
	ok(!tells(RCTL, rd(RCTL)) && !tells(RCTL, rd(RCTL) ^ RCTL_SECRC) && !tells(RDT, rd(RDT)),
	   "what is no filter is not told of");
	ok(tells(RCTL, rd(RCTL) | RCTL_UPE) && tells(RCTL, rd(RCTL) | RCTL_MPE), "modes are");
	cable.user->rx_filter(cable.arg, &f);
	ok(f.promiscuous && f.unicast == NET_RX_ALL && f.multicast == NET_RX_ALL, "promiscuous");
	ok(tells(RA + 8, 0x12005452) && tells(RA + 12, RAH_AV | 0x5734) && tells(RA + 16, 0x005e0001) &&
	   tells(RA + 20, RAH_AV | 0xfb00) && tells(MTA, 1) && tells(RCTL, RCTL_EN | RCTL_VFE) &&
	   tells(VFTA, 1 << 5), "addresses, hashes, VLANs too");
	f = (struct net_rx_filter){ 0 };
	cable.user->rx_filter(cable.arg, &f);
	ok(!f.promiscuous && !f.broadcast && f.nr_unicast == 2 && !memcmp(f.unicast_mac[1], OTHER, 6) &&
	   f.nr_multicast == 1 && !memcmp(f.multicast_mac[0], GROUP, 6) && f.multicast_overflow &&
	   f.vlan == NET_RX_NORMAL && f.vlans[0] == 1 << 5, "and stand in the answer");
}

/* IEEE 802.3, clause 3.2.9, bit by bit. */
static uint32_t crc_of(const uint8_t *p, unsigned int len)
{
	uint32_t crc = ~0u;
	unsigned int i;

	for (; len--; p++)
		for (crc ^= *p, i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	return ~crc;
}

static void receiving(void)
{
	static uint8_t f[9000];
	uint32_t crc;
	unsigned int i;

	card("e1000");
	rings();
	wr(IMS, ICR_RXT0);
	for (i = 0; i < sizeof(f); i++)
		f[i] = (uint8_t)(i * 5);
	memcpy(f, mac, 6);
	ok(cable_receive(&cable, f, 1000) && rx_len(0) == 1000 && !memcmp(rx_frame(0), f, 1000) &&
	   rx_status(0) == 7 && intx(), "a frame, and an interrupt");
	ok(cable_receive(&cable, f, 30) && rx_len(1) == 60, "a short one is padded, as on a wire");
	wr(RCTL, (rd(RCTL) | RCTL_LPE) & ~RCTL_SECRC);
	ok(cable_receive(&cable, f, 60) && rx_len(2) == 64, "four bytes of checksum, unless they are not wanted");
	memcpy(&crc, rx_frame(2) + 60, 4);
	ok(crc == crc_of(f, 60), "which is the frame's");
	ok(cable_receive(&cable, f, 9000) && rx_len(3) == 2048 && rx_status(3) == 1 &&
	   rx_len(7) == 9004 - 4 * 2048 && rx_status(7) == 7 && !memcmp(rx_frame(5), f + 4096, 2048),
	   "a long frame goes over five buffers");
	wr(RDT, 8);
	rd(ICR);
	ok(!cable_receive(&cable, f, 60) && rd(RNBC) == 1, "no buffer: the frame waits");
	i = cable.asked;
	wr(RDT, 20);
	ok(cable.asked == i + 1 && cable_receive(&cable, f, 60), "new buffers: it is asked for");
	wr(RCTL, rd(RCTL) | 1 << 8);
	wr(RDT, 16);
	rd(ICR);
	ok(cable_receive(&cable, f, 60) && rd(ICR) & ICR_RXDMT0, "few buffers left: a cause says so");
	wr(RDTR, 100);
	wr(RADV, 150);
	cable_receive(&cable, f, 60);
	ok(!intx(), "with RDTR the interrupt waits");
	pass(90 * 1024);
	cable_receive(&cable, f, 60);
	pass(50 * 1024);
	ok(!(mmio_read(REGS + ICR, 4) & ICR_RXT0), "longer after another frame");
	pass(11 * 1024);
	ok(rd(ICR) & ICR_RXT0, "but not longer than RADV");
	cable_receive(&cable, f, 60);
	wr(RDTR, 100 | 1u << 31);
	ok(rd(ICR) & ICR_RXT0, "or until it is flushed");
}

static void offloads(void)
{
	static uint8_t f[2048];
	uint32_t len, n;

	card("e1000");
	rings();
	wr(RXCSUM, RXCSUM_IPOFLD | RXCSUM_TUOFLD);
	len = make_frame(f, false, true, 500, false);
	f[24] = 1;
	cable_receive(&cable, f, len);
	ok(rx_status(0) == 0x63 && rx_errors(0) == 0x60, "wrong sums are told");
	f[20] = 0x20;	/* a fragment */
	cable_receive(&cable, f, len);
	ok(rx_status(1) == 0x43, "of a fragment only the header's");
	f[14] = 0x4f;
	f[17] = 30;
	cable_receive(&cable, f, 60);
	ok(rx_status(2) == 0x07, "of what is no packet none");
	wr(VET, 0x8100);
	wr(CTRL, rd(CTRL) | CTRL_VME);
	memcpy(f + 12, "\x81\0\x20\x45\x08\x06", 6);
	cable_receive(&cable, f, 64);
	ok(rx_status(3) & 8 && rx_special(3) == 0x2045 && rx_len(3) == 60 &&
	   !memcmp(rx_frame(3) + 12, "\x08\x06", 2), "a VLAN tag is taken out");
	wr(RCTL, rd(RCTL) | RCTL_VFE);
	n = rd(RDH);
	cable_receive(&cable, f, 64);
	ok(rd(RDH) == n, "VLANs are filtered");
	wr(VFTA + 4 * 2, 1 << 5);
	cable_receive(&cable, f, 64);
	ok(rd(RDH) == n + 1, "by their table");
}

/* --- drivers that mean harm --- */

static void hostile(void)
{
	static uint8_t f[60];
	unsigned int i;

	card("e1000");
	rings();
	tail = 0;
	wr(TDT, 0xffff);
	ok(rd(TDH) == 0, "a tail outside the ring moves nothing");
	wr(TDT, 0);
	wr(TDH, 0xffff);
	wr(TDT, 3);
	ok(rd(TDH) == 0xffff && cable.sent == 0, "nor a head");
	wr(RDH, 0xffff);
	ok(cable_receive(&cable, f, 60), "nor on the other side");
	wr(RDH, 0);
	wr(RDBAL, REGS);
	wr(RDBAH, 0xffff);
	memcpy(f, mac, 6);
	ok(cable_receive(&cable, f, 60), "a ring where no memory is");
	wr(TDH, 0);
	wr(TDBAL, REGS);
	wr(TDLEN, 0xfff80);
	wr(TDT, 0xfff0);
	for (i = 0; i < 200; i++)
		pass(1000);
	ok(rd(TDH) == 0xfff0 && cable.sent == 0, "and one of 65528 descriptors without memory comes to its end");
	rings();
	wr(TDH, 0);
	tail = 0;
	make_frame(ram + TX_BUF, false, true, 64000, true);
	context(false, true, 64000, 54, 1, true);
	desc(TX_BUF, 64054 | 0x2f1u << 20, 0x0300);
	wr(TDT, tail);
	ok(cable.sent == 64000, "segments of one byte are one each");
	desc(TX_BUF, 0xfffff | 0x201u << 20, 0);
	desc(TX_BUF, 0xfffff | 0x2b1u << 20, 0);
	cable.sent = 0;
	wr(TDT, tail);
	ok(cable.sent == 0, "a packet of 2 MiB is dropped");
	desc(REGS, 60 | 0x03u << 24, 0);
	wr(TDT, tail);
	ok(cable.sent == 1 && cable.frame[0] == 0xff, "data where no memory is are all ones");
	desc(TX_BUF, 64000 | 0x201u << 20, 0);
	wr(TDT, tail);
	wr(CTRL, CTRL_RST);
	rings();
	wr(TDH, 0);
	tail = 0;
	desc(TX_BUF, 60 | 0x03u << 24, 0);
	wr(TDT, tail);
	ok(cable.len == 60, "a reset forgets half a packet");
	config_write(DEVFN, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	desc(TX_BUF, 60 | 0x03u << 24, 0);
	cable.sent = 0;
	wr(TDT, tail);
	ok(cable.sent == 0 && cable_receive(&cable, f, 60), "no bus master: nothing moves");
}

int main(void)
{
	eeprom();
	phy();
	interrupts();
	sending();
	moderated_sending();
	checksums(false, true);
	checksums(false, false);
	checksums(true, true);
	segments(false);
	segments(true);
	filters();
	told_filters();
	receiving();
	offloads();
	hostile();
	return world_end();
}
