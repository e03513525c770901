/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI (PCI Local Bus Specification 3.0): configuration space, base address registers, interrupt
 * pins, MSI and MSI-X, option ROMs. A device says what it is in a `struct pci_info`; the core does
 * all the rest, and calls the device only for registers beyond the standard ones.
 */
#ifndef ANYKVM_HOST_BUS_PCI_H
#define ANYKVM_HOST_BUS_PCI_H

#include "host/bus/dma.h"

#define PCI_BARS 6
#define PCI_CONFIG_LEN 256

/* Standard registers that devices and boards name (section 6.1). */
enum {
	PCI_VENDOR = 0x00, PCI_DEVICE = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06,
	PCI_REVISION = 0x08, PCI_CLASS = 0x09, PCI_HEADER_TYPE = 0x0e, PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c, PCI_SUBSYSTEM = 0x2e, PCI_ROM = 0x30,
	PCI_CAPABILITIES = 0x34, PCI_INTERRUPT_LINE = 0x3c, PCI_INTERRUPT_PIN = 0x3d,
};

enum {
	PCI_COMMAND_IO = 1 << 0, PCI_COMMAND_MEMORY = 1 << 1, PCI_COMMAND_MASTER = 1 << 2,
	PCI_COMMAND_INTX_OFF = 1 << 10,
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEM32, PCI_BAR_MEM32_PREFETCH,
		    PCI_BAR_MEM64, PCI_BAR_MEM64_PREFETCH };

struct pci_bar {
	enum pci_bar_kind kind;
	unsigned int region;		/* of the class; its length is rounded up to a power of two */
};

struct pci_info {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class;			/* 24 bits: base class, subclass, interface */
	uint8_t revision;
	uint8_t interrupt_pin;		/* 0: none; 1: INTA# ... */
	bool multifunction;
	struct pci_bar bar[PCI_BARS];
	const char *rom;		/* file name of the option ROM of the firmware packages, or NULL */
	/* After a write to configuration space has changed what its mask lets through. */
	void (*config_written)(struct device *dev, unsigned int off, unsigned int size);
	/* Before one reads it: to bring registers up to date. */
	void (*config_read)(struct device *dev, unsigned int off, unsigned int size);
};

struct pci_bus;
struct pci_msix;

struct pci_device {
	struct device dev;
	struct pci_bus *pci;
	int devfn;			/* slot << 3 | function; -1 until placed */
	uint8_t config[PCI_CONFIG_LEN];
	uint8_t writable[PCI_CONFIG_LEN];	/* bits that the guest may change */
	uint8_t clears[PCI_CONFIG_LEN];		/* bits that writing 1 clears */
	const char *romfile;		/* property: "" for none */
	bool multifunction;		/* property: of function 0, when it has others beside it */
	uint64_t rom_bar;
	unsigned int cap_end;		/* next free byte for capabilities */
	bool intx;
	uint8_t msi_cap;		/* offset, 0: none */
	uint8_t msix_cap;
	struct pci_msix *msix;
	/* The core's own of the option ROM: its bytes, and the window. */
	uint8_t *rom;
	uint32_t rom_len;
	struct bus_window *rom_window;
};

static inline struct pci_device *to_pci(struct device *dev)
{
	return (struct pci_device *)dev;
}

/* Every class on PCI takes these: list them first in its props. */
#define PCI_PROPS							\
	{ "romfile", PROP_STRING, offsetof(struct pci_device, romfile),	\
	  "option ROM file; empty for none" },				\
	{ "multifunction", PROP_BOOL, offsetof(struct pci_device, multifunction), \
	  "tell the guest that the slot has more functions" }

/* --- for devices --- */

/* In realize: room for a capability of @len bytes, linked in; returns its offset, 0 when full. */
unsigned int pci_capability(struct pci_device *p, uint8_t id, unsigned int len);
void pci_set_intx(struct pci_device *p, bool level);
/* In realize: MSI with @vectors (1, 2, 4 ... 32), or MSI-X with its table and PBA in @region, which
 * is the core's alone (a 4 KiB-aligned register region of the class: PCI_MSIX_REGION). NULL or what
 * is wrong. */
const char *pci_add_msi(struct pci_device *p, unsigned int vectors);
const char *pci_add_msix(struct pci_device *p, unsigned int vectors, unsigned int bar,
			 unsigned int region);
bool pci_msi_on(const struct pci_device *p);
bool pci_msix_on(const struct pci_device *p);
/* Send vector @n; a masked one stays pending. Does nothing when @n is none. */
void pci_msi_send(struct pci_device *p, unsigned int n);
void pci_msix_send(struct pci_device *p, unsigned int n);

/* The region of an MSI-X table: put it into the class's regions. */
uint64_t pci_msix_read(struct device *dev, uint32_t off, unsigned int size);
void pci_msix_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val);
#define PCI_MSIX_REGION { "msix", BUS_MMIO, 0, 4, pci_msix_read, pci_msix_write }

/* Numbers in a device's own configuration space. */
static inline uint16_t pci_get16(const uint8_t *config, unsigned int off)
{
	return (uint16_t)(config[off] | config[off + 1] << 8);
}

static inline uint32_t pci_get32(const uint8_t *config, unsigned int off)
{
	return pci_get16(config, off) | (uint32_t)pci_get16(config, off + 2) << 16;
}

static inline void pci_put16(uint8_t *config, unsigned int off, uint16_t val)
{
	config[off] = (uint8_t)val;
	config[off + 1] = (uint8_t)(val >> 8);
}

static inline void pci_put32(uint8_t *config, unsigned int off, uint32_t val)
{
	pci_put16(config, off, (uint16_t)val);
	pci_put16(config, off + 2, (uint16_t)(val >> 16));
}

/* Guest memory as bus master: fails while the guest has bus mastering off. */
static inline bool pci_may_master(const struct pci_device *p)
{
	return p->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static inline bool pci_dma_read(struct pci_device *p, uint64_t gpa, void *buf, uint64_t len)
{
	return pci_may_master(p) && dma_read(p->dev.bus, gpa, buf, len);
}

static inline bool pci_dma_write(struct pci_device *p, uint64_t gpa, const void *buf, uint64_t len)
{
	return pci_may_master(p) && dma_write(p->dev.bus, gpa, buf, len);
}

static inline bool pci_dma_map(struct pci_device *p, struct dma_map *m, uint64_t gpa, uint64_t len,
			       bool write)
{
	return pci_may_master(p) && dma_map(p->dev.bus, m, gpa, len, write);
}

/* --- for boards --- */

struct pci_bus_ops {
	/* Line 0..3 (INTA#..INTD#) of slot @slot goes up or down. */
	void (*set_intx)(void *arg, unsigned int slot, unsigned int pin, bool level);
};

struct pci_bus *pci_bus_create(struct bus *bus, const struct pci_bus_ops *ops, void *arg);
void pci_bus_destroy(struct pci_bus *pci);
/* Before the device is realized. @devfn -1: the first free slot. NULL or what is wrong, in words. */
const char *pci_place(struct pci_bus *pci, struct device *dev, int devfn);
struct pci_device *pci_at(struct pci_bus *pci, unsigned int devfn);	/* NULL: none */
uint32_t pci_config_read(struct pci_bus *pci, unsigned int bus, unsigned int devfn,
			 unsigned int off, unsigned int size);
void pci_config_write(struct pci_bus *pci, unsigned int bus, unsigned int devfn,
		      unsigned int off, unsigned int size, uint32_t val);

#endif
