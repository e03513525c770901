// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * e1000: receiving, after sections 3.2 and 4.5 of the manual and section 9 for VLANs: which frames,
 * into which buffers, and what is said of their checksums.
 *
 * A frame for which there are no buffers waits in the back end: the card is one with a large FIFO,
 * whose overrun is where the back end drops.
 */
#include <string.h>

#include "devices/nic/e1000.h"
#include "host/net/checksum.h"

#define STATUS_DD	0x01u
#define STATUS_EOP	0x02u
#define STATUS_IXSM	0x04u
#define STATUS_VP	0x08u
#define STATUS_TCPCS	0x20u
#define STATUS_IPCS	0x40u
#define STATUS_PIF	0x80u
#define ERROR_TCPE	0x20u
#define ERROR_IPE	0x40u

#define MIN_FRAME 60u
#define MAX_FRAME 1518u		/* without the four bytes of checksum, with a tag */
#define CRC_LEN 4u

struct rx_desc {
	uint64_t addr;
	uint16_t len, checksum;
	uint8_t status, errors;
	uint16_t special;
};
_Static_assert(sizeof(struct rx_desc) == 16, "section 3.2.3");

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* --- which frames --- */

static bool matches_address(struct e1000 *e, const uint8_t *to)
{
	uint32_t low, high;
	unsigned int i;

	memcpy(&low, to, 4);
	high = to[4] | (uint32_t)to[5] << 8;
	for (i = 0; i < NR_RA; i++)
		if (R(RA + 8 * i + 4) & RAH_AV && R(RA + 8 * i) == low &&
		    (R(RA + 8 * i + 4) & 0xffff) == high)
			return true;
	return false;
}

/* Which twelve bits of the address are the number of a bit in the table: RCTL.MO, 13.5.1. */
static bool matches_table(struct e1000 *e, const uint8_t *to)
{
	static const uint8_t shift[] = { 4, 3, 2, 0 };
	unsigned int hash = (unsigned int)(to[4] | to[5] << 8) >> shift[R(RCTL) >> 12 & 3] & 0xfff;

	return R(MTA + 4 * (hash >> 5)) >> (hash & 31) & 1;
}

static bool is_broadcast(const uint8_t *to)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return !memcmp(to, broadcast, 6);
}

static bool passes(struct e1000 *e, const uint8_t *frame, uint32_t len)
{
	uint32_t rctl = R(RCTL), tag;

	if (len > MAX_FRAME && !(rctl & RCTL_LPE)) {
		e1000_count(e, ROC, 1);
		return false;
	}
	if (be16(frame + 12) == R(VET) && rctl & RCTL_VFE && len >= 16) {
		tag = be16(frame + 14);
		if (!(R(VFTA + 4 * (tag >> 5 & 0x7f)) >> (tag & 31) & 1))
			return false;
		if (rctl & RCTL_CFIEN && !(tag & 0x1000) != !(rctl & RCTL_CFI))
			return false;
	}
	if (is_broadcast(frame))
		return rctl & RCTL_BAM || rctl & RCTL_MPE || matches_address(e, frame);
	if (frame[0] & 1)
		return rctl & RCTL_MPE || matches_address(e, frame) || matches_table(e, frame);
	return rctl & RCTL_UPE || matches_address(e, frame);
}

static void count_received(struct e1000 *e, const uint8_t *frame, uint32_t len)
{
	static const uint32_t sizes[] = { 64, 127, 255, 511, 1023 };
	unsigned int i;

	len += CRC_LEN;
	for (i = 0; i < ARRAY_SIZE(sizes) && len > sizes[i]; i++)
		;
	e1000_count(e, PRC64 + 4 * i, 1);
	e1000_count(e, GPRC, 1);
	e1000_count64(e, GORCL, len);
	if (is_broadcast(frame))
		e1000_count(e, BPRC, 1);
	else if (frame[0] & 1)
		e1000_count(e, MPRC, 1);
}

/* --- checksums --- */

/* IPv4, TCP and UDP; what is anything else is for the driver to look at. */
static void look_at_checksums(struct e1000 *e, const uint8_t *frame, uint32_t len,
			      struct rx_desc *d)
{
	const uint8_t *ip = frame + 14, *field;
	uint32_t head, total, transport;
	uint64_t sum;

	d->status |= STATUS_IXSM;
	if (!(R(RXCSUM) & (RXCSUM_IPOFLD | RXCSUM_TUOFLD)) || len < 34 ||
	    be16(frame + 12) != 0x0800 || ip[0] >> 4 != 4)
		return;
	head = (ip[0] & 15u) * 4;
	total = be16(ip + 2);
	if (head < 20 || total < head || total > len - 14)
		return;
	d->status &= (uint8_t)~STATUS_IXSM;
	if (R(RXCSUM) & RXCSUM_IPOFLD) {
		d->status |= STATUS_IPCS;
		if (checksum_fold(checksum_add(0, ip, head)) != 0xffff)
			d->errors |= ERROR_IPE;
	}
	transport = total - head;
	/* Not of a fragment, which has a part of what is summed. */
	if (!(R(RXCSUM) & RXCSUM_TUOFLD) || be16(ip + 6) & 0x3fff)
		return;
	if (ip[9] == 6 && transport >= 20)
		field = ip + head + 16;
	else if (ip[9] == 17 && transport >= 8)
		field = ip + head + 6;
	else
		return;
	if (ip[9] == 17 && !be16(field))
		return;		/* its sender did not compute one */
	d->status |= STATUS_TCPCS;
	sum = checksum_add(checksum_be16(transport) + checksum_be16(ip[9]), ip + 12, 8);
	if (checksum_fold(checksum_add(sum, ip + head, transport)) != 0xffff)
		d->errors |= ERROR_TCPE;
}

/* The frame check sequence of IEEE 802.3, clause 3.2.9. */
static uint32_t crc32(const uint8_t *p, uint32_t len)
{
	static uint32_t table[256];
	uint32_t crc = ~0u, i, k;

	if (!table[1])
		for (i = 0; i < 256; i++) {
			for (crc = i, k = 0; k < 8; k++)
				crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
			table[i] = crc;
		}
	for (crc = ~0u; len--; p++)
		crc = crc >> 8 ^ table[(crc ^ *p) & 0xff];
	return ~crc;
}

/* --- the ring --- */

static uint32_t buffer_size(uint32_t rctl)
{
	static const uint32_t sizes[2][4] = { { 2048, 1024, 512, 256 },
					      { 2048, 16384, 8192, 4096 } };

	return sizes[!!(rctl & RCTL_BSEX)][rctl >> 16 & 3];
}

/* RCTL.RDMTS: a half, a quarter, an eighth of the ring is left (section 3.2.7). */
static bool few_left(struct e1000 *e, uint32_t nr)
{
	uint32_t left = (R(RDT) + nr - R(RDH)) % nr;

	return left <= nr >> ((R(RCTL) >> 8 & 3) + 1);
}

/* Data first, then what says that it is there, last the word with DD. */
static void fill_buffers(struct e1000 *e, uint32_t total, uint32_t size, struct rx_desc *d)
{
	uint64_t base = R(RDBAL) | (uint64_t)R(RDBAH) << 32, at, addr;
	uint32_t nr = R(RDLEN) / sizeof(*d), done = 0, part;

	for (; done < total; done += part) {
		struct rx_desc out = *d;

		part = total - done < size ? total - done : size;
		at = base + R(RDH) * sizeof(*d);
		/* A null address is one that the driver has not given (section 3.2.3). */
		if (pci_dma_read(&e->p, at, &addr, sizeof(addr)) && addr)
			pci_dma_write(&e->p, addr, e->rx + done, part);
		out.len = (uint16_t)part;
		out.status = STATUS_DD;
		if (done + part == total)
			out.status |= STATUS_EOP | d->status;
		else
			out.errors = 0;
		pci_dma_write(&e->p, at + offsetof(struct rx_desc, len), &out.len, 4);
		pci_dma_write(&e->p, at + offsetof(struct rx_desc, status), &out.status, 4);
		R(RDH) = R(RDH) + 1 == nr ? 0 : R(RDH) + 1;
	}
}

/* The tag out of the frame and into the descriptor. */
static uint32_t strip_tag(struct e1000 *e, uint32_t len, struct rx_desc *d)
{
	if (!(R(CTRL) & CTRL_VME) || be16(e->rx + 12) != R(VET) || len < 18)
		return len;
	d->status |= STATUS_VP;
	d->special = be16(e->rx + 14);
	memmove(e->rx + 12, e->rx + 16, len - 16);
	return len - 4;
}

bool e1000_receive(void *arg, unsigned int queue, const struct iovec *iov, int nr_iov,
		   const struct net_offload *off)
{
	struct e1000 *e = arg;
	struct rx_desc d = { 0 };
	uint32_t nr = R(RDLEN) / sizeof(d), size = buffer_size(R(RCTL)), len = 0, total, free, crc;
	int i;

	if (!(R(RCTL) & RCTL_EN) || !pci_may_master(&e->p) || !nr || R(RDH) >= nr || R(RDT) >= nr)
		return true;
	for (i = 0; i < nr_iov; i++) {
		if (iov[i].iov_len > E1000_RX_MAX - CRC_LEN - len)
			return true;
		memcpy(e->rx + len, iov[i].iov_base, iov[i].iov_len);
		len += (uint32_t)iov[i].iov_len;
	}
	if (len < 14)
		return true;
	if (len < MIN_FRAME) {
		memset(e->rx + len, 0, MIN_FRAME - len);
		len = MIN_FRAME;
	}
	free = (R(RDT) + nr - R(RDH)) % nr;
	if ((len + CRC_LEN + size - 1) / size > free && passes(e, e->rx, len)) {
		e1000_count(e, RNBC, 1);
		return (len + CRC_LEN + size - 1) / size >= nr;
	}
	e1000_count(e, TPR, 1);
	e1000_count64(e, TORL, len + CRC_LEN);
	if (!passes(e, e->rx, len))
		return true;
	count_received(e, e->rx, len);
	crc = crc32(e->rx, len);
	total = strip_tag(e, len, &d);
	look_at_checksums(e, e->rx, total, &d);
	if (!(R(RCTL) & RCTL_SECRC)) {
		memcpy(e->rx + total, &crc, CRC_LEN);
		total += CRC_LEN;
	}
	if ((R(RXCSUM) & 0xff) < total)
		d.checksum = checksum_fold(checksum_add(0, e->rx + (R(RXCSUM) & 0xff),
							total - (R(RXCSUM) & 0xff)));
	fill_buffers(e, total, size, &d);
	if (few_left(e, nr))
		e1000_cause(e, ICR_RXDMT0);
	e1000_rx_done(e);
	return true;
}
