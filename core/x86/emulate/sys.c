/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Control and debug registers, MSRs, and the rest of the privileged and the
 * informative instructions. What a value means is the owner's (ops); here are
 * the level, the mode and the operands.
 */
#include "x86/emulate/exec.h"

static inline int gp0(struct x86_emu *e)
{
	return x86_fault_err(e, X86_EXC_GP, 0);
}

/* mov to and from cr and dr: 8 bytes in 64-bit mode, else 4, whatever the prefixes. */
static inline unsigned int mode_size(const struct x86_emu *e)
{
	return e->insn.mode == X86_MODE_64 ? 8 : 4;
}

static inline void set_edx_eax(struct x86_emu *e, u64 v)
{
	gpr_set(e->cpu, X86_RAX, 4, v);
	gpr_set(e->cpu, X86_RDX, 4, v >> 32);
}

static inline u64 edx_eax(const struct x86_emu *e)
{
	return gpr_get(e->cpu, X86_RAX, 4) | e->cpu->gpr[X86_RDX] << 32;
}

int x86_exec_mov_from_cr(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 v = 0;
	int r = X86_EMU_OK;

	switch (e->insn.reg) {
	case 0:
		v = c->cr0;
		break;
	case 2:
		v = c->cr2;
		break;
	case 3:
		v = c->cr3;
		break;
	case 4:
		v = c->cr4;
		break;
	case 8:
		r = e->ops->get_cr8(e, &v);
		break;
	default:
		r = x86_fault(e, X86_EXC_UD);
	}
	if (r == X86_EMU_OK)
		gpr_set(c, e->insn.rm, mode_size(e), v);
	return r;
}

/* Write a control register through the owner, who is told when a mode has changed by it. */
static int write_cr(struct x86_emu *e, unsigned int n, u64 v)
{
	struct x86_cpu *c = e->cpu;
	u64 cr0 = c->cr0, cr4 = c->cr4, efer = c->efer;
	int r = e->ops->set_cr(e, n, v);

	if (r == X86_EMU_OK && (cr0 != c->cr0 || cr4 != c->cr4 || efer != c->efer))
		x86_changed(e);
	return r;
}

int x86_exec_mov_to_cr(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 v = gpr_get(c, e->insn.rm, mode_size(e));

	switch (e->insn.reg) {
	case 2:
		c->cr2 = v;
		return X86_EMU_OK;
	case 0:
	case 3:
	case 4:
	case 8:
		return write_cr(e, e->insn.reg, v);
	}
	return x86_fault(e, X86_EXC_UD);
}

/* DR4 and DR5 are DR6 and DR7 until CR4.DE; DR7.GD makes every access a #DB. */
static int debug_register(struct x86_emu *e, unsigned int *n)
{
	*n = e->insn.reg;
	if (*n > 7 || ((*n == 4 || *n == 5) && (e->cpu->cr4 & X86_CR4_DE)))
		return x86_fault(e, X86_EXC_UD);
	if (*n == 4 || *n == 5)
		*n += 2;
	if (e->cpu->dr[7] & BIT(13)) {
		e->exc = (struct x86_exception){ .vector = X86_EXC_DB, .cr2 = BIT(13) };
		return X86_EMU_FAULT;
	}
	return X86_EMU_OK;
}

int x86_exec_mov_from_dr(struct x86_emu *e)
{
	unsigned int n;
	int r = debug_register(e, &n);

	if (r == X86_EMU_OK)
		gpr_set(e->cpu, e->insn.rm, mode_size(e), e->cpu->dr[n]);
	return r;
}

int x86_exec_mov_to_dr(struct x86_emu *e)
{
	u64 v = gpr_get(e->cpu, e->insn.rm, mode_size(e));
	unsigned int n;
	int r = debug_register(e, &n);

	if (r != X86_EMU_OK)
		return r;
	if (n >= 6 && v >> 32)
		return gp0(e);
	return e->ops->set_dr(e, n, v);
}

/* PE can be set but not cleared by lmsw. */
int x86_exec_lmsw(struct x86_emu *e)
{
	u64 v, cr0 = e->cpu->cr0;
	int r = x86_read_rm(e, 2, &v);

	if (r != X86_EMU_OK)
		return r;
	return write_cr(e, 0, (cr0 & ~0xeull) | (v & 0xf));
}

int x86_exec_clts(struct x86_emu *e)
{
	return write_cr(e, 0, e->cpu->cr0 & ~X86_CR0_TS);
}

int x86_exec_wbinvd(struct x86_emu *e)
{
	if (e->ops->wbinvd)
		e->ops->wbinvd(e);
	return X86_EMU_OK;
}

/* A non-canonical address is no fault here. */
int x86_exec_invlpg(struct x86_emu *e)
{
	const struct x86_cpu *c = e->cpu;
	enum x86_seg seg = e->insn.seg;
	u64 lin = x86_ea(e);

	if (e->insn.mode != X86_MODE_64)
		lin = (u32)(lin + c->seg[seg].base);
	else if (seg == X86_FS || seg == X86_GS)
		lin += c->seg[seg].base;
	e->ops->invlpg(e, lin);
	return X86_EMU_OK;
}

int x86_exec_invpcid(struct x86_emu *e)
{
	u64 lin, pcid = 0, addr = 0, type = gpr_get(e->cpu, e->insn.reg, mode_size(e));
	int r = x86_mem_lin(e, 16, 0, &lin);

	if (r == X86_EMU_OK)
		r = e->ops->read(e, lin, &pcid, 8, 0);
	if (r == X86_EMU_OK)
		r = e->ops->read(e, lin + 8, &addr, 8, 0);
	if (r != X86_EMU_OK)
		return r;
	if (type > 3 || pcid >> 12)
		return gp0(e);
	if (type == 0 && !x86_canonical(addr, e->cpu->linear_bits))
		return gp0(e);
	if (type <= 1 && pcid && !(e->cpu->cr4 & X86_CR4_PCIDE))
		return gp0(e);
	return e->ops->invpcid(e, type, pcid, addr);
}

int x86_exec_hlt(struct x86_emu *e)
{
	return X86_EMU_HLT;
}

int x86_exec_clac(struct x86_emu *e)
{
	if (!(e->cpu->cr4 & X86_CR4_SMAP))
		return x86_fault(e, X86_EXC_UD);
	e->cpu->rflags &= ~(u64)X86_AC;
	return X86_EMU_OK;
}

int x86_exec_stac(struct x86_emu *e)
{
	if (!(e->cpu->cr4 & X86_CR4_SMAP))
		return x86_fault(e, X86_EXC_UD);
	e->cpu->rflags |= X86_AC;
	return X86_EMU_OK;
}

int x86_exec_rdmsr(struct x86_emu *e)
{
	u64 v = 0;
	int r = e->ops->get_msr(e, e->cpu->gpr[X86_RCX], &v);

	if (r == X86_EMU_OK)
		set_edx_eax(e, v);
	return r;
}

int x86_exec_wrmsr(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 efer = c->efer;
	int r = e->ops->set_msr(e, c->gpr[X86_RCX], edx_eax(e));

	if (r == X86_EMU_OK && efer != c->efer)
		x86_changed(e);
	return r;
}

/* The monitored line is read as far as faults go; mwait then falls through, which is always allowed. */
int x86_exec_monitor(struct x86_emu *e)
{
	u64 lin;
	int r;

	if (e->no_mwait)
		return x86_fault(e, X86_EXC_UD);
	if (gpr_get(e->cpu, X86_RCX, 4))
		return gp0(e);
	r = x86_linearize(e, e->insn.seg, gpr_get(e->cpu, X86_RAX, e->insn.addrsize), 1, 0, &lin);
	return r != X86_EMU_OK ? r : e->ops->probe(e, lin, 1, 0);
}

int x86_exec_mwait(struct x86_emu *e)
{
	if (e->no_mwait)
		return x86_fault(e, X86_EXC_UD);
	return gpr_get(e->cpu, X86_RCX, 4) > 1 ? gp0(e) : X86_EMU_OK;
}

int x86_exec_xgetbv(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;

	if (!(c->cr4 & X86_CR4_OSXSAVE))
		return x86_fault(e, X86_EXC_UD);
	if (gpr_get(c, X86_RCX, 4))
		return gp0(e);
	set_edx_eax(e, c->xcr0);
	return X86_EMU_OK;
}

int x86_exec_xsetbv(struct x86_emu *e)
{
	if (!(e->cpu->cr4 & X86_CR4_OSXSAVE))
		return x86_fault(e, X86_EXC_UD);
	return e->ops->set_xcr(e, e->cpu->gpr[X86_RCX], edx_eax(e));
}

int x86_exec_rdfsbase(struct x86_emu *e)
{
	enum x86_seg seg = e->insn.info->op == X86_OP_RDFSBASE ? X86_FS : X86_GS;

	if (!(e->cpu->cr4 & X86_CR4_FSGSBASE))
		return x86_fault(e, X86_EXC_UD);
	gpr_set(e->cpu, e->insn.rm, x86_y_size(e), e->cpu->seg[seg].base);
	return X86_EMU_OK;
}

int x86_exec_wrfsbase(struct x86_emu *e)
{
	enum x86_seg n = e->insn.info->op == X86_OP_WRFSBASE ? X86_FS : X86_GS;
	struct x86_segment s = e->cpu->seg[n];

	if (!(e->cpu->cr4 & X86_CR4_FSGSBASE))
		return x86_fault(e, X86_EXC_UD);
	s.base = gpr_get(e->cpu, e->insn.rm, x86_y_size(e));
	if (!x86_canonical(s.base, e->cpu->linear_bits))
		return gp0(e);
	x86_set_seg(e, n, &s);
	return X86_EMU_OK;
}

int x86_exec_hypercall(struct x86_emu *e)
{
	return e->ops->hypercall ? e->ops->hypercall(e) : x86_fault(e, X86_EXC_UD);
}

int x86_exec_cpuid(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u32 a = c->gpr[X86_RAX], b = 0, cx = c->gpr[X86_RCX], d = 0;

	e->ops->cpuid(e, &a, &b, &cx, &d);
	c->gpr[X86_RAX] = a;
	c->gpr[X86_RBX] = b;
	c->gpr[X86_RCX] = cx;
	c->gpr[X86_RDX] = d;
	return X86_EMU_OK;
}

static bool tsc_refused(const struct x86_emu *e)
{
	return (e->cpu->cr4 & X86_CR4_TSD) && x86_cpl(e->cpu);
}

int x86_exec_rdtsc(struct x86_emu *e)
{
	if (tsc_refused(e))
		return gp0(e);
	set_edx_eax(e, e->ops->rdtsc(e));
	return X86_EMU_OK;
}

int x86_exec_rdtscp(struct x86_emu *e)
{
	int r = x86_exec_rdtsc(e);

	if (r == X86_EMU_OK)
		gpr_set(e->cpu, X86_RCX, 4, e->cpu->tsc_aux);
	return r;
}

int x86_exec_rdpmc(struct x86_emu *e)
{
	u64 v = 0;
	int r;

	if (!(e->cpu->cr4 & X86_CR4_PCE) && x86_cpl(e->cpu))
		return gp0(e);
	r = e->ops->rdpmc(e, e->cpu->gpr[X86_RCX], &v);
	if (r == X86_EMU_OK)
		set_edx_eax(e, v);
	return r;
}

int x86_exec_rdpid(struct x86_emu *e)
{
	gpr_set(e->cpu, e->insn.rm, mode_size(e), e->cpu->tsc_aux);
	return X86_EMU_OK;
}
