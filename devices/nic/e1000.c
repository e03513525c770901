// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Network card: Intel 82540EM, and its relatives 82544GC and 82545EM, after Intel's "PCI/PCI-X Family
 * of Gigabit Ethernet Controllers Software Developer's Manual" (317453), chapter 13: the registers,
 * interrupts and their moderation.
 *
 * Most registers are memory with a mask; what more one does stands in written() and read_reg().
 * Rings are in e1000_tx.c and e1000_rx.c, EEPROM and PHY in e1000_phy.c.
 */
#include <stdio.h>
#include <string.h>

#include "devices/nic/e1000.h"

#define REGION_LEN 0x20000
#define ITR_NS 256u		/* the units of section 13.4.18, and of 13.4.30 */
#define DELAY_NS 1024u

/* --- statistics: they stay at their maximum (section 13.7) --- */

void e1000_count(struct e1000 *e, unsigned int off, uint32_t n)
{
	if (__builtin_add_overflow(R(off), n, &R(off)))
		R(off) = UINT32_MAX;
}

void e1000_count64(struct e1000 *e, unsigned int low, uint64_t n)
{
	uint64_t sum = R(low) | (uint64_t)R(low + 4) << 32;

	if (__builtin_add_overflow(sum, n, &sum))
		sum = UINT64_MAX;
	R(low) = (uint32_t)sum;
	R(low + 4) = (uint32_t)(sum >> 32);
}

/* --- interrupts --- */

static void update_irq(struct e1000 *e)
{
	uint32_t interval = R(ITR) & 0xffff;

	if (!(R(ICR) & R(IMS))) {
		e->asserted = false;
	} else if (!e->asserted && !e->throttle.when) {
		e->asserted = true;
		if (interval)
			device_timer_set(&e->throttle, device_now() + (uint64_t)interval * ITR_NS);
	}
	pci_set_intx(&e->p, e->asserted);
}

static void throttle_over(void *arg)
{
	update_irq(arg);
}

void e1000_cause(struct e1000 *e, uint32_t bits)
{
	R(ICR) |= bits & ICR_ALL;
	update_irq(e);
}

static void rx_due(void *arg)
{
	struct e1000 *e = arg;

	device_timer_cancel(&e->rx_delay);
	device_timer_cancel(&e->rx_limit);
	e1000_cause(e, ICR_RXT0);
}

static void tx_due(void *arg)
{
	struct e1000 *e = arg;

	device_timer_cancel(&e->tx_delay);
	device_timer_cancel(&e->tx_limit);
	e1000_cause(e, ICR_TXDW);
}

static void delayed(struct e1000 *e, unsigned int delay_reg, unsigned int limit_reg,
		    struct device_timer *delay, struct device_timer *limit)
{
	uint64_t now = device_now();

	device_timer_set(delay, now + (uint64_t)(R(delay_reg) & 0xffff) * DELAY_NS);
	if (!limit->when && R(limit_reg) & 0xffff)
		device_timer_set(limit, now + (uint64_t)(R(limit_reg) & 0xffff) * DELAY_NS);
}

void e1000_rx_done(struct e1000 *e)
{
	if (R(RDTR) & 0xffff)
		delayed(e, RDTR, RADV, &e->rx_delay, &e->rx_limit);
	else
		rx_due(e);
}

void e1000_tx_done(struct e1000 *e, bool delay)
{
	if (delay && R(TIDV) & 0xffff)
		delayed(e, TIDV, TADV, &e->tx_delay, &e->tx_limit);
	else
		tx_due(e);
}

/* --- link and reset --- */

void e1000_link(struct e1000 *e)
{
	bool up = e->nd && net_link(e->nd) && R(CTRL) & CTRL_SLU;
	uint32_t was = R(STATUS);

	R(STATUS) = STATUS_FD | STATUS_1000 | (up ? STATUS_LU : 0);
	if (was != R(STATUS))
		e1000_cause(e, ICR_LSC);
}

static void link_changed(void *arg, bool up)
{
	struct e1000 *e = arg;

	e1000_phy_link(e, up);
	e1000_link(e);
}

static const struct { uint16_t off; uint32_t val; } initial[] = {
	/* Link on without the driver's asking, as an EEPROM may have it (section 13.4.1). */
	{ CTRL, CTRL_FD | CTRL_SLU | 2u << 8 }, { STATUS, STATUS_FD | STATUS_1000 },
	{ PBA, 0x00100030 }, { LEDCTL, 0x07068302 }, { TIPG, 10 | 8 << 10 | 6 << 20 },
	{ TXDCTL, 0 }, { RXDCTL, 1 << 16 },
};

static void cancel_timers(struct e1000 *e)
{
	struct device_timer *const timers[] = {
		&e->throttle, &e->rx_delay, &e->rx_limit, &e->tx_delay, &e->tx_limit, &e->tx_more,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timers); i++)
		device_timer_cancel(timers[i]);
}

/* The address filter's first entry comes from the EEPROM. */
static void load_address(struct e1000 *e)
{
	const uint16_t *w = e->eeprom.word;

	R(RA) = w[0] | (uint32_t)w[1] << 16;
	R(RA + 4) = w[2] | RAH_AV;
}

void e1000_reset_mac(struct e1000 *e)
{
	unsigned int i;

	cancel_timers(e);
	memset(e->reg, 0, sizeof(e->reg));
	memset(e->context, 0, sizeof(e->context));
	for (i = 0; i < ARRAY_SIZE(initial); i++)
		R(initial[i].off) = initial[i].val;
	e->tx_len = 0;
	e->tx_open = e->tx_too_long = false;
	e1000_eeprom_wires(e, 0);
	load_address(e);
	e->asserted = false;
	pci_set_intx(&e->p, false);
	if (e->nd && net_link(e->nd))
		R(STATUS) |= STATUS_LU;
}

/* --- registers --- */

/* What a driver may write where, of registers that are no more than memory or not much more. */
static const struct { uint16_t from, to; uint32_t mask; } plain[] = {
	{ CTRL, CTRL, 0x78fc1bfd }, { CTRL_EXT, CTRL_EXT, 0x00ffffff }, { FCAL, FCT, UINT32_MAX },
	{ VET, VET, 0xffff }, { ITR, ITR, 0xffff }, { RCTL, RCTL, 0x06dcf7fe },
	{ FCTTV, TXCW, UINT32_MAX }, { TCTL, TCTL, 0x01fffffa }, { TIPG, TIPG, 0x3fffffff },
	{ AIFS, AIFS, 0xffff }, { LEDCTL, LEDCTL, 0xcfcfcfcf }, { PBA, PBA, 0xffff },
	{ FCRTL, FCRTL, 0x8000fff8 }, { FCRTH, FCRTH, 0xfff8 },
	{ RDBAL, RDBAL, 0xfffffff0 }, { RDBAH, RDBAH, UINT32_MAX }, { RDLEN, RDLEN, 0xfff80 },
	{ RDH, RDH, 0xffff }, { RDT, RDT, 0xffff }, { RDTR, RDTR, 0xffff },
	{ RXDCTL, RXDCTL, 0x01ffffff }, { RADV, RADV, 0xffff }, { RSRPD, RSRPD, 0xfff },
	{ TXDMAC, TXDMAC, 1 },
	{ TDBAL, TDBAL, 0xfffffff0 }, { TDBAH, TDBAH, UINT32_MAX }, { TDLEN, TDLEN, 0xfff80 },
	{ TDH, TDH, 0xffff }, { TDT, TDT, 0xffff }, { TIDV, TIDV, 0xffff },
	{ TXDCTL, TXDCTL, 0xffffffff }, { TADV, TADV, 0xffff }, { TSPMT, TSPMT, UINT32_MAX },
	{ RXCSUM, RXCSUM, 0x7ff }, { MTA, MTA + 0x1fc, UINT32_MAX },
	{ RA, RA + 8 * NR_RA - 4, UINT32_MAX }, { VFTA, VFTA + 0x1fc, UINT32_MAX },
	{ WUC, WUC, 0xf }, { WUFC, WUFC, UINT32_MAX }, { MANC, MANC, UINT32_MAX },
	{ IPAV, E1000_REGS - 4, UINT32_MAX },
};

static bool is_statistics(unsigned int off)
{
	return off >= CRCERRS && off <= TSCTFC;
}

static uint32_t read_reg(struct e1000 *e, unsigned int off)
{
	uint32_t val;

	if (off >= E1000_REGS)
		return 0;
	val = R(off);
	if (is_statistics(off)) {
		R(off) = 0;
	} else if (off == ICR) {
		R(ICR) = 0;
		update_irq(e);
	} else if (off == ICS || off == IMC) {
		val = 0;	/* write only */
	}
	return val;
}

static void write_ctrl(struct e1000 *e, uint32_t val)
{
	if (val & CTRL_RST) {
		e1000_reset_mac(e);
		return;
	}
	if (val & CTRL_PHY_RST)
		e1000_phy_reset(e);
	e1000_link(e);
}

/* What a write does beyond changing the register. */
static void written(struct e1000 *e, unsigned int off, uint32_t val)
{
	switch (off) {
	case CTRL:
		write_ctrl(e, val);
		break;
	case EECD:
		e1000_eeprom_wires(e, val);
		break;
	case EERD:
		R(EERD) = e1000_eeprom_read(e, val);
		break;
	case MDIC:
		R(MDIC) = e1000_phy_access(e, val);
		if (val & 1u << 29)
			e1000_cause(e, ICR_MDAC);
		break;
	case ICR:
		R(ICR) &= ~val;
		update_irq(e);
		break;
	case ICS:
		e1000_cause(e, val);
		break;
	case IMS:
		R(IMS) |= val & ICR_ALL;
		update_irq(e);
		break;
	case IMC:
		R(IMS) &= ~val;
		update_irq(e);
		break;
	case RCTL:
	case RDT:
		if (e->nd && R(RCTL) & RCTL_EN)
			net_ready(e->nd);
		break;
	case RDTR:
		if (val & 1u << 31)	/* flush: now, what is delayed */
			rx_due(e);
		break;
	case TIDV:
		if (val & 1u << 31)
			tx_due(e);
		break;
	case TCTL:
	case TDT:
		e1000_transmit(e);
		break;
	}
}

static void write_reg(struct e1000 *e, unsigned int off, uint32_t val)
{
	unsigned int i;
	uint32_t before;

	if (off >= E1000_REGS)
		return;
	before = R(off);
	for (i = 0; i < ARRAY_SIZE(plain); i++)
		if (off >= plain[i].from && off <= plain[i].to) {
			R(off) = (R(off) & ~plain[i].mask) | (val & plain[i].mask);
			break;
		}
	e1000_filter_written(e, off, before ^ R(off));
	written(e, off, val);
}

/* Registers are 32 bits wide and accessed so (section 13.2); narrower writes do nothing. */
static uint64_t mmio_read(struct device *dev, uint32_t off, unsigned int size)
{
	return read_reg(to_e1000(dev), off & ~3u) >> 8 * (off & 3);
}

static void mmio_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	if (size == 4)
		write_reg(to_e1000(dev), off, (uint32_t)val);
}

/* The same through an address and a data port (section 13.2.2). */
static uint64_t io_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct e1000 *e = to_e1000(dev);

	if (size != 4 || off > 4)
		return 0;
	return off ? read_reg(e, e->ioaddr & ~3u) : e->ioaddr;
}

static void io_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct e1000 *e = to_e1000(dev);

	if (size != 4)
		return;
	if (off == 0)
		e->ioaddr = (uint32_t)val & (REGION_LEN - 1);
	else if (off == 4)
		write_reg(e, e->ioaddr & ~3u, (uint32_t)val);
}

/* --- the device --- */

static void transmit_more(void *arg)
{
	e1000_transmit(arg);
}

static void e1000_reset(struct device *dev)
{
	struct e1000 *e = to_e1000(dev);

	e->ioaddr = 0;
	e1000_eeprom_fill(e);
	e1000_phy_reset(e);
	e1000_reset_mac(e);
}

static const struct net_user net_user = {
	.receive = e1000_receive,
	.link_changed = link_changed,
	.rx_filter = e1000_rx_filter,
};

static const struct e1000_model models[] = {
	{ 0x100e, 0x0c20 }, { 0x100c, 0x0c30 }, { 0x100f, 0x0c20 },
};

static const char *e1000_realize(struct device *dev)
{
	static char text[128];
	static const uint8_t none[6];
	struct e1000 *e = to_e1000(dev);
	const char *other, *wrong;
	unsigned int i;

	wrong = device_boot(dev, dev->bootindex, "ethernet-phy@0");
	if (wrong)
		return wrong;
	for (i = 0; i < ARRAY_SIZE(models); i++)
		if (models[i].device == dev->cls->pci->device)
			e->model = models[i];
	if (!memcmp(e->mac, none, sizeof(none)))
		net_default_mac(e->mac);
	device_timer_init(&e->throttle, throttle_over, e);
	device_timer_init(&e->rx_delay, rx_due, e);
	device_timer_init(&e->rx_limit, rx_due, e);
	device_timer_init(&e->tx_delay, tx_due, e);
	device_timer_init(&e->tx_limit, tx_due, e);
	device_timer_init(&e->tx_more, transmit_more, e);
	if (!e->nd)
		return NULL;
	other = net_attach(e->nd, &net_user, e, dev->id ? dev->id : dev->cls->name);
	if (!other)
		return NULL;
	snprintf(text, sizeof(text), "netdev=: is the cable of %s already", other);
	return text;
}

static void e1000_unrealize(struct device *dev)
{
	struct e1000 *e = to_e1000(dev);

	cancel_timers(e);
	if (e->nd)
		net_detach(e->nd);
}

static void e1000_describe(struct device *dev, char *buf, size_t len)
{
	struct e1000 *e = to_e1000(dev);

	snprintf(buf, len, "link %s, rx %s ring %u/%u of %u, tx %s ring %u/%u of %u",
		 R(STATUS) & STATUS_LU ? "up" : "down", R(RCTL) & RCTL_EN ? "on" : "off", R(RDH), R(RDT),
		 R(RDLEN) / 16, R(TCTL) & TCTL_EN ? "on" : "off", R(TDH), R(TDT), R(TDLEN) / 16);
}

static const struct device_region e1000_regions[] = {
	{ "registers", BUS_MMIO, REGION_LEN, 4, mmio_read, mmio_write },
	{ "ports", BUS_PORT, 64, 4, io_read, io_write },
};

static const struct device_prop e1000_props[] = {
	PCI_PROPS,
	{ "mac", PROP_MAC, offsetof(struct e1000, mac), "address (default 52:54:00:12:34:56 and on)" },
	{ "netdev", PROP_NETDEV, offsetof(struct e1000, nd), "back end; without one no cable is in" },
	BOOT_PROP,
};

#define MODEL(ident, class_name, chip, device_id, rev)						\
	static const struct pci_info ident##_pci = {						\
		.vendor = 0x8086, .device = device_id, .subsystem_vendor = 0x8086,		\
		.subsystem = 0x001e, .class = 0x020000, .revision = rev, .interrupt_pin = 1,	\
		.bar = { [0] = { PCI_BAR_MEM32, 0 }, [2] = { PCI_BAR_IO, 1 } },			\
		.rom = "efi-e1000.rom",								\
	};											\
	static const struct device_class ident = {						\
		.name = class_name,								\
		.what = "Intel " chip " gigabit Ethernet",					\
		.sheet = "Intel 317453, PCI/PCI-X Family of Gigabit Ethernet Controllers",	\
		.missing = "wake-up, management and ASF, MSI, flash, pause frames, speeds below 1000 Mb/s, frames with a checksum of the driver's", \
		.size = sizeof(struct e1000),							\
		.pci = &ident##_pci,								\
		.user = true,									\
		.regions = e1000_regions,							\
		.nr_regions = ARRAY_SIZE(e1000_regions),					\
		.props = e1000_props,								\
		.nr_props = ARRAY_SIZE(e1000_props),						\
		.realize = e1000_realize,							\
		.reset = e1000_reset,								\
		.unrealize = e1000_unrealize,							\
		.describe = e1000_describe,							\
	};											\
	DEVICE_REGISTER(ident)

MODEL(e1000_82540em, "e1000", "82540EM", 0x100e, 2);
MODEL(e1000_82544gc, "e1000-82544gc", "82544GC", 0x100c, 2);
MODEL(e1000_82545em, "e1000-82545em", "82545EM", 0x100f, 1);
