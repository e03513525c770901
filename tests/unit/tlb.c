// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The translator's TLB, windows and jump cache against a model of what a
 * processor may still know.
 *
 * Tables of three address spaces change at random, with and without flushes.
 * Whenever something has changed, the model walks every address of the present
 * space and adds what it finds to what may be cached for it; a flush leaves
 * only what the tables say then. Each access must do what one of those
 * translations allows; a fault must be one by the tables as they stand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "jump.h"
#include "run.h"
#include "window.h"

#define MIB (1ull << 20)
#define RAM (10 * MIB)		/* below ROM; the tables are in its first pages */
#define END (12 * MIB)		/* of ROM; MMIO follows */
#define ROOTS 3u
#define PCIDS 3u
#define CAP 24u			/* translations that are kept for an address */

/* The addresses: every combination of these indices. Those of a directory entry are 16 MiB apart, too. */
static const u32 at4[] = { 0, 511 }, at3[] = { 0, 1 }, at2[] = { 0, 1, 8 }, at1[] = { 0, 1, 2, 511 };
#define LINS (ARRAY_SIZE(at4) * ARRAY_SIZE(at3) * ARRAY_SIZE(at2) * ARRAY_SIZE(at1))

#define P 1ull
#define W 2ull
#define U 4ull
#define D 0x40ull
#define PS 0x80ull
#define G 0x100ull
#define NX (1ull << 63)
#define ADDR 0x000ffffffffff000ull

static u8 *mem;
static bool code[END >> PAGE_SHIFT], dirty[END >> PAGE_SHIFT];
static struct vm vm;
static struct vcpu v;
static struct bt_ctx x;
static u64 lins[LINS];
static u32 root, pcid;
static u64 step;

static u64 rnd(void)
{
	return ((u64)rand() << 42) ^ ((u64)rand() << 21) ^ (u64)rand();
}

static bool one_in(u32 n)
{
	return rnd() % n == 0;
}

/* ---- what the TLB calls ---- */

static struct memslot ram = { .base_gfn = 0, .npages = RAM >> PAGE_SHIFT };
static struct memslot rom = { .base_gfn = RAM >> PAGE_SHIFT, .npages = (END - RAM) >> PAGE_SHIFT,
			      .flags = KVM_MEM_READONLY };

struct memslot *vm_slot_find(struct vm *m, u64 gfn)
{
	(void)m;
	return gfn < ram.npages ? &ram : gfn < END >> PAGE_SHIFT ? &rom : NULL;
}

void *vm_page(struct vm *m, struct vcpu *u, u64 gpa, bool write)
{
	(void)m, (void)u;
	if (gpa >= END || (write && gpa >= RAM))
		return NULL;
	if (write)
		dirty[gpa >> PAGE_SHIFT] = true;
	return mem + gpa;
}

void *plat_guest_page(struct vm *m, u64 uaddr, bool write)
{
	(void)m, (void)write;
	return (void *)uaddr;
}

int plat_guest_read(void *dst, const void *host, size_t n)
{
	memcpy(dst, host, n);
	return 0;
}

int plat_guest_write(void *host, const void *src, size_t n)
{
	(void)host, (void)src, (void)n;
	abort();
}

int plat_guest_cmpxchg(void *host, void *old, const void *val, size_t n, bool *done)
{
	*done = !memcmp(host, old, n);
	memcpy(old, host, n);
	if (*done)
		memcpy(host, val, n);
	return 0;
}

void *plat_alloc(size_t size)
{
	return calloc(1, size);
}

bool bt_slot_code(const struct memslot *slot, u64 gpa)
{
	(void)slot;
	return code[gpa >> PAGE_SHIFT];
}

bool bt_cache_has_page(struct bt_cache *c, u64 gpa)
{
	(void)c;
	return code[gpa >> PAGE_SHIFT];
}

bool x86_watch_page(const struct vcpu *u, u64 page)
{
	(void)u, (void)page;
	return false;
}

/* The jump cache's answer is the address that the block was made from. */
u64 bt_cache_entry(struct bt_cache *c, struct bt_block *b)
{
	(void)c;
	return b->gpa + 1;
}

/* ---- what the windows call: a host that only notes what is mapped where ---- */

#define RESERVED(n) ((u8 *)(((u64)(n) + 1) << 44))

static struct shown {
	u8 *host;
	bool write;
} shown[2 * 8][LINS / 2];		/* of each reservation, at each user address */
static u32 reservations;
static u64 windows_seen, log;

bool plat_engine_option(const char *name, const char *value)
{
	(void)name;
	return !strcmp(value, "always");
}

bool plat_window_possible(void)
{
	return true;
}

void *plat_window_reserve(u64 size)
{
	(void)size;
	return RESERVED(reservations++);
}

bool plat_window_span(const void *host, u8 **lo, u8 **hi)
{
	(void)host;
	*lo = mem;
	*hi = mem + END;
	return true;
}

static bool shows(const u8 *to, u64 len, u32 i)
{
	u64 at = ((u64)to & ((1ull << 44) - 1)) - BT_WINDOW_EDGE;

	return lins[i] >= at && lins[i] < at + len;
}

int plat_window_map(void *to, const void *from, u64 len, bool write)
{
	for (u32 i = 0; i < LINS / 2; i++)
		if (shows(to, len, i)) {
			u64 at = (u64)to & ((1ull << 44) - 1);
			u8 *host = (u8 *)from + (lins[i] - (at - BT_WINDOW_EDGE));

			shown[((u64)to >> 44) - 1][i] = (struct shown){ host, write };
		}
	return one_in(64) ? plat_window_unmap(to, len), -ENOMEM : 0;
}

int plat_window_protect(void *to, u64 len, bool write)
{
	for (u32 i = 0; i < LINS / 2; i++)
		if (shows(to, len, i))
			shown[((u64)to >> 44) - 1][i].write = write;
	return 0;
}

int plat_window_unmap(void *to, u64 len)
{
	for (u32 i = 0; i < LINS / 2; i++)
		if (len >= BT_WINDOW_SIZE || shows(to, len, i))
			shown[((u64)to >> 44) - 1][i] = (struct shown){ 0 };
	return 0;
}

int plat_timer_init(struct plat_timer *t, void (*fn)(struct plat_timer *t))
{
	(void)t, (void)fn;
	return -EINVAL;
}

u32 plat_tsc_khz(void)
{
	return 1000000;
}

void plat_mutex_init(struct plat_mutex *m)
{
	(void)m;
}

void plat_mutex_lock(struct plat_mutex *m)
{
	(void)m;
}

void plat_mutex_unlock(struct plat_mutex *m)
{
	(void)m;
}

bool x86_watch_armed(const struct vcpu *u)
{
	(void)u;
	return false;
}

/* Of the slow way into generated code, which nobody goes here. */
#define NEVER(name)                         \
	void never_##name(void) asm(#name); \
	void never_##name(void)             \
	{                                   \
		abort();                    \
	}
NEVER(bt_cache_map) NEVER(bt_fpu_load) NEVER(bt_fpu_save) NEVER(bt_smc_store)
NEVER(bt_smc_write_around) NEVER(plat_bug) NEVER(plat_free) NEVER(plat_time_ns)
NEVER(plat_timer_destroy) NEVER(plat_timer_start) NEVER(plat_window_free)
NEVER(vcpu_mmio_read) NEVER(vcpu_mmio_retire) NEVER(vcpu_mmio_write) NEVER(vm_read)
NEVER(x86_linearize) NEVER(x86_watch_hits) NEVER(bt_cache_flush)

/* ---- tables ---- */

static u64 *table(u32 page)
{
	return (u64 *)(mem + ((u64)page << PAGE_SHIFT));
}

#define TREE (1 + 2 + 6)	/* tables below one entry of the top */
/* Pages of the tables below entry @half (0: each root's own, 1: the kernel's, shared). */
static u32 tree(u32 r, u32 half)
{
	return half ? ROOTS + ROOTS * TREE : ROOTS + r * TREE;
}

static u64 rights(void)
{
	return (one_in(8) ? 0 : P) | (one_in(4) ? 0 : W) | (one_in(4) ? 0 : U) |
	       (one_in(8) ? NX : 0);
}

static void set_top(u32 r, u32 half)
{
	table(r)[at4[half]] = (u64)tree(r, half) << PAGE_SHIFT | rights() | P;
}

static void set3(u32 r, u32 half, u32 i)
{
	u64 *e = &table(tree(r, half))[at3[i]];

	*e = rights() | (u64)(tree(r, half) + 1 + i) << PAGE_SHIFT;
	if (one_in(16))
		*e = rights() | PS | (rnd() & (G | D));		/* 1 GiB, at 0 */
}

static void set2(u32 r, u32 half, u32 i, u32 j)
{
	u64 *e = &table(tree(r, half) + 1 + i)[at2[j]];

	*e = rights() | (u64)(tree(r, half) + 3 + 3 * i + j) << PAGE_SHIFT;
	if (one_in(3))
		*e = rights() | PS | (rnd() & (G | D)) | (rnd() % 7) * 2 * MIB;
}

static void set1(u32 r, u32 half, u32 i, u32 j, u32 k)
{
	table(tree(r, half) + 3 + 3 * i + j)[at1[k]] =
		rights() | (rnd() & (G | D)) | ((2 * MIB + rnd() % (END - MIB)) & ADDR);
}

static void change_tables(void)
{
	u32 r = one_in(4) ? rnd() % ROOTS : root, half = rnd() & 1, i = rnd() % 2, j = rnd() % 3;

	switch (rnd() % 16) {
	case 0: set_top(r, half); break;
	case 1: set3(r, half, i); break;
	case 2 ... 4: set2(r, half, i, j); break;
	default: set1(r, half, i, j, rnd() % 4); break;
	}
}

/* ---- the model ---- */

struct known {
	u64 gpa;		/* of the page of 4 KiB */
	u64 bits;		/* P W U NX combined; D G of the leaf */
	u32 shift;
};

static struct list {
	struct known k[CAP];
	u32 n;
} private[PCIDS][LINS], shared[LINS];

static struct known walk_now(u64 lin)
{
	struct known k = { .bits = P | W | U, .shift = 39 };
	u64 t = (u64)root << PAGE_SHIFT, e;

	for (;; k.shift -= 9) {
		e = *(u64 *)(mem + t + (lin >> k.shift & 511) * 8);
		k.bits = (k.bits & e & (P | W | U)) | ((k.bits | e) & NX);
		if (!(e & P))
			return (struct known){ 0 };
		t = e & ADDR;
		if (k.shift == 12 || (e & PS))
			break;
	}
	k.gpa = (t & -(1ull << k.shift)) | (lin & ((1ull << k.shift) - 1) & PAGE_MASK);
	k.bits |= e & (D | G);
	if (!(v.cpu.cr4 & X86_CR4_PGE))
		k.bits &= ~G;
	return k;
}

static bool same(const struct known *a, const struct known *b)
{
	return a->gpa == b->gpa && a->bits == b->bits && a->shift == b->shift;
}

static bool add(struct list *l, const struct known *k)
{
	for (u32 i = 0; i < l->n; i++)
		if (same(&l->k[i], k))
			return true;
	if (l->n == CAP)
		return false;
	l->k[l->n++] = *k;
	return true;
}

static bool full;		/* the model could not keep everything: flush before the next check */

/* What the processor may cache now. */
static void record(void)
{
	for (u32 i = 0; i < LINS; i++) {
		struct known k = walk_now(lins[i]);

		if (k.bits & P)
			full |= !add(k.bits & G ? &shared[i] : &private[pcid][i], &k);
	}
}

static void forget(bool global_too)
{
	for (u32 i = 0; i < LINS; i++) {
		private[pcid][i].n = 0;
		if (global_too)
			shared[i].n = 0;
	}
}

static void forget_all(void)
{
	memset(private, 0, sizeof(private));
	memset(shared, 0, sizeof(shared));
}

/* What was walked with a page that @lin is in, for whichever part of it. */
static void forget_page(struct list *l, u64 at, u64 lin)
{
	u32 n = 0;

	for (u32 i = 0; i < l->n; i++)
		if ((at ^ lin) >> l->k[i].shift)
			l->k[n++] = l->k[i];
	l->n = n;
}

static bool allows(const struct known *k, enum bt_mmu mmu, u32 acc)
{
	bool smap = (v.cpu.cr4 & X86_CR4_SMAP) && mmu == BT_MMU_KERNEL;

	if ((acc & X86_WALK_X) && ((k->bits & NX) || (mmu != BT_MMU_USER && (k->bits & U) &&
						      (v.cpu.cr4 & X86_CR4_SMEP))))
		return false;
	if (mmu == BT_MMU_USER)
		return (k->bits & U) && (!(acc & X86_WALK_W) || (k->bits & W));
	if (!(acc & X86_WALK_X) && (k->bits & U) && smap)
		return false;
	return !(acc & X86_WALK_W) || (k->bits & W) || !(v.cpu.cr0 & X86_CR0_WP);
}

static bool may(const struct list *l, u64 gpa, enum bt_mmu mmu, u32 acc)
{
	for (u32 i = 0; i < l->n; i++)
		if (l->k[i].gpa == gpa && allows(&l->k[i], mmu, acc) &&
		    (!(acc & X86_WALK_W) || (l->k[i].bits & D)))
			return true;
	return false;
}

static bool wrong(const char *what, u32 i, enum bt_mmu mmu, u32 acc, u64 gpa)
{
	printf("# step %llu: %s: lin %llx view %d access %u gpa %llx, pcid %u root %u\n",
	       (unsigned long long)step, what, (unsigned long long)lins[i], mmu, acc,
	       (unsigned long long)gpa, pcid, root);
	return false;
}

static bool right(const char *what, u32 i, enum bt_mmu mmu, u32 acc, u64 gpa)
{
	return full || may(&shared[i], gpa, mmu, acc) || may(&private[pcid][i], gpa, mmu, acc) ||
	       wrong(what, i, mmu, acc, gpa);
}

/* ---- checks ---- */

/* What generated code would do without asking. */
static bool check_first_level(u32 i)
{
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		for (u32 acc = 0; acc <= X86_WALK_W; acc++) {
			u8 *host = bt_tlb_hit(&x, lins[i], 1, m, acc);

			if (!host)
				continue;
			if (!right("first level", i, m, acc, host - mem))
				return false;
			if (acc && (code[(host - mem) >> PAGE_SHIFT] || host - mem >= (s64)RAM ||
				    !dirty[(host - mem) >> PAGE_SHIFT]))
				return wrong("a store that needs more", i, m, acc, host - mem);
		}
	return true;
}

static enum bt_mmu view(void)
{
	return x86_cpl(&v.cpu) != 3 && one_in(4) ? BT_MMU_KERNEL : bt_data_mmu(&v.cpu);
}

static bool faults_now(u32 i, enum bt_mmu mmu, u32 acc)
{
	struct known k = walk_now(lins[i]);

	return !(k.bits & P) || !allows(&k, mmu, acc) ||
	       wrong("a fault that the tables do not give", i, mmu, acc, k.gpa);
}

static bool check_data(u32 i)
{
	u32 acc = one_in(2) ? X86_WALK_W : 0;
	enum bt_mmu mmu = view();
	struct bt_part p;
	int r;

	if (!bt_tlb_hit(&x, lins[i], 1, mmu, acc)) {
		r = bt_resolve(&x, lins[i], mmu, acc, &p);
		record();
		if (r == X86_EMU_FAULT)
			return faults_now(i, mmu, acc);
		if (r != X86_EMU_OK || !right("second level", i, mmu, acc, p.gpa))
			return false;
		if (p.host && p.host != mem + p.gpa)
			return wrong("the host's address", i, mmu, acc, p.gpa);
	}
	bt_tlb_get(&x, lins[i], 1, mmu, acc);
	record();
	return check_first_level(i);
}

static u32 code_key(void)
{
	enum bt_mmu m = x86_cpl(&v.cpu) == 3 ? BT_MMU_USER : BT_MMU_KERNEL;

	return X86_MODE_64 | BT_KEY_FLAT | m << BT_KEY_MMU_SHIFT;
}

/* What a program with windows reaches without asking, and no more of it once it has been flushed. */
static bool check_windows(void)
{
	u64 at = x.window[BT_WINDOW_A].delta - BT_WINDOW_EDGE;

	for (u32 i = 0; i < LINS / 2; i++) {
		struct shown s = shown[(at >> 44) - 1][i];
		u64 gpa = s.host - mem;

		if (!s.host)
			continue;
		windows_seen++;
		if (!right("window", i, BT_MMU_USER, 0, gpa) ||
		    (s.write && !right("window", i, BT_MMU_USER, X86_WALK_W, gpa)))
			return false;
		if (s.write && (code[gpa >> PAGE_SHIFT] || gpa >= RAM || !dirty[gpa >> PAGE_SHIFT]))
			return wrong("a store through a window", i, BT_MMU_USER, X86_WALK_W, gpa);
	}
	return true;
}

static bool check_window(u32 i)
{
	bool write = one_in(2);
	struct bt_part p;

	if (x86_cpl(&v.cpu) != 3)
		return true;
	x.key = bt_window_key(&x, code_key());
	if (!(x.key & BT_KEY_WINDOW))
		return wrong("no windows", i, BT_MMU_USER, 0, 0);
	if (!check_windows())
		return false;
	i %= LINS / 2;
	if (bt_resolve(&x, lins[i], BT_MMU_USER, write ? X86_WALK_W : 0, &p) == X86_EMU_OK && p.host)
		bt_window_miss(&x, lins[i], write);
	record();
	x.key = bt_window_key(&x, code_key());
	return check_windows();
}

/* Code that the jump cache knows runs without a look at the tables. */
static bool check_jump(u32 i)
{
	u64 entry;

	x.key = code_key();
	bt_jump_sync(&x);
	entry = bt_jc_hit(&x, lins[i]);
	return !entry || right("jump cache", i, bt_key_mmu(x.key), X86_WALK_X, entry - 1);
}

static bool check_fetch(u32 i)
{
	struct bt_block b = { .rip = lins[i], .key = code_key() };
	enum bt_mmu mmu = bt_key_mmu(b.key);
	struct bt_fetched f;
	int r;

	if (!check_jump(i))
		return false;
	if (one_in(2))
		return true;
	r = bt_fetch_page(&x, lins[i], false, &f);
	record();
	if (r != X86_EMU_OK)
		return faults_now(i, mmu, X86_WALK_X);
	if (!right("fetch", i, mmu, X86_WALK_X, f.gpa))
		return false;
	bt_jump_note(&x, mmu, lins[i], f.global);
	b.gpa = f.gpa;
	bt_jc_insert(&x, &b);
	return check_jump(i);
}

/* ---- what the guest does ---- */

static void load_cr3(void)
{
	bool pcide = v.cpu.cr4 & X86_CR4_PCIDE, keep = pcide && one_in(2);

	root = rnd() % ROOTS;
	pcid = pcide ? rnd() % PCIDS : 0;
	v.cpu.cr3 = (u64)root << PAGE_SHIFT | pcid;
	if (keep) {
		bt_tlb_sync(&x);
	} else {
		bt_tlb_flush_asid(&x);
		forget(false);
	}
}

static void flush_page(u32 i)
{
	u64 lin = lins[i];

	/* Anywhere in what may be a large page. */
	if (one_in(3))
		lin ^= rnd() % (2 * MIB);
	bt_tlb_flush_page(&x, lin);
	for (i = 0; i < LINS; i++) {
		forget_page(&private[pcid][i], lins[i], lin);
		forget_page(&shared[i], lins[i], lin);
	}
}

static void flush_all(void)
{
	if (one_in(4))
		memset(dirty, 0, sizeof(dirty));	/* the log is taken */
	bt_tlb_flush_all(&x);
	forget_all();
	full = false;
}

static void change_mode(void)
{
	static const u64 cr4[] = { X86_CR4_SMAP, X86_CR4_SMEP, X86_CR4_PGE, X86_CR4_PCIDE };
	u64 bit = cr4[rnd() % ARRAY_SIZE(cr4)];

	switch (rnd() % 4) {
	case 0:
		v.cpu.cr0 ^= X86_CR0_WP;
		break;
	case 1:
		v.cpu.cr4 ^= bit;
		if (bit == X86_CR4_PCIDE) {
			pcid = 0;
			v.cpu.cr3 &= PAGE_MASK;
		}
		if (bit == X86_CR4_PCIDE || bit == X86_CR4_PGE)
			forget_all();
		break;
	case 2:
		v.cpu.rflags ^= X86_AC;
		break;
	case 3:
		v.cpu.seg[X86_SS].ar ^= 3 << 5;	/* CPL 0, 3 */
		break;
	}
	bt_tlb_sync(&x);
}

/* Code is translated from a page, or dropped. */
static void change_code(void)
{
	u64 gfn = rnd() % (END >> PAGE_SHIFT);

	if (one_in(2)) {
		struct known k = walk_now(lins[rnd() % LINS]);

		gfn = k.gpa < END ? k.gpa >> PAGE_SHIFT : gfn;
	}
	code[gfn] = !code[gfn];
	if (code[gfn]) {
		bt_tlb_protect(&x, mem + (gfn << PAGE_SHIFT));
		bt_window_code(&vm, gfn << PAGE_SHIFT);
	}
}

static bool one_step(void)
{
	u32 i = rnd() % LINS;
	bool good = true;

	switch (rnd() % 64) {
	case 0 ... 15: change_tables(); break;
	case 16 ... 31: good = check_data(i); break;
	case 32 ... 39: good = check_window(i); break;
	case 40 ... 51: good = check_fetch(i); break;
	case 52 ... 55: flush_page(i); break;
	case 56 ... 58: load_cr3(); break;
	case 59: change_mode(); break;
	case 60: change_code(); break;
	case 61:
		/* Entries go at any time. */
		x.tlb2->key[rnd() % BT_TLB2_SETS][rnd() % BT_TLB2_WAYS] = 0;
		break;
	case 62:
		if (one_in(16))
			flush_all();
		break;
	case 63:
		/* The numbers of address spaces come round soon. */
		if (one_in(16) && (x.tlb2->counter & ~PAGE_MASK) < PAGE_SIZE - 32)
			x.tlb2->counter += PAGE_SIZE - 32 - (x.tlb2->counter & ~PAGE_MASK);
		break;
	}
	record();
	if (full) {
		flush_all();
		record();
	}
	for (u32 k = 0; k < 6 && good; k++)
		good = check_first_level((i + k * 7) % LINS);
	return good;
}

/* ---- */

static void begin(void)
{
	u32 n = 0;

	for (u32 a = 0; a < ARRAY_SIZE(at4); a++)
		for (u32 b = 0; b < ARRAY_SIZE(at3); b++)
			for (u32 c = 0; c < ARRAY_SIZE(at2); c++)
				for (u32 d = 0; d < ARRAY_SIZE(at1); d++)
					lins[n++] = (at4[a] ? 0xffff000000000000ull : 0) |
						    (u64)at4[a] << 39 | (u64)at3[b] << 30 |
						    (u64)at2[c] << 21 | (u64)at1[d] << 12;
	for (u32 r = 0; r < ROOTS; r++)
		for (u32 half = 0; half < 2; half++) {
			set_top(r, half);
			for (u32 i = 0; i < 2; i++) {
				set3(r, half, i);
				for (u32 j = 0; j < 3; j++) {
					set2(r, half, i, j);
					for (u32 k = 0; k < 4; k++)
						set1(r, half, i, j, k);
				}
			}
		}
	v.vm = &vm;
	vm.vcpus[0] = &v;
	vm.nr_vcpus = 1;
	/* It logs: what may be written is what has been marked. */
	ram.dirty = &log;
	vm.slots.n = 1;
	vm.slots.by_gfn[0] = &ram;
	v.engine_priv = &x;
	v.cpu.maxphyaddr = 40;
	v.cpu.linear_bits = 48;
	v.cpu.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	v.cpu.cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE;
	v.cpu.efer = X86_EFER_LMA | X86_EFER_LME | X86_EFER_NXE;
	v.cpu.rflags = 2;
	x.vcpu = &v;
	x.tlb2 = bt_tlb_create();
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		for (u32 i = 0; i < BT_TLB_SIZE; i++)
			bt_tlb_drop(&x.tlb[m], i);
	memset(x.jc_used, 0xff, sizeof(x.jc_used));
	bt_jc_flush(&x);
	if (bt_windows_create(&x))
		abort();
	bt_tlb_sync(&x);
}

int main(int argc, char **argv)
{
	u64 n = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	u32 seed = argc > 2 ? (u32)strtoul(argv[2], NULL, 0) : 1;
	bool good = true;

	srand(seed);
	mem = aligned_alloc(PAGE_SIZE, END);
	memset(mem, 0, END);
	ram.uaddr = (u64)mem;
	rom.uaddr = (u64)mem + RAM;
	begin();
	record();
	for (step = 0; step < n && good; step++)
		good = one_step();
	printf("1..1\n%s 1 - every access as some walk since its last flush (seed %u)\n",
	       good ? "ok" : "not ok", seed);
	return !good;
}
