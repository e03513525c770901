// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The second level of the TLB: what the guest's page tables said of a page,
 * for loads, stores and fetches of every ring alike, tagged by address space.
 *
 * An address space has a number (its PCID's present one); global pages have
 * one of their own. A flush gives a new number instead of looking for entries.
 * A key has the low bits of the number beside the page, so before those come
 * round again everything goes.
 *
 * A page cut out of a large one is an entry like any other. Where that has
 * happened a filter remembers it, since INVLPG of one part means all of them.
 */
#include "run.h"

#define NUMBER_MASK (PAGE_SIZE - 1)

struct bt_tlb2 *bt_tlb_create(void)
{
	struct bt_tlb2 *t = plat_alloc(sizeof(*t));

	if (!t)
		return NULL;
	t->counter = 2;
	t->asid = 1;
	t->global_asid = 2;
	return t;
}

/* ---- address spaces ---- */

static u64 *pcid_slot(struct bt_ctx *x)
{
	const struct x86_cpu *c = &x->vcpu->cpu;

	return &x->tlb2->pcid[(c->cr4 & X86_CR4_PCIDE) ? c->cr3 & 0xfff : 0];
}

/* All numbers given so far are void. */
static void void_numbers(struct bt_tlb2 *t)
{
	t->flushed = t->counter;
	t->global_asid = ++t->counter;
	memset(t->large2m, 0, sizeof(t->large2m));
	memset(t->large1g, 0, sizeof(t->large1g));
}

bool bt_tlb2_use_asid(struct bt_ctx *x)
{
	struct bt_tlb2 *t = x->tlb2;
	u64 *p = pcid_slot(x);
	bool round = false;

	if (*p <= t->flushed) {
		/* No key has 0 for its number: that is what an empty entry has. */
		round = (t->counter & NUMBER_MASK) >= NUMBER_MASK - 2;
		if (round) {
			memset(t->key, 0, sizeof(t->key));
			t->counter |= NUMBER_MASK;
			t->counter++;
			void_numbers(t);
		}
		*p = ++t->counter;
	}
	t->asid = *p;
	return round;
}

void bt_tlb2_flush_all(struct bt_ctx *x)
{
	void_numbers(x->tlb2);
	bt_tlb2_use_asid(x);
}

bool bt_tlb2_flush_asid(struct bt_ctx *x)
{
	*pcid_slot(x) = 0;
	return bt_tlb2_use_asid(x);
}

/* ---- sets ---- */

static u32 set_of(u64 lin)
{
	u64 n = lin >> PAGE_SHIFT;

	return (n ^ (n >> BT_TLB2_BITS)) & (BT_TLB2_SETS - 1);
}

static u64 key_of(u64 lin, u64 number)
{
	return (lin & PAGE_MASK) | (number & NUMBER_MASK);
}

struct bt_tlb2_entry *bt_tlb2_find(struct bt_tlb2 *t, u64 lin)
{
	u32 s = set_of(lin);
	u64 mine = key_of(lin, t->asid), global = key_of(lin, t->global_asid);

	for (u32 w = 0; w < BT_TLB2_WAYS; w++)
		if (t->key[s][w] == mine || t->key[s][w] == global)
			return &t->e[s][w];
	return NULL;
}

static void drop_page(struct bt_tlb2 *t, u64 lin)
{
	u32 s = set_of(lin);
	u64 mine = key_of(lin, t->asid), global = key_of(lin, t->global_asid);

	for (u32 w = 0; w < BT_TLB2_WAYS; w++)
		if (t->key[s][w] == mine || t->key[s][w] == global)
			t->key[s][w] = 0;
}

/* ---- large pages ---- */

/* Of a page number at the size @shift, among 2^bits. */
static u32 large_bit(u64 lin, u32 shift, u32 bits)
{
	return ((lin >> shift) * 0x9e3779b97f4a7c15ull) >> (64 - bits);
}

static void note_large(struct bt_tlb2 *t, u64 lin, u32 shift)
{
	u32 b = large_bit(lin, 21, BT_LARGE2M_BITS);

	t->large2m[b / 64] |= BIT_ULL(b % 64);
	/* A 4 MiB page counts as two of 2 MiB, so the filter of 1 GiB takes it. */
	if (shift > 21) {
		b = large_bit(lin, 30, BT_LARGE1G_BITS);
		t->large1g[b / 64] |= BIT_ULL(b % 64);
	}
}

enum bt_tlb2_part bt_tlb2_flush_page(struct bt_ctx *x, u64 lin)
{
	struct bt_tlb2 *t = x->tlb2;
	u32 b = large_bit(lin, 30, BT_LARGE1G_BITS);

	if (t->large1g[b / 64] & BIT_ULL(b % 64))
		return BT_TLB2_ALL;
	b = large_bit(lin, 21, BT_LARGE2M_BITS);
	if (!(t->large2m[b / 64] & BIT_ULL(b % 64))) {
		drop_page(t, lin);
		return BT_TLB2_PAGE;
	}
	/* What was cut out of a large page near here goes with it. */
	lin &= ~(BT_LARGE_SIZE - 1);
	for (u64 off = 0; off < BT_LARGE_SIZE; off += PAGE_SIZE)
		drop_page(t, lin + off);
	return BT_TLB2_LARGE;
}

/* ---- look-up ---- */

bool bt_tlb2_allowed(const struct bt_ctx *x, const struct bt_tlb2_entry *e, enum bt_mmu mmu,
		     u32 acc)
{
	const struct x86_cpu *c = &x->vcpu->cpu;

	if (!(c->cr0 & X86_CR0_PG))
		return true;
	if (((acc & X86_WALK_W) && !(e->flags & BT_T2_DIRTY)) ||
	    ((acc & X86_WALK_X) && !(e->flags & BT_T2_EXEC)))
		return false;
	if (mmu == BT_MMU_USER)
		return (e->flags & BT_T2_USER) && (!(acc & X86_WALK_W) || (e->flags & BT_T2_WRITE));
	if (e->flags & BT_T2_USER) {
		if (acc & X86_WALK_X)
			return !(c->cr4 & X86_CR4_SMEP);
		if (mmu == BT_MMU_KERNEL && (c->cr4 & X86_CR4_SMAP))
			return false;
	}
	return !(acc & X86_WALK_W) || (e->flags & BT_T2_WRITE) || !(c->cr0 & X86_CR0_WP);
}

/* Walk, and keep what comes of it at @e, or where there is room. */
static int refill(struct bt_ctx *x, u64 lin, enum bt_mmu mmu, u32 acc, struct bt_tlb2_entry **e)
{
	struct bt_tlb2 *t = x->tlb2;
	struct vcpu *v = x->vcpu;
	u32 s = set_of(lin), way;
	struct x86_walk w;
	int r;

	/* A view that SMAP holds for means an implicit access, should AC be set. */
	if (mmu == BT_MMU_USER)
		acc |= X86_WALK_U;
	else if (mmu == BT_MMU_KERNEL)
		acc |= X86_WALK_IMPLICIT;
	r = x86_walk(v, lin, acc, &w, &v->emu.exc);
	if (r != X86_EMU_OK)
		return r;
	if (w.page_shift > PAGE_SHIFT && (v->cpu.cr0 & X86_CR0_PG))
		note_large(t, lin, w.page_shift);
	way = *e ? (u32)(*e - t->e[s]) : t->victim[s]++ % BT_TLB2_WAYS;
	*e = &t->e[s][way];
	t->key[s][way] = key_of(lin, w.global ? t->global_asid : t->asid);
	**e = (struct bt_tlb2_entry){
		.gpa = w.gpa & PAGE_MASK,
		.slot = vm_slot(v->vm, w.gpa >> PAGE_SHIFT),
		.flags = (w.user ? BT_T2_USER : 0) | (w.writable ? BT_T2_WRITE : 0) |
			 (w.dirty ? BT_T2_DIRTY : 0) | (w.exec ? BT_T2_EXEC : 0) |
			 (w.global ? BT_T2_GLOBAL : 0),
	};
	return X86_EMU_OK;
}

int bt_tlb2_get(struct bt_ctx *x, u64 lin, enum bt_mmu mmu, u32 acc, struct bt_tlb2_entry **out)
{
	*out = bt_tlb2_find(x->tlb2, lin);
	if (likely(*out && bt_tlb2_allowed(x, *out, mmu, acc)))
		return X86_EMU_OK;
	return refill(x, lin, mmu, acc, out);
}
