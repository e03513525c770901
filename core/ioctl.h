/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Handlers of the ioctl table (ioctl.c), by the file they live in.
 *
 * @obj is the object behind the file: NULL for the system, struct vm, struct
 * vcpu. @arg is the fixed-size argument in our own memory, copied in before
 * and out after as the row says; @uarg is ioctl's third argument itself: a
 * plain value, or the address for what has a variable tail. The row's locks
 * are held.
 */
#ifndef ANYKVM_IOCTL_H
#define ANYKVM_IOCTL_H

#include "types.h"

#define IOCTL_FN(name) long name(void *obj, void *arg, u64 uarg)

/* system.c */
IOCTL_FN(sys_api_version);
IOCTL_FN(sys_create_vm);
IOCTL_FN(sys_mmap_size);
IOCTL_FN(sys_has_attr);
IOCTL_FN(sys_get_attr);
IOCTL_FN(sys_mce_cap);

/* caps.c */
IOCTL_FN(sys_check_extension);
IOCTL_FN(vm_check_extension);
IOCTL_FN(vm_enable_cap);
IOCTL_FN(vcpu_enable_cap);

/* x86/cpuid.c */
IOCTL_FN(sys_supported_cpuid);
IOCTL_FN(sys_emulated_cpuid);
IOCTL_FN(vcpu_set_cpuid);
IOCTL_FN(vcpu_set_cpuid2);
IOCTL_FN(vcpu_get_cpuid2);

/* x86/msr.c, x86/msr-filter.c, x86/mce.c */
IOCTL_FN(sys_msr_index_list);
IOCTL_FN(sys_msr_feature_list);
IOCTL_FN(sys_get_msrs);
IOCTL_FN(vcpu_get_msrs);
IOCTL_FN(vcpu_set_msrs);
IOCTL_FN(vm_set_msr_filter);
IOCTL_FN(vcpu_setup_mce);
IOCTL_FN(vcpu_set_mce);

/* vm.c, x86/vm-x86.c */
IOCTL_FN(vm_create_vcpu);
IOCTL_FN(vm_create_device);
IOCTL_FN(vm_set_boot_cpu);
IOCTL_FN(vm_set_tss_addr);
IOCTL_FN(vm_set_identity_map);
IOCTL_FN(vm_set_nr_mmu_pages);
IOCTL_FN(vm_get_nr_mmu_pages);
IOCTL_FN(vm_create_irqchip);
IOCTL_FN(vm_get_irqchip);
IOCTL_FN(vm_set_irqchip);
IOCTL_FN(vm_create_pit);
IOCTL_FN(vm_create_pit2);
IOCTL_FN(vm_get_pit);
IOCTL_FN(vm_set_pit);
IOCTL_FN(vm_get_pit2);
IOCTL_FN(vm_set_pit2);
IOCTL_FN(vm_reinject_control);
IOCTL_FN(vm_get_clock);
IOCTL_FN(vm_set_clock);
IOCTL_FN(vm_set_tsc_khz);
IOCTL_FN(vm_get_tsc_khz);

/* memslot.c, dirty.c */
IOCTL_FN(vm_set_user_memory);
IOCTL_FN(vm_get_dirty_log);
IOCTL_FN(vm_clear_dirty_log);
IOCTL_FN(vm_reset_dirty_rings);

/* irqroute.c, eventfd.c, coalesced.c, stats.c */
IOCTL_FN(vm_irq_line);
IOCTL_FN(vm_irq_line_status);
IOCTL_FN(vm_signal_msi);
IOCTL_FN(vm_set_gsi_routing);
IOCTL_FN(vm_irqfd);
IOCTL_FN(vm_ioeventfd);
IOCTL_FN(vm_coalesced_add);
IOCTL_FN(vm_coalesced_remove);
IOCTL_FN(vm_stats_fd);
IOCTL_FN(vcpu_stats_fd);

/* vcpu.c, run.c, event.c */
IOCTL_FN(vcpu_run);
IOCTL_FN(vcpu_set_signal_mask);
IOCTL_FN(vcpu_interrupt);
IOCTL_FN(vcpu_nmi);
IOCTL_FN(vcpu_get_mp_state);
IOCTL_FN(vcpu_set_mp_state);
IOCTL_FN(vcpu_get_events);
IOCTL_FN(vcpu_set_events);

/* x86/regs.c, x86/fpu.c, x86/debug.c, x86/vcpu-x86.c */
IOCTL_FN(vcpu_get_regs);
IOCTL_FN(vcpu_set_regs);
IOCTL_FN(vcpu_get_sregs);
IOCTL_FN(vcpu_set_sregs);
IOCTL_FN(vcpu_get_sregs2);
IOCTL_FN(vcpu_set_sregs2);
IOCTL_FN(vcpu_get_fpu);
IOCTL_FN(vcpu_set_fpu);
IOCTL_FN(vcpu_get_xsave);
IOCTL_FN(vcpu_set_xsave);
IOCTL_FN(vcpu_get_xcrs);
IOCTL_FN(vcpu_set_xcrs);
IOCTL_FN(vcpu_get_debugregs);
IOCTL_FN(vcpu_set_debugregs);
IOCTL_FN(vcpu_set_guest_debug);
IOCTL_FN(vcpu_translate);
IOCTL_FN(vcpu_get_lapic);
IOCTL_FN(vcpu_set_lapic);
IOCTL_FN(vcpu_get_tsc_khz);
IOCTL_FN(vcpu_set_tsc_khz);
IOCTL_FN(vcpu_kvmclock_ctrl);
IOCTL_FN(vcpu_set_vapic_addr);
IOCTL_FN(vcpu_tpr_reporting);
IOCTL_FN(vcpu_has_attr);
IOCTL_FN(vcpu_get_attr);
IOCTL_FN(vcpu_set_attr);

/* The capability table's rows, for core_coverage. */
struct core_coverage;
void caps_coverage(void (*row)(const struct core_coverage *c, void *arg), void *arg);

#endif
