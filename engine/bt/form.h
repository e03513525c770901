/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accesses of blocks with BT_KEY_WINDOW: known.c follows the registers, form.c
 * emits, hint.c remembers what sites met.
 */
#ifndef ANYKVM_BT_FORM_H
#define ANYKVM_BT_FORM_H

#include "translate.h"
#include "window.h"

/* Where an access is made: enum bt_window, or */
#define BT_FORM_SOFT BT_WINDOW_COUNT		/* through the software TLB */
#define BT_FORM_ANY (BT_WINDOW_COUNT + 1)	/* of a hint: nothing is known */

static inline enum bt_window bt_stack_window(const struct bt_translation *t)
{
	return t->key & BT_KEY_STACK_A ? BT_WINDOW_A : BT_WINDOW_B;
}

static inline u32 bt_slot_of(const struct bt_translation *t, enum bt_window w)
{
	return w == BT_WINDOW_B ? BT_WINDOW_SLOT_B : bt_key_slot_a(t->key);
}

/* group.c: general registers that @i writes, explicitly or not. */
u16 bt_written(const struct x86_insn *i);
/* mem.c */
u32 bt_memop(const struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc, u8 seg);
void bt_ea_place(struct bt_translation *t, const struct bt_place *p, u8 dst);
void bt_lea(struct bt_translation *t, bool w, u8 dst, struct emit_mem m);

/* ---- known.c ---- */
/* Farther than this from a window nothing is left for the next block, or round of a loop. */
#define BT_NEAR (1ull << 33)
bool bt_same_place(const struct bt_known *k, const struct bt_place *p);
bool bt_known_near(struct bt_translation *t, const struct bt_known *at_head);
void bt_known_start(struct bt_translation *t);
void bt_known_step(struct bt_translation *t, const struct x86_insn *i);	/* behind @i */
/* Does @p, wherever it is, find the right page in *@w or fault? */
bool bt_known_reaches(struct bt_translation *t, const struct bt_place *p, enum bt_window *w);
void bt_known_touched(struct bt_translation *t, const struct bt_place *p, enum bt_window w);
bool bt_known_stack_near(struct bt_translation *t);	/* near enough for the next block */
/* Does @i make its 64-bit register @dst another, or itself, plus a constant? */
bool bt_moves(const struct x86_insn *i, u8 *dst, u8 *src, s64 *by);

/* Does @i, the instruction at @n, leave T0 alone but for what form.c does with it? */
bool bt_keeps_t0(const struct bt_translation *t, const struct x86_insn *i, u32 n);
void bt_load_delta(struct bt_translation *t, enum bt_window w);

/* ---- loop.c ---- */
void bt_loop_begin(struct bt_translation *t);	/* at the block's first byte */
void bt_loop_end(struct bt_translation *t);	/* before the jump back */

/* ---- form.c ---- */
/* Falls through when @p is in window @w; returns the jump taken when not. Ruins flags, T0, T1. */
u32 bt_place_check(struct bt_translation *t, const struct bt_place *p, enum bt_window w);
/* Behind the last instruction but the branch: rsp is where the next block takes it to be. */
void bt_window_end(struct bt_translation *t, u32 next);

/* ---- hint.c ---- */
/* The memory operand of instruction @n when it can be had through a window. */
bool bt_operand_place(struct bt_translation *t, const struct x86_insn *i, u32 n,
		      struct bt_place *p);
/* The form for the operand of each instruction: t->form. */
void bt_choose_forms(struct bt_translation *t);

#endif
