/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The emulator's frame: fetch, one table from operation to handler, and what
 * is the same for every instruction at its end (rip, RF, the interrupt shadow,
 * the single-step trap).
 */
#include "x86/emulate/exec.h"

static int exec_unhandled(struct x86_emu *e)
{
	return X86_EMU_UNHANDLED;
}

static int exec_ud(struct x86_emu *e)
{
	return x86_fault(e, X86_EXC_UD);
}

#define H(OP, fn) [X86_OP_##OP] = x86_exec_##fn
#define U(OP) [X86_OP_##OP] = exec_unhandled

/* clang-format off */
/*
 * An operation that is not here: x87 is the engine's and so is SIMD but what vector.c knows, the
 * rest does not exist (#UD).
 */
static const x86_exec_fn handlers[X86_OP_COUNT] = {
	H(ADD, add), H(OR, or), H(ADC, adc), H(SBB, sbb), H(AND, and), H(SUB, sub), H(XOR, xor),
	H(CMP, cmp), H(INC, inc), H(DEC, dec), H(NOT, not), H(NEG, neg), H(TEST, test),
	H(MUL, mul), H(IMUL1, imul1), H(IMUL, imul), H(DIV, div), H(IDIV, idiv), H(MOV, mov),
	H(MOVZX, movzx), H(MOVSX, movsx), H(MOVSXD, movsx), H(MOVBE, movbe), H(LEA, lea),
	H(XCHG, xchg), H(CMPXCHG, cmpxchg), H(CMPXCHG8B, cmpxchg8b), H(CMPXCHG16B, cmpxchg16b),
	H(XADD, xadd), H(BSWAP, bswap), H(XLAT, xlat), H(ROL, rol), H(ROR, ror), H(RCL, rcl),
	H(RCR, rcr), H(SHL, shl), H(SHR, shr), H(SAR, sar), H(SHLD, shld), H(SHRD, shrd),
	H(BT, bt), H(BTS, bts), H(BTR, btr), H(BTC, btc), H(BSF, bsf), H(BSR, bsr),
	H(LZCNT, lzcnt), H(TZCNT, tzcnt), H(POPCNT, popcnt), H(CRC32, crc32), H(CBW, cbw),
	H(CWD, cwd), H(LAHF, lahf), H(SAHF, sahf), H(CLC, clc), H(STC, stc), H(CMC, cmc),
	H(CLD, cld), H(STD, std), H(DAA, daa), H(DAS, das), H(AAA, aaa), H(AAS, aas), H(AAM, aam),
	H(AAD, aad), H(SALC, salc), H(ADCX, adcx), H(ADOX, adox), H(ANDN, andn), H(BEXTR, bextr),
	H(BLSI, blsi), H(BLSMSK, blsmsk), H(BLSR, blsr), H(BZHI, bzhi), H(MULX, mulx),
	H(PDEP, pdep), H(PEXT, pext), H(RORX, rorx), H(SARX, sarx), H(SHLX, shlx), H(SHRX, shrx),
	H(SETCC, setcc), H(CMOVCC, cmovcc), H(JCC, jcc), H(JMP, jmp), H(JMP_FAR, jmp_far),
	H(CALL, call), H(CALL_FAR, call_far), H(RET, ret), H(RET_FAR, ret_far), H(IRET, iret),
	H(LOOP, loop), H(LOOPE, loop), H(LOOPNE, loop), H(JCXZ, jcxz), H(PUSH, push), H(POP, pop),
	H(PUSHA, pusha), H(POPA, popa), H(PUSHF, pushf), H(POPF, popf), H(PUSH_SEG, push_seg),
	H(POP_SEG, pop_seg), H(ENTER, enter), H(LEAVE, leave), H(INT, int), H(INT1, int1),
	H(INT3, int3), H(INTO, into), H(BOUND, bound), H(MOVS, movs), H(STOS, stos), H(LODS, lods),
	H(SCAS, scas), H(CMPS, cmps), H(INS, ins), H(OUTS, outs), H(IN, in), H(OUT, out),
	H(NOP, nop), H(PAUSE, nop), H(ENDBR, nop), H(PREFETCH, nop), H(PREFETCHW, nop),
	H(CLFLUSH, clflush), H(CLFLUSHOPT, clflush), H(CLWB, clflush), H(CLDEMOTE, nop),
	H(LFENCE, nop), H(MFENCE, nop), H(SFENCE, nop), H(MOVNTI, mov), U(RDRAND), U(RDSEED),
	H(RDPID, rdpid), H(CPUID, cpuid), H(RDTSC, rdtsc), H(RDTSCP, rdtscp), H(RDPMC, rdpmc),

	H(MOV_SEG_RM, mov_seg_rm), H(MOV_RM_SEG, mov_rm_seg), H(MOV_FROM_CR, mov_from_cr),
	H(MOV_TO_CR, mov_to_cr), H(MOV_FROM_DR, mov_from_dr), H(MOV_TO_DR, mov_to_dr),
	H(LES, load_far), H(LDS, load_far), H(LSS, load_far), H(LFS, load_far), H(LGS, load_far),
	H(ARPL, arpl), H(LAR, lar), H(LSL, lsl), H(VERR, verr), H(VERW, verw), H(SLDT, sldt),
	H(STR, str), H(LLDT, lldt), H(LTR, ltr), H(SGDT, sgdt), H(SIDT, sidt), H(LGDT, lgdt),
	H(LIDT, lidt), H(SMSW, smsw), H(LMSW, lmsw), H(CLTS, clts), H(INVD, wbinvd),
	H(WBINVD, wbinvd), H(INVLPG, invlpg), H(INVPCID, invpcid), H(HLT, hlt), H(CLI, cli),
	H(STI, sti), H(CLAC, clac), H(STAC, stac), H(RDMSR, rdmsr), H(WRMSR, wrmsr),
	H(SWAPGS, swapgs), H(SYSCALL, syscall), H(SYSRET, sysret), H(SYSENTER, sysenter),
	H(SYSEXIT, sysexit), H(MONITOR, monitor), H(MWAIT, mwait), H(XGETBV, xgetbv),
	H(XSETBV, xsetbv), H(RDFSBASE, rdfsbase), H(RDGSBASE, rdfsbase), H(WRFSBASE, wrfsbase),
	H(WRGSBASE, wrfsbase), H(VMCALL, hypercall), H(VMMCALL, hypercall), U(FXSAVE), U(FXRSTOR),
	U(XSAVE), U(XSAVEOPT), U(XSAVEC), U(XSAVES), U(XRSTOR), U(XRSTORS), U(LDMXCSR),
	U(STMXCSR), U(VLDMXCSR), U(VSTMXCSR),
};
/* clang-format on */

static x86_exec_fn find_handler(const struct x86_opcode *info)
{
	x86_exec_fn fn = handlers[info->op];

	if (likely(fn))
		return fn;
	if (info->unit == X86_U_GPR)
		return exec_ud;
	return info->unit == X86_U_X87 ? exec_unhandled : x86_exec_vector;
}

/* Above level 0: #GP, but for a few that then do not exist. */
static int level_fault(struct x86_emu *e, u16 op)
{
	switch (op) {
	case X86_OP_CLAC:
	case X86_OP_STAC:
	case X86_OP_MONITOR:
	case X86_OP_MWAIT:
		return x86_fault(e, X86_EXC_UD);
	case X86_OP_SYSRET:
		if (!(e->cpu->efer & X86_EFER_SCE))
			return x86_fault(e, X86_EXC_UD);
	}
	return x86_fault_err(e, X86_EXC_GP, 0);
}

void x86_emu_retire(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;

	if (!e->branched)
		c->rip = x86_next_rip(e);
	if (!e->keep_rf)
		c->rflags &= ~(u64)X86_RF;
	c->interrupt_shadow = e->shadow;
}

int x86_emulate(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	const struct x86_opcode *info = e->insn.info;
	bool trap = (c->rflags & X86_TF) && !e->no_single_step;
	int r;

	if (unlikely(info->kind == X86_K_UD))
		return x86_fault(e, X86_EXC_UD);
	if (unlikely(((info->attr & X86_T_PROT) || (e->insn.prefix & X86_P_VEX)) &&
		     x86_real_segments(c)))
		return x86_fault(e, X86_EXC_UD);
	if ((info->attr & X86_T_CPL0) && x86_cpl(c))
		return level_fault(e, info->op);

	e->branched = false;
	e->stepped = false;
	e->keep_rf = false;
	e->shadow = 0;
	e->event_error = 0;
	r = find_handler(info)(e);
	if (r != X86_EMU_OK && r != X86_EMU_HLT)
		return r;

	x86_emu_retire(e);
	/* MOV SS and POP SS hold the trap back, and it is lost (SDM vol. 3, 6.8.3). */
	if (unlikely(trap) && !e->stepped && !(e->shadow & X86_SHADOW_MOV_SS)) {
		e->exc = (struct x86_exception){ .vector = X86_EXC_DB, .cr2 = BIT(14) };
		return X86_EMU_FAULT;
	}
	return r;
}

/* Bytes at rip that stand in the code segment: 15, or fewer before its limit. */
static unsigned int fetch_avail(const struct x86_cpu *c, u64 rip)
{
	const struct x86_segment *cs = &c->seg[X86_CS];

	if (x86_64bit(c))
		return X86_INSN_MAX;
	if (rip > cs->limit)
		return 0;
	return min((u64)X86_INSN_MAX, (u64)cs->limit - rip + 1);
}

int x86_emu_fetch(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u8 buf[X86_INSN_MAX + 1];
	u64 rip = c->rip, lin = rip;
	unsigned int have = 0, avail = fetch_avail(c, rip);
	int r;

	if (!x86_64bit(c))
		lin = (u32)(rip + c->seg[X86_CS].base);
	else if (!x86_canonical(rip, c->linear_bits))
		return x86_fault_err(e, X86_EXC_GP, 0);

	while (have < avail) {
		u64 at = lin + have;
		unsigned int n;

		if (!x86_64bit(c))
			at = (u32)at;
		else if (!x86_canonical(at, c->linear_bits))
			return x86_fault_err(e, X86_EXC_GP, 0);
		n = min((u64)(avail - have), PAGE_SIZE - (at & (PAGE_SIZE - 1)));
		r = e->ops->read(e, at, buf + have, n, X86_ACC_FETCH);
		if (r != X86_EMU_OK)
			return r;
		have += n;
		r = x86_decode(&e->insn, buf, have, x86_code_mode(c));
		if (r == -EAGAIN)
			continue;
		if (r == -EINVAL)
			return x86_fault(e, X86_EXC_UD);
		return r ? x86_fault_err(e, X86_EXC_GP, 0) : X86_EMU_OK;
	}
	return x86_fault_err(e, X86_EXC_GP, 0);	/* over the segment's limit, or 15 bytes too few */
}

static inline int linearize_fault(struct x86_emu *e, enum x86_seg seg)
{
	return x86_fault_err(e, seg == X86_SS ? X86_EXC_SS : X86_EXC_GP, 0);
}

/* Protected-mode checks of type and limit (APM vol. 2, 4.12). */
static bool segment_allows(const struct x86_segment *s, u64 off, u64 end, unsigned int acc)
{
	if (!(s->ar & X86_AR_P))
		return false;
	if (s->ar & X86_AR_CODE) {
		if ((acc & X86_ACC_WRITE) || !(s->ar & X86_AR_W))
			return false;
		return end <= s->limit;
	}
	if ((acc & X86_ACC_WRITE) && !(s->ar & X86_AR_W))
		return false;
	if (s->ar & X86_AR_E)
		return off > s->limit && end <= ((s->ar & X86_AR_DB) ? 0xffffffffu : 0xffffu);
	return end <= s->limit;
}

int x86_linearize(struct x86_emu *e, enum x86_seg seg, u64 offset, unsigned int size,
		  unsigned int acc, u64 *lin)
{
	const struct x86_cpu *c = e->cpu;
	const struct x86_segment *s = &c->seg[seg];
	u64 end;

	if (x86_64bit(c)) {
		offset += seg == X86_FS || seg == X86_GS ? s->base : 0;
		if (!x86_canonical(offset, c->linear_bits) ||
		    !x86_canonical(offset + size - 1, c->linear_bits))
			return linearize_fault(e, seg);
		*lin = offset;
	} else {
		offset = (u32)offset;
		end = offset + size - 1;
		if (x86_real_segments(c) ? end > s->limit : !segment_allows(s, offset, end, acc))
			return linearize_fault(e, seg);
		*lin = (u32)(s->base + offset);
	}
	if (unlikely((c->rflags & X86_AC) && (c->cr0 & X86_CR0_AM)) && x86_cpl(c) == 3 &&
	    !(size & (size - 1)) && size <= 8 && (*lin & (size - 1)))
		return x86_fault_err(e, X86_EXC_AC, 0);
	return X86_EMU_OK;
}

u64 x86_ea(const struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	u64 a = (u64)(s64)i->disp;

	if (i->info->imm == X86_I_MOFFS)
		return i->disp64 & size_mask(i->addrsize);
	if (i->base == X86_REG_RIP)
		a += e->cpu->rip + i->len;
	else if (i->base != X86_REG_NONE)
		a += e->cpu->gpr[i->base];
	if (i->index != X86_REG_NONE)
		a += e->cpu->gpr[i->index] << i->scale;
	return a & size_mask(i->addrsize);
}

int x86_mem_lin(struct x86_emu *e, unsigned int size, unsigned int acc, u64 *lin)
{
	return x86_linearize(e, e->insn.seg, x86_ea(e), size, acc, lin);
}

int x86_read_rm(struct x86_emu *e, unsigned int size, u64 *val)
{
	u64 lin;
	int r;

	if (!e->insn.is_mem) {
		*val = reg_get(e, e->insn.rm, size);
		return X86_EMU_OK;
	}
	*val = 0;
	r = x86_mem_lin(e, size, 0, &lin);
	return r != X86_EMU_OK ? r : e->ops->read(e, lin, val, size, 0);
}

int x86_write_rm(struct x86_emu *e, unsigned int size, u64 val)
{
	u64 lin;
	int r;

	if (!e->insn.is_mem) {
		reg_set(e, e->insn.rm, size, val);
		return X86_EMU_OK;
	}
	r = x86_mem_lin(e, size, X86_ACC_WRITE, &lin);
	return r != X86_EMU_OK ? r : e->ops->write(e, lin, &val, size, 0);
}

int x86_read_seg(struct x86_emu *e, enum x86_seg seg, u64 off, unsigned int size, u64 *val)
{
	u64 lin;
	int r;

	*val = 0;
	r = x86_linearize(e, seg, off, size, 0, &lin);
	return r != X86_EMU_OK ? r : e->ops->read(e, lin, val, size, 0);
}

int x86_write_seg(struct x86_emu *e, enum x86_seg seg, u64 off, unsigned int size, u64 val)
{
	u64 lin;
	int r;

	r = x86_linearize(e, seg, off, size, X86_ACC_WRITE, &lin);
	return r != X86_EMU_OK ? r : e->ops->write(e, lin, &val, size, 0);
}

int x86_sys_read(struct x86_emu *e, u64 lin, unsigned int size, u64 *val)
{
	*val = 0;
	return e->ops->read(e, lin, val, size, X86_ACC_SUPER);
}

int x86_sys_write(struct x86_emu *e, u64 lin, unsigned int size, u64 val)
{
	return e->ops->write(e, lin, &val, size, X86_ACC_SUPER);
}

int x86_check_rip(struct x86_emu *e, u64 rip)
{
	const struct x86_cpu *c = e->cpu;

	if (x86_64bit(c) ? !x86_canonical(rip, c->linear_bits) : rip > c->seg[X86_CS].limit)
		return x86_fault_err(e, X86_EXC_GP, 0);
	return X86_EMU_OK;
}

void x86_set_rip(struct x86_emu *e, u64 rip)
{
	e->cpu->rip = rip;
	e->branched = true;
}

unsigned int x86_stack_size(const struct x86_cpu *c)
{
	if (x86_64bit(c))
		return 8;
	return (c->seg[X86_SS].ar & X86_AR_DB) ? 4 : 2;
}

void x86_sp_commit(struct x86_emu *e, u64 sp)
{
	gpr_set(e->cpu, X86_RSP, x86_stack_size(e->cpu), sp);
}

int x86_sp_push(struct x86_emu *e, u64 *sp, unsigned int size, u64 val)
{
	u64 new = (*sp - size) & size_mask(x86_stack_size(e->cpu));
	int r = x86_write_seg(e, X86_SS, new, size, val);

	if (r == X86_EMU_OK)
		*sp = new;
	return r;
}

int x86_sp_pop(struct x86_emu *e, u64 *sp, unsigned int size, u64 *val)
{
	u64 m = size_mask(x86_stack_size(e->cpu));
	int r = x86_read_seg(e, X86_SS, *sp & m, size, val);

	if (r == X86_EMU_OK)
		*sp = (*sp + size) & m;
	return r;
}

/* Can @n values of @size bytes be pushed below @sp? A 16-bit stack may wrap between two of them. */
int x86_sp_probe_push(struct x86_emu *e, u64 sp, unsigned int n, unsigned int size)
{
	u64 m = size_mask(x86_stack_size(e->cpu)), lin;
	int r;

	sp &= m;
	if (likely(sp >= n * size)) {
		size *= n;
		n = 1;
	}
	while (n--) {
		sp = (sp - size) & m;
		r = x86_linearize(e, X86_SS, sp, size, X86_ACC_WRITE, &lin);
		if (r == X86_EMU_OK)
			r = e->ops->probe(e, lin, size, X86_ACC_WRITE);
		if (r != X86_EMU_OK)
			return r;
	}
	return X86_EMU_OK;
}
