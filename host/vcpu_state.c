// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A vCPU's state: one table of what there is, in the order in which it must be put back (the local
 * APIC's base and mode before its registers, all MSRs before the run state).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/report.h"
#include "host/vcpu_state.h"

#define MAX_MSRS 512

#define MSR_IA32_TSC		0x10
#define MSR_IA32_MISC_ENABLE	0x1a0
#define MSR_IA32_TSC_DEADLINE	0x6e0
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MISC_ENABLE_FAST_STRING	1
#define MTRR_ENABLE_WB		(1u << 11 | 6)

#define LAPIC_LVT_LINT0		0x350
#define LAPIC_LVT_LINT1		0x360
#define LVT_EXTINT		0x700
#define LVT_NMI			0x400
#define LVT_MASKED		0x10000

struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[MAX_MSRS];
	} msrs;
};

static const struct part {
	const char *name;
	unsigned long get, set;
	size_t offset;
	int cap;		/* absent without it; 0: always there */
} parts[] = {
	{ "REGS", KVM_GET_REGS, KVM_SET_REGS, offsetof(struct vcpu_state, regs), 0 },
	{ "SREGS", KVM_GET_SREGS, KVM_SET_SREGS, offsetof(struct vcpu_state, sregs), 0 },
	{ "XSAVE", KVM_GET_XSAVE, KVM_SET_XSAVE, offsetof(struct vcpu_state, xsave), 0 },
	{ "XCRS", KVM_GET_XCRS, KVM_SET_XCRS, offsetof(struct vcpu_state, xcrs), KVM_CAP_XCRS },
	{ "DEBUGREGS", KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS,
	  offsetof(struct vcpu_state, debugregs), KVM_CAP_DEBUGREGS },
	{ "LAPIC", KVM_GET_LAPIC, KVM_SET_LAPIC, offsetof(struct vcpu_state, lapic), 0 },
	{ "VCPU_EVENTS", KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
	  offsetof(struct vcpu_state, events), 0 },
	{ "MP_STATE", KVM_GET_MP_STATE, KVM_SET_MP_STATE, offsetof(struct vcpu_state, mp_state), 0 },
};

void vcpu_must(const struct vcpu *v, unsigned long request, void *arg, const char *what)
{
	int ret = v->vm->accel->ioctl(v->fd, request, arg);

	if (ret < 0)
		die("-accel %s: CPU %u: %s fails: %s", v->vm->accel->name, v->index, what,
		    strerror(-ret));
}

static bool has(const struct vcpu *v, const struct part *p)
{
	return !p->cap || accel_ioctl_val(v->vm->accel, v->vm->sys_fd, KVM_CHECK_EXTENSION,
					  (uint64_t)p->cap) > 0;
}

/* The MSRs that the accelerator itself lists as state. Those it cannot read are not the CPU's. */
static void get_msrs(const struct vcpu *v, struct vcpu_state *s)
{
	const struct accel *a = v->vm->accel;
	struct {
		struct kvm_msr_list head;
		uint32_t index[MAX_MSRS];
	} list = { .head = { .nmsrs = MAX_MSRS } };
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one;
	unsigned int i;
	int ret = a->ioctl(v->vm->sys_fd, KVM_GET_MSR_INDEX_LIST, &list);

	if (ret < 0)
		die("-accel %s: KVM_GET_MSR_INDEX_LIST fails: %s", a->name, strerror(-ret));
	s->msrs.head.nmsrs = 0;
	for (i = 0; i < list.head.nmsrs; i++) {
		one.head = (struct kvm_msrs){ .nmsrs = 1 };
		one.entry = (struct kvm_msr_entry){ .index = list.index[i] };
		/* The clock goes on over a reset: CPUs that run stay in step with each other. */
		if (list.index[i] == MSR_IA32_TSC || list.index[i] == MSR_IA32_TSC_DEADLINE)
			continue;
		if (a->ioctl(v->fd, KVM_GET_MSRS, &one) == 1)
			s->msrs.entry[s->msrs.head.nmsrs++] = one.entry;
	}
}

/* One by one: a register that cannot be written back (read-only) must not stop the rest. */
static void put_msrs(const struct vcpu *v, const struct vcpu_state *s)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one;
	unsigned int i;

	for (i = 0; i < s->msrs.head.nmsrs; i++) {
		one.head = (struct kvm_msrs){ .nmsrs = 1 };
		one.entry = s->msrs.entry[i];
		if (v->vm->accel->ioctl(v->fd, KVM_SET_MSRS, &one) != 1 && tracing(TRACE_RESET))
			trace("cpu %u: MSR %#x cannot be written back", v->index, one.entry.index);
	}
}

struct vcpu_state *vcpu_state_get(const struct vcpu *v)
{
	struct vcpu_state *s = calloc(1, sizeof(*s));
	unsigned int i;

	if (!s)
		die("out of memory for the state of CPU %u", v->index);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (has(v, &parts[i]))
			vcpu_must(v, parts[i].get, (char *)s + parts[i].offset, parts[i].name);
	get_msrs(v, s);
	return s;
}

void vcpu_state_put(const struct vcpu *v, const struct vcpu_state *s)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		/* After the special registers, whose APIC base the others build on. */
		if (parts[i].set == KVM_SET_XSAVE)
			put_msrs(v, s);
		if (has(v, &parts[i]))
			vcpu_must(v, parts[i].set, (char *)(uintptr_t)s + parts[i].offset,
				  parts[i].name);
	}
}

static void set_msr(const struct vcpu *v, uint32_t index, uint64_t val)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head = { .nmsrs = 1 }, .entry = { .index = index, .data = val } };

	if (v->vm->accel->ioctl(v->fd, KVM_SET_MSRS, &m) != 1 && tracing(TRACE_BOOT))
		trace("cpu %u: MSR %#x cannot be set", v->index, index);
}

static void set_lvt(struct kvm_lapic_state *lapic, unsigned int reg, uint32_t val)
{
	memcpy(lapic->regs + reg, &val, sizeof(val));
}

void vcpu_state_power_on(const struct vcpu *v)
{
	struct kvm_lapic_state lapic;

	/* All memory is write-back; without it the guest runs its own RAM as uncached. */
	set_msr(v, MSR_MTRR_DEF_TYPE, MTRR_ENABLE_WB);
	set_msr(v, MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING);
	/* Virtual wire mode: the PICs reach the boot CPU (MultiProcessor Specification 1.4, 3.6.2.2). */
	vcpu_must(v, KVM_GET_LAPIC, &lapic, "KVM_GET_LAPIC");
	set_lvt(&lapic, LAPIC_LVT_LINT0, v->index ? LVT_EXTINT | LVT_MASKED : LVT_EXTINT);
	set_lvt(&lapic, LAPIC_LVT_LINT1, LVT_NMI);
	vcpu_must(v, KVM_SET_LAPIC, &lapic, "KVM_SET_LAPIC");
}

/* --- a kernel's entry --- */

static struct kvm_segment flat(uint16_t selector, bool code, bool longmode)
{
	return (struct kvm_segment){
		.base = 0, .limit = 0xffffffff, .selector = selector,
		.type = code ? 0xb : 0x3, .present = 1, .s = 1, .g = 1,
		.db = !longmode || !code, .l = longmode && code,
	};
}

void vcpu_state_enter(const struct vcpu *v, const struct boot_entry *entry)
{
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = entry->rip, .rsi = entry->rsi, .rbx = entry->rbx,
		.rsp = entry->rsp, .rflags = 2,
	};

	vcpu_must(v, KVM_GET_SREGS, &s, "KVM_GET_SREGS");
	s.cs = flat(BOOT_CS, true, entry->longmode);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(BOOT_DS, false, entry->longmode);
	s.tr = (struct kvm_segment){ .limit = 0x67, .selector = BOOT_TSS, .type = 0xb, .present = 1 };
	s.ldt = (struct kvm_segment){ .type = 2, .unusable = 1 };
	s.gdt.base = entry->gdt;
	s.gdt.limit = entry->gdt_limit;
	s.idt.base = 0;
	s.idt.limit = 0;
	s.cr0 = 0x11;				/* PE, ET */
	s.cr4 = 0;
	if (entry->longmode) {
		s.cr3 = entry->cr3;
		s.cr4 = 0x20;			/* PAE */
		s.cr0 |= 0x80000000;		/* PG */
		s.efer |= 0x500;		/* LME, LMA */
	}
	vcpu_must(v, KVM_SET_SREGS, &s, "KVM_SET_SREGS");
	vcpu_must(v, KVM_SET_REGS, &r, "KVM_SET_REGS");
}

/* The bytes at the instruction pointer, as far as they lie in RAM and in one page. */
static void dump_code(const struct vcpu *v, uint64_t linear)
{
	struct kvm_translation t = { .linear_address = linear };
	uint64_t i, n = 4096 - (linear & 4095);
	const uint8_t *p;

	if (v->vm->accel->ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid)
		return;
	n = n < 15 ? n : 15;
	p = ram_at(v->vm, t.physical_address, n);
	if (!p)
		return;
	fprintf(stderr, "code");
	for (i = 0; i < n; i++)
		fprintf(stderr, " %02x", p[i]);
	fprintf(stderr, "\n");
}

void vcpu_state_dump(const struct vcpu *v)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (v->vm->accel->ioctl(v->fd, KVM_GET_REGS, &r) < 0 ||
	    v->vm->accel->ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return;
	fprintf(stderr,
		"cpu %u\n"
		"rax %016llx rbx %016llx rcx %016llx rdx %016llx\n"
		"rsi %016llx rdi %016llx rsp %016llx rbp %016llx\n"
		"r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n"
		"r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n"
		"rip %016llx rfl %08llx cs %04x:%llx ss %04x\n"
		"cr0 %08llx cr2 %016llx cr3 %016llx cr4 %08llx efer %llx\n",
		v->index, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rsp, r.rbp, r.r8, r.r9, r.r10,
		r.r11, r.r12, r.r13, r.r14, r.r15, r.rip, r.rflags, s.cs.selector, s.cs.base,
		s.ss.selector, s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
	dump_code(v, s.cs.base + r.rip);
}
