/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The argument of an option: "virtio-blk-pci,drive=d0,serial=A,,B". A comma in a value is written
 * twice; a word without '=' is the option's first key where it stands first, and else KEY=on
 * (noKEY=off). Each take_*() takes a key out; what is left at the end is refused by name with the
 * nearest key that was asked for.
 */
#ifndef ANYKVM_HOST_KEYVAL_H
#define ANYKVM_HOST_KEYVAL_H

#include <stdbool.h>
#include <stdint.h>

struct keyval;

/* @option ("-drive") and @text are for messages and stay the caller's; dies when it is not one. */
struct keyval *keyval_parse(const char *option, const char *text, const char *first_key);
/* @text, or where it is JSON ("{...") the same in the form above, which lives for ever. */
const char *keyval_flat(const char *option, const char *text);
void keyval_free(struct keyval *kv);
/* In messages, @text stands for what was parsed: a short form that was made into a long one. */
void keyval_show(struct keyval *kv, const char *text);

/* The last value given, NULL when none was. Valid until keyval_free(). */
const char *keyval_take(struct keyval *kv, const char *key);
const char *keyval_need(struct keyval *kv, const char *key);	/* dies when it is missing */
bool keyval_take_bool(struct keyval *kv, const char *key, bool otherwise);
uint64_t keyval_take_u64(struct keyval *kv, const char *key, uint64_t otherwise, uint64_t min,
			 uint64_t max);
uint64_t keyval_take_size(struct keyval *kv, const char *key, uint64_t otherwise);
/* An index into @names, which end with NULL; @otherwise when not given. */
int keyval_take_enum(struct keyval *kv, const char *key, const char *const *names, int otherwise);
/* For keys that come several times (hostfwd=) or are only known later (properties): the @n-th that
 * is left; NULL at the end. */
const char *keyval_left(const struct keyval *kv, unsigned int n, const char **val);
const char *keyval_take_next(struct keyval *kv, const char *key);	/* the first left, in order */
/* Dies when something is left. Frees. */
void keyval_end(struct keyval *kv);
/* Dies with "-drive TEXT: " before the message. */
void keyval_die(const struct keyval *kv, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* The parsers behind them, for monitor and options: false when it is none. */
bool parse_bool(const char *s, bool *val);
bool parse_u64(const char *s, uint64_t *val);			/* decimal or 0x */
bool parse_size(const char *s, uint64_t unit, uint64_t *val);	/* 1.5G; @unit for a bare number */

#endif
