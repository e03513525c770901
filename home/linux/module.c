// SPDX-License-Identifier: GPL-2.0
/*
 * anykvm.ko: the core in its second home. Loading it asks the engine whether
 * this processor can, takes the name in /dev, and is done; the rest happens
 * when somebody opens that. Every file of ours holds the module, so it goes
 * when the last one has gone, and there is nothing left to wait for.
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <asm/cpu_device_id.h>
#include "core.h"
#include "module.h"

char device_name[32] = "kvm";
module_param_string(device, device_name, sizeof(device_name), 0444);
MODULE_PARM_DESC(device, "Name of the device in /dev (default: kvm)");

static int __init anykvm_init(void)
{
	int err;

	err = hw_run_init();
	if (err)
		return err;
	/* For good: turning them on patches the kernel's code on every processor. */
	preempt_notifier_inc();
	err = core_init(&svm_engine);
	if (err)
		goto no_engine;
	err = name_take();
	if (err)
		goto no_name;
	stats_init();
	pr_info("anykvm: /dev/%s on %s\n", device_name, svm_engine.name);
	return 0;

no_name:
	core_exit();
no_engine:
	preempt_notifier_dec();
	hw_run_exit();
	return err;
}

static void __exit anykvm_exit(void)
{
	name_give_back();
	stats_exit();
	core_exit();
	preempt_notifier_dec();
	hw_run_exit();
}

module_init(anykvm_init);
module_exit(anykvm_exit);

static const struct x86_cpu_id cpus[] = {
	X86_MATCH_FEATURE(X86_FEATURE_SVM, NULL),
	{}
};
MODULE_DEVICE_TABLE(x86cpu, cpus);
MODULE_LICENSE("GPL");
MODULE_VERSION(ANYKVM_VERSION);
MODULE_DESCRIPTION("Virtual machines: the KVM API over anykvm's core");
