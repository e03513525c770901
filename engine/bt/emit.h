/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing x86-64 machine code: a cursor into the code buffer and encoders for
 * the few forms that the translator itself needs. Registers are host numbers
 * (enum x86_reg order). Encodings: AMD APM vol. 3, chapter 1.
 */
#ifndef ANYKVM_EMIT_H
#define ANYKVM_EMIT_H

#include "types.h"

struct bt_emit {
	u8 *base;		/* rw address of the code buffer */
	u8 *p, *end;
};

#define EMIT_NOREG 0xff
#define EMIT_GS 0x65

/* A memory operand [base + index << scale + disp], behind a segment's prefix when there is one. */
struct emit_mem {
	u8 base, index, scale;
	u8 seg;
	s32 disp;
};

#define EMIT_MEM(b, d) ((struct emit_mem){ .base = (b), .index = EMIT_NOREG, .disp = (d) })
#define EMIT_MEMX(b, i, s, d) ((struct emit_mem){ .base = (b), .index = (i), .scale = (s), .disp = (d) })

/* Operand size and friends for emit_rr, emit_rm. */
#define E_W BIT(0)		/* REX.W */
#define E_66 BIT(1)
#define E_0F BIT(2)		/* opcode map 0F */
#define E_8 BIT(3)		/* byte registers: force REX so that 4..7 are SPL..DIL */

static inline void e8(struct bt_emit *e, u8 v)
{
	*e->p++ = v;
}

static inline void e32(struct bt_emit *e, u32 v)
{
	__builtin_memcpy(e->p, &v, 4);
	e->p += 4;
}

static inline void e64(struct bt_emit *e, u64 v)
{
	__builtin_memcpy(e->p, &v, 8);
	e->p += 8;
}

static inline u32 e_off(const struct bt_emit *e)
{
	return e->p - e->base;
}

/* modrm, sib and displacement of a memory operand. */
static inline void e_modrm_mem(struct bt_emit *e, u8 reg, struct emit_mem m)
{
	u8 r = (reg & 7) << 3, mod;
	bool sib = m.index != EMIT_NOREG || (m.base & 7) == 4;

	if (m.disp == 0 && (m.base & 7) != 5)
		mod = 0;
	else if (m.disp == (s8)m.disp)
		mod = 0x40;
	else
		mod = 0x80;
	if (sib) {
		e8(e, mod | r | 4);
		e8(e, (m.scale << 6) | ((m.index == EMIT_NOREG ? 4 : m.index & 7) << 3) | (m.base & 7));
	} else {
		e8(e, mod | r | (m.base & 7));
	}
	if (mod == 0x40)
		e8(e, m.disp);
	else if (mod == 0x80)
		e32(e, m.disp);
}

static inline void e_prefix(struct bt_emit *e, u32 f, u8 reg, u8 index, u8 base)
{
	u8 rex = ((f & E_W) ? 8 : 0) | ((reg & 8) >> 1) |
		 (index != EMIT_NOREG ? (index & 8) >> 2 : 0) | ((base & 8) >> 3);

	if (f & E_66)
		e8(e, 0x66);
	if (rex || (f & E_8))
		e8(e, 0x40 | rex);
	if (f & E_0F)
		e8(e, 0x0f);
}

/* op reg, rm with a register rm. */
static inline void emit_rr(struct bt_emit *e, u32 f, u8 op, u8 reg, u8 rm)
{
	e_prefix(e, f, reg, EMIT_NOREG, rm);
	e8(e, op);
	e8(e, 0xc0 | ((reg & 7) << 3) | (rm & 7));
}

/* op reg, [m]. */
static inline void emit_rm(struct bt_emit *e, u32 f, u8 op, u8 reg, struct emit_mem m)
{
	if (m.seg)
		e8(e, m.seg);
	e_prefix(e, f, reg, m.index, m.base);
	e8(e, op);
	e_modrm_mem(e, reg, m);
}

static inline void emit_mov(struct bt_emit *e, u8 dst, u8 src)
{
	emit_rr(e, E_W, 0x8b, dst, src);
}

static inline void emit_mov32(struct bt_emit *e, u8 dst, u8 src)
{
	emit_rr(e, 0, 0x8b, dst, src);
}

static inline void emit_load(struct bt_emit *e, u8 dst, struct emit_mem m)
{
	emit_rm(e, E_W, 0x8b, dst, m);
}

static inline void emit_store(struct bt_emit *e, struct emit_mem m, u8 src)
{
	emit_rm(e, E_W, 0x89, src, m);
}

/* The shortest move of a 64-bit constant. */
static inline void emit_const(struct bt_emit *e, u8 dst, u64 v)
{
	if (v == (u32)v) {
		e_prefix(e, 0, 0, EMIT_NOREG, dst);
		e8(e, 0xb8 | (dst & 7));
		e32(e, v);
	} else if ((s64)v == (s32)v) {
		e_prefix(e, E_W, 0, EMIT_NOREG, dst);
		e8(e, 0xc7);
		e8(e, 0xc0 | (dst & 7));
		e32(e, v);
	} else {
		e_prefix(e, E_W, 0, EMIT_NOREG, dst);
		e8(e, 0xb8 | (dst & 7));
		e64(e, v);
	}
}

/* mov dword [m], imm32. */
static inline void emit_store_imm32(struct bt_emit *e, struct emit_mem m, u32 v)
{
	emit_rm(e, 0, 0xc7, 0, m);
	e32(e, v);
}

/* op /ext r/m, imm32 on a register: and, add, cmp ... (0x81 group). */
static inline void emit_alu_imm(struct bt_emit *e, u32 f, u8 ext, u8 rm, s32 imm)
{
	if (imm == (s8)imm) {
		emit_rr(e, f, 0x83, ext, rm);
		e8(e, imm);
	} else {
		emit_rr(e, f, 0x81, ext, rm);
		e32(e, imm);
	}
}

/* A jump whose rel32 is filled in later: returns the offset of the rel32. cc 0xff: jmp. */
static inline u32 emit_jump(struct bt_emit *e, u8 cc)
{
	if (cc == 0xff) {
		e8(e, 0xe9);
	} else {
		e8(e, 0x0f);
		e8(e, 0x80 | cc);
	}
	e32(e, 0);
	return e_off(e) - 4;
}

static inline void emit_patch(struct bt_emit *e, u32 rel, u32 target)
{
	u32 d = target - (rel + 4);

	__builtin_memcpy(e->base + rel, &d, 4);
}

static inline void emit_jump_to(struct bt_emit *e, u8 cc, u32 target)
{
	u32 rel = emit_jump(e, cc);

	emit_patch(e, rel, target);
}

/* rorx dst, src, by: a rotation that leaves flags alone. */
static inline void emit_rorx(struct bt_emit *e, u32 f, u8 dst, u8 src, u8 by)
{
	e8(e, 0xc4);
	e8(e, 0x43 | (dst & 8 ? 0 : 0x80) | (src & 8 ? 0 : 0x20));
	e8(e, (f & E_W) ? 0xfb : 0x7b);
	e8(e, 0xf0);
	e8(e, 0xc0 | ((dst & 7) << 3) | (src & 7));
	e8(e, by);
}

/* jrcxz, which leaves flags alone; returns where its rel8 is, which emit_patch8 lets lead to here. */
static inline u32 emit_jump_rcxz(struct bt_emit *e)
{
	e8(e, 0xe3);
	e8(e, 0);
	return e_off(e) - 1;
}

static inline void emit_patch8(struct bt_emit *e, u32 at)
{
	e->base[at] = e_off(e) - (at + 1);
}

/* jmp/call [m] */
static inline void emit_jmp_mem(struct bt_emit *e, struct emit_mem m)
{
	emit_rm(e, 0, 0xff, 4, m);
}

static inline void emit_call_mem(struct bt_emit *e, struct emit_mem m)
{
	emit_rm(e, 0, 0xff, 2, m);
}

#define CC_E 0x4
#define CC_NE 0x5
#define CC_A 0x7
#define CC_G 0xf
#define CC_ALWAYS 0xff

#endif
