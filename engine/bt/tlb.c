// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Linear addresses of the guest to memory of the host, in two levels.
 *
 * The first (struct bt_tlb, one for each view of memory) is what generated
 * code asks: a hit there needs no further check, so an entry is made only for
 * plain RAM that the view may read, and its half for stores only where a store
 * needs nothing more: the page is dirty in the guest's tables and in the log,
 * holds no translated code and no watchpoint. The second (tlb2.c) keeps what
 * the page tables said, tagged by address space, so that MOV CR3 empties only
 * the first. As the processor's TLBs, both may be stale until the guest
 * flushes them.
 */
#include "jump.h"
#include "run.h"
#include "window.h"

enum bt_mmu bt_data_mmu(const struct x86_cpu *c)
{
	if (x86_cpl(c) == 3)
		return BT_MMU_USER;
	return (c->cr4 & X86_CR4_SMAP) && (c->rflags & X86_AC) ? BT_MMU_KERNEL_AC : BT_MMU_KERNEL;
}

/* ---- flushes ---- */

void bt_tlb_flush_l1(struct bt_ctx *x, bool global_too)
{
	struct bt_tlb2 *t = x->tlb2;

	for (u32 m = 0; m < BT_MMU_COUNT; m++) {
		for (u32 w = 0; w < BT_TLB_SIZE / 64; w++) {
			u64 bits = t->touched[m][w];

			if (!global_too)
				bits &= ~t->global[m][w];
			t->touched[m][w] &= ~bits;
			for (; bits; bits &= bits - 1) {
				u32 i = w * 64 + __builtin_ctzll(bits);

				bt_tlb_drop(&x->tlb[m], i);
			}
		}
	}
}

void bt_tlb_flush_all(struct bt_ctx *x)
{
	bt_tlb2_flush_all(x);
	bt_jump_space(x, x->tlb2->asid);
	bt_jump_flush(x);
	bt_tlb_flush_l1(x, true);
	bt_window_flush(x, true);
}

/* Another address space is the present one. @all: nothing is known of any. */
static void changed_space(struct bt_ctx *x, bool all)
{
	bt_jump_space(x, x->tlb2->asid);
	if (unlikely(all))
		bt_jump_flush(x);
	bt_tlb_flush_l1(x, all);
}

void bt_tlb_flush_asid(struct bt_ctx *x)
{
	changed_space(x, bt_tlb2_flush_asid(x));
	x->tlb2->cr3 = x->vcpu->cpu.cr3;
	bt_window_flush(x, false);
}

static void drop_l1(struct bt_ctx *x, u64 page)
{
	u32 i = bt_tlb_index(page);

	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		if (x->tlb[m].r[i].tag == page || x->tlb[m].w[i].tag == page)
			bt_tlb_drop(&x->tlb[m], i);
}

void bt_tlb_flush_page(struct bt_ctx *x, u64 lin)
{
	bt_window_flush_page(x, lin);
	lin &= PAGE_MASK;
	switch (bt_tlb2_flush_page(x, lin)) {
	case BT_TLB2_PAGE:
		drop_l1(x, lin);
		bt_jump_flush_page(x, lin);
		break;
	case BT_TLB2_LARGE:
		lin &= ~(BT_LARGE_SIZE - 1);
		for (u64 off = 0; off < BT_LARGE_SIZE; off += PAGE_SIZE) {
			drop_l1(x, lin + off);
			bt_jump_flush_page(x, lin + off);
		}
		break;
	case BT_TLB2_ALL:
		bt_tlb_flush_all(x);
		break;
	}
}

void bt_tlb_sync(struct bt_ctx *x)
{
	const u64 cr4_bits = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE |
			     X86_CR4_SMEP | X86_CR4_SMAP;
	const u64 cr0_bits = X86_CR0_PG | X86_CR0_PE;
	const struct x86_cpu *c = &x->vcpu->cpu;
	struct bt_tlb2 *t = x->tlb2;

	if (((t->cr0 ^ c->cr0) & cr0_bits) || ((t->cr4 ^ c->cr4) & cr4_bits) ||
	    ((t->efer ^ c->efer) & (X86_EFER_LMA | X86_EFER_NXE))) {
		bt_tlb_flush_all(x);
	} else if ((t->cr0 ^ c->cr0) & X86_CR0_WP) {
		bt_tlb_flush_l1(x, true);
	}
	if (t->cr3 != c->cr3)
		changed_space(x, bt_tlb2_use_asid(x));
	t->cr0 = c->cr0;
	t->cr3 = c->cr3;
	t->cr4 = c->cr4;
	t->efer = c->efer;
	bt_jump_space(x, t->asid);
}

void bt_tlb_protect(struct bt_ctx *x, const void *host)
{
	for (u32 m = 0; m < BT_MMU_COUNT; m++) {
		struct bt_tlb *l1 = &x->tlb[m];

		for (u32 w = 0; w < BT_TLB_SIZE / 64; w++) {
			for (u64 bits = x->tlb2->touched[m][w]; bits; bits &= bits - 1) {
				u32 i = w * 64 + __builtin_ctzll(bits);

				if (l1->r[i].host == (u64)host)
					l1->w[i].tag = bt_tlb_invalid(i);
			}
		}
	}
}

/* ---- from the second level ---- */

static int lookup(struct bt_ctx *x, u64 lin, enum bt_mmu mmu, bool write,
		  struct bt_tlb2_entry **out)
{
	struct vcpu *v = x->vcpu;
	struct bt_tlb2_entry *e;
	void *host;
	int r;

	r = bt_tlb2_get(x, lin, mmu, write ? X86_WALK_W : 0, &e);
	if (r != X86_EMU_OK)
		return r;
	*out = e;
	if (!e->slot)
		return X86_EMU_OK;
	if (write && !(e->flags & BT_T2_HOST_W) && !(e->slot->flags & KVM_MEM_READONLY)) {
		host = vm_page(v->vm, v, e->gpa, true);
		if (!host)
			goto gone;
		e->host = (u64)host;
		e->flags |= BT_T2_HOST_W;
	} else if (!e->host) {
		host = vm_page(v->vm, v, e->gpa, false);
		if (!host)
			goto gone;
		e->host = (u64)host;
	}
	return X86_EMU_OK;
gone:
	v->memory_gone = true;
	return X86_EMU_SHUTDOWN;
}

int bt_resolve(struct bt_ctx *x, u64 lin, enum bt_mmu mmu, bool write, struct bt_part *p)
{
	struct bt_tlb2_entry *e = NULL;
	int r = lookup(x, lin, mmu, write, &e);
	u64 off = lin & ~PAGE_MASK;

	if (r != X86_EMU_OK)
		return r;
	p->e = e;
	p->gpa = e->gpa + off;
	p->slot = e->slot;
	p->host = e->host ? (u8 *)e->host + off : NULL;
	p->code = false;
	if (write && e->slot && (e->slot->flags & KVM_MEM_READONLY))
		p->host = NULL;		/* a store to ROM is the host program's to see */
	return X86_EMU_OK;
}

/* ---- the first level ---- */

/*
 * The bit says whether anybody has code there; our own blocks may outlive it
 * until the queue is drained.
 */
static bool has_code(const struct bt_ctx *x, const struct memslot *slot, u64 gpa)
{
	return bt_slot_code(slot, gpa) || bt_cache_has_page(x->cache, gpa);
}

/* What @e says of the page at @lin, to the first level. */
static void fill(struct bt_ctx *x, const struct bt_tlb2_entry *e, u64 lin, enum bt_mmu mmu)
{
	struct bt_tlb2 *t = x->tlb2;
	u32 i = bt_tlb_index(lin);
	struct bt_tlb_half half = { .tag = lin & PAGE_MASK, .host = e->host };
	struct bt_tlb *l1 = &x->tlb[mmu];

	if (!e->host || x86_watch_page(x->vcpu, half.tag))
		return;
	l1->r[i] = half;
	if (!(e->flags & BT_T2_HOST_W) || !bt_tlb2_allowed(x, e, mmu, X86_WALK_W) ||
	    has_code(x, e->slot, e->gpa))
		half.tag = bt_tlb_invalid(i);
	l1->w[i] = half;
	t->touched[mmu][i / 64] |= BIT_ULL(i % 64);
	if (e->flags & BT_T2_GLOBAL)
		t->global[mmu][i / 64] |= BIT_ULL(i % 64);
	else
		t->global[mmu][i / 64] &= ~BIT_ULL(i % 64);
}

void *bt_tlb_hit(struct bt_ctx *x, u64 lin, u32 len, enum bt_mmu mmu, bool write)
{
	const struct bt_tlb *l1 = &x->tlb[mmu];
	const struct bt_tlb_half *h = (write ? l1->w : l1->r) + bt_tlb_index(lin);
	u64 off = lin - h->tag;

	return off <= PAGE_SIZE - len ? (void *)(h->host + off) : NULL;
}

void *bt_tlb_get(struct bt_ctx *x, u64 lin, u32 len, enum bt_mmu mmu, bool write)
{
	void *host = bt_tlb_hit(x, lin, len, mmu, write);
	struct bt_tlb2_entry *e = NULL;

	if (host)
		return host;
	if ((lin & ~PAGE_MASK) + len > PAGE_SIZE || lookup(x, lin, mmu, write, &e) != X86_EMU_OK)
		return NULL;
	fill(x, e, lin, mmu);
	return bt_tlb_hit(x, lin, len, mmu, write);
}

/* ---- fetches ---- */

int bt_fetch_page(struct bt_ctx *x, u64 lin, bool peek, struct bt_fetched *out)
{
	struct vcpu *v = x->vcpu;
	enum bt_mmu mmu = x86_cpl(&v->cpu) == 3 ? BT_MMU_USER : BT_MMU_KERNEL;
	struct bt_tlb2_entry *e = NULL;
	int r = bt_tlb2_get(x, lin, mmu, X86_WALK_X, &e);

	*out = (struct bt_fetched){ .gpa = ~0ull };
	if (r != X86_EMU_OK)
		return peek ? X86_EMU_OK : r;
	if (!e->host)
		e->host = (u64)vm_page(v->vm, v, e->gpa, false);
	*out = (struct bt_fetched){ .gpa = e->gpa, .host = (const u8 *)e->host,
				    .global = e->flags & BT_T2_GLOBAL };
	return X86_EMU_OK;
}

/* ---- called from generated code ---- */

static void split_lock(struct bt_ctx *x)
{
	if (READ_ONCE(x->vcpu->vm->nr_vcpus) == 1)
		return;
	plat_mutex_lock(&x->vcpu->vm->split_lock);
	x->tlb2->split_locked = true;
}

static void split_unlock(struct bt_ctx *x)
{
	if (!x->tlb2->split_locked)
		return;
	x->tlb2->split_locked = false;
	plat_mutex_unlock(&x->vcpu->vm->split_lock);
}

/* The instruction can't go on: leave at it. */
static u64 give_up(struct bt_ctx *x, enum bt_exit why)
{
	u64 rip;
	u32 len;

	if (!bt_cache_map(x->cache, x->mem_ret, &rip, &len))
		plat_bug(__FILE__, __LINE__, "a slow access from no instruction");
	split_unlock(x);
	x->stats.slow[BT_SLOW_LEFT]++;
	x->rip = rip;
	x->exit_reason = why;
	return 0;
}

static u64 give_up_result(struct bt_ctx *x, int r)
{
	return give_up(x, r == X86_EMU_FAULT ? BT_EXIT_EXC :
			  r == X86_EMU_EXIT ? BT_EXIT_USER : BT_EXIT_FAULT);
}

static u64 raise(struct bt_ctx *x, u8 vector)
{
	x->vcpu->emu.exc = (struct x86_exception){ .vector = vector, .has_error = true };
	return give_up(x, BT_EXIT_EXC);
}

/* Checks that come before the page tables. 0: fine; else the vector to raise with error code 0. */
static u8 check_address(struct bt_ctx *x, u64 lin, u32 size, u32 memop)
{
	u32 seg = (memop >> BT_MEMOP_SEG_SHIFT) & 7;
	u32 align = size;

	if ((x->key & BT_KEY_MODE) == X86_MODE_64 &&
	    (!x86_canonical(lin, x->vcpu->cpu.linear_bits) ||
	     !x86_canonical(lin + size - 1, x->vcpu->cpu.linear_bits)))
		return seg == X86_SS ? X86_EXC_SS : X86_EXC_GP;
	/* A flat segment's limit was not looked at: it ends where 32 bits do. */
	if ((x->key & BT_KEY_MODE) != X86_MODE_64 && (x->key & BT_KEY_FLAT) && seg < X86_FS &&
	    lin + size > 1ull << 32)
		return seg == X86_SS ? X86_EXC_SS : X86_EXC_GP;
	if ((memop & BT_MEMOP_ALIGN) && (lin & (size - 1)))
		return X86_EXC_GP;
	if (!(x->key & BT_KEY_ALIGN))
		return 0;
	if (align & (align - 1))		/* far pointers, 80-bit reals */
		align = size == 6 ? 4 : size == 10 ? 8 : 1;
	return lin & (align - 1) ? X86_EXC_AC : 0;
}

static int bounce_read(struct bt_ctx *x)
{
	struct bt_tlb2 *t = x->tlb2;
	u8 *to = x->bounce;
	int r;

	for (u32 i = 0; i < t->nparts; to += t->part[i].len, i++) {
		struct bt_part *p = &t->part[i];

		if (p->host) {
			if (plat_guest_read(to, p->host, p->len))
				return X86_EMU_SHUTDOWN;
			continue;
		}
		/* ROM is read as memory even by an access that will write. */
		if (p->slot) {
			if (vm_read(x->vcpu->vm, p->gpa, to, p->len))
				return X86_EMU_SHUTDOWN;
			continue;
		}
		r = vcpu_mmio_read(x->vcpu, p->gpa, to, p->len);
		if (r != X86_EMU_OK)
			return r;
	}
	return X86_EMU_OK;
}

/* Find the parts of [lin, lin+size). */
static int resolve_parts(struct bt_ctx *x, u64 lin, u32 size, enum bt_mmu mmu, bool write)
{
	struct bt_tlb2 *t = x->tlb2;
	u32 first = min((u64)size, PAGE_SIZE - (lin & ~PAGE_MASK));
	u64 next = (lin & PAGE_MASK) + PAGE_SIZE;
	int r = bt_resolve(x, lin, mmu, write, &t->part[0]);

	t->nparts = 1;
	t->part[0].len = first;
	if (r != X86_EMU_OK || first == size)
		return r;
	if ((x->key & BT_KEY_MODE) != X86_MODE_64)
		next = (u32)next;
	t->nparts = 2;
	t->part[1].len = size - first;
	return bt_resolve(x, next, mmu, write, &t->part[1]);
}

/* Stores to pages with code. False: the access has to be given up, exit_reason is set. */
static bool settle_code(struct bt_ctx *x, bool read)
{
	struct bt_tlb2 *t = x->tlb2;

	for (u32 i = 0; i < t->nparts; i++) {
		struct bt_part *p = &t->part[i];

		if (!p->host || !has_code(x, p->slot, p->gpa))
			continue;
		bt_fpu_release(x);
		switch (bt_smc_store(x, p, read, x->mem_ret)) {
		case BT_SMC_PLAIN:
			break;
		case BT_SMC_AROUND:
			p->code = true;
			break;
		case BT_SMC_STEP:
			t->force_step = true;
			give_up(x, BT_EXIT_KICK);
			return false;
		}
	}
	return true;
}

/* Watchpoints. False: given up, to be executed alone so that the trap comes right after it. */
static bool settle_watch(struct bt_ctx *x, u64 lin, u32 size, bool write)
{
	u64 hits = x86_watch_hits(x->vcpu, lin, size, write);

	if (likely(!hits))
		return true;
	if (x->tlb2->stepping) {
		x->vcpu->watch_hits |= hits;
		return true;
	}
	x->tlb2->force_step = true;
	give_up(x, BT_EXIT_KICK);
	return false;
}

static u64 go_direct(struct bt_ctx *x, u8 *host)
{
	bt_fpu_claim(x);
	return (u64)host;
}

/*
 * The usual slow access is a miss of the first level only. 0: not so.
 */
static u64 hit_level2(struct bt_ctx *x, u64 lin, u32 size, enum bt_mmu mmu, bool write)
{
	const struct bt_tlb2_entry *e = bt_tlb2_find(x->tlb2, lin);
	u64 off = lin & ~PAGE_MASK, host;

	if (!e || !e->host || off + size > PAGE_SIZE || (x->key & BT_KEY_ALIGN) ||
	    ((x->memop & BT_MEMOP_ALIGN) && (lin & (size - 1))) ||
	    !bt_tlb2_allowed(x, e, mmu, write ? X86_WALK_W : 0) ||
	    (write && (!(e->flags & BT_T2_HOST_W) || has_code(x, e->slot, e->gpa))) ||
	    x86_watch_page(x->vcpu, lin & PAGE_MASK))
		return 0;
	host = e->host + off;
	fill(x, e, lin, mmu);
	if (unlikely(x->key & BT_KEY_WINDOW))
		bt_window_miss(x, lin, write);
	return host;
}

static void count_slow(struct bt_ctx *x, enum bt_slow cause)
{
	x->stats.slow[cause]++;
}

/* What a bounce buffer is for. */
static enum bt_slow bounce_cause(const struct bt_tlb2 *t)
{
	enum bt_slow cause = BT_SLOW_CROSSES;

	for (u32 i = 0; i < t->nparts; i++) {
		if (!t->part[i].host)
			return BT_SLOW_DEVICE;
		if (t->part[i].code)
			cause = BT_SLOW_CODE;
	}
	return cause;
}

static u64 mem_slow(struct bt_ctx *x, u64 *bounce)
{
	u32 size = x->memop & BT_MEMOP_SIZE;
	enum bt_mmu mmu = (x->memop >> BT_MEMOP_MMU_SHIFT) & 3;
	bool write = x->memop & BT_MEMOP_W, read = x->memop & BT_MEMOP_R;
	struct bt_tlb2 *t = x->tlb2;
	u64 lin = x->mem_lin, host;
	u8 vector;
	int r;

	*bounce = 0;
	if ((x->key & BT_KEY_MODE) != X86_MODE_64)
		lin = x->mem_lin = (u32)lin;
	host = hit_level2(x, lin, size, mmu, write);
	if (likely(host)) {
		count_slow(x, BT_SLOW_LEVEL2);
		return host;
	}
	vector = check_address(x, lin, size, x->memop);
	if (vector)
		return raise(x, vector);
	r = resolve_parts(x, lin, size, mmu, write);
	if (r != X86_EMU_OK) {
		if (r == X86_EMU_FAULT && (x->key & BT_KEY_WINDOW))
			bt_window_faulted(x, x->vcpu->emu.exc.cr2, write);
		return give_up_result(x, r);
	}
	if (!settle_watch(x, lin, size, write) || (write && !settle_code(x, read)))
		return 0;

	if (unlikely(x->key & BT_KEY_WINDOW))
		for (u32 i = 0; i < t->nparts; i++)
			if (t->part[i].host && !t->part[i].code)
				bt_window_miss(x, i ? (lin & PAGE_MASK) + PAGE_SIZE : lin, write);
	if (t->part[0].host && !t->part[0].code) {
		if (t->nparts == 1) {
			count_slow(x, BT_SLOW_FILLED);
			fill(x, t->part[0].e, lin, mmu);
			return go_direct(x, t->part[0].host);
		}
		/* Two pages that follow each other in the host as well are one access. */
		if (t->part[1].host == t->part[0].host + t->part[0].len && !t->part[1].code) {
			count_slow(x, BT_SLOW_CROSSES);
			return go_direct(x, t->part[0].host);
		}
	}
	count_slow(x, bounce_cause(t));
	/* A commit that has to leave goes on behind the instruction, which for a CALL is wrong. */
	if (x->memop & BT_MEMOP_CALL)
		return give_up(x, BT_EXIT_INTERP);
	bt_fpu_release(x);
	if (!bt_cache_map(x->cache, x->mem_ret, &x->vcpu->cpu.rip, &(u32){ 0 }))
		plat_bug(__FILE__, __LINE__, "a slow access from no instruction");
	if (read && write)
		split_lock(x);
	if (read) {
		r = bounce_read(x);
		if (r != X86_EMU_OK)
			return give_up_result(x, r);
	}
	*bounce = 1;
	return go_direct(x, x->bounce);
}

u64 bt_mem_slow(struct bt_ctx *x, u64 *bounce)
{
	enum bt_time was = bt_time(&x->stats, BT_TIME_HELPER);
	u64 host;

	x->stats.tlb_slow++;
	host = mem_slow(x, bounce);
	bt_time(&x->stats, was);
	return host;
}

/*
 * A locked instruction that straddles pages works on the bounce buffer: atomic
 * against its like, not against plain accesses of other vCPUs to the same
 * bytes (docs/translator.md).
 */
static int commit(struct bt_ctx *x)
{
	struct bt_tlb2 *t = x->tlb2;
	struct vcpu *v = x->vcpu;
	const u8 *from = x->bounce;
	enum bt_exit why = BT_EXIT_NEXT;
	bool leave = false;
	u32 len;
	u64 rip;

	bt_fpu_release(x);
	bt_cache_map(x->cache, x->mem_ret, &rip, &len);
	for (u32 i = 0; i < t->nparts; from += t->part[i].len, i++) {
		struct bt_part *p = &t->part[i];
		int r = 0;

		if (!p->host)
			continue;
		r = p->code ? bt_smc_write_around(x, p, from, x->mem_ret) :
			      plat_guest_write(p->host, from, p->len);
		if (r < 0) {
			x->rip = rip;
			x->exit_reason = BT_EXIT_FAULT;
			return 1;
		}
		if (r > 0) {
			leave = true;
			why = BT_EXIT_SMC;
		}
	}
	from = x->bounce;
	for (u32 i = 0; i < t->nparts; from += t->part[i].len, i++) {
		struct bt_part *p = &t->part[i];

		if (!p->host && vcpu_mmio_write(v, p->gpa, from, p->len) == X86_EMU_EXIT) {
			leave = true;
			why = BT_EXIT_USER;
		}
	}
	if (t->stepping) {
		/* The step's own end; an MMIO exit goes out after it, see run.c. */
		if (why == BT_EXIT_SMC)
			leave = false;
	}
	if (leave) {
		if (why == BT_EXIT_USER)
			vcpu_mmio_retire(v);
		rip += len;
		x->rip = (x->key & BT_KEY_MODE) == X86_MODE_64 ? rip : (u32)rip;
		x->exit_reason = why;
		return 1;
	}
	bt_fpu_claim(x);
	return 0;
}

int bt_mem_commit(struct bt_ctx *x)
{
	enum bt_time was = bt_time(&x->stats, BT_TIME_HELPER);
	int left = commit(x);

	split_unlock(x);
	bt_time(&x->stats, was);
	return left;
}

u64 bt_seg_slow(struct bt_ctx *x, u64 *fail)
{
	u32 size = x->memop & BT_MEMOP_SIZE;
	struct vcpu *v = x->vcpu;
	u64 lin = 0;
	int r;

	*fail = 0;
	r = x86_linearize(&v->emu, (x->memop >> BT_MEMOP_SEG_SHIFT) & 7, x->mem_lin, size,
			  (x->memop & BT_MEMOP_W) ? X86_ACC_WRITE : 0, &lin);
	if (r != X86_EMU_OK) {
		give_up_result(x, r);
		*fail = 1;
	}
	return lin;
}
