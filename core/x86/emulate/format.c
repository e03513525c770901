/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * An instruction as text, for traces: Intel's order, our table's knowledge. The
 * operands are those that the row names, destination first; implicit ones are not shown.
 */
#include "x86/emulate/opcodes.h"

struct text {
	char *buf;
	size_t size, len;
};

static void put_char(struct text *t, char c)
{
	if (t->len + 1 < t->size)
		t->buf[t->len] = c;
	t->len++;
}

static void put(struct text *t, const char *s)
{
	while (*s)
		put_char(t, *s++);
}

static void put_lower(struct text *t, const char *s)
{
	for (; *s; s++)
		put_char(t, *s >= 'A' && *s <= 'Z' ? *s + 'a' - 'A' : *s);
}

static void put_number(struct text *t, unsigned int n)
{
	if (n >= 10)
		put_number(t, n / 10);
	put_char(t, '0' + n % 10);
}

static void put_hex(struct text *t, u64 v)
{
	int shift = 60;

	put(t, "0x");
	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char(t, "0123456789abcdef"[v >> shift & 15]);
}

static void put_signed(struct text *t, s64 v)
{
	if (v < 0) {
		put_char(t, '-');
		v = -(u64)v;
	}
	put_hex(t, v);
}

static void put_gpr(struct text *t, u8 n, u8 size, bool rex)
{
	static const char name[8][3] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };

	if (n >= 8) {
		put_char(t, 'r');
		put_number(t, n);
		if (size < 8)
			put_char(t, size == 4 ? 'd' : size == 2 ? 'w' : 'b');
	} else if (size == 1 && n < 4) {
		put_char(t, name[n][0]);
		put_char(t, 'l');
	} else if (size == 1 && !rex) {
		put_char(t, name[n - 4][0]);
		put_char(t, 'h');
	} else {
		if (size >= 4)
			put_char(t, size == 8 ? 'r' : 'e');
		put(t, name[n]);
		if (size == 1)
			put_char(t, 'l');
	}
}

static void put_numbered(struct text *t, const char *kind, u8 n)
{
	put(t, kind);
	put_number(t, n);
}

static void put_register(struct text *t, const struct x86_insn *insn, u8 class, u8 n)
{
	static const char seg[8][3] = { "es", "cs", "ss", "ds", "fs", "gs", "s6", "s7" };
	bool wide = insn->rex & 8 && insn->mode == X86_MODE_64;

	switch (class) {
	case X86_C_GPR8: put_gpr(t, n, 1, insn->rex); break;
	case X86_C_GPR: put_gpr(t, n, insn->opsize == 1 ? 4 : insn->opsize, true); break;
	case X86_C_GPR16: put_gpr(t, n, 2, true); break;
	case X86_C_GPR32: put_gpr(t, n, 4, true); break;
	case X86_C_GPR64: put_gpr(t, n, 8, true); break;
	case X86_C_GPRY: put_gpr(t, n, wide ? 8 : 4, true); break;
	case X86_C_XMM: put_numbered(t, insn->vex_l ? "ymm" : "xmm", n); break;
	case X86_C_MMX: put_numbered(t, "mm", n); break;
	case X86_C_X87: put_numbered(t, "st", n); break;
	case X86_C_SREG: put(t, seg[n & 7]); break;
	case X86_C_CR: put_numbered(t, "cr", n); break;
	case X86_C_DR: put_numbered(t, "dr", n); break;
	}
}

static void put_size(struct text *t, u16 size)
{
	static const struct {
		u16 size;
		const char *name;
	} sizes[] = {
		{ 1, "byte " },	 { 2, "word " },   { 4, "dword " },  { 6, "fword " },
		{ 8, "qword " }, { 10, "tword " }, { 16, "oword " }, { 32, "yword " },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (sizes[i].size == size)
			put(t, sizes[i].name);
}

static void put_memory(struct text *t, const struct x86_insn *insn, u64 rip)
{
	static const char seg[8][4] = { "es:", "cs:", "ss:", "ds:", "fs:", "gs:", "", "" };
	bool vsib = insn->info->attr & X86_T_VSIB;

	put_size(t, insn->memsize);
	put_char(t, '[');
	if (insn->prefix & X86_P_SEG)
		put(t, seg[insn->seg & 7]);
	if (insn->base == X86_REG_RIP) {
		put_hex(t, rip + insn->len + insn->disp64);
		put_char(t, ']');
		return;
	}
	if (insn->base != X86_REG_NONE)
		put_gpr(t, insn->base, insn->addrsize, true);
	if (insn->index != X86_REG_NONE) {
		if (insn->base != X86_REG_NONE)
			put_char(t, '+');
		if (vsib)
			put_numbered(t, insn->vex_l ? "ymm" : "xmm", insn->index);
		else
			put_gpr(t, insn->index, insn->addrsize, true);
		if (insn->scale) {
			put_char(t, '*');
			put_number(t, 1 << insn->scale);
		}
	}
	if (insn->base == X86_REG_NONE && insn->index == X86_REG_NONE) {
		put_hex(t, insn->addrsize == 8 ?
				   insn->disp64 :
				   insn->disp64 & (insn->addrsize == 2 ? 0xffff : 0xffffffff));
	} else if (insn->disp64) {
		if ((s64)insn->disp64 > 0)
			put_char(t, '+');
		put_signed(t, insn->disp64);
	}
	put_char(t, ']');
}

static void put_mnemonic(struct text *t, const struct x86_insn *insn)
{
	static const char cond[16][4] = {
		"o", "no", "b", "ae", "e", "ne", "be", "a",
		"s", "ns", "p", "np", "l", "ge", "le", "g",
	};
	u16 op = insn->info->op;

	if (insn->prefix & X86_P_LOCK)
		put(t, "lock ");
	if (insn->info->kind == X86_K_STRING || op == X86_OP_INS || op == X86_OP_OUTS) {
		if (insn->prefix & X86_P_F3)
			put(t, op == X86_OP_CMPS || op == X86_OP_SCAS ? "repe " : "rep ");
		else if (insn->prefix & X86_P_F2)
			put(t, "repne ");
	}
	if (op == X86_OP_JCC || op == X86_OP_SETCC || op == X86_OP_CMOVCC) {
		put(t, op == X86_OP_JCC ? "j" : op == X86_OP_SETCC ? "set" : "cmov");
		put(t, cond[insn->opcode & 15]);
	} else {
		put_lower(t, x86_op_name(op));
	}
	if (insn->info->kind == X86_K_STRING || op == X86_OP_INS || op == X86_OP_OUTS)
		put_char(t, insn->opsize == 1 ? 'b' :
			    insn->opsize == 2 ? 'w' :
			    insn->opsize == 4 ? 'd' :
						'q');
}

/* Puts ' ' before the first operand and ", " before the others. */
static void put_separator(struct text *t, unsigned int *n)
{
	put(t, (*n)++ ? ", " : " ");
}

static void put_rm(struct text *t, const struct x86_insn *insn, u64 rip, unsigned int *n)
{
	const struct x86_opcode *row = insn->info;

	if (insn->is_mem) {
		put_separator(t, n);
		put_memory(t, insn, rip);
	} else if (insn->has_modrm && row->rm_class) {
		put_separator(t, n);
		put_register(t, insn, row->rm_class, insn->rm);
	}
}

static void put_reg(struct text *t, const struct x86_insn *insn, unsigned int *n)
{
	if (!insn->info->reg_class)
		return;
	put_separator(t, n);
	put_register(t, insn, insn->info->reg_class, insn->reg);
}

/* The accumulator, where neither modrm nor the opcode names a register: add al, 5. */
static void put_accumulator(struct text *t, const struct x86_insn *insn, unsigned int *n)
{
	const struct x86_opcode *row = insn->info;

	if (insn->has_modrm || row->reg_class || !(row->gpr_r & RAX) || !insn->imm_len ||
	    row->op == X86_OP_OUT)
		return;
	put_separator(t, n);
	put_gpr(t, X86_RAX, insn->opsize, true);
}

static void put_immediate(struct text *t, const struct x86_insn *insn, u64 rip, unsigned int *n)
{
	u64 mask = insn->mode == X86_MODE_64 ? ~0ull : insn->opsize == 2 ? 0xffff : 0xffffffff;

	if (!insn->imm_len)
		return;
	put_separator(t, n);
	switch (insn->info->imm) {
	case X86_I_REL8:
	case X86_I_RELZ: put_hex(t, (rip + insn->len + insn->imm) & mask); break;
	case X86_I_FAR:
		put_hex(t, insn->imm2);
		put_char(t, ':');
		put_hex(t, insn->imm);
		break;
	case X86_I_16_8:
		put_hex(t, insn->imm);
		put(t, ", ");
		put_hex(t, insn->imm2);
		break;
	case X86_I_8:
	case X86_I_Z: put_signed(t, insn->imm); break;
	default: put_hex(t, insn->imm); break;
	}
}

int x86_format(char *buf, size_t size, const struct x86_insn *insn, u64 rip)
{
	struct text t = { .buf = buf, .size = size };
	const struct x86_opcode *row = insn->info;
	bool rm_first;
	unsigned int i, n = 0;

	if (!row) {
		put(&t, "(bad)");
		for (i = 0; i < insn->len && i < X86_INSN_MAX; i++) {
			put_char(&t, ' ');
			put_char(&t, "0123456789abcdef"[insn->bytes[i] >> 4]);
			put_char(&t, "0123456789abcdef"[insn->bytes[i] & 15]);
		}
	} else {
		rm_first = (row->rm_acc & X86_A_W || !(row->reg_acc & X86_A_W)) &&
			   row->unit == X86_U_GPR;
		rm_first |= row->rm_acc & X86_A_W && !(row->reg_acc & X86_A_W);
		put_mnemonic(&t, insn);
		if (rm_first)
			put_rm(&t, insn, rip, &n);
		else
			put_reg(&t, insn, &n);
		if (row->vvvv_class) {
			put_separator(&t, &n);
			put_register(&t, insn, row->vvvv_class, insn->vvvv);
		}
		if (rm_first)
			put_reg(&t, insn, &n);
		else
			put_rm(&t, insn, rip, &n);
		put_accumulator(&t, insn, &n);
		put_immediate(&t, insn, rip, &n);
	}
	if (size)
		buf[t.len < size ? t.len : size - 1] = 0;
	return t.len;
}
