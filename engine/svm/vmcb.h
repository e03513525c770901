/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The virtual machine control block as the processor reads and writes it: AMD
 * APM vol. 2, appendix B (layout) and C (exit codes). Names are the manual's.
 */
#ifndef ANYKVM_VMCB_H
#define ANYKVM_VMCB_H

#include "types.h"

/* control.cr_read, cr_write */
#define SVM_CR0 BIT(0)
#define SVM_CR4 BIT(4)
#define SVM_CR8 BIT(8)

/* Intercept vectors 3, 4 and 5, as struct vmcb_control.misc. */
#define SVM_I_INTR BIT(0)
#define SVM_I_NMI BIT(1)
#define SVM_I_SMI BIT(2)
#define SVM_I_INIT BIT(3)
#define SVM_I_VINTR BIT(4)
#define SVM_I_RDPMC BIT(15)
#define SVM_I_CPUID BIT(18)
#define SVM_I_RSM BIT(19)
#define SVM_I_IRET BIT(20)
#define SVM_I_INVD BIT(22)
#define SVM_I_PAUSE BIT(23)
#define SVM_I_HLT BIT(24)
#define SVM_I_INVLPGA BIT(26)
#define SVM_I_IOIO_PROT BIT(27)
#define SVM_I_MSR_PROT BIT(28)
#define SVM_I_SHUTDOWN BIT(31)

#define SVM_I2_VMRUN BIT(0)
#define SVM_I2_VMMCALL BIT(1)
#define SVM_I2_VMLOAD BIT(2)
#define SVM_I2_VMSAVE BIT(3)
#define SVM_I2_STGI BIT(4)
#define SVM_I2_CLGI BIT(5)
#define SVM_I2_SKINIT BIT(6)
#define SVM_I2_RDTSCP BIT(7)
#define SVM_I2_WBINVD BIT(9)
#define SVM_I2_MONITOR BIT(10)
#define SVM_I2_MWAIT BIT(11)
#define SVM_I2_XSETBV BIT(13)
#define SVM_I2_RDPRU BIT(14)

#define SVM_I3_INVPCID BIT(2)

/* control.int_ctl */
#define SVM_V_TPR 0xffu
#define SVM_V_IRQ BIT(8)
#define SVM_V_INTR_PRIO(n) ((u32)(n) << 16)
#define SVM_V_IGN_TPR BIT(20)
#define SVM_V_INTR_MASKING BIT(24)

#define SVM_INTERRUPT_SHADOW BIT(0)	/* control.int_state */

/* control.tlb_control */
#define SVM_TLB_NOTHING 0
#define SVM_TLB_FLUSH_ALL 1
#define SVM_TLB_FLUSH_GUEST 3

#define SVM_NP_ENABLE BIT(0)		/* control.nested_ctl */

/* EVENTINJ and EXITINTINFO: the error code is in the upper half. */
#define SVM_EVENT_VECTOR 0xffu
#define SVM_EVENT_TYPE (7u << 8)
#define SVM_EVENT_INTR (0u << 8)
#define SVM_EVENT_NMI (2u << 8)
#define SVM_EVENT_EXCEPTION (3u << 8)
#define SVM_EVENT_SOFT (4u << 8)
#define SVM_EVENT_ERROR BIT(11)
#define SVM_EVENT_VALID BIT(31)

/* control.clean: what the processor may take from its own copy (15.15.3) */
#define SVM_CLEAN_INTERCEPTS BIT(0)	/* and the TSC offset, the PAUSE filter */
#define SVM_CLEAN_IOPM BIT(1)
#define SVM_CLEAN_ASID BIT(2)
#define SVM_CLEAN_TPR BIT(3)		/* int_ctl, int_vector */
#define SVM_CLEAN_NP BIT(4)		/* nested_cr3, PAT */
#define SVM_CLEAN_CR BIT(5)		/* CR0, CR3, CR4, EFER */
#define SVM_CLEAN_DR BIT(6)		/* DR6, DR7 */
#define SVM_CLEAN_DT BIT(7)		/* GDT, IDT */
#define SVM_CLEAN_SEG BIT(8)		/* CS, DS, SS, ES, CPL */
#define SVM_CLEAN_CR2 BIT(9)
#define SVM_CLEAN_ALL 0x3ffu

/* control.exit_info_1 of a CR access, with decode assists: MOV (not LMSW, CLTS), its register */
#define SVM_CR_MOV BIT_ULL(63)
#define SVM_CR_GPR 15

/* ... of an IOIO exit */
#define SVM_IOIO_IN BIT(0)
#define SVM_IOIO_STR BIT(2)
#define SVM_IOIO_SIZE(i) ((u32)(i) >> 4 & 7)	/* in bytes */

/* ... of a nested page fault: a page fault's error code, and above it: */
#define SVM_NPF_PRESENT BIT(0)
#define SVM_NPF_WRITE BIT(1)
#define SVM_NPF_FETCH BIT(4)
#define SVM_NPF_FINAL BIT_ULL(32)	/* of the access itself, not of a guest table's entry */

enum svm_exit {
	SVM_EXIT_CR_READ = 0x00,
	SVM_EXIT_CR_WRITE = 0x10,
	SVM_EXIT_DR_READ = 0x20,
	SVM_EXIT_DR_WRITE = 0x30,
	SVM_EXIT_EXCP = 0x40,
	SVM_EXIT_INTR = 0x60,
	SVM_EXIT_NMI, SVM_EXIT_SMI, SVM_EXIT_INIT, SVM_EXIT_VINTR,
	SVM_EXIT_RDPMC = 0x6f,
	SVM_EXIT_CPUID = 0x72, SVM_EXIT_RSM, SVM_EXIT_IRET,
	SVM_EXIT_INVD = 0x76, SVM_EXIT_PAUSE, SVM_EXIT_HLT,
	SVM_EXIT_INVLPGA = 0x7a, SVM_EXIT_IOIO, SVM_EXIT_MSR,
	SVM_EXIT_SHUTDOWN = 0x7f,
	SVM_EXIT_VMRUN, SVM_EXIT_VMMCALL, SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI,
	SVM_EXIT_CLGI, SVM_EXIT_SKINIT, SVM_EXIT_RDTSCP, SVM_EXIT_ICEBP, SVM_EXIT_WBINVD,
	SVM_EXIT_MONITOR, SVM_EXIT_MWAIT, SVM_EXIT_MWAIT_ARMED, SVM_EXIT_XSETBV, SVM_EXIT_RDPRU,
	SVM_EXIT_INVPCID = 0xa2,
	SVM_EXIT_NPF = 0x400,
};
#define SVM_EXIT_INVALID (~0ull)

struct vmcb_control {
	u16 cr_read, cr_write, dr_read, dr_write;
	u32 exceptions, misc[3];
	u8 reserved_18[0x3c - 0x18];
	u16 pause_threshold, pause_count;
	u64 iopm_pa, msrpm_pa, tsc_offset;
	u32 asid;
	u8 tlb_control, reserved_5d[3];
	u32 int_ctl, int_vector;
	u64 int_state;
	u64 exit_code, exit_info_1, exit_info_2, exit_int_info;
	u64 nested_ctl, avic_bar, ghcb, event_inj, nested_cr3, virt_ext;
	u32 clean, reserved_c4;
	u64 next_rip;
	u8 insn_len, insn_bytes[15];
	u8 reserved_e0[0x400 - 0xe0];
};

/* @attrib: a descriptor's bits 40-47, then 52-55. */
struct vmcb_seg {
	u16 selector, attrib;
	u32 limit;
	u64 base;
};

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_a0[0xcb - 0xa0], cpl, reserved_cc[4];
	u64 efer;
	u8 reserved_d8[0x148 - 0xd8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp, s_cet, ssp, isst, rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat, dbgctl;
	u8 reserved_278[0x2e0 - 0x278];
	u64 spec_ctrl;
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};

_Static_assert(offsetof(struct vmcb_control, pause_threshold) == 0x3c, "VMCB");
_Static_assert(offsetof(struct vmcb_control, asid) == 0x58, "VMCB");
_Static_assert(offsetof(struct vmcb_control, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb_control, event_inj) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb_control, clean) == 0xc0, "VMCB");
_Static_assert(offsetof(struct vmcb_control, insn_len) == 0xd0, "VMCB");
_Static_assert(sizeof(struct vmcb_control) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb_save, efer) == 0xd0, "VMCB");
_Static_assert(offsetof(struct vmcb_save, cr4) == 0x148, "VMCB");
_Static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8, "VMCB");
_Static_assert(offsetof(struct vmcb_save, rax) == 0x1f8, "VMCB");
_Static_assert(offsetof(struct vmcb_save, cr2) == 0x240, "VMCB");
_Static_assert(offsetof(struct vmcb_save, g_pat) == 0x268, "VMCB");
_Static_assert(offsetof(struct vmcb_save, spec_ctrl) == 0x2e0, "VMCB");

#endif
