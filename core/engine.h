/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What a CPU engine must provide: one const struct of callbacks. engine/bt is
 * the translator, engine/svm and engine/vmx run on the processor.
 *
 * The vCPU's architectural state (vcpu->cpu) is the truth whenever run() is
 * not executing; an engine loads what it needs when run() begins and stores
 * it back before run() returns.
 *
 * An engine whose processor keeps the state elsewhere (a VMCB, a VMCS) may
 * leave most of it there: it sets vcpu->state_stale, and then only gpr, rip,
 * rflags, interrupt_shadow and nmi_masked of vcpu->cpu are up to date, and
 * what the processor never changes by itself: tsc_offset, tsc_aux, xcr0, pat.
 * Whoever needs more calls vcpu_state() first, which asks state_read; the
 * core does so before every ioctl on a vCPU but KVM_RUN and before it
 * emulates. After state_read the engine's own copy is old: all of cpu may
 * have been written when it enters the guest next. The same goes for
 * cpu.xsave, with fpu_stale, vcpu_fpu() and fpu_read, but there the writer
 * says so (fpu_written).
 */
#ifndef ANYKVM_ENGINE_H
#define ANYKVM_ENGINE_H

#include "types.h"

struct vm;
struct vcpu;
struct memslot;
struct x86_exception;
enum x86_event_kind;

enum engine_exit {
	ENGINE_EXIT_USER,	/* vcpu->run->exit_reason is filled: KVM_RUN returns 0 */
	ENGINE_EXIT_HALT,	/* HLT executed (rip is past it) */
	ENGINE_EXIT_KICK,	/* somebody asked: requests, an interrupt, a signal */
	ENGINE_EXIT_SHUTDOWN,	/* triple fault */
	ENGINE_EXIT_FAULT,	/* the host program's memory has gone: KVM_RUN gives -EFAULT */
};

struct engine_fault;

struct engine {
	const char *name;

	/* once a process; -EOPNOTSUPP with a plat_log line says why not */
	int (*init)(void);
	void (*exit)(void);	/* the home goes: undo init. No VM is left */
	int (*vm_create)(struct vm *vm);
	void (*vm_destroy)(struct vm *vm);
	int (*vcpu_create)(struct vcpu *vcpu);
	void (*vcpu_destroy)(struct vcpu *vcpu);

	/*
	 * Run until something needs the core. Called with vm->slots_lock held
	 * for reading. Before each entry into guest code the engine calls
	 * vcpu_enter_guest() (below in vcpu.h), which injects what is pending
	 * and says whether to go on.
	 */
	enum engine_exit (*run)(struct vcpu *vcpu);

	/*
	 * Deliver the event with the processor's own means at the next entry:
	 * true. It is then under way, and the engine says after the next exit
	 * what became of it: vcpu_event_done(), and if its delivery was cut
	 * short, vcpu_event_again(). False, or NULL: the core delivers it by the
	 * emulator, now. At most one event for a call of vcpu_enter_guest, which
	 * begins with none: what was injected and did not get to enter is
	 * forgotten, and offered again. cpu.cr2 is to be set from @ev for #PF.
	 */
	bool (*inject)(struct vcpu *v, enum x86_event_kind kind, const struct x86_exception *ev);

	/*
	 * vcpu->state_stale, fpu_stale: bring cpu, cpu.xsave up to date and clear it. Inside run()
	 * fpu_stale may stay set: the registers are the guest's again without more ado.
	 */
	void (*state_read)(struct vcpu *v);
	void (*fpu_read)(struct vcpu *v);
	/* cpu.xsave has been written (after vcpu_fpu): the engine's copy is old. */
	void (*fpu_written)(struct vcpu *v);

	/* Any thread, atomic: make run() come back (or re-read vcpu->requests) soon. */
	void (*kick)(struct vcpu *vcpu);

	/*
	 * The host program, or the core for it, changed registers (SET_REGS, SET_SREGS,
	 * reset ...).
	 */
	void (*state_written)(struct vcpu *vcpu);

	/*
	 * cpu.tsc_offset or tsc_ratio is another. NULL: state_written is called. On the vCPU's
	 * own thread or under its lock.
	 */
	void (*tsc_changed)(struct vcpu *v);

	/* On the vCPU's own thread, out of guest code: forget translations of linear addresses. */
	void (*tlb_flush)(struct vcpu *vcpu);		/* all, global ones too */
	void (*tlb_flush_asid)(struct vcpu *vcpu);	/* all but global: MOV CR3 */
	void (*tlb_flush_page)(struct vcpu *vcpu, u64 lin);
	/* CR0, CR4, EFER, segment or CPL bits that choose a mode have changed. */
	void (*mode_changed)(struct vcpu *vcpu);

	/*
	 * All vCPUs are out of guest code (slots_lock is held for writing): a slot goes (@new
	 * NULL), comes (@old NULL) or changes its place or flags. Before the core's own list
	 * does.
	 */
	void (*slot_changed)(struct vm *vm, const struct memslot *old, const struct memslot *new);

	/*
	 * Dirty logging where the processor or its page tables see the writes; NULL where every
	 * cached right to write ends with tlb_flush and comes back through vm_page(). Called
	 * with slots_lock held for writing, pages relative to the slot, @mask 64 pages from
	 * @first (a multiple of 64) on.
	 * dirty_collect: what has been written since and is not in slot->dirty yet, OR it in.
	 * dirty_clear: report these pages again when they are written next; the core
	 * requests a TLB flush of all vCPUs afterwards.
	 */
	void (*dirty_collect)(struct vm *vm, struct memslot *slot, u64 first, u64 npages);
	void (*dirty_clear)(struct vm *vm, struct memslot *slot, u64 first, u64 mask);

	/*
	 * A write to guest RAM that the engine did not make itself: translations of it are
	 * stale. Any thread.
	 */
	void (*memory_written)(struct vm *vm, u64 gpa, u64 len);

	/*
	 * A host fault inside generated code or a guest access of this thread;
	 * @f is the home's machine context. True when handled (the context then
	 * says where to go on).
	 */
	bool (*host_fault)(struct vcpu *vcpu, struct engine_fault *f);

	/*
	 * What the processor can, known after init().
	 *
	 * The guest's TSC at another rate: (host TSC * vcpu->tsc_ratio >> fraction
	 * bits) + cpu.tsc_offset. Ratios are below 2^tsc_ratio_bits; a vCPU's is 0
	 * where its rate is the host's. 0 fraction bits: it can not.
	 */
	u8 tsc_ratio_fraction_bits, tsc_ratio_bits;

	/*
	 * Pages of the guest that are not there are fetched beside it: the home
	 * and the engine call core_async_pf_start() (core.h).
	 */
	bool async_pf;

	/* Print by plat_trace what the vCPUs count while the topic "stats" is on. Any thread. */
	void (*stats)(void);
};

/* The home's view of a signal's machine context, both ways. */
struct engine_fault {
	int signo;		/* SIGSEGV, SIGBUS, SIGFPE, SIGTRAP, SIGILL */
	int code;		/* si_code */
	u64 addr;		/* si_addr */
	u64 gpr[16];		/* in the order of enum x86_reg; rsp included */
	u64 rip, rflags;
	void *fpstate;		/* the frame's FXSAVE area (mxcsr and x87 status can be read) */
};

extern const struct engine bt_engine;
extern struct engine svm_engine;	/* its init() adds what the processor can */

#endif
