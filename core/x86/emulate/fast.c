/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The fast system calls. AMD and Intel differ in the modes where each exists
 * and in what sysret checks; e->vendor_intel says whose rules the guest's CPUID
 * promises. APM vol. 3 and SDM vol. 2 under each instruction.
 */
#include "x86/emulate/exec.h"

#define AR_CODE64 0xa09b	/* G L P S, code, readable, accessed */
#define AR_CODE32 0xc09b	/* G D P S */
#define AR_DATA 0xc093
#define AR_DPL3 0x60

static void set_flat(struct x86_emu *e, enum x86_seg seg, u16 sel, u16 ar)
{
	struct x86_segment s;

	x86_flat_segment(sel, ar, &s);
	x86_set_seg(e, seg, &s);
}

int x86_exec_syscall(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	bool lng = x86_long_mode(c);
	u16 sel = (c->star >> 32) & 0xfffc;

	if (!(c->efer & X86_EFER_SCE) || !x86_protected(c) || x86_v86(c) ||
	    (e->vendor_intel && e->insn.mode != X86_MODE_64))
		return x86_fault(e, X86_EXC_UD);
	c->gpr[X86_RCX] = x86_next_rip(e);
	if (lng) {
		c->gpr[X86_R11] = c->rflags & ~(u64)X86_RF;
		x86_set_rip(e, e->insn.mode == X86_MODE_64 ? c->lstar : c->cstar);
		c->rflags &= ~(c->sfmask | X86_RF);
		c->rflags |= BIT(1);
	} else {
		x86_set_rip(e, (u32)c->star);
		c->rflags &= ~(u64)(X86_IF | X86_VM | X86_RF);
	}
	set_flat(e, X86_SS, sel + 8, AR_DATA);
	set_flat(e, X86_CS, sel, lng ? AR_CODE64 : AR_CODE32);
	e->stepped = !(c->rflags & X86_TF);
	return X86_EMU_OK;
}

int x86_exec_sysret(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	bool lng = x86_long_mode(c), to64 = e->insn.opsize == 8;
	u16 sel = c->star >> 48;
	u64 rip = c->gpr[X86_RCX];

	if (!(c->efer & X86_EFER_SCE) || (e->vendor_intel && e->insn.mode != X86_MODE_64))
		return x86_fault(e, X86_EXC_UD);
	if (!x86_protected(c))
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (to64 && e->vendor_intel && !x86_canonical(rip, c->linear_bits))
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (lng) {
		c->rflags = (c->gpr[X86_R11] & (X86_FLAGS_USER | X86_IF | X86_IOPL | X86_VIF |
						X86_VIP)) | BIT(1);
	} else {
		c->rflags |= X86_IF;
	}
	x86_set_rip(e, to64 ? rip : (u32)rip);
	set_flat(e, X86_SS, (sel + 8) | 3, AR_DATA | AR_DPL3);
	set_flat(e, X86_CS, (sel + (to64 ? 16 : 0)) | 3,
		 (to64 ? AR_CODE64 : AR_CODE32) | AR_DPL3);
	e->stepped = true;
	return X86_EMU_OK;
}

int x86_exec_sysenter(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	bool lng = x86_long_mode(c);
	u16 sel = c->sysenter_cs & 0xfffc;

	if (lng && !e->vendor_intel)
		return x86_fault(e, X86_EXC_UD);
	if (!x86_protected(c) || !sel)
		return x86_fault_err(e, X86_EXC_GP, 0);
	c->rflags &= ~(u64)(X86_VM | X86_IF | X86_RF);
	c->gpr[X86_RSP] = lng ? c->sysenter_esp : (u32)c->sysenter_esp;
	x86_set_rip(e, lng ? c->sysenter_eip : (u32)c->sysenter_eip);
	set_flat(e, X86_SS, sel + 8, AR_DATA);
	set_flat(e, X86_CS, sel, lng ? AR_CODE64 : AR_CODE32);
	x86_changed(e);
	return X86_EMU_OK;
}

int x86_exec_sysexit(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	bool to64 = e->insn.opsize == 8;
	u16 sel = c->sysenter_cs & 0xfffc;
	u64 rip = c->gpr[X86_RDX], rsp = c->gpr[X86_RCX];

	if (x86_long_mode(c) && !e->vendor_intel)
		return x86_fault(e, X86_EXC_UD);
	if (!x86_protected(c) || !sel)
		return x86_fault_err(e, X86_EXC_GP, 0);
	if (to64 && (!x86_canonical(rip, c->linear_bits) || !x86_canonical(rsp, c->linear_bits)))
		return x86_fault_err(e, X86_EXC_GP, 0);
	c->gpr[X86_RSP] = to64 ? rsp : (u32)rsp;
	x86_set_rip(e, to64 ? rip : (u32)rip);
	sel += to64 ? 32 : 16;
	set_flat(e, X86_SS, (sel + 8) | 3, AR_DATA | AR_DPL3);
	set_flat(e, X86_CS, sel | 3, (to64 ? AR_CODE64 : AR_CODE32) | AR_DPL3);
	return X86_EMU_OK;
}

int x86_exec_swapgs(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	struct x86_segment gs = c->seg[X86_GS];
	u64 kernel = c->kernel_gs_base;

	c->kernel_gs_base = gs.base;
	gs.base = kernel;
	x86_set_seg(e, X86_GS, &gs);
	return X86_EMU_OK;
}
