/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The preload shim: libc's names, before libc. Each does its little for a
 * descriptor or a path of ours and otherwise calls the next definition of the
 * same name, so errno, cancellation and whatever else libc does there stay.
 */
#ifndef ANYKVM_SHIM_H
#define ANYKVM_SHIM_H

#include <dlfcn.h>
#include <errno.h>
#include "home.h"

/* The next definition of a function, looked up once. */
#define REAL(name)                                                                   \
	({                                                                           \
		static __typeof__(&name) fn_;                                        \
		if (!READ_ONCE(fn_))                                                 \
			WRITE_ONCE(fn_, (__typeof__(&name))dlsym(RTLD_NEXT, #name)); \
		fn_;                                                                 \
	})

/* libc's result from -errno. */
static inline long shim_result(long ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

#endif
