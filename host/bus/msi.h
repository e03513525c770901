/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the PCI core asks of msi.c. */
#ifndef ANYKVM_HOST_BUS_MSI_H
#define ANYKVM_HOST_BUS_MSI_H

#include "host/bus/pci.h"

void msi_reset(struct pci_device *p);
void msi_free(struct pci_device *p);
/* What became unmasked is sent. */
void msi_config_written(struct pci_device *p, unsigned int off, unsigned int size);

#endif
