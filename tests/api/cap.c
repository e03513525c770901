/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CHECK_EXTENSION never promises what a call then refuses, and what it does not promise is not
 * done either: for every capability that has a call, one that should work.
 */
#include "api.h"

struct probe {
	int cap;
	const char *name;
	int (*try)(struct box *b); /* 0, or -1 with errno */
	int refused;		   /* errno where it is not offered; 0: any */
};

static int try_irqchip(struct box *b)
{
	struct vm vm;

	vm_bare(&vm);
	return ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0);
}

static int try_cpuid(struct box *b)
{
	return ioctl(b->cpu.fd, KVM_SET_CPUID2, cpuid_supported());
}

static int try_pit(struct box *b)
{
	struct kvm_pit_config cfg = { 0 };
	struct vm vm;

	vm_bare(&vm);
	OK(ioctl(vm.fd, KVM_CREATE_IRQCHIP, 0));
	return ioctl(vm.fd, KVM_CREATE_PIT2, &cfg);
}

static int try_mp(struct box *b)
{
	struct kvm_mp_state m;

	return ioctl(b->cpu.fd, KVM_GET_MP_STATE, &m);
}

static int try_coalesced(struct box *b)
{
	struct kvm_coalesced_mmio_zone z = { .addr = HOLE, .size = 16 };

	return ioctl(b->vm.fd, KVM_REGISTER_COALESCED_MMIO, &z);
}

static int try_debug(struct box *b)
{
	struct kvm_guest_debug d = { 0 };

	return ioctl(b->cpu.fd, KVM_SET_GUEST_DEBUG, &d);
}

static int try_clock(struct box *b)
{
	struct kvm_clock_data d = { 0 };

	return ioctl(b->vm.fd, KVM_GET_CLOCK, &d);
}

static int try_nmi(struct box *b)
{
	return ioctl(b->cpu.fd, KVM_NMI, 0);
}

static int try_smi(struct box *b)
{
	return ioctl(b->cpu.fd, KVM_SMI, 0);
}

static int try_events(struct box *b)
{
	struct kvm_vcpu_events e;

	return ioctl(b->cpu.fd, KVM_GET_VCPU_EVENTS, &e);
}

static int try_debugregs(struct box *b)
{
	struct kvm_debugregs d;

	return ioctl(b->cpu.fd, KVM_GET_DEBUGREGS, &d);
}

static int try_xsave(struct box *b)
{
	static struct kvm_xsave x;

	return ioctl(b->cpu.fd, KVM_GET_XSAVE, &x);
}

static int try_xsave2(struct box *b)
{
	return ioctl(b->cpu.fd, KVM_GET_XSAVE2, calloc(1, 65536));
}

static int try_xcrs(struct box *b)
{
	struct kvm_xcrs x;

	return ioctl(b->cpu.fd, KVM_GET_XCRS, &x);
}

static int try_tsc(struct box *b)
{
	return ioctl(b->cpu.fd, KVM_GET_TSC_KHZ, 0);
}

static int try_vm_tsc(struct box *b)
{
	return ioctl(b->vm.fd, KVM_GET_TSC_KHZ, 0);
}

static int try_set_tss(struct box *b)
{
	return ioctl(b->vm.fd, KVM_SET_TSS_ADDR, 0xfffbd000ul);
}

static int try_stats(struct box *b)
{
	return ioctl(b->cpu.fd, KVM_GET_STATS_FD, NULL);
}

static int try_sregs2(struct box *b)
{
	struct kvm_sregs2 s;

	return ioctl(b->cpu.fd, KVM_GET_SREGS2, &s);
}

static int try_tpr(struct box *b)
{
	struct kvm_tpr_access_ctl t = { 0 };

	return ioctl(b->cpu.fd, KVM_TPR_ACCESS_REPORTING, &t);
}

static int try_nested(struct box *b)
{
	struct kvm_nested_state *n = calloc(1, 65536);

	n->size = 65536;
	return ioctl(b->cpu.fd, KVM_GET_NESTED_STATE, n);
}

static int try_attr_tsc(struct box *b)
{
	struct kvm_device_attr a = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET };

	return ioctl(b->cpu.fd, KVM_HAS_DEVICE_ATTR, &a);
}

static int try_pmu_filter(struct box *b)
{
	struct kvm_pmu_event_filter f = { .action = KVM_PMU_EVENT_ALLOW };

	return ioctl(b->vm.fd, KVM_SET_PMU_EVENT_FILTER, &f);
}

static int try_hyperv_cpuid(struct box *b)
{
	struct kvm_cpuid2 *t = calloc(1, 20000);

	t->nent = 256;
	return ioctl(kvm_fd(), KVM_GET_SUPPORTED_HV_CPUID, t);
}

static int try_hyperv_eventfd(struct box *b)
{
	struct kvm_hyperv_eventfd e = { .conn_id = 1, .fd = eventfd(0, 0) };

	return ioctl(b->vm.fd, KVM_HYPERV_EVENTFD, &e);
}

static int try_xen(struct box *b)
{
	struct kvm_xen_hvm_config c = { 0 };

	return ioctl(b->vm.fd, KVM_XEN_HVM_CONFIG, &c);
}

static int enable(int fd, int cap, u64 arg)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg } };

	return ioctl(fd, KVM_ENABLE_CAP, &e);
}

#define ENABLE_VM(fn, cap, arg)                                                                    \
	static int fn(struct box *b)                                                               \
	{                                                                                          \
		return enable(b->vm.fd, cap, arg);                                                 \
	}
#define ENABLE_VCPU(fn, cap, arg)                                                                  \
	static int fn(struct box *b)                                                               \
	{                                                                                          \
		return enable(b->cpu.fd, cap, arg);                                                \
	}

ENABLE_VM(en_x2apic, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS)
ENABLE_VM(en_dirty, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 1)
ENABLE_VM(en_msr, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN)
ENABLE_VM(en_payload, KVM_CAP_EXCEPTION_PAYLOAD, 1)
ENABLE_VM(en_guest_debug_msr, KVM_CAP_MSR_PLATFORM_INFO, 1)
ENABLE_VM(en_busy, KVM_CAP_X86_BUS_LOCK_EXIT, 1)
ENABLE_VM(en_emul, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1)
ENABLE_VM(en_halt, KVM_CAP_HALT_POLL, 1000)
ENABLE_VM(en_notify, KVM_CAP_X86_NOTIFY_VMEXIT, 3)
ENABLE_VM(en_triple, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1)
ENABLE_VM(en_hypercall, KVM_CAP_EXIT_HYPERCALL, 0)
ENABLE_VCPU(en_synic, KVM_CAP_HYPERV_SYNIC, 0)
ENABLE_VCPU(en_pv_cpuid, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1)

static int en_exits(struct box *b)
{
	struct vm vm;

	vm_bare(&vm); /* only before the first vCPU */
	return enable(vm.fd, KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_PAUSE &
							 kvm_cap_vm(&vm, KVM_CAP_X86_DISABLE_EXITS));
}

#define P(cap, fn, e) { cap, #cap, fn, e }

static const struct probe probes[] = {
	P(KVM_CAP_IRQCHIP, try_irqchip, 0),
	P(KVM_CAP_EXT_CPUID, try_cpuid, 0),
	P(KVM_CAP_PIT2, try_pit, 0),
	P(KVM_CAP_MP_STATE, try_mp, 0),
	P(KVM_CAP_COALESCED_MMIO, try_coalesced, 0),
	P(KVM_CAP_SET_GUEST_DEBUG, try_debug, 0),
	P(KVM_CAP_ADJUST_CLOCK, try_clock, 0),
	P(KVM_CAP_USER_NMI, try_nmi, 0),
	P(KVM_CAP_X86_SMM, try_smi, 0),
	P(KVM_CAP_VCPU_EVENTS, try_events, 0),
	P(KVM_CAP_DEBUGREGS, try_debugregs, 0),
	P(KVM_CAP_XSAVE, try_xsave, 0),
	P(KVM_CAP_XSAVE2, try_xsave2, 0),
	P(KVM_CAP_XCRS, try_xcrs, 0),
	P(KVM_CAP_GET_TSC_KHZ, try_tsc, 0),
	P(KVM_CAP_VM_TSC_CONTROL, try_vm_tsc, 0),
	P(KVM_CAP_SET_TSS_ADDR, try_set_tss, 0),
	P(KVM_CAP_BINARY_STATS_FD, try_stats, 0),
	P(KVM_CAP_SREGS2, try_sregs2, 0),
	P(KVM_CAP_VAPIC, try_tpr, 0),
	P(KVM_CAP_NESTED_STATE, try_nested, 0),
	P(KVM_CAP_VCPU_ATTRIBUTES, try_attr_tsc, 0),
	P(KVM_CAP_PMU_EVENT_FILTER, try_pmu_filter, 0),
	P(KVM_CAP_SYS_HYPERV_CPUID, try_hyperv_cpuid, 0),
	P(KVM_CAP_HYPERV_EVENTFD, try_hyperv_eventfd, 0),
	P(KVM_CAP_XEN_HVM, try_xen, 0),
	P(KVM_CAP_X2APIC_API, en_x2apic, EINVAL),
	P(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, en_dirty, EINVAL),
	P(KVM_CAP_X86_USER_SPACE_MSR, en_msr, EINVAL),
	P(KVM_CAP_X86_DISABLE_EXITS, en_exits, 0),
	P(KVM_CAP_EXCEPTION_PAYLOAD, en_payload, EINVAL),
	P(KVM_CAP_MSR_PLATFORM_INFO, en_guest_debug_msr, EINVAL),
	P(KVM_CAP_X86_BUS_LOCK_EXIT, en_busy, 0),
	P(KVM_CAP_EXIT_ON_EMULATION_FAILURE, en_emul, EINVAL),
	P(KVM_CAP_HALT_POLL, en_halt, EINVAL),
	P(KVM_CAP_X86_NOTIFY_VMEXIT, en_notify, EINVAL),
	P(KVM_CAP_X86_TRIPLE_FAULT_EVENT, en_triple, EINVAL),
	P(KVM_CAP_EXIT_HYPERCALL, en_hypercall, 0),
	P(KVM_CAP_HYPERV_SYNIC, en_synic, EINVAL),
	P(KVM_CAP_ENFORCE_PV_FEATURE_CPUID, en_pv_cpuid, EINVAL),
};

static const int count = sizeof(probes) / sizeof(probes[0]);

static int offered(struct box *b, int cap)
{
	return kvm_cap_vm(&b->vm, cap);
}

static void promises_kept(void)
{
	struct box b;

	for (int i = 0; i < count; i++) {
		vm_make(&b.vm, IRQCHIP_KERNEL);
		vcpu_make(&b.vm, &b.cpu, 0);
		cpuid_all(&b.cpu);
		if (offered(&b, probes[i].cap) && probes[i].try(&b) < 0)
			FAIL("%s is offered, its call says %s", probes[i].name, strerror(errno));
		close(b.cpu.fd);
		close(b.vm.fd);
	}
}

static void nothing_unpromised(void)
{
	struct box b;

	for (int i = 0; i < count; i++) {
		vm_make(&b.vm, IRQCHIP_KERNEL);
		vcpu_make(&b.vm, &b.cpu, 0);
		cpuid_all(&b.cpu);
		if (!offered(&b, probes[i].cap) && probes[i].refused) {
			if (probes[i].try(&b) >= 0)
				FAIL("%s is not offered, its call succeeds", probes[i].name);
			if (errno != probes[i].refused)
				FAIL("%s is not offered, its call says %s, not %s", probes[i].name,
				     strerror(errno), strerror(probes[i].refused));
		}
		close(b.cpu.fd);
		close(b.vm.fd);
	}
}

static void system_and_vm_agree(void)
{
	struct vm vm;

	vm_bare(&vm);
	for (int cap = 0; cap < 300; cap++) {
		int s = ioctl(kvm_fd(), KVM_CHECK_EXTENSION, cap);
		int v = ioctl(vm.fd, KVM_CHECK_EXTENSION, cap);

		if (s < 0 || v < 0)
			FAIL("capability %d is an error", cap);
		if (s > 0 && v == 0)
			FAIL("capability %d: %d on the device, %d on the VM", cap, s, v);
	}
}

/* Foreign architectures' ioctls are refused as unknown. */
static void foreign_refused(void)
{
	static const unsigned long vcpu[] = { KVM_S390_INTERRUPT,
					      KVM_PPC_GET_PVINFO, KVM_DIRTY_TLB };
	struct box b;
	u64 buf[64] = { 0 };

	vm_make(&b.vm, IRQCHIP_NONE);
	vcpu_make(&b.vm, &b.cpu, 0);
	for (size_t i = 0; i < sizeof(vcpu) / sizeof(vcpu[0]); i++)
		if (ioctl(b.cpu.fd, vcpu[i], buf) >= 0 ||
		    (errno != EINVAL && errno != ENOTTY))
			FAIL("ioctl 0x%lx: %s", vcpu[i], strerror(errno));
}

static const struct api_test rows[] = {
	{ "cap/kept", promises_kept, "what is offered works" },
	{ "cap/unpromised", nothing_unpromised, "what is not offered is refused" },
	{ "cap/agree", system_and_vm_agree, "device and VM say the same" },
	{ "cap/foreign", foreign_refused, "other architectures' calls" },
};

SUITE(cap_suite, rows);
