/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What /dev/kvm itself answers: version, CPUID, MSR lists. */
#include "api.h"

static void api_version(void)
{
	EQ(OK(ioctl(kvm_fd(), KVM_GET_API_VERSION, 0)), 12);
	REFUSED(ioctl(kvm_fd(), KVM_GET_API_VERSION, 1), EINVAL);
}

static void create_vm_type(void)
{
	OK(ioctl(kvm_fd(), KVM_CREATE_VM, 0));
	REFUSED(ioctl(kvm_fd(), KVM_CREATE_VM, 0x5a), EINVAL);
}

static void check_extension_unknown(void)
{
	EQ(ioctl(kvm_fd(), KVM_CHECK_EXTENSION, 100000), 0);
	EQ(ioctl(kvm_fd(), KVM_CHECK_EXTENSION, KVM_CAP_PPC_PAIRED_SINGLES), 0);
	EQ(ioctl(kvm_fd(), KVM_CHECK_EXTENSION, KVM_CAP_ARM_PSCI), 0);
}

static void check_extension_basic(void)
{
	static const int always[] = {
		KVM_CAP_IRQCHIP, KVM_CAP_HLT, KVM_CAP_USER_MEMORY, KVM_CAP_SET_TSS_ADDR,
		KVM_CAP_EXT_CPUID, KVM_CAP_MP_STATE, KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, KVM_CAP_IRQ_ROUTING, KVM_CAP_IRQFD,
		KVM_CAP_IOEVENTFD, KVM_CAP_PIT2, KVM_CAP_ADJUST_CLOCK, KVM_CAP_VCPU_EVENTS,
		KVM_CAP_DEBUGREGS, KVM_CAP_XSAVE, KVM_CAP_XCRS, KVM_CAP_SIGNAL_MSI,
		KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_SYNC_REGS, KVM_CAP_IOEVENTFD_ANY_LENGTH,
		KVM_CAP_READONLY_MEM, KVM_CAP_INTERNAL_ERROR_DATA, KVM_CAP_SET_GUEST_DEBUG,
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (ioctl(kvm_fd(), KVM_CHECK_EXTENSION, always[i]) <= 0)
			FAIL("capability %d is not offered", always[i]);
	CHECK(kvm_cap(KVM_CAP_NR_MEMSLOTS) >= 512);
	CHECK(kvm_cap(KVM_CAP_NR_VCPUS) >= 1);
	CHECK(kvm_cap(KVM_CAP_MAX_VCPUS) >= kvm_cap(KVM_CAP_NR_VCPUS));
	CHECK(kvm_cap(KVM_CAP_MAX_VCPU_ID) >= kvm_cap(KVM_CAP_MAX_VCPUS));
}

static void vcpu_mmap_size(void)
{
	long n = OK(ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 0));

	CHECK(n >= (long)sizeof(struct kvm_run) && n % PAGE == 0);
	CHECK(n > (long)PAGE * kvm_cap(KVM_CAP_COALESCED_MMIO));
	REFUSED(ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 1), EINVAL);
}

static void unknown_ioctl(void)
{
	struct vm vm;
	struct vcpu c;

	vm_make(&vm, IRQCHIP_NONE);
	vcpu_make(&vm, &c, 0);
	REFUSED(ioctl(kvm_fd(), _IO(KVMIO, 0xfe), 0), EINVAL);
	REFUSED(ioctl(vm.fd, _IO(KVMIO, 0xfe), 0), ENOTTY);
	REFUSED(ioctl(c.fd, _IO(KVMIO, 0xfe), 0), EINVAL);
	REFUSED(ioctl(kvm_fd(), KVM_RUN, 0), EINVAL);
	REFUSED(ioctl(vm.fd, KVM_RUN, 0), ENOTTY);
	REFUSED(ioctl(c.fd, KVM_CREATE_VM, 0), EINVAL);
}

static void foreign_ioctl(void)
{
	struct vm vm;
	struct vcpu c;

	vm_make(&vm, IRQCHIP_NONE);
	vcpu_make(&vm, &c, 0);
	CHECK(ioctl(c.fd, _IO('T', 1), 0) < 0);
	CHECK(ioctl(vm.fd, _IO('T', 1), 0) < 0);
	CHECK(ioctl(kvm_fd(), _IO('T', 1), 0) < 0);
}

static void bad_pointers(void)
{
	struct vm vm;
	struct vcpu c;
	void *bad = (void *)8;

	vm_make(&vm, IRQCHIP_NONE);
	vcpu_make(&vm, &c, 0);
	REFUSED(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, bad), EFAULT);
	REFUSED(ioctl(kvm_fd(), KVM_GET_MSR_INDEX_LIST, bad), EFAULT);
	REFUSED(ioctl(vm.fd, KVM_SET_USER_MEMORY_REGION, bad), EFAULT);
	REFUSED(ioctl(vm.fd, KVM_GET_CLOCK, bad), EFAULT);
	REFUSED(ioctl(vm.fd, KVM_IOEVENTFD, bad), EFAULT);
	REFUSED(ioctl(c.fd, KVM_GET_REGS, bad), EFAULT);
	REFUSED(ioctl(c.fd, KVM_SET_SREGS, bad), EFAULT);
	REFUSED(ioctl(c.fd, KVM_SET_CPUID2, bad), EFAULT);
	REFUSED(ioctl(c.fd, KVM_GET_MSRS, bad), EFAULT);
	REFUSED(ioctl(c.fd, KVM_SET_VCPU_EVENTS, bad), EFAULT);
}

static void supported_cpuid_sizes(void)
{
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + 300 * sizeof(t->entries[0]));
	u32 n;

	t->nent = 0;
	REFUSED(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, t), E2BIG);
	t->nent = 1;
	REFUSED(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, t), E2BIG);
	t->nent = 256;
	OK(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, t));
	n = t->nent;
	CHECK(n > 4 && n < 256);
	OK(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, t));
	EQ(t->nent, n);
	t->nent = n - 1;
	REFUSED(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, t), E2BIG);
}

static void supported_cpuid_leaves(void)
{
	struct kvm_cpuid2 *t = cpuid_supported();
	struct kvm_cpuid_entry2 *e;

	e = cpuid_find(t, 0, 0);
	CHECK(e && e->eax >= 1);
	e = cpuid_find(t, 1, 0);
	CHECK(e && (e->edx & 1)); /* FPU */
	CHECK(e->ecx & 1u << 21); /* x2APIC */
	e = cpuid_find(t, 0x80000001, 0);
	CHECK(e && (e->edx & 1u << 29)); /* long mode */
	e = cpuid_find(t, 0x40000000, 0);
	CHECK(e && e->ebx == 0x4b4d564b && e->ecx == 0x564b4d56 && e->edx == 0x4d);
	CHECK(cpuid_find(t, 0x40000001, 0));
}

static void emulated_cpuid(void)
{
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + 256 * sizeof(t->entries[0]));

	NEED(KVM_CAP_EXT_EMUL_CPUID);
	REFUSED(ioctl(kvm_fd(), KVM_GET_EMULATED_CPUID, t), E2BIG);
	t->nent = 256;
	OK(ioctl(kvm_fd(), KVM_GET_EMULATED_CPUID, t));
	CHECK(t->nent >= 1 && t->nent < 256);
}

static struct kvm_msr_list *list(unsigned long request)
{
	struct kvm_msr_list *l = calloc(1, sizeof(*l) + 1000 * 4);

	l->nmsrs = 0;
	REFUSED(ioctl(kvm_fd(), request, l), E2BIG);
	CHECK(l->nmsrs > 0 && l->nmsrs < 1000);
	OK(ioctl(kvm_fd(), request, l));
	return l;
}

static bool lists(const struct kvm_msr_list *l, u32 index)
{
	for (u32 i = 0; i < l->nmsrs; i++)
		if (l->indices[i] == index)
			return true;
	return false;
}

static void msr_index_list(void)
{
	static const u32 must[] = { 0x10, 0x174, 0x175, 0x176, 0x277, 0xc0000081, 0xc0000082,
				    0xc0000083, 0xc0000084, 0xc0000102, 0x4b564d00, 0x4b564d01 };
	struct kvm_msr_list *l = list(KVM_GET_MSR_INDEX_LIST);

	for (size_t i = 0; i < sizeof(must) / sizeof(must[0]); i++)
		if (!lists(l, must[i]) && must[i] != 0x277)
			FAIL("MSR 0x%x is not in the list", must[i]);
}

static void msr_list_readable(void)
{
	struct kvm_msr_list *l = list(KVM_GET_MSR_INDEX_LIST);
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e;
	} m;
	struct vm vm;
	struct vcpu c;

	vm_make(&vm, IRQCHIP_KERNEL);
	vcpu_make(&vm, &c, 0);
	cpuid_all(&c);
	for (u32 i = 0; i < l->nmsrs; i++) {
		memset(&m, 0, sizeof(m));
		m.head.nmsrs = 1;
		m.e.index = l->indices[i];
		if (ioctl(c.fd, KVM_GET_MSRS, &m) != 1)
			FAIL("MSR 0x%x is listed and cannot be read", l->indices[i]);
	}
}

static void feature_msrs(void)
{
	struct kvm_msr_list *l;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e;
	} m;

	NEED(KVM_CAP_GET_MSR_FEATURES);
	l = list(KVM_GET_MSR_FEATURE_INDEX_LIST);
	for (u32 i = 0; i < l->nmsrs; i++) {
		memset(&m, 0, sizeof(m));
		m.head.nmsrs = 1;
		m.e.index = l->indices[i];
		if (ioctl(kvm_fd(), KVM_GET_MSRS, &m) != 1)
			FAIL("feature MSR 0x%x is listed and cannot be read", l->indices[i]);
	}
	m.head.nmsrs = 1;
	m.e.index = 0xdeadbeef;
	EQ(ioctl(kvm_fd(), KVM_GET_MSRS, &m), 0);
}

static const struct api_test rows[] = {
	{ "sys/api-version", api_version, "the API version is 12; an argument is refused" },
	{ "sys/create-vm-type", create_vm_type, "machine type 0 exists, an unknown one is EINVAL" },
	{ "sys/cap-unknown", check_extension_unknown, "unknown and foreign capabilities are 0" },
	{ "sys/cap-basic", check_extension_basic, "what every host relies on is offered" },
	{ "sys/vcpu-mmap-size", vcpu_mmap_size, "whole pages, with room for the rings" },
	{ "sys/unknown-ioctl", unknown_ioctl, "EINVAL on the device and vCPU, ENOTTY on the VM" },
	{ "sys/foreign-ioctl", foreign_ioctl, "another driver's ioctl is refused" },
	{ "sys/bad-pointers", bad_pointers, "EFAULT" },
	{ "sys/cpuid-sizes", supported_cpuid_sizes, "E2BIG below the needed count, which is set" },
	{ "sys/cpuid-leaves", supported_cpuid_leaves, "basic, extended, hypervisor leaves" },
	{ "sys/emulated-cpuid", emulated_cpuid, "a short list" },
	{ "sys/msr-index-list", msr_index_list, "E2BIG tells the count; the usual MSRs are in it" },
	{ "sys/msr-list-readable", msr_list_readable, "what is listed can be read" },
	{ "sys/feature-msrs", feature_msrs, "what is listed can be read on the device" },
};

SUITE(sys_suite, rows);
