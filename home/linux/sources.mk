# SPDX-License-Identifier: GPL-2.0
linux-y += home/linux/pages.o home/linux/guest-mem.o
linux-y += home/linux/nested.o home/linux/nested-table.o home/linux/nested-fault.o
linux-y += home/linux/nested-dirty.o home/linux/notifier.o
