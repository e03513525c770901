// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Virtio over MMIO: Virtual I/O Device (VIRTIO) Version 1.2, section 4.2, with the legacy register
 * layout (4.2.4) when force-legacy asks for it. One window of 200h bytes, one interrupt line.
 */
#include "devices/virtio/core.h"
#include "devices/virtio/virtio_mmio.h"

enum reg {
	MAGIC_VALUE = 0x000, VERSION = 0x004, DEVICE_ID = 0x008, VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010, DEVICE_FEATURES_SEL = 0x014, DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024, GUEST_PAGE_SIZE = 0x028, QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034, QUEUE_NUM = 0x038, QUEUE_ALIGN = 0x03c, QUEUE_PFN = 0x040,
	QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050, INTERRUPT_STATUS = 0x060, INTERRUPT_ACK = 0x064,
	STATUS = 0x070, QUEUE_DESC_LOW = 0x080, QUEUE_DESC_HIGH = 0x084, QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DRIVER_HIGH = 0x094, QUEUE_DEVICE_LOW = 0x0a0, QUEUE_DEVICE_HIGH = 0x0a4,
	SHM_SEL = 0x0ac, SHM_LEN_LOW = 0x0b0, SHM_LEN_HIGH = 0x0b4, SHM_BASE_LOW = 0x0b8,
	SHM_BASE_HIGH = 0x0bc, QUEUE_RESET = 0x0c0, CONFIG_GENERATION = 0x0fc, CONFIG = 0x100,
};

#define MAGIC		0x74726976u	/* "virt" */
#define VENDOR		0x4b564d41u
#define USED_BUFFER	1
#define CONFIG_CHANGE	2

struct virtio_mmio {
	struct device dev;
	bool legacy;			/* property */
	uint32_t device_features_sel, driver_features_sel, queue_sel, page_size, queue_align;
	uint32_t interrupt_status;
	struct virtio_dev *v;
};

static struct virtio_mmio *to_vm(struct device *dev)
{
	return (struct virtio_mmio *)(void *)dev;
}

static struct virtio_mmio *vm_of(const struct virtio_dev *v)
{
	return to_vm(v->dev);
}

static void set_interrupt(struct virtio_mmio *vm, uint32_t status)
{
	vm->interrupt_status = status;
	device_set_irq(&vm->dev, 0, status != 0);
}

static void queue_interrupt(struct virtio_dev *v, unsigned int n)
{
	(void)n;
	set_interrupt(vm_of(v), vm_of(v)->interrupt_status | USED_BUFFER);
}

static void config_interrupt(struct virtio_dev *v)
{
	set_interrupt(vm_of(v), vm_of(v)->interrupt_status | CONFIG_CHANGE);
}

static bool may_master(const struct virtio_dev *v)
{
	(void)v;
	return true;
}

static const struct virtio_transport transport = { queue_interrupt, config_interrupt, may_master };

static struct virtio_queue *selected(struct virtio_mmio *vm)
{
	return vm->queue_sel < vm->v->nr_queues ? vm->v->queue[vm->queue_sel] : NULL;
}

static uint64_t mmio_read(struct device *dev, uint32_t off, unsigned int size)
{
	struct virtio_mmio *vm = to_vm(dev);
	const struct virtio_queue *q = selected(vm);

	if (off >= CONFIG)
		return virtio_config_get(vm->v, off - CONFIG, size);
	if (size != 4)
		return 0;	/* the driver uses 32 bits only (4.2.2.2) */
	switch ((enum reg)off) {
	case MAGIC_VALUE:
		return MAGIC;
	case VERSION:
		return vm->legacy ? 1 : 2;
	case DEVICE_ID:
		return vm->v->cls->id;
	case VENDOR_ID:
		return VENDOR;
	case DEVICE_FEATURES:
		return virtio_offered(vm->v, vm->device_features_sel, vm->legacy);
	case QUEUE_NUM_MAX:
		return q ? q->max : 0;
	case QUEUE_PFN:
		return vm->legacy && q && vm->page_size ? q->desc / vm->page_size : 0;
	case QUEUE_READY:
		return !vm->legacy && q && q->enabled;
	case INTERRUPT_STATUS:
		return vm->interrupt_status;
	case STATUS:
		return vm->v->status;
	case SHM_LEN_LOW:
	case SHM_LEN_HIGH:
	case SHM_BASE_LOW:
	case SHM_BASE_HIGH:
		return vm->legacy ? 0 : 0xffffffff;	/* there is no such region */
	case CONFIG_GENERATION:
		return vm->legacy ? 0 : vm->v->generation;
	default:
		return 0;
	}
}

static void half(uint64_t *field, bool high, uint64_t val)
{
	*field = high ? (*field & 0xffffffff) | val << 32 : (*field & ~0xffffffffull) | val;
}

/* Registers of the selected queue, in the layout of version 2. */
static void queue_write(struct virtio_mmio *vm, struct virtio_queue *q, enum reg reg, uint64_t val)
{
	if (reg == QUEUE_READY && !val && q->enabled)
		virtio_queue_reset(vm->v, vm->queue_sel);
	else if (reg == QUEUE_RESET && val == 1 && virtio_has(vm->v, VIRTIO_F_RING_RESET))
		virtio_queue_reset(vm->v, vm->queue_sel);
	else if (q->enabled)
		return;
	else if (reg == QUEUE_READY && val == 1)
		virtio_queue_enable(vm->v, vm->queue_sel);
	else if (reg == QUEUE_DESC_LOW || reg == QUEUE_DESC_HIGH)
		half(&q->desc, reg == QUEUE_DESC_HIGH, val);
	else if (reg == QUEUE_DRIVER_LOW || reg == QUEUE_DRIVER_HIGH)
		half(&q->driver, reg == QUEUE_DRIVER_HIGH, val);
	else if (reg == QUEUE_DEVICE_LOW || reg == QUEUE_DEVICE_HIGH)
		half(&q->device, reg == QUEUE_DEVICE_HIGH, val);
}

static void legacy_queue_write(struct virtio_mmio *vm, enum reg reg, uint64_t val)
{
	uint32_t align = vm->queue_align;

	if (reg != QUEUE_PFN)
		return;
	vm->v->legacy = true;
	if (val && (!align || align & (align - 1)))
		virtio_break(vm->v, "QueueAlign is no power of two");
	else
		virtio_queue_legacy(vm->v, vm->queue_sel, val * vm->page_size, align ? align : 4096);
}

static void set_status(struct virtio_mmio *vm, uint8_t status)
{
	virtio_set_status(vm->v, status, vm->legacy);
	if (!status) {
		vm->device_features_sel = vm->driver_features_sel = vm->queue_sel = 0;
		set_interrupt(vm, 0);
	}
}

static void mmio_write(struct device *dev, uint32_t off, unsigned int size, uint64_t val)
{
	struct virtio_mmio *vm = to_vm(dev);
	struct virtio_queue *q = selected(vm);

	if (off >= CONFIG) {
		virtio_config_set(vm->v, off - CONFIG, size, val);
		return;
	}
	if (size != 4)
		return;
	switch ((enum reg)off) {
	case DEVICE_FEATURES_SEL:
		vm->device_features_sel = (uint32_t)val;
		break;
	case DRIVER_FEATURES:
		virtio_accept(vm->v, vm->driver_features_sel, (uint32_t)val, vm->legacy);
		break;
	case DRIVER_FEATURES_SEL:
		vm->driver_features_sel = (uint32_t)val;
		break;
	case GUEST_PAGE_SIZE:
		vm->page_size = (uint32_t)val;
		break;
	case QUEUE_SEL:
		vm->queue_sel = (uint32_t)val;
		break;
	case QUEUE_ALIGN:
		vm->queue_align = (uint32_t)val;
		break;
	case QUEUE_NUM:
		if (q && !q->enabled && val && val <= q->max)
			q->size = (unsigned int)val;
		break;
	case QUEUE_NOTIFY:
		if (val < vm->v->nr_queues)
			virtio_queue_notified(vm->v, (unsigned int)val);
		break;
	case INTERRUPT_ACK:
		set_interrupt(vm, vm->interrupt_status & (uint32_t)~val);
		break;
	case STATUS:
		set_status(vm, (uint8_t)val);
		break;
	default:
		if (q && vm->legacy)
			legacy_queue_write(vm, (enum reg)off, val);
		else if (q)
			queue_write(vm, q, (enum reg)off, val);
	}
}

static const char *vm_realize(struct device *dev)
{
	struct virtio_mmio *vm = to_vm(dev);
	const char *wrong;

	vm->v = virtio_in(dev);
	wrong = virtio_realize(vm->v, dev, &transport);
	if (!wrong && !vm->legacy)
		vm->v->offered |= 1ull << VIRTIO_F_VERSION_1;
	return wrong;
}

static void vm_unrealize(struct device *dev)
{
	virtio_unrealize(virtio_in(dev));
}

static void vm_reset(struct device *dev)
{
	struct virtio_mmio *vm = to_vm(dev);

	set_status(vm, 0);
	vm->page_size = vm->queue_align = 0;
}

static void vm_describe(struct device *dev, char *buf, size_t len)
{
	virtio_describe(virtio_in(dev), buf, len);
}

static const struct device_region regions[] = {
	{ "virtio-mmio", BUS_MMIO, VIRTIO_MMIO_LEN, 4, mmio_read, mmio_write },
};

static const struct device_prop props[] = {
	{ "force-legacy", PROP_BOOL, offsetof(struct virtio_mmio, legacy),
	  "the register layout of before 1.0", "off" },
};

static const struct device_class mmio = {
	.sheet = "Virtual I/O Device (VIRTIO) Version 1.2, over MMIO",
	.user = true,
	.regions = regions,
	.nr_regions = ARRAY_SIZE(regions),
	.nr_irqs = 1,
	.props = props,
	.nr_props = ARRAY_SIZE(props),
	.realize = vm_realize,
	.reset = vm_reset,
	.unrealize = vm_unrealize,
	.describe = vm_describe,
};

bool is_virtio_mmio(const struct device *dev)
{
	return dev->cls->realize == vm_realize;
}

static void make_one(const struct virtio_class *vc)
{
	device_class_add(&virtio_make(vc, "-device", &mmio, sizeof(struct virtio_mmio))->cls);
}

static __attribute__((constructor)) void make_classes(void)
{
	virtio_each(make_one);
}
