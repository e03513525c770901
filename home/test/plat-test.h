/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The home of unit tests: plat.h on one thread, where time stands still until
 * the test moves it, and where any allocation and any access to guest memory
 * can be made to fail. A lock that is taken twice, a timer that is armed after
 * its end, a wait that nothing can end: each is a failed test, not a hang.
 */
#ifndef ANYKVM_PLAT_TEST_H
#define ANYKVM_PLAT_TEST_H

#include "plat.h"

/*
 * Back to the beginning: no failures, no files, no timers, time 1 s. Says (aborts) what the last
 * test left held.
 */
void test_home_reset(void);

/* ---- time ---- */

void test_advance(u64 ns); /* timers that fall due run, in order, each at its own time */
u64 test_next_timer(void); /* deadline, or ~0 */
extern u32 test_timers_fired;
extern u32 test_khz; /* plat_tsc_khz */

/* ---- failures ---- */

/*
 * The @k-th plat_alloc (shared and file creation too) from now fails, from 1; 0: none. Returns
 * how many there were since the last call.
 */
u64 test_fail_alloc(u64 k);
u64 test_allocs_live(void); /* allocated and not freed */
/* The @k-th access through plat_guest_* or plat_copy_* from now gives -EFAULT; 0: none. */
u64 test_fail_access(u64 k);
/* Host memory [lo, hi) has vanished. */
void test_vanish(const void *lo, const void *hi);

/* ---- the vCPU's thread ---- */

void test_signal(void); /* plat_signal_pending until the next plat_thread_enter */
extern u32 test_waits; /* plat_thread_wait that slept */
/* Called by plat_thread_wait when nothing is due: may wake, signal; NULL: a signal comes. */
extern void (*test_on_wait)(struct plat_thread *t);

/* ---- files ---- */

void *test_file_obj(int fd, enum plat_file_kind *kind); /* NULL: no such */
bool test_close(int fd); /* the last reference: release is called */
u32 test_files_open(void);

/* ---- eventfds: any fd of test_eventfd ---- */

int test_eventfd(void);
u64 test_eventfd_count(int fd); /* reads and clears */
void test_eventfd_write(int fd); /* the host program signals: a listener runs at once */
void test_eventfd_close(int fd); /* the host program's last descriptor: a listener is told */

/* ---- watches ---- */

bool test_watched(const void *host);
bool test_write_watched(const void *host); /* an outside write: vm_code_written if it is watched */

/* The last line of plat_log. */
extern char test_log[256];

#endif
