/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events whose delivery meets MMIO: the stack, or the table of the handlers, is where no slot is.
 * The processor can't finish such a delivery. Each push and each read of a gate is an exit, and the host
 * host program's answers are what IRET and the gate take.
 */
#include "api.h"

#define TOP (HOLE + 0x800)
#define VECTOR 0x30

static struct {
	u8 bytes[PAGE]; /* what the host program's device holds at HOLE */
	struct {
		u64 at, value;
		u32 len;
	} writes[32];
	u32 n;
} hole;

/* Answers MMIO until another exit; that must be `out` of this byte to port 0x10. */
static void served_out(struct vcpu *c, u32 value)
{
	for (;;) {
		u64 off;
		u32 len;

		EQ(run_once(c), 0);
		if (c->run->exit_reason != KVM_EXIT_MMIO)
			break;
		off = c->run->mmio.phys_addr - HOLE;
		len = c->run->mmio.len;
		CHECK(off + len <= PAGE && len <= 8);
		if (!c->run->mmio.is_write) {
			memcpy(c->run->mmio.data, hole.bytes + off, len);
			continue;
		}
		CHECK(hole.n < 32);
		memcpy(hole.bytes + off, c->run->mmio.data, len);
		memcpy(&hole.writes[hole.n].value, c->run->mmio.data, len);
		hole.writes[hole.n].at = off + HOLE;
		hole.writes[hole.n++].len = len;
	}
	if (c->run->exit_reason != KVM_EXIT_IO)
		FAIL("exit %s at rip %llx after %u writes", exit_name(c->run->exit_reason),
		     regs_get(c).rip, hole.n);
	EQ(c->run->io.port, 0x10);
	EQ(*((u8 *)c->run + c->run->io.data_offset), value);
}

/* Written once, as a whole; a frame is one thing to the processor, and has no order inside. */
static u64 wrote(u64 at, u32 len)
{
	u32 i, found = ~0u;

	for (i = 0; i < hole.n; i++) {
		if (hole.writes[i].at != at)
			continue;
		EQ(found, ~0u);
		found = i;
	}
	if (found == ~0u)
		FAIL("nothing was written to %llx", (unsigned long long)at);
	EQ(hole.writes[found].len, len);
	return hole.writes[found].value;
}

static void long_frame(u64 rip)
{
	EQ(wrote(TOP - 8, 8), SEL_DATA);
	EQ(wrote(TOP - 16, 8), TOP);
	EQ(wrote(TOP - 24, 8) & 2, 2); /* of RFLAGS the arithmetic ones are anybody's */
	EQ(wrote(TOP - 32, 8), SEL_CODE64);
	EQ(wrote(TOP - 40, 8), rip);
}

GUEST(dl_real, 16, "int $0x30\n mov $2, %al\n out %al, $0x10\n hlt");
GUEST(dl_real_handler, 16, "mov $1, %al\n out %al, $0x10\n iret");

static void real_int(void)
{
	struct kvm_sregs s;
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, dl_real);
	LOAD(&b.vm, HANDLERS, dl_real_handler);
	idt_set(&b.vm, REAL16, VECTOR, 0x30000000);
	s = sregs_get(&b.cpu);
	s.ss.base = HOLE;
	sregs_set(&b.cpu, s);
	r = regs_get(&b.cpu);
	r.rsp = 0x800;
	regs_set(&b.cpu, r);
	served_out(&b.cpu, 1);
	EQ(hole.n, 3);
	EQ(hole.writes[0].at, TOP - 2);
	EQ(wrote(TOP - 4, 2), 0);
	EQ(wrote(TOP - 6, 2), CODE + 2);
	served_out(&b.cpu, 2);
	EQ(regs_get(&b.cpu).rsp, 0x800);
	finish(&b.cpu);
}

/* The guest waits until a handler has been; its own instruction follows where there is one. */
/* One instruction to wait in: whenever the event comes, it is there. */
GUEST(dl_wait, 64, "1: jrcxz 1b\n mov $2, %al\n out %al, $0x10\n hlt");
GUEST(dl_int, 64, "int $0x30\n mov $2, %al\n out %al, $0x10\n hlt");
GUEST(dl_de, 64, "div %ecx\n mov $2, %al\n out %al, $0x10\n hlt");
GUEST(dl_gp, 64, "mov (%rcx), %edx\n mov $2, %al\n out %al, $0x10\n hlt");
GUEST(dl_handler, 64, "mov $1, %al\n mov $1, %ecx\n out %al, $0x10\n iretq");
GUEST(dl_error, 64, "mov $1, %al\n mov $1, %ecx\n out %al, $0x10\n add $8, %rsp\n iretq");
GUEST(dl_over, 64, "mov $1, %al\n out %al, $0x10\n addq $2, (%rsp)\n iretq");
GUEST(dl_error_over, 64, "mov $1, %al\n out %al, $0x10\n add $8, %rsp\n addq $2, (%rsp)\n iretq");

/* Long mode with the stack in the hole. */
static void stack_box(struct box *b, const u8 *code, const u8 *end, int vector)
{
	struct kvm_regs r;

	box_make(b, IRQCHIP_NONE, LONG64, code, end);
	idt_set(&b->vm, LONG64, vector, HANDLERS);
	r = regs_get(&b->cpu);
	r.rsp = TOP;
	r.rflags = 0x202;
	regs_set(&b->cpu, r);
}
#define STACK_BOX(b, name, vector) stack_box(b, guest_##name, guest_##name##_end, vector)

static void through(struct box *b, u32 pushes, u64 rip)
{
	served_out(&b->cpu, 1);
	EQ(hole.n, pushes);
	long_frame(rip);
	EQ(regs_get(&b->cpu).rsp, TOP - pushes * 8);
	served_out(&b->cpu, 2);
	EQ(regs_get(&b->cpu).rsp, TOP);
	finish(&b->cpu);
}

static void long_int(void)
{
	struct box b;

	STACK_BOX(&b, dl_int, VECTOR);
	LOAD(&b.vm, HANDLERS, dl_handler);
	through(&b, 5, CODE + 2);
}

static void interrupt(void)
{
	struct kvm_interrupt irq = { VECTOR };
	struct box b;

	STACK_BOX(&b, dl_wait, VECTOR);
	LOAD(&b.vm, HANDLERS, dl_handler);
	OK(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq));
	through(&b, 5, CODE);
}

static void nmi(void)
{
	struct box b;

	STACK_BOX(&b, dl_wait, 2);
	LOAD(&b.vm, HANDLERS, dl_handler);
	OK(ioctl(b.cpu.fd, KVM_NMI, 0));
	through(&b, 5, CODE);
}

static void injected(void)
{
	struct kvm_vcpu_events e;
	struct box b;

	STACK_BOX(&b, dl_wait, 13);
	LOAD(&b.vm, HANDLERS, dl_error);
	OK(ioctl(b.cpu.fd, KVM_GET_VCPU_EVENTS, &e));
	e.exception.injected = 1;
	e.exception.nr = 13;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x18;
	OK(ioctl(b.cpu.fd, KVM_SET_VCPU_EVENTS, &e));
	through(&b, 6, CODE);
	EQ(hole.bytes[0x800 - 48], 0x18);
}

static void divide_error(void)
{
	struct box b;

	STACK_BOX(&b, dl_de, 0);
	LOAD(&b.vm, HANDLERS, dl_over);
	through(&b, 5, CODE);
	EQ(*(u64 *)(hole.bytes + 0x800 - 40), CODE + 2);
}

static void protection(void)
{
	struct kvm_regs r;
	struct box b;

	STACK_BOX(&b, dl_gp, 13);
	LOAD(&b.vm, HANDLERS, dl_error_over);
	r = regs_get(&b.cpu);
	r.rcx = 1ull << 63;
	regs_set(&b.cpu, r);
	through(&b, 6, CODE);
	EQ(*(u64 *)(hole.bytes + 0x800 - 48), 0);
}

static void table(void)
{
	struct kvm_interrupt irq = { VECTOR };
	struct kvm_sregs s;
	struct box b;

	STACK_BOX(&b, dl_wait, VECTOR);
	LOAD(&b.vm, HANDLERS, dl_handler);
	memcpy(hole.bytes, b.vm.mem + IDT, PAGE);
	s = sregs_get(&b.cpu);
	s.idt.base = HOLE;
	sregs_set(&b.cpu, s);
	OK(ioctl(b.cpu.fd, KVM_INTERRUPT, &irq));
	through(&b, 5, CODE);
}

static const struct api_test rows[] = {
	{ "deliver/real-int", real_int, "INT n in real mode: FLAGS, CS, IP" },
	{ "deliver/int", long_int, "INT n in long mode: SS to RIP, of the next instruction" },
	{ "deliver/interrupt", interrupt, "KVM_INTERRUPT" },
	{ "deliver/nmi", nmi, "KVM_NMI" },
	{ "deliver/injected", injected, "an injected exception, its error code last" },
	{ "deliver/de", divide_error, "the guest's own exception" },
	{ "deliver/gp", protection, "and one with an error code" },
	{ "deliver/table", table, "the interrupt descriptor table is there, too" },
};

SUITE(deliver_suite, rows);
