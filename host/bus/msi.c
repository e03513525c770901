// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * MSI and MSI-X (PCI Local Bus Specification 3.0, section 6.8): an interrupt is a write of 32 bits
 * to an address that the guest has chosen. MSI has 64-bit addresses and masking per vector here.
 *
 * MSI-X keeps its table at the start of a region of its own and the pending bits in the second half.
 */
#include <stdlib.h>
#include <string.h>

#include "host/bus/msi.h"

#define CAP_MSI		0x05
#define CAP_MSIX	0x11

/* MSI capability: control, address, data, mask, pending (figure 6-9, 64-bit with masking). */
enum { MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_ADDRESS_HIGH = 8, MSI_DATA = 12, MSI_MASK = 16,
       MSI_PENDING = 20, MSI_LEN = 24 };
#define MSI_ENABLE	0x0001
#define MSI_ENABLED_LOG(c) (((c) >> 4) & 7)
#define MSI_64		0x0080
#define MSI_MASKING	0x0100

enum { MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_PBA = 8, MSIX_LEN = 12 };
#define MSIX_ENABLE	0x8000
#define MSIX_MASK_ALL	0x4000
#define MSIX_ENTRY	16
#define MSIX_MAX	2048u

struct pci_msix {
	unsigned int vectors;
	uint32_t pba_at;
	uint32_t *table;	/* four words a vector: address, address high, data, control */
	uint64_t *pending;
};

static void send(struct pci_device *p, uint64_t addr, uint32_t data)
{
	struct bus *bus = p->dev.bus;

	/* A message is a memory write by the device: a guest can take that from it. */
	if (pci_may_master(p))
		device_send_msi(bus, addr, data);
}

/* --- MSI --- */

const char *pci_add_msi(struct pci_device *p, unsigned int vectors)
{
	unsigned int cap = pci_capability(p, CAP_MSI, MSI_LEN), log = 0;

	if (!cap)
		return "no room for the MSI capability";
	while (1u << log < vectors)
		log++;
	p->msi_cap = (uint8_t)cap;
	pci_put16(p->config, cap + MSI_CONTROL, (uint16_t)(log << 1 | MSI_64 | MSI_MASKING));
	pci_put16(p->writable, cap + MSI_CONTROL, MSI_ENABLE | 0x70);
	pci_put32(p->writable, cap + MSI_ADDRESS, ~3u);
	pci_put32(p->writable, cap + MSI_ADDRESS_HIGH, ~0u);
	pci_put16(p->writable, cap + MSI_DATA, 0xffff);
	pci_put32(p->writable, cap + MSI_MASK, vectors == 32 ? ~0u : (1u << vectors) - 1);
	return NULL;
}

bool pci_msi_on(const struct pci_device *p)
{
	return p->msi_cap && pci_get16(p->config, p->msi_cap + MSI_CONTROL) & MSI_ENABLE;
}

void pci_msi_send(struct pci_device *p, unsigned int n)
{
	const uint8_t *c = p->config + p->msi_cap;
	unsigned int control, log;
	uint32_t data;

	if (!pci_msi_on(p) || n >= 32)
		return;
	control = pci_get16(c, MSI_CONTROL);
	/* More than the guest has allowed, or than there are: the lowest bits of the data are kept. */
	log = MSI_ENABLED_LOG(control);
	if (log > (control >> 1 & 7))
		log = control >> 1 & 7;
	n &= (1u << log) - 1;
	if (pci_get32(c, MSI_MASK) >> n & 1) {
		pci_put32(p->config, p->msi_cap + MSI_PENDING, pci_get32(c, MSI_PENDING) | 1u << n);
		return;
	}
	data = (pci_get16(c, MSI_DATA) & ~((1u << log) - 1)) | n;
	send(p, pci_get32(c, MSI_ADDRESS) | (uint64_t)pci_get32(c, MSI_ADDRESS_HIGH) << 32, data);
}

static void msi_send_pending(struct pci_device *p)
{
	uint8_t *c = p->config + p->msi_cap;
	uint32_t ready = pci_get32(c, MSI_PENDING) & ~pci_get32(c, MSI_MASK);
	unsigned int n;

	if (!pci_msi_on(p) || !ready)
		return;
	pci_put32(c, MSI_PENDING, pci_get32(c, MSI_PENDING) & ~ready);
	for (n = 0; n < 32; n++)
		if (ready >> n & 1)
			pci_msi_send(p, n);
}

/* --- MSI-X --- */

const char *pci_add_msix(struct pci_device *p, unsigned int vectors, unsigned int bar,
			 unsigned int region)
{
	unsigned int cap;
	uint64_t len = 4096;

	if (!vectors || vectors > MSIX_MAX)
		return "MSI-X has from 1 to 2048 vectors";
	cap = pci_capability(p, CAP_MSIX, MSIX_LEN);
	p->msix = calloc(1, sizeof(*p->msix));
	if (!cap || !p->msix)
		return "no room for the MSI-X capability";
	while (len / 2 < vectors * MSIX_ENTRY)
		len *= 2;
	p->msix->vectors = vectors;
	p->msix->pba_at = (uint32_t)(len / 2);
	p->msix->table = calloc(vectors, MSIX_ENTRY);
	p->msix->pending = calloc((vectors + 63) / 64, 8);
	if (!p->msix->table || !p->msix->pending)
		return "no memory for the MSI-X table";
	device_region_len(&p->dev, region, len);
	p->msix_cap = (uint8_t)cap;
	pci_put16(p->config, cap + MSIX_CONTROL, (uint16_t)(vectors - 1));
	pci_put16(p->writable, cap + MSIX_CONTROL, MSIX_ENABLE | MSIX_MASK_ALL);
	pci_put32(p->config, cap + MSIX_TABLE, bar);
	pci_put32(p->config, cap + MSIX_PBA, p->msix->pba_at | bar);
	return NULL;
}

static unsigned int msix_control(const struct pci_device *p)
{
	return p->msix_cap ? pci_get16(p->config, p->msix_cap + MSIX_CONTROL) : 0;
}

bool pci_msix_on(const struct pci_device *p)
{
	return msix_control(p) & MSIX_ENABLE;
}

void pci_msix_send(struct pci_device *p, unsigned int n)
{
	const uint32_t *e;

	if (!pci_msix_on(p) || n >= p->msix->vectors)
		return;
	e = &p->msix->table[4 * n];
	if ((msix_control(p) & MSIX_MASK_ALL) || (e[3] & 1))
		p->msix->pending[n / 64] |= 1ull << (n % 64);
	else
		send(p, e[0] | (uint64_t)e[1] << 32, e[2]);
}

static void msix_send_pending(struct pci_device *p, unsigned int first, unsigned int n)
{
	for (; n--; first++) {
		uint64_t bit = 1ull << (first % 64);

		if (!(p->msix->pending[first / 64] & bit))
			continue;
		p->msix->pending[first / 64] &= ~bit;
		pci_msix_send(p, first);
	}
}

uint64_t pci_msix_read(struct device *dev, uint32_t off, unsigned int size)
{
	const struct pci_msix *x = to_pci(dev)->msix;
	const uint8_t *at = (const uint8_t *)x->table;
	uint32_t len = x->vectors * MSIX_ENTRY;
	uint64_t val = 0;

	if (off >= x->pba_at) {
		off -= x->pba_at;
		at = (const uint8_t *)x->pending;
		len = (x->vectors + 63) / 64 * 8;
	}
	if (off + size <= len)
		memcpy(&val, at + off, size);
	return val;
}

void pci_msix_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct pci_device *p = to_pci(dev);
	struct pci_msix *x = p->msix;

	/* The pending bits are read-only; entries are written by words (section 6.8.2). */
	if (size != 4 || off + size > x->vectors * MSIX_ENTRY)
		return;
	x->table[off / 4] = (uint32_t)val & (off % MSIX_ENTRY == 12 ? 1u :
					     off % MSIX_ENTRY ? ~0u : ~3u);
	msix_send_pending(p, off / MSIX_ENTRY, 1);
}

/* --- for the core --- */

void msi_config_written(struct pci_device *p, unsigned int off, unsigned int size)
{
	(void)size;
	if (p->msi_cap && off >= p->msi_cap && off < p->msi_cap + (unsigned int)MSI_LEN)
		msi_send_pending(p);
	if (p->msix_cap && off >= p->msix_cap && off < p->msix_cap + (unsigned int)MSIX_LEN)
		msix_send_pending(p, 0, p->msix->vectors);
}

void msi_reset(struct pci_device *p)
{
	unsigned int n;

	if (p->msi_cap) {
		uint8_t *c = p->config + p->msi_cap;

		pci_put16(c, MSI_CONTROL, pci_get16(c, MSI_CONTROL) & ~(MSI_ENABLE | 0x70));
		memset(c + MSI_ADDRESS, 0, MSI_LEN - MSI_ADDRESS);
	}
	if (!p->msix_cap)
		return;
	pci_put16(p->config, p->msix_cap + MSIX_CONTROL, (uint16_t)(p->msix->vectors - 1));
	memset(p->msix->table, 0, p->msix->vectors * MSIX_ENTRY);
	memset(p->msix->pending, 0, (p->msix->vectors + 63) / 64 * 8);
	for (n = 0; n < p->msix->vectors; n++)
		p->msix->table[4 * n + 3] = 1;
}

void msi_free(struct pci_device *p)
{
	if (!p->msix)
		return;
	free(p->msix->table);
	free(p->msix->pending);
	free(p->msix);
	p->msix = NULL;
}
