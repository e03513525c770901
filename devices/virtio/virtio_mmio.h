/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a board needs of virtio devices over MMIO: it gives them an address and an interrupt line. */
#ifndef ANYKVM_DEVICES_VIRTIO_VIRTIO_MMIO_H
#define ANYKVM_DEVICES_VIRTIO_VIRTIO_MMIO_H

#include "host/bus/bus.h"

#define VIRTIO_MMIO_LEN 0x200u		/* of its one region */

bool is_virtio_mmio(const struct device *dev);

#endif
