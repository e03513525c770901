/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character back ends: where a serial port's bytes go, by the words of -serial.
 */
#ifndef ANYKVM_HOST_CHARDEV_H
#define ANYKVM_HOST_CHARDEV_H

struct chardev;

/* Dies unless @spec is one that chardev_open() knows; opens nothing. */
void chardev_check(const char *spec);
/* The same for all of them together: one terminal cannot serve two. */
void chardev_check_all(const char *const *specs, unsigned int n);

/* NULL for "none": the port itself is absent. @name is for messages ("serial0"). */
struct chardev *chardev_open(const char *spec, const char *name);
/* Begin to take input; the terminal becomes raw now. */
void chardev_start_all(void);

/* The user asked to quit with Ctrl-A x. */
extern void (*chardev_quit)(void);

#endif
