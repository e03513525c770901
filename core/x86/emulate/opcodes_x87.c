/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The x87 opcodes D8 to DF: for each a memory half by modrm.reg and a register
 * half by modrm.reg and rm. AMD APM vol. 3, table A-10; Intel SDM vol. 2,
 * tables. ST(0) is implied throughout; rm names the other one.
 * The aliases that both vendors execute (DC D0, DD C8, DE D0, DF C8 ...) are rows as well.
 */
#include "x86/emulate/opcodes.h"

/* clang-format off */

#define F(o, ...) ROW(o, NATIVE, X87, NOPREFIX, ##__VA_ARGS__)
#define FENV(o, ...) ROW(o, SPECIAL, X87, 0, ##__VA_ARGS__)
#define FFLAGS FW(ALL, 0)	/* OF, SF and AF are cleared */

/* The eight arithmetic operations with an operand of @size bytes in memory. */
#define ARITH(pre, size) BY_REG( \
	F(pre##ADD, M(R, size)), F(pre##MUL, M(R, size)), \
	F(pre##COM, M(R, size)), F(pre##COMP, M(R, size)), \
	F(pre##SUB, M(R, size)), F(pre##SUBR, M(R, size)), \
	F(pre##DIV, M(R, size)), F(pre##DIVR, M(R, size)))

const struct x86_node x86_map_x87[8][2] = {
	[0] = { ARITH(F, 4),
		BY_REG(F(FADD, STi(R)), F(FMUL, STi(R)), F(FCOM, STi(R)), F(FCOMP, STi(R)),
		       F(FSUB, STi(R)), F(FSUBR, STi(R)), F(FDIV, STi(R)), F(FDIVR, STi(R))) },
	[1] = { BY_REG(F(FLD, M(R, 4)), UD, F(FST, M(W, 4)), F(FSTP, M(W, 4)),
		       FENV(FLDENV, M(R, ENV)), F(FLDCW, M(R, 2)),
		       FENV(FNSTENV, M(W, ENV)), F(FNSTCW, M(W, 2))),
		BY_REG(F(FLD, STi(R)), F(FXCH, STi(RW)), BY_RM(F(FNOP)), F(FSTP, STi(W)),
		       BY_RM(F(FCHS), F(FABS), UD, UD, F(FTST), F(FXAM), UD, UD),
		       BY_RM(F(FLD1), F(FLDL2T), F(FLDL2E), F(FLDPI), F(FLDLG2), F(FLDLN2),
			     F(FLDZ), UD),
		       BY_RM(F(F2XM1), F(FYL2X), F(FPTAN), F(FPATAN), F(FXTRACT), F(FPREM1),
			     F(FDECSTP), F(FINCSTP)),
		       BY_RM(F(FPREM), F(FYL2XP1), F(FSQRT), F(FSINCOS), F(FRNDINT), F(FSCALE),
			     F(FSIN), F(FCOS))) },
	[2] = { ARITH(FI, 4),
		BY_REG(F(FCMOVCC, STi(R), FR(CF)), F(FCMOVCC, STi(R), FR(ZF)),
		       F(FCMOVCC, STi(R), FR(CF | ZF)), F(FCMOVCC, STi(R), FR(PF)),
		       UD, BY_RM(UD, F(FUCOMPP))) },
	[3] = { BY_REG(F(FILD, M(R, 4)), F(FISTTP, M(W, 4)), F(FIST, M(W, 4)), F(FISTP, M(W, 4)),
		       UD, F(FLD, M(R, 10)), UD, F(FSTP, M(W, 10))),
		BY_REG(F(FCMOVCC, STi(R), FR(CF)), F(FCMOVCC, STi(R), FR(ZF)),
		       F(FCMOVCC, STi(R), FR(CF | ZF)), F(FCMOVCC, STi(R), FR(PF)),
		       BY_RM(F(FNENI), F(FNDISI), F(FNCLEX), F(FNINIT), F(FNSETPM)),
		       F(FUCOMI, STi(R), FFLAGS), F(FCOMI, STi(R), FFLAGS), UD) },
	[4] = { ARITH(F, 8),
		BY_REG(F(FADD, STi(RW)), F(FMUL, STi(RW)), F(FCOM, STi(R)), F(FCOMP, STi(R)),
		       F(FSUBR, STi(RW)), F(FSUB, STi(RW)), F(FDIVR, STi(RW)), F(FDIV, STi(RW))) },
	[5] = { BY_REG(F(FLD, M(R, 8)), F(FISTTP, M(W, 8)), F(FST, M(W, 8)), F(FSTP, M(W, 8)),
		       FENV(FRSTOR, M(R, FSAVE)), UD, FENV(FNSAVE, M(W, FSAVE)),
		       F(FNSTSW, M(W, 2))),
		BY_REG(F(FFREE, STi(R)), F(FXCH, STi(RW)), F(FST, STi(W)), F(FSTP, STi(W)),
		       F(FUCOM, STi(R)), F(FUCOMP, STi(R)), UD, UD) },
	[6] = { ARITH(FI, 2),
		BY_REG(F(FADDP, STi(RW)), F(FMULP, STi(RW)), F(FCOMP, STi(R)),
		       BY_RM(UD, F(FCOMPP)),
		       F(FSUBRP, STi(RW)), F(FSUBP, STi(RW)),
		       F(FDIVRP, STi(RW)), F(FDIVP, STi(RW))) },
	[7] = { BY_REG(F(FILD, M(R, 2)), F(FISTTP, M(W, 2)), F(FIST, M(W, 2)), F(FISTP, M(W, 2)),
		       F(FBLD, M(R, 10)), F(FILD, M(R, 8)), F(FBSTP, M(W, 10)), F(FISTP, M(W, 8))),
		BY_REG(F(FFREEP, STi(R)), F(FXCH, STi(RW)), F(FSTP, STi(W)), F(FSTP, STi(W)),
		       BY_RM(F(FNSTSW, RR(RAX), RW(RAX))),
		       F(FUCOMIP, STi(R), FFLAGS), F(FCOMIP, STi(R), FFLAGS), UD) },
};
