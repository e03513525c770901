// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The guest's x87, SSE and AVX state: in the processor while its code runs, in
 * vcpu->cpu.xsave (standard format of XSAVE) otherwise.
 *
 * Instructions that move that state as a whole (FXSAVE, XSAVE, FNSTENV and
 * kin) are done here on the image in memory, by the guest's rules for XCR0,
 * alignment and headers (SDM vol. 1, chapter 13; vol. 1, 8.1). Instruction and
 * data pointers of the x87 read as zero, since they would name our code.
 */
#include "run.h"
#include "x86/xsave.h"

#define XSTATE_X87 1ull
#define XSTATE_SSE 2ull
#define XSTATE_AVX 4ull
#define XSTATE_ALL 7ull
#define XCOMP_COMPACT BIT_ULL(63)

#define OFF_MXCSR 24
#define OFF_MXCSR_MASK 28
#define OFF_ST 32
#define OFF_XMM 160
#define OFF_HEADER 512
#define OFF_YMM 576
#define HEADER_SIZE 64
#define MXCSR_INIT 0x1f80u

static u64 host_mask;		/* components that XSAVE moves; 0: FXSAVE only */
static u32 mxcsr_mask = 0xffbf;

static u64 read_xcr0(void)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (u64)hi << 32;
}

int bt_fpu_init(void)
{
	static u8 image[512] __attribute__((aligned(64)));
	u32 r[4], mask;

	plat_cpuid(1, 0, r);
	if (r[2] & BIT(27))
		host_mask = read_xcr0() & XSTATE_ALL;
	__asm__ volatile("fxsave64 %0" : "=m"(image));
	memcpy(&mask, image + OFF_MXCSR_MASK, 4);
	if (mask)
		mxcsr_mask = mask;
	return 0;
}

static u64 *header(struct vcpu *v)
{
	return (u64 *)(v->cpu.xsave + OFF_HEADER);
}

void bt_fpu_load(struct bt_ctx *x)
{
	struct vcpu *v = x->vcpu;
	u32 *mxcsr = (u32 *)(v->cpu.xsave + OFF_MXCSR);
	u64 *h = header(v);

	*mxcsr &= mxcsr_mask;
	if (host_mask) {
		h[0] &= host_mask;
		memset(h + 1, 0, HEADER_SIZE - 8);
		__asm__ volatile("xrstor64 %0" : : "m"(v->cpu.xsave), "a"((u32)host_mask), "d"(0));
	} else {
		__asm__ volatile("fxrstor64 %0" : : "m"(v->cpu.xsave));
	}
	x->fpu_live = true;
}

/* The image is as the registers, which stay where they are. */
static void store_image(struct vcpu *v)
{
	if (host_mask) {
		__asm__ volatile("xsave64 %0" : "+m"(v->cpu.xsave) : "a"((u32)host_mask), "d"(0));
	} else {
		__asm__ volatile("fxsave64 %0" : "=m"(v->cpu.xsave));
		header(v)[0] = XSTATE_X87 | XSTATE_SSE;
	}
}

void bt_fpu_save(struct bt_ctx *x)
{
	store_image(x->vcpu);
	__asm__ volatile("ldmxcsr %0" : : "m"(x->tlb2->host_mxcsr));
	x->fpu_live = false;
}

void bt_fpu_host_enter(struct bt_ctx *x)
{
	__asm__ volatile("stmxcsr %0" : "=m"(x->tlb2->host_mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(x->tlb2->host_fcw));
	x->fpu_live = false;
}

void bt_fpu_host_leave(struct bt_ctx *x)
{
	bt_fpu_release(x);
	if (host_mask & XSTATE_AVX)
		__asm__ volatile("vzeroupper");
	__asm__ volatile("fninit");
	__asm__ volatile("fldcw %0" : : "m"(x->tlb2->host_fcw));
}

u8 *bt_xsave_legacy(struct vcpu *v, u64 components)
{
	x86_xsave_spell_out((struct x86_xsave *)v->cpu.xsave, components);
	return v->cpu.xsave;
}

/* ---- guest memory ---- */

u64 bt_effective(const struct x86_cpu *c, const struct x86_insn *i)
{
	u64 a = (s64)i->disp;

	if (i->base == X86_REG_RIP)
		a += c->rip + i->len;
	else if (i->base != X86_REG_NONE)
		a += c->gpr[i->base & 15];
	if (i->index != X86_REG_NONE && !(i->info->attr & X86_T_VSIB))
		a += c->gpr[i->index & 15] << i->scale;
	return i->addrsize == 8 ? a : i->addrsize == 4 ? (u32)a : (u16)a;
}

/* All of it or nothing: rights are checked before the first byte moves. */
int bt_guest_copy(struct bt_ctx *x, u64 off, void *buf, u32 len, bool write)
{
	struct x86_emu *e = &x->vcpu->emu;
	u32 acc = write ? X86_ACC_WRITE : 0;
	u64 lin;
	int r = x86_linearize(e, e->insn.seg, off, len, acc, &lin);

	if (r == X86_EMU_OK)
		r = e->ops->probe(e, lin, len, acc);
	for (; r == X86_EMU_OK && len; ) {
		u32 n = min((u64)len, PAGE_SIZE - (lin & ~PAGE_MASK));

		/* Only what one access may have goes to a device; the TLB has whole pages. */
		if (!bt_tlb_hit(x, lin, n, bt_data_mmu(&x->vcpu->cpu), write))
			n = min(n, 16u);
		r = write ? e->ops->write(e, lin, buf, n, 0) : e->ops->read(e, lin, buf, n, 0);
		lin += n;
		buf = (u8 *)buf + n;
		len -= n;
	}
	return r;
}

static int gp(struct bt_ctx *x)
{
	return x86_fault_err(&x->vcpu->emu, X86_EXC_GP, 0);
}

/* ---- FXSAVE, FXRSTOR ---- */

static u32 xmm_bytes(const struct bt_ctx *x)
{
	return x86_64bit(&x->vcpu->cpu) ? 256 : 128;
}

static int fxsave(struct bt_ctx *x, u64 off)
{
	u8 buf[OFF_XMM + 256];
	u32 n = OFF_XMM + xmm_bytes(x);

	if (off & 15)
		return gp(x);
	memcpy(buf, bt_xsave_legacy(x->vcpu, XSTATE_X87 | XSTATE_SSE), n);
	memset(buf + 8, 0, 16);
	memcpy(buf + OFF_MXCSR_MASK, &mxcsr_mask, 4);
	return bt_guest_copy(x, off, buf, n, true);
}

static bool mxcsr_bad(const u8 *image)
{
	u32 mxcsr;

	memcpy(&mxcsr, image + OFF_MXCSR, 4);
	return mxcsr & ~mxcsr_mask;
}

static int fxrstor(struct bt_ctx *x, u64 off)
{
	u8 buf[OFF_XMM + 256], *image;
	u32 n = OFF_XMM + xmm_bytes(x);
	int r;

	if (off & 15)
		return gp(x);
	r = bt_guest_copy(x, off, buf, n, false);
	if (r != X86_EMU_OK)
		return r;
	if (mxcsr_bad(buf))
		return gp(x);
	image = bt_xsave_legacy(x->vcpu, XSTATE_X87 | XSTATE_SSE);
	memcpy(image, buf, n);
	return X86_EMU_OK;
}

/* ---- XSAVE and kin ---- */

static u64 requested(const struct x86_cpu *c)
{
	return ((u32)c->gpr[X86_RAX] | c->gpr[X86_RDX] << 32) & c->xcr0 & XSTATE_ALL;
}

/* The parts of the legacy region that component set @rfbm covers, from or to guest memory. */
static int legacy_copy(struct bt_ctx *x, u64 off, u8 *image, u64 rfbm, bool write)
{
	int r = X86_EMU_OK;

	if (rfbm & XSTATE_X87) {
		r = bt_guest_copy(x, off, image, OFF_MXCSR, write);
		if (r == X86_EMU_OK)
			r = bt_guest_copy(x, off + OFF_ST, image + OFF_ST, 128, write);
	}
	if (r == X86_EMU_OK && (rfbm & XSTATE_SSE))
		r = bt_guest_copy(x, off + OFF_XMM, image + OFF_XMM, xmm_bytes(x), write);
	if (r == X86_EMU_OK && (rfbm & XSTATE_AVX))
		r = bt_guest_copy(x, off + OFF_YMM, image + OFF_YMM, xmm_bytes(x), write);
	return r;
}

/* Will the whole area be writable? Nothing may be written before that is known. */
static int area_probe(struct bt_ctx *x, u64 off, u64 rfbm, u32 acc)
{
	struct x86_emu *e = &x->vcpu->emu;
	u32 len = (rfbm & XSTATE_AVX) ? OFF_YMM + 256 : OFF_YMM;
	u64 lin;
	int r = x86_linearize(e, e->insn.seg, off, len, acc, &lin);

	return r == X86_EMU_OK ? e->ops->probe(e, lin, len, acc) : r;
}

static int xsave(struct bt_ctx *x, u64 off, u16 op)
{
	struct vcpu *v = x->vcpu;
	bool compact = op == X86_OP_XSAVEC || op == X86_OP_XSAVES;
	u64 rfbm = requested(&v->cpu);
	u64 inuse = header(v)[0] & rfbm, write = rfbm, h[2];
	u8 image[OFF_YMM + 256];
	int r;

	if (off & 63)
		return gp(x);
	r = area_probe(x, off, rfbm, X86_ACC_WRITE);
	if (r != X86_EMU_OK)
		return r;
	/* MXCSR alone makes the SSE component count as in use for XSAVEC (SDM vol. 1, 13.6). */
	if (compact && (rfbm & XSTATE_SSE) &&
	    memcmp(v->cpu.xsave + OFF_MXCSR, &(u32){ MXCSR_INIT }, 4))
		inuse |= XSTATE_SSE;
	memcpy(image, bt_xsave_legacy(v, rfbm), sizeof(image));
	header(v)[0] = (header(v)[0] & ~rfbm) | (inuse & rfbm);
	memset(image + 8, 0, 16);
	memcpy(image + OFF_MXCSR_MASK, &mxcsr_mask, 4);
	if (op != X86_OP_XSAVE)		/* the init optimization */
		write &= inuse;
	r = bt_guest_copy(x, off + OFF_HEADER, h, 16, false);
	if (r == X86_EMU_OK)
		r = legacy_copy(x, off, image, write, true);
	if (r == X86_EMU_OK && (compact ? write & XSTATE_SSE : rfbm & (XSTATE_SSE | XSTATE_AVX)))
		r = bt_guest_copy(x, off + OFF_MXCSR, image + OFF_MXCSR, 8, true);
	if (r != X86_EMU_OK)
		return r;
	h[0] = compact ? inuse : (h[0] & ~rfbm) | inuse;
	h[1] = rfbm | XCOMP_COMPACT;
	return bt_guest_copy(x, off + OFF_HEADER, h, compact ? 16 : 8, true);
}

static bool header_bad(const struct x86_cpu *c, const u64 *h, bool compact_only)
{
	u64 allowed = c->xcr0 & XSTATE_ALL;
	u32 i;

	for (i = 2; i < 8; i++)
		if (h[i])
			return true;
	if (h[1] & XCOMP_COMPACT)
		return (h[1] & ~XCOMP_COMPACT & ~allowed) || (h[0] & ~h[1]);
	return compact_only || h[1] || (h[0] & ~allowed);
}

static int xrstor(struct bt_ctx *x, u64 off, u16 op)
{
	struct vcpu *v = x->vcpu;
	u64 rfbm = requested(&v->cpu), h[8], load, init;
	u8 image[OFF_YMM + 256], *to;
	u32 mxcsr = MXCSR_INIT;
	bool compact;
	int r;

	if (off & 63)
		return gp(x);
	r = bt_guest_copy(x, off + OFF_HEADER, h, HEADER_SIZE, false);
	if (r != X86_EMU_OK)
		return r;
	if (header_bad(&v->cpu, h, op == X86_OP_XRSTORS))
		return gp(x);
	compact = h[1] & XCOMP_COMPACT;
	if (compact)
		h[0] &= h[1];
	load = rfbm & h[0];
	init = rfbm & ~h[0];
	memcpy(image, v->cpu.xsave, sizeof(image));
	r = legacy_copy(x, off, image, load, false);
	/* Standard form: MXCSR comes from memory whatever XSTATE_BV says (SDM vol. 1, 13.8.1). */
	if (r == X86_EMU_OK &&
	    (compact ? load & XSTATE_SSE : rfbm & (XSTATE_SSE | XSTATE_AVX)))
		r = bt_guest_copy(x, off + OFF_MXCSR, &mxcsr, 4, false);
	if (r != X86_EMU_OK)
		return r;
	if (mxcsr & ~mxcsr_mask)
		return gp(x);
	to = v->cpu.xsave;
	if (load & XSTATE_X87) {
		memcpy(to, image, OFF_MXCSR);
		memcpy(to + OFF_ST, image + OFF_ST, 128);
	}
	if (load & XSTATE_SSE)
		memcpy(to + OFF_XMM, image + OFF_XMM, xmm_bytes(x));
	if (load & XSTATE_AVX)
		memcpy(to + OFF_YMM, image + OFF_YMM, xmm_bytes(x));
	if (compact ? rfbm & XSTATE_SSE : rfbm & (XSTATE_SSE | XSTATE_AVX))
		memcpy(to + OFF_MXCSR, &mxcsr, 4);
	header(v)[0] = (header(v)[0] & ~init) | load;
	return X86_EMU_OK;
}

/* ---- x87 environment ---- */

/* Full tag word from the abridged one and the registers (SDM vol. 1, 8.1.7). */
static u16 full_tags(const u8 *image)
{
	u32 top = (image[3] >> 3) & 7, i;
	u16 tags = 0;

	for (i = 0; i < 8; i++) {
		const u8 *st = image + OFF_ST + ((i - top) & 7) * 16;
		u64 mant;
		u16 exp;
		u32 tag = 2;

		memcpy(&mant, st, 8);
		memcpy(&exp, st + 8, 2);
		exp &= 0x7fff;
		if (!(image[4] & BIT(i)))
			tag = 3;
		else if (!exp && !mant)
			tag = 1;
		else if (exp && exp != 0x7fff && (mant >> 63))
			tag = 0;
		tags |= tag << (2 * i);
	}
	return tags;
}

static u8 abridged(u16 tags)
{
	u8 a = 0;
	u32 i;

	for (i = 0; i < 8; i++)
		if (((tags >> (2 * i)) & 3) != 3)
			a |= BIT(i);
	return a;
}

static u32 env_store(const struct bt_ctx *x, const u8 *image, u8 *env)
{
	bool wide = x->vcpu->emu.insn.opsize != 2;
	u32 n = wide ? 28 : 14, step = wide ? 4 : 2;
	u16 tags = full_tags(image);

	memset(env, 0, 28);
	if (wide)
		for (u32 i = 0; i < 3; i++)
			memset(env + i * 4 + 2, 0xff, 2);
	memcpy(env, image, 2);
	memcpy(env + step, image + 2, 2);
	memcpy(env + 2 * step, &tags, 2);
	return n;
}

static void env_load(const struct bt_ctx *x, u8 *image, const u8 *env)
{
	u32 step = x->vcpu->emu.insn.opsize != 2 ? 4 : 2;
	u16 tags;

	memcpy(&tags, env + 2 * step, 2);
	x86_x87_set_top((struct x86_xsave *)image, (env[step + 1] >> 3) & 7);
	memset(image, 0, OFF_MXCSR);
	memcpy(image, env, 2);
	image[0] |= 0x40;		/* bit 6 of the control word reads as 1 */
	memcpy(image + 2, env + step, 2);
	image[4] = abridged(tags);
}

/*
 * The exception summary in a status word that was loaded follows from the rest
 * of it (SDM vol. 1, 8.1.3.3).
 */
static void summary(u8 *image)
{
	if (image[2] & ~image[0] & 0x3f) {
		image[2] |= 0x80;
		image[3] |= 0x80;
	} else {
		image[2] &= 0x7f;
		image[3] &= 0x7f;
	}
}

static int env(struct bt_ctx *x, u64 off, u16 op)
{
	u8 *image = bt_xsave_legacy(x->vcpu, XSTATE_X87);
	bool store = op == X86_OP_FNSTENV || op == X86_OP_FNSAVE;
	bool regs = op == X86_OP_FNSAVE || op == X86_OP_FRSTOR;
	u32 n = x->vcpu->emu.insn.opsize != 2 ? 28 : 14, i;
	u8 buf[108];
	int r;

	if (store) {
		env_store(x, image, buf);
		for (i = 0; i < 8; i++)
			memcpy(buf + n + 10 * i, image + OFF_ST + 16 * i, 10);
		r = bt_guest_copy(x, off, buf, regs ? n + 80 : n, true);
		if (r != X86_EMU_OK)
			return r;
		if (regs) {
			x86_x87_set_top((struct x86_xsave *)image, 0);
			memset(image, 0, OFF_MXCSR);
			memcpy(image, &(u16){ 0x37f }, 2);
		} else {
			image[0] |= 0x3f;
		}
		summary(image);
		return r;
	}
	r = bt_guest_copy(x, off, buf, regs ? n + 80 : n, false);
	if (r != X86_EMU_OK)
		return r;
	env_load(x, image, buf);
	for (i = 0; regs && i < 8; i++) {
		memset(image + OFF_ST + 16 * i, 0, 16);
		memcpy(image + OFF_ST + 16 * i, buf + n + 10 * i, 10);
	}
	summary(image);
	return r;
}

/* ---- which it is, and whether it may be used ---- */

enum { G_FX = 1, G_XSAVE, G_X87, G_X87_WAIT };

static const struct {
	u16 op;
	u8 group;
} specials[] = {
	{ X86_OP_FXSAVE, G_FX }, { X86_OP_FXRSTOR, G_FX },
	{ X86_OP_XSAVE, G_XSAVE }, { X86_OP_XSAVEOPT, G_XSAVE }, { X86_OP_XSAVEC, G_XSAVE },
	{ X86_OP_XSAVES, G_XSAVE }, { X86_OP_XRSTOR, G_XSAVE }, { X86_OP_XRSTORS, G_XSAVE },
	{ X86_OP_FNSTENV, G_X87 }, { X86_OP_FNSAVE, G_X87 },
	{ X86_OP_FLDENV, G_X87_WAIT }, { X86_OP_FRSTOR, G_X87_WAIT },
};

static u8 group_of(u16 op)
{
	for (u32 i = 0; i < ARRAY_SIZE(specials); i++)
		if (specials[i].op == op)
			return specials[i].group;
	return 0;
}

static int usable(struct bt_ctx *x, u8 group, u16 op)
{
	struct vcpu *v = x->vcpu;
	const struct x86_cpu *c = &v->cpu;
	const u8 *image = c->xsave;

	if (group == G_XSAVE) {
		if (!(c->cr4 & X86_CR4_OSXSAVE))
			return x86_fault(&v->emu, X86_EXC_UD);
		if ((op == X86_OP_XSAVES || op == X86_OP_XRSTORS) && x86_cpl(c))
			return gp(x);
	}
	if ((c->cr0 & X86_CR0_TS) || (group != G_XSAVE && (c->cr0 & X86_CR0_EM)))
		return x86_fault(&v->emu, X86_EXC_NM);
	if (group == G_X87_WAIT && (header(v)[0] & XSTATE_X87) && (image[2] & ~image[0] & 0x3f))
		return x86_fault(&v->emu, X86_EXC_MF);
	return X86_EMU_OK;
}

/*
 * The translator leaves what may not run to us: is it for the unit's sake
 * (SDM vol. 3, 2.5 and 13.1; vol. 2, 2.4)?
 */
static int unit_usable(struct bt_ctx *x, const struct x86_insn *i)
{
	struct x86_emu *e = &x->vcpu->emu;
	const struct x86_cpu *c = &x->vcpu->cpu;
	u8 unit = i->info->unit;

	switch (unit) {
	case X86_U_X87:
		if (i->info->op == X86_OP_FWAIT)
			return (c->cr0 & (X86_CR0_MP | X86_CR0_TS)) == (X86_CR0_MP | X86_CR0_TS) ?
				       x86_fault(e, X86_EXC_NM) : X86_EMU_OK;
		return (c->cr0 & (X86_CR0_EM | X86_CR0_TS)) ? x86_fault(e, X86_EXC_NM) :
							      X86_EMU_OK;
	case X86_U_MMX:
	case X86_U_SSE:
		if ((c->cr0 & X86_CR0_EM) || (unit == X86_U_SSE && !(c->cr4 & X86_CR4_OSFXSR)))
			return x86_fault(e, X86_EXC_UD);
		break;
	case X86_U_AVX:
		if (!(c->cr4 & X86_CR4_OSXSAVE) || (c->xcr0 & 6) != 6 || !x86_protected(c) ||
		    x86_v86(c))
			return x86_fault(e, X86_EXC_UD);
		break;
	default:
		return X86_EMU_OK;
	}
	return (c->cr0 & X86_CR0_TS) ? x86_fault(e, X86_EXC_NM) : X86_EMU_OK;
}

/* Instructions that only look at the state: it may stay in the processor. */
static bool only_saves(u16 op)
{
	return op == X86_OP_XSAVE || op == X86_OP_XSAVEOPT || op == X86_OP_XSAVEC ||
	       op == X86_OP_XSAVES || op == X86_OP_FXSAVE;
}

int bt_fpu_special(struct bt_ctx *x)
{
	struct x86_emu *e = &x->vcpu->emu;
	struct x86_cpu *c = &x->vcpu->cpu;
	u16 op = e->insn.info->op;
	u8 group = group_of(op);
	u64 off = bt_effective(c, &e->insn);
	int r;

	if (!only_saves(op))
		bt_fpu_release(x);
	else if (x->fpu_live)
		store_image(x->vcpu);

	if (!group) {
		r = unit_usable(x, &e->insn);
		if (r == X86_EMU_OK)
			r = bt_vector_special(x);
	} else {
		r = usable(x, group, op);
		if (r != X86_EMU_OK)
			return r;
		if (op == X86_OP_FXSAVE)
			r = fxsave(x, off);
		else if (op == X86_OP_FXRSTOR)
			r = fxrstor(x, off);
		else if (op == X86_OP_XRSTOR || op == X86_OP_XRSTORS)
			r = xrstor(x, off, op);
		else if (group == G_XSAVE)
			r = xsave(x, off, op);
		else
			r = env(x, off, op);
	}
	if (r != X86_EMU_OK)
		return r;
	c->rip += e->insn.len;
	if (!x86_64bit(c))
		c->rip = (u32)c->rip;
	return r;
}
