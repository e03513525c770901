/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * A decoded x86 instruction, and what the opcode table knows of it.
 *
 * One table serves three readers: the decoder (lengths and operands), the
 * emulator (which operation) and the translator (which registers, flags and
 * memory an instruction touches, and whether it may run as itself).
 * Source: AMD APM vol. 3, appendix A; Intel SDM vol. 2, appendix A.
 */
#ifndef ANYKVM_INSN_H
#define ANYKVM_INSN_H

#include "types.h"

#define X86_INSN_MAX 15

/* Arithmetic flags as they stand in rFLAGS. */
#define X86_CF BIT(0)
#define X86_PF BIT(2)
#define X86_AF BIT(4)
#define X86_ZF BIT(6)
#define X86_SF BIT(7)
#define X86_OF BIT(11)
#define X86_ARITH (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

enum x86_mode { X86_MODE_16, X86_MODE_32, X86_MODE_64 };	/* by CS.L and CS.D */
enum x86_map { X86_MAP_1B, X86_MAP_0F, X86_MAP_0F38, X86_MAP_0F3A };

enum x86_reg {
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
	X86_REG_RIP = 16,	/* as base only: relative to the next instruction */
	X86_REG_NONE = 0xff,
};

enum x86_seg { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR };

/* Prefixes seen (struct x86_insn.prefix). */
#define X86_P_66 BIT(0)
#define X86_P_67 BIT(1)
#define X86_P_F2 BIT(2)		/* the last of F2/F3 wins and is the only one set */
#define X86_P_F3 BIT(3)
#define X86_P_LOCK BIT(4)
#define X86_P_SEG BIT(5)	/* a segment override that has effect */
#define X86_P_VEX BIT(6)

/* What modrm.reg, modrm.rm (register form) or VEX.vvvv names. */
enum x86_opclass {
	X86_C_NONE,	/* not an operand (an opcode extension, or absent) */
	X86_C_GPR8,	/* byte register: AH..BH without REX */
	X86_C_GPR,	/* general register of insn->opsize bytes */
	X86_C_GPR16,	/* general registers of fixed size, and 32 or 64 by REX.W/VEX.W */
	X86_C_GPR32,
	X86_C_GPR64,
	X86_C_GPRY,	/* 4 bytes, or 8 with W in 64-bit mode */
	X86_C_XMM,	/* XMM or YMM */
	X86_C_MMX,
	X86_C_X87,	/* ST(i) */
	X86_C_SREG,
	X86_C_CR,
	X86_C_DR,
};

/* How an operand is touched. */
#define X86_A_R BIT(0)
#define X86_A_W BIT(1)
#define X86_A_RW (X86_A_R | X86_A_W)

/* Immediate kinds. */
enum x86_imm {
	X86_I_NONE,
	X86_I_8,	/* byte, sign-extended to 64 bits in insn->imm */
	X86_I_8U,	/* byte, zero-extended */
	X86_I_16,	/* word, zero-extended (ret, enter's first) */
	X86_I_Z,	/* 2 or 4 bytes by opsize, sign-extended (opsize 8: 4 bytes) */
	X86_I_V,	/* 2, 4 or 8 bytes by opsize (mov r, imm) */
	X86_I_REL8,
	X86_I_RELZ,	/* branch displacement: imm holds it sign-extended */
	X86_I_16_8,	/* enter: imm = imm16, imm2 = imm8 */
	X86_I_FAR,	/* ptr16:16/32: imm = offset, imm2 = selector */
	X86_I_MOFFS,	/* address-size offset: mov al/ax/eax/rax, moffs; in insn->disp64 */
};

/* How the translator may treat it (struct x86_opcode.kind). */
enum x86_kind {
	X86_K_NATIVE,	/* runs as itself: rename registers, rewrite the memory operand */
	X86_K_NATIVE_DE,/* the same, and may raise #DE (div, idiv) */
	X86_K_BRANCH,	/* near jmp, jcc, call, ret, loop, jcxz */
	X86_K_STACK,	/* push, pop, pusha, popa, leave, enter */
	X86_K_STRING,	/* movs stos lods scas cmps (ins/outs are SYS) */
	X86_K_SPECIAL,	/* unprivileged, not to be run as itself: pushf, cpuid, rdtsc ... */
	X86_K_SYS,	/* privileged, or touches segments, modes, I/O: emulated */
	X86_K_UD,	/* defined to raise #UD (ud0, ud1, ud2) or not offered */
};

/* Unit that must be usable: decides #NM and #UD (struct x86_opcode.unit). */
enum x86_unit { X86_U_GPR, X86_U_X87, X86_U_MMX, X86_U_SSE, X86_U_AVX };

/* Attributes (struct x86_opcode.attr). */
#define X86_T_NO64 BIT(0)	/* #UD in 64-bit mode */
#define X86_T_ONLY64 BIT(1)	/* #UD outside 64-bit mode */
#define X86_T_DEF64 BIT(2)	/* operand size 64 by default in 64-bit mode; 66 gives 16 */
#define X86_T_FORCE64 BIT(3)	/* always 64 in 64-bit mode (near branches, mov cr) */
#define X86_T_LOCK BIT(4)	/* LOCK allowed with a memory destination */
#define X86_T_CPL0 BIT(5)	/* #GP above CPL 0 */
#define X86_T_BYTE BIT(6)	/* operands are bytes: insn->opsize is 1 */
#define X86_T_MEMONLY BIT(7)	/* register form is #UD */
#define X86_T_REGONLY BIT(8)	/* memory form is #UD */
#define X86_T_NOMEM BIT(9)	/* memory operand is an address only (lea, nop, prefetch) */
#define X86_T_ALIGN16 BIT(10)	/* legacy SSE: memory must be aligned to its size (#GP) */
#define X86_T_ALIGN BIT(11)	/* aligned in the VEX form too (movaps, movntdq, ...) */
#define X86_T_VSIB BIT(12)	/* gather: index is a vector */
#define X86_T_PROT BIT(13)	/* #UD in real and virtual-8086 mode (lar, sldt, ltr ...) */
#define X86_T_SHIFT BIT(14)	/* flags untouched when the masked count is zero */
#define X86_T_MAYBE BIT(15)	/* destination may stay unwritten: it is RW (cmov) */
/* 66, F2 and F3 picked the row: no operand size (opsize is 4, or 8 with W) and no rep. */
#define X86_T_NOPREFIX BIT(16)
#define X86_T_BITSTR BIT(17)	/* bt [m], r: the bit index reaches beyond the operand */
/* Bits 18 to 31 are the decoder's own (opcodes.h). */

/* Sizes of the memory operand (struct x86_opcode.memsize); insn->memsize has the bytes. */
enum x86_msize {
	X86_M_NONE,
	X86_M_1, X86_M_2, X86_M_4, X86_M_8, X86_M_10, X86_M_16, X86_M_32,
	X86_M_V,	/* opsize */
	X86_M_Y,	/* 4, or 8 with W */
	X86_M_X,	/* 16, or 32 with VEX.L */
	X86_M_XH,	/* half of X: 8, or 16 with VEX.L */
	X86_M_XQ,	/* quarter of X */
	X86_M_XE,	/* eighth of X */
	X86_M_FAR,	/* opsize + 2 (les, lds, lss, jmp/call far m16:x) */
	X86_M_DESC,	/* 6, or 10 in 64-bit mode (lgdt, sidt) */
	X86_M_BOUND,	/* 2 * opsize */
	X86_M_ENV,	/* fldenv/fnstenv: 14 or 28 */
	X86_M_FSAVE,	/* 94 or 108 */
	X86_M_FXSAVE,	/* 512 */
	X86_M_XSAVE,	/* by XCR0; insn->memsize is 576, what they have at least */
};

struct x86_opcode {
	u16 op;			/* enum x86_op: the operation (add, mov, lgdt, pshufb ...) */
	u8 kind;		/* enum x86_kind */
	u8 unit;		/* enum x86_unit */
	u32 attr;		/* X86_T_* */
	u8 reg_class, reg_acc;	/* modrm.reg, or the register in the opcode's low bits */
	u8 rm_class, rm_acc;	/* modrm.rm, register and memory form alike: acc is X86_A_* */
	u8 vvvv_class, vvvv_acc;
	u8 imm;			/* enum x86_imm */
	u8 memsize;		/* enum x86_msize */
	u16 flags_r;		/* X86_CF ... read */
	u16 flags_w;		/* written or left undefined */
	u16 flags_u;		/* of flags_w, those left undefined */
	u16 gpr_r, gpr_w;	/* implicit general registers, a bit each (BIT(X86_RAX) ...) */
};

/*
 * reg_class names the register in the opcode byte (push r, pop r, xchg r,
 * mov r,imm, bswap) when there is no modrm: it is then in insn->reg. So it does for
 * push and pop of a segment register (push es, pop gs).
 *
 * An operation whose row has neither register nor modrm works on rAX where the
 * manual says so (add al, imm8; test eax, imm32; in; out): then gpr_r and gpr_w
 * have RAX. A register of which an implicit write changes a part only (lahf, lodsb,
 * fnstsw) is in gpr_r too; an explicit byte or word destination is not for that an R.
 *
 * mov rAX, moffs is presented as the mov with modrm that it abbreviates
 * (opcode 88 to 8B, reg = RAX, is_mem, no base, no index) but has_modrm is false,
 * and the address, up to 64 bits, is in disp64.
 *
 * What a row cannot know: a REP prefix (P_F2, P_F3) on a K_STRING operation reads and
 * writes RCX, and may leave flags and registers alone (count of zero).
 * flags_w & ~flags_u are surely written, but for X86_T_SHIFT rows and that.
 * String operations, xlat and maskmov have no modrm operand, but seg (the override, or
 * DS) and memsize are set; the rDI side of a string operation is always in ES.
 * XADD, XCHG: the register is RW. CMOVcc, BSF, LAR: the register is RW and MAYBE.
 * VEX instructions are #UD in real and virtual-8086 mode, whatever their row says.
 */
struct x86_insn {
	const struct x86_opcode *info;
	u8 len;			/* bytes, prefixes included: 1..15 */
	u8 mode;		/* enum x86_mode */
	u8 prefix;		/* X86_P_* */
	u8 map, opcode;		/* enum x86_map, last opcode byte */
	u8 pp;			/* mandatory prefix of SSE/VEX: 0, 1 = 66, 2 = F3, 3 = F2 */
	u8 rex;			/* the REX byte, or 0; from VEX: 0x40 | W R X B */
	u8 vex_l;		/* VEX.L */
	u8 opsize;		/* effective operand size: 1, 2, 4, 8 */
	u8 addrsize;		/* 2, 4, 8 */
	u8 seg;			/* effective segment of the memory operand (enum x86_seg) */
	u8 op_off;		/* of the first opcode byte after prefixes and REX, or of C4/C5 */
	bool has_modrm, is_mem;
	u8 modrm;		/* the byte as it stands */
	u8 reg, rm;		/* numbers with REX.R / REX.B; rm of the register form */
	u8 base, index, scale;	/* enum x86_reg (16-bit forms too); scale is 0..3 */
	u8 vvvv;		/* the register, un-inverted; 0 when unused */
	u16 memsize;		/* bytes accessed through the memory operand, 0 if none */
	u8 disp_off, disp_len;	/* where the displacement stands in the bytes */
	u8 imm_off, imm_len;
	s32 disp;
	u64 disp64;		/* disp, sign-extended; moffs: the whole address */
	u64 imm;
	u16 imm2;
	u8 bytes[X86_INSN_MAX];	/* the instruction itself */
};

/* The operations; names are the manuals' (generated list, one X86_OP_<MNEMONIC> each). */
#include "x86/emulate/opnames.h"

/*
 * Decode one instruction from @buf, of which @avail bytes (0..15) can be read.
 * Returns 0; -EAGAIN when @avail bytes are too few to know (and @avail < 15);
 * -EINVAL when it raises #UD (bad opcode, LOCK where it may not stand, EVEX,
 * XOP, NO64 in 64-bit mode ...): insn->len is then what was read;
 * -E2BIG when it is longer than 15 bytes (#GP).
 */
int x86_decode(struct x86_insn *insn, const u8 *buf, unsigned int avail, enum x86_mode mode);

/* The mnemonic, for traces. */
const char *x86_op_name(u16 op);

/* Write AT&T-free, Intel-order text of @insn to @buf (cap @size, always terminated); for traces. */
int x86_format(char *buf, size_t size, const struct x86_insn *insn, u64 rip);

#endif
