/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character back ends: where a serial port's bytes go, by the words of -serial.
 */
#ifndef ANYKVM_HOST_CHARDEV_H
#define ANYKVM_HOST_CHARDEV_H

#include <stdint.h>

struct chardev;

/* --- for devices --- */

struct chardev_user {
	/* How many bytes can be taken now. */
	unsigned int (*room)(void *arg);
	void (*input)(void *arg, const uint8_t *data, unsigned int len);
	/* The back end can take output again after chardev_write() said 0. */
	void (*writable)(void *arg);
};

void chardev_attach(struct chardev *chr, const struct chardev_user *user, void *arg);
/* 1: taken. 0: full, ->writable() will be called. */
unsigned int chardev_write(struct chardev *chr, uint8_t byte);
/* There is room for input again. */
void chardev_input_ready(struct chardev *chr);
/* Of -chardev id=; NULL: none. */
struct chardev *chardev_find(const char *id);

/* --- for the machine --- */

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
