/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * A virtual CPU: its architectural state, what is pending for it, and the
 * page that it shares with the host program.
 */
#ifndef ANYKVM_VCPU_H
#define ANYKVM_VCPU_H

#include "vm.h"
#include "x86/cpu.h"
#include "x86/emulate/emulate.h"

/* vcpu->requests: set by any thread with vcpu_request, taken by the vCPU's own. */
enum vcpu_req {
	VCPU_REQ_EVENT,		/* look again for interrupts, NMI, SIPI */
	VCPU_REQ_TLB_FLUSH,	/* dirty logging or a slot changed: all cached translations */
	VCPU_REQ_TLB_FLUSH_GUEST,	/* PV TLB flush asked by another vCPU */
	VCPU_REQ_CODE,		/* the engine's invalidation queue has work */
	VCPU_REQ_CLOCK,		/* kvmclock page to be written again */
	VCPU_REQ_STEAL,		/* steal time page to be written */
	VCPU_REQ_PAUSE,		/* leave run(): the slots writer waits */
	VCPU_REQ_TRIPLE_FAULT,
	VCPU_REQ_TIMER,		/* LAPIC timer expired */
	/* run->exit_reason is filled (IOAPIC EOI, ...): return to the host program */
	VCPU_REQ_EXIT_USER,
	VCPU_REQ_SCAN_IOAPIC,
	VCPU_REQ_DIRTY_RING_FULL,
	VCPU_REQ_ASYNC_PF,	/* a page has come, or the guest took the last message of one */
	VCPU_REQ_SET_TPR,	/* the guest lowered CR8 and the LAPIC is the host program's */
};

/* MMIO and PIO of one instruction that the host program answers: see core/x86/mmio.c. */
#define MMIO_LOG_MAX 32
struct mmio_access {
	u64 gpa;
	u8 len;
	bool write, done;
	u8 data[64];
};
struct mmio_log {
	u64 rip;		/* the instruction it belongs to */
	u32 n, replay;		/* entries, and the next to be matched in this attempt */
	u32 flushed;		/* bytes of a write already handed out */
	struct mmio_access a[MMIO_LOG_MAX];
	/* run->mmio or run->io of the last exit is to be taken in at the next KVM_RUN */
	bool awaiting;
	bool pio;
	u16 port;
	u8 pio_size;
	bool pio_in, pio_ahead;
	u32 pio_count;
	/* REP INS reads ahead: what KVM_EXIT_IO brought and the instruction has not consumed. */
	u64 ahead_rip;
	u16 ahead_port;
	u32 ahead_pos, ahead_end;	/* in bytes */
	u8 ahead[1024];
};

/* An IN or OUT that the host program answers, of x86/decoded.c: finished at the next KVM_RUN. */
struct pio_open {
	u64 rip, next;
	u8 size;		/* 0: none */
	bool in;
};

struct vcpu_stats {
	u64 exits, io_exits, mmio_exits, irq_exits, halt_exits, signal_exits, injections,
	    nmi_injections, tlb_flush, translations, invalidations, hypercalls, requests, halt_wakeup;
};

struct vcpu {
	/* first what a home may see: struct vcpu_head of core.h, the same fields */
	struct vm *vm;
	u64 requests;			/* atomic bits of enum vcpu_req */
	/*
	 * 1 from vcpu_enter_guest's "go on" to the engine's way out (vcpu_leave_guest):
	 * vcpu_kick calls engine->kick only then. vcpu_enter_guest sets it.
	 */
	u32 in_guest;
	u32 waiting;			/* 1 while halted in plat_thread_wait */
	u32 id;				/* KVM_CREATE_VCPU's argument: the initial APIC id */
	u32 index;			/* in vm->vcpus */
	struct plat_thread thread;

	struct plat_file *file;
	struct plat_mutex lock;		/* held through KVM_RUN and every vCPU ioctl */
	struct kvm_run *run;		/* page 0 of the mapping */
	u8 *pio_page;			/* page KVM_PIO_PAGE_OFFSET (1) */
	struct kvm_coalesced_mmio_ring *coalesced;	/* page 2, shared by the VM's vCPUs */
	struct kvm_dirty_gfn *dirty_ring;
	u32 dirty_tail, dirty_reset;	/* free-running indices */
	struct plat_spinlock dirty_lock;

	struct x86_cpu cpu;
	/* bound to cpu with the vCPU's ops (core/x86/vcpu-emulate.c) */
	struct x86_emu emu;
	void *engine_priv;

	bool engine_ready;		/* vcpu_create has been called */
	bool state_stale, fpu_stale;	/* the engine has newer: see engine.h */

	u32 mp_state;			/* KVM_MP_STATE_* */
	u32 sipi_vector;

	/* events */
	struct x86_exception exception;	/* pending to be injected when exception_pending */
	bool exception_pending;
	/* its CR2 or DR6 effects have been done already (SET_VCPU_EVENTS) */
	bool exception_injected;
	/* a delivery stopped on MMIO: vcpu_enter_guest does it again */
	bool delivering;
	bool interrupt_pending, interrupt_soft;	/* taken from its chip but not delivered yet */
	/* ... by KVM_INTERRUPT or SET_VCPU_EVENTS: IF was looked at already */
	bool interrupt_injected;
	u8 interrupt_vector;
	u8 nmi_pending;			/* 0..2 */
	bool nmi_injected;
	/* the engine took it at this entry (enum x86_event_kind + 1; 0: nothing) */
	u8 event_under_way;
	/*
	 * There may be an event to deliver: somebody said so (VCPU_REQ_EVENT, an ioctl, an
	 * exception) after vcpu_windows last found nothing that waits.
	 */
	bool events_open;
	/* split irqchip: KVM_INTERRUPT's, an ExtINT for the LAPIC; -1: none */
	int pending_external_vector;
	bool request_interrupt_window;	/* from run, at KVM_RUN */
	bool triple_fault_pending;

	/* x86 */
	struct lapic *lapic;		/* NULL without an in-kernel one */
	u64 apic_base;			/* IA32_APIC_BASE */
	struct kvm_cpuid_entry2 *cpuid;
	u32 nr_cpuid;
	struct vcpu_msrs *msrs;		/* core/x86/msr.c: those not in struct x86_cpu */
	struct pv_state *pv;		/* core/x86/pv.c: PV EOI, steal time, features */
	u32 tsc_khz;			/* KVM_SET_TSC_KHZ */
	u64 tsc_ratio;			/* see struct engine; state_written says that it changed */
	struct mmio_log mmio;
	struct pio_open pio_open;
	/* emu.insn is the one at insn_rip, which waits for the host program's answer */
	bool insn_kept;
	u64 insn_rip;
	/*
	 * From an engine, before it emulates: where the instruction's memory operand is in
	 * guest-physical memory. It holds for that instruction.
	 */
	u64 known_gpa;
#define VCPU_NO_GPA (~0ull)
	u64 guest_debug;		/* KVM_GUESTDBG_* */
	u64 guest_debug_dr[8];		/* with KVM_GUESTDBG_USE_HW_BP */
	/* rip of a breakpoint that has been reported: run it this time */
	u64 debug_resume_pc;
	bool debug_resuming;
	bool memory_gone;		/* guest RAM has vanished: KVM_RUN gives -EFAULT */
	/* DR6 bits of watchpoints that the instruction in work has touched */
	u64 watch_hits;
	u64 sync_regs;			/* run->kvm_valid_regs */
	struct vcpu_stats stats;
	/*
	 * A KVM_EXIT_X86_RDMSR/WRMSR is out: at the next KVM_RUN the emulated
	 * instruction is completed from run->msr.
	 */
	/* VCPU_TRACE_*: topics of ANYKVM_TRACE that were on at creation */
	u8 trace;
	bool has_run;			/* KVM_RUN was called: CPUID is fixed */
	u8 msr_exit;			/* 0, 1 = rdmsr, 2 = wrmsr; the index is run->msr's */
	/* msr_error and msr_data answer the instruction that is run again */
	bool msr_answered;
	u8 msr_error;
	u32 msr_index;
	u64 msr_data;
	bool hypercall_exit;
};

#define VCPU_TRACE_EXIT BIT(0)
#define VCPU_TRACE_MSR BIT(1)
#define VCPU_TRACE_EVENT BIT(2)

static inline void vcpu_request(struct vcpu *v, enum vcpu_req r)
{
	plat_atomic_or64(&v->requests, BIT_ULL(r));
}

static inline bool vcpu_take_request(struct vcpu *v, enum vcpu_req r)
{
	return (READ_ONCE(v->requests) & BIT_ULL(r)) &&
	       (plat_atomic_and64(&v->requests, ~BIT_ULL(r)) & BIT_ULL(r));
}

/* The engine, when it is out of guest code again. */
static inline void vcpu_leave_guest(struct vcpu *v)
{
	WRITE_ONCE(v->in_guest, 0);
}

/* The processor that starts by itself: the others wait for INIT and SIPI. */
static inline bool vcpu_is_bsp(const struct vcpu *v)
{
	return v->id == v->vm->boot_cpu_id;
}

/*
 * vcpu.c: set a request, then make the vCPU see it: kick it out of guest code or wake it
 * from halt.
 */
void vcpu_kick(struct vcpu *v);
void vcpu_request_kick(struct vcpu *v, enum vcpu_req r);

/*
 * vcpu.c: on the vCPU's own thread before guest code: handles requests,
 * injects exceptions, NMI and interrupts through x86_deliver. Returns 1: go
 * on; 0: leave run() with *@why.
 */
int vcpu_enter_guest(struct vcpu *v, enum engine_exit *why);

/*
 * event.c, for an engine without inject(): deliver the exception that is pending, and nothing
 * else, as vcpu_enter_guest would. It touches no vector register unless something is traced.
 */
int vcpu_inject_exception(struct vcpu *v, enum engine_exit *why);

/*
 * event.c, for an engine with inject(): after each exit, what it was given has been delivered;
 * then, if EXITINTINFO or its like says so, it (or another event that was on its way) has
 * not been and is to be tried again.
 */
void vcpu_event_done(struct vcpu *v);
void vcpu_event_again(struct vcpu *v, enum x86_event_kind kind, const struct x86_exception *ev);

/*
 * event.c: after vcpu_enter_guest said go on: which events wait for a window? The engine makes
 * the processor leave when interrupts (IF, shadow, TPR) or NMIs can be taken. With events_open
 * clear there is none, and no need to ask.
 */
#define VCPU_WINDOW_INTERRUPT BIT(0)
#define VCPU_WINDOW_NMI BIT(1)
#define VCPU_WINDOW_TPR BIT(2)	/* ... or the guest lowers its task priority (MOV CR8) */
u32 vcpu_windows(struct vcpu *v);

/* All of v->cpu, and cpu.xsave, are up to date after these. On the vCPU's thread or under its lock. */
static inline void vcpu_state(struct vcpu *v)
{
	if (v->state_stale)
		v->vm->engine->state_read(v);
}

static inline void vcpu_fpu(struct vcpu *v)
{
	if (v->fpu_stale)
		v->vm->engine->fpu_read(v);
}

/*
 * x86/decoded.c: instructions that a processor has decoded for us. Each finishes the one at
 * cpu.rip and goes to @next, or raises. 1: go on; 0: leave run() with *@why. Besides what
 * state_stale leaves valid, the engine has made cr0, cr3, cr4, efer, CS and SS so.
 */
enum engine_exit;
int vcpu_decoded_skip(struct vcpu *v, u64 next, enum engine_exit *why);	/* rip, RF, shadow, TF */
int vcpu_decoded_cpuid(struct vcpu *v, u64 next, enum engine_exit *why);
int vcpu_decoded_rdmsr(struct vcpu *v, u64 next, enum engine_exit *why);
int vcpu_decoded_wrmsr(struct vcpu *v, u64 next, enum engine_exit *why);
/* A plain IN or OUT (no string, no I/O breakpoint armed: those are the emulator's). */
int vcpu_decoded_io(struct vcpu *v, u16 port, u32 size, bool in, u64 next, enum engine_exit *why);
int vcpu_decoded_io_answer(struct vcpu *v, enum engine_exit *why);	/* at KVM_RUN */
int vcpu_decoded_hlt(struct vcpu *v, u64 next, enum engine_exit *why);
int vcpu_decoded_hypercall(struct vcpu *v, u64 next, enum engine_exit *why);
/*
 * Where the processor does not say how long an instruction is: of the one at cpu.rip, whose
 * opcode is 0F @op (0F 01 with @modrm, or -1) or, with @one, just @op, behind any prefixes.
 * 0: it is not that (any more): emulate.
 */
u32 vcpu_insn_length(struct vcpu *v, u8 op, int modrm, bool one);

/*
 * vcpu.c: queue an exception that an instruction raised (contributory and double faults are
 * x86_deliver's).
 */
void vcpu_queue_exception(struct vcpu *v, const struct x86_exception *e);

/*
 * x86/debug.c: does the host program's debugger take this exception (a #DB of
 * its breakpoints and steps, a #BP with KVM_GUESTDBG_USE_SW_BP)? Then
 * KVM_EXIT_DEBUG has been filled, the guest sees nothing and run() ends with
 * ENGINE_EXIT_USER. For #BP rip is that of the INT3 itself. Asked by
 * vcpu_queue_exception's callers for a #DB and by the emulator's owner before INT3.
 */
bool vcpu_debug_exit(struct vcpu *v, u8 vector, u64 dr6, u64 pc);

/*
 * Did KVM_SET_GUEST_DEBUG ask for anything that needs one instruction at a time? run() then
 * is not called.
 */
bool vcpu_debug_stepping(const struct vcpu *v);

/* x86/vcpu-emulate.c: one instruction by the emulator at cpu.rip. */
enum engine_exit;
/* 1: done, go on; 0: leave with *why */
int vcpu_emulate_one(struct vcpu *v, enum engine_exit *why);
/* the same, but 1 for what it does not know */
int vcpu_emulate_resume(struct vcpu *v, enum engine_exit *why);
/* Nothing is known any more of the instruction that waits for the host program. */
static inline void vcpu_forget_insn(struct vcpu *v)
{
	v->insn_kept = false;
	v->known_gpa = VCPU_NO_GPA;
}

/*
 * Between fetch and x86_emulate: INT3 under a debugger (EXIT), MOV DR with DR7.GD (FAULT);
 * else OK.
 */
int vcpu_check_insn(struct vcpu *v);
/* What the result of x86_emu_fetch or x86_emulate means for the vCPU: as above. */
int vcpu_emulate_result(struct vcpu *v, int result, enum engine_exit *why);
/* Raise: queue it, or hand a #DB to the debugger (then 0 with *why). */
int vcpu_raise(struct vcpu *v, const struct x86_exception *e, enum engine_exit *why);
extern const struct x86_emu_ops vcpu_emu_ops;

/* x86/debug.c: breakpoints in force, as bits of DR6. */
bool x86_break_armed(const struct vcpu *v);
/* The debug registers in force: the debugger's while it has hardware breakpoints, or the guest's. */
const u64 *x86_effective_dr(const struct vcpu *v);
u64 x86_break_hits(const struct vcpu *v, u64 lin);
bool x86_watch_armed(const struct vcpu *v);
bool x86_watch_page(const struct vcpu *v, u64 page);
u64 x86_watch_hits(const struct vcpu *v, u64 lin, u64 len, bool write);
u64 x86_watch_io_hits(const struct vcpu *v, u16 port, u32 size);

/*
 * x86/mmio.c: guest-physical accesses that are not RAM. X86_EMU_OK or X86_EMU_EXIT (run is
 * filled).
 */
int vcpu_mmio_read(struct vcpu *v, u64 gpa, void *val, unsigned int len);
int vcpu_mmio_write(struct vcpu *v, u64 gpa, const void *val, unsigned int len);
int vcpu_pio(struct vcpu *v, u16 port, void *val, unsigned int size, bool in);
/* IN of a REP INS that has @count elements to go in this page: may exit for them all at once. */
int vcpu_pio_ins(struct vcpu *v, u16 port, void *val, unsigned int size, u64 count);
/* the instruction is tried (again): replay from the start */
void vcpu_mmio_restart(struct vcpu *v);
void vcpu_mmio_done(struct vcpu *v);		/* it is through: the log is void */
void vcpu_mmio_retire(struct vcpu *v);		/* the same, but writes under way still go out */
/*
 * At KVM_RUN: take in the host program's answer of the last exit. True: another fragment
 * went out, return to it.
 */
bool vcpu_mmio_resume(struct vcpu *v);

/*
 * x86/walk.c: guest page walk. X86_EMU_OK, X86_EMU_FAULT with *@exc (which may be NULL), or
 * X86_EMU_SHUTDOWN with memory_gone: the tables' memory is not there.
 */
#define X86_WALK_W BIT(0)
#define X86_WALK_U BIT(1)	/* an access at CPL 3 */
#define X86_WALK_X BIT(2)
/* supervisor access to a system structure: SMAP ignores AC */
#define X86_WALK_IMPLICIT BIT(3)
/* set no accessed or dirty bit, raise nothing (KVM_TRANSLATE, traces) */
#define X86_WALK_PEEK BIT(4)
struct x86_walk {
	u64 gpa;		/* of the byte */
	u8 page_shift;		/* 12, 21, 22, 30 */
	bool global, user, writable, exec, dirty;	/* what the entries allow, combined */
};
int x86_walk(struct vcpu *v, u64 lin, u32 acc, struct x86_walk *w, struct x86_exception *exc);

/*
 * x86/cr.c, x86/msr.c, x86/cpuid.c: used by the emulator's ops and by the ioctls. 0, or
 * -EINVAL for #GP.
 */
int x86_set_cr0(struct vcpu *v, u64 val);
int x86_set_cr3(struct vcpu *v, u64 val);
int x86_set_cr4(struct vcpu *v, u64 val);
int x86_set_cr8(struct vcpu *v, u64 val);
u64 x86_get_cr8(struct vcpu *v);
int x86_set_xcr0(struct vcpu *v, u64 val);
int x86_set_efer(struct vcpu *v, u64 val);
/* host: from the ioctl; 0, -EINVAL */
int x86_get_msr(struct vcpu *v, u32 index, u64 *val, bool host);
int x86_set_msr(struct vcpu *v, u32 index, u64 val, bool host);
/* Guest RDMSR/WRMSR with filter and user-space exits: 0, -EINVAL (#GP), 1: an exit was made. */
int x86_guest_rdmsr(struct vcpu *v, u32 index, u64 *val);
int x86_guest_wrmsr(struct vcpu *v, u32 index, u64 val);
void x86_cpuid(struct vcpu *v, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
const struct kvm_cpuid_entry2 *x86_cpuid_find(struct vcpu *v, u32 leaf, u32 sub);
int x86_hypercall(struct vcpu *v);		/* pv.c: 1: done; 0: KVM_EXIT_HYPERCALL is filled */
/* state.c: RESET or INIT values (APM vol. 2, 14.1.3) */
void x86_vcpu_reset(struct vcpu *v, bool init);

/* x86/tsc.c: the guest's TSC now; a rate of the host's TSC as the guest sees it. */
u64 x86_guest_tsc(struct vcpu *v);
static inline u64 x86_tsc_scale(const struct vm *vm, u64 ratio, u64 x)
{
	if (likely(!ratio))
		return x;
	return (unsigned __int128)x * ratio >> vm->engine->tsc_ratio_fraction_bits;
}

static inline u64 x86_tsc_at(const struct vcpu *v, u64 host_tsc)
{
	return x86_tsc_scale(v->vm, v->tsc_ratio, host_tsc) + v->cpu.tsc_offset;
}

/*
 * x86/pv-async.c: on VCPU_REQ_ASYNC_PF, with slots_lock held for reading; does the vCPU wait for
 * a page; the same after a look whether an event ends that.
 */
void vcpu_async_pf_deliver(struct vcpu *v);
bool vcpu_async_pf_halted(struct vcpu *v);
bool vcpu_async_pf_resume(struct vcpu *v);

/* x86/irq.c, lapic.c, pic.c: */
bool vcpu_has_interrupt(struct vcpu *v);	/* of the in-kernel chips, priority above TPR */
int vcpu_get_interrupt(struct vcpu *v);		/* acknowledge: the vector, or -1 */
bool vcpu_interrupt_allowed(struct vcpu *v);	/* IF, no shadow */
bool vcpu_has_events(struct vcpu *v);		/* something that ends HLT */
int vm_set_irq(struct vm *vm, int source, u32 gsi, int level, bool line_status);
int vm_send_msi(struct vm *vm, u64 addr, u32 data);

#endif
