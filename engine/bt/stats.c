// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the translator says of itself: the topics "stats" and "count" (a table
 * for each vCPU, when it ends, when the process does, or when somebody asks),
 * and "perf" (perf's map of generated code).
 */
#include "cache.h"
#include "run.h"
#include "translate.h"

#define TOP_OPS 20

/* The vCPUs that count, for who asks from another thread. */
static struct plat_mutex lock;
static struct bt_ctx *first;

void bt_stats_init(void)
{
	plat_mutex_init(&lock);
}

void bt_stats_begin(struct bt_ctx *x)
{
	struct bt_stats *s = &x->stats;

	s->perf = plat_trace_on("perf");
	s->counting = plat_trace_on("count");
	s->on = s->counting || plat_trace_on("stats");
	if (!s->on)
		return;
	s->since = plat_rdtsc();
	plat_mutex_lock(&lock);
	x->next_stats = first;
	first = x;
	plat_mutex_unlock(&lock);
}

/* ---- the table ---- */

struct row {
	const char *name;
	u32 offset;		/* of a u64 in struct bt_stats */
};
#define ROW(name, field) { name, offsetof(struct bt_stats, field) }

static const struct row rows[] = {
	ROW("translated blocks", blocks),
	ROW("translated instructions", insns),
	ROW("  evicted a short time before", again),
	ROW("flushes of the whole cache", flushes),
	ROW("stores to code, rounds of others' stores", smc),
	ROW("places that save live flags", parks),
	ROW("instructions executed in C", interp),
	ROW("slow accesses", tlb_slow),
	ROW("  found in the second level", slow[BT_SLOW_LEVEL2]),
	ROW("  page tables walked, or rights looked at", slow[BT_SLOW_FILLED]),
	ROW("  across pages", slow[BT_SLOW_CROSSES]),
	ROW("  devices and read-only memory", slow[BT_SLOW_DEVICE]),
	ROW("  stores beside code", slow[BT_SLOW_CODE]),
	ROW("  left the block: faults, watchpoints, code", slow[BT_SLOW_LEFT]),
	ROW("exits: look up", exits[BT_EXIT_NEXT]),
	ROW("exits: link", exits[BT_EXIT_LINK]),
	ROW("exits: instruction for C", exits[BT_EXIT_INTERP]),
	ROW("exits: exception", exits[BT_EXIT_EXC]),
	ROW("exits: device of the host program", exits[BT_EXIT_USER]),
	ROW("exits: kick", exits[BT_EXIT_KICK]),
	ROW("exits: single step", exits[BT_EXIT_STEP]),
	ROW("exits: store to the running block", exits[BT_EXIT_SMC]),
	ROW("exits: memory of the host gone", exits[BT_EXIT_FAULT]),
	ROW("exits: access in another window", exits[BT_EXIT_FORM]),
	ROW("windows: address spaces that got them", window.promoted),
	ROW("  given up, too many changes", window.demoted),
	ROW("  accesses that missed", window.misses),
	ROW("  runs of pages mapped", window.maps),
	ROW("  pages in them", window.pages),
	ROW("  runs taken away", window.unmaps),
	ROW("  runs made read-only", window.protects),
	ROW("  rounds of verifying", window.verifies),
	ROW("  emptied", window.wipes),
	ROW("  pages looked for to watch code", window.code),
};

static const struct row counted[] = {
	ROW("executed blocks", ran_blocks),
	ROW("executed instructions", ran_insns),
	ROW("executed instructions with memory", ran_accesses),
};

static const struct row times[] = {
	ROW("time in generated code", time[BT_TIME_CODE]),
	ROW("time in its helpers", time[BT_TIME_HELPER]),
	ROW("time translating", time[BT_TIME_TRANSLATE]),
	ROW("time in the run loop and the emulator", time[BT_TIME_RUN]),
	ROW("time away: devices, host program, idle", time[BT_TIME_AWAY]),
};

static u64 value(const struct bt_stats *s, const struct row *r)
{
	return READ_ONCE(*(const u64 *)((const u8 *)s + r->offset));
}

static void say(const struct bt_ctx *x, const char *name, u64 v)
{
	plat_trace("stats cpu %u: %-42s %12llu", x->vcpu->id, name, (unsigned long long)v);
}

static void say_rows(const struct bt_ctx *x, const struct row *r, u32 n)
{
	for (; n--; r++)
		say(x, r->name, value(&x->stats, r));
}

/* @part of @whole in hundredths of a percent, as a number with two decimals. */
static void say_rate(const struct bt_ctx *x, const char *name, u64 part, u64 whole)
{
	u64 rate = whole ? part * 10000 / whole : 0;

	plat_trace("stats cpu %u: %-42s %9llu.%02llu %%", x->vcpu->id, name,
		   (unsigned long long)rate / 100, (unsigned long long)rate % 100);
}

static void say_times(const struct bt_ctx *x)
{
	const struct bt_stats *s = &x->stats;
	u64 khz = plat_tsc_khz(), all = 0;

	for (u32 i = 0; i < ARRAY_SIZE(times); i++)
		all += value(s, &times[i]);
	for (u32 i = 0; i < ARRAY_SIZE(times); i++) {
		u64 v = value(s, &times[i]);

		plat_trace("stats cpu %u: %-42s %9llu ms %3llu %%", x->vcpu->id, times[i].name,
			   (unsigned long long)(v / khz), (unsigned long long)(v / (all / 100 + 1)));
	}
}

static void say_cache(const struct bt_ctx *x)
{
	const struct bt_cache *c = x->cache;

	say(x, "code in the cache, KiB", bt_cache_bytes(c) >> 10);
	say(x, "of at most, KiB", BT_CODE_SIZE >> 10);
	say(x, "chunks in the ring", c->ring);
	say(x, "notes beside it, KiB", bt_cache_notes(c) >> 10);
	say(x, "chunks evicted", c->evictions);
	say(x, "  live blocks in them", c->evicted);
	say(x, "  given back to the host", c->given_back);
	say(x, "  longest, microseconds", c->longest * 1000 / plat_tsc_khz());
}

static void say_ops(const struct bt_ctx *x)
{
	u32 below = ~0u, best = 0;

	/* The next lower number each time; equal ones together. */
	for (u32 n = 0; n < TOP_OPS; below = best) {
		best = 0;
		for (u32 i = 0; i < X86_OP_COUNT; i++)
			if (x->stats.op[i] < below)
				best = max(best, x->stats.op[i]);
		if (!best)
			return;
		for (u32 i = 0; i < X86_OP_COUNT && n < TOP_OPS; i++)
			if (x->stats.op[i] == best) {
				plat_trace("stats cpu %u:   in C: %-34s %12u", x->vcpu->id,
					   x86_op_name(i), best);
				n++;
			}
	}
}

static void report(const struct bt_ctx *x)
{
	const struct bt_stats *s = &x->stats;

	say_rows(x, rows, ARRAY_SIZE(rows));
	say_rate(x, "hit rate of the TLB's second level", s->slow[BT_SLOW_LEVEL2], s->tlb_slow);
	if (s->counting) {
		say_rows(x, counted, ARRAY_SIZE(counted));
		say_rate(x, "hit rate of its first level",
			 s->ran_accesses - min(s->tlb_slow, s->ran_accesses), s->ran_accesses);
	}
	say_cache(x);
	say_times(x);
	say_ops(x);
}

void bt_stats_report(void)
{
	plat_mutex_lock(&lock);
	for (struct bt_ctx *x = first; x; x = x->next_stats)
		report(x);
	plat_mutex_unlock(&lock);
}

void bt_stats_end(struct bt_ctx *x)
{
	struct bt_ctx **p;

	if (!x->stats.on)
		return;
	plat_mutex_lock(&lock);
	report(x);
	for (p = &first; *p != x; p = &(*p)->next_stats)
		;
	*p = x->next_stats;
	plat_mutex_unlock(&lock);
}

/* ---- of translation ---- */

static const char *const mode_names[] = {
	[X86_MODE_16] = "16", [X86_MODE_32] = "32", [X86_MODE_64] = "64",
};

/* A line of perf's map: address, size, name. Views: k kernel, a with EFLAGS.AC, u user. */
static void perf_line(const struct bt_ctx *x, const struct bt_block *b)
{
	static const char view[BT_MMU_COUNT] = {
		[BT_MMU_KERNEL] = 'k', [BT_MMU_KERNEL_AC] = 'a', [BT_MMU_USER] = 'u',
	};

	plat_perf_map((u64)x->cache->rx + b->code, b->code_len, "guest_%c%s_%016llx",
		      view[bt_key_mmu(b->key)], mode_names[b->key & BT_KEY_MODE],
		      (unsigned long long)b->rip);
}

void bt_stats_block(struct bt_ctx *x, const struct bt_block *b)
{
	struct bt_stats *s = &x->stats;

	s->blocks++;
	s->insns += b->ninsn;
	if (unlikely(s->perf))
		perf_line(x, b);
}
