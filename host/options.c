// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The command line: tables, a row an option; the machine's own stands here, the other parts of the
 * host bring theirs. The names and the forms of their arguments are QEMU's, which people and tools
 * know. What is in no table is refused by name, with the nearest name that is.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "host/accel.h"
#include "host/block/drive.h"
#include "host/bus/bus.h"
#include "host/chardev.h"
#include "host/cpuid.h"
#include "host/keyval.h"
#include "host/nearest.h"
#include "host/options.h"
#include "host/report.h"

#ifndef ANYKVM_VERSION
#define ANYKVM_VERSION "unknown"
#endif

#define MIB (1ull << 20)
#define DEFAULT_RAM (512 * MIB)

#define MAX_GROUPS 32
#define MAX_NAMES 128

extern const struct option_group *const __start_anykvm_options[];
extern const struct option_group *const __stop_anykvm_options[];

static const struct option_group *groups[MAX_GROUPS];
static unsigned int nr_groups;

/* --- one parser an option --- */

static uint64_t ram_size(const char *val)
{
	uint64_t n;

	if (!parse_size(val, MIB, &n))
		die("-m %s: not an amount of memory; write it like 512M or 2G", val);
	if (n > 1ull << 60)
		die("-m %s: more memory than a PC can address", val);
	if (n < MIB)
		die("-m %s: a PC needs at least 1M of memory (a Linux kernel needs tens)", val);
	return (n + 0xfff) & ~0xfffull;
}

static void parse_m(struct config *cfg, const char *val)
{
	if (strchr(val, ','))
		die("-m %s: memory slots and maxmem are not built; give the amount alone, like -m 2G",
		    val);
	if (!strncmp(val, "size=", 5))
		val += 5;
	cfg->ram_size = ram_size(val);
}

static unsigned int parse_count(const char *opt, const char *what, const char *val, size_t len,
				const char *whole)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(val, &end, 10);
	if (!len || !isdigit((unsigned char)*val) || end != val + len || errno)
		die("%s %s: %s must be a whole number from 1 to %u", opt, whole, what, MAX_CPUS);
	if (!n || n > MAX_CPUS)
		die("%s %s: %s must be from 1 to %u", opt, whole, what, MAX_CPUS);
	return (unsigned int)n;
}

static void parse_smp(struct config *cfg, const char *val)
{
	static const char *const keys[] = { "cpus", "sockets", "cores", "threads", "maxcpus" };
	unsigned int given[ARRAY_SIZE(keys)] = { 0 };
	struct topology *t = &cfg->smp;
	const char *p = val;
	unsigned int i;

	for (;;) {
		size_t len = strcspn(p, ","), key = strcspn(p, "=,");

		if (p[key] != '=') {
			if (p != val)
				die("-smp %s: '%.*s' is not KEY=N", val, (int)len, p);
			given[0] = parse_count("-smp", "the number of CPUs", p, len, val);
		} else {
			for (i = 0; i < ARRAY_SIZE(keys); i++)
				if (strlen(keys[i]) == key && !strncmp(keys[i], p, key))
					break;
			if (i == ARRAY_SIZE(keys))
				die("-smp %s: '%.*s' is none of cpus, sockets, cores, threads, maxcpus",
				    val, (int)key, p);
			given[i] = parse_count("-smp", keys[i], p + key + 1, len - key - 1, val);
		}
		if (!p[len])
			break;
		p += len + 1;
	}
	t->threads = given[3] ? given[3] : 1;
	if (!given[0] && !given[2] && !given[1])
		given[0] = given[4] ? given[4] : t->threads;
	/* What is not said follows from the rest, cores before sockets, as QEMU does since 6.2. */
	t->sockets = given[1] ? given[1] : 1;
	t->cores = given[2];
	if (!t->cores)
		t->cores = given[0] ? given[0] / (t->sockets * t->threads) : 1;
	else if (!given[1] && given[0])
		t->sockets = given[0] / (t->cores * t->threads);
	t->cpus = given[0] ? given[0] : t->sockets * t->cores * t->threads;
	if (t->sockets * t->cores * t->threads != t->cpus)
		die("-smp %s: %u sockets x %u cores x %u threads are not %u CPUs", val, t->sockets,
		    t->cores, t->threads, t->cpus);
	if (given[4] && given[4] != t->cpus)
		die("-smp %s: CPU hotplug is not built; leave maxcpus out or make it %u", val,
		    t->cpus);
}

static void parse_cpu(struct config *cfg, const char *val)
{
	if (!strcmp(val, "help") || !strcmp(val, "?")) {
		cpu_help();
		end_process(0);
	}
	cpu_check(val);
	cfg->cpu = val;
}

static void parse_kernel(struct config *cfg, const char *val)
{
	cfg->kernel = val;
}

static void parse_initrd(struct config *cfg, const char *val)
{
	cfg->initrd = val;
}

static void parse_append(struct config *cfg, const char *val)
{
	cfg->append = val;
}

static void parse_nographic(struct config *cfg, const char *val)
{
	(void)val;
	cfg->nographic = true;
}

static void parse_serial(struct config *cfg, const char *val)
{
	if (cfg->nr_serial == MAX_SERIAL)
		die("-serial %s: a PC has %d serial ports and all have been given", val, MAX_SERIAL);
	chardev_check("-serial", val);
	cfg->serial[cfg->nr_serial++] = val;
}

static void parse_accel(struct config *cfg, const char *val)
{
	const char *bad;
	size_t len;

	if (!strcmp(val, "help") || !strcmp(val, "?")) {
		accel_help();
		end_process(0);
	}
	if (!accel_list_valid(val, &bad, &len))
		die("-accel %s: there is no accelerator '%.*s'; there are kvm and bt", val,
		    (int)len, bad);
	cfg->accel = val;
	cfg->accel_chosen = true;
}

static void parse_no_reboot(struct config *cfg, const char *val)
{
	(void)val;
	cfg->no_reboot = true;
}

static void parse_no_shutdown(struct config *cfg, const char *val)
{
	(void)val;
	cfg->no_shutdown = true;
}

static void parse_S(struct config *cfg, const char *val)
{
	(void)val;
	cfg->paused = true;
}

static void parse_name(struct config *cfg, const char *val)
{
	struct keyval *kv = keyval_parse("-name", val, "guest");
	const char *guest = keyval_take(kv, "guest"), *process = keyval_take(kv, "process");

	/* Threads have their names in any case. */
	keyval_take_bool(kv, "debug-threads", true);
	if (process)
		prctl(PR_SET_NAME, process);
	cfg->name = guest ? strdup(guest) : NULL;
	keyval_end(kv);
}

static void parse_uuid(struct config *cfg, const char *val)
{
	unsigned int i, at = 0, byte;

	for (i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && val[at++] != '-')
			break;
		if (!isxdigit((unsigned char)val[at]) || sscanf(val + at, "%2x", &byte) != 1 ||
		    !isxdigit((unsigned char)val[at + 1]))
			break;
		cfg->uuid[i] = (uint8_t)byte;
		at += 2;
	}
	if (i < 16 || val[at])
		die("-uuid %s: must be like 550e8400-e29b-41d4-a716-446655440000", val);
	cfg->have_uuid = true;
}

static void trace_help(void)
{
	const struct trace_item *t;

	printf("What -d can trace, as a list with commas:\n");
	for (t = trace_items; t->name; t++)
		printf("  %-12s %s\n", t->name, t->help);
}

static void parse_d(struct config *cfg, const char *val)
{
	const char *names[32], *p = val;
	const struct trace_item *t;
	char library[256] = "";
	size_t len, n;

	(void)cfg;
	if (!strcmp(val, "help") || !strcmp(val, "?")) {
		trace_help();
		end_process(0);
	}
	for (;; p += len + 1) {
		len = strcspn(p, ",");
		for (t = trace_items, n = 0; t->name; t++) {
			if (strlen(t->name) == len && !strncmp(t->name, p, len))
				break;
			names[n++] = t->name;
		}
		if (!t->name)
			die("-d %s: nothing is traced by the name '%.*s'; did you mean '%s'? (-d help lists all)",
			    val, (int)len, p, nearest(p, len, names, n));
		trace_mask |= t->bit;
		if (!t->bit && strlen(library) + len + 2 < sizeof(library))
			snprintf(library + strlen(library), sizeof(library) - strlen(library),
				 "%s%s", library[0] ? "," : "", t->name);
		if (!p[len])
			break;
	}
	if (library[0])
		setenv("ANYKVM_TRACE", library, 1);
}

static noreturn void parse_version(struct config *cfg, const char *val)
{
	(void)cfg;
	(void)val;
	printf("anykvm %s\n", ANYKVM_VERSION);
	end_process(0);
}

static noreturn void parse_help(struct config *cfg, const char *val);

static const struct option machine_options[] = {
	{ "m", "SIZE", "memory of the guest, like 512M or 2G (default 512M)", parse_m },
	{ "smp", "N[,sockets=N][,cores=N][,threads=N]", "number of CPUs (default 1)", parse_smp },
	{ "cpu", "MODEL[,FEATURE=on|off]", "processor that the guest sees; -cpu help lists",
	  parse_cpu },
	{ "kernel", "FILE", "Linux kernel to boot: bzImage, or ELF vmlinux", parse_kernel },
	{ "initrd", "FILE", "initial RAM disk for the kernel", parse_initrd },
	{ "append", "TEXT", "command line of the kernel", parse_append },
	{ "nographic", NULL, "no display: serial port on this terminal", parse_nographic },
	{ "serial", "WHERE", "serial port: stdio, mon:stdio, file:PATH, pty, unix:PATH,server=on, null ...",
	  parse_serial },
	{ "accel", "NAME[:NAME]", "what runs the guest's code: kvm, bt (default kvm:bt)",
	  parse_accel },
	{ "no-reboot", NULL, "end when the guest resets", parse_no_reboot },
	{ "no-shutdown", NULL, "stay, paused, when the guest powers off", parse_no_shutdown },
	{ "S", NULL, "do not start the CPUs; the monitor's cont does", parse_S },
	{ "name", "GUEST[,process=NAME]", "name of the guest, for lists; of the process", parse_name },
	{ "uuid", "UUID", "the machine's UUID", parse_uuid },
	{ "d", "ITEM[,ITEM]", "trace to standard error; -d help lists", parse_d },
	{ "version", NULL, "print the version", parse_version },
	{ "help", NULL, "print this", parse_help },
	{ "h", NULL, NULL, parse_help },
};

static const struct option_group machine_group = {
	.title = "Machine",
	.order = ORDER_MACHINE,
	.options = machine_options,
	.nr = ARRAY_SIZE(machine_options),
};
OPTIONS_REGISTER(machine_group);

/* --- all groups --- */

static __attribute__((constructor)) void collect_groups(void)
{
	const struct option_group *const *g;
	unsigned int at;

	for (g = __start_anykvm_options; (uintptr_t)g < (uintptr_t)__stop_anykvm_options; g++) {
		if (nr_groups == MAX_GROUPS)
			die("more than %d groups of options", MAX_GROUPS);
		for (at = nr_groups; at && groups[at - 1]->order > (*g)->order; at--)
			groups[at] = groups[at - 1];
		groups[at] = *g;
		nr_groups++;
	}
}

void options_open(const struct config *cfg)
{
	unsigned int i;

	for (i = 0; i < nr_groups; i++)
		if (groups[i]->open)
			groups[i]->open(cfg);
}

void options_start(const struct config *cfg)
{
	unsigned int i;

	for (i = 0; i < nr_groups; i++)
		if (groups[i]->start)
			groups[i]->start(cfg);
}

static void help_line(const struct option *o)
{
	char left[96];

	snprintf(left, sizeof(left), "-%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	if (strlen(left) > 28)
		printf("  %s\n  %28s %s\n", left, "", o->help);
	else
		printf("  %-28s %s\n", left, o->help);
}

static noreturn void parse_help(struct config *cfg, const char *val)
{
	unsigned int g, i;

	(void)cfg;
	(void)val;
	printf("anykvm %s: a PC for a guest, on any x86-64 machine\n"
	       "usage: anykvm [OPTION ...] [DISK IMAGE]\n", ANYKVM_VERSION);
	for (g = 0; g < nr_groups; g++) {
		if (groups[g]->title)
			printf("\n%s:\n", groups[g]->title);
		for (i = 0; i < groups[g]->nr; i++)
			if (groups[g]->options[i].help)
				help_line(&groups[g]->options[i]);
	}
	printf("\nOn the guest's terminal: Ctrl-A x quits, Ctrl-A h lists all keys.\n");
	end_process(0);
}

static const struct option *find_option(const char *arg)
{
	const char *name = arg + 1, *names[MAX_NAMES];
	unsigned int g, i, n = 0;

	if (*name == '-' && name[1])
		name++;
	for (g = 0; g < nr_groups; g++)
		for (i = 0; i < groups[g]->nr; i++) {
			const struct option *o = &groups[g]->options[i];

			if (!strcmp(name, o->name))
				return o;
			if (n < MAX_NAMES)
				names[n++] = o->name;
		}
	die("there is no option %s; did you mean -%s? (-help lists all)", arg,
	    nearest(name, strlen(name), names, n));
}

void options_parse(struct config *cfg, int argc, char **argv)
{
	int i;

	*cfg = (struct config){
		.ram_size = DEFAULT_RAM,
		.smp = { 1, 1, 1, 1 },
		.cpu = "host",
		.append = NULL,
		.accel = "kvm:bt",
	};
	for (i = 1; i < argc; i++) {
		const struct option *opt;
		const char *val = NULL;

		if (argv[i][0] != '-' || !argv[i][1]) {
			drive_bare(argv[i]);
			continue;
		}
		opt = find_option(argv[i]);
		if (opt->arg) {
			if (++i == argc)
				die("-%s needs an argument: -%s %s", opt->name, opt->name, opt->arg);
			val = argv[i];
		}
		opt->parse(cfg, val);
	}
	if (!cfg->kernel && (cfg->initrd || cfg->append))
		die("-%s is for a kernel: give one with -kernel FILE", cfg->initrd ? "initrd" : "append");
	if (!cfg->nr_serial)
		parse_serial(cfg, chardev_stdio_taken() ? "null" : "mon:stdio");
}
