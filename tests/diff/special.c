// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the engine does in C instead of running it as itself (string
 * instructions, masked vector moves, gathers, and the ones that move the whole
 * x87, SSE and AVX state) against the processor: the same bytes, in the same
 * memory at the same addresses, once called and once as a guest's code.
 *
 * Which components XSAVE calls in use may differ between the two, where they
 * are in their initial state: areas that were saved to are compared for the
 * state in them (xarea.c). So that it does differ often, and not only when the
 * host's kernel happens to switch, some cases write back what is in a register
 * before their instruction, in one of the two runs or in both. A signal comes
 * all the while, whose handler leaves all of that state in disorder.
 *
 * special [-s SEED] [-n CASES] [-v]: TAP; a failing case prints its seed.
 */
#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "anykvm.h"
#include "xarea.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARENA 0x10000000ul
#define ARENA_SIZE 0x40000ul
#define REGS_IN (ARENA + 0x1000)
#define REGS_OUT (ARENA + 0x1100)
#define FLAGS_IN (ARENA + 0x1200)
#define FLAGS_OUT (ARENA + 0x1208)
#define X_IN (ARENA + 0x2000)
#define X_OUT (ARENA + 0x3000)
#define SCRATCH (ARENA + 0x4000)	/* of write_back */
#define STACK (ARENA + 0x6000)
#define DATA (ARENA + 0x10000)
#define DATA_SIZE 0x10000ul
#define MID (DATA + 0x8000)
#define TABLES 0x1000ul			/* guest-physical, in a slot of its own */

static u8 *code;
static u8 start[ARENA_SIZE], native[ARENA_SIZE];
static u32 seed;
static const char *what;
static struct {
	u64 addr;
	u32 len;
} ignore[8];
static u32 nignore;
static struct {
	u64 addr;
	struct xarea_save how;
} saves[2];
static u32 nsaves;
static u8 *back;			/* write_back's jump over itself */
static u32 back_len, back_in;		/* 1: the processor's run does not jump, 2: the guest's */
static bool has_xsaveopt, has_xsavec;
static int vcpu;
static struct kvm_run *run;

static u64 rnd(void)
{
	return ((u64)rand() << 42) ^ ((u64)rand() << 21) ^ rand();
}

static void e(u8 b)
{
	*code++ = b;
}

static void bytes(const char *hex)
{
	unsigned int v;

	for (; *hex; hex += 2) {
		if (*hex == ' ')
			hex++;
		sscanf(hex, "%2x", &v);
		e(v);
	}
}

static void e32(u32 v)
{
	memcpy(code, &v, 4);
	code += 4;
}

/* mov between register @r and the absolute address @at. */
static void abs_mov(u8 opcode, u32 r, u32 at)
{
	e(0x48 | (r >> 3) << 2);
	e(opcode);
	e(4 | (r & 7) << 3);
	e(0x25);
	e32(at);
}

static void state_op(const char *op, u32 at)
{
	bytes("b807000000 31d2 bb");	/* mov eax, 7; xor edx, edx; mov ebx */
	e32(at);
	bytes(op);
}

static u64 *reg_in(u32 r)
{
	return (u64 *)REGS_IN + r;
}

static void dont_compare(u64 addr, u32 len)
{
	ignore[nignore].addr = addr;
	ignore[nignore++].len = len;
}

/* This much of memory is what an instruction of @kind saved. */
static void compare_state(u64 addr, enum xarea_kind kind, u64 rfbm)
{
	dont_compare(addr, XAREA_SIZE);
	saves[nsaves].addr = addr;
	saves[nsaves++].how = (struct xarea_save){ .kind = kind, .rfbm = rfbm };
}

static void at_scratch(const char *op)
{
	bytes(op);
	e32(SCRATCH);
}

/*
 * Registers get the values that they have. Afterwards a processor may call a component in use,
 * initial as it may be, that it did not before.
 */
static void write_back(void)
{
	back_in = rand() & 3;
	back = code;
	bytes("eb00");				/* over it, or nop */
	if (rand() & 1) {
		at_scratch("c5fc110425");	/* vmovups [scratch], ymm0 */
		at_scratch("c5fc100425");	/* vmovups ymm0, [scratch] */
	} else {
		at_scratch("0f110425");		/* movups [scratch], xmm0 */
		at_scratch("0f100425");
	}
	if (rand() & 1) {
		at_scratch("d93425");		/* fnstenv [scratch] */
		at_scratch("d92425");		/* fldenv [scratch] */
	}
	back_len = code - back - 2;
}

/* In @memory, the arena or a copy of it: is it done by this run? */
static void write_back_in(u8 *memory, bool done)
{
	u8 *p = memory + (back - (u8 *)ARENA);

	p[0] = done ? 0x66 : 0xeb;
	p[1] = done ? 0x90 : back_len;
}

/* ---- state images ---- */

static void random_image(u8 *x)
{
	static const u64 bv[] = { 7, 7, 7, 7, 3, 1, 5, 6, 0 };
	u32 i;

	for (i = 0; i < 832; i++)
		x[i] = rand();
	memset(x + 8, 0, 16);
	x[0] |= 0x7f;			/* all x87 exceptions masked */
	x[1] &= 0x0f;
	x[2] &= 0x7f;
	x[3] &= 0x7f;
	x[5] = x[6] = x[7] = 0;
	memcpy(x + 24, &(u32){ 0x1f80 | (rand() & 0xe07f) }, 4);
	memcpy(x + 28, &(u32){ 0 }, 4);
	for (i = 0; i < 8; i++)
		memset(x + 32 + 16 * i + 10, 0, 6);
	memset(x + 416, 0, 96);
	memset(x + 512, 0, 64);
	memcpy(x + 512, &bv[rand() % 9], 8);
	if (rand() % 3 == 0)
		memcpy(x + 24, &(u32){ 0x1f80 }, 4);
	if (rand() % 3)
		return;
	if (rand() & 1) {		/* initial states, in use or not */
		memset(x, 0, 24);
		memcpy(x, &(u16){ 0x37f }, 2);
		memset(x + 32, 0, 128);
	}
	if (rand() & 1)
		memset(x + 160, 0, 256);
	if (rand() & 1)
		memset(x + 576, 0, 256);
}

static u8 *xmm_in(u32 reg)
{
	return (u8 *)X_IN + 160 + 16 * reg;
}

static u8 *ymmh_in(u32 reg)
{
	return (u8 *)X_IN + 576 + 16 * reg;
}

/* ---- cases ---- */

static void case_string(void)
{
	static const char *const ops[] = { "a4", "a5", "48a5", "66a5", "aa", "ab", "48ab", "66ab",
					   "ac", "48ad", "a6", "48a7", "ae", "48af" };
	static const u8 rep[] = { 0xf3, 0xf3, 0xf3, 0xf2, 0 };
	u32 k = rand() % 14;
	u64 span = rand() % 4 ? 0x1800 : 0x40;

	what = ops[k];
	*reg_in(1) = rand() % (rand() % 3 ? 40 : 1200);
	*reg_in(6) = MID - span / 2 + rnd() % span;
	*reg_in(7) = rand() % 5 ? MID - span / 2 + rnd() % span : *reg_in(6) + rand() % 17 - 8;
	if (k >= 10 && rand() % 2)	/* compares that go on for a while */
		memset((void *)(MID - 0x1000), (int)*reg_in(0), 0x2000);
	*(u64 *)FLAGS_IN |= rand() % 2 ? 0x400 : 0;
	if (rand() % 6 == 0)
		e(0x67);
	k = rep[rand() % 5];
	if (k)
		e(k);
	bytes(what);
}

static void vex(u32 map, u32 pp, bool w, bool l, u32 reg, u32 vvvv, u32 index, u32 base, u8 opcode)
{
	e(0xc4);
	e((reg < 8 ? 0x80 : 0) | (index < 8 ? 0x40 : 0) | (base < 8 ? 0x20 : 0) | map);
	e((w ? 0x80 : 0) | (~vvvv & 15) << 3 | (l ? 4 : 0) | pp);
	e(opcode);
}

static void case_gather(void)
{
	u32 op = 0x90 + rand() % 4, reg = rand() % 16, vvvv, index, i;
	bool w = rand() & 1, l = rand() & 1;

	what = "gather";
	do {
		vvvv = rand() % 16;
		index = rand() % 16;
	} while (reg == vvvv || reg == index || vvvv == index);
	*(u64 *)(X_IN + 512) = 7;
	for (i = 0; i < 4; i++) {
		if (op & 1) {
			int64_t v = rand() % 0xd00 - 0x680;

			memcpy((i < 2 ? xmm_in(index) : ymmh_in(index)) + 8 * (i & 1), &v, 8);
		} else {
			int32_t v[2] = { rand() % 0xd00 - 0x680, rand() % 0xd00 - 0x680 };

			memcpy((i < 2 ? xmm_in(index) : ymmh_in(index)) + 8 * (i & 1), v, 8);
		}
	}
	*reg_in(3) = MID;
	vex(2, 1, w, l, reg, vvvv, index, 3, op);
	e(0x44 | (reg & 7) << 3);
	e((rand() % 4) << 6 | (index & 7) << 3 | 3);
	e(rand());
}

static void case_maskmov(void)
{
	static const u8 ops[] = { 0x2c, 0x2d, 0x2e, 0x2f, 0x8c, 0x8e };
	u8 op = ops[rand() % 6];
	u32 reg = rand() % 16;

	what = "vmaskmov";
	*reg_in(3) = MID - 16 + rand() % 32;
	vex(2, 1, op >= 0x80 && (rand() & 1), rand() & 1, reg, rand() % 16, 0, 3, op);
	e(0x43 | (reg & 7) << 3);
	e(rand());
}

static void case_maskmov_bytes(void)
{
	what = "maskmovdqu";
	*reg_in(7) = MID - 8 + rand() % 16;
	switch (rand() % 3) {
	case 0:
		bytes("0ff7");
		break;
	case 1:
		bytes("660ff7");
		break;
	default:
		bytes("c5f9f7");
	}
	e(0xc0 | (rand() & 63));
}

static void mem_op(const char *op, u32 digit)
{
	bytes(op);
	e(3 | digit << 3);		/* [rbx] */
}

static void case_fxsave(void)
{
	what = "fxsave";
	*reg_in(3) = MID + 16 * (rand() % 64);
	dont_compare(*reg_in(3) + 6, 18);
	mem_op(rand() & 1 ? "0fae" : "480fae", 0);
}

static void case_fxrstor(void)
{
	u8 x[832];

	what = "fxrstor";
	*reg_in(3) = MID + 16 * (rand() % 64);
	random_image(x);
	memcpy((void *)*reg_in(3), x, 512);
	mem_op(rand() & 1 ? "0fae" : "480fae", 1);
}

static void case_xsave(void)
{
	static const struct {
		const char *op, *name;
		enum xarea_kind kind;
		u8 digit;
	} ops[] = {
		{ "0fae", "xsave", XAREA_XSAVE, 4 }, { "480fae", "xsave64", XAREA_XSAVE, 4 },
		{ "0fae", "xsaveopt", XAREA_XSAVEOPT, 6 }, { "0fc7", "xsavec", XAREA_XSAVEC, 4 },
	};
	u32 k = rand() % 4;

	if ((ops[k].kind == XAREA_XSAVEOPT && !has_xsaveopt) ||
	    (ops[k].kind == XAREA_XSAVEC && !has_xsavec))
		k = 0;
	what = ops[k].name;
	*reg_in(3) = MID + 64 * (rand() % 64);
	*reg_in(0) = rand() & 7;	/* the host's XCR0 may have more than the guest's */
	*reg_in(2) = 0;
	if (rand() & 1)			/* else the header is what was in memory: none minds it */
		memset((void *)(*reg_in(3) + 512), 0, 64);
	compare_state(*reg_in(3), ops[k].kind, *reg_in(0));
	mem_op(ops[k].op, ops[k].digit);
}

static void case_xrstor(void)
{
	u8 *x;

	what = "xrstor";
	*reg_in(3) = MID + 64 * (rand() % 64);
	*reg_in(0) = rand() & 7;
	*reg_in(2) = 0;
	x = (u8 *)*reg_in(3);
	random_image(x);
	if (rand() & 1) {
		what = "xrstor, compacted";
		memcpy(x + 520, &(u64){ 1ull << 63 | 7 }, 8);
	}
	mem_op("0fae", 5);
}

static void case_env(void)
{
	static const struct {
		const char *op, *name;
		u8 digit;
	} ops[] = {
		{ "d9", "fnstenv", 6 }, { "66d9", "fnstenv16", 6 }, { "dd", "fnsave", 6 },
		{ "66dd", "fnsave16", 6 }, { "d9", "fldenv", 4 }, { "66d9", "fldenv16", 4 },
		{ "dd", "frstor", 4 }, { "66dd", "frstor16", 4 },
	};
	u32 k = rand() % 8, step = k & 1 ? 2 : 4;
	u8 *x;

	what = ops[k].name;
	*reg_in(3) = MID + rand() % 256;
	if (ops[k].digit == 6) {
		dont_compare(*reg_in(3) + 3 * step, 4 * step);
	} else {
		x = (u8 *)*reg_in(3);
		x[0] |= 0x3f;
		x[1] &= 0x0f;
	}
	mem_op(ops[k].op, ops[k].digit);
}

static void case_mxcsr(void)
{
	what = "ldmxcsr";
	*reg_in(3) = MID + rand() % 64;
	*(u32 *)*reg_in(3) = 0x1f80 | (rand() & 0xe07f);
	mem_op("0fae", 2);
	mem_op("0fae", 3);
}

static void (*const cases[])(void) = {
	case_string, case_string, case_string, case_gather, case_maskmov, case_maskmov_bytes,
	case_fxsave, case_fxrstor, case_xsave, case_xrstor, case_env, case_mxcsr,
};

static void build(void)
{
	u32 i;

	srand(seed);
	nignore = nsaves = 0;
	for (i = 0; i < DATA_SIZE; i += 8)
		*(u64 *)(DATA + i) = rnd();
	memset((void *)REGS_IN, 0, 0x1000);
	random_image((u8 *)X_IN);
	memset((void *)X_OUT, 0, 0x1000);
	for (i = 0; i < 16; i++)
		*reg_in(i) = rnd();
	*(u64 *)FLAGS_IN = 2 | (rnd() & 0x8d5);
	code = (u8 *)ARENA;
	memset(code, 0xcc, 0x1000);
	state_op("480fae2b", X_IN);		/* xrstor64 [rbx] */
	bytes("ff3425");			/* push [flags] */
	e32(FLAGS_IN);
	e(0x9d);
	{
		u8 *body = code;

		code += 15 * 8;			/* room for the registers, which a case still changes */
		write_back();
		cases[rand() % (sizeof(cases) / sizeof(cases[0]))]();
		{
			u8 *end = code;

			code = body;
			for (i = 0; i < 16; i++)
				if (i != 4)
					abs_mov(0x8b, i, REGS_IN + 8 * i);
			code = end;
		}
	}
	for (i = 0; i < 16; i++)
		if (i != 4)
			abs_mov(0x89, i, REGS_OUT + 8 * i);
	bytes("9c 8f0425");			/* pushf; pop [flags] */
	e32(FLAGS_OUT);
	e(0xfc);
	state_op("480fae23", X_OUT);		/* xsave64 [rbx] */
	compare_state(X_OUT, XAREA_XSAVE, 7);
}

/* ---- running ---- */

__asm__(".text\n"
	"call_native:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"sub $24, %rsp; stmxcsr 8(%rsp); fnstcw 12(%rsp)\n"
	"call *%rdi\n"
	"fninit; fldcw 12(%rsp); ldmxcsr 8(%rsp); vzeroupper; add $24, %rsp\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");
void call_native(u64 at);

static int io(int fd, unsigned long r, void *a)
{
	int x = anykvm_ioctl(fd, r, a);

	if (x < 0) {
		perror("ioctl");
		exit(1);
	}
	return x;
}

static void guest_create(void)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 100 * sizeof(c->entries[0]));
	struct kvm_userspace_memory_region m = { .memory_size = ARENA_SIZE, .guest_phys_addr = ARENA,
						 .userspace_addr = ARENA };
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = 7 };
	struct kvm_segment cs = { .limit = 0xffffffff, .selector = 8, .present = 1, .type = 11,
				  .s = 1, .l = 1, .g = 1 }, ds = cs;
	u64 *t = mmap(NULL, 0x3000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sys = anykvm_open(), vm = io(sys, KVM_CREATE_VM, 0);
	struct kvm_sregs s;

	io(vm, KVM_SET_USER_MEMORY_REGION, &m);
	m = (struct kvm_userspace_memory_region){ .slot = 1, .memory_size = 0x3000,
		.guest_phys_addr = TABLES, .userspace_addr = (u64)t };
	io(vm, KVM_SET_USER_MEMORY_REGION, &m);
	t[0] = (TABLES + 0x1000) | 7;
	t[512] = (TABLES + 0x2000) | 7;
	for (u64 i = 0; i < 512; i++)
		t[1024 + i] = i << 21 | 0x87;
	vcpu = io(vm, KVM_CREATE_VCPU, 0);
	run = anykvm_mmap(io(sys, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED,
			  vcpu, 0);
	c->nent = 100;
	io(sys, KVM_GET_SUPPORTED_CPUID, c);
	io(vcpu, KVM_SET_CPUID2, c);
	io(vcpu, KVM_GET_SREGS, &s);
	ds.type = 3;
	ds.l = 0;
	ds.db = 1;
	s.cs = cs;
	s.ds = s.es = s.ss = s.fs = s.gs = ds;
	s.cr3 = TABLES;
	s.cr4 = 0x40620;		/* OSXSAVE, OSXMMEXCPT, OSFXSR, PAE */
	s.cr0 = 0x80050033;
	s.efer = 0x500;
	io(vcpu, KVM_SET_SREGS, &s);
	io(vcpu, KVM_SET_XCRS, &x);
	free(c);
}

static bool run_guest(void)
{
	struct kvm_regs r = { .rip = ARENA, .rflags = 2, .rsp = STACK };

	*code = 0xf4;
	io(vcpu, KVM_SET_REGS, &r);
	while (anykvm_ioctl(vcpu, KVM_RUN, 0) < 0) {
		if (errno != EINTR) {
			perror("KVM_RUN");
			exit(1);
		}
	}
	return run->exit_reason == KVM_EXIT_HLT;
}

static bool ignored(u64 addr)
{
	for (u32 i = 0; i < nignore; i++)
		if (addr - ignore[i].addr < ignore[i].len)
			return true;
	return addr < REGS_OUT || (addr >= SCRATCH && addr < STACK);
}

/* The same state in the areas that were saved to? */
static bool states_agree(void)
{
	const u8 *before, *want, *got;
	const char *wrong;
	u32 i, off;

	for (i = 0; i < nsaves; i++) {
		got = (u8 *)saves[i].addr;
		want = native + (saves[i].addr - ARENA);
		before = start + (saves[i].addr - ARENA);
		wrong = xarea_wrong(&saves[i].how, before, want, got, &off);
		if (!wrong)
			continue;
		printf("# seed %u: %s, area %lx, mask %lu: %s: at %u, before %02x, processor %02x, "
		       "engine %02x; XSTATE_BV %lx, %lx, %lx\n", seed, what, saves[i].addr,
		       saves[i].how.rfbm, wrong, off, before[off], want[off], got[off],
		       *(u64 *)(before + XAREA_XSTATE_BV), *(u64 *)(want + XAREA_XSTATE_BV),
		       *(u64 *)(got + XAREA_XSTATE_BV));
		return false;
	}
	return true;
}

static bool one(bool verbose)
{
	u64 a, *flags = (u64 *)FLAGS_OUT;
	int shown = 0;

	build();
	*code = 0xc3;
	memcpy(start, (void *)ARENA, ARENA_SIZE);
	write_back_in((u8 *)ARENA, back_in & 1);
	call_native(ARENA);
	memcpy(native, (void *)ARENA, ARENA_SIZE);
	memcpy((void *)ARENA, start, ARENA_SIZE);
	write_back_in((u8 *)ARENA, back_in & 2);
	if (!run_guest()) {
		printf("# seed %u: %s: exit %u\n", seed, what, run->exit_reason);
		return false;
	}
	*flags &= 0xcd5;
	*(u64 *)(native + (FLAGS_OUT - ARENA)) &= 0xcd5;
	shown = !states_agree();
	for (a = ARENA; a < ARENA + ARENA_SIZE && shown < 8; a++) {
		u8 want = native[a - ARENA], got = *(u8 *)a;

		if (want == got || ignored(a))
			continue;
		printf("# seed %u: %s: %lx: processor %02x, engine %02x\n", seed, what, a, want,
		       got);
		shown++;
	}
	if (verbose && !shown)
		printf("# seed %u: %s\n", seed, what);
	return !shown;
}

/* Touches nothing but what it is to touch: FS may be the guest's. */
static void on_alarm(int sig)
{
	__asm__ volatile("fninit; fldpi; fldz; ldmxcsr %0; vpcmpeqd %%ymm0, %%ymm0, %%ymm0;"
			 "vmovdqa %%ymm0, %%ymm7; vmovdqa %%ymm0, %%ymm15; vzeroupper"
			 : : "m"((u32){ 0x7f80 }));
}

static void signals(void)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval every = { { .tv_usec = 300 }, { .tv_usec = 300 } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static void features(void)
{
	u32 a = 0, b, c, d;

	__get_cpuid_count(0xd, 1, &a, &b, &c, &d);
	has_xsaveopt = a & 1;
	has_xsavec = a & 2;
}

int main(int argc, char **argv)
{
	u32 cases_wanted = 20000, n, bad = 0;
	bool verbose = false;
	int c;

	seed = time(NULL);
	while ((c = getopt(argc, argv, "s:n:v")) != -1) {
		if (c == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (c == 'n')
			cases_wanted = strtoul(optarg, NULL, 0);
		else
			verbose = true;
	}
	if (!__builtin_cpu_supports("avx2")) {
		printf("1..0 # SKIP the processor has no AVX2\n");
		return 0;
	}
	if (mmap((void *)ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)ARENA) {
		printf("1..0 # SKIP address %lx is not free\n", ARENA);
		return 0;
	}
	features();
	guest_create();
	signals();
	printf("1..1\n# seed %u, %u cases\n", seed, cases_wanted);
	for (n = 0; n < cases_wanted && bad < 10; n++, seed++)
		bad += !one(verbose);
	printf("%sok 1 - special instructions as the processor does them\n", bad ? "not " : "");
	return bad != 0;
}
