/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kvmclock, steal time, the paravirtual MSRs and hypercalls. */
#include <linux/kvm_para.h>
#include "chips_env.h"

struct clock_page {
	u32 version, pad0;
	u64 tsc, ns;
	u32 mul;
	s8 shift;
	u8 flags, pad[2];
};

static struct vm *vm;
static struct vcpu *v;

static void machine(u32 n)
{
	vm = env_vm(VM_IRQCHIP_KERNEL, n, NULL);
	v = vm->vcpus[0];
	for (u32 i = 0; i < n; i++) {
		env_set_apic(vm->vcpus[i], 0xf0, 0x1ff);
		env_set_apic(vm->vcpus[i], 0x350, 0x10000);
	}
}

static struct clock_page *page(u32 gpa) { return (struct clock_page *)(env_mem + gpa); }

/* What a guest computes from its page. */
static u64 guest_ns(const struct clock_page *p, u64 tsc)
{
	u64 d = tsc - p->tsc;

	d = p->shift < 0 ? d >> -p->shift : d << p->shift;
	return p->ns + (u64)((unsigned __int128)d * p->mul >> 32);
}

static void test_clock(void)
{
	struct kvm_clock_data d, e;
	u64 val, a, b;

	machine(2);
	EQ(kvmclock_ctrl(v), -EINVAL, "no clock page, nothing to tell");
	EQ(pv_set_msr(v, MSR_KVM_SYSTEM_TIME_NEW, 0x1001, false), 0, "on");
	OK(vcpu_take_request(v, VCPU_REQ_CLOCK), "asks for the page");
	kvmclock_update(v);
	EQ(page(0x1000)->version & 1, 0, "version is even");
	EQ(page(0x1000)->flags, 1, "stable");
	pv_get_msr(v, MSR_KVM_SYSTEM_TIME, &val, false);
	EQ(val, 0x1001, "the old MSR is the same register");
	kvmclock_get(vm, &d);
	EQ(d.flags, KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC, "flags");
	EQ(guest_ns(page(0x1000), d.host_tsc), d.clock, "the guest and KVM_GET_CLOCK agree");
	EQ(d.realtime, env_real, "time of day");
	EQ(guest_ns(page(0x1000), page(0x1000)->tsc + ENV_TSC_KHZ * 1000ull) - page(0x1000)->ns,
	   1000000000, "a second is a second");

	vm->vcpus[1]->cpu.tsc_offset = 12345678901;
	kvmclock_tsc_changed(vm->vcpus[1]);
	kvmclock_get(vm, &d);
	OK(vcpu_take_request(v, VCPU_REQ_CLOCK), "another's TSC moved: all pages again");
	pv_set_msr(vm->vcpus[1], MSR_KVM_SYSTEM_TIME_NEW, 0x2001, false);
	kvmclock_update(v);
	kvmclock_update(vm->vcpus[1]);
	EQ(page(0x1000)->flags, 0, "not stable");
	EQ(guest_ns(page(0x2000), d.host_tsc + 12345678901), d.clock, "but still the same time");
	vm->vcpus[1]->cpu.tsc_offset = 0;

	d.clock = 5000000000;
	d.flags = 0;
	a = page(0x1000)->version;
	EQ(kvmclock_set(vm, &d), 0, "set");
	kvmclock_update(v);
	b = page(0x1000)->version;
	OK(b > a && !(b & 1), "the version moves on");
	kvmclock_get(vm, &e);
	OK(e.clock >= 5000000000 && e.clock < 6000000000, "runs from there");
	EQ(guest_ns(page(0x1000), e.host_tsc), e.clock, "for the guest too");
	d.flags = KVM_CLOCK_REALTIME;
	d.realtime = env_real - 3000000000;
	kvmclock_set(vm, &d);
	kvmclock_get(vm, &e);
	OK(e.clock >= 8000000000 && e.clock < 9000000000, "realtime: what passed on the wall passed");
	d.flags = 1;
	EQ(kvmclock_set(vm, &d), -EINVAL, "an unknown flag");

	EQ(kvmclock_ctrl(v), 0, "paused");
	kvmclock_update(v);
	EQ(page(0x1000)->flags & 2, 2, "the guest is told");
	kvmclock_update(v);
	EQ(page(0x1000)->flags & 2, 2, "until it clears the flag itself");
	page(0x1000)->flags &= ~2;
	kvmclock_update(v);
	EQ(page(0x1000)->flags & 2, 0, "then it is gone");

	pv_set_msr(v, MSR_KVM_WALL_CLOCK_NEW, 0x3000, false);
	kvmclock_get(vm, &e);
	val = *(u32 *)(env_mem + 0x3004) * 1000000000ull + *(u32 *)(env_mem + 0x3008);
	OK(val + e.clock - env_real < 1000000000, "wall clock is the time of day at 0");
	memset(env_mem + 0x3000, 0, 12);
	pv_set_msr(v, MSR_KVM_WALL_CLOCK_NEW, 0x3000, true);
	EQ(*(u32 *)(env_mem + 0x3004), 0, "the host's SET_MSRS writes no guest memory");
	pv_set_msr(v, MSR_KVM_SYSTEM_TIME_NEW, 0xfffffffffff1, false);
	kvmclock_update(v);
	pv_set_msr(v, MSR_KVM_SYSTEM_TIME_NEW, ENV_MEM - 16 + 1, false);
	kvmclock_update(v);
	pv_set_msr(v, MSR_KVM_WALL_CLOCK, ~0ull, false);
	OK(true, "pages that are not there do no harm");
	env_vm_free(vm);
}

static void test_msrs(void)
{
	u64 val;
	u32 n;

	machine(1);
	EQ(pv_get_msr(v, MSR_KVM_ASYNC_PF_EN, &val, false), -ENOENT, "async PF is not built");
	EQ(pv_set_msr(v, MSR_KVM_MIGRATION_CONTROL, 0, false), -ENOENT, "nor migration control");
	EQ(pv_set_msr(v, 0x10, 0, false), -ENOENT, "somebody else's");
	EQ(pv_set_msr(v, MSR_KVM_STEAL_TIME, 0x1003, false), -EINVAL, "steal time: reserved bits");
	EQ(pv_set_msr(v, MSR_KVM_POLL_CONTROL, 2, false), -EINVAL, "poll control: reserved bits");
	EQ(pv_get_msr(v, MSR_KVM_POLL_CONTROL, &val, false), 0, "poll control");
	EQ(val, 1, "is on at first");
	EQ(pv_set_msr(v, MSR_KVM_POLL_CONTROL, 0, false), 0, "and can be turned off");
	pv_msr_list(&n);
	EQ(n, 7, "the list of them");
	env_pv_features = BIT(KVM_FEATURE_CLOCKSOURCE2);
	pv_cpuid_changed(v);
	EQ(pv_set_msr(v, MSR_KVM_STEAL_TIME, 0, false), 0, "not enforced");
	v->pv->enforce = true;
	EQ(pv_set_msr(v, MSR_KVM_STEAL_TIME, 0, false), -EINVAL, "enforced: not in CPUID");
	EQ(pv_get_msr(v, MSR_KVM_SYSTEM_TIME, &val, false), -EINVAL, "nor the old clock");
	EQ(pv_get_msr(v, MSR_KVM_SYSTEM_TIME_NEW, &val, false), 0, "the new one is");
	env_pv_features = ~0u;
	env_vm_free(vm);
}

static void test_steal(void)
{
	struct kvm_steal_time *st = (void *)(env_mem + 0x4000);
	u8 val = 0;

	machine(1);
	env_run_delay = 777;
	pv_set_msr(v, MSR_KVM_STEAL_TIME, 0x4001, false);
	OK(vcpu_take_request(v, VCPU_REQ_STEAL), "asks for the page");
	pv_update_steal(v);
	EQ(st->steal, 0, "what was before does not count");
	env_run_delay += 5000;
	pv_update_steal(v);
	EQ(st->steal, 0, "not asked again at once");
	env_advance(20000000);
	pv_update_steal(v);
	EQ(st->steal, 5000, "stolen");
	EQ(st->version & 1, 0, "version is even");
	pv_leave(v);
	EQ(st->preempted, KVM_VCPU_PREEMPTED, "out: preempted");
	st->preempted |= KVM_VCPU_FLUSH_TLB;
	pv_enter(v);
	EQ(st->preempted, 0, "in: not any more");
	OK(vcpu_take_request(v, VCPU_REQ_TLB_FLUSH_GUEST), "and flushes what was asked meanwhile");
	pv_leave(v);
	pv_enter(v);
	OK(!vcpu_take_request(v, VCPU_REQ_TLB_FLUSH_GUEST), "nothing asked, no flush");
	EQ(pv_preempted(v, &val), (u64)&st->preempted, "preempted: here is the flag");
	st->preempted = val;
	EQ(val, KVM_VCPU_PREEMPTED, "and what to put there");
	EQ(pv_preempted(v, &val), 0, "once is enough");
	OK(vcpu_take_request(v, VCPU_REQ_STEAL), "to be taken back");
	pv_update_steal(v);
	EQ(st->preempted, 0, "taken back");
	pv_leave(v);
	EQ(pv_preempted(v, &val), 0, "outside there is nobody to preempt");
	pv_enter(v);
	env_set_apic(v, 0x320, 0xef);
	env_set_apic(v, 0x3e0, 0xb);
	env_set_apic(v, 0x380, 1000);
	env_advance(1000);
	OK(vcpu_take_request(v, VCPU_REQ_STEAL), "the tick brings it up to date");
	pv_set_msr(v, MSR_KVM_STEAL_TIME, 0xffffffffffc1, false);
	pv_leave(v);
	pv_enter(v);
	pv_update_steal(v);
	OK(true, "a page that is not there does no harm");
	env_vm_free(vm);
}

static s64 call(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	v->cpu.gpr[X86_RAX] = nr;
	v->cpu.gpr[X86_RBX] = a0;
	v->cpu.gpr[X86_RCX] = a1;
	v->cpu.gpr[X86_RDX] = a2;
	v->cpu.gpr[X86_RSI] = a3;
	if (x86_hypercall(v) != 1)
		return 1ll << 62;
	return v->cpu.gpr[X86_RAX];
}

static void test_hypercalls(void)
{
	struct kvm_clock_pairing *p = (void *)(env_mem + 0x5000);
	u32 seen = 0;

	machine(40);
	v->cpu.efer = X86_EFER_LMA;
	v->cpu.seg[X86_CS].ar = X86_AR_L;
	EQ(call(99, 0, 0, 0, 0), -KVM_ENOSYS, "unknown");
	EQ(call(~0ull, 0, 0, 0, 0), -KVM_ENOSYS, "unknown and large");
	EQ(call(KVM_HC_MAP_GPA_RANGE, 0, 0, 0, 0), -KVM_ENOSYS, "not built");
	EQ(call(KVM_HC_VAPIC_POLL_IRQ, 0, 0, 0, 0), 0, "nothing to do");
	EQ(call(KVM_HC_SEND_IPI, 0x5, 0, 30, 0x50), 2, "IPIs");
	for (u32 i = 0; i < 40; i++)
		seen += vm->vcpus[i]->lapic->irr[1] == BIT_ULL(0x50 - 64) && (i == 30 || i == 32);
	EQ(seen, 2, "to those meant");
	EQ(call(KVM_HC_SEND_IPI, 0x5, 0, 30, 0x50), 0, "pending already");
	EQ(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, 0, 0x51), 40, "to all that exist");
	EQ(call(KVM_HC_SEND_IPI, 1, 0, 0, 0x850), -KVM_EINVAL, "logical is refused");
	EQ(call(KVM_HC_SEND_IPI, 1, 0, 0, 0xc0050), -KVM_EINVAL, "a shorthand is refused");
	EQ(call(KVM_HC_SEND_IPI, ~0ull, ~0ull, ~0ull, 0x50), 0, "beyond all IDs");
	EQ(call(KVM_HC_SEND_IPI, 2, 0, 0, 0x400), 1, "NMI");
	lapic_accept_events(vm->vcpus[1]);
	EQ(vm->vcpus[1]->nmi_pending, 1, "arrives");

	EQ(call(KVM_HC_KICK_CPU, 0, 3, 0, 0), 0, "kick");
	vm->vcpus[3]->cpu.rflags = 2;
	OK(vcpu_has_events(vm->vcpus[3]), "ends a halt, interrupts off or not");
	OK(pv_take_unhalt(vm->vcpus[3]), "is taken");
	OK(!pv_take_unhalt(vm->vcpus[3]) && !vcpu_has_events(vm->vcpus[3]), "once");
	EQ(call(KVM_HC_KICK_CPU, 0, 3000, 0, 0), 0, "kick of nobody");
	EQ(call(KVM_HC_SCHED_YIELD, 2, 0, 0, 0), 0, "yield");
	EQ(call(KVM_HC_CLOCK_PAIRING, 0x5000, 1, 0, 0), -KVM_EOPNOTSUPP, "an unknown clock");
	EQ(call(KVM_HC_CLOCK_PAIRING, 0x5000, 0, 0, 0), 0, "clock pairing");
	EQ(p->sec, env_real / 1000000000, "seconds");
	EQ(call(KVM_HC_CLOCK_PAIRING, ENV_MEM, 0, 0, 0), -KVM_EFAULT, "to nowhere");

	/* 32-bit code: halves of 32 bits, and a clean upper half. */
	v->cpu.efer = 0;
	v->cpu.seg[X86_CS].ar = X86_AR_DB;
	EQ(call(KVM_HC_SEND_IPI | 1ull << 32, 0xdead00000001, 1, 1, 0x60), 2, "32-bit IPIs");
	EQ(vm->vcpus[33]->lapic->irr[1], BIT_ULL(0x60 - 64) | BIT_ULL(0x51 - 64), "32 apart");
	EQ(call(99, 0, 0, 0, 0), (u32)-KVM_ENOSYS, "32-bit result");
	v->cpu.cr0 = X86_CR0_PE;
	v->cpu.seg[X86_SS].ar = 3 << 5;
	EQ(call(KVM_HC_KICK_CPU, 0, 3, 0, 0), (u32)-KVM_EPERM, "not from CPL 3");
	env_vm_free(vm);
}

static void test_fuzz(void)
{
	u64 val;
	u32 n;
	const u32 *list = pv_msr_list(&n);

	machine(2);
	for (u32 i = 0; i < 200000; i++) {
		u64 r = env_rand() >> (env_rand() & 63);

		v = vm->vcpus[env_rand() & 1];
		switch (env_rand() % 6) {
		case 0:
			pv_set_msr(v, list[env_rand() % n], env_rand() & 1 ? r & 0x1ffff : r, false);
			break;
		case 1:
			pv_get_msr(v, list[env_rand() % n], &val, false);
			break;
		case 2:
			call(env_rand() % 14, r, env_rand(), env_rand() & 0xff, env_rand());
			break;
		case 3:
			pv_leave(v);
			pv_enter(v);
			break;
		case 4:
			kvmclock_update(v);
			pv_update_steal(v);
			env_advance(env_rand() % 10000000);
			break;
		case 5:
			lapic_accept_events(v);
			vcpu_get_interrupt(v);
			env_set_apic(v, 0xb0, 0);
			break;
		}
	}
	OK(true, "random MSRs and hypercalls");
	env_vm_free(vm);
}

int main(int argc, char **argv)
{
	env_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20261121;
	printf("# seed %llu\n", (unsigned long long)env_seed);
	test_clock();
	test_msrs();
	test_steal();
	test_hypercalls();
	test_fuzz();
	EQ(env_live_allocs, 0, "no memory is lost");
	return tap_end();
}
