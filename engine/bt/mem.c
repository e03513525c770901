// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory operands: from base, index and displacement through segmentation and
 * the software TLB to an address of the host, with the instruction's twin for
 * what is not plain memory.
 */
#include "form.h"

const u8 bt_host_reg[16] = {
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, G_RSP, X86_RBP, X86_RSI, G_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, BT_HOMED, BT_HOMED + 1, BT_HOMED + 2,
};

/* The arithmetic flags to the context and back; T1 carries rax. */
void emit_park(struct bt_emit *e)
{
	emit_mov(e, T1, R_RAX);
	e8(e, 0x9f);					/* lahf */
	emit_rr(e, E_0F, 0x90, 0, R_RAX);		/* seto al */
	emit_rm(e, E_66, 0x89, R_RAX, CTX(flags));
	emit_mov(e, R_RAX, T1);
}

void bt_park(struct bt_translation *t)
{
	t->x->stats.parks++;
	emit_park(t->e);
}

void bt_unpark(struct bt_translation *t)
{
	emit_mov(t->e, T1, R_RAX);
	emit_rm(t->e, E_0F, 0xb7, R_RAX, CTX(flags));	/* movzx eax, word */
	e8(t->e, 0x04);					/* add al, 0x7f: OF from the byte that SETO left */
	e8(t->e, 0x7f);
	e8(t->e, 0x9e);					/* sahf */
	emit_mov(t->e, R_RAX, T1);
}

void bt_free_flags(struct bt_translation *t)
{
	if (!t->live[t->cur] || t->parked)
		return;
	bt_park(t);
	t->parked = true;
}

void bt_want_flags(struct bt_translation *t)
{
	if (t->parked)
		bt_unpark(t);
	t->parked = false;
}

void bt_place_body(struct bt_translation *t, const struct x86_insn *i, bt_body body)
{
	if (bt_needs_flags(t, t->cur))
		bt_want_flags(t);
	t->map[t->nmap - 1].parked = t->parked;
	body(t, i);
}

void bt_get(struct bt_translation *t, u8 dst, u8 guest)
{
	u8 h = bt_host_reg[guest];

	if (h & BT_HOMED)
		emit_load(t->e, dst, bt_home(h));
	else if (h != dst)
		emit_mov(t->e, dst, h);
}

/* lea dst, [m] in 64 or 32 bits. */
void bt_lea(struct bt_translation *t, bool w, u8 dst, struct emit_mem m)
{
	if (m.base == EMIT_NOREG) {
		/* No base in the encoding means a disp32 and mod 0: write it by hand. */
		e_prefix(t->e, w ? E_W : 0, dst, m.index, 0);
		e8(t->e, 0x8d);
		e8(t->e, ((dst & 7) << 3) | 4);
		e8(t->e, (m.scale << 6) | ((m.index & 7) << 3) | 5);
		e32(t->e, m.disp);
		return;
	}
	emit_rm(t->e, w ? E_W : 0, 0x8d, dst, m);
}

/* @dst = base + index * scale + disp, in @w ? 64 : 32 bits. May use T1. */
static void emit_ea(struct bt_translation *t, bool w, u8 dst, u8 base, u8 index, u8 scale, s32 disp)
{
	struct emit_mem m = { .base = EMIT_NOREG, .index = EMIT_NOREG, .disp = disp };

	if (base != X86_REG_NONE) {
		m.base = bt_host_reg[base];
		if (m.base & BT_HOMED) {
			emit_load(t->e, dst, bt_home(m.base));
			m.base = dst;
		}
	}
	if (index != X86_REG_NONE) {
		m.index = bt_host_reg[index];
		m.scale = scale;
		if (m.index & BT_HOMED) {
			emit_load(t->e, T1, bt_home(m.index));
			m.index = T1;
		}
	}
	if (m.base == EMIT_NOREG && m.index == EMIT_NOREG) {
		emit_const(t->e, dst, w ? (u64)(s64)disp : (u32)disp);
	} else if (m.base == EMIT_NOREG || m.index != EMIT_NOREG || disp) {
		bt_lea(t, w, dst, m);
	} else {
		emit_rr(t->e, w ? E_W : 0, 0x8b, dst, m.base);
	}
}

void bt_ea(struct bt_translation *t, const struct x86_insn *i, u8 dst)
{
	bool w = i->addrsize == 8;

	if (i->info->imm == X86_I_MOFFS) {
		emit_const(t->e, dst, i->disp64);
		return;
	}
	if (i->base == X86_REG_RIP) {
		u64 v = bt_insn_rip(t, t->cur + 1) + i->disp;

		emit_const(t->e, dst, w ? v : (u32)v);
		return;
	}
	emit_ea(t, w, dst, i->base, i->index, i->scale, i->disp);
	if (i->addrsize == 2)
		emit_rr(t->e, E_0F, 0xb7, dst, dst);	/* movzx */
}

void bt_ea_place(struct bt_translation *t, const struct bt_place *p, u8 dst)
{
	if (p->is_const)
		emit_const(t->e, dst, p->at);
	else
		emit_ea(t, true, dst, p->base, p->index, p->scale, p->disp);
}

/*
 * Does an access through @seg need its base (and outside 64-bit mode its
 * limit)? A flat CS may still not be written, and perhaps not read.
 */
static bool segmented(const struct bt_translation *t, u8 seg)
{
	if (seg == X86_FS || seg == X86_GS)
		return true;
	return t->mode != X86_MODE_64 && (seg == X86_CS || !(t->key & BT_KEY_FLAT));
}

static void emit_segment(struct bt_translation *t, u32 size, u32 memop, u8 seg)
{
	s32 lim = (memop & BT_MEMOP_W) ? CTX_OFF(seg_lim_w) : CTX_OFF(seg_lim_r);
	bool w = t->mode == X86_MODE_64;
	struct bt_cold *c = NULL;

	if (!w) {
		bt_lea(t, true, T1, EMIT_MEM(T0, (s32)size - 1));
		emit_rm(t->e, E_W, 0x3b, T1, EMIT_MEM(X86_RSP, lim + 8 * seg));
		c = bt_cold(t, COLD_SEG, emit_jump(t->e, CC_G));
		c->memop = memop;
	}
	emit_rm(t->e, w ? E_W : 0, 0x03, T0, EMIT_MEM(X86_RSP, CTX_OFF(seg_base) + 8 * seg));
	if (c)
		c->resume = e_off(t->e);
}

_Static_assert(sizeof(struct bt_tlb_half) == 16, "emit_check's rotation");

/* A word of the entry whose place in the half is in T1. */
static struct emit_mem half_mem(s32 half, u32 off)
{
	return EMIT_MEMX(X86_RSP, T1, 0, half + (s32)off);
}

/*
 * The TLB's answer for @size bytes at T0, from the half @half (displacement of
 * r[] or w[] in the context). Falls through on a hit, with the offset in the
 * page in T0 and the entry's place in T1; returns the jump taken on a miss.
 */
static u32 emit_check(struct bt_translation *t, u32 size, s32 half)
{
	/* T1 = bt_tlb_index * sizeof(struct bt_tlb_half), and nothing else */
	emit_rorx(t->e, E_W, T1, T0, PAGE_SHIFT - 4);
	emit_alu_imm(t->e, 0, 4, T1, (BT_TLB_SIZE - 1) * sizeof(struct bt_tlb_half));	/* and */
	emit_rm(t->e, E_W, 0x2b, T0, half_mem(half, offsetof(struct bt_tlb_half, tag)));	/* sub */
	emit_alu_imm(t->e, E_W, 7, T0, PAGE_SIZE - size);				/* cmp */
	return emit_jump(t->e, CC_A);
}

/* add T0, of the entry that emit_check has found: its host address, or on a miss its tag. */
static void emit_add_half(struct bt_translation *t, s32 half, u32 off)
{
	emit_rm(t->e, E_W, 0x03, T0, half_mem(half, off));
}

static void emit_hit(struct bt_translation *t, s32 half)
{
	emit_add_half(t, half, offsetof(struct bt_tlb_half, host));
}

static void emit_miss(struct bt_translation *t, s32 half)
{
	emit_add_half(t, half, offsetof(struct bt_tlb_half, tag));
}

u32 bt_lookup(struct bt_translation *t, bool write)
{
	s32 half = CTX_OFF(tlb) + bt_key_mmu(t->key) * (s32)sizeof(struct bt_tlb) +
		   (write ? (s32)offsetof(struct bt_tlb, w) : 0);
	u32 miss = emit_check(t, 1, half);

	emit_hit(t, half);
	return miss;
}

static void emit_add(struct bt_translation *t, u8 reg, s32 by)
{
	if (by)
		bt_lea(t, true, reg, EMIT_MEM(reg, by));
}

u32 bt_memop(const struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc, u8 seg)
{
	u32 memop = size | (bt_key_mmu(t->key) << BT_MEMOP_MMU_SHIFT) | (seg << BT_MEMOP_SEG_SHIFT);

	memop |= (acc & X86_A_R) ? BT_MEMOP_R : 0;
	memop |= (acc & X86_A_W) ? BT_MEMOP_W : 0;
	if (i->info->op == X86_OP_CALL && (acc & X86_A_W))
		memop |= BT_MEMOP_CALL;
	if ((i->info->attr & X86_T_ALIGN) ||
	    ((i->info->attr & X86_T_ALIGN16) && !(i->prefix & X86_P_VEX)))
		memop |= BT_MEMOP_ALIGN;
	return memop;
}

void bt_access(struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc, u8 seg,
	       bt_body body)
{
	s32 tlb = CTX_OFF(tlb) + bt_key_mmu(t->key) * (s32)sizeof(struct bt_tlb);
	bool live = t->live[t->cur] != 0, always = t->key & BT_KEY_ALIGN;
	struct bt_group *g = bt_leads(t);
	u32 memop = bt_memop(t, i, size, acc, seg);
	struct bt_cold want = {
		.memop = memop, .live = live, .always = always, .body = body,
		.half = tlb + (((g ? g->acc : acc) & X86_A_W) ? (s32)offsetof(struct bt_tlb, w) : 0),
		.range = g ? (u32)(g->hi - g->lo) : size,
		.off = g ? t->group_off[t->cur] - g->lo : 0,
	};
	struct bt_cold *c;

	bt_free_flags(t);
	if (segmented(t, seg))
		emit_segment(t, size, memop, seg);
	emit_add(t, T0, -want.off);
	want.from[0] = always ? emit_jump(t->e, CC_ALWAYS) : emit_check(t, want.range, want.half);
	want.kind = g ? COLD_LEADER : COLD_MEM;
	want.insn = t->cur;
	c = bt_cold(t, want.kind, 0);
	*c = want;
	if (!always)
		emit_hit(t, want.half);
	c->resume = e_off(t->e);
	if (g) {
		emit_store(t->e, EMIT_MEM(X86_RSP, CTX_OFF(group) + 8 * g->slot), T0);
	}
	t->mem = EMIT_MEM(T0, want.off);
	bt_place_body(t, i, body);
	c->after = e_off(t->e);
}

void bt_operand(struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc,
		bt_body body)
{
	if (bt_window_operand(t, i, size, acc, body) || bt_follow(t, i, body))
		return;
	bt_ea(t, i, T0);
	bt_access(t, i, size, acc, i->seg, body);
}

void bt_stack(struct bt_translation *t, const struct x86_insn *i, s32 off, u32 acc, bt_body body)
{
	if (bt_window_stack(t, i, X86_RSP, off, acc, body) || bt_follow(t, i, body))
		return;
	emit_rm(t->e, t->wide_stack ? E_W : 0, 0x8d, T0, EMIT_MEM(G_RSP, off));
	if (!t->wide_stack && !(t->key & BT_KEY_SS32))
		emit_rr(t->e, E_0F, 0xb7, T0, T0);
	bt_access(t, i, i->opsize, acc, X86_SS, body);
}

/*
 * The slow way of one access. What the helper says is plain memory goes on in
 * the block; a store to anything else runs its twin here, on the bounce
 * buffer, which the commit then carries out.
 */
void bt_cold_mem(struct bt_translation *t, struct bt_cold *c)
{
	struct bt_emit *e = t->e;
	u32 direct;

	if (!c->always)
		emit_miss(t, c->half);
	emit_store_imm32(e, CTX(memop), c->memop);
	emit_call_mem(e, CTX(fn_mem_slow));
	if (!(c->memop & BT_MEMOP_W)) {
		emit_jump_to(e, CC_ALWAYS, c->resume);
		return;
	}
	emit_rr(e, 0, 0x85, T1, T1);				/* test */
	direct = emit_jump(e, CC_E);
	emit_patch(e, direct, c->resume);
	if (c->live)
		bt_unpark(t);
	t->mem = EMIT_MEM(T0, 0);
	c->body(t, &t->insn[c->insn]);
	emit_call_mem(e, CTX(fn_mem_commit));
	emit_jump_to(e, CC_ALWAYS, c->after);
}

/* Out of the block in its middle, where rsp may be on its way out of its window. */
static void leave_behind(struct bt_translation *t, const struct bt_cold *c, u64 next)
{
	if (t->key & BT_KEY_WINDOW) {
		emit_store_imm32(t->e, CTX(form_site), BT_NO_SITE);
		bt_exit(t, next, BT_EXIT_FORM);
	} else {
		bt_edge_away(t, next);
	}
}

/*
 * A leader that the TLB refused: first its own access; then, should the whole
 * range be in one page after all, back into the block; else the instruction
 * here and out of the block behind it.
 */
void bt_cold_leader(struct bt_translation *t, struct bt_cold *c)
{
	struct emit_mem host = EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 16);
	struct emit_mem bounce = EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 24);
	u64 next = bt_insn_rip(t, c->insn + 1);
	u32 out, plain;

	emit_miss(t, c->half);
	emit_add(t, T0, c->off);
	emit_store_imm32(t->e, CTX(memop), c->memop);
	emit_call_mem(t->e, CTX(fn_mem_slow));
	emit_store(t->e, host, T0);
	emit_store(t->e, bounce, T1);
	emit_load(t->e, T0, CTX(mem_lin));
	emit_add(t, T0, -c->off);
	out = emit_check(t, c->range, c->half);
	emit_hit(t, c->half);
	emit_jump_to(t->e, CC_ALWAYS, c->resume);

	emit_patch(t->e, out, e_off(t->e));
	emit_load(t->e, T0, host);
	t->mem = EMIT_MEM(T0, 0);
	if (c->memop & BT_MEMOP_W) {
		emit_rm(t->e, E_W, 0x83, 7, bounce);			/* cmp qword, 0 */
		e8(t->e, 0);
		plain = emit_jump(t->e, CC_E);
		if (c->live)
			bt_unpark(t);
		c->body(t, &t->insn[c->insn]);
		emit_call_mem(t->e, CTX(fn_mem_commit));
		leave_behind(t, c, next);
		emit_patch(t->e, plain, e_off(t->e));
	}
	if (c->live)
		bt_unpark(t);
	c->body(t, &t->insn[c->insn]);
	leave_behind(t, c, next);
}

void bt_cold_seg(struct bt_translation *t, struct bt_cold *c)
{
	emit_store_imm32(t->e, CTX(memop), c->memop);
	emit_call_mem(t->e, CTX(fn_seg_slow));
	emit_jump_to(t->e, CC_ALWAYS, c->resume);
}
