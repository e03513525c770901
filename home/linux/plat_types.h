/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's vocabulary for core/types.h: its own. Only small headers are
 * taken, for the core's files have names (struct x86_cpu) that are somebody
 * else's in the larger ones.
 */
#ifndef ANYKVM_PLAT_TYPES_H
#define ANYKVM_PLAT_TYPES_H

#include <linux/types.h>
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/page_types.h>

#include "probe.h"

/* Since then, the kernel's own copy of the ABI warns of a field that user space may change. */
#ifdef HAVE_KVM_RUN_UNSAFE
#define immediate_exit immediate_exit__unsafe
#endif

#endif
