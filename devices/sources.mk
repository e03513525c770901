# SPDX-License-Identifier: LGPL-2.1-or-later
devices-y += \
	devices/pc/acpi_pm.o \
	devices/pc/i8042.o \
	devices/pc/reset_ports.o \
	devices/pc/rtc.o \
	devices/pc/uart16550.o
