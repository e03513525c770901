/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Registers as the host program sees them. A state that no CPU can be in is
 * refused as a whole: the rest of the core may trust what it finds.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/lapic.h"

#define DR6_RESET 0xffff0ff0ull
#define DR7_FIXED 0x400ull

static const u8 gpr_order[] = {
	X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RSP, X86_RBP,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
};

/* struct kvm_regs begins with the sixteen in that order. */
_Static_assert(offsetof(struct kvm_regs, r15) == 15 * 8, "order of kvm_regs");

void x86_regs_store(struct vcpu *v, struct kvm_regs *r)
{
	u64 *out = &r->rax;
	unsigned int i;

	for (i = 0; i < 16; i++)
		out[i] = v->cpu.gpr[gpr_order[i]];
	r->rip = v->cpu.rip;
	r->rflags = v->cpu.rflags;
}

int x86_regs_load(struct vcpu *v, const struct kvm_regs *r)
{
	const u64 *in = &r->rax;
	unsigned int i;

	for (i = 0; i < 16; i++)
		v->cpu.gpr[gpr_order[i]] = in[i];
	v->cpu.rip = r->rip;
	v->cpu.rflags = (r->rflags & 0x3f7fd5) | 2;
	v->exception_pending = false;
	v->delivering = false;
	v->vm->engine->state_written(v);
	return 0;
}

long vcpu_get_regs(void *obj, void *arg, u64 uarg)
{
	x86_regs_store(obj, arg);
	return 0;
}

long vcpu_set_regs(void *obj, void *arg, u64 uarg)
{
	return x86_regs_load(obj, arg);
}

/* ---- segments, control registers ---- */

static void seg_store(struct kvm_segment *o, const struct x86_segment *s)
{
	*o = (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->ar & X86_AR_TYPE,
		.s = !!(s->ar & X86_AR_S),
		.dpl = X86_AR_DPL(s->ar),
		.present = !!(s->ar & X86_AR_P),
		.avl = (s->ar >> 12) & 1,
		.l = !!(s->ar & X86_AR_L),
		.db = !!(s->ar & X86_AR_DB),
		.g = !!(s->ar & X86_AR_G),
		.unusable = !(s->ar & X86_AR_P),
	};
}

static void seg_load(struct x86_segment *s, const struct kvm_segment *i)
{
	s->base = i->base;
	s->limit = i->limit;
	s->selector = i->selector;
	s->ar = (i->type & 15) | (i->s & 1) << 4 | (i->dpl & 3) << 5 |
		(i->present && !i->unusable) << 7 | (i->avl & 1) << 12 | (i->l & 1) << 13 |
		(i->db & 1) << 14 | (i->g & 1) << 15;
}

/* In the order of struct kvm_sregs and of struct kvm_sregs2, which begin alike. */
static const u8 seg_order[] = { X86_CS, X86_DS, X86_ES, X86_FS, X86_GS, X86_SS, X86_TR, X86_LDTR };

_Static_assert(offsetof(struct kvm_sregs, apic_base) == offsetof(struct kvm_sregs2, apic_base),
	       "the two begin alike");

static void common_store(struct vcpu *v, struct kvm_sregs *s)
{
	const struct x86_cpu *c = &v->cpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seg_order); i++)
		seg_store(&s->cs + i, &c->seg[seg_order[i]]);
	s->gdt = (struct kvm_dtable){ .base = c->gdtr.base, .limit = c->gdtr.limit };
	s->idt = (struct kvm_dtable){ .base = c->idtr.base, .limit = c->idtr.limit };
	s->cr0 = c->cr0;
	s->cr2 = c->cr2;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->cr8 = x86_get_cr8(v);
	s->efer = c->efer;
	s->apic_base = v->apic_base;
}

static bool sregs_valid(struct vcpu *v, const struct kvm_sregs *s)
{
	const u64 efer = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE;

	if (!x86_cr0_valid(s->cr0) || (s->efer & ~efer) || (s->cr4 & x86_cr4_guest_reserved(v)))
		return false;
	if ((s->efer & X86_EFER_LME) && (s->cr0 & X86_CR0_PG))
		return (s->cr4 & X86_CR4_PAE) && (s->efer & X86_EFER_LMA) &&
		       !((s->cr3 & ~BIT_ULL(63)) >> v->cpu.maxphyaddr);
	return !(s->efer & X86_EFER_LMA) && !s->cs.l;
}

/* The old value of a CPU that starts: hosts reset an application processor that halts this way. */
static bool looks_reset(const struct vcpu *v)
{
	const struct x86_cpu *c = &v->cpu;

	return c->seg[X86_CS].selector == 0xf000 && c->seg[X86_CS].base == 0xffff0000 &&
	       c->rip == 0xfff0 && !x86_protected(c);
}

static int common_load(struct vcpu *v, const struct kvm_sregs *s)
{
	struct x86_cpu *c = &v->cpu;
	unsigned int i;

	if (!sregs_valid(v, s) || lapic_set_base(v, s->apic_base, true))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(seg_order); i++)
		seg_load(&c->seg[seg_order[i]], &s->cs + i);
	c->gdtr = (struct x86_dtable){ .base = s->gdt.base, .limit = s->gdt.limit };
	c->idtr = (struct x86_dtable){ .base = s->idt.base, .limit = s->idt.limit };
	c->cr2 = s->cr2;
	c->cr3 = s->cr3 & ~BIT_ULL(63);
	c->cr0 = (s->cr0 & 0xe005003full) | X86_CR0_ET;
	c->cr4 = s->cr4;
	c->efer = s->efer;
	lapic_set_cr8(v, s->cr8 & 15);
	if (vcpu_is_bsp(v) && looks_reset(v))
		v->mp_state = KVM_MP_STATE_RUNNABLE;
	vcpu_request(v, VCPU_REQ_TLB_FLUSH);
	vcpu_request(v, VCPU_REQ_EVENT);
	v->vm->engine->state_written(v);
	return 0;
}

static bool pae_without_long(const struct vcpu *v)
{
	const struct x86_cpu *c = &v->cpu;

	return (c->cr0 & X86_CR0_PG) && (c->cr4 & X86_CR4_PAE) && !(c->efer & X86_EFER_LMA);
}

void x86_sregs_store(struct vcpu *v, struct kvm_sregs *s)
{
	memset(s, 0, sizeof(*s));
	common_store(v, s);
	if (v->interrupt_pending && !v->interrupt_soft)
		s->interrupt_bitmap[v->interrupt_vector / 64] |= BIT_ULL(v->interrupt_vector % 64);
}

int x86_sregs_load(struct vcpu *v, const struct kvm_sregs *s)
{
	unsigned int i;
	int err = common_load(v, s);

	if (err)
		return err;
	if (pae_without_long(v))
		/* memory may not be there yet: the guest's MOV CR3 will say */
		x86_load_pdptes(v, v->cpu.cr3);
	for (i = 0; i < 256; i++) {
		if (!(s->interrupt_bitmap[i / 64] & BIT_ULL(i % 64)))
			continue;
		v->interrupt_pending = v->interrupt_injected = true;
		v->interrupt_soft = false;
		v->interrupt_vector = i;
		break;
	}
	return 0;
}

long vcpu_get_sregs(void *obj, void *arg, u64 uarg)
{
	x86_sregs_store(obj, arg);
	return 0;
}

long vcpu_set_sregs(void *obj, void *arg, u64 uarg)
{
	return x86_sregs_load(obj, arg);
}

long vcpu_get_sregs2(void *obj, void *arg, u64 uarg)
{
	struct kvm_sregs2 *s = arg;
	struct vcpu *v = obj;

	common_store(v, arg);
	s->flags = 0;
	memset(s->pdptrs, 0, sizeof(s->pdptrs));
	if (pae_without_long(v)) {
		memcpy(s->pdptrs, v->cpu.pdpte, sizeof(s->pdptrs));
		s->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
	return 0;
}

long vcpu_set_sregs2(void *obj, void *arg, u64 uarg)
{
	const struct kvm_sregs2 *s = arg;
	struct vcpu *v = obj;
	bool given = s->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	int err;

	if (s->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	if (given && (!(s->cr0 & X86_CR0_PG) || !(s->cr4 & X86_CR4_PAE) ||
		      (s->efer & X86_EFER_LMA)))
		return -EINVAL;
	err = common_load(v, arg);
	if (err)
		return err;
	if (given)
		memcpy(v->cpu.pdpte, s->pdptrs, sizeof(s->pdptrs));
	else if (pae_without_long(v))
		x86_load_pdptes(v, v->cpu.cr3);
	return 0;
}

/* ---- debug registers, breakpoints of the host program ---- */

long vcpu_get_debugregs(void *obj, void *arg, u64 uarg)
{
	struct kvm_debugregs *d = arg;
	struct vcpu *v = obj;

	memcpy(d->db, v->cpu.dr, sizeof(d->db));
	d->dr6 = v->cpu.dr[6];
	d->dr7 = v->cpu.dr[7];
	return 0;
}

long vcpu_set_debugregs(void *obj, void *arg, u64 uarg)
{
	const struct kvm_debugregs *d = arg;
	struct vcpu *v = obj;

	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	memcpy(v->cpu.dr, d->db, sizeof(d->db));
	v->cpu.dr[6] = d->dr6;
	v->cpu.dr[7] = d->dr7;
	v->vm->engine->state_written(v);
	return 0;
}

long vcpu_set_guest_debug(void *obj, void *arg, u64 uarg)
{
	const struct kvm_guest_debug *d = arg;
	struct vcpu *v = obj;
	struct x86_exception e = { 0 };

	if (d->control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		if (v->exception_pending)
			return -EBUSY;
		e.vector = (d->control & KVM_GUESTDBG_INJECT_DB) ? X86_EXC_DB : X86_EXC_BP;
		vcpu_queue_exception(v, &e);
	}
	v->guest_debug = (d->control & KVM_GUESTDBG_ENABLE) ? d->control : 0;
	v->emu.one_element = vcpu_debug_stepping(v);
	memset(v->guest_debug_dr, 0, sizeof(v->guest_debug_dr));
	if (v->guest_debug & KVM_GUESTDBG_USE_HW_BP) {
		memcpy(v->guest_debug_dr, d->arch.debugreg, sizeof(v->guest_debug_dr));
		v->guest_debug_dr[7] |= DR7_FIXED;
	}
	vcpu_request(v, VCPU_REQ_TLB_FLUSH);	/* pages under a watchpoint go the slow way */
	v->vm->engine->state_written(v);
	return 0;
}

long vcpu_translate(void *obj, void *arg, u64 uarg)
{
	struct kvm_translation *t = arg;
	struct x86_exception exc;
	struct x86_walk w = { 0 };

	t->valid = x86_walk(obj, t->linear_address, X86_WALK_PEEK, &w, &exc) == X86_EMU_OK;
	t->physical_address = t->valid ? w.gpa : ~0ull;
	t->writeable = w.writable;
	t->usermode = w.user;
	memset(t->pad, 0, sizeof(t->pad));
	return 0;
}

/* ---- reset ---- */

static const struct x86_segment reset_segs[8] = {
	[X86_ES] = { .limit = 0xffff, .ar = 0x93 },
	[X86_CS] = { .base = 0xffff0000, .limit = 0xffff, .selector = 0xf000, .ar = 0x9b },
	[X86_SS] = { .limit = 0xffff, .ar = 0x93 },
	[X86_DS] = { .limit = 0xffff, .ar = 0x93 },
	[X86_FS] = { .limit = 0xffff, .ar = 0x93 },
	[X86_GS] = { .limit = 0xffff, .ar = 0x93 },
	[X86_LDTR] = { .limit = 0xffff, .ar = 0x82 },
	[X86_TR] = { .limit = 0xffff, .ar = 0x8b },
};

static void reset_events(struct vcpu *v)
{
	v->exception_pending = v->exception_injected = v->delivering = false;
	v->interrupt_pending = v->interrupt_injected = v->interrupt_soft = false;
	v->nmi_pending = 0;
	v->nmi_injected = false;
	v->cpu.nmi_masked = false;
	v->cpu.interrupt_shadow = 0;
	v->msr_exit = 0;
	v->msr_answered = false;
}

/* Values of APM vol. 2, table 14-1. INIT keeps the caches' mode, x87, SSE and most MSRs. */
void x86_vcpu_reset(struct vcpu *v, bool init)
{
	const struct kvm_cpuid_entry2 *leaf1 = x86_cpuid_find(v, 1, 0);
	struct x86_cpu *c = &v->cpu;
	u64 cache;

	vcpu_state(v);
	cache = init ? c->cr0 & (X86_CR0_CD | X86_CR0_NW) : X86_CR0_CD | X86_CR0_NW;
	memset(c->gpr, 0, sizeof(c->gpr));
	c->gpr[X86_RDX] = leaf1 ? leaf1->eax : 0x600;
	c->rip = 0xfff0;
	c->rflags = 2;
	memcpy(c->seg, reset_segs, sizeof(c->seg));
	c->gdtr = c->idtr = (struct x86_dtable){ .limit = 0xffff };
	c->cr0 = X86_CR0_ET | cache;
	c->cr2 = c->cr3 = c->cr4 = 0;
	c->efer = 0;
	memset(c->dr, 0, sizeof(c->dr));
	c->dr[6] = DR6_RESET;
	c->dr[7] = DR7_FIXED;
	reset_events(v);
	x86_msrs_reset(v, init);
	if (!init) {
		c->xcr0 = 1;
		c->cr8 = 0;
		x86_fpu_reset(v);
	}
	vcpu_request(v, VCPU_REQ_TLB_FLUSH);
	if (v->engine_ready)
		v->vm->engine->state_written(v);
}
