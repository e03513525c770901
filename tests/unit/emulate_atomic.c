/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An instruction happens or does not: for every one in the list, and for every
 * access that it makes, that access fails (then nothing has changed), or exits
 * (then nothing of the CPU has changed, and the second run ends as one without
 * the exit does).
 */
#include <stdlib.h>
#include "tests/unit/emulate_test.h"
#include "x86/xsave.h"

struct atomic_case {
	const char *name;
	enum env_mode mode;
	u8 n, bytes[12];
	void (*setup)(struct env *v);
	bool event;		/* deliver vector 0x30 instead of the bytes */
	bool late;		/* a task switch: past its middle a fault is the new task's */
};

static void registers(struct env *v)
{
	unsigned int n;

	for (n = 0; n < 16; n++)
		if (n != X86_RSP)
			v->c.gpr[n] = ENV_DATA + n * 0x40;
	v->c.gpr[X86_RCX] = 3;
	v->c.gpr[X86_RDX] = 0x80;
	for (n = 0; n < 0x400; n++)
		env_put(v, ENV_DATA + n, 1, n * 7);
}

static void vectors(struct env *v)
{
	struct x86_xsave *x = (struct x86_xsave *)v->c.xsave;

	registers(v);
	v->c.cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
	v->c.xcr0 = x->xstate_bv = 7;
	memset(x->fx.xmm, 0x5a, sizeof(x->fx.xmm));
}

static void iret_frame(struct env *v)
{
	bool lng = x86_long_mode(&v->c);
	unsigned int size = lng ? 8 : 4, n;
	const u64 w[5] = { ENV_HANDLER, lng ? ENV_CS64_3 : ENV_CS32_3, 2, ENV_STACK, ENV_DS_3 };

	registers(v);
	for (n = 0; n < 5; n++)
		env_put(v, ENV_STACK + n * size, size, w[n]);
}

static void ret_frame(struct env *v)
{
	registers(v);
	env_put(v, ENV_STACK, 4, ENV_HANDLER);
	env_put(v, ENV_STACK + 4, 4, ENV_CS32_3);
	env_put(v, ENV_STACK + 8, 4, ENV_STACK);
	env_put(v, ENV_STACK + 12, 4, ENV_DS_3);
}

static void gate_params(struct env *v)
{
	registers(v);
	env_put(v, ENV_GDT + ENV_GATE + 4, 1, 4);
}

static void far_pointer(struct env *v)
{
	registers(v);
	env_put(v, v->c.gpr[X86_RBX], 6, (u64)ENV_DS32 << 32 | 0x1234);
}

static void far_code(struct env *v)
{
	registers(v);
	env_put(v, v->c.gpr[X86_RBX], 6, (u64)ENV_CS32 << 32 | 0x1234);
}

static void selector(struct env *v)
{
	registers(v);
	v->c.gpr[X86_RAX] = ENV_DS32;
}

static void selector_tr(struct env *v)
{
	registers(v);
	v->c.gpr[X86_RAX] = ENV_TR_NEW;
}

static void task(struct env *v)
{
	registers(v);
	env_put(v, ENV_TSS_NEW + 0x20, 4, ENV_HANDLER);
	env_put(v, ENV_TSS_NEW + 0x24, 4, 2);
	env_put(v, ENV_TSS_NEW + 0x38, 4, ENV_STACK - 0x100);
	env_put(v, ENV_TSS_NEW + 0x4c, 2, ENV_CS32);
	env_put(v, ENV_TSS_NEW + 0x50, 2, ENV_DS32);
}

static void v86_iopl(struct env *v)
{
	registers(v);
	v->c.rflags |= X86_IOPL;
}

static const struct atomic_case cases[] = {
	{ "movups xmm, m", ENV_LONG, 3, { 0x0f, 0x10, 0x03 }, vectors },
	{ "vmovdqu m, ymm", ENV_LONG, 4, { 0xc5, 0xfe, 0x7f, 0x0b }, vectors },
	{ "movq mm, m", ENV_LONG, 3, { 0x0f, 0x6f, 0x03 }, vectors },
	{ "add m, r", ENV_LONG, 3, { 0x48, 0x01, 0x03 }, registers },
	{ "lock xadd", ENV_LONG, 5, { 0xf0, 0x48, 0x0f, 0xc1, 0x03 }, registers },
	{ "xchg m, r", ENV_LONG, 3, { 0x48, 0x87, 0x03 }, registers },
	{ "cmpxchg", ENV_LONG, 4, { 0x48, 0x0f, 0xb1, 0x03 }, registers },
	{ "cmpxchg16b", ENV_LONG, 4, { 0x48, 0x0f, 0xc7, 0x0b }, registers },
	{ "shld", ENV_LONG, 4, { 0x0f, 0xa5, 0x03, 0x90 }, registers },
	{ "bts m, r", ENV_LONG, 4, { 0x48, 0x0f, 0xab, 0x03 }, registers },
	{ "div m", ENV_LONG, 2, { 0xf7, 0x33 }, registers },
	{ "push m", ENV_LONG, 2, { 0xff, 0x33 }, registers },
	{ "pop m", ENV_LONG, 2, { 0x8f, 0x03 }, registers },
	{ "call m", ENV_LONG, 2, { 0xff, 0x13 }, NULL },
	{ "ret n", ENV_PROT, 3, { 0xc2, 8, 0 }, registers },
	{ "enter 8, 4", ENV_PROT, 4, { 0xc8, 8, 0, 4 }, registers },
	{ "leave", ENV_PROT, 1, { 0xc9 }, registers },
	{ "pusha", ENV_PROT, 1, { 0x60 }, registers },
	{ "popa", ENV_PROT, 1, { 0x61 }, registers },
	{ "popf", ENV_PROT, 1, { 0x9d }, NULL },
	{ "movs", ENV_LONG, 2, { 0x48, 0xa5 }, registers },
	{ "cmps", ENV_LONG, 1, { 0xa6 }, registers },
	{ "ins", ENV_PROT, 1, { 0x6d }, registers },
	{ "outs by the bitmap", ENV_PROT3, 1, { 0x6f }, registers },
	{ "in by the bitmap", ENV_PROT3, 1, { 0xec }, registers },
	{ "mov ss", ENV_PROT, 2, { 0x8e, 0xd0 }, selector },
	{ "pop ds", ENV_PROT, 1, { 0x1f }, registers },
	{ "les", ENV_PROT, 2, { 0xc4, 0x03 }, far_pointer },
	{ "lgdt", ENV_PROT, 3, { 0x0f, 0x01, 0x13 }, registers },
	{ "sidt", ENV_PROT, 3, { 0x0f, 0x01, 0x0b }, registers },
	{ "ltr", ENV_PROT, 3, { 0x0f, 0x00, 0xd8 }, selector_tr },
	{ "arpl m", ENV_PROT, 2, { 0x63, 0x03 }, registers },
	{ "bound", ENV_PROT, 2, { 0x62, 0x03 }, registers },
	{ "invpcid", ENV_LONG, 5, { 0x66, 0x0f, 0x38, 0x82, 0x03 }, NULL },
	{ "jmp far m", ENV_PROT, 2, { 0xff, 0x2b }, far_code },
	{ "call far m", ENV_PROT, 2, { 0xff, 0x1b }, far_code },
	{ "call by a gate", ENV_PROT3, 7, { 0x9a, 0, 0, 0, 0, ENV_GATE, 0 }, gate_params },
	{ "call by a 64-bit gate", ENV_COMPAT3, 7, { 0x9a, 0, 0, 0, 0, ENV_GATE, 0 }, registers },
	{ "ret far to level 3", ENV_PROT, 1, { 0xcb }, ret_frame },
	{ "iret to level 3", ENV_PROT, 1, { 0xcf }, iret_frame },
	{ "iretq to level 3", ENV_LONG, 2, { 0x48, 0xcf }, iret_frame },
	{ "int in real mode", ENV_REAL, 2, { 0xcd, 0x21 }, registers },
	{ "iret in real mode", ENV_REAL, 1, { 0xcf }, registers },
	{ "int from virtual-8086 mode", ENV_V86, 2, { 0xcd, 0x21 }, v86_iopl },
	{ "int to level 0", ENV_PROT3, 2, { 0xcd, 0x21 }, registers },
	{ "int in long mode", ENV_LONG3, 2, { 0xcd, 0x21 }, registers },
	{ "jmp to a task", ENV_PROT, 7, { 0xea, 0, 0, 0, 0, ENV_TR_NEW, 0 }, task, .late = true },
	{ "call by a task gate", ENV_PROT3, 7, { 0x9a, 0, 0, 0, 0, ENV_TASKGATE, 0 }, task,
	  .late = true },
	{ "interrupt in long mode", ENV_LONG3, .setup = registers, .event = true },
	{ "interrupt in protected mode", ENV_PROT3, .setup = registers, .event = true },
};

static void prepare(struct env *v, const struct atomic_case *t)
{
	env_init(v, t->mode);
	env_code(v, t->bytes, t->n);
	if (t->setup)
		t->setup(v);
	v->port_in = 0x1234567812345678;
}

static int run(struct env *v, const struct atomic_case *t)
{
	static const struct x86_exception ev = { .vector = 0x30 };

	return t->event ? x86_deliver(&v->e, X86_EV_INTERRUPT, &ev) : env_step(v);
}

/* Equal, but for the accessed bits of descriptors, which may be set early. */
static bool same_memory(struct env *v, const u8 *mem)
{
	unsigned int n;

	for (n = ENV_GDT + 5; n < ENV_GDT + ENV_GDT_END; n += 8)
		if ((v->mem[n] ^ mem[n]) == 1 && (v->mem[n] & 0x10))
			v->mem[n] = mem[n];
	return !memcmp(v->mem, mem, ENV_MEM);
}

static void one_case(struct env *v, const struct atomic_case *t, u8 *mem0, u8 *mem1)
{
	struct x86_cpu cpu0, cpu1;
	int good, r, k, n;

	prepare(v, t);
	cpu0 = v->c;
	memcpy(mem0, v->mem, ENV_MEM);
	good = run(v, t);
	cpu1 = v->c;
	memcpy(mem1, v->mem, ENV_MEM);
	n = v->accesses;
	for (k = 0; k < n; k++) {
		prepare(v, t);
		env_arm(v, k, -1);
		r = run(v, t);
		if (t->event) {
			/* The page fault took its place; the frames stand on its stack. */
			CHECK(r == X86_EMU_OK);
			continue;
		}
		if (r == good && !memcmp(&v->c, &cpu1, sizeof(cpu1)))
			continue;	/* probed before, or a port: it cannot fail */
		CHECK_EQ(r, X86_EMU_FAULT);
		if (t->late && memcmp(&v->c, &cpu0, sizeof(cpu0)))
			continue;
		CHECK(!memcmp(&v->c, &cpu0, sizeof(cpu0)));
		CHECK(same_memory(v, mem0));
	}
	for (k = 0; k < n; k++) {
		prepare(v, t);
		env_arm(v, -1, k);
		r = run(v, t);
		if (r == X86_EMU_EXIT) {
			if (t->late && memcmp(&v->c, &cpu0, sizeof(cpu0)))
				continue;
			CHECK(!memcmp(&v->c, &cpu0, sizeof(cpu0)));
			r = run(v, t);
		}
		CHECK_EQ(r, good);
		CHECK(!memcmp(&v->c, &cpu1, sizeof(cpu1)));
		CHECK(!memcmp(v->mem, mem1, ENV_MEM));
	}
	if (test_bad)
		printf("# in: %s\n", t->name);
}

static void all_or_nothing(struct env *v)
{
	u8 *mem0 = malloc(ENV_MEM), *mem1 = malloc(ENV_MEM);
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(cases) && !test_bad; n++)
		one_case(v, &cases[n], mem0, mem1);
	free(mem0);
	free(mem1);
}

const struct unit_test emulate_atomic_tests[] = {
	{ "every access of every instruction: fail and exit", all_or_nothing },
	{ NULL, NULL },
};
