/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PC: which devices it has, and where its board puts them.
 */
#ifndef ANYKVM_HOST_MACHINE_PC_H
#define ANYKVM_HOST_MACHINE_PC_H

#include "host/acpi/tables.h"
#include "host/boot/boot.h"
#include "host/bus/pci.h"
#include "host/machine/smbios.h"
#include "host/options.h"
#include "host/vm.h"

#define PCI_DEVFN(slot, fn) ((slot) << 3 | (fn))
#define DEVFN_HOST	PCI_DEVFN(0, 0)
#define DEVFN_ISA	PCI_DEVFN(1, 0)
#define DEVFN_IDE	PCI_DEVFN(1, 1)
#define DEVFN_PM	PCI_DEVFN(1, 3)
#define DEVFN_VGA	PCI_DEVFN(2, 0)

#define IOAPIC_BASE	0xfec00000u
#define LAPIC_BASE	0xfee00000u
#define VIRTIO_MMIO_BASE 0xfec10000u
#define HPET_BASE	0xfed00000u
#define PM_BASE		0x600	/* where firmware puts the power management block, and we without one */

#define IRQ_SCI		9

/* Devices on ISA that the DSDT speaks of. */
#define PC_MAX_ISA 16
#define PC_MAX_VIRTIO_MMIO 32

struct pc {
	struct bus *bus;
	const struct vm *vm;
	const struct config *cfg;
	unsigned int phys_bits;		/* of the guest's addresses */
	struct pci_bus *pci;
	struct device *host, *isa, *pm, *rtc, *dma, *fdc, *fw_cfg;
	bool vga;
	uint32_t pirq[4];		/* slots that hold the line up, a bit each */
	struct acpi_device isa_device[PC_MAX_ISA];
	unsigned int nr_isa_devices;
	struct acpi_mmio virtio_mmio[PC_MAX_VIRTIO_MMIO];
	unsigned int nr_virtio_mmio;
	struct acpi_machine acpi;
	struct acpi_tables tables;
	struct smbios smbios;
	uint8_t *bios;		/* what ends at 4 GiB; NULL: a kernel is started directly */
	uint64_t bios_len;
};

/* Create and wire all devices; dies when a back end does not open. */
void pc_build(struct pc *pc, struct bus *bus, const struct vm *vm, const struct config *cfg,
	      unsigned int phys_bits);
/* Tables, and what firmware will ask for. */
void pc_finish(struct pc *pc, const struct boot *boot);

void pc_destroy(struct pc *pc);

/* --- between the files --- */

/* Ready to be realized, at @devfn or (-1) in the next free slot. */
struct device *pc_create_pci(struct pc *pc, const char *name, int devfn);
/* storage.c: what -drive asked for. */
void pc_make_storage(struct pc *pc);
uint8_t *pc_make_flash(struct pc *pc, uint64_t *len);
/* virtio_mmio.c: virtio devices over MMIO get their places. */
void pc_place_virtio_mmio(struct pc *pc);
uint32_t pc_virtio_mmio_base(const struct device *dev);
/* firmware.c: the ROM, and what fw_cfg says. */
void pc_load_bios(struct pc *pc);
void pc_fill_fw_cfg(struct pc *pc, const struct boot *boot);
/* bootorder.c: fw_cfg's "bootorder", malloc'ed, @len bytes and a NUL; for once. */
char *pc_boot_order(struct pc *pc, size_t *len);
/* The tables as the machine is now. */
void pc_make_tables(struct pc *pc);
/* After a reset, and at the start: what firmware finds in the CMOS memory. */
void pc_set_cmos(struct pc *pc, bool first);
/* direct.c: with no firmware, what it would have done; at the start and at every reset. */
void pc_direct(struct pc *pc);

#endif
