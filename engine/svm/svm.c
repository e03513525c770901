/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * AMD-V as the core sees it: struct engine, and what the processor must have
 * and may have (APM vol. 2, 15.4; CPUID Fn8000_000A).
 *
 * Guest memory is behind nested page tables, always. The guest has its own CR3
 * and its own TLB entries by ASID, so that there is nothing to do for its
 * paging, and the engine's callbacks for it only order flushes.
 */
#include "svm.h"
#include "usable.h"
#include "core-int.h"
#include "x86/msr.h"

struct svm_caps svm_caps;

static struct plat_mutex users_lock;
static u32 users;		/* VMs: AMD-V is on while there are any */
static u64 last_id;

/* ---- the processor ---- */

enum { EAX, EBX, ECX, EDX };

static void host_cpuid(u32 leaf, u32 sub, u32 r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[EAX]), "=b"(r[EBX]), "=c"(r[ECX]), "=d"(r[EDX])
			 : "a"(leaf), "c"(sub));
}

static bool has(u32 leaf, u32 reg, u32 bit)
{
	u32 r[4];

	host_cpuid(leaf & 0x80000000, 0, r);
	if (leaf > r[EAX])
		return false;
	host_cpuid(leaf, 0, r);
	return r[reg] & BIT(bit);
}

static const struct { u64 cr4; u32 leaf, reg, bit; } cr4_bits[] = {
	{ X86_CR4_VME | X86_CR4_PVI, 1, EDX, 1 },
	{ X86_CR4_DE, 1, EDX, 2 },
	{ X86_CR4_PSE, 1, EDX, 3 },
	{ X86_CR4_TSD, 1, EDX, 4 },
	{ X86_CR4_PAE, 1, EDX, 6 },
	{ X86_CR4_MCE, 1, EDX, 7 },
	{ X86_CR4_PGE, 1, EDX, 13 },
	{ X86_CR4_OSFXSR, 1, EDX, 24 },
	{ X86_CR4_OSXMMEXCPT, 1, EDX, 25 },
	{ X86_CR4_PCIDE, 1, ECX, 17 },
	{ X86_CR4_OSXSAVE, 1, ECX, 26 },
	{ X86_CR4_FSGSBASE, 7, EBX, 0 },
	{ X86_CR4_SMEP, 7, EBX, 7 },
	{ X86_CR4_SMAP, 7, EBX, 20 },
	{ X86_CR4_UMIP, 7, ECX, 2 },
	{ X86_CR4_PKE, 7, ECX, 3 },
	{ BIT_ULL(23), 7, ECX, 7 },		/* CET: shadow stacks */
	{ X86_CR4_LA57, 7, ECX, 16 },
};

static u64 cr4_supported(void)
{
	u64 cr4 = X86_CR4_PCE;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cr4_bits); i++)
		if (has(cr4_bits[i].leaf, cr4_bits[i].reg, cr4_bits[i].bit))
			cr4 |= cr4_bits[i].cr4;
	return cr4;
}

static u64 read_cr4(void)
{
	u64 cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4;
}

static u64 host_xcr0(void)
{
	u32 lo, hi;

	if (!has(1, ECX, 27))		/* OSXSAVE */
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (u64)hi << 32;
}

static bool usable(void)
{
	bool svm = has(0x80000001, ECX, 2);
	const char *why;
	u64 vm_cr;

	if (!svm || hw_rdmsr_safe(MSR_VM_CR, &vm_cr))
		vm_cr = 0;
	why = svm_unusable(svm, vm_cr, has(0x8000000a, EDX, 0));
	if (why)
		plat_log("%s", why);
	return !why;
}

static void find_caps(void)
{
	u32 r[4];

	host_cpuid(0x8000000a, 0, r);
	svm_caps = (struct svm_caps){
		.asids = r[EBX],
		.next_rip = r[EDX] & BIT(3),
		.tsc_scaling = r[EDX] & BIT(4),
		.flush_by_asid = r[EDX] & BIT(6),
		.decode_assists = r[EDX] & BIT(7),
		.pause_filter = r[EDX] & BIT(10),
		.pause_threshold = r[EDX] & BIT(12),
		.virt_spec_ctrl = r[EDX] & BIT(20),
		.ssbd_apart = hw_ssbd_apart(),
		.ibpb = has(0x80000008, EBX, 12),
		.rdtscp = has(0x80000001, EDX, 27),
		.cr4 = cr4_supported(),
		.cr4_mce = read_cr4() & X86_CR4_MCE,
		.xcr0 = host_xcr0(),
	};
	/* IBRS, STIBP or SSBD by this MSR */
	svm_caps.spec_ctrl = has(0x80000008, EBX, 14) || has(0x80000008, EBX, 15) ||
			     has(0x80000008, EBX, 24);
}

#define IOPM_ORDER 2		/* 12 KiB, all ones: every port exits */
static void *iopm;

static int engine_init(void)
{
	u64 pa;

	if (!usable())
		return -EOPNOTSUPP;
	find_caps();
	if (svm_caps.tsc_scaling) {
		svm_engine.tsc_ratio_fraction_bits = SVM_TSC_RATIO_BITS;
		svm_engine.tsc_ratio_bits = SVM_TSC_RATIO_BITS + 8;
	}
	iopm = hw_cpu_pages_alloc(0, IOPM_ORDER, &pa);
	if (!iopm || svm_cpus_create()) {
		hw_pages_free(iopm, IOPM_ORDER);
		return -ENOMEM;
	}
	memset(iopm, 0xff, PAGE_SIZE << IOPM_ORDER);
	svm_caps.iopm_pa = pa;
	plat_mutex_init(&users_lock);
	return 0;
}

static void engine_exit(void)
{
	svm_cpus_destroy();
	hw_pages_free(iopm, IOPM_ORDER);
}

/* ---- VMs ---- */

static int use(void)
{
	int err = 0;

	plat_mutex_lock(&users_lock);
	if (!users)
		err = svm_cpus_enable();
	if (!err)
		users++;
	plat_mutex_unlock(&users_lock);
	return err;
}

static void unuse(void)
{
	plat_mutex_lock(&users_lock);
	if (!--users)
		svm_cpus_disable();
	plat_mutex_unlock(&users_lock);
}

/* APM vol. 2, 15.25.5: a nested walk is a user's access; memory types by the host's PAT. */
static const struct nested_format format = {
	.present = BIT_ULL(0),
	.read_exec = BIT_ULL(0) | BIT_ULL(2),
	.write = BIT_ULL(1),
	.accessed = BIT_ULL(5),
	.dirty = BIT_ULL(6),
	.large = BIT_ULL(7),
	.memory_type = 0,
	.memory_type_io = BIT_ULL(3) | BIT_ULL(4),	/* PWT, PCD: uncached */
};

static int engine_vm_create(struct vm *vm)
{
	int err = use();

	if (err)
		return err;
	err = nested_vm_create(vm, &format);
	if (err)
		unuse();
	return err;
}

static void engine_vm_destroy(struct vm *vm)
{
	nested_vm_destroy(vm);
	unuse();
}

/* ---- vCPUs ---- */

#define MSRPM_ORDER 1

static void engine_vcpu_destroy(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	if (!s)
		return;
	v->engine_priv = NULL;
	hw_fpu_destroy(v);
	hw_pages_free(s->msrpm, MSRPM_ORDER);
	hw_pages_free(s->vmcb, 0);
	plat_free(s);
}

static int engine_vcpu_create(struct vcpu *v)
{
	struct svm_vcpu *s = plat_alloc(sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		return err;
	s->vcpu = v;
	s->id = plat_atomic_add64(&last_id, 1) + 1;
	s->cpu = -1;
	s->tsc_ratio = SVM_TSC_RATIO_ONE;
	s->vmcb = hw_pages_alloc(0, &s->vmcb_pa);
	s->msrpm = hw_pages_alloc(MSRPM_ORDER, &s->msrpm_pa);
	if (s->vmcb && s->msrpm)
		err = hw_fpu_create(v);
	if (err) {
		hw_pages_free(s->msrpm, MSRPM_ORDER);
		hw_pages_free(s->vmcb, 0);
		plat_free(s);
		return err;
	}
	v->engine_priv = s;
	svm_vmcb_init(s);
	return 0;
}

/* ---- callbacks ---- */

/* Inside run() the copy is old as soon as the guest goes on: it stays stale. */
static void engine_fpu_read(struct vcpu *v)
{
	v->fpu_stale = hw_fpu_read(v, v->cpu.xsave, X86_XSAVE_MAX);
}

/* What XRSTOR would not take the core has kept out. */
static void engine_fpu_written(struct vcpu *v)
{
	hw_fpu_write(v, v->cpu.xsave);
}

static void engine_tsc_changed(struct vcpu *v)
{
	u64 ratio = v->tsc_ratio ? v->tsc_ratio : SVM_TSC_RATIO_ONE;
	struct svm_vcpu *s = svm_of(v);

	if (!s)
		return;
	s->vmcb->control.tsc_offset = v->cpu.tsc_offset;
	svm_dirty(s, SVM_CLEAN_INTERCEPTS);
	if (s->tsc_ratio == ratio)
		return;
	s->tsc_ratio = ratio;
	s->cpu = -1;		/* a processor is told when the vCPU comes to it */
}

/* CPUID, a debugger: all that svm_setup follows. */
static void engine_state_written(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	if (s)
		s->setup_stale = true;
}

static void engine_tlb_flush(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	if (s)
		s->flush = SVM_FLUSH;
}

/* A second page is all. */
static void engine_tlb_flush_page(struct vcpu *v, u64 lin)
{
	struct svm_vcpu *s = svm_of(v);

	s->flush = s->flush == SVM_KEEP ? SVM_FLUSH_PAGE : SVM_FLUSH;
	s->flush_lin = lin;
}

/* Whoever changes it has taken the state out of the VMCB: all of it goes back. */
static void engine_mode_changed(struct vcpu *v)
{
}

/* engine_init adds what not every processor can. */
struct engine svm_engine = {
	.name = "svm",
	.init = engine_init,
	.exit = engine_exit,
	.vm_create = engine_vm_create,
	.vm_destroy = engine_vm_destroy,
	.vcpu_create = engine_vcpu_create,
	.vcpu_destroy = engine_vcpu_destroy,
	.run = svm_run,
	.inject = svm_inject,
	.state_read = svm_state_read,
	.fpu_read = engine_fpu_read,
	.fpu_written = engine_fpu_written,
	.kick = hw_kick,
	.state_written = engine_state_written,
	.tsc_changed = engine_tsc_changed,
	.tlb_flush = engine_tlb_flush,
	.tlb_flush_asid = engine_tlb_flush,
	.tlb_flush_page = engine_tlb_flush_page,
	.mode_changed = engine_mode_changed,
	.slot_changed = nested_slot_changed,
	.dirty_collect = nested_dirty_collect,
	.dirty_clear = nested_dirty_clear,
	.async_pf = true,
};
