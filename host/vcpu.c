// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * vCPU threads.
 *
 * A thread is in KVM_RUN or it is here, handling an exit or paused. To get it out of KVM_RUN the
 * machine raises `pausing` and sends the kick signal, whose handler sets immediate_exit: so a
 * signal that comes just before KVM_RUN is not lost either.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/cpuid.h"
#include "host/loop.h"
#include "host/machine/machine.h"
#include "host/report.h"
#include "host/vcpu.h"
#include "host/vcpu_state.h"

#define SIG_KICK SIGUSR1

static struct vcpu *vcpus;
static unsigned int nr_vcpus, nr_parked;
static bool pausing, stopping;
static pthread_cond_t parked = PTHREAD_COND_INITIALIZER, resumed = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t park_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct kvm_run *my_run;

static void kicked(int sig)
{
	(void)sig;
	if (my_run)
		my_run->immediate_exit = 1;
}

/* --- exits --- */

static void exit_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t i;

	machine_lock();
	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(v->bus, BUS_PORT, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
	machine_unlock();
}

static void exit_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	machine_lock();
	bus_access(v->bus, BUS_MMIO, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		   run->mmio.is_write);
	machine_unlock();
}

static void exit_shutdown(struct vcpu *v)
{
	(void)v;
	machine_lock();
	machine_ask(MACHINE_RESET, "triple fault");
	machine_unlock();
}

static void exit_nothing(struct vcpu *v)
{
	(void)v;
}

static noreturn void exit_fail_entry(struct vcpu *v)
{
	vcpu_state_dump(v);
	die("CPU %u: the processor refuses to enter the guest (hardware reason %#llx)", v->index,
	    (unsigned long long)v->run->fail_entry.hardware_entry_failure_reason);
}

static noreturn void exit_internal_error(struct vcpu *v)
{
	static const char *const what[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "an instruction that cannot be emulated",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "two exceptions at once",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "an event that cannot be delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "an exit that was not expected",
	};
	uint32_t sub = v->run->internal.suberror;

	vcpu_state_dump(v);
	die("CPU %u: -accel %s gives up: internal error %u (%s)", v->index, v->vm->accel->name, sub,
	    sub < ARRAY_SIZE(what) && what[sub] ? what[sub] : "unknown");
}

static noreturn void exit_unexpected(struct vcpu *v)
{
	vcpu_state_dump(v);
	die("CPU %u: -accel %s stops with exit reason %u, which this machine does not ask for",
	    v->index, v->vm->accel->name, v->run->exit_reason);
}

static const struct exit {
	const char *name;
	void (*fn)(struct vcpu *v);
} exits[] = {
	[KVM_EXIT_UNKNOWN] = { "UNKNOWN", exit_unexpected },
	[KVM_EXIT_IO] = { "IO", exit_io },
	[KVM_EXIT_MMIO] = { "MMIO", exit_mmio },
	[KVM_EXIT_HLT] = { "HLT", exit_nothing },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { "IRQ_WINDOW_OPEN", exit_nothing },
	[KVM_EXIT_SHUTDOWN] = { "SHUTDOWN", exit_shutdown },
	[KVM_EXIT_FAIL_ENTRY] = { "FAIL_ENTRY", exit_fail_entry },
	[KVM_EXIT_INTR] = { "INTR", exit_nothing },
	[KVM_EXIT_INTERNAL_ERROR] = { "INTERNAL_ERROR", exit_internal_error },
};

static void handle_exit(struct vcpu *v)
{
	uint32_t reason = v->run->exit_reason;
	const struct exit *e = reason < ARRAY_SIZE(exits) && exits[reason].fn ? &exits[reason]
									       : &exits[0];

	if (tracing(TRACE_EXITS))
		trace("cpu %u exit %u %s", v->index, reason, e->name);
	e->fn(v);
}

/* --- threads --- */

/* Wait while the machine is paused. False: the thread is to end. */
static bool park(struct vcpu *v)
{
	pthread_mutex_lock(&park_lock);
	while (pausing && !stopping) {
		nr_parked++;
		pthread_cond_broadcast(&parked);
		pthread_cond_wait(&resumed, &park_lock);
		nr_parked--;
	}
	v->run->immediate_exit = 0;
	pthread_mutex_unlock(&park_lock);
	return !__atomic_load_n(&stopping, __ATOMIC_RELAXED);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	sigset_t set;

	my_run = v->run;
	v->tid = gettid();
	sigemptyset(&set);
	sigaddset(&set, SIG_KICK);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (;;) {
		int ret;

		if (__atomic_load_n(&pausing, __ATOMIC_ACQUIRE) ||
		    __atomic_load_n(&stopping, __ATOMIC_ACQUIRE) || v->run->immediate_exit) {
			if (!park(v))
				return NULL;
			/* A pause between here and KVM_RUN finds immediate_exit set by its signal. */
			if (__atomic_load_n(&pausing, __ATOMIC_ACQUIRE))
				continue;
		}
		ret = accel_ioctl_val(v->vm->accel, v->fd, KVM_RUN, 0);
		if (ret >= 0)
			handle_exit(v);
		else if (ret != -EINTR && ret != -EAGAIN)
			die("CPU %u: -accel %s: KVM_RUN fails: %s", v->index, v->vm->accel->name,
			    strerror(-ret));
	}
}

void vcpus_create(const struct vm *vm, struct bus *bus, const struct topology *t,
		  struct kvm_cpuid2 *cpuid, bool ready)
{
	struct sigaction sa = { .sa_handler = kicked };
	int size = accel_ioctl_val(vm->accel, vm->sys_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned int i;
	int ret;

	ret = vm->accel->sigaction(SIG_KICK, &sa, NULL);
	if (ret < 0)
		die("cannot handle the signal between threads: %s", strerror(-ret));
	vcpus = calloc(t->cpus, sizeof(*vcpus));
	if (!vcpus || size <= 0)
		die("out of memory for %u CPUs", t->cpus);
	nr_vcpus = t->cpus;
	for (i = 0; i < nr_vcpus; i++) {
		struct vcpu *v = &vcpus[i];

		v->vm = vm;
		v->bus = bus;
		v->index = i;
		v->apic_id = cpu_apic_id(t, i);
		v->fd = accel_ioctl_val(vm->accel, vm->fd, KVM_CREATE_VCPU, v->apic_id);
		if (v->fd < 0)
			die("-smp %u: -accel %s cannot make CPU %u: %s; ask for fewer", t->cpus,
			    vm->accel->name, i, strerror(-v->fd));
		v->run = vm->accel->mmap_vcpu(v->fd, (size_t)size);
		if (!v->run)
			die("CPU %u: its shared page cannot be mapped: %s", i, strerror(errno));
		cpu_personalize(cpuid, t, i);
		vcpu_must(v, KVM_SET_CPUID2, cpuid, "KVM_SET_CPUID2");
		if (ready)
			vcpu_state_power_on(v);
		v->first = vcpu_state_get(v);
	}
}

void vcpus_set_entry(const struct boot_entry *entry)
{
	vcpu_state_enter(&vcpus[0], entry);
}

void vcpus_start(void)
{
	unsigned int i;
	int err;

	pausing = true;
	for (i = 0; i < nr_vcpus; i++) {
		err = pthread_create(&vcpus[i].thread, NULL, vcpu_thread, &vcpus[i]);
		if (err)
			die("-smp %u: no thread for CPU %u: %s", nr_vcpus, i, strerror(err));
	}
}

static void kick_all(void)
{
	unsigned int i;

	for (i = 0; i < nr_vcpus; i++)
		pthread_kill(vcpus[i].thread, SIG_KICK);
}

void vcpus_pause(void)
{
	/* An exit handler may want the machine lock to finish. */
	machine_unlock();
	pthread_mutex_lock(&park_lock);
	__atomic_store_n(&pausing, true, __ATOMIC_RELEASE);
	kick_all();
	while (nr_parked < nr_vcpus)
		pthread_cond_wait(&parked, &park_lock);
	pthread_mutex_unlock(&park_lock);
	machine_lock();
}

void vcpus_resume(void)
{
	pthread_mutex_lock(&park_lock);
	__atomic_store_n(&pausing, false, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&resumed);
	pthread_mutex_unlock(&park_lock);
}

void vcpus_reset(void)
{
	unsigned int i;

	for (i = 0; i < nr_vcpus; i++)
		vcpu_state_put(&vcpus[i], vcpus[i].first);
}

unsigned int vcpus_count(void)
{
	return nr_vcpus;
}

struct vcpu *vcpu_at(unsigned int index)
{
	return &vcpus[index];
}

void vcpus_stop(void)
{
	unsigned int i;

	machine_unlock();
	pthread_mutex_lock(&park_lock);
	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&resumed);
	kick_all();
	pthread_mutex_unlock(&park_lock);
	for (i = 0; i < nr_vcpus; i++)
		pthread_join(vcpus[i].thread, NULL);
	machine_lock();
}
