// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Control flow of the translator against the processor: random little programs
 * of branches, loops, calls, returns (also to other places than the call's),
 * computed jumps and recursion, over several pages, that change their own code
 * and have their pages exchanged under them, while kicks come at any moment.
 * Registers, flags and memory must end equal.
 *
 * flow [-s SEED] [-n CASES] [-v]: TAP; a failing case prints its seed.
 *
 * INT3 and a byte after it ask for an event: natively the signal handler does
 * it, in the engine the loop here, which stands for the run loop.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "bt-diff.h"
#include "flow.h"
#include "jump.h"
#include "translate.h"

#undef R_RAX			/* translate.h's and ucontext's names meet */

void native_run(void);
void native_exit(void);
enum bt_exit engine_run(struct bt_ctx *x, u64 code, void *xsave);
extern u64 native_state[17], native_code, native_xsave;

#define PAGES FLOW_PAGES
#define USER_CS 0x33

struct outcome {
	u64 gpr[16], rflags;
	u8 data[DIFF_DATA_SIZE];
	u64 events;
};

static struct flow_program program;
static struct outcome start, native, engine;
static u8 xsave[1024] __attribute__((aligned(64)));
static struct bt_ctx *ctx;
static struct vcpu *vcpu;
static u8 (*backing)[PAGE_SIZE];	/* guest-physical: two sets of the code's pages */
static sigjmp_buf escape;
static volatile int running;		/* 1 natively, 2 in the engine */

/* ---- address spaces: which of its two sets each page comes from ---- */

static struct {
	u32 space;
	u8 set[2][PAGES];
	u64 asid[2], asids;
	u64 events;
} as;

static void as_reset(void)
{
	memset(&as, 0, sizeof(as));
	for (u32 p = 0; p < PAGES; p++)
		as.set[1][p] = !program.global[p];
	for (u32 s = 0; s < 2; s++)
		as.asid[s] = ++as.asids;
	memcpy(backing, program.image, sizeof(program.image));
}

static u32 gfn_of(u64 lin)
{
	u32 p = (lin - FLOW_CODE) >> PAGE_SHIFT;

	return as.set[as.space][p] * PAGES + p;
}

/* What the program ends with. */
static void put_end(const void *code, u32 len)
{
	for (u32 set = 0; set < 2; set++)
		memcpy(backing[set * PAGES] + program.end - FLOW_CODE, code, len);
}

/* Natively the pages are copied to where the code runs, and back. */
static void copy_pages(bool in)
{
	for (u32 p = 0; p < PAGES; p++) {
		u64 lin = FLOW_CODE + p * PAGE_SIZE;

		if (in)
			memcpy((void *)lin, backing[gfn_of(lin)], PAGE_SIZE);
		else
			memcpy(backing[gfn_of(lin)], (void *)lin, PAGE_SIZE);
	}
}

/* Exchange a page; the guest says so as it must, with INVLPG. */
static void remap(u32 p, bool tell)
{
	for (u32 s = 0; s < 2; s++)
		if (s == as.space || program.global[p])
			as.set[s][p] ^= 1;
	if (tell)
		bt_jump_flush_page(ctx, FLOW_CODE + p * PAGE_SIZE);
}

static void event(u8 code, bool tell)
{
	as.events++;
	switch (code & 7) {
	case FLOW_SWITCH:
		as.space ^= 1;
		if (tell)
			bt_jump_space(ctx, as.asid[as.space]);
		break;
	case FLOW_REMAP:
		remap(code >> 3 & (PAGES - 1), tell);
		break;
	case FLOW_REMAP_ALL:			/* MOV CR3 with a flush, or one of everything */
		for (u32 p = 0; p < PAGES; p++)
			if (!program.global[p])
				as.set[as.space][p] ^= 1;
		as.asid[as.space] = ++as.asids;
		if (tell)
			bt_jump_space(ctx, as.asid[as.space]);
		if (tell && (code & 8))
			bt_jump_flush(ctx);
		break;
	}
}

/* ---- natively ---- */

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	greg_t *g = ((ucontext_t *)uc)->uc_mcontext.gregs;

	if (sig == SIGALRM) {
		if (running == 2)
			bt_kick(ctx);
		return;
	}
	if (sig == SIGTRAP && running == 1) {
		copy_pages(false);
		event(*(u8 *)g[REG_RIP], false);
		copy_pages(true);
		g[REG_RIP]++;
		return;
	}
	if (!running)
		_exit(99);
	printf("# signal %d at %llx (%s)\n", sig, (long long)g[REG_RIP],
	       running == 1 ? "natively" : "in the engine");
	siglongjmp(escape, 1);
}

static bool run_native(void)
{
	u64 to = (u64)native_exit;
	u8 out[14] = "\xff\x25";			/* jmp [rip] */

	memcpy(out + 6, &to, 8);
	as_reset();
	put_end(out, sizeof(out));
	memcpy((void *)DIFF_DATA, start.data, DIFF_DATA_SIZE);
	memcpy(native_state, start.gpr, sizeof(start.gpr));
	native_state[16] = start.rflags;
	native_code = FLOW_CODE | (u64)USER_CS << 32;
	native_xsave = (u64)xsave;
	copy_pages(true);
	running = 1;
	if (sigsetjmp(escape, 1)) {
		running = 0;
		return false;
	}
	native_run();
	running = 0;
	memcpy(native.gpr, native_state, sizeof(native.gpr));
	native.rflags = native_state[16];
	memcpy(native.data, (void *)DIFF_DATA, DIFF_DATA_SIZE);
	native.events = as.events;
	return true;
}

/* ---- in the engine ---- */

u8 *diff_code_at(u64 lin, u32 size)
{
	if (lin < FLOW_CODE || lin + size > FLOW_CODE + PAGES * PAGE_SIZE ||
	    (lin & ~PAGE_MASK) + size > PAGE_SIZE)
		return NULL;
	return backing[gfn_of(lin)] + (lin & ~PAGE_MASK);
}

/* The running block always counts as hit: it goes on by look-up. */
void diff_code_written(u64 lin, u32 size)
{
	bt_cache_invalidate(ctx->cache, ((u64)gfn_of(lin) << PAGE_SHIFT) | (lin & ~PAGE_MASK), size,
			    NULL);
}

/* As run.c finds a block. */
static struct bt_block *find(u64 rip)
{
	u64 gpa = ((u64)gfn_of(rip) << PAGE_SHIFT) | (rip & ~PAGE_MASK), gpa2 = ~0ull;
	u32 p = (rip - FLOW_CODE) >> PAGE_SHIFT;
	bool global = program.global[p];
	const u8 *page2 = NULL;
	struct bt_block *b;

	if ((rip & ~PAGE_MASK) > PAGE_SIZE - X86_INSN_MAX && p + 1 < PAGES) {
		gpa2 = (u64)gfn_of(rip + PAGE_SIZE) << PAGE_SHIFT;
		page2 = backing[gfn_of(rip + PAGE_SIZE)];
		global &= program.global[p + 1];
	}
	b = bt_cache_find(ctx->cache, rip, gpa, gpa2, ctx->key, 0);
	if (!b)
		b = bt_translate(ctx, rip, gpa, gpa2, backing[gfn_of(rip)], page2);
	if (!b || (ctx->key & BT_KEY_STEP))
		return b;
	bt_jump_note(ctx, bt_key_mmu(b->key), rip, global);
	if (b->gpa2 != ~0ull)
		bt_jump_note(ctx, bt_key_mmu(b->key), rip + PAGE_SIZE, global);
	return b;
}

static u64 code_for(u64 rip, struct bt_link *link)
{
	u64 code = link ? 0 : bt_jc_hit(ctx, rip), generation = ctx->cache->generation;
	struct bt_block *b;

	if (code)
		return code;
	b = find(rip);
	if (!b)
		return 0;
	if (link && generation == ctx->cache->generation && !(ctx->key & BT_KEY_STEP))
		bt_cache_link(ctx->cache, link, b);
	bt_jc_insert(ctx, b);
	return bt_cache_entry(ctx->cache, b);
}

/* The emulator's instruction: an event, or the end. */
static bool interpret(bool *done)
{
	const u8 *at = diff_code_at(vcpu->cpu.rip, 1), *which = diff_code_at(vcpu->cpu.rip + 1, 1);

	*done = at && *at == 0xf4;
	if (*done)
		return vcpu->cpu.rip == program.end;
	if (!at || *at != 0xcc || !which)
		return false;
	event(*which, true);
	vcpu->cpu.rip += 2;
	return true;
}

static bool engine_loop(u32 step_percent, u32 kick_percent)
{
	u32 key = ctx->key;
	struct bt_link *link = NULL;
	bool done = false;
	enum bt_exit why;
	u64 code;

	for (u64 n = 0; n < 20000000 && !done; n++) {
		bt_unkick(ctx);
		if ((u32)rand() % 100 < kick_percent)
			bt_kick(ctx);
		ctx->key = key | ((u32)rand() % 100 < step_percent ? BT_KEY_STEP : 0);
		if (bt_jump_sync(ctx))
			link = NULL;
		code = code_for(vcpu->cpu.rip, link);
		if (!code) {
			printf("# no block at %llx\n", (long long)vcpu->cpu.rip);
			return false;
		}
		ctx->link = 0;
		why = engine_run(ctx, code, xsave);
		link = why == BT_EXIT_LINK ? (struct bt_link *)ctx->link : NULL;
		if (why == BT_EXIT_INTERP ? !interpret(&done) : why == BT_EXIT_EXC || why == BT_EXIT_FAULT) {
			printf("# exit %u at %llx\n", why, (long long)vcpu->cpu.rip);
			return false;
		}
	}
	return done;
}

static void timer(u32 us)
{
	struct itimerval t = { .it_value.tv_usec = us, .it_interval.tv_usec = us };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* Nothing known of what ran before. */
static void engine_begin(void)
{
	as_reset();
	put_end("\xf4", 1);
	bt_cache_invalidate(ctx->cache, 0, 2 * PAGES * PAGE_SIZE, NULL);
	bt_jump_flush(ctx);
	bt_jump_space(ctx, as.asid[0]);
	for (u32 i = 0; i < BT_TLB_SIZE; i++)
		for (u32 m = 0; m < BT_MMU_COUNT; m++)
			bt_tlb_drop(&ctx->tlb[m], i);
}

static bool run_engine(void)
{
	volatile bool ok = false;

	memcpy((void *)DIFF_DATA, start.data, DIFF_DATA_SIZE);
	memcpy(vcpu->cpu.gpr, start.gpr, sizeof(start.gpr));
	vcpu->cpu.rflags = start.rflags;
	vcpu->cpu.rip = FLOW_CODE;
	engine_begin();
	running = 2;
	timer(rand() % 2 ? 20 + rand() % 200 : 0);
	if (!sigsetjmp(escape, 1))
		ok = engine_loop(rand() % 8 ? 0 : 1 + rand() % 30, rand() % 4 ? 0 : rand() % 50);
	running = 0;
	timer(0);
	memcpy(engine.gpr, vcpu->cpu.gpr, sizeof(engine.gpr));
	engine.rflags = vcpu->cpu.rflags;
	memcpy(engine.data, (void *)DIFF_DATA, DIFF_DATA_SIZE);
	engine.events = as.events;
	return ok;
}

/* ---- judging ---- */

static bool differs(void)
{
	u64 mask = X86_ARITH & ~X86_AF;
	bool bad = false;

	for (u32 r = 0; r < 16; r++)
		if (native.gpr[r] != engine.gpr[r]) {
			printf("# gpr %u: %llx, engine %llx\n", r, (long long)native.gpr[r],
			       (long long)engine.gpr[r]);
			bad = true;
		}
	if ((native.rflags ^ engine.rflags) & mask) {
		printf("# flags: %llx, engine %llx\n", (long long)native.rflags, (long long)engine.rflags);
		bad = true;
	}
	if (native.events != engine.events || memcmp(native.data, engine.data, DIFF_DATA_SIZE)) {
		printf("# memory or events (%llu, engine %llu)\n", (long long)native.events,
		       (long long)engine.events);
		bad = true;
	}
	return bad;
}

static bool one(u32 seed, bool verbose)
{
	bool bad;

	srand(seed);
	flow_make(&program);
	for (u32 r = 0; r < 16; r++)
		start.gpr[r] = ((u64)rand() << 33) ^ rand();
	start.gpr[X86_RSP] = FLOW_STACK;
	start.gpr[X86_RBP] = DIFF_DATA;
	start.gpr[X86_R13] = 50 + rand() % 400;
	start.rflags = 0x202 | (rand() & X86_ARITH);
	for (u32 n = 0; n < DIFF_DATA_SIZE; n += 4)
		*(u32 *)(start.data + n) = rand();
	memcpy(start.data + FLOW_TABLE, program.table, sizeof(program.table));
	diff_bounce_percent = rand() % 10 ? 0 : 30;
	diff_fill = 1;
	ctx->key = X86_MODE_64 | BT_KEY_FLAT | BT_KEY_SSE | BT_KEY_AVX |
		   (rand() % 2 ? BT_MMU_USER : BT_MMU_KERNEL) << BT_KEY_MMU_SHIFT;
	if (!run_native())
		bad = true;
	else
		bad = !run_engine() || differs();
	if (bad || verbose)
		printf("# seed %u: %s, %u bytes, %llu events\n", seed, bad ? "differs" : "equal",
		       program.len, (long long)native.events);
	if (bad && verbose)
		flow_print(&program);
	return bad;
}

/* ---- loops that only a kick ends ---- */

/* A kick that is not seen: SIGVTALRM kills. */
static void watchdog(u32 seconds)
{
	struct itimerval t = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_VIRTUAL, &t, NULL);
}

static void endless(u32 n)
{
	struct bt_link *link = NULL;
	u64 code;

	flow_make_endless(&program, n);
	memcpy((void *)(DIFF_DATA + FLOW_TABLE), program.table, sizeof(program.table));
	memset(vcpu->cpu.gpr, 0, sizeof(vcpu->cpu.gpr));
	vcpu->cpu.gpr[X86_RSP] = FLOW_STACK;
	vcpu->cpu.gpr[X86_RBP] = DIFF_DATA;
	vcpu->cpu.rip = FLOW_CODE;
	vcpu->cpu.rflags = 2;
	engine_begin();
	ctx->key = X86_MODE_64 | BT_KEY_FLAT | BT_MMU_USER << BT_KEY_MMU_SHIFT;
	watchdog(20);
	/* Soon all is linked, and only the timer ends a turn; then each is kicked before it begins. */
	for (u32 turn = 0; turn < 80; turn++) {
		bt_unkick(ctx);
		bt_jump_sync(ctx);
		code = code_for(vcpu->cpu.rip, link);
		ctx->link = 0;
		running = 2;
		timer(2000);
		if (turn >= 40)
			bt_kick(ctx);
		link = engine_run(ctx, code, xsave) == BT_EXIT_LINK ? (struct bt_link *)ctx->link : NULL;
		timer(0);
		running = 0;
	}
	watchdog(0);
}

static void set_up(void)
{
	static u8 stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGALRM };
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	u32 cw = 0x37f, mxcsr = 0x1f80;

	sigaltstack(&ss, NULL);
	for (u32 n = 0; n < ARRAY_SIZE(sigs); n++)
		sigaction(sigs[n], &sa, NULL);
	if (mmap((void *)DIFF_DATA, DIFF_DATA_SIZE, prot, flags, -1, 0) == MAP_FAILED ||
	    mmap((void *)FLOW_CODE, PAGES * PAGE_SIZE, prot | PROT_EXEC, flags, -1, 0) == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	memcpy(xsave, &cw, 2);
	memcpy(xsave + 24, &mxcsr, 4);
	backing = calloc(2 * PAGES, PAGE_SIZE);
	vcpu = diff_vcpu();
	vcpu->cpu.cr0 = X86_CR0_PE | X86_CR0_PG;
	ctx = bt_ctx_create(vcpu);
	bt_ctx_load_segments(ctx);
}

int main(int argc, char **argv)
{
	u32 seed = time(NULL), cases = 3000, bad = 0;
	bool verbose = false;
	int opt;

	while ((opt = getopt(argc, argv, "s:n:v")) != -1) {
		if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (opt == 'n')
			cases = strtoul(optarg, NULL, 0);
		else if (opt == 'v')
			verbose = true;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	set_up();
	printf("# seed %u, %u cases\n", seed, cases);
	for (u32 n = 0; n < cases && bad < 10; n++)
		bad += one(seed + n, verbose);
	printf("%sok 1 - programs end equal on the processor and in the translator\n", bad ? "not " : "");
	for (u32 n = 0; n < FLOW_ENDLESS; n++) {
		endless(n);
		printf("ok %u - a kick ends %s\n", n + 2, flow_endless_name(n));
	}
	printf("1..%u\n", 1 + FLOW_ENDLESS);
	return bad != 0;
}
