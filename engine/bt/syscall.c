// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * SYSCALL and SYSRET between 64-bit code of both rings, without leaving
 * generated code. What they load is known when the mode is (sync_mode): the
 * segments and what the flags may become. Everything else that the manuals let
 * them do (other modes, SFMASK that leaves AC or TF alone, an rip in the upper
 * half, flags that change a mode, an interrupt that waits for IF) is the
 * emulator's, at the same instruction. APM vol. 3, SYSCALL, SYSRET.
 */
#include "translate.h"
#include "window.h"

#define CPU_OFF(f) ((s32)(offsetof(struct x86_cpu, f) - offsetof(struct x86_cpu, gpr)))
#define SEG_OFF(n) CPU_OFF(seg[n])
#define FLAGS_AT(n) EMIT_MEM(X86_RSP, CTX_OFF(flags) + (n))

#define AR_CODE64 0xa09bull	/* G L P S, code, readable, accessed */
#define AR_DATA 0xc093ull
#define AR_DPL3 0x60ull

/* Everything that a SYSRET may give user code without a mode changing. */
#define RETURN_FLAGS (X86_ARITH | X86_IF | X86_DF | X86_ID | 2)

_Static_assert(offsetof(struct x86_segment, limit) == 8 &&
	       offsetof(struct x86_segment, selector) == 12 &&
	       offsetof(struct x86_segment, ar) == 14, "struct bt_ring");

static u64 flat_segment(u16 sel, u64 ar)
{
	return 0xffffffffull | (u64)sel << 32 | ar << 48;
}

bool bt_syscall_sync(struct bt_ctx *x)
{
	const struct x86_cpu *c = &x->vcpu->cpu;
	u16 in = (c->star >> 32) & 0xfffc, out = c->star >> 48;

	x->enter.cs = flat_segment(in, AR_CODE64);
	x->enter.ss = flat_segment(in + 8, AR_DATA);
	x->leave.cs = flat_segment((out + 16) | 3, AR_CODE64 | AR_DPL3);
	x->leave.ss = flat_segment((out + 8) | 3, AR_DATA | AR_DPL3);
	return (c->efer & X86_EFER_SCE) && (c->sfmask & X86_AC) && (c->sfmask & X86_TF) &&
	       x86_canonical(c->lstar, c->linear_bits);
}

/* Leave for the emulator when @cc holds; flags are parked. */
static void give_up(struct bt_translation *t, u8 cc)
{
	struct bt_cold *c = bt_cold(t, COLD_INTERP, emit_jump(t->e, cc));

	c->rip = bt_insn_rip(t, t->cur);
	c->live = true;
}

/* CS and SS as @ring has them; T0 is the way to struct x86_cpu. */
static void load_ring(struct bt_translation *t, s32 ring)
{
	static const u8 seg[] = { X86_CS, X86_SS };

	for (u32 n = 0; n < ARRAY_SIZE(seg); n++) {
		emit_load(t->e, T1, EMIT_MEM(X86_RSP, ring + 8 * (s32)n));
		emit_store(t->e, EMIT_MEM(T0, SEG_OFF(seg[n]) + 8), T1);
		emit_rm(t->e, E_W, 0xc7, 0, EMIT_MEM(T0, SEG_OFF(seg[n])));	/* base */
		e32(t->e, 0);
	}
}

/* T1 has the new rflags: system flags to struct x86_cpu (at T0), the others parked. Destroys T1. */
static void split_flags(struct bt_translation *t)
{
	emit_rm(t->e, 0, 0x88, T1, FLAGS_AT(1));
	emit_store(t->e, EMIT_MEM(T0, CPU_OFF(rflags)), T1);
	emit_rr(t->e, 0, 0xc1, 5, T1);				/* shr, 11 */
	e8(t->e, 11);
	emit_alu_imm(t->e, 0, 4, T1, 1);
	emit_rm(t->e, 0, 0x88, T1, FLAGS_AT(0));
	emit_rm(t->e, 0, 0x81, 4, EMIT_MEM(T0, CPU_OFF(rflags)));	/* and */
	e32(t->e, ~(u32)X86_ARITH);
	emit_rm(t->e, 0, 0x83, 1, EMIT_MEM(T0, CPU_OFF(rflags)));	/* or */
	e8(t->e, 2);
}

static void test_plain(struct bt_translation *t)
{
	emit_rm(t->e, 0, 0xf6, 0, CTX(plain));
	e8(t->e, BT_PLAIN_SYSCALL);
	give_up(t, CC_E);
}

void bt_emit_syscall(struct bt_translation *t, const struct x86_insn *i)
{
	u32 key = X86_MODE_64 | BT_MMU_KERNEL << BT_KEY_MMU_SHIFT | BT_KEY_RING0 |
		  (t->key & BT_KEY_STAYS);

	(void)i;
	bt_park(t);
	test_plain(t);
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rm(t->e, E_0F, 0xb6, X86_R11, FLAGS_AT(1));
	emit_rm(t->e, E_0F, 0xb6, T1, FLAGS_AT(0));
	emit_rr(t->e, 0, 0xc1, 4, T1);				/* shl, 11 */
	e8(t->e, 11);
	emit_rr(t->e, 0, 0x0b, X86_R11, T1);			/* or */
	emit_alu_imm(t->e, 0, 4, X86_R11, X86_ARITH);		/* and: bit 1 is the other's */
	emit_rm(t->e, 0, 0x0b, X86_R11, EMIT_MEM(T0, CPU_OFF(rflags)));
	emit_alu_imm(t->e, 0, 4, X86_R11, (s32)~X86_RF);
	emit_load(t->e, T1, EMIT_MEM(T0, CPU_OFF(sfmask)));
	emit_rr(t->e, E_W, 0xf7, 2, T1);			/* not */
	emit_rr(t->e, 0, 0x23, T1, X86_R11);			/* and */
	split_flags(t);
	emit_const(t->e, R_RCX, bt_insn_rip(t, t->cur + 1));
	load_ring(t, CTX_OFF(enter));
	emit_store_imm32(t->e, CTX(key), key);
	emit_load(t->e, T0, EMIT_MEM(T0, CPU_OFF(lstar)));
	emit_rm(t->e, 0, 0x81, 7, EMIT_MEM(X86_RSP, CTX_OFF(jc_key) + 4 * BT_MMU_KERNEL));
	e32(t->e, key);
	bt_cold(t, COLD_VIEW, emit_jump(t->e, CC_NE));
	bt_edge_view(t, BT_MMU_KERNEL);
}

void bt_emit_sysret(struct bt_translation *t, const struct x86_insn *i)
{
	u32 same;

	(void)i;
	bt_park(t);
	test_plain(t);
	emit_rm(t->e, 0, 0x80, 7, CTX(irq_window));		/* cmp byte, 0 */
	e8(t->e, 0);
	give_up(t, CC_NE);
	emit_rm(t->e, 0, 0x80, 7, CTX(key_stale));
	e8(t->e, 0);
	give_up(t, CC_NE);
	emit_mov(t->e, T1, R_RCX);
	emit_rr(t->e, E_W, 0xc1, 5, T1);			/* shr, 47 */
	e8(t->e, 47);
	give_up(t, CC_NE);
	emit_mov32(t->e, T1, X86_R11);
	emit_rr(t->e, 0, 0xf7, 0, T1);				/* test */
	e32(t->e, ~(u32)RETURN_FLAGS);
	give_up(t, CC_NE);
	/* Code with windows is made for a stack in one of them. */
	emit_rorx(t->e, E_W, T1, G_RSP, BT_WINDOW_SHIFT);
	emit_alu_imm(t->e, 0, 4, T1, BIT(64 - BT_WINDOW_SHIFT) - 1);	/* and */
	emit_rm(t->e, 0, 0x3b, T1, CTX(user_stack));			/* cmp */
	same = emit_jump(t->e, CC_E);
	emit_rm(t->e, 0, 0xf7, 0, CTX(user_key));			/* test */
	e32(t->e, BT_KEY_WINDOW);
	give_up(t, CC_NE);
	emit_patch(t->e, same, e_off(t->e));
	emit_mov32(t->e, T1, X86_R11);
	emit_load(t->e, T0, CTX(gpr_ptr));
	split_flags(t);
	load_ring(t, CTX_OFF(leave));
	emit_mov(t->e, T0, R_RCX);
	emit_rm(t->e, 0, 0x8b, T1, CTX(user_key));
	emit_rm(t->e, 0, 0x89, T1, CTX(key));
	emit_rm(t->e, 0, 0x3b, T1, EMIT_MEM(X86_RSP, CTX_OFF(jc_key) + 4 * BT_MMU_USER));
	bt_cold(t, COLD_VIEW, emit_jump(t->e, CC_NE));
	bt_edge_view(t, BT_MMU_USER);
}
