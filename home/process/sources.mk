# SPDX-License-Identifier: LGPL-2.1-or-later
# The process home: libanykvm. The shim's files override libc's names, so they are in the .so only.

process-y += \
	home/process/init.o \
	home/process/file.o \
	home/process/signal.o \
	home/process/watch.o \
	home/process/watch-protect.o \
	home/process/eventfd.o \
	home/process/plat-mem.o \
	home/process/plat-window.o \
	home/process/plat-lock.o \
	home/process/plat-thread.o \
	home/process/cancel.o \
	home/process/plat-time.o \
	home/process/plat-cpu.o \
	home/process/plat-word.o \
	home/process/seeing.o \
	home/process/copy.o \
	home/process/api.o

process-so-y += \
	home/process/shim-file.o \
	home/process/shim-io.o \
	home/process/shim-memory.o \
	home/process/shim-signal.o

# Called while the vector registers are the guest's (plat.h).
CFLAGS_home/process/plat-mem := -mgeneral-regs-only
CFLAGS_home/process/plat-window := -mgeneral-regs-only
CFLAGS_home/process/watch := -mgeneral-regs-only
CFLAGS_home/process/plat-lock := -mgeneral-regs-only

process-exec-y += home/process/exec.o
