/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What the files of the KVM API call in each other. Other people's doors are
 * vm.h and vcpu.h.
 */
#ifndef ANYKVM_CORE_INT_H
#define ANYKVM_CORE_INT_H

#include "vcpu.h"

#define VCPU_MMAP_PAGES 3ull	/* run, PIO, coalesced; the dirty ring lies elsewhere */

/* Largest number of MSRs or CPUID entries in one call. */
#define MAX_IO_MSRS 256
#define MAX_CPUID_ENTRIES 256

/* system.c */
const struct engine *core_engine(void);		/* that VMs will run on; NULL before core_init */

/* vm.c */
int core_vm_create(const struct engine *engine);	/* the fd */
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);
u32 vm_nr_vcpus(const struct vm *vm);		/* those in vm->vcpus, complete */
struct vcpu *vm_vcpu_by_id(struct vm *vm, u32 id);

/* vcpu.c */
void vm_vcpus_destroy(struct vm *vm);
int vcpu_create(struct vm *vm, u32 id);		/* the fd; vm->lock held */


/* event.c */
int vcpu_inject_events(struct vcpu *v, enum engine_exit *why);
bool vcpu_ready_for_user_interrupt(struct vcpu *v);
void vcpu_events_store(struct vcpu *v, struct kvm_vcpu_events *ev);
int vcpu_events_load(struct vcpu *v, const struct kvm_vcpu_events *ev);

/* memslot.c */
void vm_slots_free(struct vm *vm);
struct memslot *vm_slot_id(struct vm *vm, u32 as_id_slot);	/* vm->lock held; NULL: no such */
u64 *vm_slot_new_bitmap(u64 npages, bool ones);

/* dirty.c */
int vcpu_dirty_ring_create(struct vcpu *v);
bool vcpu_dirty_ring_full(struct vcpu *v);
void vcpu_dirty_push(struct vcpu *v, struct memslot *slot, u64 gfn);
int vm_enable_dirty_ring(struct vm *vm, u64 bytes);

/* irqroute.c, eventfd.c, coalesced.c, stats.c */
int vm_irq_routing_create(struct vm *vm);
void vm_irq_routing_destroy(struct vm *vm);
int vm_irq_routing_default(struct vm *vm, bool split);
int vm_eventfds_create(struct vm *vm);
void vm_eventfds_stop(struct vm *vm);
void vm_eventfds_destroy(struct vm *vm);
int vm_coalesced_create(struct vm *vm);
void vm_coalesced_destroy(struct vm *vm);

/* x86/cpuid.c */
u64 x86_host_xcr0(void);
u32 x86_xsave_size(u64 xcr0, bool compacted);
bool x86_guest_has(struct vcpu *v, u32 leaf, u32 sub, unsigned int reg, u32 bit);
/* CPUID, a quirk or MISC_ENABLE says otherwise now */
void x86_mwait_changed(struct vcpu *v);
u64 x86_guest_xcr0(struct vcpu *v);		/* what its CPUID allows in XCR0 */
u64 x86_cr4_guest_reserved(struct vcpu *v);
u32 x86_supported(u32 leaf, u32 sub, unsigned int reg);	/* what KVM_GET_SUPPORTED_CPUID offers */

/* x86/cr.c */
bool x86_cr0_valid(u64 val);
int x86_set_efer_by(struct vcpu *v, u64 val, bool host);

/* x86/tsc.c */
void x86_tsc_synchronize(struct vcpu *v, u64 val);

/* x86/msr.c, msr-io.c, mce.c */
int x86_msrs_create(struct vcpu *v);
void x86_msrs_destroy(struct vcpu *v);
void x86_msrs_reset(struct vcpu *v, bool init);
bool x86_msr_filter_allows(struct vcpu *v, u32 index, bool write);
void x86_msr_filter_free(struct vm *vm);
u64 x86_mce_cap_supported(void);

/* x86/vm-x86.c, vcpu-x86.c */
int x86_vm_create(struct vm *vm);
void x86_vm_destroy(struct vm *vm);
int x86_vcpu_create(struct vcpu *v);
void x86_vcpu_published(struct vcpu *v);	/* it is in vm->vcpus now */
void x86_vcpu_destroy(struct vcpu *v);
void x86_scan_routes(struct vcpu *v);		/* VCPU_REQ_SCAN_IOAPIC */
int x86_split_irqchip(struct vm *vm, u64 pins);

/* x86/regs.c, fpu.c */
void x86_regs_store(struct vcpu *v, struct kvm_regs *r);
int x86_regs_load(struct vcpu *v, const struct kvm_regs *r);
void x86_sregs_store(struct vcpu *v, struct kvm_sregs *s);
int x86_sregs_load(struct vcpu *v, const struct kvm_sregs *s);
int x86_load_pdptes(struct vcpu *v, u64 cr3);
void x86_fpu_reset(struct vcpu *v);

#endif
