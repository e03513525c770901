/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Long mode: interrupts with IST, gates, fast system calls, compatibility mode. */
#include "tests/unit/emulate_test.h"

static int deliver(struct env *v, enum x86_event_kind kind, u8 vector, bool has_error, u32 error)
{
	struct x86_exception ev = { .vector = vector, .has_error = has_error, .error = error,
				    .cr2 = 0xdead };

	return x86_deliver(&v->e, kind, &ev);
}

static void interrupts(struct env *v)
{
	env_init(v, ENV_LONG3);
	v->c.rflags |= X86_IF;
	v->c.gpr[X86_RSP] = ENV_STACK - 3;
	CHECK_EQ(deliver(v, X86_EV_EXCEPTION, X86_EXC_PF, true, 5), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 14);
	CHECK_EQ(v->c.cr2, 0xdead);
	CHECK_EQ(x86_cpl(&v->c), 0);
	CHECK_EQ(v->c.seg[X86_SS].selector, 0);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK0 - 48);
	CHECK_EQ(env_get(v, ENV_STACK0 - 8, 8), ENV_DS_3);
	CHECK_EQ(env_get(v, ENV_STACK0 - 16, 8), ENV_STACK - 3);
	CHECK_EQ(env_get(v, ENV_STACK0 - 24, 8), X86_IF | X86_RF | 2);
	CHECK_EQ(env_get(v, ENV_STACK0 - 32, 8), ENV_CS64_3);
	CHECK_EQ(env_get(v, ENV_STACK0 - 40, 8), ENV_CODE);
	CHECK_EQ(env_get(v, ENV_STACK0 - 48, 8), 5);
	v->c.gpr[X86_RSP] += 8;
	env_put(v, v->c.rip, 2, 0xcf48);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE);
	CHECK_EQ(x86_cpl(&v->c), 3);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 3);
	CHECK_EQ(v->c.rflags, X86_IF | X86_RF | 2);

	env_init(v, ENV_LONG);			/* same level: the stack is aligned, SS stays */
	v->c.gpr[X86_RSP] = ENV_STACK - 3;
	env_gate(v, 0x30, ENV_CS64, ENV_HANDLER, 14, 0, 0);
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 16 - 40);
	CHECK_EQ(v->c.seg[X86_SS].selector, ENV_DS32);
	env_gate(v, 2, ENV_CS64, ENV_HANDLER, 14, 0, 1);
	CHECK_EQ(deliver(v, X86_EV_NMI, 2, false, 0), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_IST1 - 40);
	CHECK(v->c.nmi_masked);
	env_put(v, ENV_HANDLER, 2, 0xcf48);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(!v->c.nmi_masked);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 16 - 40);

	env_init(v, ENV_COMPAT3);		/* out of compatibility mode */
	v->c.gpr[X86_RAX] = 1;
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_OK);
	CHECK(x86_64bit(&v->c));
	CHECK_EQ(env_get(v, ENV_STACK0 - 32, 8), ENV_CS32_3);
	env_put(v, v->c.rip, 2, 0xcf48);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(x86_code_mode(&v->c), X86_MODE_32);
}

static void bad_gates(struct env *v)
{
	env_init(v, ENV_LONG);
	env_gate(v, 0x30, ENV_CS32, ENV_HANDLER, 14, 0, 0);	/* not 64-bit code */
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 13);
	CHECK_EQ(env_get(v, v->c.gpr[X86_RSP], 8), ENV_CS32 + 1);
	env_init(v, ENV_LONG);
	env_gate(v, 0x30, ENV_CS64, 1ull << 60, 14, 0, 0);	/* not canonical */
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 13);
	env_init(v, ENV_LONG);
	env_gate(v, 0x30, ENV_CS64, ENV_HANDLER, 5, 0, 0);	/* no task gates here */
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_OK);
	CHECK_EQ(env_get(v, v->c.gpr[X86_RSP], 8), 0x30 * 8 + 3);
	env_init(v, ENV_LONG3);
	env_put(v, ENV_TSS + 4, 8, 1ull << 50);		/* RSP0 not canonical: #SS, #DF, shutdown */
	CHECK_EQ(deliver(v, X86_EV_EXCEPTION, X86_EXC_GP, true, 0), X86_EMU_SHUTDOWN);
	CODE(v, 0x48, 0xcf);
	v->c.rflags |= X86_NT;				/* nested tasks are not for long mode */
	CHECK_FAULT(v, X86_EXC_GP, 0);
}

static void syscall_sysret(struct env *v)
{
	env_init(v, ENV_LONG3);
	v->c.star = (u64)(ENV_CS32_3 - 3 + 0) << 48 | (u64)ENV_CS64 << 32;
	v->c.lstar = 0xffffffff81000000;
	v->c.cstar = 0xffffffff82000000;
	v->c.sfmask = X86_IF | X86_TF;
	v->c.rflags |= X86_IF | X86_CF;
	v->c.seg[X86_SS].limit = 5;
	CODE(v, 0x0f, 0x05);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0xffffffff81000000);
	CHECK_EQ(v->c.gpr[X86_RCX], ENV_CODE + 2);
	CHECK_EQ(v->c.gpr[X86_R11], X86_IF | X86_CF | 2);
	CHECK_EQ(v->c.rflags, X86_CF | 2);
	CHECK_EQ(v->c.seg[X86_CS].selector, ENV_CS64);
	CHECK_EQ(v->c.seg[X86_SS].selector, ENV_CS64 + 8);
	CHECK_EQ(v->c.seg[X86_SS].limit, 0xffffffff);
	CHECK_EQ(x86_cpl(&v->c), 0);
	v->c.rip = ENV_CODE;
	v->c.gpr[X86_RCX] = ENV_DATA;
	v->c.gpr[X86_R11] = X86_IF | X86_VM | X86_RF | X86_ZF;
	CODE(v, 0x48, 0x0f, 0x07);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_DATA);
	CHECK_EQ(v->c.rflags, X86_IF | X86_ZF | 2);
	CHECK_EQ(v->c.seg[X86_CS].selector, ENV_CS64_3);
	CHECK_EQ(v->c.seg[X86_SS].selector, ENV_DS_3);
	CHECK_EQ(x86_cpl(&v->c), 3);
	CHECK(x86_64bit(&v->c));

	env_init(v, ENV_LONG);			/* to compatibility mode */
	v->c.star = (u64)(ENV_CS32_3 - 3) << 48;
	v->c.gpr[X86_RCX] = 0xffffffff00010000;
	CODE(v, 0x0f, 0x07);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x10000);
	CHECK_EQ(x86_code_mode(&v->c), X86_MODE_32);
	CHECK_EQ(v->c.seg[X86_CS].selector, ENV_CS32_3);

	env_init(v, ENV_LONG);			/* the vendors differ on a bad rcx */
	CODE(v, 0x48, 0x0f, 0x07);
	v->c.gpr[X86_RCX] = 1ull << 50;
	v->e.vendor_intel = true;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->e.vendor_intel = false;
	CHECK_EQ(env_step(v), X86_EMU_OK);

	env_init(v, ENV_COMPAT3);		/* and on syscall out of compatibility mode */
	CODE(v, 0x0f, 0x05);
	v->e.vendor_intel = true;
	CHECK_FAULT(v, X86_EXC_UD, 0);
	v->e.vendor_intel = false;
	v->c.cstar = 0x1234;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x1234);
	CHECK(x86_64bit(&v->c));
	env_init(v, ENV_LONG3);
	v->c.efer &= ~X86_EFER_SCE;
	CODE(v, 0x0f, 0x05);
	CHECK_FAULT(v, X86_EXC_UD, 0);
}

static void sysenter_sysexit(struct env *v)
{
	env_init(v, ENV_PROT3);
	CODE(v, 0x0f, 0x34);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.sysenter_cs = ENV_CS32;
	v->c.sysenter_esp = ENV_STACK0;
	v->c.sysenter_eip = ENV_HANDLER;
	v->c.rflags |= X86_IF;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK0);
	CHECK_EQ(x86_cpl(&v->c), 0);
	CHECK(!(v->c.rflags & X86_IF));
	env_put(v, ENV_HANDLER, 2, 0x350f);
	v->c.gpr[X86_RCX] = 0x5000;
	v->c.gpr[X86_RDX] = 0x6000;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x6000);
	CHECK_EQ(v->c.gpr[X86_RSP], 0x5000);
	CHECK_EQ(v->c.seg[X86_CS].selector, (ENV_CS32 + 16) | 3);
	CHECK_EQ(x86_cpl(&v->c), 3);

	env_init(v, ENV_LONG3);			/* AMD has it not in long mode */
	v->c.sysenter_cs = ENV_CS64;
	CODE(v, 0x0f, 0x34);
	CHECK_FAULT(v, X86_EXC_UD, 0);
	v->e.vendor_intel = true;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(x86_64bit(&v->c));
}

static void bases(struct env *v)
{
	env_init(v, ENV_LONG);
	v->c.seg[X86_GS].base = 0x1111;
	v->c.kernel_gs_base = 0x2222;
	CODE(v, 0x0f, 0x01, 0xf8);		/* swapgs */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.seg[X86_GS].base, 0x2222);
	CHECK_EQ(v->c.kernel_gs_base, 0x1111);
	CODE(v, 0xf3, 0x48, 0x0f, 0xae, 0xd0);	/* wrfsbase rax */
	CHECK_FAULT(v, X86_EXC_UD, 0);
	v->c.cr4 |= X86_CR4_FSGSBASE;
	v->c.gpr[X86_RAX] = 1ull << 60;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.gpr[X86_RAX] = 0x123456789;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.seg[X86_FS].base, 0x123456789);
	CODE(v, 0xf3, 0x0f, 0xae, 0xc3);	/* rdfsbase ebx */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RBX], 0x23456789);
	v->c.seg[X86_FS].base = ENV_DATA - 0x100;
	env_put(v, ENV_DATA, 4, 77);
	CODE(v, 0x64, 0x8b, 0x04, 0x25, 0, 1, 0, 0);	/* mov eax, fs:[100h] */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 77);
	CODE(v, 0x2e, 0x8b, 0x03);		/* other overrides have no effect */
	v->c.gpr[X86_RBX] = ENV_DATA;
	v->c.seg[X86_CS].base = 0x100;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 77);
}

static void far_in_long_mode(struct env *v)
{
	env_init(v, ENV_LONG);			/* jmp [rbx] to compatibility code, and back by a gate */
	env_put(v, ENV_DATA, 6, (u64)ENV_CS32 << 32 | ENV_HANDLER);
	v->c.gpr[X86_RBX] = ENV_DATA;
	CODE(v, 0xff, 0x2b);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(x86_code_mode(&v->c), X86_MODE_32);
	CHECK_EQ(v->c.rip, ENV_HANDLER);
	env_put(v, ENV_HANDLER, 7, (u64)ENV_GATE << 40 | 0xea);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(x86_64bit(&v->c));
	CHECK_EQ(v->c.rip, ENV_HANDLER);

	env_init(v, ENV_COMPAT3);		/* call by a 64-bit gate to level 0, ret back */
	CODE(v, 0x9a, 0, 0, 0, 0, ENV_GATE, 0);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(x86_64bit(&v->c));
	CHECK_EQ(x86_cpl(&v->c), 0);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK0 - 32);
	CHECK_EQ(env_get(v, ENV_STACK0 - 32, 8), ENV_CODE + 7);
	CHECK_EQ(env_get(v, ENV_STACK0 - 8, 8), ENV_DS_3);
	env_put(v, ENV_HANDLER, 2, 0xcb48);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 7);
	CHECK_EQ(x86_code_mode(&v->c), X86_MODE_32);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK);

	env_init(v, ENV_LONG);
	env_put(v, ENV_GDT + ENV_CS64 + 6, 1, 0xef);	/* L and D */
	env_put(v, ENV_DATA, 6, (u64)ENV_CS64 << 32);
	v->c.gpr[X86_RBX] = ENV_DATA;
	CODE(v, 0xff, 0x2b);
	CHECK_FAULT(v, X86_EXC_GP, ENV_CS64);
	env_put(v, ENV_DATA, 6, (u64)ENV_TR_NEW << 32);	/* no task switches */
	CHECK_FAULT(v, X86_EXC_GP, ENV_TR_NEW);
	CODE(v, 0x8e, 0xd0);			/* mov ss, 0 is allowed at level 0 */
	v->c.gpr[X86_RAX] = 0;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(x86_cpl(&v->c), 0);
	env_init(v, ENV_LONG3);
	CODE(v, 0x8e, 0xd0);
	CHECK_FAULT(v, X86_EXC_GP, 0);
}

const struct unit_test emulate_long_tests[] = {
	{ "long mode: interrupts, IST, NMI, iret", interrupts },
	{ "long mode: bad gates and stacks", bad_gates },
	{ "syscall and sysret", syscall_sysret },
	{ "sysenter and sysexit", sysenter_sysexit },
	{ "swapgs, FS and GS bases, overrides", bases },
	{ "long mode: far branches and call gates", far_in_long_mode },
	{ NULL, NULL },
};
