// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The page walk against the rules written down a second time, the slow way:
 * random entries in every level of the three kinds of paging, random rights,
 * every kind of access.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vcpu.h"

#define PAGES 16
#define LIN_BITS 48

static u8 mem[PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static struct vcpu v;
static struct vm vm;
static u32 race;		/* the next exchange finds the entry changed */

/* ---- what the walk calls ---- */

void *vm_page(struct vm *m, struct vcpu *u, u64 gpa, bool write)
{
	(void)m, (void)u, (void)write;
	return gpa < sizeof(mem) ? mem + gpa : NULL;
}

static struct memslot slot = { .npages = PAGES, .uaddr = 0 };

struct memslot *vm_slot_find(struct vm *m, u64 gfn)
{
	(void)m;
	return gfn < PAGES ? &slot : NULL;
}

void *plat_guest_page(struct vm *m, u64 uaddr, bool write)
{
	return vm_page(m, NULL, uaddr, write);
}

int plat_guest_read(void *dst, const void *host, size_t n)
{
	memcpy(dst, host, n);
	return 0;
}

int plat_guest_cmpxchg(void *host, void *old, const void *val, size_t n, bool *done)
{
	if (race) {
		race = 0;
		*(u8 *)host ^= 2;	/* W flips behind our back */
	}
	*done = !memcmp(host, old, n);
	memcpy(old, host, n);
	if (*done)
		memcpy(host, val, n);
	return 0;
}

/* ---- the rules again ---- */

enum kind { NONE, P32, PAE, P64 };

struct level {
	u64 at, val;
	u32 size;
};

struct expect {
	bool fault;
	u32 code;
	u64 gpa;
	struct level l[4];
	u32 n;
	bool large;
};

static u64 load(u64 at, u32 size)
{
	u64 val = 0;

	if (at + size > sizeof(mem))
		return size == 4 ? 0xffffffff : ~0ull;
	memcpy(&val, mem + at, size);
	return val;
}

static bool reserved(enum kind k, u32 level, bool large, u64 e)
{
	u32 width = v.cpu.maxphyaddr;

	if (k == P32) {
		if (level == 2 && large)
			return (e >> 21 & 1) || (width < 40 && (e >> 13 & 0xff) >> (width - 32));
		return false;
	}
	for (u32 b = width; b < (k == PAE ? 63 : 52); b++)
		if (e >> b & 1)
			return true;
	if ((e >> 63) && !(v.cpu.efer & X86_EFER_NXE))
		return true;
	if (level == 4 && (e >> 7 & 1))
		return true;
	if (large)
		for (u32 b = 13; b < (level == 2 ? 21 : 30); b++)
			if (e >> b & 1)
				return true;
	return false;
}

static void entries(enum kind k, u64 lin, struct expect *x)
{
	u32 level = k == P64 ? 4 : 2, size = k == P32 ? 4 : 8;
	u64 table = k == P32 ? v.cpu.cr3 & 0xfffff000 : v.cpu.cr3 & 0xffffffffff000;

	if (k == PAE) {
		u64 p = v.cpu.pdpte[lin >> 30 & 3];

		if (!(p & 1)) {
			x->fault = true;
			return;
		}
		table = p & 0xffffffffff000;
	}
	for (;; level--) {
		u32 shift = k == P32 ? 2 + 10 * level : 3 + 9 * level;
		u64 i = lin >> shift & (k == P32 ? 1023 : 511);
		struct level *l = &x->l[x->n++];

		*l = (struct level){ table + i * size, load(table + i * size, size), size };
		x->large = level > 1 && (l->val >> 7 & 1) &&
			   (k != P32 || (v.cpu.cr4 & X86_CR4_PSE));
		if (!(l->val & 1)) {
			x->fault = true;
			return;
		}
		if (reserved(k, level, x->large, l->val)) {
			x->fault = true;
			x->code = 1 | 8;
			return;
		}
		if (level == 1 || x->large) {
			u64 base = k == P32 ? l->val & 0xfffff000 : l->val & 0xffffffffff000;

			if (x->large && k == P32)
				base = (l->val & 0xffc00000) | (l->val >> 13 & 0xff) << 32;
			base &= ~((1ull << shift) - 1);
			x->gpa = base | (lin & ((1ull << shift) - 1));
			return;
		}
		table = k == P32 ? l->val & 0xfffff000 : l->val & 0xffffffffff000;
	}
}

static bool denied(const struct expect *x, u32 acc)
{
	bool u = true, w = true, nx = false, smap, wp = v.cpu.cr0 & X86_CR0_WP;

	for (u32 i = 0; i < x->n; i++) {
		u &= x->l[i].val >> 2 & 1;
		w &= x->l[i].val >> 1 & 1;
		nx |= x->l[i].size == 8 && x->l[i].val >> 63;
	}
	if ((acc & X86_WALK_X) && nx)
		return true;
	if (acc & X86_WALK_U)
		return !u || ((acc & X86_WALK_W) && !w);
	if ((acc & X86_WALK_X) && u && (v.cpu.cr4 & X86_CR4_SMEP))
		return true;
	smap = (v.cpu.cr4 & X86_CR4_SMAP) &&
	       ((acc & X86_WALK_IMPLICIT) || !(v.cpu.rflags & X86_AC));
	if (!(acc & X86_WALK_X) && u && smap)
		return true;
	return (acc & X86_WALK_W) && !w && wp;
}

static struct expect model(enum kind k, u64 lin, u32 acc)
{
	struct expect x = { 0 };

	if (k == NONE) {
		x.gpa = lin;
		return x;
	}
	entries(k, lin, &x);
	if (!x.fault && denied(&x, acc)) {
		x.fault = true;
		x.code = 1;
	}
	if (x.fault) {
		x.code |= (acc & X86_WALK_W ? 2 : 0) | (acc & X86_WALK_U ? 4 : 0);
		if ((acc & X86_WALK_X) && ((v.cpu.cr4 & X86_CR4_SMEP) ||
					   (k != P32 && (v.cpu.efer & X86_EFER_NXE))))
			x.code |= 16;
	}
	return x;
}

/* ---- random machines ---- */

static u64 rnd(void)
{
	return ((u64)rand() << 42) ^ ((u64)rand() << 21) ^ rand();
}

static u64 entry(enum kind k)
{
	u64 e = rnd() % PAGES << 12 | (rnd() & 0xe7f) | 1;

	if (rnd() % 16 == 0)
		e &= ~1ull;
	if (rnd() % 3)
		e |= 6;
	if (rnd() % 6 == 0)
		e |= 0x80;
	if (rnd() % 24 == 0)
		e |= 1ull << rnd() % 64;
	if (rnd() % 24 == 0)
		e |= rnd() % 256 << 12;
	return k == P32 ? (u32)e : e;
}

static enum kind machine(void)
{
	enum kind k = rnd() % 13 ? 1 + rnd() % 3 : NONE;
	u32 i;

	memset(&v, 0, sizeof(v));
	v.vm = &vm;
	v.cpu.maxphyaddr = 36 + rnd() % 17;
	v.cpu.linear_bits = LIN_BITS;
	v.cpu.rflags = 2 | (rnd() & X86_AC);
	v.cpu.cr0 = X86_CR0_PE | (k ? X86_CR0_PG : 0) | (rnd() & X86_CR0_WP);
	v.cpu.cr4 = rnd() & (X86_CR4_PSE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PGE);
	v.cpu.efer = rnd() & X86_EFER_NXE;
	if (k == P32) {
		v.cpu.efer = 0;		/* no NX there to speak of */
	} else if (k) {
		v.cpu.cr4 |= X86_CR4_PAE;
	}
	if (k == P64)
		v.cpu.efer |= X86_EFER_LMA | X86_EFER_LME;
	v.cpu.cr3 = rnd() % (PAGES + 1) << 12;
	for (i = 0; i < 4; i++)
		v.cpu.pdpte[i] = rnd() % PAGES << 12 | (rnd() % 8 ? 1 : 0);
	for (i = 0; i < sizeof(mem); i += k == P32 ? 4 : 8) {
		u64 e = entry(k);

		memcpy(mem + i, &e, k == P32 ? 4 : 8);
	}
	return k;
}

static u64 bits_wanted(const struct expect *x, u32 i, u32 acc)
{
	return 0x20 | (i == x->n - 1 && (acc & X86_WALK_W) ? 0x40 : 0);
}

static bool check(enum kind k, u64 lin, u32 acc)
{
	struct expect x = model(k, lin, acc);
	struct x86_exception exc = { 0 };
	struct x86_walk w = { 0 };
	int r = x86_walk(&v, lin, acc, &w, &exc);
	bool good = r == (x.fault ? X86_EMU_FAULT : X86_EMU_OK);

	if (good && x.fault)
		good = exc.vector == X86_EXC_PF && exc.error == x.code && exc.cr2 == lin;
	if (good && !x.fault)
		good = w.gpa == x.gpa;
	for (u32 i = 0; i < x.n && good; i++) {
		u64 now = load(x.l[i].at, x.l[i].size), same = 0;

		/* An entry met twice in one walk gathers the bits of both. */
		for (u32 j = 0; j < x.n; j++)
			if (x.l[j].at == x.l[i].at && !x.fault)
				same |= bits_wanted(&x, j, acc);
		good = now == (x.l[i].at < sizeof(mem) ? x.l[i].val | same : x.l[i].val);
	}
	if (!good)
		printf("# kind %d lin %llx acc %x: %s %x gpa %llx, want %s %x gpa %llx\n", k,
		       (unsigned long long)lin, acc, r ? "fault" : "ok", exc.error,
		       (unsigned long long)w.gpa, x.fault ? "fault" : "ok", x.code,
		       (unsigned long long)x.gpa);
	return good;
}

static bool check_peek(enum kind k, u64 lin)
{
	static u8 before[sizeof(mem)];
	struct expect x = { 0 };
	struct x86_walk w;
	int r;

	memcpy(before, mem, sizeof(mem));
	if (k == NONE)
		x.gpa = lin;
	else
		entries(k, lin, &x);
	r = x86_walk(&v, lin, X86_WALK_PEEK, &w, NULL);
	return r == (x.fault ? X86_EMU_FAULT : X86_EMU_OK) && (x.fault || w.gpa == x.gpa) &&
	       !memcmp(before, mem, sizeof(mem));
}

/* A table that changes under the walk: its end result is that of the new one, and no bit is lost. */
static bool check_race(void)
{
	u64 *t = (u64 *)mem;
	struct x86_exception exc;
	struct x86_walk w;
	int r;

	memset(&v, 0, sizeof(v));
	v.vm = &vm;
	v.cpu.maxphyaddr = 40;
	v.cpu.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	v.cpu.cr4 = X86_CR4_PAE;
	v.cpu.efer = X86_EFER_LMA | X86_EFER_LME;
	v.cpu.cr3 = 0;
	t[0] = 0x1000 | 7;
	t[512] = 0x2000 | 7;
	t[1024] = 0x3000 | 7;
	t[1536] = 0x5000 | 7;
	race = 1;
	r = x86_walk(&v, 0x123, X86_WALK_W, &w, &exc);
	return r == X86_EMU_FAULT && exc.error == 3 && t[0] == (0x1000 | 5) && t[1536] == (0x5000 | 7);
}

int main(void)
{
	u32 n, i, bad = 0;

	srand(1);
	for (n = 0; n < 3000 && bad < 10; n++) {
		enum kind k = machine();

		for (i = 0; i < 20; i++) {
			u64 lin = rnd() & (k == P64 ? 0x7fffffffffff : 0xffffffff);
			u32 acc = rnd() & (X86_WALK_W | X86_WALK_U | X86_WALK_X | X86_WALK_IMPLICIT);

			if (acc & X86_WALK_U)
				acc &= ~X86_WALK_IMPLICIT;
			if (acc & X86_WALK_X)
				acc &= ~(X86_WALK_W | X86_WALK_IMPLICIT);
			bad += !check(k, lin, acc);
		}
		bad += !check_peek(k, rnd() & 0xffffffff);
	}
	printf("1..2\n%sok 1 - walks of random tables\n", bad ? "not " : "");
	i = check_race();
	printf("%sok 2 - a table that changes under the walk\n", i ? "" : "not ");
	return bad || !i;
}
