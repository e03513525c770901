/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The opcodes behind a VEX prefix: AVX, AVX2, F16C, FMA, BMI1, BMI2, and the VEX
 * forms of AES, PCLMUL and GFNI. AMD APM vol. 3 appendix A.1.2 and the instruction
 * pages of vol. 4; Intel SDM vol. 2 tables. The mask registers of
 * AVX-512 and the tiles of AMX, which are VEX too, are not offered.
 */
#include "x86/emulate/opcodes.h"

/* clang-format off */

#define AVX(o, at, ...) ROW(o, NATIVE, AVX, NOPREFIX | (at), ##__VA_ARGS__)
#define AVX_SPECIAL(o, at, ...) ROW(o, SPECIAL, AVX, NOPREFIX | (at), ##__VA_ARGS__)

/* Two and three operands of the full width; with 66, with an immediate, and narrow ones. */
#define A2(o) AVX(o, 0, V(W), W(R, X))
#define A3(o) AVX(o, 0, V(W), H(R), W(R, X))
#define A3S(o, m) AVX(o, 0, V(W), H(R), W(R, m))
#define V2(o) AVX(o, XT_66, V(W), W(R, X))
#define V3(o) AVX(o, XT_66, V(W), H(R), W(R, X))
#define V2A(o, at) AVX(o, XT_66 | (at), V(W), W(R, X))
#define V3A(o, at) AVX(o, XT_66 | (at), V(W), H(R), W(R, X))
#define V2I(o, at) AVX(o, XT_66 | (at), V(W), W(R, X), IMM(8U))
#define V3I(o, at) AVX(o, XT_66 | (at), V(W), H(R), W(R, X), IMM(8U))
#define V2N(o, at, m) AVX(o, XT_66 | (at), V(W), W(R, m))
#define V3N(o, at, m) AVX(o, XT_66 | (at), V(W), H(R), W(R, m))
#define VCOUNT(o) AVX(o, XT_66, V(W), H(R), W(R, 16))
#define VSHIFT(o) AVX(o, XT_66 | REGONLY, H(W), W(R, NONE), IMM(8U))
#define FP4(o) BY_PP(A3(o##PS), A3(o##PD), A3S(o##SS, 4), A3S(o##SD, 8))
#define FP2(o) BY_PP(A3(o##PS), A3(o##PD), UD, UD)
#define CMP_(o, m) AVX(o, 0, V(W), H(R), W(R, m), IMM(8U))
#define STORE(o, m, at) AVX(o, at, W(W, m), V(R))
#define UCOM(o, m) AVX(o, 0, V(R), W(R, m), FW(ALL, 0))
#define CVT_G(o, m) AVX(o, 0, Gy(W), W(R, m))
#define CVT_V(o) AVX(o, 0, V(W), H(R), Ey(R))

/* A load or store of a scalar in memory, a merge of two between registers. */
#define SCALAR_LD(o, m) BY_MOD(AVX(o, 0, V(W), W(R, m)), AVX(o, 0, V(W), H(R), W(R, NONE)))
#define SCALAR_ST(o, m) BY_MOD(STORE(o, m, 0), AVX(o, 0, W(W, NONE), H(R), V(R)))

#define GROUP15 BY_MOD( \
	BY_REG(UD, UD, AVX(VLDMXCSR, XT_NP | XT_L0, M(R, 4)), \
	       AVX(VSTMXCSR, XT_NP | XT_L0, M(W, 4)), UD, UD, UD, UD), UD)

const struct x86_node x86_vex_0f[256] = {
	[0x10] = BY_PP(A2(VMOVUPS), A2(VMOVUPD), SCALAR_LD(VMOVSS, 4), SCALAR_LD(VMOVSD, 8)),
	[0x11] = BY_PP(STORE(VMOVUPS, X, 0), STORE(VMOVUPD, X, 0),
		       SCALAR_ST(VMOVSS, 4), SCALAR_ST(VMOVSD, 8)),
	[0x12] = BY_PP(BY_MOD(AVX(VMOVLPS, XT_L0, V(W), H(R), W(R, 8)),
			      AVX(VMOVHLPS, XT_L0, V(W), H(R), W(R, NONE))),
		       AVX(VMOVLPD, XT_L0 | MEMONLY, V(W), H(R), W(R, 8)), A2(VMOVSLDUP),
		       BY_L(AVX(VMOVDDUP, 0, V(W), W(R, 8)), AVX(VMOVDDUP, 0, V(W), W(R, 32)))),
	[0x13] = BY_PP(STORE(VMOVLPS, 8, XT_L0 | MEMONLY), STORE(VMOVLPD, 8, XT_L0 | MEMONLY),
			UD, UD),
	[0x14] = FP2(VUNPCKL), [0x15] = FP2(VUNPCKH),
	[0x16] = BY_PP(BY_MOD(AVX(VMOVHPS, XT_L0, V(W), H(R), W(R, 8)),
			      AVX(VMOVLHPS, XT_L0, V(W), H(R), W(R, NONE))),
		       AVX(VMOVHPD, XT_L0 | MEMONLY, V(W), H(R), W(R, 8)), A2(VMOVSHDUP), UD),
	[0x17] = BY_PP(STORE(VMOVHPS, 8, XT_L0 | MEMONLY), STORE(VMOVHPD, 8, XT_L0 | MEMONLY),
			UD, UD),
	[0x28] = BY_PP(AVX(VMOVAPS, VALIGN, V(W), W(R, X)), AVX(VMOVAPD, VALIGN, V(W), W(R, X)),
			UD, UD),
	[0x29] = BY_PP(STORE(VMOVAPS, X, VALIGN), STORE(VMOVAPD, X, VALIGN), UD, UD),
	[0x2a] = BY_PP(UD, UD, CVT_V(VCVTSI2SS), CVT_V(VCVTSI2SD)),
	[0x2b] = BY_PP(STORE(VMOVNTPS, X, VALIGN | MEMONLY),
			STORE(VMOVNTPD, X, VALIGN | MEMONLY), UD, UD),
	[0x2c] = BY_PP(UD, UD, CVT_G(VCVTTSS2SI, 4), CVT_G(VCVTTSD2SI, 8)),
	[0x2d] = BY_PP(UD, UD, CVT_G(VCVTSS2SI, 4), CVT_G(VCVTSD2SI, 8)),
	[0x2e] = BY_PP(UCOM(VUCOMISS, 4), UCOM(VUCOMISD, 8), UD, UD),
	[0x2f] = BY_PP(UCOM(VCOMISS, 4), UCOM(VCOMISD, 8), UD, UD),

	[0x50] = BY_PP(AVX(VMOVMSKPS, REGONLY, Gd(W), W(R, NONE)),
		       AVX(VMOVMSKPD, REGONLY, Gd(W), W(R, NONE)), UD, UD),
	[0x51] = BY_PP(A2(VSQRTPS), A2(VSQRTPD), A3S(VSQRTSS, 4), A3S(VSQRTSD, 8)),
	[0x52] = BY_PP(A2(VRSQRTPS), UD, A3S(VRSQRTSS, 4), UD),
	[0x53] = BY_PP(A2(VRCPPS), UD, A3S(VRCPSS, 4), UD),
	[0x54] = FP2(VAND), [0x55] = FP2(VANDN), [0x56] = FP2(VOR), [0x57] = FP2(VXOR),
	[0x58] = FP4(VADD), [0x59] = FP4(VMUL),
	[0x5a] = BY_PP(AVX(VCVTPS2PD, 0, V(W), W(R, XH)), A2(VCVTPD2PS),
		       A3S(VCVTSS2SD, 4), A3S(VCVTSD2SS, 8)),
	[0x5b] = BY_PP(A2(VCVTDQ2PS), A2(VCVTPS2DQ), A2(VCVTTPS2DQ), UD),
	[0x5c] = FP4(VSUB), [0x5d] = FP4(VMIN), [0x5e] = FP4(VDIV), [0x5f] = FP4(VMAX),

	[0x60] = V3(VPUNPCKLBW), [0x61] = V3(VPUNPCKLWD), [0x62] = V3(VPUNPCKLDQ),
	[0x63] = V3(VPACKSSWB), [0x64] = V3(VPCMPGTB), [0x65] = V3(VPCMPGTW), [0x66] = V3(VPCMPGTD),
	[0x67] = V3(VPACKUSWB), [0x68] = V3(VPUNPCKHBW), [0x69] = V3(VPUNPCKHWD),
	[0x6a] = V3(VPUNPCKHDQ), [0x6b] = V3(VPACKSSDW), [0x6c] = V3(VPUNPCKLQDQ),
	[0x6d] = V3(VPUNPCKHQDQ),
	[0x6e] = BY_W(AVX(VMOVD, XT_66 | XT_L0, V(W), Ey(R)),
			AVX(VMOVQ, XT_66 | XT_L0, V(W), Ey(R))),
	[0x6f] = BY_PP(UD, AVX(VMOVDQA, VALIGN, V(W), W(R, X)), A2(VMOVDQU), UD),
	[0x70] = BY_PP(UD, AVX(VPSHUFD, 0, V(W), W(R, X), IMM(8U)),
		       AVX(VPSHUFHW, 0, V(W), W(R, X), IMM(8U)),
		       AVX(VPSHUFLW, 0, V(W), W(R, X), IMM(8U))),
	[0x71] = BY_REG(UD, UD, VSHIFT(VPSRLW), UD, VSHIFT(VPSRAW), UD, VSHIFT(VPSLLW), UD),
	[0x72] = BY_REG(UD, UD, VSHIFT(VPSRLD), UD, VSHIFT(VPSRAD), UD, VSHIFT(VPSLLD), UD),
	[0x73] = BY_REG(UD, UD, VSHIFT(VPSRLQ), VSHIFT(VPSRLDQ), UD, UD, VSHIFT(VPSLLQ),
			VSHIFT(VPSLLDQ)),
	[0x74] = V3(VPCMPEQB), [0x75] = V3(VPCMPEQW), [0x76] = V3(VPCMPEQD),
	[0x77] = BY_L(AVX(VZEROUPPER, XT_NP), AVX(VZEROALL, XT_NP)),
	[0x7c] = BY_PP(UD, A3(VHADDPD), UD, A3(VHADDPS)),
	[0x7d] = BY_PP(UD, A3(VHSUBPD), UD, A3(VHSUBPS)),
	[0x7e] = BY_PP(UD, BY_W(AVX(VMOVD, XT_L0, Ey(W), V(R)), AVX(VMOVQ, XT_L0, Ey(W), V(R))),
		       AVX(VMOVQ, XT_L0, V(W), W(R, 8)), UD),
	[0x7f] = BY_PP(UD, STORE(VMOVDQA, X, VALIGN), STORE(VMOVDQU, X, 0), UD),

	[0xae] = GROUP15,
	[0xc2] = BY_PP(CMP_(VCMPPS, X), CMP_(VCMPPD, X), CMP_(VCMPSS, 4), CMP_(VCMPSD, 8)),
	[0xc4] = AVX(VPINSRW, XT_66 | XT_L0, V(W), H(R), E_(GPR32, R, 2), IMM(8U)),
	[0xc5] = AVX(VPEXTRW, XT_66 | XT_L0 | REGONLY, Gd(W), W(R, NONE), IMM(8U)),
	[0xc6] = BY_PP(CMP_(VSHUFPS, X), CMP_(VSHUFPD, X), UD, UD),

	[0xd0] = BY_PP(UD, A3(VADDSUBPD), UD, A3(VADDSUBPS)),
	[0xd1] = VCOUNT(VPSRLW), [0xd2] = VCOUNT(VPSRLD), [0xd3] = VCOUNT(VPSRLQ),
	[0xd4] = V3(VPADDQ), [0xd5] = V3(VPMULLW),
	[0xd6] = STORE(VMOVQ, 8, XT_66 | XT_L0),
	[0xd7] = AVX(VPMOVMSKB, XT_66 | REGONLY, Gd(W), W(R, NONE)),
	[0xd8] = V3(VPSUBUSB), [0xd9] = V3(VPSUBUSW), [0xda] = V3(VPMINUB), [0xdb] = V3(VPAND),
	[0xdc] = V3(VPADDUSB), [0xdd] = V3(VPADDUSW), [0xde] = V3(VPMAXUB), [0xdf] = V3(VPANDN),
	[0xe0] = V3(VPAVGB), [0xe1] = VCOUNT(VPSRAW), [0xe2] = VCOUNT(VPSRAD), [0xe3] = V3(VPAVGW),
	[0xe4] = V3(VPMULHUW), [0xe5] = V3(VPMULHW),
	[0xe6] = BY_PP(UD, A2(VCVTTPD2DQ), AVX(VCVTDQ2PD, 0, V(W), W(R, XH)), A2(VCVTPD2DQ)),
	[0xe7] = STORE(VMOVNTDQ, X, XT_66 | VALIGN | MEMONLY),
	[0xe8] = V3(VPSUBSB), [0xe9] = V3(VPSUBSW), [0xea] = V3(VPMINSW), [0xeb] = V3(VPOR),
	[0xec] = V3(VPADDSB), [0xed] = V3(VPADDSW), [0xee] = V3(VPMAXSW), [0xef] = V3(VPXOR),
	[0xf0] = AVX(VLDDQU, XT_F2 | MEMONLY, V(W), W(R, X)),
	[0xf1] = VCOUNT(VPSLLW), [0xf2] = VCOUNT(VPSLLD), [0xf3] = VCOUNT(VPSLLQ),
	[0xf4] = V3(VPMULUDQ), [0xf5] = V3(VPMADDWD), [0xf6] = V3(VPSADBW),
	[0xf7] = AVX_SPECIAL(VMASKMOVDQU, XT_66 | XT_L0 | REGONLY, V(R), W(R, NONE), RR(RDI)),
	[0xf8] = V3(VPSUBB), [0xf9] = V3(VPSUBW), [0xfa] = V3(VPSUBD), [0xfb] = V3(VPSUBQ),
	[0xfc] = V3(VPADDB), [0xfd] = V3(VPADDW), [0xfe] = V3(VPADDD),
};

#define W0(o) V3A(o, XT_W0)
#define MASKLD(o, w) AVX_SPECIAL(o, XT_66 | (w) | MEMONLY, V(W), H(R), W(R, X))
#define MASKST(o, w) AVX_SPECIAL(o, XT_66 | (w) | MEMONLY, W(W, X), H(R), V(R))
#define GATHER(o, m) AVX_SPECIAL(o, XT_66 | MEMONLY | VSIB, V(RW), B_(XMM, RW), W(R, m))
#define GATHER_W(d, q) BY_W(GATHER(d, 4), GATHER(q, 8))
#define FMA_V(o) BY_W(AVX(o##PS, XT_66, V(RW), H(R), W(R, X)), \
			AVX(o##PD, XT_66, V(RW), H(R), W(R, X)))
#define FMA_S(o) BY_W(AVX(o##SS, XT_66, V(RW), H(R), W(R, 4)), \
			AVX(o##SD, XT_66, V(RW), H(R), W(R, 8)))
#define FMA(first, n) \
	[(first) + 0x6] = FMA_V(VFMADDSUB##n), [(first) + 0x7] = FMA_V(VFMSUBADD##n), \
	[(first) + 0x8] = FMA_V(VFMADD##n), [(first) + 0x9] = FMA_S(VFMADD##n), \
	[(first) + 0xa] = FMA_V(VFMSUB##n), [(first) + 0xb] = FMA_S(VFMSUB##n), \
	[(first) + 0xc] = FMA_V(VFNMADD##n), [(first) + 0xd] = FMA_S(VFNMADD##n), \
	[(first) + 0xe] = FMA_V(VFNMSUB##n), [(first) + 0xf] = FMA_S(VFNMSUB##n)
#define BMI(o, ...) GPR(o, NOPREFIX | XT_L0, ##__VA_ARGS__)
#define BLS(o) GPR(o, NOPREFIX | XT_L0 | XT_NP, By(W), Ey(R), FW(ALL, AF | PF))

const struct x86_node x86_vex_0f38[256] = {
	[0x00] = V3(VPSHUFB), [0x01] = V3(VPHADDW), [0x02] = V3(VPHADDD), [0x03] = V3(VPHADDSW),
	[0x04] = V3(VPMADDUBSW), [0x05] = V3(VPHSUBW), [0x06] = V3(VPHSUBD), [0x07] = V3(VPHSUBSW),
	[0x08] = V3(VPSIGNB), [0x09] = V3(VPSIGNW), [0x0a] = V3(VPSIGND), [0x0b] = V3(VPMULHRSW),
	[0x0c] = W0(VPERMILPS), [0x0d] = W0(VPERMILPD),
	[0x0e] = AVX(VTESTPS, XT_66 | XT_W0, V(R), W(R, X), FW(ALL, 0)),
	[0x0f] = AVX(VTESTPD, XT_66 | XT_W0, V(R), W(R, X), FW(ALL, 0)),
	[0x13] = V2N(VCVTPH2PS, XT_W0, XH), [0x16] = V3A(VPERMPS, XT_W0 | XT_L1),
	[0x17] = AVX(VPTEST, XT_66, V(R), W(R, X), FW(ALL, 0)),
	[0x18] = V2N(VBROADCASTSS, XT_W0, 4), [0x19] = V2N(VBROADCASTSD, XT_W0 | XT_L1, 8),
	[0x1a] = V2N(VBROADCASTF128, XT_W0 | XT_L1 | MEMONLY, 16),
	[0x1c] = V2(VPABSB), [0x1d] = V2(VPABSW), [0x1e] = V2(VPABSD),
	[0x20] = V2N(VPMOVSXBW, 0, XH), [0x21] = V2N(VPMOVSXBD, 0, XQ),
	[0x22] = V2N(VPMOVSXBQ, 0, XE),
	[0x23] = V2N(VPMOVSXWD, 0, XH), [0x24] = V2N(VPMOVSXWQ, 0, XQ),
	[0x25] = V2N(VPMOVSXDQ, 0, XH),
	[0x28] = V3(VPMULDQ), [0x29] = V3(VPCMPEQQ), [0x2a] = V2A(VMOVNTDQA, VALIGN | MEMONLY),
	[0x2b] = V3(VPACKUSDW),
	[0x2c] = MASKLD(VMASKMOVPS, XT_W0), [0x2d] = MASKLD(VMASKMOVPD, XT_W0),
	[0x2e] = MASKST(VMASKMOVPS, XT_W0), [0x2f] = MASKST(VMASKMOVPD, XT_W0),
	[0x30] = V2N(VPMOVZXBW, 0, XH), [0x31] = V2N(VPMOVZXBD, 0, XQ),
	[0x32] = V2N(VPMOVZXBQ, 0, XE),
	[0x33] = V2N(VPMOVZXWD, 0, XH), [0x34] = V2N(VPMOVZXWQ, 0, XQ),
	[0x35] = V2N(VPMOVZXDQ, 0, XH),
	[0x36] = V3A(VPERMD, XT_W0 | XT_L1), [0x37] = V3(VPCMPGTQ),
	[0x38] = V3(VPMINSB), [0x39] = V3(VPMINSD), [0x3a] = V3(VPMINUW), [0x3b] = V3(VPMINUD),
	[0x3c] = V3(VPMAXSB), [0x3d] = V3(VPMAXSD), [0x3e] = V3(VPMAXUW), [0x3f] = V3(VPMAXUD),
	[0x40] = V3(VPMULLD), [0x41] = V2A(VPHMINPOSUW, XT_L0),
	[0x45] = BY_W(V3(VPSRLVD), V3(VPSRLVQ)), [0x46] = W0(VPSRAVD),
	[0x47] = BY_W(V3(VPSLLVD), V3(VPSLLVQ)),
	[0x58] = V2N(VPBROADCASTD, XT_W0, 4), [0x59] = V2N(VPBROADCASTQ, XT_W0, 8),
	[0x5a] = V2N(VBROADCASTI128, XT_W0 | XT_L1 | MEMONLY, 16),
	[0x78] = V2N(VPBROADCASTB, XT_W0, 1), [0x79] = V2N(VPBROADCASTW, XT_W0, 2),
	[0x8c] = BY_W(MASKLD(VPMASKMOVD, 0), MASKLD(VPMASKMOVQ, 0)),
	[0x8e] = BY_W(MASKST(VPMASKMOVD, 0), MASKST(VPMASKMOVQ, 0)),
	[0x90] = GATHER_W(VPGATHERDD, VPGATHERDQ), [0x91] = GATHER_W(VPGATHERQD, VPGATHERQQ),
	[0x92] = GATHER_W(VGATHERDPS, VGATHERDPD), [0x93] = GATHER_W(VGATHERQPS, VGATHERQPD),
	FMA(0x90, 132), FMA(0xa0, 213), FMA(0xb0, 231),
	[0xcf] = W0(VGF2P8MULB), [0xdb] = V2A(VAESIMC, XT_L0),
	[0xdc] = V3(VAESENC), [0xdd] = V3(VAESENCLAST), [0xde] = V3(VAESDEC),
	[0xdf] = V3(VAESDECLAST),
	[0xf2] = GPR(ANDN, NOPREFIX | XT_L0 | XT_NP, Gy(W), By(R), Ey(R), FW(ALL, AF | PF)),
	[0xf3] = BY_REG(UD, BLS(BLSR), BLS(BLSMSK), BLS(BLSI), UD, UD, UD, UD),
	[0xf5] = BY_PP(BMI(BZHI, Gy(W), Ey(R), By(R), FW(ALL, AF | PF)), UD,
		       BMI(PEXT, Gy(W), By(R), Ey(R)), BMI(PDEP, Gy(W), By(R), Ey(R))),
	[0xf6] = BY_PP(UD, UD, UD, BMI(MULX, Gy(W), By(W), Ey(R), RR(RDX))),
	[0xf7] = BY_PP(BMI(BEXTR, Gy(W), Ey(R), By(R), FW(ALL, AF | SF | PF)),
		       BMI(SHLX, Gy(W), Ey(R), By(R)), BMI(SARX, Gy(W), Ey(R), By(R)),
		       BMI(SHRX, Gy(W), Ey(R), By(R))),
};

#define PCMPSTR(o, r, w) AVX(o, XT_66 | XT_L0, V(R), W(R, 16), IMM(8U), RR(r), RW(w), FW(ALL, 0))
#define EXTRACT(o, c, m) AVX(o, XT_66 | XT_L0, E_(c, W, m), V(R), IMM(8U))
#define INSERT(o, c, m) AVX(o, XT_66 | XT_L0, V(W), H(R), E_(c, R, m), IMM(8U))
#define INSERT128(o) AVX(o, XT_66 | XT_L1 | XT_W0, V(W), H(R), W(R, 16), IMM(8U))
#define EXTRACT128(o) AVX(o, XT_66 | XT_L1 | XT_W0, W(W, 16), V(R), IMM(8U))

const struct x86_node x86_vex_0f3a[256] = {
	[0x00] = V2I(VPERMQ, XT_L1 | XT_W1), [0x01] = V2I(VPERMPD, XT_L1 | XT_W1),
	[0x02] = V3I(VPBLENDD, XT_W0), [0x04] = V2I(VPERMILPS, XT_W0),
	[0x05] = V2I(VPERMILPD, XT_W0),
	[0x06] = V3I(VPERM2F128, XT_L1 | XT_W0), [0x08] = V2I(VROUNDPS, 0),
	[0x09] = V2I(VROUNDPD, 0),
	[0x0a] = AVX(VROUNDSS, XT_66, V(W), H(R), W(R, 4), IMM(8U)),
	[0x0b] = AVX(VROUNDSD, XT_66, V(W), H(R), W(R, 8), IMM(8U)),
	[0x0c] = V3I(VBLENDPS, 0), [0x0d] = V3I(VBLENDPD, 0), [0x0e] = V3I(VPBLENDW, 0),
	[0x0f] = V3I(VPALIGNR, 0),
	[0x14] = EXTRACT(VPEXTRB, GPR32, 1), [0x15] = EXTRACT(VPEXTRW, GPR32, 2),
	[0x16] = BY_W(EXTRACT(VPEXTRD, GPRY, Y), EXTRACT(VPEXTRQ, GPRY, Y)),
	[0x17] = EXTRACT(VEXTRACTPS, GPR32, 4),
	[0x18] = INSERT128(VINSERTF128), [0x19] = EXTRACT128(VEXTRACTF128),
	[0x1d] = AVX(VCVTPS2PH, XT_66 | XT_W0, W(W, XH), V(R), IMM(8U)),
	[0x20] = INSERT(VPINSRB, GPR32, 1), [0x21] = INSERT(VINSERTPS, XMM, 4),
	[0x22] = BY_W(INSERT(VPINSRD, GPRY, Y), INSERT(VPINSRQ, GPRY, Y)),
	[0x38] = INSERT128(VINSERTI128), [0x39] = EXTRACT128(VEXTRACTI128),
	[0x40] = V3I(VDPPS, 0), [0x41] = V3I(VDPPD, XT_L0), [0x42] = V3I(VMPSADBW, 0),
	[0x44] = V3I(VPCLMULQDQ, 0), [0x46] = V3I(VPERM2I128, XT_L1 | XT_W0),
	/* The fourth operand is a register in the immediate's upper half. */
	[0x4a] = V3I(VBLENDVPS, XT_W0), [0x4b] = V3I(VBLENDVPD, XT_W0),
	[0x4c] = V3I(VPBLENDVB, XT_W0),
	[0x60] = PCMPSTR(VPCMPESTRM, RAX | RDX, 0), [0x61] = PCMPSTR(VPCMPESTRI, RAX | RDX, RCX),
	[0x62] = PCMPSTR(VPCMPISTRM, 0, 0), [0x63] = PCMPSTR(VPCMPISTRI, 0, RCX),
	[0xce] = V3I(VGF2P8AFFINEQB, XT_W1), [0xcf] = V3I(VGF2P8AFFINEINVQB, XT_W1),
	[0xdf] = V2I(VAESKEYGENASSIST, XT_L0),
	[0xf0] = GPR(RORX, NOPREFIX | XT_L0 | XT_F2, Gy(W), Ey(R), IMM(8U)),
};
