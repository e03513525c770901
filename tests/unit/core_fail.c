/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A host program's whole life with the k-th allocation failing, for every k,
 * then with the k-th access to its memory failing: some call says so, nothing
 * is left behind, nothing breaks.
 */
#include "core_env.h"

static int errors, enomem, efault;

static long note(long ret)
{
	if (ret < 0) {
		errors++;
		enomem += ret == -ENOMEM;
		efault += ret == -EFAULT;
	}
	return ret;
}

#define N(fd, cmd, arg) note(ioc(fd, cmd, arg))

static void chips(int vm)
{
	struct kvm_pit_config pit = { 0 };
	struct { struct kvm_irq_routing h; struct kvm_irq_routing_entry e[2]; } r = { .h.nr = 1 };
	static u8 bits[8];
	struct kvm_msr_filter f = {
		.ranges[0] = { .flags = 1, .nmsrs = 40, .base = 1, .bitmap = bits },
	};

	N(vm, KVM_CREATE_IRQCHIP, 0);
	N(vm, KVM_CREATE_PIT2, &pit);
	r.e[0] = (struct kvm_irq_routing_entry){ .gsi = 3, .type = KVM_IRQ_ROUTING_MSI };
	N(vm, KVM_SET_GSI_ROUTING, &r);
	N(vm, KVM_X86_SET_MSR_FILTER, &f);
}

static void fds(int vm, int e, int g)
{
	struct kvm_irqfd f = {
		.fd = e, .gsi = 4, .flags = KVM_IRQFD_FLAG_RESAMPLE, .resamplefd = g,
	};
	struct kvm_ioeventfd io = { .addr = 0x60, .len = 4, .fd = g };
	struct kvm_coalesced_mmio_zone z = { .addr = 0x60, .size = 8 };

	N(vm, KVM_IRQFD, &f);
	N(vm, KVM_IOEVENTFD, &io);
	N(vm, KVM_REGISTER_COALESCED_MMIO, &z);
}

static void cpu_state(int cpu)
{
	static struct { struct kvm_cpuid2 h; struct kvm_cpuid_entry2 e[100]; } c;
	static struct { struct kvm_msrs h; struct kvm_msr_entry e[4]; } m;
	struct kvm_xsave x;
	struct kvm_lapic_state l;
	int sys = note(core_create_system()), st;

	c.h.nent = 100;
	N(sys, KVM_GET_SUPPORTED_CPUID, &c);
	c.h.nent = min(c.h.nent, 100u);
	N(cpu, KVM_SET_CPUID2, &c);
	m.h.nmsrs = 2;
	m.e[0].index = 0x10;
	m.e[1].index = 0x4b564d01;
	m.e[1].data = 0x3001;
	N(cpu, KVM_SET_MSRS, &m);
	if (!N(cpu, KVM_GET_XSAVE, &x))
		N(cpu, KVM_SET_XSAVE, &x);
	if (!N(cpu, KVM_GET_LAPIC, &l))
		N(cpu, KVM_SET_LAPIC, &l);
	st = N(cpu, KVM_GET_STATS_FD, 0);
	if (st >= 0)
		test_close(st);
	if (sys >= 0)
		test_close(sys);
}

static void life(void)
{
	int vm, c0 = -1, c1 = -1, e = test_eventfd(), g = test_eventfd();
	struct kvm_enable_cap ring = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { 4096 } };
	struct kvm_regs r = { .rip = CODE, .rflags = 2 };

	memset(ram, 0, RAM_SIZE);
	ram[CODE] = 0xa2;			/* mov %al, 0x6000: dirties a page */
	ram[CODE + 2] = 0x60;
	ram[CODE + 3] = 0xf4;
	errors = enomem = efault = 0;
	vm = note(open_vm());
	if (vm >= 0) {
		chips(vm);
		N(vm, KVM_ENABLE_CAP, &ring);
		note(add_ram(vm, 0, 0, RAM_SIZE, KVM_MEM_LOG_DIRTY_PAGES));
		note(add_ram(vm, 0, 0x100000, RAM_SIZE, 0));
		note(add_ram(vm, 0, 0, RAM_SIZE, KVM_MEM_LOG_DIRTY_PAGES));
		fds(vm, e, g);
		c0 = N(vm, KVM_CREATE_VCPU, 0);
		c1 = N(vm, KVM_CREATE_VCPU, 1);
	}
	if (c0 >= 0) {
		cpu_state(c0);
		N(c0, KVM_SET_REGS, &r);
		ioc(c0, KVM_RUN, 0);
		test_close(c0);
	}
	if (c1 >= 0)
		test_close(c1);
	if (vm >= 0)
		test_close(vm);
	test_close(e);
	test_close(g);
}

void test_failures(void)
{
	int bad = 0, silent = 0;
	u64 k, n;

	begin();
	test_fail_alloc(0);
	life();
	n = test_fail_alloc(0);
	OK(!errors && n > 20, "a life without failures");
	for (k = 1; k <= n; k++) {
		begin();
		test_fail_alloc(k);
		life();
		test_fail_alloc(0);
		silent += !enomem;
		if (test_allocs_live() || test_files_open()) {
			printf("# left behind after allocation %llu failed\n",
			       (unsigned long long)k);
			bad++;
		}
	}
	EQ(bad, 0, "no failing allocation leaves anything");
	EQ(silent, 0, "each is told");

	begin();
	test_fail_access(0);
	life();
	n = test_fail_access(0);
	for (k = 1; k <= n; k++) {
		begin();
		test_fail_access(k);
		life();
		test_fail_access(0);
		bad += test_allocs_live() || test_files_open();
	}
	printf("# %llu accesses\n", (unsigned long long)n);
	EQ(bad, 0, "no failing access leaves anything");
}
