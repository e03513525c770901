/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory slots: what is accepted, what is refused, and what the guest then sees. */
#include "api.h"

static void slot_create_delete(void)
{
	struct vm vm;
	void *m = pages(4 * PAGE);

	vm_bare(&vm);
	OK(memslot(&vm, 0, 0, 0, 4 * PAGE, m));
	OK(memslot(&vm, 0, 0, 0, 4 * PAGE, m)); /* no change is no error */
	OK(memslot(&vm, 0, 0, 0, 0, NULL));
	REFUSED(memslot(&vm, 0, 0, 0, 0, NULL), EINVAL);
	OK(memslot(&vm, 0, 0, 0x100000, 4 * PAGE, m));
}

static void slot_misaligned(void)
{
	struct vm vm;
	u8 *m = pages(4 * PAGE);

	vm_bare(&vm);
	REFUSED(memslot(&vm, 0, 0, 0, PAGE + 1, m), EINVAL);
	REFUSED(memslot(&vm, 0, 0, 0x800, PAGE, m), EINVAL);
	REFUSED(memslot(&vm, 0, 0, 0, PAGE, m + 1), EINVAL);
}

static void slot_bad_flags(void)
{
	struct vm vm;
	void *m = pages(PAGE);

	vm_bare(&vm);
	REFUSED(memslot(&vm, 0, 0x80, 0, PAGE, m), EINVAL);
	REFUSED(memslot(&vm, 0, 0x80000000, 0, PAGE, m), EINVAL);
}

static void slot_bad_id(void)
{
	struct vm vm;
	void *m = pages(PAGE);
	int n;

	vm_bare(&vm);
	n = kvm_cap_vm(&vm, KVM_CAP_NR_MEMSLOTS);
	REFUSED(memslot(&vm, n, 0, 0, PAGE, m), EINVAL);
	OK(memslot(&vm, n - 1, 0, 0, PAGE, m));
	n = kvm_cap_vm(&vm, KVM_CAP_MULTI_ADDRESS_SPACE);
	REFUSED(memslot(&vm, (n ? n : 1) << 16, 0, 0x10000, PAGE, m), EINVAL);
}

static void slot_overlap(void)
{
	struct vm vm;
	void *m = pages(8 * PAGE);

	vm_bare(&vm);
	OK(memslot(&vm, 0, 0, 0x10000, 4 * PAGE, m));
	REFUSED(memslot(&vm, 1, 0, 0x13000, PAGE, m), EEXIST);
	REFUSED(memslot(&vm, 1, 0, 0xf000, 2 * PAGE, m), EEXIST);
	REFUSED(memslot(&vm, 1, 0, 0x8000, 0x20000, pages(0x20000)), EEXIST);
	OK(memslot(&vm, 1, 0, 0x14000, PAGE, m));
	OK(memslot(&vm, 2, 0, 0xf000, PAGE, m));
}

static void slot_wraps(void)
{
	struct vm vm;
	void *m = pages(2 * PAGE);

	vm_bare(&vm);
	REFUSED(memslot(&vm, 0, 0, -PAGE, 2 * PAGE, m), EINVAL);
	REFUSED(memslot(&vm, 0, 0, 0, PAGE, (void *)(1ul << 63)), EINVAL);
}

static void slot_immutable(void)
{
	struct vm vm;
	u8 *m = pages(8 * PAGE);

	vm_bare(&vm);
	OK(memslot(&vm, 0, 0, 0, 4 * PAGE, m));
	REFUSED(memslot(&vm, 0, 0, 0, 2 * PAGE, m), EINVAL);
	REFUSED(memslot(&vm, 0, 0, 0, 4 * PAGE, m + PAGE), EINVAL);
	REFUSED(memslot(&vm, 0, KVM_MEM_READONLY, 0, 4 * PAGE, m), EINVAL);
	OK(memslot(&vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, 4 * PAGE, m));
	OK(memslot(&vm, 0, 0, 0, 4 * PAGE, m));
}

static void slot_many(void)
{
	struct vm vm;
	u8 *m = pages(512 * PAGE);

	vm_bare(&vm);
	for (u32 i = 0; i < 512; i++)
		OK(memslot(&vm, i, 0, 0x100000 + 2 * PAGE * i, PAGE, m + PAGE * i));
	for (u32 i = 0; i < 512; i += 2)
		OK(memslot(&vm, i, 0, 0, 0, NULL));
	for (u32 i = 0; i < 512; i += 2)
		OK(memslot(&vm, i, 0, 0x100000 + 2 * PAGE * i, PAGE, m + PAGE * i));
}

/* Byte at 0x3000:0 to the port, for as long as the host wants. */
GUEST(mem_peek, 16, "mov $0x3000, %ax\n mov %ax, %ds\n"
		    "1: mov (0), %al\n out %al, $0x10\n jmp 1b");

static void slot_moves(void)
{
	struct box b;
	u8 *m = pages(PAGE);

	BOX(&b, IRQCHIP_NONE, REAL16, mem_peek);
	OK(memslot(&b.vm, 0, 0, 0, 0, NULL));
	OK(memslot(&b.vm, 0, 0, 0, 0x20000, b.vm.mem));
	OK(memslot(&b.vm, 1, 0, 0x30000, PAGE, m));
	m[0] = 0x5a;
	expect_out(&b.cpu, 0x10, 1, 0x5a);
	OK(memslot(&b.vm, 1, 0, 0x40000, PAGE, m));
	run_until(&b.cpu, KVM_EXIT_MMIO);
	EQ(b.cpu.run->mmio.phys_addr, 0x30000);
	b.cpu.run->mmio.data[0] = 0x77;
	expect_out(&b.cpu, 0x10, 1, 0x77);
	OK(memslot(&b.vm, 1, 0, 0x30000, PAGE, m));
	expect_out(&b.cpu, 0x10, 1, 0x5a);
}

static void slot_replaced(void)
{
	struct box b;
	u8 *m1 = pages(PAGE), *m2 = pages(PAGE);

	BOX(&b, IRQCHIP_NONE, REAL16, mem_peek);
	OK(memslot(&b.vm, 0, 0, 0, 0, NULL));
	OK(memslot(&b.vm, 0, 0, 0, 0x20000, b.vm.mem));
	m1[0] = 1;
	m2[0] = 2;
	OK(memslot(&b.vm, 1, 0, 0x30000, PAGE, m1));
	for (int i = 0; i < 20; i++) {
		expect_out(&b.cpu, 0x10, 1, i % 2 ? 2 : 1);
		OK(memslot(&b.vm, 1, 0, 0x30000, 0, NULL));
		OK(memslot(&b.vm, 1, 0, 0x30000, PAGE, i % 2 ? m1 : m2));
	}
}

static void host_remaps(void)
{
	struct box b;
	u8 *at;

	BOX(&b, IRQCHIP_NONE, REAL16, mem_peek);
	at = b.vm.mem + 0x30000;
	*at = 1;
	expect_out(&b.cpu, 0x10, 1, 1);
	OK(madvise(at, PAGE, MADV_DONTNEED));
	expect_out(&b.cpu, 0x10, 1, 0);
	*at = 3;
	expect_out(&b.cpu, 0x10, 1, 3);
	CHECK(mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == at);
	*at = 9;
	expect_out(&b.cpu, 0x10, 1, 9);
}

GUEST(mem_poke, 16, "mov $0x3000, %ax\n mov %ax, %ds\n"
		    "movb $0x42, (5)\n mov (5), %al\n out %al, $0x10\n hlt");

static void slot_readonly(void)
{
	struct box b;
	u8 *m = pages(PAGE);

	NEED(KVM_CAP_READONLY_MEM);
	BOX(&b, IRQCHIP_NONE, REAL16, mem_poke);
	OK(memslot(&b.vm, 0, 0, 0, 0, NULL));
	OK(memslot(&b.vm, 0, 0, 0, 0x20000, b.vm.mem));
	OK(memslot(&b.vm, 1, KVM_MEM_READONLY, 0x30000, PAGE, m));
	m[5] = 0x11;
	run_until(&b.cpu, KVM_EXIT_MMIO);
	EQ(b.cpu.run->mmio.is_write, 1);
	EQ(b.cpu.run->mmio.phys_addr, 0x30005);
	EQ(b.cpu.run->mmio.len, 1);
	EQ(b.cpu.run->mmio.data[0], 0x42);
	expect_out(&b.cpu, 0x10, 1, 0x11); /* a read needs no exit */
	finish(&b.cpu);
	EQ(m[5], 0x11);
}

static void slot_readonly_host_memory(void)
{
	struct box b;
	u8 *m = pages(PAGE);

	NEED(KVM_CAP_READONLY_MEM);
	BOX(&b, IRQCHIP_NONE, REAL16, mem_peek);
	OK(memslot(&b.vm, 0, 0, 0, 0, NULL));
	OK(memslot(&b.vm, 0, 0, 0, 0x20000, b.vm.mem));
	m[0] = 0x33;
	OK(mprotect(m, PAGE, PROT_READ));
	OK(memslot(&b.vm, 1, KVM_MEM_READONLY, 0x30000, PAGE, m));
	expect_out(&b.cpu, 0x10, 1, 0x33);
}

/* 32-bit code across a slot boundary: both slots' bytes make one instruction and one operand. */
GUEST(mem_cross, 32, "mov 0x30ffe, %eax\n out %eax, $0x10\n movl $0x44332211, 0x30ffe\n hlt");

static void slot_boundary(void)
{
	struct box b;
	u8 *m1 = pages(PAGE), *m2 = pages(PAGE);

	BOX(&b, IRQCHIP_NONE, FLAT32, mem_cross);
	OK(memslot(&b.vm, 0, 0, 0, 0, NULL));
	OK(memslot(&b.vm, 0, 0, 0, 0x20000, b.vm.mem));
	OK(memslot(&b.vm, 1, 0, 0x30000, PAGE, m1));
	OK(memslot(&b.vm, 2, 0, 0x31000, PAGE, m2));
	m1[4094] = 0xaa;
	m1[4095] = 0xbb;
	m2[0] = 0xcc;
	m2[1] = 0xdd;
	expect_out(&b.cpu, 0x10, 4, 0xddccbbaa);
	finish(&b.cpu);
	EQ(m1[4094], 0x11);
	EQ(m1[4095], 0x22);
	EQ(m2[0], 0x33);
	EQ(m2[1], 0x44);
}

static void memory_aliased(void)
{
	struct box b;

	BOX(&b, IRQCHIP_NONE, REAL16, mem_peek);
	OK(memslot(&b.vm, 0, 0, 0, 0, NULL));
	OK(memslot(&b.vm, 0, 0, 0, 0x30000, b.vm.mem));
	OK(memslot(&b.vm, 1, 0, 0x30000, PAGE, b.vm.mem + 0x2000)); /* the same page twice */
	b.vm.mem[0x2000] = 0x21;
	expect_out(&b.cpu, 0x10, 1, 0x21);
	b.vm.mem[0x2000] = 0x22;
	expect_out(&b.cpu, 0x10, 1, 0x22);
}

static const struct api_test rows[] = {
	{ "mem/create-delete", slot_create_delete, "a slot comes, goes, comes elsewhere" },
	{ "mem/misaligned", slot_misaligned, "size and both addresses are whole pages" },
	{ "mem/bad-flags", slot_bad_flags, "unknown flags are EINVAL" },
	{ "mem/bad-id", slot_bad_id, "ids end at KVM_CAP_NR_MEMSLOTS" },
	{ "mem/overlap", slot_overlap, "EEXIST, and nothing is changed" },
	{ "mem/wraps", slot_wraps, "ranges past the end of either address space are EINVAL" },
	{ "mem/immutable", slot_immutable, "size, host address and read-only do not change" },
	{ "mem/many", slot_many, "512 slots" },
	{ "mem/move", slot_moves, "the guest sees a move at once" },
	{ "mem/replace", slot_replaced, "the guest sees the new memory at once" },
	{ "mem/host-remaps", host_remaps, "madvise and mmap under the guest are seen" },
	{ "mem/readonly", slot_readonly, "reads are memory, writes are MMIO exits" },
	{ "mem/readonly-host", slot_readonly_host_memory, "the host's pages may be read-only too" },
	{ "mem/boundary", slot_boundary, "an access may lie across two slots" },
	{ "mem/alias", memory_aliased, "one host page in two slots" },
};

SUITE(mem_suite, rows);
