// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks that jump back to their own beginning. The jump leads to a head
 * behind what need be done only once: the checks of the places that the round
 * works through. Such a place stays, or moves by constants, and each round
 * touches it, in its window, or leaves by the twin: so it can't get over the window's
 * edge between two touches, however many rounds there are. The head has the look at
 * ctx->go, so that the way back is the guest's own jump and no more.
 */
#include "form.h"

/* What a register may move in a round, and what a place may. */
#define ROUND_MAX (1ull << 28)
#define NEVER (~0ull)

static bool loops(const struct bt_translation *t)
{
	const struct x86_insn *i;

	if (t->end != END_BRANCH || (t->key & (BT_KEY_STEP | BT_KEY_ALIGN)) || t->live[0])
		return false;
	i = &t->insn[t->n - 1];
	return (i->info->op == X86_OP_JCC || (i->info->op == X86_OP_JMP && i->imm_len)) &&
	       bt_target(t, i) == t->rip && bt_same_page(t, t->rip);
}

/* How far each register moves in a round; NEVER: not by constants. */
static void find_moves(struct bt_translation *t, u64 moves[16])
{
	memset(moves, 0, 16 * sizeof(moves[0]));
	for (u32 n = 0; n < t->n; n++) {
		const struct x86_insn *i = &t->insn[n];
		u8 dst, src;
		s64 by;

		u16 w = i->info->kind == X86_K_SPECIAL || i->info->kind == X86_K_SYS ? 0xffff :
											   bt_written(i);

		if (bt_moves(i, &dst, &src, &by) && dst == src) {
			if (moves[dst] != NEVER)
				moves[dst] += by < 0 ? -(u64)by : (u64)by;
			continue;
		}
		for (; w; w &= w - 1)
			moves[__builtin_ctz(w)] = NEVER;
	}
}

/* Which registers are within 32 bits before each instruction. */
static void find_narrow(struct bt_translation *t, u16 narrow[])
{
	for (u32 n = 0; n < t->n; n++) {
		narrow[n] = t->narrow;
		bt_known_step(t, &t->insn[n]);
	}
	bt_known_start(t);
}

static bool steady(const u64 moves[16], u8 reg)
{
	return reg >= 16 || moves[reg] <= ROUND_MAX;
}

/* Check the place of instruction @n before the first round. */
static void enter_place(struct bt_translation *t, const struct bt_place *p, u32 n)
{
	enum bt_window w = t->form[n];
	struct bt_known *k;
	struct bt_cold *c;

	if (t->nknown == BT_MAX_KNOWN)
		return;
	for (u32 i = 0; i < t->nknown; i++)
		if (bt_same_place(&t->known[i], p))
			return;
	c = bt_cold(t, COLD_ENTER, bt_place_check(t, p, w));
	c->place = *p;
	c->insn = n;
	k = &t->known[t->nknown++];
	*k = (struct bt_known){
		.base = p->base, .index = p->index, .scale = p->scale, .win = w, .drift = BT_NEAR,
	};
}

static void enter_places(struct bt_translation *t)
{
	struct bt_place p;
	u16 narrow[BT_MAX_INSNS];
	u64 moves[16];

	find_moves(t, moves);
	find_narrow(t, narrow);
	for (u32 n = 0; n < t->n; n++) {
		const struct x86_insn *i = &t->insn[n];

		if (t->form[n] == BT_FORM_SOFT || !bt_operand_place(t, i, n, &p) || p.is_const ||
		    p.fs || (i->info->kind != X86_K_NATIVE && i->info->kind != X86_K_NATIVE_DE))
			continue;
		if (p.index < 16 && (narrow[n] & BIT(p.index)) && p.base < 16 && !moves[p.base])
			enter_place(t, &(struct bt_place){ .base = p.base, .index = X86_REG_NONE }, n);
		else if (steady(moves, p.base) && steady(moves, p.index))
			enter_place(t, &p, n);
	}
	t->nloop = t->nknown;
	memcpy(t->head, t->known, sizeof(t->head));
}

/* T0 may stay the distance of window A in all rounds: bt_loop_end sees whether it does. */
static void load_distance(struct bt_translation *t)
{
	for (u32 n = 0; n < t->n; n++)
		if (t->insn[n].is_mem && t->form[n] == BT_WINDOW_A) {
			bt_load_delta(t, BT_WINDOW_A);
			break;
		}
	t->head_t0 = t->t0;
}

void bt_loop_begin(struct bt_translation *t)
{
	t->loop = loops(t);
	t->b->loop = 0;
	t->nloop = 0;
	t->head_t0 = BT_T0_NONE;
	if (!t->loop)
		return;
	if (t->key & BT_KEY_WINDOW)
		enter_places(t);
	t->reload = e_off(t->e);
	if (t->key & BT_KEY_WINDOW)
		load_distance(t);
	t->b->loop = e_off(t->e) - t->b->code;
	bt_edge_kick(t, t->rip);
}

/*
 * The next round counts on what the first one found at the head. Of rsp every
 * block takes care at its end; the other places were touched on the way. Should
 * one be lost all the same, the jump back goes where they are checked.
 */
void bt_loop_end(struct bt_translation *t)
{
	if (t->head_t0 != BT_T0_NONE && t->t0 != t->head_t0)
		t->b->loop = t->reload - t->b->code;
	for (u32 n = 0; n < t->nloop; n++)
		if (t->head[n].base != X86_RSP || t->head[n].index != X86_REG_NONE)
			if (!bt_known_near(t, &t->head[n]))
				t->b->loop = 0;
}

/* The place that the block counts on is in another window, or in none. */
void bt_cold_enter(struct bt_translation *t, struct bt_cold *c)
{
	bt_ea_place(t, &c->place, T0);
	emit_store(t->e, CTX(mem_lin), T0);
	e_prefix(t->e, E_W, T0, EMIT_NOREG, 0);			/* lea T0, [rip]: names the block */
	e8(t->e, 0x8d);
	e8(t->e, (T0 & 7) << 3 | 5);
	e32(t->e, 0);
	emit_store(t->e, CTX(mem_ret), T0);
	emit_store_imm32(t->e, CTX(form_site), (u32)bt_insn_rip(t, c->insn));
	bt_exit(t, t->rip, BT_EXIT_FORM);
}
