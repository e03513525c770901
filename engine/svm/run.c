/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * KVM_RUN's inside: enter the guest, see why it came back, enter it again.
 *
 * Each exit passes through all of this, so what is not needed each time is
 * behind a test of one word, and out of line.
 */
#include "svm.h"
#include "x86/lapic.h"
#include "x86/msr.h"

/* ---- what is in vcpu->cpu whenever the guest is not executing ---- */

static inline void load(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;
	struct vcpu *v = s->vcpu;
	const struct x86_cpu *c = &v->cpu;
	u32 tpr = c->cr8;

	b->save.rip = c->rip;
	b->save.rflags = c->rflags;
	b->save.rsp = c->gpr[X86_RSP];
	b->save.rax = c->gpr[X86_RAX];
	b->control.int_state = c->interrupt_shadow ? SVM_INTERRUPT_SHADOW : 0;
	if (unlikely((b->control.int_ctl & SVM_V_TPR) != tpr)) {
		b->control.int_ctl = (b->control.int_ctl & ~SVM_V_TPR) | tpr;
		svm_dirty(s, SVM_CLEAN_TPR);
	}
	if (unlikely(v->guest_debug) && vcpu_debug_stepping(v))
		b->save.rflags |= X86_TF;
}

static inline void store(struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;
	struct vcpu *v = s->vcpu;
	struct x86_cpu *c = &v->cpu;
	u64 stepped = c->rflags & X86_TF;
	u32 tpr = b->control.int_ctl & SVM_V_TPR;

	c->rip = b->save.rip;
	c->rflags = b->save.rflags;
	c->gpr[X86_RSP] = b->save.rsp;
	c->gpr[X86_RAX] = b->save.rax;
	/* After STI or after MOV SS: it does not say. */
	c->interrupt_shadow = b->control.int_state & SVM_INTERRUPT_SHADOW ?
			      X86_SHADOW_STI | X86_SHADOW_MOV_SS : 0;
	if (unlikely(v->guest_debug) && vcpu_debug_stepping(v) && !stepped)
		c->rflags &= ~(u64)X86_TF;
	if (unlikely(tpr != c->cr8))
		lapic_set_cr8(v, tpr);
}

/* ---- the switch: interrupts are off ---- */

/* The guest's in the processor, which does not switch it by itself. */
static inline u64 spec_ctrl(const struct svm_vcpu *s, u64 host)
{
	return svm_caps.virt_spec_ctrl ? host : s->vcpu->msrs->spec_ctrl;
}

static inline void enter(struct svm_vcpu *s, int cpu)
{
	struct vcpu *v = s->vcpu;
	bool debug = s->debug_live, xcr0 = v->cpu.xcr0 != svm_caps.xcr0 && svm_caps.xcr0;
	u64 host = 0, guest = 0, host_pa;

	if (unlikely(!svm_cpu_prepared(s, cpu)))
		svm_cpu_prepare(s, cpu);
	if (svm_caps.rdtscp)
		hw_user_msr(MSR_TSC_AUX, v->cpu.tsc_aux);
	if (svm_caps.spec_ctrl) {
		host = hw_spec_ctrl();
		guest = spec_ctrl(s, host);
	}
	if (unlikely(svm_caps.ssbd_apart))
		hw_ssbd_guest();
	if (xcr0)
		hw_xcr0_guest(v->cpu.xcr0);
	if (unlikely(debug))
		svm_debug_enter(s);
	host_pa = svm_cpus[cpu].host_pa;
	hw_guest_begin();
	svm_world_switch(s->vmcb_pa, v->cpu.gpr, host_pa, guest, host);
	hw_guest_end();
	s->vmcb->control.clean = SVM_CLEAN_ALL;
	if (unlikely(debug))
		svm_debug_leave(s);
	if (xcr0)
		hw_xcr0_host(v->cpu.xcr0);
	if (unlikely(svm_caps.ssbd_apart))
		hw_ssbd_host();
	vcpu_leave_guest(v);
}

/* ---- the loop ---- */

/* Once through the guest. 1: an exit to be looked at; 0: leave with *@why; -1: not yet. */
static inline int once(struct svm_vcpu *s, enum engine_exit *why)
{
	struct vcpu *v = s->vcpu;
	struct vmcb_control *c = &s->vmcb->control;
	bool calm;
	int cpu;

	if (!vcpu_enter_guest(v, why))
		return 0;
	if (unlikely(s->setup_stale))
		svm_setup(s);
	calm = svm_calm(s);
	if (unlikely(!calm)) {
		int go = svm_prepare_events(s, why);

		if (go <= 0)
			return go;
	}
	if (unlikely(!v->state_stale))
		svm_state_load(s);
	load(s);
	if (unlikely(!hw_guest_enter(v, &cpu))) {
		vcpu_leave_guest(v);
		hw_guest_work(v);
		return -1;
	}
	hw_trace_entry(v, v->cpu.rip);
	enter(s, cpu);
	hw_guest_exit(v);
	store(s);
	hw_trace_exit(v, c->exit_code, v->cpu.rip, c->exit_info_1, c->exit_info_2,
		      c->exit_int_info, c->exit_int_info >> 32);
	if (unlikely(!calm || (c->exit_int_info & SVM_EVENT_VALID)))
		svm_after_events(s);
	return 1;
}

/* An event that the emulator could not deliver, not the processor (on_shutdown). */
static SVM_COLD void say_shutdown(const struct svm_vcpu *s)
{
	const struct vmcb_control *c = &s->vmcb->control;
	const struct vcpu *v = s->vcpu;

	plat_log("vcpu %u: shutdown by the emulator (rip %llx, last exit %llx: %llx %llx, event %llx)",
		 v->id, (unsigned long long)v->cpu.rip, (unsigned long long)c->exit_code,
		 (unsigned long long)c->exit_info_1, (unsigned long long)c->exit_info_2,
		 (unsigned long long)c->exit_int_info);
}

enum engine_exit svm_run(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	enum engine_exit why;
	int go;

	if (unlikely(s->msr_filter_gen != v->vm->msr_filter_gen))
		s->setup_stale = true;
	hw_fpu_load(v);
	v->fpu_stale = true;
	do {
		go = once(s, &why);
		if (likely(go > 0))
			go = svm_exit(s, &why);
	} while (go);
	hw_fpu_put(v);
	/* After the processor's own the VMCB is empty. */
	if (unlikely(why == ENGINE_EXIT_SHUTDOWN && s->vmcb->control.exit_code))
		say_shutdown(s);
	return why;
}
