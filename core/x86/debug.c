/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Breakpoints and single steps, the guest's own and the host program's
 * debugger's (KVM_SET_GUEST_DEBUG). While the debugger uses hardware
 * breakpoints, its debug registers stand in place of the guest's
 * (SDM vol. 3, 17.2; Linux's virt/kvm/api, 4.88).
 */
#include "vcpu.h"

#define DR6_FIXED 0xffff0ff0ull

enum { RW_EXEC, RW_WRITE, RW_IO, RW_DATA };

const u64 *x86_effective_dr(const struct vcpu *v)
{
	return (v->guest_debug & KVM_GUESTDBG_USE_HW_BP) ? v->guest_debug_dr : v->cpu.dr;
}

/* Bits of DR6 for the enabled breakpoints whose R/W field is in @rw_mask and that touch [addr, addr+len). */
static u64 hits(const struct vcpu *v, u64 addr, u64 len, u32 rw_mask)
{
	static const u8 len_of[4] = { 1, 2, 8, 4 };
	const u64 *dr = x86_effective_dr(v);
	u64 dr7 = dr[7], found = 0;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		u32 field = (dr7 >> (16 + 4 * i)) & 15;
		u64 size = len_of[field >> 2];
		u64 at = dr[i] & ~(size - 1);

		if (!((dr7 >> (2 * i)) & 3) || !(rw_mask & BIT(field & 3)))
			continue;
		if (addr < at + size && at < addr + len)
			found |= BIT(i);
	}
	return found;
}

static bool armed(const struct vcpu *v, u32 rw_mask)
{
	u64 dr7 = x86_effective_dr(v)[7];
	unsigned int i;

	if (likely(!(dr7 & 0xff)))
		return false;
	for (i = 0; i < 4; i++)
		if (((dr7 >> (2 * i)) & 3) && (rw_mask & BIT((dr7 >> (16 + 4 * i)) & 3)))
			return true;
	return false;
}

bool x86_break_armed(const struct vcpu *v)
{
	return armed(v, BIT(RW_EXEC));
}

u64 x86_break_hits(const struct vcpu *v, u64 lin)
{
	return armed(v, BIT(RW_EXEC)) ? hits(v, lin, 1, BIT(RW_EXEC)) : 0;
}

bool x86_watch_armed(const struct vcpu *v)
{
	return armed(v, BIT(RW_WRITE) | BIT(RW_DATA));
}

bool x86_watch_page(const struct vcpu *v, u64 page)
{
	return x86_watch_armed(v) && hits(v, page, PAGE_SIZE, BIT(RW_WRITE) | BIT(RW_DATA));
}

u64 x86_watch_hits(const struct vcpu *v, u64 lin, u64 len, bool write)
{
	if (likely(!(x86_effective_dr(v)[7] & 0xff)))
		return 0;
	return hits(v, lin, len, BIT(RW_DATA) | (write ? BIT(RW_WRITE) : 0));
}

u64 x86_watch_io_hits(const struct vcpu *v, u16 port, u32 size)
{
	if (likely(!(x86_effective_dr(v)[7] & 0xff)) || !(v->cpu.cr4 & X86_CR4_DE))
		return 0;
	return hits(v, port, size, BIT(RW_IO));
}

bool vcpu_debug_stepping(const struct vcpu *v)
{
	return (v->guest_debug & KVM_GUESTDBG_ENABLE) &&
	       (v->guest_debug & KVM_GUESTDBG_SINGLESTEP);
}

bool vcpu_debug_exit(struct vcpu *v, u8 vector, u64 dr6, u64 pc)
{
	u64 want = vector == X86_EXC_BP ? KVM_GUESTDBG_USE_SW_BP :
					  KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP;
	struct kvm_run *run = v->run;

	if (!(v->guest_debug & KVM_GUESTDBG_ENABLE) || !(v->guest_debug & want))
		return false;
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch = (struct kvm_debug_exit_arch){
		.exception = vector,
		.pc = v->cpu.seg[X86_CS].base + pc,
	};
	if (x86_64bit(&v->cpu))
		run->debug.arch.pc = pc;
	if (vector == X86_EXC_DB) {
		run->debug.arch.dr6 = DR6_FIXED | dr6;
		run->debug.arch.dr7 = x86_effective_dr(v)[7];
	}
	return true;
}
