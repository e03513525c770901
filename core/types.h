/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The few words that every file of the core speaks: fixed-width integers,
 * errno values, and a handful of helpers. No system header stands behind it
 * but the kernel's own UAPI.
 *
 * plat_types.h (one a home, chosen by -I) defines them: u8 ... s64, bool,
 * size_t, offsetof, errno values, ARRAY_SIZE, BIT, BIT_ULL, likely, unlikely,
 * container_of, min, max, ALIGN_DOWN, READ_ONCE, WRITE_ONCE, memcpy, memmove,
 * memset, memcmp, PAGE_SHIFT, PAGE_SIZE, PAGE_MASK. Two things differ: BIT()
 * may be an int's or a long's width, and min() and max() may insist on two
 * operands of one type.
 */
#ifndef ANYKVM_TYPES_H
#define ANYKVM_TYPES_H

#include "plat_types.h"

#define ALIGN_UP(x, a) ALIGN_DOWN((x) + (a) - 1, a)

#endif
