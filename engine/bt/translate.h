/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the translator: the block in work, and what its files offer each
 * other. translate.c decodes, finds live flags and drives; mem.c makes memory
 * operands; insn.c turns one instruction; edge.c leaves the block.
 */
#ifndef ANYKVM_BT_TRANSLATE_H
#define ANYKVM_BT_TRANSLATE_H

#include "cache.h"

#define BT_MAX_INSNS 48
#define BT_MAX_COLD (BT_MAX_INSNS * 6 + 8)

#define R_RAX X86_RAX
#define R_RCX X86_RCX
#define T0 BT_T0
#define T1 BT_T1
#define G_RSP 14		/* host register of guest rsp */
#define G_RDI 15
#define CTX(f) EMIT_MEM(X86_RSP, (s32)offsetof(struct bt_ctx, f))
#define CTX_OFF(f) ((s32)offsetof(struct bt_ctx, f))

struct bt_translation;

/* Emits an instruction; for a memory access, on t->mem, with every register change that goes with it. */
typedef void (*bt_body)(struct bt_translation *t, const struct x86_insn *i);

/* Base, index and displacement of an access in 64-bit code: form.c. */
struct bt_place {
	u8 base, index, scale;
	bool is_const, fs;	/* const: the address is @at; fs: FS:disp */
	s32 disp;
	u32 size;
	u64 at;
};

/* A place not farther than @drift from one in window @win: known.c. */
#define BT_MAX_KNOWN 12
struct bt_known {
	u8 base, index, scale, win;
	u64 drift;
};

#define BT_T0_NONE 0xff

/* Code that is rarely run, emitted behind the block. */
enum bt_cold_kind { COLD_MEM, COLD_SEG, COLD_EDGE, COLD_LINK, COLD_KICK, COLD_MISS,
		    COLD_INTERP, COLD_LEADER, COLD_VIEW, COLD_LANDING, COLD_TWIN, COLD_STACK,
		    COLD_ENTER, COLD_REPEAT };

struct bt_cold {
	u8 kind;
	u8 insn;		/* index of the guest instruction */
	bool live;		/* COLD_MEM: flags are parked; COLD_KICK: rcx is in T1 */
	bool parked;		/* COLD_TWIN: at the body, too */
	bool always;		/* COLD_MEM: T0 is still the linear address */
	u8 link;		/* COLD_LINK; COLD_MISS: the view */
	u16 flags;		/* COLD_EDGE: live at the target */
	u32 memop;
	u32 from[3];		/* rel32 offsets that lead here; 0: none */
	u32 resume, after;	/* COLD_MEM, COLD_SEG: where to go on; COLD_MISS: rel32 offsets */
	s32 half;		/* COLD_MEM, COLD_LEADER: displacement of the TLB's half */
	u32 range;		/* COLD_LEADER: bytes of the group */
	s32 off;		/* COLD_LEADER: of the leader in it */
	bt_body body;
	u64 rip;		/* target */
	struct bt_place place;	/* COLD_TWIN, and the rest of it: */
	u8 win, go, t0;
	bool rcx_in_t1;		/* where the check comes from */
	bool verify;		/* leave when it was not in @win */
	u32 map;		/* number of the map entry whose faults come here */
};

/* Accesses near one another: see group.c. */
#define BT_MAX_GROUPS 16
#define BT_NO_SLOT 0xff
struct bt_group {
	u8 base, index, scale, addrsize;
	u8 acc, members, leader;
	u8 slot;		/* of ctx->group, or BT_NO_SLOT: each for itself */
	u32 vbase, vindex;	/* versions of the registers */
	s32 lo, hi;		/* range, relative to the registers */
};

/* What to emit for an operation that does not run as itself. */
struct bt_row {
	u16 op;
	bt_body emit;
};

static inline const struct bt_row *bt_find_row(const struct bt_row *rows, u32 n, u16 op)
{
	for (; n--; rows++)
		if (rows->op == op)
			return rows;
	return NULL;
}

/* Why the decoded run ends. */
enum bt_end { END_BRANCH, END_INTERP, END_FALL };

struct bt_translation {
	struct bt_cache *c;
	struct bt_ctx *x;
	struct bt_emit *e;
	struct bt_block *b;
	u64 rip;		/* of the block's first instruction */
	const u8 *page, *page2;
	u32 key;
	enum x86_mode mode;
	u64 ip_mask;		/* rip wraps: 64-bit none, else 32 */
	bool wide_stack;	/* stack pointer width 8; else by KEY_SS32 */
	enum bt_end end;
	bool decoded;		/* END_INTERP: insn[n] is the emulator's */
	u32 n;
	struct x86_insn insn[BT_MAX_INSNS];
	u16 off[BT_MAX_INSNS + 1];	/* of each instruction in the block */
	u16 live[BT_MAX_INSNS + 1];	/* flags live before each; [n]: at the end */
	u32 ngroups;
	struct bt_group group[BT_MAX_GROUPS];
	struct bt_group *in_group[BT_MAX_INSNS];
	s32 group_off[BT_MAX_INSNS];
	u32 cur;		/* instruction in work */
	struct emit_mem mem;	/* its memory operand in the host */
	bool parked;		/* what is live of the flags is in ctx->flags, and not in the processor */
	u8 form[BT_MAX_INSNS];	/* with BT_KEY_WINDOW: where each operand is expected, hint.c */
	u32 nknown;
	struct bt_known known[BT_MAX_KNOWN];
	u16 narrow;		/* registers within 32 bits, signed or not */
	bool sp_moved;
	u8 head_t0;		/* of a loop: t0 at its head */
	u8 t0;			/* the window whose distance T0 holds, or BT_T0_NONE */
	u32 reload;		/* of a loop: code offset of where T0 gets it */
	bool loop;		/* the block jumps back to itself: loop.c */
	u32 nloop;		/* of head: what is known where it does */
	struct bt_known head[BT_MAX_KNOWN];
	u32 ncold;
	struct bt_cold cold[BT_MAX_COLD];
	u32 nmap;
	struct bt_map map[BT_MAX_MAPS];	/* of the code so far */
};

/* translate.c */
u64 bt_insn_rip(const struct bt_translation *t, u32 n);
/* Where the direct branch @i, the block's last instruction, goes. */
u64 bt_target(const struct bt_translation *t, const struct x86_insn *i);
struct bt_cold *bt_cold(struct bt_translation *t, enum bt_cold_kind kind, u32 from);
void bt_map_here(struct bt_translation *t, u32 insn);
/* Must flags that are live before instruction @n be in the processor for it? */
bool bt_needs_flags(const struct bt_translation *t, u32 n);
/* Park flags that nothing needs in the processor before the block's end, which parks them anyway. */
void bt_park_early(struct bt_translation *t);
/* Arithmetic flags live at guest @rip, all when it can't be seen. */
u16 bt_live_at(struct bt_translation *t, u64 rip);

/* mem.c */
extern const u8 bt_host_reg[16];	/* guest → host register; BT_HOMED + n for home[n] */
#define BT_HOMED 0x80
static inline struct emit_mem bt_home(u8 h)
{
	return EMIT_MEM(X86_RSP, CTX_OFF(home) + 8 * (h & 3));
}
void emit_park(struct bt_emit *e);
void bt_park(struct bt_translation *t);
void bt_unpark(struct bt_translation *t);
/* The processor's flags are about to be ruined: park those that are live, once. */
void bt_free_flags(struct bt_translation *t);
/* Have them in the processor again. */
void bt_want_flags(struct bt_translation *t);
/* Place the body of an access: with the flags where it needs them. */
void bt_place_body(struct bt_translation *t, const struct x86_insn *i, bt_body body);
void bt_get(struct bt_translation *t, u8 dst, u8 guest);	/* host dst = guest register, 64 bits */
/* @dst = the offset that the memory operand names (no segment base). May use T1. */
void bt_ea(struct bt_translation *t, const struct x86_insn *i, u8 dst);
/* Run @body, which touches @size bytes, on the memory operand; on the stack at rsp + @off, opsize bytes. */
void bt_operand(struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc, bt_body body);
void bt_stack(struct bt_translation *t, const struct x86_insn *i, s32 off, u32 acc, bt_body body);
/* T0 holds an offset in @seg: make it an address of host memory, and run @body on it. */
void bt_access(struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc, u8 seg,
	       bt_body body);
/* T0 = the host address of the byte at T0 when the TLB has its page; returns the jump taken when not. */
u32 bt_lookup(struct bt_translation *t, bool write);
void bt_cold_mem(struct bt_translation *t, struct bt_cold *c);
void bt_cold_leader(struct bt_translation *t, struct bt_cold *c);
void bt_cold_seg(struct bt_translation *t, struct bt_cold *c);

/* form.c: false when it is not to be had through a window. */
bool bt_window_operand(struct bt_translation *t, const struct x86_insn *i, u32 size, u32 acc,
		       bt_body body);
bool bt_window_stack(struct bt_translation *t, const struct x86_insn *i, u8 base, s32 off, u32 acc,
		     bt_body body);
void bt_cold_twin(struct bt_translation *t, struct bt_cold *c);
void bt_cold_stack(struct bt_translation *t, struct bt_cold *c);
void bt_cold_enter(struct bt_translation *t, struct bt_cold *c);	/* loop.c */

/* group.c */
void bt_find_groups(struct bt_translation *t);
/* The group that the instruction in work leads, or NULL. */
struct bt_group *bt_leads(struct bt_translation *t);
/* The instruction in work follows a leader: emit it on the parked address. False: it does not. */
bool bt_follow(struct bt_translation *t, const struct x86_insn *i, bt_body body);

/* edge.c */
/* May @target be joined directly? It is the same mapping of the same page. */
bool bt_same_page(const struct bt_translation *t, u64 target);
void bt_set_rip(struct bt_translation *t, u64 rip);
void bt_exit(struct bt_translation *t, u64 rip, enum bt_exit why);
void bt_exit_t0(struct bt_translation *t, enum bt_exit why);	/* for the address in T0 */
void bt_edge(struct bt_translation *t, u64 target, u16 live);
void bt_edge_cc(struct bt_translation *t, u8 cc, u64 target, u16 live);
/* The same from out of line, rarely: by look-up. */
void bt_edge_away(struct bt_translation *t, u64 target);
void bt_edge_indirect(struct bt_translation *t);	/* target in T0 */
/* The same with flags parked, to code of another view, found to be of the key that it has there. */
void bt_edge_view(struct bt_translation *t, enum bt_mmu m);
void bt_edge_to_view(struct bt_translation *t, u32 key, u64 target);
void bt_edge_kick(struct bt_translation *t, u64 rip);
void bt_edge_call(struct bt_translation *t);		/* before the push */
void bt_edge_ret(struct bt_translation *t, u32 extra);	/* target in T0 */
void bt_cold_edge(struct bt_translation *t, struct bt_cold *c);
void bt_cold_link(struct bt_translation *t, struct bt_cold *c);
void bt_cold_kick(struct bt_translation *t, struct bt_cold *c);
void bt_cold_miss(struct bt_translation *t, struct bt_cold *c);
void bt_cold_view(struct bt_translation *t, struct bt_cold *c);
void bt_cold_landing(struct bt_translation *t, struct bt_cold *c);
void bt_cold_interp(struct bt_translation *t, struct bt_cold *c);

/* count.c: the block counts what it executes. */
void bt_count(struct bt_translation *t);

/* native.c: false when it can't be run as itself after all (the emulator takes it). */
bool bt_native_ok(const struct bt_translation *t, const struct x86_insn *i);
void bt_native(struct bt_translation *t, const struct x86_insn *i);

/* repeat.c: REP MOVS, REP STOS. */
bool bt_repeat_ok(const struct bt_translation *t, const struct x86_insn *i);
void bt_repeat(struct bt_translation *t, const struct x86_insn *i);
void bt_cold_repeat(struct bt_translation *t, struct bt_cold *c);

/* bitstr.c */
bool bt_bit_string_ok(const struct bt_translation *t, const struct x86_insn *i);
void bt_bit_string(struct bt_translation *t, const struct x86_insn *i);

/* system.c: what kernels run all the time. */
bool bt_system_ok(const struct bt_translation *t, const struct x86_insn *i);
bool bt_system_ends(const struct x86_insn *i);		/* the block ends with it */
void bt_system(struct bt_translation *t, const struct x86_insn *i);

/* syscall.c */
void bt_emit_syscall(struct bt_translation *t, const struct x86_insn *i);
void bt_emit_sysret(struct bt_translation *t, const struct x86_insn *i);

/* insn.c: stack and branches. */
bool bt_insn_ok(const struct bt_translation *t, const struct x86_insn *i);
void bt_insn(struct bt_translation *t, const struct x86_insn *i);	/* dispatches, native ones too */

#endif
