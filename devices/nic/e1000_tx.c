// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * e1000: sending, after sections 3.3 to 3.5 of the manual: legacy, context and data descriptors,
 * checksums, VLAN tags, and segmentation.
 *
 * A packet's descriptors are gathered until its last one. A ring is worked through in portions: the
 * event loop goes on with what is left, so that no ring keeps a vCPU or the machine for long.
 */
#include <string.h>

#include "devices/nic/e1000.h"
#include "host/net/checksum.h"

#define PORTION_DESCRIPTORS 512u
#define PORTION_COST (1u << 20)		/* bytes moved, and what a frame costs beside */
#define FRAME_COST 512u

#define CMD_EOP		0x01u
#define CMD_IC		0x04u	/* legacy: checksum; data: TSE */
#define CMD_TSE		0x04u
#define CMD_RS		0x08u
#define CMD_RPS		0x10u
#define CMD_DEXT	0x20u
#define CMD_VLE		0x40u
#define CMD_IDE		0x80u
#define STA_DD		0x01u
#define POPTS_IXSM	0x01u
#define POPTS_TXSM	0x02u
#define TUCMD_TCP	0x01u
#define TUCMD_IP	0x02u
#define TUCMD_TSE	0x04u
#define DTYP_CONTEXT	0u

#define MIN_FRAME 60u		/* without the four bytes of checksum */
#define CRC_LEN 4u

/* Section 3.3; of a legacy descriptor cso and css stand where a data descriptor has type and options. */
struct tx_desc {
	uint64_t addr;
	uint16_t len;
	uint8_t cso, cmd;
	uint8_t status, css;
	uint16_t special;
};
_Static_assert(sizeof(struct tx_desc) == 16, "section 3.3");

static void take_context(struct e1000 *e, const struct tx_desc *d)
{
	uint8_t raw[16];
	struct e1000_context *c = &e->context[d->cmd & TUCMD_TSE ? 1 : 0];

	memcpy(raw, d, sizeof(raw));
	c->ipcss = raw[0];
	c->ipcso = raw[1];
	c->ipcse = (uint16_t)(raw[2] | raw[3] << 8);
	c->tucss = raw[4];
	c->tucso = raw[5];
	c->tucse = (uint16_t)(raw[6] | raw[7] << 8);
	c->paylen = raw[8] | (uint32_t)raw[9] << 8 | (raw[10] & 15u) << 16;
	c->tucmd = raw[11];
	c->hdrlen = raw[13];
	c->mss = (uint16_t)(raw[14] | raw[15] << 8);
}

/* The sum from @start to @end (0: to the frame's end), put at @at. */
static void insert_checksum(uint8_t *frame, uint32_t len, uint32_t start, uint32_t at, uint32_t end,
			    bool zero_is_none)
{
	uint16_t sum;

	if (end && end < len)
		len = end + 1;
	if (start >= len || at + 2 > len)
		return;
	sum = (uint16_t)~checksum_fold(checksum_add(0, frame + start, len - start));
	if (!sum && zero_is_none)
		sum = 0xffff;
	memcpy(frame + at, &sum, 2);
}

static void add_to(uint8_t *p, uint32_t n, unsigned int bytes)
{
	uint32_t v = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	v += n;
	for (i = bytes; i--; v >>= 8)
		p[i] = (uint8_t)v;
}

static void count_sent(struct e1000 *e, const uint8_t *frame, uint32_t len)
{
	static const uint32_t sizes[] = { 64, 127, 255, 511, 1023 };
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned int i;

	len += CRC_LEN;
	for (i = 0; i < ARRAY_SIZE(sizes) && len > sizes[i]; i++)
		;
	e1000_count(e, PTC64 + 4 * i, 1);
	e1000_count(e, TPT, 1);
	e1000_count(e, GPTC, 1);
	e1000_count64(e, TOTL, len);
	e1000_count64(e, GOTCL, len);
	if (!memcmp(frame, broadcast, 6))
		e1000_count(e, BPTC, 1);
	else if (frame[0] & 1)
		e1000_count(e, MPTC, 1);
}

/* @frame has room for a VLAN tag and for padding. */
static void send_frame(struct e1000 *e, uint8_t *frame, uint32_t len, const struct tx_desc *last)
{
	struct iovec iov = { frame };

	if (last->cmd & CMD_VLE && R(CTRL) & CTRL_VME && len >= 12) {
		memmove(frame + 16, frame + 12, len - 12);
		frame[12] = (uint8_t)(R(VET) >> 8);
		frame[13] = (uint8_t)R(VET);
		frame[14] = (uint8_t)(last->special >> 8);
		frame[15] = (uint8_t)last->special;
		len += 4;
	}
	if (len < MIN_FRAME && R(TCTL) & TCTL_PSP) {
		memset(frame + len, 0, MIN_FRAME - len);
		len = MIN_FRAME;
	}
	/* Less than two addresses and a type is nothing that a wire carries. */
	if (len < 14)
		return;
	count_sent(e, frame, len);
	e->tx_cost += FRAME_COST + len;
	iov.iov_len = len;
	if ((R(RCTL) & RCTL_LBM) == RCTL_LBM || e1000_phy_loopback(e))
		e1000_receive(e, 0, &iov, 1, NULL);
	else if (e->nd && R(STATUS) & STATUS_LU)
		net_send(e->nd, &iov, 1, NULL);
}

/* --- segmentation: section 3.5 --- */

#define TCP_FIN_PSH 0x09

static void number_segment(uint8_t *seg, const struct e1000_context *c, uint32_t len, uint32_t at,
			   unsigned int n, bool last)
{
	uint32_t ip = c->ipcss, tu = c->tucss;
	uint16_t sum;

	if (c->tucmd & TUCMD_IP) {
		seg[ip + 2] = (uint8_t)((len - ip) >> 8);
		seg[ip + 3] = (uint8_t)(len - ip);
		add_to(seg + ip + 4, n, 2);
	} else {
		seg[ip + 4] = (uint8_t)((len - ip - 40) >> 8);
		seg[ip + 5] = (uint8_t)(len - ip - 40);
	}
	if (c->tucmd & TUCMD_TCP) {
		add_to(seg + tu + 4, at, 4);
		if (!last)
			seg[tu + 13] &= (uint8_t)~TCP_FIN_PSH;
	} else {
		seg[tu + 4] = (uint8_t)((len - tu) >> 8);
		seg[tu + 5] = (uint8_t)(len - tu);
	}
	/* The driver left the sum of the pseudo header there, but for the length. */
	if (c->tucso + 2u <= len) {
		memcpy(&sum, seg + c->tucso, 2);
		sum = checksum_fold((uint64_t)sum + checksum_be16(len - tu));
		memcpy(seg + c->tucso, &sum, 2);
	}
}

/* Are all headers that are changed inside what is copied in front of every segment? */
static bool can_segment(const struct e1000 *e, const struct e1000_context *c)
{
	return c->mss && c->hdrlen >= 14 && e->tx_len > c->hdrlen &&
	       c->ipcss + (c->tucmd & TUCMD_IP ? 20u : 40u) <= c->hdrlen &&
	       c->tucss + (c->tucmd & TUCMD_TCP ? 20u : 8u) <= c->hdrlen &&
	       c->tucso + 2u <= c->hdrlen && c->hdrlen + c->mss <= E1000_RX_MAX;
}

static void send_segments(struct e1000 *e, const struct tx_desc *last_desc)
{
	const struct e1000_context *c = &e->context[1];
	uint32_t at, n = 0;

	if (!can_segment(e, c)) {
		e1000_count(e, TSCTFC, 1);
		return;
	}
	for (at = c->hdrlen; at < e->tx_len; at += c->mss, n++) {
		uint32_t part = e->tx_len - at < c->mss ? e->tx_len - at : c->mss;
		uint32_t len = c->hdrlen + part;

		memcpy(e->segment, e->tx, c->hdrlen);
		memcpy(e->segment + c->hdrlen, e->tx + at, part);
		number_segment(e->segment, c, len, at - c->hdrlen, n, at + part == e->tx_len);
		if (e->tx_popts & POPTS_IXSM)
			insert_checksum(e->segment, len, c->ipcss, c->ipcso, c->ipcse, false);
		if (e->tx_popts & POPTS_TXSM)
			insert_checksum(e->segment, len, c->tucss, c->tucso, c->tucse,
					!(c->tucmd & TUCMD_TCP));
		send_frame(e, e->segment, len, last_desc);
	}
	e1000_count(e, TSCTC, 1);
}

static void send_packet(struct e1000 *e, const struct tx_desc *last)
{
	const struct e1000_context *c = &e->context[0];

	if (e->tx_too_long || !e->tx_len)
		return;
	if (!(last->cmd & CMD_DEXT)) {
		if (last->cmd & CMD_IC)
			insert_checksum(e->tx, e->tx_len, last->css, last->cso, 0, false);
	} else if (e->tx_tse) {
		send_segments(e, last);
		return;
	} else {
		if (e->tx_popts & POPTS_IXSM)
			insert_checksum(e->tx, e->tx_len, c->ipcss, c->ipcso, c->ipcse, false);
		if (e->tx_popts & POPTS_TXSM)
			insert_checksum(e->tx, e->tx_len, c->tucss, c->tucso, c->tucse,
					!(c->tucmd & TUCMD_TCP));
	}
	send_frame(e, e->tx, e->tx_len, last);
}

/* --- the ring --- */

static void take_data(struct e1000 *e, const struct tx_desc *d)
{
	uint32_t len = d->len;

	/* What the first data descriptor says is for the packet (section 3.3.7). */
	if (!e->tx_open) {
		e->tx_popts = d->cmd & CMD_DEXT ? d->css : 0;
		e->tx_tse = d->cmd & CMD_DEXT && d->cmd & CMD_TSE;
		e->tx_len = 0;
		e->tx_too_long = false;
		e->tx_open = true;
	}
	if (d->cmd & CMD_DEXT)
		len |= (d->cso & 15u) << 16;
	/* Room is left for a tag. */
	if (len > sizeof(e->tx) - 4 - e->tx_len)
		e->tx_too_long = true;
	if (!e->tx_too_long && len) {
		pci_dma_read(&e->p, d->addr, e->tx + e->tx_len, len);
		e->tx_len += len;
		e->tx_cost += len;
	}
	if (d->cmd & CMD_EOP) {
		send_packet(e, d);
		e->tx_open = false;
	}
}

static void take_descriptor(struct e1000 *e, uint64_t at, bool *done, bool *delay)
{
	struct tx_desc d;

	/* Where there is no memory there is nothing to send: all ones are no descriptor. */
	if (!pci_dma_read(&e->p, at, &d, sizeof(d)))
		return;
	if (d.cmd & CMD_DEXT && d.cso >> 4 == DTYP_CONTEXT)
		take_context(e, &d);
	else
		take_data(e, &d);
	if (d.cmd & (CMD_RS | CMD_RPS)) {
		d.status |= STA_DD;
		pci_dma_write(&e->p, at + offsetof(struct tx_desc, status), &d.status, 1);
		*done = true;
		*delay &= !!(d.cmd & CMD_IDE);
	}
}

void e1000_transmit(struct e1000 *e)
{
	uint64_t base = R(TDBAL) | (uint64_t)R(TDBAH) << 32;
	uint32_t nr = R(TDLEN) / sizeof(struct tx_desc), taken = 0, left;
	bool done = false, delay = true;

	if (!(R(TCTL) & TCTL_EN) || !pci_may_master(&e->p) || R(TDH) >= nr || R(TDT) >= nr)
		return;
	e->tx_cost = 0;
	while (R(TDH) != R(TDT)) {
		if (taken++ == PORTION_DESCRIPTORS || e->tx_cost > PORTION_COST) {
			device_timer_set(&e->tx_more, device_now());
			break;
		}
		take_descriptor(e, base + R(TDH) * sizeof(struct tx_desc), &done, &delay);
		R(TDH) = R(TDH) + 1 == nr ? 0 : R(TDH) + 1;
	}
	if (!taken)
		return;
	left = (R(TDT) + nr - R(TDH)) % nr;
	if (R(TXDCTL) >> 25 && left <= (R(TXDCTL) >> 25) * 8)
		e1000_cause(e, ICR_TXD_LOW);
	if (!left)
		e1000_cause(e, ICR_TXQE);
	if (done)
		e1000_tx_done(e, delay);
}
