/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The KVM API over the test home, with an engine that only interprets: every
 * ioctl as a home would call it, on one thread.
 */
#ifndef CORE_ENV_H
#define CORE_ENV_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "core-int.h"
#include "plat-test.h"

#define RAM_SIZE 0x40000
#define CODE 0x1000

extern u8 *ram;			/* page-aligned, RAM_SIZE bytes, zeroed by begin() */
extern u32 engine_flushes, engine_kicks, engine_writes, engine_fpu_writes;
extern u32 engine_limit;	/* instructions in one run() before a signal comes; 0: none comes */
extern void (*engine_before_run)(struct vcpu *v);	/* NULL, or called as run() begins */
extern struct engine interpreter;	/* what it can is the test's to change */

/* TAP */
void ok_(bool cond, const char *name, const char *file, int line);
#define OK(cond, name) ok_(cond, name, __FILE__, __LINE__)
#define EQ(a, b, name) do {							\
	long long a_ = (a), b_ = (b);						\
	if (a_ != b_)								\
		printf("# %s: got %lld, want %lld\n", name, a_, b_);		\
	ok_(a_ == b_, name, __FILE__, __LINE__);				\
} while (0)

void env_start(void);
int tap_end(void);
void begin(void);			/* a clean home */
void end(const char *name);		/* nothing may be left: no allocation, no file */

long call(int fd, unsigned int cmd, u64 arg);
#define ioc(fd, cmd, arg) call(fd, cmd, (u64)(arg))

int open_vm(void);			/* system fd is closed at once */
int add_ram(int vm, u32 slot, u64 gpa, u64 size, u32 flags);
/*
 * A VM with RAM at 0, its first vCPU in real mode at CODE with @code there. Chips first
 * when @irqchip.
 */
struct box {
	int vm, cpu;
	struct vm *v;
	struct vcpu *c;
	struct kvm_run *run;
};
void box_open(struct box *b, bool irqchip, const void *code, size_t n);
void box_close(struct box *b);
void box_start(struct box *b, u16 ip);
struct kvm_regs box_regs(struct box *b);

void test_life(void);
void test_memory(void);
void test_dirty(void);
void test_run(void);
void test_state(void);
void test_irq(void);
void test_failures(void);
void test_tsc(void);
void test_async(void);

#endif
