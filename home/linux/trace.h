/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. System, names and fields are those that perf kvm, kvm_stat and
 * trace-cmd know, so they are not ours to choose; what the text says is.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#if !defined(ANYKVM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ANYKVM_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(kvm_entry,
	TP_PROTO(u32 vcpu, u64 pc),
	TP_ARGS(vcpu, pc),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, rip)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu;
		__entry->rip = pc;
	),
	TP_printk("vcpu %u rip %lx", __entry->vcpu_id, __entry->rip)
);

TRACE_EVENT(kvm_exit,
	TP_PROTO(u32 vcpu, u32 why, u64 pc, u32 vendor, u64 first, u64 second, u32 intr, u32 error),
	TP_ARGS(vcpu, why, pc, vendor, first, second, intr, error),
	TP_STRUCT__entry(
		__field(unsigned int, exit_reason)
		__field(unsigned long, guest_rip)
		__field(u32, isa)
		__field(u64, info1)
		__field(u64, info2)
		__field(u32, intr_info)
		__field(u32, error_code)
		__field(unsigned int, vcpu_id)
	),
	TP_fast_assign(
		__entry->exit_reason = why;
		__entry->guest_rip = pc;
		__entry->isa = vendor;
		__entry->info1 = first;
		__entry->info2 = second;
		__entry->intr_info = intr;
		__entry->error_code = error;
		__entry->vcpu_id = vcpu;
	),
	TP_printk("vcpu %u reason %x rip %lx info %llx %llx event %x error %x", __entry->vcpu_id,
		  __entry->exit_reason, __entry->guest_rip, __entry->info1, __entry->info2,
		  __entry->intr_info, __entry->error_code)
);

TRACE_EVENT(kvm_inj_virq,
	TP_PROTO(u32 irq, bool is_soft, bool again),
	TP_ARGS(irq, is_soft, again),
	TP_STRUCT__entry(
		__field(unsigned int, vector)
		__field(bool, soft)
		__field(bool, reinjected)
	),
	TP_fast_assign(
		__entry->vector = irq;
		__entry->soft = is_soft;
		__entry->reinjected = again;
	),
	TP_printk("vector %x%s%s", __entry->vector, __entry->soft ? " soft" : "",
		  __entry->reinjected ? " again" : "")
);

TRACE_EVENT(kvm_page_fault,
	TP_PROTO(u32 vcpu, u64 pc, u64 gpa, u64 error),
	TP_ARGS(vcpu, pc, gpa, error),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, guest_rip)
		__field(u64, fault_address)
		__field(u64, error_code)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu;
		__entry->guest_rip = pc;
		__entry->fault_address = gpa;
		__entry->error_code = error;
	),
	TP_printk("vcpu %u rip %lx address %llx error %llx", __entry->vcpu_id, __entry->guest_rip,
		  __entry->fault_address, __entry->error_code)
);

#define KVM_TRACE_MMIO_READ_UNSATISFIED 0
#define KVM_TRACE_MMIO_READ 1
#define KVM_TRACE_MMIO_WRITE 2

TRACE_EVENT(kvm_mmio,
	TP_PROTO(u32 direction, u32 size, u64 addr, u64 data),
	TP_ARGS(direction, size, addr, data),
	TP_STRUCT__entry(
		__field(u32, type)
		__field(u32, len)
		__field(u64, gpa)
		__field(u64, val)
	),
	TP_fast_assign(
		__entry->type = direction;
		__entry->len = size;
		__entry->gpa = addr;
		__entry->val = data;
	),
	TP_printk("%s gpa %llx len %u val %llx",
		  __entry->type == KVM_TRACE_MMIO_WRITE ? "write" :
		  __entry->type == KVM_TRACE_MMIO_READ ? "read" : "read, unanswered", __entry->gpa,
		  __entry->len, __entry->val)
);

TRACE_EVENT(kvm_pio,
	TP_PROTO(bool out, u16 number, u32 width, u32 times, u64 data),
	TP_ARGS(out, number, width, times, data),
	TP_STRUCT__entry(
		__field(unsigned int, rw)
		__field(unsigned int, port)
		__field(unsigned int, size)
		__field(unsigned int, count)
		__field(unsigned int, val)
	),
	TP_fast_assign(
		__entry->rw = out;
		__entry->port = number;
		__entry->size = width;
		__entry->count = times;
		__entry->val = data;
	),
	TP_printk("%s port %x size %u count %u val %x", __entry->rw ? "out" : "in", __entry->port,
		  __entry->size, __entry->count, __entry->val)
);

TRACE_EVENT(kvm_msr,
	TP_PROTO(bool wr, u32 index, u64 val, bool gp),
	TP_ARGS(wr, index, val, gp),
	TP_STRUCT__entry(
		__field(unsigned int, write)
		__field(u32, ecx)
		__field(u64, data)
		__field(u8, exception)
	),
	TP_fast_assign(
		__entry->write = wr;
		__entry->ecx = index;
		__entry->data = val;
		__entry->exception = gp;
	),
	TP_printk("%s %x val %llx%s", __entry->write ? "write" : "read", __entry->ecx,
		  __entry->data, __entry->exception ? " #GP" : "")
);

/* plat_trace: what the core says of its topics. */
#define NOTE_MAX 160
TRACE_EVENT(anykvm_note,
	TP_PROTO(const struct va_format *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__array(char, text, NOTE_MAX)
	),
	TP_fast_assign(
		snprintf(__entry->text, NOTE_MAX, "%pV", f);
	),
	TP_printk("%s", __entry->text)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
