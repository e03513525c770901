// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * System instructions that kernels run all the time, without leaving generated
 * code: PUSHF, POPF, CLI and STI around locks, STAC and CLAC around user
 * copies, SWAPGS at every entry, and those that only move a value of struct
 * x86_cpu (the counter's offset, control registers, bases, selectors). The
 * system flags live in vcpu->cpu.rflags, whose arithmetic bits are zero while
 * generated code runs; what changes more than IF, or opens a window that an
 * interrupt waits for, is the emulator's.
 */
#include "translate.h"

#define SCRATCH EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 8)
#define SCRATCH_AT(n) EMIT_MEM(X86_RSP, CTX_OFF(scratch) + 8 + (n))
#define FLAGS_AT(n) EMIT_MEM(X86_RSP, CTX_OFF(flags) + (n))
#define RFLAGS_OFF ((s32)(offsetof(struct x86_cpu, rflags) - offsetof(struct x86_cpu, gpr)))
#define IF_BYTE (RFLAGS_OFF + 1)
#define IF_IN_BYTE 2
#define DF_IN_BYTE 4
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

/* Leave for the emulator when @bit of ctx->plain is clear; flags are parked. */
static void test_plain(struct bt_translation *t, u8 bit)
{
	emit_rm(t->e, 0, 0xf6, 0, CTX(plain));
	e8(t->e, bit);
	give_up(t, CC_E);
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
	test_plain(t, BT_PLAIN_SMAP);
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

/* ---- DF ---- */

static void set_df(struct bt_translation *t, bool on)
{
	bool live = live_after(t);

	if (live)
		bt_park(t);
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rm(t->e, 0, 0x80, on ? 1 : 4, EMIT_MEM(T0, IF_BYTE));
	e8(t->e, on ? DF_IN_BYTE : (u8)~DF_IN_BYTE);
	if (live)
		bt_unpark(t);
}

static void insn_cld(struct bt_translation *t, const struct x86_insn *i)
{
	(void)i;
	set_df(t, false);
}

static void insn_std(struct bt_translation *t, const struct x86_insn *i)
{
	(void)i;
	set_df(t, true);
}

/* ---- values of struct x86_cpu ---- */

static void set_gpr(struct bt_translation *t, u8 guest, u8 src)
{
	u8 h = bt_host_reg[guest];

	if (h & BT_HOMED)
		emit_store(t->e, bt_home(h), src);
	else
		emit_mov(t->e, h, src);
}

static void insn_rdtsc(struct bt_translation *t, const struct x86_insn *i)
{
	bool p = i->info->op == X86_OP_RDTSCP;

	bt_park(t);
	test_plain(t, BT_PLAIN_TSC);
	e8(t->e, 0x0f);
	e8(t->e, p ? 0x01 : 0x31);
	if (p)
		e8(t->e, 0xf9);
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rr(t->e, E_W, 0xc1, 4, X86_RDX);			/* shl, 32 */
	e8(t->e, 32);
	emit_rr(t->e, E_W, 0x0b, X86_RDX, R_RAX);
	emit_rm(t->e, E_W, 0x03, X86_RDX, EMIT_MEM(T0, CPU_OFF(tsc_offset)));
	emit_mov32(t->e, R_RAX, X86_RDX);
	emit_rr(t->e, E_W, 0xc1, 5, X86_RDX);			/* shr, 32 */
	e8(t->e, 32);
	if (p)
		emit_rm(t->e, 0, 0x8b, R_RCX, EMIT_MEM(T0, CPU_OFF(tsc_aux)));
	if (live_after(t))
		bt_unpark(t);
}

/* Of the control registers that are just read. */
static const s32 cr_off[16] = {
	[0] = CPU_OFF(cr0), [2] = CPU_OFF(cr2), [3] = CPU_OFF(cr3), [4] = CPU_OFF(cr4),
};

static void insn_from_cr(struct bt_translation *t, const struct x86_insn *i)
{
	emit_load(t->e, T0, CTX(gpr_ptr));
	emit_rm(t->e, t->mode == X86_MODE_64 ? E_W : 0, 0x8b, T0, EMIT_MEM(T0, cr_off[i->reg]));
	set_gpr(t, i->rm, T0);
}

static u32 y_flag(const struct x86_insn *i)
{
	return i->rex & 8 ? E_W : 0;
}

static void insn_rdbase(struct bt_translation *t, const struct x86_insn *i)
{
	u8 seg = i->info->op == X86_OP_RDFSBASE ? X86_FS : X86_GS;
	bool live = live_after(t);

	bt_park(t);
	test_plain(t, BT_PLAIN_FSGSBASE);
	emit_rm(t->e, y_flag(i), 0x8b, T0, EMIT_MEM(X86_RSP, CTX_OFF(seg_base) + 8 * seg));
	set_gpr(t, i->rm, T0);
	if (live)
		bt_unpark(t);
}

static void insn_wrbase(struct bt_translation *t, const struct x86_insn *i)
{
	u8 seg = i->info->op == X86_OP_WRFSBASE ? X86_FS : X86_GS;
	struct emit_mem base = EMIT_MEM(X86_RSP, CTX_OFF(seg_base) + 8 * seg);
	bool live = live_after(t);

	bt_park(t);
	test_plain(t, BT_PLAIN_FSGSBASE);
	bt_get(t, T0, i->rm);
	if (!y_flag(i))
		emit_mov32(t->e, T0, T0);
	emit_mov(t->e, T1, T0);
	emit_rr(t->e, E_W, 0xc1, 7, T1);			/* sar, 47: 0 or -1 if canonical */
	e8(t->e, 47);
	emit_rm(t->e, E_W, 0x8d, T1, EMIT_MEM(T1, 1));
	emit_alu_imm(t->e, E_W, 7, T1, 1);			/* cmp */
	give_up(t, CC_A);
	emit_store(t->e, base, T0);
	emit_load(t->e, T1, CTX(gpr_ptr));
	emit_store(t->e, EMIT_MEM(T1, CPU_OFF(seg[seg].base)), T0);
	/* What ctx->window_fs says of it is old: the next SYSRET is to ask. */
	if (seg == X86_FS) {
		emit_rm(t->e, 0, 0xc6, 0, CTX(key_stale));	/* mov byte, 1 */
		e8(t->e, 1);
	}
	if (live)
		bt_unpark(t);
}

/* A selector; to memory always a word. */
static void load_selector(struct bt_translation *t, const struct x86_insn *i)
{
	emit_load(t->e, T1, CTX(gpr_ptr));
	emit_rm(t->e, E_0F, 0xb7, T1, EMIT_MEM(T1, CPU_OFF(seg[i->reg].selector)));
}

static void body_store_selector(struct bt_translation *t, const struct x86_insn *i)
{
	load_selector(t, i);
	emit_rm(t->e, E_66, 0x89, T1, t->mem);
}

static void insn_from_seg(struct bt_translation *t, const struct x86_insn *i)
{
	u8 h = bt_host_reg[i->rm];

	if (i->is_mem) {
		bt_operand(t, i, 2, X86_A_W, body_store_selector);
		return;
	}
	load_selector(t, i);
	if (i->opsize != 2)
		set_gpr(t, i->rm, T1);
	else if (h & BT_HOMED)
		emit_rm(t->e, E_66, 0x89, T1, bt_home(h));
	else
		emit_rr(t->e, E_66, 0x8b, h, T1);
}

/* ---- which, and where ---- */

#define ANY_RING BIT(0)		/* not only at CPL 0 */
#define ONLY64 BIT(1)
#define ENDS BIT(2)		/* the block ends with it */
#define STACK BIT(3)		/* of the stack's own width only */

static const struct system_row {
	u16 op, where;
	bt_body emit;
} rows[] = {
	{ X86_OP_CLI, 0, insn_cli },
	{ X86_OP_STI, 0, insn_sti },
	{ X86_OP_PUSHF, STACK, insn_pushf },
	{ X86_OP_POPF, STACK, insn_popf },
	{ X86_OP_STAC, ONLY64 | ENDS, insn_stac },
	{ X86_OP_CLAC, ONLY64 | ENDS, insn_clac },
	{ X86_OP_SWAPGS, ONLY64, insn_swapgs },
	{ X86_OP_SYSCALL, ANY_RING | ONLY64 | ENDS, bt_emit_syscall },
	{ X86_OP_SYSRET, ONLY64 | ENDS, bt_emit_sysret },
	{ X86_OP_CLD, ANY_RING, insn_cld },
	{ X86_OP_STD, ANY_RING, insn_std },
	{ X86_OP_RDTSC, ANY_RING, insn_rdtsc },
	{ X86_OP_RDTSCP, ANY_RING, insn_rdtsc },
	{ X86_OP_MOV_FROM_CR, 0, insn_from_cr },
	{ X86_OP_MOV_RM_SEG, ANY_RING, insn_from_seg },
	{ X86_OP_RDFSBASE, ANY_RING | ONLY64, insn_rdbase },
	{ X86_OP_RDGSBASE, ANY_RING | ONLY64, insn_rdbase },
	{ X86_OP_WRFSBASE, ONLY64, insn_wrbase },
	{ X86_OP_WRGSBASE, ONLY64, insn_wrbase },
};

static const struct system_row *find_row(u16 op)
{
	for (u32 n = 0; n < ARRAY_SIZE(rows); n++)
		if (rows[n].op == op)
			return &rows[n];
	return NULL;
}

bool bt_system_ok(const struct bt_translation *t, const struct x86_insn *i)
{
	const struct system_row *r = find_row(i->info->op);

	if (!r || !(t->key & BT_KEY_FLAT) || (t->key & (BT_KEY_STEP | BT_KEY_BP)) ||
	    (!(r->where & ANY_RING) && !(t->key & BT_KEY_RING0)) ||
	    ((r->where & ONLY64) && t->mode != X86_MODE_64))
		return false;
	if (r->where & STACK)
		return t->wide_stack ? i->opsize == 8 :
				       i->opsize == 4 && (t->key & BT_KEY_SS32);
	switch (i->info->op) {
	case X86_OP_SYSRET:
		return i->opsize == 8;
	case X86_OP_MOV_FROM_CR:
		return cr_off[i->reg];
	case X86_OP_MOV_RM_SEG:
		return i->reg <= X86_GS && !(t->key & BT_KEY_ALIGN);
	}
	return true;
}

bool bt_system_ends(const struct x86_insn *i)
{
	const struct system_row *r = find_row(i->info->op);

	return r && (r->where & ENDS);
}

void bt_system(struct bt_translation *t, const struct x86_insn *i)
{
	find_row(i->info->op)->emit(t, i);
}
