// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a block with BT_KEY_WINDOW knows of its registers: which of them, or
 * which sums of two, lie in a window or not farther from one than the edges
 * reach, where nothing is mapped. An access through such a place needs no
 * check: it finds the right page or faults. A place stays known while its
 * registers move by constants, as long as the sum of the ways stays small.
 *
 * rsp is known from the start: each block leaves it in or near its window, by
 * an access of its own through it or by a check at the end. docs/translator.md,
 * "Windows".
 */
#include "form.h"

/* An access this far from a place in the window does not get over the edge. */
#define REACH (BT_WINDOW_EDGE - (1ull << 30))
/* What an index that is BT_NARROW adds at most, its scale included. */
#define NARROW_REACH (8ull << 32)

static u64 distance(s64 by)
{
	return by < 0 ? -(u64)by : (u64)by;
}

bool bt_same_place(const struct bt_known *k, const struct bt_place *p)
{
	return k->base == p->base && k->index == p->index &&
	       (p->index == X86_REG_NONE || k->scale == p->scale);
}

/* The known place that @p is at a constant distance from. */
static struct bt_known *find_same(struct bt_translation *t, const struct bt_place *p)
{
	for (u32 n = 0; n < t->nknown; n++)
		if (bt_same_place(&t->known[n], p))
			return &t->known[n];
	return NULL;
}

bool bt_known_reaches(struct bt_translation *t, const struct bt_place *p, enum bt_window *w)
{
	struct bt_place base = { .base = p->base, .index = X86_REG_NONE };
	u64 off = distance(p->disp) + p->size;
	struct bt_known *k = find_same(t, p);

	if (!k && p->index < 16 && (t->narrow & BIT(p->index))) {
		k = find_same(t, &base);
		off += NARROW_REACH;
	}
	if (!k || k->drift + off > REACH)
		return false;
	*w = k->win;
	return true;
}

/* An access to @p has been made, in window @w, or its twin has seen that the address is there. */
void bt_known_touched(struct bt_translation *t, const struct bt_place *p, enum bt_window w)
{
	struct bt_known *k = find_same(t, p);
	u64 drift = distance(p->disp);

	if (p->base >= 16 && p->index >= 16)
		return;
	if (!k) {
		if (t->nknown == BT_MAX_KNOWN)
			return;
		k = &t->known[t->nknown++];
		*k = (struct bt_known){
			.base = p->base, .index = p->index, .scale = p->scale, .win = w, .drift = drift,
		};
	}
	if (k->win == w && k->drift > drift)
		k->drift = drift;
}

/* ---- what instructions do to it ---- */

static void forget(struct bt_translation *t, u16 regs)
{
	u32 n = 0;

	for (u32 k = 0; k < t->nknown; k++) {
		struct bt_known e = t->known[k];

		if ((e.base < 16 && (regs & BIT(e.base))) || (e.index < 16 && (regs & BIT(e.index))))
			continue;
		t->known[n++] = e;
	}
	t->nknown = n;
	t->narrow &= ~regs;
	if (regs & BIT(X86_RSP))
		t->sp_moved = true;
}

static void move(struct bt_translation *t, u8 reg, s64 by)
{
	if (!by)
		return;
	t->narrow &= ~BIT(reg);
	if (reg == X86_RSP)
		t->sp_moved = true;
	for (u32 n = 0; n < t->nknown; n++) {
		struct bt_known *k = &t->known[n];

		if (k->base == reg)
			k->drift += distance(by);
		if (k->index == reg)
			k->drift += distance(by) << k->scale;
	}
}

/* @dst becomes @src + @by. */
static void copy(struct bt_translation *t, u8 dst, u8 src, s64 by)
{
	struct bt_place p = { .base = src, .index = X86_REG_NONE };
	struct bt_known *k, e;

	if (dst == src) {
		move(t, dst, by);
		return;
	}
	k = find_same(t, &p);
	if (k)
		e = *k;
	forget(t, BIT(dst));
	if (!k || t->nknown == BT_MAX_KNOWN)
		return;
	e.base = dst;
	e.drift += distance(by);
	t->known[t->nknown++] = e;
}

bool bt_moves(const struct x86_insn *i, u8 *dst, u8 *src, s64 *by)
{
	u16 op = i->info->op;

	*by = 0;
	if (i->info->kind != X86_K_NATIVE || i->opsize != 8)
		return false;
	if (op == X86_OP_LEA) {
		*dst = i->reg;
		*src = i->base;
		*by = i->disp;
		return i->base < 16 && i->index == X86_REG_NONE && i->addrsize == 8;
	}
	/* Without a modrm the operand is rAX. */
	if (i->is_mem || (!i->has_modrm && op != X86_OP_ADD && op != X86_OP_SUB))
		return false;
	*dst = *src = i->has_modrm ? i->rm : X86_RAX;
	switch (op) {
	case X86_OP_MOV:
		if (i->info->reg_class != X86_C_GPR || i->info->rm_class != X86_C_GPR)
			return false;
		*dst = i->info->rm_acc & X86_A_W ? i->rm : i->reg;
		*src = i->info->rm_acc & X86_A_W ? i->reg : i->rm;
		return true;
	case X86_OP_ADD:
	case X86_OP_SUB:
		*by = op == X86_OP_ADD ? (s64)i->imm : -(s64)i->imm;
		return i->imm_len;
	case X86_OP_INC:
	case X86_OP_DEC:
		*by = op == X86_OP_INC ? 1 : -1;
		return true;
	default:
		return false;
	}
}

/* The register that @i surely leaves within 32 bits, signed or not. */
static u8 narrowed(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;

	switch (o->op) {
	case X86_OP_MOVSXD:
		return i->opsize == 8 ? i->reg : X86_REG_NONE;
	case X86_OP_MOV:
	case X86_OP_MOVZX:
	case X86_OP_LEA:
	case X86_OP_ADD:
	case X86_OP_SUB:
	case X86_OP_AND:
	case X86_OP_OR:
	case X86_OP_XOR:
		break;
	default:
		return X86_REG_NONE;
	}
	if (o->kind != X86_K_NATIVE || i->opsize != 4 || !i->has_modrm)
		return X86_REG_NONE;
	if (o->reg_acc & X86_A_W)
		return o->reg_class == X86_C_GPR ? i->reg : X86_REG_NONE;
	if ((o->rm_acc & X86_A_W) && !i->is_mem && o->rm_class == X86_C_GPR)
		return i->rm;
	return X86_REG_NONE;
}

static void step_stack(struct bt_translation *t, const struct x86_insn *i)
{
	u16 op = i->info->op;

	if (op == X86_OP_PUSH || op == X86_OP_CALL) {
		move(t, X86_RSP, -(s64)i->opsize);
	} else if (op == X86_OP_POP && !i->is_mem) {
		u8 r = i->has_modrm ? i->rm : i->reg;

		move(t, X86_RSP, i->opsize);
		forget(t, BIT(r));
	} else if (op == X86_OP_RET) {
		move(t, X86_RSP, i->opsize + (i->imm_len ? (u16)i->imm : 0));
	} else if (op == X86_OP_LEAVE) {
		copy(t, X86_RSP, X86_RBP, i->opsize);
		t->sp_moved = true;
		forget(t, BIT(X86_RBP));
	} else {
		forget(t, bt_written(i));
	}
}

void bt_known_step(struct bt_translation *t, const struct x86_insn *i)
{
	u8 dst, src, r;
	s64 by;

	switch (i->info->kind) {
	case X86_K_NATIVE:
	case X86_K_NATIVE_DE:
		if (bt_moves(i, &dst, &src, &by)) {
			copy(t, dst, src, by);
			return;
		}
		r = narrowed(i);
		forget(t, bt_written(i));
		if (r < 16)
			t->narrow |= BIT(r);
		return;
	case X86_K_STACK:
	case X86_K_BRANCH:
		step_stack(t, i);
		return;
	default:
		forget(t, 0xffff);
	}
}

void bt_known_start(struct bt_translation *t)
{
	t->narrow = 0;
	t->sp_moved = false;
	t->nknown = 1;
	t->known[0] = (struct bt_known){
		.base = X86_RSP, .index = X86_REG_NONE, .win = bt_stack_window(t), .drift = BT_NEAR,
	};
}

bool bt_known_near(struct bt_translation *t, const struct bt_known *at_head)
{
	const struct bt_place p = {
		.base = at_head->base, .index = at_head->index, .scale = at_head->scale,
	};
	const struct bt_known *k = find_same(t, &p);

	return k && k->win == at_head->win && k->drift <= BT_NEAR;
}

bool bt_known_stack_near(struct bt_translation *t)
{
	struct bt_place p = { .base = X86_RSP, .index = X86_REG_NONE };
	struct bt_known *k = find_same(t, &p);

	return !t->sp_moved || (k && k->win == bt_stack_window(t) && k->drift <= BT_NEAR);
}
