// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Messages, traces and the way out. See report.h.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "home/process/topics.h"
#include "host/report.h"

#define MAX_CLEANUPS 16

static void (*cleanups[MAX_CLEANUPS])(void);
static unsigned int nr_cleanups;
static void (*crash_hook)(void);
static atomic_flag ending = ATOMIC_FLAG_INIT;

unsigned int trace_mask;

const struct trace_item trace_items[] = {
	{ "exits", "every return from KVM_RUN, with its reason", TRACE_EXITS },
	{ "io", "every port and MMIO access that reaches a device", TRACE_IO },
	{ "unassigned", "port and MMIO accesses that no device answers", TRACE_UNASSIGNED },
	{ "irq", "every change of an interrupt line", TRACE_IRQ },
	{ "boot", "where the kernel, the initrd and the tables went", TRACE_BOOT },
	{ "reset", "resets and power-off, and what asked for them", TRACE_RESET },
	{ "net", "frames that a network card or back end drops, and why", TRACE_NET },
	{ "virtio", "what virtio drivers and devices agree on, and what drivers do wrong", TRACE_VIRTIO },
#define TOPIC(name, help) { name, help " (bt)", 0 },
	HOME_TOPICS(TOPIC)
#undef TOPIC
	{ NULL, NULL, 0 }
};

static void line(const char *fmt, va_list ap)
{
	char text[2048];
	int n;

	n = vsnprintf(text, sizeof(text) - 1, fmt, ap);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n] = '\n';
	text[n + 1] = '\0';
	/* One write a line, so that lines of two threads do not mix. */
	fflush(stdout);
	fprintf(stderr, "anykvm: %s", text);
	fflush(stderr);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
	end_process(1);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
}

const char *explain(const char *fmt, ...)
{
	static char text[4600];	/* a path, and words around it */
	char new[sizeof(text)];	/* the words may have @text among them */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(new, sizeof(new), fmt, ap);
	va_end(ap);
	return strcpy(text, new);
}

void trace(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n", text);
}

void at_end(void (*fn)(void))
{
	if (nr_cleanups < MAX_CLEANUPS)
		cleanups[nr_cleanups++] = fn;
}

void at_crash(void (*fn)(void))
{
	crash_hook = fn;
}

void run_crash_hook(void)
{
	if (crash_hook)
		crash_hook();
}

void end_process(int status)
{
	/* Two threads may both find that the end has come: the first one does the work. */
	while (atomic_flag_test_and_set(&ending))
		pause();
	while (nr_cleanups)
		cleanups[--nr_cleanups]();
	fflush(stdout);
	fflush(stderr);
	_exit(status);
}
