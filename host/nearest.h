/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The name, of those that exist, that is nearest to one that does not. */
#ifndef ANYKVM_HOST_NEAREST_H
#define ANYKVM_HOST_NEAREST_H

#include <stddef.h>

/* @n must not be 0. @word need not end with a NUL. */
const char *nearest(const char *word, size_t len, const char *const *names, size_t n);

#endif
