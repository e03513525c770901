/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The paravirtual MSRs, steal time with its preempted flag, and the flag in
 * memory by which a guest ends an interrupt without telling.
 */
#include "core-int.h"
#include "x86/pv.h"
#include "x86/lapic.h"

#define CPUID_KVM_BASE_MAX 0x40010000
/*
 * Asking the host how long a thread has waited is a system call: while the
 * vCPU runs on not more often than this, and on entry after an absence.
 */
#define STEAL_INTERVAL_NS 10000000
#define STEAL_ABSENCE_NS 50000

struct pv_msr {
	u32 index;
	u8 feature;
	u64 reserved;
	u32 offset;		/* in struct pv_state */
};

#define PV(m, f, r, field) { m, f, r, offsetof(struct pv_state, field) }
static const struct pv_msr msrs[] = {
	PV(MSR_KVM_WALL_CLOCK, KVM_FEATURE_CLOCKSOURCE, 0, wall_clock_msr),
	PV(MSR_KVM_SYSTEM_TIME, KVM_FEATURE_CLOCKSOURCE, 0, system_time_msr),
	PV(MSR_KVM_WALL_CLOCK_NEW, KVM_FEATURE_CLOCKSOURCE2, 0, wall_clock_msr),
	PV(MSR_KVM_SYSTEM_TIME_NEW, KVM_FEATURE_CLOCKSOURCE2, 0, system_time_msr),
	PV(MSR_KVM_STEAL_TIME, KVM_FEATURE_STEAL_TIME, KVM_STEAL_RESERVED_MASK, steal_msr),
	PV(MSR_KVM_PV_EOI_EN, KVM_FEATURE_PV_EOI, 2, eoi_msr),
	PV(MSR_KVM_POLL_CONTROL, KVM_FEATURE_POLL_CONTROL, ~1ull, poll_control),
	PV(MSR_KVM_ASYNC_PF_EN, KVM_FEATURE_ASYNC_PF, 0, async.en_msr),
	PV(MSR_KVM_ASYNC_PF_INT, KVM_FEATURE_ASYNC_PF_INT, ~0xffull, async.int_msr),
	PV(MSR_KVM_ASYNC_PF_ACK, KVM_FEATURE_ASYNC_PF_INT, 0, async.ack_msr),
};

static const u32 msr_indices[] = {
	MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW,
	MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, MSR_KVM_POLL_CONTROL,
	MSR_KVM_ASYNC_PF_EN, MSR_KVM_ASYNC_PF_INT, MSR_KVM_ASYNC_PF_ACK,
};
#define NR_ASYNC_MSRS 3		/* the last ones of both lists */

_Static_assert(ARRAY_SIZE(msr_indices) == ARRAY_SIZE(msrs), "the same MSRs");

static bool has_async(void)
{
	const struct engine *e = core_engine();

	return e && e->async_pf;
}

u32 pv_features(void)
{
	return PV_FEATURES |
	       (has_async() ? BIT(KVM_FEATURE_ASYNC_PF) | BIT(KVM_FEATURE_ASYNC_PF_INT) : 0);
}

static u32 nr_msrs(void)
{
	return ARRAY_SIZE(msrs) - (has_async() ? 0 : NR_ASYNC_MSRS);
}

const u32 *pv_msr_list(u32 *n)
{
	*n = nr_msrs();
	return msr_indices;
}

static const struct pv_msr *find(struct vcpu *v, u32 index, int *err)
{
	for (u32 i = 0, n = nr_msrs(); i < n; i++) {
		if (msrs[i].index != index)
			continue;
		/* KVM_CAP_ENFORCE_PV_FEATURE_CPUID: what CPUID does not show is not there. */
		*err = v->pv->enforce && !(v->pv->features >> msrs[i].feature & 1) ? -EINVAL : 0;
		return &msrs[i];
	}
	*err = -ENOENT;
	return NULL;
}

static u64 *word(struct vcpu *v, const struct pv_msr *m)
{
	return (u64 *)((char *)v->pv + m->offset);
}

int pv_get_msr(struct vcpu *v, u32 index, u64 *val, bool host)
{
	int err = -ENOENT;
	const struct pv_msr *m = v->pv ? find(v, index, &err) : NULL;

	if (!err)
		*val = *word(v, m);
	return err;
}

static void msr_changed(struct vcpu *v, u32 index, u64 old, bool host)
{
	struct pv_state *pv = v->pv;

	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		/* A restored guest has what we wrote then in its memory. */
		if (!host)
			kvmclock_write_wall(v, pv->wall_clock_msr);
		break;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		vcpu_request_kick(v, VCPU_REQ_CLOCK);
		break;
	case MSR_KVM_STEAL_TIME:
		pv->steal_seen = 0;
		pv->steal_time_ns = pv->left_ns = 0;
		pv->preempted = pv->preempted && pv->steal_msr == old;
		WRITE_ONCE(pv->preempted_uaddr, 0);
		vcpu_request_kick(v, VCPU_REQ_STEAL);
		break;
	}
}

int pv_set_msr(struct vcpu *v, u32 index, u64 val, bool host)
{
	int err = -ENOENT;
	const struct pv_msr *m = v->pv ? find(v, index, &err) : NULL;
	u64 old;

	if (err)
		return err;
	if (val & m->reserved)
		return -EINVAL;
	if (index == MSR_KVM_ASYNC_PF_EN || index == MSR_KVM_ASYNC_PF_INT ||
	    index == MSR_KVM_ASYNC_PF_ACK)
		return pv_async_set_msr(v, index, val);
	/* The flag of the old place must not be left set: our ISR would wait for it. */
	if (index == MSR_KVM_PV_EOI_EN && v->lapic)
		lapic_sync(v->lapic);
	old = *word(v, m);
	*word(v, m) = val;
	msr_changed(v, index, old, host);
	return 0;
}

/* ---- PV EOI: bit 0 of a byte of the guest, touched by its own CPU and by us in its place ---- */

bool pv_eoi_arm(struct vcpu *v)
{
	u64 msr = v->pv->eoi_msr;
	u8 flag = KVM_PV_EOI_ENABLED;

	return (msr & KVM_MSR_ENABLED) && !vm_write(v->vm, v, msr & ~3ull, &flag, 1);
}

bool pv_eoi_disarm(struct vcpu *v)
{
	u64 gpa = v->pv->eoi_msr & ~3ull;
	u8 flag;

	if (vm_read(v->vm, gpa, &flag, 1))
		return false;
	if (!(flag & KVM_PV_EOI_MASK))
		return true;
	flag &= ~KVM_PV_EOI_MASK;
	vm_write(v->vm, v, gpa, &flag, 1);
	return false;
}

/* ---- steal time ---- */

static u64 steal_gpa(const struct vcpu *v)
{
	return v->pv->steal_msr & KVM_STEAL_VALID_BITS;
}

static void update_steal(struct vcpu *v, u64 now)
{
	u64 delay = plat_run_delay_ns();
	struct pv_state *pv = v->pv;
	struct kvm_steal_time st;

	if (vm_read(v->vm, steal_gpa(v), &st, sizeof(st)))
		return;
	/* What was seen may be another thread's: only growth counts. */
	if (pv->steal_time_ns && delay > pv->steal_seen)
		st.steal += delay - pv->steal_seen;
	pv->steal_seen = delay;
	pv->steal_time_ns = now;

	st.version = (st.version + 1) | 1;
	vm_write(v->vm, v, steal_gpa(v) + offsetof(struct kvm_steal_time, version), &st.version, 4);
	vm_write(v->vm, v, steal_gpa(v), &st.steal, 8);
	st.version++;
	vm_write(v->vm, v, steal_gpa(v) + offsetof(struct kvm_steal_time, version), &st.version, 4);
}

/* Our flag in the guest's page becomes 0; other CPUs may be asking there for a TLB flush. */
static u8 take_preempted(struct vcpu *v)
{
	u64 gpa = steal_gpa(v) + offsetof(struct kvm_steal_time, preempted);
	u8 *p = vm_page(v->vm, v, gpa, true), old = 0, zero = 0;
	bool done = false;

	if (!p)
		return 0;
	p += gpa & ~PAGE_MASK;
	if (plat_guest_read(&old, p, 1))
		return 0;
	while (!done)
		if (plat_guest_cmpxchg(p, &old, &zero, 1, &done))
			return 0;
	if (v->vm->engine->memory_written)
		v->vm->engine->memory_written(v->vm, gpa, 1);
	return old;
}

static void back_in(struct vcpu *v)
{
	struct pv_state *pv = v->pv;

	if (!READ_ONCE(pv->preempted))
		return;
	WRITE_ONCE(pv->preempted, false);
	if (take_preempted(v) & KVM_VCPU_FLUSH_TLB)
		vcpu_request(v, VCPU_REQ_TLB_FLUSH_GUEST);
}

/* The host program's address of the flag: a byte never lies in two pages. */
static u64 find_preempted(struct vcpu *v)
{
	u64 gpa = steal_gpa(v) + offsetof(struct kvm_steal_time, preempted);
	struct memslot *s = vm_slot(v->vm, gpa >> PAGE_SHIFT);

	return s && !(s->flags & KVM_MEM_READONLY) ?
		       s->uaddr + (gpa - (s->base_gfn << PAGE_SHIFT)) : 0;
}

void pv_update_steal(struct vcpu *v)
{
	struct pv_state *pv = v->pv;
	u64 now;

	if (!pv || !(pv->steal_msr & KVM_MSR_ENABLED))
		return;
	back_in(v);
	WRITE_ONCE(pv->preempted_uaddr, find_preempted(v));
	now = plat_time_ns();
	if (!pv->steal_time_ns || now - pv->steal_time_ns >= STEAL_INTERVAL_NS)
		update_steal(v, now);
}

void pv_enter(struct vcpu *v)
{
	struct pv_state *pv = v->pv;
	u64 now;

	if (!pv || !(pv->steal_msr & KVM_MSR_ENABLED))
		return;
	back_in(v);
	WRITE_ONCE(pv->preempted_uaddr, find_preempted(v));
	now = plat_time_ns();
	if (now - pv->left_ns >= STEAL_ABSENCE_NS)
		update_steal(v, now);
}

void pv_leave(struct vcpu *v)
{
	static const u8 flag = KVM_VCPU_PREEMPTED;
	struct pv_state *pv = v->pv;
	u64 gpa;

	/* The guest's memory is not at hand while we are outside. */
	if (v->lapic)
		lapic_sync(v->lapic);
	if (!pv || !pv->preempted_uaddr)
		return;
	WRITE_ONCE(pv->preempted_uaddr, 0);
	if (!(pv->steal_msr & KVM_MSR_ENABLED))
		return;
	pv->left_ns = plat_time_ns();
	/* Again where pv_preempted had it written, for the dirty log knows nothing of that. */
	gpa = steal_gpa(v) + offsetof(struct kvm_steal_time, preempted);
	pv->preempted = !vm_write(v->vm, v, gpa, &flag, 1);
}

/*
 * The same in the midst of it: guest code is taken from the processor. The
 * request makes the vCPU take the flag back before it goes on.
 */
u64 pv_preempted(struct vcpu *v, u8 *val)
{
	struct pv_state *pv = v->pv;
	u64 uaddr = READ_ONCE(pv->preempted_uaddr);

	if (!uaddr || READ_ONCE(pv->preempted))
		return 0;
	WRITE_ONCE(pv->preempted, true);
	vcpu_request(v, VCPU_REQ_STEAL);
	*val = KVM_VCPU_PREEMPTED;
	return uaddr;
}

/* ---- unhalt ---- */

bool pv_take_unhalt(struct vcpu *v)
{
	if (!v->pv || !READ_ONCE(v->pv->unhalted))
		return false;
	WRITE_ONCE(v->pv->unhalted, false);
	return true;
}

/* ---- life ---- */

void pv_cpuid_changed(struct vcpu *v)
{
	const struct kvm_cpuid_entry2 *e;
	u32 base;

	if (!v->pv)
		return;
	v->pv->features = 0;
	/* The leaves may stand behind another hypervisor's. */
	for (base = KVM_CPUID_SIGNATURE; base < CPUID_KVM_BASE_MAX; base += 0x100) {
		e = x86_cpuid_find(v, base, 0);
		if (!e || e->ebx != 0x4b4d564b || e->ecx != 0x564b4d56 || e->edx != 0x4d)
			continue;
		e = x86_cpuid_find(v, base + 1, 0);
		v->pv->features = e ? e->eax : 0;
		break;
	}
}

void pv_reset(struct vcpu *v)
{
	struct pv_state *pv = v->pv;

	if (!pv)
		return;
	pv->system_time_msr = pv->wall_clock_msr = pv->steal_msr = pv->eoi_msr = 0;
	pv_async_reset(&pv->async);
	pv->poll_control = 1;
	pv->unhalted = pv->guest_stopped = pv->preempted = false;
}

int pv_create(struct vcpu *v)
{
	v->pv = plat_alloc(sizeof(*v->pv));
	if (!v->pv)
		return -ENOMEM;
	pv_async_init(&v->pv->async);
	pv_reset(v);
	return 0;
}

void pv_destroy(struct vcpu *v)
{
	plat_free(v->pv);
	v->pv = NULL;
}
