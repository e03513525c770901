/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where our decoder and Zydis 4.0 differ, and why that is right: one row each.
 * A row is as narrow as its reason.
 */
#include "decode_zydis.h"

#define VALID BIT(D_VALID)
#define UNKNOWN(e) { 0, ZYDIS_ISA_EXT_##e, VALID, ours_bad, "not offered: #UD" }

static bool ours_bad(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z)
{
	(void)i;
	(void)z;
	return r == -EINVAL;
}

const struct exception decode_exceptions[] = {
	UNKNOWN(AMD3DNOW), UNKNOWN(AMD_INVLPGB), UNKNOWN(AMX_BF16), UNKNOWN(AMX_INT8),
	UNKNOWN(AMX_TILE), UNKNOWN(AVX512EVEX), UNKNOWN(AVX512VEX), UNKNOWN(AVX_VNNI),
	UNKNOWN(CLZERO), UNKNOWN(ENQCMD), UNKNOWN(FMA4), UNKNOWN(HRESET), UNKNOWN(KEYLOCKER),
	UNKNOWN(KEYLOCKER_WIDE), UNKNOWN(KNC), UNKNOWN(KNCE), UNKNOWN(KNCV), UNKNOWN(MCOMMIT),
	UNKNOWN(MONITORX), UNKNOWN(MOVDIR), UNKNOWN(PADLOCK), UNKNOWN(PCONFIG), UNKNOWN(PKU),
	UNKNOWN(PT), UNKNOWN(RDPRU), UNKNOWN(RTM), UNKNOWN(SERIALIZE), UNKNOWN(SGX),
	UNKNOWN(SGX_ENCLV), UNKNOWN(SMX), UNKNOWN(SNP), UNKNOWN(TBM), UNKNOWN(TDX),
	UNKNOWN(TSX_LDTRK), UNKNOWN(UINTR), UNKNOWN(WAITPKG), UNKNOWN(XOP), UNKNOWN(CET),
};

const unsigned int decode_exception_count = ARRAY_SIZE(decode_exceptions);
