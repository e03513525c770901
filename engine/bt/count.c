// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The topic "count": blocks that count what they execute, since nothing else
 * sees an access that hits. A block counts itself whole where it begins; one
 * that is left in the middle is counted too high.
 */
#include "translate.h"

/* Does it access memory? */
static bool has_access(const struct x86_insn *i)
{
	return i->info->kind == X86_K_STACK || (i->is_mem && !(i->info->attr & X86_T_NOMEM));
}

/* T1 is free where a block begins; flags are not, and T0 may have what a loop keeps in it. */
static void add(struct bt_translation *t, s32 counter, u32 n)
{
	emit_load(t->e, T1, EMIT_MEM(X86_RSP, counter));
	emit_rm(t->e, E_W, 0x8d, T1, EMIT_MEM(T1, (s32)n));	/* lea */
	emit_store(t->e, EMIT_MEM(X86_RSP, counter), T1);
}

void bt_count(struct bt_translation *t)
{
	u32 accesses = 0;

	for (u32 n = 0; n < t->n; n++)
		accesses += has_access(&t->insn[n]);
	add(t, CTX_OFF(stats.ran_blocks), 1);
	add(t, CTX_OFF(stats.ran_insns), t->n);
	add(t, CTX_OFF(stats.ran_accesses), accesses);
}
