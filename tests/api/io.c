/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Port and memory-mapped I/O exits, of every size, direction and instruction form. */
#include "api.h"

GUEST(io_out, 16, "mov $0x44332211, %eax\n out %al, $0x10\n out %ax, $0x12\n out %eax, $0x14\n"
		  "mov $0x1234, %dx\n out %al, %dx\n out %ax, %dx\n out %eax, %dx\n hlt");

static void out_sizes(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, io_out);
	expect_out(&b.cpu, 0x10, 1, 0x11);
	expect_out(&b.cpu, 0x12, 2, 0x2211);
	expect_out(&b.cpu, 0x14, 4, 0x44332211);
	expect_out(&b.cpu, 0x1234, 1, 0x11);
	expect_out(&b.cpu, 0x1234, 2, 0x2211);
	expect_out(&b.cpu, 0x1234, 4, 0x44332211);
	finish(&b.cpu);
}

GUEST(io_in, 64, "mov $-1, %rax\n in $0x10, %al\n mov %rax, %rbx\n mov $-1, %rax\n"
		 "in $0x10, %ax\n mov %rax, %rcx\n mov $-1, %rax\n in $0x10, %eax\n hlt");

static void in_sizes(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, io_in);
	expect_in(&b.cpu, 0x10, 1, 0x12);
	expect_in(&b.cpu, 0x10, 2, 0x3456);
	expect_in(&b.cpu, 0x10, 4, 0x789abcde);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rbx, 0xffffffffffffff12);
	EQ(r.rcx, 0xffffffffffff3456);
	EQ(r.rax, 0x789abcde); /* 32 bits clear the rest */
}

static void in_flags_kept(void)
{
	struct box b;
	struct kvm_regs r;

	BOX(&b, IRQCHIP_NONE, LONG64, io_in);
	r = regs_get(&b.cpu);
	r.rflags = 0x8d7;
	regs_set(&b.cpu, r);
	expect_in(&b.cpu, 0x10, 1, 0);
	expect_in(&b.cpu, 0x10, 2, 0);
	expect_in(&b.cpu, 0x10, 4, 0);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rflags & 0x8d5, 0x8d5);
}

GUEST(io_outs, 16, "cld\n mov $0x2000, %ax\n mov %ax, %ds\n mov $0, %si\n mov $100, %cx\n"
		   "mov $0x10, %dx\n rep outsb\n hlt");

/* A string may come in pieces; the pieces make the string. */
static void outs_rep(void)
{
	struct kvm_run *run;
	struct box b;
	u32 n = 0;

	BOX(&b, IRQCHIP_NONE, REAL16, io_outs);
	for (int i = 0; i < 100; i++)
		b.vm.mem[DATA + i] = i * 3;
	run = b.cpu.run;
	while (n < 100) {
		run_until(&b.cpu, KVM_EXIT_IO);
		EQ(run->io.direction, KVM_EXIT_IO_OUT);
		EQ(run->io.port, 0x10);
		EQ(run->io.size, 1);
		CHECK(run->io.count >= 1 && n + run->io.count <= 100);
		for (u32 i = 0; i < run->io.count; i++)
			EQ(((u8 *)run)[run->io.data_offset + i], (u8)((n + i) * 3));
		n += run->io.count;
	}
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rsi, 100);
	EQ(regs_get(&b.cpu).rcx, 0);
}

GUEST(io_ins, 16, "cld\n mov $0x2000, %ax\n mov %ax, %es\n mov $4, %di\n mov $50, %cx\n"
		  "mov $0x12, %dx\n rep insw\n hlt");

static void ins_rep(void)
{
	struct kvm_run *run;
	struct box b;
	u32 n = 0;

	BOX(&b, IRQCHIP_NONE, REAL16, io_ins);
	run = b.cpu.run;
	while (n < 50) {
		run_until(&b.cpu, KVM_EXIT_IO);
		EQ(run->io.direction, KVM_EXIT_IO_IN);
		EQ(run->io.size, 2);
		CHECK(run->io.count >= 1 && n + run->io.count <= 50);
		for (u32 i = 0; i < run->io.count; i++, n++)
			((u16 *)((u8 *)run + run->io.data_offset))[i] = 0x1000 + n;
	}
	finish(&b.cpu);
	for (int i = 0; i < 50; i++)
		EQ(rd16(&b.vm, DATA + 4 + i * 2), 0x1000 + i);
	EQ(regs_get(&b.cpu).rdi, 104);
}

GUEST(io_insdown, 16, "std\n mov $0x2000, %ax\n mov %ax, %es\n mov $20, %di\n mov $4, %cx\n"
		      "mov $0x10, %dx\n rep insb\n hlt");

static void ins_down(void)
{
	struct kvm_run *run;
	struct box b;
	u32 n = 0;

	BOX(&b, IRQCHIP_NONE, REAL16, io_insdown);
	run = b.cpu.run;
	while (n < 4) {
		run_until(&b.cpu, KVM_EXIT_IO);
		for (u32 i = 0; i < run->io.count; i++, n++)
			((u8 *)run)[run->io.data_offset + i] = 0xa0 + n;
	}
	finish(&b.cpu);
	EQ(b.vm.mem[DATA + 20], 0xa0);
	EQ(b.vm.mem[DATA + 17], 0xa3);
	EQ(regs_get(&b.cpu).rdi, 16);
}

GUEST(io_zero, 16, "xor %cx, %cx\n mov $0x10, %dx\n rep outsb\n rep insb\n hlt");

static void rep_zero(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, io_zero);
	finish(&b.cpu);
}

/* --- MMIO ------------------------------------------------------------------------------------- */

static void expect_write(struct vcpu *c, u64 gpa, u32 len, u64 value)
{
	u64 got = 0;

	run_until(c, KVM_EXIT_MMIO);
	EQ(c->run->mmio.is_write, 1);
	EQ(c->run->mmio.phys_addr, gpa);
	EQ(c->run->mmio.len, len);
	memcpy(&got, c->run->mmio.data, len);
	EQ(got, value);
}

static void expect_read(struct vcpu *c, u64 gpa, u32 len, u64 answer)
{
	run_until(c, KVM_EXIT_MMIO);
	EQ(c->run->mmio.is_write, 0);
	EQ(c->run->mmio.phys_addr, gpa);
	EQ(c->run->mmio.len, len);
	memcpy(c->run->mmio.data, &answer, 8);
}

GUEST(mmio_write, 64, "mov $0x10000000, %rdi\n mov $0x1122334455667788, %rax\n mov %al, (%rdi)\n"
		      "mov %ax, 8(%rdi)\n mov %eax, 16(%rdi)\n mov %rax, 24(%rdi)\n"
		      "movb $0x5a, 1(%rdi)\n movl $0x12345678, 4(%rdi)\n hlt");

static void mmio_writes(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_write);
	expect_write(&b.cpu, HOLE, 1, 0x88);
	expect_write(&b.cpu, HOLE + 8, 2, 0x7788);
	expect_write(&b.cpu, HOLE + 16, 4, 0x55667788);
	expect_write(&b.cpu, HOLE + 24, 8, 0x1122334455667788);
	expect_write(&b.cpu, HOLE + 1, 1, 0x5a);
	expect_write(&b.cpu, HOLE + 4, 4, 0x12345678);
	finish(&b.cpu);
}

GUEST(mmio_read, 64, "mov $0x10000000, %rdi\n mov $-1, %rax\n mov %rax, %rbx\n mov %rax, %rcx\n"
		     "mov (%rdi), %al\n mov (%rdi), %bx\n mov (%rdi), %ecx\n mov (%rdi), %rdx\n"
		     "movzbl (%rdi), %esi\n movswq (%rdi), %r8\n hlt");

static void mmio_reads(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_read);
	expect_read(&b.cpu, HOLE, 1, 0x11);
	expect_read(&b.cpu, HOLE, 2, 0x2222);
	expect_read(&b.cpu, HOLE, 4, 0x33333333);
	expect_read(&b.cpu, HOLE, 8, 0x4444444444444444);
	expect_read(&b.cpu, HOLE, 1, 0xff);
	expect_read(&b.cpu, HOLE, 2, 0x8001);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rax, 0xffffffffffffff11);
	EQ(r.rbx, 0xffffffffffff2222);
	EQ(r.rcx, 0x33333333);
	EQ(r.rdx, 0x4444444444444444);
	EQ(r.rsi, 0xff);
	EQ(r.r8, 0xffffffffffff8001);
}

GUEST(mmio_rmw, 64, "mov $0x10000000, %rdi\n addl $5, (%rdi)\n setc %al\n orb $0x80, 3(%rdi)\n"
		    "mov $7, %ebx\n xchg %ebx, (%rdi)\n lock incw (%rdi)\n btsl $4, (%rdi)\n hlt");

static void mmio_read_modify_write(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_rmw);
	expect_read(&b.cpu, HOLE, 4, 0xfffffffe);
	expect_write(&b.cpu, HOLE, 4, 3);
	expect_read(&b.cpu, HOLE + 3, 1, 1);
	expect_write(&b.cpu, HOLE + 3, 1, 0x81);
	expect_read(&b.cpu, HOLE, 4, 0x1234);
	expect_write(&b.cpu, HOLE, 4, 7);
	expect_read(&b.cpu, HOLE, 2, 0xffff);
	expect_write(&b.cpu, HOLE, 2, 0);
	expect_read(&b.cpu, HOLE, 4, 0);
	expect_write(&b.cpu, HOLE, 4, 0x10);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rax & 0xff, 1);
	EQ(r.rbx, 0x1234);
}

GUEST(mmio_cmp, 64, "mov $0x10000000, %rdi\n cmpl $0x55, (%rdi)\n sete %al\n testb $1, (%rdi)\n"
		    "setnz %bl\n hlt");

static void mmio_compare(void)
{
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_cmp);
	expect_read(&b.cpu, HOLE, 4, 0x55);
	expect_read(&b.cpu, HOLE, 1, 1);
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rax & 0xff, 1);
	EQ(r.rbx & 0xff, 1);
}

GUEST(mmio_movs, 64, "cld\n mov $0x10000000, %rsi\n mov $0x20000, %rdi\n mov $3, %ecx\n"
		     "rep movsl\n mov $0x20000, %rsi\n mov $0x10000100, %rdi\n mov $2, %ecx\n"
		     "rep movsb\n mov $0x10000200, %rdi\n mov $0x77, %al\n mov $2, %ecx\n"
		     "rep stosb\n hlt");

static void mmio_strings(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_movs);
	expect_read(&b.cpu, HOLE, 4, 0x04030201);
	expect_read(&b.cpu, HOLE + 4, 4, 0x14131211);
	expect_read(&b.cpu, HOLE + 8, 4, 0x24232221);
	expect_write(&b.cpu, HOLE + 0x100, 1, 1);
	expect_write(&b.cpu, HOLE + 0x101, 1, 2);
	expect_write(&b.cpu, HOLE + 0x200, 1, 0x77);
	expect_write(&b.cpu, HOLE + 0x201, 1, 0x77);
	finish(&b.cpu);
	EQ(rd64(&b.vm, DATA), 0x1413121104030201);
	EQ(regs_get(&b.cpu).rcx, 0);
}

GUEST(mmio_sse, 64, "mov $0x10000000, %rdi\n movups (%rdi), %xmm0\n movups %xmm0, 0x20(%rdi)\n hlt");

static void mmio_sse_moves(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_sse);
	expect_read(&b.cpu, HOLE, 8, 0x1111111122222222);
	expect_read(&b.cpu, HOLE + 8, 8, 0x3333333344444444);
	expect_write(&b.cpu, HOLE + 0x20, 8, 0x1111111122222222);
	expect_write(&b.cpu, HOLE + 0x28, 8, 0x3333333344444444);
	finish(&b.cpu);
}

GUEST(mmio_push, 64, "mov $0x10000000, %rdi\n pushq (%rdi)\n popq 8(%rdi)\n hlt");

static void mmio_push_pop(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_push);
	expect_read(&b.cpu, HOLE, 8, 0xabcdef);
	expect_write(&b.cpu, HOLE + 8, 8, 0xabcdef);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rsp, STACK);
}

/* The last two bytes of RAM and the first two of the hole. */
GUEST(mmio_straddle, 64, "mov $0x3ffffe, %rdi\n movl $0x44332211, (%rdi)\n mov (%rdi), %eax\n hlt");

static void mmio_straddles_ram(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_straddle);
	expect_write(&b.cpu, RAM, 2, 0x4433);
	EQ(rd16(&b.vm, RAM - 2), 0x2211);
	expect_read(&b.cpu, RAM, 2, 0x8877);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rax, 0x88772211);
}

GUEST(mmio_real, 16, "mov $0xf000, %ax\n mov %ax, %ds\n mov $0x4321, %ax\n mov %ax, (0x10)\n"
		     "mov (0x12), %bx\n hlt");

static void mmio_real_mode(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, mmio_real);
	OK(memslot(&b.vm, 0, 0, 0, 0, NULL));
	OK(memslot(&b.vm, 0, 0, 0, 0x80000, b.vm.mem));
	expect_write(&b.cpu, 0xf0010, 2, 0x4321);
	expect_read(&b.cpu, 0xf0012, 2, 0x1111);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rbx, 0x1111);
}

GUEST(mmio_call, 64, "mov $0x10000000, %rdi\n call *(%rdi)\n hlt\n"
		  ".fill 0x100 - (. - guest_mmio_call), 1, 0x90\n nop\n hlt");

static void mmio_indirect_call(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, mmio_call);
	expect_read(&b.cpu, HOLE, 8, CODE + 0x100);
	finish(&b.cpu);
	EQ(regs_get(&b.cpu).rip, CODE + 0x102);
}

/* --- Coalesced I/O ---------------------------------------------------------------------------- */

GUEST(io_coalesced, 64, "mov $0x10000000, %rdi\n mov $1, %eax\n mov %eax, (%rdi)\n mov $2, %eax\n"
			"mov %al, 4(%rdi)\n mov %eax, 0x1000(%rdi)\n hlt");

static void coalesced_mmio(void)
{
	struct kvm_coalesced_mmio_zone z = { .addr = HOLE, .size = 0x100 };
	struct kvm_coalesced_mmio_ring *ring;
	struct box b;
	int page;

	BOX(&b, IRQCHIP_NONE, LONG64, io_coalesced);
	page = kvm_cap(KVM_CAP_COALESCED_MMIO);
	if (!page)
		SKIP("KVM_CAP_COALESCED_MMIO is not offered");
	ring = (void *)((u8 *)b.cpu.run + page * PAGE);
	OK(ioctl(b.vm.fd, KVM_REGISTER_COALESCED_MMIO, &z));
	expect_write(&b.cpu, HOLE + 0x1000, 4, 2); /* outside the zone */
	finish(&b.cpu);
	EQ(ring->first, 0);
	EQ(ring->last, 2);
	EQ(ring->coalesced_mmio[0].phys_addr, HOLE);
	EQ(ring->coalesced_mmio[0].len, 4);
	EQ(ring->coalesced_mmio[0].data[0], 1);
	EQ(ring->coalesced_mmio[1].phys_addr, HOLE + 4);
	EQ(ring->coalesced_mmio[1].len, 1);
	EQ(ring->coalesced_mmio[1].data[0], 2);
	OK(ioctl(b.vm.fd, KVM_UNREGISTER_COALESCED_MMIO, &z));
	mode_set(&b.cpu, LONG64, CODE);
	expect_write(&b.cpu, HOLE, 4, 1);
}

GUEST(io_coalesced_sse, 64,
      "mov $0x10000000, %rdi\n mov $1, %eax\n movd %eax, %xmm0\n movups %xmm0, (%rdi)\n"
      "mov $2, %eax\n movd %eax, %xmm0\n movups %xmm0, 16(%rdi)\n movd %xmm0, %eax\n hlt");

/* Between two writes that need no exit the guest goes on, and its registers change. */
static void coalesced_sse(void)
{
	struct kvm_coalesced_mmio_zone z = { .addr = HOLE, .size = 0x100 };
	struct kvm_coalesced_mmio_ring *ring;
	struct box b;

	BOX(&b, IRQCHIP_NONE, LONG64, io_coalesced_sse);
	if (!kvm_cap(KVM_CAP_COALESCED_MMIO))
		SKIP("KVM_CAP_COALESCED_MMIO is not offered");
	ring = (void *)((u8 *)b.cpu.run + kvm_cap(KVM_CAP_COALESCED_MMIO) * PAGE);
	OK(ioctl(b.vm.fd, KVM_REGISTER_COALESCED_MMIO, &z));
	finish(&b.cpu);
	EQ(ring->last, 4); /* each of 8 bytes */
	EQ(ring->coalesced_mmio[0].data[0], 1);
	EQ(ring->coalesced_mmio[2].phys_addr, HOLE + 16);
	EQ(ring->coalesced_mmio[2].data[0], 2);
	EQ(regs_get(&b.cpu).rax, 2);
}

GUEST(io_coalesced_many, 64, "mov $0x10000000, %rdi\n 1: mov %eax, (%rdi)\n inc %eax\n jmp 1b");

static void coalesced_full(void)
{
	struct kvm_coalesced_mmio_zone z = { .addr = HOLE, .size = 0x100 };
	struct kvm_coalesced_mmio_ring *ring;
	struct box b;
	u32 max = (PAGE - sizeof(*ring)) / sizeof(struct kvm_coalesced_mmio);

	BOX(&b, IRQCHIP_NONE, LONG64, io_coalesced_many);
	if (!kvm_cap(KVM_CAP_COALESCED_MMIO))
		SKIP("KVM_CAP_COALESCED_MMIO is not offered");
	ring = (void *)((u8 *)b.cpu.run + kvm_cap(KVM_CAP_COALESCED_MMIO) * PAGE);
	OK(ioctl(b.vm.fd, KVM_REGISTER_COALESCED_MMIO, &z));
	run_until(&b.cpu, KVM_EXIT_MMIO); /* a full ring is an ordinary exit */
	EQ(b.cpu.run->mmio.phys_addr, HOLE);
	CHECK(ring->last > 16 && ring->last < max); /* older kernels stop short of a full ring */
	for (u32 i = ring->first, v = 0; i != ring->last; i = (i + 1) % max, v++)
		EQ(*(u32 *)ring->coalesced_mmio[i].data, v);
}

static void coalesced_pio(void)
{
	struct kvm_coalesced_mmio_zone z = { .addr = 0x10, .size = 1, .pio = 1 };
	struct kvm_coalesced_mmio_ring *ring;
	struct box b;

	NEED(KVM_CAP_COALESCED_PIO);
	BOX(&b, IRQCHIP_NONE, REAL16, io_out);
	ring = (void *)((u8 *)b.cpu.run + kvm_cap(KVM_CAP_COALESCED_MMIO) * PAGE);
	OK(ioctl(b.vm.fd, KVM_REGISTER_COALESCED_MMIO, &z));
	expect_out(&b.cpu, 0x12, 2, 0x2211);
	EQ(ring->last, 1);
	EQ(ring->coalesced_mmio[0].phys_addr, 0x10);
	EQ(ring->coalesced_mmio[0].pio, 1);
	EQ(ring->coalesced_mmio[0].len, 1);
	z.pio = 2;
	REFUSED(ioctl(b.vm.fd, KVM_REGISTER_COALESCED_MMIO, &z), EINVAL);
}

static const struct api_test rows[] = {
	{ "io/out", out_sizes, "1, 2, 4 bytes, immediate and DX" },
	{ "io/in", in_sizes, "1, 2, 4 bytes; what the rest of RAX becomes" },
	{ "io/in-flags", in_flags_kept, "flags stay" },
	{ "io/rep-outs", outs_rep, "a string out" },
	{ "io/rep-ins", ins_rep, "a string in" },
	{ "io/rep-ins-down", ins_down, "with DF set" },
	{ "io/rep-zero", rep_zero, "a count of 0 does nothing" },
	{ "io/mmio-write", mmio_writes, "1, 2, 4, 8 bytes" },
	{ "io/mmio-read", mmio_reads, "1, 2, 4, 8 bytes, sign and zero extension" },
	{ "io/mmio-rmw", mmio_read_modify_write, "a read exit, then a write exit" },
	{ "io/mmio-compare", mmio_compare, "flags from a device's value" },
	{ "io/mmio-strings", mmio_strings, "REP MOVS and STOS from and to a device" },
	{ "io/mmio-sse", mmio_sse_moves, "16 bytes are two exits of 8" },
	{ "io/mmio-push-pop", mmio_push_pop, "PUSH and POP with a device operand" },
	{ "io/mmio-straddle", mmio_straddles_ram, "half RAM, half device" },
	{ "io/mmio-real", mmio_real_mode, "in real mode" },
	{ "io/mmio-call", mmio_indirect_call, "a jump target read from a device" },
	{ "io/coalesced", coalesced_mmio, "writes go to the ring without an exit" },
	{ "io/coalesced-sse", coalesced_sse, "so do a vector register's, each as it is then" },
	{ "io/coalesced-full", coalesced_full, "a full ring exits" },
	{ "io/coalesced-pio", coalesced_pio, "ports too" },
};

SUITE(io_suite, rows);
