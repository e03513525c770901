// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * REP MOVS and REP STOS a page's part at a time. What the pieces can't do
 * fast (an element across pages, MMIO, code, a fault) is done one element at
 * a time through the emulator's operations, registers advanced after each, so
 * that the instruction may stop anywhere and go on later.
 */
#include "jump.h"
#include "run.h"

#define PATTERN 512u

struct string {
	struct bt_ctx *x;
	struct x86_cpu *c;
	const struct x86_insn *i;
	u32 size;
	bool down, movs, wide;		/* wide: 64-bit mode, no limits */
	u64 mask;			/* of the address size */
};

/* What an address register or counter of this address size becomes. */
static void set_reg(const struct string *s, enum x86_reg r, u64 val)
{
	u64 *g = &s->c->gpr[r];

	if (s->i->addrsize == 2)
		*g = (*g & ~0xffffull) | (val & 0xffff);
	else
		*g = val & s->mask;
}

static u64 seg_base(const struct string *s, u8 seg)
{
	return s->wide && seg != X86_FS && seg != X86_GS ? 0 : s->c->seg[seg].base;
}

static void advance(const struct string *s, u64 n)
{
	u64 step = s->down ? -(n * s->size) : n * s->size;

	if (s->movs)
		set_reg(s, X86_RSI, s->c->gpr[X86_RSI] + step);
	set_reg(s, X86_RDI, s->c->gpr[X86_RDI] + step);
	set_reg(s, X86_RCX, s->c->gpr[X86_RCX] - n);
}

/* How many elements from @off lie in one page, one wrap of the address size and the limit. */
static u64 run_length(const struct string *s, u64 off, u64 lin, s64 lim)
{
	u64 in_page = lin & ~PAGE_MASK, n;

	if (in_page + s->size > PAGE_SIZE)
		return 0;
	if (off > s->mask - (s->size - 1))	/* the element itself wraps */
		return 0;
	if (s->down)
		n = min(in_page, off) / s->size + 1;
	else
		n = min(PAGE_SIZE - in_page, s->mask - off) / s->size + !(s->mask - off);
	if (!s->wide) {
		if ((s64)(off + s->size - 1) > lim)
			return 0;
		if (!s->down)
			n = min(n, (u64)(lim - (s64)off + 1) / s->size);
	}
	return n;
}

/* Lowest addresses @dst, @src; @n elements. False: the host's memory has gone. */
static bool copy(const struct string *s, u8 *dst, const u8 *src, u64 n)
{
	u64 bytes = n * s->size, done;
	u8 buf[256];

	if (dst + bytes <= src || src + bytes <= dst || (!s->down && dst <= src))
		return !plat_guest_write(dst, src, bytes);
	if (s->down && dst > src) {
		/* Backwards and dst above: as memmove, from the top in pieces. */
		for (done = bytes; done; ) {
			u64 part = min(done, (u64)sizeof(buf));

			done -= part;
			if (plat_guest_read(buf, src + done, part) ||
			    plat_guest_write(dst + done, buf, part))
				return false;
		}
		return true;
	}
	/* The source runs into what has been written: a pattern grows, element by element. */
	for (done = 0; done < n; done++) {
		u64 at = (s->down ? n - 1 - done : done) * s->size;

		if (plat_guest_read(buf, src + at, s->size) ||
		    plat_guest_write(dst + at, buf, s->size))
			return false;
	}
	return true;
}

static bool set(const struct string *s, u8 *dst, u64 n)
{
	u64 bytes = n * s->size, part;
	u8 buf[PATTERN];
	u32 k;

	memcpy(buf, &s->c->gpr[X86_RAX], s->size);
	for (k = s->size; k < min(bytes, (u64)PATTERN); k *= 2)
		memcpy(buf + k, buf, k);
	for (; bytes; bytes -= part, dst += part) {
		part = min(bytes, (u64)PATTERN);
		if (plat_guest_write(dst, buf, part))
			return false;
	}
	return true;
}

/* One element the careful way. */
static int one(const struct string *s)
{
	struct x86_emu *e = &s->x->vcpu->emu;
	u64 val = s->c->gpr[X86_RAX], lin;
	int r;

	if (s->movs) {
		r = x86_linearize(e, s->i->seg, s->c->gpr[X86_RSI] & s->mask, s->size, 0, &lin);
		if (r == X86_EMU_OK)
			r = e->ops->read(e, lin, &val, s->size, 0);
		if (r != X86_EMU_OK)
			return r;
	}
	r = x86_linearize(e, X86_ES, s->c->gpr[X86_RDI] & s->mask, s->size, X86_ACC_WRITE, &lin);
	if (r == X86_EMU_OK)
		r = e->ops->write(e, lin, &val, s->size, 0);
	if (r != X86_EMU_OK)
		return r;
	if (s->x->vcpu->mmio.n)
		vcpu_mmio_done(s->x->vcpu);
	advance(s, 1);
	return r;
}

/* The fast way: elements done, 0 when it can't. */
static u64 piece(const struct string *s, bool *gone)
{
	u64 n = s->c->gpr[X86_RCX] & s->mask;
	u64 off = s->c->gpr[X86_RDI] & s->mask, lin = off + seg_base(s, X86_ES), back;
	enum bt_mmu mmu = bt_data_mmu(s->c);
	u8 *dst, *src = NULL;

	if (!s->wide)
		lin = (u32)lin;
	n = min(n, run_length(s, off, lin, s->x->seg_lim_w[X86_ES]));
	if (!n)
		return 0;
	dst = bt_tlb_get(s->x, lin, s->size, mmu, true);
	if (!dst)
		return 0;
	if (s->movs) {
		off = s->c->gpr[X86_RSI] & s->mask;
		lin = off + seg_base(s, s->i->seg);
		if (!s->wide)
			lin = (u32)lin;
		n = min(n, run_length(s, off, lin, s->x->seg_lim_r[s->i->seg]));
		if (!n)
			return 0;
		src = bt_tlb_get(s->x, lin, s->size, mmu, false);
		if (!src || !bt_tlb_hit(s->x, lin, s->size, mmu, false))
			return 0;
	}
	back = s->down ? (n - 1) * s->size : 0;
	*gone = s->movs ? !copy(s, dst - back, src - back, n) : !set(s, dst - back, n);
	return n;
}

int bt_string(struct bt_ctx *x)
{
	struct vcpu *v = x->vcpu;
	const struct x86_insn *i = &v->emu.insn;
	struct string s = {
		.x = x, .c = &v->cpu, .i = i, .size = i->opsize,
		.down = v->cpu.rflags & X86_DF,
		.movs = i->info->op == X86_OP_MOVS,
		.wide = x86_64bit(&v->cpu),
		.mask = i->addrsize == 8 ? ~0ull : i->addrsize == 4 ? 0xffffffffull : 0xffffull,
	};
	u32 budget = 64;		/* pieces until the caller looks around */

	if ((!s.movs && i->info->op != X86_OP_STOS) || !(i->prefix & (X86_P_F2 | X86_P_F3)) ||
	    (x->key & (BT_KEY_STEP | BT_KEY_ALIGN)) || x86_watch_armed(v))
		return X86_EMU_UNHANDLED;
	while ((v->cpu.gpr[X86_RCX] & s.mask) && budget-- && !bt_kicked(x)) {
		bool gone = false;
		u64 n = piece(&s, &gone);
		int r;

		if (gone) {
			v->memory_gone = true;
			return X86_EMU_SHUTDOWN;
		}
		if (n) {
			advance(&s, n);
			continue;
		}
		r = one(&s);
		if (r != X86_EMU_OK)
			return r;
	}
	if (v->cpu.gpr[X86_RCX] & s.mask)
		return X86_EMU_OK;	/* to be continued: rip stays */
	v->cpu.rip += i->len;
	if (!s.wide)
		v->cpu.rip = (u32)v->cpu.rip;
	v->cpu.interrupt_shadow = 0;
	v->cpu.rflags &= ~(u64)X86_RF;
	return X86_EMU_OK;
}
