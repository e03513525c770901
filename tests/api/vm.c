/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a VM's descriptor takes and refuses, apart from memory and interrupts. */
#include "api.h"

static void create_vcpu(void)
{
	struct vm vm;
	struct vcpu c, d;
	int max = kvm_cap(KVM_CAP_MAX_VCPU_ID);

	vm_make(&vm, IRQCHIP_KERNEL);
	vcpu_make(&vm, &c, 0);
	REFUSED(ioctl(vm.fd, KVM_CREATE_VCPU, 0), EEXIST);
	REFUSED(ioctl(vm.fd, KVM_CREATE_VCPU, (long)max), EINVAL);
	REFUSED(ioctl(vm.fd, KVM_CREATE_VCPU, -1l), EINVAL);
	vcpu_make(&vm, &d, 7);
}

static void vcpu_count(void)
{
	struct vm vm;

	vm_make(&vm, IRQCHIP_KERNEL);
	for (long i = 0; i < 16; i++)
		OK(ioctl(vm.fd, KVM_CREATE_VCPU, i));
}

static void tss_addr(void)
{
	struct vm vm;

	vm_bare(&vm);
	OK(ioctl(vm.fd, KVM_SET_TSS_ADDR, 0xfeffd000ul));
	REFUSED(ioctl(vm.fd, KVM_SET_TSS_ADDR, 0xffffffffeul), EINVAL);
	REFUSED(ioctl(vm.fd, KVM_SET_TSS_ADDR, 0xfffff000ul), EINVAL);
}

static void identity_map(void)
{
	struct vm vm;
	struct vcpu c;
	u64 at = 0xfeffc000;

	NEED(KVM_CAP_SET_IDENTITY_MAP_ADDR);
	vm_bare(&vm);
	OK(ioctl(vm.fd, KVM_SET_IDENTITY_MAP_ADDR, &at));
	vcpu_make(&vm, &c, 0);
	REFUSED(ioctl(vm.fd, KVM_SET_IDENTITY_MAP_ADDR, &at), EINVAL);
}

static void boot_cpu_id(void)
{
	struct vm vm;
	struct vcpu c0, c1;

	NEED(KVM_CAP_SET_BOOT_CPU_ID);
	vm_make(&vm, IRQCHIP_KERNEL);
	OK(ioctl(vm.fd, KVM_SET_BOOT_CPU_ID, 1ul));
	vcpu_make(&vm, &c0, 0);
	REFUSED(ioctl(vm.fd, KVM_SET_BOOT_CPU_ID, 0ul), EBUSY);
	vcpu_make(&vm, &c1, 1);
	CHECK(!(sregs_get(&c0).apic_base & 0x100));
	CHECK(sregs_get(&c1).apic_base & 0x100);
}

static void clock_runs(void)
{
	struct kvm_clock_data a = { 0 }, b = { 0 };
	struct vm vm;

	vm_bare(&vm);
	OK(ioctl(vm.fd, KVM_GET_CLOCK, &a));
	usleep(2000);
	OK(ioctl(vm.fd, KVM_GET_CLOCK, &b));
	CHECK(b.clock >= a.clock + 1000000 && b.clock < a.clock + 10000000000ull);
}

static void clock_set(void)
{
	struct kvm_clock_data d = { .clock = 5000000000000ull };
	struct vm vm;

	vm_bare(&vm);
	OK(ioctl(vm.fd, KVM_SET_CLOCK, &d));
	d.clock = 0;
	OK(ioctl(vm.fd, KVM_GET_CLOCK, &d));
	CHECK(d.clock >= 5000000000000ull && d.clock < 5010000000000ull);
	d.flags = 0x8000;
	REFUSED(ioctl(vm.fd, KVM_SET_CLOCK, &d), EINVAL);
}

static void vm_tsc_khz(void)
{
	struct vm vm;
	long khz;

	vm_make(&vm, IRQCHIP_NONE);
	if (!kvm_cap_vm(&vm, KVM_CAP_VM_TSC_CONTROL))
		SKIP("KVM_CAP_VM_TSC_CONTROL is not offered");
	khz = OK(ioctl(vm.fd, KVM_GET_TSC_KHZ, 0));
	CHECK(khz > 100000);
	OK(ioctl(vm.fd, KVM_SET_TSC_KHZ, khz));
}

static void enable_cap_bad(void)
{
	struct kvm_enable_cap e = { .cap = 100000 };
	struct vm vm;

	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_ENABLE_CAP, &e), EINVAL);
	e = (struct kvm_enable_cap){ .cap = KVM_CAP_SPLIT_IRQCHIP, .flags = 1, .args = { 24 } };
	REFUSED(ioctl(vm.fd, KVM_ENABLE_CAP, &e), EINVAL);
}

static void enable_split(void)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct vm vm, late, both;
	struct vcpu c;

	NEED(KVM_CAP_SPLIT_IRQCHIP);
	vm_bare(&vm);
	e.args[0] = 100000;
	REFUSED(ioctl(vm.fd, KVM_ENABLE_CAP, &e), EINVAL);
	e.args[0] = 24;
	OK(ioctl(vm.fd, KVM_ENABLE_CAP, &e));
	REFUSED(ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0), EEXIST);
	REFUSED(ioctl(vm.fd, KVM_ENABLE_CAP, &e), EEXIST);
	vm_bare(&late);
	vcpu_make(&late, &c, 0);
	REFUSED(ioctl(late.fd, KVM_ENABLE_CAP, &e), EEXIST);
	vm_bare(&both);
	OK(ioctl(both.fd, KVM_CREATE_IRQCHIP, 0));
	REFUSED(ioctl(both.fd, KVM_ENABLE_CAP, &e), EEXIST);
}

static void disable_exits(void)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_X86_DISABLE_EXITS };
	struct vm vm;
	int can;

	vm_bare(&vm);
	can = kvm_cap_vm(&vm, KVM_CAP_X86_DISABLE_EXITS);
	if (!can)
		SKIP("KVM_CAP_X86_DISABLE_EXITS is not offered");
	e.args[0] = 1 << 20;
	REFUSED(ioctl(vm.fd, KVM_ENABLE_CAP, &e), EINVAL);
	e.args[0] = can;
	OK(ioctl(vm.fd, KVM_ENABLE_CAP, &e));
}

static void x2apic_api(void)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_X2APIC_API };
	struct vm vm;

	NEED(KVM_CAP_X2APIC_API);
	vm_make(&vm, IRQCHIP_SPLIT);
	e.args[0] = 1 << 20;
	REFUSED(ioctl(vm.fd, KVM_ENABLE_CAP, &e), EINVAL);
	e.args[0] = KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
	OK(ioctl(vm.fd, KVM_ENABLE_CAP, &e));
}

static void create_device(void)
{
	struct kvm_create_device d = { .type = 0x7fff };
	struct vm vm;

	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_CREATE_DEVICE, &d), ENODEV);
}

static void check_header(int fd)
{
	struct kvm_stats_header h;
	char id[256] = "";
	struct {
		struct kvm_stats_desc d;
		char name[256];
	} desc;
	u64 value;

	EQ(OK(read(fd, &h, sizeof(h))), sizeof(h));
	CHECK(h.name_size > 0 && h.name_size <= 256);
	CHECK(h.id_offset >= sizeof(h) && h.desc_offset > h.id_offset);
	OK(pread(fd, id, h.name_size, h.id_offset));
	CHECK(!strncmp(id, "kvm-", 4));
	for (u32 i = 0; i < h.num_desc; i++) {
		size_t n = sizeof(desc.d) + h.name_size;

		EQ(OK(pread(fd, &desc, n, h.desc_offset + i * n)), n);
		CHECK(desc.name[0] && strnlen(desc.name, h.name_size) < h.name_size);
		CHECK(desc.d.size >= 1);
		EQ(OK(pread(fd, &value, 8, h.data_offset + desc.d.offset)), 8);
	}
}

static void stats_fd(void)
{
	struct vm vm;
	struct vcpu c;

	NEED(KVM_CAP_BINARY_STATS_FD);
	vm_make(&vm, IRQCHIP_NONE);
	vcpu_make(&vm, &c, 0);
	check_header(OK(ioctl(vm.fd, KVM_GET_STATS_FD, NULL)));
	check_header(OK(ioctl(c.fd, KVM_GET_STATS_FD, NULL)));
}

static void pit_state(void)
{
	struct kvm_pit_config cfg = { 0 };
	struct kvm_pit_state2 s, t;
	struct vm vm;

	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_GET_PIT2, &s), ENXIO);
	OK(ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0));
	OK(ioctl(vm.fd, KVM_CREATE_PIT2, &cfg));
	REFUSED(ioctl(vm.fd, KVM_CREATE_PIT2, &cfg), EEXIST);
	OK(ioctl(vm.fd, KVM_GET_PIT2, &s));
	s.channels[2].count = 0x1234;
	s.channels[2].mode = 3;
	OK(ioctl(vm.fd, KVM_SET_PIT2, &s));
	OK(ioctl(vm.fd, KVM_GET_PIT2, &t));
	EQ(t.channels[2].count, 0x1234);
	EQ(t.channels[2].mode, 3);
}

static void pit_reinject(void)
{
	struct kvm_pit_config cfg = { 0 };
	struct kvm_reinject_control r = { .pit_reinject = 0 };
	struct vm vm;

	vm_bare(&vm);
	REFUSED(ioctl(vm.fd, KVM_REINJECT_CONTROL, &r), ENXIO);
	OK(ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0));
	OK(ioctl(vm.fd, KVM_CREATE_PIT2, &cfg));
	OK(ioctl(vm.fd, KVM_REINJECT_CONTROL, &r));
}

static const struct api_test rows[] = {
	{ "vm/create-vcpu", create_vcpu, "ids are unique and below KVM_CAP_MAX_VCPU_ID" },
	{ "vm/vcpu-count", vcpu_count, "16 of them" },
	{ "vm/tss-addr", tss_addr, "below the last three pages of 4 GiB" },
	{ "vm/identity-map", identity_map, "only before the first vCPU" },
	{ "vm/boot-cpu-id", boot_cpu_id, "only before the first vCPU; it is the BSP then" },
	{ "vm/clock-runs", clock_runs, "nanoseconds go by" },
	{ "vm/clock-set", clock_set, "goes on from what is set; unknown flags are EINVAL" },
	{ "vm/tsc-khz", vm_tsc_khz, "the VM's default frequency" },
	{ "vm/enable-cap-bad", enable_cap_bad, "unknown ones and flags are EINVAL" },
	{ "vm/split-irqchip", enable_split, "once, before vCPUs, instead of the other one" },
	{ "vm/disable-exits", disable_exits, "what is offered can be had" },
	{ "vm/x2apic-api", x2apic_api, "known flags only" },
	{ "vm/create-device", create_device, "an unknown device is ENODEV" },
	{ "vm/stats-fd", stats_fd, "self-describing, for the VM and a vCPU" },
	{ "vm/pit-state", pit_state, "needs a PIT; goes in and out" },
	{ "vm/pit-reinject", pit_reinject, "needs a PIT" },
};

SUITE(vm_suite, rows);
