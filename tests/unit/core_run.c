/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KVM_RUN and its exits, state in and out, interrupts. */
#include "core_env.h"
#include "x86/lapic.h"

#define EXIT(b, reason, name) do {						\
	EQ(ioc((b)->cpu, KVM_RUN, 0), 0, name ": KVM_RUN");			\
	EQ((b)->run->exit_reason, reason, name);				\
} while (0)

static void run_io(void)
{
	static const u8 code[] = {
		0xb0, 0x41, 0xe6, 0x10,			/* mov $0x41, %al; out %al, $0x10 */
		0xe4, 0x11,				/* in $0x11, %al */
		0x8e, 0xd8, 0xa2, 0x00, 0x00,		/* mov %ax, %ds; mov %al, 0 */
		0xf4,
	};
	struct box b;
	u8 *pio;

	box_open(&b, false, code, sizeof(code));
	pio = core_shared_page(PLAT_FILE_VCPU, b.c, 1);
	EXIT(&b, KVM_EXIT_IO, "out");
	OK(b.run->io.direction && b.run->io.port == 0x10 && b.run->io.size == 1 && pio[0] == 0x41,
	   "its port and byte");
	EXIT(&b, KVM_EXIT_IO, "in");
	pio[0] = 0xff;
	b.run->immediate_exit = 1;
	EQ(ioc(b.cpu, KVM_RUN, 0), -EINTR, "immediate_exit");
	EQ(box_regs(&b).rip, CODE + 6, "but the instruction is finished");
	EQ(box_regs(&b).rax & 0xff, 0xff, "with its value");
	b.run->immediate_exit = 0;
	EXIT(&b, KVM_EXIT_HLT, "hlt");
	EQ(box_regs(&b).rip, CODE + sizeof(code), "past it");
	EQ(ram[0x41ff0 & 0x3ffff], 0, "a store outside stays outside");
	test_signal();
	EQ(ioc(b.cpu, KVM_RUN, 1), -EINVAL, "KVM_RUN takes no argument");
	box_close(&b);
}

static void run_mmio(void)
{
	static const u8 code[] = {
		0xb8, 0x00, 0xf0, 0x8e, 0xd8,		/* mov $0xf000, %ax; mov %ax, %ds */
		0xc7, 0x06, 0x00, 0x01, 0x34, 0x12,	/* movw $0x1234, 0x100 */
		0x03, 0x06, 0x02, 0x01,			/* add 0x102, %ax */
		0xff, 0x06, 0x04, 0x01,			/* incw 0x104 */
		0xf4,
	};
	struct box b;

	box_open(&b, false, code, sizeof(code));
	EXIT(&b, KVM_EXIT_MMIO, "store");
	OK(b.run->mmio.is_write && b.run->mmio.phys_addr == 0xf0100 && b.run->mmio.len == 2 &&
	   b.run->mmio.data[0] == 0x34, "what and where");
	EXIT(&b, KVM_EXIT_MMIO, "load");
	OK(!b.run->mmio.is_write && b.run->mmio.phys_addr == 0xf0102, "from where");
	b.run->mmio.data[0] = 5;
	b.run->mmio.data[1] = 0;
	EXIT(&b, KVM_EXIT_MMIO, "read of a read-modify-write");
	EQ(box_regs(&b).rax, 0xf005, "the load's sum");
	b.run->mmio.data[0] = 0xff;
	b.run->mmio.data[1] = 0;
	EXIT(&b, KVM_EXIT_MMIO, "write of it");
	OK(b.run->mmio.is_write && b.run->mmio.data[0] == 0 && b.run->mmio.data[1] == 1, "0x100");
	EXIT(&b, KVM_EXIT_HLT, "hlt");
	box_close(&b);
}

/* A vector of a device goes through the host program in pieces of eight bytes. */
static void run_mmio_vector(void)
{
	static const u8 code[] = {
		0xb8, 0x00, 0xf0, 0x8e, 0xd8,		/* mov $0xf000, %ax; mov %ax, %ds */
		0xf3, 0x0f, 0x6f, 0x0e, 0x00, 0x01,	/* movdqu 0x100, %xmm1 */
		0x0f, 0x13, 0x0e, 0x20, 0x01,		/* movlps %xmm1, 0x120 */
		0x0f, 0x11, 0x0e, 0x30, 0x01,		/* movups %xmm1, 0x130 */
		0xf4,
	};
	struct box b;
	u32 writes;
	u64 val;

	box_open(&b, false, code, sizeof(code));
	b.c->cpu.cr4 |= X86_CR4_OSFXSR;
	writes = engine_fpu_writes;
	EXIT(&b, KVM_EXIT_MMIO, "half a vector load");
	OK(!b.run->mmio.is_write && b.run->mmio.phys_addr == 0xf0100 && b.run->mmio.len == 8,
	   "the lower");
	memcpy(b.run->mmio.data, "ABCDEFGH", 8);
	EXIT(&b, KVM_EXIT_MMIO, "the other half");
	EQ(b.run->mmio.phys_addr, 0xf0108, "the upper");
	memcpy(b.run->mmio.data, "IJKLMNOP", 8);
	EXIT(&b, KVM_EXIT_MMIO, "a store of the lower half");
	EQ(engine_fpu_writes - writes, 1, "the engine was told of the load alone");
	memcpy(&val, b.run->mmio.data, 8);
	OK(b.run->mmio.is_write && b.run->mmio.len == 8 && !memcmp(&val, "ABCDEFGH", 8), "it");
	EXIT(&b, KVM_EXIT_MMIO, "a store of all");
	EXIT(&b, KVM_EXIT_MMIO, "and its other half");
	OK(b.run->mmio.phys_addr == 0xf0138 && !memcmp(b.run->mmio.data, "IJKLMNOP", 8), "it");
	EXIT(&b, KVM_EXIT_HLT, "hlt");
	box_close(&b);
}

static void run_exceptions(void)
{
	static const u8 code[] = { 0x0f, 0x0b };	/* ud2 */
	struct kvm_vcpu_events ev;
	struct box b;

	box_open(&b, false, code, sizeof(code));
	ram[6 * 4 + 1] = 0x20;			/* vector 6 → 0:0x2000 */
	ram[0x2000] = 0xf4;
	EXIT(&b, KVM_EXIT_HLT, "#UD is delivered");
	EQ(box_regs(&b).rip, 0x2001, "to its handler");
	ioc(b.cpu, KVM_GET_VCPU_EVENTS, &ev);
	ev.exception.injected = 1;
	ev.exception.nr = 2;
	EQ(ioc(b.cpu, KVM_SET_VCPU_EVENTS, &ev), -EINVAL, "2 is no exception");
	ev.exception.nr = 6;
	EQ(ioc(b.cpu, KVM_SET_VCPU_EVENTS, &ev), 0, "6 is");
	EXIT(&b, KVM_EXIT_HLT, "injected");
	EQ(box_regs(&b).rsp, 0x800 - 12, "two frames");
	/* No IVT: a fault in its delivery, and in that one's. */
	b.c->cpu.idtr.limit = 0;
	box_start(&b, CODE);
	EXIT(&b, KVM_EXIT_SHUTDOWN, "triple fault");
	box_close(&b);
}

static void run_msr(void)
{
	static const u8 code[] = { 0x0f, 0x32, 0x0f, 0x30, 0xf4 };	/* rdmsr; wrmsr; hlt */
	struct kvm_enable_cap c = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { 2 } };
	static u8 bits[8];
	struct kvm_msr_filter f = { .flags = 0 };
	struct kvm_regs r;
	struct box b;

	box_open(&b, false, code, sizeof(code));
	EQ(ioc(b.vm, KVM_ENABLE_CAP, &c), 0, "unknown MSRs to the host");
	r = box_regs(&b);
	r.rcx = 0x12345;
	ioc(b.cpu, KVM_SET_REGS, &r);
	EXIT(&b, KVM_EXIT_X86_RDMSR, "rdmsr");
	EQ(b.run->msr.index, 0x12345, "which");
	EQ(b.run->msr.reason, KVM_MSR_EXIT_REASON_UNKNOWN, "and why");
	b.run->msr.data = 0x1122334455667788;
	EXIT(&b, KVM_EXIT_X86_WRMSR, "wrmsr");
	EQ(b.run->msr.data, 0x1122334455667788, "the value came and went");
	b.run->msr.error = 1;
	ram[13 * 4 + 1] = 0x20;
	ram[0x2000] = 0xf4;
	EXIT(&b, KVM_EXIT_HLT, "refused");
	EQ(box_regs(&b).rip, 0x2001, "is #GP");
	c.args[0] = KVM_MSR_EXIT_REASON_FILTER;
	ioc(b.vm, KVM_ENABLE_CAP, &c);
	f.ranges[0] = (struct kvm_msr_filter_range){ .flags = KVM_MSR_FILTER_READ, .nmsrs = 8,
						     .base = 0x10, .bitmap = bits };
	EQ(ioc(b.vm, KVM_X86_SET_MSR_FILTER, &f), 0, "a filter");
	box_start(&b, CODE);
	r = box_regs(&b);
	r.rcx = 0x10;
	ioc(b.cpu, KVM_SET_REGS, &r);
	EXIT(&b, KVM_EXIT_X86_RDMSR, "denied");
	EQ(b.run->msr.reason, KVM_MSR_EXIT_REASON_FILTER, "by it");
	box_close(&b);
}

static void run_user_irq(void)
{
	/* cli nop sti nop nop hlt */
	static const u8 code[] = { 0xfa, 0x90, 0xfb, 0x90, 0x90, 0xf4 };
	struct kvm_interrupt i = { .irq = 0x30 };
	struct box b;

	box_open(&b, false, code, sizeof(code));
	ram[0x30 * 4 + 1] = 0x20;
	ram[0x2000] = 0xf4;
	b.run->request_interrupt_window = 1;
	EXIT(&b, KVM_EXIT_IRQ_WINDOW_OPEN, "window");
	EQ(box_regs(&b).rip, CODE + 4, "after the instruction behind STI");
	OK(b.run->ready_for_interrupt_injection && b.run->if_flag, "ready");
	b.run->request_interrupt_window = 0;
	EQ(ioc(b.cpu, KVM_INTERRUPT, &i), 0, "interrupt");
	EXIT(&b, KVM_EXIT_HLT, "taken");
	EQ(box_regs(&b).rip, 0x2001, "its handler");
	i.irq = 256;
	EQ(ioc(b.cpu, KVM_INTERRUPT, &i), -EINVAL, "no such vector");
	box_close(&b);
}

void test_run(void)
{
	run_io();
	run_mmio();
	run_mmio_vector();
	run_exceptions();
	run_msr();
	run_user_irq();
}

/* ---- state ---- */

static int set_cpuid(struct box *b)
{
	struct { struct kvm_cpuid2 h; struct kvm_cpuid_entry2 e[100]; } *c = calloc(1, sizeof(*c));
	int sys = core_create_system(), err;

	c->h.nent = 1;
	EQ(ioc(sys, KVM_GET_SUPPORTED_CPUID, c), -E2BIG, "CPUID needs room");
	c->h.nent = 100;
	EQ(ioc(sys, KVM_GET_SUPPORTED_CPUID, c), 0, "CPUID");
	err = ioc(b->cpu, KVM_SET_CPUID2, c);
	test_close(sys);
	free(c);
	return err;
}

static void state_sregs(struct box *b)
{
	struct kvm_sregs s, t;

	ioc(b->cpu, KVM_GET_SREGS, &s);
	t = s;
	t.cr0 |= 1ull << 31;
	EQ(ioc(b->cpu, KVM_SET_SREGS, &t), -EINVAL, "paging without protection");
	t = s;
	t.cr4 |= 1ull << 40;
	EQ(ioc(b->cpu, KVM_SET_SREGS, &t), -EINVAL, "unknown bit of CR4");
	t = s;
	t.efer |= 1 << 10;
	EQ(ioc(b->cpu, KVM_SET_SREGS, &t), -EINVAL, "LMA without paging");
	t = s;
	t.cs.l = 1;
	EQ(ioc(b->cpu, KVM_SET_SREGS, &t), -EINVAL, "CS.L without long mode");
	ioc(b->cpu, KVM_GET_SREGS, &t);
	EQ(memcmp(&s, &t, sizeof(s)), 0, "nothing of these stuck");
}

static void state_msrs(struct box *b)
{
	struct { u32 n; u32 i[200]; } *l = calloc(1, sizeof(*l));
	struct { struct kvm_msrs h; struct kvm_msr_entry e[200]; } *m = calloc(1, sizeof(*m));
	int sys = core_create_system();
	u32 i;

	EQ(ioc(sys, KVM_GET_MSR_INDEX_LIST, l), -E2BIG, "MSR list needs room");
	EQ(ioc(sys, KVM_GET_MSR_INDEX_LIST, l), 0, "MSR list");
	m->h.nmsrs = l->n;
	for (i = 0; i < l->n; i++)
		m->e[i].index = l->i[i];
	EQ(ioc(b->cpu, KVM_GET_MSRS, m), l->n, "all can be read");
	EQ(ioc(b->cpu, KVM_SET_MSRS, m), l->n, "and written back");
	m->e[1].index = 0x54321;
	EQ(ioc(b->cpu, KVM_GET_MSRS, m), 1, "up to one that is not there");
	l->n = 200;
	EQ(ioc(sys, KVM_GET_MSR_FEATURE_INDEX_LIST, l), 0, "feature MSRs");
	m->h.nmsrs = l->n;
	for (i = 0; i < l->n; i++)
		m->e[i].index = l->i[i];
	EQ(ioc(sys, KVM_GET_MSRS, m), l->n, "all can be read");
	test_close(sys);
	free(l);
	free(m);
}

static void state_fpu(struct box *b)
{
	struct kvm_xsave x, y;
	struct kvm_fpu f;

	EQ(ioc(b->cpu, KVM_GET_XSAVE, &x), 0, "XSAVE");
	x.region[128] = 3;
	x.region[40] = 0x12345678;		/* XMM0 */
	EQ(ioc(b->cpu, KVM_SET_XSAVE, &x), 0, "set");
	EQ(ioc(b->cpu, KVM_GET_FPU, &f), 0, "FPU");
	EQ(*(u32 *)f.xmm[0], 0x12345678, "XMM0");
	EQ(f.fcw, 0x37f, "FCW");
	x.region[6] = 1u << 31;
	EQ(ioc(b->cpu, KVM_SET_XSAVE, &x), -EINVAL, "bad MXCSR");
	x.region[6] = 0x1f80;
	x.region[129] = 1;
	EQ(ioc(b->cpu, KVM_SET_XSAVE, &x), -EINVAL, "unknown component");
	x.region[129] = 0;
	x.region[128] = 1;			/* SSE in its initial state */
	ioc(b->cpu, KVM_SET_XSAVE, &x);
	ioc(b->cpu, KVM_GET_XSAVE, &y);
	EQ(y.region[40], 0, "initial state is spelled out");
}

void test_state(void)
{
	static const u8 hlt = 0xf4;
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_HALTED };
	struct kvm_debugregs d = { .dr6 = 1ull << 32 };
	struct kvm_translation t = { .linear_address = 0x1234 };
	struct box b;

	box_open(&b, false, &hlt, 1);
	EQ(set_cpuid(&b), 0, "KVM_SET_CPUID2");
	state_sregs(&b);
	state_msrs(&b);
	state_fpu(&b);
	EQ(ioc(b.cpu, KVM_SET_MP_STATE, &mp), -EINVAL, "no LAPIC, no halted state");
	EQ(ioc(b.cpu, KVM_SET_DEBUGREGS, &d), -EINVAL, "upper half of DR6");
	EQ(ioc(b.cpu, KVM_TRANSLATE, &t), 0, "translate");
	OK(t.valid && t.physical_address == 0x1234, "without paging");
	b.run->kvm_valid_regs = 7;
	EXIT(&b, KVM_EXIT_HLT, "synchronized registers");
	EQ(b.run->s.regs.regs.rip, CODE + 1, "are there");
	b.run->s.regs.regs.rip = CODE;
	b.run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	EXIT(&b, KVM_EXIT_HLT, "and go back");
	b.run->kvm_valid_regs = 1 << 20;
	EQ(ioc(b.cpu, KVM_RUN, 0), -EINVAL, "unknown set");
	box_close(&b);
}

/* ---- chips and eventfds through the API ---- */

static void wake_by_irq(struct plat_thread *t)
{
	struct kvm_irq_level l = { .irq = 4, .level = 1 };
	extern int irq_vm;

	if (ioc(irq_vm, KVM_IRQ_LINE, &l))
		test_signal();
}

int irq_vm;

/* The 8259 as the BIOS has it: vectors from 8, all lines open. */
static const u8 irq_code[] = {
	0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x08, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21,
	0xb0, 0x01, 0xe6, 0x21, 0xb0, 0x00, 0xe6, 0x21, 0xfb, 0xf4, 0xf4,
};

static void irq_wakes(void)
{
	struct box b;

	box_open(&b, true, irq_code, sizeof(irq_code));
	irq_vm = b.vm;
	ram[12 * 4 + 1] = 0x20;
	memcpy(ram + 0x2000, "\xe6\x99", 2);	/* out %al, $0x99 */
	test_on_wait = wake_by_irq;
	EXIT(&b, KVM_EXIT_IO, "IRQ 4 wakes from HLT");
	EQ(b.run->io.port, 0x99, "into its handler");
	test_on_wait = NULL;
	box_close(&b);
	box_open(&b, true, irq_code, sizeof(irq_code));
	EQ(ioc(b.cpu, KVM_RUN, 0), -EINTR, "a signal wakes too");
	EQ(b.run->exit_reason, KVM_EXIT_INTR, "and says so");
	box_close(&b);
}

static void irq_fds(void)
{
	static const u8 code[] = { 0xb0, 0x07, 0xe6, 0x60, 0xb0, 0x08, 0xe6, 0x60, 0xf4 };
	int e = test_eventfd(), g = test_eventfd();
	struct kvm_irqfd f = { .fd = e, .gsi = 4 };
	struct kvm_ioeventfd io = {
		.addr = 0x60, .len = 1, .fd = g, .datamatch = 7,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	struct kvm_coalesced_mmio_zone z = { .addr = 0x60, .size = 1, .pio = 1 };
	struct kvm_coalesced_mmio_ring *ring;
	struct box b;

	box_open(&b, true, code, sizeof(code));
	e = f.fd = test_eventfd();
	g = io.fd = test_eventfd();
	EQ(ioc(b.vm, KVM_IRQFD, &f), 0, "irqfd");
	EQ(ioc(b.vm, KVM_IRQFD, &f), -EBUSY, "once");
	f.flags = KVM_IRQFD_FLAG_DEASSIGN;
	EQ(ioc(b.vm, KVM_IRQFD, &f), 0, "off");
	f.flags = 0;
	f.fd = 9999;
	EQ(ioc(b.vm, KVM_IRQFD, &f), -EBADF, "not a descriptor");
	f.fd = e;
	EQ(ioc(b.vm, KVM_IRQFD, &f), 0, "on again");
	test_eventfd_close(e);
	EQ(ioc(b.vm, KVM_IRQFD, &f), 0, "a closed one has gone");
	EQ(ioc(b.vm, KVM_IOEVENTFD, &io), 0, "ioeventfd");
	EQ(ioc(b.vm, KVM_IOEVENTFD, &io), -EEXIST, "once");
	EQ(ioc(b.vm, KVM_REGISTER_COALESCED_MMIO, &z), 0, "coalesced port");
	b.c->mp_state = KVM_MP_STATE_RUNNABLE;
	EQ(ioc(b.cpu, KVM_RUN, 0), -EINTR, "no exit for either");
	EQ(test_eventfd_count(g), 1, "7 went to the eventfd");
	ring = core_shared_page(PLAT_FILE_VCPU, b.c, KVM_COALESCED_MMIO_PAGE_OFFSET);
	OK(ring->last == 1 && ring->coalesced_mmio[0].data[0] == 8, "8 into the ring");
	ring->last = 0xffffffff;
	box_start(&b, CODE);
	b.c->mp_state = KVM_MP_STATE_RUNNABLE;
	EXIT(&b, KVM_EXIT_IO, "a ring that was written over is not used");
	io.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	EQ(ioc(b.vm, KVM_IOEVENTFD, &io), 0, "ioeventfd off");
	EQ(ioc(b.vm, KVM_IOEVENTFD, &io), -ENOENT, "it is");
	EQ(ioc(b.vm, KVM_UNREGISTER_COALESCED_MMIO, &z), 0, "ring off");
	test_close(e);
	test_close(g);
	box_close(&b);
}

static void irq_routes(void)
{
	struct { struct kvm_irq_routing h; struct kvm_irq_routing_entry e[3]; } r = { 0 };
	struct kvm_irq_level l = { .irq = 1, .level = 1 };
	struct box b;

	box_open(&b, true, "\xf4", 1);
	r.h.nr = 2;
	r.e[0] = (struct kvm_irq_routing_entry){ .gsi = 30, .type = KVM_IRQ_ROUTING_MSI };
	r.e[1] = r.e[0];
	EQ(ioc(b.vm, KVM_SET_GSI_ROUTING, &r), -EINVAL, "a GSI is one message");
	r.e[1] = (struct kvm_irq_routing_entry){ .gsi = 4095, .type = KVM_IRQ_ROUTING_IRQCHIP };
	EQ(ioc(b.vm, KVM_SET_GSI_ROUTING, &r), 0, "a table");
	r.e[1].gsi = 4096;
	EQ(ioc(b.vm, KVM_SET_GSI_ROUTING, &r), -EINVAL, "no such GSI");
	r.h.flags = 1;
	EQ(ioc(b.vm, KVM_SET_GSI_ROUTING, &r), -EINVAL, "no flags");
	EQ(ioc(b.vm, KVM_IRQ_LINE_STATUS, &l), 0, "a line without a route");
	box_close(&b);
	begin();
	b.vm = open_vm();
	EQ(ioc(b.vm, KVM_IRQ_LINE, &l), -ENXIO, "no chips, no lines");
	test_close(b.vm);
}

/* Requests of which nobody takes notice before INIT must not keep its wait from sleeping. */
static void irq_sleeps(void)
{
	struct box b;
	int cpu;

	box_open(&b, true, "\xf4", 1);
	cpu = ioc(b.vm, KVM_CREATE_VCPU, 1);
	vcpu_request(test_file_obj(cpu, NULL), VCPU_REQ_TRIPLE_FAULT);
	vcpu_request(test_file_obj(cpu, NULL), VCPU_REQ_EXIT_USER);
	vcpu_request(test_file_obj(cpu, NULL), VCPU_REQ_TIMER);
	test_waits = 0;
	EQ(ioc(cpu, KVM_RUN, 0), -EINTR, "a CPU that waits for INIT ends with a signal");
	EQ(test_waits, 1, "and slept until then");
	test_close(cpu);
	box_close(&b);
}

void test_irq(void)
{
	irq_sleeps();
	irq_wakes();
	irq_fds();
	irq_routes();
}
