/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vCPU's state goes in and comes out, and what no processor could be in is refused. */
#include "api.h"

static void one(struct box *b, int irqchip)
{
	vm_make(&b->vm, irqchip);
	vcpu_make(&b->vm, &b->cpu, 0);
	cpuid_all(&b->cpu);
}

static void reset_state(void)
{
	struct box b;
	struct kvm_sregs s;
	struct kvm_regs r;

	vm_make(&b.vm, IRQCHIP_NONE);
	vcpu_make(&b.vm, &b.cpu, 0);
	s = sregs_get(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rip, 0xfff0);
	EQ(r.rflags, 2);
	EQ(r.rax, 0);
	EQ(s.cs.selector, 0xf000);
	EQ(s.cs.base, 0xffff0000);
	EQ(s.cs.limit, 0xffff);
	EQ(s.cr0, 0x60000010);
	EQ(s.cr4, 0);
	EQ(s.efer, 0);
	EQ(s.apic_base & ~0xfffull, 0xfee00000);
}

static void regs_round_trip(void)
{
	struct kvm_regs r, t;
	struct box b;

	one(&b, IRQCHIP_NONE);
	for (size_t i = 0; i < sizeof(r) / 8; i++)
		((u64 *)&r)[i] = 0x1111111111111111ull * (i % 15) + i;
	r.rflags = 0xcd7;
	regs_set(&b.cpu, r);
	t = regs_get(&b.cpu);
	t.rflags = r.rflags = 0;
	CHECK(!memcmp(&r, &t, sizeof(r)));
	r.rflags = 0;
	regs_set(&b.cpu, r);
	EQ(regs_get(&b.cpu).rflags, 2); /* bit 1 is always set */
}

static bool same_seg(const struct kvm_segment *a, const struct kvm_segment *b)
{
	return a->base == b->base && a->limit == b->limit && a->selector == b->selector &&
	       a->type == b->type && a->dpl == b->dpl && a->db == b->db && a->s == b->s &&
	       a->l == b->l && a->g == b->g && a->present == b->present;
}

static void sregs_round_trip(void)
{
	struct kvm_sregs s, t;
	struct box b;

	one(&b, IRQCHIP_NONE);
	mode_set(&b.cpu, LONG64, 0);
	s = sregs_get(&b.cpu);
	s.fs.base = 0x7fff12345678;
	s.gs.base = 0xffff888000000000;
	s.cr2 = 0x123456789abc;
	s.cr8 = 5;
	s.gdt.limit = 0x77;
	s.idt.base = 0xffffffff81000000;
	s.ds.selector = 0x2b;
	sregs_set(&b.cpu, s);
	t = sregs_get(&b.cpu);
	CHECK(same_seg(&s.cs, &t.cs) && same_seg(&s.ds, &t.ds) && same_seg(&s.ss, &t.ss));
	CHECK(same_seg(&s.fs, &t.fs) && same_seg(&s.gs, &t.gs) && same_seg(&s.tr, &t.tr));
	EQ(t.gdt.limit, s.gdt.limit);
	EQ(t.idt.base, s.idt.base);
	EQ(t.cr0, s.cr0);
	EQ(t.cr2, s.cr2);
	EQ(t.cr3, s.cr3);
	EQ(t.cr4, s.cr4);
	EQ(t.cr8, s.cr8);
	EQ(t.efer, s.efer);
}

static void sregs_refused(void)
{
	struct kvm_sregs s, good;
	struct box b;

	one(&b, IRQCHIP_NONE);
	mode_set(&b.cpu, LONG64, 0);
	good = sregs_get(&b.cpu);
	s = good;
	s.cr4 &= ~0x20ull; /* long mode without PAE */
	REFUSED(ioctl(b.cpu.fd, KVM_SET_SREGS, &s), EINVAL);
	s = good;
	s.cr4 |= 1ull << 31;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_SREGS, &s), EINVAL);
	s = good;
	s.efer &= ~0x400ull; /* LME and PG without LMA */
	REFUSED(ioctl(b.cpu.fd, KVM_SET_SREGS, &s), EINVAL);
	s = good;
	s.apic_base = 0xfee00000 | 0x400; /* x2APIC without enable */
	REFUSED(ioctl(b.cpu.fd, KVM_SET_SREGS, &s), EINVAL);
	s = good;
	s.cr3 = 1ull << 60;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_SREGS, &s), EINVAL);
	sregs_set(&b.cpu, good);
}

static void sregs2_round_trip(void)
{
	struct kvm_sregs2 s, t;
	struct box b;

	NEED(KVM_CAP_SREGS2);
	one(&b, IRQCHIP_NONE);
	mode_set(&b.cpu, LONG64, 0);
	OK(ioctl(b.cpu.fd, KVM_GET_SREGS2, &s));
	EQ(s.flags, 0); /* not PAE paging: no PDPTRs */
	s.fs.base = 0x1234;
	OK(ioctl(b.cpu.fd, KVM_SET_SREGS2, &s));
	OK(ioctl(b.cpu.fd, KVM_GET_SREGS2, &t));
	EQ(t.fs.base, 0x1234);
	s.flags = 0x80;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_SREGS2, &s), EINVAL);
}

static void fpu_round_trip(void)
{
	struct kvm_fpu f = { 0 }, t;
	struct box b;

	one(&b, IRQCHIP_NONE);
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 16; j++)
			f.xmm[i][j] = i * 16 + j;
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 10; j++)
			f.fpr[i][j] = i * 10 + j;
	f.fcw = 0x27f;
	f.fsw = 0x3800;
	f.last_opcode = 0x123;
	OK(ioctl(b.cpu.fd, KVM_SET_FPU, &f));
	OK(ioctl(b.cpu.fd, KVM_GET_FPU, &t));
	EQ(t.fcw, f.fcw);
	EQ(t.fsw, f.fsw);
	CHECK(!memcmp(t.xmm, f.xmm, sizeof(f.xmm)));
	for (int i = 0; i < 8; i++)
		CHECK(!memcmp(t.fpr[i], f.fpr[i], 10));
}

static void fpu_reset(void)
{
	struct kvm_xsave *x = aligned_alloc(64, 16384);
	struct kvm_fpu t;
	struct box b;

	one(&b, IRQCHIP_NONE);
	OK(ioctl(b.cpu.fd, KVM_GET_FPU, &t));
	CHECK(t.fcw == 0x37f || t.fcw == 0x40);
	OK(ioctl(b.cpu.fd, KVM_GET_XSAVE, x));
	EQ(x->region[6], 0x1f80); /* KVM_GET_FPU leaves MXCSR out */
}

static void xsave_round_trip(void)
{
	struct kvm_xsave *x = aligned_alloc(64, 16384), *t = aligned_alloc(64, 16384);
	struct kvm_fpu f;
	struct box b;

	NEED(KVM_CAP_XSAVE);
	one(&b, IRQCHIP_NONE);
	OK(ioctl(b.cpu.fd, KVM_GET_XSAVE, x));
	for (int i = 0; i < 64; i++)
		x->region[40 + i] = 0x01010101 * i; /* XMM */
	x->region[0] = 0x27f;
	x->region[6] = 0x1f80;
	x->region[128] |= 3; /* XSTATE_BV: x87, SSE */
	OK(ioctl(b.cpu.fd, KVM_SET_XSAVE, x));
	OK(ioctl(b.cpu.fd, KVM_GET_XSAVE, t));
	CHECK(!memcmp(x->region + 40, t->region + 40, 256));
	EQ(t->region[0] & 0xffff, 0x27f);
	OK(ioctl(b.cpu.fd, KVM_GET_FPU, &f));
	CHECK(!memcmp(f.xmm, x->region + 40, 256)); /* the same state */
}

GUEST(state_mxcsr, 64, "vzeroall\n ldmxcsr 0x20000\n hlt\n stmxcsr 0x20004\n hlt");

/* MXCSR is no register of SSE's to some processors: with none of them in use it is kept all the same. */
static void xsave_mxcsr(void)
{
	struct kvm_xcrs c = { .nr_xcrs = 1, .xcrs[0].value = 7 };
	struct kvm_xsave *x = aligned_alloc(64, 16384);
	struct kvm_sregs s;
	struct box b;

	NEED(KVM_CAP_XSAVE);
	NEED(KVM_CAP_XCRS);
	BOX(&b, IRQCHIP_NONE, LONG64, state_mxcsr);
	OK(ioctl(b.cpu.fd, KVM_GET_SREGS, &s));
	s.cr4 |= 0x40600;
	OK(ioctl(b.cpu.fd, KVM_SET_SREGS, &s));
	OK(ioctl(b.cpu.fd, KVM_SET_XCRS, &c));
	*(u32 *)(b.vm.mem + DATA) = 0x7fa0;
	run_until(&b.cpu, KVM_EXIT_HLT);
	OK(ioctl(b.cpu.fd, KVM_GET_XSAVE, x));
	EQ(x->region[6], 0x7fa0);
	OK(ioctl(b.cpu.fd, KVM_SET_XSAVE, x));
	run_until(&b.cpu, KVM_EXIT_HLT);
	EQ(rd32(&b.vm, DATA + 4), 0x7fa0);
}

static void xsave_refused(void)
{
	struct kvm_xsave *x = aligned_alloc(64, 16384);
	struct box b;

	NEED(KVM_CAP_XSAVE);
	one(&b, IRQCHIP_NONE);
	OK(ioctl(b.cpu.fd, KVM_GET_XSAVE, x));
	x->region[6] = 0xffffffff; /* MXCSR */
	x->region[128] |= 2;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_XSAVE, x), EINVAL);
	x->region[6] = 0x1f80;
	x->region[129] = 0x40000000; /* a state component that nobody has */
	REFUSED(ioctl(b.cpu.fd, KVM_SET_XSAVE, x), EINVAL);
}

static void xsave2_size(void)
{
	struct box b;
	void *x;
	int n;

	one(&b, IRQCHIP_NONE);
	n = kvm_cap_vm(&b.vm, KVM_CAP_XSAVE2);
	if (!n)
		SKIP("KVM_CAP_XSAVE2 is not offered");
	CHECK(n >= 4096);
	x = calloc(1, n);
	OK(ioctl(b.cpu.fd, KVM_GET_XSAVE2, x));
	OK(ioctl(b.cpu.fd, KVM_SET_XSAVE, x));
}

static void xcrs(void)
{
	struct kvm_xcrs x = { 0 };
	struct box b;

	NEED(KVM_CAP_XCRS);
	one(&b, IRQCHIP_NONE);
	OK(ioctl(b.cpu.fd, KVM_GET_XCRS, &x));
	EQ(x.nr_xcrs, 1);
	EQ(x.xcrs[0].xcr, 0);
	EQ(x.xcrs[0].value, 1);
	x.xcrs[0].value = 3;
	OK(ioctl(b.cpu.fd, KVM_SET_XCRS, &x));
	OK(ioctl(b.cpu.fd, KVM_GET_XCRS, &x));
	EQ(x.xcrs[0].value, 3);
	x.xcrs[0].value = 2; /* x87 cannot be off */
	REFUSED(ioctl(b.cpu.fd, KVM_SET_XCRS, &x), EINVAL);
	x.xcrs[0].value = 5; /* AVX without SSE */
	REFUSED(ioctl(b.cpu.fd, KVM_SET_XCRS, &x), EINVAL);
	x.xcrs[0].value = 1;
	x.nr_xcrs = 100;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_XCRS, &x), EINVAL);
}

static void lapic_state(void)
{
	struct kvm_lapic_state s, t;
	struct box none, b;

	one(&none, IRQCHIP_NONE);
	REFUSED(ioctl(none.cpu.fd, KVM_GET_LAPIC, &s), EINVAL);
	one(&b, IRQCHIP_KERNEL);
	OK(ioctl(b.cpu.fd, KVM_GET_LAPIC, &s));
	EQ(*(u32 *)(s.regs + 0x30) & 0xff, 0x14); /* version */
	EQ(*(u32 *)(s.regs + 0xf0), 0xff); /* spurious vector, disabled */
	*(u32 *)(s.regs + 0xf0) = 0x1ff;
	*(u32 *)(s.regs + 0x80) = 0x50; /* TPR */
	*(u32 *)(s.regs + 0x320) = 0x10040; /* LVT timer */
	OK(ioctl(b.cpu.fd, KVM_SET_LAPIC, &s));
	OK(ioctl(b.cpu.fd, KVM_GET_LAPIC, &t));
	EQ(*(u32 *)(t.regs + 0xf0), 0x1ff);
	EQ(*(u32 *)(t.regs + 0x80), 0x50);
	EQ(*(u32 *)(t.regs + 0x320), 0x10040);
	EQ(sregs_get(&b.cpu).cr8, 5); /* TPR and CR8 are one register */
}

struct msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry e[300];
};

static void msrs_round_trip(void)
{
	static const u32 index[] = { 0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000083,
				     0xc0000084, 0xc0000102, 0xc0000100, 0xc0000101 };
	struct msrs m = { .head.nmsrs = 10 };
	struct box b;

	one(&b, IRQCHIP_NONE);
	for (int i = 0; i < 10; i++) {
		m.e[i].index = index[i];
		m.e[i].data = 0x10000 + 0x100 * i;
	}
	EQ(OK(ioctl(b.cpu.fd, KVM_SET_MSRS, &m)), 10);
	for (int i = 0; i < 10; i++)
		m.e[i].data = 0;
	EQ(OK(ioctl(b.cpu.fd, KVM_GET_MSRS, &m)), 10);
	for (int i = 0; i < 10; i++)
		EQ(m.e[i].data, 0x10000 + 0x100 * i);
}

static void msrs_partial(void)
{
	struct msrs m = { .head.nmsrs = 3 };
	struct box b;

	one(&b, IRQCHIP_NONE);
	m.e[0].index = 0x174;
	m.e[1].index = 0x12345678; /* nobody's */
	m.e[2].index = 0x175;
	EQ(OK(ioctl(b.cpu.fd, KVM_GET_MSRS, &m)), 1);
	EQ(OK(ioctl(b.cpu.fd, KVM_SET_MSRS, &m)), 1);
	m.head.nmsrs = 257;
	REFUSED(ioctl(b.cpu.fd, KVM_GET_MSRS, &m), E2BIG);
	m.head.nmsrs = 0;
	EQ(OK(ioctl(b.cpu.fd, KVM_GET_MSRS, &m)), 0);
}

static void cpuid_set_get(void)
{
	struct kvm_cpuid2 *t = cpuid_supported();
	struct kvm_cpuid2 *g = calloc(1, sizeof(*g) + 300 * sizeof(g->entries[0]));
	struct box b;

	vm_make(&b.vm, IRQCHIP_NONE);
	vcpu_make(&b.vm, &b.cpu, 0);
	OK(ioctl(b.cpu.fd, KVM_SET_CPUID2, t));
	g->nent = t->nent - 1;
	REFUSED(ioctl(b.cpu.fd, KVM_GET_CPUID2, g), E2BIG);
	g->nent = t->nent;
	OK(ioctl(b.cpu.fd, KVM_GET_CPUID2, g));
	EQ(cpuid_find(g, 0, 0)->ebx, cpuid_find(t, 0, 0)->ebx);
	g->nent = 257;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_CPUID2, g), E2BIG);
}

GUEST(st_cpuid, 32, "mov $0x40000010, %eax\n xor %ecx, %ecx\n cpuid\n"
		    "mov %eax, %edi\n mov %edx, %esi\n hlt");

static void cpuid_in_guest(void)
{
	struct kvm_cpuid2 *t = cpuid_supported();
	struct kvm_regs r;
	struct box b;

	BOX(&b, IRQCHIP_NONE, FLAT32, st_cpuid);
	t = memcpy(calloc(1, 20000), t, sizeof(*t) + t->nent * sizeof(t->entries[0]));
	t->entries[t->nent++] = (struct kvm_cpuid_entry2){
		.function = 0x40000010, .eax = 0xcafe, .ebx = 2, .ecx = 3, .edx = 0xbeef
	};
	OK(ioctl(b.cpu.fd, KVM_SET_CPUID2, t));
	finish(&b.cpu);
	r = regs_get(&b.cpu);
	EQ(r.rdi, 0xcafe);
	EQ(r.rsi, 0xbeef);
	EQ(r.rbx, 2);
}

static void cpuid_after_run(void)
{
	struct kvm_cpuid2 *t = calloc(1, 20000);
	struct box b;

	BOX(&b, IRQCHIP_NONE, FLAT32, st_cpuid);
	finish(&b.cpu);
	memcpy(t, cpuid_supported(), sizeof(*t) + cpuid_supported()->nent * sizeof(t->entries[0]));
	OK(ioctl(b.cpu.fd, KVM_SET_CPUID2, t)); /* the same again is fine */
	cpuid_find(t, 1, 0)->edx ^= 1 << 25;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_CPUID2, t), EINVAL);
}

static void mp_state(void)
{
	struct kvm_mp_state m;
	struct vcpu ap;
	struct box b;

	one(&b, IRQCHIP_KERNEL);
	vcpu_make(&b.vm, &ap, 1);
	OK(ioctl(b.cpu.fd, KVM_GET_MP_STATE, &m));
	EQ(m.mp_state, KVM_MP_STATE_RUNNABLE);
	OK(ioctl(ap.fd, KVM_GET_MP_STATE, &m));
	EQ(m.mp_state, KVM_MP_STATE_UNINITIALIZED);
	m.mp_state = KVM_MP_STATE_RUNNABLE;
	OK(ioctl(ap.fd, KVM_SET_MP_STATE, &m));
	OK(ioctl(ap.fd, KVM_GET_MP_STATE, &m));
	EQ(m.mp_state, KVM_MP_STATE_RUNNABLE);
	m.mp_state = KVM_MP_STATE_HALTED;
	OK(ioctl(ap.fd, KVM_SET_MP_STATE, &m));
	m.mp_state = 77;
	REFUSED(ioctl(ap.fd, KVM_SET_MP_STATE, &m), EINVAL);
}

static void mp_state_no_lapic(void)
{
	struct kvm_mp_state m = { KVM_MP_STATE_RUNNABLE };
	struct box b;

	one(&b, IRQCHIP_NONE);
	OK(ioctl(b.cpu.fd, KVM_SET_MP_STATE, &m));
	m.mp_state = KVM_MP_STATE_HALTED;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_MP_STATE, &m), EINVAL);
}

static void debugregs(void)
{
	struct kvm_debugregs d, t;
	struct box b;

	one(&b, IRQCHIP_NONE);
	OK(ioctl(b.cpu.fd, KVM_GET_DEBUGREGS, &d));
	EQ(d.dr6, 0xffff0ff0);
	EQ(d.dr7, 0x400);
	for (int i = 0; i < 4; i++)
		d.db[i] = 0x1000 * (i + 1);
	d.dr7 = 0x401;
	d.dr6 = 0xffff0ff1;
	OK(ioctl(b.cpu.fd, KVM_SET_DEBUGREGS, &d));
	OK(ioctl(b.cpu.fd, KVM_GET_DEBUGREGS, &t));
	EQ(t.db[0], 0x1000);
	EQ(t.db[3], 0x4000);
	EQ(t.dr7, 0x401);
	EQ(t.dr6, 0xffff0ff1);
	d.dr7 = 1ull << 32;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_DEBUGREGS, &d), EINVAL);
	d.dr7 = 0x400;
	d.flags = 1;
	REFUSED(ioctl(b.cpu.fd, KVM_SET_DEBUGREGS, &d), EINVAL);
}

/* The TSC and a clock, read as if at once: the reading that took the least time counts. */
static void read_both(uint64_t *ns, uint64_t *tsc)
{
	uint64_t best = ~0ull, from, to;
	struct timespec ts;
	int i;

	for (i = 0; i < 1000; i++) {
		from = __builtin_ia32_rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		to = __builtin_ia32_rdtsc();
		if (to - from >= best)
			continue;
		best = to - from;
		*tsc = from + best / 2;
		*ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
}

static long measured_khz(void)
{
	uint64_t ns0, ns1, tsc0, tsc1;

	read_both(&ns0, &tsc0);
	usleep(50000);
	read_both(&ns1, &tsc1);
	return (long)((tsc1 - tsc0) * 1000000 / (ns1 - ns0));
}

static void tsc_khz(void)
{
	struct box b;
	long khz;

	one(&b, IRQCHIP_NONE);
	khz = OK(ioctl(b.cpu.fd, KVM_GET_TSC_KHZ, 0));
	/* As fast as it is seen to be; 200 ppm are the kernel's clocks' among themselves. */
	CHECK(labs(khz - measured_khz()) < khz / 5000);
	CHECK(khz > 100000 && khz < 20000000);
	OK(ioctl(b.cpu.fd, KVM_SET_TSC_KHZ, khz));
	OK(ioctl(b.cpu.fd, KVM_SET_TSC_KHZ, 0l)); /* the host's own */
	EQ(OK(ioctl(b.cpu.fd, KVM_GET_TSC_KHZ, 0)), khz);
}

static void translate(void)
{
	struct kvm_translation t = { .linear_address = 0x12345 };
	struct box b;

	one(&b, IRQCHIP_NONE);
	mode_set(&b.cpu, LONG64, 0);
	OK(ioctl(b.cpu.fd, KVM_TRANSLATE, &t));
	EQ(t.valid, 1);
	EQ(t.physical_address, 0x12345);
	t = (struct kvm_translation){ .linear_address = 0x7fff00000000 };
	OK(ioctl(b.cpu.fd, KVM_TRANSLATE, &t));
	EQ(t.valid, 0);
	mode_set(&b.cpu, FLAT32, 0);
	t = (struct kvm_translation){ .linear_address = 0x700000 };
	OK(ioctl(b.cpu.fd, KVM_TRANSLATE, &t));
	EQ(t.valid, 1);
	EQ(t.physical_address, 0x700000);
}

static void enable_cap_vcpu(void)
{
	struct kvm_enable_cap e = { .cap = 100000 };
	struct box b;

	one(&b, IRQCHIP_KERNEL);
	REFUSED(ioctl(b.cpu.fd, KVM_ENABLE_CAP, &e), EINVAL);
	e.cap = KVM_CAP_SPLIT_IRQCHIP; /* a VM's, not a vCPU's */
	e.args[0] = 24;
	REFUSED(ioctl(b.cpu.fd, KVM_ENABLE_CAP, &e), EINVAL);
}

static void signal_mask_size(void)
{
	struct {
		struct kvm_signal_mask head;
		u8 set[8];
	} m = { .head.len = 4 };
	struct box b;

	one(&b, IRQCHIP_NONE);
	REFUSED(ioctl(b.cpu.fd, KVM_SET_SIGNAL_MASK, &m), EINVAL);
	m.head.len = 8;
	OK(ioctl(b.cpu.fd, KVM_SET_SIGNAL_MASK, &m));
	OK(ioctl(b.cpu.fd, KVM_SET_SIGNAL_MASK, NULL));
}

static void mce_setup(void)
{
	struct box b;
	u64 cap = 0;

	if (!kvm_cap(KVM_CAP_MCE))
		SKIP("KVM_CAP_MCE is not offered");
	one(&b, IRQCHIP_NONE);
	OK(ioctl(kvm_fd(), KVM_X86_GET_MCE_CAP_SUPPORTED, &cap));
	CHECK(cap & (1 << 8)); /* MCG_CTL_P */
	cap = (cap & ~0xffull) | 10;
	OK(ioctl(b.cpu.fd, KVM_X86_SETUP_MCE, &cap));
	EQ(msr_get(&b.cpu, 0x179) & 0x1ff, cap & 0x1ff); /* AMD reserves the rest */
	cap = 1 << 8 | 200; /* that many banks there are not */
	REFUSED(ioctl(b.cpu.fd, KVM_X86_SETUP_MCE, &cap), EINVAL);
}

static void clock_ctrl(void)
{
	struct box b;

	NEED(KVM_CAP_KVMCLOCK_CTRL);
	one(&b, IRQCHIP_NONE);
	REFUSED(ioctl(b.cpu.fd, KVM_KVMCLOCK_CTRL, 0), EINVAL); /* the guest has no clock yet */
}

static void nested_state_refused(void)
{
	struct kvm_nested_state n = { .size = 4 };
	struct box b;

	one(&b, IRQCHIP_NONE);
	if (kvm_cap_vm(&b.vm, KVM_CAP_NESTED_STATE))
		REFUSED(ioctl(b.cpu.fd, KVM_GET_NESTED_STATE, &n), E2BIG);
	else
		REFUSED(ioctl(b.cpu.fd, KVM_GET_NESTED_STATE, &n), EINVAL);
}

static const struct api_test rows[] = {
	{ "state/reset", reset_state, "as after RESET (SDM 3A table 9-1)" },
	{ "state/regs", regs_round_trip, "all 18 registers; RFLAGS bit 1" },
	{ "state/sregs", sregs_round_trip, "segments, tables, control registers" },
	{ "state/sregs-refused", sregs_refused, "impossible control registers are EINVAL" },
	{ "state/sregs2", sregs2_round_trip, "the same with PDPTRs; unknown flags are EINVAL" },
	{ "state/fpu", fpu_round_trip, "x87 and SSE" },
	{ "state/fpu-reset", fpu_reset, "MXCSR 0x1f80" },
	{ "state/xsave", xsave_round_trip, "the FPU's state by its other name" },
	{ "state/xsave-mxcsr", xsave_mxcsr, "MXCSR alone" },
	{ "state/xsave-refused", xsave_refused, "reserved MXCSR bits, unknown components" },
	{ "state/xsave2", xsave2_size, "as large as the capability says" },
	{ "state/xcrs", xcrs, "XCR0; combinations that XSETBV refuses are EINVAL" },
	{ "state/lapic", lapic_state, "the APIC page; CR8 is its TPR" },
	{ "state/msrs", msrs_round_trip, "what is set is read" },
	{ "state/msrs-partial", msrs_partial, "the count stops at the first that is refused" },
	{ "state/cpuid", cpuid_set_get, "out comes what went in" },
	{ "state/cpuid-in-guest", cpuid_in_guest, "CPUID shows the host's table" },
	{ "state/cpuid-after-run", cpuid_after_run, "no change after the first KVM_RUN" },
	{ "state/mp-state", mp_state, "BSP runnable, AP waits; unknown ones are EINVAL" },
	{ "state/mp-state-no-lapic", mp_state_no_lapic, "without a LAPIC only RUNNABLE" },
	{ "state/debugregs", debugregs, "DR0-3, DR6, DR7" },
	{ "state/tsc-khz", tsc_khz, "the host's own frequency" },
	{ "state/translate", translate, "walks the guest's tables" },
	{ "state/enable-cap", enable_cap_vcpu, "unknown ones are EINVAL" },
	{ "state/signal-mask-size", signal_mask_size, "8 bytes" },
	{ "state/mce", mce_setup, "banks up to the limit" },
	{ "state/kvmclock-ctrl", clock_ctrl, "EINVAL before the guest sets up its clock" },
	{ "state/nested-state", nested_state_refused, "as CHECK_EXTENSION says" },
};

SUITE(state_suite, rows);
