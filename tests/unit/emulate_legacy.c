/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real, virtual-8086 and protected mode: interrupts, segments, gates, tasks. */
#include "tests/unit/emulate_test.h"

static int deliver(struct env *v, enum x86_event_kind kind, u8 vector, bool has_error, u32 error)
{
	struct x86_exception ev = { .vector = vector, .has_error = has_error, .error = error };

	return x86_deliver(&v->e, kind, &ev);
}

static void real_int_iret(struct env *v)
{
	env_init(v, ENV_REAL);
	v->c.rflags |= X86_IF | X86_CF;
	env_put(v, 0x21 * 4, 4, 0x01000234);
	CODE(v, 0xcd, 0x21);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x234);
	CHECK_EQ(v->c.seg[X86_CS].selector, 0x100);
	CHECK_EQ(v->c.seg[X86_CS].base, 0x1000);
	CHECK_EQ(v->c.rflags, X86_CF | 2);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 6);
	CHECK_EQ(env_get(v, ENV_STACK - 2, 2), X86_IF | X86_CF | 2);
	CHECK_EQ(env_get(v, ENV_STACK - 6, 2), ENV_CODE + 2);
	env_put(v, 0x1234, 1, 0xcf);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 2);
	CHECK_EQ(v->c.seg[X86_CS].selector, 0);
	CHECK_EQ(v->c.rflags, X86_IF | X86_CF | 2);
	CHECK_EQ(v->irets, 1);

	v->c.idtr.limit = 0x21 * 4 + 2;		/* vector outside the table */
	v->c.rip = ENV_CODE;
	CHECK_EQ(env_step(v), X86_EMU_FAULT);
	CHECK_EQ(v->e.exc.vector, X86_EXC_GP);
	CHECK_EQ(v->c.rip, ENV_CODE);
	/* An exception with an error code pushes none in real mode. */
	CHECK_EQ(deliver(v, X86_EV_EXCEPTION, X86_EXC_GP, true, 0x55), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 6);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 13);
}

static void real_segments(struct env *v)
{
	env_init(v, ENV_REAL);
	CODE(v, 0x8e, 0xd8);			/* mov ds, ax keeps limit and size (unreal mode) */
	v->c.gpr[X86_RAX] = 0x1234;
	v->c.seg[X86_DS].limit = 0xffffffff;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.seg[X86_DS].base, 0x12340);
	CHECK_EQ(v->c.seg[X86_DS].limit, 0xffffffff);
	CODE(v, 0xea, 0x34, 0x02, 0x00, 0x01);	/* jmp 0100:0234 */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x234);
	CHECK_EQ(v->c.seg[X86_CS].base, 0x1000);
	env_put(v, 0x1234, 5, 0x0200012a9a);	/* call 0200:012a */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x12a);
	CHECK_EQ(env_get(v, ENV_STACK - 4, 4), 0x01000239);
	env_put(v, 0x212a, 3, 0x0004ca);	/* retf 4 */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x239);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK + 4);
}

static void v86_basics(struct env *v)
{
	env_init(v, ENV_V86);
	CODE(v, 0xcd, 0x21);			/* IOPL 0 */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0xfa);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0xcf);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x0f, 0x20, 0xc0);
	CHECK_FAULT(v, X86_EXC_GP, 0);
	CODE(v, 0x0f, 0x00, 0xc0);
	CHECK_FAULT(v, X86_EXC_UD, 0);

	/* Out to level 0 by an interrupt, and back by iret. */
	v->c.rflags |= X86_IOPL | X86_IF;
	v->c.seg[X86_ES].selector = 0x11;
	v->c.seg[X86_GS].selector = 0x55;
	CODE(v, 0xcd, 0x21);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 0x21);
	CHECK_EQ(x86_cpl(&v->c), 0);
	CHECK(!(v->c.rflags & (X86_VM | X86_IF)));
	CHECK_EQ(v->c.seg[X86_ES].ar, 0);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK0 - 36);
	CHECK_EQ(env_get(v, ENV_STACK0 - 4, 4), 0x55);
	CHECK_EQ(env_get(v, ENV_STACK0 - 16, 4), 0x11);
	CHECK_EQ(env_get(v, ENV_STACK0 - 24, 4), ENV_STACK);
	CHECK_EQ(env_get(v, ENV_STACK0 - 28, 4), X86_VM | X86_IOPL | X86_IF | 2);
	CODE(v, 0xcf);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 2);
	CHECK_EQ(v->c.rflags, X86_VM | X86_IOPL | X86_IF | 2);
	CHECK_EQ(v->c.seg[X86_ES].base, 0x110);
	CHECK_EQ(v->c.seg[X86_SS].ar, 0xf3);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK);
}

static void v86_vme(struct env *v)
{
	env_init(v, ENV_V86);
	v->c.cr4 |= X86_CR4_VME;
	CODE(v, 0xfb);				/* sti sets VIF */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rflags, X86_VM | X86_VIF | 2);
	CODE(v, 0x9c);				/* pushf shows VIF as IF, and IOPL 3 */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(env_get(v, ENV_STACK - 2, 2), X86_IF | X86_IOPL | 2);
	v->c.rip = ENV_CODE;
	CODE(v, 0xcd, 0x21);			/* the bitmap sends it to the monitor: IOPL is too low */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	env_put(v, ENV_TSS + 0x68 + 4, 1, 0xfd);	/* 21h is the program's own */
	env_put(v, 0x21 * 4, 4, 0x01000234);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, 0x234);
	CHECK_EQ(v->c.rflags, X86_VM | 2);
	CHECK_EQ(env_get(v, ENV_STACK - 4, 2), X86_IF | X86_IOPL | 2);
	env_put(v, 0x1234, 1, 0xcf);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rflags, X86_VM | X86_VIF | 2);
	v->c.rflags |= X86_VIP;
	v->c.rip = ENV_CODE;
	CODE(v, 0xfb);
	CHECK_FAULT(v, X86_EXC_GP, 0);
}

static void protected_segments(struct env *v)
{
	env_init(v, ENV_PROT);
	CODE(v, 0x8e, 0xc0);			/* mov es, ax */
	v->c.gpr[X86_RAX] = ENV_ABSENT;
	CHECK_FAULT(v, X86_EXC_NP, ENV_ABSENT);
	v->c.gpr[X86_RAX] = ENV_GDT_END;
	CHECK_FAULT(v, X86_EXC_GP, ENV_GDT_END);
	v->c.gpr[X86_RAX] = ENV_TR;
	CHECK_FAULT(v, X86_EXC_GP, ENV_TR);
	v->c.gpr[X86_RAX] = ENV_SMALL + 3;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.seg[X86_ES].base, ENV_DATA);
	CHECK_EQ(v->c.seg[X86_ES].limit, 0xfff);
	CHECK_EQ(env_get(v, ENV_GDT + ENV_SMALL + 5, 1), 0xf3);	/* accessed */
	v->c.rip = ENV_CODE;
	v->c.gpr[X86_RAX] = 3;			/* null */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.seg[X86_ES].ar & X86_AR_P, 0);
	v->c.rip = ENV_CODE;
	CODE(v, 0x8e, 0xd0);			/* mov ss, ax */
	CHECK_FAULT(v, X86_EXC_GP, 0);
	v->c.gpr[X86_RAX] = ENV_RO;
	CHECK_FAULT(v, X86_EXC_GP, ENV_RO);
	v->c.gpr[X86_RAX] = ENV_DS_3;
	CHECK_FAULT(v, X86_EXC_GP, ENV_DS_3 & ~3);
	CODE(v, 0x8e, 0xc8);			/* mov cs */
	CHECK_FAULT(v, X86_EXC_UD, 0);

	env_init(v, ENV_PROT3);
	CODE(v, 0x8e, 0xd8);			/* a level 0 segment from level 3 */
	v->c.gpr[X86_RAX] = ENV_DS32;
	CHECK_FAULT(v, X86_EXC_GP, ENV_DS32);
	CODE(v, 0x0f, 0x00, 0xe0);		/* verr ax, then lar, lsl */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(!(v->c.rflags & X86_ZF));
	CODE(v, 0x0f, 0x02, 0xd8);
	v->c.gpr[X86_RAX] = ENV_SMALL;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(v->c.rflags & X86_ZF);
	CHECK_EQ(v->c.gpr[X86_RBX], 0x40f200);
	CODE(v, 0x0f, 0x03, 0xd8);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RBX], 0xfff);
	CODE(v, 0x0f, 0x00, 0xe8);		/* verw of read-only */
	v->c.gpr[X86_RAX] = ENV_RO;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(!(v->c.rflags & X86_ZF));
	CODE(v, 0x63, 0xd8);			/* arpl ax, bx */
	v->c.gpr[X86_RBX] = 3;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RAX], ENV_RO + 3);
	CHECK(v->c.rflags & X86_ZF);
}

static void protected_interrupt(struct env *v)
{
	env_init(v, ENV_PROT3);
	v->c.rflags |= X86_IF;
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 0x30);
	CHECK_EQ(x86_cpl(&v->c), 0);
	CHECK_EQ(v->c.seg[X86_CS].selector, ENV_CS32);
	CHECK_EQ(v->c.seg[X86_SS].selector, ENV_DS32);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK0 - 20);
	CHECK_EQ(env_get(v, ENV_STACK0 - 4, 4), ENV_DS_3);
	CHECK_EQ(env_get(v, ENV_STACK0 - 8, 4), ENV_STACK);
	CHECK_EQ(env_get(v, ENV_STACK0 - 12, 4), X86_IF | 2);
	CHECK_EQ(env_get(v, ENV_STACK0 - 16, 4), ENV_CS32_3);
	CHECK_EQ(env_get(v, ENV_STACK0 - 20, 4), ENV_CODE);
	CHECK(!(v->c.rflags & X86_IF));
	v->c.seg[X86_ES].ar = 0xc093;		/* level 0 data: gone after the return */
	env_put(v, v->c.rip, 1, 0xcf);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE);
	CHECK_EQ(x86_cpl(&v->c), 3);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK);
	CHECK_EQ(v->c.rflags, X86_IF | 2);
	CHECK_EQ(v->c.seg[X86_ES].ar, 0);
	CHECK_EQ(v->c.seg[X86_DS].ar, 0xc0f3);

	/* An exception with error code at the same level, and RF in its frame. */
	env_init(v, ENV_PROT);
	CHECK_EQ(deliver(v, X86_EV_EXCEPTION, X86_EXC_GP, true, 0x18), X86_EMU_OK);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 16);
	CHECK_EQ(env_get(v, ENV_STACK - 16, 4), 0x18);
	CHECK_EQ(env_get(v, ENV_STACK - 4, 4), X86_RF | 2);

	env_init(v, ENV_PROT3);			/* int n through a gate of level 0 */
	env_gate(v, 0x40, ENV_CS32, ENV_HANDLER, 15, 0, 0);
	CODE(v, 0xcd, 0x40);
	CHECK_FAULT(v, X86_EXC_GP, 0x40 * 8 + 2);
	env_put(v, ENV_IDT + 0x40 * 8 + 5, 1, 0x6f);	/* not present */
	CHECK_FAULT(v, X86_EXC_NP, 0x40 * 8 + 2);
}

static void double_faults(struct env *v)
{
	env_init(v, ENV_PROT);			/* #GP whose gate is absent: #NP, so #DF */
	env_put(v, ENV_IDT + 13 * 8 + 5, 1, 0x0e);
	CHECK_EQ(deliver(v, X86_EV_EXCEPTION, X86_EXC_GP, true, 0), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 8);
	CHECK_EQ(env_get(v, v->c.gpr[X86_RSP], 4), 0);

	env_init(v, ENV_PROT);			/* an interrupt's is delivered by itself, with EXT */
	env_put(v, ENV_IDT + 0x30 * 8 + 5, 1, 0x0e);
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER + 11);
	CHECK_EQ(env_get(v, v->c.gpr[X86_RSP], 4), 0x30 * 8 + 3);

	env_init(v, ENV_PROT);			/* a page fault during #PF */
	v->c.seg[X86_SS].base = 0x40000000;
	CHECK_EQ(deliver(v, X86_EV_EXCEPTION, X86_EXC_PF, true, 0), X86_EMU_SHUTDOWN);
	CHECK_EQ(v->c.cr2, 0x40000000 + ENV_STACK - 16);

	env_init(v, ENV_PROT3);			/* bad stack in the TSS: #TS with its selector */
	env_put(v, ENV_TSS + 8, 2, ENV_DS_3);
	v->c.idtr.limit = 0x31 * 8 - 1;
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_SHUTDOWN);
	env_init(v, ENV_PROT);
	v->c.idtr.limit = 0;
	CHECK_EQ(deliver(v, X86_EV_INTERRUPT, 0x30, false, 0), X86_EMU_SHUTDOWN);
}

static void call_gate(struct env *v)
{
	env_init(v, ENV_PROT3);			/* to level 0, with two parameters */
	env_put(v, ENV_GDT + ENV_GATE + 4, 1, 2);
	env_put(v, ENV_STACK - 8, 8, 0x2222222211111111);
	v->c.gpr[X86_RSP] = ENV_STACK - 8;
	CODE(v, 0x9a, 0, 0, 0, 0, ENV_GATE, 0);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER);
	CHECK_EQ(x86_cpl(&v->c), 0);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK0 - 24);
	CHECK_EQ(env_get(v, ENV_STACK0 - 4, 4), ENV_DS_3);
	CHECK_EQ(env_get(v, ENV_STACK0 - 8, 4), ENV_STACK - 8);
	CHECK_EQ(env_get(v, ENV_STACK0 - 12, 4), 0x22222222);
	CHECK_EQ(env_get(v, ENV_STACK0 - 16, 4), 0x11111111);
	CHECK_EQ(env_get(v, ENV_STACK0 - 20, 4), ENV_CS32_3);
	CHECK_EQ(env_get(v, ENV_STACK0 - 24, 4), ENV_CODE + 7);
	CODE(v, 0xca, 0x08, 0x00);		/* ret far 8 to level 3 */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 7);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK);
	CHECK_EQ(x86_cpl(&v->c), 3);

	env_init(v, ENV_PROT3);
	CODE(v, 0xea, 0, 0, 0, 0, ENV_GATE, 0);	/* jmp by a gate does not change the level */
	CHECK_FAULT(v, X86_EXC_GP, ENV_CS32);
	CODE(v, 0xea, 0, 0x70, 0, 0, ENV_CONF, 0);	/* conforming code does not either */
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.seg[X86_CS].selector, ENV_CONF + 3);
	CHECK_EQ(x86_cpl(&v->c), 3);
	CODE(v, 0xea, 0, 0x70, 0, 0, ENV_CS32, 0);
	CHECK_FAULT(v, X86_EXC_GP, ENV_CS32);
	CODE(v, 0xea, 0, 0x70, 0, 0, ENV_DS_3, 0);
	CHECK_FAULT(v, X86_EXC_GP, ENV_DS_3 & ~3);
	CODE(v, 0xea, 0, 0x70, 0, 0, 0, 0);
	CHECK_FAULT(v, X86_EXC_GP, 0);
}

static void new_task(struct env *v)
{
	env_put(v, ENV_TSS_NEW + 0x1c, 4, 0x5000);	/* CR3, unused without paging */
	env_put(v, ENV_TSS_NEW + 0x20, 4, ENV_HANDLER);
	env_put(v, ENV_TSS_NEW + 0x24, 4, 2);
	env_put(v, ENV_TSS_NEW + 0x28, 4, 0xaaaa);	/* eax */
	env_put(v, ENV_TSS_NEW + 0x38, 4, ENV_STACK - 0x100);
	env_put(v, ENV_TSS_NEW + 0x48, 2, ENV_DS_3);
	env_put(v, ENV_TSS_NEW + 0x4c, 2, ENV_CS32);
	env_put(v, ENV_TSS_NEW + 0x50, 2, ENV_DS32);
	env_put(v, ENV_TSS_NEW + 0x54, 2, ENV_DS32);
}

static void task_switches(struct env *v)
{
	env_init(v, ENV_PROT3);			/* call by a task gate, back by iret */
	new_task(v);
	v->c.gpr[X86_RAX] = 0xbbbb;
	CODE(v, 0x9a, 0, 0, 0, 0, ENV_TASKGATE, 0);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER);
	CHECK_EQ(v->c.gpr[X86_RAX], 0xaaaa);
	CHECK_EQ(v->c.seg[X86_TR].selector, ENV_TR_NEW);
	CHECK_EQ(v->c.seg[X86_ES].selector, ENV_DS_3);
	CHECK_EQ(x86_cpl(&v->c), 0);
	CHECK(v->c.rflags & X86_NT);
	CHECK(v->c.cr0 & X86_CR0_TS);
	CHECK_EQ(env_get(v, ENV_TSS_NEW, 2), ENV_TR);
	CHECK_EQ(env_get(v, ENV_TSS + 0x20, 4), ENV_CODE + 7);
	CHECK_EQ(env_get(v, ENV_TSS + 0x28, 4), 0xbbbb);
	CHECK_EQ(env_get(v, ENV_GDT + ENV_TR + 5, 1), 0x8b);
	CHECK_EQ(env_get(v, ENV_GDT + ENV_TR_NEW + 5, 1), 0x8b);
	env_put(v, ENV_HANDLER, 1, 0xcf);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_CODE + 7);
	CHECK_EQ(v->c.gpr[X86_RAX], 0xbbbb);
	CHECK_EQ(x86_cpl(&v->c), 3);
	CHECK_EQ(v->c.rflags, 2);
	CHECK_EQ(env_get(v, ENV_GDT + ENV_TR_NEW + 5, 1), 0x89);
	CHECK_EQ(env_get(v, ENV_TSS_NEW + 0x20, 4), ENV_HANDLER + 1);

	env_init(v, ENV_PROT);			/* an exception by a task gate: error code on its stack */
	new_task(v);
	env_put(v, ENV_IDT + 13 * 8, 8, (u64)ENV_TR_NEW << 16 | 0xe5ull << 40);
	CHECK_EQ(deliver(v, X86_EV_EXCEPTION, X86_EXC_GP, true, 0x77), X86_EMU_OK);
	CHECK_EQ(v->c.rip, ENV_HANDLER);
	CHECK_EQ(v->c.gpr[X86_RSP], ENV_STACK - 0x104);
	CHECK_EQ(env_get(v, ENV_STACK - 0x104, 4), 0x77);

	env_init(v, ENV_PROT);			/* jmp to a TSS: the old one is free, a busy one is refused */
	new_task(v);
	CODE(v, 0xea, 0, 0, 0, 0, ENV_TR, 0);
	CHECK_FAULT(v, X86_EXC_GP, ENV_TR);
	CODE(v, 0xea, 0, 0, 0, 0, ENV_TR_NEW, 0);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK(!(v->c.rflags & X86_NT));
	CHECK_EQ(env_get(v, ENV_GDT + ENV_TR + 5, 1), 0x89);

	env_init(v, ENV_PROT);			/* a bad segment is the new task's fault */
	new_task(v);
	env_put(v, ENV_TSS_NEW + 0x54, 2, ENV_ABSENT);
	CODE(v, 0xea, 0, 0, 0, 0, ENV_TR_NEW, 0);
	CHECK_EQ(env_step(v), X86_EMU_FAULT);
	CHECK_EQ(v->e.exc.vector, X86_EXC_NP);
	CHECK_EQ(v->c.rip, ENV_HANDLER);
	CHECK_EQ(v->c.seg[X86_TR].selector, ENV_TR_NEW);
}

static void descriptor_tables(struct env *v)
{
	env_init(v, ENV_PROT);
	CODE(v, 0x0f, 0x01, 0x03);		/* sgdt [ebx] */
	v->c.gpr[X86_RBX] = ENV_DATA;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(env_get(v, ENV_DATA, 6), (u64)ENV_GDT << 16 | (ENV_GDT_END - 1));
	CODE(v, 0x66, 0x0f, 0x01, 0x13);	/* lgdt with 16-bit operands: 24 bits of base */
	env_put(v, ENV_DATA, 6, 0x12345678ffff);
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.gdtr.base, 0x345678);
	v->c.gdtr = (struct x86_dtable){ ENV_GDT, ENV_GDT_END - 1 };
	CODE(v, 0x0f, 0x00, 0xd0);		/* lldt */
	v->c.gpr[X86_RAX] = ENV_CS32;
	CHECK_FAULT(v, X86_EXC_GP, ENV_CS32);
	v->c.gpr[X86_RAX] = 0;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CODE(v, 0x8e, 0xd8);			/* a selector into a null LDT */
	v->c.gpr[X86_RAX] = 4;
	CHECK_FAULT(v, X86_EXC_GP, 4);
	CODE(v, 0x0f, 0x00, 0xd8);		/* ltr: busy, then free */
	v->c.gpr[X86_RAX] = ENV_TR;
	CHECK_FAULT(v, X86_EXC_GP, ENV_TR);
	v->c.gpr[X86_RAX] = ENV_TR_NEW;
	CHECK_EQ(env_step(v), X86_EMU_OK);
	CHECK_EQ(v->c.seg[X86_TR].ar, 0x8b);
	CHECK_EQ(env_get(v, ENV_GDT + ENV_TR_NEW + 5, 1), 0x8b);
}

const struct unit_test emulate_legacy_tests[] = {
	{ "real mode: int, iret, exceptions", real_int_iret },
	{ "real mode: segments and far branches", real_segments },
	{ "virtual-8086: privileges, to level 0 and back", v86_basics },
	{ "virtual-8086: VME", v86_vme },
	{ "protected mode: segment loads, lar, lsl, verr, arpl", protected_segments },
	{ "protected mode: interrupts and iret", protected_interrupt },
	{ "double and triple faults", double_faults },
	{ "call gates and far returns", call_gate },
	{ "task switches", task_switches },
	{ "descriptor tables", descriptor_tables },
	{ NULL, NULL },
};
