// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * e1000: the EEPROM and the PHY, after Intel's "PCI/PCI-X Family of Gigabit Ethernet Controllers
 * Software Developer's Manual" (317453), chapters 5 and 13.4.8, and IEEE 802.3 clause 22.
 *
 * The EEPROM is a 93C46: 64 words behind chip select, clock and two data wires, or by EERD. It keeps
 * what is written as long as the machine runs. The PHY is the 88E1011 inside; its cable is the back
 * end's, and comes up at 1000 Mb/s, full duplex, without delay.
 */
#include <string.h>

#include "devices/nic/e1000.h"

/* --- EEPROM --- */

#define EECD_SK		(1u << 0)
#define EECD_CS		(1u << 1)
#define EECD_DI		(1u << 2)
#define EECD_DO		(1u << 3)
#define EECD_REQ	(1u << 6)
#define EECD_GNT	(1u << 7)
#define EECD_PRES	(1u << 8)

#define EERD_START	(1u << 0)
#define EERD_DONE	(1u << 4)

/* Words of the map in section 5.6. */
enum { WORD_PBA = 8, WORD_CONTROL_1 = 10, WORD_SUBSYSTEM = 11, WORD_SUBSYSTEM_VENDOR = 12,
       WORD_DEVICE = 13, WORD_VENDOR = 14, WORD_CONTROL_2 = 15, WORD_CHECKSUM = 63 };
#define CONTROL_1	0x4403		/* the signature; ids are loaded from here */
#define CONTROL_2	0x3000		/* pause frames in both directions are advertised */
#define CHECKSUM	0xbaba

void e1000_eeprom_fill(struct e1000 *e)
{
	const struct pci_info *info = e->p.dev.cls->pci;
	uint16_t *w = e->eeprom.word, sum = 0;
	unsigned int i;

	memset(w, 0, sizeof(e->eeprom.word));
	for (i = 0; i < 3; i++)
		w[i] = (uint16_t)(e->mac[2 * i] | e->mac[2 * i + 1] << 8);
	w[WORD_PBA] = w[WORD_PBA + 1] = 0xffff;
	w[WORD_CONTROL_1] = CONTROL_1;
	w[WORD_SUBSYSTEM] = info->subsystem;
	w[WORD_SUBSYSTEM_VENDOR] = info->subsystem_vendor;
	w[WORD_DEVICE] = info->device;
	w[WORD_VENDOR] = info->vendor;
	w[WORD_CONTROL_2] = CONTROL_2;
	for (i = 0; i < WORD_CHECKSUM; i++)
		sum = (uint16_t)(sum + w[i]);
	w[WORD_CHECKSUM] = (uint16_t)(CHECKSUM - sum);
}

/* A start bit, two bits of operation, six of address: then data, in or out. */
#define COMMAND_BITS 9
enum { OP_SPECIAL = 0, OP_WRITE = 1, OP_READ = 2, OP_ERASE = 3 };

static void command_done(struct e1000_eeprom *m)
{
	unsigned int op = m->in >> 6 & 3, at = m->in & 63;

	m->output = false;
	if (op == OP_READ)
		m->out = m->word[at];
	else if (op == OP_ERASE && m->writable)
		m->word[at] = 0xffff;
	else if (op == OP_SPECIAL && (at >> 4 == 3 || at >> 4 == 0))
		m->writable = at >> 4 == 3;
}

static void clock_in(struct e1000_eeprom *m, bool bit)
{
	unsigned int op, at;

	if (!m->bits && !bit)
		return;
	m->in = m->in << 1 | bit;
	m->bits++;
	if (m->bits == COMMAND_BITS) {
		command_done(m);
		return;
	}
	if (m->bits < COMMAND_BITS)
		return;
	op = m->in >> (m->bits - 3) & 3;
	if (op == OP_READ) {
		m->output = m->out >> 15;
		m->out = (uint16_t)(m->out << 1);
		/* The command stays, whatever is clocked in; after one word comes the next. */
		m->in >>= 1;
		m->bits--;
		if (++m->data_bits == 16) {
			m->data_bits = 0;
			m->in = (m->in & ~63u) | ((m->in + 1) & 63);
			m->out = m->word[m->in & 63];
		}
	} else if (m->bits == COMMAND_BITS + 16) {
		at = m->in >> 16 & 63;
		if (op == OP_WRITE && m->writable)
			m->word[at] = (uint16_t)m->in;
		m->output = true;	/* ready again at once */
		m->bits = 0;
		m->in = 0;
	}
}

void e1000_eeprom_wires(struct e1000 *e, uint32_t val)
{
	struct e1000_eeprom *m = &e->eeprom;
	uint32_t old = m->wires;

	m->wires = val & (EECD_SK | EECD_CS | EECD_DI | EECD_REQ | 3u << 4);
	if (!(val & EECD_CS) || !(old & EECD_CS)) {
		m->bits = m->data_bits = 0;
		m->in = 0;
		m->output = true;
	} else if (val & EECD_SK && !(old & EECD_SK)) {
		clock_in(m, val & EECD_DI);
	}
	R(EECD) = m->wires | EECD_PRES | (m->output ? EECD_DO : 0) |
		  (m->wires & EECD_REQ ? EECD_GNT : 0);
}

uint32_t e1000_eeprom_read(struct e1000 *e, uint32_t val)
{
	unsigned int at = val >> 8 & 0xff;

	if (!(val & EERD_START))
		return val & 0xff00;
	return (uint32_t)(at < EEPROM_WORDS ? e->eeprom.word[at] : 0xffff) << 16 | (val & 0xff00) |
	       EERD_DONE;
}

/* --- PHY --- */

enum phy_reg { PCTRL, PSTATUS, PHY_ID1, PHY_ID2, ANA, LPA, ANE, NPT, LPN, GCON, GSTATUS,
	       EPSTATUS = 15, PSCON, PSSTAT, PINTE, PINTS, EPSCON, PREC };

#define PCTRL_RESET	0x8000
#define PCTRL_LOOPBACK	0x4000
#define PCTRL_RESTART	0x0200
#define PSTATUS_LINK	0x0004
#define PSTATUS_DONE	0x0020
#define GSTATUS_UP	0x7c00	/* both receivers well; the partner does 1000 Mb/s, both duplexes */
#define PSSTAT_UP	0xac40	/* 1000 Mb/s, full duplex, resolved, link; crossed cable */
#define LPA_PARTNER	0x45e1	/* acknowledged; 10 and 100 Mb/s, pause */
#define PINTS_LINK	0x0400

/* What a reset leaves, and which bits are the driver's. */
static const struct { uint8_t reg; uint16_t initial, writable; } phy_regs[] = {
	{ PCTRL, 0x1140, 0x7dc0 },
	{ PSTATUS, 0x7949, 0 },
	{ PHY_ID1, 0x0141, 0 },
	{ ANA, 0x0de1, 0xffff },
	{ ANE, 0x0001, 0 },
	{ NPT, 0x2001, 0xbfff },
	{ GCON, 0x0e00, 0xff00 },
	{ EPSTATUS, 0x3000, 0 },
	{ PSCON, 0x0068, 0xffff },
	{ PINTE, 0, 0xffff },
	{ EPSCON, 0x0d60, 0xffff },
	{ 29, 0, 0xffff },		/* page and data of what the sheet does not say */
	{ 30, 0, 0xffff },
};

void e1000_phy_link(struct e1000 *e, bool up)
{
	e->phy[PINTS] |= PINTS_LINK;
	if (up)
		e->phy[PSTATUS] |= PSTATUS_LINK | PSTATUS_DONE;
	else
		e->phy[PSTATUS] &= (uint16_t)~(PSTATUS_LINK | PSTATUS_DONE);
	/* That it was down stays to be seen until the register is read. */
	e->phy_was_down |= !up;
	e->phy[GSTATUS] = up ? GSTATUS_UP : 0;
	e->phy[PSSTAT] = up ? PSSTAT_UP : 0;
	e->phy[LPA] = up ? LPA_PARTNER : 0;
}

void e1000_phy_reset(struct e1000 *e)
{
	unsigned int i;

	memset(e->phy, 0, sizeof(e->phy));
	e->phy_was_down = false;
	for (i = 0; i < ARRAY_SIZE(phy_regs); i++)
		e->phy[phy_regs[i].reg] = phy_regs[i].initial;
	e->phy[PHY_ID2] = e->model.phy_id2;
	e1000_phy_link(e, e->nd && net_link(e->nd));
}

bool e1000_phy_loopback(const struct e1000 *e)
{
	return e->phy[PCTRL] & PCTRL_LOOPBACK;
}

static uint16_t phy_read(struct e1000 *e, unsigned int reg)
{
	uint16_t val = e->phy[reg];

	if (reg == PINTS)
		e->phy[PINTS] = 0;
	if (reg == PSTATUS && e->phy_was_down) {
		val &= (uint16_t)~PSTATUS_LINK;
		e->phy_was_down = false;
	}
	return val;
}

static void phy_write(struct e1000 *e, unsigned int reg, uint16_t val)
{
	unsigned int i;

	if (reg == PCTRL && val & PCTRL_RESET) {
		e1000_phy_reset(e);
		e1000_link(e);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(phy_regs); i++)
		if (phy_regs[i].reg == reg)
			e->phy[reg] = (uint16_t)((e->phy[reg] & ~phy_regs[i].writable) |
						 (val & phy_regs[i].writable));
	if (reg == PCTRL && val & PCTRL_RESTART) {
		e1000_phy_link(e, e->nd && net_link(e->nd));
		e1000_link(e);
	}
}

#define MDIC_REG(v)	((v) >> 16 & 31)
#define MDIC_PHY(v)	((v) >> 21 & 31)
#define MDIC_OP(v)	((v) >> 26 & 3)
#define MDIC_READY	(1u << 28)
#define MDIC_INTERRUPT	(1u << 29)
#define MDIC_ERROR	(1u << 30)
enum { MDIC_WRITE = 1, MDIC_READ = 2 };
#define PHY_ADDRESS 1

uint32_t e1000_phy_access(struct e1000 *e, uint32_t mdic)
{
	unsigned int op = MDIC_OP(mdic);

	mdic &= 0x0fffffff | MDIC_INTERRUPT;
	if (MDIC_PHY(mdic) != PHY_ADDRESS || (op != MDIC_READ && op != MDIC_WRITE))
		mdic |= MDIC_ERROR;
	else if (op == MDIC_READ)
		mdic = (mdic & ~0xffffu) | phy_read(e, MDIC_REG(mdic));
	else
		phy_write(e, MDIC_REG(mdic), (uint16_t)mdic);
	return mdic | MDIC_READY;
}
