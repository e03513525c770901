/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where our decoder and Zydis 4.0 differ, and why that is right: one row each.
 * A row is as narrow as its reason. "Tried" is said of an AMD processor.
 */
#include "decode_zydis.h"

#define VALID BIT(D_VALID)
#define ACCESS (BIT(D_READ) | BIT(D_WRITE))
#define FLAGS (BIT(D_FLAGS_READ) | BIT(D_FLAGS_WRITTEN) | BIT(D_FLAGS_UNDEFINED))
#define SIZES (BIT(D_OPSIZE) | BIT(D_MEMSIZE))

#define ABSENT(e)                                                         \
	{                                                                 \
		0, ZYDIS_ISA_EXT_##e, VALID, ours_bad, "not offered: #UD" \
	}
#define ANY(m, fields, when, why)                        \
	{                                                \
		ZYDIS_MNEMONIC_##m, 0, fields, when, why \
	}

static bool ours_bad(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	(void)i;
	(void)z;
	return r == -EINVAL;
}

static bool is_string(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	u16 op = i->info->op;

	(void)z;
	return !r && (i->info->kind == X86_K_STRING || op == X86_OP_INS || op == X86_OP_OUTS);
}

static bool is_rep_compare(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	u16 op = i->info->op;

	(void)z;
	return !r && (op == X86_OP_CMPS || op == X86_OP_SCAS) && i->prefix & (X86_P_F2 | X86_P_F3);
}

static bool is_shift_by_one(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	(void)z;
	return !r && i->map == X86_MAP_1B && (i->opcode & ~1) == 0xd0 && i->imm_len == 0;
}

static bool is_unaligned_class_4(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	u16 op = i->info->op;

	(void)z;
	return !r && (op == X86_OP_MOVUPS || op == X86_OP_MOVUPD || op == X86_OP_MOVDQU ||
		      op == X86_OP_LDDQU || op == X86_OP_PCMPESTRI || op == X86_OP_PCMPESTRM ||
		      op == X86_OP_PCMPISTRI || op == X86_OP_PCMPISTRM);
}

static bool is_rex_b(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	(void)z;
	return !r && i->rex & 1;
}

static bool is_o16(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	(void)z;
	return !r && (i->mode == X86_MODE_16) != !!(i->prefix & X86_P_66);
}

static bool is_moffs(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	u64 mask = i->addrsize == 2 ? 0xffff : 0xffffffff;

	return !r && i->info->imm == X86_I_MOFFS && i->addrsize < 8 &&
	       i->disp64 == ((u64)z->raw.disp.value & mask);
}

static bool is_r13d_without_disp(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	return !r && i->addrsize == 4 && i->rex & 1 && i->modrm < 0x40 && (i->modrm & 7) == 4 &&
	       z->raw.sib.base == 5 && i->base == X86_REG_NONE;
}

static bool has_segment_in_64(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	(void)z;
	return !r && i->prefix & X86_P_SEG;
}

static bool is_nop(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	(void)z;
	return !r && (i->info->op == X86_OP_NOP || i->info->op == X86_OP_ENDBR);
}

/* clang-format off */
const struct exception decode_exceptions[] = {
	ABSENT(AMD3DNOW), ABSENT(AMD_INVLPGB), ABSENT(AMX_BF16), ABSENT(AMX_INT8),
	ABSENT(AMX_TILE), ABSENT(AVX512EVEX), ABSENT(AVX512VEX), ABSENT(AVX_VNNI),
	ABSENT(CLZERO), ABSENT(ENQCMD), ABSENT(FMA4), ABSENT(HRESET), ABSENT(KEYLOCKER),
	ABSENT(KEYLOCKER_WIDE), ABSENT(KNC), ABSENT(KNCE), ABSENT(KNCV), ABSENT(MCOMMIT),
	ABSENT(MONITORX), ABSENT(MOVDIR), ABSENT(PADLOCK), ABSENT(PCONFIG), ABSENT(PKU),
	ABSENT(PT), ABSENT(RDPRU), ABSENT(RTM), ABSENT(SERIALIZE), ABSENT(SGX),
	ABSENT(SGX_ENCLV), ABSENT(SMX), ABSENT(SNP), ABSENT(TBM), ABSENT(TDX),
	ABSENT(TSX_LDTRK), ABSENT(UINTR), ABSENT(WAITPKG), ABSENT(XOP), ABSENT(CET),

	{ 0, ZYDIS_ISA_EXT_VTX, BIT(D_PRIVILEGE) | FLAGS | ACCESS, NULL,
	  "VMX is not offered: #UD at every privilege" },
	{ 0, ZYDIS_ISA_EXT_VMFUNC, ACCESS, NULL, "the same" },
	ANY(VMCALL, FLAGS, NULL, "the same; where it is a hypercall it leaves flags alone"),

	/* Flags. */
	ANY(SYSCALL, FLAGS, NULL, "R11 gets the flags; which are cleared is for MSR SFMASK to say"),
	ANY(SBB, BIT(D_FLAGS_UNDEFINED), NULL, "AF is defined (SDM, APM)"),
	ANY(INT, FLAGS | ACCESS, NULL, "the flags and more are pushed"),
	ANY(INT1, FLAGS | ACCESS, NULL, "the same"),
	ANY(INT3, FLAGS | ACCESS, NULL, "the same"),
	ANY(INTO, FLAGS | ACCESS, NULL, "the same"),
	ANY(BEXTR, BIT(D_FLAGS_UNDEFINED), NULL, "CF and OF are cleared (SDM, APM)"),
	ANY(VPTEST, BIT(D_FLAGS_WRITTEN), NULL, "AF, OF, PF and SF are cleared (SDM)"),
	ANY(VTESTPS, BIT(D_FLAGS_WRITTEN), NULL, "the same"),
	ANY(VTESTPD, BIT(D_FLAGS_WRITTEN), NULL, "the same"),
	{ 0, 0, BIT(D_FLAGS_UNDEFINED), is_shift_by_one, "OF is defined when the count is 1" },
	{ 0, 0, BIT(D_FLAGS_READ), is_rep_compare, "ZF is read only after it was written" },

	/* Registers. */
	{ 0, 0, ACCESS, is_string, "rSI and rDI move; F2 repeats as F3; lods keeps the rest" },
	ANY(NOP, BIT(D_READ) | SIZES, is_nop, "reads nothing"),
	ANY(LAHF, BIT(D_READ), NULL, "the rest of RAX stays"),
	ANY(IN, BIT(D_READ), NULL, "the rest of RAX stays"),
	ANY(SALC, BIT(D_READ), NULL, "the rest of RAX stays"),
	ANY(FNSTSW, BIT(D_READ), NULL, "the rest of RAX stays"),
	ANY(XLAT, BIT(D_READ), NULL, "AL is the index"),
	ANY(BSF, BIT(D_READ), NULL, "a source of zero leaves the destination (tried; APM)"),
	ANY(BSR, BIT(D_READ), NULL, "the same"),
	ANY(MASKMOVQ, BIT(D_READ), NULL, "rDI is an implicit address"),
	ANY(MASKMOVDQU, BIT(D_READ), NULL, "the same"),
	ANY(VMASKMOVDQU, BIT(D_READ), NULL, "the same"),
	ANY(PAUSE, ACCESS, is_rex_b, "F3 REX.B 90 is xchg r8, rax (tried)"),

	/* Addresses. */
	{ 0, 0, BIT(D_ADDRESS), is_moffs, "a short moffs is zero-extended, not sign-extended" },
	{ 0, 0, BIT(D_ADDRESS), is_r13d_without_disp,
	  "sib.base 101 with mod 00 is no base, REX.B or not" },
	ANY(LEA, BIT(D_SEGMENT), has_segment_in_64, "the override is there but means nothing"),

	/* Sizes. */
	ANY(UD0, SIZES, NULL, "its operands do not matter"),
	ANY(UD1, SIZES, NULL, "its operands do not matter"),
	ANY(MOVSXD, BIT(D_OPSIZE), is_o16, "with 66 memory is 4 bytes (tried)"),
	ANY(LAR, BIT(D_OPSIZE), NULL, "the selector is 16 bits of the register"),
	ANY(LSL, BIT(D_OPSIZE), NULL, "the same"),

	ANY(INVLPGA, BIT(D_PRIVILEGE), NULL, "SVM is not offered: #UD at every privilege"),
	ANY(LGDT, BIT(D_PRIVILEGE), NULL, "privileged (SDM, APM)"),
	ANY(CMPXCHG16B, BIT(D_ALIGN), NULL, "#GP unless aligned to 16 (SDM, APM)"),
	ANY(CVTPD2PI, BIT(D_ALIGN), NULL, "aligned like others (SDM vol. 2, 2.4)"),
	ANY(CVTTPD2PI, BIT(D_ALIGN), NULL, "the same"),
	{ 0, ZYDIS_ISA_EXT_SHA, BIT(D_ALIGN), NULL,
	  "AMD does not want them aligned (tried); Intel's processor says so itself" },
	{ 0, 0, BIT(D_ALIGN), is_unaligned_class_4, "class 4, but unaligned (SDM vol. 2, 2.4)" },
};

const unsigned int decode_exception_count = ARRAY_SIZE(decode_exceptions);
