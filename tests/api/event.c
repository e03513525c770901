/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events from the host: interrupts, NMI, exceptions, windows, VCPU_EVENTS. */
#include "api.h"

static void events_round_trip(void)
{
	struct kvm_vcpu_events e, t;
	struct box b;

	vm_make(&b.vm, IRQCHIP_KERNEL);
	vcpu_make(&b.vm, &b.cpu, 0);
	OK(ioctl(b.cpu.fd, KVM_GET_VCPU_EVENTS, &e));
	EQ(e.exception.injected, 0);
	EQ(e.nmi.pending, 0);
	e.nmi.masked = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	e.nmi.pending = 1;
	OK(ioctl(b.cpu.fd, KVM_SET_VCPU_EVENTS, &e));
	OK(ioctl(b.cpu.fd, KVM_GET_VCPU_EVENTS, &t));
	EQ(t.nmi.masked, 1);
	CHECK(t.nmi.pending);
}

static void events_refused(void)
{
	struct kvm_vcpu_events e, good;
	struct box b;

	vm_make(&b.vm, IRQCHIP_KERNEL);
	vcpu_make(&b.vm, &b.cpu, 0);
	OK(ioctl(b.cpu.fd, KVM_GET_VCPU_EVENTS, &good));
	e = good;
	e.flags = 0x80000000;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	e = good;
	e.exception.injected = 1;
	e.exception.nr = 32;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	e.exception.nr = 2; /* NMI is no exception */
	REFUSED(ioctl(b.cpu.fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
}

/* Loop with interrupts on; the handler of vector 0x21 reports and returns. */
GUEST(ev_loop, 16, "sti\n 1: inc %cx\n jmp 1b");
GUEST(ev_handler, 16, "push %ax\n mov $0x5a, %al\n out %al, $0x20\n pop %ax\n iret");
GUEST(ev_masked, 16, "cli\n mov $1, %al\n out %al, $0x10\n sti\n nop\n"
		     "mov $2, %al\n out %al, $0x10\n hlt");

static void loop_box(struct box *b)
{
	BOX(b, IRQCHIP_NONE, REAL16, ev_loop);
	LOAD(&b->vm, HANDLERS, ev_handler);
	idt_set(&b->vm, REAL16, 0x21, 0x30000000);
	idt_set(&b->vm, REAL16, 2, 0x30000000);
	idt_set(&b->vm, REAL16, 6, 0x30000000);
}

static void interrupt_delivered(void)
{
	struct kvm_interrupt irq = { 0x21 };
	struct kvm_regs r;
	struct box b;

	loop_box(&b);
	r = regs_get(&b.cpu);
	r.rflags = 0x202;
	regs_set(&b.cpu, r);
	OK(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq));
	expect_out(&b.cpu, 0x20, 1, 0x5a);
	EQ(regs_get(&b.cpu).rflags & 0x200, 0); /* IF is clear inside */
}

GUEST(ev_wait64, 64, "1: nop\n jmp 1b");
GUEST(ev_handler64, 64, "nop\n mov $0x5a, %al\n out %al, $0x20\n hlt");

/* On its way it finds that the host has taken the page at @gpa: not the guest's fault. */
static void interrupt_without(u64 gpa)
{
	struct kvm_guest_debug step = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP };
	struct kvm_guest_debug none = { 0 };
	struct kvm_interrupt irq = { 0x21 };
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, ev_wait64);
	LOAD(&b.vm, HANDLERS, ev_handler64);
	idt_set(&b.vm, LONG64, 0x21, HANDLERS);
	r = regs_get(&b.cpu);
	r.rflags = 0x202;
	regs_set(&b.cpu, r);
	OK(ioctl(b.cpu.fd, KVM_SET_GUEST_DEBUG, &step)); /* a processor's own delivery would show TF */
	OK(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq));
	OK(mprotect(b.vm.mem + gpa, PAGE, PROT_NONE));
	REFUSED(ioctl(b.cpu.fd, KVM_RUN, 0), EFAULT);
	REFUSED(ioctl(b.cpu.fd, KVM_RUN, 0), EFAULT);
	OK(mprotect(b.vm.mem + gpa, PAGE, PROT_READ | PROT_WRITE));
	OK(ioctl(b.cpu.fd, KVM_SET_GUEST_DEBUG, &none));
	expect_out(&b.cpu, 0x20, 1, 0x5a);
}

static void interrupt_gone(void)
{
	interrupt_without(PTS);
	interrupt_without((STACK - 8) & ~(PAGE - 1));
}

static void interrupt_refused(void)
{
	struct kvm_interrupt irq = { 256 };
	struct box b, k;

	loop_box(&b);
	REFUSED(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq), EINVAL);
	irq.irq = 0x21;
	BOX(&k, IRQCHIP_KERNEL, REAL16, ev_loop);
	REFUSED(ioctl(k.cpu.fd, KVM_INTERRUPT, &irq), ENXIO);
}

static void interrupt_split(void)
{
	struct kvm_interrupt irq = { 0x21 };
	struct box b;

	NEED(KVM_CAP_SPLIT_IRQCHIP);
	BOX(&b, IRQCHIP_SPLIT, REAL16, ev_loop);
	OK(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq));
	REFUSED(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq), EEXIST);
}

static void interrupt_window(void)
{
	struct kvm_interrupt irq = { 0x21 };
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, ev_masked);
	LOAD(&b.vm, HANDLERS, ev_handler);
	idt_set(&b.vm, REAL16, 0x21, 0x30000000);
	b.cpu.run->request_interrupt_window = 1;
	expect_out(&b.cpu, 0x10, 1, 1);
	EQ(b.cpu.run->if_flag, 0);
	EQ(b.cpu.run->ready_for_interrupt_injection, 0);
	run_until(&b.cpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	EQ(b.cpu.run->ready_for_interrupt_injection, 1);
	EQ(b.cpu.run->if_flag, 1);
	b.cpu.run->request_interrupt_window = 0;
	OK(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq));
	expect_out(&b.cpu, 0x20, 1, 0x5a);
	expect_out(&b.cpu, 0x10, 1, 2);
	finish(&b.cpu);
}

/* STI keeps interrupts off for one more instruction; so does MOV SS. */
GUEST(ev_shadow, 16, "xor %bx, %bx\n sti\n inc %bx\n 1: inc %cx\n jmp 1b");
GUEST(ev_shadow_handler, 16, "mov %bl, %al\n out %al, $0x20\n hlt");

static void sti_shadow(void)
{
	struct kvm_interrupt irq = { 0x21 };
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, ev_shadow);
	LOAD(&b.vm, HANDLERS, ev_shadow_handler);
	idt_set(&b.vm, REAL16, 0x21, 0x30000000);
	b.cpu.run->request_interrupt_window = 1;
	run_until(&b.cpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	OK(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq));
	expect_out(&b.cpu, 0x20, 1, 1); /* BX was incremented before the window opened */
}

static void nmi_delivered(void)
{
	struct box b;

	loop_box(&b);
	OK(ioctl(b.cpu.fd, KVM_NMI, 0));
	expect_out(&b.cpu, 0x20, 1, 0x5a);
}

GUEST(ev_nmi_twice, 16, "1: inc %cx\n jmp 1b");
GUEST(ev_nmi_handler, 16, "mov $1, %al\n out %al, $0x20\n mov $2, %al\n out %al, $0x20\n iret");

static void nmi_masked(void)
{
	struct kvm_vcpu_events e;
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, ev_nmi_twice);
	LOAD(&b.vm, HANDLERS, ev_nmi_handler);
	idt_set(&b.vm, REAL16, 2, 0x30000000);
	OK(ioctl(b.cpu.fd, KVM_NMI, 0));
	expect_out(&b.cpu, 0x20, 1, 1);
	OK(ioctl(b.cpu.fd, KVM_GET_VCPU_EVENTS, &e));
	EQ(e.nmi.masked, 1);
	OK(ioctl(b.cpu.fd, KVM_NMI, 0)); /* waits for the IRET */
	expect_out(&b.cpu, 0x20, 1, 2);
	expect_out(&b.cpu, 0x20, 1, 1);
	expect_out(&b.cpu, 0x20, 1, 2);
}

static void exception_injected(void)
{
	struct kvm_vcpu_events e;
	struct box b;

	loop_box(&b);
	OK(ioctl(b.cpu.fd, KVM_GET_VCPU_EVENTS, &e));
	e.exception.injected = 1;
	e.exception.nr = 6;
	e.flags = 0;
	OK(ioctl(b.cpu.fd, KVM_SET_VCPU_EVENTS, &e));
	expect_out(&b.cpu, 0x20, 1, 0x5a);
	EQ(rd16(&b.vm, STACK - 6), CODE); /* a fault: the return address is the next one to run */
}

static void smi_honest(void)
{
	struct box b;

	loop_box(&b);
	if (kvm_cap_vm(&b.vm, KVM_CAP_X86_SMM))
		OK(ioctl(b.cpu.fd, KVM_SMI, 0));
	else
		CHECK(ioctl(b.cpu.fd, KVM_SMI, 0) < 0);
}

/* TPR without a LAPIC in the kernel: the host is told when CR8 goes down. */
GUEST(ev_cr8, 64, "mov $7, %eax\n mov %rax, %cr8\n out %al, $0x10\n"
		  "mov $3, %eax\n mov %rax, %cr8\n out %al, $0x10\n hlt");

static void cr8_exit(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, ev_cr8);
	do
		EQ(run_once(&b.cpu), 0);
	while (b.cpu.run->exit_reason == KVM_EXIT_SET_TPR);
	EQ(b.cpu.run->exit_reason, KVM_EXIT_IO);
	EQ(b.cpu.run->cr8, 7);
	run_until(&b.cpu, KVM_EXIT_SET_TPR);
	EQ(b.cpu.run->cr8, 3);
	expect_out(&b.cpu, 0x10, 1, 3);
	finish(&b.cpu);
}

static void cr8_from_host(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, ev_cr8);
	b.cpu.run->cr8 = 9;
	b.cpu.run->immediate_exit = 1;
	EQ(run_once(&b.cpu), -EINTR);
	EQ(sregs_get(&b.cpu).cr8, 9);
}

static const struct api_test rows[] = {
	{ "event/vcpu-events", events_round_trip, "in and out" },
	{ "event/vcpu-events-refused", events_refused, "unknown flags, impossible exceptions" },
	{ "event/interrupt", interrupt_delivered, "KVM_INTERRUPT reaches the guest's handler" },
	{ "event/interrupt-gone", interrupt_gone, "waits for memory that the host has taken away" },
	{ "event/interrupt-refused", interrupt_refused, "above 255; with a PIC in the kernel" },
	{ "event/interrupt-split", interrupt_split, "one at a time with the split irqchip" },
	{ "event/window", interrupt_window, "the exit when the guest opens interrupts" },
	{ "event/sti-shadow", sti_shadow, "one instruction after STI is never interrupted" },
	{ "event/nmi", nmi_delivered, "KVM_NMI reaches vector 2" },
	{ "event/nmi-masked", nmi_masked, "a second NMI waits for IRET" },
	{ "event/exception", exception_injected, "an injected exception reaches its handler" },
	{ "event/smi", smi_honest, "as CHECK_EXTENSION says" },
	{ "event/cr8-exit", cr8_exit, "a lowered CR8 is an exit when the host has the LAPIC" },
	{ "event/cr8-from-host", cr8_from_host, "run->cr8 goes in" },
};

SUITE(event_suite, rows);
