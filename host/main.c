// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * anykvm: a PC in a process.
 *
 * The order matters: words first, then files, then the accelerator, then memory, then the machine.
 * Whatever is wrong ends the process at its step, with one line and status 1, before anything has
 * been started or written.
 */
#include "host/accel.h"
#include "host/boot/boot.h"
#include "host/cpuid.h"
#include "host/machine/machine.h"
#include "host/options.h"
#include "host/report.h"
#include "host/term.h"
#include "host/vm.h"

static void check_apic_ids(const struct topology *t)
{
	if (cpu_apic_id(t, t->cpus - 1) >= 255)
		die("-smp %u: %u sockets x %u cores x %u threads need APIC ids above 254; use powers of two",
		    t->cpus, t->sockets, t->cores, t->threads);
}

int main(int argc, char **argv)
{
	static struct boot boot;
	static struct vm vm;
	struct config cfg;

	options_parse(&cfg, argc, argv);
	check_apic_ids(&cfg.smp);
	if (cfg.kernel)
		boot_open(&boot, &cfg);
	term_guard();
	vm.accel = accel_choose(cfg.accel, cfg.accel_chosen, &vm.sys_fd);
	ram_map(&vm, cfg.ram_size);
	accel_say();
	end_process(machine_run(&cfg, &vm, &boot));
}
