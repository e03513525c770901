/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The one capability table: what KVM_CHECK_EXTENSION answers, and what
 * KVM_ENABLE_CAP switches on. What has no row is 0 and EINVAL. A row here is a
 * promise: the ioctls behind it must keep it.
 */
#include <linux/kvm.h>
#include "core.h"
#include "ioctl.h"
#include "core-int.h"
#include "x86/pv.h"

struct cap_row {
	u32 cap;
	s32 value;
	/* instead of value; @vm is NULL when the system is asked */
	s32 (*get)(const struct vm *vm);
	int (*enable_vm)(struct vm *vm, const struct kvm_enable_cap *c);
	int (*enable_vcpu)(struct vcpu *v, const struct kvm_enable_cap *c);
	const char *name;
};

/* ---- values ---- */

static s32 has_xsave(const struct vm *vm)
{
	return x86_host_xcr0() != 0;
}

static s32 has_tsc_control(const struct vm *vm)
{
	const struct engine *e = core_engine();

	return e && e->tsc_ratio_fraction_bits;
}

static s32 without_split(const struct vm *vm)
{
	return !vm || vm->irqchip != VM_IRQCHIP_SPLIT;
}

/* ---- enabling ---- */

#define X2APIC_FLAGS (KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
#define MSR_REASONS (KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
		     KVM_MSR_EXIT_REASON_FILTER)
#define MANUAL_FLAGS (KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)
#define QUIRKS (KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | KVM_X86_QUIRK_FIX_HYPERCALL_INSN |       \
		KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)
#define RING_BYTES (65536 * (s32)sizeof(struct kvm_dirty_gfn))
#define GUESTDBG_FLAGS (KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP | \
			KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_INJECT_DB |                      \
			KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ)

static int enable_split_irqchip(struct vm *vm, const struct kvm_enable_cap *c)
{
	return x86_split_irqchip(vm, c->args[0]);
}

static int enable_x2apic_api(struct vm *vm, const struct kvm_enable_cap *c)
{
	if (c->args[0] & ~(u64)X2APIC_FLAGS)
		return -EINVAL;
	if (c->args[0] & KVM_X2APIC_API_USE_32BIT_IDS)
		vm->x2apic_api = true;
	if (c->args[0] & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		vm->x2apic_no_broadcast_quirk = true;
	return 0;
}

static int enable_user_msr(struct vm *vm, const struct kvm_enable_cap *c)
{
	if (c->args[0] & ~(u64)MSR_REASONS)
		return -EINVAL;
	vm->user_msr_mask = c->args[0];
	return 0;
}

static int enable_exception_payload(struct vm *vm, const struct kvm_enable_cap *c)
{
	vm->exception_payload = c->args[0];
	return 0;
}

static int enable_platform_info(struct vm *vm, const struct kvm_enable_cap *c)
{
	vm->no_platform_info = !c->args[0];
	return 0;
}

static int enable_quirks_off(struct vm *vm, const struct kvm_enable_cap *c)
{
	u32 i;

	if (c->args[0] & ~(u64)QUIRKS)
		return -EINVAL;
	vm->disabled_quirks = c->args[0];
	for (i = 0; i < vm_nr_vcpus(vm); i++)
		x86_mwait_changed(vm->vcpus[i]);
	return 0;
}

static int enable_triple_fault(struct vm *vm, const struct kvm_enable_cap *c)
{
	vm->triple_fault_event = c->args[0];
	return 0;
}

static int enable_manual_protect(struct vm *vm, const struct kvm_enable_cap *c)
{
	u64 allowed = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (c->args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		allowed = MANUAL_FLAGS;
	if (c->args[0] & ~allowed)
		return -EINVAL;
	vm->manual_dirty_protect = c->args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
	vm->initially_dirty = c->args[0] & KVM_DIRTY_LOG_INITIALLY_SET;
	return 0;
}

static int enable_dirty_ring(struct vm *vm, const struct kvm_enable_cap *c)
{
	return vm_enable_dirty_ring(vm, c->args[0]);
}

static int enable_max_vcpu_id(struct vm *vm, const struct kvm_enable_cap *c)
{
	if (!c->args[0] || c->args[0] > VM_MAX_VCPU_IDS)
		return -EINVAL;
	if (vm->max_vcpu_id)
		return vm->max_vcpu_id == c->args[0] ? 0 : -EINVAL;
	if (vm->nr_vcpus)
		return -EINVAL;
	vm->max_vcpu_id = c->args[0];
	return 0;
}

static int enable_halt_poll(struct vm *vm, const struct kvm_enable_cap *c)
{
	if (c->args[0] > 0xffffffff)
		return -EINVAL;
	WRITE_ONCE(vm->halt_poll_ns, c->args[0]);
	WRITE_ONCE(vm->halt_poll_set, true);
	return 0;
}

static int enable_pv_enforce(struct vcpu *v, const struct kvm_enable_cap *c)
{
	v->pv->enforce = c->args[0];
	return 0;
}

/* ---- the table ---- */

#define YES(cap) { cap, 1, NULL, NULL, NULL, #cap }
#define VALUE(cap, val) { cap, val, NULL, NULL, NULL, #cap }
#define ASK(cap, fn) { cap, 0, fn, NULL, NULL, #cap }
#define ENABLE(cap, val, fn) { cap, val, NULL, fn, NULL, #cap }

static const struct cap_row rows[] = {
	YES(KVM_CAP_IRQCHIP),
	YES(KVM_CAP_HLT),
	YES(KVM_CAP_MMU_SHADOW_CACHE_CONTROL),
	YES(KVM_CAP_USER_MEMORY),
	YES(KVM_CAP_SET_TSS_ADDR),
	YES(KVM_CAP_EXT_CPUID),
	YES(KVM_CAP_CLOCKSOURCE),
	VALUE(KVM_CAP_NR_VCPUS, VM_MAX_VCPUS),
	VALUE(KVM_CAP_NR_MEMSLOTS, VM_MAX_SLOTS),
	YES(KVM_CAP_PIT),
	YES(KVM_CAP_NOP_IO_DELAY),
	YES(KVM_CAP_MP_STATE),
	VALUE(KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET),
	YES(KVM_CAP_SYNC_MMU),
	YES(KVM_CAP_DESTROY_MEMORY_REGION_WORKS),
	YES(KVM_CAP_USER_NMI),
	YES(KVM_CAP_SET_GUEST_DEBUG),
	YES(KVM_CAP_REINJECT_CONTROL),
	VALUE(KVM_CAP_IRQ_ROUTING, 4096),
	YES(KVM_CAP_IRQ_INJECT_STATUS),
	YES(KVM_CAP_JOIN_MEMORY_REGIONS_WORKS),
	VALUE(KVM_CAP_MCE, 32),
	YES(KVM_CAP_IRQFD),
	YES(KVM_CAP_PIT2),
	YES(KVM_CAP_SET_BOOT_CPU_ID),
	YES(KVM_CAP_PIT_STATE2),
	YES(KVM_CAP_IOEVENTFD),
	YES(KVM_CAP_SET_IDENTITY_MAP_ADDR),
	VALUE(KVM_CAP_ADJUST_CLOCK,
	      KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC),
	YES(KVM_CAP_INTERNAL_ERROR_DATA),
	YES(KVM_CAP_VCPU_EVENTS),
	YES(KVM_CAP_INTR_SHADOW),
	YES(KVM_CAP_DEBUGREGS),
	YES(KVM_CAP_X86_ROBUST_SINGLESTEP),
	YES(KVM_CAP_ENABLE_CAP),
	ASK(KVM_CAP_XSAVE, has_xsave),
	ASK(KVM_CAP_XCRS, has_xsave),
	ASK(KVM_CAP_TSC_CONTROL, has_tsc_control),
	YES(KVM_CAP_GET_TSC_KHZ),
	VALUE(KVM_CAP_MAX_VCPUS, VM_MAX_VCPUS),
	YES(KVM_CAP_TSC_DEADLINE_TIMER),
	VALUE(KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS),
	YES(KVM_CAP_KVMCLOCK_CTRL),
	YES(KVM_CAP_SIGNAL_MSI),
	YES(KVM_CAP_READONLY_MEM),
	ASK(KVM_CAP_IRQFD_RESAMPLE, without_split),
	YES(KVM_CAP_EXT_EMUL_CPUID),
	YES(KVM_CAP_IOAPIC_POLARITY_IGNORED),
	YES(KVM_CAP_ENABLE_CAP_VM),
	YES(KVM_CAP_IOEVENTFD_NO_LENGTH),
	YES(KVM_CAP_CHECK_EXTENSION_VM),
	YES(KVM_CAP_MULTI_ADDRESS_SPACE),
	ENABLE(KVM_CAP_SPLIT_IRQCHIP, 1, enable_split_irqchip),
	YES(KVM_CAP_IOEVENTFD_ANY_LENGTH),
	YES(KVM_CAP_VCPU_ATTRIBUTES),
	ASK(KVM_CAP_VM_TSC_CONTROL, has_tsc_control),
	ENABLE(KVM_CAP_MAX_VCPU_ID, VM_MAX_VCPU_IDS, enable_max_vcpu_id),
	ENABLE(KVM_CAP_X2APIC_API, X2APIC_FLAGS, enable_x2apic_api),
	YES(KVM_CAP_IMMEDIATE_EXIT),
	YES(KVM_CAP_GET_MSR_FEATURES),
	ENABLE(KVM_CAP_MSR_PLATFORM_INFO, 1, enable_platform_info),
	YES(KVM_CAP_COALESCED_PIO),
	ENABLE(KVM_CAP_EXCEPTION_PAYLOAD, 1, enable_exception_payload),
	ENABLE(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, MANUAL_FLAGS, enable_manual_protect),
	ENABLE(KVM_CAP_HALT_POLL, 1, enable_halt_poll),
	ENABLE(KVM_CAP_X86_USER_SPACE_MSR, 1, enable_user_msr),
	YES(KVM_CAP_X86_MSR_FILTER),
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1, NULL, NULL, enable_pv_enforce,
	  "KVM_CAP_ENFORCE_PV_FEATURE_CPUID" },
	ENABLE(KVM_CAP_DIRTY_LOG_RING, RING_BYTES, enable_dirty_ring),
	ENABLE(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, RING_BYTES, enable_dirty_ring),
	VALUE(KVM_CAP_SET_GUEST_DEBUG2, GUESTDBG_FLAGS),
	YES(KVM_CAP_SREGS2),
	YES(KVM_CAP_BINARY_STATS_FD),
	VALUE(KVM_CAP_XSAVE2, sizeof(struct kvm_xsave)),
	YES(KVM_CAP_SYS_ATTRIBUTES),
	ENABLE(KVM_CAP_DISABLE_QUIRKS2, QUIRKS, enable_quirks_off),
	ENABLE(KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1, enable_triple_fault),
};

static const struct cap_row *find_row(u64 cap)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].cap == cap)
			return &rows[i];
	return NULL;
}

static long check(const struct vm *vm, u64 cap)
{
	const struct cap_row *r = find_row(cap);

	if (!r)
		return 0;
	return r->get ? r->get(vm) : r->value;
}

long sys_check_extension(void *obj, void *arg, u64 uarg)
{
	return check(NULL, uarg);
}

long vm_check_extension(void *obj, void *arg, u64 uarg)
{
	return check(obj, uarg);
}

long vm_enable_cap(void *obj, void *arg, u64 uarg)
{
	const struct kvm_enable_cap *c = arg;
	const struct cap_row *r = find_row(c->cap);

	if (c->flags || !r || !r->enable_vm)
		return -EINVAL;
	return r->enable_vm(obj, c);
}

long vcpu_enable_cap(void *obj, void *arg, u64 uarg)
{
	const struct kvm_enable_cap *c = arg;
	const struct cap_row *r = find_row(c->cap);

	if (c->flags || !r || !r->enable_vcpu)
		return -EINVAL;
	return r->enable_vcpu(obj, c);
}

void caps_coverage(void (*row)(const struct core_coverage *c, void *arg), void *arg)
{
	struct core_coverage c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		c = (struct core_coverage){
			.table = "capability",
			.name = rows[i].name,
			.number = rows[i].cap,
			.value = check(NULL, rows[i].cap),
			.note = rows[i].enable_vm ? "KVM_ENABLE_CAP on a VM" :
				rows[i].enable_vcpu ? "KVM_ENABLE_CAP on a vCPU" : NULL,
		};
		row(&c, arg);
	}
}
