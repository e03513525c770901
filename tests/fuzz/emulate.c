/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzer of the emulator: the input is a mode, registers, descriptor tables and
 * code; a few instructions are executed and their faults delivered. Sanitizers
 * look for what C forbids, the checks here for what a CPU never does.
 *
 * With libFuzzer: clang -fsanitize=fuzzer,address,undefined -DANYKVM_LIBFUZZER.
 * Without: the program makes its own random inputs.   emulate [COUNT [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "tests/unit/emulate_env.h"

#define STEPS 12
#define MUST(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct env env;

struct input {
	const u8 *p;
	size_t left;
	u64 rng;
};

/* Bytes of the input, and noise grown from them when it has run out. */
static u8 take(struct input *in)
{
	if (in->left) {
		in->left--;
		in->rng = in->rng * 31 + *in->p;
		return *in->p++;
	}
	in->rng = in->rng * 6364136223846793005ull + 1442695040888963407ull;
	return in->rng >> 56;
}

static u64 take64(struct input *in)
{
	u64 v = 0;
	unsigned int n;

	for (n = 0; n < 8; n++)
		v = v << 8 | take(in);
	return v;
}

/* Mostly addresses in memory, else anything. */
static u64 take_reg(struct input *in)
{
	u8 how = take(in);

	if (how < 160)
		return take64(in) % ENV_MEM;
	if (how < 200)
		return take64(in) % 0xc0;		/* a selector, a port, a count */
	return take64(in);
}

static void disturb_tables(struct input *in)
{
	unsigned int n = take(in) % 16;

	while (n--) {
		u16 off = take(in) % ENV_GDT_END;

		if (take(in) & 1)
			env.mem[ENV_GDT + off] ^= 1u << (take(in) & 7);
		else
			env.mem[ENV_IDT + (off & 0xff) * 8 + 5] = take(in);
	}
	if (!(take(in) & 7))
		env.c.gdtr.limit = take64(in);
	if (!(take(in) & 7))
		env.c.idtr.limit = take64(in);
}

static void setup(struct input *in)
{
	struct x86_cpu *c = &env.c;
	unsigned int n;

	env_init(&env, take(in) % (ENV_COMPAT3 + 1));
	for (n = 0; n < 16; n++)
		c->gpr[n] = take_reg(in);
	if (take(in) & 3)
		c->gpr[X86_RSP] = ENV_STACK;
	c->rflags |= take64(in) & (X86_ARITH | X86_IF | X86_DF | X86_IOPL | X86_NT | X86_AC |
				   X86_RF | (take(in) & 7 ? 0 : X86_TF));
	c->cr4 |= take64(in) & (X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |
				X86_CR4_PCE | X86_CR4_UMIP | X86_CR4_FSGSBASE | X86_CR4_PCIDE |
				X86_CR4_OSXSAVE | X86_CR4_SMAP);
	c->star = take64(in);
	c->lstar = take_reg(in);
	c->sysenter_cs = take(in);
	c->sysenter_eip = take_reg(in);
	env.e.vendor_intel = take(in) & 1;
	disturb_tables(in);
	for (n = 0; n < 64; n++)
		env.mem[ENV_CODE + n] = take(in);
	for (n = 0; n < 512; n++)
		env.mem[ENV_STACK - 128 + n] = n & 8 ? take(in) : env.mem[ENV_GDT + n % 0xc0];
}

static void check_cpu(void)
{
	const struct x86_cpu *c = &env.c;

	MUST(c->rflags & BIT(1));
	MUST(!(c->rflags >> 22));
	MUST(x86_64bit(c) || !(c->rip >> 32));
	MUST(!x86_v86(c) || (x86_protected(c) && x86_cpl(c) == 3));
	MUST(c->interrupt_shadow <= X86_SHADOW_MOV_SS);
	MUST((c->seg[X86_CS].selector & 3) == x86_cpl(c) || x86_v86(c) || !x86_protected(c) ||
	     !(c->seg[X86_CS].ar & X86_AR_P));
}

static void step(struct input *in)
{
	struct x86_cpu before = env.c;
	int r;

	env_arm(&env, take(in) & 15 ? -1 : take(in) & 15, take(in) & 15 ? -1 : take(in) & 15);
	r = env_step(&env);
	MUST(r >= X86_EMU_OK && r <= X86_EMU_RETRY);
	if (r == X86_EMU_FAULT && env.e.exc.vector == X86_EXC_UD)
		MUST(!memcmp(&before, &env.c, sizeof(before)));
	if (r == X86_EMU_FAULT) {
		struct x86_exception ev = env.e.exc;

		MUST(ev.vector < 32);
		check_cpu();
		env_arm(&env, -1, -1);
		r = x86_deliver(&env.e, X86_EV_EXCEPTION, &ev);
		MUST(r == X86_EMU_OK || r == X86_EMU_SHUTDOWN);
	}
	if (r == X86_EMU_UNHANDLED)
		MUST(!memcmp(&before, &env.c, sizeof(before)));
	check_cpu();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { .p = data, .left = size, .rng = size + 1 };
	unsigned int n, k;

	setup(&in);
	/* Leaving the fake memory by a wild rip is an end: it would only fault in circles. */
	for (n = 0; n < STEPS && env.c.rip < ENV_MEM - 64; n++) {
		if (env.c.rip - ENV_CODE >= 64)
			for (k = 0; k < 16; k++)
				env.mem[env.c.rip + k] = take(&in);
		step(&in);
	}
	return 0;
}

#ifndef ANYKVM_LIBFUZZER
int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000, n;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL);
	u8 data[256];
	unsigned int k;

	printf("1..1\n# seed %llu, %lu inputs\n", (unsigned long long)seed, count);
	fflush(stdout);
	for (n = 0; n < count; n++) {
		struct input in = { .rng = seed + n * 0x9e3779b97f4a7c15ull };

		for (k = 0; k < sizeof(data); k++)
			data[k] = take(&in);
		LLVMFuzzerTestOneInput(data, sizeof(data));
	}
	printf("ok 1 - random modes, tables and code\n");
	env_free(&env);
	return 0;
}
#endif
