/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * What makes the guest exit: only what it may not do itself, what somebody
 * else wants to see, and what the processor does but the guest's CPUID does
 * not have.
 */
#include "svm.h"
#include "core-int.h"
#include "x86/cpuid.h"

/* Always. What SVM instructions a guest executes do not exist for it. */
#define MISC_ALWAYS                                                                              \
	(SVM_I_INTR | SVM_I_NMI | SVM_I_SMI | SVM_I_INIT | SVM_I_RDPMC | SVM_I_CPUID |           \
	 SVM_I_RSM | SVM_I_INVD | SVM_I_INVLPGA | SVM_I_IOIO_PROT | SVM_I_MSR_PROT |             \
	 SVM_I_SHUTDOWN)
#define MISC2_ALWAYS                                                                             \
	(SVM_I2_VMRUN | SVM_I2_VMMCALL | SVM_I2_VMLOAD | SVM_I2_VMSAVE | SVM_I2_STGI |           \
	 SVM_I2_CLGI | SVM_I2_SKINIT | SVM_I2_WBINVD | SVM_I2_XSETBV | SVM_I2_RDPRU)
/* #DB and #AC: a guest can have them delivered without end, and no interrupt comes between. */
#define EXCEPTIONS_ALWAYS (BIT(X86_EXC_DB) | BIT(X86_EXC_UD) | BIT(X86_EXC_AC) | BIT(X86_EXC_MC))

/* Before it is noticed, a guest that spins for a lock does so for some microseconds. */
#define PAUSE_COUNT 3000
#define PAUSE_THRESHOLD 128

void svm_set_misc(struct svm_vcpu *s, unsigned int vector, u32 bit, bool on)
{
	u32 *word = &s->vmcb->control.misc[vector];
	u32 val = on ? *word | bit : *word & ~bit;

	if (likely(*word == val))
		return;
	*word = val;
	svm_dirty(s, SVM_CLEAN_INTERCEPTS);
}

void svm_update_cr_intercepts(struct svm_vcpu *s, bool tpr)
{
	struct vmcb_control *c = &s->vmcb->control;
	u16 both = (s->hidden_cr0 ? SVM_CR0 : 0) | (s->hosts_cr4 ? SVM_CR4 : 0);

	c->cr_read = both;
	c->cr_write = both | (s->cr4_checked ? SVM_CR4 : 0) | (tpr ? SVM_CR8 : 0);
	svm_dirty(s, SVM_CLEAN_INTERCEPTS);
}

static bool pause_exits(const struct vm *vm)
{
	return svm_caps.pause_filter && !(vm->disabled_exits & KVM_X86_DISABLE_EXITS_PAUSE);
}

void svm_setup(struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->control;
	struct vcpu *v = s->vcpu;
	u32 off = v->vm->disabled_exits, window = c->misc[0] & (SVM_I_VINTR | SVM_I_IRET);

	s->setup_stale = false;
	c->misc[0] = MISC_ALWAYS | window;
	if (!(off & KVM_X86_DISABLE_EXITS_HLT))
		c->misc[0] |= SVM_I_HLT;
	if (pause_exits(v->vm)) {
		c->misc[0] |= SVM_I_PAUSE;
		c->pause_count = PAUSE_COUNT;
		c->pause_threshold = svm_caps.pause_threshold ? PAUSE_THRESHOLD : 0;
	}
	c->misc[1] = MISC2_ALWAYS;
	if (!(off & KVM_X86_DISABLE_EXITS_MWAIT))
		c->misc[1] |= SVM_I2_MONITOR | SVM_I2_MWAIT;
	if (!x86_guest_has(v, CPUID_RDTSCP))
		c->misc[1] |= SVM_I2_RDTSCP;
	c->misc[2] = x86_guest_has(v, CPUID_INVPCID) ? 0 : SVM_I3_INVPCID;
	c->exceptions = EXCEPTIONS_ALWAYS;
	if (v->guest_debug & KVM_GUESTDBG_USE_SW_BP)
		c->exceptions |= BIT(X86_EXC_BP);
	c->tsc_offset = v->cpu.tsc_offset;
	s->cr4_checked = svm_caps.cr4 & x86_cr4_guest_reserved(v);
	svm_update_cr_intercepts(s, c->cr_write & SVM_CR8);
	svm_debug_setup(s);
	svm_msr_setup(s);
}
