/* SPDX-License-Identifier: GPL-2.0 */
/* Is virtualization on, on this processor? Interrupts are off. hw-cpu.c keeps it. */
#ifndef ANYKVM_HW_ON_H
#define ANYKVM_HW_ON_H

#include <linux/percpu.h>

DECLARE_PER_CPU(bool, hw_on);

#endif
