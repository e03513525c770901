// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory operands of blocks with BT_KEY_WINDOW. Where the address is known to
 * be in a window, or one compare has said so, the instruction runs on the
 * guest's own operand: behind a GS prefix for window B, whose distance is the
 * base of GS, with the distance loaded into T0 for window A. Else, and when
 * the host faults there, it goes on in its twin (COLD_TWIN), which asks the
 * slow way, as any access through the software TLB that misses.
 *
 * A twin whose address was not in the window that the rest of the block counts
 * on leaves the block behind its instruction, with BT_EXIT_FORM.
 */
#include "form.h"

#define SCRATCH EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 8)

/* How an instruction whose twin leaves goes on. */
enum { GO_NEXT, GO_TARGET, GO_T0, GO_SCRATCH };

/* Falls through when the address in @reg is in window @w; returns the jump taken when not. Ruins flags, T1. */
static u32 emit_in_window(struct bt_translation *t, u8 reg, enum bt_window w)
{
	if (reg & BT_HOMED) {
		emit_load(t->e, T1, bt_home(reg));
		reg = T1;
	}
	emit_rorx(t->e, E_W, T1, reg, BT_WINDOW_SHIFT);
	emit_rr(t->e, E_66, 0x83, 7, T1);			/* cmp r13w */
	e8(t->e, bt_slot_of(t, w));
	return emit_jump(t->e, CC_NE);
}

static u8 host_reg(u8 guest)
{
	return guest < 16 ? bt_host_reg[guest] : EMIT_NOREG;
}

/* The same for the address of @p with flags as they are, in rcx; it is in T1 where the jump leads. */
static u32 place_check_live(struct bt_translation *t, const struct bt_place *p, enum bt_window w)
{
	struct emit_mem m = { .base = host_reg(p->base), .index = host_reg(p->index),
			      .scale = p->scale, .disp = p->disp };
	u8 spare = T0;
	u32 in, out;

	emit_mov(t->e, T1, R_RCX);
	if ((m.base | m.index) & BT_HOMED)		/* EMIT_NOREG, too, for once */
		t->t0 = BT_T0_NONE;
	if (m.base != EMIT_NOREG && (m.base & BT_HOMED)) {
		emit_load(t->e, T0, bt_home(m.base));
		m.base = T0;
		spare = R_RCX;		/* should the index be homed, too, then it is not rcx */
	}
	if (m.index == EMIT_NOREG) {
		emit_rorx(t->e, E_W, R_RCX, m.base, BT_WINDOW_SHIFT);
	} else {
		if (m.index & BT_HOMED) {
			emit_load(t->e, spare, bt_home(m.index));
			m.index = spare;
		}
		bt_lea(t, true, R_RCX, m);
		emit_rorx(t->e, E_W, R_RCX, R_RCX, BT_WINDOW_SHIFT);
	}
	emit_rr(t->e, E_0F, 0xb7, R_RCX, R_RCX);		/* movzx ecx, cx */
	bt_lea(t, false, R_RCX, EMIT_MEM(R_RCX, -(s32)bt_slot_of(t, w)));
	in = emit_jump_rcxz(t->e);
	out = emit_jump(t->e, CC_ALWAYS);
	emit_patch8(t->e, in);
	emit_mov(t->e, R_RCX, T1);
	return out;
}

u32 bt_place_check(struct bt_translation *t, const struct bt_place *p, enum bt_window w)
{
	struct emit_mem m = { .base = host_reg(p->base), .index = host_reg(p->index),
			      .scale = p->scale, .disp = p->disp };

	if (m.index == EMIT_NOREG)
		return emit_in_window(t, m.base, w);
	if (m.index & BT_HOMED)
		t->t0 = BT_T0_NONE;
	/* Two homed registers: T0 is still free. */
	if (m.base != EMIT_NOREG && (m.base & BT_HOMED)) {
		emit_load(t->e, T1, bt_home(m.base));
		m.base = T1;
	}
	if (m.index & BT_HOMED) {
		emit_load(t->e, T0, bt_home(m.index));
		m.index = T0;
	}
	bt_lea(t, true, T1, m);
	return emit_in_window(t, T1, w);
}

/* ---- the operand ---- */

/* AH..BH can't stand beside a REX prefix. */
static bool no_rex(const struct x86_insn *i)
{
	return i->info->reg_class == X86_C_GPR8 && !i->rex && !(i->prefix & X86_P_VEX) &&
	       i->reg >= 4 && i->reg < 8 && i->has_modrm;
}

static bool needs_rex(u8 reg)
{
	return reg != EMIT_NOREG && (reg & 8);
}

/* T0 is the window's distance: it may be that already. */
void bt_load_delta(struct bt_translation *t, enum bt_window w)
{
	if (t->t0 == w)
		return;
	t->t0 = w;
	emit_load(t->e, T0, EMIT_MEM(X86_RSP, CTX_OFF(window) +
				     (s32)(w * sizeof(struct bt_window_view)) +
				     (s32)offsetof(struct bt_window_view, delta)));
}

static bool is_gpr(u8 class)
{
	return class >= X86_C_GPR8 && class <= X86_C_GPRY;
}

/* Has @i a general register that a scratch register stands in for? Not its memory operand's. */
static bool homed_gpr(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;

	return (is_gpr(o->reg_class) && i->reg >= 13) || (is_gpr(o->vvvv_class) && i->vvvv >= 13) ||
	       (!i->is_mem && is_gpr(o->rm_class) && i->rm >= 13);
}

bool bt_keeps_t0(const struct bt_translation *t, const struct x86_insn *i, u32 n)
{
	const struct x86_opcode *o = i->info;

	if ((o->kind != X86_K_NATIVE && o->kind != X86_K_NATIVE_DE) || (o->attr & X86_T_BITSTR))
		return false;
	if (i->is_mem && !(o->attr & X86_T_NOMEM))
		return t->form[n] != BT_FORM_SOFT;
	if (homed_gpr(i))
		return false;
	if (o->op == X86_OP_LEA)
		return i->opsize >= 4 && i->addrsize == 8 && (i->base < 13 || i->base >= 16) &&
		       (i->index < 13 || i->index >= 16);
	/* AH..BH beside a register that needs REX: T0 stands in. */
	return i->is_mem || o->rm_class != X86_C_GPR8 || i->rex || i->rm < 4;
}

static void const_operand(struct bt_translation *t, u64 at, enum bt_window w)
{
	if (w == BT_WINDOW_B) {
		t->t0 = BT_T0_NONE;
		emit_const(t->e, T0, at);
		t->mem = EMIT_MEM(T0, 0);
		t->mem.seg = EMIT_GS;
		return;
	}
	bt_load_delta(t, w);
	if (at == (u64)(s64)(s32)at) {
		t->mem = EMIT_MEM(T0, (s32)at);
		return;
	}
	t->t0 = BT_T0_NONE;
	emit_const(t->e, T1, at);
	bt_lea(t, true, T0, EMIT_MEMX(T0, T1, 0, 0));
	t->mem = EMIT_MEM(T0, 0);
}

/* gs:[the guest's own], a homed register taken into T0. */
static void gs_operand(struct bt_translation *t, const struct x86_insn *i, const struct bt_place *p)
{
	struct emit_mem m = { .base = host_reg(p->base), .index = host_reg(p->index),
			      .scale = p->scale, .disp = p->disp };
	bool home_b = m.base != EMIT_NOREG && (m.base & BT_HOMED);
	bool home_i = m.index != EMIT_NOREG && (m.index & BT_HOMED);

	if (m.base == EMIT_NOREG || (home_b && home_i) ||
	    (no_rex(i) && (needs_rex(m.base) || needs_rex(m.index)))) {
		t->t0 = BT_T0_NONE;
		bt_ea_place(t, p, T0);
		m = EMIT_MEM(T0, 0);
	} else if (home_b) {
		t->t0 = BT_T0_NONE;
		emit_load(t->e, T0, bt_home(m.base));
		m.base = T0;
	} else if (home_i) {
		t->t0 = BT_T0_NONE;
		emit_load(t->e, T0, bt_home(m.index));
		m.index = T0;
	}
	m.seg = EMIT_GS;
	t->mem = m;
}

/* T0 = delta, and what does not fit into one operand beside it is added. */
static void delta_operand(struct bt_translation *t, const struct x86_insn *i,
			  const struct bt_place *p, enum bt_window w)
{
	u8 base = host_reg(p->base), index = host_reg(p->index);
	bool rex = no_rex(i);

	bt_load_delta(t, w);
	if (base != EMIT_NOREG && index != EMIT_NOREG && !((base | index) & BT_HOMED) && !rex &&
	    bt_keeps_t0(t, i, t->cur) && !homed_gpr(i)) {
		bt_lea(t, true, T1, EMIT_MEMX(T0, base, 0, 0));
		t->mem = EMIT_MEMX(T1, index, p->scale, p->disp);
		return;
	}
	if (base != EMIT_NOREG && (base & BT_HOMED)) {
		emit_load(t->e, T1, bt_home(base));
		base = T1;
	}
	if (base != EMIT_NOREG && (index != EMIT_NOREG || base == T1 || (rex && needs_rex(base)))) {
		t->t0 = BT_T0_NONE;
		bt_lea(t, true, T0, EMIT_MEMX(T0, base, 0, 0));
		base = EMIT_NOREG;
	}
	if (index != EMIT_NOREG && (index & BT_HOMED)) {
		emit_load(t->e, T1, bt_home(index));
		index = T1;
	}
	if (index == T1 || (index != EMIT_NOREG && rex && needs_rex(index))) {
		t->t0 = BT_T0_NONE;
		bt_lea(t, true, T0, EMIT_MEMX(T0, index, p->scale, 0));
		index = EMIT_NOREG;
	}
	if (base != EMIT_NOREG)
		t->mem = EMIT_MEMX(T0, base, 0, p->disp);
	else
		t->mem = EMIT_MEMX(T0, index, index == EMIT_NOREG ? 0 : p->scale, p->disp);
}

static void operand(struct bt_translation *t, const struct x86_insn *i, const struct bt_place *p,
		    enum bt_window w)
{
	if (p->fs) {
		t->t0 = BT_T0_NONE;
		emit_load(t->e, T0, CTX(window_fs));
		t->mem = EMIT_MEM(T0, p->disp);
	} else if (p->is_const) {
		const_operand(t, p->at, w);
	} else if (w == BT_WINDOW_B) {
		gs_operand(t, i, p);
	} else {
		delta_operand(t, i, p, w);
	}
}

/* ---- the access ---- */

static u8 way_on(const struct x86_insn *i)
{
	if (i->info->kind != X86_K_BRANCH)
		return GO_NEXT;
	if (i->info->op == X86_OP_CALL)
		return i->imm_len ? GO_TARGET : GO_SCRATCH;
	return GO_T0;			/* ret, jmp [m] */
}

/* The first of two accesses: there is no leaving behind it, so nothing is learnt from it. */
static bool first_of_two(const struct x86_insn *i, bool stack)
{
	return !stack && i->is_mem &&
	       (i->info->op == X86_OP_PUSH || i->info->op == X86_OP_CALL);
}

static void window_access(struct bt_translation *t, const struct x86_insn *i,
			  const struct bt_place *p, enum bt_window w, bool stack, u32 memop,
			  bt_body body)
{
	bool two = first_of_two(i, stack), live = t->live[t->cur] != 0;
	enum bt_window known;
	bool check = false;
	struct bt_cold want = {
		.kind = COLD_TWIN, .insn = t->cur, .memop = memop, .live = live, .body = body,
		.place = *p, .go = way_on(i),
	};
	struct bt_cold *c;

	bt_map_here(t, t->cur);
	want.map = t->nmap - 1;
	if (!p->is_const && !p->fs) {
		check = !bt_known_reaches(t, p, &known);
		if (!check)
			w = known;
		want.verify = !two;
	}
	want.win = w;
	if (check) {
		bt_park_early(t);
		want.rcx_in_t1 = live && !t->parked;
		want.from[0] = want.rcx_in_t1 ? place_check_live(t, p, w) : bt_place_check(t, p, w);
	}
	c = bt_cold(t, COLD_TWIN, 0);
	*c = want;
	operand(t, i, p, w);
	bt_place_body(t, i, body);
	c->parked = t->parked;
	if (!bt_keeps_t0(t, i, t->cur))
		t->t0 = BT_T0_NONE;
	c->t0 = t->t0;
	c->after = e_off(t->e);
	if (want.verify)
		bt_known_touched(t, p, w);
}

bool bt_window_operand(struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc,
		       bt_body body)
{
	struct bt_place p;
	u8 form = (t->key & BT_KEY_WINDOW) ? t->form[t->cur] : BT_FORM_SOFT;

	if (form == BT_FORM_SOFT || !bt_operand_place(t, i, t->cur, &p))
		return false;
	p.size = size;
	window_access(t, i, &p, form, false, bt_memop(t, i, size, acc, i->seg), body);
	return true;
}

bool bt_window_stack(struct bt_translation *t, const struct x86_insn *i, u8 base, s32 off, u32 acc,
		     bt_body body)
{
	struct bt_place p = { .base = base, .index = X86_REG_NONE, .disp = off, .size = i->opsize };

	if (!(t->key & BT_KEY_WINDOW))
		return false;
	window_access(t, i, &p, bt_stack_window(t), true,
		      bt_memop(t, i, i->opsize, acc, X86_SS), body);
	return true;
}

void bt_window_end(struct bt_translation *t, u32 next)
{
	bool live = t->live[next] != 0;
	struct bt_cold *c;
	u32 from;

	if (!(t->key & BT_KEY_WINDOW) || bt_known_stack_near(t))
		return;
	if (next == t->cur)
		bt_park_early(t);
	if (live && !t->parked)
		bt_park(t);
	from = emit_in_window(t, G_RSP, bt_stack_window(t));
	c = bt_cold(t, COLD_STACK, from);
	c->live = live;
	c->rip = bt_insn_rip(t, next);
	if (live && !t->parked)
		bt_unpark(t);
}

/* ---- out of line ---- */

static void leave_to(struct bt_translation *t, struct bt_cold *c)
{
	const struct x86_insn *i = &t->insn[c->insn];

	emit_store_imm32(t->e, CTX(form_site), (u32)bt_insn_rip(t, c->insn));
	switch (c->go) {
	case GO_NEXT:
		bt_exit(t, bt_insn_rip(t, c->insn + 1), BT_EXIT_FORM);
		return;
	case GO_TARGET:
		bt_exit(t, bt_target(t, i), BT_EXIT_FORM);
		return;
	case GO_SCRATCH:
		emit_load(t->e, T0, SCRATCH);
		break;
	}
	bt_exit_t0(t, BT_EXIT_FORM);
}

static void back(struct bt_translation *t, struct bt_cold *c)
{
	t->t0 = BT_T0_NONE;
	if (c->t0 != BT_T0_NONE)
		bt_load_delta(t, c->t0);
	emit_jump_to(t->e, CC_ALWAYS, c->after);
}

/* Is the address that the twin had in the window? Flags as @live after the instruction. */
static void verify(struct bt_translation *t, struct bt_cold *c)
{
	bool live = t->live[c->insn + 1] != 0;
	u32 out;

	if (live)
		bt_park(t);
	emit_load(t->e, T1, CTX(mem_lin));
	out = emit_in_window(t, T1, c->win);
	if (live)
		bt_unpark(t);
	back(t, c);
	emit_patch(t->e, out, e_off(t->e));
	if (live)
		bt_unpark(t);
	leave_to(t, c);
}

void bt_cold_twin(struct bt_translation *t, struct bt_cold *c)
{
	const struct x86_insn *i = &t->insn[c->insn];
	struct bt_emit *e = t->e;
	u32 direct = 0, join = 0;

	if (c->rcx_in_t1)
		emit_mov(e, R_RCX, T1);
	/* The host's fault comes here with the flags where the body has them. */
	t->map[c->map].slow = e_off(e) - t->b->code;
	if (c->live && !c->parked)
		bt_park(t);
	if (c->from[0] && !c->rcx_in_t1)
		emit_patch(e, c->from[0], e_off(e));
	bt_ea_place(t, &c->place, T0);
	if (c->place.fs)
		emit_rm(e, E_W, 0x03, T0, EMIT_MEM(X86_RSP, CTX_OFF(seg_base) + 8 * X86_FS));
	emit_store_imm32(e, CTX(memop), c->memop);
	emit_call_mem(e, CTX(fn_mem_slow));
	t->mem = EMIT_MEM(T0, 0);
	if (c->memop & BT_MEMOP_W) {
		emit_rr(e, 0, 0x85, T1, T1);				/* test */
		direct = emit_jump(e, CC_E);
		if (c->live)
			bt_unpark(t);
		c->body(t, i);
		emit_call_mem(e, CTX(fn_mem_commit));
		join = emit_jump(e, CC_ALWAYS);
		emit_patch(e, direct, e_off(e));
	}
	if (c->live)
		bt_unpark(t);
	c->body(t, i);
	if (join)
		emit_patch(e, join, e_off(e));
	if (c->verify)
		verify(t, c);
	else
		back(t, c);
}

void bt_cold_stack(struct bt_translation *t, struct bt_cold *c)
{
	if (c->live)
		bt_unpark(t);
	emit_store_imm32(t->e, CTX(form_site), BT_NO_SITE);
	bt_exit(t, c->rip, BT_EXIT_FORM);
}
