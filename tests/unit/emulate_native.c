/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processor as the emulator's oracle. Random integer instructions and
 * vector moves run in both with the same random registers, flags and memory;
 * what is defined of the outcome must be equal.
 *
 * The native side is a stub that loads all sixteen registers and the flags,
 * falls into the very bytes under test, and stores everything again, all by
 * absolute addresses below 2 GB, because no register is left over.
 *
 *   emulate_native [COUNT [SEED]]
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "x86/emulate/emulate.h"
#include "x86/xsave.h"

#define BUF_SIZE 4096u
#define BUF_MID 2048u

struct native {
	u64 in[16], out[16];
	u64 flags_in, flags_out;
	u64 host_rsp;
	u32 far_off;		/* the far pointer to 32-bit code */
	u16 far_sel;
	struct x86_xsave fpu_in __attribute__((aligned(64)));
	struct x86_xsave fpu_out __attribute__((aligned(64)));
};

#define USER32_CS 0x23		/* as Linux has them on x86-64 */
#define USER_CS 0x33
#define USER_DS 0x2b

static bool have_avx, have_sse4a;
static struct native *nat;	/* all three in the low 2 GB */
static u8 *code, *buf;
static u8 shadow[BUF_SIZE], before[BUF_SIZE];
static sigjmp_buf trap_out;
static u64 rng;

static u64 rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1dull;
}

/* Values at the edges as often as any others. */
static u64 rnd_value(void)
{
	static const u64 edge[] = { 0, 1, ~0ull, 0x80, 0x7f, 0x8000, 0x7fff, 0x80000000, 0x7fffffff,
				    1ull << 63, (1ull << 63) - 1, 0xff, 0xffff, 0xffffffff };

	if (rnd() & 1)
		return rnd();
	return edge[rnd() % ARRAY_SIZE(edge)] ^ (rnd() & 1 ? 0 : rnd() << (rnd() & 63));
}

/* ---- the stub ---- */

static u8 *emit(u8 *p, const void *bytes, unsigned int n)
{
	memcpy(p, bytes, n);
	return p + n;
}

/* mov reg, [abs32] (8B) or mov [abs32], reg (89) */
static u8 *emit_mov_abs(u8 *p, u8 op, unsigned int reg, void *addr)
{
	u32 a = (u32)(uintptr_t)addr;

	*p++ = 0x48 | (reg >> 3) << 2;
	*p++ = op;
	*p++ = (reg & 7) << 3 | 4;
	*p++ = 0x25;
	return emit(p, &a, 4);
}

static u8 *emit_stack_abs(u8 *p, u8 op, u8 modrm, void *addr)
{
	u32 a = (u32)(uintptr_t)addr;

	*p++ = op;
	*p++ = modrm;
	*p++ = 0x25;
	return emit(p, &a, 4);
}

/* mov reg, [disp32] and back, in 32-bit code */
static u8 *emit_mov_abs32(u8 *p, u8 op, unsigned int reg, void *addr)
{
	u32 a = (u32)(uintptr_t)addr;

	*p++ = op;
	*p++ = reg << 3 | 5;
	return emit(p, &a, 4);
}

static u8 *emit_insn64(u8 *p, const u8 *insn, unsigned int len)
{
	unsigned int n;

	for (n = 0; n < 16; n++)
		p = emit_mov_abs(p, 0x8b, n, &nat->in[n]);
	p = emit(p, insn, len);
	for (n = 0; n < 16; n++)
		p = emit_mov_abs(p, 0x89, n, &nat->out[n]);
	return p;
}

/* Over to compatibility mode by a far jump, and back by another. */
static u8 *emit_insn32(u8 *p, const u8 *insn, unsigned int len)
{
	unsigned int n;
	u32 back;

	p = emit_stack_abs(p, 0xff, 0x2c, &nat->far_off);	/* jmp far m16:32 */
	nat->far_off = (u32)(uintptr_t)p;
	nat->far_sel = USER32_CS;
	for (n = 0; n < 8; n++)
		p = emit_mov_abs32(p, 0x8b, n, &nat->in[n]);
	p = emit(p, insn, len);
	for (n = 0; n < 8; n++)
		p = emit_mov_abs32(p, 0x89, n, &nat->out[n]);
	*p++ = 0xea;
	back = (u32)(uintptr_t)p + 6;
	p = emit(p, &back, 4);
	return emit(p, &(const u16){ USER_CS }, 2);
}

/* mov eax, 7; mov edx, 0; xrstor64 (reg 5) or xsave64 (reg 4) [abs32] */
static u8 *emit_xsave(u8 *p, u8 reg, void *addr)
{
	static const u8 all[] = { 0xb8, 7, 0, 0, 0, 0xba, 0, 0, 0, 0, 0x48, 0x0f };

	p = emit(p, all, sizeof(all));
	return emit_stack_abs(p, 0xae, reg << 3 | 4, addr);
}

static void build_stub(const u8 *insn, unsigned int len, enum x86_mode mode, bool vector)
{
	static const u8 saves[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57 };
	static const u8 restores[] = { 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b };
	u8 *p = code;

	p = emit(p, saves, sizeof(saves));
	p = emit_mov_abs(p, 0x89, X86_RSP, &nat->host_rsp);
	p = emit_stack_abs(p, 0xff, 0x34, &nat->flags_in);	/* push m */
	*p++ = 0x9d;						/* popf */
	if (vector)
		p = emit_xsave(p, 5, &nat->fpu_in);
	p = mode == X86_MODE_64 ? emit_insn64(p, insn, len) : emit_insn32(p, insn, len);
	if (vector)
		p = emit_xsave(p, 4, &nat->fpu_out);
	p = emit_mov_abs(p, 0x8b, X86_RSP, &nat->host_rsp);
	*p++ = 0x9c;						/* pushf */
	p = emit_stack_abs(p, 0x8f, 0x04, &nat->flags_out);	/* pop m */
	*p++ = 0xfc;						/* cld */
	p = emit(p, restores, sizeof(restores));
	*p++ = 0xc3;
}

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	siglongjmp(trap_out, sig);
}

/* 0, or the signal that ended it. */
static int run_native(void)
{
	int sig = sigsetjmp(trap_out, 1);

	if (!sig)
		((void (*)(void))code)();
	asm volatile("cld; fninit; ldmxcsr %0" : : "m"((const u32){ 0x1f80 }));
	return sig;
}

/* ---- the emulator's memory: a copy of the buffer ---- */

static int mem_fault(struct x86_emu *e, u64 lin)
{
	e->exc = (struct x86_exception){ .vector = X86_EXC_PF, .cr2 = lin };
	return X86_EMU_FAULT;
}

static u8 *mem_at(u64 lin, unsigned int size)
{
	u64 off = lin - (u64)(uintptr_t)buf;

	return off < BUF_SIZE && off + size <= BUF_SIZE ? shadow + off : NULL;
}

static int nat_read(struct x86_emu *e, u64 lin, void *val, unsigned int size, unsigned int acc)
{
	u8 *p = mem_at(lin, size);

	if (!p)
		return mem_fault(e, lin);
	memcpy(val, p, size);
	return X86_EMU_OK;
}

static int nat_write(struct x86_emu *e, u64 lin, const void *val, unsigned int size,
		     unsigned int acc)
{
	u8 *p = mem_at(lin, size);

	if (!p)
		return mem_fault(e, lin);
	memcpy(p, val, size);
	return X86_EMU_OK;
}

static int nat_cmpxchg(struct x86_emu *e, u64 lin, void *old, const void *val, unsigned int size,
		       bool *done)
{
	u8 *p = mem_at(lin, size);

	if (!p)
		return mem_fault(e, lin);
	*done = !memcmp(p, old, size);
	if (*done)
		memcpy(p, val, size);
	else
		memcpy(old, p, size);
	return X86_EMU_OK;
}

static int nat_probe(struct x86_emu *e, u64 lin, unsigned int size, unsigned int acc)
{
	return mem_at(lin, size) ? X86_EMU_OK : mem_fault(e, lin);
}

static u32 fpu_writes;

static struct x86_xsave *nat_fpu(struct x86_emu *e)
{
	return (struct x86_xsave *)e->cpu->xsave;
}

static void nat_fpu_written(struct x86_emu *e)
{
	fpu_writes++;
}

static const struct x86_emu_ops nat_ops = {
	.read = nat_read,
	.write = nat_write,
	.cmpxchg = nat_cmpxchg,
	.probe = nat_probe,
	.fpu = nat_fpu,
	.fpu_written = nat_fpu_written,
};

/* ---- choosing an instruction ---- */

/* What the host may lack, or must not run here. */
static bool op_allowed(u16 op)
{
	switch (op) {
	case X86_OP_RDRAND:
	case X86_OP_RDSEED:
	case X86_OP_ENDBR:
	case X86_OP_CLDEMOTE:
	case X86_OP_CLWB:
	case X86_OP_CLFLUSHOPT:
	case X86_OP_XSAVE ... X86_OP_XRSTORS:
		return false;
	case X86_OP_LZCNT:
	case X86_OP_TZCNT:
		return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("lzcnt");
	case X86_OP_ANDN ... X86_OP_BLSR:
		return __builtin_cpu_supports("bmi");
	case X86_OP_BZHI ... X86_OP_SHRX:
		return __builtin_cpu_supports("bmi2");
	case X86_OP_POPCNT:
		return __builtin_cpu_supports("popcnt");
	case X86_OP_CRC32:
		return __builtin_cpu_supports("sse4.2");
	case X86_OP_MOVBE:
	case X86_OP_ADCX:
	case X86_OP_ADOX:
		return __builtin_cpu_supports("bmi2");	/* of the same generation or later */
	}
	return true;
}

/* Those of core/x86/emulate/vector.c, by the opcodes that only moves have. */
static bool vector_move(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;
	bool vex = i->prefix & X86_P_VEX;

	if (!have_avx || o->unit == X86_U_GPR || o->unit == X86_U_X87)
		return false;
	if (i->map == X86_MAP_0F38)
		return i->opcode == 0x2a;
	if (i->map != X86_MAP_0F || ((o->op == X86_OP_MOVNTSS || o->op == X86_OP_MOVNTSD) && !have_sse4a))
		return false;
	switch (i->opcode) {
	case 0x12:
	case 0x16:
		return i->pp < 2;	/* not MOVSLDUP, MOVSHDUP, MOVDDUP */
	case 0xd6:
		return i->pp == 1;	/* not MOVQ2DQ, MOVDQ2Q */
	case 0x10:
	case 0x11:
	case 0x13:
	case 0x17:
	case 0x28:
	case 0x29:
	case 0x2b:
	case 0x6e:
	case 0x6f:
	case 0x7e:
	case 0x7f:
	case 0xe7:
		return true;
	case 0xf0:
		return i->pp == 3 || vex;
	}
	return false;
}

static bool insn_usable(const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;

	if (vector_move(i))
		return !(i->prefix & X86_P_SEG) && i->base != X86_REG_RIP;
	if (o->unit != X86_U_GPR || !op_allowed(o->op) || (o->attr & X86_T_CPL0))
		return false;
	if ((i->prefix & X86_P_SEG) || i->base == X86_REG_RIP)
		return false;
	/* 0F 0D with a register is #UD for one vendor and nothing for the other. */
	if (o->op == X86_OP_NOP && i->map == X86_MAP_0F && !i->is_mem)
		return false;
	switch (o->kind) {
	case X86_K_NATIVE:
	case X86_K_NATIVE_DE:
	case X86_K_STACK:
	case X86_K_STRING:
		return true;
	case X86_K_SPECIAL:
		return o->op == X86_OP_PUSHF || o->op == X86_OP_CLD || o->op == X86_OP_STD ||
		       o->op == X86_OP_XLAT || o->op == X86_OP_CLFLUSH ||
		       (o->op >= X86_OP_DAA && o->op <= X86_OP_SALC) ||
		       o->op == X86_OP_BOUND;
	}
	return false;
}

/* A vector move, or its neighbour, without and with VEX. */
static unsigned int random_move(u8 *b, enum x86_mode mode)
{
	static const u8 prefix[] = { 0x66, 0xf2, 0xf3 };
	static const u8 ops[] = { 0x10, 0x11, 0x12, 0x13, 0x16, 0x17, 0x28, 0x29, 0x2b, 0x6e,
				  0x6f, 0x7e, 0x7f, 0xd6, 0xe7, 0xf0, 0x2a };
	u8 op = ops[rnd() % ARRAY_SIZE(ops)], high = mode == X86_MODE_64 ? 0 : 0xc0;
	u8 unused = rnd() % 4 ? 0x78 : 0;	/* vvvv of those that have no use for it */
	unsigned int n = 0;

	if (!(rnd() & 1)) {
		if (rnd() % 4)
			b[n++] = prefix[rnd() % ARRAY_SIZE(prefix)];
		if (mode == X86_MODE_64 && (rnd() & 1))
			b[n++] = 0x40 | (rnd() & 15);
		b[n++] = 0x0f;
		if (op == 0x2a)
			b[n++] = 0x38;
	} else if (op != 0x2a && (rnd() & 1)) {
		b[n++] = 0xc5;
		b[n++] = (rnd() & 0xff) | high | unused;
	} else {
		b[n++] = 0xc4;
		b[n++] = (rnd() & 0xe0) | high | (op == 0x2a ? 2 : 1);
		b[n++] = rnd() | unused;
	}
	b[n++] = op;
	return n;
}

static void random_bytes(u8 *b, enum x86_mode mode)
{
	static const u8 prefix[] = { 0x66, 0x66, 0x67, 0xf2, 0xf3, 0xf0 };
	unsigned int n = 0, k;

	if (rnd() % 8 == 0) {
		for (n = random_move(b, mode), k = 0; k < 12; k++)
			b[n++] = rnd();
		return;
	}
	while (n < 3 && !(rnd() & 1))
		b[n++] = prefix[rnd() % ARRAY_SIZE(prefix)];
	k = rnd() % 8;
	if (k == 7) {			/* VEX map 2 or 3: BMI */
		b[n++] = 0xc4;
		b[n++] = (rnd() & 0xe0) | (mode == X86_MODE_64 ? 0 : 0xc0) | (rnd() % 4 ? 2 : 3);
		b[n++] = (rnd() & 0xf8) | (rnd() & 3);
		b[n++] = 0xf0 + rnd() % 8;
	} else {
		if (mode == X86_MODE_64 && (rnd() & 1))
			b[n++] = 0x40 | (rnd() & 15);
		if (k >= 4)
			b[n++] = 0x0f;
		if (k == 6) {
			b[n++] = 0x38;
			b[n++] = 0xf0 + rnd() % 8;
		}
	}
	for (k = 0; k < 15; k++)
		b[n++] = rnd();
}

/* The effective address that the registers give now. */
static u64 ea_of(const struct x86_insn *i, const u64 *gpr)
{
	u64 a = i->disp64;

	if (i->base < 16)
		a += gpr[i->base];
	if (i->index < 16)
		a += gpr[i->index] << i->scale;
	return i->addrsize == 8 ? a : i->addrsize == 4 ? (u32)a : (u16)a;
}

static bool implicit_reg(const struct x86_insn *i, unsigned int n)
{
	return ((i->info->gpr_r | i->info->gpr_w) >> n) & 1;
}

/* Bend the registers so that every access lands in the buffer. False: not this one. */
static bool place_operands(const struct x86_insn *i, u64 *gpr)
{
	const struct x86_opcode *o = i->info;
	u64 mid = (u64)(uintptr_t)buf + BUF_MID;
	bool string = o->kind == X86_K_STRING, aligned;

	if (i->addrsize == 2 && (string || o->op == X86_OP_XLAT ||
				 (i->is_mem && !(o->attr & X86_T_NOMEM))))
		return false;		/* the buffer is above 64 KB */
	if (string) {
		gpr[X86_RSI] = mid + rnd() % 64;
		gpr[X86_RDI] = mid + rnd() % 64;
		if (rnd() & 1 && (i->prefix & (X86_P_F2 | X86_P_F3)))
			gpr[X86_RCX] = rnd() % 9;
		else
			gpr[X86_RCX] = rnd() % 60;
		return true;
	}
	if (o->op == X86_OP_XLAT) {
		gpr[X86_RBX] = mid;
		return true;
	}
	if (o->kind == X86_K_STACK || o->op == X86_OP_PUSHF) {
		gpr[X86_RSP] = mid + (rnd() % 64) * 8;
		gpr[X86_RBP] = mid + (rnd() % 64) * 8;
		if (o->op == X86_OP_ENTER && ((i->imm & 0xffff) > 512 || i->opsize == 2))
			return false;
	}
	if (!i->is_mem || (o->attr & X86_T_NOMEM))
		return true;
	if (i->base >= 16 || i->base == i->index || i->base == X86_RSP)
		return false;
	if (implicit_reg(i, i->base) && (o->kind == X86_K_STACK))
		return false;
	if ((o->attr & X86_T_BITSTR) && !o->imm) {
		if (i->reg == i->base)
			return false;
		gpr[i->reg] = (s64)(rnd() % 2048) - 1024;
		if (i->mode != X86_MODE_64)
			gpr[i->reg] = (u32)gpr[i->reg];
	}
	aligned = o->op == X86_OP_CMPXCHG16B ||
		  ((o->attr & (X86_T_ALIGN16 | X86_T_ALIGN)) && (rnd() & 3));
	gpr[i->base] += mid + (aligned ? 0 : rnd() % 16) - ea_of(i, gpr);
	if (i->mode != X86_MODE_64)
		gpr[i->base] = (u32)gpr[i->base];
	return (ea_of(i, gpr) - (u64)(uintptr_t)buf) < BUF_SIZE;
}

/* ---- one comparison ---- */

static unsigned long compared, trapped, by_op[X86_OP_COUNT];

static void show(const struct x86_insn *i, const struct x86_cpu *c)
{
	unsigned int n;

	printf("# %s", x86_op_name(i->info->op));
	for (n = 0; n < i->len; n++)
		printf(" %02x", i->bytes[n]);
	printf("\n");
	for (n = 0; n < 16; n++)
		if (nat->out[n] != c->gpr[n])
			printf("#  r%u: in %016llx cpu %016llx emulator %016llx\n", n,
			       (unsigned long long)nat->in[n], (unsigned long long)nat->out[n],
			       (unsigned long long)c->gpr[n]);
	for (n = 0; n < 16; n++)
		printf("#  %u=%llx", n, (unsigned long long)nat->in[n]);
	printf("\n#  flags in %llx cpu %llx emulator %llx undefined %x\n",
	       (unsigned long long)nat->flags_in, (unsigned long long)nat->flags_out,
	       (unsigned long long)c->rflags, i->info->flags_u);
	for (n = 0; n < BUF_SIZE; n++)
		if (shadow[n] != buf[n]) {
			printf("#  memory at %u: cpu %02x emulator %02x\n", n, buf[n], shadow[n]);
			break;
		}
}

/* Results that the manuals leave undefined as a whole. */
static bool undefined_result(const struct x86_insn *i, const u64 *in)
{
	u64 n = i->info->imm ? i->imm : in[X86_RCX];

	if (i->info->op == X86_OP_SHLD || i->info->op == X86_OP_SHRD)
		return (n & 0x1f) > i->opsize * 8u && i->opsize < 8;
	return i->info->op == X86_OP_BSWAP && i->opsize == 2;
}

/* Registers, in whatever state some were initial; the pointers of the x87 aside. */
static bool same_fpu(struct x86_cpu *c)
{
	struct x86_xsave *a = (struct x86_xsave *)c->xsave, *b = &nat->fpu_out;
	unsigned int n;

	x86_xsave_spell_out(a, 7);
	x86_xsave_spell_out(b, 7);
	for (n = 0; n < 8; n++)
		if (memcmp(a->fx.st[n], b->fx.st[n], 10))
			return false;
	return !memcmp(a->fx.xmm, b->fx.xmm, sizeof(a->fx.xmm)) &&
	       !memcmp(a->ymmh, b->ymmh, sizeof(a->ymmh)) && a->fx.fsw == b->fx.fsw &&
	       a->fx.ftw == b->fx.ftw;
}

static void random_fpu(struct x86_xsave *x)
{
	unsigned int n;

	for (n = 0; n < sizeof(*x) / 8; n++)
		((u64 *)x)[n] = rnd();
	x->fx.fcw = X86_FCW_RESET;
	x->fx.fsw = (rnd() & 7) << X86_FSW_TOP_SHIFT;
	x->fx.mxcsr = 0x1f80;
	x->xstate_bv = rnd() & 1 ? 7 : rnd() & 7;
	memset((u8 *)x + 520, 0, 56);
}

static bool compare(struct x86_emu *e, int r, int sig, u64 start_flags)
{
	const struct x86_insn *i = &e->insn;
	struct x86_cpu *c = e->cpu;
	u64 mask = X86_ARITH | X86_DF;
	u16 undef = i->info->flags_u;

	if (sig) {
		trapped++;
		if (sig == SIGILL)
			return r == X86_EMU_FAULT && e->exc.vector == X86_EXC_UD;
		if (sig != SIGFPE)
			return r == X86_EMU_FAULT;
		return r == X86_EMU_FAULT && e->exc.vector == X86_EXC_DE &&
		       !memcmp(c->gpr, nat->in, sizeof(nat->in)) && c->rflags == start_flags &&
		       !memcmp(shadow, before, BUF_SIZE);
	}
	if (r != X86_EMU_OK)
		return false;
	if (vector_move(i) && !same_fpu(c))
		return false;
	if (i->info->op == X86_OP_BSF || i->info->op == X86_OP_BSR)
		undef = X86_ARITH & ~X86_ZF;
	return !memcmp(c->gpr, nat->out, sizeof(nat->out)) &&
	       !((c->rflags ^ nat->flags_out) & mask & ~undef) &&
	       !memcmp(shadow, buf, BUF_SIZE);
}

static void setup_cpu(struct x86_cpu *c, enum x86_mode mode)
{
	u16 cs = mode == X86_MODE_64 ? 0xa0fb : 0xc0fb;
	unsigned int n;

	memcpy(c->gpr, nat->in, sizeof(c->gpr));
	c->rflags = nat->flags_in;
	c->rip = (u64)(uintptr_t)code;
	for (n = X86_ES; n <= X86_GS; n++)
		c->seg[n] = (struct x86_segment){ .ar = n == X86_CS ? cs : 0xc0f3, .limit = ~0u };
}

static bool one(enum x86_mode mode)
{
	struct x86_cpu c = { .cr0 = X86_CR0_PE | X86_CR0_PG, .xcr0 = 7,
			     .cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXSAVE,
			     .efer = X86_EFER_LMA | X86_EFER_LME, .linear_bits = 48 };
	struct x86_emu e = { .cpu = &c, .ops = &nat_ops };
	u8 bytes[40];
	unsigned int n;
	u64 start_flags;
	bool vector;
	int sig, r;

	random_bytes(bytes, mode);
	if (x86_decode(&e.insn, bytes, X86_INSN_MAX, mode) || !insn_usable(&e.insn))
		return true;
	for (n = 0; n < 16; n++)
		nat->in[n] = mode == X86_MODE_64 ? rnd_value() : n < 8 ? (u32)rnd_value() : 0;
	if (!place_operands(&e.insn, nat->in) || undefined_result(&e.insn, nat->in))
		return true;
	for (n = 0; n < BUF_SIZE; n += 8) {
		u64 v = rnd_value();

		memcpy(before + n, &v, 8);
	}
	nat->flags_in = (rnd() & X86_ARITH) | (rnd() & 1 ? X86_DF : 0) | X86_IF | BIT(1);
	memcpy(buf, before, BUF_SIZE);
	memcpy(shadow, before, BUF_SIZE);
	memcpy(nat->out, nat->in, sizeof(nat->out));
	setup_cpu(&c, mode);
	start_flags = c.rflags;
	vector = vector_move(&e.insn);
	if (vector) {
		random_fpu(&nat->fpu_in);
		memcpy(c.xsave, &nat->fpu_in, sizeof(nat->fpu_in));
	}

	build_stub(bytes, e.insn.len, mode, vector);
	sig = run_native();
	r = x86_emulate(&e);
	compared++;
	by_op[e.insn.info->op]++;
	/* The flags that pushf stored hold what the host program's thread has of IOPL and ID. */
	if (compare(&e, r, sig, start_flags))
		return true;
	show(&e.insn, &c);
	printf("#  signal %d, emulator %d vector %u\n", sig, r, e.exc.vector);
	return false;
}

/* Can this process jump to 32-bit code at all? */
static bool have_compat(void)
{
	nat->flags_in = 2;
	build_stub((const u8[]){ 0x90 }, 1, X86_MODE_32, false);
	asm volatile("movl %0, %%ds; movl %0, %%es" : : "r"(USER_DS));
	return !run_native();
}

static unsigned long tries(unsigned long count, enum x86_mode mode)
{
	unsigned long n, bad = 0;

	memset(by_op, 0, sizeof(by_op));
	compared = trapped = 0;
	for (n = 0; n < count && bad < 20; n++)
		if (!one(mode))
			bad++;
	printf("# %lu compared, %lu trapped; operations:", compared, trapped);
	for (n = 0; n < X86_OP_COUNT; n++)
		if (by_op[n])
			printf(" %s", x86_op_name(n));
	printf("\n");
	return bad;
}

static void *map_low(size_t n, int prot)
{
	void *p = mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (p == MAP_FAILED) {
		printf("1..0 # SKIP no memory below 2 GB\n");
		exit(77);
	}
	return p;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 400000, n, bad;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL);
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t ss = { .ss_size = 1 << 16, .ss_sp = malloc(1 << 16) };
	static const int sigs[] = { SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGTRAP };

	code = map_low(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	nat = map_low(4096, PROT_READ | PROT_WRITE);
	buf = map_low(3 * BUF_SIZE, PROT_NONE);
	buf = (u8 *)buf + BUF_SIZE;
	mprotect(buf, BUF_SIZE, PROT_READ | PROT_WRITE);
	sigaltstack(&ss, NULL);
	for (n = 0; n < ARRAY_SIZE(sigs); n++)
		sigaction(sigs[n], &sa, NULL);
	have_avx = __builtin_cpu_supports("avx");
	have_sse4a = __builtin_cpu_supports("sse4a");
	rng = seed * 2 + 1;
	printf("1..2\n# seed %llu, %lu tries\n", (unsigned long long)seed, count);
	bad = tries(count, X86_MODE_64);
	printf("%sok 1 - 64-bit code as on the processor\n", bad ? "not " : "");
	if (!have_compat()) {
		printf("ok 2 - 32-bit code # SKIP no 32-bit code segment here\n");
		return bad != 0;
	}
	n = tries(count, X86_MODE_32);
	printf("%sok 2 - 32-bit code as on the processor\n", n ? "not " : "");
	return bad || n;
}
