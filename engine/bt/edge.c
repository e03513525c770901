// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ways out of a block. Inside one guest page, code is one mapping and one set
 * of bytes, so blocks are joined directly; a jump that leaves the page, and
 * one whose target is computed, asks the jump cache. Whatever can close a loop
 * looks at ctx->kick.
 */
#include "translate.h"

void bt_set_rip(struct bt_translation *t, u64 rip)
{
	if ((s64)rip == (s32)rip) {
		emit_rm(t->e, E_W, 0xc7, 0, CTX(rip));
		e32(t->e, rip);
	} else {
		emit_const(t->e, T0, rip);
		emit_store(t->e, CTX(rip), T0);
	}
}

static void leave(struct bt_translation *t, enum bt_exit why, bool parked)
{
	emit_store_imm32(t->e, CTX(exit_reason), why);
	if (parked)
		emit_jmp_mem(t->e, CTX(fn_exit_parked));
	else
		emit_jmp_mem(t->e, CTX(fn_exit));
}

void bt_exit(struct bt_translation *t, u64 rip, enum bt_exit why)
{
	bt_set_rip(t, rip);
	leave(t, why, false);
}

/*
 * May @target be joined directly? An instruction that may reach into the next
 * page depends on a mapping that only the jump cache follows.
 */
static bool same_page(const struct bt_translation *t, u64 target)
{
	u64 base = t->b->cs_base;

	return ((target + base) & PAGE_MASK) == ((t->rip + base) & PAGE_MASK) &&
	       ((target + base) & ~PAGE_MASK) <= PAGE_SIZE - X86_INSN_MAX;
}

/* Jump out to COLD_KICK when somebody asked for this CPU. Arithmetic flags are dead here. */
static struct bt_cold *kick_check(struct bt_translation *t)
{
	emit_rm(t->e, 0, 0x83, 7, CTX(kick));			/* cmp dword, 0 */
	e8(t->e, 0);
	return bt_cold(t, COLD_KICK, emit_jump(t->e, CC_NE));
}

/* A new direct link whose rel32 stands at @rel. */
static void make_link(struct bt_translation *t, u32 rel, u64 target)
{
	struct bt_block *b = t->b;
	struct bt_cold *c = bt_cold(t, COLD_LINK, rel);

	c->link = b->nlinks;
	c->rip = target;
	b->link[b->nlinks++] = (struct bt_link){ .rel = rel, .from = b, .rip = target };
}

/* To the jump cache's entry for a constant target. Flags are parked where live. */
void bt_edge_far(struct bt_translation *t, u64 target, u16 live)
{
	s32 jc = bt_jc_disp(bt_key_mmu(t->key), bt_jc_index(target));
	struct bt_cold *c;

	if (live)
		bt_park(t);
	c = kick_check(t);
	c->rip = target;
	c->live = true;
	emit_const(t->e, T0, target);
	emit_rm(t->e, E_W, 0x3b, T0, EMIT_MEM(X86_RSP, jc));
	bt_cold(t, COLD_MISS, emit_jump(t->e, CC_NE));
	emit_jmp_mem(t->e, EMIT_MEM(X86_RSP, jc + 8));
}

/* A backward jump inside the page. */
static void edge_back(struct bt_translation *t, u64 target, u16 live)
{
	struct bt_cold *c;

	if (!live) {
		c = kick_check(t);
		c->rip = target;
	} else {
		bt_park(t);
		c = kick_check(t);
		c->rip = target;
		c->live = true;
		bt_unpark(t);
	}
	make_link(t, emit_jump(t->e, CC_ALWAYS), target);
}

void bt_edge(struct bt_translation *t, u64 target, u16 live)
{
	if (t->key & BT_KEY_STEP)
		bt_exit(t, target, BT_EXIT_STEP);
	else if (same_page(t, target) && target > bt_insn_rip(t, t->cur))
		make_link(t, emit_jump(t->e, CC_ALWAYS), target);
	else if (same_page(t, target))
		edge_back(t, target, live);
	else if (t->key & BT_KEY_FLAT)
		bt_edge_far(t, target, live);
	else
		bt_exit(t, target, BT_EXIT_NEXT);
}

void bt_edge_cc(struct bt_translation *t, u8 cc, u64 target, u16 live)
{
	u32 rel = emit_jump(t->e, cc);
	struct bt_cold *c;

	if (!(t->key & BT_KEY_STEP) && same_page(t, target) && target > bt_insn_rip(t, t->cur)) {
		make_link(t, rel, target);
		return;
	}
	c = bt_cold(t, COLD_EDGE, rel);
	c->rip = target;
	c->flags = live;
}

/* The target is in T0; nothing is known of it, so all flags are live. */
void bt_edge_indirect(struct bt_translation *t)
{
	s32 jc = bt_jc_disp(bt_key_mmu(t->key), 0);
	struct bt_cold *c;

	if (t->key & BT_KEY_STEP) {
		emit_store(t->e, CTX(rip), T0);
		leave(t, BT_EXIT_STEP, false);
		return;
	}
	if (!(t->key & BT_KEY_FLAT)) {
		emit_store(t->e, CTX(rip), T0);
		leave(t, BT_EXIT_NEXT, false);
		return;
	}
	bt_park(t);
	c = bt_cold(t, COLD_MISS, 0);
	emit_rm(t->e, 0, 0x83, 7, CTX(kick));
	e8(t->e, 0);
	c->from[0] = emit_jump(t->e, CC_NE);
	emit_mov32(t->e, T1, T0);				/* bt_jc_index */
	emit_rr(t->e, 0, 0xc1, 5, T1);				/* shr */
	e8(t->e, BT_JC_FOLD);
	emit_rr(t->e, 0, 0x33, T1, T0);				/* xor */
	emit_alu_imm(t->e, 0, 4, T1, BT_JC_SIZE - 1);		/* and */
	emit_rr(t->e, 0, 0xc1, 4, T1);				/* shl T1d, 4 */
	e8(t->e, 4);
	emit_rm(t->e, E_W, 0x3b, T0, EMIT_MEMX(X86_RSP, T1, 0, jc));
	c->from[1] = emit_jump(t->e, CC_NE);
	emit_jmp_mem(t->e, EMIT_MEMX(X86_RSP, T1, 0, jc + 8));
}

void bt_cold_edge(struct bt_translation *t, struct bt_cold *c)
{
	bt_edge(t, c->rip, c->flags);
}

void bt_cold_link(struct bt_translation *t, struct bt_cold *c)
{
	struct bt_link *l = &t->b->link[c->link];

	l->stub = e_off(t->e);
	bt_set_rip(t, c->rip);
	emit_const(t->e, T0, (u64)l);
	emit_store(t->e, CTX(link), T0);
	leave(t, BT_EXIT_LINK, false);
}

void bt_cold_kick(struct bt_translation *t, struct bt_cold *c)
{
	bt_set_rip(t, c->rip);
	leave(t, BT_EXIT_KICK, c->live);
}

/* The jump cache does not know the target (in T0), or a kick: the run loop looks. */
void bt_cold_miss(struct bt_translation *t, struct bt_cold *c)
{
	(void)c;
	emit_store(t->e, CTX(rip), T0);
	leave(t, BT_EXIT_NEXT, true);
}

void bt_cold_interp(struct bt_translation *t, struct bt_cold *c)
{
	bt_set_rip(t, c->rip);
	leave(t, BT_EXIT_INTERP, c->live);
}
