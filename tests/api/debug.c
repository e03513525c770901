/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM_SET_GUEST_DEBUG: single steps, software and hardware breakpoints, watchpoints. */
#include "api.h"

#define DB 1
#define BP 3

static void debug(struct vcpu *c, u32 control, u64 dr0, u64 dr7)
{
	struct kvm_guest_debug d = { .control = control };

	d.arch.debugreg[0] = dr0;
	d.arch.debugreg[7] = dr7;
	OK(ioctl(c->fd, KVM_SET_GUEST_DEBUG, &d));
}

static void expect_debug(struct vcpu *c, u32 exception, u64 pc)
{
	run_until(c, KVM_EXIT_DEBUG);
	EQ(c->run->debug.arch.exception, exception);
	EQ(c->run->debug.arch.pc, pc);
}

GUEST(dbg_steps, 64, "nop\n mov $5, %eax\n 1: dec %eax\n jnz 1b\n out %al, $0x10\n hlt");

static void single_step(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_steps);
	debug(&b.cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0);
	expect_debug(&b.cpu, DB, CODE + 1);
	EQ(b.cpu.run->debug.arch.dr6 & 0x4000, 0x4000); /* BS */
	expect_debug(&b.cpu, DB, CODE + 6);
	EQ(regs_get(&b.cpu).rax, 5);
	for (int i = 4; i >= 0; i--) {
		expect_debug(&b.cpu, DB, CODE + 8);
		EQ(regs_get(&b.cpu).rax, i);
		expect_debug(&b.cpu, DB, i ? CODE + 6 : CODE + 10);
	}
	debug(&b.cpu, 0, 0, 0);
	expect_out(&b.cpu, 0x10, 1, 0);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rflags & 0x100, 0); /* the guest never sees TF */
}

GUEST(dbg_pushf, 64, "pushf\n pop %rbx\n hlt");

static void single_step_hides_tf(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_pushf);
	debug(&b.cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0);
	expect_debug(&b.cpu, DB, CODE + 1);
	EQ(regs_get(&b.cpu).rflags & 0x100, 0);
}

GUEST(dbg_bp, 64, "nop\n int3\n nop\n hlt");

static void software_breakpoint(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_bp);
	debug(&b.cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, 0, 0);
	expect_debug(&b.cpu, BP, CODE + 1);
	EQ(regs_get(&b.cpu).rip, CODE + 1); /* at the breakpoint, not past it */
	b.vm.mem[CODE + 1] = 0x90;
	finish(&b.cpu);
}

static void software_breakpoint_off(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_bp);
	idt_set(&b.vm, LONG64, 3, HANDLERS);
	b.vm.mem[HANDLERS] = 0xf4;
	finish(&b.cpu); /* the guest's own business */
	EQ(regs_get(&b.cpu).rip, HANDLERS + 1);
}

static void hardware_breakpoint(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_steps);
	debug(&b.cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, CODE + 8, 0x402);
	for (int i = 4; i >= 0; i--) {
		expect_debug(&b.cpu, DB, CODE + 8);
		EQ(b.cpu.run->debug.arch.dr6 & 0xf, 1);
		EQ(regs_get(&b.cpu).rax, i);
		debug(&b.cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0);
		expect_debug(&b.cpu, DB, i ? CODE + 6 : CODE + 10);
		debug(&b.cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, CODE + 8, 0x402);
	}
	expect_out(&b.cpu, 0x10, 1, 0);
}

GUEST(dbg_watch, 64, "mov $0x20000, %edi\n mov %eax, 8(%rdi)\n mov %eax, (%rdi)\n nop\n hlt");

static void watchpoint(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_watch);
	/* DR0: write, 4 bytes */
	debug(&b.cpu, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, DATA, 0xd0402);
	expect_debug(&b.cpu, DB, CODE + 10); /* after the second store */
	EQ(b.cpu.run->debug.arch.dr6 & 0xf, 1);
	finish(&b.cpu);
}

/* The guest's own TF and its own debug registers. */
GUEST(dbg_tf, 64, "pushf\n orl $0x100, (%rsp)\n popf\n nop\n nop\n hlt");
GUEST(dbg_tf_handler, 64, "mov (%rsp), %rbx\n mov %dr6, %rcx\n hlt");

static void guest_tf(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_tf);
	LOAD(&b.vm, HANDLERS, dbg_tf_handler);
	idt_set(&b.vm, LONG64, 1, HANDLERS);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rbx, CODE + 10); /* after the instruction that follows POPF */
	EQ(regs_get(&b.cpu).rcx & 0x4000, 0x4000);
}

GUEST(dbg_dr, 64, "mov $0x20000, %eax\n mov %rax, %dr0\n mov $0xd0402, %eax\n mov %rax, %dr7\n"
		  "mov %dr0, %rbx\n movl $1, 0x20000\n nop\n hlt");

static void guest_watchpoint(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, dbg_dr);
	LOAD(&b.vm, HANDLERS, dbg_tf_handler);
	idt_set(&b.vm, LONG64, 1, HANDLERS);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rip, HANDLERS + 8);
	EQ(r.rcx & 0xf, 1);
	EQ(rd32(&b.vm, DATA), 1);
}

static void debug_known(void)
{
	if (kvm_cap(KVM_CAP_SET_GUEST_DEBUG2)) {
		int known = kvm_cap(KVM_CAP_SET_GUEST_DEBUG2);

		CHECK(known & KVM_GUESTDBG_SINGLESTEP);
		CHECK(known & KVM_GUESTDBG_USE_SW_BP);
		CHECK(known & KVM_GUESTDBG_USE_HW_BP);
	}
}

static const struct api_test rows[] = {
	{ "debug/single-step", single_step, "an exit after each instruction" },
	{ "debug/single-step-tf", single_step_hides_tf, "TF is not seen" },
	{ "debug/sw-breakpoint", software_breakpoint, "INT3 is an exit, at the instruction" },
	{ "debug/sw-breakpoint-off", software_breakpoint_off, "else it is the guest's" },
	{ "debug/hw-breakpoint", hardware_breakpoint, "before the instruction, each time" },
	{ "debug/watchpoint", watchpoint, "after the store" },
	{ "debug/guest-tf", guest_tf, "the guest steps itself" },
	{ "debug/guest-watchpoint", guest_watchpoint, "the guest watches itself" },
	{ "debug/known", debug_known, "what KVM_CAP_SET_GUEST_DEBUG2 names" },
};

SUITE(debug_suite, rows);
