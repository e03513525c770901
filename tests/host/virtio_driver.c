// SPDX-License-Identifier: LGPL-2.1-or-later
/* See virtio_driver.h. */
#include "devices/virtio/core.h"
#include "tests/host/virtio_driver.h"

#define BAR_IO 0xc000
#define BAR_MSIX 0xe0000000u
#define BAR_MODERN 0xe0100000u
#define MMIO 0xd0000000u

static uint64_t alloc_at;

uint64_t guest_alloc(unsigned int len)
{
	uint64_t at = alloc_at;

	alloc_at += (len + 4095) & ~4095u;
	if (alloc_at > WORLD_RAM) {
		printf("Bail out! the test's guest has used up its memory\n");
		exit(1);
	}
	return at;
}

/* --- registers --- */

/* Offsets of one register in the four interfaces, and its size in PCI's; 0xfff: has it not. */
static const struct reg {
	uint16_t modern, modern_size, legacy, legacy_size, mmio;
} regs[] = {
#define NONE 0xfff
	[0] = { 0x00, 4, NONE, 0, 0x14 },	/* device feature select */
	[1] = { 0x04, 4, 0, 4, 0x10 },		/* device features */
	[2] = { 0x08, 4, NONE, 0, 0x24 },	/* driver feature select */
	[3] = { 0x0c, 4, 4, 4, 0x20 },		/* driver features */
	[4] = { 0x14, 1, 18, 1, 0x70 },		/* status */
	[5] = { 0x16, 2, 14, 2, 0x30 },		/* queue select */
	[6] = { 0x18, 2, 12, 2, 0x34 },		/* queue size, as offered */
	[7] = { 0x18, 2, NONE, 0, 0x38 },	/* queue size, as chosen */
};
enum { DEVICE_SEL, DEVICE_F, DRIVER_SEL, DRIVER_F, STATUS, QUEUE_SEL, QUEUE_MAX, QUEUE_NUM };

static uint64_t get(struct driver *d, unsigned int reg)
{
	const struct reg *r = &regs[reg];

	if (d->way == PCI_MODERN)
		return mmio_read(BAR_MODERN + r->modern, r->modern_size);
	if (d->way == PCI_LEGACY)
		return r->legacy == NONE ? 0 : in((uint16_t)(BAR_IO + r->legacy), r->legacy_size);
	return mmio_read(MMIO + r->mmio, 4);
}

static void set(struct driver *d, unsigned int reg, uint64_t val)
{
	const struct reg *r = &regs[reg];

	if (d->way == PCI_MODERN)
		mmio_write(BAR_MODERN + r->modern, val, r->modern_size);
	else if (d->way == PCI_LEGACY && r->legacy != NONE)
		out((uint16_t)(BAR_IO + r->legacy), (uint32_t)val, r->legacy_size);
	else if (d->way != PCI_LEGACY)
		mmio_write(MMIO + r->mmio, val, 4);
}

/* --- life --- */

static void msix_on(struct driver *d)
{
	unsigned int cap = to_pci(d->dev)->msix_cap, i;

	d->vectors = (config_read(DRIVER_DEVFN, cap + 2, 2) & 0x7ff) + 1;
	pci_enable(DRIVER_DEVFN, 1, BAR_MSIX);
	for (i = 0; i < d->vectors; i++) {
		mmio_write(BAR_MSIX + 16 * i, 0xfee00000, 4);
		mmio_write(BAR_MSIX + 16 * i + 4, 0, 4);
		mmio_write(BAR_MSIX + 16 * i + 8, 0x40 + i, 4);
		mmio_write(BAR_MSIX + 16 * i + 12, 0, 4);
	}
	config_write(DRIVER_DEVFN, cap + 2, 0x8000, 2);
}

void driver_find(struct driver *d, enum way way, struct device *dev, bool msix)
{
	memset(d, 0, sizeof(*d));
	alloc_at = 0x100000;
	d->way = way;
	d->dev = dev;
	if (way == MMIO_V1)
		device_set_bool(dev, "force-legacy", true);
	device_realize(dev);
	if (way == MMIO_V1 || way == MMIO_V2) {
		device_map(dev, 0, MMIO);
		device_connect_irq(dev, 0, DRIVER_IRQ);
		return;
	}
	if (dev->region_len[0])
		pci_enable(DRIVER_DEVFN, 0, BAR_IO);
	if (dev->region_len[2])
		pci_enable(DRIVER_DEVFN, 4, BAR_MODERN);
	if (msix)
		msix_on(d);
}

uint64_t driver_offered(struct driver *d)
{
	uint64_t f;

	set(d, DEVICE_SEL, 0);
	f = get(d, DEVICE_F);
	if (d->way == PCI_LEGACY || d->way == MMIO_V1)
		return f;
	set(d, DEVICE_SEL, 1);
	return f | get(d, DEVICE_F) << 32;
}

uint8_t driver_status(struct driver *d)
{
	return (uint8_t)get(d, STATUS);
}

void driver_set_status(struct driver *d, uint8_t status)
{
	set(d, STATUS, status);
}

bool driver_negotiate(struct driver *d, uint64_t features)
{
	bool old = d->way == PCI_LEGACY || d->way == MMIO_V1;

	memset(d->ring, 0, sizeof(d->ring));
	driver_set_status(d, 0);
	driver_set_status(d, STATUS_ACKNOWLEDGE);
	driver_set_status(d, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	set(d, DRIVER_SEL, 0);
	set(d, DRIVER_F, (uint32_t)features);
	d->features = features;
	d->packed = !old && features >> VIRTIO_F_RING_PACKED & 1;
	if (old) {
		if (d->way == MMIO_V1) {
			mmio_write(MMIO + 0x28, 4096, 4);
			mmio_write(MMIO + 0x3c, 4096, 4);
		}
		return true;
	}
	set(d, DRIVER_SEL, 1);
	set(d, DRIVER_F, features >> 32);
	driver_set_status(d, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	if (d->vectors)
		mmio_write(BAR_MODERN + 0x10, 0, 2);
	return driver_status(d) & STATUS_FEATURES_OK;
}

unsigned int driver_queue_max(struct driver *d, unsigned int n)
{
	set(d, QUEUE_SEL, n);
	return (unsigned int)get(d, QUEUE_MAX);
}

unsigned int driver_nr_queues(struct driver *d)
{
	unsigned int n = 0;

	while (n < DRIVER_QUEUES && driver_queue_max(d, n))
		n++;
	return n;
}

static void put64(uint64_t at, uint64_t val)
{
	mmio_write(at, (uint32_t)val, 4);
	mmio_write(at + 4, val >> 32, 4);
}

void driver_queue(struct driver *d, unsigned int n, unsigned int size)
{
	struct ring *r = &d->ring[n];
	uint64_t used;

	*r = (struct ring){ .size = size, .avail_wrap = true, .used_wrap = true };
	r->desc = guest_alloc(64 * size + 8192);
	memset(ram + r->desc, 0, 64 * size + 8192);
	r->driver = r->desc + 16 * size;
	used = (r->driver + 6 + 2 * size + 4095) & ~4095ull;
	r->device = used;
	set(d, QUEUE_SEL, n);
	if (d->way != PCI_LEGACY)
		set(d, QUEUE_NUM, size);
	switch (d->way) {
	case PCI_MODERN:
		if (d->vectors)
			mmio_write(BAR_MODERN + 0x1a, n + 1 < d->vectors ? n + 1 : d->vectors - 1, 2);
		put64(BAR_MODERN + 0x20, r->desc);
		put64(BAR_MODERN + 0x28, r->driver);
		put64(BAR_MODERN + 0x30, r->device);
		mmio_write(BAR_MODERN + 0x1c, 1, 2);
		break;
	case PCI_LEGACY:
		if (d->vectors)
			out(BAR_IO + 22, n + 1, 2);
		out(BAR_IO + 8, (uint32_t)(r->desc / 4096), 4);
		break;
	case MMIO_V2:
		put64(MMIO + 0x80, r->desc);
		put64(MMIO + 0x90, r->driver);
		put64(MMIO + 0xa0, r->device);
		mmio_write(MMIO + 0x44, 1, 4);
		break;
	case MMIO_V1:
		mmio_write(MMIO + 0x40, r->desc / 4096, 4);
		break;
	case WAYS:
		break;
	}
}

void driver_go(struct driver *d)
{
	driver_set_status(d, driver_status(d) | STATUS_DRIVER_OK);
}

void driver_start(struct driver *d, uint64_t features)
{
	unsigned int n, nr;

	if (d->way == PCI_MODERN || d->way == MMIO_V2)
		features |= 1ull << VIRTIO_F_VERSION_1;
	ok(driver_negotiate(d, features & driver_offered(d)), "features agreed");
	nr = driver_nr_queues(d);
	for (n = 0; n < nr; n++)
		driver_queue(d, n, driver_queue_max(d, n));
	driver_go(d);
}

uint64_t driver_config(struct driver *d, uint32_t off, unsigned int size)
{
	if (d->way == PCI_MODERN)
		return mmio_read(BAR_MODERN + 0x2000 + off, size);
	if (d->way == PCI_LEGACY)
		return in((uint16_t)(BAR_IO + (d->vectors ? 24 : 20) + off), size);
	return mmio_read(MMIO + 0x100 + off, size);
}

void driver_set_config(struct driver *d, uint32_t off, unsigned int size, uint64_t val)
{
	if (d->way == PCI_MODERN)
		mmio_write(BAR_MODERN + 0x2000 + off, val, size);
	else if (d->way == PCI_LEGACY)
		out((uint16_t)(BAR_IO + (d->vectors ? 24 : 20) + off), (uint32_t)val, size);
	else
		mmio_write(MMIO + 0x100 + off, val, size);
}

/* --- rings --- */

static void put_desc(uint64_t at, uint64_t addr, uint32_t len, uint16_t a, uint16_t b)
{
	memcpy(ram + at, &addr, 8);
	memcpy(ram + at + 8, &len, 4);
	memcpy(ram + at + 12, &a, 2);
	memcpy(ram + at + 14, &b, 2);
}

static uint16_t word(uint64_t at)
{
	uint16_t v;

	memcpy(&v, ram + at, 2);
	return v;
}

static uint16_t dflags(const struct buffer *b, bool more)
{
	return (uint16_t)((b->write ? DESC_F_WRITE : 0) | (more ? DESC_F_NEXT : 0));
}

static uint64_t make_table(const struct buffer *buf, unsigned int nr, bool packed)
{
	uint64_t table = guest_alloc(16 * nr);
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (packed)
			put_desc(table + 16 * i, buf[i].gpa, buf[i].len, 0, dflags(&buf[i], false));
		else
			put_desc(table + 16 * i, buf[i].gpa, buf[i].len,
				 dflags(&buf[i], i + 1 < nr), (uint16_t)(i + 1));
	return table;
}

static uint16_t add_split(struct ring *r, const struct buffer *buf, unsigned int nr, bool indirect)
{
	uint16_t head = r->next;
	unsigned int i;

	if (indirect) {
		put_desc(r->desc + 16 * head, make_table(buf, nr, false), 16 * nr, DESC_F_INDIRECT, 0);
		nr = 1;
	} else {
		for (i = 0; i < nr; i++)
			put_desc(r->desc + 16 * ((head + i) % r->size), buf[i].gpa, buf[i].len,
				 dflags(&buf[i], i + 1 < nr), (uint16_t)((head + i + 1) % r->size));
	}
	r->next = (uint16_t)((head + nr) % r->size);
	memcpy(ram + r->driver + 4 + 2 * (r->avail % r->size), &head, 2);
	r->avail++;
	memcpy(ram + r->driver + 2, &r->avail, 2);
	return head;
}

static void packed_desc(struct ring *r, uint64_t gpa, uint32_t len, uint16_t id, uint16_t fl)
{
	fl |= r->avail_wrap ? 0x0080 : 0x8000;
	put_desc(r->desc + 16 * r->avail, gpa, len, id, fl);
	if (++r->avail == r->size) {
		r->avail = 0;
		r->avail_wrap = !r->avail_wrap;
	}
}

static uint16_t add_packed(struct ring *r, const struct buffer *buf, unsigned int nr, bool indirect)
{
	uint16_t id = r->next++;
	unsigned int i;

	if (indirect)
		packed_desc(r, make_table(buf, nr, true), 16 * nr, id, DESC_F_INDIRECT);
	for (i = 0; !indirect && i < nr; i++)
		packed_desc(r, buf[i].gpa, buf[i].len, id, dflags(&buf[i], i + 1 < nr));
	/* How far the used ring moves is known by the id, as real drivers do. */
	r->next %= 256;
	return id;
}

static unsigned int lengths[DRIVER_QUEUES][256];

uint16_t driver_add(struct driver *d, unsigned int n, const struct buffer *buf, unsigned int nr,
		    bool indirect)
{
	uint16_t id;

	if (!d->packed)
		return add_split(&d->ring[n], buf, nr, indirect);
	id = add_packed(&d->ring[n], buf, nr, indirect);
	lengths[n][id] = indirect ? 1 : nr;
	return id;
}

void driver_kick(struct driver *d, unsigned int n)
{
	if (d->way == PCI_MODERN)
		mmio_write(BAR_MODERN + 0x3000 + 4 * n, n, 2);
	else if (d->way == PCI_LEGACY)
		out(BAR_IO + 16, n, 2);
	else
		mmio_write(MMIO + 0x50, n, 4);
}

bool driver_used(struct driver *d, unsigned int n, uint16_t *id, uint32_t *len)
{
	struct ring *r = &d->ring[n];
	uint64_t at;

	if (d->packed) {
		at = r->desc + 16 * r->last_used;
		if (!(word(at + 14) & 0x8000) == r->used_wrap ||
		    !(word(at + 14) & 0x0080) == r->used_wrap)
			return false;
		*id = word(at + 12);
		memcpy(len, ram + at + 8, 4);
		r->last_used += (uint16_t)lengths[n][*id & 255];
		if (r->last_used >= r->size) {
			r->last_used -= (uint16_t)r->size;
			r->used_wrap = !r->used_wrap;
		}
		return true;
	}
	if (word(r->device + 2) == r->last_used)
		return false;
	at = r->device + 4 + 8 * (r->last_used % r->size);
	*id = word(at);
	memcpy(len, ram + at + 4, 4);
	r->last_used++;
	return true;
}

int64_t driver_do(struct driver *d, unsigned int n, const struct buffer *buf, unsigned int nr)
{
	uint16_t id = driver_add(d, n, buf, nr, false), got;
	uint32_t len;

	driver_kick(d, n);
	settle();
	if (!driver_used(d, n, &got, &len))
		return -1;
	return got == id ? (int64_t)len : -2;
}

bool driver_interrupt(struct driver *d, int n)
{
	uint32_t isr;
	unsigned int i;
	bool was = false;

	if (d->way == MMIO_V1 || d->way == MMIO_V2) {
		isr = (uint32_t)mmio_read(MMIO + 0x60, 4);
		mmio_write(MMIO + 0x64, isr, 4);
		return isr & (n < 0 ? 2 : 1) && !gsi_level[DRIVER_IRQ];
	}
	if (d->vectors) {
		for (i = 0; i < nr_msi && i < ARRAY_SIZE(msi); i++)
			was |= msi[i].data == 0x40u + (unsigned int)(n + 1);
		nr_msi = 0;
		return was;
	}
	was = intx_level[DRIVER_DEVFN >> 3][0];
	isr = d->way == PCI_LEGACY ? in(BAR_IO + 19, 1) : (uint32_t)mmio_read(BAR_MODERN + 0x1000, 1);
	return was && isr & (n < 0 ? 2 : 1) && !intx_level[DRIVER_DEVFN >> 3][0];
}
