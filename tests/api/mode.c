/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modes of operation: getting into each, out of it, and what differs inside. */
#include "api.h"

/* From real mode to 32-bit protected mode as a boot loader does it. */
GUEST(mode_enter32, 16,
      "cli\n lgdtl (0x8f00)\n mov %cr0, %eax\n or $1, %al\n mov %eax, %cr0\n"
      "ljmpl $0x08, $(1f - guest_mode_enter32 + 0x1000)\n"
      ".code32\n 1: mov $0x10, %ax\n mov %ax, %ds\n mov %ax, %ss\n mov $0x8000, %esp\n"
      "mov $0x12345678, %eax\n push %eax\n pop %ebx\n mov %ebx, 0x30000\n out %eax, $0x10\n hlt");

static void gdtr(struct vm *vm, u64 at)
{
	*(u16 *)(vm->mem + at) = 0x4f;
	*(u32 *)(vm->mem + at + 2) = GDT;
}

static void enter_protected(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, FLAT32, mode_enter32); /* for its GDT */
	mode_set(&b.cpu, REAL16, CODE);
	gdtr(&b.vm, 0x8f00);
	expect_out(&b.cpu, 0x10, 4, 0x12345678);
	finish(&b.cpu);
	EQ(rd32(&b.vm, 0x30000), 0x12345678);
	EQ(sregs_get(&b.cpu).cs.selector, SEL_CODE32);
	EQ(sregs_get(&b.cpu).cs.db, 1);
}

/* From 32-bit protected mode to long mode and back. */
GUEST(mode_enter64, 32,
      "mov $0xc000, %eax\n mov %eax, %cr3\n mov %cr4, %eax\n or $0x20, %eax\n mov %eax, %cr4\n"
      "mov $0xc0000080, %ecx\n rdmsr\n or $0x100, %eax\n wrmsr\n"
      "mov %cr0, %eax\n or $0x80000000, %eax\n mov %eax, %cr0\n"
      "ljmp $0x18, $(1f - guest_mode_enter64 + 0x1000)\n"
      ".code64\n 1: mov $0x1122334455667788, %rax\n mov %rax, 0x30000\n"
      "mov $0xc0000080, %ecx\n rdmsr\n out %eax, $0x10\n hlt\n");

static void enter_long(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_enter64); /* for its page tables */
	mode_set(&b.cpu, FLAT32, CODE);
	expect_out(&b.cpu, 0x10, 4, 0x500);
	finish(&b.cpu);
	EQ(rd64(&b.vm, 0x30000), 0x1122334455667788);
	EQ(sregs_get(&b.cpu).cs.l, 1);
	EQ(sregs_get(&b.cpu).efer & 0x500, 0x500);
}

/* 64-bit to compatibility mode and back. */
GUEST(mode_compat, 64,
      "pushq $0x08\n pushq $(1f - guest_mode_compat + 0x1000)\n lretq\n"
      ".code32\n 1: mov $0xffffffff, %eax\n inc %eax\n setz %bl\n mov %esp, %ebp\n push %eax\n"
      "sub %esp, %ebp\n ljmp $0x18, $(2f - guest_mode_compat + 0x1000)\n"
      ".code64\n 2: mov $1, %eax\n shl $40, %rax\n hlt");

static void compatibility(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_compat);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rbx & 0xff, 1); /* 40 was INC, not REX */
	EQ(r.rbp, 4);
	EQ(r.rax, 1ull << 40);
}

GUEST(mode_rep16, 16, "mov $0x1000, %ax\n mov %ax, %ss\n mov $2, %sp\n push %ax\n push %ax\n hlt");

static void stack_wraps(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, mode_rep16);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rsp & 0xffff, 0xfffe);
	EQ(rd16(&b.vm, 0x1fffe), 0x1000);
}

GUEST(mode_int, 16, "mov $0x1234, %bx\n int $0x30\n hlt");
GUEST(mode_int_handler, 16, "mov $0x77, %al\n out %al, $0x10\n iret");

static void real_int(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, mode_int);
	LOAD(&b.vm, HANDLERS, mode_int_handler);
	idt_set(&b.vm, REAL16, 0x30, 0x30000000);
	expect_out(&b.cpu, 0x10, 1, 0x77);
	EQ(rd16(&b.vm, STACK - 6), CODE + 5);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rsp, STACK);
}

GUEST(mode_int64, 64, "mov $0x8000, %rsp\n push %rsp\n int $0x30\n mov %rsp, %rbx\n hlt");
GUEST(mode_int64_handler, 64, "mov (%rsp), %rax\n mov 24(%rsp), %rcx\n mov 32(%rsp), %rdx\n iretq");

static void long_int(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_int64);
	LOAD(&b.vm, HANDLERS, mode_int64_handler);
	idt_set(&b.vm, LONG64, 0x30, HANDLERS);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rcx, STACK - 8);
	EQ(r.rdx, SEL_DATA);
	EQ(r.rbx, STACK - 8);
}

/* SYSCALL from user mode and SYSRET back. */
GUEST(mode_syscall, 64,
      "mov $0xc0000081, %ecx\n xor %eax, %eax\n mov $0x00230018, %edx\n wrmsr\n"
      "inc %ecx\n mov $(2f - guest_mode_syscall + 0x1000), %eax\n xor %edx, %edx\n wrmsr\n"
      "mov $0xc0000084, %ecx\n mov $0x200, %eax\n wrmsr\n"
      "mov $0xc0000080, %ecx\n rdmsr\n or $1, %eax\n wrmsr\n"
      "mov $(1f - guest_mode_syscall + 0x1000), %ecx\n mov $0x202, %r11d\n sysretq\n"
      "1: mov %cs, %ebx\n syscall\n mov $5, %eax\n syscall\n"
      "2: mov %cs, %edx\n mov %ss, %esi\n out %al, $0x10\n pushf\n pop %rdi\n sysretq");

static void syscall_sysret(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_syscall);
	run_until(&b.cpu, KVM_EXIT_IO);
	r = regs_get(&b.cpu);
	EQ(r.rbx, SEL_UCODE64);
	EQ(r.rdx, SEL_CODE64);
	EQ(r.rsi, SEL_CODE64 + 8);
	EQ(sregs_get(&b.cpu).cs.dpl, 0);
	expect_out(&b.cpu, 0x10, 1, 5);
	EQ(regs_get(&b.cpu).rdi & 0x200, 0); /* SFMASK */
	EQ(regs_get(&b.cpu).r11 & 0x200, 0x200);
}

GUEST(mode_sysenter, 64,
      "mov $0x174, %ecx\n mov $0x18, %eax\n xor %edx, %edx\n wrmsr\n inc %ecx\n"
      "mov $0x7000, %eax\n wrmsr\n inc %ecx\n mov $(2f - guest_mode_sysenter + 0x1000), %eax\n wrmsr\n"
      "pushq $0x2b\n pushq $0x6000\n pushq $2\n pushq $0x23\n"
      "pushq $(1f - guest_mode_sysenter + 0x1000)\n iretq\n"
      ".code32\n 1: sysenter\n .code64\n 2: mov %rsp, %rbx\n mov %cs, %edx\n hlt");

static void sysenter(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_sysenter);
	if (host_is_amd()) {
		/* AMD has it outside long mode only: #UD (APM vol. 3, SYSENTER). KVM lets either. */
		idt_set(&b.vm, LONG64, 6, HANDLERS);
		load(&b.vm, HANDLERS, "\xf4", "\xf4" + 1);
		*(u64 *)(b.vm.mem + TSS + 4) = STACK;
		finish(&b.cpu);
		return;
	}
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rbx, 0x7000);
	EQ(r.rdx, SEL_CODE64);
}

/* The TSS gives the stack on the way in from user mode; IST gives one in any case. */
GUEST(mode_user_int, 64,
      "pushq $0x2b\n pushq $0x6000\n pushq $2\n pushq $0x33\n"
      "pushq $(1f - guest_mode_user_int + 0x1000)\n iretq\n 1: int $0x30\n 2: jmp 2b");
GUEST(mode_user_handler, 64, "mov %rsp, %rbx\n mov 8(%rsp), %rcx\n mov 24(%rsp), %rdx\n hlt");

static void tss_stack(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_user_int);
	LOAD(&b.vm, HANDLERS, mode_user_handler);
	idt_set(&b.vm, LONG64, 0x30, HANDLERS);
	b.vm.mem[IDT + 0x30 * 16 + 5] |= 0x60; /* DPL 3 */
	*(u64 *)(b.vm.mem + TSS + 4) = 0x5000; /* RSP0 */
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rbx, 0x5000 - 40);
	EQ(r.rcx, SEL_UCODE64);
	EQ(r.rdx, 0x6000);
	b.vm.mem[IDT + 0x30 * 16 + 4] = 1;
	*(u64 *)(b.vm.mem + TSS + 36) = 0x4000; /* IST1 */
	mode_set(&b.cpu, LONG64, CODE);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rbx, 0x4000 - 40);
}

/* A 32-bit task switch through a task gate's simplest form: a far jump to a TSS. */
GUEST(mode_task, 32, "ljmp $0x48, $0\n hlt");
GUEST(mode_task_new, 32, "mov %ecx, %edx\n str %ax\n hlt");

static void task_switch(void)
{
	struct kvm_regs r;
	struct box b;
	u32 *tss;

	BOX(&b, IRQCHIP_NONE, FLAT32, mode_task);
	LOAD(&b.vm, HANDLERS, mode_task_new);
	*(u64 *)(b.vm.mem + GDT + 0x48) = 0x0000890200000067; /* available TSS at 0x20000 */
	tss = (u32 *)(b.vm.mem + DATA);
	memset(tss, 0, 104);
	tss[8] = HANDLERS; /* EIP */
	tss[9] = 2;
	tss[11] = 0xabcd; /* ECX */
	tss[14] = STACK;
	tss[18] = SEL_DATA;
	tss[19] = SEL_CODE32;
	tss[20] = tss[21] = tss[22] = tss[23] = SEL_DATA;
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rdx, 0xabcd);
	EQ(r.rax & 0xffff, 0x48);
	EQ(sregs_get(&b.cpu).tr.selector, 0x48);
	EQ(rd32(&b.vm, TSS + 32), CODE + 7); /* the old task's EIP was saved */
}

/* Virtual-8086 mode: IRETD into it, INT out of it. */
GUEST(mode_v86, 32,
      "pushl $0\n pushl $0\n pushl $0\n pushl $0\n pushl $0x300\n pushl $0x2000\n pushl $0x20202\n"
      "pushl $0x2000\n pushl $0\n iretl");
GUEST(mode_v86_code, 16, "mov $0x1234, %ax\n mov %cs, %bx\n ud2");
GUEST(mode_v86_handler, 32, "mov 4(%esp), %ecx\n mov 8(%esp), %edx\n hlt");

static void v86(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, FLAT32, mode_v86);
	LOAD(&b.vm, DATA, mode_v86_code);
	LOAD(&b.vm, HANDLERS, mode_v86_handler);
	idt_set(&b.vm, FLAT32, 6, HANDLERS);
	*(u32 *)(b.vm.mem + TSS + 4) = 0x7000;
	*(u32 *)(b.vm.mem + TSS + 8) = SEL_DATA;
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rax & 0xffff, 0x1234);
	EQ(r.rbx & 0xffff, 0x2000);
	EQ(r.rcx, 0x2000);
	EQ(r.rdx & 0x20000, 0x20000);
}

/* Segment limits and bases are honoured. */
GUEST(mode_seg, 32, "mov %gs:4, %eax\n out %eax, $0x10\n mov %fs:0x10, %eax\n hlt");
GUEST(mode_gp, 32, "mov (%esp), %ebx\n hlt");

static void segment_base_limit(void)
{
	struct kvm_sregs s;
	struct box b;

	BOX(&b, IRQCHIP_NONE, FLAT32, mode_seg);
	LOAD(&b.vm, HANDLERS, mode_gp);
	idt_set(&b.vm, FLAT32, 13, HANDLERS);
	s = sregs_get(&b.cpu);
	s.gs.base = DATA;
	s.fs.limit = 0xf;
	s.fs.g = 0;
	sregs_set(&b.cpu, s);
	*(u32 *)(b.vm.mem + DATA + 4) = 0xfeedface;
	expect_out(&b.cpu, 0x10, 4, 0xfeedface);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rip, HANDLERS + 4); /* #GP past the limit */
	EQ(regs_get(&b.cpu).rbx, 0);
}

GUEST(mode_fsgs, 64,
      "mov $0xc0000100, %ecx\n mov $0x20000, %eax\n xor %edx, %edx\n wrmsr\n"
      "mov %fs:8, %rbx\n mov $0xc0000102, %ecx\n mov $0x30000, %eax\n wrmsr\n swapgs\n"
      "mov %gs:8, %rsi\n hlt");

static void fs_gs_swapgs(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_fsgs);
	*(u64 *)(b.vm.mem + 0x20008) = 0x1111;
	*(u64 *)(b.vm.mem + 0x30008) = 0x2222;
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rbx, 0x1111);
	EQ(regs_get(&b.cpu).rsi, 0x2222);
	EQ(sregs_get(&b.cpu).gs.base, 0x30000);
	EQ(msr_get(&b.cpu, 0xc0000102), 0);
}

GUEST(mode_simd, 64,
      "movq $0x3ff8000000000000, %rax\n movq %rax, %xmm0\n addsd %xmm0, %xmm0\n movq %xmm0, %rbx\n"
      "fninit\n fld1\n fldpi\n faddp\n fstpl 0x20000\n mov 0x20000, %rcx\n hlt");

static void fp_in_guest(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_simd);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rbx, 0x4008000000000000);
	EQ(r.rcx, 0x401090fdaa22168c);
}

/* Code that rewrites the instruction after next, in one mode after another. */
GUEST(mode_smc, 64,
      "xor %ebx, %ebx\n mov $3, %ecx\n"
      "1: lea 2f(%rip), %rdi\n mov %cl, 1(%rdi)\n 2: mov $0, %al\n movzbl %al, %eax\n"
      "add %eax, %ebx\n dec %ecx\n jnz 1b\n hlt");

static void self_modifying(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_smc);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rbx, 6);
}

/*
 * The rewritten instruction is one for the hypervisor, behind more than fifteen bytes that stay:
 * MOV from CR3 and from CR4 in turn. rbx counts the rounds that read the wrong one.
 */
GUEST(mode_smc_system, 64,
      "xor %ebx, %ebx\n mov $60, %ecx\n lea 2f(%rip), %rdi\n"
      "1: mov %ecx, %edx\n and $1, %edx\n shl $3, %edx\n"
      "lea 0xd8(%edx), %eax\n mov %al, 2(%rdi)\n jmp 3f\n"
      "3: movabs $0x1122334455667788, %rsi\n movabs $0x99aabbccddeeff00, %rsi\n"
      "2: mov %cr3, %rax\n mov %cr3, %rsi\n cmp %rsi, %rax\n setne %al\n shl $3, %al\n"
      "cmp %al, %dl\n setne %al\n movzbl %al, %eax\n add %eax, %ebx\n dec %ecx\n jnz 1b\n hlt");

static void self_modifying_system(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_smc_system);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rbx, 0);
	EQ(regs_get(&b.cpu).rcx, 0);
}

/* A CALL whose return address falls on the constant of an instruction before it: rbx counts arrivals. */
GUEST(mode_smc_call, 64,
      "xor %ebx, %ebx\n mov $40, %ecx\n"
      "1: lea 2f+10(%rip), %rsp\n 2: movabs $0x1122334455667788, %rax\n call 3f\n"
      "add $1000, %ebx\n 3: inc %ebx\n dec %ecx\n jnz 1b\n hlt");

static void call_over_itself(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_smc_call);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rbx, 40);
}

GUEST(mode_hostsmc, 64, "1: mov $1, %al\n out %al, $0x10\n jmp 1b");

static void host_rewrites_code(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_hostsmc);
	for (int i = 1; i < 50; i++) {
		b.vm.mem[CODE + 1] = i;
		expect_out(&b.cpu, 0x10, 1, i);
	}
}

/* A subroutine of many pages, each of which adds its own number. */
GUEST(mode_pages, 64, "1: xor %ebx, %ebx\n mov $0x40000, %esi\n call *%rsi\n"
      "mov %ebx, %eax\n out %eax, $0x10\n jmp 1b");

static void host_rewrites_pages(void)
{
	static const int steps[] = { 1, 7, 13 };	/* orders: PAGES is a multiple of none but 1 */
	enum { PAGES = 160, FIRST = 0x40000 };
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mode_pages);
	for (int i = 0; i < PAGES; i++) {
		u8 *p = b.vm.mem + FIRST + i * 4096;

		memcpy(p, "\xb8\0\0\0\0\x01\xc3\xe9\xf4\x0f\0\0", 12); /* mov, add, jmp next */
		if (i == PAGES - 1)
			p[7] = 0xc3;
	}
	for (int round = 0; round < 12; round++) {
		u32 sum = 0;

		for (int i = 0; i < PAGES; i++) {
			int page = i * steps[round % 3] % PAGES;
			u32 n = (page + 1) * 1000 + round;

			if (round > 3 && page % (round - 2))
				n = (page + 1) * 3;
			memcpy(b.vm.mem + FIRST + page * 4096 + 1, &n, 4);
			sum += n;
		}
		expect_out(&b.cpu, 0x10, 4, sum);
		expect_out(&b.cpu, 0x10, 4, sum);
	}
}

static void host_reads_code_in(void)
{
	struct box b;
	int p[2];

	BOX(&b, IRQCHIP_NONE, LONG64, mode_hostsmc);
	OK(pipe(p));
	for (u8 i = 1; i < 50; i++) {
		EQ(OK(write(p[1], &i, 1)), 1);
		EQ(OK(read(p[0], b.vm.mem + CODE + 1, 1)), 1); /* the kernel writes it */
		expect_out(&b.cpu, 0x10, 1, i);
	}
}

static const struct api_test rows[] = {
	{ "mode/real-to-protected", enter_protected, "as a boot loader does it" },
	{ "mode/protected-to-long", enter_long, "as a kernel does it" },
	{ "mode/compatibility", compatibility, "32-bit code under a 64-bit system" },
	{ "mode/stack-wraps", stack_wraps, "16-bit SP wraps in its segment" },
	{ "mode/real-int", real_int, "INT and IRET through the IVT" },
	{ "mode/long-int", long_int, "INT and IRETQ; SS:RSP always pushed" },
	{ "mode/syscall", syscall_sysret, "to the kernel and back" },
	{ "mode/sysenter", sysenter, "on Intel everywhere, on AMD not in long mode" },
	{ "mode/tss-stack", tss_stack, "RSP0 and IST" },
	{ "mode/task-switch", task_switch, "a far jump to a TSS" },
	{ "mode/v86", v86, "virtual-8086 mode in and out" },
	{ "mode/segments", segment_base_limit, "bases are added, limits are checked" },
	{ "mode/fs-gs", fs_gs_swapgs, "base MSRs and SWAPGS" },
	{ "mode/fp", fp_in_guest, "SSE2 and x87 give the processor's own results" },
	{ "mode/smc", self_modifying, "code that rewrites itself" },
	{ "mode/smc-system", self_modifying_system, "an instruction of the hypervisor's" },
	{ "mode/smc-call", call_over_itself, "a CALL that pushes over its own block" },
	{ "mode/smc-host", host_rewrites_code, "code that the host rewrites" },
	{ "mode/smc-host-pages", host_rewrites_pages, "the same of many pages, in some orders" },
	{ "mode/smc-host-read", host_reads_code_in, "code that a read(2) of the host rewrites" },
};

SUITE(mode_suite, rows);
