/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Memory types: MTRRs and the PAT (APM vol. 2, 7.7 and 7.8). Memory of a
 * process is write-back whatever they say; they are kept and checked because
 * firmware and kernels read back what they wrote.
 */
#include "core-int.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

#define MTRRCAP (BIT_ULL(10) | BIT_ULL(8) | MTRR_VARIABLE)	/* WC, fixed ranges */
#define MTRR_FIRST_FIXED (0x200 + 2 * MTRR_VARIABLE)	/* at least: what follows is at 0x250 */
#define PAT_RESET 0x0007040600070406ull

static bool valid_type(u8 t, bool pat)
{
	return t == 0 || t == 1 || t == 4 || t == 5 || t == 6 || (pat && t == 7);
}

static bool valid_types(u64 val, bool pat)
{
	for (; val; val >>= 8)
		if (!valid_type(val, pat))
			return false;
	return true;
}

static int fixed_index(u32 index)
{
	if (index == 0x250)
		return 0;
	if (index <= 0x259)
		return index - 0x258 + 1;
	return index - 0x268 + 3;
}

int mtrr_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	if (index == MSR_MTRRCAP)
		*val = MTRRCAP;
	else if (index == MSR_MTRR_DEFTYPE)
		*val = v->msrs->mtrr_deftype;
	else if (index < MTRR_FIRST_FIXED)
		*val = v->msrs->mtrr_var[index - 0x200];
	else
		*val = v->msrs->mtrr_fix[fixed_index(index)];
	return 0;
}

int mtrr_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	u64 high = ~((1ull << v->cpu.maxphyaddr) - 1);

	if (index == MSR_MTRR_DEFTYPE) {
		if ((val & ~0xcffull) || !valid_type(val, false))
			return -EINVAL;
		v->msrs->mtrr_deftype = val;
	} else if (index < MTRR_FIRST_FIXED) {
		if ((val & high) || (val & (index & 1 ? 0x7ffull : 0xf00ull)) ||
		    (!(index & 1) && !valid_type(val, false)))
			return -EINVAL;
		v->msrs->mtrr_var[index - 0x200] = val;
	} else {
		if (!valid_types(val, false))
			return -EINVAL;
		v->msrs->mtrr_fix[fixed_index(index)] = val;
	}
	return 0;
}

int pat_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = v->cpu.pat;
	return 0;
}

int pat_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!valid_types(val, true))
		return -EINVAL;
	v->cpu.pat = val;
	return 0;
}

void mtrr_reset(struct vcpu *v)
{
	v->cpu.pat = PAT_RESET;
	v->msrs->mtrr_deftype = 0;
	memset(v->msrs->mtrr_var, 0, sizeof(v->msrs->mtrr_var));
	memset(v->msrs->mtrr_fix, 0, sizeof(v->msrs->mtrr_fix));
}
