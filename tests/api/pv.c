/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest that knows KVM uses: clock, steal time, hypercalls, PV EOI. */
#include "api.h"

#define CLOCK_MSR 0x4b564d01
#define WALL_MSR 0x4b564d00
#define STEAL_MSR 0x4b564d03
#define EOI_MSR 0x4b564d04

struct pvclock {
	u32 version, pad0;
	u64 tsc_timestamp, system_time;
	u32 mul;
	int8_t shift;
	u8 flags, pad[2];
} __attribute__((packed));

static u32 features(void)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(cpuid_supported(), 0x40000001, 0);

	return e ? e->eax : 0;
}

static void need_feature(int bit, const char *name)
{
	if (!(features() >> bit & 1))
		SKIP("%s is not offered", name);
}

GUEST(pv_spin, 64, "out %al, $0x10\n out %al, $0x10\n hlt");

static void signature(void)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(cpuid_supported(), 0x40000000, 0);

	CHECK(e && e->eax >= 0x40000001);
	CHECK(features() & 1 << 3); /* clocksource by the new MSRs */
	CHECK(features() & 1 << 24); /* stable */
}

static void clock_page(void)
{
	struct pvclock *c;
	struct box b;
	u64 first;

	BOX(&b, IRQCHIP_NONE, LONG64, pv_spin);
	c = (void *)(b.vm.mem + DATA);
	EQ(msr_set(&b.cpu, CLOCK_MSR, DATA | 1), 1);
	run_until(&b.cpu, KVM_EXIT_IO);
	CHECK(c->version && !(c->version & 1));
	CHECK(c->mul);
	CHECK(c->tsc_timestamp <= msr_get(&b.cpu, 0x10));
	first = c->system_time;
	EQ(msr_get(&b.cpu, CLOCK_MSR), DATA | 1);
	usleep(10000);
	EQ(msr_set(&b.cpu, CLOCK_MSR, DATA | 1), 1);
	run_until(&b.cpu, KVM_EXIT_IO);
	CHECK(c->system_time >= first);
}

static void clock_agrees(void)
{
	struct kvm_clock_data d = { 0 };
	struct pvclock *c;
	struct box b;
	u64 delta, ns;

	BOX(&b, IRQCHIP_NONE, LONG64, pv_spin);
	c = (void *)(b.vm.mem + DATA);
	EQ(msr_set(&b.cpu, CLOCK_MSR, DATA | 1), 1);
	run_until(&b.cpu, KVM_EXIT_IO);
	OK(ioctl(b.vm.fd, KVM_GET_CLOCK, &d));
	delta = msr_get(&b.cpu, 0x10) - c->tsc_timestamp;
	delta = c->shift >= 0 ? delta << c->shift : delta >> -c->shift;
	ns = c->system_time + (u64)((unsigned __int128)delta * c->mul >> 32);
	CHECK(ns + 1000000000 > d.clock && ns < d.clock + 1000000000);
}

static void clock_ctrl(void)
{
	struct pvclock *c;
	struct box b;

	NEED(KVM_CAP_KVMCLOCK_CTRL);
	BOX(&b, IRQCHIP_NONE, LONG64, pv_spin);
	c = (void *)(b.vm.mem + DATA);
	EQ(msr_set(&b.cpu, CLOCK_MSR, DATA | 1), 1);
	run_until(&b.cpu, KVM_EXIT_IO);
	OK(ioctl(b.cpu.fd, KVM_KVMCLOCK_CTRL, 0));
	run_until(&b.cpu, KVM_EXIT_IO);
	CHECK(c->flags & 2); /* the guest was stopped */
}

static void wall_clock(void)
{
	u32 *w;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, pv_spin);
	w = (void *)(b.vm.mem + DATA + 0x100);
	EQ(msr_set(&b.cpu, WALL_MSR, DATA + 0x100), 1);
	run_until(&b.cpu, KVM_EXIT_IO);
	CHECK(!(w[0] & 1));
	CHECK(w[1] > 1600000000u || w[1] == 0);
	CHECK(w[1] <= (u32)time(NULL) + 1);
}

static void steal_time(void)
{
	u32 *s;
	struct box b;

	need_feature(5, "steal time");
	BOX(&b, IRQCHIP_NONE, LONG64, pv_spin);
	s = (void *)(b.vm.mem + DATA + 0x40);
	EQ(msr_set(&b.cpu, STEAL_MSR, (DATA + 0x40) | 1), 1);
	run_until(&b.cpu, KVM_EXIT_IO);
	CHECK(s[2] && !(s[2] & 1)); /* version */
	EQ(msr_set(&b.cpu, STEAL_MSR, (DATA + 0x40) | 3), 0); /* reserved bits */
}

static void pv_eoi_msr(void)
{
	struct box b;

	need_feature(6, "PV EOI");
	BOX(&b, IRQCHIP_KERNEL, LONG64, pv_spin);
	EQ(msr_set(&b.cpu, EOI_MSR, DATA | 1), 1);
	EQ(msr_get(&b.cpu, EOI_MSR), DATA | 1);
	EQ(msr_set(&b.cpu, EOI_MSR, DATA | 3), 0); /* 4-byte aligned */
	EQ(msr_set(&b.cpu, EOI_MSR, 0), 1);
}

/* Hypercalls: VMMCALL or VMCALL; KVM makes the wrong one right, we take the vendor's. */
GUEST(pv_vmmcall, 64, "vmmcall\n hlt");
GUEST(pv_vmcall, 64, "vmcall\n hlt");

static u64 hypercall(struct box *b, u64 nr, u64 a0, u64 a1)
{
	struct kvm_regs r;

	if (host_is_amd())
		BOX(b, IRQCHIP_KERNEL, LONG64, pv_vmmcall);
	else
		BOX(b, IRQCHIP_KERNEL, LONG64, pv_vmcall);
	r = regs_get(&b->cpu);
	r.rax = nr;
	r.rbx = a0;
	r.rcx = a1;
	regs_set(&b->cpu, r);
	b->vm.mem[CODE + 3] = 0xe6; /* out %al, $0x10: HLT is the kernel's here */
	b->vm.mem[CODE + 4] = 0x10;
	run_until(&b->cpu, KVM_EXIT_IO);
	return regs_get(&b->cpu).rax;
}

static void hypercall_unknown(void)
{
	struct box b;

	EQ(hypercall(&b, 9999, 0, 0), -1000ull); /* KVM_ENOSYS */
}

static void hypercall_poll(void)
{
	struct box b;

	EQ(hypercall(&b, 1, 0, 0), 0); /* KVM_HC_VAPIC_POLL_IRQ */
}

static void hypercall_clock(void)
{
	struct box b;
	u64 r;

	r = hypercall(&b, 9, DATA, 0); /* KVM_HC_CLOCK_PAIRING */
	if (r == 0)
		CHECK(rd64(&b.vm, DATA) > 1600000000u);
	else
		CHECK(r == -95ull || r == -1000ull);
}

static const struct api_test rows[] = {
	{ "pv/signature", signature, "KVM's leaves, with a stable clock" },
	{ "pv/clock-page", clock_page, "filled before the guest runs, an even version" },
	{ "pv/clock-agrees", clock_agrees, "the guest's arithmetic gives KVM_GET_CLOCK" },
	{ "pv/clock-ctrl", clock_ctrl, "KVM_KVMCLOCK_CTRL tells the guest that it was stopped" },
	{ "pv/wall-clock", wall_clock, "when the machine was started" },
	{ "pv/steal-time", steal_time, "filled; reserved bits are refused" },
	{ "pv/eoi-msr", pv_eoi_msr, "set, read, refused when misaligned" },
	{ "pv/hypercall-unknown", hypercall_unknown, "-KVM_ENOSYS" },
	{ "pv/hypercall-poll", hypercall_poll, "0" },
	{ "pv/hypercall-clock", hypercall_clock, "an answer or an honest refusal" },
};

SUITE(pv_suite, rows);
