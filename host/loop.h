/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop: file descriptors and timers, run by the main thread under the machine lock.
 */
#ifndef ANYKVM_HOST_LOOP_H
#define ANYKVM_HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_fd {
	int fd;
	uint32_t events;	/* EPOLL*, as now asked for */
	void (*fn)(void *arg, uint32_t events);
	void *arg;
	uint32_t at;		/* the loop's own */
};

void loop_init(void);
/* False: this kind of file cannot be waited for (a regular file); treat it as always ready.
 * All of these are called with the machine lock held. */
int loop_add(struct loop_fd *lfd);
void loop_want(struct loop_fd *lfd, uint32_t events);
void loop_remove(struct loop_fd *lfd);

/* A function that runs once, in the event loop, before it waits again; asking twice is asking once. */
struct loop_hook {
	void (*fn)(void *arg);
	void *arg;
	struct loop_hook *next;
	bool pending;
};

/* From any thread that holds the machine lock. */
void loop_soon(struct loop_hook *hook);
void loop_not(struct loop_hook *hook);		/* do not, after all */

/* The loop waits: whoever asks is another thread. */
bool loop_waiting(void);

/* One turn: wait for something, do it. The lock is released only while waiting. */
void loop_turn(void);
/* Make a loop_turn() that waits return; from any thread. */
void loop_wake(void);

void machine_lock(void);
void machine_unlock(void);

#endif
