/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The decoder against Zydis: every opcode of every map under the prefixes that
 * mean something, with every modrm byte, in the three modes; then random bytes.
 * Differences are collected by field and instruction, so that one wrong row is
 * one line and not a million.
 *
 *   decode [-s SEED] [-n COUNT] [-v]     COUNT: random byte strings
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "decode_zydis.h"

#define DIFFS 1024
#define RANDOM_DEFAULT 1500000

/* Sanitizers cost a factor of three: then one modrm byte of a few will do. */
#ifdef __SANITIZE_ADDRESS__
#define STEP 5
#else
#define STEP 1
#endif

static struct diff {
	u16 mnemonic;
	u8 field, mode, op_off, pad;
	u64 count;
	u8 bytes[X86_INSN_MAX];
} diffs[DIFFS];

static unsigned int diff_count;
static u64 tried, point_failed;
static unsigned int points, failures;
static u64 rng;

static u64 next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1dull;
}

static void record(u32 bad, u16 mnemonic, const u8 *b, enum x86_mode mode, u8 op_off)
{
	unsigned int f, k;

	for (f = 0; f < D_FIELDS; f++) {
		if (!(bad & BIT(f)))
			continue;
		for (k = 0; k < diff_count; k++)
			if (diffs[k].field == f && diffs[k].mnemonic == mnemonic &&
			    diffs[k].mode == mode && (mnemonic || diffs[k].pad == b[op_off]))
				break;
		if (k == DIFFS)
			continue;
		if (k == diff_count) {
			diff_count++;
			diffs[k] = (struct diff){ mnemonic, f, mode, op_off, b[op_off], 0, {} };
			memcpy(diffs[k].bytes, b, X86_INSN_MAX);
		}
		diffs[k].count++;
	}
}

/* What must hold of any row, whatever Zydis says. */
static bool row_is_sane(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;

	if (o->flags_u & ~o->flags_w || (o->flags_r | o->flags_w) & ~X86_ARITH)
		return false;
	if (o->attr & X86_T_LOCK && (o->kind != X86_K_NATIVE || !(o->rm_acc & X86_A_W)))
		return false;
	if (o->attr & X86_T_CPL0 && o->kind != X86_K_SYS)
		return false;
	if (o->attr & X86_T_MAYBE && o->reg_acc != X86_A_RW)
		return false;
	if (o->kind == X86_K_NATIVE && (o->gpr_r | o->gpr_w) & BIT(X86_RSP))
		return false;
	if (i->is_mem && !(o->attr & X86_T_NOMEM) && (!i->memsize || !o->rm_acc))
		return false;
	return i->len >= 1 && i->len <= X86_INSN_MAX && i->op_off < i->len;
}

static void try(const u8 *b, enum x86_mode mode)
{
	struct x86_insn insn;
	u16 mnemonic;
	u32 bad = decode_compare(b, mode, &insn, &mnemonic);

	if (mnemonic && insn.info && !bad && !row_is_sane(&insn)) {
		printf("# row of %s makes no sense\n", x86_op_name(insn.info->op));
		point_failed++;
	}
	tried++;
	if (unlikely(bad)) {
		point_failed++;
		record(bad, mnemonic, b, mode, insn.op_off);
	}
}

static void point(const char *what, enum x86_mode mode)
{
	static const char *const modes[] = { "16-bit", "32-bit", "64-bit", "all modes" };

	printf("%sok %u - decode: %s, %s (%llu tried)\n", point_failed ? "not " : "", ++points,
	       what, modes[mode], (unsigned long long)tried);
	failures += point_failed != 0;
	point_failed = 0;
	tried = 0;
}

/* After modrm: a sib byte (base rBP without disp, index rSI), displacement and immediate. */
static const u8 tail[] = { 0xb5, 0x12, 0x84, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x11 };

static const struct {
	u8 len, b[4];
	u8 modes; /* a bit each */
} prefixes[] = {
	{ 0, { 0 }, 7 },	  { 1, { 0x66 }, 7 },	    { 1, { 0xf2 }, 7 },
	{ 1, { 0xf3 }, 7 },	  { 2, { 0x66, 0xf2 }, 7 }, { 2, { 0xf3, 0x66 }, 7 },
	{ 2, { 0xf2, 0xf3 }, 7 }, { 1, { 0xf0 }, 7 },	    { 2, { 0xf0, 0x66 }, 7 },
	{ 1, { 0x67 }, 7 },	  { 2, { 0x67, 0x66 }, 7 }, { 1, { 0x2e }, 7 },
	{ 1, { 0x65 }, 7 },	  { 1, { 0x48 }, 4 },	    { 1, { 0x40 }, 4 },
	{ 1, { 0x45 }, 4 },	  { 1, { 0x42 }, 4 },	    { 2, { 0x66, 0x48 }, 4 },
	{ 2, { 0xf2, 0x4f }, 4 }, { 2, { 0xf3, 0x49 }, 4 }, { 2, { 0x66, 0x41 }, 4 },
	{ 2, { 0x48, 0x66 }, 4 }, { 2, { 0x67, 0x41 }, 4 },
};

static void legacy_map(enum x86_mode mode, const u8 *escape, unsigned int escape_len)
{
	unsigned int p, op, modrm, n;
	u8 b[32];

	for (p = 0; p < ARRAY_SIZE(prefixes); p++) {
		if (!(prefixes[p].modes & BIT(mode)))
			continue;
		memcpy(b, prefixes[p].b, 4);
		n = prefixes[p].len;
		memcpy(b + n, escape, escape_len);
		n += escape_len;
		memcpy(b + n + 2, tail, sizeof(tail));
		for (op = 0; op < 256; op++) {
			b[n] = op;
			for (modrm = 0; modrm < 256; modrm += STEP) {
				b[n + 1] = modrm;
				try(b, mode);
			}
		}
	}
}

/* Every opcode with some modrm bytes, behind the @len bytes of VEX at @b. */
static void vex_opcodes(enum x86_mode mode, u8 *b, unsigned int len)
{
	static const u8 mod[] = { 0x00, 0x80, 0xc0 };
	static const u8 low[] = { 0, 4, 5 };
	unsigned int op, k;

	memcpy(b + len + 2, tail, sizeof(tail));
	for (op = 0; op < 256; op++) {
		b[len] = op;
		for (k = 0; k < 72; k += STEP) {
			b[len + 1] = mod[k / 24] | (k / 3 % 8) << 3 | low[k % 3];
			try(b, mode);
		}
	}
}

/* Under every last byte of VEX that differs, with all registers low or high, long and short. */
static void vex_map(enum x86_mode mode, u8 map)
{
	static const u8 vvvv[] = { 0x78, 0x00, 0x38 };
	unsigned int last, v;
	u8 b[32];

	for (last = 0; last < 16; last++) {
		for (v = 0; v < ARRAY_SIZE(vvvv); v++) {
			b[0] = 0xc4;
			b[2] = (last & 7) | vvvv[v] | (last & 8) << 4;
			b[1] = 0xe0 | map;
			vex_opcodes(mode, b, 3);
			if (mode == X86_MODE_64) {
				b[1] = map;
				vex_opcodes(mode, b, 3);
			}
			if (map != 1)
				continue;
			b[0] = 0xc5;
			b[1] = b[2] | (mode == X86_MODE_64 ? 0x80 : 0xc0);
			vex_opcodes(mode, b, 2);
		}
	}
}

static void random_bytes(u64 count)
{
	static const u8 likely_first[] = {
		0x0f, 0x0f, 0x66, 0xf2, 0xf3, 0x48, 0x4c, 0xc4,
		0xc5, 0xf0, 0x67, 0x2e, 0x64, 0x8f, 0x62, 0x41,
	};
	unsigned int k, n;
	u8 b[16];

	while (count--) {
		u64 r = next_random();
		u64 lo = next_random(), hi = next_random();

		memcpy(b, &lo, 8);
		memcpy(b + 8, &hi, 8);
		n = r & 3;
		for (k = 0; k < n; k++)
			b[k] = likely_first[r >> (8 + 4 * k) & 15];
		if (r >> 32 & 1 && b[n] == 0x0f)
			b[n + 1] = r >> 33 & 1 ? 0x38 : 0x3a;
		try(b, (r >> 40) % 3);
	}
}

/* All prefixes of a good instruction want more bytes, and the whole decodes alike. */
static void truncated(u64 count)
{
	struct x86_insn whole, part;
	unsigned int n;
	u8 b[16];
	int r;

	while (count--) {
		u64 lo = next_random(), hi = next_random();
		enum x86_mode mode = (lo >> 20) % 3;

		memcpy(b, &lo, 8);
		memcpy(b + 8, &hi, 8);
		if (hi & 1)
			b[0] = 0x0f;
		if (x86_decode(&whole, b, X86_INSN_MAX, mode))
			continue;
		tried++;
		for (n = 0; n <= whole.len && n < X86_INSN_MAX; n++) {
			r = x86_decode(&part, b, n, mode);
			if (r != (n < whole.len ? -EAGAIN : 0))
				point_failed++;
		}
		memset(whole.bytes + whole.len, 0, X86_INSN_MAX - whole.len);
		if (whole.len < X86_INSN_MAX && memcmp(&whole, &part, sizeof(whole)))
			point_failed++;
	}
}

/* Text ends where it is told to, and says the same in any length. */
static void texts(u64 count)
{
	struct x86_insn insn;
	char whole[256], part[256];
	unsigned int size;
	u8 b[16];
	int len;

	while (count--) {
		u64 lo = next_random(), hi = next_random();

		memcpy(b, &lo, 8);
		memcpy(b + 8, &hi, 8);
		x86_decode(&insn, b, X86_INSN_MAX, (hi >> 20) % 3);
		tried++;
		len = x86_format(whole, sizeof(whole), &insn, hi);
		size = hi % 40 + 1;
		memset(part, 0x7f, sizeof(part));
		if (len < 2 || len >= 100 || (int)strlen(whole) != len ||
		    x86_format(part, size, &insn, hi) != len || part[size] != 0x7f ||
		    strlen(part) != min((size_t)len, (size_t)size - 1) ||
		    strncmp(whole, part, strlen(part)))
			point_failed++;
	}
}

/* Prefixes up to the limit of 15 bytes. */
static void long_instructions(void)
{
	struct x86_insn insn;
	unsigned int n;
	u8 b[32];

	for (n = 0; n < 20; n++) {
		memset(b, 0x66, sizeof(b));
		b[n] = 0x90;
		tried++;
		if (x86_decode(&insn, b, X86_INSN_MAX, X86_MODE_64) != (n < 15 ? 0 : -E2BIG) ||
		    (n < 15 && insn.len != n + 1))
			point_failed++;
		b[n] = 0x05; /* add eax, imm16 */
		if (x86_decode(&insn, b, X86_INSN_MAX, X86_MODE_64) != (n < 13 ? 0 : -E2BIG) && n)
			point_failed++;
	}
}

static void print_diffs(void)
{
	static const char *const modes[] = { "16", "32", "64" };
	char text[96];
	unsigned int k, j;

	for (k = 0; k < diff_count; k++) {
		const struct diff *d = &diffs[k];
		struct x86_insn insn;
		int r = x86_decode(&insn, d->bytes, X86_INSN_MAX, d->mode);

		strcpy(text, "#UD");
		if (!r)
			snprintf(text, sizeof(text), "%s", x86_op_name(insn.info->op));
		printf("# %s, %s-bit: Zydis %s, here %s, %llu times, as in", field_names[d->field],
		       modes[d->mode], d->mnemonic ? ZydisMnemonicGetString(d->mnemonic) : "#UD",
		       text, (unsigned long long)d->count);
		for (j = 0; j < X86_INSN_MAX; j++)
			printf(" %02x", d->bytes[j]);
		putchar('\n');
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void print_speed(void)
{
	static u8 b[4096 + 16];
	struct x86_insn insn;
	unsigned int k, n = 0, good = 0;
	double start;

	for (k = 0; k < sizeof(b); k++)
		b[k] = next_random() & 1 ? 0x8b : next_random();
	start = now();
	for (k = 0; k < 200; k++)
		for (unsigned int p = 0; p < 4096; n++) {
			good += !x86_decode(&insn, b + p, X86_INSN_MAX, X86_MODE_64);
			p += insn.len ? insn.len : 1;
		}
	printf("# %.0f ns for an instruction (%u)\n", (now() - start) * 1e9 / n, good);
}

int main(int argc, char **argv)
{
	static const u8 escapes[][2] = { { 0 }, { 0x0f }, { 0x0f, 0x38 }, { 0x0f, 0x3a } };
	static const char *const names[] = { "one-byte opcodes", "0F", "0F 38", "0F 3A" };
	static const char *const vex[] = { "VEX 0F", "VEX 0F 38", "VEX 0F 3A" };
	u64 count = RANDOM_DEFAULT, seed = now() * 1e6;
	unsigned int mode, map;
	int c;

	while ((c = getopt(argc, argv, "s:n:")) != -1) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 'n')
			count = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	rng = seed ? seed : 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed %llu\n", (unsigned long long)seed);
	decode_zydis_init();
	for (mode = X86_MODE_16; mode <= X86_MODE_64; mode++) {
		for (map = 0; map < 4; map++) {
			legacy_map(mode, escapes[map], map < 2 ? map : 2);
			point(names[map], mode);
		}
		for (map = 1; map < 4; map++) {
			vex_map(mode, map);
			point(vex[map - 1], mode);
		}
	}
	random_bytes(count);
	point("random bytes", 3);
	truncated(count / 10);
	point("cut short", 3);
	texts(count / 10);
	point("text", 3);
	long_instructions();
	point("fifteen bytes", 3);
	print_diffs();
	print_speed();
	printf("1..%u\n", points);
	return failures != 0;
}
