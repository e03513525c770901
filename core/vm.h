/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * A virtual machine: its memory slots, vCPUs, interrupt chips and clock.
 *
 * Locks, outermost first: vm->lock (creation, irqchip set-up), slots_lock
 * (readers: every vCPU in run(), every guest access from C; writer: memslot
 * changes, after kicking all vCPUs out), then the chips' spinlocks.
 */
#ifndef ANYKVM_VM_H
#define ANYKVM_VM_H

#include <linux/kvm.h>
#include "plat.h"
#include "engine.h"

#define VM_MAX_VCPUS 1024
#define VM_MAX_VCPU_IDS 4096	/* KVM_CAP_MAX_VCPU_ID */
#define VM_MAX_SLOTS 512

struct memslot {
	u64 base_gfn, npages;
	u64 uaddr;
	u32 flags;			/* KVM_MEM_* */
	u16 id, as_id;
	u64 *dirty;			/* bitmap, with KVM_MEM_LOG_DIRTY_PAGES */
	/* bitmap: the engine has translated something from this page */
	u64 *code;
	u64 gen;			/* vm->slots_gen when it last changed */
};

struct memslots {
	u32 n;
	/* the slot that vm_slot found last: a guess, racing readers are fine */
	u32 last;
	struct memslot *by_gfn[VM_MAX_SLOTS];	/* sorted by base_gfn */
};

struct irq_routing;
struct ioapic;
struct pic;
struct pit;
struct io_device_list;
struct vm_x86;
struct nested;

struct vm {
	struct plat_file *file;
	u32 refs;			/* fd, vCPUs, devices */
	struct plat_mutex lock;
	struct plat_rwlock slots_lock;
	/* a slots writer holds it from its first kick to its unlock; see vm_slots_write */
	struct plat_mutex slots_gate;
	struct memslots slots;
	struct memslot slot_table[VM_MAX_SLOTS];	/* by id; npages = 0: free */
	u64 slots_gen;
	/* held over read-modify-writes that no one instruction can do: split, or not on RAM */
	struct plat_mutex split_lock;

	/* by creation order; read without the lock below nr_vcpus */
	struct vcpu *vcpus[VM_MAX_VCPUS];
	u32 nr_vcpus;
	u32 halt_poll_ns;		/* KVM_CAP_HALT_POLL, when it is set */
	bool halt_poll_set;
	bool manual_dirty_protect;
	bool initially_dirty;		/* KVM_DIRTY_LOG_INITIALLY_SET */
	u32 dirty_ring_size;		/* entries; 0: off */
	struct kvm_coalesced_mmio_ring *coalesced_ring;	/* shared page, the VM's */
	u32 max_vcpu_id;		/* KVM_CAP_MAX_VCPU_ID; 0: not set */
	bool bugged;			/* every later ioctl gives -EIO */

	const struct engine *engine;
	void *engine_priv;
	bool engine_ready;		/* vm_create has been called */
	struct nested *nested;		/* the kernel home's: page tables for an engine */

	/* irqroute.c, eventfd.c, coalesced.c: opaque here, each owns its struct and lock */
	struct irq_routing *routing;
	struct eventfd_state *eventfds;
	struct coalesced_state *coalesced;
	/* by enum io_bus; changed like the slots, with all vCPUs outside */
	struct io_device *io[2];
	struct vm_stats {
		u64 slots_changes, irq_lines, msis, eventfds, dirty_pages;
	} stats;

	/* x86 */
	u8 irqchip;			/* enum vm_irqchip */
	struct pic *pic;
	struct ioapic *ioapic;
	struct pit *pit;
	struct apic_map *apics;		/* core/x86/apic-map.c */
	struct kvmclock_vm *clock;	/* core/x86/kvmclock.c */
	struct msr_filter *msr_filter;
	u64 msr_filter_gen;		/* of its changes: the engine has a copy */
	u64 tss_addr, identity_map_addr;
	/* KVM_SET_NR_MMU_PAGES: kept, there is no shadow MMU to bound */
	u64 nr_mmu_pages;
	u32 boot_cpu_id;
	u32 tsc_khz;			/* of new vCPUs: KVM_SET_TSC_KHZ, or the host's */
	u64 tsc_ratio;			/* the same as a ratio */
	struct vm_tsc {
		struct plat_spinlock lock;
		bool valid;
		u64 offset, ratio;	/* of the last vCPU whose TSC was set */
	} tsc;
	u32 user_msr_mask;		/* KVM_CAP_X86_USER_SPACE_MSR */
	u32 disabled_exits;		/* KVM_CAP_X86_DISABLE_EXITS */
	bool exception_payload;		/* KVM_CAP_EXCEPTION_PAYLOAD */
	bool triple_fault_event;	/* KVM_CAP_X86_TRIPLE_FAULT_EVENT */
	bool exit_on_emulation_error;	/* KVM_CAP_EXIT_ON_EMULATION_FAILURE */
	bool x2apic_api, x2apic_no_broadcast_quirk;
	u64 disabled_quirks;		/* KVM_CAP_DISABLE_QUIRKS(2) */
	bool no_platform_info;		/* KVM_CAP_MSR_PLATFORM_INFO: the guest may not read it */
	u32 nr_ioapic_pins_split;	/* KVM_CAP_SPLIT_IRQCHIP */
};

enum vm_irqchip { VM_IRQCHIP_NONE, VM_IRQCHIP_KERNEL, VM_IRQCHIP_SPLIT };

/* memslot.c. Readers hold slots_lock. */
struct memslot *vm_slot_find(struct vm *vm, u64 gfn);

static inline struct memslot *vm_slot(struct vm *vm, u64 gfn)	/* NULL: MMIO */
{
	struct memslots *s = &vm->slots;
	u32 last = READ_ONCE(s->last);

	if (likely(last < s->n && gfn - s->by_gfn[last]->base_gfn < s->by_gfn[last]->npages))
		return s->by_gfn[last];
	return vm_slot_find(vm, gfn);
}

void vm_mark_dirty(struct vcpu *vcpu, struct vm *vm, struct memslot *slot, u64 gfn);
/*
 * Host address of one guest-physical page, NULL if none (MMIO, read-only with @write,
 * vanished). Marks dirty on write.
 */
void *vm_page(struct vm *vm, struct vcpu *vcpu, u64 gpa, bool write);
/*
 * Copy through guest-physical memory, page by page; tells the engine of writes. 0 or
 * -EFAULT. Takes no lock.
 */
int vm_read(struct vm *vm, u64 gpa, void *buf, size_t n);
int vm_write(struct vm *vm, struct vcpu *vcpu, u64 gpa, const void *buf, size_t n);

/* The home calls it for a write to a watched page of guest RAM (see plat_watch_page). */
void vm_code_written(struct vm *vm, u64 uaddr);

/*
 * Memory slots change while no vCPU is in guest code: from write to unlock
 * every vCPU stays outside run(). Never called with slots_lock held.
 */
void vm_slots_write(struct vm *vm);
void vm_slots_write_unlock(struct vm *vm);

/*
 * Make every vCPU (but @except) act on @req (VCPU_REQ_*); with @wait, return when none is
 * in guest code with it unseen.
 */
void vm_request_all(struct vm *vm, u32 req, struct vcpu *except, bool wait);

/*
 * For a home that keeps page tables for an engine: no vCPU enters guest code with what its
 * processor caches of them now. Who is inside is not interrupted, the caller sees to that. Atomic.
 */
void vm_request_tlb_flush(struct vm *vm);

/*
 * bus.c: in-kernel devices by address. Return 0 when one took it, -EOPNOTSUPP
 * when none did; a device may decline by the same. A device of length 0 is
 * asked for any access that begins at its address. Reads and writes are made
 * with slots_lock held for reading, add and remove without it.
 */
struct io_device;
struct io_device_ops {
	int (*read)(struct vcpu *vcpu, struct io_device *d, u64 addr, u32 len, void *val);
	int (*write)(struct vcpu *vcpu, struct io_device *d, u64 addr, u32 len, const void *val);
};
struct io_device {
	const struct io_device_ops *ops;
	u64 addr, len;
	struct io_device *next;
};
enum io_bus { IO_BUS_MMIO, IO_BUS_PIO };
void vm_io_add(struct vm *vm, enum io_bus bus, struct io_device *d);
void vm_io_remove(struct vm *vm, enum io_bus bus, struct io_device *d);
int vm_io_read(struct vcpu *vcpu, enum io_bus bus, u64 addr, u32 len, void *val);
int vm_io_write(struct vcpu *vcpu, enum io_bus bus, u64 addr, u32 len, const void *val);

#endif
