/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of a page of code, for tests of what happens to a guest's memory
 * while it runs. Flat 32-bit mode without paging: its addresses are the
 * guest's physical ones, so a slot comes and goes where the test says.
 */
#ifndef TESTS_MODULE_WALKER_H
#define TESTS_MODULE_WALKER_H

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CODE_AT 0x1000u
#define PAGES_AT 0x100000u
#define PORT_ROUND 0x10 /* a round is done: its number */
#define PORT_BAD 0x11 /* a page did not hold what it should: its address */

extern const char guest_walk[], guest_walk_end[];
extern const char guest_peek[], guest_peek_end[];

struct guest {
	int kvm, vm;
	char *mem; /* aligned as a huge page is */
	size_t size;
};

struct vcpu {
	struct guest *g;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	volatile bool stop;
	volatile uint32_t rounds, bad, bad_seen;
	uint64_t mmio_value; /* what a read outside of all slots gives */
	volatile unsigned long mmio;
};

/* TAP. */
extern int tap_failed;
void ok(bool good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int tap_end(void);
/* Give up: the rest means nothing without this. */
void need(bool good, const char *what);
double seconds(void);

/* Memory whose address is a multiple of a huge page's size. */
char *aligned(size_t size, int flags, int fd);
/* A guest with @size bytes in slot 0, from @mem or (NULL) its own anonymous memory. */
void guest_open(struct guest *g, size_t size, void *mem);
void guest_close(struct guest *g);
int guest_slot(struct guest *g, int slot, uint64_t at, size_t size, void *mem, int flags);
/* CPU @id, in flat mode at @code with ESI, EDI and EBX as its arguments. */
void vcpu_open(struct vcpu *v, struct guest *g, int id, const char *code, const char *end,
	       uint32_t esi, uint32_t edi, uint32_t ebx);
/* A thread of its own runs it until stop, a bad page or an exit that is not known. */
void vcpu_start(struct vcpu *v);
void vcpu_stop(struct vcpu *v);

#endif
