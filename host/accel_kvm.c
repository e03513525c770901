// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel's /dev/kvm, by its system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/accel.h"

#define DEV_KVM "/dev/kvm"

static int kvm_open(void)
{
	int fd = open(DEV_KVM, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static int kvm_close(int fd)
{
	return close(fd) ? -errno : 0;
}

static void *kvm_mmap_vcpu(int vcpu_fd, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int kvm_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return sigaction(sig, act, old) ? -errno : 0;
}

/* The kernel's own page tables for the guest see every write. */
static void kvm_memory_written(int vm_fd, uint64_t gpa, uint64_t len)
{
	(void)vm_fd;
	(void)gpa;
	(void)len;
}

/*
 * A /dev/kvm without SVM or VMX behind it exists: a paravirtual one, that runs only guests made
 * for it. /proc/cpuinfo says what the processor has; on a machine whose /proc does not, believe
 * the device.
 */
static bool cpu_has_virtualization(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool found = false;
	char line[8192];
	char *word, *save;

	if (!f)
		return true;
	while (!found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		for (word = strtok_r(line, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save))
			if (!strcmp(word, "svm") || !strcmp(word, "vmx"))
				found = true;
		break;
	}
	fclose(f);
	return found;
}

static bool kvm_usable(char *why, size_t len)
{
	if (access(DEV_KVM, F_OK)) {
		snprintf(why, len, "there is no " DEV_KVM);
		return false;
	}
	if (access(DEV_KVM, R_OK | W_OK)) {
		snprintf(why, len, DEV_KVM " may not be opened (%s): join its group or be root",
			 strerror(errno));
		return false;
	}
	if (!cpu_has_virtualization()) {
		snprintf(why, len, DEV_KVM " cannot run unmodified guests, the processor offers "
			 "neither svm nor vmx");
		return false;
	}
	return true;
}

const struct accel accel_kvm = {
	.name = "kvm",
	.what = "the kernel's " DEV_KVM,
	.open = kvm_open,
	.ioctl = kvm_ioctl,
	.close = kvm_close,
	.mmap_vcpu = kvm_mmap_vcpu,
	.sigaction = kvm_sigaction,
	.memory_written = kvm_memory_written,
	.usable = kvm_usable,
};
