/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Exits: a table by exit code (APM vol. 2, appendix C). What the processor has
 * decoded is finished by core/x86/decoded.c; the rest goes to the emulator.
 */
#include "svm.h"
#include "core-int.h"

typedef int exit_fn(struct svm_vcpu *s, enum engine_exit *why);

/* Nothing to do: what it was for happens on the way. */
static int on_nothing(struct svm_vcpu *s, enum engine_exit *why)
{
	return 1;
}

static int raise(struct svm_vcpu *s, const struct x86_exception *e)
{
	vcpu_queue_exception(s->vcpu, e);
	return 1;
}

static int on_undefined(struct svm_vcpu *s, enum engine_exit *why)
{
	static const struct x86_exception ud = { .vector = X86_EXC_UD };

	return raise(s, &ud);
}

/* ---- instructions ---- */

static int on_cpuid(struct svm_vcpu *s, enum engine_exit *why)
{
	u64 next = svm_next_rip(s, 0xa2, -1, false);

	return likely(next) ? vcpu_decoded_cpuid(s->vcpu, next, why) : svm_emulate(s, why);
}

static int on_msr(struct svm_vcpu *s, enum engine_exit *why)
{
	bool write = s->vmcb->control.exit_info_1;
	u64 next = svm_next_rip(s, write ? 0x30 : 0x32, -1, false);

	if (unlikely(!next))
		return svm_emulate(s, why);
	return write ? vcpu_decoded_wrmsr(s->vcpu, next, why) :
		       vcpu_decoded_rdmsr(s->vcpu, next, why);
}

/* The address of the next instruction comes with it, on every processor. */
static int on_io(struct svm_vcpu *s, enum engine_exit *why)
{
	const struct vmcb_control *c = &s->vmcb->control;
	u32 info = c->exit_info_1;

	if (unlikely((info & SVM_IOIO_STR) || s->debug_live))
		return svm_emulate(s, why);
	return vcpu_decoded_io(s->vcpu, info >> 16, SVM_IOIO_SIZE(info), info & SVM_IOIO_IN,
			       c->exit_info_2, why);
}

static int on_hlt(struct svm_vcpu *s, enum engine_exit *why)
{
	u64 next = svm_next_rip(s, 0xf4, -1, true);

	return likely(next) ? vcpu_decoded_hlt(s->vcpu, next, why) : svm_emulate(s, why);
}

static int on_pause(struct svm_vcpu *s, enum engine_exit *why)
{
	u64 next = svm_next_rip(s, 0x90, -1, true);

	hw_yield_to(s->vcpu->vm, s->vcpu);
	return likely(next) ? vcpu_decoded_skip(s->vcpu, next, why) : svm_emulate(s, why);
}

static int on_vmmcall(struct svm_vcpu *s, enum engine_exit *why)
{
	u64 next = s->vcpu->emu.vendor_intel ? 0 : svm_next_rip(s, 0x01, 0xd9, false);

	return likely(next) ? vcpu_decoded_hypercall(s->vcpu, next, why) : svm_emulate(s, why);
}

/* MOV to a control register, where the processor says which and how long it is. */
static int on_cr_write(struct svm_vcpu *s, enum engine_exit *why)
{
	static int (*const set[9])(struct vcpu *v, u64 val) = {
		[0] = x86_set_cr0, [4] = x86_set_cr4, [8] = x86_set_cr8,
	};
	static const struct x86_exception gp = { .vector = X86_EXC_GP, .has_error = true };
	u64 info = s->vmcb->control.exit_info_1, next = s->vmcb->control.next_rip, val;
	struct vcpu *v = s->vcpu;

	if (!svm_caps.decode_assists || !svm_caps.next_rip || !(info & SVM_CR_MOV))
		return svm_emulate(s, why);
	vcpu_state(v);
	val = v->cpu.gpr[info & SVM_CR_GPR];
	if (!x86_64bit(&v->cpu))
		val = (u32)val;
	if (set[s->vmcb->control.exit_code - SVM_EXIT_CR_WRITE](v, val))
		return raise(s, &gp);
	return vcpu_decoded_skip(v, next, why);
}

/* The other vendor's instructions, which this processor does not have and the emulator does. */
static bool foreign(struct vcpu *v)
{
	vcpu_state(v);
	v->memory_gone = false;
	if (x86_emu_fetch(&v->emu) != X86_EMU_OK)
		return false;
	switch (v->emu.insn.info->op) {
	case X86_OP_VMCALL:
	case X86_OP_VMMCALL:
		return true;
	case X86_OP_SYSENTER:
	case X86_OP_SYSEXIT:
		return v->emu.vendor_intel;
	default:
		return false;
	}
}

static int on_ud(struct svm_vcpu *s, enum engine_exit *why)
{
	if (foreign(s->vcpu))
		return svm_emulate(s, why);
	/* Code that has gone: the processor tries again, and finds so. */
	return s->vcpu->memory_gone ? 1 : on_undefined(s, why);
}

/* ---- other exceptions ---- */

/*
 * The delivery of an event met what the processor does not finish. The event is queued again, and
 * the emulator's this time; of INT n and its like the instruction is, which begins again.
 */
static int deliver_slowly(struct svm_vcpu *s, enum engine_exit *why)
{
	const struct vcpu *v = s->vcpu;

	if (!v->exception_pending && !v->nmi_injected && !v->interrupt_injected)
		return svm_emulate(s, why);
	s->deliver_slow = true;
	return 1;
}

static int on_ac(struct svm_vcpu *s, enum engine_exit *why)
{
	struct x86_exception ac = { .vector = X86_EXC_AC, .has_error = true,
				    .error = s->vmcb->control.exit_info_1 };

	if (s->vmcb->control.exit_int_info & SVM_EVENT_VALID)
		return deliver_slowly(s, why);
	return raise(s, &ac);
}

static int on_mc(struct svm_vcpu *s, enum engine_exit *why)
{
	hw_machine_check();
	return 1;
}

/* ---- memory ---- */

static int on_npf(struct svm_vcpu *s, enum engine_exit *why)
{
	const struct vmcb_control *c = &s->vmcb->control;
	u64 gpa = c->exit_info_2, error = c->exit_info_1;
	u32 acc = (error & SVM_NPF_WRITE ? NESTED_WRITE : 0) |
		  (error & SVM_NPF_FETCH ? NESTED_EXEC : 0);

	hw_trace_page_fault(s->vcpu, s->vcpu->cpu.rip, gpa, error);
	switch (nested_fault(s->vcpu, gpa, acc)) {
	case NESTED_OK:
	case NESTED_AGAIN:
	case NESTED_ASYNC:
		return 1;
	case NESTED_MMIO:
		/* A stack or table of an event there is the emulator's, too. */
		if (unlikely(c->exit_int_info & SVM_EVENT_VALID))
			return deliver_slowly(s, why);
		if (likely(error & SVM_NPF_FINAL))
			s->vcpu->known_gpa = gpa;
		return svm_emulate(s, why);
	case NESTED_GONE:
	case NESTED_NOMEM:
		break;
	}
	*why = ENGINE_EXIT_FAULT;
	return 0;
}

/* ---- ends ---- */

/*
 * What the VMCB holds now nobody says (15.14.3): the vCPU begins anew, as after INIT. But
 * processors leave what the guest died of, and after this nothing else is left to tell.
 */
static int on_shutdown(struct svm_vcpu *s, enum engine_exit *why)
{
	const struct vmcb_save *m = &s->vmcb->save;
	struct vcpu *v = s->vcpu;

	plat_log("vcpu %u: shutdown (cs:rip %x:%llx, rsp %llx, cr0 %llx, cr2 %llx, cr3 %llx, event %llx)",
		 v->id, m->cs.selector, (unsigned long long)m->rip, (unsigned long long)m->rsp,
		 (unsigned long long)m->cr0, (unsigned long long)m->cr2,
		 (unsigned long long)m->cr3,
		 (unsigned long long)s->vmcb->control.exit_int_info);
	svm_vmcb_init(s);
	v->state_stale = false;
	x86_vcpu_reset(v, true);
	*why = ENGINE_EXIT_SHUTDOWN;
	return 0;
}

static int unknown(struct svm_vcpu *s, enum engine_exit *why)
{
	const struct vmcb_control *c = &s->vmcb->control;
	struct kvm_run *run = s->vcpu->run;

	if (c->exit_code == SVM_EXIT_INVALID)
		plat_log("vcpu %u: the processor refuses the guest's state (rip %llx, cr0 %llx, cr4 %llx, efer %llx)",
			 s->vcpu->id, (unsigned long long)s->vcpu->cpu.rip,
			 (unsigned long long)s->vmcb->save.cr0,
			 (unsigned long long)s->vmcb->save.cr4,
			 (unsigned long long)s->vmcb->save.efer);
	else
		plat_log("vcpu %u: exit %llx, which was not asked for (rip %llx)", s->vcpu->id,
			 (unsigned long long)c->exit_code, (unsigned long long)s->vcpu->cpu.rip);
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = c->exit_code;
	run->fail_entry.cpu = s->cpu;
	*why = ENGINE_EXIT_USER;
	return 0;
}

/* ---- the table ---- */

static exit_fn *const exits[] = {
	[SVM_EXIT_CR_READ + 0] = svm_emulate,
	[SVM_EXIT_CR_READ + 4] = svm_emulate,
	[SVM_EXIT_CR_WRITE + 0] = on_cr_write,
	[SVM_EXIT_CR_WRITE + 4] = on_cr_write,
	[SVM_EXIT_CR_WRITE + 8] = on_cr_write,
	[SVM_EXIT_DR_READ ... SVM_EXIT_DR_WRITE + 15] = svm_exit_dr,
	[SVM_EXIT_EXCP + X86_EXC_DB] = svm_exit_db,
	[SVM_EXIT_EXCP + X86_EXC_BP] = svm_exit_bp,
	[SVM_EXIT_EXCP + X86_EXC_UD] = on_ud,
	[SVM_EXIT_EXCP + X86_EXC_AC] = on_ac,
	[SVM_EXIT_EXCP + X86_EXC_MC] = on_mc,
	[SVM_EXIT_INTR ... SVM_EXIT_VINTR] = on_nothing,
	[SVM_EXIT_RDPMC] = svm_emulate,
	[SVM_EXIT_CPUID] = on_cpuid,
	[SVM_EXIT_RSM] = on_undefined,
	[SVM_EXIT_IRET] = svm_emulate,
	[SVM_EXIT_INVD] = svm_emulate,
	[SVM_EXIT_PAUSE] = on_pause,
	[SVM_EXIT_HLT] = on_hlt,
	[SVM_EXIT_INVLPGA] = on_undefined,
	[SVM_EXIT_IOIO] = on_io,
	[SVM_EXIT_MSR] = on_msr,
	[SVM_EXIT_SHUTDOWN] = on_shutdown,
	[SVM_EXIT_VMRUN] = on_undefined,
	[SVM_EXIT_VMMCALL] = on_vmmcall,
	[SVM_EXIT_VMLOAD ... SVM_EXIT_RDTSCP] = on_undefined,
	[SVM_EXIT_WBINVD ... SVM_EXIT_MWAIT_ARMED] = svm_emulate,
	[SVM_EXIT_XSETBV] = svm_emulate,
	[SVM_EXIT_RDPRU] = on_undefined,
	[SVM_EXIT_INVPCID] = on_undefined,
};

int svm_exit(struct svm_vcpu *s, enum engine_exit *why)
{
	u64 code = s->vmcb->control.exit_code;

	if (code == SVM_EXIT_NPF)
		return on_npf(s, why);
	if (likely(code < ARRAY_SIZE(exits) && exits[code]))
		return exits[code](s, why);
	return unknown(s, why);
}
