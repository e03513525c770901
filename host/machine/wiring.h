/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus on a VM of the KVM API. */
#ifndef ANYKVM_HOST_MACHINE_WIRING_H
#define ANYKVM_HOST_MACHINE_WIRING_H

#include "host/bus/bus.h"

/* With a struct vm for its argument. */
extern const struct bus_ops wiring_ops;

#endif
