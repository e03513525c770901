/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of the test "program": random programs of user code, run by the
 * processor in a child process and by the engine as the user code of a VM, at
 * the same linear addresses.
 *
 *	program-make.c		makes one from a seed
 *	program-native.c	the child: the processor runs it
 *	program-guest.c		the VM: the engine runs it
 *	program.c		runs both and compares
 *
 * Everything that happens to a program is a fault: its end (HLT is #GP), an
 * exception, and the pages that are not there or read-only and become more as
 * they are touched, whereupon it goes on. Each is an event with all registers.
 */
#ifndef ANYKVM_DIFF_PROGRAM_H
#define ANYKVM_DIFF_PROGRAM_H

#include "random.h"

#define XSAVE_LEN 832u

/* Where a program lives: places whose neighbours are not mapped. */
enum area { AREA_LOW, AREA_HIGH, AREA_FAR, AREA_STACK, AREA_CODE, AREAS };

#define AREA_PAGES 8u			/* of each but stack and code */
#define STACK_PAGES 4u
#define CODE_PAGES 4u
#define ALL_PAGES (3 * AREA_PAGES + STACK_PAGES + CODE_PAGES)
#define ALL_BYTES (ALL_PAGES * 4096u)

/* Of the low slot of windows, the stack's, and one that is neither (engine/bt/window.h). */
#define LOW_AT 0x10000000ull
#define LOW_CODE_AT 0x10800000ull
#define LOW_STACK_AT 0x10c00000ull
#define LOW_FAR_AT 0x20000000ull
#define HIGH_AT 0x7e1000000000ull
#define HIGH_CODE_AT 0x7e1000800000ull
#define HIGH_STACK_AT 0x7e1000c00000ull
#define FAR_AT 0x300000000000ull
#define SYSTEM_AT 0x11000000ull		/* the VM's own, for supervisors */

enum right { RIGHT_NONE, RIGHT_READ, RIGHT_WRITE };

struct program {
	u32 seed;
	enum x86_mode mode;
	u64 at[AREAS];			/* linear address of each area */
	u64 entry, end;			/* end: of the code that is meant to run */
	u64 gpr[16], rflags, fs, gs;
	u32 rounds;			/* how often it runs, memory as the last round left it */
	u8 right[ALL_PAGES];		/* enum right at the start */
	u8 reset[ALL_PAGES];		/* after each round: RIGHT_WRITE leaves a page as it is */
	bool trace;			/* short enough for a look at every instruction */
	u64 watch;			/* with trace: eight bytes that are written now and then */
	u8 xsave[XSAVE_LEN] __attribute__((aligned(64)));
	u8 code[CODE_PAGES * 4096];
	u32 ninsns;			/* random instructions, which a failing case may do without */
	struct {
		u16 off, len;
	} insn[1024];
};

#define MAX_EVENTS 96u

struct event {
	u32 vector, error;
	u64 rip, addr;
	u64 gpr[16];
};

#define MAX_TRACE 4096u

struct state {
	u64 rip, rflags, sum;		/* sum: of the general registers */
	u64 watched;			/* what stands at program.watch */
};

struct outcome {
	u32 nevents;
	struct event event[MAX_EVENTS];
	u64 rflags;			/* at the end */
	u8 xsave[XSAVE_LEN] __attribute__((aligned(64)));
	u64 page[ALL_PAGES];		/* a sum of each page's bytes */
	u32 ntrace;			/* states before each instruction; with program.trace */
	struct state trace[MAX_TRACE];
};

/* Pages of the areas, in their order. */
static inline u32 area_first(enum area a)
{
	return a <= AREA_STACK ? a * AREA_PAGES : 3 * AREA_PAGES + STACK_PAGES;
}

static inline u32 area_pages(enum area a)
{
	return a < AREA_STACK ? AREA_PAGES : a == AREA_STACK ? STACK_PAGES : CODE_PAGES;
}

/* The number of the page at @lin, or -1. */
int program_page(const struct program *p, u64 lin);
/* What a fault on @page gives it, when it has @now. */
enum right program_grant(const struct program *p, u32 page, bool write, enum right now);
/* Memory as the program finds it, @image of ALL_BYTES. */
void program_fill(const struct program *p, u8 *image);
u64 program_sum(const void *bytes, u32 len);
void program_describe(const struct program *p);

void program_make(struct program *p, u32 seed);

/* ---- the processor ---- */
void native_start(void);
/* Outcomes of @n programs; @image (may be NULL): memory after the last one. */
void native_run(const struct program *p, u32 n, struct outcome *o, u8 *image);

/* ---- the engine ---- */
enum how { HOW_FREE, HOW_KICKED, HOW_STEPPED, HOW_WATCHED };
void guest_start(void);
/* NULL, or what went wrong on the way: all but HOW_FREE look at the trace in @want. */
const char *guest_run(const struct program *p, enum how how, const struct outcome *want,
		      struct outcome *o);
extern u8 *guest_image;

#endif
