/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * KVM_RUN's inside: enter the guest, see why it came back, enter it again.
 */
#include "svm.h"
#include "x86/msr.h"

/* The guest's in the processor, which does not switch it by itself. */
static u64 spec_ctrl(const struct svm_vcpu *s, u64 host)
{
	return svm_caps.spec_ctrl && !svm_caps.virt_spec_ctrl ? s->vcpu->msrs->spec_ctrl : host;
}

/* Interrupts are off. */
static void enter(struct svm_vcpu *s, int cpu)
{
	struct vcpu *v = s->vcpu;
	u64 host = svm_caps.spec_ctrl ? hw_spec_ctrl() : 0;
	bool debug = svm_debug_live(s), xcr0 = v->cpu.xcr0 != svm_caps.xcr0 && svm_caps.xcr0;

	svm_cpu_prepare(s, cpu);
	if (svm_caps.rdtscp)
		hw_user_msr(MSR_TSC_AUX, v->cpu.tsc_aux);
	if (xcr0)
		hw_xcr0_guest(v->cpu.xcr0);
	if (unlikely(debug))
		svm_debug_enter(s);
	svm_world_switch(s->vmcb_pa, v->cpu.gpr, svm_cpu_host_pa(cpu), spec_ctrl(s, host), host);
	s->vmcb->control.clean = SVM_CLEAN_ALL;
	if (unlikely(debug))
		svm_debug_leave(s);
	if (xcr0)
		hw_xcr0_host(v->cpu.xcr0);
	vcpu_leave_guest(v);
}

/* Once through the guest. 1: an exit to be looked at; 0: leave with *@why; -1: not yet. */
static int once(struct svm_vcpu *s, enum engine_exit *why)
{
	struct vcpu *v = s->vcpu;
	struct vmcb_control *c = &s->vmcb->control;
	int go, cpu;

	if (!vcpu_enter_guest(v, why))
		return 0;
	if (unlikely(s->setup_stale))
		svm_setup(s);
	go = svm_prepare_events(s, why);
	if (unlikely(go <= 0))
		return go;
	if (unlikely(!v->state_stale))
		svm_state_load(s);
	svm_state_enter(s);
	if (unlikely(!hw_guest_enter(v, &cpu))) {
		vcpu_leave_guest(v);
		hw_guest_work(v);
		return -1;
	}
	hw_trace_entry(v, v->cpu.rip);
	enter(s, cpu);
	hw_guest_exit(v);
	svm_state_leave(s);
	hw_trace_exit(v, c->exit_code, v->cpu.rip, c->exit_info_1, c->exit_info_2,
		      c->exit_int_info, c->exit_int_info >> 32);
	svm_after_events(s);
	return 1;
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
	return why;
}
