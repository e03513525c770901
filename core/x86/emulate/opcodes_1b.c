/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The one-byte opcodes: AMD APM vol. 3, tables and group table A-6;
 * Intel SDM vol. 2, tables. Flags are those of APM vol. 3 appendix
 * E and SDM vol. 1 appendix A; where the two differ a flag counts as undefined.
 */
#include "x86/emulate/opcodes.h"

/* clang-format off */

/* Operand forms of the eight arithmetic operations; @acc: access to the destination. */
#define ALU(first, o, lock, acc, r, u) \
	[(first) + 0] = GPR(o, BYTE | (lock), Eb(acc), Gb(R), FR(r), FW(ALL, u)), \
	[(first) + 1] = GPR(o, (lock), Ev(acc), Gv(R), FR(r), FW(ALL, u)), \
	[(first) + 2] = GPR(o, BYTE, Gb(acc), Eb(R), FR(r), FW(ALL, u)), \
	[(first) + 3] = GPR(o, 0, Gv(acc), Ev(R), FR(r), FW(ALL, u)), \
	[(first) + 4] = GPR(o, BYTE, IMM(8), RR(RAX), RW(X86_A_##acc & X86_A_W ? RAX : 0), \
			    FR(r), FW(ALL, u)), \
	[(first) + 5] = GPR(o, 0, IMM(Z), RR(RAX), RW(X86_A_##acc & X86_A_W ? RAX : 0), \
			    FR(r), FW(ALL, u))

#define GROUP1(at, i, E) BY_REG( \
	GPR(ADD, LOCK | (at), E(RW), IMM(i), FW(ALL, 0)), \
	GPR(OR, LOCK | (at), E(RW), IMM(i), FW(ALL, AF)), \
	GPR(ADC, LOCK | (at), E(RW), IMM(i), FR(CF), FW(ALL, 0)), \
	GPR(SBB, LOCK | (at), E(RW), IMM(i), FR(CF), FW(ALL, 0)), \
	GPR(AND, LOCK | (at), E(RW), IMM(i), FW(ALL, AF)), \
	GPR(SUB, LOCK | (at), E(RW), IMM(i), FW(ALL, 0)), \
	GPR(XOR, LOCK | (at), E(RW), IMM(i), FW(ALL, AF)), \
	GPR(CMP, (at), E(R), IMM(i), FW(ALL, 0)))

/* Shifts. @u: OF where the count may be other than 1; the last two give the count. */
#define GROUP2(at, E, u, i, cl) BY_REG( \
	GPR(ROL, (at), E(RW), FW(CF | OF, u), IMM(i), RR(cl)), \
	GPR(ROR, (at), E(RW), FW(CF | OF, u), IMM(i), RR(cl)), \
	GPR(RCL, (at), E(RW), FR(CF), FW(CF | OF, u), IMM(i), RR(cl)), \
	GPR(RCR, (at), E(RW), FR(CF), FW(CF | OF, u), IMM(i), RR(cl)), \
	GPR(SHL, (at), E(RW), FW(ALL, AF | (u)), IMM(i), RR(cl)), \
	GPR(SHR, (at), E(RW), FW(ALL, AF | (u)), IMM(i), RR(cl)), \
	GPR(SHL, (at), E(RW), FW(ALL, AF | (u)), IMM(i), RR(cl)), \
	GPR(SAR, (at), E(RW), FW(ALL, AF | (u)), IMM(i), RR(cl)))

#define INC_Z GPR(INC, NO64, Gv(RW), FW(ALL & ~CF, 0))
#define DEC_Z GPR(DEC, NO64, Gv(RW), FW(ALL & ~CF, 0))
#define PUSH_Z ROW(PUSH, STACK, GPR, DEF64, Gv(R), RR(RSP), RW(RSP))
#define POP_Z ROW(POP, STACK, GPR, DEF64, Gv(W), RR(RSP), RW(RSP))
#define PUSH_S SYS(PUSH_SEG, NO64 | XT_SREG, Sw(R), RR(RSP), RW(RSP))
#define POP_S SYS(POP_SEG, NO64 | XT_SREG, Sw(W), RR(RSP), RW(RSP))
#define JCC_B(f) ROW(JCC, BRANCH, GPR, FORCE64, IMM(REL8), FR(f))
#define XCHG_Z GPR(XCHG, 0, Gv(RW), RR(RAX), RW(RAX))
#define MOV_ZB GPR(MOV, BYTE, Gb(W), IMM(8))
#define MOV_ZV GPR(MOV, 0, Gv(W), IMM(V))
#define NOP_90 GPR(NOP, 0)
#define X87(n) { x86_map_x87[n], XN_MOD }

const struct x86_node x86_map_1b[256] = {
	ALU(0x00, ADD, LOCK, RW, 0, 0),
	[0x06] = PUSH_S, [0x07] = POP_S,
	ALU(0x08, OR, LOCK, RW, 0, AF),
	[0x0e] = PUSH_S,
	ALU(0x10, ADC, LOCK, RW, CF, 0),
	[0x16] = PUSH_S, [0x17] = POP_S,
	ALU(0x18, SBB, LOCK, RW, CF, 0),
	[0x1e] = PUSH_S, [0x1f] = POP_S,
	ALU(0x20, AND, LOCK, RW, 0, AF),
	[0x27] = SPECIAL(DAA, NO64 | BYTE, RR(RAX), RW(RAX), FR(AF | CF), FW(ALL, OF)),
	ALU(0x28, SUB, LOCK, RW, 0, 0),
	[0x2f] = SPECIAL(DAS, NO64 | BYTE, RR(RAX), RW(RAX), FR(AF | CF), FW(ALL, OF)),
	ALU(0x30, XOR, LOCK, RW, 0, AF),
	[0x37] = SPECIAL(AAA, NO64, RR(RAX), RW(RAX), FR(AF), FW(ALL, OF | SF | ZF | PF)),
	ALU(0x38, CMP, 0, R, 0, 0),
	[0x3f] = SPECIAL(AAS, NO64, RR(RAX), RW(RAX), FR(AF), FW(ALL, OF | SF | ZF | PF)),

	EIGHT(0x40, INC_Z), EIGHT(0x48, DEC_Z),
	EIGHT(0x50, PUSH_Z), EIGHT(0x58, POP_Z),

	[0x60] = ROW(PUSHA, STACK, GPR, NO64, RR(0xff), RW(RSP)),
	[0x61] = ROW(POPA, STACK, GPR, NO64, RR(RSP), RW(0xff)),
	[0x62] = SPECIAL(BOUND, NO64 | MEMONLY, Gv(R), M(R, BOUND)),
	[0x63] = BY_MODE(SYS(ARPL, PROT, Ew(RW), Gw(R), FW(ZF, 0)),
			 GPR(MOVSXD, 0, Gv(W), Ed(R))),
	[0x68] = ROW(PUSH, STACK, GPR, DEF64, IMM(Z), RR(RSP), RW(RSP)),
	[0x69] = GPR(IMUL, 0, Gv(W), Ev(R), IMM(Z), FW(ALL, SF | ZF | AF | PF)),
	[0x6a] = ROW(PUSH, STACK, GPR, DEF64, IMM(8), RR(RSP), RW(RSP)),
	[0x6b] = GPR(IMUL, 0, Gv(W), Ev(R), IMM(8), FW(ALL, SF | ZF | AF | PF)),
	[0x6c] = SYS(INS, BYTE, MEM(1), RR(RDX | RDI), RW(RDI)),
	[0x6d] = SYS(INS, XT_MAX32, MEM(V), RR(RDX | RDI), RW(RDI)),
	[0x6e] = SYS(OUTS, BYTE, MEM(1), RR(RDX | RSI), RW(RSI)),
	[0x6f] = SYS(OUTS, XT_MAX32, MEM(V), RR(RDX | RSI), RW(RSI)),

	BY_COND(0x70, JCC_B),

	[0x80] = GROUP1(BYTE, 8, Eb), [0x81] = GROUP1(0, Z, Ev),
	[0x82] = GROUP1(BYTE | NO64, 8, Eb), [0x83] = GROUP1(0, 8, Ev),
	[0x84] = GPR(TEST, BYTE, Eb(R), Gb(R), FW(ALL, AF)),
	[0x85] = GPR(TEST, 0, Ev(R), Gv(R), FW(ALL, AF)),
	[0x86] = GPR(XCHG, BYTE | LOCK, Eb(RW), Gb(RW)),
	[0x87] = GPR(XCHG, LOCK, Ev(RW), Gv(RW)),
	[0x88] = GPR(MOV, BYTE, Eb(W), Gb(R)), [0x89] = GPR(MOV, 0, Ev(W), Gv(R)),
	[0x8a] = GPR(MOV, BYTE, Gb(W), Eb(R)), [0x8b] = GPR(MOV, 0, Gv(W), Ev(R)),
	[0x8c] = SYS(MOV_RM_SEG, 0, E_(GPR, W, 2), Sw(R)),
	[0x8d] = GPR(LEA, MEMONLY | NOMEM, Gv(W), .rm_class = X86_C_GPR),
	[0x8e] = SYS(MOV_SEG_RM, 0, Sw(W), Ew(R)),
	[0x8f] = BY_REG(ROW(POP, STACK, GPR, DEF64, Ev(W), RR(RSP), RW(RSP))),

	[0x90] = BY_B(BY_PP(NOP_90, NOP_90, GPR(PAUSE, 0), NOP_90), XCHG_Z),
	[0x91 ... 0x97] = XCHG_Z,
	[0x98] = GPR(CBW, 0, RR(RAX), RW(RAX)),
	[0x99] = GPR(CWD, 0, RR(RAX), RW(RDX)),
	[0x9a] = SYS(CALL_FAR, NO64, IMM(FAR), RR(RSP), RW(RSP)),
	[0x9b] = ROW(FWAIT, NATIVE, X87, 0),
	[0x9c] = SPECIAL(PUSHF, DEF64, RR(RSP), RW(RSP), FR(ALL)),
	[0x9d] = SPECIAL(POPF, DEF64, RR(RSP), RW(RSP), FW(ALL, 0)),
	[0x9e] = GPR(SAHF, BYTE, RR(RAX), FW(ALL & ~OF, 0)),
	[0x9f] = GPR(LAHF, BYTE, RR(RAX), RW(RAX), FR(ALL & ~OF)),

	[0xa0] = GPR(MOV, BYTE | XT_ACC, Gb(W), Eb(R), IMM(MOFFS)),
	[0xa1] = GPR(MOV, XT_ACC, Gv(W), Ev(R), IMM(MOFFS)),
	[0xa2] = GPR(MOV, BYTE | XT_ACC, Eb(W), Gb(R), IMM(MOFFS)),
	[0xa3] = GPR(MOV, XT_ACC, Ev(W), Gv(R), IMM(MOFFS)),
	[0xa4] = ROW(MOVS, STRING, GPR, BYTE, MEM(1), RR(RSI | RDI), RW(RSI | RDI)),
	[0xa5] = ROW(MOVS, STRING, GPR, 0, MEM(V), RR(RSI | RDI), RW(RSI | RDI)),
	[0xa6] = ROW(CMPS, STRING, GPR, BYTE, MEM(1), RR(RSI | RDI), RW(RSI | RDI), FW(ALL, 0)),
	[0xa7] = ROW(CMPS, STRING, GPR, 0, MEM(V), RR(RSI | RDI), RW(RSI | RDI), FW(ALL, 0)),
	[0xa8] = GPR(TEST, BYTE, IMM(8), RR(RAX), FW(ALL, AF)),
	[0xa9] = GPR(TEST, 0, IMM(Z), RR(RAX), FW(ALL, AF)),
	[0xaa] = ROW(STOS, STRING, GPR, BYTE, MEM(1), RR(RAX | RDI), RW(RDI)),
	[0xab] = ROW(STOS, STRING, GPR, 0, MEM(V), RR(RAX | RDI), RW(RDI)),
	[0xac] = ROW(LODS, STRING, GPR, BYTE, MEM(1), RR(RAX | RSI), RW(RAX | RSI)),
	[0xad] = ROW(LODS, STRING, GPR, 0, MEM(V), RR(RAX | RSI), RW(RAX | RSI)),
	[0xae] = ROW(SCAS, STRING, GPR, BYTE, MEM(1), RR(RAX | RDI), RW(RDI), FW(ALL, 0)),
	[0xaf] = ROW(SCAS, STRING, GPR, 0, MEM(V), RR(RAX | RDI), RW(RDI), FW(ALL, 0)),

	EIGHT(0xb0, MOV_ZB), EIGHT(0xb8, MOV_ZV),

	[0xc0] = GROUP2(BYTE | SHIFT, Eb, OF, 8U, 0), [0xc1] = GROUP2(SHIFT, Ev, OF, 8U, 0),
	[0xc2] = ROW(RET, BRANCH, GPR, FORCE64, IMM(16), RR(RSP), RW(RSP)),
	[0xc3] = ROW(RET, BRANCH, GPR, FORCE64, RR(RSP), RW(RSP)),
	[0xc4] = SYS(LES, NO64 | MEMONLY, Gv(W), M(R, FAR)),
	[0xc5] = SYS(LDS, NO64 | MEMONLY, Gv(W), M(R, FAR)),
	[0xc6] = BY_REG(GPR(MOV, BYTE, Eb(W), IMM(8))),
	[0xc7] = BY_REG(GPR(MOV, 0, Ev(W), IMM(Z))),
	[0xc8] = ROW(ENTER, STACK, GPR, DEF64, IMM(16_8), RR(RSP | RBP), RW(RSP | RBP)),
	[0xc9] = ROW(LEAVE, STACK, GPR, DEF64, RR(RSP | RBP), RW(RSP | RBP)),
	[0xca] = SYS(RET_FAR, 0, IMM(16), RR(RSP), RW(RSP)),
	[0xcb] = SYS(RET_FAR, 0, RR(RSP), RW(RSP)),
	[0xcc] = SYS(INT3, 0, FR(ALL), RR(RSP), RW(RSP)),
	[0xcd] = SYS(INT, 0, IMM(8U), FR(ALL), RR(RSP), RW(RSP)),
	[0xce] = SPECIAL(INTO, NO64, FR(ALL), RR(RSP), RW(RSP)),
	[0xcf] = SYS(IRET, 0, FW(ALL, 0), RR(RSP), RW(RSP)),

	[0xd0] = GROUP2(BYTE, Eb, 0, NONE, 0), [0xd1] = GROUP2(0, Ev, 0, NONE, 0),
	[0xd2] = GROUP2(BYTE | SHIFT, Eb, OF, NONE, RCX),
	[0xd3] = GROUP2(SHIFT, Ev, OF, NONE, RCX),
	[0xd4] = SPECIAL(AAM, NO64, IMM(8U), RR(RAX), RW(RAX), FW(ALL, OF | AF | CF)),
	[0xd5] = SPECIAL(AAD, NO64, IMM(8U), RR(RAX), RW(RAX), FW(ALL, OF | AF | CF)),
	[0xd6] = SPECIAL(SALC, NO64 | BYTE, RR(RAX), RW(RAX), FR(CF)),
	[0xd7] = SPECIAL(XLAT, BYTE, MEM(1), RR(RAX | RBX), RW(RAX)),
	[0xd8] = X87(0), [0xd9] = X87(1), [0xda] = X87(2), [0xdb] = X87(3),
	[0xdc] = X87(4), [0xdd] = X87(5), [0xde] = X87(6), [0xdf] = X87(7),

	[0xe0] = ROW(LOOPNE, BRANCH, GPR, FORCE64, IMM(REL8), FR(ZF), RR(RCX), RW(RCX)),
	[0xe1] = ROW(LOOPE, BRANCH, GPR, FORCE64, IMM(REL8), FR(ZF), RR(RCX), RW(RCX)),
	[0xe2] = ROW(LOOP, BRANCH, GPR, FORCE64, IMM(REL8), RR(RCX), RW(RCX)),
	[0xe3] = ROW(JCXZ, BRANCH, GPR, FORCE64, IMM(REL8), RR(RCX)),
	[0xe4] = SYS(IN, BYTE, IMM(8U), RR(RAX), RW(RAX)),
	[0xe5] = SYS(IN, XT_MAX32, IMM(8U), RR(RAX), RW(RAX)),
	[0xe6] = SYS(OUT, BYTE, IMM(8U), RR(RAX)), [0xe7] = SYS(OUT, XT_MAX32, IMM(8U), RR(RAX)),
	[0xe8] = ROW(CALL, BRANCH, GPR, FORCE64, IMM(RELZ), RR(RSP), RW(RSP)),
	[0xe9] = ROW(JMP, BRANCH, GPR, FORCE64, IMM(RELZ)),
	[0xea] = SYS(JMP_FAR, NO64, IMM(FAR)),
	[0xeb] = ROW(JMP, BRANCH, GPR, FORCE64, IMM(REL8)),
	[0xec] = SYS(IN, BYTE, RR(RAX | RDX), RW(RAX)),
	[0xed] = SYS(IN, XT_MAX32, RR(RAX | RDX), RW(RAX)),
	[0xee] = SYS(OUT, BYTE, RR(RAX | RDX)), [0xef] = SYS(OUT, XT_MAX32, RR(RAX | RDX)),

	[0xf1] = SYS(INT1, 0, FR(ALL), RR(RSP), RW(RSP)),
	[0xf4] = SYS(HLT, CPL0),
	[0xf5] = GPR(CMC, 0, FR(CF), FW(CF, 0)),
	[0xf6] = BY_REG(GPR(TEST, BYTE, Eb(R), IMM(8), FW(ALL, AF)),
			GPR(TEST, BYTE, Eb(R), IMM(8), FW(ALL, AF)),
			GPR(NOT, BYTE | LOCK, Eb(RW)),
			GPR(NEG, BYTE | LOCK, Eb(RW), FW(ALL, 0)),
			GPR(MUL, BYTE, Eb(R), RR(RAX), RW(RAX), FW(ALL, SF | ZF | AF | PF)),
			GPR(IMUL1, BYTE, Eb(R), RR(RAX), RW(RAX), FW(ALL, SF | ZF | AF | PF)),
			ROW(DIV, NATIVE_DE, GPR, BYTE, Eb(R), RR(RAX), RW(RAX), FW(ALL, ALL)),
			ROW(IDIV, NATIVE_DE, GPR, BYTE, Eb(R), RR(RAX), RW(RAX), FW(ALL, ALL))),
	[0xf7] = BY_REG(GPR(TEST, 0, Ev(R), IMM(Z), FW(ALL, AF)),
			GPR(TEST, 0, Ev(R), IMM(Z), FW(ALL, AF)),
			GPR(NOT, LOCK, Ev(RW)),
			GPR(NEG, LOCK, Ev(RW), FW(ALL, 0)),
			GPR(MUL, 0, Ev(R), RR(RAX), RW(RAX | RDX), FW(ALL, SF | ZF | AF | PF)),
			GPR(IMUL1, 0, Ev(R), RR(RAX), RW(RAX | RDX), FW(ALL, SF | ZF | AF | PF)),
			ROW(DIV, NATIVE_DE, GPR, 0, Ev(R), RR(RAX | RDX), RW(RAX | RDX),
			    FW(ALL, ALL)),
			ROW(IDIV, NATIVE_DE, GPR, 0, Ev(R), RR(RAX | RDX), RW(RAX | RDX),
			    FW(ALL, ALL))),
	[0xf8] = GPR(CLC, 0, FW(CF, 0)), [0xf9] = GPR(STC, 0, FW(CF, 0)),
	[0xfa] = SYS(CLI, 0), [0xfb] = SYS(STI, 0),
	[0xfc] = SPECIAL(CLD, 0), [0xfd] = SPECIAL(STD, 0),
	[0xfe] = BY_REG(GPR(INC, BYTE | LOCK, Eb(RW), FW(ALL & ~CF, 0)),
			GPR(DEC, BYTE | LOCK, Eb(RW), FW(ALL & ~CF, 0))),
	[0xff] = BY_REG(GPR(INC, LOCK, Ev(RW), FW(ALL & ~CF, 0)),
			GPR(DEC, LOCK, Ev(RW), FW(ALL & ~CF, 0)),
			ROW(CALL, BRANCH, GPR, FORCE64, Ev(R), RR(RSP), RW(RSP)),
			SYS(CALL_FAR, MEMONLY, M(R, FAR), RR(RSP), RW(RSP)),
			ROW(JMP, BRANCH, GPR, FORCE64, Ev(R)),
			SYS(JMP_FAR, MEMONLY, M(R, FAR)),
			ROW(PUSH, STACK, GPR, DEF64, Ev(R), RR(RSP), RW(RSP)),
			UD),
};
