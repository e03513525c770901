/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that the guest lends back: between the one balloon device of a machine and the monitor.
 * In pages of 4 KiB. Everything under the machine lock.
 */
#ifndef ANYKVM_HOST_BALLOON_H
#define ANYKVM_HOST_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

/* What a guest tells of its memory, by the numbers of Virtio 1.2, section 5.5.6.3. */
enum balloon_stat {
	BALLOON_SWAP_IN, BALLOON_SWAP_OUT, BALLOON_MAJOR_FAULTS, BALLOON_MINOR_FAULTS,
	BALLOON_FREE, BALLOON_TOTAL, BALLOON_AVAILABLE, BALLOON_CACHES, BALLOON_HUGE_GIVEN,
	BALLOON_HUGE_FAILED, BALLOON_STATS
};

/* --- for the device --- */

struct balloon_user {
	void (*set)(void *arg, uint64_t pages);		/* the guest shall give so many */
	uint64_t (*given)(void *arg);			/* it has given so many */
	/* The last told, when (device_now()); false: it never told this one. */
	bool (*stat)(void *arg, enum balloon_stat stat, uint64_t *val, uint64_t *when);
};

/* NULL, or what is wrong. */
const char *balloon_attach(const struct balloon_user *user, void *arg);
void balloon_detach(void *arg);
/* The guest has given or taken back. */
void balloon_report(uint64_t pages);

/* --- for the monitor --- */

bool balloon_there(void);
/* NULL, or what is wrong. @keep: bytes that the guest shall have, of @ram. */
const char *balloon_set(uint64_t ram, uint64_t keep);
uint64_t balloon_given(void);				/* pages */
bool balloon_stat(enum balloon_stat stat, uint64_t *val, uint64_t *when);
/* Called with the number of pages that the guest has given when that changes. */
extern void (*balloon_changed)(uint64_t pages);

#endif
