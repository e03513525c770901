// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ways out of a block. Inside one guest page, code is one mapping and one set
 * of bytes, so blocks are joined directly. A jump into another page is joined
 * under the address space's number (jump.c); one whose target is computed asks
 * the jump cache, and RET the return cache. Whatever can close a loop sees a
 * kick: in ctx->go, or as a number that does not match.
 *
 * Flags. Jumps inside a page carry them in the processor, so the check of the
 * kick that comes where flags may be live uses none, but JRCXZ, with rcx in T1
 * meanwhile. All others carry them in ctx->flags, and the target takes them
 * from there if it reads any: what parks them once is cheaper than any check
 * that leaves them alone.
 */
#include "jump.h"
#include "translate.h"

#define R_RIP_REL 5		/* modrm.rm of [rip + disp32] with mod 0 */

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
	leave(t, why, t->parked);
}

void bt_exit_t0(struct bt_translation *t, enum bt_exit why)
{
	emit_store(t->e, CTX(rip), T0);
	leave(t, why, false);
}

/*
 * May @target be joined directly? An instruction that may reach into the next
 * page depends on a mapping that only the jump cache follows.
 */
bool bt_same_page(const struct bt_translation *t, u64 target)
{
	u64 base = t->b->cs_base;

	return ((target + base) & PAGE_MASK) == ((t->rip + base) & PAGE_MASK) &&
	       ((target + base) & ~PAGE_MASK) <= PAGE_SIZE - X86_INSN_MAX;
}

static struct emit_mem edge_of(enum bt_mmu m)
{
	return EMIT_MEM(X86_RSP, CTX_OFF(edge) + 4 * (s32)m);
}

/* ---- links ---- */

static struct bt_link *make_link(struct bt_translation *t, enum bt_link_kind kind, u64 target)
{
	struct bt_block *b = t->b;
	u32 n = b->nlinks++;

	BUG_ON(n >= ARRAY_SIZE(b->link));
	b->kind[n] = kind;
	b->link[n] = (struct bt_link){ .rip = target };
	return &b->link[n];
}

static void set_rel(struct bt_translation *t, struct bt_link *l, u32 rel)
{
	l->rel = rel - t->b->code;
}

static void link_near(struct bt_translation *t, u32 rel, u64 target)
{
	struct bt_cold *c = bt_cold(t, COLD_LINK, rel);

	c->link = t->b->nlinks;
	set_rel(t, make_link(t, BT_LINK_NEAR, target), rel);
}

static void park_once(struct bt_translation *t)
{
	if (!t->parked)
		bt_park(t);
	t->parked = true;
}

/* The link's jump, unless the number is not its own. Returns the rel32 of the jump out then. */
static u32 jump_under_number(struct bt_translation *t, struct bt_link *l)
{
	u32 number, out;

	emit_rm(t->e, 0, 0x81, 7, edge_of(bt_key_mmu(t->key)));	/* cmp dword, imm32 */
	number = e_off(t->e);
	e32(t->e, BT_EDGE_NONE);
	out = emit_jump(t->e, CC_NE);
	set_rel(t, l, emit_jump(t->e, CC_ALWAYS));
	BUG_ON(bt_link_number(t->b, l) != number);
	return out;
}

/* Another page: the jump stands under a number. */
static void edge_far(struct bt_translation *t, u64 target)
{
	struct bt_link *l = make_link(t, BT_LINK_FAR, target);
	struct bt_cold *c;

	park_once(t);
	c = bt_cold(t, COLD_LINK, jump_under_number(t, l));
	c->link = l - t->b->link;
}

/* Leave for @rip after a kick. Ruins the flags. */
void bt_edge_kick(struct bt_translation *t, u64 rip)
{
	emit_rm(t->e, 0, 0x83, 7, CTX(go));			/* cmp dword, 0 */
	e8(t->e, 0);
	bt_cold(t, COLD_KICK, emit_jump(t->e, CC_E))->rip = rip;
}

/* A backward jump inside the page. */
static void edge_back(struct bt_translation *t, u64 target, u16 live)
{
	struct bt_cold *c;
	u32 kicked;

	if (live) {
		emit_mov(t->e, T1, R_RCX);
		emit_rm(t->e, 0, 0x8b, R_RCX, CTX(go));
		kicked = emit_jump_rcxz(t->e);
		emit_mov(t->e, R_RCX, T1);
		link_near(t, emit_jump(t->e, CC_ALWAYS), target);
		emit_patch8(t->e, kicked);
		c = bt_cold(t, COLD_KICK, emit_jump(t->e, CC_ALWAYS));
		c->live = true;
		c->rip = target;
	} else {
		bt_edge_kick(t, target);
		link_near(t, emit_jump(t->e, CC_ALWAYS), target);
	}
}

/* No look at a kick: not for as long as it is forward, or there is one at the target. */
static bool forward(const struct bt_translation *t, u64 target)
{
	return target > bt_insn_rip(t, t->cur) || (t->loop && target == t->rip);
}

void bt_edge(struct bt_translation *t, u64 target, u16 live)
{
	if (t->key & BT_KEY_STEP)
		bt_exit(t, target, BT_EXIT_STEP);
	else if (bt_same_page(t, target) && forward(t, target))
		link_near(t, emit_jump(t->e, CC_ALWAYS), target);
	else if (bt_same_page(t, target))
		edge_back(t, target, live);
	else if (bt_jump_cacheable(t->key))
		edge_far(t, target);
	else
		bt_exit(t, target, BT_EXIT_NEXT);
}

void bt_edge_cc(struct bt_translation *t, u8 cc, u64 target, u16 live)
{
	bool near = !(t->key & BT_KEY_STEP) && bt_same_page(t, target);
	struct bt_cold *c;
	u32 past;

	if (near && forward(t, target)) {
		link_near(t, emit_jump(t->e, cc), target);
		return;
	}
	/* Backward is where it mostly goes. */
	if (near) {
		past = emit_jump(t->e, cc ^ 1);
		edge_back(t, target, live);
		emit_patch(t->e, past, e_off(t->e));
		return;
	}
	c = bt_cold(t, COLD_EDGE, emit_jump(t->e, cc));
	c->rip = target;
	c->flags = live;
}

void bt_edge_away(struct bt_translation *t, u64 target)
{
	if (!bt_jump_cacheable(t->key)) {
		bt_exit(t, target, BT_EXIT_NEXT);
		return;
	}
	emit_const(t->e, T0, target);
	emit_jump_to(t->e, CC_ALWAYS, t->c->way[bt_key_mmu(t->key)][BT_WAY_JUMP]);
}

/* ---- computed jumps ---- */

static void leave_at_t0(struct bt_translation *t)
{
	emit_store(t->e, CTX(rip), T0);
	leave(t, (t->key & BT_KEY_STEP) ? BT_EXIT_STEP : BT_EXIT_NEXT, t->parked);
}

/*
 * To the target in T0 through the jump cache of view @m; flags are parked. What leads to miss[1]
 * has T0 lost: the entry at T1 has it.
 */
static void emit_probe(struct bt_emit *e, enum bt_mmu m, u32 miss[2])
{
	s32 jc = CTX_OFF(jc) + (s32)(m * sizeof(struct bt_jc_entry) * BT_JC_SIZE);

	emit_rorx(e, 0, T1, T0, 32 - BT_JC_FOLD);		/* bt_jc_index, times the entry's size */
	emit_rr(e, 0, 0x33, T1, T0);				/* xor */
	emit_alu_imm(e, 0, 4, T1, (BT_JC_SIZE - 1) * sizeof(struct bt_jc_entry));
	emit_rm(e, E_W, 0x3b, T0, EMIT_MEMX(X86_RSP, T1, 0, jc));
	miss[0] = emit_jump(e, CC_NE);
	emit_rm(e, 0, 0x8b, T0, edge_of(m));
	emit_rm(e, 0, 0x3b, T0,
		EMIT_MEMX(X86_RSP, T1, 0, jc + (s32)offsetof(struct bt_jc_entry, space)));
	miss[1] = emit_jump(e, CC_NE);
	emit_jmp_mem(e, EMIT_MEMX(X86_RSP, T1, 0, jc + (s32)offsetof(struct bt_jc_entry, code)));
}
_Static_assert(sizeof(struct bt_jc_entry) == 1 << BT_JC_FOLD, "emit_probe: rotate left by FOLD scales");

static void emit_missed(struct bt_emit *e, enum bt_mmu m, const u32 miss[2])
{
	s32 jc = CTX_OFF(jc) + (s32)(m * sizeof(struct bt_jc_entry) * BT_JC_SIZE);

	emit_patch(e, miss[1], e_off(e));
	emit_load(e, T0, EMIT_MEMX(X86_RSP, T1, 0, jc));
	emit_patch(e, miss[0], e_off(e));
}

void bt_edge_view(struct bt_translation *t, enum bt_mmu m)
{
	struct bt_cold *c;
	u32 miss[2];

	emit_probe(t->e, m, miss);
	c = bt_cold(t, COLD_MISS, 0);
	c->resume = miss[0];
	c->after = miss[1];
	c->link = m;
}

/* The target is in T0. */
void bt_edge_indirect(struct bt_translation *t)
{
	if (!bt_jump_cacheable(t->key)) {
		leave_at_t0(t);
		return;
	}
	park_once(t);
	bt_edge_view(t, bt_key_mmu(t->key));
}

/* Into the code of another view, which has to be of @key; flags are parked. */
void bt_edge_to_view(struct bt_translation *t, u32 key, u64 target)
{
	enum bt_mmu m = bt_key_mmu(key);
	s32 jc = CTX_OFF(jc) + (s32)((m * BT_JC_SIZE + bt_jc_index(target)) * sizeof(struct bt_jc_entry));
	struct bt_cold *c = bt_cold(t, COLD_VIEW, 0);

	emit_const(t->e, T0, target);
	emit_rm(t->e, 0, 0x81, 7, EMIT_MEM(X86_RSP, CTX_OFF(jc_key) + 4 * (s32)m));	/* cmp */
	e32(t->e, key);
	c->from[0] = emit_jump(t->e, CC_NE);
	emit_rm(t->e, E_W, 0x3b, T0, EMIT_MEM(X86_RSP, jc));
	c->from[1] = emit_jump(t->e, CC_NE);
	emit_rm(t->e, 0, 0x8b, T1, edge_of(m));
	emit_rm(t->e, 0, 0x3b, T1, EMIT_MEM(X86_RSP, jc + (s32)offsetof(struct bt_jc_entry, space)));
	c->from[2] = emit_jump(t->e, CC_NE);
	emit_jmp_mem(t->e, EMIT_MEM(X86_RSP, jc + (s32)offsetof(struct bt_jc_entry, code)));
}

/* ---- calls and returns ---- */

/* T1 = index into the return cache, from where the stack pointer stands outside of the call. */
static void emit_rc_index(struct bt_translation *t, u8 reg)
{
	emit_rorx(t->e, 0, T1, reg, 3);
	emit_rr(t->e, E_0F, 0xb6, T1, T1);			/* movzx T1d, T1b */
}
_Static_assert(BT_RC_SIZE == 256, "emit_rc_index: a byte");

static struct emit_mem rc_entry(const struct bt_translation *t)
{
	return EMIT_MEMX(X86_RSP, T1, 3,
			 CTX_OFF(rc) + (s32)(bt_key_mmu(t->key) * BT_RC_SIZE * 8));
}

void bt_edge_call(struct bt_translation *t)
{
	if (!bt_jump_cacheable(t->key))
		return;
	emit_rc_index(t, G_RSP);
	e_prefix(t->e, E_W, T0, EMIT_NOREG, 0);			/* lea T0, [rip + disp32] */
	e8(t->e, 0x8d);
	e8(t->e, (T0 & 7) << 3 | R_RIP_REL);
	e32(t->e, 0);
	bt_cold(t, COLD_LANDING, e_off(t->e) - 4)->rip = bt_insn_rip(t, t->cur + 1);
	emit_store(t->e, rc_entry(t), T0);
}

/* The target is in T0, the stack pointer was moved; @extra of it by RET imm16. */
void bt_edge_ret(struct bt_translation *t, u32 extra)
{
	if (!bt_jump_cacheable(t->key)) {
		leave_at_t0(t);
		return;
	}
	park_once(t);
	if (extra)
		emit_rm(t->e, E_W, 0x8d, T1, EMIT_MEM(G_RSP, -(s32)extra));
	emit_rc_index(t, extra ? T1 : G_RSP);
	emit_jmp_mem(t->e, rc_entry(t));
}

/* Where the link's jump goes while it has no target. */
static void emit_stub(struct bt_translation *t, struct bt_link *l, enum bt_way way)
{
	u32 here = e_off(t->e);

	l->stub = here - t->b->code;
	emit_patch(t->e, t->b->code + l->rel, here);
	emit_const(t->e, T0, bt_ref_of(t->c, l));
	emit_jump_to(t->e, CC_ALWAYS, t->c->way[bt_key_mmu(t->key)][way]);
}

/* A return came, to T0. */
void bt_cold_landing(struct bt_translation *t, struct bt_cold *c)
{
	struct bt_link *l = make_link(t, BT_LINK_LANDING, c->rip);
	enum bt_mmu m = bt_key_mmu(t->key);
	struct bt_emit *e = t->e;
	u32 stale;

	if ((s64)l->rip == (s32)l->rip) {
		emit_rr(e, E_W, 0x81, 7, T0);			/* cmp */
		e32(e, l->rip);
	} else {
		emit_const(e, T1, l->rip);
		emit_rr(e, E_W, 0x3b, T0, T1);
	}
	emit_jump_to(e, CC_NE, t->c->way[m][BT_WAY_JUMP_PARKED]);
	stale = jump_under_number(t, l);
	emit_patch(e, stale, e_off(e));
	emit_stub(t, l, BT_WAY_LINK_PARKED);
}

/* ---- ways that all blocks share, at the code buffer's beginning ---- */

static void emit_leave(struct bt_emit *e, enum bt_exit why)
{
	emit_store_imm32(e, CTX(exit_reason), why);
	emit_jmp_mem(e, CTX(fn_exit_parked));
}

static void emit_ways(struct bt_cache *c, enum bt_mmu m)
{
	struct bt_emit *e = &c->e;
	u32 miss[2], fresh;

	c->way[m][BT_WAY_JUMP] = e_off(e);
	emit_park(e);
	c->way[m][BT_WAY_JUMP_PARKED] = e_off(e);
	emit_probe(e, m, miss);
	emit_missed(e, m, miss);
	emit_jump_to(e, CC_ALWAYS, c->way_next);

	/* T0 is a reference to a link: when it was made once, its target may be in the jump cache. */
	c->way[m][BT_WAY_LINK] = e_off(e);
	emit_park(e);
	c->way[m][BT_WAY_LINK_PARKED] = e_off(e);
	emit_rm(e, E_W, 0x03, T0, CTX(notes));			/* add */
	emit_store(e, CTX(link), T0);
	emit_rm(e, 0, 0x83, 7, EMIT_MEM(T0, (s32)offsetof(struct bt_link, to)));	/* cmp, 0 */
	e8(e, 0);
	emit_load(e, T0, EMIT_MEM(T0, (s32)offsetof(struct bt_link, rip)));
	fresh = emit_jump(e, CC_E);
	emit_probe(e, m, miss);
	emit_missed(e, m, miss);
	emit_patch(e, fresh, e_off(e));
	emit_store(e, CTX(rip), T0);
	emit_leave(e, BT_EXIT_LINK);
}

void bt_edge_ways(struct bt_cache *c)
{
	c->e.p = c->rw;
	c->way_next = e_off(&c->e);
	emit_store(&c->e, CTX(rip), T0);
	emit_leave(&c->e, BT_EXIT_NEXT);
	for (u32 m = 0; m < BT_MMU_COUNT; m++) {
		emit_ways(c, m);
		c->ctx->rc_miss[m] = (u64)c->rx + c->way[m][BT_WAY_JUMP_PARKED];
	}
	BUG_ON(e_off(&c->e) > BT_WAYS_SIZE);
}

/* ---- out of line ---- */

void bt_cold_edge(struct bt_translation *t, struct bt_cold *c)
{
	bt_edge(t, c->rip, c->flags);
}

/* A link not made, or one whose number is another. */
void bt_cold_link(struct bt_translation *t, struct bt_cold *c)
{
	struct bt_link *l = &t->b->link[c->link];

	emit_stub(t, l, bt_link_kind(t->b, l) == BT_LINK_FAR ? BT_WAY_LINK_PARKED : BT_WAY_LINK);
}

void bt_cold_kick(struct bt_translation *t, struct bt_cold *c)
{
	if (c->live)
		emit_mov(t->e, R_RCX, T1);
	bt_exit(t, c->rip, BT_EXIT_KICK);
}

/* The jump cache does not know the target, or a kick: the run loop looks. */
void bt_cold_miss(struct bt_translation *t, struct bt_cold *c)
{
	emit_missed(t->e, c->link, (u32[]){ c->resume, c->after });
	emit_jump_to(t->e, CC_ALWAYS, t->c->way_next);
}

void bt_cold_view(struct bt_translation *t, struct bt_cold *c)
{
	(void)c;
	emit_jump_to(t->e, CC_ALWAYS, t->c->way_next);
}

void bt_cold_interp(struct bt_translation *t, struct bt_cold *c)
{
	bt_set_rip(t, c->rip);
	leave(t, BT_EXIT_INTERP, c->live);
}
