// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * System instructions that kernels run all the time, at CPL 0 without leaving
 * generated code: PUSHF, POPF, CLI and STI around locks, STAC and CLAC around
 * user copies, SWAPGS at every entry. The system flags live in
 * vcpu->cpu.rflags, whose arithmetic bits are zero while generated code runs;
 * what changes more than IF, or opens a window that an interrupt waits for, is
 * the emulator's.
 */
#include "translate.h"

#define SCRATCH EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 8)
#define SCRATCH_AT(n) EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 8 + (n))
#define FLAGS_AT(n) EMIT_MEM(X86_RSP, CTX_OFF(flags) + (n))
#define RFLAGS_OFF ((s32)(offsetof(struct x86_cpu, rflags) - offsetof(struct x86_cpu, gpr)))
#define IF_BYTE (RFLAGS_OFF + 1)
#define IF_IN_BYTE 2
#define AC_BYTE (RFLAGS_OFF + 2)
#define AC_IN_BYTE 4
#define CPU_OFF(f) ((s32)(offsetof(struct x86_cpu, f) - offsetof(struct x86_cpu, gpr)))

static bool live_after(const struct bt_translation *t)
{
	return t->live[t->cur + 1];
}

/* Leave for the emulator, at this instruction, when @cc holds. Arithmetic flags are parked where live. */
static void give_up(struct bt_translation *t, u8 cc)
{
	struct bt_cold *c = bt_cold(t, COLD_INTERP, emit_jump(t->e, cc));

	c->rip = bt_insn_rip(t, t->cur);
	c->live = true;
}

static void insn_cli(struct bt_translation *t, const struct x86_insn *i)
{
	bool live = live_after(t);

	(void)i;
	if (live)
		bt_park(t);
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rm(t->e, 0, 0x80, 4, EMIT_MEM(T0, IF_BYTE));	/* and byte, ~IF */
	e8(t->e, (u8)~IF_IN_BYTE);
	if (live)
		bt_unpark(t);
}

/*
 * No interrupt waits, so there is none to be held off by the shadow; one that
 * comes later is taken at the block's edge, past the next instruction.
 */
static void insn_sti(struct bt_translation *t, const struct x86_insn *i)
{
	(void)i;
	bt_park(t);
	emit_rm(t->e, 0, 0x80, 7, CTX(irq_window));		/* cmp byte, 0 */
	e8(t->e, 0);
	give_up(t, CC_NE);
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rm(t->e, 0, 0x80, 1, EMIT_MEM(T0, IF_BYTE));	/* or byte, IF */
	e8(t->e, IF_IN_BYTE);
	if (live_after(t))
		bt_unpark(t);
}

/*
 * STAC and CLAC change the view of memory, so the code that follows is another
 * block, found through that view's jump cache when it holds the same mode.
 */
static void switch_view(struct bt_translation *t, enum bt_mmu mmu)
{
	u32 key = (t->key & ~(3u << BT_KEY_MMU_SHIFT)) | mmu << BT_KEY_MMU_SHIFT;
	u64 next = bt_insn_rip(t, t->cur + 1);

	bt_park(t);
	emit_load(t->e, T0, CTX(gpr_ptr));
	if (mmu == BT_MMU_KERNEL_AC) {
		emit_rm(t->e, 0, 0x80, 1, EMIT_MEM(T0, AC_BYTE));	/* or byte */
		e8(t->e, AC_IN_BYTE);
	} else {
		emit_rm(t->e, 0, 0x80, 4, EMIT_MEM(T0, AC_BYTE));	/* and byte */
		e8(t->e, (u8)~AC_IN_BYTE);
	}
	emit_store_imm32(t->e, CTX(key), key);
	bt_edge_to_view(t, key, next);
}

static void insn_stac(struct bt_translation *t, const struct x86_insn *i)
{
	(void)i;
	switch_view(t, BT_MMU_KERNEL_AC);
}

static void insn_clac(struct bt_translation *t, const struct x86_insn *i)
{
	(void)i;
	switch_view(t, BT_MMU_KERNEL);
}

/* The base of GS and its context copy change places with KernelGSBase. Only moves: flags stay. */
static void insn_swapgs(struct bt_translation *t, const struct x86_insn *i)
{
	struct emit_mem base = EMIT_MEM(X86_RSP, CTX_OFF(seg_base) + 8 * X86_GS);

	(void)i;
	emit_load(t->e, T1, base);
	emit_store(t->e, SCRATCH, T1);
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_load(t->e, T1, EMIT_MEM(T0, CPU_OFF(kernel_gs_base)));
	emit_store(t->e, base, T1);
	emit_store(t->e, EMIT_MEM(T0, CPU_OFF(seg[X86_GS].base)), T1);
	emit_load(t->e, T1, SCRATCH);
	emit_store(t->e, EMIT_MEM(T0, CPU_OFF(kernel_gs_base)), T1);
}

static void body_push(struct bt_translation *t, const struct x86_insn *i)
{
	emit_load(t->e, T1, SCRATCH);
	emit_rm(t->e, i->opsize == 8 ? E_W : 0, 0x89, T1, t->mem);
	emit_rm(t->e, t->wide_stack ? E_W : 0, 0x8d, G_RSP, EMIT_MEM(G_RSP, -(s32)i->opsize));
}

static void insn_pushf(struct bt_translation *t, const struct x86_insn *i)
{
	bt_park(t);
	emit_rm(t->e, E_0F, 0xb6, T1, FLAGS_AT(1));		/* SF ZF AF PF CF */
	emit_rm(t->e, E_0F, 0xb6, T0, FLAGS_AT(0));		/* OF */
	emit_rr(t->e, 0, 0xc1, 4, T0);				/* shl, 11 */
	e8(t->e, 11);
	emit_rr(t->e, 0, 0x0b, T1, T0);				/* or */
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rm(t->e, 0, 0x0b, T1, EMIT_MEM(T0, RFLAGS_OFF));
	emit_alu_imm(t->e, 0, 4, T1, (s32)~(X86_RF | X86_VM));
	emit_store(t->e, SCRATCH, T1);
	bt_unpark(t);
	emit_rm(t->e, t->wide_stack ? E_W : 0, 0x8d, T0, EMIT_MEM(G_RSP, -(s32)i->opsize));
	bt_access(t, i, i->opsize, X86_A_W, X86_SS, body_push);
}

static void body_load(struct bt_translation *t, const struct x86_insn *i)
{
	emit_rm(t->e, i->opsize == 8 ? E_W : 0, 0x8b, T1, t->mem);
	emit_store(t->e, SCRATCH, T1);
}

static void insn_popf(struct bt_translation *t, const struct x86_insn *i)
{
	emit_mov(t->e, T0, G_RSP);
	if (!t->wide_stack)
		emit_mov32(t->e, T0, T0);
	bt_access(t, i, i->opsize, X86_A_R, X86_SS, body_load);
	bt_park(t);
	/* Anything but arithmetic flags and IF changes a mode. */
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_load(t->e, T1, SCRATCH);
	emit_rm(t->e, E_W, 0x33, T1, EMIT_MEM(T0, RFLAGS_OFF));	/* xor */
	emit_rr(t->e, E_W, 0xf7, 0, T1);				/* test, imm32 */
	e32(t->e, ~(u32)(X86_ARITH | X86_IF | 2));
	give_up(t, CC_NE);
	emit_rm(t->e, 0, 0x80, 7, CTX(irq_window));
	e8(t->e, 0);
	give_up(t, CC_NE);
	emit_rm(t->e, 0, 0x8b, T1, SCRATCH);
	emit_alu_imm(t->e, 0, 4, T1, ~(s32)X86_ARITH);
	emit_alu_imm(t->e, 0, 1, T1, 2);
	emit_store(t->e, EMIT_MEM(T0, RFLAGS_OFF), T1);
	emit_rm(t->e, E_0F, 0xb6, T1, SCRATCH_AT(0));
	emit_rm(t->e, 0, 0x88, T1, FLAGS_AT(1));
	emit_rm(t->e, 0, 0x8b, T1, SCRATCH);
	emit_rr(t->e, 0, 0xc1, 5, T1);				/* shr, 11 */
	e8(t->e, 11);
	emit_alu_imm(t->e, 0, 4, T1, 1);
	emit_rm(t->e, 0, 0x88, T1, FLAGS_AT(0));
	emit_rm(t->e, t->wide_stack ? E_W : 0, 0x8d, G_RSP, EMIT_MEM(G_RSP, i->opsize));
	bt_unpark(t);
}

static const struct bt_row rows[] = {
	{ X86_OP_CLI, insn_cli },
	{ X86_OP_STI, insn_sti },
	{ X86_OP_PUSHF, insn_pushf },
	{ X86_OP_POPF, insn_popf },
	{ X86_OP_STAC, insn_stac },
	{ X86_OP_CLAC, insn_clac },
	{ X86_OP_SWAPGS, insn_swapgs },
};

static const struct bt_row *find_row(u16 op)
{
	return bt_find_row(rows, ARRAY_SIZE(rows), op);
}

bool bt_system_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	u16 op = i->info->op;

	if (!find_row(op) || !(t->key & BT_KEY_RING0) || !(t->key & BT_KEY_FLAT) ||
	    (t->key & (BT_KEY_STEP | BT_KEY_BP)))
		return false;
	if (op == X86_OP_SWAPGS || op == X86_OP_STAC || op == X86_OP_CLAC)
		return t->mode == X86_MODE_64;
	if (op == X86_OP_CLI || op == X86_OP_STI)
		return true;
	return t->wide_stack ? i->opsize == 8 : i->opsize == 4 && (t->key & BT_KEY_SS32);
}

bool bt_system_ends(const struct x86_insn *i)
{
	return i->info->op == X86_OP_STAC || i->info->op == X86_OP_CLAC;
}

void bt_system(struct bt_translation *t, const struct x86_insn *i)
{
	find_row(i->info->op)->emit(t, i);
}
