// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The translator against the processor: random instruction sequences, run
 * natively and in the engine from the same state at the same addresses, must
 * leave equal registers, flags, vector state and memory; and where one faults
 * the other must, at the same instruction with the same registers.
 *
 * bt [-s SEED] [-n CASES] [-v]: TAP; a failing case prints its seed and text.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "bt-diff.h"
#include "random.h"
#include "jump.h"
#include "run.h"
#include "translate.h"
#include "window.h"

#undef R_RAX			/* translate.h's and ucontext's names meet */
#define XSAVE_SIZE 1024
#define MAX_CASE 8

void native_run(void);
void native_exit(void);
enum bt_exit engine_run(struct bt_ctx *x, u64 code, void *xsave);
extern u64 native_state[17], native_code, native_xsave;

struct outcome {
	u64 gpr[16], rflags, rip;
	int fault;			/* 0, or a vector + 1 */
	u8 xsave[XSAVE_SIZE] __attribute__((aligned(64)));
	u8 data[DIFF_DATA_SIZE];
};

static struct outcome start, native, engine;
static struct bt_ctx *ctx;
static struct vcpu *vcpu;
static sigjmp_buf escape;
static volatile bool strayed;		/* the engine touched memory outside of the windows */
static volatile int running;		/* 1 natively, 2 in the engine */
static u64 code_end;
static bool windows;			/* of the case: BT_KEY_WINDOW where rsp allows */
static enum x86_mode mode;		/* of the case: 64-bit, or 32-bit in compatibility mode */

/* Linux's user code selectors. */
#define USER_CS 0x33
#define USER32_CS 0x23
#define USER_DS 0x2b

/* ---- making a case ---- */

struct plan {
	u16 written, ptr, small;	/* general registers, a bit each */
	u16 bits;			/* number a bit of a string that lies around its operand */
	u16 bases;			/* the only registers that address memory: accesses meet */
	u16 undef;			/* flags undefined so far */
	u16 ever_undef;			/* ... or once, which a fault may show */
	bool reads_undef;
	u32 n, len;
	u32 off[MAX_CASE + 2];
	u8 code[256];
};

/* Registers of the memory operand must point into the data, now and when it runs. */
static bool plan_memory(struct plan *p, struct x86_insn *i, u8 *b, u64 rip)
{
	u64 to = DIFF_DATA + 64 + random_u64() % (DIFF_DATA_SIZE - 256), far = to;
	u32 d32;

	if (windows && chance(50))
		far += DIFF_DATA_B - DIFF_DATA;

	if (!i->is_mem || (i->info->attr & X86_T_NOMEM))
		return true;
	if (i->seg == X86_FS || i->seg == X86_GS)
		return false;
	if (i->info->imm == X86_I_MOFFS) {
		if (i->addrsize < 4)
			return false;
		__builtin_memcpy(b + i->disp_off, i->addrsize == 8 ? &far : &to, i->addrsize);
		return true;
	}
	if (i->base < 16) {
		if (((p->written | p->small | p->bits) & BIT(i->base)) || !(p->bases & BIT(i->base)))
			return false;
		p->ptr |= BIT(i->base);
	}
	if (i->index < 16) {
		if ((p->written | p->ptr | p->bits) & BIT(i->index))
			return false;
		p->small |= BIT(i->index);
	}
	if ((i->info->attr & X86_T_BITSTR) && chance(97)) {
		if ((p->written | p->ptr | p->small) & BIT(i->reg))
			return false;
		p->bits |= BIT(i->reg);
	}
	if (i->disp_len == 4) {
		d32 = rand() % 128 - 64;
		if (i->base == X86_REG_RIP)
			d32 = to - (rip + i->len);
		else if (i->base == X86_REG_NONE)
			d32 = to;
		__builtin_memcpy(b + i->disp_off, &d32, 4);
	}
	return true;
}

static bool add_insn(struct plan *p)
{
	u64 rip = DIFF_CODE + p->len;
	struct plan before = *p;
	struct x86_insn i;
	u8 b[15];

	random_bytes(b, mode);
	if (x86_decode(&i, b, 15, mode))
		return false;
	if (i.info->kind != X86_K_NATIVE && i.info->kind != X86_K_NATIVE_DE &&
	    i.info->kind != X86_K_STACK)
		return false;
	if (random_unstable(&i) || !plan_memory(p, &i, b, rip)) {
		*p = before;
		return false;
	}
	if (x86_decode(&i, b, 15, mode))
		return false;
	if (i.info->flags_r & p->undef)
		p->reads_undef = true;
	if (!(i.info->attr & X86_T_SHIFT))
		p->undef &= ~i.info->flags_w;
	p->undef |= i.info->flags_u;
	p->ever_undef |= i.info->flags_u;
	p->written |= random_writes(&i);
	p->off[p->n++] = p->len;
	memcpy(p->code + p->len, b, i.len);
	p->len += i.len;
	return true;
}

/* jcc over the next instruction. */
static void add_jcc(struct plan *p)
{
	u32 at = p->len;
	u16 undef = p->undef;

	p->off[p->n++] = at;
	p->code[at] = 0x70 | (random_u64() & 15);
	if (undef)
		p->reads_undef = true;
	p->len += 2;
	while (!add_insn(p))
		;
	p->undef |= undef;
	p->code[at + 1] = p->len - at - 2;
}

static void make_case(struct plan *p)
{
	u32 want = 1 + rand() % MAX_CASE, tries = 0;
	u32 loop;

	memset(p, 0, sizeof(*p));
	p->ptr = BIT(X86_RSP);
	p->bases = 0xffff;
	if (chance(60))
		p->bases = BIT(X86_RSP) | BIT(rand() % 16) | BIT(rand() % 8);
	while (p->n < want && tries++ < 2000) {
		if (p->n + 2 < want && chance(8))
			add_jcc(p);
		else
			add_insn(p);
	}
	/* Half of the cases that leave rcx alone are run three times: a backward edge. */
	if (!((p->written | p->ptr | p->small | p->bits) & BIT(X86_RCX)) && chance(50)) {
		p->small |= BIT(X86_RCX);
		p->reads_undef |= p->undef & X86_CF;	/* dec leaves CF to the next round */
		p->undef &= X86_CF;
		p->off[p->n++] = loop = p->len;
		memcpy(p->code + p->len, "\xff\xc9\x0f\x8f", 4);	/* dec ecx; jg start */
		loop = -(p->len + 8);
		memcpy(p->code + p->len + 4, &loop, 4);
		p->len += 8;
	}
}

static void make_start(const struct plan *p)
{
	for (u32 r = 0; r < 16; r++) {
		start.gpr[r] = chance(20) ? (u64)(rand() % 5 - 2) : random_u64() ^ (random_u64() << 20);
		if (p->small & BIT(r))
			start.gpr[r] = rand() % 8;
		if (p->bits & BIT(r))
			start.gpr[r] = (s64)(random_u64() % 16384) - 8192;
		if ((p->ptr & BIT(r)) && !chance(3)) {
			start.gpr[r] = DIFF_DATA + 1024 + random_u64() % (DIFF_DATA_SIZE - 2048);
			if (windows && chance(50))
				start.gpr[r] += DIFF_DATA_B - DIFF_DATA;
			if (chance(60))
				start.gpr[r] &= ~63ull;
			else if (chance(10))
				start.gpr[r] |= 0xff8;
		}
	}
	for (u32 r = 0; r < 16 && mode == X86_MODE_32; r++)
		start.gpr[r] = (u32)start.gpr[r];
	start.rflags = 0x202 | (random_u64() & X86_ARITH);
	random_vectors(start.xsave);
	for (u32 n = 0; n < DIFF_DATA_SIZE; n += 8)
		*(u64 *)(start.data + n) = random_u64();
}

/* ---- running it ---- */

static int vector_of(int sig, int code)
{
	if (sig == SIGILL)
		return X86_EXC_UD;
	if (sig == SIGFPE)
		return code == FPE_INTDIV ? X86_EXC_DE : X86_EXC_XM;
	return code == SI_KERNEL ? X86_EXC_GP : X86_EXC_PF;
}

static const int greg[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	greg_t *g = ((ucontext_t *)uc)->uc_mcontext.gregs;
	struct outcome *o = running == 1 ? &native : &engine;
	u64 rip = g[REG_RIP], twin;
	struct bt_block *b;
	struct bt_map m;

	if (running == 2 && (sig == SIGSEGV || sig == SIGBUS)) {
		twin = bt_cache_twin(ctx->cache, rip);
		if (twin) {
			strayed |= sig != SIGSEGV || (si->si_code != SI_KERNEL &&
						      !diff_in_windows(ctx, (u64)si->si_addr));
			g[REG_RIP] = twin;
			return;
		}
	}

	if (!running)
		_exit(99);
	o->fault = vector_of(sig, si->si_code) + 1;
	for (u32 r = 0; r < 16; r++) {
		u8 h = running == 1 ? r : bt_host_reg[r];

		o->gpr[r] = h & BT_HOMED ? ctx->home[h & 3] : (u64)g[greg[h]];
	}
	o->rflags = g[REG_EFL];
	if (running == 2) {
		if (bt_cache_map_at(ctx->cache, rip, &b, &m)) {
			rip = b->rip + m.guest;
			if (m.parked)
				o->rflags = ctx->flags >> 8 | (ctx->flags & 1) << 11;
		} else {
			rip = 0;
		}
	}
	o->rip = rip;
	running = 0;
	siglongjmp(escape, 1);
}

static void run_native(void)
{
	memcpy((void *)DIFF_DATA, start.data, DIFF_DATA_SIZE);
	memcpy(native.xsave, start.xsave, XSAVE_SIZE);
	memcpy(native_state, start.gpr, sizeof(start.gpr));
	native_state[16] = start.rflags;
	native_code = DIFF_CODE | ((u64)(mode == X86_MODE_64 ? USER_CS : USER32_CS) << 32);
	native_xsave = (u64)native.xsave;
	native.fault = 0;
	running = 1;
	if (!sigsetjmp(escape, 1)) {
		native_run();
		running = 0;
		memcpy(native.gpr, native_state, sizeof(native.gpr));
		native.rflags = native_state[16];
		native.rip = code_end;
	}
	memcpy(native.data, (void *)DIFF_DATA, DIFF_DATA_SIZE);
}

static struct bt_block *get_block(u64 rip)
{
	u64 gpa = rip;
	struct bt_block *b = bt_cache_find(ctx->cache, rip, gpa, ~0ull, ctx->key, 0);

	return b ? b : bt_translate(ctx, rip, gpa, ~0ull, (u8 *)(rip & PAGE_MASK), NULL);
}

/* As bt_compute_key finds it. */
static void choose_windows(void)
{
	u32 slot = bt_window_slot(vcpu->cpu.gpr[X86_RSP]);

	ctx->key &= ~(BT_KEY_WINDOW | BT_KEY_STACK_A | 0xffu << BT_KEY_LAYOUT_SHIFT);
	if (windows && (slot == BT_WINDOW_SLOT_B || slot == bt_window_slot(DIFF_DATA)))
		ctx->key |= BT_KEY_WINDOW | bt_window_slot(DIFF_DATA) << BT_KEY_LAYOUT_SHIFT |
			    (slot == BT_WINDOW_SLOT_B ? 0 : BT_KEY_STACK_A);
}

/* False when the engine leaves an instruction to the emulator. */
static bool engine_loop(void)
{
	for (u32 n = 0; n < 1000; n++) {
		struct bt_block *b = get_block(vcpu->cpu.rip);
		enum bt_exit why;

		bt_jump_sync(ctx);
		why = engine_run(ctx, bt_cache_entry(ctx->cache, b), engine.xsave);

		switch (why) {
		case BT_EXIT_LINK:
			b = get_block(ctx->rip);
			if (ctx->link)
				bt_cache_link(ctx->cache, (struct bt_link *)ctx->link, b);
			break;
		case BT_EXIT_NEXT:
			bt_jc_insert(ctx, get_block(ctx->rip));
			break;
		case BT_EXIT_STEP:
			break;
		case BT_EXIT_FORM:
			bt_form_missed(ctx);
			choose_windows();
			break;
		case BT_EXIT_INTERP:
			return ctx->rip == code_end;
		case BT_EXIT_EXC:
			engine.fault = vcpu->emu.exc.vector + 1;
			return true;
		default:
			fprintf(stderr, "exit %u\n", why);
			return true;
		}
	}
	return true;
}

static bool run_engine(void)
{
	bool whole = true;

	memcpy((void *)DIFF_DATA, start.data, DIFF_DATA_SIZE);
	memcpy(engine.xsave, start.xsave, XSAVE_SIZE);
	memcpy(vcpu->cpu.gpr, start.gpr, sizeof(start.gpr));
	vcpu->cpu.rflags = start.rflags;
	vcpu->cpu.rip = DIFF_CODE;
	engine.fault = 0;
	strayed = false;
	choose_windows();
	if (windows && chance(30))
		diff_windows_empty(ctx);
	bt_cache_invalidate(ctx->cache, DIFF_CODE, DIFF_CODE_SIZE, NULL);
	for (u32 i = 0; i < BT_TLB_SIZE; i++)
		for (u32 m = 0; m < BT_MMU_COUNT; m++)
			bt_tlb_drop(&ctx->tlb[m], i);
	running = 2;
	if (!sigsetjmp(escape, 1)) {
		whole = engine_loop();
		running = 0;
		memcpy(engine.gpr, vcpu->cpu.gpr, sizeof(engine.gpr));
		engine.rflags = vcpu->cpu.rflags;
		engine.rip = vcpu->cpu.rip;
	}
	memcpy(engine.data, (void *)DIFF_DATA, DIFF_DATA_SIZE);
	return whole;
}

/* ---- judging it ---- */

/* Components in their initial state are not written by XSAVE; last-instruction pointers are the host's. */
static void normalize(u8 *xs)
{
	memset(xs + 6, 0, 18);
	if (!(xs[512] & 1)) {
		memset(xs, 0, 24);
		xs[0] = 0x7f;
		xs[1] = 3;
		memset(xs + 32, 0, 128);
	}
	if (!(xs[512] & 2))
		memset(xs + 160, 0, 256);
	if (!(xs[512] & 4))
		memset(xs + 576, 0, 256);
	for (u32 n = 0; n < 8; n++)
		memset(xs + 32 + 16 * n + 10, 0, 6);
	memset(xs + 416, 0, 160);
}

static const char *differs(u16 undef)
{
	static char what[64];
	u64 mask = X86_ARITH & ~undef;

	if (strayed)
		return "out of the windows";
	if (native.fault != engine.fault)
		return "fault";
	if (native.rip != engine.rip)
		return "rip";
	for (u32 r = 0; r < 16; r++)
		if (native.gpr[r] != engine.gpr[r]) {
			snprintf(what, sizeof(what), "gpr %u: %llx, engine %llx", r,
				 (long long)native.gpr[r], (long long)engine.gpr[r]);
			return what;
		}
	if (memcmp(native.data, engine.data, DIFF_DATA_SIZE))
		return "memory";
	/* A fault shows any flags where no path reads them; under single step all are read. */
	if (native.fault && !(ctx->key & BT_KEY_STEP))
		return NULL;
	if ((native.rflags ^ engine.rflags) & mask) {
		snprintf(what, sizeof(what), "flags: %llx, engine %llx", (long long)native.rflags,
			 (long long)engine.rflags);
		return what;
	}
	if (native.fault)
		return NULL;
	normalize(native.xsave);
	normalize(engine.xsave);
	for (u32 n = 0; n < 832; n++)
		if (native.xsave[n] != engine.xsave[n]) {
			snprintf(what, sizeof(what), "vector state at %u: %02x, engine %02x", n,
				 native.xsave[n], engine.xsave[n]);
			return what;
		}
	return NULL;
}

static void describe(const struct plan *p, u32 seed, const char *what)
{
	char text[128];
	struct x86_insn i;
	u32 off = 0;

	printf("# seed %u: %s (vector + 1: %d, engine %d; rip %llx, %llx)\n", seed, what, native.fault,
	       engine.fault, (long long)native.rip, (long long)engine.rip);
	while (off < p->len && !x86_decode(&i, p->code + off, 15, mode)) {
		x86_format(text, sizeof(text), &i, DIFF_CODE + off);
		printf("#   %llx  %s  [", (long long)(DIFF_CODE + off), text);
		for (u32 n = 0; n < i.len; n++)
			printf("%02x", p->code[off + n]);
		printf("]\n");
		off += i.len;
	}
}

static void load_code(const struct plan *p)
{
	u8 *c = (u8 *)DIFF_CODE;
	u64 to = (u64)native_exit;

	memcpy(c, p->code, p->len);
	code_end = DIFF_CODE + p->len;
	c += p->len;
	if (mode == X86_MODE_32) {			/* natively: jmp far to the 64-bit way out */
		u64 far = (u64)(c + 7) | ((u64)USER_CS << 32);

		*c = 0xea;
		memcpy(c + 1, &far, 6);
		c += 7;
	}
	memcpy(c, "\xff\x25\x00\x00\x00\x00", 6);	/* jmp [rip] out */
	memcpy(c + 6, &to, 8);
}

/* In the engine the sequence ends with HLT, which is the emulator's. */
static void load_end(void)
{
	*(u8 *)code_end = 0xf4;
}

enum verdict { SAME, DIFFERENT, NOT_RUN };

static enum verdict judge(const struct plan *p, u32 seed, bool verbose);

/* sub rsi, 0x7fffffff */
#define SUB "\x48\x81\xee\xff\xff\xff\x7f"
#define SUB_11 SUB SUB SUB SUB SUB SUB SUB SUB SUB SUB SUB

/* Sequences that once came out wrong; every register points into the data. */
static const struct {
	enum x86_mode mode;
	const char *code;
	u8 len;
} fixed[] = {
	{ X86_MODE_64, "\xc5\xfc\x77", 3 },				/* vzeroall: no modrm, but VEX */
	{ X86_MODE_32, "\xc5\xfc\x77", 3 },				/* eight registers only */
	{ X86_MODE_32, "\xc5\xf8\x77", 3 },				/* vzeroupper */
	{ X86_MODE_32, "\xc4\xe3\x1d\x4a\x4d\x3c\xbc", 7 },	/* vblendvps ..., ymm3 */
	{ X86_MODE_32, "\x2e\x01\x01", 3 },				/* add cs:[ecx], eax: #GP */
	{ X86_MODE_64, "\x66\x0f\x38\x17\xcc", 5 },			/* ptest: 66 is part of it */
	{ X86_MODE_64, "\x0f\x38\xca\x52\xd7", 5 },			/* sha1msg2, unaligned */
	{ X86_MODE_64, "\xc4\x22\x83\xf6\xfb", 5 },			/* mulx r15, r15, rbx */
	{ X86_MODE_64, "\x0f\xb6\xfc", 3 },				/* movzx edi, ah: no REX */
	/* Registers that leave their window on the way: constants that sum up, without a touch. */
	{ X86_MODE_64, "\xb9\x2c\x01\x00\x00\x48\x81\xec\x00\x00\x00\x40"	/* ecx = 300: rsp -= 1 GiB */
	  "\xff\xc9\x0f\x8f\xf1\xff\xff\xff\x8b\x04\x24", 23 },
	{ X86_MODE_64, "\xb9\x2c\x01\x00\x00\x4c\x8d\x64\x24\x08\x49\x81\xec\x00\x00\x00\x40"
	  "\xff\xc9\x0f\x8f\xf1\xff\xff\xff\x41\x8b\x04\x24", 29 },	/* r12 = rsp + 8, -= 1 GiB */
	{ X86_MODE_64, "\x8b\x06\x48\x81\xc6\x00\x00\x00\x70\x48\x81\xc6\x00\x00\x00\x70"
	  "\x48\x01\xf6\x8b\x06", 21 },				/* mov eax, [rsi] twice; rsi doubled */
	{ X86_MODE_64, "\x48\x89\x37\x48\x8b\x37\x8b\x06"	/* over the edge; mov [rdi], rsi; mov rsi, [rdi]: a value not foreseen */
	  SUB_11 SUB_11 SUB_11 "\x8b\x06", 241 },
	{ X86_MODE_64, "\x48\x8b\x06\x49\x89\xc5\x41\x8b\x45\x00", 10 },	/* through a wild pointer */
	{ X86_MODE_64, "\x48\x89\xf4\x58\x48\x8b\x20\x48\x89\xfc\x58", 11 },	/* rsp = rsi, [rax], rdi */
	/* A loop that is entered with a pointer into one window, then into the other: ebx rounds of ecx. */
	{ X86_MODE_64, "\xbb\x02\x00\x00\x00\xb9\x03\x00\x00\x00\x8b\x06\x01\x46\x04\x48\x83\xc6\x04"
	  "\xff\xc9\x0f\x8f\xef\xff\xff\xff\x48\x89\xfe\xff\xcb\x0f\x8f\xdf\xff\xff\xff", 38 },
	{ X86_MODE_64, "\xbb\x05\x00\x00\x00\xb9\x06\x00\x00\x00\x31\xd2\x8b\x04\x56\x41\x01\x04\x14\x48\x83\xc2"
	  "\x08\xff\xc9\x0f\x8f\xed\xff\xff\xff\x48\x87\xfe\x49\x87\xf4\xff\xcb\x0f\x8f\xd8\xff\xff\xff",
	  45 },
	/* With flags live, through rsi, rcx, r13, r13 + r14, that may not be where they are expected. */
	{ X86_MODE_64, "\x4c\x89\x27\x48\x8b\x37\x39\xc8\x8b\x56\x08\x0f\x92\xc3", 14 },
	{ X86_MODE_64, "\x4c\x89\x27\x48\x8b\x0f\x39\xc8\x8b\x51\x08\x0f\x92\xc3", 14 },
	{ X86_MODE_64, "\x4c\x89\x27\x4c\x8b\x2f\x39\xc8\x41\x8b\x55\x08\x0f\x92\xc3", 15 },
	{ X86_MODE_64, "\x4c\x89\x27\x4c\x8b\x2f\x45\x31\xf6\x39\xc8\x43\x8b\x54\x35\x08\x0f\x92\xc3", 19 },
	{ X86_MODE_64, "\x8b\x10\x48\x2d\x00\x00\x00\x10\xff\xc9\xeb\xf4", 12 },	/* sub rax, imm32: no modrm */
	{ X86_MODE_64, "\x8b\x06\x48\x81\xee\x00\x00\x00\x10\xff\xc9\xeb\xf3", 13 },	/* until it faults */
	{ X86_MODE_64, "\x48\x89\xf5\xc9\x58", 5 },			/* rbp = rsi; leave; pop rax */
	/* mov eax, [rdx]; lea rbx, [rip + 2]; call rbx: two uses of one scratch register. */
	{ X86_MODE_64, "\x8b\x02\x48\x8d\x1d\x02\x00\x00\x00\xff\xd3", 11 },
	{ X86_MODE_64, "\x8b\x02\xff\x72\x08", 5 },			/* the same; push [rdx + 8] */
	/* A loop over [r9 + 73] with r9 = -2: in a window is the sum only. */
	{ X86_MODE_64, "\x49\xc7\xc1\xfe\xff\xff\xff\xb9\x03\x00\x00\x00\xeb\x00"
	  "\x41\x0f\xb6\x41\x49\x83\xe9\x01\x0f\x8f\xf2\xff\xff\xff", 28 },
};

static enum verdict one_fixed(u32 n, u32 seed, bool verbose)
{
	struct plan p = { .n = 1, .len = fixed[n].len, .ptr = 0xffff, .bases = 0xffff };

	srand(seed);
	mode = fixed[n].mode;
	windows = mode == X86_MODE_64 && (seed & 1);
	memcpy(p.code, fixed[n].code, p.len);
	return judge(&p, seed, verbose);
}

static enum verdict one(u32 seed, bool verbose)
{
	struct plan p;

	srand(seed);
	mode = chance(30) ? X86_MODE_32 : X86_MODE_64;
	windows = mode == X86_MODE_64 && chance(60);
	make_case(&p);
	if (!p.n || p.reads_undef)
		return NOT_RUN;
	return judge(&p, seed, verbose);
}

static enum verdict judge(const struct plan *p, u32 seed, bool verbose)
{
	const char *what;
	bool whole;

	diff_bounce_percent = chance(30) ? 100 : 0;
	diff_fill = chance(70);
	ctx->key = mode | (BT_MMU_USER << BT_KEY_MMU_SHIFT) | BT_KEY_SSE | BT_KEY_AVX;
	if (mode == X86_MODE_64 || chance(50))
		ctx->key |= BT_KEY_FLAT;
	if (mode == X86_MODE_32)
		ctx->key |= BT_KEY_SS32;
	if (chance(10) && !windows)
		ctx->key |= BT_KEY_STEP;
	if (chance(5) && !windows)
		ctx->key |= BT_KEY_ALIGN;
	make_start(p);
	load_code(p);
	run_native();
	if (native.fault == X86_EXC_UD + 1)
		return NOT_RUN;			/* not offered by this processor */
	load_end();
	bt_cache_chunk_code = chance(25) ? 1 : BT_CHUNK_CODE;	/* a block a chunk: eviction all the time */
	ctx->stats.counting = chance(10);
	whole = run_engine();
	if (!whole)
		return NOT_RUN;
	what = differs(native.fault ? p->ever_undef : p->undef);
	if (what || verbose)
		describe(p, seed, what ? what : "equal");
	return what ? DIFFERENT : SAME;
}

static void set_up(void)
{
	static u8 stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	int prot = PROT_READ | PROT_WRITE;

	sigaltstack(&ss, NULL);
	for (u32 n = 0; n < ARRAY_SIZE(sigs); n++)
		sigaction(sigs[n], &sa, NULL);
	if (mmap((void *)DIFF_DATA, DIFF_DATA_SIZE, prot, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED ||
	    mremap((void *)DIFF_DATA, 0, DIFF_DATA_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   (void *)DIFF_DATA_B) == MAP_FAILED ||
	    mmap((void *)DIFF_CODE, DIFF_CODE_SIZE, prot | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	/* 64-bit Linux leaves these null; compatibility mode uses them. */
	__asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(USER_DS));
	vcpu = diff_vcpu();
	vcpu->cpu.cr0 = X86_CR0_PE | X86_CR0_PG;
	for (u32 n = X86_ES; n <= X86_GS; n++)
		vcpu->cpu.seg[n] = (struct x86_segment){
			.limit = 0xffffffff,
			.ar = X86_AR_P | X86_AR_S | X86_AR_W | (n == X86_CS ? X86_AR_CODE : 0),
		};
	bt_cache_chunks = 2;
	ctx = bt_ctx_create(vcpu);
	bt_ctx_load_segments(ctx);
	diff_windows_make(ctx);
}

int main(int argc, char **argv)
{
	u32 seed = time(NULL), cases = 100000, bad = 0, run = 0;
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
	for (u32 n = 0; n < ARRAY_SIZE(fixed) * 32; n++)
		bad += one_fixed(n / 32, seed + n, verbose) == DIFFERENT;
	printf("%sok 1 - sequences that were wrong once\n", bad ? "not " : "");
	for (u32 n = 0; n < cases && bad < 10; n++) {
		enum verdict v = one(seed + n, verbose);

		run += v != NOT_RUN;
		bad += v == DIFFERENT;
	}
	printf("# %u compared\n", run);
	printf("%sok 2 - random sequences equal on the processor and in the translator\n",
	       bad || run < cases / 10 ? "not " : "");
	printf("1..2\n");
	return bad || run < cases / 10;
}
