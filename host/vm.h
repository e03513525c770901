/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The virtual machine as the accelerator knows it: its fds and its memory.
 */
#ifndef ANYKVM_HOST_VM_H
#define ANYKVM_HOST_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "host/accel.h"

/* RAM ends here at the latest and goes on at 4 GiB; between stand the MMIO windows. */
#define LOW_RAM_MAX 0xc0000000ull
#define HIGH_RAM_BASE 0x100000000ull
/* Where a PC has the screen's memory, which is not RAM. */
#define VGA_BASE 0xa0000ull
#define VGA_END 0xc0000ull
/* Intel's hardware needs four pages to run real mode; here nobody looks for anything else. */
#define KVM_IDENTITY_BASE 0xfeffc000ull
#define KVM_TSS_BASE 0xfeffd000ull
#define KVM_RESERVED_LEN 0x4000ull

struct vm {
	const struct accel *accel;
	int sys_fd, fd;
	uint8_t *ram;
	uint64_t ram_size, low_size, high_size;
};

/* Dies with a message when the host has not the memory. */
void ram_map(struct vm *vm, uint64_t size);
/* The host's address of @len bytes of guest RAM at @gpa, NULL unless all of them are RAM. */
void *ram_at(const struct vm *vm, uint64_t gpa, uint64_t len);
/* After writing through it. */
void ram_written(const struct vm *vm, uint64_t gpa, uint64_t len);
/* Copy, and say so. The range must be RAM. */
void ram_write(const struct vm *vm, uint64_t gpa, const void *data, uint64_t len);

/* KVM_CREATE_VM and everything that a vCPU will need to be there. */
void vm_create(struct vm *vm);
/* An ioctl on the VM that cannot fail in a working machine: dies with its name otherwise. */
int vm_must(const struct vm *vm, unsigned long request, void *arg, const char *what);
/* Interrupt controllers and timer as they were at power-on. */
void vm_reset_irqchip(const struct vm *vm);
/* The timer's output is another's (HPET legacy replacement), or its own again. */
void vm_replace_pit(const struct vm *vm, bool replaced);
void vm_set_gsi(const struct vm *vm, unsigned int gsi, bool level);

#endif
