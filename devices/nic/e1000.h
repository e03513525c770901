/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the e1000 share: its registers (chapter 13 of the manual) and its state. */
#ifndef ANYKVM_DEVICES_NIC_E1000_H
#define ANYKVM_DEVICES_NIC_E1000_H

#include "host/bus/pci.h"
#include "host/net/net.h"

enum e1000_reg {
	CTRL = 0x0000, STATUS = 0x0008, EECD = 0x0010, EERD = 0x0014, CTRL_EXT = 0x0018,
	MDIC = 0x0020, FCAL = 0x0028, FCAH = 0x002c, FCT = 0x0030, VET = 0x0038,
	ICR = 0x00c0, ITR = 0x00c4, ICS = 0x00c8, IMS = 0x00d0, IMC = 0x00d8,
	RCTL = 0x0100, FCTTV = 0x0170, TXCW = 0x0178, RXCW = 0x0180, TCTL = 0x0400, TIPG = 0x0410,
	AIFS = 0x0458, LEDCTL = 0x0e00, PBA = 0x1000, FCRTL = 0x2160, FCRTH = 0x2168,
	RDBAL = 0x2800, RDBAH = 0x2804, RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818, RDTR = 0x2820,
	RXDCTL = 0x2828, RADV = 0x282c, RSRPD = 0x2c00, TXDMAC = 0x3000,
	TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810, TDT = 0x3818, TIDV = 0x3820,
	TXDCTL = 0x3828, TADV = 0x382c, TSPMT = 0x3830,
	/* Statistics: read is clear. */
	CRCERRS = 0x4000, MPC = 0x4010, PRC64 = 0x405c, PRC1522 = 0x4070, GPRC = 0x4074,
	BPRC = 0x4078, MPRC = 0x407c, GPTC = 0x4080, GORCL = 0x4088, GORCH = 0x408c,
	GOTCL = 0x4090, GOTCH = 0x4094, RNBC = 0x40a0, RUC = 0x40a4, ROC = 0x40ac,
	TORL = 0x40c0, TORH = 0x40c4, TOTL = 0x40c8, TOTH = 0x40cc, TPR = 0x40d0, TPT = 0x40d4,
	PTC64 = 0x40d8, MPTC = 0x40f0, BPTC = 0x40f4, TSCTC = 0x40f8, TSCTFC = 0x40fc,
	RXCSUM = 0x5000, MTA = 0x5200, RA = 0x5400, VFTA = 0x5600,
	WUC = 0x5800, WUFC = 0x5808, WUS = 0x5810, MANC = 0x5820, IPAV = 0x5838,
	E1000_REGS = 0x5c00,
};

#define CTRL_FD		(1u << 0)
#define CTRL_SLU	(1u << 6)
#define CTRL_RST	(1u << 26)
#define CTRL_VME	(1u << 30)
#define CTRL_PHY_RST	(1u << 31)

#define STATUS_FD	(1u << 0)
#define STATUS_LU	(1u << 1)
#define STATUS_1000	(2u << 6 | 2u << 8)	/* SPEED and ASDV */

#define ICR_TXDW	(1u << 0)
#define ICR_TXQE	(1u << 1)
#define ICR_LSC		(1u << 2)
#define ICR_RXDMT0	(1u << 4)
#define ICR_RXT0	(1u << 7)
#define ICR_MDAC	(1u << 9)
#define ICR_TXD_LOW	(1u << 15)
#define ICR_ALL		0x0001f6dfu

#define RCTL_EN		(1u << 1)
#define RCTL_UPE	(1u << 3)
#define RCTL_MPE	(1u << 4)
#define RCTL_LPE	(1u << 5)
#define RCTL_LBM	(3u << 6)
#define RCTL_MO		(3u << 12)
#define RCTL_BAM	(1u << 15)
#define RCTL_VFE	(1u << 18)
#define RCTL_CFIEN	(1u << 19)
#define RCTL_CFI	(1u << 20)
#define RCTL_BSEX	(1u << 25)
#define RCTL_SECRC	(1u << 26)

#define TCTL_EN		(1u << 1)
#define TCTL_PSP	(1u << 3)

#define RXCSUM_IPOFLD	(1u << 8)
#define RXCSUM_TUOFLD	(1u << 9)

#define RAH_AV		(1u << 31)
#define NR_RA		16u

#define EEPROM_WORDS	64u

/* A 93C46 behind four wires (section 5.3). */
struct e1000_eeprom {
	uint16_t word[EEPROM_WORDS];
	uint32_t wires;			/* EECD as last written */
	unsigned int data_bits;		/* of the word that is read */
	unsigned int bits;		/* clocked in since the start bit; 0: waiting for it */
	uint32_t in;
	uint16_t out;
	bool writable, output;
};

/* A context descriptor (section 3.3.6), checked when it is used. */
struct e1000_context {
	uint8_t ipcss, ipcso, tucss, tucso, hdrlen, tucmd;
	uint16_t ipcse, tucse, mss;
	uint32_t paylen;
};

struct e1000_model {
	uint16_t device, phy_id2;
	uint8_t revision;
};

/* The longest frame that a card takes apart or hands over (section 3.2.2: buffers up to 16 KiB). */
#define E1000_RX_MAX 16384u

struct e1000 {
	struct pci_device p;
	struct netdev *nd;
	uint8_t mac[6];
	struct e1000_model model;
	uint32_t reg[E1000_REGS / 4];
	uint32_t ioaddr;
	uint16_t phy[32];
	bool phy_was_down;
	struct e1000_eeprom eeprom;

	bool asserted;
	struct device_timer throttle;			/* ITR */
	struct device_timer rx_delay, rx_limit;		/* RDTR, RADV */
	struct device_timer tx_delay, tx_limit;		/* TIDV, TADV */
	struct device_timer tx_more;

	struct e1000_context context[2];		/* of packets, of segmentation */
	/* The packet whose descriptors have begun. */
	uint32_t tx_len;
	uint32_t tx_cost;		/* of this portion of the ring */
	uint8_t tx_popts;
	bool tx_tse, tx_open, tx_too_long;
	uint8_t tx[NET_MAX_FRAME];
	uint8_t segment[NET_MAX_FRAME];
	uint8_t rx[E1000_RX_MAX + 64];
	uint8_t told_mac[2][NR_RA][6];			/* for the monitor */
};

static inline struct e1000 *to_e1000(struct device *dev)
{
	return (struct e1000 *)dev;
}

static inline uint32_t *e1000_reg(struct e1000 *e, unsigned int off)
{
	return &e->reg[off / 4];
}
#define R(off) (*e1000_reg(e, off))

/* e1000.c */
void e1000_cause(struct e1000 *e, uint32_t bits);
void e1000_count(struct e1000 *e, unsigned int off, uint32_t n);
void e1000_count64(struct e1000 *e, unsigned int low, uint64_t n);
/* A packet is in memory, a descriptor written back: interrupt, now or after the delays. */
void e1000_rx_done(struct e1000 *e);
void e1000_tx_done(struct e1000 *e, bool delay);
void e1000_link(struct e1000 *e);
void e1000_reset_mac(struct e1000 *e);

/* e1000_phy.c */
void e1000_eeprom_fill(struct e1000 *e);
void e1000_eeprom_wires(struct e1000 *e, uint32_t val);
uint32_t e1000_eeprom_read(struct e1000 *e, uint32_t val);
void e1000_phy_reset(struct e1000 *e);
void e1000_phy_link(struct e1000 *e, bool up);
bool e1000_phy_loopback(const struct e1000 *e);
uint32_t e1000_phy_access(struct e1000 *e, uint32_t mdic);

/* e1000_filter.c */
void e1000_rx_filter(void *arg, struct net_rx_filter *f);
/* @off is one of the registers that say which frames are taken: @bits of it have changed. */
void e1000_filter_written(struct e1000 *e, unsigned int off, uint32_t bits);

/* e1000_tx.c */
void e1000_transmit(struct e1000 *e);

/* e1000_rx.c */
bool e1000_receive(void *arg, unsigned int queue, const struct iovec *iov, int nr_iov,
		   const struct net_offload *off);

#endif
