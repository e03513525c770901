# SPDX-License-Identifier: LGPL-2.1-or-later
host-y += \
	host/accel.o \
	host/accel_bt.o \
	host/accel_kvm.o \
	host/acpi/aml.o \
	host/acpi/tables.o \
	host/boot/boot.o \
	host/boot/bzimage.o \
	host/boot/elf.o \
	host/bus.o \
	host/chardev.o \
	host/cpuid.o \
	host/loop.o \
	host/machine/machine.o \
	host/machine/pc.o \
	host/main.o \
	host/nearest.o \
	host/options.o \
	host/report.o \
	host/term.o \
	host/vcpu.o \
	host/vcpu_state.o \
	host/vm.o
