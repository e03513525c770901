// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Virtio over PCI: Virtual I/O Device (VIRTIO) Version 1.2, section 4.1, with the legacy interface
 * (4.1.4.8) beside it on transitional devices.
 *
 * BAR 0 is the legacy interface's ports, BAR 1 the MSI-X table, BAR 4 everything modern, a page each:
 * common configuration, ISR status, device configuration, notifications (four bytes a queue).
 */
#include "devices/virtio/core.h"

enum { REGION_LEGACY, REGION_MSIX, REGION_MODERN };
enum { BAR_LEGACY = 0, BAR_MSIX = 1, BAR_MODERN = 4 };
enum { COMMON = 0x0000, ISR = 0x1000, DEVICE = 0x2000, NOTIFY = 0x3000, MODERN_LEN = 0x4000 };
#define PAGE 0x1000u
#define NOTIFY_MULTIPLIER 4u

#define VENDOR_ID	0x1af4
#define MODERN_ID	0x1040		/* and the device type */
#define MODERN_SUBSYSTEM 0x1100		/* any above 40h (4.1.2.1) */
#define MAX_VECTORS	2048

/* Capabilities (4.1.4). */
#define CAP_VENDOR	0x09
enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };
enum { CAP_LEN = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_END = 16 };

/* struct virtio_pci_common_cfg (4.1.4.3). */
enum common {
	DEVICE_FEATURE_SELECT = 0x00, DEVICE_FEATURE = 0x04, DRIVER_FEATURE_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c, CONFIG_MSIX_VECTOR = 0x10, NUM_QUEUES = 0x12, DEVICE_STATUS = 0x14,
	CONFIG_GENERATION = 0x15, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18, QUEUE_MSIX_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c, QUEUE_NOTIFY_OFF = 0x1e, QUEUE_DESC = 0x20, QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30, QUEUE_NOTIFY_DATA = 0x38, QUEUE_RESET = 0x3a, COMMON_LEN = 0x3c,
};

/* The legacy header (4.1.4.8); the device's configuration follows, after the vectors if MSI-X is on. */
enum legacy {
	LEGACY_DEVICE_FEATURES = 0, LEGACY_DRIVER_FEATURES = 4, LEGACY_QUEUE_ADDRESS = 8,
	LEGACY_QUEUE_SIZE = 12, LEGACY_QUEUE_SELECT = 14, LEGACY_QUEUE_NOTIFY = 16,
	LEGACY_STATUS = 18, LEGACY_ISR = 19, LEGACY_CONFIG_VECTOR = 20, LEGACY_QUEUE_VECTOR = 22,
	LEGACY_LEN_MSIX = 24,
};

#define ISR_QUEUE	1
#define ISR_CONFIG	2

/* What the three names of a class may be. */
enum { EITHER, TRANSITIONAL, NON_TRANSITIONAL };
enum { AUTO, ON, OFF };

struct virtio_pci {
	struct pci_device p;
	/* Properties. */
	uint64_t vectors;
	unsigned int disable_legacy;
	bool disable_modern, ioeventfd;
	/* Registers. */
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select, config_vector;
	uint8_t isr;
	unsigned int nr_vectors, pci_cap;
	struct virtio_dev *v;
	struct bell {
		struct virtio_dev *v;
		unsigned int n;
	} bell[VIRTIO_QUEUES_MAX];
};

static struct virtio_pci *to_vp(struct device *dev)
{
	return (struct virtio_pci *)(void *)dev;
}

static struct virtio_pci *vp_of(const struct virtio_dev *v)
{
	return to_vp(v->dev);
}

/* --- interrupts --- */

static void update_intx(struct virtio_pci *vp)
{
	pci_set_intx(&vp->p, vp->isr && !pci_msix_on(&vp->p));
}

static void interrupt(struct virtio_pci *vp, uint16_t vector, uint8_t isr)
{
	if (pci_msix_on(&vp->p)) {
		if (vector != NO_VECTOR)
			pci_msix_send(&vp->p, vector);
		return;
	}
	vp->isr |= isr;
	update_intx(vp);
}

static void queue_interrupt(struct virtio_dev *v, unsigned int n)
{
	interrupt(vp_of(v), v->queue[n]->vector, ISR_QUEUE);
}

static void config_interrupt(struct virtio_dev *v)
{
	interrupt(vp_of(v), vp_of(v)->config_vector, ISR_CONFIG | ISR_QUEUE);
}

static bool may_master(const struct virtio_dev *v)
{
	return pci_may_master(&vp_of(v)->p);
}

static const struct virtio_transport transport = { queue_interrupt, config_interrupt, may_master };

static uint8_t read_isr(struct virtio_pci *vp)
{
	uint8_t isr = vp->isr;

	vp->isr = 0;
	update_intx(vp);
	return isr;
}

/* A vector that the table has not reads back as none. */
static uint16_t vector(const struct virtio_pci *vp, uint64_t val)
{
	return val < vp->nr_vectors ? (uint16_t)val : NO_VECTOR;
}

static void set_status(struct virtio_pci *vp, uint8_t status, bool legacy)
{
	virtio_set_status(vp->v, status, legacy);
	if (!status) {
		vp->config_vector = NO_VECTOR;
		vp->device_feature_select = vp->driver_feature_select = 0;
		vp->queue_select = 0;
		read_isr(vp);
	}
}

/* --- the modern interface --- */

static struct virtio_queue *selected(struct virtio_pci *vp)
{
	return vp->queue_select < vp->v->nr_queues ? vp->v->queue[vp->queue_select] : NULL;
}

static uint64_t common_field(struct virtio_pci *vp, enum common reg)
{
	const struct virtio_dev *v = vp->v;
	const struct virtio_queue *q = selected(vp);

	switch (reg) {
	case DEVICE_FEATURE_SELECT:
		return vp->device_feature_select;
	case DEVICE_FEATURE:
		return virtio_offered(v, vp->device_feature_select, false);
	case DRIVER_FEATURE_SELECT:
		return vp->driver_feature_select;
	case DRIVER_FEATURE:
		return virtio_accepted(v, vp->driver_feature_select);
	case CONFIG_MSIX_VECTOR:
		return vp->config_vector;
	case NUM_QUEUES:
		return v->nr_queues;
	case DEVICE_STATUS:
		return v->status;
	case CONFIG_GENERATION:
		return v->generation;
	case QUEUE_SELECT:
		return vp->queue_select;
	case QUEUE_SIZE:
		return q ? q->size : 0;
	case QUEUE_MSIX_VECTOR:
		return q ? q->vector : NO_VECTOR;
	case QUEUE_ENABLE:
		return q && q->enabled;
	case QUEUE_NOTIFY_OFF:
		return q ? vp->queue_select : 0;
	case QUEUE_DESC:
		return q ? q->desc : 0;
	case QUEUE_DRIVER:
		return q ? q->driver : 0;
	case QUEUE_DEVICE:
		return q ? q->device : 0;
	case QUEUE_NOTIFY_DATA:	/* VIRTIO_F_NOTIF_CONFIG_DATA is not offered */
	case QUEUE_RESET:	/* never under way: it is done at once */
	case COMMON_LEN:
		break;
	}
	return 0;
}

/* Where each field begins, by offset, and the end. */
static const uint8_t common_at[] = {
	DEVICE_FEATURE_SELECT, DEVICE_FEATURE, DRIVER_FEATURE_SELECT, DRIVER_FEATURE,
	CONFIG_MSIX_VECTOR, NUM_QUEUES, DEVICE_STATUS, CONFIG_GENERATION, QUEUE_SELECT, QUEUE_SIZE,
	QUEUE_MSIX_VECTOR, QUEUE_ENABLE, QUEUE_NOTIFY_OFF, QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE,
	QUEUE_NOTIFY_DATA, QUEUE_RESET, COMMON_LEN,
};

/* The field that @off is in. */
static unsigned int field_at(uint32_t off)
{
	unsigned int i = 0;

	while (common_at[i + 1] <= off)
		i++;
	return i;
}

static uint64_t common_read(struct virtio_pci *vp, uint32_t off)
{
	unsigned int i;

	if (off >= COMMON_LEN)
		return 0;
	i = field_at(off);
	return common_field(vp, common_at[i]) >> (8 * (off - common_at[i]));
}

/* An address comes in halves; a half that the access has not is kept. */
static void set_half(uint64_t *field, uint32_t off, uint64_t val)
{
	unsigned int shift = off & 4 ? 32 : 0;

	*field = (*field & ~(0xffffffffull << shift)) | (val & 0xffffffff) << shift;
}

static void queue_write(struct virtio_pci *vp, uint32_t off, uint64_t val)
{
	struct virtio_queue *q = selected(vp);

	if (!q)
		return;
	if (off == QUEUE_MSIX_VECTOR)
		q->vector = vector(vp, val);
	else if (off == QUEUE_RESET && val == 1 && virtio_has(vp->v, VIRTIO_F_RING_RESET))
		virtio_queue_reset(vp->v, vp->queue_select);
	else if (q->enabled)
		return;		/* the rest stands while the queue is on */
	else if (off == QUEUE_SIZE && val && val <= q->max)
		q->size = (unsigned int)val;
	else if (off == QUEUE_ENABLE && val == 1)
		virtio_queue_enable(vp->v, vp->queue_select);
	else if ((off & ~4u) == QUEUE_DESC)
		set_half(&q->desc, off, val);
	else if ((off & ~4u) == QUEUE_DRIVER)
		set_half(&q->driver, off, val);
	else if ((off & ~4u) == QUEUE_DEVICE)
		set_half(&q->device, off, val);
}

static void common_write(struct virtio_pci *vp, uint32_t off, uint64_t val)
{
	switch (off) {
	case DEVICE_FEATURE_SELECT:
		vp->device_feature_select = (uint32_t)val;
		break;
	case DRIVER_FEATURE_SELECT:
		vp->driver_feature_select = (uint32_t)val;
		break;
	case DRIVER_FEATURE:
		virtio_accept(vp->v, vp->driver_feature_select, (uint32_t)val, false);
		break;
	case CONFIG_MSIX_VECTOR:
		vp->config_vector = vector(vp, val);
		break;
	case DEVICE_STATUS:
		set_status(vp, (uint8_t)val, false);
		break;
	case QUEUE_SELECT:
		vp->queue_select = (uint16_t)val;
		break;
	default:
		queue_write(vp, off, val);
	}
}

static uint64_t modern_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct virtio_pci *vp = to_vp(dev);

	switch (off & ~(PAGE - 1)) {
	case COMMON:
		return common_read(vp, off);
	case ISR:
		return off == ISR ? read_isr(vp) : 0;
	case DEVICE:
		return virtio_config_get(vp->v, off - DEVICE, size);
	}
	return 0;
}

static void modern_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct virtio_pci *vp = to_vp(dev);
	uint32_t n = (off - NOTIFY) / NOTIFY_MULTIPLIER;

	switch (off & ~(PAGE - 1)) {
	case COMMON:
		common_write(vp, off, val);
		break;
	case DEVICE:
		virtio_config_set(vp->v, off - DEVICE, size, val);
		break;
	case NOTIFY:
		if (n < vp->v->nr_queues)
			virtio_queue_notified(vp->v, n);
		break;
	}
}

/* --- the legacy interface --- */

static uint32_t legacy_config_at(const struct virtio_pci *vp)
{
	return pci_msix_on(&vp->p) ? LEGACY_LEN_MSIX : LEGACY_CONFIG_VECTOR;
}

static uint64_t legacy_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct virtio_pci *vp = to_vp(dev);
	const struct virtio_queue *q = selected(vp);

	if (off >= legacy_config_at(vp))
		return virtio_config_get(vp->v, off - legacy_config_at(vp), size);
	switch ((enum legacy)off) {
	case LEGACY_DEVICE_FEATURES:
		return virtio_offered(vp->v, 0, true);
	case LEGACY_DRIVER_FEATURES:
		return virtio_accepted(vp->v, 0);
	case LEGACY_QUEUE_ADDRESS:
		return q ? q->desc / PAGE : 0;
	case LEGACY_QUEUE_SIZE:
		return q ? q->max : 0;
	case LEGACY_QUEUE_SELECT:
		return vp->queue_select;
	case LEGACY_STATUS:
		return vp->v->status;
	case LEGACY_ISR:
		return read_isr(vp);
	case LEGACY_CONFIG_VECTOR:
		return vp->config_vector;
	case LEGACY_QUEUE_VECTOR:
		return q ? q->vector : NO_VECTOR;
	case LEGACY_QUEUE_NOTIFY:
	case LEGACY_LEN_MSIX:
		break;
	}
	return 0;
}

static void legacy_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct virtio_pci *vp = to_vp(dev);
	struct virtio_queue *q = selected(vp);

	if (off >= legacy_config_at(vp)) {
		virtio_config_set(vp->v, off - legacy_config_at(vp), size, val);
		return;
	}
	switch ((enum legacy)off) {
	case LEGACY_DRIVER_FEATURES:
		virtio_accept(vp->v, 0, (uint32_t)val, true);
		break;
	case LEGACY_QUEUE_ADDRESS:
		vp->v->legacy = true;
		if (q)
			virtio_queue_legacy(vp->v, vp->queue_select, (uint64_t)(uint32_t)val * PAGE,
					    PAGE);
		break;
	case LEGACY_QUEUE_SELECT:
		vp->queue_select = (uint16_t)val;
		break;
	case LEGACY_QUEUE_NOTIFY:
		if (val < vp->v->nr_queues)
			virtio_queue_notified(vp->v, (unsigned int)val);
		break;
	case LEGACY_STATUS:
		set_status(vp, (uint8_t)val, true);
		break;
	case LEGACY_CONFIG_VECTOR:
		vp->config_vector = vector(vp, val);
		break;
	case LEGACY_QUEUE_VECTOR:
		if (q)
			q->vector = vector(vp, val);
		break;
	case LEGACY_DEVICE_FEATURES:
	case LEGACY_QUEUE_SIZE:
	case LEGACY_ISR:
	case LEGACY_LEN_MSIX:
		break;
	}
}

/* --- configuration space: the window into the modern interface (4.1.4.9) --- */

static bool window(const struct virtio_pci *vp, unsigned int off, unsigned int size, uint32_t *at,
		   uint32_t *len)
{
	const uint8_t *cap = vp->p.config + vp->pci_cap;

	if (!vp->pci_cap || off >= vp->pci_cap + CAP_END + 4 ||
	    off + size <= vp->pci_cap + CAP_END)
		return false;
	*at = pci_get32(cap, CAP_OFFSET);
	*len = pci_get32(cap, CAP_LENGTH);
	return cap[CAP_BAR] == BAR_MODERN && (*len == 1 || *len == 2 || *len == 4) &&
	       *at % *len == 0 && *at < MODERN_LEN;
}

static uint32_t bits(uint32_t bytes)
{
	return ~0u >> (32 - 8 * bytes);
}

static void config_will_be_read(struct device *dev, unsigned int off, unsigned int size)
{
	struct virtio_pci *vp = to_vp(dev);
	uint32_t at, len;

	if (window(vp, off, size, &at, &len))
		pci_put32(vp->p.config, vp->pci_cap + CAP_END,
			  (uint32_t)modern_read(dev, at, len) & bits(len));
}

static void config_was_written(struct device *dev, unsigned int off, unsigned int size)
{
	struct virtio_pci *vp = to_vp(dev);
	uint32_t at, len;

	if (window(vp, off, size, &at, &len))
		modern_write(dev, at, len,
			     pci_get32(vp->p.config, vp->pci_cap + CAP_END) & bits(len));
	update_intx(vp);	/* MSI-X may have been turned on or off */
}

/* --- doorbells --- */

static void rung(void *arg)
{
	const struct bell *b = arg;

	virtio_queue_notified(b->v, b->n);
}

static void hang_bells(struct virtio_pci *vp)
{
	struct device *dev = &vp->p.dev;
	unsigned int n;

	for (n = 0; n < vp->v->nr_queues; n++) {
		vp->bell[n] = (struct bell){ vp->v, n };
		if (dev->region_len[REGION_MODERN])
			device_doorbell(dev, REGION_MODERN, NOTIFY + n * NOTIFY_MULTIPLIER, 2,
					DOORBELL_ANY, rung, &vp->bell[n]);
		if (dev->region_len[REGION_LEGACY])
			device_doorbell(dev, REGION_LEGACY, LEGACY_QUEUE_NOTIFY, 2, n, rung,
					&vp->bell[n]);
	}
}

/* --- life --- */

static unsigned int add_cap(struct pci_device *p, uint8_t type, uint32_t offset, uint32_t length,
			    unsigned int more)
{
	unsigned int cap = pci_capability(p, CAP_VENDOR, CAP_END + more);

	if (!cap)
		return 0;
	p->config[cap + CAP_LEN] = (uint8_t)(CAP_END + more);
	p->config[cap + CAP_TYPE] = type;
	p->config[cap + CAP_BAR] = BAR_MODERN;
	pci_put32(p->config, cap + CAP_OFFSET, offset);
	pci_put32(p->config, cap + CAP_LENGTH, length);
	return cap;
}

static const char *add_modern(struct virtio_pci *vp)
{
	struct pci_device *p = &vp->p;
	unsigned int notify;

	device_region_len(&p->dev, REGION_MODERN, MODERN_LEN);
	vp->v->offered |= 1ull << VIRTIO_F_VERSION_1;
	notify = add_cap(p, CFG_NOTIFY, NOTIFY, PAGE, 4);
	vp->pci_cap = add_cap(p, CFG_PCI, 0, 0, 4);
	if (!add_cap(p, CFG_COMMON, COMMON, PAGE, 0) || !add_cap(p, CFG_ISR, ISR, PAGE, 0) ||
	    !add_cap(p, CFG_DEVICE, DEVICE, PAGE, 0) || !notify || !vp->pci_cap)
		return "no room for its capabilities";
	pci_put32(p->config, notify + CAP_END, NOTIFY_MULTIPLIER);
	p->writable[vp->pci_cap + CAP_BAR] = 0xff;
	pci_put32(p->writable, vp->pci_cap + CAP_OFFSET, ~0u);
	pci_put32(p->writable, vp->pci_cap + CAP_LENGTH, ~0u);
	pci_put32(p->writable, vp->pci_cap + CAP_END, ~0u);
	return NULL;
}

static void add_legacy(struct virtio_pci *vp)
{
	struct pci_device *p = &vp->p;

	device_region_len(&p->dev, REGION_LEGACY, LEGACY_LEN_MSIX + vp->v->cls->config_len);
	pci_put16(p->config, PCI_DEVICE, vp->v->cls->pci_transitional);
	pci_put16(p->config, PCI_SUBSYSTEM, (uint16_t)vp->v->cls->id);
	p->config[PCI_REVISION] = 0;
}

static const char *vp_realize(struct device *dev)
{
	struct virtio_pci *vp = to_vp(dev);
	const struct virtio_made *made = made_of(dev);
	bool legacy = made->virtio->pci_transitional && vp->disable_legacy != ON &&
		      made->kind != NON_TRANSITIONAL;
	bool modern = !vp->disable_modern;
	const char *wrong;

	if (!legacy && !modern)
		return "disable-legacy=on and disable-modern=on leave no interface";
	vp->v = virtio_in(dev);
	wrong = virtio_realize(vp->v, dev, &transport);
	if (wrong)
		return wrong;
	vp->nr_vectors = vp->v->nr_queues + 1;
	if (vp->nr_vectors > vp->vectors)
		vp->nr_vectors = (unsigned int)vp->vectors;
	if (vp->nr_vectors)
		wrong = pci_add_msix(&vp->p, vp->nr_vectors, BAR_MSIX, REGION_MSIX);
	if (!wrong && modern)
		wrong = add_modern(vp);
	if (wrong) {
		virtio_unrealize(vp->v);
		return wrong;
	}
	if (legacy)
		add_legacy(vp);
	if (vp->ioeventfd)
		hang_bells(vp);
	return NULL;
}

static void vp_unrealize(struct device *dev)
{
	virtio_unrealize(virtio_in(dev));
}

static void vp_reset(struct device *dev)
{
	struct virtio_pci *vp = to_vp(dev);
	uint8_t *cap = vp->p.config + vp->pci_cap;

	set_status(vp, 0, false);
	if (!vp->pci_cap)
		return;
	cap[CAP_BAR] = 0;
	pci_put32(cap, CAP_OFFSET, 0);
	pci_put32(cap, CAP_LENGTH, 0);
	pci_put32(cap, CAP_END, 0);
}

static void vp_describe(struct device *dev, char *buf, size_t len)
{
	virtio_describe(virtio_in(dev), buf, len);
}

static const struct device_region regions[] = {
	[REGION_LEGACY] = { "legacy", BUS_PORT, 0, 4, legacy_read, legacy_write },
	[REGION_MSIX] = PCI_MSIX_REGION,
	[REGION_MODERN] = { "modern", BUS_MMIO, 0, 4, modern_read, modern_write },
};

static const char *const auto_on_off[] = {
	[AUTO] = "auto", [ON] = "on", [OFF] = "off", NULL
};

#define COMMON_PROPS								\
	PCI_PROPS,								\
	{ "vectors", PROP_U64, offsetof(struct virtio_pci, vectors),		\
	  "MSI-X vectors at most; one a queue and one for the configuration are enough", "2048", 0, \
	  MAX_VECTORS },							\
	{ "ioeventfd", PROP_BOOL, offsetof(struct virtio_pci, ioeventfd),	\
	  "notifications reach the event loop without stopping the processor", "on" }

static const struct device_prop fixed_props[] = { COMMON_PROPS };

static const struct device_prop either_props[] = {
	COMMON_PROPS,
	{ "disable-legacy", PROP_ENUM, offsetof(struct virtio_pci, disable_legacy),
	  "no interface of before 1.0 (auto: there is one)", "auto", .names = auto_on_off },
	{ "disable-modern", PROP_BOOL, offsetof(struct virtio_pci, disable_modern),
	  "only the interface of before 1.0", "off" },
};

static const struct device_class either = {
	.sheet = "Virtual I/O Device (VIRTIO) Version 1.2, over PCI",
	.user = true,
	.regions = regions,
	.nr_regions = ARRAY_SIZE(regions),
	.props = either_props,
	.nr_props = ARRAY_SIZE(either_props),
	.realize = vp_realize,
	.reset = vp_reset,
	.unrealize = vp_unrealize,
	.describe = vp_describe,
};

static void make_one(const struct virtio_class *vc, const char *suffix, unsigned int kind)
{
	struct device_class base = either;
	struct virtio_made *m;

	if (kind != EITHER) {
		base.props = fixed_props;
		base.nr_props = ARRAY_SIZE(fixed_props);
	}
	m = virtio_make(vc, suffix, &base, sizeof(struct virtio_pci));
	m->kind = kind;
	m->pci = (struct pci_info){
		.vendor = VENDOR_ID, .device = (uint16_t)(MODERN_ID + vc->id),
		.subsystem_vendor = VENDOR_ID, .subsystem = MODERN_SUBSYSTEM,
		.class = vc->pci_class, .revision = 1, .interrupt_pin = 1, .rom = vc->rom,
		.bar = {
			[BAR_LEGACY] = { PCI_BAR_IO, REGION_LEGACY },
			[BAR_MSIX] = { PCI_BAR_MEM32, REGION_MSIX },
			[BAR_MODERN] = { PCI_BAR_MEM64_PREFETCH, REGION_MODERN },
		},
		.config_read = config_will_be_read,
		.config_written = config_was_written,
	};
	m->cls.pci = &m->pci;
	device_class_add(&m->cls);
}

static void make_all(const struct virtio_class *vc)
{
	make_one(vc, "-pci", EITHER);
	make_one(vc, "-pci-non-transitional", NON_TRANSITIONAL);
	if (vc->pci_transitional)
		make_one(vc, "-pci-transitional", TRANSITIONAL);
}

static __attribute__((constructor)) void make_classes(void)
{
	virtio_each(make_all);
}
