/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The guest's state on its way between vcpu->cpu and the VMCB.
 *
 * Few exits need more than the instruction pointer and a register, and few
 * return to the host program with a wish for more: so all that can wait stays
 * in the VMCB until somebody asks (vcpu->state_stale, svm_state_read).
 */
#include "svm.h"
#include "core-int.h"
#include "x86/msr.h"

#define CR0_CACHE (X86_CR0_CD | X86_CR0_NW)

/* ---- segments ---- */

static void seg_load(struct vmcb_seg *to, const struct x86_segment *from)
{
	to->selector = from->selector;
	to->attrib = (from->ar & 0xff) | (from->ar >> 4 & 0xf00);
	to->limit = from->limit;
	to->base = from->base;
}

/* The processor keeps no G bit for some segments: it follows from the limit (15.5.1). */
static void seg_read(struct x86_segment *to, const struct vmcb_seg *from)
{
	u16 ar = (from->attrib & 0xff) | (from->attrib & 0x700) << 4;

	to->selector = from->selector;
	to->ar = from->limit > 0xfffff ? ar | X86_AR_G : ar;
	to->limit = from->limit;
	to->base = from->base;
}

/* CPL has a place of its own; core looks at SS.DPL. */
static void ss_read(struct x86_segment *to, const struct vmcb_save *from)
{
	seg_read(to, &from->ss);
	to->ar = (to->ar & ~0x60u) | (from->cpl & 3) << 5;
}

static void dtable_load(struct vmcb_seg *to, const struct x86_dtable *from)
{
	to->base = from->base;
	to->limit = from->limit;
}

static void dtable_read(struct x86_dtable *to, const struct vmcb_seg *from)
{
	to->base = from->base;
	to->limit = from->limit;
}

/* ---- to the VMCB ---- */

static void crs_load(struct svm_vcpu *s)
{
	struct vmcb_save *m = &s->vmcb->save;
	const struct x86_cpu *c = &s->vcpu->cpu;
	u64 hidden = c->cr0 & X86_CR0_CD ? c->cr0 & CR0_CACHE : 0;
	u64 hosts = svm_caps.cr4_mce & ~c->cr4;

	/*
	 * Firmware that runs with its caches off runs with ours on. And a machine check is the
	 * host's affair: with CR4.MCE clear it would be a shutdown, of which the host learns
	 * nothing. A guest that sets the bit, as all do that know it, keeps CR4 to itself.
	 */
	if (unlikely(hidden != s->hidden_cr0 || hosts != s->hosts_cr4)) {
		s->hidden_cr0 = hidden;
		s->hosts_cr4 = hosts;
		svm_update_cr_intercepts(s, s->vmcb->control.cr_write & SVM_CR8);
	}
	m->cr0 = c->cr0 & ~hidden;
	m->cr2 = c->cr2;
	m->cr3 = c->cr3;
	m->cr4 = c->cr4 | hosts;
	m->efer = c->efer | SVM_EFER_SVME;
	m->cpl = x86_cpl(c);
}

static void msrs_load(struct svm_vcpu *s)
{
	struct vmcb_save *m = &s->vmcb->save;
	const struct x86_cpu *c = &s->vcpu->cpu;

	m->star = c->star;
	m->lstar = c->lstar;
	m->cstar = c->cstar;
	m->sfmask = c->sfmask;
	m->kernel_gs_base = c->kernel_gs_base;
	m->sysenter_cs = c->sysenter_cs;
	m->sysenter_esp = c->sysenter_esp;
	m->sysenter_eip = c->sysenter_eip;
	m->g_pat = c->pat;
	if (svm_caps.virt_spec_ctrl)
		m->spec_ctrl = s->vcpu->msrs->spec_ctrl;
}

void svm_state_load(struct svm_vcpu *s)
{
	struct vmcb_save *m = &s->vmcb->save;
	const struct x86_cpu *c = &s->vcpu->cpu;

	seg_load(&m->es, &c->seg[X86_ES]);
	seg_load(&m->cs, &c->seg[X86_CS]);
	seg_load(&m->ss, &c->seg[X86_SS]);
	seg_load(&m->ds, &c->seg[X86_DS]);
	seg_load(&m->fs, &c->seg[X86_FS]);
	seg_load(&m->gs, &c->seg[X86_GS]);
	seg_load(&m->ldtr, &c->seg[X86_LDTR]);
	seg_load(&m->tr, &c->seg[X86_TR]);
	if (s->tr_available)		/* QEMU's emulated processor takes no other then */
		m->tr.attrib &= ~2;
	dtable_load(&m->gdtr, &c->gdtr);
	dtable_load(&m->idtr, &c->idtr);
	crs_load(s);
	msrs_load(s);
	svm_debug_load(s);
	svm_dirty(s, SVM_CLEAN_CR | SVM_CLEAN_DT | SVM_CLEAN_SEG | SVM_CLEAN_CR2 | SVM_CLEAN_NP);
	s->vcpu->state_stale = true;
}

/* ---- and back ---- */

static void msrs_read(struct svm_vcpu *s)
{
	const struct vmcb_save *m = &s->vmcb->save;
	struct x86_cpu *c = &s->vcpu->cpu;

	c->star = m->star;
	c->lstar = m->lstar;
	c->cstar = m->cstar;
	c->sfmask = m->sfmask;
	c->kernel_gs_base = m->kernel_gs_base;
	c->sysenter_cs = m->sysenter_cs;
	/* The processor has 32 bits of these, and then the guest's own writes are intercepted. */
	if (!s->vcpu->emu.vendor_intel) {
		c->sysenter_esp = m->sysenter_esp;
		c->sysenter_eip = m->sysenter_eip;
	}
	if (svm_caps.virt_spec_ctrl)
		s->vcpu->msrs->spec_ctrl = m->spec_ctrl;
}

static bool pae_without_long(const struct x86_cpu *c)
{
	return (c->cr0 & X86_CR0_PG) && (c->cr4 & X86_CR4_PAE) && !(c->efer & X86_EFER_LMA);
}

void svm_mode_read(struct svm_vcpu *s)
{
	const struct vmcb_save *m = &s->vmcb->save;
	struct x86_cpu *c = &s->vcpu->cpu;

	if (!s->vcpu->state_stale)
		return;
	c->cr0 = m->cr0 | s->hidden_cr0;
	c->cr3 = m->cr3;
	c->cr4 = m->cr4 & ~s->hosts_cr4;
	c->efer = m->efer & ~SVM_EFER_SVME;
	seg_read(&c->seg[X86_CS], &m->cs);
	ss_read(&c->seg[X86_SS], m);
	/* Under nested paging the processor reads these when it walks, not at MOV CR3 (15.25.10). */
	if (unlikely(pae_without_long(c)))
		x86_load_pdptes(s->vcpu, c->cr3);
}

void svm_state_read(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);
	const struct vmcb_save *m = &s->vmcb->save;
	struct x86_cpu *c = &v->cpu;

	svm_mode_read(s);
	c->cr2 = m->cr2;
	seg_read(&c->seg[X86_ES], &m->es);
	seg_read(&c->seg[X86_DS], &m->ds);
	seg_read(&c->seg[X86_FS], &m->fs);
	seg_read(&c->seg[X86_GS], &m->gs);
	seg_read(&c->seg[X86_LDTR], &m->ldtr);
	seg_read(&c->seg[X86_TR], &m->tr);
	s->tr_available = !(m->tr.attrib & 2);
	c->seg[X86_TR].ar |= 2;		/* a TSS in use is busy, which the processor does not note */
	dtable_read(&c->gdtr, &m->gdtr);
	dtable_read(&c->idtr, &m->idtr);
	msrs_read(s);
	v->state_stale = false;
}

/* ---- beginnings ---- */

void svm_vmcb_init(struct svm_vcpu *s)
{
	struct vmcb_control *c = &s->vmcb->control;

	memset(s->vmcb, 0, sizeof(*s->vmcb));
	c->iopm_pa = svm_caps.iopm_pa;
	c->msrpm_pa = s->msrpm_pa;
	c->nested_ctl = SVM_NP_ENABLE;
	c->nested_cr3 = nested_root(s->vcpu->vm);
	c->int_ctl = SVM_V_INTR_MASKING;
	s->asid_generation = 0;
	s->setup_stale = true;
	s->waits = true;
}
