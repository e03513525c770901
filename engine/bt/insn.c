// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What can't run as itself though it is common: the stack, and near branches.
 * A memory write comes before the register change that belongs to it only in
 * program order here; both stand in the body that bt_access places, so that a
 * fault finds neither done.
 */
#include "translate.h"

#define SCRATCH EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 8)

/* rsp += @delta without touching flags. */
static void stack_move(struct bt_translation *t, s32 delta)
{
	u32 f = t->wide_stack ? E_W : (t->key & BT_KEY_SS32) ? 0 : E_66;

	emit_rm(t->e, f, 0x8d, G_RSP, EMIT_MEM(G_RSP, delta));
}

static u32 size_flag(u32 size)
{
	return size == 8 ? E_W : size == 2 ? E_66 : 0;
}

/* reg = [m], zero-extended from @size bytes. */
static void load_zx(struct bt_translation *t, u8 reg, struct emit_mem m, u32 size)
{
	if (size == 2)
		emit_rm(t->e, E_0F, 0xb7, reg, m);
	else
		emit_rm(t->e, size_flag(size), 0x8b, reg, m);
}

/* ---- bodies: t->mem is the place ---- */

static void body_push_reg(struct bt_translation *t, const struct x86_insn *i)
{
	u8 h = bt_host_reg[i->has_modrm ? i->rm : i->reg];

	if (h & BT_HOMED) {
		emit_load(t->e, T1, bt_home(h));
		h = T1;
	}
	emit_rm(t->e, size_flag(i->opsize), 0x89, h, t->mem);
	stack_move(t, -(s32)i->opsize);
}

/* Store the constant @v of @size bytes at t->mem. */
static void store_const(struct bt_translation *t, u64 v, u32 size)
{
	if (size == 8 && (s64)v != (s32)v) {
		emit_const(t->e, T1, v);
		emit_store(t->e, t->mem, T1);
		return;
	}
	emit_rm(t->e, size_flag(size), 0xc7, 0, t->mem);
	if (size == 2) {
		e8(t->e, v);
		e8(t->e, v >> 8);
	} else {
		e32(t->e, v);
	}
}

static void body_push_imm(struct bt_translation *t, const struct x86_insn *i)
{
	store_const(t, i->imm, i->opsize);
	stack_move(t, -(s32)i->opsize);
}

static void body_push_next(struct bt_translation *t, const struct x86_insn *i)
{
	store_const(t, bt_insn_rip(t, t->cur + 1), i->opsize);
	stack_move(t, -(s32)i->opsize);
}

static void body_to_scratch(struct bt_translation *t, const struct x86_insn *i)
{
	load_zx(t, T1, t->mem, i->opsize);
	emit_store(t->e, SCRATCH, T1);
}

static void body_push_scratch(struct bt_translation *t, const struct x86_insn *i)
{
	emit_load(t->e, T1, SCRATCH);
	emit_rm(t->e, size_flag(i->opsize), 0x89, T1, t->mem);
	stack_move(t, -(s32)i->opsize);
}

static void body_pop_reg(struct bt_translation *t, const struct x86_insn *i)
{
	u8 g = i->has_modrm ? i->rm : i->reg, h = bt_host_reg[g];

	if (g == X86_RSP && i->opsize == 2) {
		/* rsp moves first, and its upper part stays moved. */
		load_zx(t, T1, t->mem, 2);
		stack_move(t, 2);
		emit_rr(t->e, E_66, 0x8b, G_RSP, T1);
		return;
	}
	if (g == X86_RSP) {
		emit_rm(t->e, size_flag(i->opsize), 0x8b, G_RSP, t->mem);
		return;
	}
	if (h & BT_HOMED) {
		load_zx(t, T1, t->mem, i->opsize);
		emit_rm(t->e, i->opsize == 2 ? E_66 : E_W, 0x89, T1, bt_home(h));
	} else {
		emit_rm(t->e, size_flag(i->opsize), 0x8b, h, t->mem);
	}
	stack_move(t, i->opsize);
}

static void body_leave(struct bt_translation *t, const struct x86_insn *i)
{
	u32 f = size_flag(i->opsize);

	emit_rr(t->e, f, 0x8b, T1, X86_RBP);
	emit_rm(t->e, f, 0x8b, X86_RBP, t->mem);
	emit_rm(t->e, f, 0x8d, G_RSP, EMIT_MEM(T1, i->opsize));
}

static void body_load_target(struct bt_translation *t, const struct x86_insn *i)
{
	load_zx(t, T0, t->mem, i->opsize);
}

static void body_ret(struct bt_translation *t, const struct x86_insn *i)
{
	load_zx(t, T0, t->mem, i->opsize);
	stack_move(t, i->opsize + (i->imm_len ? (s32)(u16)i->imm : 0));
}

/* ---- stack ---- */

static void push_at_top(struct bt_translation *t, const struct x86_insn *i, bt_body body)
{
	bt_stack(t, i, -(s32)i->opsize, X86_A_W, body);
}

static void insn_push(struct bt_translation *t, const struct x86_insn *i)
{
	if (i->is_mem) {
		bt_operand(t, i, i->opsize, X86_A_R, body_to_scratch);
		push_at_top(t, i, body_push_scratch);
	} else if (i->imm_len) {
		push_at_top(t, i, body_push_imm);
	} else {
		push_at_top(t, i, body_push_reg);
	}
}

static void insn_pop(struct bt_translation *t, const struct x86_insn *i)
{
	bt_stack(t, i, 0, X86_A_R, body_pop_reg);
}

static void insn_leave(struct bt_translation *t, const struct x86_insn *i)
{
	if (bt_window_stack(t, i, X86_RBP, 0, X86_A_R, body_leave))
		return;
	emit_rr(t->e, size_flag(i->opsize), 0x8b, T0, X86_RBP);
	bt_access(t, i, i->opsize, X86_A_R, X86_SS, body_leave);
}

/* ---- near branches ---- */

static void insn_jcc(struct bt_translation *t, const struct x86_insn *i)
{
	bt_edge_cc(t, i->opcode & 15, bt_target(t, i), t->live[t->n]);
	bt_edge(t, bt_insn_rip(t, t->n), t->live[t->n]);
}

/* T0 = the register operand, cut to the operand size. */
static void target_reg(struct bt_translation *t, const struct x86_insn *i)
{
	bt_get(t, T0, i->rm);
	if (i->opsize == 2)
		emit_rr(t->e, E_0F, 0xb7, T0, T0);
	else if (i->opsize == 4)
		emit_mov32(t->e, T0, T0);
}

static void insn_jmp(struct bt_translation *t, const struct x86_insn *i)
{
	if (i->imm_len) {
		bt_edge(t, bt_target(t, i), t->live[t->n]);
		return;
	}
	if (i->is_mem) {
		bt_operand(t, i, i->opsize, X86_A_R, body_load_target);
	} else {
		target_reg(t, i);
	}
	bt_edge_indirect(t);
}

static void insn_call(struct bt_translation *t, const struct x86_insn *i)
{
	bt_edge_call(t);
	if (i->imm_len) {
		push_at_top(t, i, body_push_next);
		bt_edge(t, bt_target(t, i), t->live[t->n]);
		return;
	}
	if (i->is_mem) {
		bt_operand(t, i, i->opsize, X86_A_R, body_to_scratch);
	} else {
		target_reg(t, i);
		emit_store(t->e, SCRATCH, T0);
	}
	push_at_top(t, i, body_push_next);
	emit_load(t->e, T0, SCRATCH);
	bt_edge_indirect(t);
}

static void insn_ret(struct bt_translation *t, const struct x86_insn *i)
{
	bt_stack(t, i, 0, X86_A_R, body_ret);
	bt_edge_ret(t, i->imm_len ? (u16)i->imm : 0);
}

/* jrcxz or jecxz over @over bytes. */
static void emit_jrcxz(struct bt_translation *t, const struct x86_insn *i, u8 over)
{
	if (i->addrsize == 4)
		e8(t->e, 0x67);
	e8(t->e, 0xe3);
	e8(t->e, over);
}

/* loop, loope, loopne: leave on a zero count, or on the flag; else the 5-byte jump is taken. */
static void insn_loop(struct bt_translation *t, const struct x86_insn *i)
{
	bool cond = i->info->op != X86_OP_LOOP;
	struct bt_cold *c;

	emit_rm(t->e, i->addrsize == 8 ? E_W : 0, 0x8d, R_RCX, EMIT_MEM(R_RCX, -1));
	emit_jrcxz(t, i, cond ? 7 : 5);
	if (cond) {
		e8(t->e, i->info->op == X86_OP_LOOPE ? 0x75 : 0x74);
		e8(t->e, 5);
	}
	c = bt_cold(t, COLD_EDGE, emit_jump(t->e, CC_ALWAYS));
	c->rip = bt_target(t, i);
	c->flags = t->live[t->n];
	bt_edge(t, bt_insn_rip(t, t->n), t->live[t->n]);
}

static void insn_jcxz(struct bt_translation *t, const struct x86_insn *i)
{
	struct bt_cold *c;

	emit_jrcxz(t, i, 2);
	e8(t->e, 0xeb);			/* jmp over the taken edge */
	e8(t->e, 5);
	c = bt_cold(t, COLD_EDGE, emit_jump(t->e, CC_ALWAYS));
	c->rip = bt_target(t, i);
	c->flags = t->live[t->n];
	bt_edge(t, bt_insn_rip(t, t->n), t->live[t->n]);
}

/* ---- which, and what for each ---- */

static const struct bt_row rows[] = {
	{ X86_OP_PUSH, insn_push }, { X86_OP_POP, insn_pop },	   { X86_OP_LEAVE, insn_leave },
	{ X86_OP_JCC, insn_jcc },   { X86_OP_JMP, insn_jmp },	   { X86_OP_CALL, insn_call },
	{ X86_OP_RET, insn_ret },   { X86_OP_LOOP, insn_loop },	   { X86_OP_LOOPE, insn_loop },
	{ X86_OP_LOOPNE, insn_loop }, { X86_OP_JCXZ, insn_jcxz },
};

static const struct bt_row *find_row(u16 op)
{
	return bt_find_row(rows, ARRAY_SIZE(rows), op);
}

static bool stack_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	if (i->info->op == X86_OP_POP)
		return !i->is_mem;
	if (i->info->op == X86_OP_LEAVE)
		return t->wide_stack ? i->opsize == 8 : i->opsize == 4 && (t->key & BT_KEY_SS32);
	return true;
}

/* The new rip must lie in CS: the emulator checks where the limit can matter (APM vol. 2, 4.12). */
static bool branch_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	u32 limit = t->b->cs_limit;
	u16 op = i->info->op;

	if (op == X86_OP_LOOP || op == X86_OP_LOOPE || op == X86_OP_LOOPNE || op == X86_OP_JCXZ)
		if (i->addrsize == 2)
			return false;
	if (t->key & BT_KEY_FLAT)
		return true;
	if (!i->imm_len || op == X86_OP_RET)
		return limit >= (i->opsize == 2 ? 0xffffu : 0xffffffffu);
	return ((t->rip + t->off[t->n] + i->len + i->imm) &
		(i->opsize == 2 ? 0xffff : 0xffffffff)) <= limit;
}

bool bt_insn_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	switch (i->info->kind) {
	case X86_K_NATIVE:
	case X86_K_NATIVE_DE:
		return bt_native_ok(t, i);
	case X86_K_STACK:
		return find_row(i->info->op) && stack_ok(t, i);
	case X86_K_BRANCH:
		return find_row(i->info->op) && branch_ok(t, i);
	case X86_K_STRING:
		return bt_repeat_ok(t, i);
	default:
		return bt_system_ok(t, i);
	}
}

void bt_insn(struct bt_translation *t, const struct x86_insn *i)
{
	const struct bt_row *r;

	if (i->info->kind == X86_K_NATIVE || i->info->kind == X86_K_NATIVE_DE) {
		bt_native(t, i);
		return;
	}
	if (i->info->kind == X86_K_STRING) {
		bt_repeat(t, i);
		return;
	}
	r = find_row(i->info->op);
	if (r)
		r->emit(t, i);
	else
		bt_system(t, i);
}
