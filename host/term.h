/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user's terminal: raw while the guest runs, as it was on every way out.
 */
#ifndef ANYKVM_HOST_TERM_H
#define ANYKVM_HOST_TERM_H

/* Put the terminal on @fd, if it is one, into raw mode. */
void term_raw(int fd);
void term_restore(void);
/* After a stop and a continue the shell has changed it. */
void term_again(void);
/* Restore it even when this process crashes. Call before an accelerator is opened. */
void term_guard(void);

#endif
