// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Random programs. A program is some functions; a function calls only those
 * made before it, so every program ends. Registers have roles for the whole of
 * it: pointers into the areas, small indices, one counter of loops; random
 * instructions write the others only. Flags that an instruction leaves
 * undefined are defined again before anything may read them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#define MAX_FUNCS 8
#define MAX_PATCHES 32
#define TABLE 8			/* entries of a table of targets */

struct make {
	struct program *p;
	u32 len;		/* of the code so far */
	u32 full;		/* no more after this */
	u16 free, ptrs, smalls;	/* roles */
	u8 ctr;
	u16 undef;		/* flags undefined here */
	u32 nfuncs;
	u32 func[MAX_FUNCS];	/* offset of each function */
	u32 cost[MAX_FUNCS];	/* instructions that a call of it executes, at most */
	bool odd[MAX_FUNCS];	/* does not return behind its call */
	bool in_loop, recursive;
	u32 npatches;
	u32 patch[MAX_PATCHES];	/* offsets of immediates that stores may change */
};

static bool wide(const struct make *m)
{
	return m->p->mode == X86_MODE_64;
}

static u64 here(const struct make *m)
{
	return m->p->at[AREA_CODE] + m->len;
}

/* ---- bytes ---- */

static void byte(struct make *m, u8 b)
{
	m->p->code[m->len++] = b;
}

static void bytes(struct make *m, u64 v, u32 n)
{
	memcpy(m->p->code + m->len, &v, n);
	m->len += n;
}

/* REX with W if @w: of the registers @reg (ModRM.reg) and @rm. */
static void rex(struct make *m, bool w, u8 reg, u8 rm)
{
	u8 r = (w ? 8 : 0) | (reg & 8) >> 1 | (rm & 8) >> 3;

	if (r)
		byte(m, 0x40 | r);
}

static void op_rr(struct make *m, bool w, u8 op, u8 reg, u8 rm)
{
	rex(m, w, reg, rm);
	byte(m, op);
	byte(m, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* op reg, [base + disp32] */
static void op_rm(struct make *m, bool w, u8 op, u8 reg, u8 base, s32 disp)
{
	rex(m, w, reg, base);
	byte(m, op);
	byte(m, 0x80 | (reg & 7) << 3 | (base & 7));
	if ((base & 7) == X86_RSP)
		byte(m, 0x24);
	bytes(m, disp, 4);
}

static void mov_imm(struct make *m, u8 r, u64 v)
{
	rex(m, wide(m), 0, r);
	byte(m, 0xb8 | (r & 7));
	bytes(m, v, wide(m) ? 8 : 4);
}

static void alu_imm(struct make *m, u8 op, u8 r, u32 v, bool w)
{
	op_rr(m, w, 0x81, op, r);
	bytes(m, v, 4);
}

static void push_pop(struct make *m, u8 op, u8 r)
{
	rex(m, false, 0, r);
	byte(m, op | (r & 7));
}

static u32 jump(struct make *m, u8 cc)		/* 16: always; the offset of its rel32 */
{
	if (cc == 16) {
		byte(m, 0xe9);
	} else {
		byte(m, 0x0f);
		byte(m, 0x80 | cc);
	}
	bytes(m, 0, 4);
	return m->len - 4;
}

static void land(struct make *m, u32 rel, u32 to)
{
	u32 d = to - (rel + 4);

	memcpy(m->p->code + rel, &d, 4);
}

static u8 pick(u16 set)
{
	u8 r;

	do {
		r = random_below(16);
	} while (!(set & BIT(r)));
	return r;
}

static void define_flags(struct make *m)
{
	if (m->undef)
		alu_imm(m, 7, pick(m->free), random_u64(), wide(m) && chance(50));	/* cmp */
	m->undef = 0;
}

/* ---- random instructions ---- */

/* Where a pointer may point: with room for what is added to it. */
static u64 a_place(const struct make *m)
{
	enum area a = random_below(3);
	u64 off = 4096 * (2 + random_below(AREA_PAGES - 4)) + (random_u64() & 0xfff);

	if (chance(60))
		off &= ~63ull;
	else if (chance(20))
		off |= 0xff8;
	return m->p->at[a] + off;
}

static void set_disp(struct make *m, const struct x86_insn *i, u8 *b)
{
	s32 d = random_below(256) - 128;

	if (i->disp_len < 4)
		return;
	if (i->base == X86_REG_NONE)
		d += m->p->at[AREA_LOW] + 8192;
	else if (i->base == X86_REG_RIP)
		d = m->p->at[m->p->at[AREA_CODE] == LOW_CODE_AT ? AREA_LOW : AREA_HIGH] + 8192 +
		    d - (here(m) + i->len);
	else if (i->base == X86_RSP)
		d = -128 + d / 2;
	else if (chance(10))
		d += chance(50) ? 4096 : -4096;
	memcpy(b + i->disp_off, &d, 4);
}

static bool good_memory(struct make *m, const struct x86_insn *i, u8 *b)
{
	if (!i->is_mem || (i->info->attr & X86_T_NOMEM))
		return true;
	if (i->info->attr & (X86_T_BITSTR | X86_T_VSIB))
		return false;
	if (i->addrsize != (wide(m) ? 8 : 4) || i->info->imm == X86_I_MOFFS)
		return false;
	if (i->seg == X86_FS || i->seg == X86_GS) {
		/* The bases point into an area: an index or a small displacement. */
		if (i->base != X86_REG_NONE || i->disp_len != 4 || !wide(m))
			return false;
		memcpy(b + i->disp_off, &(s32){ random_below(512) - 256 }, 4);
		return i->index == X86_REG_NONE || (m->smalls & BIT(i->index));
	}
	if (i->base == X86_RSP) {
		if (i->disp_len != 4 || i->index != X86_REG_NONE)
			return false;
	} else if (i->base < 16 && !(m->ptrs & BIT(i->base))) {
		return false;
	} else if (i->base == X86_REG_RIP && !wide(m)) {
		return false;
	}
	if (i->index < 16 && !(m->smalls & BIT(i->index)))
		return false;
	set_disp(m, i, b);
	return true;
}

static bool try_insn(struct make *m)
{
	struct x86_insn i;
	u8 b[15];

	random_bytes(b, m->p->mode);
	if (x86_decode(&i, b, 15, m->p->mode))
		return false;
	if (i.info->kind != X86_K_NATIVE && (i.info->kind != X86_K_NATIVE_DE || !chance(10)))
		return false;
	if (random_unstable(&i) || (random_writes(&i) & ~m->free))
		return false;
	/* Unmasked, x87's exceptions wait for the next such instruction: before or after its page faults. */
	if (i.info->op == X86_OP_FLDCW)
		return false;
	if (!good_memory(m, &i, b) || x86_decode(&i, b, 15, m->p->mode))
		return false;
	if (i.info->flags_r & m->undef)
		define_flags(m);
	/* rip-relative: the definition before it has moved it. */
	if (i.is_mem && i.base == X86_REG_RIP)
		set_disp(m, &i, b);
	if (!(i.info->attr & X86_T_SHIFT))
		m->undef &= ~i.info->flags_w;
	m->undef |= i.info->flags_u;
	if (m->p->ninsns < ARRAY_SIZE(m->p->insn)) {
		m->p->insn[m->p->ninsns].off = m->len;
		m->p->insn[m->p->ninsns++].len = i.len;
	}
	memcpy(m->p->code + m->len, b, i.len);
	m->len += i.len;
	return true;
}

static void insns(struct make *m, u32 n)
{
	for (u32 tries = 0; n && tries < 3000; tries++)
		n -= try_insn(m);
}

/* ---- items: each returns how many instructions it executes at most ---- */

static u32 block(struct make *m, u32 fuel);

static u32 straight(struct make *m, u32 fuel)
{
	u32 n = 1 + random_below(min(fuel, 9u));

	insns(m, n);
	return n + 1;
}

static u32 if_else(struct make *m, u32 fuel)
{
	u32 over, end = 0, a, b = 0, cost;
	u16 undef;

	define_flags(m);
	over = jump(m, random_below(16));
	undef = m->undef;
	a = block(m, fuel / 2);
	if (chance(50)) {
		end = jump(m, 16);
		land(m, over, m->len);
		undef |= m->undef;
		m->undef = 0;
		b = block(m, fuel / 2);
		land(m, end, m->len);
	} else {
		land(m, over, m->len);
	}
	m->undef |= undef;
	cost = max(a, b) + 4;
	return cost;
}

/* The counter goes down by itself, LOOP or a compare; sometimes a pointer walks along. */
static u32 loop(struct make *m, u32 fuel)
{
	u32 n = 1 + random_below(chance(20) ? 200 : 12), top, cost;
	u8 walker = chance(60) ? pick(m->ptrs) : 16;
	s32 step;
	u64 base = a_place(m);

	if (m->in_loop || m->recursive || fuel < 8)
		return straight(m, fuel);
	n = min(n, fuel / 4);
	push_pop(m, 0x50, m->ctr);
	mov_imm(m, m->ctr, n);
	if (walker < 16)
		mov_imm(m, walker, base);
	m->in_loop = true;
	define_flags(m);
	top = m->len;
	cost = block(m, fuel / n);
	m->in_loop = false;
	if (walker < 16) {
		step = 3900 / n;
		step = (s32)random_below(2 * step + 1) - step;
		op_rm(m, wide(m), 0x8d, walker, walker, step);	/* lea */
	}
	define_flags(m);
	if (m->ctr == X86_RCX && chance(30)) {
		/* loop rel8 does not reach: jump around */
		byte(m, 0xe2);
		byte(m, 2);
		byte(m, 0xeb);
		byte(m, 5);
		land(m, jump(m, 16), top);
	} else {
		op_rr(m, wide(m) && chance(50), 0xff, 1, m->ctr);	/* dec */
		land(m, jump(m, 5), top);
	}
	push_pop(m, 0x58, m->ctr);
	return n * (cost + 5) + 5;
}

/* A function whose call may cost @fuel, or -1. */
static int callee(const struct make *m, u32 fuel, bool odd)
{
	u32 f;

	for (u32 tries = 0; m->nfuncs && tries < 8; tries++) {
		f = random_below(m->nfuncs);
		if (m->cost[f] <= fuel && (odd || !m->odd[f]))
			return f;
	}
	return -1;
}

static u32 call(struct make *m, u32 fuel)
{
	int f = callee(m, fuel, true);

	if (f < 0)
		return straight(m, fuel);
	define_flags(m);
	if (chance(30)) {
		u8 r = pick(m->free);

		mov_imm(m, r, m->p->at[AREA_CODE] + m->func[f]);
		op_rr(m, false, 0xff, 2, r);
	} else {
		byte(m, 0xe8);
		bytes(m, 0, 4);
		land(m, m->len - 4, m->func[f]);
	}
	if (m->odd[f]) {			/* it returns behind this */
		byte(m, 0xb8 | (pick(m->free & 0xff) & 7));
		bytes(m, random_u64(), 4);
	}
	return m->cost[f] + 3;
}

/* An index register gets another value, of what is in a free one. */
static void new_index(struct make *m, u8 idx)
{
	op_rr(m, false, 0x8b, idx, pick(m->free));
	alu_imm(m, 4, idx, TABLE - 1, false);
	m->undef = X86_AF;
}

/* call or jmp [table + idx * size]; the offset of the table's entries, to be filled in. */
static u32 by_table(struct make *m, u8 idx, u8 what)
{
	u32 size = wide(m) ? 8 : 4, over;
	u8 r = pick(m->free);
	u32 load;

	if (chance(60))
		new_index(m, idx);
	define_flags(m);
	mov_imm(m, r, 0);
	load = m->len - size;
	rex(m, false, 0, r);			/* REX.X of the index below */
	if (idx & 8) {
		if (r & 8)
			m->p->code[m->len - 1] |= 2;
		else
			byte(m, 0x42);
	}
	byte(m, 0xff);
	byte(m, 0x44 | what << 3);
	byte(m, (size == 8 ? 0xc0 : 0x80) | (idx & 7) << 3 | (r & 7));
	byte(m, 0);
	over = jump(m, 16);
	while (m->len & (size - 1))
		byte(m, 0xcc);
	u64 at = m->p->at[AREA_CODE] + m->len;

	memcpy(m->p->code + load, &at, size);
	m->len += TABLE * size;
	land(m, over, m->len);
	return m->len - TABLE * size;
}

static void table_set(struct make *m, u32 table, u32 n, u32 off)
{
	u32 size = wide(m) ? 8 : 4;
	u64 at = m->p->at[AREA_CODE] + off;

	memcpy(m->p->code + table + n * size, &at, size);
}

static u32 call_table(struct make *m, u32 fuel)
{
	u32 table, cost = 0;
	int f[TABLE];

	for (u32 n = 0; n < TABLE; n++) {
		f[n] = callee(m, fuel, false);
		if (f[n] < 0)
			return straight(m, fuel);
		cost = max(cost, m->cost[f[n]]);
	}
	table = by_table(m, pick(m->smalls), 2);
	for (u32 n = 0; n < TABLE; n++)
		table_set(m, table, n, m->func[f[n]]);
	return cost + 8;
}

static u32 switch_table(struct make *m, u32 fuel)
{
	u32 ways = 1 + random_below(4), at[4], end[4], table, cost = 0;
	u16 undef = 0;

	table = by_table(m, pick(m->smalls), 4);
	for (u32 n = 0; n < ways; n++) {
		at[n] = m->len;
		m->undef = 0;
		cost = max(cost, block(m, fuel / ways));
		undef |= m->undef;
		end[n] = jump(m, 16);
	}
	for (u32 n = 0; n < ways; n++)
		land(m, end[n], m->len);
	for (u32 n = 0; n < TABLE; n++)
		table_set(m, table, n, at[random_below(ways)]);
	m->undef = undef;
	return cost + 8;
}

/* push target; ret */
static u32 jump_by_ret(struct make *m, u32 fuel)
{
	u8 r = pick(m->free);
	u32 load, size = wide(m) ? 8 : 4;
	u64 at;

	define_flags(m);
	mov_imm(m, r, 0);
	load = m->len - size;
	push_pop(m, 0x50, r);
	byte(m, 0xc3);
	for (u32 n = random_below(40); n; n--)
		byte(m, 0xcc);
	at = here(m);
	memcpy(m->p->code + load, &at, size);
	return 3;
}

/* Two calls deep; now and then back over both at once. */
static u32 skip_frame(struct make *m, u32 fuel)
{
	u32 over, inner, back;

	define_flags(m);
	byte(m, 0xe8);
	bytes(m, 5, 4);				/* to the first's call */
	over = jump(m, 16);
	byte(m, 0xe8);
	inner = m->len;
	bytes(m, 0, 4);
	byte(m, 0xc3);
	land(m, inner, m->len);
	op_rr(m, false, 0x85, pick(m->free), pick(m->free));	/* test */
	m->undef = X86_AF;
	back = jump(m, 8);			/* js */
	byte(m, 0xc3);
	land(m, back, m->len);
	op_rm(m, wide(m), 0x8d, X86_RSP, X86_RSP, wide(m) ? 8 : 4);
	byte(m, 0xc3);
	land(m, over, m->len);
	define_flags(m);
	return 9;
}

static u32 push_around(struct make *m, u32 fuel)
{
	u8 r[4], n = 1 + random_below(4);
	u32 cost;

	for (u32 k = 0; k < n; k++) {
		r[k] = pick(m->free | m->ptrs | m->smalls);
		push_pop(m, 0x50, r[k]);
	}
	cost = straight(m, fuel);
	/* Pointers get their own value back, free ones any. */
	for (u32 k = n; k--;)
		push_pop(m, 0x58, r[k]);
	return cost + 2 * n;
}

/* An instruction with an immediate that something else changes. */
static u32 patchable(struct make *m, u32 fuel)
{
	static const u8 ops[] = { 0, 1, 4, 5, 6, 7 };

	define_flags(m);
	if (chance(40)) {
		u8 r = pick(m->free);

		rex(m, false, 0, r);
		byte(m, 0xb8 | (r & 7));
		bytes(m, random_u64(), 4);
	} else {
		alu_imm(m, ops[random_below(6)], pick(m->free), random_u64(), false);
		m->undef = X86_AF;
	}
	if (m->npatches < MAX_PATCHES)
		m->patch[m->npatches++] = m->len - 4;
	return 1;
}

/* add byte or dword [code], imm; what follows may be the very instruction. */
static u32 change_code(struct make *m, u32 fuel)
{
	bool next = chance(30) || !m->npatches;
	u32 fix, len = chance(50) ? 1 : 4, to;
	s32 disp;

	define_flags(m);
	byte(m, len == 1 ? 0x80 : 0x81);
	byte(m, 0x05 | (chance(50) ? 0 : 6 << 3));	/* [rip + disp] or [disp] */
	fix = m->len;
	bytes(m, 0, 4);
	bytes(m, random_u64(), len);
	m->undef = X86_AF;
	to = m->len;
	define_flags(m);
	if (next) {
		insns(m, random_below(3));
		patchable(m, fuel);
		disp = m->patch[m->npatches - 1];
	} else {
		disp = m->patch[random_below(m->npatches)];
	}
	disp = wide(m) ? disp - (s32)to : (s32)m->p->at[AREA_CODE] + disp;
	memcpy(m->p->code + fix, &disp, 4);
	return 7;
}

static u32 string(struct make *m, u32 fuel)
{
	static const u8 ops[] = { 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xa6, 0xa7, 0xae, 0xaf };
	static const u8 saved[] = { X86_RSI, X86_RDI, X86_RCX, X86_RAX };
	bool down = chance(15), rep = chance(75);
	u8 op = ops[random_below(10)];
	u32 n = random_below(chance(20) ? 700 : 40);

	define_flags(m);
	for (u32 k = 0; k < 4; k++)
		push_pop(m, 0x50, saved[k]);
	mov_imm(m, X86_RSI, a_place(m));
	mov_imm(m, X86_RDI, chance(20) ? a_place(m) & ~7ull : a_place(m));
	if (op == 0xa6 || op == 0xa7) {		/* which of two pages faults first nobody says */
		op_rm(m, false, 0x8a, X86_RAX, X86_RSI, 0);
		op_rm(m, false, 0x8a, X86_RAX, X86_RDI, 0);
	}
	mov_imm(m, X86_RCX, m->p->trace ? n % 8 : n);
	if (down)
		byte(m, 0xfd);
	if (chance(15))
		byte(m, 0x66);
	if (rep)
		byte(m, chance(50) ? 0xf3 : op >= 0xa6 && op != 0xaa && op != 0xab ? 0xf2 : 0xf3);
	if (wide(m) && (op & 1) && chance(50))
		byte(m, 0x48);
	byte(m, op);
	if (down)
		byte(m, 0xfc);
	for (u32 k = 4; k--;)
		push_pop(m, 0x58, saved[k]);
	return 18 + (m->p->trace ? 8 : 1);
}

static u32 new_pointer(struct make *m, u32 fuel)
{
	u8 r = pick(m->ptrs);

	if (m->in_loop && chance(50))
		return straight(m, fuel);
	if (chance(70))
		mov_imm(m, r, a_place(m));
	else
		op_rr(m, wide(m), 0x8b, r, pick(m->ptrs));
	return 1;
}

/* The next instruction stands across a page's end. */
static u32 page_end(struct make *m, u32 fuel)
{
	u32 left = 4096 - (m->len & 4095), room = 1 + random_below(14), over;

	if (left < room + 5 || m->len + left + 64 > m->full || chance(70))
		return straight(m, fuel);
	over = jump(m, 16);
	m->len += left - 5 - room;
	land(m, over, m->len);
	insns(m, 5);
	return 6;
}

typedef u32 (*item)(struct make *m, u32 fuel);

static const item items[] = {
	straight, straight, straight, straight, if_else, if_else, loop, loop, call, call, call_table,
	switch_table, jump_by_ret, skip_frame, push_around, patchable, change_code, string,
	new_pointer, page_end,
};

static u32 block(struct make *m, u32 fuel)
{
	u32 cost = 0, n = 1 + random_below(3);

	while (n-- && m->len < m->full && cost + 12 < fuel)
		cost += items[random_below(ARRAY_SIZE(items))](m, fuel - cost);
	return cost;
}

/* ---- functions ---- */

/* Calls itself until the counter is through. */
static u32 recursion(struct make *m, u32 fuel)
{
	u32 depth = 2 + random_below(30), start, out, a, b;

	m->recursive = true;
	start = m->len;
	op_rr(m, wide(m), 0xff, 1, m->ctr);
	m->undef = 0;
	out = jump(m, 14);
	a = block(m, fuel / (2 * depth));
	define_flags(m);
	byte(m, 0xe8);
	bytes(m, 0, 4);
	land(m, m->len - 4, start);
	b = block(m, fuel / (2 * depth));
	land(m, out, m->len);
	define_flags(m);
	byte(m, 0xc3);
	m->recursive = false;
	/* Its door: it counts in what the caller uses. */
	m->func[m->nfuncs] = m->len;
	push_pop(m, 0x50, m->ctr);
	mov_imm(m, m->ctr, depth);
	byte(m, 0xe8);
	bytes(m, 0, 4);
	land(m, m->len - 4, start);
	push_pop(m, 0x58, m->ctr);
	return (a + b + 5) * depth + 6;
}

static void function(struct make *m, u32 fuel)
{
	u32 n = m->nfuncs;

	if (chance(30))
		m->len = (m->len + 15) & ~15u;
	if (chance(20) && m->len + 4096 < m->full)
		m->len += 4096 - (m->len & 4095) - random_below(40);
	m->undef = X86_ARITH;
	m->func[n] = m->len;
	m->odd[n] = chance(15);
	define_flags(m);
	m->cost[n] = chance(20) ? recursion(m, fuel) : block(m, fuel) + block(m, fuel / 2);
	define_flags(m);
	if (m->odd[n]) {		/* add [rsp], 5 */
		rex(m, wide(m), 0, 0);
		byte(m, 0x83);
		byte(m, 0x04);
		byte(m, 0x24);
		byte(m, 5);
	}
	byte(m, 0xc3);
	m->cost[n] += 4;
	m->nfuncs++;
}

static void choose_roles(struct make *m)
{
	u16 all = (wide(m) ? 0xffff : 0xff) & ~BIT(X86_RSP);

	m->ctr = chance(40) ? X86_RCX : pick(all);
	all &= ~BIT(m->ctr);
	for (u32 n = 0; n < (wide(m) ? 3 : 2); n++)
		m->ptrs |= BIT(pick(all & ~m->ptrs));
	all &= ~m->ptrs;
	for (u32 n = 0; n < (wide(m) ? 2 : 1); n++)
		m->smalls |= BIT(pick(all & ~m->smalls));
	m->free = all & ~m->smalls;
}

static void choose_places(struct program *p)
{
	bool w = p->mode == X86_MODE_64;

	p->at[AREA_LOW] = LOW_AT;
	p->at[AREA_HIGH] = w ? HIGH_AT : LOW_AT + 0x100000;
	p->at[AREA_FAR] = w && chance(50) ? FAR_AT : LOW_FAR_AT;
	p->at[AREA_STACK] = w && chance(80) ? HIGH_STACK_AT : LOW_STACK_AT;
	p->at[AREA_CODE] = w && chance(40) ? HIGH_CODE_AT : LOW_CODE_AT;
}

static void choose_rights(struct program *p)
{
	u32 some = chance(50) ? 0 : random_below(60), again = chance(50) ? 0 : random_below(30);

	for (u32 n = 0; n < ALL_PAGES; n++) {
		p->right[n] = chance(some) ? random_below(2) : RIGHT_WRITE;
		p->reset[n] = chance(again) ? random_below(2) : RIGHT_WRITE;
	}
}

static void choose_registers(struct make *m)
{
	struct program *p = m->p;

	for (u32 r = 0; r < 16; r++) {
		p->gpr[r] = chance(20) ? (u64)(random_below(5) - 2) : random_u64();
		if (m->smalls & BIT(r))
			p->gpr[r] = random_below(TABLE);
		if (m->ptrs & BIT(r))
			p->gpr[r] = a_place(m);
		if (!wide(m))
			p->gpr[r] = (u32)p->gpr[r];
	}
	p->gpr[X86_RSP] = p->at[AREA_STACK] + STACK_PAGES * 4096 - 1024 - 8 * random_below(64);
	p->rflags = 0x202 | (random_u64() & X86_ARITH);
	p->fs = a_place(m);
	p->gs = a_place(m);
	random_vectors(p->xsave);
}

/* A word of the stack, or near a pointer, in a page that can always be read. */
static void choose_watch(const struct make *m)
{
	struct program *p = m->p;

	p->watch = p->gpr[chance(60) ? X86_RSP : pick(m->ptrs)] - 8 * random_below(6);
	p->watch &= ~7ull;
	if (p->right[program_page(p, p->watch)] == RIGHT_NONE)
		p->right[program_page(p, p->watch)] = RIGHT_READ;
}

void program_make(struct program *p, u32 seed)
{
	struct make m = { .p = p };
	u32 fuel, funcs;

	srand(seed);
	memset(p, 0, sizeof(*p));
	p->seed = seed;
	p->mode = chance(20) ? X86_MODE_32 : X86_MODE_64;
	p->trace = chance(8);
	p->rounds = 1 + (p->trace ? 0 : random_below(4));
	choose_places(p);
	choose_roles(&m);
	choose_rights(p);
	memset(p->code, 0xcc, sizeof(p->code));
	m.full = p->trace ? 1200 : 2000 + random_below(CODE_PAGES * 4096 - 6000);
	m.len = random_below(4096);
	m.full += m.len;
	m.full = min(m.full, CODE_PAGES * 4096 - 4000u);
	fuel = p->trace ? 150 : chance(5) ? 20000 : 1500;
	funcs = random_below(MAX_FUNCS);
	while (funcs-- && m.len + 800 < m.full)
		function(&m, fuel / 2);
	m.undef = 0;
	p->entry = p->at[AREA_CODE] + m.len;
	for (u32 cost = 0, n = 0; n < 12 && cost < fuel && m.len < m.full; n++)
		cost += block(&m, fuel - cost);
	define_flags(&m);
	byte(&m, 0xf4);
	p->end = p->at[AREA_CODE] + m.len;
	choose_registers(&m);
	if (p->trace)
		choose_watch(&m);
}
