/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest for the emulator's tests: flat memory, and ops in which any access
 * can be made to fault or to exit.
 */
#ifndef EMULATE_ENV_H
#define EMULATE_ENV_H

#include "x86/emulate/emulate.h"

#define ENV_MEM (1u << 20)

/* Where env_init puts things. */
#define ENV_IDT 0x1000
#define ENV_GDT 0x2000
#define ENV_LDT 0x2800
#define ENV_TSS 0x3000
#define ENV_TSS_NEW 0x3800
#define ENV_CODE 0x6000
#define ENV_HANDLER 0x7000
#define ENV_STACK 0x9000	/* of the running level, going down */
#define ENV_STACK0 0xa000	/* of level 0, from the TSS */
#define ENV_IST1 0xb000
#define ENV_DATA 0x10000

/* Selectors of its GDT. */
#define ENV_CS32 0x08
#define ENV_DS32 0x10
#define ENV_CS64 0x18
#define ENV_CS32_3 0x2b
#define ENV_DS_3 0x33
#define ENV_CS64_3 0x3b
#define ENV_TR 0x40		/* and 48 */
#define ENV_LDTR 0x50		/* and 58 */
#define ENV_CS16 0x60
#define ENV_DS16 0x68
#define ENV_GATE 0x70		/* and 78: call gate, DPL 3 */
#define ENV_CONF 0x80		/* conforming code, DPL 0 */
#define ENV_TR_NEW 0x88		/* and 90: another TSS */
#define ENV_TASKGATE 0x98	/* to it, DPL 3 */
#define ENV_ABSENT 0xa0		/* data, not present */
#define ENV_RO 0xa8		/* data, read-only, DPL 3 */
#define ENV_SMALL 0xb0		/* data, limit 0xfff, DPL 3 */
#define ENV_GDT_END 0xc0

enum env_mode { ENV_REAL, ENV_V86, ENV_PROT, ENV_PROT3, ENV_LONG, ENV_LONG3, ENV_COMPAT3 };

struct env {
	struct x86_emu e;
	struct x86_cpu c;
	u8 *mem;
	u64 base;		/* the guest's linear address of mem[0] */

	unsigned int accesses;	/* counted since env_arm */
	int fail_at, exit_at;	/* the access (from 0) that faults or exits; -1: none */
	bool exited;
	struct { u64 lin; u32 size; bool write; } probed[16];
	unsigned int nprobed;

	u64 port_in;		/* what the next in reads */
	u64 port_out;
	bool no_fpu;
	u32 fpu_writes;
	u32 ports, commits, changes, irets, invlpgs;
	u64 msr;
};

void env_init(struct env *v, enum env_mode mode);
void env_free(struct env *v);
void env_arm(struct env *v, int fail_at, int exit_at);
void env_code(struct env *v, const void *bytes, unsigned int n);
/* Fetch and execute one instruction. */
int env_step(struct env *v);
u64 env_get(struct env *v, u64 lin, unsigned int size);
void env_put(struct env *v, u64 lin, unsigned int size, u64 val);
void env_gate(struct env *v, unsigned int n, u16 sel, u64 off, unsigned int type, unsigned int dpl,
	      unsigned int ist);
extern const struct x86_emu_ops env_ops;

#endif
