# SPDX-License-Identifier: GPL-2.0
linux-y += home/linux/pages.o home/linux/guest-mem.o
linux-y += home/linux/nested.o home/linux/nested-table.o home/linux/nested-fault.o
linux-y += home/linux/nested-dirty.o home/linux/nested-async.o home/linux/notifier.o
linux-y += home/linux/module.o home/linux/device.o home/linux/file.o home/linux/stats.o
linux-y += home/linux/thread.o home/linux/lock.o home/linux/timer.o home/linux/eventfd.o
linux-y += home/linux/word.o home/linux/trace.o
linux-y += home/linux/hw-cpu.o home/linux/hw-run.o home/linux/hw-fpu.o home/linux/hw-user-msr.o
