// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which window each access of a block is expected in. It is what the site met
 * when it was wrong before; else where the registers point as the block is
 * made, which is right before it runs for the first time; else a guess. A
 * site that keeps changing ends up with the software TLB, which takes anything.
 */
#include "form.h"
#include "run.h"

/* Values that the block's registers surely have when it runs now. */
struct values {
	u64 v[16];
	u16 have;
};

static u8 form_at(u32 key, u64 lin)
{
	u32 slot = bt_window_slot(lin);

	if (slot == BT_WINDOW_SLOT_B)
		return BT_WINDOW_B;
	return slot == bt_key_slot_a(key) ? BT_WINDOW_A : BT_FORM_SOFT;
}

static struct bt_hint *hint_of(struct bt_cache *c, u32 site)
{
	return &c->hint[(site * 0x9e3779b9u) >> (32 - BT_HINT_BITS)];
}

bool bt_operand_place(struct bt_translation *t, const struct x86_insn *i, u32 n,
		      struct bt_place *p)
{
	*p = (struct bt_place){
		.base = i->base, .index = i->index, .scale = i->scale, .disp = i->disp,
		.size = i->memsize,
	};
	if (!i->is_mem || (i->info->attr & X86_T_NOMEM) || i->addrsize != 8 || i->seg == X86_GS)
		return false;
	p->is_const = i->base >= 16 && i->index >= 16;
	p->at = i->info->imm == X86_I_MOFFS ? i->disp64 : (u64)(s64)i->disp;
	if (i->base == X86_REG_RIP)
		p->at += bt_insn_rip(t, n + 1);
	if (i->seg != X86_FS)
		return true;
	p->fs = p->is_const && i->base != X86_REG_RIP && i->info->imm != X86_I_MOFFS;
	p->is_const = false;
	return p->fs;
}

static bool value_of(const struct values *v, u8 reg, u64 *out)
{
	if (reg >= 16) {
		*out = 0;
		return true;
	}
	*out = v->v[reg];
	return v->have & BIT(reg);
}

static u8 guess(struct bt_translation *t, const struct bt_place *p, const struct values *v, u32 n)
{
	u32 site = (u32)bt_insn_rip(t, n);
	const struct bt_hint *h = hint_of(t->c, site);
	u64 base, index;

	if (p->fs)
		return BT_WINDOW_B;
	if (p->is_const)
		return form_at(t->key, p->at);
	if (h->site == site && h->form != BT_FORM_ANY)
		return h->form == BT_WINDOW_A && bt_key_slot_a(t->key) == BT_WINDOW_NONE ?
			       BT_FORM_SOFT : h->form;
	if (p->base == X86_RSP)
		return bt_stack_window(t);
	if (value_of(v, p->base, &base) && value_of(v, p->index, &index))
		return form_at(t->key, base + (index << p->scale) + (s64)p->disp);
	if (p->base == X86_RBP)
		return bt_stack_window(t);
	return bt_key_slot_a(t->key) == BT_WINDOW_NONE ? BT_WINDOW_B : BT_WINDOW_A;
}

static void step(struct values *v, const struct x86_insn *i)
{
	u8 dst, src;
	s64 by;

	if (bt_moves(i, &dst, &src, &by)) {
		v->v[dst] = v->v[src] + by;
		v->have = v->have & BIT(src) ? v->have | BIT(dst) : v->have & ~BIT(dst);
		return;
	}
	v->have &= ~bt_written(i);
}

void bt_choose_forms(struct bt_translation *t)
{
	const struct x86_cpu *cpu = &t->x->vcpu->cpu;
	struct values v = { .have = cpu->rip == t->rip ? 0xffff : 0 };
	struct bt_place p;

	memcpy(v.v, cpu->gpr, sizeof(v.v));
	for (u32 n = 0; n < t->n; n++) {
		const struct x86_insn *i = &t->insn[n];

		t->form[n] = BT_FORM_SOFT;
		if (bt_operand_place(t, i, n, &p))
			t->form[n] = guess(t, &p, &v, n);
		else if (!i->is_mem)
			t->form[n] = bt_stack_window(t);
		step(&v, i);
	}
}

/*
 * BT_EXIT_FORM: the access at site ctx->form_site was not in its window. Each
 * change of mind takes more of that than the one before.
 */
void bt_form_missed(struct bt_ctx *x)
{
	u32 site = x->form_site;
	u8 form = form_at(x->key, x->mem_lin);
	struct bt_hint *h = hint_of(x->cache, site);
	struct bt_block *b;

	x->key_stale = true;
	if (site == BT_NO_SITE)
		return;
	if (h->site != site)
		*h = (struct bt_hint){ .site = site, .form = BT_FORM_ANY };
	if (++h->misses < 2u << (2 * h->changes))
		return;
	h->misses = 0;
	/*
	 * One that misses what it met itself counts, too: the address may be in the window while the
	 * register that the check looks at is not, and a loop's check lets nobody in without it.
	 */
	if (++h->changes > BT_HINT_CHANGES)
		form = BT_FORM_SOFT;
	h->form = form;
	b = bt_cache_by_host(x->cache, x->mem_ret);
	if (b && !b->dead)
		bt_cache_drop_run(x->cache, b, 1);
}
