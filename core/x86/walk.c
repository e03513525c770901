/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The guest's page tables: linear to guest-physical addresses, as the
 * processor would do it (APM vol. 2, chapter 5; SDM vol. 3, chapter 4).
 *
 * All levels are read first, then rights are checked, then accessed and dirty
 * bits are set by compare-and-exchange: a table that changed under the walk
 * starts it again, so bits never land in an entry that was not used.
 *
 * Nearly all walks are through long mode's four levels, of entries that have
 * been used before: walk_used does those, and leaves to the rest of the file
 * whatever is not plain.
 */
#include "vcpu.h"

#define PTE_P BIT_ULL(0)
#define PTE_W BIT_ULL(1)
#define PTE_U BIT_ULL(2)
#define PTE_A BIT_ULL(5)
#define PTE_D BIT_ULL(6)
#define PTE_PS BIT_ULL(7)
#define PTE_G BIT_ULL(8)
#define PTE_NX BIT_ULL(63)
#define PTE_ADDR 0x000ffffffffff000ull

struct walk_entry {
	u64 gpa;
	u64 val;
};

struct walk {
	struct vcpu *v;
	u64 lin;
	u32 acc;
	u32 size;			/* of an entry: 4 or 8 */
	unsigned int n;			/* entries read */
	struct walk_entry e[4];
	bool user, writable, nx;	/* combined */
	bool gone;			/* the host program's memory under an entry is not there */
	u8 shift;
	u64 base;			/* guest-physical base of the page found */
};

enum walk_step { WALK_DONE, WALK_NOT_PRESENT, WALK_RESERVED };

/* An entry that is not in RAM reads as all ones, like a bus that nobody drives. */
static u64 read_entry(struct walk *s, u64 gpa)
{
	u64 val = 0;
	char *page = vm_page(s->v->vm, s->v, gpa & PAGE_MASK, false);

	if (page)
		s->gone |= plat_guest_read(&val, page + (gpa & ~PAGE_MASK), s->size) != 0;
	else if (vm_slot(s->v->vm, gpa >> PAGE_SHIFT))
		s->gone = true;
	else
		val = s->size == 4 ? 0xffffffffull : ~0ull;
	if (s->n < ARRAY_SIZE(s->e))
		s->e[s->n++] = (struct walk_entry){ gpa, val };
	return val;
}

static void combine(struct walk *s, u64 pte)
{
	s->user &= !!(pte & PTE_U);
	s->writable &= !!(pte & PTE_W);
	s->nx |= !!(pte & PTE_NX);
}

static enum walk_step walk_32(struct walk *s)
{
	struct x86_cpu *c = &s->v->cpu;
	u64 pde, pte;

	s->size = 4;
	pde = read_entry(s, (c->cr3 & 0xfffff000) + ((s->lin >> 22) & 0x3ff) * 4);
	if (!(pde & PTE_P))
		return WALK_NOT_PRESENT;
	combine(s, pde);
	if ((pde & PTE_PS) && (c->cr4 & X86_CR4_PSE)) {
		u64 high = (pde >> 13) & 0xff;	/* PSE-36: bits 39..32 */

		if ((pde & BIT_ULL(21)) || (c->maxphyaddr < 40 && high >> (c->maxphyaddr - 32)))
			return WALK_RESERVED;
		s->shift = 22;
		s->base = (pde & 0xffc00000) | high << 32;
		return WALK_DONE;
	}
	pte = read_entry(s, (pde & 0xfffff000) + ((s->lin >> 12) & 0x3ff) * 4);
	if (!(pte & PTE_P))
		return WALK_NOT_PRESENT;
	combine(s, pte);
	s->shift = 12;
	s->base = pte & 0xfffff000;
	return WALK_DONE;
}

/* Entries of 8 bytes from @level (4: PML4E ... 1: PTE) down, the first table at @table. */
static enum walk_step walk_64(struct walk *s, unsigned int level, u64 table)
{
	struct x86_cpu *c = &s->v->cpu;
	u64 rsvd = PTE_ADDR & ~(BIT_ULL(c->maxphyaddr) - 1);

	s->size = 8;
	if (!(c->efer & X86_EFER_NXE))
		rsvd |= PTE_NX;
	if (!x86_long_mode(c))
		rsvd |= 0x7ff0000000000000ull;
	for (;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		u64 pte = read_entry(s, table + ((s->lin >> shift) & 0x1ff) * 8);

		if (!(pte & PTE_P))
			return WALK_NOT_PRESENT;
		if ((pte & rsvd) || (level == 4 && (pte & PTE_PS)))
			return WALK_RESERVED;
		combine(s, pte);
		if (level == 1 || (pte & PTE_PS)) {
			u64 low = (BIT_ULL(shift) - 1) & PTE_ADDR & ~BIT_ULL(12);

			if (level > 1 && (pte & low))	/* bit 12 is PAT */
				return WALK_RESERVED;
			s->shift = shift;
			s->base = pte & PTE_ADDR & ~(BIT_ULL(shift) - 1);
			return WALK_DONE;
		}
		table = pte & PTE_ADDR;
	}
}

static enum walk_step walk_tables(struct walk *s)
{
	struct x86_cpu *c = &s->v->cpu;
	u64 pdpte;

	s->n = 0;
	s->user = s->writable = true;
	s->nx = false;
	if (!(c->cr4 & X86_CR4_PAE))
		return walk_32(s);
	if (x86_long_mode(c))
		return walk_64(s, 4, c->cr3 & PTE_ADDR);
	/* Reserved bits of the four were checked when CR3 was loaded (SDM vol. 3, 4.4.1). */
	pdpte = c->pdpte[(s->lin >> 30) & 3];
	if (!(pdpte & PTE_P))
		return WALK_NOT_PRESENT;
	return walk_64(s, 2, pdpte & PTE_ADDR);
}

static inline bool walk_allowed(const struct x86_cpu *c, u32 acc, bool user, bool writable, bool nx)
{
	if ((acc & X86_WALK_X) && nx && (c->efer & X86_EFER_NXE))
		return false;
	if (acc & X86_WALK_U)
		return user && (writable || !(acc & X86_WALK_W));
	if ((acc & X86_WALK_W) && !writable && (c->cr0 & X86_CR0_WP))
		return false;
	if (!user)
		return true;
	if (acc & X86_WALK_X)
		return !(c->cr4 & X86_CR4_SMEP);
	return !(c->cr4 & X86_CR4_SMAP) || (!(acc & X86_WALK_IMPLICIT) && (c->rflags & X86_AC));
}

/* Set A in every entry and D in the last. False: an entry has changed, walk again. */
static bool set_bits(struct walk *s)
{
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		u64 want = PTE_A;
		u64 old = s->e[i].val, val;
		bool done = true;
		char *page;

		if (i == s->n - 1 && (s->acc & X86_WALK_W))
			want |= PTE_D;
		if ((old & want) == want)
			continue;
		page = vm_page(s->v->vm, s->v, s->e[i].gpa & PAGE_MASK, true);
		val = old | want;
		/* Tables in read-only memory keep their bits, as in ROM. */
		if (page && plat_guest_cmpxchg(page + (s->e[i].gpa & ~PAGE_MASK), &old, &val,
					       s->size, &done))
			continue;
		if (!done)
			return false;
		s->e[i].val = val;
	}
	return true;
}

static int walk_fault(const struct walk *s, u32 code, struct x86_exception *exc)
{
	struct x86_cpu *c = &s->v->cpu;

	if (s->acc & X86_WALK_W)
		code |= X86_PF_W;
	if (s->acc & X86_WALK_U)
		code |= X86_PF_U;
	/* Reported only where a fetch can be told from a read (SDM vol. 3, 4.7). */
	if ((s->acc & X86_WALK_X) &&
	    ((c->cr4 & X86_CR4_SMEP) || ((c->cr4 & X86_CR4_PAE) && (c->efer & X86_EFER_NXE))))
		code |= X86_PF_I;
	if (exc)
		*exc = (struct x86_exception){ .vector = X86_EXC_PF, .has_error = true,
					       .error = code, .cr2 = s->lin };
	return X86_EMU_FAULT;
}

/* vm_page for reading, without the call: a walk does it for each level. */
static inline char *table_page(struct vcpu *v, u64 gpa)
{
	const struct memslot *s = vm_slot(v->vm, gpa >> PAGE_SHIFT);

	return s ? plat_guest_page(v->vm, s->uaddr + (gpa - (s->base_gfn << PAGE_SHIFT)), false) :
		   NULL;
}

/* False, with nothing done: it is not such a walk. */
static bool walk_used(struct vcpu *v, u64 lin, u32 acc, struct x86_walk *w)
{
	const struct x86_cpu *c = &v->cpu;
	u64 rsvd = (PTE_ADDR & ~(BIT_ULL(c->maxphyaddr) - 1)) |
		   (c->efer & X86_EFER_NXE ? 0 : PTE_NX);
	u64 table = c->cr3 & PTE_ADDR, all = ~0ull, any = 0, pte;
	unsigned int shift = 39;
	char *page;

	for (;; shift -= 9) {
		page = table_page(v, table);
		if (!page || plat_guest_read(&pte, page + (lin >> shift & 0x1ff) * 8, 8))
			return false;
		all &= pte;
		any |= pte;
		if (shift == 12 || (pte & PTE_PS))
			break;
		table = pte & PTE_ADDR;
	}
	if ((all & (PTE_P | PTE_A)) != (PTE_P | PTE_A) || (any & rsvd) || shift == 39 ||
	    ((acc & X86_WALK_W) && !(pte & PTE_D)))
		return false;
	if (shift > 12 && (pte & PTE_ADDR & (BIT_ULL(shift) - 1) & ~BIT_ULL(12)))
		return false;
	if (!(acc & X86_WALK_PEEK) &&
	    !walk_allowed(c, acc, all & PTE_U, all & PTE_W, any & PTE_NX))
		return false;
	w->gpa = (pte & PTE_ADDR & ~(BIT_ULL(shift) - 1)) | (lin & (BIT_ULL(shift) - 1));
	w->page_shift = shift;
	w->global = (pte & PTE_G) && (c->cr4 & X86_CR4_PGE);
	w->user = all & PTE_U;
	w->writable = all & PTE_W;
	w->exec = !(any & PTE_NX);
	w->dirty = pte & PTE_D;
	return true;
}

static int walk_slow(struct vcpu *v, u64 lin, u32 acc, struct x86_walk *w,
		     struct x86_exception *exc)
{
	struct x86_cpu *c = &v->cpu;
	struct walk s = { .v = v, .lin = lin, .acc = acc };
	u64 leaf;

	do {
		enum walk_step r = walk_tables(&s);

		/* Not the guest's fault: KVM_RUN ends with it, and all is tried again. */
		if (unlikely(s.gone)) {
			v->memory_gone = !(acc & X86_WALK_PEEK);
			return X86_EMU_SHUTDOWN;
		}
		if (r == WALK_NOT_PRESENT)
			return walk_fault(&s, 0, exc);
		if (r == WALK_RESERVED)
			return walk_fault(&s, X86_PF_P | X86_PF_RSVD, exc);
		if (acc & X86_WALK_PEEK)
			break;
		if (!walk_allowed(c, acc, s.user, s.writable, s.nx))
			return walk_fault(&s, X86_PF_P, exc);
	} while (!set_bits(&s));

	leaf = s.e[s.n - 1].val;
	*w = (struct x86_walk){
		.gpa = s.base | (lin & (BIT_ULL(s.shift) - 1)),
		.page_shift = s.shift,
		.global = (leaf & PTE_G) && (c->cr4 & X86_CR4_PGE),
		.user = s.user,
		.writable = s.writable,
		.exec = !(s.nx && (c->efer & X86_EFER_NXE)),
		.dirty = leaf & PTE_D,
	};
	return X86_EMU_OK;
}

int x86_walk(struct vcpu *v, u64 lin, u32 acc, struct x86_walk *w, struct x86_exception *exc)
{
	const struct x86_cpu *c = &v->cpu;

	if (likely(x86_long_mode(c))) {
		if (likely(walk_used(v, lin, acc, w)))
			return X86_EMU_OK;
	} else {
		lin = (u32)lin;
	}
	if (!(c->cr0 & X86_CR0_PG)) {
		*w = (struct x86_walk){ .gpa = lin, .page_shift = 12, .user = true,
					.writable = true, .exec = true, .dirty = true };
		return X86_EMU_OK;
	}
	return walk_slow(v, lin, acc, w, exc);
}
