/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * KVM_RUN: what happens between the host program and the engine.
 *
 * slots_lock is held for reading from here to the return, except while the
 * vCPU sleeps. A writer of the slots asks with VCPU_REQ_PAUSE, the vCPU
 * leaves run(), and make_room lets him in.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/lapic.h"
#include "x86/pv.h"

/* Requests that need no place of their own: the vCPU looks when it enters. */
#define REQS_OF_ENGINE BIT_ULL(VCPU_REQ_CODE)

static bool want_out(struct vcpu *v)
{
	return plat_signal_pending() || READ_ONCE(v->run->immediate_exit);
}

static long interrupted(struct vcpu *v)
{
	v->run->exit_reason = KVM_EXIT_INTR;
	v->stats.signal_exits++;
	return -EINTR;
}

static void make_room(struct vcpu *v)
{
	struct vm *vm = v->vm;

	while (vcpu_take_request(v, VCPU_REQ_PAUSE)) {
		pv_leave(v);
		plat_read_unlock(&vm->slots_lock);
		plat_mutex_lock(&vm->slots_gate);
		plat_mutex_unlock(&vm->slots_gate);
		plat_read_lock(&vm->slots_lock);
		pv_enter(v);
	}
}

/* ---- entering ---- */

static void flush_tlb(struct vcpu *v)
{
	v->stats.tlb_flush++;
	if (v->vm->engine->tlb_flush)
		v->vm->engine->tlb_flush(v);
}

/* 1: go on; 0: leave run() with *@why. PAUSE stays set: run_loop takes it. */
static int handle_requests(struct vcpu *v, enum engine_exit *why)
{
	v->stats.requests++;
	if (READ_ONCE(v->requests) & BIT_ULL(VCPU_REQ_PAUSE)) {
		*why = ENGINE_EXIT_KICK;
		return 0;
	}
	if (vcpu_take_request(v, VCPU_REQ_TRIPLE_FAULT)) {
		*why = ENGINE_EXIT_SHUTDOWN;
		return 0;
	}
	if (vcpu_take_request(v, VCPU_REQ_TLB_FLUSH) |
	    vcpu_take_request(v, VCPU_REQ_TLB_FLUSH_GUEST))
		flush_tlb(v);
	if (vcpu_take_request(v, VCPU_REQ_CLOCK))
		kvmclock_update(v);
	if (vcpu_take_request(v, VCPU_REQ_STEAL))
		pv_update_steal(v);
	if (vcpu_take_request(v, VCPU_REQ_TIMER))
		lapic_timer_poll(v);
	if (vcpu_take_request(v, VCPU_REQ_SCAN_IOAPIC))
		x86_scan_routes(v);
	if (vcpu_take_request(v, VCPU_REQ_ASYNC_PF))
		vcpu_async_pf_deliver(v);
	if (vcpu_take_request(v, VCPU_REQ_EVENT)) {
		v->events_open = true;
		lapic_accept_events(v);
		if (v->mp_state != KVM_MP_STATE_RUNNABLE || vcpu_async_pf_halted(v)) {
			*why = ENGINE_EXIT_KICK;
			return 0;
		}
	}
	if (vcpu_take_request(v, VCPU_REQ_SET_TPR)) {
		v->run->exit_reason = KVM_EXIT_SET_TPR;
		*why = ENGINE_EXIT_USER;
		return 0;
	}
	if (vcpu_take_request(v, VCPU_REQ_EXIT_USER) && lapic_fill_eoi_exit(v)) {
		*why = ENGINE_EXIT_USER;
		return 0;
	}
	if (vcpu_take_request(v, VCPU_REQ_DIRTY_RING_FULL) && vcpu_dirty_ring_full(v)) {
		vcpu_request(v, VCPU_REQ_DIRTY_RING_FULL);
		v->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
		*why = ENGINE_EXIT_USER;
		return 0;
	}
	return 1;
}

/* The host program waits for a moment in which KVM_INTERRUPT is taken at once. */
static bool user_window(struct vcpu *v)
{
	return v->vm->irqchip != VM_IRQCHIP_KERNEL &&
	       READ_ONCE(v->run->request_interrupt_window) && vcpu_ready_for_user_interrupt(v);
}

int vcpu_enter_guest(struct vcpu *v, enum engine_exit *why)
{
	for (;;) {
		if (unlikely(want_out(v))) {
			*why = ENGINE_EXIT_KICK;
			return 0;
		}
		if (unlikely(READ_ONCE(v->requests) & ~REQS_OF_ENGINE) &&
		    !handle_requests(v, why))
			return 0;
		if (unlikely(v->events_open) && !vcpu_inject_events(v, why))
			return 0;
		if (unlikely(user_window(v))) {
			v->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
			*why = ENGINE_EXIT_USER;
			return 0;
		}
		WRITE_ONCE(v->in_guest, 1);
		plat_mb();
		if (likely(!(READ_ONCE(v->requests) & ~REQS_OF_ENGINE)))
			return 1;
		WRITE_ONCE(v->in_guest, 0);
	}
}

/* ---- waiting ---- */

/* A halted CPU goes on; one that waits for INIT or SIPI got them. */
static bool became_runnable(struct vcpu *v)
{
	lapic_accept_events(v);
	if (v->mp_state == KVM_MP_STATE_HALTED && vcpu_has_events(v)) {
		v->mp_state = KVM_MP_STATE_RUNNABLE;
		pv_take_unhalt(v);
		v->stats.halt_wakeup++;
	}
	return v->mp_state == KVM_MP_STATE_RUNNABLE && vcpu_async_pf_resume(v);
}

/* Whoever takes a wait's end takes these requests, or the next wait would end at once. */
#define WAKE_ANY (BIT_ULL(VCPU_REQ_EVENT) | BIT_ULL(VCPU_REQ_TIMER))
#define WAKE_HALTED (WAKE_ANY | BIT_ULL(VCPU_REQ_TRIPLE_FAULT) | BIT_ULL(VCPU_REQ_EXIT_USER) | \
		     BIT_ULL(VCPU_REQ_ASYNC_PF))

/*
 * Sleep once, without slots_lock, until something may have changed. Requests
 * that only matter in guest code do not wake: they stay for vcpu_enter_guest.
 */
static void wait_events(struct vcpu *v, u64 wake)
{
	plat_atomic_and64(&v->requests, ~BIT_ULL(VCPU_REQ_PAUSE));
	WRITE_ONCE(v->waiting, 1);
	plat_mb();
	if (!(READ_ONCE(v->requests) & wake))
		plat_thread_wait(&v->thread, lapic_timer_deadline(v));
	WRITE_ONCE(v->waiting, 0);
	lapic_timer_poll(v);
}

/* Requests that may end a wait for the host program's sake. 1: go on waiting or running. */
static int waiting_requests(struct vcpu *v, long *ret)
{
	plat_atomic_and64(&v->requests, ~WAKE_ANY);
	if (vcpu_take_request(v, VCPU_REQ_ASYNC_PF)) {
		plat_read_lock(&v->vm->slots_lock);
		vcpu_async_pf_deliver(v);
		plat_read_unlock(&v->vm->slots_lock);
	}
	if (vcpu_take_request(v, VCPU_REQ_EXIT_USER) && lapic_fill_eoi_exit(v)) {
		*ret = 0;
		return 0;
	}
	if (vcpu_take_request(v, VCPU_REQ_TRIPLE_FAULT)) {
		v->run->exit_reason = KVM_EXIT_SHUTDOWN;
		*ret = 0;
		return 0;
	}
	if (want_out(v)) {
		*ret = interrupted(v);
		return 0;
	}
	return 1;
}

/* The vCPU is not runnable: 1 when it is again, 0 to end KVM_RUN with *@ret. */
static int wait_runnable(struct vcpu *v, long *ret)
{
	struct vm *vm = v->vm;
	int go = 1;

	pv_leave(v);
	plat_read_unlock(&vm->slots_lock);
	while (go && !became_runnable(v)) {
		go = waiting_requests(v, ret);
		if (go && !became_runnable(v))
			wait_events(v, WAKE_HALTED);
	}
	plat_read_lock(&vm->slots_lock);
	pv_enter(v);
	v->events_open = true;
	return go;
}

/* ---- the loop ---- */

static int after_run(struct vcpu *v, enum engine_exit why, long *ret)
{
	*ret = 0;
	switch (why) {
	case ENGINE_EXIT_USER:
		return 0;
	case ENGINE_EXIT_HALT:
		v->stats.halt_exits++;
		if (v->lapic) {
			v->mp_state = KVM_MP_STATE_HALTED;
			return 1;
		}
		v->run->exit_reason = KVM_EXIT_HLT;
		return 0;
	case ENGINE_EXIT_SHUTDOWN:
		v->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	case ENGINE_EXIT_FAULT:
		*ret = -EFAULT;
		return 0;
	case ENGINE_EXIT_KICK:
		break;
	}
	if (want_out(v)) {
		*ret = interrupted(v);
		return 0;
	}
	return 1;
}

static long run_loop(struct vcpu *v)
{
	enum engine_exit why;
	long ret = 0;

	for (;;) {
		make_room(v);
		if ((v->mp_state != KVM_MP_STATE_RUNNABLE || vcpu_async_pf_halted(v)) &&
		    !wait_runnable(v, &ret))
			return ret;
		v->stats.exits++;
		v->has_run = true;
		why = v->vm->engine->run(v);
		vcpu_leave_guest(v);
		if (!after_run(v, why, &ret))
			return ret;
	}
}

/*
 * The host program has answered the last exit. The instruction that caused it
 * is executed again and finds the answer (MMIO and PIO: see mmio.c), so that
 * the state is whole when KVM_RUN returns, even with immediate_exit. 1: go on;
 * 0: return *@ret.
 */
static int finish_exit(struct vcpu *v, long *ret)
{
	enum engine_exit why = ENGINE_EXIT_KICK;

	*ret = 0;
	if (v->pio_open.size)
		return vcpu_decoded_io_answer(v, &why) || after_run(v, why, ret);
	if (v->mmio.awaiting)
		return !vcpu_mmio_resume(v);
	if (!v->msr_exit)
		return 1;
	v->msr_exit = 0;
	v->msr_answered = true;
	v->msr_error = READ_ONCE(v->run->msr.error);
	v->msr_data = READ_ONCE(v->run->msr.data);
	if (vcpu_emulate_resume(v, &why))
		return 1;
	v->msr_answered = false;
	return why == ENGINE_EXIT_KICK ? 1 : after_run(v, why, ret);
}

/* ---- registers in kvm_run ---- */

static int load_sync_regs(struct vcpu *v)
{
	/* The page is the host program's: take each struct once. */
	union {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_vcpu_events events;
	} u;
	u64 dirty = READ_ONCE(v->run->kvm_dirty_regs);

	vcpu_state(v);
	vcpu_forget_insn(v);
	v->events_open = true;
	if (dirty & KVM_SYNC_X86_REGS) {
		u.regs = v->run->s.regs.regs;
		x86_regs_load(v, &u.regs);
	}
	if (dirty & KVM_SYNC_X86_SREGS) {
		u.sregs = v->run->s.regs.sregs;
		if (x86_sregs_load(v, &u.sregs))
			return -EINVAL;
	}
	if (dirty & KVM_SYNC_X86_EVENTS) {
		u.events = v->run->s.regs.events;
		if (vcpu_events_load(v, &u.events))
			return -EINVAL;
	}
	v->run->kvm_dirty_regs = 0;
	return 0;
}

static void store_sync_regs(struct vcpu *v)
{
	u64 valid = READ_ONCE(v->run->kvm_valid_regs);

	vcpu_state(v);
	if (valid & KVM_SYNC_X86_REGS)
		x86_regs_store(v, &v->run->s.regs.regs);
	if (valid & KVM_SYNC_X86_SREGS)
		x86_sregs_store(v, &v->run->s.regs.sregs);
	if (valid & KVM_SYNC_X86_EVENTS)
		vcpu_events_store(v, &v->run->s.regs.events);
}

static void store_run_state(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	run->if_flag = !!(v->cpu.rflags & X86_IF);
	run->flags = 0;
	run->cr8 = x86_get_cr8(v);
	run->apic_base = v->apic_base;
	run->ready_for_interrupt_injection = v->vm->irqchip == VM_IRQCHIP_KERNEL ||
					     vcpu_ready_for_user_interrupt(v);
}

static long run_prepared(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	long ret;

	if ((READ_ONCE(run->kvm_valid_regs) | READ_ONCE(run->kvm_dirty_regs)) &
	    ~KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	if (READ_ONCE(run->kvm_dirty_regs) && load_sync_regs(v))
		return -EINVAL;
	if (!v->lapic) {
		u64 cr8 = READ_ONCE(run->cr8);

		if (cr8 > 15)
			return -EINVAL;
		lapic_set_cr8(v, cr8);
	}
	if (!finish_exit(v, &ret))
		return ret;
	vcpu_forget_insn(v);
	/*
	 * The exit reason stays the last one's: host programs look at it after finishing an
	 * exit.
	 */
	if (READ_ONCE(run->immediate_exit)) {
		v->stats.signal_exits++;
		return -EINTR;
	}
	return run_loop(v);
}

/*
 * A CPU that never got INIT waits in its KVM_RUN and then reports EAGAIN: the
 * host program calls again. That is what stock KVM does, and hosts know it.
 */
static long run_uninitialized(struct vcpu *v)
{
	if (READ_ONCE(v->run->immediate_exit))
		return -EINTR;
	while (!lapic_has_init_sipi(v) && !want_out(v)) {
		plat_atomic_and64(&v->requests, ~WAKE_ANY);
		if (!lapic_has_init_sipi(v))
			wait_events(v, WAKE_ANY);
	}
	lapic_accept_events(v);
	return want_out(v) ? interrupted(v) : -EAGAIN;
}

/* Trace topic "exit": each return of KVM_RUN, one line. */
static void trace_exit(const struct vcpu *v, long ret)
{
	static const char *const names[] = {
		[KVM_EXIT_IO] = "io", [KVM_EXIT_HYPERCALL] = "hypercall",
		[KVM_EXIT_DEBUG] = "debug", [KVM_EXIT_HLT] = "hlt", [KVM_EXIT_MMIO] = "mmio",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq-window", [KVM_EXIT_SHUTDOWN] = "shutdown",
		[KVM_EXIT_FAIL_ENTRY] = "fail-entry", [KVM_EXIT_INTR] = "intr",
		[KVM_EXIT_SET_TPR] = "set-tpr", [KVM_EXIT_TPR_ACCESS] = "tpr-access",
		[KVM_EXIT_INTERNAL_ERROR] = "internal-error",
		[KVM_EXIT_SYSTEM_EVENT] = "system-event", [KVM_EXIT_IOAPIC_EOI] = "ioapic-eoi",
		[KVM_EXIT_X86_RDMSR] = "rdmsr", [KVM_EXIT_X86_WRMSR] = "wrmsr",
		[KVM_EXIT_DIRTY_RING_FULL] = "dirty-ring-full",
	};
	const struct kvm_run *run = v->run;
	u32 reason = run->exit_reason;
	const char *name = reason < ARRAY_SIZE(names) && names[reason] ? names[reason] : "?";
	char what[48] = "";

	if (reason == KVM_EXIT_IO)
		plat_snprintf(what, sizeof(what), " %s port %x size %u",
			      run->io.direction ? "out" : "in", run->io.port, run->io.size);
	else if (reason == KVM_EXIT_MMIO)
		plat_snprintf(what, sizeof(what), " %s %llx len %u",
			      run->mmio.is_write ? "write" : "read",
			      (unsigned long long)run->mmio.phys_addr, run->mmio.len);
	plat_trace("exit: vcpu %u ret %ld %u %s%s rip %llx rflags %llx mp %u", v->id, ret, reason,
		   name, what, (unsigned long long)v->cpu.rip,
		   (unsigned long long)v->cpu.rflags, v->mp_state);
}

long vcpu_run(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;
	long ret;

	if (uarg)
		return -EINVAL;
	plat_thread_enter(&v->thread, v);
	/* Without all the chips here, kvm_run itself may ask for a window. */
	if (v->vm->irqchip != VM_IRQCHIP_KERNEL)
		v->events_open = true;
	if (v->mp_state == KVM_MP_STATE_UNINITIALIZED) {
		ret = run_uninitialized(v);
	} else {
		plat_read_lock(&v->vm->slots_lock);
		if (vcpu_take_request(v, VCPU_REQ_TLB_FLUSH))
			flush_tlb(v);
		pv_enter(v);
		make_room(v);
		ret = run_prepared(v);
		pv_leave(v);
		plat_read_unlock(&v->vm->slots_lock);
	}
	if (READ_ONCE(v->run->kvm_valid_regs))
		store_sync_regs(v);
	store_run_state(v);
	plat_thread_leave(&v->thread);
	if (unlikely(v->trace & VCPU_TRACE_EXIT))
		trace_exit(v, ret);
	return ret;
}
