// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Random programs of control flow, that end. Functions call only functions
 * after them, and every loop burns fuel from r13. rsp and rbp (the data) keep
 * their values in a function; the other registers are anybody's.
 *
 * Whatever reads flags does so wherever it comes: in front of a function, after
 * a call, at the target of a computed jump.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

#define FUNCS 7
#define MAX_FIX 2048
#define MAX_LABELS 1024
#define MAX_PATCH 256

enum { FIX_REL32, FIX_TABLE, FIX_ABS32 };

static struct {
	struct flow_program *p;
	u32 at;				/* offset in the image */
	u32 labels, label[MAX_LABELS];
	u32 fixes;
	struct {
		u32 at, label, kind;
	} fix[MAX_FIX];
	u32 patches, patch[MAX_PATCH];	/* offsets of "add al, imm8" */
	u32 slots, cells;
	u32 func[FUNCS];		/* labels */
	u32 func_slots;			/* the table's first FUNCS entries */
	u32 pops[FUNCS];		/* bytes of arguments that it takes with it */
	bool skips[FUNCS];		/* may return past three bytes */
} m;

static u32 pick(u32 n)
{
	return (u32)rand() % n;
}

static void b(u8 v)
{
	m.p->image[0][m.at++] = v;
}

static void d(u32 v)
{
	for (u32 n = 0; n < 32; n += 8)
		b(v >> n);
}

static void bytes(const char *s, u32 n)
{
	while (n--)
		b(*s++);
}
#define B(s) bytes(s, sizeof(s) - 1)

static u32 new_label(void)
{
	m.label[m.labels] = ~0u;
	return m.labels++;
}

static void here(u32 label)
{
	m.label[label] = m.at;
}

static void fix(u32 kind, u32 at, u32 label)
{
	m.fix[m.fixes].kind = kind;
	m.fix[m.fixes].at = at;
	m.fix[m.fixes++].label = label;
}

static void rel32(u32 label)
{
	fix(FIX_REL32, m.at, label);
	d(0);
}

/* A slot of the table with the address of @label. */
static u32 slot_of(u32 label)
{
	fix(FIX_TABLE, m.slots, label);
	return m.slots++;
}

static u32 disp_of_slot(u32 slot)
{
	return FLOW_TABLE + slot * 8;
}

static u32 new_cell(void)
{
	return FLOW_CELLS + 8 * m.cells++;
}

/* ---- statements ---- */

static const u8 work[] = { 0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 14, 15 };

static u8 reg(void)
{
	return work[pick(sizeof(work))];
}

/* op r/m, r with two registers, 32 or 64 bits. */
static void rr(u32 op, u8 to, u8 from)
{
	b((pick(2) ? 0x48 : 0x40) | (from & 8 ? 4 : 0) | (to & 8 ? 1 : 0));
	if (op > 0xff)
		b(0x0f);
	b(op);
	b(0xc0 | (from & 7) << 3 | (to & 7));
}

static void alu(void)
{
	static const u8 op[] = { 0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85, 0x89 };
	u8 r = reg();

	switch (pick(7)) {
	case 0:
		rr(0xff, r, pick(2));			/* inc, dec: CF stays */
		break;
	case 1:
		rr(0xd1, r, pick(4));			/* rotations by one: CF and OF only */
		break;
	case 2:
		b(0x40 | (r >> 3));			/* setcc */
		b(0x0f);
		b(0x90 | pick(16));
		b(0xc0 | (r & 7));
		break;
	case 3:
		rr(0x140 | pick(16), reg(), r);		/* cmovcc */
		break;
	case 4:
		b(pick(2) ? 0xf8 : 0xf5);		/* clc, cmc */
		break;
	default:
		rr(op[pick(sizeof(op))], r, reg());
	}
}

/* op [rbp + disp], reg and the other way round. */
static void memory(void)
{
	static const u8 op[] = { 0x01, 0x03, 0x11, 0x13, 0x29, 0x33, 0x39, 0x3b, 0x89, 0x8b, 0x89, 0x8b };
	u8 r = reg();

	b(0x48 | (r & 8 ? 4 : 0));
	b(op[pick(sizeof(op))]);
	b(0x85 | (r & 7) << 3);
	d(pick(8) ? pick(64) * 8 : (1 + pick(3)) * PAGE_SIZE - 4);
}

static void statement(u32 f, u32 depth);

static void some(u32 f, u32 depth, u32 most)
{
	for (u32 n = 1 + pick(most); n--;)
		statement(f, depth);
}

static void jcc(u32 label)
{
	b(0x0f);
	b(0x80 | pick(16));
	rel32(label);
}

static void jump(u32 label)
{
	b(0xe9);
	rel32(label);
}

static void branch(u32 f, u32 depth)
{
	u32 other = new_label(), end = new_label();

	jcc(other);
	if (pick(3) == 0)
		jcc(end);
	some(f, depth + 1, 2);
	if (pick(2)) {
		jump(end);
		here(other);
		some(f, depth + 1, 2);
	} else {
		here(other);
	}
	here(end);
}

/* mov dword [cell], n; again: dec r13; js out; ...; dec dword [cell]; jnz again; out: */
static void loop(u32 f, u32 depth)
{
	u32 again = new_label(), out = new_label(), cell = new_cell();

	B("\xc7\x85");
	d(cell);
	d(1 + pick(12));
	here(again);
	B("\x49\xff\xcd\x0f\x88");
	rel32(out);
	some(f, depth + 1, 2);
	B("\xff\x8d");
	d(cell);
	B("\x0f\x85");
	rel32(again);
	here(out);
}

/* Bytes that a function may return past. */
static void skippable(void)
{
	B("\xff\xc0\x90");			/* inc eax; nop */
}

static void push_args(u32 callee)
{
	for (u32 n = m.pops[callee]; n; n -= 8)
		b(0x50 + pick(4));
}

static u32 later(u32 f)
{
	return f + 1 + pick(FUNCS - f - 1);
}

static void call(u32 f)
{
	u32 to = later(f);

	push_args(to);
	switch (pick(3)) {
	case 0:
		B("\xff\x95");			/* call [rbp + slot] */
		d(disp_of_slot(m.func_slots + to));
		break;
	case 1:
		B("\x48\x8b\x85");		/* mov rax, [rbp + slot]; call rax */
		d(disp_of_slot(m.func_slots + to));
		B("\xff\xd0");
		break;
	default:
		b(0xe8);
		rel32(m.func[to]);
	}
	if (m.skips[to])
		skippable();
}

/* One site, many targets: and eax, 3; jmp or call [rbp + rax*8 + slots] */
static void computed(u32 f, u32 depth)
{
	u32 end = new_label(), to[4], first;

	for (u32 n = 0; n < 4; n++)
		to[n] = new_label();
	first = m.slots;
	for (u32 n = 0; n < 4; n++)
		slot_of(to[n]);
	B("\x83\xe0\x03");
	if (pick(2))
		alu();			/* flags, perhaps another eax: */
	B("\x0f\xb6\xc0\x83\xe0\x03");
	B("\xff\xa4\xc5");
	d(disp_of_slot(first));
	for (u32 n = 0; n < 4; n++) {
		here(to[n]);
		some(f, depth + 1, 1);
		if (n < 3)
			jump(end);
	}
	here(end);
}

/* lea rax, [label]; push rax; ret */
static void push_ret(void)
{
	u32 to = new_label();

	B("\x48\x8d\x05");
	rel32(to);
	B("\x50\xc3");
	for (u32 n = pick(20); n--;)
		b(0xcc);
	here(to);
}

/* Leave a call, or two, without their returns. */
static void long_jump(u32 f)
{
	u32 cell = new_cell(), pc = new_cell(), back = new_label(), helper = new_label(),
	    deeper = new_label(), over = new_label();

	B("\x48\x89\xa5");			/* mov [cell], rsp */
	d(cell);
	B("\x48\x8d\x05");			/* lea rax, [back]; mov [pc], rax */
	rel32(back);
	B("\x48\x89\x85");
	d(pc);
	jump(over);
	here(helper);
	alu();
	b(0x0f);
	b(0x80 | pick(16));
	rel32(deeper);
	b(0xc3);
	here(deeper);
	b(0x50);
	alu();
	B("\x48\x8b\xa5");			/* mov rsp, [cell]; jmp [pc] */
	d(cell);
	B("\xff\xa5");
	d(pc);
	here(over);
	b(0xe8);
	rel32(helper);
	here(back);
}

/* self: dec dword [cell]; js out; call self; alu; out: ret */
static void recursion(void)
{
	u32 cell = new_cell(), self = new_label(), out = new_label(), over = new_label();

	B("\xc7\x85");
	d(cell);
	d(pick(3) ? pick(40) : 500 + pick(200));
	jump(over);
	here(self);
	B("\xff\x8d");
	d(cell);
	B("\x0f\x88");
	rel32(out);
	if (pick(2))
		b(0x51);			/* push rcx ... pop rdx */
	else
		B("\x48\x83\xec\x08");
	b(0xe8);
	rel32(self);
	alu();
	b(0x5a);
	here(out);
	b(0xc3);
	here(over);
	b(0xe8);
	rel32(self);
}

/* add al, imm8, which others may turn into adc al, imm8. */
static void patchable(void)
{
	m.patch[m.patches++] = m.at;
	b(pick(2) ? 0x04 : 0x14);
	b(pick(256));
}

/* mov byte [patchable], 04 or 14; its immediate */
static void patch(void)
{
	u32 n = pick(m.patches), off = pick(2);

	B("\xc6\x04\x25");
	d(FLOW_CODE + m.patch[n] + off);
	b(off ? pick(256) : pick(2) ? 0x04 : 0x14);
}

static void interrupt(void)
{
	b(0xcc);
	b(pick(FLOW_EVENTS) | pick(pick(2) ? 6 : 32) << 3);
}

static void statement(u32 f, u32 depth)
{
	u32 what = pick(100);

	if (m.at % PAGE_SIZE > PAGE_SIZE - 64 && pick(2))	/* something at a page's end */
		what = 30 + pick(50);
	if (what < 25)
		alu();
	else if (what < 32)
		memory();
	else if (what < 40)
		patchable();
	else if (what < 50 && depth < 3)
		branch(f, depth);
	else if (what < 58 && depth < 3)
		loop(f, depth);
	else if (what < 72 && f + 1 < FUNCS && depth < 3)
		call(f);
	else if (what < 78 && depth < 3)
		computed(f, depth);
	else if (what < 81)
		push_ret();
	else if (what < 83)
		long_jump(f);
	else if (what < 85)
		recursion();
	else if (what < 93)
		patchable();
	else if (what < 95 && m.patches)
		patch();
	else if (what < 99)
		interrupt();
	else
		alu();
}

/* ---- functions ---- */

/* Past three bytes at the caller's: jcc over; add qword [rsp], 3 */
static void skip(void)
{
	b(0x70 | pick(16));
	b(5);
	B("\x48\x83\x04\x24\x03");
	if (pick(2))
		alu();
}

static void function(u32 f)
{
	bool saves = pick(2);

	here(m.func[f]);
	if (saves)
		B("\x53\x56\x41\x57");			/* push rbx, rsi, r15 */
	if (m.at < FLOW_PAGES * PAGE_SIZE - 3 * PAGE_SIZE)
		some(f, 0, 6);
	if (saves)
		B("\x41\x5f\x5e\x5b");
	if (m.skips[f])
		skip();
	if (m.pops[f]) {
		b(0xc2);
		b(m.pops[f]);
		b(0);
	} else {
		b(0xc3);
	}
}

static void resolve(void)
{
	for (u32 n = 0; n < m.fixes; n++) {
		u32 to = m.label[m.fix[n].label], v;

		if (m.fix[n].kind == FIX_TABLE) {
			m.p->table[m.fix[n].at] = FLOW_CODE + to;
			continue;
		}
		v = to - (m.fix[n].at + 4);
		memcpy(m.p->image[0] + m.fix[n].at, &v, 4);
	}
}

/* The second set of pages: other immediates, and add for adc. */
static void second_set(void)
{
	memcpy(m.p->image[1], m.p->image[0], sizeof(m.p->image[0]));
	for (u32 n = 0; n < m.patches; n++) {
		if (pick(2))
			m.p->image[1][m.patch[n]] ^= 0x10;
		m.p->image[1][m.patch[n] + 1] = pick(256);
	}
	for (u32 p = 0; p < FLOW_PAGES; p++)
		m.p->global[p] = pick(4) == 0;
}

static void begin(struct flow_program *p)
{
	memset(&m, 0, sizeof(m));
	memset(p, 0, sizeof(*p));
	memset(p->image, 0x90, sizeof(p->image));
	m.p = p;
}

void flow_make(struct flow_program *p)
{
	begin(p);
	m.func_slots = m.slots;
	for (u32 f = 0; f < FUNCS; f++) {
		m.func[f] = new_label();
		m.pops[f] = f && pick(4) == 0 ? 8 * (1 + pick(2)) : 0;
		m.skips[f] = f && pick(4) == 0;
		slot_of(m.func[f]);
	}
	if (pick(2))
		patchable();
	b(0xe8);
	rel32(m.func[0]);
	p->end = FLOW_CODE + m.at;
	m.at += 32;				/* what is put there to get out */
	for (u32 f = 0; f < FUNCS; f++) {
		if (pick(2))			/* over the next page's edge */
			m.at = ((m.at + 64) | 0xfff) - pick(60);
		else
			m.at += pick(40);
		function(f);
	}
	p->len = m.at;
	resolve();
	second_set();
}

void flow_print(const struct flow_program *p)
{
	struct x86_insn i;
	char text[128];

	for (u32 off = 0; off < p->len; off += i.len) {
		if (x86_decode(&i, p->image[0] + off, X86_INSN_MAX, X86_MODE_64)) {
			i.len = 1;
			continue;
		}
		if (p->image[0][off] == 0x90)
			continue;
		x86_format(text, sizeof(text), &i, FLOW_CODE + off);
		printf("#   %llx  %s\n", (long long)(FLOW_CODE + off), text);
	}
}

/* ---- loops without an end ---- */

static void far(void)
{
	m.at = (m.at | 0xfff) + 17;
}

static void endless_near(void)
{
	B("\xff\xc0\xeb\xfc");			/* inc eax; jmp */
}

static void endless_far(void)
{
	u32 there = new_label(), back = new_label();

	here(back);
	jump(there);
	far();
	here(there);
	B("\xff\xc0");
	jump(back);
}

static void endless_computed(void)
{
	u32 there = new_label();
	u32 slot = slot_of(there);

	here(there);
	B("\xff\xa5");
	d(disp_of_slot(slot));
}

static void endless_calls(void)
{
	u32 f = new_label(), back = new_label();

	here(back);
	b(0xe8);
	rel32(f);
	jump(back);
	far();
	here(f);
	b(0xc3);
}

/* Returns that find their landings over and over: push rax; ret to behind a call. */
static void endless_returns(void)
{
	u32 f = new_label(), site = new_label();

	b(0xe8);
	rel32(f);
	here(site);
	B("\x48\x8d\x05");			/* lea rax, [site]; push rax; ret */
	rel32(site);
	B("\x50\xc3");
	far();
	here(f);
	b(0xc3);
}

/* The flags are live around it. */
static void endless_flags(void)
{
	u32 back = new_label(), out = new_label();

	B("\x31\xc0");				/* xor eax, eax */
	here(back);
	B("\x0f\x85");
	rel32(out);
	jump(back);
	here(out);
	b(0xf4);
}

static const struct {
	void (*make)(void);
	const char *name;
} endless[FLOW_ENDLESS] = {
	{ endless_near, "a loop in a page" },
	{ endless_far, "a loop over two pages" },
	{ endless_computed, "a computed jump to itself" },
	{ endless_calls, "calls and returns" },
	{ endless_returns, "returns to one place" },
	{ endless_flags, "a loop with live flags" },
};

const char *flow_endless_name(u32 n)
{
	return endless[n].name;
}

void flow_make_endless(struct flow_program *p, u32 n)
{
	begin(p);
	endless[n].make();
	resolve();
	p->end = FLOW_CODE + PAGE_SIZE - 32;	/* never come to */
	memcpy(p->image[1], p->image[0], sizeof(p->image[0]));
}
