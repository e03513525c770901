/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our decoder and Zydis on the same bytes: what is compared, and the differences
 * that are allowed.
 */
#ifndef ANYKVM_TESTS_DECODE_ZYDIS_H
#define ANYKVM_TESTS_DECODE_ZYDIS_H

#include <Zydis/Zydis.h>
#include "x86/emulate/insn.h"

enum field {
	D_VALID,
	D_LENGTH,
	D_MEM,
	D_MEMSIZE,
	D_ADDRESS,
	D_SEGMENT,
	D_IMM,
	D_OPSIZE,
	D_READ,
	D_WRITE,
	D_VECTOR_READ,
	D_VECTOR_WRITE,
	D_FLAGS_READ,
	D_FLAGS_WRITTEN,
	D_FLAGS_UNDEFINED,
	D_LOCK,
	D_PRIVILEGE,
	D_ALIGN,
	D_FIELDS
};

/* Why, and for which instructions of Zydis, a field may differ. */
struct exception {
	u16 mnemonic; /* 0: any */
	u16 ext; /* enum ZydisISAExt, 0: any */
	u32 fields;
	bool (*when)(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z);
	const char *why;
};

extern const struct exception decode_exceptions[];
extern const unsigned int decode_exception_count;

extern const char *const field_names[D_FIELDS];

void decode_zydis_init(void);

/* A mask of the fields that differ on the 15 bytes at @b and are not excepted; 0 when all agree. */
u32 decode_compare(const u8 *b, enum x86_mode mode, struct x86_insn *insn, u16 *mnemonic);

#endif
