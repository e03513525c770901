// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The machine's life. The main thread is the event loop; it alone resets and ends the machine, when
 * a device, a vCPU, a signal or the user's keys have asked for it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "host/chardev.h"
#include "host/cpuid.h"
#include "host/event.h"
#include "host/loop.h"
#include "host/machine/machine.h"
#include "host/machine/pc.h"
#include "host/machine/state.h"
#include "host/machine/wiring.h"
#include "host/report.h"
#include "host/term.h"
#include "host/vcpu.h"

static struct pc board;
static enum machine_request asked;
static const char *asked_why;
static bool asked_by_guest;
static struct loop_fd signals;

/* For the monitor. */
static const struct config *config;
static struct bus *bus;
static const struct vm *the_vm;

const struct config *machine_config(void)
{
	return config;
}

struct bus *machine_bus(void)
{
	return bus;
}

struct pci_bus *machine_pci(void)
{
	return board.pci;
}

const struct vm *machine_vm(void)
{
	return the_vm;
}

/* The end outranks a reset; of two that are equal the first one counts. */
static void ask(enum machine_request what, const char *why, bool guest)
{
	if (tracing(TRACE_RESET))
		trace("%s asked for: %s", what == MACHINE_RESET ? "reset" : "end", why);
	if (what <= asked)
		return;
	asked = what;
	asked_why = why;
	asked_by_guest = guest;
	loop_wake();
}

void machine_ask(enum machine_request what, const char *why)
{
	ask(what, why, true);
}

void machine_ask_host(enum machine_request what, const char *cause)
{
	ask(what, cause, false);
}

static void quit_key(void)
{
	machine_ask_host(MACHINE_QUIT, "host-ui");
}

/* --- signals --- */

static void got_signal(void *arg, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)arg;
	(void)events;
	if (read(signals.fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGCONT) {
		term_again();
		return;
	}
	note("ended by signal %u from process %u", si.ssi_signo, si.ssi_pid);
	machine_ask_host(MACHINE_QUIT, "host-signal");
}

/* Before any thread: all inherit that these signals come to the loop only. */
static void take_signals(void)
{
	static const int list[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT };
	sigset_t set;
	unsigned int i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(list); i++)
		sigaddset(&set, list[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = (struct loop_fd){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = EPOLLIN, .fn = got_signal,
	};
	if (signals.fd < 0 || !loop_add(&signals))
		die("cannot take signals: %s", strerror(errno));
}

/* --- life --- */

/* What runs first, at the start and after a reset: the firmware, by itself, or the kernel. */
static void load(const struct vm *vm, const struct boot *boot, struct pc *pc)
{
	static bool first = true;
	struct boot_entry entry;

	pc_set_cmos(pc, first);
	first = false;
	if (pc->bios)
		return;
	pc_direct(pc);
	boot_load(boot, vm, &entry);
	vcpus_set_entry(&entry);
}

static void check_memory(const struct vm *vm, const struct kvm_cpuid2 *cpuid)
{
	unsigned int bits = cpu_phys_bits(cpuid);
	uint64_t end = vm->high_size ? HIGH_RAM_BASE + vm->high_size : vm->low_size;

	if (bits < 64 && end > 1ull << bits)
		die("-m: %llu MiB are too many: the guest's processor addresses %u bits, %llu MiB of memory",
		    (unsigned long long)(vm->ram_size >> 20), bits,
		    (unsigned long long)(((1ull << bits) - (HIGH_RAM_BASE - LOW_RAM_MAX)) >> 20));
}

static const char *cause(void)
{
	if (!asked_by_guest)
		return asked_why;
	return asked == MACHINE_RESET ? "guest-reset" : "guest-shutdown";
}

static void reset(const struct vm *vm, const struct boot *boot, struct pc *pc)
{
	event_send("RESET", EVENT_BOOL("guest", asked_by_guest), EVENT_STR("reason", cause()));
	asked = MACHINE_RUN;
	bus_reset(bus);
	vm_reset_irqchip(vm);
	vcpus_reset();
	load(vm, boot, pc);
	state_was_reset();
}

/* One request that came; false: it is the end. */
static bool serve(const struct config *cfg, const struct vm *vm, const struct boot *boot,
		  struct pc *pc)
{
	if (asked == MACHINE_RESET && !cfg->no_reboot) {
		machine_hold();
		/* While they came to rest, one may have asked for the end. */
		if (asked == MACHINE_RESET)
			reset(vm, boot, pc);
		machine_release();
		return true;
	}
	event_send("SHUTDOWN", EVENT_BOOL("guest", asked_by_guest), EVENT_STR("reason", cause()));
	if (asked == MACHINE_QUIT || !cfg->no_shutdown)
		return false;
	asked = MACHINE_RUN;
	machine_pause(STATE_SHUTDOWN);
	return true;
}

int machine_run(const struct config *cfg, struct vm *vm, struct boot *boot)
{
	struct kvm_cpuid2 *cpuid;
	struct pc *pc = &board;

	config = cfg;
	the_vm = vm;
	loop_init();
	take_signals();
	machine_lock();
	cpuid = cpu_make(vm, cfg->cpu);
	check_memory(vm, cpuid);
	vm_create(vm);
	bus = bus_create(&wiring_ops, vm);
	options_open(cfg);
	pc_build(pc, bus, vm, cfg, cpu_phys_bits(cpuid));
	vcpus_create(vm, bus, &cfg->smp, cpuid, !pc->bios);
	pc_finish(pc, boot);
	boot->acpi_rsdp = ACPI_BASE;
	load(vm, boot, pc);
	chardev_quit = quit_key;
	options_start(cfg);
	vcpus_start();
	chardev_start_all();
	state_begin(!cfg->paused);
	do {
		while (!asked) {
			loop_turn();
			state_serve();
		}
	} while (serve(cfg, vm, boot, pc));
	if (tracing(TRACE_RESET))
		trace("end: %s", asked_why);
	vcpus_stop();
	bus_destroy(bus);
	pc_destroy(pc);
	vm->accel->close(vm->fd);
	vm->accel->close(vm->sys_fd);
	return 0;
}
