// SPDX-License-Identifier: LGPL-2.1-or-later
/* Random numbers, instructions and vector state. */
#include <stdlib.h>
#include <string.h>

#include "random.h"

u64 random_u64(void)
{
	return ((u64)rand() << 42) ^ ((u64)rand() << 21) ^ rand();
}

u32 random_below(u32 n)
{
	return (u32)rand() % n;
}

bool chance(u32 percent)
{
	return random_below(100) < percent;
}

void random_bytes(u8 b[15], enum x86_mode mode)
{
	static const u8 legacy[] = { 0x66, 0x66, 0xf2, 0xf3, 0xf0 };
	u32 n = 0, map = rand() % 100;

	for (u32 i = 0; i < 15; i++)
		b[i] = random_u64();
	if (chance(25)) {
		bool c5 = chance(40);

		b[n++] = c5 ? 0xc5 : 0xc4;
		if (!c5)
			b[n++] = (random_u64() & 0xe0) | (1 + rand() % 3);
		n++;
		return;
	}
	if (chance(35))
		b[n++] = legacy[rand() % sizeof(legacy)];
	if (chance(5))
		b[n++] = 0x67;
	if (mode == X86_MODE_64 && chance(55))
		b[n++] = 0x40 | (random_u64() & 15);
	if (map < 40)
		return;
	b[n++] = 0x0f;
	if (map >= 80)
		b[n++] = map >= 92 ? 0x3a : 0x38;
}

bool random_unstable(const struct x86_insn *i)
{
	u16 op = i->info->op;

	return op == X86_OP_RDRAND || op == X86_OP_RDSEED;
}

static u16 writes(u8 class, u8 acc, u8 num, const struct x86_insn *i)
{
	if (class < X86_C_GPR8 || class > X86_C_GPRY || !(acc & X86_A_W))
		return 0;
	/* AH..BH, where there is no REX. */
	return BIT(class == X86_C_GPR8 && !i->rex && num >= 4 && num < 8 ? num - 4 : num);
}

u16 random_writes(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;

	return o->gpr_w | writes(o->reg_class, o->reg_acc, i->reg, i) |
	       (i->is_mem ? 0 : writes(o->rm_class, o->rm_acc, i->rm, i)) |
	       writes(o->vvvv_class, o->vvvv_acc, i->vvvv, i);
}

void random_vectors(u8 *xs)
{
	static const double nice[] = { 0, 1, -1, 0.5, 3.25e10, -7e-300, 1e308, 123456789 };
	u32 cw = 0x37f;

	memset(xs, 0, 832);
	memcpy(xs, &cw, 2);
	cw = 0x1f80;
	memcpy(xs + 24, &cw, 4);
	xs[4] = 0xff;			/* all eight x87 registers hold values */
	for (u32 n = 0; n < 8; n++) {
		long double v = nice[rand() % 8] * (rand() % 100 + 1);

		memcpy(xs + 32 + 16 * n, &v, 10);
	}
	for (u32 n = 0; n < 16 * 16; n += 8) {
		u64 v = random_u64(), w = random_u64();

		if (chance(40))
			memcpy(&v, &nice[rand() % 8], 8);
		memcpy(xs + 160 + n, &v, 8);
		memcpy(xs + 576 + n, &w, 8);
	}
	xs[512] = 7;
}
