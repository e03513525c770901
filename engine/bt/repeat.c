// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * REP MOVS and REP STOS of 64-bit code that stay in one page at each end: the
 * processor's own, on the addresses that the TLB gives. What is longer, goes
 * down, or misses, is string.c's, which also does what is left when the host's
 * memory faults in the middle: then the twin makes the guest's registers what
 * they are at that element.
 *
 * While it runs, rsi and T0 (which is rdi) are host addresses; ctx->scratch has
 * the count and the guest's rsi.
 */
#include "translate.h"

#define COUNT EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 8)
#define GUEST_RSI EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 16)
#define HOST_RSI EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 24)
#define RFLAGS_OFF ((s32)(offsetof(struct x86_cpu, rflags) - offsetof(struct x86_cpu, gpr)))
#define DF_BYTE (RFLAGS_OFF + 1)
#define DF_IN_BYTE 4

bool bt_repeat_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	u16 op = i->info->op;

	return (op == X86_OP_MOVS || op == X86_OP_STOS) && (i->prefix & (X86_P_F2 | X86_P_F3)) &&
	       t->mode == X86_MODE_64 && i->addrsize == 8 && i->seg != X86_FS && i->seg != X86_GS &&
	       !(t->key & (BT_KEY_STEP | BT_KEY_BP | BT_KEY_ALIGN));
}

static struct bt_cold *way_out(struct bt_translation *t)
{
	struct bt_cold *c = bt_cold(t, COLD_INTERP, 0);

	c->rip = bt_insn_rip(t, t->cur);
	c->live = t->live[t->cur + 1];
	return c;
}

/* T0 = where rcx elements at guest register @reg (of the host) are, all in a page, or out. */
static void one_end(struct bt_translation *t, const struct x86_insn *i, u8 reg, bool write,
		    struct bt_cold *out)
{
	emit_mov(t->e, T0, reg);
	emit_mov32(t->e, T1, T0);
	emit_alu_imm(t->e, 0, 4, T1, PAGE_SIZE - 1);			/* and */
	emit_rm(t->e, E_W, 0x8d, T1,
		EMIT_MEMX(T1, R_RCX, __builtin_ctz(i->opsize), 0));	/* lea */
	emit_alu_imm(t->e, 0, 7, T1, PAGE_SIZE);			/* cmp */
	out->from[0] = emit_jump(t->e, CC_A);
	out->from[1] = bt_lookup(t, write);
}

/* T1 elements are done: the guest's rdi and rsi. */
static void advance(struct bt_translation *t, const struct x86_insn *i, bool movs)
{
	u8 scale = __builtin_ctz(i->opsize);

	emit_rm(t->e, E_W, 0x8d, G_RDI, EMIT_MEMX(G_RDI, T1, scale, 0));
	if (!movs)
		return;
	emit_load(t->e, X86_RSI, GUEST_RSI);
	emit_rm(t->e, E_W, 0x8d, X86_RSI, EMIT_MEMX(X86_RSI, T1, scale, 0));
}

static void emit_rep(struct bt_translation *t, const struct x86_insn *i)
{
	struct bt_cold *c = bt_cold(t, COLD_REPEAT, 0);

	bt_map_here(t, t->cur);
	c->map = t->nmap - 1;
	c->live = t->live[t->cur + 1];
	if (i->opsize == 2)
		e8(t->e, 0x66);
	e8(t->e, 0xf3);
	if (i->opsize == 8)
		e8(t->e, 0x48);
	e8(t->e, i->opcode);
}

void bt_repeat(struct bt_translation *t, const struct x86_insn *i)
{
	bool movs = i->info->op == X86_OP_MOVS, live = t->live[t->cur + 1];
	struct bt_cold *out = way_out(t);
	u32 none;

	if (live)
		bt_park(t);
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rm(t->e, 0, 0xf6, 0, EMIT_MEM(T0, DF_BYTE));		/* test */
	e8(t->e, DF_IN_BYTE);
	out->from[0] = emit_jump(t->e, CC_NE);
	emit_rr(t->e, E_W, 0x85, R_RCX, R_RCX);
	none = emit_jump(t->e, CC_E);
	emit_alu_imm(t->e, E_W, 7, R_RCX, PAGE_SIZE);			/* cmp */
	out->from[1] = emit_jump(t->e, CC_A);
	if (movs) {
		one_end(t, i, X86_RSI, false, way_out(t));
		emit_store(t->e, HOST_RSI, T0);
	}
	one_end(t, i, G_RDI, true, way_out(t));
	emit_store(t->e, COUNT, R_RCX);
	if (movs) {
		emit_store(t->e, GUEST_RSI, X86_RSI);
		emit_load(t->e, X86_RSI, HOST_RSI);
	}
	emit_rep(t, i);
	emit_load(t->e, T1, COUNT);
	advance(t, i, movs);
	emit_patch(t->e, none, e_off(t->e));
	if (live)
		bt_unpark(t);
}

/* A fault of the host's: rcx is what was left. */
void bt_cold_repeat(struct bt_translation *t, struct bt_cold *c)
{
	const struct x86_insn *i = &t->insn[c->insn];

	t->map[c->map].slow = e_off(t->e) - t->b->code;
	emit_load(t->e, T1, COUNT);
	emit_rr(t->e, E_W, 0x2b, T1, R_RCX);
	advance(t, i, i->info->op == X86_OP_MOVS);
	c->rip = bt_insn_rip(t, c->insn);
	bt_cold_interp(t, c);
}
