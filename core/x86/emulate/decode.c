/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The decoder: prefixes, then a walk down the opcode tables to one row, then
 * what the row says the rest of the bytes are. AMD APM vol. 3 chapter 1; Intel
 * SDM vol. 2 chapter 2.
 *
 * The bytes are copied to a buffer that is padded with zeroes beyond any
 * instruction, so that no step asks whether its byte is there; whether they
 * were is asked once, at the end, of the highest position looked at.
 */
#include "x86/emulate/opcodes.h"

/* Beyond what can be looked at: 15 prefixes, opcode, modrm, sib, disp, imm. */
#define PADDED 40

struct decoder {
	u8 b[PADDED] __attribute__((aligned(8)));
	unsigned int p; /* next byte */
	enum x86_mode mode;
	u8 seg; /* override, or NOSEG */
	u8 vvvv; /* with bit 3, which names no register outside 64-bit mode */
	bool w; /* REX.W, VEX.W */
	bool pp_row; /* the mandatory prefix chose the row */
};

#define NOSEG 0xff

/* What a first byte is: 0 an opcode, else a prefix. */
enum prefix_byte { PB_NONE, PB_66, PB_67, PB_REP, PB_LOCK, PB_SEG, PB_REX };

static const u8 prefix_byte[256] = {
	[0x26] = PB_SEG,  [0x2e] = PB_SEG, [0x36] = PB_SEG, [0x3e] = PB_SEG,
	[0x64] = PB_SEG,  [0x65] = PB_SEG, [0x66] = PB_66,  [0x67] = PB_67,
	[0xf0] = PB_LOCK, [0xf2] = PB_REP, [0xf3] = PB_REP, [0x40 ... 0x4f] = PB_REX,
};

static u8 segment_of(u8 byte)
{
	return byte >= 0x64 ? X86_FS + (byte & 1) : (byte >> 3) & 3;
}

/* Returns false when 15 bytes are prefixes. */
static bool decode_prefixes(struct decoder *d, struct x86_insn *insn)
{
	u8 byte, kind;

	for (;; d->p++) {
		byte = d->b[d->p];
		kind = prefix_byte[byte];
		if (kind == PB_NONE)
			break;
		if (kind == PB_REX) {
			if (d->mode != X86_MODE_64)
				break;
			insn->rex = byte;
		} else {
			insn->rex = 0; /* REX counts only right before the opcode */
		}
		if (kind == PB_66)
			insn->prefix |= X86_P_66;
		else if (kind == PB_67)
			insn->prefix |= X86_P_67;
		else if (kind == PB_LOCK)
			insn->prefix |= X86_P_LOCK;
		else if (kind == PB_REP)
			insn->prefix = (insn->prefix & ~(X86_P_F2 | X86_P_F3)) |
				       (byte == 0xf2 ? X86_P_F2 : X86_P_F3);
		else if (kind == PB_SEG && (d->mode != X86_MODE_64 || byte >= 0x64))
			d->seg = segment_of(byte);
		if (d->p == X86_INSN_MAX - 1)
			return false;
	}
	d->w = insn->rex & 8;
	if (insn->prefix & X86_P_F3)
		insn->pp = 2;
	else if (insn->prefix & X86_P_F2)
		insn->pp = 3;
	else
		insn->pp = insn->prefix & X86_P_66 ? 1 : 0;
	return true;
}

/* C4 and C5, d->p at the first of them. Returns the map's nodes or NULL. */
static const struct x86_node *decode_vex(struct decoder *d, struct x86_insn *insn)
{
	static const struct x86_node *const maps[] = { x86_vex_0f, x86_vex_0f38, x86_vex_0f3a };
	const u8 *v = d->b + d->p;
	u8 map = 1, last = v[1];
	bool invalid = insn->rex || (insn->prefix & (X86_P_66 | X86_P_F2 | X86_P_F3 | X86_P_LOCK));

	if (v[0] == 0xc4) {
		map = v[1] & 0x1f;
		last = v[2];
		insn->rex = 0x40 | (~v[1] >> 5 & 7) | (last >> 4 & 8);
		d->w = last & 0x80;
		d->p += 3;
	} else {
		insn->rex = 0x40 | (~v[1] >> 5 & 4);
		d->p += 2;
	}
	if (d->mode != X86_MODE_64)
		insn->rex &= ~7;
	insn->prefix |= X86_P_VEX;
	d->vvvv = ~last >> 3 & 15;
	insn->vvvv = d->vvvv & (d->mode == X86_MODE_64 ? 15 : 7);
	insn->vex_l = last >> 2 & 1;
	insn->pp = last & 3;
	d->pp_row = true;
	if (invalid || map < 1 || map > 3)
		return NULL;
	insn->map = map;
	return maps[map - 1];
}

/* The opcode bytes. Returns the node of the last one, d->p behind it; NULL is #UD. */
static const struct x86_node *decode_opcode(struct decoder *d, struct x86_insn *insn)
{
	const struct x86_node *map = x86_map_1b;
	u8 byte = d->b[d->p];

	insn->op_off = d->p;
	if (unlikely(byte == 0xc4 || byte == 0xc5 || byte == 0x62) &&
	    (d->mode == X86_MODE_64 || d->b[d->p + 1] >= 0xc0)) {
		if (byte == 0x62) {
			d->p += 2;
			return NULL; /* EVEX */
		}
		map = decode_vex(d, insn);
		if (!map)
			return NULL;
	} else if (byte == 0x0f) {
		byte = d->b[++d->p];
		map = x86_map_0f;
		insn->map = X86_MAP_0F;
		if ((byte & 0xfd) == 0x38) {
			d->p++;
			insn->map = byte == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
			map = byte == 0x38 ? x86_map_0f38 : x86_map_0f3a;
		}
	}
	insn->opcode = d->b[d->p++];
	return &map[insn->opcode];
}

/* From the opcode's node to the row; reads the modrm byte where a node asks for it. */
static const struct x86_opcode *find_row(struct decoder *d, struct x86_insn *insn,
					 const struct x86_node *node)
{
	u8 modrm = d->b[d->p];
	unsigned int i = 0;

	while (node->how != XN_ROW) {
		switch (node->how) {
		case XN_REG:
			i = modrm >> 3 & 7;
			insn->has_modrm = true;
			break;
		case XN_MOD:
			i = modrm >= 0xc0;
			insn->has_modrm = true;
			break;
		case XN_RM:
			i = modrm & 7;
			insn->has_modrm = true;
			break;
		case XN_PP:
			i = insn->pp;
			d->pp_row = true;
			break;
		case XN_W: i = d->w; break;
		case XN_L: i = insn->vex_l; break;
		case XN_MODE: i = d->mode == X86_MODE_64; break;
		case XN_B: i = insn->rex & 1; break;
		default: return NULL;
		}
		node = (const struct x86_node *)node->p + i;
	}
	return node->p;
}

static u8 operand_size(const struct decoder *d, const struct x86_insn *insn, u32 attr)
{
	bool o16 = insn->prefix & X86_P_66;

	if (attr & X86_T_BYTE)
		return 1;
	if (d->mode == X86_MODE_64) {
		if (attr & X86_T_FORCE64)
			return 8;
		if (d->w)
			return attr & XT_MAX32 ? 4 : 8;
		if (attr & X86_T_NOPREFIX || !o16)
			return attr & X86_T_DEF64 ? 8 : 4;
		return 2;
	}
	if (attr & X86_T_NOPREFIX || insn->prefix & X86_P_VEX)
		return 4;
	return o16 == (d->mode == X86_MODE_32) ? 2 : 4;
}

static u8 address_size(const struct decoder *d, const struct x86_insn *insn)
{
	static const u8 size[][2] = {
		[X86_MODE_16] = { 2, 4 },
		[X86_MODE_32] = { 4, 2 },
		[X86_MODE_64] = { 8, 4 },
	};

	return size[d->mode][(insn->prefix & X86_P_67) != 0];
}

static u16 memory_size(const struct decoder *d, const struct x86_insn *insn, u8 msize)
{
	static const u8 fixed[] = {
		[X86_M_1] = 1,	 [X86_M_2] = 2,	  [X86_M_4] = 4,   [X86_M_8] = 8,
		[X86_M_10] = 10, [X86_M_16] = 16, [X86_M_32] = 32,
	};
	bool w = d->w && d->mode == X86_MODE_64;

	if (msize <= X86_M_32)
		return fixed[msize];
	switch (msize) {
	case X86_M_V: return insn->opsize;
	case X86_M_Y: return w ? 8 : 4;
	case X86_M_X: return 16 << insn->vex_l;
	case X86_M_XH: return 8 << insn->vex_l;
	case X86_M_XQ: return 4 << insn->vex_l;
	case X86_M_XE: return 2 << insn->vex_l;
	case X86_M_FAR: return insn->opsize + 2;
	case X86_M_DESC: return d->mode == X86_MODE_64 ? 10 : 6;
	case X86_M_BOUND: return insn->opsize * 2;
	case X86_M_ENV: return insn->opsize == 2 ? 14 : 28;
	case X86_M_FSAVE: return insn->opsize == 2 ? 94 : 108;
	case X86_M_FXSAVE: return 512;
	default: return 512 + 64; /* X86_M_XSAVE: legacy region and header */
	}
}

static void read_disp(struct decoder *d, struct x86_insn *insn, u8 len)
{
	const u8 *b = d->b + d->p;

	insn->disp_off = d->p;
	insn->disp_len = len;
	if (len == 1)
		insn->disp = (s8)b[0];
	else if (len == 2)
		insn->disp = (s16)(b[0] | b[1] << 8);
	else
		insn->disp = (s32)(b[0] | b[1] << 8 | b[2] << 16 | (u32)b[3] << 24);
	insn->disp64 = (s64)insn->disp;
	d->p += len;
}

static void decode_mem16(struct decoder *d, struct x86_insn *insn)
{
	static const u8 base[8] = {
		X86_RBX, X86_RBX, X86_RBP, X86_RBP, X86_RSI, X86_RDI, X86_RBP, X86_RBX,
	};
	static const u8 index[8] = {
		X86_RSI,      X86_RDI,	    X86_RSI,	  X86_RDI,
		X86_REG_NONE, X86_REG_NONE, X86_REG_NONE, X86_REG_NONE,
	};
	u8 mod = insn->modrm >> 6, rm = insn->modrm & 7;

	insn->index = index[rm];
	if (mod == 0 && rm == 6) {
		read_disp(d, insn, 2);
		return;
	}
	insn->base = base[rm];
	if (mod)
		read_disp(d, insn, mod);
}

static void decode_mem(struct decoder *d, struct x86_insn *insn)
{
	u8 mod = insn->modrm >> 6, base = insn->modrm & 7;
	u8 sib;

	if (base == 4) {
		sib = d->b[d->p++];
		base = sib & 7;
		insn->scale = sib >> 6;
		insn->index = (sib >> 3 & 7) | (insn->rex << 2 & 8);
		if (insn->index == X86_RSP && !(insn->info->attr & X86_T_VSIB))
			insn->index = X86_REG_NONE;
	} else if (base == 5 && mod == 0 && d->mode == X86_MODE_64) {
		insn->base = X86_REG_RIP;
		read_disp(d, insn, 4);
		return;
	}
	if (base == 5 && mod == 0) {
		read_disp(d, insn, 4);
		return;
	}
	insn->base = base | (insn->rex << 3 & 8);
	if (mod)
		read_disp(d, insn, mod == 1 ? 1 : 4);
}

/* REX.R and REX.B do not reach the classes of eight registers. */
static u8 register_number(u8 class, u8 low, bool rex_bit)
{
	if (class == X86_C_MMX || class == X86_C_X87 || class == X86_C_SREG)
		return low;
	return low | (rex_bit && class != X86_C_NONE) << 3;
}

static void decode_modrm(struct decoder *d, struct x86_insn *insn)
{
	const struct x86_opcode *row = insn->info;
	u8 modrm = d->b[d->p++];

	insn->has_modrm = true;
	insn->modrm = modrm;
	insn->reg = register_number(row->reg_class, modrm >> 3 & 7, insn->rex & 4);
	insn->is_mem = modrm < 0xc0 && !(row->attr & XT_MODREG);
	if (!insn->is_mem) {
		insn->rm = register_number(row->rm_class, modrm & 7, insn->rex & 1);
		return;
	}
	insn->rm = modrm & 7;
	if (insn->addrsize == 2)
		decode_mem16(d, insn);
	else
		decode_mem(d, insn);
}

/* Operands that the opcode byte itself names, and moffs. */
static void decode_opcode_register(struct x86_insn *insn)
{
	const struct x86_opcode *row = insn->info;

	if (row->attr & XT_SREG)
		insn->reg = insn->opcode >> 3 & 7;
	else if (row->attr & XT_ACC) {
		/* mov rAX, moffs is presented as the mov with modrm that it abbreviates. */
		insn->reg = X86_RAX;
		insn->opcode ^= 0xa0 ^ 0x88 ^ 2;
		insn->is_mem = true;
	} else if (row->reg_class)
		insn->reg = (insn->opcode & 7) | (insn->rex << 3 & 8);
}

static u64 read_le(const u8 *b, u8 len)
{
	u64 v = 0;

	while (len--)
		v = v << 8 | b[len];
	return v;
}

static u64 sign_extend(u64 v, u8 len)
{
	if (len == 1)
		return (u64)(s8)v;
	if (len == 2)
		return (u64)(s16)v;
	return len == 4 ? (u64)(s32)v : v;
}

static void decode_imm(struct decoder *d, struct x86_insn *insn, u8 kind)
{
	const u8 *b = d->b + d->p;
	u8 len, z = insn->opsize == 2 ? 2 : 4;

	switch (kind) {
	case X86_I_NONE: return;
	case X86_I_8:
	case X86_I_8U:
	case X86_I_REL8:
		len = 1;
		insn->imm = kind == X86_I_8U ? b[0] : (u64)(s8)b[0];
		break;
	case X86_I_16:
		len = 2;
		insn->imm = read_le(b, 2);
		break;
	case X86_I_Z:
	case X86_I_RELZ:
		len = z;
		insn->imm = sign_extend(read_le(b, len), len);
		break;
	case X86_I_V:
		len = insn->opsize;
		insn->imm = sign_extend(read_le(b, len), len);
		break;
	case X86_I_16_8:
		len = 3;
		insn->imm = read_le(b, 2);
		insn->imm2 = b[2];
		break;
	case X86_I_FAR:
		len = z + 2;
		insn->imm = read_le(b, z);
		insn->imm2 = read_le(b + z, 2);
		break;
	default: /* X86_I_MOFFS */
		insn->disp_off = d->p;
		insn->disp_len = insn->addrsize;
		insn->disp64 = read_le(b, insn->addrsize);
		insn->disp = (s32)insn->disp64;
		d->p += insn->addrsize;
		return;
	}
	insn->imm_off = d->p;
	insn->imm_len = len;
	d->p += len;
}

/* Registers that do not exist. */
static bool bad_register(const struct x86_insn *insn)
{
	const struct x86_opcode *row = insn->info;

	switch (row->reg_class) {
	case X86_C_SREG: /* CS cannot be loaded */
		return insn->reg > X86_GS || (insn->reg == X86_CS && row->reg_acc == X86_A_W);
	case X86_C_CR: return !(0x11d >> insn->reg & 1);
	case X86_C_DR: return insn->reg > 7;
	default: return false;
	}
}

/* The rules of #UD that hang on the row; Intel SDM vol. 2, 2.3 and 2.4 for VEX. */
static bool is_invalid(const struct decoder *d, const struct x86_insn *insn)
{
	const struct x86_opcode *row = insn->info;
	u32 attr = row->attr;

	if (attr & (d->mode == X86_MODE_64 ? X86_T_NO64 : X86_T_ONLY64))
		return true;
	if (attr & XT_PPMASK && !(attr >> XT_PPSHIFT >> insn->pp & 1))
		return true;
	if (insn->is_mem ? attr & X86_T_REGONLY : attr & X86_T_MEMONLY)
		return true;
	if (insn->prefix & X86_P_LOCK && !(attr & X86_T_LOCK && insn->is_mem))
		return true;
	if (bad_register(insn))
		return true;
	if (!(insn->prefix & X86_P_VEX))
		return false;
	if (attr & (insn->vex_l ? XT_L0 : XT_L1) || attr & (d->w ? XT_W0 : XT_W1))
		return true;
	if (!row->vvvv_class && d->vvvv)
		return true;
	if (!(attr & X86_T_VSIB))
		return false;
	/* A gather has a vector index, and three different registers. */
	return (insn->modrm & 7) != 4 || insn->addrsize == 2 || insn->reg == insn->index ||
	       insn->reg == insn->vvvv || insn->vvvv == insn->index;
}

static int decode(struct decoder *d, struct x86_insn *insn)
{
	const struct x86_node *node;
	const struct x86_opcode *row;

	if (!decode_prefixes(d, insn))
		return -E2BIG;
	node = decode_opcode(d, insn);
	if (!node)
		return -EINVAL;
	row = find_row(d, insn, node);
	if (!row) {
		d->p += insn->has_modrm;
		return -EINVAL;
	}
	insn->info = row;
	insn->opsize = operand_size(d, insn, row->attr);
	insn->addrsize = address_size(d, insn);
	insn->base = X86_REG_NONE;
	insn->index = X86_REG_NONE;
	if (insn->has_modrm || ((row->rm_class || row->rm_acc) && row->imm != X86_I_MOFFS))
		decode_modrm(d, insn);
	else
		decode_opcode_register(insn);
	insn->seg = insn->base == X86_RSP || insn->base == X86_RBP ? X86_SS : X86_DS;
	if (d->seg != NOSEG) {
		insn->seg = d->seg;
		insn->prefix |= X86_P_SEG;
	}
	if (insn->is_mem ? !(row->attr & X86_T_NOMEM) : !insn->has_modrm)
		insn->memsize = memory_size(d, insn, row->memsize);
	decode_imm(d, insn, row->imm);
	return is_invalid(d, insn) ? -EINVAL : 0;
}

/* Fifteen bytes as two words that overlap: no call, whatever the compiler makes of memcpy. */
static void copy_15(u8 *to, const u8 *from)
{
	u64 a, b;

	__builtin_memcpy(&a, from, 8);
	__builtin_memcpy(&b, from + 7, 8);
	__builtin_memcpy(to, &a, 8);
	__builtin_memcpy(to + 7, &b, 8);
}

/* A loop that stays one: a dozen stores are quicker than the compiler's rep stos. */
static void clear_words(u64 *w, unsigned int n)
{
	for (; n; n--) {
		*w++ = 0;
		__asm__("" : "+r"(w));
	}
}

int x86_decode(struct x86_insn *insn, const u8 *buf, unsigned int avail, enum x86_mode mode)
{
	struct decoder d;
	unsigned int i;
	int r;

	_Static_assert(sizeof(d) % 8 == 0 && sizeof(*insn) % 8 == 0, "cleared by words");
	clear_words((u64 *)&d, sizeof(d) / 8);
	d.mode = mode;
	d.seg = NOSEG;
	if (likely(avail >= X86_INSN_MAX)) {
		avail = X86_INSN_MAX;
		copy_15(d.b, buf);
	} else {
		for (i = 0; i < avail; i++)
			d.b[i] = buf[i];
	}
	clear_words((u64 *)insn, sizeof(*insn) / 8);
	copy_15(insn->bytes, d.b);
	insn->mode = mode;
	r = decode(&d, insn);
	if (!d.pp_row && !(insn->info && insn->info->attr & XT_PPMASK))
		insn->pp = 0;
	if (r == -E2BIG || d.p > avail) {
		insn->len = avail;
		return avail < X86_INSN_MAX ? -EAGAIN : -E2BIG;
	}
	insn->len = d.p;
	return r;
}

const char *x86_op_name(u16 op)
{
#define NAME(name) [X86_OP_##name] = #name,
	static const char *const names[] = { X86_OPS(NAME) };
#undef NAME

	if (op >= X86_OP_COUNT || !names[op])
		return "(bad)";
	return names[op];
}
