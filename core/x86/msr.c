/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * The table of model-specific registers: one row for each that a guest or a
 * host program may meet, in order of index. What has no row does not exist:
 * #GP for the guest, or an exit if the host program asked for those.
 *
 * Rows that read 0 and take a write without effect are registers that guests
 * touch on sight of the family number; stock KVM treats the same ones so.
 */
#include "core-int.h"
#include "x86/cpuid.h"
#include "x86/lapic.h"
#include "x86/msr.h"
#include "x86/pv.h"

/*
 * See "Speculation" in cpuid.c: RDCL_NO IBRS_ALL SKIP_L1DFL SSB_NO MDS_NO
 * PSCHANGE_MC_NO TAA_NO SBDR_SSDP_NO FBSDP_NO PSDP_NO BHI_NO PBRSB_NO GDS_NO
 * RFDS_NO ITS_NO.
 */
#define ARCH_CAPABILITIES                                                                        \
	(BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(3) | BIT_ULL(4) | BIT_ULL(5) | BIT_ULL(6) |           \
	 BIT_ULL(8) | BIT_ULL(13) | BIT_ULL(14) | BIT_ULL(15) | BIT_ULL(20) | BIT_ULL(24) |      \
	 BIT_ULL(26) | BIT_ULL(27) | BIT_ULL(62))

#define UCODE_REV_INTEL 0x100000000ull
#define UCODE_REV_AMD 0x01000065ull
#define DE_CFG_LFENCE_SERIALIZE BIT_ULL(1)
#define HWCR_MC_STATUS_WR_EN BIT_ULL(18)
#define HWCR_TSC_FREQ_SEL BIT_ULL(24)
#define MISC_ENABLE_PMU_RO (BIT_ULL(7) | BIT_ULL(11) | BIT_ULL(12))
/* fast strings, no BTS, no PEBS */
#define MISC_ENABLE_DEFAULT (BIT_ULL(0) | BIT_ULL(11) | BIT_ULL(12))

struct msr_row {
	u32 first, last;
	u8 flags;
	msr_get_fn *get;
	msr_set_fn *set;
	/* for plain_*: offset in struct x86_cpu or, PRIV, in struct vcpu_msrs */
	u16 field;
};

#define SAVE BIT(0)		/* in KVM_GET_MSR_INDEX_LIST */
#define FEATURE BIT(1)		/* in KVM_GET_MSR_FEATURE_INDEX_LIST */
#define CANON BIT(2)		/* a linear address: #GP unless canonical */
#define PRIV BIT(3)
#define SEGS BIT(4)		/* the engine has a copy */
#define STATE BIT(5)		/* of struct x86_cpu: see vcpu_state */

static const struct msr_row *find_row(u32 index);

static u64 *field_of(struct vcpu *v, const struct msr_row *r)
{
	u8 *base = (r->flags & PRIV) ? (u8 *)v->msrs : (u8 *)&v->cpu;

	return (u64 *)(base + r->field);
}

static int plain_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = *field_of(v, find_row(index));
	return 0;
}

static int plain_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	const struct msr_row *r = find_row(index);

	if ((r->flags & CANON) && !x86_canonical(val, v->cpu.linear_bits))
		return -EINVAL;
	*field_of(v, r) = val;
	if (r->flags & SEGS)
		v->vm->engine->mode_changed(v);
	return 0;
}

static int zero_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = 0;
	return 0;
}

static int ignore_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return 0;
}

static int only_zero_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return val ? -EINVAL : 0;
}

static int readonly_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return -EINVAL;
}

static int apic_base_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = v->apic_base;
	return 0;
}

static int apic_base_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return lapic_set_base(v, val, host);
}

static int x2apic_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	return lapic_msr_read(v, index, val);
}

static int x2apic_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return lapic_msr_write(v, index, val);
}

static int deadline_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = lapic_get_tsc_deadline(v);
	return 0;
}

static int deadline_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	lapic_set_tsc_deadline(v, val);
	return 0;
}

static int pv_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	return pv_get_msr(v, index, val, host);
}

static int pv_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return pv_set_msr(v, index, val, host);
}

static int efer_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return x86_set_efer_by(v, val, host);
}

/* Writes of an address that is not canonical are sign-extended, as AMD's processors do. */
static int sysenter_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	unsigned int up = 64 - v->cpu.linear_bits;

	*field_of(v, find_row(index)) = (u64)((s64)(val << up) >> up);
	return 0;
}

static int sysenter_cs_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	v->cpu.sysenter_cs = val & 0xffffffff;
	return 0;
}

static int sfmask_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	v->cpu.sfmask = val & 0xffffffff;
	return 0;
}

static bool has_tsc_aux(struct vcpu *v, bool host)
{
	return host || x86_guest_has(v, CPUID_RDTSCP) || x86_guest_has(v, CPUID_RDPID);
}

static int tsc_aux_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	if (!has_tsc_aux(v, host))
		return -EINVAL;
	*val = v->cpu.tsc_aux;
	return 0;
}

static int tsc_aux_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!has_tsc_aux(v, host) || (v->emu.vendor_intel && val >> 32))
		return -EINVAL;
	v->cpu.tsc_aux = val & 0xffffffff;
	return 0;
}

static bool has_spec_ctrl(struct vcpu *v, bool host)
{
	return host || x86_guest_has(v, CPUID_SPEC_CTRL) || x86_guest_has(v, CPUID_STIBP) ||
	       x86_guest_has(v, CPUID_SSBD) || x86_guest_has(v, CPUID_AMD_IBRS) ||
	       x86_guest_has(v, CPUID_AMD_STIBP) || x86_guest_has(v, CPUID_AMD_SSBD);
}

static int spec_ctrl_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = v->msrs->spec_ctrl;
	return has_spec_ctrl(v, host) ? 0 : -EINVAL;
}

static int spec_ctrl_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!has_spec_ctrl(v, host) || (val & ~7ull))	/* IBRS STIBP SSBD */
		return -EINVAL;
	v->msrs->spec_ctrl = val;
	return 0;
}

static int pred_cmd_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = 0;
	return host ? 0 : -EINVAL;	/* write-only */
}

static int pred_cmd_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!host && !x86_guest_has(v, CPUID_SPEC_CTRL) && !x86_guest_has(v, CPUID_AMD_IBPB))
		return -EINVAL;
	return (val & ~1ull) ? -EINVAL : 0;
}

static int arch_caps_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = v->msrs->arch_capabilities;
	return host || x86_guest_has(v, CPUID_ARCH_CAPABILITIES) ? 0 : -EINVAL;
}

static int arch_caps_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!host)
		return -EINVAL;
	v->msrs->arch_capabilities = val;
	return 0;
}

/* A guest that writes it only wants CPUID to fill it in. */
static int ucode_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (host)
		v->msrs->ucode_rev = val;
	return 0;
}

static int misc_enable_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!host && ((v->msrs->misc_enable ^ val) & MISC_ENABLE_PMU_RO))
		return -EINVAL;
	v->msrs->misc_enable = val;
	x86_mwait_changed(v);
	return 0;
}

/* CPUID faulting (bit 31) is not there to be announced; the rest is the host program's word. */
static int platform_info_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = v->msrs->platform_info;
	return host || !v->vm->no_platform_info ? 0 : -EINVAL;
}

static int platform_info_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	if (!host || val & BIT_ULL(31))
		return -EINVAL;
	v->msrs->platform_info = val;
	return 0;
}

/* No performance counters: the register is there for host programs that ask every feature MSR. */
static int perf_caps_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	*val = 0;
	return host ? 0 : -EINVAL;
}

static int perf_caps_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	return host && !val ? 0 : -EINVAL;
}

static int hwcr_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	/* no TLB cache, FFDIS, IGNNE: no effect */
	val &= ~(BIT_ULL(3) | BIT_ULL(6) | BIT_ULL(8));
	if (val & ~(HWCR_MC_STATUS_WR_EN | HWCR_TSC_FREQ_SEL))
		return -EINVAL;
	v->msrs->hwcr = val;
	return 0;
}

static int de_cfg_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	v->msrs->de_cfg = val & DE_CFG_LFENCE_SERIALIZE;
	return 0;
}

static int const_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	static const struct { u32 index; u64 val; } values[] = {
		{ 0x34, 0 },
		{ 0xcd, 3 },				/* FSB_FREQ: 100 MHz */
		{ 0x11e, 0xbe702111 },			/* BBL_CR_CTL3 */
		{ 0x198, 1000 | 4ull << 40 },		/* PERF_STATUS */
		{ 0xc001001b, 0x20000000 },		/* K7_CLK_CTL */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (values[i].index == index)
			*val = values[i].val;
	return 0;
}

#define CPU(f) offsetof(struct x86_cpu, f)
#define OWN(f) offsetof(struct vcpu_msrs, f)
#define ONE(i) (i), (i)

/* In order of index: find_row halves it. */
static const struct msr_row rows[] = {
	{ 0x0, 0x1, 0, zero_get, ignore_set, 0 },			/* P5 machine check */
	{ ONE(MSR_TSC), SAVE, tsc_get, tsc_set, 0 },
	{ 0x11, 0x12, 0, pv_get, pv_set, 0 },				/* old kvmclock */
	{ ONE(0x17), 0, zero_get, readonly_set, 0 },			/* PLATFORM_ID */
	{ ONE(MSR_APIC_BASE), 0, apic_base_get, apic_base_set, 0 },
	{ ONE(0x2a), 0, zero_get, ignore_set, 0 },			/* EBL_CR_POWERON */
	{ ONE(0x34), 0, const_get, readonly_set, 0 },			/* SMI_COUNT */
	{ ONE(MSR_TSC_ADJUST), SAVE, tsc_adjust_get, tsc_adjust_set, 0 },
	{ ONE(MSR_SPEC_CTRL), SAVE, spec_ctrl_get, spec_ctrl_set, 0 },
	{ ONE(MSR_PRED_CMD), 0, pred_cmd_get, pred_cmd_set, 0 },
	{ ONE(0x79), 0, zero_get, ignore_set, 0 },			/* microcode update */
	{ ONE(MSR_UCODE_REV), SAVE | FEATURE | PRIV, plain_get, ucode_set, OWN(ucode_rev) },
	{ 0xc1, 0xc2, 0, zero_get, ignore_set, 0 },			/* PERFCTR0, 1 */
	{ ONE(0xcd), 0, const_get, readonly_set, 0 },
	{ ONE(0xce), SAVE, platform_info_get, platform_info_set, 0 },
	{ ONE(MSR_MTRRCAP), 0, mtrr_get, readonly_set, 0 },
	{ ONE(MSR_ARCH_CAPABILITIES), SAVE | FEATURE, arch_caps_get, arch_caps_set, 0 },
	{ ONE(0x119), 0, zero_get, ignore_set, 0 },			/* BBL_CR_CTL */
	{ ONE(0x11e), 0, const_get, ignore_set, 0 },
	{ ONE(0x140), 0, zero_get, only_zero_set, 0 },			/* MISC_FEATURES_ENABLES */
	{ ONE(MSR_SYSENTER_CS), SAVE | STATE, plain_get, sysenter_cs_set, CPU(sysenter_cs) },
	{ ONE(MSR_SYSENTER_ESP), SAVE | STATE, plain_get, sysenter_set, CPU(sysenter_esp) },
	{ ONE(MSR_SYSENTER_EIP), SAVE | STATE, plain_get, sysenter_set, CPU(sysenter_eip) },
	{ ONE(MSR_MCG_CAP), 0, mce_get, readonly_set, 0 },
	{ MSR_MCG_STATUS, MSR_MCG_CTL, SAVE, mce_get, mce_set, 0 },
	{ 0x186, 0x187, 0, zero_get, ignore_set, 0 },			/* PERFEVTSEL0, 1 */
	{ ONE(0x198), 0, const_get, readonly_set, 0 },
	{ ONE(MSR_MISC_ENABLE), SAVE | PRIV, plain_get, misc_enable_set, OWN(misc_enable) },
	{ ONE(0x1d9), 0, zero_get, only_zero_set, 0 },			/* DEBUGCTL */
	/* last branch, last interrupt */
	{ 0x1db, 0x1de, 0, zero_get, readonly_set, 0 },
	{ ONE(0x1fc), PRIV, plain_get, plain_set, OWN(power_ctl) },
	{ 0x200, 0x200 + 2 * MTRR_VARIABLE - 1, 0, mtrr_get, mtrr_set, 0 },
	{ ONE(0x250), 0, mtrr_get, mtrr_set, 0 },
	{ 0x258, 0x259, 0, mtrr_get, mtrr_set, 0 },
	{ 0x268, 0x26f, 0, mtrr_get, mtrr_set, 0 },
	{ ONE(MSR_PAT), SAVE | STATE, pat_get, pat_set, 0 },
	{ ONE(MSR_MTRR_DEFTYPE), 0, mtrr_get, mtrr_set, 0 },
	{ ONE(MSR_PERF_CAPABILITIES), FEATURE, perf_caps_get, perf_caps_set, 0 },
	{ MSR_MC0_CTL, MSR_MC0_CTL + 4 * MCE_MAX_BANKS - 1, 0, mce_get, mce_set, 0 },
	{ ONE(0x606), 0, zero_get, readonly_set, 0 },			/* RAPL */
	{ 0x610, 0x611, 0, zero_get, readonly_set, 0 },
	{ ONE(0x619), 0, zero_get, readonly_set, 0 },
	{ ONE(0x639), 0, zero_get, readonly_set, 0 },
	{ ONE(0x641), 0, zero_get, readonly_set, 0 },
	{ ONE(MSR_TSC_DEADLINE), SAVE, deadline_get, deadline_set, 0 },
	{ MSR_X2APIC_FIRST, MSR_X2APIC_LAST, 0, x2apic_get, x2apic_set, 0 },
	{ 0x4b564d00, 0x4b564dff, 0, pv_get, pv_set, 0 },
	{ ONE(MSR_EFER), STATE, plain_get, efer_set, CPU(efer) },
	{ ONE(MSR_STAR), SAVE | STATE, plain_get, plain_set, CPU(star) },
	{ ONE(MSR_LSTAR), SAVE | CANON | STATE, plain_get, plain_set, CPU(lstar) },
	{ ONE(MSR_CSTAR), SAVE | CANON | STATE, plain_get, plain_set, CPU(cstar) },
	{ ONE(MSR_SFMASK), SAVE | STATE, plain_get, sfmask_set, CPU(sfmask) },
	{ ONE(MSR_FS_BASE), CANON | SEGS | STATE, plain_get, plain_set, CPU(seg[X86_FS].base) },
	{ ONE(MSR_GS_BASE), CANON | SEGS | STATE, plain_get, plain_set, CPU(seg[X86_GS].base) },
	{ ONE(MSR_KERNEL_GS_BASE), SAVE | CANON | STATE, plain_get, plain_set, CPU(kernel_gs_base) },
	{ ONE(MSR_TSC_AUX), SAVE, tsc_aux_get, tsc_aux_set, 0 },
	{ 0xc0010000, 0xc0010007, 0, zero_get, ignore_set, 0 },		/* K7 PERFEVTSEL, PERFCTR */
	{ ONE(0xc0010010), 0, zero_get, ignore_set, 0 },		/* SYSCFG */
	{ ONE(MSR_HWCR), SAVE | PRIV, plain_get, hwcr_set, OWN(hwcr) },
	{ ONE(0xc001001b), 0, const_get, ignore_set, 0 },
	{ ONE(0xc001001f), 0, zero_get, ignore_set, 0 },		/* NB_CFG */
	{ ONE(0xc0010020), 0, zero_get, ignore_set, 0 },		/* PATCH_LOADER */
	{ ONE(0xc0010055), 0, zero_get, ignore_set, 0 },		/* INT_PENDING_MSG */
	{ ONE(0xc0010058), 0, zero_get, only_zero_set, 0 },		/* MMIO_CONF_BASE */
	{ 0xc0010112, 0xc0010113, 0, zero_get, ignore_set, 0 },		/* TSEG */
	{ ONE(0xc0010114), 0, zero_get, ignore_set, 0 },		/* VM_CR: no SVM */
	/* F15h PERF_CTL, PERF_CTR */
	{ 0xc0010200, 0xc001020b, 0, zero_get, ignore_set, 0 },
	{ 0xc0011020, 0xc0011022, 0, zero_get, ignore_set, 0 },		/* LS_CFG IC_CFG DC_CFG */
	{ ONE(MSR_DE_CFG), FEATURE | PRIV, plain_get, de_cfg_set, OWN(de_cfg) },
	{ ONE(0xc001102a), 0, zero_get, ignore_set, 0 },		/* BU_CFG2 */
};

_Static_assert(ARRAY_SIZE(rows) <= 256, "row_hint");

/* Guests ask for the same few again and again. */
static const struct msr_row *find_again(struct vcpu *v, u32 index)
{
	u8 *hint = &v->msrs->row_hint[index % ARRAY_SIZE(v->msrs->row_hint)];
	const struct msr_row *r = &rows[*hint];

	if (likely(index >= r->first && index <= r->last))
		return r;
	r = find_row(index);
	if (r)
		*hint = r - rows;
	return r;
}

static const struct msr_row *find_row(u32 index)
{
	u32 lo = 0, hi = ARRAY_SIZE(rows), mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (index < rows[mid].first)
			hi = mid;
		else if (index > rows[mid].last)
			lo = mid + 1;
		else
			return &rows[mid];
	}
	return NULL;
}

int msr_get(struct vcpu *v, u32 index, u64 *val, bool host)
{
	const struct msr_row *r = find_again(v, index);

	*val = 0;
	if (r && (r->flags & STATE))
		vcpu_state(v);
	return r ? r->get(v, index, val, host) : -ENOENT;
}

int msr_set(struct vcpu *v, u32 index, u64 val, bool host)
{
	const struct msr_row *r = find_again(v, index);

	if (r && (r->flags & STATE))
		vcpu_state(v);
	return r ? r->set(v, index, val, host) : -ENOENT;
}

int x86_get_msr(struct vcpu *v, u32 index, u64 *val, bool host)
{
	return msr_get(v, index, val, host) ? -EINVAL : 0;
}

int x86_set_msr(struct vcpu *v, u32 index, u64 val, bool host)
{
	return msr_set(v, index, val, host) ? -EINVAL : 0;
}

bool msr_listed(u32 n, bool feature, u32 *index)
{
	const u32 flag = feature ? FEATURE : SAVE;
	const u32 *pv;
	u32 i, k, nr;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!(rows[i].flags & flag))
			continue;
		k = rows[i].last - rows[i].first + 1;
		if (n < k) {
			*index = rows[i].first + n;
			return true;
		}
		n -= k;
	}
	pv = pv_msr_list(&nr);
	if (feature || n >= nr)
		return false;
	*index = pv[n];
	return true;
}

static u64 default_ucode(void)
{
	u32 r[4];

	plat_cpuid(0, 0, r);
	return r[REG_EBX] == 0x756e6547 ? UCODE_REV_INTEL : UCODE_REV_AMD;
}

int msr_feature(u32 index, u64 *val)
{
	switch (index) {
	case MSR_ARCH_CAPABILITIES:
		*val = ARCH_CAPABILITIES;
		return 0;
	case MSR_UCODE_REV:
		*val = default_ucode();
		return 0;
	case MSR_PERF_CAPABILITIES:
		*val = 0;
		return 0;
	case MSR_DE_CFG:
		*val = DE_CFG_LFENCE_SERIALIZE;
		return 0;
	default:
		return -EINVAL;
	}
}

int x86_msrs_create(struct vcpu *v)
{
	v->msrs = plat_alloc(sizeof(*v->msrs));
	return v->msrs ? 0 : -ENOMEM;
}

void x86_msrs_destroy(struct vcpu *v)
{
	plat_free(v->msrs);
	v->msrs = NULL;
}

/* INIT leaves MSRs alone, but for EFER, which x86_vcpu_reset sees to (APM vol. 2, 14.1.3). */
void x86_msrs_reset(struct vcpu *v, bool init)
{
	struct vcpu_msrs *m = v->msrs;

	if (init)
		return;
	m->misc_enable = MISC_ENABLE_DEFAULT;
	m->hwcr = HWCR_TSC_FREQ_SEL;	/* the TSC runs at the P0 frequency */
	m->arch_capabilities = ARCH_CAPABILITIES;
	m->ucode_rev = default_ucode();
	m->de_cfg = DE_CFG_LFENCE_SERIALIZE;
	m->mcg_cap = 32;
	mtrr_reset(v);
}
