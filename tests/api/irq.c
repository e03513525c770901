/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupt controllers in the kernel: lines, routes, messages, timers, what the guest gets. */
#include "api.h"

static void irqchip_create(void)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	struct vm vm, late;
	struct vcpu c;

	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_GET_IRQCHIP, &chip), ENXIO);
	OK(ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0));
	REFUSED(ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0), EEXIST);
	OK(ioctl(vm.fd, KVM_GET_IRQCHIP, &chip));
	vm_bare(&late);
	vcpu_make(&late, &c, 0);
	REFUSED(ioctl(late.fd, KVM_CREATE_IRQCHIP, 0), EINVAL);
}

static void irqchip_state(void)
{
	struct kvm_irqchip s = { .chip_id = KVM_IRQCHIP_PIC_SLAVE }, t = s;
	struct vm vm;

	vm_make(&vm, IRQCHIP_KERNEL);
	OK(ioctl(vm.fd, KVM_GET_IRQCHIP, &s));
	s.chip.pic.irq_base = 0x70;
	s.chip.pic.imr = 0xa5;
	OK(ioctl(vm.fd, KVM_SET_IRQCHIP, &s));
	OK(ioctl(vm.fd, KVM_GET_IRQCHIP, &t));
	EQ(t.chip.pic.irq_base, 0x70);
	EQ(t.chip.pic.imr, 0xa5);
	s = t = (struct kvm_irqchip){ .chip_id = KVM_IRQCHIP_IOAPIC };
	OK(ioctl(vm.fd, KVM_GET_IRQCHIP, &s));
	EQ(s.chip.ioapic.base_address, 0xfec00000);
	s.chip.ioapic.redirtbl[5].bits = 0x10031;
	OK(ioctl(vm.fd, KVM_SET_IRQCHIP, &s));
	OK(ioctl(vm.fd, KVM_GET_IRQCHIP, &t));
	EQ(t.chip.ioapic.redirtbl[5].bits, 0x10031);
	s.chip_id = 9;
	REFUSED(ioctl(vm.fd, KVM_GET_IRQCHIP, &s), EINVAL);
	REFUSED(ioctl(vm.fd, KVM_SET_IRQCHIP, &s), EINVAL);
}

static void line(struct vm *vm, u32 gsi, u32 level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	OK(ioctl(vm->fd, KVM_IRQ_LINE, &l));
}

static void line_refused(void)
{
	struct kvm_irq_level l = { .irq = 5, .level = 1 };
	struct vm vm, with;

	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_IRQ_LINE, &l), ENXIO);
	vm_make(&with, IRQCHIP_KERNEL);
	OK(ioctl(with.fd, KVM_IRQ_LINE, &l));
	l.level = 1;
	OK(ioctl(with.fd, KVM_IRQ_LINE_STATUS, &l));
}

#define ROUTES(n)                                                                                  \
	struct {                                                                                   \
		struct kvm_irq_routing head;                                                       \
		struct kvm_irq_routing_entry e[n];                                                 \
	}

static void routing_refused(void)
{
	ROUTES(2) r = { .head.nr = 1 };
	struct vm vm, with;

	vm_make(&vm, IRQCHIP_NONE);
	r.e[0] = (struct kvm_irq_routing_entry){ .gsi = 24, .type = KVM_IRQ_ROUTING_MSI };
	REFUSED(ioctl(vm.fd, KVM_SET_GSI_ROUTING, &r), EINVAL);
	vm_make(&with, IRQCHIP_KERNEL);
	OK(ioctl(with.fd, KVM_SET_GSI_ROUTING, &r));
	r.head.flags = 1;
	REFUSED(ioctl(with.fd, KVM_SET_GSI_ROUTING, &r), EINVAL);
	r.head.flags = 0;
	r.e[0].type = 99;
	REFUSED(ioctl(with.fd, KVM_SET_GSI_ROUTING, &r), EINVAL);
	r.e[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	r.e[0].u.irqchip.irqchip = 17;
	REFUSED(ioctl(with.fd, KVM_SET_GSI_ROUTING, &r), EINVAL);
	r.head.nr = 100000;
	REFUSED(ioctl(with.fd, KVM_SET_GSI_ROUTING, &r), EINVAL);
	r.head.nr = 0;
	OK(ioctl(with.fd, KVM_SET_GSI_ROUTING, &r));
}

static void signal_msi_refused(void)
{
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0x40 };
	struct vm vm, with;

	vm_make(&vm, IRQCHIP_NONE);
	REFUSED(ioctl(vm.fd, KVM_SIGNAL_MSI, &m), EINVAL);
	vm_make(&with, IRQCHIP_KERNEL);
	m.flags = 0x80;
	REFUSED(ioctl(with.fd, KVM_SIGNAL_MSI, &m), EINVAL);
}

/*
 * The guest of most rows: 64-bit, LAPIC enabled, interrupts on, HLT in a loop. Each handler writes
 * its vector to a port; the EOI is in the common tail. HLT is the kernel's business here, so that
 * every exit is a handler's.
 */
GUEST(irq_idle, 64,
      "mov $0xfee000f0, %edi\n movl $0x1ff, (%rdi)\n" /* spurious vector: enable */
      "mov $0xfee00000, %edi\n"
      "mov $1, %al\n out %al, $0x10\n sti\n 1: hlt\n jmp 1b");
GUEST(irq_eoi, 64, "mov $0x5a, %al\n out %al, $0xe0\n movl $0, 0xb0(%rdi)\n"
		   "out %al, $0xe1\n iretq");

/* Maps 0xfee00000 and 0xfec00000: PDPT entry 3 gets a page directory of 2 MiB pages. */
static void map_apics(struct vm *vm)
{
	u64 pd = 0x3f0000;

	for (u64 i = 0; i < 512; i++)
		*(u64 *)(vm->mem + pd + i * 8) = (0xc0000000 + (i << 21)) | 0x87;
	*(u64 *)(vm->mem + PTS + 0x1000 + 3 * 8) = pd | 7;
}

static void handler(struct box *b, int vector, const u8 *code, const u8 *end)
{
	load(&b->vm, HANDLERS + vector * 64, code, end);
	idt_set(&b->vm, LONG64, vector, HANDLERS + vector * 64);
}

/* Reset leaves LINT0 as ExtINT: without this the PIC's vectors come in as well. */
static void mask_pics(struct vm *vm)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	for (; c.chip_id <= KVM_IRQCHIP_PIC_SLAVE; c.chip_id++) {
		OK(ioctl(vm->fd, KVM_GET_IRQCHIP, &c));
		c.chip.pic.imr = 0xff;
		OK(ioctl(vm->fd, KVM_SET_IRQCHIP, &c));
	}
}

static void irq_box(struct box *b, int irqchip, const u8 *code, const u8 *end)
{
	box_make(b, irqchip, LONG64, code, end);
	if (irqchip == IRQCHIP_KERNEL)
		mask_pics(&b->vm);
	map_apics(&b->vm);
	for (int v = 0x30; v < 0x60; v++)
		handler(b, v, guest_irq_eoi, guest_irq_eoi_end);
}

#define IRQ_BOX(b, irqchip, name) irq_box(b, irqchip, guest_##name, guest_##name##_end)

static void msi(struct vm *vm, int vector)
{
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = vector };

	EQ(OK(ioctl(vm->fd, KVM_SIGNAL_MSI, &m)), 1);
}

static void msi_delivered(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	expect_out(&b.cpu, 0x10, 1, 1);
	msi(&b.vm, 0x44);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ(regs_get(&b.cpu).rip - (HANDLERS + 0x44 * 64) < 64, 1);
	expect_out(&b.cpu, 0xe1, 1, 0x5a);
	msi(&b.vm, 0x45);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
}

static void msi_priority(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	expect_out(&b.cpu, 0x10, 1, 1);
	msi(&b.vm, 0x35);
	msi(&b.vm, 0x55);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x55);
	expect_out(&b.cpu, 0xe1, 1, 0x5a);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x35);
}

static void msi_wakes_halted(void)
{
	struct itimerval t = { .it_value.tv_usec = 100000, .it_interval.tv_usec = 100000 };
	struct kvm_mp_state m;
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	expect_out(&b.cpu, 0x10, 1, 1);
	catch_alarm();
	OK(setitimer(ITIMER_REAL, &t, NULL));
	EQ(run_once(&b.cpu), -EINTR); /* halted until the signal */
	OK(ioctl(b.cpu.fd, KVM_GET_MP_STATE, &m));
	EQ(m.mp_state, KVM_MP_STATE_HALTED);
	OK(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL));
	msi(&b.vm, 0x40);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
}

static void route_msi(void)
{
	ROUTES(1) r = { .head.nr = 1 };
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	r.e[0].gsi = 30;
	r.e[0].type = KVM_IRQ_ROUTING_MSI;
	r.e[0].u.msi.address_lo = 0xfee00000;
	r.e[0].u.msi.data = 0x48;
	OK(ioctl(b.vm.fd, KVM_SET_GSI_ROUTING, &r));
	expect_out(&b.cpu, 0x10, 1, 1);
	line(&b.vm, 30, 1);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x48);
}

static void set_redirect(struct vm *vm, int pin, u64 bits)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	OK(ioctl(vm->fd, KVM_GET_IRQCHIP, &c));
	c.chip.ioapic.redirtbl[pin].bits = bits;
	OK(ioctl(vm->fd, KVM_SET_IRQCHIP, &c));
}

static void ioapic_edge(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	set_redirect(&b.vm, 10, 0x3a);
	expect_out(&b.cpu, 0x10, 1, 1);
	line(&b.vm, 10, 1);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	expect_out(&b.cpu, 0xe1, 1, 0x5a);
	line(&b.vm, 10, 0);
	line(&b.vm, 10, 1);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
}

static void ioapic_level(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	set_redirect(&b.vm, 11, 0x803b);
	expect_out(&b.cpu, 0x10, 1, 1);
	line(&b.vm, 11, 1);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	expect_out(&b.cpu, 0xe1, 1, 0x5a);
	expect_out(&b.cpu, 0xe0, 1, 0x5a); /* still high: again after the EOI */
	line(&b.vm, 11, 0);
	expect_out(&b.cpu, 0xe1, 1, 0x5a);
	msi(&b.vm, 0x40);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x40);
}

static void ioapic_masked(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	set_redirect(&b.vm, 10, 0x1003a);
	expect_out(&b.cpu, 0x10, 1, 1);
	line(&b.vm, 10, 1);
	msi(&b.vm, 0x31);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x31);
}

/* The guest programs the I/O APIC itself. */
GUEST(irq_ioapic_mmio, 64,
      "mov $0xfee000f0, %edi\n movl $0x1ff, (%rdi)\n mov $0xfee00000, %edi\n"
      "mov $0xfec00000, %esi\n movl $0x01, (%rsi)\n mov 0x10(%rsi), %ebx\n"
      "movl $0x24, (%rsi)\n movl $0x39, 0x10(%rsi)\n movl $0x25, (%rsi)\n movl $0, 0x10(%rsi)\n"
      "mov $1, %al\n out %al, $0x10\n sti\n 1: hlt\n jmp 1b");

static void ioapic_mmio(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_ioapic_mmio);
	expect_out(&b.cpu, 0x10, 1, 1);
	EQ(regs_get(&b.cpu).rbx >> 16 & 0xff, 23); /* 24 pins */
	line(&b.vm, 10, 1);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x39);
}

/* PIC: real-mode guest as a BIOS would have it, LINT0 as ExtINT. */
GUEST(irq_pic, 16,
      "mov $0x11, %al\n out %al, $0x20\n mov $0x40, %al\n out %al, $0x21\n mov $4, %al\n"
      "out %al, $0x21\n mov $1, %al\n out %al, $0x21\n mov $0xdf, %al\n out %al, $0x21\n"
      "mov $1, %al\n out %al, $0xee\n sti\n 1: hlt\n jmp 1b");
GUEST(irq_pic_handler, 16, "mov $0x0b, %al\n out %al, $0x20\n in $0x20, %al\n out %al, $0xef\n"
			   "mov $0x20, %al\n out %al, $0x20\n iret");

static void pic_delivers(void)
{
	struct box b;

	BOX(&b, IRQCHIP_KERNEL, REAL16, irq_pic);
	LOAD(&b.vm, HANDLERS, irq_pic_handler);
	idt_set(&b.vm, REAL16, 0x45, 0x30000000);
	expect_out(&b.cpu, 0xee, 1, 1);
	line(&b.vm, 5, 1);
	expect_out(&b.cpu, 0xef, 1, 0x20); /* ISR: line 5 in service */
	line(&b.vm, 5, 0);
	line(&b.vm, 5, 1);
	expect_out(&b.cpu, 0xef, 1, 0x20);
}

/* Channel 0 of the PIT, 1000 Hz, through the PIC. */
GUEST(irq_pit, 16,
      "mov $0x11, %al\n out %al, $0x20\n mov $0x40, %al\n out %al, $0x21\n mov $4, %al\n"
      "out %al, $0x21\n mov $1, %al\n out %al, $0x21\n mov $0xfe, %al\n out %al, $0x21\n"
      "mov $0x34, %al\n out %al, $0x43\n mov $0xa9, %al\n out %al, $0x40\n mov $4, %al\n"
      "out %al, $0x40\n mov $1, %al\n out %al, $0xee\n sti\n 1: hlt\n jmp 1b");

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void pit_ticks(void)
{
	struct kvm_pit_config cfg = { 0 };
	struct box b;
	u64 start;

	vm_make(&b.vm, IRQCHIP_KERNEL);
	OK(ioctl(b.vm.fd, KVM_CREATE_PIT2, &cfg));
	vcpu_make(&b.vm, &b.cpu, 0);
	cpuid_all(&b.cpu);
	LOAD(&b.vm, CODE, irq_pit);
	mode_set(&b.cpu, REAL16, CODE);
	LOAD(&b.vm, HANDLERS, irq_pic_handler);
	idt_set(&b.vm, REAL16, 0x40, 0x30000000);
	expect_out(&b.cpu, 0xee, 1, 1);
	start = now_ns();
	for (int i = 0; i < 100; i++)
		expect_out(&b.cpu, 0xef, 1, 1);
	CHECK(now_ns() - start > 50000000);
	CHECK(now_ns() - start < 5000000000ull);
}

/* LAPIC timer, one-shot, then periodic. */
GUEST(irq_timer, 64,
      "mov $0xfee000f0, %edi\n movl $0x1ff, (%rdi)\n mov $0xfee00000, %edi\n"
      "movl $0xb, 0x3e0(%rdi)\n movl $0x50, 0x320(%rdi)\n movl $1000000, 0x380(%rdi)\n"
      "mov 0x390(%rdi), %ebx\n mov 0x390(%rdi), %ecx\n"
      "mov $1, %al\n out %al, $0x10\n sti\n 1: hlt\n jmp 1b");
GUEST(irq_timer_periodic, 64,
      "mov $0xfee000f0, %edi\n movl $0x1ff, (%rdi)\n mov $0xfee00000, %edi\n"
      "movl $0xb, 0x3e0(%rdi)\n movl $0x20050, 0x320(%rdi)\n movl $2000000, 0x380(%rdi)\n"
      "mov $1, %al\n out %al, $0x10\n sti\n 1: hlt\n jmp 1b");

static void lapic_timer(void)
{
	struct kvm_regs r;
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_timer);
	expect_out(&b.cpu, 0x10, 1, 1);
	r = regs_get(&b.cpu);
	CHECK(r.rbx <= 1000000 && r.rcx <= r.rbx); /* counts down */
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x50);
}

static void lapic_timer_periodic(void)
{
	struct box b;
	u64 start;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_timer_periodic);
	expect_out(&b.cpu, 0x10, 1, 1);
	start = now_ns();
	for (int i = 0; i < 20; i++) {
		expect_out(&b.cpu, 0xe0, 1, 0x5a);
		expect_out(&b.cpu, 0xe1, 1, 0x5a);
	}
	CHECK(now_ns() - start > 20000000); /* 20 times 2 ms at 1 GHz */
}

/* IA32_TSC_DEADLINE. */
GUEST(irq_deadline, 64,
      "mov $0xfee000f0, %edi\n movl $0x1ff, (%rdi)\n mov $0xfee00000, %edi\n"
      "movl $0x40051, 0x320(%rdi)\n mfence\n rdtsc\n shl $32, %rdx\n or %rdx, %rax\n"
      "add $1000000, %rax\n mov %rax, %rdx\n shr $32, %rdx\n mov $0x6e0, %ecx\n wrmsr\n"
      "mov $1, %al\n out %al, $0x10\n sti\n 1: hlt\n jmp 1b");

static void tsc_deadline(void)
{
	struct box b;

	NEED(KVM_CAP_TSC_DEADLINE_TIMER);
	vm_make(&b.vm, IRQCHIP_KERNEL);
	vcpu_make(&b.vm, &b.cpu, 0);
	cpuid_find(cpuid_supported(), 1, 0)->ecx |= 1 << 24;
	cpuid_all(&b.cpu);
	LOAD(&b.vm, CODE, irq_deadline);
	mode_set(&b.cpu, LONG64, CODE);
	map_apics(&b.vm);
	handler(&b, 0x51, guest_irq_eoi, guest_irq_eoi_end);
	expect_out(&b.cpu, 0x10, 1, 1);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ(msr_get(&b.cpu, 0x6e0), 0); /* disarmed */
}

/* x2APIC: a self IPI and reads by MSR. */
GUEST(irq_x2apic, 64,
      "mov $0x1b, %ecx\n rdmsr\n or $0x400, %eax\n wrmsr\n mov $0x80f, %ecx\n mov $0x1ff, %eax\n"
      "xor %edx, %edx\n wrmsr\n mov $0x83f, %ecx\n mov $0x52, %eax\n wrmsr\n"
      "mov $0x803, %ecx\n rdmsr\n mov %eax, %ebx\n sti\n 1: hlt\n jmp 1b");
GUEST(irq_x2apic_handler, 64, "mov $0x5b, %al\n out %al, $0xe0\n mov $0x80b, %ecx\n xor %eax, %eax\n"
			      "wrmsr\n iretq");

static void x2apic_self_ipi(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_x2apic);
	handler(&b, 0x52, guest_irq_x2apic_handler, guest_irq_x2apic_handler_end);
	expect_out(&b.cpu, 0xe0, 1, 0x5b);
	EQ(regs_get(&b.cpu).rbx & 0xff, 0x14);
	EQ(sregs_get(&b.cpu).apic_base & 0xc00, 0xc00);
}

static void nmi_via_msi(void)
{
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0x400 };
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_idle);
	handler(&b, 2, guest_irq_eoi, guest_irq_eoi_end);
	expect_out(&b.cpu, 0x10, 1, 1);
	OK(ioctl(b.vm.fd, KVM_SIGNAL_MSI, &m));
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 2);
}

/* Split irqchip: the I/O APIC is the host's, its routes tell which EOI it wants to hear of. */
static void split_eoi(void)
{
	ROUTES(1) r = { .head.nr = 1 };
	struct box b;

	NEED(KVM_CAP_SPLIT_IRQCHIP);
	IRQ_BOX(&b, IRQCHIP_SPLIT, irq_idle);
	r.e[0].gsi = 9;
	r.e[0].type = KVM_IRQ_ROUTING_MSI;
	r.e[0].u.msi.address_lo = 0xfee00000;
	r.e[0].u.msi.data = 0xc049; /* level, assert */
	OK(ioctl(b.vm.fd, KVM_SET_GSI_ROUTING, &r));
	expect_out(&b.cpu, 0x10, 1, 1);
	line(&b.vm, 9, 1);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	run_until(&b.cpu, KVM_EXIT_IOAPIC_EOI);
	EQ(b.cpu.run->eoi.vector, 0x49);
	expect_out(&b.cpu, 0xe1, 1, 0x5a);
}

/* TPR holds back what is not above it. */
GUEST(irq_tpr, 64,
      "mov $0xfee000f0, %edi\n movl $0x1ff, (%rdi)\n mov $0xfee00000, %edi\n"
      "mov $4, %eax\n mov %rax, %cr8\n mov 0x80(%rdi), %ebx\n sti\n nop\n out %al, $0x10\n nop\n"
      "xor %eax, %eax\n mov %rax, %cr8\n nop\n hlt");

static void tpr_holds(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_tpr);
	expect_out(&b.cpu, 0x10, 1, 4);
	EQ(regs_get(&b.cpu).rbx, 0x40);
	msi(&b.vm, 0x44);
	msi(&b.vm, 0x55);
	expect_out(&b.cpu, 0xe0, 1, 0x5a);
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x55);
	expect_out(&b.cpu, 0xe1, 1, 0x5a);
	expect_out(&b.cpu, 0xe0, 1, 0x5a); /* when CR8 goes to 0 */
	EQ((regs_get(&b.cpu).rip - HANDLERS) / 64, 0x44);
}

/*
 * One waits behind another of its class; when that one ends, TPR has been raised. It comes at the
 * very MOV that lowers TPR, not some time later.
 */
GUEST(irq_tpr_later, 64,
      "mov $0xfee000f0, %edi\n movl $0x1ff, (%rdi)\n mov $0xfee00000, %edi\n xor %ebx, %ebx\n"
      "movl $0x40055, 0x300(%rdi)\n sti\n nop\n hlt");
GUEST(irq_tpr_first, 64,
      "movl $0x40054, 0x300(%rdi)\n mov $6, %eax\n mov %rax, %cr8\n movl $0, 0xb0(%rdi)\n"
      "sti\n nop\n mov %ebx, %ecx\n xor %eax, %eax\n mov %rax, %cr8\n nop\n"
      "mov %ebx, %esi\n out %al, $0x10\n hlt");
GUEST(irq_tpr_second, 64, "inc %ebx\n movl $0, 0xb0(%rdi)\n iretq");

static void tpr_lowered(void)
{
	struct box b;

	IRQ_BOX(&b, IRQCHIP_KERNEL, irq_tpr_later);
	handler(&b, 0x55, guest_irq_tpr_first, guest_irq_tpr_first_end);
	handler(&b, 0x54, guest_irq_tpr_second, guest_irq_tpr_second_end);
	expect_out(&b.cpu, 0x10, 1, 0);
	EQ(regs_get(&b.cpu).rcx, 0);
	EQ(regs_get(&b.cpu).rsi, 1);
}

static const struct api_test rows[] = {
	{ "irq/create", irqchip_create, "once, before vCPUs" },
	{ "irq/chip-state", irqchip_state, "PIC and I/O APIC go in and out" },
	{ "irq/line-refused", line_refused, "needs an irqchip" },
	{ "irq/routing-refused", routing_refused, "types, flags, count, chips" },
	{ "irq/msi-refused", signal_msi_refused, "needs an irqchip; unknown flags" },
	{ "irq/msi", msi_delivered, "KVM_SIGNAL_MSI reaches its handler" },
	{ "irq/msi-priority", msi_priority, "the higher vector first" },
	{ "irq/msi-wakes", msi_wakes_halted, "a halted vCPU wakes" },
	{ "irq/route-msi", route_msi, "a line routed to a message" },
	{ "irq/ioapic-edge", ioapic_edge, "once an edge" },
	{ "irq/ioapic-level", ioapic_level, "again after EOI while high" },
	{ "irq/ioapic-masked", ioapic_masked, "masked is masked" },
	{ "irq/ioapic-mmio", ioapic_mmio, "programmed by the guest" },
	{ "irq/pic", pic_delivers, "two 8259s, ExtINT" },
	{ "irq/pit", pit_ticks, "channel 0 at 1 kHz" },
	{ "irq/lapic-timer", lapic_timer, "one-shot" },
	{ "irq/lapic-timer-periodic", lapic_timer_periodic, "in time" },
	{ "irq/tsc-deadline", tsc_deadline, "fires and disarms" },
	{ "irq/x2apic", x2apic_self_ipi, "self IPI by MSR" },
	{ "irq/msi-nmi", nmi_via_msi, "delivery mode NMI" },
	{ "irq/split-eoi", split_eoi, "EOI exits for the host's I/O APIC" },
	{ "irq/tpr", tpr_holds, "CR8 holds back lower vectors" },
	{ "irq/tpr-lowered", tpr_lowered, "and lets them come at once" },
};

SUITE(irq_suite, rows);
