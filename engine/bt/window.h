/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Windows: a hot guest program's memory through the host's own page tables.
 *
 * Each address space of the guest that has proved busy gets two spans of the
 * host's address space, where guest pages are mapped at a fixed distance from
 * their linear addresses. Generated code for such a program (BT_KEY_WINDOW)
 * adds that distance instead of asking the software TLB. What is not mapped
 * there faults, and goes the slow way, which maps it for the next time.
 *
 *   B  the top of user space: libraries, mmap, the stack
 *   A  placed around the first address that is not in B: program and heap
 *
 * Nothing is ever mapped within BT_WINDOW_EDGE of a window's ends. So once an
 * address is known to lie in the window, what lies within that distance of it
 * either is the right page or faults.
 */
#ifndef ANYKVM_BT_WINDOW_H
#define ANYKVM_BT_WINDOW_H

#include "bt.h"

enum bt_window { BT_WINDOW_A, BT_WINDOW_B, BT_WINDOW_COUNT };

#define BT_WINDOW_SHIFT 41
#define BT_WINDOW_SIZE (1ull << BT_WINDOW_SHIFT)
#define BT_WINDOW_EDGE (1ull << 36)

#endif
