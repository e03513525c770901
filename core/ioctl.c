/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The one ioctl table. A row says everything that a home need not know: which
 * object the number belongs to, who answers, which locks he needs, and how
 * much of the argument goes which way. What has no row is what stock KVM says
 * of numbers that it does not know: ENOTTY of a VM, EINVAL of the others.
 *
 * The direction bits inside an ioctl's number are history and not always the
 * truth (KVM_SET_IRQCHIP is an _IOR), so a row names its own.
 */
#include <linux/kvm.h>
#include "core.h"
#include "ioctl.h"
#include "vcpu.h"

enum copy {
	/* no memory: a plain value, or an address that the handler follows itself */
	VALUE = 0,
	IN = 1,
	OUT = 2,
	INOUT = IN | OUT,
};

enum locks {
	NONE = 0,
	VM = 1,		/* vm->lock */
	VCPU = 2,	/* vcpu->lock: waits for a KVM_RUN in another thread */
	SLOTS = 4,	/* vm->slots_lock for reading: the handler reaches guest memory */
};

struct ioctl_row {
	u32 cmd;
	u8 kind;		/* enum plat_file_kind */
	u8 locks;
	u8 copy;
	long (*fn)(void *obj, void *arg, u64 uarg);
	const char *name;
};

#define SYS_ROW(cmd, fn, copy) { cmd, PLAT_FILE_SYSTEM, NONE, copy, fn, #cmd }
#define VM_ROW(cmd, fn, locks, copy) { cmd, PLAT_FILE_VM, locks, copy, fn, #cmd }
#define VCPU_ROW(cmd, fn, locks, copy) { cmd, PLAT_FILE_VCPU, locks, copy, fn, #cmd }

static const struct ioctl_row rows[] = {
	VCPU_ROW(KVM_RUN, vcpu_run, VCPU, VALUE),

	SYS_ROW(KVM_GET_API_VERSION, sys_api_version, VALUE),
	SYS_ROW(KVM_CREATE_VM, sys_create_vm, VALUE),
	SYS_ROW(KVM_CHECK_EXTENSION, sys_check_extension, VALUE),
	SYS_ROW(KVM_GET_VCPU_MMAP_SIZE, sys_mmap_size, VALUE),
	SYS_ROW(KVM_GET_SUPPORTED_CPUID, sys_supported_cpuid, VALUE),
	SYS_ROW(KVM_GET_EMULATED_CPUID, sys_emulated_cpuid, VALUE),
	SYS_ROW(KVM_GET_MSR_INDEX_LIST, sys_msr_index_list, VALUE),
	SYS_ROW(KVM_GET_MSR_FEATURE_INDEX_LIST, sys_msr_feature_list, VALUE),
	SYS_ROW(KVM_GET_MSRS, sys_get_msrs, VALUE),
	SYS_ROW(KVM_X86_GET_MCE_CAP_SUPPORTED, sys_mce_cap, OUT),
	SYS_ROW(KVM_HAS_DEVICE_ATTR, sys_has_attr, IN),
	SYS_ROW(KVM_GET_DEVICE_ATTR, sys_get_attr, IN),

	VM_ROW(KVM_CHECK_EXTENSION, vm_check_extension, NONE, VALUE),
	VM_ROW(KVM_ENABLE_CAP, vm_enable_cap, VM, IN),
	VM_ROW(KVM_SET_USER_MEMORY_REGION, vm_set_user_memory, VM, IN),
	VM_ROW(KVM_CREATE_VCPU, vm_create_vcpu, VM, VALUE),
	VM_ROW(KVM_SET_BOOT_CPU_ID, vm_set_boot_cpu, VM, VALUE),
	VM_ROW(KVM_SET_TSS_ADDR, vm_set_tss_addr, VM, VALUE),
	VM_ROW(KVM_SET_IDENTITY_MAP_ADDR, vm_set_identity_map, VM, IN),
	VM_ROW(KVM_SET_NR_MMU_PAGES, vm_set_nr_mmu_pages, VM, VALUE),
	VM_ROW(KVM_GET_NR_MMU_PAGES, vm_get_nr_mmu_pages, VM, VALUE),
	VM_ROW(KVM_CREATE_IRQCHIP, vm_create_irqchip, VM, VALUE),
	VM_ROW(KVM_GET_IRQCHIP, vm_get_irqchip, VM, INOUT),
	VM_ROW(KVM_SET_IRQCHIP, vm_set_irqchip, VM, IN),
	VM_ROW(KVM_CREATE_PIT, vm_create_pit, VM, VALUE),
	VM_ROW(KVM_CREATE_PIT2, vm_create_pit2, VM, IN),
	VM_ROW(KVM_GET_PIT, vm_get_pit, VM, OUT),
	VM_ROW(KVM_SET_PIT, vm_set_pit, VM, IN),
	VM_ROW(KVM_GET_PIT2, vm_get_pit2, VM, OUT),
	VM_ROW(KVM_SET_PIT2, vm_set_pit2, VM, IN),
	VM_ROW(KVM_REINJECT_CONTROL, vm_reinject_control, VM, VALUE),
	VM_ROW(KVM_GET_CLOCK, vm_get_clock, VM, OUT),
	VM_ROW(KVM_SET_CLOCK, vm_set_clock, VM, IN),
	VM_ROW(KVM_SET_TSC_KHZ, vm_set_tsc_khz, VM, VALUE),
	VM_ROW(KVM_GET_TSC_KHZ, vm_get_tsc_khz, VM, VALUE),
	VM_ROW(KVM_GET_DIRTY_LOG, vm_get_dirty_log, VM, IN),
	VM_ROW(KVM_CLEAR_DIRTY_LOG, vm_clear_dirty_log, VM, IN),
	VM_ROW(KVM_RESET_DIRTY_RINGS, vm_reset_dirty_rings, VM, VALUE),
	VM_ROW(KVM_IRQ_LINE, vm_irq_line, NONE, IN),
	VM_ROW(KVM_IRQ_LINE_STATUS, vm_irq_line_status, NONE, INOUT),
	VM_ROW(KVM_SIGNAL_MSI, vm_signal_msi, NONE, IN),
	VM_ROW(KVM_SET_GSI_ROUTING, vm_set_gsi_routing, VM, IN),
	VM_ROW(KVM_IRQFD, vm_irqfd, VM, IN),
	VM_ROW(KVM_IOEVENTFD, vm_ioeventfd, VM, IN),
	VM_ROW(KVM_REGISTER_COALESCED_MMIO, vm_coalesced_add, VM, IN),
	VM_ROW(KVM_UNREGISTER_COALESCED_MMIO, vm_coalesced_remove, VM, IN),
	VM_ROW(KVM_X86_SET_MSR_FILTER, vm_set_msr_filter, VM, IN),
	VM_ROW(KVM_GET_STATS_FD, vm_stats_fd, VM, VALUE),
	VM_ROW(KVM_CREATE_DEVICE, vm_create_device, NONE, VALUE),

	VCPU_ROW(KVM_GET_REGS, vcpu_get_regs, VCPU, OUT),
	VCPU_ROW(KVM_SET_REGS, vcpu_set_regs, VCPU, IN),
	VCPU_ROW(KVM_GET_SREGS, vcpu_get_sregs, VCPU, OUT),
	VCPU_ROW(KVM_SET_SREGS, vcpu_set_sregs, VCPU | SLOTS, IN),
	VCPU_ROW(KVM_GET_SREGS2, vcpu_get_sregs2, VCPU, OUT),
	VCPU_ROW(KVM_SET_SREGS2, vcpu_set_sregs2, VCPU | SLOTS, IN),
	VCPU_ROW(KVM_TRANSLATE, vcpu_translate, VCPU | SLOTS, INOUT),
	VCPU_ROW(KVM_INTERRUPT, vcpu_interrupt, VCPU, IN),
	VCPU_ROW(KVM_NMI, vcpu_nmi, VCPU, VALUE),
	VCPU_ROW(KVM_GET_MSRS, vcpu_get_msrs, VCPU | SLOTS, VALUE),
	VCPU_ROW(KVM_SET_MSRS, vcpu_set_msrs, VCPU | SLOTS, VALUE),
	VCPU_ROW(KVM_SET_CPUID, vcpu_set_cpuid, VCPU, VALUE),
	VCPU_ROW(KVM_SET_CPUID2, vcpu_set_cpuid2, VCPU, VALUE),
	VCPU_ROW(KVM_GET_CPUID2, vcpu_get_cpuid2, VCPU, VALUE),
	VCPU_ROW(KVM_SET_SIGNAL_MASK, vcpu_set_signal_mask, VCPU, VALUE),
	VCPU_ROW(KVM_GET_FPU, vcpu_get_fpu, VCPU, OUT),
	VCPU_ROW(KVM_SET_FPU, vcpu_set_fpu, VCPU, IN),
	VCPU_ROW(KVM_GET_XSAVE, vcpu_get_xsave, VCPU, OUT),
	VCPU_ROW(KVM_GET_XSAVE2, vcpu_get_xsave, VCPU, OUT),
	VCPU_ROW(KVM_SET_XSAVE, vcpu_set_xsave, VCPU, IN),
	VCPU_ROW(KVM_GET_XCRS, vcpu_get_xcrs, VCPU, OUT),
	VCPU_ROW(KVM_SET_XCRS, vcpu_set_xcrs, VCPU, IN),
	VCPU_ROW(KVM_GET_LAPIC, vcpu_get_lapic, VCPU, OUT),
	VCPU_ROW(KVM_SET_LAPIC, vcpu_set_lapic, VCPU | SLOTS, IN),
	VCPU_ROW(KVM_GET_MP_STATE, vcpu_get_mp_state, VCPU | SLOTS, OUT),
	VCPU_ROW(KVM_SET_MP_STATE, vcpu_set_mp_state, VCPU, IN),
	VCPU_ROW(KVM_GET_VCPU_EVENTS, vcpu_get_events, VCPU, OUT),
	VCPU_ROW(KVM_SET_VCPU_EVENTS, vcpu_set_events, VCPU, IN),
	VCPU_ROW(KVM_GET_DEBUGREGS, vcpu_get_debugregs, VCPU, OUT),
	VCPU_ROW(KVM_SET_DEBUGREGS, vcpu_set_debugregs, VCPU, IN),
	VCPU_ROW(KVM_SET_GUEST_DEBUG, vcpu_set_guest_debug, VCPU, IN),
	VCPU_ROW(KVM_GET_TSC_KHZ, vcpu_get_tsc_khz, VCPU, VALUE),
	VCPU_ROW(KVM_SET_TSC_KHZ, vcpu_set_tsc_khz, VCPU, VALUE),
	VCPU_ROW(KVM_KVMCLOCK_CTRL, vcpu_kvmclock_ctrl, VCPU, VALUE),
	VCPU_ROW(KVM_X86_SETUP_MCE, vcpu_setup_mce, VCPU, IN),
	VCPU_ROW(KVM_X86_SET_MCE, vcpu_set_mce, VCPU, IN),
	VCPU_ROW(KVM_SET_VAPIC_ADDR, vcpu_set_vapic_addr, VCPU, IN),
	VCPU_ROW(KVM_TPR_ACCESS_REPORTING, vcpu_tpr_reporting, VCPU, INOUT),
	VCPU_ROW(KVM_ENABLE_CAP, vcpu_enable_cap, VCPU, IN),
	VCPU_ROW(KVM_HAS_DEVICE_ATTR, vcpu_has_attr, NONE, IN),
	VCPU_ROW(KVM_GET_DEVICE_ATTR, vcpu_get_attr, VCPU, IN),
	VCPU_ROW(KVM_SET_DEVICE_ATTR, vcpu_set_attr, VCPU, IN),
	VCPU_ROW(KVM_GET_STATS_FD, vcpu_stats_fd, NONE, VALUE),
};

static const struct ioctl_row *find_row(enum plat_file_kind kind, u32 cmd)
{
	unsigned int i;

	/* KVM_RUN is the first, and the most frequent by far. */
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].cmd == cmd && rows[i].kind == kind)
			return &rows[i];
	return NULL;
}

static void take_locks(const struct ioctl_row *r, struct vm *vm, struct vcpu *vcpu)
{
	if (r->locks & VM)
		plat_mutex_lock(&vm->lock);
	if (r->locks & VCPU)
		plat_mutex_lock(&vcpu->lock);
	if (r->locks & SLOTS)
		plat_read_lock(&vm->slots_lock);
}

static void drop_locks(const struct ioctl_row *r, struct vm *vm, struct vcpu *vcpu)
{
	if (r->locks & SLOTS)
		plat_read_unlock(&vm->slots_lock);
	if (r->locks & VCPU)
		plat_mutex_unlock(&vcpu->lock);
	if (r->locks & VM)
		plat_mutex_unlock(&vm->lock);
}

static long call_row(const struct ioctl_row *r, void *obj, void *arg, u64 uarg)
{
	struct vcpu *vcpu = r->kind == PLAT_FILE_VCPU ? obj : NULL;
	struct vm *vm = vcpu ? vcpu->vm : r->kind == PLAT_FILE_VM ? obj : NULL;
	long ret;

	if (vm && READ_ONCE(vm->bugged))
		return -EIO;
	take_locks(r, vm, vcpu);
	if (vcpu && r->cmd != KVM_RUN && (r->locks & VCPU)) {
		vcpu_state(vcpu);
		/* Registers, mode, memory, what is pending: all may be others then. */
		vcpu_forget_insn(vcpu);
		vcpu->events_open = true;
	}
	ret = r->fn(obj, arg, uarg);
	drop_locks(r, vm, vcpu);
	return ret;
}

#define SMALL_ARG 576		/* everything but LAPIC and XSAVE */

/* The argument is in the host program's memory. */
static __attribute__((__noinline__)) long call_copying(const struct ioctl_row *r, void *obj, u64 arg)
{
	u64 small[SMALL_ARG / 8];
	size_t size = _IOC_SIZE(r->cmd);
	void *buf = small;
	long ret;

	if (size > sizeof(small)) {
		buf = plat_alloc(size);
		if (!buf)
			return -ENOMEM;
	} else {
		memset(buf, 0, size);
	}
	ret = (r->copy & IN) ? plat_copy_from_user(buf, arg, size) : 0;
	if (!ret)
		ret = call_row(r, obj, buf, arg);
	if (ret >= 0 && (r->copy & OUT) && plat_copy_to_user(arg, buf, size))
		ret = -EFAULT;
	if (buf != small)
		plat_free(buf);
	return ret;
}

long core_ioctl(enum plat_file_kind kind, void *obj, unsigned int cmd, u64 arg)
{
	const struct ioctl_row *r = find_row(kind, cmd);

	if (!r)
		return kind == PLAT_FILE_VM ? -ENOTTY : -EINVAL;
	return r->copy == VALUE ? call_row(r, obj, NULL, arg) : call_copying(r, obj, arg);
}

long core_ioctl_copied(enum plat_file_kind kind, void *obj, unsigned int cmd, void *arg)
{
	return call_row(find_row(kind, cmd), obj, arg, 0);
}

void core_coverage(void (*row)(const struct core_coverage *c, void *arg), void *arg)
{
	static const char *const kinds[] = {
		[PLAT_FILE_SYSTEM] = "system", [PLAT_FILE_VM] = "vm",
		[PLAT_FILE_VCPU] = "vcpu", [PLAT_FILE_DEVICE] = "device",
	};
	struct core_coverage c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		c = (struct core_coverage){
			.table = kinds[rows[i].kind],
			.name = rows[i].name,
			.number = rows[i].cmd,
		};
		row(&c, arg);
	}
	caps_coverage(row, arg);
}
