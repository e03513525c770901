/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character back ends: where the bytes of a serial port or of a monitor go. -chardev makes them by
 * name; -serial, -monitor and their like by a word ("stdio", "file:PATH", "chardev:ID").
 */
#ifndef ANYKVM_HOST_CHARDEV_H
#define ANYKVM_HOST_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chardev;

/* --- for devices and monitors --- */

struct chardev_user {
	/* How many bytes can be taken now. */
	unsigned int (*room)(void *arg);
	void (*input)(void *arg, const uint8_t *data, unsigned int len);
	/* The back end can take output again after chardev_write() said 0. */
	void (*writable)(void *arg);
	/* These may be NULL. Somebody is at the other end, or no longer (once at the start, too). */
	void (*opened)(void *arg, bool on);
	/* Of several users of one back end (mux=on): what is typed comes here now, or no longer. */
	void (*focused)(void *arg, bool on);
	/* The other end sent a break. */
	void (*line_break)(void *arg);
};

/* Dies when somebody has it and it is not shared (mux=on). */
void chardev_attach(struct chardev *chr, const struct chardev_user *user, void *arg);
/* 1: taken. 0: full, ->writable() will be called. */
unsigned int chardev_write(struct chardev *chr, uint8_t byte);
/* There is room for input again. */
void chardev_input_ready(struct chardev *chr);
/* Of -chardev id=; NULL: none. */
struct chardev *chardev_find(const char *id);
const char *chardev_id(const struct chardev *chr);

/* --- for the machine --- */

/* Dies unless @spec is one that chardev_open() knows; opens nothing. @option is for messages. */
void chardev_check(const char *option, const char *spec);
/* One option has claimed the terminal already. */
bool chardev_stdio_taken(void);
/* @said ("-display curses") takes the terminal for itself; dies when somebody has it. */
void chardev_claim_stdio(const char *said);

/*
 * NULL for "none": the port itself is absent. @name is the id ("serial0") where @spec brings none.
 * @spec has gone through chardev_check() with this @option.
 */
struct chardev *chardev_open(const char *option, const char *spec, const char *name);
/* The word that made it asks for a monitor beside ("mon:stdio"). */
bool chardev_wants_monitor(const struct chardev *chr);
/* Begin to take input; the terminal becomes raw now. */
void chardev_start_all(void);

/* The user asked to quit with Ctrl-A x. */
extern void (*chardev_quit)(void);

/* --- for lists --- */

struct chardev *chardev_first(void);
struct chardev *chardev_next(struct chardev *chr);
bool chardev_is_open(const struct chardev *chr);		/* somebody has attached it */
void chardev_describe(const struct chardev *chr, char *buf, size_t len);	/* "pty:/dev/pts/3" */

/* What a ringbuf has kept; how many bytes came, -1: it is no ringbuf. */
long chardev_ringbuf_read(struct chardev *chr, uint8_t *data, size_t len);
long chardev_ringbuf_write(struct chardev *chr, const uint8_t *data, size_t len);

#endif
