// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which address spaces have windows, and when code that uses them may run.
 *
 * A timer looks about every four milliseconds whether a program of the guest
 * runs; one that was met a few times gets windows (a set). What that costs in
 * calls of the host's kernel is held against the time that the program ran:
 * one that keeps changing its memory goes back to the software TLB for a while.
 *
 * A set belongs to a root of page tables on one vCPU. What the guest flushes
 * is only noted; bt_window_key, which decides what code may run next, has the
 * set verified before it says BT_KEY_WINDOW.
 */
#include "jump.h"
#include "window-map.h"

#define TICK_NS 4000000ull		/* a program without windows is looked at */
#define LONG_TICK_NS 20000000ull	/* one with them */
#define HOT_TICKS 3
#define VERIFY_NS 1000000000ull		/* accessed bits that the guest cleared are noticed by then */
#define BAN_NS 2000000000ull
#define COST_FREE_NS 40000000ull	/* that a program may cost in any case */
#define COST_TICK_NS 4000000ull		/* and for each LONG_TICK that it ran */
#define COST_TICKS 8u			/* after so many, what was counts half */
#define SIGNAL_NS 3000ull		/* of a miss, before it gets here */
#define MAX_SETS 12u			/* of the process: 4.25 TiB of addresses each */

#define KEY_BITS (BT_KEY_WINDOW | BT_KEY_STACK_A | 0xffu << BT_KEY_LAYOUT_SHIFT)

static u32 all_sets;			/* atomic */

static u64 cycles(u64 ns)
{
	return ns / 1000000 * plat_tsc_khz();
}

static u64 root_of(const struct x86_cpu *c)
{
	return c->cr3 & 0x000ffffffffff000ull;
}

static u32 pcid_of(const struct x86_cpu *c)
{
	return c->cr4 & X86_CR4_PCIDE ? c->cr3 & 0xfff : 0;
}

/* Is keeping it up more than it gives? */
static bool too_costly(const struct bt_window_set *set)
{
	return unlikely(set->costly ||
			set->cost > cycles(COST_FREE_NS) + set->samples * cycles(COST_TICK_NS));
}

/* ---- making and ending ---- */

static void timer_call(struct plat_timer *t)
{
	struct bt_windows *ws = container_of(t, struct bt_windows, timer);

	WRITE_ONCE(ws->sampled, 1);
	bt_kick(ws->x);
}

static void no_view(struct bt_ctx *x)
{
	for (u32 k = 0; k < BT_WINDOW_COUNT; k++)
		x->window[k].delta = BT_WINDOW_NOWHERE;
	x->window_fs = BT_WINDOW_NOWHERE;
}

int bt_windows_create(struct bt_ctx *x)
{
	struct bt_windows *ws;

	no_view(x);
	if (plat_engine_option("window", "never") || !plat_window_possible())
		return 0;
	ws = plat_alloc(sizeof(*ws));
	if (!ws)
		return -ENOMEM;
	ws->x = x;
	ws->faulted = ~0ull;
	ws->mode = plat_engine_option("window", "always") ? BT_WINDOW_ALWAYS : BT_WINDOW_AUTO;
	plat_mutex_init(&ws->lock);
	for (u32 i = 0; i < BT_WINDOW_SETS; i++)
		ws->set[i].root = BT_NO_ROOT;
	for (u32 i = 0; i < BT_WINDOW_CANDIDATES; i++)
		ws->candidate[i].root = BT_NO_ROOT;
	ws->timer_ok = !plat_timer_init(&ws->timer, timer_call);
	WRITE_ONCE(x->windows, ws);
	return 0;
}

static u64 span(void)
{
	return BT_WINDOW_SIZE + 2 * BT_WINDOW_EDGE;
}

void bt_windows_destroy(struct bt_ctx *x)
{
	struct bt_windows *ws = x->windows;

	if (!ws)
		return;
	WRITE_ONCE(x->windows, NULL);
	if (ws->timer_ok)
		plat_timer_destroy(&ws->timer);
	for (u32 i = 0; i < BT_WINDOW_SETS; i++) {
		if (!ws->set[i].host[0])
			continue;
		plat_window_free(ws->set[i].host[0], span());
		plat_window_free(ws->set[i].host[1], span());
		plat_atomic_add32(&all_sets, -1u);
	}
	bt_window_forget_runs(ws);
	plat_free(ws->area);
	plat_free(ws);
}

static bool make_areas(struct bt_windows *ws)
{
	if (!ws->area)
		ws->area = plat_alloc(BT_WINDOW_AREAS * sizeof(*ws->area));
	return ws->area;
}

static bool reserve(struct bt_window_set *set)
{
	if (plat_atomic_add32(&all_sets, 1) >= MAX_SETS)
		goto none;
	set->host[0] = plat_window_reserve(span());
	set->host[1] = set->host[0] ? plat_window_reserve(span()) : NULL;
	if (set->host[1])
		return true;
	if (set->host[0])
		plat_window_free(set->host[0], span());
	set->host[0] = NULL;
none:
	plat_atomic_add32(&all_sets, -1u);
	return false;
}

/* Empty @set for another address space. */
static void give_up(struct bt_windows *ws, struct bt_window_set *set)
{
	bt_window_wipe(ws, set);
	set->root = BT_NO_ROOT;
	set->cost = set->samples = 0;
	set->stale = set->suspects = set->costly = false;
	if (ws->cur == set)
		ws->cur = NULL;
}

/* A set for a new address space: one that has never been used, or the one unused for longest. */
static struct bt_window_set *take_set(struct bt_windows *ws)
{
	struct bt_window_set *best = NULL;
	u32 i;

	for (i = 0; i < BT_WINDOW_SETS && ws->set[i].host[0]; i++) {
		struct bt_window_set *s = &ws->set[i];

		if (s->root == BT_NO_ROOT)
			return s;
		if (!best || s->stamp < best->stamp)
			best = s;
	}
	if (i < BT_WINDOW_SETS && reserve(&ws->set[i]))
		return &ws->set[i];
	if (best)
		give_up(ws, best);
	return best;
}

static struct bt_candidate *candidate(struct bt_windows *ws, u64 root)
{
	struct bt_candidate *c = &ws->candidate[(root >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 58];

	if (c->root != root)
		*c = (struct bt_candidate){ .root = root };
	return c;
}

static void promote(struct bt_windows *ws)
{
	const struct x86_cpu *c = &ws->x->vcpu->cpu;
	u32 slot = bt_window_slot(c->rip);
	struct bt_window_set *set;

	if (!make_areas(ws)) {
		ws->off = true;
		return;
	}
	plat_mutex_lock(&ws->lock);
	set = take_set(ws);
	if (set) {
		set->root = root_of(c);
		set->pcid = pcid_of(c);
		set->slot_a = slot < BT_WINDOW_SLOT_B ? slot : BT_WINDOW_NONE;
		set->stack = BT_WINDOW_SLOT_B;
		set->verified = plat_rdtsc();
		ws->cur = set;
		ws->x->stats.window.promoted++;
	} else {
		ws->off = true;
	}
	plat_mutex_unlock(&ws->lock);
}

static void demote(struct bt_windows *ws, struct bt_window_set *set)
{
	struct bt_candidate *c = candidate(ws, set->root);

	c->ticks = 0;
	c->banned_until = plat_rdtsc() + (cycles(BAN_NS) << min(c->bans, 5u));
	c->bans++;
	ws->x->stats.window.demoted++;
	plat_mutex_lock(&ws->lock);
	give_up(ws, set);
	plat_mutex_unlock(&ws->lock);
}

/* ---- the clock ---- */

static struct bt_window_set *find_set(struct bt_windows *ws, u64 root)
{
	if (ws->cur && ws->cur->root == root)
		return ws->cur;
	for (u32 i = 0; i < BT_WINDOW_SETS; i++)
		if (ws->set[i].root == root)
			return ws->cur = &ws->set[i];
	return NULL;
}

/* May code in mode @key use windows at all? */
static bool suits(const struct bt_ctx *x, u32 key)
{
	return (key & BT_KEY_MODE) == X86_MODE_64 && bt_key_mmu(key) == BT_MMU_USER &&
	       !(key & (BT_KEY_ALIGN | BT_KEY_STEP | BT_KEY_BP)) && !x86_watch_armed(x->vcpu);
}

void bt_window_tick(struct bt_ctx *x)
{
	struct bt_windows *ws = x->windows;
	const struct x86_cpu *c = &x->vcpu->cpu;
	struct bt_window_set *set;
	struct bt_candidate *cand;
	u64 now;

	if (!ws || likely(!READ_ONCE(ws->sampled)))
		return;
	WRITE_ONCE(ws->sampled, 0);
	ws->armed = false;
	if (ws->off || x86_code_mode(c) != X86_MODE_64 || x86_cpl(c) != 3)
		return;
	now = plat_rdtsc();
	set = find_set(ws, root_of(c));
	if (set) {
		if (++set->samples >= COST_TICKS) {
			set->cost /= 2;
			set->samples /= 2;
		}
		if (now - set->verified > cycles(VERIFY_NS)) {
			set->stale = true;
			set->verified = now;
		}
		return;
	}
	cand = candidate(ws, root_of(c));
	if (now >= cand->banned_until && ++cand->ticks >= HOT_TICKS)
		promote(ws);
}

static void arm(struct bt_windows *ws, u64 ns)
{
	if (ws->armed || !ws->timer_ok)
		return;
	ws->armed = true;
	bt_fpu_release(ws->x);
	plat_timer_start(&ws->timer, plat_time_ns() + ns);
}

/* ---- what code may run ---- */

/* The host address of guest address @lin, or one that faults. */
static u64 host_of(const struct bt_ctx *x, const struct bt_window_set *set, u64 lin)
{
	u32 slot = bt_window_slot(lin);

	return slot == BT_WINDOW_SLOT_B ? lin + x->window[BT_WINDOW_B].delta :
	       slot == set->slot_a ? lin + x->window[BT_WINDOW_A].delta : BT_WINDOW_NOWHERE;
}

static u64 delta(const struct bt_window_set *set, enum bt_window k, u32 slot)
{
	return (u64)set->host[k] + BT_WINDOW_EDGE - ((u64)slot << BT_WINDOW_SHIFT);
}

/* Does something have to be done before user code runs in it? */
static bool unsettled(const struct bt_windows *ws, const struct bt_window_set *set)
{
	return set->stale || set->suspects || too_costly(set) ||
	       set->pcid != pcid_of(&ws->x->vcpu->cpu);
}

static bool settle(struct bt_windows *ws, struct bt_window_set *set)
{
	if (too_costly(set)) {
		if (ws->mode != BT_WINDOW_ALWAYS) {
			demote(ws, set);
			return false;
		}
		plat_mutex_lock(&ws->lock);
		bt_window_wipe(ws, set);
		plat_mutex_unlock(&ws->lock);
		set->cost = 0;
		set->costly = false;
	}
	if (unlikely(set->pcid != pcid_of(&ws->x->vcpu->cpu))) {
		set->pcid = pcid_of(&ws->x->vcpu->cpu);
		set->stale = true;
	}
	if (unlikely(set->stale || set->suspects)) {
		u64 begin = plat_rdtsc();

		plat_mutex_lock(&ws->lock);
		bt_window_verify(ws, set);
		plat_mutex_unlock(&ws->lock);
		set->cost += plat_rdtsc() - begin;
	}
	return true;
}

static void show(struct bt_ctx *x, const struct bt_window_set *set)
{
	x->window[BT_WINDOW_A].delta = set->slot_a == BT_WINDOW_NONE ? BT_WINDOW_NOWHERE :
				       delta(set, BT_WINDOW_A, set->slot_a);
	x->window[BT_WINDOW_B].delta = delta(set, BT_WINDOW_B, BT_WINDOW_SLOT_B);
	x->window_fs = host_of(x, set, x->vcpu->cpu.seg[X86_FS].base);
}

static u32 key_of(const struct bt_window_set *set)
{
	return BT_KEY_WINDOW | set->slot_a << BT_KEY_LAYOUT_SHIFT |
	       (set->stack == BT_WINDOW_SLOT_B ? 0 : BT_KEY_STACK_A);
}

u32 bt_window_key(struct bt_ctx *x, u32 key)
{
	const struct x86_cpu *c = &x->vcpu->cpu;
	struct bt_windows *ws = x->windows;
	struct bt_window_set *set;
	u32 stack;

	if (!ws || ws->off || !suits(x, key))
		return key;
	set = find_set(ws, root_of(c));
	if (!set && ws->mode == BT_WINDOW_ALWAYS) {
		bt_fpu_release(x);
		promote(ws);
		set = find_set(ws, root_of(c));
	}
	if (!set) {
		if (plat_rdtsc() >= candidate(ws, root_of(c))->banned_until)
			arm(ws, TICK_NS);
		return key;
	}
	arm(ws, LONG_TICK_NS);
	if (!settle(ws, set))
		return key;
	set->stamp = ++ws->stamp;
	if (ws->faulted != ~0ull) {
		u64 lin = ws->faulted;

		ws->faulted = ~0ull;
		bt_window_miss(x, lin, ws->faulted_write);
	}
	stack = bt_window_slot(c->gpr[X86_RSP]);
	if (stack != BT_WINDOW_SLOT_B && stack != set->slot_a)
		return key;
	set->stack = stack;
	show(x, set);
	return key | key_of(set);
}

void bt_window_user_key(struct bt_ctx *x)
{
	struct bt_windows *ws = x->windows;
	struct bt_window_set *set;

	x->user_stack = ~0ull;
	if (!ws || ws->off || !suits(x, x->user_key))
		return;
	set = find_set(ws, root_of(&x->vcpu->cpu));
	if (!set)
		return;
	if (unsettled(ws, set)) {
		x->plain &= ~(u8)BT_PLAIN_SYSCALL;
		return;
	}
	show(x, set);
	x->user_key |= key_of(set);
	x->user_stack = set->stack;
}

u32 bt_window_no_key(u32 key)
{
	return key & ~KEY_BITS;
}

/* ---- what a slow access found ---- */

void bt_window_miss(struct bt_ctx *x, u64 lin, bool write)
{
	struct bt_windows *ws = x->windows;
	struct bt_window_set *set = ws->cur;
	u32 slot = bt_window_slot(lin), i = (lin >> PAGE_SHIFT) & (BT_AREA_PAGES - 1);
	u64 begin = plat_rdtsc();
	struct bt_area *c;
	int err = 0;

	if (slot > BT_WINDOW_SLOT_B || !set || set->root != root_of(&x->vcpu->cpu))
		return;
	if (slot != BT_WINDOW_SLOT_B && slot != set->slot_a) {
		if (set->slot_a != BT_WINDOW_NONE)
			return;
		set->slot_a = slot;
		x->key_stale = true;
		bt_kick(x);
	}
	ws->x->stats.window.misses++;
	plat_mutex_lock(&ws->lock);
	c = bt_window_area(ws, set, lin);
	if (!c || !((write ? c->writable : c->mapped)[i / 64] & BIT_ULL(i % 64)))
		err = bt_window_crowded(ws) ? -ENOSPC : bt_window_fill(ws, set, lin, write);
	plat_mutex_unlock(&ws->lock);
	set->cost += plat_rdtsc() - begin;
	if (likely(!err) && !too_costly(set))
		return;
	/* No room is the set's fault, anything else the memory's. */
	if (err && err != -ENOSPC && err != -ENOMEM)
		ws->off = true;
	set->costly = true;
	x->key_stale = true;
	bt_kick(x);
}

void bt_window_signal(struct bt_ctx *x)
{
	if (x->windows && x->windows->cur)
		x->windows->cur->cost += SIGNAL_NS * plat_tsc_khz() / 1000000;
}

/*
 * What the guest's kernel has been asked for by a #PF is there when it comes
 * back, as a rule: then the access need not come to a signal once more.
 */
void bt_window_faulted(struct bt_ctx *x, u64 lin, bool write)
{
	if (x->windows) {
		x->windows->faulted = lin;
		x->windows->faulted_write = write;
	}
}

/* ---- flushes ---- */

void bt_window_flush(struct bt_ctx *x, bool all)
{
	struct bt_windows *ws = x->windows;
	u32 pcid = pcid_of(&x->vcpu->cpu);

	if (!ws)
		return;
	for (u32 i = 0; i < BT_WINDOW_SETS; i++)
		if (all || ws->set[i].pcid == pcid)
			ws->set[i].stale = true;
	x->key_stale = true;		/* bt_window_key is to see it */
}

void bt_window_flush_page(struct bt_ctx *x, u64 lin)
{
	struct bt_windows *ws = x->windows;

	if (!ws || bt_window_slot(lin) > BT_WINDOW_SLOT_B)
		return;
	for (u32 i = 0; i < BT_WINDOW_SETS; i++) {
		struct bt_window_set *set = &ws->set[i];

		if (set->root != BT_NO_ROOT && bt_window_suspect(ws, set, lin))
			set->suspects = x->key_stale = true;
	}
}

void bt_window_drop(struct bt_ctx *x)
{
	struct bt_windows *ws = x->windows;

	if (!ws || !ws->area)
		return;
	plat_mutex_lock(&ws->lock);
	for (u32 i = 0; i < BT_WINDOW_SETS; i++)
		if (ws->set[i].root != BT_NO_ROOT)
			bt_window_wipe(ws, &ws->set[i]);
	memset(ws->span, 0, sizeof(ws->span));
	plat_mutex_unlock(&ws->lock);
}

void bt_window_code(struct vm *vm, u64 gpa)
{
	u32 n = READ_ONCE(vm->nr_vcpus);

	for (u32 i = 0; i < n; i++) {
		struct bt_ctx *x = vm->vcpus[i] ? vm->vcpus[i]->engine_priv : NULL;
		struct bt_windows *ws = x ? READ_ONCE(x->windows) : NULL;

		if (!ws)
			continue;
		plat_mutex_lock(&ws->lock);
		for (u32 s = 0; s < BT_WINDOW_SETS; s++)
			if (ws->set[s].root != BT_NO_ROOT)
				bt_window_unwrite(ws, &ws->set[s], gpa);
		plat_mutex_unlock(&ws->lock);
	}
}
