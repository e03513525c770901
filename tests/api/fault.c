/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exceptions that the guest's own instructions cause: vector, error code, CR2, nothing half done. */
#include "api.h"

/* Every vector's handler in 64-bit mode: RBX error code or RIP, R8 vector, CR2 in R9; stop. */
GUEST(flt_code, 64, "pop %rbx\n mov (%rsp), %rcx\n mov %cr2, %r9\n hlt");
GUEST(flt_nocode, 64, "mov (%rsp), %rcx\n hlt");

static bool has_code(int v)
{
	return v == 8 || (v >= 10 && v <= 14) || v == 17;
}

static void trap_all(struct box *b)
{
	for (int v = 0; v < 32; v++) {
		u64 at = HANDLERS + v * 32;

		if (has_code(v))
			LOAD(&b->vm, at, flt_code);
		else
			LOAD(&b->vm, at, flt_nocode);
		idt_set(&b->vm, LONG64, v, at);
	}
	*(u64 *)(b->vm.mem + TSS + 4) = 0x7000;
}

static struct kvm_regs trapped(struct box *b, int vector)
{
	struct kvm_regs r;
	int got;

	finish(&b->cpu);
	r = regs_get(&b->cpu);
	got = (r.rip - HANDLERS) / 32;
	if (r.rip < HANDLERS || got != vector)
		FAIL("vector %d (rip %llx, error code %llx), should be %d", got, r.rip, r.rbx,
		     vector);
	return r;
}

#define FAULT(b, name, vector)                                                                     \
	({                                                                                         \
		BOX(b, IRQCHIP_NONE, LONG64, name);                                                \
		trap_all(b);                                                                       \
		trapped(b, vector);                                                                \
	})

GUEST(flt_de, 64, "nop\n xor %edx, %edx\n xor %ecx, %ecx\n mov $5, %eax\n div %ecx\n hlt");
GUEST(flt_ud, 64, "nop\n ud2");
GUEST(flt_ud_lock, 64, "nop\n .byte 0xf0, 0x89, 0xc0");
GUEST(flt_gp, 64, "nop\n mov $0x8000000000000000, %rax\n mov (%rax), %rbx");
GUEST(flt_ss, 64, "nop\n mov $0x8000000000000000, %rbp\n mov (%rbp), %rbx");
GUEST(flt_sel, 64, "nop\n mov $0x1230, %eax\n mov %ax, %ds");
GUEST(flt_np, 64, "nop\n mov $0x38, %eax\n mov %ax, %ds");
GUEST(flt_bp, 64, "nop\n int3\n nop");
GUEST(flt_msr, 64, "nop\n mov $0x12345678, %ecx\n rdmsr");
GUEST(flt_cr, 64, "nop\n mov $1, %rax\n shl $40, %rax\n mov %rax, %cr4");
GUEST(flt_nm, 64, "mov %cr0, %rax\n or $8, %eax\n mov %rax, %cr0\n fld1");
GUEST(flt_ac, 64, "nop\n movaps 0x20001, %xmm0");

static void divide_error(void)
{
	struct box b;

	EQ(FAULT(&b, flt_de, 0).rcx, CODE + 10);
}

static void undefined(void)
{
	struct box b;

	EQ(FAULT(&b, flt_ud, 6).rcx, CODE + 1);
	EQ(FAULT(&b, flt_ud_lock, 6).rcx, CODE + 1);
}

static void general_protection(void)
{
	struct box b;

	EQ(FAULT(&b, flt_gp, 13).rbx, 0);
	EQ(FAULT(&b, flt_sel, 13).rbx, 0x1230);
	EQ(FAULT(&b, flt_msr, 13).rbx, 0);
	EQ(FAULT(&b, flt_cr, 13).rbx, 0);
	EQ(FAULT(&b, flt_ac, 13).rbx, 0);
}

static void stack_fault(void)
{
	struct box b;

	EQ(FAULT(&b, flt_ss, 12).rbx, 0);
}

static void not_present(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, flt_np);
	trap_all(&b);
	*(u64 *)(b.vm.mem + GDT + 0x38) = 0x00cf13000000ffff; /* data, not present */
	EQ(trapped(&b, 11).rbx, 0x38);
}

static void breakpoint(void)
{
	struct box b;

	EQ(FAULT(&b, flt_bp, 3).rcx, CODE + 2); /* a trap: past the instruction */
}

static void device_not_available(void)
{
	struct box b;

	FAULT(&b, flt_nm, 7);
}

/* --- Page faults: PD entry 3 (6-8 MiB) is made to fault ---------------------------------------- */

#define PDE(i) (PTS + 0x2000 + 8 * (i))
#define AT 0x600000ull

GUEST(pf_read, 64, "mov $0x600123, %edi\n mov $0x55, %eax\n mov (%rdi), %al\n hlt");
GUEST(pf_write, 64, "mov $0x600123, %edi\n mov $0x55, %eax\n incb (%rdi)\n hlt");
GUEST(pf_exec, 64, "mov $0x600123, %edi\n jmp *%rdi");
GUEST(pf_push, 64, "mov $0x600000, %esp\n push %rax\n hlt");
GUEST(pf_user, 64,
      "pushq $0x2b\n pushq $0x6000\n pushq $2\n pushq $0x33\n"
      "pushq $(1f - guest_pf_user + 0x1000)\n iretq\n 1: mov 0x600123, %al\n 2: jmp 2b");

static struct kvm_regs page_fault(struct box *b, const u8 *code, const u8 *end, u64 pde)
{
	box_make(b, IRQCHIP_NONE, LONG64, code, end);
	trap_all(b);
	*(u64 *)(b->vm.mem + PDE(3)) = pde;
	return trapped(b, 14);
}

#define PF(b, name, pde) page_fault(b, guest_##name, guest_##name##_end, pde)

static void pf_not_present(void)
{
	struct kvm_regs r;
	struct box b;

	r = PF(&b, pf_read, 0);
	EQ(r.rbx, 0);
	EQ(r.r9, AT + 0x123);
	EQ(r.rax, 0x55); /* nothing has happened */
	EQ(sregs_get(&b.cpu).cr2, AT + 0x123);
	EQ(PF(&b, pf_write, 0).rbx, 2);
	r = PF(&b, pf_exec, 0);
	EQ(r.rbx, 0x10); /* with NXE the fetch is marked */
	EQ(r.rcx, AT + 0x123);
}

static void pf_protection(void)
{
	struct box b;

	EQ(PF(&b, pf_write, 0x200000 | 0x85).rbx, 3); /* read-only, CR0.WP */
	EQ(PF(&b, pf_user, 0x200000 | 0x83).rbx, 5);
	EQ(PF(&b, pf_exec, 0x200000 | 0x87 | 1ull << 63).rbx, 0x11);
}

static void pf_reserved(void)
{
	struct box b;

	EQ(PF(&b, pf_read, 0x200000 | 0x87 | 1 << 13).rbx, 9); /* a bit below the 2M address */
}

static void pf_stack(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, pf_push);
	trap_all(&b);
	*(u64 *)(b.vm.mem + PDE(2)) = 0;
	b.vm.mem[IDT + 14 * 16 + 4] = 1; /* IST: the stack at hand is bad */
	*(u64 *)(b.vm.mem + TSS + 36) = 0x4000;
	r = trapped(&b, 14);
	EQ(r.rbx, 2);
	EQ(r.r9, AT - 8);
	EQ(rd64(&b.vm, 0x4000 - 16), AT); /* RSP has not moved */
}

static void pf_smep(void)
{
	struct kvm_sregs s;
	struct box b;

	if (!(cpuid_find(cpuid_supported(), 7, 0)->ebx & 1 << 7))
		SKIP("no SMEP");
	BOX(&b, IRQCHIP_NONE, LONG64, pf_exec);
	trap_all(&b);
	/* All else is the supervisor's. */
	for (int i = 0; i < 512; i++)
		*(u64 *)(b.vm.mem + PDE(i)) &= ~4ull;
	*(u64 *)(b.vm.mem + PDE(3)) = 0x200087;
	s = sregs_get(&b.cpu);
	s.cr4 |= 1 << 20;
	sregs_set(&b.cpu, s);
	EQ(trapped(&b, 14).rbx, 0x11);
}

static void pf_smap(void)
{
	struct kvm_sregs s;
	struct kvm_regs r;
	struct box b;

	if (!(cpuid_find(cpuid_supported(), 7, 0)->ebx & 1 << 20))
		SKIP("no SMAP");
	BOX(&b, IRQCHIP_NONE, LONG64, pf_read);
	trap_all(&b);
	for (int i = 0; i < 512; i++)
		*(u64 *)(b.vm.mem + PDE(i)) &= ~4ull;
	*(u64 *)(b.vm.mem + PDE(3)) = 0x200087;
	b.vm.mem[AT + 0x123 - 0x400000] = 0x66; /* mapped to 0x200123 */
	s = sregs_get(&b.cpu);
	s.cr4 |= 1 << 21;
	sregs_set(&b.cpu, s);
	EQ(trapped(&b, 14).rbx, 1);
	/* With AC set (STAC) it may. */
	mode_set(&b.cpu, LONG64, CODE);
	for (int i = 0; i < 512; i++)
		*(u64 *)(b.vm.mem + PDE(i)) &= ~4ull;
	*(u64 *)(b.vm.mem + PDE(3)) = 0x200087;
	sregs_set(&b.cpu, s);
	r = regs_get(&b.cpu);
	r.rip = CODE;
	r.rflags |= 1 << 18;
	regs_set(&b.cpu, r);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rax & 0xff, 0x66);
}

GUEST(pf_ad, 64, "mov 0x600000, %al\n out %al, $0x10\n movb $1, 0x600000\n hlt");

static void accessed_dirty(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, pf_ad);
	*(u64 *)(b.vm.mem + PDE(3)) = 0x200087;
	run_until(&b.cpu, KVM_EXIT_IO);
	EQ(rd64(&b.vm, PDE(3)) & 0x60, 0x20);
	EQ(rd64(&b.vm, PTS) & 0x20, 0x20);
	finish(&b.cpu);
	EQ(rd64(&b.vm, PDE(3)) & 0x60, 0x60);
}

GUEST(pf_remap, 64,
      "mov 0x600000, %al\n out %al, $0x10\n movl $0x87, 0xe018\n invlpg 0x600000\n"
      "mov 0x600000, %al\n out %al, $0x10\n mov $0x200087, %eax\n mov %eax, 0xe018\n"
      "mov %cr3, %rax\n mov %rax, %cr3\n mov 0x600000, %al\n out %al, $0x10\n hlt");

static void remap_flush(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, pf_remap);
	*(u64 *)(b.vm.mem + PDE(3)) = 0x200087;
	b.vm.mem[0x200000] = 0x20;
	b.vm.mem[0] = 0x10;
	expect_out(&b.cpu, 0x10, 1, 0x20);
	expect_out(&b.cpu, 0x10, 1, 0x10); /* INVLPG */
	expect_out(&b.cpu, 0x10, 1, 0x20); /* MOV CR3 */
	finish(&b.cpu);
}

GUEST(pf_32, 32, "mov 0xc00123, %eax\n hlt");
GUEST(pf_32_handler, 32, "pop %ebx\n mov %cr2, %ecx\n hlt");

static void pf_32bit(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, PAGED32, pf_32);
	LOAD(&b.vm, HANDLERS, pf_32_handler);
	idt_set(&b.vm, PAGED32, 14, HANDLERS);
	*(u32 *)(b.vm.mem + PTS + 3 * 4) = 0;
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rbx, 0);
	EQ(r.rcx, 0xc00123);
}

/* 4 KiB pages under the large ones: 0x600000 -> 0x21000, 0x601000 -> 0x20000. */
GUEST(pf_small, 64, "mov 0x600ffc, %rax\n hlt");

static void small_pages(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, pf_small);
	*(u64 *)(b.vm.mem + PDE(3)) = 0x100000 | 7;
	*(u64 *)(b.vm.mem + 0x100000) = 0x21000 | 7;
	*(u64 *)(b.vm.mem + 0x100008) = 0x20000 | 7;
	*(u32 *)(b.vm.mem + 0x21ffc) = 0x44332211;
	*(u32 *)(b.vm.mem + 0x20000) = 0x88776655;
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rax, 0x8877665544332211);
}

/* A store over two pages, the second of which faults, has stored nothing. */
GUEST(pf_cross, 64, "mov $-1, %rax\n mov %rax, 0x600ffc\n hlt");

static void pf_no_half_store(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, pf_cross);
	trap_all(&b);
	*(u64 *)(b.vm.mem + PDE(3)) = 0x100000 | 7;
	*(u64 *)(b.vm.mem + 0x100000) = 0x21000 | 7;
	r = trapped(&b, 14);
	EQ(r.r9, 0x601000);
	EQ(r.rbx, 2);
	EQ(rd32(&b.vm, 0x21ffc), 0);
}


static void double_fault(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, flt_ud);
	trap_all(&b);
	memset(b.vm.mem + IDT + 6 * 16, 0, 16);
	memset(b.vm.mem + IDT + 11 * 16, 0, 16); /* #UD's gate is absent: #NP; that one's too: #DF */
	memset(b.vm.mem + IDT + 13 * 16, 0, 16);
	EQ(trapped(&b, 8).rbx, 0);
}

GUEST(flt_umip, 64,
      "pushq $0x2b\n pushq $0x6000\n pushq $2\n pushq $0x33\n"
      "pushq $(1f - guest_flt_umip + 0x1000)\n iretq\n 1: sgdt 0x20000\n 2: jmp 2b");

static void umip(void)
{
	struct kvm_sregs s;
	struct box b;

	if (!(cpuid_find(cpuid_supported(), 7, 0)->ecx & 1 << 2))
		SKIP("no UMIP");
	BOX(&b, IRQCHIP_NONE, LONG64, flt_umip);
	trap_all(&b);
	s = sregs_get(&b.cpu);
	s.cr4 |= 1 << 11;
	sregs_set(&b.cpu, s);
	EQ(trapped(&b, 13).rbx, 0);
}

static const struct api_test rows[] = {
	{ "fault/de", divide_error, "at the instruction" },
	{ "fault/ud", undefined, "UD2, LOCK where it may not be" },
	{ "fault/gp", general_protection, "non-canonical, selectors, MSRs, CR4, alignment" },
	{ "fault/ss", stack_fault, "through RBP" },
	{ "fault/np", not_present, "with the selector" },
	{ "fault/bp", breakpoint, "past the instruction" },
	{ "fault/nm", device_not_available, "CR0.TS" },
	{ "fault/pf-not-present", pf_not_present, "read, write, fetch; CR2; no effect" },
	{ "fault/pf-protection", pf_protection, "WP, user, NX" },
	{ "fault/pf-reserved", pf_reserved, "RSVD" },
	{ "fault/pf-stack", pf_stack, "a PUSH that faults leaves RSP" },
	{ "fault/pf-smep", pf_smep, "no fetch from user pages" },
	{ "fault/pf-smap", pf_smap, "no access to user pages, but with AC" },
	{ "fault/pf-32", pf_32bit, "32-bit paging with large pages" },
	{ "fault/pf-half-store", pf_no_half_store, "a store that faults midway has stored nothing" },
	{ "fault/accessed-dirty", accessed_dirty, "A on reads, D on writes" },
	{ "fault/tlb-flush", remap_flush, "INVLPG and MOV CR3 take effect at once" },
	{ "fault/small-pages", small_pages, "an access over two pages that are not neighbours" },
	{ "fault/df", double_fault, "a fault while delivering one" },
	{ "fault/umip", umip, "SGDT in user mode is #GP" },
};

SUITE(fault_suite, rows);
