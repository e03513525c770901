// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The IDE function of the PIIX3: Intel 82371SB (April 1997), and for bus mastering "Programming
 * Interface for Bus Master IDE Controller" (SFF-8038i, revision 1.0).
 *
 * Both channels are at the legacy ports and interrupts. The physical region descriptors come from
 * guest memory and are taken one by one as the transfer needs them; a table ends after 64 KiB at the
 * latest, as it may not cross such a boundary.
 */
#include <string.h>

#include "devices/storage/ide.h"
#include "devices/storage/piix3_ide.h"

#define MAX_DESCRIPTORS (65536u / 8)

/* Configuration space. */
enum { IDETIM = PIIX3_IDE_IDETIM, SIDETIM = 0x44 };
#define IDETIM_DECODE 0x80		/* in the upper byte */

/* A channel's bus master registers. */
enum { BMIC = 0, BMIS = 2, BMIDTP = 4 };
enum { BMIC_START = 0x01, BMIC_TO_MEMORY = 0x08 };
enum { BMIS_ACTIVE = 0x01, BMIS_ERROR = 0x02, BMIS_INT = 0x04, BMIS_CAPABLE = 0x60 };

struct bus_master {
	uint8_t command, status;
	uint32_t table;
	/* Where in the table the transfer is. */
	uint32_t at, left;		/* of the region under way */
	unsigned int taken;		/* descriptors */
	bool last;
};

struct piix3_ide {
	struct pci_device p;
	struct ide_channel chan[2];
	struct bus_master bm[2];
};

static struct piix3_ide *to_ide(struct device *dev)
{
	return (struct piix3_ide *)dev;
}

static struct bus_master *bm_of(const struct ide_channel *c)
{
	return &to_ide(c->controller)->bm[c->nr];
}

/* --- descriptors --- */

/* A region with something left in it: false when there is none any more. */
static bool region(struct piix3_ide *s, struct bus_master *bm)
{
	uint32_t d[2];

	if (bm->left)
		return true;
	if (bm->last || bm->taken == MAX_DESCRIPTORS)
		return false;
	if (!pci_dma_read(&s->p, bm->table + 8ull * bm->taken, d, sizeof(d))) {
		bm->status |= BMIS_ERROR;
		return false;
	}
	bm->taken++;
	bm->at = d[0] & ~1u;
	bm->left = d[1] & 0xfffe;
	if (!bm->left)
		bm->left = 0x10000;
	bm->last = d[1] >> 31;
	return true;
}

static void consume(struct bus_master *bm, uint64_t n)
{
	bm->at += (uint32_t)n;
	bm->left -= (uint32_t)n;
}

/* Whole sectors only: what there is beyond is given back, and the walk goes from @before again. */
static void cut(struct ide_drive *d, struct bus_master *bm, const struct bus_master *before)
{
	struct ide_channel *c = d->chan;
	struct ide_pieces *p = &d->pieces;
	uint64_t over = p->len % IDE_SECTOR, n;
	uint8_t status = bm->status;

	if (!over)
		return;
	p->len -= over;
	while (over && p->iov[p->nr - 1].iov_len <= over) {
		over -= p->iov[--p->nr].iov_len;
		dma_unmap(c->controller->bus, &p->map[p->nr], 0);
	}
	if (over)
		p->iov[p->nr - 1].iov_len -= over;
	*bm = *before;
	for (over = p->len; over && region(to_ide(c->controller), bm); over -= n) {
		n = bm->left < over ? bm->left : over;
		consume(bm, n);
	}
	bm->status = status;
}

static uint64_t bm_map(struct ide_drive *d, uint64_t max, bool to_guest)
{
	struct piix3_ide *s = to_ide(d->chan->controller);
	struct bus_master *bm = bm_of(d->chan), before = *bm;
	struct ide_pieces *p = &d->pieces;

	p->nr = 0;
	p->len = 0;
	while (p->len < max && p->nr < (int)IDE_PIECES && region(s, bm)) {
		uint64_t n = bm->left < max - p->len ? bm->left : max - p->len;
		struct dma_map *m = &p->map[p->nr];

		if (!pci_dma_map(&s->p, m, bm->at, n, to_guest)) {
			/* No memory there, or not ours to reach: a master abort. */
			bm->status |= BMIS_ERROR;
			break;
		}
		p->iov[p->nr++] = (struct iovec){ m->host, m->len };
		p->len += m->len;
		consume(bm, m->len);
	}
	cut(d, bm, &before);
	return p->len;
}

static uint64_t bm_move(struct ide_channel *c, uint8_t *buf, uint64_t len, bool to_guest)
{
	struct piix3_ide *s = to_ide(c->controller);
	struct bus_master *bm = bm_of(c);
	uint64_t done = 0, n;
	bool good;

	for (; done < len && region(s, bm); done += n) {
		n = bm->left < len - done ? bm->left : len - done;
		good = to_guest ? pci_dma_write(&s->p, bm->at, buf + done, n) :
				  pci_dma_read(&s->p, bm->at, buf + done, n);
		if (!good) {
			bm->status |= BMIS_ERROR;
			break;
		}
		consume(bm, n);
	}
	return done;
}

static uint64_t bm_copy(struct ide_channel *c, const void *buf, uint64_t len)
{
	return bm_move(c, (uint8_t *)(uintptr_t)buf, len, true);
}

static uint64_t bm_fetch(struct ide_channel *c, void *buf, uint64_t len)
{
	return bm_move(c, buf, len, false);
}

/* --- start and end --- */

static void go(struct ide_channel *c)
{
	struct ide_drive *d = ide_selected(c);

	if (d && d->dma_ready)
		d->dma_ready(d);
}

static void bm_request(struct ide_channel *c)
{
	if (bm_of(c)->status & BMIS_ACTIVE)
		go(c);
}

/* Active stays up when the guest's regions are larger than what there was to move. */
static void bm_end(struct ide_channel *c, bool whole)
{
	struct bus_master *bm = bm_of(c);

	if (!whole || (bm->last && !bm->left))
		bm->status &= (uint8_t)~BMIS_ACTIVE;
}

static void bm_interrupt(struct ide_channel *c, bool level)
{
	if (level && !c->controller->irq[c->nr].level)
		bm_of(c)->status |= BMIS_INT;
	device_set_irq(c->controller, c->nr, level);
}

static const struct ide_controller_ops bm_ops = {
	.dma_request = bm_request, .dma_map = bm_map, .dma_copy = bm_copy, .dma_fetch = bm_fetch,
	.dma_end = bm_end, .interrupt = bm_interrupt,
};

static void write_command(struct piix3_ide *s, unsigned int n, uint8_t val)
{
	struct bus_master *bm = &s->bm[n];
	struct ide_channel *c = &s->chan[n];
	uint8_t before = bm->command;
	unsigned int i;

	bm->command = val & (BMIC_START | BMIC_TO_MEMORY);
	if (val & BMIC_START & ~before) {
		bm->left = bm->taken = 0;
		bm->last = false;
		bm->status |= BMIS_ACTIVE;
		go(c);
	} else if (before & BMIC_START & ~val) {
		/* A transfer that is stopped is lost; one that has ended is not touched. */
		for (i = 0; i < 2 && bm->status & BMIS_ACTIVE; i++)
			if (c->drive[i] && c->drive[i]->busy && c->drive[i]->mapped) {
				ide_cancel(c->drive[i]);
				c->drive[i]->status = ST_DRDY | ST_DSC;
			}
		bm->status &= (uint8_t)~BMIS_ACTIVE;
	}
}

static uint64_t bmdma_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct piix3_ide *s = to_ide(dev);
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < size; i++, off++) {
		const struct bus_master *bm = &s->bm[off >> 3 & 1];
		uint8_t byte = 0;

		if ((off & 7) == BMIC)
			byte = bm->command;
		else if ((off & 7) == BMIS)
			byte = bm->status;
		else if ((off & 7) >= BMIDTP)
			byte = (uint8_t)(bm->table >> (8 * (off & 3)));
		val |= (uint64_t)byte << (8 * i);
	}
	return val;
}

static void bmdma_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct piix3_ide *s = to_ide(dev);
	unsigned int i;

	for (i = 0; i < size; i++, off++, val >>= 8) {
		struct bus_master *bm = &s->bm[off >> 3 & 1];
		uint8_t byte = (uint8_t)val;
		unsigned int shift = 8 * (off & 3);

		if ((off & 7) == BMIC)
			write_command(s, off >> 3 & 1, byte);
		else if ((off & 7) == BMIS)
			bm->status = (uint8_t)((bm->status & (BMIS_ACTIVE | BMIS_ERROR | BMIS_INT) &
						~(byte & (BMIS_ERROR | BMIS_INT))) |
					       (byte & BMIS_CAPABLE));
		else if ((off & 7) >= BMIDTP)
			bm->table = (bm->table & ~(0xffu << shift) & ~3u) |
				    (((uint32_t)byte << shift) & ~3u);
	}
}

/* --- the legacy ports --- */

static bool decodes(struct piix3_ide *s, unsigned int n)
{
	return s->p.config[PCI_COMMAND] & PCI_COMMAND_IO &&
	       s->p.config[IDETIM + 2 * n + 1] & IDETIM_DECODE;
}

static uint64_t cmd_read(struct piix3_ide *s, unsigned int n, uint32_t off, unsigned int size)
{
	return decodes(s, n) ? ide_read(&s->chan[n], off, size) : ~0ull;
}

static void cmd_write(struct piix3_ide *s, unsigned int n, uint32_t off, unsigned int size,
		      uint64_t val)
{
	if (decodes(s, n))
		ide_write(&s->chan[n], off, size, (uint32_t)val);
}

static uint64_t cmd0_read(struct device *dev, uint32_t off, unsigned int size)
{
	return cmd_read(to_ide(dev), 0, off, size);
}

static uint64_t cmd1_read(struct device *dev, uint32_t off, unsigned int size)
{
	return cmd_read(to_ide(dev), 1, off, size);
}

static void cmd0_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	cmd_write(to_ide(dev), 0, off, size, val);
}

static void cmd1_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	cmd_write(to_ide(dev), 1, off, size, val);
}

static uint64_t ctl_read(struct piix3_ide *s, unsigned int n)
{
	return decodes(s, n) ? ide_alt_status(&s->chan[n]) : ~0ull;
}

static void ctl_write(struct piix3_ide *s, unsigned int n, uint64_t val)
{
	if (decodes(s, n))
		ide_control(&s->chan[n], (uint8_t)val);
}

static uint64_t ctl0_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return ctl_read(to_ide(dev), 0);
}

static uint64_t ctl1_read(struct device *dev, uint32_t off, unsigned int size)
{
	(void)off;
	(void)size;
	return ctl_read(to_ide(dev), 1);
}

static void ctl0_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)off;
	(void)size;
	ctl_write(to_ide(dev), 0, val);
}

static void ctl1_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	(void)off;
	(void)size;
	ctl_write(to_ide(dev), 1, val);
}

/* --- the function --- */

static void piix3_ide_reset(struct device *dev)
{
	struct piix3_ide *s = to_ide(dev);
	unsigned int n;

	memset(s->p.config + IDETIM, 0, 8);
	for (n = 0; n < 2; n++) {
		/* The sheet says off; OVMF never turns it on, and waits for a channel of all ones. */
		s->p.config[IDETIM + 2 * n + 1] = IDETIM_DECODE;
		ide_channel_reset(&s->chan[n]);
		s->bm[n] = (struct bus_master){ 0 };
	}
}

static const char *piix3_ide_realize(struct device *dev)
{
	struct piix3_ide *s = to_ide(dev);
	unsigned int n;

	memset(s->p.writable + IDETIM, 0xff, 5);
	for (n = 0; n < 2; n++) {
		s->chan[n].ops = &bm_ops;
		s->chan[n].controller = dev;
		s->chan[n].nr = n;
	}
	return NULL;
}

/* The drives outlive their controller, when the whole machine goes. */
static void piix3_ide_unrealize(struct device *dev)
{
	struct piix3_ide *s = to_ide(dev);
	unsigned int n;

	for (n = 0; n < 4; n++) {
		struct ide_drive *d = s->chan[n / 2].drive[n % 2];

		if (d) {
			ide_cancel(d);
			d->chan = NULL;
		}
	}
}

enum { REGION_CMD0, REGION_CTL0, REGION_CMD1, REGION_CTL1, REGION_BMDMA };

static const struct device_region piix3_ide_regions[] = {
	[REGION_CMD0] = { "cmd0", BUS_PORT, 8, 4, cmd0_read, cmd0_write },
	[REGION_CTL0] = { "ctl0", BUS_PORT, 1, 1, ctl0_read, ctl0_write },
	[REGION_CMD1] = { "cmd1", BUS_PORT, 8, 4, cmd1_read, cmd1_write },
	[REGION_CTL1] = { "ctl1", BUS_PORT, 1, 1, ctl1_read, ctl1_write },
	[REGION_BMDMA] = { "bmdma", BUS_PORT, 16, 4, bmdma_read, bmdma_write },
};

static const struct pci_info piix3_ide_pci = {
	.vendor = 0x8086,
	.device = 0x7010,
	.class = 0x010180,	/* IDE, bus master, both channels legacy */
	.bar[4] = { PCI_BAR_IO, REGION_BMDMA },
};

static const struct device_prop piix3_ide_props[] = {
	PCI_PROPS,
};

static const struct device_class piix3_ide_class = {
	.name = "piix3-ide",
	.what = "IDE controller of the PIIX3, two channels",
	.sheet = "Intel 82371SB PIIX3; Bus Master IDE Controller, SFF-8038i",
	.missing = "timing has no effect; bus master reads and writes go the way the drive's command says, whatever the direction bit",
	.size = sizeof(struct piix3_ide),
	.pci = &piix3_ide_pci,
	.regions = piix3_ide_regions,
	.nr_regions = ARRAY_SIZE(piix3_ide_regions),
	.nr_irqs = 2,
	.props = piix3_ide_props,
	.nr_props = ARRAY_SIZE(piix3_ide_props),
	.realize = piix3_ide_realize,
	.reset = piix3_ide_reset,
	.unrealize = piix3_ide_unrealize,
};
DEVICE_REGISTER(piix3_ide_class);

struct ide_channel *piix3_ide_channel(struct device *dev, unsigned int n)
{
	return dev->cls == &piix3_ide_class && n < 2 ? &to_ide(dev)->chan[n] : NULL;
}
