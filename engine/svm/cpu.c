/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Processors: AMD-V switched on and off, and the ASIDs that tag each guest's
 * translations (APM vol. 2, 15.16).
 *
 * A processor hands out its ASIDs once each. When they have run out it flushes
 * all and begins a new generation: a vCPU whose generation is another's, or
 * that comes from another processor, takes a new one. So a vCPU's old
 * translations, wherever it has left them, are never found again, and where
 * the processor can't flush one ASID a new one does instead.
 */
#include "svm.h"
#include "x86/msr.h"

#define MSR_TSC_RATIO 0xc0000104
#define MSR_VM_HSAVE_PA 0xc0010117

struct svm_cpu *svm_cpus;

static int cpu_on(void)
{
	struct svm_cpu *c = &svm_cpus[hw_this_cpu()];
	u64 efer = hw_rdmsr(MSR_EFER);

	if (efer & SVM_EFER_SVME) {
		plat_log("AMD-V is in use by another hypervisor: unload it first");
		return -EBUSY;
	}
	hw_wrmsr(MSR_EFER, efer | SVM_EFER_SVME);
	hw_wrmsr(MSR_VM_HSAVE_PA, c->hsave_pa);
	c->next_asid = svm_caps.asids;	/* a new generation first of all */
	c->tsc_ratio = SVM_TSC_RATIO_ONE;
	if (svm_caps.tsc_scaling)
		hw_wrmsr(MSR_TSC_RATIO, c->tsc_ratio);
	return 0;
}

/* How fast a guest's TSC goes here; the host's own is not touched by it (15.30.5). */
static void set_tsc_ratio(struct svm_cpu *c, u64 ratio)
{
	if (likely(c->tsc_ratio == ratio))
		return;
	c->tsc_ratio = ratio;
	hw_wrmsr(MSR_TSC_RATIO, ratio);
}

static void cpu_off(void)
{
	set_tsc_ratio(&svm_cpus[hw_this_cpu()], SVM_TSC_RATIO_ONE);
	hw_wrmsr(MSR_VM_HSAVE_PA, 0);
	hw_wrmsr(MSR_EFER, hw_rdmsr(MSR_EFER) & ~SVM_EFER_SVME);
}

int svm_cpus_create(void)
{
	int i, n = hw_nr_cpus();

	svm_cpus = plat_alloc(n * sizeof(*svm_cpus));
	if (!svm_cpus)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct svm_cpu *c = &svm_cpus[i];

		c->pages = hw_cpu_pages_alloc(i, 1, &c->hsave_pa);
		if (!c->pages) {
			svm_cpus_destroy();
			return -ENOMEM;
		}
		c->host_pa = c->hsave_pa + PAGE_SIZE;
		c->asid_generation = 1;		/* 0 is that of a vCPU without an ASID */
	}
	return 0;
}

void svm_cpus_destroy(void)
{
	int i, n = hw_nr_cpus();

	for (i = 0; svm_cpus && i < n; i++)
		hw_pages_free(svm_cpus[i].pages, 1);
	plat_free(svm_cpus);
	svm_cpus = NULL;
}

int svm_cpus_enable(void)
{
	static const struct hw_cpu_ops ops = { .on = cpu_on, .off = cpu_off };

	return hw_enable(&ops);
}

void svm_cpus_disable(void)
{
	hw_disable();
}

static u8 new_asid(struct svm_vcpu *s, struct svm_cpu *c)
{
	u8 flush = SVM_TLB_NOTHING;

	if (c->next_asid >= svm_caps.asids) {
		c->asid_generation++;
		c->next_asid = 1;	/* 0 is the host's */
		flush = SVM_TLB_FLUSH_ALL;
	}
	s->asid_generation = c->asid_generation;
	s->vmcb->control.asid = c->next_asid++;
	svm_dirty(s, SVM_CLEAN_ASID);
	return flush;
}

static void invlpga(u64 lin, u32 asid)
{
	__asm__ volatile("invlpga %0, %1" : : "a"(lin), "c"(asid) : "memory");
}

static u8 flush(struct svm_vcpu *s, struct svm_cpu *c)
{
	bool page = s->flush == SVM_FLUSH_PAGE;

	s->flush = SVM_KEEP;
	if (s->asid_generation != c->asid_generation)
		return new_asid(s, c);
	if (!page)
		return svm_caps.flush_by_asid ? SVM_TLB_FLUSH_GUEST : new_asid(s, c);
	invlpga(s->flush_lin, s->vmcb->control.asid);
	return SVM_TLB_NOTHING;
}

static void moved(struct svm_vcpu *s, int cpu)
{
	struct svm_cpu *c = &svm_cpus[cpu];

	if (c->last_id)
		hw_ibpb();
	c->last_id = s->id;
	set_tsc_ratio(c, s->tsc_ratio);
	if (s->cpu == cpu)
		return;
	s->cpu = cpu;
	s->asid_generation = 0;
	s->vmcb->control.clean = 0;
}

void svm_cpu_prepare(struct svm_vcpu *s, int cpu)
{
	struct svm_cpu *c = &svm_cpus[cpu];
	u8 tlb = SVM_TLB_NOTHING;

	if (c->last_id != s->id || s->cpu != cpu)
		moved(s, cpu);
	if (s->asid_generation != c->asid_generation || s->flush)
		tlb = flush(s, c);
	s->vmcb->control.tlb_control = tlb;
}
