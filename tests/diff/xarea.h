/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What two processors may leave in memory when they save the same state with
 * XSAVE, XSAVEOPT or XSAVEC (Intel SDM vol. 1, chapter 13).
 */
#ifndef ANYKVM_DIFF_XAREA_H
#define ANYKVM_DIFF_XAREA_H

#include <stdint.h>

#define XAREA_SIZE 832u			/* legacy region, header, upper halves of YMM0 to YMM15 */
#define XAREA_XSTATE_BV 512u

enum xarea_kind { XAREA_XSAVE, XAREA_XSAVEOPT, XAREA_XSAVEC };

struct xarea_save {
	enum xarea_kind kind;
	uint64_t rfbm;			/* of 7; XCR0 is 7 */
};

/*
 * The area before it was saved to, and after by either one. NULL: both saved the same state, and
 * neither did what it must not; otherwise what is wrong, and where in the area.
 */
const char *xarea_wrong(const struct xarea_save *s, const uint8_t *before, const uint8_t *native,
			const uint8_t *engine, uint32_t *off);

#endif
