/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fetch, limits, stack, flags, strings, ports, control registers, traps. */
#include "tests/unit/emulate_test.h"

static void fetch_limit(struct env *v)
{
	env_init(v, ENV_REAL);
	v->c.rip = 0xfffe;
	CODE(v, 0xb8, 0x34);		/* mov ax, imm16 that crosses the limit */
	CHECK_EQ(x86_emu_fetch(&v->e), X86_EMU_FAULT);
	CHECK_EQ(v->e.exc.vector, X86_EXC_GP);
	v->c.rip = 0x10000;
	CHECK_EQ(x86_emu_fetch(&v->e), X86_EMU_FAULT);
	CHECK_EQ(v->e.exc.vector, X86_EXC_GP);
	v->c.rip = 0xfffd;
	CODE(v, 0xb8, 0x34, 0x12);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 0x1234);

	env_init(v, ENV_LONG);
	v->c.rip = 0x800000000000;
	CHECK_EQ(x86_emu_fetch(&v->e), X86_EMU_FAULT);
	CHECK_EQ(v->e.exc.vector, X86_EXC_GP);
	env_init(v, ENV_LONG);
	memset(v->mem + ENV_CODE, 0x66, 15);
	CHECK_FAULT(v, X86_EXC_GP, 0);		/* over 15 bytes */
	CODE(v, 0x0f, 0x0b);
	CHECK_FAULT(v, X86_EXC_UD, 0);
}

static void segment_limits(struct env *v)
{
	env_init(v, ENV_REAL);
	CODE(v, 0x8b, 0x07);			/* mov ax, [bx] */
	v->c.gpr[X86_RBX] = 0xffff;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x8b, 0x46, 0x00);		/* mov ax, [bp+0]: SS */
	v->c.gpr[X86_RBP] = 0xffff;
	CHECK_FAULT(v, X86_EXC_SS, 0);

	env_init(v, ENV_PROT);
	v->c.seg[X86_DS].ar = 0xc091;		/* read-only */
	CODE(v, 0x89, 0x03);			/* mov [ebx], eax */
	v->c.gpr[X86_RBX] = ENV_DATA;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x8b, 0x03);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	v->c.rip = ENV_CODE;
	v->c.seg[X86_DS].ar = 0;		/* null */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.seg[X86_DS] = (struct x86_segment){ .limit = 0xfff, .ar = 0x4097 };	/* expand-down */
	v->c.gpr[X86_RBX] = 0xfff;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.gpr[X86_RBX] = 0x1000;
	CHECK_EQ(env_step(v), X86_EMU_OK);

	env_init(v, ENV_LONG);
	CODE(v, 0x48, 0x8b, 0x03);		/* mov rax, [rbx] */
	v->c.gpr[X86_RBX] = 0x7ffffffffffc;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x48, 0x8b, 0x04, 0x24);	/* mov rax, [rsp] */
	v->c.gpr[X86_RSP] = 0x800000000000;
	CHECK_FAULT(v, X86_EXC_SS, 0);
}

static void alignment(struct env *v)
{
	env_init(v, ENV_LONG3);
	v->c.cr0 |= X86_CR0_AM;
	v->c.rflags |= X86_AC;
	v->c.gpr[X86_RBX] = ENV_DATA + 1;
	CODE(v, 0x8b, 0x03);
	CHECK_FAULT(v, X86_EXC_AC, 0);
	v->c.gpr[X86_RBX] = ENV_DATA + 4;
	CHECK_EQ(env_step(v), X86_EMU_OK);
}

static void stack_wrap(struct env *v)
{
	env_init(v, ENV_REAL);
	v->c.gpr[X86_RSP] = 0xabcd0000;
	CODE(v, 0x50);				/* push ax */
	v->c.gpr[X86_RAX] = 0x1234;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], 0xabcdfffe);
	CHECK_EQ(env_get(v, 0xfffe, 2), 0x1234);
	v->c.gpr[X86_RSP] = 1;
	v->c.rip = ENV_CODE;
	CHECK_FAULT(v, X86_EXC_SS, 0);
	CODE(v, 0x60);				/* pusha that wraps between two words */
	v->c.gpr[X86_RSP] = 8;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], 0xfff8);
	CHECK_EQ(env_get(v, 6, 2), 0x1234);
}

static void enter_nested(struct env *v)
{
	env_init(v, ENV_PROT);
	CODE(v, 0xc8, 0x10, 0x00, 0x03);	/* enter 16, 3 */
	v->c.gpr[X86_RBP] = ENV_DATA + 0x100;
	env_put(v, ENV_DATA + 0xfc, 4, 0x11111111);
	env_put(v, ENV_DATA + 0xf8, 4, 0x22222222);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RBP], ENV_STACK - 4);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 16 - 16);
	CHECK_EQ(env_get(v, ENV_STACK - 4, 4), ENV_DATA + 0x100);
	CHECK_EQ(env_get(v, ENV_STACK - 8, 4), 0x11111111);
	CHECK_EQ(env_get(v, ENV_STACK - 12, 4), 0x22222222);
	CHECK_EQ(env_get(v, ENV_STACK - 16, 4), ENV_STACK - 4);
}

static void pop_to_memory(struct env *v)
{
	env_init(v, ENV_LONG);
	CODE(v, 0x8f, 0x04, 0x24);		/* pop [rsp]: the address sees rsp after the pop */
	env_put(v, ENV_STACK, 8, 0x1122334455667788);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK + 8);
	CHECK_EQ(env_get(v, ENV_STACK + 8, 8), 0x1122334455667788);
	CODE(v, 0x5c);				/* pop rsp */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], 0x1122334455667788);
}

static void branches(struct env *v)
{
	env_init(v, ENV_REAL);
	v->c.rip = 0xfff0;
	CODE(v, 0xeb, 0x20);			/* jmp short over the top: 16-bit IP wraps */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x12);
	env_init(v, ENV_PROT);
	v->c.seg[X86_CS].limit = 0xffff;
	CODE(v, 0xe8, 0x00, 0x00, 0x10, 0x00);	/* call beyond the limit */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	env_init(v, ENV_LONG);
	CODE(v, 0xff, 0xe0);			/* jmp rax */
	v->c.gpr[X86_RAX] = 1ull << 47;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0xc3);				/* ret to nowhere: rsp stays */
	env_put(v, ENV_STACK, 8, 1ull << 63);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x67, 0xe2, 0x10);		/* loop with ecx */
	v->c.gpr[X86_RCX] = 0xffffffff00000001;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 3);
	CHECK_EQ(v->c.gpr[X86_RCX], 0);
	CODE(v, 0xe3, 0x10);			/* jrcxz */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 5 + 0x10);
}

static void flags_and_levels(struct env *v)
{
	env_init(v, ENV_PROT3);
	CODE(v, 0xfa);				/* cli at level 3 */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.rflags |= X86_IOPL | X86_IF;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(!(v->c.rflags & X86_IF));
	CODE(v, 0xfb);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.interrupt_shadow, X86_SHADOW_STI);
	CODE(v, 0xfb);				/* IF was set: no new shadow, the old one ends */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.interrupt_shadow, 0);

	env_init(v, ENV_PROT3);			/* popf leaves IF and IOPL alone */
	CODE(v, 0x9d);
	env_put(v, ENV_STACK, 4, 0xffffffff & ~X86_TF);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rflags, X86_ARITH | X86_DF | X86_NT | X86_AC | X86_ID | 2);
	env_init(v, ENV_PROT);
	CODE(v, 0x9d);
	env_put(v, ENV_STACK, 4, X86_IF | X86_IOPL | X86_VM | X86_RF);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rflags, X86_IF | X86_IOPL | 2);
	CODE(v, 0x9c);
	v->c.rflags |= X86_RF;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(env_get(v, ENV_STACK, 4), X86_IF | X86_IOPL | 2);
	CHECK(!(v->c.rflags & X86_RF));

	env_init(v, ENV_PROT3);
	CODE(v, 0xf4);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	env_init(v, ENV_PROT);
	CODE(v, 0xf4);
	CHECK_EQ(env_step(v), X86_EMU_HLT);
	CHECK_EQ(v->c.rip, ENV_CODE + 1);
}

static void single_step(struct env *v)
{
	env_init(v, ENV_PROT);
	v->c.rflags |= X86_TF;
	CODE(v, 0x40);				/* inc eax */
	CHECK_EQ(env_step(v), X86_EMU_FAULT);
	CHECK_EQ(v->e.exc.vector, X86_EXC_DB);
	CHECK_EQ(v->e.exc.cr2, BIT(14));
	CHECK_EQ(v->c.gpr[X86_RAX], 1);
	CHECK_EQ(v->c.rip, ENV_CODE + 1);
	CODE(v, 0x8e, 0xd0);			/* mov ss, ax: the trap is held back */
	v->c.gpr[X86_RAX] = ENV_DS32;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.interrupt_shadow, X86_SHADOW_MOV_SS);
	CODE(v, 0xf3, 0xaa);			/* rep stosb: a trap for each element */
	v->c.gpr[X86_RCX] = 2;
	v->c.gpr[X86_RDI] = ENV_DATA;
	CHECK_EQ(env_step(v), X86_EMU_FAULT);
	CHECK_EQ(v->c.gpr[X86_RCX], 1);
	CHECK_EQ(v->c.rip, ENV_CODE + 3);
	CHECK_EQ(env_step(v), X86_EMU_FAULT);
	CHECK_EQ(v->c.rip, ENV_CODE + 5);
	CODE(v, 0x9d);				/* popf that sets TF: no trap yet */
	v->c.rflags = 2;
	env_put(v, ENV_STACK, 4, X86_TF);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(v->c.rflags & X86_TF);
	CODE(v, 0xcd, 0x40);			/* int clears it: no trap */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(!(v->c.rflags & X86_TF));
}

static void rep_strings(struct env *v)
{
	env_init(v, ENV_LONG);
	CODE(v, 0xf3, 0xa4);			/* rep movsb that runs into a bad page */
	v->c.gpr[X86_RSI] = ENV_DATA;
	v->c.gpr[X86_RDI] = ENV_MEM - 3;
	v->c.gpr[X86_RCX] = 10;
	env_put(v, ENV_DATA, 8, 0x0807060504030201);
	CHECK_EQ(env_step(v), X86_EMU_FAULT);
	CHECK_EQ(v->e.exc.vector, X86_EXC_PF);
	CHECK_EQ(v->c.gpr[X86_RCX], 7);
	CHECK_EQ(v->c.gpr[X86_RSI], ENV_DATA + 3);
	CHECK_EQ(v->c.rip, ENV_CODE);
	CHECK_EQ(env_get(v, ENV_MEM - 3, 3), 0x030201);

	env_init(v, ENV_LONG);			/* the bound on the work of one call */
	CODE(v, 0xf3, 0xaa);
	v->c.gpr[X86_RDI] = ENV_DATA;
	v->c.gpr[X86_RCX] = 5000;
	v->c.gpr[X86_RAX] = 0x55;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE);
	CHECK_EQ(v->c.gpr[X86_RCX], 5000 - 4096);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 2);
	CHECK_EQ(v->c.rflags, 2);
	CHECK_EQ(env_get(v, ENV_DATA + 4999, 2), 0x55);

	env_init(v, ENV_REAL);			/* 16-bit addresses wrap */
	CODE(v, 0xf3, 0xaa);
	v->c.gpr[X86_RDI] = 0xabcdffff;
	v->c.gpr[X86_RCX] = 0x12340002;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RDI], 0xabcd0001);
	CHECK_EQ(v->c.gpr[X86_RCX], 0x12340000);
}

static void ports(struct env *v)
{
	env_init(v, ENV_PROT3);
	CODE(v, 0xe4, 0x70);			/* in al, 70: shut in the bitmap */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0xe4, 0x80);
	v->port_in = 0x5a;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 0x5a);
	CODE(v, 0xed);				/* in eax, dx with one of four bits shut */
	v->c.gpr[X86_RDX] = 0x7f;
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.gpr[X86_RDX] = 0xffff;		/* beyond the TSS's limit */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.rflags |= X86_IOPL;
	CHECK_EQ(env_step(v), X86_EMU_OK);

	env_init(v, ENV_PROT);			/* rep insb: an exit in the middle keeps what is done */
	CODE(v, 0xf3, 0x6c);
	v->c.gpr[X86_RDI] = ENV_DATA;
	v->c.gpr[X86_RCX] = 3;
	v->port_in = 0x77;
	env_arm(v, -1, 4);			/* probe, in, write; probe, in */
	CHECK_EQ(env_step(v), X86_EMU_EXIT);
	CHECK_EQ(v->c.gpr[X86_RCX], 2);
	CHECK_EQ(v->c.gpr[X86_RDI], ENV_DATA + 1);
	CHECK_EQ(v->c.rip, ENV_CODE);
	CHECK_EQ(v->commits, 1);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 2);
	CHECK_EQ(v->ports, 3);
	CHECK_EQ(env_get(v, ENV_DATA, 4), 0x777777);
}

static void control_registers(struct env *v)
{
	env_init(v, ENV_LONG);
	CODE(v, 0x0f, 0x22, 0xd8);		/* mov cr3, rax */
	v->c.gpr[X86_RAX] = 0x123000;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.cr3, 0x123000);
	CODE(v, 0x0f, 0x22, 0xc8);		/* mov cr1, rax */
	CHECK_FAULT(v, X86_EXC_UD, 0);
	CODE(v, 0x44, 0x0f, 0x22, 0xc0);	/* mov cr8, rax */
	v->c.gpr[X86_RAX] = 7;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.cr8, 7);
	CODE(v, 0x0f, 0x01, 0xf0);		/* lmsw ax cannot clear PE */
	v->c.gpr[X86_RAX] = 8;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.cr0 & 0xf, 9);
	CODE(v, 0x0f, 0x06);			/* clts */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.cr0 & 0xf, 1);
	CODE(v, 0x0f, 0x21, 0xe0);		/* mov rax, dr4: dr6 */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 0xffff0ff0);
	v->c.cr4 |= X86_CR4_DE;
	CODE(v, 0x0f, 0x21, 0xe0);
	CHECK_FAULT(v, X86_EXC_UD, 0);
	v->c.dr[7] |= BIT(13);
	CODE(v, 0x0f, 0x21, 0xf0);
	CHECK_FAULT(v, X86_EXC_DB, 0);
	CHECK_EQ(v->e.exc.cr2, BIT(13));
	env_init(v, ENV_LONG3);
	CODE(v, 0x0f, 0x20, 0xc0);
	CHECK_FAULT(v, X86_EXC_GP, 0);
}

static void msr_and_time(struct env *v)
{
	env_init(v, ENV_LONG);
	CODE(v, 0x0f, 0x30);
	v->c.gpr[X86_RCX] = 0x10;
	v->c.gpr[X86_RAX] = 0xffffffff11111111;
	v->c.gpr[X86_RDX] = 0xffffffff22222222;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->msr, 0x2222222211111111);
	CODE(v, 0x0f, 0x32);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RDX], 0x22222222);
	v->c.gpr[X86_RCX] = 0x11;
	CODE(v, 0x0f, 0x32);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x0f, 0x01, 0xf9);		/* rdtscp */
	v->c.tsc_aux = 5;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RCX], 5);
	CHECK_EQ(v->c.gpr[X86_RAX], 0x55667788);
	env_init(v, ENV_LONG3);
	v->c.cr4 |= X86_CR4_TSD;
	CODE(v, 0x0f, 0x31);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x0f, 0x33);			/* rdpmc without PCE */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x0f, 0xa2);
	v->c.gpr[X86_RAX] = 0xffffffff00000001;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 2);
	v->c.cr4 |= X86_CR4_UMIP;
	CODE(v, 0x0f, 0x01, 0x03);		/* sgdt [rbx] */
	CHECK_FAULT(v, X86_EXC_GP, 0);
}

static void unhandled(struct env *v)
{
	env_init(v, ENV_LONG);
	CODE(v, 0xd9, 0xe8);			/* fld1 */
	CHECK_EQ(env_step(v), X86_EMU_UNHANDLED);
	CODE(v, 0x0f, 0x58, 0xc1);		/* addps */
	CHECK_EQ(env_step(v), X86_EMU_UNHANDLED);
	CODE(v, 0x0f, 0xc7, 0xf0);		/* rdrand */
	CHECK_EQ(env_step(v), X86_EMU_UNHANDLED);
	CODE(v, 0x0f, 0x01, 0xd8);		/* vmrun */
	CHECK_FAULT(v, X86_EXC_UD, 0);
	CODE(v, 0x0f, 0x01, 0xd9);		/* vmmcall */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 42);
	env_init(v, ENV_REAL);
	CODE(v, 0x0f, 0x00, 0xc0);		/* sldt in real mode */
	CHECK_FAULT(v, X86_EXC_UD, 0);
}

static void decimal(struct env *v)
{
	env_init(v, ENV_PROT);
	CODE(v, 0x27);				/* daa: 79 + 35 = 114 */
	v->c.gpr[X86_RAX] = 0xae;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 0x14);
	CHECK_EQ(v->c.rflags & (X86_CF | X86_AF), X86_CF | X86_AF);
	CODE(v, 0xd4, 0x0a);			/* aam */
	v->c.gpr[X86_RAX] = 63;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 0x603);
	CODE(v, 0xd5, 0x0a);			/* aad */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 63);
	CODE(v, 0xd4, 0x00);
	CHECK_FAULT(v, X86_EXC_DE, 0);
	CODE(v, 0x37);				/* aaa */
	v->c.gpr[X86_RAX] = 0x0b;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], 0x101);
	CODE(v, 0x62, 0x03);			/* bound eax, [ebx] */
	v->c.gpr[X86_RBX] = ENV_DATA;
	v->c.gpr[X86_RAX] = 5;
	env_put(v, ENV_DATA, 8, 4ull << 32 | 0xffffffff);
	CHECK_FAULT(v, X86_EXC_BR, 0);
	v->c.gpr[X86_RAX] = 4;
	CHECK_EQ(env_step(v), X86_EMU_OK);
}

static void locked(struct env *v)
{
	env_init(v, ENV_LONG);
	CODE(v, 0xf0, 0x48, 0x0f, 0xc1, 0x03);	/* lock xadd [rbx], rax */
	v->c.gpr[X86_RBX] = ENV_DATA;
	v->c.gpr[X86_RAX] = 5;
	env_put(v, ENV_DATA, 8, 7);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(env_get(v, ENV_DATA, 8), 12);
	CHECK_EQ(v->c.gpr[X86_RAX], 7);
	CODE(v, 0xf0, 0x48, 0x0f, 0xc7, 0x0b);	/* lock cmpxchg16b */
	v->c.gpr[X86_RAX] = 12;
	v->c.gpr[X86_RDX] = 0;
	v->c.gpr[X86_RCX] = 2;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(v->c.rflags & X86_ZF);
	CHECK_EQ(env_get(v, ENV_DATA, 8), ENV_DATA);
	CHECK_EQ(env_get(v, ENV_DATA + 8, 8), 2);
	CODE(v, 0x48, 0x0f, 0xc7, 0x0b);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(!(v->c.rflags & X86_ZF));
	CHECK_EQ(v->c.gpr[X86_RDX], 2);
	CODE(v, 0x48, 0x0f, 0xc7, 0x4b, 0x08);
	CHECK_FAULT(v, X86_EXC_GP, 0);
}

const struct unit_test emulate_basic_tests[] = {
	{ "fetch: limits, canonical addresses, 15 bytes, #UD", fetch_limit },
	{ "segment limits, types and canonical addresses", segment_limits },
	{ "alignment check", alignment },
	{ "a 16-bit stack wraps", stack_wrap },
	{ "enter with a display", enter_nested },
	{ "pop to memory and to rsp", pop_to_memory },
	{ "near branches: wrap, limit, canonical", branches },
	{ "cli, sti, popf, hlt by level and IOPL", flags_and_levels },
	{ "single step", single_step },
	{ "rep: page fault in the middle, bound, wrap", rep_strings },
	{ "ports: bitmap, IOPL, exit in the middle of rep ins", ports },
	{ "control and debug registers", control_registers },
	{ "MSRs, TSC, PMC, CPUID, UMIP", msr_and_time },
	{ "what is not the emulator's", unhandled },
	{ "decimal adjustment and bound", decimal },
	{ "locked operations", locked },
	{ NULL, NULL },
};
