/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's TSC at a rate of its own, with AMD's ratio (8.32 bits) and
 * Intel's (16.48): the ratio itself, counters that go on and stay in step, and
 * a kvmclock that never goes back, whoever changes what.
 */
#include "core_env.h"
#include "x86/lapic.h"
#include "x86/pv.h"

#define PAGE(n) (0x8000 + 0x40 * (n))

struct page {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	s8 shift;
	u8 flags;
};

static void engine_bits(u8 fraction, u8 all)
{
	interpreter.tsc_ratio_fraction_bits = fraction;
	interpreter.tsc_ratio_bits = all;
}

/* What the guest's pvclock code makes of its page at this time of the host. */
static u64 guest_ns(struct vcpu *v, u32 n, u64 host_tsc)
{
	const struct page *p = (const struct page *)(ram + PAGE(n));
	u64 delta = x86_tsc_at(v, host_tsc) - p->tsc;

	delta = p->shift < 0 ? delta >> -p->shift : delta << p->shift;
	return p->ns + (u64)((unsigned __int128)delta * p->mul >> 32);
}

static u64 ratio_of(u64 khz)
{
	return ((unsigned __int128)khz << interpreter.tsc_ratio_fraction_bits) / test_khz;
}

static void ratios(const char *whose)
{
	static const u64 khz[] = { 1, 999, 1000000, 1998999, 2001001, 2593906, 3000000, 511999999 };
	struct vcpu *v;
	int vm, cpu;
	u32 i, bad = 0;
	u64 before, after;

	begin();
	vm = open_vm();
	EQ(ioc(vm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL), 1, whose);
	EQ(ioc(vm, KVM_CHECK_EXTENSION, KVM_CAP_VM_TSC_CONTROL), 1, "for a VM too");
	EQ(ioc(vm, KVM_SET_TSC_KHZ, 3000000), 0, "a rate for new vCPUs");
	EQ(ioc(vm, KVM_GET_TSC_KHZ, 0), 3000000, "it stays");
	cpu = ioc(vm, KVM_CREATE_VCPU, 0);
	v = test_file_obj(cpu, NULL);
	EQ(v->tsc_ratio, 3ull << (interpreter.tsc_ratio_fraction_bits - 1), "three halves");
	EQ(ioc(cpu, KVM_GET_TSC_KHZ, 0), 3000000, "and the vCPU says so");
	OK(x86_guest_tsc(v) < 1000000000, "it began at 0");
	EQ(ioc(vm, KVM_SET_TSC_KHZ, 3000000), -EINVAL, "not for vCPUs that are there");
	for (i = 0; i < ARRAY_SIZE(khz); i++) {
		before = x86_guest_tsc(v);
		bad += ioc(cpu, KVM_SET_TSC_KHZ, khz[i]) != 0;
		after = x86_guest_tsc(v);
		bad += v->tsc_ratio != ratio_of(khz[i]);
		bad += ioc(cpu, KVM_GET_TSC_KHZ, 0) != khz[i];
		bad += after + 1 < before || after - before > 4000000000ull;
	}
	EQ(bad, 0, "ratios rounded down, the counter goes on");
	OK(!ioc(cpu, KVM_SET_TSC_KHZ, 0) && !v->tsc_ratio, "0 is the host's rate");
	OK(!ioc(cpu, KVM_SET_TSC_KHZ, 2000500) && !v->tsc_ratio,
	   "so is what differs by no more than clocks do");
	EQ(ioc(cpu, KVM_GET_TSC_KHZ, 0), 2000000, "and is called so");
	EQ(ioc(cpu, KVM_SET_TSC_KHZ, 512000000),
	   interpreter.tsc_ratio_bits == 40 ? -EINVAL : 0, "a ratio of 256");
	EQ(ioc(cpu, KVM_SET_TSC_KHZ, 0x80000000), -EINVAL, "a rate that no int holds");
	v->tsc_ratio = ratio_of(3000000);
	EQ(x86_tsc_scale(v->vm, v->tsc_ratio, ~0ull), ~0ull + (~0ull >> 1),
	   "a product wraps as the processor's does");
	test_close(cpu);
	test_close(vm);
	end("ratios");
}

static void clock_pages(struct vcpu **v, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		v[i]->pv->system_time_msr = PAGE(i) | KVM_MSR_ENABLED;
		kvmclock_update(v[i]);
	}
}

static u64 clock_flags(int vm, u64 *ns, u64 *host_tsc)
{
	struct kvm_clock_data d;

	ioc(vm, KVM_GET_CLOCK, &d);
	*ns = d.clock;
	*host_tsc = d.host_tsc;
	return d.flags & KVM_CLOCK_TSC_STABLE;
}

static void clocks(void)
{
	static const u32 khz[] = { 2593906, 2593906, 3417000, 1800000, 0, 2593907 };
	u64 ns, at, last[2] = { 0 }, host;
	struct vcpu *v[2];
	u32 i, k, back = 0, differ = 0;
	int vm, cpu[2];

	begin();
	vm = open_vm();
	add_ram(vm, 0, 0, RAM_SIZE, 0);
	for (i = 0; i < 2; i++) {
		cpu[i] = ioc(vm, KVM_CREATE_VCPU, i);
		v[i] = test_file_obj(cpu[i], NULL);
	}
	ioc(cpu[0], KVM_SET_TSC_KHZ, 2593906);
	OK(!clock_flags(vm, &ns, &at), "two rates: no stable clock");
	ioc(cpu[1], KVM_SET_TSC_KHZ, 2593906);
	EQ(v[1]->cpu.tsc_offset, v[0]->cpu.tsc_offset, "the second one follows the first");
	OK(clock_flags(vm, &ns, &at), "then it is stable");
	for (k = 0; k < 3000; k++) {
		if (k % 7 == 0)
			ioc(cpu[k & 1], KVM_SET_TSC_KHZ, khz[k / 7 % ARRAY_SIZE(khz)]);
		else if (k % 7 == 3)
			kvmclock_tsc_changed(v[k & 1]);
		clock_pages(v, 2);
		host = plat_rdtsc();
		for (i = 0; i < 2; i++) {
			ns = guest_ns(v[i], i, host);
			/* Where rates differ the last bit of a reading is the rounding's. */
			back += ns + (v[0]->tsc_ratio != v[1]->tsc_ratio) < last[i];
			last[i] = ns;
		}
		if (!clock_flags(vm, &ns, &at))
			continue;
		differ += guest_ns(v[0], 0, at) != ns || guest_ns(v[1], 1, at) != ns;
		back += ns < last[0] || ns < last[1];
	}
	EQ(back, 0, "no clock goes back");
	EQ(differ, 0, "a stable one is the same for the guest and KVM_GET_CLOCK");
	for (i = 0; i < 2; i++)
		test_close(cpu[i]);
	test_close(vm);
	end("clocks");
}

static void deadline(void)
{
	struct box b;
	u64 at;

	box_open(&b, true, (const u8[]){ 0xf4 }, 1);
	ioc(b.cpu, KVM_SET_TSC_KHZ, 3000000);
	b.c->lapic->has_deadline = true;
	b.c->lapic->svr |= LAPIC_SVR_ENABLE;
	lapic_timer_set_lvt(b.c->lapic, LAPIC_LVT_DEADLINE | 0x40);
	at = plat_time_ns();
	lapic_set_tsc_deadline(b.c, x86_guest_tsc(b.c) + 3000000000ull);
	OK(test_next_timer() - at <= 1000000000 && test_next_timer() - at > 900000000,
	   "a TSC deadline counts the guest's ticks");
	box_close(&b);
}

void test_tsc(void)
{
	int vm;

	begin();
	vm = open_vm();
	EQ(ioc(vm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL), 0, "an engine that can not scale");
	EQ(ioc(vm, KVM_SET_TSC_KHZ, 3000000), -EINVAL, "has one rate");
	EQ(ioc(vm, KVM_SET_TSC_KHZ, 2000000), 0, "the host's");
	test_close(vm);
	end("no scaling");
	engine_bits(32, 40);
	ratios("AMD's ratio");
	clocks();
	deadline();
	engine_bits(48, 64);
	ratios("Intel's ratio");
	clocks();
	engine_bits(0, 0);
}
