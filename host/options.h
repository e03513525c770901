/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line, parsed: what the user asked for, checked as far as words alone can be.
 */
#ifndef ANYKVM_HOST_OPTIONS_H
#define ANYKVM_HOST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_SERIAL 4
#define MAX_CPUS 255u		/* APIC ids of 8 bits; 255 is "all" */

struct topology {
	unsigned int cpus;
	unsigned int sockets, cores, threads;	/* cores a socket, threads a core */
};

struct config {
	uint64_t ram_size;
	struct topology smp;
	const char *cpu;		/* MODEL[,FEATURE=on|off,...], checked by cpuid.c */
	const char *kernel, *initrd, *append;
	const char *serial[MAX_SERIAL];
	unsigned int nr_serial;
	bool nographic, no_reboot;
	const char *accel;
	bool accel_chosen;
};

/* Ends the process on -help, -version and wrong input. */
void options_parse(struct config *cfg, int argc, char **argv);

#endif
