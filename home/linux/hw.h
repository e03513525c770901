/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel gives an engine that runs guests on the processor itself
 * (engine/svm, engine/vmx). The engines speak the core's language and include
 * none of the kernel's larger headers; this is their door to the kernel beside plat.h, and it
 * knows neither vendor. Names that begin with hw_ are here.
 */
#ifndef ANYKVM_HW_H
#define ANYKVM_HW_H

#include <linux/jump_label.h>
#include <linux/tracepoint-defs.h>
#include "plat.h"

struct vm;
struct vcpu;
struct memslot;

/* ---- processors ---- */

/*
 * Run on() on every processor, now, when one comes online and after a resume
 * from sleep; off() on each when it goes and at hw_disable(). Called with
 * interrupts off. An error of on() now: off() where it had succeeded, and the
 * error comes back; later: the processor does not come online.
 */
struct hw_cpu_ops {
	int (*on)(void);
	void (*off)(void);
};
int hw_enable(const struct hw_cpu_ops *ops);
void hw_disable(void);

int hw_this_cpu(void);		/* preemption is off */
int hw_nr_cpus(void);		/* numbers are below this */

u64 hw_rdmsr(u32 index);
void hw_wrmsr(u32 index, u64 val);
int hw_rdmsr_safe(u32 index, u64 *val);	/* 0 or -EIO (it raised #GP) */
int hw_wrmsr_safe(u32 index, u64 val);

/* ---- pages that the processor reads by physical address ---- */

/* 2^order zeroed, contiguous pages, charged to the process's memory cgroup; NULL. */
void *hw_pages_alloc(unsigned int order, u64 *phys);
void hw_pages_free(void *p, unsigned int order);
/* The same, not charged, on the memory of processor @cpu: for what belongs to processors. */
void *hw_cpu_pages_alloc(int cpu, unsigned int order, u64 *phys);

/* ---- a vCPU's way into the guest and back ---- */

/*
 * The engine's run() loop does, for each entry:
 *
 *	vcpu_enter_guest()	requests, events; may sleep
 *	hw_guest_enter()	from here preemption and interrupts are off
 *	   load state
 *	   hw_guest_begin()	RCU stops watching: nothing may trace or lock until
 *	      enter the guest
 *	   hw_guest_end()	it watches again
 *	   save state
 *	hw_guest_exit()		interrupts on (a pending one is taken here), preemption on
 *	   handle the exit; may sleep
 *
 * hw_guest_enter: the guest's FPU is in the registers, the thread is on
 * processor *@cpu, and nobody asked for the vCPU since vcpu_enter_guest.
 * False: somebody did (a request, a signal, the scheduler); nothing is off,
 * the engine goes back to vcpu_enter_guest after hw_guest_work().
 */
bool hw_guest_enter(struct vcpu *v, int *cpu);
/*
 * Where nobody watches (no processor without a tick, no lockdep) the two in the middle are a
 * jump label each.
 */
#ifdef CONFIG_CONTEXT_TRACKING_USER
DECLARE_STATIC_KEY_FALSE(context_tracking_key);
#endif
void hw_guest_begin_watched(void);
void hw_guest_end_watched(void);

static __always_inline bool hw_guest_watched(void)
{
#ifdef CONFIG_CONTEXT_TRACKING_USER
	if (static_branch_unlikely(&context_tracking_key))
		return true;
#endif
	return IS_ENABLED(CONFIG_TRACE_IRQFLAGS);
}

static __always_inline void hw_guest_begin(void)
{
	if (hw_guest_watched())
		hw_guest_begin_watched();
}

static __always_inline void hw_guest_end(void)
{
	if (hw_guest_watched())
		hw_guest_end_watched();
}

/* After it debug registers are the host's. An interrupt that ended guest code is taken in it. */
void hw_guest_exit(struct vcpu *v);
/* Let the scheduler and other work of the thread have their turn. */
void hw_guest_work(struct vcpu *v);

/* At the start and end of run(): the guest's FPU into the registers, and out of them. */
void hw_fpu_load(struct vcpu *v);
void hw_fpu_put(struct vcpu *v);
/* A new guest FPU in its reset state, for a vCPU's life. */
int hw_fpu_create(struct vcpu *v);
void hw_fpu_destroy(struct vcpu *v);
/*
 * Copy between the guest FPU and the standard form of XSAVE (vcpu->cpu.xsave,
 * X86_XSAVE_MAX bytes), whether or not it is loaded. Write: -EINVAL for what
 * XRSTOR would not take. Read: true if it is loaded, so that the copy is good
 * until the guest goes on.
 */
bool hw_fpu_read(struct vcpu *v, void *xsave, size_t n);
int hw_fpu_write(struct vcpu *v, const void *xsave);
/* XCR0 while the guest runs (interrupts off). hw_xcr0_host puts the host's back where it differs. */
void hw_xcr0_guest(u64 xcr0);
void hw_xcr0_host(u64 xcr0);

/* An IPI to the processor that @v was last on, so that it leaves guest code. Atomic, any thread. */
void hw_kick(struct vcpu *v);
/* Interrupts every processor that may be in guest code of @vm and waits until each has left it. Atomic. */
void hw_kick_all_wait(struct vm *vm);

/* MSRs that the host uses in user mode only: restored when this processor next returns there. */
void hw_user_msr(u32 index, u64 val);

/* The host's IA32_SPEC_CTRL on this processor; an engine switches it around the guest. */
u64 hw_spec_ctrl(void);
/*
 * Some processors have a thread's SSBD in an MSR of their own (LS_CFG, VIRT_SPEC_CTRL), which
 * guests are not offered: where hw_ssbd_apart() (it does not change) it is cleared for them.
 * Interrupts are off.
 */
bool hw_ssbd_apart(void);
void hw_ssbd_guest(void);
void hw_ssbd_host(void);
/* A different vCPU ran here last: indirect branch prediction barrier, where the kernel uses them. */
void hw_ibpb(void);

/* An exit by #MC: the host's handler takes it. */
void hw_machine_check(void);

/* ---- time ---- */

/* Another of the VM's vCPUs that waits for a processor may have ours (PAUSE filter): best effort. */
void hw_yield_to(struct vm *vm, struct vcpu *me);

/* ---- guest memory ---- */

/* plat_guest_write, atomic: -EFAULT, too, where the page would have to be brought in. */
int hw_guest_write_nofault(void *host, const void *src, size_t n);

/* ---- nested page tables (nested.c) ---- */

/* How the vendor writes an entry. Addresses are bits 51-12 for both. */
struct nested_format {
	u64 present;		/* any of these: the entry is there */
	u64 read_exec;		/* of every entry, table or page */
	u64 write, accessed, dirty, large;
	u64 memory_type;	/* write-back, for ordinary memory */
	u64 memory_type_io;	/* uncached, for pages that are a device's (VM_PFNMAP) */
};

int nested_vm_create(struct vm *vm, const struct nested_format *f);
void nested_vm_destroy(struct vm *vm);
u64 nested_root(struct vm *vm);		/* physical address of the top table, for its life */
unsigned int nested_levels(struct vm *vm);

enum nested_result {
	NESTED_OK,		/* the guest may try again */
	NESTED_MMIO,		/* no memory there, or a write to read-only memory: emulate */
	NESTED_GONE,		/* the host program's mapping has gone: ENGINE_EXIT_FAULT */
	NESTED_AGAIN,		/* a signal came: go to vcpu_enter_guest */
	NESTED_ASYNC,		/* the page is on its way, the guest has been told (asynchronous page fault) */
	NESTED_NOMEM,		/* no memory for the tables: ENGINE_EXIT_FAULT */
};
#define NESTED_WRITE BIT(0)
#define NESTED_EXEC BIT(1)
/* @gpa faulted. On the vCPU's thread, inside run() (slots_lock is held for reading). May sleep. */
enum nested_result nested_fault(struct vcpu *v, u64 gpa, u32 acc);

/* For struct engine: its callbacks of the same names. */
void nested_slot_changed(struct vm *vm, const struct memslot *old, const struct memslot *new);
void nested_dirty_collect(struct vm *vm, struct memslot *slot, u64 first, u64 npages);
void nested_dirty_clear(struct vm *vm, struct memslot *slot, u64 first, u64 mask);

/* ---- tracepoints (trace.c): names and fields that the usual tools read ---- */

DECLARE_TRACEPOINT(kvm_entry);
DECLARE_TRACEPOINT(kvm_exit);
DECLARE_TRACEPOINT(kvm_inj_virq);
DECLARE_TRACEPOINT(kvm_page_fault);

void hw_trace_entry_on(struct vcpu *v, u64 rip);
void hw_trace_exit_on(struct vcpu *v, u32 reason, u64 rip, u64 info1, u64 info2, u32 intr_info,
		      u32 error);
void hw_trace_inject_on(struct vcpu *v, u32 vector, bool soft, bool again);
void hw_trace_page_fault_on(struct vcpu *v, u64 rip, u64 gpa, u64 error);

static inline void hw_trace_entry(struct vcpu *v, u64 rip)
{
	if (tracepoint_enabled(kvm_entry))
		hw_trace_entry_on(v, rip);
}

/* The vendor's exit reason and what goes with it; the event that was on its way. */
static inline void hw_trace_exit(struct vcpu *v, u32 reason, u64 rip, u64 info1, u64 info2,
				 u32 intr_info, u32 error)
{
	if (tracepoint_enabled(kvm_exit))
		hw_trace_exit_on(v, reason, rip, info1, info2, intr_info, error);
}

static inline void hw_trace_inject(struct vcpu *v, u32 vector, bool soft, bool again)
{
	if (tracepoint_enabled(kvm_inj_virq))
		hw_trace_inject_on(v, vector, soft, again);
}

static inline void hw_trace_page_fault(struct vcpu *v, u64 rip, u64 gpa, u64 error)
{
	if (tracepoint_enabled(kvm_page_fault))
		hw_trace_page_fault_on(v, rip, gpa, error);
}

#endif
