// SPDX-License-Identifier: GPL-2.0
/*
 * The processors of the host: virtualization is on where, and only where, a
 * guest may be entered.
 *
 * Processors come and go, the machine sleeps, reboots, or crashes into a kdump
 * kernel that wants them as they were. hw_on says of each whether it is on;
 * hw_guest_enter looks there with interrupts off, so a vCPU's thread that is
 * still about on a processor which has been turned off waits for the scheduler
 * to take it elsewhere.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <asm/msr.h>
#include <asm/reboot.h>
#include "plat.h"
#include "hw.h"
#include "hw-on.h"
#include "module.h"
#include "compat.h"

DEFINE_PER_CPU(bool, hw_on);

static const struct hw_cpu_ops *the_ops;
static int hotplug_state;

/* These three on the processor itself, interrupts off. */
static int turn_on(void)
{
	int err = __this_cpu_read(hw_on) ? 0 : the_ops->on();

	if (!err)
		__this_cpu_write(hw_on, true);
	return err;
}

static void turn_off(void *unused)
{
	if (!__this_cpu_read(hw_on))
		return;
	__this_cpu_write(hw_on, false);
	hw_user_msrs_restore();
	the_ops->off();
}

/* In an NMI of a crash: nothing of ours runs after it. */
static void emergency_off(void)
{
	turn_off(NULL);
}

static int cpu_up(unsigned int cpu)
{
	unsigned long flags;
	int err;

	local_irq_save(flags);
	err = turn_on();
	local_irq_restore(flags);
	return err;
}

static int cpu_down(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	turn_off(NULL);
	local_irq_restore(flags);
	return 0;
}

/* The last processor before the machine sleeps; the others have gone offline. */
static int going_to_sleep(COMPAT_SYSCORE_ARG)
{
	turn_off(NULL);
	return 0;
}

static void woken_up(COMPAT_SYSCORE_ARG)
{
	if (turn_on())
		pr_err("anykvm: the processor does not come back with virtualization\n");
}

static struct syscore_ops syscore_ops = {
	.suspend = going_to_sleep,
	.resume = woken_up,
};

static int rebooting(struct notifier_block *nb, unsigned long event, void *data)
{
	on_each_cpu(turn_off, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = rebooting,
};

int hw_enable(const struct hw_cpu_ops *ops)
{
	int err;

	the_ops = ops;
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "anykvm:online", cpu_up, cpu_down);
	if (err < 0)
		return err;
	hotplug_state = err;
	register_reboot_notifier(&reboot_notifier);
	compat_syscore(&syscore_ops, true);
	cpu_emergency_register_virt_callback(emergency_off);
	return 0;
}

void hw_disable(void)
{
	cpu_emergency_unregister_virt_callback(emergency_off);
	compat_syscore(&syscore_ops, false);
	unregister_reboot_notifier(&reboot_notifier);
	cpuhp_remove_state(hotplug_state);
}

int hw_this_cpu(void)
{
	return smp_processor_id();
}

int hw_nr_cpus(void)
{
	return nr_cpu_ids;
}

u64 hw_rdmsr(u32 index)
{
	return native_read_msr(index);
}

void hw_wrmsr(u32 index, u64 val)
{
	native_wrmsrl(index, val);
}

int hw_rdmsr_safe(u32 index, u64 *val)
{
	return rdmsrl_safe(index, val) ? -EIO : 0;
}

int hw_wrmsr_safe(u32 index, u64 val)
{
	return wrmsrl_safe(index, val) ? -EIO : 0;
}
