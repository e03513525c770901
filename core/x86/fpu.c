/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * x87, SSE and AVX state: always in memory in the standard form of XSAVE while
 * a vCPU is not running (SDM vol. 1, 13.4). A component whose bit in XSTATE_BV
 * is clear is in its initial state, whatever its bytes say; what leaves here
 * has them written out.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/cpuid.h"
#include "x86/xsave.h"

#define MXCSR_RESET 0x1f80
#define MXCSR_MASK 0xffff	/* what LDMXCSR takes; AMD's MM bit is not offered */

static struct x86_xsave *area(struct vcpu *v)
{
	vcpu_fpu(v);
	return (struct x86_xsave *)v->cpu.xsave;
}

static void written(struct vcpu *v)
{
	if (v->vm->engine->fpu_written)
		v->vm->engine->fpu_written(v);
	v->vm->engine->state_written(v);
}

void x86_fpu_reset(struct vcpu *v)
{
	struct x86_xsave *x = area(v);

	memset(v->cpu.xsave, 0, sizeof(v->cpu.xsave));
	x->fx.fcw = X86_FCW_RESET;
	x->fx.mxcsr = MXCSR_RESET;
	x->fx.mxcsr_mask = MXCSR_MASK;
	x->xstate_bv = X86_XSTATE_FP | X86_XSTATE_SSE;
	if (v->engine_ready && v->vm->engine->fpu_written)
		v->vm->engine->fpu_written(v);
}

/*
 * Write out initial states, so that every byte can be read as it stands. Not every processor
 * counts SSE as in use for MXCSR alone; but who sets the state again takes MXCSR only if it is.
 */
static void spell_out(struct x86_xsave *x)
{
	u64 in_use = x->xstate_bv;

	if (x->fx.mxcsr != MXCSR_RESET)
		in_use |= X86_XSTATE_SSE;
	x86_xsave_spell_out(x, X86_XSTATE_FP | X86_XSTATE_SSE | X86_XSTATE_AVX);
	x->xstate_bv = in_use;
	x->fx.mxcsr_mask = MXCSR_MASK;
}

long vcpu_get_fpu(void *obj, void *arg, u64 uarg)
{
	struct kvm_fpu *f = arg;
	struct x86_xsave *x = area(obj);

	spell_out(x);
	memcpy(f->fpr, x->fx.st, sizeof(f->fpr));
	f->fcw = x->fx.fcw;
	f->fsw = x->fx.fsw;
	f->ftwx = x->fx.ftw;
	f->last_opcode = x->fx.fop;
	f->last_ip = x->fx.fip;
	f->last_dp = x->fx.fdp;
	memcpy(f->xmm, x->fx.xmm, sizeof(f->xmm));
	f->mxcsr = x->fx.mxcsr;
	return 0;
}

long vcpu_set_fpu(void *obj, void *arg, u64 uarg)
{
	const struct kvm_fpu *f = arg;
	struct vcpu *v = obj;
	struct x86_xsave *x = area(v);

	spell_out(x);
	memcpy(x->fx.st, f->fpr, sizeof(f->fpr));
	x->fx.fcw = f->fcw;
	x->fx.fsw = f->fsw;
	x->fx.ftw = f->ftwx;
	x->fx.fop = f->last_opcode;
	x->fx.fip = f->last_ip;
	x->fx.fdp = f->last_dp;
	memcpy(x->fx.xmm, f->xmm, sizeof(f->xmm));
	/* Stock KVM never looked at this field: hosts leave 0 in it, which no one means. */
	if (f->mxcsr && !(f->mxcsr & ~MXCSR_MASK))
		x->fx.mxcsr = f->mxcsr;
	x->xstate_bv |= X86_XSTATE_FP | X86_XSTATE_SSE;
	written(v);
	return 0;
}

long vcpu_get_xsave(void *obj, void *arg, u64 uarg)
{
	struct x86_xsave *x = area(obj);

	spell_out(x);
	memset(arg, 0, sizeof(struct kvm_xsave));
	memcpy(arg, x, sizeof(*x));
	return 0;
}

long vcpu_set_xsave(void *obj, void *arg, u64 uarg)
{
	const struct x86_xsave *in = arg;
	struct vcpu *v = obj;
	struct x86_xsave *x = area(v);
	u64 host = x86_host_xcr0();

	if (in->fx.mxcsr & ~MXCSR_MASK)
		return -EINVAL;
	if (!host) {
		x->fx = in->fx;
		x->xstate_bv = X86_XSTATE_FP | X86_XSTATE_SSE;
	} else {
		if ((in->xstate_bv & ~host) || in->xcomp_bv)
			return -EINVAL;
		*x = *in;
		memset(x->reserved, 0, sizeof(x->reserved));
		if (!(x->xstate_bv & (X86_XSTATE_SSE | X86_XSTATE_AVX)))
			x->fx.mxcsr = MXCSR_RESET;
	}
	spell_out(x);
	written(v);
	return 0;
}

long vcpu_get_xcrs(void *obj, void *arg, u64 uarg)
{
	struct kvm_xcrs *x = arg;
	struct vcpu *v = obj;

	memset(x, 0, sizeof(*x));
	if (!x86_host_xcr0())
		return 0;
	x->nr_xcrs = 1;
	x->xcrs[0].value = v->cpu.xcr0;
	return 0;
}

long vcpu_set_xcrs(void *obj, void *arg, u64 uarg)
{
	const struct kvm_xcrs *x = arg;
	struct vcpu *v = obj;
	u32 i;

	if (!x86_host_xcr0() || x->nr_xcrs > KVM_MAX_XCRS || x->flags)
		return -EINVAL;
	for (i = 0; i < x->nr_xcrs; i++)
		if (!x->xcrs[i].xcr)
			return x86_set_xcr0(v, x->xcrs[i].value);
	return 0;
}
