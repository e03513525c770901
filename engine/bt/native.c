// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Instructions that run as themselves: the same opcode, with general registers
 * renamed by the register map and the memory operand replaced by t->mem. A guest
 * register that has no host register is stood in for by a scratch register
 * around the instruction.
 */
#include "translate.h"

/* One register operand on its way from guest to host. */
struct operand {
	u8 host;		/* register to encode */
	u8 spill;		/* BT_HOMED + n, or a host register, that it stands in for; or NO_SPILL */
	bool load, store;
	bool byte, high;	/* byte register; AH..BH */
	bool gpr;
};

#define NO_SPILL 0xff

static bool is_gpr(u8 class)
{
	return class >= X86_C_GPR8 && class <= X86_C_GPRY;
}

static u32 class_size(const struct x86_insn *i, u8 class)
{
	static const u8 size[] = {
		[X86_C_GPR8] = 1, [X86_C_GPR16] = 2, [X86_C_GPR32] = 4, [X86_C_GPR64] = 8,
	};

	if (class == X86_C_GPR)
		return i->opsize;
	if (class == X86_C_GPRY)
		return (i->rex & 8) && i->mode == X86_MODE_64 ? 8 : 4;
	return size[class];
}

static struct operand operand(const struct x86_insn *i, u8 class, u8 num, u8 acc)
{
	struct operand o = { .host = num, .spill = NO_SPILL };
	u32 size;

	if (!is_gpr(class))
		return o;
	o.gpr = true;
	size = class_size(i, class);
	o.byte = size == 1;
	if (o.byte && !i->rex && !(i->prefix & X86_P_VEX) && num >= 4 && num < 8) {
		o.high = true;
		return o;
	}
	o.host = bt_host_reg[num];
	if (o.host & BT_HOMED) {
		o.spill = o.host;
		/* A byte or a word leaves the rest of its register alone. */
		o.load = (acc & X86_A_R) || size < 4;
		o.store = acc & X86_A_W;
	}
	return o;
}

static void stand_in(struct operand *o, u8 scratch, u8 acc)
{
	if (o->spill == NO_SPILL) {		/* a high byte beside it forbids REX */
		o->spill = o->host;
		o->load = true;
		o->store = acc & X86_A_W;
	}
	o->host = scratch;
}

static void spill_load(struct bt_translation *t, const struct operand *o)
{
	if (o->spill == NO_SPILL || !o->load)
		return;
	if (o->spill & BT_HOMED)
		emit_load(t->e, o->host, bt_home(o->spill));
	else
		emit_mov(t->e, o->host, o->spill);
}

static void spill_store(struct bt_translation *t, const struct operand *o)
{
	if (o->spill == NO_SPILL || !o->store)
		return;
	if (o->spill & BT_HOMED)
		emit_store(t->e, bt_home(o->spill), o->host);
	else
		emit_mov(t->e, o->spill, o->host);
}

/* Operands of one instruction, registers chosen. */
struct form {
	struct operand reg, rm, vvvv;
	bool mem;			/* rm is memory: */
	struct emit_mem m;
};

static bool homed(const struct operand *o)
{
	return o->gpr && o->spill != NO_SPILL;
}

/* A register that is only read may stand as the memory operand that it is at home. */
static bool rm_from_home(const struct x86_insn *i, const struct operand *rm)
{
	return homed(rm) && i->info->rm_acc == X86_A_R && i->has_modrm &&
	       !(i->info->attr & (X86_T_REGONLY | X86_T_BITSTR));
}

/* Choose scratch registers. False when there are too few. */
static bool make_form(const struct x86_insn *i, struct form *f)
{
	const struct x86_opcode *o = i->info;
	u8 scratch[2] = { T1, T0 };
	u32 n = 0, most = i->is_mem ? 1 : 2;

	f->reg = operand(i, o->reg_class, i->reg, o->reg_acc);
	f->vvvv = operand(i, o->vvvv_class, i->vvvv, o->vvvv_acc);
	f->rm = (struct operand){ .spill = NO_SPILL };
	f->mem = i->is_mem;
	if (!i->is_mem)
		f->rm = operand(i, o->rm_class, i->rm, o->rm_acc);
	/* REX can't stand beside a high byte: T0 has a number below 8. */
	if (f->rm.high && f->reg.gpr && !f->reg.high && f->reg.host >= 8) {
		stand_in(&f->reg, T0, o->reg_acc);
		return true;
	}
	if (rm_from_home(i, &f->rm)) {
		f->mem = true;
		f->m = bt_home(f->rm.spill);
		f->rm = (struct operand){ .spill = NO_SPILL };
	}
	if (homed(&f->reg)) {
		if (n == most)
			return false;
		f->reg.host = scratch[n++];
	}
	if (homed(&f->rm)) {
		if (n == most)
			return false;
		f->rm.host = scratch[n++];
	}
	if (homed(&f->vvvv)) {
		if (n == most)
			return false;
		f->vvvv.host = scratch[n++];
	}
	return true;
}

/* ---- encoding ---- */

static bool wide(const struct x86_insn *i)
{
	return (i->rex & 8) && i->mode == X86_MODE_64;
}

static bool operand_size_prefix(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;

	if ((o->attr & X86_T_NOPREFIX) || o->unit != X86_U_GPR)
		return i->pp == 1;
	return i->opsize == 2 && !(o->attr & X86_T_BYTE);
}

static void legacy_prefixes(struct bt_emit *e, const struct x86_insn *i)
{
	if (i->info->unit == X86_U_X87)
		return;
	if (i->prefix & X86_P_LOCK)
		e8(e, 0xf0);
	if (operand_size_prefix(i))
		e8(e, 0x66);
	if (i->info->unit == X86_U_GPR ? (i->prefix & X86_P_F3) : i->pp == 2)
		e8(e, 0xf3);
	else if (i->info->unit == X86_U_GPR ? (i->prefix & X86_P_F2) : i->pp == 3)
		e8(e, 0xf2);
}

static bool needs_rex(const struct operand *o)
{
	return o->gpr && o->byte && !o->high && o->host >= 4;
}

/* REX.X and REX.B. */
static u8 rm_bits(const struct form *f)
{
	if (!f->mem)
		return (f->rm.host & 8) >> 3;
	return ((f->m.base & 8) >> 3) | (f->m.index != EMIT_NOREG ? (f->m.index & 8) >> 2 : 0);
}

static void legacy_opcode(struct bt_emit *e, const struct x86_insn *i, const struct form *f)
{
	u8 rex = (wide(i) ? 8 : 0) | ((f->reg.host & 8) >> 1) | rm_bits(f);

	if (i->info->reg_class == X86_C_NONE)
		rex &= ~4;
	if (!f->mem && i->info->rm_class == X86_C_NONE)
		rex &= ~1;
	if (rex || needs_rex(&f->reg) || (!f->mem && needs_rex(&f->rm)))
		e8(e, 0x40 | rex);
	if (i->map != X86_MAP_1B)
		e8(e, 0x0f);
	if (i->map == X86_MAP_0F38)
		e8(e, 0x38);
	else if (i->map == X86_MAP_0F3A)
		e8(e, 0x3a);
	/* 82 is 80 outside 64-bit mode, and nothing in it. */
	e8(e, i->map == X86_MAP_1B && i->opcode == 0x82 ? 0x80 : i->opcode);
}

static void vex_opcode(struct bt_emit *e, const struct x86_insn *i, const struct form *f)
{
	u8 reg = i->info->reg_class == X86_C_NONE ? 0 : f->reg.host;
	u8 vvvv = i->info->vvvv_class == X86_C_NONE ? 0 : f->vvvv.host;
	bool w = i->mode == X86_MODE_64 ? (i->rex & 8)
					: (i->rex & 8) && !f->reg.gpr && !f->rm.gpr &&
					  !f->vvvv.gpr && !is_gpr(i->info->rm_class);

	e8(e, 0xc4);
	e8(e, (reg & 8 ? 0 : 0x80) | ((~rm_bits(f) & 3) << 5) | i->map);
	e8(e, (w ? 0x80 : 0) | ((~vvvv & 15) << 3) | (i->vex_l ? 4 : 0) | i->pp);
	e8(e, i->opcode);
}

/* The immediate's upper half is a register's number: outside 64-bit mode there are eight. */
static bool imm_names_register(const struct x86_insn *i)
{
	return i->info->op == X86_OP_VBLENDVPS || i->info->op == X86_OP_VBLENDVPD ||
	       i->info->op == X86_OP_VPBLENDVB;
}

static void emit_imm(struct bt_emit *e, const struct x86_insn *i)
{
	u8 mask = i->mode != X86_MODE_64 && imm_names_register(i) ? 0x7f : 0xff;

	if (i->info->imm == X86_I_MOFFS)
		return;
	for (u32 n = 0; n < i->imm_len; n++)
		e8(e, i->bytes[i->imm_off + n] & mask);
}

static void emit_form(struct bt_emit *e, const struct x86_insn *i, const struct form *f)
{
	u8 reg = i->info->reg_class == X86_C_NONE ? (i->modrm >> 3) & 7 : f->reg.host;

	if (f->mem && f->m.seg)
		e8(e, f->m.seg);
	if (i->prefix & X86_P_VEX) {
		vex_opcode(e, i, f);
	} else {
		legacy_prefixes(e, i);
		legacy_opcode(e, i, f);
	}
	if (f->mem)
		e_modrm_mem(e, reg, f->m);
	else if (i->info->rm_class == X86_C_NONE)
		e8(e, i->modrm);
	else
		e8(e, 0xc0 | ((reg & 7) << 3) | (f->rm.host & 7));
	emit_imm(e, i);
}

/*
 * Outside 64-bit mode VZEROALL and VZEROUPPER leave the registers 8 to 15
 * alone (SDM vol. 2): each of the eight is cleared by an instruction that
 * writes its low half.
 */
static void emit_vzero(struct bt_emit *e, const struct x86_insn *i)
{
	bool all = i->info->op == X86_OP_VZEROALL;

	for (u32 r = 0; r < 8; r++) {
		e8(e, 0xc5);
		e8(e, all ? 0x80 | ((~r & 15) << 3) : 0xf8);
		e8(e, all ? 0x57 : 0x28);		/* vxorps, vmovaps */
		e8(e, 0xc0 | (r << 3) | r);
	}
}

/* No modrm: rAX is implied, or a register stands in the opcode. */
static void emit_short(struct bt_translation *t, const struct x86_insn *i, struct form *f)
{
	struct bt_emit *e = t->e;
	u8 h = f->reg.host;

	if (i->prefix & X86_P_VEX) {
		if (i->mode == X86_MODE_64)
			vex_opcode(e, i, f);	/* vzeroall, vzeroupper */
		else
			emit_vzero(e, i);
		return;
	}
	legacy_prefixes(e, i);
	if (i->info->reg_class == X86_C_NONE) {
		if (wide(i))
			e8(e, 0x48);
		if (i->map == X86_MAP_0F)
			e8(e, 0x0f);
		e8(e, i->opcode);
	} else if (i->info->op == X86_OP_INC || i->info->op == X86_OP_DEC) {
		/* 40..4f are REX in 64-bit mode: the long form. */
		e_prefix(e, 0, 0, EMIT_NOREG, h);
		e8(e, 0xff);
		e8(e, 0xc0 | (i->info->op == X86_OP_DEC ? 8 : 0) | (h & 7));
	} else {
		e_prefix(e, (wide(i) ? E_W : 0) | (needs_rex(&f->reg) ? E_8 : 0), 0, EMIT_NOREG, h);
		if (i->map == X86_MAP_0F)
			e8(e, 0x0f);
		e8(e, (i->opcode & ~7) | (h & 7));
	}
	emit_imm(e, i);
}

static void emit_operation(struct bt_translation *t, const struct x86_insn *i)
{
	struct form f;

	make_form(i, &f);
	if (i->is_mem)
		f.m = t->mem;
	spill_load(t, &f.reg);
	spill_load(t, &f.rm);
	spill_load(t, &f.vvvv);
	if (i->has_modrm || i->is_mem)
		emit_form(t->e, i, &f);
	else
		emit_short(t, i, &f);
	spill_store(t, &f.vvvv);	/* MULX with one register for both halves: the high one stays */
	spill_store(t, &f.reg);
	spill_store(t, &f.rm);		/* XADD of a register with itself: the sum stays */
}

/* ---- lea ---- */

static void emit_lea_insn(struct bt_translation *t, const struct x86_insn *i)
{
	u8 h = bt_host_reg[i->reg];

	bt_ea(t, i, T0);
	if (i->opsize == 2) {
		if (h & BT_HOMED)
			emit_rm(t->e, E_66, 0x89, T0, bt_home(h));
		else
			emit_rr(t->e, E_66, 0x8b, h, T0);
		return;
	}
	if (i->opsize == 4 && i->addrsize == 8)
		emit_mov32(t->e, T0, T0);
	if (h & BT_HOMED)
		emit_store(t->e, bt_home(h), T0);
	else
		emit_mov(t->e, h, T0);
}

/* The common lea is itself: every register in its place, the sizes equal. */
static bool lea_direct(struct bt_translation *t, const struct x86_insn *i)
{
	u8 h = bt_host_reg[i->reg];

	if ((h & BT_HOMED) || i->addrsize == 2 || i->opsize == 2 || i->opsize > i->addrsize)
		return false;
	if ((i->base < 16 && (bt_host_reg[i->base] & BT_HOMED)) ||
	    (i->index < 16 && (bt_host_reg[i->index] & BT_HOMED)))
		return false;
	bt_ea(t, i, h);
	if (i->opsize == 4 && i->addrsize == 8)
		emit_mov32(t->e, h, h);
	return true;
}

/* ---- the door ---- */

static bool unit_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	u32 k = t->key;

	switch (i->info->unit) {
	case X86_U_X87:
		if (i->info->op == X86_OP_FWAIT)
			return (k & (BT_KEY_TS | BT_KEY_MP)) != (BT_KEY_TS | BT_KEY_MP);
		return !(k & (BT_KEY_EM | BT_KEY_TS));
	case X86_U_MMX:
		return !(k & (BT_KEY_EM | BT_KEY_TS));
	case X86_U_SSE:
		return (k & BT_KEY_SSE) && !(k & (BT_KEY_EM | BT_KEY_TS));
	case X86_U_AVX:
		return (k & BT_KEY_AVX) && !(k & BT_KEY_TS);
	default:
		return true;
	}
}

bool bt_native_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;
	struct form f;

	if (!unit_ok(t, i) || (o->attr & X86_T_VSIB))
		return false;
	if ((i->prefix & X86_P_VEX) && t->mode == X86_MODE_16)
		return false;
	if ((o->gpr_r | o->gpr_w) & ~(BIT(X86_RAX) | BIT(X86_RCX) | BIT(X86_RDX) | BIT(X86_RBX)))
		return false;
	if (!i->is_mem)
		return make_form(i, &f);
	if (o->attr & X86_T_NOMEM)
		return true;
	if (o->attr & X86_T_BITSTR)
		return bt_bit_string_ok(t, i);
	if (!i->memsize || i->memsize > BT_BOUNCE)
		return false;
	return make_form(i, &f);
}

void bt_native(struct bt_translation *t, const struct x86_insn *i)
{
	if (i->info->op == X86_OP_LEA) {
		if (!lea_direct(t, i))
			emit_lea_insn(t, i);
	} else if (!i->is_mem) {
		emit_operation(t, i);
	} else if (i->info->attr & X86_T_BITSTR) {
		bt_bit_string(t, i);
	} else if (!(i->info->attr & X86_T_NOMEM)) {
		bt_operand(t, i, i->memsize, i->info->rm_acc, emit_operation);
	}
}
