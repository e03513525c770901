/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Exceptions, NMIs and interrupts on their way into the guest.
 *
 * Delivery is one step of the emulator, so an event is either still pending
 * or done; there is no "injected" state in between but for two cases. A stack
 * or table in MMIO space: the event stays pending and is delivered again when
 * the host program has answered. An engine whose processor delivers
 * (inject()): the event stays pending until the engine has seen it go in. What
 * KVM_SET_VCPU_EVENTS brings as "injected" is simply pending, with its side
 * effects already done.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/lapic.h"

static void stop_here(struct vcpu *v, u64 dr6)
{
	vcpu_state(v);
	v->cpu.dr[6] |= dr6;
}

/* 1: delivered, or the engine will; 0: leave with *@why, the event is pending still. */
static int deliver(struct vcpu *v, enum x86_event_kind kind, const struct x86_exception *ev,
		   enum engine_exit *why)
{
	if (unlikely(v->trace & VCPU_TRACE_EVENT))
		plat_trace("event: vcpu %u rip %llx kind %d vector %u error %x cr2 %llx", v->id,
			   (unsigned long long)v->cpu.rip, kind, ev->vector, ev->error,
			   (unsigned long long)ev->cr2);
	if (v->vm->engine->inject && !v->delivering && v->vm->engine->inject(v, kind, ev)) {
		v->event_under_way = kind + 1;
		v->stats.injections++;
		return 1;
	}
	vcpu_state(v);
	v->memory_gone = false;
	for (;;) {
		vcpu_mmio_restart(v);
		switch (x86_deliver(&v->emu, kind, ev)) {
		case X86_EMU_OK:
			vcpu_mmio_done(v);
			v->delivering = false;
			v->stats.injections++;
			return 1;
		case X86_EMU_EXIT:
			v->delivering = true;
			*why = ENGINE_EXIT_USER;
			return 0;
		case X86_EMU_SHUTDOWN:
			v->delivering = false;
			*why = v->memory_gone ? ENGINE_EXIT_FAULT : ENGINE_EXIT_SHUTDOWN;
			v->exception_pending &= v->memory_gone;
			return 0;
		case X86_EMU_RETRY:
			continue;
		default:
			plat_bug(__FILE__, __LINE__, "x86_deliver");
		}
	}
}

void vcpu_queue_exception(struct vcpu *v, const struct x86_exception *e)
{
	v->exception = *e;
	v->exception_pending = true;
	v->exception_injected = false;
	v->events_open = true;
}

static int inject_exception(struct vcpu *v, enum engine_exit *why)
{
	struct x86_exception e = v->exception;

	if (v->exception_injected) {
		/* Its payload went into CR2 or DR6 before it came to us. */
		e.cr2 = e.vector == X86_EXC_PF ? v->cpu.cr2 : 0;
	} else if (e.vector == X86_EXC_DB) {
		stop_here(v, e.cr2);
		e.cr2 = 0;
	}
	v->exception = e;
	if (!deliver(v, X86_EV_EXCEPTION, &e, why)) {
		v->exception_injected = true;
		return 0;
	}
	if (v->event_under_way)
		v->exception_injected = true;
	else
		v->exception_pending = false;
	return 1;
}

int vcpu_inject_exception(struct vcpu *v, enum engine_exit *why)
{
	v->event_under_way = 0;
	return inject_exception(v, why);
}

static bool nmi_allowed(const struct vcpu *v)
{
	return !v->cpu.nmi_masked && !v->cpu.interrupt_shadow;
}

static void nmi_done(struct vcpu *v)
{
	v->nmi_injected = false;
	v->cpu.nmi_masked = true;
	v->stats.nmi_injections++;
}

static int inject_nmi(struct vcpu *v, enum engine_exit *why)
{
	static const struct x86_exception nmi = { .vector = X86_EXC_NMI };

	if (!v->nmi_injected) {
		v->nmi_pending--;
		v->nmi_injected = true;
	}
	if (!deliver(v, X86_EV_NMI, &nmi, why))
		return 0;
	if (!v->event_under_way)
		nmi_done(v);
	return 1;
}

static void interrupt_done(struct vcpu *v)
{
	v->interrupt_pending = false;
	v->stats.irq_exits++;
}

static int inject_interrupt(struct vcpu *v, enum engine_exit *why)
{
	struct x86_exception e = { 0 };
	int vec;

	if (!v->interrupt_pending) {
		vec = vcpu_has_interrupt(v) ? vcpu_get_interrupt(v) : -1;
		if (vec < 0)
			return 1;
		v->interrupt_vector = vec;
		v->interrupt_soft = false;
		v->interrupt_pending = true;
	}
	e.vector = v->interrupt_vector;
	if (!deliver(v, v->interrupt_soft ? X86_EV_SOFT : X86_EV_INTERRUPT, &e, why)) {
		v->interrupt_injected = true;	/* it has begun: IF and shadow are not asked again */
		return 0;
	}
	if (!v->event_under_way)
		interrupt_done(v);
	return 1;
}

int vcpu_inject_events(struct vcpu *v, enum engine_exit *why)
{
	v->event_under_way = 0;
	if (unlikely(v->exception_pending) && !inject_exception(v, why))
		return 0;
	if (unlikely(v->event_under_way || (v->guest_debug & KVM_GUESTDBG_BLOCKIRQ)))
		return 1;
	if (unlikely(v->nmi_injected || (v->nmi_pending && nmi_allowed(v))) &&
	    !inject_nmi(v, why))
		return 0;
	if (unlikely(v->event_under_way))
		return 1;
	/* One that the host program calls injected has passed IF already. */
	if (unlikely(v->interrupt_pending && v->interrupt_injected)) {
		v->interrupt_injected = false;
		return inject_interrupt(v, why);
	}
	if (!vcpu_interrupt_allowed(v))
		return 1;
	return inject_interrupt(v, why);
}

/* ---- an engine that injects ---- */

void vcpu_event_done(struct vcpu *v)
{
	switch (v->event_under_way) {
	case 0:
		return;
	case X86_EV_NMI + 1:
		nmi_done(v);
		break;
	case X86_EV_INTERRUPT + 1:
	case X86_EV_SOFT + 1:
		interrupt_done(v);
		break;
	default:
		v->exception_pending = false;
		break;
	}
	v->event_under_way = 0;
}

void vcpu_event_again(struct vcpu *v, enum x86_event_kind kind, const struct x86_exception *ev)
{
	v->events_open = true;
	switch (kind) {
	case X86_EV_NMI:
		v->nmi_injected = true;
		v->cpu.nmi_masked = false;
		break;
	case X86_EV_INTERRUPT:
		v->interrupt_pending = v->interrupt_injected = true;
		v->interrupt_soft = false;
		v->interrupt_vector = ev->vector;
		break;
	default:
		v->exception = *ev;
		v->exception_pending = v->exception_injected = true;
		if (ev->vector == X86_EXC_PF)
			v->cpu.cr2 = ev->cr2;
		break;
	}
}

/* The host program would have the guest stopped when it can take KVM_INTERRUPT's vector. */
static bool user_waits(const struct vcpu *v)
{
	return v->vm->irqchip != VM_IRQCHIP_KERNEL &&
	       READ_ONCE(v->run->request_interrupt_window);
}

u32 vcpu_windows(struct vcpu *v)
{
	u32 w = 0;

	if (!v->lapic || lapic_waits_for_tpr(v->lapic))
		w |= VCPU_WINDOW_TPR;
	if (unlikely((v->nmi_pending || v->nmi_injected) && v->event_under_way != X86_EV_NMI + 1))
		w |= VCPU_WINDOW_NMI;
	if (unlikely(v->guest_debug & KVM_GUESTDBG_BLOCKIRQ))
		return w;
	if (unlikely(v->interrupt_pending && v->event_under_way != X86_EV_INTERRUPT + 1) ||
	    unlikely(user_waits(v)) || vcpu_has_interrupt(v))
		w |= VCPU_WINDOW_INTERRUPT;
	/* What wakes them asks for VCPU_REQ_EVENT: the chips when a priority falls, and so on. */
	v->events_open = w || v->event_under_way;
	return w;
}

bool vcpu_ready_for_user_interrupt(struct vcpu *v)
{
	if (v->lapic && (!lapic_takes_extint(v->lapic) || v->pending_external_vector >= 0))
		return false;
	return vcpu_interrupt_allowed(v) && !v->interrupt_pending && !v->exception_pending &&
	       !v->nmi_injected;
}

/* ---- ioctls ---- */

long vcpu_interrupt(void *obj, void *arg, u64 uarg)
{
	const struct kvm_interrupt *i = arg;
	struct vcpu *v = obj;

	if (i->irq > 255)
		return -EINVAL;
	if (v->vm->irqchip == VM_IRQCHIP_KERNEL)
		return -ENXIO;
	if (v->vm->irqchip == VM_IRQCHIP_NONE) {
		v->interrupt_pending = true;
		v->interrupt_injected = true;
		v->interrupt_soft = false;
		v->interrupt_vector = i->irq;
		return 0;
	}
	if (v->pending_external_vector >= 0)
		return -EEXIST;
	v->pending_external_vector = i->irq;
	vcpu_request(v, VCPU_REQ_EVENT);
	return 0;
}

long vcpu_nmi(void *obj, void *arg, u64 uarg)
{
	vcpu_raise_nmi(obj);
	return 0;
}

long vcpu_get_mp_state(void *obj, void *arg, u64 uarg)
{
	struct kvm_mp_state *m = arg;
	struct vcpu *v = obj;

	lapic_accept_events(v);
	m->mp_state = v->mp_state;
	return 0;
}

long vcpu_set_mp_state(void *obj, void *arg, u64 uarg)
{
	const struct kvm_mp_state *m = arg;
	struct vcpu *v = obj;

	switch (m->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		if (v->lapic)
			break;
		return -EINVAL;
	default:
		return -EINVAL;
	}
	if (m->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		v->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		plat_atomic_or32(&v->lapic->events, LAPIC_SIPI);
	} else {
		v->mp_state = m->mp_state;
	}
	vcpu_request(v, VCPU_REQ_EVENT);
	return 0;
}

void vcpu_events_store(struct vcpu *v, struct kvm_vcpu_events *ev)
{
	bool payload = v->vm->exception_payload;
	bool pending = v->exception_pending && !v->exception_injected;

	lapic_accept_events(v);
	memset(ev, 0, sizeof(*ev));
	/* A host that does not know payloads gets CR2 and DR6 as if it had happened. */
	if (pending && !payload && v->exception.vector == X86_EXC_PF)
		v->cpu.cr2 = v->exception.cr2;
	if (pending && !payload && v->exception.vector == X86_EXC_DB)
		stop_here(v, v->exception.cr2);
	ev->exception.injected = payload ? v->exception_pending && !pending : v->exception_pending;
	ev->exception.pending = payload ? pending : v->exception_pending;
	ev->exception.nr = v->exception.vector;
	ev->exception.has_error_code = v->exception.has_error;
	ev->exception.error_code = v->exception.error;
	if (payload && pending &&
	    (v->exception.vector == X86_EXC_PF || v->exception.vector == X86_EXC_DB)) {
		ev->exception_has_payload = 1;
		ev->exception_payload = v->exception.cr2;
	}
	ev->interrupt.injected = v->interrupt_pending && !v->interrupt_soft;
	ev->interrupt.nr = v->interrupt_vector;
	ev->interrupt.shadow = (v->cpu.interrupt_shadow & X86_SHADOW_STI ?
				KVM_X86_SHADOW_INT_STI : 0) |
			       (v->cpu.interrupt_shadow & X86_SHADOW_MOV_SS ?
				KVM_X86_SHADOW_INT_MOV_SS : 0);
	ev->nmi.injected = v->nmi_injected;
	ev->nmi.pending = v->nmi_pending != 0;
	ev->nmi.masked = v->cpu.nmi_masked;
	ev->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	if (payload)
		ev->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	if (v->vm->triple_fault_event) {
		ev->triple_fault.pending = !!(READ_ONCE(v->requests) &
					      BIT_ULL(VCPU_REQ_TRIPLE_FAULT));
		ev->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
}

static bool events_valid(const struct vcpu *v, const struct kvm_vcpu_events *ev)
{
	u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
		    KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM |
		    (v->vm->exception_payload ? KVM_VCPUEVENT_VALID_PAYLOAD : 0) |
		    (v->vm->triple_fault_event ? KVM_VCPUEVENT_VALID_TRIPLE_FAULT : 0);

	if (ev->flags & ~known)
		return false;
	/* There is no SMM: a state that is in it can't be taken. */
	if ((ev->flags & KVM_VCPUEVENT_VALID_SMM) && (ev->smi.smm || ev->smi.pending))
		return false;
	return !((ev->exception.injected || ev->exception.pending) &&
		 (ev->exception.nr > 31 || ev->exception.nr == X86_EXC_NMI));
}

static void load_exception(struct vcpu *v, const struct kvm_vcpu_events *ev)
{
	bool payload = ev->flags & KVM_VCPUEVENT_VALID_PAYLOAD;
	bool pending = payload && ev->exception.pending;

	v->exception_pending = pending || ev->exception.injected;
	v->exception_injected = v->exception_pending && !(pending && ev->exception_has_payload);
	v->exception = (struct x86_exception){
		.vector = ev->exception.nr,
		.has_error = ev->exception.has_error_code,
		.error = ev->exception.error_code,
		.cr2 = pending && ev->exception_has_payload ? ev->exception_payload : 0,
	};
}

int vcpu_events_load(struct vcpu *v, const struct kvm_vcpu_events *ev)
{
	if (!events_valid(v, ev))
		return -EINVAL;
	lapic_accept_events(v);
	load_exception(v, ev);
	v->interrupt_pending = v->interrupt_injected = ev->interrupt.injected;
	v->interrupt_vector = ev->interrupt.nr;
	v->interrupt_soft = ev->interrupt.soft;
	if (ev->flags & KVM_VCPUEVENT_VALID_SHADOW)
		v->cpu.interrupt_shadow = (ev->interrupt.shadow & KVM_X86_SHADOW_INT_STI ?
					   X86_SHADOW_STI : 0) |
					  (ev->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS ?
					   X86_SHADOW_MOV_SS : 0);
	v->nmi_injected = ev->nmi.injected;
	if (ev->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		v->nmi_pending = ev->nmi.pending ? 1 : 0;
	v->cpu.nmi_masked = ev->nmi.masked;
	if ((ev->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR) && v->lapic)
		v->sipi_vector = ev->sipi_vector;
	if (ev->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT) {
		if (ev->triple_fault.pending)
			vcpu_request(v, VCPU_REQ_TRIPLE_FAULT);
		else
			vcpu_take_request(v, VCPU_REQ_TRIPLE_FAULT);
	}
	v->delivering = false;
	vcpu_request(v, VCPU_REQ_EVENT);
	v->vm->engine->state_written(v);
	return 0;
}

long vcpu_get_events(void *obj, void *arg, u64 uarg)
{
	vcpu_events_store(obj, arg);
	return 0;
}

long vcpu_set_events(void *obj, void *arg, u64 uarg)
{
	return vcpu_events_load(obj, arg);
}
