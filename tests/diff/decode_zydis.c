/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compares one decoded instruction with what Zydis says of it, field by field.
 * Registers are compared as two masks, read and written, over explicit and
 * implicit operands together: so the number, the class and the access of every
 * operand are covered without matching operand lists.
 */
#include "decode_zydis.h"

const char *const field_names[D_FIELDS] = {
	"validity",	"length",	   "memory operand", "memory size",    "address",
	"segment",	"immediate",	   "operand size",   "registers read", "registers written",
	"vectors read", "vectors written", "flags read",     "flags written",  "flags undefined",
	"lock",		"privilege",	   "alignment",
};

static ZydisDecoder decoder[3];

void decode_zydis_init(void)
{
	static const ZydisMachineMode mode[] = {
		ZYDIS_MACHINE_MODE_LEGACY_16,
		ZYDIS_MACHINE_MODE_LEGACY_32,
		ZYDIS_MACHINE_MODE_LONG_64,
	};
	static const ZydisStackWidth width[] = {
		ZYDIS_STACK_WIDTH_16,
		ZYDIS_STACK_WIDTH_32,
		ZYDIS_STACK_WIDTH_64,
	};
	/* Encodings that are no-operations on a processor without the extension. */
	static const ZydisDecoderMode off[] = {
		ZYDIS_DECODER_MODE_MPX,
		ZYDIS_DECODER_MODE_CET,
		ZYDIS_DECODER_MODE_WBNOINVD,
		ZYDIS_DECODER_MODE_CLDEMOTE,
	};
	unsigned int m, i;

	for (m = 0; m < 3; m++) {
		ZydisDecoderInit(&decoder[m], mode[m], width[m]);
		for (i = 0; i < ARRAY_SIZE(off); i++)
			ZydisDecoderEnableMode(&decoder[m], off[i], ZYAN_FALSE);
	}
}

/* What an instruction touches, in a form that both sides can be brought to. */
struct touch {
	u32 gpr_r, gpr_w; /* general registers, not counting addresses */
	u64 vec_r, vec_w; /* XMM/YMM in bits 0-15, MMX in 16-23, ST in 24-31 */
	u32 cr, dr, sreg; /* as operands */
};

static void touch_gpr(struct touch *t, unsigned int n, u8 acc)
{
	if (acc & X86_A_R)
		t->gpr_r |= BIT(n);
	if (acc & X86_A_W)
		t->gpr_w |= BIT(n);
}

static void touch_vec(struct touch *t, unsigned int n, u8 acc)
{
	if (acc & X86_A_R)
		t->vec_r |= BIT_ULL(n);
	if (acc & X86_A_W)
		t->vec_w |= BIT_ULL(n);
}

static void our_operand(struct touch *t, const struct x86_insn *i, u8 class, u8 n, u8 acc)
{
	switch (class) {
	case X86_C_GPR8: touch_gpr(t, i->rex || n < 4 ? n : n - 4, acc); break;
	case X86_C_GPR:
	case X86_C_GPR16:
	case X86_C_GPR32:
	case X86_C_GPR64:
	case X86_C_GPRY: touch_gpr(t, n, acc); break;
	case X86_C_XMM: touch_vec(t, n, acc); break;
	case X86_C_MMX: touch_vec(t, 16 + n, acc); break;
	case X86_C_X87: touch_vec(t, 24 + n, acc); break;
	case X86_C_SREG: t->sreg |= BIT(n); break;
	case X86_C_CR: t->cr |= BIT(n); break;
	case X86_C_DR: t->dr |= BIT(n); break;
	}
}

static void our_touch(struct touch *t, const struct x86_insn *i)
{
	const struct x86_opcode *o = i->info;

	our_operand(t, i, o->reg_class, i->reg, o->reg_acc);
	if (!i->is_mem)
		our_operand(t, i, o->rm_class, i->rm, o->rm_acc);
	our_operand(t, i, o->vvvv_class, i->vvvv, o->vvvv_acc);
	t->gpr_r |= o->gpr_r;
	t->gpr_w |= o->gpr_w;
	if ((o->kind == X86_K_STRING || o->op == X86_OP_INS || o->op == X86_OP_OUTS) &&
	    i->prefix & (X86_P_F2 | X86_P_F3)) {
		t->gpr_r |= BIT(X86_RCX);
		t->gpr_w |= BIT(X86_RCX);
	}
}

static u8 zydis_access(const ZydisDecodedOperand *op)
{
	return (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ ? X86_A_R : 0) |
	       (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE ? X86_A_W : 0);
}

/* What may stay unwritten passes through: here it counts as read as well. */
static u8 zydis_register_access(const ZydisDecodedOperand *op)
{
	u8 acc = zydis_access(op);

	return op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE ? acc | X86_A_R : acc;
}

static void zydis_touch(struct touch *t, const ZydisDecodedInstruction *z,
			const ZydisDecodedOperand *ops)
{
	unsigned int k;

	for (k = 0; k < z->operand_count; k++) {
		const ZydisDecodedOperand *op = &ops[k];
		ZydisRegister reg = op->reg.value;
		u8 acc = zydis_register_access(op);
		int n;

		if (op->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		n = ZydisRegisterGetId(reg);
		switch (ZydisRegisterGetClass(reg)) {
		case ZYDIS_REGCLASS_GPR8: /* ids 4-7 are AH to BH, 8-11 SPL to DIL */
			touch_gpr(t, n < 4 ? n : n - 4, acc);
			break;
		case ZYDIS_REGCLASS_GPR16:
		case ZYDIS_REGCLASS_GPR32:
		case ZYDIS_REGCLASS_GPR64: touch_gpr(t, n, acc); break;
		case ZYDIS_REGCLASS_XMM:
		case ZYDIS_REGCLASS_YMM:
		case ZYDIS_REGCLASS_ZMM:
			if (op->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
			    op->encoding != ZYDIS_OPERAND_ENCODING_IS4)
				touch_vec(t, n & 31, acc);
			break;
		case ZYDIS_REGCLASS_MMX: touch_vec(t, 16 + n, acc); break;
		case ZYDIS_REGCLASS_X87:
			if (op->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM)
				touch_vec(t, 24 + n, acc);
			break;
		case ZYDIS_REGCLASS_SEGMENT:
			if (op->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
				t->sreg |= BIT(n);
			break;
		case ZYDIS_REGCLASS_CONTROL:
			if (op->encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG)
				t->cr |= BIT(n);
			break;
		case ZYDIS_REGCLASS_DEBUG: t->dr |= BIT(n); break;
		default: break;
		}
	}
}

static u32 compare_touch(const struct x86_insn *i, const ZydisDecodedInstruction *z,
			 const ZydisDecodedOperand *ops)
{
	struct touch a = {}, b = {};
	u32 bad = 0;

	our_touch(&a, i);
	zydis_touch(&b, z, ops);
	if (a.gpr_r != b.gpr_r || a.cr != b.cr || a.dr != b.dr)
		bad |= BIT(D_READ);
	if (a.gpr_w != b.gpr_w)
		bad |= BIT(D_WRITE);
	/* Zydis does not count the part of a destination that a narrow result leaves as read. */
	if ((b.vec_r & ~a.vec_r) || (a.vec_r & ~b.vec_r & ~a.vec_w))
		bad |= BIT(D_VECTOR_READ);
	if (a.vec_w != b.vec_w)
		bad |= BIT(D_VECTOR_WRITE);
	return bad;
}

static int our_base(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return X86_REG_NONE;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP || reg == ZYDIS_REGISTER_IP)
		return X86_REG_RIP;
	return ZydisRegisterGetId(reg) & 15;
}

static int our_segment(ZydisRegister reg)
{
	return reg == ZYDIS_REGISTER_NONE ? -1 : ZydisRegisterGetId(reg);
}

/* The operand that modrm or moffs names, or the (first) implicit one of a string operation. */
static const ZydisDecodedOperand *memory_operand(const ZydisDecodedInstruction *z,
						 const ZydisDecodedOperand *ops, bool implicit)
{
	unsigned int k;

	for (k = 0; k < z->operand_count; k++) {
		const ZydisDecodedOperand *op = &ops[k];

		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    (op->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM ||
		     op->encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64 || implicit))
			return op;
	}
	return NULL;
}

static u32 compare_implicit_memory(const struct x86_insn *i, const ZydisDecodedInstruction *z,
				   const ZydisDecodedOperand *ops)
{
	const ZydisDecodedOperand *m = memory_operand(z, ops, true);
	unsigned int k;
	bool found = false;
	u32 bad = 0;

	if (i->info->kind != X86_K_STRING && i->info->op != X86_OP_XLAT)
		return 0;
	if (!m)
		return BIT(D_MEM);
	if (m->size != i->memsize * 8)
		bad |= BIT(D_MEMSIZE);
	if (i->info->op == X86_OP_STOS || i->info->op == X86_OP_SCAS)
		return bad;
	for (k = 0; k < z->operand_count; k++)
		if (ops[k].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    our_segment(ops[k].mem.segment) == i->seg)
			found = true;
	return found ? bad : bad | BIT(D_SEGMENT);
}

static u32 compare_memory(const struct x86_insn *i, const ZydisDecodedInstruction *z,
			  const ZydisDecodedOperand *ops)
{
	const ZydisDecodedOperand *m = memory_operand(z, ops, false);
	const struct x86_opcode *o = i->info;
	u32 bad = 0;
	u8 acc;

	if (!!m != i->is_mem)
		return BIT(D_MEM);
	if (!m)
		return compare_implicit_memory(i, z, ops);
	if (our_base(m->mem.base) != i->base || our_base(m->mem.index) != i->index ||
	    (i->index != X86_REG_NONE && m->mem.scale != 1 << i->scale) ||
	    (u64)m->mem.disp.value != i->disp64)
		bad |= BIT(D_ADDRESS);
	if (i->imm_len == 0 && i->disp_len && o->imm != X86_I_MOFFS &&
	    (z->raw.disp.offset != i->disp_off || z->raw.disp.size != i->disp_len * 8))
		bad |= BIT(D_ADDRESS);
	if (our_segment(m->mem.segment) != i->seg &&
	    !(m->mem.type == ZYDIS_MEMOP_TYPE_AGEN && m->mem.segment == ZYDIS_REGISTER_NONE))
		bad |= BIT(D_SEGMENT);
	if (o->attr & X86_T_NOMEM)
		return bad;
	if (m->size != i->memsize * 8)
		bad |= BIT(D_MEMSIZE);
	acc = zydis_access(m);
	if (acc != o->rm_acc)
		bad |= (acc ^ o->rm_acc) & X86_A_R ? BIT(D_READ) : BIT(D_WRITE);
	return bad;
}

static u32 compare_immediate(const struct x86_insn *i, const ZydisDecodedInstruction *z)
{
	u64 a = i->imm, b = z->raw.imm[0].value.u;
	unsigned int size = z->raw.imm[0].size + z->raw.imm[1].size;

	if (size != i->imm_len * 8u)
		return BIT(D_IMM);
	if (!size)
		return 0;
	if (z->raw.imm[0].offset != i->imm_off)
		return BIT(D_IMM);
	if (i->info->imm == X86_I_16_8 || i->info->imm == X86_I_FAR)
		return a != b || i->imm2 != z->raw.imm[1].value.u ? BIT(D_IMM) : 0;
	if (z->raw.imm[1].size)
		b |= z->raw.imm[1].value.u << z->raw.imm[0].size;
	if (size < 64) { /* whether it is signed is for the operation to say */
		a &= (1ull << size) - 1;
		b &= (1ull << size) - 1;
	}
	return a != b ? BIT(D_IMM) : 0;
}

/* The register that an operand is, by its class: the size is checked thus. */
static unsigned int class_bits(const struct x86_insn *i, u8 class)
{
	switch (class) {
	case X86_C_GPR8: return 8;
	case X86_C_GPR: return i->opsize * 8;
	case X86_C_GPR16: return 16;
	case X86_C_GPR32: return 32;
	case X86_C_GPR64: return 64;
	case X86_C_GPRY: return i->rex & 8 && i->mode == X86_MODE_64 ? 64 : 32;
	default: return 0;
	}
}

static u32 compare_operand_size(const struct x86_insn *i, const ZydisDecodedInstruction *z,
				const ZydisDecodedOperand *ops)
{
	const struct x86_opcode *o = i->info;
	unsigned int k, want;

	for (k = 0; k < z->operand_count; k++) {
		if (ops[k].type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		switch (ops[k].encoding) {
		case ZYDIS_OPERAND_ENCODING_MODRM_REG:
		case ZYDIS_OPERAND_ENCODING_OPCODE: want = class_bits(i, o->reg_class); break;
		case ZYDIS_OPERAND_ENCODING_MODRM_RM: want = class_bits(i, o->rm_class); break;
		case ZYDIS_OPERAND_ENCODING_NDSNDD: want = class_bits(i, o->vvvv_class); break;
		default: want = 0; break;
		}
		if (want && ops[k].size != want)
			return BIT(D_OPSIZE);
	}
	if (o->kind == X86_K_BRANCH || o->kind == X86_K_STACK || o->kind == X86_K_STRING)
		return i->opsize != z->operand_width / 8 ? BIT(D_OPSIZE) : 0;
	return 0;
}

static u32 compare_flags(const struct x86_insn *i, const ZydisDecodedInstruction *z)
{
	static const ZydisAccessedFlags none;
	const ZydisAccessedFlags *f = z->cpu_flags ? z->cpu_flags : &none;
	const struct x86_opcode *o = i->info;
	u32 bad = 0;

	if ((f->tested & X86_ARITH) != o->flags_r)
		bad |= BIT(D_FLAGS_READ);
	if (((f->modified | f->set_0 | f->set_1 | f->undefined) & X86_ARITH) != o->flags_w)
		bad |= BIT(D_FLAGS_WRITTEN);
	if ((f->undefined & X86_ARITH) != o->flags_u)
		bad |= BIT(D_FLAGS_UNDEFINED);
	return bad;
}

static u32 compare_attributes(const struct x86_insn *i, const ZydisDecodedInstruction *z)
{
	u32 attr = i->info->attr;
	bool lock = i->is_mem && attr & X86_T_LOCK;
	bool legacy_aligned, aligned;
	u32 bad = 0;

	if (!!(z->attributes & ZYDIS_ATTRIB_ACCEPTS_LOCK) != lock)
		bad |= BIT(D_LOCK);
	if (!!(z->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) != !!(attr & X86_T_CPL0))
		bad |= BIT(D_PRIVILEGE);
	if (!i->is_mem)
		return bad;
	aligned = z->meta.exception_class == ZYDIS_EXCEPTION_CLASS_AVX1;
	legacy_aligned = i->memsize == 16 &&
			 (z->meta.exception_class == ZYDIS_EXCEPTION_CLASS_SSE1 ||
			  z->meta.exception_class == ZYDIS_EXCEPTION_CLASS_SSE2 ||
			  z->meta.exception_class == ZYDIS_EXCEPTION_CLASS_SSE4);
	if (aligned != !!(attr & X86_T_ALIGN) || legacy_aligned != !!(attr & X86_T_ALIGN16))
		bad |= BIT(D_ALIGN);
	return bad;
}

static u32 excepted(const struct x86_insn *i, int r, const ZydisDecodedInstruction *z, u32 bad)
{
	unsigned int k;

	for (k = 0; k < decode_exception_count && bad; k++) {
		const struct exception *e = &decode_exceptions[k];

		if (!(e->fields & bad) || (e->mnemonic && e->mnemonic != z->mnemonic) ||
		    (e->ext && e->ext != z->meta.isa_ext))
			continue;
		if (!e->when || e->when(i, r, z))
			bad &= ~e->fields;
	}
	return bad;
}

u32 decode_compare(const u8 *b, enum x86_mode mode, struct x86_insn *insn, u16 *mnemonic)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z = {};
	ZydisDecoderContext context;
	ZyanStatus status;
	u32 bad = 0;
	bool good, z_good;
	int r;

	r = x86_decode(insn, b, X86_INSN_MAX, mode);
	status = ZydisDecoderDecodeInstruction(&decoder[mode], &context, b, X86_INSN_MAX, &z);
	good = r == 0;
	z_good = ZYAN_SUCCESS(status);
	*mnemonic = z_good ? z.mnemonic : 0;
	if (!good && !z_good)
		return 0;
	if (good != z_good)
		return excepted(insn, r, &z, BIT(D_VALID));
	if (insn->len != z.length)
		return excepted(insn, r, &z, BIT(D_LENGTH));
	ZydisDecoderDecodeOperands(&decoder[mode], &context, &z, ops, z.operand_count);
	bad |= compare_touch(insn, &z, ops);
	bad |= compare_memory(insn, &z, ops);
	bad |= compare_immediate(insn, &z);
	bad |= compare_operand_size(insn, &z, ops);
	bad |= compare_flags(insn, &z);
	bad |= compare_attributes(insn, &z);
	return bad ? excepted(insn, r, &z, bad) : 0;
}
