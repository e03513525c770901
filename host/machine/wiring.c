// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the bus asks of the outside, answered by the accelerator: memory slots and their dirty logs,
 * interrupts, doorbells (ioeventfds in the event loop).
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/loop.h"
#include "host/machine/machine.h"
#include "host/machine/wiring.h"
#include "host/report.h"
#include "host/vm.h"

static void set_gsi(void *arg, unsigned int gsi, bool level)
{
	vm_set_gsi(arg, gsi, level);
}

static void send_msi(void *arg, uint64_t addr, uint32_t data)
{
	const struct vm *vm = arg;
	struct kvm_msi msi = { .address_lo = (uint32_t)addr, .address_hi = (uint32_t)(addr >> 32),
			       .data = data };

	/* An address that is no processor's is the guest's mistake: the message is lost. */
	vm->accel->ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

static void request(void *arg, enum machine_request what, const char *why)
{
	(void)arg;
	machine_ask(what, why);
}

/* --- memory --- */

static void set_slot(void *arg, unsigned int slot, uint64_t gpa, uint64_t len, uint8_t *host,
		     bool readonly, bool log_dirty)
{
	const struct vm *vm = arg;
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = (readonly ? KVM_MEM_READONLY : 0) |
			 (log_dirty ? KVM_MEM_LOG_DIRTY_PAGES : 0),
		.guest_phys_addr = gpa,
		.memory_size = host ? len : 0,
		.userspace_addr = (uintptr_t)host,
	};
	int ret = vm->accel->ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);

	if (ret < 0)
		die("-m: -accel %s refuses %llu KiB of guest memory at %#llx (%s); ask for less",
		    vm->accel->name, (unsigned long long)(len >> 10), (unsigned long long)gpa,
		    strerror(-ret));
}

static bool get_dirty(void *arg, unsigned int slot, uint64_t *bitmap)
{
	const struct vm *vm = arg;
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	return vm->accel->ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) >= 0;
}

static void memory_written(void *arg, uint64_t gpa, uint64_t len)
{
	ram_written(arg, gpa, len);
}

static bool io_begin(void *arg, void *io, uint8_t *host, uint64_t len)
{
	const struct vm *vm = arg;

	return vm->accel->io_begin && vm->accel->io_begin(io, host, len);
}

static void io_end(void *arg, void *io)
{
	const struct vm *vm = arg;

	vm->accel->io_end(io);
}

/* --- doorbells --- */

struct listener {
	struct loop_fd lfd;
	void (*fn)(void *arg);
	void *arg;
};

static void rung(void *arg, uint32_t events)
{
	struct listener *l = arg;
	uint64_t count;

	(void)events;
	if (read(l->lfd.fd, &count, sizeof(count)) == sizeof(count))
		l->fn(l->arg);
}

static struct listener *doorbell_open(void *arg, void (*fn)(void *arg), void *fn_arg)
{
	struct listener *l = calloc(1, sizeof(*l));

	(void)arg;
	if (!l)
		return NULL;
	*l = (struct listener){
		.lfd = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .events = EPOLLIN,
			 .fn = rung, .arg = l },
		.fn = fn, .arg = fn_arg,
	};
	if (l->lfd.fd < 0 || !loop_add(&l->lfd)) {
		if (l->lfd.fd >= 0)
			close(l->lfd.fd);
		free(l);
		return NULL;
	}
	return l;
}

static bool doorbell_place(void *arg, struct listener *l, enum bus_space space, uint64_t addr,
			   unsigned int size, uint64_t match, bool on)
{
	const struct vm *vm = arg;
	struct kvm_ioeventfd e = {
		.datamatch = match == DOORBELL_ANY ? 0 : match,
		.addr = addr,
		.len = size,
		.fd = l->lfd.fd,
		.flags = (space == BUS_PORT ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (match == DOORBELL_ANY ? 0 : KVM_IOEVENTFD_FLAG_DATAMATCH) |
			 (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return vm->accel->ioctl(vm->fd, KVM_IOEVENTFD, &e) >= 0;
}

static void doorbell_close(void *arg, struct listener *l)
{
	(void)arg;
	loop_remove(&l->lfd);
	close(l->lfd.fd);
	free(l);
}

const struct bus_ops wiring_ops = {
	.set_gsi = set_gsi,
	.send_msi = send_msi,
	.request = request,
	.set_slot = set_slot,
	.get_dirty = get_dirty,
	.memory_written = memory_written,
	.io_begin = io_begin,
	.io_end = io_end,
	.doorbell_open = doorbell_open,
	.doorbell_place = doorbell_place,
	.doorbell_close = doorbell_close,
};
