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
	bool nographic, no_reboot, no_shutdown;
	bool paused;			/* -S */
	const char *name;		/* of the guest, or NULL */
	bool have_uuid;
	uint8_t uuid[16];		/* in the order in which it is written */
	const char *accel;
	bool accel_chosen;
};

struct option {
	const char *name;
	const char *arg;	/* NULL: takes none */
	const char *help;	/* NULL: another name of an option that -help lists */
	void (*parse)(struct config *cfg, const char *val);
};

/*
 * The options of one part of the host, which ends its file with OPTIONS_REGISTER(). All parts parse
 * first; then each, by @order, opens its files and sockets, before the machine is built; then, when
 * it is built and before the first CPU runs, each starts.
 */
struct option_group {
	const char *title;
	unsigned int order;
	const struct option *options;
	unsigned int nr;
	void (*open)(const struct config *cfg);
	void (*start)(const struct config *cfg);
};

enum { ORDER_MACHINE = 10, ORDER_OBJECT = 15, ORDER_CHARDEV = 20, ORDER_BLOCK = 30, ORDER_NET = 40,
       ORDER_DEVICE = 50, ORDER_DISPLAY = 60, ORDER_CONTROL = 70, ORDER_RIGHTS = 0,
       ORDER_SANDBOX = 1000 };

#define OPTIONS_REGISTER(group)							\
	static const struct option_group *const group##_registered		\
		__attribute__((used, section("anykvm_options"))) = &(group)

void options_open(const struct config *cfg);
void options_start(const struct config *cfg);

/* Ends the process on -help, -version and wrong input. */
void options_parse(struct config *cfg, int argc, char **argv);

#endif
