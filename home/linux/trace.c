// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints' one definition, and the engine's and the core's way to them:
 * hw.h asks the static key in line, so what nobody traces costs an instruction
 * that does nothing.
 */
#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include "core.h"
#include "hw.h"
#include "module.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define ISA_VMX 1
#define ISA_SVM 2

static u32 id(struct vcpu *v)
{
	return ((struct vcpu_head *)v)->id;
}

void hw_trace_entry_on(struct vcpu *v, u64 rip)
{
	trace_kvm_entry(id(v), rip);
}

void hw_trace_exit_on(struct vcpu *v, u32 reason, u64 rip, u64 info1, u64 info2, u32 intr_info,
		      u32 error)
{
	trace_kvm_exit(id(v), reason, rip, boot_cpu_has(X86_FEATURE_SVM) ? ISA_SVM : ISA_VMX,
		       info1, info2, intr_info, error);
}

void hw_trace_inject_on(struct vcpu *v, u32 vector, bool soft, bool again)
{
	trace_kvm_inj_virq(vector, soft, again);
}

void hw_trace_page_fault_on(struct vcpu *v, u64 rip, u64 gpa, u64 error)
{
	trace_kvm_page_fault(id(v), rip, gpa, error);
}

static u64 value(const void *val, u32 n)
{
	u64 v = 0;

	memcpy(&v, val, min(n, 8u));
	return v;
}

void plat_trace_mmio_on(bool write, u32 len, u64 gpa, const void *val)
{
	trace_kvm_mmio(!val ? KVM_TRACE_MMIO_READ_UNSATISFIED :
		       write ? KVM_TRACE_MMIO_WRITE : KVM_TRACE_MMIO_READ,
		       len, gpa, val ? value(val, len) : 0);
}

void plat_trace_pio_on(bool out, u16 port, u32 size, u32 count, const void *val)
{
	trace_kvm_pio(out, port, size, count, value(val, size));
}

void plat_trace_msr_on(bool write, u32 index, u64 val, bool gp)
{
	trace_kvm_msr(write, index, val, gp);
}

void trace_note(const struct va_format *f)
{
	trace_anykvm_note(f);
}
