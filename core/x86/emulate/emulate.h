/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The emulator: executes one decoded instruction on a struct x86_cpu, or
 * delivers one event through the IDT. It reaches the guest only through one
 * ops struct, so that a test or a fuzzer can supply the memory and make any
 * access fail. It knows no VM, and of x87 and SIMD only the moves (vector.c):
 * the rest is the engine's.
 */
#ifndef ANYKVM_EMULATE_H
#define ANYKVM_EMULATE_H

#include "x86/cpu.h"

enum x86_emu_result {
	X86_EMU_OK,		/* done; rip and all state advanced */
	X86_EMU_FAULT,		/* e->exc is to be raised; the instruction had no effect */
	X86_EMU_EXIT,		/* a port or MMIO access went to the host program: nothing has been
				 * changed but what ops keep; run the same instruction again later */
	X86_EMU_HLT,		/* hlt: done, and the CPU halts */
	X86_EMU_UNHANDLED,	/* not in the emulator: x87, most SIMD (no state changed) */
	X86_EMU_SHUTDOWN,	/* triple fault */
	X86_EMU_RETRY,		/* a race (cmpxchg on a moving page): run it again */
};

/* Access flags for ops->read and ops->write. */
#define X86_ACC_SUPER BIT(0)	/* implicit supervisor access: descriptor tables, TSS (APM vol. 2, 5.6.6) */
#define X86_ACC_WRITE BIT(1)	/* the read of a read-modify-write: check for write, fault as a write */
#define X86_ACC_FETCH BIT(2)	/* instruction fetch */
#define X86_ACC_LOCK BIT(3)

struct x86_emu;
struct x86_xsave;

/*
 * Every callback returns an enum x86_emu_result; on X86_EMU_FAULT it has
 * filled e->exc. Linear addresses: segmentation has been done. @size is 1 to
 * 64 bytes (probe: to 4096) and may straddle two pages; a read that comes with
 * X86_ACC_FETCH never does. A write that faults has written nothing. rdtsc is the guest's TSC, offset included.
 */
struct x86_emu_ops {
	int (*read)(struct x86_emu *e, u64 lin, void *val, unsigned int size, unsigned int acc);
	int (*write)(struct x86_emu *e, u64 lin, const void *val, unsigned int size, unsigned int acc);
	/* Atomic. On a mismatch returns OK with *@old replaced by what memory holds and *@done = false. */
	int (*cmpxchg)(struct x86_emu *e, u64 lin, void *old, const void *val, unsigned int size,
		       bool *done);
	/* Check that @size bytes at @lin may be written (or read), without touching them. */
	int (*probe)(struct x86_emu *e, u64 lin, unsigned int size, unsigned int acc);
	int (*pio)(struct x86_emu *e, u16 port, void *val, unsigned int size, bool in);
	int (*get_msr)(struct x86_emu *e, u32 index, u64 *val);
	int (*set_msr)(struct x86_emu *e, u32 index, u64 val);
	/* After the privilege check: validity (#GP), side effects (paging mode, TLB). n is 0, 3, 4, 8. */
	int (*set_cr)(struct x86_emu *e, unsigned int n, u64 val);
	int (*get_cr8)(struct x86_emu *e, u64 *val);
	int (*set_dr)(struct x86_emu *e, unsigned int n, u64 val);
	int (*set_xcr)(struct x86_emu *e, u32 index, u64 val);
	void (*cpuid)(struct x86_emu *e, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
	u64 (*rdtsc)(struct x86_emu *e);
	int (*rdpmc)(struct x86_emu *e, u32 index, u64 *val);
	void (*invlpg)(struct x86_emu *e, u64 lin);
	int (*invpcid)(struct x86_emu *e, u64 type, u64 pcid, u64 lin);
	int (*hypercall)(struct x86_emu *e);	/* vmcall, vmmcall; result in rax */
	void (*wbinvd)(struct x86_emu *e);
	void (*iret_done)(struct x86_emu *e);	/* an IRET completed: NMIs are open again */
	/* A segment register, CPL, mode bit or descriptor table was written: hidden copies are stale. */
	void (*changed)(struct x86_emu *e);
	/*
	 * One element of a REP string is done and its registers are advanced:
	 * what was kept for the replay after X86_EMU_EXIT is over, the next
	 * access is a new one. (An instruction that ends in OK, HLT or FAULT
	 * says the same by its return.) May be NULL.
	 */
	void (*commit)(struct x86_emu *e);
	/*
	 * The guest's x87 and vector registers, up to date, for an instruction
	 * that uses them; fpu_written: and it has changed them. NULL, by itself
	 * or as the answer: such instructions are X86_EMU_UNHANDLED.
	 */
	struct x86_xsave *(*fpu)(struct x86_emu *e);
	void (*fpu_written)(struct x86_emu *e);
};

struct x86_emu {
	struct x86_cpu *cpu;
	const struct x86_emu_ops *ops;
	void *ctx;			/* the owner's (a struct vcpu, a test) */
	bool vendor_intel;		/* sysenter/syscall rules of the guest's CPUID vendor */
	bool no_mwait;			/* set by the owner: MONITOR and MWAIT are #UD */
	bool no_single_step;		/* set by the owner: do not raise #DB for TF */
	bool one_element;		/* set by the owner: a REP does one element a call, as under TF */
	u32 event_error;		/* internal: ext bit while an event is being delivered */
	bool branched;			/* internal: rip is set by the instruction itself */
	bool stepped;			/* internal: no trap for TF after this instruction */
	u8 shadow;			/* internal: the interrupt shadow that the instruction leaves */
	bool keep_rf;			/* internal: RF is the instruction's own (IRET, a REP in work) */
	struct x86_exception exc;	/* out, with X86_EMU_FAULT */
	struct x86_insn insn;		/* the instruction in work */
};

/*
 * Execute e->insn (decoded at cpu->rip in the present mode). Handles every
 * instruction of kinds BRANCH, STACK, STRING, SPECIAL, SYS and the integer
 * NATIVE ones; x87 and SIMD but moves give X86_EMU_UNHANDLED. A REP string instruction does
 * at most 4096 elements a call (one under TF) and leaves rip on itself while
 * rcx is not exhausted. Clears the interrupt shadow and RF on completion (except where
 * the instruction sets it). With TF set before it, and unless no_single_step,
 * a completed instruction returns FAULT with #DB (DR6.BS) after its effects.
 */
int x86_emulate(struct x86_emu *e);

/*
 * After X86_EMU_EXIT of an instruction whose effects are all in what went out: go on to the next
 * (rip, RF, shadow). The trap for TF is the caller's.
 */
void x86_emu_retire(struct x86_emu *e);

/* Fetch (through ops->read with X86_ACC_FETCH, CS limit checked), decode into e->insn. OK, FAULT or EXIT. */
int x86_emu_fetch(struct x86_emu *e);

enum x86_event_kind {
	X86_EV_EXCEPTION,	/* faults and traps */
	X86_EV_INTERRUPT,	/* external interrupt */
	X86_EV_NMI,
	X86_EV_SOFT,		/* INT n, INT3, INTO: DPL checked, rip already advanced by the caller */
	X86_EV_INT1,
};

/*
 * Deliver an event through the IDT (or the IVT in real mode): stacks, gates,
 * task gates, IST, error codes, v86. Faults met on the way become double and
 * triple faults as the manual orders (APM vol. 2, 8.2.9): returns OK when a
 * handler was entered, SHUTDOWN for a triple fault, EXIT/RETRY as above.
 */
int x86_deliver(struct x86_emu *e, enum x86_event_kind kind, const struct x86_exception *ev);

/* Segment-load with all checks, as MOV Sreg does; and the real-mode one. For the engine's fast paths. */
int x86_load_segment(struct x86_emu *e, enum x86_seg seg, u16 selector);

/* Compute a segmented address with limit, type and canonical checks: #GP or #SS. */
int x86_linearize(struct x86_emu *e, enum x86_seg seg, u64 offset, unsigned int size,
		  unsigned int acc, u64 *lin);

static inline int x86_fault(struct x86_emu *e, u8 vector)
{
	e->exc = (struct x86_exception){ .vector = vector };
	return X86_EMU_FAULT;
}

static inline int x86_fault_err(struct x86_emu *e, u8 vector, u32 error)
{
	e->exc = (struct x86_exception){ .vector = vector, .has_error = true, .error = error };
	return X86_EMU_FAULT;
}

#endif
