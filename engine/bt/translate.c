// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One block from guest bytes to host code: decode until a branch, the page's
 * end or something for the emulator; find which flags are live where; emit.
 * docs/translator.md tells why.
 */
#include "form.h"

struct bt_translation *bt_translation_create(void)
{
	return plat_alloc(sizeof(struct bt_translation));
}

u64 bt_insn_rip(const struct bt_translation *t, u32 n)
{
	return (t->rip + t->off[n]) & t->ip_mask;
}

u64 bt_target(const struct bt_translation *t, const struct x86_insn *i)
{
	u64 next = bt_insn_rip(t, t->n);

	/* A 16-bit operand size truncates the new instruction pointer. */
	return (next + i->imm) & (i->opsize == 2 ? 0xffff : t->ip_mask);
}

struct bt_cold *bt_cold(struct bt_translation *t, enum bt_cold_kind kind, u32 from)
{
	struct bt_cold *c = &t->cold[t->ncold++];

	BUG_ON(t->ncold > BT_MAX_COLD);
	*c = (struct bt_cold){ .kind = kind, .insn = t->cur, .from = { from } };
	return c;
}

/* From here on host code belongs to guest instruction @insn. */
void bt_map_here(struct bt_translation *t, u32 insn)
{
	struct bt_map *m = &t->map[t->nmap++];

	BUG_ON(t->nmap > BT_MAX_MAPS);
	*m = (struct bt_map){
		.host = e_off(t->e) - t->b->code,
		.guest = t->off[insn],
		.len = insn < t->n ? t->insn[insn].len : 0,
	};
}

/* ---- fetching ---- */

/* Decode at page offset @off of the block's first page; bytes past its end are page2's, if there. */
static int decode_at(struct bt_translation *t, struct x86_insn *i, u32 off)
{
	u32 avail = PAGE_SIZE - off;
	u8 buf[X86_INSN_MAX];

	if (avail >= X86_INSN_MAX)
		return x86_decode(i, t->page + off, X86_INSN_MAX, t->mode);
	memcpy(buf, t->page + off, avail);
	if (t->page2) {
		memcpy(buf + avail, t->page2, X86_INSN_MAX - avail);
		avail = X86_INSN_MAX;
	}
	return x86_decode(i, buf, avail, t->mode);
}

/* Which flags surely get a new value. */
static u16 flags_killed(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;
	u32 mask = i->opsize == 8 ? 63 : 31;

	if (o->kind == X86_K_STRING)
		return 0;
	if ((o->attr & X86_T_SHIFT) && (!i->imm_len || !(i->imm & mask)) &&
	    !(o->imm == X86_I_NONE && !(o->gpr_r & BIT(X86_RCX))))
		return 0;
	return o->flags_w;
}

/* Does the instruction keep to registers, flags and memory, so that what follows can be judged? */
static bool transparent(const struct x86_insn *i)
{
	return i->info->kind == X86_K_NATIVE || i->info->kind == X86_K_STACK;
}

/* How far bt_live_at looks, in instructions of all paths together. */
#define LOOK_MOST 24

/*
 * Which of the flags @want are read on some path from linear address @lin on,
 * before they get a new value. Paths are followed inside the block's page; past
 * what can't be seen all count as read.
 */
static u16 look(struct bt_translation *t, u64 lin, u16 want, u32 *left)
{
	u64 page = (t->rip + t->b->cs_base) & PAGE_MASK;
	u16 live = 0;
	struct x86_insn i;

	while (want & ~live) {
		u32 off = lin & ~PAGE_MASK;

		if ((lin & PAGE_MASK) != page || off > PAGE_SIZE - X86_INSN_MAX || !*left ||
		    x86_decode(&i, t->page + off, X86_INSN_MAX, t->mode))
			return live | want;
		--*left;
		t->b->dep_lo = min(t->b->dep_lo, (u16)off);
		t->b->dep_hi = max(t->b->dep_hi, (u16)(off + i.len));
		live |= i.info->flags_r & want;
		lin += i.len;
		if (transparent(&i)) {
			want &= ~flags_killed(&i);
			continue;
		}
		if (i.info->kind != X86_K_BRANCH || !i.imm_len || i.opsize == 2 ||
		    i.info->op == X86_OP_RET)
			return live | want;
		if (i.info->op != X86_OP_JMP && i.info->op != X86_OP_CALL)
			live |= look(t, lin, want & ~live, left);
		lin = t->mode == X86_MODE_64 ? lin + i.imm : (u32)(lin + i.imm);
	}
	return live;
}

u16 bt_live_at(struct bt_translation *t, u64 rip)
{
	u32 left = LOOK_MOST;

	/* A debugger may look at any instruction. */
	if (t->key & (BT_KEY_STEP | BT_KEY_BP))
		return X86_ARITH;
	return look(t, rip + t->b->cs_base, X86_ARITH, &left);
}

static bool breakpoint_at(const struct bt_translation *t, u64 rip)
{
	return (t->key & BT_KEY_BP) && x86_break_hits(t->x->vcpu, rip + t->b->cs_base);
}

/* Fill t->insn. False: the first instruction can't be fetched whole. */
static bool decode_block(struct bt_translation *t)
{
	u32 start = (t->rip + t->b->cs_base) & ~PAGE_MASK, off = start;
	u32 most = (t->key & BT_KEY_STEP) ? 1 : BT_MAX_INSNS;

	t->n = 0;
	t->end = END_FALL;
	t->decoded = false;
	while (t->n < most && off < PAGE_SIZE) {
		struct x86_insn *i = &t->insn[t->n];
		u64 rip = t->rip + (off - start);
		int err;

		t->off[t->n] = off - start;
		if (t->n && breakpoint_at(t, rip))
			break;
		err = decode_at(t, i, off);
		if (err == -EAGAIN)
			return t->n > 0;
		if (!err && off + i->len > PAGE_SIZE && t->n)
			break;
		if (err || !bt_insn_ok(t, i) ||
		    (!(t->key & BT_KEY_FLAT) && rip + i->len - 1 > t->b->cs_limit)) {
			t->end = END_INTERP;
			t->decoded = !err && (t->key & BT_KEY_FLAT) && off + i->len <= PAGE_SIZE;
			break;
		}
		t->n++;
		off += i->len;
		if (i->info->kind == X86_K_BRANCH || bt_system_ends(i)) {
			t->end = END_BRANCH;
			break;
		}
		if (off > PAGE_SIZE)
			break;
	}
	/*
	 * The shadow of STI covers the next instruction, which must not be across an edge, nor the
	 * emulator's: an interrupt between STI and HLT would be slept over.
	 */
	if (t->end != END_BRANCH && t->n && t->insn[t->n - 1].info->op == X86_OP_STI) {
		t->end = END_INTERP;
		off -= t->insn[--t->n].len;
		t->decoded = true;
	}
	t->off[t->n] = off - start;
	return true;
}

/* A direct branch ends the block: its flags are live where they are at its targets. */
static u16 branch_live(struct bt_translation *t, const struct x86_insn *i)
{
	u64 next = bt_insn_rip(t, t->n);

	if (!i->imm_len || i->info->op == X86_OP_RET)
		return X86_ARITH;
	if (i->info->op == X86_OP_JMP || i->info->op == X86_OP_CALL)
		return bt_live_at(t, bt_target(t, i));
	return bt_live_at(t, bt_target(t, i)) | bt_live_at(t, next);
}

static u16 end_live(struct bt_translation *t)
{
	switch (t->end) {
	case END_FALL:
		return bt_live_at(t, bt_insn_rip(t, t->n));
	case END_BRANCH:
		return branch_live(t, &t->insn[t->n - 1]);
	default:
		return X86_ARITH;
	}
}

static void find_live(struct bt_translation *t)
{
	u16 live = end_live(t);

	t->live[t->n] = live;
	for (u32 n = t->n; n-- > 0;) {
		const struct x86_insn *i = &t->insn[n];

		live = (live & ~flags_killed(i)) | i->info->flags_r;
		if (t->key & BT_KEY_STEP)
			live = X86_ARITH;
		t->live[n] = live;
	}
}

static void emit_cold(struct bt_translation *t)
{
	static void (*const emit[])(struct bt_translation *, struct bt_cold *) = {
		[COLD_MEM] = bt_cold_mem, [COLD_SEG] = bt_cold_seg, [COLD_EDGE] = bt_cold_edge,
		[COLD_LINK] = bt_cold_link, [COLD_KICK] = bt_cold_kick, [COLD_MISS] = bt_cold_miss,
		[COLD_INTERP] = bt_cold_interp, [COLD_LEADER] = bt_cold_leader,
		[COLD_VIEW] = bt_cold_view, [COLD_LANDING] = bt_cold_landing,
		[COLD_TWIN] = bt_cold_twin, [COLD_STACK] = bt_cold_stack,
		[COLD_ENTER] = bt_cold_enter, [COLD_REPEAT] = bt_cold_repeat,
	};

	for (u32 n = 0; n < t->ncold; n++) {
		struct bt_cold *c = &t->cold[n];

		for (u32 k = 0; k < ARRAY_SIZE(c->from); k++)
			if (c->from[k])
				emit_patch(t->e, c->from[k], e_off(t->e));
		t->cur = c->insn;
		t->parked = false;
		t->t0 = BT_T0_NONE;
		bt_map_here(t, c->insn);
		emit[c->kind](t, c);
	}
}

/* The emulator need not decode again what has just been: ctx->interp names it. */
static void bt_keep_insn(struct bt_translation *t, const struct x86_insn *i)
{
	emit_store_imm32(t->e, CTX(interp), bt_cache_keep_insn(t->c, i));
}

/* The way in with the flags in ctx->flags: the block itself where none are live. */
static void emit_entry(struct bt_translation *t)
{
	struct bt_block *b = t->b;

	b->entry = 0;
	if (!t->live[0])
		return;
	b->entry = e_off(t->e) - b->code;
	bt_unpark(t);
	emit_jump_to(t->e, CC_ALWAYS, b->code);
}

static void before_branch(struct bt_translation *t)
{
	bt_window_end(t, t->cur);
	if (t->loop)
		bt_loop_end(t);
}

bool bt_needs_flags(const struct bt_translation *t, u32 n)
{
	const struct x86_insn *i = &t->insn[n];
	const struct x86_opcode *o = i->info;

	switch (o->kind) {
	case X86_K_NATIVE:
	case X86_K_NATIVE_DE:
	case X86_K_STACK:
		/*
		 * What reads them, and what changes some and leaves others that are live. Undefined
		 * ones are left by some processors.
		 */
		return (o->flags_r & X86_ARITH) ||
		       ((o->flags_w & X86_ARITH) &&
			(t->live[n + 1] & ~(flags_killed(i) & ~o->flags_u)));
	case X86_K_BRANCH:
		/* Jumps inside the page carry them in the processor. */
		if (!i->imm_len || o->op == X86_OP_RET)
			return false;
		if (o->op != X86_OP_JMP && o->op != X86_OP_CALL)
			return true;
		return t->live[t->n] && bt_same_page(t, bt_target(t, i));
	default:
		return true;
	}
}

void bt_park_early(struct bt_translation *t)
{
	if (!t->live[t->cur] || t->parked)
		return;
	for (u32 n = t->cur; n < t->n; n++)
		if (bt_needs_flags(t, n))
			return;
	if (t->end != END_FALL || !bt_same_page(t, bt_insn_rip(t, t->n)))
		bt_free_flags(t);
}

/* Flags that an access has parked stay so until somebody needs them, or has replaced them. */
static void emit_insn(struct bt_translation *t, const struct x86_insn *i)
{
	if (bt_needs_flags(t, t->cur))
		bt_want_flags(t);
	/* Made of several steps, of which the first may use T0 behind form.c's back; but a loop's JCC. */
	if (i->info->kind != X86_K_NATIVE && i->info->kind != X86_K_NATIVE_DE &&
	    i->info->op != X86_OP_JCC)
		t->t0 = BT_T0_NONE;
	bt_insn(t, i);
	if (!bt_keeps_t0(t, i, t->cur))
		t->t0 = BT_T0_NONE;
	t->map[t->nmap - 1].parked = t->parked;
	if ((i->info->flags_w & X86_ARITH) || !t->live[t->cur + 1])
		t->parked = false;
}

static void emit_block(struct bt_translation *t)
{
	struct bt_block *b = t->b;

	while (e_off(t->e) % BT_BLOCK_ALIGN)
		e8(t->e, 0xcc);		/* INT3: nobody comes here */
	b->code = e_off(t->e);
	t->nmap = 0;
	t->cur = 0;
	t->parked = false;
	t->t0 = BT_T0_NONE;
	bt_known_start(t);
	bt_map_here(t, 0);
	bt_loop_begin(t);
	if (unlikely(t->x->stats.counting))
		bt_count(t);
	for (t->cur = 0; t->cur < t->n; t->cur++) {
		const struct x86_insn *i = &t->insn[t->cur];

		if (t->end == END_BRANCH && t->cur == t->n - 1)
			before_branch(t);
		bt_map_here(t, t->cur);
		emit_insn(t, i);
		bt_known_step(t, i);
	}
	t->cur = t->n ? t->n - 1 : 0;
	if (t->end == END_INTERP) {
		if (t->decoded)
			bt_keep_insn(t, &t->insn[t->n]);
		bt_exit(t, bt_insn_rip(t, t->n), BT_EXIT_INTERP);
	}
	if (t->end == END_FALL) {
		if (bt_same_page(t, bt_insn_rip(t, t->n)))
			bt_want_flags(t);
		bt_window_end(t, t->n);
		bt_edge(t, bt_insn_rip(t, t->n), t->live[t->n]);
	}
	emit_cold(t);
	emit_entry(t);
	BUG_ON(e_off(t->e) - b->code > 0xffff);
	b->code_len = e_off(t->e) - b->code;
	bt_cache_keep_maps(t->c, b, t->map, t->nmap);
}

static void trace_block(struct bt_translation *t)
{
	bool fpu = t->x->fpu_live;
	char text[96];

	if (fpu)
		bt_fpu_save(t->x);
	plat_trace("block rip=%llx gpa=%llx key=%x n=%u code=%u+%u live=%x",
		   (unsigned long long)t->rip, (unsigned long long)t->b->gpa, t->key, t->n,
		   t->b->code, t->b->code_len, t->live[0]);
	for (u32 n = 0; n < t->n; n++) {
		x86_format(text, sizeof(text), &t->insn[n], bt_insn_rip(t, n));
		plat_trace("  %llx  %s  live=%x", (unsigned long long)bt_insn_rip(t, n), text,
			   t->live[n]);
	}
	if (fpu)
		bt_fpu_load(t->x);
}

struct bt_block *bt_translate(struct bt_ctx *x, u64 rip, u64 gpa, u64 gpa2, const u8 *page,
			      const u8 *page2)
{
	const struct x86_segment *cs = &x->vcpu->cpu.seg[X86_CS];
	struct bt_cache *c = x->cache;
	struct bt_translation *t = c->tr;
	struct bt_block *b;
	u32 key = x->key;

	bt_cache_make_room(c);
	b = bt_cache_block(c);
	*b = (struct bt_block){
		.rip = rip,
		.gpa = gpa,
		.gpa2 = ~0ull,
		.cs_base = (key & BT_KEY_MODE) == X86_MODE_64 ? 0 : cs->base,
		.cs_limit = cs->limit,
		.key = key,
		.dep_lo = gpa & ~PAGE_MASK,
	};
	t->c = c;
	t->x = x;
	t->e = &c->e;
	t->b = b;
	t->rip = rip;
	t->page = page;
	t->page2 = page2;
	t->key = key;
	t->mode = key & BT_KEY_MODE;
	t->ip_mask = t->mode == X86_MODE_64 ? ~0ull : 0xffffffffull;
	t->wide_stack = t->mode == X86_MODE_64;
	t->ncold = 0;
	if (!decode_block(t))
		return NULL;
	b->ninsn = t->n;
	b->size = t->off[t->n];
	/* What is left to the emulator was decoded too, behind the block's own bytes. */
	b->dep_hi = min((u32)PAGE_SIZE, (u32)b->dep_lo + b->size + X86_INSN_MAX);
	if ((gpa & ~PAGE_MASK) + b->size > PAGE_SIZE)
		b->gpa2 = gpa2;
	find_live(t);
	if (key & BT_KEY_WINDOW)
		bt_choose_forms(t);
	bt_find_groups(t);
	emit_block(t);
	bt_cache_take(c);
	bt_cache_add(c, b);
	bt_ring_made(c, b);
	if (x->trace_blocks)
		trace_block(t);
	return b;
}
