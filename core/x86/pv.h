/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What a guest that knows it is one may ask for: kvmclock, PV EOI, steal
 * time with the preempted flag, unhalt, IPIs and yield by hypercall, poll
 * control (the kernel's Documentation/virt/kvm/x86/{msr,cpuid,hypercalls}).
 */
#ifndef ANYKVM_PV_H
#define ANYKVM_PV_H

#include <asm/kvm_para.h>
#include "vcpu.h"

/* Of CPUID 0x40000001 EAX, what is done on every engine; pv_features adds what this one can. */
#define PV_FEATURES						\
	(BIT(KVM_FEATURE_CLOCKSOURCE) |				\
	 BIT(KVM_FEATURE_NOP_IO_DELAY) |			\
	 BIT(KVM_FEATURE_CLOCKSOURCE2) |			\
	 BIT(KVM_FEATURE_STEAL_TIME) |				\
	 BIT(KVM_FEATURE_PV_EOI) |				\
	 BIT(KVM_FEATURE_PV_UNHALT) |				\
	 BIT(KVM_FEATURE_PV_TLB_FLUSH) |			\
	 BIT(KVM_FEATURE_PV_SEND_IPI) |				\
	 BIT(KVM_FEATURE_POLL_CONTROL) |			\
	 BIT(KVM_FEATURE_PV_SCHED_YIELD) |			\
	 BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT))

#define PV_ASYNC_MAX 64		/* pages on their way for one vCPU */

/* Asynchronous page faults: see pv-async.c. The vCPU's own thread's, but for the locked part. */
struct pv_async {
	u64 en_msr, int_msr, ack_msr;	/* the last one always reads 0 */
	u32 last_id;
	bool halted;			/* until a page comes or an event */
	bool unacknowledged;		/* the guest has been told of a page and not done with it */
	bool wake_all;			/* it is to be told that all pages may be there */

	struct plat_spinlock lock;	/* page[], nr change under it; ready is anybody's to set */
	u32 nr;
	struct pv_async_page {
		u64 gfn;
		u32 token;
		bool told, ready;
	} page[PV_ASYNC_MAX];
};

struct pv_state {
	u64 system_time_msr, wall_clock_msr, steal_msr, eoi_msr, poll_control;
	u32 features;		/* CPUID 0x40000001 EAX of the guest */
	bool enforce;		/* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */
	bool unhalted;		/* KVM_HC_KICK_CPU came: atomic, taken by pv_take_unhalt */
	bool guest_stopped;	/* KVM_KVMCLOCK_CTRL: to be told with the next clock page */
	bool preempted;		/* we have set the guest's flag */
	/* where the host program has that flag, from pv_enter to pv_leave; 0: nowhere */
	u64 preempted_uaddr;
	u64 steal_seen;		/* plat_run_delay_ns at the last update */
	u64 steal_time_ns;	/* when that was; 0: never */
	u64 left_ns;		/* the last pv_leave */
	struct pv_async async;
};

int pv_create(struct vcpu *v);		/* sets v->pv; 0 or -ENOMEM */
void pv_destroy(struct vcpu *v);
void pv_reset(struct vcpu *v);		/* RESET (not INIT): MSRs off */
void pv_cpuid_changed(struct vcpu *v);	/* after KVM_SET_CPUID2 */

/* MSRs 0x11, 0x12 and 0x4b564dXX. 0; -EINVAL: #GP; -ENOENT: not one that is built. */
int pv_get_msr(struct vcpu *v, u32 index, u64 *val, bool host);
int pv_set_msr(struct vcpu *v, u32 index, u64 val, bool host);
u32 pv_features(void);			/* what KVM_GET_SUPPORTED_CPUID says */
/* For MSR_INDEX_LIST; *n entries. */
const u32 *pv_msr_list(u32 *n);

/* VCPU_REQ_STEAL: write the steal time page. */
void pv_update_steal(struct vcpu *v);
/*
 * The vCPU's thread goes into guest code after KVM_RUN or a halt / leaves it
 * for the host program or to sleep in a halt. Both read a flag when there is
 * nothing to do. With slots_lock held for reading.
 */
void pv_enter(struct vcpu *v);
void pv_leave(struct vcpu *v);
/* In between, by the scheduler: see core_vcpu_preempted. */
u64 pv_preempted(struct vcpu *v, u8 *val);

/* Was there a KVM_HC_KICK_CPU? vcpu_has_events sees it; the one who ends the halt takes it. */
bool pv_take_unhalt(struct vcpu *v);

/* PV EOI (lapic.c): arm the guest's flag; take it back, true when the guest has cleared it. */
bool pv_eoi_arm(struct vcpu *v);
bool pv_eoi_disarm(struct vcpu *v);

/* x86_hypercall of vcpu.h is in hypercall.c. */

/* ---- pv-async.c, besides what vcpu.h and core.h say ---- */

void pv_async_init(struct pv_async *a);
void pv_async_reset(struct pv_async *a);
int pv_async_set_msr(struct vcpu *v, u32 index, u64 val);	/* reserved bits have been looked at */

/* ---- kvmclock.c ---- */

int kvmclock_create(struct vm *vm);	/* sets vm->clock; starts at 0 now */
void kvmclock_destroy(struct vm *vm);
u64 kvmclock_now(struct vm *vm);	/* ns of the guest's clock */
void kvmclock_get(struct vm *vm, struct kvm_clock_data *d);		/* KVM_GET_CLOCK */
/* KVM_SET_CLOCK: 0 or -EINVAL */
int kvmclock_set(struct vm *vm, const struct kvm_clock_data *d);
/* KVM_KVMCLOCK_CTRL: -EINVAL when the guest has no clock page */
int kvmclock_ctrl(struct vcpu *v);
/* VCPU_REQ_CLOCK: write the vCPU's page again. */
void kvmclock_update(struct vcpu *v);
/* vcpu->cpu.tsc_offset or tsc_ratio was changed: every page (the stable bit) is to be written again. */
void kvmclock_tsc_changed(struct vcpu *v);
void kvmclock_write_wall(struct vcpu *v, u64 gpa);

#endif
