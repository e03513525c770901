/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The two-byte opcodes (0F), without VEX: AMD APM vol. 3, tables;
 * Intel SDM vol. 2, tables. 3DNow! (0E, 0F) is not offered.
 */
#include "x86/emulate/opcodes.h"

/* clang-format off */

#define CMOV_(f) GPR(CMOVCC, MAYBE, Gv(RW), Ev(R), FR(f))
#define JCC_Z(f) ROW(JCC, BRANCH, GPR, FORCE64, IMM(RELZ), FR(f))
#define SETCC_(f) GPR(SETCC, BYTE, Eb(W), FR(f))
#define BSWAP_Z GPR(BSWAP, 0, Gv(RW))
#define NOP_E GPR(NOP, NOMEM, .rm_class = X86_C_GPR)
#define PREFETCH_(o) GPR(o, NOMEM, .rm_class = X86_C_GPR)
#define BITFLAGS FW(CF | OF | SF | AF | PF, OF | SF | AF | PF)
#define VMX(o, ...) SYS(o, PROT | XT_NP, ##__VA_ARGS__)
#define MOV_CR (CPL0 | FORCE64 | NOPREFIX | XT_MODREG)

/* SSE, by the four prefixes; @m4 ... are memory sizes. */
#define SSE(o, at, ...) ROW(o, NATIVE, SSE, NOPREFIX | (at), ##__VA_ARGS__)
#define MMX(o, at, ...) ROW(o, NATIVE, MMX, NOPREFIX | (at), ##__VA_ARGS__)
#define SSE2(o) SSE(o, ALIGN16, V(RW), W(R, 16))	/* two sources */
#define SSE1(o) SSE(o, ALIGN16, V(W), W(R, 16))		/* one source */
#define SS2(o) SSE(o, 0, V(RW), W(R, 4))
#define SD2(o) SSE(o, 0, V(RW), W(R, 8))
#define FP4(o) BY_PP(SSE2(o##PS), SSE2(o##PD), SS2(o##SS), SD2(o##SD))
#define FP2(o) BY_PP(SSE2(o##PS), SSE2(o##PD), UD, UD)
#define P_66(...) NODES(4, XN_PP, UD, __VA_ARGS__, UD, UD)
#define MMX_SSE(o) BY_PP(MMX(o, 0, P(RW), Q(R, 8)), SSE2(o), UD, UD)
#define MMX4_SSE(o) BY_PP(MMX(o, 0, P(RW), Q(R, 4)), SSE2(o), UD, UD)
#define PSHIFT(o) BY_PP(MMX(o, REGONLY, Q(RW, NONE), IMM(8U)), \
			SSE(o, REGONLY, W(RW, NONE), IMM(8U)), UD, UD)
#define PSHIFT_DQ(o) P_66(SSE(o, REGONLY, W(RW, NONE), IMM(8U)))

/* 0F 01 with a register: by reg, then rm. Those of VMX and SVM are #UD before they are #GP. */
#define GROUP7_REG BY_REG( \
	BY_RM(UD, VMX(VMCALL), VMX(VMLAUNCH), VMX(VMRESUME), VMX(VMXOFF), UD, UD, UD), \
	BY_RM(SYS(MONITOR, CPL0 | XT_NP, RR(RAX | RCX | RDX)), \
	      SYS(MWAIT, CPL0 | XT_NP, RR(RAX | RCX)), \
	      SYS(CLAC, CPL0 | XT_NP), SYS(STAC, CPL0 | XT_NP), UD, UD, UD, UD), \
	BY_RM(SPECIAL(XGETBV, XT_NP, RR(RCX), RW(RAX | RDX)), \
	      SYS(XSETBV, CPL0 | XT_NP, RR(RAX | RCX | RDX)), \
	      UD, UD, VMX(VMFUNC, RR(RAX | RCX)), UD, UD, UD), \
	BY_RM(SYS(VMRUN, PROT, RR(RAX)), SYS(VMMCALL, 0), SYS(VMLOAD, PROT, RR(RAX)), \
	      SYS(VMSAVE, PROT, RR(RAX)), SYS(STGI, PROT), SYS(CLGI, PROT), \
	      SYS(SKINIT, PROT, RR(RAX)), SYS(INVLPGA, PROT, RR(RAX | RCX))), \
	SYS(SMSW, 0, E_(GPR, W, 2)), UD, SYS(LMSW, CPL0, Ew(R)), \
	BY_RM(SYS(SWAPGS, ONLY64 | CPL0), SPECIAL(RDTSCP, 0, RW(RAX | RCX | RDX)), \
	      UD, UD, UD, UD, UD, UD))
#define GROUP7_MEM BY_REG( \
	SYS(SGDT, FORCE64, M(W, DESC)), SYS(SIDT, FORCE64, M(W, DESC)), \
	SYS(LGDT, FORCE64 | CPL0, M(R, DESC)), SYS(LIDT, FORCE64 | CPL0, M(R, DESC)), \
	SYS(SMSW, 0, E_(GPR, W, 2)), UD, SYS(LMSW, CPL0, Ew(R)), SYS(INVLPG, CPL0 | NOMEM))

#define XSAVE_(o, acc) ROW(o, SPECIAL, GPR, NOPREFIX | MEMONLY, M(acc, XSAVE), RR(RAX | RDX))
#define FSGS(o, acc) SPECIAL(o, ONLY64 | NOPREFIX, E_(GPRY, acc, NONE))
#define GROUP15 BY_MOD( \
	BY_REG(BY_PP(ROW(FXSAVE, SPECIAL, SSE, NOPREFIX, M(W, FXSAVE)), UD, UD, UD), \
	       BY_PP(ROW(FXRSTOR, SPECIAL, SSE, NOPREFIX, M(R, FXSAVE)), UD, UD, UD), \
	       BY_PP(SSE(LDMXCSR, 0, M(R, 4)), UD, UD, UD), \
	       BY_PP(SSE(STMXCSR, 0, M(W, 4)), UD, UD, UD), \
	       BY_PP(XSAVE_(XSAVE, RW), UD, UD, UD), BY_PP(XSAVE_(XRSTOR, R), UD, UD, UD), \
	       BY_PP(XSAVE_(XSAVEOPT, RW), SPECIAL(CLWB, NOPREFIX | NOMEM), UD, UD), \
	       BY_PP(SPECIAL(CLFLUSH, NOPREFIX | NOMEM), SPECIAL(CLFLUSHOPT, NOPREFIX | NOMEM), \
		     UD, UD)), \
	BY_REG(BY_PP(UD, UD, FSGS(RDFSBASE, W), UD), BY_PP(UD, UD, FSGS(RDGSBASE, W), UD), \
	       BY_PP(UD, UD, FSGS(WRFSBASE, R), UD), BY_PP(UD, UD, FSGS(WRGSBASE, R), UD), \
	       UD, GPR(LFENCE, XT_NP), GPR(MFENCE, XT_NP), GPR(SFENCE, XT_NP)))

#define CX8 RR(RAX | RDX | RCX | RBX), RW(RAX | RDX), FW(ZF, 0)
#define RAND(o) GPR(o, 0, E_(GPR, W, NONE), FW(ALL, 0))
#define XSAVES_(o, acc) \
	BY_PP(ROW(o, SYS, GPR, NOPREFIX | CPL0, M(acc, XSAVE), RR(RAX | RDX)), UD, UD, UD)
#define VMPTR(o, acc) SYS(o, PROT | NOPREFIX, M(acc, 8))
#define GROUP9 BY_MOD( \
	BY_REG(UD, BY_W(GPR(CMPXCHG8B, LOCK, M(RW, 8), CX8), \
			BY_MODE(GPR(CMPXCHG8B, LOCK, M(RW, 8), CX8), \
				GPR(CMPXCHG16B, LOCK | ALIGN16, M(RW, 16), CX8))), \
	       UD, XSAVES_(XRSTORS, R), BY_PP(XSAVE_(XSAVEC, W), UD, UD, UD), XSAVES_(XSAVES, W), \
	       BY_PP(VMPTR(VMPTRLD, R), VMPTR(VMCLEAR, RW), VMPTR(VMXON, R), UD), \
	       BY_PP(VMPTR(VMPTRST, W), UD, UD, UD)), \
	BY_REG(UD, UD, UD, UD, UD, UD, BY_PP(RAND(RDRAND), RAND(RDRAND), UD, UD), \
	       BY_PP(RAND(RDSEED), RAND(RDSEED), \
		     SPECIAL(RDPID, FORCE64 | NOPREFIX, E_(GPR, W, NONE)), UD)))

#define GROUP8(at, acc) (at), Ev(acc), IMM(8U), BITFLAGS

const struct x86_node x86_map_0f[256] = {
	[0x00] = BY_REG(SYS(SLDT, PROT, E_(GPR, W, 2)), SYS(STR, PROT, E_(GPR, W, 2)),
			SYS(LLDT, PROT | CPL0, Ew(R)), SYS(LTR, PROT | CPL0, Ew(R)),
			SYS(VERR, PROT, Ew(R), FW(ZF, 0)), SYS(VERW, PROT, Ew(R), FW(ZF, 0)),
			UD, UD),
	[0x01] = BY_MOD(GROUP7_MEM, GROUP7_REG),
	[0x02] = SYS(LAR, PROT | MAYBE, Gv(RW), Ew(R), FW(ZF, 0)),
	[0x03] = SYS(LSL, PROT | MAYBE, Gv(RW), Ew(R), FW(ZF, 0)),
	[0x05] = SYS(SYSCALL, 0, FR(ALL), RW(RCX | R11)),
	[0x06] = SYS(CLTS, CPL0),
	[0x07] = SYS(SYSRET, CPL0, FW(ALL, 0), RR(RCX | R11)),
	[0x08] = SYS(INVD, CPL0), [0x09] = SYS(WBINVD, CPL0),
	[0x0b] = ROW(UD2, UD, GPR, 0),
	[0x0d] = BY_MOD(BY_REG(PREFETCH_(PREFETCH), PREFETCH_(PREFETCHW), PREFETCH_(PREFETCHW),
			       PREFETCH_(PREFETCH), PREFETCH_(PREFETCH), PREFETCH_(PREFETCH),
			       PREFETCH_(PREFETCH), PREFETCH_(PREFETCH)), NOP_E),

	[0x10] = BY_PP(SSE(MOVUPS, 0, V(W), W(R, 16)), SSE(MOVUPD, 0, V(W), W(R, 16)),
		       BY_MOD(SSE(MOVSS, 0, V(W), W(R, 4)), SSE(MOVSS, 0, V(RW), W(R, 4))),
		       BY_MOD(SSE(MOVSD, 0, V(W), W(R, 8)), SSE(MOVSD, 0, V(RW), W(R, 8)))),
	[0x11] = BY_PP(SSE(MOVUPS, 0, W(W, 16), V(R)), SSE(MOVUPD, 0, W(W, 16), V(R)),
		       BY_MOD(SSE(MOVSS, 0, W(W, 4), V(R)), SSE(MOVSS, 0, W(RW, 4), V(R))),
		       BY_MOD(SSE(MOVSD, 0, W(W, 8), V(R)), SSE(MOVSD, 0, W(RW, 8), V(R)))),
	[0x12] = BY_PP(BY_MOD(SSE(MOVLPS, 0, V(RW), W(R, 8)), SSE(MOVHLPS, 0, V(RW), W(R, 8))),
		       SSE(MOVLPD, MEMONLY, V(RW), W(R, 8)), SSE1(MOVSLDUP),
		       SSE(MOVDDUP, 0, V(W), W(R, 8))),
	[0x13] = BY_PP(SSE(MOVLPS, MEMONLY, W(W, 8), V(R)), SSE(MOVLPD, MEMONLY, W(W, 8), V(R)),
			UD, UD),
	[0x14] = FP2(UNPCKL), [0x15] = FP2(UNPCKH),
	[0x16] = BY_PP(BY_MOD(SSE(MOVHPS, 0, V(RW), W(R, 8)), SSE(MOVLHPS, 0, V(RW), W(R, 8))),
		       SSE(MOVHPD, MEMONLY, V(RW), W(R, 8)), SSE1(MOVSHDUP), UD),
	[0x17] = BY_PP(SSE(MOVHPS, MEMONLY, W(W, 8), V(R)), SSE(MOVHPD, MEMONLY, W(W, 8), V(R)),
			UD, UD),
	[0x18] = BY_MOD(BY_REG(PREFETCH_(PREFETCH), PREFETCH_(PREFETCH), PREFETCH_(PREFETCH),
			       PREFETCH_(PREFETCH), NOP_E, NOP_E, NOP_E, NOP_E), NOP_E),
	[0x19] = NOP_E, [0x1a] = NOP_E, [0x1b] = NOP_E, [0x1c] = NOP_E, [0x1d] = NOP_E,
	[0x1e] = BY_PP(NOP_E, NOP_E,
		       BY_MOD(NOP_E, BY_REG(NOP_E, NOP_E, NOP_E, NOP_E, NOP_E, NOP_E, NOP_E,
					    BY_RM(NOP_E, NOP_E, GPR(ENDBR, 0), GPR(ENDBR, 0),
						  NOP_E, NOP_E, NOP_E, NOP_E))), NOP_E),
	[0x1f] = NOP_E,

	[0x20] = SYS(MOV_FROM_CR, MOV_CR, E_(GPR, W, NONE), G_(CR, R)),
	[0x21] = SYS(MOV_FROM_DR, MOV_CR, E_(GPR, W, NONE), G_(DR, R)),
	[0x22] = SYS(MOV_TO_CR, MOV_CR, E_(GPR, R, NONE), G_(CR, W)),
	[0x23] = SYS(MOV_TO_DR, MOV_CR, E_(GPR, R, NONE), G_(DR, W)),
	[0x28] = BY_PP(SSE1(MOVAPS), SSE1(MOVAPD), UD, UD),
	[0x29] = BY_PP(SSE(MOVAPS, ALIGN16, W(W, 16), V(R)), SSE(MOVAPD, ALIGN16, W(W, 16), V(R)),
		       UD, UD),
	[0x2a] = BY_PP(SSE(CVTPI2PS, 0, V(RW), Q(R, 8)), SSE(CVTPI2PD, 0, V(W), Q(R, 8)),
		       SSE(CVTSI2SS, 0, V(RW), Ey(R)), SSE(CVTSI2SD, 0, V(RW), Ey(R))),
	[0x2b] = BY_PP(SSE(MOVNTPS, MEMONLY | ALIGN16, W(W, 16), V(R)),
		       SSE(MOVNTPD, MEMONLY | ALIGN16, W(W, 16), V(R)),
		       SSE(MOVNTSS, MEMONLY, W(W, 4), V(R)), SSE(MOVNTSD, MEMONLY, W(W, 8), V(R))),
	[0x2c] = BY_PP(SSE(CVTTPS2PI, 0, P(W), W(R, 8)), SSE(CVTTPD2PI, ALIGN16, P(W), W(R, 16)),
		       SSE(CVTTSS2SI, 0, Gy(W), W(R, 4)), SSE(CVTTSD2SI, 0, Gy(W), W(R, 8))),
	[0x2d] = BY_PP(SSE(CVTPS2PI, 0, P(W), W(R, 8)), SSE(CVTPD2PI, ALIGN16, P(W), W(R, 16)),
		       SSE(CVTSS2SI, 0, Gy(W), W(R, 4)), SSE(CVTSD2SI, 0, Gy(W), W(R, 8))),
	[0x2e] = BY_PP(SSE(UCOMISS, 0, V(R), W(R, 4), FW(ALL, 0)),
		       SSE(UCOMISD, 0, V(R), W(R, 8), FW(ALL, 0)), UD, UD),
	[0x2f] = BY_PP(SSE(COMISS, 0, V(R), W(R, 4), FW(ALL, 0)),
		       SSE(COMISD, 0, V(R), W(R, 8), FW(ALL, 0)), UD, UD),

	[0x30] = SYS(WRMSR, CPL0, RR(RAX | RCX | RDX)),
	[0x31] = SPECIAL(RDTSC, 0, RW(RAX | RDX)),
	[0x32] = SYS(RDMSR, CPL0, RR(RCX), RW(RAX | RDX)),
	[0x33] = SPECIAL(RDPMC, 0, RR(RCX), RW(RAX | RDX)),
	[0x34] = SYS(SYSENTER, 0, RW(RSP)),
	[0x35] = SYS(SYSEXIT, CPL0, RR(RCX | RDX), RW(RSP)),

	BY_COND(0x40, CMOV_),

	[0x50] = BY_PP(SSE(MOVMSKPS, REGONLY, Gy(W), W(R, NONE)),
		       SSE(MOVMSKPD, REGONLY, Gy(W), W(R, NONE)), UD, UD),
	[0x51] = BY_PP(SSE1(SQRTPS), SSE1(SQRTPD), SS2(SQRTSS), SD2(SQRTSD)),
	[0x52] = BY_PP(SSE1(RSQRTPS), UD, SS2(RSQRTSS), UD),
	[0x53] = BY_PP(SSE1(RCPPS), UD, SS2(RCPSS), UD),
	[0x54] = FP2(AND), [0x55] = FP2(ANDN), [0x56] = FP2(OR), [0x57] = FP2(XOR),
	[0x58] = FP4(ADD), [0x59] = FP4(MUL),
	[0x5a] = BY_PP(SSE(CVTPS2PD, 0, V(W), W(R, 8)), SSE1(CVTPD2PS), SS2(CVTSS2SD),
			SD2(CVTSD2SS)),
	[0x5b] = BY_PP(SSE1(CVTDQ2PS), SSE1(CVTPS2DQ), SSE1(CVTTPS2DQ), UD),
	[0x5c] = FP4(SUB), [0x5d] = FP4(MIN), [0x5e] = FP4(DIV), [0x5f] = FP4(MAX),

	[0x60] = MMX4_SSE(PUNPCKLBW), [0x61] = MMX4_SSE(PUNPCKLWD), [0x62] = MMX4_SSE(PUNPCKLDQ),
	[0x63] = MMX_SSE(PACKSSWB), [0x64] = MMX_SSE(PCMPGTB), [0x65] = MMX_SSE(PCMPGTW),
	[0x66] = MMX_SSE(PCMPGTD), [0x67] = MMX_SSE(PACKUSWB), [0x68] = MMX_SSE(PUNPCKHBW),
	[0x69] = MMX_SSE(PUNPCKHWD), [0x6a] = MMX_SSE(PUNPCKHDQ), [0x6b] = MMX_SSE(PACKSSDW),
	[0x6c] = P_66(SSE2(PUNPCKLQDQ)), [0x6d] = P_66(SSE2(PUNPCKHQDQ)),
	[0x6e] = BY_PP(BY_W(MMX(MOVD, 0, P(W), Ey(R)), MMX(MOVQ, 0, P(W), Ey(R))),
		       BY_W(SSE(MOVD, 0, V(W), Ey(R)), SSE(MOVQ, 0, V(W), Ey(R))), UD, UD),
	[0x6f] = BY_PP(MMX(MOVQ, 0, P(W), Q(R, 8)), SSE1(MOVDQA),
			SSE(MOVDQU, 0, V(W), W(R, 16)), UD),
	[0x70] = BY_PP(MMX(PSHUFW, 0, P(W), Q(R, 8), IMM(8U)),
		       SSE(PSHUFD, ALIGN16, V(W), W(R, 16), IMM(8U)),
		       SSE(PSHUFHW, ALIGN16, V(W), W(R, 16), IMM(8U)),
		       SSE(PSHUFLW, ALIGN16, V(W), W(R, 16), IMM(8U))),
	[0x71] = BY_REG(UD, UD, PSHIFT(PSRLW), UD, PSHIFT(PSRAW), UD, PSHIFT(PSLLW), UD),
	[0x72] = BY_REG(UD, UD, PSHIFT(PSRLD), UD, PSHIFT(PSRAD), UD, PSHIFT(PSLLD), UD),
	[0x73] = BY_REG(UD, UD, PSHIFT(PSRLQ), PSHIFT_DQ(PSRLDQ),
			UD, UD, PSHIFT(PSLLQ), PSHIFT_DQ(PSLLDQ)),
	[0x74] = MMX_SSE(PCMPEQB), [0x75] = MMX_SSE(PCMPEQW), [0x76] = MMX_SSE(PCMPEQD),
	[0x77] = MMX(EMMS, XT_NP),
	[0x78] = BY_PP(SYS(VMREAD, PROT | FORCE64 | NOPREFIX, Ev(W), Gv(R), FW(ALL, 0)),
		       BY_REG(SSE(EXTRQ, REGONLY, W(RW, NONE), IMM(16))), UD,
		       SSE(INSERTQ, REGONLY, V(RW), W(R, NONE), IMM(16))),
	[0x79] = BY_PP(SYS(VMWRITE, PROT | FORCE64 | NOPREFIX, Gv(R), Ev(R), FW(ALL, 0)),
		       SSE(EXTRQ, REGONLY, V(RW), W(R, NONE)), UD,
		       SSE(INSERTQ, REGONLY, V(RW), W(R, NONE))),
	[0x7c] = BY_PP(UD, SSE2(HADDPD), UD, SSE2(HADDPS)),
	[0x7d] = BY_PP(UD, SSE2(HSUBPD), UD, SSE2(HSUBPS)),
	[0x7e] = BY_PP(BY_W(MMX(MOVD, 0, Ey(W), P(R)), MMX(MOVQ, 0, Ey(W), P(R))),
		       BY_W(SSE(MOVD, 0, Ey(W), V(R)), SSE(MOVQ, 0, Ey(W), V(R))),
		       SSE(MOVQ, 0, V(W), W(R, 8)), UD),
	[0x7f] = BY_PP(MMX(MOVQ, 0, Q(W, 8), P(R)), SSE(MOVDQA, ALIGN16, W(W, 16), V(R)),
		       SSE(MOVDQU, 0, W(W, 16), V(R)), UD),

	BY_COND(0x80, JCC_Z),
	BY_COND(0x90, SETCC_),

	[0xa0] = SYS(PUSH_SEG, DEF64 | XT_SREG, Sw(R), RR(RSP), RW(RSP)),
	[0xa1] = SYS(POP_SEG, DEF64 | XT_SREG, Sw(W), RR(RSP), RW(RSP)),
	[0xa2] = SPECIAL(CPUID, 0, RR(RAX | RCX), RW(RAX | RBX | RCX | RDX)),
	[0xa3] = GPR(BT, BITSTR, Ev(R), Gv(R), BITFLAGS),
	[0xa4] = GPR(SHLD, SHIFT, Ev(RW), Gv(R), IMM(8U), FW(ALL, OF | AF)),
	[0xa5] = GPR(SHLD, SHIFT, Ev(RW), Gv(R), RR(RCX), FW(ALL, OF | AF)),
	[0xa8] = SYS(PUSH_SEG, DEF64 | XT_SREG, Sw(R), RR(RSP), RW(RSP)),
	[0xa9] = SYS(POP_SEG, DEF64 | XT_SREG, Sw(W), RR(RSP), RW(RSP)),
	[0xaa] = SYS(RSM, 0, FW(ALL, 0)),
	[0xab] = GPR(BTS, LOCK | BITSTR, Ev(RW), Gv(R), BITFLAGS),
	[0xac] = GPR(SHRD, SHIFT, Ev(RW), Gv(R), IMM(8U), FW(ALL, OF | AF)),
	[0xad] = GPR(SHRD, SHIFT, Ev(RW), Gv(R), RR(RCX), FW(ALL, OF | AF)),
	[0xae] = GROUP15,
	[0xaf] = GPR(IMUL, 0, Gv(RW), Ev(R), FW(ALL, SF | ZF | AF | PF)),

	[0xb0] = GPR(CMPXCHG, BYTE | LOCK, Eb(RW), Gb(R), RR(RAX), RW(RAX), FW(ALL, 0)),
	[0xb1] = GPR(CMPXCHG, LOCK, Ev(RW), Gv(R), RR(RAX), RW(RAX), FW(ALL, 0)),
	[0xb2] = SYS(LSS, MEMONLY, Gv(W), M(R, FAR)),
	[0xb3] = GPR(BTR, LOCK | BITSTR, Ev(RW), Gv(R), BITFLAGS),
	[0xb4] = SYS(LFS, MEMONLY, Gv(W), M(R, FAR)), [0xb5] = SYS(LGS, MEMONLY, Gv(W), M(R, FAR)),
	[0xb6] = GPR(MOVZX, 0, Gv(W), Eb(R)), [0xb7] = GPR(MOVZX, 0, Gv(W), Ew(R)),
	[0xb8] = BY_PP(UD, UD, GPR(POPCNT, 0, Gv(W), Ev(R), FW(ALL, 0)), UD),
	[0xb9] = ROW(UD1, UD, GPR, 0, Gv(R), Ev(R)),
	[0xba] = BY_REG(UD, UD, UD, UD, GPR(BT, GROUP8(0, R)), GPR(BTS, GROUP8(LOCK, RW)),
			GPR(BTR, GROUP8(LOCK, RW)), GPR(BTC, GROUP8(LOCK, RW))),
	[0xbb] = GPR(BTC, LOCK | BITSTR, Ev(RW), Gv(R), BITFLAGS),
	[0xbc] = BY_PP(GPR(BSF, MAYBE, Gv(RW), Ev(R), FW(ALL, ALL & ~ZF)),
		       GPR(BSF, MAYBE, Gv(RW), Ev(R), FW(ALL, ALL & ~ZF)),
		       GPR(TZCNT, 0, Gv(W), Ev(R), FW(ALL, OF | SF | PF | AF)),
		       GPR(BSF, MAYBE, Gv(RW), Ev(R), FW(ALL, ALL & ~ZF))),
	[0xbd] = BY_PP(GPR(BSR, MAYBE, Gv(RW), Ev(R), FW(ALL, ALL & ~ZF)),
		       GPR(BSR, MAYBE, Gv(RW), Ev(R), FW(ALL, ALL & ~ZF)),
		       GPR(LZCNT, 0, Gv(W), Ev(R), FW(ALL, OF | SF | PF | AF)),
		       GPR(BSR, MAYBE, Gv(RW), Ev(R), FW(ALL, ALL & ~ZF))),
	[0xbe] = GPR(MOVSX, 0, Gv(W), Eb(R)), [0xbf] = GPR(MOVSX, 0, Gv(W), Ew(R)),

	[0xc0] = GPR(XADD, BYTE | LOCK, Eb(RW), Gb(RW), FW(ALL, 0)),
	[0xc1] = GPR(XADD, LOCK, Ev(RW), Gv(RW), FW(ALL, 0)),
	[0xc2] = BY_PP(SSE(CMPPS, ALIGN16, V(RW), W(R, 16), IMM(8U)),
		       SSE(CMPPD, ALIGN16, V(RW), W(R, 16), IMM(8U)),
		       SSE(CMPSS, 0, V(RW), W(R, 4), IMM(8U)),
		       SSE(CMPSD, 0, V(RW), W(R, 8), IMM(8U))),
	[0xc3] = BY_PP(GPR(MOVNTI, MEMONLY | NOPREFIX, Ey(W), Gy(R)), UD, UD, UD),
	[0xc4] = BY_PP(MMX(PINSRW, 0, P(RW), E_(GPR32, R, 2), IMM(8U)),
		       SSE(PINSRW, 0, V(RW), E_(GPR32, R, 2), IMM(8U)), UD, UD),
	[0xc5] = BY_PP(MMX(PEXTRW, REGONLY, Gd(W), Q(R, NONE), IMM(8U)),
		       SSE(PEXTRW, REGONLY, Gd(W), W(R, NONE), IMM(8U)), UD, UD),
	[0xc6] = BY_PP(SSE(SHUFPS, ALIGN16, V(RW), W(R, 16), IMM(8U)),
		       SSE(SHUFPD, ALIGN16, V(RW), W(R, 16), IMM(8U)), UD, UD),
	[0xc7] = GROUP9,
	EIGHT(0xc8, BSWAP_Z),

	[0xd0] = BY_PP(UD, SSE2(ADDSUBPD), UD, SSE2(ADDSUBPS)),
	[0xd1] = MMX_SSE(PSRLW), [0xd2] = MMX_SSE(PSRLD), [0xd3] = MMX_SSE(PSRLQ),
	[0xd4] = MMX_SSE(PADDQ), [0xd5] = MMX_SSE(PMULLW),
	[0xd6] = BY_PP(UD, SSE(MOVQ, 0, W(W, 8), V(R)), MMX(MOVQ2DQ, REGONLY, V(W), Q(R, NONE)),
		       MMX(MOVDQ2Q, REGONLY, P(W), W(R, NONE))),
	[0xd7] = BY_PP(MMX(PMOVMSKB, REGONLY, Gd(W), Q(R, NONE)),
		       SSE(PMOVMSKB, REGONLY, Gd(W), W(R, NONE)), UD, UD),
	[0xd8] = MMX_SSE(PSUBUSB), [0xd9] = MMX_SSE(PSUBUSW), [0xda] = MMX_SSE(PMINUB),
	[0xdb] = MMX_SSE(PAND), [0xdc] = MMX_SSE(PADDUSB), [0xdd] = MMX_SSE(PADDUSW),
	[0xde] = MMX_SSE(PMAXUB), [0xdf] = MMX_SSE(PANDN), [0xe0] = MMX_SSE(PAVGB),
	[0xe1] = MMX_SSE(PSRAW), [0xe2] = MMX_SSE(PSRAD), [0xe3] = MMX_SSE(PAVGW),
	[0xe4] = MMX_SSE(PMULHUW), [0xe5] = MMX_SSE(PMULHW),
	[0xe6] = BY_PP(UD, SSE1(CVTTPD2DQ), SSE(CVTDQ2PD, 0, V(W), W(R, 8)), SSE1(CVTPD2DQ)),
	[0xe7] = BY_PP(MMX(MOVNTQ, MEMONLY, Q(W, 8), P(R)),
		       SSE(MOVNTDQ, MEMONLY | ALIGN16, W(W, 16), V(R)), UD, UD),
	[0xe8] = MMX_SSE(PSUBSB), [0xe9] = MMX_SSE(PSUBSW), [0xea] = MMX_SSE(PMINSW),
	[0xeb] = MMX_SSE(POR), [0xec] = MMX_SSE(PADDSB), [0xed] = MMX_SSE(PADDSW),
	[0xee] = MMX_SSE(PMAXSW), [0xef] = MMX_SSE(PXOR),
	[0xf0] = BY_PP(UD, UD, UD, SSE(LDDQU, MEMONLY, V(W), W(R, 16))),
	[0xf1] = MMX_SSE(PSLLW), [0xf2] = MMX_SSE(PSLLD), [0xf3] = MMX_SSE(PSLLQ),
	[0xf4] = MMX_SSE(PMULUDQ), [0xf5] = MMX_SSE(PMADDWD), [0xf6] = MMX_SSE(PSADBW),
	/* The store goes to DS:rDI under a mask of bytes. */
	[0xf7] = BY_PP(ROW(MASKMOVQ, SPECIAL, MMX, NOPREFIX | REGONLY, P(R), Q(R, NONE), RR(RDI)),
		       ROW(MASKMOVDQU, SPECIAL, SSE, NOPREFIX | REGONLY, V(R), W(R, NONE), RR(RDI)),
		       UD, UD),
	[0xf8] = MMX_SSE(PSUBB), [0xf9] = MMX_SSE(PSUBW), [0xfa] = MMX_SSE(PSUBD),
	[0xfb] = MMX_SSE(PSUBQ), [0xfc] = MMX_SSE(PADDB), [0xfd] = MMX_SSE(PADDW),
	[0xfe] = MMX_SSE(PADDD),
	[0xff] = ROW(UD0, UD, GPR, 0, Gv(R), Ev(R)),
};
