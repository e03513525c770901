// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A code cache that is too small, or whose memory is given back under it:
 * programs of many blocks, joined within and across pages, whose way depends
 * on what they compute, go round a ring of chunks many times, with code changed
 * in between. What they compute must be what the model in C computes, and after
 * each round the cache's tables must agree with one another. What is given back
 * is full of INT3 here.
 *
 * evict [-s SEED]: TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bt-diff.h"
#include "cache.h"
#include "jump.h"

enum bt_exit engine_run(struct bt_ctx *x, u64 code, void *xsave);

/* A guest function: 64 bytes, at a place of its own. */
#define SLOT 64u
#define CODE DIFF_CODE
#define MAX_SLOTS (128u << 10)

struct fn {
	u32 imm;
	u8 bit;
	u32 to[2];		/* by that bit of the sum */
	u8 kind;		/* how to to[0]: jump, through a register, or after a call of a helper */
	u32 helper;
};

enum { JUMP, REGISTER, CALL };
#define HELPERS 64u

static struct fn fn[MAX_SLOTS];
static u32 slots;
static struct bt_ctx *cpus[2], *ctx;	/* ctx: the one in work */
static struct vcpu *vcpu;
static u32 trim_every;			/* times through the run loop; 0: never */
static u8 xsave[1024] __attribute__((aligned(64)));
static u32 tests, failed;

static void ok(bool good, const char *what)
{
	tests++;
	failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", tests, what);
}

static u64 at(u32 slot)
{
	return CODE + (u64)slot * SLOT;
}

static u8 *put32(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
	return p + 4;
}

static u8 *put_branch(u8 *p, u8 opcode, u32 slot)
{
	*p = opcode;
	return put32(p + 1, at(slot) - ((u64)p + 5));
}

/*
 * rcx rounds left; rax the sum. Slot number @slots ends: HLT, which the translator does not do.
 * The helpers come behind it.
 */
static void write_fn(u32 n)
{
	const struct fn *f = &fn[n];
	u8 *p = (u8 *)at(n);

	memcpy(p, "\x48\x69\xc0", 3);			/* imul rax, rax, imm32 */
	p = put32(p + 3, f->imm | 1);
	memcpy(p, "\x48\x05", 2);			/* add rax, imm32 */
	p = put32(p + 2, f->imm >> 8);
	memcpy(p, "\x48\xff\xc9\x0f\x84", 5);		/* dec rcx; jz end */
	p = put32(p + 5, at(slots) - ((u64)p + 9));
	memcpy(p, "\x48\x0f\xba\xe0", 4);		/* bt rax, bit */
	p[4] = f->bit;
	memcpy(p + 5, "\x0f\x82", 2);			/* jc to[1] */
	p = put32(p + 7, at(f->to[1]) - ((u64)p + 11));
	if (f->kind == REGISTER) {
		*p = 0xba;				/* mov edx, to[0]; jmp rdx */
		p = put32(p + 1, at(f->to[0]));
		memcpy(p, "\xff\xe2", 2);
		return;
	}
	if (f->kind == CALL)
		p = put_branch(p, 0xe8, slots + 1 + f->helper);
	put_branch(p, 0xe9, f->to[0]);
}

/* rax += its number; ret */
static void write_helper(u32 n)
{
	u8 *p = (u8 *)at(slots + 1 + n);

	memcpy(p, "\x48\x05", 2);
	p = put32(p + 2, n);
	*p = 0xc3;
}

static u32 near(u32 n)
{
	return ((n & ~63u) + rand() % 64) % slots;
}

static void make_program(u32 size)
{
	slots = size;
	for (u32 n = 0; n < size; n++) {
		fn[n] = (struct fn){
			.imm = rand() * 3u, .bit = 20 + rand() % 40,
			.to = { near(n), rand() % 3 ? near(n) : (u32)rand() % size },
			.kind = rand() % 4, .helper = rand() % HELPERS,
		};
		if (rand() % 8 == 0)
			fn[n].to[0] = rand() % size;
	}
	for (u32 n = 0; n < size; n++)
		write_fn(n);
	*(u8 *)at(size) = 0xf4;
	for (u32 n = 0; n < HELPERS; n++)
		write_helper(n);
}

static u64 model(u64 sum, u64 rounds)
{
	for (u32 n = 0;;) {
		const struct fn *f = &fn[n];

		sum = sum * (s32)(f->imm | 1) + (s32)(f->imm >> 8);
		if (!--rounds)
			return sum;
		n = f->to[(sum >> f->bit) & 1];
		if (f->kind == CALL && !(sum >> f->bit & 1))
			sum += f->helper;
	}
}

static struct bt_block *get_block(u64 rip)
{
	struct bt_block *b = bt_cache_find(ctx->cache, rip, rip, ~0ull, ctx->key, 0);
	const u8 *page = (u8 *)(rip & PAGE_MASK);

	return b ? b : bt_translate(ctx, rip, rip, ~0ull, page, NULL);
}

/* As the run loop does: a link is made when the pointer to it has survived the look-up. */
static u64 engine(u64 sum, u64 rounds)
{
	bool link = false;

	vcpu->cpu.gpr[X86_RAX] = sum;
	vcpu->cpu.gpr[X86_RCX] = rounds;
	vcpu->cpu.gpr[X86_RSP] = DIFF_DATA + 1024 + rand() % 512 * 8;
	vcpu->cpu.rip = CODE;
	vcpu->cpu.rflags = 0x202;
	for (;;) {
		struct bt_link *l = link ? (struct bt_link *)ctx->link : NULL;
		u64 generation = ctx->cache->generation;
		enum bt_exit why;
		struct bt_block *b;

		if (trim_every && rand() % trim_every == 0)
			bt_ring_trim(ctx->cache);
		if (!ctx->link)
			l = NULL;
		bt_jump_sync(ctx);
		b = get_block(vcpu->cpu.rip);
		bt_jump_note(ctx, BT_MMU_USER, vcpu->cpu.rip, false);
		if (l && generation == ctx->cache->generation)
			bt_cache_link(ctx->cache, l, b);
		bt_jc_insert(ctx, b);
		ctx->link = 0;
		why = engine_run(ctx, bt_cache_entry(ctx->cache, b), xsave);
		link = why == BT_EXIT_LINK;
		if (why == BT_EXIT_INTERP && ctx->rip == at(slots))
			return vcpu->cpu.gpr[X86_RAX];
		if (why != BT_EXIT_LINK && why != BT_EXIT_NEXT) {
			printf("# exit %u at %llx\n", why, (unsigned long long)ctx->rip);
			return ~sum;
		}
	}
}

/* ---- do the tables agree? ---- */

static bool right_place(struct bt_block *b)
{
	u64 code = (u64)ctx->cache->rx + b->code, rip;
	u32 len;

	return !(b->code % BT_BLOCK_ALIGN) && bt_cache_by_host(ctx->cache, code) == b &&
	       bt_cache_by_host(ctx->cache, code + b->code_len - 1) == b &&
	       (!b->ninsn ||
		(bt_cache_map(ctx->cache, code, &rip, &len) && rip == b->rip && len > 0));
}

static bool links_right(struct bt_block *b)
{
	const struct bt_cache *c = ctx->cache;

	for (u32 i = 0; i < b->nlinks; i++) {
		const struct bt_link *l = &b->link[i];
		const struct bt_block *to = bt_block_at(c, l->to);
		bt_ref in;
		u32 at;
		s32 rel;

		if (bt_link_from(c, l) != b)
			return false;
		memcpy(&rel, c->rw + b->code + l->rel, 4);
		at = !l->to ? b->code + l->stub :
		     to->code + (bt_link_kind(b, l) != BT_LINK_NEAR ? to->entry : 0);
		if (b->code + l->rel + 4 + rel != at)
			return false;
		if (!l->to)
			continue;
		for (in = to->in; in && bt_at(c, in) != l;)
			in = ((struct bt_link *)bt_at(c, in))->next_in;
		if (!in || to->dead || to->rip != l->rip || *(bt_ref *)bt_at(c, l->prev_in) != in)
			return false;
	}
	return true;
}

static bool tables_right(void)
{
	struct bt_cache *c = ctx->cache;
	u32 hashed = 0, alive = 0, paged = 0;

	for (u32 h = 0; h < 1u << BT_HASH_BITS; h++)
		for (struct bt_block *b = bt_block_at(c, c->hash[h]); b;
		     b = bt_block_at(c, b->hash_next)) {
			hashed++;
			if (b->dead || !right_place(b) || !links_right(b))
				return false;
		}
	for (u32 k = 0; k < BT_CHUNKS; k++)
		for (u32 n = 0; n < c->chunk[k].nblocks; n++)
			alive += !bt_chunk_blocks(c, k)[n].dead;
	for (u32 h = 0; h < 1u << BT_PAGE_HASH_BITS; h++)
		for (struct bt_page *p = c->page_hash[h]; p; p = p->next)
			for (struct bt_block *b = bt_block_at(c, p->first); b;
			     b = bt_block_at(c, b->page_next)) {
				paged++;
				if (b->dead || b->gpa >> PAGE_SHIFT != p->gfn)
					return false;
			}
	for (u32 m = 0; m < BT_MMU_COUNT; m++)
		for (u32 i = 0; i < BT_JC_SIZE; i++) {
			const struct bt_jc_entry *j = &ctx->jc[m][i];
			struct bt_block *b = j->rip == bt_jc_invalid(i) ?
					     NULL : bt_cache_by_host(c, j->code);

			if (j->rip != bt_jc_invalid(i) && (!b || b->dead || b->rip != j->rip))
				return false;
		}
	for (u32 k = 0; k < BT_MMU_COUNT; k++)
		for (u32 i = 0; i < BT_RC_SIZE; i++)
			if (ctx->rc[k][i] != ctx->rc_miss[k] && !bt_cache_by_host(c, ctx->rc[k][i]))
				return false;
	return hashed == alive && paged == alive;
}

/* ---- the tests ---- */

static void change_some(u32 n)
{
	while (n--) {
		u32 f = rand() % slots;

		fn[f].imm = rand() * 5u;
		write_fn(f);
		for (u32 k = 0; k < ARRAY_SIZE(cpus); k++)
			bt_cache_invalidate(cpus[k]->cache, at(f), SLOT, NULL);
	}
}

static void use(u32 cpu)
{
	ctx = cpus[cpu];
	vcpu = ctx->vcpu;
}

static void run_program(const char *name, u32 size, u32 chunks, u32 chunk_code, u32 runs,
			u64 rounds)
{
	u64 evictions = ctx->cache->evictions;
	bool good = true, sound = true;

	bt_cache_flush(ctx->cache);
	bt_cache_chunks = chunks;
	bt_cache_chunk_code = chunk_code;
	make_program(size);
	for (u32 n = 0; n < runs && good; n++) {
		u64 seed = ((u64)rand() << 32) ^ rand();

		good = engine(seed, rounds) == model(seed, rounds);
		sound &= tables_right();
		change_some(rand() % 20);
		sound &= tables_right();
	}
	printf("# %s: %llu evictions, the longest %llu cycles\n", name,
	       (unsigned long long)(ctx->cache->evictions - evictions),
	       (unsigned long long)ctx->cache->longest);
	ok(good, name);
	ok(sound, "its tables agree");
	ok(ctx->cache->evictions - evictions >= 4, "it went round");
}

#define FEW 20u

static void make_line(void)
{
	make_program(MAX_SLOTS - 1 - HELPERS);
	for (u32 n = 0; n < slots; n++) {
		fn[n].to[0] = fn[n].to[1] = (n + 1) % slots;
		write_fn(n);
	}
}

static bool run_line(u32 times)
{
	u64 sum = 0x1234567;
	bool good = true;

	for (u32 n = 0; n < times; n++)
		good &= engine(sum + n, slots) == model(sum + n, slots);
	return good;
}

/*
 * Every slot once, in order: more code than a ring has room for that may not grow, or that then
 * does, when it comes round fast with what it had before.
 */
static void run_ring(u32 most)
{
	u64 evictions = ctx->cache->evictions;
	bool good;

	bt_cache_chunks = most;
	bt_cache_chunk_code = BT_CHUNK_CODE;
	bt_cache_flush(ctx->cache);
	memset(ctx->cache->gone, 0, 1u << BT_GONE_BITS);
	make_line();
	good = run_line(1);
	ok(ctx->cache->ring == min(most, 40u), "new code makes no ring grow");
	good &= run_line(3);
	printf("# ring: %llu evictions, the longest %llu cycles, %llu bytes of code\n",
	       (unsigned long long)(ctx->cache->evictions - evictions),
	       (unsigned long long)ctx->cache->longest,
	       (unsigned long long)bt_cache_bytes(ctx->cache));
	ok(good, "more code than the ring holds, again and again");
	ok(tables_right(), "its tables agree");
	if (most == FEW)
		ok(ctx->cache->evictions - evictions > most, "it went round");
	else
		ok(ctx->cache->ring > FEW * 2, "it grew");
	ok(bt_cache_bytes(ctx->cache) <= (u64)most * BT_CHUNK_CODE, "code stays within the ring");
}

static u32 with_memory(void)
{
	u32 n = 0;

	for (u32 k = 0; k < BT_CHUNKS; k++)
		n += ctx->cache->chunk[k].touched;
	return n;
}

/* A ring that has grown becomes quiet: it gives back all but a few chunks, and what is left is right. */
static void run_quiet(void)
{
	u32 ring = ctx->cache->ring, had = with_memory(), least;
	bool good = true;

	diff_tsc_khz = DIFF_NO_TIME;
	for (u32 n = 0; n < 1000; n++)
		bt_ring_trim(ctx->cache);
	ok(with_memory() == had, "nothing goes before its time");
	diff_tsc_khz = DIFF_AGES;
	for (u32 n = 0; n < 3 * BT_CHUNKS; n++) {
		usleep(1);
		bt_ring_trim(ctx->cache);
		if (n % 64 == 0)
			good &= tables_right();
	}
	least = with_memory();
	printf("# quiet: %u of %u chunks are left, the ring has %u\n", least, ring, ctx->cache->ring);
	ok(good && tables_right(), "tables agree while chunks go");
	ok(least >= 2 && least <= 12 && ctx->cache->ring < ring, "a quiet ring gives back");
	diff_tsc_khz = DIFF_NO_TIME;
	ok(run_line(1) && tables_right(), "what went is made again");
}

/* Chunks that each CPU has given back since it had given @before. */
static bool both_gave(const u64 before[2], u64 at_least)
{
	return cpus[0]->cache->given_back - before[0] >= at_least &&
	       cpus[1]->cache->given_back - before[1] >= at_least;
}

/*
 * Two CPUs in turn, over the same code that changes, while what both have is given back under them.
 * How much that is hangs on the program: a short way through it fills few chunks.
 */
static void run_trimmed(const char *name, u32 size, u32 chunks, u32 chunk_code, u32 every,
			u64 rounds)
{
	const u64 before[2] = { cpus[0]->cache->given_back, cpus[1]->cache->given_back };
	bool good = true, sound = true;

	bt_cache_chunks = chunks;
	bt_cache_chunk_code = chunk_code;
	diff_tsc_khz = DIFF_AGES;
	trim_every = every;
	for (u32 k = 0; k < 2; k++)
		bt_cache_flush(cpus[k]->cache);
	make_program(size);
	for (u32 n = 0; (n < 16 || (n < 500 && !both_gave(before, 20))) && good; n++) {
		u64 seed = ((u64)rand() << 32) ^ rand();

		use(n % 2);
		good = engine(seed, rounds) == model(seed, rounds);
		sound &= tables_right();
		change_some(rand() % 20);
		sound &= tables_right();
	}
	use(0);
	trim_every = 0;
	diff_tsc_khz = DIFF_NO_TIME;
	printf("# %s: %llu and %llu chunks given back\n", name,
	       (unsigned long long)(cpus[0]->cache->given_back - before[0]),
	       (unsigned long long)(cpus[1]->cache->given_back - before[1]));
	ok(good, name);
	ok(sound, "its tables agree");
	ok(both_gave(before, 20), "both gave back");
}

/* A block on two linear pages that are one page of memory. */
static void run_alias(void)
{
	u64 rip = CODE + PAGE_SIZE - 3;
	struct bt_block *b;

	bt_cache_flush(ctx->cache);
	memcpy((void *)CODE, "\x11\x22\x33\x44", 4);
	memcpy((void *)rip, "\x48\x69\xc0", 3);	/* imul rax, rax, 0x44332211 */
	b = bt_translate(ctx, rip, rip, CODE, (u8 *)CODE, (u8 *)CODE);
	ok(b && b->gpa2 == CODE && tables_right(), "a block on one page twice");
	ok(!bt_cache_invalidate(ctx->cache, CODE + 16, 8, b) && !b->dead, "a store beside it");
	ok(bt_cache_invalidate(ctx->cache, CODE + 3, 1, b) && b->dead && tables_right() &&
	   !bt_cache_has_page(ctx->cache, CODE), "a store to its tail");
}

static void set_up(void)
{
	int prot = PROT_READ | PROT_WRITE;

	if (mmap((void *)CODE, (size_t)MAX_SLOTS * SLOT, prot,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	if (mmap((void *)DIFF_DATA, DIFF_DATA_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	for (u32 k = 0; k < ARRAY_SIZE(cpus); k++) {
		vcpu = diff_vcpu();
		vcpu->cpu.cr0 = X86_CR0_PE | X86_CR0_PG;
		cpus[k] = bt_ctx_create(vcpu);
		cpus[k]->key = X86_MODE_64 | BT_MMU_USER << BT_KEY_MMU_SHIFT | BT_KEY_FLAT |
			       BT_KEY_SSE;
	}
	use(0);
	memcpy(xsave, "\x7f\x03", 2);
	memcpy(xsave + 24, "\x80\x1f", 2);
}

int main(int argc, char **argv)
{
	u32 seed = time(NULL);
	int opt;

	while ((opt = getopt(argc, argv, "s:")) != -1) {
		if (opt != 's')
			return 2;
		seed = strtoul(optarg, NULL, 0);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	srand(seed);
	printf("# seed %u\n", seed);
	set_up();
	run_program("two chunks of one block", 300, 2, 1, 12, 3000);
	run_program("three chunks of a few blocks", 500, 3, 4000, 12, 20000);
	run_program("seven chunks of one block", 64, 7, 1, 12, 3000);
	run_program("chunks of 64 KiB", 20000, 5, 64 << 10, 3, 100000);
	run_ring(FEW);
	run_ring(BT_CHUNKS);
	run_quiet();
	run_trimmed("given back at every turn", 300, 8, 1, 1, 500);
	run_trimmed("given back now and then", 500, 6, 4000, 50, 10000);
	run_trimmed("given back under 64 KiB chunks", 20000, 12, 64 << 10, 500, 50000);
	run_alias();
	printf("1..%u\n", tests);
	return failed != 0;
}
