/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the run loop and of the memory side: what run.c, tlb.c, smc.c,
 * fpu.c and string.c offer each other.
 */
#ifndef ANYKVM_BT_RUN_H
#define ANYKVM_BT_RUN_H

#include "bt.h"

/* ---- tlb.c ---- */

#define BT_TLB2_BITS 12
#define BT_TLB2_SETS (1u << BT_TLB2_BITS)
#define BT_TLB2_WAYS 4u
#define BT_LARGE_SIZE (2ull << 20)
#define BT_LARGE2M_BITS 16
#define BT_LARGE1G_BITS 10

enum {
	BT_T2_USER = 1, BT_T2_WRITE = 2, BT_T2_DIRTY = 4, BT_T2_GLOBAL = 8, BT_T2_EXEC = 16,
	BT_T2_HOST_W = 32,	/* the slot lets us write, and the page is marked dirty */
};

/*
 * A translation with the rights that the guest's entries give, so that one
 * entry serves every privilege level: who asks is checked at each use.
 */
struct bt_tlb2_entry {
	u64 gpa;		/* of the page */
	u64 host;		/* 0: not asked yet, or MMIO */
	struct memslot *slot;	/* NULL: MMIO */
	u64 flags;
};

/* Where the processor would fetch from. */
struct bt_fetched {
	u64 gpa;		/* of the page; ~0: can not be fetched from */
	const u8 *host;		/* NULL: no memory */
	bool global;
};

/* One page's part of a slow access. */
struct bt_part {
	u64 gpa;		/* of the first byte */
	u8 *host;		/* NULL: MMIO */
	struct memslot *slot;
	const struct bt_tlb2_entry *e;
	u32 len;
	bool code;		/* a store here goes around the watch (smc.c) */
};

struct bt_tlb2 {
	u64 key[BT_TLB2_SETS][BT_TLB2_WAYS];	/* linear page | low bits of its number; 0: empty */
	struct bt_tlb2_entry e[BT_TLB2_SETS][BT_TLB2_WAYS];
	u8 victim[BT_TLB2_SETS];
	u64 touched[BT_MMU_COUNT][BT_TLB_SIZE / 64];	/* entries of the first level in use */
	u64 global[BT_MMU_COUNT][BT_TLB_SIZE / 64];	/* those that outlive MOV CR3 */
	u64 asid, global_asid;	/* of the present address space; of global pages */
	u64 counter, flushed;	/* last number given; numbers up to here are void */
	u64 pcid[4096];		/* number of each address space */
	/* filters: pages of 2 MiB, and of more, that entries of either level were cut from */
	u64 large2m[(1u << BT_LARGE2M_BITS) / 64], large1g[(1u << BT_LARGE1G_BITS) / 64];
	u64 cr3, cr0, cr4, efer;	/* as the tables were last valid for */

	/* the slow access under way */
	struct bt_part part[2];
	u32 nparts;
	bool split_locked;	/* vm->split_lock is held from the slow access to its commit */

	/* run.c */
	bool force_step;	/* the next instruction alone, in a block of its own */
	bool stepping;		/* that block runs */
	u64 bp_sum;		/* execution breakpoints that blocks were made for */
	u32 host_mxcsr;
	u16 host_fcw;
};

/* The second level's answer for one access. X86_EMU_OK, FAULT (vcpu->emu.exc) or SHUTDOWN (memory vanished). */
int bt_resolve(struct bt_ctx *x, u64 lin, enum bt_mmu mmu, bool write, struct bt_part *p);
/* Host address for an access of @len bytes at @lin within a page when the first level has it; else NULL. */
void *bt_tlb_hit(struct bt_ctx *x, u64 lin, u32 len, enum bt_mmu mmu, bool write);
/* The same, filling it from the tables when it is plain memory. NULL: not so (a fault, MMIO, code, watched). */
void *bt_tlb_get(struct bt_ctx *x, u64 lin, u32 len, enum bt_mmu mmu, bool write);
/* For a fetch: 0, or an enum x86_emu_result with vcpu->emu.exc. @peek: no fault wanted, gpa = ~0 instead. */
int bt_fetch_page(struct bt_ctx *x, u64 lin, bool peek, struct bt_fetched *out);
enum bt_mmu bt_data_mmu(const struct x86_cpu *c);
void bt_tlb_flush_l1(struct bt_ctx *x, bool global_too);
void bt_tlb_flush_asid(struct bt_ctx *x);
void bt_tlb_flush_page(struct bt_ctx *x, u64 lin);
/* CR3 or paging bits may have changed: follow. */
void bt_tlb_sync(struct bt_ctx *x);
/* No first-level entry of this vCPU lets a store reach @host's page any more. */
void bt_tlb_protect(struct bt_ctx *x, const void *host);

/* ---- tlb2.c ---- */

struct bt_tlb2 *bt_tlb_create(void);
/* The present address space's entry for the page of @lin, or NULL. */
struct bt_tlb2_entry *bt_tlb2_find(struct bt_tlb2 *t, u64 lin);
/* Does it allow the access @acc (X86_WALK_W, X86_WALK_X, 0: a load) to who sees memory as @mmu? */
bool bt_tlb2_allowed(const struct bt_ctx *x, const struct bt_tlb2_entry *e, enum bt_mmu mmu,
		     u32 acc);
/* An entry that allows it, by a walk if need be: an enum x86_emu_result, vcpu->emu.exc. */
int bt_tlb2_get(struct bt_ctx *x, u64 lin, enum bt_mmu mmu, u32 acc, struct bt_tlb2_entry **out);
void bt_tlb2_flush_all(struct bt_ctx *x);
/* CR3's address space is the present one, as it was, or empty. True: every other entry has gone, too. */
bool bt_tlb2_use_asid(struct bt_ctx *x);
bool bt_tlb2_flush_asid(struct bt_ctx *x);
/* The page at @lin, or all pages of a large one. ALL: nothing yet, everything has to. */
enum bt_tlb2_part { BT_TLB2_PAGE, BT_TLB2_LARGE, BT_TLB2_ALL };
enum bt_tlb2_part bt_tlb2_flush_page(struct bt_ctx *x, u64 lin);

/* ---- smc.c ---- */

#define BT_SMC_QUEUE 1024

struct bt_smc_item {
	u64 gpa, len;
};

struct bt_smc_queue {
	struct plat_spinlock lock;
	u32 n;			/* > BT_SMC_QUEUE: overflow, drop everything */
	struct bt_smc_item item[BT_SMC_QUEUE];
	u64 heat_gfn[256];	/* own thread: pages that were dropped for a store, and how often */
	u8 heat[256];
};

struct bt_smc_queue *bt_smc_create(void);
/* Before a page's bytes are read for translation. */
void bt_smc_prepare(struct bt_ctx *x, u64 gpa, const u8 *host);
bool bt_slot_code(const struct memslot *slot, u64 gpa);
/*
 * A store of this vCPU to a page that has translations. What to do:
 * PLAIN: they are gone, write as to any page; STEP: the running block was hit,
 * execute this instruction alone; AROUND: keep the page, bounce and commit.
 */
enum bt_smc_store { BT_SMC_PLAIN, BT_SMC_STEP, BT_SMC_AROUND };
enum bt_smc_store bt_smc_store(struct bt_ctx *x, struct bt_part *p, bool read, u64 host_pc);
/* Commit of AROUND. 0, -EFAULT, or 1: the running block was hit. */
int bt_smc_write_around(struct bt_ctx *x, struct bt_part *p, const void *data, u64 host_pc);
/* Take in what others wrote. True: blocks went. */
bool bt_smc_drain(struct bt_ctx *x);
void bt_memory_written(struct vm *vm, u64 gpa, u64 len);

/* ---- fpu.c ---- */

int bt_fpu_init(void);
void bt_fpu_host_enter(struct bt_ctx *x);	/* at the beginning of run(): note the host's control words */
void bt_fpu_host_leave(struct bt_ctx *x);	/* at its end: guest state to memory, host's words back */
static inline void bt_fpu_release(struct bt_ctx *x)	/* before code that may use vector registers */
{
	if (x->fpu_live)
		bt_fpu_save(x);
}

static inline void bt_fpu_claim(struct bt_ctx *x)
{
	if (!x->fpu_live)
		bt_fpu_load(x);
}

u64 bt_effective(const struct x86_cpu *c, const struct x86_insn *i);	/* the memory operand's offset */
/* To or from guest memory at offset @off of the operand's segment: an enum x86_emu_result. */
int bt_guest_copy(struct bt_ctx *x, u64 off, void *buf, u32 len, bool write);

/* vector.c: the element-wise memory operations of AVX and SSE. */
int bt_vector_special(struct bt_ctx *x);
u8 *bt_xsave_legacy(struct vcpu *v, u64 component);	/* the image, component's init state made explicit */

/* ---- string.c ---- */

/*
 * One REP MOVS/STOS (...) at cpu.rip, decoded in emu.insn. An enum x86_emu_result; UNHANDLED: let
 * x86_emulate do it.
 */
int bt_string(struct bt_ctx *x);

/* ---- hint.c ---- */

void bt_form_missed(struct bt_ctx *x);

/* ---- stats.c ---- */

void bt_stats_init(void);
void bt_stats_begin(struct bt_ctx *x);		/* the vCPU counts from now on */
void bt_stats_end(struct bt_ctx *x);
void bt_stats_report(void);			/* of all vCPUs; any thread */
void bt_stats_block(struct bt_ctx *x, const struct bt_block *b);	/* it has been translated */

/* ---- run.c, fault.c ---- */

enum engine_exit bt_run(struct vcpu *v);
bool bt_host_fault(struct vcpu *v, struct engine_fault *f);

#endif
