/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine's life: built, loaded, run, paused, reset, ended.
 */
#ifndef ANYKVM_HOST_MACHINE_MACHINE_H
#define ANYKVM_HOST_MACHINE_MACHINE_H

#include "host/boot/boot.h"
#include "host/bus/pci.h"
#include "host/options.h"
#include "host/vm.h"

/* Runs until its end; returns the process's exit status. */
int machine_run(const struct config *cfg, struct vm *vm, struct boot *boot);

/* Ask for a reset or the end for the guest, with the machine lock held. */
void machine_ask(enum machine_request what, const char *why);
/* The same for the user; @cause is QMP's word for it ("host-signal", "host-qmp-quit"). */
void machine_ask_host(enum machine_request what, const char *cause);

/* --- whether the guest runs; all with the machine lock held --- */

enum machine_state {
	STATE_PRELAUNCH,	/* -S, and no cont yet */
	STATE_RUNNING,
	STATE_PAUSED,		/* by the user */
	STATE_SHUTDOWN,		/* the guest powered off, and -no-shutdown keeps it */
	STATE_IO_ERROR,		/* werror=stop, rerror=stop */
	STATE_INTERNAL_ERROR,
	STATES
};

enum machine_state machine_state(void);
const char *machine_state_name(enum machine_state state);	/* QMP's: "io-error" */

/*
 * Stop all vCPUs; does nothing unless they run. In the event loop they have stopped when it returns
 * (the lock is released meanwhile); from a vCPU's thread it happens soon.
 */
void machine_pause(enum machine_state why);
/* From anywhere, without waiting: for who is in the middle of something. */
void machine_pause_soon(enum machine_state why);
/* From the event loop. NULL, or why not. */
const char *machine_resume(void);
/* From the event loop: all vCPUs are out of KVM_RUN until the second call, whatever the state is. */
void machine_hold(void);
void machine_release(void);

/* The power button, which the board has; NULL: it has none. */
extern void (*machine_power_button)(void);

/* For the monitor: what the machine was made of. */
const struct config *machine_config(void);
struct bus *machine_bus(void);
const struct vm *machine_vm(void);
struct pci_bus *machine_pci(void);

#endif
