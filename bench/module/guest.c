// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The guest: does one operation many times and reads the time stamp counter around each batch.
 *
 * It is entered in 64-bit mode with flat segments and everything mapped, RDI = this CPU's number.
 * Whatever it does besides the operation itself is a few instructions of loop, the same for every
 * hypervisor. In the emulated machine the counter counts instructions (run says how), so a batch's
 * difference is what the operation cost the whole machine: guest, hypervisor, kernel and host
 * program together.
 *
 * Some operations time themselves: the end of interrupt is only a part of what must be done to get
 * there, and a wait for a timer is not work. They add to `own`, and the batch is that sum.
 */
#include "bench.h"

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define MSR_TSC_ADJUST	 0x3b
#define MSR_APIC_BASE	 0x1b
#define MSR_MTRR_BASE0	 0x200
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_EOI	 0x80b
#define MSR_X2APIC_SVR	 0x80f
#define MSR_X2APIC_ICR	 0x830
#define MSR_X2APIC_LVTT	 0x832
#define MSR_X2APIC_SELF	 0x83f

#define APIC_BASE_X2APIC (1u << 10)
#define LVTT_DEADLINE	 (2u << 17)
#define SVR_ENABLE	 0x1ff

#define APIC	     0xfee00000ul
#define APIC_EOI     0xb0
#define APIC_SVR     0xf0
#define APIC_ICR     0x300
#define APIC_ICR2    0x310
#define ICR_SELF     (1u << 18)
#define IOAPIC	     0xfec00000ul
#define PIC_ELCR     0x4d0
#define CR0_WP	     (1ul << 16)
#define CR4_PGE	     (1ul << 7)
#define HC_VAPIC_POLL 1 /* a hypercall that is defined to do nothing (KVM_HC_VAPIC_POLL_IRQ) */

/* Deadline in the future: further than any hypervisor takes to arm the timer. */
#define AHEAD 60000

#define shared ((volatile struct shared *)GPA_SHARED)

static volatile u64 fired; /* interrupts that CPU 0 has taken */
static volatile int replied;
static int measuring;
static u64 own;
static u64 next; /* OP_TOUCH: the address of the next touch */
static void (*eoi)(void);

asm(".section .text.entry, \"ax\"\n"
    "	lgdt gdtr(%rip)\n"
    "	mov %rdi, %rax\n"
    "	shl $16, %rax\n" /* GUEST_STACK */
    "	lea 0x200000(%rax), %rsp\n" /* GPA_STACK */
    "	call start\n"
    "1:	hlt\n"
    "	jmp 1b\n"
    "gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff\n"
    "gdtr:	.word 23\n"
    "	.quad gdt\n"
    ".text");

static u64 rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (u64)high << 32 | low;
}

static void wrmsr(u32 msr, u64 value)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static void outl(unsigned short port, u32 value)
{
	asm volatile("outl %0, %1" ::"a"(value), "d"(port) : "memory");
}

static u32 mmio_read(u64 address)
{
	u32 value;

	asm volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static void mmio_write(u64 address, u32 value)
{
	asm volatile("movl %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

static void fail(u32 why)
{
	for (;;)
		outl(PORT_FAIL, why);
}

/* --- Interrupts -------------------------------------------------------------------------------- */

struct gate {
	unsigned short offset0, selector;
	u8 ist, type;
	unsigned short offset1;
	u32 offset2, reserved;
};

struct frame;

static struct gate idt[256] __attribute__((aligned(16)));

static void eoi_x2apic(void)
{
	wrmsr(MSR_X2APIC_EOI, 0);
}

static void eoi_xapic(void)
{
	mmio_write(APIC + APIC_EOI, 0);
}

static void begin_own(void)
{
	if (measuring)
		mark(MARK_START);
}

static void end_own(void)
{
	if (measuring)
		mark(MARK_STOP);
}

static void eoi_timed(void)
{
	u64 t;

	begin_own();
	t = rdtsc();
	if (shared->x2apic)
		eoi_x2apic();
	else
		eoi_xapic();
	own += rdtsc() - t;
	end_own();
}

__attribute__((interrupt)) static void on_vector(struct frame *f)
{
	fired++;
	shared->fired = fired;
	eoi();
}

__attribute__((interrupt)) static void on_reply(struct frame *f)
{
	eoi();
	replied = 1;
	wrmsr(MSR_X2APIC_ICR, VECTOR);
}

__attribute__((interrupt)) static void on_fault(struct frame *f)
{
	fail(1);
}

__attribute__((interrupt)) static void on_fault_code(struct frame *f, unsigned long code)
{
	fail(2);
}

static void set_gate(int vector, void *handler)
{
	u64 a = (u64)handler;

	idt[vector] = (struct gate){ .offset0 = a, .offset1 = a >> 16, .offset2 = a >> 32,
				     .selector = SELECTOR_CODE, .type = 0x8e };
}

static void setup(void)
{
	struct {
		unsigned short limit;
		u64 base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (u64)idt };
	u32 with_code = 1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21 | 1u << 29 | 1u << 30;

	for (int i = 0; i < 32; i++)
		set_gate(i, with_code & 1u << i ? (void *)on_fault_code : (void *)on_fault);
	set_gate(VECTOR, on_vector);
	set_gate(VECTOR_REPLY, on_reply);
	asm volatile("lidt %0" ::"m"(idtr));

	if (shared->x2apic) {
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
		wrmsr(MSR_X2APIC_SVR, SVR_ENABLE);
	} else {
		mmio_write(APIC + APIC_SVR, SVR_ENABLE);
	}
}

/* --- The operations ---------------------------------------------------------------------------- */

static void op_nothing(void)
{
}

static void op_cpuid(void)
{
	u32 a = 0, c = 0;

	asm volatile("cpuid" : "+a"(a), "+c"(c)::"ebx", "edx");
}

static void op_in_kernel(void)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "d"((unsigned short)PIC_ELCR));
}

static void op_out_kernel(void)
{
	asm volatile("outb %0, %1" ::"a"((u8)0), "d"((unsigned short)PIC_ELCR));
}

static void op_in_user(void)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "d"((unsigned short)PORT_NOTHING));
}

static void op_out_user(void)
{
	outl(PORT_NOTHING, 0);
}

/* The IOAPIC's register select: no side effect, and no interrupt logic behind it. */
static void op_mmio_kernel(void)
{
	mmio_read(IOAPIC);
}

static void op_mmio_kernel_write(void)
{
	mmio_write(IOAPIC, 0);
}

static void op_mmio_user(void)
{
	mmio_read(GPA_NOTHING);
}

static void op_mmio_user_write(void)
{
	mmio_write(GPA_NOTHING, 0);
}

/*
 * TSC_ADJUST: no processor virtualizes it, so every hypervisor must intercept it. A write is also a
 * write of the time stamp counter, and what depends on that (the TSC offset, kvmclock) follows.
 */
static void op_msr_read(void)
{
	rdmsr(MSR_TSC_ADJUST);
}

static void op_msr_write(void)
{
	wrmsr(MSR_TSC_ADJUST, 0);
}

/* A memory type register: under nested paging nothing but a value to keep. */
static void op_mtrr_read(void)
{
	rdmsr(MSR_MTRR_BASE0);
}

static void op_mtrr_write(void)
{
	wrmsr(MSR_MTRR_BASE0, 0);
}

static void op_hypercall(void)
{
	u64 a = HC_VAPIC_POLL;

	asm volatile("vmmcall" : "+a"(a)::"memory");
}

static void op_self_ipi(void)
{
	u64 before = fired;

	if (shared->x2apic)
		wrmsr(MSR_X2APIC_SELF, VECTOR);
	else
		mmio_write(APIC + APIC_ICR, ICR_SELF | VECTOR);
	asm volatile("sti\n nop\n cli" ::: "memory");
	if (fired == before)
		fail(3);
	shared->extra += fired - before - 1;
}

/* There and back, both CPUs halted when their interrupt comes: two interrupts. */
static void op_ipi_halted(void)
{
	u64 before = fired;

	replied = 0;
	wrmsr(MSR_X2APIC_ICR, 1ull << 32 | VECTOR_REPLY);
	while (fired == before)
		asm volatile("sti\n hlt\n cli" ::: "memory");
	if (!replied)
		fail(4);
}

static void op_deadline_past(void)
{
	u64 before = fired;

	asm volatile("sti" ::: "memory");
	wrmsr(MSR_TSC_DEADLINE, rdtsc());
	while (fired == before)
		;
	asm volatile("cli" ::: "memory");
}

/* What the timer costs is all instructions but the guest's own of waiting, of which it keeps count. */
static void op_deadline(void)
{
	u64 spins = 0, before = fired, t;

	begin_own();
	t = rdtsc();
	asm volatile("sti" ::: "memory");
	wrmsr(MSR_TSC_DEADLINE, t + AHEAD);
	asm volatile("1:	inc %0\n"
		     "	cmp %1, %2\n"
		     "	je 1b\n"
		     "	cli"
		     : "+r"(spins)
		     : "m"(fired), "r"(before)
		     : "cc", "memory");
	own += rdtsc() - t - 3 * spins;
	end_own();
}

static void op_cr0_wp(void)
{
	u64 cr0;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	asm volatile("mov %0, %%cr0" ::"r"(cr0 & ~CR0_WP) : "memory");
	asm volatile("mov %0, %%cr0" ::"r"(cr0 | CR0_WP) : "memory");
}

static void op_cr4_pge(void)
{
	u64 cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" ::"r"(cr4 & ~CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" ::"r"(cr4 | CR4_PGE) : "memory");
}

static void op_touch(void)
{
	*(volatile u8 *)next = 1;
	next += shared->stride;
}

/* The host measures the rest: they never end. */

static void op_touch_all(void)
{
	u64 stride = shared->stride, end = GPA_REGION + shared->region;

	for (;;) {
		for (u64 a = GPA_REGION; a < end; a += stride)
			*(volatile u8 *)a = 1;
		outl(PORT_STEP, 0);
	}
}

static void op_halt(void)
{
	for (;;)
		asm volatile("sti\n hlt" ::: "memory");
}

static void op_spin(void)
{
	for (;;) {
		u64 t = rdtsc();

		spin(10000000);
		shared->delta[0] = rdtsc() - t;
		outl(PORT_STEP, 0);
	}
}

static const struct {
	void (*once)(void);
	int own; /* times itself */
} ops[] = {
	[OP_NOTHING] = { op_nothing },
	[OP_CPUID] = { op_cpuid },
	[OP_IN_KERNEL] = { op_in_kernel },
	[OP_OUT_KERNEL] = { op_out_kernel },
	[OP_IN_USER] = { op_in_user },
	[OP_OUT_USER] = { op_out_user },
	[OP_MMIO_KERNEL] = { op_mmio_kernel },
	[OP_MMIO_KERNEL_WRITE] = { op_mmio_kernel_write },
	[OP_MMIO_USER] = { op_mmio_user },
	[OP_MMIO_USER_WRITE] = { op_mmio_user_write },
	[OP_MSR_READ] = { op_msr_read },
	[OP_MSR_WRITE] = { op_msr_write },
	[OP_MTRR_READ] = { op_mtrr_read },
	[OP_MTRR_WRITE] = { op_mtrr_write },
	[OP_HYPERCALL] = { op_hypercall },
	[OP_EOI] = { op_self_ipi, 1 },
	[OP_SELF_IPI] = { op_self_ipi },
	[OP_IPI_HALTED] = { op_ipi_halted },
	[OP_DEADLINE_PAST] = { op_deadline_past },
	[OP_DEADLINE] = { op_deadline, 1 },
	[OP_CR0_WP] = { op_cr0_wp },
	[OP_CR4_PGE] = { op_cr4_pge },
	[OP_TOUCH] = { op_touch },
	[OP_TOUCH_ALL] = { op_touch_all },
	[OP_HALT] = { op_halt },
	[OP_SPIN] = { op_spin },
};

_Static_assert(sizeof(ops) / sizeof(ops[0]) == OPS, "one row an operation");

static void measure(void)
{
	void (*once)(void) = ops[shared->op].once;
	int timed = ops[shared->op].own;
	u32 warmup = shared->warmup, all = warmup + shared->batches, count = shared->count;

	for (u32 b = 0; b < all; b++) {
		u64 t;

		if (b == warmup) {
			measuring = 1;
			if (!timed)
				mark(MARK_START);
		}
		own = 0;
		t = rdtsc();
		for (u32 i = 0; i < count; i++) {
			mark(MARK_ROUND);
			once();
		}
		t = rdtsc() - t;
		if (b >= warmup)
			shared->delta[b - warmup] = timed ? own : t;
	}
	if (!timed)
		mark(MARK_STOP);
}

__attribute__((used)) static void start(unsigned long cpu)
{
	setup();
	eoi = shared->x2apic ? eoi_x2apic : eoi_xapic;
	if (cpu) {
		shared->ready = 1;
		op_halt();
	}
	if (shared->op >= OPS)
		fail(5);
	if (shared->op == OP_EOI)
		eoi = eoi_timed;
	if (shared->op == OP_DEADLINE || shared->op == OP_DEADLINE_PAST)
		wrmsr(MSR_X2APIC_LVTT, LVTT_DEADLINE | VECTOR);
	next = GPA_REGION;
	measure();
	for (;;)
		outl(PORT_DONE, 0);
}
