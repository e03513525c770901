/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* Data movement, conversions, conditions and single flags. */
#include "x86/emulate/exec.h"

bool x86_condition(u64 f, unsigned int cc)
{
	bool sf_of = !(f & X86_SF) != !(f & X86_OF), r = false;

	switch ((cc >> 1) & 7) {
	case 0:
		r = f & X86_OF;
		break;
	case 1:
		r = f & X86_CF;
		break;
	case 2:
		r = f & X86_ZF;
		break;
	case 3:
		r = f & (X86_CF | X86_ZF);
		break;
	case 4:
		r = f & X86_SF;
		break;
	case 5:
		r = f & X86_PF;
		break;
	case 6:
		r = sf_of;
		break;
	case 7:
		r = sf_of || (f & X86_ZF);
		break;
	}
	return r != (cc & 1);
}

int x86_exec_mov(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	const struct x86_opcode *info = i->info;
	unsigned int size = x86_class_size(e, info->reg_class);
	u64 v;
	int r;

	if (info->rm_acc & X86_A_W) {
		v = info->imm && info->imm != X86_I_MOFFS ? i->imm : reg_get(e, i->reg, size);
		return x86_write_rm(e, size, v);
	}
	if (info->rm_acc) {
		r = x86_read_rm(e, size, &v);
		if (r != X86_EMU_OK)
			return r;
	} else {
		v = i->imm;
	}
	reg_set(e, i->reg, size, v);
	return X86_EMU_OK;
}

static int mov_extend(struct x86_emu *e, bool sign)
{
	unsigned int from = x86_class_size(e, e->insn.info->rm_class);
	u64 v;
	int r = x86_read_rm(e, from, &v);

	if (r == X86_EMU_OK)
		reg_set(e, e->insn.reg, e->insn.opsize, sign ? (u64)sign_extend(v, from) : v);
	return r;
}

int x86_exec_movzx(struct x86_emu *e)
{
	return mov_extend(e, false);
}

int x86_exec_movsx(struct x86_emu *e)
{
	return mov_extend(e, true);
}

int x86_exec_movbe(struct x86_emu *e)
{
	const struct x86_insn *i = &e->insn;
	unsigned int size = i->opsize;
	u64 v;
	int r;

	if (i->info->rm_acc & X86_A_W) {
		v = __builtin_bswap64(reg_get(e, i->reg, size)) >> (64 - size * 8);
		return x86_write_rm(e, size, v);
	}
	r = x86_read_rm(e, size, &v);
	if (r == X86_EMU_OK)
		reg_set(e, i->reg, size, __builtin_bswap64(v) >> (64 - size * 8));
	return r;
}

int x86_exec_lea(struct x86_emu *e)
{
	reg_set(e, e->insn.reg, e->insn.opsize, x86_ea(e));
	return X86_EMU_OK;
}

int x86_exec_xlat(struct x86_emu *e)
{
	struct x86_cpu *c = e->cpu;
	u64 off = (c->gpr[X86_RBX] + gpr_get(c, X86_RAX, 1)) & size_mask(e->insn.addrsize), v;
	int r = x86_read_seg(e, e->insn.seg, off, 1, &v);

	if (r == X86_EMU_OK)
		gpr_set(c, X86_RAX, 1, v);
	return r;
}

int x86_exec_cbw(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;

	gpr_set(e->cpu, X86_RAX, size, sign_extend(e->cpu->gpr[X86_RAX], size / 2));
	return X86_EMU_OK;
}

int x86_exec_cwd(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;

	gpr_set(e->cpu, X86_RDX, size, sign_extend(e->cpu->gpr[X86_RAX], size) < 0 ? ~0ull : 0);
	return X86_EMU_OK;
}

#define AH_FLAGS (X86_SF | X86_ZF | X86_AF | X86_PF | X86_CF)

int x86_exec_lahf(struct x86_emu *e)
{
	u64 ah = (e->cpu->rflags & AH_FLAGS) | BIT(1);

	e->cpu->gpr[X86_RAX] = (e->cpu->gpr[X86_RAX] & ~0xff00ull) | ah << 8;
	return X86_EMU_OK;
}

int x86_exec_sahf(struct x86_emu *e)
{
	flags_set(e, AH_FLAGS, e->cpu->gpr[X86_RAX] >> 8);
	return X86_EMU_OK;
}

int x86_exec_clc(struct x86_emu *e)
{
	flags_set(e, X86_CF, 0);
	return X86_EMU_OK;
}

int x86_exec_stc(struct x86_emu *e)
{
	flags_set(e, X86_CF, X86_CF);
	return X86_EMU_OK;
}

int x86_exec_cmc(struct x86_emu *e)
{
	e->cpu->rflags ^= X86_CF;
	return X86_EMU_OK;
}

int x86_exec_cld(struct x86_emu *e)
{
	flags_set(e, X86_DF, 0);
	return X86_EMU_OK;
}

int x86_exec_std(struct x86_emu *e)
{
	flags_set(e, X86_DF, X86_DF);
	return X86_EMU_OK;
}

int x86_exec_salc(struct x86_emu *e)
{
	gpr_set(e->cpu, X86_RAX, 1, e->cpu->rflags & X86_CF ? 0xff : 0);
	return X86_EMU_OK;
}

int x86_exec_setcc(struct x86_emu *e)
{
	return x86_write_rm(e, 1, x86_condition(e->cpu->rflags, e->insn.opcode));
}

/* The source is read, and a 32-bit destination is zero-extended, whatever the condition. */
int x86_exec_cmovcc(struct x86_emu *e)
{
	unsigned int size = e->insn.opsize;
	u64 v;
	int r = x86_read_rm(e, size, &v);

	if (r != X86_EMU_OK)
		return r;
	if (!x86_condition(e->cpu->rflags, e->insn.opcode))
		v = reg_get(e, e->insn.reg, size);
	reg_set(e, e->insn.reg, size, v);
	return X86_EMU_OK;
}

int x86_exec_nop(struct x86_emu *e)
{
	return X86_EMU_OK;
}

/* The line is read as far as faults go; caches are coherent, there is nothing to flush. */
int x86_exec_clflush(struct x86_emu *e)
{
	u64 lin;
	int r = x86_mem_lin(e, 1, 0, &lin);

	return r != X86_EMU_OK ? r : e->ops->probe(e, lin, 1, 0);
}
