/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Smaller promises that programs lean on: KVM's quirks and how they are switched off, what may be
 * set before and after a vCPU has its CPUID, fetching from a device, a cancelled vCPU thread.
 */
#include <dlfcn.h>
#include "api.h"

#define PLATFORM_INFO 0xce
#define MISC_ENABLE 0x1a0
#define MCG_CTL 0x17b
#define STEAL_MSR 0x4b564d03

static int enable(struct vm *vm, u32 cap, u64 arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &c);
}

/* --- The other vendor's hypercall ------------------------------------------------------------- */

GUEST(qk_vmcall, 64, "vmcall\n out %al, $0x10\n hlt");
GUEST(qk_vmmcall, 64, "vmmcall\n out %al, $0x10\n hlt");
GUEST(qk_ud, 64, "mov $0xdd, %al\n out %al, $0x11\n hlt");

static void foreign_call(struct box *b)
{
	struct kvm_regs r;

	if (host_is_amd())
		BOX(b, IRQCHIP_KERNEL, LONG64, qk_vmcall);
	else
		BOX(b, IRQCHIP_KERNEL, LONG64, qk_vmmcall);
	LOAD(&b->vm, HANDLERS, qk_ud);
	idt_set(&b->vm, LONG64, 6, HANDLERS);
	r = regs_get(&b->cpu);
	r.rax = 1; /* KVM_HC_VAPIC_POLL_IRQ */
	regs_set(&b->cpu, r);
}

static void hypercall_fixed(void)
{
	struct box b;

	foreign_call(&b);
	expect_out(&b.cpu, 0x10, 1, 0);
	EQ(b.vm.mem[CODE + 2], host_is_amd() ? 0xd9 : 0xc1);
}

static void hypercall_unfixed(void)
{
	struct box b;

	foreign_call(&b);
	if (!(kvm_cap(KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_FIX_HYPERCALL_INSN))
		SKIP("this quirk has no switch");
	OK(enable(&b.vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN));
	expect_out(&b.cpu, 0x11, 1, 0xdd);
	EQ(b.vm.mem[CODE + 2], host_is_amd() ? 0xc1 : 0xd9);
}

static void quirks_unknown(void)
{
	struct box b;

	foreign_call(&b);
	REFUSED(enable(&b.vm, KVM_CAP_DISABLE_QUIRKS2, 1ull << 40), EINVAL);
}

/* --- MONITOR and MWAIT ------------------------------------------------------------------------ */

GUEST(qk_mwait, 64,
      "mov $0x20000, %eax\n xor %ecx, %ecx\n xor %edx, %edx\n monitor\n"
      "xor %eax, %eax\n mwait\n out %al, $0x10\n hlt");

static void mwait_box(struct box *b)
{
	struct kvm_cpuid2 *t = cpuid_supported();

	BOX(b, IRQCHIP_NONE, LONG64, qk_mwait);
	cpuid_find(t, 1, 0)->ecx &= ~8u;
	OK(ioctl(b->cpu.fd, KVM_SET_CPUID2, t));
	LOAD(&b->vm, HANDLERS, qk_ud);
	idt_set(&b->vm, LONG64, 6, HANDLERS);
}

static void mwait_nothing(void)
{
	struct box b;

	mwait_box(&b);
	expect_out(&b.cpu, 0x10, 1, 0);
}

static void mwait_absent(void)
{
	struct box b;

	if (!(kvm_cap(KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS))
		SKIP("this quirk has no switch");
	mwait_box(&b);
	OK(enable(&b.vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS));
	expect_out(&b.cpu, 0x11, 1, 0xdd);
}

static void mwait_by_msr(void)
{
	struct box b;

	if (!(kvm_cap(KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS))
		SKIP("this quirk has no switch");
	mwait_box(&b);
	OK(enable(&b.vm, KVM_CAP_DISABLE_QUIRKS2,
		  KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS | KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT));
	EQ(msr_set(&b.cpu, MISC_ENABLE, msr_get(&b.cpu, MISC_ENABLE) | 1 << 18), 1);
	expect_out(&b.cpu, 0x10, 1, 0);
}

/* --- MSRs ------------------------------------------------------------------------------------- */

GUEST(qk_rdmsr, 64, "mov $0xce, %ecx\n rdmsr\n out %al, $0x10\n hlt");
GUEST(qk_gp, 64, "mov $0xee, %al\n out %al, $0x11\n hlt");

static void platform_info(void)
{
	struct box b;

	if (!kvm_cap(KVM_CAP_MSR_PLATFORM_INFO))
		SKIP("KVM_CAP_MSR_PLATFORM_INFO is not offered");
	BOX(&b, IRQCHIP_NONE, LONG64, qk_rdmsr);
	LOAD(&b.vm, HANDLERS, qk_gp);
	idt_set(&b.vm, LONG64, 13, HANDLERS);
	EQ(msr_set(&b.cpu, PLATFORM_INFO, 0x1234), 1);
	expect_out(&b.cpu, 0x10, 1, 0x34);
	mode_set(&b.cpu, LONG64, CODE);
	OK(enable(&b.vm, KVM_CAP_MSR_PLATFORM_INFO, 0));
	expect_out(&b.cpu, 0x11, 1, 0xee);
	EQ(msr_get(&b.cpu, PLATFORM_INFO), 0x1234);
}

static void mcg_ctl_absent(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, qk_rdmsr);
	EQ(msr_get(&b.cpu, MCG_CTL), 0);
	EQ(msr_set(&b.cpu, MCG_CTL, 0), 1);
}

/* --- CPUID ------------------------------------------------------------------------------------ */

GUEST(qk_hlt, 64, "hlt");

/* What KVM_GET_CPUID2 says, the size of XSAVE's area and all, may be set again. */
static void cpuid_given_back(void)
{
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + 256 * sizeof(t->entries[0]));
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, qk_hlt);
	finish(&b.cpu);
	t->nent = 256;
	OK(ioctl(b.cpu.fd, KVM_GET_CPUID2, t));
	OK(ioctl(b.cpu.fd, KVM_SET_CPUID2, t));
	cpuid_find(t, 7, 0)->ebx--;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_CPUID2, t), EINVAL);
}

/* A vCPU without a CPUID yet may have every bit of CR4 that could be offered. */
static void cr4_before_cpuid(void)
{
	struct kvm_sregs s;
	struct vcpu c;
	struct vm vm;

	vm_bare(&vm);
	vcpu_make(&vm, &c, 0);
	s = sregs_get(&c);
	s.cr4 |= 0x7ff;
	if (cpuid_find(cpuid_supported(), 7, 0)->ebx & 1 << 7)
		s.cr4 |= 1 << 20; /* SMEP */
	sregs_set(&c, s);
	EQ(sregs_get(&c).cr4, s.cr4);
	s.cr4 |= 1 << 13; /* VMXE */
	if (!(cpuid_find(cpuid_supported(), 1, 0)->ecx & 1 << 5))
		REFUSED(ioctl(c.fd, KVM_SET_SREGS, &s), EINVAL);
}

/* --- The rest --------------------------------------------------------------------------------- */

static void mmu_pages(void)
{
	struct vm vm;

	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_SET_NR_MMU_PAGES, 1ul), EINVAL);
	OK(ioctl(vm.fd, KVM_SET_NR_MMU_PAGES, 64ul));
}

static void fetch_from_nothing(void)
{
	struct vcpu c;
	struct vm vm;

	vm_bare(&vm);
	OK(ioctl(vm.fd, KVM_SET_NR_MMU_PAGES, 64ul)); /* stock KVM takes them from the slots' size */
	vcpu_make(&vm, &c, 0);
	run_until(&c, KVM_EXIT_INTERNAL_ERROR);
	EQ(c.run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
}

GUEST(qk_dr, 64, "nop\n mov %dr0, %rax\n hlt");

static void debugger_guards_dr(void)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP };
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, qk_dr);
	d.arch.debugreg[7] = 0x400 | 1 << 13;
	OK(ioctl(b.cpu.fd, KVM_SET_GUEST_DEBUG, &d));
	run_until(&b.cpu, KVM_EXIT_DEBUG);
	EQ(b.cpu.run->debug.arch.pc, CODE + 1);
	EQ(b.cpu.run->debug.arch.dr6 & 0xf00f, 1 << 13 & 0xf00f);
	EQ(b.cpu.run->debug.arch.dr6 >> 13 & 1, 1);
}

GUEST(qk_out, 64, "1: movb 0x20090, %al\n out %al, $0x10\n jmp 1b");

/* The guest does not see itself preempted while it runs; others do while it does not. */
static void steal_preempted(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, qk_out);
	if (!(cpuid_find(cpuid_supported(), 0x40000001, 0)->eax & 1 << 5))
		SKIP("steal time is not offered");
	EQ(msr_set(&b.cpu, STEAL_MSR, (DATA + 0x80) | 1), 1); /* `preempted` is at 16 */
	for (int i = 0; i < 3; i++)
		expect_out(&b.cpu, 0x10, 1, 0);
}

GUEST(qk_spin, 64, "1: jmp 1b");

static void *run_cancellable(void *arg)
{
	struct box *b = arg;
	int old;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	run_once(&b->cpu);
	return NULL;
}

static void cancelled(void)
{
	pthread_t thread;
	void *ret = NULL;
	struct box b;

	if (!dlopen("libgcc_s.so.1", RTLD_NOW))
		SKIP("pthread_cancel needs libgcc_s.so.1");
	BOX(&b, IRQCHIP_NONE, LONG64, qk_spin);
	EQ(pthread_create(&thread, NULL, run_cancellable, &b), 0);
	usleep(50000);
	EQ(pthread_cancel(thread), 0);
	EQ(pthread_join(thread, &ret), 0);
	CHECK(ret == PTHREAD_CANCELED);
	EQ(regs_get(&b.cpu).rip, CODE); /* no lock was left held */
	OK(memslot(&b.vm, 0, 0, 0, 0, b.vm.mem));
}

static const struct api_test rows[] = {
	{ "quirk/hypercall", hypercall_fixed, "the other vendor's becomes the right one" },
	{ "quirk/hypercall-off", hypercall_unfixed, "and with the quirk off #UD" },
	{ "quirk/unknown", quirks_unknown, "unknown quirks are refused" },
	{ "quirk/mwait", mwait_nothing, "MONITOR and MWAIT do nothing" },
	{ "quirk/mwait-off", mwait_absent, "and with the quirk off #UD" },
	{ "quirk/mwait-msr", mwait_by_msr, "or what MISC_ENABLE says" },
	{ "quirk/platform-info", platform_info, "the guest may read it or not" },
	{ "quirk/mcg-ctl", mcg_ctl_absent, "is 0 where MCG_CAP has no such register" },
	{ "quirk/cpuid-again", cpuid_given_back, "what was got may be set after KVM_RUN" },
	{ "quirk/cr4-early", cr4_before_cpuid, "any supported bit before CPUID is set" },
	{ "quirk/mmu-pages", mmu_pages, "a number, not too small" },
	{ "quirk/fetch-nothing", fetch_from_nothing, "code comes from memory only" },
	{ "quirk/debugger-dr7", debugger_guards_dr, "DR7.GD of the debugger" },
	{ "quirk/preempted", steal_preempted, "not while the guest runs" },
	{ "quirk/cancel", cancelled, "a thread cancelled in KVM_RUN leaves nothing locked" },
};

SUITE(quirk_suite, rows);
