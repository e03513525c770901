/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The local APIC of one vCPU (Intel SDM vol. 3, chapter "APIC"; AMD APM
 * vol. 2, chapter 16).
 *
 * Who may call: the registers, CR8 and the base belong to the vCPU's own
 * thread (or its ioctl, under vcpu->lock); delivery may come from any thread
 * and takes no lock: it sets a bit of IRR atomically and kicks.
 */
#ifndef ANYKVM_LAPIC_H
#define ANYKVM_LAPIC_H

#include "vcpu.h"

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff

#define LAPIC_BASE_BSP BIT_ULL(8)
#define LAPIC_BASE_EXTD BIT_ULL(10)
#define LAPIC_BASE_ENABLE BIT_ULL(11)
#define LAPIC_BASE_DEFAULT 0xfee00000ull

#define LAPIC_LVT_MASKED BIT(16)
#define LAPIC_LVT_DEADLINE BIT(18)
#define LAPIC_SVR_ENABLE BIT(8)
#define LAPIC_SVR_NO_EOI_BROADCAST BIT(12)
#define LAPIC_VERSION_NO_EOI_BROADCAST BIT(24)
#define LAPIC_ICR_BUSY BIT(12)

enum apic_delivery {
	LAPIC_DM_FIXED, LAPIC_DM_LOWEST, LAPIC_DM_SMI, LAPIC_DM_REMOTE_READ,
	LAPIC_DM_NMI, LAPIC_DM_INIT, LAPIC_DM_SIPI, LAPIC_DM_EXTINT,
};

enum apic_lvt {
	LAPIC_LVT_TIMER, LAPIC_LVT_THERMAL, LAPIC_LVT_PERF, LAPIC_LVT_LINT0, LAPIC_LVT_LINT1,
	LAPIC_LVT_ERROR, LAPIC_NR_LVT,
};

struct lapic {
	/* Vectors, one bit each. irr and tmr are written by any thread, atomically. */
	u64 irr[4], isr[4], tmr[4];
	u32 ppr;		/* follows tpr and isr at once */
	u32 tpr;
	u32 svr;
	bool x2apic, enabled;	/* copies of apic_base's bits */
	bool has_deadline;	/* CPUID offers the TSC deadline mode */
	bool pv_eoi_armed;	/* we set the guest's PV EOI flag: lapic_sync before ISR is used */
	u32 id;			/* xAPIC: 8 bits; the x2APIC ID is vcpu->id */
	u32 ldr, dfr;		/* xAPIC; as the registers hold them */
	u32 version;
	u32 esr, esr_pending;
	u32 icr_lo, icr_hi;
	u32 lvt[LAPIC_NR_LVT];

	struct vcpu *vcpu;
	u32 events;		/* atomic: LAPIC_INIT and so on below */
	u32 arb;		/* round robin of lowest priority delivery */

	/* timer: under timer_lock; see lapic-timer.c */
	struct plat_spinlock timer_lock;
	u32 tmict, tdcr;
	u64 tsc_deadline;
	u64 period_ns;
	u64 deadline_ns;	/* 0: not running */
	u64 armed_ns;		/* when the plat_timer will call; 0: will not */
	struct plat_timer timer;

	/* Split irqchip: vectors whose EOI the host program must hear of, by its routes ... */
	u64 eoi_exit[4];
	u64 eoi_pending[4];	/* ... and those that it has not heard of yet */
};

/* For KVM_CREATE_VCPU (vm->lock held) when vm->irqchip != VM_IRQCHIP_NONE. Sets vcpu->lapic. */
int lapic_create(struct vcpu *v);
void lapic_destroy(struct vcpu *v);

/*
 * Registers to their values after RESET or INIT. lapic_create and the INIT
 * protocol below call it themselves: x86_vcpu_reset must not.
 */
void lapic_reset(struct vcpu *v, bool init);

/* KVM_GET_LAPIC, KVM_SET_LAPIC (the x2APIC ID's format follows vm->x2apic_api). 0 or -EINVAL. */
int lapic_get_state(struct vcpu *v, struct kvm_lapic_state *s);
int lapic_set_state(struct vcpu *v, const struct kvm_lapic_state *s);

/*
 * IA32_APIC_BASE, also without an in-kernel APIC. -EINVAL: #GP (or the
 * ioctl's). The initial value is lapic_base_default's; vcpu creation sets it.
 */
int lapic_set_base(struct vcpu *v, u64 val, bool host);
static inline u64 lapic_base_default(const struct vcpu *v)
{
	return LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE |
	       (v->id == v->vm->boot_cpu_id ? LAPIC_BASE_BSP : 0);
}

/* The xAPIC's page. vm_io_read/write(IO_BUS_MMIO) ask this first; then it is theirs: always 0. */
static inline bool lapic_mmio_hit(const struct vcpu *v, u64 gpa)
{
	return v->lapic && v->lapic->enabled && !v->lapic->x2apic &&
	       gpa - (v->apic_base & PAGE_MASK) < PAGE_SIZE;
}
int lapic_mmio_read(struct vcpu *v, u64 gpa, u32 len, void *val);
int lapic_mmio_write(struct vcpu *v, u64 gpa, u32 len, const void *val);

/* MSRs 0x800..0x8ff. 0, or -EINVAL for #GP (also when not in x2APIC mode or without a LAPIC). */
int lapic_msr_read(struct vcpu *v, u32 index, u64 *val);
int lapic_msr_write(struct vcpu *v, u32 index, u64 val);

/* IA32_TSC_DEADLINE; reads 0 and ignores writes without a LAPIC or in another timer mode. */
u64 lapic_get_tsc_deadline(struct vcpu *v);
void lapic_set_tsc_deadline(struct vcpu *v, u64 val);

/* CR8, bits 7:4 of TPR. Without a LAPIC: vcpu->cpu.cr8 alone. @val <= 15. */
void lapic_set_cr8(struct vcpu *v, u64 val);
u64 lapic_get_cr8(struct vcpu *v);

/*
 * INIT, SIPI and NMI messages wait in lapic->events. Core calls
 * lapic_accept_events on the vCPU's own thread when VCPU_REQ_EVENT is taken
 * and when it waits in a state that is not runnable: it resets the vCPU
 * (x86_vcpu_reset(v, true)), changes mp_state, sets cs:rip, counts
 * nmi_pending up. Fine without a LAPIC and when nothing waits.
 */
#define LAPIC_INIT BIT(0)
#define LAPIC_SIPI BIT(1)
#define LAPIC_NMI BIT(2)
#define LAPIC_NMI2 BIT(3)	/* a second one, before the first was seen */
static inline bool lapic_has_init_sipi(const struct vcpu *v)
{
	return v->lapic && (READ_ONCE(v->lapic->events) & (LAPIC_INIT | LAPIC_SIPI));
}
void lapic_accept_events(struct vcpu *v);

/* Expiry on the vCPU's own thread, sooner than by the timer's: the deadline (0: none), a look. */
u64 lapic_timer_deadline(struct vcpu *v);
void lapic_timer_poll(struct vcpu *v);

/* The guest's TSC offset has changed: the TSC deadline moves. */
void lapic_tsc_changed(struct vcpu *v);

/*
 * Split irqchip: on VCPU_REQ_EXIT_USER core asks this. True: vcpu->run is
 * filled with KVM_EXIT_IOAPIC_EOI (the request is set again if more wait).
 */
bool lapic_fill_eoi_exit(struct vcpu *v);

/* KVM_SET_CPUID2 was done: version register (EOI broadcast suppression), timer modes. */
void lapic_cpuid_changed(struct vcpu *v);

/* KVM_NMI and LINT1-like local sources of the core (any thread). */
void lapic_deliver_lvt(struct vcpu *v, enum apic_lvt which);
/* An NMI from any thread, or without a LAPIC from the vCPU's own (under vcpu->lock). */
void vcpu_raise_nmi(struct vcpu *v);

/* The highest vector above PPR, or -1; and take it. Own thread. */
int lapic_pending(struct lapic *l);
/* A vector that only the task priority keeps from the CPU. */
bool lapic_waits_for_tpr(const struct lapic *l);
int lapic_ack(struct lapic *l);
/* Does LINT0 bring the 8259s' INTR to this CPU? */
bool lapic_takes_extint(const struct lapic *l);

/* ---- inside of the LAPIC's files ---- */

void lapic_sync(struct lapic *l);		/* take a PV EOI in: before ISR is used */
void lapic_set_id(struct lapic *l, u32 id);
u32 lapic_x2apic_ldr(const struct lapic *l);
void lapic_error(struct lapic *l, u32 esr_bit);
void lapic_update_ppr(struct lapic *l);
void lapic_send_icr(struct lapic *l);
int apic_map_add(struct vcpu *v);
void apic_map_remove(struct vcpu *v);
void apic_map_id_changed(struct vcpu *v);

int lapic_timer_init(struct lapic *l);
void lapic_timer_fini(struct lapic *l);
void lapic_timer_stop(struct lapic *l);
void lapic_timer_set_count(struct lapic *l, u32 tmict);
void lapic_timer_set_divide(struct lapic *l, u32 tdcr);
void lapic_timer_set_lvt(struct lapic *l, u32 lvtt);
u32 lapic_timer_count(struct lapic *l);
void lapic_timer_restore(struct lapic *l, u32 tmict, u32 tdcr, u32 tmcct);

/* ---- delivery: any thread, no lock ---- */

/* One message to one LAPIC. True when it took it (false: off, masked, or pending already). */
bool lapic_accept(struct vcpu *v, enum apic_delivery mode, u8 vector, bool level);

struct apic_msg {
	u32 dest;
	u8 vector;
	u8 delivery;		/* enum apic_delivery */
	bool logical;
	bool level;		/* trigger mode */
	bool assert;
	bool redir_hint;	/* MSI: lowest priority of the set, physical or logical */
	bool x2apic_dest;	/* @dest is 32 bits wide (an x2APIC's ICR, PV IPI) */
};

/*
 * To every vCPU that @m addresses. The number of vCPUs that took it (an
 * interrupt that was already pending counts as not taken), -1: none addressed.
 */
int apic_deliver(struct vm *vm, const struct apic_msg *m);
bool apic_dest_match(struct vcpu *v, const struct apic_msg *m);
struct vcpu *apic_find(struct vm *vm, u32 apic_id);	/* by APIC ID, NULL: none */
void apic_map_destroy(struct vm *vm);			/* at the VM's end */

#endif
