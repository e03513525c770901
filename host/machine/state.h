/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the machine's life (machine.c) tells its state (state.c). The rest is in machine.h. */
#ifndef ANYKVM_HOST_MACHINE_STATE_H
#define ANYKVM_HOST_MACHINE_STATE_H

#include <stdbool.h>

/* The vCPUs' threads are there, paused; this is the event loop's thread. */
void state_begin(bool run);
/* After a reset a machine that was shut down may go on. */
void state_was_reset(void);
/* A turn of the loop has ended: what vCPUs' threads asked for is done. */
void state_serve(void);

#endif
