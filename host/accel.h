/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who runs the guest: the kernel's /dev/kvm, or the library in this process. Both speak the KVM
 * API; the host knows no other difference than this struct of functions.
 */
#ifndef ANYKVM_HOST_ACCEL_H
#define ANYKVM_HOST_ACCEL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accel {
	const char *name;
	const char *what;
	/* Guest memory is to be such as can be mapped again elsewhere: shared. */
	bool shared_memory;
	/* All ints: >= 0, or -errno. */
	int (*open)(void);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	int (*close)(int fd);
	/* struct kvm_run of a vCPU; NULL with errno. */
	void *(*mmap_vcpu)(int vcpu_fd, size_t len);
	/* The handler for the signal that takes a vCPU out of KVM_RUN. */
	int (*sigaction)(int sig, const struct sigaction *act, struct sigaction *old);
	/* The host wrote guest memory through its own mapping. */
	void (*memory_written)(int vm_fd, uint64_t gpa, uint64_t len);
	/* Around the kernel's writing it for us (two words for @io): see anykvm_io_begin(). */
	bool (*io_begin)(void *io, uint8_t *host, uint64_t len);
	void (*io_end)(void *io);
	/* Can it run an unmodified guest on this machine? If not, @why says what is missing. */
	bool (*usable)(char *why, size_t len);
};

extern const struct accel accel_kvm, accel_bt;

/* With an integer for an argument, as CREATE_VCPU and RUN have it. */
static inline int accel_ioctl_val(const struct accel *a, int fd, unsigned long req, uint64_t val)
{
	return a->ioctl(fd, req, (void *)(uintptr_t)val);
}

/*
 * Open the first of the names in @list ("kvm:bt") that works and give its system fd in @fd.
 * @chosen: the user named it; then it is tried even where it looks unable to run guests, and
 * taking it is not worth a line.
 */
const struct accel *accel_choose(const char *list, bool chosen, int *fd);
/* That line. Not before what may still be refused: an error stands alone. */
void accel_say(void);
/* For -accel help, and for the option's parser: the message for a name that is none, or NULL. */
void accel_help(void);
bool accel_list_valid(const char *list, const char **bad, size_t *bad_len);

#endif
