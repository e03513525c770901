/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Asynchronous page faults (the kernel's Documentation/virt/kvm/x86/msr): a
 * page of the guest's memory is not there and the host has to fetch it, so
 * the guest may do something else meanwhile. It is told twice: "not present"
 * is a #PF whose CR2 is a token, "ready" an interrupt with that token in a page
 * that both share, one at a time until the guest acknowledges.
 *
 * A guest that can not be told, but could take an interrupt, waits in a halt
 * that it knows nothing of, and that any event ends. What it waits for is kept
 * here by page: a guest that comes back to a page that is on its way waits for
 * the same one. The table is the vCPU's own thread's; those who bring the
 * pages only mark them.
 */
#include "core.h"
#include "core-int.h"
#include "x86/lapic.h"
#include "x86/pv.h"

#define SHARED_RESERVED 0x30ull
#define SHARED_FLAGS offsetof(struct kvm_vcpu_pv_apf_data, flags)
#define SHARED_TOKEN offsetof(struct kvm_vcpu_pv_apf_data, token)
#define TOKEN_ID_SHIFT 12
#define TOKEN_ALL (~0u)		/* whoever waits for anything looks again */

_Static_assert(VM_MAX_VCPU_IDS <= 1 << TOKEN_ID_SHIFT, "a token names its vCPU");

static bool enabled(const struct pv_async *a)
{
	const u64 both = KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT;

	return (a->en_msr & both) == both;
}

static u64 shared(const struct pv_async *a, u32 offset)
{
	return (a->en_msr & ~63ull) + offset;
}

/* Nobody is told of what was on its way; who waits for it looks for himself. */
static void forget(struct pv_async *a)
{
	plat_spin_lock(&a->lock);
	a->nr = 0;
	plat_spin_unlock(&a->lock);
	a->wake_all = a->unacknowledged = a->halted = false;
}

void pv_async_init(struct pv_async *a)
{
	plat_spin_init(&a->lock);
	pv_async_reset(a);
}

void pv_async_reset(struct pv_async *a)
{
	a->en_msr = a->int_msr = 0;
	forget(a);
}

/* ---- the MSRs ---- */

static bool lacks(const struct vcpu *v, u32 feature)
{
	return v->pv->enforce && !(v->pv->features >> feature & 1);
}

static int set_enable(struct vcpu *v, u64 val)
{
	struct pv_async *a = &v->pv->async;

	if ((val & SHARED_RESERVED) || (val && !v->lapic) ||
	    ((val & KVM_ASYNC_PF_DELIVERY_AS_PF_VMEXIT) && lacks(v, KVM_FEATURE_ASYNC_PF_VMEXIT)) ||
	    ((val & KVM_ASYNC_PF_DELIVERY_AS_INT) && lacks(v, KVM_FEATURE_ASYNC_PF_INT)))
		return -EINVAL;
	forget(a);
	a->en_msr = val;
	/* A restored guest has processes that wait for pages of another host. */
	a->wake_all = enabled(a);
	if (a->wake_all)
		vcpu_request_kick(v, VCPU_REQ_ASYNC_PF);
	return 0;
}

int pv_async_set_msr(struct vcpu *v, u32 index, u64 val)
{
	struct pv_async *a = &v->pv->async;

	switch (index) {
	case MSR_KVM_ASYNC_PF_EN:
		return set_enable(v, val);
	case MSR_KVM_ASYNC_PF_INT:
		if (val && !v->lapic)
			return -EINVAL;
		a->int_msr = val;
		return 0;
	case MSR_KVM_ASYNC_PF_ACK:
		if (val & 1) {
			a->unacknowledged = false;
			vcpu_request_kick(v, VCPU_REQ_ASYNC_PF);
		}
		return 0;
	}
	return -ENOENT;
}

/* ---- not present ---- */

bool core_async_pf_possible(struct vcpu *v)
{
	const struct pv_async *a = v->pv ? &v->pv->async : NULL;

	/* An event that is on its way would find the vCPU waiting, or another exception before it. */
	return a && v->vm->engine->async_pf && v->lapic && a->nr < PV_ASYNC_MAX &&
	       !v->exception_pending && !v->nmi_injected && !v->interrupt_pending &&
	       !v->delivering && vcpu_interrupt_allowed(v) && !v->guest_debug;
}

/* Tell the guest: its reason word is free for it, and it wants to know at this level. */
static bool tell(struct vcpu *v, u32 token)
{
	const struct x86_exception exc = { .vector = X86_EXC_PF, .has_error = true, .cr2 = token };
	const struct pv_async *a = &v->pv->async;
	u32 flags;

	if (!enabled(a))
		return false;
	vcpu_state(v);
	if (!(v->cpu.cr0 & X86_CR0_PG) ||
	    (!(a->en_msr & KVM_ASYNC_PF_SEND_ALWAYS) && !x86_cpl(&v->cpu)))
		return false;
	if (vm_read(v->vm, shared(a, SHARED_FLAGS), &flags, sizeof(flags)) || flags)
		return false;
	flags = KVM_PV_REASON_PAGE_NOT_PRESENT;
	if (vm_write(v->vm, v, shared(a, SHARED_FLAGS), &flags, sizeof(flags)))
		return false;
	vcpu_queue_exception(v, &exc);
	return true;
}

static void async_halt(struct vcpu *v)
{
	v->pv->async.halted = true;
	vcpu_request(v, VCPU_REQ_EVENT);	/* it is looked at before the guest goes on */
}

static u32 new_token(struct vcpu *v)
{
	struct pv_async *a = &v->pv->async;

	/* Never 0, which is a free slot, nor TOKEN_ALL. */
	a->last_id = (a->last_id + 1) & 0xfffff;
	if (!a->last_id || a->last_id == 0xfffff)
		a->last_id = 1;
	return a->last_id << TOKEN_ID_SHIFT | v->id;
}

enum core_async_pf core_async_pf_start(struct vcpu *v, u64 gpa, u32 *token)
{
	struct pv_async *a;
	struct pv_async_page *p;
	bool told;

	if (!core_async_pf_possible(v))
		return CORE_ASYNC_PF_NO;
	a = &v->pv->async;
	for (p = a->page; p < a->page + a->nr; p++) {
		if (p->gfn != gpa >> PAGE_SHIFT || READ_ONCE(p->ready))
			continue;
		async_halt(v);
		return CORE_ASYNC_PF_WAIT;
	}
	*token = new_token(v);
	told = tell(v, *token);
	plat_spin_lock(&a->lock);
	a->page[a->nr++] = (struct pv_async_page){ .gfn = gpa >> PAGE_SHIFT, .token = *token,
						   .told = told };
	plat_spin_unlock(&a->lock);
	if (!told)
		async_halt(v);
	return CORE_ASYNC_PF_STARTED;
}

bool vcpu_async_pf_halted(struct vcpu *v)
{
	return v->pv && v->pv->async.halted;
}

bool vcpu_async_pf_resume(struct vcpu *v)
{
	if (vcpu_async_pf_halted(v) && vcpu_has_events(v))
		v->pv->async.halted = false;
	return !vcpu_async_pf_halted(v);
}

/* ---- ready ---- */

void core_async_pf_ready(struct vcpu *v, u32 token)
{
	struct pv_async *a = &v->pv->async;
	bool found = false;

	plat_spin_lock(&a->lock);
	for (u32 i = 0; i < a->nr; i++) {
		if (a->page[i].token != token)
			continue;
		a->page[i].ready = true;
		found = true;
	}
	plat_spin_unlock(&a->lock);
	if (found)
		vcpu_request_kick(v, VCPU_REQ_ASYNC_PF);
}

/* May the guest be told of the next one, @token? Then it has been. */
static bool announce(struct vcpu *v, u32 token)
{
	struct pv_async *a = &v->pv->async;
	u32 slot;

	if (a->unacknowledged || !v->lapic->enabled ||
	    vm_read(v->vm, shared(a, SHARED_TOKEN), &slot, sizeof(slot)) || slot ||
	    vm_write(v->vm, v, shared(a, SHARED_TOKEN), &token, sizeof(token)))
		return false;
	a->unacknowledged = true;
	lapic_accept(v, LAPIC_DM_FIXED, a->int_msr, false);
	return true;
}

static void take_out(struct pv_async *a, u32 i)
{
	plat_spin_lock(&a->lock);
	a->page[i] = a->page[--a->nr];
	plat_spin_unlock(&a->lock);
}

void vcpu_async_pf_deliver(struct vcpu *v)
{
	struct pv_async *a = v->pv ? &v->pv->async : NULL;
	u32 i = 0;

	if (!a)
		return;
	if (a->wake_all && announce(v, TOKEN_ALL))
		a->wake_all = false;
	while (i < a->nr) {
		const struct pv_async_page *p = &a->page[i];

		if (!READ_ONCE(p->ready)) {
			i++;
			continue;
		}
		/* Whatever page it was: a look costs less than a wait for the wrong one. */
		a->halted = false;
		if (p->told && !announce(v, p->token))
			i++;
		else
			take_out(a, i);
	}
}
