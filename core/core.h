/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What a home calls: the other side of plat.h. A home turns system calls on
 * its file descriptors into these few calls and knows nothing else of the
 * core.
 */
#ifndef ANYKVM_CORE_H
#define ANYKVM_CORE_H

#include "plat.h"
#include "engine.h"

/*
 * Once before anything else (a second call is fine): the engine that every VM
 * will run on. Its init() decides; the error is what opening /dev/kvm gives.
 */
int core_init(const struct engine *engine);
void core_exit(void);	/* every file has been released */

/* A new /dev/kvm object behind a new file descriptor (plat_file_create): the fd, or -errno. */
int core_create_system(void);

/*
 * ioctl(2) on an object's file. @obj is what plat_file_create was given. The
 * result is ioctl's: >= 0, or -errno. KVM_RUN comes this way too; it returns
 * 0 or -EINTR and so on.
 */
long core_ioctl(enum plat_file_kind kind, void *obj, unsigned int cmd, u64 arg);
/*
 * The same for a 32-bit program whose argument is laid out otherwise: @arg, of _IOC_SIZE(cmd), is
 * the home's own copy in our layout. Nothing is copied back.
 */
long core_ioctl_copied(enum plat_file_kind kind, void *obj, unsigned int cmd, void *arg);

/*
 * mmap(2) on an object's file at page @pgoff: the page's address inside memory
 * that plat_alloc_shared returned, or NULL (EINVAL). Pages that follow each
 * other in the file do not always follow each other in memory: ask for each.
 * A vCPU's file has run, PIO, the VM's coalesced ring (the same page in every
 * vCPU of a VM), and at KVM_DIRTY_LOG_PAGE_OFFSET the dirty ring.
 */
void *core_shared_page(enum plat_file_kind kind, void *obj, u64 pgoff);

/*
 * What a home may see of a vCPU without calling: its struct begins with these
 * (core/vcpu.h says what they mean, core/vcpu.c holds the two together).
 */
struct vcpu_head {
	struct vm *vm;
	u64 requests;
	u32 in_guest, waiting, id, index;
	struct plat_thread thread;
};

/* Those that are complete, by index; NULL past the last. Atomic. */
struct vcpu *core_vm_vcpu(struct vm *vm, u32 index);

/*
 * For a home that is told when the scheduler takes the processor from a
 * thread in KVM_RUN: the address in the host program of the byte that is to
 * become *@val, if it is there without a page fault; 0: nothing to write.
 * Atomic and more: it takes no lock at all.
 */
u64 core_vcpu_preempted(struct vcpu *v, u8 *val);

/* How long the home may poll for a halted vCPU: @ns, or what KVM_CAP_HALT_POLL said. Atomic. */
u32 core_halt_poll_ns(struct vcpu *v, u32 ns);
/* The guest polls by itself before it halts: do not poll for it once more. Atomic. */
bool core_vcpu_polls(struct vcpu *v);

/*
 * Asynchronous page faults (core/x86/pv-async.c). A page of the guest's memory
 * is not there and to fetch it would take long: while somebody else does, the
 * guest may go on, or wait and take interrupts. Where the engine says async_pf.
 *
 * On the vCPU's thread, inside run(), state as engine.h says of state_stale:
 * core_async_pf_possible: worth preparing for? Cheap.
 * core_async_pf_start: @gpa is being fetched. The engine goes back to
 * vcpu_enter_guest in all cases but NO. May sleep.
 */
enum core_async_pf {
	CORE_ASYNC_PF_NO,	/* not now: fetch it before the guest goes on */
	CORE_ASYNC_PF_STARTED,	/* fetch it, then core_async_pf_ready(*@token) */
	CORE_ASYNC_PF_WAIT,	/* somebody fetches it for this vCPU already: nothing to do */
};
bool core_async_pf_possible(struct vcpu *v);
enum core_async_pf core_async_pf_start(struct vcpu *v, u64 gpa, u32 *token);
/*
 * It is there, or can't be had (the vCPU finds out by itself). Any thread, atomic; of what has
 * been forgotten meanwhile too. The home waits for its fetchers before the vCPU goes.
 */
void core_async_pf_ready(struct vcpu *v, u32 token);

/* Statistics of a VM or vCPU, by number: the counter and its name, or NULL past the last. */
const u64 *core_stat(enum plat_file_kind kind, void *obj, u32 i, const char **name);

/* For each row of the ioctl table and of the capability table: `make coverage-table`. */
struct core_coverage {
	/* "system", "vm", "vcpu", "device", "capability", "enable_cap (vm)", ... */
	const char *table;
	const char *name;
	u32 number;
	s32 value;		/* a capability's, asked of a VM that has no irqchip yet */
	const char *note;	/* NULL, or what to know */
};
void core_coverage(void (*row)(const struct core_coverage *c, void *arg), void *arg);

#endif
