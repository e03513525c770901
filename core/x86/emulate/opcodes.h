/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The vocabulary of the opcode tables. A map is an array of 256 nodes; a node
 * is a row (struct x86_opcode), or says by which part of the instruction the
 * row is chosen further: modrm.reg, modrm.mod, modrm.rm, the mandatory
 * prefix, W, L, or the mode. A node of zeroes is #UD.
 *
 * Rows are written in the letters of the manuals' opcode maps (AMD APM vol. 3,
 * appendix A; Intel SDM vol. 2, appendix A.2): E is modrm.rm, G modrm.reg, B and
 * H VEX.vvvv, V and W vector registers, P and Q MMX, M memory; b, w, d, v, y sizes.
 * Private to the tables and the decoder.
 */
#ifndef ANYKVM_OPCODES_H
#define ANYKVM_OPCODES_H

#include "x86/emulate/insn.h"

enum x86_node_how {
	XN_UD,
	XN_ROW,
	XN_REG,		/* [8] by modrm.reg */
	XN_MOD,		/* [2] memory, register */
	XN_RM,		/* [8] by modrm.rm */
	XN_PP,		/* [4] none, 66, F3, F2 */
	XN_W,		/* [2] by REX.W or VEX.W */
	XN_L,		/* [2] by VEX.L */
	XN_MODE,	/* [2] other modes, 64-bit mode */
	XN_B,		/* [2] by REX.B */
};

struct x86_node {
	const void *p;	/* struct x86_opcode, or the array of nodes */
	u8 how;
};

/* The maps: legacy by enum x86_map, then those of VEX, whose map 1 is 0F. */
extern const struct x86_node x86_map_1b[256];
extern const struct x86_node x86_map_0f[256];
extern const struct x86_node x86_map_0f38[256];
extern const struct x86_node x86_map_0f3a[256];
extern const struct x86_node x86_vex_0f[256];
extern const struct x86_node x86_vex_0f38[256];
extern const struct x86_node x86_vex_0f3a[256];
extern const struct x86_node x86_map_x87[8][2];

/* Attributes that only the decoder reads; above those of insn.h. */
#define XT_L0 BIT(18)		/* VEX.L must be 0 */
#define XT_L1 BIT(19)		/* VEX.L must be 1 */
#define XT_W0 BIT(20)		/* VEX.W must be 0 */
#define XT_W1 BIT(21)
#define XT_MODREG BIT(22)	/* modrm.mod is taken for 3, whatever it is */
#define XT_MAX32 BIT(23)	/* operand size 8 means 4 (ports) */
#define XT_NP BIT(24)		/* the prefixes it is defined with; none of the four: any */
#define XT_66 BIT(25)
#define XT_F3 BIT(26)
#define XT_F2 BIT(27)
#define XT_PPMASK (XT_NP | XT_66 | XT_F3 | XT_F2)
#define XT_PPSHIFT 24
#define XT_ACC BIT(28)		/* modrm.reg stands for rAX (moffs) */
#define XT_SREG BIT(29)		/* segment register named by opcode bits 5:3 */

/* clang-format off */
/* Nodes. */
#define UD { NULL, XN_UD }
#define ROW(o, k, u, at, ...) \
	{ &(const struct x86_opcode){ .op = X86_OP_##o, .kind = X86_K_##k, .unit = X86_U_##u, \
				      .attr = (at), ##__VA_ARGS__ }, XN_ROW }
#define NODES(n, how, ...) { (const struct x86_node[n]){ __VA_ARGS__ }, how }
#define BY_REG(...) NODES(8, XN_REG, __VA_ARGS__)
#define BY_RM(...) NODES(8, XN_RM, __VA_ARGS__)
#define BY_MOD(mem, reg) NODES(2, XN_MOD, mem, reg)
#define BY_PP(np, p66, pf3, pf2) NODES(4, XN_PP, np, p66, pf3, pf2)
#define BY_W(w0, w1) NODES(2, XN_W, w0, w1)
#define BY_L(l0, l1) NODES(2, XN_L, l0, l1)
#define BY_B(b0, b1) NODES(2, XN_B, b0, b1)
#define BY_MODE(other, m64) NODES(2, XN_MODE, other, m64)

#define GPR(o, at, ...) ROW(o, NATIVE, GPR, at, ##__VA_ARGS__)
#define SYS(o, at, ...) ROW(o, SYS, GPR, at, ##__VA_ARGS__)
#define SPECIAL(o, at, ...) ROW(o, SPECIAL, GPR, at, ##__VA_ARGS__)

/* Attributes in one word each. */
#define NO64 X86_T_NO64
#define ONLY64 X86_T_ONLY64
#define DEF64 X86_T_DEF64
#define FORCE64 X86_T_FORCE64
#define LOCK X86_T_LOCK
#define CPL0 X86_T_CPL0
#define BYTE X86_T_BYTE
#define MEMONLY X86_T_MEMONLY
#define REGONLY X86_T_REGONLY
#define NOMEM X86_T_NOMEM
#define ALIGN16 X86_T_ALIGN16
#define VALIGN X86_T_ALIGN
#define VSIB X86_T_VSIB
#define PROT X86_T_PROT
#define SHIFT X86_T_SHIFT
#define MAYBE X86_T_MAYBE
#define NOPREFIX X86_T_NOPREFIX
#define BITSTR X86_T_BITSTR

/* Operands. The argument is the access: R, W, RW. */
#define G_(c, a) .reg_class = X86_C_##c, .reg_acc = X86_A_##a
#define E_(c, a, m) .rm_class = X86_C_##c, .rm_acc = X86_A_##a, .memsize = X86_M_##m
#define B_(c, a) .vvvv_class = X86_C_##c, .vvvv_acc = X86_A_##a
#define Gb(a) G_(GPR8, a)
#define Gv(a) G_(GPR, a)
#define Gw(a) G_(GPR16, a)
#define Gd(a) G_(GPR32, a)
#define Gq(a) G_(GPR64, a)
#define Gy(a) G_(GPRY, a)
#define Eb(a) E_(GPR8, a, 1)
#define Ev(a) E_(GPR, a, V)
#define Ew(a) E_(GPR16, a, 2)
#define Ed(a) E_(GPR32, a, 4)
#define Eq(a) E_(GPR64, a, 8)
#define Ey(a) E_(GPRY, a, Y)
#define By(a) B_(GPRY, a)
#define Sw(a) G_(SREG, a)
#define M(a, m) .rm_acc = X86_A_##a, .memsize = X86_M_##m
#define V(a) G_(XMM, a)
#define H(a) B_(XMM, a)
#define W(a, m) E_(XMM, a, m)
#define P(a) G_(MMX, a)
#define Q(a, m) E_(MMX, a, m)
#define STi(a) .rm_class = X86_C_X87, .rm_acc = X86_A_##a
#define IMM(k) .imm = X86_I_##k
#define MEM(m) .memsize = X86_M_##m

/* Flags: read; written and undefined among them; and implicit registers. */
#define CF X86_CF
#define PF X86_PF
#define AF X86_AF
#define ZF X86_ZF
#define SF X86_SF
#define OF X86_OF
#define ALL X86_ARITH
#define FR(r) .flags_r = (r)
#define FW(w, u) .flags_w = (w), .flags_u = (u)
#define RAX BIT(X86_RAX)
#define RCX BIT(X86_RCX)
#define RDX BIT(X86_RDX)
#define RBX BIT(X86_RBX)
#define RSP BIT(X86_RSP)
#define RBP BIT(X86_RBP)
#define RSI BIT(X86_RSI)
#define RDI BIT(X86_RDI)
#define R11 BIT(X86_R11)
#define RR(r) .gpr_r = (r)
#define RW(w) .gpr_w = (w)

/* A row for each of the sixteen conditions, which differ in the flags they read. */
#define BY_COND(first, ROWOF) \
	[(first) + 0] = ROWOF(OF), [(first) + 1] = ROWOF(OF), \
	[(first) + 2] = ROWOF(CF), [(first) + 3] = ROWOF(CF), \
	[(first) + 4] = ROWOF(ZF), [(first) + 5] = ROWOF(ZF), \
	[(first) + 6] = ROWOF(CF | ZF), [(first) + 7] = ROWOF(CF | ZF), \
	[(first) + 8] = ROWOF(SF), [(first) + 9] = ROWOF(SF), \
	[(first) + 10] = ROWOF(PF), [(first) + 11] = ROWOF(PF), \
	[(first) + 12] = ROWOF(SF | OF), [(first) + 13] = ROWOF(SF | OF), \
	[(first) + 14] = ROWOF(ZF | SF | OF), [(first) + 15] = ROWOF(ZF | SF | OF)

/* The same node for eight opcodes in a row. */
#define EIGHT(first, ...) [(first) ... (first) + 7] = __VA_ARGS__

#endif
