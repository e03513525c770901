/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Debug registers and debug exceptions, the guest's own and those of the host
 * program's debugger.
 *
 * The processor's registers are the host's until a guest touches its own: MOV
 * DR exits, and from then on they are the guest's, until an exit finds none of
 * its breakpoints enabled. While the debugger has breakpoints, its registers
 * are in the processor and the guest's MOV DR is emulated.
 */
#include "svm.h"

#define DR_ALL 0xffffu

static bool debugger_owns(const struct vcpu *v)
{
	return v->guest_debug & KVM_GUESTDBG_USE_HW_BP;
}

/* Follows dr_open and the registers in force. */
static void set_intercepts(struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->control;
	u16 bits = s->dr_open ? 0 : DR_ALL;

	s->debug_live = s->dr_open || (x86_effective_dr(s->vcpu)[7] & SVM_DR7_ENABLES);
	if (c->dr_read == bits && c->dr_write == bits)
		return;
	c->dr_read = c->dr_write = bits;
	svm_dirty(s, SVM_CLEAN_INTERCEPTS);
}

void svm_debug_load(struct svm_vcpu *s)
{
	struct vmcb_save *m = &s->vmcb->save;
	struct vcpu *v = s->vcpu;
	bool open = !debugger_owns(v) && (s->dr_open || (v->cpu.dr[7] & SVM_DR7_ENABLES));

	s->dr_open = open;
	set_intercepts(s);
	m->dr7 = x86_effective_dr(v)[7];
	/* One that the guest can't read begins empty, so that #DB shows its causes. */
	m->dr6 = s->dr_open ? v->cpu.dr[6] : SVM_DR6_FIXED;
	svm_dirty(s, SVM_CLEAN_DR);
}

void svm_debug_setup(struct svm_vcpu *s)
{
	if (s->vcpu->state_stale)
		svm_debug_load(s);
	set_intercepts(s);
}

void svm_debug_enter(struct svm_vcpu *s)
{
	const u64 *dr = x86_effective_dr(s->vcpu);

	/* The host's breakpoints must not watch the guest's addresses; hw_guest_exit puts them back. */
	__asm__ volatile("mov %0, %%db7" : : "r"(0ul));
	__asm__ volatile("mov %0, %%db0" : : "r"(dr[0]));
	__asm__ volatile("mov %0, %%db1" : : "r"(dr[1]));
	__asm__ volatile("mov %0, %%db2" : : "r"(dr[2]));
	__asm__ volatile("mov %0, %%db3" : : "r"(dr[3]));
}

void svm_debug_leave(struct svm_vcpu *s)
{
	u64 *dr = s->vcpu->cpu.dr;

	if (s->dr_open) {
		__asm__ volatile("mov %%db0, %0" : "=r"(dr[0]));
		__asm__ volatile("mov %%db1, %0" : "=r"(dr[1]));
		__asm__ volatile("mov %%db2, %0" : "=r"(dr[2]));
		__asm__ volatile("mov %%db3, %0" : "=r"(dr[3]));
		dr[6] = s->vmcb->save.dr6;
		dr[7] = s->vmcb->save.dr7;
		if (!(dr[7] & SVM_DR7_ENABLES)) {
			s->dr_open = false;
			s->vmcb->save.dr6 = SVM_DR6_FIXED;
			svm_dirty(s, SVM_CLEAN_DR);
			set_intercepts(s);
		}
	}
}

/* ---- exits ---- */

int svm_exit_dr(struct svm_vcpu *s, enum engine_exit *why)
{
	if (debugger_owns(s->vcpu) || vcpu_debug_stepping(s->vcpu))
		return svm_emulate(s, why);
	s->dr_open = true;
	s->vmcb->save.dr6 = s->vcpu->cpu.dr[6];
	svm_dirty(s, SVM_CLEAN_DR);
	set_intercepts(s);
	return 1;
}

static u64 linear_rip(const struct x86_cpu *c)
{
	return x86_64bit(c) ? c->rip : (u32)(c->seg[X86_CS].base + c->rip);
}

int svm_exit_db(struct svm_vcpu *s, enum engine_exit *why)
{
	struct x86_exception db = { .vector = X86_EXC_DB };
	struct vcpu *v = s->vcpu;

	svm_mode_read(s);
	db.cr2 = (s->vmcb->save.dr6 ^ SVM_DR6_FIXED) & SVM_DR6_CAUSES;
	if (!s->dr_open) {
		s->vmcb->save.dr6 = SVM_DR6_FIXED;
		svm_dirty(s, SVM_CLEAN_DR);
	}
	/* A breakpoint on an instruction is a fault: the handler's IRET comes back past it. */
	if (!debugger_owns(v) && x86_break_hits(v, linear_rip(&v->cpu)))
		v->cpu.rflags |= X86_RF;
	return vcpu_raise(v, &db, why);
}

int svm_exit_bp(struct svm_vcpu *s, enum engine_exit *why)
{
	svm_mode_read(s);
	if (!vcpu_debug_exit(s->vcpu, X86_EXC_BP, 0, s->vcpu->cpu.rip))
		return svm_emulate(s, why);
	*why = ENGINE_EXIT_USER;
	return 0;
}
