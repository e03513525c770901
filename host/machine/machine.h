/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine's life: built, loaded, run, reset, ended.
 */
#ifndef ANYKVM_HOST_MACHINE_MACHINE_H
#define ANYKVM_HOST_MACHINE_MACHINE_H

#include "host/boot/boot.h"
#include "host/bus/bus.h"
#include "host/options.h"
#include "host/vm.h"

/* Runs until its end; returns the process's exit status. */
int machine_run(const struct config *cfg, struct vm *vm, struct boot *boot);

/* Ask for a reset or the end, with the machine lock held. */
void machine_ask(enum machine_request what, const char *why);

#endif
