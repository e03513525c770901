/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * CPUID: what can be offered, what a vCPU was given, and what its guest sees.
 *
 * An offer is the processor below, masked to the instructions and features
 * that the engine and the emulator give exactly, with what they give by
 * themselves added. The tables say which is which.
 *
 * Speculation. Guest code runs translated, in one address space with its own
 * kernel's memory and with indirect jumps that the translator makes. A
 * retpoline, an untrained return, a page-table switch executed by the guest
 * changes nothing about what the processor speculates there: the sequence no
 * longer stands in the code that runs. So the offer says that none of them is
 * needed (IBRS_ALL, BTC_NO, SRSO_NO and their kin), and a guest does not pay
 * for what would not protect it. What protects guests from each other is
 * the host's process boundary.
 */
#include "ioctl.h"
#include "core-int.h"
#include "x86/cpuid.h"
#include "x86/lapic.h"
#include "x86/msr.h"
#include "x86/pv.h"

/* One register of one leaf: of the host's bits those in @host, and those in @own always. */
struct feature_row {
	u32 leaf, sub;
	u8 reg;
	u32 host, own;
};

/* FPU DE PSE TSC MSR PAE MCE CX8 APIC MTRR PGE MCA CMOV PAT PSE36 MMX FXSR */
#define EDX_COMMON (BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | \
		    BIT(9) | BIT(12) | BIT(13) | BIT(14) | BIT(15) | BIT(16) | BIT(17) | \
		    BIT(23) | BIT(24))

static const struct feature_row features[] = {
	/*
	 * SSE3 PCLMULQDQ SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C
	 * RDRAND
	 */
	{ 1, 0, REG_ECX,
	  BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | BIT(19) | BIT(20) | BIT(22) |
	  BIT(23) | BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30),
	  BIT(21) | BIT(24) | BIT(31) },	/* x2APIC, TSC deadline, hypervisor */
	/* VME */
	{ 1, 0, REG_EDX, EDX_COMMON | BIT(11) | BIT(19) | BIT(25) | BIT(26) | BIT(27), BIT(1) },
	{ 6, 0, REG_EAX, 0, BIT(2) },		/* ARAT: our LAPIC timer never stops */
	/*
	 * FSGSBASE BMI1 AVX2 FDP_EXCPTN_ONLY SMEP BMI2 ERMS INVPCID ZERO_FCS_FDS RDSEED ADX
	 * SMAP CLFLUSHOPT CLWB SHA
	 */
	{ 7, 0, REG_EBX,
	  BIT(0) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(13) |
	  BIT(18) | BIT(19) | BIT(20) | BIT(23) | BIT(24) | BIT(29),
	  BIT(1) },				/* TSC_ADJUST */
	{ 7, 0, REG_ECX, BIT(9) | BIT(10) | BIT(22), BIT(2) },	/* VAES VPCLMULQDQ RDPID; UMIP */
	/* FSRM; SPEC_CTRL STIBP ARCH_CAPABILITIES SSBD */
	{ 7, 0, REG_EDX, BIT(4), BIT(26) | BIT(27) | BIT(29) | BIT(31) },
	{ 7, 1, REG_EAX, BIT(10) | BIT(11) | BIT(12), 0 },	/* fast short REP */
	{ 0xd, 1, REG_EAX, BIT(0) | BIT(1) | BIT(2), 0 },	/* XSAVEOPT XSAVEC XGETBV1 */
	/* LAHF CMP_LEGACY ABM 3DNOWPREFETCH TOPOEXT */
	{ 0x80000001, 0, REG_ECX, BIT(0) | BIT(1) | BIT(5) | BIT(8) | BIT(22), 0 },
	/* and SYSCALL NX MMXEXT 1G-pages RDTSCP LM */
	{ 0x80000001, 0, REG_EDX,
	  EDX_COMMON | BIT(11) | BIT(20) | BIT(22) | BIT(26) | BIT(27) | BIT(29), 0 },
	{ 0x80000007, 0, REG_EDX, BIT(8), 0 },	/* invariant TSC */
	/* XSAVEERPTR; IBPB IBRS STIBP SSBD SSB_NO BTC_NO */
	{ 0x80000008, 0, REG_EBX, BIT(2),
	  BIT(12) | BIT(14) | BIT(15) | BIT(24) | BIT(26) | BIT(29) },
	/*
	 * LFENCE serializes (it runs as itself), null selectors clear the base; SRSO_NO and
	 * its user-kernel form
	 */
	{ 0x80000021, 0, REG_EAX, BIT(2) | BIT(6), BIT(29) | BIT(30) },
	{ 0x80000021, 0, REG_ECX, 0, BIT(1) | BIT(2) },		/* TSA_SQ_NO TSA_L1_NO */
};

static bool host_is_amd(void)
{
	u32 r[4];

	plat_cpuid(0, 0, r);
	return r[REG_EBX] == 0x68747541 || r[REG_EBX] == 0x6f677948;	/* "Auth", "Hygo" */
}

static u32 host_max(u32 base)
{
	u32 r[4];

	plat_cpuid(base, 0, r);
	return r[REG_EAX];
}

u64 x86_host_xcr0(void)
{
	u32 r[4];

	plat_cpuid(1, 0, r);
	if (!(r[REG_ECX] & BIT(26)))
		return 0;
	plat_cpuid(0xd, 0, r);
	return r[REG_EAX] & 7;
}

/*
 * x87 and SSE 512 bytes, the header 64, AVX's upper halves 256: the two forms are the same
 * (SDM vol. 1, 13.4).
 */
u32 x86_xsave_size(u64 xcr0, bool compacted)
{
	return (xcr0 & 4) ? 576 + 256 : 576;
}

u32 x86_supported(u32 leaf, u32 sub, unsigned int reg)
{
	u32 r[4] = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature_row *f = &features[i];

		if (f->leaf != leaf || f->sub != sub || f->reg != reg)
			continue;
		if (host_max(leaf & 0xf0000000) >= leaf)
			plat_cpuid(leaf, sub, r);
		return (r[reg] & f->host) | f->own;
	}
	return 0;
}

/* ---- the offer ---- */

struct cpuid_list {
	struct kvm_cpuid_entry2 *e;
	u32 n, max;
	bool full;
	struct kvm_cpuid_entry2 spill;	/* where what no longer fits goes */
};

static struct kvm_cpuid_entry2 *add_entry(struct cpuid_list *l, u32 leaf, u32 sub, bool indexed)
{
	struct kvm_cpuid_entry2 *e = &l->spill;

	if (l->n == l->max)
		l->full = true;
	else
		e = &l->e[l->n++];
	*e = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = sub,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
	};
	return e;
}

/*
 * The leaf with the features of the tables; with @copy, registers that no row names come
 * from the host.
 */
static struct kvm_cpuid_entry2 *list_leaf(struct cpuid_list *l, u32 leaf, u32 sub, bool indexed,
					  u32 copy)
{
	struct kvm_cpuid_entry2 *e = add_entry(l, leaf, sub, indexed);
	u32 r[4] = { 0 };

	if (host_max(leaf & 0xf0000000) >= leaf)
		plat_cpuid(leaf, sub, r);
	e->eax = (copy & BIT(REG_EAX)) ? r[REG_EAX] : x86_supported(leaf, sub, REG_EAX);
	e->ebx = (copy & BIT(REG_EBX)) ? r[REG_EBX] : x86_supported(leaf, sub, REG_EBX);
	e->ecx = (copy & BIT(REG_ECX)) ? r[REG_ECX] : x86_supported(leaf, sub, REG_ECX);
	e->edx = (copy & BIT(REG_EDX)) ? r[REG_EDX] : x86_supported(leaf, sub, REG_EDX);
	return e;
}

#define COPY_ALL 0xfu

/* Caches: sub-leaves until one says "no more". */
static void list_caches(struct cpuid_list *l, u32 leaf)
{
	struct kvm_cpuid_entry2 *e;
	u32 sub = 0;

	do {
		e = list_leaf(l, leaf, sub++, true, COPY_ALL);
		if (leaf == 4)
			/* how many share it is topology: the host program's matter */
			e->eax &= 0x3fff;
	} while ((e->eax & 0x1f) && sub < 8);
}

static void list_basic(struct cpuid_list *l, bool amd)
{
	struct kvm_cpuid_entry2 *e;
	u64 xcr0 = x86_host_xcr0();
	u32 max = min(max(host_max(0), 0xdu), 0x1fu);

	e = list_leaf(l, 0, 0, false, COPY_ALL);
	e->eax = max;
	e = list_leaf(l, 1, 0, false, BIT(REG_EAX) | BIT(REG_EBX));
	e->ebx &= 0xff00;		/* CLFLUSH size; the rest is topology */
	if (!amd) {
		e = list_leaf(l, 2, 0, false, COPY_ALL);
		list_caches(l, 4);
	}
	list_leaf(l, 6, 0, false, 0);
	e = list_leaf(l, 7, 0, true, 0);
	e->eax = 1;
	list_leaf(l, 7, 1, true, 0);
	add_entry(l, 0xb, 0, true);
	if (xcr0) {
		e = add_entry(l, 0xd, 0, true);
		e->eax = xcr0;
		e->ebx = e->ecx = x86_xsave_size(xcr0, false);
		e = list_leaf(l, 0xd, 1, true, 0);
		if (xcr0 & 4) {
			e = add_entry(l, 0xd, 2, true);
			e->eax = 256;
			e->ebx = 576;
		}
	}
	if (max >= 0x1f)
		add_entry(l, 0x1f, 0, true);
}

static void list_kvm(struct cpuid_list *l)
{
	struct kvm_cpuid_entry2 *e = add_entry(l, KVM_CPUID_SIGNATURE, 0, false);

	e->eax = KVM_CPUID_FEATURES;
	memcpy(&e->ebx, KVM_SIGNATURE, 4);
	memcpy(&e->ecx, KVM_SIGNATURE + 4, 4);
	memcpy(&e->edx, KVM_SIGNATURE + 8, 4);
	e = add_entry(l, KVM_CPUID_FEATURES, 0, false);
	e->eax = pv_features();
}

static void list_extended(struct cpuid_list *l, bool amd)
{
	struct kvm_cpuid_entry2 *e;
	u32 leaf, phys;

	e = list_leaf(l, 0x80000000, 0, false, COPY_ALL);
	e->eax = amd ? 0x80000021 : 0x80000008;
	e = list_leaf(l, 0x80000001, 0, false, amd ? BIT(REG_EAX) | BIT(REG_EBX) : 0);
	for (leaf = 0x80000002; leaf <= 0x80000006; leaf++)
		list_leaf(l, leaf, 0, false, COPY_ALL);
	list_leaf(l, 0x80000007, 0, false, 0);
	e = list_leaf(l, 0x80000008, 0, false, BIT(REG_EAX));
	phys = e->eax & 0xff;
	e->eax = (phys < 36 || phys > 52 ? 40 : phys) | 48 << 8;
	if (!amd)
		return;
	if (x86_supported(0x80000001, 0, REG_ECX) & BIT(22)) {
		list_caches(l, 0x8000001d);
		add_entry(l, 0x8000001e, 0, false);
	}
	list_leaf(l, 0x80000021, 0, false, 0);
}

static void list_supported(struct cpuid_list *l)
{
	bool amd = host_is_amd();

	list_basic(l, amd);
	list_kvm(l);
	list_extended(l, amd);
}

/* What the emulator alone gives, whatever the processor has. */
static void list_emulated(struct cpuid_list *l)
{
	add_entry(l, 0, 0, false)->eax = 7;
	add_entry(l, 1, 0, false)->ecx = BIT(22);	/* MOVBE */
	add_entry(l, 7, 0, true)->ecx = BIT(22);		/* RDPID */
}

static long give_list(u64 uarg, void (*fill)(struct cpuid_list *l))
{
	struct cpuid_list l = { .max = MAX_CPUID_ENTRIES };
	u32 nent;
	int err = 0;

	if (plat_copy_from_user(&nent, uarg, sizeof(nent)))
		return -EFAULT;
	if (!nent)
		return -E2BIG;
	l.max = min(nent, l.max);
	l.e = plat_alloc(l.max * sizeof(*l.e));
	if (!l.e)
		return -ENOMEM;
	fill(&l);
	if (l.full)
		err = -E2BIG;
	else if (plat_copy_to_user(uarg, &l.n, sizeof(l.n)) ||
		 plat_copy_to_user(uarg + sizeof(struct kvm_cpuid2), l.e, l.n * sizeof(*l.e)))
		err = -EFAULT;
	plat_free(l.e);
	return err;
}

long sys_supported_cpuid(void *obj, void *arg, u64 uarg)
{
	return give_list(uarg, list_supported);
}

long sys_emulated_cpuid(void *obj, void *arg, u64 uarg)
{
	return give_list(uarg, list_emulated);
}

/* ---- a vCPU's ---- */

const struct kvm_cpuid_entry2 *x86_cpuid_find(struct vcpu *v, u32 leaf, u32 sub)
{
	u32 i;

	for (i = 0; i < v->nr_cpuid; i++)
		if (v->cpuid[i].function == leaf &&
		    (v->cpuid[i].index == sub ||
		     !(v->cpuid[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return &v->cpuid[i];
	return NULL;
}

static u32 entry_reg(const struct kvm_cpuid_entry2 *e, unsigned int reg)
{
	const u32 r[4] = { e->eax, e->ebx, e->ecx, e->edx };

	return r[reg];
}

bool x86_guest_has(struct vcpu *v, u32 leaf, u32 sub, unsigned int reg, u32 bit)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(v, leaf, sub);

	return e && (entry_reg(e, reg) & bit);
}

u64 x86_guest_xcr0(struct vcpu *v)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(v, 0xd, 0);

	return e ? (e->eax | (u64)e->edx << 32) & x86_host_xcr0() : 0;
}

static bool mwait_by_msr(const struct vcpu *v)
{
	return READ_ONCE(v->vm->disabled_quirks) & KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT;
}

/* MONITOR and MWAIT do nothing, even where CPUID does not show them: stock KVM's quirk. */
void x86_mwait_changed(struct vcpu *v)
{
	bool shown = mwait_by_msr(v) ? !!(v->msrs->misc_enable & MISC_ENABLE_MWAIT) :
				       x86_guest_has(v, CPUID_MWAIT);

	v->emu.no_mwait = !shown && (v->vm->disabled_quirks & KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS);
}

/*
 * Bits that follow the CPU's state (SDM vol. 2, CPUID), and those that need a chip that is
 * not there.
 */
static void make_dynamic(struct vcpu *v, struct kvm_cpuid_entry2 *e)
{
	const struct x86_cpu *c = &v->cpu;

	switch (e->function) {
	case 1:
		e->ecx &= ~BIT(27);
		if ((c->cr4 & X86_CR4_OSXSAVE) && (e->ecx & BIT(26)))
			e->ecx |= BIT(27);
		e->edx &= ~BIT(9);
		if (v->apic_base & LAPIC_BASE_ENABLE)
			e->edx |= BIT(9);
		if (!v->lapic)
			e->ecx &= ~BIT(24);
		if (mwait_by_msr(v)) {
			e->ecx &= ~BIT(3);
			if (v->msrs->misc_enable & MISC_ENABLE_MWAIT)
				e->ecx |= BIT(3);
		}
		break;
	case 7:
		if (!e->index)
			e->ecx &= ~BIT(4);	/* OSPKE: no protection keys */
		break;
	case 0xd:
		if (!e->index)
			e->ebx = x86_xsave_size(c->xcr0, false);
		else if (e->index == 1)
			e->ebx = (e->eax & (BIT(1) | BIT(3))) ? x86_xsave_size(c->xcr0, true) : 0;
		break;
	}
}

/*
 * Beyond the highest leaf Intel's processors answer with the highest basic one, AMD's with
 * zeros.
 */
static const struct kvm_cpuid_entry2 *out_of_range(struct vcpu *v, u32 leaf, u32 sub)
{
	const struct kvm_cpuid_entry2 *max;

	if (!v->emu.vendor_intel)
		return NULL;
	max = x86_cpuid_find(v, leaf & 0x80000000, 0);
	if (max && leaf <= max->eax)
		return NULL;
	max = x86_cpuid_find(v, 0, 0);
	return max ? x86_cpuid_find(v, max->eax, sub) : NULL;
}

void x86_cpuid(struct vcpu *v, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(v, *eax, *ecx);
	u32 leaf = *eax, sub = *ecx;
	struct kvm_cpuid_entry2 out = { 0 };

	if (!e)
		e = out_of_range(v, leaf, sub);
	if (e) {
		out = *e;
		make_dynamic(v, &out);
	} else if (leaf == 0xb || leaf == 0x1f) {
		/* Past the last level: the level asked for, and the x2APIC ID still. */
		e = x86_cpuid_find(v, leaf, 1);
		if (e) {
			out.ecx = sub & 0xff;
			out.edx = e->edx;
		}
	}
	*eax = out.eax;
	*ebx = out.ebx;
	*ecx = out.ecx;
	*edx = out.edx;
}

/* Everything that was derived from the old CPUID. */
static void cpuid_changed(struct vcpu *v)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(v, 0x80000000, 0);

	v->cpu.maxphyaddr = 36;
	if (e && e->eax >= 0x80000008) {
		e = x86_cpuid_find(v, 0x80000008, 0);
		if (e)
			v->cpu.maxphyaddr = min(max(e->eax & 0xff, 32u), 52u);
	}
	v->cpu.linear_bits = 48;
	e = x86_cpuid_find(v, 0, 0);
	v->emu.vendor_intel = e && e->ebx == 0x756e6547;	/* "Genu" */
	x86_mwait_changed(v);
	lapic_cpuid_changed(v);
	pv_cpuid_changed(v);
	v->vm->engine->state_written(v);
}

static bool entries_valid(const struct kvm_cpuid_entry2 *e, u32 n)
{
	u32 i, bits;

	for (i = 0; i < n; i++) {
		bits = (e[i].eax >> 8) & 0xff;
		if (e[i].function == 0x80000008 && bits && bits != 48)
			return false;
	}
	return true;
}

/* As the guest sees them: a host program gives back what KVM_GET_CPUID2 said. */
static bool same_cpuid(struct vcpu *v, const struct kvm_cpuid_entry2 *e, u32 n)
{
	struct kvm_cpuid_entry2 a, b;
	u32 i;

	if (n != v->nr_cpuid)
		return false;
	for (i = 0; i < n; i++) {
		a = e[i];
		b = v->cpuid[i];
		make_dynamic(v, &a);
		make_dynamic(v, &b);
		if (memcmp(&a, &b, sizeof(a)))
			return false;
	}
	return true;
}

static int replace_cpuid(struct vcpu *v, struct kvm_cpuid_entry2 *e, u32 n)
{
	if (!entries_valid(e, n))
		return -EINVAL;
	/* A guest that has run has seen the old one: only the same again is fine. */
	if (v->has_run && !same_cpuid(v, e, n))
		return -EINVAL;
	plat_free(v->cpuid);
	v->cpuid = e;
	v->nr_cpuid = n;
	cpuid_changed(v);
	return 0;
}

long vcpu_set_cpuid2(void *obj, void *arg, u64 uarg)
{
	struct kvm_cpuid_entry2 *e;
	u32 n, i;
	int err;

	if (plat_copy_from_user(&n, uarg, sizeof(n)))
		return -EFAULT;
	if (n > MAX_CPUID_ENTRIES)
		return -E2BIG;
	e = plat_alloc(max(n, 1u) * sizeof(*e));
	if (!e)
		return -ENOMEM;
	err = plat_copy_from_user(e, uarg + sizeof(struct kvm_cpuid2), n * sizeof(*e));
	for (i = 0; !err && i < n; i++)
		memset(e[i].padding, 0, sizeof(e[i].padding));
	if (!err)
		err = replace_cpuid(obj, e, n);
	if (err)
		plat_free(e);
	return err;
}

long vcpu_set_cpuid(void *obj, void *arg, u64 uarg)
{
	struct kvm_cpuid_entry2 *e;
	struct kvm_cpuid_entry old;
	u32 n, i;
	int err = 0;

	if (plat_copy_from_user(&n, uarg, sizeof(n)))
		return -EFAULT;
	if (n > MAX_CPUID_ENTRIES)
		return -E2BIG;
	e = plat_alloc(max(n, 1u) * sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (i = 0; !err && i < n; i++) {
		err = plat_copy_from_user(&old, uarg + sizeof(struct kvm_cpuid) + i * sizeof(old),
					  sizeof(old));
		e[i] = (struct kvm_cpuid_entry2){
			.function = old.function, .eax = old.eax, .ebx = old.ebx,
			.ecx = old.ecx, .edx = old.edx,
		};
	}
	if (!err)
		err = replace_cpuid(obj, e, n);
	if (err)
		plat_free(e);
	return err;
}

long vcpu_get_cpuid2(void *obj, void *arg, u64 uarg)
{
	struct vcpu *v = obj;
	struct kvm_cpuid_entry2 e;
	u32 n, i;

	if (plat_copy_from_user(&n, uarg, sizeof(n)))
		return -EFAULT;
	if (n < v->nr_cpuid)
		return -E2BIG;
	for (i = 0; i < v->nr_cpuid; i++) {
		e = v->cpuid[i];
		make_dynamic(v, &e);
		if (plat_copy_to_user(uarg + sizeof(struct kvm_cpuid2) + i * sizeof(e), &e,
				      sizeof(e)))
			return -EFAULT;
	}
	return plat_copy_to_user(uarg, &v->nr_cpuid, sizeof(n));
}
