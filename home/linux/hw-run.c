// SPDX-License-Identifier: GPL-2.0
/*
 * Into the guest and back: every exit passes here twice, so what need not be
 * done each time is not. The kernel's part of it: nobody waits for the thread
 * (signals, the scheduler, its work), the guest's FPU is in the registers,
 * the processor's time is the guest's, and RCU knows that this processor holds
 * nothing of it.
 *
 * A kick: whoever wants the vCPU sets a request and then looks at in_guest
 * (core/vcpu.c); the IPI goes to the processor in thread_home's cpu. Here the
 * processor is written first and the requests are read last, with interrupts
 * off: either we see the request, or he sees the processor and his IPI ends
 * guest code at once.
 */
#include <linux/context_tracking.h>
#include <linux/cpumask.h>
#include <linux/entry-kvm.h>
#include <linux/hw_breakpoint.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/vtime.h>
#include <trace/events/ipi.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/mce.h>
#include <asm/spec-ctrl.h>
#include "plat.h"
#include "hw.h"
#include "hw-on.h"
#include "module.h"
#include "thread.h"
#include "compat.h"

/* ---- entering ---- */

/* When RCU was last told of a quiescent state here: more than once a tick is for nothing. */
static DEFINE_PER_CPU(unsigned long, rcu_told);

/* Where its tick never stops RCU has to be told; elsewhere hw_guest_begin does. */
static __always_inline void tell_rcu(void)
{
	if (!context_tracking_enabled_this_cpu() && __this_cpu_read(rcu_told) != jiffies) {
		__this_cpu_write(rcu_told, jiffies);
		compat_rcu_virt_note_context_switch();
	}
}

bool hw_guest_enter(struct vcpu *v, int *cpu)
{
	struct vcpu_head *head = vcpu_head(v);
	struct thread_home *h = thread_home(&head->thread);
	int here;

	preempt_disable();
	local_irq_disable();
	here = smp_processor_id();
	if (h->cpu != here) {
		WRITE_ONCE(h->cpu, here);
		smp_mb();
	}
	if (unlikely(READ_ONCE(head->requests) || __xfer_to_guest_mode_work_pending() ||
		     !__this_cpu_read(hw_on))) {
		local_irq_enable();
		preempt_enable();
		return false;
	}
	if (unlikely(test_thread_flag(TIF_NEED_FPU_LOAD)))
		switch_fpu_return();
	xfer_to_guest_mode_prepare();
	vtime_account_guest_enter();
	tell_rcu();
	*cpu = here;
	return true;
}

void noinstr hw_guest_begin_watched(void)
{
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();
	context_tracking_guest_enter();
	lockdep_hardirqs_on(CALLER_ADDR0);
}

void noinstr hw_guest_end_watched(void)
{
	lockdep_hardirqs_off(CALLER_ADDR0);
	context_tracking_guest_exit();
	instrumentation_begin();
	trace_hardirqs_off_finish();
	instrumentation_end();
}

void hw_guest_exit(struct vcpu *v)
{
	/* An exit leaves DR7 as after a reset, and DR0-3 may still be the guest's. */
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
	if (vtime_accounting_enabled_this_cpu()) {
		vtime_guest_exit(current);
		local_irq_enable();
	} else {
		/* The tick that ended guest code is the guest's. */
		local_irq_enable();
		current->flags &= ~PF_VCPU;
	}
	preempt_enable();
}

/*
 * The kernel's function for the work of a thread before guest code is KVM's
 * own: where a signal comes it fills the kvm_run and counts it in the
 * statistics of its struct kvm_vcpu. Ours is not that, and the core does both
 * itself; so it gets something to write to, whatever the struct looks like:
 * every word of it points to a page that nobody reads.
 */
#define SCAPEGOAT_SIZE SZ_64K
static void **scapegoat;
static void *unread_page;

void hw_guest_work(struct vcpu *v)
{
	/* The processor is on its way out, and the scheduler will take us off it. */
	if (unlikely(!raw_cpu_read(hw_on)))
		schedule_timeout_interruptible(1);
	/* A signal is vcpu_enter_guest's. */
	if (!signal_pending(current))
		xfer_to_guest_mode_handle_work((struct kvm_vcpu *)scapegoat);
}

int hw_run_init(void)
{
	size_t i;

	scapegoat = kvmalloc(SCAPEGOAT_SIZE, GFP_KERNEL);
	unread_page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!scapegoat || !unread_page) {
		hw_run_exit();
		return -ENOMEM;
	}
	for (i = 0; i < SCAPEGOAT_SIZE / sizeof(*scapegoat); i++)
		scapegoat[i] = unread_page;
	return 0;
}

void hw_run_exit(void)
{
	kvfree(scapegoat);
	free_page((unsigned long)unread_page);
}

/* ---- kicks ---- */

void hw_kick(struct vcpu *v)
{
	int cpu = READ_ONCE(vcpu_home(v)->cpu);

	/*
	 * An interrupt on its own processor has ended guest code already. With
	 * interrupts merely off there it may be the engine itself, about to enter
	 * for an instant.
	 */
	if ((cpu != get_cpu() || (irqs_disabled() && !in_hardirq())) && cpu_online(cpu))
		smp_send_reschedule(cpu);
	put_cpu();
}

static DEFINE_PER_CPU(struct cpumask, kick_mask);

static void out_of_guest(void *unused)
{
}

void hw_kick_all_wait(struct vm *vm)
{
	struct cpumask *mask;
	struct vcpu *v;
	u32 i;

	preempt_disable();
	mask = this_cpu_ptr(&kick_mask);
	cpumask_clear(mask);
	smp_mb();	/* what the caller changed, before in_guest */
	for (i = 0; (v = core_vm_vcpu(vm, i)); i++)
		if (READ_ONCE(vcpu_head(v)->in_guest))
			cpumask_set_cpu(READ_ONCE(vcpu_home(v)->cpu), mask);
	if (!cpumask_empty(mask))
		smp_call_function_many(mask, out_of_guest, NULL, true);
	preempt_enable();
}

/* ---- what the host had in the processor ---- */

void hw_machine_check(void)
{
#ifdef CONFIG_X86_MCE
	/* As if it had come in user mode: the guest's registers are not ours to look at. */
	struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

	do_machine_check(&regs);
#endif
}

u64 hw_spec_ctrl(void)
{
	return this_cpu_read(x86_spec_ctrl_current);
}

bool hw_ssbd_apart(void)
{
	return boot_cpu_has(X86_FEATURE_LS_CFG_SSBD) || boot_cpu_has(X86_FEATURE_VIRT_SSBD);
}

void hw_ssbd_guest(void)
{
	x86_virt_spec_ctrl(0, true);
}

void hw_ssbd_host(void)
{
	x86_virt_spec_ctrl(0, false);
}

void hw_ibpb(void)
{
	indirect_branch_prediction_barrier();
}
