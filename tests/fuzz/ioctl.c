/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzzer of the KVM API: machines of random shape get random calls, most of
 * them with arguments that another call has just given and a few bits of which
 * were changed, and run random code in between. Sanitizers look for what C
 * forbids; at each machine's end nothing may be left behind. Now and then an
 * allocation or an access to the caller's memory fails.
 *
 *	ioctl [MACHINES [SEED]]
 */
#include <time.h>
#include <unistd.h>
#include "tests/unit/core_env.h"

#define CALLS 60
#define CPUS 3

static u64 seed;
static u8 arg[8192] __attribute__((aligned(64)));
static u8 bits[4096];

static u64 rnd(void)
{
	u64 z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static u64 pick(u64 n) { return rnd() % n; }

/* Values near the edges of things. */
static u64 edge(void)
{
	static const u64 v[] = {
		0, 1, 2, 3, 4, 8, 16, 24, 31, 64, 255, 256, 4095, 4096, 0xb0, 0xfee00000,
		0xfffffffe, 0xffffffff, 1ull << 32, 1ull << 52, 1ull << 63, ~0ull,
	};

	return pick(3) ? v[pick(ARRAY_SIZE(v))] : rnd() >> pick(64);
}

static void mutate(u8 *p, size_t n)
{
	u32 i, k = pick(6);

	for (i = 0; i < k; i++)
		switch (pick(3)) {
		case 0:
			p[pick(n)] ^= 1 << pick(8);
			break;
		case 1:
			p[pick(n)] = rnd();
			break;
		default:
			if (n >= 8)
				*(u64 *)(p + (pick(n / 8) * 8)) = edge();
		}
}

struct machine {
	int vm, cpu[CPUS], sys, e[2];
	u32 ncpu;
};

static int any_cpu(struct machine *m) { return m->ncpu ? m->cpu[pick(m->ncpu)] : -1; }

/* ---- calls whose argument holds pointers or descriptors ---- */

static void call_region(struct machine *m)
{
	u64 first = pick(RAM_SIZE / 4096);
	struct kvm_userspace_memory_region r = {
		.slot = pick(6), .flags = pick(5) ? pick(4) : edge(),
		.guest_phys_addr = pick(8) ? pick(64) << 12 : edge(),
		.memory_size = pick(8) ? pick(RAM_SIZE / 4096 - first + 1) << 12 : 0,
		.userspace_addr = (u64)ram + (first << 12),
	};

	ioc(m->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static void call_dirty(struct machine *m)
{
	struct kvm_dirty_log l = { .slot = pick(6), .dirty_bitmap = bits };
	struct kvm_clear_dirty_log c = {
		.slot = pick(6), .num_pages = pick(80), .first_page = pick(3) * 64,
		.dirty_bitmap = bits,
	};

	ioc(m->vm, KVM_GET_DIRTY_LOG, &l);
	ioc(m->vm, KVM_CLEAR_DIRTY_LOG, &c);
	ioc(m->vm, KVM_RESET_DIRTY_RINGS, 0);
}

static void call_fds(struct machine *m)
{
	struct kvm_irqfd f = {
		.fd = m->e[pick(2)], .gsi = pick(3) ? pick(26) : edge(), .flags = pick(4),
		.resamplefd = m->e[pick(2)],
	};
	struct kvm_ioeventfd io = {
		.fd = m->e[pick(2)], .addr = pick(4) ? pick(256) : edge(), .len = 1 << pick(4),
		.datamatch = pick(4), .flags = pick(16),
	};
	struct kvm_coalesced_mmio_zone z = {
		.addr = pick(4) ? pick(256) : edge(), .size = pick(3) ? pick(64) : edge(),
		.pio = pick(2),
	};

	if (!pick(8))
		io.len = edge();
	ioc(m->vm, KVM_IRQFD, &f);
	ioc(m->vm, KVM_IOEVENTFD, &io);
	ioc(m->vm, pick(2) ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &z);
	test_eventfd_write(m->e[pick(2)]);
}

static void call_filter(struct machine *m)
{
	struct kvm_msr_filter f = { .flags = pick(3) };
	u32 i;

	for (i = 0; i < pick(KVM_MSR_FILTER_MAX_RANGES); i++)
		f.ranges[i] = (struct kvm_msr_filter_range){
			.flags = pick(5), .nmsrs = pick(5) ? pick(3000) : edge(),
			.base = pick(2) ? pick(0x200) : edge(), .bitmap = bits,
		};
	ioc(m->vm, KVM_X86_SET_MSR_FILTER, &f);
}

static void call_attr(struct machine *m)
{
	struct kvm_device_attr a = { .group = !pick(8), .attr = !pick(8), .addr = (u64)arg };
	int cpu = any_cpu(m);

	ioc(m->sys, KVM_GET_DEVICE_ATTR, &a);
	ioc(cpu, KVM_GET_DEVICE_ATTR, &a);
	ioc(cpu, KVM_SET_DEVICE_ATTR, &a);
}

static void call_routes(struct machine *m)
{
	struct kvm_irq_routing *r = (void *)arg;
	u32 i;

	memset(arg, 0, sizeof(arg));
	r->nr = pick(40);
	for (i = 0; i < r->nr; i++) {
		struct kvm_irq_routing_entry *e = &r->entries[i];

		e->gsi = pick(8) ? pick(4096) : edge();
		e->type = pick(8) ? 1 + pick(2) : edge();
		e->u.irqchip.irqchip = pick(4);
		e->u.irqchip.pin = pick(26);
		if (e->type == KVM_IRQ_ROUTING_MSI) {
			e->u.msi.address_lo = 0xfee00000 | pick(1 << 20);
			e->u.msi.data = pick(1 << 16);
		}
	}
	ioc(m->vm, KVM_SET_GSI_ROUTING, r);
}

static void call_irq(struct machine *m)
{
	struct kvm_irq_level l = { .irq = pick(8) ? pick(26) : edge(), .level = pick(2) };
	struct kvm_msi msi = {
		.address_lo = pick(8) ? 0xfee00000 | pick(1 << 20) : edge(), .data = pick(1 << 16),
		.address_hi = pick(8) ? 0 : edge(), .flags = !pick(16),
	};
	struct kvm_interrupt i = { .irq = pick(300) };

	ioc(m->vm, pick(2) ? KVM_IRQ_LINE : KVM_IRQ_LINE_STATUS, &l);
	ioc(m->vm, KVM_SIGNAL_MSI, &msi);
	ioc(any_cpu(m), KVM_INTERRUPT, &i);
	if (!pick(4))
		ioc(any_cpu(m), KVM_NMI, 0);
}

static void call_caps(struct machine *m)
{
	struct kvm_enable_cap c = { .cap = pick(230), .args = { pick(2) ? pick(8) : edge() } };

	ioc(m->vm, KVM_CHECK_EXTENSION, c.cap);
	/* Exits that need the host program to answer are answered by nobody here: fine. */
	ioc(pick(2) ? m->vm : any_cpu(m), KVM_ENABLE_CAP, &c);
}

static void call_cpuid(struct machine *m)
{
	struct kvm_cpuid2 *c = (void *)arg;

	c->nent = pick(4) ? 100 : pick(60);
	if (ioc(m->sys, pick(8) ? KVM_GET_SUPPORTED_CPUID : KVM_GET_EMULATED_CPUID, c))
		return;
	if (!pick(3))
		mutate(arg + 8, c->nent * sizeof(c->entries[0]));
	ioc(any_cpu(m), pick(8) ? KVM_SET_CPUID2 : KVM_SET_CPUID, c);
	c->nent = pick(120);
	ioc(any_cpu(m), KVM_GET_CPUID2, c);
}

static void call_msrs(struct machine *m)
{
	static const u32 some[] = { 0x10, 0x1b, 0x3b, 0x6e0, 0x800, 0x277, 0x400, 0xc0000080,
				    0x4b564d00, 0x4b564d01, 0x4b564d03, 0x4b564d04, 0x2ff };
	struct kvm_msrs *s = (void *)arg;
	u32 i;

	s->nmsrs = pick(20);
	for (i = 0; i < s->nmsrs; i++) {
		s->entries[i].index = pick(4) ? some[pick(ARRAY_SIZE(some))] + pick(3) : edge();
		s->entries[i].data = pick(2) ? edge() : 0x3000 + pick(64);
	}
	ioc(any_cpu(m), pick(2) ? KVM_SET_MSRS : KVM_GET_MSRS, s);
}

/* ---- calls that give a struct and take it back ---- */

static const struct {
	u32 get, set, size;
	bool cpu;
} pairs[] = {
	{ KVM_GET_REGS, KVM_SET_REGS, sizeof(struct kvm_regs), true },
	{ KVM_GET_SREGS, KVM_SET_SREGS, sizeof(struct kvm_sregs), true },
	{ KVM_GET_SREGS2, KVM_SET_SREGS2, sizeof(struct kvm_sregs2), true },
	{ KVM_GET_FPU, KVM_SET_FPU, sizeof(struct kvm_fpu), true },
	{ KVM_GET_XSAVE, KVM_SET_XSAVE, 4096, true },
	{ KVM_GET_XCRS, KVM_SET_XCRS, sizeof(struct kvm_xcrs), true },
	{ KVM_GET_LAPIC, KVM_SET_LAPIC, sizeof(struct kvm_lapic_state), true },
	{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, sizeof(struct kvm_mp_state), true },
	{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events), true },
	{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, sizeof(struct kvm_debugregs), true },
	{ 0, KVM_SET_GUEST_DEBUG, sizeof(struct kvm_guest_debug), true },
	{ 0, KVM_TRANSLATE, sizeof(struct kvm_translation), true },
	{ 0, KVM_X86_SETUP_MCE, 8, true },
	{ 0, KVM_X86_SET_MCE, sizeof(struct kvm_x86_mce), true },
	{ 0, KVM_SET_VAPIC_ADDR, 8, true },
	{ 0, KVM_TPR_ACCESS_REPORTING, sizeof(struct kvm_tpr_access_ctl), true },
	{ KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, sizeof(struct kvm_irqchip), false },
	{ KVM_GET_PIT, KVM_SET_PIT, sizeof(struct kvm_pit_state), false },
	{ KVM_GET_PIT2, KVM_SET_PIT2, sizeof(struct kvm_pit_state2), false },
	{ KVM_GET_CLOCK, KVM_SET_CLOCK, sizeof(struct kvm_clock_data), false },
	{ 0, KVM_SET_IDENTITY_MAP_ADDR, 8, false },
	{ 0, KVM_REINJECT_CONTROL, sizeof(struct kvm_reinject_control), false },
};

static void call_pair(struct machine *m)
{
	u32 i = pick(ARRAY_SIZE(pairs));
	int fd = pairs[i].cpu ? any_cpu(m) : m->vm;

	memset(arg, 0, pairs[i].size);
	if (pairs[i].set == KVM_SET_IRQCHIP)
		arg[0] = pick(4);
	if (pairs[i].get)
		ioc(fd, pairs[i].get, arg);
	mutate(arg, pairs[i].size);
	ioc(fd, pairs[i].set, arg);
}

static void call_value(struct machine *m)
{
	static const u32 vm[] = { KVM_SET_TSS_ADDR, KVM_SET_BOOT_CPU_ID, KVM_CREATE_IRQCHIP,
				  KVM_CREATE_PIT, KVM_SET_TSC_KHZ, KVM_GET_TSC_KHZ };
	static const u32 cpu[] = { KVM_SET_TSC_KHZ, KVM_GET_TSC_KHZ, KVM_KVMCLOCK_CTRL, KVM_SMI };

	if (pick(2))
		ioc(m->vm, vm[pick(ARRAY_SIZE(vm))], edge());
	else
		ioc(any_cpu(m), cpu[pick(ARRAY_SIZE(cpu))], edge());
}

static u32 waits;

/* Time goes on while a CPU sleeps, but not for ever. */
static void on_wait(struct plat_thread *t)
{
	u64 now = plat_time_ns(), next = test_next_timer();

	if (++waits > 20 || next == ~0ull)
		test_signal();
	else
		test_advance(next > now ? next - now : 0);
}

static void call_run(struct machine *m)
{
	int fd = any_cpu(m);
	struct vcpu *v;
	u8 *run;

	if (fd < 0)
		return;
	v = test_file_obj(fd, NULL);
	run = core_shared_page(PLAT_FILE_VCPU, v, 0);
	mutate(ram, RAM_SIZE);
	if (!pick(3))
		mutate(run, 4096);	/* the page is the host program's, whatever is in it */
	if (!pick(3))
		mutate(core_shared_page(PLAT_FILE_VCPU, v, 2), 4096);
	waits = 0;
	test_on_wait = on_wait;
	ioc(fd, KVM_RUN, 0);
	test_on_wait = NULL;
	if (!pick(4))
		test_advance(pick(1 << 22));
}

static void (*const calls[])(struct machine *m) = {
	call_region, call_dirty, call_fds, call_filter, call_attr, call_routes, call_irq, call_caps,
	call_cpuid, call_msrs, call_pair, call_pair, call_pair, call_pair, call_value, call_run,
	call_run, call_run,
};

/* ---- a machine ---- */

static void fill_ram(void)
{
	static const u8 idle[] = { 0xe4, 0x60, 0xa2, 0x00, 0x60, 0xe6, 0x70, 0xfb, 0xf4, 0xeb, 0xf5 };
	u32 i;

	memset(ram, 0, RAM_SIZE);
	for (i = 0; i < 0x400; i += 4)
		ram[i + 1] = 0x20;			/* every vector to 0:0x2000 */
	for (i = 0; i < 0x800; i++)
		ram[CODE + i] = rnd();
	memcpy(ram + CODE + pick(64), idle, sizeof(idle));
	ram[0x2000] = 0xcf;				/* iret */
}

static void open_cpus(struct machine *m)
{
	struct kvm_regs r = { .rip = CODE, .rflags = 2, .rsp = 0x800 };
	struct kvm_sregs s;
	int fd;

	while (m->ncpu < 1 + pick(CPUS)) {
		fd = ioc(m->vm, KVM_CREATE_VCPU, m->ncpu);
		if (fd < 0)
			return;
		m->cpu[m->ncpu++] = fd;
		ioc(fd, KVM_GET_SREGS, &s);
		s.cs.base = s.cs.selector = 0;
		ioc(fd, KVM_SET_SREGS, &s);
		ioc(fd, KVM_SET_REGS, &r);
	}
}

static void live(void)
{
	struct machine m = { .sys = core_create_system() };
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_pit_config pit = { 0 };
	u32 i;

	m.e[0] = test_eventfd();
	m.e[1] = test_eventfd();
	m.vm = open_vm();
	fill_ram();
	if (pick(2)) {
		ioc(m.vm, KVM_CREATE_IRQCHIP, 0);
		ioc(m.vm, KVM_CREATE_PIT2, &pit);
	} else if (pick(2)) {
		ioc(m.vm, KVM_ENABLE_CAP, &split);
	}
	for (i = pick(6); i; i--)
		call_caps(&m);
	if (pick(8))
		add_ram(m.vm, 0, 0, RAM_SIZE, pick(2));
	open_cpus(&m);
	for (i = 0; i < CALLS; i++) {
		if (!pick(40))
			test_fail_alloc(1 + pick(4));
		if (!pick(40))
			test_fail_access(1 + pick(8));
		calls[pick(ARRAY_SIZE(calls))](&m);
	}
	test_fail_alloc(0);
	test_fail_access(0);
	test_close(m.vm);
	while (m.ncpu)
		test_close(m.cpu[--m.ncpu]);
	test_close(m.sys);
	test_close(m.e[0]);
	test_close(m.e[1]);
}

int main(int argc, char **argv)
{
	u64 n = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000;
	u64 first = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL) << 20 ^ getpid();
	u64 i;

	printf("# %s %llu %llu\n", argv[0], (unsigned long long)n, (unsigned long long)first);
	fflush(stdout);
	env_start();
	if (core_init(&interpreter))
		return 1;
	engine_limit = 300;
	for (i = 0; i < n; i++) {
		seed = first + i;
		begin();
		live();
		if (test_allocs_live() || test_files_open()) {
			printf("not ok 1 - something is left; again with: 1 %llu\n",
			       (unsigned long long)(first + i));
			return 1;
		}
	}
	printf("ok 1 - %llu machines\n1..1\n", (unsigned long long)n);
	free(ram);
	return 0;
}
