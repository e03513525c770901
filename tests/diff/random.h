/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random numbers and instructions, for the differential tests of the translator. */
#ifndef ANYKVM_DIFF_RANDOM_H
#define ANYKVM_DIFF_RANDOM_H

#include "x86/emulate/insn.h"

/* From rand(): srand() makes a case. */
u64 random_u64(void);
u32 random_below(u32 n);
bool chance(u32 percent);
/* Bytes that are often an instruction of user code in @mode. */
void random_bytes(u8 b[15], enum x86_mode mode);
/* Its result depends on more than registers and memory. */
bool random_unstable(const struct x86_insn *i);
/* The general registers that @i writes, a bit each. */
u16 random_writes(const struct x86_insn *i);
/* An XSAVE image with all of x87, SSE and AVX in use; standard format, 832 bytes. */
void random_vectors(u8 *xs);

#endif
