/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Events: given to the processor for the next entry (EVENTINJ), taken back
 * when an exit cut their delivery short (EXITINTINFO), and windows for those
 * that must wait (APM vol. 2, 15.20 to 15.22).
 *
 * A virtual interrupt that nobody ever delivers is how to learn that the guest
 * can take a real one: V_IRQ with its delivery intercepted. For NMIs the IRET
 * that ends the last one is intercepted, and executed by the emulator.
 */
#include "svm.h"

static bool protected_mode(const struct vcpu *v)
{
	return (v->state_stale ? svm_of((struct vcpu *)v)->vmcb->save.cr0 : v->cpu.cr0) & X86_CR0_PE;
}

static void set_cr2(struct svm_vcpu *s, u64 cr2)
{
	s->vcpu->cpu.cr2 = cr2;
	s->vmcb->save.cr2 = cr2;
	svm_dirty(s, SVM_CLEAN_CR2);
}

/* An NMI that is to come right behind the exception, for which there would be no window. */
static bool nmi_behind(const struct vcpu *v, enum x86_event_kind kind)
{
	return kind == X86_EV_EXCEPTION && (v->nmi_pending || v->nmi_injected) &&
	       !v->cpu.nmi_masked;
}

/*
 * Left to the emulator are events that the processor could not deliver
 * (deliver_slow), those of kinds that it can't, and frames in which a TF that
 * is the debugger's must not show.
 */
bool svm_inject(struct vcpu *v, enum x86_event_kind kind, const struct x86_exception *ev)
{
	static const u32 types[] = {
		[X86_EV_EXCEPTION] = SVM_EVENT_EXCEPTION,
		[X86_EV_INTERRUPT] = SVM_EVENT_INTR,
		[X86_EV_NMI] = SVM_EVENT_NMI,
	};
	struct svm_vcpu *s = svm_of(v);
	u64 event;

	if (unlikely(s->deliver_slow || kind >= ARRAY_SIZE(types) || vcpu_debug_stepping(v) ||
		     nmi_behind(v, kind))) {
		s->deliver_slow = false;
		return false;
	}
	event = ev->vector | types[kind] | SVM_EVENT_VALID;
	if (ev->has_error && protected_mode(v))
		event |= SVM_EVENT_ERROR | (u64)ev->error << 32;
	if (kind == X86_EV_EXCEPTION && ev->vector == X86_EXC_PF)
		set_cr2(s, ev->cr2);
	s->vmcb->control.event_inj = event;
	hw_trace_inject(v, ev->vector, false, false);
	return true;
}

/* ---- windows ---- */

/*
 * An NMI waits for the end of an interrupt shadow alone: one instruction. What
 * the emulator does not know is no stack switch, and may have the NMI before it.
 */
static int leave_shadow(struct svm_vcpu *s, enum engine_exit *why)
{
	struct vcpu *v = s->vcpu;

	vcpu_leave_guest(v);
	if (!vcpu_emulate_resume(v, why))
		return 0;
	v->cpu.interrupt_shadow = 0;
	return -1;
}

int svm_prepare_events(struct svm_vcpu *s, enum engine_exit *why)
{
	struct vmcb_control *c = &s->vmcb->control;
	struct vcpu *v = s->vcpu;
	u32 w = vcpu_windows(v), ctl = SVM_V_INTR_MASKING | (c->int_ctl & SVM_V_TPR);
	bool tpr = w & VCPU_WINDOW_TPR;

	if (unlikely((w & VCPU_WINDOW_NMI) && v->cpu.interrupt_shadow && !v->event_under_way))
		return leave_shadow(s, why);
	if (!v->event_under_way)
		c->event_inj = 0;
	if (unlikely(w & VCPU_WINDOW_INTERRUPT))
		ctl |= SVM_V_IRQ | SVM_V_IGN_TPR | SVM_V_INTR_PRIO(15);
	if (c->int_ctl != ctl) {
		c->int_ctl = ctl;
		svm_dirty(s, SVM_CLEAN_TPR);
	}
	svm_set_misc(s, 0, SVM_I_VINTR, w & VCPU_WINDOW_INTERRUPT);
	svm_set_misc(s, 0, SVM_I_IRET,
		     v->cpu.nmi_masked || v->event_under_way == X86_EV_NMI + 1);
	if (unlikely(tpr != !!(c->cr_write & SVM_CR8)))
		svm_update_cr_intercepts(s, tpr);
	s->waits = w || (c->misc[0] & SVM_I_IRET);
	return 1;
}

/* ---- after an exit ---- */

/* @ours: it was an exception that we injected. */
static SVM_COLD void again(struct svm_vcpu *s, u64 info, bool ours)
{
	struct vcpu *v = s->vcpu;
	struct x86_exception ev = {
		.vector = info & SVM_EVENT_VECTOR,
		.has_error = info & SVM_EVENT_ERROR,
		.error = (info & SVM_EVENT_ERROR) ? info >> 32 : 0,
		.cr2 = s->vmcb->save.cr2,
	};
	enum x86_event_kind kind;

	switch (info & SVM_EVENT_TYPE) {
	case SVM_EVENT_INTR:
		kind = X86_EV_INTERRUPT;
		break;
	case SVM_EVENT_NMI:
		kind = X86_EV_NMI;
		break;
	case SVM_EVENT_EXCEPTION:
		/* INT3 and INTO: rip is still at the instruction, which is executed again. */
		if (!ours && (ev.vector == X86_EXC_BP || ev.vector == X86_EXC_OF))
			return;
		kind = X86_EV_EXCEPTION;
		if (ev.vector != X86_EXC_PF)
			ev.cr2 = 0;
		break;
	default:		/* INT n: the same */
		return;
	}
	hw_trace_inject(v, ev.vector, false, true);
	vcpu_event_again(v, kind, &ev);
}

void svm_after_events(struct svm_vcpu *s)
{
	struct vcpu *v = s->vcpu;
	u64 info = s->vmcb->control.exit_int_info;
	bool ours = v->event_under_way == X86_EV_EXCEPTION + 1;

	vcpu_event_done(v);
	if (unlikely(info & SVM_EVENT_VALID))
		again(s, info, ours);
}
