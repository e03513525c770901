/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Where the next instruction is, and what the emulator has to do with this one.
 * Not every processor says how long an intercepted instruction is.
 */
#include "svm.h"

u64 svm_next_rip(struct svm_vcpu *s, u8 op, int modrm, bool one)
{
	struct vcpu *v = s->vcpu;
	u32 len;
	u64 next;

	svm_mode_read(s);
	if (svm_caps.next_rip)
		return s->vmcb->control.next_rip;
	len = vcpu_insn_length(v, op, modrm, one);
	next = v->cpu.rip + len;
	if (!len)
		return 0;
	return x86_64bit(&v->cpu) ? next : (u32)next;
}

int svm_emulate(struct svm_vcpu *s, enum engine_exit *why)
{
	struct x86_exception db = { .vector = X86_EXC_DB, .cr2 = SVM_DR6_BS };
	struct vcpu *v = s->vcpu;

	if (!vcpu_emulate_one(v, why))
		return 0;
	if (likely(!vcpu_debug_stepping(v)) || v->exception_pending)
		return 1;
	return vcpu_raise(v, &db, why);
}
