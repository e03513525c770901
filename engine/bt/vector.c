// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Vector instructions that touch memory element by element, under a mask:
 * gathers and masked moves. Each element is one access with its own faults
 * (SDM vol. 2, VGATHERDPS, VMASKMOV, MASKMOVDQU), so they are done here on the
 * state's image in memory.
 */
#include "run.h"
#include "x86/xsave.h"

#define OFF_XMM 160
#define OFF_YMM 576
#define OFF_ST 32
#define STATE_X87 1
#define STATE_SSE 2
#define STATE_AVX 4

struct ymm {
	u8 b[32];
};

static struct ymm get(struct vcpu *v, u32 reg)
{
	struct ymm y;

	memcpy(y.b, v->cpu.xsave + OFF_XMM + 16 * reg, 16);
	memcpy(y.b + 16, v->cpu.xsave + OFF_YMM + 16 * reg, 16);
	return y;
}

static void put(struct vcpu *v, u32 reg, const struct ymm *y)
{
	memcpy(v->cpu.xsave + OFF_XMM + 16 * reg, y->b, 16);
	memcpy(v->cpu.xsave + OFF_YMM + 16 * reg, y->b + 16, 16);
}

static int element(struct bt_ctx *x, u64 off, void *buf, u32 size, bool write)
{
	struct x86_emu *e = &x->vcpu->emu;
	u64 lin;
	int r = x86_linearize(e, e->insn.seg, off, size, write ? X86_ACC_WRITE : 0, &lin);

	if (r != X86_EMU_OK)
		return r;
	return write ? e->ops->write(e, lin, buf, size, 0) : e->ops->read(e, lin, buf, size, 0);
}

static u64 trim(const struct x86_insn *i, u64 off)
{
	return i->addrsize == 8 ? off : i->addrsize == 4 ? (u32)off : (u16)off;
}

/* ---- gathers ---- */

static const struct {
	u16 op;
	u8 index, size;
} gathers[] = {
	{ X86_OP_VGATHERDPS, 4, 4 }, { X86_OP_VGATHERDPD, 4, 8 }, { X86_OP_VGATHERQPS, 8, 4 },
	{ X86_OP_VGATHERQPD, 8, 8 }, { X86_OP_VPGATHERDD, 4, 4 }, { X86_OP_VPGATHERDQ, 4, 8 },
	{ X86_OP_VPGATHERQD, 8, 4 }, { X86_OP_VPGATHERQQ, 8, 8 },
};

static int gather(struct bt_ctx *x, u32 isize, u32 size)
{
	struct vcpu *v = x->vcpu;
	const struct x86_insn *i = &v->emu.insn;
	u32 n = (i->vex_l ? 32 : 16) / max(isize, size), k;
	u64 base = bt_effective(&v->cpu, i);
	struct ymm dst, mask, index;
	u32 vindex = i->index & 15;
	int r = X86_EMU_OK;

	if (i->reg == i->vvvv || i->reg == vindex || i->vvvv == vindex)
		return x86_fault(&v->emu, X86_EXC_UD);
	bt_xsave_legacy(v, STATE_SSE | STATE_AVX);
	dst = get(v, i->reg);
	mask = get(v, i->vvvv);
	index = get(v, vindex);
	for (k = 0; k < n; k++) {
		u8 *m = mask.b + k * size;
		s64 idx;

		if (m[size - 1] & 0x80) {
			if (isize == 4)
				idx = *(s32 *)(index.b + 4 * k);
			else
				idx = *(s64 *)(index.b + 8 * k);
			r = element(x, trim(i, base + ((u64)idx << i->scale)), dst.b + k * size,
				    size, false);
			if (r != X86_EMU_OK)
				break;
		}
		memset(m, 0, size);
	}
	/* What has been gathered stays, and its mask is cleared, even when the next element faults. */
	if (r == X86_EMU_OK) {
		memset(dst.b + n * size, 0, 32 - n * size);
		memset(mask.b, 0, 32);
	}
	if (r == X86_EMU_EXIT)
		return r;
	put(v, i->reg, &dst);
	put(v, i->vvvv, &mask);
	return r;
}

/* ---- masked moves ---- */

static int store_masked(struct bt_ctx *x, u64 off, const u8 *data, const u8 *mask, u32 n, u32 size)
{
	struct x86_emu *e = &x->vcpu->emu;
	u64 lin;
	u32 k;
	int r;

	for (k = 0; k < n; k++) {
		if (!(mask[k * size + size - 1] & 0x80))
			continue;
		r = x86_linearize(e, e->insn.seg, trim(&e->insn, off + k * size), size,
				  X86_ACC_WRITE, &lin);
		if (r == X86_EMU_OK)
			r = e->ops->probe(e, lin, size, X86_ACC_WRITE);
		if (r != X86_EMU_OK)
			return r;
	}
	for (k = 0; k < n; k++) {
		if (!(mask[k * size + size - 1] & 0x80))
			continue;
		r = element(x, trim(&e->insn, off + k * size), (void *)(data + k * size), size,
			    true);
		if (r != X86_EMU_OK)
			return r;
	}
	return X86_EMU_OK;
}

static int maskmov(struct bt_ctx *x, u32 size, bool store)
{
	struct vcpu *v = x->vcpu;
	const struct x86_insn *i = &v->emu.insn;
	u32 n = (i->vex_l ? 32 : 16) / size, k;
	u64 off = bt_effective(&v->cpu, i);
	struct ymm mask, data = { { 0 } };
	int r;

	bt_xsave_legacy(v, STATE_SSE | STATE_AVX);
	mask = get(v, i->vvvv);
	if (store) {
		data = get(v, i->reg);
		return store_masked(x, off, data.b, mask.b, n, size);
	}
	for (k = 0; k < n; k++) {
		if (!(mask.b[k * size + size - 1] & 0x80))
			continue;
		r = element(x, trim(i, off + k * size), data.b + k * size, size, false);
		if (r != X86_EMU_OK)
			return r;
	}
	put(v, i->reg, &data);
	return X86_EMU_OK;
}

/* MASKMOVQ, MASKMOVDQU: bytes of modrm.reg under the mask of modrm.rm to DS:rDI. */
static int maskmov_bytes(struct bt_ctx *x, bool mmx)
{
	struct vcpu *v = x->vcpu;
	const struct x86_insn *i = &v->emu.insn;
	u8 *image = bt_xsave_legacy(v, STATE_SSE | STATE_AVX | STATE_X87);
	u64 off = trim(i, v->cpu.gpr[X86_RDI]);
	u32 n = mmx ? 8 : 16, top = (image[3] >> 3) & 7, k;
	u8 data[16], mask[16];
	int r;

	for (k = 0; k < 2; k++) {
		u32 reg = k ? i->rm : i->reg;

		memcpy(k ? mask : data,
		       mmx ? image + OFF_ST + 16 * ((reg - top) & 7) : image + OFF_XMM + 16 * reg, n);
	}
	r = store_masked(x, off, data, mask, n, 1);
	if (mmx && r == X86_EMU_OK) {		/* an MMX instruction: top 0, all tags valid */
		x86_x87_set_top((struct x86_xsave *)image, 0);
		image[4] = 0xff;
	}
	return r;
}

/* The unit has been found usable. */
int bt_vector_special(struct bt_ctx *x)
{
	const struct x86_insn *i = &x->vcpu->emu.insn;
	u16 op = i->info->op;

	for (u32 k = 0; k < ARRAY_SIZE(gathers); k++) {
		if (gathers[k].op == op)
			return gather(x, gathers[k].index, gathers[k].size);
	}
	switch (op) {
	case X86_OP_VMASKMOVPS:
	case X86_OP_VMASKMOVPD:
	case X86_OP_VPMASKMOVD:
	case X86_OP_VPMASKMOVQ:
		return maskmov(x, op == X86_OP_VMASKMOVPS || op == X86_OP_VPMASKMOVD ? 4 : 8,
			       i->opcode == 0x2e || i->opcode == 0x2f || i->opcode == 0x8e);
	case X86_OP_MASKMOVQ:
	case X86_OP_MASKMOVDQU:
	case X86_OP_VMASKMOVDQU:
		return maskmov_bytes(x, op == X86_OP_MASKMOVQ);
	}
	return X86_EMU_UNHANDLED;
}
