// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whole random programs, on the processor and in the engine: branches, loops,
 * calls, returns to elsewhere, tables of targets, code that changes itself,
 * string instructions, pages that come and go. Registers, memory, vector state
 * and each fault on the way must be equal; what a host program sees of a vCPU
 * that it interrupts or steps must be a state that the processor goes through.
 *
 * program [-s SEED] [-n CASES] [-k free|kicked|stepped|watched] [-w always|never|auto]
 * [-v]: TAP; a failing case prints its seed, and what is left of it when
 * needless instructions are taken out. -w: windows (engine/bt/window.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define BATCH 16u

static struct program prog[BATCH];
static struct outcome native[BATCH], engine;
static u8 image[ALL_BYTES];
static int only = -1;			/* enum how */

/* ---- what both sides know of a program ---- */

int program_page(const struct program *p, u64 lin)
{
	for (u32 a = 0; a < AREAS; a++)
		if (lin - p->at[a] < 4096 * area_pages(a))
			return area_first(a) + (lin - p->at[a]) / 4096;
	return -1;
}

enum right program_grant(const struct program *p, u32 page, bool write, enum right now)
{
	if (write)
		return RIGHT_WRITE;
	return now != RIGHT_NONE ? now : (p->seed + page) & 1 ? RIGHT_WRITE : RIGHT_READ;
}

void program_fill(const struct program *p, u8 *at)
{
	u64 x = 0x9e3779b97f4a7c15ull * (p->seed + 1), *w = (u64 *)at;

	for (u32 n = 0; n < ALL_BYTES / 8; n++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		w[n] = x;
	}
	memcpy(at + 4096 * area_first(AREA_CODE), p->code, sizeof(p->code));
}

u64 program_sum(const void *bytes, u32 len)
{
	const u64 *w = bytes;
	u64 a = 1, b = 2;

	for (; len >= 16; len -= 16, w += 2) {
		a = __builtin_ia32_crc32di(a, w[0]) + (a << 32);
		b = __builtin_ia32_crc32di(b, w[1]) + (b << 31);
	}
	return a ^ b << 1;
}

void program_describe(const struct program *p)
{
	u64 base = p->at[AREA_CODE];
	u32 off = 0;
	char text[128];
	struct x86_insn i;

	printf("#   %u-bit, entry %llx, rsp %llx, %u rounds%s\n", p->mode == X86_MODE_64 ? 64 : 32,
	       (long long)p->entry, (long long)p->gpr[X86_RSP], p->rounds,
	       p->trace ? ", traced" : "");
	while (off < p->end - base) {
		if (p->code[off] == 0xcc || x86_decode(&i, p->code + off, 15, p->mode)) {
			off++;
			continue;
		}
		if (i.len == 1 && p->code[off] == 0x90) {
			off++;
			continue;
		}
		x86_format(text, sizeof(text), &i, base + off);
		printf("#   %llx  %s  [", (long long)(base + off), text);
		for (u32 n = 0; n < i.len; n++)
			printf("%02x", p->code[off + n]);
		printf("]\n");
		off += i.len;
	}
}

/* ---- judging ---- */

static char what[256];

/*
 * A jump or a return to an address that is not canonical: a fault of the branch to the processor,
 * of the target to the engine. The program is over; nothing of it is compared.
 */
static bool wild_branch(const struct event *x, const struct event *y)
{
	return x->vector == 13 && y->vector == 13 && (s64)(y->rip << 16) >> 16 != (s64)y->rip;
}

static bool events_differ(const struct outcome *a, const struct outcome *b)
{
	u32 n = 0;

	for (; n < a->nevents && n < b->nevents; n++) {
		const struct event *x = &a->event[n], *y = &b->event[n];

		for (u32 r = 0; r < 16; r++)
			if (x->gpr[r] != y->gpr[r]) {
				snprintf(what, sizeof(what),
					 "event %u (vector %u at %llx, %u at %llx): gpr %u: %llx, engine %llx",
					 n, x->vector, (long long)x->rip, y->vector,
					 (long long)y->rip, r, (long long)x->gpr[r],
					 (long long)y->gpr[r]);
				return true;
			}
		if (x->vector != y->vector || x->error != y->error || x->rip != y->rip ||
		    x->addr != y->addr) {
			snprintf(what, sizeof(what),
				 "event %u: vector %u error %x at %llx, cr2 %llx; engine %u %x %llx %llx",
				 n, x->vector, x->error, (long long)x->rip, (long long)x->addr,
				 y->vector, y->error, (long long)y->rip, (long long)y->addr);
			return true;
		}
	}
	if (a->nevents == b->nevents)
		return false;
	snprintf(what, sizeof(what), "%u events, engine %u", a->nevents, b->nevents);
	return true;
}

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
	memset(xs + 28, 0, 4);
	memset(xs + 416, 0, 160);
}

static const char *differ(const struct program *p, struct outcome *a, struct outcome *b)
{
	if (events_differ(a, b))
		return what;
	for (u32 n = 0; n < ALL_PAGES; n++)
		if (a->page[n] != b->page[n]) {
			snprintf(what, sizeof(what), "memory, page %u", n);
			return what;
		}
	/* Another end than HLT may be in front of instructions that write them: they are dead there. */
	if (a->nevents && a->event[a->nevents - 1].rip == p->end - 1 &&
	    ((a->rflags ^ b->rflags) & X86_ARITH)) {
		snprintf(what, sizeof(what), "flags %llx, engine %llx", (long long)a->rflags,
			 (long long)b->rflags);
		return what;
	}
	normalize(a->xsave);
	normalize(b->xsave);
	for (u32 n = 0; n < XSAVE_LEN; n++)
		if (a->xsave[n] != b->xsave[n]) {
			snprintf(what, sizeof(what),
				 "vector state at %u: %02x, engine %02x (in use: %x, %x)", n,
				 a->xsave[n], b->xsave[n], a->xsave[512], b->xsave[512]);
			return what;
		}
	return NULL;
}

static enum how how_to_run(const struct program *p)
{
	if (only >= 0 && (only < HOW_STEPPED || p->trace))
		return only;
	if (p->trace)
		return HOW_KICKED + p->seed % 3;
	return p->seed % 3 ? HOW_FREE : HOW_KICKED;
}

static const char *compare(const struct program *p, struct outcome *want)
{
	enum how how = how_to_run(p);
	const char *bad;

	/* Vectors that this processor raises where its guest's is the same, but not that they exist. */
	if (want->nevents && want->event[want->nevents - 1].vector == 6)
		return NULL;
	bad = guest_run(p, how, want, &engine);
	for (u32 n = 0; n < want->nevents && n < engine.nevents; n++)
		if (wild_branch(&want->event[n], &engine.event[n]))
			return NULL;
	return bad ? bad : differ(p, want, &engine);
}

/* ---- a failing case ---- */

static bool still_bad(struct program *p)
{
	native_run(p, 1, native, NULL);
	return compare(p, native) != NULL;
}

/* Take out what it fails without. */
static void reduce(struct program *p)
{
	u8 kept[16];

	for (u32 pass = 0; pass < 2; pass++)
		for (u32 n = 0; n < p->ninsns; n++) {
			u8 *c = p->code + p->insn[n].off;

			memcpy(kept, c, p->insn[n].len);
			memset(c, 0x90, p->insn[n].len);
			if (!still_bad(p))
				memcpy(c, kept, p->insn[n].len);
		}
}

static void show_memory(const struct program *p)
{
	u32 shown = 0;

	for (u32 n = 0; n < ALL_BYTES && shown < 8; n += 8)
		if (memcmp(image + n, guest_image + n, 8)) {
			printf("#   page %u offset %x: %016llx, engine %016llx\n", n / 4096, n % 4096,
			       *(unsigned long long *)(image + n),
			       *(unsigned long long *)(guest_image + n));
			shown++;
		}
}

static void report(struct program *p, const char *bad)
{
	printf("# seed %u: %s\n", p->seed, bad);
	if (!still_bad(p)) {
		printf("#   not when run alone\n");
		return;
	}
	reduce(p);
	native_run(p, 1, native, image);
	bad = compare(p, native);
	printf("#   reduced: %s\n", bad ? bad : "it comes and goes");
	show_memory(p);
	program_describe(p);
}

static void windows(const char *when)
{
	char text[32];

	snprintf(text, sizeof(text), "window=%s", when);
	setenv("ANYKVM_BT", text, 1);
}

int main(int argc, char **argv)
{
	static const char *const hows[] = { "free", "kicked", "stepped", "watched" };
	u32 seed = time(NULL), cases = 20000, bad = 0, n, k;
	bool verbose = false;
	const char *text;
	int opt;

	while ((opt = getopt(argc, argv, "s:n:k:w:v")) != -1) {
		if (opt == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (opt == 'n')
			cases = strtoul(optarg, NULL, 0);
		else if (opt == 'v')
			verbose = true;
		else if (opt == 'w')
			windows(optarg);
		else if (opt == 'k')
			for (only = 3; only && strcmp(optarg, hows[only]); only--)
				;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!__builtin_cpu_supports("avx2")) {
		printf("1..0 # SKIP the processor has no AVX2\n");
		return 0;
	}
	native_start();
	guest_start();
	printf("1..1\n# seed %u, %u programs\n", seed, cases);
	for (n = 0; n < cases && bad < 5; n += BATCH) {
		u32 count = min(BATCH, cases - n);

		for (k = 0; k < count; k++)
			program_make(&prog[k], seed + n + k);
		native_run(prog, count, native, NULL);
		for (k = 0; k < count && bad < 5; k++) {
			if (verbose) {
				printf("# seed %u: %u events\n", prog[k].seed, native[k].nevents);
				program_describe(&prog[k]);
			}
			text = compare(&prog[k], &native[k]);
			if (!text)
				continue;
			bad++;
			report(&prog[k], text);
			native_run(prog, count, native, NULL);
		}
	}
	printf("%sok 1 - random programs equal on the processor and in the translator\n",
	       bad ? "not " : "");
	return bad != 0;
}
