/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -display curses, as display/options.c asks for it. */
#ifndef ANYKVM_HOST_DISPLAY_CURSES_H
#define ANYKVM_HOST_DISPLAY_CURSES_H

void curses_ask(void);
void curses_open(void);		/* dies without a terminal */
void curses_start(void);	/* the machine is built */

#endif
