// SPDX-License-Identifier: GPL-2.0
/*
 * The test bed's pin: the kernel's branch to preempt notifiers, switched on once, for good.
 *
 * Modules like KVM switch it when they are loaded and unloaded, or with their first and last VM.
 * Each time the kernel patches its scheduler, byte by byte, while the other processors run it, and
 * QEMU has a race there: a store into translated code drops the translation first and writes the
 * byte then, and a processor that translates in between keeps what was there before. If that is
 * the patch's INT3 it takes the exception for ever, and soon so does every processor. As long as
 * this module holds the branch nothing is patched. The machine loads it while one processor is on.
 *
 * It has no exit: it can not be unloaded.
 */
#include <linux/module.h>
#include <linux/preempt.h>

static int __init pin_init(void)
{
	preempt_notifier_inc();
	return 0;
}
module_init(pin_init);

MODULE_DESCRIPTION("Keeps the test machine's preempt notifiers on");
MODULE_LICENSE("GPL");
