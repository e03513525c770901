// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * row: seconds=10
 *
 * Many vCPUs: all that the module announces can be made; of 64 that have run, four run at once on
 * two processors and lose no count to each other; and kicks reach the right one.
 */
#include "counter.h"

#define MADE 64
#define RUNNING 4

static void create_max(void)
{
	int vm = OK(ioctl(dev_kvm(), KVM_CREATE_VM, 0));
	long max = OK(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS));

	CHECK(max >= 1024);
	for (long id = 0; id < max; id++) {
		int cpu = ioctl(vm, KVM_CREATE_VCPU, id);

		if (cpu < 0)
			fail(__LINE__, "vCPU %ld of %ld: %s", id, max, strerror(errno));
		/* It stays in the VM; descriptors are scarcer than vCPUs. */
		close(cpu);
	}
	EQ(ioctl(vm, KVM_CREATE_VCPU, max), -1);
	EQ(errno, EINVAL);
	close(vm);
}

static void four_run(void)
{
	struct guest g;

	guest(&g, MADE, anonymous(LOAD), LOAD, 0);
	g.vcpus = RUNNING;
	/* All on the same words: what one loses another has too few of. */
	count_start(&g, 64, PAGE);
	for (int id = 0; id < RUNNING; id++) {
		u32 from = *(volatile u32 *)&orders(&g, id)->result;
		time_t late = time(NULL) + 20;

		while (*(volatile u32 *)&orders(&g, id)->result - from < 200) {
			usleep(1000);
			if (time(NULL) > late)
				fail(__LINE__, "vCPU %d makes no progress", id);
		}
	}
	count_end(&g);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* One of the four is taken out by a signal, again and again; the others count on. */
static void kicked(void)
{
	struct sigaction quiet = { .sa_handler = on_signal };
	struct guest g;

	sigaction(SIGUSR1, &quiet, NULL);
	guest(&g, MADE, anonymous(LOAD), LOAD, 0);
	g.vcpus = RUNNING;
	count_start(&g, 64, PAGE);
	for (int i = 0; i < 400; i++) {
		pthread_kill(g.thread[i % RUNNING], SIGUSR1);
		if (!(i % 50))
			let_run(&g, 4);
	}
	count_end(&g);
}

static const struct test tests[] = {
	{ create_max, "as many vCPUs as are announced" },
	{ four_run, "64 made, four run at once" },
	{ kicked, "four run, kicked by signals" },
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
