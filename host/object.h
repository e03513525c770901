/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * -object TYPE,id=NAME,...: things that are neither devices nor their back ends. A part that has a
 * type of them ends its file with OBJECT_REGISTER().
 */
#ifndef ANYKVM_HOST_OBJECT_H
#define ANYKVM_HOST_OBJECT_H

#include "host/keyval.h"

struct object_type {
	const char *name, *help;
	/* Words only; id= is taken already and no other object has it. @kv is ended by the caller. */
	void (*parse)(const char *id, struct keyval *kv);
};

#define OBJECT_REGISTER(type)							\
	static const struct object_type *const type##_registered		\
		__attribute__((used, section("anykvm_objects"))) = &(type)

#endif
