// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * BT, BTS, BTR, BTC on memory with the bit's number in a register: it reaches
 * beyond the operand (SDM vol. 2, BT). The element that holds the bit is made
 * an operand of its own; the register form, which takes the number modulo the
 * size, works on a copy of it. With LOCK it is the memory form, told to begin
 * as far below as the processor will add. Nothing here touches a flag but the
 * operation itself: ZF stays what it was.
 */
#include "translate.h"

#define PLACE EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 16)

bool bt_bit_string_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	return t->mode == X86_MODE_64 && i->addrsize == 8 && i->opsize >= 4;
}

static u32 width(const struct x86_insn *i)
{
	return i->opsize == 8 ? E_W : 0;
}

/* T1 = how many elements the bit is away. */
static void element(struct bt_translation *t, const struct x86_insn *i)
{
	bool w = i->opsize == 8;
	u8 h = bt_host_reg[i->reg];

	emit_const(t->e, T1, w ? 6 : 5);
	/* sarx T1, number, T1 */
	e8(t->e, 0xc4);
	e8(t->e, (T1 & 8 ? 0 : 0x80) | 0x40 | (!(h & BT_HOMED) && (h & 8) ? 0 : 0x20) | 2);
	e8(t->e, (w ? 0x80 : 0) | ((~T1 & 15) << 3) | 2);
	e8(t->e, 0xf7);
	if (h & BT_HOMED)
		e_modrm_mem(t->e, T1, bt_home(h));
	else
		e8(t->e, 0xc0 | (T1 & 7) << 3 | (h & 7));
	if (!w)
		emit_rr(t->e, E_W, 0x63, T1, T1);	/* movsxd */
}

/* lea T0, [T0 + T1 * opsize + disp] */
static void move_place(struct bt_translation *t, const struct x86_insn *i, s32 disp)
{
	emit_rm(t->e, E_W, 0x8d, T0, EMIT_MEMX(T0, T1, i->opsize == 8 ? 3 : 2, disp));
}

static void locked(struct bt_translation *t, const struct x86_insn *i)
{
	u8 h = bt_host_reg[i->reg];

	element(t, i);
	emit_rr(t->e, E_W, 0xf7, 2, T1);		/* not, which leaves the flags alone */
	move_place(t, i, i->opsize);
	if (h & BT_HOMED) {
		emit_load(t->e, T1, bt_home(h));
		h = T1;
	}
	e8(t->e, 0xf0);
	emit_rm(t->e, E_0F | width(i), i->opcode, h, t->mem);
}

static void body(struct bt_translation *t, const struct x86_insn *i)
{
	bool writes = i->info->rm_acc & X86_A_W;
	u8 h = bt_host_reg[i->reg];

	if (i->prefix & X86_P_LOCK) {
		locked(t, i);
		return;
	}
	emit_rm(t->e, width(i), 0x8b, T1, t->mem);
	if (h & BT_HOMED) {
		if (writes)
			emit_store(t->e, PLACE, T0);
		emit_load(t->e, T0, bt_home(h));
		h = T0;
	}
	emit_rr(t->e, E_0F | width(i), i->opcode, h, T1);
	if (!writes)
		return;
	if (h == T0)
		emit_load(t->e, T0, PLACE);
	emit_rm(t->e, width(i), 0x89, T1, t->mem);
}

void bt_bit_string(struct bt_translation *t, const struct x86_insn *i)
{
	bt_ea(t, i, T0);
	element(t, i);
	move_place(t, i, 0);
	bt_access(t, i, i->opsize, i->info->rm_acc, i->seg, body);
}
