/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between watch.c (which pages) and watch-protect.c (how). */
#ifndef ANYKVM_WATCH_H
#define ANYKVM_WATCH_H

#include "home.h"

#pragma GCC visibility push(hidden)

enum watch_method { UNDECIDED, UFFD, USER_UFFD, MPROTECT };

enum watch_method watch_choose(void); /* the watch lock is held */
void watch_method_forked(void);
int watch_uffd_register(u64 lo, u64 hi);
int watch_uffd_unregister(u64 lo, u64 hi);
int watch_uffd_protect(u64 addr, u64 len, bool on);
u64 watch_kernel_page_size(u64 addr); /* more than 4096 for hugetlb */
bool watch_in_region(u64 addr); /* some VM has memory there that was ever watched */

#pragma GCC visibility pop

#endif
