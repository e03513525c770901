// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where computed jumps, returns and jumps between pages go without leaving
 * generated code: the jump cache (by target), the return cache (by stack
 * pointer), and the numbers that say whether what they know still holds.
 *
 * A number stands for an address space under a key. ctx->edge[view] holds the
 * present one while generated code runs; a cached jump or a link made under
 * another number does not match. So a change of address space costs nothing
 * here and what comes back finds its jumps again, and a kick, which puts 0
 * there, stops every jump that could close a loop. Numbers are never used
 * again: what INVLPG or a flush makes void gets a new one.
 */
#include "cache.h"
#include "jump.h"

#define NOTE_G 1u		/* classes of noted pages: global, and of the present space */
#define NOTE_P 2u

/* ---- numbers ---- */

static u32 number_of(struct bt_ctx *x, u64 asid, u32 key)
{
	struct bt_jump *j = &x->jump;
	u64 h = (asid ^ ((u64)key << 32)) * 0x9e3779b97f4a7c15ull;
	struct bt_space *s = &j->space[h >> 56 & (BT_SPACES - 1)];

	if (s->number && s->asid == asid && s->key == key)
		return s->number;
	if (j->counter == BT_EDGE_NONE - 1) {
		j->worn = true;		/* bt_jump_sync begins anew; until then nothing matches */
		return BT_EDGE_NONE;
	}
	*s = (struct bt_space){ .asid = asid, .key = key, .number = ++j->counter };
	return s->number;
}

/* Kernels map their code global: its number stays over MOV CR3, unless some of it is not. */
static void renumber(struct bt_ctx *x, enum bt_mmu m)
{
	bool global = m != BT_MMU_USER && !x->jump.private[m];

	x->jump.now[m] = number_of(x, global ? 0 : x->jump.asid, x->jc_key[m]);
	WRITE_ONCE(x->edge[m], 0);		/* bt_jump_sync shows the new one */
}

static void renumber_all(struct bt_ctx *x)
{
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		renumber(x, m);
}

/* ctx->edge as it should be. */
static void show(struct bt_ctx *x)
{
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		WRITE_ONCE(x->edge[m], x->jump.now[m]);
	/* A kick writes ctx->go, then 0 here: it is either overwritten and seen below, or stays. */
	plat_mb();
	if (unlikely(bt_kicked(x)))
		bt_kick(x);
}

void bt_jump_space(struct bt_ctx *x, u64 asid)
{
	if (x->jump.asid == asid)
		return;
	x->jump.asid = asid;
	renumber_all(x);
}

static u32 note_bit(u64 page, u32 class, u32 which)
{
	u64 h = (page | class) * 0x9e3779b97f4a7c15ull;

	return (which ? h >> 20 : h >> 48) & (BT_NOTE_BITS - 1);
}

static bool noted(const struct bt_ctx *x, u64 page, u32 class)
{
	u32 a = note_bit(page, class, 0), b = note_bit(page, class, 1);

	return (x->jump.pages[a / 64] >> (a % 64) & 1) && (x->jump.pages[b / 64] >> (b % 64) & 1);
}

void bt_jump_flush(struct bt_ctx *x)
{
	memset(x->jump.space, 0, sizeof(x->jump.space));
	memset(x->jump.private, 0, sizeof(x->jump.private));
	memset(x->jump.pages, 0, sizeof(x->jump.pages));
	renumber_all(x);
}

void bt_jump_flush_page(struct bt_ctx *x, u64 lin)
{
	struct bt_jump *j = &x->jump;
	bool global = noted(x, lin & PAGE_MASK, NOTE_G);

	if (!global && !noted(x, lin & PAGE_MASK, NOTE_P))
		return;
	for (u32 i = 0; i < BT_SPACES; i++)
		if (global || j->space[i].asid == j->asid)
			j->space[i].number = 0;
	renumber_all(x);
}

void bt_jump_note(struct bt_ctx *x, enum bt_mmu m, u64 lin, bool global)
{
	u64 page = lin & PAGE_MASK;

	for (u32 which = 0; which < 2; which++) {
		u32 b = note_bit(page, global ? NOTE_G : NOTE_P, which);

		x->jump.pages[b / 64] |= BIT_ULL(b % 64);
	}
	if (global || m == BT_MMU_USER || x->jump.private[m])
		return;
	x->jump.private[m] = true;
	renumber(x, m);
	show(x);
}

bool bt_jump_cacheable(u32 key)
{
	/* Segmented code can't be told by its offset alone; stepped code runs one block at a time. */
	return (key & BT_KEY_FLAT) && !(key & (BT_KEY_STEP | BT_KEY_BP));
}

bool bt_jump_sync(struct bt_ctx *x)
{
	enum bt_mmu m = bt_key_mmu(x->key);
	bool flushed = false;

	if (unlikely(x->jump.worn)) {
		x->jump.worn = false;
		x->jump.counter = 0;
		bt_cache_flush(x->cache);
		bt_jump_flush(x);
		flushed = true;
	}
	if (bt_jump_cacheable(x->key) && x->jc_key[m] != x->key) {
		x->jc_key[m] = x->key;
		renumber(x, m);
	}
	if (unlikely(memcmp(x->edge, x->jump.now, sizeof(x->edge))))
		show(x);
	return flushed;
}

/* ---- the jump cache ---- */

void bt_jc_flush(struct bt_ctx *x)
{
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		for (u32 w = 0; w < BT_JC_SIZE / 64; w++) {
			u64 bits = x->jc_used[m][w];

			x->jc_used[m][w] = 0;
			for (; bits; bits &= bits - 1) {
				u32 i = w * 64 + __builtin_ctzll(bits);

				x->jc[m][i].rip = bt_jc_invalid(i);
			}
		}
	for (u32 k = 0; k < BT_MMU_COUNT; k++)
		for (u32 i = 0; i < BT_RC_SIZE; i++)
			x->rc[k][i] = x->rc_miss[k];
}

void bt_jc_remove(struct bt_ctx *x, u64 rip)
{
	u32 i = bt_jc_index(rip);

	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		if (x->jc[m][i].rip == rip)
			x->jc[m][i].rip = bt_jc_invalid(i);
}

void bt_rc_remove(struct bt_ctx *x, u64 code, u64 size)
{
	for (u32 k = 0; k < BT_MMU_COUNT; k++)
		for (u32 i = 0; i < BT_RC_SIZE; i++)
			if (x->rc[k][i] - code < size)
				x->rc[k][i] = x->rc_miss[k];
}

void bt_jc_insert(struct bt_ctx *x, struct bt_block *b)
{
	u32 m = bt_key_mmu(b->key), i = bt_jc_index(b->rip);

	if (!bt_jump_cacheable(b->key) || x->jc_key[m] != b->key)
		return;
	x->jc[m][i] = (struct bt_jc_entry){
		.rip = b->rip,
		.code = bt_cache_entry(x->cache, b),
		.space = x->jump.now[m],
	};
	x->jc_used[m][i / 64] |= BIT_ULL(i % 64);
}

u64 bt_jc_hit(const struct bt_ctx *x, u64 rip)
{
	enum bt_mmu m = bt_key_mmu(x->key);
	const struct bt_jc_entry *j = &x->jc[m][bt_jc_index(rip)];

	if (!bt_jump_cacheable(x->key) || j->rip != rip || j->space != x->jump.now[m])
		return 0;
	return j->code;
}
