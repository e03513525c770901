/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The three-byte opcodes 0F 38 and 0F 3A, without VEX: AMD APM vol. 3, appendix
 * A.1.1; Intel SDM vol. 2, tables.
 */
#include "x86/emulate/opcodes.h"

/* clang-format off */

#define SSE(o, at, ...) ROW(o, NATIVE, SSE, NOPREFIX | (at), ##__VA_ARGS__)
#define MMX(o, at, ...) ROW(o, NATIVE, MMX, NOPREFIX | (at), ##__VA_ARGS__)
#define MMX_SSE(o, acc) BY_PP(MMX(o, 0, P(acc), Q(R, 8)), \
			      SSE(o, ALIGN16, V(acc), W(R, 16)), UD, UD)
#define S66(o) SSE(o, XT_66 | ALIGN16, V(RW), W(R, 16))		/* two sources */
#define S66_1(o) SSE(o, XT_66 | ALIGN16, V(W), W(R, 16))	/* one source */
#define S66_N(o, m) SSE(o, XT_66, V(W), W(R, m))		/* narrow memory */
#define S66_I(o) SSE(o, XT_66 | ALIGN16, V(RW), W(R, 16), IMM(8U))
#define S66_1I(o) SSE(o, XT_66 | ALIGN16, V(W), W(R, 16), IMM(8U))
#define SNP(o) SSE(o, XT_NP, V(RW), W(R, 16))	/* SHA: AMD has them unaligned */
#define INV(o) SYS(o, FORCE64 | NOPREFIX | XT_66 | MEMONLY | CPL0, Gv(R), M(R, 16))
#define INV_VMX(o) SYS(o, FORCE64 | NOPREFIX | XT_66 | MEMONLY | PROT, Gv(R), M(R, 16))
#define PCMPSTR(o, r, w) SSE(o, XT_66, V(R), W(R, 16), IMM(8U), RR(r), RW(w), FW(ALL, 0))

const struct x86_node x86_map_0f38[256] = {
	[0x00] = MMX_SSE(PSHUFB, RW), [0x01] = MMX_SSE(PHADDW, RW), [0x02] = MMX_SSE(PHADDD, RW),
	[0x03] = MMX_SSE(PHADDSW, RW), [0x04] = MMX_SSE(PMADDUBSW, RW),
	[0x05] = MMX_SSE(PHSUBW, RW),
	[0x06] = MMX_SSE(PHSUBD, RW), [0x07] = MMX_SSE(PHSUBSW, RW), [0x08] = MMX_SSE(PSIGNB, RW),
	[0x09] = MMX_SSE(PSIGNW, RW), [0x0a] = MMX_SSE(PSIGND, RW), [0x0b] = MMX_SSE(PMULHRSW, RW),
	[0x10] = S66(PBLENDVB), [0x14] = S66(BLENDVPS), [0x15] = S66(BLENDVPD),
	[0x17] = SSE(PTEST, XT_66 | ALIGN16, V(R), W(R, 16), FW(ALL, 0)),
	[0x1c] = MMX_SSE(PABSB, W), [0x1d] = MMX_SSE(PABSW, W), [0x1e] = MMX_SSE(PABSD, W),
	[0x20] = S66_N(PMOVSXBW, 8), [0x21] = S66_N(PMOVSXBD, 4), [0x22] = S66_N(PMOVSXBQ, 2),
	[0x23] = S66_N(PMOVSXWD, 8), [0x24] = S66_N(PMOVSXWQ, 4), [0x25] = S66_N(PMOVSXDQ, 8),
	[0x28] = S66(PMULDQ), [0x29] = S66(PCMPEQQ),
	[0x2a] = SSE(MOVNTDQA, XT_66 | MEMONLY | ALIGN16, V(W), W(R, 16)), [0x2b] = S66(PACKUSDW),
	[0x30] = S66_N(PMOVZXBW, 8), [0x31] = S66_N(PMOVZXBD, 4), [0x32] = S66_N(PMOVZXBQ, 2),
	[0x33] = S66_N(PMOVZXWD, 8), [0x34] = S66_N(PMOVZXWQ, 4), [0x35] = S66_N(PMOVZXDQ, 8),
	[0x37] = S66(PCMPGTQ), [0x38] = S66(PMINSB), [0x39] = S66(PMINSD), [0x3a] = S66(PMINUW),
	[0x3b] = S66(PMINUD), [0x3c] = S66(PMAXSB), [0x3d] = S66(PMAXSD), [0x3e] = S66(PMAXUW),
	[0x3f] = S66(PMAXUD), [0x40] = S66(PMULLD), [0x41] = S66_1(PHMINPOSUW),
	[0x80] = INV_VMX(INVEPT), [0x81] = INV_VMX(INVVPID), [0x82] = INV(INVPCID),
	[0xc8] = SNP(SHA1NEXTE), [0xc9] = SNP(SHA1MSG1), [0xca] = SNP(SHA1MSG2),
	[0xcb] = SNP(SHA256RNDS2), [0xcc] = SNP(SHA256MSG1), [0xcd] = SNP(SHA256MSG2),
	[0xcf] = S66(GF2P8MULB), [0xdb] = S66_1(AESIMC), [0xdc] = S66(AESENC),
	[0xdd] = S66(AESENCLAST), [0xde] = S66(AESDEC), [0xdf] = S66(AESDECLAST),
	[0xf0] = BY_PP(GPR(MOVBE, MEMONLY, Gv(W), Ev(R)), GPR(MOVBE, MEMONLY, Gv(W), Ev(R)), UD,
		       GPR(CRC32, BYTE, Gy(RW), Eb(R))),
	[0xf1] = BY_PP(GPR(MOVBE, MEMONLY, Ev(W), Gv(R)), GPR(MOVBE, MEMONLY, Ev(W), Gv(R)), UD,
		       GPR(CRC32, 0, Gy(RW), Ev(R))),
	[0xf6] = BY_PP(UD, GPR(ADCX, NOPREFIX, Gy(RW), Ey(R), FR(CF), FW(CF, 0)),
		       GPR(ADOX, NOPREFIX, Gy(RW), Ey(R), FR(OF), FW(OF, 0)), UD),
};

const struct x86_node x86_map_0f3a[256] = {
	[0x08] = S66_1I(ROUNDPS), [0x09] = S66_1I(ROUNDPD),
	[0x0a] = SSE(ROUNDSS, XT_66, V(RW), W(R, 4), IMM(8U)),
	[0x0b] = SSE(ROUNDSD, XT_66, V(RW), W(R, 8), IMM(8U)),
	[0x0c] = S66_I(BLENDPS), [0x0d] = S66_I(BLENDPD), [0x0e] = S66_I(PBLENDW),
	[0x0f] = BY_PP(MMX(PALIGNR, 0, P(RW), Q(R, 8), IMM(8U)),
		       SSE(PALIGNR, ALIGN16, V(RW), W(R, 16), IMM(8U)), UD, UD),
	[0x14] = SSE(PEXTRB, XT_66, E_(GPR32, W, 1), V(R), IMM(8U)),
	[0x15] = SSE(PEXTRW, XT_66, E_(GPR32, W, 2), V(R), IMM(8U)),
	[0x16] = BY_W(SSE(PEXTRD, XT_66, Ey(W), V(R), IMM(8U)),
		      SSE(PEXTRQ, XT_66, Ey(W), V(R), IMM(8U))),
	[0x17] = SSE(EXTRACTPS, XT_66, E_(GPR32, W, 4), V(R), IMM(8U)),
	[0x20] = SSE(PINSRB, XT_66, V(RW), E_(GPR32, R, 1), IMM(8U)),
	[0x21] = SSE(INSERTPS, XT_66, V(RW), W(R, 4), IMM(8U)),
	[0x22] = BY_W(SSE(PINSRD, XT_66, V(RW), Ey(R), IMM(8U)),
		      SSE(PINSRQ, XT_66, V(RW), Ey(R), IMM(8U))),
	[0x40] = S66_I(DPPS), [0x41] = S66_I(DPPD), [0x42] = S66_I(MPSADBW),
	[0x44] = S66_I(PCLMULQDQ),
	[0x60] = PCMPSTR(PCMPESTRM, RAX | RDX, 0), [0x61] = PCMPSTR(PCMPESTRI, RAX | RDX, RCX),
	[0x62] = PCMPSTR(PCMPISTRM, 0, 0), [0x63] = PCMPSTR(PCMPISTRI, 0, RCX),
	[0xcc] = SSE(SHA1RNDS4, XT_NP, V(RW), W(R, 16), IMM(8U)),
	[0xce] = S66_I(GF2P8AFFINEQB), [0xcf] = S66_I(GF2P8AFFINEINVQB),
	[0xdf] = S66_1I(AESKEYGENASSIST),
};
