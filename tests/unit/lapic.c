/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The local APIC: registers, priorities, destinations, timer, state, and what a hostile guest can write. */
#include <pthread.h>
#include "chips_env.h"

#define SVR_ON 0x1ff

/* Software-enabled APICs. */
static struct vm *machine(enum vm_irqchip kind, u32 n, const u32 *ids)
{
	struct vm *vm = env_vm(kind, n, ids);

	for (u32 i = 0; i < n; i++)
		env_set_apic(vm->vcpus[i], 0xf0, SVR_ON);
	return vm;
}

static bool irr(struct vcpu *v, u8 vector)
{
	return v->lapic->irr[vector / 64] >> (vector % 64) & 1;
}

static void x2apic_on(struct vcpu *v)
{
	lapic_set_base(v, v->apic_base | LAPIC_BASE_EXTD, false);
}

static void icr(struct vcpu *v, u32 hi, u32 lo)
{
	env_set_apic(v, 0x310, hi);
	env_set_apic(v, 0x300, lo);
}

/* Take everything that is pending for everyone: a clean start for the next row. */
static void drain(struct vm *vm)
{
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		memset(vm->vcpus[i]->lapic->irr, 0, 32);
		memset(vm->vcpus[i]->lapic->isr, 0, 32);
		lapic_update_ppr(vm->vcpus[i]->lapic);
	}
}

/* Which vCPUs have @vector requested, a bit each. */
static u32 who(struct vm *vm, u8 vector)
{
	u32 mask = 0;

	for (u32 i = 0; i < vm->nr_vcpus; i++)
		mask |= irr(vm->vcpus[i], vector) << i;
	drain(vm);
	return mask;
}

static void test_reset(void)
{
	struct vm *vm = env_vm(VM_IRQCHIP_KERNEL, 2, NULL);
	struct vcpu *v = vm->vcpus[0];
	struct lapic *l = v->lapic;

	EQ(v->apic_base, 0xfee00900, "reset: base of the boot processor");
	EQ(vm->vcpus[1]->apic_base, 0xfee00800, "reset: base of another");
	EQ(env_apic(v, 0x30), 0x50014, "version");
	EQ(env_apic(vm->vcpus[1], 0x20), 0x01000000, "ID");
	EQ(env_apic(v, 0xf0), 0xff, "SVR: disabled");
	EQ(env_apic(v, 0xe0), 0xffffffff, "DFR: flat");
	EQ(env_apic(v, 0x350), 0x700, "LINT0 of the boot processor brings the 8259s");
	EQ(env_apic(vm->vcpus[1], 0x350), 0x10000, "LINT0 of another is masked");
	EQ(env_apic(v, 0x370), 0x10000, "LVT masked");
	EQ(lapic_accept(v, LAPIC_DM_FIXED, 0x40, false), 0, "disabled: fixed is dropped");
	env_set_apic(v, 0x370, 0x30);
	EQ(env_apic(v, 0x370), 0x10030, "disabled: LVT stays masked");
	EQ(l->irr[1], 0, "nothing requested");
	env_vm_free(vm);
}

static void test_priority(void)
{
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 1, NULL);
	struct vcpu *v = vm->vcpus[0];

	OK(!vcpu_has_interrupt(v), "nothing pending");
	env_kicks(v);
	EQ(lapic_accept(v, LAPIC_DM_FIXED, 0x41, false), 1, "accepted");
	EQ(env_kicks(v), 1, "kicked");
	EQ(lapic_accept(v, LAPIC_DM_FIXED, 0x41, false), 0, "coalesced");
	EQ(env_kicks(v), 0, "not kicked twice");
	lapic_accept(v, LAPIC_DM_FIXED, 0x52, false);
	OK(vcpu_has_interrupt(v), "pending");
	EQ(vcpu_get_interrupt(v), 0x52, "the higher first");
	EQ(env_apic(v, 0xa0), 0x50, "PPR is its class");
	OK(!vcpu_has_interrupt(v), "the lower waits");
	lapic_accept(v, LAPIC_DM_FIXED, 0x5f, false);
	OK(!vcpu_has_interrupt(v), "the same class waits");
	lapic_accept(v, LAPIC_DM_FIXED, 0x60, false);
	EQ(vcpu_get_interrupt(v), 0x60, "a higher class nests");
	env_kicks(v);
	env_set_apic(v, 0xb0, 0);
	EQ(env_kicks(v), 0, "EOI: what waits is still held by the other");
	env_set_apic(v, 0xb0, 0);
	EQ(env_kicks(v), 1, "EOI: something can be taken now");
	EQ(vcpu_get_interrupt(v), 0x5f, "then the next");
	env_set_apic(v, 0xb0, 0);
	EQ(vcpu_get_interrupt(v), 0x41, "then the first");
	env_set_apic(v, 0xb0, 0);
	env_set_apic(v, 0xb0, 0);
	EQ(vcpu_get_interrupt(v), (u64)-1, "nothing left; EOI without ISR is nothing");

	lapic_set_cr8(v, 4);
	EQ(env_apic(v, 0x80), 0x40, "CR8 is TPR's class");
	lapic_accept(v, LAPIC_DM_FIXED, 0x4f, false);
	OK(!vcpu_has_interrupt(v), "held by TPR");
	env_kicks(v);
	env_set_apic(v, 0x80, 0x3f);
	EQ(env_kicks(v), 1, "TPR fell: kicked");
	EQ(lapic_get_cr8(v), 3, "TPR is CR8");
	EQ(v->cpu.cr8, 3, "and the copy follows");
	EQ(vcpu_get_interrupt(v), 0x4f, "taken");
	EQ(env_apic(v, 0x120), BIT(0x4f & 31), "ISR register");
	env_set_apic(v, 0xf0, 0xff);
	EQ(env_apic(v, 0x370), 0x10000, "software disable masks LVT");
	env_vm_free(vm);
}

static void test_destinations(void)
{
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 4, NULL);
	struct vcpu **v = vm->vcpus;

	icr(v[0], 2 << 24, 0x4050);
	EQ(who(vm, 0x50), 4, "physical");
	icr(v[0], 0xff000000, 0x4050);
	EQ(who(vm, 0x50), 0xf, "physical broadcast");
	icr(v[1], 0, 0x44050);
	EQ(who(vm, 0x50), 2, "shorthand: self");
	icr(v[1], 0, 0x84050);
	EQ(who(vm, 0x50), 0xf, "shorthand: all");
	icr(v[1], 0, 0xc4050);
	EQ(who(vm, 0x50), 0xd, "shorthand: others");
	for (u32 i = 0; i < 4; i++)
		env_set_apic(v[i], 0xd0, BIT(24 + i));
	icr(v[0], 0x0a000000, 0x4850);
	EQ(who(vm, 0x50), 0xa, "logical flat");
	for (u32 i = 0; i < 4; i++) {
		env_set_apic(v[i], 0xe0, 0x0fffffff);
		env_set_apic(v[i], 0xd0, (i / 2 << 28) | BIT(24 + i % 2));
	}
	icr(v[0], 0x13000000, 0x4850);
	EQ(who(vm, 0x50), 0xc, "logical cluster");
	icr(v[0], 0x11000000, 0x4850);
	EQ(who(vm, 0x50), 4, "logical cluster, one");
	icr(v[0], 3 << 24, 0x4005);
	EQ(who(vm, 5), 0, "a vector below 16 is not sent");
	env_set_apic(v[0], 0x280, 0);
	EQ(env_apic(v[0], 0x280), BIT(5), "and shows in ESR");
	env_set_apic(v[0], 0x280, 0);
	EQ(env_apic(v[0], 0x280), 0, "ESR is rearmed");
	EQ(env_apic(v[0], 0x300), 0x4005, "ICR reads back");

	/* An ID that the guest has changed. */
	env_set_apic(v[3], 0x20, 0x20 << 24);
	icr(v[0], 0x20 << 24, 0x4050);
	EQ(who(vm, 0x50), 8, "a written ID is found");
	icr(v[0], 3 << 24, 0x4050);
	EQ(who(vm, 0x50), 0, "the old one is not");
	env_set_apic(v[3], 0x20, 3 << 24);

	/* Lowest priority goes round. */
	u32 seen = 0, r = 0;

	for (u32 i = 0; i < 4; i++)
		env_set_apic(v[i], 0xe0, ~0u), env_set_apic(v[i], 0xd0, BIT(24 + i));
	for (u32 i = 0; i < 4; i++) {
		r += vm_send_msi(vm, 0xfee0f00c, 0x4150);
		seen |= who(vm, 0x50);
	}
	EQ(seen, 0xf, "lowest priority reaches each in turn");
	EQ(r, 4, "one at a time");
	EQ(vm_send_msi(vm, 0xfee09000, 0x4050), (u64)-1, "MSI to nobody");
	EQ(vm_send_msi(vm, 0xfee01000, 0x4050), 1, "MSI");
	EQ(who(vm, 0x50), 2, "MSI physical");
	env_vm_free(vm);
}

static void test_x2apic(void)
{
	static const u32 ids[] = { 0, 1, 17, 18, 300 };
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 5, ids);
	struct vcpu **v = vm->vcpus;
	u64 val;

	EQ(lapic_msr_read(v[0], 0x802, &val), -EINVAL, "not in x2APIC mode: #GP");
	EQ(lapic_set_base(v[0], 0xfee00000 | LAPIC_BASE_EXTD, false), -EINVAL, "EXTD without EN");
	EQ(lapic_set_base(v[0], 0xfee00801, false), -EINVAL, "reserved bit");
	EQ(lapic_set_base(v[0], 1ull << 40, false), -EINVAL, "beyond MAXPHYADDR");
	for (u32 i = 0; i < 5; i++)
		x2apic_on(v[i]);
	OK(!lapic_mmio_hit(v[0], 0xfee00000), "the page is gone");
	EQ(lapic_set_base(v[0], 0xfee00900, false), -EINVAL, "not back to xAPIC");
	EQ(lapic_msr_read(v[4], 0x802, &val), 0, "ID");
	EQ(val, 300, "32 bits of ID");
	lapic_msr_read(v[4], 0x80d, &val);
	EQ(val, 18 << 16 | BIT(300 & 15), "LDR follows from it");
	EQ(lapic_msr_write(v[0], 0x80d, 1), -EINVAL, "LDR is read-only");
	EQ(lapic_msr_write(v[0], 0x80e, 0), -EINVAL, "no DFR");
	EQ(lapic_msr_read(v[0], 0x80e, &val), -EINVAL, "no DFR to read");
	EQ(lapic_msr_read(v[0], 0x831, &val), -EINVAL, "no ICR2");
	EQ(lapic_msr_read(v[0], 0x83f, &val), -EINVAL, "SELF IPI is write-only");
	EQ(lapic_msr_read(v[0], 0x80b, &val), -EINVAL, "EOI is write-only");
	EQ(lapic_msr_write(v[0], 0x80b, 1), -EINVAL, "EOI takes only 0");
	EQ(lapic_msr_write(v[0], 0x808, 0x100), -EINVAL, "TPR's reserved bits");
	EQ(lapic_msr_write(v[0], 0x80f, 1ull << 32), -EINVAL, "no high half but ICR's");
	EQ(lapic_msr_write(v[0], 0x840, 0), -EINVAL, "nothing there");

	lapic_msr_write(v[0], 0x830, (300ull << 32) | 0x4050);
	EQ(who(vm, 0x50), 16, "physical");
	lapic_msr_read(v[0], 0x830, &val);
	EQ(val, (300ull << 32) | 0x4050, "ICR is one register");
	lapic_msr_write(v[0], 0x830, (0x00010006ull << 32) | 0x4850);
	EQ(who(vm, 0x50), 0xc, "logical cluster 1");
	lapic_msr_write(v[0], 0x830, (0xffffffffull << 32) | 0x4850);
	EQ(who(vm, 0x50), 0x1f, "logical broadcast");
	lapic_msr_write(v[0], 0x830, (0xffull << 32) | 0x4050);
	EQ(who(vm, 0x50), 0, "255 is an ID");
	lapic_msr_write(v[2], 0x83f, 0x61);
	EQ(who(vm, 0x61), 4, "SELF IPI");
	EQ(vm_send_msi(vm, 0xfeeff000, 0x50), 5, "MSI to 255 is a broadcast by the quirk");
	EQ(who(vm, 0x50), 0x1f, "to everybody");
	vm->x2apic_api = vm->x2apic_no_broadcast_quirk = true;
	EQ(vm_send_msi(vm, 0xfeeff000, 0x50), (u64)-1, "and is not without");
	EQ(vm_send_msi(vm, 0x100ull << 32 | 0xfee2c000, 0x50), 1, "a wide MSI destination");
	EQ(who(vm, 0x50), 16, "is found");

	/* INIT comes to a CPU that is in xAPIC mode still, from one that is not. */
	lapic_set_base(v[4], 0xfee00000, false);
	lapic_set_base(v[4], 0xfee00800, false);
	lapic_msr_write(v[0], 0x830, (300ull << 32) | 0x4500);
	OK(lapic_has_init_sipi(v[4]), "INIT by a wide ID into xAPIC mode");
	env_vm_free(vm);
}

static void test_init_sipi(void)
{
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 2, NULL);
	struct vcpu *bsp = vm->vcpus[0], *ap = vm->vcpus[1];

	env_resets = 0;
	ap->mp_state = KVM_MP_STATE_UNINITIALIZED;
	icr(bsp, 1 << 24, 0x4609);
	lapic_accept_events(ap);
	EQ(ap->mp_state, KVM_MP_STATE_UNINITIALIZED, "SIPI without INIT is nothing");
	icr(bsp, 1 << 24, 0xc500);
	OK(vcpu_has_events(ap), "INIT is an event");
	lapic_accept_events(ap);
	EQ(ap->mp_state, KVM_MP_STATE_INIT_RECEIVED, "INIT: waits for SIPI");
	EQ(env_resets, 1, "and was reset");
	icr(bsp, 1 << 24, 0x8500);
	OK(!lapic_has_init_sipi(ap), "INIT de-assert is nothing");
	icr(bsp, 1 << 24, 0x4609);
	lapic_accept_events(ap);
	EQ(ap->mp_state, KVM_MP_STATE_RUNNABLE, "SIPI: runs");
	EQ(ap->cpu.seg[X86_CS].selector, 0x900, "at its page");
	EQ(ap->cpu.seg[X86_CS].base, 0x9000, "and base");
	EQ(ap->cpu.rip, 0, "rip 0");
	icr(bsp, 1 << 24, 0x460a);
	lapic_accept_events(ap);
	EQ(ap->cpu.seg[X86_CS].base, 0x9000, "a second SIPI is ignored");
	lapic_accept(bsp, LAPIC_DM_INIT, 0, false);
	lapic_accept_events(bsp);
	EQ(bsp->mp_state, KVM_MP_STATE_RUNNABLE, "INIT of the boot processor: it starts again");

	/* NMI: one runs, one waits; a third merges. */
	for (u32 i = 0; i < 3; i++)
		icr(bsp, 1 << 24, 0x4400);
	lapic_accept_events(ap);
	EQ(ap->nmi_pending, 2, "NMIs");
	ap->nmi_pending = 0;
	ap->cpu.nmi_masked = true;
	icr(bsp, 1 << 24, 0x4400);
	icr(bsp, 1 << 24, 0x4400);
	lapic_accept_events(ap);
	EQ(ap->nmi_pending, 1, "behind one that runs one waits");
	OK(!vcpu_has_events(ap), "a masked NMI does not wake");
	ap->cpu.nmi_masked = false;
	OK(vcpu_has_events(ap), "an open one does");
	ap->nmi_pending = 0;
	env_set_apic(ap, 0xf0, SVR_ON);
	icr(bsp, 1 << 24, 0x4250);
	OK(!who(vm, 0x50) && !vcpu_has_events(ap), "SMI is dropped");
	env_vm_free(vm);
}

static u32 fired(struct vcpu *v)
{
	u32 n = irr(v, 0xef);

	if (n) {
		vcpu_get_interrupt(v);
		env_set_apic(v, 0xb0, 0);
	}
	return n;
}

static void test_timer(void)
{
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 1, NULL);
	struct vcpu *v = vm->vcpus[0];
	u32 n = 0, starts;

	env_set_apic(v, 0x320, 0xef);
	env_set_apic(v, 0x3e0, 0xb);
	env_set_apic(v, 0x380, 1000000);
	EQ(env_apic(v, 0x390), 1000000, "one-shot: starts full");
	env_advance(400000);
	EQ(env_apic(v, 0x390), 600000, "counts");
	env_advance(599999);
	EQ(fired(v), 0, "not yet");
	env_advance(1);
	EQ(fired(v), 1, "expires");
	EQ(env_apic(v, 0x390), 0, "at 0");
	env_advance(10000000);
	EQ(fired(v), 0, "once");
	env_set_apic(v, 0x3e0, 0x3);
	env_set_apic(v, 0x380, 1000);
	env_advance(15999);
	EQ(fired(v), 0, "divide by 16: not yet");
	env_advance(1);
	EQ(fired(v), 1, "divide by 16");
	env_set_apic(v, 0x380, 1000);
	env_advance(8000);
	env_set_apic(v, 0x3e0, 0xb);
	EQ(env_apic(v, 0x390), 500, "a new divisor keeps the count");
	env_advance(500);
	EQ(fired(v), 1, "and stretches the rest");

	env_set_apic(v, 0x320, 0x200ef);
	env_set_apic(v, 0x380, 1000000);
	for (u32 i = 0; i < 10; i++) {
		env_advance(1000000);
		n += fired(v);
	}
	EQ(n, 10, "periodic");
	env_advance(3500000);
	EQ(fired(v), 1, "periods that nobody saw are one");
	EQ(env_apic(v, 0x390), 500000, "and it keeps its phase");
	env_set_apic(v, 0x380, 1);
	starts = env_timer_starts;
	env_advance(1000000);
	OK(env_timer_starts - starts < 10, "a tiny period does not run the host hot");
	env_set_apic(v, 0x320, 0x300ef);
	fired(v);
	env_advance(1000000);
	EQ(fired(v), 0, "masked");
	env_set_apic(v, 0x380, 0);
	env_advance(10000000);
	EQ(env_apic(v, 0x390), 0, "count 0 stops it");

	env_set_apic(v, 0x320, 0x400ef);
	EQ(env_apic(v, 0x380), 0, "TSC deadline: no initial count");
	env_set_apic(v, 0x380, 1000);
	env_advance(100000);
	EQ(fired(v), 0, "nor does writing one run it");
	lapic_set_tsc_deadline(v, x86_guest_tsc(v) + 2000000);
	OK(lapic_get_tsc_deadline(v), "deadline reads back");
	env_advance(999999);
	EQ(fired(v), 0, "not yet");
	env_advance(1);
	EQ(fired(v), 1, "TSC deadline");
	EQ(lapic_get_tsc_deadline(v), 0, "and is gone");
	lapic_set_tsc_deadline(v, 1);
	EQ(fired(v), 1, "a past one fires at once");
	lapic_set_tsc_deadline(v, ~0ull);
	env_advance(1000000000);
	EQ(fired(v), 0, "the end of time does not come");
	lapic_set_tsc_deadline(v, 0);
	EQ(lapic_timer_deadline(v), 0, "0 disarms");

	/* Pushed back again and again: no timer call of the host each time. */
	env_advance(1000000);
	lapic_set_tsc_deadline(v, x86_guest_tsc(v) + 2000);
	starts = env_timer_starts;
	for (u32 i = 0; i < 100; i++) {
		lapic_set_tsc_deadline(v, x86_guest_tsc(v) + 20000000);
		env_now += 1;
	}
	EQ(env_timer_starts, starts, "a later deadline starts no timer");
	env_advance(9999900);
	EQ(fired(v), 0, "and does not fire at the early one");
	env_advance(100);
	EQ(fired(v), 1, "but at its own");
	lapic_set_tsc_deadline(v, x86_guest_tsc(v) + 2000000);
	v->cpu.tsc_offset += 1000000;
	lapic_tsc_changed(v);
	env_advance(500000);
	EQ(fired(v), 1, "a moved TSC moves the deadline");
	lapic_set_tsc_deadline(v, x86_guest_tsc(v) + 2000);
	env_now += 1000;
	lapic_timer_poll(v);
	EQ(fired(v), 1, "the vCPU's own look fires");
	env_advance(100000);
	EQ(fired(v), 0, "and the timer's does not again");
	env_cpuid1_ecx &= ~BIT(24);
	lapic_cpuid_changed(v);
	env_set_apic(v, 0x320, 0x400ef);
	EQ(env_apic(v, 0x320), 0xef, "the mode is only there when CPUID offers it");
	env_cpuid1_ecx |= BIT(24);
	lapic_cpuid_changed(v);
	EQ(lapic_get_tsc_deadline(v), 0, "another mode: reads 0");
	lapic_set_tsc_deadline(v, 5);
	EQ(fired(v), 0, "and ignores writes");
	env_vm_free(vm);
}

static void test_split(void)
{
	struct vm *vm = machine(VM_IRQCHIP_SPLIT, 1, NULL);
	struct vcpu *v = vm->vcpus[0];

	EQ(env_apic(v, 0x30), 0x1050014, "split: EOI broadcast can be suppressed");
	vm_send_msi(vm, 0xfee00000, 0xc055);
	EQ(env_apic(v, 0x180 + (0x55 / 32) * 16), BIT(0x55 & 31), "level: TMR");
	vcpu_get_interrupt(v);
	OK(!lapic_fill_eoi_exit(v), "nothing to tell yet");
	env_set_apic(v, 0xb0, 0);
	OK(vcpu_take_request(v, VCPU_REQ_EXIT_USER), "EOI of a level interrupt: an exit");
	OK(lapic_fill_eoi_exit(v), "it is filled");
	EQ(v->run->exit_reason, KVM_EXIT_IOAPIC_EOI, "reason");
	EQ(v->run->eoi.vector, 0x55, "vector");
	OK(!lapic_fill_eoi_exit(v), "once");
	env_set_apic(v, 0xf0, 0x11ff);
	vm_send_msi(vm, 0xfee00000, 0xc055);
	vcpu_get_interrupt(v);
	env_set_apic(v, 0xb0, 0);
	OK(!lapic_fill_eoi_exit(v), "suppressed");
	vm_send_msi(vm, 0xfee00000, 0x4055);
	EQ(env_apic(v, 0x180 + (0x55 / 32) * 16), 0, "edge: TMR is clear again");
	vcpu_get_interrupt(v);
	env_set_apic(v, 0xf0, 0x1ff);
	env_set_apic(v, 0xb0, 0);
	OK(!lapic_fill_eoi_exit(v), "edge: no exit");
	v->pending_external_vector = 0x33;
	EQ(vcpu_get_interrupt(v), 0x33, "KVM_INTERRUPT comes by LINT0");
	EQ(v->pending_external_vector, (u64)-1, "once");
	env_vm_free(vm);
}

static void test_state(void)
{
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 2, NULL), *to;
	struct vcpu *v = vm->vcpus[1];
	struct kvm_lapic_state s, t;

	env_set_apic(v, 0x320, 0x200ef);
	env_set_apic(v, 0x3e0, 0xb);
	env_set_apic(v, 0x380, 5000000);
	env_set_apic(v, 0x80, 0x20);
	env_set_apic(v, 0xd0, 0x02000000);
	icr(v, 0, 0x44091);
	icr(v, 0, 0x44071);
	vcpu_get_interrupt(v);
	env_advance(2000000);
	EQ(lapic_get_state(v, &s), 0, "get");
	to = env_vm(VM_IRQCHIP_KERNEL, 2, NULL);
	EQ(lapic_set_state(to->vcpus[1], &s), 0, "set");
	lapic_get_state(to->vcpus[1], &t);
	OK(!memcmp(&s, &t, sizeof(s)), "the page comes back as it was");
	v = to->vcpus[1];
	EQ(env_apic(v, 0xa0), 0x90, "PPR is found again");
	env_advance(2999999);
	OK(!irr(v, 0xef), "timer: the rest of the period");
	env_advance(1);
	OK(irr(v, 0xef), "then fires");
	env_vm_free(to);

	/* A one-shot timer whose time has come without anybody having looked. */
	v = vm->vcpus[1];
	env_set_apic(v, 0x320, 0xee);
	env_set_apic(v, 0x380, 1000);
	env_now += 1000;
	lapic_get_state(v, &s);
	EQ(*(u32 *)(s.regs + 0x390), 0, "nothing is left of the count");
	OK(*(u32 *)(s.regs + 0x270) & BIT(0xee & 31), "and its interrupt is in the page");
	memset(s.regs + 0x200, 0, 0x80);
	to = env_vm(VM_IRQCHIP_KERNEL, 2, NULL);
	v = to->vcpus[1];
	EQ(lapic_set_state(v, &s), 0, "set");
	env_advance(1);
	OK(irr(v, 0xee), "a one-shot timer restored at 0 fires");
	env_vm_free(to);
	env_vm_free(vm);

	vm = machine(VM_IRQCHIP_KERNEL, 2, NULL);
	v = vm->vcpus[1];
	x2apic_on(v);
	lapic_msr_write(v, 0x830, 0x1234567800004050);
	lapic_get_state(v, &s);
	EQ(*(u32 *)(s.regs + 0x20), 1 << 24, "x2APIC ID, old format");
	EQ(*(u32 *)(s.regs + 0x310), 0x12345678, "ICR's high half");
	vm->x2apic_api = true;
	lapic_get_state(v, &s);
	EQ(*(u32 *)(s.regs + 0x20), 1, "x2APIC ID, 32-bit format");
	*(u32 *)(s.regs + 0x20) = 7;
	EQ(lapic_set_state(v, &s), -EINVAL, "another's ID is refused");
	env_vm_free(vm);
}

static void test_pv_eoi(void)
{
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 1, NULL);
	struct vcpu *v = vm->vcpus[0];

	EQ(pv_set_msr(v, MSR_KVM_PV_EOI_EN, 0x1003, false), -EINVAL, "alignment");
	EQ(pv_set_msr(v, MSR_KVM_PV_EOI_EN, 0x1001, false), 0, "on");
	lapic_accept(v, LAPIC_DM_FIXED, 0x50, false);
	vcpu_get_interrupt(v);
	EQ(env_mem[0x1000], 1, "armed");
	lapic_accept(v, LAPIC_DM_FIXED, 0x40, false);
	OK(!vcpu_has_interrupt(v), "in service: the lower waits");
	EQ(env_mem[0x1000], 0, "taken back");
	env_set_apic(v, 0xb0, 0);
	EQ(vcpu_get_interrupt(v), 0x40, "EOI by register still works");
	EQ(env_mem[0x1000], 1, "armed again");
	env_mem[0x1000] = 0;
	lapic_accept(v, LAPIC_DM_FIXED, 0x30, false);
	EQ(vcpu_get_interrupt(v), 0x30, "the guest's clear was an EOI");
	env_mem[0x1000] = 0;
	EQ(env_apic(v, 0x110), 0, "seen in ISR too");
	lapic_accept(v, LAPIC_DM_FIXED, 0x31, true);
	vcpu_get_interrupt(v);
	EQ(env_mem[0x1000], 0, "level: not armed");
	pv_set_msr(v, MSR_KVM_PV_EOI_EN, 0, false);
	env_set_apic(v, 0xb0, 0);
	pv_set_msr(v, MSR_KVM_PV_EOI_EN, 0xffffffff00000001, false);
	lapic_accept(v, LAPIC_DM_FIXED, 0x50, false);
	EQ(vcpu_get_interrupt(v), 0x50, "a page that is not there");
	env_set_apic(v, 0xb0, 0);
	OK(!vcpu_has_interrupt(v), "does no harm");
	env_vm_free(vm);
}

static void test_pic_lint0(void)
{
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 2, NULL);
	struct vcpu *v = vm->vcpus[0];

	env_set_apic(v, 0x350, 0x700);
	env_outb(v, 0x20, 0x11);
	env_outb(v, 0x21, 0x30);
	env_outb(v, 0x21, 4);
	env_outb(v, 0x21, 1);
	env_outb(v, 0x21, 0);
	env_kicks(v);
	vm_set_irq(vm, IRQ_SOURCE_USER, 4, 1, false);
	OK(env_kicks(v), "INTR kicks the boot processor");
	OK(!env_kicks(vm->vcpus[1]), "and not the other");
	EQ(vcpu_get_interrupt(v), 0x34, "ExtINT");
	env_outb(v, 0x20, 0x20);
	vm_set_irq(vm, IRQ_SOURCE_USER, 4, 0, false);
	env_set_apic(v, 0x350, 0x10700);
	vm_set_irq(vm, IRQ_SOURCE_USER, 4, 1, false);
	OK(!vcpu_has_interrupt(v), "LINT0 masked");
	env_set_apic(v, 0x350, 0x700);
	OK(vcpu_has_interrupt(v), "and open again");
	vcpu_get_interrupt(v);
	env_outb(v, 0x20, 0x20);
	vm_set_irq(vm, IRQ_SOURCE_USER, 4, 0, false);
	env_set_apic(v, 0x350, 0x400);
	vm_set_irq(vm, IRQ_SOURCE_USER, 4, 1, false);
	lapic_accept_events(v);
	EQ(v->nmi_pending, 1, "LINT0 as NMI: the watchdog of old");
	env_vm_free(vm);
}

/* Any register, any value, any length, in both modes: nothing but survival is asked for. */
static void test_fuzz(void)
{
	static const u32 ids[] = { 0, 1, 255, 300 };
	struct vm *vm = machine(VM_IRQCHIP_KERNEL, 4, ids);
	struct kvm_lapic_state s;
	u64 val;

	for (u32 i = 0; i < 300000; i++) {
		struct vcpu *v = vm->vcpus[env_rand() & 3];
		u32 reg = env_rand() & 0x3ff, len = 1 << (env_rand() & 3);
		u64 r = env_rand() >> (env_rand() & 63);
		u8 buf[8];

		memcpy(buf, &r, 8);
		switch (env_rand() % 12) {
		case 0 ... 3:
			if (lapic_mmio_hit(v, 0xfee00000))
				lapic_mmio_write(v, 0xfee00000 + (reg & ~15u), 4, buf);
			break;
		case 4:
			if (lapic_mmio_hit(v, 0xfee00000))
				lapic_mmio_write(v, 0xfee00000 + env_rand() % 4096, len, buf);
			break;
		case 5:
			if (lapic_mmio_hit(v, 0xfee00000))
				lapic_mmio_read(v, 0xfee00000 + env_rand() % 4096, len, buf);
			break;
		case 6:
			lapic_msr_write(v, 0x800 + (env_rand() & 0xff), r);
			lapic_msr_read(v, 0x800 + (env_rand() & 0xff), &val);
			break;
		case 7:
			if (!(env_rand() & 15))
				lapic_set_base(v, 0xfee00000 | (env_rand() & 0xd00), env_rand() & 1);
			lapic_set_tsc_deadline(v, r);
			break;
		case 8:
			vm_send_msi(vm, 0xfee00000 | (r & 0xffffff), env_rand());
			break;
		case 9:
			env_advance(env_rand() % 3000000);
			vcpu_has_events(v);
			break;
		case 10:
			if (vcpu_has_interrupt(v))
				vcpu_get_interrupt(v);
			lapic_accept_events(v);
			break;
		case 11:
			if (env_rand() & 7)
				break;
			lapic_get_state(v, &s);
			s.regs[env_rand() & 0x3ff] = env_rand();
			lapic_set_state(v, &s);
			break;
		}
	}
	OK(true, "random register accesses");
	env_vm_free(vm);
}

/* ---- threads ---- */

static struct vm *race_vm;
static u32 race_done;
static u64 race_taken;

static void *sender(void *arg)
{
	u64 n = 0;

	for (u32 i = 0; i < 20000; i++)
		n += lapic_accept(race_vm->vcpus[0], LAPIC_DM_FIXED, 0x20 + (u64)arg * 50 + i % 50, false);
	__atomic_add_fetch(&race_taken, n, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&race_done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void test_threads(void)
{
	struct vcpu *v;
	pthread_t t[3];
	u64 got = 0;

	race_vm = machine(VM_IRQCHIP_KERNEL, 1, NULL);
	v = race_vm->vcpus[0];
	for (u64 i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, sender, (void *)i);
	for (;;) {
		bool last = __atomic_load_n(&race_done, __ATOMIC_SEQ_CST) == 3;

		while (vcpu_get_interrupt(v) >= 0) {
			got++;
			env_set_apic(v, 0xb0, 0);
		}
		if (last)
			break;
	}
	for (u32 i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	EQ(got, race_taken, "every accepted interrupt is taken once");
	env_vm_free(race_vm);
}

static void test_alloc(void)
{
	struct vm *vm = env_vm(VM_IRQCHIP_SPLIT, 0, NULL);
	int before = env_live_allocs;
	struct vcpu *v = aligned_alloc(64, ALIGN_UP(sizeof(*v), 64ul));

	memset(v, 0, sizeof(*v));
	v->vm = vm;
	for (u32 i = 1; i <= 3; i++) {
		env_alloc_fail = i;
		EQ(lapic_create(v), -ENOMEM, "creation fails");
		OK(!v->lapic, "and leaves nothing");
	}
	env_alloc_fail = 0;
	v->id = 5000;
	EQ(lapic_create(v), -EINVAL, "an ID beyond the map");
	apic_map_destroy(vm);
	EQ(env_live_allocs, before, "no memory is lost");
	free(v);
	env_vm_free(vm);
}

int main(int argc, char **argv)
{
	env_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20261121;
	printf("# seed %llu\n", (unsigned long long)env_seed);
	test_reset();
	test_priority();
	test_destinations();
	test_x2apic();
	test_init_sipi();
	test_timer();
	test_split();
	test_state();
	test_pv_eoi();
	test_pic_lint0();
	test_fuzz();
	test_threads();
	test_alloc();
	EQ(env_live_allocs, 0, "no memory is lost at all");
	return tap_end();
}
