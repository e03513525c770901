/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The AMD-V engine's inside: what a vCPU has beside its struct vcpu, and what
 * the files of this folder call in each other.
 *
 * Who holds the state: gpr, rip, rflags, cr8, the interrupt shadow and
 * nmi_masked are in vcpu->cpu between two runs of the guest, always. The rest
 * is in the VMCB while vcpu->state_stale is set, and in vcpu->cpu otherwise;
 * whoever finds it in the wrong place moves all of it (state.c).
 */
#ifndef ANYKVM_SVM_H
#define ANYKVM_SVM_H

#include "vcpu.h"
#include "hw.h"
#include "vmcb.h"

/* The processor's own, of Fn8000_000A and its neighbours. The same on all processors. */
struct svm_caps {
	u32 asids;
	bool next_rip;			/* NRIPS */
	bool decode_assists;		/* MOV to CR: from which register */
	bool flush_by_asid;
	bool tsc_scaling;		/* MSR TSC_RATIO */
	bool pause_filter, pause_threshold;
	bool spec_ctrl;			/* there is an MSR SPEC_CTRL ... */
	bool virt_spec_ctrl;		/* ... and the VMCB has the guest's */
	bool ssbd_apart;		/* hw_ssbd_apart() */
	bool ibpb;			/* PRED_CMD */
	bool rdtscp;			/* TSC_AUX */
	u64 cr4;			/* bits that MOV CR4 takes */
	u64 cr4_mce;			/* CR4.MCE, where the host takes machine checks */
	u64 xcr0;			/* the host's; 0: no XSAVE */
	u64 iopm_pa;
};
extern struct svm_caps svm_caps;

struct svm_vcpu {
	struct vcpu *vcpu;
	struct vmcb *vmcb;
	u64 vmcb_pa;
	u8 *msrpm;			/* MSR permission map: two bits an MSR */
	u64 msrpm_pa;
	u64 id;				/* of all vCPUs that ever were */
	u64 tsc_ratio;			/* its TSC's ticks for one of the host's: 8.32 bits */

	/* where it ran last, and whether its translations there are good */
	int cpu;
	u64 asid_generation;
	enum { SVM_KEEP, SVM_FLUSH_PAGE, SVM_FLUSH } flush;
	u64 flush_lin;			/* with SVM_FLUSH_PAGE */

	bool setup_stale;		/* what CPUID, filters, debugger choose: svm_setup */
	u64 msr_filter_gen;		/* of the VM's MSR filter that msrpm follows */
	u64 hidden_cr0;			/* CD and NW, which the VMCB does not have */
	u64 hosts_cr4;			/* MCE, which the VMCB has and the guest does not */
	bool cr4_checked;		/* a guest's MOV CR4 could set what its CPUID has not */
	bool tr_available;		/* the processor keeps TR's type as it was before LTR */
	bool dr_open;			/* the guest's debug registers are in the processor's */
	bool debug_live;		/* that, or breakpoints are set */
	bool waits;			/* a window is open, or IRET intercepted: inject.c */
	bool deliver_slow;		/* the next event is the emulator's to deliver */
};

#define SVM_TSC_RATIO_BITS 32
#define SVM_TSC_RATIO_ONE BIT_ULL(SVM_TSC_RATIO_BITS)

/* Out of line: not needed each time. */
#define SVM_COLD __attribute__((__noinline__, __cold__))

#define SVM_EFER_SVME BIT_ULL(12)
#define SVM_DR6_FIXED 0xffff0ff0ull
#define SVM_DR6_CAUSES 0xe00full	/* BT BS BD B3-B0 */
#define SVM_DR6_BS BIT_ULL(14)
#define SVM_DR7_ENABLES 0xffull
#define SVM_DR7_GD BIT_ULL(13)

static inline struct svm_vcpu *svm_of(struct vcpu *v)
{
	return v->engine_priv;
}

/* The processor's copy of these parts of the VMCB is old. */
static inline void svm_dirty(struct svm_vcpu *s, u32 parts)
{
	s->vmcb->control.clean &= ~parts;
}

/* cpu.c */
struct svm_cpu {
	u64 hsave_pa;		/* the processor's own host save area */
	u64 host_pa;		/* and ours, for VMSAVE */
	void *pages;
	u64 asid_generation;
	u32 next_asid;
	u64 last_id;		/* svm_vcpu.id that ran here last; 0: none yet */
	u64 tsc_ratio;			/* of MSR TSC_RATIO */
};
extern struct svm_cpu *svm_cpus;

int svm_cpus_create(void);
void svm_cpus_destroy(void);
int svm_cpus_enable(void);
void svm_cpus_disable(void);
/* On the processor that runs the guest next, interrupts off: its ASID, what to flush. */
void svm_cpu_prepare(struct svm_vcpu *s, int cpu);
/* Is there nothing to do for that? The last entry's is still right. */
static inline bool svm_cpu_prepared(const struct svm_vcpu *s, int cpu)
{
	const struct svm_cpu *c = &svm_cpus[cpu];

	return c->last_id == s->id && s->cpu == cpu && s->asid_generation == c->asid_generation &&
	       !s->flush && !s->vmcb->control.tlb_control;
}

/* state.c */
void svm_state_load(struct svm_vcpu *s);	/* vcpu->cpu to the VMCB; sets state_stale */
void svm_state_read(struct vcpu *v);		/* and back; clears it */
/* CR0, CR3, CR4, EFER, CS and SS alone: what core/x86/decoded.c and page walks need. */
void svm_mode_read(struct svm_vcpu *s);
void svm_vmcb_init(struct svm_vcpu *s);

/* intercept.c */
void svm_setup(struct svm_vcpu *s);
void svm_set_misc(struct svm_vcpu *s, unsigned int vector, u32 bit, bool on);
void svm_update_cr_intercepts(struct svm_vcpu *s, bool tpr);

/* msr.c */
void svm_msr_setup(struct svm_vcpu *s);

/* inject.c */
bool svm_inject(struct vcpu *v, enum x86_event_kind kind, const struct x86_exception *ev);
/* After vcpu_enter_guest. 1: go on; 0: leave run() with *@why; -1: through it again. */
int svm_prepare_events(struct svm_vcpu *s, enum engine_exit *why);
void svm_after_events(struct svm_vcpu *s);	/* after each exit */

/*
 * No event is about, or was at the last entry, and no window is open: neither of the two has
 * anything to do.
 */
static inline bool svm_calm(const struct svm_vcpu *s)
{
	return !(s->vcpu->events_open | s->waits);
}

/* debug.c */
void svm_debug_load(struct svm_vcpu *s);	/* with svm_state_load */
void svm_debug_setup(struct svm_vcpu *s);	/* with svm_setup */
void svm_debug_enter(struct svm_vcpu *s);	/* live, interrupts off, right before the entry */
void svm_debug_leave(struct svm_vcpu *s);	/* and right after the exit */
int svm_exit_db(struct svm_vcpu *s, enum engine_exit *why);
int svm_exit_bp(struct svm_vcpu *s, enum engine_exit *why);
int svm_exit_dr(struct svm_vcpu *s, enum engine_exit *why);

/* decode.c: rip behind the instruction that was intercepted; 0: let the emulator look. */
u64 svm_next_rip(struct svm_vcpu *s, u8 op, int modrm, bool one);
int svm_emulate(struct svm_vcpu *s, enum engine_exit *why);

/* exits.c: 1: go on, 0: leave run() with *@why */
int svm_exit(struct svm_vcpu *s, enum engine_exit *why);

/* run.c */
enum engine_exit svm_run(struct vcpu *v);

/*
 * enter.S. Interrupts are off, and off again when it returns. @gpr: in the order of enum
 * x86_reg, without rax and rsp. SPEC_CTRL is written where the two differ.
 */
void svm_world_switch(u64 vmcb_pa, u64 *gpr, u64 host_pa, u64 spec_ctrl, u64 host_spec_ctrl);

#endif
