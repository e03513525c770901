// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Is it the same state that two processors saved, and did they write nothing else?
 *
 * Not the same bytes: of a component in its initial state a processor may say
 * that it is in use or that it is not, and may change its mind between two
 * instructions, for instance because the host's kernel saved and restored the
 * state at a context switch (SDM vol. 1, 13.6: XINUSE "may be either 0 or 1",
 * and 13.8.3 for XRSTOR). XSAVE shows that in XSTATE_BV (13.7), XSAVEOPT and
 * XSAVEC also in whether they write the component's bytes (13.9, 13.10).
 * That is all that may differ, and only if the bytes of the one who wrote them
 * are the initial ones. The modified optimization (13.6) makes no difference:
 * the area has never been the operand of an XRSTOR.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "xarea.h"

#define COMPACT (1ull << 63)
#define MXCSR 24u
#define MXCSR_INIT 0x1f80u
#define SSE 2u

/* Who owns a byte: a component's number, or one of these. */
enum { OWNER_MXCSR = 3, OWNER_BV, OWNER_XCOMP, OWNER_NONE };

static const struct {
	uint32_t end;
	uint8_t owner;
} owners[] = {
	{ 24, 0 }, { 32, OWNER_MXCSR }, { 160, 0 }, { 416, 1 }, { 512, OWNER_NONE },
	{ 520, OWNER_BV }, { 528, OWNER_XCOMP }, { 576, OWNER_NONE }, { XAREA_SIZE, 2 },
};

static uint32_t owner_of(uint32_t off)
{
	uint32_t i = 0;

	while (off >= owners[i].end)
		i++;
	return owners[i].owner;
}

/* The last x87 instruction's opcode and pointers: the engine has none, and processors differ. */
static bool x87_pointer(uint32_t off)
{
	return off >= 6 && off < 24;
}

static uint64_t word(const uint8_t *area, uint32_t off)
{
	uint64_t v;

	memcpy(&v, area + off, 8);
	return v;
}

static uint64_t in_use(const struct xarea_save *s, const uint8_t *after)
{
	return word(after, XAREA_XSTATE_BV) & s->rfbm;
}

static bool written(const struct xarea_save *s, const uint8_t *after, uint32_t owner)
{
	switch (owner) {
	case OWNER_NONE:
		return false;
	case OWNER_BV:
		return true;
	case OWNER_XCOMP:
		return s->kind == XAREA_XSAVEC;
	case OWNER_MXCSR:		/* of SSE, but XSAVE and XSAVEOPT save it for AVX too */
		return s->kind == XAREA_XSAVEC ? in_use(s, after) & SSE : s->rfbm & 6;
	default:
		return (s->kind == XAREA_XSAVE ? s->rfbm : in_use(s, after)) >> owner & 1;
	}
}

/* Are the bytes of @component, which were written, those of its initial state? */
static bool initial(const struct xarea_save *s, const uint8_t *after, uint32_t component)
{
	uint32_t off;

	for (off = 0; off < XAREA_SIZE; off++) {
		if (owner_of(off) != component || x87_pointer(off))
			continue;
		if (after[off] != (off == 0 ? 0x7f : off == 1 ? 0x03 : 0))
			return false;
	}
	/* To XSAVEC, SSE is in use when MXCSR is not as at RESET (13.10). */
	return s->kind != XAREA_XSAVEC || 1u << component != SSE ||
	       (uint32_t)word(after, MXCSR) == MXCSR_INIT;
}

/* What the manual says of one of them alone. */
static const char *wrong_alone(const struct xarea_save *s, const uint8_t *before,
			       const uint8_t *after, uint32_t *off)
{
	uint64_t bv = word(after, XAREA_XSTATE_BV), i;

	for (*off = 0; *off < XAREA_SIZE; ++*off)
		if (!written(s, after, owner_of(*off)) && after[*off] != before[*off])
			return "a byte that is not saved has changed";
	*off = XAREA_XSTATE_BV;
	if (s->kind == XAREA_XSAVEC ? bv & ~s->rfbm :
				      (bv ^ word(before, XAREA_XSTATE_BV)) & ~s->rfbm)
		return "XSTATE_BV: a bit that was not asked for";
	for (i = 0; i < 3; i++)
		if ((s->rfbm & ~bv) >> i & 1 && written(s, after, i) && !initial(s, after, i))
			return "XSTATE_BV calls initial what is not";
	*off = XAREA_XSTATE_BV + 8;
	if (s->kind == XAREA_XSAVEC && word(after, *off) != (s->rfbm | COMPACT))
		return "XCOMP_BV";
	return NULL;
}

const char *xarea_wrong(const struct xarea_save *s, const uint8_t *before, const uint8_t *native,
			const uint8_t *engine, uint32_t *off)
{
	uint64_t one = in_use(s, native) ^ in_use(s, engine);
	const char *wrong = wrong_alone(s, before, native, off);
	uint32_t i;

	if (wrong)
		return wrong;
	wrong = wrong_alone(s, before, engine, off);
	if (wrong)
		return wrong;
	*off = XAREA_XSTATE_BV;
	for (i = 0; i < 3; i++)
		if (one >> i & 1 && !initial(s, in_use(s, native) >> i & 1 ? native : engine, i))
			return "in use for one of them, and not in its initial state";
	for (*off = 0; *off < XAREA_SIZE; ++*off) {
		uint32_t owner = owner_of(*off);

		if (owner == OWNER_BV || x87_pointer(*off) || native[*off] == engine[*off])
			continue;
		if (written(s, native, owner) && written(s, engine, owner))
			return "saved differently";
	}
	return NULL;
}
