/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The translator's own contract: the context that generated code lives on,
 * the register map, blocks, and who calls whom. docs/translator.md tells it
 * as a story.
 *
 * Register map (guest → host). Guest flags are the host's flags, x87/SSE/AVX
 * state is the host's own.
 *   rax rcx rdx rbx rbp rsi r8..r12  themselves
 *   rsp → r14    rdi → r15    r13 r14 r15 → home[] of the context
 *   host rsp = struct bt_ctx, host rdi = T0, host r13 = T1 (scratch)
 */
#ifndef ANYKVM_BT_H
#define ANYKVM_BT_H

#include "vcpu.h"
#include "stats.h"

#define BT_T0 X86_RDI
#define BT_T1 X86_R13

/* ---- software TLB, first level: direct-mapped ---- */

#define BT_TLB_BITS 12
#define BT_TLB_SIZE (1u << BT_TLB_BITS)

/* Which view of memory a block was translated for. */
enum bt_mmu { BT_MMU_KERNEL, BT_MMU_USER, BT_MMU_KERNEL_AC, BT_MMU_COUNT };

/*
 * One half of what is known of a page: tag is its linear address, or
 * bt_tlb_invalid(i), which no address that is looked for at i matches. Hit
 * means (lin - tag) <= 4096 - size, unsigned; then the access is at
 * host + (lin - tag).
 */
struct bt_tlb_half {
	u64 tag;
	u64 host;		/* host address of the page */
};

/* Loads ask in r[], whatever stores in w[], at bt_tlb_index. w[i] is r[i] or invalid. */
struct bt_tlb {
	struct bt_tlb_half r[BT_TLB_SIZE];
	struct bt_tlb_half w[BT_TLB_SIZE];
};

/* The page number's low bits: the check has them in two instructions (emit_check). */
static inline u32 bt_tlb_index(u64 lin)
{
	return (lin >> PAGE_SHIFT) & (BT_TLB_SIZE - 1);
}

/* Page 0 is looked for at 0 only, and page 1 never there. */
static inline u64 bt_tlb_invalid(u32 i)
{
	return i ? 0 : PAGE_SIZE;
}

static inline void bt_tlb_drop(struct bt_tlb *t, u32 i)
{
	t->r[i].tag = t->w[i].tag = bt_tlb_invalid(i);
}

/* ---- jump.c: where indirect and cross-page jumps go ---- */

#define BT_JC_BITS 12
#define BT_JC_SIZE (1u << BT_JC_BITS)
#define BT_JC_FOLD 5		/* functions are aligned: fold higher bits in */
struct bt_jc_entry {
	u64 rip;		/* the full rip (an offset in CS), or bt_jc_invalid */
	u64 code;		/* rx address of the block's indirect entry: flags are in ctx->flags */
	u32 space;		/* the number under which it holds */
	u32 pad[3];
};

static inline u32 bt_jc_index(u64 rip)
{
	return ((u32)rip ^ ((u32)rip >> BT_JC_FOLD)) & (BT_JC_SIZE - 1);
}

/* An rip that can't be met at index @i: 0 and 1 are found at 0 and 1. */
static inline u64 bt_jc_invalid(u32 i)
{
	return i == 0;
}

/*
 * The return cache: CALL leaves its return site's landing where the stack
 * pointer says, RET jumps there. One for each view of memory.
 */
#define BT_RC_SIZE 256u

/* Numbers of address spaces: 0 is a kick, the last one is never given. */
#define BT_EDGE_NONE ~0u
#define BT_SPACES 256u
#define BT_NOTE_BITS 65536u

struct bt_space {
	u64 asid;
	u32 key;
	u32 number;		/* 0: none yet */
};

struct bt_jump {
	u64 asid;		/* the present one */
	u32 counter;		/* the last number given */
	bool worn;		/* there are no more */
	bool private[BT_MMU_COUNT];	/* the view has code of a page that is not global */
	u32 now[BT_MMU_COUNT];	/* what ctx->edge is while nobody kicks */
	struct bt_space space[BT_SPACES];
	u64 pages[BT_NOTE_BITS / 64];	/* filter: linear pages whose code is known */
};

/* ---- block key: the modes that translation depends on ---- */

#define BT_KEY_MODE 3u			/* enum x86_mode */
#define BT_KEY_MMU_SHIFT 2		/* 2 bits: enum bt_mmu */
#define BT_KEY_SS32 BIT(4)		/* SS.B, outside 64-bit mode */
#define BT_KEY_FLAT BIT(5)		/* 64-bit mode, or CS DS ES SS: base 0, 4 GiB, and data writable */
#define BT_KEY_TS BIT(6)		/* CR0.TS */
#define BT_KEY_EM BIT(7)		/* CR0.EM */
#define BT_KEY_SSE BIT(8)		/* CR4.OSFXSR */
#define BT_KEY_AVX BIT(9)		/* CR4.OSXSAVE and XCR0.SSE|AVX */
#define BT_KEY_STEP BIT(10)		/* one instruction a block, never linked: TF, guest debug, shadows */
#define BT_KEY_BP BIT(11)		/* execution breakpoints are armed: blocks end before one */
#define BT_KEY_ALIGN BIT(12)		/* CR0.AM, EFLAGS.AC, CPL 3: every memory operand goes the slow way */
#define BT_KEY_RING0 BIT(14)		/* CPL 0 in protected or long mode */
#define BT_KEY_MP BIT(13)		/* CR0.MP (wait/fwait with TS) */
#define BT_KEY_WINDOW BIT(15)		/* 64-bit user code whose memory is reached through windows: window.h */
#define BT_KEY_STACK_A BIT(16)		/* with WINDOW: rsp is in window A, else in B */
#define BT_KEY_LAYOUT_SHIFT 24		/* with WINDOW, 8 bits: slot of window A, or BT_WINDOW_NONE */

/* What a 64-bit block's key has of modes that no change of the ring touches. */
#define BT_KEY_STAYS (BT_KEY_FLAT | BT_KEY_TS | BT_KEY_EM | BT_KEY_SSE | BT_KEY_AVX | BT_KEY_MP)

static inline enum bt_mmu bt_key_mmu(u32 key)
{
	return (key >> BT_KEY_MMU_SHIFT) & 3;
}

/* ---- the context: host rsp while generated code runs ---- */

#define BT_BOUNCE 64
#define BT_GROUP_SLOTS 8

enum bt_exit {
	BT_EXIT_NEXT,		/* look up ctx->rip and go on */
	BT_EXIT_LINK,		/* the same, and patch the jump ctx->link to it */
	BT_EXIT_INTERP,		/* execute one instruction at ctx->rip in C */
	BT_EXIT_EXC,		/* vcpu->emu.exc is to be raised at ctx->rip */
	BT_EXIT_USER,		/* an MMIO exit is filled: ctx->rip is at a read, past a write */
	BT_EXIT_KICK,		/* ctx->go was 0 */
	BT_EXIT_STEP,		/* one instruction done under BT_KEY_STEP; ctx->rip is the next */
	BT_EXIT_SMC,		/* a store changed the running block: go on at ctx->rip by look-up */
	BT_EXIT_FAULT,		/* the host program's memory vanished: KVM_RUN gives -EFAULT */
	BT_EXIT_FORM,		/* look up ctx->rip: an access at ctx->form_site or rsp is not in its window */
};

struct bt_link;
struct bt_block;

/* What generated code needs of a window. */
struct bt_window_view {
	u64 delta;		/* host address = guest linear address + delta */
};

/* ctx->plain, by sync_mode. */
#define BT_PLAIN_TSC BIT(0)		/* RDTSC is not refused, and the host's counter plus the offset */
#define BT_PLAIN_FSGSBASE BIT(1)	/* CR4.FSGSBASE */
#define BT_PLAIN_SYSCALL BIT(2)		/* SYSCALL and SYSRET between 64-bit modes, as system.c does them */
#define BT_PLAIN_SMAP BIT(3)		/* CR4.SMAP: there are STAC and CLAC */

/* CS and SS after a fast system call: the words of struct x86_segment that differ from zero. */
struct bt_ring {
	u64 cs, ss;		/* limit, selector, attributes */
};

/*
 * Offsets of the first part are known to enter.S and checked in context.c.
 * The region: [256 KiB stack][struct bt_ctx]; signal handlers of the host
 * program may run on the stack below.
 */
struct bt_ctx {
	u64 home[3];		/* 0x00: guest r13 r14 r15 */
	u32 go;			/* 0x18: 0 from a kick (jump.h) on: leave at the next edge */
	u16 flags;		/* 0x1c: arithmetic flags parked as LAHF/SETO left AX: AH = flags, AL = OF */
	u8 irq_window;		/* 0x1e: something waits for IF = 1: STI and POPF leave */
	u8 pad0;
	u64 rip;		/* 0x20: guest rip at an exit */
	u64 save_rax;		/* 0x28 */
	u64 gpr_ptr;		/* 0x30: &vcpu->cpu.gpr[0] */
	u64 host_rsp;		/* 0x38: the C stack, to go back to */
	u64 fn_mem_slow;	/* 0x40: bt_asm_mem_slow */
	u64 fn_mem_commit;	/* 0x48: bt_asm_mem_commit */
	u64 fn_exit;		/* 0x50: bt_asm_exit; the reason is in ctx->exit_reason */
	u64 fn_seg_slow;	/* 0x58: bt_asm_seg_slow */
	u64 link;		/* 0x60: struct bt_link * of BT_EXIT_LINK */
	u32 exit_reason;	/* 0x68 */
	u32 memop;		/* 0x6c: BT_MEMOP_* of the slow access under way */
	u64 mem_lin;		/* 0x70: its linear address */
	u64 mem_ret;		/* 0x78: return address in generated code: names the guest instruction */
	u64 fn_exit_parked;	/* 0x80: like fn_exit, the arithmetic flags are in ctx->flags already */
	u64 scratch[4];		/* 0x88 */
	u64 group[BT_GROUP_SLOTS];		/* host addresses of groups of accesses: group.c */
	/* from here on only C and generated displacements */
	u64 notes;		/* what every bt_ref counts from */
	u32 interp;		/* with BT_EXIT_INTERP: bt_cache_kept's number, 0: decode it */
	u32 key;		/* present key, valid unless key_stale */
	u64 seg_base[6];
	s64 seg_lim_r[6];	/* last valid byte for reads outside 64-bit mode; -1: always the slow way */
	s64 seg_lim_w[6];
	struct bt_window_view window[2];	/* A, B of the present address space: window.h */
	u64 window_fs;		/* host address of FS's base, or one that faults */
	u32 edge[BT_MMU_COUNT];	/* number of the present address space and the view's key: jump.c */
	u32 jc_key[BT_MMU_COUNT];	/* that key: what of the view is known holds under it */
	u8 plain;		/* BT_PLAIN_*: what the present mode lets generated code do by itself */
	u8 pad1[3];
	u32 user_key;		/* of 64-bit user code of the present address space */
	u64 user_stack;		/* with BT_KEY_WINDOW in it: the slot of rsp that it is for */
	struct bt_ring enter, leave;	/* where SYSCALL and SYSRET go */
	u32 form_site;		/* BT_EXIT_FORM: lower half of the instruction's rip, or BT_NO_SITE */
	u8 bounce[BT_BOUNCE * 2] __attribute__((aligned(64)));
	u64 rc[BT_MMU_COUNT][BT_RC_SIZE];	/* host addresses of landings */
	struct bt_tlb tlb[BT_MMU_COUNT];
	struct bt_jc_entry jc[BT_MMU_COUNT][BT_JC_SIZE];

	/* C side */
	struct vcpu *vcpu;
	struct bt_cache *cache;		/* code buffer and blocks of this vCPU */
	struct bt_jump jump;
	u64 rc_miss[BT_MMU_COUNT];	/* where a RET goes that finds nothing: edge.c */
	u64 jc_used[BT_MMU_COUNT][BT_JC_SIZE / 64];	/* entries that a flush must empty */
	bool fpu_live;			/* the guest's x87/SSE/AVX state is in the processor */
	u64 bounce_gpa[2];		/* what mem_commit writes back: see tlb.c */
	u64 bounce_lin;
	u32 bounce_size;
	bool bounce_active;
	struct bt_tlb2 *tlb2;		/* tlb.c: the larger, tagged second level */
	struct bt_smc_queue *queue;	/* smc.c: pages written by others */
	struct bt_windows *windows;	/* window.c; NULL: there never are any */
	bool key_stale;
	bool gs_ours;		/* GS base is ours, and is @gs; the host program's is @gs_host */
	u64 gs, gs_host;
	bool trace_blocks;	/* the trace topic "block" is on */
	struct bt_ctx *next_stats;	/* stats.c */
	struct bt_stats stats;
};

#define BT_NO_SITE 0xffffffffu

/* ctx->memop: what a slow access wants. */
#define BT_MEMOP_SIZE 0xffu		/* bytes 1..64 */
#define BT_MEMOP_R BIT(8)
#define BT_MEMOP_W BIT(9)		/* both: read-modify-write */
#define BT_MEMOP_MMU_SHIFT 10		/* 2 bits */
#define BT_MEMOP_SEG_SHIFT 12		/* 3 bits: segment, for #SS or #GP on a non-canonical address */
#define BT_MEMOP_ALIGN BIT(15)		/* must be aligned to its size: #GP(0) */
#define BT_MEMOP_CALL BIT(16)		/* a CALL's push: what follows it is not the next instruction */

/* ---- blocks ---- */

/*
 * A patchable direct jump. Inside one page it holds as long as its ends. A far
 * one, and that of a landing, holds under a number (jump.c) which stands beside it.
 */
enum bt_link_kind { BT_LINK_NEAR, BT_LINK_FAR, BT_LINK_LANDING };

/* A block or a link by its place in the notes: cache.h. 0: none. */
typedef u32 bt_ref;

/*
 * rel and stub count from the block's code. The number of one that has it is a little before its
 * jump: bt_link_number. Links to one block are a list; prev_in is the place of the reference that
 * leads to this one.
 */
struct bt_link {
	u64 rip;		/* guest target */
	bt_ref to;		/* the block; 0 while unlinked */
	bt_ref next_in, prev_in;
	u16 rel;		/* of the rel32 */
	u16 stub;		/* to which it points while unlinked */
};

/* Where a host fault or a slow access came from. */
struct bt_map {
	u32 host;		/* offset from the block's code */
	u16 guest;		/* offset of the instruction from the block's first byte */
	u16 len;		/* of the instruction */
	bool parked;		/* live flags are in ctx->flags there */
	u32 slow;		/* offset of its twin that asks the TLB: a host fault goes on there; 0: none */
};

/*
 * There are hundreds of thousands: 128 bytes each. loop, entry count from code, which is an offset
 * in the code buffer.
 */
struct bt_block {
	u64 rip;		/* guest rip (CS offset) of the first instruction */
	u64 gpa;		/* of its first byte */
	u64 gpa2;		/* page of the bytes past the page's end, ~0: none */
	u32 key;
	u32 cs_base, cs_limit;	/* base: 0 in 64-bit mode */
	bt_ref hash_next;
	bt_ref in;		/* the first of the links to it */
	bt_ref page_next, page2_next;
	bt_ref map;		/* nmap entries of struct bt_map, packed */
	u32 code;
	u16 code_len;
	u16 loop;		/* where its own jump back to its beginning goes: loop.c */
	u16 entry;		/* the indirect entry (restores ctx->flags when it reads any) */
	u16 dep_lo, dep_hi;	/* page offsets of the bytes it depends on: its own and those looked ahead at */
	u16 size;		/* guest bytes */
	u16 nmap;
	u8 ninsn;
	u8 nlinks;
	u8 kind[2];		/* of its links: enum bt_link_kind */
	bool dead;
	struct bt_link link[2];
};

/* ---- cache.c, chunk.c: blocks and code memory of one vCPU; own thread only ---- */
struct bt_cache *bt_cache_create(struct bt_ctx *x);
void bt_cache_destroy(struct bt_cache *c);
/* The block for guest @rip at @gpa (and the page @gpa2 of the next linear page, ~0 if not mapped), or NULL. */
struct bt_block *bt_cache_find(struct bt_cache *c, u64 rip, u64 gpa, u64 gpa2, u32 key, u64 cs_base);
void bt_cache_flush(struct bt_cache *c);		/* drop every block; jump caches too */
/* Drop the blocks with bytes in [gpa, gpa+len). True when @running (may be NULL) was among them. */
bool bt_cache_invalidate(struct bt_cache *c, u64 gpa, u64 len, const struct bt_block *running);
bool bt_cache_has_page(struct bt_cache *c, u64 gpa);
/* Byte range [gpa, gpa+len) overlaps a translated byte of this vCPU. */
bool bt_cache_overlaps(struct bt_cache *c, u64 gpa, u64 len);
struct bt_block *bt_cache_by_host(struct bt_cache *c, u64 host_pc);	/* rx address → block */
/* Block and map entry of host address @pc. False: not generated code. */
bool bt_cache_map_at(struct bt_cache *c, u64 host_pc, struct bt_block **block, struct bt_map *map);
/* The guest instruction that host address @pc belongs to: sets *rip (CS offset) and *len. */
bool bt_cache_map(struct bt_cache *c, u64 host_pc, u64 *rip, u32 *len);
/* The instruction that ctx->interp = @n (not 0) names, while its block lives. */
const struct x86_insn *bt_cache_kept(struct bt_cache *c, u32 n);
/* Where a host fault at @pc goes on: the twin of the access there. 0: it has none. */
u64 bt_cache_twin(struct bt_cache *c, u64 host_pc);
void bt_cache_link(struct bt_cache *c, struct bt_link *l, struct bt_block *to);
u64 bt_cache_entry(struct bt_cache *c, struct bt_block *b);	/* rx address with flags in ctx->flags */

/* ---- translate.c ---- */
/*
 * Translate at guest @rip. @page: host address of the page of the first byte;
 * @page2: of the next linear page when it is mapped for execution, or NULL.
 * Returns NULL when the first instruction can't be fetched whole (needs the
 * next page: the caller walks it and raises the fault) or, after a flush,
 * memory is short. The caller has made both pages watched (smc.c) BEFORE.
 */
struct bt_block *bt_translate(struct bt_ctx *x, u64 rip, u64 gpa, u64 gpa2, const u8 *page,
			      const u8 *page2);

/* ---- context.c ---- */
/* The context with its stack, jump caches and TLBs empty, function pointers set; or NULL. */
struct bt_ctx *bt_ctx_create(struct vcpu *v);
void bt_ctx_destroy(struct bt_ctx *x);
/*
 * Run generated code at @code until it leaves: moves vcpu->cpu (gpr, arithmetic
 * rflags) in and out around bt_asm_enter. On return ctx->exit_reason and
 * ctx->rip say why and where; vcpu->cpu.rip is set to ctx->rip. Segment bases
 * and limits (ctx->seg_*) are the caller's to keep fresh: bt_ctx_load_segments
 * after any segment or mode change.
 */
enum bt_exit bt_enter(struct bt_ctx *x, u64 code);
void bt_ctx_load_segments(struct bt_ctx *x);
void bt_ctx_release_gs(struct bt_ctx *x);	/* the host program's GS base is back */

/* ---- enter.S ---- */
/* Load registers from ctx->gpr_ptr and flags from ctx->flags, jump to @code; back with all stored. */
void bt_asm_enter(struct bt_ctx *x, u64 code);
void bt_asm_mem_slow(void);
void bt_asm_mem_commit(void);
void bt_asm_seg_slow(void);
void bt_asm_exit(void);			/* arithmetic flags are in the processor */
void bt_asm_exit_parked(void);		/* they are in ctx->flags */

/* ---- tlb.c: called by enter.S on the context's own stack ---- */
/*
 * Resolve ctx->mem_lin for ctx->memop. Returns the host address where the
 * access may be made at once (TLB filled when possible), with *bounce = 0; or
 * ctx->bounce with *bounce = 1 after reading what is there (for R): the code
 * performs the instruction on it and, for W, calls bt_mem_commit. Returns 0
 * when the instruction can't go on: ctx->exit_reason is set (EXC with
 * vcpu->emu.exc, USER, FAULT) and ctx->rip is the guest instruction.
 */
u64 bt_mem_slow(struct bt_ctx *x, u64 *bounce);
/* Write the bounce buffer back. 0: go on; else leave with ctx->exit_reason, ctx->rip past the instruction. */
int bt_mem_commit(struct bt_ctx *x);
/* ctx->mem_lin is an offset in segment memop.SEG: the linear address, or sets exit as above and *fail = 1. */
u64 bt_seg_slow(struct bt_ctx *x, u64 *fail);

/* ---- run.c, tlb.c, smc.c, fpu.c ---- */
u32 bt_compute_key(struct bt_ctx *x);
void bt_tlb_flush_all(struct bt_ctx *x);
/* The mode has changed: what SYSCALL and SYSRET load. False: the emulator does them. */
bool bt_syscall_sync(struct bt_ctx *x);
void bt_fpu_load(struct bt_ctx *x);	/* vcpu->cpu.xsave → processor */
void bt_fpu_save(struct bt_ctx *x);	/* processor → vcpu->cpu.xsave */
/*
 * Execute one x87/SSE/AVX instruction of kind SPECIAL (fxsave, xsave, fnstenv, gathers, maskmov ...),
 * decoded in vcpu->emu.insn.
 */
int bt_fpu_special(struct bt_ctx *x);	/* an enum x86_emu_result */

#endif
