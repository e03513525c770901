/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects and their ends, memory slots, dirty pages. */
#include "core_env.h"

static void halt_poll(void)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_HALT_POLL, .args = { 1ull << 32 } };
	struct vcpu *v;
	int vm, cpu;

	begin();
	vm = open_vm();
	cpu = ioc(vm, KVM_CREATE_VCPU, 0);
	v = test_file_obj(cpu, NULL);
	EQ(core_halt_poll_ns(v, 5000), 5000, "the home's limit of halt polling");
	EQ(ioc(vm, KVM_ENABLE_CAP, &c), -EINVAL, "32 bits of nanoseconds");
	c.args[0] = 0;
	EQ(ioc(vm, KVM_ENABLE_CAP, &c), 0, "never");
	EQ(core_halt_poll_ns(v, 5000), 0, "is the VM's own");
	test_close(cpu);
	test_close(vm);
	end("halt polling");
}

void test_life(void)
{
	int sys, vm, c0, c1, st;
	struct kvm_regs r;

	begin();
	sys = core_create_system();
	EQ(ioc(sys, KVM_GET_API_VERSION, 0), 12, "API version");
	EQ(ioc(sys, KVM_CREATE_VM, 7), -EINVAL, "no machine types");
	EQ(ioc(sys, 0xaeff, 0), -EINVAL, "an unknown number on the system");
	vm = ioc(sys, KVM_CREATE_VM, 0);
	EQ(ioc(vm, 0xaeff, 0), -ENOTTY, "an unknown number on a VM");
	EQ(ioc(vm, KVM_GET_REGS, &r), -ENOTTY, "a vCPU's ioctl on a VM");
	c0 = ioc(vm, KVM_CREATE_VCPU, 0);
	c1 = ioc(vm, KVM_CREATE_VCPU, 5);
	OK(c0 >= 0 && c1 >= 0, "two vCPUs");
	EQ(ioc(vm, KVM_CREATE_VCPU, 5), -EEXIST, "an id is given once");
	EQ(ioc(vm, KVM_CREATE_VCPU, 1 << 20), -EINVAL, "an id too large");
	EQ(ioc(vm, KVM_SET_BOOT_CPU_ID, 1), -EBUSY, "the boot CPU is fixed by now");
	st = ioc(c1, KVM_GET_STATS_FD, 0);
	test_close(sys);
	test_close(vm);
	EQ(ioc(c1, KVM_GET_REGS, &r), 0, "a vCPU outlives its VM's file");
	test_close(c0);
	test_close(c1);
	OK(st >= 0 && test_files_open() == 1, "and its statistics outlive it");
	test_close(st);
	end("all objects end");
	halt_poll();
}

static int region(int vm, u32 slot, u64 gpa, u64 size, u64 uaddr, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = uaddr,
	};

	return ioc(vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static void memory_rules(int vm)
{
	u64 u = (u64)ram;

	EQ(region(vm, 0, 0, 0x4000, u, 0), 0, "a slot");
	EQ(region(vm, 1, 0x3000, 0x1000, u, 0), -EEXIST, "overlap at the end");
	EQ(region(vm, 1, 0x4000, 0x1000, u, 0), 0, "right behind");
	EQ(region(vm, 2, 0x8000, 0x1001, u, 0), -EINVAL, "size not of pages");
	EQ(region(vm, 2, 0x8001, 0x1000, u, 0), -EINVAL, "address not of a page");
	EQ(region(vm, 2, 0x8000, 0x1000, u + 1, 0), -EINVAL, "memory not of a page");
	EQ(region(vm, 2, 0x8000, 0x1000, u, 8), -EINVAL, "unknown flag");
	EQ(region(vm, VM_MAX_SLOTS, 0x8000, 0x1000, u, 0), -EINVAL, "no such slot");
	EQ(region(vm, 1 << 16, 0x8000, 0x1000, u, 0), -EINVAL, "no such address space");
	EQ(region(vm, 2, ~0xfffull, 0x2000, u, 0), -EINVAL, "past the end of addresses");
	EQ(region(vm, 2, 1ull << 52, 0x1000, u, 0), -EINVAL, "past any CPU's width");
	EQ(region(vm, 2, 0x8000, 0x1000, 1ull << 63, 0), -EINVAL, "not a program's memory");
	EQ(region(vm, 2, 0x8000, 0, u, 0), -EINVAL, "delete what is not there");
	EQ(region(vm, 0, 0, 0x5000, u, 0), -EINVAL, "a slot does not grow");
	EQ(region(vm, 0, 0, 0x4000, u + 0x1000, 0), -EINVAL, "nor change its memory");
	EQ(region(vm, 0, 0, 0x4000, u, KVM_MEM_READONLY), -EINVAL, "nor become read-only");
	EQ(region(vm, 0, 0, 0x4000, u, KVM_MEM_LOG_DIRTY_PAGES), 0, "flags change");
	EQ(region(vm, 0, 0x10000, 0x4000, u, 0), 0, "a slot moves");
	EQ(region(vm, 0, 0x2000, 0x4000, u, 0), -EEXIST, "not onto another");
	EQ(region(vm, 1, 0x4000, 0, u, 0), 0, "delete");
}

void test_memory(void)
{
	struct vm *v;
	int vm, i, bad = 0;
	u32 val = 0;

	begin();
	vm = open_vm();
	v = test_file_obj(vm, NULL);
	memory_rules(vm);
	OK(!vm_slot(v, 0) && vm_slot(v, 0x10) && vm_slot(v, 0x13) && !vm_slot(v, 0x14),
	   "look-up by frame");
	EQ(region(vm, 1, 0x20000, 0x1000, (u64)ram + 0x1000, KVM_MEM_READONLY), 0, "read-only");
	EQ(vm_write(v, NULL, 0x10ffe, "abcd", 4), 0, "write across two pages");
	EQ(vm_read(v, 0x20000, &val, 2), 0, "read through another slot");
	EQ(val, 'c' | 'd' << 8, "the same memory");
	EQ(vm_write(v, NULL, 0x20000, "x", 1), -EFAULT, "read-only is");
	EQ(vm_read(v, 0x30000, &val, 4), -EFAULT, "nothing there");
	engine_writes = 0;
	vm_code_written(v, (u64)ram + 0x1234);
	EQ(engine_writes, 2, "memory in two slots is two addresses");
	for (i = 2; i < VM_MAX_SLOTS; i++)
		bad += region(vm, i, 0x100000 + (u64)((i * 37) % 512) * 0x2000, 0x1000, (u64)ram,
			      0) != 0;
	EQ(bad, 0, "512 slots");
	for (i = 2; i < VM_MAX_SLOTS; i++) {
		struct memslot *s = vm_slot(v, 0x100 + ((i * 37) % 512) * 2);

		bad += !s || s->id != i;
	}
	EQ(bad, 0, "each is found");
	test_close(vm);
	end("slots end");
}

static u64 dirty_word(int vm, u32 slot)
{
	u64 map[RAM_SIZE / 4096 / 64] = { 0 };
	struct kvm_dirty_log l = { .slot = slot, .dirty_bitmap = map };

	return ioc(vm, KVM_GET_DIRTY_LOG, &l) ? ~0ull : map[0];
}

static void dirty_bitmap(void)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 } };
	struct kvm_clear_dirty_log cl = { .num_pages = 64 };
	u64 mask = 2;
	struct kvm_dirty_log l = { .slot = 3, .dirty_bitmap = &mask };
	struct vm *v;
	int vm;

	begin();
	vm = open_vm();
	v = test_file_obj(vm, NULL);
	add_ram(vm, 0, 0, RAM_SIZE, 0);
	EQ(ioc(vm, KVM_GET_DIRTY_LOG, &l), -ENOENT, "no such slot");
	l.slot = 0;
	EQ(ioc(vm, KVM_GET_DIRTY_LOG, &l), -ENOENT, "not logged");
	add_ram(vm, 0, 0, RAM_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	vm_write(v, NULL, 0x1ffe, "abcd", 4);
	EQ(dirty_word(vm, 0), 6, "two pages");
	EQ(dirty_word(vm, 0), 0, "reported once");
	EQ(ioc(vm, KVM_ENABLE_CAP, &c), 0, "manual protection");
	vm_write(v, NULL, 0x1ffe, "abcd", 4);
	EQ(dirty_word(vm, 0), 6, "reported");
	EQ(dirty_word(vm, 0), 6, "and still");
	cl.dirty_bitmap = &mask;
	EQ(ioc(vm, KVM_CLEAR_DIRTY_LOG, &cl), 0, "cleared in part");
	EQ(dirty_word(vm, 0), 4, "the rest stays");
	cl.first_page = 1;
	EQ(ioc(vm, KVM_CLEAR_DIRTY_LOG, &cl), -EINVAL, "first page not of 64");
	cl.first_page = 0;
	cl.num_pages = 65;
	EQ(ioc(vm, KVM_CLEAR_DIRTY_LOG, &cl), -EINVAL, "more than there is");
	test_close(vm);
	end("logs end");
}

static void dirty_ring(void)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { 4096 } };
	struct kvm_dirty_log l = { .dirty_bitmap = ram };
	struct kvm_dirty_gfn *ring;
	struct vcpu *v;
	int vm, cpu, i;

	begin();
	vm = open_vm();
	c.args[0] = 5000;
	EQ(ioc(vm, KVM_ENABLE_CAP, &c), -EINVAL, "not a power of two");
	c.args[0] = 1 << 24;
	EQ(ioc(vm, KVM_ENABLE_CAP, &c), -E2BIG, "too large");
	c.args[0] = 4096;
	EQ(ioc(vm, KVM_ENABLE_CAP, &c), 0, "a ring");
	EQ(ioc(vm, KVM_ENABLE_CAP, &c), -EINVAL, "once");
	add_ram(vm, 0, 0, RAM_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	EQ(ioc(vm, KVM_GET_DIRTY_LOG, &l), -ENXIO, "no bitmap then");
	cpu = ioc(vm, KVM_CREATE_VCPU, 0);
	v = test_file_obj(cpu, NULL);
	ring = core_shared_page(PLAT_FILE_VCPU, v, KVM_DIRTY_LOG_PAGE_OFFSET);
	OK(ring && !core_shared_page(PLAT_FILE_VCPU, v, KVM_DIRTY_LOG_PAGE_OFFSET + 1), "its page");
	vm_write(v->vm, v, 0x5000, "x", 1);
	vm_write(v->vm, v, 0x5001, "x", 1);
	OK(ring[0].flags == KVM_DIRTY_GFN_F_DIRTY && ring[0].offset == 5 && !ring[1].flags,
	   "a page is entered once");
	EQ(ioc(vm, KVM_RESET_DIRTY_RINGS, 0), 0, "nothing collected");
	ring[0].flags |= KVM_DIRTY_GFN_F_RESET;
	ring[0].slot = 77;
	ring[0].offset = ~0ull;
	EQ(ioc(vm, KVM_RESET_DIRTY_RINGS, 0), 1, "a forged entry does no harm");
	for (i = 0; i < 300; i++) {
		v->vm->slot_table[0].dirty[0] = 0;
		vm_write(v->vm, v, 0x6000, "x", 1);
	}
	OK(vcpu_dirty_ring_full(v) && v->dirty_tail - v->dirty_reset == 256, "full, not over");
	memset(ring, 0xff, 4096);
	EQ(ioc(vm, KVM_RESET_DIRTY_RINGS, 0), 256, "all back");
	test_close(vm);
	test_close(cpu);
	end("rings end");
}

void test_dirty(void)
{
	dirty_bitmap();
	dirty_ring();
}
