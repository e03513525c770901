/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Hypercalls: VMCALL or VMMCALL with a number in RAX and arguments in RBX,
 * RCX, RDX, RSI; the result in RAX (the kernel's
 * Documentation/virt/kvm/x86/hypercalls). One row a call.
 */
#include <linux/kvm_para.h>
#include "x86/pv.h"
#include "x86/lapic.h"

struct hypercall {
	u64 a[4];
	bool wide;		/* from 64-bit code */
};

#define ICR_LOGICAL BIT(11)
#define ICR_SHORTHAND (3u << 18)

static s64 hc_nop(struct vcpu *v, const struct hypercall *h)
{
	return 0;
}

/* The holder of a lock wakes the one who sleeps for it: a1 is its APIC ID. */
static s64 hc_kick_cpu(struct vcpu *v, const struct hypercall *h)
{
	struct vcpu *target = apic_find(v->vm, h->a[1]);

	if (target && target->pv) {
		WRITE_ONCE(target->pv->unhalted, true);
		vcpu_request_kick(target, VCPU_REQ_EVENT);
	}
	return 0;
}

static int send_bitmap(struct vm *vm, u64 bits, u32 first, u32 icr)
{
	int n = 0;

	for (; bits; bits &= bits - 1) {
		struct vcpu *target = apic_find(vm, first + __builtin_ctzll(bits));

		if (target)
			n += lapic_accept(target, icr >> 8 & 7, icr, false);
	}
	return n;
}

/* a0 and a1 are one bitmap of the APIC IDs from a2 on, a3 the ICR. */
static s64 hc_send_ipi(struct vcpu *v, const struct hypercall *h)
{
	u32 icr = h->a[3], min = h->a[2];

	if (!v->lapic)
		return -KVM_ENOSYS;
	if (icr & (ICR_LOGICAL | ICR_SHORTHAND))
		return -KVM_EINVAL;
	if (min >= VM_MAX_VCPU_IDS)
		return 0;
	return send_bitmap(v->vm, h->a[0], min, icr) +
	       send_bitmap(v->vm, h->a[1], min + (h->wide ? 64 : 32), icr);
}

/* a0: the vCPU that is waited for. One that runs needs nothing. */
static s64 hc_sched_yield(struct vcpu *v, const struct hypercall *h)
{
	struct vcpu *target = apic_find(v->vm, h->a[0]);

	if (target && target != v && !READ_ONCE(target->in_guest))
		plat_yield_to(&target->thread);
	return 0;
}

/* a0: where to write the time of day and the guest's TSC at one moment; a1: which clock. */
static s64 hc_clock_pairing(struct vcpu *v, const struct hypercall *h)
{
	struct kvm_clock_pairing p;
	struct kvm_clock_data d;

	if (h->a[1] != KVM_CLOCK_PAIRING_WALLCLOCK)
		return -KVM_EOPNOTSUPP;
	kvmclock_get(v->vm, &d);
	memset(&p, 0, sizeof(p));
	p.sec = d.realtime / 1000000000;
	p.nsec = d.realtime % 1000000000;
	p.tsc = x86_tsc_at(v, d.host_tsc);
	return vm_write(v->vm, v, h->a[0], &p, sizeof(p)) ? -KVM_EFAULT : 0;
}

static const struct {
	s64 (*fn)(struct vcpu *v, const struct hypercall *h);
	s8 feature;		/* needed with KVM_CAP_ENFORCE_PV_FEATURE_CPUID; -1: none */
} calls[] = {
	[KVM_HC_VAPIC_POLL_IRQ] = { hc_nop, -1 },
	[KVM_HC_KICK_CPU] = { hc_kick_cpu, KVM_FEATURE_PV_UNHALT },
	[KVM_HC_CLOCK_PAIRING] = { hc_clock_pairing, -1 },
	[KVM_HC_SEND_IPI] = { hc_send_ipi, KVM_FEATURE_PV_SEND_IPI },
	[KVM_HC_SCHED_YIELD] = { hc_sched_yield, KVM_FEATURE_PV_SCHED_YIELD },
};

static bool offered(const struct vcpu *v, s8 feature)
{
	return feature < 0 || !v->pv || !v->pv->enforce || (v->pv->features >> feature & 1);
}

int x86_hypercall(struct vcpu *v)
{
	struct x86_cpu *c = &v->cpu;
	u64 nr = c->gpr[X86_RAX], mask = x86_64bit(c) ? ~0ull : 0xffffffff;
	struct hypercall h = {
		.a = { c->gpr[X86_RBX] & mask, c->gpr[X86_RCX] & mask, c->gpr[X86_RDX] & mask,
		       c->gpr[X86_RSI] & mask },
		.wide = x86_64bit(c),
	};
	s64 ret = -KVM_ENOSYS;

	v->stats.hypercalls++;
	nr &= mask;
	if (x86_cpl(c) != 0)
		ret = -KVM_EPERM;
	else if (nr < ARRAY_SIZE(calls) && calls[nr].fn && offered(v, calls[nr].feature))
		ret = calls[nr].fn(v, &h);
	c->gpr[X86_RAX] = (u64)ret & mask;
	return 1;
}
