/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads of the host's own, beside those of the vCPUs and the event loop's.
 */
#ifndef ANYKVM_HOST_THREAD_H
#define ANYKVM_HOST_THREAD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Start a thread that nobody waits for, with @stack bytes of stack (0: as many as usual). It gets no
 * signals but those that are its own faults. @name is for ps; NULL from the sandbox on, where /proc
 * may not be written. False: it cannot be had.
 */
bool thread_start(const char *name, size_t stack, void *(*fn)(void *arg));

#endif
