// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Accesses of one block that surely fall near each other: the same base and
 * index registers, unchanged in between, and displacements within a few
 * cache lines. The first of them, the leader, asks the TLB for the whole range,
 * for writing when any of them writes, and parks the host address; the others
 * take it from there. When the range does not lie in one page of plain memory
 * the leader is done alone and the block is left behind it, so that the rest is
 * found as a block of its own. docs/translator.md, "A memory access".
 */
#include "form.h"

/* Longer ranges meet a page's end too often. */
#define RANGE_MAX 256

struct place {
	u8 base, index, scale, addrsize;
	s32 off;
	u32 size;
	u8 acc;
};

struct tracker {
	u32 version[16];	/* of each guest register: bumped where it is written */
	s32 sp;			/* what the block has added to rsp since its last version */
};

static bool pushes(const struct x86_insn *i)
{
	u16 op = i->info->op;

	return (op == X86_OP_PUSH && !i->is_mem) || (op == X86_OP_CALL && !i->is_mem);
}

static bool pops(const struct x86_insn *i)
{
	return (i->info->op == X86_OP_POP && !i->is_mem) || i->info->op == X86_OP_RET;
}

/* The access of @i that can be one of a group. */
static bool access_place(const struct bt_translation *t, const struct tracker *k,
			 const struct x86_insn *i, struct place *p)
{
	u8 kind = i->info->kind;

	if (pushes(i) || pops(i)) {
		*p = (struct place){
			.base = X86_RSP,
			.index = X86_REG_NONE,
			.addrsize = t->wide_stack ? 8 : 4,
			.off = k->sp - (pushes(i) ? i->opsize : 0),
			.size = i->opsize,
			.acc = pushes(i) ? X86_A_W : X86_A_R,
		};
		return true;
	}
	if ((kind != X86_K_NATIVE && kind != X86_K_NATIVE_DE) || !i->is_mem ||
	    (i->info->attr & (X86_T_NOMEM | X86_T_BITSTR)) || i->base >= 16 || i->addrsize == 2)
		return false;
	if (i->seg == X86_FS || i->seg == X86_GS || (i->seg == X86_CS && t->mode != X86_MODE_64))
		return false;
	*p = (struct place){
		.base = i->base,
		.index = i->index,
		.scale = i->scale,
		.addrsize = i->addrsize,
		.off = i->disp + (i->base == X86_RSP ? k->sp : 0),
		.size = i->memsize,
		.acc = i->info->rm_acc,
	};
	return true;
}

/* ---- what an instruction does to the registers ---- */

u16 bt_written(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;
	const struct {
		u8 class, acc, num;
	} ops[] = {
		{ o->reg_class, o->reg_acc, i->reg },
		{ i->is_mem ? X86_C_NONE : o->rm_class, o->rm_acc, i->rm },
		{ o->vvvv_class, o->vvvv_acc, i->vvvv },
	};
	bool rep = o->kind == X86_K_STRING && (i->prefix & (X86_P_F2 | X86_P_F3));
	u16 w = o->gpr_w | (rep ? BIT(X86_RCX) : 0);

	for (u32 n = 0; n < ARRAY_SIZE(ops); n++) {
		if (ops[n].class < X86_C_GPR8 || ops[n].class > X86_C_GPRY ||
		    !(ops[n].acc & X86_A_W))
			continue;
		/* AH..BH share a number with SP..DI: both count. */
		w |= BIT(ops[n].num) | (ops[n].class == X86_C_GPR8 ? BIT(ops[n].num & 3) : 0);
	}
	return w;
}

/* Does @i move rsp by a constant? */
static bool moves_sp(const struct bt_translation *t, const struct x86_insn *i, s32 *by)
{
	u32 width = t->wide_stack ? 8 : 4;
	u16 op = i->info->op;

	if (pushes(i) || (op == X86_OP_PUSH)) {
		*by = -(s32)i->opsize;
		return true;
	}
	if (op == X86_OP_POP && !i->is_mem && (i->has_modrm ? i->rm : i->reg) != X86_RSP) {
		*by = i->opsize;
		return true;
	}
	if ((op == X86_OP_ADD || op == X86_OP_SUB) && i->has_modrm && !i->is_mem &&
	    i->rm == X86_RSP && i->imm_len && i->opsize == width) {
		*by = op == X86_OP_ADD ? (s32)i->imm : -(s32)i->imm;
		return *by > -65536 && *by < 65536;
	}
	return false;
}

static void track(const struct bt_translation *t, struct tracker *k, const struct x86_insn *i)
{
	u16 w = bt_written(i);
	s32 by;

	if (moves_sp(t, i, &by)) {
		k->sp += by;
		w &= ~BIT(X86_RSP);
	}
	for (; w; w &= w - 1) {
		u32 r = __builtin_ctz(w);

		k->version[r]++;
		if (r == X86_RSP)
			k->sp = 0;
	}
}

/* ---- groups ---- */

static bool fits(const struct bt_group *g, const struct tracker *k, const struct place *p)
{
	s32 lo = min(g->lo, p->off), hi = max(g->hi, p->off + (s32)p->size);

	return g->base == p->base && g->index == p->index && g->scale == p->scale &&
	       g->addrsize == p->addrsize && g->vbase == k->version[p->base] &&
	       (p->index >= 16 || g->vindex == k->version[p->index]) && hi - lo <= RANGE_MAX;
}

static struct bt_group *join(struct bt_translation *t, const struct tracker *k,
			     const struct place *p)
{
	struct bt_group *g;

	for (u32 n = 0; n < t->ngroups; n++) {
		g = &t->group[n];
		if (fits(g, k, p)) {
			g->lo = min(g->lo, p->off);
			g->hi = max(g->hi, p->off + (s32)p->size);
			g->acc |= p->acc;
			g->members++;
			return g;
		}
	}
	if (t->ngroups == BT_MAX_GROUPS)
		return NULL;
	g = &t->group[t->ngroups++];
	*g = (struct bt_group){
		.base = p->base, .index = p->index, .scale = p->scale, .addrsize = p->addrsize,
		.vbase = k->version[p->base],
		.vindex = p->index < 16 ? k->version[p->index] : 0,
		.lo = p->off, .hi = p->off + p->size, .acc = p->acc, .members = 1, .slot = BT_NO_SLOT,
	};
	return g;
}

void bt_find_groups(struct bt_translation *t)
{
	struct tracker k = { 0 };
	struct bt_group *g;
	struct place p;
	u32 slots = 0;

	t->ngroups = 0;
	for (u32 n = 0; n < t->n; n++) {
		t->in_group[n] = NULL;
		if (!(t->key & BT_KEY_FLAT) || (t->key & (BT_KEY_STEP | BT_KEY_ALIGN)) ||
		    (!t->wide_stack && !(t->key & BT_KEY_SS32)))
			continue;
		/* What is had through a window needs no group. */
		if (!((t->key & BT_KEY_WINDOW) && t->form[n] != BT_FORM_SOFT) &&
		    access_place(t, &k, &t->insn[n], &p)) {
			g = join(t, &k, &p);
			t->in_group[n] = g;
			t->group_off[n] = p.off;
			if (g && g->members == 1)
				g->leader = n;
		}
		track(t, &k, &t->insn[n]);
	}
	for (u32 n = 0; n < t->ngroups; n++)
		if (t->group[n].members > 1 && slots < BT_GROUP_SLOTS)
			t->group[n].slot = slots++;
}

struct bt_group *bt_leads(struct bt_translation *t)
{
	struct bt_group *g = t->in_group[t->cur];

	return g && g->slot != BT_NO_SLOT && g->leader == t->cur ? g : NULL;
}

bool bt_follow(struct bt_translation *t, const struct x86_insn *i, bt_body body)
{
	struct bt_group *g = t->in_group[t->cur];
	s32 off;

	if (!g || g->slot == BT_NO_SLOT || g->leader == t->cur)
		return false;
	off = t->group_off[t->cur] - g->lo;
	emit_load(t->e, T0, EMIT_MEM(X86_RSP, CTX_OFF(group) + 8 * g->slot));
	t->mem = EMIT_MEM(T0, off);
	body(t, i);
	return true;
}
