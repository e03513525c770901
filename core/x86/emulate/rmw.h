/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/* Read-modify-write operands, for the files with integer operations. */
#ifndef ANYKVM_RMW_H
#define ANYKVM_RMW_H

#include "x86/emulate/exec.h"

/* From two operands and the flags to the result and the flags; bits above @size of the result are free. */
typedef u64 (*x86_alu_fn)(u64 a, u64 b, unsigned int size, u64 *flags);

u64 x86_flags_szp(u64 r, unsigned int size);
int x86_rmw_mem(struct x86_emu *e, u64 lin, x86_alu_fn fn, u64 b, unsigned int size, bool lock,
		u64 *old, u64 *flags);
int x86_rmw(struct x86_emu *e, x86_alu_fn fn, u64 b, unsigned int size, u64 *old);

#endif
