/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host says to its user, and the one way out of the process.
 *
 * Every message is one line on standard error that begins with "anykvm: ". die() is for
 * wrong input and for what cannot go on; it never returns, and like every other way out it
 * runs the cleanups (terminal, buffered console output) first.
 */
#ifndef ANYKVM_HOST_REPORT_H
#define ANYKVM_HOST_REPORT_H

#include <stdbool.h>
#include <stdnoreturn.h>

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), __noreturn__));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What is wrong, in words, for who will say it: a text that stands until the next call. */
const char *explain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Run @fn before the process ends, whichever way it ends; the last one added runs first. */
void at_end(void (*fn)(void));
/* Run the cleanups once, then leave at once: other threads may still be running. */
void end_process(int status) __attribute__((__noreturn__));
/* The part of the above that a signal handler may do: the terminal only. */
void at_crash(void (*fn)(void));
void run_crash_hook(void);

/* -d: what is traced; the names stand in trace_items[]. */
enum trace {
	TRACE_EXITS	= 1 << 0,
	TRACE_IO	= 1 << 1,
	TRACE_UNASSIGNED = 1 << 2,
	TRACE_IRQ	= 1 << 3,
	TRACE_BOOT	= 1 << 4,
	TRACE_RESET	= 1 << 5,
	TRACE_NET	= 1 << 6,
	TRACE_VIRTIO	= 1 << 7,
};

struct trace_item {
	const char *name;
	const char *help;
	unsigned int bit;	/* 0: the library's own, handed to it in ANYKVM_TRACE */
};

extern const struct trace_item trace_items[];
extern unsigned int trace_mask;

static inline bool tracing(enum trace bit)
{
	return __builtin_expect(trace_mask & bit, 0);
}

void trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
