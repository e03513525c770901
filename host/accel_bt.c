// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The KVM API in this process: the library, whose processor is a translator. It needs no device,
 * no privilege and no virtualization extension.
 */
#include <errno.h>
#include <sys/mman.h>

#include <anykvm.h>

#include "host/accel.h"
#include "host/report.h"

static int bt_open(void)
{
	int fd = anykvm_open();

	if (fd >= 0)
		at_end(anykvm_end);
	return fd < 0 ? -errno : fd;
}

static int bt_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = anykvm_ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static int bt_close(int fd)
{
	return anykvm_close(fd) ? -errno : 0;
}

static void *bt_mmap_vcpu(int vcpu_fd, size_t len)
{
	void *p = anykvm_mmap(len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int bt_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return anykvm_sigaction(sig, act, old) ? -errno : 0;
}

static bool bt_io_begin(void *io, uint8_t *host, uint64_t len)
{
	const struct iovec iov = { .iov_base = host, .iov_len = len };

	return anykvm_io_begin(io, &iov, 1) == 1;
}

static void bt_io_end(void *io)
{
	anykvm_io_end(io);
}

static bool bt_usable(char *why, size_t len)
{
	(void)why;
	(void)len;
	return true;
}

const struct accel accel_bt = {
	.name = "bt",
	.what = "binary translation in this process",
	.shared_memory = true,
	.open = bt_open,
	.ioctl = bt_ioctl,
	.close = bt_close,
	.mmap_vcpu = bt_mmap_vcpu,
	.sigaction = bt_sigaction,
	.memory_written = anykvm_memory_written,
	.io_begin = bt_io_begin,
	.io_end = bt_io_end,
	.usable = bt_usable,
};
