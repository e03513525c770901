/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MSR accesses of the guest: the TSC, what is refused, filters, exits to the host. */
#include "api.h"

/* RDMSR of ECX, to the port in two halves, then WRMSR of EDX:EAX from EDI:ESI. */
GUEST(msr_rd, 64, "rdmsr\n mov %edx, %ebx\n out %eax, $0x10\n mov %ebx, %eax\n out %eax, $0x10\n hlt");
GUEST(msr_wr, 64, "wrmsr\n mov $1, %al\n out %al, $0x10\n hlt");
GUEST(msr_gp, 64, "mov $0xee, %al\n out %al, $0x11\n hlt");

static void msr_box(struct box *b, const u8 *code, const u8 *end, u32 index, u64 value)
{
	struct kvm_regs r;

	box_make(b, IRQCHIP_NONE, LONG64, code, end);
	LOAD(&b->vm, HANDLERS, msr_gp);
	idt_set(&b->vm, LONG64, 13, HANDLERS);
	r = regs_get(&b->cpu);
	r.rcx = index;
	r.rax = (u32)value;
	r.rdx = value >> 32;
	regs_set(&b->cpu, r);
}

#define RD(b, index) msr_box(b, guest_msr_rd, guest_msr_rd_end, index, 0)
#define WR(b, index, value) msr_box(b, guest_msr_wr, guest_msr_wr_end, index, value)

static u64 guest_read(struct box *b)
{
	struct kvm_regs r;

	run_until(&b->cpu, KVM_EXIT_IO);
	EQ(b->cpu.run->io.port, 0x10);
	r = regs_get(&b->cpu);
	return (r.rax & 0xffffffff) | r.rbx << 32;
}

static void unknown_gp(void)
{
	struct box b;

	RD(&b, 0x12345678);
	expect_out(&b.cpu, 0x11, 1, 0xee);
	WR(&b, 0x12345678, 0);
	expect_out(&b.cpu, 0x11, 1, 0xee);
}

static void reserved_efer(void)
{
	struct box b;

	WR(&b, 0xc0000080, 1ull << 40);
	expect_out(&b.cpu, 0x11, 1, 0xee);
}

static void reserved_base(void)
{
	struct box b;

	WR(&b, 0xc0000101, 0x8000000000000000); /* GS base, not canonical */
	expect_out(&b.cpu, 0x11, 1, 0xee);
}

static void reserved_pat(void)
{
	struct box b;

	WR(&b, 0x277, 0x0606060606060602); /* type 2 is nothing */
	expect_out(&b.cpu, 0x11, 1, 0xee);
}

static void host_sets_guest_reads(void)
{
	struct box b;

	RD(&b, 0xc0000082);
	EQ(msr_set(&b.cpu, 0xc0000082, 0xffffffff81234567), 1);
	EQ(guest_read(&b), 0xffffffff81234567);
}

static void guest_sets_host_reads(void)
{
	struct box b;

	WR(&b, 0x277, 0x0007040600070406);
	expect_out(&b.cpu, 0x10, 1, 1);
	EQ(msr_get(&b.cpu, 0x277), 0x0007040600070406);
}

GUEST(msr_tsc, 64, "rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rbx\n mov $10000, %ecx\n"
		   "1: loop 1b\n rdtsc\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rsi\n hlt");

static void tsc_runs(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, msr_tsc);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	CHECK(r.rsi > r.rbx);
	CHECK(msr_get(&b.cpu, 0x10) >= r.rsi);
}

static void tsc_set(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, msr_tsc);
	EQ(msr_set(&b.cpu, 0x10, 1ull << 52), 1);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	CHECK(r.rbx >= 1ull << 52 && r.rbx < (1ull << 52) + 60ull * 10000000000);
}

static void tsc_adjust(void)
{
	struct box b;
	u64 before;

	if (!(cpuid_find(cpuid_supported(), 7, 0)->ebx & 2))
		SKIP("no IA32_TSC_ADJUST");
	WR(&b, 0x3b, 1ull << 50);
	before = msr_get(&b.cpu, 0x10);
	expect_out(&b.cpu, 0x10, 1, 1);
	CHECK(msr_get(&b.cpu, 0x10) >= before + (1ull << 50));
	EQ(msr_get(&b.cpu, 0x3b), 1ull << 50);
}

/* --- Exits to the host ------------------------------------------------------------------------ */

static void to_host(struct vm *vm, u64 why)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { why } };

	OK(ioctl(vm->fd, KVM_ENABLE_CAP, &e));
}

static void exit_unknown_read(void)
{
	struct kvm_run *run;
	struct box b;

	NEED(KVM_CAP_X86_USER_SPACE_MSR);
	RD(&b, 0x12345678);
	to_host(&b.vm, KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL);
	run = b.cpu.run;
	run_until(&b.cpu, KVM_EXIT_X86_RDMSR);
	EQ(run->msr.index, 0x12345678);
	run->msr.data = 0x1122334455667788;
	run->msr.error = 0;
	EQ(guest_read(&b), 0x1122334455667788);
	RD(&b, 0x12345678);
	to_host(&b.vm, KVM_MSR_EXIT_REASON_UNKNOWN);
	run = b.cpu.run;
	run_until(&b.cpu, KVM_EXIT_X86_RDMSR);
	run->msr.error = 1; /* then it is #GP after all */
	expect_out(&b.cpu, 0x11, 1, 0xee);
}

static void exit_unknown_write(void)
{
	struct box b;

	NEED(KVM_CAP_X86_USER_SPACE_MSR);
	WR(&b, 0x12345678, 0xabcdef0123456789);
	to_host(&b.vm, KVM_MSR_EXIT_REASON_UNKNOWN);
	run_until(&b.cpu, KVM_EXIT_X86_WRMSR);
	EQ(b.cpu.run->msr.index, 0x12345678);
	EQ(b.cpu.run->msr.data, 0xabcdef0123456789);
	EQ(b.cpu.run->msr.reason, KVM_MSR_EXIT_REASON_UNKNOWN);
	b.cpu.run->msr.error = 0;
	expect_out(&b.cpu, 0x10, 1, 1);
}

static void exit_mask_refused(void)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { 1 << 20 } };
	struct vm vm;

	NEED(KVM_CAP_X86_USER_SPACE_MSR);
	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_ENABLE_CAP, &e), EINVAL);
}

static int filter(struct vm *vm, u32 flags, u32 range_flags, u32 base, u32 count, u8 *bits)
{
	struct kvm_msr_filter f = { .flags = flags };

	f.ranges[0].flags = range_flags;
	f.ranges[0].base = base;
	f.ranges[0].nmsrs = count;
	f.ranges[0].bitmap = bits;
	return ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f);
}

static void filter_refused(void)
{
	u8 bits[64] = { 0 };
	struct vm vm;

	NEED(KVM_CAP_X86_MSR_FILTER);
	vm_bare(&vm);
	REFUSED(filter(&vm, 0x80, 0, 0, 0, NULL), EINVAL);
	REFUSED(filter(&vm, 0, 0x80, 0x174, 8, bits), EINVAL);
	REFUSED(filter(&vm, KVM_MSR_FILTER_DEFAULT_DENY, 0, 0, 0, NULL), EINVAL);
	OK(filter(&vm, 0, KVM_MSR_FILTER_READ, 0x174, 8, bits));
}

static void filter_denies(void)
{
	u8 bits[1] = { 0 };
	struct box b;

	NEED(KVM_CAP_X86_MSR_FILTER);
	RD(&b, 0xc0000082);
	OK(filter(&b.vm, 0, KVM_MSR_FILTER_READ, 0xc0000082, 1, bits));
	expect_out(&b.cpu, 0x11, 1, 0xee);
	EQ(msr_set(&b.cpu, 0xc0000082, 5), 1); /* the host is not filtered */
	EQ(msr_get(&b.cpu, 0xc0000082), 5);
}

static void filter_exits(void)
{
	u8 bits[1] = { 0 };
	struct box b;

	NEED(KVM_CAP_X86_MSR_FILTER);
	WR(&b, 0xc0000082, 7);
	to_host(&b.vm, KVM_MSR_EXIT_REASON_FILTER);
	OK(filter(&b.vm, 0, KVM_MSR_FILTER_WRITE, 0xc0000082, 1, bits));
	run_until(&b.cpu, KVM_EXIT_X86_WRMSR);
	EQ(b.cpu.run->msr.reason, KVM_MSR_EXIT_REASON_FILTER);
	EQ(b.cpu.run->msr.data, 7);
	b.cpu.run->msr.error = 0;
	expect_out(&b.cpu, 0x10, 1, 1);
	EQ(msr_get(&b.cpu, 0xc0000082), 0); /* the host did nothing with it */
}

static void filter_allows(void)
{
	u8 bits[1] = { 1 };
	struct box b;

	NEED(KVM_CAP_X86_MSR_FILTER);
	RD(&b, 0xc0000082);
	OK(filter(&b.vm, KVM_MSR_FILTER_DEFAULT_DENY, KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
		  0xc0000082, 1, bits));
	EQ(guest_read(&b), 0);
	RD(&b, 0x174);
	OK(filter(&b.vm, KVM_MSR_FILTER_DEFAULT_DENY, KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
		  0xc0000082, 1, bits));
	expect_out(&b.cpu, 0x11, 1, 0xee);
}

static const struct api_test rows[] = {
	{ "msr/unknown", unknown_gp, "#GP" },
	{ "msr/reserved-efer", reserved_efer, "reserved bits are #GP" },
	{ "msr/reserved-base", reserved_base, "addresses that are not canonical are #GP" },
	{ "msr/reserved-pat", reserved_pat, "reserved memory types are #GP" },
	{ "msr/host-to-guest", host_sets_guest_reads, "what the host sets the guest reads" },
	{ "msr/guest-to-host", guest_sets_host_reads, "and the other way round" },
	{ "msr/tsc", tsc_runs, "goes up, for the guest and the host alike" },
	{ "msr/tsc-set", tsc_set, "goes on from what is set" },
	{ "msr/tsc-adjust", tsc_adjust, "IA32_TSC_ADJUST moves it" },
	{ "msr/exit-read", exit_unknown_read, "RDMSR answered by the host" },
	{ "msr/exit-write", exit_unknown_write, "WRMSR handed to the host" },
	{ "msr/exit-mask", exit_mask_refused, "unknown reasons are EINVAL" },
	{ "msr/filter-refused", filter_refused, "unknown flags; deny-all needs a range" },
	{ "msr/filter-denies", filter_denies, "#GP for the guest, not for the host" },
	{ "msr/filter-exits", filter_exits, "or an exit" },
	{ "msr/filter-allows", filter_allows, "deny by default, one is let through" },
};

SUITE(msr_suite, rows);
