// SPDX-License-Identifier: LGPL-2.1-or-later
/* See balloon.h. */
#include <stddef.h>

#include "host/balloon.h"

#define PAGE 4096u

static const struct balloon_user *user;
static void *user_arg;

void (*balloon_changed)(uint64_t pages);

const char *balloon_attach(const struct balloon_user *u, void *arg)
{
	if (user)
		return "a machine has one balloon, and this one has it already";
	user = u;
	user_arg = arg;
	return NULL;
}

void balloon_detach(void *arg)
{
	if (user_arg == arg)
		user = user_arg = NULL;
}

void balloon_report(uint64_t pages)
{
	if (balloon_changed)
		balloon_changed(pages);
}

bool balloon_there(void)
{
	return user;
}

const char *balloon_set(uint64_t ram, uint64_t keep)
{
	if (!user)
		return "there is no balloon device; give one with -device virtio-balloon-pci";
	if (!keep)
		return "the guest cannot do without all of its memory";
	user->set(user_arg, keep < ram ? (ram - keep) / PAGE : 0);
	return NULL;
}

uint64_t balloon_given(void)
{
	return user ? user->given(user_arg) : 0;
}

bool balloon_stat(enum balloon_stat stat, uint64_t *val, uint64_t *when)
{
	return user && user->stat(user_arg, stat, val, when);
}
