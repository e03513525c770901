/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -sandbox: what the process may still do when the guest runs. */
#ifndef ANYKVM_HOST_SANDBOX_H
#define ANYKVM_HOST_SANDBOX_H

#include <stdbool.h>

/* From here on, in all threads, only the calls of the list; another one ends the process. Dies. */
void sandbox_enter(void);

/* The option, if any, that starts programs while the guest runs: it needs -sandbox off. */
extern const char *sandbox_wants_programs;
/* Something makes sockets, and calls others, while the guest runs; those that listen are there before. */
extern bool sandbox_wants_sockets;

#endif
